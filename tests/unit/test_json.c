#include "proto/json.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/model/limits.h"
#include "proto/canonical.h"
#include "proto/json_number.h"
#include "tests/support/test.h"

enum {
    BYTES_MAX = 300000,
    OUT_MAX = 2000000
};

static struct sunder_json_parser *parser;
static char out_buf[OUT_MAX];

static int setup(void **state)
{
    assert_int_equal(sunder_json_parser_create(BYTES_MAX, &parser), SUNDER_OK);
    return test_group_setup(state);
}

static int teardown(void **state)
{
    (void)state;
    sunder_json_parser_destroy(&parser);
    assert_null(parser);
    sunder_json_parser_destroy(&parser);
    return 0;
}

static struct sunder_str canonical(struct sunder_str text)
{
    struct sunder_arena arena = test_arena_of(1 << 16);
    struct sunder_value value;
    enum sunder_err err = sunder_json_parse(parser, &arena, text, 0, &value);
    if (err != SUNDER_OK) {
        print_error("%.*s: %s\n", (int)text.len, text.at, sunder_json_why(parser));
    }
    assert_int_equal(err, SUNDER_OK);
    struct sunder_json_out out = {out_buf, out_buf + sizeof(out_buf), false};
    assert_int_equal(sunder_canonical_put(&out, &arena, &value), SUNDER_OK);
    return (struct sunder_str){out_buf, (uint32_t)(out.at - out_buf)};
}

static void is_canonical(const char *text, const char *expected)
{
    test_assert_str(canonical(sunder_str_of(text)), sunder_str_of(expected), __FILE__, __LINE__);
}

static void is_refused(struct sunder_str text, enum sunder_err expected)
{
    struct sunder_arena arena = test_arena_of(1 << 16);
    struct sunder_value value;
    enum sunder_err err = sunder_json_parse(parser, &arena, text, 0, &value);
    if (err != expected) {
        print_error("%.*s\n", (int)text.len, text.at);
    }
    assert_int_equal(err, expected);
    assert_true(sunder_json_why(parser)[0] != '\0');
    assert_int_equal(arena.used, 0);
}

