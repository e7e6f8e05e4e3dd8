/* One partition from record to record: decode -> home -> decide -> encode -> fold, and the same fold for restore.
 *
 * sunderd, `sunder replay`, `sunder demo` and the benchmarks all drive this object, so that what is replayed is what ran.
 * It owns the partition's store, arena, hash chain and source position; it knows no Kafka: records come in as bytes, and
 * results go out through a sink. Thread: one object belongs to one thread. */
#pragma once

#include "engine/engine.h"
#include "proto/wire.h"
#include "store/store.h"

struct sunder_partition;

struct sunder_partition_options {
    const struct sunder_policy *policy; /* borrowed; outlives the partition */
    struct sunder_str topic;            /* of the intents; copied */
    struct sunder_str cluster;          /* Kafka's id of the cluster, absent without one; copied */
    int32_t partition;
    uint32_t partition_count; /* of the intents topic */
    const char *directory;    /* of the state; NULL: in memory only */
    size_t table_bytes;       /* memory table budget; 0: the store's default */
    bool protobuf;            /* write records as protobuf instead of JSON */
    bool
        decide_anywhere; /* offline replay: judge an event here whatever its home (the caller routes) */
};

/* One record as it came from the intents topic. value.at == NULL: a tombstone. All borrowed until step returns. */
struct sunder_record_in {
    struct sunder_str value;
    const struct sunder_wire_header *headers;
    uint32_t header_count;
    int64_t offset;
    int64_t timestamp_ms;
};

/* Why a record is refused, and what is kept of it.
 *   field   may be absent
 *   bytes   the original with any proof redacted, cut at a bound; absent when it cannot be redacted
 *   digest  SHA-256 of the original */
struct sunder_partition_dead_letter {
    struct sunder_str code;
    struct sunder_str field;
    struct sunder_str message;
    struct sunder_str bytes;
    struct sunder_digest digest;
};

/* Where results go; called inside step, in this order per record. Bytes live until the callback returns.
 *   record       one record for the decisions topic (same partition); `decision` is its struct form
 *   revocation   the bytes of a revocation record for the revocations topic; key = "<tenant>/<subject>"; value.at == NULL: tombstone
 *   forward      the record as it came goes unchanged to partition `to` of the intents topic, with header sunder-origin
 *   dead_letter  the record as it came was refused */
struct sunder_partition_sink {
    void *ctx;
    enum sunder_err (*record)(
        void *ctx, const struct sunder_decision *decision, struct sunder_str bytes);
    enum sunder_err (*revocation)(void *ctx, struct sunder_str key, struct sunder_str value);
    enum sunder_err (*forward)(void *ctx, const struct sunder_record_in *in, int32_t to);
    enum sunder_err (*dead_letter)(void *ctx,
        const struct sunder_record_in *in,
        const struct sunder_partition_dead_letter *letter);
};

/* Opens state (LMDB under `directory`, or memory). After it, sunder_partition_position says what is there.
 * On failure *reterr_fail says what and how to mend it; *ret_partition is not written. */
SUNDER_MUST_USE enum sunder_err sunder_partition_open(
    const struct sunder_partition_options *options,
    struct sunder_partition **ret_partition,
    struct sunder_fail *reterr_fail);

/* Where the state stands: the next source offset to judge, the next offset of the decisions topic to fold from (as told by
 * sunder_partition_fold and _published), seq of the next record and the hash chain before it. */
struct sunder_position {
    int64_t next_source;
    int64_t next_decision;
    uint64_t next_seq;
    struct sunder_digest head;
};
struct sunder_position sunder_partition_position(const struct sunder_partition *partition);

/* What the log promises at restore.
 * redo_from  source offsets from here on are judged again, because their forwards and dead letters may be missing; records of
 *            them that are on the decisions topic already are not folded, and step does not give them to the sink once more.
 *            INT64_MAX: everything on the decisions topic is folded
 * expected   seq and head are known for the state before source offset `at` */
struct sunder_restore {
    int64_t redo_from;
    bool expected;
    int64_t at;
    uint64_t seq;
    struct sunder_digest head;
};

/* Before the first fold of a restore; replay, which has no log of decisions, needs no restore. */
void sunder_partition_restore(
    struct sunder_partition *partition, const struct sunder_restore *restore);

