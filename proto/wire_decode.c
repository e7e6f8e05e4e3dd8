/* From a record of the intents topic to the envelope of its event: which of the three modes it is in, and what that mode says. */
#include <stdlib.h>

#include "engine/base/must.h"
#include "proto/base64.h"
#include "proto/time.h"
#include "proto/wire_internal.h"

enum {
    DECODE_DEPTH = 0,
    DATA_DEPTH = 1
}; /* Levels around an envelope, and around data that comes alone. */

enum sunder_err sunder_wire_decoder_create(struct sunder_wire_decoder **ret_decoder)
{
    _Static_assert(
        SUNDER_WIRE_CANONICAL_BYTES >= SUNDER_WIRE_RECORD_BYTES_MAX, "one scratch for both");
    struct sunder_wire_decoder *decoder = calloc(1, sizeof(*decoder));
    if (decoder == NULL) {
        return SUNDER_ERR_FULL;
    }
    sunder_base64url_encode(
        decoder->policy.bytes, sizeof(decoder->policy.bytes), decoder->policy_text);
    decoder->policy_text[SUNDER_BASE64_DIGEST_CHARS] = '"';
    decoder->scratch = malloc(SUNDER_WIRE_CANONICAL_BYTES);
    enum sunder_err err = decoder->scratch == NULL ? SUNDER_ERR_FULL : SUNDER_OK;
    if (err == SUNDER_OK) {
        err = sunder_json_parser_create(SUNDER_WIRE_RECORD_BYTES_MAX, &decoder->json);
    }
    if (err == SUNDER_OK) {
        err = sunder_sha256_create(&decoder->sha256);
    }
    if (err == SUNDER_OK) {
        err = sunder_wire_encoder_create(SUNDER_WIRE_FORMAT_JSON, &decoder->again[0]);
    }
    if (err == SUNDER_OK) {
        err = sunder_wire_encoder_create(SUNDER_WIRE_FORMAT_PROTOBUF, &decoder->again[1]);
    }
    if (err != SUNDER_OK) {
        sunder_wire_decoder_destroy(&decoder);
        return err;
    }
    *ret_decoder = decoder;
    return SUNDER_OK;
}

void sunder_wire_decoder_destroy(struct sunder_wire_decoder **decoder)
{
    if (*decoder != NULL) {
        sunder_wire_encoder_destroy(&(*decoder)->again[0]);
        sunder_wire_encoder_destroy(&(*decoder)->again[1]);
        sunder_json_parser_destroy(&(*decoder)->json);
        sunder_sha256_destroy(&(*decoder)->sha256);
        free((*decoder)->scratch);
        free(*decoder);
        *decoder = NULL;
    }
}

static char lower(char c)
{
    bool upper = c >= 'A' && c <= 'Z';
    return (char)(upper ? c - 'A' + 'a' : c);
}

/* Whether `text` begins with `prefix`, which is lower case, whatever the case of its ASCII letters. */
static bool begins_with(struct sunder_str text, struct sunder_str prefix)
{
    if (text.len < prefix.len) {
        return false;
    }
    for (uint32_t i = 0; i < prefix.len; i++) {
        if (lower(text.at[i]) != prefix.at[i]) {
            return false;
        }
    }
    return true;
}

static bool is_named(struct sunder_str name, struct sunder_str lower_name)
{
    return name.len == lower_name.len && begins_with(name, lower_name);
}

/* The type of a media type without its parameters: "application/json; charset=utf-8". */
static struct sunder_str media_type(struct sunder_str text)
{
    uint32_t len = 0;
    while (len < text.len && text.at[len] != ';' && text.at[len] != ' ') {
        len += 1;
    }
    return (struct sunder_str){text.at, len};
}

/* What the headers say. */
struct headers {
    struct sunder_str content_type;
    struct sunder_str datacontenttype;
    struct sunder_str specversion;
    struct sunder_str id;
    struct sunder_str source;
    struct sunder_str type;
    struct sunder_str time;
};

static enum sunder_err malformed(struct sunder_wire_problem *problem, const char *text)
{
    *problem =
        (struct sunder_wire_problem){.code = SUNDER_STR("malformed"), .text = sunder_str_of(text)};
    return SUNDER_ERR_MALFORMED;
}

