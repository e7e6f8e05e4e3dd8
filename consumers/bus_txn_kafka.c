/* Transactions: the calls, and what each of their errors asks for.
 *
 * Measured on 2.0.2 with the mock cluster and a real broker; the order of the tests matters: fatal, fenced, abortable,
 * retriable. "Same call again" is the only right answer to a time-out: any other call on the producer would be refused.
 * The offsets are sent before the first record: the wait for the previous transaction's markers then falls on the one
 * request that repeats after 1 ms instead of 20. */
#include "consumers/bus_kafka.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/clock.h"
#include "engine/base/must.h"

#define TXN_GIVE_UP_MS 30000 /* transaction.timeout.ms: by then the broker has aborted it. */

enum action {
    ACTION_NONE,
    ACTION_SAME_CALL,
    ACTION_ABORT,
    ACTION_NEW_PRODUCER,
    ACTION_EXIT
};

static enum action classify(const rd_kafka_error_t *error)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    bool fenced = code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
                  code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
    if (fenced) {
        return ACTION_EXIT; /* The library calls some of these abortable; they are not. */
    }
    if (rd_kafka_error_is_fatal(error)) {
        return ACTION_NEW_PRODUCER;
    }
    if (rd_kafka_error_txn_requires_abort(error)) {
        return ACTION_ABORT;
    }
    if (rd_kafka_error_is_retriable(error)) {
        return ACTION_SAME_CALL;
    }
    return ACTION_NEW_PRODUCER; /* _STATE, _CONFLICT and the like: the producer and we disagree. */
}

