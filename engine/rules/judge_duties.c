#include "engine/base/text.h"
#include "engine/rules/firing.h"
#include "engine/rules/judge_flow.h"

/* Into zeroed values, which are absent: a struct that is made elsewhere and copied costs a stall each. */
static void set_text(struct sunder_value *value, struct sunder_str text)
{
    if (text.at != NULL) {
        value->kind = SUNDER_VALUE_STRING;
        value->text = text;
    }
}

static void set_decimal(struct sunder_value *value, const struct sunder_amount *amount)
{
    if (amount->present && !amount->range) {
        value->kind = SUNDER_VALUE_NUMBER;
        value->exact = true;
        value->text = amount->plain;
        value->micro = amount->micro;
    }
}

/* Delegators, in the order of the chain. */
static enum sunder_err fill_delegation(struct sunder_judge *judge)
{
    if ((judge->state.policy->reads & SUNDER_FIELD_BIT(SUNDER_FIELD_DELEGATION)) == 0) {
        return SUNDER_OK;
    }
    struct sunder_value *list = SUNDER_ARENA_NEW(judge->state.arena, struct sunder_value, judge->subject_count);
    if (list == NULL) {
        return SUNDER_ERR_FULL;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < judge->subject_count; i++) {
        if ((judge->subjects[i].roles & SUNDER_ROLE_DELEGATOR) != 0) {
            set_text(&list[count], judge->subjects[i].id);
            count += 1;
        }
    }
    judge->env->fields[SUNDER_FIELD_DELEGATION] =
        (struct sunder_value){.kind = SUNDER_VALUE_LIST, .count = count, .items = list};
    return SUNDER_OK;
}

static enum sunder_err fill_env(struct sunder_judge *judge)
{
    const struct sunder_event *event = judge->event;
    judge->env = SUNDER_ARENA_NEW(judge->state.arena, struct sunder_expr_env, 1);
    struct sunder_value *labels = SUNDER_ARENA_NEW(judge->state.arena, struct sunder_value, event->labels.count);
    if (judge->env == NULL || labels == NULL) {
        return SUNDER_ERR_FULL;
    }
    judge->env->watch = judge->state.policy->watch;
    judge->fuel = SUNDER_INTENT_UNITS_MAX;
    judge->env->fuel = judge->env->watch == NULL ? &judge->fuel : NULL; /* Who watches evaluates more than is judged. */
    struct sunder_value *fields = judge->env->fields;
    set_text(&fields[SUNDER_FIELD_TENANT], event->tenant);
    set_text(&fields[SUNDER_FIELD_AGENT], event->agent);
    set_text(&fields[SUNDER_FIELD_PRINCIPAL], judge->principal);
    set_text(&fields[SUNDER_FIELD_TASK], event->task);
    set_text(&fields[SUNDER_FIELD_PURPOSE], event->purpose);
    set_text(&fields[SUNDER_FIELD_TOOL], event->tool);
    set_text(&fields[SUNDER_FIELD_ACTION], event->action);
    set_text(&fields[SUNDER_FIELD_OBJECT], event->objects.count != 0 ? event->objects.at[0] : (struct sunder_str){0});
    set_text(&fields[SUNDER_FIELD_CASE], event->case_id);
    set_text(&fields[SUNDER_FIELD_CURRENCY], event->currency);
    set_text(&fields[SUNDER_FIELD_CREDENTIAL], event->credential);
    set_decimal(&fields[SUNDER_FIELD_AMOUNT], &event->amount);
    set_decimal(&fields[SUNDER_FIELD_CONFIDENCE], &event->confidence);
    fields[SUNDER_FIELD_DEPTH] = (struct sunder_value){.kind = SUNDER_VALUE_NUMBER,
        .exact = true,
        .micro = (int64_t)judge->depth * INT64_C(1000000),
        .text = sunder_text_u64(judge->state.arena, judge->depth)};
    for (uint32_t i = 0; i < event->labels.count; i++) {
        set_text(&labels[i], event->labels.at[i]);
    }
    fields[SUNDER_FIELD_LABELS] =
        (struct sunder_value){.kind = SUNDER_VALUE_LIST, .count = event->labels.count, .items = labels};
    judge->claimed_labels = fields[SUNDER_FIELD_LABELS];
    judge->known_labels = (struct sunder_value){.kind = SUNDER_VALUE_LIST};
    fields[SUNDER_FIELD_ARGS] = event->args;
    set_text(&fields[SUNDER_FIELD_TASK_PURPOSE], judge->task.known ? judge->task.purpose : (struct sunder_str){0});
    set_text(&fields[SUNDER_FIELD_TASK_PRINCIPAL],
        judge->task.known ? judge->task.principal : (struct sunder_str){0});
    set_text(&fields[SUNDER_FIELD_TASK_CASE], judge->task.known ? judge->task.case_id : (struct sunder_str){0});
    judge->env->now_ms = judge->now_ms;
    return fill_delegation(judge);
}

