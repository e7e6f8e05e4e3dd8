#include "engine/base/decimal.h"

#include "tests/support/random.h"
#include "tests/support/test.h"

static void is_micro(const char *text, int64_t expected)
{
    int64_t micro = -1;
    assert_int_equal(sunder_decimal_parse(sunder_str_of(text), &micro), SUNDER_OK);
    assert_true(micro == expected);
}

static void is_refused(const char *text, enum sunder_err expected)
{
    int64_t micro = 77;
    assert_int_equal(sunder_decimal_parse(sunder_str_of(text), &micro), expected);
    assert_true(micro == 77);
}

static void is_plain(const char *text, const char *expected)
{
    char buf[SUNDER_DECIMAL_PLAIN_MAX];
    uint32_t len = sunder_decimal_plain(sunder_str_of(text), buf);
    test_assert_str((struct sunder_str){buf, len}, sunder_str_of(expected), __FILE__, __LINE__);
}

static void a_decimal_is_a_count_of_millionths(void **state)
{
    (void)state;
    is_micro("0", 0);
    is_micro("-0", 0);
    is_micro("-0.000e10", 0);
    is_micro("0e-64", 0);
    is_micro("1", 1000000);
    is_micro("-1", -1000000);
    is_micro("18250.75", 18250750000);
    is_micro("0.000001", 1);
    is_micro("0.1000000000", 100000);
    is_micro("1e-6", 1);
    is_micro("1E+3", 1000000000);
    is_micro("12.5e1", 125000000);
    is_micro("1000000e-12", 1);
    is_micro("0.00000000000000000001e20", 1000000);
}

static void the_ends_of_int64_are_inside(void **state)
{
    (void)state;
    is_micro("9223372036854.775807", INT64_MAX);
    is_micro("-9223372036854.775808", INT64_MIN);
    is_refused("9223372036854.775808", SUNDER_ERR_INVALID);
    is_refused("-9223372036854.775809", SUNDER_ERR_INVALID);
    is_refused("18446744073709.551616", SUNDER_ERR_INVALID);
    is_refused("99999999999999.999999", SUNDER_ERR_INVALID);
    is_refused("1e64", SUNDER_ERR_INVALID);
}

static void a_seventh_decimal_is_out_of_range(void **state)
{
    (void)state;
    is_refused("0.0000001", SUNDER_ERR_INVALID);
    is_refused("1e-7", SUNDER_ERR_INVALID);
    is_refused("1.0000001", SUNDER_ERR_INVALID);
    is_refused("1e-64", SUNDER_ERR_INVALID);
}

static void what_is_no_json_number_is_malformed(void **state)
{
    (void)state;
    const char *const bad[] = {"",
        "-",
        "+1",
        " 1",
        "1 ",
        "01",
        "00",
        "-01",
        ".5",
        "5.",
        "1e",
        "1e+",
        "1e5x",
        "1.e1",
        "0x10",
        "NaN",
        "Infinity",
        "1,000",
        "1_0",
        "--1",
        "1.2.3",
        "1e65",
        "1e-65",
        "1e999999999999",
        "\xc2\xb2"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_refused(bad[i], SUNDER_ERR_MALFORMED);
    }
    int64_t micro = 77;
    assert_int_equal(sunder_decimal_parse((struct sunder_str){0}, &micro), SUNDER_ERR_MALFORMED);
    assert_int_equal(
        sunder_decimal_parse((struct sunder_str){"1\0", 2}, &micro), SUNDER_ERR_MALFORMED);
}

static void sixty_four_characters_are_read_and_one_more_is_not(void **state)
{
    (void)state;
    char text[SUNDER_DECIMAL_READ_MAX + 2];
    memset(text, '0', sizeof(text));
    text[0] = '1';
    text[1] = '.';
    int64_t micro = 0;
    assert_int_equal(
        sunder_decimal_parse((struct sunder_str){text, SUNDER_DECIMAL_READ_MAX}, &micro),
        SUNDER_OK);
    assert_true(micro == 1000000);
    assert_int_equal(
        sunder_decimal_parse((struct sunder_str){text, SUNDER_DECIMAL_READ_MAX + 1}, &micro),
        SUNDER_ERR_MALFORMED);
}

