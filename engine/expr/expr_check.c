#include "engine/base/must.h"
#include "engine/expr/expr_node.h"
#include "engine/model/limits.h"

#define S SUNDER_STR

static struct sunder_str type_name(enum expr_type type)
{
    static const struct sunder_str names[] = {
        [EXPR_TYPE_STRING] = EXPR_WORD("a string"),
        [EXPR_TYPE_NUMBER] = EXPR_WORD("a number"),
        [EXPR_TYPE_BOOL] = EXPR_WORD("true or false"),
        [EXPR_TYPE_STRINGS] = EXPR_WORD("a list of strings"),
        [EXPR_TYPE_NUMBERS] = EXPR_WORD("a list of numbers"),
        [EXPR_TYPE_LIST] = EXPR_WORD("a list"),
        [EXPR_TYPE_ANY] = EXPR_WORD("anything"),
    };
    return names[type];
}

static bool is_list(enum expr_type type)
{
    return type == EXPR_TYPE_STRINGS || type == EXPR_TYPE_NUMBERS || type == EXPR_TYPE_LIST;
}

/* Can a value be of both types? */
static bool meet(enum expr_type a, enum expr_type b)
{
    if (a == b || a == EXPR_TYPE_ANY || b == EXPR_TYPE_ANY) {
        return true;
    }
    return is_list(a) && is_list(b) && (a == EXPR_TYPE_LIST || b == EXPR_TYPE_LIST);
}

static enum expr_type element_of(enum expr_type list)
{
    if (list == EXPR_TYPE_STRINGS) {
        return EXPR_TYPE_STRING;
    }
    return list == EXPR_TYPE_NUMBERS ? EXPR_TYPE_NUMBER : EXPR_TYPE_ANY;
}

static void need(struct expr_compile *c,
    const struct expr_node *node,
    enum expr_type type,
    struct sunder_str what)
{
    if (!meet(node->type, type)) {
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            node->offset,
            what,
            S(" wants "),
            type_name(type),
            S(", and this is "),
            type_name(node->type));
    }
}

static void need_all(struct expr_compile *c,
    const struct expr_node *node,
    enum expr_type type,
    struct sunder_str what)
{
    for (const struct expr_node *child = node->first; child != NULL; child = child->next) {
        need(c, child, type, what);
    }
}

static enum expr_type field_type(const struct expr_node *node)
{
    static const enum sunder_type types[SUNDER_FIELD_COUNT] = {
#define FIELD_TYPE(code, name, type) [SUNDER_FIELD_##code] = SUNDER_TYPE_##type,
        SUNDER_FIELD_LIST(FIELD_TYPE)
#undef FIELD_TYPE
    };
    if (node->path != NULL) {
        return EXPR_TYPE_ANY;
    }
    switch (types[node->field]) {
    case SUNDER_TYPE_STRING:
        return EXPR_TYPE_STRING;
    case SUNDER_TYPE_DECIMAL:
    case SUNDER_TYPE_INT:
        return EXPR_TYPE_NUMBER;
    case SUNDER_TYPE_BOOL:
        return EXPR_TYPE_BOOL;
    case SUNDER_TYPE_STRINGS:
        return EXPR_TYPE_STRINGS;
    case SUNDER_TYPE_ANY:
    case SUNDER_TYPE_TIMESTAMP:
    case SUNDER_TYPE_HISTORY:
        return EXPR_TYPE_ANY;
    }
    return EXPR_TYPE_ANY;
}

static enum expr_type literal_type(const struct sunder_value *value)
{
    switch (value->kind) {
    case SUNDER_VALUE_BOOL:
        return EXPR_TYPE_BOOL;
    case SUNDER_VALUE_NUMBER:
        return EXPR_TYPE_NUMBER;
    case SUNDER_VALUE_STRING:
        return EXPR_TYPE_STRING;
    case SUNDER_VALUE_LIST:
        return EXPR_TYPE_LIST;
    case SUNDER_VALUE_ABSENT:
    case SUNDER_VALUE_NULL:
    case SUNDER_VALUE_MAP:
        break;
    }
    return EXPR_TYPE_ANY;
}

/* A list of literals is known now; its elements are then compared without being built at each event. */
static void fold_list(struct expr_compile *c, struct expr_node *list)
{
    for (const struct expr_node *child = list->first; child != NULL; child = child->next) {
        if (child->op != EXPR_OP_LITERAL) {
            return;
        }
    }
    struct sunder_value *items = SUNDER_ARENA_NEW(c->arena, struct sunder_value, list->count);
    if (items == NULL && list->count != 0) {
        EXPR_FAIL(c, SUNDER_ERR_FULL, list->offset, S("no memory is left for the policy"));
        return;
    }
    uint32_t i = 0;
    for (const struct expr_node *child = list->first; child != NULL; child = child->next) {
        items[i] = child->value;
        i += 1;
    }
    list->value =
        (struct sunder_value){.kind = SUNDER_VALUE_LIST, .count = list->count, .items = items};
    list->op = EXPR_OP_LITERAL;
    list->first = NULL;
}

