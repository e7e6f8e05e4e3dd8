/* Fields that an act may lack and a condition reads all the same; limits that never forget; doubles that are money. */
#include "engine/expr/expr_facts.h"
#include "engine/policy/policy_parts.h"

#define S SUNDER_STR

/* What every act has. */
#define ALWAYS                                                                                     \
    (SUNDER_FIELD_BIT(SUNDER_FIELD_TENANT) | SUNDER_FIELD_BIT(SUNDER_FIELD_AGENT) |                \
        SUNDER_FIELD_BIT(SUNDER_FIELD_PRINCIPAL) | SUNDER_FIELD_BIT(SUNDER_FIELD_DELEGATION) |     \
        SUNDER_FIELD_BIT(SUNDER_FIELD_DEPTH) | SUNDER_FIELD_BIT(SUNDER_FIELD_TOOL) |               \
        SUNDER_FIELD_BIT(SUNDER_FIELD_ACTION) | SUNDER_FIELD_BIT(SUNDER_FIELD_DUTY) |              \
        SUNDER_FIELD_BIT(SUNDER_FIELD_DUTIES) | SUNDER_FIELD_BIT(SUNDER_FIELD_LABELS) |            \
        SUNDER_FIELD_BIT(SUNDER_FIELD_NOW) | SUNDER_FIELD_BIT(SUNDER_FIELD_HISTORY))

/* What `require` may ask for. */
#define REQUIRABLE                                                                                 \
    (SUNDER_FIELD_BIT(SUNDER_FIELD_TASK) | SUNDER_FIELD_BIT(SUNDER_FIELD_PURPOSE) |                \
        SUNDER_FIELD_BIT(SUNDER_FIELD_CASE) | SUNDER_FIELD_BIT(SUNDER_FIELD_OBJECT) |              \
        SUNDER_FIELD_BIT(SUNDER_FIELD_AMOUNT) | SUNDER_FIELD_BIT(SUNDER_FIELD_CURRENCY) |          \
        SUNDER_FIELD_BIT(SUNDER_FIELD_CONFIDENCE) | SUNDER_FIELD_BIT(SUNDER_FIELD_CREDENTIAL))

/* What limits that add up amounts ask of every act with the duty: without it they deny (S19). */
static sunder_field_set summed_of(const struct policy_compile *c, struct sunder_duty_id duty)
{
    sunder_field_set fields = 0;
    for (uint32_t i = 0; i < c->draft_count; i++) {
        const struct sunder_rule *rule = &c->drafts[i].rule;
        bool sums = rule->kind == SUNDER_RULE_LIMIT && rule->value_is_amount &&
                    rule->mode == SUNDER_MODE_ENFORCE;
        bool mine = rule->duty_count == 0;
        for (uint32_t d = 0; d < rule->duty_count && !mine; d++) {
            mine = rule->duties[d].value == duty.value;
        }
        fields |= sums && mine ? SUNDER_FIELD_BIT(SUNDER_FIELD_AMOUNT) |
                                     SUNDER_FIELD_BIT(SUNDER_FIELD_CURRENCY)
                               : 0;
    }
    return fields;
}

/* What every act that only this entry matches has: the policy requires or gives it. */
static sunder_field_set fields_of(
    const struct policy_compile *c, const struct sunder_catalogue_entry *entry)
{
    const struct sunder_policy *policy = c->policy;
    uint16_t duty = entry->duty.value;
    const struct sunder_effects *effects = policy->effects == NULL ? NULL : &policy->effects[duty];
    bool tier = entry->tier != SUNDER_TIER_NONE || (effects != NULL && effects->tier != 0);
    bool phase = entry->phase != 0 || (effects != NULL && effects->phases != 0);
    sunder_field_set fields = ALWAYS | policy->require.always | policy->require.tier[entry->tier];
    fields |= summed_of(c, entry->duty);
    fields |= policy->require.duty == NULL ? 0 : policy->require.duty[duty];
    fields |= policy->has_purposes ? SUNDER_FIELD_BIT(SUNDER_FIELD_PURPOSE) : 0;
    fields |= entry->object != NULL ? SUNDER_FIELD_BIT(SUNDER_FIELD_OBJECT) : 0;
    fields |= entry->case_id != NULL ? SUNDER_FIELD_BIT(SUNDER_FIELD_CASE) : 0;
    fields |= tier ? SUNDER_FIELD_BIT(SUNDER_FIELD_TIER) : 0;
    fields |= phase ? SUNDER_FIELD_BIT(SUNDER_FIELD_PHASE) : 0;
    return fields;
}

