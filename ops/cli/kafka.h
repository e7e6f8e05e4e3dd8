/* What the commands need of Kafka: reading the records of a topic, and publishing. Shell; one thread.
 * Functions that give an exit code have told their failure on stderr. */
#pragma once

#include "consumers/partition.h"
#include "engine/model/decision.h"
#include "ops/cli/cli.h"

/* Whether SIGINT or SIGTERM came; the first call installs the handlers. */
bool sunder_kafka_stopped(void);

/* Which brokers: --brokers and --property of `args`, else SUNDER_BROKERS; args NULL: `brokers` as it is. Borrowed. */
struct sunder_kafka_to {
    const struct sunder_cli_args *args;
    const char *brokers;
};

/* --- reading a topic, as a rule that of decisions --- */

struct sunder_kafka_tail;

/* Called for each record that is not a copy; both live during the call. bytes: as JSON, whatever it was written as. */
typedef void sunder_kafka_visit_fn(
    void *ctx, const struct sunder_decision *record, struct sunder_str bytes);

/* A record of another topic as it is; it lives during the call. */
typedef void sunder_kafka_raw_fn(void *ctx, const struct sunder_record_in *in, int32_t partition);

/* from_beginning  else only what comes after the call
 * until_end       ends at what is the end of the topic when it is opened
 * raw             instead of visit: records are not decoded, and none is taken for a copy */
struct sunder_kafka_tail_options {
    struct sunder_kafka_to to;
    const char *topic;
    bool from_beginning;
    bool until_end;
    sunder_kafka_visit_fn *visit;
    sunder_kafka_raw_fn *raw;
    void *visit_ctx;
};

/* Connects and takes its positions: what is published after it returns will be seen. */
enum sunder_exit sunder_kafka_tail_open(
    const struct sunder_kafka_tail_options *options, struct sunder_kafka_tail **ret_tail);

/* Waits up to wait_ms for records and gives them to `visit`, in order per partition. One source position is kept per
 * partition, so that the copies of fast delivery are given once. *ret_ended: until_end is reached. */
enum sunder_exit sunder_kafka_tail_poll(
    struct sunder_kafka_tail *tail, int wait_ms, bool *ret_ended);

uint32_t sunder_kafka_tail_partitions(const struct sunder_kafka_tail *tail);

/* Values on the topic that are no records of ours. */
uint64_t sunder_kafka_tail_foreign(const struct sunder_kafka_tail *tail);

void sunder_kafka_tail_destroy(struct sunder_kafka_tail **tail);

/* Opens, polls until the end, a signal, or a stdout that nobody reads any more; destroys. */
enum sunder_exit sunder_kafka_read(const struct sunder_kafka_tail_options *options);

/* --- publishing --- */

struct sunder_kafka_out;

enum sunder_exit sunder_kafka_out_open(
    const struct sunder_kafka_to *to, const char *topic, struct sunder_kafka_out **ret_out);

/* Hands a record to the client, copied; waits when too much is in flight. timestamp_ms: 0 is now. */
enum sunder_exit sunder_kafka_out_send(struct sunder_kafka_out *out,
    struct sunder_str key,
    struct sunder_str value,
    int64_t timestamp_ms);

/* Serves delivery reports without waiting. */
void sunder_kafka_out_serve(struct sunder_kafka_out *out);

/* Waits until Kafka has everything. A record that Kafka refused is a failure. */
enum sunder_exit sunder_kafka_out_flush(struct sunder_kafka_out *out);

void sunder_kafka_out_destroy(struct sunder_kafka_out **out);
