#include "engine/rules/firing.h"

#define NODES_MAX (SUNDER_CHAIN_MAX + 2) /* The agent, its delegators, and the root that is the principal. */

/* Keeps the edges that apply: of no task, of the intent's, or any when it has none; but not those whose task has ended. */
static enum sunder_err applicable(struct sunder_judge *judge, struct sunder_edges *edges)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < edges->count; i++) {
        const struct sunder_edge *edge = &edges->at[i];
        if (edge->task.at != NULL) {
            bool mine = sunder_str_equal(edge->task, judge->event->task);
            if (judge->event->task.at != NULL && !mine) {
                continue;
            }
            struct sunder_task task = judge->task;
            if (!mine) {
                SUNDER_TRY(sunder_task_get(&judge->state, judge->tenant_id, edge->task, &task));
            }
            if (task.ended) {
                continue;
            }
        }
        edges->at[kept] = *edge;
        kept += 1;
    }
    edges->count = kept;
    return SUNDER_OK;
}

static enum sunder_err node_fill(struct sunder_judge *judge, struct sunder_chain_node *node, struct sunder_str id)
{
    *node = (struct sunder_chain_node){.id = id};
    SUNDER_TRY(sunder_name_find(&judge->state, judge->tenant_id, id, &node->name));
    if ((node->name.flags & SUNDER_NAME_HAS_EDGES) == 0) {
        return SUNDER_OK;
    }
    SUNDER_TRY(sunder_edges_get(&judge->state, judge->tenant_id, node->name.id, &node->edges));
    return applicable(judge, &node->edges);
}

static bool is_node(const struct sunder_judge *judge, struct sunder_str id)
{
    for (uint32_t i = 0; i < judge->node_count; i++) {
        if (sunder_str_equal(judge->nodes[i].id, id)) {
            return true;
        }
    }
    return false;
}

/* Adds the delegators of nodes [first, end) in byte order; where there is no room for all, the first of them. */
static enum sunder_err next_level(struct sunder_judge *judge, uint32_t first, uint32_t end)
{
    for (uint32_t n = first; n < end; n++) {
        const struct sunder_edges *edges = &judge->nodes[n].edges;
        for (uint32_t e = 0; e < edges->count; e++) {
            struct sunder_str from = edges->at[e].from;
            if (is_node(judge, from)) {
                continue;
            }
            if (judge->node_count == NODES_MAX) {
                judge->chain_full = true;
                if (end == NODES_MAX || sunder_str_compare(judge->nodes[NODES_MAX - 1].id, from) < 0) {
                    continue;
                }
                judge->node_count -= 1;
            }
            uint32_t at = judge->node_count;
            while (at > end && sunder_str_compare(judge->nodes[at - 1].id, from) > 0) {
                judge->nodes[at] = judge->nodes[at - 1];
                at -= 1;
            }
            SUNDER_TRY(node_fill(judge, &judge->nodes[at], from));
            judge->node_count += 1;
        }
    }
    return SUNDER_OK;
}

static enum sunder_err recorded_chain(struct sunder_judge *judge)
{
    judge->nodes = SUNDER_ARENA_RAW(judge->state.arena, struct sunder_chain_node, NODES_MAX);
    if (judge->nodes == NULL) {
        return SUNDER_ERR_FULL;
    }
    SUNDER_TRY(node_fill(judge, &judge->nodes[0], judge->event->agent));
    judge->node_count = 1;
    uint32_t first = 0;
    while (first < judge->node_count && !judge->chain_full) {
        uint32_t end = judge->node_count;
        SUNDER_TRY(next_level(judge, first, end));
        first = end;
    }
    return SUNDER_OK;
}

/* S12: the task's, else the claimed person, else the root that recorded edges reached, else the claimed one. */
static struct sunder_str principal_of(const struct sunder_judge *judge)
{
    if (judge->task.known && judge->task.principal.at != NULL) {
        return judge->task.principal;
    }
    struct sunder_str claimed = judge->event->principal;
    if (sunder_str_starts_with(claimed, SUNDER_STR("user:"))) {
        return claimed;
    }
    for (uint32_t i = 1; i < judge->node_count; i++) {
        if (judge->nodes[i].edges.count == 0) {
            return judge->nodes[i].id;
        }
    }
    return claimed.at != NULL ? claimed : SUNDER_STR("unattributed");
}

static void add_subject(
    struct sunder_judge *judge, struct sunder_str id, struct sunder_name name, uint32_t role)
{
    for (uint32_t i = 0; i < judge->subject_count; i++) {
        if (sunder_str_equal(judge->subjects[i].id, id)) {
            judge->subjects[i].roles |= role;
            return;
        }
    }
    judge->subjects[judge->subject_count] = (struct sunder_subject){id, role};
    judge->names[judge->subject_count] = name;
    judge->subject_count += 1;
}

static bool is_subject(const struct sunder_judge *judge, struct sunder_str id)
{
    for (uint32_t i = 0; i < judge->subject_count; i++) {
        if (sunder_str_equal(judge->subjects[i].id, id)) {
            return true;
        }
    }
    return false;
}

