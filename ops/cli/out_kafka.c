/* Publishing. */
#include <stdlib.h>

#include <librdkafka/rdkafka.h>

#include "ops/cli/client_kafka.h"

#define WAIT_MS 5000   /* For metadata, before Kafka counts as unreachable. */
#define FLUSH_MS 40000 /* Above message.timeout.ms, so that every record has its answer by then. */

struct sunder_kafka_out {
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    const char *name;
    uint64_t refused;
    rd_kafka_resp_err_t first_error;
};

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct sunder_kafka_out *out = opaque;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        out->first_error = out->refused == 0 ? message->err : out->first_error;
        out->refused += 1;
    }
}

enum sunder_exit sunder_kafka_out_open(
    const struct sunder_kafka_to *to, const char *topic, struct sunder_kafka_out **ret_out)
{
    /* The partitioner of Kafka's Java client: a tenant's events then mostly lie on their home. */
    static const char *const PAIRS[] = {"enable.idempotence",
        "true",
        "linger.ms",
        "1",
        "partitioner",
        "murmur2_random",
        "message.timeout.ms",
        "30000",
        "queue.buffering.max.messages",
        "200000",
        "allow.auto.create.topics",
        "false",
        NULL};
    struct sunder_kafka_out *out = calloc(1, sizeof(*out));
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (out == NULL || conf == NULL) {
        free(out);
        return SUNDER_EXIT_FAILED;
    }
    rd_kafka_conf_set_opaque(conf, out);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    out->name = topic;
    enum sunder_exit code = sunder_kafka_client_create(to, false, PAIRS, conf, &out->client);
    if (code == SUNDER_EXIT_OK) {
        out->topic = rd_kafka_topic_new(out->client, topic, NULL);
        code =
            out->topic != NULL ? code : sunder_kafka_complain(rd_kafka_last_error(), topic, NULL);
    }
    if (code == SUNDER_EXIT_OK) {
        const struct rd_kafka_metadata *metadata = NULL;
        rd_kafka_resp_err_t err = rd_kafka_metadata(out->client, 0, out->topic, &metadata, WAIT_MS);
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            code = sunder_kafka_complain(err, "Kafka cannot be reached", NULL);
        } else {
            err = metadata->topics[0].err;
            code =
                err == RD_KAFKA_RESP_ERR_NO_ERROR ? code : sunder_kafka_complain(err, topic, NULL);
            rd_kafka_metadata_destroy(metadata);
        }
    }
    if (code != SUNDER_EXIT_OK) {
        sunder_kafka_out_destroy(&out);
        return code;
    }
    *ret_out = out;
    return SUNDER_EXIT_OK;
}

static enum sunder_exit refusal_look(const struct sunder_kafka_out *out)
{
    return out->refused == 0 ? SUNDER_EXIT_OK
                             : sunder_kafka_complain(out->first_error, out->name, NULL);
}

enum sunder_exit sunder_kafka_out_send(struct sunder_kafka_out *out,
    struct sunder_str key,
    struct sunder_str value,
    int64_t timestamp_ms)
{
    for (;;) {
        /* librdkafka's interface predates const; with F_COPY it only reads. */
        rd_kafka_resp_err_t err = rd_kafka_producev(out->client,
            RD_KAFKA_V_RKT(out->topic),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY((void *)(uintptr_t)key.at, key.len),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)value.at, value.len),
            RD_KAFKA_V_TIMESTAMP(timestamp_ms),
            RD_KAFKA_V_END);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_poll(out->client, 0);
            return refusal_look(out);
        }
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            return sunder_kafka_complain(err, out->name, NULL);
        }
        rd_kafka_poll(out->client, 100);
    }
}

void sunder_kafka_out_serve(struct sunder_kafka_out *out)
{
    rd_kafka_poll(out->client, 0);
}

enum sunder_exit sunder_kafka_out_flush(struct sunder_kafka_out *out)
{
    rd_kafka_resp_err_t err = rd_kafka_flush(out->client, FLUSH_MS);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return sunder_kafka_complain(err, out->name, NULL);
    }
    return refusal_look(out);
}

void sunder_kafka_out_destroy(struct sunder_kafka_out **out)
{
    if (out == NULL || *out == NULL) {
        return;
    }
    if ((*out)->topic != NULL) {
        rd_kafka_topic_destroy((*out)->topic);
    }
    if ((*out)->client != NULL) {
        rd_kafka_destroy((*out)->client);
    }
    free(*out);
    *out = NULL;
}
