#include "engine/rules/parts.h"

#include "engine/expr/expr_facts.h"
#include "engine/rules/firing.h"

uint32_t sunder_judge_phases(const struct sunder_judge *judge, struct sunder_str phases[3])
{
    static const struct {
        uint32_t bit;
        struct sunder_str name;
    } all[] = {
        {SUNDER_PHASE_OBSERVE, {"observe", 7}},
        {SUNDER_PHASE_RECOMMEND, {"recommend", 9}},
        {SUNDER_PHASE_EXECUTE, {"execute", 7}},
    };
    uint32_t count = 0;
    phases[0] = (struct sunder_str){0};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if ((judge->phases & all[i].bit) != 0) {
            phases[count] = all[i].name;
            count += 1;
        }
    }
    return count;
}

static uint32_t at_least_one(uint32_t count)
{
    return count == 0 ? 1 : count;
}

static bool reads(const struct sunder_rule *rule, enum sunder_field field)
{
    return (rule->runs_over & SUNDER_FIELD_BIT(field)) != 0;
}

void sunder_parts_all(const struct sunder_judge *judge,
    const struct sunder_candidate *candidate,
    uint32_t subjects,
    struct sunder_parts *ret_parts)
{
    const struct sunder_rule *rule = candidate->rule;
    *ret_parts = (struct sunder_parts){{1, 1, 1, 1, 1, 1}, {NULL}};
    uint32_t *counts = ret_parts->counts;
    if (rule->history.asks) {
        counts[SUNDER_PART_SUBJECT] = subjects;
    }
    if (rule->per != SUNDER_PER_NONE && candidate->keys != NULL) {
        counts[SUNDER_PART_KEY] = at_least_one(candidate->keys->count);
    }
    if (reads(rule, SUNDER_FIELD_DUTY)) {
        counts[SUNDER_PART_DUTY] = at_least_one(judge->duty_count);
    }
    if (reads(rule, SUNDER_FIELD_OBJECT) && rule->per != SUNDER_PER_OBJECT) {
        counts[SUNDER_PART_OBJECT] = at_least_one(judge->object_count);
    }
    if (reads(rule, SUNDER_FIELD_CASE) && rule->per != SUNDER_PER_CASE) {
        counts[SUNDER_PART_CASE] = at_least_one(judge->case_count);
    }
    if (reads(rule, SUNDER_FIELD_PHASE)) {
        struct sunder_str phases[3];
        counts[SUNDER_PART_PHASE] = at_least_one(sunder_judge_phases(judge, phases));
    }
}

/* The field whose values a part runs over; SUNDER_FIELD_COUNT: none that a condition compares with texts. */
static enum sunder_field field_of(const struct sunder_rule *rule, enum sunder_part part)
{
    switch (part) {
    case SUNDER_PART_KEY:
        if (rule->per == SUNDER_PER_OBJECT) {
            return SUNDER_FIELD_OBJECT;
        }
        return rule->per == SUNDER_PER_CASE ? SUNDER_FIELD_CASE : SUNDER_FIELD_COUNT;
    case SUNDER_PART_DUTY:
        return SUNDER_FIELD_DUTY;
    case SUNDER_PART_OBJECT:
        return rule->per == SUNDER_PER_OBJECT ? SUNDER_FIELD_COUNT : SUNDER_FIELD_OBJECT;
    case SUNDER_PART_CASE:
        return rule->per == SUNDER_PER_CASE ? SUNDER_FIELD_COUNT : SUNDER_FIELD_CASE;
    case SUNDER_PART_PHASE:
        return SUNDER_FIELD_PHASE;
    case SUNDER_PART_SUBJECT:
    case SUNDER_PART_COUNT:
        break;
    }
    return SUNDER_FIELD_COUNT;
}

/* Absent where the act has none. */
static struct sunder_str value_at(
    const struct sunder_judge *judge, enum sunder_field field, uint32_t i)
{
    const struct sunder_str none = {0};
    struct sunder_str phases[3];
    switch ((uint32_t)field) {
    case SUNDER_FIELD_DUTY:
        return judge->duty_count == 0 ? none : sunder_judge_duty_name(judge, judge->duties[i]);
    case SUNDER_FIELD_OBJECT:
        return judge->object_count == 0 ? none : judge->objects[i];
    case SUNDER_FIELD_CASE:
        return judge->case_count == 0 ? none : judge->cases[i];
    case SUNDER_FIELD_PHASE:
        (void)sunder_judge_phases(judge, phases);
        return phases[i];
    case SUNDER_FIELD_TIER:
        return sunder_judge_tier_name(judge->tier);
    default:
        return judge->env->fields[field].kind == SUNDER_VALUE_STRING
                   ? judge->env->fields[field].text
                   : none;
    }
}

