/* Sequences: steps in order, along what was learnt or by one subject. */
#include "engine/policy/policy_sequence.h"

#include "engine/expr/nearest.h"
#include "engine/policy/policy_flow.h"
#include "engine/policy/policy_index.h"
#include "engine/policy/policy_parts.h"

#define S SUNDER_STR

static bool read_step(
    struct policy_compile *c, const struct sunder_doc *doc, struct sunder_sequence_step *step)
{
    const struct sunder_str prefix = S("label:");
    if (!policy_read_text(c, doc, S("steps"), &step->text)) {
        return false;
    }
    if (sunder_str_starts_with(step->text, prefix)) {
        step->label = (struct sunder_str){step->text.at + prefix.len, step->text.len - prefix.len};
        return policy_read_label(c, doc, S("steps"), step->label);
    }
    struct sunder_duty_id duty;
    if (!policy_read_duty(c, doc, S("steps"), &duty)) {
        return false;
    }
    step->element = (uint16_t)(SUNDER_ELEMENT_STEP_DUTY + duty.value);
    return true;
}

static void read_steps(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *doc)
{
    struct sunder_rule *rule = &draft->rule;
    if (doc == NULL) {
        POLICY_SAY(c,
            ERROR,
            MISSING,
            draft->doc,
            S("a sequence needs `steps`, the duties and labels in their order"));
        return;
    }
    if (doc->kind != SUNDER_DOC_LIST || doc->count < 2 || doc->count > SUNDER_SEQUENCE_STEPS_MAX) {
        POLICY_SAY(
            c, ERROR, WRONG_VALUE, doc, S("`steps` is a list of 2 to 16 duties or `label:` steps"));
        return;
    }
    struct sunder_sequence_step *steps = POLICY_NEW(c, struct sunder_sequence_step, doc->count);
    bool ok = steps != NULL;
    for (uint32_t i = 0; i < doc->count && steps != NULL; i++) {
        ok = read_step(c, &doc->items[i], &steps[i]) && ok;
    }
    if (!ok) {
        return;
    }
    draft->steps_doc = doc;
    rule->steps = steps;
    rule->step_count = doc->count;
    const struct sunder_sequence_step *last = &steps[doc->count - 1];
    if (last->label.at == NULL) {
        rule->before.value = (uint16_t)(last->element - SUNDER_ELEMENT_STEP_DUTY);
    }
}

static void read_along(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *const *values)
{
    static const struct policy_word words[] = {
        {POLICY_WORD("information"), 1, false},
        {POLICY_WORD("subject"), 0, false},
    };
    const struct sunder_doc *along = values[POLICY_KEY_ALONG];
    const struct sunder_doc *by = values[POLICY_KEY_BY];
    uint32_t information = 0;
    if (along == NULL) {
        POLICY_SAY(c,
            ERROR,
            MISSING,
            draft->doc,
            S("a sequence needs `along: information` (what was learnt) or `along: subject` (by "
              "one)"));
        return;
    }
    if (!policy_read_word(c, along, S("along"), POLICY_WORDS(words), &information)) {
        return;
    }
    draft->rule.along_information = information != 0;
    if (!draft->rule.along_information) {
        return;
    }
    draft->rule.by = 0;
    if (by != NULL) {
        POLICY_SAY(c,
            ERROR,
            MISPLACED,
            by,
            S("`along: information` follows what was learnt, whoever acts; `by` goes with `along: "
              "subject`"));
    }
}

static void read_within(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *within)
{
    struct sunder_rule *rule = &draft->rule;
    if (within == NULL) {
        POLICY_SAY(c,
            ERROR,
            MISSING,
            draft->doc,
            S("a sequence needs `within`: a duration such as 24h, or `task`"));
        return;
    }
    if (within->kind == SUNDER_DOC_SCALAR && sunder_str_equal(within->text, S("task"))) {
        rule->within_task = true;
        return;
    }
    (void)policy_read_duration(c, within, S("within"), &rule->within_ms);
}

void policy_compile_sequence(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *const *values)
{
    read_steps(c, draft, values[POLICY_KEY_STEPS]);
    read_along(c, draft, values);
    read_within(c, draft, values[POLICY_KEY_WITHIN]);
}

static bool has_name(struct sunder_strs names, struct sunder_str name)
{
    for (uint32_t i = 0; i < names.count; i++) {
        if (sunder_str_equal(names.at[i], name)) {
            return true;
        }
    }
    return false;
}

