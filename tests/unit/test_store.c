/* The verbs of both kinds of store: random operations against a plain model, and each error that store.h names. */
#include <stdlib.h>

#include "tests/unit/test_store_fixture.h"

/* ---- random operations: LMDB kind, memory kind and model must agree ---- */

struct pair {
    struct sunder_store *lmdb;
    struct sunder_store *mem;
    struct fixture_model now;
    struct fixture_model frozen;  /* as of the last freeze */
    struct fixture_model written; /* as of the last write */
    uint64_t offset;
    uint64_t offset_frozen;
    uint64_t offset_written;
    uint64_t generation;
    bool is_frozen;
    bool is_acknowledged;
    uint32_t reopened;
    uint32_t flushed;
};

static void change(struct fixture *fixture, struct pair *pair, uint32_t step)
{
    uint32_t number = (uint32_t)(fixture_random(&fixture->random) % FIXTURE_KEYS);
    bool is_removal = fixture_random(&fixture->random) % 4 == 0;
    uint32_t version = is_removal ? 0 : step + 1;
    fixture_set(fixture, pair->lmdb, number, version);
    fixture_set(fixture, pair->mem, number, version);
    pair->now.version[number] = version;
}

static void expect_same(struct fixture *fixture, struct pair *pair)
{
    fixture_expect_model(fixture, pair->lmdb, &pair->now);
    fixture_expect_model(fixture, pair->mem, &pair->now);
}

static void mark(struct pair *pair)
{
    pair->offset += 1;
    fixture_mark(pair->lmdb, pair->offset);
    fixture_mark(pair->mem, pair->offset);
}

static void note_written(struct pair *pair)
{
    pair->written = pair->frozen;
    pair->offset_written = pair->offset_frozen;
    pair->is_frozen = false;
    pair->is_acknowledged = false;
}

static void poll(struct pair *pair)
{
    struct sunder_fail fail = {0};
    assert_int_equal(sunder_store_poll(pair->lmdb, &fail), SUNDER_OK);
    struct sunder_store_stats stats;
    sunder_store_stats(pair->lmdb, &stats);
    if (pair->is_acknowledged && stats.generation_written == pair->generation) {
        note_written(pair);
    }
    assert_int_equal(fixture_offset(pair->lmdb), pair->offset_written);
}

static void freeze(struct pair *pair)
{
    poll(pair);
    mark(pair);
    uint64_t generation = 0;
    enum sunder_err expected = pair->is_frozen ? SUNDER_ERR_RETRY : SUNDER_OK;
    assert_int_equal(sunder_store_freeze(pair->lmdb, &generation), expected);
    if (expected == SUNDER_OK) {
        assert_true(generation > pair->generation);
        pair->generation = generation;
        pair->frozen = pair->now;
        pair->offset_frozen = pair->offset;
        pair->is_frozen = true;
    }
    uint64_t generation_mem = 0;
    assert_int_equal(sunder_store_freeze(pair->mem, &generation_mem), SUNDER_OK);
    fixture_acknowledge(pair->mem, generation_mem);
    assert_int_equal(fixture_offset(pair->mem), pair->offset);
}

/* Acknowledges, then waits, or polls until the store's own thread is done. */
static void acknowledge(struct fixture *fixture, struct pair *pair)
{
    if (!pair->is_frozen) {
        return;
    }
    fixture_acknowledge(pair->lmdb, pair->generation);
    struct sunder_fail fail = {0};
    if (fixture_random(&fixture->random) % 2 == 0) {
        assert_int_equal(sunder_store_wait(pair->lmdb, &fail), SUNDER_OK);
        note_written(pair);
    } else {
        pair->is_acknowledged = true;
    }
}

static void flush(struct pair *pair)
{
    mark(pair);
    fixture_flush(pair->lmdb);
    pair->frozen = pair->now;
    pair->offset_frozen = pair->offset;
    note_written(pair);
    struct sunder_store_stats stats;
    sunder_store_stats(pair->lmdb, &stats);
    pair->generation = stats.generation_frozen;
    pair->flushed += 1;
    assert_int_equal(fixture_offset(pair->lmdb), pair->offset);
}

