/* What expressions mean: values, precedence, errors on an event, absorption. */
#include "engine/expr/expr.h"

#include "engine/base/decimal.h"
#include <stdio.h>

#include "tests/support/test.h"

static enum sunder_err compile_for(struct sunder_arena *arena,
    struct sunder_str source,
    enum sunder_type type,
    struct sunder_expr **ret_expr,
    struct sunder_expr_error *ret_error)
{
    const struct sunder_expr_want want = {.allowed = SUNDER_FIELDS_ALL, .type = type};
    return sunder_expr_compile(arena, source, &want, ret_expr, ret_error);
}

static struct sunder_value text_of(const char *text)
{
    return (struct sunder_value){.kind = SUNDER_VALUE_STRING, .text = sunder_str_of(text)};
}

static struct sunder_value number_of(const char *text)
{
    struct sunder_value value = {.kind = SUNDER_VALUE_NUMBER, .text = sunder_str_of(text)};
    value.exact = sunder_decimal_parse(value.text, &value.micro) == SUNDER_OK;
    return value;
}

/* An event: agent a1, amount 18250.75, labels [pii, secret], args {deep: {n: 7}, list: [1, x], long: 1e-9, name: Ada, nil:
 * null, ok: true, tiny: 0.1}; no principal, no purpose. */
static const struct sunder_expr_env *env_of_a_payment(void)
{
    static struct sunder_expr_env env;
    static struct sunder_value labels[2];
    static struct sunder_value list[3];
    static struct sunder_member deep[1];
    static struct sunder_member args[8];

    labels[0] = text_of("pii");
    labels[1] = text_of("secret");
    list[0] = number_of("1");
    list[1] = text_of("x");
    list[2] = number_of("1e-9");
    deep[0] = (struct sunder_member){SUNDER_STR("n"), number_of("7")};
    args[0].name = SUNDER_STR("deep");
    args[0].value = (struct sunder_value){.kind = SUNDER_VALUE_MAP, .count = 1, .members = deep};
    args[1].name = SUNDER_STR("list");
    args[1].value = (struct sunder_value){.kind = SUNDER_VALUE_LIST, .count = 3, .items = list};
    args[2] = (struct sunder_member){SUNDER_STR("long"), number_of("1e-9")};
    args[3] = (struct sunder_member){SUNDER_STR("max"), number_of("9223372036854.775807")};
    args[4] = (struct sunder_member){SUNDER_STR("name"), text_of("Ada")};
    args[5].name = SUNDER_STR("nil");
    args[5].value = (struct sunder_value){.kind = SUNDER_VALUE_NULL};
    args[6].name = SUNDER_STR("ok");
    args[6].value = (struct sunder_value){.kind = SUNDER_VALUE_BOOL, .boolean = true};
    args[7] = (struct sunder_member){SUNDER_STR("tiny"), number_of("0.1")};
    env = (struct sunder_expr_env){0};
    env.fields[SUNDER_FIELD_AGENT] = text_of("a1");
    env.fields[SUNDER_FIELD_AMOUNT] = number_of("18250.75");
    env.fields[SUNDER_FIELD_LABELS] =
        (struct sunder_value){.kind = SUNDER_VALUE_LIST, .count = 2, .items = labels};
    env.fields[SUNDER_FIELD_ARGS] =
        (struct sunder_value){.kind = SUNDER_VALUE_MAP, .count = 8, .members = args};
    return &env;
}

static enum sunder_err eval(struct sunder_arena *arena,
    const char *source,
    enum sunder_type wanted,
    struct sunder_value *ret)
{
    struct sunder_expr *expr = NULL;
    struct sunder_expr_error error = {0};
    enum sunder_err err = compile_for(arena, sunder_str_of(source), wanted, &expr, &error);
    if (err != SUNDER_OK) {
        print_error("%s\n  at %u: %s\n", source, error.offset, error.text);
    }
    assert_int_equal(err, SUNDER_OK);
    return sunder_expr_eval(expr, env_of_a_payment(), arena, ret);
}

