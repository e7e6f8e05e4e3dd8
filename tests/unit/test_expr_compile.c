/* What the compiler of expressions refuses, where it points and what it says; the bounds of limits.h. */
#include "engine/expr/expr.h"

#include <stdio.h>

#include "engine/expr/nearest.h"
#include "engine/model/limits.h"
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

static enum sunder_err compile(
    const char *source, enum sunder_type wanted, struct sunder_expr_error *ret_error)
{
    static char memory[1 << 22];
    struct sunder_arena arena = sunder_arena_of(memory, sizeof(memory));
    struct sunder_expr *expr = NULL;
    enum sunder_err err = compile_for(&arena, sunder_str_of(source), wanted, &expr, ret_error);
    assert_true((expr != NULL) == (err == SUNDER_OK));
    return err;
}

static void assert_refused(
    enum sunder_type wanted, const char *source, uint32_t offset, const char *text)
{
    struct sunder_expr_error error = {0};
    assert_int_equal(compile(source, wanted, &error), SUNDER_ERR_INVALID);
    if (error.offset != offset || strcmp(error.text, text) != 0) {
        print_error(
            "%s\n  %u: %s\nnot\n  %u: %s\n", source, error.offset, error.text, offset, text);
        fail();
    }
}

static void refused(const char *source, uint32_t offset, const char *text)
{
    assert_refused(SUNDER_TYPE_ANY, source, offset, text);
}

static void broken_syntax_is_refused(void **state)
{
    (void)state;
    refused("", 0, "the expression ends where a value should be");
    refused("   ", 3, "the expression ends where a value should be");
    refused("1 + // and", 10, "the expression ends where a value should be");
    refused("1 +", 3, "the expression ends where a value should be");
    refused("(1", 2, "the expression ends where `)` should be");
    refused("[1, 2", 5, "the expression ends where `]` should be");
    refused("1 2", 2, "`2` stands where an operator or the end should be");
    refused("1 'a'", 2, "a string stands where an operator or the end should be");
    refused("1 )", 2, "`)` stands where an operator or the end should be");
    refused("true ? false ? 1 : 2 : 3", 13, "`?` stands where `:` should be");
    refused("true ? 1", 8, "the expression ends where `:` should be");
    refused("== 1", 0, "`==` stands where a value should be");
    refused("in [1]", 0, "`in` stands where a value should be");
    refused("args.", 5, "the expression ends where a name should be");
    refused("args.'a'", 5, "a string stands where a name should be");
    refused("size(", 5, "the expression ends where a value should be");
}

static void broken_words_are_refused(void **state)
{
    (void)state;
    refused("'abc", 0, "this string has no closing quote");
    refused("'a\nb'", 0, "this string has no closing quote");
    refused("'''a'", 0, "this string has no closing quote");
    refused("'a\\q'", 2, "this escape is not known; a backslash itself is written `\\\\`");
    refused("'\\ud800'", 1, "this escape is not known; a backslash itself is written `\\\\`");
    refused("'\\x4'", 1, "this escape is not known; a backslash itself is written `\\\\`");
    refused("b'\\u0041'", 2, "this escape is not known; a backslash itself is written `\\\\`");
    refused("10m", 0, "`10m` is not a number");
    refused("1.", 2, "the expression ends where a name should be");
    refused("0x", 0, "`0x` is not a number");
    refused("1.5u", 0, "`1.5u` is not a number");
    refused("1e", 0, "`1e` is not a number");
    refused("9223372036854775808", 0, "`9223372036854775808` is too large for an int");
    refused("18446744073709551616u", 0, "`18446744073709551616u` is too large for a whole number");
    refused("1.2345678", 0, "`1.2345678` has more than 6 decimals or is too large");
    refused("9223372036854.775808",
        0,
        "`9223372036854.775808` has more than 6 decimals or is too large");
    refused("amount = 1", 7, "`=` is not an operator; did you mean `==`?");
    refused("true & false", 5, "`&` is not an operator; did you mean `&&`?");
    refused("amount \xe2\x89\xa5 1", 7, "`\xe2\x89\xa5` is no part of an expression");
}

