/* Latency from the moment an intent should be sent to the moment its decision is read, at a fixed rate (open loop).
 *
 * usage: bench_latency BROKERS INTENTS DECISIONS RATE SECONDS WARMUP_SECONDS read_committed|read_uncommitted
 * Intents of 50 tenants and 2000 agents, about 400 bytes, keyed by the tenant. Prints one line of JSON, times in ms. */
#define _GNU_SOURCE /* memmem */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GRACE_S 10

struct bench {
    rd_kafka_t *producer;
    rd_kafka_topic_t *topic;
    unsigned long count;
    double rate;
    double begin;
    char run[32];
};

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static _Noreturn void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench_latency: %s: %s\n", what, why);
    exit(1);
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *const *pairs)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[200];
    for (; pairs[0] != NULL; pairs += 2) {
        if (rd_kafka_conf_set(conf, pairs[0], pairs[1], text, sizeof text) != RD_KAFKA_CONF_OK) {
            die(pairs[0], text);
        }
    }
    rd_kafka_t *made = rd_kafka_new(type, conf, text, sizeof text);
    if (made == NULL) {
        die("client", text);
    }
    return made;
}

static void send_one(struct bench *bench, unsigned long i)
{
    char value[700];
    char tenant[16];
    unsigned long mixed = i * 2654435761UL >> 7;
    int tenant_len = snprintf(tenant, sizeof tenant, "t%lu", mixed % 50);
    int len = snprintf(value,
        sizeof value,
        "{\"specversion\":\"1.0\",\"id\":\"%s-%lu\",\"source\":\"spiffe://bank.example/agent/%lu\","
        "\"type\":\"dev.sunder.intent.v1\",\"data\":{\"tenant\":\"%s\",\"principal\":\"user:p%lu@"
        "bank.example\","
        "\"task\":\"T-%lu\",\"purpose\":\"pay-invoice\",\"tool\":\"%s\",\"action\":\"%s\","
        "\"object\":\"vendor/V%lu\","
        "\"args\":{\"iban\":\"DE02120300000000202051\",\"text\":\"invoice 4711, second part\"}}}",
        bench->run,
        i,
        mixed % 2000,
        tenant,
        mixed % 400,
        mixed % 5000,
        (mixed & 1) != 0 ? "payments" : "crm",
        (mixed & 1) == 0   ? "read"
        : (mixed & 2) != 0 ? "submit"
                           : "approve",
        mixed % 10007);
    while (rd_kafka_produce(bench->topic,
               RD_KAFKA_PARTITION_UA,
               RD_KAFKA_MSG_F_COPY,
               value,
               (size_t)len,
               tenant,
               (size_t)tenant_len,
               NULL) != 0) {
        (void)rd_kafka_poll(bench->producer, 1);
    }
}

static void *produce(void *argument)
{
    struct bench *bench = argument;
    for (unsigned long i = 0; i < bench->count; i++) {
        double due = bench->begin + (double)i / bench->rate;
        struct timespec until = {
            .tv_sec = (time_t)due, .tv_nsec = (long)((due - (double)(time_t)due) * 1e9)};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) {
        }
        send_one(bench, i);
        (void)rd_kafka_poll(bench->producer, 0);
    }
    (void)rd_kafka_flush(bench->producer, GRACE_S * 1000);
    return NULL;
}

