#include "consumers/policy_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/limits.h"
#include "proto/digest.h"
#include "proto/doc.h"
#include "proto/regex.h"

#define ARENA_BYTES                                                                                \
    (64u * 1024 * 1024) /* The largest policy takes about 20; what is not touched costs nothing. */

struct sunder_policy_load {
    void *memory;
    char *bytes;
    struct sunder_regex_set *patterns;
    struct sunder_complaints complaints;
    struct sunder_policy *policy;
};

static enum sunder_err fail_io(const char *path, struct sunder_fail *reterr_fail)
{
    *reterr_fail = (struct sunder_fail){.code = SUNDER_ERR_IO, .vendor = errno};
    (void)snprintf(
        reterr_fail->text, sizeof reterr_fail->text, "%.160s: %s", path, strerror(errno));
    return SUNDER_ERR_IO;
}

static enum sunder_err read_file(const char *path,
    struct sunder_policy_load *load,
    uint32_t *ret_len,
    struct sunder_fail *reterr_fail)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return fail_io(path, reterr_fail);
    }
    size_t len = fread(load->bytes, 1, SUNDER_POLICY_BYTES_MAX + 1, file);
    bool failed = ferror(file) != 0;
    enum sunder_err err = failed ? fail_io(path, reterr_fail) : SUNDER_OK;
    (void)fclose(file);
    if (err == SUNDER_OK && len > SUNDER_POLICY_BYTES_MAX) {
        *reterr_fail = (struct sunder_fail){.code = SUNDER_ERR_FULL};
        (void)snprintf(reterr_fail->text,
            sizeof reterr_fail->text,
            "%.160s has more than %d bytes",
            path,
            SUNDER_POLICY_BYTES_MAX);
        return SUNDER_ERR_FULL;
    }
    *ret_len = (uint32_t)len;
    return err;
}

static bool is_blank(struct sunder_str text)
{
    uint32_t i = 0;
    while (i < text.len && (text.at[i] == ' ' || text.at[i] == '\n' || text.at[i] == '\r')) {
        i += 1;
    }
    return i == text.len;
}

static enum sunder_err compile(
    struct sunder_policy_load *load, struct sunder_str text, struct sunder_digest digest)
{
    struct sunder_arena arena = sunder_arena_of(load->memory, ARENA_BYTES);
    struct sunder_doc *root = SUNDER_ARENA_NEW(&arena, struct sunder_doc, 1);
    struct sunder_doc_fail fail = {0};
    enum sunder_err err = sunder_doc_parse(text, &arena, root, &fail);
    if (err != SUNDER_OK && is_blank(text)) { /* Somebody begins. */
        snprintf(fail.text,
            sizeof fail.text,
            "the policy is empty: it begins with `sunder: 1` and a `name`, and has a `catalogue` "
            "of "
            "acts and `rules`; ops/policies has some to start from");
    }
    if (err != SUNDER_OK) {
        char *copy = sunder_arena_alloc(&arena, sizeof fail.text, 1);
        if (copy != NULL) {
            memcpy(copy, fail.text, sizeof fail.text);
        }
        load->complaints.at[0] = (struct sunder_complaint){.level = SUNDER_COMPLAINT_ERROR,
            .code = SUNDER_COMPLAINT_CODE_YAML,
            .line = fail.line,
            .column = fail.column,
            .text = copy == NULL ? SUNDER_STR("too large") : sunder_str_of(copy)};
        load->complaints.count = 1;
        load->complaints.errors = 1;
        return SUNDER_ERR_INVALID;
    }
    const struct sunder_policy_source source = {
        .root = root, .digest = digest, .regex = sunder_regex_port(load->patterns)};
    return sunder_policy_compile(&source, &arena, &load->complaints, &load->policy);
}

static enum sunder_err create(struct sunder_policy_load **ret_load, struct sunder_fail *reterr_fail)
{
    struct sunder_policy_load *load = calloc(1, sizeof *load);
    if (load != NULL) {
        load->memory = malloc(ARENA_BYTES);
        load->bytes = malloc(SUNDER_POLICY_BYTES_MAX + 1);
    }
    bool ok = load != NULL && load->memory != NULL && load->bytes != NULL &&
              sunder_regex_set_create(&load->patterns) == SUNDER_OK;
    if (!ok) {
        sunder_policy_load_destroy(&load);
        *reterr_fail =
            (struct sunder_fail){.code = SUNDER_ERR_FULL, .text = "no memory for the policy"};
        return SUNDER_ERR_FULL;
    }
    *ret_load = load;
    return SUNDER_OK;
}

/* Takes the load; gives it on when it is of use. */
static enum sunder_err finish(struct sunder_policy_load *load,
    const char *path,
    struct sunder_str text,
    struct sunder_policy_load **ret_load,
    struct sunder_fail *reterr_fail)
{
    struct sunder_sha256 *sha256 = NULL;
    enum sunder_err err = sunder_sha256_create(&sha256);
    if (err == SUNDER_OK) {
        err = compile(load, text, sunder_sha256_of(sha256, text));
    }
    sunder_sha256_destroy(&sha256);
    if (err == SUNDER_ERR_FULL) {
        *reterr_fail = (struct sunder_fail){.code = err};
        (void)snprintf(reterr_fail->text,
            sizeof reterr_fail->text,
            "%.160s needs more memory than the %u MiB that a policy may take",
            path,
            ARENA_BYTES >> 20);
    } else if (err != SUNDER_OK) {
        *reterr_fail = (struct sunder_fail){.code = err};
        (void)snprintf(reterr_fail->text,
            sizeof reterr_fail->text,
            "%.160s: %u errors",
            path,
            load->complaints.errors);
    }
    if (err == SUNDER_OK || err == SUNDER_ERR_INVALID) {
        *ret_load = load;
    } else {
        sunder_policy_load_destroy(&load);
    }
    return err;
}

enum sunder_err sunder_policy_load(
    const char *path, struct sunder_policy_load **ret_load, struct sunder_fail *reterr_fail)
{
    struct sunder_policy_load *load = NULL;
    uint32_t len = 0;
    enum sunder_err err = create(&load, reterr_fail);
    if (err == SUNDER_OK) {
        err = read_file(path, load, &len, reterr_fail);
    }
    if (err != SUNDER_OK) {
        sunder_policy_load_destroy(&load);
        return err;
    }
    return finish(load, path, (struct sunder_str){load->bytes, len}, ret_load, reterr_fail);
}

enum sunder_err sunder_policy_load_text(
    struct sunder_str text, struct sunder_policy_load **ret_load, struct sunder_fail *reterr_fail)
{
    struct sunder_policy_load *load = NULL;
    enum sunder_err err = create(&load, reterr_fail);
    return err == SUNDER_OK ? finish(load, "the policy", text, ret_load, reterr_fail) : err;
}

const struct sunder_policy *sunder_policy_load_policy(const struct sunder_policy_load *load)
{
    return load->policy;
}

const struct sunder_complaints *sunder_policy_load_complaints(const struct sunder_policy_load *load)
{
    return &load->complaints;
}

void sunder_policy_load_watch(
    struct sunder_policy_load *load, const struct sunder_expr_watch *watch)
{
    load->policy->watch = watch;
}

void sunder_policy_load_destroy(struct sunder_policy_load **load_at)
{
    struct sunder_policy_load *load = *load_at;
    if (load == NULL) {
        return;
    }
    *load_at = NULL;
    sunder_regex_set_destroy(&load->patterns);
    free(load->memory);
    free(load->bytes);
    free(load);
}
