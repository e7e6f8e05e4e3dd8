/* What a separation cannot see, found by reading the catalogue. Shell; one thread. */
#pragma once

#include "engine/policy/policy.h"
#include "ops/cli/policy_doc.h"

/* One sentence about the rule; it lives during the call. kind: "apart" (its duties never meet on one object), "claimed" (whoever
 * acts names the key himself) or "condition" (the act passes without the duty). */
typedef void sunder_blind_fn(
    void *ctx, const struct sunder_rule *rule, const char *kind, const char *text);

void sunder_blind_spots(const struct sunder_doc *root,
    const struct sunder_policy *policy,
    const struct sunder_rule *rule,
    sunder_blind_fn *visit,
    void *ctx);
