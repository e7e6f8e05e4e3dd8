/* One record of the decisions topic: what decide makes, proto/ writes and reads, and fold turns into state.
 *
 * A decision carries all that its own fold needs, so that the topic is the changelog.
 * Strings and arrays are views that live as long as the arena (decide, decode) or the event they came from.
 * Absent strings have at == NULL. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/str.h"
#include "engine/model/event.h"

enum sunder_record_kind {
    SUNDER_RECORD_DECISION,    /* type dev.sunder.decision.v1: the answer to an intent. */
    SUNDER_RECORD_OBSERVED,    /* type dev.sunder.recorded.v1 from here ... */
    SUNDER_RECORD_OUTCOME,
    SUNDER_RECORD_TASK,
    SUNDER_RECORD_DELEGATION,
    SUNDER_RECORD_CASE,
    SUNDER_RECORD_CONTROL,
    SUNDER_RECORD_DEAD_LETTER, /* ... to here: the event had no effect but on stream time. */
    SUNDER_RECORD_REVOCATION,  /* type dev.sunder.revocation.v1 */
    SUNDER_RECORD_KIND_COUNT
};

enum sunder_verdict {
    SUNDER_VERDICT_NONE, /* Not a decision on an intent. */
    SUNDER_VERDICT_ALLOW,
    SUNDER_VERDICT_ESCALATE,
    SUNDER_VERDICT_DENY,
};

enum sunder_effect {
    SUNDER_EFFECT_ALERT,
    SUNDER_EFFECT_ESCALATE,
    SUNDER_EFFECT_DENY,
    SUNDER_EFFECT_REVOKE,
};

enum sunder_mode {
    SUNDER_MODE_ENFORCE,
    SUNDER_MODE_SHADOW,
    SUNDER_MODE_OFF,
};

/* Where a policy only watches (S29), from lax to strict. */
enum sunder_scope_mode {
    SUNDER_SCOPE_DETECT = 1,
    SUNDER_SCOPE_SHADOW,
    SUNDER_SCOPE_ENFORCE,
};

/* Roles of a subject; a bit each, since one subject may have several. ACTOR and TASK appear only in a rule's `by`. */
enum sunder_role {
    SUNDER_ROLE_AGENT = 1,
    SUNDER_ROLE_DELEGATOR = 2,
    SUNDER_ROLE_PRINCIPAL = 4,
    SUNDER_ROLE_CREDENTIAL = 8,
    SUNDER_ROLE_ACTOR = 16,
    SUNDER_ROLE_TASK = 32,
};

enum sunder_tier {
    SUNDER_TIER_NONE,
    SUNDER_TIER_LOW,
    SUNDER_TIER_MEDIUM,
    SUNDER_TIER_HIGH,
};

/* Phases; a bit each. */
enum sunder_phase {
    SUNDER_PHASE_OBSERVE = 1,
    SUNDER_PHASE_RECOMMEND = 2,
    SUNDER_PHASE_EXECUTE = 4,
};

struct sunder_subject {
    struct sunder_str id;
    uint32_t roles; /* SUNDER_ROLE_* bits. */
};

/* A fact that supports a reason. duty: the duty (or phase) of the rule that the fact holds. */
struct sunder_evidence {
    struct sunder_str intent;
    struct sunder_str agent;
    struct sunder_str duty;
    int64_t time_ms;
};

/* Another (subject, key) for which the same rule fired. */
struct sunder_pair {
    struct sunder_str subject;
    struct sunder_str key;
};

/* Why. An engine reason has a code and no rule; a rule's reason has both (the code is the rule's kind).
 * field     engine reasons: what is wrong (SEMANTICS section 7 fixes the texts)
 * subject, key  rules: the first (subject, key) for which it fired
 * message   one sentence for a person, written by decide
 * count, value  limits: counting facts in the window, and the aggregate with the new intent; else absent */
struct sunder_reason {
    struct sunder_str rule;
    struct sunder_str code;
    struct sunder_str field;
    struct sunder_str subject;
    struct sunder_str key;
    struct sunder_str message;
    struct sunder_str value;
    enum sunder_effect effect;
    enum sunder_mode mode;
    uint8_t stage; /* 1..8, S40. */
    bool has_count;
    uint64_t count;
    const struct sunder_evidence *evidence;
    uint32_t evidence_count;
    const struct sunder_pair *also;
    uint32_t also_count;
    struct sunder_strs tags;
};

/* Something an analyst should know that changes no verdict, e.g. outcome_conflict. */
struct sunder_finding {
    struct sunder_str code;
    struct sunder_str field;
    struct sunder_str subject;
    struct sunder_str intent;
};

/* What a limit measured on this intent, when that is not simply its amount or a count:
 * rule  the limit's name; text  the value of its expression (a plain decimal for sum, any string for distinct) */
struct sunder_measure {
    struct sunder_str rule;
    struct sunder_str text;
};

/* A key made by a rule's own `per` expression. */
struct sunder_rule_key {
    struct sunder_str rule;
    struct sunder_str key;
};

/* Wanted approvals of an escalating rule. */
struct sunder_wanted {
    struct sunder_str rule;
    uint32_t count;
    struct sunder_strs from;
};

