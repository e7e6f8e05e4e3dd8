/* The door for any variables: schemas, values in and out, the checker on and off, doubles and their texts. */
#include "engine/expr/cel.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/test.h"

static struct sunder_arena arena;

static enum sunder_err compile(const char *source,
    const struct sunder_cel_schema *schema,
    struct sunder_cel **ret_program,
    struct sunder_expr_error *ret_error)
{
    static char memory[1 << 20];
    arena = sunder_arena_of(memory, sizeof(memory));
    return sunder_cel_compile(&arena, sunder_str_of(source), schema, ret_program, ret_error);
}

static struct sunder_cel_value eval(const char *source, bool check)
{
    const struct sunder_cel_schema schema = {.check = check};
    struct sunder_cel *program = NULL;
    struct sunder_expr_error error;
    struct sunder_cel_value value = {0};
    assert_int_equal(compile(source, &schema, &program, &error), SUNDER_OK);
    assert_int_equal(sunder_cel_eval(program, NULL, &arena, &value, NULL), SUNDER_OK);
    return value;
}

static void variables_are_read_by_their_whole_names(void **state)
{
    (void)state;
    const struct sunder_cel_variable variables[] = {
        {SUNDER_STR("a"), SUNDER_STR("map(string, int)")},
        {SUNDER_STR("a.b"), SUNDER_STR("int")},
        {SUNDER_STR("x"), SUNDER_STR("list(dyn)")}};
    const struct sunder_cel_schema schema = {
        .variables = variables, .variable_count = 3, .check = true};
    struct sunder_cel_entry entries[2] = {{{.kind = SUNDER_CEL_STRING, .count = 1, .at = "z"},
                                              {.kind = SUNDER_CEL_INT, .integer = 1}},
        {{.kind = SUNDER_CEL_STRING, .count = 1, .at = "c"},
            {.kind = SUNDER_CEL_INT, .integer = 30}}};
    const struct sunder_cel_value values[3] = {
        {.kind = SUNDER_CEL_MAP, .count = 2, .entries = entries},
        {.kind = SUNDER_CEL_INT, .integer = 400}};
    struct sunder_cel *program = NULL;
    struct sunder_expr_error error;
    struct sunder_expr_fault fault;
    struct sunder_cel_value value = {0};

    assert_int_equal(compile("a.b + a.c + a['z']", &schema, &program, &error), SUNDER_OK);
    assert_str_equal(sunder_cel_type(program), "int");
    assert_int_equal(sunder_cel_eval(program, values, &arena, &value, &fault), SUNDER_OK);
    assert_int_equal(value.kind, SUNDER_CEL_INT);
    assert_int_equal(value.integer, 431);

    assert_int_equal(compile("x[0]", &schema, &program, &error), SUNDER_OK);
    assert_int_equal(sunder_cel_eval(program, values, &arena, &value, &fault), SUNDER_ERR_INVALID);
    assert_true(fault.absent);
    assert_str_equal(fault.path, "x");
}

static void a_schema_with_a_wrong_type_is_refused(void **state)
{
    (void)state;
    const struct sunder_cel_variable variables[] = {{SUNDER_STR("a"), SUNDER_STR("map(string)")}};
    const struct sunder_cel_schema schema = {
        .variables = variables, .variable_count = 1, .check = true};
    struct sunder_cel *program = NULL;
    struct sunder_expr_error error;
    assert_int_equal(compile("1", &schema, &program, &error), SUNDER_ERR_INVALID);
    assert_string_equal(error.text, "variable `a`: `map(string)` is no type");
}

static void types_are_deduced(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"[1, 2]", "list(int)"},
        {"[1, 'a']", "list(dyn)"},
        {"{'a': [1u]}", "map(string, list(uint))"},
        {"[].map(x, 1.5)", "list(double)"},
        {"timestamp(0) - duration('1s')", "timestamp"},
        {"type(1)", "type(int)"},
        {"true ? null : dyn(1)", "dyn"},
        {"cel.bind(x, 'a', [x])", "list(string)"},
    };
    const struct sunder_cel_schema schema = {.check = true};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sunder_cel *program = NULL;
        struct sunder_expr_error error;
        assert_int_equal(compile(cases[i][0], &schema, &program, &error), SUNDER_OK);
        test_assert_str(sunder_cel_type(program), sunder_str_of(cases[i][1]), __FILE__, __LINE__);
    }
}

