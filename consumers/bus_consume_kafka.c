/* Group membership, gates and records.
 *
 * A gate is the forwarding of a partition's own queue: to nowhere (closed: fetched records wait, within the client's memory
 * bound) or to `ready` (open). Pause and resume of this library lose or repeat records, so they are never used, and neither
 * are seeks: a record that cannot be given yet is carried. */
#include "consumers/bus_kafka.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/must.h"

#define MARKERS_NS 1000000 /* What a broker takes at least to write them. */

static bool owns(const struct sunder_bus *bus, int32_t partition)
{
    return partition >= 0 && (uint32_t)partition < bus->counts[SUNDER_BUS_INTENTS] &&
           bus->partitions[partition].owned;
}

static void carry_add(struct sunder_bus *bus, rd_kafka_message_t *message)
{
    struct bus_carry *carry = &bus->carry;
    if (carry->count == carry->room) {
        size_t room = carry->room == 0 ? 1024 : carry->room * 2;
        rd_kafka_message_t **at = realloc(carry->at, room * sizeof(rd_kafka_message_t *));
        SUNDER_MUST(at != NULL); /* Without it records would be lost: better to stop. */
        carry->at = at;
        carry->room = room;
    }
    carry->at[carry->count++] = message;
}

void bus_carry_clear(struct sunder_bus *bus)
{
    for (size_t i = 0; i < bus->carry.count; i++) {
        rd_kafka_message_destroy(bus->carry.at[i]);
    }
    free(bus->carry.at);
    bus->carry = (struct bus_carry){0};
}

void bus_batch_clear(struct sunder_bus *bus)
{
    for (uint32_t i = 0; i < bus->batch_count; i++) {
        rd_kafka_message_destroy(bus->batch[i]);
    }
    bus->batch_count = 0;
}

void bus_tail_clear(struct sunder_bus *bus)
{
    for (uint32_t i = 0; i < bus->tail_count; i++) {
        rd_kafka_message_destroy(bus->tail_batch[i]);
    }
    bus->tail_count = 0;
}

static void drop_foreign(struct sunder_bus *bus)
{
    size_t kept = 0;
    for (size_t i = 0; i < bus->carry.count; i++) {
        rd_kafka_message_t *message = bus->carry.at[i];
        if (owns(bus, message->partition)) {
            bus->carry.at[kept++] = message;
        } else {
            rd_kafka_message_destroy(message);
        }
    }
    bus->carry.count = kept;
}

/* Takes what is in `ready` now, one by one. The library's call for many must not be used here: when a rebalance begins it
 * throws away, for good, what it has taken but not yet returned, of the partitions that stay as well. */
static uint32_t pop_ready(struct sunder_bus *bus, rd_kafka_message_t **at, uint32_t max)
{
    uint32_t count = 0;
    while (count < max && (at[count] = rd_kafka_consume_queue(bus->ready, 0)) != NULL) {
        count++;
    }
    return count;
}

/* Empties `ready` into the carry. After a gate closed nothing of its partition can come into `ready` any more, so what a
 * later owner epoch gets from there is never stale. */
static void drain_ready(struct sunder_bus *bus)
{
    rd_kafka_message_t *one = NULL;
    while (pop_ready(bus, &one, 1) == 1) {
        if (one->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            carry_add(bus, one);
        } else {
            rd_kafka_message_destroy(one);
        }
    }
}

static void on_assigned(struct sunder_bus *bus, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        int32_t number = list->elems[i].partition;
        if (number < 0 || (uint32_t)number >= bus->counts[SUNDER_BUS_INTENTS]) {
            bus_trouble(bus,
                SUNDER_ERR_INVALID,
                0,
                "topic %s has grown to partition %d: homes change with the number of partitions",
                list->elems[i].topic,
                (int)number);
            continue;
        }
        struct bus_partition *partition = &bus->partitions[number];
        if (partition->queue == NULL) {
            partition->queue =
                rd_kafka_queue_get_partition(bus->consumer, list->elems[i].topic, number);
        }
        rd_kafka_queue_forward(
            partition->queue, NULL); /* Before the assignment: after it, records may have passed. */
        (void)pthread_mutex_lock(&bus->lock);
        partition->owned = true;
        (void)pthread_mutex_unlock(&bus->lock);
        partition->open = false;
    }
}

