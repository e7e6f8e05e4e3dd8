/* What only the whole policy shows. */
#include "engine/expr/expr_facts.h"
#include "engine/expr/nearest.h"
#include "engine/policy/policy_flow.h"
#include "engine/policy/policy_parts.h"

#define S SUNDER_STR

/* Duties of a rule are sorted. */
static bool names_duty(const struct sunder_rule *rule, struct sunder_duty_id duty)
{
    uint32_t low = 0;
    uint32_t high = rule->duty_count;
    while (low < high) {
        uint32_t middle = low + ((high - low) / 2);
        if (rule->duties[middle].value == duty.value) {
            return true;
        }
        low = rule->duties[middle].value < duty.value ? middle + 1 : low;
        high = rule->duties[middle].value < duty.value ? high : middle;
    }
    return false;
}

static bool is_open(const struct sunder_rule *rule)
{
    return rule->kind == SUNDER_RULE_GATE || rule->kind == SUNDER_RULE_CONDITION;
}

/* Does a gate or condition ask the history for facts with the duty? */
static bool asks_for(const struct sunder_rule *rule, struct sunder_duty_id duty)
{
    const struct sunder_history_need *need = &rule->history;
    for (uint32_t i = 0; i < need->duty_count; i++) {
        if (need->duties[i].value == duty.value) {
            return true;
        }
    }
    return need->any || need->agents;
}

/* Does the rule ask for a key when an act with this entry's duty comes? */
static bool applies(const struct sunder_rule *rule, const struct sunder_catalogue_entry *entry)
{
    if (rule->kind == SUNDER_RULE_SEQUENCE) {
        return policy_does_step(rule, entry);
    }
    if (rule->kind == SUNDER_RULE_REQUIRES) {
        return rule->before.value == entry->duty.value || names_duty(rule, entry->duty);
    }
    if (rule->kind == SUNDER_RULE_SEPARATION && rule->phases != 0) {
        return (rule->phases & entry->phase) != 0;
    }
    if (is_open(rule)) {
        return asks_for(rule, entry->duty);
    }
    return names_duty(rule, entry->duty) ||
           (rule->kind == SUNDER_RULE_LIMIT && rule->duty_count == 0);
}

/* Phases that no entry has make a separation weaker than it looks, or dead. */
static void check_phases(struct policy_compile *c, const struct policy_draft *draft)
{
    static const struct sunder_str names[3] = {
        POLICY_WORD("observe"), POLICY_WORD("recommend"), POLICY_WORD("execute")};
    uint32_t mapped = 0;
    for (uint32_t i = 0; i < c->policy->entry_count; i++) {
        mapped |= c->policy->entries[i].phase;
    }
    mapped &= draft->rule.phases;
    uint32_t count = 0;
    for (uint32_t i = 0; i < 3; i++) {
        count += (mapped >> i) & 1;
        if ((draft->rule.phases & ~mapped & (1u << i)) != 0) {
            POLICY_SAY(c,
                WARNING,
                UNMAPPED,
                draft->name_doc,
                S("`"),
                draft->rule.name,
                S("`: no entry of the catalogue has the phase `"),
                names[i],
                S("`"));
        }
    }
    if (count <= draft->rule.at_most) {
        POLICY_SAY(c,
            ERROR,
            NEVER_FIRES,
            draft->name_doc,
            S("`"),
            draft->rule.name,
            S("` could never fire: the catalogue has too few of its phases"));
    }
}

/* Whether the entry has a value for the rule's key, one that is wrong included: that has its own complaint. */
static bool gives_key(const struct policy_compile *c, const struct sunder_rule *rule, uint32_t i)
{
    const struct sunder_doc *doc = &c->catalogue->items[i];
    struct sunder_str key = rule->per == SUNDER_PER_OBJECT ? S("object") : S("case");
    for (uint32_t k = 0; doc->kind == SUNDER_DOC_MAP && k < doc->count; k++) {
        if (sunder_str_equal(doc->entries[k].name, key)) {
            return true;
        }
    }
    return false;
}

