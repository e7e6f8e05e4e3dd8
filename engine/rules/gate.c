/* S20. Gates and conditions: an expression, judged for each combination of those of subject, key, duty, object, case and phase
 * that it reads (Readings 18). It fires when one combination is true or errors and is not excused. A gate that needs a field which
 * the act lacks does not fire but tells the field (Readings 19). */
#include "engine/base/text.h"
#include "engine/rules/firing.h"
#include "engine/rules/history.h"

/* What a combination is made of; the first varies slowest. */
enum part {
    PART_SUBJECT,
    PART_KEY,
    PART_DUTY,
    PART_OBJECT,
    PART_CASE,
    PART_PHASE,
    PART_COUNT
};

struct search {
    struct sunder_judge *judge;
    struct sunder_candidate *candidate;
    struct sunder_looker lookers[SUNDER_SUBJECTS_MAX + 2];
    struct sunder_str phases[3];
    uint32_t counts[PART_COUNT]; /* at least 1: what the act has none of is absent, once */
    uint32_t at[PART_COUNT];
    bool subjects;               /* the history is read */
    struct sunder_str no_key;    /* how the key that the act lacks is called */
    uint8_t stage;
    bool decided;                /* the (subject, key) of `at` has fired */
};

static bool reads(const struct sunder_rule *rule, enum sunder_field field)
{
    return (rule->runs_over & SUNDER_FIELD_BIT(field)) != 0;
}

static uint32_t at_least_one(uint32_t count)
{
    return count == 0 ? 1 : count;
}

static uint32_t phases_of(uint32_t bits, struct sunder_str *phases)
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
        if ((bits & all[i].bit) != 0) {
            phases[count] = all[i].name;
            count += 1;
        }
    }
    return count;
}

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

static void start(struct search *search)
{
    const struct sunder_judge *judge = search->judge;
    const struct sunder_candidate *candidate = search->candidate;
    const struct sunder_rule *rule = candidate->rule;
    for (uint32_t i = 0; i < PART_COUNT; i++) {
        search->counts[i] = 1;
    }
    search->subjects = rule->history.asks;
    if (rule->per != SUNDER_PER_NONE) {
        uint32_t keys = candidate->keys == NULL ? 0 : candidate->keys->count;
        search->no_key = keys == 0 ? rule->per_text : (struct sunder_str){0};
        search->counts[PART_KEY] = at_least_one(keys);
    }
    if (search->subjects) {
        search->counts[PART_SUBJECT] = subjects_of(search);
    }
    if (reads(rule, SUNDER_FIELD_DUTY)) {
        search->counts[PART_DUTY] = at_least_one(judge->duty_count);
    }
    if (reads(rule, SUNDER_FIELD_OBJECT) && rule->per != SUNDER_PER_OBJECT) {
        search->counts[PART_OBJECT] = at_least_one(judge->object_count);
    }
    if (reads(rule, SUNDER_FIELD_CASE) && rule->per != SUNDER_PER_CASE) {
        search->counts[PART_CASE] = at_least_one(judge->case_count);
    }
    uint32_t phases = phases_of(judge->phases, search->phases);
    if (reads(rule, SUNDER_FIELD_PHASE)) {
        search->counts[PART_PHASE] = at_least_one(phases);
    }
}

/* The next combination; from `part` on everything begins anew. False when there is none. */
static bool next(struct search *search, uint32_t part)
{
    for (uint32_t i = part; i < PART_COUNT; i++) {
        search->at[i] = 0;
    }
    for (uint32_t i = part; i > 0; i--) {
        search->at[i - 1] += 1;
        if (search->at[i - 1] < search->counts[i - 1]) {
            return true;
        }
        search->at[i - 1] = 0;
    }
    return false;
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
    return has ? keys->at[search->at[PART_KEY]].text : (struct sunder_str){0};
}

static void set_fields(const struct search *search)
{
    const struct sunder_judge *judge = search->judge;
    const uint32_t *at = search->at;
    struct sunder_value *fields = judge->env->fields;
    enum sunder_per per = search->candidate->rule->per;
    struct sunder_str key = key_of(search);
    struct sunder_str none = {0};
    struct sunder_str object = judge->object_count == 0 ? none : judge->objects[at[PART_OBJECT]];
    struct sunder_str case_id = judge->case_count == 0 ? none : judge->cases[at[PART_CASE]];
    fields[SUNDER_FIELD_DUTY] = value_of(
        judge->duty_count == 0 ? none : sunder_judge_duty_name(judge, judge->duties[at[PART_DUTY]]));
    fields[SUNDER_FIELD_OBJECT] = value_of(per == SUNDER_PER_OBJECT ? key : object);
    fields[SUNDER_FIELD_CASE] = value_of(per == SUNDER_PER_CASE ? key : case_id);
    fields[SUNDER_FIELD_PHASE] = value_of(search->phases[at[PART_PHASE]]);
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

/* How much there is that points into the arena; all of it only grows. */
static uint64_t kept(const struct search *search)
{
    const struct sunder_judge *judge = search->judge;
    const struct sunder_firing *firing = search->candidate->firing;
    const struct sunder_judge_keys *keys = search->candidate->keys;
    uint64_t rows = keys == NULL ? 0 : (uint64_t)keys->loaded + keys->matched;
    return rows + judge->reason_count + judge->shadow_count + firing->fired + firing->also_count;
}

/* There may be very many combinations: one gives back what it took, when nothing has come of it. */
static void give_back(const struct search *search, size_t mark, uint64_t kept_before)
{
    if (kept(search) == kept_before) {
        sunder_arena_rewind(search->judge->state.arena, mark);
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
        .looker = &search->lookers[search->at[PART_SUBJECT]],
        .keys = rule->per == SUNDER_PER_NONE ? NULL : candidate->keys,
        .key = search->at[PART_KEY],
    };
    set_fields(search);
    sunder_history_set(&place, search->no_key);
    struct sunder_value value;
    struct sunder_expr_fault fault = {0};
    size_t mark = sunder_arena_mark(judge->state.arena);
    uint64_t before = kept(search);
    enum sunder_err err = sunder_expr_eval_fault(rule->when, judge->env, judge->state.arena, &value, &fault);
    give_back(search, mark, before); /* Truth and the fault's path are not in it. */
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
        search->subjects ? search->lookers[search->at[PART_SUBJECT]].text : (struct sunder_str){0};
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
    start(&search);
    bool more = search.counts[PART_SUBJECT] != 0;
    while (more) {
        uint32_t subject = search.at[PART_SUBJECT];
        uint32_t key = search.at[PART_KEY];
        size_t mark = sunder_arena_mark(judge->state.arena);
        uint64_t before = kept(&search);
        SUNDER_TRY(judge_one(&search));
        give_back(&search, mark, before);
        /* A gate tells all that it lacks, so it looks at the rest of what has fired. */
        bool skip = search.decided && candidate->rule->kind != SUNDER_RULE_GATE;
        more = next(&search, skip ? PART_DUTY : PART_COUNT);
        search.decided = search.decided && subject == search.at[PART_SUBJECT] && key == search.at[PART_KEY];
    }
    return candidate->firing->fired ? tell_required(&search) : SUNDER_OK;
}

enum sunder_err sunder_judge_gates(struct sunder_judge *judge)
{
    for (uint32_t i = 0; i < judge->candidate_count; i++) {
        struct sunder_candidate *candidate = &judge->candidates[i];
        const struct sunder_rule *rule = candidate->rule;
        bool here = rule->kind == SUNDER_RULE_GATE && !candidate->silent &&
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
