/* Reading the decisions topic. No group: partitions are assigned by hand, and nothing is committed. */
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "ops/cli/client_kafka.h"
#include "proto/wire.h"

#define WAIT_MS 5000 /* For metadata and offsets, before Kafka counts as unreachable. */
#define BATCH_MAX 500
#define DECODE_BYTES (4u << 20) /* A record has at most 1 MB. */

/* end       where until_end ends
 * offset, index  source position of the last record that was given */
struct position {
    bool ended;
    bool any;
    int64_t end;
    int64_t offset;
    uint32_t index;
};

struct sunder_kafka_tail {
    struct sunder_kafka_tail_options options;
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    struct position *positions;
    int partition_count;
    struct sunder_wire_decoder *decoder;
    void *memory;
    struct sunder_arena arena;
    struct sunder_wire_encoder *encoder; /* Of records that are protobuf, to show them as JSON. */
    char *text;
    uint64_t foreign;
};

static enum sunder_exit partitions_look(struct sunder_kafka_tail *tail)
{
    const char *topic_name = tail->options.topic;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(tail->client, topic_name, NULL);
    if (topic == NULL) {
        return sunder_kafka_complain(rd_kafka_last_error(), topic_name, NULL);
    }
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t err = rd_kafka_metadata(tail->client, 0, topic, &metadata, WAIT_MS);
    rd_kafka_topic_destroy(topic);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return sunder_kafka_complain(err, "Kafka cannot be reached", NULL);
    }
    enum sunder_exit code = SUNDER_EXIT_OK;
    if (metadata->topic_cnt != 1 || metadata->topics[0].err != RD_KAFKA_RESP_ERR_NO_ERROR ||
        metadata->topics[0].partition_cnt == 0) {
        err = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        code = sunder_kafka_complain(err, topic_name, NULL);
    } else {
        tail->partition_count = metadata->topics[0].partition_cnt;
    }
    rd_kafka_metadata_destroy(metadata);
    return code;
}