/* A sorted set of texts that grows in the arena-given array up to its bound. */
struct text_set {
    struct sunder_str *at;
    uint32_t count;
    uint32_t max;
    bool full;
};

/* Whether the text is there; *ret_at: its place, or where it belongs. */
static bool set_find(const struct text_set *set, struct sunder_str text, uint32_t *ret_at)
{
    uint32_t at = set->count;
    int order = -1;
    while (at > 0 && (order = sunder_str_compare(set->at[at - 1], text)) > 0) {
        at -= 1;
    }
    bool found = at > 0 && order == 0;
    *ret_at = found ? at - 1 : at;
    return found;
}

/* Of more texts than fit the first in byte order stay. */
static void set_add(struct text_set *set, struct sunder_str text)
{
    uint32_t at = 0;
    if (set_find(set, text, &at)) {
        return;
    }
    if (set->count == set->max) {
        set->full = true;
        if (at == set->max) {
            return;
        }
        set->count -= 1;
    }
    memmove(set->at + at + 1, set->at + at, (set->count - at) * sizeof *set->at);
    set->at[at] = text;
    set->count += 1;
}

/* As set_add, but those that are there stay. */
static void set_fill(struct text_set *set, struct sunder_str text)
{
    uint32_t at = 0;
    if (set->count == set->max) {
        set->full = set->full || !set_find(set, text, &at);
    } else {
        set_add(set, text);
    }
}

void sunder_judge_add_duty(struct sunder_judge *judge, uint16_t duty)
{
    uint32_t at = judge->duty_count;
    while (at > 0 && judge->duties[at - 1] > duty) {
        at -= 1;
    }
    if (at > 0 && judge->duties[at - 1] == duty) {
        return;
    }
    if (judge->duty_count <= SUNDER_INTENT_DUTIES_MAX) { /* One over the bound is kept, and tells stage 7. */
        memmove(judge->duties + at + 1, judge->duties + at, (judge->duty_count - at) * sizeof *judge->duties);
        judge->duties[at] = duty;
        judge->duty_count += 1;
    }
}

struct loaded {
    struct sunder_judge_key key;
    struct loaded *next;
};

struct act {
    struct sunder_judge *judge;
    struct loaded *loaded; /* case rows read so far */
    struct sunder_catalogue_trouble *trouble;
    struct text_set objects;
    struct text_set cases;
    bool wants_claimed_case; /* a duty without `case` expression, or no duty at all */
    bool wants_task_cases;   /* a duty without `case` expression */
    bool wants_object_cases; /* ... by an entry that is not shared */
};

static enum sunder_err derive(struct act *act, const struct sunder_expr *expr, struct text_set *set,
    struct sunder_str field, bool *ret_errors)
{
    struct sunder_judge *judge = act->judge;
    struct sunder_value value;
    enum sunder_err err = sunder_expr_eval(expr, judge->env, judge->state.arena, &value);
    if (err != SUNDER_OK || value.kind != SUNDER_VALUE_STRING) {
        *ret_errors = true;
        return SUNDER_OK;
    }
    if (sunder_identifier(value.text)) {
        set_add(set, value.text);
        return SUNDER_OK;
    }
    return sunder_judge_deny(judge, 5, SUNDER_STR("bad_identifier"), field,
        SUNDER_STR("the catalogue makes a text of this act that is no identifier: 1 to 256 bytes of A-Z a-z 0-9 "
                   ". _ ~ : / @ + = # % -"));
}

