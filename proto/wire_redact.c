/* Takes the proofs out of a value for its dead letter. Whoever reads a bearer token may use it, so a value that cannot be read is
 * searched for anything that looks like one.
 *   JSON without errors     the value of each member named `proof` becomes the text of its digest
 *   everything else         the proof, or what may be one, is overwritten by its digest and stars: no length changes, so
 *                           protobuf stays what it is */
#include "proto/base64.h"
#include "proto/wire_internal.h"

/* NESTED_MAX: base64 in base64. */
enum {
    NESTED_MAX = 3,
    PREFIX_CHARS = 7,
    HASH_CHARS = PREFIX_CHARS + SUNDER_BASE64_DIGEST_CHARS
};

/* Appends; a first pass without a buffer only counts. */
struct writer {
    struct sunder_wire_decoder *decoder;
    struct sunder_arena *arena;
    char *buf;
    size_t len;
};

static void put(struct writer *writer, const char *bytes, size_t len)
{
    if (writer->buf != NULL && len != 0) {
        memcpy(writer->buf + writer->len, bytes, len);
    }
    writer->len += len;
}

static void put_str(struct writer *writer, struct sunder_str str)
{
    put(writer, str.at, str.len);
}

static struct sunder_str slice(struct sunder_str str, uint32_t from, uint32_t end)
{
    return (struct sunder_str){str.at + from, end - from};
}

/* "sha256:" and the digest of what is taken out. */
static void write_hash(
    struct sunder_wire_decoder *decoder, struct sunder_str secret, char text[HASH_CHARS])
{
    struct sunder_digest digest = sunder_sha256_of(decoder->sha256, secret);
    memcpy(text, "sha256:", PREFIX_CHARS);
    sunder_base64url_encode(digest.bytes, sizeof(digest.bytes), text + PREFIX_CHARS);
}

static void put_hash(struct writer *writer, struct sunder_str secret)
{
    char text[HASH_CHARS];
    write_hash(writer->decoder, secret, text);
    put(writer, text, sizeof(text));
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static uint32_t skip_space(struct sunder_str text, uint32_t at)
{
    while (at < text.len && is_space(text.at[at])) {
        at += 1;
    }
    return at;
}

/* Behind the closing quote of the string that begins at `at`, or the end of the text. */
static uint32_t string_end(struct sunder_str text, uint32_t at)
{
    for (at += 1; at < text.len; at++) {
        if (text.at[at] == '\\') {
            at += 1;
        } else if (text.at[at] == '"') {
            return at + 1;
        }
    }
    return text.len;
}

/* Behind the value that begins at `at`, in a text without errors. */
static uint32_t value_end(struct sunder_str text, uint32_t at)
{
    uint32_t depth = 0;
    while (at < text.len) {
        char c = text.at[at];
        if (c == '"') {
            at = string_end(text, at);
        } else if (c == '{' || c == '[') {
            depth += 1;
            at += 1;
        } else if (c == '}' || c == ']') {
            if (depth == 0) {
                return at;
            }
            depth -= 1;
            at += 1;
        } else if (depth == 0 && (c == ',' || is_space(c))) {
            return at;
        } else {
            at += 1;
            continue;
        }
        if (depth == 0) {
            return at;
        }
    }
    return at;
}

/* Whether a quoted name is `name`, however it is escaped: \u0070roof is proof. */
static bool is_name(struct sunder_str quoted, const char *name)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    uint32_t at = 1;
    uint32_t end = quoted.len - 1;
    for (; *name != '\0'; name++) {
        if (at >= end) {
            return false;
        }
        uint32_t code = (uint8_t)quoted.at[at];
        if (code == '\\' && at + 6 <= end && quoted.at[at + 1] == 'u') {
            code = 0;
            for (uint32_t i = at + 2; i < at + 6; i++) {
                const char *digit = memchr(digits, quoted.at[i], sizeof(digits) - 1);
                code = (code << 4) | (digit == NULL ? 0 : (uint32_t)(digit - digits) % 16);
            }
            at += 5;
        }
        if (code != (uint8_t)*name) {
            return false;
        }
        at += 1;
    }
    return at == end;
}

static struct sunder_str redact(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str value,
    uint32_t nested);

