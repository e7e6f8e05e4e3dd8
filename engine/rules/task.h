/* Tasks and delegation edges as the log recorded them (S12). Duties are kept as ids: a duty that the policy does not know can
 * never be asked for. Pure; the view's thread. */
#pragma once

#include "engine/rules/rows.h"

/* A task that an `opened` record made known. Strings are copies in the arena. */
struct sunder_task {
    bool known;
    bool ended;
    int64_t ended_at; /* position of the record that ended it; what stood before no longer counts `per: task` (S36) */
    bool has_duties; /* false: any duty */
    bool has_agents; /* false: any agent */
    bool has_expires;
    int64_t expires_ms;
    struct sunder_str principal;
    struct sunder_str purpose;
    struct sunder_str case_id;
    uint16_t *duties; /* ascending */
    uint32_t duty_count;
    struct sunder_strs agents;
};

/* known is false when no record opened it. */
SUNDER_MUST_USE enum sunder_err sunder_task_get(
    const struct sunder_state *state, uint32_t tenant, struct sunder_str task, struct sunder_task *ret_task);
SUNDER_MUST_USE enum sunder_err sunder_task_put(
    const struct sunder_state *state, uint32_t tenant, struct sunder_str name, const struct sunder_task *task);

/* A recorded edge from `from` to the agent whose row it is in. task: absent for an edge of any task. */
struct sunder_edge {
    struct sunder_str from;
    struct sunder_str task;
    bool revoked;
    bool has_duties;
    bool has_expires;
    int64_t expires_ms;
    uint16_t *duties;
    uint32_t duty_count;
};

struct sunder_edges {
    struct sunder_edge *at; /* room for one more than count */
    uint32_t count;
};

SUNDER_MUST_USE enum sunder_err sunder_edges_get(
    const struct sunder_state *state, uint32_t tenant, uint32_t to, struct sunder_edges *ret_edges);
SUNDER_MUST_USE enum sunder_err sunder_edges_put(
    const struct sunder_state *state, uint32_t tenant, uint32_t to, const struct sunder_edges *edges);

/* Turns duty names into ascending ids in the arena, leaving out those that the policy does not know.
 * SUNDER_ERR_FULL: no room. */
SUNDER_MUST_USE enum sunder_err sunder_duty_ids(
    const struct sunder_state *state, struct sunder_strs names, uint16_t **ret_ids, uint32_t *ret_count);
