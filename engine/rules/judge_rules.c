#include "engine/rules/judge.h"

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
    if (rule->kind == SUNDER_RULE_REQUIRES) {
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

static struct sunder_str tier_name(enum sunder_tier tier)
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
    fields[SUNDER_FIELD_TIER] = text_value(tier_name(judge->tier));
    fields[SUNDER_FIELD_OBJECT] = text_value(object ? key : first_object(judge->event));
    fields[SUNDER_FIELD_CASE] = text_value(case_id ? key : judge->event->case_id);
}

bool sunder_judge_excused(
    struct sunder_judge *judge, const struct sunder_candidate *candidate, struct sunder_str key)
{
    if (candidate->rule->unless == NULL) {
        return false;
    }
    sunder_judge_scope(judge, candidate->rule, key);
    struct sunder_value *labels = &judge->env->fields[SUNDER_FIELD_LABELS];
    struct sunder_value claimed = *labels;
    *labels = (struct sunder_value){.kind = SUNDER_VALUE_LIST}; /* Claimed labels excuse nothing (S16). */
    bool excused = sunder_expr_holds(candidate->rule->unless, judge->env, judge->state.arena, NULL);
    *labels = claimed;
    return excused;
}

enum sunder_err sunder_judge_rules(struct sunder_judge *judge)
{
    for (uint32_t i = 0; i < judge->candidate_count; i++) {
        const struct sunder_candidate *candidate = &judge->candidates[i];
        if (candidate->missing || candidate->silent) {
            continue;
        }
        if (candidate->rule->kind == SUNDER_RULE_LIMIT) {
            SUNDER_TRY(sunder_judge_limit(judge, candidate));
            continue;
        }
        uint16_t space = sunder_space_of(judge->state.policy, candidate->rule);
        SUNDER_TRY(sunder_judge_load(judge, candidate->keys, space));
        if (candidate->rule->kind == SUNDER_RULE_SEPARATION) {
            SUNDER_TRY(sunder_judge_separation(judge, candidate));
        } else {
            SUNDER_TRY(sunder_judge_requires(judge, candidate));
        }
    }
    return SUNDER_OK;
}
