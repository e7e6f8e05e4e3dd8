/* The demo's broker (librdkafka's mock cluster) and its engine: one thread that reads the partitions of the intents topic,
 * drives one partition object for each, and publishes what comes out. A node does the same with a group, restore and
 * checkpoints (consumers/node), which the mock broker does not offer: it keeps no offsets of a group, and lets a first
 * join wait 3 s. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "consumers/partition.h"
#include "ops/cli/client_kafka.h"
#include "ops/cli/demo.h"

#define PARTITIONS 4 /* What the mock gives to a new topic. */
#define FLUSH_MS 2000
#define METADATA_MS 5000

enum topic {
    INTENTS,
    DECISIONS,
    REVOCATIONS,
    DEAD_LETTERS,
    TOPIC_COUNT
};

static const char *const TOPICS[TOPIC_COUNT] = {
    "sunder.intents", "sunder.decisions", "sunder.revocations", "sunder.dead-letters"};

struct sunder_demo_cluster {
    rd_kafka_t *host; /* Only a home for the mock. */
    rd_kafka_mock_cluster_t *mock;
    rd_kafka_t *consumer;
    rd_kafka_t *producer;
    rd_kafka_topic_t *topics[TOPIC_COUNT]; /* Of the producer. */
    rd_kafka_topic_t *source;              /* The intents, of the consumer. */
    struct sunder_partition *partitions[PARTITIONS];
    pthread_t thread;
    bool running;
    atomic_bool stop;
    atomic_bool failed;
    struct sunder_fail fail; /* Written before `failed`. */
    int32_t current;         /* Partition of the step under way. */
};

static enum sunder_err publish(struct sunder_demo_cluster *cluster,
    enum topic topic,
    int32_t partition,
    struct sunder_str key,
    struct sunder_str value)
{
    for (;;) {
        rd_kafka_resp_err_t err = rd_kafka_producev(cluster->producer,
            RD_KAFKA_V_RKT(cluster->topics[topic]),
            RD_KAFKA_V_PARTITION(partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY((void *)(uintptr_t)key.at, key.len),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)value.at, value.len),
            RD_KAFKA_V_END);
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            return err == RD_KAFKA_RESP_ERR_NO_ERROR ? SUNDER_OK : SUNDER_ERR_IO;
        }
        rd_kafka_poll(cluster->producer, 10);
    }
}

static enum sunder_err on_record(
    void *ctx, const struct sunder_decision *decision, struct sunder_str bytes)
{
    struct sunder_demo_cluster *cluster = ctx;
    return publish(cluster, DECISIONS, cluster->current, decision->tenant, bytes);
}

static enum sunder_err on_revocation(void *ctx, struct sunder_str key, struct sunder_str value)
{
    return publish(ctx, REVOCATIONS, RD_KAFKA_PARTITION_UA, key, value);
}

static enum sunder_err on_dead_letter(
    void *ctx, const struct sunder_record_in *in, const struct sunder_partition_dead_letter *letter)
{
    (void)in;
    return publish(ctx, DEAD_LETTERS, RD_KAFKA_PARTITION_UA, letter->code, letter->bytes);
}

/* The record as it came, headers too, and where it came from. */
static enum sunder_err on_forward(void *ctx, const struct sunder_record_in *in, int32_t to)
{
    struct sunder_demo_cluster *cluster = ctx;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(in->header_count + 1);
    for (uint32_t i = 0; i < in->header_count; i++) {
        const struct sunder_wire_header *it = &in->headers[i];
        rd_kafka_header_add(headers, it->name.at, it->name.len, it->value.at, it->value.len);
    }
    char origin[96];
    int len = snprintf(origin,
        sizeof(origin),
        "%s/%" PRId32 "/%" PRId64,
        TOPICS[INTENTS],
        cluster->current,
        in->offset);
    rd_kafka_header_add(headers, "sunder-origin", -1, origin, len);
    rd_kafka_resp_err_t err = rd_kafka_producev(cluster->producer,
        RD_KAFKA_V_RKT(cluster->topics[INTENTS]),
        RD_KAFKA_V_PARTITION(to),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)in->value.at, in->value.len),
        RD_KAFKA_V_END);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_headers_destroy(headers); /* Taken on success only. */
        return SUNDER_ERR_IO;
    }
    return SUNDER_OK;
}

