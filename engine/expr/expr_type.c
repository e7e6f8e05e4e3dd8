#include "engine/expr/expr_type.h"

#include "engine/expr/expr_node.h"

#define S SUNDER_STR

const struct expr_type expr_types[EXPR_TYPE_VAR] = {
    [EXPR_TYPE_DYN] = {.kind = EXPR_TYPE_DYN},
    [EXPR_TYPE_NULL] = {.kind = EXPR_TYPE_NULL},
    [EXPR_TYPE_BOOL] = {.kind = EXPR_TYPE_BOOL},
    [EXPR_TYPE_INT] = {.kind = EXPR_TYPE_INT},
    [EXPR_TYPE_UINT] = {.kind = EXPR_TYPE_UINT},
    [EXPR_TYPE_DOUBLE] = {.kind = EXPR_TYPE_DOUBLE},
    [EXPR_TYPE_DECIMAL] = {.kind = EXPR_TYPE_DECIMAL},
    [EXPR_TYPE_STRING] = {.kind = EXPR_TYPE_STRING},
    [EXPR_TYPE_BYTES] = {.kind = EXPR_TYPE_BYTES},
    [EXPR_TYPE_TIMESTAMP] = {.kind = EXPR_TYPE_TIMESTAMP},
    [EXPR_TYPE_DURATION] = {.kind = EXPR_TYPE_DURATION},
    [EXPR_TYPE_LIST] = {.kind = EXPR_TYPE_LIST, .a = &expr_types[EXPR_TYPE_DYN]},
    [EXPR_TYPE_MAP] = {.kind = EXPR_TYPE_MAP,
        .a = &expr_types[EXPR_TYPE_DYN],
        .b = &expr_types[EXPR_TYPE_DYN]},
    [EXPR_TYPE_TYPE] = {.kind = EXPR_TYPE_TYPE, .a = &expr_types[EXPR_TYPE_DYN]},
    [EXPR_TYPE_HISTORY] = {.kind = EXPR_TYPE_HISTORY},
    [EXPR_TYPE_NUMBER] = {.kind = EXPR_TYPE_NUMBER},
};

const struct expr_type *expr_type_new(struct expr_compile *c,
    enum expr_type_kind kind,
    const struct expr_type *a,
    const struct expr_type *b)
{
    struct expr_type *type = SUNDER_ARENA_NEW(&c->scratch, struct expr_type, 1);
    if (type == NULL) {
        expr_fail_full(c);
        return &expr_types[EXPR_TYPE_DYN];
    }
    *type = (struct expr_type){kind, a, b};
    return type;
}

const struct expr_type *expr_type_of(const struct expr_type *type)
{
    while (type->kind == EXPR_TYPE_VAR && type->a != NULL) {
        type = type->a;
    }
    return type;
}

static bool is_number(enum expr_type_kind kind)
{
    return kind == EXPR_TYPE_INT || kind == EXPR_TYPE_UINT || kind == EXPR_TYPE_DOUBLE ||
           kind == EXPR_TYPE_DECIMAL || kind == EXPR_TYPE_NUMBER;
}

/* True when an open variable stands in a type: binding it to the type would make it infinite. */
static bool occurs(const struct expr_type *open, const struct expr_type *type)
{
    type = expr_type_of(type);
    return type == open ||
           (type->kind != EXPR_TYPE_VAR && ((type->a != NULL && occurs(open, type->a)) ||
                                               (type->b != NULL && occurs(open, type->b))));
}

static bool bind(struct expr_compile *c, const struct expr_type *open, const struct expr_type *type)
{
    if (open == type) {
        return true;
    }
    if (c->trail_count == EXPR_TRAIL_MAX || occurs(open, type)) {
        return false;
    }
    /* Only expr_type_new makes variables, in scratch memory that is ours to write. */
    struct expr_type *variable = (struct expr_type *)(uintptr_t)open;
    variable->a = type;
    c->trail[c->trail_count] = variable;
    c->trail_count += 1;
    return true;
}

/* What meets dyn is dyn inside, as far as it was open. */
static bool open_to_dyn(struct expr_compile *c, const struct expr_type *type)
{
    type = expr_type_of(type);
    if (type->kind == EXPR_TYPE_VAR) {
        return bind(c, type, &expr_types[EXPR_TYPE_DYN]);
    }
    return (type->a == NULL || open_to_dyn(c, type->a)) &&
           (type->b == NULL || open_to_dyn(c, type->b));
}

