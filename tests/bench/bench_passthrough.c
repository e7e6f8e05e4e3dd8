/* The least program that a node can be compared with: it consumes every record of a topic, writes one record of a given size per
 * record to another topic, same partition, and keeps its position, with the guarantees of one delivery mode.
 *
 * usage: bench_passthrough BROKERS IN OUT COUNT SIZE fast|strict
 *   fast    idempotent producer, all acknowledgements awaited; positions in a transaction of a second producer every 200 ms
 *   strict  records and positions in transactions of up to 4096 records, back to back
 * Ends when COUNT records were read and everything is acknowledged; prints one line of JSON. */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define BATCH 4096
#define PARTITIONS_MAX 64
#define CALL_MS 30000
#define CHECKPOINT_MS 200

struct bench {
    rd_kafka_t *consumer;
    rd_kafka_t *producer;
    rd_kafka_t *txn;
    rd_kafka_topic_t *out;
    const char *in_name;
    char *value;
    size_t size;
    bool strict;
    int64_t next[PARTITIONS_MAX];
    unsigned long acknowledged;
    unsigned long failed;
};

static double seconds(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static _Noreturn void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench_passthrough: %s: %s\n", what, why);
    exit(1);
}

static void check(rd_kafka_error_t *error, const char *what)
{
    if (error != NULL) {
        die(what, rd_kafka_error_string(error));
    }
}

static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct bench *bench = opaque;
    bench->acknowledged++;
    bench->failed += message->err != RD_KAFKA_RESP_ERR_NO_ERROR ? 1 : 0;
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *const *pairs, struct bench *bench)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[200];
    for (; pairs[0] != NULL; pairs += 2) {
        if (rd_kafka_conf_set(conf, pairs[0], pairs[1], text, sizeof text) != RD_KAFKA_CONF_OK) {
            die(pairs[0], text);
        }
    }
    rd_kafka_conf_set_opaque(conf, bench);
    if (type == RD_KAFKA_PRODUCER) {
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    }
    rd_kafka_t *made = rd_kafka_new(type, conf, text, sizeof text);
    if (made == NULL) {
        die("client", text);
    }
    return made;
}

static void open_clients(
    struct bench *bench, const char *brokers, const char *group, const char *out_name)
{
    /* The same properties as the node has, where they matter. */
    const char *consumer[] = {"bootstrap.servers",
        brokers,
        "group.id",
        group,
        "enable.auto.commit",
        "false",
        "enable.auto.offset.store",
        "false",
        "isolation.level",
        "read_committed",
        "auto.offset.reset",
        "earliest",
        "fetch.wait.max.ms",
        "100",
        "queued.min.messages",
        "20000",
        "queued.max.messages.kbytes",
        "16384",
        "check.crcs",
        "true",
        "socket.nagle.disable",
        "true",
        NULL};
    const char *fast[] = {"bootstrap.servers",
        brokers,
        "enable.idempotence",
        "true",
        "linger.ms",
        "1",
        "queue.buffering.max.messages",
        "200000",
        "socket.nagle.disable",
        "true",
        NULL};
    const char *txn[] = {"bootstrap.servers",
        brokers,
        "transactional.id",
        group,
        "linger.ms",
        "5",
        "retry.backoff.ms",
        "1",
        "queue.buffering.max.messages",
        "200000",
        "socket.nagle.disable",
        "true",
        NULL};
    bench->consumer = client(RD_KAFKA_CONSUMER, consumer, bench);
    bench->txn = client(RD_KAFKA_PRODUCER, txn, bench);
    bench->producer = bench->strict ? bench->txn : client(RD_KAFKA_PRODUCER, fast, bench);
    check(rd_kafka_init_transactions(bench->txn, CALL_MS), "init_transactions");
    bench->out = rd_kafka_topic_new(bench->producer, out_name, NULL);
    (void)rd_kafka_poll_set_consumer(bench->consumer);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, bench->in_name, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(bench->consumer, topics);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        die("subscribe", rd_kafka_err2str(code));
    }
    rd_kafka_topic_partition_list_destroy(topics);
}

