#include "engine/rules/task.h"

enum {
    FLAG_ENDED = 1,
    FLAG_DUTIES = 2,
    FLAG_AGENTS = 4,
    FLAG_EXPIRES = 8,
    FLAG_REVOKED = 16,
};

enum sunder_err sunder_duty_ids(
    const struct sunder_state *state, struct sunder_strs names, uint16_t **ret_ids, uint32_t *ret_count)
{
    uint16_t *ids = SUNDER_ARENA_NEW(state->arena, uint16_t, names.count);
    if (ids == NULL) {
        return SUNDER_ERR_FULL;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < names.count; i++) {
        struct sunder_duty_id id = sunder_policy_duty(state->policy, names.at[i]);
        if (id.value == SUNDER_DUTY_NONE.value) {
            continue;
        }
        uint32_t at = count;
        while (at > 0 && ids[at - 1] > id.value) {
            ids[at] = ids[at - 1];
            at -= 1;
        }
        ids[at] = id.value;
        count += 1;
    }
    *ret_ids = ids;
    *ret_count = count;
    return SUNDER_OK;
}

static void write_ids(struct sunder_out *out, const uint16_t *ids, uint32_t count)
{
    sunder_out_u16(out, (uint16_t)count);
    for (uint32_t i = 0; i < count; i++) {
        sunder_out_u16(out, ids[i]);
    }
}

static bool read_ids(struct sunder_in *in, struct sunder_arena *arena, uint16_t **ret_ids, uint32_t *ret_count)
{
    uint32_t count = sunder_in_u16(in);
    uint16_t *ids = SUNDER_ARENA_NEW(arena, uint16_t, count);
    if (ids == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        ids[i] = sunder_in_u16(in);
    }
    *ret_ids = ids;
    *ret_count = count;
    return true;
}

static bool read_texts(struct sunder_in *in, struct sunder_arena *arena, struct sunder_task *task)
{
    if (!sunder_row_text(in, arena, &task->principal) || !sunder_row_text(in, arena, &task->purpose) ||
        !sunder_row_text(in, arena, &task->case_id)) {
        return false;
    }
    uint32_t count = sunder_in_u16(in);
    struct sunder_str *agents = SUNDER_ARENA_NEW(arena, struct sunder_str, count);
    if (agents == NULL || !read_ids(in, arena, &task->duties, &task->duty_count)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!sunder_row_text(in, arena, &agents[i])) {
            return false;
        }
    }
    task->agents = (struct sunder_strs){agents, count};
    return !in->failed;
}

static void task_key(struct sunder_key *key, uint32_t tenant, struct sunder_str name)
{
    sunder_key_start(key, SUNDER_TABLE_TASK, tenant);
    sunder_key_text(key, name);
}

enum sunder_err sunder_task_get(
    const struct sunder_state *state, uint32_t tenant, struct sunder_str name, struct sunder_task *ret_task)
{
    struct sunder_key key;
    task_key(&key, tenant, name);
    struct sunder_str value;
    *ret_task = (struct sunder_task){0};
    enum sunder_err err = sunder_row_get(state, &key, &value);
    if (err != SUNDER_OK) {
        return err == SUNDER_ERR_NOT_FOUND ? SUNDER_OK : err;
    }
    struct sunder_in in = sunder_in_of(value);
    uint8_t flags = sunder_in_u8(&in);
    struct sunder_task task = {
        .known = true,
        .ended = (flags & FLAG_ENDED) != 0,
        .has_duties = (flags & FLAG_DUTIES) != 0,
        .has_agents = (flags & FLAG_AGENTS) != 0,
        .has_expires = (flags & FLAG_EXPIRES) != 0,
    };
    task.expires_ms = sunder_in_i64(&in);
    task.ended_at = sunder_in_i64(&in);
    if (!read_texts(&in, state->arena, &task)) {
        return in.failed ? SUNDER_ERR_CORRUPT : SUNDER_ERR_FULL;
    }
    if (in.pos != in.len) {
        return SUNDER_ERR_CORRUPT;
    }
    *ret_task = task;
    return SUNDER_OK;
}

