#include "tests/unit/test_policy_fixture.h"

#include <stdlib.h>

#include "proto/doc.h"

enum {
    ARENA_BYTES = 32 * 1024 * 1024
};

struct sunder_complaints test_complaints;

enum sunder_err test_policy_compile(
    struct sunder_arena *arena, const char *text, struct sunder_policy **ret_policy)
{
    struct sunder_doc root;
    struct sunder_doc_fail why = {0};
    enum sunder_err err = sunder_doc_parse(sunder_str_of(text), arena, &root, &why);
    if (err != SUNDER_OK) {
        print_error("%u:%u: %s\n", why.line, why.column, why.text);
    }
    assert_int_equal(err, SUNDER_OK);
    test_complaints = (struct sunder_complaints){0};
    return sunder_policy_compile(
        &(struct sunder_policy_source){.root = &root, .digest = {.bytes = {7}}}, arena, &test_complaints, ret_policy);
}

const struct sunder_policy *test_policy_of(const char *text)
{
    static uint8_t *memory;
    memory = memory == NULL ? malloc(ARENA_BYTES) : memory;
    assert_non_null(memory);
    struct sunder_arena arena = sunder_arena_of(memory, ARENA_BYTES);
    struct sunder_policy *policy = NULL;
    enum sunder_err err = test_policy_compile(&arena, text, &policy);
    for (uint32_t i = 0; i < test_complaints.count && err != SUNDER_OK; i++) {
        print_error("%u:%u: %.*s\n",
            test_complaints.at[i].line,
            test_complaints.at[i].column,
            (int)test_complaints.at[i].text.len,
            test_complaints.at[i].text.at);
    }
    assert_int_equal(err, SUNDER_OK);
    return policy;
}