/* Drops or closes the LMDB kind, and folds the model back to what was written, as a caller folds the log. */
static void reopen(struct fixture *fixture, struct pair *pair)
{
    if (pair->is_acknowledged) {
        struct sunder_fail fail = {0};
        assert_int_equal(sunder_store_wait(pair->lmdb, &fail), SUNDER_OK);
        note_written(pair);
    }
    if (fixture_random(&fixture->random) % 2 == 0) {
        sunder_store_destroy(&pair->lmdb);
    } else {
        fixture_close(pair->lmdb);
    }
    pair->lmdb = fixture_open(fixture, SUNDER_STORE_FOUND_KEPT);
    assert_int_equal(fixture_offset(pair->lmdb), pair->offset_written);
    fixture_expect_model(fixture, pair->lmdb, &pair->written);
    for (uint32_t i = 0; i < FIXTURE_KEYS; i++) {
        fixture_set(fixture, pair->mem, i, pair->written.version[i]);
    }
    struct sunder_store_stats stats;
    sunder_store_stats(pair->lmdb, &stats);
    pair->generation = stats.generation_written;
    pair->now = pair->written;
    pair->offset = pair->offset_written;
    pair->is_frozen = false;
    pair->reopened += 1;
}

static void run_random_operations(struct fixture *fixture, uint32_t steps)
{
    print_message("seed %llu\n", (unsigned long long)fixture->random);
    struct sunder_store_options mem_options = fixture->options;
    mem_options.kind = SUNDER_STORE_KIND_MEMORY;
    mem_options.memory_bytes = 0;
    static struct pair pair;
    pair = (struct pair){0};
    struct sunder_store_opened opened;
    struct sunder_fail fail = {0};
    assert_int_equal(sunder_store_open(&mem_options, &pair.mem, &opened, &fail), SUNDER_OK);
    pair.lmdb = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
    flush(&pair);

    for (uint32_t step = 0; step < steps; step++) {
        uint64_t dice = fixture_random(&fixture->random) % 1000;
        if (dice < 960) {
            change(fixture, &pair, step);
        } else if (dice < 970) {
            freeze(&pair);
        } else if (dice < 980) {
            acknowledge(fixture, &pair);
        } else if (dice < 990) {
            poll(&pair);
        } else if (dice < 995) {
            flush(&pair);
        } else if (dice < 998) {
            expect_same(fixture, &pair);
        } else {
            reopen(fixture, &pair);
        }
    }

    expect_same(fixture, &pair);
    assert_true(pair.reopened > 3);
    assert_true(pair.flushed > 10);
    sunder_store_destroy(&pair.lmdb);
    sunder_store_destroy(&pair.mem);
}

static void random_operations_agree_when_written_inline(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.memory_bytes = (uint64_t)4 << 20;

    run_random_operations(fixture, 20000);
}

static void random_operations_agree_when_written_by_the_thread(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.memory_bytes = (uint64_t)4 << 20;
    fixture->options.flush_inline = false;
    fixture->random = 4711;

    run_random_operations(fixture, 20000);
}

/* ---- the order of things ---- */

static void rows_reach_lmdb_only_when_acknowledged(void **state)
{
    struct fixture *fixture = *state;
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
    fixture_set(fixture, store, 1, 1);
    fixture_mark(store, 10);
    fixture_flush(store);

    fixture_set(fixture, store, 1, 2);
    fixture_set(fixture, store, 2, 1);
    fixture_mark(store, 20);
    (void)fixture_freeze(store);
    fixture_expect(fixture, store, 1, 2);
    assert_int_equal(fixture_offset(store), 10);
    fixture_close(store);

    store = fixture_open(fixture, SUNDER_STORE_FOUND_KEPT);
    assert_int_equal(fixture_offset(store), 10);
    fixture_expect(fixture, store, 1, 1);
    fixture_expect(fixture, store, 2, 0);
    sunder_store_destroy(&store);
}

static void rows_put_after_the_freeze_are_not_part_of_it(void **state)
{
    struct fixture *fixture = *state;
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
    fixture_set(fixture, store, 1, 1);
    fixture_set(fixture, store, 2, 1);
    fixture_mark(store, 10);
    uint64_t generation = fixture_freeze(store);
    fixture_set(fixture, store, 1, 2);
    fixture_set(fixture, store, 2, 0);
    fixture_acknowledge(store, generation);
    fixture_acknowledge(store, generation);
    fixture_expect(fixture, store, 1, 2);
    fixture_expect(fixture, store, 2, 0);

    sunder_store_destroy(&store);

    store = fixture_open(fixture, SUNDER_STORE_FOUND_KEPT);
    assert_int_equal(fixture_offset(store), 10);
    fixture_expect(fixture, store, 1, 1);
    fixture_expect(fixture, store, 2, 1);
    sunder_store_destroy(&store);
}

