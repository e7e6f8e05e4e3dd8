/* A compiled policy: what decide and fold read. Made once by sunder_policy_compile (policy_compile.h), then immutable.
 * Everything lives in the arena it was compiled into. Pure; any thread may read. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/str.h"
#include "engine/expr/expr.h"
#include "engine/model/decision.h"
#include "engine/model/limits.h"
#include "engine/policy/policy_context.h"
#include "engine/policy/policy_gate.h"
#include "engine/policy/policy_sequence.h"

/* One line of the catalogue: what an act means. NULL expressions are absent. */
struct sunder_catalogue_entry {
    struct sunder_str tool;   /* As written; `*` at the end of a dot-separated segment stands for its rest. */
    struct sunder_str action;
    bool wild; /* tool or action has a `*`. */
    struct sunder_duty_id duty;
    uint32_t phase; /* One SUNDER_PHASE_* bit, or 0. */
    enum sunder_tier tier;
    const struct sunder_expr *object;
    const struct sunder_expr *case_id;
    const struct sunder_expr *when;
    bool shared;
    struct sunder_strs
        labels; /* S16: what the act carries in, and what it acquires (S24). Byte order, no repeats. */
    struct sunder_strs gains;
    bool tells_effects; /* It says `causes`, if only that there are none. */
    const struct sunder_duty_id *causes;
    uint32_t cause_count;
};

/* S23: all that one duty causes, nearest first. via[i] is what causes at[i]: the duty itself, or an earlier one.
 * phases, tier  those of the caused duties */
struct sunder_effects {
    const uint16_t *at;
    const uint16_t *via;
    uint32_t count;
    uint32_t phases;
    enum sunder_tier tier;
};

enum sunder_rule_kind {
    SUNDER_RULE_SEPARATION,
    SUNDER_RULE_REQUIRES,
    SUNDER_RULE_LIMIT,
    SUNDER_RULE_GATE,
    SUNDER_RULE_CONDITION,
    SUNDER_RULE_SEQUENCE,
};

enum sunder_per {
    SUNDER_PER_NONE, /* Limits, gates and conditions only: no key. */
    SUNDER_PER_OBJECT,
    SUNDER_PER_CASE,
    SUNDER_PER_TASK,
    SUNDER_PER_TENANT,
    SUNDER_PER_EXPR,
};

#define SUNDER_ASKED_BIT(per) ((uint8_t)(1u << (per)))

enum sunder_aggregate {
    SUNDER_AGGREGATE_SUM,
    SUNDER_AGGREGATE_COUNT,
    SUNDER_AGGREGATE_DISTINCT,
};

struct sunder_rule {
    enum sunder_rule_kind kind;
    struct sunder_str name;
    struct sunder_str kind_text; /* "separation", "requires", "limit", "gate", "condition" */
    enum sunder_mode mode;
    enum sunder_effect effect;
    enum sunder_per per;
    const struct sunder_expr *per_expr; /* SUNDER_PER_EXPR only. */
    struct sunder_str per_text;         /* As written, for context_missing. */
    uint32_t by;                        /* SUNDER_ROLE_* bits. requires without `by`: 0. */
    const struct sunder_expr *unless;   /* May be NULL. */
    const struct sunder_exception *except;
    uint32_t except_count;
    sunder_field_set runs_over;         /* What `when`, `unless` and `except` read. */
    struct sunder_history_need history; /* What they ask the history for. */
    int64_t within_ms;                  /* 0: no window. */
    struct sunder_strs tags;
    bool has_wanted; /* then: escalate */
    struct sunder_wanted wanted;

    /* separation: the set L in byte order; `phases` bits instead when it is over phases.
     * requires: duties[0] = what must have been (A). limit: `of`, empty = any duty. */
    const struct sunder_duty_id *duties;
    uint32_t duty_count;
    uint32_t phases;
    uint32_t at_most;

    struct sunder_duty_id before; /* requires: B; sequence: its last step, when that is a duty */

    /* sequence */
    struct sunder_sequence_step *steps;
    uint32_t step_count;
    bool along_information; /* else along one subject */
    bool within_task;

    /* limit */
    enum sunder_aggregate aggregate;
    const struct sunder_expr *value;  /* sum or distinct; NULL for count. */
    bool value_is_amount;             /* value is the field `amount`. */
    struct sunder_str value_text;     /* As written. */
    struct sunder_str currency;       /* sum of amount */
    const struct sunder_rates *rates; /* ... or of amounts in several; then `currency` is absent. */
    bool attempts;
    int64_t max_micro;

