/* The first stage of simdjson finds the structure of a text and checks its UTF-8 and its control characters at several
 * bytes per cycle; the walk over what it found is ours, for three things simdjson's own second stage does not do: refuse
 * repeated names, keep the text of numbers, and give views into the text instead of copies. The first stage reads no byte
 * behind the text, so the text needs no padding (a test puts texts at the end of a page). */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic" /* Headers of C17: compound literals. */
extern "C" {
#include "proto/json.h"

#include "engine/base/decimal.h"
#include "engine/model/limits.h"
#include "proto/json_number.h"
}
#pragma GCC diagnostic pop

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include <simdjson.h>

using simdjson::internal::dom_parser_implementation;

/* stack  members of the containers that are open, the innermost last; moved to the arena when theirs closes
 * index  where each token begins, one behind the last token: the end of the text
 * token  the next token */
struct sunder_json_parser {
    std::unique_ptr<dom_parser_implementation> stage1;
    size_t bytes_max;
    sunder_member *stack;
    uint32_t stack_count;
    const char *why;

    sunder_arena *arena;
    const char *text;
    const char *text_end;
    const uint32_t *index;
    uint32_t token;
    uint32_t token_count;
    bool has_escapes;
};

namespace
{

using parser_t = sunder_json_parser;

sunder_err parse_value(parser_t &p, uint32_t depth, sunder_value &value);

sunder_err malformed(parser_t &p, const char *why)
{
    p.why = why;
    return SUNDER_ERR_MALFORMED;
}

sunder_err full(parser_t &p, const char *why)
{
    p.why = why;
    return SUNDER_ERR_FULL;
}

bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* What stands from the current token to the next, without the white space behind it. */
sunder_str take_token(parser_t &p)
{
    uint32_t from = p.index[p.token];
    uint32_t end = p.index[p.token + 1];
    p.token += 1;
    while (end > from && is_space(p.text[end - 1])) {
        end -= 1;
    }
    return {p.text + from, end - from};
}

/* The first character of the current token; NUL behind the last one. */
char peek(const parser_t &p)
{
    return p.token < p.token_count ? p.text[p.index[p.token]] : '\0';
}

/* -1 unless there are four hexadecimal digits. */
int32_t hex4(const char *at, const char *end)
{
    if (end - at < 4) {
        return -1;
    }
    int32_t code = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int32_t digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
        if (digit < 0) {
            return -1;
        }
        code = (code << 4) | digit;
    }
    return code;
}

char *put_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = static_cast<char>(code);
        return out;
    }
    if (code < 0x800) {
        *out++ = static_cast<char>(0xc0 | (code >> 6));
    } else {
        if (code < 0x10000) {
            *out++ = static_cast<char>(0xe0 | (code >> 12));
        } else {
            *out++ = static_cast<char>(0xf0 | (code >> 18));
            *out++ = static_cast<char>(0x80 | ((code >> 12) & 0x3f));
        }
        *out++ = static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    }
    *out++ = static_cast<char>(0x80 | (code & 0x3f));
    return out;
}

/* Reads the four digits at `at`, and the second half of a pair behind them; false for a half alone. */
bool read_code(const char *&at, const char *end, uint32_t &ret_code)
{
    int32_t code = hex4(at, end);
    if (code < 0 || (code >= 0xdc00 && code < 0xe000)) {
        return false;
    }
    at += 4;
    ret_code = static_cast<uint32_t>(code);
    if (code < 0xd800 || code >= 0xdc00) {
        return true;
    }
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u') {
        return false;
    }
    int32_t low = hex4(at + 2, end);
    if (low < 0xdc00 || low >= 0xe000) {
        return false;
    }
    at += 6;
    ret_code = 0x10000 + ((static_cast<uint32_t>(code) - 0xd800) << 10) +
               (static_cast<uint32_t>(low) - 0xdc00);
    return true;
}

sunder_err unescape(parser_t &p, sunder_str &str)
{
    /* An escape is never shorter than what it stands for. */
    char *buf = static_cast<char *>(sunder_arena_alloc_raw(p.arena, str.len + 1u, 1));
    if (buf == nullptr) {
        return full(p, "the value does not fit in memory");
    }
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *at = str.at;
    const char *end = str.at + str.len;
    char *out = buf;
    while (at < end) {
        if (*at != '\\') {
            *out++ = *at++;
            continue;
        }
        char c = at + 1 < end ? at[1] : '\0';
        at += 2;
        if (c == 'u') {
            uint32_t code = 0;
            if (!read_code(at, end, code)) {
                return malformed(p, "a \\u escape is wrong or half of a surrogate pair");
            }
            out = put_utf8(out, code);
            continue;
        }
        const char *known = c == '\0' ? nullptr : std::strchr(from, c);
        if (known == nullptr) {
            return malformed(p, "a string has an unknown escape");
        }
        *out++ = to[known - from];
    }
    str = {buf, static_cast<uint32_t>(out - buf)};
    return SUNDER_OK;
}

