/* Records through partitions, and partitions coming and going. */
#include <stdio.h>
#include <string.h>

#include "consumers/clock.h"
#include "consumers/node/owned.h"
#include "engine/base/must.h"

#define WAIT_IDLE_MS 20 /* How late a rebalance or an answer of the bus may be noticed. */
#define PUSH_US 10000   /* How long a batch that is a backlog keeps its first decisions. */
#define PUSH_RECORDS 16 /* Records between two looks whether the clients are ready for more. */
#define TEND_RECORDS                                                                               \
    64 /* Of a partition between two looks at its memory table: a batch may fill it. */
#define WAIT_BUSY_MS 1    /* While reports are awaited or a restore runs. */
#define DRAIN_MS_MAX 2000 /* Of a session; beyond it the group would expel this node. */

void node_assigned(void *ctx, const int32_t *partitions, uint32_t count)
{
    struct node *node = ctx;
    for (uint32_t i = 0; i < count; i++) {
        struct node_owned *owned = &node->owned[partitions[i]];
        SUNDER_MUST(owned->partition == NULL);
        owned->generation++;
        sunder_log_write(node->options.log,
            &(struct sunder_log_line){SUNDER_LOG_INFO, partitions[i], "partition_assigned", NULL},
            "restoring");
        node_take(node, owned);
    }
}

static void release_strict(struct node *node, const int32_t *partitions, uint32_t count)
{
    struct sunder_bus_commit commits[64];
    uint32_t serving = 0;
    for (uint32_t i = 0; i < count && serving < sizeof commits / sizeof commits[0]; i++) {
        const struct node_owned *owned = &node->owned[partitions[i]];
        if (owned->state == NODE_SERVING) {
            commits[serving++] = (struct sunder_bus_commit){owned->number, owned->progress};
        }
    }
    struct sunder_fail fail = {0};
    if (serving > 0 &&
        sunder_bus_batch_begin(node->bus, commits, serving, true, &fail) == SUNDER_OK) {
        enum sunder_err err = sunder_bus_batch_commit(node->bus, &fail);
        (void)
            err; /* Then the successor fences us, which is safe: we are done with these partitions. */
    }
}

/* All that was sent is acknowledged, the last checkpoint says so, and state is on disk. */
static void finish(struct node *node, const int32_t *partitions, uint32_t count)
{
    int wait_ms = sunder_bus_session_ms(node->bus) / 3;
    wait_ms = wait_ms > DRAIN_MS_MAX ? DRAIN_MS_MAX : wait_ms;
    bool strict = node->options.config->strict;
    if (strict) {
        release_strict(node, partitions, count);
    } else if (sunder_bus_flush(node->bus, wait_ms) != SUNDER_OK) {
        sunder_log_write(node->options.log,
            &(struct sunder_log_line){
                SUNDER_LOG_WARNING, SUNDER_LOG_NO_PARTITION, "drain_incomplete", NULL},
            "not everything was acknowledged within %d ms; the next owner judges it again",
            wait_ms);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct node_owned *owned = &node->owned[partitions[i]];
        if (owned->state == NODE_SERVING) {
            node_advance(node, owned);
            node_publish(node, owned, false);
        }
    }
    if (!strict && sunder_bus_release(node->bus, partitions, count, wait_ms) != SUNDER_OK) {
        sunder_log_write(node->options.log,
            &(struct sunder_log_line){
                SUNDER_LOG_WARNING, SUNDER_LOG_NO_PARTITION, "release_failed", NULL},
            "the last checkpoint was not taken; the next owner will fence this node");
    }
}