enum sunder_err sunder_task_put(
    const struct sunder_state *state, uint32_t tenant, struct sunder_str name, const struct sunder_task *task)
{
    uint32_t size =
        40 + task->principal.len + task->purpose.len + task->case_id.len + (2 * task->duty_count);
    for (uint32_t i = 0; i < task->agents.count; i++) {
        size += 2 + task->agents.at[i].len;
    }
    struct sunder_out out = sunder_row_buffer(state, size);
    sunder_out_u8(&out, (uint8_t)((task->ended ? FLAG_ENDED : 0) | (task->has_duties ? FLAG_DUTIES : 0) |
                                  (task->has_agents ? FLAG_AGENTS : 0) | (task->has_expires ? FLAG_EXPIRES : 0)));
    sunder_out_i64(&out, task->expires_ms);
    sunder_out_i64(&out, task->ended_at);
    sunder_out_text(&out, task->principal);
    sunder_out_text(&out, task->purpose);
    sunder_out_text(&out, task->case_id);
    sunder_out_u16(&out, (uint16_t)task->agents.count);
    write_ids(&out, task->duties, task->duty_count);
    for (uint32_t i = 0; i < task->agents.count; i++) {
        sunder_out_text(&out, task->agents.at[i]);
    }
    struct sunder_key key;
    task_key(&key, tenant, name);
    return sunder_row_put(state, &key, &out);
}

static void edges_key(struct sunder_key *key, uint32_t tenant, uint32_t to)
{
    sunder_key_start(key, SUNDER_TABLE_EDGES, tenant);
    sunder_key_u32(key, to);
}

static bool read_edge(struct sunder_in *in, struct sunder_arena *arena, struct sunder_edge *edge)
{
    uint8_t flags = sunder_in_u8(in);
    edge->revoked = (flags & FLAG_REVOKED) != 0;
    edge->has_duties = (flags & FLAG_DUTIES) != 0;
    edge->has_expires = (flags & FLAG_EXPIRES) != 0;
    edge->expires_ms = sunder_in_i64(in);
    return sunder_row_text(in, arena, &edge->from) && sunder_row_text(in, arena, &edge->task) &&
           edge->from.at != NULL && read_ids(in, arena, &edge->duties, &edge->duty_count);
}

enum sunder_err sunder_edges_get(
    const struct sunder_state *state, uint32_t tenant, uint32_t to, struct sunder_edges *ret_edges)
{
    struct sunder_key key;
    edges_key(&key, tenant, to);
    struct sunder_str value;
    enum sunder_err err = sunder_row_get(state, &key, &value);
    uint32_t count = 0;
    struct sunder_in in = {0};
    if (err == SUNDER_OK) {
        in = sunder_in_of(value);
        count = sunder_in_u16(&in);
    } else if (err != SUNDER_ERR_NOT_FOUND) {
        return err;
    }
    struct sunder_edge *edges = SUNDER_ARENA_NEW(state->arena, struct sunder_edge, count + 1);
    if (edges == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!read_edge(&in, state->arena, &edges[i])) {
            return in.failed ? SUNDER_ERR_CORRUPT : SUNDER_ERR_FULL;
        }
    }
    if (in.failed || in.pos != in.len) {
        return SUNDER_ERR_CORRUPT;
    }
    *ret_edges = (struct sunder_edges){edges, count};
    return SUNDER_OK;
}

enum sunder_err sunder_edges_put(
    const struct sunder_state *state, uint32_t tenant, uint32_t to, const struct sunder_edges *edges)
{
    uint32_t size = 2;
    for (uint32_t i = 0; i < edges->count; i++) {
        size += 16 + edges->at[i].from.len + edges->at[i].task.len + (2 * edges->at[i].duty_count);
    }
    struct sunder_out out = sunder_row_buffer(state, size);
    sunder_out_u16(&out, (uint16_t)edges->count);
    for (uint32_t i = 0; i < edges->count; i++) {
        const struct sunder_edge *edge = &edges->at[i];
        sunder_out_u8(&out, (uint8_t)((edge->revoked ? FLAG_REVOKED : 0) | (edge->has_duties ? FLAG_DUTIES : 0) |
                                      (edge->has_expires ? FLAG_EXPIRES : 0)));
        sunder_out_i64(&out, edge->expires_ms);
        sunder_out_text(&out, edge->from);
        sunder_out_text(&out, edge->task);
        write_ids(&out, edge->duties, edge->duty_count);
    }
    struct sunder_key key;
    edges_key(&key, tenant, to);
    return sunder_row_put(state, &key, &out);
}
