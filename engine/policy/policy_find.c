#include "engine/policy/policy_find.h"

#include "engine/expr/expr_facts.h"
#include "engine/policy/policy_hash.h"
#include "engine/policy/policy_index.h"

struct node;

/* The rules of one value: a list, or a node that divides them further. */
struct place {
    const uint16_t *rules;
    uint32_t count;
    const struct node *split;
};

struct slot {
    uint32_t hash;
    struct sunder_str value; /* absent: free */
    struct place place;
};

/* Prefixes in byte order. parent: the longest other prefix that this one begins with, UINT32_MAX: none; so all prefixes of a text
 * stand on one chain that starts at the last of them that is not after the text. */
struct prefix {
    struct sunder_str text;
    uint32_t parent;
    struct place place;
};

struct axis {
    enum sunder_field field;
    uint32_t mask;
    const struct slot *slots; /* open addressing, at most half full; NULL: none */
    const struct prefix *prefixes;
    uint32_t prefix_count;
    const uint16_t *all; /* every rule of the axis, for an act without the field */
    uint32_t all_count;
};

struct node {
    const uint16_t *rest; /* rules that no axis places */
    uint32_t rest_count;
    const struct axis *axes;
    uint32_t axis_count;
};

/* Fields to divide by, the dearest first: what every act has and few rules share. */
static const enum sunder_field order[] = {
    SUNDER_FIELD_TOOL,
    SUNDER_FIELD_DUTY,
    SUNDER_FIELD_ACTION,
    SUNDER_FIELD_AGENT,
    SUNDER_FIELD_PRINCIPAL,
    SUNDER_FIELD_OBJECT,
    SUNDER_FIELD_CASE,
    SUNDER_FIELD_PURPOSE,
    SUNDER_FIELD_CURRENCY,
    SUNDER_FIELD_CREDENTIAL,
    SUNDER_FIELD_TASK,
    SUNDER_FIELD_PHASE,
    SUNDER_FIELD_TIER,
};
enum {
    ORDER_COUNT = sizeof(order) / sizeof(order[0])
};

/* The guard to place the rule by, of those whose field is not in `used`; equality before prefixes. NULL: none. */
static const struct sunder_expr_guard *guard_of(
    const struct sunder_rule *rule, sunder_field_set used)
{
    uint32_t count = 0;
    const struct sunder_expr_guard *guards = sunder_expr_guards(rule->when, &count);
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < ORDER_COUNT; i++) {
            for (uint32_t g = 0; g < count; g++) {
                bool fits = guards[g].field == order[i] && guards[g].prefix == (pass == 1) &&
                            (used & SUNDER_FIELD_BIT(order[i])) == 0;
                if (fits) {
                    return &guards[g];
                }
            }
        }
    }
    return NULL;
}

/* Building. */

struct entry {
    struct sunder_str value;
    uint16_t rule;
};

static int compare_entries(const struct entry *a, const struct entry *b)
{
    int by = sunder_str_compare(a->value, b->value);
    return by != 0 ? by : (a->rule > b->rule) - (a->rule < b->rule);
}

/* Bottom-up merge sort by value, then rule. */
static void sort_entries(struct entry *at, struct entry *other, uint32_t count)
{
    for (uint32_t width = 1; width < count; width *= 2) {
        for (uint32_t start = 0; start < count; start += 2 * width) {
            uint32_t middle = start + width < count ? start + width : count;
            uint32_t end = middle + width < count ? middle + width : count;
            uint32_t left = start;
            uint32_t right = middle;
            for (uint32_t i = start; i < end; i++) {
                bool take = left < middle &&
                            (right == end || compare_entries(&at[left], &at[right]) <= 0);
                other[i] = take ? at[left] : at[right];
                left += take ? 1 : 0;
                right += take ? 0 : 1;
            }
        }
        memcpy(at, other, (size_t)count * sizeof(*at));
    }
}

/* How deep the node at hand is, and by which fields its rules were divided already. */
struct level {
    uint32_t depth;
    sunder_field_set used;
};

static const struct node *build_node(
    struct policy_compile *c, const uint16_t *rules, uint32_t count, struct level level);

