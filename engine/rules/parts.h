/* What a gate or condition is judged for: each combination of one value of each part (Readings, 18); and what an act may cost of
 * that. Pure; the step's arena. */
#pragma once

#include "engine/rules/judge.h"

/* The first varies slowest. */
enum sunder_part {
    SUNDER_PART_SUBJECT,
    SUNDER_PART_KEY,
    SUNDER_PART_DUTY,
    SUNDER_PART_OBJECT,
    SUNDER_PART_CASE,
    SUNDER_PART_PHASE,
    SUNDER_PART_COUNT
};

/* counts  values of each part: 1 when the rule does not read it, or when the act has none, which is absent then; 0 when the
 *         condition holds for none of them
 * fit     which of the act's values they are; NULL: the first `counts` */
struct sunder_parts {
    uint32_t counts[SUNDER_PART_COUNT];
    const uint16_t *fit[SUNDER_PART_COUNT];
};

/* All values. subjects: how many the rule looks at, when it reads the history. */
void sunder_parts_all(const struct sunder_judge *judge,
    const struct sunder_candidate *candidate,
    uint32_t subjects,
    struct sunder_parts *ret_parts);

/* Leaves out values for which an operand of the condition's outermost `&&` is false, whatever the others are. */
SUNDER_MUST_USE enum sunder_err sunder_parts_narrow(const struct sunder_judge *judge,
    const struct sunder_candidate *candidate,
    struct sunder_parts *parts);

/* Leaves out all rules with expressions where judging them would take more than SUNDER_INTENT_EVALUATIONS_MAX, and all but gates and
 * conditions where those would look at more than SUNDER_INTENT_PAIRS_MAX pairs. Before any gate. */
SUNDER_MUST_USE enum sunder_err sunder_judge_price(struct sunder_judge *judge);

/* The phases of the act, in the order in which a rule looks at them; returns how many. */
uint32_t sunder_judge_phases(const struct sunder_judge *judge, struct sunder_str phases[3]);