/* Data in base64 is taken apart, redacted and put together again; what is no base64 is taken out whole. */
static void put_base64(struct writer *writer, struct sunder_str text, uint32_t nested)
{
    size_t mark = sunder_arena_mark(writer->arena);
    char *raw = sunder_arena_alloc_raw(writer->arena, text.len + 1u, 1);
    size_t len = 0;
    struct sunder_str clean = {0};
    if (raw != NULL && sunder_base64_decode(text, (uint8_t *)raw, &len) == SUNDER_OK) {
        struct sunder_str bytes = {raw, (uint32_t)len};
        clean = redact(writer->decoder, writer->arena, bytes, nested + 1);
    }
    size_t chars = SUNDER_BASE64_CHARS((size_t)clean.len);
    char *again = clean.at == NULL ? NULL : sunder_arena_alloc_raw(writer->arena, chars + 1, 1);
    if (again == NULL) {
        put_hash(writer, text);
    } else {
        put(writer, again, sunder_base64_encode((const uint8_t *)clean.at, clean.len, again));
    }
    sunder_arena_rewind(writer->arena, mark);
}

/* The value of a member that is named proof or data_base64. Gives where it ends. */
static uint32_t put_secret(
    struct writer *writer, struct sunder_str text, uint32_t at, bool base64, uint32_t nested)
{
    bool quoted = text.at[at] == '"';
    uint32_t end = value_end(text, at);
    struct sunder_str secret = quoted ? slice(text, at + 1, end - 1) : slice(text, at, end);
    if (sunder_str_equal(secret, SUNDER_STR("null")) && !quoted) {
        put_str(writer, secret);
        return end;
    }
    put(writer, "\"", 1);
    if (base64 && quoted) {
        put_base64(writer, secret, nested);
    } else {
        put_hash(writer, secret);
    }
    put(writer, "\"", 1);
    return end;
}

/* A text without errors: every member named proof, at any depth, and data_base64. */
static void redact_json(struct writer *writer, struct sunder_str text, uint32_t nested)
{
    uint32_t done = 0;
    uint32_t at = 0;
    while (at < text.len) {
        if (text.at[at] != '"') {
            at += 1;
            continue;
        }
        struct sunder_str name = slice(text, at, string_end(text, at));
        at += name.len;
        uint32_t colon = skip_space(text, at);
        bool base64 = is_name(name, "data_base64");
        if (colon == text.len || text.at[colon] != ':' || (!base64 && !is_name(name, "proof"))) {
            continue;
        }
        uint32_t value = skip_space(text, colon + 1);
        put_str(writer, slice(text, done, value));
        at = put_secret(writer, text, value, base64, nested);
        done = at;
    }
    put_str(writer, slice(text, done, text.len));
}

static bool is_token_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

/* The end of what looks like a JSON web token at `at` ("eyJ" is base64 of {" ), or `at`. */
static uint32_t token_end(struct sunder_str bytes, uint32_t at)
{
    if (bytes.len - at < 3 || memcmp(bytes.at + at, "eyJ", 3) != 0) {
        return at;
    }
    uint32_t end = at;
    bool dots = false;
    for (; end < bytes.len && is_token_char(bytes.at[end]); end++) {
        dots |= bytes.at[end] == '.';
    }
    return dots ? end : at;
}

/* Where the value of a `"proof": "` at `at` begins, or 0. */
static uint32_t loose_value(struct sunder_str bytes, uint32_t at)
{
    static const char name[] = "\"proof\"";
    if (bytes.len - at < sizeof(name) - 1 || memcmp(bytes.at + at, name, sizeof(name) - 1) != 0) {
        return 0;
    }
    uint32_t colon = skip_space(bytes, at + (uint32_t)sizeof(name) - 1);
    if (colon == bytes.len || bytes.at[colon] != ':') {
        return 0;
    }
    uint32_t value = skip_space(bytes, colon + 1);
    return value < bytes.len && bytes.at[value] == '"' ? value + 1 : 0;
}

/* Overwrites bytes from `from` to `end` with as much of their digest as there is room for, and stars. */
static void blank(struct sunder_wire_decoder *decoder, char *bytes, uint32_t from, uint32_t end)
{
    char text[HASH_CHARS];
    write_hash(decoder, (struct sunder_str){bytes + from, end - from}, text);
    for (uint32_t i = from; i < end; i++) {
        bytes[i] = '*';
        if (i - from < HASH_CHARS) {
            bytes[i] = text[i - from];
        }
    }
}

