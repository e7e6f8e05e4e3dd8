/* A policy as a whole: what its conditions make of it may be more than its memory holds, and that is said in words. */
#include "consumers/policy_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/test.h"

#define TEXT_MAX ((size_t)256 * 1024)
#define RULES 20u

/* Rules whose index has values^3 places. */
static char *policy_of(uint32_t values)
{
    static const char *const fields[] = {"tool", "action", "agent"};
    char *text = malloc(TEXT_MAX);
    assert_non_null(text);
    size_t len = (size_t)snprintf(text,
        TEXT_MAX,
        "sunder: 1\nname: p\nauthority: open\ntenant: payload\n"
        "catalogue: [{tool: t, action: a, duty: d.a}]\nrules:\n");
    for (uint32_t r = 0; r < RULES; r++) {
        len += (size_t)snprintf(text + len, TEXT_MAX - len, "  - {condition: c%u, when: \"", r);
        for (uint32_t f = 0; f < 3; f++) {
            len += (size_t)snprintf(
                text + len, TEXT_MAX - len, "%s%s in [", f == 0 ? "" : " && ", fields[f]);
            for (uint32_t v = 0; v < values; v++) {
                len +=
                    (size_t)snprintf(text + len, TEXT_MAX - len, "%s'v%u'", v == 0 ? "" : ",", v);
            }
            len += (size_t)snprintf(text + len, TEXT_MAX - len, "]");
        }
        len += (size_t)snprintf(text + len, TEXT_MAX - len, "\"}\n");
    }
    assert_true(len < TEXT_MAX);
    return text;
}

static void a_policy_that_needs_too_much_memory_is_told_so(void **state)
{
    (void)state;
    struct sunder_policy_load *load = NULL;
    struct sunder_fail fail = {0};
    char *text = policy_of(10);
    assert_int_equal(sunder_policy_load_text(sunder_str_of(text), &load, &fail), SUNDER_OK);
    assert_non_null(sunder_policy_load_policy(load));
    sunder_policy_load_destroy(&load);
    free(text);

    text = policy_of(90);
    assert_int_equal(sunder_policy_load_text(sunder_str_of(text), &load, &fail), SUNDER_ERR_FULL);
    assert_null(load);
    assert_int_equal(fail.code, SUNDER_ERR_FULL);
    assert_string_equal(
        fail.text, "the policy needs more memory than the 64 MiB that a policy may take");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_that_needs_too_much_memory_is_told_so),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
