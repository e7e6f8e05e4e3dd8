/* The Kafka bus: opening and ending it. What it does in between is in bus_consume_kafka.c (group and records),
 * bus_produce_kafka.c, bus_txn_kafka.c (transactions and their errors) and bus_worker_kafka.c (take-over, checkpoints). */
#include "consumers/bus.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/bus_kafka.h"
#include "consumers/clock.h"
#include "engine/base/must.h"

#define DESTROY_MENDED_VERSION 0x02030000

/* What the library will use of a property, ours and the operator's together. */
static int64_t effective(rd_kafka_t *client, const char *name, int64_t otherwise)
{
    char text[64];
    size_t size = sizeof text;
    if (rd_kafka_conf_get(rd_kafka_conf(client), name, text, &size) != RD_KAFKA_CONF_OK) {
        return otherwise;
    }
    long long value = strtoll(text, NULL, 10);
    return value > 0 ? value : otherwise;
}

static enum sunder_err allocate(struct sunder_bus *bus, struct sunder_fail *reterr_fail)
{
    bus->partitions = calloc(bus->counts[SUNDER_BUS_INTENTS], sizeof *bus->partitions);
    bus->batch = calloc(SUNDER_BUS_BATCH_MAX, sizeof(rd_kafka_message_t *));
    bus->tail_batch = calloc(SUNDER_BUS_BATCH_MAX, sizeof(rd_kafka_message_t *));
    bus->records = calloc(SUNDER_BUS_BATCH_MAX, sizeof *bus->records);
    bus->tail_records = calloc(SUNDER_BUS_BATCH_MAX, sizeof *bus->tail_records);
    bus->headers = calloc(BUS_HEADERS_MAX, sizeof *bus->headers);
    if (bus->partitions == NULL || bus->batch == NULL || bus->tail_batch == NULL ||
        bus->records == NULL || bus->tail_records == NULL || bus->headers == NULL) {
        return bus_fail(reterr_fail,
            SUNDER_ERR_FULL,
            0,
            "no memory for %u partitions",
            bus->counts[SUNDER_BUS_INTENTS]);
    }
    return bus_stage_create(bus, reterr_fail);
}

enum sunder_err bus_subscribe(struct sunder_bus *bus, struct sunder_fail *reterr_fail)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(
        topics, bus->options.topics[SUNDER_BUS_INTENTS], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(bus->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return bus_fail(reterr_fail,
            SUNDER_ERR_IO,
            code,
            "cannot join group %s: %s",
            bus->options.group,
            rd_kafka_err2str(code));
    }
    return SUNDER_OK;
}

static enum sunder_err connect_all(struct sunder_bus *bus, struct sunder_fail *reterr_fail)
{
    enum sunder_err err = bus_client_new(bus, BUS_HELPER, &bus->helper, reterr_fail);
    if (err == SUNDER_OK) {
        err = bus_topics_check(bus, reterr_fail);
    }
    if (err == SUNDER_OK) {
        bus->cluster = rd_kafka_clusterid(bus->helper, BUS_CALL_MS);
        err = allocate(bus, reterr_fail);
    }
    if (err == SUNDER_OK) {
        err = bus_client_new(bus, BUS_READER, &bus->reader, reterr_fail);
    }
    if (err == SUNDER_OK) {
        bus->reader_topic =
            rd_kafka_topic_new(bus->reader, bus->options.topics[SUNDER_BUS_DECISIONS], NULL);
        bus->tail = rd_kafka_queue_new(bus->reader);
        err = bus_txn_open(bus, reterr_fail);
    }
    if (err == SUNDER_OK) {
        err = bus_fence_before(bus, reterr_fail);
    }
    if (err == SUNDER_OK && !bus->options.strict) {
        err = bus_client_new(bus, BUS_FAST, &bus->fast, reterr_fail);
    }
    if (err == SUNDER_OK) {
        err = bus_out_topics(bus, reterr_fail);
    }
    if (err == SUNDER_OK) {
        err = bus_client_new(bus, BUS_CONSUMER, &bus->consumer, reterr_fail);
    }
    if (err != SUNDER_OK) {
        return err;
    }
    bus->ready = rd_kafka_queue_new(bus->consumer);
    bus->session_ms = (int)effective(bus->consumer, "session.timeout.ms", 6000);
    bus->message_bytes_max =
        (size_t)effective(
            bus->options.strict ? bus->txn : bus->fast, "message.max.bytes", 1000000) -
        1024;
    (void)rd_kafka_poll_set_consumer(bus->consumer);
    err = bus_worker_start(bus, reterr_fail);
    return err == SUNDER_OK ? bus_subscribe(bus, reterr_fail) : err;
}

enum sunder_err sunder_bus_open(const struct sunder_bus_options *options,
    struct sunder_bus **ret_bus,
    struct sunder_fail *reterr_fail)
{
    struct sunder_bus *bus = calloc(1, sizeof *bus);
    if (bus == NULL) {
        return bus_fail(reterr_fail, SUNDER_ERR_FULL, 0, "no memory");
    }
    bus->options = *options;
    bus_txn_id(bus, options->run, bus->transactional_id);
    (void)snprintf(bus->member, sizeof bus->member, "%.32s", options->node);
    atomic_flag_clear(&bus->trouble_taken);
    (void)pthread_mutex_init(&bus->lock, NULL);
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&bus->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);

    enum sunder_err err = connect_all(bus, reterr_fail);
    if (err != SUNDER_OK) {
        sunder_bus_destroy(&bus);
        return err;
    }
    *ret_bus = bus;
    return SUNDER_OK;
}

