/* Series against a plain array, and their rows when these are damaged. */
#include "engine/rules/series.h"

#include <stdlib.h>

#include "tests/support/random.h"
#include "tests/unit/test_engine_fixture.h"

#define ENTRIES_MAX 4096u
#define CHUNK 64u

/* dropped_ms: facts at or before it may be gone, since no window will ever ask for them again */
struct model {
    struct sunder_series_entry at[ENTRIES_MAX];
    uint32_t count;
    int64_t dropped_ms;
};

static const struct sunder_series SERIES = {
    .domain = 7,
    .space = 16,
    .class = SUNDER_CLASS_SUBJECT,
    .subject = 3,
    .element = SUNDER_ELEMENT_LIMIT,
    .key = {"vendor/V1", 9},
};

static int setup(void **state)
{
    struct rig *rig = rig_create(NULL);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    rig_destroy(&rig);
    return 0;
}

static bool counts(const struct sunder_series_entry *entry, struct sunder_span span)
{
    return !entry->released && entry->time_ms > span.since_ms &&
           (int64_t)entry->position > span.after;
}

static void append(
    struct rig *rig, struct model *model, struct sunder_series_entry entry, int64_t drop_ms)
{
    sunder_arena_reset(&rig->arena);
    assert_int_equal(sunder_series_append(&rig->state, &SERIES, &entry, drop_ms), SUNDER_OK);
    assert_true(model->count < ENTRIES_MAX);
    model->at[model->count] = entry;
    model->count += 1;
    model->dropped_ms = drop_ms > model->dropped_ms ? drop_ms : model->dropped_ms;
}

static void assert_entry(
    const struct sunder_series_entry *actual, const struct sunder_series_entry *expected)
{
    assert_int_equal(actual->position, expected->position);
    assert_int_equal(actual->time_ms, expected->time_ms);
    assert_int_equal(actual->value, expected->value);
    assert_false(actual->released);
}

static void assert_total(struct rig *rig, const struct model *model, int64_t since_ms)
{
    struct sunder_span span = {since_ms, -1};
    uint64_t count = 0;
    sunder_int128 sum = 0;
    for (uint32_t i = 0; i < model->count; i++) {
        if (counts(&model->at[i], span)) {
            count += 1;
            sum += model->at[i].value;
        }
    }
    uint64_t actual_count = 0;
    sunder_int128 actual_sum = 0;

    sunder_arena_reset(&rig->arena);
    enum sunder_err err =
        sunder_series_total(&rig->state, &SERIES, span, &actual_count, &actual_sum);

    assert_int_equal(err, SUNDER_OK);
    assert_int_equal(actual_count, count);
    assert_true(actual_sum == sum);
}

static void assert_first(struct rig *rig, const struct model *model, struct sunder_span span)
{
    const struct sunder_series_entry *first = NULL;
    for (uint32_t i = 0; i < model->count && first == NULL; i++) {
        first = counts(&model->at[i], span) ? &model->at[i] : NULL;
    }
    bool found = false;
    struct sunder_series_entry entry;

    sunder_arena_reset(&rig->arena);
    enum sunder_err err = sunder_series_first(&rig->state, &SERIES, span, &found, &entry);

    assert_int_equal(err, SUNDER_OK);
    assert_int_equal(found, first != NULL);
    if (found && first != NULL) {
        assert_entry(&entry, first);
    }
}

static void assert_latest(
    struct rig *rig, const struct model *model, struct sunder_span span, uint32_t max)
{
    static struct sunder_series_entry newest[ENTRIES_MAX]; /* newest first */
    uint32_t count = 0;
    for (uint32_t i = model->count; i > 0 && (max == 0 || count < max); i--) {
        if (counts(&model->at[i - 1], span)) {
            newest[count] = model->at[i - 1];
            count += 1;
        }
    }
    struct sunder_series_list list = {0};

    sunder_arena_reset(&rig->arena);
    enum sunder_err err = sunder_series_latest(&rig->state, &SERIES, span, max, &list);

    assert_int_equal(err, SUNDER_OK);
    assert_int_equal(list.count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_entry(&list.at[i], &newest[count - 1 - i]);
    }
}

