#include "engine/fold_sequence.h"

#include "engine/rules/sequence.h"

struct work {
    const struct sunder_state *state;
    const struct sunder_record *record;
    const struct sunder_key_fact *fact;
    enum sunder_fact_change change;
    struct sunder_str tenant;
};

static enum sunder_err change_one(
    const struct work *work, const struct sunder_sequence_need *need, const struct sunder_series *series)
{
    if (work->change != SUNDER_FACT_ADD) {
        bool released = work->change == SUNDER_FACT_RELEASE;
        return sunder_series_mark(work->state, series, work->fact->position, released);
    }
    struct sunder_series_entry entry = {.position = work->fact->position, .time_ms = work->fact->time_ms};
    int64_t drop_ms = sunder_span_of(work->fact->time_ms, need->within_ms).since_ms;
    return sunder_series_append(work->state, series, &entry, drop_ms);
}

static enum sunder_err change_series(
    const struct work *work, const struct sunder_sequence_need *need, const struct sunder_series *series)
{
    size_t mark = sunder_arena_mark(work->state->arena);
    enum sunder_err err = change_one(work, need, series);
    sunder_arena_rewind(work->state->arena, mark);
    return err;
}

static enum sunder_err change_under(
    const struct work *work, const struct sunder_sequence_need *need, struct sunder_str key)
{
    struct sunder_series series = {
        .domain = work->record->domain,
        .space = need->space,
        .element = need->element,
        .key = sunder_sequence_key(work->state->arena, need->in_task, work->fact->task, key),
    };
    if (series.key.at == NULL) {
        return SUNDER_ERR_FULL;
    }
    const uint32_t in_any_role =
        SUNDER_ROLE_AGENT | SUNDER_ROLE_DELEGATOR | SUNDER_ROLE_PRINCIPAL | SUNDER_ROLE_CREDENTIAL;
    for (uint32_t i = 0; (need->by & in_any_role) != 0 && i < work->fact->subject_count; i++) {
        series.class = SUNDER_CLASS_SUBJECT;
        series.subject = work->fact->subjects[i];
        SUNDER_TRY(change_series(work, need, &series));
    }
    if ((need->by & SUNDER_ROLE_ACTOR) != 0) {
        series.class = SUNDER_CLASS_ACTOR;
        series.subject = work->fact->subjects[0];
        SUNDER_TRY(change_series(work, need, &series));
    }
    if ((need->by & SUNDER_ROLE_TASK) != 0 && work->fact->task != 0) {
        series.class = SUNDER_CLASS_TASK;
        series.subject = work->fact->task;
        SUNDER_TRY(change_series(work, need, &series));
    }
    return SUNDER_OK;
}

static struct sunder_strs keys_of(const struct work *work, const struct sunder_sequence_need *need, struct sunder_str *one)
{
    const struct sunder_record *record = work->record;
    *one = (struct sunder_str){0};
    switch ((enum sunder_per)need->per) {
    case SUNDER_PER_NONE:
        return (struct sunder_strs){one, 1};
    case SUNDER_PER_OBJECT:
        return record->objects;
    case SUNDER_PER_CASE:
        return record->cases;
    case SUNDER_PER_TASK:
        *one = record->task;
        break;
    case SUNDER_PER_TENANT:
        *one = work->tenant;
        break;
    case SUNDER_PER_EXPR:
        for (uint32_t i = 0; i < record->rule_key_count; i++) {
            *one = record->rule_keys[i].rule == need->rule ? record->rule_keys[i].text : *one;
        }
        break;
    }
    return (struct sunder_strs){one, one->at == NULL ? 0 : 1};
}

static enum sunder_err change_element(const struct work *work, uint16_t element)
{
    const struct sunder_sequence_needs *needs = &work->state->policy->sequences;
    uint32_t low = 0;
    uint32_t high = needs->count;
    while (low < high) {
        uint32_t middle = low + ((high - low) / 2);
        low = needs->at[middle].element < element ? middle + 1 : low;
        high = needs->at[middle].element < element ? high : middle;
    }
    for (; low < needs->count && needs->at[low].element == element; low++) {
        const struct sunder_sequence_need *need = &needs->at[low];
        struct sunder_str one;
        struct sunder_strs keys = keys_of(work, need, &one);
        for (uint32_t k = 0; k < keys.count && (!need->in_task || work->fact->task != 0); k++) {
            size_t mark = sunder_arena_mark(work->state->arena);
            SUNDER_TRY(change_under(work, need, keys.at[k]));
            sunder_arena_rewind(work->state->arena, mark);
        }
    }
    return SUNDER_OK;
}

static enum sunder_err change_labels(const struct work *work)
{
    struct sunder_labels labels;
    struct sunder_str credential;
    SUNDER_TRY(sunder_labels_of_record(work->state, work->record->position, &labels, &credential));
    for (uint32_t i = 0; i < labels.count; i++) {
        const struct sunder_label *label = &labels.at[i];
        uint32_t index = sunder_sequence_label(work->state->policy, label->name);
        bool own = (label->bits & (SUNDER_LABEL_CARRIED | SUNDER_LABEL_GAINED)) != 0;
        if (own && index != UINT32_MAX) {
            SUNDER_TRY(change_element(work, (uint16_t)(SUNDER_ELEMENT_STEP_LABEL + index)));
        }
    }
    return SUNDER_OK;
}

enum sunder_err sunder_fact_sequences(const struct sunder_state *state, const struct sunder_record *record,
    const struct sunder_key_fact *fact, enum sunder_fact_change change, struct sunder_str tenant)
{
    if (state->policy->sequences.count == 0) {
        return SUNDER_OK;
    }
    struct work work = {.state = state, .record = record, .fact = fact, .change = change, .tenant = tenant};
    for (uint32_t d = 0; d < fact->duty_count; d++) {
        SUNDER_TRY(change_element(&work, (uint16_t)(SUNDER_ELEMENT_STEP_DUTY + fact->duties[d])));
    }
    return state->policy->sequences.label_count == 0 ? SUNDER_OK : change_labels(&work);
}
