#include "ops/cli/identifier.h"

#include "engine/model/limits.h"
#include "proto/base64.h"

#define CUT_BYTES (SUNDER_IDENTIFIER_BYTES_MAX - SUNDER_BASE64_DIGEST_CHARS - 1)

static bool is_plain(char c)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') || (c != '\0' && strchr("._~:/@+=#-", c) != NULL);
}

/* Whether the dot at `at` belongs to a segment that is "." or "..". */
static bool in_dot_segment(struct sunder_str name, uint32_t at)
{
    uint32_t from = at;
    uint32_t end = at;
    while (from > 0 && name.at[from - 1] != '/') {
        from -= 1;
    }
    while (end < name.len && name.at[end] != '/' && end - from <= 2) {
        end += 1;
    }
    for (uint32_t i = from; i < end; i++) {
        if (name.at[i] != '.') {
            return false;
        }
    }
    return end - from <= 2;
}

static bool must_escape(struct sunder_str name, uint32_t at)
{
    char c = name.at[at];
    if (c == '/') {
        return at + 1 == name.len || (at > 0 && name.at[at - 1] == '/');
    }
    return !is_plain(c) || (c == '.' && in_dot_segment(name, at));
}

struct sunder_str sunder_identifier_of(
    struct sunder_arena *arena, struct sunder_sha256 *sha256, struct sunder_str name)
{
    static const char HEX[] = "0123456789ABCDEF";
    char *text =
        name.at == NULL ? NULL : sunder_arena_alloc_raw(arena, ((size_t)name.len * 3) + 1, 1);
    if (text == NULL) {
        return (struct sunder_str){0};
    }
    uint32_t len = 0;
    uint32_t cut = 0; /* The longest beginning that may stay, with no %XX torn. */
    for (uint32_t i = 0; i < name.len; i++) {
        cut = len <= CUT_BYTES ? len : cut;
        unsigned char c = (unsigned char)name.at[i];
        if (must_escape(name, i)) {
            text[len++] = '%';
            text[len++] = HEX[c >> 4];
            text[len++] = HEX[c & 15];
        } else {
            text[len++] = (char)c;
        }
    }
    if (len <= SUNDER_IDENTIFIER_BYTES_MAX) {
        return (struct sunder_str){text, len};
    }
    struct sunder_digest digest = sunder_sha256_of(sha256, name);
    text[cut] = '~';
    sunder_base64url_encode(digest.bytes, sizeof(digest.bytes), text + cut + 1);
    return (struct sunder_str){text, cut + 1 + SUNDER_BASE64_DIGEST_CHARS};
}
