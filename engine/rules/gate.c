/* S20. Gates and conditions: an expression, judged for each combination of those of subject, key, duty, object, case and phase
 * that it reads (Readings 18). It fires when one combination is true or errors and is not excused. A gate that needs a field which
 * the act lacks does not fire but tells the field (Readings 19). */
#include "engine/base/text.h"
#include "engine/rules/firing.h"
#include "engine/rules/history.h"
#include "engine/rules/parts.h"

struct search {
    struct sunder_judge *judge;
    struct sunder_candidate *candidate;
    struct sunder_looker lookers[SUNDER_SUBJECTS_MAX + 2];
    struct sunder_str phases[3];
    struct sunder_parts parts;
    uint32_t at[SUNDER_PART_COUNT];
    struct sunder_history_known known; /* of the (subject, key) of `at` */
    bool subjects;               /* the history is read */
    struct sunder_str no_key;    /* how the key that the act lacks is called */
    uint8_t stage;
    bool decided;                /* the (subject, key) of `at` has fired */
};

/* Nobody is in the roles that the rule names: an empty history, but for a task that is not there. */
static uint32_t subjects_of(struct search *search)
{
    const struct sunder_judge *judge = search->judge;
    const struct sunder_rule *rule = search->candidate->rule;
    uint32_t count = sunder_judge_lookers(judge, rule, search->lookers);
    if (count == 0 && judge->only.at == NULL) {
        search->lookers[0] = (struct sunder_looker){.class = SUNDER_CLASS_SUBJECT};
        count = 1;
        if (rule->by == SUNDER_ROLE_TASK) {
            search->no_key = SUNDER_STR("task");
        }
    }
    return count;
}

static enum sunder_err start(struct search *search)
{
    struct sunder_judge *judge = search->judge;
    const struct sunder_candidate *candidate = search->candidate;
    const struct sunder_rule *rule = candidate->rule;
    search->subjects = rule->history.asks;
    if (rule->per != SUNDER_PER_NONE) {
        uint32_t keys = candidate->keys == NULL ? 0 : candidate->keys->count;
        search->no_key = keys == 0 ? rule->per_text : (struct sunder_str){0};
    }
    uint32_t subjects = search->subjects ? subjects_of(search) : 1;
    sunder_parts_all(judge, candidate, subjects, &search->parts);
    (void)sunder_judge_phases(judge, search->phases);
    /* Who watches wants to see what is false, too. */
    return judge->narrow && judge->state.policy->watch == NULL
               ? sunder_parts_narrow(judge, candidate, &search->parts)
               : SUNDER_OK;
}

/* The next combination; from `part` on everything begins anew. False when there is none. */
static bool next(struct search *search, uint32_t part)
{
    for (uint32_t i = part; i < SUNDER_PART_COUNT; i++) {
        search->at[i] = 0;
    }
    for (uint32_t i = part; i > 0; i--) {
        search->at[i - 1] += 1;
        if (search->at[i - 1] < search->parts.counts[i - 1]) {
            return true;
        }
        search->at[i - 1] = 0;
    }
    return false;
}

/* Which of the act's values a part has now. */
static uint32_t picked(const struct search *search, enum sunder_part part)
{
    const uint16_t *fit = search->parts.fit[part];
    return fit == NULL ? search->at[part] : fit[search->at[part]];
}

static struct sunder_value value_of(struct sunder_str text)
{
    return text.at == NULL ? (struct sunder_value){.kind = SUNDER_VALUE_ABSENT}
                           : (struct sunder_value){.kind = SUNDER_VALUE_STRING, .text = text};
}

static struct sunder_str key_of(const struct search *search)
{
    const struct sunder_judge_keys *keys = search->candidate->keys;
    bool has = keys != NULL && keys->count != 0;
    return has ? keys->at[picked(search, SUNDER_PART_KEY)].text : (struct sunder_str){0};
}

