#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "engine/base/must.h"
#include "store/fail.h"
#include "store/hash.h"
#include "store/verbs.h"

#define MEMORY_BYTES_MIN ((uint64_t)64 * 1024)
#define MEMORY_BYTES_MAX                                                                           \
    ((uint64_t)64 * 1024 * 1024 * 1024) /* What 32 bits of 16-byte units reach. */
#define TABLE_GROWTH 4u                 /* A table may grow to this many budgets. */

static enum sunder_err refuse(struct sunder_fail *fail, const char *what)
{
    return sunder_fail_set(fail, SUNDER_ERR_INVALID, 0, "store options: %s", what);
}

static enum sunder_err check_tables(
    const struct sunder_store_options *options, struct sunder_fail *reterr_fail)
{
    if (options->table_count == 0 || options->table_count > SUNDER_STORE_TABLES_MAX) {
        return refuse(reterr_fail, "table_count is outside 1..32");
    }
    for (uint32_t i = 0; i < options->table_count; i++) {
        struct sunder_str name = sunder_str_of(options->tables[i].name);
        if (name.len == 0 || name.len > 60 || sunder_str_equal(name, SUNDER_STR("meta"))) {
            return refuse(
                reterr_fail, "a table's name is empty, longer than 60 bytes, or \"meta\"");
        }
        for (uint32_t j = 0; j < i; j++) {
            if (options->tables[i].id == options->tables[j].id ||
                sunder_str_equal(name, sunder_str_of(options->tables[j].name))) {
                return refuse(reterr_fail, "two tables have the same id or name");
            }
        }
    }
    return SUNDER_OK;
}

static enum sunder_err check_options(
    const struct sunder_store_options *options, struct sunder_fail *reterr_fail)
{
    bool is_lmdb = options->kind == SUNDER_STORE_KIND_LMDB;
    if (is_lmdb && (options->directory == NULL || options->directory[0] == '\0')) {
        return refuse(reterr_fail, "no directory");
    }
    if (options->identity.len > SUNDER_STORE_IDENTITY_MAX) {
        return refuse(reterr_fail, "the identity is longer than 512 bytes");
    }
    if (options->boot_id != NULL && strlen(options->boot_id) >= 64) {
        return refuse(reterr_fail, "the boot id is longer than 63 bytes");
    }
    uint64_t growth = is_lmdb ? TABLE_GROWTH : 1;
    if (options->memory_bytes != 0 && (options->memory_bytes < MEMORY_BYTES_MIN ||
                                          options->memory_bytes > MEMORY_BYTES_MAX / growth)) {
        return refuse(reterr_fail, "memory_bytes is outside 64 KiB..16 GiB (64 GiB in memory)");
    }
    if (options->map_bytes_max != 0 && options->map_bytes_max < options->map_bytes_start) {
        return refuse(reterr_fail, "map_bytes_max is less than map_bytes_start");
    }
    return check_tables(options, reterr_fail);
}

enum sunder_err sunder_store_open(const struct sunder_store_options *options,
    struct sunder_store **ret_store,
    struct sunder_store_opened *ret_opened,
    struct sunder_fail *reterr_fail)
{
    enum sunder_err err = check_options(options, reterr_fail);
    if (err != SUNDER_OK) {
        return err;
    }
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed)) {
        return sunder_fail_set(reterr_fail, SUNDER_ERR_IO, errno, "no random seed");
    }
    struct sunder_store *store = NULL;
    struct sunder_store_opened opened = {.found = SUNDER_STORE_FOUND_NOTHING};
    if (options->kind == SUNDER_STORE_KIND_MEMORY) {
        err = sunder_store_open_mem(options, seed, &store, reterr_fail);
    } else {
        err = sunder_store_open_lsm(options, seed, &store, &opened, reterr_fail);
    }
    if (err != SUNDER_OK) {
        return err;
    }
    for (uint32_t i = 0; i < options->table_count; i++) {
        store->is_known[options->tables[i].id] = true;
    }
    store->mark = store->mark_written;
    *ret_opened = opened;
    *ret_store = store;
    return SUNDER_OK;
}

enum sunder_err sunder_store_close(struct sunder_store **store, struct sunder_fail *reterr_fail)
{
    struct sunder_store *dead = *store;
    *store = NULL;
    enum sunder_err err = dead->verbs->sync(dead, reterr_fail);
    dead->verbs->destroy(dead);
    return err;
}

void sunder_store_destroy(struct sunder_store **store)
{
    struct sunder_store *dead = *store;
    *store = NULL;
    if (dead != NULL) {
        dead->verbs->destroy(dead);
    }
}

/* Lengths come from foreign text, so they are answered; the table id is ours, so it is asserted. */
static bool is_key(const struct sunder_store *store, struct sunder_str key)
{
    if (key.len < 2 || key.len > SUNDER_ROW_KEY_MAX) {
        return false;
    }
    SUNDER_MUST(store->is_known[(uint8_t)key.at[0]]);
    return true;
}

static enum sunder_err get(void *ctx, struct sunder_str key, struct sunder_str *ret_value)
{
    struct sunder_store *store = ctx;
    if (!is_key(store, key)) {
        return SUNDER_ERR_INVALID;
    }
    store->gets += 1;
    return store->verbs->get(store, sunder_hash_key(store->seed, key), key, ret_value);
}

