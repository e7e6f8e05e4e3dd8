/* One judgement: what is known about an intent (or observed act) while it goes through the stages of S40. Each stage adds to it
 * and reads what the stages before it found; nothing is written to state. All memory is the step's arena. */
#pragma once

#include "engine/model/identifier.h"
#include "engine/rules/key_row.h"
#include "engine/rules/label.h"
#include "engine/rules/names.h"
#include "engine/rules/record.h"
#include "engine/rules/task.h"

#define SUNDER_SUBJECTS_MAX (SUNDER_CHAIN_MAX + 3)

/* Bits of a match mask: one per subject of the intent, and two that appear in a rule's `by` only. */
#define SUNDER_LOOKER_ACTOR 62
#define SUNDER_LOOKER_TASK 63

/* A key of the intent with its row, and for each fact in it which of the intent's subjects it counts for. */
struct sunder_judge_key {
    struct sunder_str text;
    struct sunder_key_row row;
    struct sunder_key_fact *facts; /* NULL until a rule asks for them */
    uint64_t *match;               /* row.fact_count masks */
};

struct sunder_judge_keys {
    struct sunder_judge_key *at; /* byte order of text, no repeats */
    uint32_t count;
    bool loaded;  /* rows are read */
    bool matched; /* and their facts */
};

struct sunder_firing; /* firing.h */

/* A rule that may apply to the intent, and what stage 6 found out for it. */
struct sunder_candidate {
    const struct sunder_rule *rule;
    bool silent; /* it only remembers its key: a fact with the duty that `requires` asks for */
    bool tells_key; /* facts under the key of its own `per` will be asked for */
    struct sunder_judge_keys *keys; /* NULL: a limit without `per` */
    bool missing;                   /* no key or no value: it is not evaluated */
    bool left_out;                  /* nor is this one: there is no room for it (judge->rules_full) */
    bool has_value;                 /* ... which the record has to tell */
    bool foreign;                   /* no rate for the currency */
    struct sunder_value value;      /* of a limit: its sum or distinct value */
    struct sunder_firing *firing;   /* of a gate or condition that is judged; else NULL */
};

/* A member of the chain that recorded edges reach; node 0 is the agent. edges: only those that apply to the intent (S12). */
struct sunder_chain_node {
    struct sunder_str id;
    struct sunder_name name;
    struct sunder_edges edges;
};

struct sunder_reason_node {
    struct sunder_reason reason;
    struct sunder_reason_node *next;
};

struct sunder_judge {
    struct sunder_state state; /* rows == NULL */
    const struct sunder_event *event;
    struct sunder_str domain;
    struct sunder_name tenant_name; /* with their stream times from before */
    struct sunder_name domain_name;
    uint32_t tenant_id;
    uint32_t domain_id;
    int64_t now_ms;

    struct sunder_reason_node *reasons;
    struct sunder_reason_node *shadow;
    uint32_t reason_count;
    uint32_t shadow_count;

    /* the chain (S12) */
    struct sunder_subject *subjects;
    struct sunder_name *names; /* of subjects */
    uint32_t subject_count;
    struct sunder_str principal;
    uint32_t depth;
    bool chain_full;
    struct sunder_chain_node *nodes; /* places for agent, delegators and principal */
    uint32_t node_count;
    struct sunder_task task;
    struct sunder_name task_name;

    /* the act */
    struct sunder_str *objects;
    uint32_t object_count;
    struct sunder_str *cases;
    uint32_t case_count;
    struct sunder_str *closed_cases; /* closed ones among those claimed or made by the catalogue */
    uint32_t closed_case_count;
    bool objects_full; /* there are more, and these are the first in byte order */
    bool cases_full;
    uint16_t *duties;          /* ascending ids */
    uint32_t duty_count;
    uint16_t *direct; /* those that no other duty caused; none when the policy has no effects */
    uint32_t direct_count;
    uint32_t phases;
    enum sunder_tier tier;
    int64_t fuel;
    struct sunder_expr_env *env; /* NULL when the policy has no expressions */
    struct sunder_flow flow;
    struct sunder_strs labels; /* all of S16 */
    struct sunder_value claimed_labels; /* for expressions: what `match` may see of them, */
    struct sunder_value known_labels;   /* and what `unless` may, when an expression reads labels */

    struct sunder_judge_keys object_keys;
    struct sunder_judge_keys case_keys;
    struct sunder_judge_keys task_keys;
    struct sunder_judge_keys tenant_keys;

    enum sunder_scope_mode scope; /* S29; 0 before stage 5 */
    struct sunder_str only; /* rules look at this subject alone, when it is there: the chain of one revocation */
    struct sunder_candidate *candidates; /* byte order of names */
    uint32_t candidate_count;
    uint32_t evaluations; /* of rules' expressions, at most, before any value is left out */
    bool narrow;     /* there are many combinations: values are left out for which no condition can hold (parts.h) */
    bool rules_full; /* more keys and values than a record holds, or evaluations than an act may cost: rules are left out */
};

/* Reads the domain's names and stream time. `tenant` and domain attributes of the event are readable (sunder_domain_of). */
SUNDER_MUST_USE enum sunder_err sunder_judge_start(struct sunder_judge *judge, struct sunder_str domain);

/* The text of the event's domain; absent when an attribute of it is missing or no identifier. Needs the arena only for domains finer than the tenant. */
SUNDER_MUST_USE enum sunder_err sunder_domain_of(const struct sunder_policy *policy, const struct sunder_event *event,
    struct sunder_arena *arena, struct sunder_str *ret_domain);

