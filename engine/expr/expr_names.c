/* Names: locals of macros, declared variables with their dots, types. */
#include "engine/expr/expr_functions.h"
#include "engine/expr/expr_node.h"
#include "engine/expr/nearest.h"

#define S SUNDER_STR

static const struct expr_scope *local_of(const struct expr_compile *c, struct sunder_str name)
{
    for (const struct expr_scope *scope = c->scope; scope != NULL; scope = scope->outer) {
        if (sunder_str_equal(scope->name, name)) {
            return scope;
        }
    }
    return NULL;
}

static const struct expr_node *root_of(const struct expr_node *node)
{
    while (node->kind == EXPR_SELECT) {
        node = node->first;
    }
    return node;
}

/* `a.b.c` of a chain of selects over a name; absent when it is none, or begins with a local. */
static struct sunder_str dotted(struct expr_compile *c, const struct expr_node *node)
{
    const struct expr_node *root = root_of(node);
    if (root->kind != EXPR_NAME || local_of(c, root->name) != NULL) {
        return (struct sunder_str){0};
    }
    if (node == root) {
        return root->name;
    }
    uint32_t len = root->name.len;
    for (const struct expr_node *at = node; at != root; at = at->first) {
        len += at->name.len + 1;
    }
    char *text = sunder_arena_alloc_raw(&c->scratch, len, 1);
    if (text == NULL) {
        expr_fail_full(c);
        return (struct sunder_str){0};
    }
    uint32_t end = len;
    for (const struct expr_node *at = node; at != root; at = at->first) {
        end -= at->name.len;
        memcpy(text + end, at->name.at, at->name.len);
        end -= 1;
        text[end] = '.';
    }
    memcpy(text, root->name.at, root->name.len);
    return (struct sunder_str){text, len};
}

static uint32_t variable_of(const struct expr_compile *c, struct sunder_str name)
{
    uint32_t i = 0;
    while (i < c->schema->variable_count && !sunder_str_equal(c->schema->variables[i].name, name)) {
        i += 1;
    }
    return i;
}

static bool type_named(struct sunder_str name, const struct expr_type **ret_type)
{
    static const struct {
        struct sunder_str name;
        enum expr_type_kind kind;
    } types[] = {
        {EXPR_WORD("bool"), EXPR_TYPE_BOOL},
        {EXPR_WORD("int"), EXPR_TYPE_INT},
        {EXPR_WORD("uint"), EXPR_TYPE_UINT},
        {EXPR_WORD("double"), EXPR_TYPE_DOUBLE},
        {EXPR_WORD("decimal"), EXPR_TYPE_DECIMAL},
        {EXPR_WORD("string"), EXPR_TYPE_STRING},
        {EXPR_WORD("bytes"), EXPR_TYPE_BYTES},
        {EXPR_WORD("list"), EXPR_TYPE_LIST},
        {EXPR_WORD("map"), EXPR_TYPE_MAP},
        {EXPR_WORD("null_type"), EXPR_TYPE_NULL},
        {EXPR_WORD("type"), EXPR_TYPE_TYPE},
        {EXPR_WORD("google.protobuf.Timestamp"), EXPR_TYPE_TIMESTAMP},
        {EXPR_WORD("google.protobuf.Duration"), EXPR_TYPE_DURATION},
    };
    for (uint32_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (sunder_str_equal(types[i].name, name)) {
            *ret_type = &expr_types[types[i].kind];
            return true;
        }
    }
    return false;
}

static void fail_forbidden(
    struct expr_compile *c, const struct expr_node *node, enum sunder_field field)
{
    bool decided = field == SUNDER_FIELD_DUTY || field == SUNDER_FIELD_DUTIES ||
                   field == SUNDER_FIELD_PHASE || field == SUNDER_FIELD_TIER;
    if (decided) {
        EXPR_FAIL_AS(c,
            FIELD,
            node->start,
            S("`"),
            sunder_field_name(field),
            S("` can be read in rules only: the catalogue decides it"));
        return;
    }
    EXPR_FAIL_AS(
        c, FIELD, node->start, S("`"), sunder_field_name(field), S("` cannot be read here"));
}

