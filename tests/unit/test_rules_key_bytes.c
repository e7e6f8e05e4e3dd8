/* The bytes of key rows: the largest, and damaged ones. */
#include "engine/rules/key_row.h"

#include "tests/support/random.h"
#include "tests/unit/test_engine_fixture.h"

#define DOMAIN 9u

static const struct sunder_str KEY = {"vendor/V1", 9};

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

static struct sunder_key_row row_of(struct rig *rig)
{
    struct sunder_key_row row;
    sunder_arena_reset(&rig->arena);
    enum sunder_err err = sunder_key_row_get(&rig->state, DOMAIN, SUNDER_SPACE_OBJECT, KEY, &row);
    assert_int_equal(err, SUNDER_OK);
    return row;
}

static void put(struct rig *rig, const struct sunder_key_row *row)
{
    assert_int_equal(sunder_key_row_put(&rig->state, row), SUNDER_OK);
}

static void add(struct rig *rig, const struct sunder_key_fact *fact)
{
    struct sunder_key_row row = row_of(rig); /* A row in memory has room for one more. */
    assert_int_equal(sunder_key_row_add(&rig->state, &row, fact), SUNDER_OK);
    put(rig, &row);
}

static struct sunder_str case_name(uint32_t number)
{
    return sunder_str_of(rig_text("PO-%u", number));
}

/* As large as a row gets: every case of 256 bytes, every fact with all subjects and duties. */
static void put_largest_row(struct rig *rig)
{
    static uint32_t subjects[UINT8_MAX];
    static uint16_t duties[UINT8_MAX];
    for (uint32_t i = 0; i < UINT8_MAX; i++) {
        subjects[i] = UINT32_MAX - i;
        duties[i] = (uint16_t)(i * 257);
    }
    struct sunder_key_row row = row_of(rig);
    row.flags = SUNDER_KEY_CLOSED | SUNDER_KEY_SATURATED;
    row.closed = INT64_MAX;
    row.reserved = UINT32_MAX;
    for (uint32_t i = 0; i < SUNDER_KEY_CASES_MAX; i++) {
        struct sunder_str name = sunder_str_of(rig_long(rig_text("PO-%u-", i), 256));
        name = sunder_str_copy(&rig->arena, name);
        assert_int_equal(sunder_key_row_bind(&rig->state, &row, name, 1), SUNDER_OK);
        row.binds[i].count = UINT32_MAX - i;
    }
    put(rig, &row);
    for (uint32_t i = 0; i < SUNDER_KEY_FACTS_MAX; i++) {
        struct sunder_key_fact fact = {
            .position = (uint64_t)INT64_MAX - i,
            .time_ms = INT64_MIN + i,
            .released = i % 2 == 0,
            .phases = 7,
            .subject_count = UINT8_MAX,
            .duty_count = UINT8_MAX,
            .task = UINT32_MAX,
            .subjects = subjects,
            .duties = duties,
        };
        add(rig, &fact);
    }
}

static void the_largest_row_comes_back_as_it_was(void **state)
{
    struct rig *rig = *state;
    put_largest_row(rig);

    struct sunder_key_row back = row_of(rig);

    assert_true(back.exists);
    assert_int_equal(back.flags, SUNDER_KEY_CLOSED | SUNDER_KEY_SATURATED);
    assert_int_equal(back.closed, INT64_MAX);
    assert_int_equal(back.reserved, UINT32_MAX);
    assert_int_equal(back.bind_count, SUNDER_KEY_CASES_MAX);
    for (uint32_t i = 0; i < SUNDER_KEY_CASES_MAX; i++) {
        const char *name = rig_long(rig_text("PO-%u-", i), 256);
        assert_true(sunder_str_equal(back.binds[i].case_id, sunder_str_of(name)));
        assert_int_equal(back.binds[i].count, UINT32_MAX - i);
    }
    struct sunder_key_fact *facts = NULL;
    assert_int_equal(back.fact_count, SUNDER_KEY_FACTS_MAX);
    assert_int_equal(sunder_key_row_facts(&rig->state, &back, &facts), SUNDER_OK);
    for (uint32_t i = 0; i < SUNDER_KEY_FACTS_MAX; i++) {
        assert_int_equal(facts[i].position, (uint64_t)INT64_MAX - i);
        assert_int_equal(facts[i].time_ms, INT64_MIN + i);
        assert_int_equal(facts[i].released, i % 2 == 0);
        assert_int_equal(facts[i].phases, 7);
        assert_int_equal(facts[i].task, UINT32_MAX);
        assert_int_equal(facts[i].subject_count, UINT8_MAX);
        assert_int_equal(facts[i].duty_count, UINT8_MAX);
        for (uint32_t n = 0; n < UINT8_MAX; n++) {
            assert_int_equal(facts[i].subjects[n], UINT32_MAX - n);
            assert_int_equal(facts[i].duties[n], (uint16_t)(n * 257));
        }
    }
}