/* Recursion: the depth of types, which grow with the nesting of the expression or the schema. */
bool expr_unify(struct expr_compile *c, const struct expr_type *a, const struct expr_type *b)
{
    a = expr_type_of(a);
    b = expr_type_of(b);
    if (a == b) {
        return true;
    }
    if (a->kind == EXPR_TYPE_VAR) {
        return bind(c, a, b);
    }
    if (b->kind == EXPR_TYPE_VAR) {
        return bind(c, b, a);
    }
    if (a->kind == EXPR_TYPE_DYN || b->kind == EXPR_TYPE_DYN) {
        return open_to_dyn(c, a->kind == EXPR_TYPE_DYN ? b : a);
    }
    bool either = a->kind == EXPR_TYPE_NUMBER || b->kind == EXPR_TYPE_NUMBER || c->numbers_meet;
    if (either && is_number(a->kind) && is_number(b->kind)) {
        return true;
    }
    if (a->kind != b->kind) {
        return false;
    }
    if (a->kind == EXPR_TYPE_LIST) {
        return expr_unify(c, a->a, b->a);
    }
    if (a->kind == EXPR_TYPE_MAP) {
        return expr_unify(c, a->a, b->a) && expr_unify(c, a->b, b->b);
    }
    return true; /* Types of types compare, whatever they are the types of. */
}

void expr_undo(struct expr_compile *c, uint32_t trail_count)
{
    while (c->trail_count > trail_count) {
        c->trail_count -= 1;
        c->trail[c->trail_count]->a = NULL;
    }
}

static bool same(const struct expr_type *a, const struct expr_type *b)
{
    a = expr_type_of(a);
    b = expr_type_of(b);
    if (a == b) {
        return true;
    }
    return a->kind == b->kind && a->kind != EXPR_TYPE_VAR && (a->a == NULL) == (b->a == NULL) &&
           (a->b == NULL) == (b->b == NULL) && (a->a == NULL || same(a->a, b->a)) &&
           (a->b == NULL || same(a->b, b->b));
}

const struct expr_type *expr_type_join(
    struct expr_compile *c, const struct expr_type *a, const struct expr_type *b)
{
    a = expr_type_of(a);
    b = expr_type_of(b);
    if (same(a, b)) {
        return a;
    }
    if (a->kind == b->kind && a->kind == EXPR_TYPE_LIST) {
        return expr_type_new(c, EXPR_TYPE_LIST, expr_type_join(c, a->a, b->a), NULL);
    }
    if (a->kind == b->kind && a->kind == EXPR_TYPE_MAP) {
        return expr_type_new(
            c, EXPR_TYPE_MAP, expr_type_join(c, a->a, b->a), expr_type_join(c, a->b, b->b));
    }
    if (a->kind == EXPR_TYPE_VAR || b->kind == EXPR_TYPE_VAR) {
        uint32_t mark = c->trail_count;
        (void)expr_unify(c, a, b);
        c->trail_count = mark;
        return expr_type_of(a);
    }
    return &expr_types[EXPR_TYPE_DYN];
}

static const struct sunder_str names[EXPR_TYPE_VAR + 1] = {
    [EXPR_TYPE_DYN] = EXPR_WORD("dyn"),
    [EXPR_TYPE_NULL] = EXPR_WORD("null"),
    [EXPR_TYPE_BOOL] = EXPR_WORD("bool"),
    [EXPR_TYPE_INT] = EXPR_WORD("int"),
    [EXPR_TYPE_UINT] = EXPR_WORD("uint"),
    [EXPR_TYPE_DOUBLE] = EXPR_WORD("double"),
    [EXPR_TYPE_DECIMAL] = EXPR_WORD("decimal"),
    [EXPR_TYPE_STRING] = EXPR_WORD("string"),
    [EXPR_TYPE_BYTES] = EXPR_WORD("bytes"),
    [EXPR_TYPE_TIMESTAMP] = EXPR_WORD("timestamp"),
    [EXPR_TYPE_DURATION] = EXPR_WORD("duration"),
    [EXPR_TYPE_LIST] = EXPR_WORD("list"),
    [EXPR_TYPE_MAP] = EXPR_WORD("map"),
    [EXPR_TYPE_TYPE] = EXPR_WORD("type"),
    [EXPR_TYPE_HISTORY] = EXPR_WORD("history"),
    [EXPR_TYPE_NUMBER] = EXPR_WORD("number"),
    [EXPR_TYPE_VAR] = EXPR_WORD("dyn"),
};

