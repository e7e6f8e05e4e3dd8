/* The static worst case: each node one unit, texts and lists by their bounds, loops by the product. */
#include "engine/base/text.h"
#include "engine/expr/expr_code.h"
#include "engine/expr/expr_functions.h"
#include "engine/expr/expr_node.h"
#include "engine/model/limits.h"

#define S SUNDER_STR

struct costing {
    struct expr_compile *c;
    struct sunder_expr_cost *cost;
};

static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX / 4 : product;
}

static uint32_t smaller(uint64_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

static void put_text(struct sunder_expr_factor *factor,
    struct sunder_str name,
    uint64_t count,
    struct sunder_str what)
{
    char memory[160];
    struct sunder_arena arena = sunder_arena_of(memory, sizeof(memory));
    struct sunder_str number = sunder_text_u64(&arena, count);
    const struct sunder_str parts[] = {S("`"), name, S("` over at most "), number, S(" "), what};
    size_t at = 0;
    for (uint32_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        size_t room = sizeof(factor->text) - 1 - at;
        size_t len = parts[i].len < room ? parts[i].len : room;
        memcpy(factor->text + at, parts[i].at, len);
        at += len;
    }
    factor->text[at] = '\0';
}

/* Keeps the three dearest, dearest first. */
static void note(struct sunder_expr_cost *cost, const struct sunder_expr_factor *factor)
{
    uint32_t at = cost->factor_count;
    while (at > 0 && cost->factors[at - 1].units < factor->units) {
        at -= 1;
    }
    if (at == SUNDER_EXPR_FACTORS_MAX) {
        return;
    }
    uint32_t last = cost->factor_count < SUNDER_EXPR_FACTORS_MAX ? cost->factor_count
                                                                 : SUNDER_EXPR_FACTORS_MAX - 1;
    for (uint32_t i = last; i > at; i--) {
        cost->factors[i] = cost->factors[i - 1];
    }
    cost->factors[at] = *factor;
    cost->factor_count = last + 1;
}

static void size_const(struct expr_node *node)
{
    const struct sunder_cel_value *value = &node->value;
    bool sized = value->kind == SUNDER_CEL_STRING || value->kind == SUNDER_CEL_BYTES ||
                 value->kind == SUNDER_CEL_LIST || value->kind == SUNDER_CEL_MAP;
    node->size = sized ? value->count : 0;
    for (uint32_t i = 0; value->kind == SUNDER_CEL_LIST && i < value->count; i++) {
        bool text = value->items[i].kind == SUNDER_CEL_STRING;
        uint32_t len = text ? value->items[i].count : 1;
        node->inner = len > node->inner ? len : node->inner;
    }
}

static bool is_text(const struct expr_node *node)
{
    enum expr_type_kind kind = expr_type_of(node->type)->kind;
    return kind == EXPR_TYPE_STRING || kind == EXPR_TYPE_BYTES;
}

/* How many elements a macro goes over, and what `in` and the like look at. A value of unknown type may be a list. */
static uint32_t elements_of(const struct expr_node *node)
{
    enum expr_type_kind kind = expr_type_of(node->type)->kind;
    bool unknown = kind == EXPR_TYPE_DYN || kind == EXPR_TYPE_VAR;
    return unknown ? smaller(node->size, SUNDER_EXPR_LIST_SIZE) : node->size;
}

/* The bound that counts for an argument: bytes of a text, elements of all else. What may be either is what the function is made for. */
static uint32_t bound_of(const struct expr_node *node, bool texts)
{
    enum expr_type_kind kind = expr_type_of(node->type)->kind;
    bool unknown = kind == EXPR_TYPE_DYN || kind == EXPR_TYPE_VAR;
    return is_text(node) || (unknown && texts) ? node->size : elements_of(node);
}

/* The bound of what a call gives. */
static void size_call(struct expr_node *node)
{
    enum expr_type_kind kind = expr_type_of(node->type)->kind;
    const struct expr_node *a = node->first;
    expr_function_fn *call = node->kind == EXPR_CALL ? expr_functions[node->function].call : NULL;
    uint64_t sum = 0;
    bool texts = node->kind == EXPR_ADD || expr_functions[node->function].signatures[0] == 's';
    for (const struct expr_node *child = node->first; child != NULL; child = child->next) {
        sum += bound_of(child, texts);
    }
    node->size = 0;
    if (call == expr_index) {
        node->size = a->inner;
        node->inner = a->inner;
    } else if (kind == EXPR_TYPE_STRING || kind == EXPR_TYPE_BYTES || kind == EXPR_TYPE_DYN ||
               kind == EXPR_TYPE_VAR) {
        bool grows = call == expr_join || call == expr_replace || call == expr_quote;
        node->size = grows ? SUNDER_EXPR_STRING_MAX : smaller(sum + 32, SUNDER_EXPR_STRING_MAX);
        node->inner = a == NULL ? 0 : a->inner;
    } else if (kind == EXPR_TYPE_LIST) {
        bool split = call == expr_split;
        bool range = call == expr_range || call == expr_flatten;
        node->size = range ? SUNDER_EXPR_SCRATCH_MAX / 16
                           : smaller(sum + (split ? 1 : 0), SUNDER_EXPR_SCRATCH_MAX / 16);
        node->inner = split ? a->size : (a == NULL ? 0 : a->inner);
    }
}

/* Comparisons look at the shorter side only. */
static bool comparison_is_short(const struct expr_function *function)
{
    return function->call == expr_eq || function->call == expr_ne || function->call == expr_lt ||
           function->call == expr_le || function->call == expr_gt || function->call == expr_ge ||
           function->call == expr_starts_with || function->call == expr_ends_with;
}

/* Units of a call itself, by how its time grows. */
static uint64_t call_units(const struct expr_node *node, uint64_t *ret_over)
{
    const struct expr_function *function = &expr_functions[node->function];
    const struct expr_node *a = node->first;
    const struct expr_node *b = a == NULL ? NULL : a->next;
    bool texts = function->signatures[0] == 's';
    bool text = a != NULL && (is_text(a) || texts);
    uint64_t size_a = a == NULL ? 0 : bound_of(a, texts);
    uint64_t size_b = b == NULL ? 0 : bound_of(b, texts);
    uint64_t sum = 0;
    *ret_over = size_a;
    for (const struct expr_node *child = node->first; child != NULL; child = child->next) {
        uint32_t bound = bound_of(child, texts);
        sum += is_text(child) || texts ? bound / 10 : bound;
    }
    if (function->call == expr_in) {
        *ret_over = b == NULL ? 0 : elements_of(b);
        return 1 + times(*ret_over, 2);
    }
    if (comparison_is_short(function)) {
        return 1 + (b == NULL ? 0 : smaller(a->size, b->size) / 10);
    }
    switch (function->growth) {
    case EXPR_FLAT:
        return 2;
    case EXPR_SCAN:
        return 2 + sum;
    case EXPR_PRODUCT:
        return 2 + (times(size_a, size_b == 0 ? 1 : size_b) / (text ? 10 : 1));
    case EXPR_SQUARE:
        return 2 + (times(*ret_over, *ret_over) / 2);
    case EXPR_PATTERN:
        return 32 + *ret_over;
    }
    return 2;
}

static uint64_t cost_of(struct costing *k, struct expr_node *node, uint64_t loops);

static uint64_t cost_children(struct costing *k, struct expr_node *node, uint64_t loops)
{
    uint64_t units = 0;
    for (struct expr_node *child = node->first; child != NULL; child = child->next) {
        units += cost_of(k, child, loops);
    }
    return units;
}

static void note_factor(struct costing *k,
    const struct expr_node *node,
    struct sunder_str name,
    uint64_t units,
    uint64_t over)
{
    if (units < 16) {
        return;
    }
    struct sunder_expr_factor factor = {.offset = node->offset, .units = units};
    bool text = node->first != NULL && is_text(node->first);
    if (name.at[0] == '_' && name.len > 2) { /* `_==_` is the name of `==`. */
        name = (struct sunder_str){name.at + 1, name.len - 2};
    }
    put_text(&factor, name, over, text ? S("bytes") : S("elements"));
    note(k->cost, &factor);
}

static struct sunder_str macro_name(enum expr_kind kind)
{
    switch ((int)kind) {
    case EXPR_ALL:
        return S("all");
    case EXPR_EXISTS:
        return S("exists");
    case EXPR_EXISTS_ONE:
        return S("exists_one");
    case EXPR_FILTER:
        return S("filter");
    default:
        return S("map");
    }
}

static uint64_t cost_loop(struct costing *k, struct expr_node *node, uint64_t loops)
{
    uint64_t range = cost_of(k, node->first, loops);
    uint64_t over = elements_of(node->first);
    uint64_t body = 3;
    node->inner = node->first->inner; /* What its variable's size is, for LOCAL. */
    for (struct expr_node *child = node->first->next; child != NULL; child = child->next) {
        body += cost_of(k, child, times(loops, over));
    }
    uint64_t units = times(over, body);
    note_factor(k, node, macro_name(node->kind), times(loops, units), over);
    node->size = smaller(over, UINT32_MAX);
    node->inner = node->kind == EXPR_TRANSFORM ? node->last->size : node->inner;
    return range + 4 + units;
}

static uint64_t cost_call(struct costing *k, struct expr_node *node, uint64_t loops)
{
    uint64_t over = 0;
    uint64_t units = cost_children(k, node, loops);
    size_call(node);
    uint64_t own = call_units(node, &over);
    note_factor(k, node, node->name, times(loops, own), over);
    return units + own;
}

static uint64_t price(struct costing *k, struct expr_node *node, uint64_t loops)
{
    switch (node->kind) {
    case EXPR_CONST:
        size_const(node);
        return 1;
    case EXPR_VARIABLE:
    case EXPR_NAME:
    case EXPR_UNKNOWN:
        return 1;
    case EXPR_HISTORY:
        node->size = SUNDER_EXPR_LIST_SIZE;
        node->inner = SUNDER_IDENTIFIER_BYTES_MAX;
        return SUNDER_EXPR_HISTORY_UNITS;
    case EXPR_LOCAL:
        node->size = node->binder->kind == EXPR_BIND ? node->binder->first->size
                                                     : node->binder->first->inner;
        node->inner = node->binder->first->inner;
        return 1;
    case EXPR_SELECT: {
        uint64_t units = cost_of(k, node->first, loops);
        node->size = node->first->inner;
        node->inner = smaller(node->first->inner, SUNDER_IDENTIFIER_BYTES_MAX);
        return units + 2;
    }
    case EXPR_HAS:
        return 2 + cost_of(k, node->first, loops);
    case EXPR_CALL:
        return cost_call(k, node, loops);
    case EXPR_ADD: {
        uint64_t units = cost_children(k, node, loops);
        size_call(node);
        return units + node->count + times(node->count, node->size / 10);
    }
    case EXPR_AND:
    case EXPR_OR:
        return 3 + cost_children(k, node, loops);
    case EXPR_CHOICE:
    case EXPR_BIND: {
        uint64_t units = 2 + cost_children(k, node, loops);
        node->size = node->last->size;
        node->inner = node->last->inner;
        return units;
    }
    case EXPR_LIST:
    case EXPR_MAP: {
        uint64_t units = 2 + cost_children(k, node, loops) + times(node->count, 2);
        node->size = node->count;
        for (struct expr_node *child = node->first; child != NULL; child = child->next) {
            node->inner = child->size > node->inner ? child->size : node->inner;
        }
        return units;
    }
    case EXPR_ALL:
    case EXPR_EXISTS:
    case EXPR_EXISTS_ONE:
    case EXPR_FILTER:
    case EXPR_TRANSFORM:
        return cost_loop(k, node, loops);
    }
    return 1;
}

/* Recursion: the height of the tree, which the parser holds. */
static uint64_t cost_of(struct costing *k, struct expr_node *node, uint64_t loops)
{
    node->units = price(k, node, loops);
    return node->units;
}

void expr_cost(struct expr_compile *c, struct expr_node *root, struct sunder_expr_cost *ret_cost)
{
    struct costing k = {c, ret_cost};
    char memory[96];
    struct sunder_arena arena = sunder_arena_of(memory, sizeof(memory));
    *ret_cost = (struct sunder_expr_cost){0};
    ret_cost->units = cost_of(&k, root, 1);
    if (ret_cost->units <= c->schema->units_max) {
        return;
    }
    struct sunder_str parts[SUNDER_EXPR_FACTORS_MAX];
    for (uint32_t i = 0; i < SUNDER_EXPR_FACTORS_MAX; i++) {
        parts[i] = i < ret_cost->factor_count ? sunder_str_of(ret_cost->factors[i].text) : S("");
    }
    uint32_t offset = ret_cost->factor_count == 0 ? 0 : ret_cost->factors[0].offset;
    struct sunder_str units = sunder_text_u64(&arena, ret_cost->units);
    EXPR_FAIL_AS(c,
        TOO_LARGE,
        offset,
        S("at worst this takes "),
        units,
        S(" units, and 10000 are allowed: "),
        parts[0],
        ret_cost->factor_count > 1 ? S("; ") : S(""),
        parts[1],
        ret_cost->factor_count > 2 ? S("; ") : S(""),
        parts[2]);
}
