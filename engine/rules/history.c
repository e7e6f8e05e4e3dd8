#include "engine/rules/history.h"

#include "engine/base/decimal.h"
#include "engine/base/text.h"

/* Absent and negative amounts add nothing. */
static int64_t amount_of(const struct sunder_record *record)
{
    return record->has_amount && record->amount_micro > 0 ? record->amount_micro : 0;
}

enum sunder_err sunder_history_value(const struct sunder_state *state, const struct sunder_key_fact *fact,
    uint16_t element, int64_t *ret_value)
{
    *ret_value = 0;
    if (element == SUNDER_ELEMENT_AGENTS) {
        *ret_value = fact->subject_count == 0 ? 0 : (int64_t)fact->subjects[0];
        return SUNDER_OK;
    }
    size_t mark = sunder_arena_mark(state->arena);
    struct sunder_record record;
    SUNDER_TRY(sunder_record_get(state, fact->position, &record));
    *ret_value = amount_of(&record);
    sunder_arena_rewind(state->arena, mark);
    return SUNDER_OK;
}

/* What an evaluation asked for, and where. duty: SUNDER_DUTY_NONE for facts with any. */
struct question {
    const struct sunder_history_at *at;
    const struct sunder_history_call *call;
    struct sunder_duty_id duty;
    struct sunder_span span;
};

/* The answer while it is put together: count and sum, or one fact of each agent. */
struct answer {
    uint64_t count;
    sunder_int128 sum;
    uint64_t *positions;
    uint32_t *agents;
    uint32_t agent_count;
    uint32_t agent_max;
    struct sunder_arena *arena;
};

static enum sunder_err add_agent(struct answer *answer, uint32_t agent, uint64_t position)
{
    for (uint32_t i = 0; i < answer->agent_count; i++) {
        if (answer->agents[i] == agent) {
            return SUNDER_OK;
        }
    }
    if (answer->agent_count == answer->agent_max) {
        uint32_t max = answer->agent_max == 0 ? 8 : 2 * answer->agent_max;
        uint32_t *agents = SUNDER_ARENA_NEW(answer->arena, uint32_t, max);
        uint64_t *positions = SUNDER_ARENA_NEW(answer->arena, uint64_t, max);
        if (agents == NULL || positions == NULL) {
            return SUNDER_ERR_FULL;
        }
        if (answer->agent_count != 0) {
            memcpy(agents, answer->agents, answer->agent_count * sizeof *agents);
            memcpy(positions, answer->positions, answer->agent_count * sizeof *positions);
        }
        answer->agents = agents;
        answer->positions = positions;
        answer->agent_max = max;
    }
    answer->agents[answer->agent_count] = agent;
    answer->positions[answer->agent_count] = position;
    answer->agent_count += 1;
    return SUNDER_OK;
}

static bool fits(const struct question *question, const struct sunder_judge_key *key, uint32_t f)
{
    const struct sunder_key_fact *fact = &key->facts[f];
    const struct sunder_looker *looker = question->at->looker;
    bool mine = looker == NULL || (looker->id != 0 && ((key->match[f] >> looker->bit) & 1) != 0);
    if (!mine || fact->released || fact->duty_count == 0 || fact->time_ms <= question->span.since_ms) {
        return false;
    }
    bool fit = question->duty.value == SUNDER_DUTY_NONE.value;
    for (uint32_t d = 0; d < fact->duty_count && !fit; d++) {
        fit = fact->duties[d] == question->duty.value;
    }
    return fit;
}

static enum sunder_err ask_row(
    const struct question *question, const struct sunder_judge_key *key, struct answer *answer)
{
    struct sunder_judge *judge = question->at->judge;
    for (uint32_t f = 0; f < key->row.fact_count; f++) {
        if (!fits(question, key, f)) {
            continue;
        }
        const struct sunder_key_fact *fact = &key->facts[f];
        answer->count += 1;
        if (question->call->kind == SUNDER_HISTORY_SUM) {
            int64_t amount = 0;
            SUNDER_TRY(sunder_history_value(&judge->state, fact, SUNDER_ELEMENT_ANY, &amount));
            answer->sum += amount;
        } else if (question->call->kind == SUNDER_HISTORY_AGENTS && fact->subject_count != 0) {
            SUNDER_TRY(add_agent(answer, fact->subjects[0], fact->position));
        }
    }
    return SUNDER_OK;
}

static enum sunder_err add_entry(void *ctx, const struct sunder_series_entry *entry)
{
    return add_agent(ctx, (uint32_t)entry->value, entry->position);
}

