/* Turns a policy's document tree into a compiled policy, or into complaints with positions. Strict: unknown or repeated keys,
 * unknown duties, dead duties, wrong types, keys that this build does not have yet: each is an error at its line and column,
 * with the nearest legal word where there is one. Pure: no I/O, no heap. */
#pragma once

#include "engine/model/doc.h"
#include "engine/policy/policy.h"

enum sunder_complaint_level {
    SUNDER_COMPLAINT_ERROR,
    SUNDER_COMPLAINT_WARNING,
    SUNDER_COMPLAINT_NOTE,
};

/* line, column: 1-based. text: one sentence; lives in the arena. */
struct sunder_complaint {
    enum sunder_complaint_level level;
    uint32_t line;
    uint32_t column;
    struct sunder_str text;
};

#define SUNDER_COMPLAINTS_MAX 200

struct sunder_complaints {
    struct sunder_complaint at[SUNDER_COMPLAINTS_MAX];
    uint32_t count; /* Kept; more than the bound are counted in `dropped`. */
    uint32_t dropped;
    uint32_t errors;
};

/* root    the document of the policy file; borrowed; its strings outlive the policy
 * digest  SHA-256 of the file's bytes
 * regex   for `matches`; borrowed, outlives the policy. NULL: it takes plain texts only */
struct sunder_policy_source {
    const struct sunder_doc *root;
    struct sunder_digest digest;
    const struct sunder_regex *regex;
};

/* Compiles. All complaints are collected, in order of position; a policy is given only when there is no error.
 *   arena       owns the policy
 *   complaints  appended to
 * SUNDER_ERR_INVALID: there are errors. SUNDER_ERR_FULL: the arena has no room. */
SUNDER_MUST_USE enum sunder_err sunder_policy_compile(const struct sunder_policy_source *source,
    struct sunder_arena *arena,
    struct sunder_complaints *complaints,
    struct sunder_policy **ret_policy);