/* Turns a failure of a parser into a problem: too deep or too long is a limit. */
static enum sunder_err refused(
    struct sunder_wire_problem *problem, enum sunder_err err, const char *why)
{
    *problem = (struct sunder_wire_problem){.text = sunder_str_of(why)};
    if (err == SUNDER_ERR_FULL) {
        problem->code = SUNDER_STR("limit_reached");
        return err;
    }
    problem->code = SUNDER_STR("malformed");
    return SUNDER_ERR_MALFORMED;
}

/* Sets the one header of a name; a null header is an absent one. False: it stands twice. */
static bool set_header(struct sunder_str *slot, struct sunder_str value)
{
    if (value.at == NULL) {
        return true;
    }
    if (slot->at != NULL) {
        return false;
    }
    *slot = value;
    return true;
}

static struct sunder_str *header_slot(struct headers *headers, struct sunder_str name)
{
    if (is_named(name, SUNDER_STR("content-type"))) {
        return &headers->content_type;
    }
    if (!begins_with(name, SUNDER_STR("ce_"))) {
        return NULL;
    }
    struct sunder_str attribute = {name.at + 3, name.len - 3};
    if (is_named(attribute, SUNDER_STR("specversion"))) {
        return &headers->specversion;
    }
    if (is_named(attribute, SUNDER_STR("id"))) {
        return &headers->id;
    }
    if (is_named(attribute, SUNDER_STR("source"))) {
        return &headers->source;
    }
    if (is_named(attribute, SUNDER_STR("type"))) {
        return &headers->type;
    }
    if (is_named(attribute, SUNDER_STR("time"))) {
        return &headers->time;
    }
    return is_named(attribute, SUNDER_STR("datacontenttype")) ? &headers->datacontenttype : NULL;
}

static bool same_name(struct sunder_str a, struct sunder_str b)
{
    if (a.len != b.len) {
        return false;
    }
    for (uint32_t i = 0; i < a.len; i++) {
        if (lower(a.at[i]) != lower(b.at[i])) {
            return false;
        }
    }
    return true;
}

/* Attributes of the event that we do not read may not be repeated either: whoever does read them would be led astray. */
static bool repeats_attribute(const struct sunder_wire_record *record, uint32_t index)
{
    struct sunder_wire_header header = record->headers[index];
    if (header.value.at == NULL || !begins_with(header.name, SUNDER_STR("ce_"))) {
        return false;
    }
    for (uint32_t i = 0; i < index; i++) {
        if (record->headers[i].value.at != NULL &&
            same_name(record->headers[i].name, header.name)) {
            return true;
        }
    }
    return false;
}

/* Bounds the search for repeats, which looks at each pair. */
enum {
    HEADERS_MAX = 256
};

static enum sunder_err read_headers(const struct sunder_wire_record *record,
    struct headers *ret_headers,
    struct sunder_wire_problem *problem)
{
    struct headers headers = {0};
    if (record->header_count > HEADERS_MAX) {
        return refused(problem, SUNDER_ERR_FULL, "the record has too many headers");
    }
    for (uint32_t i = 0; i < record->header_count; i++) {
        struct sunder_str *slot = header_slot(&headers, record->headers[i].name);
        bool once = slot == NULL ? !repeats_attribute(record, i)
                                 : set_header(slot, record->headers[i].value);
        if (!once) {
            return malformed(problem, "a header of the event stands twice");
        }
    }
    *ret_headers = headers;
    return SUNDER_OK;
}

static bool has_binary_attributes(const struct headers *headers)
{
    return headers->specversion.at != NULL && headers->id.at != NULL &&
           headers->source.at != NULL && headers->type.at != NULL;
}

enum sunder_err sunder_wire_data_of_type(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str type,
    struct sunder_str bytes,
    struct sunder_wire_envelope *envelope)
{
    struct sunder_str media = media_type(type);
    bool json = media.at == NULL || is_named(media, SUNDER_STR("application/json")) ||
                is_named(media, SUNDER_STR("text/json"));
    if (!json && media.len > 5) {
        struct sunder_str suffix = {media.at + (media.len - 5), 5};
        json = is_named(suffix, SUNDER_STR("+json"));
    }
    if (json) {
        enum sunder_err err =
            sunder_json_parse(decoder->json, arena, bytes, DATA_DEPTH, &envelope->data);
        decoder->why = sunder_json_why(decoder->json);
        return err;
    }
    if (is_named(media, SUNDER_STR("application/protobuf")) ||
        is_named(media, SUNDER_STR("application/x-protobuf"))) {
        return sunder_wire_protobuf_data(
            decoder, arena, bytes, sunder_wire_kind(envelope->type), &envelope->data);
    }
    envelope->data = (struct sunder_value){0};
    return SUNDER_OK;
}