/* As text: true, false, a number, 'a string', [n] for a list of n, ! for an error. */
static void assert_gives(const char *source, const char *expected)
{
    static char memory[65536];
    static char shown[256];
    struct sunder_arena arena = sunder_arena_of(memory, sizeof(memory));
    struct sunder_value value = {0};
    enum sunder_err err = eval(&arena, source, SUNDER_TYPE_ANY, &value);
    if (err != SUNDER_OK) {
        assert_int_equal(err, SUNDER_ERR_INVALID);
        (void)snprintf(shown, sizeof(shown), "!");
    } else if (value.kind == SUNDER_VALUE_BOOL) {
        (void)snprintf(shown, sizeof(shown), "%s", value.boolean ? "true" : "false");
    } else if (value.kind == SUNDER_VALUE_NUMBER) {
        assert_true(value.exact);
        char plain[SUNDER_DECIMAL_TEXT_MAX];
        (void)snprintf(
            shown, sizeof(shown), "%.*s", (int)sunder_decimal_format(value.micro, plain), plain);
    } else if (value.kind == SUNDER_VALUE_STRING) {
        (void)snprintf(shown, sizeof(shown), "'%.*s'", (int)value.text.len, value.text.at);
    } else {
        assert_int_equal(value.kind, SUNDER_VALUE_LIST);
        (void)snprintf(shown, sizeof(shown), "[%u]", value.count);
    }
    if (strcmp(shown, expected) != 0) {
        print_error("%s gives %s, not %s\n", source, shown, expected);
        fail();
    }
}

static void literals_are_what_they_say(void **state)
{
    (void)state;
    assert_gives("true", "true");
    assert_gives("false", "false");
    assert_gives("12", "12");
    assert_gives("-12.50", "-12.5");
    assert_gives("- 1", "-1");
    assert_gives("1e3", "1000");
    assert_gives("2.5e-2", "0.025");
    assert_gives("1 // a comment", "1");
}

static void strings_may_be_quoted_and_escaped(void **state)
{
    (void)state;
    assert_gives("'a'", "'a'");
    assert_gives("\"a\"", "'a'");
    assert_gives("''", "''");
    assert_gives("'a\\tb\\\\'", "'a\tb\\'");
    assert_gives("'\\u00fc\\U0001F600\\x41\\101'",
        "'\xc3\xbc\xf0\x9f\x98\x80"
        "AA'");
    assert_gives("r'a\\b'", "'a\\b'");
    assert_gives("'don\\'t'", "'don't'");
}

static void fields_are_read(void **state)
{
    (void)state;
    assert_gives("agent", "'a1'");
    assert_gives("amount", "18250.75");
    assert_gives("labels", "[2]");
    assert_gives("args.name", "'Ada'");
    assert_gives("args.deep.n", "7");
    assert_gives("args . deep . n", "7");
}

static void what_is_not_there_is_an_error(void **state)
{
    (void)state;
    assert_gives("principal", "!");
    assert_gives("args.nope", "!");
    assert_gives("args.name.more", "!");
    assert_gives("args.nil", "!");
    assert_gives("principal == 'x'", "!");
    assert_gives("!args.nope", "!");
    assert_gives("string(purpose)", "!");
}

static void has_asks_without_reading(void **state)
{
    (void)state;
    assert_gives("has(agent)", "true");
    assert_gives("has(principal)", "false");
    assert_gives("has(args.deep.n)", "true");
    assert_gives("has(args.deep.m)", "false");
    assert_gives("has(args.name.more)", "!");
    assert_gives("has(args.nope.more)", "!");
    assert_gives("has(args.nil.more)", "!");
    assert_gives("has(args.nope) && has(args.nope.more)", "false");
    assert_gives("has(args)", "true");
    assert_gives("has(args.nil)", "false");
    assert_gives("has(args.long)", "true");
    assert_gives("has(principal) && principal == 'x'", "false");
}

static void an_event_without_args_has_none(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(16384);
    struct sunder_expr_env env = {0};
    const char *const sources[] = {"has(args)", "has(args.a)"};
    struct sunder_expr *expr = NULL;
    struct sunder_expr_error error;
    struct sunder_value value = {0};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(
            compile_for(&arena, sunder_str_of(sources[i]), SUNDER_TYPE_BOOL, &expr, &error),
            SUNDER_OK);
        assert_int_equal(sunder_expr_eval(expr, &env, &arena, &value), SUNDER_OK);
        assert_false(value.boolean);
    }
    assert_int_equal(
        compile_for(&arena, SUNDER_STR("has(args.a.b)"), SUNDER_TYPE_BOOL, &expr, &error),
        SUNDER_OK);
    assert_int_equal(sunder_expr_eval(expr, &env, &arena, &value), SUNDER_ERR_INVALID);
}

