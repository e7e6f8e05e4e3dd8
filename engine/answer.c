#include "engine/answer.h"

#include "engine/base/decimal.h"
#include "engine/base/text.h"
#include "engine/rules/credential.h"

static bool is_copied(enum sunder_event_kind kind)
{
    return kind == SUNDER_EVENT_TASK || kind == SUNDER_EVENT_DELEGATION || kind == SUNDER_EVENT_CONTROL;
}

enum sunder_err sunder_step_start(struct sunder_step *step, const struct sunder_policy *policy,
    const struct sunder_view *view, const struct sunder_event *event, struct sunder_arena *arena)
{
    step->judge.state = (struct sunder_state){.policy = policy, .view = view, .arena = arena};
    step->judge.event = event;
    step->judge.now_ms = event->at.timestamp_ms;
    struct sunder_str domain = {0};
    if (is_copied(event->kind)) {
        domain = sunder_identifier(event->tenant) ? event->tenant : domain;
    } else {
        SUNDER_TRY(sunder_domain_of(policy, event, arena, &domain));
    }
    step->readable = domain.at != NULL;
    return step->readable ? sunder_judge_start(&step->judge, domain) : SUNDER_OK;
}

/* Into a zeroed record. */
static void start(const struct sunder_step *step, enum sunder_record_kind kind, struct sunder_decision *record)
{
    const struct sunder_judge *judge = &step->judge;
    const struct sunder_event *event = judge->event;
    record->judged = judge;
    record->kind = kind;
    record->source = event->at;
    record->stream_time_ms = judge->now_ms;
    record->policy = judge->state.policy->digest;
    record->engine = SUNDER_STR(SUNDER_ENGINE_VERSION);
    record->event = event->id;
    record->publisher = event->source;
    if (sunder_identifier(event->tenant)) {
        record->tenant = event->tenant;
    }
    if (step->readable) {
        record->domain = judge->domain;
    }
}

enum sunder_err sunder_answer(
    const struct sunder_step *step, enum sunder_record_kind kind, struct sunder_decision **ret_record)
{
    struct sunder_decision *record = SUNDER_ARENA_NEW(step->judge.state.arena, struct sunder_decision, 1);
    if (record == NULL) {
        return SUNDER_ERR_FULL;
    }
    start(step, kind, record);
    *ret_record = record;
    return SUNDER_OK;
}

void sunder_answer_give(struct sunder_step *step, struct sunder_decision *record)
{
    step->out->records = record;
    step->out->count = 1;
    step->out->evaluations = step->judge.evaluations;
}

enum sunder_err sunder_answer_dead(
    struct sunder_step *step, struct sunder_str code, struct sunder_str field, struct sunder_str message)
{
    step->out->dead_letter = true;
    step->out->code = code;
    step->out->field = field;
    step->out->message = message;
    /* A copied kind that is refused is copied nowhere, so it must not move stream time in one partition only (G4). */
    bool copied = is_copied(step->judge.event->kind) && step->judge.state.policy->domain_field_count > 1;
    if (!step->readable || copied) {
        return SUNDER_OK;
    }
    struct sunder_decision *record = NULL;
    SUNDER_TRY(sunder_answer(step, SUNDER_RECORD_DEAD_LETTER, &record));
    record->code = code;
    record->field = field;
    sunder_answer_give(step, record);
    return SUNDER_OK;
}

static void common(const struct sunder_event *event, struct sunder_decision *record)
{
    record->agent = event->agent;
    record->credential = event->credential;
    record->task = event->task;
    record->purpose = event->purpose;
    record->tool = event->tool;
    record->action = event->action;
    record->amount = event->amount;
    record->currency = event->currency;
    record->confidence = event->confidence;
    record->labels = event->labels;
    record->parents = event->parents;
    record->idempotency_key = event->idempotency_key;
    record->digest = event->digest;
}

static void add_claim(struct sunder_subject *subjects, uint32_t *count, struct sunder_str id, uint32_t role)
{
    if (id.at == NULL) {
        return;
    }
    for (uint32_t i = 0; i < *count; i++) {
        if (sunder_str_equal(subjects[i].id, id)) {
            subjects[i].roles |= role == SUNDER_ROLE_DELEGATOR ? 0 : role;
            return;
        }
    }
    subjects[*count] = (struct sunder_subject){id, role};
    *count += 1;
}

