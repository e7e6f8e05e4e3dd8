/* `history` (Readings 18): the counting facts of the subject and key under test, without the new intent.
 *
 * Under a key they stand in its row, or in series when it is wide (key_row.h, wide.h). Facts under no key are series per
 * (subject, what is asked for) in the space FREE; a policy that does not ask has none of them.
 * Pure; the view's thread. */
#pragma once

#include "engine/rules/firing.h"

/* What was answered for one (subject, key), for the next time that it is asked. */
#define SUNDER_HISTORY_KNOWN_MAX 16u
struct sunder_history_known {
    uint32_t count;
    struct {
        const struct sunder_history_call *call;
        struct sunder_value value;
    } at[SUNDER_HISTORY_KNOWN_MAX];
};

/* Which (subject, key) an expression is about to be evaluated for. Lives at least as long as the evaluation.
 * looker  NULL: anybody's facts
 * keys    of the rule, and which of them; NULL: a rule without `per`
 * known   NULL: nothing is remembered */
struct sunder_history_at {
    struct sunder_judge *judge;
    const struct sunder_rule *rule;
    const struct sunder_looker *looker;
    struct sunder_judge_keys *keys;
    uint32_t key;
    struct sunder_history_known *known;
    struct sunder_expr_history port; /* filled in by sunder_history_set */
    enum sunder_err failed;          /* what the state answered last, SUNDER_OK: it answered */
};

/* Lets the env's `history` answer for `at`. missing: how the key that the act lacks is called; absent when it lacks none. */
void sunder_history_set(struct sunder_history_at *at, struct sunder_str missing);

/* What the state failed with during the evaluation that has just ended; SUNDER_OK: it did not. Its code may be any, so the
 * evaluation's own does not tell. */
enum sunder_err sunder_history_error(const struct sunder_judge *judge);

/* Changes the series of facts under no key: appends the fact, or marks it. Fold only. */
SUNDER_MUST_USE enum sunder_err sunder_history_add(
    const struct sunder_state *state, uint32_t domain, const struct sunder_key_fact *fact);
SUNDER_MUST_USE enum sunder_err sunder_history_mark(const struct sunder_state *state, uint32_t domain,
    const struct sunder_key_fact *fact, bool released);

/* What a fact is worth in a series of this element: its agent's id in one of agents, else its amount. */
SUNDER_MUST_USE enum sunder_err sunder_history_value(const struct sunder_state *state,
    const struct sunder_key_fact *fact, uint16_t element, int64_t *ret_value);