static void set_fields(const struct search *search)
{
    const struct sunder_judge *judge = search->judge;
    struct sunder_value *fields = judge->env->fields;
    enum sunder_per per = search->candidate->rule->per;
    struct sunder_str key = key_of(search);
    struct sunder_str none = {0};
    struct sunder_str object = judge->object_count == 0 ? none : judge->objects[picked(search, SUNDER_PART_OBJECT)];
    struct sunder_str case_id = judge->case_count == 0 ? none : judge->cases[picked(search, SUNDER_PART_CASE)];
    fields[SUNDER_FIELD_DUTY] = value_of(
        judge->duty_count == 0 ? none : sunder_judge_duty_name(judge, judge->duties[picked(search, SUNDER_PART_DUTY)]));
    fields[SUNDER_FIELD_OBJECT] = value_of(per == SUNDER_PER_OBJECT ? key : object);
    fields[SUNDER_FIELD_CASE] = value_of(per == SUNDER_PER_CASE ? key : case_id);
    fields[SUNDER_FIELD_PHASE] = value_of(search->phases[picked(search, SUNDER_PART_PHASE)]);
    fields[SUNDER_FIELD_TIER] = value_of(sunder_judge_tier_name(judge->tier));
}

/* Reasons about context are the engine's in enforce mode, and the rule's own in shadow mode. */
static enum sunder_err tell_missing(const struct search *search, struct sunder_str what)
{
    search->candidate->missing = true;
    return sunder_judge_missing(search->judge, search->candidate->rule, search->stage, what);
}

/* A gate's `require`: the fields that it wants where it fires. */
static enum sunder_err tell_required(const struct search *search)
{
    const struct sunder_rule *rule = search->candidate->rule;
    for (uint32_t i = 0; rule->require != 0 && i < SUNDER_FIELD_COUNT; i++) {
        enum sunder_field field = (enum sunder_field)i;
        bool wanted = (rule->require & SUNDER_FIELD_BIT(field)) != 0;
        if (wanted && !sunder_judge_has_field(search->judge, field)) {
            SUNDER_TRY(tell_missing(search, sunder_field_name(field)));
        }
    }
    return SUNDER_OK;
}

static enum sunder_err first_reason(const struct search *search, bool errors, struct sunder_reason *reason)
{
    const struct sunder_rule *rule = search->candidate->rule;
    struct sunder_arena *arena = search->judge->state.arena;
    reason->code = rule->kind_text;
    reason->effect = rule->effect;
    reason->stage = 8;
    struct sunder_str what = errors ? SUNDER_STR(" cannot be evaluated for this act, so it counts as true: ")
                                    : SUNDER_STR(" holds for this act: ");
    reason->message = sunder_text(arena, SUNDER_STR("the condition of `"), rule->name, SUNDER_STR("`"), what,
        sunder_expr_source(rule->when));
    return reason->message.at == NULL ? SUNDER_ERR_FULL : SUNDER_OK;
}

/* How much there is that points into the arena and stays; all of it only grows. */
static uint64_t kept(const struct search *search)
{
    const struct sunder_judge *judge = search->judge;
    const struct sunder_firing *firing = search->candidate->firing;
    const struct sunder_judge_keys *keys = search->candidate->keys;
    uint64_t rows = keys == NULL ? 0 : (uint64_t)keys->loaded + keys->matched;
    return rows + judge->reason_count + judge->shadow_count + firing->fired + firing->also_count;
}

/* There may be very many combinations: what they took of the arena is given back, when nothing has come of it. */
struct loan {
    size_t mark;
    uint64_t kept;
};

static struct loan borrow(const struct search *search, uint64_t more)
{
    return (struct loan){sunder_arena_mark(search->judge->state.arena), kept(search) + more};
}

static void give_back(const struct search *search, struct loan loan, uint64_t more)
{
    if (kept(search) + more == loan.kept) {
        sunder_arena_rewind(search->judge->state.arena, loan.mark);
    }
}