static void a_number_that_is_not_exact_cannot_be_read(void **state)
{
    (void)state;
    assert_gives("args.long", "!");
    assert_gives("args.long == 1", "!");
    assert_gives("args.long == 'a'", "!");
    assert_gives("string(args.long)", "!");
    assert_gives("size(args.list)", "3");
    assert_gives("1 in args.list", "true");
    assert_gives("'x' in args.list", "true");
    assert_gives("'y' in args.list", "false");
    assert_gives("2 in args.list", "!");
    assert_gives("args.list == args.list", "!");
    assert_gives("args.list == [2, 'x', 3]", "false");
}

static void decimals_compare_and_add_exactly(void **state)
{
    (void)state;
    assert_gives("0.1 + 0.2 == 0.3", "true");
    assert_gives("args.tiny + 0.2 == 0.30", "true");
    assert_gives("amount > 18250.749999", "true");
    assert_gives("amount >= 18250.75 && amount <= 18250.75", "true");
    assert_gives("amount < 18250.75", "false");
    assert_gives("1 == 1.0", "true");
    assert_gives("1 + 2 + 3.5", "6.5");
    assert_gives("-0.5 < 0", "true");
}

static void a_sum_that_overflows_is_an_error(void **state)
{
    (void)state;
    assert_gives("args.max + 0.000001", "!");
    assert_gives("args.max + -0.000001", "9223372036854.775806");
    assert_gives("args.max + 1 + -1", "!");
}

static void operators_bind_as_in_cel(void **state)
{
    (void)state;
    assert_gives("true || false && false", "true");
    assert_gives("(true || false) && false", "false");
    assert_gives("!true || true", "true");
    assert_gives("!(true || true)", "false");
    assert_gives("1 + 1 == 2 && 2 + 1 > 2", "true");
    assert_gives("'a' + 'b' in ['ab']", "true");
    assert_gives("true ? 1 : false ? 2 : 3", "1");
    assert_gives("false ? 1 : false ? 2 : 3", "3");
    assert_gives("false || true ? 'y' : 'n'", "'y'");
    assert_gives("!!true", "true");
    assert_gives("!!!true", "false");
    assert_gives("1 < 2 == true", "true");
}

static void and_and_or_absorb_errors_on_either_side(void **state)
{
    (void)state;
    assert_gives("false && args.nope", "false");
    assert_gives("args.nope && false", "false");
    assert_gives("true && args.nope", "!");
    assert_gives("args.nope && true", "!");
    assert_gives("true || args.nope", "true");
    assert_gives("args.nope || true", "true");
    assert_gives("false || args.nope", "!");
    assert_gives("args.nope || false", "!");
    assert_gives("args.name && false", "false");
    assert_gives("args.name || true", "true");
    assert_gives("args.name || false", "!");
    assert_gives("true && args.nope && true && false", "false");
    assert_gives("(args.nope || false) && false", "false");
}

static void a_choice_evaluates_one_branch(void **state)
{
    (void)state;
    assert_gives("has(args.nope) ? args.nope : 'none'", "'none'");
    assert_gives("args.ok ? 1 : args.nope", "1");
    assert_gives("args.nope ? 1 : 2", "!");
    assert_gives("args.name ? 1 : 2", "!");
}

static void values_of_different_types_are_unequal(void **state)
{
    (void)state;
    assert_gives("args.name == args.tiny", "false");
    assert_gives("args.name != args.tiny", "true");
    assert_gives("args.name == 1", "false");
    assert_gives("args.ok == 'true'", "false");
    assert_gives("args.deep == args.deep", "true");
    assert_gives("args.deep == args.list", "false");
    assert_gives("[1, 2] == [1, 2]", "true");
    assert_gives("[1, 2] == [2, 1]", "false");
    assert_gives("[1] == [1, 1]", "false");
    assert_gives("[args.name] == ['Ada']", "true");
}

static void values_of_different_types_have_no_order(void **state)
{
    (void)state;
    assert_gives("args.name < 1", "!");
    assert_gives("args.ok < args.ok", "false");
    assert_gives("args.ok < 1", "!");
    assert_gives("args.list >= args.list", "!");
    assert_gives("'B' < 'a'", "true");
    assert_gives("'a' < 'aa'", "true");
    assert_gives("'\xc3\xbc' > 'z'", "true");
}

