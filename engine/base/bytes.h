/* Reading and writing of the fixed little-endian layouts that rows have. Pure; any thread.
 * Both sides remember a failure instead of returning one at every field: check `failed` once at the end. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/str.h"

/* at, size  borrowed memory to write to; len: bytes written; failed: something did not fit, and len is meaningless */
struct sunder_out {
    uint8_t *at;
    uint32_t size;
    uint32_t len;
    bool failed;
};

/* at, len  borrowed bytes to read from; pos: bytes read; failed: read past the end, later reads give 0 */
struct sunder_in {
    const uint8_t *at;
    uint32_t len;
    uint32_t pos;
    bool failed;
};

static inline struct sunder_out sunder_out_of(void *at, uint32_t size)
{
    return (struct sunder_out){.at = at, .size = size};
}

static inline struct sunder_in sunder_in_of(struct sunder_str bytes)
{
    return (struct sunder_in){.at = (const uint8_t *)bytes.at, .len = bytes.len};
}

static inline struct sunder_str sunder_out_str(const struct sunder_out *out)
{
    return (struct sunder_str){(const char *)out->at, out->len};
}

static inline void sunder_out_bytes(struct sunder_out *out, const void *bytes, uint32_t len)
{
    if (out->failed || out->size - out->len < len) {
        out->failed = true;
        return;
    }
    if (len != 0) {
        memcpy(out->at + out->len, bytes, len);
    }
    out->len += len;
}

static inline void sunder_out_u8(struct sunder_out *out, uint8_t value)
{
    sunder_out_bytes(out, &value, 1);
}

static inline void sunder_out_u16(struct sunder_out *out, uint16_t value)
{
    uint8_t raw[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    sunder_out_bytes(out, raw, 2);
}

static inline void sunder_out_u32(struct sunder_out *out, uint32_t value)
{
    uint8_t raw[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
    sunder_out_bytes(out, raw, 4);
}

static inline void sunder_out_u64(struct sunder_out *out, uint64_t value)
{
    sunder_out_u32(out, (uint32_t)value);
    sunder_out_u32(out, (uint32_t)(value >> 32));
}

static inline void sunder_out_i64(struct sunder_out *out, int64_t value)
{
    sunder_out_u64(out, (uint64_t)value);
}

/* A number in `width` bytes, 1 to 8: rows say the width once for several numbers. What does not fit is lost. */
static inline void sunder_out_uint(struct sunder_out *out, uint64_t value, uint32_t width)
{
    uint8_t raw[8];
    struct sunder_out all = sunder_out_of(raw, sizeof raw);
    sunder_out_u64(&all, value);
    if (!out->failed && out->size - out->len >= 8) {
        memcpy(out->at + out->len, raw, 8); /* No loop where there is room. */
        out->len += width;
    } else {
        sunder_out_bytes(out, raw, width);
    }
}

/* How many bytes a number needs, at least one. */
static inline uint32_t sunder_uint_width(uint64_t value)
{
    return (71u - (uint32_t)__builtin_clzll(value | 1)) / 8;
}

/* A length of 16 bits, 0 for absent and len + 1 otherwise, then the bytes. */
static inline void sunder_out_text(struct sunder_out *out, struct sunder_str str)
{
    if (str.at == NULL) {
        sunder_out_u16(out, 0);
        return;
    }
    if (str.len >= UINT16_MAX) {
        out->failed = true;
        return;
    }
    sunder_out_u16(out, (uint16_t)(str.len + 1));
    sunder_out_bytes(out, str.at, str.len);
}

static inline const uint8_t *sunder_in_bytes(struct sunder_in *in, uint32_t len)
{
    if (in->failed || in->len - in->pos < len) {
        in->failed = true;
        return NULL;
    }
    const uint8_t *at = in->at + in->pos;
    in->pos += len;
    return at;
}

static inline uint8_t sunder_in_u8(struct sunder_in *in)
{
    const uint8_t *at = sunder_in_bytes(in, 1);
    return at == NULL ? 0 : at[0];
}

static inline uint16_t sunder_in_u16(struct sunder_in *in)
{
    const uint8_t *at = sunder_in_bytes(in, 2);
    if (at == NULL) {
        return 0;
    }
    return (uint16_t)(at[0] | (at[1] << 8));
}

static inline uint32_t sunder_in_u32(struct sunder_in *in)
{
    const uint8_t *at = sunder_in_bytes(in, 4);
    return at == NULL ? 0
                      : (uint32_t)at[0] | ((uint32_t)at[1] << 8) | ((uint32_t)at[2] << 16) |
                            ((uint32_t)at[3] << 24);
}

static inline uint64_t sunder_in_u64(struct sunder_in *in)
{
    uint64_t low = sunder_in_u32(in);
    uint64_t high = sunder_in_u32(in);
    return low | (high << 32);
}

static inline int64_t sunder_in_i64(struct sunder_in *in)
{
    return (int64_t)sunder_in_u64(in);
}

static inline uint64_t sunder_in_uint(struct sunder_in *in, uint32_t width)
{
    in->failed = in->failed || width == 0 || width > 8 || in->len - in->pos < width;
    if (in->failed) {
        return 0;
    }
    uint8_t raw[8] = {0};
    if (in->len - in->pos >= sizeof raw) {
        memcpy(raw, in->at + in->pos, sizeof raw); /* No loop where there are so many. */
    } else {
        memcpy(raw, in->at + in->pos, width);
    }
    in->pos += width;
    struct sunder_in all = {.at = raw, .len = sizeof raw};
    return sunder_in_u64(&all) & (UINT64_MAX >> (64 - (8 * width)));
}

static inline struct sunder_str sunder_in_text(struct sunder_in *in)
{
    uint16_t len = sunder_in_u16(in);
    if (len == 0) {
        return (struct sunder_str){0};
    }
    const uint8_t *at = sunder_in_bytes(in, (uint32_t)len - 1);
    return at == NULL ? (struct sunder_str){0} : (struct sunder_str){(const char *)at, (uint32_t)len - 1};
}
