/* Numbers as text: C has no function for the shortest text that reads back as the same double, C++ has. No locale. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic" /* Headers of C17: compound literals. */
extern "C" {
#include "proto/json_number.h"
}
#pragma GCC diagnostic pop

#include <charconv>
#include <cstring>

namespace
{

const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at;
}

/* Where the first digit that is not zero stands, as a power of ten: 1 for 1.5, -1 for 0.05, 3 for 1.5e2; saturated. */
int64_t magnitude(sunder_str text)
{
    int64_t power = 0;
    bool point = false;
    bool begun = false;
    const char *at = text.at;
    const char *end = text.at + text.len;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            point = true;
        } else if (*at != '-') {
            begun = begun || *at != '0';
            power += begun && !point ? 1 : (!begun && point ? -1 : 0);
        }
    }
    if (at == end) {
        return power;
    }
    at++;
    bool negative = *at == '-';
    int64_t exponent = 0;
    for (; at < end; at++) {
        if (*at >= '0' && *at <= '9' && exponent < INT64_C(1000000000000)) {
            exponent = (exponent * 10) + (*at - '0');
        }
    }
    return power + (negative ? -exponent : exponent);
}

/* The nearest double; too small is zero, as IEEE rounds it. False: too large. */
bool to_double(sunder_str text, double &ret)
{
    auto [end, err] = std::from_chars(text.at, text.at + text.len, ret);
    (void)end;
    if (err == std::errc::result_out_of_range) {
        if (magnitude(text) > 0) {
            return false;
        }
        ret = 0;
    }
    return true;
}

/* Decimals of up to 15 digits are told apart by doubles, so they are their own shortest text: most numbers end here. True
 * when `text` is one in the very form that ECMAScript writes. */
bool is_short_plain(sunder_str text)
{
    uint32_t from = text.at[0] == '-' ? 1 : 0;
    uint32_t digits = text.len - from;
    bool point = false;
    for (uint32_t i = from; i < text.len; i++) {
        if (text.at[i] == '.' && !point) {
            point = true;
            digits -= 1;
        } else if (text.at[i] < '0' || text.at[i] > '9') {
            return false;
        }
    }
    if (digits > 15) {
        return false;
    }
    char first = text.at[from];
    if (!point) {
        return first != '0' || text.len == 1;
    }
    /* 0.000001 is the least that ECMAScript writes without an exponent. */
    bool tiny =
        first == '0' && text.len - from > 7 && std::memcmp(text.at + from, "0.000000", 8) == 0;
    return text.at[text.len - 1] != '0' && !tiny;
}

/* d.ddde[+-]xx, as to_chars writes it, taken apart. point: where the decimal point stands among the digits. */
struct digits_t {
    bool negative;
    uint32_t count;
    int32_t point;
    char at[24];
};

digits_t shortest(double number)
{
    char text[40];
    auto [end, err] =
        std::to_chars(text, text + sizeof(text), number, std::chars_format::scientific);
    (void)err; /* 40 characters are enough for every double. */
    digits_t digits{};
    const char *at = text;
    if (*at == '-') {
        digits.negative = true;
        at++;
    }
    for (; at < end && *at != 'e'; at++) {
        if (*at != '.') {
            digits.at[digits.count++] = *at;
        }
    }
    at++;
    bool small = *at == '-';
    int32_t exponent = 0;
    for (at++; at < end; at++) {
        exponent = (exponent * 10) + (*at - '0');
    }
    digits.point = (small ? -exponent : exponent) + 1;
    return digits;
}

struct writer_t {
    char *buf;
    uint32_t len;

    void put(char c)
    {
        buf[len++] = c;
    }
    void zeros(int32_t count)
    {
        for (; count > 0; count--) {
            put('0');
        }
    }
    void digits(const digits_t &digits, uint32_t from, uint32_t end)
    {
        for (; from < end; from++) {
            put(digits.at[from]);
        }
    }
};

void put_exponent(writer_t &out, int32_t exponent)
{
    out.put('e');
    out.put(exponent < 0 ? '-' : '+');
    uint32_t value = static_cast<uint32_t>(exponent < 0 ? -exponent : exponent);
    if (value >= 100) {
        out.put(static_cast<char>('0' + (value / 100)));
    }
    if (value >= 10) {
        out.put(static_cast<char>('0' + (value / 10 % 10)));
    }
    out.put(static_cast<char>('0' + (value % 10)));
}

} // namespace

bool sunder_json_is_number(sunder_str text)
{
    const char *end = text.at + text.len;
    const char *at = text.at + (text.len != 0 && text.at[0] == '-' ? 1 : 0);
    const char *whole = at;
    at = skip_digits(at, end);
    if (at == whole || (*whole == '0' && at - whole > 1)) {
        return false;
    }
    if (at < end && *at == '.') {
        const char *fraction = at + 1;
        at = skip_digits(fraction, end);
        if (at == fraction) {
            return false;
        }
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-')) {
            at++;
        }
        const char *exponent = at;
        at = skip_digits(at, end);
        if (at == exponent) {
            return false;
        }
    }
    return at == end;
}

bool sunder_json_fits_double(sunder_str text)
{
    double number = 0;
    return to_double(text, number);
}

/* ECMA-262, Number::toString: k digits, n = point. */
uint32_t sunder_json_number(sunder_str text, char *buf)
{
    writer_t out{buf, 0};
    if (text.len <= 17 && is_short_plain(text)) {
        std::memcpy(buf, text.at, text.len);
        return text.len;
    }
    double number = 0;
    if (!to_double(text, number) || number == 0) {
        out.put('0'); /* The parser let no number pass that is too large; minus zero is zero. */
        return out.len;
    }
    digits_t digits = shortest(number);
    int32_t count = static_cast<int32_t>(digits.count);
    int32_t point = digits.point;
    if (digits.negative) {
        out.put('-');
    }
    if (count <= point && point <= 21) {
        out.digits(digits, 0, digits.count);
        out.zeros(point - count);
    } else if (0 < point && point <= 21) {
        out.digits(digits, 0, static_cast<uint32_t>(point));
        out.put('.');
        out.digits(digits, static_cast<uint32_t>(point), digits.count);
    } else if (-6 < point && point <= 0) {
        out.put('0');
        out.put('.');
        out.zeros(-point);
        out.digits(digits, 0, digits.count);
    } else {
        out.digits(digits, 0, 1);
        if (count > 1) {
            out.put('.');
            out.digits(digits, 1, digits.count);
        }
        put_exponent(out, point - 1);
    }
    return out.len;
}