static void in_looks_into_lists_and_maps(void **state)
{
    (void)state;
    assert_gives("'pii' in labels", "true");
    assert_gives("'pi' in labels", "false");
    assert_gives("agent in ['a0', 'a1']", "true");
    assert_gives("1 in []", "false");
    assert_gives("amount in [18250.75]", "true");
    assert_gives("'n' in args.deep", "true");
    assert_gives("'m' in args.deep", "false");
    assert_gives("'nil' in args", "false");
    assert_gives("1 in args.deep", "!");
    assert_gives("'a' in args.name", "!");
    assert_gives("[1, 2].size()", "2");
    assert_gives("agent in [args.name, agent]", "true");
    assert_gives("agent in [args.nope, agent]", "!");
}

static void string_functions(void **state)
{
    (void)state;
    assert_gives("'vendor/' + args.name", "'vendor/Ada'");
    assert_gives("'a' + 'b' + 'c' + ''", "'abc'");
    assert_gives("agent.startsWith('a')", "true");
    assert_gives("agent.startsWith('a11')", "false");
    assert_gives("agent.endsWith('1')", "true");
    assert_gives("agent.contains('')", "true");
    assert_gives("'abc'.contains('bc')", "true");
    assert_gives("'abc'.contains('cb')", "false");
    assert_gives("args.name.lowerAscii()", "'ada'");
    assert_gives("args.name.upperAscii().lowerAscii()", "'ada'");
    assert_gives("'[\xc3\x84@`{Zz'.lowerAscii()", "'[\xc3\x84@`{zz'");
    assert_gives("'[\xc3\xa4@`{Zz'.upperAscii()", "'[\xc3\xa4@`{ZZ'");
    assert_gives("args.name.size()", "3");
    assert_gives("size('\xc3\xbc\xf0\x9f\x98\x80')", "2");
    assert_gives("size(labels)", "2");
    assert_gives("size(args.deep)", "1");
    assert_gives("size(args.ok)", "!");
    assert_gives("string(amount)", "'18250.75'");
    assert_gives("string(args.name)", "'Ada'");
    assert_gives("string(args.ok)", "'true'");
    assert_gives("string(args.deep)", "!");
    assert_gives("args.tiny.startsWith('0')", "!");
    assert_gives("'a'.startsWith(args.tiny)", "!");
    assert_gives("args.tiny + 'a'", "!");
    assert_gives("args.ok + args.ok", "!");
}

/* Longer needles take another way through the search. */
static void contains_finds_a_long_needle_wherever_it_is(void **state)
{
    (void)state;
    assert_gives("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab'.contains('aaaaaaaaaaaaaaaaaab')", "true");
    assert_gives("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'.contains('aaaaaaaaaaaaaaaaaab')", "false");
    assert_gives("'abcabcabcabcabcabcabcabd'.contains('abcabcabcabcabcabcabd')", "true");
    assert_gives("'0123456789abcdefghij'.contains('0123456789abcdefghij')", "true");
    assert_gives("'0123456789abcdefghi'.contains('0123456789abcdefghij')", "false");
}

static void the_result_has_the_wanted_type_or_it_is_an_error(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(65536);
    struct sunder_value value = {0};

    assert_int_equal(eval(&arena, "args.name", SUNDER_TYPE_STRING, &value), SUNDER_OK);
    assert_int_equal(eval(&arena, "args.tiny", SUNDER_TYPE_STRING, &value), SUNDER_ERR_INVALID);
    assert_int_equal(eval(&arena, "args.tiny", SUNDER_TYPE_DECIMAL, &value), SUNDER_OK);
    assert_int_equal(eval(&arena, "args.ok", SUNDER_TYPE_BOOL, &value), SUNDER_OK);
    assert_int_equal(eval(&arena, "args.list", SUNDER_TYPE_STRINGS, &value), SUNDER_ERR_INVALID);
    assert_int_equal(eval(&arena, "labels", SUNDER_TYPE_STRINGS, &value), SUNDER_OK);
    assert_int_equal(eval(&arena, "[args.name]", SUNDER_TYPE_STRINGS, &value), SUNDER_OK);
}

