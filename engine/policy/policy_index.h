/* Private to engine/policy: the look-up tables of a compiled policy. Pure. */
#pragma once

#include "engine/policy/policy_read.h"

/* The entries of one (tool, action), or of one first segment: `count` indices from `first` on. count 0: a free slot. */
struct policy_slot {
    uint32_t hash;
    uint32_t first;
    uint16_t count;
    uint16_t entry; /* One of them, to compare the text with. */
};

struct policy_duty_slot {
    uint32_t hash;
    uint16_t duty; /* UINT16_MAX: a free slot. */
};

/* Open addressing with linear probing; at most half full. Each list of entries is in file order.
 * exact    entries without `*`, by tool and action
 * segment  entries with `*`, by the first dot-separated segment of the tool
 * any      entries whose tool has a `*` in that first segment */
struct policy_index {
    uint32_t exact_mask;
    uint32_t segment_mask;
    uint32_t duty_mask;
    uint32_t any_count;
    uint32_t wild_count;
    const struct policy_slot *exact;
    const struct policy_slot *segment;
    const struct policy_duty_slot *duties;
    const uint16_t *exact_entries;
    const uint16_t *segment_entries;
    const uint16_t *any_entries;
};

/* Fills match_index, rules_by_duty, rules_by_phase and rules_any of c->policy, whose entries, duties and rules are final. */
void policy_build_index(struct policy_compile *c);

/* Fills find_index of c->policy, whose rules are final. */
void policy_build_find(struct policy_compile *c);
/* Fills `history` of c->policy, whose rules are final. */
void policy_build_history(struct policy_compile *c);
/* Fills `sequences`, rules_by_label and keeps_labels of c->policy, whose rules are final. */
void policy_build_sequences(struct policy_compile *c);

struct sunder_str policy_first_segment(struct sunder_str tool);
