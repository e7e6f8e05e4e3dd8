#include "engine/base/must.h"
#include "engine/expr/expr_node.h"

/* What a comparison found. UNKNOWN: a number in it is not exact, so the comparison errors. */
enum equality {
    EQUALITY_DIFFERENT,
    EQUALITY_EQUAL,
    EQUALITY_UNKNOWN,
};

static struct sunder_value bool_of(bool boolean)
{
    return (struct sunder_value){.kind = SUNDER_VALUE_BOOL, .boolean = boolean};
}

static enum equality equal_values(const struct sunder_value *a, const struct sunder_value *b);

/* A difference decides even beside an unknown, as false does in `&&`. */
static enum equality equal_lists(const struct sunder_value *a, const struct sunder_value *b)
{
    enum equality all = EQUALITY_EQUAL;
    if (a->count != b->count) {
        return EQUALITY_DIFFERENT;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        enum equality one = equal_values(&a->items[i], &b->items[i]);
        if (one == EQUALITY_DIFFERENT) {
            return EQUALITY_DIFFERENT;
        }
        all = one == EQUALITY_UNKNOWN ? EQUALITY_UNKNOWN : all;
    }
    return all;
}

static enum equality equal_maps(const struct sunder_value *a, const struct sunder_value *b)
{
    enum equality all = EQUALITY_EQUAL;
    if (a->count != b->count) {
        return EQUALITY_DIFFERENT;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        if (!sunder_str_equal(a->members[i].name, b->members[i].name)) {
            return EQUALITY_DIFFERENT; /* Members are sorted. */
        }
        enum equality one = equal_values(&a->members[i].value, &b->members[i].value);
        if (one == EQUALITY_DIFFERENT) {
            return EQUALITY_DIFFERENT;
        }
        all = one == EQUALITY_UNKNOWN ? EQUALITY_UNKNOWN : all;
    }
    return all;
}

static enum equality equality_of(bool equal)
{
    return equal ? EQUALITY_EQUAL : EQUALITY_DIFFERENT;
}

/* Values of different kinds differ. Recursion: the depth of an event, SUNDER_EVENT_DEPTH_MAX, or of the expression. */
static enum equality equal_values(const struct sunder_value *a, const struct sunder_value *b)
{
    if (a->kind != b->kind) {
        return EQUALITY_DIFFERENT;
    }
    switch (a->kind) {
    case SUNDER_VALUE_ABSENT:
    case SUNDER_VALUE_NULL:
        return EQUALITY_EQUAL;
    case SUNDER_VALUE_BOOL:
        return equality_of(a->boolean == b->boolean);
    case SUNDER_VALUE_NUMBER:
        if (!a->exact || !b->exact) {
            return EQUALITY_UNKNOWN;
        }
        return equality_of(a->micro == b->micro);
    case SUNDER_VALUE_STRING:
        return equality_of(sunder_str_equal(a->text, b->text));
    case SUNDER_VALUE_LIST:
        return equal_lists(a, b);
    case SUNDER_VALUE_MAP:
        return equal_maps(a, b);
    }
    return EQUALITY_UNKNOWN;
}

/* The value of a field or of a member of args; NULL when it is not there. A JSON null is not there either. */
static const struct sunder_value *look_up(
    const struct expr_node *node, const struct sunder_expr_env *env)
{
    const struct sunder_value *value = &env->fields[node->field];
    for (const struct expr_member *member = node->path; member != NULL; member = member->next) {
        if (value->kind != SUNDER_VALUE_MAP) {
            return NULL;
        }
        value = sunder_value_member(value, member->name);
        if (value == NULL) {
            return NULL;
        }
    }
    bool there = value->kind != SUNDER_VALUE_ABSENT && value->kind != SUNDER_VALUE_NULL;
    return there ? value : NULL;
}

/* As in CEL, only the last step may be missing: what it would be a member of must be a map. An event without args has none. */
static enum sunder_err eval_has(
    const struct expr_node *node, const struct sunder_expr_env *env, struct sunder_value *ret_value)
{
    const struct sunder_value *value = &env->fields[node->field];
    bool none =
        value->kind == SUNDER_VALUE_ABSENT && node->path != NULL && node->path->next == NULL;
    for (const struct expr_member *member = node->path; member != NULL && !none;
         member = member->next) {
        if (value->kind != SUNDER_VALUE_MAP) {
            return SUNDER_ERR_INVALID;
        }
        value = sunder_value_member(value, member->name);
        none = value == NULL && member->next == NULL;
        if (value == NULL && !none) {
            return SUNDER_ERR_INVALID;
        }
    }
    bool there = !none && value->kind != SUNDER_VALUE_ABSENT && value->kind != SUNDER_VALUE_NULL;
    *ret_value = bool_of(there);
    return SUNDER_OK;
}

static enum sunder_err eval_field(
    const struct expr_node *node, const struct sunder_expr_env *env, struct sunder_value *ret_value)
{
    const struct sunder_value *value = look_up(node, env);
    if (value == NULL || (value->kind == SUNDER_VALUE_NUMBER && !value->exact)) {
        return SUNDER_ERR_INVALID;
    }
    *ret_value = *value;
    return SUNDER_OK;
}

