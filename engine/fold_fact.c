#include "engine/fold_fact.h"

#include "engine/base/decimal.h"
#include "engine/fold_sequence.h"
#include "engine/rules/history.h"
#include "engine/policy/rule_marks.h"

struct work {
    const struct sunder_state *state;
    const struct sunder_record *record;
    const struct sunder_judge *judged;
    uint32_t tenant;
    enum sunder_fact_change change;
    bool saturate;
    bool attempt;
    struct sunder_key_fact fact;
};

static enum sunder_err fact_of(struct work *work)
{
    const struct sunder_record *record = work->record;
    work->fact = (struct sunder_key_fact){
        .position = record->position,
        .time_ms = record->fact_ms,
        .released = record->state == SUNDER_FACT_RELEASED,
        .phases = record->phases,
        .subject_count = (uint8_t)record->subject_count,
        .duty_count = (uint8_t)record->duty_count,
        .subjects = record->subjects,
        .duties = record->duties,
    };
    struct sunder_name name;
    if (record->task.at != NULL && (work->state->policy->by & SUNDER_ROLE_TASK) != 0) {
        SUNDER_TRY(sunder_name_intern(work->state, work->tenant, record->task, &name));
        work->fact.task = name.id;
    }
    return SUNDER_OK;
}

static enum sunder_err is_closed(const struct work *work, struct sunder_str case_id, bool *ret_closed)
{
    struct sunder_key_row row;
    size_t mark = sunder_arena_mark(work->state->arena);
    SUNDER_TRY(sunder_key_row_get(work->state, work->record->domain, SUNDER_SPACE_CASE, case_id, &row));
    *ret_closed = (row.flags & SUNDER_KEY_CLOSED) != 0;
    sunder_arena_rewind(work->state->arena, mark);
    return SUNDER_OK;
}

static bool has_case(const struct sunder_record *record, struct sunder_str case_id)
{
    for (uint32_t i = 0; i < record->cases.count; i++) {
        if (sunder_str_equal(record->cases.at[i], case_id)) {
            return true;
        }
    }
    return false;
}

static enum sunder_err bind_is_closed(
    const struct work *work, const struct sunder_key_bind *bind, bool *ret_closed)
{
    if (bind->seen == SUNDER_BIND_UNSEEN) {
        return is_closed(work, bind->case_id, ret_closed);
    }
    *ret_closed = bind->seen == SUNDER_BIND_CLOSED;
    return SUNDER_OK;
}

/* A closed case stays closed, so its binding can go; else every act under a key would read all cases that ever were. An act has the
 * open cases of its keys among its own, unless its duty does not ask for them (`shared`, `case`): so the first open one that it
 * lacks ends the search, and such an act reads one row more and not all. `all`: room is needed. */
static enum sunder_err forget_closed(const struct work *work, struct sunder_key_row *row, bool all)
{
    struct sunder_key_bind *kept = SUNDER_ARENA_RAW(work->state->arena, struct sunder_key_bind, row->bind_count);
    if (kept == NULL) {
        return SUNDER_ERR_FULL;
    }
    uint32_t count = 0;
    bool looks = true;
    for (uint32_t i = 0; i < row->bind_count; i++) {
        bool closed = false;
        if (looks && (all || !has_case(work->record, row->binds[i].case_id))) {
            SUNDER_TRY(bind_is_closed(work, &row->binds[i], &closed));
            looks = all || closed;
        }
        if (!closed) {
            kept[count] = row->binds[i];
            count += 1;
        }
    }
    row->binds = kept; /* Those that decide has read stay as they are. */
    row->bind_count = count;
    return SUNDER_OK;
}

