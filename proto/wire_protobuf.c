/* CloudEvents in protobuf: events in, and records back in. */
#include <protobuf-c/protobuf-c.h>

#include "proto/cloudevents.pb-c.h"
#include "proto/decision.pb-c.h"
#include "proto/event.pb-c.h"
#include "proto/protobuf_read.h"
#include "proto/time.h"
#include "proto/wire_encode.h"
#include "proto/wire_internal.h"

/* ATTRIBUTES_MAX bounds the search for repeats. ARGS_DEPTH: args stand in data, data in the event, as in JSON. */
enum {
    ATTRIBUTES_MAX = 256,
    ARGS_DEPTH = 2
};

static const ProtobufCMessageDescriptor *message_of(enum sunder_event_kind kind)
{
    switch (kind) {
    case SUNDER_EVENT_INTENT:
    case SUNDER_EVENT_OBSERVED:
        return &dev__sunder__v1__intent__descriptor;
    case SUNDER_EVENT_OUTCOME:
        return &dev__sunder__v1__outcome__descriptor;
    case SUNDER_EVENT_TASK:
        return &dev__sunder__v1__task__descriptor;
    case SUNDER_EVENT_DELEGATION:
        return &dev__sunder__v1__delegation__descriptor;
    case SUNDER_EVENT_CASE:
        return &dev__sunder__v1__case__descriptor;
    case SUNDER_EVENT_CONTROL:
        return &dev__sunder__v1__control__descriptor;
    case SUNDER_EVENT_APPROVAL:
    case SUNDER_EVENT_UNKNOWN:
    case SUNDER_EVENT_KIND_COUNT:
        break;
    }
    return NULL;
}

static struct sunder_str text_of(const struct sunder_value *map, const char *name)
{
    const struct sunder_value *value = sunder_value_member(map, sunder_str_of(name));
    bool text = value != NULL && value->kind == SUNDER_VALUE_STRING;
    return text ? value->text : (struct sunder_str){0};
}

enum sunder_err sunder_wire_protobuf_data(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str bytes,
    enum sunder_event_kind kind,
    struct sunder_value *ret_data)
{
    const ProtobufCMessageDescriptor *message = message_of(kind);
    if (message == NULL) {
        *ret_data = (struct sunder_value){0}; /* Nobody here knows what it should be. */
        return SUNDER_OK;
    }
    struct sunder_protobuf_reader reader = {.arena = arena,
        .json = decoder->json,
        .json_depth = ARGS_DEPTH,
        .bytes = SUNDER_PROTOBUF_JSON,
        .why = ""};
    enum sunder_err err = sunder_protobuf_read(&reader, message, bytes, ret_data);
    decoder->why = reader.why;
    return err;
}

/* Whether a type url, "type.googleapis.com/dev.sunder.v1.Intent", ends with the name of a message. */
static bool names_message(struct sunder_str url, const ProtobufCMessageDescriptor *message)
{
    struct sunder_str name = sunder_str_of(message->name);
    return url.len > name.len && sunder_str_ends_with(url, name) &&
           url.at[url.len - name.len - 1] == '/';
}

static bool is_core_attribute(struct sunder_str name)
{
    return sunder_str_equal(name, SUNDER_STR("id")) ||
           sunder_str_equal(name, SUNDER_STR("source")) ||
           sunder_str_equal(name, SUNDER_STR("type")) ||
           sunder_str_equal(name, SUNDER_STR("specversion")) ||
           sunder_str_equal(name, SUNDER_STR("data"));
}

static bool is_bad_time(const struct sunder_value *value)
{
    int64_t ms = 0;
    return sunder_value_member(value, SUNDER_STR("ce_timestamp")) == NULL &&
           sunder_time_parse(text_of(value, "ce_string"), &ms) != SUNDER_OK;
}

