#include "engine/rules/key_row.h"

#include "engine/rules/wide.h"

void sunder_key_row_name(struct sunder_key *key, uint32_t domain, uint16_t space, struct sunder_str text)
{
    sunder_key_start(key, SUNDER_TABLE_KEY, domain);
    sunder_key_u16(key, space);
    sunder_key_text(key, text);
}

/* Of a row as written. */
#define FLAG_EPOCH 128u     /* The position of its closing record follows. */
#define MEMBER_WIDTH_AT 5u /* Two bits: bytes of a member's id, less one. */
#define FLAGS_WRITTEN (FLAG_EPOCH | (3u << MEMBER_WIDTH_AT))

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

static bool read_members(
    struct sunder_in *in, struct sunder_arena *arena, uint32_t width, struct sunder_key_row *row)
{
    row->members = SUNDER_ARENA_RAW(arena, struct sunder_key_member, SUNDER_KEY_MEMBERS_MAX);
    if (row->members == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < row->member_count && i < SUNDER_KEY_MEMBERS_MAX; i++) {
        row->members[i].subject = (uint32_t)sunder_in_uint(in, width);
        row->members[i].count = read_count(in);
    }
    in->failed = in->failed || row->member_count > SUNDER_KEY_MEMBERS_MAX;
    return !in->failed;
}

/* A fact in a row: what it is, its numbers of subjects and duties, position, time, task, subjects, duties. The first two bytes say how
 * wide the numbers are, so that facts are skipped without being read. */
#define FACT_RELEASED 1u
#define FACT_PHASES_AT 1u   /* Three bits. */
#define FACT_ID_WIDTH_AT 4u /* Two bits: bytes of a subject's or task's id, less one. */
#define FACT_WIDE_DUTIES 64u /* Two bytes each. */
#define FACT_WIDE 128u /* Position and time have eight bytes each; else four and six. */
#define FACT_MANY 255u /* Two bytes follow in place of two halves of one: subjects, duties. */
#define FACT_BYTES_MAX (4u + 16u + 4u + (4u * UINT8_MAX) + (2u * UINT8_MAX))

struct fact_head {
    uint8_t flags;
    uint8_t subject_count;
    uint8_t duty_count;
    uint32_t bytes; /* of the head */
};

static uint32_t id_width(uint8_t flags)
{
    return ((flags >> FACT_ID_WIDTH_AT) & 3u) + 1;
}

static uint32_t duty_width(uint8_t flags)
{
    return (flags & FACT_WIDE_DUTIES) != 0 ? 2 : 1;
}

static uint32_t position_width(uint8_t flags)
{
    return (flags & FACT_WIDE) != 0 ? 8 : 4;
}

static uint32_t time_width(uint8_t flags)
{
    return (flags & FACT_WIDE) != 0 ? 8 : 6;
}

static struct fact_head read_head(struct sunder_in *in)
{
    uint32_t start = in->pos;
    struct fact_head head = {.flags = sunder_in_u8(in)};
    uint8_t counts = sunder_in_u8(in);
    head.subject_count = counts == FACT_MANY ? sunder_in_u8(in) : counts & 15u;
    head.duty_count = counts == FACT_MANY ? sunder_in_u8(in) : counts >> 4;
    head.bytes = in->pos - start;
    return head;
}

/* Length of the fact that begins at `at`; 0 when it does not fit into `left`. */
static uint32_t fact_len(const uint8_t *at, uint32_t left)
{
    struct sunder_in in = {.at = at, .len = left};
    struct fact_head head = read_head(&in);
    uint32_t len = head.bytes + position_width(head.flags) + time_width(head.flags) +
                   (id_width(head.flags) * (1u + head.subject_count)) + (duty_width(head.flags) * head.duty_count);
    return !in.failed && len <= left ? len : 0;
}

