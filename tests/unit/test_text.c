#include "engine/base/text.h"

#include "tests/support/test.h"

static void join_keeps_the_order_and_skips_absent_parts(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(64);
    struct sunder_str absent = {0};

    struct sunder_str joined = sunder_text(
        &arena, SUNDER_STR("rule "), absent, SUNDER_STR("four"), SUNDER_STR(""), SUNDER_STR("!"));

    assert_str_equal(joined, "rule four!");
    assert_int_equal(joined.at[joined.len], '\0');
}

static void join_without_room_is_absent_and_takes_nothing(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(4);

    assert_true(sunder_str_absent(sunder_text(&arena, SUNDER_STR("ab"), SUNDER_STR("cd"))));

    assert_int_equal(arena.used, 0);
    assert_str_equal(sunder_text(&arena, SUNDER_STR("ab"), SUNDER_STR("c")), "abc");
}

static void too_many_parts_stop_the_program(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(64);
    struct sunder_str parts[SUNDER_TEXT_PARTS_MAX + 1] = {0};

    assert_false(sunder_str_absent(sunder_text_join(&arena, parts, SUNDER_TEXT_PARTS_MAX)));
    expect_assert_failure((void)sunder_text_join(&arena, parts, SUNDER_TEXT_PARTS_MAX + 1));
}

static void numbers_are_written_in_full_range(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(512);

    assert_str_equal(sunder_text_u64(&arena, 0), "0");
    assert_str_equal(sunder_text_u64(&arena, 10), "10");
    assert_str_equal(sunder_text_u64(&arena, UINT64_MAX), "18446744073709551615");
    assert_str_equal(sunder_text_i64(&arena, -1), "-1");
    assert_str_equal(sunder_text_i64(&arena, INT64_MAX), "9223372036854775807");
    assert_str_equal(sunder_text_i64(&arena, INT64_MIN), "-9223372036854775808");
}

/* With each amount of room there is either the whole number or nothing: never a lone minus. */
static void a_number_without_room_is_absent_at_every_size(void **state)
{
    (void)state;
    int complete = 0;
    for (size_t size = 0; size < 64; size++) {
        struct sunder_arena arena = test_arena_of(size);
        struct sunder_str text = sunder_text_i64(&arena, INT64_MIN);
        if (!sunder_str_absent(text)) {
            assert_str_equal(text, "-9223372036854775808");
            complete += 1;
        }
    }
    assert_true(complete > 0);
    assert_true(complete < 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(join_keeps_the_order_and_skips_absent_parts),
        cmocka_unit_test(join_without_room_is_absent_and_takes_nothing),
        cmocka_unit_test(too_many_parts_stop_the_program),
        cmocka_unit_test(numbers_are_written_in_full_range),
        cmocka_unit_test(a_number_without_room_is_absent_at_every_size),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
