/* Clients of librdkafka for the commands: configuration and error texts. For *_kafka.c files only; its types are named by
 * their tags, so that this header stands alone. */
#pragma once

#include "ops/cli/kafka.h"

struct rd_kafka_s;
struct rd_kafka_conf_s;

/* A client of the brokers that `to` says.
 *   pairs       names and values of properties, ended by NULL; what the user gave wins
 *   conf        taken, also on failure
 *   ret_client  gives; written on OK only */
enum sunder_exit sunder_kafka_client_create(const struct sunder_kafka_to *to,
    bool consumer,
    const char *const *pairs,
    struct rd_kafka_conf_s *conf,
    struct rd_kafka_s **ret_client);

/* Which exit code an error of librdkafka is, told on stderr with what was being done. why: NULL for the error's own text. */
enum sunder_exit sunder_kafka_complain(int err, const char *doing, const char *why);
