/* Finds gates and conditions by what their conditions can hold for (CEL's `&&`: a false conjunct decides, whatever the others do).
 *
 * A rule stands under the values of one field that its condition compares with constants, or under prefixes of it; a place with more
 * than SUNDER_PLACE_RULES_MAX rules is divided once more by another field. A field that the act lacks makes such a conjunct err, not
 * false, so every rule placed by that field is found then. Pure; any thread. */
#pragma once

#include "engine/policy/policy.h"
#include "engine/policy/rule_marks.h"

#define SUNDER_PLACE_RULES_MAX 16u
#define SUNDER_PLACE_DEPTH_MAX 3u /* tool, then duty, then one more */

/* What an act has to find rules by. Lists may be empty: the act lacks the field.
 *   fields  of the environment of its expressions, for fields with one text */
struct sunder_policy_act {
    const struct sunder_value *fields;
    const uint16_t *duties; /* ids */
    uint32_t duty_count;
    struct sunder_strs objects;
    struct sunder_strs cases;
    uint32_t phases;
    struct sunder_str tier; /* absent: none */
};

/* Adds every gate and condition that may fire or err for the act; others cannot. */
void sunder_policy_find(const struct sunder_policy *policy,
    const struct sunder_policy_act *act,
    struct sunder_rule_marks *marks);

/* Where the index has put a gate or condition, for `sunder check`.
 *   placed  false: it is looked at for every act
 *   field, prefix  by which it is found; values: how many places it stands in
 *   second  found by another field besides: second_field
 *   worst   the most rules that stand in one of its places (it included): what an act that comes there pays for */
struct sunder_policy_place {
    bool placed;
    bool prefix;
    bool second;
    enum sunder_field field;
    enum sunder_field second_field;
    uint32_t values;
    uint32_t worst;
};
struct sunder_policy_place sunder_policy_place_of(
    const struct sunder_policy *policy, const struct sunder_rule *rule);
