#include "proto/canonical.h"

#include "engine/base/must.h"
#include "proto/json_number.h"

/* RFC 8785 sorts names by UTF-16 code units. That is the order of UTF-8 bytes, except that what takes two units (lead byte
 * f0 and more) comes before U+E000..U+FFFF (lead bytes ee and ef). */
static int unit_weight(uint8_t byte)
{
    return byte == 0xee || byte == 0xef ? byte + 0x20 : byte;
}

static bool before(const struct sunder_member *a, const struct sunder_member *b)
{
    uint32_t len = a->name.len < b->name.len ? a->name.len : b->name.len;
    for (uint32_t i = 0; i < len; i++) {
        uint8_t left = (uint8_t)a->name.at[i];
        uint8_t right = (uint8_t)b->name.at[i];
        if (left != right) {
            return unit_weight(left) < unit_weight(right);
        }
    }
    return a->name.len < b->name.len;
}

/* Of a heap whose largest is on top: moves the one at `at` down to its place among the first `count`. */
static void sift_down(const struct sunder_member **heap, uint32_t at, uint32_t count)
{
    while ((at * 2) + 1 < count) {
        uint32_t child = (at * 2) + 1;
        if (child + 1 < count && before(heap[child], heap[child + 1])) {
            child += 1;
        }
        if (!before(heap[at], heap[child])) {
            return;
        }
        const struct sunder_member *moved = heap[at];
        heap[at] = heap[child];
        heap[child] = moved;
        at = child;
    }
}

/* Heap sort: a hostile object cannot make it slow. */
static void sort_by_units(const struct sunder_member **order, uint32_t count)
{
    for (uint32_t i = count / 2; i > 0; i--) {
        sift_down(order, i - 1, count);
    }
    for (uint32_t end = count; end > 1; end--) {
        const struct sunder_member *last = order[end - 1];
        order[end - 1] = order[0];
        order[0] = last;
        sift_down(order, 0, end - 1);
    }
}

/* wide  some text has characters of two UTF-16 units, so names may have them too
 * err   the first failure */
struct writer {
    struct sunder_json_out *out;
    struct sunder_arena *arena;
    bool wide;
    enum sunder_err err;
};

static bool is_wide_name(struct sunder_str name)
{
    for (uint32_t i = 0; i < name.len; i++) {
        if ((uint8_t)name.at[i] >= 0xf0) {
            return true;
        }
    }
    return false;
}

static bool has_wide_names(const struct sunder_value *map)
{
    bool wide = false;
    for (uint32_t i = 0; i < map->count && !wide; i++) {
        wide = is_wide_name(map->members[i].name);
    }
    return wide;
}

static void put_value(struct writer *writer, const struct sunder_value *value);

static void put_member(struct writer *writer, const struct sunder_member *member, bool first)
{
    if (!first) {
        SUNDER_JSON_PUT(writer->out, ",");
    }
    sunder_json_put_string(writer->out, member->name);
    SUNDER_JSON_PUT(writer->out, ":");
    put_value(writer, &member->value);
}

static void put_sorted_map(struct writer *writer, const struct sunder_value *map)
{
    size_t mark = sunder_arena_mark(writer->arena);
    const struct sunder_member **order =
        SUNDER_ARENA_NEW(writer->arena, const struct sunder_member *, map->count);
    if (order == NULL) {
        writer->err = SUNDER_ERR_FULL;
        return;
    }
    for (uint32_t i = 0; i < map->count; i++) {
        order[i] = &map->members[i];
    }
    sort_by_units(order, map->count);
    for (uint32_t i = 0; i < map->count; i++) {
        put_member(writer, order[i], i == 0);
    }
    sunder_arena_rewind(writer->arena, mark);
}

