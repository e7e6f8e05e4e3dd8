#include "ops/cli/policy_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "proto/digest.h"
#include "proto/doc.h"

#define ARENA_BYTES                                                                                \
    ((size_t)256 << 20) /* Far above what 1 MiB of policy compiles to; costs what is touched. */

struct sunder_policy_file {
    void *memory;
    struct sunder_arena arena;
    struct sunder_complaints complaints;
    struct sunder_policy *policy;
};

static enum sunder_err failed(
    struct sunder_fail *reterr_fail, enum sunder_err code, const char *path, const char *why)
{
    reterr_fail->code = code;
    reterr_fail->vendor = errno;
    snprintf(reterr_fail->text, sizeof(reterr_fail->text), "%.160s: %.70s", path, why);
    return code;
}

/* Reads a whole file of at most SUNDER_POLICY_BYTES_MAX bytes. */
static enum sunder_err text_read(
    const char *path, char **ret_text, uint32_t *ret_len, struct sunder_fail *reterr_fail)
{
    FILE *file = fopen(path, "re");
    char *text = malloc(SUNDER_POLICY_BYTES_MAX + 1);
    enum sunder_err err = SUNDER_OK;
    size_t len = 0;
    if (file == NULL || text == NULL) {
        err = failed(reterr_fail, SUNDER_ERR_IO, path, strerror(errno));
    } else {
        len = fread(text, 1, SUNDER_POLICY_BYTES_MAX + 1, file);
        if (ferror(file) != 0) {
            err = failed(reterr_fail, SUNDER_ERR_IO, path, strerror(errno));
        } else if (len > SUNDER_POLICY_BYTES_MAX) {
            err = failed(reterr_fail, SUNDER_ERR_FULL, path, "a policy has at most 1 MiB");
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    if (err != SUNDER_OK) {
        free(text);
        return err;
    }
    *ret_text = text;
    *ret_len = (uint32_t)len;
    return SUNDER_OK;
}

/* What the YAML parser says becomes a complaint like those of the compiler. */
static enum sunder_err complain(struct sunder_policy_file *file, const struct sunder_doc_fail *fail)
{
    struct sunder_str text = sunder_str_copy(&file->arena, sunder_str_of(fail->text));
    file->complaints.at[file->complaints.count++] = (struct sunder_complaint){
        .level = SUNDER_COMPLAINT_ERROR, .line = fail->line, .column = fail->column, .text = text};
    file->complaints.errors += 1;
    return SUNDER_ERR_INVALID;
}

static enum sunder_err compile(struct sunder_policy_file *file, struct sunder_str text)
{
    struct sunder_sha256 *sha256 = NULL;
    enum sunder_err err = sunder_sha256_create(&sha256);
    if (err != SUNDER_OK) {
        return err;
    }
    struct sunder_digest digest = sunder_sha256_of(sha256, text);
    sunder_sha256_destroy(&sha256);
    struct sunder_doc root = {0};
    struct sunder_doc_fail fail = {0};
    err = sunder_doc_parse(text, &file->arena, &root, &fail);
    if (err != SUNDER_OK) {
        return complain(file, &fail);
    }
    return sunder_policy_compile(&root, digest, &file->arena, &file->complaints, &file->policy);
}

enum sunder_err sunder_policy_file_of(
    struct sunder_str text, struct sunder_policy_file **ret_file, struct sunder_fail *reterr_fail)
{
    struct sunder_policy_file *file = calloc(1, sizeof(*file));
    void *memory = mmap(NULL,
        ARENA_BYTES,
        PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
        -1,
        0);
    if (file == NULL || memory == MAP_FAILED) {
        free(file);
        return failed(reterr_fail, SUNDER_ERR_FULL, "policy", "no memory");
    }
    file->memory = memory;
    file->arena = sunder_arena_of(memory, ARENA_BYTES);
    enum sunder_err err = compile(file, text);
    if (err != SUNDER_OK && err != SUNDER_ERR_INVALID) {
        sunder_policy_file_destroy(&file);
        return failed(reterr_fail, err, "policy", sunder_err_text(err));
    }
    *ret_file = file;
    return err;
}

enum sunder_err sunder_policy_file_open(
    const char *path, struct sunder_policy_file **ret_file, struct sunder_fail *reterr_fail)
{
    char *text = NULL;
    uint32_t len = 0;
    enum sunder_err err = text_read(path, &text, &len, reterr_fail);
    if (err != SUNDER_OK) {
        return err;
    }
    struct sunder_policy_file *file = NULL;
    err = sunder_policy_file_of((struct sunder_str){text, len}, &file, reterr_fail);
    free(text); /* The tree holds copies. */
    if (file != NULL) {
        *ret_file = file;
    }
    return err;
}

const struct sunder_policy *sunder_policy_file_policy(const struct sunder_policy_file *file)
{
    return file->policy;
}

const struct sunder_complaints *sunder_policy_file_complaints(const struct sunder_policy_file *file)
{
    return &file->complaints;
}

void sunder_policy_file_destroy(struct sunder_policy_file **file)
{
    if (file == NULL || *file == NULL) {
        return;
    }
    if ((*file)->memory != NULL) {
        munmap((*file)->memory, ARENA_BYTES);
    }
    free(*file);
    *file = NULL;
}

enum sunder_exit sunder_policy_file_need(const char *path, struct sunder_policy_file **ret_file)
{
    struct sunder_policy_file *file = NULL;
    struct sunder_fail fail;
    enum sunder_err err = sunder_policy_file_open(path, &file, &fail);
    if (err == SUNDER_OK) {
        *ret_file = file;
        return SUNDER_EXIT_OK;
    }
    if (file == NULL) {
        sunder_cli_complain("%s", fail.text);
        bool forbidden = err == SUNDER_ERR_IO && (fail.vendor == EACCES || fail.vendor == EPERM);
        return forbidden ? SUNDER_EXIT_PERMISSION : SUNDER_EXIT_CONFIGURATION;
    }
    sunder_policy_file_print(stderr, path, sunder_policy_file_complaints(file));
    sunder_policy_file_destroy(&file);
    return SUNDER_EXIT_CONFIGURATION;
}