/* What would have to be different for a denied act to be allowed (G7), in the order in which changes are looked for. */
enum sunder_change_kind {
    SUNDER_CHANGE_APPROVAL, /* value: the rules that a person must let pass, joined by commas */
    SUNDER_CHANGE_WAIT,     /* the first stream time at which it would pass, milliseconds since 1970 */
    SUNDER_CHANGE_AMOUNT,   /* the largest amount that would pass, a plain decimal */
    SUNDER_CHANGE_PARTY,    /* the subject in whose place somebody without a history must act */
    SUNDER_CHANGE_CLOSED,   /* the case or object that must be closed first */
};
#define SUNDER_CHANGE_KINDS (SUNDER_CHANGE_CLOSED + 1)

struct sunder_change {
    enum sunder_change_kind kind;
    struct sunder_str value;
};

enum sunder_outcome_effect {
    SUNDER_OUTCOME_EFFECT_NONE,
    SUNDER_OUTCOME_EFFECT_CONFIRMED, /* reserved -> confirmed */
    SUNDER_OUTCOME_EFFECT_RELEASED,  /* reserved -> released */
    SUNDER_OUTCOME_EFFECT_RESTORED,  /* released -> confirmed, at its original time */
    SUNDER_OUTCOME_EFFECT_LATE,      /* never allowed, yet executed: a fact at this record's position and time (S8) */
};

struct sunder_judge;

struct sunder_decision {
    /* What decide looked up on the way, so that a fold that follows at once need not do it again; NULL when the record was
     * decoded. Fold writes the same rows either way. Never written to the log. */
    const struct sunder_judge *judged;

    enum sunder_record_kind kind;
    uint32_t index; /* 0 for the answer to the source record, 1.. for revocations that go with it. */
    struct sunder_source source;
    int64_t stream_time_ms;
    struct sunder_str tenant; /* Absent when the record had none that could be read. */
    struct sunder_str domain; /* The domain's key; equals `tenant` under `domain: tenant`. */
    struct sunder_digest policy;
    struct sunder_str engine; /* Version of the engine. */

    /* The chain, filled in by whoever writes the log, not by decide. prev: SHA-256 of the previous record's bytes. */
    uint64_t seq;
    struct sunder_digest prev;

    struct sunder_str event;     /* CloudEvents id of the source record; the intent id of a decision. */
    struct sunder_str publisher; /* CloudEvents source; recorded kinds only. */

    /* decision */
    enum sunder_verdict verdict;
    uint32_t attempt;
    uint8_t stage;                /* Where judgement ended: 1..8. */
    enum sunder_scope_mode scope; /* Of `would_be`; 0 without it. */
    enum sunder_verdict would_be; /* NONE; else what the verdict were if the policy did not only watch here (S29). */
    bool authority_open;          /* The policy lets anybody publish anything (S37). */
    bool duplicate;               /* A copy (S7): changes nothing but stream time. */
    struct sunder_str of; /* Of a copy: id of the decision it repeats. */
    const struct sunder_reason *reasons;
    uint32_t reason_count;
    const struct sunder_reason *shadow;
    uint32_t shadow_count;
    const struct sunder_wanted *wanted;
    uint32_t wanted_count;
    const struct sunder_finding *findings;
    uint32_t finding_count;
    const struct sunder_change *would_allow; /* Of a deny, when it was asked for: all of them together, and no fewer. */
    uint32_t would_allow_count;

    /* decision, observed: the normalised intent */
    const struct sunder_subject *subjects; /* S12 order: agent, delegators, principal, credential; no id twice. */
    uint32_t subject_count;
    struct sunder_str agent;      /* == subjects[0].id */
    struct sunder_str principal;
    struct sunder_str credential; /* Absent when there is none. */
    struct sunder_str task;       /* Also: task, delegation. */
    struct sunder_str purpose;    /* Also: task. */
    struct sunder_str tool;
    struct sunder_str action;
    struct sunder_strs objects; /* Byte order, no repeats. */
    struct sunder_strs cases;   /* Byte order, no repeats. */
    struct sunder_amount amount;
    struct sunder_str currency;
    struct sunder_amount confidence;
    struct sunder_strs labels;  /* All of S16; byte order from here ... */
    struct sunder_strs carries; /* of the event and the catalogue */
    struct sunder_strs claimed; /* those of `carries` that only the event names */
    struct sunder_strs gains;   /* ... to here. */
    struct sunder_strs parents;
    struct sunder_str idempotency_key;
    struct sunder_strs duties; /* Byte order. */
    uint32_t phases;           /* SUNDER_PHASE_* bits. */
    enum sunder_tier tier;
    struct sunder_digest digest; /* The action digest. */
    const struct sunder_measure *measures;
    uint32_t measure_count;
    const struct sunder_rule_key *rule_keys;
    uint32_t rule_key_count;

    /* outcome */
    struct sunder_str intent; /* Also revocation: the event that caused it. */
    enum sunder_outcome_result result;
    enum sunder_outcome_effect outcome_effect;

    /* task, delegation: as the event said it */
    enum sunder_task_state task_state;
    struct sunder_str case_id; /* Also case. */
    bool has_duties;           /* Then `duties` above holds what the task or edge allows. */
    bool has_agents;
    struct sunder_strs agents;
    bool has_expires;
    int64_t expires_ms;
    struct sunder_str from;
    struct sunder_str to;
    bool revoked;

    /* case: case_id or object */
    struct sunder_str object;

    /* control, revocation */
    enum sunder_control_kind control;
    struct sunder_str subject;

    /* dead_letter: why */
    struct sunder_str code;
    struct sunder_str field;
};