/* The names of the domain's attributes that are missing or no identifier, in byte order; returns how many. */
uint32_t sunder_domain_missing(const struct sunder_policy *policy, const struct sunder_event *event,
    struct sunder_str ret_names[SUNDER_DOMAIN_FIELDS_MAX]);

/* Adds an engine reason (effect deny). field: static or living in arena or event; may be absent. A repeated (code, field) is
 * added once. SUNDER_ERR_FULL: no room. */
SUNDER_MUST_USE enum sunder_err sunder_judge_deny(struct sunder_judge *judge, uint8_t stage, struct sunder_str code,
    struct sunder_str field, struct sunder_str message);
/* Adds a rule's reason, to the shadow list when the rule is in shadow mode. */
SUNDER_MUST_USE enum sunder_err sunder_judge_fire(
    struct sunder_judge *judge, const struct sunder_rule *rule, const struct sunder_reason *reason);

/* Stage 1: problems of the decoder and identifiers of the event. */
SUNDER_MUST_USE enum sunder_err sunder_judge_identify(struct sunder_judge *judge);

/* Stage 4. ret_copy: the intent that this one repeats (same digest), NULL when it is new or denied. */
SUNDER_MUST_USE enum sunder_err sunder_judge_copies(
    struct sunder_judge *judge, const struct sunder_record **ret_copy);

/* Whether an event of another kind was recorded before (S7: copies by tenant, source and id). */
SUNDER_MUST_USE enum sunder_err sunder_judge_recorded(const struct sunder_judge *judge, bool *ret_copy);

/* The chain: subjects, principal, depth, task. Judges nothing. */
SUNDER_MUST_USE enum sunder_err sunder_judge_chain(struct sunder_judge *judge);

/* Whether each duty has a live path from the principal (S12); adds outside_delegation. */
SUNDER_MUST_USE enum sunder_err sunder_judge_delegation(struct sunder_judge *judge);

/* Stage 5: duties, tier, phases, objects and cases of the act. Errors of catalogue expressions are told by the flags. */
struct sunder_catalogue_trouble {
    bool object_errors;
    bool case_errors;
};
SUNDER_MUST_USE enum sunder_err sunder_judge_duties(
    struct sunder_judge *judge, struct sunder_catalogue_trouble *ret_trouble);

/* Whether the policy only watches this act; needs the env, so it comes after sunder_judge_duties. */
SUNDER_MUST_USE enum sunder_err sunder_judge_scopes(struct sunder_judge *judge);
/* Whether a scope says so. */
bool sunder_judge_watches(const struct sunder_judge *judge);
/* Whether what denies or escalates only would: the policy watches, and nobody behind the act is quarantined, nor can be, unseen,
 * beyond the end of a chain that was cut. */
bool sunder_judge_lets(const struct sunder_judge *judge);

/* Whether the act is more than can be held of it, labels apart: its chain, objects, cases, duties, or what rules take of it. */
static inline bool sunder_judge_is_full(const struct sunder_judge *judge)
{
    return judge->chain_full || judge->objects_full || judge->cases_full || judge->rules_full ||
           judge->duty_count > SUNDER_INTENT_DUTIES_MAX;
}

/* Stage 6: required context, purposes, entitlements. */
SUNDER_MUST_USE enum sunder_err sunder_judge_entitled(struct sunder_judge *judge);

/* Loads key rows; cheap when done already. */
SUNDER_MUST_USE enum sunder_err sunder_judge_load(
    struct sunder_judge *judge, struct sunder_judge_keys *keys, uint16_t space);
/* Reads the facts of loaded keys, with their match masks; cheap when done already. */
SUNDER_MUST_USE enum sunder_err sunder_judge_match(struct sunder_judge *judge, struct sunder_judge_keys *keys);

/* The rules that may apply, their keys and values. Missing ones are told through `missing` of the candidate; context reasons
 * are added unless `quiet` (observed acts). */
SUNDER_MUST_USE enum sunder_err sunder_judge_candidates(struct sunder_judge *judge);

/* Stages 6, 7 and 8. */
SUNDER_MUST_USE enum sunder_err sunder_judge_context(
    struct sunder_judge *judge, const struct sunder_catalogue_trouble *trouble);
SUNDER_MUST_USE enum sunder_err sunder_judge_bounds(struct sunder_judge *judge);
SUNDER_MUST_USE enum sunder_err sunder_judge_rules(struct sunder_judge *judge);
/* The reason of one rule as it concerns one subject, after sunder_judge_rules; the judge's reasons stay as they are.
 * SUNDER_ERR_NOT_FOUND: it does not fire for the subject. */
SUNDER_MUST_USE enum sunder_err sunder_judge_reason_for(struct sunder_judge *judge, struct sunder_str rule,
    struct sunder_str subject, const struct sunder_reason **ret_reason);

/* Stage 6: gates that do not ask the history; what they lack is told now, and that they fire in stage 8. */
SUNDER_MUST_USE enum sunder_err sunder_judge_gates(struct sunder_judge *judge);

/* One rule of each kind; fires into the judge's reasons. */
SUNDER_MUST_USE enum sunder_err sunder_judge_separation(
    struct sunder_judge *judge, const struct sunder_candidate *candidate);
SUNDER_MUST_USE enum sunder_err sunder_judge_requires(
    struct sunder_judge *judge, const struct sunder_candidate *candidate);
SUNDER_MUST_USE enum sunder_err sunder_judge_limit(
    struct sunder_judge *judge, const struct sunder_candidate *candidate);
SUNDER_MUST_USE enum sunder_err sunder_judge_open(struct sunder_judge *judge, struct sunder_candidate *candidate);
SUNDER_MUST_USE enum sunder_err sunder_judge_sequence(
    struct sunder_judge *judge, const struct sunder_candidate *candidate);
