/* Patterns by RE2: what they find, what is refused, and that conditions use them. */
#include "proto/regex.h"

#include <stdio.h>

#include "engine/expr/expr.h"
#include "tests/support/test.h"

static bool found(struct sunder_regex_set *set, const char *pattern, const char *text)
{
    const struct sunder_regex *port = sunder_regex_port(set);
    const void *compiled = NULL;
    char complaint[100] = "";
    enum sunder_err err =
        port->compile(port->ctx, sunder_str_of(pattern), &compiled, complaint, sizeof(complaint));
    if (err != SUNDER_OK) {
        print_error("%s: %s\n", pattern, complaint);
    }
    assert_int_equal(err, SUNDER_OK);
    return port->found(compiled, sunder_str_of(text));
}

static void patterns_are_found_anywhere(void **state)
{
    (void)state;
    struct sunder_regex_set *set = NULL;
    assert_int_equal(sunder_regex_set_create(&set), SUNDER_OK);
    assert_true(found(set, "b+", "abba"));
    assert_false(found(set, "^b+", "abba"));
    assert_true(found(set, "", ""));
    assert_true(found(set, "^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    assert_false(found(set, "^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
    sunder_regex_set_destroy(&set);
    assert_null(set);
    sunder_regex_set_destroy(&set);
}

static void wrong_and_huge_patterns_are_refused(void **state)
{
    (void)state;
    struct sunder_regex_set *set = NULL;
    assert_int_equal(sunder_regex_set_create(&set), SUNDER_OK);
    const struct sunder_regex *port = sunder_regex_port(set);
    static const char *const wrong[] = {"(", "a**", "(?=a)", "((((a{100}){100}){100}){100})"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const void *compiled = NULL;
        char complaint[20] = "";
        assert_int_equal(
            port->compile(
                port->ctx, sunder_str_of(wrong[i]), &compiled, complaint, sizeof(complaint)),
            SUNDER_ERR_INVALID);
        assert_null(compiled);
        assert_in_range(strlen(complaint), 1, sizeof(complaint) - 1);
    }
    sunder_regex_set_destroy(&set);
}

static enum sunder_err evaluate(struct sunder_regex_set *set,
    const char *source,
    bool *ret_found,
    struct sunder_expr_error *ret_error)
{
    struct sunder_arena arena = test_arena_of(1 << 18);
    const struct sunder_expr_want want = {
        .allowed = SUNDER_FIELDS_ALL, .type = SUNDER_TYPE_BOOL, .regex = sunder_regex_port(set)};
    struct sunder_expr *expr = NULL;
    struct sunder_expr_env env = {0};
    struct sunder_value value = {0};
    env.fields[SUNDER_FIELD_AGENT] = (struct sunder_value){
        .kind = SUNDER_VALUE_STRING, .text = SUNDER_STR("spiffe://acme.example/agent/payer-7")};
    enum sunder_err err =
        sunder_expr_compile(&arena, sunder_str_of(source), &want, &expr, ret_error);
    if (err == SUNDER_OK) {
        err = sunder_expr_eval(expr, &env, &arena, &value);
    }
    *ret_found = value.boolean;
    return err;
}

static void conditions_match_patterns(void **state)
{
    (void)state;
    struct sunder_regex_set *set = NULL;
    struct sunder_expr_error error = {0};
    bool matches = false;
    assert_int_equal(sunder_regex_set_create(&set), SUNDER_OK);
    assert_int_equal(
        evaluate(set, "agent.matches('/agent/[a-z]+-[0-9]+$')", &matches, &error), SUNDER_OK);
    assert_true(matches);
    assert_int_equal(
        evaluate(set, "!agent.matches('^user:.*') && matches(agent, r'\\d')", &matches, &error),
        SUNDER_OK);
    assert_true(matches);
    assert_int_equal(evaluate(set, "agent.matches('(')", &matches, &error), SUNDER_ERR_INVALID);
    assert_int_equal(error.offset, 14);
    assert_string_equal(error.text, "this is no regular expression: missing ): (");
    assert_int_equal(evaluate(set, "purpose.matches('a|b')", &matches, &error), SUNDER_ERR_INVALID);
    sunder_regex_set_destroy(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_found_anywhere),
        cmocka_unit_test(wrong_and_huge_patterns_are_refused),
        cmocka_unit_test(conditions_match_patterns),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
