#include "engine/base/decimal.h"
#include "engine/expr/expr_node.h"
#include "engine/model/limits.h"

/* Up to this length of the needle the plain search is linear enough: at most so many steps a byte. */
enum {
    PLAIN_NEEDLE_MAX = 16
};

static struct sunder_value string_of(struct sunder_str text)
{
    return (struct sunder_value){.kind = SUNDER_VALUE_STRING, .text = text};
}

static struct sunder_value bool_of(bool boolean)
{
    return (struct sunder_value){.kind = SUNDER_VALUE_BOOL, .boolean = boolean};
}

static bool contains_plain(struct sunder_str text, struct sunder_str needle)
{
    for (uint32_t i = 0; i + needle.len <= text.len; i++) {
        if (memcmp(text.at + i, needle.at, needle.len) == 0) {
            return true;
        }
    }
    return false;
}

/* Knuth, Morris, Pratt: linear in both, since both may come from whoever sends events. `borders` has needle.len slots. */
static bool contains_linear(struct sunder_str text, struct sunder_str needle, uint32_t *borders)
{
    borders[0] = 0;
    uint32_t matched = 0;
    for (uint32_t i = 1; i < needle.len; i++) {
        while (matched > 0 && needle.at[i] != needle.at[matched]) {
            matched = borders[matched - 1];
        }
        matched += needle.at[i] == needle.at[matched] ? 1 : 0;
        borders[i] = matched;
    }
    matched = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        while (matched > 0 && text.at[i] != needle.at[matched]) {
            matched = borders[matched - 1];
        }
        matched += text.at[i] == needle.at[matched] ? 1 : 0;
        if (matched == needle.len) {
            return true;
        }
    }
    return false;
}

static enum sunder_err contains(struct sunder_str text,
    struct sunder_str needle,
    struct sunder_arena *arena,
    struct sunder_value *ret_value)
{
    bool found = false;
    if (needle.len == 0) {
        found = true;
    } else if (needle.len > text.len) {
        found = false;
    } else if (needle.len <= PLAIN_NEEDLE_MAX) {
        found = contains_plain(text, needle);
    } else {
        size_t mark = sunder_arena_mark(arena);
        uint32_t *borders = sunder_arena_alloc_raw(
            arena, (size_t)needle.len * sizeof(uint32_t), _Alignof(uint32_t));
        if (borders == NULL) {
            return SUNDER_ERR_FULL;
        }
        found = contains_linear(text, needle, borders);
        sunder_arena_rewind(arena, mark);
    }
    *ret_value = bool_of(found);
    return SUNDER_OK;
}

static enum sunder_err join(struct sunder_str a,
    struct sunder_str b,
    struct sunder_arena *arena,
    struct sunder_value *ret_value)
{
    if ((uint64_t)a.len + b.len > SUNDER_EXPR_STRING_MAX) {
        return SUNDER_ERR_INVALID;
    }
    if (a.len == 0 || b.len == 0) {
        *ret_value = string_of(a.len == 0 ? b : a);
        return SUNDER_OK;
    }
    char *at = sunder_arena_alloc_raw(arena, (size_t)a.len + b.len, 1);
    if (at == NULL) {
        return SUNDER_ERR_FULL;
    }
    memcpy(at, a.at, a.len);
    memcpy(at + a.len, b.at, b.len);
    *ret_value = string_of((struct sunder_str){at, a.len + b.len});
    return SUNDER_OK;
}

/* ASCII letters from `first` on change case; all other bytes stay. */
static enum sunder_err change_case(
    struct sunder_str text, char first, struct sunder_arena *arena, struct sunder_value *ret_value)
{
    if (text.len > SUNDER_EXPR_STRING_MAX) {
        return SUNDER_ERR_INVALID;
    }
    uint32_t same = 0;
    while (same < text.len && (text.at[same] < first || text.at[same] > first + 25)) {
        same += 1;
    }
    if (same == text.len) {
        *ret_value = string_of(text);
        return SUNDER_OK;
    }
    char *at = sunder_arena_alloc_raw(arena, text.len, 1);
    if (at == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < text.len; i++) {
        bool letter = text.at[i] >= first && text.at[i] <= first + 25;
        at[i] = letter ? (char)(text.at[i] ^ 0x20) : text.at[i];
    }
    *ret_value = string_of((struct sunder_str){at, text.len});
    return SUNDER_OK;
}

static enum sunder_err string_from(
    const struct sunder_value *value, struct sunder_arena *arena, struct sunder_value *ret_value)
{
    if (value->kind == SUNDER_VALUE_STRING) {
        *ret_value = *value;
        return SUNDER_OK;
    }
    if (value->kind == SUNDER_VALUE_BOOL) {
        *ret_value = string_of(value->boolean ? SUNDER_STR("true") : SUNDER_STR("false"));
        return SUNDER_OK;
    }
    if (value->kind != SUNDER_VALUE_NUMBER) {
        return SUNDER_ERR_INVALID;
    }
    char plain[SUNDER_DECIMAL_TEXT_MAX];
    struct sunder_str text = {plain, sunder_decimal_format(value->micro, plain)};
    text = sunder_str_copy(arena, text);
    if (sunder_str_absent(text)) {
        return SUNDER_ERR_FULL;
    }
    *ret_value = string_of(text);
    return SUNDER_OK;
}

/* Code points of a string, elements of a list, members of a map. */
static enum sunder_err size_of(const struct sunder_value *value, struct sunder_value *ret_value)
{
    int64_t size = value->count;
    if (value->kind == SUNDER_VALUE_STRING) {
        size = 0;
        for (uint32_t i = 0; i < value->text.len; i++) {
            size += (value->text.at[i] & 0xc0) != 0x80 ? 1 : 0;
        }
    } else if (value->kind != SUNDER_VALUE_LIST && value->kind != SUNDER_VALUE_MAP) {
        return SUNDER_ERR_INVALID;
    }
    *ret_value = (struct sunder_value){
        .kind = SUNDER_VALUE_NUMBER, .exact = true, .micro = size * SUNDER_DECIMAL_ONE};
    return SUNDER_OK;
}

enum sunder_err expr_eval_string_op(enum expr_op op,
    const struct sunder_value *a,
    const struct sunder_value *b,
    struct sunder_arena *arena,
    struct sunder_value *ret_value)
{
    if (op == EXPR_OP_SIZE) {
        return size_of(a, ret_value);
    }
    if (op == EXPR_OP_STRING) {
        return string_from(a, arena, ret_value);
    }
    if (a->kind != SUNDER_VALUE_STRING) {
        return SUNDER_ERR_INVALID;
    }
    if (op == EXPR_OP_LOWER) {
        return change_case(a->text, 'A', arena, ret_value);
    }
    if (op == EXPR_OP_UPPER) {
        return change_case(a->text, 'a', arena, ret_value);
    }
    if (b->kind != SUNDER_VALUE_STRING) {
        return SUNDER_ERR_INVALID;
    }
    if (op == EXPR_OP_STARTS_WITH) {
        *ret_value = bool_of(sunder_str_starts_with(a->text, b->text));
        return SUNDER_OK;
    }
    if (op == EXPR_OP_ENDS_WITH) {
        *ret_value = bool_of(sunder_str_ends_with(a->text, b->text));
        return SUNDER_OK;
    }
    if (op == EXPR_OP_CONTAINS) {
        return contains(a->text, b->text, arena, ret_value);
    }
    return join(a->text, b->text, arena, ret_value);
}
