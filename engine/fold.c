#include "engine/engine.h"
#include "engine/fold_label.h"
#include "engine/rules/credential.h"

#include "engine/base/decimal.h"

/* Everything that one fold needs. */
struct fold {
    struct sunder_state state;
    const struct sunder_decision *record;
    struct sunder_scope scope;
    struct sunder_name name; /* of the domain */
    uint32_t domain;
};

/* Stream time never goes back; a record carries what it was after its own event. */
static enum sunder_err put_time(struct fold *fold)
{
    int64_t time_ms = fold->record->stream_time_ms;
    if ((fold->name.flags & SUNDER_NAME_HAS_TIME) != 0 && fold->name.time_ms >= time_ms) {
        return SUNDER_OK;
    }
    fold->name.flags |= SUNDER_NAME_HAS_TIME;
    fold->name.time_ms = time_ms;
    return sunder_name_put(&fold->state, SUNDER_SCOPE_ROOT, fold->record->domain, fold->name);
}

static enum sunder_err record_measures(const struct fold *fold, struct sunder_record *record)
{
    const struct sunder_decision *decision = fold->record;
    const struct sunder_policy *policy = fold->state.policy;
    struct sunder_arena *arena = fold->state.arena;
    record->measures = SUNDER_ARENA_NEW(arena, struct sunder_record_rule, decision->measure_count);
    record->rule_keys = SUNDER_ARENA_NEW(arena, struct sunder_record_rule, decision->rule_key_count);
    if (record->measures == NULL || record->rule_keys == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < decision->measure_count; i++) {
        const struct sunder_rule *rule = sunder_policy_rule(policy, decision->measures[i].rule);
        if (rule != NULL) {
            record->measures[record->measure_count] =
                (struct sunder_record_rule){(uint16_t)(rule - policy->rules), decision->measures[i].text};
            record->measure_count += 1;
        }
    }
    for (uint32_t i = 0; i < decision->rule_key_count; i++) {
        const struct sunder_rule *rule = sunder_policy_rule(policy, decision->rule_keys[i].rule);
        if (rule != NULL) {
            record->rule_keys[record->rule_key_count] =
                (struct sunder_record_rule){(uint16_t)(rule - policy->rules), decision->rule_keys[i].key};
            record->rule_key_count += 1;
        }
    }
    return SUNDER_OK;
}

/* The judgement could not hold all of an act that counts all the same (S31); too many labels mark their holders alone. */
static bool saturates(const struct sunder_decision *decision)
{
    for (uint32_t i = 0; i < decision->finding_count; i++) {
        const struct sunder_finding *finding = &decision->findings[i];
        bool all =
            finding->field.at == NULL || sunder_str_equal(finding->field, SUNDER_STR("rules"));
        if (all && sunder_str_equal(finding->code, SUNDER_STR("limit_reached"))) {
            return true;
        }
    }
    return false;
}

/* Denied since the judgement could not hold all of it; what was done all the same marks its keys (S8, S31). A key may have one of
 * these names, and be denied because it is marked itself: then the act's others are marked, too. */
static bool is_cut(const struct sunder_decision *decision)
{
    static const struct sunder_str fields[] = {
        {"delegation", 10}, {"objects", 7}, {"cases", 5}, {"duties", 6}, {"rules", 5}};
    for (uint32_t i = 0; i < decision->reason_count; i++) {
        const struct sunder_reason *reason = &decision->reasons[i];
        if (reason->rule.at != NULL ||
            !sunder_str_equal(reason->code, SUNDER_STR("limit_reached"))) {
            continue;
        }
        for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++) {
            if (sunder_str_equal(reason->field, fields[f])) {
                return true;
            }
        }
    }
    return false;
}

