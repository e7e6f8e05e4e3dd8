#include "engine/rules/series.h"

__extension__ typedef unsigned __int128 sunder_uint128;

#define ENTRY_BYTES 25u
#define CHUNK_ENTRIES 64u
#define CHUNK_HEADER 20u /* counting, sum */
#define HEAD_HEADER 42u  /* first, end, oldest, counting, sum, tail count */
#define HEAD_BYTES (HEAD_HEADER + CHUNK_ENTRIES * ENTRY_BYTES)
#define CHUNK_BYTES (CHUNK_HEADER + CHUNK_ENTRIES * ENTRY_BYTES)

/* The head row, decoded; the tail stays as bytes. */
struct head {
    uint32_t first;
    uint32_t end;
    int64_t oldest_ms;
    uint64_t counting;
    sunder_int128 sum;
    uint32_t tail_count;
    const uint8_t *tail;
};

struct chunk {
    uint32_t counting;
    sunder_int128 sum;
    const uint8_t *entries; /* CHUNK_ENTRIES of them */
};

static void series_key(struct sunder_key *key, const struct sunder_series *series)
{
    sunder_key_start(key, SUNDER_TABLE_SERIES, series->domain);
    sunder_key_u16(key, series->space);
    sunder_key_u8(key, (uint8_t)series->class);
    sunder_key_u32(key, series->subject);
    sunder_key_u16(key, series->element);
    sunder_key_u16(key, (uint16_t)series->key.len); /* So that a chunk's number is never taken for text. */
    sunder_key_text(key, series->key);
}

static void chunk_key(struct sunder_key *key, const struct sunder_series *series, uint32_t number)
{
    series_key(key, series);
    sunder_key_u32(key, number);
}

static sunder_int128 in_i128(struct sunder_in *in)
{
    uint64_t low = sunder_in_u64(in);
    uint64_t high = sunder_in_u64(in);
    return (sunder_int128)(((sunder_uint128)high << 64) | low);
}

static void out_i128(struct sunder_out *out, sunder_int128 value)
{
    sunder_out_u64(out, (uint64_t)value);
    sunder_out_u64(out, (uint64_t)((sunder_uint128)value >> 64));
}

static struct sunder_series_entry entry_at(const uint8_t *entries, uint32_t index)
{
    struct sunder_in in = {.at = entries + ((size_t)index * ENTRY_BYTES), .len = ENTRY_BYTES};
    struct sunder_series_entry entry;
    entry.position = sunder_in_u64(&in);
    entry.time_ms = sunder_in_i64(&in);
    entry.value = sunder_in_i64(&in);
    entry.released = sunder_in_u8(&in) != 0;
    return entry;
}

static void entry_put(struct sunder_out *out, const struct sunder_series_entry *entry)
{
    sunder_out_u64(out, entry->position);
    sunder_out_i64(out, entry->time_ms);
    sunder_out_i64(out, entry->value);
    sunder_out_u8(out, entry->released ? 1 : 0);
}

/* An absent series is an empty head. */
static enum sunder_err head_get(
    const struct sunder_state *state, const struct sunder_series *series, struct head *ret_head)
{
    struct sunder_key key;
    series_key(&key, series);
    struct sunder_str value;
    enum sunder_err err = sunder_row_get(state, &key, &value);
    if (err == SUNDER_ERR_NOT_FOUND) {
        *ret_head = (struct head){.oldest_ms = INT64_MAX};
        return SUNDER_OK;
    }
    SUNDER_TRY(err);
    struct sunder_in in = sunder_in_of(value);
    struct head head;
    head.first = sunder_in_u32(&in);
    head.end = sunder_in_u32(&in);
    head.oldest_ms = sunder_in_i64(&in);
    head.counting = sunder_in_u64(&in);
    head.sum = in_i128(&in);
    head.tail_count = sunder_in_u16(&in);
    head.tail = sunder_in_bytes(&in, head.tail_count * ENTRY_BYTES);
    if (in.failed || head.first > head.end || head.tail_count > CHUNK_ENTRIES) {
        return SUNDER_ERR_CORRUPT;
    }
    *ret_head = head;
    return SUNDER_OK;
}

