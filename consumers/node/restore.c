/* From assigned to served: take over, fold, claim, open.
 *
 * What was committed with the group's offset tells how far every output of the partition is on the log, side outputs too.
 * The decisions up to there are folded; those beyond it are judged once more, because a forward or a dead letter between them
 * may be missing, and what is on the decisions topic already is not written again. */
#include <stdio.h>
#include <string.h>

#include "consumers/clock.h"
#include "consumers/node/owned.h"
#include "engine/base/must.h"

#define RETRY_MS 300
#define PATH_BYTES 4096
#define TABLES_BYTES (48u * 1024 * 1024) /* All partitions together; twice that while they flush. */
#define TABLE_BYTES_MIN (2u * 1024 * 1024)

void node_take(struct node *node, struct node_owned *owned)
{
    owned->since_ms = sunder_clock_ms();
    owned->retry_ms = 0;
    owned->refused = false;
    node_set_state(node, owned, NODE_TAKING);
    if (node->poison[owned->number] >= NODE_POISON_MAX) {
        struct sunder_fail fail = {.code = SUNDER_ERR_INVALID,
            .text = "Kafka refused records of this partition three times (size, or permission; see "
                    "the log above)"};
        node_stop_partition(node,
            owned,
            &fail,
            "raise max.message.bytes of the topic, or mend its ACLs; then restart");
        return;
    }
    sunder_bus_take_over(node->bus, owned->number);
}

static enum sunder_err open_state(
    struct node *node, struct node_owned *owned, struct sunder_fail *reterr_fail)
{
    const struct sunder_config *config = node->options.config;
    char path[PATH_BYTES];
    int len = snprintf(path,
        sizeof path,
        "%s/%s-%d",
        config->state_dir,
        config->topics[SUNDER_BUS_INTENTS],
        (int)owned->number);
    if (len < 0 || (size_t)len >= sizeof path) {
        *reterr_fail = (struct sunder_fail){
            .code = SUNDER_ERR_INVALID, .text = "state_dir is too long a path"};
        return SUNDER_ERR_INVALID;
    }
    uint64_t table_bytes = config->table_bytes;
    if (table_bytes == 0) {
        table_bytes = TABLES_BYTES / node->count < TABLE_BYTES_MIN ? TABLE_BYTES_MIN
                                                                   : TABLES_BYTES / node->count;
    }
    struct sunder_partition_options options = {
        .policy = node->options.policy,
        .topic = sunder_str_of(config->topics[SUNDER_BUS_INTENTS]),
        .cluster = sunder_bus_cluster(node->bus),
        .partition = owned->number,
        .partition_count = node->count,
        .directory = path,
        .table_bytes = table_bytes,
        .protobuf = config->protobuf,
    };
    enum sunder_err err = node_slots_allocate(owned);
    if (err != SUNDER_OK) {
        *reterr_fail = (struct sunder_fail){.code = err, .text = "no memory for what is in flight"};
        return err;
    }
    return sunder_partition_open(&options, &owned->partition, reterr_fail);
}

/* What must hold between local state and the topics before anything is folded. */
static bool check_ends(struct node *node, struct node_owned *owned, struct sunder_fail *reterr_fail)
{
    struct sunder_position position = sunder_partition_position(owned->partition);
    const struct sunder_bus_taken *taken = &owned->taken;
    *reterr_fail = (struct sunder_fail){.code = SUNDER_ERR_CORRUPT};
    if (position.next_decision > taken->decisions_end) {
        (void)snprintf(reterr_fail->text,
            sizeof reterr_fail->text,
            "local state was folded up to offset %lld of %s, which ends at %lld: the topic was "
            "made anew or has lost records",
            (long long)position.next_decision,
            node->options.config->topics[SUNDER_BUS_DECISIONS],
            (long long)taken->decisions_end);
        return false;
    }
    int64_t from = position.next_source;
    if (taken->committed && taken->progress.offset > from) {
        from = taken->progress.offset;
    }
    if ((taken->committed || position.next_seq > 0) && taken->intents_begin > from) {
        (void)snprintf(reterr_fail->text,
            sizeof reterr_fail->text,
            "events from offset %lld on were not judged yet, and %s now begins at %lld: retention "
            "has deleted them",
            (long long)from,
            node->options.config->topics[SUNDER_BUS_INTENTS],
            (long long)taken->intents_begin);
        return false;
    }
    return true;
}

