#include "engine/answer.h"
#include "engine/base/text.h"

static enum sunder_err find_one(const struct sunder_step *step, struct sunder_decision *record,
    struct sunder_str code, struct sunder_str intent)
{
    struct sunder_finding *finding = SUNDER_ARENA_NEW(step->judge.state.arena, struct sunder_finding, 1);
    if (finding == NULL) {
        return SUNDER_ERR_FULL;
    }
    *finding = (struct sunder_finding){.code = code, .intent = intent};
    record->findings = finding;
    record->finding_count = 1;
    return SUNDER_OK;
}

static enum sunder_err not_authorised(struct sunder_step *step, struct sunder_str message)
{
    return sunder_answer_dead(step, SUNDER_STR("not_authorised"), (struct sunder_str){0}, message);
}

static bool among(struct sunder_strs texts, struct sunder_str text)
{
    for (uint32_t i = 0; i < texts.count; i++) {
        if (sunder_str_equal(texts.at[i], text)) {
            return true;
        }
    }
    return false;
}

/* Whether the event's source is a subject of the intent. */
static enum sunder_err is_subject(
    const struct sunder_judge *judge, const struct sunder_record *intent, bool *ret_subject)
{
    struct sunder_name name;
    SUNDER_TRY(sunder_name_find(&judge->state, judge->tenant_id, judge->event->source, &name));
    *ret_subject = false;
    for (uint32_t i = 0; name.id != 0 && i < intent->subject_count; i++) {
        *ret_subject = *ret_subject || intent->subjects[i] == name.id;
    }
    return SUNDER_OK;
}

/* The state machine of S6 and S8. own: the intent's agent reports. */
static void outcome_effect(
    const struct sunder_record *intent, bool own, struct sunder_decision *record, struct sunder_str *ret_finding)
{
    bool executed = record->result == SUNDER_OUTCOME_EXECUTED;
    record->outcome_effect = SUNDER_OUTCOME_EFFECT_NONE;
    switch (intent->state) {
    case SUNDER_FACT_NONE:
        if (executed) {
            record->outcome_effect = SUNDER_OUTCOME_EFFECT_LATE;
            *ret_finding = SUNDER_STR("executed_without_allow");
        }
        break;
    case SUNDER_FACT_RESERVED:
        if (executed) {
            record->outcome_effect = SUNDER_OUTCOME_EFFECT_CONFIRMED;
        } else if (!own) {
            record->outcome_effect = SUNDER_OUTCOME_EFFECT_RELEASED;
        }
        break;
    case SUNDER_FACT_CONFIRMED:
        if (!executed && !own) {
            *ret_finding = SUNDER_STR("outcome_conflict");
        }
        break;
    case SUNDER_FACT_RELEASED:
        if (executed) {
            record->outcome_effect = SUNDER_OUTCOME_EFFECT_RESTORED;
            *ret_finding = SUNDER_STR("executed_after_release");
        }
        break;
    }
}

enum sunder_err sunder_decide_outcome(struct sunder_step *step)
{
    struct sunder_judge *judge = &step->judge;
    const struct sunder_event *event = judge->event;
    struct sunder_record intent;
    bool found = false;
    if (judge->domain_id != 0) {
        SUNDER_TRY(sunder_record_find(&judge->state, judge->domain_id, event->intent, &found, &intent));
    }
    bool own = found && sunder_str_equal(event->source, intent.agent);
    bool subject = false;
    if (found) {
        SUNDER_TRY(is_subject(judge, &intent, &subject));
    }
    if (event->result != SUNDER_OUTCOME_EXECUTED && !own && subject) {
        return not_authorised(step, SUNDER_STR("a subject of an intent may not release it"));
    }
    struct sunder_decision *record = NULL;
    SUNDER_TRY(sunder_answer(step, SUNDER_RECORD_OUTCOME, &record));
    record->intent = event->intent;
    record->result = event->result;
    SUNDER_TRY(sunder_judge_recorded(&step->judge, &record->duplicate));
    if (!record->duplicate && !found) {
        return sunder_answer_dead(step, SUNDER_STR("intent_unknown"), (struct sunder_str){0},
            SUNDER_STR("no intent with this id was decided"));
    }
    struct sunder_str finding = {0};
    if (!record->duplicate) {
        outcome_effect(&intent, own, record, &finding);
    }
    if (finding.at != NULL) {
        SUNDER_TRY(find_one(step, record, finding, event->intent));
    }
    sunder_answer_give(step, record);
    return SUNDER_OK;
}