/* RFC 8785, section 3.2.2 to 3.2.4. */
static void the_example_of_rfc_8785_is_written_as_there(void **state)
{
    (void)state;
    is_canonical("{\n  \"numbers\": [333333333.33333329, 1E30, 4.50,\n              2e-3, "
                 "0.000000000000000000000000001],\n"
                 "  \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\n  "
                 "\"literals\": [null, true, false]\n}",
        "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
        "\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

/* RFC 8785, section 3.2.3: the sorting of names. */
static void names_are_sorted_by_utf16_units(void **state)
{
    (void)state;
    is_canonical(
        "{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\",\"\\ufb33\":\"Hebrew Letter Dalet "
        "With Dagesh\","
        "\"1\":\"One\",\"\\ud83d\\ude00\":\"Emoji: Grinning "
        "Face\",\"\\u0080\":\"Control\",\"\\u00f6\":\"Latin Small Letter O With Diaeresis\"}",
        "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\",\"\xc3\xb6\":\"Latin "
        "Small Letter O With Diaeresis\","
        "\"\xe2\x82\xac\":\"Euro Sign\",\"\xf0\x9f\x98\x80\":\"Emoji: Grinning "
        "Face\",\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}");
    is_canonical("{\"\\ud83d\\ude00b\":1,\"\\ud83d\\ude00\":2,\"\\ue000\":3,\"\\ud800\\udc00\":4,"
                 "\"\":5,\"a\":6}",
        "{\"\":5,\"a\":6,\"\xf0\x90\x80\x80\":4,\"\xf0\x9f\x98\x80\":2,\"\xf0\x9f\x98\x80"
        "b\":1,\"\xee\x80\x80\":3}");
}

static void is_number(const char *text, const char *expected)
{
    char buf[SUNDER_JSON_NUMBER_MAX];
    uint32_t len = sunder_json_number(sunder_str_of(text), buf);
    assert_true(len <= sizeof(buf));
    test_assert_str((struct sunder_str){buf, len}, sunder_str_of(expected), __FILE__, __LINE__);
}

/* RFC 8785, appendix B, the doubles written with 17 digits. */
static void numbers_are_those_of_ecmascript(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"0", "0"},
        {"-0", "0"},
        {"-0.0", "0"},
        {"0e99999", "0"},
        {"4.9406564584124654e-324", "5e-324"},
        {"-4.9406564584124654e-324", "-5e-324"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"-1.7976931348623157e308", "-1.7976931348623157e+308"},
        {"9007199254740992", "9007199254740992"},
        {"-9007199254740992", "-9007199254740992"},
        {"295147905179352830000", "295147905179352830000"},
        {"9.999999999999997e22", "9.999999999999997e+22"},
        {"1e23", "1e+23"},
        {"1.0000000000000001e23", "1.0000000000000001e+23"},
        {"999999999999999700000", "999999999999999700000"},
        {"999999999999999900000", "999999999999999900000"},
        {"1e21", "1e+21"},
        {"9.999999999999997e-7", "9.999999999999997e-7"},
        {"0.000001", "0.000001"},
        {"333333333.3333332", "333333333.3333332"},
        {"333333333.33333325", "333333333.33333325"},
        {"333333333.3333333", "333333333.3333333"},
        {"333333333.3333334", "333333333.3333334"},
        {"333333333.33333343", "333333333.33333343"},
        {"-0.0000033333333333333333", "-0.0000033333333333333333"},
        {"1424953923781206.25", "1424953923781206.2"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        is_number(pairs[i][0], pairs[i][1]);
    }
    is_number("1e-400", "0");
    is_number("2e-324", "0");
    is_number("0.0000001", "1e-7");
    is_number("-0.00000012", "-1.2e-7");
    is_number("1.50", "1.5");
    is_number("100", "100");
    is_number("1e2", "100");
    is_number("123456789012345678", "123456789012345680");
    is_number("0.1", "0.1");
    is_number("-0.5", "-0.5");
    is_number("999999999999999", "999999999999999");
    is_number("0.123456789012345", "0.123456789012345");
    is_number("0.000000000000000000000000000000", "0");
}

static void structure_that_json_has_not_is_malformed(void **state)
{
    (void)state;
    const char *const bad[] = {"",
        " ",
        "{",
        "}",
        "[",
        "]",
        "{]",
        "[}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1}}",
        "{\"a\":1} {}",
        "{}x",
        "1 2",
        "\"a\"\"b\"",
        "[1]]",
        ":",
        ",",
        "{\"a\"::1}",
        "[\"a\":1]",
        "{\"a\",1}",
        "{\"a\":1,,\"b\":2}",
        "[[1]",
        "{\"a\":[}",
        "tru",
        "truex",
        "TRUE",
        "nul",
        "nulll",
        "True",
        "/* c */1",
        "{'a':1}",
        "\"a",
        "\"",
        "\"a\\\"",
        "[\"a]",
        "// c\n1",
        "\xef\xbb\xbf{}",
        "undefined",
        "1\"a\"",
        "\"a\"1",
        "{\"a\":1\f}",
        "[true false]",
        "[\"a\"b]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_refused(sunder_str_of(bad[i]), SUNDER_ERR_MALFORMED);
    }
    is_refused((struct sunder_str){"1\0", 2}, SUNDER_ERR_MALFORMED);
    is_refused((struct sunder_str){"\0", 1}, SUNDER_ERR_MALFORMED);
    is_refused((struct sunder_str){"{}\0", 3}, SUNDER_ERR_MALFORMED);
}

static void numbers_that_json_has_not_are_malformed(void **state)
{
    (void)state;
    const char *const bad[] = {"NaN",
        "Infinity",
        "-Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".1",
        "1e",
        "1e+",
        "1.e1",
        "0x1",
        "1_000",
        "1e5.5",
        "--1",
        "1a",
        "1e400",
        "-1e400",
        "1e99999999999999999999",
        "1.7976931348623159e308"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_refused(sunder_str_of(bad[i]), SUNDER_ERR_MALFORMED);
    }
    is_canonical("1e-99999999999999999999", "0");
}

static void bad_text_is_malformed(void **state)
{
    (void)state;
    const char *const bad[] = {"\"\x80\"",
        "\"\xc0\xaf\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xc3\"",
        "\"a\nb\"",
        "\"a\tb\"",
        "\"\x01\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800x\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\ud83d\\\"\"",
        "{\"\\ud800\":1}",
        "\"\\U0041\"",
        "\"\\0\"",
        "\"\\'\""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_refused(sunder_str_of(bad[i]), SUNDER_ERR_MALFORMED);
    }
    is_refused((struct sunder_str){"\"\\\0\"", 4}, SUNDER_ERR_MALFORMED);
    is_refused((struct sunder_str){"\"a\0b\"", 5}, SUNDER_ERR_MALFORMED);
}

static void a_repeated_name_is_malformed_at_every_depth_and_however_it_is_written(void **state)
{
    (void)state;
    is_refused(SUNDER_STR("{\"a\":1,\"a\":1}"), SUNDER_ERR_MALFORMED);
    is_refused(SUNDER_STR("{\"a\":1,\"\\u0061\":2}"), SUNDER_ERR_MALFORMED);
    is_refused(SUNDER_STR("{\"x\":[{\"b\":{\"\":1,\"c\":2,\"\":3}}]}"), SUNDER_ERR_MALFORMED);
    is_refused(
        SUNDER_STR(
            "{\"longer-than-eight-1\":1,\"longer-than-eight-2\":1,\"longer-than-eight-1\":2}"),
        SUNDER_ERR_MALFORMED);
    is_canonical("{\"a\":1,\"A\":1,\"a\\u0000\":1,\"aa\":1,\"\":1}",
        "{\"\":1,\"A\":1,\"a\":1,\"a\\u0000\":1,\"aa\":1}");
    is_canonical("[{\"a\":1},{\"a\":1}]", "[{\"a\":1},{\"a\":1}]");

    char many[20000];
    uint32_t len = 0;
    many[len++] = '{';
    for (int i = 0; i < 1000; i++) {
        len += (uint32_t)snprintf(
            many + len, sizeof(many) - len, "\"name-%d\":%d,", (i * 7919) % 1000, i);
    }
    len += (uint32_t)snprintf(many + len, sizeof(many) - len, "\"name-500\":1}");
    struct sunder_arena arena = test_arena_of(1 << 20);
    struct sunder_value value;
    assert_int_equal(sunder_json_parse(parser, &arena, (struct sunder_str){many, len}, 0, &value),
        SUNDER_ERR_MALFORMED);
    many[len - 5] = 'x';
    assert_int_equal(
        sunder_json_parse(parser, &arena, (struct sunder_str){many, len}, 0, &value), SUNDER_OK);
    assert_int_equal(value.count, 1001);
    for (uint32_t i = 1; i < value.count; i++) {
        assert_true(sunder_str_compare(value.members[i - 1].name, value.members[i].name) < 0);
    }
}

static void thirty_two_levels_are_read_and_one_more_is_not(void **state)
{
    (void)state;
    char text[2 * (SUNDER_EVENT_DEPTH_MAX + 1)];
    memset(text, '[', sizeof(text) / 2);
    memset(text + (sizeof(text) / 2), ']', sizeof(text) / 2);
    is_refused((struct sunder_str){text, sizeof(text)}, SUNDER_ERR_FULL);
    assert_int_equal(
        canonical((struct sunder_str){text + 1, sizeof(text) - 2}).len, sizeof(text) - 2);

    struct sunder_arena arena = test_arena_of(1 << 12);
    struct sunder_value value;
    assert_int_equal(
        sunder_json_parse(parser, &arena, SUNDER_STR("[[]]"), SUNDER_EVENT_DEPTH_MAX - 2, &value),
        SUNDER_OK);
    assert_int_equal(
        sunder_json_parse(parser, &arena, SUNDER_STR("[[]]"), SUNDER_EVENT_DEPTH_MAX - 1, &value),
        SUNDER_ERR_FULL);
}

static void what_is_too_long_or_does_not_fit_is_full(void **state)
{
    (void)state;
    static char text[BYTES_MAX + 1];
    memset(text, ' ', sizeof(text));
    text[0] = '1';
    is_refused((struct sunder_str){text, sizeof(text)}, SUNDER_ERR_FULL);
    assert_int_equal(canonical((struct sunder_str){text, sizeof(text) - 1}).len, 1);

    const char *const texts[] = {"[1,2,3]", "{\"a\":1}", "\"\\n12345678901234567890\""};
    for (size_t i = 0; i < 3; i++) {
        struct sunder_arena arena = test_arena_of(16);
        struct sunder_value value;
        assert_int_equal(
            sunder_json_parse(parser, &arena, sunder_str_of(texts[i]), 0, &value), SUNDER_ERR_FULL);
        assert_int_equal(arena.used, 0);
    }
}

static void the_most_values_that_fit_in_a_text_are_read(void **state)
{
    (void)state;
    static char text[BYTES_MAX];
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = i % 2 == 0 ? '1' : ',';
    }
    text[0] = '[';
    text[1] = '1';
    for (size_t i = 2; i < sizeof(text); i++) {
        text[i] = i % 2 == 0 ? ',' : '1';
    }
    text[sizeof(text) - 2] = ' ';
    text[sizeof(text) - 1] = ']';
    struct sunder_arena arena = test_arena_of(16 << 20);
    struct sunder_value value;
    assert_int_equal(
        sunder_json_parse(parser, &arena, (struct sunder_str){text, sizeof(text)}, 0, &value),
        SUNDER_OK);
    assert_int_equal(value.count, (sizeof(text) / 2) - 1);
}