enum sunder_err sunder_answer_claims(const struct sunder_step *step, struct sunder_decision *record)
{
    const struct sunder_event *event = step->judge.event;
    struct sunder_arena *arena = step->judge.state.arena;
    common(event, record);
    record->principal = event->principal;
    struct sunder_subject *subjects =
        SUNDER_ARENA_NEW(arena, struct sunder_subject, event->delegation.count + 3);
    struct sunder_str *objects = SUNDER_ARENA_NEW(arena, struct sunder_str, event->objects.count);
    if (subjects == NULL || objects == NULL) {
        return SUNDER_ERR_FULL;
    }
    add_claim(subjects, &record->subject_count, event->agent, SUNDER_ROLE_AGENT);
    for (uint32_t i = 0; i < event->delegation.count; i++) {
        if (!sunder_str_equal(event->delegation.at[i], event->principal)) {
            add_claim(subjects, &record->subject_count, event->delegation.at[i], SUNDER_ROLE_DELEGATOR);
        }
    }
    add_claim(subjects, &record->subject_count, event->principal, SUNDER_ROLE_PRINCIPAL);
    add_claim(subjects, &record->subject_count, event->credential, SUNDER_ROLE_CREDENTIAL);
    record->subjects = subjects;
    uint32_t count = 0;
    for (uint32_t i = 0; i < event->objects.count; i++) {
        uint32_t at = count;
        while (at > 0 && sunder_str_compare(objects[at - 1], event->objects.at[i]) > 0) {
            at -= 1;
        }
        if (at > 0 && sunder_str_equal(objects[at - 1], event->objects.at[i])) {
            continue;
        }
        memmove(objects + at + 1, objects + at, (count - at) * sizeof *objects);
        objects[at] = event->objects.at[i];
        count += 1;
    }
    record->objects = (struct sunder_strs){objects, count};
    record->cases = (struct sunder_strs){&event->case_id, event->case_id.at == NULL ? 0 : 1};
    return SUNDER_OK;
}

static enum sunder_err measures(const struct sunder_judge *judge, struct sunder_decision *record)
{
    struct sunder_arena *arena = judge->state.arena;
    struct sunder_measure *list = SUNDER_ARENA_NEW(arena, struct sunder_measure, judge->candidate_count);
    struct sunder_rule_key *keys = SUNDER_ARENA_NEW(arena, struct sunder_rule_key, judge->candidate_count);
    if (list == NULL || keys == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < judge->candidate_count; i++) {
        const struct sunder_candidate *candidate = &judge->candidates[i];
        const struct sunder_rule *rule = candidate->rule;
        if (rule->per == SUNDER_PER_EXPR && candidate->keys != NULL && candidate->tells_key) {
            keys[record->rule_key_count] = (struct sunder_rule_key){rule->name, candidate->keys->at[0].text};
            record->rule_key_count += 1;
        }
        bool measured =
            rule->kind == SUNDER_RULE_LIMIT && rule->value != NULL && candidate->has_value;
        if (!measured) {
            continue;
        }
        struct sunder_str text = candidate->value.text;
        if (rule->aggregate == SUNDER_AGGREGATE_SUM) {
            char plain[SUNDER_DECIMAL_TEXT_MAX];
            uint32_t len = sunder_decimal_format(candidate->value.micro, plain);
            text = sunder_str_copy(arena, (struct sunder_str){plain, len});
        }
        list[record->measure_count] = (struct sunder_measure){rule->name, text};
        record->measure_count += 1;
    }
    record->measures = list;
    record->rule_keys = keys;
    return SUNDER_OK;
}

/* Labels as they came together (S16). */
static enum sunder_err flow(const struct sunder_judge *judge, struct sunder_decision *record)
{
    const struct {
        struct sunder_strs *names;
        uint8_t bits;
        uint8_t without;
    } lists[] = {
        {&record->carries, SUNDER_LABEL_CARRIED, 0},
        {&record->claimed, SUNDER_LABEL_CLAIMED, SUNDER_LABEL_GIVEN},
        {&record->gains, SUNDER_LABEL_GAINED, 0},
    };
    record->labels = judge->labels;
    for (size_t i = 0; judge->flow.all.count != 0 && i < sizeof lists / sizeof lists[0]; i++) {
        SUNDER_TRY(sunder_flow_names(
            &judge->flow, judge->state.arena, lists[i].bits, lists[i].without, lists[i].names));
    }
    return SUNDER_OK;
}

enum sunder_err sunder_answer_act(const struct sunder_step *step, struct sunder_decision *record)
{
    const struct sunder_judge *judge = &step->judge;
    common(judge->event, record);
    record->principal = judge->principal;
    record->subjects = judge->subjects;
    record->subject_count = judge->subject_count;
    record->objects = (struct sunder_strs){judge->objects, judge->object_count};
    record->cases = (struct sunder_strs){judge->cases, judge->case_count};
    record->phases = judge->phases;
    record->tier = judge->tier;
    SUNDER_TRY(flow(judge, record));
    struct sunder_str *duties =
        SUNDER_ARENA_NEW(judge->state.arena, struct sunder_str, judge->duty_count);
    if (duties == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < judge->duty_count; i++) {
        duties[i] = sunder_judge_duty_name(judge, judge->duties[i]);
    }
    record->duties = (struct sunder_strs){duties, judge->duty_count};
    return measures(judge, record);
}

static enum sunder_err add_findings(const struct sunder_step *step, struct sunder_decision *record,
    const struct sunder_finding *more, uint32_t count)
{
    struct sunder_finding *list = SUNDER_ARENA_NEW(
        step->judge.state.arena, struct sunder_finding, (size_t)record->finding_count + count);
    if (list == NULL) {
        return SUNDER_ERR_FULL;
    }
    if (record->finding_count != 0) {
        memcpy(list, record->findings, record->finding_count * sizeof *list);
    }
    memcpy(list + record->finding_count, more, count * sizeof *list);
    record->findings = list;
    record->finding_count += count;
    return SUNDER_OK;
}