static struct place build_place(
    struct policy_compile *c, const struct entry *entries, uint32_t count, struct level level)
{
    uint16_t *rules = POLICY_NEW(c, uint16_t, count + 1);
    struct place place = {.rules = rules, .count = rules == NULL ? 0 : count};
    for (uint32_t i = 0; i < place.count; i++) {
        rules[i] = entries[i].rule;
    }
    if (place.count > SUNDER_PLACE_RULES_MAX && level.depth <= SUNDER_PLACE_DEPTH_MAX) {
        place.split = build_node(c, rules, count, level);
    }
    return place;
}

/* How many entries from the first on have its value. */
static uint32_t run_of(const struct entry *entries, uint32_t count)
{
    uint32_t run = 1;
    while (run < count && sunder_str_equal(entries[0].value, entries[run].value)) {
        run += 1;
    }
    return run;
}

static void build_slots(struct policy_compile *c,
    struct axis *axis,
    const struct entry *entries,
    uint32_t count,
    struct level level)
{
    uint32_t capacity = 2;
    while (capacity < 2 * count) {
        capacity *= 2;
    }
    struct slot *slots = POLICY_NEW(c, struct slot, capacity);
    for (uint32_t i = 0; i < count && slots != NULL;) {
        uint32_t run = run_of(entries + i, count - i);
        uint32_t hash = policy_hash(entries[i].value);
        uint32_t at = hash & (capacity - 1);
        while (!sunder_str_absent(slots[at].value)) {
            at = (at + 1) & (capacity - 1);
        }
        slots[at] = (struct slot){.hash = hash, .value = entries[i].value};
        slots[at].place = build_place(c, entries + i, run, level);
        i += run;
    }
    axis->slots = slots;
    axis->mask = capacity - 1;
}

static void build_prefixes(struct policy_compile *c,
    struct axis *axis,
    const struct entry *entries,
    uint32_t count,
    struct level level)
{
    struct prefix *prefixes = POLICY_NEW(c, struct prefix, count);
    uint32_t made = 0;
    for (uint32_t i = 0; i < count && prefixes != NULL;) {
        uint32_t run = run_of(entries + i, count - i);
        uint32_t parent = made == 0 ? UINT32_MAX : made - 1;
        while (parent != UINT32_MAX &&
               !sunder_str_starts_with(entries[i].value, prefixes[parent].text)) {
            parent = prefixes[parent].parent;
        }
        prefixes[made] = (struct prefix){.text = entries[i].value, .parent = parent};
        prefixes[made].place = build_place(c, entries + i, run, level);
        made += 1;
        i += run;
    }
    axis->prefixes = prefixes;
    axis->prefix_count = made;
}

/* Writes an entry for each value of each rule whose guard is this one; `entries` NULL: counts them. */
static uint32_t collect(const struct sunder_policy *policy,
    const uint16_t *rules,
    uint32_t count,
    const struct sunder_expr_guard *like,
    struct entry *entries)
{
    uint32_t written = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t guard_count = 0;
        const struct sunder_expr_guard *guards =
            sunder_expr_guards(policy->rules[rules[i]].when, &guard_count);
        const struct sunder_expr_guard *guard = NULL;
        for (uint32_t g = 0; g < guard_count && guard == NULL; g++) {
            bool same = guards[g].field == like->field && guards[g].prefix == like->prefix;
            guard = same ? &guards[g] : NULL;
        }
        for (uint32_t v = 0; guard != NULL && v < guard->count; v++) {
            if (entries != NULL) {
                entries[written] = (struct entry){guard->values[v], rules[i]};
            }
            written += 1;
        }
    }
    return written;
}

/* The axis of `rules`, all of which have a guard of this field and kind. */
static void build_axis(struct policy_compile *c,
    struct axis *axis,
    const uint16_t *rules,
    uint32_t count,
    const struct sunder_expr_guard *like)
{
    axis->field = like->field;
    axis->all = rules;
    axis->all_count = count;
    uint32_t total = collect(c->policy, rules, count, like, NULL);
    struct entry *entries = POLICY_NEW(c, struct entry, total + 1);
    struct entry *other = POLICY_NEW(c, struct entry, total + 1);
    if (entries == NULL || other == NULL) {
        return;
    }
    (void)collect(c->policy, rules, count, like, entries);
    sort_entries(entries, other, total);
    struct level level = {c->find_depth + 1, c->find_used | SUNDER_FIELD_BIT(like->field)};
    if (like->prefix) {
        build_prefixes(c, axis, entries, total, level);
    } else {
        build_slots(c, axis, entries, total, level);
    }
}

