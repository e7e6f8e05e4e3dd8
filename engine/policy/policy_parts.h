/* Private to engine/policy: the parts of a compilation, each in a file of its own, and the keys of rules. */
#pragma once

#include "engine/policy/policy_read.h"

/* The parts of a compilation, in this order. */
void policy_compile_head(struct policy_compile *c,
    const struct sunder_doc *root,
    const struct sunder_doc **ret_catalogue,
    const struct sunder_doc **ret_rules);
void policy_compile_catalogue(struct policy_compile *c, const struct sunder_doc *catalogue);
void policy_compile_context(struct policy_compile *c); /* policy_context.c */
void policy_compile_rules(struct policy_compile *c, const struct sunder_doc *rules);
void policy_compile_separation(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *const *values);
void policy_compile_requires(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *const *values);
void policy_compile_limit(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *const *values);
/* `when` of gates and conditions, and what a gate requires. */
void policy_compile_when(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *const *values);
void policy_compile_except(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *except);
void policy_compile_sequence(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *const *values);
/* What the expressions of a rule ask the history for; comes after all of them. */
void policy_compile_history(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *const *values);
/* What only the whole policy shows: keys that rest on claims, a domain too fine for a rule. */
void policy_check_whole(struct policy_compile *c);
/* What nothing uses; asked only of a policy without errors, since a wrong rule uses nothing. */
void policy_check_unused(struct policy_compile *c, const struct sunder_doc *root);
/* Part of it: conditions that an absent field makes fire, and money that is inexact or counted for ever. policy_lacks.c */
void policy_check_lacks(struct policy_compile *c);

/* What the expressions of one rule ask, while they are read. */
struct policy_asking {
    struct sunder_history_need *need;
    int64_t within_ms; /* of the rule */
    bool forever;      /* something is asked for without end */
    struct sunder_duty_id duties[SUNDER_RULE_DUTIES_MAX];
};

/* The keys of rules. */
enum policy_rule_key {
    POLICY_KEY_SEPARATION,
    POLICY_KEY_REQUIRES,
    POLICY_KEY_LIMIT,
    POLICY_KEY_GATE,
    POLICY_KEY_CONDITION,
    POLICY_KEY_SEQUENCE, /* The last that names a kind. */
    POLICY_KEY_NAME,
    POLICY_KEY_DUTIES,
    POLICY_KEY_PHASES,
    POLICY_KEY_DISTINCT,
    POLICY_KEY_AT_MOST,
    POLICY_KEY_BEFORE,
    POLICY_KEY_SUM,
    POLICY_KEY_COUNT,
    POLICY_KEY_CURRENCY,
    POLICY_KEY_RATES,
    POLICY_KEY_OF,
    POLICY_KEY_ATTEMPTS_OF,
    POLICY_KEY_MAX,
    POLICY_KEY_STEPS,
    POLICY_KEY_ALONG,
    POLICY_KEY_PER,
    POLICY_KEY_BY,
    POLICY_KEY_WHEN,
    POLICY_KEY_REQUIRE,
    POLICY_KEY_UNLESS,
    POLICY_KEY_EXCEPT,
    POLICY_KEY_WITHIN,
    POLICY_KEY_THEN,
    POLICY_KEY_MODE,
    POLICY_KEY_TAGS,
    POLICY_KEY_APPROVALS,
    POLICY_RULE_KEY_COUNT
};
