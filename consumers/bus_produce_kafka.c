/* Sending: by topic handles made at the start (the first record to a topic by name is up to a second late), to partitions that
 * the caller names. */
#include "consumers/bus_kafka.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/clock.h"
#include "engine/base/must.h"

#define SEND_HEADERS_MAX (BUS_HEADERS_PER_RECORD + 8)
#define SEND_WAIT_MS 30000 /* By then the queue of a client that works has emptied. */

static rd_kafka_t *sender(const struct sunder_bus *bus)
{
    return bus->fast != NULL ? bus->fast : bus->txn;
}

enum sunder_err bus_out_topics(struct sunder_bus *bus, struct sunder_fail *reterr_fail)
{
    for (int topic = 0; topic < SUNDER_BUS_TOPIC_COUNT; topic++) {
        bus->out_topics[topic] = rd_kafka_topic_new(sender(bus), bus->options.topics[topic], NULL);
        if (bus->out_topics[topic] == NULL) {
            rd_kafka_resp_err_t code = rd_kafka_last_error();
            return bus_fail(reterr_fail,
                SUNDER_ERR_INVALID,
                code,
                "topic %s: %s",
                bus->options.topics[topic],
                rd_kafka_err2str(code));
        }
    }
    return SUNDER_OK;
}

static enum sunder_err delivery_error(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return SUNDER_OK;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return SUNDER_ERR_INVALID;
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
        return SUNDER_ERR_RETRY;
    default:
        return SUNDER_ERR_IO;
    }
}

void bus_delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    (void)producer;
    struct sunder_bus *bus = opaque;
    if (bus->muted) {
        return;
    }
    enum sunder_err err = delivery_error(message->err);
    bus->unacknowledged--;
    if (err != SUNDER_OK && err != SUNDER_ERR_RETRY) {
        bus->refused = bus->refused || err == SUNDER_ERR_INVALID;
        sunder_log_write(bus->options.log,
            &(struct sunder_log_line){
                SUNDER_LOG_WARNING, message->partition, "delivery_failed", NULL},
            "%s: %s",
            rd_kafka_topic_name(message->rkt),
            rd_kafka_err2str(message->err));
    }
    uint64_t token = (uint64_t)(uintptr_t)message->_private;
    if (token != 0) {
        bus->options.handler.delivered(bus->options.handler.ctx, token, err, message->offset);
    } else if (err == SUNDER_ERR_INVALID || err == SUNDER_ERR_IO) {
        bus_trouble(bus,
            SUNDER_ERR_IO,
            message->err,
            "Kafka does not take a message for %s: %s",
            rd_kafka_topic_name(message->rkt),
            rd_kafka_err2str(message->err));
    }
}

/* What was sent since the last push; texts lie in `bytes`. A burst wakes the client's thread once and fills its requests,
 * where messages that trickle out of the engine would cost a request each: 7 us more per record. */
struct staged {
    enum sunder_bus_topic topic;
    int32_t partition;
    uint64_t token;
    struct sunder_str key;
    struct sunder_str value;
    const struct sunder_wire_header *headers;
    uint32_t header_count;
    bool pushed;
    bool waits; /* For the next wave. */
};

#define TURN_US 20000               /* A broker this slow gets the next push all the same. */
#define TURN_MESSAGES 2048u         /* About what fills a request to each partition. */
#define FEW_MESSAGES 32u            /* So quickly queued that the client finds all of them. */
#define WAVE_BYTES ((size_t)900000) /* Of one partition: what a request takes, message.max.bytes. */
#define STAGE_BYTES ((size_t)2 << 20)
#define STAGE_MESSAGES 4096u
#define STAGE_HEADERS 16384u

struct bus_stage {
    struct sunder_arena arena;
    uint32_t count;
    uint32_t header_count;
    struct staged messages[STAGE_MESSAGES];
    struct sunder_wire_header headers[STAGE_HEADERS];
};

enum sunder_err bus_stage_create(struct sunder_bus *bus, struct sunder_fail *reterr_fail)
{
    bus->stage = calloc(1, sizeof *bus->stage);
    void *memory = malloc(STAGE_BYTES);
    if (bus->stage == NULL || memory == NULL) {
        free(memory);
        return bus_fail(reterr_fail, SUNDER_ERR_FULL, 0, "no memory for messages");
    }
    bus->stage->arena = sunder_arena_of(memory, STAGE_BYTES);
    return SUNDER_OK;
}

void bus_stage_destroy(struct sunder_bus *bus)
{
    if (bus->stage != NULL) {
        free(bus->stage->arena.memory);
        free(bus->stage);
        bus->stage = NULL;
    }
}