static void generations_rise_across_opens(void **state)
{
    struct fixture *fixture = *state;
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
    fixture_mark(store, 1);
    uint64_t first = fixture_freeze(store);
    fixture_acknowledge(store, first);
    fixture_close(store);

    store = fixture_open(fixture, SUNDER_STORE_FOUND_KEPT);

    assert_true(fixture_freeze(store) > first);
    sunder_store_destroy(&store);
}

static void a_freeze_before_the_last_is_written_asks_to_retry(void **state)
{
    struct fixture *fixture = *state;
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
    fixture_mark(store, 1);
    uint64_t generation = fixture_freeze(store);
    uint64_t none = 77;
    struct sunder_fail fail = {0};

    assert_int_equal(sunder_store_freeze(store, &none), SUNDER_ERR_RETRY);
    assert_int_equal(none, 77);
    assert_int_equal(sunder_store_wait(store, &fail), SUNDER_ERR_RETRY);
    assert_int_equal(fail.code, SUNDER_ERR_RETRY);

    fixture_acknowledge(store, generation);
    assert_int_equal(sunder_store_freeze(store, &none), SUNDER_OK);
    sunder_store_destroy(&store);
}

static void a_freeze_without_the_mark_of_the_last_row_stops_the_program(void **state)
{
    struct fixture *fixture = *state;
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
    fixture_mark(store, 1);
    fixture_set(fixture, store, 1, 1);
    uint64_t generation = 0;
    struct sunder_fail fail = {0};

    expect_assert_failure((void)!sunder_store_freeze(store, &generation));
    expect_assert_failure((void)!sunder_store_flush(store, &fail));
    expect_assert_failure((void)!sunder_store_acknowledge(store, 1, &fail));

    sunder_store_destroy(&store);
}

static void a_mark_of_full_length_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
    struct sunder_store_mark given = {.len = SUNDER_STORE_MARK_MAX};
    memset(given.bytes, 0xee, sizeof(given.bytes));
    struct sunder_store_mark found = {0};
    assert_int_equal(sunder_store_offsets(store, &found), SUNDER_ERR_NOT_FOUND);
    sunder_store_mark(store, &given);
    fixture_flush(store);
    fixture_close(store);

    store = fixture_open(fixture, SUNDER_STORE_FOUND_KEPT);

    assert_int_equal(sunder_store_offsets(store, &found), SUNDER_OK);
    assert_int_equal(found.len, given.len);
    assert_memory_equal(found.bytes, given.bytes, given.len);
    given.len += 1;
    expect_assert_failure(sunder_store_mark(store, &given));
    sunder_store_destroy(&store);
}

/* ---- bounds ---- */

static void expect_bounds_of_keys_and_values(struct sunder_store *store)
{
    static char bytes[SUNDER_ROW_VALUE_MAX + 1];
    memset(bytes, 'b', sizeof(bytes));
    bytes[0] = FIXTURE_TABLE_A;
    struct sunder_view view = sunder_store_view(store);
    struct sunder_rows rows = sunder_store_rows(store);
    struct sunder_str found = {0};
    static const uint32_t WRONG[] = {0, 1, SUNDER_ROW_KEY_MAX + 1};
    struct sunder_str value = {bytes, SUNDER_ROW_VALUE_MAX};
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        struct sunder_str key = {bytes, WRONG[i]};
        assert_int_equal(view.get(view.ctx, key, &found), SUNDER_ERR_INVALID);
        assert_int_equal(rows.put(rows.ctx, key, value), SUNDER_ERR_INVALID);
        assert_int_equal(rows.remove(rows.ctx, key), SUNDER_ERR_INVALID);
    }
    struct sunder_str longest = {bytes, SUNDER_ROW_KEY_MAX};
    struct sunder_str too_long = {bytes, SUNDER_ROW_VALUE_MAX + 1};
    assert_int_equal(rows.put(rows.ctx, longest, too_long), SUNDER_ERR_INVALID);
    assert_int_equal(view.get(view.ctx, longest, &found), SUNDER_ERR_NOT_FOUND);

    assert_int_equal(rows.put(rows.ctx, longest, value), SUNDER_OK);
    struct sunder_str shortest = {bytes, 2};
    assert_int_equal(rows.put(rows.ctx, shortest, SUNDER_STR("")), SUNDER_OK);
    fixture_mark(store, 1);
    fixture_flush(store);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(view.get(view.ctx, longest, &found), SUNDER_OK);
        assert_int_equal(found.len, value.len);
        assert_memory_equal(found.at, value.at, value.len);
        assert_int_equal(view.get(view.ctx, shortest, &found), SUNDER_OK);
        assert_int_equal(found.len, 0);
        /* A freeze of nothing drops the cache: the second round reads LMDB. */
        fixture_acknowledge(store, fixture_freeze(store));
    }
    struct sunder_str unknown = SUNDER_STR("\x7fkey");
    expect_assert_failure((void)view.get(view.ctx, unknown, &found));
}

