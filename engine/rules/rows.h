/* Rows of state: their tables, keys and small helpers to read and write them. What is in each row is said where its module
 * reads and writes it; this is the list of all of them.
 *
 *   table    key                                      value
 *   COUNTER  -                                        next name id
 *   NAME     scope id, text                           name id, flags, stream time (names.h)
 *   INTENT   domain id, intent id                     position of its record
 *            domain id, `|`, event id             position of an observed act
 *   RECORD   position                                 what was decided there (record.h)
 *   RETRY    domain id, agent id, idempotency key     position of its record
 *   COPY     domain id, publisher's id, event id      stream time            (kinds other than intent)
 *   EDGES    tenant id, `to` id                       delegation edges       (edges.h)
 *   TASK     tenant id, task                          the task               (task.h)
 *   KEY      domain id, space, key                    facts under a key      (key_row.h)
 *   SERIES   domain id, space, class, subject, element, key[, chunk]         (series.h)
 *   MEMBER   domain id, space, subject, key           counting facts of a member of a key with many
 *   CREDENTIAL  domain id, 0, credential id | 1, credential id, agent id   who was seen with it (credential.h)
 *   LABEL    domain id, holder, id | 0, RECORD, position   labels and their origins   (label.h)
 *
 * A position is the offset of the source record at its home. Numbers in keys are big-endian, so that keys sort as numbers.
 * Pure; the view's thread. */
#pragma once

#include "engine/base/bytes.h"
#include "engine/base/must.h"
#include "engine/policy/policy.h"
#include "engine/view.h"

/* X(table, its database in a store, whether its rows are looked up only when they are there: positions come from rows). A table's id
 * is its place here, from 1, and never changes its meaning. */
#define SUNDER_TABLE_LIST(X)                                                                       \
    X(COUNTER, "counter", false)                                                                   \
    X(NAME, "name", false)                                                                         \
    X(INTENT, "intent", false)                                                                     \
    X(RECORD, "record", true)                                                                      \
    X(RETRY, "retry", false)                                                                       \
    X(COPY, "copy", false)                                                                         \
    X(EDGES, "edges", false)                                                                       \
    X(TASK, "task", false)                                                                         \
    X(KEY, "key", false)                                                                           \
    X(SERIES, "series", false)                                                                     \
    X(MEMBER, "member", false)                                                                     \
    X(LABEL, "label", false)                                                                       \
    X(CREDENTIAL, "credential", false)

enum sunder_table {
    SUNDER_TABLE_NONE,
#define TABLE_ID(table, database, known) SUNDER_TABLE_##table,
    SUNDER_TABLE_LIST(TABLE_ID)
#undef TABLE_ID
        SUNDER_TABLE_END,
};

/* A key under construction; `bytes` is enough for every key there is. */
struct sunder_key {
    uint8_t bytes[SUNDER_ROW_KEY_MAX];
    uint32_t len;
};

/* Everything that reading or writing state needs, in one place. `rows` is NULL while deciding. */
struct sunder_state {
    const struct sunder_policy *policy;
    const struct sunder_view *view;
    const struct sunder_rows *rows;
    struct sunder_arena *arena;
};

/* The spaces of KEY, SERIES and MEMBER rows: what kind of key the text is. Rules with their own `per` expression have spaces of
 * their own from SUNDER_SPACE_RULE up, by the rule's index. Limits keep their series in a space of their own in any case. */
enum {
    SUNDER_SPACE_OBJECT = 1,
    SUNDER_SPACE_CASE = 2,
    SUNDER_SPACE_TASK = 3,
    SUNDER_SPACE_TENANT = 4,
    SUNDER_SPACE_FREE = 5, /* series of facts under no key, for `history` */
    SUNDER_SPACE_RULE = 16,
};

/* The space that a rule's key row lives in (separation, requires). */
uint16_t sunder_space_of(const struct sunder_policy *policy, const struct sunder_rule *rule);
/* The space of a rule's own series (limits). */
uint16_t sunder_space_own(const struct sunder_policy *policy, const struct sunder_rule *rule);

/* A key grows by these; inline, since a decision makes two dozen. SUNDER_MUST: it fits; callers bound their texts by
 * SUNDER_IDENTIFIER_BYTES_MAX. */
static inline void sunder_key_text(struct sunder_key *key, struct sunder_str text)
{
    SUNDER_MUST(text.len <= SUNDER_ROW_KEY_MAX - key->len);
    if (text.len != 0) {
        memcpy(key->bytes + key->len, text.at, text.len);
    }
    key->len += text.len;
}
static inline void sunder_key_u8(struct sunder_key *key, uint8_t value)
{
    SUNDER_MUST(key->len < SUNDER_ROW_KEY_MAX);
    key->bytes[key->len] = value;
    key->len += 1;
}
static inline void sunder_key_u16(struct sunder_key *key, uint16_t value)
{
    uint8_t raw[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    sunder_key_text(key, (struct sunder_str){(const char *)raw, sizeof raw});
}
static inline void sunder_key_u32(struct sunder_key *key, uint32_t value)
{
    uint8_t raw[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
    sunder_key_text(key, (struct sunder_str){(const char *)raw, sizeof raw});
}
static inline void sunder_key_u64(struct sunder_key *key, uint64_t value)
{
    sunder_key_u32(key, (uint32_t)(value >> 32));
    sunder_key_u32(key, (uint32_t)value);
}
/* Starts a key: the table and a 32-bit scope (0 where there is none). */
static inline void sunder_key_start(struct sunder_key *key, enum sunder_table table, uint32_t scope)
{
    key->bytes[0] = (uint8_t)table;
    key->len = 1;
    sunder_key_u32(key, scope);
}

static inline struct sunder_str sunder_key_str(const struct sunder_key *key)
{
    return (struct sunder_str){(const char *)key->bytes, key->len};
}

/* Reads a row; SUNDER_ERR_NOT_FOUND when there is none. ret_value is a view (view.h). */
SUNDER_MUST_USE enum sunder_err sunder_row_get(
    const struct sunder_state *state, const struct sunder_key *key, struct sunder_str *ret_value);

/* Writes a row. SUNDER_ERR_FULL when `out` overflowed or the store has no room. */
SUNDER_MUST_USE enum sunder_err sunder_row_put(
    const struct sunder_state *state, const struct sunder_key *key, const struct sunder_out *out);
SUNDER_MUST_USE enum sunder_err sunder_row_remove(
    const struct sunder_state *state, const struct sunder_key *key);

/* Memory for the value of one row, from the arena; failed == true when there is no room. Inline, as keys are. */
static inline struct sunder_out sunder_row_buffer(const struct sunder_state *state, uint32_t size)
{
    void *at = sunder_arena_alloc_raw(state->arena, size, 1);
    return (struct sunder_out){.at = at, .size = size, .failed = at == NULL};
}

/* Reads a text (absent or not) as a copy in the arena. False: the bytes end (in->failed), or the arena has no room. */
bool sunder_row_text(struct sunder_in *in, struct sunder_arena *arena, struct sunder_str *ret_text);

/* Returns from the calling function when `expr` is an error. */
#define SUNDER_TRY(expr)                                                                           \
    do {                                                                                           \
        enum sunder_err try_err = (expr);                                                          \
        if (try_err != SUNDER_OK) {                                                                \
            return try_err;                                                                        \
        }                                                                                          \
    } while (0)