/* Folds one record of the decisions topic at restore. Records whose (source offset, index) was folded already are skipped (fast
 * delivery may leave copies); one that is not the same as the first is a contradiction. decision_offset: its offset on the
 * decisions topic.
 * SUNDER_ERR_CORRUPT: it does not decode, breaks the hash chain, or contradicts `restore`: stop this partition.
 * SUNDER_ERR_UNSUPPORTED: it was made by another policy or another version of the engine. */
SUNDER_MUST_USE enum sunder_err sunder_partition_fold(struct sunder_partition *partition,
    struct sunder_str bytes,
    int64_t decision_offset,
    struct sunder_fail *reterr_fail);

/* Different records for one (source offset, index), as nodes of different meaning would write them. The first on the topic counts.
 * Copies of what was folded before this process, or far behind, are not compared.
 * source, decision  of the last one: its source offset, and its own offset on the decisions topic */
struct sunder_contradictions {
    uint64_t count;
    int64_t source;
    int64_t decision;
};
struct sunder_contradictions sunder_partition_contradictions(
    const struct sunder_partition *partition);

/* After the last fold of a restore: next_source becomes at least `redo_from`, so that a partition of forwards only does not
 * begin anew. SUNDER_ERR_CORRUPT: the decisions topic lacks records that `restore` promised. */
SUNDER_MUST_USE enum sunder_err sunder_partition_restored(
    struct sunder_partition *partition, struct sunder_fail *reterr_fail);

/* Judges one record at or after next_source and gives all results to the sink; then folds them. An offset before next_source
 * is skipped (already judged). SUNDER_ERR_*: the partition must be dropped and reopened. */
SUNDER_MUST_USE enum sunder_err sunder_partition_step(struct sunder_partition *partition,
    const struct sunder_record_in *in,
    const struct sunder_partition_sink *sink,
    struct sunder_fail *reterr_fail);

/* A what-if, in two halves and without bytes: nothing is encoded, chained, forwarded or given to a sink.
 *   expect  says which event is judged after the one at hand: a hint, with which its judgement waits less for memory
 *   judge   decides on an event that the caller decoded; `at` says where it lies, and is at or after next_source. Results
 *           live until settle. A record that would be too large to be written is not noticed
 *   settle  folds them
 * Errors as of step. */
void sunder_partition_expect(struct sunder_partition *partition, const struct sunder_event *event);
SUNDER_MUST_USE enum sunder_err sunder_partition_judge(struct sunder_partition *partition,
    const struct sunder_event *event,
    struct sunder_outputs *ret_outputs,
    struct sunder_fail *reterr_fail);
SUNDER_MUST_USE enum sunder_err sunder_partition_settle(struct sunder_partition *partition,
    const struct sunder_event *event,
    const struct sunder_outputs *outputs,
    struct sunder_fail *reterr_fail);

/* Between the two: looks for what would have been allowed in place of `decision`, an answer that judge gave for the event; one that has a
 * would_allow gets another (engine/would_allow.h). */
SUNDER_MUST_USE enum sunder_err sunder_partition_would_allow(struct sunder_partition *partition,
    const struct sunder_event *event,
    struct sunder_decision *decision,
    struct sunder_fail *reterr_fail);

/* State flushing (see store.h): LMDB is never ahead of Kafka.
 *   published  every record of source offsets below `source` is acknowledged by the broker; the decisions topic ends at `next_decision`
 *   tend       starts a flush when the memory table is over budget or `force`, and finishes one that is done; cheap otherwise.
 *              SUNDER_ERR_RETRY: too much is not yet published: judge nothing more until it is */
void sunder_partition_published(
    struct sunder_partition *partition, int64_t source, int64_t next_decision);
SUNDER_MUST_USE enum sunder_err sunder_partition_tend(
    struct sunder_partition *partition, bool force, struct sunder_fail *reterr_fail);
/* Blocks until everything published is in LMDB. */
SUNDER_MUST_USE enum sunder_err sunder_partition_sync(
    struct sunder_partition *partition, struct sunder_fail *reterr_fail);

/* For metrics. */
void sunder_partition_stats(
    const struct sunder_partition *partition, struct sunder_store_stats *ret_stats);

/* discard: state not yet flushed is dropped (a failed batch); else call sync before. Accepts NULL. */
void sunder_partition_destroy(struct sunder_partition **partition, bool discard);