static void facts_and_members_of_every_width_come_back(void **state)
{
    struct rig *rig = *state;
    static const uint32_t ids[] = {
        1, UINT8_MAX, UINT8_MAX + 1, UINT16_MAX + 1, 0xffffffu, 0x1000000u};
    static const uint64_t positions[] = {0, UINT32_MAX, (uint64_t)UINT32_MAX + 1, INT64_MAX, 1, 2};
    static const int64_t times[] = {0, ((int64_t)1 << 48) - 1, 1, -1, (int64_t)1 << 48, 2};
    static const uint8_t counts[] = {14, 15, 16, 0, 1, UINT8_MAX};
    static uint32_t subjects[6][UINT8_MAX];
    static uint16_t duties[6][UINT8_MAX];
    for (uint32_t i = 0; i < 6; i++) {
        for (uint32_t n = 0; n < UINT8_MAX; n++) {
            subjects[i][n] = ids[i] - (n % 2);
            duties[i][n] = (uint16_t)(n + (i % 2));
        }
        struct sunder_key_fact fact = {
            .position = positions[i],
            .time_ms = times[i],
            .released = i == 3,
            .phases = (uint8_t)(1u << (i % 3)),
            .subject_count = counts[i],
            .duty_count = counts[5 - i],
            .task = ids[5 - i],
            .subjects = subjects[i],
            .duties = duties[i],
        };
        struct sunder_key_row row = row_of(rig);
        assert_int_equal(sunder_key_row_add(&rig->state, &row, &fact), SUNDER_OK);
        row.members[i] = (struct sunder_key_member){ids[i], i + 1};
        row.member_count = i + 1;
        put(rig, &row);
        row = row_of(rig);
        for (uint32_t n = 0; n <= i; n++) {
            assert_int_equal(row.members[n].subject, ids[n]);
            assert_int_equal(row.members[n].count, n + 1);
        }
    }
    struct sunder_key_row back = row_of(rig);
    struct sunder_key_fact *facts = NULL;
    assert_int_equal(sunder_key_row_facts(&rig->state, &back, &facts), SUNDER_OK);
    for (uint32_t i = 0; i < 6; i++) {
        assert_true(facts[i].position == positions[i]);
        assert_true(facts[i].time_ms == times[i]);
        assert_int_equal(facts[i].released, i == 3);
        assert_int_equal(facts[i].phases, 1u << (i % 3));
        assert_int_equal(facts[i].task, ids[5 - i]);
        assert_int_equal(facts[i].subject_count, counts[i]);
        assert_int_equal(facts[i].duty_count, counts[5 - i]);
        assert_memory_equal(facts[i].subjects, subjects[i], counts[i] * sizeof(uint32_t));
        assert_memory_equal(facts[i].duties, duties[i], counts[5 - i] * sizeof(uint16_t));
    }
}

static enum sunder_err read_all(struct rig *rig)
{
    struct sunder_key_row row;
    enum sunder_err err = sunder_key_row_get(&rig->state, DOMAIN, SUNDER_SPACE_OBJECT, KEY, &row);
    if (err != SUNDER_OK) {
        return err;
    }
    struct sunder_key_fact *facts = NULL;
    return sunder_key_row_facts(&rig->state, &row, &facts);
}

static void small_row(struct rig *rig)
{
    static const uint32_t subjects[] = {5, 6, 7};
    static const uint16_t duties[] = {0, 300};
    for (uint8_t i = 0; i < 4; i++) {
        struct sunder_key_fact fact = {
            .position = i,
            .time_ms = -5,
            .subject_count = i,
            .duty_count = i % 3,
            .subjects = subjects,
            .duties = duties,
        };
        add(rig, &fact);
    }
    struct sunder_key_row row = row_of(rig);
    for (uint32_t i = 0; i < 3; i++) {
        struct sunder_str name = sunder_str_copy(&rig->arena, case_name(i));
        assert_int_equal(sunder_key_row_bind(&rig->state, &row, name, 1), SUNDER_OK);
    }
    put(rig, &row);
}

static void every_cut_of_a_row_is_corrupt(void **state)
{
    struct rig *rig = *state;
    small_row(rig);
    struct sunder_str key = rig_only_key(rig, SUNDER_TABLE_KEY);

    rig_assert_cuts_are_corrupt(rig, key, read_all);
}

static void bytes_after_the_last_fact_are_corrupt(void **state)
{
    struct rig *rig = *state;
    small_row(rig);
    struct sunder_str key = rig_only_key(rig, SUNDER_TABLE_KEY);
    struct sunder_str row = rig_row(rig, key);
    char bytes[1024] = {0};
    assert_true(row.len < sizeof bytes);
    memcpy(bytes, row.at, row.len);

    rig_damage(rig, key, (struct sunder_str){bytes, row.len + 1});

    assert_int_equal(read_all(rig), SUNDER_ERR_CORRUPT);
}

static void any_changed_byte_is_an_error_or_another_row(void **state)
{
    struct rig *rig = *state;
    uint64_t random = test_seed();
    small_row(rig);

    rig_assert_damage_is_safe(rig, rig_only_key(rig, SUNDER_TABLE_KEY), read_all, &random);
}

static void without_room_there_is_no_row(void **state)
{
    struct rig *rig = *state;
    small_row(rig);
    struct sunder_state cramped = rig->state;
    for (size_t size = 0; size < 600; size += 8) {
        struct sunder_arena small = sunder_arena_of(rig->events.memory, size);
        cramped.arena = &small;
        struct sunder_key_row row = {.flags = 99};
        enum sunder_err err = sunder_key_row_get(&cramped, DOMAIN, SUNDER_SPACE_OBJECT, KEY, &row);
        assert_int_equal(err, SUNDER_ERR_FULL);
        assert_int_equal(row.flags, 99);
    }
}

#define BYTES_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BYTES_TEST(the_largest_row_comes_back_as_it_was),
        BYTES_TEST(facts_and_members_of_every_width_come_back),
        BYTES_TEST(every_cut_of_a_row_is_corrupt),
        BYTES_TEST(bytes_after_the_last_fact_are_corrupt),
        BYTES_TEST(any_changed_byte_is_an_error_or_another_row),
        BYTES_TEST(without_room_there_is_no_row),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
