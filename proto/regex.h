/* Regular expressions of conditions by RE2: linear in the text, whatever the pattern. Implements engine/model/regex.h.
 * A set belongs to whoever compiles policies and lives longer than they do. Thread: compile from one at a time; compiled patterns
 * serve any, several at once. */
#pragma once

#include "engine/base/err.h"
#include "engine/model/regex.h"

struct sunder_regex_set; /* Opaque: all patterns compiled with it. */

/* Gives an empty set. SUNDER_ERR_FULL: no memory. */
SUNDER_MUST_USE enum sunder_err sunder_regex_set_create(struct sunder_regex_set **ret_set);
/* Destroys it with its patterns and nulls the pointer; NULL is accepted. */
void sunder_regex_set_destroy(struct sunder_regex_set **set);
/* The port to a set; borrowed, lives as long as the set. */
const struct sunder_regex *sunder_regex_port(struct sunder_regex_set *set);
