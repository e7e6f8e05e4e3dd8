/* The memory table, its order, and the filter. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/view.h"
#include "store/filter.h"
#include "store/table.h"

#define MIB ((uint64_t)1 << 20)

static uint64_t next_random(uint64_t *random)
{
    *random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *random;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static struct sunder_table *table_of(uint64_t bytes)
{
    struct sunder_table *table = NULL;
    assert_int_equal(sunder_table_create(bytes, bytes, &table), SUNDER_OK);
    return table;
}

enum {
    MODEL_KEYS = 500,
    NOT_THERE = -1,
    REMOVED = -2
};

/* Keys that all fall into a few runs of slots: the hash is the test's to choose. */
static struct sunder_str model_key(char bytes[16], uint32_t number, uint64_t *ret_hash)
{
    int len = snprintf(bytes, 16, "%ckey-%u", 1, number);
    *ret_hash = ((uint64_t)(number % 7) << 32) | (number % 3);
    return (struct sunder_str){bytes, (uint32_t)len};
}

static void expect_row(const struct sunder_table *table, uint32_t number, int32_t value_len)
{
    char bytes[16];
    uint64_t hash = 0;
    struct sunder_str key = model_key(bytes, number, &hash);
    const struct sunder_table_row *row = sunder_table_find(table, hash, key);
    if (value_len == NOT_THERE) {
        assert_null(row);
        return;
    }
    assert_non_null(row);
    assert_int_equal(row->state, value_len == REMOVED ? SUNDER_TABLE_ROW_REMOVED : SUNDER_TABLE_ROW_PUT);
    struct sunder_str value = sunder_table_row_value(row);
    assert_int_equal(value.len, value_len == REMOVED ? 0 : value_len);
    for (uint32_t i = 0; i < value.len; i++) {
        assert_int_equal((uint8_t)value.at[i], (uint8_t)(number + (uint32_t)value_len));
    }
}

static void random_changes_leave_what_a_plain_array_holds(void **state)
{
    (void)state;
    uint64_t random = 7;
    print_message("seed %llu\n", (unsigned long long)random);
    struct sunder_table *table = table_of(64 * MIB);
    static int32_t model[MODEL_KEYS];
    static char value[4000];
    uint64_t count = 0;
    for (uint32_t i = 0; i < MODEL_KEYS; i++) {
        model[i] = NOT_THERE;
    }

    for (uint32_t step = 0; step < 60000; step++) {
        uint32_t number = (uint32_t)(next_random(&random) % MODEL_KEYS);
        uint64_t action = next_random(&random) % 10;
        char bytes[16];
        uint64_t hash = 0;
        struct sunder_str key = model_key(bytes, number, &hash);
        bool was_there = model[number] != NOT_THERE;
        if (action < 6) {
            model[number] = (int32_t)(next_random(&random) % (action == 0 ? 4000 : 300));
            memset(value, (uint8_t)(number + (uint32_t)model[number]), sizeof(value));
            struct sunder_str bytes_of_value = {value, (uint32_t)model[number]};
            assert_int_equal(sunder_table_put(table, hash, key, bytes_of_value), SUNDER_OK);
        } else if (action < 7) {
            model[number] = REMOVED;
            assert_int_equal(sunder_table_bury(table, hash, key), SUNDER_OK);
        } else {
            model[number] = NOT_THERE;
            sunder_table_erase(table, hash, key);
        }
        bool is_there = model[number] != NOT_THERE;
        count = count + (is_there && !was_there ? 1 : 0) - (was_there && !is_there ? 1 : 0);
        assert_int_equal(sunder_table_count(table), count);
        expect_row(table, number, model[number]);
        if (step % 500 == 0) {
            for (uint32_t i = 0; i < MODEL_KEYS; i++) {
                expect_row(table, i, model[i]);
            }
        }
    }

    sunder_table_clear(table);
    for (uint32_t i = 0; i < MODEL_KEYS; i++) {
        expect_row(table, i, NOT_THERE);
    }
    assert_int_equal(sunder_table_count(table), 0);
    sunder_table_destroy(&table);
    assert_null(table);
}

static void blocks_of_replaced_values_are_used_again(void **state)
{
    (void)state;
    struct sunder_table *table = table_of(4 * MIB);
    static char value[20000];
    struct sunder_str key = SUNDER_STR("\x01key");
    uint64_t bytes_before = 0;

    for (uint32_t round = 0; round < 5000; round++) {
        for (uint32_t len = 1; len < sizeof(value); len *= 3) {
            struct sunder_str bytes = {value, len};
            assert_int_equal(sunder_table_put(table, 1, key, bytes), SUNDER_OK);
        }
        sunder_table_erase(table, 1, key);
        if (round == 0) {
            bytes_before = sunder_table_bytes(table);
        }
    }

    assert_int_equal(sunder_table_bytes(table), bytes_before);
    sunder_table_destroy(&table);
}

