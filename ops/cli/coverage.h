/* What of a policy some decisions used: rules that fired, entries of the catalogue that were called. Shell; one thread. */
#pragma once

#include "engine/policy/policy.h"

/* fired  enforced reasons; watched: those of shadow mode, and where the policy only watches; took: revocations */
struct sunder_coverage_rule {
    uint64_t fired;
    uint64_t watched;
    uint64_t took;
};

/* unmapped  acts that no entry of the catalogue maps
 * foreign   reasons of rules that the policy does not have */
struct sunder_coverage {
    const struct sunder_policy *policy;
    struct sunder_coverage_rule *rules; /* By rule. */
    uint64_t *entries;                  /* By entry: acts it was called for. */
    uint64_t decisions;
    uint64_t unmapped;
    uint64_t foreign;
};

/* False: no memory. */
bool sunder_coverage_open(struct sunder_coverage *coverage, const struct sunder_policy *policy);
void sunder_coverage_destroy(struct sunder_coverage *coverage);

void sunder_coverage_take(struct sunder_coverage *coverage, const struct sunder_decision *record);

/* Rules that never fired, not even while watching; entries that were never called. */
uint32_t sunder_coverage_idle_rules(const struct sunder_coverage *coverage);
uint32_t sunder_coverage_idle_entries(const struct sunder_coverage *coverage);