/* Binds or unbinds the fact's cases to an object or task; the key is told that some do not fit. */
static enum sunder_err bind_cases(const struct work *work, struct sunder_key_row *row)
{
    if (work->change == SUNDER_FACT_CONFIRM || (row->flags & SUNDER_KEY_OVERBOUND) != 0) {
        return SUNDER_OK; /* Overbound: the bindings are not looked at any more. */
    }
    int delta = work->change == SUNDER_FACT_RELEASE ? -1 : 1;
    bool tight = delta > 0 && row->bind_count + work->record->cases.count > SUNDER_KEY_CASES_MAX;
    if (delta > 0) {
        SUNDER_TRY(forget_closed(work, row, tight));
    }
    for (uint32_t i = 0; i < work->record->cases.count; i++) {
        bool closed = false;
        if (tight) {
            SUNDER_TRY(is_closed(work, work->record->cases.at[i], &closed));
        }
        if (closed) {
            continue;
        }
        enum sunder_err err = sunder_key_row_bind(work->state, row, work->record->cases.at[i], delta);
        if (err == SUNDER_ERR_FULL && row->bind_count == SUNDER_KEY_CASES_MAX) {
            row->flags |= SUNDER_KEY_OVERBOUND;
        } else if (err != SUNDER_OK) {
            return err;
        }
    }
    return SUNDER_OK;
}

static enum sunder_err change_fact(const struct work *work, struct sunder_key_row *row)
{
    switch (work->change) {
    case SUNDER_FACT_ADD:
        return sunder_key_row_add(work->state, row, &work->fact);
    case SUNDER_FACT_CONFIRM:
        return SUNDER_OK;
    case SUNDER_FACT_RELEASE:
        return sunder_key_row_mark(work->state, row, &work->fact, true);
    case SUNDER_FACT_RESTORE:
        return sunder_key_row_mark(work->state, row, &work->fact, false);
    }
    return SUNDER_ERR_CORRUPT;
}

static void count_reserved(const struct work *work, struct sunder_key_row *row)
{
    if (work->change == SUNDER_FACT_ADD && work->record->state == SUNDER_FACT_RESERVED) {
        row->reserved += 1;
    }
    if ((work->change == SUNDER_FACT_CONFIRM || work->change == SUNDER_FACT_RELEASE) && row->reserved > 0) {
        row->reserved -= 1;
    }
}

/* The row that decide has read, if it did. Nothing was written since, and each row is changed once per fact. */
static bool row_of(
    const struct work *work, uint16_t space, struct sunder_str key, struct sunder_key_row *ret_row)
{
    const struct sunder_judge_keys *keys = NULL;
    if (work->judged == NULL || work->judged->domain_id != work->record->domain) {
        return false; /* A new domain has got its id only now. */
    }
    if (space == SUNDER_SPACE_OBJECT) {
        keys = &work->judged->object_keys;
    } else if (space == SUNDER_SPACE_CASE) {
        keys = &work->judged->case_keys;
    } else if (space == SUNDER_SPACE_TASK) {
        keys = &work->judged->task_keys;
    }
    for (uint32_t i = 0; keys != NULL && keys->loaded && i < keys->count; i++) {
        if (sunder_str_equal(keys->at[i].text, key)) {
            *ret_row = keys->at[i].row;
            return true;
        }
    }
    return false;
}

/* Who has a counting fact under a key that can be closed. */
static enum sunder_err change_members(const struct work *work, struct sunder_key_row *row)
{
    switch (work->change) {
    case SUNDER_FACT_ADD:
    case SUNDER_FACT_RESTORE:
        return sunder_key_row_join(work->state, row, &work->fact, 1);
    case SUNDER_FACT_RELEASE:
        return sunder_key_row_join(work->state, row, &work->fact, -1);
    case SUNDER_FACT_CONFIRM:
        break;
    }
    return SUNDER_OK;
}

