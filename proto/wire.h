/* What crosses a boundary: CloudEvents of the intents topic in, records of the decisions topic out and back in.
 *
 * Strict on the way in: what is not exactly right is refused with a code and a sentence, never guessed at. Deterministic on
 * the way out: the same record gives the same bytes.
 * Thread: a decoder or an encoder belongs to one thread. No heap after create. */
#pragma once

#include "engine/base/arena.h"
#include "engine/base/err.h"
#include "engine/model/decision.h"
#include "engine/model/event.h"

/* Free bytes of an arena in which every event within SUNDER_EVENT_BYTES_MAX can be decoded. With less, a hostile event may be
 * refused that another node accepts, so all arenas for events have this much. It is touched only as far as it is needed. */
#define SUNDER_WIRE_ARENA_BYTES (16u << 20)

/* The largest record that encode writes and decode_record reads: librdkafka's default of message.max.bytes. */
#define SUNDER_WIRE_RECORD_BYTES_MAX 1000000u

/* The value of the one header, `content-type`, of a record in each form. */
#define SUNDER_WIRE_TYPE_JSON "application/cloudevents+json"
#define SUNDER_WIRE_TYPE_PROTOBUF "application/cloudevents+protobuf"

/* A header of a Kafka record. value.at == NULL: null. */
struct sunder_wire_header {
    struct sunder_str name;
    struct sunder_str value;
};

/* A record of the intents topic; all borrowed. value.at == NULL: a tombstone.
 * at  where it stands on the log; copied to the event */
struct sunder_wire_record {
    struct sunder_str value;
    const struct sunder_wire_header *headers;
    uint32_t header_count;
    struct sunder_source at;
};

/* Why a whole value was refused, for its dead letter.
 * code   "malformed" or "limit_reached"
 * field  absent: the value as a whole is wrong
 * text   one sentence for a person, without the value's bytes; all three are static */
struct sunder_wire_problem {
    struct sunder_str code;
    struct sunder_str field;
    struct sunder_str text;
};

struct sunder_wire_decoder; /* Opaque. */

/* Gives a decoder. SUNDER_ERR_FULL: no memory. */
SUNDER_MUST_USE enum sunder_err sunder_wire_decoder_create(
    struct sunder_wire_decoder **ret_decoder);
void sunder_wire_decoder_destroy(struct sunder_wire_decoder **decoder);

/* Reads an event: CloudEvents as structured JSON, structured protobuf, or binary mode with JSON or protobuf data; told apart by
 * the header content-type, else by the ce_ headers, else by the first byte of the value.
 *   arena        gets what is not a view into the record
 *   record       outlives the event
 *   ret_event    with its problems of stage 1 sorted by (code, field); a kind other than intent and observed has no digest; an
 *                UNKNOWN or APPROVAL event has its tenant, agent, principal, task, case_id and object where they are strings,
 *                and no problems. Worthless on failure.
 *   ret_problem  written on failure only
 * SUNDER_ERR_MALFORMED: not a valid event (code malformed). SUNDER_ERR_FULL: too long, or nested too deep (limit_reached). */
SUNDER_MUST_USE enum sunder_err sunder_wire_decode_event(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    const struct sunder_wire_record *record,
    struct sunder_event *ret_event,
    struct sunder_wire_problem *ret_problem);

/* Makes the bytes of a dead letter: the value with its proofs taken out (S38), and the digest of the value as it was.
 * In JSON without errors the value of each member named `proof`, at any depth and in data_base64, becomes "sha256:" and its digest.
 * In anything else the proof, and whatever looks like a token, is overwritten in place.
 *   value      a record's value; borrowed; empty for a tombstone
 *   ret_value  in the arena: at most 6 times as long, as a rule a few bytes
 * SUNDER_ERR_FULL: the arena has no room. */
SUNDER_MUST_USE enum sunder_err sunder_wire_redact(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str value,
    struct sunder_str *ret_value,
    struct sunder_digest *ret_sha256);

/* What a line of `replay` may carry beside the event: sunderpartition, sunderoffset, sundertimestamp, and the event's time. */
struct sunder_wire_position {
    bool has_partition;
    bool has_offset;
    bool has_timestamp; /* sundertimestamp, else `time`. */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
};

/* Reads the position of a line of structured JSON; what the line has not, or what is no whole number of its range, is not
 * there (an unusable `time` too). SUNDER_ERR_MALFORMED, SUNDER_ERR_FULL: the line is no JSON object that decode_event would
 * read; it has no position. */
SUNDER_MUST_USE enum sunder_err sunder_wire_read_position(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str line,
    struct sunder_wire_position *ret_position);

/* A line of structured JSON: the event, and where it says that it lay.
 * event     without its place (`at`)
 * position  also of a line that is a JSON object but no event
 * problem   of a line that is no event */
struct sunder_wire_line {
    struct sunder_event event;
    struct sunder_wire_position position;
    struct sunder_wire_problem problem;
};

/* Reads event and position in one go; errors as of sunder_wire_decode_event. */
SUNDER_MUST_USE enum sunder_err sunder_wire_decode_line(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str line,
    struct sunder_wire_line *ret_line);

/* Reads a record that encode wrote, JSON or protobuf.
 *   arena         gets what is not a view into `bytes`, which outlive the decision
 *   ret_decision  every field that encode writes; source.topic too
 * SUNDER_ERR_CORRUPT: anything else, down to the byte: encoding the decision again gives the same bytes.
 * SUNDER_ERR_FULL: the arena has no room. */
SUNDER_MUST_USE enum sunder_err sunder_wire_decode_record(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str bytes,
    struct sunder_decision *ret_decision);

enum sunder_wire_format {
    SUNDER_WIRE_FORMAT_JSON,
    SUNDER_WIRE_FORMAT_PROTOBUF,
};

struct sunder_wire_encoder; /* Opaque. */

/* Gives an encoder. SUNDER_ERR_FULL: no memory. */
SUNDER_MUST_USE enum sunder_err sunder_wire_encoder_create(
    enum sunder_wire_format format, struct sunder_wire_encoder **ret_encoder);
void sunder_wire_encoder_destroy(struct sunder_wire_encoder **encoder);

/* Writes a record of the decisions topic, `seq` and `prev` included.
 *   decision  borrowed; its texts are valid UTF-8; measures and rule_keys are sorted by rule, none twice
 *   buf       `size` bytes
 * SUNDER_ERR_FULL: it does not fit (SUNDER_WIRE_RECORD_BYTES_MAX bytes are always enough, or the record is too large). */
SUNDER_MUST_USE enum sunder_err sunder_wire_encode_record(struct sunder_wire_encoder *encoder,
    const struct sunder_decision *decision,
    void *buf,
    size_t size,
    size_t *ret_len);

/* Writes the id of a record, "<topic>/<partition>/<offset>" and, for index > 0, "/<index>", into the arena.
 * at == NULL: no room. */
struct sunder_str sunder_wire_record_id(
    struct sunder_arena *arena, const struct sunder_source *source, uint32_t index);
