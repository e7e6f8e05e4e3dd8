/* What is known of a compiled expression without running it: for the rule index, for `check` and for coverage. Pure; any thread. */
#pragma once

#include "engine/base/str.h"
#include "engine/expr/expr.h"

/* A conjunct that decides by one text field: where the field is present and no value fits, the expression is false. Sound to
 * skip on then, whatever the other conjuncts do. Not when the field is absent: the conjunct errors, and so may the expression.
 *   prefix  the field starts with one of the values; else it equals one of them
 *   values  live as long as the expression; sorted in byte order, each once */
struct sunder_expr_guard {
    enum sunder_field field;
    bool prefix;
    uint32_t count;
    const struct sunder_str *values;
};
/* In source order; NULL and 0 when there are none. */
const struct sunder_expr_guard *sunder_expr_guards(
    const struct sunder_expr *expr, uint32_t *ret_count);
/* Whether one of its values fits this value of its field, which is present. */
bool sunder_expr_guard_fits(const struct sunder_expr_guard *guard, struct sunder_str value);

/* A part of the worst case.
 *   units  of its own, loops around it counted
 *   text   zero-terminated: what it does how often, e.g. "`exists` over at most 64 items" */
struct sunder_expr_factor {
    uint32_t offset;
    uint64_t units;
    char text[80];
};
#define SUNDER_EXPR_FACTORS_MAX 3

/* The worst case of one evaluation in units of one instruction, and its dearest parts, dearest first.
 * A question to the history counts 500. */
struct sunder_expr_cost {
    uint64_t units;
    uint32_t factor_count;
    struct sunder_expr_factor factors[SUNDER_EXPR_FACTORS_MAX];
};
const struct sunder_expr_cost *sunder_expr_cost(const struct sunder_expr *expr);

/* A field whose absence makes the expression err, or may: no `has(...)` beside it sees to it. Fields that no event lacks are
 * among them.
 *   path    as the author names it: `amount`, `args.to`; field is ARGS then
 *   offset  of the first place that reads it */
struct sunder_expr_lack {
    enum sunder_field field;
    uint32_t offset;
    struct sunder_str path;
};
#define SUNDER_EXPR_LACKS_MAX 16 /* Further ones are not told. */

/* In source order, each path once. */
const struct sunder_expr_lack *sunder_expr_lacks(
    const struct sunder_expr *expr, uint32_t *ret_count);

/* Whether `double(...)` makes something inexact of what may be money: an amount, a sum of the history, an argument. */
bool sunder_expr_is_inexact(const struct sunder_expr *expr, uint32_t *ret_offset);

/* The operands of the outermost `&&`, or the whole: bytes of the source. Each compiles alone, so that a tool can tell its value. */
struct sunder_expr_span {
    uint32_t offset;
    uint32_t len;
};
const struct sunder_expr_span *sunder_expr_conjuncts(
    const struct sunder_expr *expr, uint32_t *ret_count);