static enum sunder_err judge(struct sunder_demo_cluster *cluster, const rd_kafka_message_t *message)
{
    struct sunder_wire_header headers[SUNDER_KAFKA_HEADERS_MAX];
    rd_kafka_timestamp_type_t type;
    struct sunder_record_in in = {
        .value = {message->payload, (uint32_t)message->len},
        .headers = headers,
        .header_count = sunder_kafka_headers(message, headers),
        .offset = message->offset,
        .timestamp_ms = rd_kafka_message_timestamp(message, &type),
    };
    const struct sunder_partition_sink sink = {.ctx = cluster,
        .record = on_record,
        .revocation = on_revocation,
        .forward = on_forward,
        .dead_letter = on_dead_letter};
    cluster->current = message->partition;
    return sunder_partition_step(
        cluster->partitions[message->partition], &in, &sink, &cluster->fail);
}

static void *engine_run(void *ctx)
{
    struct sunder_demo_cluster *cluster = ctx;
    while (!atomic_load(&cluster->stop)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(cluster->consumer, 20);
        enum sunder_err err = SUNDER_OK;
        if (message != NULL && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            err = judge(cluster, message);
        }
        if (message != NULL) {
            rd_kafka_message_destroy(message);
        }
        rd_kafka_poll(cluster->producer, 0);
        if (err != SUNDER_OK) {
            atomic_store(&cluster->failed, true);
            break;
        }
    }
    return NULL;
}

/* Asks for the topic, which makes it: the mock creates what it does not know, with PARTITIONS partitions. And from then on
 * the client knows its leaders, which it would else ask for once a second. */
static enum sunder_exit topic_look(
    rd_kafka_t *client, const char *name, rd_kafka_topic_t **ret_topic)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    if (topic == NULL) {
        return sunder_kafka_complain(rd_kafka_last_error(), name, NULL);
    }
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t err = rd_kafka_metadata(client, 0, topic, &metadata, METADATA_MS);
    int partitions = 0;
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = metadata->topics[0].err;
        partitions = metadata->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(metadata);
    }
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR || partitions != PARTITIONS) {
        rd_kafka_topic_destroy(topic);
        return sunder_kafka_complain(err, name, NULL);
    }
    *ret_topic = topic;
    return SUNDER_EXIT_OK;
}

static enum sunder_exit topics_look(struct sunder_demo_cluster *cluster)
{
    enum sunder_exit code = SUNDER_EXIT_OK;
    for (int i = 0; i < TOPIC_COUNT && code == SUNDER_EXIT_OK; i++) {
        code = topic_look(cluster->producer, TOPICS[i], &cluster->topics[i]);
    }
    return code == SUNDER_EXIT_OK ? topic_look(cluster->consumer, TOPICS[INTENTS], &cluster->source)
                                  : code;
}

static enum sunder_exit clients_start(struct sunder_demo_cluster *cluster)
{
    static const char *const CONSUMER[] = {"group.id",
        "sunder-demo",
        "enable.auto.commit",
        "false",
        "fetch.wait.max.ms",
        "5",
        "auto.offset.reset",
        "earliest",
        NULL};
    static const char *const PRODUCER[] = {"enable.idempotence", "true", "linger.ms", "0", NULL};
    struct sunder_kafka_to to = {.brokers = sunder_demo_cluster_brokers(cluster)};
    enum sunder_exit code =
        sunder_kafka_client_create(&to, true, CONSUMER, rd_kafka_conf_new(), &cluster->consumer);
    if (code == SUNDER_EXIT_OK) {
        code = sunder_kafka_client_create(
            &to, false, PRODUCER, rd_kafka_conf_new(), &cluster->producer);
    }
    code = code == SUNDER_EXIT_OK ? topics_look(cluster) : code;
    if (code != SUNDER_EXIT_OK) {
        return code;
    }
    rd_kafka_poll_set_consumer(cluster->consumer);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        rd_kafka_topic_partition_list_add(list, TOPICS[INTENTS], i)->offset = 0;
    }
    rd_kafka_resp_err_t err = rd_kafka_assign(cluster->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ? code
                                             : sunder_kafka_complain(err, TOPICS[INTENTS], NULL);
}

