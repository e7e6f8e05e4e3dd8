/* Texts as characters: Unicode code points of UTF-8. Bytes that are none count as one character each. */
#include "engine/expr/expr_functions.h"

typedef struct sunder_cel_value V;

static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

uint32_t expr_characters(struct sunder_str text)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        count += continues(text.at[i]) ? 0 : 1;
    }
    return count;
}

/* The code point at the beginning and its length; UINT32_MAX when it is no well-formed UTF-8. */
static uint32_t decode(struct sunder_str text, uint32_t *ret_len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)text.at[0];
    uint32_t len =
        first < 0x80 ? 1
                     : (first >> 5 == 6 ? 2 : (first >> 4 == 14 ? 3 : (first >> 3 == 30 ? 4 : 0)));
    uint32_t point = len == 1 ? first : first & (0x7fu >> len);
    *ret_len = 1;
    if (len == 0 || len > text.len) {
        return UINT32_MAX;
    }
    for (uint32_t i = 1; i < len; i++) {
        if (!continues(text.at[i])) {
            return UINT32_MAX;
        }
        point = (point << 6) | ((unsigned char)text.at[i] & 0x3f);
    }
    if (point < least[len] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
        return UINT32_MAX;
    }
    *ret_len = len;
    return point;
}

bool expr_is_utf8(struct sunder_str text)
{
    while (text.len != 0) {
        uint32_t len = 0;
        if (decode(text, &len) == UINT32_MAX) {
            return false;
        }
        text = (struct sunder_str){text.at + len, text.len - len};
    }
    return true;
}

/* The byte at which a character begins; that behind the last one is the text's length. False: there is no such character. */
static bool byte_of(struct sunder_str text, int64_t character, uint32_t *ret_byte)
{
    int64_t at = -1;
    if (character < 0) {
        return false;
    }
    for (uint32_t i = 0; i < text.len; i++) {
        at += continues(text.at[i]) ? 0 : 1;
        if (at == character) {
            *ret_byte = i;
            return true;
        }
    }
    *ret_byte = text.len;
    return at + 1 == character;
}

#define BEYOND "a position is beyond the text"

const char *expr_char_at(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)count;
    uint32_t from = 0;
    uint32_t to = 0;
    if (args[0].kind != SUNDER_CEL_STRING || args[1].kind != SUNDER_CEL_INT) {
        return expr_fault_no_overload;
    }
    struct sunder_str text = expr_text(&args[0]);
    if (!byte_of(text, args[1].integer, &from)) {
        return BEYOND;
    }
    to = from;
    if (from < text.len) {
        (void)byte_of(text, args[1].integer + 1, &to);
    }
    *ret_value = expr_string((struct sunder_str){text.at + from, to - from});
    return expr_spend(run, text.len / 8);
}

/* substring(from [, to]) */
const char *expr_substring(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    uint32_t from = 0;
    uint32_t to = args[0].count;
    bool ints = args[1].kind == SUNDER_CEL_INT && (count < 3 || args[2].kind == SUNDER_CEL_INT);
    if (args[0].kind != SUNDER_CEL_STRING || !ints) {
        return expr_fault_no_overload;
    }
    struct sunder_str text = expr_text(&args[0]);
    if (!byte_of(text, args[1].integer, &from) ||
        (count == 3 && !byte_of(text, args[2].integer, &to))) {
        return BEYOND;
    }
    if (from > to) {
        return "a part of a text ends before it begins";
    }
    *ret_value = expr_string((struct sunder_str){text.at + from, to - from});
    return expr_spend(run, text.len / 8);
}

/* indexOf(needle [, from]) */
const char *expr_index_of(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    uint32_t from = 0;
    uint32_t at = 0;
    if (args[0].kind != SUNDER_CEL_STRING || args[1].kind != SUNDER_CEL_STRING ||
        (count == 3 && args[2].kind != SUNDER_CEL_INT)) {
        return expr_fault_no_overload;
    }
    struct sunder_str text = expr_text(&args[0]);
    if (count == 3 && !byte_of(text, args[2].integer, &from)) {
        return BEYOND;
    }
    const char *fault = expr_search(
        run, (struct sunder_str){text.at + from, text.len - from}, expr_text(&args[1]), &at);
    *ret_value = expr_int(
        at == UINT32_MAX ? -1 : (int64_t)expr_characters((struct sunder_str){text.at, from + at}));
    return fault;
}