static enum sunder_err head_put(
    const struct sunder_state *state, const struct sunder_series *series, const struct head *head)
{
    struct sunder_key key;
    series_key(&key, series);
    struct sunder_out out = sunder_row_buffer(state, HEAD_BYTES);
    sunder_out_u32(&out, head->first);
    sunder_out_u32(&out, head->end);
    sunder_out_i64(&out, head->oldest_ms);
    sunder_out_u64(&out, head->counting);
    out_i128(&out, head->sum);
    sunder_out_u16(&out, (uint16_t)head->tail_count);
    sunder_out_bytes(&out, head->tail, head->tail_count * ENTRY_BYTES);
    return sunder_row_put(state, &key, &out);
}

static enum sunder_err chunk_get(const struct sunder_state *state, const struct sunder_series *series,
    uint32_t number, struct chunk *ret_chunk)
{
    struct sunder_key key;
    chunk_key(&key, series, number);
    struct sunder_str value;
    enum sunder_err err = sunder_row_get(state, &key, &value);
    if (err == SUNDER_ERR_NOT_FOUND) {
        return SUNDER_ERR_CORRUPT;
    }
    SUNDER_TRY(err);
    struct sunder_in in = sunder_in_of(value);
    struct chunk chunk;
    chunk.counting = sunder_in_u32(&in);
    chunk.sum = in_i128(&in);
    chunk.entries = sunder_in_bytes(&in, CHUNK_ENTRIES * ENTRY_BYTES);
    if (in.failed) {
        return SUNDER_ERR_CORRUPT;
    }
    *ret_chunk = chunk;
    return SUNDER_OK;
}

static enum sunder_err chunk_put(const struct sunder_state *state, const struct sunder_series *series,
    uint32_t number, const uint8_t *entries)
{
    struct chunk chunk = {0};
    for (uint32_t i = 0; i < CHUNK_ENTRIES; i++) {
        struct sunder_series_entry entry = entry_at(entries, i);
        if (!entry.released) {
            chunk.counting += 1;
            chunk.sum += entry.value;
        }
    }
    struct sunder_key key;
    chunk_key(&key, series, number);
    struct sunder_out out = sunder_row_buffer(state, CHUNK_BYTES);
    sunder_out_u32(&out, chunk.counting);
    out_i128(&out, chunk.sum);
    sunder_out_bytes(&out, entries, CHUNK_ENTRIES * ENTRY_BYTES);
    return sunder_row_put(state, &key, &out);
}

struct sunder_span sunder_span_of(int64_t now_ms, int64_t within_ms)
{
    struct sunder_span span = SUNDER_SPAN_ALL;
    if (within_ms > 0 && now_ms >= INT64_MIN + within_ms) {
        span.since_ms = now_ms - within_ms;
    }
    return span;
}

static bool in_span(const struct sunder_series_entry *entry, struct sunder_span span)
{
    /* Positions are offsets of a log, never above INT64_MAX. */
    return entry->time_ms > span.since_ms && (int64_t)entry->position > span.after;
}

/* Lets whole chunks go that have left every window for good; a few at a time, so that a step stays short. */
static enum sunder_err drop_chunks(
    const struct sunder_state *state, const struct sunder_series *series, struct head *head, int64_t drop_ms)
{
    for (uint32_t i = 0; i < 4 && head->first < head->end && head->oldest_ms <= drop_ms; i++) {
        struct chunk chunk;
        SUNDER_TRY(chunk_get(state, series, head->first, &chunk));
        if (entry_at(chunk.entries, CHUNK_ENTRIES - 1).time_ms > drop_ms) {
            break;
        }
        head->counting -= chunk.counting;
        head->sum -= chunk.sum;
        struct sunder_key key;
        chunk_key(&key, series, head->first);
        SUNDER_TRY(sunder_row_remove(state, &key));
        head->first += 1;
        if (head->first < head->end) {
            SUNDER_TRY(chunk_get(state, series, head->first, &chunk));
            head->oldest_ms = entry_at(chunk.entries, 0).time_ms;
        } else {
            head->oldest_ms = head->tail_count == 0 ? INT64_MAX : entry_at(head->tail, 0).time_ms;
        }
    }
    return SUNDER_OK;
}

