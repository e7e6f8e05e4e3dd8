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

static void the_layout_is_little_endian(void **state)
{
    (void)state;
    uint8_t memory[24];
    struct sunder_out out = sunder_out_of(memory, sizeof memory);
    const uint8_t expected[] = {2, 1, 4, 3, 2, 1, 5, 4, 3};

    sunder_out_u16(&out, 0x0102);
    sunder_out_u32(&out, 0x01020304);
    sunder_out_uint(&out, 0x030405, 3);

    assert_int_equal(out.len, sizeof expected);
    assert_memory_equal(memory, expected, sizeof expected);
}

static void numbers_of_any_width_are_read_back_wherever_they_end(void **state)
{
    (void)state;
    for (uint32_t width = 1; width <= 8; width++) {
        uint64_t largest = UINT64_MAX >> (64 - (8 * width));
        assert_int_equal(sunder_uint_width(largest), width);
        assert_int_equal(sunder_uint_width((largest >> 8) + 1), width);
        for (uint32_t room = width; room <= 17; room++) {
            uint8_t memory[18];
            memset(memory, 0xee, sizeof memory);
            struct sunder_out out = sunder_out_of(memory, room);
            sunder_out_uint(&out, largest - 1, width);
            assert_false(out.failed);
            assert_int_equal(out.len, width);
            assert_int_equal(memory[room], 0xee);
            memset(memory + width, 0xee, sizeof memory - width);

            struct sunder_in in = {.at = memory, .len = room};
            assert_true(sunder_in_uint(&in, width) == largest - 1);
            assert_int_equal(in.pos, width);
            struct sunder_in cut = {.at = memory, .len = width - 1};
            assert_true(sunder_in_uint(&cut, width) == 0);
            assert_true(cut.failed);
            struct sunder_out full = sunder_out_of(memory, width - 1);
            sunder_out_uint(&full, 1, width);
            assert_true(full.failed);
        }
    }
    assert_int_equal(sunder_uint_width(0), 1);
    struct sunder_in none = sunder_in_of(SUNDER_STR("twelve bytes"));
    assert_true(sunder_in_uint(&none, 0) == 0);
    assert_true(none.failed);
    struct sunder_in wide = sunder_in_of(SUNDER_STR("twelve bytes"));
    assert_true(sunder_in_uint(&wide, 9) == 0);
    assert_true(wide.failed);
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
        cmocka_unit_test(the_layout_is_little_endian),
        cmocka_unit_test(numbers_of_any_width_are_read_back_wherever_they_end),
        cmocka_unit_test(writing_past_the_end_fails_for_good_and_touches_nothing),
        cmocka_unit_test(reading_past_the_end_fails_for_good_and_gives_zero),
        cmocka_unit_test(a_text_that_says_more_than_there_is_fails),
        cmocka_unit_test(a_text_that_is_too_long_for_its_length_fails),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
