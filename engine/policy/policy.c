#include "engine/policy/policy.h"

#include "engine/base/must.h"
#include "engine/policy/policy_hash.h"
#include "engine/policy/policy_index.h"

struct sunder_duty_id sunder_policy_duty(const struct sunder_policy *policy, struct sunder_str name)
{
    const struct policy_index *index = policy->match_index;
    uint32_t hash = policy_hash(name);
    for (uint32_t at = hash & index->duty_mask;; at = (at + 1) & index->duty_mask) {
        const struct policy_duty_slot *slot = &index->duties[at];
        if (slot->duty == UINT16_MAX) {
            return SUNDER_DUTY_NONE;
        }
        if (slot->hash == hash && sunder_str_equal(policy->duties[slot->duty], name)) {
            return (struct sunder_duty_id){slot->duty};
        }
    }
}

const struct sunder_rule *sunder_policy_rule(
    const struct sunder_policy *policy, struct sunder_str name)
{
    uint32_t low = 0;
    uint32_t high = policy->rule_count;
    while (low < high) {
        uint32_t middle = low + ((high - low) / 2);
        int order = sunder_str_compare(policy->rules[middle].name, name);
        if (order == 0) {
            return &policy->rules[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

struct sunder_str policy_first_segment(struct sunder_str tool)
{
    uint32_t len = 0;
    while (len < tool.len && tool.at[len] != '.') {
        len += 1;
    }
    return (struct sunder_str){tool.at, len};
}

/* Segment by segment: equal, or the pattern's part before its `*` begins the text's. As many segments in both. */
static bool pattern_matches(struct sunder_str pattern, struct sunder_str text)
{
    for (;;) {
        struct sunder_str want = policy_first_segment(pattern);
        struct sunder_str have = policy_first_segment(text);
        if (want.len > 0 && want.at[want.len - 1] == '*') {
            if (!sunder_str_starts_with(have, (struct sunder_str){want.at, want.len - 1})) {
                return false;
            }
        } else if (!sunder_str_equal(want, have)) {
            return false;
        }
        bool ends = want.len == pattern.len;
        if (ends || have.len == text.len) {
            return ends && have.len == text.len;
        }
        pattern = (struct sunder_str){pattern.at + want.len + 1, pattern.len - want.len - 1};
        text = (struct sunder_str){text.at + have.len + 1, text.len - have.len - 1};
    }
}

struct entry_list {
    const uint16_t *at;
    uint32_t count;
};

static struct entry_list find_exact(
    const struct sunder_policy *policy, struct sunder_str tool, struct sunder_str action)
{
    const struct policy_index *index = policy->match_index;
    uint32_t hash = policy_hash_act(tool, action);
    for (uint32_t at = hash & index->exact_mask;; at = (at + 1) & index->exact_mask) {
        const struct policy_slot *slot = &index->exact[at];
        if (slot->count == 0) {
            return (struct entry_list){0};
        }
        const struct sunder_catalogue_entry *entry = &policy->entries[slot->entry];
        if (slot->hash == hash && sunder_str_equal(entry->tool, tool) &&
            sunder_str_equal(entry->action, action)) {
            return (struct entry_list){index->exact_entries + slot->first, slot->count};
        }
    }
}

static struct entry_list find_segment(const struct sunder_policy *policy, struct sunder_str tool)
{
    const struct policy_index *index = policy->match_index;
    struct sunder_str segment = policy_first_segment(tool);
    uint32_t hash = policy_hash(segment);
    for (uint32_t at = hash & index->segment_mask;; at = (at + 1) & index->segment_mask) {
        const struct policy_slot *slot = &index->segment[at];
        if (slot->count == 0) {
            return (struct entry_list){0};
        }
        struct sunder_str own = policy_first_segment(policy->entries[slot->entry].tool);
        if (slot->hash == hash && sunder_str_equal(own, segment)) {
            return (struct entry_list){index->segment_entries + slot->first, slot->count};
        }
    }
}

static uint16_t head_of(struct entry_list list)
{
    return list.count == 0 ? UINT16_MAX : list.at[0];
}

/* Merges the three ascending lists, since the answer is in file order. No entry is in two of them. */
static uint32_t match_wild(const struct sunder_policy *policy,
    const struct sunder_str act[2],
    struct entry_list exact,
    uint16_t *ret_entries,
    uint32_t max)
{
    const struct policy_index *index = policy->match_index;
    struct entry_list lists[3] = {
        exact, find_segment(policy, act[0]), {index->any_entries, index->any_count}};
    uint32_t found = 0;
    for (;;) {
        uint32_t least = 0;
        for (uint32_t i = 1; i < 3; i++) {
            least = head_of(lists[i]) < head_of(lists[least]) ? i : least;
        }
        uint16_t at = head_of(lists[least]);
        if (at == UINT16_MAX) {
            return found;
        }
        lists[least].at += 1;
        lists[least].count -= 1;
        const struct sunder_catalogue_entry *entry = &policy->entries[at];
        bool matches = !entry->wild || (pattern_matches(entry->tool, act[0]) &&
                                           pattern_matches(entry->action, act[1]));
        if (!matches) {
            continue;
        }
        if (found < max) {
            ret_entries[found] = at;
        }
        found += 1;
    }
}

uint32_t sunder_policy_match(const struct sunder_policy *policy,
    struct sunder_str tool,
    struct sunder_str action,
    uint16_t *ret_entries,
    uint32_t max)
{
    const struct policy_index *index = policy->match_index;
    struct entry_list exact = find_exact(policy, tool, action);
    if (index->wild_count != 0) {
        return match_wild(
            policy, (const struct sunder_str[2]){tool, action}, exact, ret_entries, max);
    }
    for (uint32_t i = 0; i < exact.count && i < max; i++) {
        ret_entries[i] = exact.at[i];
    }
    return exact.count;
}