static const struct node *build_node(
    struct policy_compile *c, const uint16_t *rules, uint32_t count, struct level level)
{
    struct node *node = POLICY_NEW(c, struct node, 1);
    struct axis *axes = POLICY_NEW(c, struct axis, 2 * ORDER_COUNT);
    const struct sunder_expr_guard **guards =
        POLICY_NEW(c, const struct sunder_expr_guard *, count + 1);
    uint16_t *rest = POLICY_NEW(c, uint16_t, count + 1);
    if (node == NULL || axes == NULL || guards == NULL || rest == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        guards[i] = guard_of(&c->policy->rules[rules[i]], level.used);
        if (guards[i] == NULL) {
            rest[node->rest_count] = rules[i];
            node->rest_count += 1;
        }
    }
    for (uint32_t kind = 0; kind < 2 * ORDER_COUNT; kind++) {
        struct sunder_expr_guard like = {.field = order[kind / 2], .prefix = kind % 2 == 1};
        uint16_t *mine = POLICY_NEW(c, uint16_t, count + 1);
        uint32_t found = 0;
        for (uint32_t i = 0; i < count && mine != NULL; i++) {
            bool same = guards[i] != NULL && guards[i]->field == like.field &&
                        guards[i]->prefix == like.prefix;
            mine[found] = rules[i];
            found += same ? 1 : 0;
        }
        if (found != 0) {
            c->find_depth = level.depth;
            c->find_used = level.used;
            build_axis(c, &axes[node->axis_count], mine, found, &like);
            node->axis_count += 1;
        }
    }
    node->rest = rest;
    node->axes = axes;
    return node;
}

void policy_build_find(struct policy_compile *c)
{
    struct sunder_policy *policy = c->policy;
    uint16_t *open = POLICY_NEW(c, uint16_t, policy->rule_count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < policy->rule_count && open != NULL; i++) {
        const struct sunder_rule *rule = &policy->rules[i];
        if (rule->when != NULL) {
            open[count] = (uint16_t)i;
            count += 1;
        }
    }
    if (count != 0) {
        policy->find_index = build_node(c, open, count, (struct level){1, 0});
    }
}

/* Finding. */

static void visit_node(const struct sunder_policy_act *act,
    const struct sunder_policy *policy,
    const struct node *node,
    struct sunder_rule_marks *marks);

static void add_rules(struct sunder_rule_marks *marks, const uint16_t *rules, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        sunder_rule_marks_add(marks, rules[i]);
    }
}

/* At most SUNDER_PLACE_DEPTH_MAX deep. */
static void visit_place(const struct sunder_policy_act *act,
    const struct sunder_policy *policy,
    const struct place *place,
    struct sunder_rule_marks *marks)
{
    if (place->split != NULL) {
        visit_node(act, policy, place->split, marks);
    } else {
        add_rules(marks, place->rules, place->count);
    }
}

static void visit_value(const struct sunder_policy_act *act,
    const struct sunder_policy *policy,
    const struct axis *axis,
    struct sunder_str value,
    struct sunder_rule_marks *marks)
{
    uint32_t hash = axis->slots == NULL ? 0 : policy_hash(value);
    for (uint32_t at = hash & axis->mask; axis->slots != NULL; at = (at + 1) & axis->mask) {
        const struct slot *slot = &axis->slots[at];
        if (sunder_str_absent(slot->value)) {
            break;
        }
        if (slot->hash == hash && sunder_str_equal(slot->value, value)) {
            visit_place(act, policy, &slot->place, marks);
            break;
        }
    }
    uint32_t low = 0;
    uint32_t high = axis->prefix_count;
    while (low < high) {
        uint32_t middle = low + ((high - low) / 2);
        bool after = sunder_str_compare(axis->prefixes[middle].text, value) > 0;
        high = after ? middle : high;
        low = after ? low : middle + 1;
    }
    uint32_t at = low == 0 ? UINT32_MAX : low - 1;
    for (; at != UINT32_MAX; at = axis->prefixes[at].parent) {
        if (sunder_str_starts_with(value, axis->prefixes[at].text)) {
            visit_place(act, policy, &axis->prefixes[at].place, marks);
        }
    }
}

