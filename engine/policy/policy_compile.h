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

/* What kind of mistake it is, for programs: a word that stays when the sentence is said better. */
#define SUNDER_COMPLAINT_CODES(X)                                                                  \
    X(INVALID, "invalid") /* None of these: no policy. */                                          \
    X(YAML, "yaml")                                                                                \
    X(TEST_FILE, "test_file")                                                                      \
    X(UNKNOWN_KEY, "unknown_key")                                                                  \
    X(UNKNOWN_FIELD, "unknown_field")                                                              \
    X(UNKNOWN_FUNCTION, "unknown_function")                                                        \
    X(UNKNOWN_TAG, "unknown_tag")                                                                  \
    X(UNMAPPED, "unmapped")       /* The catalogue has no such duty, phase or label. */            \
    X(UNSUPPORTED, "unsupported") /* Of a later build. */                                          \
    X(MISSING, "missing")                                                                          \
    X(REPEATED, "repeated")                                                                        \
    X(MISPLACED, "misplaced")   /* A key that this rule does not take, or not beside another. */   \
    X(WRONG_TYPE, "wrong_type") /* A text, number, list, map, ... where another is wanted. */      \
    X(WRONG_WORD, "wrong_word") /* One of several words is wanted. */                              \
    X(WRONG_VALUE, "wrong_value")                                                                  \
    X(TOO_LARGE, "too_large")                                                                      \
    X(EXPRESSION_SYNTAX, "expression_syntax")                                                      \
    X(EXPRESSION_TYPE, "expression_type")                                                          \
    X(EXPRESSION_FIELD, "expression_field") /* Known, but not to be read here. */                  \
    X(NEVER_FIRES, "never_fires")                                                                  \
    X(IMPOSSIBLE, "impossible") /* Nobody could ever do it, or approve it. */                      \
    X(DENIES_ALL, "denies_all")                                                                    \
    X(ABSENT_FIELD, "absent_field")                                                                \
    X(CLAIMED_KEY, "claimed_key")                                                                  \
    X(DOMAIN_TOO_FINE, "domain_too_fine")                                                          \
    X(COUNTS_FOR_EVER, "counts_for_ever")                                                          \
    X(INEXACT, "inexact")                                                                          \
    X(COSTLY, "costly")                                                                            \
    X(UNUSED, "unused")

enum sunder_complaint_code {
#define SUNDER_COMPLAINT_ENUM(code, word) SUNDER_COMPLAINT_CODE_##code,
    SUNDER_COMPLAINT_CODES(SUNDER_COMPLAINT_ENUM)
#undef SUNDER_COMPLAINT_ENUM
};

/* line, column: 1-based. text: one sentence; lives in the arena. */
struct sunder_complaint {
    enum sunder_complaint_level level;
    enum sunder_complaint_code code;
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