static bool is_time(struct sunder_str text)
{
    int64_t ms = 0;
    return sunder_time_parse(text, &ms) == SUNDER_OK;
}

static enum sunder_err decode_binary(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    const struct sunder_wire_record *record,
    const struct headers *headers,
    struct sunder_wire_envelope *envelope)
{
    *envelope = (struct sunder_wire_envelope){.specversion = headers->specversion,
        .id = headers->id,
        .source = headers->source,
        .type = headers->type,
        .bad_time = headers->time.at != NULL && !is_time(headers->time)};
    if (!sunder_json_utf8_valid(headers->id) || !sunder_json_utf8_valid(headers->source) ||
        !sunder_json_utf8_valid(headers->type)) {
        decoder->why = "a header of the event is not UTF-8";
        return SUNDER_ERR_MALFORMED;
    }
    struct sunder_str type = headers->content_type;
    if (type.at == NULL) {
        type = headers->datacontenttype;
    } else if (headers->datacontenttype.at != NULL &&
               !sunder_str_equal(type, headers->datacontenttype)) {
        decoder->why = "content-type and ce_datacontenttype differ";
        return SUNDER_ERR_MALFORMED;
    }
    if (record->value.len == 0) {
        return SUNDER_OK; /* An event without data. */
    }
    return sunder_wire_data_of_type(decoder, arena, type, record->value, envelope);
}

static struct sunder_str text_of(const struct sunder_value *value)
{
    if (value == NULL || value->kind != SUNDER_VALUE_STRING) {
        return (struct sunder_str){0};
    }
    return value->text;
}

static enum sunder_err decode_base64(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    const struct sunder_value *root,
    struct sunder_wire_envelope *envelope)
{
    struct sunder_str text = text_of(sunder_value_member(root, SUNDER_STR("data_base64")));
    char *bytes = sunder_arena_alloc_raw(arena, text.len + 1u, 1);
    if (bytes == NULL) {
        decoder->why = "the value does not fit in memory";
        return SUNDER_ERR_FULL;
    }
    size_t len = 0;
    if (text.at == NULL || sunder_base64_decode(text, (uint8_t *)bytes, &len) != SUNDER_OK) {
        decoder->why = "data_base64 is not base64";
        return SUNDER_ERR_MALFORMED;
    }
    struct sunder_str type = text_of(sunder_value_member(root, SUNDER_STR("datacontenttype")));
    struct sunder_str data = {bytes, (uint32_t)len};
    return sunder_wire_data_of_type(decoder, arena, type, data, envelope);
}

static bool is_named_exactly(struct sunder_str name, struct sunder_str expected)
{
    return name.len == expected.len && memcmp(name.at, expected.at, name.len) == 0;
}

/* Sets what a member of the event says; gives data_base64, if it is that. */
static const struct sunder_value *take_member(
    struct sunder_wire_envelope *envelope, const struct sunder_member *member)
{
    struct sunder_str name = member->name;
    const struct sunder_value *value = &member->value;
    if (is_named_exactly(name, SUNDER_STR("data"))) {
        envelope->data = *value;
    } else if (is_named_exactly(name, SUNDER_STR("id"))) {
        envelope->id = text_of(value);
    } else if (is_named_exactly(name, SUNDER_STR("source"))) {
        envelope->source = text_of(value);
    } else if (is_named_exactly(name, SUNDER_STR("specversion"))) {
        envelope->specversion = text_of(value);
    } else if (is_named_exactly(name, SUNDER_STR("time"))) {
        envelope->bad_time = value->kind != SUNDER_VALUE_NULL && !is_time(text_of(value));
    } else if (is_named_exactly(name, SUNDER_STR("type"))) {
        envelope->type = text_of(value);
    } else if (is_named_exactly(name, SUNDER_STR("data_base64"))) {
        return value;
    }
    return NULL;
}