static enum sunder_err put(void *ctx, struct sunder_str key, struct sunder_str value)
{
    struct sunder_store *store = ctx;
    if (!is_key(store, key) || value.len > SUNDER_ROW_VALUE_MAX) {
        return SUNDER_ERR_INVALID;
    }
    enum sunder_err err = store->verbs->put(store, sunder_hash_key(store->seed, key), key, value);
    if (err == SUNDER_OK) {
        store->has_changes = true;
        store->has_unmarked = true;
    }
    return err;
}

static enum sunder_err remove_row(void *ctx, struct sunder_str key)
{
    struct sunder_store *store = ctx;
    if (!is_key(store, key)) {
        return SUNDER_ERR_INVALID;
    }
    enum sunder_err err = store->verbs->remove(store, sunder_hash_key(store->seed, key), key);
    if (err == SUNDER_OK) {
        store->has_changes = true;
        store->has_unmarked = true;
    }
    return err;
}

/* Two rounds, a call apart: the slots of all keys, then the rows they point to, so that the waits overlap with work and each other. */
static void expect(void *ctx, const struct sunder_str *keys, uint32_t count)
{
    struct sunder_store *store = ctx;
    for (uint32_t i = 0; i < store->expected_count; i++) {
        store->verbs->expect(store, store->expected[i], true);
    }
    store->expected_count = count < SUNDER_EXPECT_MAX ? count : SUNDER_EXPECT_MAX;
    for (uint32_t i = 0; i < store->expected_count; i++) {
        store->expected[i] = sunder_hash_key(store->seed, keys[i]);
        store->verbs->expect(store, store->expected[i], false);
    }
}

struct sunder_view sunder_store_view(struct sunder_store *store)
{
    return (struct sunder_view){.ctx = store, .get = get, .expect = expect};
}

struct sunder_rows sunder_store_rows(struct sunder_store *store)
{
    return (struct sunder_rows){.ctx = store, .put = put, .remove = remove_row};
}

void sunder_store_mark(struct sunder_store *store, const struct sunder_store_mark *mark)
{
    SUNDER_MUST(mark->len <= SUNDER_STORE_MARK_MAX);
    store->mark = *mark;
    store->has_unmarked = false;
    store->has_changes = true;
}

enum sunder_err sunder_store_freeze(struct sunder_store *store, uint64_t *ret_generation)
{
    SUNDER_MUST(!store->has_unmarked); /* Rows without their offsets must never reach LMDB. */
    if (store->phase != SUNDER_STORE_PHASE_CLEAN) {
        return SUNDER_ERR_RETRY;
    }
    store->generation_frozen += 1;
    store->mark_frozen = store->mark;
    store->has_changes = false;
    store->phase = SUNDER_STORE_PHASE_FROZEN;
    store->verbs->freeze(store);
    *ret_generation = store->generation_frozen;
    return SUNDER_OK;
}

enum sunder_err sunder_store_acknowledge(
    struct sunder_store *store, uint64_t generation, struct sunder_fail *reterr_fail)
{
    SUNDER_MUST(generation <= store->generation_frozen);
    if (store->phase != SUNDER_STORE_PHASE_FROZEN || generation < store->generation_frozen) {
        return SUNDER_OK;
    }
    return store->verbs->write(store, reterr_fail);
}

enum sunder_err sunder_store_poll(struct sunder_store *store, struct sunder_fail *reterr_fail)
{
    return store->verbs->poll(store, false, reterr_fail);
}

enum sunder_err sunder_store_wait(struct sunder_store *store, struct sunder_fail *reterr_fail)
{
    if (store->phase == SUNDER_STORE_PHASE_FROZEN) {
        return sunder_fail_set(
            reterr_fail, SUNDER_ERR_RETRY, 0, "the frozen rows are not acknowledged yet");
    }
    return store->verbs->poll(store, true, reterr_fail);
}

/* Writes what is frozen and waits for it. */
static enum sunder_err write_out(struct sunder_store *store, struct sunder_fail *reterr_fail)
{
    enum sunder_err err = sunder_store_acknowledge(store, store->generation_frozen, reterr_fail);
    return err == SUNDER_OK ? store->verbs->poll(store, true, reterr_fail) : err;
}

enum sunder_err sunder_store_flush(struct sunder_store *store, struct sunder_fail *reterr_fail)
{
    SUNDER_MUST(!store->has_unmarked);
    enum sunder_err err = write_out(store, reterr_fail);
    if (err != SUNDER_OK || !store->has_changes) {
        return err;
    }
    uint64_t generation = 0;
    err = sunder_store_freeze(store, &generation);
    SUNDER_MUST(err == SUNDER_OK);
    return write_out(store, reterr_fail);
}

void sunder_store_note_written(struct sunder_store *store)
{
    store->mark_written = store->mark_frozen;
    store->has_written = true;
    store->generation_written = store->generation_frozen;
    store->phase = SUNDER_STORE_PHASE_CLEAN;
}

enum sunder_err sunder_store_offsets(
    const struct sunder_store *store, struct sunder_store_mark *ret_mark)
{
    if (!store->has_written) {
        return SUNDER_ERR_NOT_FOUND;
    }
    *ret_mark = store->mark_written;
    return SUNDER_OK;
}

enum sunder_store_need sunder_store_need(const struct sunder_store *store)
{
    return store->verbs->need(store);
}

void sunder_store_stats(const struct sunder_store *store, struct sunder_store_stats *ret_stats)
{
    struct sunder_store_stats stats = {
        .generation_frozen = store->generation_frozen,
        .generation_written = store->generation_written,
        .gets = store->gets,
    };
    store->verbs->stats(store, &stats);
    *ret_stats = stats;
}