static void call_handler(
    struct sunder_bus *bus, const rd_kafka_topic_partition_list_t *list, bool assigned, bool lost)
{
    int32_t numbers[64];
    uint32_t count = 0;
    for (int i = 0; i <= list->cnt; i++) {
        if (count == sizeof numbers / sizeof numbers[0] || (i == list->cnt && count > 0)) {
            if (assigned) {
                bus->options.handler.assigned(bus->options.handler.ctx, numbers, count);
            } else {
                bus->options.handler.revoked(bus->options.handler.ctx, numbers, count, lost);
            }
            count = 0;
        }
        if (i < list->cnt && owns(bus, list->elems[i].partition)) {
            numbers[count++] = list->elems[i].partition;
        }
    }
}

static void on_revoked(
    struct sunder_bus *bus, const rd_kafka_topic_partition_list_t *list, bool lost)
{
    for (int i = 0; i < list->cnt; i++) {
        if (owns(bus, list->elems[i].partition)) {
            rd_kafka_queue_forward(bus->partitions[list->elems[i].partition].queue, NULL);
            bus->partitions[list->elems[i].partition].open = false;
        }
    }
    call_handler(bus, list, false, lost);
    (void)pthread_mutex_lock(&bus->lock);
    for (int i = 0; i < list->cnt; i++) {
        if (!owns(bus, list->elems[i].partition)) {
            continue;
        }
        struct bus_partition *partition = &bus->partitions[list->elems[i].partition];
        partition->owned = false;
        uint32_t generation = partition->claim.generation + 1;
        partition->claim = (struct bus_claim){.generation = generation};
    }
    (void)pthread_mutex_unlock(&bus->lock);
    drain_ready(bus);
    drop_foreign(bus);
    for (int i = 0; i < list->cnt; i++) {
        int32_t number = list->elems[i].partition;
        if (number >= 0 && (uint32_t)number < bus->counts[SUNDER_BUS_INTENTS] &&
            bus->partitions[number].queue != NULL) {
            rd_kafka_queue_destroy(bus->partitions[number].queue);
            bus->partitions[number].queue = NULL;
        }
    }
}

static void answer(struct sunder_bus *bus,
    rd_kafka_t *consumer,
    rd_kafka_topic_partition_list_t *list,
    bool assign)
{
    bool cooperative = strcmp(rd_kafka_rebalance_protocol(consumer), "COOPERATIVE") == 0;
    rd_kafka_error_t *error = NULL;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (cooperative) {
        error = assign ? rd_kafka_incremental_assign(consumer, list)
                       : rd_kafka_incremental_unassign(consumer, list);
        if (error != NULL) {
            code = rd_kafka_error_code(error);
            rd_kafka_error_destroy(error);
        }
    } else {
        code = rd_kafka_assign(consumer, assign ? list : NULL);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && bus_ending_at(bus) == 0) {
        bus_trouble(bus,
            SUNDER_ERR_IO,
            code,
            "the group's assignment is refused: %s",
            rd_kafka_err2str(code));
    }
}

static void rebalance_cb(rd_kafka_t *consumer,
    rd_kafka_resp_err_t code,
    rd_kafka_topic_partition_list_t *list,
    void *opaque)
{
    struct sunder_bus *bus = opaque;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        bus->assigned = true;
        on_assigned(bus, list);
        answer(bus, consumer, list, true);
        call_handler(bus, list, true, false);
        return;
    }
    bool lost = rd_kafka_assignment_lost(consumer) != 0;
    on_revoked(bus, list, lost);
    answer(bus, consumer, list, false);
}

void bus_rebalance_set(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_rebalance_cb(conf, rebalance_cb);
}