static void without_the_checker_types_meet_when_they_are_used(void **state)
{
    (void)state;
    const struct sunder_cel_schema schema = {.check = false};
    struct sunder_cel *program = NULL;
    struct sunder_expr_error error;
    struct sunder_cel_value value = {0};
    assert_int_equal(eval("1 == 'a'", false).integer, 0);
    assert_int_equal(eval("nobody || true", false).integer, 1);
    assert_int_equal(compile("1 < 'a'", &schema, &program, &error), SUNDER_OK);
    assert_int_equal(sunder_cel_eval(program, NULL, &arena, &value, NULL), SUNDER_ERR_INVALID);
}

static void results_are_walked(void **state)
{
    (void)state;
    struct sunder_cel_value map = eval("{'b': [1, 2u], 'a': {true: b'x'}}", true);
    assert_int_equal(map.kind, SUNDER_CEL_MAP);
    struct sunder_cel_entry first = sunder_cel_entry_at(&map, 0);
    struct sunder_cel_entry second = sunder_cel_entry_at(&map, 1);
    assert_int_equal(first.key.at[0], 'a');
    assert_int_equal(sunder_cel_entry_at(&first.value, 0).value.kind, SUNDER_CEL_BYTES);
    struct sunder_cel_value item = sunder_cel_item(&second.value, 1);
    assert_int_equal(item.kind, SUNDER_CEL_UINT);
    struct sunder_cel_value one = {.kind = SUNDER_CEL_DOUBLE, .real = 2.0};
    assert_true(sunder_cel_equal(&item, &one));

    struct sunder_cel_value time = eval("timestamp('1969-12-31T23:59:59.5Z')", true);
    assert_int_equal(time.integer, -1);
    assert_int_equal((int32_t)time.count, 500000000);
    struct sunder_cel_value duration = eval("duration('-1.5s')", true);
    assert_int_equal(duration.integer, -1);
    assert_int_equal((int32_t)duration.count, -500000000);
}

/* Random doubles: the text is read back by the C library and by us, and no shorter one of the C library's does. */
static void doubles_have_the_shortest_text_that_reads_back(void **state)
{
    (void)state;
    const char *wanted = getenv("SUNDER_SEED");
    uint64_t seed = wanted == NULL ? 88172645463325252u : strtoull(wanted, NULL, 10);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint32_t i = 0; i < 2000; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        double value = (double)(seed % 100000000) / (double)((seed >> 40) % 1000 + 1);
        if (i % 2 == 0) {
            memcpy(&value, &seed, sizeof(value));
        }
        if (value - value != 0) {
            continue; /* Infinite, or no number. */
        }
        char source[128];
        (void)snprintf(source, sizeof(source), "string(double('%.17g'))", value);
        struct sunder_cel_value text = eval(source, true);
        char back[64] = "";
        memcpy(back, text.at, text.count);
        assert_true(strtod(back, NULL) == value);
        uint32_t digits = 1;
        char shorter[64];
        do {
            (void)snprintf(shorter, sizeof(shorter), "%.*e", (int)digits - 1, value);
            digits += 1;
        } while (strtod(shorter, NULL) != value);
        (void)snprintf(source, sizeof(source), "double('%s')", shorter);
        assert_true(eval(source, true).real == value);
        uint32_t used = 0;
        bool leading = true;
        for (const char *at = back; *at != '\0' && *at != 'e'; at++) {
            leading = leading && (*at == '0' || *at == '.' || *at == '-');
            used += !leading && *at != '.' ? 1 : 0;
        }
        assert_true(used <= 21 && (strchr(back, 'e') == NULL || used < digits));
    }
}

static void doubles_at_the_edges(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"1e21", "1e+21"},
        {"1e20", "100000000000000000000"},
        {"0.0001", "0.0001"},
        {"0.00001", "1e-05"},
        {"5e-324", "5e-324"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"-0.0", "-0"},
        {"9007199254740993.0", "9007199254740992"},
        {"2.2250738585072011e-308", "2.225073858507201e-308"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char source[64];
        (void)snprintf(source, sizeof(source), "string(%s)", cases[i][0]);
        struct sunder_cel_value text = eval(source, true);
        test_assert_str((struct sunder_str){text.at, text.count},
            sunder_str_of(cases[i][1]),
            __FILE__,
            __LINE__);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_read_by_their_whole_names),
        cmocka_unit_test(a_schema_with_a_wrong_type_is_refused),
        cmocka_unit_test(types_are_deduced),
        cmocka_unit_test(without_the_checker_types_meet_when_they_are_used),
        cmocka_unit_test(results_are_walked),
        cmocka_unit_test(doubles_have_the_shortest_text_that_reads_back),
        cmocka_unit_test(doubles_at_the_edges),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