/* An entry whose condition errors counts: it might have held (S41). */
static bool entry_holds(const struct sunder_judge *judge, const struct sunder_catalogue_entry *entry)
{
    bool errors = false;
    return entry->when == NULL ||
           sunder_expr_holds(entry->when, judge->env, judge->state.arena, &errors) || errors;
}

static enum sunder_err add_entry(struct act *act, const struct sunder_catalogue_entry *entry)
{
    struct sunder_judge *judge = act->judge;
    sunder_judge_add_duty(judge, entry->duty.value);
    judge->phases |= entry->phase;
    judge->tier = entry->tier > judge->tier ? entry->tier : judge->tier;
    if (entry->object != NULL) {
        SUNDER_TRY(
            derive(act, entry->object, &act->objects, SUNDER_STR("object"), &act->trouble->object_errors));
    }
    if (entry->case_id != NULL) {
        SUNDER_TRY(derive(act, entry->case_id, &act->cases, SUNDER_STR("case"), &act->trouble->case_errors));
    }
    return SUNDER_OK;
}

/* Where the policy has no `case` expression for the duty, the claimed case and the bound ones stand (S39). */
static void want_cases(struct act *act, const uint16_t *entries, uint32_t count)
{
    const struct sunder_policy *policy = act->judge->state.policy;
    for (uint32_t i = 0; i < count; i++) {
        bool made = false;
        for (uint32_t j = 0; j < count; j++) {
            const struct sunder_catalogue_entry *other = &policy->entries[entries[j]];
            made = made || (other->case_id != NULL && other->duty.value == policy->entries[entries[i]].duty.value);
        }
        act->wants_task_cases = act->wants_task_cases || !made;
        act->wants_object_cases = act->wants_object_cases || (!made && !policy->entries[entries[i]].shared);
    }
    act->wants_claimed_case = act->wants_task_cases || count == 0;
}

/* A case row, read once per judgement. */
static enum sunder_err case_row(struct act *act, struct sunder_str case_id, const struct sunder_judge_key **ret_key)
{
    struct sunder_judge *judge = act->judge;
    for (struct loaded *loaded = act->loaded; loaded != NULL; loaded = loaded->next) {
        if (sunder_str_equal(loaded->key.text, case_id)) {
            *ret_key = &loaded->key;
            return SUNDER_OK;
        }
    }
    struct loaded *loaded = SUNDER_ARENA_NEW(judge->state.arena, struct loaded, 1);
    if (loaded == NULL) {
        return SUNDER_ERR_FULL;
    }
    loaded->key.text = case_id;
    SUNDER_TRY(
        sunder_key_row_get(&judge->state, judge->domain_id, SUNDER_SPACE_CASE, case_id, &loaded->key.row));
    loaded->next = act->loaded;
    act->loaded = loaded;
    *ret_key = &loaded->key;
    return SUNDER_OK;
}

static enum sunder_err load_cases(struct act *act)
{
    struct sunder_judge_keys *keys = &act->judge->case_keys;
    for (uint32_t i = 0; i < keys->count; i++) {
        const struct sunder_judge_key *key = NULL;
        SUNDER_TRY(case_row(act, keys->at[i].text, &key));
        keys->at[i] = *key;
    }
    keys->loaded = true;
    return SUNDER_OK;
}

