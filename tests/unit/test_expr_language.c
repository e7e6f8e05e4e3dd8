/* What the language has beyond comparisons: numbers of all kinds, macros, conversions, times, texts, lists, sets, patterns. */
#include <stdio.h>

#include "engine/base/decimal.h"
#include "engine/expr/expr.h"
#include "engine/model/limits.h"
#include "tests/support/test.h"

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

/* agent a1, amount 18250.75, depth 2, labels [pii, secret], now 2026-01-01T00:00:00.250Z, args {big: 9007199254740993, items: [{n: 1},
 * {n: 2.5}, {}], list: [3, 1, 2], long: 1e-9, mixed: [1, 'x', null], to: 'ops@acme.example', whole: 2.0}. */
static const struct sunder_expr_env *env_of_a_payment(void)
{
    static struct sunder_expr_env env;
    static struct sunder_value labels[2];
    static struct sunder_value list[3];
    static struct sunder_value mixed[3];
    static struct sunder_value items[3];
    static struct sunder_member inner[2];
    static struct sunder_member args[7];
    labels[0] = text_of("pii");
    labels[1] = text_of("secret");
    list[0] = number_of("3");
    list[1] = number_of("1");
    list[2] = number_of("2");
    mixed[0] = number_of("1");
    mixed[1] = text_of("x");
    mixed[2] = (struct sunder_value){.kind = SUNDER_VALUE_NULL};
    inner[0] = (struct sunder_member){SUNDER_STR("n"), number_of("1")};
    inner[1] = (struct sunder_member){SUNDER_STR("n"), number_of("2.5")};
    for (uint32_t i = 0; i < 3; i++) {
        items[i] = (struct sunder_value){
            .kind = SUNDER_VALUE_MAP, .count = i < 2 ? 1 : 0, .members = &inner[i < 2 ? i : 0]};
    }
    args[0] = (struct sunder_member){SUNDER_STR("big"), number_of("9007199254740993")};
    args[1] = (struct sunder_member){
        SUNDER_STR("items"), {.kind = SUNDER_VALUE_LIST, .count = 3, .items = items}};
    args[2] = (struct sunder_member){
        SUNDER_STR("list"), {.kind = SUNDER_VALUE_LIST, .count = 3, .items = list}};
    args[3] = (struct sunder_member){SUNDER_STR("long"), number_of("1e-9")};
    args[4] = (struct sunder_member){
        SUNDER_STR("mixed"), {.kind = SUNDER_VALUE_LIST, .count = 3, .items = mixed}};
    args[5] = (struct sunder_member){SUNDER_STR("to"), text_of("ops@acme.example")};
    args[6] = (struct sunder_member){SUNDER_STR("whole"), number_of("2.0")};
    env = (struct sunder_expr_env){.now_ms = 1767225600250};
    env.fields[SUNDER_FIELD_AGENT] = text_of("a1");
    env.fields[SUNDER_FIELD_AMOUNT] = number_of("18250.75");
    env.fields[SUNDER_FIELD_DEPTH] = number_of("2");
    env.fields[SUNDER_FIELD_LABELS] =
        (struct sunder_value){.kind = SUNDER_VALUE_LIST, .count = 2, .items = labels};
    env.fields[SUNDER_FIELD_ARGS] =
        (struct sunder_value){.kind = SUNDER_VALUE_MAP, .count = 7, .members = args};
    return &env;
}

/* As text: true, false, a number, 'a string', [n] for a list of n, ! and why for an error. */
static void show(const char *source, char *shown, size_t size)
{
    static char memory[1 << 20];
    struct sunder_arena arena = sunder_arena_of(memory, sizeof(memory));
    struct sunder_expr *expr = NULL;
    struct sunder_expr_error error = {0};
    struct sunder_expr_fault fault = {0};
    struct sunder_value value = {0};
    const struct sunder_expr_want want = {.allowed = SUNDER_FIELDS_ALL, .type = SUNDER_TYPE_ANY};
    char plain[SUNDER_DECIMAL_TEXT_MAX];
    enum sunder_err err = sunder_expr_compile(&arena, sunder_str_of(source), &want, &expr, &error);
    if (err != SUNDER_OK) {
        (void)snprintf(shown, size, "refused: %s", error.text);
        return;
    }
    err = sunder_expr_eval_fault(expr, env_of_a_payment(), &arena, &value, &fault);
    if (err != SUNDER_OK) {
        assert_int_equal(err, SUNDER_ERR_INVALID);
        (void)snprintf(shown, size, "! %s", fault.text);
    } else if (value.kind == SUNDER_VALUE_BOOL) {
        (void)snprintf(shown, size, "%s", value.boolean ? "true" : "false");
    } else if (value.kind == SUNDER_VALUE_NUMBER) {
        (void)snprintf(shown, size, "%.*s", (int)sunder_decimal_format(value.micro, plain), plain);
    } else if (value.kind == SUNDER_VALUE_STRING) {
        (void)snprintf(shown, size, "'%.*s'", (int)value.text.len, value.text.at);
    } else {
        (void)snprintf(shown, size, "[%u]", value.count);
    }
}

