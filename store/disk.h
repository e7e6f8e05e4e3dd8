/* The rows of one store in LMDB: the only door to lmdb.h. One named database per table (the key's first byte stripped),
 * one, "meta", for the mark. Every value carries an XXH3-64 of key and value before it.
 *
 * Thread: the reading half (get, renew, grow, stats) belongs to the store's thread, the writing half (write_*, count, scan) to
 * whoever writes at the moment; grow needs both halves idle. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/err.h"
#include "engine/base/str.h"
#include "store/store.h"

struct sunder_disk;

/* Opens or creates the environment in the store's directory, which the caller has locked and checked.
 * SUNDER_ERR_FULL, SUNDER_ERR_IO, SUNDER_ERR_CORRUPT. */
SUNDER_MUST_USE enum sunder_err sunder_disk_open(const struct sunder_store_options *options,
    struct sunder_disk **ret_disk,
    struct sunder_fail *reterr_fail);

/* Ends a write that was begun, closes. Accepts NULL, nulls the pointer. */
void sunder_disk_destroy(struct sunder_disk **disk);

/* A row as of the last renew; the value lives until the next renew or grow. NOT_FOUND, CORRUPT, IO. */
SUNDER_MUST_USE enum sunder_err sunder_disk_get(
    const struct sunder_disk *disk, struct sunder_str key, struct sunder_str *ret_value);

/* The mark and the generation it was written with. NOT_FOUND, CORRUPT, IO. */
SUNDER_MUST_USE enum sunder_err sunder_disk_get_mark(
    const struct sunder_disk *disk, struct sunder_store_mark *ret_mark, uint64_t *ret_generation);

/* Makes the reads see the last commit. CORRUPT, IO. */
SUNDER_MUST_USE enum sunder_err sunder_disk_renew(
    struct sunder_disk *disk, struct sunder_fail *reterr_fail);

/* Doubles the map, or grows it further, until `bytes` more fit behind the last page in use; does nothing when they do.
 * FULL: the bound or the disk is reached, nothing changed. IO, CORRUPT. */
SUNDER_MUST_USE enum sunder_err sunder_disk_grow(
    struct sunder_disk *disk, uint64_t bytes, struct sunder_fail *reterr_fail);

/* One write transaction: begin, then rows in the order of their keys, then commit or abort. After a failure abort.
 * RETRY: the map is full: abort, grow, and write again. IO, CORRUPT. */
SUNDER_MUST_USE enum sunder_err sunder_disk_write_begin(
    struct sunder_disk *disk, struct sunder_fail *reterr_fail);
SUNDER_MUST_USE enum sunder_err sunder_disk_write_put(struct sunder_disk *disk,
    struct sunder_str key,
    struct sunder_str value,
    struct sunder_fail *reterr_fail);
SUNDER_MUST_USE enum sunder_err sunder_disk_write_remove(
    struct sunder_disk *disk, struct sunder_str key, struct sunder_fail *reterr_fail);
SUNDER_MUST_USE enum sunder_err sunder_disk_write_mark(struct sunder_disk *disk,
    const struct sunder_store_mark *mark,
    uint64_t generation,
    struct sunder_fail *reterr_fail);
SUNDER_MUST_USE enum sunder_err sunder_disk_write_commit(
    struct sunder_disk *disk, struct sunder_fail *reterr_fail);
void sunder_disk_write_abort(struct sunder_disk *disk);

/* Whether the filter holds the keys of this key's table. */
bool sunder_disk_is_filtered(const struct sunder_disk *disk, struct sunder_str key);

/* Committed rows of the filtered tables. CORRUPT, IO. */
SUNDER_MUST_USE enum sunder_err sunder_disk_count(
    struct sunder_disk *disk, uint64_t *ret_rows, struct sunder_fail *reterr_fail);

/* Calls `visit` with the key of each of them. CORRUPT, IO. */
SUNDER_MUST_USE enum sunder_err sunder_disk_scan(struct sunder_disk *disk,
    void (*visit)(void *ctx, struct sunder_str key),
    void *ctx,
    struct sunder_fail *reterr_fail);

/* Makes everything committed survive a crash of the machine. IO. */
SUNDER_MUST_USE enum sunder_err sunder_disk_sync(
    struct sunder_disk *disk, struct sunder_fail *reterr_fail);

struct sunder_disk_stats {
    uint64_t rows;
    uint64_t bytes_used;
    uint64_t bytes_map;
};
void sunder_disk_stats(const struct sunder_disk *disk, struct sunder_disk_stats *ret_stats);
