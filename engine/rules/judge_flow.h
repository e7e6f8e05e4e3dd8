/* What an act brings along: labels (S16, S24) and effects further down (S23). Part of a judgement, see judge.h. */
#pragma once

#include "engine/rules/judge.h"

/* Adds a duty, unless it has it. */
void sunder_judge_add_duty(struct sunder_judge *judge, uint16_t duty);
/* Adds what the duties cause (S23), with phases and tier. */
SUNDER_MUST_USE enum sunder_err sunder_judge_effects(struct sunder_judge *judge);
/* Adds to a rule's message how its duties are caused, where the act does not have them itself. */
SUNDER_MUST_USE enum sunder_err sunder_judge_tell_causes(
    const struct sunder_judge *judge, const struct sunder_rule *rule, struct sunder_str *message);

/* Labels (S16) of the act, by the catalogue entries that hold, and of its sources; then stages 6 and 7 of them. */
SUNDER_MUST_USE enum sunder_err sunder_judge_flow(
    struct sunder_judge *judge, const uint16_t *entries, uint32_t count);
SUNDER_MUST_USE enum sunder_err sunder_judge_parents(struct sunder_judge *judge);
SUNDER_MUST_USE enum sunder_err sunder_judge_label_bounds(struct sunder_judge *judge);
