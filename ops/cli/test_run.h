/* Cases of a test file through the very code of replay: decode, decide, fold. Shell; one thread. */
#pragma once

#include "engine/policy/policy.h"
#include "ops/cli/test_answer.h"
#include "ops/cli/test_coverage.h"

/* What a case came to.
 * failures   in order of the events; NULL: it passed
 * unasked    intents without an expectation that were not allowed: often why a later one failed
 * unchecked  intents without an expectation
 * broken     the case could not be run to its end, and why; empty otherwise */
struct sunder_test_result {
    const struct sunder_test_case *of;
    const struct sunder_test_failure *failures;
    const struct sunder_test_failure *unasked;
    uint32_t failure_count;
    uint32_t unchecked;
    int64_t nanoseconds;
    char broken[240];
};

static inline bool sunder_test_passed(const struct sunder_test_result *result)
{
    return result->failure_count == 0 && result->broken[0] == '\0';
}

struct sunder_test_runner;

/* SUNDER_ERR_FULL: no memory. */
SUNDER_MUST_USE enum sunder_err sunder_test_runner_create(struct sunder_test_runner **ret_runner);

/* Gives the records of the cases from here on to a coverage as well, borrowed; NULL: to none. */
void sunder_test_runner_cover(
    struct sunder_test_runner *runner, struct sunder_test_coverage *coverage);

/* Runs one case from an empty state. What a result points to lives until the runner is reset or destroyed. */
void sunder_test_run(struct sunder_test_runner *runner,
    const struct sunder_policy *policy,
    uint32_t partitions,
    const struct sunder_test_case *of,
    struct sunder_test_result *ret_result);

void sunder_test_runner_reset(struct sunder_test_runner *runner);
void sunder_test_runner_destroy(struct sunder_test_runner **runner);
