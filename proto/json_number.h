/* The text of JSON numbers. Pure; any thread. */
#pragma once

#include "engine/base/str.h"

/* -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)? */
bool sunder_json_is_number(struct sunder_str text);

/* False when the nearest IEEE double would be infinite. Too small is zero, and fits. `text` is a number. */
bool sunder_json_fits_double(struct sunder_str text);

/* Writes a number that fits as ECMAScript does (RFC 8785 section 3.2.2.3), to `buf` of SUNDER_JSON_NUMBER_MAX bytes.
 * Returns the length. */
#define SUNDER_JSON_NUMBER_MAX 40
uint32_t sunder_json_number(struct sunder_str text, char *buf);