static void start_fold(struct node *node, struct node_owned *owned)
{
    struct sunder_fail fail = {0};
    enum sunder_err err = open_state(node, owned, &fail);
    if (err == SUNDER_ERR_RETRY) {
        owned->retry_ms = sunder_clock_ms() + RETRY_MS; /* Another process still has the folder. */
        return;
    }
    if (err != SUNDER_OK) {
        node_stop_partition(node,
            owned,
            &fail,
            err == SUNDER_ERR_FULL
                ? NODE_NEXT_ROOM
                : "start with the policy that made this state, or point state_dir to another "
                  "folder: state is rebuilt from Kafka");
        return;
    }
    if (!check_ends(node, owned, &fail)) {
        node_stop_partition(
            node, owned, &fail, "restore the topic, or delete the partition's folder in state_dir");
        return;
    }
    const struct sunder_bus_taken *taken = &owned->taken;
    struct sunder_position position = sunder_partition_position(owned->partition);
    struct sunder_restore restore = {.redo_from = INT64_MAX};
    if (taken->committed) {
        restore.redo_from = taken->progress.offset > position.next_source ? taken->progress.offset
                                                                          : position.next_source;
        restore.expected = true;
        restore.at = taken->progress.at;
        restore.seq = taken->progress.seq;
        restore.head = taken->progress.head;
    }
    sunder_partition_restore(owned->partition, &restore);
    node_set_state(node, owned, NODE_FOLDING);
    int64_t from = position.next_decision > taken->decisions_begin ? position.next_decision
                                                                   : taken->decisions_begin;
    if (from < taken->decisions_end &&
        sunder_bus_tail_start(node->bus, owned->number, from, &fail) != SUNDER_OK) {
        node_break(node, &fail);
    }
    owned->decision_next = from;
}

void node_taken(void *ctx,
    int32_t partition,
    const struct sunder_bus_taken *taken,
    const struct sunder_fail *fail)
{
    struct node *node = ctx;
    struct node_owned *owned = &node->owned[partition];
    if (owned->state != NODE_TAKING) {
        return;
    }
    if (fail == NULL) {
        owned->taken = *taken;
        start_fold(node, owned);
        return;
    }
    if (fail->code == SUNDER_ERR_RETRY) {
        sunder_log_write(node->options.log,
            &(struct sunder_log_line){SUNDER_LOG_WARNING, partition, "takeover_waits", NULL},
            "%s",
            fail->text);
        owned->retry_ms = sunder_clock_ms() + RETRY_MS;
        return;
    }
    node_stop_partition(node, owned, fail, NULL);
}

static void finish_fold(struct node *node, struct node_owned *owned)
{
    sunder_bus_tail_stop(node->bus, owned->number);
    struct sunder_fail fail = {0};
    enum sunder_err err = sunder_partition_restored(owned->partition, &fail);
    if (err != SUNDER_OK) {
        node_stop_partition(node,
            owned,
            &fail,
            "restore the decisions topic from a backup; to accept the loss, delete the group's "
            "offsets and the folder in "
            "state_dir");
        return;
    }
    struct sunder_position position = sunder_partition_position(owned->partition);
    owned->progress = (struct sunder_bus_progress){
        position.next_source, position.next_source, position.next_seq, position.head};
    owned->decision_next = position.next_decision;
    node_set_state(node, owned, NODE_CLAIMING);
}

static void report_contradiction(struct node *node, const struct node_owned *owned, uint64_t known)
{
    struct sunder_contradictions now = sunder_partition_contradictions(owned->partition);
    if (now.count == known) {
        return;
    }
    sunder_counter_add(&node->options.metrics->contradictions, now.count - known);
    sunder_log_write(node->options.log,
        &(struct sunder_log_line){SUNDER_LOG_ERROR,
            owned->number,
            "contradiction",
            "find the node that wrote it: one of another version, or a writer that is no node"},
        "the record at offset %lld of %s is another one than the first for source offset %lld, "
        "which counts",
        (long long)now.decision,
        node->options.config->topics[SUNDER_BUS_DECISIONS],
        (long long)now.source);
}

