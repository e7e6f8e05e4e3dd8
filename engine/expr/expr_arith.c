/* Arithmetic: exact or an error, doubles apart, which go by IEEE 754. */
#include "engine/base/decimal.h"
#include "engine/expr/expr_functions.h"

#define OVERFLOWS "the result is out of range"

typedef struct sunder_cel_value V;

static V uint_of(uint64_t value)
{
    return (V){.kind = SUNDER_CEL_UINT, .uinteger = value};
}

static V double_of(double value)
{
    return (V){.kind = SUNDER_CEL_DOUBLE, .real = value};
}

static V decimal_of(int64_t micro)
{
    return (V){.kind = SUNDER_CEL_DECIMAL, .integer = micro};
}

static bool both(const V *args, uint8_t kind)
{
    return args[0].kind == kind && args[1].kind == kind;
}

/* Decimal with decimal or int: both as millionths. False: neither such a pair; *ret_fault: an int is too large. */
static bool as_decimals(const V *args, int64_t *ret_a, int64_t *ret_b, const char **ret_fault)
{
    int64_t out[2];
    *ret_fault = NULL;
    if (args[0].kind != SUNDER_CEL_DECIMAL && args[1].kind != SUNDER_CEL_DECIMAL) {
        return false;
    }
    for (uint32_t i = 0; i < 2; i++) {
        if (args[i].kind == SUNDER_CEL_DECIMAL) {
            out[i] = args[i].integer;
        } else if (args[i].kind != SUNDER_CEL_INT) {
            return false;
        } else if (__builtin_mul_overflow(args[i].integer, SUNDER_DECIMAL_ONE, &out[i])) {
            *ret_fault = OVERFLOWS;
            return true;
        }
    }
    *ret_a = out[0];
    *ret_b = out[1];
    return true;
}

const char *expr_add(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    int64_t a = 0;
    int64_t b = 0;
    const char *fault = NULL;
    if (both(args, SUNDER_CEL_INT)) {
        *ret_value = expr_int(0);
        return __builtin_add_overflow(args[0].integer, args[1].integer, &ret_value->integer)
                   ? OVERFLOWS
                   : NULL;
    }
    if (both(args, SUNDER_CEL_STRING) || both(args, SUNDER_CEL_BYTES)) {
        return expr_concat(run, args, count, ret_value);
    }
    if (as_decimals(args, &a, &b, &fault)) {
        *ret_value = decimal_of(0);
        return fault != NULL || __builtin_add_overflow(a, b, &ret_value->integer) ? OVERFLOWS
                                                                                  : NULL;
    }
    if (both(args, SUNDER_CEL_UINT)) {
        *ret_value = uint_of(0);
        return __builtin_add_overflow(args[0].uinteger, args[1].uinteger, &ret_value->uinteger)
                   ? OVERFLOWS
                   : NULL;
    }
    if (both(args, SUNDER_CEL_DOUBLE)) {
        *ret_value = double_of(args[0].real + args[1].real);
        return NULL;
    }
    if (both(args, SUNDER_CEL_LIST)) {
        return expr_concat_lists(run, args, count, ret_value);
    }
    return expr_add_time(run, args, count, ret_value);
}

const char *expr_subtract(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    int64_t a = 0;
    int64_t b = 0;
    const char *fault = NULL;
    if (both(args, SUNDER_CEL_INT)) {
        *ret_value = expr_int(0);
        return __builtin_sub_overflow(args[0].integer, args[1].integer, &ret_value->integer)
                   ? OVERFLOWS
                   : NULL;
    }
    if (as_decimals(args, &a, &b, &fault)) {
        *ret_value = decimal_of(0);
        return fault != NULL || __builtin_sub_overflow(a, b, &ret_value->integer) ? OVERFLOWS
                                                                                  : NULL;
    }
    if (both(args, SUNDER_CEL_UINT)) {
        *ret_value = uint_of(0);
        return __builtin_sub_overflow(args[0].uinteger, args[1].uinteger, &ret_value->uinteger)
                   ? OVERFLOWS
                   : NULL;
    }
    if (both(args, SUNDER_CEL_DOUBLE)) {
        *ret_value = double_of(args[0].real - args[1].real);
        return NULL;
    }
    return expr_subtract_time(run, args, count, ret_value);
}

/* The product of millionths, when it has at most 6 decimals. */
static const char *multiply_decimals(int64_t a, int64_t b, V *ret_value)
{
    sunder_int128 product = (sunder_int128)a * b;
    sunder_int128 micro = product / SUNDER_DECIMAL_ONE;
    if (micro * SUNDER_DECIMAL_ONE != product) {
        return "the product has more than 6 decimals";
    }
    if (micro > INT64_MAX || micro < INT64_MIN) {
        return OVERFLOWS;
    }
    *ret_value = decimal_of((int64_t)micro);
    return NULL;
}

