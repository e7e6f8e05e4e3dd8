/* A policy as commands need it: loaded or refused with an exit code, complaints printed. Shell; one thread. */
#pragma once

#include "consumers/policy_load.h"
#include "ops/cli/cli.h"

/* Loads for commands that need a working policy: complaints go to stderr as file:line:column.
 * Exit codes: 78 when it is missing or wrong, 77 when it may not be read. */
enum sunder_exit sunder_policy_file_need(const char *path, struct sunder_policy_load **ret_load);

/* "file:line:column: error: text", one per line. */
void sunder_policy_file_print(
    FILE *out, const char *path, const struct sunder_complaints *complaints);
