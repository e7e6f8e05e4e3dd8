/* The checker: names, types, constants. After it every node has a type and every name its meaning. */
#include "engine/base/must.h"
#include "engine/expr/expr_functions.h"
#include "engine/expr/expr_node.h"
#include "engine/model/limits.h"

#define S SUNDER_STR

static const struct expr_type *kind_type(uint8_t kind)
{
    static const enum expr_type_kind kinds[] = {
        [SUNDER_CEL_NULL] = EXPR_TYPE_NULL,
        [SUNDER_CEL_BOOL] = EXPR_TYPE_BOOL,
        [SUNDER_CEL_INT] = EXPR_TYPE_INT,
        [SUNDER_CEL_UINT] = EXPR_TYPE_UINT,
        [SUNDER_CEL_DOUBLE] = EXPR_TYPE_DOUBLE,
        [SUNDER_CEL_DECIMAL] = EXPR_TYPE_DECIMAL,
        [SUNDER_CEL_STRING] = EXPR_TYPE_STRING,
        [SUNDER_CEL_BYTES] = EXPR_TYPE_BYTES,
    };
    return &expr_types[kinds[kind]];
}

static void need_bool(struct expr_compile *c, const struct expr_node *node, struct sunder_str what)
{
    uint32_t mark = c->trail_count;
    if (c->err == SUNDER_OK && !expr_unify(c, node->type, &expr_types[EXPR_TYPE_BOOL])) {
        EXPR_FAIL_AS(c,
            TYPE,
            node->offset,
            what,
            S(" wants true or false, and this is "),
            expr_type_words(c, node->type));
    }
    c->trail_count = mark;
}

static void check_children(struct expr_compile *c, struct expr_node *node)
{
    for (struct expr_node *child = node->first; child != NULL && c->err == SUNDER_OK;
         child = child->next) {
        expr_check_node(c, child);
    }
}

static void check_logic(struct expr_compile *c, struct expr_node *node)
{
    check_children(c, node);
    for (struct expr_node *child = node->first; child != NULL; child = child->next) {
        need_bool(c, child, node->kind == EXPR_AND ? S("`&&`") : S("`||`"));
    }
    node->type = &expr_types[EXPR_TYPE_BOOL];
}

static bool both_numbers(const struct expr_type *a, const struct expr_type *b)
{
    enum expr_type_kind x = expr_type_of(a)->kind;
    enum expr_type_kind y = expr_type_of(b)->kind;
    bool number_x = x == EXPR_TYPE_INT || x == EXPR_TYPE_UINT || x == EXPR_TYPE_DECIMAL ||
                    x == EXPR_TYPE_DOUBLE;
    bool number_y = y == EXPR_TYPE_INT || y == EXPR_TYPE_UINT || y == EXPR_TYPE_DECIMAL ||
                    y == EXPR_TYPE_DOUBLE;
    return number_x && number_y;
}

static void check_choice(struct expr_compile *c, struct expr_node *node)
{
    check_children(c, node);
    if (c->err != SUNDER_OK) {
        return;
    }
    const struct expr_node *yes = node->first->next;
    const struct expr_node *no = yes->next;
    need_bool(c, node->first, S("the condition before `?`"));
    uint32_t mark = c->trail_count;
    bool numbers = c->schema->policy && both_numbers(yes->type, no->type);
    if (!numbers && !expr_unify(c, yes->type, no->type)) {
        EXPR_FAIL_AS(c,
            TYPE,
            node->offset,
            S("`? :` gives "),
            expr_type_words(c, yes->type),
            S(" or "),
            expr_type_words(c, no->type),
            S("; both must be of one type"));
        return;
    }
    c->trail_count = mark;
    node->type = expr_type_join(c, yes->type, no->type);
}

static bool all_constant(const struct expr_node *node)
{
    for (const struct expr_node *child = node->first; child != NULL; child = child->next) {
        if (child->kind != EXPR_CONST) {
            return false;
        }
    }
    return true;
}

/* The elements' type: that of all, or dyn. `every`: 1 for lists, 2 for keys or values of maps. */
static const struct expr_type *element_type(
    struct expr_compile *c, const struct expr_node *first, bool pairs)
{
    const struct expr_type *type = NULL;
    for (const struct expr_node *child = first; child != NULL;) {
        type = type == NULL ? child->type : expr_type_join(c, type, child->type);
        child = pairs && child->next != NULL ? child->next->next : (pairs ? NULL : child->next);
    }
    return type == NULL ? expr_type_new(c, EXPR_TYPE_VAR, NULL, NULL) : type;
}

