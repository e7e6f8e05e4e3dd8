/* The memory kind: all rows in one table without a bound but memory. A freeze copies nothing: there is no LMDB that the
 * rows could be ahead of, so only the marks move. */
#include "store/verbs.h"

#include <stdlib.h>

#include "store/fail.h"
#include "store/table.h"

/* Address space only; a page costs memory when a row is put there. */
#define MEMORY_BYTES_DEFAULT ((uint64_t)16 * 1024 * 1024 * 1024)

struct mem {
    struct sunder_store store; /* first: verbs get a pointer to it */
    struct sunder_table *table;
};

static struct mem *mem_of(struct sunder_store *store)
{
    void *at = store;
    return at;
}

static enum sunder_err mem_get(
    struct sunder_store *store, uint64_t hash, struct sunder_str key, struct sunder_str *ret_value)
{
    const struct sunder_table_row *row = sunder_table_find(mem_of(store)->table, hash, key);
    if (row == NULL) {
        return SUNDER_ERR_NOT_FOUND;
    }
    *ret_value = sunder_table_row_value(row);
    return SUNDER_OK;
}

static void mem_expect(struct sunder_store *store, uint64_t hash, bool rows)
{
    const struct sunder_table *table = mem_of(store)->table;
    if (rows) {
        sunder_table_prefetch_row(table, hash);
    } else {
        sunder_table_prefetch(table, hash);
    }
}

static enum sunder_err mem_put(
    struct sunder_store *store, uint64_t hash, struct sunder_str key, struct sunder_str value)
{
    return sunder_table_put(mem_of(store)->table, hash, key, value);
}

static enum sunder_err mem_remove(struct sunder_store *store, uint64_t hash, struct sunder_str key)
{
    sunder_table_erase(mem_of(store)->table, hash, key);
    return SUNDER_OK;
}

static void mem_freeze(struct sunder_store *store)
{
    (void)store;
}

static enum sunder_err mem_write(struct sunder_store *store, struct sunder_fail *reterr_fail)
{
    (void)reterr_fail;
    sunder_store_note_written(store);
    return SUNDER_OK;
}

static enum sunder_err mem_poll(
    struct sunder_store *store, bool wait, struct sunder_fail *reterr_fail)
{
    (void)store;
    (void)wait;
    (void)reterr_fail;
    return SUNDER_OK;
}

static enum sunder_store_need mem_need(const struct sunder_store *store)
{
    (void)store;
    return SUNDER_STORE_NEED_NOTHING;
}

static void mem_stats(const struct sunder_store *store, struct sunder_store_stats *ret_stats)
{
    const void *at = store;
    const struct mem *mem = at;
    ret_stats->active_rows = sunder_table_count(mem->table);
    ret_stats->active_bytes = sunder_table_bytes(mem->table);
}

static enum sunder_err mem_sync(struct sunder_store *store, struct sunder_fail *reterr_fail)
{
    (void)store;
    (void)reterr_fail;
    return SUNDER_OK;
}

static void mem_destroy(struct sunder_store *store)
{
    struct mem *mem = mem_of(store);
    sunder_table_destroy(&mem->table);
    free(mem);
}

static const struct sunder_store_verbs VERBS = {
    .get = mem_get,
    .expect = mem_expect,
    .put = mem_put,
    .remove = mem_remove,
    .freeze = mem_freeze,
    .write = mem_write,
    .poll = mem_poll,
    .need = mem_need,
    .stats = mem_stats,
    .sync = mem_sync,
    .destroy = mem_destroy,
};

enum sunder_err sunder_store_open_mem(const struct sunder_store_options *options,
    uint64_t seed,
    struct sunder_store **ret_store,
    struct sunder_fail *reterr_fail)
{
    uint64_t bytes = options->memory_bytes == 0 ? MEMORY_BYTES_DEFAULT : options->memory_bytes;
    struct mem *mem = calloc(1, sizeof(*mem));
    if (mem == NULL || sunder_table_create(bytes, bytes, &mem->table) != SUNDER_OK) {
        free(mem);
        return sunder_fail_set(reterr_fail, SUNDER_ERR_FULL, 0, "no memory for the store");
    }
    mem->store.verbs = &VERBS;
    mem->store.seed = seed;
    *ret_store = &mem->store;
    return SUNDER_OK;
}