static void gives(const char *source, const char *expected)
{
    static char shown[512];
    show(source, shown, sizeof(shown));
    if (strcmp(shown, expected) != 0) {
        print_error("%s gives %s, not %s\n", source, shown, expected);
        fail();
    }
}

static void decimals_and_ints_calculate_exactly(void **state)
{
    (void)state;
    gives("amount - 18250.70", "0.05");
    gives("amount * 2", "36501.5");
    gives("2 * 0.000001", "0.000002");
    gives("0.001 * 0.001", "0.000001");
    gives("0.0001 * 0.001", "! the product has more than 6 decimals");
    gives("amount + 1", "18251.75");
    gives("-amount < 0", "true");
    gives("depth + 1", "3");
    gives("7 / 2", "3");
    gives("-7 % 3", "-1");
    gives("7 / 0", "! a number is divided by zero");
    gives("9223372036854775807 + 1 > 0", "! the result is out of range");
    gives("-9223372036854775808 < 0", "true");
    gives("0x10 + 1", "17");
    gives("9000000000000.0 * 2", "! the result is out of range");
    gives("amount * args.whole", "36501.5");
    gives("amount * args.to", "! a value has the wrong type");
}

static void numbers_of_all_types_compare_by_value(void **state)
{
    (void)state;
    gives("args.whole == 2", "true");
    gives("args.whole == 2u", "true");
    gives("2.0 in [1, 2]", "true");
    gives("depth == 2.0", "true");
    gives("args.big == 9007199254740993", "true");
    gives("args.big > 9007199254740992.5",
        "refused: `9007199254740992.5` has more than 6 decimals or is too large");
    gives("double('0.1') < 0.1", "false");
    gives("double('0.1') > 0.1", "true"); /* The double is a little above. */
    gives("double('0.5') == 0.5", "true");
    gives("1u < 2", "true");
    gives("args.long == 1 || true", "true");
}

static void macros_go_over_lists_and_maps(void **state)
{
    (void)state;
    gives("labels.exists(l, l == 'pii')", "true");
    gives("labels.all(l, l.startsWith('p'))", "false");
    gives("labels.exists_one(l, l.startsWith('p'))", "true");
    gives("labels.filter(l, l != 'pii')[0]", "'secret'");
    gives("labels.map(l, l + '!')[1]", "'secret!'");
    gives("labels.map(l, l == 'pii', l.upperAscii())[0]", "'PII'");
    gives("args.list.all(n, n >= 1 && n <= 3)", "true");
    gives("args.items.exists(i, i.n == 2.5)", "true");
    gives("args.items.all(i, has(i.n))", "false");
    gives("args.exists(k, k == 'to')", "true");
    gives("{'b': 1, 'a': 2}.map(k, k).join()", "'ab'");
    gives("[].all(x, x == 1)", "true");
    gives("[].exists(x, x == 1)", "false");
    gives("labels.exists(a, ['x', 'pii'].exists(b, a == b))", "true");
    gives("cel.bind(x, amount * 2, x > 36501 && x < 36502)", "true");
}

static void all_and_exists_absorb_errors(void **state)
{
    (void)state;
    gives("args.items.exists(i, i.n == 1)", "true");
    gives("args.items.exists(i, i.n == 7)", "! what it reads is not there");
    gives("args.items.all(i, i.n < 2)", "false");
    gives("args.items.all(i, i.n < 9)", "! what it reads is not there");
    gives("args.mixed.exists(m, m > 0)", "true");
    gives("args.mixed.map(m, m + 1).size()", "! a value has the wrong type");
    gives("args.mixed.exists_one(m, m > 0)", "! a value has the wrong type");
}

