#include "engine/expr/expr.h"

#include "engine/base/decimal.h"
#include "engine/base/must.h"
#include "engine/expr/expr_compile.h"
#include "engine/expr/expr_facts.h"
#include "engine/expr/expr_watch.h"
#include "engine/model/limits.h"

_Static_assert(SUNDER_FIELD_COUNT < 64, "a sunder_field_set has a bit for each field");

struct sunder_expr {
    struct expr_compiled of;
    enum sunder_type wanted;
};

static const struct expr_type strings = {
    .kind = EXPR_TYPE_LIST, .a = &expr_types[EXPR_TYPE_STRING]};
static const struct expr_type json_object = {
    .kind = EXPR_TYPE_MAP, .a = &expr_types[EXPR_TYPE_STRING], .b = &expr_types[EXPR_TYPE_DYN]};

/* By SUNDER_TYPE_ of a field: its type, the bound of a text or list, and that of the elements. */
#define FIELD_STRING &expr_types[EXPR_TYPE_STRING], SUNDER_IDENTIFIER_BYTES_MAX, 0
#define FIELD_DECIMAL &expr_types[EXPR_TYPE_DECIMAL], 0, 0
#define FIELD_INT &expr_types[EXPR_TYPE_INT], 0, 0
#define FIELD_TIMESTAMP &expr_types[EXPR_TYPE_TIMESTAMP], 0, 0
#define FIELD_STRINGS &strings, SUNDER_EXPR_LIST_SIZE, SUNDER_IDENTIFIER_BYTES_MAX
#define FIELD_ANY &json_object, SUNDER_EXPR_LIST_SIZE, SUNDER_EXPR_ARG_BYTES
#define FIELD_HISTORY &expr_types[EXPR_TYPE_HISTORY], 0, 0

