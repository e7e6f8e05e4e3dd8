#include "consumers/redact.h"

#include <stdbool.h>
#include <string.h>

#define MARK "sha256:"
#define MARK_BYTES (sizeof MARK - 1 + 64)

/* from, to  the value of a member `proof`, quotes included */
struct secret {
    uint32_t from;
    uint32_t to;
};

#define SECRETS_MAX                                                                                \
    64u /* A CloudEvent has one; what has more is cut after the last that is known. */

static int hex_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static uint32_t string_end(struct sunder_str text, uint32_t at)
{
    for (uint32_t i = at + 1; i < text.len; i++) {
        if (text.at[i] == '\\') {
            i++;
        } else if (text.at[i] == '"') {
            return i + 1;
        }
    }
    return text.len;
}

/* Whether the JSON string from..to (quotes included) reads `proof`, in whatever escapes. */
static bool is_proof(struct sunder_str text, uint32_t from, uint32_t to)
{
    static const char NAME[] = "proof";
    uint32_t matched = 0;
    for (uint32_t i = from + 1; i + 1 < to; i++) {
        int c = (unsigned char)text.at[i];
        if (c == '\\' && i + 5 < to && text.at[i + 1] == 'u') {
            c = 0;
            for (uint32_t k = i + 2; k < i + 6; k++) {
                int digit = hex_of(text.at[k]);
                c = digit < 0 ? 0xffff : c * 16 + digit;
            }
            i += 5;
        }
        if (matched == sizeof NAME - 1 || c != NAME[matched]) {
            return false;
        }
        matched++;
    }
    return matched == sizeof NAME - 1;
}

static uint32_t skip_space(struct sunder_str text, uint32_t at)
{
    while (at < text.len && (text.at[at] == ' ' || text.at[at] == '\t' || text.at[at] == '\n' ||
                                text.at[at] == '\r')) {
        at++;
    }
    return at;
}

static uint32_t value_end(struct sunder_str text, uint32_t at)
{
    if (at < text.len && text.at[at] == '"') {
        return string_end(text, at);
    }
    uint32_t depth = 0;
    while (at < text.len) {
        char c = text.at[at];
        if (c == '"') {
            at = string_end(text, at);
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']')) {
            return at;
        }
        depth += (c == '{' || c == '[') ? 1 : 0;
        depth -= (c == '}' || c == ']') ? 1 : 0;
        at++;
    }
    return at;
}

/* Returns how many; *ret_len: how much of the text may be shown at most. */
static uint32_t find_secrets(struct sunder_str text, struct secret *secrets, uint32_t *ret_len)
{
    uint32_t count = 0;
    for (uint32_t at = 0; at < text.len;) {
        if (text.at[at] != '"') {
            at++;
            continue;
        }
        uint32_t to = string_end(text, at);
        uint32_t colon = skip_space(text, to);
        if (colon < text.len && text.at[colon] == ':' && is_proof(text, at, to)) {
            if (count == SECRETS_MAX) {
                *ret_len = colon;
                return count;
            }
            secrets[count].from = skip_space(text, colon + 1);
            secrets[count].to = value_end(text, secrets[count].from);
            to = secrets[count].to;
            count++;
        }
        at = to;
    }
    return count;
}

static bool is_token_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '=' || c == '+' || c == '/';
}

/* Masks every run that begins like the header of a JWS and has a dot in it. */
static void mask_tokens(char *at, uint32_t len)
{
    for (uint32_t i = 0; i + 3 <= len; i++) {
        if (memcmp(at + i, "eyJ", 3) != 0) {
            continue;
        }
        uint32_t end = i;
        while (end < len && is_token_char(at[end])) {
            end++;
        }
        if (memchr(at + i, '.', end - i) != NULL) {
            memset(at + i, '*', end - i);
        }
        i = end - 1;
    }
}

static bool may_hold_token(struct sunder_str bytes)
{
    for (uint32_t i = 0; i + 3 <= bytes.len; i++) {
        const char *found = memchr(bytes.at + i, 'e', bytes.len - i);
        if (found == NULL) {
            return false;
        }
        i = (uint32_t)(found - bytes.at);
        if (bytes.len - i >= 3 && memcmp(found, "eyJ", 3) == 0) {
            return true;
        }
    }
    return false;
}

static char *put_digest(char *to, struct sunder_digest digest)
{
    static const char DIGITS[] = "0123456789abcdef";
    *to++ = '"';
    memcpy(to, MARK, sizeof MARK - 1);
    to += sizeof MARK - 1;
    for (size_t i = 0; i < sizeof digest.bytes; i++) {
        *to++ = DIGITS[digest.bytes[i] >> 4];
        *to++ = DIGITS[digest.bytes[i] & 15];
    }
    *to++ = '"';
    return to;
}

struct sunder_str sunder_redact(
    struct sunder_arena *arena, struct sunder_sha256 *sha256, struct sunder_str bytes)
{
    struct secret secrets[SECRETS_MAX];
    uint32_t len =
        bytes.len < SUNDER_DEAD_LETTER_BYTES_MAX ? bytes.len : SUNDER_DEAD_LETTER_BYTES_MAX;
    uint32_t count = find_secrets(bytes, secrets, &len);
    if (count == 0 && !may_hold_token(bytes)) {
        return (struct sunder_str){bytes.at, len};
    }
    char *out = sunder_arena_alloc_raw(arena, (size_t)len + (size_t)count * (MARK_BYTES + 2), 1);
    if (out == NULL) {
        return (struct sunder_str){0};
    }
    char *to = out;
    uint32_t from = 0;
    for (uint32_t i = 0; i < count && secrets[i].from < len; i++) {
        memcpy(to, bytes.at + from, secrets[i].from - from);
        to += secrets[i].from - from;
        struct sunder_str secret = {bytes.at + secrets[i].from, secrets[i].to - secrets[i].from};
        if (secret.len >= 2 && secret.at[0] == '"' && secret.at[secret.len - 1] == '"') {
            secret = (struct sunder_str){secret.at + 1, secret.len - 2};
        }
        to = put_digest(to, sunder_sha256_of(sha256, secret));
        from = secrets[i].to;
    }
    if (from < len) {
        memcpy(to, bytes.at + from, len - from);
        to += len - from;
    }
    mask_tokens(out, (uint32_t)(to - out));
    return (struct sunder_str){out, (uint32_t)(to - out)};
}
