#include "engine/expr/expr_node.h"

#define S SUNDER_STR

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name(char c)
{
    return is_name_start(c) || is_digit(c);
}

static char peek(const struct expr_compile *c, uint32_t ahead)
{
    return c->at + ahead < c->source.len ? c->source.at[c->at + ahead] : '\0';
}

static struct sunder_str since(const struct expr_compile *c, uint32_t start)
{
    return (struct sunder_str){c->source.at + start, c->at - start};
}

static void skip_blanks(struct expr_compile *c)
{
    while (c->at < c->source.len) {
        char at = peek(c, 0);
        if (at == '/' && peek(c, 1) == '/') {
            while (c->at < c->source.len && peek(c, 0) != '\n') {
                c->at += 1;
            }
        } else if (at == ' ' || at == '\t' || at == '\n' || at == '\r' || at == '\f') {
            c->at += 1;
        } else {
            return;
        }
    }
}

/* The value of a digit in a base up to 16; UINT32_MAX when it is none. */
static uint32_t digit_of(char at, uint32_t base)
{
    uint32_t digit = UINT32_MAX;
    if (is_digit(at)) {
        digit = (uint32_t)(at - '0');
    } else if ((at >= 'a' && at <= 'f') || (at >= 'A' && at <= 'F')) {
        digit = (uint32_t)((at | 0x20) - 'a') + 10;
    }
    return digit < base ? digit : UINT32_MAX;
}

/* DIGITS in a base; false when one is none, there are none, or it overflows. */
static bool read_digits(struct sunder_str text, uint32_t base, uint64_t *ret_value, bool *ret_fits)
{
    uint64_t value = 0;
    *ret_fits = true;
    for (uint32_t i = 0; i < text.len; i++) {
        uint32_t digit = digit_of(text.at[i], base);
        if (digit == UINT32_MAX) {
            return false;
        }
        if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value)) {
            *ret_fits = false;
        }
    }
    *ret_value = value;
    return text.len != 0;
}

/* DIGITS? [. DIGITS] [e [+-] DIGITS], with a digit and at least a point or an exponent. */
static bool is_real(struct sunder_str text)
{
    uint32_t at = 0;
    uint32_t digits = 0;
    bool real = false;
    for (; at < text.len && is_digit(text.at[at]); at++) {
        digits += 1;
    }
    if (at < text.len && text.at[at] == '.') {
        real = true;
        for (at += 1; at < text.len && is_digit(text.at[at]); at++) {
            digits += 1;
        }
    }
    if (digits != 0 && at < text.len && (text.at[at] | 0x20) == 'e') {
        at += 1;
        at += at < text.len && (text.at[at] == '+' || text.at[at] == '-') ? 1 : 0;
        real = at < text.len;
        for (; at < text.len && is_digit(text.at[at]); at++) {
            digits += 1;
        }
    }
    return real && digits != 0 && at == text.len;
}

/* Takes in all that a reader would call one number, so that `10m` is one wrong number and not two tokens. */
static void lex_number(struct expr_compile *c)
{
    uint32_t start = c->at;
    bool hex = peek(c, 0) == '0' && (peek(c, 1) | 0x20) == 'x';
    for (;;) {
        char at = peek(c, 0);
        bool point = at == '.' && is_digit(peek(c, 1));
        bool sign = (at == '+' || at == '-') && c->at > start && !hex &&
                    (c->source.at[c->at - 1] | 0x20) == 'e' && is_digit(peek(c, 1));
        if (!is_name(at) && !point && !sign) {
            break;
        }
        c->at += 1;
    }
    struct sunder_str text = since(c, start);
    struct sunder_str digits = hex ? (struct sunder_str){text.at + 2, text.len - 2} : text;
    bool is_uint = digits.len != 0 && (digits.at[digits.len - 1] | 0x20) == 'u';
    digits.len -= is_uint ? 1 : 0;
    c->token = (struct expr_token){
        .kind = is_uint ? EXPR_TOKEN_UINT : EXPR_TOKEN_INT, .offset = start, .text = text};
    bool fits = true;
    if (read_digits(digits, hex ? 16 : 10, &c->token.magnitude, &fits)) {
        if (!fits) {
            EXPR_FAIL(c, start, S("`"), text, S("` is too large for a whole number"));
        }
    } else if (!hex && is_real(text)) {
        c->token.kind = EXPR_TOKEN_REAL;
    } else {
        EXPR_FAIL(c, start, S("`"), text, S("` is not a number"));
    }
}