static void begin(struct bench *bench)
{
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(4);
    for (int i = 0; i < PARTITIONS_MAX; i++) {
        if (bench->next[i] > 0) {
            rd_kafka_topic_partition_list_add(offsets, bench->in_name, i)->offset = bench->next[i];
        }
    }
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(bench->consumer);
    check(rd_kafka_begin_transaction(bench->txn), "begin");
    check(
        rd_kafka_send_offsets_to_transaction(bench->txn, offsets, group, CALL_MS), "send_offsets");
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(offsets);
}

static void write_one(struct bench *bench, const rd_kafka_message_t *message)
{
    while (rd_kafka_produce(bench->out,
               message->partition,
               RD_KAFKA_MSG_F_COPY,
               bench->value,
               bench->size,
               message->key,
               message->key_len,
               NULL) != 0) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            die("produce", rd_kafka_err2str(rd_kafka_last_error()));
        }
        (void)rd_kafka_poll(bench->producer, 10);
    }
}

static unsigned long pass(struct bench *bench, rd_kafka_queue_t *queue, rd_kafka_message_t **batch)
{
    rd_kafka_message_t *first = rd_kafka_consumer_poll(bench->consumer, 20);
    if (first == NULL) {
        return 0;
    }
    batch[0] = first;
    unsigned count = 1;
    /* One by one, as a node must: the call for many loses records when a rebalance begins. */
    while (count < BATCH && (batch[count] = rd_kafka_consume_queue(queue, 0)) != NULL) {
        count++;
    }
    unsigned long passed = 0;
    for (unsigned i = 0; i < count; i++) {
        if (batch[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR && batch[i]->partition < PARTITIONS_MAX) {
            bench->next[batch[i]->partition] = batch[i]->offset + 1;
        }
    }
    if (bench->strict) {
        begin(bench);
    }
    for (unsigned i = 0; i < count; i++) {
        if (batch[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            write_one(bench, batch[i]);
            passed++;
        }
        rd_kafka_message_destroy(batch[i]);
    }
    if (bench->strict) {
        check(rd_kafka_commit_transaction(bench->txn, CALL_MS), "commit");
    }
    return passed;
}

static unsigned long run(struct bench *bench, unsigned long wanted, double *ret_first)
{
    static rd_kafka_message_t *batch[BATCH];
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(bench->consumer);
    unsigned long passed = 0;
    double checkpoint = 0;
    while (passed < wanted) {
        (void)rd_kafka_poll(bench->producer, 0);
        unsigned long some = pass(bench, queue, batch);
        double now = seconds(CLOCK_MONOTONIC);
        if (passed == 0 && some > 0) {
            *ret_first = now;
        }
        passed += some;
        if (!bench->strict && passed > 0 && now - checkpoint > CHECKPOINT_MS / 1e3) {
            checkpoint = now;
            begin(bench);
            check(rd_kafka_commit_transaction(bench->txn, CALL_MS), "commit");
        }
    }
    (void)rd_kafka_flush(bench->producer, CALL_MS);
    rd_kafka_queue_destroy(queue);
    return passed;
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        (void)fprintf(stderr, "usage: bench_passthrough BROKERS IN OUT COUNT SIZE fast|strict\n");
        return 2;
    }
    struct bench bench = {.in_name = argv[2], .strict = strcmp(argv[6], "strict") == 0};
    unsigned long wanted = strtoul(argv[4], NULL, 10);
    bench.size = strtoul(argv[5], NULL, 10);
    bench.value = malloc(bench.size + 1);
    if (bench.value == NULL || wanted == 0) {
        die("arguments", "COUNT and SIZE are numbers");
    }
    memset(bench.value, 'x', bench.size);
    char group[128];
    (void)snprintf(group, sizeof group, "pass-%s-%lld", argv[3], (long long)time(NULL));
    open_clients(&bench, argv[1], group, argv[3]);

    double first = 0;
    unsigned long passed = run(&bench, wanted, &first);

    double took = seconds(CLOCK_MONOTONIC) - first;
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("{\"bench\":\"passthrough\",\"delivery\":\"%s\",\"records\":%lu,\"bytes\":%zu,"
                 "\"failed\":%lu,"
                 "\"records_per_s\":%.0f,\"cpu_s_per_million\":%.3f,\"rss_mib\":%ld}\n",
        argv[6],
        passed,
        bench.size,
        bench.failed,
        (double)passed / took,
        seconds(CLOCK_PROCESS_CPUTIME_ID) * 1e6 / (double)passed,
        usage.ru_maxrss / 1024);
    return bench.failed == 0 ? 0 : 1;
}