static void an_error_writes_no_value(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(65536);
    struct sunder_value value = {.kind = SUNDER_VALUE_BOOL, .boolean = true};

    assert_int_equal(eval(&arena, "args.tiny", SUNDER_TYPE_STRING, &value), SUNDER_ERR_INVALID);

    assert_int_equal(value.kind, SUNDER_VALUE_BOOL);
    assert_true(value.boolean);
}

static bool holds(const char *source, bool *ret_error)
{
    struct sunder_arena arena = test_arena_of(16384);
    struct sunder_expr *expr = NULL;
    struct sunder_expr_error error;
    assert_int_equal(
        compile_for(&arena, sunder_str_of(source), SUNDER_TYPE_ANY, &expr, &error), SUNDER_OK);
    return sunder_expr_holds(expr, env_of_a_payment(), &arena, ret_error);
}

static void a_condition_holds_only_when_it_is_true(void **state)
{
    (void)state;
    bool error = true;
    assert_true(holds("amount > 10000.0", &error));
    assert_false(error);
    assert_false(holds("amount < 10000.0", &error));
    assert_false(error);
    assert_false(holds("principal == 'x'", &error));
    assert_true(error);
    assert_false(holds("'true'", &error));
    assert_true(error);
    assert_true(holds("true", NULL));
}

static void an_expression_tells_what_it_reads(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(16384);
    struct sunder_expr *expr = NULL;
    struct sunder_expr_error error;

    assert_int_equal(
        compile_for(
            &arena, SUNDER_STR("has(task) || args.a.b == agent"), SUNDER_TYPE_BOOL, &expr, &error),
        SUNDER_OK);

    assert_int_equal(sunder_expr_reads(expr),
        SUNDER_FIELD_BIT(SUNDER_FIELD_TASK) | SUNDER_FIELD_BIT(SUNDER_FIELD_ARGS) |
            SUNDER_FIELD_BIT(SUNDER_FIELD_AGENT));
    assert_str_equal(sunder_expr_source(expr), "has(task) || args.a.b == agent");
    assert_false(sunder_expr_is_field(expr, SUNDER_FIELD_TASK));
}

static void a_bare_field_is_recognised(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(16384);
    struct sunder_expr *expr = NULL;
    struct sunder_expr_error error;

    assert_int_equal(
        compile_for(&arena, SUNDER_STR(" (amount) "), SUNDER_TYPE_DECIMAL, &expr, &error),
        SUNDER_OK);
    assert_true(sunder_expr_is_field(expr, SUNDER_FIELD_AMOUNT));
    assert_false(sunder_expr_is_field(expr, SUNDER_FIELD_DEPTH));

    assert_int_equal(
        compile_for(&arena, SUNDER_STR("args.amount"), SUNDER_TYPE_DECIMAL, &expr, &error),
        SUNDER_OK);
    assert_false(sunder_expr_is_field(expr, SUNDER_FIELD_ARGS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_are_what_they_say),
        cmocka_unit_test(strings_may_be_quoted_and_escaped),
        cmocka_unit_test(fields_are_read),
        cmocka_unit_test(what_is_not_there_is_an_error),
        cmocka_unit_test(has_asks_without_reading),
        cmocka_unit_test(an_event_without_args_has_none),
        cmocka_unit_test(a_number_that_is_not_exact_cannot_be_read),
        cmocka_unit_test(decimals_compare_and_add_exactly),
        cmocka_unit_test(a_sum_that_overflows_is_an_error),
        cmocka_unit_test(operators_bind_as_in_cel),
        cmocka_unit_test(and_and_or_absorb_errors_on_either_side),
        cmocka_unit_test(a_choice_evaluates_one_branch),
        cmocka_unit_test(values_of_different_types_are_unequal),
        cmocka_unit_test(values_of_different_types_have_no_order),
        cmocka_unit_test(in_looks_into_lists_and_maps),
        cmocka_unit_test(string_functions),
        cmocka_unit_test(contains_finds_a_long_needle_wherever_it_is),
        cmocka_unit_test(the_result_has_the_wanted_type_or_it_is_an_error),
        cmocka_unit_test(an_error_writes_no_value),
        cmocka_unit_test(a_condition_holds_only_when_it_is_true),
        cmocka_unit_test(an_expression_tells_what_it_reads),
        cmocka_unit_test(a_bare_field_is_recognised),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
