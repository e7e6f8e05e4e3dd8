/* Inside of a partition, shared by the partition*.c files and their test only. Thread: the partition's. */
#pragma once

#include "consumers/partition.h"
#include "proto/digest.h"

/* The last record on the decisions topic of sources that are judged again. */
struct tail {
    bool there;
    int64_t source;
    uint32_t index;
    uint64_t seq;
    struct sunder_digest digest;
};

#define SEEN_MAX                                                                                   \
    16384u /* A copy is at most as late as a node has sources in flight. A power of two. */

/* A record that this restore has read. */
struct seen {
    int64_t source;
    uint32_t index;
    struct sunder_digest digest;
};

struct sunder_partition {
    struct sunder_partition_options options;
    char *names; /* Copies of topic and cluster. */
    struct sunder_store *store;
    struct sunder_view view;
    struct sunder_rows rows;
    struct sunder_wire_decoder *decoder;
    struct sunder_wire_encoder *encoder;
    struct sunder_sha256 *sha256;
    struct sunder_arena arena;
    char *buffer; /* Of the encoder. */

    struct sunder_position position;
    int64_t last_source; /* (source, index) folded last. */
    uint32_t last_index;
    int64_t published; /* Sources below it are. */

    bool frozen;
    bool acknowledged;
    uint64_t generation;
    int64_t frozen_source;

    struct sunder_restore restore;
    bool restoring;
    bool expected; /* Still to be compared. */
    struct tail tail;

    /* The answer to an event that is too much for us: not in the arena, which is full then. */
    struct sunder_decision full;
    struct sunder_reason full_reason;
    struct seen *seen; /* The last SEEN_MAX, at number % SEEN_MAX; in order of (source, index). */
    uint64_t seen_count;
    struct sunder_contradictions contradictions;
};

/* Sets code and text; gives `code` back. */
enum sunder_err partition_fail(
    struct sunder_fail *reterr_fail, enum sunder_err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Between two records: everything of the arena goes. */
void partition_reset_arena(struct sunder_partition *partition);

/* Folds one record that is new, and moves the folded position on. */
enum sunder_err partition_apply(
    struct sunder_partition *partition, const struct sunder_decision *record);

/* What an event gets that is too much for us (S31, S32): a deny, or for other kinds a dead letter. Small enough for any
 * partition, and without state: no tenant, so that folding it changes nothing. */
void partition_answer_full(struct sunder_partition *partition,
    const struct sunder_event *event,
    struct sunder_outputs *ret_outputs);

/* While it is kept back, judging leaves what writing and folding may take of the arena: the same in every partition, since the
 * verdict depends on what is left. */
void partition_keep_back(struct sunder_partition *partition, bool keep);

/* Decides; an event that is too much gets partition_answer_full. Outputs live in the arena. */
enum sunder_err partition_decide(struct sunder_partition *partition,
    const struct sunder_event *event,
    struct sunder_outputs *ret_outputs);

/* partition_restore.c: memory for what a restore reads; give it back when the restore is over */
bool partition_seen_create(struct sunder_partition *partition);
void partition_seen_release(struct sunder_partition *partition);
void partition_seen_destroy(struct sunder_partition *partition);

/* partition_state.c */
enum sunder_err partition_open_store(
    struct sunder_partition *partition, struct sunder_fail *reterr_fail);
