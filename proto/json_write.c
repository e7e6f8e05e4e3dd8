#include "proto/json_write.h"

/* 0: as it is; 'u': \u00xx; else the letter behind the backslash. */
static const char ESCAPES[256] = {['"'] = '"',
    ['\\'] = '\\',
    ['\b'] = 'b',
    ['\f'] = 'f',
    ['\n'] = 'n',
    ['\r'] = 'r',
    ['\t'] = 't',
    [0] = 'u',
    [1] = 'u',
    [2] = 'u',
    [3] = 'u',
    [4] = 'u',
    [5] = 'u',
    [6] = 'u',
    [7] = 'u',
    [11] = 'u',
    [14] = 'u',
    [15] = 'u',
    [16] = 'u',
    [17] = 'u',
    [18] = 'u',
    [19] = 'u',
    [20] = 'u',
    [21] = 'u',
    [22] = 'u',
    [23] = 'u',
    [24] = 'u',
    [25] = 'u',
    [26] = 'u',
    [27] = 'u',
    [28] = 'u',
    [29] = 'u',
    [30] = 'u',
    [31] = 'u'};

static bool copy_short(char *to, const char *at, uint32_t len)
{
    if (len >= 4) {
        uint32_t head;
        uint32_t tail;
        memcpy(&head, at, 4);
        memcpy(&tail, at + (len - 4), 4);
        memcpy(to, &head, 4);
        memcpy(to + (len - 4), &tail, 4);
        return sunder_json_special8(((uint64_t)tail << 32) | head) == 0;
    }
    int escapes = 0;
    for (uint32_t i = 0; i < len; i++) {
        to[i] = at[i];
        escapes |= ESCAPES[(uint8_t)at[i]];
    }
    return escapes == 0;
}

static inline uint64_t load8(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/* Copies a text that has room for itself; false when something in it must be escaped: then what was copied is worth nothing.
 * Whole words, the last one overlapping the one before. */
static inline bool copy_plain(char *to, const char *at, uint32_t len)
{
    if (len < 8) {
        return copy_short(to, at, len);
    }
    uint64_t last = load8(at + (len - 8));
    uint64_t hit = sunder_json_special8(last);
    for (uint32_t i = 0; i + 8 < len; i += 8) {
        uint64_t word = load8(at + i);
        hit |= sunder_json_special8(word);
        memcpy(to + i, &word, sizeof(word));
    }
    memcpy(to + (len - 8), &last, sizeof(last));
    return hit == 0;
}

static void put_escaped(struct sunder_json_out *out, struct sunder_str str)
{
    static const char hex[] = "0123456789abcdef";
    for (uint32_t i = 0; i < str.len; i++) {
        uint8_t c = (uint8_t)str.at[i];
        if (ESCAPES[c] == 0) {
            sunder_json_put(out, &str.at[i], 1);
        } else if (ESCAPES[c] == 'u') {
            const char code[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            sunder_json_put(out, code, sizeof(code));
        } else {
            const char pair[] = {'\\', ESCAPES[c]};
            sunder_json_put(out, pair, sizeof(pair));
        }
    }
}

void sunder_json_put_string(struct sunder_json_out *out, struct sunder_str str)
{
    size_t room = (size_t)(out->end - out->at);
    char *at = out->at;
    if (room >= (size_t)str.len + 2 && copy_plain(at + 1, str.at, str.len)) {
        at[0] = '"';
        at[str.len + 1] = '"';
        out->at = at + str.len + 2;
        return;
    }
    SUNDER_JSON_PUT(out, "\"");
    put_escaped(out, str);
    SUNDER_JSON_PUT(out, "\"");
}

void sunder_json_put_u64(struct sunder_json_out *out, uint64_t value)
{
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
        "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
        "8081828384858687888990919293949596979899";
    char text[20];
    size_t from = sizeof(text);
    while (value >= 100) {
        from -= 2;
        memcpy(text + from, pairs + ((value % 100) * 2), 2);
        value /= 100;
    }
    if (value >= 10) {
        from -= 2;
        memcpy(text + from, pairs + (value * 2), 2);
    } else {
        from -= 1;
        text[from] = (char)('0' + value);
    }
    sunder_json_put(out, text + from, sizeof(text) - from);
}

void sunder_json_put_i64(struct sunder_json_out *out, int64_t value)
{
    if (value < 0) {
        SUNDER_JSON_PUT(out, "-");
        sunder_json_put_u64(out, 0 - (uint64_t)value);
        return;
    }
    sunder_json_put_u64(out, (uint64_t)value);
}
