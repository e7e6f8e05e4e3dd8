#include "ops/cli/client_kafka.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

static volatile sig_atomic_t stop_flag;

static void on_signal(int number)
{
    (void)number;
    stop_flag = 1;
}

bool sunder_kafka_stopped(void)
{
    static bool installed;
    if (!installed) {
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
        sigemptyset(&action.sa_mask);
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        installed = true;
    }
    return stop_flag != 0;
}

enum sunder_exit sunder_kafka_complain(int err, const char *doing, const char *why)
{
    sunder_cli_complain(
        "%s: %s", doing, why != NULL ? why : rd_kafka_err2str((rd_kafka_resp_err_t)err));
    switch (err) { /* A few of hundreds. */
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        return SUNDER_EXIT_PERMISSION;
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
        return SUNDER_EXIT_CONFIGURATION;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        return SUNDER_EXIT_FAILED;
    default:
        return SUNDER_EXIT_KAFKA;
    }
}

/* The client's own log lines are for developers; what matters comes as errors. */
static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    (void)level;
    (void)facility;
    (void)text;
}

static enum sunder_exit property_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) == RD_KAFKA_CONF_OK) {
        return SUNDER_EXIT_OK;
    }
    sunder_cli_complain("Kafka client: %s", why);
    return SUNDER_EXIT_CONFIGURATION;
}

/* --property NAME=VALUE */
static enum sunder_exit given_set(rd_kafka_conf_t *conf, const char *given)
{
    char name[128];
    const char *equals = given == NULL ? NULL : strchr(given, '=');
    if (given == NULL) {
        return SUNDER_EXIT_OK;
    }
    if (equals == NULL || equals == given || (size_t)(equals - given) >= sizeof(name)) {
        sunder_cli_complain("--property takes NAME=VALUE, not '%s'", given);
        return SUNDER_EXIT_USAGE;
    }
    memcpy(name, given, (size_t)(equals - given));
    name[equals - given] = '\0';
    return property_set(conf, name, equals + 1);
}

static enum sunder_exit all_set(
    const struct sunder_kafka_to *to, const char *const *pairs, rd_kafka_conf_t *conf)
{
    const struct sunder_cli_args *args = to->args;
    const char *brokers = to->brokers;
    if (args != NULL) {
        brokers = sunder_cli_value(args, "brokers");
        brokers = brokers != NULL ? brokers : getenv("SUNDER_BROKERS");
    }
    if (brokers == NULL || brokers[0] == '\0') {
        sunder_cli_complain("--brokers HOST:PORT is missing (or set SUNDER_BROKERS)");
        return SUNDER_EXIT_USAGE;
    }
    rd_kafka_conf_set_log_cb(conf, on_log);
    enum sunder_exit code = property_set(conf, "bootstrap.servers", brokers);
    for (; pairs[0] != NULL && code == SUNDER_EXIT_OK; pairs += 2) {
        code = property_set(conf, pairs[0], pairs[1]);
    }
    if (code == SUNDER_EXIT_OK && args != NULL) {
        code = given_set(conf, sunder_cli_value(args, "property"));
    }
    return code;
}

enum sunder_exit sunder_kafka_client_create(const struct sunder_kafka_to *to,
    bool consumer,
    const char *const *pairs,
    struct rd_kafka_conf_s *conf,
    struct rd_kafka_s **ret_client)
{
    enum sunder_exit code = all_set(to, pairs, conf);
    if (code != SUNDER_EXIT_OK) {
        rd_kafka_conf_destroy(conf);
        return code;
    }
    char why[256];
    rd_kafka_t *client =
        rd_kafka_new(consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (client == NULL) { /* It takes the configuration on success only. */
        rd_kafka_conf_destroy(conf);
        sunder_cli_complain("Kafka client: %s", why);
        return SUNDER_EXIT_CONFIGURATION;
    }
    *ret_client = client;
    return SUNDER_EXIT_OK;
}

uint32_t sunder_kafka_headers(const struct rd_kafka_message_s *message,
    struct sunder_wire_header ret_headers[static SUNDER_KAFKA_HEADERS_MAX])
{
    rd_kafka_headers_t *headers = NULL;
    uint32_t count = 0;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    const char *name = NULL;
    const void *value = NULL;
    size_t len = 0;
    while (count < SUNDER_KAFKA_HEADERS_MAX &&
           rd_kafka_header_get_all(headers, count, &name, &value, &len) ==
               RD_KAFKA_RESP_ERR_NO_ERROR) {
        ret_headers[count++] = (struct sunder_wire_header){
            .name = sunder_str_of(name), .value = {value, (uint32_t)len}};
    }
    return count;
}
