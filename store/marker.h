/* The directory of a store: who holds it, and whether the LMDB file in it can be believed. LMDB runs without syncs, so
 * after the machine went down the file may hold any mixture of old and new pages; the marker beside it, which is always
 * synced, says under which boot the file was opened and whether it was closed complete.
 *
 *     lock       flock, held while the store is open
 *     marker     struct of fixed size: format, boot id, clean, identity, checksum; replaced by rename
 *     data.mdb   LMDB's file       lock.mdb  LMDB's own lock table
 *
 * Thread: one. */
#pragma once

#include "engine/base/err.h"
#include "store/store.h"

struct sunder_marker;

/* Makes the directory, locks it, reads the marker, and says what may be done with data.mdb. Changes nothing but the
 * empty directory and the lock.
 *   ret_found  KEPT (believe it, check it), NOTHING, or why it must be discarded
 * INVALID: another identity, or files that are not ours. RETRY: locked by another store. IO. */
SUNDER_MUST_USE enum sunder_err sunder_marker_open(const struct sunder_store_options *options,
    struct sunder_marker **ret_marker,
    enum sunder_store_found *ret_found,
    struct sunder_fail *reterr_fail);

/* Gives the lock back. Accepts NULL, nulls the pointer. */
void sunder_marker_destroy(struct sunder_marker **marker);

/* Path of data.mdb; lives as long as the marker. */
const char *sunder_marker_data_path(const struct sunder_marker *marker);

/* Deletes LMDB's files. IO. */
SUNDER_MUST_USE enum sunder_err sunder_marker_discard(
    struct sunder_marker *marker, struct sunder_fail *reterr_fail);

/* How the file stands: OPEN is good under this boot only; CLEAN under any; POISONED never. */
enum sunder_marker_state {
    SUNDER_MARKER_STATE_OPEN = 1,
    SUNDER_MARKER_STATE_CLEAN = 2,
    SUNDER_MARKER_STATE_POISONED = 3,
};

/* Writes the marker and syncs it. IO, FULL. */
SUNDER_MUST_USE enum sunder_err sunder_marker_write(
    struct sunder_marker *marker, enum sunder_marker_state state, struct sunder_fail *reterr_fail);