static void assert_same(struct rig *rig, const struct model *model, struct sunder_span span)
{
    assert_total(rig, model, span.since_ms);
    assert_first(rig, model, span);
    assert_latest(rig, model, span, 0);
    assert_latest(rig, model, span, 1);
    assert_latest(rig, model, span, 16);
    assert_latest(rig, model, span, CHUNK + 1);
}

static void mark(struct rig *rig, struct model *model, uint32_t index, bool released)
{
    sunder_arena_reset(&rig->arena);
    uint64_t position = model->at[index].position;
    assert_int_equal(sunder_series_mark(&rig->state, &SERIES, position, released), SUNDER_OK);
    model->at[index].released = released;
}

static void an_absent_series_is_empty(void **state)
{
    struct rig *rig = *state;
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);

    assert_same(rig, model, SUNDER_SPAN_ALL);

    assert_int_equal(sunder_series_mark(&rig->state, &SERIES, 5, true), SUNDER_OK);
    assert_int_equal(rig_count_rows(rig, SUNDER_TABLE_SERIES), 0);
    free(model);
}

/* After every single append up to the third chunk, every position and time is asked for as a border. */
static void chunk_borders_change_no_answer(void **state)
{
    struct rig *rig = *state;
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    static const uint32_t sizes[] = {1, 2, 63, 64, 65, 127, 128, 129, 192, 193};
    uint32_t next = 0;
    for (uint32_t size = 1; size <= 193; size++) {
        struct sunder_series_entry entry = {
            .position = 10 * size, .time_ms = 100 * size, .value = (int64_t)size * size};
        append(rig, model, entry, INT64_MIN);
        if (size != sizes[next]) {
            continue;
        }
        next += 1;
        assert_same(rig, model, SUNDER_SPAN_ALL);
        for (uint32_t border = 0; border <= size; border++) {
            assert_total(rig, model, 100 * (int64_t)border);
            assert_total(rig, model, (100 * (int64_t)border) - 1);
            assert_first(rig, model, (struct sunder_span){INT64_MIN, 10 * (int64_t)border});
            assert_latest(rig, model, (struct sunder_span){100 * (int64_t)border, -1}, 0);
        }
        assert_int_equal(rig_count_rows(rig, SUNDER_TABLE_SERIES), 1 + ((size - 1) / CHUNK));
    }
    assert_int_equal(next, sizeof sizes / sizeof sizes[0]);
    free(model);
}

static void any_entry_can_be_released_and_restored_once(void **state)
{
    struct rig *rig = *state;
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    for (uint32_t i = 0; i < 130; i++) {
        append(rig,
            model,
            (struct sunder_series_entry){.position = i, .time_ms = i / 3, .value = 1 + i},
            INT64_MIN);
    }
    for (uint32_t i = 0; i < 130; i++) {
        mark(rig, model, i, true);
        mark(rig, model, i, true); /* Again changes nothing. */
        assert_total(rig, model, INT64_MIN);
        assert_first(rig, model, SUNDER_SPAN_ALL);
    }
    assert_latest(rig, model, SUNDER_SPAN_ALL, 0);
    for (uint32_t i = 130; i > 0; i--) {
        mark(rig, model, i - 1, false);
        mark(rig, model, i - 1, false);
        assert_total(rig, model, 20);
        assert_first(rig, model, SUNDER_SPAN_ALL);
    }
    assert_same(rig, model, SUNDER_SPAN_ALL);
    assert_int_equal(sunder_series_mark(&rig->state, &SERIES, 5000, true), SUNDER_OK);
    assert_same(rig, model, SUNDER_SPAN_ALL);
    free(model);
}

static void an_entry_may_arrive_released(void **state)
{
    struct rig *rig = *state;
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    for (uint32_t i = 0; i < 100; i++) {
        append(rig,
            model,
            (struct sunder_series_entry){
                .position = i, .time_ms = i, .value = 5, .released = i % 2 == 0},
            INT64_MIN);
    }
    assert_same(rig, model, SUNDER_SPAN_ALL);
    mark(rig, model, 0, false);
    mark(rig, model, 98, false);
    assert_same(rig, model, SUNDER_SPAN_ALL);
    free(model);
}

