#include "engine/base/arena.h"

#include "tests/support/test.h"

#ifdef SUNDER_ARENA_WATCHED
#include <sanitizer/asan_interface.h>
#endif

static void alloc_gives_zeroed_bytes_at_the_alignment_asked(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(4096);

    for (size_t align = 1; align <= 64; align *= 2) {
        assert_non_null(sunder_arena_alloc(&arena, 1, 1)); /* Puts the next one off balance. */
        uint8_t *at = sunder_arena_alloc(&arena, 24, align);
        assert_non_null(at);
        assert_int_equal((uintptr_t)at % align, 0);
        for (size_t i = 0; i < 24; i++) {
            assert_int_equal(at[i], 0);
        }
    }
}

static void alloc_fills_the_arena_to_its_last_byte_and_not_beyond(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(100);

    assert_non_null(sunder_arena_alloc(&arena, 99, 1));
    uint8_t *last = sunder_arena_alloc(&arena, 1, 1);
    assert_non_null(last);
    *last = 1;

    assert_null(sunder_arena_alloc(&arena, 1, 1));
    assert_int_equal(arena.used, 100);
}

static void an_alloc_without_room_changes_nothing(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(64);
    assert_non_null(sunder_arena_alloc(&arena, 10, 1));

    assert_null(sunder_arena_alloc(&arena, 65, 1));
    volatile size_t huge = SIZE_MAX; /* Not known to the compiler, which would warn. */
    assert_null(sunder_arena_alloc(&arena, huge, 8));
    assert_null(sunder_arena_alloc(&arena, huge - 8, 16));

    assert_int_equal(arena.used, 10);
    assert_non_null(sunder_arena_alloc(&arena, 54, 1));
}

static void an_array_whose_size_overflows_is_refused(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(64);

    assert_null(sunder_arena_alloc_array(&arena, 16, 1, (SIZE_MAX / 16) + 2));

    assert_int_equal(arena.used, 0);
    uint64_t *numbers = SUNDER_ARENA_NEW(&arena, uint64_t, 4);
    assert_non_null(numbers);
    assert_int_equal(numbers[3], 0);
}

static void rewind_frees_what_came_after_the_mark_and_no_more(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(64);
    uint8_t *kept = sunder_arena_alloc(&arena, 8, 1);
    assert_non_null(kept);
    *kept = 7;
    size_t mark = sunder_arena_mark(&arena);
    uint8_t *freed = sunder_arena_alloc(&arena, 56, 1);
    assert_non_null(freed);

    sunder_arena_rewind(&arena, mark);

#ifdef SUNDER_ARENA_WATCHED
    assert_false(__asan_address_is_poisoned(kept));
    assert_true(__asan_address_is_poisoned(freed));
#endif
    assert_int_equal(*kept, 7);
    assert_ptr_equal(sunder_arena_alloc(&arena, 56, 1), freed);
}

static void reset_forgets_everything_but_the_most_ever_used(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(64);
    uint8_t *first = sunder_arena_alloc(&arena, 40, 1);
    assert_non_null(first);
    first[0] = 9;

    sunder_arena_reset(&arena);

    assert_int_equal(arena.used, 0);
    assert_int_equal(arena.used_max, 40);
    uint8_t *again = sunder_arena_alloc(&arena, 1, 1);
    assert_ptr_equal(again, first);
    assert_int_equal(again[0], 0); /* Zeroed again, not what the last step left. */
}

static void a_wrong_alignment_or_mark_stops_the_program(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(64);

    expect_assert_failure((void)sunder_arena_alloc(&arena, 1, 0));
    expect_assert_failure((void)sunder_arena_alloc(&arena, 1, 3));
    expect_assert_failure(sunder_arena_rewind(&arena, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alloc_gives_zeroed_bytes_at_the_alignment_asked),
        cmocka_unit_test(alloc_fills_the_arena_to_its_last_byte_and_not_beyond),
        cmocka_unit_test(an_alloc_without_room_changes_nothing),
        cmocka_unit_test(an_array_whose_size_overflows_is_refused),
        cmocka_unit_test(rewind_frees_what_came_after_the_mark_and_no_more),
        cmocka_unit_test(reset_forgets_everything_but_the_most_ever_used),
        cmocka_unit_test(a_wrong_alignment_or_mark_stops_the_program),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