/* The rows of cases that keys are bound to, so that they are fetched while the claimed one is looked at. */
static void expect_cases(const struct sunder_judge *judge)
{
    const struct sunder_view *view = judge->state.view;
    struct sunder_key rows[SUNDER_EXPECT_MAX];
    struct sunder_str keys[SUNDER_EXPECT_MAX];
    const struct sunder_judge_keys *const lists[] = {&judge->task_keys, &judge->object_keys};
    uint32_t count = 0;
    for (size_t l = 0; view->expect != NULL && l < sizeof lists / sizeof lists[0]; l++) {
        for (uint32_t k = 0; k < lists[l]->count; k++) {
            const struct sunder_key_row *row = &lists[l]->at[k].row;
            for (uint32_t b = 0; b < row->bind_count && count < SUNDER_EXPECT_MAX; b++) {
                sunder_key_row_name(&rows[count], judge->domain_id, SUNDER_SPACE_CASE, row->binds[b].case_id);
                keys[count] = sunder_key_str(&rows[count]);
                count += 1;
            }
        }
    }
    if (count != 0) {
        view->expect(view->ctx, keys, count);
    }
}

/* Every open case that a counting fact bound to the key (S39). Which ones are closed is noted for fold. */
static enum sunder_err bound_cases(struct act *act, struct sunder_judge_keys *keys, struct text_set *lent)
{
    for (uint32_t k = 0; k < keys->count; k++) {
        struct sunder_key_row *row = &keys->at[k].row;
        uint32_t count = (row->flags & SUNDER_KEY_OVERBOUND) != 0 ? 0 : row->bind_count;
        for (uint32_t b = 0; b < count; b++) {
            const struct sunder_judge_key *bound = NULL;
            SUNDER_TRY(case_row(act, row->binds[b].case_id, &bound));
            bool closed = (bound->row.flags & SUNDER_KEY_CLOSED) != 0;
            row->binds[b].seen = closed ? SUNDER_BIND_CLOSED : SUNDER_BIND_OPEN;
            if (!closed) {
                set_add(lent, row->binds[b].case_id);
            }
        }
    }
    return SUNDER_OK;
}

/* Cases of objects and task, beside the act's own: those go first when not all fit. */
static enum sunder_err add_lent(struct act *act)
{
    struct sunder_judge *judge = act->judge;
    struct text_set lent = {.max = 2 * SUNDER_INTENT_CASES_MAX}; /* So many that they fill the rest, own ones among them or not. */
    lent.at = SUNDER_ARENA_RAW(judge->state.arena, struct sunder_str, lent.max);
    if (lent.at == NULL) {
        return SUNDER_ERR_FULL;
    }
    if (act->wants_object_cases) {
        SUNDER_TRY(bound_cases(act, &judge->object_keys, &lent));
    }
    if (act->wants_task_cases) {
        SUNDER_TRY(bound_cases(act, &judge->task_keys, &lent));
    }
    for (uint32_t i = 0; i < lent.count; i++) {
        set_fill(&act->cases, lent.at[i]);
    }
    return SUNDER_OK;
}

static enum sunder_err keys_of(struct sunder_judge *judge, const struct sunder_str *texts, uint32_t count,
    struct sunder_judge_keys *ret_keys)
{
    struct sunder_judge_key *keys = SUNDER_ARENA_NEW(judge->state.arena, struct sunder_judge_key, count);
    if (keys == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        keys[i].text = texts[i];
    }
    *ret_keys = (struct sunder_judge_keys){.at = keys, .count = count};
    return SUNDER_OK;
}

/* An act may not name a closed case, whether or not the case becomes one of its keys (S36). */
static enum sunder_err find_closed(struct act *act)
{
    struct sunder_judge *judge = act->judge;
    struct text_set closed = {.max = act->cases.count + 1};
    closed.at = SUNDER_ARENA_NEW(judge->state.arena, struct sunder_str, closed.max);
    if (closed.at == NULL) {
        return SUNDER_ERR_FULL;
    }
    const struct sunder_judge_key *key = NULL;
    for (uint32_t i = 0; i < act->cases.count; i++) {
        SUNDER_TRY(case_row(act, act->cases.at[i], &key));
        if ((key->row.flags & SUNDER_KEY_CLOSED) != 0) {
            set_add(&closed, key->text);
        }
    }
    if (judge->event->case_id.at != NULL) {
        SUNDER_TRY(case_row(act, judge->event->case_id, &key));
        if ((key->row.flags & SUNDER_KEY_CLOSED) != 0) {
            set_add(&closed, key->text);
        }
    }
    judge->closed_cases = closed.at;
    judge->closed_case_count = closed.count;
    return SUNDER_OK;
}