static rd_kafka_resp_err_t produce(struct sunder_bus *bus, const struct staged *message)
{
    rd_kafka_vu_t parts[6 + SEND_HEADERS_MAX];
    size_t count = 0;
    parts[count].vtype = RD_KAFKA_VTYPE_RKT;
    parts[count++].u.rkt = bus->out_topics[message->topic];
    parts[count].vtype = RD_KAFKA_VTYPE_PARTITION;
    parts[count++].u.i32 = message->partition;
    parts[count].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    parts[count++].u.i = RD_KAFKA_MSG_F_COPY;
    parts[count].vtype = RD_KAFKA_VTYPE_VALUE;
    parts[count].u.mem.ptr =
        (void *)(uintptr_t)message->value.at; /* Copied; their type lacks a const. */
    parts[count++].u.mem.size = message->value.len;
    if (message->key.at != NULL) {
        parts[count].vtype = RD_KAFKA_VTYPE_KEY;
        parts[count].u.mem.ptr = (void *)(uintptr_t)message->key.at;
        parts[count++].u.mem.size = message->key.len;
    }
    parts[count].vtype = RD_KAFKA_VTYPE_OPAQUE;
    parts[count++].u.ptr = (void *)(uintptr_t)message->token;
    for (uint32_t i = 0; i < message->header_count; i++) {
        const struct sunder_wire_header *header = &message->headers[i];
        parts[count].vtype = RD_KAFKA_VTYPE_HEADER;
        parts[count].u.header.name = header->name.at;
        parts[count].u.header.val = header->value.at;
        parts[count++].u.header.size = header->value.at == NULL ? 0 : (ssize_t)header->value.len;
    }
    rd_kafka_error_t *error = rd_kafka_produceva(sender(bus), parts, count);
    if (error == NULL) {
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    return code;
}

static enum sunder_err produce_waiting(
    struct sunder_bus *bus, const struct staged *message, struct sunder_fail *reterr_fail)
{
    int64_t deadline_ms = 0;
    for (;;) {
        rd_kafka_resp_err_t code = produce(bus, message);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            bus->unacknowledged++;
            return SUNDER_OK;
        }
        deadline_ms = deadline_ms == 0 ? sunder_clock_ms() + SEND_WAIT_MS : deadline_ms;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || bus_is_late(bus, deadline_ms)) {
            return bus_fail(reterr_fail,
                SUNDER_ERR_IO,
                code,
                "cannot send to %s: %s",
                bus->options.topics[message->topic],
                rd_kafka_err2str(code));
        }
        (void)rd_kafka_poll(sender(bus), 10);
    }
}

static size_t staged_size(const struct staged *message)
{
    size_t size = (size_t)message->key.len + message->value.len + 32;
    for (uint32_t i = 0; i < message->header_count; i++) {
        size += (size_t)message->headers[i].name.len + message->headers[i].value.len + 10;
    }
    return size;
}

/* Pushes of each partition what fills one request; ret_left: more is staged. While a partition has more than five messages on
 * their way, the library's thread spins over whatever else is queued for it: so that the rest stays here.
 * Partition by partition: the first message of each wakes the client, and the others should be there when it looks. */
static enum sunder_err push_wave(
    struct sunder_bus *bus, bool *ret_left, struct sunder_fail *reterr_fail)
{
    struct bus_stage *stage = bus->stage;
    enum sunder_err err = SUNDER_OK;
    *ret_left = false;
    for (uint32_t first = 0; first < stage->count && err == SUNDER_OK; first++) {
        const struct staged *one = &stage->messages[first];
        if (one->pushed || one->waits) {
            continue;
        }
        size_t size = 0;
        for (uint32_t i = first; i < stage->count && err == SUNDER_OK; i++) {
            struct staged *message = &stage->messages[i];
            if (message->pushed || message->topic != one->topic ||
                message->partition != one->partition) {
                continue;
            }
            size += staged_size(message);
            message->waits = size > WAVE_BYTES && i != first;
            if (message->waits) {
                *ret_left = true;
            } else {
                err = produce_waiting(bus, message, reterr_fail);
                message->pushed = true;
            }
        }
    }
    for (uint32_t i = 0; *ret_left && i < stage->count; i++) {
        stage->messages[i].waits = false;
    }
    if (!*ret_left || err != SUNDER_OK) {
        bus_stage_clear(bus); /* After an error the caller gives all of it up. */
    }
    return err;
}

static rd_kafka_resp_err_t flush_waiting(struct sunder_bus *bus)
{
    int64_t deadline_ms = sunder_clock_ms() + SEND_WAIT_MS;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    do {
        code = rd_kafka_flush(sender(bus), BUS_END_CALL_MS);
    } while (code == RD_KAFKA_RESP_ERR__TIMED_OUT && !bus_is_late(bus, deadline_ms));
    return code;
}

