#include "engine/rules/key_row.h"

#include "engine/rules/wide.h"

#define ROW_BYTES_MAX SUNDER_ROW_VALUE_MAX

static void row_key(struct sunder_key *key, uint32_t domain, uint16_t space, struct sunder_str text)
{
    sunder_key_start(key, SUNDER_TABLE_KEY, domain);
    sunder_key_u16(key, space);
    sunder_key_text(key, text);
}

static bool read_binds(struct sunder_in *in, struct sunder_arena *arena, struct sunder_key_row *row)
{
    row->bind_count = sunder_in_u8(in);
    if (row->bind_count == 0) {
        return !in->failed;
    }
    row->binds = SUNDER_ARENA_NEW(arena, struct sunder_key_bind, row->bind_count);
    if (row->binds == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < row->bind_count; i++) {
        row->binds[i].count = sunder_in_u32(in);
        row->binds[i].case_id = sunder_str_copy(arena, sunder_in_text(in));
        if (row->binds[i].case_id.at == NULL) {
            return false;
        }
    }
    return true;
}

static bool read_fact(struct sunder_in *in, struct sunder_arena *arena, struct sunder_key_fact *fact)
{
    fact->position = sunder_in_u64(in);
    fact->time_ms = sunder_in_i64(in);
    uint8_t flags = sunder_in_u8(in);
    fact->released = (flags & 1u) != 0;
    fact->phases = (uint8_t)(flags >> 1);
    fact->subject_count = sunder_in_u8(in);
    fact->duty_count = sunder_in_u8(in);
    fact->task = sunder_in_u32(in);
    uint32_t *subjects = SUNDER_ARENA_NEW(arena, uint32_t, fact->subject_count);
    uint16_t *duties = SUNDER_ARENA_NEW(arena, uint16_t, fact->duty_count);
    if (subjects == NULL || duties == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < fact->subject_count; i++) {
        subjects[i] = sunder_in_u32(in);
    }
    for (uint32_t i = 0; i < fact->duty_count; i++) {
        duties[i] = sunder_in_u16(in);
    }
    fact->subjects = subjects;
    fact->duties = duties;
    return !in->failed;
}

enum sunder_err sunder_key_row_get(const struct sunder_state *state, uint32_t domain, uint16_t space,
    struct sunder_str key, struct sunder_key_row *ret_row)
{
    struct sunder_key at;
    row_key(&at, domain, space, key);
    struct sunder_str value;
    struct sunder_key_row row = {.key = key, .domain = domain, .space = space, .closed = -1};
    enum sunder_err err = sunder_row_get(state, &at, &value);
    if (err == SUNDER_ERR_NOT_FOUND) {
        *ret_row = row;
        return SUNDER_OK;
    }
    SUNDER_TRY(err);
    struct sunder_in in = sunder_in_of(value);
    row.exists = true;
    row.flags = sunder_in_u8(&in);
    row.closed = sunder_in_i64(&in);
    row.reserved = sunder_in_u32(&in);
    row.fact_count = sunder_in_u8(&in);
    if (!read_binds(&in, state->arena, &row)) {
        return in.failed ? SUNDER_ERR_CORRUPT : SUNDER_ERR_FULL;
    }
    /* Room for one more, so that adding a fact needs no copy. */
    row.facts = SUNDER_ARENA_NEW(state->arena, struct sunder_key_fact, row.fact_count + 1);
    if (row.facts == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < row.fact_count; i++) {
        if (!read_fact(&in, state->arena, &row.facts[i])) {
            return in.failed ? SUNDER_ERR_CORRUPT : SUNDER_ERR_FULL;
        }
    }
    if (in.failed || in.pos != in.len) {
        return SUNDER_ERR_CORRUPT;
    }
    *ret_row = row;
    return SUNDER_OK;
}

static void write_fact(struct sunder_out *out, const struct sunder_key_fact *fact)
{
    sunder_out_u64(out, fact->position);
    sunder_out_i64(out, fact->time_ms);
    sunder_out_u8(out, (uint8_t)((fact->released ? 1u : 0u) | (uint32_t)(fact->phases << 1)));
    sunder_out_u8(out, fact->subject_count);
    sunder_out_u8(out, fact->duty_count);
    sunder_out_u32(out, fact->task);
    for (uint32_t i = 0; i < fact->subject_count; i++) {
        sunder_out_u32(out, fact->subjects[i]);
    }
    for (uint32_t i = 0; i < fact->duty_count; i++) {
        sunder_out_u16(out, fact->duties[i]);
    }
}