int64_t bus_ending_at(struct sunder_bus *bus)
{
    int64_t at_ms = atomic_load_explicit(&bus->ending_at_ms, memory_order_relaxed);
    if (at_ms == 0 && bus->options.stop != NULL && *bus->options.stop != 0) {
        at_ms = sunder_clock_ms();
        atomic_store_explicit(&bus->ending_at_ms, at_ms, memory_order_relaxed);
    }
    return at_ms;
}

int bus_call_ms(struct sunder_bus *bus)
{
    return bus_ending_at(bus) == 0 ? BUS_CALL_MS : BUS_END_CALL_MS;
}

/* Past the deadline, or BUS_END_MS after a supervisor asked for the end, who does not wait for ever. */
bool bus_is_late(struct sunder_bus *bus, int64_t deadline_ms)
{
    int64_t now_ms = sunder_clock_ms();
    int64_t ending_at_ms = bus_ending_at(bus);
    return now_ms > deadline_ms || (ending_at_ms != 0 && now_ms > ending_at_ms + BUS_END_MS);
}

/* Between its join and its first assignment the library aborts the process when the consumer is destroyed (#4312). Then it has left
 * the group, and is given up as it is, and so is what it points to. */
static bool is_destroyable(const struct sunder_bus *bus)
{
    return bus->consumer == NULL || bus->assigned || rd_kafka_version() >= DESTROY_MENDED_VERSION;
}

/* It leaves the group. The worker, which takes its last checkpoint in this, still uses it after that. */
static void close_consumer(struct sunder_bus *bus)
{
    if (bus->consumer == NULL) {
        return;
    }
    bus_batch_clear(bus);
    bus_carry_clear(bus);
    /* Closing calls the rebalance callback through this queue; some versions hang in it, hence the deadline. */
    rd_kafka_queue_t *closing = rd_kafka_queue_new(bus->consumer);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(bus->consumer, closing);
    int64_t deadline_ms = sunder_clock_ms() + BUS_END_MS;
    while (error == NULL && !rd_kafka_consumer_closed(bus->consumer) &&
           sunder_clock_ms() < deadline_ms) {
        (void)rd_kafka_queue_poll_callback(closing, 20);
    }
    if (error != NULL) {
        rd_kafka_error_destroy(error);
    }
    rd_kafka_queue_destroy(closing);
    for (uint32_t i = 0; bus->partitions != NULL && i < bus->counts[SUNDER_BUS_INTENTS]; i++) {
        if (bus->partitions[i].queue != NULL) {
            rd_kafka_queue_destroy(bus->partitions[i].queue);
        }
    }
    if (bus->ready != NULL) {
        rd_kafka_queue_destroy(bus->ready);
    }
}

static void destroy_consumer(struct sunder_bus *bus)
{
    if (bus->consumer == NULL) {
        return;
    }
    if (is_destroyable(bus)) {
        rd_kafka_destroy_flags(bus->consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    } else {
        rd_kafka_set_log_level(bus->consumer, 0); /* Who would hear it may be gone. */
    }
}

static void destroy_reader(struct sunder_bus *bus)
{
    bus_tail_clear(bus);
    for (uint32_t i = 0; bus->partitions != NULL && i < bus->counts[SUNDER_BUS_INTENTS]; i++) {
        sunder_bus_tail_stop(bus, (int32_t)i);
    }
    if (bus->tail != NULL) {
        rd_kafka_queue_destroy(bus->tail);
    }
    if (bus->reader_topic != NULL) {
        rd_kafka_topic_destroy(bus->reader_topic);
    }
    if (bus->reader != NULL) {
        rd_kafka_destroy_flags(bus->reader, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
}

void sunder_bus_destroy(struct sunder_bus **bus_at)
{
    struct sunder_bus *bus = *bus_at;
    if (bus == NULL) {
        return;
    }
    if (bus_ending_at(bus) == 0) {
        atomic_store_explicit(&bus->ending_at_ms, sunder_clock_ms(), memory_order_relaxed);
    }
    close_consumer(bus);
    bus->muted = true;
    bus_worker_stop(bus);
    destroy_consumer(bus);
    destroy_reader(bus);
    for (int topic = 0; topic < SUNDER_BUS_TOPIC_COUNT; topic++) {
        if (bus->out_topics[topic] != NULL) {
            rd_kafka_topic_destroy(bus->out_topics[topic]);
            bus->out_topics[topic] = NULL;
        }
    }
    if (bus->fast != NULL) {
        (void)rd_kafka_purge(bus->fast, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_destroy(bus->fast);
    }
    bus_txn_destroy(bus);
    if (bus->cluster != NULL) {
        rd_kafka_mem_free(bus->helper, bus->cluster);
    }
    if (bus->helper != NULL) {
        rd_kafka_destroy_flags(bus->helper, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
    bus_stage_destroy(bus);
    free(bus->partitions);
    free(bus->batch);
    free(bus->tail_batch);
    free(bus->records);
    free(bus->tail_records);
    free(bus->headers);
    (void)pthread_cond_destroy(&bus->changed);
    (void)pthread_mutex_destroy(&bus->lock);
    if (is_destroyable(bus)) {
        free(bus);
    }
    *bus_at = NULL; /* Last: the handler still used it. */
}

uint32_t sunder_bus_partitions(const struct sunder_bus *bus, enum sunder_bus_topic topic)
{
    SUNDER_MUST(topic < SUNDER_BUS_TOPIC_COUNT);
    return bus->counts[topic];
}

struct sunder_str sunder_bus_cluster(const struct sunder_bus *bus)
{
    return sunder_str_of(bus->cluster);
}

int sunder_bus_session_ms(const struct sunder_bus *bus)
{
    return bus->session_ms;
}