static enum sunder_err decode_json(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str text,
    struct sunder_wire_envelope *envelope)
{
    struct sunder_value root;
    enum sunder_err err = sunder_json_parse(decoder->json, arena, text, DECODE_DEPTH, &root);
    if (err != SUNDER_OK) {
        decoder->why = sunder_json_why(decoder->json);
        return err;
    }
    if (root.kind != SUNDER_VALUE_MAP) {
        decoder->why = "the value is no JSON object";
        return SUNDER_ERR_MALFORMED;
    }
    *envelope = (struct sunder_wire_envelope){.root = root};
    const struct sunder_value *base64 = NULL;
    for (uint32_t i = 0; i < root.count; i++) {
        const struct sunder_value *found = take_member(envelope, &root.members[i]);
        base64 = found != NULL ? found : base64;
    }
    if (base64 == NULL || base64->kind == SUNDER_VALUE_NULL) {
        return SUNDER_OK;
    }
    if (envelope->data.kind != SUNDER_VALUE_ABSENT && envelope->data.kind != SUNDER_VALUE_NULL) {
        decoder->why = "data and data_base64 exclude each other";
        return SUNDER_ERR_MALFORMED;
    }
    return decode_base64(decoder, arena, &root, envelope);
}

/* Reads one variable-length integer; false when it is cut off or longer than 10 bytes. */
static bool read_varint(struct sunder_str bytes, uint32_t *at, uint64_t *ret)
{
    uint64_t value = 0;
    for (uint32_t shift = 0; shift < 70 && *at < bytes.len; shift += 7) {
        uint8_t byte = (uint8_t)bytes.at[*at];
        *at += 1;
        value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
        if ((byte & 0x80) == 0) {
            *ret = value;
            return true;
        }
    }
    return false;
}

/* The path to the message is a count and that many indexes (zigzag; a lone 0 is the first message). Which message it is, the type
 * of the event says. */
bool sunder_wire_skip_frame(struct sunder_str *value)
{
    enum {
        FRAME_BYTES = 5,
        INDEXES_MAX = 16
    };
    if (value->len == 0 || value->at[0] != '\0') {
        return true;
    }
    if (value->len <= FRAME_BYTES) {
        return false;
    }
    uint32_t at = FRAME_BYTES;
    if (value->at[at] != '{') {
        uint64_t count = 0;
        if (!read_varint(*value, &at, &count) || (count & 1) != 0 || count / 2 > INDEXES_MAX) {
            return false;
        }
        for (uint64_t i = 0; i < count / 2; i++) {
            uint64_t index = 0;
            if (!read_varint(*value, &at, &index)) {
                return false;
            }
        }
    }
    *value = (struct sunder_str){value->at + at, value->len - at};
    return true;
}

enum mode {
    MODE_UNKNOWN,
    MODE_JSON,
    MODE_PROTOBUF,
    MODE_BINARY,
    MODE_FIRST_BYTE,
};

static enum mode find_mode(struct sunder_wire_decoder *decoder, const struct headers *headers)
{
    struct sunder_str type = media_type(headers->content_type);
    if (begins_with(type, SUNDER_STR("application/cloudevents"))) {
        if (is_named(type, SUNDER_STR(SUNDER_WIRE_TYPE_JSON))) {
            return MODE_JSON;
        }
        if (is_named(type, SUNDER_STR(SUNDER_WIRE_TYPE_PROTOBUF))) {
            return MODE_PROTOBUF;
        }
        decoder->why = begins_with(type, SUNDER_STR("application/cloudevents-batch"))
                           ? "batches of events are not for Kafka"
                           : "the event is in a format other than JSON and protobuf";
        return MODE_UNKNOWN;
    }
    if (has_binary_attributes(headers)) {
        return MODE_BINARY;
    }
    if (headers->content_type.at == NULL) {
        return MODE_FIRST_BYTE;
    }
    decoder->why = "the headers are not those of a CloudEvent";
    return MODE_UNKNOWN;
}