struct sunder_str expr_type_text(struct sunder_arena *arena, const struct expr_type *type)
{
    type = expr_type_of(type);
    struct sunder_str name = names[type->kind];
    if (type->a == NULL || type->kind == EXPR_TYPE_VAR) {
        return name;
    }
    struct sunder_str a = expr_type_text(arena, type->a);
    struct sunder_str b = type->b == NULL ? S("") : expr_type_text(arena, type->b);
    char *at = sunder_arena_alloc_raw(arena, (size_t)name.len + a.len + b.len + 4, 1);
    if (at == NULL || a.at == NULL || b.at == NULL) {
        return (struct sunder_str){0};
    }
    const struct sunder_str parts[] = {
        name, S("("), a, type->b == NULL ? S("") : S(", "), b, S(")")};
    uint32_t len = 0;
    for (uint32_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        memcpy(at + len, parts[i].at, parts[i].len);
        len += parts[i].len;
    }
    return (struct sunder_str){at, len};
}

struct sunder_str expr_type_words(struct expr_compile *c, const struct expr_type *type)
{
    type = expr_type_of(type);
    switch (type->kind) {
    case EXPR_TYPE_BOOL:
        return S("true or false");
    case EXPR_TYPE_NULL:
        return S("null");
    case EXPR_TYPE_INT:
        return S("an int");
    case EXPR_TYPE_NUMBER:
        return S("a number");
    case EXPR_TYPE_UINT:
        return S("a uint");
    case EXPR_TYPE_DOUBLE:
        return S("a double");
    case EXPR_TYPE_DECIMAL:
        return S("a decimal");
    case EXPR_TYPE_STRING:
        return S("a string");
    case EXPR_TYPE_BYTES:
        return S("bytes");
    case EXPR_TYPE_TIMESTAMP:
        return S("a timestamp");
    case EXPR_TYPE_DURATION:
        return S("a duration");
    case EXPR_TYPE_HISTORY:
        return S("a history");
    case EXPR_TYPE_DYN:
    case EXPR_TYPE_VAR:
        return S("anything");
    case EXPR_TYPE_LIST:
    case EXPR_TYPE_MAP:
    case EXPR_TYPE_TYPE:
        break;
    }
    struct sunder_str text = expr_type_text(&c->scratch, type);
    return text.at == NULL ? S("a collection") : text;
}

static const struct expr_type *parse(
    struct expr_compile *c, struct sunder_str *rest, uint32_t depth);

static bool take(struct sunder_str *rest, struct sunder_str word)
{
    while (rest->len != 0 && rest->at[0] == ' ') {
        *rest = (struct sunder_str){rest->at + 1, rest->len - 1};
    }
    if (!sunder_str_starts_with(*rest, word)) {
        return false;
    }
    *rest = (struct sunder_str){rest->at + word.len, rest->len - word.len};
    return true;
}

/* (a) or (a, b) behind the name of a type that has parameters; without them they are dyn. */
static const struct expr_type *parse_parameters(
    struct expr_compile *c, enum expr_type_kind kind, struct sunder_str *rest, uint32_t depth)
{
    if (!take(rest, S("("))) {
        return &expr_types[kind];
    }
    const struct expr_type *a = parse(c, rest, depth + 1);
    const struct expr_type *b = NULL;
    if (a != NULL && kind == EXPR_TYPE_MAP) {
        b = take(rest, S(",")) ? parse(c, rest, depth + 1) : NULL;
        a = b == NULL ? NULL : a;
    }
    return a == NULL || !take(rest, S(")")) ? NULL : expr_type_new(c, kind, a, b);
}

static const struct expr_type *parse(
    struct expr_compile *c, struct sunder_str *rest, uint32_t depth)
{
    for (uint32_t kind = 0; depth < 16 && kind < EXPR_TYPE_HISTORY; kind++) {
        struct sunder_str ahead = *rest;
        if (!take(&ahead, names[kind])) {
            continue;
        }
        bool ends = ahead.len == 0 || ahead.at[0] < 'a' || ahead.at[0] > 'z';
        if (ends) {
            *rest = ahead;
            bool has = expr_types[kind].a != NULL;
            return has ? parse_parameters(c, (enum expr_type_kind)kind, rest, depth)
                       : &expr_types[kind];
        }
    }
    return NULL;
}

const struct expr_type *expr_type_parse(struct expr_compile *c, struct sunder_str text)
{
    const struct expr_type *type = parse(c, &text, 0);
    return type != NULL && text.len == 0 ? type : NULL;
}