static void conversions_are_exact_or_errors(void **state)
{
    (void)state;
    gives("int('42') + int(2.9)", "44");
    gives("int('4x') == 4", "! the text is not a number");
    gives("decimal('12.50') == 12.5", "true");
    gives("decimal(args.to) > 1", "! the text is not a number");
    gives("decimal(double('0.1')) == 0.1", "true");
    gives("string(1.50)", "'1.5'");
    gives("string(args.big)", "'9007199254740993'");
    gives("string(double(1.5))", "'1.5'");
    gives("string(b'abc')", "'abc'");
    gives("bool('true')", "true");
    gives("uint(-1) == 1u", "! the number is out of range");
    gives("type(amount) == decimal && type(1) == int", "true");
    gives("size(bytes('\xc3\xbc'))", "2");
}

static void times_are_utc_or_at_an_offset(void **state)
{
    (void)state;
    gives("string(now)", "'2026-01-01T00:00:00.25Z'");
    gives("now.getHours()", "0");
    gives("now.getHours('-01:00')", "23");
    gives("now.getFullYear('-01:00')", "2025");
    gives("now.getDayOfWeek()", "4");
    gives("now.getMilliseconds()", "250");
    gives("now.getHours('Europe/Berlin')",
        "! a time zone is `UTC` or like `+02:00`: what a name means hangs on the machine");
    gives("now - duration('1h') < timestamp('2026-01-01T00:00:00Z')", "true");
    gives("now - timestamp('2025-12-31T00:00:00Z') > duration('24h')", "true");
    gives("string(duration('90m'))", "'5400s'");
    gives("timestamp('2026-02-30T00:00:00Z') < now", "! there is no such day or time of day");
    gives("timestamp('2024-02-29T12:00:00+02:00').getDayOfYear()", "59");
    gives("duration('1h30m').getMinutes()", "90");
    gives("duration('-1.5s') < duration('0')", "true");
}

static void texts_are_counted_in_characters(void **state)
{
    (void)state;
    gives("'t\xc3\xbcr'.charAt(1)", "'\xc3\xbc'");
    gives("'t\xc3\xbcr'.indexOf('r')", "2");
    gives("args.to.substring(0, args.to.indexOf('@'))", "'ops'");
    gives("args.to.split('@')[1]", "'acme.example'");
    gives("args.to.split('@', 1).size()", "1");
    gives("'a-b-c'.replace('-', '+')", "'a+b+c'");
    gives("'a-b-c'.lastIndexOf('-')", "3");
    gives("' x '.trim()", "'x'");
    gives("'abc'.reverse()", "'cba'");
    gives("labels.join('/')", "'pii/secret'");
    gives("'abc'.substring(2, 1)", "! a part of a text ends before it begins");
    gives("'abc'.charAt(4)", "! a position is beyond the text");
    gives("strings.quote('a\"b')", "'\"a\\\"b\"'");
}

static void lists_and_sets(void **state)
{
    (void)state;
    gives("args.list.sort() == [1, 2, 3]", "true");
    gives(
        "args.mixed.sort().size()", "! only elements of one type that has an order can be sorted");
    gives("[1, 2, 1].distinct() == [1, 2]", "true");
    gives("args.list.slice(0, 2) == [3, 1]", "true");
    gives("args.list.first() + args.list.last()", "5");
    gives("[[1], [2, [3]]].flatten() == [1, 2, [3]]", "true");
    gives("labels + ['x'] == ['pii', 'secret', 'x']", "true");
    gives("sets.contains(labels, ['pii'])", "true");
    gives("sets.equivalent(labels, ['secret', 'pii', 'pii'])", "true");
    gives("sets.intersects(labels, ['x'])", "false");
    gives("math.greatest(args.list)", "3");
    gives("math.least(amount, 5)", "5");
    gives("math.abs(-1.5)", "1.5");
    gives("args.list[3] == 1", "! an index is beyond its list");
    gives("{'a': 1}['b'] == 1", "! what it reads is not there");
    gives("{'a': 1, 'a': 2}.size()", "! a key is in a map twice");
    gives("args['to']", "'ops@acme.example'");
}

