#include "proto/base64.h"

static const char URL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char STANDARD[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t encode(const char *alphabet, const uint8_t *bytes, size_t len, char *buf)
{
    size_t out = 0;
    size_t i = 0;
    for (; i + 3 <= len; i += 3) {
        uint32_t bits = ((uint32_t)bytes[i] << 16) | ((uint32_t)bytes[i + 1] << 8) | bytes[i + 2];
        buf[out] = alphabet[bits >> 18];
        buf[out + 1] = alphabet[(bits >> 12) & 63];
        buf[out + 2] = alphabet[(bits >> 6) & 63];
        buf[out + 3] = alphabet[bits & 63];
        out += 4;
    }
    if (i < len) {
        bool two = len - i == 2;
        uint32_t bits = ((uint32_t)bytes[i] << 16) | (two ? (uint32_t)bytes[i + 1] << 8 : 0);
        buf[out] = alphabet[bits >> 18];
        buf[out + 1] = alphabet[(bits >> 12) & 63];
        out += 2;
        if (two) {
            buf[out] = alphabet[(bits >> 6) & 63];
            out += 1;
        }
    }
    return out;
}

size_t sunder_base64url_encode(const uint8_t *bytes, size_t len, char *buf)
{
    return encode(URL, bytes, len, buf);
}

size_t sunder_base64_encode(const uint8_t *bytes, size_t len, char *buf)
{
    size_t out = encode(STANDARD, bytes, len, buf);
    while (out % 4 != 0) {
        buf[out] = '=';
        out += 1;
    }
    return out;
}

/* The six bits of a letter or a digit; the two characters in which the alphabets differ have 64 here, as everything else. */
/* clang-format off */
static const uint8_t SEXTETS[128] = {
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64,
    64, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 64,
    64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 64, 64, 64, 64, 64,
};
/* clang-format on */

/* The six bits of a character, 64 when it is none of the alphabet's; `high` are the characters for 62 and 63. */
static inline uint32_t sextet(char c, const char *high)
{
    uint8_t byte = (uint8_t)c;
    uint32_t six = byte < 128 ? SEXTETS[byte] : 64;
    if (six == 64) {
        six = c == high[0] ? 62 : c == high[1] ? 63 : 64;
    }
    return six;
}

/* Reads unpadded text; bits beyond the last whole byte must be zero, so that each value has one text. */
static bool decode(struct sunder_str text, const char *high, uint8_t *bytes, size_t *ret_len)
{
    uint32_t bits = 0;
    uint32_t held = 0;
    size_t out = 0;
    if (text.len % 4 == 1) {
        return false;
    }
    for (uint32_t i = 0; i < text.len; i++) {
        uint32_t six = sextet(text.at[i], high);
        if (six > 63) {
            return false;
        }
        bits = ((bits << 6) | six) & 0xffffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes[out] = (uint8_t)(bits >> held);
            out += 1;
        }
    }
    *ret_len = out;
    return (bits & ((1u << held) - 1)) == 0;
}

enum sunder_err sunder_base64url_decode(struct sunder_str text, uint8_t *bytes, size_t len)
{
    size_t got = 0;
    if (text.len != ((len * 4) + 2) / 3 || !decode(text, "-_", bytes, &got) || got != len) {
        return SUNDER_ERR_MALFORMED;
    }
    return SUNDER_OK;
}

enum sunder_err sunder_base64_decode(struct sunder_str text, uint8_t *bytes, size_t *ret_len)
{
    if (text.len % 4 != 0) {
        return SUNDER_ERR_MALFORMED;
    }
    for (int i = 0; i < 2 && text.len != 0 && text.at[text.len - 1] == '='; i++) {
        text.len -= 1;
    }
    size_t len = 0;
    if (!decode(text, "+/", bytes, &len)) {
        return SUNDER_ERR_MALFORMED;
    }
    *ret_len = len;
    return SUNDER_OK;
}