static const struct expr_variable fields[SUNDER_FIELD_COUNT] = {
#define FIELD_VARIABLE(code, name, type)                                                           \
    [SUNDER_FIELD_##code] = {{name, sizeof(name) - 1}, FIELD_##type},
    SUNDER_FIELD_LIST(FIELD_VARIABLE)
#undef FIELD_VARIABLE
};

struct sunder_str sunder_field_name(enum sunder_field field)
{
    SUNDER_MUST(field < SUNDER_FIELD_COUNT);
    return fields[field].name;
}

static const struct expr_type *type_wanted(enum sunder_type wanted)
{
    switch (wanted) {
    case SUNDER_TYPE_STRING:
        return &expr_types[EXPR_TYPE_STRING];
    case SUNDER_TYPE_DECIMAL:
        return &expr_types[EXPR_TYPE_NUMBER];
    case SUNDER_TYPE_BOOL:
        return &expr_types[EXPR_TYPE_BOOL];
    case SUNDER_TYPE_STRINGS:
        return &strings;
    case SUNDER_TYPE_ANY:
    case SUNDER_TYPE_INT:
    case SUNDER_TYPE_TIMESTAMP:
    case SUNDER_TYPE_HISTORY:
        break;
    }
    return NULL;
}

enum sunder_err sunder_expr_compile(struct sunder_arena *arena,
    struct sunder_str source,
    const struct sunder_expr_want *want,
    struct sunder_expr **ret_expr,
    struct sunder_expr_error *ret_error)
{
    SUNDER_MUST(source.at != NULL);
    const struct expr_schema schema = {.variables = fields,
        .variable_count = SUNDER_FIELD_COUNT,
        .policy = true,
        .check = true,
        .allowed = want->allowed,
        .loops_max = SUNDER_EXPR_LOOPS_MAX,
        .units_max = SUNDER_EXPR_UNITS_MAX,
        .regex = want->regex};
    struct expr_compile c = {
        .arena = arena, .source = source, .schema = &schema, .error = ret_error};
    struct sunder_expr *expr = SUNDER_ARENA_NEW(arena, struct sunder_expr, 1);
    if (expr == NULL) {
        expr_fail_full(&c);
        return c.err;
    }
    expr_begin(&c);
    expr_compile_all(&c, type_wanted(want->type), &expr->of);
    expr->wanted = want->type;
    if (c.err == SUNDER_OK) {
        *ret_expr = expr;
    }
    return c.err;
}

sunder_field_set sunder_expr_reads(const struct sunder_expr *expr)
{
    return expr->of.reads;
}

struct sunder_str sunder_expr_source(const struct sunder_expr *expr)
{
    return expr->of.source;
}

bool sunder_expr_is_field(const struct sunder_expr *expr, enum sunder_field field)
{
    return expr->of.field == field;
}

const struct sunder_history_call *sunder_expr_history_calls(
    const struct sunder_expr *expr, uint32_t *ret_count)
{
    *ret_count = expr->of.program.call_count;
    return expr->of.program.calls;
}

const struct sunder_expr_guard *sunder_expr_guards(
    const struct sunder_expr *expr, uint32_t *ret_count)
{
    *ret_count = expr->of.guards.count;
    return expr->of.guards.at;
}

bool sunder_expr_guard_fits(const struct sunder_expr_guard *guard, struct sunder_str value)
{
    for (uint32_t i = 0; i < guard->count; i++) {
        if (guard->prefix ? sunder_str_starts_with(value, guard->values[i])
                          : sunder_str_equal(value, guard->values[i])) {
            return true;
        }
    }
    return false;
}

const struct sunder_expr_cost *sunder_expr_cost(const struct sunder_expr *expr)
{
    return &expr->of.cost;
}

const struct sunder_expr_span *sunder_expr_conjuncts(
    const struct sunder_expr *expr, uint32_t *ret_count)
{
    *ret_count = expr->of.conjuncts.count;
    return expr->of.conjuncts.at;
}

const struct sunder_expr_lack *sunder_expr_lacks(
    const struct sunder_expr *expr, uint32_t *ret_count)
{
    *ret_count = expr->of.lacks.count;
    return expr->of.lacks.at;
}

bool sunder_expr_is_inexact(const struct sunder_expr *expr, uint32_t *ret_offset)
{
    *ret_offset = expr->of.inexact_offset;
    return expr->of.inexact;
}

static const char *to_value(const struct sunder_cel_value *from,
    struct sunder_arena *arena,
    struct sunder_value *ret_value);

static const char *to_list(
    const struct sunder_cel_value *from, struct sunder_arena *arena, struct sunder_value *ret_value)
{
    *ret_value = (struct sunder_value){
        .kind = SUNDER_VALUE_LIST, .count = from->count, .items = from->json_items};
    if (from->json) {
        return NULL;
    }
    struct sunder_value *items = SUNDER_ARENA_NEW(arena, struct sunder_value, from->count);
    const char *fault = NULL;
    for (uint32_t i = 0; items != NULL && i < from->count && fault == NULL; i++) {
        fault = to_value(&from->items[i], arena, &items[i]);
    }
    ret_value->items = items;
    return fault; /* items == NULL: the caller sees that. */
}

/* Recursion: the depth of an event or of the expression. */
static const char *to_value(
    const struct sunder_cel_value *from, struct sunder_arena *arena, struct sunder_value *ret_value)
{
    int64_t micro = from->integer;
    switch (from->kind) {
    case SUNDER_CEL_NULL:
        *ret_value = (struct sunder_value){.kind = SUNDER_VALUE_NULL};
        return NULL;
    case SUNDER_CEL_BOOL:
        *ret_value =
            (struct sunder_value){.kind = SUNDER_VALUE_BOOL, .boolean = from->integer != 0};
        return NULL;
    case SUNDER_CEL_STRING:
        *ret_value = (struct sunder_value){.kind = SUNDER_VALUE_STRING, .text = expr_text(from)};
        return NULL;
    case SUNDER_CEL_INT:
        if (__builtin_mul_overflow(from->integer, SUNDER_DECIMAL_ONE, &micro)) {
            return "the number is too large; `string(x)` makes a text of it";
        }
        *ret_value =
            (struct sunder_value){.kind = SUNDER_VALUE_NUMBER, .exact = true, .micro = micro};
        return NULL;
    case SUNDER_CEL_DECIMAL:
        *ret_value =
            (struct sunder_value){.kind = SUNDER_VALUE_NUMBER, .exact = true, .micro = micro};
        return NULL;
    case SUNDER_CEL_LIST:
        return to_list(from, arena, ret_value);
    case SUNDER_CEL_MAP:
        *ret_value = (struct sunder_value){
            .kind = SUNDER_VALUE_MAP, .count = from->count, .members = from->json_members};
        return from->json ? NULL : "a map made here is no result";
    default:
        return "a value of such a type is no result";
    }
}

/* True when a value is of the wanted type. */
static bool value_is(const struct sunder_value *value, enum sunder_type wanted)
{
    switch (wanted) {
    case SUNDER_TYPE_STRING:
        return value->kind == SUNDER_VALUE_STRING;
    case SUNDER_TYPE_DECIMAL:
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
    case SUNDER_TYPE_INT:
    case SUNDER_TYPE_TIMESTAMP:
    case SUNDER_TYPE_HISTORY:
        break;
    }
    return true;
}

static enum sunder_err eval(const struct sunder_expr *expr,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    struct sunder_value *ret_value,
    struct sunder_expr_fault *ret_fault)
{
    const struct expr_input input = {.env = env, .arena = arena};
    struct sunder_cel_value result;
    struct sunder_value value = {0};
    enum sunder_err err = expr_run(&expr->of.program, &input, &result, ret_fault);
    if (err != SUNDER_OK) {
        return err;
    }
    const char *fault = to_value(&result, arena, &value);
    if (value.kind == SUNDER_VALUE_LIST && value.items == NULL && value.count != 0) {
        return SUNDER_ERR_FULL;
    }
    if (fault == NULL && !value_is(&value, expr->wanted)) {
        fault = expr_fault_no_overload;
    }
    if (fault != NULL) {
        *ret_fault = (struct sunder_expr_fault){.text = fault};
        return SUNDER_ERR_INVALID;
    }
    *ret_value = value;
    return SUNDER_OK;
}

/* An error that is not the expression's own ends the judgement, and is nobody's news. */
static void tell(const struct sunder_expr *expr,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    enum sunder_err err,
    const struct sunder_value *value)
{
    if (err == SUNDER_OK || err == SUNDER_ERR_INVALID) {
        env->watch->seen(env->watch->ctx, expr, env, arena, err == SUNDER_OK ? value : NULL);
    }
}

enum sunder_err sunder_expr_eval_fault(const struct sunder_expr *expr,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    struct sunder_value *ret_value,
    struct sunder_expr_fault *ret_fault)
{
    enum sunder_err err = eval(expr, env, arena, ret_value, ret_fault);
    if (env->watch != NULL) {
        tell(expr, env, arena, err, ret_value);
    }
    return err;
}

enum sunder_err sunder_expr_eval(const struct sunder_expr *expr,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    struct sunder_value *ret_value)
{
    struct sunder_expr_fault fault;
    return sunder_expr_eval_fault(expr, env, arena, ret_value, &fault);
}

bool sunder_expr_holds(const struct sunder_expr *expr,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    bool *ret_error)
{
    const struct expr_input input = {.env = env, .arena = arena};
    struct sunder_cel_value result = {0};
    enum sunder_err err = expr_run(&expr->of.program, &input, &result, NULL);
    bool error = err != SUNDER_OK || result.kind != SUNDER_CEL_BOOL;
    if (ret_error != NULL) {
        *ret_error = error;
    }
    bool holds = !error && result.integer != 0;
    if (env->watch != NULL) {
        struct sunder_value value = {.kind = SUNDER_VALUE_BOOL, .boolean = holds};
        tell(expr, env, arena, error ? SUNDER_ERR_INVALID : SUNDER_OK, &value);
    }
    return holds;
}