/* `deciding`: false for &&, true for ||. An operand with that value decides, whatever the others are; else an error in
 * any of them is the error of the whole. FULL is ours and not the event's: it is never absorbed. */
static enum sunder_err eval_logic(const struct expr_node *node,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    struct sunder_value *ret_value)
{
    bool deciding = node->op == EXPR_OP_OR;
    enum sunder_err all = SUNDER_OK;
    for (const struct expr_node *child = node->first; child != NULL; child = child->next) {
        struct sunder_value value = {0};
        enum sunder_err err = expr_eval_node(child, env, arena, &value);
        if (err == SUNDER_ERR_FULL) {
            return err;
        }
        if (err == SUNDER_OK && value.kind != SUNDER_VALUE_BOOL) {
            err = SUNDER_ERR_INVALID;
        }
        if (err != SUNDER_OK) {
            all = err;
        } else if (value.boolean == deciding) {
            *ret_value = bool_of(deciding);
            return SUNDER_OK;
        }
    }
    if (all == SUNDER_OK) {
        *ret_value = bool_of(!deciding);
    }
    return all;
}

static enum sunder_err eval_not(const struct expr_node *node,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    struct sunder_value *ret_value)
{
    struct sunder_value value = {0};
    enum sunder_err err = expr_eval_node(node->first, env, arena, &value);
    if (err != SUNDER_OK) {
        return err;
    }
    if (value.kind != SUNDER_VALUE_BOOL) {
        return SUNDER_ERR_INVALID;
    }
    *ret_value = bool_of(!value.boolean);
    return SUNDER_OK;
}

static enum sunder_err eval_choice(const struct expr_node *node,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    struct sunder_value *ret_value)
{
    struct sunder_value condition = {0};
    enum sunder_err err = expr_eval_node(node->first, env, arena, &condition);
    if (err != SUNDER_OK) {
        return err;
    }
    if (condition.kind != SUNDER_VALUE_BOOL) {
        return SUNDER_ERR_INVALID;
    }
    const struct expr_node *yes = node->first->next;
    return expr_eval_node(condition.boolean ? yes : yes->next, env, arena, ret_value);
}

static enum sunder_err add(const struct sunder_value *a,
    const struct sunder_value *b,
    struct sunder_arena *arena,
    struct sunder_value *ret_value)
{
    if (a->kind != b->kind) {
        return SUNDER_ERR_INVALID;
    }
    if (a->kind == SUNDER_VALUE_NUMBER) {
        struct sunder_value sum = {.kind = SUNDER_VALUE_NUMBER, .exact = true};
        if (__builtin_add_overflow(a->micro, b->micro, &sum.micro)) {
            return SUNDER_ERR_INVALID;
        }
        *ret_value = sum;
        return SUNDER_OK;
    }
    if (a->kind != SUNDER_VALUE_STRING) {
        return SUNDER_ERR_INVALID;
    }
    return expr_eval_string_op(EXPR_OP_ADD, a, b, arena, ret_value);
}

/* Left to right; a chain of strings is bounded by SUNDER_EXPR_STRING_MAX at each step. */
static enum sunder_err eval_add(const struct expr_node *node,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    struct sunder_value *ret_value)
{
    struct sunder_value total = {0};
    enum sunder_err err = expr_eval_node(node->first, env, arena, &total);
    for (const struct expr_node *child = node->first->next; child != NULL && err == SUNDER_OK;
         child = child->next) {
        struct sunder_value value = {0};
        err = expr_eval_node(child, env, arena, &value);
        if (err == SUNDER_OK) {
            err = add(&total, &value, arena, &total);
        }
    }
    if (err == SUNDER_OK) {
        *ret_value = total;
    }
    return err;
}

static enum sunder_err order(
    const struct sunder_value *a, const struct sunder_value *b, int *ret_order)
{
    if (a->kind != b->kind) {
        return SUNDER_ERR_INVALID;
    }
    if (a->kind == SUNDER_VALUE_NUMBER) {
        *ret_order = (a->micro > b->micro) - (a->micro < b->micro);
        return SUNDER_OK;
    }
    if (a->kind == SUNDER_VALUE_STRING) {
        *ret_order = sunder_str_compare(a->text, b->text);
        return SUNDER_OK;
    }
    return SUNDER_ERR_INVALID;
}

static enum sunder_err compare(enum expr_op op,
    const struct sunder_value *a,
    const struct sunder_value *b,
    struct sunder_value *ret_value)
{
    if (op == EXPR_OP_EQUAL || op == EXPR_OP_UNEQUAL) {
        enum equality found = equal_values(a, b);
        if (found == EQUALITY_UNKNOWN) {
            return SUNDER_ERR_INVALID;
        }
        *ret_value = bool_of((found == EQUALITY_EQUAL) == (op == EXPR_OP_EQUAL));
        return SUNDER_OK;
    }
    int found = 0;
    enum sunder_err err = order(a, b, &found);
    if (err != SUNDER_OK) {
        return err;
    }
    bool or_equal = op == EXPR_OP_LESS_EQUAL || op == EXPR_OP_GREATER_EQUAL;
    bool less = op == EXPR_OP_LESS || op == EXPR_OP_LESS_EQUAL;
    *ret_value = bool_of((found == 0 && or_equal) || (less ? found < 0 : found > 0));
    return SUNDER_OK;
}

