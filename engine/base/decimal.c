#include "engine/base/decimal.h"

#include "engine/base/must.h"

enum {
    EXPONENT_MAX = 64,
    FRACTION_DIGITS = 6,
    INT64_DIGITS = 19,
    WIDE_DIGITS = 39
};

/* A decimal taken apart: 0.d1d2d3... times 10 to the power of `point`, without leading or trailing zero digits. Zero
 * has no digits, and no sign. */
struct parts {
    bool negative;
    int32_t point;
    uint32_t count;
    char digits[SUNDER_DECIMAL_READ_MAX];
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static uint32_t digits_end(struct sunder_str text, uint32_t from)
{
    while (from < text.len && is_digit(text.at[from])) {
        from += 1;
    }
    return from;
}

/* Reads [eE][+-]?[0-9]+ up to the end of the text; false when it is not that or beyond +-EXPONENT_MAX. */
static bool read_exponent(struct sunder_str text, uint32_t from, int32_t *ret_exponent)
{
    bool negative = false;
    from += 1;
    if (from < text.len && (text.at[from] == '+' || text.at[from] == '-')) {
        negative = text.at[from] == '-';
        from += 1;
    }
    if (from == text.len || digits_end(text, from) != text.len) {
        return false;
    }
    int32_t exponent = 0;
    for (; from < text.len; from++) {
        exponent = (exponent * 10) + (text.at[from] - '0');
        if (exponent > EXPONENT_MAX) {
            return false;
        }
    }
    *ret_exponent = negative ? -exponent : exponent;
    return true;
}

static void append_digits(struct parts *parts, struct sunder_str text, uint32_t from, uint32_t end)
{
    for (; from < end; from++) {
        if (parts->count == 0 && text.at[from] == '0') {
            parts->point -= 1; /* A leading zero has no weight, but moves the point. */
        } else {
            parts->digits[parts->count] = text.at[from];
            parts->count += 1;
        }
    }
}

static bool read_parts(struct sunder_str text, struct parts *parts)
{
    if (text.len == 0 || text.len > SUNDER_DECIMAL_READ_MAX) {
        return false;
    }
    bool negative = text.at[0] == '-';
    uint32_t whole = negative ? 1 : 0;
    uint32_t whole_end = digits_end(text, whole);
    if (whole_end == whole || (text.at[whole] == '0' && whole_end - whole > 1)) {
        return false;
    }
    uint32_t fraction = whole_end;
    uint32_t end = whole_end;
    if (end < text.len && text.at[end] == '.') {
        fraction = end + 1;
        end = digits_end(text, fraction);
        if (end == fraction) {
            return false;
        }
    }
    int32_t exponent = 0;
    if (end < text.len) {
        bool has_exponent = text.at[end] == 'e' || text.at[end] == 'E';
        if (!has_exponent || !read_exponent(text, end, &exponent)) {
            return false;
        }
    }

    parts->negative = negative;
    parts->count = 0;
    parts->point = (int32_t)(whole_end - whole) + exponent;
    append_digits(parts, text, whole, whole_end);
    append_digits(parts, text, fraction, end);
    while (parts->count > 0 && parts->digits[parts->count - 1] == '0') {
        parts->count -= 1;
    }
    if (parts->count == 0) {
        parts->negative = false;
        parts->point = 0;
    }
    return true;
}

enum sunder_err sunder_decimal_parse(struct sunder_str text, int64_t *ret_micro)
{
    struct parts parts;
    if (!read_parts(text, &parts)) {
        return SUNDER_ERR_MALFORMED;
    }
    int32_t places = parts.point + FRACTION_DIGITS; /* Digits of the count of millionths. */
    if ((int32_t)parts.count > places || places > INT64_DIGITS) {
        return SUNDER_ERR_INVALID;
    }
    uint64_t magnitude = 0; /* 19 digits fit in 64 bits. */
    for (int32_t i = 0; i < places; i++) {
        uint32_t digit = i < (int32_t)parts.count ? (uint32_t)(parts.digits[i] - '0') : 0;
        magnitude = (magnitude * 10) + digit;
    }
    uint64_t limit = (uint64_t)INT64_MAX + (parts.negative ? 1 : 0);
    if (magnitude > limit) {
        return SUNDER_ERR_INVALID;
    }
    *ret_micro = parts.negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return SUNDER_OK;
}

static uint32_t put_zeros(char *buf, uint32_t len, int32_t count)
{
    for (; count > 0; count--) {
        buf[len] = '0';
        len += 1;
    }
    return len;
}

static uint32_t write_parts(const struct parts *parts, char *buf)
{
    uint32_t len = 0;
    if (parts->count == 0) {
        buf[0] = '0';
        return 1;
    }
    if (parts->negative) {
        buf[len] = '-';
        len += 1;
    }
    if (parts->point <= 0) {
        buf[len] = '0';
        buf[len + 1] = '.';
        len = put_zeros(buf, len + 2, -parts->point);
    }
    for (uint32_t i = 0; i < parts->count; i++) {
        if (i != 0 && (int32_t)i == parts->point) {
            buf[len] = '.';
            len += 1;
        }
        buf[len] = parts->digits[i];
        len += 1;
    }
    return put_zeros(buf, len, parts->point - (int32_t)parts->count);
}

uint32_t sunder_decimal_plain(struct sunder_str text, char *buf)
{
    struct parts parts = {0};
    bool decimal = read_parts(text, &parts);
    SUNDER_MUST(decimal);
    uint32_t len = write_parts(&parts, buf);
    SUNDER_MUST(len <= SUNDER_DECIMAL_PLAIN_MAX);
    return len;
}

/* 128 bits as four limbs, most significant first: divided by hand, since the compiler would call a library for it. */
static uint32_t divide_by_ten(uint32_t limbs[4])
{
    uint64_t rest = 0;
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t part = (rest << 32) | limbs[i];
        limbs[i] = (uint32_t)(part / 10);
        rest = part % 10;
    }
    return (uint32_t)rest;
}

