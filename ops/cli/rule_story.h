/* A rule in one line, below a reason of a story. Shell; one thread. */
#pragma once

#include <stdio.h>

#include "engine/policy/policy.h"

/* policy: that of the rule, for the names of its duties. */
void sunder_rule_story(
    FILE *out, const struct sunder_policy *policy, const struct sunder_rule *rule);