static enum sunder_err ask_series(const struct question *question, struct sunder_series series, struct answer *answer)
{
    struct sunder_judge *judge = question->at->judge;
    const struct sunder_looker *looker = question->at->looker;
    series.domain = judge->domain_id;
    series.class = looker == NULL ? SUNDER_CLASS_ALL : looker->class;
    series.subject = looker == NULL ? 0 : looker->id;
    if (looker != NULL && looker->id == 0) {
        return SUNDER_OK;
    }
    series.element = question->duty.value;
    if (question->call->kind == SUNDER_HISTORY_AGENTS) {
        series.element = SUNDER_ELEMENT_AGENTS;
        return sunder_series_each(&judge->state, &series, question->span, add_entry, answer);
    }
    if (question->duty.value == SUNDER_DUTY_NONE.value) {
        series.element = SUNDER_ELEMENT_ANY;
    }
    return sunder_series_total(&judge->state, &series, question->span, &answer->count, &answer->sum);
}

static enum sunder_err look(const struct question *question, struct answer *answer)
{
    const struct sunder_history_at *at = question->at;
    struct sunder_judge *judge = at->judge;
    if (at->keys == NULL) {
        return ask_series(question, (struct sunder_series){.space = SUNDER_SPACE_FREE}, answer);
    }
    SUNDER_TRY(sunder_judge_load(judge, at->keys, sunder_space_of(judge->state.policy, at->rule)));
    const struct sunder_judge_key *key = &at->keys->at[at->key];
    if ((key->row.flags & SUNDER_KEY_WIDE) != 0) {
        return ask_series(question, (struct sunder_series){.space = key->row.space, .key = key->text}, answer);
    }
    SUNDER_TRY(sunder_judge_match(judge, at->keys));
    return ask_row(question, key, answer);
}

/* Names in byte order. */
static enum sunder_err names_of(struct sunder_judge *judge, const struct answer *answer, struct sunder_value *ret_value)
{
    struct sunder_value *names = SUNDER_ARENA_NEW(judge->state.arena, struct sunder_value, answer->agent_count);
    if (names == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < answer->agent_count; i++) {
        struct sunder_record record;
        SUNDER_TRY(sunder_record_get(&judge->state, answer->positions[i], &record));
        uint32_t at = i;
        while (at > 0 && sunder_str_compare(names[at - 1].text, record.agent) > 0) {
            names[at] = names[at - 1];
            at -= 1;
        }
        names[at] = (struct sunder_value){.kind = SUNDER_VALUE_STRING, .text = record.agent};
    }
    *ret_value =
        (struct sunder_value){.kind = SUNDER_VALUE_LIST, .count = answer->agent_count, .items = names};
    return SUNDER_OK;
}

/* A number of millionths; one that does not fit is not exact, so that reading it is an error. */
static struct sunder_value number_of(sunder_int128 micro)
{
    bool exact = micro >= INT64_MIN && micro <= INT64_MAX;
    return (struct sunder_value){
        .kind = SUNDER_VALUE_NUMBER, .exact = exact, .micro = exact ? (int64_t)micro : 0};
}

static enum sunder_err answer_call(
    const struct sunder_history_at *at, const struct sunder_history_call *call, struct sunder_value *ret_value)
{
    int64_t within_ms = at->rule->within_ms;
    if (call->window_ms != 0 && (within_ms == 0 || call->window_ms < within_ms)) {
        within_ms = call->window_ms;
    }
    struct question question = {
        .at = at,
        .call = call,
        .duty = call->duty.at == NULL ? SUNDER_DUTY_NONE : sunder_policy_duty(at->judge->state.policy, call->duty),
        .span = sunder_span_of(at->judge->now_ms, within_ms),
    };
    struct answer answer = {.arena = at->judge->state.arena};
    SUNDER_TRY(look(&question, &answer));
    switch (call->kind) {
    case SUNDER_HISTORY_HAS:
        *ret_value = (struct sunder_value){.kind = SUNDER_VALUE_BOOL, .boolean = answer.count != 0};
        return SUNDER_OK;
    case SUNDER_HISTORY_COUNT:
        *ret_value = number_of((sunder_int128)answer.count * SUNDER_DECIMAL_ONE);
        return SUNDER_OK;
    case SUNDER_HISTORY_SUM:
        *ret_value = number_of(answer.sum);
        return SUNDER_OK;
    case SUNDER_HISTORY_AGENTS:
        return names_of(at->judge, &answer, ret_value);
    }
    return SUNDER_ERR_CORRUPT;
}

static enum sunder_err ask(
    void *ctx, const struct sunder_history_call *call, struct sunder_arena *arena, struct sunder_value *ret_value)
{
    struct sunder_history_at *at = ctx;
    struct sunder_history_known *known = at->known;
    (void)arena; /* The same as the judgement's. */
    for (uint32_t i = 0; known != NULL && i < known->count; i++) {
        if (known->at[i].call == call) {
            *ret_value = known->at[i].value;
            return SUNDER_OK;
        }
    }
    at->failed = answer_call(at, call, ret_value);
    if (at->failed == SUNDER_OK && known != NULL && known->count < SUNDER_HISTORY_KNOWN_MAX) {
        known->at[known->count].call = call;
        known->at[known->count].value = *ret_value;
        known->count += 1;
    }
    return at->failed;
}

