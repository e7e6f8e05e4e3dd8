#include "engine/answer.h"
#include "engine/base/text.h"
#include "engine/would_allow.h"

static enum sunder_verdict verdict_of(const struct sunder_reason *reasons, uint32_t count)
{
    enum sunder_verdict verdict = SUNDER_VERDICT_ALLOW;
    for (uint32_t i = 0; i < count; i++) {
        switch (reasons[i].effect) {
        case SUNDER_EFFECT_ALERT:
            break;
        case SUNDER_EFFECT_ESCALATE:
            verdict = verdict == SUNDER_VERDICT_ALLOW ? SUNDER_VERDICT_ESCALATE : verdict;
            break;
        case SUNDER_EFFECT_DENY:
        case SUNDER_EFFECT_REVOKE:
            return SUNDER_VERDICT_DENY;
        }
    }
    return verdict;
}

/* What people are asked for: the approvals of every rule that escalates (S25). */
static enum sunder_err wanted(const struct sunder_step *step, struct sunder_decision *record)
{
    struct sunder_wanted *list =
        SUNDER_ARENA_NEW(step->judge.state.arena, struct sunder_wanted, record->reason_count);
    if (list == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < record->reason_count; i++) {
        if (record->reasons[i].effect != SUNDER_EFFECT_ESCALATE) {
            continue;
        }
        const struct sunder_rule *rule = sunder_policy_rule(step->judge.state.policy, record->reasons[i].rule);
        if (rule != NULL && rule->has_wanted) {
            list[record->wanted_count] = rule->wanted;
            list[record->wanted_count].rule = rule->name;
            record->wanted_count += 1;
        }
    }
    record->wanted = list;
    return SUNDER_OK;
}

/* Where the policy only watches, the verdict is what would be, and the act is a fact (S29). */
static enum sunder_err watch(const struct sunder_step *step, struct sunder_decision *record)
{
    const struct sunder_judge *judge = &step->judge;
    if (record->verdict == SUNDER_VERDICT_ALLOW || !sunder_judge_lets(judge)) {
        return SUNDER_OK;
    }
    record->scope = judge->scope;
    record->would_be = record->verdict;
    record->verdict = SUNDER_VERDICT_ALLOW;
    return sunder_answer_full(step, record);
}

/* Gives the decision with the reasons that there are. stage: where judgement ended. */
static enum sunder_err answer(struct sunder_step *step, uint8_t stage, bool early)
{
    const struct sunder_judge *judge = &step->judge;
    struct sunder_decision *record = NULL;
    SUNDER_TRY(sunder_answer(step, SUNDER_RECORD_DECISION, &record));
    record->attempt = 1;
    record->authority_open = true; /* The only authority that this build has. */
    record->stage = stage;
    SUNDER_TRY(early ? sunder_answer_claims(step, record) : sunder_answer_act(step, record));
    SUNDER_TRY(sunder_answer_reasons(step, judge->reasons, judge->reason_count, &record->reasons));
    record->reason_count = judge->reason_count;
    SUNDER_TRY(sunder_answer_reasons(step, judge->shadow, judge->shadow_count, &record->shadow));
    record->shadow_count = judge->shadow_count;
    record->verdict = verdict_of(record->reasons, record->reason_count);
    SUNDER_TRY(watch(step, record));
    bool is_before_bounds = !early && stage < 7 && record->verdict == SUNDER_VERDICT_DENY;
    if (is_before_bounds) {
        SUNDER_TRY(sunder_answer_full(
            step, record)); /* No reason tells it, and it may be done all the same (S8). */
    }
    if (stage == 8 && !early) {
        SUNDER_TRY(sunder_answer_shared(step, record));
    }
    if (record->verdict == SUNDER_VERDICT_ESCALATE) {
        SUNDER_TRY(wanted(step, record));
    }
    sunder_answer_give(step, record);
    return SUNDER_OK;
}