static uint32_t row_bytes(const struct sunder_key_row *row)
{
    uint32_t bytes = 32;
    for (uint32_t i = 0; i < row->bind_count; i++) {
        bytes += 6 + row->binds[i].case_id.len;
    }
    for (uint32_t i = 0; i < row->fact_count; i++) {
        bytes += 23 + (4u * row->facts[i].subject_count) + (2u * row->facts[i].duty_count);
    }
    return bytes;
}

enum sunder_err sunder_key_row_put(const struct sunder_state *state, const struct sunder_key_row *row)
{
    struct sunder_key at;
    row_key(&at, row->domain, row->space, row->key);
    struct sunder_out out = sunder_row_buffer(state, row_bytes(row));
    sunder_out_u8(&out, row->flags);
    sunder_out_i64(&out, row->closed);
    sunder_out_u32(&out, row->reserved);
    sunder_out_u8(&out, (uint8_t)row->fact_count);
    sunder_out_u8(&out, (uint8_t)row->bind_count);
    for (uint32_t i = 0; i < row->bind_count; i++) {
        sunder_out_u32(&out, row->binds[i].count);
        sunder_out_text(&out, row->binds[i].case_id);
    }
    for (uint32_t i = 0; i < row->fact_count; i++) {
        write_fact(&out, &row->facts[i]);
    }
    return sunder_row_put(state, &at, &out);
}

enum sunder_err sunder_key_row_add(
    const struct sunder_state *state, struct sunder_key_row *row, const struct sunder_key_fact *fact)
{
    if ((row->flags & SUNDER_KEY_WIDE) != 0) {
        return sunder_wide_add(state, row, fact);
    }
    if (row->facts == NULL) {
        row->facts = SUNDER_ARENA_NEW(state->arena, struct sunder_key_fact, 1);
        if (row->facts == NULL) {
            return SUNDER_ERR_FULL;
        }
    }
    row->facts[row->fact_count] = *fact;
    row->fact_count += 1;
    if (row->fact_count <= SUNDER_KEY_FACTS_MAX) {
        return SUNDER_OK;
    }
    for (uint32_t i = 0; i < row->fact_count; i++) {
        SUNDER_TRY(sunder_wide_add(state, row, &row->facts[i]));
    }
    row->fact_count = 0;
    row->flags |= SUNDER_KEY_WIDE;
    return SUNDER_OK;
}

enum sunder_err sunder_key_row_mark(const struct sunder_state *state, struct sunder_key_row *row,
    const struct sunder_key_fact *fact, bool released)
{
    if ((row->flags & SUNDER_KEY_WIDE) != 0) {
        return sunder_wide_mark(state, row, fact, released);
    }
    for (uint32_t i = 0; i < row->fact_count; i++) {
        if (row->facts[i].position == fact->position) {
            row->facts[i].released = released;
        }
    }
    return SUNDER_OK;
}

enum sunder_err sunder_key_row_bind(
    const struct sunder_state *state, struct sunder_key_row *row, struct sunder_str case_id, int delta)
{
    for (uint32_t i = 0; i < row->bind_count; i++) {
        if (!sunder_str_equal(row->binds[i].case_id, case_id)) {
            continue;
        }
        row->binds[i].count += (uint32_t)delta; /* Modulo 2^32: -1 takes one away. */
        if (row->binds[i].count == 0) {
            row->bind_count -= 1;
            row->binds[i] = row->binds[row->bind_count];
        }
        return SUNDER_OK;
    }
    if (delta < 0) {
        return SUNDER_OK;
    }
    if (row->bind_count == SUNDER_KEY_CASES_MAX) {
        return SUNDER_ERR_FULL;
    }
    struct sunder_key_bind *binds = SUNDER_ARENA_NEW(state->arena, struct sunder_key_bind, row->bind_count + 1);
    if (binds == NULL) {
        return SUNDER_ERR_FULL;
    }
    if (row->bind_count != 0) {
        memcpy(binds, row->binds, row->bind_count * sizeof *binds);
    }
    binds[row->bind_count] = (struct sunder_key_bind){case_id, 1};
    row->binds = binds;
    row->bind_count += 1;
    return SUNDER_OK;
}

enum sunder_err sunder_key_row_member(
    const struct sunder_state *state, const struct sunder_key_row *row, uint32_t subject, bool *ret_member)
{
    if ((row->flags & SUNDER_KEY_WIDE) != 0) {
        return sunder_wide_member(state, row, subject, ret_member);
    }
    *ret_member = false;
    for (uint32_t i = 0; i < row->fact_count; i++) {
        const struct sunder_key_fact *fact = &row->facts[i];
        if (fact->released || (int64_t)fact->position <= row->closed) {
            continue;
        }
        for (uint32_t s = 0; s < fact->subject_count; s++) {
            *ret_member = *ret_member || fact->subjects[s] == subject;
        }
    }
    return SUNDER_OK;
}