static enum sunder_err record_of(const struct fold *fold, struct sunder_record *ret_record)
{
    const struct sunder_decision *decision = fold->record;
    struct sunder_record record = {
        .position = (uint64_t)decision->source.offset,
        .decided_position = (uint64_t)decision->source.offset,
        .decided_ms = decision->stream_time_ms,
        .fact_ms = decision->stream_time_ms,
        .domain = fold->domain,
        .verdict = decision->verdict,
        .reached_rules = decision->stage == 8,
        .cut = is_cut(decision) || saturates(decision),
        .phases = (uint8_t)decision->phases,
        .digest = decision->digest,
        .intent = decision->event,
        .agent = decision->agent,
        .task = decision->task,
        .objects = decision->objects,
        .cases = decision->cases,
        .has_amount = decision->amount.present && !decision->amount.range,
        .amount_micro = decision->amount.micro,
        .currency = decision->currency,
    };
    record.subject_count = decision->subject_count;
    record.subjects = SUNDER_ARENA_NEW(fold->state.arena, uint32_t, record.subject_count);
    if (record.subjects == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < record.subject_count; i++) {
        record.subjects[i] = decision->judged != NULL ? decision->judged->names[i].id : 0;
        if (record.subjects[i] == 0) {
            struct sunder_name name;
            SUNDER_TRY(sunder_name_intern(&fold->state, fold->scope.tenant, decision->subjects[i].id, &name));
            record.subjects[i] = name.id;
        }
        if (sunder_str_equal(decision->subjects[i].id, decision->credential)) {
            record.credential = i;
        }
    }
    SUNDER_TRY(sunder_duty_ids(&fold->state, decision->duties, &record.duties, &record.duty_count));
    SUNDER_TRY(record_measures(fold, &record));
    *ret_record = record;
    return SUNDER_OK;
}

/* Who was seen with a credential (S14). */
static enum sunder_err note_use(const struct fold *fold, const struct sunder_record *record, bool seen)
{
    bool fact = record->state != SUNDER_FACT_NONE;
    if (record->credential == 0 || (!seen && !fact)) {
        return SUNDER_OK;
    }
    struct sunder_use use = {
        .domain = fold->domain,
        .credential = record->subjects[record->credential],
        .agent = record->subjects[0],
        .agent_text = record->agent,
    };
    return sunder_credential_note(
        &fold->state, &use, seen, fact ? record->intent : (struct sunder_str){0});
}

static enum sunder_err fold_decision(const struct fold *fold)
{
    const struct sunder_decision *decision = fold->record;
    if (decision->stage < 5) {
        return SUNDER_OK; /* Refused before anything of it was known for sure: not remembered (S7). */
    }
    struct sunder_record record;
    SUNDER_TRY(record_of(fold, &record));
    bool allowed = decision->verdict == SUNDER_VERDICT_ALLOW;
    record.state = allowed ? SUNDER_FACT_RESERVED : SUNDER_FACT_NONE;
    /* Before the act itself can be found under its id: a parent of that id is an earlier one. */
    SUNDER_TRY(sunder_fold_labels(&fold->state, fold->scope, decision, &record));
    SUNDER_TRY(sunder_record_remember(&fold->state, &record));
    SUNDER_TRY(note_use(fold, &record, record.reached_rules));
    if (decision->idempotency_key.at != NULL) {
        struct sunder_name agent;
        SUNDER_TRY(sunder_name_intern(&fold->state, fold->scope.tenant, decision->agent, &agent));
        struct sunder_retry retry = {fold->domain, agent.id, decision->idempotency_key};
        SUNDER_TRY(sunder_record_index_retry(&fold->state, retry, record.position));
    }
    if (record.reached_rules) {
        SUNDER_TRY(sunder_fact_attempt(&fold->state, fold->scope, &record));
    }
    struct sunder_fact_work work = {
        .change = SUNDER_FACT_ADD, .saturate = saturates(decision), .judged = decision->judged};
    return allowed ? sunder_fact_apply(&fold->state, fold->scope, &record, work) : SUNDER_OK;
}

