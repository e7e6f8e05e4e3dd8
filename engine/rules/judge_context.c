#include "engine/base/decimal.h"
#include "engine/base/text.h"
#include "engine/policy/policy_find.h"
#include "engine/rules/firing.h"
#include "engine/rules/judge_flow.h"
#include "engine/rules/parts.h"
#include "engine/rules/sequence.h"

/* Which of the intent's subjects a fact counts for. */
static uint64_t match_of(const struct sunder_judge *judge, const struct sunder_key_fact *fact)
{
    uint64_t match = 0;
    for (uint32_t i = 0; i < judge->subject_count; i++) {
        uint32_t id = judge->names[i].id;
        for (uint32_t s = 0; id != 0 && s < fact->subject_count; s++) {
            if (fact->subjects[s] == id) {
                match |= UINT64_C(1) << i;
                break;
            }
        }
    }
    if (fact->subject_count != 0 && judge->names[0].id != 0 && fact->subjects[0] == judge->names[0].id) {
        match |= UINT64_C(1) << SUNDER_LOOKER_ACTOR;
    }
    if (fact->task != 0 && fact->task == judge->task_name.id) {
        match |= UINT64_C(1) << SUNDER_LOOKER_TASK;
    }
    return match;
}

enum sunder_err sunder_judge_load(struct sunder_judge *judge, struct sunder_judge_keys *keys, uint16_t space)
{
    for (uint32_t k = 0; !keys->loaded && k < keys->count; k++) {
        struct sunder_judge_key *key = &keys->at[k];
        SUNDER_TRY(sunder_key_row_get(&judge->state, judge->domain_id, space, key->text, &key->row));
    }
    keys->loaded = true;
    return SUNDER_OK;
}

enum sunder_err sunder_judge_match(struct sunder_judge *judge, struct sunder_judge_keys *keys)
{
    for (uint32_t k = 0; !keys->matched && k < keys->count; k++) {
        struct sunder_judge_key *key = &keys->at[k];
        if (key->facts != NULL || key->row.fact_count == 0) {
            continue;
        }
        SUNDER_TRY(sunder_key_row_facts(&judge->state, &key->row, &key->facts));
        key->match = SUNDER_ARENA_NEW(judge->state.arena, uint64_t, key->row.fact_count);
        if (key->match == NULL) {
            return SUNDER_ERR_FULL;
        }
        for (uint32_t f = 0; f < key->row.fact_count; f++) {
            key->match[f] = match_of(judge, &key->facts[f]);
        }
    }
    keys->matched = true;
    return SUNDER_OK;
}

enum sunder_err sunder_judge_missing(
    struct sunder_judge *judge, const struct sunder_rule *rule, uint8_t stage, struct sunder_str what)
{
    struct sunder_arena *arena = judge->state.arena;
    struct sunder_reason reason = {
        .code = SUNDER_STR("context_missing"),
        .field = sunder_text(arena, rule->name, SUNDER_STR(":"), what),
        .message = sunder_text(arena, SUNDER_STR("rule `"), rule->name, SUNDER_STR("` applies and needs `"), what,
            SUNDER_STR("`, which this act does not tell")),
        .effect = SUNDER_EFFECT_DENY,
        .stage = stage,
    };
    if (reason.field.at == NULL || reason.message.at == NULL) {
        return SUNDER_ERR_FULL;
    }
    if (rule->mode == SUNDER_MODE_SHADOW) {
        return sunder_judge_fire(judge, rule, &reason);
    }
    return sunder_judge_deny(judge, stage, reason.code, reason.field, reason.message);
}

static enum sunder_err missing(
    struct sunder_judge *judge, struct sunder_candidate *candidate, struct sunder_str what)
{
    candidate->missing = true;
    return sunder_judge_missing(judge, candidate->rule, 6, what);
}

/* Gates and conditions apply to every act, whether it has a key or not. */
static bool is_open(const struct sunder_rule *rule)
{
    return rule->kind == SUNDER_RULE_GATE || rule->kind == SUNDER_RULE_CONDITION;
}

static enum sunder_err one_key(
    struct sunder_judge *judge, struct sunder_str text, struct sunder_judge_keys **ret_keys)
{
    struct sunder_judge_keys *keys = SUNDER_ARENA_NEW(judge->state.arena, struct sunder_judge_keys, 1);
    struct sunder_judge_key *key = SUNDER_ARENA_NEW(judge->state.arena, struct sunder_judge_key, 1);
    if (keys == NULL || key == NULL) {
        return SUNDER_ERR_FULL;
    }
    key->text = text;
    *keys = (struct sunder_judge_keys){.at = key, .count = 1};
    *ret_keys = keys;
    return SUNDER_OK;
}