static enum sunder_err finish(struct act *act)
{
    struct sunder_judge *judge = act->judge;
    const struct sunder_event *event = judge->event;
    judge->objects = act->objects.at;
    judge->object_count = act->objects.count;
    SUNDER_TRY(keys_of(judge, judge->objects, judge->object_count, &judge->object_keys));
    SUNDER_TRY(sunder_judge_load(judge, &judge->object_keys, SUNDER_SPACE_OBJECT));
    if (event->task.at != NULL) {
        SUNDER_TRY(keys_of(judge, &event->task, 1, &judge->task_keys));
        SUNDER_TRY(sunder_judge_load(judge, &judge->task_keys, SUNDER_SPACE_TASK));
    }
    if (act->wants_claimed_case && event->case_id.at != NULL) {
        set_add(&act->cases, event->case_id);
    }
    if (act->wants_object_cases || act->wants_task_cases) {
        expect_cases(judge);
    }
    SUNDER_TRY(find_closed(act));
    if (judge->state.view->expect != NULL) {
        judge->state.view->expect(judge->state.view->ctx, NULL, 0);
    }
    if (act->wants_object_cases || act->wants_task_cases) {
        SUNDER_TRY(add_lent(act));
    }
    judge->cases = act->cases.at;
    judge->case_count = act->cases.count;
    judge->objects_full = act->objects.full;
    judge->cases_full = act->cases.full;
    SUNDER_TRY(keys_of(judge, judge->cases, judge->case_count, &judge->case_keys));
    return load_cases(act);
}

enum sunder_err sunder_judge_duties(struct sunder_judge *judge, struct sunder_catalogue_trouble *ret_trouble)
{
    const struct sunder_policy *policy = judge->state.policy;
    *ret_trouble = (struct sunder_catalogue_trouble){0};
    if (policy->uses_expressions) {
        SUNDER_TRY(fill_env(judge));
    }
    struct act act = {.judge = judge, .trouble = ret_trouble};
    act.objects.max = SUNDER_INTENT_OBJECTS_MAX;
    act.objects.at = SUNDER_ARENA_RAW(judge->state.arena, struct sunder_str, SUNDER_INTENT_OBJECTS_MAX);
    act.cases.max = SUNDER_INTENT_CASES_MAX;
    act.cases.at = SUNDER_ARENA_RAW(judge->state.arena, struct sunder_str, SUNDER_INTENT_CASES_MAX);
    judge->duties = SUNDER_ARENA_NEW(judge->state.arena, uint16_t, SUNDER_INTENT_DUTIES_MAX + 2);
    if (act.objects.at == NULL || act.cases.at == NULL || judge->duties == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < judge->event->objects.count; i++) {
        set_add(&act.objects, judge->event->objects.at[i]);
    }
    uint16_t entries[256];
    uint32_t max = sizeof entries / sizeof entries[0];
    uint32_t count = sunder_policy_match(policy, judge->event->tool, judge->event->action, entries, max);
    if (count > max) {
        return SUNDER_ERR_FULL;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (entry_holds(judge, &policy->entries[entries[i]])) {
            entries[kept] = entries[i];
            kept += 1;
        }
    }
    for (uint32_t i = 0; i < kept; i++) {
        SUNDER_TRY(add_entry(&act, &policy->entries[entries[i]]));
    }
    SUNDER_TRY(sunder_judge_effects(judge));
    SUNDER_TRY(sunder_judge_flow(judge, entries, kept));
    want_cases(&act, entries, kept);
    if (kept != 0 && sunder_str_equal(judge->principal, SUNDER_STR("unattributed"))) {
        judge->tier = SUNDER_TIER_HIGH; /* S13 */
    }
    return finish(&act);
}