/* Bytes that nothing reads: whatever follows the name, and whatever looks like a token. */
static void blank_loose(struct sunder_wire_decoder *decoder, char *at_bytes, uint32_t len)
{
    const struct sunder_str bytes = {at_bytes, len};
    uint32_t at = 0;
    while (at < len) {
        uint32_t value = loose_value(bytes, at);
        uint32_t from = value != 0 ? value : at;
        uint32_t end = value != 0 ? string_end(bytes, value - 1) : token_end(bytes, at);
        if (value != 0 && end > value && bytes.at[end - 1] == '"') {
            end -= 1;
        }
        if (end > from) {
            blank(decoder, at_bytes, from, end);
        }
        at = end > at ? end : at + 1;
    }
}

/* The proof of data that was read from `bytes`, if it is a view into them. */
static void blank_proof(struct sunder_wire_decoder *decoder,
    const struct sunder_value *data,
    struct sunder_str bytes,
    char *copy)
{
    const struct sunder_value *proof = sunder_value_member(data, SUNDER_STR("proof"));
    if (proof == NULL || proof->kind != SUNDER_VALUE_STRING || proof->text.len == 0) {
        return;
    }
    if (proof->text.at >= bytes.at && proof->text.at < bytes.at + bytes.len) {
        uint32_t from = (uint32_t)(proof->text.at - bytes.at);
        blank(decoder, copy, from, from + proof->text.len);
    }
}

/* A protobuf envelope, or a message of ours alone as binary mode has it: any of those that it can be read as. */
static void blank_protobuf(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str bytes,
    char *copy)
{
    size_t mark = sunder_arena_mark(arena);
    struct sunder_wire_envelope envelope = {0};
    if (sunder_wire_protobuf_envelope(decoder, arena, bytes, &envelope) == SUNDER_OK) {
        blank_proof(decoder, &envelope.data, bytes, copy);
    }
    for (int kind = 0; kind < SUNDER_EVENT_KIND_COUNT; kind++) {
        struct sunder_value data;
        enum sunder_err err =
            sunder_wire_protobuf_data(decoder, arena, bytes, (enum sunder_event_kind)kind, &data);
        if (err == SUNDER_OK) {
            blank_proof(decoder, &data, bytes, copy);
        }
    }
    sunder_arena_rewind(arena, mark);
}

static bool is_json(
    struct sunder_wire_decoder *decoder, struct sunder_arena *arena, struct sunder_str text)
{
    size_t mark = sunder_arena_mark(arena);
    struct sunder_value value;
    bool json = sunder_json_parse(decoder->json, arena, text, 0, &value) == SUNDER_OK;
    sunder_arena_rewind(arena, mark);
    return json;
}

/* The value without its proofs, in the arena; absent when there is no room. */
static struct sunder_str redact(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str value,
    uint32_t nested)
{
    struct sunder_str body = value;
    sunder_wire_skip_frame(&body);
    if (nested <= NESTED_MAX && is_json(decoder, arena, body)) {
        struct writer writer = {.decoder = decoder, .arena = arena};
        put_str(&writer, slice(value, 0, value.len - body.len));
        redact_json(&writer, body, nested);
        size_t len = writer.len;
        writer.buf = len > UINT32_MAX ? NULL : sunder_arena_alloc_raw(arena, len + 1, 1);
        if (writer.buf == NULL) {
            return (struct sunder_str){0};
        }
        writer.len = 0;
        put_str(&writer, slice(value, 0, value.len - body.len));
        redact_json(&writer, body, nested);
        return (struct sunder_str){writer.buf, (uint32_t)len};
    }
    char *copy = sunder_arena_alloc_raw(arena, value.len + 1u, 1);
    if (copy == NULL) {
        return (struct sunder_str){0};
    }
    if (value.len != 0) {
        memcpy(copy, value.at, value.len);
    }
    uint32_t frame = value.len - body.len;
    blank_protobuf(decoder, arena, body, copy + frame);
    blank_loose(decoder, copy, value.len);
    return (struct sunder_str){copy, value.len};
}

enum sunder_err sunder_wire_redact(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str value,
    struct sunder_str *ret_value,
    struct sunder_digest *ret_sha256)
{
    struct sunder_str clean = redact(decoder, arena, value, 0);
    if (clean.at == NULL) {
        return SUNDER_ERR_FULL;
    }
    *ret_sha256 = sunder_sha256_of(decoder->sha256, value);
    *ret_value = clean;
    return SUNDER_OK;
}