static enum sunder_err find_and_add(struct sunder_judge *judge, struct sunder_str id, uint32_t role)
{
    struct sunder_name name;
    SUNDER_TRY(sunder_name_find(&judge->state, judge->tenant_id, id, &name));
    add_subject(judge, id, name, role);
    return SUNDER_OK;
}

static enum sunder_err add_subjects(struct sunder_judge *judge)
{
    add_subject(judge, judge->nodes[0].id, judge->nodes[0].name, SUNDER_ROLE_AGENT);
    for (uint32_t i = 1; i < judge->node_count; i++) {
        if (sunder_str_equal(judge->nodes[i].id, judge->principal)) {
            continue;
        }
        if (judge->subject_count == SUNDER_CHAIN_MAX + 1) {
            judge->chain_full = true;
            break;
        }
        add_subject(judge, judge->nodes[i].id, judge->nodes[i].name, SUNDER_ROLE_DELEGATOR);
    }
    struct sunder_strs claimed = judge->event->delegation;
    for (uint32_t i = 0; i < claimed.count; i++) {
        bool other = !sunder_str_equal(claimed.at[i], judge->principal) && !is_node(judge, claimed.at[i]);
        if (!other || is_subject(judge, claimed.at[i])) {
            continue;
        }
        if (judge->subject_count == SUNDER_CHAIN_MAX + 1) {
            judge->chain_full = true;
            break;
        }
        SUNDER_TRY(find_and_add(judge, claimed.at[i], SUNDER_ROLE_DELEGATOR));
    }
    judge->depth = judge->subject_count - 1;
    SUNDER_TRY(find_and_add(judge, judge->principal, SUNDER_ROLE_PRINCIPAL));
    if (judge->event->credential.at != NULL) {
        SUNDER_TRY(find_and_add(judge, judge->event->credential, SUNDER_ROLE_CREDENTIAL));
    }
    return SUNDER_OK;
}

enum sunder_err sunder_judge_chain(struct sunder_judge *judge)
{
    struct sunder_arena *arena = judge->state.arena;
    judge->subjects = SUNDER_ARENA_RAW(arena, struct sunder_subject, SUNDER_SUBJECTS_MAX);
    judge->names = SUNDER_ARENA_RAW(arena, struct sunder_name, SUNDER_SUBJECTS_MAX);
    if (judge->subjects == NULL || judge->names == NULL) {
        return SUNDER_ERR_FULL;
    }
    struct sunder_str task = judge->event->task;
    if (task.at != NULL) {
        if ((judge->tenant_name.flags & SUNDER_NAME_HAS_TASKS) != 0) {
            SUNDER_TRY(sunder_task_get(&judge->state, judge->tenant_id, task, &judge->task));
        }
        if ((judge->state.policy->by & SUNDER_ROLE_TASK) != 0) {
            SUNDER_TRY(sunder_name_find(&judge->state, judge->tenant_id, task, &judge->task_name));
        }
    }
    SUNDER_TRY(recorded_chain(judge));
    judge->principal = principal_of(judge);
    return add_subjects(judge);
}

static bool allows(const struct sunder_judge *judge, const struct sunder_edge *edge, uint16_t duty)
{
    if (edge->revoked || (edge->has_expires && judge->now_ms >= edge->expires_ms)) {
        return false;
    }
    if (!edge->has_duties) {
        return true;
    }
    for (uint32_t i = 0; i < edge->duty_count; i++) {
        if (edge->duties[i] == duty) {
            return true;
        }
    }
    return false;
}

static uint32_t node_of(const struct sunder_judge *judge, struct sunder_str id)
{
    uint32_t i = 0;
    while (i < judge->node_count && !sunder_str_equal(judge->nodes[i].id, id)) {
        i += 1;
    }
    return i;
}

/* Walks from the agent up live edges that allow the duty until a path's beginning is met. */
static bool has_path(const struct sunder_judge *judge, uint16_t duty)
{
    uint32_t todo[NODES_MAX] = {0};
    bool seen[NODES_MAX] = {true};
    uint32_t count = 1;
    for (uint32_t next = 0; next < count; next++) {
        const struct sunder_chain_node *node = &judge->nodes[todo[next]];
        if (node->edges.count == 0 || sunder_str_equal(node->id, judge->principal)) {
            return true;
        }
        for (uint32_t e = 0; e < node->edges.count; e++) {
            if (!allows(judge, &node->edges.at[e], duty)) {
                continue;
            }
            uint32_t from = node_of(judge, node->edges.at[e].from);
            if (from < judge->node_count && !seen[from]) {
                seen[from] = true;
                todo[count] = from;
                count += 1;
            }
        }
    }
    return false;
}

enum sunder_err sunder_judge_delegation(struct sunder_judge *judge)
{
    if (judge->nodes[0].edges.count == 0 || judge->chain_full) {
        return SUNDER_OK; /* A chain that was cut off is denied by its bound (stage 7). */
    }
    for (uint32_t i = 0; i < judge->duty_count; i++) {
        if (!has_path(judge, judge->duties[i])) {
            SUNDER_TRY(sunder_judge_deny(judge, 6, SUNDER_STR("outside_delegation"),
                sunder_judge_duty_name(judge, judge->duties[i]),
                SUNDER_STR("no live chain of delegations from the principal allows this duty")));
        }
    }
    return SUNDER_OK;
}