static uint32_t value_count(const struct sunder_policy_act *act, enum sunder_field field)
{
    switch ((uint32_t)field) {
    case SUNDER_FIELD_DUTY:
        return act->duty_count;
    case SUNDER_FIELD_OBJECT:
        return act->objects.count;
    case SUNDER_FIELD_CASE:
        return act->cases.count;
    case SUNDER_FIELD_PHASE:
        return act->phases == 0 ? 0 : 3;
    case SUNDER_FIELD_TIER:
        return sunder_str_absent(act->tier) ? 0 : 1;
    default:
        return act->fields[field].kind == SUNDER_VALUE_STRING ? 1 : 0;
    }
}

/* The i-th value; absent for a phase that the act does not have. */
static struct sunder_str value_at(const struct sunder_policy *policy,
    const struct sunder_policy_act *act,
    enum sunder_field field,
    uint32_t i)
{
    static const struct sunder_str phases[3] = {
        POLICY_WORD("observe"), POLICY_WORD("recommend"), POLICY_WORD("execute")};
    switch ((uint32_t)field) {
    case SUNDER_FIELD_DUTY:
        return policy->duties[act->duties[i]];
    case SUNDER_FIELD_OBJECT:
        return act->objects.at[i];
    case SUNDER_FIELD_CASE:
        return act->cases.at[i];
    case SUNDER_FIELD_PHASE:
        return (act->phases >> i) % 2 == 1 ? phases[i] : (struct sunder_str){0};
    case SUNDER_FIELD_TIER:
        return act->tier;
    default:
        return act->fields[field].text;
    }
}

static void visit_node(const struct sunder_policy_act *act,
    const struct sunder_policy *policy,
    const struct node *node,
    struct sunder_rule_marks *marks)
{
    add_rules(marks, node->rest, node->rest_count);
    for (uint32_t a = 0; a < node->axis_count; a++) {
        const struct axis *axis = &node->axes[a];
        uint32_t count = value_count(act, axis->field);
        if (count == 0) {
            add_rules(marks, axis->all, axis->all_count);
        }
        for (uint32_t i = 0; i < count; i++) {
            struct sunder_str value = value_at(policy, act, axis->field, i);
            if (!sunder_str_absent(value)) {
                visit_value(act, policy, axis, value, marks);
            }
        }
    }
}

void sunder_policy_find(const struct sunder_policy *policy,
    const struct sunder_policy_act *act,
    struct sunder_rule_marks *marks)
{
    if (policy->find_index != NULL) {
        visit_node(act, policy, policy->find_index, marks);
    }
}

/* How many rules stand in the fullest place of the rule under this node. */
static uint32_t worst_of(const struct axis *axis, uint16_t rule)
{
    uint32_t worst = 0;
    for (uint32_t i = 0; axis->slots != NULL && i <= axis->mask; i++) {
        const struct place *place = &axis->slots[i].place;
        for (uint32_t r = 0; r < place->count; r++) {
            worst = place->rules[r] == rule && place->count > worst ? place->count : worst;
        }
    }
    for (uint32_t i = 0; i < axis->prefix_count; i++) {
        const struct place *place = &axis->prefixes[i].place;
        for (uint32_t r = 0; r < place->count; r++) {
            worst = place->rules[r] == rule && place->count > worst ? place->count : worst;
        }
    }
    return worst;
}

struct sunder_policy_place sunder_policy_place_of(
    const struct sunder_policy *policy, const struct sunder_rule *rule)
{
    struct sunder_policy_place found = {0};
    const struct node *node = policy->find_index;
    const struct sunder_expr_guard *guard = rule->when == NULL ? NULL : guard_of(rule, 0);
    if (node == NULL || guard == NULL) {
        return found;
    }
    found.placed = true;
    found.field = guard->field;
    found.prefix = guard->prefix;
    found.values = guard->count;
    for (uint32_t a = 0; a < node->axis_count; a++) {
        const struct axis *axis = &node->axes[a];
        if (axis->field == guard->field && (axis->slots == NULL) == guard->prefix) {
            found.worst = worst_of(axis, (uint16_t)(rule - policy->rules));
        }
    }
    const struct sunder_expr_guard *second = guard_of(rule, SUNDER_FIELD_BIT(guard->field));
    found.second = found.worst > SUNDER_PLACE_RULES_MAX && second != NULL;
    found.second_field = second == NULL ? SUNDER_FIELD_COUNT : second->field;
    return found;
}
