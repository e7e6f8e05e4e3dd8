#include "engine/answer.h"

/* S8, S22, S29: an observed act has happened. It is never denied, always counted, and what is missing in it is a finding. */

static enum sunder_err find(
    const struct sunder_step *step, struct sunder_decision *record, struct sunder_str code, struct sunder_str field)
{
    struct sunder_finding *list =
        SUNDER_ARENA_NEW(step->judge.state.arena, struct sunder_finding, record->finding_count + 1);
    if (list == NULL) {
        return SUNDER_ERR_FULL;
    }
    if (record->finding_count != 0) {
        memcpy(list, record->findings, record->finding_count * sizeof *list);
    }
    list[record->finding_count] = (struct sunder_finding){.code = code, .field = field};
    record->findings = list;
    record->finding_count += 1;
    return SUNDER_OK;
}

/* What the stages 5 and 6 would have denied for want of context, as findings. */
static enum sunder_err findings(const struct sunder_step *step, const struct sunder_catalogue_trouble *trouble,
    struct sunder_decision *record)
{
    const struct sunder_judge *judge = &step->judge;
    const struct sunder_str incomplete = SUNDER_STR("observed_incomplete");
    if (trouble->case_errors) {
        SUNDER_TRY(find(step, record, incomplete, SUNDER_STR("case")));
    }
    if (trouble->object_errors) {
        SUNDER_TRY(find(step, record, incomplete, SUNDER_STR("object")));
    }
    for (const struct sunder_reason_node *node = judge->reasons; node != NULL; node = node->next) {
        SUNDER_TRY(find(step, record, incomplete, node->reason.field));
    }
    bool full = judge->chain_full || judge->acts_full || judge->duty_count > SUNDER_INTENT_DUTIES_MAX;
    return full ? find(step, record, SUNDER_STR("limit_reached"), (struct sunder_str){0}) : SUNDER_OK;
}

enum sunder_err sunder_decide_observed(struct sunder_step *step)
{
    struct sunder_judge *judge = &step->judge;
    struct sunder_decision record = sunder_answer(step, SUNDER_RECORD_OBSERVED);
    bool found = false;
    int64_t time_ms = 0;
    SUNDER_TRY(sunder_copy_find(
        &judge->state, judge->domain_id, judge->event->source, judge->event->id, &found, &time_ms));
    uint64_t age = (uint64_t)judge->now_ms - (uint64_t)time_ms;
    if (found && age < (uint64_t)judge->state.policy->horizon_ms) {
        record.duplicate = true;
        SUNDER_TRY(sunder_answer_claims(step, &record));
        return sunder_answer_give(step, &record);
    }
    SUNDER_TRY(sunder_judge_chain(judge));
    struct sunder_catalogue_trouble trouble;
    SUNDER_TRY(sunder_judge_duties(judge, &trouble));
    SUNDER_TRY(sunder_judge_candidates(judge));
    SUNDER_TRY(findings(step, &trouble, &record));
    SUNDER_TRY(sunder_answer_act(step, &record));
    SUNDER_TRY(sunder_answer_give(step, &record));
    judge->reasons = NULL;
    judge->reason_count = 0;
    SUNDER_TRY(sunder_judge_rules(judge));
    return sunder_answer_revocations(step, true);
}
