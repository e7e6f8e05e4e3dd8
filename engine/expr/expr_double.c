/* Reading: mantissa and power of ten as one fraction of big integers, divided to 64 bits and a rest, rounded once.
 * Writing: the exact digits of the same fraction; the fewest of them that read back. Both are the plain algorithms (Steele and White 1990;
 * Clinger 1990): conditions seldom meet doubles, and exactness is easier to see here than in a table. */
#include "engine/expr/expr_double.h"

#include <string.h>

enum {
    LIMBS = 160,     /* 5,120 bits: 800 digits over 10^1143, and room to shift */
    DIGITS_MAX = 800 /* More cannot change which double is nearest, but by being there at all. */
};

/* Least significant limb first; no leading zero limb. */
struct big {
    uint32_t count;
    uint32_t at[LIMBS];
};

static void big_set(struct big *big, uint64_t value)
{
    big->count = 0;
    for (; value != 0; value >>= 32) {
        big->at[big->count] = (uint32_t)value;
        big->count += 1;
    }
}

static void big_mul_add(struct big *big, uint32_t factor, uint32_t add)
{
    uint64_t carry = add;
    for (uint32_t i = 0; i < big->count; i++) {
        carry += (uint64_t)big->at[i] * factor;
        big->at[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0 && big->count < LIMBS) {
        big->at[big->count] = (uint32_t)carry;
        big->count += 1;
    }
}

static void big_power_of_ten(struct big *big, uint32_t exponent)
{
    for (; exponent >= 9; exponent -= 9) {
        big_mul_add(big, 1000000000, 0);
    }
    for (; exponent > 0; exponent--) {
        big_mul_add(big, 10, 0);
    }
}

static uint32_t big_bits(const struct big *big)
{
    return big->count == 0 ? 0
                           : (big->count * 32) - (uint32_t)__builtin_clz(big->at[big->count - 1]);
}

static void big_shift(struct big *big, uint32_t bits)
{
    uint32_t limbs = bits / 32;
    uint32_t rest = bits % 32;
    if (big->count == 0 || big->count + limbs + 1 > LIMBS) {
        return;
    }
    memmove(big->at + limbs, big->at, big->count * sizeof(big->at[0]));
    memset(big->at, 0, limbs * sizeof(big->at[0]));
    big->count += limbs;
    uint32_t carry = 0;
    for (uint32_t i = limbs; i < big->count && rest != 0; i++) {
        uint32_t limb = big->at[i];
        big->at[i] = (limb << rest) | carry;
        carry = limb >> (32 - rest);
    }
    if (carry != 0) {
        big->at[big->count] = carry;
        big->count += 1;
    }
}

static int big_compare(const struct big *a, const struct big *b)
{
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    for (uint32_t i = a->count; i > 0; i--) {
        if (a->at[i - 1] != b->at[i - 1]) {
            return a->at[i - 1] < b->at[i - 1] ? -1 : 1;
        }
    }
    return 0;
}

/* a -= b, for a >= b. */
static void big_subtract(struct big *a, const struct big *b)
{
    uint64_t borrow = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        uint64_t take = (i < b->count ? b->at[i] : 0) + borrow;
        borrow = a->at[i] < take ? 1 : 0;
        a->at[i] = (uint32_t)(a->at[i] - take);
    }
    while (a->count > 0 && a->at[a->count - 1] == 0) {
        a->count -= 1;
    }
}

int64_t expr_double_split(double value, int *ret_exponent)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof(bits));
    uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    int exponent = (int)((bits >> 52) & 0x7ff);
    mantissa |= exponent == 0 ? 0 : UINT64_C(1) << 52;
    *ret_exponent = (exponent == 0 ? 1 : exponent) - 1075;
    return (bits >> 63) != 0 ? -(int64_t)mantissa : (int64_t)mantissa;
}

