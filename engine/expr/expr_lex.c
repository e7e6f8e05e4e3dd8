#include "engine/base/decimal.h"
#include "engine/expr/expr_node.h"

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
        } else if (at == ' ' || at == '\t' || at == '\n' || at == '\r') {
            c->at += 1;
        } else {
            return;
        }
    }
}

/* Takes in all that a reader would call one number, so that `10m` is one wrong number and not two tokens. */
static void lex_number(struct expr_compile *c)
{
    uint32_t start = c->at;
    for (;;) {
        char at = peek(c, 0);
        bool point = at == '.' && is_digit(peek(c, 1));
        bool sign = (at == '+' || at == '-') && c->at > start &&
                    (c->source.at[c->at - 1] | 0x20) == 'e' && is_digit(peek(c, 1)) &&
                    is_digit(c->source.at[start]);
        if (!is_name(at) && !point && !sign) {
            break;
        }
        c->at += 1;
    }
    struct sunder_str text = since(c, start);
    c->token = (struct expr_token){.kind = EXPR_TOKEN_NUMBER, .offset = start, .text = text};
    enum sunder_err err = sunder_decimal_parse(text, &c->token.micro);
    if (err == SUNDER_ERR_MALFORMED) {
        EXPR_FAIL(
            c, SUNDER_ERR_INVALID, start, SUNDER_STR("`"), text, SUNDER_STR("` is not a number"));
    } else if (err != SUNDER_OK) {
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            start,
            SUNDER_STR("`"),
            text,
            SUNDER_STR("` has more than 6 decimals or is too large"));
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
        char at = peek(c, 0);
        uint32_t digit = UINT32_MAX;
        if (is_digit(at)) {
            digit = (uint32_t)(at - '0');
        } else if ((at >= 'a' && at <= 'f') || (at >= 'A' && at <= 'F')) {
            digit = (uint32_t)((at | 0x20) - 'a') + 10;
        }
        if (digit >= base || point > UINT32_MAX / base) {
            return UINT32_MAX;
        }
        point = (point * base) + digit;
        c->at += 1;
    }
    return point;
}

/* After the backslash. Writes what the escape stands for and returns its length; 0 when it is none. An escape is never
 * shorter than what it stands for, so `out` has room. */
static uint32_t escape(struct expr_compile *c, char *out)
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
    if (at == 'x' || at == 'X' || at == 'u' || at == 'U') {
        c->at += 1;
        point = code_point(c, at == 'U' ? 8 : (at == 'u' ? 4 : 2), 16);
    } else if (at >= '0' && at <= '3') {
        point = code_point(c, 3, 8);
    }
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
        return 0;
    }
    return encode_utf8(point, out);
}

/* At the opening quote. */
static void lex_string(struct expr_compile *c, bool raw)
{
    uint32_t start = c->at;
    char quote = peek(c, 0);
    c->at += 1;
    char *out = sunder_arena_alloc_raw(c->arena, (size_t)(c->source.len - start) + 1, 1);
    if (out == NULL) {
        EXPR_FAIL(c, SUNDER_ERR_FULL, start, SUNDER_STR("no memory is left for the policy"));
        return;
    }
    uint32_t len = 0;
    for (;;) {
        char at = peek(c, 0);
        if (c->at >= c->source.len || at == '\n' || at == '\r') {
            EXPR_FAIL(c, SUNDER_ERR_INVALID, start, SUNDER_STR("this string has no closing quote"));
            return;
        }
        c->at += 1;
        if (at == quote) {
            break;
        }
        if (at == '\\' && !raw) {
            uint32_t backslash = c->at - 1;
            uint32_t got = escape(c, out + len);
            if (got == 0) {
                EXPR_FAIL(c,
                    SUNDER_ERR_INVALID,
                    backslash,
                    SUNDER_STR("this escape is not known; a backslash itself is written `\\\\`"));
                return;
            }
            len += got;
            continue;
        }
        out[len] = at;
        len += 1;
    }
    c->token = (struct expr_token){
        .kind = EXPR_TOKEN_STRING, .offset = start, .text = (struct sunder_str){out, len}};
}

static void lex_sign(struct expr_compile *c)
{
    static const struct sunder_str signs[] = {
        EXPR_WORD("&&"),
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
        EXPR_WORD("}"),
    };
    struct sunder_str rest = {c->source.at + c->at, c->source.len - c->at};
    for (uint32_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (sunder_str_starts_with(rest, signs[i])) {
            c->token =
                (struct expr_token){.kind = EXPR_TOKEN_SIGN, .offset = c->at, .text = signs[i]};
            c->at += signs[i].len;
            return;
        }
    }
    struct sunder_str wrong = {rest.at, 1};
    while (wrong.len < rest.len && (rest.at[wrong.len] & 0xc0) == 0x80) {
        wrong.len += 1; /* The whole character, not its first byte. */
    }
    if (rest.at[0] == '=' || rest.at[0] == '&' || rest.at[0] == '|') {
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            c->at,
            SUNDER_STR("`"),
            wrong,
            SUNDER_STR("` is not an operator; did you mean `"),
            wrong,
            wrong,
            SUNDER_STR("`?"));
        return;
    }
    EXPR_FAIL(c,
        SUNDER_ERR_INVALID,
        c->at,
        SUNDER_STR("`"),
        wrong,
        SUNDER_STR("` is no part of an expression"));
}

void expr_next(struct expr_compile *c)
{
    c->token = (struct expr_token){.kind = EXPR_TOKEN_END, .offset = c->at};
    if (c->err != SUNDER_OK) {
        return;
    }
    skip_blanks(c);
    c->token.offset = c->at;
    if (c->at >= c->source.len) {
        return;
    }
    char at = peek(c, 0);
    char after = peek(c, 1);
    if (at == '"' || at == '\'') {
        lex_string(c, false);
    } else if ((at == 'r' || at == 'R') && (after == '"' || after == '\'')) {
        c->at += 1;
        lex_string(c, true);
    } else if (is_digit(at) || (at == '.' && is_digit(after))) {
        lex_number(c);
    } else if (is_name_start(at)) {
        uint32_t start = c->at;
        while (is_name(peek(c, 0))) {
            c->at += 1;
        }
        c->token =
            (struct expr_token){.kind = EXPR_TOKEN_NAME, .offset = start, .text = since(c, start)};
    } else {
        lex_sign(c);
    }
    if (c->err != SUNDER_OK) {
        c->token = (struct expr_token){.kind = EXPR_TOKEN_END, .offset = c->at};
    }
}
