/* What the tests of a policy reach: which rules were judged, fired and excused, and what each conjunct of its conditions came to.
 * Shell; one thread. */
#pragma once

#include <stdio.h>

#include "consumers/policy_load.h"
#include "engine/model/decision.h"

struct sunder_test_coverage;

/* Begins to watch a policy, which is borrowed until the destroy. SUNDER_ERR_FULL: no memory. */
SUNDER_MUST_USE enum sunder_err sunder_test_coverage_open(
    struct sunder_policy_load *load, struct sunder_test_coverage **ret_coverage);

/* A record that came of a test. */
void sunder_test_coverage_take(
    struct sunder_test_coverage *coverage, const struct sunder_decision *record);

/* A table, and what was never reached, by name. path: of the policy. */
void sunder_test_coverage_text(
    const struct sunder_test_coverage *coverage, const char *path, FILE *out);
/* The same as a JSON object. */
void sunder_test_coverage_json(
    const struct sunder_test_coverage *coverage, const char *path, FILE *out);

void sunder_test_coverage_destroy(struct sunder_test_coverage **coverage);
