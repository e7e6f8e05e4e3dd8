#include "store/flush.h"

#include "engine/base/must.h"
#include "store/fail.h"
#include "store/hash.h"

/* A filter is never smaller: 96 KiB, so that a new store does not build one at each of its first writes. */
#define FILTER_CAPACITY_MIN ((uint64_t)64 * 1024)
/* A new filter has room for this many times the rows there are: each costs a scan of all of them. */
#define GROWTH 3u

#define AHEAD_ROW 8u
#define AHEAD_FILTER 4u /* Needs the hash, so the row must be there already. */
#define AHEAD_LINES 4u

#define BUILD_AHEAD 16u /* Hashes whose lines of the filter are on their way into the cache. */

struct building {
    struct sunder_filter *filter;
    uint64_t seed;
    uint64_t waiting[BUILD_AHEAD];
    uint32_t waiting_count;
    uint32_t oldest;
};

enum sunder_err sunder_flush_reach(const struct sunder_store_fault *fault,
    enum sunder_store_step step,
    struct sunder_fail *reterr_fail)
{
    if (fault->reached == NULL) {
        return SUNDER_OK;
    }
    enum sunder_err err = fault->reached(fault->ctx, step);
    if (err != SUNDER_OK) {
        return sunder_fail_set(reterr_fail, err, 0, "injected at step %d", (int)step);
    }
    return SUNDER_OK;
}

static void add_to_filter(void *ctx, struct sunder_str key)
{
    struct building *building = ctx;
    uint64_t hash = sunder_hash_key(building->seed, key);
    sunder_filter_prefetch(building->filter, hash);
    if (building->waiting_count < BUILD_AHEAD) {
        building->waiting[building->waiting_count++] = hash;
        return;
    }
    sunder_filter_add(building->filter, building->waiting[building->oldest]);
    building->waiting[building->oldest] = hash;
    building->oldest = (building->oldest + 1) % BUILD_AHEAD;
}

enum sunder_err sunder_flush_build_filter(struct sunder_disk *disk,
    uint64_t seed,
    struct sunder_filter **ret_filter,
    struct sunder_fail *reterr_fail)
{
    uint64_t rows = 0;
    enum sunder_err err = sunder_disk_count(disk, &rows, reterr_fail);
    if (err != SUNDER_OK) {
        return err;
    }
    uint64_t capacity = rows * GROWTH < FILTER_CAPACITY_MIN ? FILTER_CAPACITY_MIN : rows * GROWTH;
    struct building building = {.seed = seed};
    if (sunder_filter_create(capacity, &building.filter) != SUNDER_OK) {
        return sunder_fail_set(reterr_fail, SUNDER_ERR_FULL, 0, "no memory for a filter");
    }
    err = sunder_disk_scan(disk, add_to_filter, &building, reterr_fail);
    if (err != SUNDER_OK) {
        sunder_filter_destroy(&building.filter);
        return err;
    }
    for (uint32_t i = 0; i < building.waiting_count; i++) {
        sunder_filter_add(building.filter, building.waiting[i]);
    }
    *ret_filter = building.filter;
    return SUNDER_OK;
}

static enum sunder_err write_row(struct sunder_flush *flush, const struct sunder_table_row *row)
{
    enum sunder_err err = sunder_flush_reach(&flush->fault, SUNDER_STORE_STEP_PUT, &flush->fail);
    if (err != SUNDER_OK) {
        return err;
    }
    struct sunder_str key = sunder_table_row_key(row);
    bool filtered = flush->filter != NULL && sunder_disk_is_filtered(flush->disk, key);
    if (row->state == SUNDER_TABLE_ROW_PUT) {
        if (filtered) {
            /* Before the commit does no harm: it only says "perhaps". */
            sunder_filter_add(flush->filter, row->hash);
        }
        return sunder_disk_write_put(flush->disk, key, sunder_table_row_value(row), &flush->fail);
    }
    bool is_absent = filtered && !sunder_filter_has(flush->filter, row->hash);
    return is_absent ? SUNDER_OK : sunder_disk_write_remove(flush->disk, key, &flush->fail);
}

/* Rows in order of keys lie scattered: brings the next ones into the cache while this one is written. */
static void prefetch_rows(
    const struct sunder_flush *flush, const struct sunder_table_order *order, uint64_t at)
{
    if (at + AHEAD_ROW < order->count) {
        const char *row = (const char *)order->rows[at + AHEAD_ROW];
        for (uint32_t line = 0; line < AHEAD_LINES; line++) {
            __builtin_prefetch(row + ((size_t)line * 64));
        }
    }
    if (flush->filter != NULL && at + AHEAD_FILTER < order->count) {
        sunder_filter_prefetch(flush->filter, order->rows[at + AHEAD_FILTER]->hash);
    }
}

static enum sunder_err write_rows(
    struct sunder_flush *flush, const struct sunder_table_order *order)
{
    enum sunder_err err = sunder_flush_reach(&flush->fault, SUNDER_STORE_STEP_BEGIN, &flush->fail);
    if (err == SUNDER_OK) {
        err = sunder_disk_write_begin(flush->disk, &flush->fail);
    }
    for (uint64_t i = 0; err == SUNDER_OK && i < order->count; i++) {
        prefetch_rows(flush, order, i);
        err = write_row(flush, order->rows[i]);
    }
    if (err == SUNDER_OK) {
        err = sunder_disk_write_mark(flush->disk, &flush->mark, flush->generation, &flush->fail);
    }
    if (err == SUNDER_OK) {
        err = sunder_flush_reach(&flush->fault, SUNDER_STORE_STEP_COMMIT, &flush->fail);
    }
    if (err == SUNDER_OK) {
        err = sunder_disk_write_commit(flush->disk, &flush->fail);
    } else {
        sunder_disk_write_abort(flush->disk);
    }
    if (err == SUNDER_OK) {
        err = sunder_flush_reach(&flush->fault, SUNDER_STORE_STEP_COMMITTED, &flush->fail);
    }
    return err;
}

/* Without memory for a new filter the old one goes on, saying "perhaps" more often. */
static enum sunder_err keep_filter(struct sunder_flush *flush)
{
    if (flush->filter != NULL && !sunder_filter_is_full(flush->filter)) {
        return SUNDER_OK;
    }
    enum sunder_err err =
        sunder_flush_build_filter(flush->disk, flush->seed, &flush->filter_next, &flush->fail);
    return err == SUNDER_ERR_FULL ? SUNDER_OK : err;
}

void sunder_flush_run(struct sunder_flush *flush)
{
    flush->filter_next = NULL;
    flush->err = sunder_flush_reach(&flush->fault, SUNDER_STORE_STEP_SORT, &flush->fail);
    if (flush->err != SUNDER_OK) {
        return;
    }
    struct sunder_table_order order = {0};
    flush->err = sunder_table_sort(flush->table, &order);
    if (flush->err != SUNDER_OK) {
        (void)sunder_fail_set(&flush->fail, flush->err, 0, "no memory to sort rows");
        return;
    }
    flush->err = write_rows(flush, &order);
    if (flush->err == SUNDER_OK) {
        flush->err = keep_filter(flush);
    }
    sunder_table_order_destroy(&order);
}
