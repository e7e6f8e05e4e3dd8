/* A record: an intent as it was decided, or an observed act. It answers copies (S7), outcomes (S6, S8) and gives evidence its names.
 * It stands in the RECORD row of its position, so that a store that is written in order of keys appends it; the row of its id, short
 * since ids come in no order, leads there. Pure; the view's thread. */
#pragma once

#include "engine/rules/rows.h"

enum sunder_fact_state {
    SUNDER_FACT_NONE, /* denied or escalated: no fact */
    SUNDER_FACT_RESERVED,
    SUNDER_FACT_CONFIRMED,
    SUNDER_FACT_RELEASED,
};

/* A key of a rule's own `per`, or the value that a limit took from it; by the rule's index. */
struct sunder_record_rule {
    uint16_t rule;
    struct sunder_str text;
};

/* position    where its fact stands: of the decision, or of a late outcome (S8)
 * decided_*   position and stream time of the decision; they answer copies and give the decision's id
 * fact_ms     stream time of the fact
 * subjects    ids of names, S12 order, the agent first; duties: ids
 * Strings are copies in the arena. */
struct sunder_record {
    uint64_t position;
    uint64_t decided_position;
    int64_t decided_ms;
    int64_t fact_ms;
    uint32_t domain;
    enum sunder_verdict verdict;
    enum sunder_fact_state state;
    bool reached_rules; /* stage 8: an attempt */
    bool cut;           /* denied since not all of it can be held (S31) */
    uint8_t phases;
    struct sunder_digest digest;
    struct sunder_str intent;
    struct sunder_str agent;
    struct sunder_str task;
    uint32_t *subjects;
    uint32_t subject_count;
    uint32_t credential; /* its place among subjects; 0: none, since the agent stands there */
    struct sunder_strs objects;
    struct sunder_strs cases;
    uint16_t *duties;
    uint32_t duty_count;
    bool has_amount;
    int64_t amount_micro;
    struct sunder_str currency;
    struct sunder_record_rule *measures;
    uint32_t measure_count;
    struct sunder_record_rule *rule_keys;
    uint32_t rule_key_count;
};

/* Reads the record at a position. SUNDER_ERR_CORRUPT: there is none, since positions come from state. */
SUNDER_MUST_USE enum sunder_err sunder_record_get(
    const struct sunder_state *state, uint64_t position, struct sunder_record *ret_record);

/* Writes a record into the row of its position; from where it was decided, if that is elsewhere, it is found as well. Fold only.
 * SUNDER_ERR_FULL: no room, or larger than a row, which the bounds of an intent exclude (limits.h). */
SUNDER_MUST_USE enum sunder_err sunder_record_put(
    const struct sunder_state *state, const struct sunder_record *record);

/* The same, and makes it what is remembered of its intent id. One that had the id before (S7: after the horizon) is still found by
 * its positions. Fold only. */
SUNDER_MUST_USE enum sunder_err sunder_record_remember(
    const struct sunder_state *state, const struct sunder_record *record);

/* The key of the row that leads to an intent; the id has at most SUNDER_IDENTIFIER_BYTES_MAX bytes. */
void sunder_record_intent_key(struct sunder_key *key, uint32_t domain, struct sunder_str intent);

/* The latest remembered intent with this id; *ret_found false when there is none. */
SUNDER_MUST_USE enum sunder_err sunder_record_find(const struct sunder_state *state,
    uint32_t domain,
    struct sunder_str intent,
    bool *ret_found,
    struct sunder_record *ret_record);

/* What a retry is recognised by, and an event of another kind. */
struct sunder_retry {
    uint32_t domain;
    uint32_t agent;
    struct sunder_str idempotency_key;
};
/* source: the name of its publisher, in the tenant's scope; 0: nothing of theirs was recorded */
struct sunder_copy {
    uint32_t domain;
    uint32_t source;
    struct sunder_str event;
};

/* The same by (agent, idempotency key). */
SUNDER_MUST_USE enum sunder_err sunder_record_find_retry(const struct sunder_state *state,
    struct sunder_retry retry,
    bool *ret_found,
    struct sunder_record *ret_record);

/* Makes an idempotency key point at a position. Fold only. */
SUNDER_MUST_USE enum sunder_err sunder_record_index_retry(
    const struct sunder_state *state, struct sunder_retry retry, uint64_t position);

/* The same for observed acts, which have ids of their own. */
SUNDER_MUST_USE enum sunder_err sunder_record_find_observed(const struct sunder_state *state,
    uint32_t domain,
    struct sunder_str event,
    bool *ret_found,
    struct sunder_record *ret_record);
SUNDER_MUST_USE enum sunder_err sunder_record_index_observed(
    const struct sunder_state *state, uint32_t domain, struct sunder_str event, uint64_t position);

/* Whether an event of another kind was seen before, and when: COPY rows. */
SUNDER_MUST_USE enum sunder_err sunder_copy_find(const struct sunder_state *state,
    struct sunder_copy copy,
    bool *ret_found,
    int64_t *ret_time_ms);
SUNDER_MUST_USE enum sunder_err sunder_copy_put(
    const struct sunder_state *state, struct sunder_copy copy, int64_t time_ms);
