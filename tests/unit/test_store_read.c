/* Where a get finds its row, and what spares it the disk: the filter, and rows that were read before. */
#include "tests/unit/test_store_fixture.h"

/* More keys than the first filter is made for. */
static void the_filter_is_built_anew_when_it_is_full(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.memory_bytes = (uint64_t)16 << 20;
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
    struct sunder_view view = sunder_store_view(store);
    struct sunder_rows rows = sunder_store_rows(store);
    struct sunder_store_stats stats;
    sunder_store_stats(store, &stats);
    uint64_t bytes_before = stats.filter_bytes;
    enum {
        COUNT = 150000
    };

    for (uint32_t i = 0; i < COUNT; i++) {
        char key[6] = {(char)FIXTURE_TABLE_A, 'f', (char)(i >> 16), (char)(i >> 8), (char)i};
        struct sunder_str name = {key, sizeof(key)};
        assert_int_equal(rows.put(rows.ctx, name, SUNDER_STR("value")), SUNDER_OK);
        if (i % 20000 == 0) {
            fixture_mark(store, i);
            fixture_flush(store);
        }
    }
    fixture_mark(store, COUNT);
    fixture_flush(store);
    fixture_acknowledge(store, fixture_freeze(store)); /* drops the cache */

    sunder_store_stats(store, &stats);
    assert_true(stats.filter_bytes > bytes_before);
    uint64_t by_filter = stats.gets_filter;
    struct sunder_str found = {0};
    for (uint32_t i = 0; i < COUNT; i++) {
        char key[6] = {(char)FIXTURE_TABLE_A, 'f', (char)(i >> 16), (char)(i >> 8), (char)i};
        struct sunder_str name = {key, sizeof(key)};
        assert_int_equal(view.get(view.ctx, name, &found), SUNDER_OK);
        key[1] = 'g';
        assert_int_equal(view.get(view.ctx, name, &found), SUNDER_ERR_NOT_FOUND);
    }
    sunder_store_stats(store, &stats);
    assert_in_range(stats.gets_filter - by_filter, COUNT / 100 * 97, COUNT);
    sunder_store_destroy(&store);
}

static struct sunder_str kept_get(
    struct sunder_store *store, struct sunder_str key, uint64_t disk_gets)
{
    struct sunder_store_stats before;
    struct sunder_store_stats after;
    struct sunder_str value = {0};
    sunder_store_stats(store, &before);
    struct sunder_view view = sunder_store_view(store);
    enum sunder_err err = view.get(view.ctx, key, &value);
    assert_true(err == SUNDER_OK || err == SUNDER_ERR_NOT_FOUND);
    sunder_store_stats(store, &after);
    assert_int_equal(after.gets_disk - before.gets_disk, disk_gets);
    return err == SUNDER_OK ? value : (struct sunder_str){0};
}

static void drop_cache(struct sunder_store *store)
{
    fixture_flush(store);
    fixture_acknowledge(store, fixture_freeze(store));
    fixture_acknowledge(store, fixture_freeze(store));
}

/* A row that was read from the disk is kept in memory when it is small, and is neither written again nor in the way of a change. */
static void a_small_row_that_was_read_is_kept(void **state)
{
    struct sunder_store *store = fixture_open(*state, SUNDER_STORE_FOUND_NOTHING);
    struct sunder_rows rows = sunder_store_rows(store);
    const char small_bytes[] = {(char)FIXTURE_TABLE_A, 's'};
    const char large_bytes[] = {(char)FIXTURE_TABLE_B, 'l'};
    struct sunder_str small = {small_bytes, sizeof small_bytes};
    struct sunder_str large = {large_bytes, sizeof large_bytes};
    struct sunder_str long_text =
        SUNDER_STR("a value of more bytes than are worth a place in memory");
    assert_int_equal(rows.put(rows.ctx, small, SUNDER_STR("one")), SUNDER_OK);
    assert_int_equal(rows.put(rows.ctx, large, long_text), SUNDER_OK);
    fixture_mark(store, 1);
    drop_cache(store);

    assert_true(sunder_str_equal(kept_get(store, small, 1), SUNDER_STR("one")));
    assert_true(sunder_str_equal(kept_get(store, small, 0), SUNDER_STR("one")));
    assert_true(sunder_str_equal(kept_get(store, large, 1), long_text));
    assert_true(sunder_str_equal(kept_get(store, large, 1), long_text));
    struct sunder_store_stats stats;
    sunder_store_stats(store, &stats);
    assert_int_equal(stats.disk_rows, 2);

    drop_cache(store); /* Only the mark is written. */
    assert_true(sunder_str_equal(kept_get(store, small, 1), SUNDER_STR("one")));
    assert_int_equal(rows.put(rows.ctx, small, SUNDER_STR("two")), SUNDER_OK);
    assert_true(sunder_str_equal(kept_get(store, small, 0), SUNDER_STR("two")));
    fixture_mark(store, 2);
    drop_cache(store);
    assert_true(sunder_str_equal(kept_get(store, small, 1), SUNDER_STR("two")));
    assert_int_equal(rows.remove(rows.ctx, small), SUNDER_OK);
    assert_null(kept_get(store, small, 0).at);
    fixture_mark(store, 3);
    drop_cache(store);
    struct sunder_view view = sunder_store_view(store);
    struct sunder_str value;
    assert_int_equal(view.get(view.ctx, small, &value), SUNDER_ERR_NOT_FOUND);
    sunder_store_stats(store, &stats);
    assert_int_equal(stats.disk_rows, 1);
    sunder_store_destroy(&store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_filter_is_built_anew_when_it_is_full),
        TEST(a_small_row_that_was_read_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