/* lastIndexOf(needle [, from]): the last that begins at `from` or before. */
const char *expr_last_index_of(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    uint32_t from = args[0].count;
    if (args[0].kind != SUNDER_CEL_STRING || args[1].kind != SUNDER_CEL_STRING ||
        (count == 3 && args[2].kind != SUNDER_CEL_INT)) {
        return expr_fault_no_overload;
    }
    struct sunder_str text = expr_text(&args[0]);
    struct sunder_str needle = expr_text(&args[1]);
    if (count == 3 && !byte_of(text, args[2].integer, &from)) {
        return BEYOND;
    }
    *ret_value = expr_int(-1);
    if (needle.len > text.len) {
        return NULL;
    }
    uint32_t last = from < text.len - needle.len ? from : text.len - needle.len;
    const char *fault = expr_spend(run, ((uint64_t)last + 1) * (needle.len + 8) / 8);
    for (uint32_t at = last + 1; at > 0 && fault == NULL; at--) {
        if (needle.len == 0 || memcmp(text.at + at - 1, needle.at, needle.len) == 0) {
            *ret_value = expr_int((int64_t)expr_characters((struct sunder_str){text.at, at - 1}));
            return NULL;
        }
    }
    return fault;
}

/* Unicode's White_Space. */
static bool is_space(uint32_t point)
{
    return (point >= 9 && point <= 13) || point == ' ' || point == 0x85 || point == 0xa0 ||
           point == 0x1680 || (point >= 0x2000 && point <= 0x200a) || point == 0x2028 ||
           point == 0x2029 || point == 0x202f || point == 0x205f || point == 0x3000;
}

const char *expr_trim(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)count;
    struct sunder_str text = expr_text(&args[0]);
    uint32_t first = 0;
    uint32_t last = 0;
    bool found = false;
    if (args[0].kind != SUNDER_CEL_STRING) {
        return expr_fault_no_overload;
    }
    for (uint32_t at = 0; at < text.len;) {
        uint32_t len = 0;
        uint32_t point = decode((struct sunder_str){text.at + at, text.len - at}, &len);
        if (!is_space(point)) {
            first = found ? first : at;
            last = at + len;
            found = true;
        }
        at += len;
    }
    *ret_value = expr_string((struct sunder_str){text.at + first, last - first});
    return expr_spend(run, text.len / 8);
}

/* Of characters, or of a list. */
const char *expr_reverse(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    char *out = NULL;
    if (args[0].kind == SUNDER_CEL_LIST) {
        return expr_reverse_list(run, args, count, ret_value);
    }
    if (args[0].kind != SUNDER_CEL_STRING) {
        return expr_fault_no_overload;
    }
    struct sunder_str text = expr_text(&args[0]);
    const char *fault = expr_take_text(run, text.len, &out);
    for (uint32_t at = 0; at < text.len && fault == NULL;) {
        uint32_t len = 0;
        (void)decode((struct sunder_str){text.at + at, text.len - at}, &len);
        at += len;
        memcpy(out + (text.len - at), text.at + (at - len), len);
    }
    *ret_value = expr_string((struct sunder_str){out, text.len});
    return fault != NULL ? fault : expr_spend(run, text.len / 8);
}

/* strings.quote(text): as a literal of CEL. Bytes that are no UTF-8 become U+FFFD. */
const char *expr_quote(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    static const char special[] = "\a\b\f\n\r\t\v\\\"";
    static const char letters[] = "abfnrtv\\\"";
    (void)count;
    char *out = NULL;
    if (args[0].kind != SUNDER_CEL_STRING) {
        return expr_fault_no_overload;
    }
    struct sunder_str text = expr_text(&args[0]);
    const char *fault = expr_take_text(run, ((uint64_t)text.len * 3) + 2, &out);
    if (fault != NULL) {
        return fault;
    }
    uint32_t used = 0;
    out[used++] = '"';
    for (uint32_t at = 0; at < text.len;) {
        uint32_t len = 0;
        uint32_t point = decode((struct sunder_str){text.at + at, text.len - at}, &len);
        const char *found =
            point == 0 || point > 127 ? NULL : memchr(special, (int)point, sizeof(special) - 1);
        if (found != NULL) {
            out[used++] = '\\';
            out[used++] = letters[found - special];
        } else {
            bool broken = point == UINT32_MAX;
            memcpy(out + used, broken ? "\xef\xbf\xbd" : text.at + at, broken ? 3 : len);
            used += broken ? 3 : len;
        }
        at += len;
    }
    out[used++] = '"';
    *ret_value = expr_string((struct sunder_str){out, used});
    return expr_spend(run, text.len / 8);
}
