/* Where the results of a step go: topics, partitions, keys and headers. */
#include <stdio.h>
#include <string.h>

#include "consumers/node/owned.h"
#include "engine/base/hash.h"
#include "engine/base/must.h"

#define REASON_BYTES_MAX 1000u

static void count_record(struct sunder_metrics *metrics, const struct sunder_decision *decision)
{
    switch (decision->verdict) {
    case SUNDER_VERDICT_ALLOW:
        sunder_counter_add(&metrics->allow, 1);
        break;
    case SUNDER_VERDICT_ESCALATE:
        sunder_counter_add(&metrics->escalate, 1);
        break;
    case SUNDER_VERDICT_DENY:
        sunder_counter_add(&metrics->deny, 1);
        break;
    case SUNDER_VERDICT_NONE:
        sunder_counter_add(
            decision->kind == SUNDER_RECORD_REVOCATION ? &metrics->revocations : &metrics->recorded,
            1);
        break;
    }
    if (decision->duplicate) {
        sunder_counter_add(&metrics->duplicates, 1);
    }
}

static enum sunder_err send(struct node *node, struct sunder_bus_message *message)
{
    bool decision = message->topic == SUNDER_BUS_DECISIONS;
    message->token = node_token(node->current, decision);
    struct node_slot *slot = &node->current->slots[node->current->slot_end % NODE_SLOTS];
    slot->outstanding++; /* Before: its report may come within send. */
    struct sunder_fail fail = {0};
    enum sunder_err err = sunder_bus_send(node->bus, message, &fail);
    if (err == SUNDER_OK) {
        return SUNDER_OK;
    }
    slot->outstanding--;
    node->fail = fail;
    if (err != SUNDER_ERR_INVALID) {
        node_break(node, &fail);
    }
    return err;
}

static struct sunder_wire_header type_header(const struct node *node)
{
    return (struct sunder_wire_header){SUNDER_STR("content-type"),
        node->options.config->protobuf ? SUNDER_STR(SUNDER_WIRE_TYPE_PROTOBUF)
                                       : SUNDER_STR(SUNDER_WIRE_TYPE_JSON)};
}

static enum sunder_err on_record(
    void *ctx, const struct sunder_decision *decision, struct sunder_str bytes)
{
    struct node *node = ctx;
    struct sunder_wire_header header = type_header(node);
    count_record(node->options.metrics, decision);
    struct sunder_bus_message message = {
        .topic = SUNDER_BUS_DECISIONS,
        .partition = node->current->number,
        .key = node->record->key,
        .value = bytes,
        .headers = &header,
        .header_count = 1,
    };
    return send(node, &message);
}

static enum sunder_err on_revocation(void *ctx, struct sunder_str key, struct sunder_str value)
{
    struct node *node = ctx;
    struct sunder_wire_header header = type_header(node);
    uint32_t partitions = sunder_bus_partitions(node->bus, SUNDER_BUS_REVOCATIONS);
    struct sunder_bus_message message = {
        .topic = SUNDER_BUS_REVOCATIONS,
        /* As Kafka's own partitioner does it, so that a subject has one place whoever writes it. */
        .partition = (int32_t)(sunder_hash_murmur2(key) % partitions),
        .key = key,
        .value = value,
        .headers = &header,
        .header_count = value.at == NULL ? 0 : 1,
    };
    return send(node, &message);
}

static struct sunder_str place(
    char *text, size_t size, const struct node *node, const struct sunder_record_in *in)
{
    int len = snprintf(text,
        size,
        "%s/%d/%lld",
        node->options.config->topics[SUNDER_BUS_INTENTS],
        (int)node->current->number,
        (long long)in->offset);
    SUNDER_MUST(len > 0 && (size_t)len < size);
    return (struct sunder_str){text, (uint32_t)len};
}

static enum sunder_err on_forward(void *ctx, const struct sunder_record_in *in, int32_t to)
{
    struct node *node = ctx;
    char origin[320];
    struct sunder_wire_header headers[72];
    SUNDER_MUST(in->header_count < sizeof headers / sizeof headers[0]);
    if (in->header_count > 0) {
        memcpy(headers, in->headers, in->header_count * sizeof headers[0]);
    }
    headers[in->header_count] = (struct sunder_wire_header){
        SUNDER_STR("sunder-origin"), place(origin, sizeof origin, node, in)};
    sunder_counter_add(&node->options.metrics->forwards, 1);
    struct sunder_bus_message message = {
        .topic = SUNDER_BUS_INTENTS,
        .partition = to,
        .key = node->record->key,
        .value = in->value,
        .headers = headers,
        .header_count = in->header_count + 1,
    };
    return send(node, &message);
}

static enum sunder_err on_dead_letter(
    void *ctx, const struct sunder_record_in *in, const struct sunder_partition_dead_letter *letter)
{
    struct node *node = ctx;
    static const char DIGITS[] = "0123456789abcdef";
    char source[320];
    char digest[64];
    for (size_t i = 0; i < 32; i++) {
        digest[2 * i] = DIGITS[letter->digest.bytes[i] >> 4];
        digest[2 * i + 1] = DIGITS[letter->digest.bytes[i] & 15];
    }
    struct sunder_str text = letter->message;
    text.len = text.len < REASON_BYTES_MAX ? text.len : REASON_BYTES_MAX;
    struct sunder_wire_header headers[5];
    uint32_t count = 0;
    headers[count++] = (struct sunder_wire_header){SUNDER_STR("sunder-code"), letter->code};
    if (letter->field.at != NULL) {
        headers[count++] = (struct sunder_wire_header){SUNDER_STR("sunder-field"), letter->field};
    }
    headers[count++] = (struct sunder_wire_header){SUNDER_STR("sunder-reason"), text};
    headers[count++] = (struct sunder_wire_header){
        SUNDER_STR("sunder-source"), place(source, sizeof source, node, in)};
    headers[count++] =
        (struct sunder_wire_header){SUNDER_STR("sunder-sha256"), {digest, sizeof digest}};
    sunder_metrics_dead_letter(node->options.metrics, letter->code);
    uint32_t partitions = sunder_bus_partitions(node->bus, SUNDER_BUS_DEAD_LETTERS);
    struct sunder_bus_message message = {
        .topic = SUNDER_BUS_DEAD_LETTERS,
        .partition = (int32_t)((uint32_t)node->current->number % partitions),
        .key = node->record->key,
        .value = letter->bytes,
        .headers = headers,
        .header_count = count,
    };
    return send(node, &message);
}

struct sunder_partition_sink node_sink(struct node *node)
{
    return (struct sunder_partition_sink){
        .ctx = node,
        .record = on_record,
        .revocation = on_revocation,
        .forward = on_forward,
        .dead_letter = on_dead_letter,
    };
}
