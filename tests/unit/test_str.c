#include "engine/base/str.h"

#include "tests/support/test.h"

static struct sunder_str bytes(const char *at, uint32_t len)
{
    return (struct sunder_str){at, len};
}

static const struct sunder_str ABSENT = {NULL, 0};

static void absent_is_told_from_empty_but_equals_it_in_bytes(void **state)
{
    (void)state;
    assert_true(sunder_str_absent(ABSENT));
    assert_true(sunder_str_absent(sunder_str_of(NULL)));
    assert_false(sunder_str_absent(SUNDER_STR("")));
    assert_true(sunder_str_equal(ABSENT, SUNDER_STR("")));
    assert_int_equal(sunder_str_compare(ABSENT, SUNDER_STR("")), 0);
}

static void equal_sees_length_and_every_byte(void **state)
{
    (void)state;
    assert_true(sunder_str_equal(SUNDER_STR("abc"), sunder_str_of("abc")));
    assert_false(sunder_str_equal(SUNDER_STR("abc"), SUNDER_STR("abcd")));
    assert_false(sunder_str_equal(SUNDER_STR("abc"), SUNDER_STR("abd")));
    assert_false(sunder_str_equal(bytes("a\0b", 3), bytes("a\0c", 3)));
}

/* Each is less than the next: a prefix comes first, bytes are unsigned, U+00E9 (c3 a9) sorts after z. */
static void compare_is_the_order_of_unsigned_bytes(void **state)
{
    (void)state;
    const struct sunder_str sorted[] = {
        SUNDER_STR(""),
        bytes("\0", 1),
        SUNDER_STR("a"),
        bytes("a\0", 2),
        SUNDER_STR("ab"),
        SUNDER_STR("b"),
        SUNDER_STR("z"),
        SUNDER_STR("\xc3\xa9"),
        SUNDER_STR("\xf0\x9f\x98\x80"),
    };
    const size_t count = sizeof(sorted) / sizeof(sorted[0]);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            int order = sunder_str_compare(sorted[i], sorted[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}

static void starts_and_ends_look_at_whole_bytes_only(void **state)
{
    (void)state;
    struct sunder_str path = SUNDER_STR("bank/payment.release");

    assert_true(sunder_str_starts_with(path, SUNDER_STR("bank/")));
    assert_true(sunder_str_starts_with(path, SUNDER_STR("")));
    assert_true(sunder_str_starts_with(path, path));
    assert_false(sunder_str_starts_with(SUNDER_STR("bank"), SUNDER_STR("bank/")));
    assert_false(sunder_str_starts_with(path, SUNDER_STR("Bank")));
    assert_true(sunder_str_ends_with(path, SUNDER_STR(".release")));
    assert_true(sunder_str_ends_with(path, SUNDER_STR("")));
    assert_false(sunder_str_ends_with(SUNDER_STR("lease"), SUNDER_STR(".release")));
    assert_false(sunder_str_ends_with(path, SUNDER_STR(".releasf")));
    assert_true(sunder_str_starts_with(ABSENT, ABSENT));
    assert_true(sunder_str_ends_with(ABSENT, ABSENT));
}

static void copy_outlives_its_source(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(64);
    char source[] = "invoice";

    struct sunder_str copy = sunder_str_copy(&arena, sunder_str_of(source));
    source[0] = 'X';

    assert_str_equal(copy, "invoice");
}

static void copy_keeps_absent_and_empty_apart(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(64);

    assert_true(sunder_str_absent(sunder_str_copy(&arena, ABSENT)));
    assert_false(sunder_str_absent(sunder_str_copy(&arena, SUNDER_STR(""))));
}

static void copy_without_room_is_absent_and_takes_nothing(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(4);

    assert_true(sunder_str_absent(sunder_str_copy(&arena, SUNDER_STR("abcd"))));

    assert_int_equal(arena.used, 0);
    assert_str_equal(sunder_str_copy(&arena, SUNDER_STR("abc")), "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_is_told_from_empty_but_equals_it_in_bytes),
        cmocka_unit_test(equal_sees_length_and_every_byte),
        cmocka_unit_test(compare_is_the_order_of_unsigned_bytes),
        cmocka_unit_test(starts_and_ends_look_at_whole_bytes_only),
        cmocka_unit_test(copy_outlives_its_source),
        cmocka_unit_test(copy_keeps_absent_and_empty_apart),
        cmocka_unit_test(copy_without_room_is_absent_and_takes_nothing),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
