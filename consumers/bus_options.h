/* What a bus is opened with, and what it calls; see bus.h. Values; no functions. Thread: see bus.h. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "consumers/log.h"
#include "consumers/partition.h"

#define SUNDER_BUS_BATCH_MAX                                                                       \
    4096u /* Strict: the most records in one transaction, which costs 5 ms whatever its size. */

#define SUNDER_BUS_RUNS                                                                            \
    1000u /* Kafka remembers transactional ids for a week; no node starts as often while one lives. */

enum sunder_bus_topic {
    SUNDER_BUS_INTENTS,
    SUNDER_BUS_DECISIONS,
    SUNDER_BUS_REVOCATIONS,
    SUNDER_BUS_DEAD_LETTERS,
    SUNDER_BUS_TOPIC_COUNT
};

/* A property for the client library, passed through as it is. */
struct sunder_bus_property {
    const char *name;
    const char *value;
};

/* How far a partition is: kept by Kafka with the group's offset.
 * offset  next source offset: everything of lower ones is on the log, side outputs too
 * at      the source offset for which seq and head hold (equal to `offset`, or the start of the batch when strict)
 * seq     number of the next record at `at`;  head  the hash chain before it */
struct sunder_bus_progress {
    int64_t offset;
    int64_t at;
    uint64_t seq;
    struct sunder_digest head;
};

/* What taking over a partition found, after the owner before was fenced. Offsets: of the first record and after the last.
 * committed  there is progress of an owner before */
struct sunder_bus_taken {
    bool committed;
    bool released;
    bool fenced; /* Somebody had to be. */
    struct sunder_bus_progress progress;
    int64_t intents_begin;
    int64_t decisions_begin;
    int64_t decisions_end;
};

/* Called from within poll (delivered: also from send, batch_commit, flush). All mandatory.
 *   assigned   partitions are ours, their gates closed
 *   revoked    they go away now: finish with them before returning, in less than the session. lost: they went long ago
 *   taken      the answer to take_over; fail is NULL on success
 *   delivered  a message with a token != 0 reached Kafka at `offset`. err: INVALID: Kafka refuses this very message;
 *              RETRY: its transaction was aborted; IO: unknown fate */
struct sunder_bus_handler {
    void *ctx;
    void (*assigned)(void *ctx, const int32_t *partitions, uint32_t count);
    void (*revoked)(void *ctx, const int32_t *partitions, uint32_t count, bool lost);
    void (*taken)(void *ctx,
        int32_t partition,
        const struct sunder_bus_taken *taken,
        const struct sunder_fail *fail);
    void (*delivered)(void *ctx, uint64_t token, enum sunder_err err, int64_t offset);
};

/* All texts are borrowed until the bus is destroyed.
 * node          1..32 characters, stable: names the member
 * run           under SUNDER_BUS_RUNS; not that of a bus of this node before, so that who fences that one does not fence this one
 * run_before    of the bus before, which is fenced at open; -1: not known
 * stop          not 0 when all shall end: what waits for Kafka gives up soon; NULL: never */
struct sunder_bus_options {
    const char *topics[SUNDER_BUS_TOPIC_COUNT];
    const char *group;
    const char *node;
    uint32_t run;
    int32_t run_before;
    const atomic_int *stop;
    bool strict;
    bool
        dynamic_member; /* Leaves the group at once when it ends; else it has a session to come back. */
    bool unchecked_topics; /* Against a mock that cannot describe topics. */
    uint32_t checkpoint_ms;
    const struct sunder_bus_property *properties;
    uint32_t property_count;
    struct sunder_bus_handler handler;
    const struct sunder_log *log;
};
