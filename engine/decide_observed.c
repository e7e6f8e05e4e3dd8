#include "engine/answer.h"
#include "engine/base/text.h"

/* S8, S22, S29: an observed act has happened. It is never denied, always counted, and what is missing in it is a finding. */

/* Adds a finding of what is missing; fields in byte order, each once. */
static enum sunder_err find(const struct sunder_step *step, struct sunder_decision *record, struct sunder_str field)
{
    struct sunder_finding *list =
        SUNDER_ARENA_NEW(step->judge.state.arena, struct sunder_finding, record->finding_count + 1);
    if (list == NULL || field.at == NULL) {
        return SUNDER_ERR_FULL;
    }
    uint32_t at = 0;
    while (at < record->finding_count && sunder_str_compare(record->findings[at].field, field) < 0) {
        list[at] = record->findings[at];
        at += 1;
    }
    if (at < record->finding_count && sunder_str_equal(record->findings[at].field, field)) {
        return SUNDER_OK;
    }
    list[at] = (struct sunder_finding){.code = SUNDER_STR("observed_incomplete"), .field = field};
    for (; at < record->finding_count; at++) {
        list[at + 1] = record->findings[at];
    }
    record->findings = list;
    record->finding_count += 1;
    return SUNDER_OK;
}

/* What the stages 5 to 7 would have denied for want of context, as findings. */
static enum sunder_err findings(const struct sunder_step *step, const struct sunder_catalogue_trouble *trouble,
    struct sunder_decision *record)
{
    const struct sunder_judge *judge = &step->judge;
    if (trouble->case_errors) {
        SUNDER_TRY(find(step, record, SUNDER_STR("case")));
    }
    if (trouble->object_errors) {
        SUNDER_TRY(find(step, record, SUNDER_STR("object")));
    }
    for (uint32_t i = 0; i < judge->flow.parent_count; i++) {
        if (!judge->flow.parents[i].known) {
            SUNDER_TRY(find(step, record, judge->flow.parents[i].id));
        }
    }
    for (const struct sunder_reason_node *node = judge->reasons; node != NULL; node = node->next) {
        SUNDER_TRY(find(step, record, node->reason.field));
    }
    for (uint32_t i = 0; i < judge->candidate_count; i++) {
        const struct sunder_candidate *candidate = &judge->candidates[i];
        const struct sunder_rule *rule = candidate->rule;
        bool sum = rule->kind == SUNDER_RULE_LIMIT && rule->aggregate == SUNDER_AGGREGATE_SUM &&
                   rule->mode == SUNDER_MODE_ENFORCE && candidate->value.kind == SUNDER_VALUE_NUMBER;
        if (sum && (!candidate->value.exact || candidate->value.micro < 0)) {
            SUNDER_TRY(find(step, record,
                sunder_text(judge->state.arena, rule->name, SUNDER_STR(":"), rule->value_text)));
        }
    }
    return sunder_answer_full(step, record);
}

/* Rules that need more room than there is: the act counts all the same, and who reads its keys is denied (S31). list: room for
 * one finding more. */
static void tell_full(struct sunder_decision *record, struct sunder_finding *list)
{
    if (record->finding_count != 0) {
        memcpy(list, record->findings, record->finding_count * sizeof *list);
    }
    list[record->finding_count] =
        (struct sunder_finding){.code = SUNDER_STR("limit_reached"), .field = SUNDER_STR("rules")};
    record->findings = list;
    record->finding_count += 1;
}

/* What gates lack. *ret_full: there was no room for all of it, so that nothing of it is told. */
static enum sunder_err gates(struct sunder_judge *judge, bool *ret_full)
{
    size_t mark = sunder_arena_mark(judge->state.arena);
    enum sunder_err err = sunder_judge_gates(judge);
    *ret_full = err == SUNDER_ERR_FULL;
    if (*ret_full) {
        sunder_arena_rewind(judge->state.arena, mark);
        judge->reasons = NULL;
        judge->reason_count = 0;
    }
    return *ret_full ? SUNDER_OK : err;
}

/* Revocations of a record that is given. */
static enum sunder_err revoke(struct sunder_step *step)
{
    struct sunder_judge *judge = &step->judge;
    struct sunder_outputs *out = step->out;
    /* Taken before, since there may be no room for it afterwards. */
    struct sunder_finding *list = SUNDER_ARENA_NEW(
        judge->state.arena, struct sunder_finding, (size_t)out->records[0].finding_count + 1);
    if (list == NULL) {
        return SUNDER_ERR_FULL;
    }
    judge->reasons = NULL;
    judge->reason_count = 0;
    enum sunder_err err = sunder_judge_rules(judge);
    err = err == SUNDER_OK ? sunder_answer_revocations(step, true) : err;
    if (err == SUNDER_ERR_FULL) {
        out->count = 1;
        tell_full(&out->records[0], list);
        err = SUNDER_OK;
    }
    return err;
}

enum sunder_err sunder_decide_observed(struct sunder_step *step)
{
    struct sunder_judge *judge = &step->judge;
    struct sunder_decision *record = NULL;
    SUNDER_TRY(sunder_answer(step, SUNDER_RECORD_OBSERVED, &record));
    SUNDER_TRY(sunder_judge_recorded(judge, &record->duplicate));
    if (record->duplicate) {
        SUNDER_TRY(sunder_answer_claims(step, record));
        sunder_answer_give(step, record);
        return SUNDER_OK;
    }
    SUNDER_TRY(sunder_judge_chain(judge));
    struct sunder_catalogue_trouble trouble;
    SUNDER_TRY(sunder_judge_duties(judge, &trouble));
    SUNDER_TRY(sunder_judge_scopes(judge));
    SUNDER_TRY(sunder_judge_candidates(judge));
    bool full = false;
    SUNDER_TRY(gates(judge, &full));
    SUNDER_TRY(findings(step, &trouble, record));
    SUNDER_TRY(sunder_answer_shared(step, record));
    SUNDER_TRY(sunder_answer_act(step, record));
    if (full) {
        struct sunder_finding *list = SUNDER_ARENA_NEW(
            judge->state.arena, struct sunder_finding, (size_t)record->finding_count + 1);
        if (list == NULL) {
            return SUNDER_ERR_FULL;
        }
        tell_full(record, list);
    }
    sunder_answer_give(step, record);
    return full || sunder_judge_watches(judge) ? SUNDER_OK : revoke(step);
}
