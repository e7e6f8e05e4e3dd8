/* A series: the facts of one subject under one key for one duty (or one limit), in log order, of any length.
 *
 *   head row   | first chunk | end chunk | oldest time | counting | sum | tail: up to 64 entries |
 *   chunk rows | counting | sum | 64 entries |          chunks first .. end-1, oldest first
 *
 * Positions rise and times never fall along a series, since a fact stands at its record's position and stream time. So an
 * expired prefix is found by binary search, and a sliding window costs what has newly left it, not what it holds. Entries are
 * exact; a chunk is dropped only when its facts can never be in the window again (S19: never under-count).
 * Pure; the view's thread. */
#pragma once

#include "engine/base/decimal.h"
#include "engine/rules/rows.h"

/* Elements above all duty ids: phases, facts with any duty (value: the amount), those by their agent's id, and the single
 * element of a limit. Classes: engine/policy/policy_gate.h. */
#define SUNDER_ELEMENT_PHASE 0xff00u /* + the phase's bit */
#define SUNDER_ELEMENT_ANY 0xfffdu
#define SUNDER_ELEMENT_AGENTS 0xfffeu
#define SUNDER_ELEMENT_LIMIT 0xffffu

/* Names a series. key: at most SUNDER_IDENTIFIER_BYTES_MAX bytes (and four, see sequence.h), may be empty. */
struct sunder_series {
    uint32_t domain;
    uint16_t space;
    enum sunder_series_class class;
    uint32_t subject;
    uint16_t element;
    struct sunder_str key;
};

/* value: what a limit adds up (millionths), or the id of a distinct value; 0 elsewhere. */
struct sunder_series_entry {
    uint64_t position;
    int64_t time_ms;
    int64_t value;
    bool released;
};

/* Which facts count: those with time > since and position > after. */
struct sunder_span {
    int64_t since_ms;
    int64_t after;
};
#define SUNDER_SPAN_ALL ((struct sunder_span){INT64_MIN, -1})

/* The span of a window that ends now: facts with now - t < within (S19). within 0: no window. */
struct sunder_span sunder_span_of(int64_t now_ms, int64_t within_ms);

/* Appends a fact; position and time must not be below the last ones. Chunks with times <= drop_ms are let go.
 * Fold only. SUNDER_ERR_CORRUPT: the order is broken. */
SUNDER_MUST_USE enum sunder_err sunder_series_append(const struct sunder_state *state,
    const struct sunder_series *series, const struct sunder_series_entry *entry, int64_t drop_ms);

/* Releases or restores the fact at a position; one that was let go is no error. Fold only. */
SUNDER_MUST_USE enum sunder_err sunder_series_mark(
    const struct sunder_state *state, const struct sunder_series *series, uint64_t position, bool released);

/* Adds up the counting facts of the span (its `after` is not looked at). */
SUNDER_MUST_USE enum sunder_err sunder_series_total(const struct sunder_state *state,
    const struct sunder_series *series, struct sunder_span span, uint64_t *ret_count, sunder_int128 *ret_sum);

/* Finds the counting fact of the span with the lowest position; *ret_found is false when there is none. */
SUNDER_MUST_USE enum sunder_err sunder_series_first(const struct sunder_state *state,
    const struct sunder_series *series, struct sunder_span span, bool *ret_found,
    struct sunder_series_entry *ret_entry);

/* Finds the latest counting fact of the span with a position below `before`. SUNDER_ERR_NOT_FOUND: there is none. */
SUNDER_MUST_USE enum sunder_err sunder_series_before(const struct sunder_state *state,
    const struct sunder_series *series, struct sunder_span span, uint64_t before,
    struct sunder_series_entry *ret_entry);

/* Entries in the arena, oldest first. */
struct sunder_series_list {
    struct sunder_series_entry *at;
    uint32_t count;
};

/* Gives the latest `max` counting facts of the span. max: 0 means all of them. */
SUNDER_MUST_USE enum sunder_err sunder_series_latest(const struct sunder_state *state,
    const struct sunder_series *series, struct sunder_span span, uint32_t max,
    struct sunder_series_list *ret_list);

/* Tells each counting fact of the span, newest first, until `visit` fails; its error is passed on. Takes no room. */
typedef enum sunder_err sunder_series_visit(void *ctx, const struct sunder_series_entry *entry);
SUNDER_MUST_USE enum sunder_err sunder_series_each(const struct sunder_state *state,
    const struct sunder_series *series,
    struct sunder_span span,
    sunder_series_visit *visit,
    void *ctx);