static enum sunder_err fold_observed(const struct fold *fold)
{
    struct sunder_record record;
    SUNDER_TRY(record_of(fold, &record));
    record.state = SUNDER_FACT_CONFIRMED;
    SUNDER_TRY(sunder_fold_labels(&fold->state, fold->scope, fold->record, &record));
    SUNDER_TRY(sunder_record_put(&fold->state, &record));
    SUNDER_TRY(
        sunder_record_index_observed(&fold->state, fold->domain, record.intent, record.position));
    SUNDER_TRY(note_use(fold, &record, true));
    struct sunder_fact_work work = {
        .change = SUNDER_FACT_ADD, .saturate = saturates(fold->record), .judged = fold->record->judged};
    return sunder_fact_apply(&fold->state, fold->scope, &record, work);
}

/* A late fact is a new fact, at the outcome's position and time; the intent's id points to it from now on (S8). */
static enum sunder_err fold_late(const struct fold *fold, struct sunder_record *record)
{
    uint64_t decided = record->position;
    record->position = (uint64_t)fold->record->source.offset;
    record->fact_ms = fold->record->stream_time_ms;
    record->state = SUNDER_FACT_CONFIRMED;
    SUNDER_TRY(sunder_record_remember(&fold->state, record));
    SUNDER_TRY(sunder_fold_late_labels(&fold->state, fold->scope, decided, record));
    SUNDER_TRY(note_use(fold, record, false));
    struct sunder_fact_work work = {.change = SUNDER_FACT_ADD, .saturate = record->cut};
    return sunder_fact_apply(&fold->state, fold->scope, record, work);
}

static enum sunder_err fold_outcome(const struct fold *fold)
{
    if (fold->record->outcome_effect == SUNDER_OUTCOME_EFFECT_NONE) {
        return SUNDER_OK;
    }
    struct sunder_record record;
    bool found = false;
    SUNDER_TRY(
        sunder_record_find(&fold->state, fold->domain, fold->record->intent, &found, &record));
    if (!found) {
        return SUNDER_ERR_CORRUPT; /* decide saw it, so the log before this record lacks something. */
    }
    struct sunder_fact_work work = {.change = SUNDER_FACT_CONFIRM};
    switch (fold->record->outcome_effect) {
    case SUNDER_OUTCOME_EFFECT_LATE:
        return fold_late(fold, &record);
    case SUNDER_OUTCOME_EFFECT_RELEASED:
        work.change = SUNDER_FACT_RELEASE;
        record.state = SUNDER_FACT_RELEASED;
        break;
    case SUNDER_OUTCOME_EFFECT_RESTORED:
        work.change = SUNDER_FACT_RESTORE;
        record.state = SUNDER_FACT_CONFIRMED;
        break;
    case SUNDER_OUTCOME_EFFECT_NONE:
    case SUNDER_OUTCOME_EFFECT_CONFIRMED:
        record.state = SUNDER_FACT_CONFIRMED;
        break;
    }
    SUNDER_TRY(sunder_record_put(&fold->state, &record));
    return sunder_fact_apply(&fold->state, fold->scope, &record, work);
}

/* Closing ends separations only (S36). */
static bool space_keeps_facts(const struct sunder_policy *policy, uint16_t space)
{
    for (uint32_t i = 0; i < policy->rule_count; i++) {
        const struct sunder_rule *rule = &policy->rules[i];
        bool asks = rule->kind == SUNDER_RULE_REQUIRES ||
                    (rule->history.asks && rule->per != SUNDER_PER_NONE);
        if (asks && sunder_space_of(policy, rule) == space) {
            return true;
        }
    }
    return false;
}

/* Ends the separation state under a key (S36); facts that `requires` or a history may still ask for stay. */
static enum sunder_err close_key(
    const struct fold *fold, uint16_t space, struct sunder_str key, uint8_t flag)
{
    struct sunder_key_row row;
    SUNDER_TRY(sunder_key_row_get(&fold->state, fold->domain, space, key, &row));
    sunder_key_row_close(&row, fold->record->source.offset, space_keeps_facts(fold->state.policy, space));
    row.flags |= flag;
    return sunder_key_row_put(&fold->state, &row);
}