static void unknown_names_are_refused_with_the_nearest_one(void **state)
{
    (void)state;
    refused("amuont > 1", 0, "unknown field `amuont`; did you mean `amount`?");
    refused("agnt == 'a'", 0, "unknown field `agnt`; did you mean `agent`?");
    refused("vendor",
        0,
        "unknown field `vendor`; did you mean `args.vendor`? (a text is written in quotes: 'vendor')");
    refused("tier == lowish", 8, "unknown field `lowish`; a text is written in quotes: 'lowish'");
    refused(
        "labels.exists(label, lable == 'a')", 21, "unknown field `lable`; did you mean `label`?");
    refused("proof == 'a'", 0, "`proof` is not supported by this build yet");
    refused("agent.startWith('a')", 6, "unknown function `startWith`; did you mean `startsWith`?");
    refused("labels.exist(l, l == 'a')", 13, "unknown field `l`; a text is written in quotes");
    refused("hass(agent)", 0, "unknown function `hass`; did you mean `has`?");
    refused("launch()", 0, "unknown function `launch`");
    refused("math.lest(1, 2)", 5, "unknown function `math.lest`; did you mean `math.least`?");
    refused("startsWith(agent, 'a')",
        0,
        "`startsWith` is called on a value, as in `agent.startsWith('a')`");
    refused("amount.int()", 7, "`int` is called with its argument in brackets, as in `string(x)`");
    refused("while", 0, "`while` is a reserved word");
}

static void macros_say_how_they_are_written(void **state)
{
    (void)state;
    refused("labels.exists('pii')",
        7,
        "`exists` takes a variable and an expression, as in `labels.exists(l, l == 'pii')`");
    refused("labels.all('l', true)",
        11,
        "`all` names its variable first, as in `labels.exists(l, l == 'pii')`");
    refused(
        "amount.exists(l, l == 'pii')", 7, "macros go over a list or a map, and this is a decimal");
    refused("labels.all(l, size(l))",
        14,
        "the condition of the macro wants true or false, and this is an int");
    refused("labels.exists(a, labels.exists(b, labels.exists(c, a == b && b == c)))",
        41,
        "macros nest deeper than 2: each level multiplies the time");
}

#define SUM_TAKES                                                                                  \
    "`history.sum` takes the field that it sums, and a duty when only its facts count: "            \
    "`history.sum(amount)`, `history.sum(amount, 'payment.submit')`"

static void the_history_takes_constants(void **state)
{
    (void)state;
    refused("history",
        0,
        "`history` has no value; ask it, as in `history.count('payment.submit')` or "
        "`history.since(duration('24h')).sum(amount)`");
    refused("history.has()",
        8,
        "`history.has` takes a duty as a constant text, as in `history.has('payment.submit')`");
    refused("history.count(agent) > 1",
        8,
        "`history.count` takes a duty as a constant text, as in `history.count('payment.submit')`");
    refused("history.sum('amount') > 1",
        8,
        SUM_TAKES);
    refused("history.sum(amount, duty) > 1",
        8,
        "`history.sum` takes a duty as a constant text, as in `history.sum(amount, 'payment.submit')`");
    refused("history.sum(amount, 'a', 'b') > 1", 8, SUM_TAKES);
    refused("history.sum(confidence) > 1",
        8,
        SUM_TAKES);
    refused("history.agents('a')", 8, "`history.agents` takes no argument");
    refused("history.since('24h').count() > 1",
        14,
        "`since` takes a constant duration, as in `since(duration('24h'))`");
    refused("history.since(duration('-1h')).count() > 1",
        14,
        "`since` takes a constant duration, as in `since(duration('24h'))`");
    refused("history.duties()",
        8,
        "`history` is asked by `has`, `count`, `sum` or `agents`, and narrowed by `since`, not by "
        "`duties`");
    refused("history.since(duration('1h')) == 1",
        8,
        "`history` is asked by `has`, `count`, `sum` or `agents`, and narrowed by `since`, not by "
        "`since`");
}

static void what_takes_too_long_is_refused_with_its_factors(void **state)
{
    (void)state;
    refused("args.a.exists(x, args.b.exists(y, x == y))",
        7,
        "at worst this takes 127623 units, and 10000 are allowed: `exists` over at most 64 "
        "elements; "
        "`exists` over at most 64 elements; `==` over at most 64 elements");
}

static void patterns_are_plain_texts_where_no_others_can_be(void **state)
{
    (void)state;
    refused("agent.matches(tool)", 14, "`matches` takes a constant pattern");
    refused("agent.matches('a+')",
        14,
        "only patterns that are plain texts can be used here, as in `^vendor/`");
}