/* A list of constants is known now; its elements are then compared without being built at each event. */
static void check_list(struct expr_compile *c, struct expr_node *node)
{
    check_children(c, node);
    node->type = expr_type_new(c, EXPR_TYPE_LIST, element_type(c, node->first, false), NULL);
    if (c->err != SUNDER_OK || !all_constant(node)) {
        return;
    }
    struct sunder_cel_value *items =
        SUNDER_ARENA_NEW(&c->scratch, struct sunder_cel_value, node->count + 1);
    uint32_t i = 0;
    if (items == NULL) {
        expr_fail_full(c);
        return;
    }
    for (const struct expr_node *child = node->first; child != NULL; child = child->next) {
        items[i++] = child->value;
    }
    node->kind = EXPR_CONST;
    node->value = expr_list(items, node->count);
    node->first = NULL;
}

static void check_map_keys(struct expr_compile *c, const struct expr_node *node)
{
    for (const struct expr_node *key = node->first; key != NULL; key = key->next->next) {
        enum expr_type_kind kind = expr_type_of(key->type)->kind;
        bool may = kind == EXPR_TYPE_DYN || kind == EXPR_TYPE_VAR || kind == EXPR_TYPE_BOOL ||
                   kind == EXPR_TYPE_INT || kind == EXPR_TYPE_UINT || kind == EXPR_TYPE_STRING;
        if (!may) {
            EXPR_FAIL_AS(c,
                TYPE,
                key->offset,
                S("a key is a string, an int, a uint or a bool, and this is "),
                expr_type_words(c, key->type));
        }
    }
}

static void check_map(struct expr_compile *c, struct expr_node *node)
{
    check_children(c, node);
    if (c->err != SUNDER_OK) {
        return;
    }
    check_map_keys(c, node);
    const struct expr_type *key = element_type(c, node->first, true);
    const struct expr_type *value =
        element_type(c, node->first == NULL ? NULL : node->first->next, true);
    node->type = expr_type_new(c, EXPR_TYPE_MAP, key, value);
    if (c->err != SUNDER_OK || !all_constant(node)) {
        return;
    }
    uint32_t count = node->count / 2;
    struct sunder_cel_entry *entries =
        SUNDER_ARENA_NEW(&c->scratch, struct sunder_cel_entry, count + 1);
    uint32_t i = 0;
    bool keys = true;
    if (entries == NULL) {
        expr_fail_full(c);
        return;
    }
    for (const struct expr_node *child = node->first; child != NULL; child = child->next->next) {
        keys = keys && expr_is_key(child->value.kind);
        entries[i++] = (struct sunder_cel_entry){child->value, child->next->value};
    }
    if (keys && expr_sort_entries(entries, count)) {
        node->kind = EXPR_CONST;
        node->value = (struct sunder_cel_value){
            .kind = SUNDER_CEL_MAP, .sorted = true, .count = count, .entries = entries};
        node->first = NULL;
    }
}

/* What a macro's variable stands for: elements of a list, keys of a map. */
static const struct expr_type *variable_type(struct expr_compile *c, const struct expr_node *node)
{
    const struct expr_type *range = expr_type_of(node->first->type);
    if (range->kind == EXPR_TYPE_LIST || range->kind == EXPR_TYPE_MAP) {
        return range->a;
    }
    if (range->kind != EXPR_TYPE_DYN && range->kind != EXPR_TYPE_VAR) {
        EXPR_FAIL_AS(c,
            TYPE,
            node->offset,
            S("macros go over a list or a map, and this is "),
            expr_type_words(c, range));
    }
    return &expr_types[EXPR_TYPE_DYN];
}

static void check_loop(struct expr_compile *c, struct expr_node *node)
{
    expr_check_node(c, node->first);
    struct expr_scope scope = {.name = node->name, .binder = node, .outer = c->scope};
    if (c->err != SUNDER_OK) {
        return;
    }
    scope.type = variable_type(c, node);
    c->loops += 1;
    if (c->loops > c->schema->loops_max) {
        EXPR_FAIL_AS(c,
            TOO_LARGE,
            node->offset,
            S("macros nest deeper than 2: each level multiplies the time"));
    }
    c->scope = &scope;
    for (struct expr_node *child = node->first->next; child != NULL && c->err == SUNDER_OK;
         child = child->next) {
        expr_check_node(c, child);
    }
    c->scope = scope.outer;
    c->loops -= 1;
    if (c->err != SUNDER_OK) {
        return;
    }
    node->type = &expr_types[EXPR_TYPE_BOOL];
    if (node->kind == EXPR_TRANSFORM) {
        if (node->count == 3) {
            need_bool(c, node->first->next, S("the condition of `map`"));
        }
        node->type = expr_type_new(c, EXPR_TYPE_LIST, node->last->type, NULL);
        return;
    }
    need_bool(c, node->last, S("the condition of the macro"));
    if (node->kind == EXPR_FILTER) {
        node->type = expr_type_new(c, EXPR_TYPE_LIST, scope.type, NULL);
    }
}