/* A key that the agent may choose freely separates nothing. One warning for a rule, naming the first such duty. */
static void check_claims(struct policy_compile *c, const struct policy_draft *draft)
{
    const struct sunder_rule *rule = &draft->rule;
    if (rule->per != SUNDER_PER_OBJECT && rule->per != SUNDER_PER_CASE) {
        return;
    }
    for (uint32_t i = 0; i < c->policy->entry_count; i++) {
        const struct sunder_catalogue_entry *entry = &c->policy->entries[i];
        if (gives_key(c, rule, i) || entry->duty.value == SUNDER_DUTY_NONE.value ||
            !applies(rule, entry)) {
            continue;
        }
        POLICY_SAY(c,
            WARNING,
            CLAIMED_KEY,
            draft->per_doc == NULL ? draft->name_doc : draft->per_doc,
            S("`"),
            rule->name,
            S("` rests on the `"),
            rule->per_text,
            S("` that the agent claims: the catalogue gives `"),
            c->duties[entry->duty.value],
            S("` none"));
        return;
    }
}

/* Acts that a rule must see together lie in one domain only when its key fixes the attributes that make the domain finer
 * than the tenant. Who acts (agent, principal) may also be fixed by `by`; that is a matter of degree, see check_who. */
static void check_domain(struct policy_compile *c, const struct policy_draft *draft)
{
    const struct sunder_rule *rule = &draft->rule;
    bool alone = is_open(rule) && !rule->history.asks; /* It looks at one act. */
    for (uint32_t i = 1; i < c->policy->domain_field_count && !alone; i++) {
        enum sunder_field field = c->policy->domain_fields[i];
        bool who = field == SUNDER_FIELD_AGENT || field == SUNDER_FIELD_PRINCIPAL;
        bool fixed =
            (rule->per == SUNDER_PER_OBJECT && field == SUNDER_FIELD_OBJECT) ||
            (rule->per == SUNDER_PER_CASE && field == SUNDER_FIELD_CASE) ||
            (rule->per == SUNDER_PER_TASK && field == SUNDER_FIELD_TASK) ||
            ((rule->by == SUNDER_ROLE_TASK || rule->within_task) && field == SUNDER_FIELD_TASK);
        if (rule->per == SUNDER_PER_EXPR && rule->per_expr != NULL) {
            fixed = (sunder_expr_reads(rule->per_expr) & SUNDER_FIELD_BIT(field)) != 0;
        }
        bool refused = rule->per == SUNDER_PER_TENANT || (!who && !fixed);
        if (refused) {
            POLICY_SAY(c,
                ERROR,
                DOMAIN_TOO_FINE,
                draft->per_doc == NULL ? draft->name_doc : draft->per_doc,
                S("`"),
                rule->name,
                S("` would have to see more than one domain: its key does not fix the `"),
                sunder_field_name(field),
                S("` that `domain` names"));
            return;
        }
    }
}

/* Under a domain by agent or principal, a rule that judges other subjects too sees only their acts within the domain. */
static void check_who(struct policy_compile *c)
{
    for (uint32_t i = 1; i < c->policy->domain_field_count; i++) {
        enum sunder_field field = c->policy->domain_fields[i];
        uint32_t fixes = field == SUNDER_FIELD_AGENT ? SUNDER_ROLE_ACTOR : SUNDER_ROLE_PRINCIPAL;
        bool who = field == SUNDER_FIELD_AGENT || field == SUNDER_FIELD_PRINCIPAL;
        for (uint32_t k = 0; k < c->draft_count && who; k++) {
            const struct sunder_rule *rule = &c->drafts[k].rule;
            bool alone = is_open(rule) && !rule->history.asks;
            if (c->drafts[k].failed || rule->by == fixes || alone) {
                continue;
            }
            POLICY_SAY(c,
                WARNING,
                DOMAIN_TOO_FINE,
                c->domain_doc,
                S("under this domain a rule sees only acts for the same `"),
                sunder_field_name(field),
                S("`, whoever its `by` names; the first such rule is `"),
                rule->name,
                S("`"));
            break;
        }
    }
}

