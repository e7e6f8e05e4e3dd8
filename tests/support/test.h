/* What every cmocka program of the project includes: cmocka with what it needs, the must-hook, and
 * small fixtures. Thread: one. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/base/arena.h"
#include "engine/base/str.h"

/* The group setup of every program: SUNDER_MUST fails into cmocka's mock_assert, so that
 * expect_assert_failure sees it. Always 0. */
int test_group_setup(void **state);

/* An empty arena over `size` bytes (at most 64 MiB in one program) that live until the program ends. */
struct sunder_arena test_arena_of(size_t size);

/* Fails the test, showing both texts, unless the bytes are equal. */
#define assert_str_equal(str, literal)                                                             \
    test_assert_str((str), SUNDER_STR(literal), __FILE__, __LINE__)
void test_assert_str(
    struct sunder_str actual, struct sunder_str expected, const char *file, int line);