static rd_kafka_t *open_reader(const char *brokers, const char *topic, const char *isolation)
{
    const char *pairs[] = {"bootstrap.servers",
        brokers,
        "group.id",
        "bench-latency",
        "isolation.level",
        isolation,
        "enable.auto.commit",
        "false",
        "fetch.wait.max.ms",
        "100",
        "socket.nagle.disable",
        "true",
        NULL};
    rd_kafka_t *reader = client(RD_KAFKA_CONSUMER, pairs);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(reader, topic, NULL);
    if (rd_kafka_metadata(reader, 0, handle, &metadata, 10000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        die("metadata", topic);
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);
    for (int i = 0; i < metadata->topics[0].partition_cnt; i++) {
        int64_t low = 0;
        int64_t high = 0;
        (void)rd_kafka_query_watermark_offsets(reader, topic, i, &low, &high, 10000);
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = high;
    }
    (void)rd_kafka_assign(reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    return reader;
}

/* The number of the intent that a decision of this run answers; -1: another one. */
static long number_of(const struct bench *bench, const char *value, size_t len)
{
    char key[64];
    int key_len = snprintf(key, sizeof key, "\"intent\":\"%s-", bench->run);
    const char *at = memmem(value, len, key, (size_t)key_len);
    return at == NULL ? -1 : strtol(at + key_len, NULL, 10);
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static unsigned long collect(struct bench *bench, rd_kafka_t *reader, double *latency)
{
    unsigned long seen = 0;
    double end = bench->begin + (double)bench->count / bench->rate + GRACE_S;
    while (seen < bench->count && now_s() < end) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 100);
        if (message == NULL) {
            continue;
        }
        double now = now_s();
        long i = message->err == RD_KAFKA_RESP_ERR_NO_ERROR
                     ? number_of(bench, message->payload, message->len)
                     : -1;
        if (i >= 0 && (unsigned long)i < bench->count && latency[i] < 0) {
            latency[i] = (now - bench->begin - (double)i / bench->rate) * 1e3;
            seen++;
        }
        rd_kafka_message_destroy(message);
    }
    return seen;
}

static void report(const struct bench *bench,
    double *latency,
    unsigned long from,
    unsigned long seen,
    const char *isolation)
{
    unsigned long used = 0;
    for (unsigned long i = from; i < bench->count; i++) {
        if (latency[i] >= 0) {
            latency[used++] = latency[i];
        }
    }
    qsort(latency, used, sizeof *latency, compare);
    (void)printf("{\"bench\":\"latency\",\"reader\":\"%s\",\"rate_per_s\":%.0f,\"sent\":%lu,"
                 "\"answered\":%lu,\"p50_ms\":%.2f,"
                 "\"p90_ms\":%.2f,\"p99_ms\":%.2f,\"p999_ms\":%.2f,\"max_ms\":%.2f}\n",
        isolation,
        bench->rate,
        bench->count,
        seen,
        latency[used / 2],
        latency[used * 9 / 10],
        latency[used * 99 / 100],
        latency[used * 999 / 1000],
        latency[used - 1]);
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        (void)fprintf(stderr,
            "usage: bench_latency BROKERS INTENTS DECISIONS RATE SECONDS WARMUP ISOLATION\n");
        return 2;
    }
    struct bench bench = {.rate = strtod(argv[4], NULL)};
    bench.count = (unsigned long)(bench.rate * strtod(argv[5], NULL));
    unsigned long from = (unsigned long)(bench.rate * strtod(argv[6], NULL));
    (void)snprintf(bench.run, sizeof bench.run, "L%lld", (long long)time(NULL));
    double *latency = malloc((bench.count + 1) * sizeof *latency);
    if (latency == NULL || from >= bench.count) {
        die("arguments", "RATE, SECONDS and WARMUP are numbers, SECONDS the largest of the two");
    }
    for (unsigned long i = 0; i < bench.count; i++) {
        latency[i] = -1;
    }
    const char *pairs[] = {"bootstrap.servers",
        argv[1],
        "linger.ms",
        "0",
        "partitioner",
        "murmur2_random",
        "socket.nagle.disable",
        "true",
        NULL};
    bench.producer = client(RD_KAFKA_PRODUCER, pairs);
    bench.topic = rd_kafka_topic_new(bench.producer, argv[2], NULL);
    rd_kafka_t *reader = open_reader(argv[1], argv[3], argv[7]);
    bench.begin = now_s() + 2; /* The clients connect meanwhile. */
    pthread_t thread;
    if (pthread_create(&thread, NULL, produce, &bench) != 0) {
        die("thread", "none");
    }
    unsigned long seen = collect(&bench, reader, latency);
    (void)pthread_join(thread, NULL);
    report(&bench, latency, from, seen, argv[7]);
    (void)rd_kafka_consumer_close(reader);
    return seen == bench.count ? 0 : 1;
}