/* Structured mode: a frame of a schema registry may come first, which no JSON and no protobuf begins with. */
static enum sunder_err decode_structured(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str value,
    enum mode mode,
    struct sunder_wire_envelope *envelope)
{
    if (!sunder_wire_skip_frame(&value)) {
        decoder->why = "the frame of the schema registry is cut off";
        return SUNDER_ERR_MALFORMED;
    }
    bool json =
        mode == MODE_JSON || (mode == MODE_FIRST_BYTE && value.len != 0 && value.at[0] == '{');
    if (json) {
        return decode_json(decoder, arena, value, envelope);
    }
    enum sunder_err err = sunder_wire_protobuf_envelope(decoder, arena, value, envelope);
    if (err == SUNDER_ERR_MALFORMED && mode == MODE_FIRST_BYTE) {
        decoder->why = "the value is neither JSON nor a CloudEvent in protobuf";
    }
    return err;
}

static enum sunder_err check_envelope(
    const struct sunder_wire_envelope *envelope, struct sunder_wire_problem *problem)
{
    if (!sunder_str_equal(envelope->specversion, SUNDER_STR("1.0"))) {
        return malformed(problem, "specversion is not \"1.0\"");
    }
    if (envelope->id.at == NULL || envelope->source.at == NULL || envelope->type.at == NULL) {
        return malformed(problem, "the event lacks an id, a source or a type");
    }
    return SUNDER_OK;
}

enum sunder_err sunder_wire_decode_event(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    const struct sunder_wire_record *record,
    struct sunder_event *ret_event,
    struct sunder_wire_problem *ret_problem)
{
    if (record->value.at == NULL) {
        return malformed(ret_problem, "the record has no value (a tombstone)");
    }
    if (record->value.len > SUNDER_EVENT_BYTES_MAX) {
        return refused(ret_problem, SUNDER_ERR_FULL, "the event is too long");
    }
    struct headers headers;
    enum sunder_err err = read_headers(record, &headers, ret_problem);
    if (err != SUNDER_OK) {
        return err;
    }
    struct sunder_wire_envelope envelope = {0};
    enum mode mode = find_mode(decoder, &headers);
    if (mode == MODE_UNKNOWN) {
        return malformed(ret_problem, decoder->why);
    }
    err = mode == MODE_BINARY ? decode_binary(decoder, arena, record, &headers, &envelope)
                              : decode_structured(decoder, arena, record->value, mode, &envelope);
    if (err != SUNDER_OK) {
        return refused(ret_problem, err, decoder->why);
    }
    err = check_envelope(&envelope, ret_problem);
    if (err != SUNDER_OK) {
        return err;
    }
    err = sunder_wire_fill_event(decoder, arena, &envelope, ret_event);
    if (err != SUNDER_OK) {
        return refused(ret_problem, err, "the value does not fit in memory");
    }
    ret_event->at = record->at;
    return SUNDER_OK;
}

enum sunder_err sunder_wire_read_position(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str line,
    struct sunder_wire_position *ret_position)
{
    if (line.len > SUNDER_EVENT_BYTES_MAX) {
        return SUNDER_ERR_FULL;
    }
    struct sunder_value root;
    enum sunder_err err = sunder_json_parse(decoder->json, arena, line, DECODE_DEPTH, &root);
    if (err != SUNDER_OK) {
        return err;
    }
    if (root.kind != SUNDER_VALUE_MAP) {
        return SUNDER_ERR_MALFORMED;
    }
    *ret_position = sunder_wire_position_of(&root);
    return SUNDER_OK;
}

enum sunder_err sunder_wire_decode_line(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str line,
    struct sunder_wire_line *ret_line)
{
    ret_line->position = (struct sunder_wire_position){0};
    if (line.len > SUNDER_EVENT_BYTES_MAX) {
        return refused(&ret_line->problem, SUNDER_ERR_FULL, "the event is too long");
    }
    struct sunder_wire_envelope envelope = {0};
    enum sunder_err err = decode_json(decoder, arena, line, &envelope);
    if (envelope.root.kind == SUNDER_VALUE_MAP) {
        ret_line->position = sunder_wire_position_of(&envelope.root);
    }
    if (err != SUNDER_OK) {
        return refused(&ret_line->problem, err, decoder->why);
    }
    err = check_envelope(&envelope, &ret_line->problem);
    if (err != SUNDER_OK) {
        return err;
    }
    err = sunder_wire_fill_event(decoder, arena, &envelope, &ret_line->event);
    return err == SUNDER_OK ? SUNDER_OK
                            : refused(&ret_line->problem, err, "the value does not fit in memory");
}