static void become_variable(struct expr_compile *c, struct expr_node *node, uint32_t slot)
{
    const struct expr_variable *variable = &c->schema->variables[slot];
    node->kind = EXPR_VARIABLE;
    node->first = NULL;
    node->count = 0;
    node->slot = slot;
    node->type = variable->type;
    node->path = variable->name;
    node->size = variable->size;
    node->inner = variable->inner;
    if (!c->schema->policy) {
        return;
    }
    if ((c->schema->allowed & SUNDER_FIELD_BIT(slot)) == 0) {
        fail_forbidden(c, node, (enum sunder_field)slot);
    } else if (slot == SUNDER_FIELD_HISTORY) {
        EXPR_FAIL_AS(c,
            FIELD,
            node->start,
            S("`history` has no value; ask it, as in `history.count('payment.submit')` or "
              "`history.since(duration('24h')).sum(amount)`"));
    }
    c->reads |= SUNDER_FIELD_BIT(slot);
}

/* Whether an author who wrote `name` meant a text: a word of a field of fixed words, or what is compared with a text. */
static bool is_text_meant(
    struct expr_compile *c, const struct expr_node *node, struct sunder_str name)
{
    static const struct sunder_str words[] = {EXPR_WORD("low"),
        EXPR_WORD("medium"),
        EXPR_WORD("high"),
        EXPR_WORD("observe"),
        EXPR_WORD("recommend"),
        EXPR_WORD("execute")};
    for (uint32_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (sunder_str_equal(words[i], name)) {
            return true;
        }
    }
    if (c->equals == NULL || c->equals->first->next == NULL) {
        return false;
    }
    const struct expr_node *left = c->equals->first;
    const struct expr_node *right = left->next;
    const struct expr_node *beside = node == left ? right : left;
    if (node != left && node != right) {
        return false;
    }
    struct sunder_str path = beside->kind == EXPR_VARIABLE ? beside->path : dotted(c, beside);
    uint32_t slot = sunder_str_absent(path) ? c->schema->variable_count : variable_of(c, path);
    return slot < c->schema->variable_count &&
           c->schema->variables[slot].type->kind == EXPR_TYPE_STRING;
}

/* Nothing is near: in a policy it is most often an argument of the act, named without `args`. */
static void fail_far(struct expr_compile *c, const struct expr_node *node, struct sunder_str name)
{
    bool args =
        c->schema->policy && (c->schema->allowed & SUNDER_FIELD_BIT(SUNDER_FIELD_ARGS)) != 0;
    if (args && name.len > 1) { /* One letter: the variable of a macro that is misspelt. */
        EXPR_FAIL_AS(c,
            UNKNOWN_FIELD,
            node->start,
            S("unknown field `"),
            name,
            S("`; did you mean `args."),
            name,
            S("`? (a text is written in quotes: '"),
            name,
            S("')"));
        return;
    }
    struct sunder_str what = c->schema->policy ? S("unknown field `") : S("unknown name `");
    EXPR_FAIL_AS(c, UNKNOWN_FIELD, node->start, what, name, S("`; a text is written in quotes"));
}

static void fail_unknown(
    struct expr_compile *c, const struct expr_node *node, struct sunder_str name)
{
    struct sunder_str words[SUNDER_FIELD_COUNT + 16];
    uint32_t count = 0;
    for (const struct expr_scope *scope = c->scope; scope != NULL && count < 16;
         scope = scope->outer) {
        words[count++] = scope->name;
    }
    for (uint32_t i = 0; i < c->schema->variable_count && count < sizeof(words) / sizeof(words[0]);
         i++) {
        words[count++] = c->schema->variables[i].name;
    }
    struct sunder_str meant = sunder_str_nearest(name, words, count);
    struct sunder_str what = c->schema->policy ? S("unknown field `") : S("unknown name `");
    if (sunder_str_equal(name, S("proof"))) {
        EXPR_FAIL_AS(c, UNSUPPORTED, node->start, S("`proof` is not supported by this build yet"));
    } else if (c->schema->policy && is_text_meant(c, node, name)) {
        EXPR_FAIL_AS(c,
            UNKNOWN_FIELD,
            node->start,
            what,
            name,
            S("`; a text is written in quotes: '"),
            name,
            S("'"));
    } else if (sunder_str_absent(meant)) {
        fail_far(c, node, name);
    } else {
        EXPR_FAIL_AS(
            c, UNKNOWN_FIELD, node->start, what, name, S("`; did you mean `"), meant, S("`?"));
    }
}

bool expr_is_known(struct expr_compile *c, const struct expr_node *node)
{
    const struct expr_node *root = root_of(node);
    if (root->kind != EXPR_NAME || local_of(c, root->name) != NULL) {
        return true;
    }
    for (const struct expr_node *at = node;; at = at->first) {
        struct sunder_str name = dotted(c, at);
        if (!sunder_str_absent(name) && variable_of(c, name) < c->schema->variable_count) {
            return true;
        }
        if (at == root) {
            return false;
        }
    }
}

