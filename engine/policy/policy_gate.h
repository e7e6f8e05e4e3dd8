/* What a compiled rule has beside its kind's own: the condition of a gate, exceptions, and what its expressions ask of the
 * history. Parts of struct sunder_rule and struct sunder_policy (policy.h). Pure; any thread may read. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/expr/expr.h"
#include "engine/policy/policy_context.h"

/* One entry of `except`: it excuses while now < until. */
struct sunder_exception {
    const struct sunder_expr *when;
    struct sunder_str owner;
    int64_t until_ms; /* since 1970 */
};

/* The state that `history` asks for (S9: a policy that does not ask pays nothing).
 * any       facts with any duty are counted or added up; sums: ... and their amounts are; duty_sums: ... and those of named duties
 * agents    their agents are listed
 * keep_ms   facts older than this are never asked for; 0: they are */
struct sunder_history_need {
    bool asks;
    bool any;
    bool sums;
    bool duty_sums;
    bool agents;
    const struct sunder_duty_id *duties; /* asked for by name; ascending, without repeats */
    uint32_t duty_count;
    int64_t keep_ms;
};

/* Whose facts a series holds. */
enum sunder_series_class {
    SUNDER_CLASS_SUBJECT, /* facts of the subject in any role (S10) */
    SUNDER_CLASS_ACTOR,   /* facts whose agent is the subject */
    SUNDER_CLASS_TASK,    /* facts of the task */
    SUNDER_CLASS_ALL,     /* facts of anybody; subject 0 */
};
#define SUNDER_CLASS_BIT(class) ((uint8_t)(1u << (class)))

/* What rules without `per` ask of a subject's facts in the domain: classes of series, by what is asked for. */
struct sunder_history_free {
    bool asks;
    bool sums;
    bool duty_sums;
    uint8_t any;
    uint8_t agents;
    const uint8_t *duties; /* by duty id */
    int64_t keep_ms;
};