static enum sunder_err fold_case(const struct fold *fold)
{
    if (fold->record->case_id.at != NULL) {
        return close_key(fold, SUNDER_SPACE_CASE, fold->record->case_id, SUNDER_KEY_CLOSED);
    }
    return close_key(fold, SUNDER_SPACE_OBJECT, fold->record->object, 0);
}

static enum sunder_err fold_task(const struct fold *fold)
{
    const struct sunder_decision *record = fold->record;
    struct sunder_name tenant;
    SUNDER_TRY(sunder_name_find(&fold->state, SUNDER_SCOPE_ROOT, record->tenant, &tenant));
    if ((tenant.flags & SUNDER_NAME_HAS_TASKS) == 0) {
        tenant.flags |= SUNDER_NAME_HAS_TASKS;
        SUNDER_TRY(sunder_name_put(&fold->state, SUNDER_SCOPE_ROOT, record->tenant, tenant));
    }
    struct sunder_task task;
    SUNDER_TRY(sunder_task_get(&fold->state, fold->scope.tenant, record->task, &task));
    task.known = true;
    if (record->has_expires) {
        task.has_expires = true;
        task.expires_ms = record->expires_ms;
    }
    if (record->task_state == SUNDER_TASK_ENDED) {
        task.ended = true;
        task.ended_at = record->source.offset;
        if (fold->state.policy->keeps_labels) {
            SUNDER_TRY(
                sunder_labels_drop(&fold->state, fold->domain, SUNDER_HOLDER_TASK, record->task));
        }
    } else if (record->task_state != SUNDER_TASK_RENEWED) {
        task.principal = record->principal.at != NULL ? record->principal : task.principal;
        task.purpose = record->purpose.at != NULL ? record->purpose : task.purpose;
        task.case_id = record->case_id.at != NULL ? record->case_id : task.case_id;
        if (record->has_duties) {
            task.has_duties = true;
            SUNDER_TRY(sunder_duty_ids(&fold->state, record->duties, &task.duties, &task.duty_count));
        }
        if (record->has_agents) {
            task.has_agents = true;
            task.agents = record->agents;
        }
    }
    return sunder_task_put(&fold->state, fold->scope.tenant, record->task, &task);
}

static enum sunder_err fold_delegation(const struct fold *fold)
{
    const struct sunder_decision *record = fold->record;
    struct sunder_name to;
    SUNDER_TRY(sunder_name_intern(&fold->state, fold->scope.tenant, record->to, &to));
    if ((to.flags & SUNDER_NAME_HAS_EDGES) == 0) {
        to.flags |= SUNDER_NAME_HAS_EDGES;
        SUNDER_TRY(sunder_name_put(&fold->state, fold->scope.tenant, record->to, to));
    }
    struct sunder_edges edges;
    SUNDER_TRY(sunder_edges_get(&fold->state, fold->scope.tenant, to.id, &edges));
    uint32_t at = 0;
    for (; at < edges.count; at++) {
        bool same_task = (edges.at[at].task.at == NULL) == (record->task.at == NULL) &&
                         sunder_str_equal(edges.at[at].task, record->task);
        if (same_task && sunder_str_equal(edges.at[at].from, record->from)) {
            break;
        }
    }
    struct sunder_edge edge = {
        .from = record->from,
        .task = record->task,
        .revoked = record->revoked,
        .has_duties = record->has_duties,
        .has_expires = record->has_expires,
        .expires_ms = record->expires_ms,
    };
    SUNDER_TRY(sunder_duty_ids(&fold->state, record->duties, &edge.duties, &edge.duty_count));
    edges.at[at] = edge; /* The latest record of (from, to, task) replaces the one before. */
    edges.count = at == edges.count ? at + 1 : edges.count;
    return sunder_edges_put(&fold->state, fold->scope.tenant, to.id, &edges);
}