enum sunder_err sunder_series_append(const struct sunder_state *state, const struct sunder_series *series,
    const struct sunder_series_entry *entry, int64_t drop_ms)
{
    struct head head;
    SUNDER_TRY(head_get(state, series, &head));
    uint8_t *tail = sunder_arena_alloc_raw(state->arena, CHUNK_ENTRIES * ENTRY_BYTES, 1);
    if (tail == NULL) {
        return SUNDER_ERR_FULL;
    }
    if (head.tail_count != 0) {
        memcpy(tail, head.tail, (size_t)head.tail_count * ENTRY_BYTES); /* The view ends with the first put. */
        struct sunder_series_entry last = entry_at(tail, head.tail_count - 1);
        if (last.position > entry->position || last.time_ms > entry->time_ms) {
            return SUNDER_ERR_CORRUPT;
        }
    }
    head.tail = tail;
    if (head.tail_count == CHUNK_ENTRIES) {
        SUNDER_TRY(chunk_put(state, series, head.end, tail));
        head.end += 1;
        head.tail_count = 0;
    }
    struct sunder_out out = sunder_out_of(tail + ((size_t)head.tail_count * ENTRY_BYTES), ENTRY_BYTES);
    entry_put(&out, entry);
    head.tail_count += 1;
    if (head.oldest_ms == INT64_MAX) {
        head.oldest_ms = entry->time_ms;
    }
    if (!entry->released) {
        head.counting += 1;
        head.sum += entry->value;
    }
    SUNDER_TRY(drop_chunks(state, series, &head, drop_ms));
    return head_put(state, series, &head);
}

