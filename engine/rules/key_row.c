#include "engine/rules/key_row.h"

#include "engine/rules/wide.h"

void sunder_key_row_name(struct sunder_key *key, uint32_t domain, uint16_t space, struct sunder_str text)
{
    sunder_key_start(key, SUNDER_TABLE_KEY, domain);
    sunder_key_u16(key, space);
    sunder_key_text(key, text);
}

#define FLAG_EPOCH 128u /* Of a row as written: the position of its closing record follows. */

/* Counts are small: a byte, or UINT8_MAX and four more. */
static uint32_t read_count(struct sunder_in *in)
{
    uint8_t count = sunder_in_u8(in);
    return count == UINT8_MAX ? sunder_in_u32(in) : count;
}

static void write_count(struct sunder_out *out, uint32_t count)
{
    if (count < UINT8_MAX) {
        sunder_out_u8(out, (uint8_t)count);
        return;
    }
    sunder_out_u8(out, UINT8_MAX);
    sunder_out_u32(out, count);
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
        row->binds[i].count = read_count(in);
        row->binds[i].case_id = sunder_str_copy(arena, sunder_in_text(in));
        if (row->binds[i].case_id.at == NULL) {
            return false;
        }
    }
    return true;
}

static bool read_members(struct sunder_in *in, struct sunder_arena *arena, struct sunder_key_row *row)
{
    row->members = SUNDER_ARENA_RAW(arena, struct sunder_key_member, SUNDER_KEY_MEMBERS_MAX);
    if (row->members == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < row->member_count && i < SUNDER_KEY_MEMBERS_MAX; i++) {
        row->members[i].subject = sunder_in_u32(in);
        row->members[i].count = read_count(in);
    }
    in->failed = in->failed || row->member_count > SUNDER_KEY_MEMBERS_MAX;
    return !in->failed;
}

/* A fact in a row: u64 position, i64 time, u8 released and phases, u8 subjects, u8 duties, u32 task, then u32 subject ids and u16
 * duty ids. */
#define FACT_FLAGS_AT 16u
#define FACT_SUBJECTS_AT 17u
#define FACT_DUTIES_AT 18u
#define FACT_HEAD_BYTES 23u
#define FACT_BYTES_MAX (FACT_HEAD_BYTES + (4u * UINT8_MAX) + (2u * UINT8_MAX))

/* Length of the fact that begins at `at`; 0 when it does not fit into `left`. */
static uint32_t fact_len(const uint8_t *at, uint32_t left)
{
    if (left < FACT_HEAD_BYTES) {
        return 0;
    }
    uint32_t len = FACT_HEAD_BYTES + (4u * at[FACT_SUBJECTS_AT]) + (2u * at[FACT_DUTIES_AT]);
    return len <= left ? len : 0;
}

static uint64_t fact_position(const uint8_t *at)
{
    struct sunder_in in = {.at = at, .len = FACT_HEAD_BYTES};
    return sunder_in_u64(&in);
}

/* A wide row has, in place of its facts, the duties and phases that any of them had: u16 elements, ascending. */
static uint16_t element_at(const struct sunder_key_row *row, uint32_t index)
{
    return (uint16_t)(row->raw[2 * index] | (row->raw[(2 * index) + 1] << 8));
}

