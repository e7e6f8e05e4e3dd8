/* Private to engine/expr: the functions and operators of the language, one row each. Pure. */
#pragma once

#include "engine/expr/expr_value.h"

#define EXPR_ARGUMENTS_MAX 5 /* A receiver included. */

/* How a call's time grows: with nothing; with the bytes or elements of its arguments; with the product of two lists; of one with itself. */
enum expr_growth {
    EXPR_FLAT,
    EXPR_SCAN,
    EXPR_PRODUCT,
    EXPR_SQUARE,
    EXPR_PATTERN, /* matches */
};

/* name        operators as `_+_`; a namespace is part of it: `math.abs`
 * method      may be called with a receiver; function: without one
 * signatures  of each overload the types of receiver and arguments, `>`, the type of the result; blanks between. Types: n null, b bool,
 *             i int, u uint, d double, c decimal, N any number, s string, y bytes, t timestamp, D duration, * dyn, LX list of X, MXY map,
 *             TX type, A and B any type, but the same throughout
 * call        NULL: `matches`, which needs more than its arguments */
struct expr_function {
    struct sunder_str name;
    bool method;
    bool function;
    const char *signatures;
    expr_function_fn *call;
    enum expr_growth growth;
};
extern const struct expr_function expr_functions[];
extern const uint32_t expr_function_count;

/* The place of a function in the table; expr_function_count when there is none. */
uint32_t expr_function_of(struct sunder_str name, bool method);
bool expr_is_reserved(struct sunder_str word);

/* expr_arith.c */
expr_function_fn expr_add, expr_subtract, expr_multiply, expr_divide, expr_modulo, expr_negate,
    expr_not;
expr_function_fn expr_greatest, expr_least, expr_abs;
/* expr_compare.c */
expr_function_fn expr_eq, expr_ne, expr_lt, expr_le, expr_gt, expr_ge, expr_in, expr_index,
    expr_size;
/* expr_convert.c */
expr_function_fn expr_to_int, expr_to_uint, expr_to_double, expr_to_decimal, expr_to_string,
    expr_to_bytes, expr_to_bool, expr_to_dyn;
expr_function_fn expr_to_type;
/* expr_time.c */
expr_function_fn expr_to_timestamp, expr_to_duration, expr_full_year, expr_month, expr_day_of_month,
    expr_date, expr_day_of_week;
expr_function_fn expr_day_of_year, expr_hours, expr_minutes, expr_seconds, expr_milliseconds;
/* The sum of two times or durations; the difference. */
expr_function_fn expr_add_time, expr_subtract_time;
#define EXPR_TIME_TEXT_MAX 40
uint32_t expr_timestamp_text(const struct sunder_cel_value *value, char *buf);
uint32_t expr_duration_text(const struct sunder_cel_value *value, char *buf);
/* expr_string.c, expr_string_more.c */
expr_function_fn expr_starts_with, expr_ends_with, expr_contains, expr_lower, expr_upper, expr_join,
    expr_char_at, expr_index_of;
expr_function_fn expr_last_index_of, expr_replace, expr_split, expr_substring, expr_trim,
    expr_reverse, expr_quote;
/* Two texts, or two bytes, one behind the other. */
expr_function_fn expr_concat;
/* Whether and where a needle is in a text, from byte `from` on; UINT32_MAX: nowhere. Linear in both, whoever wrote them. */
const char *expr_search(
    struct expr_run *run, struct sunder_str text, struct sunder_str needle, uint32_t *ret_at);
uint32_t expr_characters(struct sunder_str text);
bool expr_is_utf8(struct sunder_str text);
/* expr_list.c */
expr_function_fn expr_sets_contains, expr_sets_equivalent, expr_sets_intersects, expr_distinct,
    expr_sort, expr_slice, expr_flatten;
expr_function_fn expr_first, expr_last, expr_range, expr_concat_lists, expr_reverse_list;
