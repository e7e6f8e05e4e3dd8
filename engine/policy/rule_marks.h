/* Sets of rules, a bit per rule index, with a second bit per word of the first, so that an empty or nearly empty set costs the same
 * however many rules there are. Pure; any thread. */
#pragma once

#include "engine/policy/policy.h"

#define SUNDER_RULE_MARK_WORDS (SUNDER_POLICY_RULES_MAX / 64)

/* used: which words are set up; the others are nothing yet. Start with sunder_rule_marks_of or all zero in `used`. */
struct sunder_rule_marks {
    uint64_t used[SUNDER_RULE_MARK_WORDS / 64];
    uint64_t words[SUNDER_RULE_MARK_WORDS];
};

static inline void sunder_rule_marks_add(struct sunder_rule_marks *marks, uint32_t rule)
{
    uint32_t word = rule / 64;
    uint64_t bit = UINT64_C(1) << (word % 64);
    if ((marks->used[word / 64] & bit) == 0) {
        marks->used[word / 64] |= bit;
        marks->words[word] = 0;
    }
    marks->words[word] |= UINT64_C(1) << (rule % 64);
}

/* The rules that these duties and phases call up: a superset of those that apply. Gates and conditions are found by
 * sunder_policy_find. */
void sunder_rule_marks_of(const struct sunder_policy *policy,
    const uint16_t *duties,
    uint32_t duty_count,
    uint32_t phases,
    struct sunder_rule_marks *ret_marks);

/* How many there are. */
uint32_t sunder_rule_marks_count(const struct sunder_rule_marks *marks);

/* Takes the lowest index out of the set into *ret_rule; false when the set is empty. */
bool sunder_rule_marks_next(struct sunder_rule_marks *marks, uint32_t *ret_rule);
