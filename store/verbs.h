/* What the two kinds of store share: the head of each store's struct, and the table of its verbs. store.c holds the
 * rules that are the same for both (keys, marks, generations) and calls through the table. Private to store/. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct sunder_store_verbs {
    enum sunder_err (*get)(struct sunder_store *store,
        uint64_t hash,
        struct sunder_str key,
        struct sunder_str *ret_value);
    /* Hints; `rows`: the second round, when the slots of all keys have been asked for. */
    void (*expect)(struct sunder_store *store, uint64_t hash, bool rows);
    enum sunder_err (*put)(
        struct sunder_store *store, uint64_t hash, struct sunder_str key, struct sunder_str value);
    enum sunder_err (*remove)(struct sunder_store *store, uint64_t hash, struct sunder_str key);
    /* Sets the rows aside under mark_frozen and generation_frozen. */
    void (*freeze)(struct sunder_store *store);
    /* Begins the write of what is frozen, or does it. */
    enum sunder_err (*write)(struct sunder_store *store, struct sunder_fail *reterr_fail);
    /* Takes note of a write that has ended, waiting for it when `wait`. */
    enum sunder_err (*poll)(struct sunder_store *store, bool wait, struct sunder_fail *reterr_fail);
    enum sunder_store_need (*need)(const struct sunder_store *store);
    void (*stats)(const struct sunder_store *store, struct sunder_store_stats *ret_stats);
    enum sunder_err (*sync)(struct sunder_store *store, struct sunder_fail *reterr_fail);
    void (*destroy)(struct sunder_store *store);
};

/*     CLEAN ──freeze──► FROZEN ──acknowledge──► WRITING ──poll──► CLEAN
 *                          ▲                       │
 *                          └── the write failed ───┘                    */
enum sunder_store_phase {
    SUNDER_STORE_PHASE_CLEAN,
    SUNDER_STORE_PHASE_FROZEN,
    SUNDER_STORE_PHASE_WRITING,
};

struct sunder_store {
    const struct sunder_store_verbs *verbs;
    uint64_t seed; /* of key hashes */
    uint64_t expected[SUNDER_EXPECT_MAX]; /* hashes of the keys that the last expect named */
    uint32_t expected_count;
    enum sunder_store_phase phase;
    bool has_unmarked;  /* rows were changed after the mark */
    bool has_changes;   /* rows or mark were changed after the last freeze */
    bool has_written;   /* mark_written is one */
    bool is_known[256]; /* by table id */
    uint64_t generation_frozen;
    uint64_t generation_written;
    uint64_t gets;
    struct sunder_store_mark mark;
    struct sunder_store_mark mark_frozen;
    struct sunder_store_mark mark_written;
};

/* The frozen generation is written: moves mark and generation on. */
void sunder_store_note_written(struct sunder_store *store);

SUNDER_MUST_USE enum sunder_err sunder_store_open_mem(const struct sunder_store_options *options,
    uint64_t seed,
    struct sunder_store **ret_store,
    struct sunder_fail *reterr_fail);
SUNDER_MUST_USE enum sunder_err sunder_store_open_lsm(const struct sunder_store_options *options,
    uint64_t seed,
    struct sunder_store **ret_store,
    struct sunder_store_opened *ret_opened,
    struct sunder_fail *reterr_fail);
