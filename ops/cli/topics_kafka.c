/* `sunder topics create`: the topics of a cluster, with the settings that decisions rest on. */
#include <inttypes.h>

#include <librdkafka/rdkafka.h>

#include "ops/cli/client_kafka.h"

#define WAIT_MS 15000
#define TOPIC_COUNT 4
#define SETTINGS_MAX 3

/* Intents carry the broker's time, which no producer can choose. Revocations are a state per subject: the last one counts. */
static const struct {
    const char *name;
    bool one_partition;
    const char *settings[SETTINGS_MAX][2];
} TOPICS[TOPIC_COUNT] = {
    {"sunder.intents", false, {{"message.timestamp.type", "LogAppendTime"}}},
    {"sunder.decisions", false, {{NULL, NULL}}},
    {"sunder.revocations",
        false,
        {{"cleanup.policy", "compact"}, {"min.cleanable.dirty.ratio", "0.1"}}},
    {"sunder.dead-letters", true, {{NULL, NULL}}},
};

static enum sunder_exit topics_describe(
    int partitions, int replication, rd_kafka_NewTopic_t *ret_topics[TOPIC_COUNT])
{
    for (int i = 0; i < TOPIC_COUNT; i++) {
        char why[256];
        rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(TOPICS[i].name,
            TOPICS[i].one_partition ? 1 : partitions,
            replication,
            why,
            sizeof(why));
        if (topic == NULL) {
            sunder_cli_complain("topics: %s: %s", TOPICS[i].name, why);
            return SUNDER_EXIT_FAILED;
        }
        ret_topics[i] = topic;
        for (int j = 0; j < SETTINGS_MAX && TOPICS[i].settings[j][0] != NULL; j++) {
            (void)rd_kafka_NewTopic_set_config(
                topic, TOPICS[i].settings[j][0], TOPICS[i].settings[j][1]);
        }
        if (replication >= 3) {
            (void)rd_kafka_NewTopic_set_config(topic, "min.insync.replicas", "2");
        }
    }
    return SUNDER_EXIT_OK;
}

static enum sunder_exit results_tell(rd_kafka_event_t *event)
{
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR || result == NULL) {
        return sunder_kafka_complain(
            rd_kafka_event_error(event), "topics", rd_kafka_event_error_string(event));
    }
    size_t count = 0;
    enum sunder_exit code = SUNDER_EXIT_OK;
    const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(result, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_topic_result_name(topics[i]);
        rd_kafka_resp_err_t err = rd_kafka_topic_result_error(topics[i]);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            printf("%s created\n", name);
        } else if (err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            printf("%s is there already, and stays as it is\n", name);
        } else {
            code = sunder_kafka_complain(err, name, rd_kafka_topic_result_error_string(topics[i]));
        }
    }
    return code;
}

static enum sunder_exit topics_create(rd_kafka_t *client, rd_kafka_NewTopic_t *topics[TOPIC_COUNT])
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    char why[256];
    (void)rd_kafka_AdminOptions_set_request_timeout(options, WAIT_MS, why, sizeof(why));
    (void)rd_kafka_AdminOptions_set_operation_timeout(options, WAIT_MS, why, sizeof(why));
    rd_kafka_CreateTopics(client, topics, TOPIC_COUNT, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS + 5000);
    enum sunder_exit code =
        event != NULL ? results_tell(event)
                      : sunder_kafka_complain(RD_KAFKA_RESP_ERR__TIMED_OUT, "topics", NULL);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return code;
}

enum sunder_exit sunder_cmd_topics(const struct sunder_cli_args *args)
{
    static const char *const PAIRS[] = {NULL};
    int64_t partitions = 0;
    int64_t replication = 0;
    int64_t partition_bounds[2] = {1, 10000};
    int64_t replication_bounds[2] = {1, 9};
    enum sunder_exit code = sunder_cli_number(args, "partitions", partition_bounds, 4, &partitions);
    if (code == SUNDER_EXIT_OK) {
        code = sunder_cli_number(args, "replication", replication_bounds, 1, &replication);
    }
    rd_kafka_t *client = NULL;
    const struct sunder_kafka_to to = {.args = args};
    if (code == SUNDER_EXIT_OK) {
        code = sunder_kafka_client_create(&to, false, PAIRS, rd_kafka_conf_new(), &client);
    }
    rd_kafka_NewTopic_t *topics[TOPIC_COUNT] = {NULL};
    if (code == SUNDER_EXIT_OK) {
        code = topics_describe((int)partitions, (int)replication, topics);
    }
    if (code == SUNDER_EXIT_OK) {
        code = topics_create(client, topics);
    }
    for (int i = 0; i < TOPIC_COUNT; i++) {
        if (topics[i] != NULL) {
            rd_kafka_NewTopic_destroy(topics[i]);
        }
    }
    if (client != NULL) {
        rd_kafka_destroy(client);
    }
    return code;
}
