/* S43. An intent with duty B fires unless a counting fact with duty A exists under the key, and for each subject if `by` is
 * given. Closing a key ends separation state only (S36), so facts of an earlier epoch still count here. */
#include "engine/base/text.h"
#include "engine/rules/firing.h"

static enum sunder_err exists(const struct sunder_judge *judge, const struct sunder_rule *rule,
    const struct sunder_judge_key *key, const struct sunder_looker *looker, bool *ret_exists)
{
    uint16_t wanted = rule->duties[0].value;
    *ret_exists = false;
    if ((key->row.flags & SUNDER_KEY_WIDE) != 0) {
        struct sunder_series series = {
            .domain = judge->domain_id,
            .space = key->row.space,
            .class = looker == NULL ? SUNDER_CLASS_ALL : looker->class,
            .subject = looker == NULL ? 0 : looker->id,
            .element = wanted,
            .key = key->text,
        };
        struct sunder_series_entry entry;
        if (looker != NULL && looker->id == 0) {
            return SUNDER_OK;
        }
        return sunder_series_first(&judge->state, &series, SUNDER_SPAN_ALL, ret_exists, &entry);
    }
    for (uint32_t f = 0; f < key->row.fact_count; f++) {
        const struct sunder_key_fact *fact = &key->facts[f];
        bool mine = looker == NULL || ((key->match[f] >> looker->bit) & 1) != 0;
        for (uint32_t d = 0; mine && !fact->released && d < fact->duty_count; d++) {
            *ret_exists = *ret_exists || fact->duties[d] == wanted;
        }
    }
    return SUNDER_OK;
}

static enum sunder_err judge_pair(struct sunder_judge *judge, const struct sunder_candidate *candidate,
    const struct sunder_judge_key *key, const struct sunder_looker *looker, struct sunder_firing *firing)
{
    bool found = false;
    SUNDER_TRY(exists(judge, candidate->rule, key, looker, &found));
    if (!found) {
        SUNDER_TRY(sunder_judge_excused(judge, candidate, looker, key, &found));
    }
    if (found) {
        return SUNDER_OK;
    }
    struct sunder_str subject = looker == NULL ? (struct sunder_str){0} : looker->text;
    bool first = false;
    SUNDER_TRY(sunder_firing_add(judge, firing, subject, key->text, &first));
    if (!first) {
        return SUNDER_OK;
    }
    const struct sunder_rule *rule = candidate->rule;
    struct sunder_reason *reason = &firing->reason;
    reason->code = rule->kind_text;
    reason->effect = rule->effect;
    reason->stage = 8;
    reason->message = sunder_text(judge->state.arena, sunder_judge_duty_name(judge, rule->before.value),
        SUNDER_STR(" on "), key->text, SUNDER_STR(" needs an earlier "),
        sunder_judge_duty_name(judge, rule->duties[0].value), subject.at == NULL ? SUNDER_STR("") : SUNDER_STR(" by "),
        subject, SUNDER_STR(", and there is none"));
    return reason->message.at == NULL ? SUNDER_ERR_FULL : SUNDER_OK;
}

enum sunder_err sunder_judge_requires(struct sunder_judge *judge, const struct sunder_candidate *candidate)
{
    struct sunder_looker lookers[SUNDER_SUBJECTS_MAX + 2];
    uint32_t looker_count = sunder_judge_lookers(judge, candidate->rule, lookers);
    struct sunder_firing firing = {0};
    for (uint32_t k = 0; candidate->rule->by == 0 && k < candidate->keys->count; k++) {
        SUNDER_TRY(judge_pair(judge, candidate, &candidate->keys->at[k], NULL, &firing));
    }
    for (uint32_t s = 0; s < looker_count; s++) {
        for (uint32_t k = 0; k < candidate->keys->count; k++) {
            SUNDER_TRY(judge_pair(judge, candidate, &candidate->keys->at[k], &lookers[s], &firing));
        }
    }
    if (!firing.fired) {
        return SUNDER_OK;
    }
    firing.reason.also = firing.also;
    firing.reason.also_count = firing.also_count;
    return sunder_judge_fire(judge, candidate->rule, &firing.reason);
}