static void members_belong_to_maps_only(void **state)
{
    (void)state;
    refused("agent.name", 6, "`agent` is a string and has no members");
    refused("'a'.name", 4, "a string has no members, so `.name` cannot be read here");
    refused("has(agent.name)", 10, "`agent` is a string and has no members");
    refused("task.purpos", 5, "`task` is a string and has no members");
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    refused("agent.startsWith()", 6, "`startsWith` takes one argument");
    refused("agent.startsWith('a', 'b')", 6, "`startsWith` takes one argument");
    refused("agent.lowerAscii('a')", 6, "`lowerAscii` takes no argument");
    refused("size()", 0, "`size` takes one argument");
    refused("has('a')", 4, "`has` asks for a field, as in `has(args.total)`");
    refused("has(size(agent))", 4, "`has` asks for a field, as in `has(args.total)`");
    refused("labels.exists(l, has(l))", 21, "`has` asks for a field, as in `has(args.total)`");
}

static void types_that_never_fit_are_refused(void **state)
{
    (void)state;
    refused("agent == 1", 6, "a string never equals an int");
    refused("amount != '1'", 7, "a decimal never equals a string");
    refused("labels == 'pii'", 7, "list(string) never equals a string");
    refused("amount < '1'", 7, "a decimal cannot be compared with a string");
    refused(
        "labels < labels", 0, "numbers, texts and times have an order, and this is list(string)");
    refused("now > 5", 4, "a timestamp cannot be compared with an int");
    refused("agent in 'abc'", 9, "`in` wants a list or a map, and this is a string");
    refused("1 in labels", 2, "an int is never in list(string)");
    refused("agent && true", 0, "`&&` wants true or false, and this is a string");
    refused("true || amount", 8, "`||` wants true or false, and this is a decimal");
    refused("!agent", 1, "`!` wants true or false, and this is a string");
    refused("-agent", 1, "`-` wants a number, and this is a string");
    refused(
        "agent + amount", 8, "`+` cannot add a decimal to a string; `string(x)` makes a string");
    refused("true + true", 7, "`+` cannot add true or false to true or false");
    refused("amount / 2", 7, "`/` cannot combine a decimal and an int");
    refused("amount * 1.5e0 % 2", 15, "`%` cannot combine a decimal and an int");
    refused("depth + 1u", 8, "`+` cannot add a uint to an int");
    refused(
        "agent ? 1 : 2", 0, "the condition before `?` wants true or false, and this is a string");
    refused("true ? 1 : 'a'", 5, "`? :` gives an int or a string; both must be of one type");
    refused("amount.startsWith('a')", 0, "`startsWith` wants a string, and this is a decimal");
    refused("agent.contains(1)", 15, "`contains` wants a string, and this is an int");
    refused("size(amount)", 5, "`size` cannot take a decimal");
    refused("labels[0] == 1", 10, "a string never equals an int");
    refused("labels['a']", 6, "list(string) has no element under a string");
    refused("{1.5: 2}", 1, "a key is a string, an int, a uint or a bool, and this is a decimal");
}

static void the_result_must_be_of_the_wanted_type(void **state)
{
    (void)state;
    assert_refused(
        SUNDER_TYPE_STRING, "1 + 1", 0, "this expression must give a string, and gives an int");
    assert_refused(SUNDER_TYPE_BOOL,
        "agent",
        0,
        "this expression must give true or false, and gives a string");
    assert_refused(SUNDER_TYPE_DECIMAL,
        "has(amount)",
        0,
        "this expression must give a number, and gives true or false");
    assert_refused(SUNDER_TYPE_DECIMAL,
        "double(amount)",
        0,
        "this expression gives a double, which is not exact; `decimal(x)` makes a decimal");
    assert_refused(SUNDER_TYPE_STRINGS,
        "['a', 1] == ['b']",
        0,
        "this expression must give list(string), and gives true or false");
}

static void fields_that_are_not_allowed_here_are_refused(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(16384);
    struct sunder_expr *expr = NULL;
    struct sunder_expr_error error = {0};

    struct sunder_expr_want want = {
        .allowed = SUNDER_FIELDS_ALL & ~SUNDER_FIELD_BIT(SUNDER_FIELD_DUTY),
        .type = SUNDER_TYPE_BOOL};
    assert_int_equal(
        sunder_expr_compile(&arena, SUNDER_STR("1 == 1 || duty == 'a'"), &want, &expr, &error),
        SUNDER_ERR_INVALID);
    assert_int_equal(error.offset, 10);
    assert_string_equal(error.text, "`duty` can be read in rules only: the catalogue decides it");

    want = (struct sunder_expr_want){.type = SUNDER_TYPE_ANY};
    assert_int_equal(
        sunder_expr_compile(&arena, SUNDER_STR("agent"), &want, &expr, &error), SUNDER_ERR_INVALID);
    assert_string_equal(error.text, "`agent` cannot be read here");
}