/* Stages 1 to 3 stop an event: it leaves a dead letter beside its deny (S30). */
static enum sunder_err stop(struct sunder_step *step, uint8_t stage)
{
    const struct sunder_reason *first = &step->judge.reasons->reason;
    step->out->dead_letter = true;
    step->out->code = first->code;
    step->out->field = first->field;
    step->out->message = first->message;
    return answer(step, stage, true);
}

static struct sunder_str id_of(const struct sunder_step *step, uint64_t position)
{
    const struct sunder_source *at = &step->judge.event->at;
    struct sunder_arena *arena = step->judge.state.arena;
    return sunder_text(arena, at->topic, SUNDER_STR("/"), sunder_text_i64(arena, at->partition), SUNDER_STR("/"),
        sunder_text_u64(arena, position));
}

/* A copy repeats the verdict; but what ended does not come back by being asked again (S7). */
static enum sunder_err answer_copy(struct sunder_step *step, const struct sunder_record *copy)
{
    if (copy->state == SUNDER_FACT_RELEASED) {
        SUNDER_TRY(sunder_judge_deny(&step->judge, 4, SUNDER_STR("intent_ended"), SUNDER_STR("id"),
            SUNDER_STR("the act that this repeats was released; ask again with a new id")));
        SUNDER_TRY(answer(step, 4, true));
    } else {
        SUNDER_TRY(answer(step, 8, true));
        step->out->records[0].verdict = copy->verdict;
        step->out->records[0].wanted_count = 0;
    }
    struct sunder_decision *record = &step->out->records[0];
    record->duplicate = true;
    record->of = id_of(step, copy->decided_position);
    return record->of.at == NULL ? SUNDER_ERR_FULL : SUNDER_OK;
}

/* What is denied may have been done all the same (S8), so the record tells the keys and values of its rules; that some cannot be
 * told is a matter of stage 6, which was not reached. */
static enum sunder_err know_keys(struct sunder_judge *judge)
{
    const struct sunder_judge before = *judge;
    judge->reasons = NULL; /* Into lists of their own: the others would be changed inside. */
    judge->reason_count = 0;
    judge->shadow = NULL;
    judge->shadow_count = 0;
    SUNDER_TRY(sunder_judge_candidates(judge));
    judge->reasons = before.reasons;
    judge->reason_count = before.reason_count;
    judge->shadow = before.shadow;
    judge->shadow_count = before.shadow_count;
    return SUNDER_OK;
}

/* Tells what would have been allowed, when the policy lets everybody know (G7). */
static enum sunder_err disclose(struct sunder_step *step)
{
    const struct sunder_state *state = &step->judge.state;
    struct sunder_decision *record = &step->out->records[0];
    if (!state->policy->disclose || record->verdict != SUNDER_VERDICT_DENY) {
        return SUNDER_OK;
    }
    size_t mark = sunder_arena_mark(state->arena);
    enum sunder_err err =
        sunder_would_allow(state->policy, state->view, step->judge.event, state->arena, record);
    if (err == SUNDER_ERR_FULL) { /* The deny stands; only nothing more is told. */
        sunder_arena_rewind(state->arena, mark);
        err = SUNDER_OK;
    }
    return err;
}

static enum sunder_err judge_act(struct sunder_step *step)
{
    struct sunder_judge *judge = &step->judge;
    SUNDER_TRY(sunder_judge_chain(judge));
    struct sunder_catalogue_trouble trouble;
    SUNDER_TRY(sunder_judge_duties(judge, &trouble));
    SUNDER_TRY(sunder_judge_scopes(judge));
    if (judge->duty_count == 0) {
        SUNDER_TRY(sunder_judge_deny(judge, 5, SUNDER_STR("no_duty"), (struct sunder_str){0},
            SUNDER_STR("no entry of the catalogue maps this tool and action to a duty")));
    }
    if (judge->reason_count != 0) {
        SUNDER_TRY(know_keys(judge));
        return answer(step, 5, false);
    }
    SUNDER_TRY(sunder_judge_context(judge, &trouble));
    if (judge->reason_count != 0) {
        return answer(step, 6, false);
    }
    SUNDER_TRY(sunder_judge_bounds(judge));
    if (judge->reason_count != 0) {
        return answer(step, 7, false);
    }
    SUNDER_TRY(sunder_judge_rules(judge));
    SUNDER_TRY(answer(step, 8, false));
    SUNDER_TRY(disclose(step));
    return sunder_judge_watches(judge) ? SUNDER_OK : sunder_answer_revocations(step, false);
}

