/* A memory table: rows under keys, found by hash. Open addressing over 8-byte slots; key and value of a row lie together
 * in a block of one size class, carved from one reserved range of memory, so that a row costs no malloc.
 * Thread: one owner. A table that nobody changes may be read by two threads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"
#include "engine/base/str.h"

enum sunder_table_state {
    SUNDER_TABLE_ROW_PUT,
    SUNDER_TABLE_ROW_REMOVED, /* a tombstone: the row is known not to be there; value_len is 0 */
    SUNDER_TABLE_ROW_KEPT,    /* a copy of what lies on the disk: not to be written */
};

/* hash        of the key, as given to put
 * bytes       key_len bytes of key, then value_len bytes of value */
struct sunder_table_row {
    uint64_t hash;
    uint32_t value_len;
    uint16_t key_len;
    uint8_t size_class;
    uint8_t state; /* enum sunder_table_state */
    char bytes[];
};

struct sunder_table;

/* Creates an empty table that takes at most `bytes_max` of rows (at most 64 GiB). Memory is touched as rows come.
 *   bytes_keep  what clear keeps resident
 * SUNDER_ERR_FULL: no address space. */
SUNDER_MUST_USE enum sunder_err sunder_table_create(
    uint64_t bytes_max, uint64_t bytes_keep, struct sunder_table **ret_table);
void sunder_table_destroy(struct sunder_table **table);

/* The row, tombstones included, or NULL; lives until the next put, bury, erase or clear. */
const struct sunder_table_row *sunder_table_find(
    const struct sunder_table *table, uint64_t hash, struct sunder_str key);

/* Fetches the line of the index where a find of `hash` will begin, so that several misses of the cache overlap. */
void sunder_table_prefetch(const struct sunder_table *table, uint64_t hash);
/* The same for the row itself, once its slot is there. */
void sunder_table_prefetch_row(const struct sunder_table *table, uint64_t hash);

/* Sets a row or a tombstone. `value` must not lie in this table. SUNDER_ERR_FULL: nothing changed. */
SUNDER_MUST_USE enum sunder_err sunder_table_put(
    struct sunder_table *table, uint64_t hash, struct sunder_str key, struct sunder_str value);
SUNDER_MUST_USE enum sunder_err sunder_table_bury(
    struct sunder_table *table, uint64_t hash, struct sunder_str key);

/* Keeps a copy of a row that the table does not have. SUNDER_ERR_FULL: nothing changed. Moves no row that find returned. */
SUNDER_MUST_USE enum sunder_err sunder_table_keep(
    struct sunder_table *table, uint64_t hash, struct sunder_str key, struct sunder_str value);

/* Forgets a row; one that is not there is no error. */
void sunder_table_erase(struct sunder_table *table, uint64_t hash, struct sunder_str key);

/* Forgets all rows, keeps the memory. */
void sunder_table_clear(struct sunder_table *table);

uint64_t sunder_table_count(const struct sunder_table *table);
uint64_t sunder_table_bytes(const struct sunder_table *table); /* rows and index */

/* What is to be written, tombstones included, in the order of the keys.
 * rows   point into the table; live until it changes
 * bytes  for destroy */
struct sunder_table_order {
    const struct sunder_table_row **rows;
    uint64_t count;
    size_t bytes;
};

/* Sorts. The table is only read. SUNDER_ERR_FULL: no memory. */
SUNDER_MUST_USE enum sunder_err sunder_table_sort(
    const struct sunder_table *table, struct sunder_table_order *ret_order);
void sunder_table_order_destroy(struct sunder_table_order *order);

/* Visits all rows in no particular order: `next` starts at 0; NULL at the end. */
const struct sunder_table_row *sunder_table_next(const struct sunder_table *table, uint64_t *next);

static inline struct sunder_str sunder_table_row_key(const struct sunder_table_row *row)
{
    return (struct sunder_str){row->bytes, row->key_len};
}

static inline struct sunder_str sunder_table_row_value(const struct sunder_table_row *row)
{
    return (struct sunder_str){row->bytes + row->key_len, row->value_len};
}