/* One record of a tail, or its end. */
static void fold_one(struct node *node, const struct sunder_bus_record *record)
{
    struct node_owned *owned = &node->owned[record->partition];
    if (owned->state != NODE_FOLDING) {
        return;
    }
    struct sunder_fail fail = {0};
    if (record->in.value.at != NULL) {
        uint64_t known = sunder_partition_contradictions(owned->partition).count;
        enum sunder_err err =
            sunder_partition_fold(owned->partition, record->in.value, record->in.offset, &fail);
        report_contradiction(node, owned, known);
        if (err == SUNDER_OK) {
            err = sunder_partition_tend(owned->partition, false, &fail);
        }
        if (err != SUNDER_OK && err != SUNDER_ERR_RETRY) {
            node_stop_partition(node,
                owned,
                &fail,
                err == SUNDER_ERR_UNSUPPORTED ? NULL
                : err == SUNDER_ERR_FULL
                    ? NODE_NEXT_ROOM
                    : "compare the topic with a backup, or with sunder verify");
            return;
        }
    }
    int64_t end = record->in.value.at != NULL ? record->in.offset + 1 : record->in.offset;
    if (end >= owned->taken.decisions_end) {
        finish_fold(node, owned);
    }
}

/* True: the claim is on Kafka. */
static bool claim(struct node *node, struct node_owned *owned)
{
    if (node->options.config->strict) {
        struct sunder_bus_commit commit = {owned->number, owned->progress};
        struct sunder_fail fail = {0};
        enum sunder_err err = sunder_bus_batch_begin(node->bus, &commit, 1, false, &fail);
        if (err == SUNDER_OK) {
            err = sunder_bus_batch_commit(node->bus, &fail);
        }
        if (err != SUNDER_OK && err != SUNDER_ERR_RETRY) {
            fail.code = err;
            node_break(node, &fail);
        }
        return err == SUNDER_OK;
    }
    if (!owned->claimed) {
        owned->claimed = true;
        sunder_bus_progress(node->bus, owned->number, &owned->progress);
    }
    return sunder_bus_settled(node->bus, owned->number);
}

static void open_partition(struct node *node, struct node_owned *owned)
{
    int64_t took_ms = sunder_clock_ms() - owned->since_ms;
    atomic_store_explicit(&node->options.metrics->partitions[owned->number].restore_ms,
        took_ms,
        memory_order_relaxed);
    owned->awaited_since_ms = sunder_clock_ms();
    node_set_state(node, owned, NODE_SERVING);
    sunder_bus_open_gate(node->bus, owned->number);
    sunder_log_write(node->options.log,
        &(struct sunder_log_line){SUNDER_LOG_INFO, owned->number, "partition_serving", NULL},
        "from source offset %lld, record %llu, after %lld ms%s",
        (long long)owned->progress.offset,
        (unsigned long long)owned->progress.seq,
        (long long)took_ms,
        owned->taken.fenced ? ", the owner before was fenced" : "");
}

bool node_restore_some(struct node *node)
{
    bool folding = false;
    int64_t now_ms = sunder_clock_ms();
    for (uint32_t i = 0; i < node->count; i++) {
        struct node_owned *owned = &node->owned[i];
        if (owned->state == NODE_TAKING && owned->retry_ms != 0 && now_ms >= owned->retry_ms) {
            owned->retry_ms = 0;
            sunder_bus_take_over(node->bus, owned->number);
        }
        if (owned->state == NODE_FOLDING && owned->decision_next >= owned->taken.decisions_end) {
            finish_fold(node, owned);
        }
        if (owned->state == NODE_CLAIMING && claim(node, owned)) {
            open_partition(node, owned);
        }
        folding = folding || owned->state == NODE_FOLDING;
    }
    if (!folding) {
        return false;
    }
    const struct sunder_bus_record *records = NULL;
    uint32_t count = 0;
    struct sunder_fail fail = {0};
    if (sunder_bus_tail_poll(node->bus, 0, &records, &count, &fail) != SUNDER_OK) {
        node_break(node, &fail);
        return false;
    }
    for (uint32_t i = 0; i < count && !node->broken; i++) {
        fold_one(node, &records[i]);
    }
    return count > 0;
}