sunder_err parse_string(parser_t &p, sunder_str &ret)
{
    sunder_str token = take_token(p);
    if (token.len < 2 || token.at[token.len - 1] != '"') {
        return malformed(p, "a string is not closed");
    }
    ret = {token.at + 1, token.len - 2};
    if (p.has_escapes && std::memchr(ret.at, '\\', ret.len) != nullptr) {
        return unescape(p, ret);
    }
    return SUNDER_OK;
}

sunder_err parse_number(parser_t &p, sunder_value &value)
{
    value.kind = SUNDER_VALUE_NUMBER;
    value.text = take_token(p);
    sunder_err err = sunder_decimal_parse(value.text, &value.micro);
    value.exact = err == SUNDER_OK;
    if (err != SUNDER_ERR_MALFORMED) {
        return SUNDER_OK;
    }
    if (!sunder_json_is_number(value.text)) {
        return malformed(p, "something is neither a value nor a name");
    }
    if (!sunder_json_fits_double(value.text)) {
        return malformed(p, "a number is beyond what a double holds");
    }
    return SUNDER_OK;
}

sunder_err parse_atom(parser_t &p, sunder_value &value)
{
    sunder_str token = take_token(p);
    if (sunder_str_equal(token, {"true", 4}) || sunder_str_equal(token, {"false", 5})) {
        value.kind = SUNDER_VALUE_BOOL;
        value.boolean = token.len == 4;
        return SUNDER_OK;
    }
    if (sunder_str_equal(token, {"null", 4})) {
        value.kind = SUNDER_VALUE_NULL;
        return SUNDER_OK;
    }
    return malformed(p, "something is neither a value nor a name");
}

sunder_err push(parser_t &p, sunder_member **ret)
{
    /* Two bytes of text at least for each member: the stack has room for half of bytes_max, and one. */
    if (p.stack_count > p.bytes_max / 2) {
        return full(p, "the value has too many parts");
    }
    *ret = &p.stack[p.stack_count];
    p.stack_count += 1;
    **ret = sunder_member{};
    return SUNDER_OK;
}

struct sort_key {
    uint64_t prefix; /* The first eight bytes, so that most comparisons are of numbers. */
    const sunder_member *member;
};

uint64_t prefix_of(const parser_t &p, sunder_str name)
{
    uint64_t raw = 0;
    bool inside = name.at >= p.text && name.at <= p.text_end;
    if (inside && p.text_end - name.at >= 8) {
        std::memcpy(&raw, name.at, 8);
        raw = __builtin_bswap64(raw);
        if (name.len < 8) {
            raw = name.len == 0 ? 0 : raw & (~UINT64_C(0) << (64 - (8 * name.len)));
        }
        return raw;
    }
    for (uint32_t i = 0; i < name.len && i < 8; i++) {
        raw |= static_cast<uint64_t>(static_cast<uint8_t>(name.at[i])) << (56 - (8 * i));
    }
    return raw;
}

bool before(const sort_key &a, const sort_key &b)
{
    if (a.prefix != b.prefix) {
        return a.prefix < b.prefix;
    }
    return sunder_str_compare(a.member->name, b.member->name) < 0;
}

constexpr uint32_t few_max = 24;

/* The common object: few members, no two names alike in their first eight bytes. Each member's place is the number of names
 * before its own, counted without a branch that the order of the names could mislead. False: two prefixes are equal. */
bool place_few(const parser_t &p, uint32_t base, uint32_t count, sunder_member *members)
{
    uint64_t prefixes[few_max];
    uint32_t places[few_max] = {};
    bool equal = false;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t prefix = prefix_of(p, p.stack[base + i].name);
        uint32_t place = 0;
        for (uint32_t k = 0; k < i; k++) {
            uint32_t after = prefixes[k] > prefix ? 1 : 0;
            equal |= prefixes[k] == prefix;
            places[k] += after;
            place += 1 - after;
        }
        prefixes[i] = prefix;
        places[i] = place;
    }
    if (equal) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        members[places[i]] = p.stack[base + i];
    }
    return true;
}

