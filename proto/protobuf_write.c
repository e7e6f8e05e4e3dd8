#include "proto/protobuf_write.h"

enum {
    WIRE_VARINT = 0,
    WIRE_LENGTH = 2,
    VARINT_MAX = 10
};

static uint32_t write_varint(uint8_t *buf, uint64_t value)
{
    uint32_t len = 0;
    while (value >= 0x80) {
        buf[len] = (uint8_t)(value | 0x80);
        value >>= 7;
        len += 1;
    }
    buf[len] = (uint8_t)value;
    return len + 1;
}

static void put_raw(struct sunder_protobuf_out *out, const void *bytes, size_t len)
{
    if ((size_t)(out->end - out->at) < len) {
        out->full = true;
        return;
    }
    if (len != 0) {
        memcpy(out->at, bytes, len);
    }
    out->at += len;
}

static void put_varint(struct sunder_protobuf_out *out, uint64_t value)
{
    uint8_t buf[VARINT_MAX];
    put_raw(out, buf, write_varint(buf, value));
}

void sunder_protobuf_put_bytes(
    struct sunder_protobuf_out *out, uint32_t field, const void *bytes, size_t len)
{
    put_varint(out, (field << 3) | WIRE_LENGTH);
    put_varint(out, len);
    put_raw(out, bytes, len);
}

void sunder_protobuf_put_u64(struct sunder_protobuf_out *out, uint32_t field, uint64_t value)
{
    put_varint(out, (field << 3) | WIRE_VARINT);
    put_varint(out, value);
}

/* One byte is kept for the length; most messages are shorter than 128 bytes. */
uint8_t *sunder_protobuf_begin(struct sunder_protobuf_out *out, uint32_t field)
{
    put_varint(out, (field << 3) | WIRE_LENGTH);
    put_raw(out, "", 1);
    return out->at;
}

void sunder_protobuf_end(struct sunder_protobuf_out *out, uint8_t *mark)
{
    if (out->full) {
        return; /* The mark may not be where it should. */
    }
    uint8_t buf[VARINT_MAX];
    size_t len = (size_t)(out->at - mark);
    uint32_t prefix = write_varint(buf, len);
    if ((size_t)(out->end - out->at) < prefix - 1) {
        out->full = true;
        return;
    }
    memmove(mark + (prefix - 1), mark, len);
    memcpy(mark - 1, buf, prefix);
    out->at += prefix - 1;
}
