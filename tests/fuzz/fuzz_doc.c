/* Any bytes as YAML: a tree within its bounds, or a complaint with a place. */
#include <stdlib.h>

#include "engine/base/must.h"
#include "proto/doc.h"

enum {
    ARENA_BYTES = 1 << 26
};

static struct sunder_arena arena;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 forgets a buffer when a long quoted text stands where none may (corpus: forgotten); a tool that parses one file
 * does not mind. Where libc allocates for it the stack may end before libfyaml; our own file calls neither of these. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml\nleak:vasprintf\nleak:strdup\nleak:getline\nleak:open_memstream";
}

static void check(const struct sunder_doc *node, uint32_t depth)
{
    SUNDER_MUST(depth <= SUNDER_DOC_DEPTH_MAX);
    SUNDER_MUST(node->line >= 1 && node->column >= 1);
    if (node->kind == SUNDER_DOC_SCALAR) {
        SUNDER_MUST(node->text.at != NULL);
        return;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        if (node->kind == SUNDER_DOC_LIST) {
            check(&node->items[i], depth + 1);
            continue;
        }
        SUNDER_MUST(node->entries[i].line >= 1 && node->entries[i].column >= 1);
        for (uint32_t k = 0; k < i && i < 64; k++) {
            SUNDER_MUST(!sunder_str_equal(node->entries[k].name, node->entries[i].name));
        }
        check(&node->entries[i].value, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (arena.memory == NULL) {
        void *memory = malloc(ARENA_BYTES);
        SUNDER_MUST(memory != NULL);
        arena = sunder_arena_of(memory, ARENA_BYTES);
    }
    char *copy = malloc(size == 0 ? 1 : size);
    SUNDER_MUST(copy != NULL && size <= UINT32_MAX);
    if (size != 0) {
        memcpy(copy, data, size);
    }
    struct sunder_doc root;
    struct sunder_doc_fail fail;
    sunder_arena_reset(&arena);
    enum sunder_err err =
        sunder_doc_parse((struct sunder_str){copy, (uint32_t)size}, &arena, &root, &fail);
    if (err == SUNDER_OK) {
        check(&root, 0);
    } else {
        SUNDER_MUST(fail.line >= 1 && fail.column >= 1 && fail.text[0] != '\0');
    }
    free(copy);
    return 0;
}