static enum sunder_exit partitions_open(
    struct sunder_demo_cluster *cluster, const struct sunder_policy *policy)
{
    for (int32_t i = 0; i < PARTITIONS; i++) {
        struct sunder_partition_options options = {.policy = policy,
            .topic = sunder_str_of(TOPICS[INTENTS]),
            .partition = i,
            .partition_count = PARTITIONS};
        struct sunder_fail fail;
        if (sunder_partition_open(&options, &cluster->partitions[i], &fail) != SUNDER_OK) {
            sunder_cli_complain("demo: %s", fail.text);
            return SUNDER_EXIT_FAILED;
        }
    }
    return SUNDER_EXIT_OK;
}

static enum sunder_exit mock_start(struct sunder_demo_cluster *cluster)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL); /* It would warn that it has no broker. */
    cluster->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (cluster->host == NULL) {
        rd_kafka_conf_destroy(conf);
        sunder_cli_complain("demo: %s", why);
        return SUNDER_EXIT_FAILED;
    }
    cluster->mock = rd_kafka_mock_cluster_new(cluster->host, 1);
    if (cluster->mock == NULL) {
        sunder_cli_complain("demo: the broker does not start");
        return SUNDER_EXIT_FAILED;
    }
    return SUNDER_EXIT_OK;
}

enum sunder_exit sunder_demo_cluster_start(
    const struct sunder_policy *policy, struct sunder_demo_cluster **ret_cluster)
{
    struct sunder_demo_cluster *cluster = calloc(1, sizeof(*cluster));
    if (cluster == NULL) {
        return SUNDER_EXIT_FAILED;
    }
    enum sunder_exit code = mock_start(cluster);
    code = code == SUNDER_EXIT_OK ? partitions_open(cluster, policy) : code;
    code = code == SUNDER_EXIT_OK ? clients_start(cluster) : code;
    if (code == SUNDER_EXIT_OK) {
        cluster->running = pthread_create(&cluster->thread, NULL, engine_run, cluster) == 0;
        code = cluster->running ? code : SUNDER_EXIT_FAILED;
    }
    if (code != SUNDER_EXIT_OK) {
        sunder_demo_cluster_stop(&cluster);
        return code;
    }
    *ret_cluster = cluster;
    return SUNDER_EXIT_OK;
}

const char *sunder_demo_cluster_brokers(const struct sunder_demo_cluster *cluster)
{
    return rd_kafka_mock_cluster_bootstraps(cluster->mock);
}

const char *sunder_demo_cluster_failure(struct sunder_demo_cluster *cluster)
{
    return atomic_load(&cluster->failed) ? cluster->fail.text : NULL;
}

void sunder_demo_cluster_stop(struct sunder_demo_cluster **cluster)
{
    if (cluster == NULL || *cluster == NULL) {
        return;
    }
    struct sunder_demo_cluster *it = *cluster;
    atomic_store(&it->stop, true);
    if (it->running) {
        pthread_join(it->thread, NULL);
    }
    if (it->source != NULL) {
        rd_kafka_topic_destroy(it->source);
    }
    if (it->consumer != NULL) {
        rd_kafka_destroy_flags(it->consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
    if (it->producer != NULL) {
        (void)rd_kafka_flush(it->producer, FLUSH_MS);
        for (int i = 0; i < TOPIC_COUNT; i++) {
            if (it->topics[i] != NULL) {
                rd_kafka_topic_destroy(it->topics[i]);
            }
        }
        rd_kafka_destroy(it->producer);
    }
    for (int i = 0; i < PARTITIONS; i++) {
        sunder_partition_destroy(&it->partitions[i], true);
    }
    if (it->mock != NULL) {
        rd_kafka_mock_cluster_destroy(it->mock);
    }
    if (it->host != NULL) {
        rd_kafka_destroy(it->host);
    }
    free(it);
    *cluster = NULL;
}
