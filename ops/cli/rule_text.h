/* A rule in plain English, from its document: what it asks, whom it looks at, what excuses it. Shell; one thread. */
#pragma once

#include <stdio.h>

#include "engine/policy/policy.h"
#include "ops/cli/policy_doc.h"

/* One paragraph, wrapped and indented. */
void sunder_rule_sentence(FILE *out, const struct sunder_doc *rule);

/* A small picture of the duties that conflict, of their order, or of the window. */
void sunder_rule_picture(FILE *out, const struct sunder_doc *rule);

/* The duties that the rule names, and `label:NAME` of a step; in the order written. Calls `visit` for each. */
typedef void sunder_rule_duty_fn(void *ctx, struct sunder_str duty);
void sunder_rule_duties(const struct sunder_doc *rule, sunder_rule_duty_fn *visit, void *ctx);