/* How many elements are below this one. */
static uint32_t elements_below(const struct sunder_key_row *row, uint16_t element)
{
    uint32_t low = 0;
    uint32_t high = row->raw_len / 2;
    while (low < high) {
        uint32_t middle = low + ((high - low) / 2);
        if (element_at(row, middle) < element) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool sunder_key_row_saw(const struct sunder_key_row *row, uint16_t element)
{
    uint32_t at = elements_below(row, element);
    return at < row->raw_len / 2 && element_at(row, at) == element;
}

static void see_one(struct sunder_key_row *row, uint16_t element)
{
    if (sunder_key_row_saw(row, element)) {
        return;
    }
    uint8_t *at = row->raw + ((size_t)2 * elements_below(row, element));
    memmove(at + 2, at, (size_t)(row->raw + row->raw_len - at));
    at[0] = (uint8_t)element;
    at[1] = (uint8_t)(element >> 8);
    row->raw_len += 2;
}

/* Into bytes of its own: those that decide read may be folded again. */
static enum sunder_err see(
    const struct sunder_state *state, struct sunder_key_row *row, const struct sunder_key_fact *fact)
{
    uint8_t *raw = sunder_arena_alloc_raw(state->arena, (size_t)row->raw_len + FACT_BYTES_MAX, 1);
    if (raw == NULL) {
        return SUNDER_ERR_FULL;
    }
    if (row->raw_len != 0) {
        memcpy(raw, row->raw, row->raw_len);
    }
    row->raw = raw;
    for (uint32_t i = 0; i < fact->duty_count; i++) {
        see_one(row, fact->duties[i]);
    }
    for (uint32_t bit = 1; bit <= SUNDER_PHASE_EXECUTE; bit <<= 1) {
        if ((fact->phases & bit) != 0) {
            see_one(row, (uint16_t)(SUNDER_ELEMENT_PHASE + bit));
        }
    }
    return SUNDER_OK;
}

static bool facts_are_whole(const struct sunder_key_row *row)
{
    if ((row->flags & SUNDER_KEY_WIDE) != 0) {
        return row->fact_count == 0 && row->raw_len % 2 == 0;
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < row->fact_count; i++) {
        uint32_t len = fact_len(row->raw + at, row->raw_len - at);
        if (len == 0) {
            return false;
        }
        at += len;
    }
    return at == row->raw_len;
}

enum sunder_err sunder_key_row_facts(
    const struct sunder_state *state, const struct sunder_key_row *row, struct sunder_key_fact **ret_facts)
{
    struct sunder_key_fact *facts = SUNDER_ARENA_NEW(state->arena, struct sunder_key_fact, row->fact_count);
    uint32_t *subjects = sunder_arena_alloc_raw(state->arena, row->raw_len, _Alignof(uint32_t));
    uint16_t *duties = sunder_arena_alloc_raw(state->arena, row->raw_len, _Alignof(uint16_t));
    if (facts == NULL || subjects == NULL || duties == NULL) {
        return SUNDER_ERR_FULL;
    }
    struct sunder_in in = {.at = row->raw, .len = row->raw_len};
    for (uint32_t i = 0; i < row->fact_count; i++) {
        struct sunder_key_fact *fact = &facts[i];
        fact->position = sunder_in_u64(&in);
        fact->time_ms = sunder_in_i64(&in);
        uint8_t flags = sunder_in_u8(&in);
        fact->released = (flags & 1u) != 0;
        fact->phases = (uint8_t)(flags >> 1);
        fact->subject_count = sunder_in_u8(&in);
        fact->duty_count = sunder_in_u8(&in);
        fact->task = sunder_in_u32(&in);
        fact->subjects = subjects;
        fact->duties = duties;
        for (uint32_t n = 0; n < fact->subject_count; n++) {
            *subjects++ = sunder_in_u32(&in);
        }
        for (uint32_t n = 0; n < fact->duty_count; n++) {
            *duties++ = sunder_in_u16(&in);
        }
    }
    *ret_facts = facts;
    return in.failed ? SUNDER_ERR_CORRUPT : SUNDER_OK;
}

enum sunder_err sunder_key_row_get(const struct sunder_state *state, uint32_t domain, uint16_t space,
    struct sunder_str key, struct sunder_key_row *ret_row)
{
    struct sunder_key at;
    sunder_key_row_name(&at, domain, space, key);
    struct sunder_str value = {0};
    struct sunder_key_row row = {.key = key, .domain = domain, .space = space, .closed = -1};
    enum sunder_err err = sunder_row_get(state, &at, &value);
    if (err != SUNDER_OK && err != SUNDER_ERR_NOT_FOUND) {
        return err;
    }
    struct sunder_in in = sunder_in_of(value);
    if (err == SUNDER_OK) {
        row.exists = true;
        row.flags = sunder_in_u8(&in);
        row.closed = (row.flags & FLAG_EPOCH) != 0 ? sunder_in_i64(&in) : -1;
        row.flags = (uint8_t)(row.flags & ~FLAG_EPOCH);
        row.reserved = read_count(&in);
        row.fact_count = sunder_in_u8(&in);
        row.member_count = sunder_in_u8(&in);
        if (!read_binds(&in, state->arena, &row)) {
            return in.failed ? SUNDER_ERR_CORRUPT : SUNDER_ERR_FULL;
        }
    }
    if (!read_members(&in, state->arena, &row)) {
        return in.failed ? SUNDER_ERR_CORRUPT : SUNDER_ERR_FULL;
    }
    row.raw_len = in.len - in.pos;
    row.raw = sunder_arena_alloc_raw(state->arena, (size_t)row.raw_len + FACT_BYTES_MAX, 1);
    if (row.raw == NULL) {
        return SUNDER_ERR_FULL;
    }
    if (row.raw_len != 0) {
        memcpy(row.raw, in.at + in.pos, row.raw_len); /* The view ends with the next put. */
    }
    if (in.failed || !facts_are_whole(&row)) {
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

enum sunder_err sunder_key_row_put(const struct sunder_state *state, const struct sunder_key_row *row)
{
    struct sunder_key at;
    sunder_key_row_name(&at, row->domain, row->space, row->key);
    uint32_t size = 32 + row->raw_len + (9 * row->member_count);
    for (uint32_t i = 0; i < row->bind_count; i++) {
        size += 7 + row->binds[i].case_id.len;
    }
    struct sunder_out out = sunder_row_buffer(state, size);
    sunder_out_u8(&out, (uint8_t)(row->flags | (row->closed == -1 ? 0 : FLAG_EPOCH)));
    if (row->closed != -1) {
        sunder_out_i64(&out, row->closed);
    }
    write_count(&out, row->reserved);
    sunder_out_u8(&out, (uint8_t)row->fact_count);
    sunder_out_u8(&out, (uint8_t)row->member_count);
    sunder_out_u8(&out, (uint8_t)row->bind_count);
    for (uint32_t i = 0; i < row->bind_count; i++) {
        write_count(&out, row->binds[i].count);
        sunder_out_text(&out, row->binds[i].case_id);
    }
    for (uint32_t i = 0; i < row->member_count; i++) {
        sunder_out_u32(&out, row->members[i].subject);
        write_count(&out, row->members[i].count);
    }
    sunder_out_bytes(&out, row->raw, row->raw_len);
    return sunder_row_put(state, &at, &out);
}

static void clear_facts(struct sunder_key_row *row)
{
    row->fact_count = 0;
    row->raw_len = 0;
}

void sunder_key_row_close(struct sunder_key_row *row, int64_t position, bool keep_facts)
{
    row->closed = position;
    row->member_count = 0;
    if ((row->flags & SUNDER_KEY_OVERBOUND) != 0) {
        row->bind_count = 0; /* Those that are left are not all, and their counts may be wrong. */
    }
    const uint8_t ended = SUNDER_KEY_SATURATED | SUNDER_KEY_OVERBOUND | SUNDER_KEY_MANY; /* MEMBER rows know their epoch. */
    row->flags = (uint8_t)(row->flags & ~ended);
    if (!keep_facts) {
        clear_facts(row);
    }
}

enum sunder_err sunder_key_row_add(
    const struct sunder_state *state, struct sunder_key_row *row, const struct sunder_key_fact *fact)
{
    if ((row->flags & SUNDER_KEY_WIDE) == 0 && row->fact_count < SUNDER_KEY_FACTS_MAX) {
        struct sunder_out out = sunder_out_of(row->raw + row->raw_len, FACT_BYTES_MAX);
        write_fact(&out, fact);
        row->raw_len += out.len;
        row->fact_count += 1;
        return out.failed ? SUNDER_ERR_FULL : SUNDER_OK;
    }
    if ((row->flags & SUNDER_KEY_WIDE) == 0) {
        struct sunder_key_fact *facts = NULL;
        SUNDER_TRY(sunder_key_row_facts(state, row, &facts));
        uint32_t count = row->fact_count;
        clear_facts(row);
        row->flags |= SUNDER_KEY_WIDE;
        for (uint32_t i = 0; i < count; i++) {
            SUNDER_TRY(sunder_wide_add(state, row, &facts[i]));
            SUNDER_TRY(see(state, row, &facts[i]));
        }
    }
    SUNDER_TRY(see(state, row, fact));
    return sunder_wide_add(state, row, fact);
}

enum sunder_err sunder_key_row_mark(const struct sunder_state *state, struct sunder_key_row *row,
    const struct sunder_key_fact *fact, bool released)
{
    if ((row->flags & SUNDER_KEY_WIDE) != 0) {
        return sunder_wide_mark(state, row, fact, released);
    }
    for (uint32_t at = 0; at < row->raw_len; at += fact_len(row->raw + at, row->raw_len - at)) {
        if (fact_position(row->raw + at) == fact->position) {
            uint8_t *flags = row->raw + at + FACT_FLAGS_AT;
            *flags = (uint8_t)((*flags & ~1u) | (released ? 1u : 0u));
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
    binds[row->bind_count] = (struct sunder_key_bind){.case_id = case_id, .count = 1};
    row->binds = binds;
    row->bind_count += 1;
    return SUNDER_OK;
}

/* Gives every member a row of its own. */
static enum sunder_err spill_members(const struct sunder_state *state, struct sunder_key_row *row)
{
    for (uint32_t i = 0; i < row->member_count; i++) {
        SUNDER_TRY(sunder_member_put(state, row, row->members[i]));
    }
    row->member_count = 0;
    row->flags |= SUNDER_KEY_MANY;
    return SUNDER_OK;
}

static enum sunder_err join_one(
    const struct sunder_state *state, struct sunder_key_row *row, uint32_t subject, int delta)
{
    for (uint32_t i = 0; i < row->member_count; i++) {
        struct sunder_key_member *member = &row->members[i];
        if (member->subject == subject) {
            member->count += (uint32_t)delta; /* Modulo 2^32: -1 takes one away. */
            if (member->count == 0) {
                row->member_count -= 1;
                *member = row->members[row->member_count];
            }
            return SUNDER_OK;
        }
    }
    if ((row->flags & SUNDER_KEY_MANY) == 0) {
        if (row->member_count < SUNDER_KEY_MEMBERS_MAX) {
            row->members[row->member_count] = (struct sunder_key_member){subject, (uint32_t)delta};
            row->member_count += 1;
            return SUNDER_OK;
        }
        SUNDER_TRY(spill_members(state, row));
    }
    struct sunder_key_member member = {subject, 0};
    SUNDER_TRY(sunder_member_get(state, row, subject, &member.count));
    member.count += (uint32_t)delta;
    return sunder_member_put(state, row, member);
}

enum sunder_err sunder_key_row_join(const struct sunder_state *state, struct sunder_key_row *row,
    const struct sunder_key_fact *fact, int delta)
{
    if ((int64_t)fact->position <= row->closed) {
        return SUNDER_OK;
    }
    for (uint32_t i = 0; i < fact->subject_count; i++) {
        SUNDER_TRY(join_one(state, row, fact->subjects[i], delta));
    }
    return SUNDER_OK;
}

enum sunder_err sunder_key_row_member(
    const struct sunder_state *state, const struct sunder_key_row *row, uint32_t subject, bool *ret_member)
{
    uint32_t count = 0;
    if ((row->flags & SUNDER_KEY_MANY) != 0) {
        SUNDER_TRY(sunder_member_get(state, row, subject, &count));
    }
    for (uint32_t i = 0; i < row->member_count; i++) {
        count += row->members[i].subject == subject ? row->members[i].count : 0;
    }
    *ret_member = count != 0;
    return SUNDER_OK;
}
