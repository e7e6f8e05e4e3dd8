#include "engine/policy/policy_index.h"

#include "engine/policy/policy_hash.h"

#define S SUNDER_STR

/* A power of two, at least twice `count`. */
static uint32_t capacity_for(uint32_t count)
{
    uint32_t capacity = 2;
    while (capacity < 2 * count) {
        capacity *= 2;
    }
    return capacity;
}

static void build_duties(struct policy_compile *c, struct policy_index *index)
{
    const struct sunder_policy *policy = c->policy;
    uint32_t capacity = capacity_for(policy->duty_count);
    struct policy_duty_slot *slots = POLICY_NEW(c, struct policy_duty_slot, capacity);
    if (slots == NULL) {
        return;
    }
    for (uint32_t i = 0; i < capacity; i++) {
        slots[i].duty = UINT16_MAX;
    }
    index->duty_mask = capacity - 1;
    index->duties = slots;
    for (uint32_t i = 0; i < policy->duty_count; i++) {
        uint32_t hash = policy_hash(policy->duties[i]);
        uint32_t at = hash & index->duty_mask;
        while (slots[at].duty != UINT16_MAX) {
            at = (at + 1) & index->duty_mask;
        }
        slots[at] = (struct policy_duty_slot){.hash = hash, .duty = (uint16_t)i};
    }
}

/* Which of the three lists an entry belongs to. */
enum place {
    PLACE_EXACT,
    PLACE_SEGMENT,
    PLACE_ANY,
};

static enum place place_of(const struct sunder_catalogue_entry *entry)
{
    if (!entry->wild) {
        return PLACE_EXACT;
    }
    struct sunder_str segment = policy_first_segment(entry->tool);
    bool open = segment.len > 0 && segment.at[segment.len - 1] == '*';
    return open ? PLACE_ANY : PLACE_SEGMENT;
}

static uint32_t hash_of(const struct sunder_catalogue_entry *entry)
{
    return entry->wild ? policy_hash(policy_first_segment(entry->tool))
                       : policy_hash_act(entry->tool, entry->action);
}

static bool same_slot(
    const struct sunder_catalogue_entry *a, const struct sunder_catalogue_entry *b)
{
    if (a->wild) {
        return sunder_str_equal(policy_first_segment(a->tool), policy_first_segment(b->tool));
    }
    return sunder_str_equal(a->tool, b->tool) && sunder_str_equal(a->action, b->action);
}

struct table {
    struct policy_slot *slots;
    uint16_t *entries;
    uint32_t mask;
};

static struct policy_slot *slot_for(
    const struct sunder_policy *policy, const struct table *table, uint32_t entry)
{
    uint32_t hash = hash_of(&policy->entries[entry]);
    for (uint32_t at = hash & table->mask;; at = (at + 1) & table->mask) {
        struct policy_slot *slot = &table->slots[at];
        if (slot->count == 0) {
            *slot = (struct policy_slot){.hash = hash, .entry = (uint16_t)entry};
            return slot;
        }
        if (slot->hash == hash &&
            same_slot(&policy->entries[slot->entry], &policy->entries[entry])) {
            return slot;
        }
    }
}