bool policy_does_step(const struct sunder_rule *rule, const struct sunder_catalogue_entry *entry)
{
    for (uint32_t i = 0; i < rule->step_count; i++) {
        const struct sunder_sequence_step *step = &rule->steps[i];
        bool duty =
            step->label.at == NULL && step->element == SUNDER_ELEMENT_STEP_DUTY + entry->duty.value;
        bool label = step->label.at != NULL &&
                     (has_name(entry->labels, step->label) || has_name(entry->gains, step->label));
        if (duty || label) {
            return true;
        }
    }
    return false;
}

/* The labels of the catalogue, for "did you mean". */
static uint32_t catalogue_labels(struct policy_compile *c, struct sunder_str **ret_labels)
{
    const struct sunder_policy *policy = c->policy;
    uint32_t most = 0;
    for (uint32_t i = 0; i < policy->entry_count; i++) {
        most += policy->entries[i].labels.count + policy->entries[i].gains.count;
    }
    struct sunder_str *labels = POLICY_NEW(c, struct sunder_str, most + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < policy->entry_count && labels != NULL; i++) {
        const struct sunder_catalogue_entry *entry = &policy->entries[i];
        for (uint32_t k = 0; k < entry->labels.count; k++) {
            labels[count++] = entry->labels.at[k];
        }
        for (uint32_t k = 0; k < entry->gains.count; k++) {
            labels[count++] = entry->gains.at[k];
        }
    }
    *ret_labels = labels;
    return count;
}

void policy_check_steps(struct policy_compile *c, const struct policy_draft *draft)
{
    struct sunder_str *labels = NULL;
    uint32_t count = catalogue_labels(c, &labels);
    for (uint32_t i = 0; i < draft->rule.step_count && labels != NULL; i++) {
        const struct sunder_sequence_step *step = &draft->rule.steps[i];
        if (step->label.at == NULL || has_name((struct sunder_strs){labels, count}, step->label)) {
            continue;
        }
        struct sunder_str meant = sunder_str_nearest(step->label, labels, count);
        struct sunder_str hint[3] = {S("; did you mean `"), meant, S("`?")};
        if (sunder_str_absent(meant)) {
            hint[0] = hint[1] = hint[2] = S("");
        }
        POLICY_SAY(c,
            WARNING,
            UNMAPPED,
            &draft->steps_doc->items[i],
            S("no entry of the catalogue carries or gains `"),
            step->label,
            S("`: the sequence completes only when agents claim it themselves"),
            hint[0],
            hint[1],
            hint[2]);
    }
}

/* What fold has to remember */

/* A sorted list of texts without repeats that has room. */
static void add_text(struct sunder_str *at, uint32_t *count, struct sunder_str text)
{
    uint32_t place = *count;
    while (place > 0 && sunder_str_compare(at[place - 1], text) > 0) {
        place -= 1;
    }
    if (place > 0 && sunder_str_equal(at[place - 1], text)) {
        return;
    }
    memmove(at + place + 1, at + place, (*count - place) * sizeof *at);
    at[place] = text;
    *count += 1;
}