/* One combination. */
static enum sunder_err judge_one(struct search *search)
{
    struct sunder_judge *judge = search->judge;
    struct sunder_candidate *candidate = search->candidate;
    const struct sunder_rule *rule = candidate->rule;
    struct sunder_history_at place = {
        .judge = judge,
        .rule = rule,
        .looker = &search->lookers[search->at[SUNDER_PART_SUBJECT]],
        .keys = rule->per == SUNDER_PER_NONE ? NULL : candidate->keys,
        .key = picked(search, SUNDER_PART_KEY),
        .known = &search->known,
    };
    set_fields(search);
    sunder_history_set(&place, search->no_key);
    struct sunder_value value;
    struct sunder_expr_fault fault = {0};
    struct loan loan = borrow(search, search->known.count);
    enum sunder_err err = sunder_expr_eval_fault(rule->when, judge->env, judge->state.arena, &value, &fault);
    give_back(search, loan, search->known.count); /* Truth and the fault's path are not in it. */
    if (place.failed != SUNDER_OK || (err != SUNDER_OK && err != SUNDER_ERR_INVALID)) {
        return place.failed != SUNDER_OK ? place.failed : err;
    }
    bool errors = err == SUNDER_ERR_INVALID;
    if (errors && fault.absent && rule->kind == SUNDER_RULE_GATE) {
        return tell_missing(search, fault.path);
    }
    if ((!errors && !value.boolean) || search->decided) {
        return SUNDER_OK;
    }
    bool excused = false;
    SUNDER_TRY(sunder_judge_excuse(judge, rule, &excused));
    if (excused) {
        return SUNDER_OK;
    }
    search->decided = true;
    bool first = false;
    struct sunder_str subject =
        search->subjects ? search->lookers[search->at[SUNDER_PART_SUBJECT]].text : (struct sunder_str){0};
    SUNDER_TRY(sunder_firing_add(judge, candidate->firing, subject, key_of(search), &first));
    return first ? first_reason(search, errors, &candidate->firing->reason) : SUNDER_OK;
}

/* Evaluates all combinations into candidate->firing. stage: of what the gate lacks. */
static enum sunder_err judge_when(struct sunder_judge *judge, struct sunder_candidate *candidate, uint8_t stage)
{
    struct search search = {.judge = judge, .candidate = candidate, .stage = stage};
    candidate->firing = SUNDER_ARENA_NEW(judge->state.arena, struct sunder_firing, 1);
    if (candidate->firing == NULL) {
        return SUNDER_ERR_FULL;
    }
    struct loan rule = borrow(&search, 0);
    SUNDER_TRY(start(&search));
    struct loan pair = borrow(&search, 0);
    bool more = true;
    for (uint32_t i = 0; i < SUNDER_PART_COUNT; i++) {
        more = more && search.parts.counts[i] != 0;
    }
    while (more) {
        uint32_t subject = search.at[SUNDER_PART_SUBJECT];
        uint32_t key = search.at[SUNDER_PART_KEY];
        struct loan one = borrow(&search, search.known.count);
        SUNDER_TRY(judge_one(&search));
        give_back(&search, one, search.known.count);
        /* A gate tells all that it lacks, so it looks at the rest of what has fired. */
        bool skip = search.decided && candidate->rule->kind != SUNDER_RULE_GATE;
        more = next(&search, skip ? SUNDER_PART_DUTY : SUNDER_PART_COUNT);
        if (subject != search.at[SUNDER_PART_SUBJECT] || key != search.at[SUNDER_PART_KEY]) {
            give_back(&search, pair, 0);
            pair = borrow(&search, 0);
            search.known.count = 0;
            search.decided = false;
        }
    }
    give_back(&search, rule, 0);
    return candidate->firing->fired ? tell_required(&search) : SUNDER_OK;
}

enum sunder_err sunder_judge_gates(struct sunder_judge *judge)
{
    for (uint32_t i = 0; i < judge->candidate_count; i++) {
        struct sunder_candidate *candidate = &judge->candidates[i];
        const struct sunder_rule *rule = candidate->rule;
        bool here = rule->kind == SUNDER_RULE_GATE && !candidate->silent && !candidate->left_out &&
                    (sunder_expr_reads(rule->when) & SUNDER_FIELD_BIT(SUNDER_FIELD_HISTORY)) == 0;
        if (here) {
            SUNDER_TRY(judge_when(judge, candidate, 6));
        }
    }
    return SUNDER_OK;
}

enum sunder_err sunder_judge_open(struct sunder_judge *judge, struct sunder_candidate *candidate)
{
    if (candidate->firing == NULL || judge->only.at != NULL) {
        SUNDER_TRY(judge_when(judge, candidate, 8));
    }
    struct sunder_firing *firing = candidate->firing;
    if (!firing->fired || candidate->missing || candidate->rule->asks_only) {
        return SUNDER_OK;
    }
    firing->reason.also = firing->also;
    firing->reason.also_count = firing->also_count;
    return sunder_judge_fire(judge, candidate->rule, &firing->reason);
}
