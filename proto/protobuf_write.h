/* An append-only writer of protobuf messages. The library's own needs texts that end with a NUL, which ours do not, and arrays of
 * pointers to messages, which would be made only for it. It checks room at each append and remembers when there was none.
 * Pure; any thread. */
#pragma once

#include "engine/base/str.h"

struct sunder_protobuf_out {
    uint8_t *at;
    uint8_t *end;
    bool full;
};

/* A length-prefixed field: string or bytes. */
void sunder_protobuf_put_bytes(
    struct sunder_protobuf_out *out, uint32_t field, const void *bytes, size_t len);
static inline void sunder_protobuf_put_text(
    struct sunder_protobuf_out *out, uint32_t field, struct sunder_str text)
{
    sunder_protobuf_put_bytes(out, field, text.at, text.len);
}

/* A varint field: uint32, uint64, int32, int64 and bool. */
void sunder_protobuf_put_u64(struct sunder_protobuf_out *out, uint32_t field, uint64_t value);

/* A message field: what is appended between the two calls is its content. Gives the mark that end wants. */
uint8_t *sunder_protobuf_begin(struct sunder_protobuf_out *out, uint32_t field);
void sunder_protobuf_end(struct sunder_protobuf_out *out, uint8_t *mark);
