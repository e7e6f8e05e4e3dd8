/* Private to engine/expr: doubles and their texts, exactly and without the C library, so that no locale and no libm decides. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/str.h"

static inline bool expr_is_nan(double value)
{
    return !(value >= 0) && !(value < 0);
}

/* A finite value as mantissa × 2^exponent, |mantissa| < 2^53. */
int64_t expr_double_split(double value, int *ret_exponent);

/* Whether it is [+-] DIGITS [. DIGITS] [e [+-] DIGITS] with a digit before the exponent. */
bool expr_double_is(struct sunder_str text);
/* The double nearest to such a text, ties to even; infinite when it is too large. */
double expr_double_read(struct sunder_str text);

#define EXPR_DOUBLE_TEXT_MAX 32
/* The shortest text that reads back as the value, as Go and JavaScript write it: plain from 1e-4 to below 1e21, else with an exponent.
 * NaN, +Inf and -Inf by these names. Returns the length. */
uint32_t expr_double_write(double value, char *buf);