/* A row holds the facts that a rule will ask for; objects and cases also count who was there. */
static enum sunder_err change_row(
    const struct work *work, uint16_t space, struct sunder_str key, bool facts, bool binds)
{
    struct sunder_key_row row;
    if (!row_of(work, space, key, &row)) {
        SUNDER_TRY(sunder_key_row_get(work->state, work->record->domain, space, key, &row));
    }
    count_reserved(work, &row);
    if (binds) {
        SUNDER_TRY(bind_cases(work, &row));
    }
    if (space == SUNDER_SPACE_OBJECT || space == SUNDER_SPACE_CASE) {
        SUNDER_TRY(change_members(work, &row));
    }
    if (facts) {
        SUNDER_TRY(change_fact(work, &row));
    }
    if (work->saturate) {
        row.flags |= SUNDER_KEY_SATURATED;
    }
    return sunder_key_row_put(work->state, &row);
}

/* An act has hundreds of keys; what one of them took of the arena is given back, so that folding needs room for one. */
static enum sunder_err change_key(
    const struct work *work, uint16_t space, struct sunder_str key, bool facts, bool binds)
{
    size_t mark = sunder_arena_mark(work->state->arena);
    enum sunder_err err = change_row(work, space, key, facts, binds);
    sunder_arena_rewind(work->state->arena, mark);
    return err;
}

/* Whether a rule with this `per` asks for what the fact did. */
static bool asked_for(const struct work *work, enum sunder_per per)
{
    const struct sunder_policy *policy = work->state->policy;
    uint8_t asked = work->fact.phases != 0 ? policy->asked_phases : 0;
    for (uint32_t d = 0; d < work->fact.duty_count; d++) {
        asked |= policy->asked[work->fact.duties[d]];
    }
    return (asked & SUNDER_ASKED_BIT(per)) != 0;
}

static enum sunder_err change_keys(const struct work *work, struct sunder_str tenant)
{
    const struct sunder_record *record = work->record;
    bool of_object = asked_for(work, SUNDER_PER_OBJECT);
    bool of_case = asked_for(work, SUNDER_PER_CASE);
    for (uint32_t i = 0; i < record->objects.count; i++) {
        SUNDER_TRY(change_key(work, SUNDER_SPACE_OBJECT, record->objects.at[i], of_object, true));
    }
    for (uint32_t i = 0; i < record->cases.count; i++) {
        SUNDER_TRY(change_key(work, SUNDER_SPACE_CASE, record->cases.at[i], of_case, false));
    }
    bool changes = work->change != SUNDER_FACT_CONFIRM;
    if (record->task.at != NULL && changes) {
        bool facts = asked_for(work, SUNDER_PER_TASK);
        if (facts || record->cases.count != 0 || work->saturate) {
            SUNDER_TRY(change_key(work, SUNDER_SPACE_TASK, record->task, facts, true));
        }
    }
    if (changes && asked_for(work, SUNDER_PER_TENANT)) {
        SUNDER_TRY(change_key(work, SUNDER_SPACE_TENANT, tenant, true, false));
    }
    for (uint32_t i = 0; changes && i < record->rule_key_count; i++) {
        const struct sunder_rule *rule = &work->state->policy->rules[record->rule_keys[i].rule];
        uint16_t space = sunder_space_own(work->state->policy, rule);
        bool keyed = rule->kind == SUNDER_RULE_SEPARATION || rule->kind == SUNDER_RULE_REQUIRES;
        if (keyed || rule->history.asks) {
            SUNDER_TRY(change_key(work, space, record->rule_keys[i].text, true, false));
        }
    }
    return SUNDER_OK;
}

static struct sunder_str text_of(const struct sunder_record_rule *list, uint32_t count, uint32_t rule)
{
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].rule == rule) {
            return list[i].text;
        }
    }
    return (struct sunder_str){0};
}