enum sunder_err sunder_bus_push(struct sunder_bus *bus, struct sunder_fail *reterr_fail)
{
    for (;;) {
        bool left = false;
        enum sunder_err err = push_wave(bus, &left, reterr_fail);
        if (err != SUNDER_OK || !left) {
            return err;
        }
        rd_kafka_resp_err_t code = flush_waiting(bus);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            bus_stage_clear(bus);
            return bus_fail(reterr_fail,
                SUNDER_ERR_IO,
                code,
                "what was sent is not acknowledged: %s",
                rd_kafka_err2str(code));
        }
    }
}

/* The next push waits for the answers to the one before, as Nagle's algorithm does: one round trip of the broker, during which
 * the next messages gather. */
enum sunder_err sunder_bus_push_in_turn(struct sunder_bus *bus, struct sunder_fail *reterr_fail)
{
    if (bus->stage->count == 0) {
        return SUNDER_OK;
    }
    (void)rd_kafka_poll(sender(bus), 0);
    int64_t now_us = sunder_clock_us();
    if (bus->unacknowledged > 0 && now_us - bus->pushed_us < TURN_US &&
        bus->stage->count < TURN_MESSAGES) {
        return SUNDER_OK;
    }
    bus->pushed_us = now_us;
    bool left = false;
    uint64_t before = bus->unacknowledged;
    enum sunder_err err = push_wave(bus, &left, reterr_fail);
    if (err == SUNDER_OK && bus->unacknowledged - before <= FEW_MESSAGES) {
        /* Nothing to gather: a flush makes the client not linger. It ends with the last answer. */
        (void)rd_kafka_flush(sender(bus), 1);
    }
    return err;
}

void bus_stage_clear(struct sunder_bus *bus)
{
    sunder_arena_reset(&bus->stage->arena);
    bus->stage->count = 0;
    bus->stage->header_count = 0;
}

static size_t message_size(const struct sunder_bus_message *message)
{
    size_t size = (size_t)message->key.len + message->value.len;
    for (uint32_t i = 0; i < message->header_count; i++) {
        size += (size_t)message->headers[i].name.len + message->headers[i].value.len + 10;
    }
    return size;
}

static struct sunder_str stage_text(struct bus_stage *stage, struct sunder_str text)
{
    if (text.at == NULL) {
        return text;
    }
    char *at = sunder_arena_alloc_raw(&stage->arena, (size_t)text.len + 1, 1);
    SUNDER_MUST(at != NULL); /* Its room was looked at before. */
    if (text.len > 0) {
        memcpy(at, text.at, text.len);
    }
    at[text.len] = '\0'; /* Names of headers are C strings to the library. */
    return (struct sunder_str){at, text.len};
}

enum sunder_err sunder_bus_send(struct sunder_bus *bus,
    const struct sunder_bus_message *message,
    struct sunder_fail *reterr_fail)
{
    SUNDER_MUST(message->topic < SUNDER_BUS_TOPIC_COUNT);
    SUNDER_MUST(message->header_count <= SEND_HEADERS_MAX);
    SUNDER_MUST(bus->fast != NULL || bus->in_batch);
    struct bus_stage *stage = bus->stage;
    size_t size = message_size(message);
    if (size > bus->message_bytes_max || size > STAGE_BYTES / 2) {
        return bus_fail(reterr_fail,
            SUNDER_ERR_INVALID,
            RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
            "a message of %zu bytes for %s is over message.max.bytes",
            size,
            bus->options.topics[message->topic]);
    }
    if (stage->count == STAGE_MESSAGES ||
        stage->header_count + message->header_count > STAGE_HEADERS ||
        stage->arena.size - stage->arena.used < size + (size_t)2 * (SEND_HEADERS_MAX + 1)) {
        enum sunder_err err = sunder_bus_push(bus, reterr_fail);
        if (err != SUNDER_OK) {
            return err;
        }
    }
    struct sunder_wire_header *headers = stage->headers + stage->header_count;
    for (uint32_t i = 0; i < message->header_count; i++) {
        headers[i] = (struct sunder_wire_header){stage_text(stage, message->headers[i].name),
            stage_text(stage, message->headers[i].value)};
    }
    stage->header_count += message->header_count;
    stage->messages[stage->count++] = (struct staged){
        .topic = message->topic,
        .partition = message->partition,
        .token = message->token,
        .key = stage_text(stage, message->key),
        .value = stage_text(stage, message->value),
        .headers = headers,
        .header_count = message->header_count,
    };
    return SUNDER_OK;
}

enum sunder_err sunder_bus_flush(struct sunder_bus *bus, int wait_ms)
{
    struct sunder_fail fail = {0};
    if (sunder_bus_push(bus, &fail) != SUNDER_OK) {
        bus_trouble(bus, SUNDER_ERR_IO, fail.vendor, "%s", fail.text);
        return SUNDER_ERR_RETRY;
    }
    return rd_kafka_flush(sender(bus), wait_ms) == RD_KAFKA_RESP_ERR_NO_ERROR ? SUNDER_OK
                                                                              : SUNDER_ERR_RETRY;
}
