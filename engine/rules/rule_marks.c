#include "engine/rules/rule_marks.h"

#include <string.h>

static void add(struct sunder_rule_marks *marks, const struct sunder_rule_refs *refs)
{
    for (uint32_t i = 0; i < refs->count; i++) {
        marks->words[refs->at[i] / 64] |= UINT64_C(1) << (refs->at[i] % 64);
    }
}

static uint32_t words_of(const struct sunder_policy *policy)
{
    return (policy->rule_count + 63) / 64;
}

void sunder_rule_marks_of(const struct sunder_policy *policy, const uint16_t *duties, uint32_t duty_count,
    uint32_t phases, struct sunder_rule_marks *ret_marks)
{
    memset(ret_marks->words, 0, words_of(policy) * sizeof ret_marks->words[0]);
    for (uint32_t i = 0; i < duty_count; i++) {
        add(ret_marks, &policy->rules_by_duty[duties[i]]);
    }
    if (phases != 0) {
        add(ret_marks, &policy->rules_by_phase);
    }
    if (duty_count != 0) {
        add(ret_marks, &policy->rules_any);
    }
}

bool sunder_rule_marks_next(
    const struct sunder_policy *policy, struct sunder_rule_marks *marks, uint32_t *ret_rule)
{
    for (uint32_t w = 0; w < words_of(policy); w++) {
        if (marks->words[w] != 0) {
            *ret_rule = (w * 64) + (uint32_t)__builtin_ctzll(marks->words[w]);
            marks->words[w] &= marks->words[w] - 1;
            return true;
        }
    }
    return false;
}