static void full_changes_nothing_and_clear_makes_room(void **state)
{
    (void)state;
    struct sunder_table *table = table_of((uint64_t)64 << 10);
    static char value[1000];
    memset(value, 'v', sizeof(value));
    struct sunder_str bytes = {value, sizeof(value)};
    uint64_t count = 0;
    enum sunder_err err = SUNDER_OK;
    while (err == SUNDER_OK) {
        char key[16];
        uint64_t hash = 0;
        struct sunder_str name = model_key(key, (uint32_t)count, &hash);
        err = sunder_table_put(table, hash, name, bytes);
        count += err == SUNDER_OK ? 1 : 0;
    }
    assert_int_equal(err, SUNDER_ERR_FULL);
    assert_in_range(count, 50, 64);

    char key[16];
    uint64_t hash = 0;
    struct sunder_str name = model_key(key, 3, &hash);
    static char longer[2000];
    struct sunder_str too_long = {longer, sizeof(longer)};
    assert_int_equal(sunder_table_put(table, hash, name, too_long), SUNDER_ERR_FULL);

    assert_int_equal(sunder_table_count(table), count);
    const struct sunder_table_row *row = sunder_table_find(table, hash, name);
    assert_non_null(row);
    assert_int_equal(row->value_len, sizeof(value));
    assert_memory_equal(sunder_table_row_value(row).at, value, sizeof(value));
    sunder_table_clear(table);
    assert_int_equal(sunder_table_put(table, hash, name, too_long), SUNDER_OK);
    sunder_table_destroy(&table);
}

static void a_row_too_long_for_the_bounds_stops_the_program(void **state)
{
    (void)state;
    struct sunder_table *table = table_of(MIB);
    static char bytes[SUNDER_ROW_VALUE_MAX + 1];
    struct sunder_str key = SUNDER_STR("\x01key");
    struct sunder_str value = {bytes, sizeof(bytes)};

    expect_assert_failure((void)!sunder_table_put(table, 1, key, value));
    value.len -= 1;
    assert_int_equal(sunder_table_put(table, 1, key, value), SUNDER_OK);
    sunder_table_destroy(&table);
}

/* Sorts what was put and compares each neighbour pair to the last byte. */
static void expect_sorted(const struct sunder_table *table)
{
    struct sunder_table_order order = {0};
    assert_int_equal(sunder_table_sort(table, &order), SUNDER_OK);
    assert_int_equal(order.count, sunder_table_count(table));
    for (uint64_t i = 1; i < order.count; i++) {
        struct sunder_str before = sunder_table_row_key(order.rows[i - 1]);
        struct sunder_str key = sunder_table_row_key(order.rows[i]);
        assert_true(sunder_str_compare(before, key) < 0);
    }
    sunder_table_order_destroy(&order);
    assert_null(order.rows);
}

static void put_key(struct sunder_table *table, struct sunder_str key)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < key.len; i++) {
        hash = (hash ^ (uint8_t)key.at[i]) * UINT64_C(0x100000001b3);
    }
    assert_int_equal(sunder_table_put(table, hash, key, SUNDER_STR("v")), SUNDER_OK);
}

static void order_is_that_of_memcmp_with_prefixes_first(void **state)
{
    (void)state;
    uint64_t random = 11;
    print_message("seed %llu\n", (unsigned long long)random);
    for (uint32_t round = 0; round < 60; round++) {
        struct sunder_table *table = table_of(16 * MIB);
        uint32_t count = round < 30 ? round : 3000;
        uint32_t alphabet = 1 + (round % 3 * 100);
        uint32_t len_max = round % 2 == 0 ? 12 : SUNDER_ROW_KEY_MAX;
        for (uint32_t i = 0; i < count; i++) {
            char bytes[SUNDER_ROW_KEY_MAX];
            uint32_t len = 1 + (uint32_t)(next_random(&random) % len_max);
            for (uint32_t j = 0; j < len; j++) {
                /* Mostly the same byte, zero at times, so that keys share long beginnings. */
                bool is_other = next_random(&random) % 30 == 0;
                bytes[j] = (char)(is_other ? next_random(&random) % (alphabet + 1) : alphabet);
            }
            put_key(table, (struct sunder_str){bytes, len});
        }
        expect_sorted(table);
        sunder_table_destroy(&table);
    }
}

static void keys_that_end_in_zeros_keep_their_order(void **state)
{
    (void)state;
    struct sunder_table *table = table_of(MIB);
    char bytes[40] = {1};

    for (uint32_t len = 1; len <= sizeof(bytes); len++) {
        put_key(table, (struct sunder_str){bytes, len});
    }
    assert_int_equal(sunder_table_count(table), sizeof(bytes));

    expect_sorted(table);
    sunder_table_destroy(&table);
}

static void a_filter_never_denies_what_it_was_given(void **state)
{
    (void)state;
    enum {
        COUNT = 200000
    };
    struct sunder_filter *filter = NULL;
    assert_int_equal(sunder_filter_create(COUNT, &filter), SUNDER_OK);
    uint64_t random = 3;
    for (uint32_t i = 0; i < COUNT; i++) {
        sunder_filter_add(filter, next_random(&random));
    }

    random = 3;
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_true(sunder_filter_has(filter, next_random(&random)));
    }
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        wrong += sunder_filter_has(filter, next_random(&random)) ? 1 : 0;
    }
    print_message("wrong: %u of %d\n", wrong, COUNT);
    assert_in_range(wrong, 1, COUNT / 50);
    assert_false(sunder_filter_is_full(filter));
    for (uint32_t i = 0; i < COUNT / 10; i++) {
        sunder_filter_add(filter, next_random(&random));
    }
    assert_true(sunder_filter_is_full(filter));
    sunder_filter_destroy(&filter);
    assert_null(filter);
    sunder_filter_destroy(&filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_leave_what_a_plain_array_holds),
        cmocka_unit_test(blocks_of_replaced_values_are_used_again),
        cmocka_unit_test(full_changes_nothing_and_clear_makes_room),
        cmocka_unit_test(a_row_too_long_for_the_bounds_stops_the_program),
        cmocka_unit_test(order_is_that_of_memcmp_with_prefixes_first),
        cmocka_unit_test(keys_that_end_in_zeros_keep_their_order),
        cmocka_unit_test(a_filter_never_denies_what_it_was_given),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
