#include "engine/expr/expr.h"

#include "engine/base/must.h"
#include "engine/expr/cel.h"
#include "engine/expr/expr_facts.h"
#include "engine/expr/expr_node.h"
#include "engine/model/limits.h"

_Static_assert(SUNDER_FIELD_COUNT < 64, "a sunder_field_set has a bit for each field");

const struct sunder_str expr_field_names[SUNDER_FIELD_COUNT] = {
#define FIELD_NAME(code, name, type) [SUNDER_FIELD_##code] = {name, sizeof(name) - 1},
    SUNDER_FIELD_LIST(FIELD_NAME)
#undef FIELD_NAME
};

struct sunder_str sunder_field_name(enum sunder_field field)
{
    SUNDER_MUST(field < SUNDER_FIELD_COUNT);
    return expr_field_names[field];
}

/* Fields that the evaluator cannot read yet. */
static const sunder_field_set later_fields =
    SUNDER_FIELD_BIT(SUNDER_FIELD_DELEGATION) | SUNDER_FIELD_BIT(SUNDER_FIELD_DUTIES) |
    SUNDER_FIELD_BIT(SUNDER_FIELD_NOW) | SUNDER_FIELD_BIT(SUNDER_FIELD_HISTORY);

enum sunder_field expr_field_of(struct sunder_str name)
{
    for (uint32_t i = 0; i < SUNDER_FIELD_COUNT; i++) {
        if (sunder_str_equal(expr_field_names[i], name) &&
            (later_fields & SUNDER_FIELD_BIT(i)) == 0) {
            return (enum sunder_field)i;
        }
    }
    return SUNDER_FIELD_COUNT;
}

void expr_fail(struct expr_compile *c,
    enum sunder_err err,
    uint32_t offset,
    const struct sunder_str *parts,
    uint32_t count)
{
    if (c->err != SUNDER_OK) {
        return;
    }
    c->err = err;
    c->error->offset = offset;
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        size_t room = sizeof(c->error->text) - 1 - at;
        size_t len = parts[i].len < room ? parts[i].len : room;
        memcpy(c->error->text + at, parts[i].at, len);
        at += len;
    }
    c->error->text[at] = '\0';
}

static struct sunder_expr *compile(struct expr_compile *c, enum sunder_type wanted)
{
    if (c->source.len > SUNDER_EXPR_CHARS_MAX) {
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            SUNDER_EXPR_CHARS_MAX,
            SUNDER_STR("the expression is longer than 4096 bytes"));
        return NULL;
    }
    c->source = sunder_str_copy(c->arena, c->source);
    struct sunder_expr *expr = SUNDER_ARENA_NEW(c->arena, struct sunder_expr, 1);
    if (expr == NULL || sunder_str_absent(c->source)) {
        EXPR_FAIL(c, SUNDER_ERR_FULL, 0, SUNDER_STR("no memory is left for the policy"));
        return NULL;
    }
    struct expr_node *root = expr_parse(c);
    if (root == NULL) {
        return NULL;
    }
    expr_check(c, root);
    expr_check_wanted(c, root, wanted);
    *expr = (struct sunder_expr){
        .source = c->source, .reads = c->reads, .wanted = wanted, .root = root};
    expr->cost.units = c->nodes;
    expr->whole.len = c->source.len;
    return expr;
}

enum sunder_err sunder_expr_compile(struct sunder_arena *arena,
    struct sunder_str source,
    const struct sunder_expr_want *want,
    struct sunder_expr **ret_expr,
    struct sunder_expr_error *ret_error)
{
    SUNDER_MUST(source.at != NULL);
    struct expr_compile c = {
        .arena = arena, .source = source, .allowed = want->allowed, .error = ret_error};
    struct sunder_expr *expr = compile(&c, want->type);
    if (c.err != SUNDER_OK) {
        return c.err;
    }
    SUNDER_MUST(expr != NULL);
    *ret_expr = expr;
    return SUNDER_OK;
}

sunder_field_set sunder_expr_reads(const struct sunder_expr *expr)
{
    return expr->reads;
}

struct sunder_str sunder_expr_source(const struct sunder_expr *expr)
{
    return expr->source;
}

bool sunder_expr_is_field(const struct sunder_expr *expr, enum sunder_field field)
{
    const struct expr_node *root = expr->root;
    return root->op == EXPR_OP_FIELD && root->field == field && root->path == NULL;
}

enum sunder_err sunder_expr_eval(const struct sunder_expr *expr,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    struct sunder_value *ret_value)
{
    struct sunder_value value = {0};
    enum sunder_err err = expr_eval_node(expr->root, env, arena, &value);
    if (err != SUNDER_OK) {
        return err;
    }
    if (!expr_value_is(&value, expr->wanted)) {
        return SUNDER_ERR_INVALID;
    }
    *ret_value = value;
    return SUNDER_OK;
}

bool sunder_expr_holds(const struct sunder_expr *expr,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    bool *ret_error)
{
    struct sunder_value value = {0};
    enum sunder_err err = sunder_expr_eval(expr, env, arena, &value);
    bool error = err != SUNDER_OK || value.kind != SUNDER_VALUE_BOOL;
    if (ret_error != NULL) {
        *ret_error = error;
    }
    return !error && value.boolean;
}

/* The evaluator has no calls of the history, no guards and no faults with a place yet. */
const struct sunder_history_call *sunder_expr_history_calls(
    const struct sunder_expr *expr, uint32_t *ret_count)
{
    (void)expr;
    *ret_count = 0;
    return NULL;
}

const struct sunder_expr_guard *sunder_expr_guards(
    const struct sunder_expr *expr, uint32_t *ret_count)
{
    (void)expr;
    *ret_count = 0;
    return NULL;
}

const struct sunder_expr_cost *sunder_expr_cost(const struct sunder_expr *expr)
{
    return &expr->cost;
}

const struct sunder_expr_span *sunder_expr_conjuncts(
    const struct sunder_expr *expr, uint32_t *ret_count)
{
    *ret_count = 1;
    return &expr->whole;
}

enum sunder_err sunder_expr_eval_fault(const struct sunder_expr *expr,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    struct sunder_value *ret_value,
    struct sunder_expr_fault *ret_fault)
{
    enum sunder_err err = sunder_expr_eval(expr, env, arena, ret_value);
    if (err == SUNDER_ERR_INVALID) {
        *ret_fault = (struct sunder_expr_fault){.text = "the expression errors"};
    }
    return err;
}
