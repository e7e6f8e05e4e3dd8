/* What acts bring along: labels, and effects further down. */
#include "engine/policy/policy_flow.h"

#include "engine/base/must.h"
#include "engine/model/identifier.h"

#define S SUNDER_STR

bool policy_read_label(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct sunder_str text)
{
    if (!sunder_identifier(text)) {
        POLICY_SAY(c,
            ERROR,
            WRONG_VALUE,
            doc,
            S("`"),
            what,
            S("`: a label has 1 to 256 of A-Z a-z 0-9 . _ ~ : / @ + = # % - and no empty part"));
        return false;
    }
    return true;
}

bool policy_read_labels(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct sunder_strs *ret_labels)
{
    bool list = doc->kind == SUNDER_DOC_LIST;
    uint32_t count = list ? doc->count : 1;
    if (count == 0 || count > SUNDER_LABELS_MAX) {
        POLICY_SAY(c, ERROR, WRONG_VALUE, doc, S("`"), what, S("` names 1 to 32 labels"));
        return false;
    }
    struct sunder_str *labels = POLICY_NEW(c, struct sunder_str, count);
    uint32_t known = 0;
    for (uint32_t i = 0; i < count && labels != NULL; i++) {
        const struct sunder_doc *item = list ? &doc->items[i] : doc;
        struct sunder_str label;
        if (!policy_read_text(c, item, what, &label) || !policy_read_label(c, item, what, label)) {
            continue;
        }
        uint32_t at = known;
        while (at > 0 && sunder_str_compare(labels[at - 1], label) > 0) {
            labels[at] = labels[at - 1];
            at -= 1;
        }
        labels[at] = label;
        known += 1;
        if (at > 0 && sunder_str_equal(labels[at - 1], label)) {
            POLICY_SAY(c, ERROR, REPEATED, item, S("`"), label, S("` is here twice"));
            known = 0;
            break;
        }
    }
    *ret_labels = (struct sunder_strs){labels, known};
    return known == count;
}

void policy_read_causes(
    struct policy_compile *c, const struct sunder_doc *doc, struct sunder_catalogue_entry *entry)
{
    bool list = doc->kind == SUNDER_DOC_LIST;
    uint32_t count = list ? doc->count : 1;
    struct sunder_duty_id *causes = POLICY_NEW(c, struct sunder_duty_id, count);
    for (uint32_t i = 0; i < count && causes != NULL; i++) {
        const struct sunder_doc *item = list ? &doc->items[i] : doc;
        if (policy_find_duty(c, item, S("causes"), &causes[entry->cause_count])) {
            entry->cause_count += 1;
        }
    }
    entry->tells_effects = true;
    entry->causes = causes;
}

/* The entries of each duty as chains: first[duty], then next[entry]; one more than the index, 0 ends. */
struct chains {
    uint32_t *first;
    uint32_t *next;
};

/* One duty's closure as it grows. */
struct closure {
    uint16_t at[SUNDER_INTENT_DUTIES_MAX];
    uint16_t via[SUNDER_INTENT_DUTIES_MAX];
    uint32_t count;
    bool full;
};

static void cause(struct closure *closure, uint16_t duty, uint16_t via)
{
    for (uint32_t i = 0; i < closure->count; i++) {
        if (closure->at[i] == duty) {
            return;
        }
    }
    if (closure->count == SUNDER_INTENT_DUTIES_MAX) {
        closure->full = true;
        return;
    }
    closure->at[closure->count] = duty;
    closure->via[closure->count] = via;
    closure->count += 1;
}

/* Breadth-first, so that the path to each effect is a shortest one. Cycles are fine: a duty is visited once. */
static struct closure close_over(
    const struct policy_compile *c, const struct chains *chains, uint16_t duty)
{
    struct closure closure = {.count = 1};
    closure.at[0] = duty;
    closure.via[0] = duty;
    for (uint32_t next = 0; next < closure.count; next++) {
        for (uint32_t e = chains->first[closure.at[next]]; e != 0; e = chains->next[e - 1]) {
            const struct sunder_catalogue_entry *entry = &c->policy->entries[e - 1];
            for (uint32_t i = 0; i < entry->cause_count; i++) {
                cause(&closure, entry->causes[i].value, closure.at[next]);
            }
        }
    }
    return closure;
}