/* False: a name stands twice. */
bool place_sorted(
    const parser_t &p, uint32_t base, uint32_t count, sort_key *keys, sunder_member *members)
{
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = {prefix_of(p, p.stack[base + i].name), &p.stack[base + i]};
    }
    std::sort(keys, keys + count, before);
    for (uint32_t i = 0; i < count; i++) {
        if (i != 0 && keys[i].prefix == keys[i - 1].prefix &&
            sunder_str_equal(keys[i].member->name, keys[i - 1].member->name)) {
            return false;
        }
        members[i] = *keys[i].member;
    }
    return true;
}

/* Moves the members above `base` from the stack to the arena, sorted by name. */
sunder_err close_map(parser_t &p, uint32_t base, sunder_value &value)
{
    uint32_t count = p.stack_count - base;
    value.kind = SUNDER_VALUE_MAP;
    value.count = count;
    value.members = nullptr;
    p.stack_count = base;
    if (count == 0) {
        return SUNDER_OK;
    }
    void *nodes =
        sunder_arena_alloc_raw(p.arena, count * sizeof(sunder_member), alignof(sunder_member));
    if (nodes == nullptr) {
        return full(p, "the value does not fit in memory");
    }
    sunder_member *members = static_cast<sunder_member *>(nodes);
    value.members = members;
    if (count <= few_max && place_few(p, base, count, members)) {
        return SUNDER_OK;
    }
    size_t mark = sunder_arena_mark(p.arena);
    void *room = sunder_arena_alloc_raw(p.arena, count * sizeof(sort_key), alignof(sort_key));
    if (room == nullptr) {
        return full(p, "the value does not fit in memory");
    }
    bool placed = place_sorted(p, base, count, static_cast<sort_key *>(room), members);
    sunder_arena_rewind(p.arena, mark);
    return placed ? SUNDER_OK : malformed(p, "a name stands twice in one object");
}

sunder_err parse_map(parser_t &p, uint32_t depth, sunder_value &value)
{
    uint32_t base = p.stack_count;
    p.token += 1;
    if (peek(p) == '}') {
        p.token += 1;
        return close_map(p, base, value);
    }
    for (;;) {
        sunder_member *member = nullptr;
        sunder_err err = push(p, &member);
        if (err != SUNDER_OK) {
            return err;
        }
        if (peek(p) != '"') {
            return malformed(p, "an object lacks a name");
        }
        err = parse_string(p, member->name);
        if (err != SUNDER_OK) {
            return err;
        }
        if (peek(p) != ':') {
            return malformed(p, "a name lacks its colon");
        }
        p.token += 1;
        err = parse_value(p, depth, member->value);
        if (err != SUNDER_OK) {
            return err;
        }
        char next = peek(p);
        p.token += 1;
        if (next == '}') {
            return close_map(p, base, value);
        }
        if (next != ',') {
            return malformed(p, "an object is not closed");
        }
    }
}

sunder_err close_list(parser_t &p, uint32_t base, sunder_value &value)
{
    uint32_t count = p.stack_count - base;
    value.kind = SUNDER_VALUE_LIST;
    value.count = count;
    value.items = nullptr;
    p.stack_count = base;
    if (count == 0) {
        return SUNDER_OK;
    }
    void *nodes =
        sunder_arena_alloc_raw(p.arena, count * sizeof(sunder_value), alignof(sunder_value));
    if (nodes == nullptr) {
        return full(p, "the value does not fit in memory");
    }
    sunder_value *items = static_cast<sunder_value *>(nodes);
    for (uint32_t i = 0; i < count; i++) {
        items[i] = p.stack[base + i].value;
    }
    value.items = items;
    return SUNDER_OK;
}

sunder_err parse_list(parser_t &p, uint32_t depth, sunder_value &value)
{
    uint32_t base = p.stack_count;
    p.token += 1;
    if (peek(p) == ']') {
        p.token += 1;
        return close_list(p, base, value);
    }
    for (;;) {
        sunder_member *member = nullptr;
        sunder_err err = push(p, &member);
        if (err != SUNDER_OK) {
            return err;
        }
        err = parse_value(p, depth, member->value);
        if (err != SUNDER_OK) {
            return err;
        }
        char next = peek(p);
        p.token += 1;
        if (next == ']') {
            return close_list(p, base, value);
        }
        if (next != ',') {
            return malformed(p, "an array is not closed");
        }
    }
}

