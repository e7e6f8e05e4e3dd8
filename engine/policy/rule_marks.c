#include "engine/policy/rule_marks.h"

#include <string.h>

_Static_assert(SUNDER_POLICY_RULES_MAX % 4096 == 0, "whole words of `used`");

static void add_all(struct sunder_rule_marks *marks, const struct sunder_rule_refs *refs)
{
    for (uint32_t i = 0; i < refs->count; i++) {
        sunder_rule_marks_add(marks, refs->at[i]);
    }
}

void sunder_rule_marks_of(const struct sunder_policy *policy,
    const uint16_t *duties,
    uint32_t duty_count,
    uint32_t phases,
    struct sunder_rule_marks *ret_marks)
{
    memset(ret_marks->used, 0, sizeof ret_marks->used);
    for (uint32_t i = 0; i < duty_count; i++) {
        add_all(ret_marks, &policy->rules_by_duty[duties[i]]);
    }
    if (phases != 0) {
        add_all(ret_marks, &policy->rules_by_phase);
    }
    if (duty_count != 0) {
        add_all(ret_marks, &policy->rules_any);
    }
}

/* Of one word of `used`: its lowest word that still has a bit; 64: none. */
static uint32_t lowest_word(struct sunder_rule_marks *marks, uint32_t group)
{
    while (marks->used[group] != 0) {
        uint32_t word = (uint32_t)__builtin_ctzll(marks->used[group]);
        if (marks->words[(group * 64) + word] != 0) {
            return word;
        }
        marks->used[group] &= marks->used[group] - 1;
    }
    return 64;
}

uint32_t sunder_rule_marks_count(const struct sunder_rule_marks *marks)
{
    uint32_t count = 0;
    for (uint32_t group = 0; group < SUNDER_RULE_MARK_WORDS / 64; group++) {
        for (uint64_t used = marks->used[group]; used != 0; used &= used - 1) {
            uint64_t bits = marks->words[(group * 64) + (uint32_t)__builtin_ctzll(used)];
            for (; bits != 0; bits &= bits - 1) {
                count += 1;
            }
        }
    }
    return count;
}

bool sunder_rule_marks_next(struct sunder_rule_marks *marks, uint32_t *ret_rule)
{
    for (uint32_t group = 0; group < SUNDER_RULE_MARK_WORDS / 64; group++) {
        uint32_t word = lowest_word(marks, group);
        if (word < 64) {
            uint64_t *bits = &marks->words[(group * 64) + word];
            *ret_rule = (((group * 64) + word) * 64) + (uint32_t)__builtin_ctzll(*bits);
            *bits &= *bits - 1;
            return true;
        }
    }
    return false;
}
