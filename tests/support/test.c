#include "tests/support/test.h"

#include <stdlib.h>

#include "engine/base/must.h"

enum {
    ARENA_BYTES_MAX = 64 * 1024 * 1024,
    ARENAS_MAX = 256
};

static void fail_into_cmocka(const char *expr, const char *file, int line)
{
    mock_assert(0, expr, file, line);
}

int test_group_setup(void **state)
{
    (void)state;
    sunder_must_hook = fail_into_cmocka;
    return 0;
}

static void *arenas[ARENAS_MAX];
static size_t arenas_count;
static size_t arenas_bytes;

static void free_arenas(void)
{
    for (size_t i = 0; i < arenas_count; i++) {
        free(arenas[i]);
    }
}

/* From the heap, each its own block: a byte past the end is then the sanitizer's to see. */
struct sunder_arena test_arena_of(size_t size)
{
    assert_true(arenas_count < ARENAS_MAX);
    assert_true(size <= ARENA_BYTES_MAX - arenas_bytes);
    if (arenas_count == 0) {
        assert_int_equal(atexit(free_arenas), 0);
    }
    void *memory = malloc(size == 0 ? 1 : size);
    assert_non_null(memory);
    memset(memory, 0xa5, size);
    arenas[arenas_count] = memory;
    arenas_count += 1;
    arenas_bytes += size;
    return sunder_arena_of(memory, size);
}

void test_assert_str(
    struct sunder_str actual, struct sunder_str expected, const char *file, int line)
{
    if (sunder_str_equal(actual, expected)) {
        return;
    }
    print_error("\"%.*s\"%s != \"%.*s\"\n",
        (int)actual.len,
        actual.at == NULL ? "" : actual.at,
        sunder_str_absent(actual) ? " (absent)" : "",
        (int)expected.len,
        expected.at);
    _fail(file, line);
}
