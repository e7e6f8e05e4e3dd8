#include "engine/fold_label.h"

/* The labels of a list that are not in another; both in byte order. */
static enum sunder_err without(
    struct sunder_arena *arena, struct sunder_strs all, struct sunder_strs taken, struct sunder_strs *ret_names)
{
    if (taken.count == 0) {
        *ret_names = all;
        return SUNDER_OK;
    }
    struct sunder_str *names = SUNDER_ARENA_NEW(arena, struct sunder_str, all.count);
    if (names == NULL) {
        return SUNDER_ERR_FULL;
    }
    uint32_t count = 0;
    for (uint32_t i = 0, t = 0; i < all.count; i++) {
        while (t < taken.count && sunder_str_compare(taken.at[t], all.at[i]) < 0) {
            t += 1;
        }
        if (t == taken.count || !sunder_str_equal(taken.at[t], all.at[i])) {
            names[count] = all.at[i];
            count += 1;
        }
    }
    *ret_names = (struct sunder_strs){names, count};
    return SUNDER_OK;
}

/* A task that has ended holds nothing. */
static enum sunder_err task_of(
    const struct sunder_state *state, struct sunder_scope scope, struct sunder_str name, struct sunder_str *ret_task)
{
    *ret_task = name;
    if (name.at != NULL) {
        struct sunder_task task;
        SUNDER_TRY(sunder_task_get(state, scope.tenant, name, &task));
        *ret_task = task.ended ? (struct sunder_str){0} : name;
    }
    return SUNDER_OK;
}

/* Puts together again what decide had put together. */
static enum sunder_err flow_again(const struct sunder_state *state, const struct sunder_decision *decision,
    struct sunder_label_act *act, struct sunder_flow *ret_flow)
{
    act->claimed = decision->claimed;
    act->gained = decision->gains;
    act->parents = decision->parents;
    SUNDER_TRY(without(state->arena, decision->carries, decision->claimed, &act->given));
    return sunder_flow_of(state, act, ret_flow);
}

static enum sunder_err give(const struct sunder_state *state, const struct sunder_label_act *act,
    const struct sunder_labels *held, const struct sunder_labels *given)
{
    for (uint32_t h = 0; h < SUNDER_HOLDER_COUNT; h++) {
        if (act->holders[h].at == NULL) {
            continue;
        }
        struct sunder_labels after;
        SUNDER_TRY(sunder_labels_merge(state->arena, &held[h], given, &after));
        after.saturated = after.saturated || after.count > SUNDER_HOLDER_LABELS_MAX;
        SUNDER_TRY(sunder_labels_put(state, act->domain, (enum sunder_holder)h, act->holders[h], &after));
    }
    return SUNDER_OK;
}

enum sunder_err sunder_fold_labels(const struct sunder_state *state, struct sunder_scope scope,
    const struct sunder_decision *decision, const struct sunder_record *record)
{
    if (!state->policy->keeps_labels) {
        return SUNDER_OK;
    }
    struct sunder_label_act act = {.domain = record->domain};
    act.holders[SUNDER_HOLDER_AGENT] = decision->agent;
    act.holders[SUNDER_HOLDER_CREDENTIAL] = decision->credential;
    struct sunder_flow flow;
    if (decision->judged != NULL) {
        flow = decision->judged->flow;
        act.holders[SUNDER_HOLDER_TASK] =
            decision->judged->task.ended ? (struct sunder_str){0} : decision->task;
    } else {
        SUNDER_TRY(task_of(state, scope, decision->task, &act.holders[SUNDER_HOLDER_TASK]));
        SUNDER_TRY(flow_again(state, decision, &act, &flow));
    }
    if (flow.all.count == 0 && !flow.all.saturated) {
        return SUNDER_OK;
    }
    SUNDER_TRY(sunder_labels_keep(state->arena, &flow.all));
    bool fact = record->state != SUNDER_FACT_NONE;
    if (fact) {
        SUNDER_TRY(sunder_labels_stamp(
            state->arena, &flow.all, SUNDER_LABEL_CARRIED | SUNDER_LABEL_GAINED, record->position));
    }
    SUNDER_TRY(sunder_labels_put_record(state, record->position, &flow.all, decision->credential));
    return fact ? give(state, &act, flow.held, &flow.all) : SUNDER_OK;
}

enum sunder_err sunder_fold_late_labels(const struct sunder_state *state, struct sunder_scope scope, uint64_t decided,
    const struct sunder_record *record)
{
    if (!state->policy->keeps_labels) {
        return SUNDER_OK;
    }
    struct sunder_labels labels;
    struct sunder_label_act act = {.domain = record->domain};
    SUNDER_TRY(
        sunder_labels_of_record(state, decided, &labels, &act.holders[SUNDER_HOLDER_CREDENTIAL]));
    if (labels.count == 0 && !labels.saturated) {
        return SUNDER_OK;
    }
    act.holders[SUNDER_HOLDER_AGENT] = record->agent;
    SUNDER_TRY(task_of(state, scope, record->task, &act.holders[SUNDER_HOLDER_TASK]));
    SUNDER_TRY(sunder_labels_stamp(
        state->arena, &labels, SUNDER_LABEL_CARRIED | SUNDER_LABEL_GAINED, record->position));
    SUNDER_TRY(sunder_labels_put_record(
        state, record->position, &labels, act.holders[SUNDER_HOLDER_CREDENTIAL]));
    struct sunder_labels held[SUNDER_HOLDER_COUNT] = {{0}};
    for (uint32_t h = 0; h < SUNDER_HOLDER_COUNT; h++) {
        if (act.holders[h].at != NULL) {
            SUNDER_TRY(
                sunder_labels_get(state, act.domain, (enum sunder_holder)h, act.holders[h], &held[h]));
        }
    }
    return give(state, &act, held, &labels);
}
