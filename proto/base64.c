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

/* Whose character it is: the two alphabets differ in two of them. */
enum {
    URL_ONLY = 64,
    STANDARD_ONLY = 128,
    NOBODY = URL_ONLY | STANDARD_ONLY
};

/* The six bits of a character, and above them, which alphabet has it alone. */
/* clang-format off */
static const uint8_t SEXTETS[128] = {
    192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192,
    192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192,
    192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 192, 190, 192, 126, 192, 191,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 192, 192, 192, 192, 192, 192,
    192, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 192, 192, 192, 192, 127,
    192, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 192, 192, 192, 192, 192,
};
/* clang-format on */

static inline uint32_t sextet(char c)
{
    uint8_t byte = (uint8_t)c;
    return byte < sizeof(SEXTETS) ? SEXTETS[byte] : NOBODY;
}

/* Reads unpadded text; bits beyond the last whole byte must be zero, so that each value has one text. other: the marks of what the
 * alphabet has not. */
static bool decode(struct sunder_str text, uint32_t other, uint8_t *bytes, size_t *ret_len)
{
    uint32_t seen = 0;
    size_t out = 0;
    uint32_t i = 0;
    if (text.len % 4 == 1) {
        return false;
    }
    for (; i + 4 <= text.len; i += 4) {
        uint32_t a = sextet(text.at[i]);
        uint32_t b = sextet(text.at[i + 1]);
        uint32_t c = sextet(text.at[i + 2]);
        uint32_t d = sextet(text.at[i + 3]);
        seen |= a | b | c | d;
        uint32_t bits = ((a & 63) << 18) | ((b & 63) << 12) | ((c & 63) << 6) | (d & 63);
        bytes[out] = (uint8_t)(bits >> 16);
        bytes[out + 1] = (uint8_t)(bits >> 8);
        bytes[out + 2] = (uint8_t)bits;
        out += 3;
    }
    uint32_t bits = 0;
    uint32_t held = 0;
    for (; i < text.len; i++) {
        uint32_t six = sextet(text.at[i]);
        seen |= six;
        bits = (bits << 6) | (six & 63);
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes[out] = (uint8_t)(bits >> held);
            out += 1;
        }
    }
    *ret_len = out;
    return (seen & other) == 0 && (bits & ((1u << held) - 1)) == 0;
}

enum sunder_err sunder_base64url_decode(struct sunder_str text, uint8_t *bytes, size_t len)
{
    size_t got = 0;
    if (text.len != ((len * 4) + 2) / 3 || !decode(text, STANDARD_ONLY, bytes, &got) ||
        got != len) {
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
    if (!decode(text, URL_ONLY, bytes, &len)) {
        return SUNDER_ERR_MALFORMED;
    }
    *ret_len = len;
    return SUNDER_OK;
}