/* A gate or condition looks at every duty, unless its condition can hold for some only. */
static bool looks_at(const struct policy_compile *c,
    const struct sunder_rule *rule,
    const struct sunder_catalogue_entry *entry)
{
    if (!is_open(rule)) {
        return applies(rule, entry);
    }
    uint32_t count = 0;
    const struct sunder_expr_guard *guards = sunder_expr_guards(rule->when, &count);
    struct sunder_str duty = c->duties[entry->duty.value];
    for (uint32_t g = 0; g < count; g++) {
        if (guards[g].field == SUNDER_FIELD_DUTY && !sunder_expr_guard_fits(&guards[g], duty)) {
            return false;
        }
    }
    return true;
}

/* Duties that a rule names are marked already; these rules look at duties without naming them. */
static void check_duties(struct policy_compile *c)
{
    for (uint32_t k = 0; k < c->draft_count; k++) {
        const struct sunder_rule *rule = &c->drafts[k].rule;
        bool unnamed = rule->phases != 0 || is_open(rule) ||
                       (rule->kind == SUNDER_RULE_LIMIT && rule->duty_count == 0);
        if (!unnamed) {
            continue;
        }
        for (uint32_t i = 0; i < c->policy->entry_count && !c->drafts[k].failed; i++) {
            const struct sunder_catalogue_entry *entry = &c->policy->entries[i];
            if (entry->duty.value != SUNDER_DUTY_NONE.value && looks_at(c, rule, entry)) {
                c->named[entry->duty.value] = true;
            }
        }
    }
    for (uint32_t i = 0; i < c->policy->entry_count; i++) {
        struct sunder_duty_id duty = c->policy->entries[i].duty;
        if (duty.value == SUNDER_DUTY_NONE.value || c->named[duty.value]) {
            continue;
        }
        c->named[duty.value] = true; /* Once for each duty. */
        POLICY_SAY(c,
            NOTE,
            UNUSED,
            &c->catalogue->items[i],
            S("no rule looks at the duty `"),
            c->duties[duty.value],
            S("`: it is allowed to everybody"));
    }
}

/* "`field` is never `value`", with the nearest word that it may be. */
static void say_never(struct policy_compile *c,
    const struct policy_draft *draft,
    const struct sunder_expr_guard *guard,
    const struct sunder_str *words,
    uint32_t count)
{
    for (uint32_t v = 0; v < guard->count; v++) {
        struct sunder_str value = guard->values[v];
        bool known = false;
        for (uint32_t i = 0; i < count && !known; i++) {
            known = guard->prefix ? sunder_str_starts_with(words[i], value)
                                  : sunder_str_equal(words[i], value);
        }
        if (known) {
            continue;
        }
        struct sunder_str meant = sunder_str_nearest(value, words, count);
        bool near = !sunder_str_absent(meant);
        POLICY_SAY(c,
            WARNING,
            NEVER_FIRES,
            draft->when_doc,
            S("`"),
            draft->rule.name,
            S("`: `"),
            sunder_field_name(guard->field),
            guard->prefix ? S("` never begins with `") : S("` is never `"),
            value,
            near ? S("`; did you mean `") : S("`"),
            near ? meant : S(""),
            near ? S("`?") : S(""));
    }
}

/* Currencies that are no codes; acts may carry such, so it is a warning. */
static void say_no_currency(struct policy_compile *c,
    const struct policy_draft *draft,
    const struct sunder_expr_guard *guard)
{
    for (uint32_t v = 0; v < guard->count && !guard->prefix; v++) {
        if (!policy_is_currency(guard->values[v])) {
            POLICY_SAY(c,
                WARNING,
                WRONG_VALUE,
                draft->when_doc,
                S("`"),
                draft->rule.name,
                S("`: `"),
                guard->values[v],
                S("` is no currency: a currency is a code of three capital letters, as in EUR"));
        }
    }
}