static void numbers_keep_their_text_and_are_exact_where_millionths_can(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(1 << 12);
    struct sunder_value value;
    assert_int_equal(
        sunder_json_parse(parser, &arena, SUNDER_STR("[ 18250.750 , 1e-7,1e300 ]"), 0, &value),
        SUNDER_OK);
    assert_int_equal(value.count, 3);
    assert_str_equal(value.items[0].text, "18250.750");
    assert_true(value.items[0].exact && value.items[0].micro == 18250750000);
    assert_str_equal(value.items[1].text, "1e-7");
    assert_false(value.items[1].exact);
    assert_str_equal(value.items[2].text, "1e300");
    assert_false(value.items[2].exact);
}

static void escapes_become_what_they_stand_for(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(1 << 12);
    struct sunder_value value;
    assert_int_equal(
        sunder_json_parse(parser,
            &arena,
            SUNDER_STR("[\"\\u0000\\\"\\\\\\/"
                       "\\b\\f\\n\\r\\t\\u00e9\\u20AC\\uD83D\\uDE00x\",\"\",\"plain\"]"),
            0,
            &value),
        SUNDER_OK);
    const char expected[] = "\0\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80x";
    test_assert_str(value.items[0].text,
        (struct sunder_str){expected, sizeof(expected) - 1},
        __FILE__,
        __LINE__);
    assert_non_null(value.items[1].text.at);
    assert_int_equal(value.items[1].text.len, 0);
    assert_str_equal(value.items[2].text, "plain");
}

