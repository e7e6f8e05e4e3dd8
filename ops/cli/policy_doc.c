#include "ops/cli/policy_doc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/file_text.h"
#include "proto/doc.h"

#define ARENA_BYTES ((size_t)64 << 20) /* What is not touched costs nothing. */

struct sunder_policy_doc {
    char *text;
    uint32_t len;
    void *memory;
    struct sunder_doc root;
};

enum sunder_err sunder_policy_doc_open(
    const char *path, struct sunder_policy_doc **ret_doc, struct sunder_fail *reterr_fail)
{
    *reterr_fail = (struct sunder_fail){.code = SUNDER_ERR_FULL, .text = "no memory"};
    struct sunder_policy_doc *doc = calloc(1, sizeof(*doc));
    if (doc == NULL) {
        return SUNDER_ERR_FULL;
    }
    enum sunder_err err =
        sunder_file_text_read(path, SUNDER_DOC_BYTES_MAX, &doc->text, &doc->len, reterr_fail);
    doc->memory = malloc(ARENA_BYTES);
    if (err == SUNDER_OK && doc->memory == NULL) {
        err = SUNDER_ERR_FULL;
    }
    if (err == SUNDER_OK) {
        struct sunder_arena arena = sunder_arena_of(doc->memory, ARENA_BYTES);
        struct sunder_doc_fail why = {0};
        struct sunder_str text = {doc->text, doc->len};
        if (sunder_doc_parse(text, &arena, &doc->root, &why) != SUNDER_OK) {
            err = SUNDER_ERR_INVALID;
            *reterr_fail = (struct sunder_fail){.code = err};
            snprintf(
                reterr_fail->text, sizeof(reterr_fail->text), "%.120s: %.110s", path, why.text);
        }
    }
    if (err != SUNDER_OK) {
        sunder_policy_doc_destroy(&doc);
        return err;
    }
    *ret_doc = doc;
    return SUNDER_OK;
}

void sunder_policy_doc_destroy(struct sunder_policy_doc **doc)
{
    if (doc == NULL || *doc == NULL) {
        return;
    }
    free((*doc)->text);
    free((*doc)->memory);
    free(*doc);
    *doc = NULL;
}

const struct sunder_doc *sunder_policy_doc_root(const struct sunder_policy_doc *doc)
{
    return &doc->root;
}

const struct sunder_doc *sunder_doc_member(const struct sunder_doc *map, const char *name)
{
    for (uint32_t i = 0; map != NULL && map->kind == SUNDER_DOC_MAP && i < map->count; i++) {
        if (sunder_str_equal(map->entries[i].name, sunder_str_of(name))) {
            return &map->entries[i].value;
        }
    }
    return NULL;
}

struct sunder_str sunder_doc_member_text(const struct sunder_doc *map, const char *name)
{
    const struct sunder_doc *value = sunder_doc_member(map, name);
    return value != NULL && value->kind == SUNDER_DOC_SCALAR ? value->text : (struct sunder_str){0};
}

bool sunder_doc_rule(
    const struct sunder_doc *rule, struct sunder_str *ret_kind, struct sunder_str *ret_name)
{
    static const char *const KINDS[] = {
        "separation", "sequence", "limit", "gate", "condition", "distinct", "requires"};
    struct sunder_str name = sunder_doc_member_text(rule, "name");
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        const struct sunder_doc *value = sunder_doc_member(rule, KINDS[i]);
        if (value == NULL) {
            continue;
        }
        /* `distinct` and `requires` say what they are about; a `limit` may have a `distinct` too. */
        bool named = i < 5 && value->kind == SUNDER_DOC_SCALAR;
        *ret_kind = sunder_str_of(KINDS[i]);
        *ret_name = named ? value->text : name;
        return ret_name->at != NULL;
    }
    return false;
}

const struct sunder_doc *sunder_policy_doc_rule(
    const struct sunder_policy_doc *doc, struct sunder_str name)
{
    const struct sunder_doc *rules = sunder_doc_member(&doc->root, "rules");
    for (uint32_t i = 0; rules != NULL && rules->kind == SUNDER_DOC_LIST && i < rules->count; i++) {
        struct sunder_str kind;
        struct sunder_str own;
        if (sunder_doc_rule(&rules->items[i], &kind, &own) && sunder_str_equal(own, name)) {
            return &rules->items[i];
        }
    }
    return NULL;
}

/* The last line on which a node or something in it begins. */
static uint32_t line_last(const struct sunder_doc *node)
{
    uint32_t last = node->line;
    for (uint32_t i = 0; node->kind != SUNDER_DOC_SCALAR && i < node->count; i++) {
        uint32_t line =
            line_last(node->kind == SUNDER_DOC_LIST ? &node->items[i] : &node->entries[i].value);
        last = line > last ? line : last;
    }
    return last;
}

/* The lines from the first number to before the second. */
static void lines_print(
    const struct sunder_policy_doc *doc, uint32_t range[static 2], bool numbered, FILE *out)
{
    const char *at = doc->text;
    const char *end = doc->text + doc->len;
    for (uint32_t number = 1; at < end && number < range[1]; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline != NULL ? newline : end;
        if (number >= range[0]) {
            if (numbered) {
                fprintf(out, "  %4" PRIu32 " | ", number);
            }
            fprintf(out, "%.*s\n", (int)(stop - at), at);
        }
        at = newline != NULL ? newline + 1 : end;
    }
}

void sunder_policy_doc_excerpt(
    const struct sunder_policy_doc *doc, const struct sunder_doc *rule, FILE *out)
{
    uint32_t range[2] = {rule->line, line_last(rule) + 1};
    lines_print(doc, range, true, out);
}

void sunder_policy_doc_lines(
    const struct sunder_policy_doc *doc, uint32_t first, uint32_t end, FILE *out)
{
    uint32_t range[2] = {first, end};
    lines_print(doc, range, false, out);
}
