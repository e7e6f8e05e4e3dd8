/* The state of one partition: rows of bytes under keys of bytes, behind engine/view.h.
 *
 * Kafka is the truth and this is a cache of it, so the store has one duty beside being fast: what lies in LMDB is never
 * ahead of what Kafka has acknowledged, and always says which offsets it belongs to (the mark). Rows are put into a
 * memory table. A freeze sets that table aside together with its mark; when Kafka has acknowledged all of it, the table
 * is sorted and written as one LMDB transaction by a thread of the store's own:
 *
 *     put, remove ──► active table ──freeze──► frozen table ──acknowledge──► LMDB (rows + mark)
 *     get  ◄───────── first here ◄──────────── then here ◄────────────────── then here, behind a filter
 *
 * After a crash the store opens at the last mark that was written, and the caller folds the log from there.
 * The memory kind has the same verbs, keeps all rows in memory, and forgets them when it is destroyed.
 * Thread: a store belongs to the thread of its partition; only the fault hook runs in the store's own thread. The store
 * never logs. An error of class FULL changes nothing; after IO or CORRUPT destroy the store and open it again. After a fork the
 * child must not use or destroy a store that its parent opened. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/err.h"
#include "engine/base/str.h"
#include "engine/view.h"

#define SUNDER_STORE_MARK_MAX 512u /* Offsets, times and a hash-chain head take about 150 bytes. */
#define SUNDER_STORE_IDENTITY_MAX 512u /* Cluster, topic, partition and two digests. */
#define SUNDER_STORE_TABLES_MAX 32u /* Named databases; LMDB looks at each in every transaction. */

enum sunder_store_kind { SUNDER_STORE_KIND_LMDB, SUNDER_STORE_KIND_MEMORY };

/* Where a fault hook can strike, in the order of one flush. */
enum sunder_store_step {
    SUNDER_STORE_STEP_SORT,      /* before the frozen rows are sorted */
    SUNDER_STORE_STEP_BEGIN,     /* before the LMDB transaction begins */
    SUNDER_STORE_STEP_PUT,       /* before each row is put or removed */
    SUNDER_STORE_STEP_COMMIT,    /* before the commit */
    SUNDER_STORE_STEP_COMMITTED, /* after it */
    SUNDER_STORE_STEP_GROW,      /* before the map grows */
    SUNDER_STORE_STEP_SYNC,      /* before the sync of a close */
};

/* For tests: called at each step, in whichever thread takes it. Another result than SUNDER_OK makes the step fail with
 * it; the hook may also end the process. NULL in production. */
struct sunder_store_fault {
    enum sunder_err (*reached)(void *ctx, enum sunder_store_step step);
    void *ctx;
};

/* The first byte of a key, and the name of the LMDB database that its rows lie in: unique, not "meta". */
struct sunder_store_table {
    uint8_t id;
    const char *name;
    bool known; /* Rows are looked up only when they are there: no filter has to tell that one is not. */
};

/* A zero number means the default.
 * directory           made if its parent exists; one store per directory; unused in memory
 * identity            what the rows are the state of: cluster, topic, partition, policy digest
 * format              version of the caller's row layouts
 * start_empty         throws away what the directory holds, whatever its identity
 * memory_bytes        memory table: rows and index; a table may grow to four times this before put says FULL.
 *                     Default 48 MiB, at least 64 KiB. Kind memory: the bound of the only table, default 16 GiB
 * map_bytes_start     LMDB's file at first (preallocated), default 64 MiB
 * map_bytes_max       bound of that file, default 64 GiB
 * flush_inline        acknowledge writes in the caller's thread: no thread is started
 * boot_id             NULL: the machine's (/proc/sys/kernel/random/boot_id); tests pass their own */
struct sunder_store_options {
    enum sunder_store_kind kind;
    const char *directory;
    const struct sunder_store_table *tables;
    uint32_t table_count;
    struct sunder_str identity;
    uint32_t format;
    bool start_empty;
    uint64_t memory_bytes;
    uint64_t map_bytes_start;
    uint64_t map_bytes_max;
    bool flush_inline;
    const char *boot_id;
    struct sunder_store_fault fault;
};

/* What an open found. All but KEPT start empty: no mark, no rows. */
enum sunder_store_found {
    SUNDER_STORE_FOUND_KEPT,    /* rows and mark as last written */
    SUNDER_STORE_FOUND_NOTHING, /* a new directory, or nothing was written into it */
    SUNDER_STORE_FOUND_BOOT,    /* thrown away: the machine went down while the store was open */
    SUNDER_STORE_FOUND_FORMAT,  /* thrown away: another format, or other tables */
    SUNDER_STORE_FOUND_CORRUPT, /* thrown away: the files contradict themselves; see `why` */
    SUNDER_STORE_FOUND_ASKED,   /* thrown away: start_empty */
};

struct sunder_store_opened {
    enum sunder_store_found found;
    char why[240]; /* One sentence for the log; empty when nothing was thrown away. */
};

/* The offsets and other facts that belong to exactly the rows put before it; the store does not look inside.
 * len  bytes used, at most SUNDER_STORE_MARK_MAX */
struct sunder_store_mark {
    uint32_t len;
    uint8_t bytes[SUNDER_STORE_MARK_MAX];
};

struct sunder_store;