/* Where each partition begins and ends now. */
static enum sunder_exit positions_take(struct sunder_kafka_tail *tail)
{
    tail->positions = calloc((size_t)tail->partition_count, sizeof(*tail->positions));
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(tail->partition_count);
    enum sunder_exit code = tail->positions != NULL ? SUNDER_EXIT_OK : SUNDER_EXIT_FAILED;
    for (int32_t i = 0; i < tail->partition_count && code == SUNDER_EXIT_OK; i++) {
        int64_t low = 0;
        int64_t high = 0;
        rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(
            tail->client, tail->options.topic, i, &low, &high, WAIT_MS);
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            code = sunder_kafka_complain(err, tail->options.topic, NULL);
            break;
        }
        int64_t start = tail->options.from_beginning ? low : high;
        tail->positions[i].end = high;
        tail->positions[i].ended = tail->options.until_end && start >= high;
        rd_kafka_topic_partition_list_add(list, tail->options.topic, i)->offset = start;
    }
    if (code == SUNDER_EXIT_OK) {
        rd_kafka_resp_err_t err = rd_kafka_assign(tail->client, list);
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            code = sunder_kafka_complain(err, tail->options.topic, NULL);
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

static enum sunder_exit client_open(struct sunder_kafka_tail *tail)
{
    /* A group name is needed for the consumer's queue, but nobody joins it. EOF tells the end also behind the markers of
     * transactions, which no record stands for. */
    static const char *const PAIRS[] = {"group.id",
        "sunder-cli",
        "enable.auto.commit",
        "false",
        "enable.auto.offset.store",
        "false",
        "auto.offset.reset",
        "error",
        "isolation.level",
        "read_committed",
        "enable.partition.eof",
        "true",
        "fetch.wait.max.ms",
        "10",
        "allow.auto.create.topics",
        "false",
        NULL};
    enum sunder_exit code = sunder_kafka_client_create(
        &tail->options.to, true, PAIRS, rd_kafka_conf_new(), &tail->client);
    if (code != SUNDER_EXIT_OK) {
        return code;
    }
    rd_kafka_poll_set_consumer(tail->client);
    tail->queue = rd_kafka_queue_get_consumer(tail->client);
    code = partitions_look(tail);
    return code == SUNDER_EXIT_OK ? positions_take(tail) : code;
}

enum sunder_exit sunder_kafka_tail_open(
    const struct sunder_kafka_tail_options *options, struct sunder_kafka_tail **ret_tail)
{
    struct sunder_kafka_tail *tail = calloc(1, sizeof(*tail));
    if (tail == NULL) {
        return SUNDER_EXIT_FAILED;
    }
    tail->options = *options;
    tail->memory = malloc(DECODE_BYTES);
    enum sunder_exit code = SUNDER_EXIT_FAILED;
    tail->text = malloc(SUNDER_WIRE_RECORD_BYTES_MAX);
    if (tail->memory == NULL || tail->text == NULL ||
        sunder_wire_decoder_create(&tail->decoder) != SUNDER_OK ||
        sunder_wire_encoder_create(SUNDER_WIRE_FORMAT_JSON, &tail->encoder) != SUNDER_OK) {
        sunder_cli_complain("no memory");
    } else {
        tail->arena = sunder_arena_of(tail->memory, DECODE_BYTES);
        code = client_open(tail);
    }
    if (code != SUNDER_EXIT_OK) {
        sunder_kafka_tail_destroy(&tail);
        return code;
    }
    *ret_tail = tail;
    return SUNDER_EXIT_OK;
}

/* Copies stand at or before the source position that was seen already. */
static bool is_copy(struct position *position, const struct sunder_decision *record)
{
    bool later = record->source.offset > position->offset ||
                 (record->source.offset == position->offset && record->index > position->index);
    if (position->any && !later) {
        return true;
    }
    position->any = true;
    position->offset = record->source.offset;
    position->index = record->index;
    return false;
}

/* The record's bytes, as JSON whatever it was written as. */
static struct sunder_str json_of(
    struct sunder_kafka_tail *tail, const struct sunder_decision *record, struct sunder_str bytes)
{
    size_t len = 0;
    if (bytes.at[0] == '{' ||
        sunder_wire_encode_record(
            tail->encoder, record, tail->text, SUNDER_WIRE_RECORD_BYTES_MAX, &len) != SUNDER_OK) {
        return bytes;
    }
    return (struct sunder_str){tail->text, (uint32_t)len};
}

static void raw_give(struct sunder_kafka_tail *tail, const rd_kafka_message_t *message)
{
    struct sunder_wire_header headers[SUNDER_KAFKA_HEADERS_MAX];
    rd_kafka_timestamp_type_t type;
    const struct sunder_record_in in = {
        .value = {message->payload, (uint32_t)message->len},
        .headers = headers,
        .header_count = sunder_kafka_headers(message, headers),
        .offset = message->offset,
        .timestamp_ms = rd_kafka_message_timestamp(message, &type),
    };
    tail->options.raw(tail->options.visit_ctx, &in, message->partition);
}

static void record_give(struct sunder_kafka_tail *tail, const rd_kafka_message_t *message)
{
    struct position *position = &tail->positions[message->partition];
    struct sunder_str bytes = {message->payload, (uint32_t)message->len};
    struct sunder_decision record;
    sunder_arena_reset(&tail->arena);
    bool is_record =
        bytes.at != NULL &&
        sunder_wire_decode_record(tail->decoder, &tail->arena, bytes, &record) == SUNDER_OK;
    if (!is_record) {
        tail->foreign += 1;
    } else if (!(tail->options.until_end && message->offset >= position->end) &&
               !is_copy(position, &record)) {
        tail->options.visit(tail->options.visit_ctx, &record, json_of(tail, &record, bytes));
    }
}

static void message_take(struct sunder_kafka_tail *tail, const rd_kafka_message_t *message)
{
    struct position *position = &tail->positions[message->partition];
    bool behind = tail->options.until_end && message->offset >= position->end;
    if (tail->options.raw == NULL) {
        record_give(tail, message);
    } else if (!behind) {
        raw_give(tail, message);
    }
    position->ended =
        position->ended || (tail->options.until_end && message->offset + 1 >= position->end);
}

static enum sunder_exit message_look(
    struct sunder_kafka_tail *tail, const rd_kafka_message_t *message)
{
    switch ((int)message->err) { /* A few of hundreds. */
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        message_take(tail, message);
        return SUNDER_EXIT_OK;
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        tail->positions[message->partition].ended = tail->options.until_end;
        return SUNDER_EXIT_OK;
    case RD_KAFKA_RESP_ERR__TRANSPORT: /* The client connects again by itself. */
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
        return SUNDER_EXIT_OK;
    default:
        return sunder_kafka_complain(
            message->err, tail->options.topic, rd_kafka_message_errstr(message));
    }
}

enum sunder_exit sunder_kafka_tail_poll(
    struct sunder_kafka_tail *tail, int wait_ms, bool *ret_ended)
{
    rd_kafka_message_t *messages[BATCH_MAX];
    /* The first with waiting, the rest as they are there: a batch call would wait until it is full. */
    rd_kafka_message_t *first = rd_kafka_consumer_poll(tail->client, wait_ms);
    ssize_t count = 0;
    if (first != NULL) {
        messages[count++] = first;
        ssize_t more = rd_kafka_consume_batch_queue(tail->queue, 0, messages + 1, BATCH_MAX - 1);
        count += more > 0 ? more : 0;
    }
    enum sunder_exit code = SUNDER_EXIT_OK;
    for (ssize_t i = 0; i < count; i++) {
        enum sunder_exit one = message_look(tail, messages[i]);
        code = code == SUNDER_EXIT_OK ? one : code;
        rd_kafka_message_destroy(messages[i]);
    }
    bool ended = tail->options.until_end;
    for (int i = 0; i < tail->partition_count; i++) {
        ended = ended && tail->positions[i].ended;
    }
    *ret_ended = ended;
    return code;
}

uint32_t sunder_kafka_tail_partitions(const struct sunder_kafka_tail *tail)
{
    return (uint32_t)tail->partition_count;
}

uint64_t sunder_kafka_tail_foreign(const struct sunder_kafka_tail *tail)
{
    return tail->foreign;
}

void sunder_kafka_tail_destroy(struct sunder_kafka_tail **tail)
{
    if (tail == NULL || *tail == NULL) {
        return;
    }
    if ((*tail)->queue != NULL) {
        rd_kafka_queue_destroy((*tail)->queue);
    }
    if ((*tail)->client != NULL) {
        rd_kafka_destroy_flags((*tail)->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
    sunder_wire_decoder_destroy(&(*tail)->decoder);
    sunder_wire_encoder_destroy(&(*tail)->encoder);
    free((*tail)->text);
    free((*tail)->positions);
    free((*tail)->memory);
    free(*tail);
    *tail = NULL;
}

enum sunder_exit sunder_kafka_read(const struct sunder_kafka_tail_options *options)
{
    struct sunder_kafka_tail *tail = NULL;
    enum sunder_exit code = sunder_kafka_tail_open(options, &tail);
    bool ended = false;
    while (code == SUNDER_EXIT_OK && !ended && !sunder_kafka_stopped()) {
        code = sunder_kafka_tail_poll(tail, 100, &ended);
        if (fflush(stdout) != 0 || ferror(stdout) != 0) {
            break; /* Nobody reads any more. */
        }
    }
    if (tail != NULL && tail->foreign > 0) {
        sunder_cli_say("%s: %llu values are no records of sunder",
            options->topic,
            (unsigned long long)tail->foreign);
    }
    sunder_kafka_tail_destroy(&tail);
    return code;
}