/* In a list: equal to one of its elements. In a map: the name of one of its members. */
static enum sunder_err in(
    const struct sunder_value *item, const struct sunder_value *of, struct sunder_value *ret_value)
{
    if (of->kind == SUNDER_VALUE_MAP && item->kind == SUNDER_VALUE_STRING) {
        const struct sunder_value *member = sunder_value_member(of, item->text);
        *ret_value = bool_of(member != NULL && member->kind != SUNDER_VALUE_NULL);
        return SUNDER_OK;
    }
    if (of->kind != SUNDER_VALUE_LIST) {
        return SUNDER_ERR_INVALID;
    }
    bool unknown = false;
    for (uint32_t i = 0; i < of->count; i++) {
        enum equality found = equal_values(item, &of->items[i]);
        if (found == EQUALITY_EQUAL) {
            *ret_value = bool_of(true);
            return SUNDER_OK;
        }
        unknown = unknown || found == EQUALITY_UNKNOWN;
    }
    if (unknown) {
        return SUNDER_ERR_INVALID;
    }
    *ret_value = bool_of(false);
    return SUNDER_OK;
}

/* Operations of one or two operands, all of which must be there. */
static enum sunder_err eval_strict(const struct expr_node *node,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    struct sunder_value *ret_value)
{
    struct sunder_value values[2] = {0};
    uint32_t count = 0;
    SUNDER_MUST(node->count == 1 || node->count == 2);
    for (const struct expr_node *child = node->first; child != NULL; child = child->next) {
        enum sunder_err err = expr_eval_node(child, env, arena, &values[count]);
        if (err != SUNDER_OK) {
            return err;
        }
        count += 1;
    }
    if (node->op >= EXPR_OP_EQUAL && node->op <= EXPR_OP_GREATER_EQUAL) {
        return compare(node->op, &values[0], &values[1], ret_value);
    }
    if (node->op == EXPR_OP_IN) {
        return in(&values[0], &values[1], ret_value);
    }
    return expr_eval_string_op(node->op, &values[0], &values[1], arena, ret_value);
}

static enum sunder_err eval_list(const struct expr_node *node,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    struct sunder_value *ret_value)
{
    struct sunder_value *items = SUNDER_ARENA_NEW(arena, struct sunder_value, node->count);
    if (items == NULL) {
        return SUNDER_ERR_FULL;
    }
    uint32_t i = 0;
    for (const struct expr_node *child = node->first; child != NULL; child = child->next) {
        enum sunder_err err = expr_eval_node(child, env, arena, &items[i]);
        if (err != SUNDER_OK) {
            return err;
        }
        i += 1;
    }
    *ret_value =
        (struct sunder_value){.kind = SUNDER_VALUE_LIST, .count = node->count, .items = items};
    return SUNDER_OK;
}

/* Recursion: at most SUNDER_EXPR_DEPTH_MAX, which the parser holds. */
enum sunder_err expr_eval_node(const struct expr_node *node,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    struct sunder_value *ret_value)
{
    switch (node->op) {
    case EXPR_OP_LITERAL:
        *ret_value = node->value;
        return SUNDER_OK;
    case EXPR_OP_FIELD:
        return eval_field(node, env, ret_value);
    case EXPR_OP_HAS:
        return eval_has(node, env, ret_value);
    case EXPR_OP_NOT:
        return eval_not(node, env, arena, ret_value);
    case EXPR_OP_AND:
    case EXPR_OP_OR:
        return eval_logic(node, env, arena, ret_value);
    case EXPR_OP_ADD:
        return eval_add(node, env, arena, ret_value);
    case EXPR_OP_CHOICE:
        return eval_choice(node, env, arena, ret_value);
    case EXPR_OP_LIST:
        return eval_list(node, env, arena, ret_value);
    case EXPR_OP_EQUAL:
    case EXPR_OP_UNEQUAL:
    case EXPR_OP_LESS:
    case EXPR_OP_LESS_EQUAL:
    case EXPR_OP_GREATER:
    case EXPR_OP_GREATER_EQUAL:
    case EXPR_OP_IN:
    case EXPR_OP_SIZE:
    case EXPR_OP_STRING:
    case EXPR_OP_STARTS_WITH:
    case EXPR_OP_ENDS_WITH:
    case EXPR_OP_CONTAINS:
    case EXPR_OP_LOWER:
    case EXPR_OP_UPPER:
        return eval_strict(node, env, arena, ret_value);
    }
    return SUNDER_ERR_INVALID;
}
