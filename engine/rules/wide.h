/* Wide keys: the facts of a hot key, as series per (subject, duty); and members that are too many for their row. Used by key_row.c and by the rules
 * when a key row says WIDE. Pure; the view's thread. */
#pragma once

#include "engine/rules/key_row.h"

/* Which series the rules need of a space; computed from the policy. */
struct sunder_wide_need {
    bool subject; /* SUNDER_CLASS_SUBJECT, and so on */
    bool actor;
    bool task;
    bool all;
    bool sums; /* the amounts of its facts are added up */
};

/* What the rules of this space want to know of one duty, or of one phase (element SUNDER_ELEMENT_PHASE + bit). */
struct sunder_wide_need sunder_wide_needs(const struct sunder_policy *policy, uint16_t space, uint16_t element);

SUNDER_MUST_USE enum sunder_err sunder_wide_add(
    const struct sunder_state *state, const struct sunder_key_row *row, const struct sunder_key_fact *fact);
SUNDER_MUST_USE enum sunder_err sunder_wide_mark(const struct sunder_state *state,
    const struct sunder_key_row *row, const struct sunder_key_fact *fact, bool released);

/* Counting facts of a member in the key's current epoch, when members have rows of their own. */
SUNDER_MUST_USE enum sunder_err sunder_member_get(
    const struct sunder_state *state, const struct sunder_key_row *row, uint32_t subject, uint32_t *ret_count);
SUNDER_MUST_USE enum sunder_err sunder_member_put(
    const struct sunder_state *state, const struct sunder_key_row *row, struct sunder_key_member member);