static uint32_t encode_utf8(uint32_t point, char *out)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xc0 | (point >> 6));
        out[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | (point >> 12));
        out[1] = (char)(0x80 | ((point >> 6) & 0x3f));
        out[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (point >> 18));
    out[1] = (char)(0x80 | ((point >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((point >> 6) & 0x3f));
    out[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

/* `count` digits of a base from the current position; UINT32_MAX when there are not so many. */
static uint32_t code_point(struct expr_compile *c, uint32_t count, uint32_t base)
{
    uint32_t point = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t digit = digit_of(peek(c, 0), base);
        if (digit == UINT32_MAX || point > UINT32_MAX / base) {
            return UINT32_MAX;
        }
        point = (point * base) + digit;
        c->at += 1;
    }
    return point;
}

/* After the backslash. Writes what the escape stands for and returns its length; 0 when it is none. An escape is never
 * shorter than what it stands for, so `out` has room. In bytes, \x and octal are one byte and \u is none. */
static uint32_t escape(struct expr_compile *c, bool bytes, char *out)
{
    static const char plain[] = "abfnrtv\\?\"'`";
    static const char means[] = "\a\b\f\n\r\t\v\\?\"'`";
    char at = peek(c, 0);
    for (uint32_t i = 0; i < sizeof(plain) - 1; i++) {
        if (plain[i] == at) {
            out[0] = means[i];
            c->at += 1;
            return 1;
        }
    }
    uint32_t point = UINT32_MAX;
    bool one_byte = bytes;
    if (at == 'x' || at == 'X') {
        c->at += 1;
        point = code_point(c, 2, 16);
    } else if ((at == 'u' || at == 'U') && !bytes) {
        c->at += 1;
        point = code_point(c, at == 'U' ? 8 : 4, 16);
    } else if (at >= '0' && at <= '3') {
        point = code_point(c, 3, 8);
    }
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
        return 0;
    }
    if (one_byte) {
        out[0] = (char)point;
        return 1;
    }
    return encode_utf8(point, out);
}

struct quoting {
    char quote;
    uint32_t quotes; /* 1 or 3 */
    bool raw;
    bool bytes;
};

static bool closes(const struct expr_compile *c, struct quoting how)
{
    for (uint32_t i = 0; i < how.quotes; i++) {
        if (c->at + i >= c->source.len || peek(c, i) != how.quote) {
            return false;
        }
    }
    return true;
}

/* From behind the opening quotes to behind the closing ones; false after an error. */
static bool lex_body(struct expr_compile *c, struct quoting how, char *out, uint32_t *ret_len)
{
    uint32_t len = 0;
    while (!closes(c, how)) {
        char at = peek(c, 0);
        if (c->at >= c->source.len || (how.quotes == 1 && (at == '\n' || at == '\r'))) {
            EXPR_FAIL(c, c->token.offset, S("this string has no closing quote"));
            return false;
        }
        c->at += 1;
        if (at != '\\' || how.raw) {
            out[len] = at;
            len += 1;
            continue;
        }
        uint32_t backslash = c->at - 1;
        uint32_t got = escape(c, how.bytes, out + len);
        if (got == 0) {
            EXPR_FAIL(
                c, backslash, S("this escape is not known; a backslash itself is written `\\\\`"));
            return false;
        }
        len += got;
    }
    c->at += how.quotes;
    *ret_len = len;
    return true;
}

/* True when a string begins here: its prefixes r and b in any order and case, each once, then a quote. */
static bool string_ahead(
    const struct expr_compile *c, struct quoting *ret_how, uint32_t *ret_prefix)
{
    struct quoting how = {.quotes = 1};
    uint32_t ahead = 0;
    for (; ahead < 2; ahead++) {
        char at = (char)(peek(c, ahead) | 0x20);
        if (at == 'r' && !how.raw) {
            how.raw = true;
        } else if (at == 'b' && !how.bytes) {
            how.bytes = true;
        } else {
            break;
        }
    }
    how.quote = peek(c, ahead);
    if (how.quote != '"' && how.quote != '\'') {
        return false;
    }
    if (peek(c, ahead + 1) == how.quote && peek(c, ahead + 2) == how.quote) {
        how.quotes = 3;
    }
    *ret_how = how;
    *ret_prefix = ahead;
    return true;
}

static void lex_string(struct expr_compile *c, struct quoting how)
{
    char *out = sunder_arena_alloc_raw(&c->scratch, (size_t)(c->source.len - c->at) + 1, 1);
    if (out == NULL) {
        expr_fail_full(c);
        return;
    }
    size_t mark = sunder_arena_mark(&c->scratch);
    uint32_t room = c->source.len - c->at + 1;
    uint32_t len = 0;
    c->at += how.quotes;
    if (lex_body(c, how, out, &len)) {
        sunder_arena_rewind(&c->scratch, mark - (room - len));
        c->token.kind = how.bytes ? EXPR_TOKEN_BYTES : EXPR_TOKEN_STRING;
        c->token.text = (struct sunder_str){out, len};
    }
}

static void fail_sign(struct expr_compile *c, struct sunder_str rest)
{
    struct sunder_str wrong = {rest.at, 1};
    while (wrong.len < rest.len && ((unsigned char)rest.at[wrong.len] & 0xc0) == 0x80) {
        wrong.len += 1; /* The whole character, not its first byte. */
    }
    if (rest.at[0] == '=' || rest.at[0] == '&' || rest.at[0] == '|') {
        EXPR_FAIL(c,
            c->at,
            S("`"),
            wrong,
            S("` is not an operator; did you mean `"),
            wrong,
            wrong,
            S("`?"));
        return;
    }
    EXPR_FAIL(c, c->at, S("`"), wrong, S("` is no part of an expression"));
}

static void lex_sign(struct expr_compile *c)
{
    static const struct sunder_str signs[] = {EXPR_WORD("&&"),
        EXPR_WORD("||"),
        EXPR_WORD("=="),
        EXPR_WORD("!="),
        EXPR_WORD("<="),
        EXPR_WORD(">="),
        EXPR_WORD("<"),
        EXPR_WORD(">"),
        EXPR_WORD("!"),
        EXPR_WORD("+"),
        EXPR_WORD("-"),
        EXPR_WORD("?"),
        EXPR_WORD(":"),
        EXPR_WORD("("),
        EXPR_WORD(")"),
        EXPR_WORD("["),
        EXPR_WORD("]"),
        EXPR_WORD(","),
        EXPR_WORD("."),
        EXPR_WORD("*"),
        EXPR_WORD("/"),
        EXPR_WORD("%"),
        EXPR_WORD("{"),
        EXPR_WORD("}")};
    struct sunder_str rest = {c->source.at + c->at, c->source.len - c->at};
    for (uint32_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (sunder_str_starts_with(rest, signs[i])) {
            c->token.kind = EXPR_TOKEN_SIGN;
            c->token.text = signs[i];
            c->at += signs[i].len;
            return;
        }
    }
    fail_sign(c, rest);
}

void expr_next(struct expr_compile *c)
{
    c->end = c->token.end;
    c->token = (struct expr_token){.kind = EXPR_TOKEN_END, .offset = c->at, .end = c->at};
    if (c->err != SUNDER_OK) {
        return;
    }
    skip_blanks(c);
    c->token.offset = c->at;
    if (c->at >= c->source.len) {
        return;
    }
    char at = peek(c, 0);
    struct quoting how = {0};
    uint32_t prefix = 0;
    if (string_ahead(c, &how, &prefix)) {
        c->at += prefix;
        lex_string(c, how);
    } else if (is_digit(at) || (at == '.' && is_digit(peek(c, 1)))) {
        lex_number(c);
    } else if (is_name_start(at)) {
        uint32_t start = c->at;
        while (is_name(peek(c, 0))) {
            c->at += 1;
        }
        c->token.kind = EXPR_TOKEN_NAME;
        c->token.text = since(c, start);
    } else {
        lex_sign(c);
    }
    c->token.end = c->at;
    if (c->err != SUNDER_OK) {
        c->token = (struct expr_token){.kind = EXPR_TOKEN_END, .offset = c->at, .end = c->at};
    }
}
