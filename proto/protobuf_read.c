#include "proto/protobuf_read.h"

#include <protobuf-c/protobuf-c.h>

#include "engine/base/must.h"
#include "proto/base64.h"
#include "proto/json_write.h"

enum {
    FIELDS_MAX = 64,
    DIGEST_BYTES = 32,
    NUMBER_CHARS_MAX = 20
};

/* One field on the wire: a number, or a slice. */
struct slot {
    const ProtobufCFieldDescriptor *field;
    uint64_t number;
    struct sunder_str slice;
};

/* What a message has of each field of its descriptor, by index.
 * slots   the last one seen
 * counts  how many
 * items   of repeated fields: where the next one goes */
struct content {
    struct slot slots[FIELDS_MAX];
    uint32_t counts[FIELDS_MAX];
    struct sunder_value *items[FIELDS_MAX];
};

static enum sunder_err malformed(struct sunder_protobuf_reader *reader, const char *why)
{
    reader->why = why;
    return SUNDER_ERR_MALFORMED;
}

static enum sunder_err no_room(struct sunder_protobuf_reader *reader)
{
    reader->why = "the value does not fit in memory";
    return SUNDER_ERR_FULL;
}

static bool take_varint(struct sunder_str *rest, uint64_t *ret)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < rest->len && i < 10; i++) {
        uint8_t byte = (uint8_t)rest->at[i];
        if (i == 9 && byte > 1) {
            return false; /* More than 64 bits. */
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            rest->at += i + 1;
            rest->len -= i + 1;
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool is_slice(ProtobufCType type)
{
    return type == PROTOBUF_C_TYPE_STRING || type == PROTOBUF_C_TYPE_BYTES ||
           type == PROTOBUF_C_TYPE_MESSAGE;
}

/* Takes the next field off `rest`. */
static enum sunder_err take_slot(struct sunder_protobuf_reader *reader,
    const ProtobufCMessageDescriptor *message,
    struct sunder_str *rest,
    struct slot *slot)
{
    uint64_t tag = 0;
    if (!take_varint(rest, &tag) || tag > UINT32_MAX) {
        return malformed(reader, "the value is no protobuf message");
    }
    slot->field = protobuf_c_message_descriptor_get_field(message, (unsigned)(tag >> 3));
    if (slot->field == NULL) {
        return malformed(reader, "the value has a field that is unknown here");
    }
    uint32_t wire = (uint32_t)(tag & 7);
    bool slice = is_slice(slot->field->type);
    if (wire != (slice ? PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED : PROTOBUF_C_WIRE_TYPE_VARINT) ||
        !take_varint(rest, &slot->number)) {
        return malformed(reader, "a field is not of its type");
    }
    if (!slice) {
        return SUNDER_OK;
    }
    if (slot->number > rest->len) {
        return malformed(reader, "the value is cut off");
    }
    slot->slice = (struct sunder_str){rest->at, (uint32_t)slot->number};
    rest->at += slot->slice.len;
    rest->len -= slot->slice.len;
    return SUNDER_OK;
}

static bool excludes(const ProtobufCFieldDescriptor *a, const ProtobufCFieldDescriptor *b)
{
    return (a->flags & b->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
           a->quantifier_offset == b->quantifier_offset;
}

/* Counts the fields and keeps the last one of each; refuses what may not stand there twice. */
static enum sunder_err scan(struct sunder_protobuf_reader *reader,
    const ProtobufCMessageDescriptor *message,
    struct sunder_str bytes,
    struct content *content)
{
    while (bytes.len != 0) {
        struct slot slot = {0};
        enum sunder_err err = take_slot(reader, message, &bytes, &slot);
        if (err != SUNDER_OK) {
            return err;
        }
        uint32_t index = (uint32_t)(slot.field - message->fields);
        bool repeated = slot.field->label == PROTOBUF_C_LABEL_REPEATED;
        if (content->counts[index] != 0 && !repeated) {
            return malformed(reader, "a field stands twice");
        }
        for (uint32_t i = 0; i < message->n_fields; i++) {
            if (i != index && content->counts[i] != 0 &&
                excludes(&message->fields[i], slot.field)) {
                return malformed(reader, "two fields exclude each other");
            }
        }
        content->slots[index] = slot;
        content->counts[index] += 1;
    }
    return SUNDER_OK;
}

static enum sunder_err digest_value(
    struct sunder_protobuf_reader *reader, struct sunder_str slice, struct sunder_value *value)
{
    if (slice.len != DIGEST_BYTES) {
        return malformed(reader, "a digest has not 32 bytes");
    }
    char *text = sunder_arena_alloc_raw(reader->arena, SUNDER_BASE64_DIGEST_CHARS, 1);
    if (text == NULL) {
        return no_room(reader);
    }
    sunder_base64url_encode((const uint8_t *)slice.at, slice.len, text);
    *value = (struct sunder_value){
        .kind = SUNDER_VALUE_STRING, .text = {text, SUNDER_BASE64_DIGEST_CHARS}};
    return SUNDER_OK;
}

static enum sunder_err bytes_value(
    struct sunder_protobuf_reader *reader, struct sunder_str slice, struct sunder_value *value)
{
    if (reader->bytes == SUNDER_PROTOBUF_DIGEST) {
        return digest_value(reader, slice, value);
    }
    if (reader->bytes == SUNDER_PROTOBUF_JSON) {
        enum sunder_err err =
            sunder_json_parse(reader->json, reader->arena, slice, reader->json_depth, value);
        reader->why = sunder_json_why(reader->json);
        return err;
    }
    *value = (struct sunder_value){.kind = SUNDER_VALUE_STRING, .text = slice};
    return SUNDER_OK;
}

/* Numbers are varints; signed ones are sign-extended to 64 bits. */
static enum sunder_err number_value(
    struct sunder_protobuf_reader *reader, const struct slot *slot, struct sunder_value *value)
{
    ProtobufCType type = slot->field->type;
    bool is_signed = type == PROTOBUF_C_TYPE_INT32 || type == PROTOBUF_C_TYPE_INT64;
    int64_t number = (int64_t)slot->number;
    bool fits = (type != PROTOBUF_C_TYPE_UINT32 || slot->number <= UINT32_MAX) &&
                (type != PROTOBUF_C_TYPE_INT32 || (number >= INT32_MIN && number <= INT32_MAX));
    SUNDER_MUST(is_signed || type == PROTOBUF_C_TYPE_UINT32 || type == PROTOBUF_C_TYPE_UINT64);
    if (!fits) {
        return malformed(reader, "a number does not fit its field");
    }
    char *text = sunder_arena_alloc_raw(reader->arena, NUMBER_CHARS_MAX, 1);
    if (text == NULL) {
        return no_room(reader);
    }
    struct sunder_json_out out = {text, text + NUMBER_CHARS_MAX, false};
    if (is_signed) {
        sunder_json_put_i64(&out, number);
    } else {
        sunder_json_put_u64(&out, slot->number);
    }
    *value = (struct sunder_value){
        .kind = SUNDER_VALUE_NUMBER, .text = {text, (uint32_t)(out.at - text)}};
    return SUNDER_OK;
}

static bool is_list_of_names(const ProtobufCMessageDescriptor *message)
{
    return message->n_fields == 1 && message->fields[0].label == PROTOBUF_C_LABEL_REPEATED &&
           strcmp(message->fields[0].name, "names") == 0;
}

static enum sunder_err message_value(
    struct sunder_protobuf_reader *reader, const struct slot *slot, struct sunder_value *value)
{
    const ProtobufCMessageDescriptor *message = slot->field->descriptor;
    enum sunder_err err = sunder_protobuf_read(reader, message, slot->slice, value);
    if (err == SUNDER_OK && is_list_of_names(message)) {
        const struct sunder_value *names = sunder_value_member(value, SUNDER_STR("names"));
        *value = names != NULL ? *names : (struct sunder_value){.kind = SUNDER_VALUE_LIST};
    }
    return err;
}

static enum sunder_err slot_value(
    struct sunder_protobuf_reader *reader, const struct slot *slot, struct sunder_value *value)
{
    SUNDER_MUST(slot->field != NULL);
    if (slot->field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return message_value(reader, slot, value);
    }
    if (slot->field->type == PROTOBUF_C_TYPE_BYTES) {
        return bytes_value(reader, slot->slice, value);
    }
    if (slot->field->type == PROTOBUF_C_TYPE_STRING) {
        if (!sunder_json_utf8_valid(slot->slice)) {
            return malformed(reader, "the value is not UTF-8");
        }
        *value = (struct sunder_value){.kind = SUNDER_VALUE_STRING, .text = slot->slice};
        return SUNDER_OK;
    }
    if (slot->field->type == PROTOBUF_C_TYPE_BOOL) {
        *value = (struct sunder_value){.kind = SUNDER_VALUE_BOOL, .boolean = slot->number != 0};
        return slot->number <= 1 ? SUNDER_OK : malformed(reader, "a field is not of its type");
    }
    return number_value(reader, slot, value);
}

/* Fills the lists of repeated fields, in their order on the wire. */
static enum sunder_err fill_lists(struct sunder_protobuf_reader *reader,
    const ProtobufCMessageDescriptor *message,
    struct sunder_str bytes,
    struct content *content)
{
    bool any = false;
    for (uint32_t i = 0; i < message->n_fields; i++) {
        bool repeated = message->fields[i].label == PROTOBUF_C_LABEL_REPEATED;
        if (repeated && content->counts[i] != 0) {
            any = true;
            content->items[i] =
                SUNDER_ARENA_NEW(reader->arena, struct sunder_value, content->counts[i]);
            if (content->items[i] == NULL) {
                return no_room(reader);
            }
        }
    }
    enum sunder_err err = SUNDER_OK;
    while (any && err == SUNDER_OK && bytes.len != 0) {
        struct slot slot = {0};
        err = take_slot(reader, message, &bytes, &slot);
        SUNDER_MUST(err == SUNDER_OK && slot.field != NULL); /* The scan has been here. */
        uint32_t index = (uint32_t)(slot.field - message->fields);
        if (content->items[index] != NULL) {
            err = slot_value(reader, &slot, content->items[index]);
            content->items[index] += 1;
        }
    }
    return err;
}

static enum sunder_err fill_members(struct sunder_protobuf_reader *reader,
    const ProtobufCMessageDescriptor *message,
    const struct content *content,
    struct sunder_value *ret_value)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < message->n_fields; i++) {
        count += content->counts[i] != 0 ? 1 : 0;
    }
    struct sunder_member *members = SUNDER_ARENA_NEW(reader->arena, struct sunder_member, count);
    if (members == NULL) {
        return no_room(reader);
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < message->n_fields; i++) {
        uint32_t index = message->fields_sorted_by_name[i];
        if (content->counts[index] == 0) {
            continue;
        }
        members[at].name = sunder_str_of(message->fields[index].name);
        if (content->items[index] != NULL) {
            members[at].value = (struct sunder_value){.kind = SUNDER_VALUE_LIST,
                .count = content->counts[index],
                .items = content->items[index] - content->counts[index]};
        } else {
            enum sunder_err err = slot_value(reader, &content->slots[index], &members[at].value);
            if (err != SUNDER_OK) {
                return err;
            }
        }
        at += 1;
    }
    *ret_value =
        (struct sunder_value){.kind = SUNDER_VALUE_MAP, .count = count, .members = members};
    return SUNDER_OK;
}

/* The recursion is as deep as the descriptors, which have no cycle. */
enum sunder_err sunder_protobuf_read(struct sunder_protobuf_reader *reader,
    const struct ProtobufCMessageDescriptor *message,
    struct sunder_str bytes,
    struct sunder_value *ret_value)
{
    SUNDER_MUST(message->n_fields <= FIELDS_MAX);
    struct content content = {0};
    enum sunder_err err = scan(reader, message, bytes, &content);
    if (err == SUNDER_OK) {
        err = fill_lists(reader, message, bytes, &content);
    }
    if (err == SUNDER_OK) {
        err = fill_members(reader, message, &content, ret_value);
    }
    return err;
}
