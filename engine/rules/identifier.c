#include "engine/rules/judge.h"

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

static bool slashes_are_fine(struct sunder_str text)
{
    uint32_t start = 0; /* of the segment */
    for (uint32_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.at[i] != '/') {
            continue;
        }
        uint32_t len = i - start;
        bool dots = (len == 1 && text.at[start] == '.') ||
                    (len == 2 && text.at[start] == '.' && text.at[start + 1] == '.');
        if (dots) {
            return false;
        }
        if (i + 1 < text.len && text.at[i] == '/' && text.at[i + 1] == '/') {
            if (i == 0 || text.at[i - 1] != ':' || !is_scheme(text, i - 1)) {
                return false;
            }
        }
        start = i + 1;
    }
    return true;
}

bool sunder_identifier(struct sunder_str text)
{
    if (text.at == NULL || text.len == 0 || text.len > SUNDER_IDENTIFIER_BYTES_MAX) {
        return false;
    }
    uint8_t kinds = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        kinds |= KIND[(uint8_t)text.at[i]];
    }
    if ((kinds & NO_LETTER) != 0 || text.at[text.len - 1] == '/') {
        return false;
    }
    bool lone_dots = text.at[0] == '.' && (text.len == 1 || (text.len == 2 && text.at[1] == '.'));
    return (kinds & SLASH) != 0 ? slashes_are_fine(text) : !lone_dots;
}