static void sums_are_wider_than_one_amount(void **state)
{
    struct rig *rig = *state;
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    for (uint32_t i = 0; i < 200; i++) {
        append(rig,
            model,
            (struct sunder_series_entry){.position = i, .time_ms = i, .value = INT64_MAX},
            INT64_MIN);
    }
    assert_same(rig, model, SUNDER_SPAN_ALL);
    assert_total(rig, model, 100);
    mark(rig, model, 3, true);
    assert_total(rig, model, INT64_MIN);
    free(model);
}

static void what_left_the_window_is_dropped_and_nothing_else(void **state)
{
    struct rig *rig = *state;
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    const int64_t window = 1000;
    for (uint32_t i = 0; i < 1500; i++) {
        int64_t now = 10 * (int64_t)i;
        int64_t since = sunder_span_of(now, window).since_ms;
        append(rig,
            model,
            (struct sunder_series_entry){.position = i, .time_ms = now, .value = (int64_t)i},
            since);
        assert_total(rig, model, since);
    }
    assert_same(rig, model, (struct sunder_span){model->dropped_ms, -1});
    /* 100 facts are in the window; they and the newest chunks stay, the rest is gone. */
    assert_true(rig_count_rows(rig, SUNDER_TABLE_SERIES) <= 4);
    mark(rig, model, 0, true); /* One that was let go. */
    assert_same(rig, model, (struct sunder_span){model->dropped_ms, -1});
    free(model);
}

/* A fact at exactly now - within has left the window. */
static void a_window_is_open_at_its_old_end(void **state)
{
    struct rig *rig = *state;
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    append(rig, model, (struct sunder_series_entry){.position = 1, .time_ms = 0}, INT64_MIN);
    uint64_t count = 9;
    sunder_int128 sum = 0;

    struct sunder_span just_in = sunder_span_of(999, 1000);
    struct sunder_span just_out = sunder_span_of(1000, 1000);

    assert_int_equal(sunder_series_total(&rig->state, &SERIES, just_in, &count, &sum), SUNDER_OK);
    assert_int_equal(count, 1);
    assert_int_equal(sunder_series_total(&rig->state, &SERIES, just_out, &count, &sum), SUNDER_OK);
    assert_int_equal(count, 0);
    free(model);
}

static void spans_do_not_overflow(void **state)
{
    (void)state;
    assert_int_equal(sunder_span_of(50, 0).since_ms, INT64_MIN);
    assert_int_equal(sunder_span_of(INT64_MIN, 10).since_ms, INT64_MIN);
    assert_int_equal(sunder_span_of(INT64_MIN + 10, 10).since_ms, INT64_MIN);
    assert_int_equal(sunder_span_of(INT64_MIN + 11, 10).since_ms, INT64_MIN + 1);
    assert_int_equal(sunder_span_of(INT64_MAX, INT64_MAX).since_ms, 0);
    assert_int_equal(sunder_span_of(-5, 10).since_ms, -15);
    assert_int_equal(sunder_span_of(-5, 10).after, -1);
}

static void order_may_not_be_broken(void **state)
{
    struct rig *rig = *state;
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    struct sunder_series_entry last = {.position = 100, .time_ms = 50, .value = 1};
    for (uint32_t i = 0; i < CHUNK; i++) { /* So that the last one closes a chunk, too. */
        append(rig, model, last, INT64_MIN);
        struct sunder_series_entry lower = {.position = 99, .time_ms = 50};
        struct sunder_series_entry earlier = {.position = 101, .time_ms = 49};
        assert_int_equal(
            sunder_series_append(&rig->state, &SERIES, &lower, INT64_MIN), SUNDER_ERR_CORRUPT);
        assert_int_equal(
            sunder_series_append(&rig->state, &SERIES, &earlier, INT64_MIN), SUNDER_ERR_CORRUPT);
    }
    assert_same(rig, model, SUNDER_SPAN_ALL);
    free(model);
}

