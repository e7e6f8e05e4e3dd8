#include "engine/policy/policy_compile.h"

#include "engine/policy/policy_index.h"
#include "engine/policy/policy_parts.h"

#define S SUNDER_STR

static int compare_places(const struct sunder_complaint *a, const struct sunder_complaint *b)
{
    if (a->line != b->line) {
        return a->line < b->line ? -1 : 1;
    }
    return (a->column > b->column) - (a->column < b->column);
}

/* By position; stable, so that complaints about one place stay in the order they were found. */
static void sort_complaints(struct sunder_complaints *complaints, uint32_t from)
{
    for (uint32_t i = from + 1; i < complaints->count; i++) {
        struct sunder_complaint complaint = complaints->at[i];
        uint32_t at = i;
        while (at > from && compare_places(&complaint, &complaints->at[at - 1]) < 0) {
            complaints->at[at] = complaints->at[at - 1];
            at -= 1;
        }
        complaints->at[at] = complaint;
    }
}

/* A test file is known by its first key; what else is wrong with it as a policy helps nobody. */
static bool is_test_file(struct policy_compile *c, const struct sunder_doc *root)
{
    for (uint32_t i = 0; root->kind == SUNDER_DOC_MAP && i < root->count; i++) {
        if (sunder_str_equal(root->entries[i].name, SUNDER_STR("sunder-test"))) {
            POLICY_SAY(c,
                ERROR,
                TEST_FILE,
                &root->entries[i],
                SUNDER_STR("this is a test file, not a policy: `sunder test` reads and runs it"));
            return true;
        }
    }
    return false;
}

/* errors: how many complaints of others there were before. */
static void compile(struct policy_compile *c, const struct sunder_doc *root, uint32_t errors)
{
    const struct sunder_doc *catalogue;
    const struct sunder_doc *rules;
    if (is_test_file(c, root)) {
        return;
    }
    policy_compile_head(c, root, &catalogue, &rules);
    if (root->kind != SUNDER_DOC_MAP) {
        return;
    }
    policy_compile_catalogue(c, catalogue);
    if (c->full || c->named == NULL) {
        return;
    }
    policy_compile_context(c);
    policy_compile_rules(c, rules);
    if (c->full) {
        return;
    }
    policy_check_whole(c);
    if (c->complaints->errors == errors) {
        policy_check_unused(c, root);
        policy_build_index(c);
    }
}

enum sunder_err sunder_policy_compile(const struct sunder_policy_source *source,
    struct sunder_arena *arena,
    struct sunder_complaints *complaints,
    struct sunder_policy **ret_policy)
{
    uint32_t from = complaints->count;
    uint32_t errors = complaints->errors;
    struct policy_compile c = {.arena = arena, .complaints = complaints, .regex = source->regex};
    c.policy = POLICY_NEW(&c, struct sunder_policy, 1);
    if (c.policy == NULL) {
        return SUNDER_ERR_FULL;
    }
    c.policy->digest = source->digest;
    compile(&c, source->root, errors);
    sort_complaints(complaints, from);
    if (c.full) {
        return SUNDER_ERR_FULL;
    }
    if (complaints->errors != errors) {
        return SUNDER_ERR_INVALID;
    }
    *ret_policy = c.policy;
    return SUNDER_OK;
}