/* Refuses repeats, and finds the two attributes that matter. */
static enum sunder_err read_attributes(struct sunder_wire_decoder *decoder,
    const struct sunder_value *event,
    struct sunder_wire_envelope *envelope,
    struct sunder_str *ret_content_type)
{
    const struct sunder_value *list = sunder_value_member(event, SUNDER_STR("attributes"));
    uint32_t count = list == NULL ? 0 : list->count;
    if (count > ATTRIBUTES_MAX) {
        decoder->why = "the event has too many attributes";
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct sunder_str name = text_of(&list->items[i], "key");
        const struct sunder_value *value =
            sunder_value_member(&list->items[i], SUNDER_STR("value"));
        bool repeated = is_core_attribute(name);
        for (uint32_t k = 0; k < i && !repeated; k++) {
            repeated = sunder_str_equal(name, text_of(&list->items[k], "key"));
        }
        if (repeated) {
            decoder->why = "an attribute of the event stands twice";
            return SUNDER_ERR_MALFORMED;
        }
        if (sunder_str_equal(name, SUNDER_STR("time"))) {
            envelope->bad_time = is_bad_time(value);
        } else if (sunder_str_equal(name, SUNDER_STR("datacontenttype"))) {
            *ret_content_type = text_of(value, "ce_string");
        }
    }
    return SUNDER_OK;
}

/* The data is a message of ours, or bytes or text of the media type that the event names. */
static enum sunder_err read_data(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    const struct sunder_value *event,
    struct sunder_wire_envelope *envelope)
{
    struct sunder_str content_type = {0};
    enum sunder_err err = read_attributes(decoder, event, envelope, &content_type);
    if (err != SUNDER_OK) {
        return err;
    }
    const struct sunder_value *any = sunder_value_member(event, SUNDER_STR("proto_data"));
    if (any != NULL) {
        enum sunder_event_kind kind = sunder_wire_kind(envelope->type);
        const ProtobufCMessageDescriptor *message = message_of(kind);
        if (message != NULL && !names_message(text_of(any, "type_url"), message)) {
            decoder->why = "the data is not the message that the type of the event says";
            return SUNDER_ERR_MALFORMED;
        }
        return sunder_wire_protobuf_data(
            decoder, arena, text_of(any, "value"), kind, &envelope->data);
    }
    struct sunder_str bytes = text_of(event, "binary_data");
    if (bytes.at == NULL) {
        bytes = text_of(event, "text_data");
    }
    if (bytes.at == NULL) {
        return SUNDER_OK; /* An event without data. */
    }
    return sunder_wire_data_of_type(decoder, arena, content_type, bytes, envelope);
}

static enum sunder_err read_event(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str bytes,
    struct sunder_value *ret_event)
{
    struct sunder_protobuf_reader reader = {
        .arena = arena, .bytes = SUNDER_PROTOBUF_RAW, .why = ""};
    enum sunder_err err = sunder_protobuf_read(
        &reader, &io__cloudevents__v1__cloud_event__descriptor, bytes, ret_event);
    decoder->why = reader.why;
    return err;
}

static struct sunder_wire_envelope envelope_of(const struct sunder_value *event)
{
    return (struct sunder_wire_envelope){.specversion = text_of(event, "spec_version"),
        .id = text_of(event, "id"),
        .source = text_of(event, "source"),
        .type = text_of(event, "type")};
}

enum sunder_err sunder_wire_protobuf_envelope(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str bytes,
    struct sunder_wire_envelope *ret_envelope)
{
    struct sunder_value event;
    enum sunder_err err = read_event(decoder, arena, bytes, &event);
    if (err == SUNDER_OK) {
        *ret_envelope = envelope_of(&event);
        err = read_data(decoder, arena, &event, ret_envelope);
    }
    return err;
}

enum sunder_err sunder_wire_protobuf_record(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str bytes,
    struct sunder_wire_envelope *ret_envelope)
{
    struct sunder_value event;
    enum sunder_err err = read_event(decoder, arena, bytes, &event);
    if (err != SUNDER_OK) {
        return err;
    }
    *ret_envelope = envelope_of(&event);
    const struct sunder_value *any = sunder_value_member(&event, SUNDER_STR("proto_data"));
    struct sunder_protobuf_reader reader = {
        .arena = arena, .json = decoder->json, .bytes = SUNDER_PROTOBUF_DIGEST, .why = ""};
    return sunder_protobuf_read(
        &reader, &dev__sunder__v1__record__descriptor, text_of(any, "value"), &ret_envelope->data);
}