const char *expr_multiply(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    bool decimal_a = args[0].kind == SUNDER_CEL_DECIMAL;
    bool decimal_b = args[1].kind == SUNDER_CEL_DECIMAL;
    if (both(args, SUNDER_CEL_INT)) {
        *ret_value = expr_int(0);
        return __builtin_mul_overflow(args[0].integer, args[1].integer, &ret_value->integer)
                   ? OVERFLOWS
                   : NULL;
    }
    if (decimal_a && decimal_b) {
        return multiply_decimals(args[0].integer, args[1].integer, ret_value);
    }
    if ((decimal_a && args[1].kind == SUNDER_CEL_INT) ||
        (decimal_b && args[0].kind == SUNDER_CEL_INT)) {
        *ret_value = decimal_of(0);
        return __builtin_mul_overflow(args[0].integer, args[1].integer, &ret_value->integer)
                   ? OVERFLOWS
                   : NULL;
    }
    if (both(args, SUNDER_CEL_UINT)) {
        *ret_value = uint_of(0);
        return __builtin_mul_overflow(args[0].uinteger, args[1].uinteger, &ret_value->uinteger)
                   ? OVERFLOWS
                   : NULL;
    }
    if (both(args, SUNDER_CEL_DOUBLE)) {
        *ret_value = double_of(args[0].real * args[1].real);
        return NULL;
    }
    return expr_fault_no_overload;
}

/* What keeps two ints or two uints from being divided; NULL: nothing. */
static const char *division_fault(const V *args)
{
    if (!both(args, SUNDER_CEL_INT) && !both(args, SUNDER_CEL_UINT)) {
        return expr_fault_no_overload;
    }
    if (args[1].integer == 0) {
        return "a number is divided by zero";
    }
    if (args[0].kind == SUNDER_CEL_INT && args[0].integer == INT64_MIN && args[1].integer == -1) {
        return OVERFLOWS;
    }
    return NULL;
}

const char *expr_divide(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    if (both(args, SUNDER_CEL_DOUBLE)) {
        /* IEEE 754: by zero it is infinite, or no number. */
        *ret_value = double_of(args[0].real / args[1].real);
        return NULL;
    }
    const char *fault = division_fault(args);
    if (fault != NULL) {
        return fault;
    }
    *ret_value = args[0].kind == SUNDER_CEL_UINT ? uint_of(args[0].uinteger / args[1].uinteger)
                                                 : expr_int(args[0].integer / args[1].integer);
    return NULL;
}

const char *expr_modulo(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    const char *fault = division_fault(args);
    if (fault != NULL) {
        return fault;
    }
    *ret_value = args[0].kind == SUNDER_CEL_UINT ? uint_of(args[0].uinteger % args[1].uinteger)
                                                 : expr_int(args[0].integer % args[1].integer);
    return NULL;
}

const char *expr_negate(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    *ret_value = args[0];
    if (args[0].kind == SUNDER_CEL_DOUBLE) {
        ret_value->real = -args[0].real;
        return NULL;
    }
    if (args[0].kind != SUNDER_CEL_INT && args[0].kind != SUNDER_CEL_DECIMAL) {
        return expr_fault_no_overload;
    }
    return __builtin_sub_overflow((int64_t)0, args[0].integer, &ret_value->integer) ? OVERFLOWS
                                                                                    : NULL;
}

const char *expr_not(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    if (args[0].kind != SUNDER_CEL_BOOL) {
        return expr_fault_no_overload;
    }
    *ret_value = expr_bool(args[0].integer == 0);
    return NULL;
}

const char *expr_abs(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    bool negative = (args[0].kind == SUNDER_CEL_DOUBLE && args[0].real < 0) ||
                    ((args[0].kind == SUNDER_CEL_INT || args[0].kind == SUNDER_CEL_DECIMAL) &&
                        args[0].integer < 0);
    if (!expr_is_number(args[0].kind)) {
        return expr_fault_no_overload;
    }
    if (negative) {
        return expr_negate(run, args, count, ret_value);
    }
    *ret_value = args[0];
    return NULL;
}

/* The first of the equally great; sign: 1 greatest, -1 least. */
static const char *extreme(const V *args, uint32_t count, int sign, V *ret_value)
{
    const V *list = count == 1 && args[0].kind == SUNDER_CEL_LIST ? &args[0] : NULL;
    V best = {0};
    count = list == NULL ? count : list->count;
    for (uint32_t i = 0; i < count; i++) {
        V item = list == NULL ? args[i] : sunder_cel_item(list, i);
        int order = 0;
        if (!expr_is_number(item.kind)) {
            return expr_fault_no_overload;
        }
        if (i == 0 || (expr_order(&item, &best, &order) && order * sign > 0)) {
            best = item;
        }
    }
    *ret_value = best;
    return count == 0 ? "an empty list has neither a least nor a greatest element" : NULL;
}

const char *expr_greatest(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    return extreme(args, count, 1, ret_value);
}

const char *expr_least(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    return extreme(args, count, -1, ret_value);
}