/* Texts are not checked yet; those that are too long for a key are refused in a moment. */
static bool is_short(struct sunder_str text)
{
    return text.at != NULL && text.len <= SUNDER_IDENTIFIER_BYTES_MAX;
}

/* The rows that almost every intent needs, so that they are fetched at once, while its form is looked at, and not one after the
 * other. */
static void expect_rows(const struct sunder_judge *judge)
{
    const struct sunder_view *view = judge->state.view;
    const struct sunder_event *event = judge->event;
    if (view->expect == NULL || judge->domain_id == 0) {
        return;
    }
    struct sunder_key rows[SUNDER_EXPECT_MAX];
    struct sunder_str keys[SUNDER_EXPECT_MAX];
    uint32_t count = 0;
    const struct sunder_str names[] = {event->agent, event->principal, event->credential,
        event->delegation.count > 0 ? event->delegation.at[0] : (struct sunder_str){0},
        event->delegation.count > 1 ? event->delegation.at[1] : (struct sunder_str){0}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (is_short(names[i])) {
            sunder_key_start(&rows[count], SUNDER_TABLE_NAME, judge->tenant_id);
            sunder_key_text(&rows[count++], names[i]);
        }
    }
    if (is_short(event->id)) {
        sunder_record_intent_key(&rows[count++], judge->domain_id, event->id);
    }
    sunder_key_start(&rows[count], SUNDER_TABLE_RECORD, 0);
    sunder_key_u64(&rows[count++], (uint64_t)event->at.offset);
    const struct {
        uint16_t space;
        struct sunder_str text;
    } places[] = {
        {SUNDER_SPACE_OBJECT, event->objects.count > 0 ? event->objects.at[0] : (struct sunder_str){0}},
        {SUNDER_SPACE_OBJECT, event->objects.count > 1 ? event->objects.at[1] : (struct sunder_str){0}},
        {SUNDER_SPACE_CASE, event->case_id},
        {SUNDER_SPACE_TASK, event->task},
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (is_short(places[i].text)) {
            sunder_key_start(&rows[count], SUNDER_TABLE_KEY, judge->domain_id);
            sunder_key_u16(&rows[count], places[i].space);
            sunder_key_text(&rows[count++], places[i].text);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = sunder_key_str(&rows[i]);
    }
    view->expect(view->ctx, keys, count);
}

enum sunder_err sunder_decide_intent(struct sunder_step *step)
{
    struct sunder_judge *judge = &step->judge;
    expect_rows(judge);
    SUNDER_TRY(sunder_judge_identify(judge));
    if (judge->reason_count != 0) {
        return stop(step, 1);
    }
    if (!step->readable) {
        struct sunder_str names[SUNDER_DOMAIN_FIELDS_MAX];
        uint32_t count = sunder_domain_missing(judge->state.policy, judge->event, names);
        for (uint32_t i = 0; i < count; i++) {
            SUNDER_TRY(sunder_judge_deny(judge, 2, SUNDER_STR("context_missing"), names[i],
                sunder_text(judge->state.arena, SUNDER_STR("`"), names[i],
                    SUNDER_STR("` is part of the domain and absent"))));
        }
        return stop(step, 2);
    }
    if (judge->state.view->expect != NULL) {
        judge->state.view->expect(judge->state.view->ctx, NULL, 0);
    }
    const struct sunder_record *copy = NULL;
    SUNDER_TRY(sunder_judge_copies(judge, &copy));
    if (copy != NULL) {
        return answer_copy(step, copy);
    }
    return judge->reason_count != 0 ? answer(step, 4, true) : judge_act(step);
}