/* What the entry fixes of a field that guards look at; absent: nothing. */
static struct sunder_str fixed(const struct policy_compile *c,
    const struct sunder_catalogue_entry *entry,
    enum sunder_field field)
{
    static const struct sunder_str tiers[] = {[SUNDER_TIER_LOW] = POLICY_WORD("low"),
        [SUNDER_TIER_MEDIUM] = POLICY_WORD("medium"),
        [SUNDER_TIER_HIGH] = POLICY_WORD("high")};
    bool duty = field == SUNDER_FIELD_DUTY;
    bool tier = field == SUNDER_FIELD_TIER && entry->tier != SUNDER_TIER_NONE;
    bool call = (field == SUNDER_FIELD_TOOL || field == SUNDER_FIELD_ACTION) && !entry->wild;
    struct sunder_str called = field == SUNDER_FIELD_TOOL ? entry->tool : entry->action;
    return duty   ? c->duties[entry->duty.value]
           : tier ? tiers[entry->tier]
           : call ? called
                  : (struct sunder_str){0};
}

/* Whether the condition is false for the entry's acts, whatever else they say. */
static bool passes_over(const struct policy_compile *c,
    const struct sunder_rule *rule,
    const struct sunder_catalogue_entry *entry)
{
    uint32_t count = 0;
    const struct sunder_expr_guard *guards = sunder_expr_guards(rule->when, &count);
    for (uint32_t g = 0; g < count; g++) {
        struct sunder_str value = fixed(c, entry, guards[g].field);
        if (!sunder_str_absent(value) && !sunder_expr_guard_fits(&guards[g], value)) {
            return true;
        }
    }
    return false;
}

/* Whether the condition is false for some acts of the catalogue whatever they say: by their duty, tool, action or tier. */
static bool is_narrow(const struct policy_compile *c, const struct sunder_rule *rule)
{
    for (uint32_t i = 0; i < c->policy->entry_count; i++) {
        if (passes_over(c, rule, &c->policy->entries[i])) {
            return true;
        }
    }
    return false;
}

/* The first duty whose acts may lack the field, and how many there are; entries of one duty stand side by side as a rule. */
static uint32_t lacking(const struct policy_compile *c,
    const struct sunder_rule *rule,
    enum sunder_field field,
    struct sunder_duty_id *ret_first)
{
    uint32_t count = 0;
    struct sunder_duty_id last = SUNDER_DUTY_NONE;
    for (uint32_t i = 0; i < c->policy->entry_count; i++) {
        const struct sunder_catalogue_entry *entry = &c->policy->entries[i];
        if (entry->duty.value == last.value || entry->duty.value == SUNDER_DUTY_NONE.value ||
            passes_over(c, rule, entry) || (fields_of(c, entry) & SUNDER_FIELD_BIT(field)) != 0) {
            continue;
        }
        *ret_first = count == 0 ? entry->duty : *ret_first;
        last = entry->duty;
        count += 1;
    }
    return count;
}