/* Texts of every length at the very end of a page, with an unreadable page behind. */
static void no_byte_behind_the_text_is_read(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    static char name[300];
    memset(name, 'n', sizeof(name));
    struct sunder_arena arena = test_arena_of(1 << 12);
    for (uint32_t pad = 0; pad < 200; pad++) {
        char text[600];
        int len = snprintf(text,
            sizeof(text),
            "{\"%.*s\":[true,\"\\u0041\",-1.5e3,\"%.*s\"],\"b\":null}",
            (int)pad,
            name,
            (int)(pad % 7),
            name);
        char *at = pages + page - len;
        memcpy(at, text, (size_t)len);
        sunder_arena_reset(&arena);
        struct sunder_value value;
        assert_int_equal(
            sunder_json_parse(parser, &arena, (struct sunder_str){at, (uint32_t)len}, 0, &value),
            SUNDER_OK);
        assert_int_equal(
            sunder_json_parse(
                parser, &arena, (struct sunder_str){at + 1, (uint32_t)len - 1}, 0, &value),
            SUNDER_ERR_MALFORMED);
        pages[page - 1] = '"';
        assert_int_equal(
            sunder_json_parse(parser, &arena, (struct sunder_str){at, (uint32_t)len}, 0, &value),
            SUNDER_ERR_MALFORMED);
    }
    assert_int_equal(munmap(pages, 2 * page), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_rfc_8785_is_written_as_there),
        cmocka_unit_test(names_are_sorted_by_utf16_units),
        cmocka_unit_test(numbers_are_those_of_ecmascript),
        cmocka_unit_test(structure_that_json_has_not_is_malformed),
        cmocka_unit_test(numbers_that_json_has_not_are_malformed),
        cmocka_unit_test(bad_text_is_malformed),
        cmocka_unit_test(a_repeated_name_is_malformed_at_every_depth_and_however_it_is_written),
        cmocka_unit_test(thirty_two_levels_are_read_and_one_more_is_not),
        cmocka_unit_test(what_is_too_long_or_does_not_fit_is_full),
        cmocka_unit_test(the_most_values_that_fit_in_a_text_are_read),
        cmocka_unit_test(numbers_keep_their_text_and_are_exact_where_millionths_can),
        cmocka_unit_test(escapes_become_what_they_stand_for),
        cmocka_unit_test(no_byte_behind_the_text_is_read),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