/* The first chunk whose last entry is in the span; head->end when none is. Holds since spans are suffixes of a series. */
static enum sunder_err seek(const struct sunder_state *state, const struct sunder_series *series,
    const struct head *head, struct sunder_span span, uint32_t *ret_number)
{
    uint32_t low = head->first;
    uint32_t high = head->end;
    while (low < high) {
        uint32_t middle = low + ((high - low) / 2);
        struct chunk chunk;
        SUNDER_TRY(chunk_get(state, series, middle, &chunk));
        struct sunder_series_entry last = entry_at(chunk.entries, CHUNK_ENTRIES - 1);
        if (in_span(&last, span)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    *ret_number = low;
    return SUNDER_OK;
}

/* Finds `position` among entries; returns whether it is there with another mark, and marks it. */
static bool mark_entries(uint8_t *entries, uint32_t count, uint64_t position, bool released, int64_t *ret_value)
{
    for (uint32_t i = 0; i < count; i++) {
        struct sunder_series_entry entry = entry_at(entries, i);
        if (entry.position == position && entry.released != released) {
            entries[((size_t)i * ENTRY_BYTES) + (ENTRY_BYTES - 1)] = released ? 1 : 0;
            *ret_value = entry.value;
            return true;
        }
    }
    return false;
}

enum sunder_err sunder_series_mark(
    const struct sunder_state *state, const struct sunder_series *series, uint64_t position, bool released)
{
    struct head head;
    SUNDER_TRY(head_get(state, series, &head));
    uint8_t *entries = sunder_arena_alloc_raw(state->arena, (size_t)2 * CHUNK_ENTRIES * ENTRY_BYTES, 1);
    if (entries == NULL) {
        return SUNDER_ERR_FULL;
    }
    uint8_t *tail = entries + (size_t)CHUNK_ENTRIES * ENTRY_BYTES;
    if (head.tail_count != 0) {
        memcpy(tail, head.tail, (size_t)head.tail_count * ENTRY_BYTES);
    }
    head.tail = tail;
    int64_t value = 0;
    bool changed = mark_entries(tail, head.tail_count, position, released, &value);
    if (!changed && head.first < head.end) {
        uint32_t number = head.end;
        struct sunder_span span = {INT64_MIN, (int64_t)position - 1};
        SUNDER_TRY(seek(state, series, &head, span, &number));
        if (number < head.end) {
            struct chunk chunk;
            SUNDER_TRY(chunk_get(state, series, number, &chunk));
            memcpy(entries, chunk.entries, (size_t)CHUNK_ENTRIES * ENTRY_BYTES);
            changed = mark_entries(entries, CHUNK_ENTRIES, position, released, &value);
            if (changed) {
                SUNDER_TRY(chunk_put(state, series, number, entries));
            }
        }
    }
    if (!changed) {
        return SUNDER_OK;
    }
    head.counting = released ? head.counting - 1 : head.counting + 1;
    head.sum = released ? head.sum - value : head.sum + value;
    return head_put(state, series, &head);
}

/* Takes the entries that are before the span out of the totals; returns whether the span begins among them. */
static bool subtract_before(const uint8_t *entries, uint32_t count, struct sunder_span span, struct head *totals)
{
    for (uint32_t i = 0; i < count; i++) {
        struct sunder_series_entry entry = entry_at(entries, i);
        if (entry.time_ms > span.since_ms) {
            return true;
        }
        if (!entry.released) {
            totals->counting -= 1;
            totals->sum -= entry.value;
        }
    }
    return false;
}

enum sunder_err sunder_series_total(const struct sunder_state *state, const struct sunder_series *series,
    struct sunder_span span, uint64_t *ret_count, sunder_int128 *ret_sum)
{
    struct head head;
    SUNDER_TRY(head_get(state, series, &head));
    bool begun = head.oldest_ms > span.since_ms;
    for (uint32_t number = head.first; !begun && number < head.end; number++) {
        struct chunk chunk;
        SUNDER_TRY(chunk_get(state, series, number, &chunk));
        if (entry_at(chunk.entries, CHUNK_ENTRIES - 1).time_ms <= span.since_ms) {
            head.counting -= chunk.counting;
            head.sum -= chunk.sum;
        } else {
            begun = subtract_before(chunk.entries, CHUNK_ENTRIES, span, &head);
        }
    }
    if (!begun) {
        (void)subtract_before(head.tail, head.tail_count, span, &head);
    }
    *ret_count = head.counting;
    *ret_sum = head.sum;
    return SUNDER_OK;
}

static bool first_of(const uint8_t *entries, uint32_t count, struct sunder_span span,
    struct sunder_series_entry *ret_entry)
{
    for (uint32_t i = 0; i < count; i++) {
        struct sunder_series_entry entry = entry_at(entries, i);
        if (!entry.released && in_span(&entry, span)) {
            *ret_entry = entry;
            return true;
        }
    }
    return false;
}

enum sunder_err sunder_series_first(const struct sunder_state *state, const struct sunder_series *series,
    struct sunder_span span, bool *ret_found, struct sunder_series_entry *ret_entry)
{
    struct head head;
    SUNDER_TRY(head_get(state, series, &head));
    uint32_t number = head.end;
    SUNDER_TRY(seek(state, series, &head, span, &number));
    for (; number < head.end; number++) {
        struct chunk chunk;
        SUNDER_TRY(chunk_get(state, series, number, &chunk));
        if (chunk.counting != 0 && first_of(chunk.entries, CHUNK_ENTRIES, span, ret_entry)) {
            *ret_found = true;
            return SUNDER_OK;
        }
    }
    *ret_found = first_of(head.tail, head.tail_count, span, ret_entry);
    return SUNDER_OK;
}

/* Fills `entries` from its end with counting facts, newest first; returns how many places are left. */
static uint32_t fill_back(const uint8_t *from, uint32_t count, struct sunder_span span,
    struct sunder_series_entry *entries, uint32_t places)
{
    for (uint32_t i = count; i > 0 && places > 0; i--) {
        struct sunder_series_entry entry = entry_at(from, i - 1);
        if (!entry.released && in_span(&entry, span)) {
            places -= 1;
            entries[places] = entry;
        }
    }
    return places;
}

enum sunder_err sunder_series_latest(const struct sunder_state *state, const struct sunder_series *series,
    struct sunder_span span, uint32_t max, struct sunder_series_list *ret_list)
{
    struct head head;
    SUNDER_TRY(head_get(state, series, &head));
    uint64_t most = head.counting;
    if (max != 0 && most > max) {
        most = max;
    }
    if (most > UINT32_MAX) {
        return SUNDER_ERR_FULL;
    }
    struct sunder_series_entry *entries = SUNDER_ARENA_NEW(state->arena, struct sunder_series_entry, most);
    if (entries == NULL) {
        return SUNDER_ERR_FULL;
    }
    uint32_t places = fill_back(head.tail, head.tail_count, span, entries, (uint32_t)most);
    for (uint32_t number = head.end; number > head.first && places > 0; number--) {
        struct chunk chunk;
        SUNDER_TRY(chunk_get(state, series, number - 1, &chunk));
        struct sunder_series_entry last = entry_at(chunk.entries, CHUNK_ENTRIES - 1);
        if (!in_span(&last, span)) {
            break;
        }
        places = fill_back(chunk.entries, CHUNK_ENTRIES, span, entries, places);
    }
    *ret_list = (struct sunder_series_list){entries + places, (uint32_t)most - places};
    return SUNDER_OK;
}

static enum sunder_err visit_back(const uint8_t *from,
    uint32_t count,
    struct sunder_span span,
    sunder_series_visit *visit,
    void *ctx)
{
    for (uint32_t i = count; i > 0; i--) {
        struct sunder_series_entry entry = entry_at(from, i - 1);
        if (!entry.released && in_span(&entry, span)) {
            SUNDER_TRY(visit(ctx, &entry));
        }
    }
    return SUNDER_OK;
}

enum sunder_err sunder_series_each(const struct sunder_state *state,
    const struct sunder_series *series,
    struct sunder_span span,
    sunder_series_visit *visit,
    void *ctx)
{
    struct head head;
    SUNDER_TRY(head_get(state, series, &head));
    SUNDER_TRY(visit_back(head.tail, head.tail_count, span, visit, ctx));
    for (uint32_t number = head.end; number > head.first; number--) {
        struct chunk chunk;
        SUNDER_TRY(chunk_get(state, series, number - 1, &chunk));
        struct sunder_series_entry last = entry_at(chunk.entries, CHUNK_ENTRIES - 1);
        if (!in_span(&last, span)) {
            break;
        }
        SUNDER_TRY(visit_back(chunk.entries, CHUNK_ENTRIES, span, visit, ctx));
    }
    return SUNDER_OK;
}

/* The newest counting entry of the span below a position. */
static bool last_below(const uint8_t *entries, uint32_t count, struct sunder_span span, uint64_t before,
    struct sunder_series_entry *ret_entry)
{
    for (uint32_t i = count; i > 0; i--) {
        struct sunder_series_entry entry = entry_at(entries, i - 1);
        if (entry.position < before && !entry.released && in_span(&entry, span)) {
            *ret_entry = entry;
            return true;
        }
    }
    return false;
}

enum sunder_err sunder_series_before(const struct sunder_state *state, const struct sunder_series *series,
    struct sunder_span span, uint64_t before, struct sunder_series_entry *ret_entry)
{
    struct head head;
    SUNDER_TRY(head_get(state, series, &head));
    if (last_below(head.tail, head.tail_count, span, before, ret_entry)) {
        return SUNDER_OK;
    }
    uint32_t number = head.end;
    struct sunder_span from = {INT64_MIN, before > INT64_MAX ? INT64_MAX : (int64_t)before - 1};
    SUNDER_TRY(seek(state, series, &head, from, &number));
    /* The chunk that reaches `before` may begin below it; all before that chunk is below. */
    for (number = number == head.end ? number : number + 1; number > head.first; number--) {
        struct chunk chunk;
        SUNDER_TRY(chunk_get(state, series, number - 1, &chunk));
        if (chunk.counting != 0 && last_below(chunk.entries, CHUNK_ENTRIES, span, before, ret_entry)) {
            return SUNDER_OK;
        }
        if (entry_at(chunk.entries, 0).time_ms <= span.since_ms) {
            break;
        }
    }
    return SUNDER_ERR_NOT_FOUND;
}
