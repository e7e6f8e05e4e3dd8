#include "engine/rules/judge.h"

/* The letters of S42: A-Z a-z 0-9 . _ ~ : / @ + = # % - */
static bool is_letter(char c)
{
    static const uint64_t low = (UINT64_C(0x3ff) << '0') | (UINT64_C(1) << '.') | (UINT64_C(1) << ':') |
                                (UINT64_C(1) << '/') | (UINT64_C(1) << '+') | (UINT64_C(1) << '=') |
                                (UINT64_C(1) << '#') | (UINT64_C(1) << '%') | (UINT64_C(1) << '-');
    static const uint64_t high = (UINT64_C(0x3ffffff) << ('A' - 64)) | (UINT64_C(0x3ffffff) << ('a' - 64)) |
                                 (UINT64_C(1) << ('_' - 64)) | (UINT64_C(1) << ('~' - 64)) |
                                 (UINT64_C(1) << ('@' - 64));
    uint8_t u = (uint8_t)c;
    if (u < 64) {
        return ((low >> u) & 1) != 0;
    }
    return u < 128 && ((high >> (u - 64)) & 1) != 0;
}

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
    bool slash = false;
    bool letters = true;
    for (uint32_t i = 0; i < text.len; i++) {
        letters = letters && is_letter(text.at[i]);
        slash = slash || text.at[i] == '/';
    }
    if (!letters || text.at[text.len - 1] == '/') {
        return false;
    }
    bool lone_dots = text.at[0] == '.' && (text.len == 1 || (text.len == 2 && text.at[1] == '.'));
    return slash ? slashes_are_fine(text) : !lone_dots;
}
