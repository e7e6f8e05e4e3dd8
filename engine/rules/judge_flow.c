/* Labels of the act under judgement (S16, S24). */
#include "engine/rules/judge_flow.h"

/* The labels of all entries, one list after the other. */
static enum sunder_err lists_of(const struct sunder_judge *judge, const uint16_t *entries, uint32_t count,
    struct sunder_label_act *act)
{
    const struct sunder_catalogue_entry *all = judge->state.policy->entries;
    size_t given = 0;
    size_t gained = 0;
    for (uint32_t i = 0; i < count; i++) {
        given += all[entries[i]].labels.count;
        gained += all[entries[i]].gains.count;
    }
    if (given + gained == 0) {
        return SUNDER_OK;
    }
    struct sunder_str *names = SUNDER_ARENA_NEW(judge->state.arena, struct sunder_str, given + gained);
    if (names == NULL) {
        return SUNDER_ERR_FULL;
    }
    act->given.at = names;
    act->gained.at = names + given;
    for (uint32_t i = 0; i < count; i++) {
        const struct sunder_catalogue_entry *entry = &all[entries[i]];
        for (uint32_t k = 0; k < entry->labels.count; k++) {
            names[act->given.count++] = entry->labels.at[k];
        }
        for (uint32_t k = 0; k < entry->gains.count; k++) {
            names[given + act->gained.count++] = entry->gains.at[k];
        }
    }
    return SUNDER_OK;
}

static enum sunder_err list_value(
    const struct sunder_judge *judge, struct sunder_strs names, struct sunder_value *ret_value)
{
    struct sunder_value *items = SUNDER_ARENA_NEW(judge->state.arena, struct sunder_value, names.count);
    if (items == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < names.count; i++) {
        items[i] = (struct sunder_value){.kind = SUNDER_VALUE_STRING, .text = names.at[i]};
    }
    *ret_value = (struct sunder_value){.kind = SUNDER_VALUE_LIST, .count = names.count, .items = items};
    return SUNDER_OK;
}

/* What expressions of rules see, and what `unless` sees: claimed labels excuse nothing. */
static enum sunder_err fill_env(struct sunder_judge *judge)
{
    const struct sunder_flow *flow = &judge->flow;
    struct sunder_strs known;
    SUNDER_TRY(
        sunder_flow_names(flow, judge->state.arena, SUNDER_LABEL_GIVEN | SUNDER_LABEL_KNOWN, 0, &known));
    SUNDER_TRY(list_value(judge, known, &judge->known_labels));
    return list_value(judge, judge->labels, &judge->env->fields[SUNDER_FIELD_LABELS]);
}

enum sunder_err sunder_judge_flow(struct sunder_judge *judge, const uint16_t *entries, uint32_t count)
{
    const struct sunder_event *event = judge->event;
    if (!judge->state.policy->keeps_labels && event->labels.count + event->parents.count == 0) {
        return SUNDER_OK;
    }
    struct sunder_label_act act = {
        .domain = judge->domain_id,
        .claimed = event->labels,
        .parents = event->parents,
    };
    act.holders[SUNDER_HOLDER_AGENT] = event->agent;
    act.holders[SUNDER_HOLDER_CREDENTIAL] = event->credential;
    if (!judge->task.ended) {
        act.holders[SUNDER_HOLDER_TASK] = event->task;
    }
    SUNDER_TRY(lists_of(judge, entries, count, &act));
    SUNDER_TRY(sunder_flow_of(&judge->state, &act, &judge->flow));
    const uint8_t has = SUNDER_LABEL_CARRIED | SUNDER_LABEL_INHERITED;
    SUNDER_TRY(sunder_flow_names(&judge->flow, judge->state.arena, has, 0, &judge->labels));
    bool reads = judge->env != NULL &&
                 (judge->state.policy->reads & SUNDER_FIELD_BIT(SUNDER_FIELD_LABELS)) != 0;
    return reads ? fill_env(judge) : SUNDER_OK;
}

enum sunder_err sunder_judge_parents(struct sunder_judge *judge)
{
    for (uint32_t i = 0; i < judge->flow.parent_count; i++) {
        const struct sunder_label_parent *parent = &judge->flow.parents[i];
        if (!parent->known) {
            SUNDER_TRY(sunder_judge_deny(judge, 6, SUNDER_STR("parent_unknown"), parent->id,
                SUNDER_STR("no allowed or observed act of this domain has this id")));
        }
    }
    return SUNDER_OK;
}

static enum sunder_err full(struct sunder_judge *judge, struct sunder_str field)
{
    return sunder_judge_deny(judge, 7, SUNDER_STR("limit_reached"), field,
        SUNDER_STR("more labels than can be kept; what they lead to could not be followed, so the act is refused"));
}

enum sunder_err sunder_judge_label_bounds(struct sunder_judge *judge)
{
    const struct sunder_flow *flow = &judge->flow;
    const struct sunder_str ids[SUNDER_HOLDER_COUNT] = {
        [SUNDER_HOLDER_AGENT] = judge->event->agent,
        [SUNDER_HOLDER_TASK] = judge->event->task,
        [SUNDER_HOLDER_CREDENTIAL] = judge->event->credential,
    };
    if (!flow->all.saturated) {
        return SUNDER_OK;
    }
    if (flow->full) {
        SUNDER_TRY(full(judge, SUNDER_STR("labels")));
    }
    for (uint32_t h = 0; h < SUNDER_HOLDER_COUNT; h++) {
        if (flow->held[h].saturated) {
            SUNDER_TRY(full(judge, ids[h]));
        }
    }
    for (uint32_t i = 0; i < flow->parent_count; i++) {
        if (flow->parents[i].saturated) {
            SUNDER_TRY(full(judge, flow->parents[i].id));
        }
    }
    return SUNDER_OK;
}
