/* What the topics must be before a node serves them, and the command that mends what they are not. */
#include "consumers/bus_kafka.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

#include "consumers/clock.h"

static const char *const ROLES[] = {"intents", "decisions", "revocations", "dead_letters"};

static enum sunder_err count_partitions(struct sunder_bus *bus,
    enum sunder_bus_topic topic,
    int wait_ms,
    struct sunder_fail *reterr_fail)
{
    const char *name = bus->options.topics[topic];
    rd_kafka_topic_t *handle = rd_kafka_topic_new(bus->helper, name, NULL);
    if (handle == NULL) {
        rd_kafka_resp_err_t code = rd_kafka_last_error();
        return bus_fail(reterr_fail,
            SUNDER_ERR_INVALID,
            code,
            "topics.%s: %s: %s",
            ROLES[topic],
            name,
            rd_kafka_err2str(code));
    }
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(bus->helper, 0, handle, &metadata, wait_ms);
    rd_kafka_topic_destroy(handle);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return bus_fail(reterr_fail,
            SUNDER_ERR_IO,
            code,
            "cannot ask Kafka about topic %s: %s",
            name,
            rd_kafka_err2str(code));
    }
    enum sunder_err err = SUNDER_OK;
    if (metadata->topic_cnt != 1 ||
        metadata->topics[0].err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
        (metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR &&
            metadata->topics[0].partition_cnt == 0)) {
        err = bus_fail(reterr_fail,
            SUNDER_ERR_INVALID,
            RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
            "topic %s (topics.%s) does not exist; create it: kafka-topics.sh --create --topic %s%s",
            name,
            ROLES[topic],
            name,
            topic == SUNDER_BUS_INTENTS
                ? " --partitions N --config message.timestamp.type=LogAppendTime"
            : topic == SUNDER_BUS_REVOCATIONS ? " --config cleanup.policy=compact"
                                              : " --partitions N");
    } else if (metadata->topics[0].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_resp_err_t theirs = metadata->topics[0].err;
        err = bus_fail(
            reterr_fail, SUNDER_ERR_IO, theirs, "topic %s: %s", name, rd_kafka_err2str(theirs));
    } else {
        bus->counts[topic] = (uint32_t)metadata->topics[0].partition_cnt;
    }
    rd_kafka_metadata_destroy(metadata);
    return err;
}

/* Finds one setting of the one resource in the answer. */
static const char *config_value(
    rd_kafka_event_t *event, const char *name, rd_kafka_resp_err_t *ret_code)
{
    size_t count = 0;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);
    *ret_code = RD_KAFKA_RESP_ERR__FAIL;
    if (count != 1) {
        return NULL;
    }
    *ret_code = rd_kafka_ConfigResource_error(resources[0]);
    size_t entries = 0;
    const rd_kafka_ConfigEntry_t **entry = rd_kafka_ConfigResource_configs(resources[0], &entries);
    for (size_t i = 0; i < entries; i++) {
        if (strcmp(rd_kafka_ConfigEntry_name(entry[i]), name) == 0) {
            return rd_kafka_ConfigEntry_value(entry[i]);
        }
    }
    return NULL;
}

/* S3: with CreateTime a producer chooses what time it is for every rule. */
static enum sunder_err check_time(
    struct sunder_bus *bus, int wait_ms, struct sunder_fail *reterr_fail)
{
    const char *name = bus->options.topics[SUNDER_BUS_INTENTS];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(bus->helper);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(bus->helper, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    char text[160] = "";
    (void)rd_kafka_AdminOptions_set_request_timeout(options, wait_ms, text, sizeof text);
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name);
    rd_kafka_DescribeConfigs(bus->helper, &resource, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, wait_ms + 1000);
    enum sunder_err err = SUNDER_OK;
    rd_kafka_resp_err_t code =
        event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
    const char *value = NULL;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && event != NULL) {
        value = config_value(event, "message.timestamp.type", &code);
    }
    if (value == NULL) {
        err = bus_fail(reterr_fail,
            SUNDER_ERR_IO,
            code,
            "cannot read message.timestamp.type of topic %s (needs DescribeConfigs on it): %s",
            name,
            rd_kafka_err2str(code));
    } else if (strcmp(value, "LogAppendTime") != 0) {
        err = bus_fail(reterr_fail,
            SUNDER_ERR_INVALID,
            0,
            "topic %s has %s; mend: kafka-configs.sh --alter --entity-type topics --entity-name %s "
            "--add-config message.timestamp.type=LogAppendTime",
            name,
            value,
            name);
    }
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return err;
}

enum sunder_err bus_topics_check(struct sunder_bus *bus, struct sunder_fail *reterr_fail)
{
    int64_t deadline_ms = sunder_clock_ms() + BUS_OPEN_MS;
    for (int topic = 0; topic < SUNDER_BUS_TOPIC_COUNT; topic++) {
        enum sunder_err err = SUNDER_ERR_IO;
        do {
            err = count_partitions(bus, (enum sunder_bus_topic)topic, BUS_CALL_MS, reterr_fail);
        } while (err == SUNDER_ERR_IO && sunder_bus_exit_code(reterr_fail) == 69 &&
                 sunder_clock_ms() < deadline_ms);
        if (err != SUNDER_OK) {
            return err;
        }
    }
    if (bus->counts[SUNDER_BUS_INTENTS] != bus->counts[SUNDER_BUS_DECISIONS]) {
        return bus_fail(reterr_fail,
            SUNDER_ERR_INVALID,
            0,
            "topic %s has %u partitions and %s has %u: a decision lies on the partition of its "
            "intent, so they must be "
            "equal (kafka-topics.sh --alter --partitions, before anything is on them)",
            bus->options.topics[SUNDER_BUS_INTENTS],
            bus->counts[SUNDER_BUS_INTENTS],
            bus->options.topics[SUNDER_BUS_DECISIONS],
            bus->counts[SUNDER_BUS_DECISIONS]);
    }
    if (bus->options.unchecked_topics) {
        return SUNDER_OK;
    }
    return check_time(bus, BUS_CALL_MS, reterr_fail);
}
