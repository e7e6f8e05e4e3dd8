#include "tests/unit/test_store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct sunder_store_table FIXTURE_TABLES[FIXTURE_TABLES_COUNT] = {
    {.id = FIXTURE_TABLE_A, .name = "first"}, {.id = FIXTURE_TABLE_B, .name = "second", .known = true}};

/* splitmix64 */
uint64_t fixture_random(uint64_t *random)
{
    *random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *random;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void fixture_remove_files(const struct fixture *fixture)
{
    static const char *const NAMES[] = {"data.mdb", "lock.mdb", "lock", "marker", "marker.new"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        char path[256];
        (void)snprintf(path, sizeof(path), "%s/%s", fixture->directory, NAMES[i]);
        (void)unlink(path);
    }
}

/* In memory where the system has a place for it: a killed process leaves the same there, and no disk is waited for. */
static const char *parent_directory(void)
{
    const char *parent = getenv("TMPDIR");
    if (parent != NULL) {
        return parent;
    }
    return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

/* A store in a new directory, small, written in the caller's thread. */
int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    (void)snprintf(fixture->directory,
        sizeof(fixture->directory),
        "%s/sunder-store.XXXXXX",
        parent_directory());
    assert_non_null(mkdtemp(fixture->directory));
    fixture->options = (struct sunder_store_options){
        .kind = SUNDER_STORE_KIND_LMDB,
        .directory = fixture->directory,
        .tables = FIXTURE_TABLES,
        .table_count = FIXTURE_TABLES_COUNT,
        .identity = SUNDER_STR("topic/7"),
        .format = 3,
        .memory_bytes = (uint64_t)64 << 10,
        .map_bytes_start = (uint64_t)256 << 10,
        .map_bytes_max = (uint64_t)64 << 20,
        .flush_inline = true,
        .boot_id = "boot-1",
    };
    fixture->random = 42;
    *state = fixture;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    fixture_remove_files(fixture);
    (void)rmdir(fixture->directory);
    free(fixture);
    return 0;
}

struct sunder_store *fixture_open(struct fixture *fixture, enum sunder_store_found expected)
{
    struct sunder_store *store = NULL;
    struct sunder_store_opened opened;
    struct sunder_fail fail = {0};
    enum sunder_err err = sunder_store_open(&fixture->options, &store, &opened, &fail);
    if (err != SUNDER_OK) {
        print_error("open: %s\n", fail.text);
    }
    assert_int_equal(err, SUNDER_OK);
    if (opened.found != expected) {
        print_error("found: %s\n", opened.why);
    }
    assert_int_equal(opened.found, expected);
    return store;
}

/* Keys of both tables: short ones, ones that begin alike, one of the longest. */
struct sunder_str fixture_key(struct fixture *fixture, uint32_t number)
{
    char *at = fixture->key;
    memset(at, 'k', sizeof(fixture->key));
    at[0] = (char)(number % 2 == 0 ? FIXTURE_TABLE_A : FIXTURE_TABLE_B);
    uint32_t len = number % 50 == 7 ? SUNDER_ROW_KEY_MAX : 6 + (number % 40);
    at[len - 4] = (char)(number >> 8);
    at[len - 3] = (char)number;
    return (struct sunder_str){at, len};
}

struct sunder_str fixture_value(struct fixture *fixture, uint32_t number, uint32_t version)
{
    uint64_t random = ((uint64_t)number << 32) | version;
    uint64_t dice = fixture_random(&random);
    uint32_t len = (uint32_t)(dice % 300);
    if (dice % 61 == 0) {
        len = (uint32_t)(dice % 7000); /* Beyond a page: LMDB puts it into pages of its own. */
    }
    for (uint32_t i = 0; i < len; i++) {
        fixture->value[i] = (char)(i + dice);
    }
    return (struct sunder_str){fixture->value, len};
}

/* Sets, or removes with version 0. */
void fixture_set(
    struct fixture *fixture, struct sunder_store *store, uint32_t number, uint32_t version)
{
    struct sunder_rows rows = sunder_store_rows(store);
    struct sunder_str key = fixture_key(fixture, number);
    if (version == 0) {
        assert_int_equal(rows.remove(rows.ctx, key), SUNDER_OK);
    } else {
        struct sunder_str value = fixture_value(fixture, number, version);
        assert_int_equal(rows.put(rows.ctx, key, value), SUNDER_OK);
    }
}

void fixture_expect(
    struct fixture *fixture, struct sunder_store *store, uint32_t number, uint32_t version)
{
    struct sunder_view view = sunder_store_view(store);
    struct sunder_str found = {0};
    enum sunder_err err = view.get(view.ctx, fixture_key(fixture, number), &found);
    if (version == 0) {
        assert_int_equal(err, SUNDER_ERR_NOT_FOUND);
        return;
    }
    assert_int_equal(err, SUNDER_OK);
    struct sunder_str value = fixture_value(fixture, number, version);
    assert_int_equal(found.len, value.len);
    assert_memory_equal(found.at, value.at, value.len);
}

void fixture_expect_model(
    struct fixture *fixture, struct sunder_store *store, const struct fixture_model *model)
{
    for (uint32_t i = 0; i < FIXTURE_KEYS; i++) {
        fixture_expect(fixture, store, i, model->version[i]);
    }
}

void fixture_mark(struct sunder_store *store, uint64_t offset)
{
    struct sunder_store_mark mark = {.len = sizeof(offset)};
    memcpy(mark.bytes, &offset, sizeof(offset));
    sunder_store_mark(store, &mark);
}

/* The offset in the mark that LMDB holds, 0 when there is none. */
uint64_t fixture_offset(const struct sunder_store *store)
{
    struct sunder_store_mark mark;
    uint64_t offset = 0;
    enum sunder_err err = sunder_store_offsets(store, &mark);
    if (err == SUNDER_ERR_NOT_FOUND) {
        return 0;
    }
    assert_int_equal(err, SUNDER_OK);
    assert_int_equal(mark.len, sizeof(offset));
    memcpy(&offset, mark.bytes, sizeof(offset));
    return offset;
}

void fixture_flush(struct sunder_store *store)
{
    struct sunder_fail fail = {0};
    assert_int_equal(sunder_store_flush(store, &fail), SUNDER_OK);
}

uint64_t fixture_freeze(struct sunder_store *store)
{
    uint64_t generation = 0;
    assert_int_equal(sunder_store_freeze(store, &generation), SUNDER_OK);
    return generation;
}

void fixture_acknowledge(struct sunder_store *store, uint64_t generation)
{
    struct sunder_fail fail = {0};
    assert_int_equal(sunder_store_acknowledge(store, generation, &fail), SUNDER_OK);
}

void fixture_close(struct sunder_store *store)
{
    struct sunder_fail fail = {0};
    enum sunder_err err = sunder_store_close(&store, &fail);
    if (err != SUNDER_OK) {
        print_error("close: %s\n", fail.text);
    }
    assert_int_equal(err, SUNDER_OK);
    assert_null(store);
}