static enum action take(struct sunder_bus *bus,
    rd_kafka_error_t *error,
    const char *call,
    int64_t deadline_ms,
    struct sunder_fail *reterr_fail)
{
    if (error == NULL) {
        return ACTION_NONE;
    }
    enum action action = classify(error);
    if (action == ACTION_SAME_CALL && bus_is_late(bus, deadline_ms)) {
        action = ACTION_NEW_PRODUCER;
    }
    enum sunder_err code = action == ACTION_EXIT ? SUNDER_ERR_FENCED
                           : action == ACTION_ABORT || action == ACTION_SAME_CALL ? SUNDER_ERR_RETRY
                                                                                  : SUNDER_ERR_IO;
    (void)bus_fail(reterr_fail,
        code,
        rd_kafka_error_code(error),
        "%s: %s: %s",
        call,
        rd_kafka_error_name(error),
        rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return action;
}

static enum bus_txn result(enum action action)
{
    switch (action) {
    case ACTION_NONE:
        return BUS_TXN_DONE;
    case ACTION_ABORT:
        return BUS_TXN_ABORTED;
    case ACTION_EXIT:
        return BUS_TXN_FENCED;
    case ACTION_SAME_CALL:
    case ACTION_NEW_PRODUCER:
        return BUS_TXN_BROKEN;
    }
    return BUS_TXN_BROKEN;
}

void bus_txn_id(const struct sunder_bus *bus, uint32_t run, char *ret_id)
{
    int len = snprintf(
        ret_id, 128, "%.80s-%.32s-%u", bus->options.group, bus->options.node, (unsigned)run);
    SUNDER_MUST(len > 0 && len < 128);
}

enum sunder_err bus_txn_open(struct sunder_bus *bus, struct sunder_fail *reterr_fail)
{
    enum sunder_err err = bus_client_new(bus, BUS_TXN, &bus->txn, reterr_fail);
    if (err != SUNDER_OK) {
        return err;
    }
    int64_t deadline_ms = sunder_clock_ms() + BUS_OPEN_MS;
    enum action action = ACTION_NONE;
    do {
        action = take(bus,
            rd_kafka_init_transactions(bus->txn, bus_call_ms(bus)),
            "init_transactions",
            deadline_ms,
            reterr_fail);
    } while (action == ACTION_SAME_CALL);
    if (action == ACTION_NONE) {
        return SUNDER_OK;
    }
    bus_txn_destroy(bus);
    return action == ACTION_EXIT ? SUNDER_ERR_FENCED : SUNDER_ERR_IO;
}

void bus_txn_destroy(struct sunder_bus *bus)
{
    if (bus->txn != NULL) {
        (void)rd_kafka_purge(bus->txn, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_destroy(bus->txn);
        bus->txn = NULL;
    }
}

enum bus_txn bus_txn_abort(struct sunder_bus *bus, struct sunder_fail *reterr_fail)
{
    int64_t deadline_ms = sunder_clock_ms() + TXN_GIVE_UP_MS;
    enum action action = ACTION_NONE;
    struct sunder_fail fail = {0};
    do {
        action = take(bus,
            rd_kafka_abort_transaction(bus->txn, bus_call_ms(bus)),
            "abort_transaction",
            deadline_ms,
            &fail);
    } while (action == ACTION_SAME_CALL);
    if (action == ACTION_NONE) {
        return BUS_TXN_ABORTED;
    }
    *reterr_fail = fail;
    return action == ACTION_EXIT ? BUS_TXN_FENCED : BUS_TXN_BROKEN;
}

/* Aborts when that is what the error asks for. */
static enum bus_txn settle(
    struct sunder_bus *bus, enum action action, struct sunder_fail *reterr_fail)
{
    enum bus_txn outcome = result(action);
    return outcome == BUS_TXN_ABORTED ? bus_txn_abort(bus, reterr_fail) : outcome;
}

enum bus_txn bus_txn_begin(struct sunder_bus *bus,
    const rd_kafka_topic_partition_list_t *offsets,
    const rd_kafka_consumer_group_metadata_t *group,
    struct sunder_fail *reterr_fail)
{
    if (group == NULL) {
        (void)bus_fail(reterr_fail, SUNDER_ERR_RETRY, 0, "this node is no member of the group yet");
        return BUS_TXN_ABORTED;
    }
    int64_t deadline_ms = sunder_clock_ms() + TXN_GIVE_UP_MS;
    enum action action = take(
        bus, rd_kafka_begin_transaction(bus->txn), "begin_transaction", deadline_ms, reterr_fail);
    if (action != ACTION_NONE) {
        return action == ACTION_EXIT ? BUS_TXN_FENCED : BUS_TXN_BROKEN;
    }
    do {
        action = take(bus,
            rd_kafka_send_offsets_to_transaction(bus->txn, offsets, group, bus_call_ms(bus)),
            "send_offsets_to_transaction",
            deadline_ms,
            reterr_fail);
    } while (action == ACTION_SAME_CALL);
    return settle(bus, action, reterr_fail);
}

enum bus_txn bus_txn_commit(struct sunder_bus *bus, struct sunder_fail *reterr_fail)
{
    int64_t deadline_ms = sunder_clock_ms() + TXN_GIVE_UP_MS;
    enum action action = ACTION_NONE;
    do {
        action = take(bus,
            rd_kafka_commit_transaction(bus->txn, bus_call_ms(bus)),
            "commit_transaction",
            deadline_ms,
            reterr_fail);
    } while (action == ACTION_SAME_CALL);
    enum bus_txn outcome = settle(bus, action, reterr_fail);
    if (outcome == BUS_TXN_DONE) {
        atomic_store_explicit(&bus->checkpoint_at_ms, sunder_clock_ms(), memory_order_relaxed);
    }
    return outcome;
}

void bus_offset_add(struct sunder_bus *bus,
    rd_kafka_topic_partition_list_t *list,
    int32_t partition,
    const struct sunder_bus_progress *progress,
    bool released)
{
    char text[BUS_METADATA_MAX];
    int len = snprintf(text,
        sizeof text,
        "sunder1 %s %lld %llu ",
        released ? "released" : "owned",
        (long long)progress->at,
        (unsigned long long)progress->seq);
    for (size_t i = 0; i < sizeof progress->head.bytes; i++) {
        len += snprintf(text + len, sizeof text - (size_t)len, "%02x", progress->head.bytes[i]);
    }
    len += snprintf(text + len, sizeof text - (size_t)len, " %s", bus->transactional_id);
    rd_kafka_topic_partition_t *element =
        rd_kafka_topic_partition_list_add(list, bus->options.topics[SUNDER_BUS_INTENTS], partition);
    element->offset = progress->offset;
    element->metadata = malloc((size_t)len + 1); /* The list frees it. */
    SUNDER_MUST(element->metadata != NULL);
    memcpy(element->metadata, text, (size_t)len + 1);
    element->metadata_size = (size_t)len;
}

/* Strict delivery: the transactions of the engine thread. */

static enum sunder_err batch_error(struct sunder_bus *bus, enum bus_txn outcome)
{
    bus->in_batch = false;
    bus->committed = outcome == BUS_TXN_DONE;
    switch (outcome) {
    case BUS_TXN_DONE:
        return SUNDER_OK;
    case BUS_TXN_ABORTED:
        return bus->refused ? SUNDER_ERR_INVALID : SUNDER_ERR_RETRY;
    case BUS_TXN_BROKEN:
        return SUNDER_ERR_IO;
    case BUS_TXN_FENCED:
        return SUNDER_ERR_FENCED;
    }
    return SUNDER_ERR_IO;
}

enum sunder_err sunder_bus_batch_begin(struct sunder_bus *bus,
    const struct sunder_bus_commit *commits,
    uint32_t count,
    bool released,
    struct sunder_fail *reterr_fail)
{
    SUNDER_MUST(bus->options.strict && !bus->in_batch && count > 0);
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new((int)count);
    for (uint32_t i = 0; i < count; i++) {
        bus_offset_add(bus, offsets, commits[i].partition, &commits[i].progress, released);
    }
    bus->refused = false;
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(bus->consumer);
    enum bus_txn outcome = bus_txn_begin(bus, offsets, group, reterr_fail);
    if (group != NULL) {
        rd_kafka_consumer_group_metadata_destroy(group);
    }
    rd_kafka_topic_partition_list_destroy(offsets);
    if (outcome != BUS_TXN_DONE) {
        return batch_error(bus, outcome);
    }
    bus->in_batch = true;
    return SUNDER_OK;
}

enum sunder_err sunder_bus_batch_commit(struct sunder_bus *bus, struct sunder_fail *reterr_fail)
{
    SUNDER_MUST(bus->in_batch);
    if (sunder_bus_push(bus, reterr_fail) != SUNDER_OK) {
        return batch_error(
            bus, bus_txn_abort(bus, reterr_fail)); /* The transaction had failed before. */
    }
    return batch_error(bus, bus_txn_commit(bus, reterr_fail));
}

void sunder_bus_batch_abort(struct sunder_bus *bus)
{
    SUNDER_MUST(bus->in_batch);
    struct sunder_fail fail = {0};
    bus_stage_clear(bus);
    bus->in_batch = false;
    enum bus_txn outcome = bus_txn_abort(bus, &fail);
    if (outcome != BUS_TXN_ABORTED) {
        bus_trouble(bus,
            outcome == BUS_TXN_FENCED ? SUNDER_ERR_FENCED : SUNDER_ERR_IO,
            fail.vendor,
            "%s",
            fail.text);
    }
}