/* Values that no act can have: duties that nothing maps, and words that are none. */
static void check_values(struct policy_compile *c, const struct policy_draft *draft)
{
    static const struct sunder_str phases[3] = {
        POLICY_WORD("observe"), POLICY_WORD("recommend"), POLICY_WORD("execute")};
    static const struct sunder_str tiers[3] = {
        POLICY_WORD("low"), POLICY_WORD("medium"), POLICY_WORD("high")};
    uint32_t count = 0;
    const struct sunder_expr_guard *guards =
        draft->rule.when == NULL ? NULL : sunder_expr_guards(draft->rule.when, &count);
    for (uint32_t g = 0; g < count; g++) {
        switch ((uint32_t)guards[g].field) {
        case SUNDER_FIELD_DUTY:
            say_never(c, draft, &guards[g], c->duties, c->duty_count);
            break;
        case SUNDER_FIELD_PHASE:
            say_never(c, draft, &guards[g], phases, 3);
            break;
        case SUNDER_FIELD_TIER:
            say_never(c, draft, &guards[g], tiers, 3);
            break;
        case SUNDER_FIELD_CURRENCY:
            say_no_currency(c, draft, &guards[g]);
            break;
        default:
            break;
        }
    }
}

void policy_check_whole(struct policy_compile *c)
{
    for (uint32_t i = 0; i < c->draft_count; i++) {
        const struct policy_draft *draft = &c->drafts[i];
        if (draft->failed) {
            continue;
        }
        if (draft->rule.phases != 0) {
            check_phases(c, draft);
        }
        policy_check_steps(c, draft);
        check_claims(c, draft);
        check_domain(c, draft);
        check_values(c, draft);
    }
    check_who(c);
}

static void check_entitled(struct policy_compile *c)
{
    const struct sunder_entitle *entitle = &c->policy->entitle;
    for (uint32_t d = 0; entitle->given && d < c->duty_count; d++) {
        if (entitle->first[d] == entitle->first[d + 1]) {
            POLICY_SAY(c,
                WARNING,
                DENIES_ALL,
                c->context.entitle,
                S("nobody is entitled to `"),
                c->duties[d],
                S("`: every act with this duty is denied"));
        }
    }
}

static void check_rates(struct policy_compile *c)
{
    for (uint32_t i = 0; i < c->policy->rates_count; i++) {
        bool used = false;
        for (uint32_t k = 0; k < c->draft_count; k++) {
            used = used || c->drafts[k].rule.rates == &c->policy->rates[i];
        }
        if (!used) {
            POLICY_SAY(
                c, NOTE, UNUSED, &c->context.rates->entries[i], S("no limit uses these rates"));
        }
    }
}

/* A condition that no index can place is evaluated for every act; among many rules that is worth a word. */
static void check_places(struct policy_compile *c)
{
    enum {
        FEW = 16
    };
    uint32_t open = 0;
    for (uint32_t i = 0; i < c->draft_count; i++) {
        open += c->drafts[i].rule.when != NULL ? 1 : 0;
    }
    for (uint32_t i = 0; i < c->draft_count && open > FEW; i++) {
        uint32_t count = 0;
        const struct sunder_rule *rule = &c->drafts[i].rule;
        if (rule->when == NULL || sunder_expr_guards(rule->when, &count) != NULL) {
            continue;
        }
        POLICY_SAY(c,
            WARNING,
            COSTLY,
            c->drafts[i].when_doc,
            S("`"),
            rule->name,
            S("` is evaluated for every act: its condition compares no tool, duty or other text "
              "with a constant"));
    }
}

void policy_check_unused(struct policy_compile *c, const struct sunder_doc *root)
{
    check_duties(c);
    check_entitled(c);
    check_rates(c);
    check_places(c);
    policy_check_flow(c);
    policy_check_lacks(c);
    if (c->approvals_doc != NULL && !c->approvals_used) {
        POLICY_SAY(c, NOTE, UNUSED, c->approvals_doc, S("no rule uses these approvals"));
    }
    if (c->policy->entry_count == 0) {
        POLICY_SAY(c,
            WARNING,
            DENIES_ALL,
            root,
            S("the policy has no catalogue: every act is denied, since no duty matches"));
    }
}
