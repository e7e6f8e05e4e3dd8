/* Sequences (S18) as compiled: what a rule's steps are, and what fold has to remember for them. Part of a policy, see policy.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/str.h"

/* Elements of series: a duty, or a label that a step names. No other series has these, so their spaces (series.h) are numbers of
 * their own: one per kind of key, and one per rule whose key is an expression. */
#define SUNDER_ELEMENT_STEP_DUTY 0x2000u  /* + the duty's id */
#define SUNDER_ELEMENT_STEP_LABEL 0x4000u /* + its index in step_labels */

/* text   as written: a duty or `label:x`
 * label  x; absent for a duty */
struct sunder_sequence_step {
    struct sunder_str text;
    struct sunder_str label;
    uint16_t element;
};

/* A series that fold keeps, for all rules that look at it.
 * per      enum sunder_per; rule: whose key it is, when that is an expression
 * by       whose facts, SUNDER_ROLE_* bits
 * in_task  under the task as well as the key
 * within   the longest window, milliseconds; 0: no end */
struct sunder_sequence_need {
    uint16_t element;
    uint16_t space;
    uint8_t per;
    bool in_task;
    uint16_t rule;
    uint32_t by;
    int64_t within_ms;
};

/* What all sequences of a policy need.
 * at      by element, then space
 * labels  that steps name, byte order */
struct sunder_sequence_needs {
    const struct sunder_sequence_need *at;
    uint32_t count;
    const struct sunder_str *labels;
    uint32_t label_count;
};
