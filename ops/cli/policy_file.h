/* Reading of a policy file: bytes, digest, document, compiled policy, complaints. Shell; one thread. */
#pragma once

#include "engine/policy/policy_compile.h"
#include "ops/cli/cli.h"

struct sunder_policy_file;

/* Reads and compiles. Complaints of the document (syntax) and of the policy are both in the result.
 *   ret_file  gives; there also when the policy is wrong
 * SUNDER_ERR_INVALID: read, but it has errors (see the complaints); *ret_file is written.
 * SUNDER_ERR_IO: it cannot be read, vendor is errno; SUNDER_ERR_FULL: too big. Nothing is written. */
SUNDER_MUST_USE enum sunder_err sunder_policy_file_open(
    const char *path, struct sunder_policy_file **ret_file, struct sunder_fail *reterr_fail);

/* The same from a text, borrowed during the call. */
SUNDER_MUST_USE enum sunder_err sunder_policy_file_of(
    struct sunder_str text, struct sunder_policy_file **ret_file, struct sunder_fail *reterr_fail);

/* Views that live until the destroy. The policy is NULL when it has errors. */
const struct sunder_policy *sunder_policy_file_policy(const struct sunder_policy_file *file);
const struct sunder_complaints *sunder_policy_file_complaints(
    const struct sunder_policy_file *file);

void sunder_policy_file_destroy(struct sunder_policy_file **file);

/* Opens for commands that need a working policy: complaints go to stderr as file:line:column.
 * Exit codes: 78 when it is missing or wrong, 77 when it may not be read. */
enum sunder_exit sunder_policy_file_need(const char *path, struct sunder_policy_file **ret_file);

/* "file:line:column: error: text", one per line. */
void sunder_policy_file_print(
    FILE *out, const char *path, const struct sunder_complaints *complaints);