enum sunder_err sunder_decide_task(struct sunder_step *step)
{
    struct sunder_judge *judge = &step->judge;
    const struct sunder_event *event = judge->event;
    struct sunder_task task = {0};
    if (judge->tenant_id != 0) {
        SUNDER_TRY(sunder_task_get(&judge->state, judge->tenant_id, event->task, &task));
    }
    if (among(task.agents, event->source) || among(event->agents, event->source)) {
        return not_authorised(step, SUNDER_STR("an agent of a task may not change it"));
    }
    struct sunder_decision *record = NULL;
    SUNDER_TRY(sunder_answer(step, SUNDER_RECORD_TASK, &record));
    SUNDER_TRY(sunder_judge_recorded(&step->judge, &record->duplicate));
    bool opens = event->task_state == SUNDER_TASK_OPENED;
    if (!record->duplicate && opens && task.known) {
        return sunder_answer_dead(step, SUNDER_STR("task_reused"), SUNDER_STR("task"),
            SUNDER_STR("a task id is never opened again"));
    }
    if (!record->duplicate && !opens && (!task.known || task.ended)) {
        return sunder_answer_dead(step, task.known ? SUNDER_STR("task_ended") : SUNDER_STR("task_unknown"),
            SUNDER_STR("task"),
            task.known ? SUNDER_STR("the task has ended, which is final") : SUNDER_STR("no record opened this task"));
    }
    record->task = event->task;
    record->task_state = event->task_state;
    record->principal = event->principal;
    record->purpose = event->purpose;
    record->case_id = event->case_id;
    record->has_duties = event->has_duties;
    record->duties = event->duties;
    record->has_agents = event->has_agents;
    record->agents = event->agents;
    record->has_expires = event->has_expires;
    record->expires_ms = event->expires_ms;
    sunder_answer_give(step, record);
    return SUNDER_OK;
}

static enum sunder_err find_edge(const struct sunder_step *step, bool *ret_known, uint32_t *ret_count)
{
    const struct sunder_judge *judge = &step->judge;
    const struct sunder_event *event = judge->event;
    *ret_known = false;
    *ret_count = 0;
    struct sunder_name to = {0};
    if (judge->tenant_id != 0) {
        SUNDER_TRY(sunder_name_find(&judge->state, judge->tenant_id, event->to, &to));
    }
    if ((to.flags & SUNDER_NAME_HAS_EDGES) == 0) {
        return SUNDER_OK;
    }
    struct sunder_edges edges;
    SUNDER_TRY(sunder_edges_get(&judge->state, judge->tenant_id, to.id, &edges));
    for (uint32_t i = 0; i < edges.count; i++) {
        bool same_task = (edges.at[i].task.at == NULL) == (event->task.at == NULL) &&
                         sunder_str_equal(edges.at[i].task, event->task);
        *ret_known = *ret_known || (same_task && sunder_str_equal(edges.at[i].from, event->from));
    }
    *ret_count = edges.count;
    return SUNDER_OK;
}

enum sunder_err sunder_decide_delegation(struct sunder_step *step)
{
    const struct sunder_event *event = step->judge.event;
    struct sunder_decision *record = NULL;
    SUNDER_TRY(sunder_answer(step, SUNDER_RECORD_DELEGATION, &record));
    SUNDER_TRY(sunder_judge_recorded(&step->judge, &record->duplicate));
    bool known = false;
    uint32_t count = 0;
    SUNDER_TRY(find_edge(step, &known, &count));
    if (!record->duplicate && event->revoked && !known) {
        return sunder_answer_dead(step, SUNDER_STR("delegation_unknown"), (struct sunder_str){0},
            SUNDER_STR("no such delegation was recorded"));
    }
    if (!record->duplicate && !known && count >= SUNDER_EDGES_MAX) {
        return sunder_answer_dead(step, SUNDER_STR("limit_reached"), SUNDER_STR("to"),
            SUNDER_STR("too many delegations lead to this agent"));
    }
    record->from = event->from;
    record->to = event->to;
    record->task = event->task;
    record->has_duties = event->has_duties;
    record->duties = event->duties;
    record->has_expires = event->has_expires;
    record->expires_ms = event->expires_ms;
    record->revoked = event->revoked;
    sunder_answer_give(step, record);
    return SUNDER_OK;
}