/* Whether the operand may be true for the text; reading an absent field is an error, which is not false. */
static bool admits(const struct sunder_expr_guard *guard, struct sunder_str text)
{
    return text.at == NULL || sunder_expr_guard_fits(guard, text);
}

static bool fits(const struct sunder_judge *judge,
    const struct sunder_rule *rule,
    enum sunder_field field,
    uint32_t i)
{
    uint32_t count = 0;
    const struct sunder_expr_guard *guards = sunder_expr_guards(rule->when, &count);
    for (uint32_t g = 0; g < count; g++) {
        if (guards[g].field == field && !admits(&guards[g], value_at(judge, field, i))) {
            return false;
        }
    }
    return true;
}

static enum sunder_err narrow_part(const struct sunder_judge *judge,
    const struct sunder_rule *rule,
    enum sunder_part part,
    struct sunder_parts *parts)
{
    uint32_t count = parts->counts[part];
    uint16_t *fit = SUNDER_ARENA_NEW(judge->state.arena, uint16_t, count);
    if (fit == NULL) {
        return SUNDER_ERR_FULL;
    }
    parts->counts[part] = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (fits(judge, rule, field_of(rule, part), i)) {
            fit[parts->counts[part]] = (uint16_t)i;
            parts->counts[part] += 1;
        }
    }
    parts->fit[part] = fit;
    return SUNDER_OK;
}

enum sunder_err sunder_parts_narrow(const struct sunder_judge *judge,
    const struct sunder_candidate *candidate,
    struct sunder_parts *parts)
{
    const struct sunder_rule *rule = candidate->rule;
    uint32_t count = 0;
    const struct sunder_expr_guard *guards = sunder_expr_guards(rule->when, &count);
    for (uint32_t g = 0; g < count; g++) {
        enum sunder_part part = SUNDER_PART_SUBJECT;
        while (part < SUNDER_PART_COUNT && field_of(rule, part) != guards[g].field) {
            part = (enum sunder_part)(part + 1);
        }
        if (part == SUNDER_PART_COUNT && !admits(&guards[g], value_at(judge, guards[g].field, 0))) {
            parts->counts[SUNDER_PART_SUBJECT] = 0;
            return SUNDER_OK;
        }
        if (part != SUNDER_PART_COUNT && parts->fit[part] == NULL) {
            SUNDER_TRY(narrow_part(judge, rule, part, parts));
        }
    }
    return SUNDER_OK;
}

/* Expressions that one combination may cost. */
static uint64_t expressions_of(const struct sunder_rule *rule)
{
    return (rule->when != NULL ? 1u : 0u) + (rule->unless != NULL ? 1u : 0u) +
           (uint64_t)rule->except_count;
}

static uint64_t product_of(const struct sunder_parts *parts)
{
    uint64_t product = 1;
    for (uint32_t i = 0; i < SUNDER_PART_COUNT; i++) {
        product *= parts->counts[i];
    }
    return product;
}

/* The pairs of subject and key that a rule of another kind looks at. */
static uint64_t pairs_of(const struct sunder_judge *judge, const struct sunder_candidate *candidate)
{
    const struct sunder_rule *rule = candidate->rule;
    struct sunder_looker lookers[SUNDER_SUBJECTS_MAX + 2];
    bool anybody = rule->by == 0 || rule->along_information;
    uint64_t subjects = anybody ? 1 : sunder_judge_lookers(judge, rule, lookers);
    uint64_t keys = candidate->keys == NULL ? 0 : candidate->keys->count;
    return subjects * (rule->per == SUNDER_PER_NONE ? 1 : keys);
}