/* What the limit takes of this fact; *ret_counts is false when the fact has nothing for it. */
static enum sunder_err value_of(
    const struct work *work, const struct sunder_rule *rule, bool *ret_counts, int64_t *ret_value)
{
    const struct sunder_record *record = work->record;
    uint32_t index = (uint32_t)(rule - work->state->policy->rules);
    struct sunder_str text = text_of(record->measures, record->measure_count, index);
    bool foreign = rule->currency.at != NULL && !sunder_str_equal(rule->currency, record->currency);
    *ret_counts = !foreign;
    *ret_value = 0;
    if (foreign || rule->aggregate == SUNDER_AGGREGATE_COUNT) {
        return SUNDER_OK;
    }
    if (rule->aggregate == SUNDER_AGGREGATE_DISTINCT) {
        *ret_counts = text.at != NULL;
        struct sunder_name name = {0};
        if (*ret_counts) {
            SUNDER_TRY(sunder_name_intern(work->state, work->tenant, text, &name));
        }
        *ret_value = (int64_t)name.id;
        return SUNDER_OK;
    }
    if (rule->value_is_amount && rule->rates == NULL) {
        *ret_counts = record->has_amount;
        *ret_value = record->amount_micro;
    } else {
        *ret_counts = text.at != NULL && sunder_decimal_parse(text, ret_value) == SUNDER_OK;
    }
    *ret_counts = *ret_counts && *ret_value >= 0;
    return SUNDER_OK;
}

static enum sunder_err change_one(
    const struct work *work, const struct sunder_rule *rule, struct sunder_series *series, int64_t value)
{
    if (work->change == SUNDER_FACT_RELEASE || work->change == SUNDER_FACT_RESTORE) {
        bool released = work->change == SUNDER_FACT_RELEASE;
        return sunder_series_mark(work->state, series, work->fact.position, released);
    }
    struct sunder_series_entry entry = {
        .position = work->fact.position, .time_ms = work->fact.time_ms, .value = value};
    int64_t drop_ms = sunder_span_of(work->fact.time_ms, rule->within_ms).since_ms;
    return sunder_series_append(work->state, series, &entry, drop_ms);
}

static enum sunder_err change_series(
    const struct work *work, const struct sunder_rule *rule, struct sunder_series *series, int64_t value)
{
    size_t mark = sunder_arena_mark(work->state->arena);
    enum sunder_err err = change_one(work, rule, series, value);
    sunder_arena_rewind(work->state->arena, mark);
    return err;
}

static enum sunder_err change_under(
    const struct work *work, const struct sunder_rule *rule, struct sunder_str key, int64_t value)
{
    struct sunder_series series = {
        .domain = work->record->domain,
        .space = sunder_space_own(work->state->policy, rule),
        .element = SUNDER_ELEMENT_LIMIT,
        .key = key,
    };
    const uint32_t in_any_role =
        SUNDER_ROLE_AGENT | SUNDER_ROLE_DELEGATOR | SUNDER_ROLE_PRINCIPAL | SUNDER_ROLE_CREDENTIAL;
    for (uint32_t i = 0; (rule->by & in_any_role) != 0 && i < work->fact.subject_count; i++) {
        series.class = SUNDER_CLASS_SUBJECT;
        series.subject = work->fact.subjects[i];
        SUNDER_TRY(change_series(work, rule, &series, value));
    }
    if ((rule->by & SUNDER_ROLE_ACTOR) != 0) {
        series.class = SUNDER_CLASS_ACTOR;
        series.subject = work->fact.subjects[0];
        SUNDER_TRY(change_series(work, rule, &series, value));
    }
    if ((rule->by & SUNDER_ROLE_TASK) != 0 && work->fact.task != 0) {
        series.class = SUNDER_CLASS_TASK;
        series.subject = work->fact.task;
        SUNDER_TRY(change_series(work, rule, &series, value));
    }
    return SUNDER_OK;
}

static bool takes(const struct work *work, const struct sunder_rule *rule)
{
    if (rule->kind != SUNDER_RULE_LIMIT || rule->attempts != work->attempt) {
        return false;
    }
    for (uint32_t i = 0; i < rule->duty_count; i++) {
        for (uint32_t d = 0; d < work->fact.duty_count; d++) {
            if (rule->duties[i].value == work->fact.duties[d]) {
                return true;
            }
        }
    }
    return rule->duty_count == 0 && work->fact.duty_count != 0;
}