enum sunder_err sunder_decide_case(struct sunder_step *step)
{
    struct sunder_judge *judge = &step->judge;
    const struct sunder_event *event = judge->event;
    bool is_case = event->case_id.at != NULL;
    struct sunder_str key = is_case ? event->case_id : event->object;
    struct sunder_key_row row;
    SUNDER_TRY(sunder_key_row_get(
        &judge->state, judge->domain_id, is_case ? SUNDER_SPACE_CASE : SUNDER_SPACE_OBJECT, key, &row));
    struct sunder_name publisher;
    SUNDER_TRY(sunder_name_find(&judge->state, judge->tenant_id, event->source, &publisher));
    bool member = false;
    if (publisher.id != 0) {
        SUNDER_TRY(sunder_key_row_member(&judge->state, &row, publisher.id, &member));
    }
    if (member) {
        return not_authorised(step, SUNDER_STR("a subject of a fact under this key may not close it"));
    }
    struct sunder_decision *record = NULL;
    SUNDER_TRY(sunder_answer(step, SUNDER_RECORD_CASE, &record));
    SUNDER_TRY(sunder_judge_recorded(&step->judge, &record->duplicate));
    if (!record->duplicate && (row.flags & SUNDER_KEY_CLOSED) != 0) {
        return sunder_answer_dead(
            step, SUNDER_STR("case_closed"), key, SUNDER_STR("this case is closed already"));
    }
    if (!record->duplicate && row.reserved != 0) {
        return sunder_answer_dead(step, SUNDER_STR("case_busy"), key,
            SUNDER_STR("an allowed act under this key still awaits its outcome"));
    }
    record->case_id = event->case_id;
    record->object = event->object;
    sunder_answer_give(step, record);
    return SUNDER_OK;
}

enum sunder_err sunder_decide_control(struct sunder_step *step)
{
    const struct sunder_event *event = step->judge.event;
    if (event->control != SUNDER_CONTROL_QUARANTINE && event->control != SUNDER_CONTROL_RELEASE) {
        return sunder_answer_dead(step, SUNDER_STR("kind_unsupported"), SUNDER_STR("control"),
            SUNDER_STR("this build has no such control"));
    }
    if (sunder_str_equal(event->source, event->subject)) {
        return not_authorised(step, SUNDER_STR("nobody may quarantine or release themselves"));
    }
    struct sunder_decision *record = NULL;
    SUNDER_TRY(sunder_answer(step, SUNDER_RECORD_CONTROL, &record));
    SUNDER_TRY(sunder_judge_recorded(&step->judge, &record->duplicate));
    record->control = event->control;
    record->subject = event->subject;
    sunder_answer_give(step, record);
    if (record->duplicate) {
        return SUNDER_OK;
    }
    if (event->control == SUNDER_CONTROL_RELEASE) {
        step->out->released = event->subject;
        return SUNDER_OK;
    }
    struct sunder_reason *reason = SUNDER_ARENA_NEW(step->judge.state.arena, struct sunder_reason, 1);
    if (reason == NULL) {
        return SUNDER_ERR_FULL;
    }
    *reason = (struct sunder_reason){
        .code = SUNDER_STR("quarantined"),
        .subject = event->subject,
        .message = sunder_text(step->judge.state.arena, event->subject, SUNDER_STR(" was quarantined by "),
            event->source),
        .effect = SUNDER_EFFECT_REVOKE,
        .stage = 8,
    };
    return sunder_answer_revoke(step, event->subject, reason);
}