enum sunder_err sunder_answer_full(const struct sunder_step *step, struct sunder_decision *record)
{
    const struct sunder_judge *judge = &step->judge;
    struct sunder_finding full = {.code = SUNDER_STR("limit_reached"), .field = SUNDER_STR("labels")};
    if (judge->flow.full) {
        SUNDER_TRY(add_findings(step, record, &full, 1));
    }
    full.field = (struct sunder_str){0};
    return sunder_judge_is_full(judge) ? add_findings(step, record, &full, 1) : SUNDER_OK;
}

enum sunder_err sunder_answer_shared(const struct sunder_step *step, struct sunder_decision *record)
{
    const struct sunder_judge *judge = &step->judge;
    if (judge->event->credential.at == NULL) {
        return SUNDER_OK;
    }
    struct sunder_use use = {
        .domain = judge->domain_id, .agent = judge->names[0].id, .agent_text = judge->event->agent};
    for (uint32_t i = 0; i < judge->subject_count; i++) {
        bool used = (judge->subjects[i].roles & SUNDER_ROLE_CREDENTIAL) != 0;
        use.credential = used && i != 0 ? judge->names[i].id : use.credential;
    }
    const struct sunder_finding *shared = NULL;
    uint32_t count = 0;
    SUNDER_TRY(sunder_credential_findings(&judge->state, &use, &shared, &count));
    return count == 0 ? SUNDER_OK : add_findings(step, record, shared, count);
}

enum sunder_err sunder_answer_reasons(const struct sunder_step *step,
    const struct sunder_reason_node *list,
    uint32_t count,
    const struct sunder_reason **ret_reasons)
{
    struct sunder_reason *reasons = SUNDER_ARENA_NEW(step->judge.state.arena, struct sunder_reason, count);
    if (reasons == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; list != NULL; list = list->next, i++) {
        SUNDER_MUST(i < count);
        reasons[i] = list->reason;
    }
    *ret_reasons = reasons;
    return SUNDER_OK;
}

enum sunder_err sunder_answer_revoke(
    struct sunder_step *step, struct sunder_str subject, const struct sunder_reason *reason)
{
    struct sunder_outputs *out = step->out;
    for (uint32_t i = 1; i < out->count; i++) {
        if (sunder_str_equal(out->records[i].subject, subject)) {
            return SUNDER_OK;
        }
    }
    if (out->count == SUNDER_OUTPUT_RECORDS_MAX) {
        return SUNDER_ERR_FULL;
    }
    if (out->count == 1) {
        struct sunder_decision *records =
            SUNDER_ARENA_NEW(step->judge.state.arena, struct sunder_decision, SUNDER_OUTPUT_RECORDS_MAX);
        if (records == NULL) {
            return SUNDER_ERR_FULL;
        }
        records[0] = out->records[0];
        out->records = records;
    }
    struct sunder_decision *record = &out->records[out->count];
    start(step, SUNDER_RECORD_REVOCATION, record);
    record->index = out->count;
    record->subject = subject;
    record->intent = step->judge.event->id;
    record->control = step->judge.event->control;
    record->reasons = reason;
    record->reason_count = 1;
    out->count += 1;
    return SUNDER_OK;
}

/* A revocation tells the chain of its own subject. */
static enum sunder_err revoke_for(
    struct sunder_step *step, const struct sunder_reason *fired, struct sunder_str subject)
{
    if (subject.at == NULL) {
        return SUNDER_OK;
    }
    const struct sunder_reason *reason = NULL;
    SUNDER_TRY(sunder_judge_reason_for(&step->judge, fired->rule, subject, &reason));
    return sunder_answer_revoke(step, subject, reason);
}

enum sunder_err sunder_answer_revocations(struct sunder_step *step, bool observed)
{
    for (const struct sunder_reason_node *node = step->judge.reasons; node != NULL; node = node->next) {
        const struct sunder_reason *reason = &node->reason;
        bool sequence = sunder_str_equal(reason->code, SUNDER_STR("sequence"));
        bool toxic = observed && reason->effect == SUNDER_EFFECT_DENY &&
                     (sequence || sunder_str_equal(reason->code, SUNDER_STR("separation")));
        if (reason->rule.at == NULL || (!toxic && reason->effect != SUNDER_EFFECT_REVOKE)) {
            continue;
        }
        if (sequence && reason->subject.at == NULL) { /* along information: whoever completes it */
            SUNDER_TRY(sunder_answer_revoke(step, step->judge.subjects[0].id, reason));
            continue;
        }
        SUNDER_TRY(revoke_for(step, reason, reason->subject));
        for (uint32_t i = 0; i < reason->also_count; i++) {
            SUNDER_TRY(revoke_for(step, reason, reason->also[i].subject));
        }
    }
    return SUNDER_OK;
}