/* Writes `count` digits of a count of millionths, given lowest first. */
static uint32_t write_reversed(bool negative, const char *reversed, uint32_t count, char *buf)
{
    struct parts parts = {.negative = negative, .point = (int32_t)count - FRACTION_DIGITS};
    uint32_t skip = 0;
    while (skip < count && reversed[skip] == '0') {
        skip += 1;
    }
    for (uint32_t i = count; i > skip; i--) {
        parts.digits[parts.count] = reversed[i - 1];
        parts.count += 1;
    }
    uint32_t len = write_parts(&parts, buf);
    SUNDER_MUST(len <= SUNDER_DECIMAL_TEXT_MAX);
    return len;
}

uint32_t sunder_decimal_format(int64_t micro, char *buf)
{
    uint64_t magnitude = micro < 0 ? 0 - (uint64_t)micro : (uint64_t)micro;
    char reversed[WIDE_DIGITS];
    uint32_t count = 0;
    for (; magnitude != 0; magnitude /= 10) {
        reversed[count] = (char)('0' + (magnitude % 10));
        count += 1;
    }
    return write_reversed(micro < 0, reversed, count, buf);
}

__extension__ typedef unsigned __int128 wide_magnitude;

uint32_t sunder_decimal_format_wide(sunder_int128 micro, char *buf)
{
    wide_magnitude magnitude = micro < 0 ? 0 - (wide_magnitude)micro : (wide_magnitude)micro;
    uint32_t limbs[4] = {(uint32_t)(magnitude >> 96),
        (uint32_t)(magnitude >> 64),
        (uint32_t)(magnitude >> 32),
        (uint32_t)magnitude};
    char reversed[WIDE_DIGITS];
    uint32_t count = 0;
    while ((limbs[0] | limbs[1] | limbs[2] | limbs[3]) != 0) {
        SUNDER_MUST(count < WIDE_DIGITS);
        reversed[count] = (char)('0' + divide_by_ten(limbs));
        count += 1;
    }
    return write_reversed(micro < 0, reversed, count, buf);
}
