#include "engine/rules/firing.h"
#include "engine/rules/history.h"

static struct sunder_value text_value(struct sunder_str text)
{
    if (text.at == NULL) {
        return (struct sunder_value){.kind = SUNDER_VALUE_ABSENT};
    }
    return (struct sunder_value){.kind = SUNDER_VALUE_STRING, .text = text};
}

/* The byte-first of the intent's duties that the rule names; ids sort as names. */
static struct sunder_str rule_duty(const struct sunder_judge *judge, const struct sunder_rule *rule)
{
    if (rule->phases != 0) {
        return (struct sunder_str){0};
    }
    bool one = rule->kind == SUNDER_RULE_REQUIRES || rule->kind == SUNDER_RULE_SEQUENCE;
    if (one && rule->before.value != SUNDER_DUTY_NONE.value) {
        return sunder_judge_duty_name(judge, rule->before.value);
    }
    for (uint32_t d = 0; d < judge->duty_count; d++) {
        bool named = rule->duty_count == 0;
        for (uint32_t i = 0; i < rule->duty_count && !named; i++) {
            named = rule->duties[i].value == judge->duties[d];
        }
        if (named) {
            return sunder_judge_duty_name(judge, judge->duties[d]);
        }
    }
    return (struct sunder_str){0};
}

static struct sunder_str lowest_phase(uint32_t phases)
{
    if ((phases & SUNDER_PHASE_OBSERVE) != 0) {
        return SUNDER_STR("observe");
    }
    if ((phases & SUNDER_PHASE_RECOMMEND) != 0) {
        return SUNDER_STR("recommend");
    }
    return (phases & SUNDER_PHASE_EXECUTE) != 0 ? SUNDER_STR("execute") : (struct sunder_str){0};
}

struct sunder_str sunder_judge_tier_name(enum sunder_tier tier)
{
    switch (tier) {
    case SUNDER_TIER_NONE:
        break;
    case SUNDER_TIER_LOW:
        return SUNDER_STR("low");
    case SUNDER_TIER_MEDIUM:
        return SUNDER_STR("medium");
    case SUNDER_TIER_HIGH:
        return SUNDER_STR("high");
    }
    return (struct sunder_str){0};
}

static struct sunder_str first_object(const struct sunder_event *event)
{
    return event->objects.count != 0 ? event->objects.at[0] : (struct sunder_str){0};
}

void sunder_judge_scope(struct sunder_judge *judge, const struct sunder_rule *rule, struct sunder_str key)
{
    bool object = rule->per == SUNDER_PER_OBJECT && key.at != NULL;
    bool case_id = rule->per == SUNDER_PER_CASE && key.at != NULL;
    struct sunder_value *fields = judge->env->fields;
    fields[SUNDER_FIELD_DUTY] = text_value(rule_duty(judge, rule));
    fields[SUNDER_FIELD_PHASE] = text_value(lowest_phase(judge->phases));
    fields[SUNDER_FIELD_TIER] = text_value(sunder_judge_tier_name(judge->tier));
    fields[SUNDER_FIELD_OBJECT] = text_value(object ? key : first_object(judge->event));
    fields[SUNDER_FIELD_CASE] = text_value(case_id ? key : judge->event->case_id);
}

/* An error is no excuse; a failing state or arena is passed on. */
static enum sunder_err excuses(struct sunder_judge *judge, const struct sunder_expr *expr, bool *ret_excused)
{
    struct sunder_value value;
    enum sunder_err err = sunder_expr_eval(expr, judge->env, judge->state.arena, &value);
    *ret_excused = err == SUNDER_OK && value.kind == SUNDER_VALUE_BOOL && value.boolean;
    if (err == SUNDER_OK) {
        return SUNDER_OK;
    }
    enum sunder_err failed = sunder_history_error(judge);
    return failed == SUNDER_OK && err != SUNDER_ERR_INVALID ? err : failed;
}