static enum expr_type check_list(struct expr_compile *c, struct expr_node *node)
{
    enum expr_type type = EXPR_TYPE_LIST;
    if (node->first != NULL && node->first->type == EXPR_TYPE_STRING) {
        type = EXPR_TYPE_STRINGS;
    } else if (node->first != NULL && node->first->type == EXPR_TYPE_NUMBER) {
        type = EXPR_TYPE_NUMBERS;
    }
    for (const struct expr_node *child = node->first; child != NULL; child = child->next) {
        if (type != EXPR_TYPE_LIST && child->type != element_of(type)) {
            type = EXPR_TYPE_LIST;
        }
    }
    fold_list(c, node);
    return type;
}

static enum expr_type check_equal(struct expr_compile *c, const struct expr_node *node)
{
    const struct expr_node *a = node->first;
    const struct expr_node *b = a->next;
    if (!meet(a->type, b->type)) {
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            node->offset,
            type_name(a->type),
            S(" never equals "),
            type_name(b->type));
    }
    return EXPR_TYPE_BOOL;
}

static enum expr_type check_order(struct expr_compile *c, const struct expr_node *node)
{
    const struct expr_node *a = node->first;
    const struct expr_node *b = a->next;
    for (const struct expr_node *side = a; side != NULL; side = side->next) {
        if (!meet(side->type, EXPR_TYPE_NUMBER) && !meet(side->type, EXPR_TYPE_STRING)) {
            EXPR_FAIL(c,
                SUNDER_ERR_INVALID,
                side->offset,
                S("only numbers and strings have an order, and this is "),
                type_name(side->type));
            return EXPR_TYPE_BOOL;
        }
    }
    if (!meet(a->type, b->type)) {
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            node->offset,
            type_name(a->type),
            S(" cannot be compared with "),
            type_name(b->type));
    }
    return EXPR_TYPE_BOOL;
}

static enum expr_type check_in(struct expr_compile *c, const struct expr_node *node)
{
    const struct expr_node *item = node->first;
    const struct expr_node *list = item->next;
    if (list->type != EXPR_TYPE_ANY && !is_list(list->type)) {
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            list->offset,
            S("`in` wants a list, and this is "),
            type_name(list->type));
    } else if (!meet(item->type, element_of(list->type))) {
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            node->offset,
            type_name(item->type),
            S(" is never in "),
            type_name(list->type));
    }
    return EXPR_TYPE_BOOL;
}

static enum expr_type check_add(struct expr_compile *c, const struct expr_node *node)
{
    enum expr_type type = EXPR_TYPE_ANY;
    for (const struct expr_node *child = node->first; child != NULL; child = child->next) {
        if (!meet(child->type, EXPR_TYPE_STRING) && !meet(child->type, EXPR_TYPE_NUMBER)) {
            EXPR_FAIL(c,
                SUNDER_ERR_INVALID,
                child->offset,
                S("`+` adds numbers or joins strings, and this is "),
                type_name(child->type));
            return type;
        }
        if (!meet(child->type, type)) {
            EXPR_FAIL(c,
                SUNDER_ERR_INVALID,
                child->offset,
                S("`+` wants "),
                type_name(type),
                S(" here too, and this is "),
                type_name(child->type),
                S("; `string(x)` makes a string"));
            return type;
        }
        if (type == EXPR_TYPE_ANY) {
            type = child->type;
        }
    }
    return type;
}

static enum expr_type check_choice(struct expr_compile *c, const struct expr_node *node)
{
    const struct expr_node *yes = node->first->next;
    const struct expr_node *no = yes->next;
    need(c, node->first, EXPR_TYPE_BOOL, S("the condition before `?`"));
    if (!meet(yes->type, no->type)) {
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            node->offset,
            S("`? :` gives "),
            type_name(yes->type),
            S(" or "),
            type_name(no->type),
            S("; both must be of one type"));
    }
    if (yes->type == no->type) {
        return yes->type;
    }
    return is_list(yes->type) && is_list(no->type) ? EXPR_TYPE_LIST : EXPR_TYPE_ANY;
}

static enum expr_type check_size(struct expr_compile *c, const struct expr_node *node)
{
    const struct expr_node *of = node->first;
    bool sized = of->type == EXPR_TYPE_ANY || of->type == EXPR_TYPE_STRING || is_list(of->type);
    if (!sized) {
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            of->offset,
            S("`size` wants a string or a list, and this is "),
            type_name(of->type));
    }
    return EXPR_TYPE_NUMBER;
}

static enum expr_type check_string(struct expr_compile *c, const struct expr_node *node)
{
    if (is_list(node->first->type)) {
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            node->first->offset,
            S("`string` wants a string, a number or a bool, and this is "),
            type_name(node->first->type));
    }
    return EXPR_TYPE_STRING;
}