static void series_of_other_names_do_not_meet(void **state)
{
    struct rig *rig = *state;
    struct sunder_series others[7];
    for (size_t i = 0; i < 7; i++) {
        others[i] = SERIES;
    }
    others[0].domain = 8;
    others[1].space = 17;
    others[2].class = SUNDER_CLASS_ACTOR;
    others[3].subject = 4;
    others[4].element = 1;
    others[5].key = SUNDER_STR("vendor/V");
    others[6].key = SUNDER_STR("vendor/V1\0\0\0\0"); /* As chunk 0 of the first one would be. */
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    for (uint32_t i = 0; i < 70; i++) {
        append(rig,
            model,
            (struct sunder_series_entry){.position = i, .time_ms = i, .value = 1},
            INT64_MIN);
    }
    for (size_t i = 0; i < 7; i++) {
        struct sunder_series_entry entry = {.position = 1, .time_ms = 1, .value = 1000};
        assert_int_equal(
            sunder_series_append(&rig->state, &others[i], &entry, INT64_MIN), SUNDER_OK);
    }
    assert_same(rig, model, SUNDER_SPAN_ALL);
    for (size_t i = 0; i < 7; i++) {
        uint64_t count = 0;
        sunder_int128 sum = 0;
        assert_int_equal(
            sunder_series_total(&rig->state, &others[i], SUNDER_SPAN_ALL, &count, &sum), SUNDER_OK);
        assert_int_equal(count, 1);
        assert_true(sum == 1000);
    }
    free(model);
}

/* One random step; time sometimes leaps beyond the window, sometimes stands still. */
static void random_step(struct rig *rig, struct model *model, uint64_t *random, int64_t window)
{
    static const int64_t steps[] = {0, 0, 0, 1, 1, 5, 40};
    const struct sunder_series_entry *last =
        model->count == 0 ? NULL : &model->at[model->count - 1];
    if (last == NULL || test_random_below(random, 4) != 0) {
        struct sunder_series_entry entry = {
            .position = (last == NULL ? 0 : last->position + 1 + test_random_below(random, 3)),
            .time_ms = (last == NULL ? -50 : last->time_ms) + steps[test_random_below(random, 7)],
            .value = (int64_t)test_random_below(random, 1000) - 100,
            .released = test_random_below(random, 20) == 0,
        };
        entry.time_ms += test_random_below(random, 300) == 0 ? 3 * window : 0;
        append(rig, model, entry, sunder_span_of(entry.time_ms, window).since_ms);
        return;
    }
    uint32_t index = test_random_below(random, model->count);
    bool live = model->at[index].time_ms > model->dropped_ms;
    if (live) {
        mark(rig, model, index, test_random_below(random, 2) == 0);
    }
}

static void random_steps_answer_like_a_plain_array(void **state)
{
    struct rig *rig = *state;
    uint64_t random = test_seed();
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    model->dropped_ms = INT64_MIN;
    const int64_t window = 600 + (int64_t)test_random_below(&random, 1000);
    for (uint32_t step = 0; step < 2500; step++) {
        random_step(rig, model, &random, window);
        if (test_random_below(&random, 6) != 0) {
            continue;
        }
        const struct sunder_series_entry *some =
            &model->at[test_random_below(&random, model->count)];
        struct sunder_span span = {
            some->time_ms > model->dropped_ms ? some->time_ms : model->dropped_ms, -1};
        assert_total(rig, model, model->dropped_ms);
        assert_total(rig, model, span.since_ms);
        assert_latest(rig, model, span, test_random_below(&random, 80));
        span.after = (int64_t)some->position;
        assert_first(rig, model, span);
        assert_latest(rig, model, span, test_random_below(&random, 80));
    }
    assert_same(rig, model, (struct sunder_span){model->dropped_ms, -1});
    free(model);
}

/* A series of two chunks and a tail, by hand: rows can be damaged one by one. */
static void fill(struct rig *rig, struct model *model)
{
    for (uint32_t i = 0; i < 150; i++) {
        append(rig,
            model,
            (struct sunder_series_entry){.position = i, .time_ms = i, .value = 1},
            INT64_MIN);
    }
}

