/* One record of the intents topic after decoding: what proto/ makes and decide reads.
 *
 * All strings and arrays are views into the arena or the record that the decoder was given; they live as long as those.
 * "Absent" strings have at == NULL. Fields that the kind does not have are absent. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/str.h"
#include "engine/model/value.h"

enum sunder_event_kind {
    SUNDER_EVENT_INTENT,
    SUNDER_EVENT_OBSERVED,
    SUNDER_EVENT_OUTCOME,
    SUNDER_EVENT_TASK,
    SUNDER_EVENT_DELEGATION,
    SUNDER_EVENT_APPROVAL, /* Not supported yet: dead letter kind_unsupported. */
    SUNDER_EVENT_CASE,
    SUNDER_EVENT_CONTROL,
    SUNDER_EVENT_UNKNOWN, /* Any other CloudEvents type. */
    SUNDER_EVENT_KIND_COUNT
};

enum sunder_outcome_result {
    SUNDER_OUTCOME_NONE,
    SUNDER_OUTCOME_EXECUTED,
    SUNDER_OUTCOME_FAILED,
    SUNDER_OUTCOME_ABANDONED,
};

enum sunder_task_state {
    SUNDER_TASK_NONE,
    SUNDER_TASK_OPENED,
    SUNDER_TASK_UPDATED,
    SUNDER_TASK_RENEWED,
    SUNDER_TASK_ENDED,
};

enum sunder_control_kind {
    SUNDER_CONTROL_NONE,
    SUNDER_CONTROL_QUARANTINE,
    SUNDER_CONTROL_RELEASE,
    SUNDER_CONTROL_TICK,     /* Not supported yet. */
    SUNDER_CONTROL_ACTIVATE, /* Not supported yet. */
};

struct sunder_strs {
    const struct sunder_str *at;
    uint32_t count;
};

/* A decimal field. `absent`: not there. `range`: a number that int64 millionths cannot hold; micro is 0 then.
 * plain  its shortest plain string, as the action digest has it. */
struct sunder_amount {
    bool present;
    bool range;
    int64_t micro;
    struct sunder_str plain;
};

/* What is wrong with one field, found by the decoder (S40 stage 1).
 * code   "malformed", "context_missing" or "limit_reached"; static
 * field  a member of `data` or an attribute of the envelope; static text or view */
struct sunder_problem {
    struct sunder_str code;
    struct sunder_str field;
};

#define SUNDER_PROBLEMS_MAX 32

struct sunder_digest {
    uint8_t bytes[32];
};

/* Where a record stands on the log. `topic` is borrowed. timestamp_ms: milliseconds since 1970, may be negative. */
struct sunder_source {
    struct sunder_str topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
};

struct sunder_event {
    enum sunder_event_kind kind;
    struct sunder_source at;

    struct sunder_str id;     /* CloudEvents id: the intent's identity. */
    struct sunder_str source; /* CloudEvents source: the publisher under `authority: open`. */
    struct sunder_str type;

    struct sunder_problem problems[SUNDER_PROBLEMS_MAX];
    uint32_t problem_count;

    struct sunder_str tenant;
    struct sunder_digest digest; /* Action digest of intent and observed. */

    /* intent, observed */
    struct sunder_str agent; /* Already defaulted to `source`. */
    struct sunder_str principal;
    struct sunder_strs delegation; /* Nearest first, as claimed. */
    struct sunder_str task;        /* Also: task, delegation. */
    struct sunder_str purpose;     /* Also: task. */
    struct sunder_str tool;
    struct sunder_str action;
    struct sunder_strs objects; /* `object` first, then `objects`, as claimed; repeats kept. */
    struct sunder_str case_id;  /* Also: task, case. */
    struct sunder_value args;   /* MAP, or ABSENT. */
    struct sunder_amount amount;
    struct sunder_str currency;
    struct sunder_amount confidence;
    struct sunder_strs labels;
    struct sunder_strs parents;
    struct sunder_str credential;
    struct sunder_str idempotency_key;
    bool has_proof;

    /* outcome */
    struct sunder_str intent;
    enum sunder_outcome_result result;

    /* task: `principal`, `purpose`, `case_id`, `task` above */
    enum sunder_task_state task_state;
    bool has_duties; /* Also: delegation. */
    bool has_agents;
    struct sunder_strs duties;
    struct sunder_strs agents;
    bool has_expires;
    int64_t expires_ms;

    /* delegation */
    struct sunder_str from;
    struct sunder_str to;
    bool revoked;

    /* case: `case_id` or `object` (exactly one); `state` must be "closed" */
    struct sunder_str object;

    /* control */
    enum sunder_control_kind control;
    struct sunder_str subject;
};