/* Counts, gives every slot its part of one array, then fills: the parts are in file order. */
static struct table build_table(struct policy_compile *c, enum place place)
{
    const struct sunder_policy *policy = c->policy;
    uint32_t total = 0;
    for (uint32_t i = 0; i < policy->entry_count; i++) {
        total += place_of(&policy->entries[i]) == place ? 1 : 0;
    }
    uint32_t capacity = capacity_for(total);
    struct table table = {.mask = capacity - 1};
    table.slots = POLICY_NEW(c, struct policy_slot, capacity);
    table.entries = POLICY_NEW(c, uint16_t, total + 1);
    if (table.slots == NULL || table.entries == NULL) {
        return table;
    }
    for (uint32_t i = 0; i < policy->entry_count; i++) {
        if (place_of(&policy->entries[i]) == place) {
            slot_for(policy, &table, i)->count += 1;
        }
    }
    uint32_t first = 0;
    for (uint32_t i = 0; i < capacity; i++) {
        table.slots[i].first = first;
        first += table.slots[i].count;
    }
    for (uint32_t i = policy->entry_count; i > 0; i--) {
        if (place_of(&policy->entries[i - 1]) == place) {
            /* From the back: `first + count` is the end of the part, and counts down to its start. */
            struct policy_slot *slot = slot_for(policy, &table, i - 1);
            slot->first -= 1;
            table.entries[slot->first + slot->count] = (uint16_t)(i - 1);
        }
    }
    for (uint32_t i = 0; i < capacity; i++) {
        table.slots[i].first += table.slots[i].count;
    }
    return table;
}

/* The same act twice with the same duty and no condition says nothing new: a slip, most likely. */
static void warn_repeated(struct policy_compile *c, const struct table *table)
{
    const struct sunder_policy *policy = c->policy;
    for (uint32_t s = 0; s <= table->mask; s++) {
        const uint16_t *at = table->entries + table->slots[s].first;
        for (uint32_t i = 1; i < table->slots[s].count; i++) {
            const struct sunder_catalogue_entry *entry = &policy->entries[at[i]];
            for (uint32_t k = 0; k < i; k++) {
                const struct sunder_catalogue_entry *other = &policy->entries[at[k]];
                if (other->duty.value != entry->duty.value || other->when != NULL ||
                    entry->when != NULL) {
                    continue;
                }
                POLICY_SAY(c,
                    WARNING,
                    REPEATED,
                    &c->catalogue->items[at[i]],
                    S("this tool and action have the duty `"),
                    policy->duties[entry->duty.value],
                    S("` already"));
                break;
            }
        }
    }
}

static void build_any(struct policy_compile *c, struct policy_index *index)
{
    const struct sunder_policy *policy = c->policy;
    uint16_t *any = POLICY_NEW(c, uint16_t, policy->entry_count + 1);
    for (uint32_t i = 0; i < policy->entry_count && any != NULL; i++) {
        const struct sunder_catalogue_entry *entry = &policy->entries[i];
        index->wild_count += entry->wild ? 1 : 0;
        if (place_of(entry) == PLACE_ANY) {
            any[index->any_count] = (uint16_t)i;
            index->any_count += 1;
        }
    }
    index->any_entries = any;
}

static bool refers(const struct sunder_rule *rule, uint32_t duty)
{
    if (rule->kind == SUNDER_RULE_REQUIRES || rule->kind == SUNDER_RULE_SEQUENCE) {
        return rule->before.value == duty;
    }
    for (uint32_t i = 0; i < rule->duty_count; i++) {
        if (rule->duties[i].value == duty) {
            return true;
        }
    }
    return false;
}

static void build_rules_by_duty(struct policy_compile *c)
{
    struct sunder_policy *policy = c->policy;
    struct sunder_rule_refs *refs = POLICY_NEW(c, struct sunder_rule_refs, policy->duty_count + 1);
    for (uint32_t duty = 0; duty < policy->duty_count && refs != NULL; duty++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < policy->rule_count; i++) {
            count += refers(&policy->rules[i], duty) ? 1 : 0;
        }
        uint16_t *at = POLICY_NEW(c, uint16_t, count + 1);
        refs[duty].at = at;
        for (uint32_t i = 0; i < policy->rule_count && at != NULL; i++) {
            if (refers(&policy->rules[i], duty)) {
                at[refs[duty].count] = (uint16_t)i;
                refs[duty].count += 1;
            }
        }
    }
    policy->rules_by_duty = refs;
}