/* head, then `body` count times, then `middle`, then `tail` count times. */
static const char *repeated(const char *body, uint32_t count, const char *middle, const char *tail)
{
    static char source[65536];
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        at += (size_t)snprintf(source + at, sizeof(source) - at, "%s", body);
    }
    at += (size_t)snprintf(source + at, sizeof(source) - at, "%s", middle);
    for (uint32_t i = 0; i < count; i++) {
        at += (size_t)snprintf(source + at, sizeof(source) - at, "%s", tail);
    }
    assert_true(at < sizeof(source) - 1);
    return source;
}

static void assert_too_much(const char *source, const char *text)
{
    struct sunder_expr_error error = {0};
    assert_int_equal(compile(source, SUNDER_TYPE_ANY, &error), SUNDER_ERR_INVALID);
    assert_string_equal(error.text, text);
}

static void assert_compiles(const char *source)
{
    struct sunder_expr_error error = {0};
    assert_int_equal(compile(source, SUNDER_TYPE_ANY, &error), SUNDER_OK);
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    const char *deeper = "the expression nests deeper than 32";
    assert_compiles(repeated("(", SUNDER_EXPR_DEPTH_MAX, "1", ")"));
    assert_too_much(repeated("(", SUNDER_EXPR_DEPTH_MAX + 1, "1", ")"), deeper);
    assert_compiles(repeated("!", SUNDER_EXPR_DEPTH_MAX, "true", ""));
    assert_too_much(repeated("!", SUNDER_EXPR_DEPTH_MAX + 1, "true", ""), deeper);
    assert_compiles(repeated("[", SUNDER_EXPR_DEPTH_MAX, "1", "]"));
    assert_too_much(repeated("[", SUNDER_EXPR_DEPTH_MAX + 1, "1", "]"), deeper);
    assert_compiles(repeated("true ? 1 : ", SUNDER_EXPR_DEPTH_MAX, "1", ""));
    assert_too_much(repeated("true ? 1 : ", SUNDER_EXPR_DEPTH_MAX + 1, "1", ""), deeper);
    assert_compiles(repeated("", SUNDER_EXPR_HEIGHT_MAX, "args", ".a"));
    assert_too_much(repeated("", SUNDER_EXPR_HEIGHT_MAX + 1, "args", ".a"), deeper);
    assert_compiles(repeated("1 - ", SUNDER_EXPR_HEIGHT_MAX, "1", ""));
    assert_too_much(repeated("1 - ", SUNDER_EXPR_HEIGHT_MAX + 1, "1", ""), deeper);
    assert_too_much(repeated("(", 4000, "1", ""), deeper);
}

static void a_chain_of_one_operator_does_not_nest(void **state)
{
    (void)state;
    assert_compiles(repeated("true && ", 400, "true", ""));
    assert_compiles(repeated("1 + ", 400, "1", ""));
}

static void parts_are_bounded(void **state)
{
    (void)state;
    assert_compiles(repeated("1+", SUNDER_EXPR_NODES_MAX - 2, "1", ""));
    assert_too_much(repeated("1+", SUNDER_EXPR_NODES_MAX - 1, "1", ""),
        "the expression has more than 1024 parts");
}

static void length_is_bounded(void **state)
{
    (void)state;
    assert_compiles(repeated(" ", SUNDER_EXPR_CHARS_MAX - 1, "1", ""));
    assert_too_much(
        repeated(" ", SUNDER_EXPR_CHARS_MAX, "1", ""), "the expression is longer than 4096 bytes");
}

static void an_arena_without_room_is_full_at_every_size(void **state)
{
    (void)state;
    const char *source = "agent in ['a', 'b'] && args.a.b == 'c' + string(amount) ? 'yes' : 'no'";
    static char memory[65536];
    uint32_t refusals = 0;

    for (size_t size = 0; size < sizeof(memory); size += 8) {
        struct sunder_arena arena = sunder_arena_of(memory, size);
        struct sunder_expr *expr = NULL;
        struct sunder_expr_error error = {0};
        enum sunder_err err =
            compile_for(&arena, sunder_str_of(source), SUNDER_TYPE_STRING, &expr, &error);
        if (err == SUNDER_OK) {
            break;
        }
        assert_int_equal(err, SUNDER_ERR_FULL);
        assert_string_equal(error.text, "no memory is left for the policy");
        refusals += 1;
    }

    assert_in_range(refusals, 10, sizeof(memory) / 8 - 1);
}