void node_revoked(void *ctx, const int32_t *partitions, uint32_t count, bool lost)
{
    struct node *node = ctx;
    if (!lost && !node->broken) {
        finish(node, partitions, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct node_owned *owned = &node->owned[partitions[i]];
        bool keep = owned->state == NODE_SERVING && !lost && !node->broken;
        struct sunder_fail fail = {0};
        if (keep && sunder_partition_sync(owned->partition, &fail) == SUNDER_OK) {
            sunder_partition_destroy(&owned->partition, false);
        }
        sunder_log_write(node->options.log,
            &(struct sunder_log_line){lost ? SUNDER_LOG_WARNING : SUNDER_LOG_INFO,
                owned->number,
                lost ? "partition_lost" : "partition_released",
                NULL},
            "up to source offset %lld",
            (long long)owned->progress.offset);
        node_discard(node, owned);
        node_set_state(node, owned, NODE_NONE);
    }
}

/* Judges one record. False: not now, or never (its partition is stopped, or all is broken). */
static bool judge(struct node *node,
    const struct sunder_bus_record *record,
    const struct sunder_partition_sink *sink)
{
    struct node_owned *owned = &node->owned[record->partition];
    if (owned->state != NODE_SERVING) {
        return true; /* Stopped within this batch. */
    }
    struct sunder_position before = sunder_partition_position(owned->partition);
    if (record->in.offset < before.next_source) {
        sunder_counter_add(&node->options.metrics->skipped, 1);
        return true;
    }
    bool strict = node->options.config->strict;
    /* A transaction goes on: only its commit brings the acknowledgements. */
    if ((owned->blocked && !strict) || node_slot_open(owned) == NULL) {
        return false;
    }
    node->record = record;
    node->current = owned;
    struct sunder_fail fail = {0};
    enum sunder_err err = sunder_partition_step(owned->partition, &record->in, sink, &fail);
    if (err == SUNDER_ERR_FULL && strict && node->batch_count > 1) {
        node->too_much = true;
        return false;
    }
    if (err != SUNDER_OK) {
        if (!node->broken) {
            node_stop_partition(
                node, owned, &fail, "see the text; nothing of this event was decided");
        }
        return !node->broken;
    }
    node_slot_close(owned, record->in.timestamp_ms);
    if (++owned->untended >= TEND_RECORDS) {
        if (!strict) { /* What a transaction delivered counts when it is committed. */
            node_advance(node, owned);
        }
        node_publish(node, owned, false);
    }
    return true;
}

static void observe_flush(struct node *node, struct node_owned *owned)
{
    struct sunder_store_stats stats;
    sunder_partition_stats(owned->partition, &stats);
    struct sunder_metrics_partition *metrics = &node->options.metrics->partitions[owned->number];
    atomic_store_explicit(
        &metrics->table_bytes, stats.active_bytes + stats.frozen_bytes, memory_order_relaxed);
    atomic_store_explicit(&metrics->disk_bytes, stats.disk_bytes_used, memory_order_relaxed);
    int64_t end = sunder_bus_end(node->bus, owned->number);
    int64_t next = sunder_partition_position(owned->partition).next_source;
    atomic_store_explicit(
        &metrics->lag_records, end < 0 ? -1 : (end > next ? end - next : 0), memory_order_relaxed);
    if (stats.generation_frozen != owned->generation_seen) {
        owned->generation_seen = stats.generation_frozen;
        owned->flush_since_ms = sunder_clock_ms();
    }
    if (owned->flush_since_ms != 0 && stats.generation_written == stats.generation_frozen) {
        sunder_histogram_observe(&node->options.metrics->flush,
            (uint64_t)(sunder_clock_ms() - owned->flush_since_ms) * 1000);
        owned->flush_since_ms = 0;
    }
}

/* The client itself gives no record up: others after it would go out. */
static void check_delivery(struct node *node, struct node_owned *owned, int64_t now_ms)
{
    if (owned->slot_first == owned->slot_end || owned->slot_first != owned->slot_awaited) {
        owned->slot_awaited = owned->slot_first;
        owned->awaited_since_ms = now_ms;
        return;
    }
    if (now_ms - owned->awaited_since_ms > NODE_DELIVERY_MS && !node->options.config->strict) {
        struct sunder_fail fail = {.code = SUNDER_ERR_IO};
        (void)snprintf(fail.text,
            sizeof fail.text,
            "what was sent for partition %d is not acknowledged after %d s: its fate is unknown",
            (int)owned->number,
            NODE_DELIVERY_MS / 1000);
        node_break(node, &fail);
    }
}

/* Everything that is due between two batches. */
static void tend_all(struct node *node)
{
    int64_t now_ms = sunder_clock_ms();
    bool flush = now_ms >= node->flush_ms;
    bool tick = now_ms >= node->tick_ms;
    for (uint32_t i = 0; i < node->count && !node->broken; i++) {
        struct node_owned *owned = &node->owned[i];
        if (owned->state != NODE_SERVING) {
            continue;
        }
        node_advance(node, owned);
        check_delivery(node, owned, now_ms);
        node_publish(node, owned, flush);
        if (tick && owned->state == NODE_SERVING) {
            observe_flush(node, owned);
        }
    }
    if (flush) {
        node->flush_ms = now_ms + node->options.config->flush_ms;
    }
    if (tick) {
        node->tick_ms = now_ms + 50;
        atomic_store_explicit(&node->options.metrics->checkpoint_age_ms,
            sunder_bus_checkpoint_age_ms(node->bus),
            memory_order_relaxed);
    }
}

static void push(struct node *node)
{
    struct sunder_fail fail = {0};
    if (!node->broken && sunder_bus_push_in_turn(node->bus, &fail) != SUNDER_OK) {
        node_break(node, &fail);
    }
}

static void judge_fast(struct node *node, const struct sunder_bus_record *records, uint32_t count)
{
    struct sunder_partition_sink sink = node_sink(node);
    int64_t pushed_us = sunder_clock_us();
    for (uint32_t i = 0; i < count && !node->broken; i++) {
        if (!judge(node, &records[i], &sink)) {
            sunder_bus_repeat(node->bus, i);
            break;
        }
        if (i % PUSH_RECORDS == PUSH_RECORDS - 1 && sunder_clock_us() - pushed_us > PUSH_US) {
            push(node);
            pushed_us = sunder_clock_us();
        }
    }
    push(node);
}

/* The partitions of a batch with how far they will be; records that were judged before give none. */
static uint32_t plan(struct node *node,
    const struct sunder_bus_record *records,
    uint32_t count,
    struct sunder_bus_commit *commits,
    uint32_t max)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct node_owned *owned = &node->owned[records[i].partition];
        if (owned->state != NODE_SERVING ||
            records[i].in.offset < sunder_partition_position(owned->partition).next_source) {
            continue;
        }
        uint32_t k = 0;
        while (k < used && commits[k].partition != records[i].partition) {
            k++;
        }
        if (k == max) {
            return UINT32_MAX;
        }
        if (k == used) {
            struct sunder_position position = sunder_partition_position(owned->partition);
            commits[used++] = (struct sunder_bus_commit){
                records[i].partition, {0, position.next_source, position.next_seq, position.head}};
        }
        commits[k].progress.offset = records[i].in.offset + 1;
    }
    return used;
}

