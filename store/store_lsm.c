/* The LMDB kind: an active and a frozen memory table above LMDB, see store.h. */
#include "store/verbs.h"

#include <stdlib.h>

#include "engine/base/must.h"
#include "store/fail.h"
#include "store/flush.h"
#include "store/hash.h"
#include "store/marker.h"
#include "store/walk.h"
#include "store/worker.h"

/* What a node has for all its partitions together: two tables of it, a filter and lists take 140 MiB at a million identities. */
#define MEMORY_BYTES_DEFAULT ((uint64_t)48 * 1024 * 1024)
#define TABLE_GROWTH 4u /* As store.c checks. */
/* A row that was read and is not larger is kept in memory until the next flush but one: names are read again and again. */
#define KEEP_BYTES_MAX 32u
#define WAIT_BUDGETS 2u
#define GROW_STEP ((uint64_t)64 * 1024)

struct lsm {
    struct sunder_store store; /* first: verbs get a pointer to it */
    uint64_t memory_bytes;
    struct sunder_table *active;
    struct sunder_table *frozen; /* in phase CLEAN: a cache of rows that LMDB has */
    struct sunder_marker *marker;
    struct sunder_disk *disk;
    struct sunder_filter *filter; /* NULL: there was no memory for one */
    struct sunder_worker *worker; /* NULL: flush_inline */
    struct sunder_flush flush;    /* the worker's while it runs */
    struct sunder_store_fault fault;
    struct sunder_fail broken; /* code OK: it is not. Else no more writes, only reads. */
    uint64_t gets_filter;
    uint64_t gets_disk;
};

static struct lsm *lsm_of(struct sunder_store *store)
{
    void *at = store;
    return at;
}

/* Remembers an error after which only destroy makes sense. */
static enum sunder_err break_store(struct lsm *lsm, const struct sunder_fail *fail)
{
    if (lsm->broken.code == SUNDER_OK || fail->code == SUNDER_ERR_CORRUPT) {
        lsm->broken = *fail;
    }
    return fail->code;
}

static enum sunder_err lsm_get(
    struct sunder_store *store, uint64_t hash, struct sunder_str key, struct sunder_str *ret_value)
{
    struct lsm *lsm = lsm_of(store);
    sunder_table_prefetch(lsm->active, hash);
    sunder_table_prefetch(lsm->frozen, hash);
    if (lsm->filter != NULL) {
        sunder_filter_prefetch(lsm->filter, hash);
    }
    const struct sunder_table_row *row = sunder_table_find(lsm->active, hash, key);
    if (row == NULL) {
        row = sunder_table_find(lsm->frozen, hash, key);
    }
    if (row != NULL) {
        if (row->state == SUNDER_TABLE_ROW_REMOVED) {
            return SUNDER_ERR_NOT_FOUND;
        }
        *ret_value = sunder_table_row_value(row);
        return SUNDER_OK;
    }
    if (lsm->filter != NULL && sunder_disk_is_filtered(lsm->disk, key) &&
        !sunder_filter_has(lsm->filter, hash)) {
        lsm->gets_filter += 1;
        return SUNDER_ERR_NOT_FOUND;
    }
    lsm->gets_disk += 1;
    enum sunder_err err = sunder_disk_get(lsm->disk, key, ret_value);
    if (err != SUNDER_OK && err != SUNDER_ERR_NOT_FOUND) {
        struct sunder_fail fail;
        (void)sunder_fail_set(
            &fail, err, 0, "a row of table %d cannot be read", (int)(uint8_t)key.at[0]);
        return break_store(lsm, &fail);
    }
    if (err == SUNDER_OK && ret_value->len <= KEEP_BYTES_MAX) {
        (void)!sunder_table_keep(
            lsm->active, hash, key, *ret_value); /* Without room it is read again. */
    }
    return err;
}

static void lsm_expect(struct sunder_store *store, uint64_t hash, bool rows)
{
    struct lsm *lsm = lsm_of(store);
    if (rows) {
        sunder_table_prefetch_row(lsm->active, hash);
        sunder_table_prefetch_row(lsm->frozen, hash);
        return;
    }
    sunder_table_prefetch(lsm->active, hash);
    sunder_table_prefetch(lsm->frozen, hash);
    if (lsm->filter != NULL) {
        sunder_filter_prefetch(lsm->filter, hash);
    }
}

static enum sunder_err lsm_put(
    struct sunder_store *store, uint64_t hash, struct sunder_str key, struct sunder_str value)
{
    return sunder_table_put(lsm_of(store)->active, hash, key, value);
}