/* An event with one long string in args.s. */
static enum sunder_err eval_with_string(
    const char *source, uint32_t len, struct sunder_arena *arena, struct sunder_value *ret_value)
{
    static char text[SUNDER_EXPR_STRING_MAX + 2];
    memset(text, 'A', sizeof(text));
    struct sunder_member args[1] = {{.name = SUNDER_STR("s")}};
    args[0].value = (struct sunder_value){.kind = SUNDER_VALUE_STRING, .text = {text, len}};
    struct sunder_expr_env env = {0};
    env.fields[SUNDER_FIELD_ARGS] =
        (struct sunder_value){.kind = SUNDER_VALUE_MAP, .count = 1, .members = args};
    struct sunder_arena programs = test_arena_of(65536);
    struct sunder_expr *expr = NULL;
    struct sunder_expr_error error = {0};
    assert_int_equal(
        compile_for(&programs, sunder_str_of(source), SUNDER_TYPE_ANY, &expr, &error), SUNDER_OK);
    return sunder_expr_eval(expr, &env, arena, ret_value);
}

static void strings_that_an_expression_makes_are_bounded(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(65536);
    struct sunder_value value = {0};
    const uint32_t max = SUNDER_EXPR_STRING_MAX;

    assert_int_equal(eval_with_string("args.s + 'x'", max - 1, &arena, &value), SUNDER_OK);
    assert_int_equal(value.text.len, max);
    assert_int_equal(eval_with_string("args.s + 'x'", max, &arena, &value), SUNDER_ERR_INVALID);
    assert_int_equal(eval_with_string("args.s.lowerAscii()", max, &arena, &value), SUNDER_OK);
    assert_int_equal(
        eval_with_string("args.s.lowerAscii()", max + 1, &arena, &value), SUNDER_ERR_INVALID);
    assert_int_equal(
        eval_with_string("args.s + 'x' == 'y' || true", max, &arena, &value), SUNDER_OK);
}

static void no_room_for_a_string_is_full_and_never_absorbed(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(64);
    struct sunder_value value = {0};

    assert_int_equal(eval_with_string("args.s + 'x'", 100, &arena, &value), SUNDER_ERR_FULL);
    assert_int_equal(eval_with_string("args.s.lowerAscii()", 100, &arena, &value), SUNDER_ERR_FULL);
    assert_int_equal(eval_with_string("args.s + 'x' == 'y' || args.s == 'y'", 100, &arena, &value),
        SUNDER_ERR_FULL);
    assert_int_equal(eval_with_string("[args.s, args.s]", 1, &arena, &value), SUNDER_ERR_FULL);
    assert_int_equal(
        eval_with_string("args.s.contains('AAAAAAAAAAAAAAAAAAAAAAAAAAAAA')", 100, &arena, &value),
        SUNDER_ERR_FULL);
}

static void the_nearest_word_is_near(void **state)
{
    (void)state;
    const struct sunder_str words[] = {
        SUNDER_STR("rules"), SUNDER_STR("require"), SUNDER_STR("by")};

    assert_str_equal(sunder_str_nearest(SUNDER_STR("rule"), words, 3), "rules");
    assert_str_equal(sunder_str_nearest(SUNDER_STR("ruels"), words, 3), "rules");
    assert_str_equal(sunder_str_nearest(SUNDER_STR("requires"), words, 3), "require");
    assert_str_equal(sunder_str_nearest(SUNDER_STR("yb"), words, 3), "by");
    assert_true(sunder_str_absent(sunder_str_nearest(SUNDER_STR("b"), words, 3)));
    assert_true(sunder_str_absent(sunder_str_nearest(SUNDER_STR("catalogue"), words, 3)));
    assert_true(sunder_str_absent(sunder_str_nearest(SUNDER_STR(""), words, 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_syntax_is_refused),
        cmocka_unit_test(broken_words_are_refused),
        cmocka_unit_test(unknown_names_are_refused_with_the_nearest_one),
        cmocka_unit_test(macros_say_how_they_are_written),
        cmocka_unit_test(the_history_takes_constants),
        cmocka_unit_test(what_takes_too_long_is_refused_with_its_factors),
        cmocka_unit_test(patterns_are_plain_texts_where_no_others_can_be),
        cmocka_unit_test(members_belong_to_maps_only),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(types_that_never_fit_are_refused),
        cmocka_unit_test(the_result_must_be_of_the_wanted_type),
        cmocka_unit_test(fields_that_are_not_allowed_here_are_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(a_chain_of_one_operator_does_not_nest),
        cmocka_unit_test(parts_are_bounded),
        cmocka_unit_test(length_is_bounded),
        cmocka_unit_test(an_arena_without_room_is_full_at_every_size),
        cmocka_unit_test(strings_that_an_expression_makes_are_bounded),
        cmocka_unit_test(no_room_for_a_string_is_full_and_never_absorbed),
        cmocka_unit_test(the_nearest_word_is_near),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