void sunder_bus_open_gate(struct sunder_bus *bus, int32_t partition)
{
    SUNDER_MUST(owns(bus, partition));
    bus->partitions[partition].open = true;
    rd_kafka_queue_forward(bus->partitions[partition].queue, bus->ready);
}

void sunder_bus_close_gate(struct sunder_bus *bus, int32_t partition)
{
    SUNDER_MUST(owns(bus, partition));
    if (!bus->partitions[partition].open) {
        return;
    }
    bus->partitions[partition].open = false;
    rd_kafka_queue_forward(bus->partitions[partition].queue, NULL);
    drain_ready(bus);
}

int64_t sunder_bus_end(const struct sunder_bus *bus, int32_t partition)
{
    int64_t low = 0;
    int64_t high = 0;
    rd_kafka_resp_err_t code = rd_kafka_get_watermark_offsets(
        bus->consumer, bus->options.topics[SUNDER_BUS_INTENTS], partition, &low, &high);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : -1;
}

static bool is_wanted_header(const char *name)
{
    return strncmp(name, "ce_", 3) == 0 || strncmp(name, "ce-", 3) == 0 ||
           strcmp(name, "content-type") == 0;
}

static void fill_headers(struct sunder_bus *bus,
    rd_kafka_message_t *message,
    uint32_t *used,
    struct sunder_bus_record *record)
{
    rd_kafka_headers_t *headers = NULL;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    record->in.headers = bus->headers + *used;
    const char *name = NULL;
    const void *value = NULL;
    size_t size = 0;
    for (size_t i = 0;
         record->in.header_count < BUS_HEADERS_PER_RECORD && *used < BUS_HEADERS_MAX &&
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         i++) {
        if (is_wanted_header(name)) {
            bus->headers[(*used)++] = (struct sunder_wire_header){
                sunder_str_of(name), {value, value == NULL ? 0 : (uint32_t)size}};
            record->in.header_count++;
        }
    }
}

static void fill_record(rd_kafka_message_t *message, struct sunder_bus_record *record)
{
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    int64_t timestamp_ms = rd_kafka_message_timestamp(message, &type);
    *record = (struct sunder_bus_record){.partition = message->partition,
        .key = {message->key, message->key == NULL ? 0 : (uint32_t)message->key_len},
        .in = {.value = {message->payload, message->payload == NULL ? 0 : (uint32_t)message->len},
            .offset = message->offset,
            .timestamp_ms = timestamp_ms}};
}

/* From the carry first: what is there is older than anything in `ready`. */
static void take_carry(struct sunder_bus *bus)
{
    size_t kept = 0;
    for (size_t i = 0; i < bus->carry.count; i++) {
        rd_kafka_message_t *message = bus->carry.at[i];
        if (bus->partitions[message->partition].open && bus->batch_count < SUNDER_BUS_BATCH_MAX) {
            bus->batch[bus->batch_count++] = message;
        } else {
            bus->carry.at[kept++] = message;
        }
    }
    bus->carry.count = kept;
}

static void consumer_error(struct sunder_bus *bus, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        return;
    }
    if (message->err == RD_KAFKA_RESP_ERR__FATAL) {
        bus_client_fatal(
            bus, bus->consumer); /* Some come this way and not to the error callback. */
        return;
    }
    if (message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        message->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) {
        bus_trouble(bus,
            SUNDER_ERR_IO,
            message->err,
            "Kafka does not permit to read: %s",
            rd_kafka_err2str(message->err));
        return;
    }
    sunder_log_write(bus->options.log,
        &(struct sunder_log_line){SUNDER_LOG_WARNING, message->partition, "kafka_consumer", NULL},
        "%s",
        rd_kafka_message_errstr(message));
}

/* A transaction right after another one waits for the markers of that one, 1 to 2 ms, in which its request is refused and
 * repeated. That long records may still join this batch, unless it is full. */
