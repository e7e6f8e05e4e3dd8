/* What a node keeps of each partition it owns, and of what is in flight. Inside of node/; thread: engine.
 *
 *   NONE ─assigned─► TAKING ─taken─► FOLDING ─end of the decisions─► CLAIMING ─checkpoint─► SERVING
 *                      ▲                                                                      │
 *                      └────────────────── a transaction was aborted ◄────────────────────────┘
 * STOPPED: it contradicts itself, or Kafka refuses what it says; it stays ours, unserved, until a person helps. */
#pragma once

#include "consumers/bus.h"
#include "consumers/node/node.h"

#define NODE_SLOTS 16384u /* Sources in flight per partition: 50 ms at 300,000/s. A power of two. */
#define NODE_NEXT_ROOM "make room on the disk of state_dir and start the node again"
#define NODE_POISON_MAX 3u     /* Refusals of one partition's messages before it is stopped. */
#define NODE_DELIVERY_MS 30000 /* Fast: what is not acknowledged after this has an unknown fate. */
#define NODE_STALL_MS                                                                              \
    60000 /* A loop that does not turn this long is dead: the group would never notice. */

enum node_state {
    NODE_NONE,
    NODE_TAKING,
    NODE_FOLDING,
    NODE_CLAIMING,
    NODE_SERVING,
    NODE_STOPPED,
};

/* One source record whose outputs are in flight.
 * next, seq, head  the state after it   decision_next  after the last decision of it on the decisions topic, 0: none */
struct node_slot {
    int64_t next;
    int64_t decision_next;
    int64_t timestamp_ms;
    uint64_t seq;
    struct sunder_digest head;
    uint32_t outstanding;
};

struct node_owned {
    enum node_state state;
    int32_t number;
    uint16_t generation; /* Of the ownership: reports of an earlier one are ignored. */
    struct sunder_partition *partition;

    struct node_slot *slots;
    uint32_t slot_first; /* Running numbers; the slot is number % NODE_SLOTS. */
    uint32_t slot_end;
    uint32_t slot_awaited;               /* The oldest at the last look; */
    int64_t awaited_since_ms;            /* since when it is that. */
    bool moved;                          /* progress below is news. */
    struct sunder_bus_progress progress; /* Published. */
    int64_t decision_next;

    struct sunder_bus_taken taken;
    bool claimed;             /* CLAIMING: it was asked for. */
    bool blocked;             /* State waits for acknowledgements. */
    bool refused;             /* Poison of this ownership is counted. */
    uint32_t untended;        /* Records judged since its memory table was looked at. */
    int64_t since_ms;         /* Of the restore. */
    int64_t retry_ms;         /* TAKING: ask again then; 0: asked. */
    uint64_t generation_seen; /* For the time of a flush. */
    int64_t flush_since_ms;
};

struct node {
    struct sunder_node_options options;
    struct sunder_bus *bus;
    struct node_owned *owned;
    uint32_t count;
    uint32_t *poison; /* Per partition; outlives the bus. */

    const struct sunder_bus_record *record; /* In the step that runs. */
    struct node_owned *current;
    int64_t wall_ms; /* Once per loop. */
    bool broken;     /* Restart all clients. */
    bool leaving;
    uint32_t
        batch_max; /* Strict: records of the next transaction; less after one whose state was too much. */
    uint32_t batch_count; /* Of the transaction that is open. */
    bool too_much;        /* Strict: that is why the batch cannot go on. */
    struct sunder_fail fail;
    int64_t tick_ms;
    int64_t flush_ms;
    _Atomic int64_t alive_ms;
};

/* owned.c */
enum sunder_err node_slots_allocate(struct node_owned *owned);
/* The slot of the source that is being judged. NULL: no room, wait for reports. */
struct node_slot *node_slot_open(struct node_owned *owned);
void node_slot_close(struct node_owned *owned, int64_t timestamp_ms);
uint64_t node_token(const struct node_owned *owned, bool decision);
void node_delivered(void *ctx, uint64_t token, enum sunder_err err, int64_t offset);
/* Moves progress over what is delivered. */
void node_advance(struct node *node, struct node_owned *owned);
/* Tells state and bus of new progress; flushes state when it is time. */
void node_publish(struct node *node, struct node_owned *owned, bool flush);
/* Drops state that is not flushed; the caller says what comes next. */
void node_discard(struct node *node, struct node_owned *owned);
void node_stop_partition(
    struct node *node, struct node_owned *owned, const struct sunder_fail *fail, const char *next);
void node_set_state(struct node *node, struct node_owned *owned, enum node_state state);
/* The clients are of no use any more: the loop replaces them. */
void node_break(struct node *node, const struct sunder_fail *fail);

/* outbox.c: where a step's results go */
struct sunder_partition_sink node_sink(struct node *node);

/* restore.c */
void node_taken(void *ctx,
    int32_t partition,
    const struct sunder_bus_taken *taken,
    const struct sunder_fail *fail);
void node_take(struct node *node, struct node_owned *owned);
/* Moves every restore on a little. True: there is more to do at once. */
bool node_restore_some(struct node *node);

/* flow.c */
void node_assigned(void *ctx, const int32_t *partitions, uint32_t count);
void node_revoked(void *ctx, const int32_t *partitions, uint32_t count, bool lost);
/* One turn: polls and judges. */
void node_turn(struct node *node);
