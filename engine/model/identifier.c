#include "engine/model/identifier.h"

#include "engine/model/limits.h"

/* What a byte is in an identifier (S42): A-Z a-z 0-9 . _ ~ : / @ + = # % - */
enum {
    NO_LETTER = 1,
    SLASH = 2,
};

/* Rows of sixteen bytes; everything from 0x80 up is no letter. */
static const uint8_t KIND[256] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* controls */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* controls */
    1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 0, 2, /*  !"#$%&'()*+,-./ */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 1, /* 0123456789:;<=>? */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* @ABCDEFGHIJKLMNO */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, /* PQRSTUVWXYZ[\]^_ */
    1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* `abcdefghijklmno */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 1, /* pqrstuvwxyz{|}~  */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
};

/* `scheme:` before a `//`, as RFC 3986 spells schemes. */
static bool is_scheme(struct sunder_str text, uint32_t colon)
{
    for (uint32_t i = 0; i < colon; i++) {
        char c = text.at[i];
        bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool later = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!alpha && (i == 0 || !later)) {
            return false;
        }
    }
    return colon > 0;
}

/* Segments between slashes are not `.` or `..`, and none is empty but after `scheme:`. */
static bool slashes_are_fine(struct sunder_str text)
{
    uint32_t start = 0; /* of the segment */
    for (;;) {
        const char *slash = memchr(text.at + start, '/', text.len - start);
        uint32_t end = slash == NULL ? text.len : (uint32_t)(slash - text.at);
        uint32_t len = end - start;
        bool dots = (len == 1 && text.at[start] == '.') ||
                    (len == 2 && text.at[start] == '.' && text.at[start + 1] == '.');
        bool empty = len == 0 && start > 0; /* A second slash: fine once, in `scheme://`. */
        if (dots || (empty && (start < 2 || text.at[start - 2] != ':' || !is_scheme(text, start - 2)))) {
            return false;
        }
        if (slash == NULL) {
            return true;
        }
        start = end + 1;
    }
}

bool sunder_identifier(struct sunder_str text)
{
    if (text.at == NULL || text.len == 0 || text.len > SUNDER_IDENTIFIER_BYTES_MAX) {
        return false;
    }
    uint8_t kinds = 0;
    uint32_t i = 0;
    for (; i + 4 <= text.len; i += 4) {
        const uint8_t *at = (const uint8_t *)text.at + i;
        kinds |= (uint8_t)(KIND[at[0]] | KIND[at[1]] | KIND[at[2]] | KIND[at[3]]);
    }
    for (; i < text.len; i++) {
        kinds |= KIND[(uint8_t)text.at[i]];
    }
    if ((kinds & NO_LETTER) != 0 || text.at[text.len - 1] == '/') {
        return false;
    }
    bool lone_dots = text.at[0] == '.' && (text.len == 1 || (text.len == 2 && text.at[1] == '.'));
    return (kinds & SLASH) != 0 ? slashes_are_fine(text) : !lone_dots;
}