static uint64_t fact_position(const uint8_t *at, uint32_t left)
{
    struct sunder_in in = {.at = at, .len = left};
    struct fact_head head = read_head(&in);
    return sunder_in_uint(&in, position_width(head.flags));
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
    /* An id has a byte at least. */
    uint32_t *subjects = SUNDER_ARENA_RAW(state->arena, uint32_t, row->raw_len);
    uint16_t *duties = SUNDER_ARENA_RAW(state->arena, uint16_t, row->raw_len);
    if (facts == NULL || subjects == NULL || duties == NULL) {
        return SUNDER_ERR_FULL;
    }
    struct sunder_in in = {.at = row->raw, .len = row->raw_len};
    for (uint32_t i = 0; i < row->fact_count; i++) {
        struct sunder_key_fact *fact = &facts[i];
        struct fact_head head = read_head(&in);
        uint32_t id_bytes = id_width(head.flags);
        fact->position = sunder_in_uint(&in, position_width(head.flags));
        fact->time_ms = (int64_t)sunder_in_uint(&in, time_width(head.flags));
        fact->released = (head.flags & FACT_RELEASED) != 0;
        fact->phases = (head.flags >> FACT_PHASES_AT) & 7u;
        fact->subject_count = head.subject_count;
        fact->duty_count = head.duty_count;
        fact->task = (uint32_t)sunder_in_uint(&in, id_bytes);
        fact->subjects = subjects;
        fact->duties = duties;
        for (uint32_t n = 0; n < fact->subject_count; n++) {
            *subjects++ = (uint32_t)sunder_in_uint(&in, id_bytes);
        }
        for (uint32_t n = 0; n < fact->duty_count; n++) {
            *duties++ = (uint16_t)sunder_in_uint(&in, duty_width(head.flags));
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
    uint32_t member_width = 1;
    if (err == SUNDER_OK) {
        row.exists = true;
        uint8_t flags = sunder_in_u8(&in);
        row.closed = (flags & FLAG_EPOCH) != 0 ? sunder_in_i64(&in) : -1;
        row.flags = (uint8_t)(flags & ~FLAGS_WRITTEN);
        member_width = ((flags >> MEMBER_WIDTH_AT) & 3u) + 1;
        row.reserved = read_count(&in);
        row.fact_count = sunder_in_u8(&in);
        row.member_count = sunder_in_u8(&in);
        if (!read_binds(&in, state->arena, &row)) {
            return in.failed ? SUNDER_ERR_CORRUPT : SUNDER_ERR_FULL;
        }
    }
    if (!read_members(&in, state->arena, member_width, &row)) {
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

static uint8_t fact_flags(const struct sunder_key_fact *fact)
{
    uint32_t ids = fact->task; /* All ids together: the highest bit is that of the largest. */
    for (uint32_t i = 0; i < fact->subject_count; i++) {
        ids |= fact->subjects[i];
    }
    uint32_t duties = 0;
    for (uint32_t i = 0; i < fact->duty_count; i++) {
        duties |= fact->duties[i];
    }
    bool wide = fact->position > UINT32_MAX || (uint64_t)fact->time_ms >> 48 != 0;
    return (uint8_t)((fact->released ? FACT_RELEASED : 0) | ((uint32_t)fact->phases << FACT_PHASES_AT) |
                     ((sunder_uint_width(ids) - 1) << FACT_ID_WIDTH_AT) |
                     (duties > UINT8_MAX ? FACT_WIDE_DUTIES : 0) | (wide ? FACT_WIDE : 0));
}

static void write_fact(struct sunder_out *out, const struct sunder_key_fact *fact)
{
    uint8_t flags = fact_flags(fact);
    sunder_out_u8(out, flags);
    if (fact->subject_count < 15 && fact->duty_count < 15) {
        sunder_out_u8(out, (uint8_t)(fact->subject_count | (fact->duty_count << 4)));
    } else {
        sunder_out_u8(out, FACT_MANY);
        sunder_out_u8(out, fact->subject_count);
        sunder_out_u8(out, fact->duty_count);
    }
    sunder_out_uint(out, fact->position, position_width(flags));
    sunder_out_uint(out, (uint64_t)fact->time_ms, time_width(flags));
    sunder_out_uint(out, fact->task, id_width(flags));
    for (uint32_t i = 0; i < fact->subject_count; i++) {
        sunder_out_uint(out, fact->subjects[i], id_width(flags));
    }
    for (uint32_t i = 0; i < fact->duty_count; i++) {
        sunder_out_uint(out, fact->duties[i], duty_width(flags));
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
    uint32_t ids = 0;
    for (uint32_t i = 0; i < row->member_count; i++) {
        ids |= row->members[i].subject;
    }
    uint32_t width = sunder_uint_width(ids);
    sunder_out_u8(
        &out, (uint8_t)(row->flags | ((width - 1) << MEMBER_WIDTH_AT) | (row->closed == -1 ? 0 : FLAG_EPOCH)));
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
        sunder_out_uint(&out, row->members[i].subject, width);
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
        if (fact_position(row->raw + at, row->raw_len - at) == fact->position) {
            uint8_t *flags = row->raw + at;
            *flags = (uint8_t)((*flags & ~FACT_RELEASED) | (released ? FACT_RELEASED : 0));
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
