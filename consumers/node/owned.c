#include "consumers/node/owned.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/clock.h"
#include "engine/base/must.h"

/* A token: | 1 | decision | generation 14 | partition 16 | slot 32 | */
#define TOKEN_SET ((uint64_t)1 << 63)
#define TOKEN_DECISION ((uint64_t)1 << 62)
#define GENERATION_MASK 0x3fffu

_Static_assert((NODE_SLOTS & (NODE_SLOTS - 1)) == 0, "a power of two");

enum sunder_err node_slots_allocate(struct node_owned *owned)
{
    if (owned->slots == NULL) {
        owned->slots = calloc(NODE_SLOTS, sizeof *owned->slots);
    }
    owned->slot_first = 0;
    owned->slot_end = 0;
    return owned->slots == NULL ? SUNDER_ERR_FULL : SUNDER_OK;
}

struct node_slot *node_slot_open(struct node_owned *owned)
{
    if (owned->slot_end - owned->slot_first == NODE_SLOTS) {
        return NULL;
    }
    struct node_slot *slot = &owned->slots[owned->slot_end % NODE_SLOTS];
    slot->outstanding =
        1; /* Ours, until it is closed: reports may come while the step still sends. */
    slot->decision_next = 0;
    return slot;
}

void node_slot_close(struct node_owned *owned, int64_t timestamp_ms)
{
    struct node_slot *slot = &owned->slots[owned->slot_end % NODE_SLOTS];
    struct sunder_position position = sunder_partition_position(owned->partition);
    slot->next = position.next_source;
    slot->seq = position.next_seq;
    slot->head = position.head;
    slot->timestamp_ms = timestamp_ms;
    slot->outstanding--;
    owned->slot_end++;
}

uint64_t node_token(const struct node_owned *owned, bool decision)
{
    return TOKEN_SET | (decision ? TOKEN_DECISION : 0) |
           (uint64_t)(owned->generation & GENERATION_MASK) << 48 |
           (uint64_t)(uint16_t)owned->number << 32 | owned->slot_end;
}

void node_delivered(void *ctx, uint64_t token, enum sunder_err err, int64_t offset)
{
    struct node *node = ctx;
    uint32_t number = (uint32_t)(token >> 32) & 0xffff;
    if (number >= node->count) {
        return;
    }
    struct node_owned *owned = &node->owned[number];
    if (((uint32_t)(token >> 48) & GENERATION_MASK) != (owned->generation & GENERATION_MASK)) {
        return;
    }
    if (err == SUNDER_ERR_INVALID && !owned->refused) {
        owned->refused = true; /* With one record Kafka refuses all that came in its batch. */
        node->poison[number]++;
    }
    if (err == SUNDER_ERR_INVALID || err == SUNDER_ERR_IO) {
        if (!node->options.config->strict) {
            /* Refused: again with new clients, until the partition is stopped for it. */
            struct sunder_fail fail = {.code = SUNDER_ERR_IO};
            (void)snprintf(fail.text,
                sizeof fail.text,
                "a record of partition %u was not delivered: %s",
                number,
                err == SUNDER_ERR_INVALID ? "Kafka refuses it" : "its fate is unknown");
            node_break(node, &fail);
        }
        return;
    }
    uint32_t place = (uint32_t)token;
    /* Also the slot that is still open: its place is slot_end. */
    if (err != SUNDER_OK || owned->slots == NULL ||
        place - owned->slot_first > owned->slot_end - owned->slot_first) {
        return;
    }
    struct node_slot *slot = &owned->slots[place % NODE_SLOTS];
    SUNDER_MUST(slot->outstanding > 0);
    slot->outstanding--;
    if ((token & TOKEN_DECISION) != 0 && offset + 1 > slot->decision_next) {
        slot->decision_next = offset + 1;
    }
}

void node_advance(struct node *node, struct node_owned *owned)
{
    while (owned->slot_first != owned->slot_end) {
        const struct node_slot *slot = &owned->slots[owned->slot_first % NODE_SLOTS];
        if (slot->outstanding != 0) {
            return;
        }
        owned->slot_first++;
        owned->moved = true;
        owned->progress =
            (struct sunder_bus_progress){slot->next, slot->next, slot->seq, slot->head};
        if (slot->decision_next > owned->decision_next) {
            owned->decision_next = slot->decision_next;
        }
        if (slot->timestamp_ms >= 0 && node->wall_ms >= slot->timestamp_ms) {
            sunder_histogram_observe(&node->options.metrics->latency,
                (uint64_t)(node->wall_ms - slot->timestamp_ms) * 1000);
        }
    }
}

void node_publish(struct node *node, struct node_owned *owned, bool flush)
{
    if (owned->moved) {
        owned->moved = false;
        sunder_partition_published(owned->partition, owned->progress.offset, owned->decision_next);
        if (!node->options.config->strict) {
            sunder_bus_progress(node->bus, owned->number, &owned->progress);
        }
    }
    struct sunder_fail fail = {0};
    owned->untended = 0;
    enum sunder_err err = sunder_partition_tend(owned->partition, flush, &fail);
    owned->blocked = err == SUNDER_ERR_RETRY;
    if (err == SUNDER_ERR_FULL) {
        node_stop_partition(node, owned, &fail, NODE_NEXT_ROOM);
    } else if (err != SUNDER_OK && err != SUNDER_ERR_RETRY) {
        node_stop_partition(node,
            owned,
            &fail,
            "start the node again: it rebuilds this state from the decisions topic");
    }
}

void node_discard(struct node *node, struct node_owned *owned)
{
    sunder_bus_tail_stop(node->bus, owned->number);
    sunder_partition_destroy(&owned->partition, true);
    owned->generation++;
    owned->slot_first = owned->slot_end;
    owned->moved = false;
    owned->blocked = false;
    owned->claimed = false;
}

void node_set_state(struct node *node, struct node_owned *owned, enum node_state state)
{
    static const int SHOWN[] = {
        [NODE_NONE] = SUNDER_METRICS_PARTITION_FOREIGN,
        [NODE_TAKING] = SUNDER_METRICS_PARTITION_RESTORING,
        [NODE_FOLDING] = SUNDER_METRICS_PARTITION_RESTORING,
        [NODE_CLAIMING] = SUNDER_METRICS_PARTITION_RESTORING,
        [NODE_SERVING] = SUNDER_METRICS_PARTITION_SERVING,
        [NODE_STOPPED] = SUNDER_METRICS_PARTITION_STOPPED,
    };
    owned->state = state;
    struct sunder_metrics_partition *metrics = &node->options.metrics->partitions[owned->number];
    atomic_store_explicit(&metrics->state, SHOWN[state], memory_order_relaxed);
    if (state != NODE_SERVING) {
        atomic_store_explicit(&metrics->lag_records, -1, memory_order_relaxed);
        atomic_store_explicit(&metrics->table_bytes, 0, memory_order_relaxed);
        atomic_store_explicit(&metrics->disk_bytes, 0, memory_order_relaxed);
    }
}

void node_stop_partition(
    struct node *node, struct node_owned *owned, const struct sunder_fail *fail, const char *next)
{
    sunder_log_write(node->options.log,
        &(struct sunder_log_line){SUNDER_LOG_ERROR, owned->number, "partition_stopped", next},
        "%s",
        fail->text);
    if (owned->state != NODE_NONE) {
        sunder_bus_close_gate(node->bus, owned->number);
    }
    node_discard(node, owned);
    node_set_state(node, owned, NODE_STOPPED);
}

void node_break(struct node *node, const struct sunder_fail *fail)
{
    if (!node->broken) {
        node->broken = true;
        node->fail = *fail;
    }
}
