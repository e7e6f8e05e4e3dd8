/* Texts as bytes: search, pieces, joins. Letters change in ASCII only. Characters are counted in expr_string_more.c. */
#include "engine/expr/expr_functions.h"
#include "engine/model/limits.h"

typedef struct sunder_cel_value V;

/* Up to this length of the needle the plain search is linear enough: at most so many steps a byte. */
enum {
    PLAIN_NEEDLE_MAX = 16
};

static uint32_t search_plain(struct sunder_str text, struct sunder_str needle)
{
    for (uint32_t i = 0; i + needle.len <= text.len; i++) {
        if (memcmp(text.at + i, needle.at, needle.len) == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

/* Knuth, Morris, Pratt: linear in both, since both may come from whoever sends events. `borders` has needle.len slots. */
static uint32_t search_linear(struct sunder_str text, struct sunder_str needle, uint32_t *borders)
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
            return i + 1 - needle.len;
        }
    }
    return UINT32_MAX;
}

const char *expr_search(
    struct expr_run *run, struct sunder_str text, struct sunder_str needle, uint32_t *ret_at)
{
    *ret_at = UINT32_MAX;
    if (needle.len == 0) {
        *ret_at = 0;
    } else if (needle.len <= text.len && needle.len <= PLAIN_NEEDLE_MAX) {
        *ret_at = search_plain(text, needle);
    } else if (needle.len <= text.len) {
        size_t mark = sunder_arena_mark(run->arena);
        uint32_t *borders = sunder_arena_alloc_raw(
            run->arena, (size_t)needle.len * sizeof(uint32_t), _Alignof(uint32_t));
        if (borders == NULL) {
            run->fatal = SUNDER_ERR_FULL;
            return "no memory is left";
        }
        *ret_at = search_linear(text, needle, borders);
        sunder_arena_rewind(run->arena, mark);
    }
    return expr_spend(run, ((uint64_t)text.len + needle.len) / 8);
}

static bool strings(const V *args, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (args[i].kind != SUNDER_CEL_STRING) {
            return false;
        }
    }
    return true;
}

const char *expr_starts_with(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    if (!strings(args, 2)) {
        return expr_fault_no_overload;
    }
    *ret_value = expr_bool(sunder_str_starts_with(expr_text(&args[0]), expr_text(&args[1])));
    return NULL;
}

const char *expr_ends_with(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    if (!strings(args, 2)) {
        return expr_fault_no_overload;
    }
    *ret_value = expr_bool(sunder_str_ends_with(expr_text(&args[0]), expr_text(&args[1])));
    return NULL;
}

const char *expr_contains(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)count;
    uint32_t at = 0;
    if (!strings(args, 2)) {
        return expr_fault_no_overload;
    }
    const char *fault = expr_search(run, expr_text(&args[0]), expr_text(&args[1]), &at);
    *ret_value = expr_bool(at != UINT32_MAX);
    return fault;
}

const char *expr_concat(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)count;
    char *at = NULL;
    uint64_t len = (uint64_t)args[0].count + args[1].count;
    if (len <= SUNDER_EXPR_STRING_MAX && (args[0].count == 0 || args[1].count == 0)) {
        *ret_value = args[args[0].count == 0 ? 1 : 0];
        return NULL;
    }
    const char *fault = expr_take_text(run, len, &at);
    if (fault != NULL) {
        return fault;
    }
    memcpy(at, args[0].at, args[0].count);
    memcpy(at + args[0].count, args[1].at, args[1].count);
    *ret_value = (V){.kind = args[0].kind, .count = (uint32_t)len, .at = at};
    return expr_spend(run, len / 8);
}

/* ASCII letters from `first` on change case; all other bytes stay. */
static const char *change_case(struct expr_run *run, const V *value, char first, V *ret_value)
{
    uint32_t same = 0;
    char *at = NULL;
    if (value->kind != SUNDER_CEL_STRING) {
        return expr_fault_no_overload;
    }
    while (same < value->count && (value->at[same] < first || value->at[same] > first + 25)) {
        same += 1;
    }
    if (same == value->count && value->count <= SUNDER_EXPR_STRING_MAX) {
        *ret_value = *value;
        return NULL;
    }
    const char *fault = expr_take_text(run, value->count, &at);
    for (uint32_t i = 0; i < value->count && fault == NULL; i++) {
        char c = value->at[i];
        at[i] = c >= first && c <= first + 25 ? (char)(c ^ 0x20) : c;
    }
    *ret_value = expr_string((struct sunder_str){at, value->count});
    return fault != NULL ? fault : expr_spend(run, value->count / 8);
}

const char *expr_lower(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)count;
    return change_case(run, &args[0], 'A', ret_value);
}

const char *expr_upper(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)count;
    return change_case(run, &args[0], 'a', ret_value);
}

/* join([separator]) of a list of strings */
const char *expr_join(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    struct sunder_str separator = count == 2 ? expr_text(&args[1]) : SUNDER_STR("");
    uint64_t len = 0;
    char *at = NULL;
    if (args[0].kind != SUNDER_CEL_LIST || (count == 2 && args[1].kind != SUNDER_CEL_STRING)) {
        return expr_fault_no_overload;
    }
    for (uint32_t i = 0; i < args[0].count; i++) {
        V item = sunder_cel_item(&args[0], i);
        if (item.kind != SUNDER_CEL_STRING) {
            return expr_fault_no_overload;
        }
        len += (uint64_t)item.count + (i == 0 ? 0 : separator.len);
    }
    const char *fault = expr_take_text(run, len, &at);
    if (fault != NULL) {
        return fault;
    }
    *ret_value = expr_string((struct sunder_str){at, (uint32_t)len});
    for (uint32_t i = 0; i < args[0].count; i++) {
        V item = sunder_cel_item(&args[0], i);
        if (i != 0 && separator.len != 0) {
            memcpy(at, separator.at, separator.len);
            at += separator.len;
        }
        if (item.count != 0) {
            memcpy(at, item.at, item.count);
            at += item.count;
        }
    }
    return expr_spend(run, args[0].count + (len / 8));
}