static void take_ready(struct sunder_bus *bus, int wait_ms)
{
    rd_kafka_message_t **batch = bus->batch;
    uint32_t count = pop_ready(bus, batch, SUNDER_BUS_BATCH_MAX);
    if (bus->committed && count < SUNDER_BUS_BATCH_MAX) {
        struct timespec markers = {.tv_nsec = MARKERS_NS};
        (void)nanosleep(&markers, NULL);
        count += pop_ready(bus, batch + count, SUNDER_BUS_BATCH_MAX - count);
    }
    bus->committed = false;
    if (count == 0 && wait_ms > 0 &&
        (batch[0] = rd_kafka_consume_queue(bus->ready, wait_ms)) != NULL) {
        count = 1 + pop_ready(bus, batch + 1, SUNDER_BUS_BATCH_MAX - 1);
    }
    for (uint32_t i = 0; i < count; i++) {
        rd_kafka_message_t *message = batch[i];
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            consumer_error(bus, message);
            rd_kafka_message_destroy(message);
        } else if (!owns(bus, message->partition)) {
            rd_kafka_message_destroy(message);
        } else if (!bus->partitions[message->partition].open) {
            carry_add(bus, message);
        } else {
            bus->batch[bus->batch_count++] = message;
        }
    }
}

static void serve(struct sunder_bus *bus)
{
    (void)rd_kafka_poll(bus->fast != NULL ? bus->fast : bus->txn, 0);
    rd_kafka_message_t *message =
        rd_kafka_consumer_poll(bus->consumer, 0); /* Rebalances and errors. */
    if (message != NULL) {
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            consumer_error(bus, message);
            rd_kafka_message_destroy(message);
        } else if (owns(bus, message->partition)) {
            carry_add(
                bus, message); /* Cannot be: every queue is forwarded. But no record may be lost. */
        } else {
            rd_kafka_message_destroy(message);
        }
    }
    bus_worker_answers(bus);
}

/* In two turns: what is owned goes away in order first, through the callback. A static member leaves too when it says so itself;
 * only its end is not a leave. */
static void serve_rejoin(struct sunder_bus *bus)
{
    enum bus_rejoin rejoin =
        (enum bus_rejoin)atomic_load_explicit(&bus->rejoin, memory_order_relaxed);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    struct sunder_fail fail = {0};
    if (rejoin == BUS_REJOIN_LEAVE) {
        code = rd_kafka_unsubscribe(bus->consumer);
        atomic_store_explicit(&bus->rejoin, BUS_REJOIN_JOIN, memory_order_relaxed);
    } else if (rejoin == BUS_REJOIN_JOIN) {
        for (uint32_t i = 0; i < bus->counts[SUNDER_BUS_INTENTS]; i++) {
            if (bus->partitions[i].owned) {
                return;
            }
        }
        atomic_store_explicit(&bus->rejoin, BUS_REJOIN_NOT, memory_order_relaxed);
        if (bus_subscribe(bus, &fail) != SUNDER_OK) {
            bus_trouble(bus, fail.code, fail.vendor, "%s", fail.text);
        }
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        bus_trouble(bus, SUNDER_ERR_IO, code, "leaving the group: %s", rd_kafka_err2str(code));
    }
}

enum sunder_err sunder_bus_poll(struct sunder_bus *bus,
    int wait_ms,
    const struct sunder_bus_record **ret_records,
    uint32_t *ret_count,
    struct sunder_fail *reterr_fail)
{
    SUNDER_MUST(!bus->in_batch);
    bus_batch_clear(bus);
    serve(bus);
    serve_rejoin(bus);
    int trouble = atomic_load_explicit(&bus->trouble, memory_order_acquire);
    if (trouble != SUNDER_OK) {
        *reterr_fail = bus->trouble_fail;
        return (enum sunder_err)trouble;
    }
    enum sunder_err err = bus->fast != NULL ? sunder_bus_push_in_turn(bus, reterr_fail) : SUNDER_OK;
    if (err != SUNDER_OK) {
        return err;
    }
    if (bus->carry.count > 0) {
        take_carry(bus);
    }
    if (bus->batch_count == 0) {
        take_ready(bus, wait_ms);
    }
    uint32_t used = 0;
    for (uint32_t i = 0; i < bus->batch_count; i++) {
        fill_record(bus->batch[i], &bus->records[i]);
        fill_headers(bus, bus->batch[i], &used, &bus->records[i]);
        if (used > BUS_HEADERS_MAX - BUS_HEADERS_PER_RECORD) {
            sunder_bus_repeat(bus, i + 1); /* The others come with the next poll. */
            break;
        }
    }
    *ret_records = bus->records;
    *ret_count = bus->batch_count;
    return SUNDER_OK;
}

