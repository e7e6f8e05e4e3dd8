/* One write of a frozen table into LMDB, as a job that any one thread may run: sort, put, mark, commit, then the filter.
 * Thread: the one that runs it; nobody else writes, and the table does not change meanwhile. */
#pragma once

#include "store/disk.h"
#include "store/filter.h"
#include "store/table.h"

/* In: what to write. Out: how it went.
 *   filter       gets the written keys; NULL: none
 *   err, fail    RETRY: the map is full, nothing was written; FULL: nothing was written; IO, CORRUPT: unknown
 *   filter_next  gives: a new one, because the old one is full or missing; else NULL */
struct sunder_flush {
    struct sunder_disk *disk;
    const struct sunder_table *table;
    struct sunder_filter *filter;
    uint64_t seed;
    uint64_t generation;
    struct sunder_store_mark mark;
    struct sunder_store_fault fault;

    enum sunder_err err;
    struct sunder_fail fail;
    struct sunder_filter *filter_next;
};

void sunder_flush_run(struct sunder_flush *flush);

/* A filter over the committed rows of filtered tables, with room for twice as many more. FULL: no memory. CORRUPT, IO. */
SUNDER_MUST_USE enum sunder_err sunder_flush_build_filter(struct sunder_disk *disk,
    uint64_t seed,
    struct sunder_filter **ret_filter,
    struct sunder_fail *reterr_fail);

/* Calls the fault hook, if there is one; fills reterr_fail when it says so. */
SUNDER_MUST_USE enum sunder_err sunder_flush_reach(const struct sunder_store_fault *fault,
    enum sunder_store_step step,
    struct sunder_fail *reterr_fail);