/* The number of pieces: at most `limit`, when it is not negative. */
static const char *count_pieces(struct expr_run *run,
    struct sunder_str text,
    struct sunder_str separator,
    int64_t limit,
    uint64_t *ret_count)
{
    uint64_t pieces = 1;
    if (separator.len == 0) {
        pieces = expr_characters(text);
        *ret_count = limit >= 0 && (uint64_t)limit < pieces ? (uint64_t)limit : pieces;
        return NULL;
    }
    while (limit < 0 || pieces < (uint64_t)limit) {
        uint32_t at = 0;
        const char *fault = expr_search(run, text, separator, &at);
        if (fault != NULL || at == UINT32_MAX) {
            *ret_count = pieces;
            return fault;
        }
        uint32_t gone = at + separator.len;
        text = (struct sunder_str){text.at + gone, text.len - gone};
        pieces += 1;
    }
    *ret_count = limit == 0 ? 0 : pieces;
    return NULL;
}

static uint32_t character_bytes(struct sunder_str text)
{
    uint32_t len = 1;
    while (len < text.len && ((unsigned char)text.at[len] & 0xc0) == 0x80) {
        len += 1;
    }
    return len;
}

/* split(separator [, limit]): an empty separator splits into characters; the last piece is the rest. */
const char *expr_split(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    uint64_t pieces = 0;
    V *items = NULL;
    if (!strings(args, 2) || (count == 3 && args[2].kind != SUNDER_CEL_INT)) {
        return expr_fault_no_overload;
    }
    struct sunder_str text = expr_text(&args[0]);
    struct sunder_str separator = expr_text(&args[1]);
    const char *fault =
        count_pieces(run, text, separator, count == 3 ? args[2].integer : -1, &pieces);
    fault = fault != NULL ? fault : expr_take_items(run, pieces, &items);
    for (uint64_t i = 0; i < pieces && fault == NULL; i++) {
        uint32_t at = text.len;
        uint32_t gap = 0;
        if (i + 1 < pieces && separator.len == 0) {
            at = character_bytes(text);
        } else if (i + 1 < pieces) {
            fault = expr_search(run, text, separator, &at);
            gap = separator.len;
        }
        items[i] = expr_string((struct sunder_str){text.at, at});
        text = (struct sunder_str){text.at + at + gap, text.len - at - gap};
    }
    *ret_value = expr_list(items, (uint32_t)pieces);
    return fault != NULL ? fault : expr_spend(run, pieces);
}

struct replacing {
    struct sunder_str text;
    struct sunder_str from;
    struct sunder_str to;
    uint64_t limit;
};

/* Where the next replacement begins, from `at` on; text.len when there is none. An empty `from` is before each character and at the end. */
static const char *next_place(struct expr_run *run,
    const struct replacing *r,
    uint32_t at,
    uint64_t done,
    uint32_t *ret_place)
{
    struct sunder_str rest = {r->text.at + at, r->text.len - at};
    uint32_t found = 0;
    *ret_place = UINT32_MAX;
    if (done == r->limit) {
        return NULL;
    }
    if (r->from.len == 0) {
        if (done == 0) {
            *ret_place = 0;
        } else if (rest.len != 0) {
            *ret_place = at + character_bytes(rest);
        }
        return NULL;
    }
    const char *fault = expr_search(run, rest, r->from, &found);
    *ret_place = found == UINT32_MAX ? UINT32_MAX : at + found;
    return fault;
}

/* Once to measure with out == NULL, once to write. */
static const char *replace_all(
    struct expr_run *run, const struct replacing *r, char *out, uint64_t *ret_len)
{
    uint32_t at = 0;
    uint64_t len = 0;
    uint64_t done = 0;
    for (;;) {
        uint32_t place = 0;
        const char *fault = next_place(run, r, at, done, &place);
        if (fault != NULL) {
            return fault;
        }
        uint32_t until = place == UINT32_MAX ? r->text.len : place;
        if (out != NULL && until != at) {
            memcpy(out + len, r->text.at + at, until - at);
        }
        len += until - at;
        if (place == UINT32_MAX) {
            *ret_len = len;
            return NULL;
        }
        if (out != NULL && r->to.len != 0) {
            memcpy(out + len, r->to.at, r->to.len);
        }
        len += r->to.len;
        at = place + r->from.len;
        done += 1;
    }
}

const char *expr_replace(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    char *at = NULL;
    uint64_t len = 0;
    if (!strings(args, 3) || (count == 4 && args[3].kind != SUNDER_CEL_INT)) {
        return expr_fault_no_overload;
    }
    int64_t limit = count == 4 ? args[3].integer : -1;
    struct replacing replacing = {expr_text(&args[0]),
        expr_text(&args[1]),
        expr_text(&args[2]),
        limit < 0 ? UINT64_MAX : (uint64_t)limit};
    const char *fault = replace_all(run, &replacing, NULL, &len);
    fault = fault != NULL ? fault : expr_take_text(run, len, &at);
    fault = fault != NULL ? fault : replace_all(run, &replacing, at, &len);
    *ret_value = expr_string((struct sunder_str){at, (uint32_t)len});
    return fault != NULL ? fault : expr_spend(run, len / 8);
}
