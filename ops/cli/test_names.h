/* Names that a test file expects and that are nowhere. Shell; one thread. */
#pragma once

#include "engine/policy/policy.h"
#include "ops/cli/test_file.h"

/* Tells on stderr every rule, duty and piece of evidence that no record can name under this policy, with the one that was probably
 * meant. False: there are such. */
bool sunder_test_names_check(const char *path,
    const struct sunder_test_file *file,
    const char *policy_path,
    const struct sunder_policy *policy);