static enum sunder_err lsm_remove(struct sunder_store *store, uint64_t hash, struct sunder_str key)
{
    return sunder_table_bury(lsm_of(store)->active, hash, key);
}

static void lsm_freeze(struct sunder_store *store)
{
    struct lsm *lsm = lsm_of(store);
    struct sunder_table *cache = lsm->frozen;
    lsm->frozen = lsm->active;
    lsm->active = cache;
    sunder_table_clear(lsm->active);
}

static void run_flush(void *ctx)
{
    sunder_flush_run(ctx);
}

static void start_write(struct lsm *lsm)
{
    lsm->flush = (struct sunder_flush){
        .disk = lsm->disk,
        .table = lsm->frozen,
        .filter = lsm->filter,
        .seed = lsm->store.seed,
        .generation = lsm->store.generation_frozen,
        .mark = lsm->store.mark_frozen,
        .fault = lsm->fault,
    };
    lsm->store.phase = SUNDER_STORE_PHASE_WRITING;
    if (lsm->worker == NULL) {
        sunder_flush_run(&lsm->flush);
    } else {
        sunder_worker_start(lsm->worker);
    }
}

static enum sunder_err grow(struct lsm *lsm, uint64_t bytes, struct sunder_fail *reterr_fail)
{
    enum sunder_err err = sunder_flush_reach(&lsm->fault, SUNDER_STORE_STEP_GROW, reterr_fail);
    return err == SUNDER_OK ? sunder_disk_grow(lsm->disk, bytes, reterr_fail) : err;
}

/* The map was too small for the write, which left nothing behind: make it larger and write again. */
static enum sunder_err write_in_larger_map(struct lsm *lsm, struct sunder_fail *reterr_fail)
{
    struct sunder_disk_stats stats;
    sunder_disk_stats(lsm->disk, &stats);
    uint64_t bytes = stats.bytes_map - stats.bytes_used + GROW_STEP;
    enum sunder_err err = grow(lsm, bytes, reterr_fail);
    if (err == SUNDER_OK) {
        start_write(lsm);
    }
    return err;
}

static enum sunder_err finish_write(struct lsm *lsm, struct sunder_fail *reterr_fail)
{
    struct sunder_fail fail = lsm->flush.fail;
    enum sunder_err err = lsm->flush.err;
    lsm->store.phase = SUNDER_STORE_PHASE_FROZEN;
    if (err == SUNDER_ERR_RETRY) {
        err = write_in_larger_map(lsm, &fail);
        if (err == SUNDER_OK) {
            return SUNDER_OK;
        }
    } else if (err == SUNDER_OK) {
        err = sunder_disk_renew(lsm->disk, &fail);
    }
    if (lsm->flush.filter_next != NULL) {
        sunder_filter_destroy(&lsm->filter);
        lsm->filter = lsm->flush.filter_next;
        lsm->flush.filter_next = NULL;
    }
    if (err == SUNDER_OK) {
        sunder_store_note_written(&lsm->store);
        return SUNDER_OK;
    }
    *reterr_fail = fail;
    return err == SUNDER_ERR_FULL ? err : break_store(lsm, &fail);
}

static enum sunder_err lsm_poll(
    struct sunder_store *store, bool wait, struct sunder_fail *reterr_fail)
{
    struct lsm *lsm = lsm_of(store);
    while (store->phase == SUNDER_STORE_PHASE_WRITING) {
        if (lsm->worker != NULL && !sunder_worker_is_done(lsm->worker)) {
            if (!wait) {
                return SUNDER_OK;
            }
            sunder_worker_wait(lsm->worker);
        }
        enum sunder_err err = finish_write(lsm, reterr_fail);
        if (err != SUNDER_OK) {
            return err;
        }
    }
    if (lsm->broken.code != SUNDER_OK) {
        *reterr_fail = lsm->broken;
    }
    return lsm->broken.code;
}

static enum sunder_err lsm_write(struct sunder_store *store, struct sunder_fail *reterr_fail)
{
    struct lsm *lsm = lsm_of(store);
    if (lsm->broken.code != SUNDER_OK) {
        *reterr_fail = lsm->broken;
        return lsm->broken.code;
    }
    /* A guess that spares most writes from ending in a full map. When there is no room for the guess, there may still
     * be enough for the write. */
    struct sunder_fail fail;
    enum sunder_err err = grow(lsm, (sunder_table_bytes(lsm->frozen) * 2) + GROW_STEP, &fail);
    if (err != SUNDER_OK && err != SUNDER_ERR_FULL) {
        *reterr_fail = fail;
        return break_store(lsm, &fail);
    }
    start_write(lsm);
    return lsm->worker == NULL ? lsm_poll(store, true, reterr_fail) : SUNDER_OK;
}