/* at[0] is the duty itself, which is no effect. */
static void keep(struct policy_compile *c,
    const struct chains *chains,
    const struct closure *closure,
    struct sunder_effects *effects)
{
    uint16_t *at = POLICY_NEW(c, uint16_t, 2 * (size_t)closure->count);
    if (at == NULL) {
        return;
    }
    uint16_t *via = at + closure->count;
    for (uint32_t i = 1; i < closure->count; i++) {
        at[effects->count] = closure->at[i];
        via[effects->count] = closure->via[i];
        effects->count += 1;
        for (uint32_t e = chains->first[closure->at[i]]; e != 0; e = chains->next[e - 1]) {
            const struct sunder_catalogue_entry *entry = &c->policy->entries[e - 1];
            effects->phases |= entry->phase;
            effects->tier = entry->tier > effects->tier ? entry->tier : effects->tier;
        }
    }
    effects->at = at;
    effects->via = via;
}

static bool causes_anything(const struct sunder_policy *policy)
{
    for (uint32_t i = 0; i < policy->entry_count; i++) {
        if (policy->entries[i].cause_count != 0) {
            return true;
        }
    }
    return false;
}

void policy_compile_effects(struct policy_compile *c)
{
    struct sunder_policy *policy = c->policy;
    if (!causes_anything(policy)) {
        return;
    }
    struct chains chains = {
        .first = POLICY_NEW(c, uint32_t, policy->duty_count),
        .next = POLICY_NEW(c, uint32_t, policy->entry_count),
    };
    struct sunder_effects *effects = POLICY_NEW(c, struct sunder_effects, policy->duty_count);
    if (chains.first == NULL || chains.next == NULL || effects == NULL) {
        return;
    }
    for (uint32_t i = policy->entry_count; i > 0; i--) {
        uint16_t duty = policy->entries[i - 1].duty.value;
        if (duty != SUNDER_DUTY_NONE.value) {
            chains.next[i - 1] = chains.first[duty];
            chains.first[duty] = i;
        }
    }
    for (uint32_t duty = 0; duty < policy->duty_count && !c->full; duty++) {
        struct closure closure = close_over(c, &chains, (uint16_t)duty);
        if (closure.full) {
            POLICY_SAY(c,
                ERROR,
                TOO_LARGE,
                &c->catalogue->items[chains.first[duty] - 1],
                S("`"),
                policy->duties[duty],
                S("` causes more than 31 duties in the end; an act has at most 32, so every such "
                  "act would be denied"));
        } else if (closure.count > 1) {
            keep(c, &chains, &closure, &effects[duty]);
        }
    }
    policy->effects = effects;
}

/* Where effects are told, an act that says nothing of its own may have been forgotten (R21). */
static void check_effects(struct policy_compile *c)
{
    for (uint32_t i = 0; c->policy->effects != NULL && i < c->policy->entry_count; i++) {
        const struct sunder_catalogue_entry *entry = &c->policy->entries[i];
        if (entry->phase == SUNDER_PHASE_EXECUTE && !entry->tells_effects) {
            POLICY_SAY(c,
                NOTE,
                MISSING,
                &c->catalogue->items[i],
                S("other entries say what they cause; `"),
                c->duties[entry->duty.value],
                S("` does not: write `causes: []` if it ends here"));
        }
    }
}

static bool is_step(const struct policy_compile *c, struct sunder_str label)
{
    for (uint32_t i = 0; i < c->draft_count; i++) {
        const struct sunder_rule *rule = &c->drafts[i].rule;
        for (uint32_t s = 0; s < rule->step_count; s++) {
            if (sunder_str_equal(rule->steps[s].label, label) && rule->steps[s].label.at != NULL) {
                return true;
            }
        }
    }
    return false;
}

/* Labels are for sequences, or for conditions, which may name them in any way. */
static void check_labels(struct policy_compile *c)
{
    if ((c->policy->reads & SUNDER_FIELD_BIT(SUNDER_FIELD_LABELS)) != 0) {
        return;
    }
    for (uint32_t i = 0; i < c->policy->entry_count; i++) {
        const struct sunder_catalogue_entry *entry = &c->policy->entries[i];
        const struct sunder_strs lists[2] = {entry->labels, entry->gains};
        for (uint32_t k = 0; k < lists[0].count + lists[1].count; k++) {
            bool gained = k >= lists[0].count;
            struct sunder_str label = gained ? lists[1].at[k - lists[0].count] : lists[0].at[k];
            if (!is_step(c, label)) {
                POLICY_SAY(c,
                    NOTE,
                    UNUSED,
                    &c->catalogue->items[i],
                    S("no step of a sequence and no expression looks at the label `"),
                    label,
                    S("`"));
            }
        }
    }
}

void policy_check_flow(struct policy_compile *c)
{
    check_effects(c);
    check_labels(c);
}
