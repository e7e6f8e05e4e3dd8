/* A strict reader of protobuf messages, led by the descriptors of generated code, to the tree that JSON would give: fields under
 * their names, repeated ones as lists, what is not there left out. The library's own reader takes unknown fields and repeats in
 * silence and cuts texts at a NUL; nothing that no digest covers may pass here.
 * Thread: a reader belongs to one thread. */
#pragma once

#include "engine/base/arena.h"
#include "engine/base/err.h"
#include "engine/model/value.h"
#include "proto/json.h"

struct ProtobufCMessageDescriptor;

/* What fields of type `bytes` hold. */
enum sunder_protobuf_bytes {
    SUNDER_PROTOBUF_RAW,    /* Bytes: a STRING that need not be UTF-8. */
    SUNDER_PROTOBUF_JSON,   /* JSON text: the value it says. */
    SUNDER_PROTOBUF_DIGEST, /* 32 bytes: a STRING of base64url. */
};

/* json        borrowed; for SUNDER_PROTOBUF_JSON
 * json_depth  levels of nesting around such text
 * why         half a sentence, static; set on failure */
struct sunder_protobuf_reader {
    struct sunder_arena *arena;
    struct sunder_json_parser *json;
    uint32_t json_depth;
    enum sunder_protobuf_bytes bytes;
    const char *why;
};

/* Reads a message as a MAP. A message whose one field is a repeated `names` is a LIST.
 *   bytes  borrowed; texts are views into it
 * SUNDER_ERR_MALFORMED: not that message, or a field that the descriptor has not, a single one twice, two of one oneof, a text
 * that is not UTF-8. SUNDER_ERR_FULL: no room in the arena, or JSON too deep. */
SUNDER_MUST_USE enum sunder_err sunder_protobuf_read(struct sunder_protobuf_reader *reader,
    const struct ProtobufCMessageDescriptor *message,
    struct sunder_str bytes,
    struct sunder_value *ret_value);