static void resolve_name(struct expr_compile *c, struct expr_node *node, struct sunder_str name)
{
    const struct expr_scope *local = node->kind == EXPR_NAME ? local_of(c, node->name) : NULL;
    uint32_t slot = variable_of(c, name);
    const struct expr_type *type = NULL;
    if (local != NULL) {
        node->kind = EXPR_LOCAL;
        node->binder = local->binder;
        node->type = local->type;
    } else if (slot < c->schema->variable_count) {
        become_variable(c, node, slot);
    } else if (type_named(name, &type)) {
        node->kind = EXPR_CONST;
        node->first = NULL;
        node->count = 0;
        node->value = expr_type_value(name);
        node->type = expr_type_new(c, EXPR_TYPE_TYPE, type, NULL);
    } else if (node->kind == EXPR_NAME && c->schema->check) {
        fail_unknown(c, node, name);
    } else if (node->kind == EXPR_NAME) {
        node->kind = EXPR_UNKNOWN;
    }
}

/* operand.name as a path that tells an author what is absent. */
struct sunder_str expr_path_below(
    struct expr_compile *c, const struct expr_node *operand, struct sunder_str name)
{
    if (sunder_str_absent(operand->path)) {
        return (struct sunder_str){0};
    }
    char *text = sunder_arena_alloc_raw(&c->scratch, (size_t)operand->path.len + name.len + 1, 1);
    if (text == NULL) {
        expr_fail_full(c);
        return (struct sunder_str){0};
    }
    memcpy(text, operand->path.at, operand->path.len);
    text[operand->path.len] = '.';
    memcpy(text + operand->path.len + 1, name.at, name.len);
    return (struct sunder_str){text, operand->path.len + 1 + name.len};
}

/* The type of a member; fails when there is none. */
static const struct expr_type *member_type(struct expr_compile *c, const struct expr_node *node)
{
    const struct expr_type *type = expr_type_of(node->first->type);
    if (type->kind == EXPR_TYPE_DYN || type->kind == EXPR_TYPE_VAR) {
        return &expr_types[EXPR_TYPE_DYN];
    }
    uint32_t mark = c->trail_count;
    bool map = type->kind == EXPR_TYPE_MAP && expr_unify(c, type->a, &expr_types[EXPR_TYPE_STRING]);
    c->trail_count = mark;
    if (map) {
        return type->b;
    }
    if (node->first->kind == EXPR_VARIABLE) {
        EXPR_FAIL_AS(c,
            TYPE,
            node->offset,
            S("`"),
            node->first->path,
            S("` is "),
            expr_type_words(c, type),
            S(" and has no members"));
    } else {
        EXPR_FAIL_AS(c,
            TYPE,
            node->offset,
            expr_type_words(c, type),
            S(" has no members, so `."),
            node->name,
            S("` cannot be read here"));
    }
    return &expr_types[EXPR_TYPE_DYN];
}

void expr_resolve(struct expr_compile *c, struct expr_node *node)
{
    struct sunder_str name = dotted(c, node);
    if (!sunder_str_absent(name) || node->kind == EXPR_NAME) {
        resolve_name(c, node, sunder_str_absent(name) ? node->name : name);
    }
    if (node->kind == EXPR_SELECT && c->err == SUNDER_OK) {
        expr_check_node(c, node->first);
        node->type = member_type(c, node);
        node->path = expr_path_below(c, node->first, node->name);
    }
}

void expr_has(struct expr_compile *c, struct expr_node *node)
{
    /* has(task.purpose) asks for a variable when that is declared with its dots, else for a member. */
    struct expr_node select = *node;
    select.kind = EXPR_SELECT;
    struct sunder_str name =
        sunder_str_absent(node->name) ? (struct sunder_str){0} : dotted(c, &select);
    uint32_t slot = sunder_str_absent(name) ? c->schema->variable_count : variable_of(c, name);
    if (slot < c->schema->variable_count) {
        become_variable(c, &select, slot);
        node->first->kind = EXPR_VARIABLE;
        node->first->slot = slot;
        node->name = (struct sunder_str){0};
    } else {
        expr_check_node(c, node->first);
    }
    if (c->err == SUNDER_OK && !sunder_str_absent(node->name)) {
        (void)member_type(c, node);
    } else if (c->err == SUNDER_OK && node->first->kind != EXPR_VARIABLE) {
        EXPR_FAIL(c, node->first->offset, S("`has` asks for a field, as in `has(args.total)`"));
    }
    node->type = &expr_types[EXPR_TYPE_BOOL];
}
