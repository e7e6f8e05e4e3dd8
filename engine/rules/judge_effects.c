/* Effects further down (S23): an act that causes another carries both duties, and a reason tells how. */
#include "engine/base/text.h"
#include "engine/rules/firing.h"
#include "engine/rules/judge_flow.h"

enum sunder_err sunder_judge_effects(struct sunder_judge *judge)
{
    const struct sunder_effects *effects = judge->state.policy->effects;
    if (effects == NULL || judge->duty_count == 0) {
        return SUNDER_OK;
    }
    uint16_t *direct = SUNDER_ARENA_NEW(judge->state.arena, uint16_t, judge->duty_count);
    if (direct == NULL) {
        return SUNDER_ERR_FULL;
    }
    memcpy(direct, judge->duties, judge->duty_count * sizeof *direct);
    judge->direct = direct;
    judge->direct_count = judge->duty_count;
    for (uint32_t d = 0; d < judge->direct_count; d++) {
        const struct sunder_effects *caused = &effects[direct[d]];
        for (uint32_t i = 0; i < caused->count; i++) {
            sunder_judge_add_duty(judge, caused->at[i]);
        }
        judge->phases |= caused->phases;
        judge->tier = caused->tier > judge->tier ? caused->tier : judge->tier;
    }
    return SUNDER_OK;
}

/* Where the duty stands among the effects; their count when it is none of them. */
static uint32_t place_of(const struct sunder_effects *effects, uint16_t duty)
{
    uint32_t at = 0;
    while (at < effects->count && effects->at[at] != duty) {
        at += 1;
    }
    return at;
}

/* "queue.enqueue causes crm.sync causes crm.write"; absent: no room. */
static struct sunder_str path(const struct sunder_judge *judge, uint16_t from, uint16_t to)
{
    const struct sunder_effects *effects = &judge->state.policy->effects[from];
    struct sunder_str text = sunder_judge_duty_name(judge, to);
    uint16_t duty = to;
    while (duty != from && text.at != NULL) {
        duty = effects->via[place_of(effects, duty)];
        text = sunder_text(
            judge->state.arena, sunder_judge_duty_name(judge, duty), SUNDER_STR(" causes "), text);
    }
    return text;
}

static bool refers(const struct sunder_rule *rule, uint16_t duty)
{
    for (uint32_t i = 0; i < rule->duty_count; i++) {
        if (rule->duties[i].value == duty) {
            return true;
        }
    }
    return rule->before.value == duty;
}

/* The act's own duty that causes this one; SUNDER_DUTY_NONE when the act has it itself. */
static struct sunder_duty_id cause_of(const struct sunder_judge *judge, uint16_t duty)
{
    struct sunder_duty_id cause = SUNDER_DUTY_NONE;
    for (uint32_t d = 0; d < judge->direct_count; d++) {
        const struct sunder_effects *effects = &judge->state.policy->effects[judge->direct[d]];
        if (judge->direct[d] == duty) {
            return SUNDER_DUTY_NONE;
        }
        if (cause.value == SUNDER_DUTY_NONE.value && place_of(effects, duty) < effects->count) {
            cause.value = judge->direct[d];
        }
    }
    return cause;
}

enum sunder_err sunder_judge_tell_causes(
    const struct sunder_judge *judge, const struct sunder_rule *rule, struct sunder_str *message)
{
    if (judge->direct_count == judge->duty_count || judge->direct_count == 0) {
        return SUNDER_OK;
    }
    for (uint32_t d = 0; d < judge->duty_count; d++) {
        struct sunder_duty_id cause = cause_of(judge, judge->duties[d]);
        if (cause.value == SUNDER_DUTY_NONE.value || !refers(rule, judge->duties[d])) {
            continue;
        }
        struct sunder_str text = path(judge, cause.value, judge->duties[d]);
        *message = text.at == NULL ? text : sunder_text(judge->state.arena, *message, SUNDER_STR("; "), text);
        if (message->at == NULL) {
            return SUNDER_ERR_FULL;
        }
    }
    return SUNDER_OK;
}