static enum expr_type check_node(struct expr_compile *c, struct expr_node *node)
{
    switch (node->op) {
    case EXPR_OP_LITERAL:
        return literal_type(&node->value);
    case EXPR_OP_FIELD:
        return field_type(node);
    case EXPR_OP_HAS:
        return EXPR_TYPE_BOOL;
    case EXPR_OP_NOT:
        need_all(c, node, EXPR_TYPE_BOOL, S("`!`"));
        return EXPR_TYPE_BOOL;
    case EXPR_OP_AND:
        need_all(c, node, EXPR_TYPE_BOOL, S("`&&`"));
        return EXPR_TYPE_BOOL;
    case EXPR_OP_OR:
        need_all(c, node, EXPR_TYPE_BOOL, S("`||`"));
        return EXPR_TYPE_BOOL;
    case EXPR_OP_ADD:
        return check_add(c, node);
    case EXPR_OP_EQUAL:
    case EXPR_OP_UNEQUAL:
        return check_equal(c, node);
    case EXPR_OP_LESS:
    case EXPR_OP_LESS_EQUAL:
    case EXPR_OP_GREATER:
    case EXPR_OP_GREATER_EQUAL:
        return check_order(c, node);
    case EXPR_OP_IN:
        return check_in(c, node);
    case EXPR_OP_CHOICE:
        return check_choice(c, node);
    case EXPR_OP_LIST:
        return check_list(c, node);
    case EXPR_OP_SIZE:
        return check_size(c, node);
    case EXPR_OP_STRING:
        return check_string(c, node);
    case EXPR_OP_STARTS_WITH:
        need_all(c, node, EXPR_TYPE_STRING, S("`startsWith`"));
        return EXPR_TYPE_BOOL;
    case EXPR_OP_ENDS_WITH:
        need_all(c, node, EXPR_TYPE_STRING, S("`endsWith`"));
        return EXPR_TYPE_BOOL;
    case EXPR_OP_CONTAINS:
        need_all(c, node, EXPR_TYPE_STRING, S("`contains`"));
        return EXPR_TYPE_BOOL;
    case EXPR_OP_LOWER:
        need_all(c, node, EXPR_TYPE_STRING, S("`lowerAscii`"));
        return EXPR_TYPE_STRING;
    case EXPR_OP_UPPER:
        need_all(c, node, EXPR_TYPE_STRING, S("`upperAscii`"));
        return EXPR_TYPE_STRING;
    }
    return EXPR_TYPE_ANY;
}

/* Recursion: at most SUNDER_EXPR_DEPTH_MAX, which the parser holds. */
void expr_check(struct expr_compile *c, struct expr_node *node)
{
    SUNDER_MUST(node->height <= SUNDER_EXPR_DEPTH_MAX);
    for (struct expr_node *child = node->first; child != NULL; child = child->next) {
        expr_check(c, child);
    }
    node->type = check_node(c, node);
}

static enum expr_type type_wanted(enum sunder_type wanted)
{
    switch (wanted) {
    case SUNDER_TYPE_STRING:
        return EXPR_TYPE_STRING;
    case SUNDER_TYPE_DECIMAL:
    case SUNDER_TYPE_INT:
        return EXPR_TYPE_NUMBER;
    case SUNDER_TYPE_BOOL:
        return EXPR_TYPE_BOOL;
    case SUNDER_TYPE_STRINGS:
        return EXPR_TYPE_STRINGS;
    case SUNDER_TYPE_ANY:
    case SUNDER_TYPE_TIMESTAMP:
    case SUNDER_TYPE_HISTORY:
        return EXPR_TYPE_ANY;
    }
    return EXPR_TYPE_ANY;
}

void expr_check_wanted(
    struct expr_compile *c, const struct expr_node *root, enum sunder_type wanted)
{
    enum expr_type type = type_wanted(wanted);
    if (!meet(root->type, type)) {
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            0,
            S("this expression must give "),
            type_name(type),
            S(", and gives "),
            type_name(root->type));
    }
}

bool expr_value_is(const struct sunder_value *value, enum sunder_type wanted)
{
    switch (wanted) {
    case SUNDER_TYPE_STRING:
        return value->kind == SUNDER_VALUE_STRING;
    case SUNDER_TYPE_DECIMAL:
    case SUNDER_TYPE_INT:
        return value->kind == SUNDER_VALUE_NUMBER;
    case SUNDER_TYPE_BOOL:
        return value->kind == SUNDER_VALUE_BOOL;
    case SUNDER_TYPE_STRINGS:
        for (uint32_t i = 0; value->kind == SUNDER_VALUE_LIST && i < value->count; i++) {
            if (value->items[i].kind != SUNDER_VALUE_STRING) {
                return false;
            }
        }
        return value->kind == SUNDER_VALUE_LIST;
    case SUNDER_TYPE_ANY:
    case SUNDER_TYPE_TIMESTAMP:
    case SUNDER_TYPE_HISTORY:
        break;
    }
    return true;
}
