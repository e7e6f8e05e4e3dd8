/* What the files of the wire share with each other, and with nobody else. */
#pragma once

#include "engine/model/limits.h"
#include "engine/model/value.h"
#include "proto/base64.h"
#include "proto/digest.h"
#include "proto/json.h"
#include "proto/json_write.h"
#include "proto/wire.h"

/* The canonical text of an event is at most this long: numbers grow most ("1e20" to 21 digits). */
#define SUNDER_WIRE_CANONICAL_BYTES ((size_t)6 * SUNDER_EVENT_BYTES_MAX)

/* json         for events and records
 * scratch      SUNDER_WIRE_CANONICAL_BYTES: canonical text of an event, or a record written again
 * again        writes decoded records again, one per form
 * policy, policy_text  the last policy digest that a record in JSON had, and its base64url with the quote behind it
 * why          why the last value was refused: half a sentence, static */
struct sunder_wire_decoder {
    struct sunder_json_parser *json;
    struct sunder_sha256 *sha256;
    char *scratch;
    struct sunder_wire_encoder *again[2];
    struct sunder_digest policy;
    char policy_text[SUNDER_BASE64_DIGEST_CHARS + 1];
    const char *why;
};

/* The envelope of an event, however it came; absent members have at == NULL.
 * bad_time  there is a `time` that is no timestamp: information that no decision needs, but malformed all the same
 * data  the data as a tree; kind ABSENT when there is none, or none that is an object can be made of it
 * root  the whole value as a tree, when it is JSON; else kind ABSENT */
struct sunder_wire_envelope {
    struct sunder_str specversion;
    struct sunder_str id;
    struct sunder_str source;
    struct sunder_str type;
    bool bad_time;
    struct sunder_value data;
    struct sunder_value root;
};

enum sunder_event_kind sunder_wire_kind(struct sunder_str type);

/* Of the tree of a whole line. */
struct sunder_wire_position sunder_wire_position_of(const struct sunder_value *root);

/* Fills an event, `at` apart, from its envelope; what is wrong with single fields becomes its problems.
 * SUNDER_ERR_FULL: no room. */
SUNDER_MUST_USE enum sunder_err sunder_wire_fill_event(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    const struct sunder_wire_envelope *envelope,
    struct sunder_event *event);

/* Reads a CloudEvents protobuf message, or the bare data message of a kind. Texts are views into `bytes`.
 * SUNDER_ERR_MALFORMED: not that message, down to unknown and repeated fields; SUNDER_ERR_FULL: no room, or data nested too deep. Then decoder->why says why. */
SUNDER_MUST_USE enum sunder_err sunder_wire_protobuf_envelope(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str bytes,
    struct sunder_wire_envelope *ret_envelope);
SUNDER_MUST_USE enum sunder_err sunder_wire_protobuf_data(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str bytes,
    enum sunder_event_kind kind,
    struct sunder_value *ret_data);

/* Takes the frame of a schema registry off a value, if it begins with one: 00, four bytes of schema id, and for protobuf the path
 * to the message. False: the frame is cut off, and the value unchanged. */
bool sunder_wire_skip_frame(struct sunder_str *value);

/* Data that came as bytes of a named media type: JSON, or a message of ours. An absent type is JSON; data of a type that cannot
 * be read is ABSENT. Errors as above. */
SUNDER_MUST_USE enum sunder_err sunder_wire_data_of_type(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str media_type,
    struct sunder_str bytes,
    struct sunder_wire_envelope *envelope);

/* Reads a record in protobuf as an envelope whose data is the tree that its JSON would give, near enough for a reader that takes
 * what it knows. SUNDER_ERR_MALFORMED, SUNDER_ERR_FULL as above. */
SUNDER_MUST_USE enum sunder_err sunder_wire_protobuf_record(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str bytes,
    struct sunder_wire_envelope *ret_envelope);

/* Reads a record in JSON of the common kinds, fast. False: it is not one of them, or none at all; the general reader knows. What it
 * reads, encode would write again to the same bytes. */
bool sunder_wire_exact_record(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str bytes,
    struct sunder_decision *ret_decision);

/* Reads any record, in JSON or protobuf: 1 to SUNDER_WIRE_RECORD_BYTES_MAX bytes. Errors as of decode. */
SUNDER_MUST_USE enum sunder_err sunder_wire_general_record(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str bytes,
    struct sunder_decision *ret_decision);