/* Nothing of the batch is visible: the partitions go back to what Kafka has, and the records come again. */
static void redo(struct node *node, const struct sunder_bus_commit *commits, uint32_t count)
{
    sunder_counter_add(&node->options.metrics->batches_redone, 1);
    sunder_bus_repeat(node->bus, 0);
    for (uint32_t i = 0; i < count; i++) {
        struct node_owned *owned = &node->owned[commits[i].partition];
        if (owned->state != NODE_SERVING) {
            continue;
        }
        sunder_bus_close_gate(node->bus, owned->number);
        node_discard(node, owned);
        node_take(node, owned);
    }
}

static void settle(struct node *node, const struct sunder_bus_commit *commits, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct node_owned *owned = &node->owned[commits[i].partition];
        if (owned->state == NODE_SERVING) {
            node_advance(node, owned);
            node_publish(node, owned, false);
            node->poison[owned->number] = 0;
        }
    }
}

#define COMMITS_MAX 128u

static void judge_strict(struct node *node, const struct sunder_bus_record *records, uint32_t count)
{
    struct sunder_bus_commit commits[COMMITS_MAX];
    uint32_t planned = UINT32_MAX;
    count = count < node->batch_max ? count : node->batch_max;
    /* A batch that is too wide is halved; the rest comes again. */
    while ((planned = plan(node, records, count, commits, COMMITS_MAX)) == UINT32_MAX) {
        count /= 2;
    }
    sunder_bus_repeat(node->bus, count);
    if (planned == 0) {
        return;
    }
    for (uint32_t i = 0; i < planned; i++) {
        if (node->owned[commits[i].partition].blocked) {
            sunder_bus_repeat(node->bus, 0);
            return;
        }
    }
    struct sunder_fail fail = {0};
    enum sunder_err err = sunder_bus_batch_begin(node->bus, commits, planned, false, &fail);
    if (err == SUNDER_ERR_RETRY) {
        /* Nothing was judged yet: after the rebalance that refused it, what is still ours comes again. */
        sunder_counter_add(&node->options.metrics->batches_redone, 1);
        sunder_bus_repeat(node->bus, 0);
        return;
    }
    bool begun = err == SUNDER_OK;
    node->batch_count = count;
    struct sunder_partition_sink sink = node_sink(node);
    bool all = begun;
    for (uint32_t i = 0; i < count && all; i++) {
        all = judge(node, &records[i], &sink) &&
              node->owned[records[i].partition].state == NODE_SERVING;
    }
    if (begun && !all) {
        sunder_bus_batch_abort(node->bus);
        if (node->too_much) {
            node->too_much = false;
            node->batch_max = count / 2;
        }
        redo(node, commits, planned);
        return;
    }
    if (begun) {
        err = sunder_bus_batch_commit(node->bus, &fail);
    }
    if (err == SUNDER_OK) {
        settle(node, commits, planned);
        node->batch_max =
            node->batch_max < SUNDER_BUS_BATCH_MAX / 2 ? node->batch_max * 2 : SUNDER_BUS_BATCH_MAX;
    } else if (err == SUNDER_ERR_RETRY || err == SUNDER_ERR_INVALID) {
        sunder_log_write(node->options.log,
            &(struct sunder_log_line){
                SUNDER_LOG_WARNING, SUNDER_LOG_NO_PARTITION, "batch_aborted", NULL},
            "%s",
            fail.text);
        redo(node, commits, planned);
    } else {
        fail.code = err;
        node_break(node, &fail);
    }
}