static void put_map(struct writer *writer, const struct sunder_value *map)
{
    SUNDER_JSON_PUT(writer->out, "{");
    if (writer->wide && has_wide_names(map)) {
        put_sorted_map(writer, map);
    } else {
        for (uint32_t i = 0; i < map->count; i++) {
            put_member(writer, &map->members[i], i == 0);
        }
    }
    SUNDER_JSON_PUT(writer->out, "}");
}

static void put_list(struct writer *writer, const struct sunder_value *list)
{
    SUNDER_JSON_PUT(writer->out, "[");
    for (uint32_t i = 0; i < list->count; i++) {
        if (i != 0) {
            SUNDER_JSON_PUT(writer->out, ",");
        }
        put_value(writer, &list->items[i]);
    }
    SUNDER_JSON_PUT(writer->out, "]");
}

/* The recursion is as deep as the tree: at most SUNDER_EVENT_DEPTH_MAX. */
static void put_value(struct writer *writer, const struct sunder_value *value)
{
    char number[SUNDER_JSON_NUMBER_MAX];
    switch (value->kind) {
    case SUNDER_VALUE_ABSENT:
        SUNDER_MUST(value->kind != SUNDER_VALUE_ABSENT);
        break;
    case SUNDER_VALUE_NULL:
        SUNDER_JSON_PUT(writer->out, "null");
        break;
    case SUNDER_VALUE_BOOL:
        sunder_json_put(writer->out, value->boolean ? "true" : "false", value->boolean ? 4 : 5);
        break;
    case SUNDER_VALUE_NUMBER:
        sunder_json_put(writer->out, number, sunder_json_number(value->text, number));
        break;
    case SUNDER_VALUE_STRING:
        sunder_json_put_string(writer->out, value->text);
        break;
    case SUNDER_VALUE_LIST:
        put_list(writer, value);
        break;
    case SUNDER_VALUE_MAP:
        put_map(writer, value);
        break;
    }
}

/* Whether a byte is f0 or more: the lead byte of a character of two units. Eight bytes at once: the top bit of a byte of `high` is
 * set where its four upper bits are. */
static bool has_wide_bytes(const char *at, const char *end)
{
    uint64_t high = 0;
    for (; end - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        high |= word & (word << 1) & (word << 2) & (word << 3);
    }
    bool wide = (high & UINT64_C(0x8080808080808080)) != 0;
    for (; at < end; at++) {
        wide |= (uint8_t)*at >= 0xf0;
    }
    return wide;
}

/* Written in the order of bytes first, which is right unless some character has two units: that is seen in what was written,
 * at a fraction of the cost of looking at every name. */
enum sunder_err sunder_canonical_put(
    struct sunder_json_out *out, struct sunder_arena *arena, const struct sunder_value *value)
{
    struct writer writer = {.out = out, .arena = arena, .err = SUNDER_OK};
    char *begin = out->at;
    put_value(&writer, value);
    if (!out->full && has_wide_bytes(begin, out->at)) {
        out->at = begin;
        writer.wide = true;
        put_value(&writer, value);
    }
    return writer.err == SUNDER_OK && out->full ? SUNDER_ERR_FULL : writer.err;
}

static void put_members(
    struct writer *writer, const struct sunder_member *const *order, uint32_t count)
{
    SUNDER_JSON_PUT(writer->out, "{");
    for (uint32_t i = 0; i < count; i++) {
        put_member(writer, order[i], i == 0);
    }
    SUNDER_JSON_PUT(writer->out, "}");
}

enum sunder_err sunder_canonical_put_members(struct sunder_json_out *out,
    struct sunder_arena *arena,
    const struct sunder_member **order,
    uint32_t count)
{
    struct writer writer = {.out = out, .arena = arena, .err = SUNDER_OK};
    char *begin = out->at;
    put_members(&writer, order, count);
    if (!out->full && has_wide_bytes(begin, out->at)) {
        out->at = begin;
        writer.wide = true;
        sort_by_units(order, count);
        put_members(&writer, order, count);
    }
    return writer.err == SUNDER_OK && out->full ? SUNDER_ERR_FULL : writer.err;
}
