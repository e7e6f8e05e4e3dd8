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

static bool has_two_unit_names(const struct sunder_value *map)
{
    for (uint32_t i = 0; i < map->count; i++) {
        struct sunder_str name = map->members[i].name;
        for (uint32_t k = 0; k < name.len; k++) {
            if ((uint8_t)name.at[k] >= 0xf0) {
                return true;
            }
        }
    }
    return false;
}

static enum sunder_err put_member(struct sunder_json_out *out,
    struct sunder_arena *arena,
    const struct sunder_member *member,
    bool first)
{
    if (!first) {
        SUNDER_JSON_PUT(out, ",");
    }
    sunder_json_put_string(out, member->name);
    SUNDER_JSON_PUT(out, ":");
    return sunder_canonical_put(out, arena, &member->value);
}

static enum sunder_err put_map(
    struct sunder_json_out *out, struct sunder_arena *arena, const struct sunder_value *map)
{
    const struct sunder_member **order = NULL;
    size_t mark = sunder_arena_mark(arena);
    if (has_two_unit_names(map)) {
        order = SUNDER_ARENA_NEW(arena, const struct sunder_member *, map->count);
        if (order == NULL) {
            return SUNDER_ERR_FULL;
        }
        for (uint32_t i = 0; i < map->count; i++) {
            order[i] = &map->members[i];
        }
        sort_by_units(order, map->count);
    }
    SUNDER_JSON_PUT(out, "{");
    enum sunder_err err = SUNDER_OK;
    for (uint32_t i = 0; i < map->count && err == SUNDER_OK; i++) {
        err = put_member(out, arena, order != NULL ? order[i] : &map->members[i], i == 0);
    }
    SUNDER_JSON_PUT(out, "}");
    sunder_arena_rewind(arena, mark);
    return err;
}

static enum sunder_err put_list(
    struct sunder_json_out *out, struct sunder_arena *arena, const struct sunder_value *list)
{
    SUNDER_JSON_PUT(out, "[");
    enum sunder_err err = SUNDER_OK;
    for (uint32_t i = 0; i < list->count && err == SUNDER_OK; i++) {
        if (i != 0) {
            SUNDER_JSON_PUT(out, ",");
        }
        err = sunder_canonical_put(out, arena, &list->items[i]);
    }
    SUNDER_JSON_PUT(out, "]");
    return err;
}

/* The recursion is as deep as the tree: at most SUNDER_EVENT_DEPTH_MAX. */
enum sunder_err sunder_canonical_put(
    struct sunder_json_out *out, struct sunder_arena *arena, const struct sunder_value *value)
{
    char number[SUNDER_JSON_NUMBER_MAX];
    enum sunder_err err = SUNDER_OK;
    switch (value->kind) {
    case SUNDER_VALUE_ABSENT:
        SUNDER_MUST(value->kind != SUNDER_VALUE_ABSENT);
        break;
    case SUNDER_VALUE_NULL:
        SUNDER_JSON_PUT(out, "null");
        break;
    case SUNDER_VALUE_BOOL:
        sunder_json_put(out, value->boolean ? "true" : "false", value->boolean ? 4 : 5);
        break;
    case SUNDER_VALUE_NUMBER:
        sunder_json_put(out, number, sunder_json_number(value->text, number));
        break;
    case SUNDER_VALUE_STRING:
        sunder_json_put_string(out, value->text);
        break;
    case SUNDER_VALUE_LIST:
        err = put_list(out, arena, value);
        break;
    case SUNDER_VALUE_MAP:
        err = put_map(out, arena, value);
        break;
    }
    return err == SUNDER_OK && out->full ? SUNDER_ERR_FULL : err;
}