uint32_t sunder_sequence_label(const struct sunder_policy *policy, struct sunder_str name)
{
    const struct sunder_sequence_needs *needs = &policy->sequences;
    uint32_t low = 0;
    uint32_t high = needs->label_count;
    while (low < high) {
        uint32_t middle = low + ((high - low) / 2);
        int order = sunder_str_compare(needs->labels[middle], name);
        if (order == 0) {
            return middle;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return UINT32_MAX;
}

uint16_t sunder_sequence_space(const struct sunder_policy *policy, const struct sunder_rule *rule)
{
    bool in_task = rule->within_task && !rule->along_information;
    uint32_t space =
        rule->per == SUNDER_PER_EXPR ? 16 + (uint32_t)(rule - policy->rules) : (uint32_t)rule->per;
    return (uint16_t)(space + (in_task && rule->per != SUNDER_PER_EXPR ? 8 : 0));
}

static void need_step(struct policy_compile *c,
    struct sunder_sequence_need *all,
    uint32_t *count,
    const struct sunder_rule *rule,
    const struct sunder_sequence_step *step)
{
    const struct sunder_policy *policy = c->policy;
    struct sunder_sequence_need need = {
        .element = step->element,
        .space = sunder_sequence_space(policy, rule),
        .per = (uint8_t)rule->per,
        .in_task = rule->within_task && !rule->along_information,
        .rule = (uint16_t)(rule - policy->rules),
        .by = rule->along_information ? (uint32_t)SUNDER_ROLE_TASK : rule->by,
        .within_ms = rule->within_ms,
    };
    uint32_t at = *count;
    while (at > 0 && (all[at - 1].element > need.element ||
                         (all[at - 1].element == need.element && all[at - 1].space > need.space))) {
        at -= 1;
    }
    struct sunder_sequence_need *same = at > 0 ? &all[at - 1] : NULL;
    if (same != NULL && same->element == need.element && same->space == need.space) {
        bool forever = same->within_ms == 0 || need.within_ms == 0;
        int64_t longest = same->within_ms > need.within_ms ? same->within_ms : need.within_ms;
        same->within_ms = forever ? 0 : longest;
        same->by |= need.by;
        return;
    }
    memmove(all + at + 1, all + at, (*count - at) * sizeof *all);
    all[at] = need;
    *count += 1;
}

static uint32_t number_labels(struct policy_compile *c)
{
    struct sunder_policy *policy = c->policy;
    uint32_t steps = 0;
    for (uint32_t i = 0; i < policy->rule_count; i++) {
        steps += policy->rules[i].step_count;
    }
    struct sunder_str *labels = POLICY_NEW(c, struct sunder_str, steps + 1);
    for (uint32_t i = 0; i < policy->rule_count && labels != NULL; i++) {
        const struct sunder_rule *rule = &policy->rules[i];
        policy->keeps_labels = policy->keeps_labels || rule->along_information;
        for (uint32_t s = 0; s < rule->step_count; s++) {
            if (rule->steps[s].label.at != NULL) {
                add_text(labels, &policy->sequences.label_count, rule->steps[s].label);
            }
        }
    }
    policy->sequences.labels = labels;
    return steps;
}

/* Sequences that end with each label. */
static void build_refs(struct policy_compile *c)
{
    struct sunder_policy *policy = c->policy;
    struct sunder_rule_refs *refs =
        POLICY_NEW(c, struct sunder_rule_refs, policy->sequences.label_count + 1);
    for (uint32_t l = 0; l < policy->sequences.label_count && refs != NULL; l++) {
        uint16_t *at = POLICY_NEW(c, uint16_t, policy->rule_count);
        refs[l].at = at;
        for (uint32_t i = 0; i < policy->rule_count && at != NULL; i++) {
            const struct sunder_rule *rule = &policy->rules[i];
            uint32_t element =
                rule->step_count == 0 ? 0 : rule->steps[rule->step_count - 1].element;
            if (element == SUNDER_ELEMENT_STEP_LABEL + l) {
                at[refs[l].count] = (uint16_t)i;
                refs[l].count += 1;
            }
        }
    }
    policy->rules_by_label = refs;
}

void policy_build_sequences(struct policy_compile *c)
{
    struct sunder_policy *policy = c->policy;
    uint32_t steps = number_labels(c);
    policy->keeps_labels = policy->keeps_labels || policy->sequences.label_count != 0 ||
                           (policy->reads & SUNDER_FIELD_BIT(SUNDER_FIELD_LABELS)) != 0;
    struct sunder_sequence_need *needs = POLICY_NEW(c, struct sunder_sequence_need, steps + 1);
    for (uint32_t i = 0; i < policy->rule_count && needs != NULL && !c->full; i++) {
        const struct sunder_rule *rule = &policy->rules[i];
        for (uint32_t s = 0; s < rule->step_count; s++) {
            struct sunder_sequence_step *step = &rule->steps[s];
            if (step->label.at != NULL) {
                step->element = (uint16_t)(SUNDER_ELEMENT_STEP_LABEL +
                                           sunder_sequence_label(policy, step->label));
            }
            bool by_origin = rule->along_information && step->label.at != NULL;
            if (s + 1 < rule->step_count && !by_origin) {
                need_step(c, needs, &policy->sequences.count, rule, step);
            }
        }
        bool tasks = rule->within_task || rule->along_information;
        policy->by |= rule->step_count != 0 && tasks ? (uint32_t)SUNDER_ROLE_TASK : 0;
    }
    policy->sequences.at = needs;
    build_refs(c);
}
