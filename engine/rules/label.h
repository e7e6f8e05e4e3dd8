/* Labels (S16, S24): what has been learnt or gained on the way, and who holds it. An act's labels come from the event, the
 * catalogue, and its sources: its task, agent, credential and parents. What it has is given to task, agent and credential.
 * Each label knows its origins, the facts that carried or gained it themselves, so that a sequence along information finds them.
 *
 *   row of a holder   | flags | count | labels: text, bits, origins | credential (of an intent only) |
 *
 * Pure; the view's thread. */
#pragma once

#include "engine/rules/rows.h"

enum {
    SUNDER_LABEL_CLAIMED = 1,   /* the event names it */
    SUNDER_LABEL_GIVEN = 2,     /* the catalogue's `labels` give it to the act */
    SUNDER_LABEL_GAINED = 4,    /* the catalogue's `gains` */
    SUNDER_LABEL_INHERITED = 8, /* a source has it */
    SUNDER_LABEL_KNOWN = 16,    /* inherited, and the catalogue gave it to somebody on the way */
};
#define SUNDER_LABEL_CARRIED (SUNDER_LABEL_CLAIMED | SUNDER_LABEL_GIVEN)
/* In rows CLAIMED stands for CARRIED, and KNOWN for all that the catalogue gave. */

/* origins: positions, ascending, the latest SUNDER_LABEL_ORIGINS_MAX. */
struct sunder_label {
    struct sunder_str name;
    uint8_t bits;
    uint8_t origin_count;
    const uint64_t *origins;
};

/* In byte order of names, no repeats. saturated: more was to be kept than fits (S31). */
struct sunder_labels {
    bool saturated;
    uint32_t count;
    struct sunder_label *at;
};

enum sunder_holder {
    SUNDER_HOLDER_AGENT,
    SUNDER_HOLDER_TASK,
    SUNDER_HOLDER_CREDENTIAL,
    SUNDER_HOLDER_COUNT,
    SUNDER_HOLDER_RECORD, /* an intent, by its position */
};

/* What an act brings along. holders: absent where it has none; a task that has ended holds nothing. Lists may hold repeats. */
struct sunder_label_act {
    uint32_t domain;
    struct sunder_str holders[SUNDER_HOLDER_COUNT];
    struct sunder_strs claimed;
    struct sunder_strs given;
    struct sunder_strs gained;
    struct sunder_strs parents;
};

/* A parent. known: it is or was a fact of the domain. */
struct sunder_label_parent {
    struct sunder_str id;
    bool known;
    bool saturated;
};

/* What that makes. all: labels and gains, not cut; saturated when a source is, or when it has more than its bounds (full). */
struct sunder_flow {
    struct sunder_labels all;
    bool full;
    struct sunder_labels held[SUNDER_HOLDER_COUNT];
    struct sunder_label_parent *parents;
    uint32_t parent_count;
};

/* Reads the sources and puts everything together. A policy that keeps no labels reads parents only. */
SUNDER_MUST_USE enum sunder_err sunder_flow_of(
    const struct sunder_state *state, const struct sunder_label_act *act, struct sunder_flow *ret_flow);

/* Cuts an act's labels to SUNDER_HOLDER_LABELS_MAX: its own (carried, gained) stay, then the first in byte order. */
SUNDER_MUST_USE enum sunder_err sunder_labels_keep(struct sunder_arena *arena, struct sunder_labels *labels);

/* The names of the labels, of those that are kept, of which one of `bits` is set and none of `without`.
 * SUNDER_ERR_FULL: no room. */
SUNDER_MUST_USE enum sunder_err sunder_flow_names(
    const struct sunder_flow *flow, struct sunder_arena *arena, uint8_t bits, uint8_t without, struct sunder_strs *ret_names);

/* The label of that name, or NULL. */
const struct sunder_label *sunder_labels_find(const struct sunder_labels *labels, struct sunder_str name);

/* Both lists in one: origins united, bits joined. */
SUNDER_MUST_USE enum sunder_err sunder_labels_merge(struct sunder_arena *arena, const struct sunder_labels *a,
    const struct sunder_labels *b, struct sunder_labels *ret_labels);

/* Adds a fact at `position`, the latest there is, to the origins of the labels that have one of `bits`. */
SUNDER_MUST_USE enum sunder_err sunder_labels_stamp(
    struct sunder_arena *arena, struct sunder_labels *labels, uint8_t bits, uint64_t position);

/* Rows of holders. The first SUNDER_HOLDER_LABELS_MAX labels are kept; nothing is written where there is nothing to keep. Fold only. */
SUNDER_MUST_USE enum sunder_err sunder_labels_get(const struct sunder_state *state, uint32_t domain,
    enum sunder_holder holder, struct sunder_str id, struct sunder_labels *ret_labels);
SUNDER_MUST_USE enum sunder_err sunder_labels_put(const struct sunder_state *state, uint32_t domain,
    enum sunder_holder holder, struct sunder_str id, const struct sunder_labels *labels);
SUNDER_MUST_USE enum sunder_err sunder_labels_drop(
    const struct sunder_state *state, uint32_t domain, enum sunder_holder holder, struct sunder_str id);

/* The row of an intent, by its position; credential: the one that it used, absent when none. */
SUNDER_MUST_USE enum sunder_err sunder_labels_of_record(const struct sunder_state *state, uint64_t position,
    struct sunder_labels *ret_labels, struct sunder_str *ret_credential);
SUNDER_MUST_USE enum sunder_err sunder_labels_put_record(const struct sunder_state *state, uint64_t position,
    const struct sunder_labels *labels, struct sunder_str credential);