static enum sunder_err expr_key(struct sunder_judge *judge, struct sunder_candidate *candidate)
{
    struct sunder_value value;
    sunder_judge_scope(judge, candidate->rule, (struct sunder_str){0});
    enum sunder_err err =
        sunder_expr_eval(candidate->rule->per_expr, judge->env, judge->state.arena, &value);
    if (err != SUNDER_OK && err != SUNDER_ERR_INVALID) {
        return err;
    }
    bool usable = err == SUNDER_OK && value.kind == SUNDER_VALUE_STRING && value.text.len != 0 &&
                  value.text.len <= SUNDER_IDENTIFIER_BYTES_MAX;
    if (!usable && (candidate->silent || is_open(candidate->rule))) {
        candidate->missing = candidate->silent;
        return SUNDER_OK;
    }
    if (!usable) {
        return missing(judge, candidate, candidate->rule->per_text);
    }
    return one_key(judge, value.text, &candidate->keys);
}

static enum sunder_err find_keys(struct sunder_judge *judge, struct sunder_candidate *candidate)
{
    switch (candidate->rule->per) {
    case SUNDER_PER_NONE:
        return SUNDER_OK;
    case SUNDER_PER_OBJECT:
        candidate->keys = &judge->object_keys;
        break;
    case SUNDER_PER_CASE:
        candidate->keys = &judge->case_keys;
        break;
    case SUNDER_PER_TASK:
        candidate->keys = &judge->task_keys;
        break;
    case SUNDER_PER_TENANT:
        if (judge->tenant_keys.at == NULL) {
            struct sunder_judge_keys *keys = NULL;
            SUNDER_TRY(one_key(judge, judge->event->tenant, &keys));
            judge->tenant_keys = *keys;
        }
        candidate->keys = &judge->tenant_keys;
        break;
    case SUNDER_PER_EXPR:
        return expr_key(judge, candidate);
    }
    bool lacks = candidate->keys->count == 0 && !is_open(candidate->rule);
    return lacks ? missing(judge, candidate, candidate->rule->per_text) : SUNDER_OK;
}

/* A distinct value as text: a string as it is, a number in its plain form. */
static bool distinct_text(struct sunder_judge *judge, struct sunder_value *value)
{
    if (value->kind == SUNDER_VALUE_NUMBER && value->exact) {
        char text[SUNDER_DECIMAL_TEXT_MAX];
        uint32_t len = sunder_decimal_format(value->micro, text);
        value->text = sunder_str_copy(judge->state.arena, (struct sunder_str){text, len});
    } else if (value->kind != SUNDER_VALUE_STRING) {
        return false;
    }
    return value->text.at != NULL && value->text.len != 0 && value->text.len <= SUNDER_IDENTIFIER_BYTES_MAX;
}

/* Into the currency of the rule's rates, rounded away from zero (S19): never under-counted, and what is negative stays so. What has
 * no rate, or does not fit, is refused in stage 7. */
static void convert(struct sunder_judge *judge, struct sunder_candidate *candidate)
{
    const struct sunder_rates *rates = candidate->rule->rates;
    if (rates == NULL) {
        return;
    }
    const struct sunder_str currency = judge->event->currency;
    int64_t rate = sunder_str_equal(currency, rates->to) ? SUNDER_DECIMAL_ONE : 0;
    for (uint32_t i = 0; rate == 0 && i < rates->count; i++) {
        rate = sunder_str_equal(currency, rates->at[i].currency) ? rates->at[i].micro : 0;
    }
    candidate->foreign = rate == 0;
    candidate->has_value = !candidate->foreign && candidate->value.exact;
    if (!candidate->has_value) {
        return;
    }
    sunder_int128 product = (sunder_int128)candidate->value.micro * rate;
    const sunder_int128 away = SUNDER_DECIMAL_ONE - 1;
    product = (product + (product < 0 ? -away : away)) / SUNDER_DECIMAL_ONE;
    candidate->value.exact = product <= INT64_MAX && product >= INT64_MIN;
    if (candidate->value.exact) {
        candidate->value.micro = (int64_t)product;
    }
    candidate->has_value = candidate->value.exact;
}

