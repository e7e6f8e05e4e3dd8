/* S20, S21: the context that the policy asks of an act, and who may do what at all. Stage 6. */
#include "engine/base/text.h"
#include "engine/rules/firing.h"

bool sunder_judge_has_field(const struct sunder_judge *judge, enum sunder_field field)
{
    const struct sunder_event *event = judge->event;
    switch ((uint32_t)field) {
    case SUNDER_FIELD_TASK:
        return event->task.at != NULL;
    case SUNDER_FIELD_PURPOSE:
        return event->purpose.at != NULL;
    case SUNDER_FIELD_PRINCIPAL:
        return !sunder_str_equal(judge->principal, SUNDER_STR("unattributed"));
    case SUNDER_FIELD_CASE:
        return judge->case_count != 0;
    case SUNDER_FIELD_OBJECT:
        return judge->object_count != 0;
    case SUNDER_FIELD_AMOUNT:
        return event->amount.present;
    case SUNDER_FIELD_CURRENCY:
        return event->currency.at != NULL;
    case SUNDER_FIELD_CONFIDENCE:
        return event->confidence.present;
    case SUNDER_FIELD_CREDENTIAL:
        return event->credential.at != NULL;
    default:
        return true;
    }
}

static enum sunder_err judge_required(struct sunder_judge *judge)
{
    const struct sunder_policy *policy = judge->state.policy;
    const struct sunder_require *require = &policy->require;
    sunder_field_set wanted = require->always | require->tier[judge->tier];
    for (uint32_t i = 0; require->duty != NULL && i < judge->duty_count; i++) {
        wanted |= require->duty[judge->duties[i]];
    }
    wanted |= policy->has_purposes ? SUNDER_FIELD_BIT(SUNDER_FIELD_PURPOSE) : 0;
    for (uint32_t i = 0; wanted != 0 && i < SUNDER_FIELD_COUNT; i++) {
        enum sunder_field field = (enum sunder_field)i;
        if ((wanted & SUNDER_FIELD_BIT(field)) != 0 && !sunder_judge_has_field(judge, field)) {
            SUNDER_TRY(sunder_judge_deny(judge, 6, SUNDER_STR("context_missing"), sunder_field_name(field),
                sunder_text(judge->state.arena, SUNDER_STR("the policy requires `"), sunder_field_name(field),
                    SUNDER_STR("`"))));
        }
    }
    return SUNDER_OK;
}

static enum sunder_err judge_purpose(struct sunder_judge *judge)
{
    const struct sunder_policy *policy = judge->state.policy;
    struct sunder_str purpose = judge->event->purpose;
    if (!policy->has_purposes || purpose.at == NULL) {
        return SUNDER_OK;
    }
    for (uint32_t i = 0; i < policy->purposes.count; i++) {
        if (sunder_str_equal(policy->purposes.at[i], purpose)) {
            return SUNDER_OK;
        }
    }
    return sunder_judge_deny(judge, 6, SUNDER_STR("no_purpose"), SUNDER_STR("purpose"),
        sunder_text(judge->state.arena, SUNDER_STR("`"), purpose,
            SUNDER_STR("` is none of the purposes that the policy knows")));
}

static bool is_who(struct sunder_strs who, struct sunder_str id)
{
    for (uint32_t i = 0; i < who.count; i++) {
        struct sunder_str text = who.at[i];
        bool any_rest = text.at[text.len - 1] == '*';
        if (any_rest ? sunder_str_starts_with(id, (struct sunder_str){text.at, text.len - 1})
                     : sunder_str_equal(id, text)) {
            return true;
        }
    }
    return false;
}

static bool covers(struct sunder_strs prefixes, struct sunder_str object)
{
    bool covered = prefixes.count == 0 || object.at == NULL; /* Without objects, who and duty are enough. */
    for (uint32_t i = 0; i < prefixes.count && !covered; i++) {
        covered = sunder_str_starts_with(object, prefixes.at[i]);
    }
    return covered;
}

/* object: absent when the act has none. */
static enum sunder_err judge_pair(struct sunder_judge *judge, uint16_t duty, struct sunder_str object)
{
    const struct sunder_entitle *entitle = &judge->state.policy->entitle;
    for (uint32_t i = entitle->first[duty]; i < entitle->first[duty + 1]; i++) {
        const struct sunder_entitlement *line = &entitle->at[entitle->lines[i]];
        bool mine = is_who(line->who, judge->event->agent) || is_who(line->who, judge->principal);
        if (mine && covers(line->objects, object)) {
            return SUNDER_OK;
        }
    }
    struct sunder_arena *arena = judge->state.arena;
    struct sunder_str name = sunder_judge_duty_name(judge, duty);
    struct sunder_str field = object.at == NULL ? name : sunder_text(arena, name, SUNDER_STR(" "), object);
    struct sunder_str message = sunder_text(arena, SUNDER_STR("neither the agent nor its principal is entitled to "),
        name, object.at == NULL ? SUNDER_STR("") : SUNDER_STR(" on "), object.at == NULL ? SUNDER_STR("") : object);
    return sunder_judge_deny(judge, 6, SUNDER_STR("not_entitled"), field, message);
}

static enum sunder_err judge_entitle(struct sunder_judge *judge)
{
    for (uint32_t d = 0; d < judge->duty_count; d++) {
        if (judge->object_count == 0) {
            SUNDER_TRY(judge_pair(judge, judge->duties[d], (struct sunder_str){0}));
        }
        for (uint32_t o = 0; o < judge->object_count; o++) {
            SUNDER_TRY(judge_pair(judge, judge->duties[d], judge->objects[o]));
        }
    }
    return SUNDER_OK;
}

enum sunder_err sunder_judge_entitled(struct sunder_judge *judge)
{
    SUNDER_TRY(judge_required(judge));
    SUNDER_TRY(judge_purpose(judge));
    return judge->state.policy->entitle.given ? judge_entitle(judge) : SUNDER_OK;
}
