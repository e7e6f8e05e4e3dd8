/* A policy file on disk: bytes, digest, document, compiled policy, complaints. Thread: one; takes heap, for start-up. */
#pragma once

#include "engine/policy/policy_compile.h"

struct sunder_policy_load;

/* Reads and compiles the file.
 *   ret_load  gives; also with SUNDER_ERR_INVALID, then only for its complaints
 * SUNDER_ERR_INVALID: it has errors. SUNDER_ERR_IO: it cannot be read (vendor is errno); nothing is given. SUNDER_ERR_FULL. */
SUNDER_MUST_USE enum sunder_err sunder_policy_load(
    const char *path, struct sunder_policy_load **ret_load, struct sunder_fail *reterr_fail);

/* The same from a text, which is borrowed during the call. */
SUNDER_MUST_USE enum sunder_err sunder_policy_load_text(
    struct sunder_str text, struct sunder_policy_load **ret_load, struct sunder_fail *reterr_fail);

/* Live until the destroy. The policy is NULL when there are errors. */
const struct sunder_policy *sunder_policy_load_policy(const struct sunder_policy_load *load);
const struct sunder_complaints *sunder_policy_load_complaints(
    const struct sunder_policy_load *load);

/* Lets somebody know what conditions come to, for coverage: not for a policy that is in use. Borrowed until the destroy. */
struct sunder_expr_watch;
void sunder_policy_load_watch(
    struct sunder_policy_load *load, const struct sunder_expr_watch *watch);

void sunder_policy_load_destroy(struct sunder_policy_load **load);