static enum sunder_store_need lsm_need(const struct sunder_store *store)
{
    const void *at = store;
    const struct lsm *lsm = at;
    uint64_t bytes = sunder_table_bytes(lsm->active);
    if (store->phase == SUNDER_STORE_PHASE_CLEAN) {
        return bytes >= lsm->memory_bytes ? SUNDER_STORE_NEED_FREEZE : SUNDER_STORE_NEED_NOTHING;
    }
    return bytes >= WAIT_BUDGETS * lsm->memory_bytes ? SUNDER_STORE_NEED_WAIT
                                                     : SUNDER_STORE_NEED_NOTHING;
}

static void lsm_stats(const struct sunder_store *store, struct sunder_store_stats *ret_stats)
{
    const void *at = store;
    const struct lsm *lsm = at;
    struct sunder_disk_stats disk;
    sunder_disk_stats(lsm->disk, &disk);
    ret_stats->active_rows = sunder_table_count(lsm->active);
    ret_stats->active_bytes = sunder_table_bytes(lsm->active);
    ret_stats->frozen_rows = sunder_table_count(lsm->frozen);
    ret_stats->frozen_bytes = sunder_table_bytes(lsm->frozen);
    ret_stats->filter_bytes = lsm->filter == NULL ? 0 : sunder_filter_bytes(lsm->filter);
    ret_stats->disk_rows = disk.rows;
    ret_stats->disk_bytes_used = disk.bytes_used;
    ret_stats->disk_bytes_map = disk.bytes_map;
    ret_stats->gets_filter = lsm->gets_filter;
    ret_stats->gets_disk = lsm->gets_disk;
}

static enum sunder_err lsm_sync(struct sunder_store *store, struct sunder_fail *reterr_fail)
{
    struct lsm *lsm = lsm_of(store);
    enum sunder_err err = lsm_poll(store, true, reterr_fail);
    if (err != SUNDER_OK &&
        err != SUNDER_ERR_FULL) { /* FULL: what LMDB holds is whole, only older. */
        return err;
    }
    sunder_worker_destroy(&lsm->worker);
    err = sunder_flush_reach(&lsm->fault, SUNDER_STORE_STEP_SYNC, reterr_fail);
    if (err == SUNDER_OK) {
        err = sunder_disk_sync(lsm->disk, reterr_fail);
    }
    if (err != SUNDER_OK) {
        return err;
    }
    sunder_disk_destroy(&lsm->disk);
    return sunder_marker_write(lsm->marker, SUNDER_MARKER_STATE_CLEAN, reterr_fail);
}

static void lsm_destroy(struct sunder_store *store)
{
    struct lsm *lsm = lsm_of(store);
    sunder_worker_destroy(&lsm->worker);
    sunder_disk_destroy(&lsm->disk);
    if (lsm->marker != NULL && lsm->broken.code == SUNDER_ERR_CORRUPT) {
        struct sunder_fail
            ignored; /* The next open finds the damage by itself, or did not need to. */
        (void)!sunder_marker_write(lsm->marker, SUNDER_MARKER_STATE_POISONED, &ignored);
    }
    sunder_marker_destroy(&lsm->marker);
    sunder_filter_destroy(&lsm->flush.filter_next);
    sunder_filter_destroy(&lsm->filter);
    sunder_table_destroy(&lsm->frozen);
    sunder_table_destroy(&lsm->active);
    free(lsm);
}

static const struct sunder_store_verbs VERBS = {
    .get = lsm_get,
    .expect = lsm_expect,
    .put = lsm_put,
    .remove = lsm_remove,
    .freeze = lsm_freeze,
    .write = lsm_write,
    .poll = lsm_poll,
    .need = lsm_need,
    .stats = lsm_stats,
    .sync = lsm_sync,
    .destroy = lsm_destroy,
};

static void say_why(struct sunder_store_opened *opened, const char *detail)
{
    static const char *const TEXTS[] = {
        [SUNDER_STORE_FOUND_KEPT] = "",
        [SUNDER_STORE_FOUND_NOTHING] = "",
        [SUNDER_STORE_FOUND_BOOT] = "the machine went down while the store was open",
        [SUNDER_STORE_FOUND_FORMAT] = "the files have another format",
        [SUNDER_STORE_FOUND_CORRUPT] = "the marker is damaged, or says that the files are",
        [SUNDER_STORE_FOUND_ASKED] = "a fresh start was asked for",
    };
    const char *text = detail == NULL ? TEXTS[opened->found] : detail;
    (void)snprintf(opened->why, sizeof(opened->why), "%s", text);
}