static enum sunder_err fold_control(const struct fold *fold)
{
    struct sunder_name name;
    SUNDER_TRY(sunder_name_intern(&fold->state, fold->scope.tenant, fold->record->subject, &name));
    name.flags = (uint8_t)(name.flags & ~SUNDER_NAME_QUARANTINED);
    if (fold->record->control == SUNDER_CONTROL_QUARANTINE) {
        name.flags |= SUNDER_NAME_QUARANTINED;
    }
    return sunder_name_put(&fold->state, fold->scope.tenant, fold->record->subject, name);
}

static enum sunder_err fold_kind(const struct fold *fold)
{
    switch (fold->record->kind) {
    case SUNDER_RECORD_DECISION:
        return fold_decision(fold);
    case SUNDER_RECORD_OBSERVED:
        return fold_observed(fold);
    case SUNDER_RECORD_OUTCOME:
        return fold_outcome(fold);
    case SUNDER_RECORD_TASK:
        return fold_task(fold);
    case SUNDER_RECORD_DELEGATION:
        return fold_delegation(fold);
    case SUNDER_RECORD_CASE:
        return fold_case(fold);
    case SUNDER_RECORD_CONTROL:
        return fold_control(fold);
    case SUNDER_RECORD_DEAD_LETTER:
    case SUNDER_RECORD_REVOCATION:
    case SUNDER_RECORD_KIND_COUNT:
        break;
    }
    return SUNDER_OK;
}

static enum sunder_err find_scope(struct fold *fold)
{
    const struct sunder_decision *record = fold->record;
    if (record->judged != NULL && record->judged->tenant_id != 0 && record->judged->domain_id != 0) {
        fold->scope = (struct sunder_scope){record->judged->tenant_id, record->tenant};
        fold->name = record->judged->domain_name;
        fold->domain = fold->name.id;
        return SUNDER_OK;
    }
    SUNDER_TRY(sunder_name_intern(&fold->state, SUNDER_SCOPE_ROOT, record->tenant, &fold->name));
    fold->scope = (struct sunder_scope){fold->name.id, record->tenant};
    if (!sunder_str_equal(record->tenant, record->domain)) {
        SUNDER_TRY(sunder_name_intern(&fold->state, SUNDER_SCOPE_ROOT, record->domain, &fold->name));
    }
    fold->domain = fold->name.id;
    return SUNDER_OK;
}

/* A record without readable tenant or domain changes nothing. As written it has no domain, like one whose domain is the tenant; where
 * domains are finer, only copied kinds are the tenant's own. */
static bool is_nobodys(const struct sunder_policy *policy, const struct sunder_decision *record)
{
    if (record->tenant.at == NULL || record->domain.at == NULL) {
        return true;
    }
    bool copied = record->kind == SUNDER_RECORD_TASK || record->kind == SUNDER_RECORD_DELEGATION ||
                  record->kind == SUNDER_RECORD_CONTROL;
    return policy->domain_field_count > 1 && !copied && sunder_str_equal(record->tenant, record->domain);
}

enum sunder_err sunder_fold(const struct sunder_policy *policy, const struct sunder_view *view,
    const struct sunder_rows *rows, const struct sunder_decision *record, struct sunder_arena *arena)
{
    if (is_nobodys(policy, record) || record->kind == SUNDER_RECORD_REVOCATION) {
        return SUNDER_OK; /* Revocations follow from the record before them. */
    }
    struct fold fold = {
        .state = {.policy = policy, .view = view, .rows = rows, .arena = arena},
        .record = record,
    };
    SUNDER_TRY(find_scope(&fold));
    SUNDER_TRY(put_time(&fold));
    bool remembers_copy = record->kind != SUNDER_RECORD_DECISION && record->kind != SUNDER_RECORD_DEAD_LETTER;
    if (record->duplicate) {
        return SUNDER_OK;
    }
    if (remembers_copy) {
        struct sunder_name publisher;
        SUNDER_TRY(sunder_name_intern(&fold.state, fold.scope.tenant, record->publisher, &publisher));
        struct sunder_copy copy = {fold.domain, publisher.id, record->event};
        SUNDER_TRY(sunder_copy_put(&fold.state, copy, record->stream_time_ms));
    }
    return fold_kind(&fold);
}