/* Opens the store of one partition. Reads the whole LMDB file once (structure and every row's checksum; about 0.15 s per
 * million rows of 200 bytes when cached), so that no damaged page is met later.
 *   options     borrowed during the call, except for the fault's ctx
 *   ret_store   gives; sunder_store_close or sunder_store_destroy ends it
 *   ret_opened  written on SUNDER_OK
 * SUNDER_ERR_INVALID: an option is wrong, or the directory holds something else: another identity, or files that are not
 *   ours. Nothing is deleted.
 * SUNDER_ERR_RETRY: another store has the directory open.
 * SUNDER_ERR_FULL: no memory or no room on the disk.  SUNDER_ERR_IO: see the text. */
SUNDER_MUST_USE enum sunder_err sunder_store_open(const struct sunder_store_options *options,
    struct sunder_store **ret_store,
    struct sunder_store_opened *ret_opened,
    struct sunder_fail *reterr_fail);

/* Closes for good: waits for a running write, syncs, and records that the files are complete, so that the next open
 * keeps them even after the machine restarts. Rows that were not acknowledged are forgotten: flush first. Takes the
 * store and nulls the pointer, also on failure; then the next open keeps the files only under the same boot. */
SUNDER_MUST_USE enum sunder_err sunder_store_close(
    struct sunder_store **store, struct sunder_fail *reterr_fail);

/* Drops the store without a sync, as after a failed batch: the next open finds the last mark that was written. Waits for
 * a running write. Accepts NULL, nulls the pointer. */
void sunder_store_destroy(struct sunder_store **store);

/* The rows as the engine sees them and as fold changes them. They live until the store is destroyed; a value lives as
 * engine/view.h says, and never beyond the next poll, wait, acknowledge or flush.
 * A key has 2 to SUNDER_ROW_KEY_MAX bytes, and the first is the id of a table.
 * get: SUNDER_ERR_NOT_FOUND; SUNDER_ERR_INVALID: the key's length; SUNDER_ERR_CORRUPT: the row's checksum is wrong
 *   (the next open then throws the files away); SUNDER_ERR_IO.
 * put, remove: SUNDER_ERR_FULL; SUNDER_ERR_INVALID: the length of key or value. Nothing changed. */
struct sunder_view sunder_store_view(struct sunder_store *store);
struct sunder_rows sunder_store_rows(struct sunder_store *store);

/* Sets the mark of everything put so far; borrowed, copied. */
void sunder_store_mark(struct sunder_store *store, const struct sunder_store_mark *mark);

/* Sets everything put since the last freeze aside, with the mark, which must be newer than the last put (asserted).
 *   ret_generation  number of this freeze, rising while the store is open; acknowledge takes it
 * SUNDER_ERR_RETRY: the generation before is not written yet; nothing changed. */
SUNDER_MUST_USE enum sunder_err sunder_store_freeze(
    struct sunder_store *store, uint64_t *ret_generation);

/* Says that Kafka has acknowledged everything up to the mark of `generation`: the write begins. Again for the same or an
 * older generation: nothing happens. After a write that failed with FULL, this tries it once more.
 * SUNDER_ERR_FULL: the map would grow beyond its bound or the disk is full; SUNDER_ERR_IO. */
SUNDER_MUST_USE enum sunder_err sunder_store_acknowledge(
    struct sunder_store *store, uint64_t generation, struct sunder_fail *reterr_fail);

/* Takes note of a write that has ended; never blocks on one. Call it between steps; cheap when there is nothing.
 * SUNDER_ERR_FULL: as acknowledge, the rows stay frozen and readable. SUNDER_ERR_IO, SUNDER_ERR_CORRUPT: destroy. */
SUNDER_MUST_USE enum sunder_err sunder_store_poll(
    struct sunder_store *store, struct sunder_fail *reterr_fail);

/* Waits until the running write ends, then as poll. SUNDER_ERR_RETRY: the frozen generation is not acknowledged. */
SUNDER_MUST_USE enum sunder_err sunder_store_wait(
    struct sunder_store *store, struct sunder_fail *reterr_fail);

/* Writes everything up to the mark and waits for it. The caller vouches that Kafka has acknowledged all of it.
 * Errors as poll. */
SUNDER_MUST_USE enum sunder_err sunder_store_flush(
    struct sunder_store *store, struct sunder_fail *reterr_fail);

/* The mark that LMDB holds: as opened, later as last written and polled. SUNDER_ERR_NOT_FOUND: none yet. */
SUNDER_MUST_USE enum sunder_err sunder_store_offsets(
    const struct sunder_store *store, struct sunder_store_mark *ret_mark);

/* What the store wants from its caller after a batch. WAIT: the active table is over twice its budget and the generation
 * before is not written: decide nothing more until that is acknowledged, then sunder_store_wait. */
enum sunder_store_need {
    SUNDER_STORE_NEED_NOTHING,
    SUNDER_STORE_NEED_FREEZE, /* the active table is over its budget: freeze now */
    SUNDER_STORE_NEED_WAIT,
};
enum sunder_store_need sunder_store_need(const struct sunder_store *store);

/* For metrics; disk figures are those of the last poll. */
struct sunder_store_stats {
    uint64_t generation_frozen;  /* 0: none */
    uint64_t generation_written; /* 0: none; of the last write that was polled */
    uint64_t active_rows;
    uint64_t active_bytes;
    uint64_t frozen_rows;
    uint64_t frozen_bytes;
    uint64_t filter_bytes;
    uint64_t disk_rows;
    uint64_t disk_bytes_used;
    uint64_t disk_bytes_map;
    uint64_t gets;        /* all */
    uint64_t gets_filter; /* answered "no" by the filter */
    uint64_t gets_disk;   /* that went to LMDB */
};
void sunder_store_stats(const struct sunder_store *store, struct sunder_store_stats *ret_stats);