static enum sunder_err find_value(struct sunder_judge *judge, struct sunder_candidate *candidate)
{
    const struct sunder_rule *rule = candidate->rule;
    if (rule->kind != SUNDER_RULE_LIMIT || rule->aggregate == SUNDER_AGGREGATE_COUNT) {
        return SUNDER_OK;
    }
    const struct sunder_amount *amount = &judge->event->amount;
    if (rule->value_is_amount) {
        if (!amount->present) {
            return missing(judge, candidate, rule->value_text);
        }
        candidate->value = (struct sunder_value){.kind = SUNDER_VALUE_NUMBER,
            .exact = !amount->range,
            .micro = amount->micro,
            .text = amount->plain};
        convert(judge, candidate);
        return SUNDER_OK;
    }
    bool sum = rule->aggregate == SUNDER_AGGREGATE_SUM;
    sunder_judge_scope(judge, rule, (struct sunder_str){0});
    enum sunder_err err = sunder_expr_eval(rule->value, judge->env, judge->state.arena, &candidate->value);
    bool usable = err == SUNDER_OK;
    if (usable && sum) {
        usable = candidate->value.kind == SUNDER_VALUE_NUMBER && candidate->value.exact;
    } else if (usable) {
        usable = distinct_text(judge, &candidate->value);
    }
    candidate->has_value = usable;
    if (usable) {
        convert(judge, candidate);
    }
    return usable ? SUNDER_OK
                  : missing(judge, candidate, sum ? rule->value_text : SUNDER_STR("distinct"));
}

static bool applies(const struct sunder_judge *judge, const struct sunder_rule *rule)
{
    if (rule->phases != 0) {
        return (rule->phases & judge->phases) != 0;
    }
    if (rule->kind == SUNDER_RULE_REQUIRES) {
        return sunder_judge_has_duty(judge, rule->before.value);
    }
    if (rule->kind == SUNDER_RULE_SEQUENCE) {
        return sunder_judge_does_step(judge, &rule->steps[rule->step_count - 1]);
    }
    if ((rule->kind == SUNDER_RULE_LIMIT && rule->duty_count == 0) || is_open(rule)) {
        return true;
    }
    for (uint32_t i = 0; i < rule->duty_count; i++) {
        if (sunder_judge_has_duty(judge, rule->duties[i].value)) {
            return true;
        }
    }
    return false;
}

/* A sequence with a key of its own must know the key of the facts that may serve its earlier steps. */
static bool serves_step(const struct sunder_judge *judge, const struct sunder_rule *rule)
{
    for (uint32_t i = 0; i + 1 < rule->step_count; i++) {
        if (sunder_judge_does_step(judge, &rule->steps[i])) {
            return true;
        }
    }
    return false;
}

/* A rule with a key of its own must know the key of the facts it will ask for. */
static bool remembers(const struct sunder_judge *judge, const struct sunder_rule *rule)
{
    if (rule->per != SUNDER_PER_EXPR) {
        return false;
    }
    const struct sunder_history_need *need = &rule->history;
    for (uint32_t i = 0; i < need->duty_count; i++) {
        if (sunder_judge_has_duty(judge, need->duties[i].value)) {
            return true;
        }
    }
    bool any = (need->any || need->agents) && judge->duty_count != 0;
    return any || serves_step(judge, rule) ||
           (rule->kind == SUNDER_RULE_REQUIRES && sunder_judge_has_duty(judge, rule->duties[0].value));
}

static void mark_remembering(const struct sunder_judge *judge, struct sunder_rule_marks *marks)
{
    const struct sunder_policy *policy = judge->state.policy;
    for (uint32_t i = 0; i < policy->rules_keyed.count; i++) {
        if (remembers(judge, &policy->rules[policy->rules_keyed.at[i]])) {
            sunder_rule_marks_add(marks, policy->rules_keyed.at[i]);
        }
    }
}

/* Gates and conditions by what they can hold for. */
static void mark_open(const struct sunder_judge *judge, struct sunder_rule_marks *marks)
{
    const struct sunder_policy *policy = judge->state.policy;
    if (judge->duty_count == 0) {
        return; /* An act without duties meets none (Readings, 18). */
    }
    for (uint32_t i = 0; policy->watch != NULL && i < policy->rule_count; i++) {
        if (policy->rules[i].when != NULL) { /* Who watches wants to see what is false, too. */
            sunder_rule_marks_add(marks, i);
        }
    }
    if (policy->find_index == NULL || policy->watch != NULL) {
        return;
    }
    const struct sunder_policy_act act = {
        .fields = judge->env->fields,
        .duties = judge->duties,
        .duty_count = judge->duty_count,
        .objects = {judge->objects, judge->object_count},
        .cases = {judge->cases, judge->case_count},
        .phases = judge->phases,
        .tier = sunder_judge_tier_name(judge->tier),
    };
    sunder_policy_find(policy, &act, marks);
}