static void assert_all_corrupt(struct rig *rig, bool head)
{
    uint64_t count = 77;
    sunder_int128 sum = 77;
    bool found = false;
    struct sunder_series_entry entry = {.position = 200, .time_ms = 200};
    struct sunder_series_list list = {.count = 77};
    const struct sunder_span late = {70, -1};
    sunder_arena_reset(&rig->arena);
    assert_int_equal(
        sunder_series_total(&rig->state, &SERIES, late, &count, &sum), SUNDER_ERR_CORRUPT);
    assert_int_equal(count, 77);
    assert_int_equal(
        sunder_series_latest(&rig->state, &SERIES, SUNDER_SPAN_ALL, 0, &list), SUNDER_ERR_CORRUPT);
    assert_int_equal(list.count, 77);
    assert_int_equal(
        sunder_series_first(&rig->state, &SERIES, late, &found, &entry), SUNDER_ERR_CORRUPT);
    assert_int_equal(sunder_series_mark(&rig->state, &SERIES, 70, true), SUNDER_ERR_CORRUPT);
    if (head) {
        assert_int_equal(
            sunder_series_append(&rig->state, &SERIES, &entry, INT64_MIN), SUNDER_ERR_CORRUPT);
    }
}

static void every_cut_of_a_row_is_corrupt(void **state)
{
    struct rig *rig = *state;
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    fill(rig, model);
    uint32_t rows = 0;
    for (uint32_t i = 0; i < RIG_KEYS_MAX; i++) {
        struct sunder_str key = rig->keys[i];
        if (key.at == NULL) {
            continue;
        }
        bool head = key.len < 1 + 4 + 2 + 1 + 4 + 2 + 2 + SERIES.key.len + 4;
        bool second = !head && key.at[key.len - 1] == 1; /* Positions 64 to 127. */
        struct sunder_str row = rig_row(rig, key);
        for (uint32_t len = 0; (head || second) && len<row.len; len += len> 50 ? 13u : 1u) {
            rig_damage(rig, key, (struct sunder_str){row.at, len});
            assert_all_corrupt(rig, head);
        }
        rig_damage(rig, key, (struct sunder_str){0});
        rows += 1;
    }
    assert_int_equal(rows, 3);
    assert_same(rig, model, SUNDER_SPAN_ALL);
    free(model);
}

static void a_chunk_that_is_gone_is_corrupt(void **state)
{
    struct rig *rig = *state;
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    fill(rig, model);
    for (uint32_t i = 0; i < RIG_KEYS_MAX; i++) {
        struct sunder_str key = rig->keys[i];
        if (key.at != NULL && key.at[key.len - 1] == 1 && rig_row(rig, key).len > 1000) {
            assert_int_equal(rig->inner_rows.remove(rig->inner_rows.ctx, key), SUNDER_OK);
        }
    }
    assert_all_corrupt(rig, false);
    free(model);
}

static void without_room_nothing_is_written(void **state)
{
    struct rig *rig = *state;
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    fill(rig, model);
    struct sunder_arena small = test_arena_of(1000);
    struct sunder_state cramped = rig->state;
    cramped.arena = &small;
    uint64_t puts = rig->puts;
    struct sunder_series_entry entry = {.position = 200, .time_ms = 200};
    struct sunder_series_list list = {0};

    assert_int_equal(sunder_series_append(&cramped, &SERIES, &entry, INT64_MIN), SUNDER_ERR_FULL);
    assert_int_equal(sunder_series_mark(&cramped, &SERIES, 3, true), SUNDER_ERR_FULL);
    assert_int_equal(
        sunder_series_latest(&cramped, &SERIES, SUNDER_SPAN_ALL, 0, &list), SUNDER_ERR_FULL);

    assert_int_equal(rig->puts, puts);
    assert_same(rig, model, SUNDER_SPAN_ALL);
    free(model);
}

#define SERIES_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERIES_TEST(an_absent_series_is_empty),
        SERIES_TEST(chunk_borders_change_no_answer),
        SERIES_TEST(any_entry_can_be_released_and_restored_once),
        SERIES_TEST(an_entry_may_arrive_released),
        SERIES_TEST(sums_are_wider_than_one_amount),
        SERIES_TEST(what_left_the_window_is_dropped_and_nothing_else),
        SERIES_TEST(a_window_is_open_at_its_old_end),
        cmocka_unit_test(spans_do_not_overflow),
        SERIES_TEST(order_may_not_be_broken),
        SERIES_TEST(series_of_other_names_do_not_meet),
        SERIES_TEST(random_steps_answer_like_a_plain_array),
        SERIES_TEST(every_cut_of_a_row_is_corrupt),
        SERIES_TEST(a_chunk_that_is_gone_is_corrupt),
        SERIES_TEST(without_room_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
