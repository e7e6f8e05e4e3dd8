/* The one port through which decide and fold see state: rows of bytes under keys of bytes.
 * The store implements it; nothing else in the engine reads or writes state.
 *
 * A key's first byte names the table (SUNDER_TABLE_*), the rest is the key within it; keys sort as memcmp. A key has at
 * most SUNDER_ROW_KEY_MAX bytes, a value at most SUNDER_ROW_VALUE_MAX.
 * Thread: a view belongs to the thread of its partition. */
#pragma once

#include "engine/base/err.h"
#include "engine/base/str.h"

#define SUNDER_ROW_KEY_MAX 500u /* LMDB's limit is 511 bytes. */
#define SUNDER_ROW_VALUE_MAX 65536u

struct sunder_view {
    void *ctx;
    /* Finds a row. ret_value is a view of the value that lives until the next put or remove through the writer of the same
     * store, or until the end of the step, whichever comes first.
     * SUNDER_ERR_NOT_FOUND: no such row; SUNDER_ERR_IO, SUNDER_ERR_CORRUPT: the store failed. */
    enum sunder_err (*get)(void *ctx, struct sunder_str key, struct sunder_str *ret_value);
    /* Says that these rows are looked up soon, so that their memory is on its way meanwhile: where they are found now, what is in them
     * with the next call, which may name none. A hint: it changes nothing and cannot fail. NULL when the store has no use for it. */
    void (*expect)(void *ctx, const struct sunder_str *keys, uint32_t count);
};

#define SUNDER_EXPECT_MAX 16u /* Keys of one call that a store looks at. */

/* What fold writes with: the same rows, changed one by one; the store groups them into transactions. */
struct sunder_rows {
    void *ctx;
    /* Sets a row, replacing what was there. Key and value are borrowed, and must not be a view that get returned.
     * SUNDER_ERR_FULL: no memory left, nothing changed. */
    enum sunder_err (*put)(void *ctx, struct sunder_str key, struct sunder_str value);
    /* Removes a row; a row that is not there is no error. SUNDER_ERR_FULL as above. */
    enum sunder_err (*remove)(void *ctx, struct sunder_str key);
};