static void check_bind(struct expr_compile *c, struct expr_node *node)
{
    expr_check_node(c, node->first);
    struct expr_scope scope = {
        .name = node->name, .binder = node, .type = node->first->type, .outer = c->scope};
    if (c->err == SUNDER_OK) {
        c->scope = &scope;
        expr_check_node(c, node->last);
        c->scope = scope.outer;
        node->type = node->last->type;
    }
}

/* Whether some function has this namespace. */
static bool is_namespace(struct sunder_str name)
{
    for (uint32_t i = 0; i < expr_function_count; i++) {
        struct sunder_str function = expr_functions[i].name;
        if (sunder_str_starts_with(function, name) && function.len > name.len &&
            function.at[name.len] == '.') {
            return true;
        }
    }
    return false;
}

/* math.least(a): what looks like a receiver is the namespace of a function. */
static void drop_namespace(struct expr_compile *c, struct expr_node *node)
{
    const struct expr_node *space = node->first;
    if (!node->method || space->kind != EXPR_NAME || !is_namespace(space->name) ||
        expr_is_known(c, space)) {
        return;
    }
    uint32_t len = space->name.len + 1 + node->name.len;
    char *text = sunder_arena_alloc_raw(&c->scratch, len, 1);
    if (text == NULL) {
        expr_fail_full(c);
        return;
    }
    memcpy(text, space->name.at, space->name.len);
    text[space->name.len] = '.';
    memcpy(text + space->name.len + 1, node->name.at, node->name.len);
    node->name = (struct sunder_str){text, len};
    node->method = false;
    node->first = space->next;
    node->count -= 1;
    node->last = node->first == NULL ? NULL : node->last;
}

static void check_call(struct expr_compile *c, struct expr_node *node)
{
    if (expr_check_history(c, node)) {
        return;
    }
    drop_namespace(c, node);
    bool equals =
        sunder_str_equal(node->name, S("_==_")) || sunder_str_equal(node->name, S("_!=_"));
    const struct expr_node *outer = c->equals;
    c->equals = equals ? node : NULL;
    check_children(c, node);
    c->equals = outer;
    if (c->err == SUNDER_OK) {
        expr_check_call(c, node);
    }
}

/* Recursion: the height of the tree, which the parser holds. */
void expr_check_node(struct expr_compile *c, struct expr_node *node)
{
    if (c->err != SUNDER_OK) {
        return;
    }
    switch (node->kind) {
    case EXPR_CONST:
        if (node->value.kind <= SUNDER_CEL_BYTES) {
            node->type = kind_type(node->value.kind);
        }
        break;
    case EXPR_NAME:
    case EXPR_SELECT:
        expr_resolve(c, node);
        break;
    case EXPR_HAS:
        expr_has(c, node);
        break;
    case EXPR_CALL:
        check_call(c, node);
        break;
    case EXPR_AND:
    case EXPR_OR:
        check_logic(c, node);
        break;
    case EXPR_ADD:
        check_children(c, node);
        if (c->err == SUNDER_OK) {
            expr_check_add(c, node);
        }
        break;
    case EXPR_CHOICE:
        check_choice(c, node);
        break;
    case EXPR_LIST:
        check_list(c, node);
        break;
    case EXPR_MAP:
        check_map(c, node);
        break;
    case EXPR_ALL:
    case EXPR_EXISTS:
    case EXPR_EXISTS_ONE:
    case EXPR_FILTER:
    case EXPR_TRANSFORM:
        check_loop(c, node);
        break;
    case EXPR_BIND:
        check_bind(c, node);
        break;
    case EXPR_VARIABLE:
    case EXPR_LOCAL:
    case EXPR_UNKNOWN:
    case EXPR_HISTORY:
        break;
    }
    if (!c->schema->check) {
        node->type = &expr_types[EXPR_TYPE_DYN];
    }
}

void expr_check(struct expr_compile *c, struct expr_node *root)
{
    expr_check_node(c, root);
}
