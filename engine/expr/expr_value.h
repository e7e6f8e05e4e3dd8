/* Private to engine/expr: what evaluation knows of values. Pure; any thread. */
#pragma once

#include "engine/expr/cel.h"
#include "engine/model/value.h"

/* One evaluation's means.
 *   scratch  bytes that it may still take from the arena
 *   fuel     units left: the second line of defence behind the static bound
 *   fatal    an error that nothing absorbs: FULL, what the history answered, INVALID for fuel */
struct expr_run {
    struct sunder_arena *arena;
    uint32_t scratch;
    int64_t fuel;
    enum sunder_err fatal;
};

/* A function of the language: NULL and a value, or a static sentence why not. */
typedef const char *expr_function_fn(struct expr_run *run,
    const struct sunder_cel_value *args,
    uint32_t count,
    struct sunder_cel_value *ret_value);

/* Sentences that mean more than themselves. */
extern const char expr_fault_absent[]; /* What is read is not there. */
extern const char expr_fault_no_overload[];

/* Takes units; a sentence when the fuel is out. */
const char *expr_spend(struct expr_run *run, uint64_t units);
/* Memory of the evaluation: NULL when there is none; run->fatal is FULL then, or the sentence in ret_fault the reason. */
void *expr_take(struct expr_run *run, size_t size, size_t align, const char **ret_fault);
/* A string of at most SUNDER_EXPR_STRING_MAX bytes, to be filled. */
const char *expr_take_text(struct expr_run *run, uint64_t len, char **ret_text);
const char *expr_take_items(
    struct expr_run *run, uint64_t count, struct sunder_cel_value **ret_items);

static inline struct sunder_cel_value expr_bool(bool value)
{
    return (struct sunder_cel_value){.kind = SUNDER_CEL_BOOL, .integer = value ? 1 : 0};
}
static inline struct sunder_cel_value expr_int(int64_t value)
{
    return (struct sunder_cel_value){.kind = SUNDER_CEL_INT, .integer = value};
}
static inline struct sunder_cel_value expr_string(struct sunder_str text)
{
    return (struct sunder_cel_value){.kind = SUNDER_CEL_STRING, .count = text.len, .at = text.at};
}
static inline struct sunder_str expr_text(const struct sunder_cel_value *value)
{
    return (struct sunder_str){value->at, value->count};
}
static inline struct sunder_cel_value expr_list(
    const struct sunder_cel_value *items, uint32_t count)
{
    return (struct sunder_cel_value){.kind = SUNDER_CEL_LIST, .count = count, .items = items};
}
static inline int32_t expr_nanos(const struct sunder_cel_value *value)
{
    return (int32_t)value->count;
}
static inline bool expr_is_number(uint8_t kind)
{
    return kind == SUNDER_CEL_INT || kind == SUNDER_CEL_UINT || kind == SUNDER_CEL_DOUBLE ||
           kind == SUNDER_CEL_DECIMAL;
}
/* A name of a type as a value. */
struct sunder_cel_value expr_type_value(struct sunder_str name);
struct sunder_str expr_kind_name(const struct sunder_cel_value *value);

struct sunder_cel_value expr_from_json(const struct sunder_value *json);

/* UNDECIDED: a number in it is not exact, or it takes too long, so the comparison errors. */
enum expr_equality {
    EXPR_DIFFERENT,
    EXPR_EQUAL,
    EXPR_UNDECIDED,
};
/* run: pays a unit for each element; UNDECIDED when its fuel is out. NULL: nobody pays, for what is no author's. */
enum expr_equality expr_equal(
    struct expr_run *run, const struct sunder_cel_value *a, const struct sunder_cel_value *b);
/* The order of two numbers, strings, bytes, bools, timestamps or durations: <0, 0, >0. Otherwise, or with a NaN, false. */
bool expr_order(const struct sunder_cel_value *a, const struct sunder_cel_value *b, int *ret_order);
/* Whether values of such kinds have an order (NaN apart). */
bool expr_ordered(const struct sunder_cel_value *a, const struct sunder_cel_value *b);

/* The entry under a key; false when there is none. A JSON null under it counts as none. */
bool expr_find(const struct sunder_cel_value *map,
    const struct sunder_cel_value *key,
    struct sunder_cel_value *ret_value);
/* Sorts entries by key. False: a key is there twice. */
bool expr_sort_entries(struct sunder_cel_entry *entries, uint32_t count);
bool expr_is_key(uint8_t kind);