enum sunder_err sunder_history_error(const struct sunder_judge *judge)
{
    const struct sunder_expr_history *port = judge->env->history;
    const struct sunder_history_at *at = port == NULL ? NULL : port->ctx;
    return at == NULL ? SUNDER_OK : at->failed;
}

void sunder_history_set(struct sunder_history_at *at, struct sunder_str missing)
{
    struct sunder_expr_env *env = at->judge->env;
    at->port = (struct sunder_expr_history){.ctx = at, .ask = ask};
    env->history = missing.at == NULL ? &at->port : NULL;
    env->history_path = missing;
}

/* The series of facts under no key. */

struct change {
    const struct sunder_state *state;
    const struct sunder_key_fact *fact;
    uint32_t domain;
    bool append;
    bool released;
};

static enum sunder_err change_one(const struct change *change, struct sunder_series series)
{
    const struct sunder_key_fact *fact = change->fact;
    series.domain = change->domain;
    series.space = SUNDER_SPACE_FREE;
    if (!change->append) {
        return sunder_series_mark(change->state, &series, fact->position, change->released);
    }
    struct sunder_series_entry entry = {.position = fact->position, .time_ms = fact->time_ms};
    const struct sunder_history_free *history = &change->state->policy->history;
    bool sums = series.element == SUNDER_ELEMENT_ANY ? history->sums : history->duty_sums;
    bool worth = series.element == SUNDER_ELEMENT_AGENTS || sums;
    if (worth) {
        SUNDER_TRY(sunder_history_value(change->state, fact, series.element, &entry.value));
    }
    int64_t drop_ms = sunder_span_of(fact->time_ms, change->state->policy->history.keep_ms).since_ms;
    return sunder_series_append(change->state, &series, &entry, drop_ms);
}

/* What one series took of the arena is given back. */
static enum sunder_err change_series(
    const struct change *change, enum sunder_series_class class, uint32_t subject, uint16_t element)
{
    size_t mark = sunder_arena_mark(change->state->arena);
    enum sunder_err err =
        change_one(change, (struct sunder_series){.class = class, .subject = subject, .element = element});
    sunder_arena_rewind(change->state->arena, mark);
    return err;
}

static enum sunder_err change_element(const struct change *change, uint8_t classes, uint16_t element)
{
    const struct sunder_key_fact *fact = change->fact;
    if ((classes & SUNDER_CLASS_BIT(SUNDER_CLASS_SUBJECT)) != 0) {
        for (uint32_t i = 0; i < fact->subject_count; i++) {
            SUNDER_TRY(change_series(change, SUNDER_CLASS_SUBJECT, fact->subjects[i], element));
        }
    }
    if ((classes & SUNDER_CLASS_BIT(SUNDER_CLASS_ACTOR)) != 0 && fact->subject_count != 0) {
        SUNDER_TRY(change_series(change, SUNDER_CLASS_ACTOR, fact->subjects[0], element));
    }
    if ((classes & SUNDER_CLASS_BIT(SUNDER_CLASS_TASK)) != 0 && fact->task != 0) {
        SUNDER_TRY(change_series(change, SUNDER_CLASS_TASK, fact->task, element));
    }
    if ((classes & SUNDER_CLASS_BIT(SUNDER_CLASS_ALL)) != 0) {
        SUNDER_TRY(change_series(change, SUNDER_CLASS_ALL, 0, element));
    }
    return SUNDER_OK;
}

static enum sunder_err change_all(const struct change *change)
{
    const struct sunder_history_free *history = &change->state->policy->history;
    if (!history->asks || change->fact->duty_count == 0) {
        return SUNDER_OK;
    }
    for (uint32_t d = 0; d < change->fact->duty_count; d++) {
        uint16_t duty = change->fact->duties[d];
        SUNDER_TRY(change_element(change, history->duties[duty], duty));
    }
    SUNDER_TRY(change_element(change, history->any, SUNDER_ELEMENT_ANY));
    return change_element(change, history->agents, SUNDER_ELEMENT_AGENTS);
}

enum sunder_err sunder_history_add(
    const struct sunder_state *state, uint32_t domain, const struct sunder_key_fact *fact)
{
    struct change change = {.state = state, .fact = fact, .domain = domain, .append = true};
    return change_all(&change);
}

enum sunder_err sunder_history_mark(
    const struct sunder_state *state, uint32_t domain, const struct sunder_key_fact *fact, bool released)
{
    struct change change = {.state = state, .fact = fact, .domain = domain, .released = released};
    return change_all(&change);
}