static enum sunder_err change_limit(
    const struct work *work, const struct sunder_rule *rule, struct sunder_str tenant)
{
    bool counts = false;
    int64_t value = 0;
    SUNDER_TRY(value_of(work, rule, &counts, &value));
    if (!counts) {
        return SUNDER_OK;
    }
    const struct sunder_record *record = work->record;
    struct sunder_str one = {0};
    struct sunder_strs keys = {&one, 1};
    switch (rule->per) {
    case SUNDER_PER_NONE:
        break;
    case SUNDER_PER_OBJECT:
        keys = record->objects;
        break;
    case SUNDER_PER_CASE:
        keys = record->cases;
        break;
    case SUNDER_PER_TASK:
        one = record->task;
        keys.count = one.at == NULL ? 0 : 1;
        break;
    case SUNDER_PER_TENANT:
        one = tenant;
        break;
    case SUNDER_PER_EXPR:
        one = text_of(record->rule_keys, record->rule_key_count, (uint32_t)(rule - work->state->policy->rules));
        keys.count = one.at == NULL ? 0 : 1;
        break;
    }
    for (uint32_t i = 0; i < keys.count; i++) {
        SUNDER_TRY(change_under(work, rule, keys.at[i], value));
    }
    return SUNDER_OK;
}

static enum sunder_err change_limits(const struct work *work, struct sunder_str tenant)
{
    const struct sunder_policy *policy = work->state->policy;
    struct sunder_rule_marks marks;
    sunder_rule_marks_of(policy, work->record->duties, work->record->duty_count, 0, &marks);
    uint32_t rule = 0;
    while (sunder_rule_marks_next(&marks, &rule)) {
        if (takes(work, &policy->rules[rule])) {
            size_t mark = sunder_arena_mark(work->state->arena);
            SUNDER_TRY(change_limit(work, &policy->rules[rule], tenant));
            sunder_arena_rewind(work->state->arena, mark);
        }
    }
    return SUNDER_OK;
}

static enum sunder_err change_history(const struct work *work)
{
    switch (work->change) {
    case SUNDER_FACT_ADD:
        return sunder_history_add(work->state, work->record->domain, &work->fact);
    case SUNDER_FACT_CONFIRM:
        return SUNDER_OK;
    case SUNDER_FACT_RELEASE:
        return sunder_history_mark(work->state, work->record->domain, &work->fact, true);
    case SUNDER_FACT_RESTORE:
        return sunder_history_mark(work->state, work->record->domain, &work->fact, false);
    }
    return SUNDER_ERR_CORRUPT;
}

enum sunder_err sunder_fact_apply(const struct sunder_state *state, struct sunder_scope scope,
    const struct sunder_record *record, struct sunder_fact_work todo)
{
    struct work work = {
        .state = state,
        .record = record,
        .judged = todo.judged,
        .tenant = scope.tenant,
        .change = todo.change,
        .saturate = todo.saturate,
    };
    SUNDER_TRY(fact_of(&work));
    SUNDER_TRY(change_keys(&work, scope.name));
    SUNDER_TRY(change_history(&work));
    if (todo.change == SUNDER_FACT_CONFIRM) {
        return SUNDER_OK;
    }
    SUNDER_TRY(change_limits(&work, scope.name));
    return sunder_fact_sequences(state, record, &work.fact, todo.change, scope.name);
}

enum sunder_err sunder_fact_attempt(
    const struct sunder_state *state, struct sunder_scope scope, const struct sunder_record *record)
{
    if (!state->policy->counts_attempts) {
        return SUNDER_OK;
    }
    struct work work = {
        .state = state, .record = record, .tenant = scope.tenant, .change = SUNDER_FACT_ADD, .attempt = true};
    SUNDER_TRY(fact_of(&work));
    return change_limits(&work, scope.name);
}