static enum sunder_err combinations_of(
    const struct sunder_judge *judge, const struct sunder_candidate *candidate, uint64_t *ret_count)
{
    const struct sunder_rule *rule = candidate->rule;
    if (rule->when == NULL) {
        *ret_count = pairs_of(judge, candidate);
        return SUNDER_OK;
    }
    struct sunder_looker lookers[SUNDER_SUBJECTS_MAX + 2];
    uint32_t subjects = rule->history.asks ? sunder_judge_lookers(judge, rule, lookers) : 1;
    struct sunder_parts parts;
    sunder_parts_all(judge, candidate, at_least_one(subjects), &parts);
    size_t mark = sunder_arena_mark(judge->state.arena);
    SUNDER_TRY(sunder_parts_narrow(judge, candidate, &parts));
    sunder_arena_rewind(judge->state.arena, mark);
    *ret_count = product_of(&parts);
    return SUNDER_OK;
}

/* At most so much, found without a look at any text. */
static uint32_t most_of(const struct sunder_judge *judge)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < judge->candidate_count; i++) {
        const struct sunder_candidate *candidate = &judge->candidates[i];
        uint64_t expressions = candidate->silent ? 0 : expressions_of(candidate->rule);
        if (expressions == 0) {
            continue;
        }
        struct sunder_parts parts;
        sunder_parts_all(judge, candidate, judge->subject_count + 2, &parts);
        if (candidate->rule->when == NULL) {
            parts.counts[SUNDER_PART_SUBJECT] = judge->subject_count + 2;
        }
        most += product_of(&parts) * expressions;
        if (most > SUNDER_INTENT_EVALUATIONS_MAX) {
            return SUNDER_INTENT_EVALUATIONS_MAX + 1;
        }
    }
    return (uint32_t)most;
}

static bool is_looking(const struct sunder_candidate *candidate)
{
    enum sunder_rule_kind kind = candidate->rule->kind;
    return kind != SUNDER_RULE_GATE && kind != SUNDER_RULE_CONDITION && !candidate->silent;
}

/* Leaves out what looks at pairs when all of it together looks at too many. */
static void price_pairs(struct sunder_judge *judge)
{
    uint64_t most = 0; /* Without asking whom a rule looks at. */
    for (uint32_t i = 0; i < judge->candidate_count; i++) {
        const struct sunder_candidate *candidate = &judge->candidates[i];
        uint32_t keys = candidate->keys == NULL ? 0 : candidate->keys->count;
        most += (uint64_t)(judge->subject_count + 2) * at_least_one(keys);
    }
    uint64_t total = 0;
    for (uint32_t i = 0; i < judge->candidate_count && most > SUNDER_INTENT_PAIRS_MAX; i++) {
        const struct sunder_candidate *candidate = &judge->candidates[i];
        total += is_looking(candidate) ? pairs_of(judge, candidate) : 0;
    }
    for (uint32_t i = 0; i < judge->candidate_count && total > SUNDER_INTENT_PAIRS_MAX; i++) {
        struct sunder_candidate *candidate = &judge->candidates[i];
        candidate->left_out = candidate->left_out || is_looking(candidate);
        judge->rules_full = true;
    }
}

static enum sunder_err price_expressions(struct sunder_judge *judge)
{
    judge->evaluations = most_of(judge);
    if (judge->evaluations <= SUNDER_INTENT_EVALUATIONS_MAX) {
        return SUNDER_OK;
    }
    judge->narrow = true;
    uint64_t total = 0;
    for (uint32_t i = 0; i < judge->candidate_count && total <= SUNDER_INTENT_EVALUATIONS_MAX;
         i++) {
        const struct sunder_candidate *candidate = &judge->candidates[i];
        uint64_t expressions = candidate->silent ? 0 : expressions_of(candidate->rule);
        uint64_t count = 0;
        if (expressions != 0) {
            SUNDER_TRY(combinations_of(judge, candidate, &count));
        }
        total += count * expressions;
    }
    for (uint32_t i = 0; i < judge->candidate_count && total > SUNDER_INTENT_EVALUATIONS_MAX; i++) {
        struct sunder_candidate *candidate = &judge->candidates[i];
        candidate->left_out = candidate->left_out || expressions_of(candidate->rule) != 0;
        judge->rules_full = true;
    }
    return SUNDER_OK;
}

enum sunder_err sunder_judge_price(struct sunder_judge *judge)
{
    price_pairs(judge);
    return price_expressions(judge);
}