static void patterns_that_are_plain_texts_need_no_port(void **state)
{
    (void)state;
    gives("args.to.matches('^ops@')", "true");
    gives("args.to.matches('acme\\\\.example$')", "true");
    gives("args.to.matches('^ops@acme\\\\.example$')", "true");
    gives("args.to.matches('@')", "true");
    gives("args.to.matches('^$')", "false");
    gives("matches(args.to, 'beta')", "false");
}

static void what_an_evaluation_makes_is_bounded(void **state)
{
    (void)state;
    gives("lists.range(5000).size()", "! a list would be longer than 4096 elements");
    gives("lists.range(3000).size() + lists.range(3000).size()",
        "! the evaluation makes more text and lists than its bound");
    /* A list of twice the list before, 24 times: few lists, 2^24 elements to compare. */
    static char source[2048];
    size_t at = 0;
    for (char name = 'a'; name < 'y'; name++) {
        at += (size_t)snprintf(source + at,
            sizeof(source) - at,
            name == 'a' ? "cel.bind(%c, [amount]," : "cel.bind(%c, [%c, %c],",
            name,
            name - 1,
            name - 1);
    }
    at += (size_t)snprintf(source + at, sizeof(source) - at, "x == x");
    memset(source + at, ')', 24);
    source[at + 24] = '\0';
    gives(source, "! the evaluation takes longer than its bound");
}

/* With every size of memory below what it takes an evaluation is FULL, never wrong; and so is the compilation. */
static void without_room_it_is_full_at_every_size(void **state)
{
    (void)state;
    static char program_memory[1 << 17];
    static char eval_memory[4096];
    static const char *const sources[] = {
        "labels.map(l, l + '!').join('/') == 'pii!/secret!'",
        "args.to.split('@')[0].upperAscii().replace('O', 'oo') == 'ooPS'",
        "[amount, 1].sort()[0] == 1 && {'a': [agent]}['a'][0] == 'a1'",
        "string(now) == '2026-01-01T00:00:00.25Z' && sets.contains(labels + [agent], ['a1'])",
        ("tool == 'a' || labels.exists(l, l.startsWith('sec')) && history.count('x') > 1 || "
         "[[1], [2]].flatten().size() == 2"),
    };
    const struct sunder_expr_want want = {.allowed = SUNDER_FIELDS_ALL, .type = SUNDER_TYPE_BOOL};
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        struct sunder_expr *expr = NULL;
        struct sunder_expr_error error = {0};
        uint32_t refusals = 0;
        enum sunder_err err = SUNDER_ERR_FULL;
        for (size_t size = 0; err != SUNDER_OK; size += 64) {
            assert_true(size < sizeof(program_memory));
            struct sunder_arena arena = sunder_arena_of(program_memory, size);
            err = sunder_expr_compile(&arena, sunder_str_of(sources[i]), &want, &expr, &error);
            assert_true(err == SUNDER_OK || err == SUNDER_ERR_FULL);
            refusals += err == SUNDER_OK ? 0 : 1;
        }
        assert_in_range(refusals, 10, 2000);
        struct sunder_value value = {0};
        for (size_t size = 0; size < sizeof(eval_memory); size += 8) {
            struct sunder_arena arena = sunder_arena_of(eval_memory, size);
            err = sunder_expr_eval(expr, env_of_a_payment(), &arena, &value);
            if (err != SUNDER_ERR_FULL && (err != SUNDER_OK || !value.boolean)) {
                print_error("%s: %d with %zu bytes\n", sources[i], err, size);
                fail();
            }
        }
        assert_int_equal(err, SUNDER_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_and_ints_calculate_exactly),
        cmocka_unit_test(numbers_of_all_types_compare_by_value),
        cmocka_unit_test(macros_go_over_lists_and_maps),
        cmocka_unit_test(all_and_exists_absorb_errors),
        cmocka_unit_test(conversions_are_exact_or_errors),
        cmocka_unit_test(times_are_utc_or_at_an_offset),
        cmocka_unit_test(texts_are_counted_in_characters),
        cmocka_unit_test(lists_and_sets),
        cmocka_unit_test(patterns_that_are_plain_texts_need_no_port),
        cmocka_unit_test(what_an_evaluation_makes_is_bounded),
        cmocka_unit_test(without_room_it_is_full_at_every_size),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
