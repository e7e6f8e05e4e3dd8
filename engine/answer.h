/* Building of the records that decide gives. Private to engine/. */
#pragma once

#include "engine/engine.h"
#include "engine/rules/firing.h"

/* A step of decide: the judgement and what comes out. */
struct sunder_step {
    struct sunder_judge judge;
    struct sunder_outputs *out;
    bool readable; /* tenant and domain are known: stream time counts */
};

/* Reads domain, names and stream time into the step. tenant_only: a copied kind, whose domain is the tenant. */
SUNDER_MUST_USE enum sunder_err sunder_step_start(struct sunder_step *step, const struct sunder_policy *policy,
    const struct sunder_view *view, const struct sunder_event *event, struct sunder_arena *arena);

/* A record in the arena, with everything that all kinds have. */
SUNDER_MUST_USE enum sunder_err sunder_answer(
    const struct sunder_step *step, enum sunder_record_kind kind, struct sunder_decision **ret_record);

/* Makes such a record the answer. */
void sunder_answer_give(struct sunder_step *step, struct sunder_decision *record);

/* Gives a dead letter, and its record when the domain is readable. */
SUNDER_MUST_USE enum sunder_err sunder_answer_dead(
    struct sunder_step *step, struct sunder_str code, struct sunder_str field, struct sunder_str message);

/* Fills in what the act claims (before its chain is known), and what judgement made of it. */
SUNDER_MUST_USE enum sunder_err sunder_answer_claims(const struct sunder_step *step, struct sunder_decision *record);
SUNDER_MUST_USE enum sunder_err sunder_answer_act(const struct sunder_step *step, struct sunder_decision *record);

/* Adds the findings that the act counts, but not all of it could be held, if so: fold saturates its keys (S31). */
SUNDER_MUST_USE enum sunder_err sunder_answer_full(
    const struct sunder_step *step, struct sunder_decision *record);

/* Adds finding shared_credential (S14), where the act is the first of its agent that is seen with the credential. */
SUNDER_MUST_USE enum sunder_err sunder_answer_shared(const struct sunder_step *step, struct sunder_decision *record);

/* Turns the judge's reason list into an array. */
SUNDER_MUST_USE enum sunder_err sunder_answer_reasons(const struct sunder_step *step,
    const struct sunder_reason_node *list, uint32_t count, const struct sunder_reason **ret_reasons);

/* Adds a revocation for every subject for which a rule fired that takes away (then: revoke; for observed acts also separations
 * and sequences that deny), each subject once. */
SUNDER_MUST_USE enum sunder_err sunder_answer_revocations(struct sunder_step *step, bool observed);
/* Adds one revocation. */
SUNDER_MUST_USE enum sunder_err sunder_answer_revoke(
    struct sunder_step *step, struct sunder_str subject, const struct sunder_reason *reason);

/* The kinds. */
SUNDER_MUST_USE enum sunder_err sunder_decide_intent(struct sunder_step *step);
SUNDER_MUST_USE enum sunder_err sunder_decide_observed(struct sunder_step *step);
SUNDER_MUST_USE enum sunder_err sunder_decide_outcome(struct sunder_step *step);
SUNDER_MUST_USE enum sunder_err sunder_decide_task(struct sunder_step *step);
SUNDER_MUST_USE enum sunder_err sunder_decide_delegation(struct sunder_step *step);
SUNDER_MUST_USE enum sunder_err sunder_decide_case(struct sunder_step *step);
SUNDER_MUST_USE enum sunder_err sunder_decide_control(struct sunder_step *step);
