/* Clients of librdkafka for the commands: configuration and error texts. For *_kafka.c files only. */
#pragma once

#include <librdkafka/rdkafka.h>

#include "ops/cli/kafka.h"

/* A client of the kind, of brokers that `to` says. `pairs`: names and values of
 * further properties, ended by NULL; what the user gave wins. On another result than OK *ret_client is not written. */
enum sunder_exit sunder_kafka_client_create(const struct sunder_kafka_to *to,
    rd_kafka_type_t type,
    const char *const *pairs,
    rd_kafka_conf_t *conf,
    rd_kafka_t **ret_client);

/* Which exit code an error is, told on stderr with what the client was doing. */
enum sunder_exit sunder_kafka_complain(rd_kafka_resp_err_t err, const char *doing, const char *why);
