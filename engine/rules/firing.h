/* What rules share while they look at a judgement: whose history, under which key, and why they fire. Included by the file of each
 * kind of rule. Pure; the step's arena. */
#pragma once

#include "engine/rules/judge.h"

/* Whoever's history a rule looks at: subjects in S12 order, then actor, then task. */
struct sunder_looker {
    uint32_t bit; /* of match masks */
    enum sunder_series_class class;
    uint32_t id; /* 0: nobody's history yet */
    struct sunder_str text;
};
/* Fills `lookers` (SUNDER_SUBJECTS_MAX + 2 places) with those that the rule's `by` names; returns how many. */
uint32_t sunder_judge_lookers(
    const struct sunder_judge *judge, const struct sunder_rule *rule, struct sunder_looker *lookers);

/* Sets what only a rule's expressions may read: duty, phase, tier; and object or case, when `key` is given. */
void sunder_judge_scope(struct sunder_judge *judge, const struct sunder_rule *rule, struct sunder_str key);

/* Whether the rule's `unless` or an exception excuses this (subject, key). looker: NULL for anybody; key: one of the candidate's,
 * NULL for a rule without `per`. */
SUNDER_MUST_USE enum sunder_err sunder_judge_excused(struct sunder_judge *judge,
    const struct sunder_candidate *candidate, const struct sunder_looker *looker,
    const struct sunder_judge_key *key, bool *ret_excused);
/* The same with the fields and the history of the env as they are. */
SUNDER_MUST_USE enum sunder_err sunder_judge_excuse(
    struct sunder_judge *judge, const struct sunder_rule *rule, bool *ret_excused);

/* Adds context_missing with the field `rule:what`: the engine's reason in enforce mode, the rule's own in shadow mode (S39). */
SUNDER_MUST_USE enum sunder_err sunder_judge_missing(
    struct sunder_judge *judge, const struct sunder_rule *rule, uint8_t stage, struct sunder_str what);

/* Whether the act has a field that `require` may name. */
bool sunder_judge_has_field(const struct sunder_judge *judge, enum sunder_field field);

/* Absent for no tier. */
struct sunder_str sunder_judge_tier_name(enum sunder_tier tier);

/* Gathers firings of one rule: the first gives the reason, others are `also`. */
struct sunder_firing {
    bool fired;
    struct sunder_reason reason;
    struct sunder_pair *also;
    uint32_t also_count;
    uint32_t also_max;
};
/* Notes that the rule fired for (subject, key); *ret_first tells the caller to fill in the rest of firing->reason. */
SUNDER_MUST_USE enum sunder_err sunder_firing_add(struct sunder_judge *judge, struct sunder_firing *firing,
    struct sunder_str subject, struct sunder_str key, bool *ret_first);

/* Turns a fact's position into evidence. */
SUNDER_MUST_USE enum sunder_err sunder_judge_evidence(struct sunder_judge *judge, uint64_t position, int64_t time_ms,
    struct sunder_str duty, struct sunder_evidence *ret_evidence);

/* Whether the intent has the duty. */
bool sunder_judge_has_duty(const struct sunder_judge *judge, uint16_t duty);
/* The name of a duty id. */
struct sunder_str sunder_judge_duty_name(const struct sunder_judge *judge, uint16_t duty);
