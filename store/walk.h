/* Reads a whole LMDB file before LMDB does, and says whether it can be trusted: LMDB itself follows damaged pages without
 * looking and may crash or answer "not there". Checked: both meta pages' choice, every page of every tree (number, kind,
 * bounds, depth, order of keys within the limits of the parent), counts, that no page is used twice or both used and
 * free, and each row's checksum. The layout is that of LMDB data version 1 (0.9), little-endian, 64 bits.
 * Thread: any; the file must not be open elsewhere. */
#pragma once

#include <stdint.h>

#include "engine/base/err.h"
#include "store/store.h"

/* Walks the file at `path`.
 *   ret_rows   rows in all tables
 * CORRUPT: the file contradicts itself. UNSUPPORTED: sound, but with tables that `options` does not name, or of another
 * LMDB version. IO, FULL: it cannot be read. */
SUNDER_MUST_USE enum sunder_err sunder_walk_check(const char *path,
    const struct sunder_store_options *options,
    uint64_t *ret_rows,
    struct sunder_fail *reterr_fail);