static bool in_flight(const struct node *node)
{
    for (uint32_t i = 0; i < node->count; i++) {
        const struct node_owned *owned = &node->owned[i];
        if (owned->slot_first != owned->slot_end ||
            (owned->state != NODE_SERVING && owned->state != NODE_NONE &&
                owned->state != NODE_STOPPED)) {
            return true;
        }
    }
    return false;
}

void node_turn(struct node *node)
{
    atomic_store_explicit(&node->alive_ms, sunder_clock_ms(), memory_order_relaxed);
    bool lease = sunder_bus_lease(node->bus);
    if (lease != atomic_load_explicit(&node->options.metrics->lease, memory_order_relaxed)) {
        atomic_store_explicit(&node->options.metrics->lease, lease, memory_order_relaxed);
        sunder_log_write(node->options.log,
            &(struct sunder_log_line){lease ? SUNDER_LOG_INFO : SUNDER_LOG_WARNING,
                SUNDER_LOG_NO_PARTITION,
                lease ? "lease_back" : "lease_gone",
                NULL},
            "%s",
            lease ? "publishing again"
                  : "no checkpoint for half a session: nothing is published until one succeeds");
    }
    bool restoring = node_restore_some(node);
    int wait_ms = restoring ? 0 : in_flight(node) ? WAIT_BUSY_MS : WAIT_IDLE_MS;
    const struct sunder_bus_record *records = NULL;
    uint32_t count = 0;
    struct sunder_fail fail = {0};
    enum sunder_err err = sunder_bus_poll(node->bus, wait_ms, &records, &count, &fail);
    if (err != SUNDER_OK) {
        fail.code = err;
        node_break(node, &fail);
        return;
    }
    node->wall_ms = sunder_clock_wall_ms();
    if (count > 0 && !sunder_bus_lease(node->bus)) {
        sunder_bus_repeat(node->bus,
            0); /* Asked again after the wait: this process may have been stopped in it. */
        count = 0;
    }
    if (count > 0 && node->options.config->strict) {
        judge_strict(node, records, count);
    } else if (count > 0) {
        judge_fast(node, records, count);
    }
    tend_all(node);
}
