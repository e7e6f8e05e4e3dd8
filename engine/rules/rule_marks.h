/* Sets of rules, a bit per rule index. Pure; any thread. */
#pragma once

#include "engine/policy/policy.h"

struct sunder_rule_marks {
    uint64_t words[SUNDER_POLICY_RULES_MAX / 64];
};

/* The rules that these duties and phases call up: a superset of those that apply. */
void sunder_rule_marks_of(const struct sunder_policy *policy, const uint16_t *duties, uint32_t duty_count,
    uint32_t phases, struct sunder_rule_marks *ret_marks);

/* Takes the lowest index out of the set into *ret_rule; false when the set is empty. */
bool sunder_rule_marks_next(
    const struct sunder_policy *policy, struct sunder_rule_marks *marks, uint32_t *ret_rule);