/* depth: levels around this value. The recursion is bounded by SUNDER_EVENT_DEPTH_MAX. */
sunder_err parse_value(parser_t &p, uint32_t depth, sunder_value &value)
{
    char first = peek(p);
    switch (first) {
    case '{':
    case '[':
        if (depth >= SUNDER_EVENT_DEPTH_MAX) {
            return full(p, "the value is nested too deep");
        }
        return first == '{' ? parse_map(p, depth + 1, value) : parse_list(p, depth + 1, value);
    case '"':
        value.kind = SUNDER_VALUE_STRING;
        return parse_string(p, value.text);
    case 't':
    case 'f':
    case 'n':
        return parse_atom(p, value);
    case '}':
    case ']':
    case ':':
    case ',':
        return malformed(p, "a value is missing");
    case '\0':
        if (p.token >= p.token_count) {
            return malformed(p, "the value ends too early");
        }
        return malformed(p, "something is neither a value nor a name");
    default:
        return parse_number(p, value);
    }
}

sunder_err stage1_failed(parser_t &p, simdjson::error_code code)
{
    if (code == simdjson::UTF8_ERROR) {
        return malformed(p, "the value is not UTF-8");
    }
    if (code == simdjson::UNCLOSED_STRING) {
        return malformed(p, "a string is not closed");
    }
    if (code == simdjson::UNESCAPED_CHARS) {
        return malformed(p, "a string has a bare control character");
    }
    return malformed(p, code == simdjson::EMPTY ? "the value is empty" : "the value is no JSON");
}

sunder_err parse_document(parser_t &p, sunder_str text, uint32_t depth, sunder_value &value)
{
    if (text.len > p.bytes_max) {
        return full(p, "the value is too long");
    }
    if (text.len == 0) {
        return malformed(p, "the value is empty");
    }
    simdjson::error_code code = p.stage1->stage1(
        reinterpret_cast<const uint8_t *>(text.at), text.len, simdjson::stage1_mode::regular);
    if (code != simdjson::SUCCESS) {
        return stage1_failed(p, code);
    }
    p.token_count = p.stage1->n_structural_indexes;
    p.stage1->structural_indexes[p.token_count] = text.len;
    p.index = p.stage1->structural_indexes.get();
    p.token = 0;
    p.stack_count = 0;
    p.text = text.at;
    p.text_end = text.at + text.len;
    p.has_escapes = std::memchr(text.at, '\\', text.len) != nullptr;
    sunder_err err = parse_value(p, depth, value);
    if (err == SUNDER_OK && p.token < p.token_count) {
        return malformed(p, "something stands behind the end of the value");
    }
    return err;
}

} // namespace

sunder_err sunder_json_parser_create(size_t bytes_max, sunder_json_parser **ret_parser)
{
    auto *parser = new (std::nothrow) sunder_json_parser{};
    if (parser == nullptr) {
        return SUNDER_ERR_FULL;
    }
    parser->bytes_max = bytes_max;
    parser->stack =
        static_cast<sunder_member *>(std::malloc(((bytes_max / 2) + 1) * sizeof(sunder_member)));
    simdjson::error_code code =
        simdjson::get_active_implementation()->create_dom_parser_implementation(
            bytes_max, SUNDER_EVENT_DEPTH_MAX, parser->stage1);
    if (code != simdjson::SUCCESS || parser->stack == nullptr) {
        sunder_json_parser_destroy(&parser);
        return SUNDER_ERR_FULL;
    }
    *ret_parser = parser;
    return SUNDER_OK;
}

void sunder_json_parser_destroy(sunder_json_parser **parser)
{
    if (*parser != nullptr) {
        std::free((*parser)->stack);
        delete *parser;
        *parser = nullptr;
    }
}

sunder_err sunder_json_parse(sunder_json_parser *parser,
    sunder_arena *arena,
    sunder_str text,
    uint32_t depth,
    sunder_value *ret_value)
{
    size_t mark = sunder_arena_mark(arena);
    sunder_value value{};
    parser->arena = arena;
    parser->why = "";
    sunder_err err = parse_document(*parser, text, depth, value);
    if (err != SUNDER_OK) {
        sunder_arena_rewind(arena, mark);
        return err;
    }
    *ret_value = value;
    return SUNDER_OK;
}

const char *sunder_json_why(const sunder_json_parser *parser)
{
    return parser->why;
}

bool sunder_json_utf8_valid(sunder_str text)
{
    return text.len == 0 || simdjson::validate_utf8(text.at, text.len);
}