static enum sunder_err add_candidate(struct sunder_judge *judge, const struct sunder_rule *rule)
{
    struct sunder_candidate *candidate = &judge->candidates[judge->candidate_count];
    *candidate = (struct sunder_candidate){.rule = rule};
    candidate->silent = !applies(judge, rule);
    candidate->tells_key = !is_open(rule) || remembers(judge, rule);
    if (candidate->silent) {
        if (!remembers(judge, rule)) {
            return SUNDER_OK;
        }
        judge->candidate_count += 1;
        return expr_key(judge, candidate);
    }
    judge->candidate_count += 1;
    SUNDER_TRY(find_keys(judge, candidate));
    SUNDER_TRY(find_value(judge, candidate));
    bool needs_task = rule->by == SUNDER_ROLE_TASK || rule->within_task;
    if (needs_task && judge->event->task.at == NULL && !is_open(rule)) {
        return missing(judge, candidate, SUNDER_STR("task"));
    }
    return SUNDER_OK;
}

/* What the record of the intent keeps of a rule: its own key, and the value that it takes. */
static uint32_t texts_of(const struct sunder_candidate *candidate)
{
    const struct sunder_rule *rule = candidate->rule;
    uint32_t bytes = 0;
    if (rule->per == SUNDER_PER_EXPR && candidate->keys != NULL && candidate->tells_key) {
        bytes += 4 + candidate->keys->at[0].text.len;
    }
    if (candidate->has_value && rule->aggregate == SUNDER_AGGREGATE_SUM) {
        char text[SUNDER_DECIMAL_TEXT_MAX];
        bytes += 4 + sunder_decimal_format(candidate->value.micro, text);
    } else if (candidate->has_value) {
        bytes += 4 + candidate->value.text.len;
    }
    return bytes;
}

/* A rule whose texts have no room beside those before it is not judged, nor is any after it; the act is denied, or its keys are
 * saturated (S31). */
static void leave_out(struct sunder_judge *judge)
{
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < judge->candidate_count; i++) {
        struct sunder_candidate *candidate = &judge->candidates[i];
        bytes += texts_of(candidate);
        if (bytes > SUNDER_INTENT_RULE_TEXTS_MAX) {
            judge->rules_full = true;
            candidate->keys = candidate->rule->per == SUNDER_PER_EXPR ? NULL : candidate->keys;
            candidate->has_value = false;
            candidate->left_out = true;
        }
    }
}

/* What only rules may read, since the catalogue decides it. */
static enum sunder_err fill_late(struct sunder_judge *judge)
{
    if ((judge->state.policy->reads & SUNDER_FIELD_BIT(SUNDER_FIELD_DUTIES)) == 0) {
        return SUNDER_OK;
    }
    struct sunder_value *duties = SUNDER_ARENA_NEW(judge->state.arena, struct sunder_value, judge->duty_count);
    if (duties == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < judge->duty_count; i++) {
        duties[i] = (struct sunder_value){
            .kind = SUNDER_VALUE_STRING, .text = sunder_judge_duty_name(judge, judge->duties[i])};
    }
    judge->env->fields[SUNDER_FIELD_DUTIES] =
        (struct sunder_value){.kind = SUNDER_VALUE_LIST, .count = judge->duty_count, .items = duties};
    return SUNDER_OK;
}

enum sunder_err sunder_judge_candidates(struct sunder_judge *judge)
{
    SUNDER_TRY(fill_late(judge));
    const struct sunder_policy *policy = judge->state.policy;
    struct sunder_rule_marks marks;
    sunder_rule_marks_of(policy, judge->duties, judge->duty_count, judge->phases, &marks);
    sunder_judge_mark_labels(judge, &marks);
    mark_remembering(judge, &marks);
    mark_open(judge, &marks);
    uint32_t most = sunder_rule_marks_count(&marks);
    judge->candidates = SUNDER_ARENA_NEW(judge->state.arena, struct sunder_candidate, most);
    if (judge->candidates == NULL) {
        return SUNDER_ERR_FULL;
    }
    uint32_t rule = 0;
    while (sunder_rule_marks_next(&marks, &rule)) {
        SUNDER_TRY(add_candidate(judge, &policy->rules[rule]));
    }
    if (most > SUNDER_INTENT_RULE_TEXTS_MAX / (2 * (4 + SUNDER_IDENTIFIER_BYTES_MAX))) {
        leave_out(judge);
    }
    return sunder_judge_price(judge);
}