enum sunder_err sunder_judge_excuse(struct sunder_judge *judge, const struct sunder_rule *rule, bool *ret_excused)
{
    struct sunder_value *labels = &judge->env->fields[SUNDER_FIELD_LABELS];
    struct sunder_value claimed = *labels;
    *labels = judge->known_labels; /* Claimed labels excuse nothing (S16). */
    enum sunder_err err = SUNDER_OK;
    *ret_excused = false;
    if (rule->unless != NULL) {
        err = excuses(judge, rule->unless, ret_excused);
    }
    for (uint32_t i = 0; i < rule->except_count && err == SUNDER_OK && !*ret_excused; i++) {
        if (judge->now_ms < rule->except[i].until_ms) {
            err = excuses(judge, rule->except[i].when, ret_excused);
        }
    }
    *labels = claimed;
    return err;
}

enum sunder_err sunder_judge_excused(struct sunder_judge *judge, const struct sunder_candidate *candidate,
    const struct sunder_looker *looker, const struct sunder_judge_key *key, bool *ret_excused)
{
    const struct sunder_rule *rule = candidate->rule;
    *ret_excused = false;
    if (rule->unless == NULL && rule->except_count == 0) {
        return SUNDER_OK;
    }
    sunder_judge_scope(judge, rule, key == NULL ? (struct sunder_str){0} : key->text);
    struct sunder_history_at place = {.judge = judge, .rule = rule, .looker = looker};
    if (key != NULL) {
        place.keys = candidate->keys;
        place.key = (uint32_t)(key - candidate->keys->at);
    }
    sunder_history_set(&place, (struct sunder_str){0});
    return sunder_judge_excuse(judge, rule, ret_excused);
}

static enum sunder_err judge_candidate(struct sunder_judge *judge, struct sunder_candidate *candidate)
{
    if (candidate->missing || candidate->left_out || candidate->silent) {
        return SUNDER_OK;
    }
    switch (candidate->rule->kind) {
    case SUNDER_RULE_LIMIT:
        return sunder_judge_limit(judge, candidate);
    case SUNDER_RULE_GATE:
    case SUNDER_RULE_CONDITION:
        return sunder_judge_open(judge, candidate);
    case SUNDER_RULE_SEQUENCE:
        return sunder_judge_sequence(judge, candidate);
    case SUNDER_RULE_SEPARATION:
    case SUNDER_RULE_REQUIRES:
        break;
    }
    uint16_t space = sunder_space_of(judge->state.policy, candidate->rule);
    SUNDER_TRY(sunder_judge_load(judge, candidate->keys, space));
    SUNDER_TRY(sunder_judge_match(judge, candidate->keys));
    return candidate->rule->kind == SUNDER_RULE_SEPARATION ? sunder_judge_separation(judge, candidate)
                                                           : sunder_judge_requires(judge, candidate);
}

enum sunder_err sunder_judge_rules(struct sunder_judge *judge)
{
    for (uint32_t i = 0; i < judge->candidate_count; i++) {
        SUNDER_TRY(judge_candidate(judge, &judge->candidates[i]));
    }
    return SUNDER_OK;
}

enum sunder_err sunder_judge_reason_for(struct sunder_judge *judge, struct sunder_str rule,
    struct sunder_str subject, const struct sunder_reason **ret_reason)
{
    struct sunder_reason_node *reasons = judge->reasons;
    uint32_t count = judge->reason_count;
    judge->reasons = NULL;
    judge->only = subject;
    enum sunder_err err = SUNDER_OK;
    for (uint32_t i = 0; i < judge->candidate_count && err == SUNDER_OK; i++) {
        if (sunder_str_equal(judge->candidates[i].rule->name, rule)) {
            err = judge_candidate(judge, &judge->candidates[i]);
        }
    }
    if (err == SUNDER_OK) {
        err = judge->reasons == NULL ? SUNDER_ERR_NOT_FOUND : SUNDER_OK;
        *ret_reason = judge->reasons == NULL ? NULL : &judge->reasons->reason;
    }
    judge->only = (struct sunder_str){0};
    judge->reasons = reasons;
    judge->reason_count = count;
    return err;
}
