/* What a decision pays for each rule: when the rule is looked at, and what its conditions may cost. Shell; one thread. */
#pragma once

#include <stdio.h>

#include "engine/policy/policy.h"

void sunder_check_costs_text(FILE *out, const struct sunder_policy *policy);

/* A JSON array. */
void sunder_check_costs_json(FILE *out, const struct sunder_policy *policy);