static bool named(const struct sunder_strs *texts, struct sunder_str text)
{
    for (uint32_t i = 0; i < texts->count; i++) {
        if (sunder_str_equal(texts->at[i], text)) {
            return true;
        }
    }
    return false;
}

static enum sunder_err judge_task(struct sunder_judge *judge)
{
    const struct sunder_task *task = &judge->task;
    if (!task->known) {
        return SUNDER_OK; /* Under `authority: open` it is only a key. */
    }
    if (task->ended || (task->has_expires && judge->now_ms >= task->expires_ms)) {
        SUNDER_TRY(sunder_judge_deny(judge, 6, SUNDER_STR("task_ended"), judge->event->task,
            SUNDER_STR("the task has ended or expired")));
    }
    if (task->has_agents && !named(&task->agents, judge->event->agent)) {
        SUNDER_TRY(sunder_judge_deny(judge, 6, SUNDER_STR("outside_task"), SUNDER_STR("agent"),
            SUNDER_STR("the agent is not among the agents of its task")));
    }
    for (uint32_t i = 0; task->has_duties && i < judge->duty_count; i++) {
        bool found = false;
        for (uint32_t d = 0; d < task->duty_count; d++) {
            found = found || task->duties[d] == judge->duties[i];
        }
        if (!found) {
            SUNDER_TRY(sunder_judge_deny(judge, 6, SUNDER_STR("outside_task"),
                sunder_judge_duty_name(judge, judge->duties[i]),
                SUNDER_STR("the task was not opened for this duty")));
        }
    }
    for (uint32_t i = 0; task->case_id.at != NULL && i < judge->case_count; i++) {
        if (!sunder_str_equal(judge->cases[i], task->case_id)) {
            SUNDER_TRY(sunder_judge_deny(judge, 6, SUNDER_STR("case_mismatch"), judge->cases[i],
                SUNDER_STR("the task was opened for another case")));
        }
    }
    return SUNDER_OK;
}

enum sunder_err sunder_judge_context(
    struct sunder_judge *judge, const struct sunder_catalogue_trouble *trouble)
{
    SUNDER_TRY(sunder_judge_entitled(judge));
    const struct sunder_str cannot =
        SUNDER_STR("the catalogue's expression finds no text in this act: what it reads is absent, or a number "
                   "(`string(x)` makes a text of one)");
    if (trouble->object_errors) {
        SUNDER_TRY(sunder_judge_deny(judge, 6, SUNDER_STR("context_missing"), SUNDER_STR("object"), cannot));
    }
    if (trouble->case_errors) {
        SUNDER_TRY(sunder_judge_deny(judge, 6, SUNDER_STR("context_missing"), SUNDER_STR("case"), cannot));
    }
    for (uint32_t i = 0; i < judge->subject_count; i++) {
        if ((judge->names[i].flags & SUNDER_NAME_QUARANTINED) != 0) {
            SUNDER_TRY(sunder_judge_deny(judge, 6, SUNDER_STR("quarantined"), judge->subjects[i].id,
                SUNDER_STR("this subject is quarantined")));
        }
    }
    SUNDER_TRY(judge_task(judge));
    struct sunder_str claimed = judge->event->principal;
    if (claimed.at != NULL && !sunder_str_equal(claimed, judge->principal)) {
        SUNDER_TRY(sunder_judge_deny(judge, 6, SUNDER_STR("principal_mismatch"), SUNDER_STR("principal"),
            sunder_text(judge->state.arena, SUNDER_STR("the log names `"), judge->principal,
                SUNDER_STR("` as the principal"))));
    }
    for (uint32_t i = 0; i < judge->closed_case_count; i++) {
        SUNDER_TRY(sunder_judge_deny(judge, 6, SUNDER_STR("case_closed"), judge->closed_cases[i],
            SUNDER_STR("this case is closed")));
    }
    SUNDER_TRY(sunder_judge_parents(judge));
    SUNDER_TRY(sunder_judge_candidates(judge));
    SUNDER_TRY(sunder_judge_gates(judge));
    return sunder_judge_delegation(judge);
}
