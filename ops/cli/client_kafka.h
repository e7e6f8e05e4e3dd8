/* Clients of librdkafka for the commands: configuration and error texts. For *_kafka.c files only; its types are named by
 * their tags, so that this header stands alone. */
#pragma once

#include "ops/cli/kafka.h"

struct rd_kafka_s;
struct rd_kafka_conf_s;
struct rd_kafka_message_s;

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

/* The headers of a message, as far as there is room for; names and values are views into it. Returns how many. */
#define SUNDER_KAFKA_HEADERS_MAX 64
uint32_t sunder_kafka_headers(const struct rd_kafka_message_s *message,
    struct sunder_wire_header ret_headers[static SUNDER_KAFKA_HEADERS_MAX]);