/* Decides about the files that are there, and leaves either good ones or none. */
static enum sunder_err prepare_files(struct lsm *lsm,
    const struct sunder_store_options *options,
    struct sunder_store_opened *opened,
    struct sunder_fail *reterr_fail)
{
    enum sunder_err err = sunder_marker_open(options, &lsm->marker, &opened->found, reterr_fail);
    if (err != SUNDER_OK) {
        return err;
    }
    say_why(opened, NULL);
    if (opened->found == SUNDER_STORE_FOUND_KEPT) {
        uint64_t rows = 0;
        struct sunder_fail fail;
        const char *path = sunder_marker_data_path(lsm->marker);
        err = sunder_walk_check(path, options, &rows, &fail);
        if (err == SUNDER_ERR_CORRUPT || err == SUNDER_ERR_UNSUPPORTED) {
            bool is_corrupt = err == SUNDER_ERR_CORRUPT;
            opened->found = is_corrupt ? SUNDER_STORE_FOUND_CORRUPT : SUNDER_STORE_FOUND_FORMAT;
            say_why(opened, fail.text);
        } else if (err != SUNDER_OK) {
            *reterr_fail = fail;
            return err;
        }
    }
    if (opened->found != SUNDER_STORE_FOUND_KEPT) {
        err = sunder_marker_discard(lsm->marker, reterr_fail);
        if (err != SUNDER_OK) {
            return err;
        }
    }
    return sunder_marker_write(lsm->marker, SUNDER_MARKER_STATE_OPEN, reterr_fail);
}

static enum sunder_err open_memory(
    struct lsm *lsm, const struct sunder_store_options *options, struct sunder_fail *reterr_fail)
{
    uint64_t budget = options->memory_bytes == 0 ? MEMORY_BYTES_DEFAULT : options->memory_bytes;
    lsm->memory_bytes = budget;
    lsm->fault = options->fault;
    enum sunder_err err = sunder_table_create(budget * TABLE_GROWTH, budget, &lsm->active);
    if (err == SUNDER_OK) {
        err = sunder_table_create(budget * TABLE_GROWTH, budget, &lsm->frozen);
    }
    if (err == SUNDER_OK && !options->flush_inline) {
        err = sunder_worker_create(run_flush, &lsm->flush, &lsm->worker);
    }
    if (err != SUNDER_OK) {
        return sunder_fail_set(reterr_fail, err, 0, "no memory for the store");
    }
    return SUNDER_OK;
}

static enum sunder_err open_disk(
    struct lsm *lsm, const struct sunder_store_options *options, struct sunder_fail *reterr_fail)
{
    enum sunder_err err = sunder_disk_open(options, &lsm->disk, reterr_fail);
    if (err != SUNDER_OK) {
        return err;
    }
    struct sunder_store *store = &lsm->store;
    err = sunder_disk_get_mark(lsm->disk, &store->mark_written, &store->generation_written);
    store->has_written = err == SUNDER_OK;
    store->generation_frozen = store->generation_written;
    if (err != SUNDER_OK && err != SUNDER_ERR_NOT_FOUND) {
        return sunder_fail_set(reterr_fail, err, 0, "the mark cannot be read");
    }
    err = sunder_flush_build_filter(lsm->disk, store->seed, &lsm->filter, reterr_fail);
    return err == SUNDER_ERR_FULL ? SUNDER_OK : err;
}

enum sunder_err sunder_store_open_lsm(const struct sunder_store_options *options,
    uint64_t seed,
    struct sunder_store **ret_store,
    struct sunder_store_opened *ret_opened,
    struct sunder_fail *reterr_fail)
{
    struct lsm *lsm = calloc(1, sizeof(*lsm));
    if (lsm == NULL) {
        return sunder_fail_set(reterr_fail, SUNDER_ERR_FULL, 0, "no memory for the store");
    }
    lsm->store.verbs = &VERBS;
    lsm->store.seed = seed;
    enum sunder_err err = prepare_files(lsm, options, ret_opened, reterr_fail);
    if (err == SUNDER_OK) {
        err = open_memory(lsm, options, reterr_fail);
    }
    if (err == SUNDER_OK) {
        err = open_disk(lsm, options, reterr_fail);
    }
    if (err != SUNDER_OK) {
        lsm_destroy(&lsm->store);
        return err;
    }
    *ret_store = &lsm->store;
    return SUNDER_OK;
}
