#include "proto/wire_encode.h"
#include "proto/wire_internal.h"
enum sunder_err sunder_wire_protobuf_envelope(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str bytes,
    struct sunder_wire_envelope *ret_envelope,
    const char **ret_why)
{
    (void)decoder;
    (void)arena;
    (void)bytes;
    (void)ret_envelope;
    *ret_why = "this build does not read protobuf";
    return SUNDER_ERR_MALFORMED;
}
enum sunder_err sunder_wire_protobuf_data(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str bytes,
    enum sunder_event_kind kind,
    struct sunder_value *ret_data,
    const char **ret_why)
{
    (void)decoder;
    (void)arena;
    (void)bytes;
    (void)kind;
    (void)ret_data;
    *ret_why = "this build does not read protobuf";
    return SUNDER_ERR_MALFORMED;
}
enum sunder_err sunder_wire_decode_protobuf(
    struct sunder_arena *arena, struct sunder_str bytes, struct sunder_decision *decision)
{
    (void)arena;
    (void)bytes;
    (void)decision;
    return SUNDER_ERR_CORRUPT;
}
enum sunder_err sunder_wire_encode_protobuf(struct sunder_wire_encoder *encoder,
    const struct sunder_decision *decision,
    void *buf,
    size_t size,
    size_t *ret_len)
{
    (void)encoder;
    (void)decision;
    (void)buf;
    (void)size;
    (void)ret_len;
    return SUNDER_ERR_UNSUPPORTED;
}