static void bounds_of_keys_and_values_hold_in_both_kinds(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.memory_bytes = (uint64_t)1 << 20;
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
    expect_bounds_of_keys_and_values(store);
    sunder_store_destroy(&store);

    fixture->options.kind = SUNDER_STORE_KIND_MEMORY;
    store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
    expect_bounds_of_keys_and_values(store);
    sunder_store_destroy(&store);
    sunder_store_destroy(&store);
}

/* Puts rows of 1,000 bytes until something else than OK comes; gives their number. */
static uint32_t put_until(struct sunder_store *store, uint32_t max, enum sunder_err expected)
{
    static char value[1000];
    memset(value, 'v', sizeof(value));
    struct sunder_rows rows = sunder_store_rows(store);
    for (uint32_t i = 0; i < max; i++) {
        char key[6] = {FIXTURE_TABLE_A, 'x', (char)(i >> 16), (char)(i >> 8), (char)i, 'y'};
        struct sunder_str name = {key, sizeof(key)};
        struct sunder_str bytes = {value, sizeof(value)};
        enum sunder_err err = rows.put(rows.ctx, name, bytes);
        if (err != SUNDER_OK) {
            assert_int_equal(err, expected);
            return i;
        }
    }
    return max;
}

static void the_need_rises_with_the_active_table(void **state)
{
    struct fixture *fixture = *state;
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
    assert_int_equal(sunder_store_need(store), SUNDER_STORE_NEED_NOTHING);
    assert_int_equal(put_until(store, 70, SUNDER_OK), 70);
    assert_int_equal(sunder_store_need(store), SUNDER_STORE_NEED_FREEZE);
    fixture_mark(store, 1);
    uint64_t generation = fixture_freeze(store);
    assert_int_equal(sunder_store_need(store), SUNDER_STORE_NEED_NOTHING);
    assert_int_equal(put_until(store, 70, SUNDER_OK), 70);
    assert_int_equal(sunder_store_need(store), SUNDER_STORE_NEED_NOTHING);
    assert_int_equal(put_until(store, 140, SUNDER_OK), 140);
    assert_int_equal(sunder_store_need(store), SUNDER_STORE_NEED_WAIT);

    fixture_acknowledge(store, generation);

    assert_int_equal(sunder_store_need(store), SUNDER_STORE_NEED_FREEZE);
    sunder_store_destroy(&store);
}

static void a_full_table_is_answered_and_a_flush_makes_room(void **state)
{
    struct fixture *fixture = *state;
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);

    uint32_t count = put_until(store, 1000, SUNDER_ERR_FULL);

    assert_in_range(count, 150, 256);
    struct sunder_store_stats stats;
    sunder_store_stats(store, &stats);
    assert_int_equal(stats.active_rows, count);
    fixture_mark(store, 1);
    fixture_flush(store);
    assert_int_equal(put_until(store, 100, SUNDER_OK), 100);
    sunder_store_stats(store, &stats);
    assert_int_equal(stats.disk_rows, count);
    sunder_store_destroy(&store);
}

