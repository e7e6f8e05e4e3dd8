/* RFC 3339 timestamps. Pure; any thread. */
#pragma once

#include "engine/base/err.h"
#include "engine/base/str.h"

/* Reads YYYY-MM-DDTHH:MM:SS[.fraction](Z|+HH:MM|-HH:MM) (t and z too) as milliseconds since 1970; digits beyond the
 * milliseconds are cut off. SUNDER_ERR_MALFORMED: anything else; a leap second too. */
SUNDER_MUST_USE enum sunder_err sunder_time_parse(struct sunder_str text, int64_t *ret_ms);