static void build_other_rules(struct policy_compile *c)
{
    struct sunder_policy *policy = c->policy;
    uint16_t *phase = POLICY_NEW(c, uint16_t, policy->rule_count + 1);
    uint16_t *any = POLICY_NEW(c, uint16_t, policy->rule_count + 1);
    uint16_t *keyed = POLICY_NEW(c, uint16_t, policy->rule_count + 1);
    if (phase == NULL || any == NULL || keyed == NULL) {
        return;
    }
    for (uint32_t i = 0; i < policy->rule_count; i++) {
        const struct sunder_rule *rule = &policy->rules[i];
        if (rule->kind == SUNDER_RULE_SEPARATION && rule->phases != 0) {
            phase[policy->rules_by_phase.count] = (uint16_t)i;
            policy->rules_by_phase.count += 1;
        }
        if (rule->per == SUNDER_PER_EXPR &&
            (rule->history.asks || rule->kind == SUNDER_RULE_REQUIRES ||
                rule->kind == SUNDER_RULE_SEQUENCE)) {
            keyed[policy->rules_keyed.count] = (uint16_t)i;
            policy->rules_keyed.count += 1;
        }
        if (rule->kind == SUNDER_RULE_LIMIT && rule->duty_count == 0) {
            any[policy->rules_any.count] = (uint16_t)i;
            policy->rules_any.count += 1;
        }
    }
    policy->rules_by_phase.at = phase;
    policy->rules_any.at = any;
    policy->rules_keyed.at = keyed;
}

/* The same for what the rule's expressions ask under its key. */
static void ask_history(
    const struct sunder_policy *policy, const struct sunder_rule *rule, uint8_t *asked)
{
    const struct sunder_history_need *need = &rule->history;
    if (!need->asks || rule->per == SUNDER_PER_NONE) {
        return;
    }
    for (uint32_t d = 0; d < need->duty_count; d++) {
        asked[need->duties[d].value] |= SUNDER_ASKED_BIT(rule->per);
    }
    for (uint32_t d = 0; (need->any || need->agents) && d < policy->duty_count; d++) {
        asked[d] |= SUNDER_ASKED_BIT(rule->per);
    }
}

/* What fold must remember under keys that no event closes: only what a rule will ask for. */
static void build_asked(struct policy_compile *c)
{
    struct sunder_policy *policy = c->policy;
    uint8_t *asked = POLICY_NEW(c, uint8_t, policy->duty_count + 1);
    for (uint32_t i = 0; i < policy->rule_count && asked != NULL; i++) {
        const struct sunder_rule *rule = &policy->rules[i];
        policy->by |= rule->by;
        policy->counts_attempts = policy->counts_attempts || rule->attempts;
        ask_history(policy, rule, asked);
        if (rule->kind != SUNDER_RULE_SEPARATION && rule->kind != SUNDER_RULE_REQUIRES) {
            continue;
        }
        if (rule->phases != 0) {
            policy->asked_phases |= SUNDER_ASKED_BIT(rule->per);
        }
        for (uint32_t d = 0; d < rule->duty_count; d++) {
            asked[rule->duties[d].value] |= SUNDER_ASKED_BIT(rule->per);
        }
    }
    policy->asked = asked;
}

void policy_build_index(struct policy_compile *c)
{
    struct policy_index *index = POLICY_NEW(c, struct policy_index, 1);
    if (index == NULL) {
        return;
    }
    struct table exact = build_table(c, PLACE_EXACT);
    struct table segment = build_table(c, PLACE_SEGMENT);
    build_duties(c, index);
    build_any(c, index);
    build_rules_by_duty(c);
    build_other_rules(c);
    build_asked(c);
    policy_build_history(c);
    policy_build_sequences(c);
    policy_build_find(c);
    if (c->full) {
        return;
    }
    index->exact_mask = exact.mask;
    index->exact = exact.slots;
    index->exact_entries = exact.entries;
    index->segment_mask = segment.mask;
    index->segment = segment.slots;
    index->segment_entries = segment.entries;
    c->policy->match_index = index;
    warn_repeated(c, &exact);
}
