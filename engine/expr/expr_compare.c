/* Comparisons, membership, elements and sizes. */
#include "engine/expr/expr_functions.h"

typedef struct sunder_cel_value V;

/* Why a comparison decides nothing. */
static const char *undecided(struct expr_run *run)
{
    const char *fault = expr_spend(run, 0);
    return fault != NULL ? fault : "a number in it has no exact value";
}

const char *expr_eq(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)count;
    enum expr_equality found = expr_equal(run, &args[0], &args[1]);
    *ret_value = expr_bool(found == EXPR_EQUAL);
    return found == EXPR_UNDECIDED ? undecided(run) : NULL;
}

const char *expr_ne(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    const char *fault = expr_eq(run, args, count, ret_value);
    ret_value->integer = ret_value->integer == 0 ? 1 : 0;
    return fault;
}

/* An order beside a NaN is never given: *ret_order is 2 then. */
static const char *order_of(const V *args, int *ret_order)
{
    *ret_order = 2;
    if (!expr_ordered(&args[0], &args[1])) {
        return expr_fault_no_overload;
    }
    (void)expr_order(&args[0], &args[1], ret_order);
    return NULL;
}

const char *expr_lt(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    int order = 0;
    const char *fault = order_of(args, &order);
    *ret_value = expr_bool(order < 0);
    return fault;
}

const char *expr_le(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    int order = 0;
    const char *fault = order_of(args, &order);
    *ret_value = expr_bool(order <= 0);
    return fault;
}

const char *expr_gt(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    int order = 0;
    const char *fault = order_of(args, &order);
    *ret_value = expr_bool(order == 1);
    return fault;
}

const char *expr_ge(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    int order = 0;
    const char *fault = order_of(args, &order);
    *ret_value = expr_bool(order == 0 || order == 1);
    return fault;
}

/* In a list: equal to one of its elements. In a map: the key of one of its entries. */
const char *expr_in(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)count;
    V found;
    if (args[1].kind == SUNDER_CEL_MAP) {
        if (!expr_is_number(args[0].kind) && !expr_is_key(args[0].kind)) {
            return expr_fault_no_overload;
        }
        if (args[1].json && args[0].kind != SUNDER_CEL_STRING) {
            return expr_fault_no_overload;
        }
        *ret_value = expr_bool(expr_find(&args[1], &args[0], &found));
        return NULL;
    }
    if (args[1].kind != SUNDER_CEL_LIST) {
        return expr_fault_no_overload;
    }
    bool unknown = false;
    const char *fault = expr_spend(run, args[1].count);
    for (uint32_t i = 0; i < args[1].count && fault == NULL; i++) {
        V item = sunder_cel_item(&args[1], i);
        enum expr_equality equal = expr_equal(run, &args[0], &item);
        if (equal == EXPR_EQUAL) {
            *ret_value = expr_bool(true);
            return NULL;
        }
        unknown = unknown || equal == EXPR_UNDECIDED;
    }
    *ret_value = expr_bool(false);
    return fault == NULL && unknown ? undecided(run) : fault;
}

/* The position that a number means: a whole one. */
static bool position_of(const V *index, int64_t *ret_position)
{
    V as_int = *index;
    if (index->kind == SUNDER_CEL_DECIMAL) {
        as_int = expr_int(index->integer / 1000000);
    } else if (index->kind == SUNDER_CEL_DOUBLE && index->real > -1e15 && index->real < 1e15) {
        as_int = expr_int((int64_t)index->real);
    } else if (index->kind == SUNDER_CEL_UINT) {
        as_int = expr_int(index->uinteger > INT64_MAX ? INT64_MAX : (int64_t)index->uinteger);
    }
    *ret_position = as_int.integer;
    return as_int.kind == SUNDER_CEL_INT && expr_equal(NULL, &as_int, index) == EXPR_EQUAL;
}

const char *expr_index(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    V found = {0};
    if (args[0].kind == SUNDER_CEL_MAP) {
        if (!expr_is_number(args[1].kind) && !expr_is_key(args[1].kind)) {
            return expr_fault_no_overload;
        }
        if (!expr_find(&args[0], &args[1], &found)) {
            return expr_fault_absent;
        }
    } else {
        int64_t position = 0;
        if (args[0].kind != SUNDER_CEL_LIST || !position_of(&args[1], &position)) {
            return expr_fault_no_overload;
        }
        if (position < 0 || position >= args[0].count) {
            return "an index is beyond its list";
        }
        found = sunder_cel_item(&args[0], (uint32_t)position);
        if (args[0].json && found.kind == SUNDER_CEL_NULL) {
            return expr_fault_absent;
        }
    }
    *ret_value = found;
    return found.kind == SUNDER_CEL_INEXACT ? "the number has no exact value" : NULL;
}

const char *expr_size(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    switch (args[0].kind) {
    case SUNDER_CEL_STRING:
        *ret_value = expr_int(expr_characters(expr_text(&args[0])));
        return NULL;
    case SUNDER_CEL_BYTES:
    case SUNDER_CEL_LIST:
    case SUNDER_CEL_MAP:
        *ret_value = expr_int(args[0].count);
        return NULL;
    default:
        return expr_fault_no_overload;
    }
}