static void say_lack(
    struct policy_compile *c, const struct policy_draft *draft, const struct sunder_expr_lack *lack)
{
    const struct sunder_rule *rule = &draft->rule;
    struct sunder_duty_id first = SUNDER_DUTY_NONE;
    uint32_t duties = lacking(c, rule, lack->field, &first);
    if (duties == 0) {
        return;
    }
    bool gate = rule->kind == SUNDER_RULE_GATE;
    bool narrow = is_narrow(c, rule);
    bool requirable = (REQUIRABLE & SUNDER_FIELD_BIT(lack->field)) != 0;
    bool of_the_entry = lack->field == SUNDER_FIELD_TIER || lack->field == SUNDER_FIELD_PHASE;
    struct sunder_complaint at = policy_place(draft->when_doc, lack->offset);
    at.code = SUNDER_COMPLAINT_CODE_ABSENT_FIELD;
    at.level = gate && narrow ? SUNDER_COMPLAINT_NOTE : SUNDER_COMPLAINT_WARNING;
    const struct sunder_str parts[] = {S("`"),
        rule->name,
        gate ? S("` denies an act of `") : S("` fires for an act of `"),
        c->duties[first.value],
        duties > 1 ? S("` (and of other duties) that lacks `") : S("` that lacks `"),
        lack->path,
        narrow ? S("`: write `has(")
               : S("`: name the duty that is meant, as in `duty == '...' && ...`, or write `has("),
        lack->path,
        S(") && ...` to let it pass, `!has("),
        lack->path,
        S(") || ...` where that is meant"),
        requirable     ? S(", or name it under `require`")
        : of_the_entry ? S(", or give the catalogue's entry one")
                       : S("")};
    policy_complain(c, at, parts, sizeof(parts) / sizeof(parts[0]));
}

static void check_when(struct policy_compile *c, const struct policy_draft *draft)
{
    uint32_t count = 0;
    const struct sunder_expr_lack *lacks = sunder_expr_lacks(draft->rule.when, &count);
    for (uint32_t i = 0; i < count; i++) {
        if ((draft->rule.require & SUNDER_FIELD_BIT(lacks[i].field)) == 0) {
            say_lack(c, draft, &lacks[i]);
        }
    }
}

/* Money in doubles, in any condition of the rule. */
static void check_exact(struct policy_compile *c, const struct policy_draft *draft)
{
    const struct sunder_rule *rule = &draft->rule;
    uint32_t offset = 0;
    struct sunder_complaint where = {.line = 0};
    if (rule->when != NULL && sunder_expr_is_inexact(rule->when, &offset)) {
        where = policy_place(draft->when_doc, offset);
    }
    bool excuse = rule->unless != NULL && sunder_expr_is_inexact(rule->unless, &offset);
    for (uint32_t i = 0; i < rule->except_count && !excuse; i++) {
        excuse =
            rule->except[i].when != NULL && sunder_expr_is_inexact(rule->except[i].when, &offset);
    }
    if (where.line == 0 && excuse) {
        where.line = draft->name_doc->line;
        where.column = draft->name_doc->column;
    }
    if (where.line != 0) {
        POLICY_SAY(c,
            WARNING,
            INEXACT,
            &where,
            S("`"),
            rule->name,
            S("`: `double(...)` is not exact, and money is: amounts are decimals as they are, and "
              "`decimal(x)` makes one of a text"));
    }
}

/* A task ends, and what is counted by it or under it ends with it. */
static bool ends(const struct sunder_rule *rule)
{
    return rule->within_ms != 0 || rule->max_micro == 0 || rule->per == SUNDER_PER_TASK ||
           rule->by == SUNDER_ROLE_TASK;
}

/* Cases and tasks end; a list of all agents that ever acted is read whole at each act. */
static bool lists_for_ever(const struct sunder_rule *rule)
{
    return rule->history.agents && rule->history.keep_ms == 0 && rule->per != SUNDER_PER_CASE &&
           rule->per != SUNDER_PER_TASK && rule->by != SUNDER_ROLE_TASK;
}

void policy_check_lacks(struct policy_compile *c)
{
    for (uint32_t i = 0; i < c->draft_count; i++) {
        const struct policy_draft *draft = &c->drafts[i];
        if (draft->rule.when != NULL) {
            check_when(c, draft);
        }
        check_exact(c, draft);
        if (draft->rule.kind == SUNDER_RULE_LIMIT && !ends(&draft->rule)) {
            POLICY_SAY(c,
                WARNING,
                COUNTS_FOR_EVER,
                draft->name_doc,
                S("`"),
                draft->rule.name,
                S("` has no `within`: it counts for ever, and who has reached its `max` stays "
                  "there; as in `within: 24h`"));
        }
        if (lists_for_ever(&draft->rule)) {
            POLICY_SAY(c,
                WARNING,
                COSTLY,
                draft->name_doc,
                S("`"),
                draft->rule.name,
                S("` has no `within`, and `history.agents()` reads all acts since the first: each "
                  "act costs more than the one before; as in `within: 24h`"));
        }
    }
}