static void plain_is_the_shortest_string_without_an_exponent(void **state)
{
    (void)state;
    is_plain("0", "0");
    is_plain("-0.0", "0");
    is_plain("18250.750", "18250.75");
    is_plain("1e3", "1000");
    is_plain("-1.50e1", "-15");
    is_plain("1e-7", "0.0000001");
    is_plain("-12e-1", "-1.2");
    is_plain("0.10", "0.1");
    is_plain("100", "100");
    is_plain("123.456e2", "12345.6");
    is_plain("1e64", "10000000000000000000000000000000000000000000000000000000000000000");
    is_plain("1e-64", "0.0000000000000000000000000000000000000000000000000000000000000001");
}

static void the_longest_plain_string_fits(void **state)
{
    (void)state;
    char text[SUNDER_DECIMAL_READ_MAX + 1];
    memset(text, '0', sizeof(text));
    memcpy(text, "-0.", 3);
    memcpy(text + SUNDER_DECIMAL_READ_MAX - 5, "1e-64", 6);
    char buf[SUNDER_DECIMAL_PLAIN_MAX];

    uint32_t len = sunder_decimal_plain(sunder_str_of(text), buf);

    assert_true(len > 100 && len <= SUNDER_DECIMAL_PLAIN_MAX);
    assert_true(buf[len - 1] == '1');
}

static void plain_of_no_decimal_stops_the_program(void **state)
{
    (void)state;
    char buf[SUNDER_DECIMAL_PLAIN_MAX];
    expect_assert_failure((void)sunder_decimal_plain(SUNDER_STR("1x"), buf));
}

static void format_writes_what_parse_reads(void **state)
{
    (void)state;
    const int64_t values[] = {
        0, 1, -1, 999999, 1000000, -1000001, 18250750000, INT64_MAX, INT64_MIN};
    const char *const texts[] = {"0",
        "0.000001",
        "-0.000001",
        "0.999999",
        "1",
        "-1.000001",
        "18250.75",
        "9223372036854.775807",
        "-9223372036854.775808"};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char buf[SUNDER_DECIMAL_TEXT_MAX];
        uint32_t len = sunder_decimal_format(values[i], buf);
        test_assert_str((struct sunder_str){buf, len}, sunder_str_of(texts[i]), __FILE__, __LINE__);
        len = sunder_decimal_format_wide(values[i], buf);
        test_assert_str((struct sunder_str){buf, len}, sunder_str_of(texts[i]), __FILE__, __LINE__);
        is_micro(texts[i], values[i]);
    }
}

static void wide_sums_are_written_to_their_last_digit(void **state)
{
    (void)state;
    sunder_int128 sum = (sunder_int128)INT64_MAX * INT64_MAX;
    char buf[SUNDER_DECIMAL_TEXT_MAX];
    uint32_t len = sunder_decimal_format_wide(sum, buf);
    assert_str_equal(((struct sunder_str){buf, len}), "85070591730234615847396907784232.501249");
    len = sunder_decimal_format_wide(-sum * 2 - 3, buf);
    assert_str_equal(((struct sunder_str){buf, len}), "-170141183460469231694793815568465.002501");
}

static void random_values_survive_a_round_trip(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (int i = 0; i < 20000; i++) {
        int64_t value = (int64_t)(test_random(&seed) >> (test_random(&seed) % 64));
        if ((test_random(&seed) & 1) != 0) {
            value = -value;
        }
        char buf[SUNDER_DECIMAL_TEXT_MAX];
        char plain[SUNDER_DECIMAL_PLAIN_MAX];
        uint32_t len = sunder_decimal_format(value, buf);
        int64_t back = 0;
        assert_int_equal(sunder_decimal_parse((struct sunder_str){buf, len}, &back), SUNDER_OK);
        assert_true(back == value);
        uint32_t plain_len = sunder_decimal_plain((struct sunder_str){buf, len}, plain);
        assert_true(plain_len == len && memcmp(plain, buf, len) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decimal_is_a_count_of_millionths),
        cmocka_unit_test(the_ends_of_int64_are_inside),
        cmocka_unit_test(a_seventh_decimal_is_out_of_range),
        cmocka_unit_test(what_is_no_json_number_is_malformed),
        cmocka_unit_test(sixty_four_characters_are_read_and_one_more_is_not),
        cmocka_unit_test(plain_is_the_shortest_string_without_an_exponent),
        cmocka_unit_test(the_longest_plain_string_fits),
        cmocka_unit_test(plain_of_no_decimal_stops_the_program),
        cmocka_unit_test(format_writes_what_parse_reads),
        cmocka_unit_test(wide_sums_are_written_to_their_last_digit),
        cmocka_unit_test(random_values_survive_a_round_trip),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
