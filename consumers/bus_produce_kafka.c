/* Sending: by topic handles made at the start (the first record to a topic by name is up to a second late), to partitions that
 * the caller names. */
#include "consumers/bus_kafka.h"

#include <librdkafka/rdkafka.h>
#include <string.h>

#include "consumers/clock.h"
#include "engine/base/must.h"

#define SEND_HEADERS_MAX (BUS_HEADERS_PER_RECORD + 8)
#define SEND_WAIT_MS 30000 /* As message.timeout.ms: by then the queue has emptied or failed. */

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

static rd_kafka_resp_err_t produce(struct sunder_bus *bus, const struct sunder_bus_message *message)
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
        (void *)(uintptr_t)message->value.at; /* Copied; the library's type lacks a const. */
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

static size_t message_size(const struct sunder_bus_message *message)
{
    size_t size = (size_t)message->key.len + message->value.len;
    for (uint32_t i = 0; i < message->header_count; i++) {
        size += (size_t)message->headers[i].name.len + message->headers[i].value.len + 10;
    }
    return size;
}

enum sunder_err sunder_bus_send(struct sunder_bus *bus,
    const struct sunder_bus_message *message,
    struct sunder_fail *reterr_fail)
{
    SUNDER_MUST(message->topic < SUNDER_BUS_TOPIC_COUNT);
    SUNDER_MUST(message->header_count <= SEND_HEADERS_MAX);
    SUNDER_MUST(bus->fast != NULL || bus->in_batch);
    size_t size = message_size(message);
    if (size > bus->message_bytes_max) {
        return bus_fail(reterr_fail,
            SUNDER_ERR_INVALID,
            RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
            "a message of %zu bytes for %s is over message.max.bytes",
            size,
            bus->options.topics[message->topic]);
    }
    int64_t deadline_ms = 0;
    for (;;) {
        rd_kafka_resp_err_t code = produce(bus, message);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return SUNDER_OK;
        }
        int64_t now_ms = sunder_clock_ms();
        deadline_ms = deadline_ms == 0 ? now_ms + SEND_WAIT_MS : deadline_ms;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || now_ms > deadline_ms) {
            return bus_fail(reterr_fail,
                code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? SUNDER_ERR_INVALID : SUNDER_ERR_IO,
                code,
                "cannot send to %s: %s",
                bus->options.topics[message->topic],
                rd_kafka_err2str(code));
        }
        (void)rd_kafka_poll(sender(bus), 10);
    }
}

enum sunder_err sunder_bus_flush(struct sunder_bus *bus, int wait_ms)
{
    return rd_kafka_flush(sender(bus), wait_ms) == RD_KAFKA_RESP_ERR_NO_ERROR ? SUNDER_OK
                                                                              : SUNDER_ERR_RETRY;
}
