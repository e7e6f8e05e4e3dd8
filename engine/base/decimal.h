/* Exact decimals: int64 counts of millionths. Pure; any thread. (SEMANTICS section 3: never binary floats.) */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/err.h"
#include "engine/base/str.h"

#define SUNDER_DECIMAL_ONE INT64_C(1000000)
#define SUNDER_DECIMAL_TEXT_MAX 96 /* Room for any plain string of a value. */
#define SUNDER_DECIMAL_READ_MAX 64 /* Characters of a decimal that is read; limits.h repeats it for the oracle. */

__extension__ typedef __int128 sunder_int128; /* ISO C has no name for it. */

/* Reads a JSON number's grammar (-?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?), from a string or a number.
 *   ret_micro     the value in millionths.
 * SUNDER_ERR_MALFORMED: not that grammar, or longer than SUNDER_DECIMAL_READ_MAX, or an exponent beyond +-64.
 * SUNDER_ERR_INVALID: a number, but with more than 6 decimals (trailing zeros apart) or outside int64. */
SUNDER_MUST_USE enum sunder_err sunder_decimal_parse(struct sunder_str text, int64_t *ret_micro);

/* Writes the shortest plain string of any text that parse does not call MALFORMED: no exponent, no leading or trailing zeros, no
 * "-0". Returns its length; `buf` has SUNDER_DECIMAL_PLAIN_MAX bytes. SUNDER_MUST: the text is a decimal. */
#define SUNDER_DECIMAL_PLAIN_MAX 200
uint32_t sunder_decimal_plain(struct sunder_str text, char *buf);

/* Writes a value as its shortest plain string; returns the length. `buf` has SUNDER_DECIMAL_TEXT_MAX bytes. */
uint32_t sunder_decimal_format(int64_t micro, char *buf);

/* The same for a 128-bit count of millionths (sums over a window). */
uint32_t sunder_decimal_format_wide(sunder_int128 micro, char *buf);