static void the_map_grows_up_to_its_bound_and_then_the_store_is_full(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.memory_bytes = (uint64_t)4 << 20;
    fixture->options.map_bytes_max = (uint64_t)2 << 20;
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
    assert_int_equal(put_until(store, 800, SUNDER_OK), 800);
    fixture_mark(store, 1);
    fixture_flush(store);
    struct sunder_store_stats stats;
    sunder_store_stats(store, &stats);
    assert_true(stats.disk_bytes_map > fixture->options.map_bytes_start);

    assert_int_equal(put_until(store, 4000, SUNDER_OK), 4000);
    fixture_mark(store, 2);
    struct sunder_fail fail = {0};
    assert_int_equal(sunder_store_flush(store, &fail), SUNDER_ERR_FULL);
    assert_non_null(strstr(fail.text, "map_bytes_max"));

    assert_int_equal(fixture_offset(store), 1);
    assert_int_equal(sunder_store_flush(store, &fail), SUNDER_ERR_FULL);
    sunder_store_stats(store, &stats);
    assert_int_equal(stats.disk_rows, 800);
    assert_int_equal(stats.frozen_rows, 4000);
    fixture_close(store);
    fixture->options.map_bytes_max = (uint64_t)64 << 20;
    store = fixture_open(fixture, SUNDER_STORE_FOUND_KEPT);
    assert_int_equal(put_until(store, 4000, SUNDER_OK), 4000);
    fixture_mark(store, 2);
    fixture_flush(store);
    sunder_store_stats(store, &stats);
    assert_int_equal(stats.disk_rows, 4000);
    fixture_close(store);
}

/* Many small generations with the thread: the map grows while the engine's side goes on reading. */
static void the_map_grows_under_the_thread_while_rows_are_read(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.flush_inline = false;
    fixture->options.memory_bytes = (uint64_t)1 << 20;
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
    struct sunder_view view = sunder_store_view(store);
    struct sunder_rows rows = sunder_store_rows(store);
    struct sunder_fail fail = {0};
    uint64_t generations = 0;

    for (uint32_t i = 0; i < 20000; i++) {
        char key[6] = {FIXTURE_TABLE_A, (char)(i * 37), (char)(i >> 16), (char)(i >> 8), (char)i};
        struct sunder_str name = {key, sizeof(key)};
        static char value[300];
        memset(value, (char)i, sizeof(value));
        struct sunder_str bytes = {value, sizeof(value)};
        assert_int_equal(rows.put(rows.ctx, name, bytes), SUNDER_OK);
        uint32_t other = (uint32_t)(fixture_random(&fixture->random) % (i + 1));
        char other_key[6] = {FIXTURE_TABLE_A,
            (char)(other * 37),
            (char)(other >> 16),
            (char)(other >> 8),
            (char)other};
        struct sunder_str other_name = {other_key, sizeof(other_key)};
        struct sunder_str found = {0};
        assert_int_equal(view.get(view.ctx, other_name, &found), SUNDER_OK);
        assert_int_equal(found.len, sizeof(value));
        assert_int_equal((uint8_t)found.at[299], (uint8_t)other);
        fixture_mark(store, i);
        assert_int_equal(sunder_store_poll(store, &fail), SUNDER_OK);
        if (sunder_store_need(store) == SUNDER_STORE_NEED_WAIT) {
            assert_int_equal(sunder_store_wait(store, &fail), SUNDER_OK);
        }
        if (sunder_store_need(store) == SUNDER_STORE_NEED_FREEZE) {
            generations = fixture_freeze(store);
            fixture_acknowledge(store, generations);
        }
    }

    assert_true(generations > 3);
    fixture_flush(store);
    struct sunder_store_stats stats;
    sunder_store_stats(store, &stats);
    assert_int_equal(stats.disk_rows, 20000);
    assert_true(stats.disk_bytes_map > 4 * fixture->options.map_bytes_start);
    fixture_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(random_operations_agree_when_written_inline),
        TEST(random_operations_agree_when_written_by_the_thread),
        TEST(rows_reach_lmdb_only_when_acknowledged),
        TEST(rows_put_after_the_freeze_are_not_part_of_it),
        TEST(generations_rise_across_opens),
        TEST(a_freeze_before_the_last_is_written_asks_to_retry),
        TEST(a_freeze_without_the_mark_of_the_last_row_stops_the_program),
        TEST(a_mark_of_full_length_comes_back),
        TEST(bounds_of_keys_and_values_hold_in_both_kinds),
        TEST(the_need_rises_with_the_active_table),
        TEST(a_full_table_is_answered_and_a_flush_makes_room),
        TEST(the_map_grows_up_to_its_bound_and_then_the_store_is_full),
        TEST(the_map_grows_under_the_thread_while_rows_are_read),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