/* mantissa × 2^exponent, which a double holds exactly; mantissa <= 2^53. */
static double make(uint64_t mantissa, int exponent)
{
    if (mantissa >> 53 != 0) {
        mantissa >>= 1;
        exponent += 1;
    }
    uint64_t bits = mantissa;
    if (mantissa >> 52 != 0) {
        bits = (mantissa & ((UINT64_C(1) << 52) - 1)) | ((uint64_t)(exponent + 1075) << 52);
    }
    double value = 0;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool expr_double_is(struct sunder_str text)
{
    uint32_t at = text.len != 0 && (text.at[0] == '-' || text.at[0] == '+') ? 1 : 0;
    uint32_t digits = 0;
    for (; at < text.len && is_digit(text.at[at]); at++) {
        digits += 1;
    }
    if (at < text.len && text.at[at] == '.') {
        for (at += 1; at < text.len && is_digit(text.at[at]); at++) {
            digits += 1;
        }
    }
    if (digits != 0 && at < text.len && (text.at[at] | 0x20) == 'e') {
        at += 1;
        at += at < text.len && (text.at[at] == '+' || text.at[at] == '-') ? 1 : 0;
        digits = 0;
        for (; at < text.len && is_digit(text.at[at]); at++) {
            digits += 1;
        }
    }
    return digits != 0 && at == text.len;
}

/* What a text says: digits × 10^exponent. `rest`: there were digits other than 0 beyond DIGITS_MAX. */
struct parts {
    bool negative;
    uint32_t digits;
    int32_t exponent;
    struct big mantissa;
};

static int32_t read_exponent(struct sunder_str text, uint32_t at)
{
    bool negative = at < text.len && text.at[at] == '-';
    at += at < text.len && (text.at[at] == '-' || text.at[at] == '+') ? 1 : 0;
    int32_t value = 0;
    for (; at < text.len && value < 100000; at++) {
        value = (value * 10) + (text.at[at] - '0');
    }
    return negative ? -value : value;
}

static void read_parts(struct sunder_str text, struct parts *parts)
{
    bool fraction = false;
    bool rest = false;
    parts->negative = text.len != 0 && text.at[0] == '-';
    parts->digits = 0;
    parts->exponent = 0;
    big_set(&parts->mantissa, 0);
    for (uint32_t at = 0; at < text.len; at++) {
        char c = text.at[at];
        if ((c | 0x20) == 'e') {
            parts->exponent += read_exponent(text, at + 1);
            break;
        }
        if (!is_digit(c)) {
            fraction = fraction || c == '.';
            continue;
        }
        if (parts->digits < DIGITS_MAX) {
            uint32_t digit = (uint32_t)(c - '0');
            if (parts->mantissa.count == 0) {
                big_set(&parts->mantissa, digit);
            } else {
                big_mul_add(&parts->mantissa, 10, digit);
            }
            parts->digits += parts->mantissa.count != 0 ? 1 : 0;
            parts->exponent -= fraction ? 1 : 0;
        } else {
            rest = rest || c != '0';
            parts->exponent += fraction ? 0 : 1;
        }
    }
    if (rest) {
        big_mul_add(&parts->mantissa, 10, 1);
        parts->digits += 1;
        parts->exponent -= 1;
    }
}

/* quotient × 2^-shift, more when `rest`, rounded to a double. quotient >= 2^62. */
static double round_to_double(uint64_t quotient, int shift, bool rest)
{
    int bits = 64 - __builtin_clzll(quotient);
    int top = bits - 1 - shift;
    int precision = top < -1022 ? 53 - (-1022 - top) : 53;
    if (top > 1023) {
        return __builtin_inf();
    }
    if (precision < 0) {
        return 0;
    }
    uint32_t drop = (uint32_t)(bits - precision); /* 9 to 64 */
    uint64_t kept = drop == 64 ? 0 : quotient >> drop;
    uint64_t half = UINT64_C(1) << (drop - 1);
    uint64_t low = quotient & (half | (half - 1));
    bool up = low > half || (low == half && (rest || (kept & 1) != 0));
    kept += up ? 1 : 0;
    int exponent = (int)drop - shift;
    if (kept >> 53 != 0 && top == 1023) {
        return __builtin_inf();
    }
    return make(kept, exponent);
}

static double read_slowly(struct parts *parts)
{
    struct big *over = &parts->mantissa;
    struct big under;
    big_set(&under, 1);
    if (parts->exponent >= 0) {
        big_power_of_ten(over, (uint32_t)parts->exponent);
    } else {
        big_power_of_ten(&under, (uint32_t)-parts->exponent);
    }
    int shift = 63 - ((int)big_bits(over) - (int)big_bits(&under));
    if (shift > 0) {
        big_shift(over, (uint32_t)shift);
    } else {
        big_shift(&under, (uint32_t)-shift);
    }
    uint64_t quotient = 0;
    big_shift(&under, 63);
    for (int i = 0; i < 64; i++) {
        quotient <<= 1;
        if (big_compare(over, &under) >= 0) {
            big_subtract(over, &under);
            quotient |= 1;
        }
        big_shift(over, 1);
    }
    return round_to_double(quotient, shift, over->count != 0);
}

double expr_double_read(struct sunder_str text)
{
    static const double powers[] = {1e0,
        1e1,
        1e2,
        1e3,
        1e4,
        1e5,
        1e6,
        1e7,
        1e8,
        1e9,
        1e10,
        1e11,
        1e12,
        1e13,
        1e14,
        1e15,
        1e16,
        1e17,
        1e18,
        1e19,
        1e20,
        1e21,
        1e22};
    struct parts parts;
    read_parts(text, &parts);
    int64_t magnitude =
        (int64_t)parts.digits + parts.exponent; /* The value is below 10^magnitude. */
    double value = 0;
    if (parts.digits == 0 || magnitude < -330) {
        value = 0;
    } else if (magnitude > 310) {
        value = __builtin_inf();
    } else if (parts.digits <= 15 && parts.exponent >= -22 && parts.exponent <= 22) {
        uint64_t whole = parts.mantissa.at[0];
        whole |= parts.mantissa.count > 1 ? (uint64_t)parts.mantissa.at[1] << 32 : 0;
        /* Both are exact, so there is one rounding. */
        value = parts.exponent < 0 ? (double)whole / powers[-parts.exponent]
                                   : (double)whole * powers[parts.exponent];
    } else {
        value = read_slowly(&parts);
    }
    return parts.negative ? -value : value;
}

enum {
    EXACT_DIGITS = 20
};

/* The first digits of a positive value, each exact: value = 0.DDD × 10^point; true when it has more. */
static bool exact_digits(double value, char *digits, int *ret_point)
{
    struct big over;
    struct big under;
    int exponent = 0;
    big_set(&over, (uint64_t)expr_double_split(value, &exponent));
    big_set(&under, 1);
    if (exponent >= 0) {
        big_shift(&over, (uint32_t)exponent);
    } else {
        big_shift(&under, (uint32_t)-exponent);
    }
    /* log10(2) = 0.30103: a guess of the point that is at most one too small. */
    int bits = (int)big_bits(&over) - (int)big_bits(&under);
    int point = (bits * 30103 / 100000) - 1;
    if (point >= 0) {
        big_power_of_ten(&under, (uint32_t)point);
    } else {
        big_power_of_ten(&over, (uint32_t)-point);
    }
    while (big_compare(&over, &under) >= 0) {
        big_mul_add(&under, 10, 0);
        point += 1;
    }
    for (int i = 0; i < EXACT_DIGITS; i++) {
        big_mul_add(&over, 10, 0);
        digits[i] = '0';
        while (big_compare(&over, &under) >= 0) {
            big_subtract(&over, &under);
            digits[i] += 1;
        }
        if (i == 0 && digits[0] == '0') { /* The guess was too large. */
            point -= 1;
            i -= 1;
        }
    }
    *ret_point = point;
    return over.count != 0;
}

/* Rounds to `count` digits, half to even; the point moves when 999 becomes 1000. */
static void round_digits(const char *exact, bool rest, uint32_t count, char *digits, int *point)
{
    memcpy(digits, exact, count);
    bool more = rest;
    for (uint32_t i = count + 1; i < EXACT_DIGITS; i++) {
        more = more || exact[i] != '0';
    }
    bool odd = ((digits[count - 1] - '0') & 1) != 0;
    if (exact[count] < '5' || (exact[count] == '5' && !more && !odd)) {
        return;
    }
    uint32_t at = count;
    while (at > 0 && digits[at - 1] == '9') {
        digits[at - 1] = '0';
        at -= 1;
    }
    if (at == 0) {
        digits[0] = '1';
        *point += 1;
        return;
    }
    digits[at - 1] += 1;
}

static uint32_t put_number(char *buf, int value)
{
    uint32_t len = 0;
    if (value >= 100) {
        buf[len++] = (char)('0' + (value / 100));
    }
    buf[len++] = (char)('0' + ((value / 10) % 10));
    buf[len++] = (char)('0' + (value % 10));
    return len;
}

/* 0.DIGITS × 10^point, scientific: d.ddde±xx. */
static uint32_t put_scientific(const char *digits, uint32_t count, int point, char *buf)
{
    uint32_t len = 0;
    buf[len++] = digits[0];
    if (count > 1) {
        buf[len++] = '.';
        memcpy(buf + len, digits + 1, count - 1);
        len += count - 1;
    }
    int exponent = point - 1;
    buf[len++] = 'e';
    buf[len++] = exponent < 0 ? '-' : '+';
    return len + put_number(buf + len, exponent < 0 ? -exponent : exponent);
}

static uint32_t put_plain(const char *digits, uint32_t count, int point, char *buf)
{
    uint32_t len = 0;
    if (point <= 0) {
        buf[len++] = '0';
        buf[len++] = '.';
        memset(buf + len, '0', (size_t)-point);
        len += (uint32_t)-point;
        memcpy(buf + len, digits, count);
        return len + count;
    }
    for (int i = 0; i < point || (uint32_t)i < count; i++) {
        if (i == point) {
            buf[len++] = '.';
        }
        buf[len++] = (uint32_t)i < count ? digits[i] : '0';
    }
    return len;
}

uint32_t expr_double_write(double value, char *buf)
{
    if (expr_is_nan(value)) {
        memcpy(buf, "NaN", 3);
        return 3;
    }
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof(bits));
    uint32_t sign = (uint32_t)(bits >> 63);
    value = sign != 0 ? -value : value;
    if (value > 1.7976931348623157e308) {
        memcpy(buf, sign != 0 ? "-Inf" : "+Inf", 4);
        return 4;
    }
    buf[0] = '-';
    if (!(value > 0)) {
        buf[sign] = '0';
        return sign + 1;
    }
    char exact[EXACT_DIGITS];
    char digits[EXACT_DIGITS];
    char text[EXPR_DOUBLE_TEXT_MAX];
    int exact_point = 0;
    bool rest = exact_digits(value, exact, &exact_point);
    uint32_t low = 1;
    uint32_t high = 17; /* So many always read back. */
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int point = exact_point;
        round_digits(exact, rest, middle, digits, &point);
        uint32_t len = put_scientific(digits, middle, point, text);
        bool back = expr_double_read((struct sunder_str){text, len}) == value;
        low = back ? low : middle + 1;
        high = back ? middle : high;
    }
    int point = exact_point;
    round_digits(exact, rest, low, digits, &point);
    while (low > 1 && digits[low - 1] == '0') {
        low -= 1;
    }
    bool plain = point > -4 && point <= 21;
    return sign + (plain ? put_plain(digits, low, point, buf + sign)
                         : put_scientific(digits, low, point, buf + sign));
}
