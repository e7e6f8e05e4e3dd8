/* Any bytes as a record of the intents topic. The first byte chooses the headers ('0' none, '1' binary mode with JSON, '2' binary
 * mode with protobuf, '3' structured JSON, '4' structured protobuf), the rest is the value. */
#include <stdlib.h>

#include "engine/base/must.h"
#include "engine/model/limits.h"
#include "proto/json.h"
#include "proto/wire.h"

#define HEADER(name, value)                                                                        \
    {                                                                                              \
        {name, sizeof(name) - 1},                                                                  \
        {                                                                                          \
            value, sizeof(value) - 1                                                               \
        }                                                                                          \
    }

static const struct sunder_wire_header HEADERS[] = {
    HEADER("content-type", "application/cloudevents+protobuf"),
    HEADER("content-type", "application/cloudevents+json"),
    HEADER("content-type", "application/protobuf"),
    HEADER("ce_specversion", "1.0"),
    HEADER("ce_id", "i"),
    HEADER("ce_source", "s"),
    HEADER("ce_type", "dev.sunder.intent.v1"),
    HEADER("content-type", "application/json"),
};

static struct sunder_wire_decoder *decoder;
static struct sunder_arena arena;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void start(void)
{
    SUNDER_MUST(sunder_wire_decoder_create(&decoder) == SUNDER_OK);
    void *memory = malloc(SUNDER_WIRE_ARENA_BYTES);
    SUNDER_MUST(memory != NULL);
    arena = sunder_arena_of(memory, SUNDER_WIRE_ARENA_BYTES);
}

static struct sunder_wire_record record_of(char mode, struct sunder_str value)
{
    struct sunder_wire_record record = {.value = value, .at = {SUNDER_STR("t"), 0, 0, 0}};
    switch (mode) {
    case '1':
        record.headers = HEADERS + 3;
        record.header_count = 5;
        break;
    case '2':
        record.headers = HEADERS + 2;
        record.header_count = 5;
        break;
    case '3':
        record.headers = HEADERS + 1;
        record.header_count = 1;
        break;
    case '4':
        record.headers = HEADERS;
        record.header_count = 1;
        break;
    default:
        break;
    }
    return record;
}

static void check_text(struct sunder_str text)
{
    SUNDER_MUST(text.at != NULL || text.len == 0);
    SUNDER_MUST(sunder_json_utf8_valid(text));
}

static void check_texts(struct sunder_strs texts, uint32_t max)
{
    SUNDER_MUST(texts.count <= max);
    for (uint32_t i = 0; i < texts.count; i++) {
        check_text(texts.at[i]);
    }
}

static void check_event(const struct sunder_event *event)
{
    SUNDER_MUST(event->kind < SUNDER_EVENT_KIND_COUNT);
    SUNDER_MUST(event->problem_count <= SUNDER_PROBLEMS_MAX);
    for (uint32_t i = 0; i < event->problem_count; i++) {
        SUNDER_MUST(event->problems[i].code.len != 0 && event->problems[i].field.len != 0);
    }
    const struct sunder_str texts[] = {event->id,
        event->source,
        event->type,
        event->tenant,
        event->agent,
        event->principal,
        event->task,
        event->purpose,
        event->tool,
        event->action,
        event->case_id,
        event->currency,
        event->credential,
        event->idempotency_key,
        event->intent,
        event->from,
        event->to,
        event->object,
        event->subject,
        event->amount.plain};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        check_text(texts[i]);
    }
    check_texts(event->delegation, SUNDER_DELEGATION_MAX);
    check_texts(event->objects, SUNDER_OBJECTS_MAX + 1);
    check_texts(event->labels, SUNDER_LABELS_MAX);
    check_texts(event->parents, SUNDER_PARENTS_MAX);
    check_texts(event->duties, SUNDER_TASK_DUTIES_MAX);
    check_texts(event->agents, SUNDER_TASK_AGENTS_MAX);
}

static void check_redaction(struct sunder_str value)
{
    struct sunder_str clean;
    struct sunder_digest digest;
    sunder_arena_reset(&arena);
    SUNDER_MUST(sunder_wire_redact(decoder, &arena, value, &clean, &digest) == SUNDER_OK);
    SUNDER_MUST(clean.at != NULL);
}

/* A line is the event and the position that the two other functions read, or neither. */
static void check_line(struct sunder_str value)
{
    static struct sunder_wire_line line;
    static struct sunder_event event;
    if (value.len != 0 && value.at[0] == '\0') {
        return; /* A frame of a schema registry, which no line has. */
    }
    const struct sunder_wire_header type = {
        SUNDER_STR("content-type"), SUNDER_STR(SUNDER_WIRE_TYPE_JSON)};
    const struct sunder_wire_record record = {.value = value, .headers = &type, .header_count = 1};
    struct sunder_wire_problem problem;
    struct sunder_wire_position position = {0};
    sunder_arena_reset(&arena);
    enum sunder_err whole = sunder_wire_decode_event(decoder, &arena, &record, &event, &problem);
    enum sunder_err place = sunder_wire_read_position(decoder, &arena, value, &position);
    sunder_arena_reset(&arena);
    enum sunder_err err = sunder_wire_decode_line(decoder, &arena, value, &line);
    SUNDER_MUST(err == whole);
    if (place == SUNDER_OK) {
        SUNDER_MUST(position.has_partition == line.position.has_partition &&
                    position.has_offset == line.position.has_offset &&
                    position.has_timestamp == line.position.has_timestamp);
        SUNDER_MUST(position.partition == line.position.partition &&
                    position.offset == line.position.offset &&
                    position.timestamp_ms == line.position.timestamp_ms);
    }
    if (err == SUNDER_OK) {
        check_event(&line.event);
        SUNDER_MUST(memcmp(&event.digest, &line.event.digest, sizeof(event.digest)) == 0);
    } else {
        SUNDER_MUST(sunder_str_equal(problem.code, line.problem.code));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (decoder == NULL) {
        start();
    }
    char mode = size == 0 ? '0' : (char)data[0];
    size_t len = size == 0 ? 0 : size - 1;
    char *copy =
        malloc(len == 0 ? 1 : len); /* Its own block: the sanitizer then sees a byte too far. */
    SUNDER_MUST(copy != NULL && len <= UINT32_MAX);
    if (len != 0) {
        memcpy(copy, data + 1, len);
    }
    const struct sunder_str value = {copy, (uint32_t)len};
    const struct sunder_wire_record record = record_of(mode, value);

    static struct sunder_event event;
    struct sunder_wire_problem problem;
    sunder_arena_reset(&arena);
    enum sunder_err err = sunder_wire_decode_event(decoder, &arena, &record, &event, &problem);
    if (err == SUNDER_OK) {
        check_event(&event);
        struct sunder_digest first = event.digest;
        sunder_arena_reset(&arena);
        SUNDER_MUST(
            sunder_wire_decode_event(decoder, &arena, &record, &event, &problem) == SUNDER_OK);
        SUNDER_MUST(memcmp(first.bytes, event.digest.bytes, sizeof(first.bytes)) == 0);
    } else {
        SUNDER_MUST(err == SUNDER_ERR_MALFORMED || err == SUNDER_ERR_FULL);
        SUNDER_MUST(problem.code.len != 0 && problem.text.len != 0);
    }
    struct sunder_wire_position position;
    sunder_arena_reset(&arena);
    (void)!sunder_wire_read_position(decoder, &arena, value, &position);
    check_line(value);
    check_redaction(value);
    free(copy);
    return 0;
}