    /* gate, condition */
    const struct sunder_expr *when;
    sunder_field_set require; /* Of a gate, where it fires. */
    bool asks_only;           /* A gate with `require` alone: it fires with no reason of its own. */
};

struct sunder_rule_refs {
    const uint16_t *at; /* Indices into rules, ascending. */
    uint32_t count;
};

struct sunder_policy {
    struct sunder_str name;
    struct sunder_digest digest; /* SHA-256 of the policy file's bytes, given by whoever read the file. */
    uint32_t domain_field_count; /* 1 = tenant only. */
    enum sunder_field domain_fields[SUNDER_DOMAIN_FIELDS_MAX]; /* [0] is SUNDER_FIELD_TENANT; then attributes as written. */
    int64_t horizon_ms;
    struct sunder_require require;
    bool has_purposes;
    struct sunder_strs purposes; /* As written. */
    struct sunder_entitle entitle;
    struct sunder_scopes scopes;
    const struct sunder_rates *rates; /* Byte order of names. */
    uint32_t rates_count;
    bool disclose;            /* A deny says what would have allowed it (G7). */
    struct sunder_strs tests; /* Globs or paths of test files, beside the policy. */

    const struct sunder_str *duties; /* Byte order. */
    uint32_t duty_count;
    const struct sunder_catalogue_entry *entries; /* File order. */
    uint32_t entry_count;
    const struct sunder_effects *effects; /* By duty; NULL when nothing causes anything. */
    bool keeps_labels; /* Something of it asks for labels: they are remembered (S16). */
    const struct sunder_rule *rules; /* Byte order of names; `off` rules left out. */
    uint32_t rule_count;
    const struct sunder_rule_refs *rules_by_duty; /* duty_count + 0: rules whose D / before / of may hold the duty. */
    struct sunder_rule_refs rules_by_phase;       /* Separations over phases. */
    struct sunder_rule_refs rules_any;            /* Limits without `of`, and of attempts without attempts_of. */
    const struct sunder_rule_refs *rules_by_label; /* By label of a step: sequences that end with it. */
    struct sunder_sequence_needs sequences;        /* What fold keeps for them. */
    struct sunder_rule_refs rules_keyed;          /* Those that remember keys of their own `per` expression. */
    const uint8_t *asked; /* By duty: a SUNDER_ASKED_BIT per `per` under which a separation or requires asks for it. */
    struct sunder_history_free history; /* What rules without `per` ask for. */
    uint8_t asked_phases; /* The same for separations over phases. */
    uint32_t by;          /* Union of the rules' `by`. */
    bool counts_attempts; /* A limit `of: attempts` exists. */
    bool uses_expressions; /* Any when/object/case/per/unless/value but plain `amount`: the env must be filled. */
    sunder_field_set reads; /* Union over all expressions. */

    const void *match_index; /* Of sunder_policy_match. */
    const void *find_index;  /* Of sunder_policy_find; NULL: there are no gates and no conditions. */

    const struct sunder_expr_watch *watch; /* Told of each evaluation; NULL but in tools. */
};

/* Finds the id of a duty; SUNDER_DUTY_NONE when the policy does not know the name. */
struct sunder_duty_id sunder_policy_duty(const struct sunder_policy *policy, struct sunder_str name);

/* Finds the rule with this name, NULL when there is none (or it is off). */
const struct sunder_rule *sunder_policy_rule(const struct sunder_policy *policy, struct sunder_str name);

/* Finds the catalogue entries whose tool and action match (`when` is not looked at), in file order.
 *   ret_entries  up to `max` indices into entries
 * Returns how many match, which may be more than `max` (the caller then fails closed). Cost: one hash look-up plus the wild
 * entries that share the tool's first segment. */
uint32_t sunder_policy_match(const struct sunder_policy *policy, struct sunder_str tool, struct sunder_str action,
    uint16_t *ret_entries, uint32_t max);

/* The index of a label among those that steps name; UINT32_MAX when none does. */
uint32_t sunder_sequence_label(const struct sunder_policy *policy, struct sunder_str name);

/* The space of the series that a sequence looks at. */
uint16_t sunder_sequence_space(const struct sunder_policy *policy, const struct sunder_rule *rule);
