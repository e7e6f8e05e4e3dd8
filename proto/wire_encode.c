/* Encoders of records, whatever their form. */
#include "proto/wire_encode.h"

#include <stdlib.h>

#include "engine/base/must.h"
#include "proto/base64.h"

enum sunder_err sunder_wire_encoder_create(
    enum sunder_wire_format format, struct sunder_wire_encoder **ret_encoder)
{
    struct sunder_wire_encoder *encoder = calloc(1, sizeof(*encoder));
    if (encoder == NULL) {
        return SUNDER_ERR_FULL;
    }
    encoder->format = format;
    const struct sunder_digest none = {{0}};
    encoder->policy = none;
    sunder_base64url_encode(none.bytes, sizeof(none.bytes), encoder->policy_text);
    *ret_encoder = encoder;
    return SUNDER_OK;
}

void sunder_wire_encoder_destroy(struct sunder_wire_encoder **encoder)
{
    if (*encoder != NULL) {
        free(*encoder);
        *encoder = NULL;
    }
}

struct sunder_str sunder_wire_write_id(
    const struct sunder_source *source, uint32_t index, char *buf)
{
    if (source->topic.len > SUNDER_WIRE_TOPIC_MAX) {
        return (struct sunder_str){0};
    }
    struct sunder_json_out out = {buf, buf + SUNDER_WIRE_ID_MAX, false};
    sunder_json_put(&out, source->topic.at, source->topic.len);
    SUNDER_JSON_PUT(&out, "/");
    sunder_json_put_i64(&out, source->partition);
    SUNDER_JSON_PUT(&out, "/");
    sunder_json_put_i64(&out, source->offset);
    if (index != 0) {
        SUNDER_JSON_PUT(&out, "/");
        sunder_json_put_u64(&out, index);
    }
    SUNDER_MUST(!out.full);
    return (struct sunder_str){buf, (uint32_t)(out.at - buf)};
}

struct sunder_str sunder_wire_record_id(
    struct sunder_arena *arena, const struct sunder_source *source, uint32_t index)
{
    char buf[SUNDER_WIRE_ID_MAX];
    return sunder_str_copy(arena, sunder_wire_write_id(source, index, buf));
}

enum sunder_err sunder_wire_encode_record(struct sunder_wire_encoder *encoder,
    const struct sunder_decision *decision,
    void *buf,
    size_t size,
    size_t *ret_len)
{
    SUNDER_MUST(decision->kind < SUNDER_RECORD_KIND_COUNT);
    char id_buf[SUNDER_WIRE_ID_MAX];
    struct sunder_str id = sunder_wire_write_id(&decision->source, decision->index, id_buf);
    if (id.at == NULL) {
        return SUNDER_ERR_FULL;
    }
    size = size < SUNDER_WIRE_RECORD_BYTES_MAX ? size : SUNDER_WIRE_RECORD_BYTES_MAX;
    if (encoder->format == SUNDER_WIRE_FORMAT_PROTOBUF) {
        struct sunder_protobuf_out out = {buf, (uint8_t *)buf + size, false};
        sunder_wire_put_protobuf(encoder, &out, decision, id);
        if (out.full) {
            return SUNDER_ERR_FULL;
        }
        *ret_len = (size_t)(out.at - (uint8_t *)buf);
        return SUNDER_OK;
    }
    struct sunder_json_out out = {buf, (char *)buf + size, false};
    sunder_wire_put_json(encoder, &out, decision, id);
    if (out.full) {
        return SUNDER_ERR_FULL;
    }
    *ret_len = (size_t)(out.at - (char *)buf);
    return SUNDER_OK;
}
