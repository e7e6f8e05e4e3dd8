/* An append-only writer of JSON. It checks room at each append and remembers when there was none, so that callers check once,
 * at the end. Pure; any thread. */
#pragma once

#include "engine/base/str.h"

/* at    where the next byte goes
 * end   behind the last byte of the buffer, which is borrowed
 * full  something did not fit; what stands in the buffer is then worth nothing */
struct sunder_json_out {
    char *at;
    char *end;
    bool full;
};

static inline void sunder_json_put(struct sunder_json_out *out, const char *bytes, size_t len)
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

/* A piece of JSON that is known when this is compiled. */
#define SUNDER_JSON_PUT(out, literal) sunder_json_put((out), (literal), sizeof(literal) - 1)

/* A string in quotes, escaped as RFC 8785 says (so there is one text for each string). `str` is valid UTF-8. */
void sunder_json_put_string(struct sunder_json_out *out, struct sunder_str str);

void sunder_json_put_u64(struct sunder_json_out *out, uint64_t value);
void sunder_json_put_i64(struct sunder_json_out *out, int64_t value);

/* Eight bytes at once (after "Hacker's Delight", zero bytes of a word): not zero when one of them is a quote, a backslash or
 * below 0x20, and then the lowest bit set is that byte's highest: a borrow reaches only bytes above one that is such a byte. Bytes
 * of 0x80 and more are taken out of each test by its last factor. */
static inline uint64_t sunder_json_special8(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t highs = ones << 7;
    uint64_t quote = word ^ (ones * '"');
    uint64_t backslash = word ^ (ones * '\\');
    uint64_t hit = (quote - ones) & ~quote;
    hit |= (backslash - ones) & ~backslash;
    hit |= (word - (ones * 0x20)) & ~word;
    return hit & highs;
}