void sunder_bus_repeat(struct sunder_bus *bus, uint32_t from)
{
    if (from >= bus->batch_count) {
        return;
    }
    uint32_t count = bus->batch_count - from;
    size_t before = bus->carry.count;
    for (uint32_t i = from; i < bus->batch_count; i++) {
        carry_add(bus, bus->batch[i]);
    }
    memmove(bus->carry.at + count, bus->carry.at, before * sizeof *bus->carry.at);
    memcpy(bus->carry.at, bus->batch + from, count * sizeof *bus->carry.at);
    bus->batch_count = from;
}

enum sunder_err sunder_bus_tail_start(
    struct sunder_bus *bus, int32_t partition, int64_t offset, struct sunder_fail *reterr_fail)
{
    SUNDER_MUST(owns(bus, partition) && !bus->partitions[partition].tailing);
    if (rd_kafka_consume_start_queue(bus->reader_topic, partition, offset, bus->tail) != 0) {
        rd_kafka_resp_err_t code = rd_kafka_last_error();
        return bus_fail(reterr_fail,
            SUNDER_ERR_IO,
            code,
            "cannot read the decisions: %s",
            rd_kafka_err2str(code));
    }
    bus->partitions[partition].tailing = true;
    return SUNDER_OK;
}

void sunder_bus_tail_stop(struct sunder_bus *bus, int32_t partition)
{
    if (bus->partitions[partition].tailing) {
        (void)rd_kafka_consume_stop(bus->reader_topic, partition);
        bus->partitions[partition].tailing = false;
    }
}

enum sunder_err sunder_bus_tail_poll(struct sunder_bus *bus,
    int wait_ms,
    const struct sunder_bus_record **ret_records,
    uint32_t *ret_count,
    struct sunder_fail *reterr_fail)
{
    bus_tail_clear(bus);
    (void)rd_kafka_poll(bus->reader, 0);
    ssize_t count =
        rd_kafka_consume_batch_queue(bus->tail, 0, bus->tail_batch, SUNDER_BUS_BATCH_MAX);
    if (count <= 0 && wait_ms > 0) {
        bus->tail_batch[0] = rd_kafka_consume_queue(bus->tail, wait_ms);
        count = bus->tail_batch[0] == NULL ? 0 : 1;
    }
    uint32_t given = 0;
    bus->tail_count = count > 0 ? (uint32_t)count : 0;
    for (uint32_t i = 0; i < bus->tail_count; i++) {
        rd_kafka_message_t *message = bus->tail_batch[i];
        bool end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && !end) {
            return bus_fail(reterr_fail,
                SUNDER_ERR_IO,
                message->err,
                "reading the decisions of partition %d: %s",
                (int)message->partition,
                rd_kafka_message_errstr(message));
        }
        if (!bus->partitions[message->partition].tailing) {
            continue;
        }
        fill_record(message, &bus->tail_records[given]);
        if (end) {
            bus->tail_records[given].in.value = (struct sunder_str){0};
        } else if (message->payload == NULL) {
            bus->tail_records[given].in.value =
                SUNDER_STR(""); /* A tombstone is no end; it will not decode. */
        }
        given++;
    }
    *ret_records = bus->tail_records;
    *ret_count = given;
    return SUNDER_OK;
}
