#include "engine/base/bytes.h"

#include "tests/support/test.h"

static struct sunder_in read_back(const struct sunder_out *out)
{
    return sunder_in_of(sunder_out_str(out));
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    uint8_t memory[128];
    struct sunder_out out = sunder_out_of(memory, sizeof memory);
    sunder_out_u8(&out, 0xff);
    sunder_out_u16(&out, 0x1234);
    sunder_out_u32(&out, 0xdeadbeef);
    sunder_out_u64(&out, UINT64_MAX - 1);
    sunder_out_i64(&out, INT64_MIN);
    sunder_out_text(&out, SUNDER_STR("agent"));
    sunder_out_text(&out, SUNDER_STR(""));
    sunder_out_text(&out, (struct sunder_str){0});
    assert_false(out.failed);

    struct sunder_in in = read_back(&out);

    assert_int_equal(sunder_in_u8(&in), 0xff);
    assert_int_equal(sunder_in_u16(&in), 0x1234);
    assert_int_equal(sunder_in_u32(&in), 0xdeadbeef);
    assert_true(sunder_in_u64(&in) == UINT64_MAX - 1);
    assert_true(sunder_in_i64(&in) == INT64_MIN);
    assert_str_equal(sunder_in_text(&in), "agent");
    struct sunder_str empty = sunder_in_text(&in);
    assert_false(sunder_str_absent(empty));
    assert_int_equal(empty.len, 0);
    assert_true(sunder_str_absent(sunder_in_text(&in)));
    assert_false(in.failed);
    assert_int_equal(in.pos, out.len);
}

static void the_layout_is_little_endian_and_keys_are_big_endian(void **state)
{
    (void)state;
    uint8_t memory[24];
    struct sunder_out out = sunder_out_of(memory, sizeof memory);
    const uint8_t expected[] = {2, 1, 4, 3, 2, 1, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 1, 2};

    sunder_out_u16(&out, 0x0102);
    sunder_out_u32(&out, 0x01020304);
    sunder_out_be32(&out, 0x01020304);
    sunder_out_be64(&out, 0x0102);

    assert_int_equal(out.len, sizeof expected);
    assert_memory_equal(memory, expected, sizeof expected);
}

/* Big-endian bytes sort as the numbers do. */
static void keys_sort_as_their_numbers(void **state)
{
    (void)state;
    const uint64_t sorted[] = {
        0, 1, 255, 256, 65535, UINT32_MAX, (uint64_t)UINT32_MAX + 1, UINT64_MAX};
    uint8_t before[8] = {0};
    for (size_t i = 0; i < sizeof(sorted) / sizeof(sorted[0]); i++) {
        uint8_t memory[8];
        struct sunder_out out = sunder_out_of(memory, sizeof memory);
        sunder_out_be64(&out, sorted[i]);
        assert_true(i == 0 || memcmp(before, memory, sizeof memory) < 0);
        memcpy(before, memory, sizeof memory);
    }
}

static void writing_past_the_end_fails_for_good_and_touches_nothing(void **state)
{
    (void)state;
    uint8_t memory[8];
    memset(memory, 0xa5, sizeof memory);
    struct sunder_out out = sunder_out_of(memory, 5);

    sunder_out_u32(&out, 1);
    sunder_out_u16(&out, 2);
    assert_true(out.failed);
    sunder_out_u8(&out, 3); /* It would fit; what came before did not. */

    assert_true(out.failed);
    assert_int_equal(memory[4], 0xa5);
    assert_int_equal(memory[5], 0xa5);
}

static void reading_past_the_end_fails_for_good_and_gives_zero(void **state)
{
    (void)state;
    struct sunder_in in = sunder_in_of((struct sunder_str){"\x01\x02\x03", 3});

    assert_int_equal(sunder_in_u32(&in), 0);
    assert_true(in.failed);

    assert_int_equal(sunder_in_u8(&in), 0);
    assert_true(sunder_str_absent(sunder_in_text(&in)));
    assert_null(sunder_in_bytes(&in, 0));
}

static void a_text_that_says_more_than_there_is_fails(void **state)
{
    (void)state;
    struct sunder_in in = sunder_in_of((struct sunder_str){"\x05\x00"
                                                           "abc",
        5});

    assert_true(sunder_str_absent(sunder_in_text(&in)));

    assert_true(in.failed);
}

static void a_text_that_is_too_long_for_its_length_fails(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(200000);
    char *at = SUNDER_ARENA_NEW(&arena, char, UINT16_MAX);
    uint8_t *memory = SUNDER_ARENA_NEW(&arena, uint8_t, 70000);
    assert_non_null(at);
    assert_non_null(memory);

    struct sunder_out fits = sunder_out_of(memory, 70000);
    sunder_out_text(&fits, (struct sunder_str){at, UINT16_MAX - 1});
    struct sunder_out too_long = sunder_out_of(memory, 70000);
    sunder_out_text(&too_long, (struct sunder_str){at, UINT16_MAX});

    assert_false(fits.failed);
    assert_int_equal(fits.len, 2 + UINT16_MAX - 1);
    assert_true(too_long.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(the_layout_is_little_endian_and_keys_are_big_endian),
        cmocka_unit_test(keys_sort_as_their_numbers),
        cmocka_unit_test(writing_past_the_end_fails_for_good_and_touches_nothing),
        cmocka_unit_test(reading_past_the_end_fails_for_good_and_gives_zero),
        cmocka_unit_test(a_text_that_says_more_than_there_is_fails),
        cmocka_unit_test(a_text_that_is_too_long_for_its_length_fails),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
