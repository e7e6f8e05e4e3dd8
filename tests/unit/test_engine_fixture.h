/* An engine over a store in memory, for the tests of engine/ and engine/rules: every read and write passes through counters, can
 * be made to fail by its number, and written keys are remembered, so that two states can be compared row by row.
 * Thread: one. */
#pragma once

#include "engine/engine.h"
#include "engine/rules/rows.h"
#include "proto/wire.h"
#include "store/store.h"
#include "tests/support/test.h"

#define RIG_KEYS_MAX 65536u

/* A write that was held back instead of reaching the store. removed: value is nothing. */
struct rig_held {
    struct sunder_str key;
    struct sunder_str value;
    bool removed;
};

/* gets, puts   calls so far, counted from 1
 * fail_get     the number of the get that fails with `fail`, 0: none; fail_put: the same for put and remove
 * holds        writes are held back: the store stays as it is, reads see what is held
 * damaged      what a get of damaged_key finds instead of its row; a block of its own, so that a read beyond it shows
 * keys         of every row that was ever written, once each */
struct rig {
    const struct sunder_policy *policy;
    struct sunder_store *store;
    struct sunder_view inner_view;
    struct sunder_rows inner_rows;
    struct sunder_view view;
    struct sunder_rows rows;
    struct sunder_arena arena;  /* of a step */
    struct sunder_arena events; /* what is decoded */
    struct sunder_state state;  /* for the functions of engine/rules */
    uint64_t gets;
    uint64_t puts;
    uint64_t fail_get;
    uint64_t fail_put;
    enum sunder_err fail;
    bool holds;
    struct sunder_arena held_arena;
    struct rig_held held[1024];
    uint32_t held_count;
    struct sunder_str damaged_key;
    struct sunder_str damaged;
    struct sunder_str *keys;
    uint32_t key_count;
    int64_t offset; /* of the next event */
    int64_t now_ms;
};

/* A rig with an empty state. policy may be NULL for rows that need none. */
struct rig *rig_create(const struct sunder_policy *policy);
void rig_destroy(struct rig **rig);

/* Compiles what has no errors. */
const struct sunder_policy *rig_policy(const char *yaml);

/* Forgets what was held back; later writes are held back (or not). */
void rig_hold(struct rig *rig, bool holds);

/* A row as it is now; absent when there is none. */
struct sunder_str rig_row(struct rig *rig, struct sunder_str key);
/* Lets gets of this key (one that lives as long as the rig) find other bytes than its row; an absent value: its row again. */
void rig_damage(struct rig *rig, struct sunder_str key, struct sunder_str value);
/* Damages a row in every way and reads it by `read`. Each cut gives CORRUPT, the whole row OK; with other bytes in it there is an
 * error of the engine's or another row, never a read beyond the bytes. */
typedef enum sunder_err rig_read(struct rig *rig);
void rig_assert_cuts_are_corrupt(struct rig *rig, struct sunder_str key, rig_read *read);
void rig_assert_damage_is_safe(
    struct rig *rig, struct sunder_str key, rig_read *read, uint64_t *random);
/* Fails the test unless both have the same rows. */
void rig_assert_same_rows(struct rig *a, struct rig *b);
/* How many rows of a table there are. */
uint32_t rig_count_rows(struct rig *rig, enum sunder_table table);
/* How many keys have become wide. */
uint32_t rig_count_wide(struct rig *rig);
/* How many objects and tasks are bound to the case. */
uint32_t rig_count_bound(struct rig *rig, struct sunder_str case_id);
/* The only key of a table; the test fails when there are more or none. */
struct sunder_str rig_only_key(struct rig *rig, enum sunder_table table);

/* Decodes an event at the rig's offset and time; both arenas are reset. */
const struct sunder_event *rig_event(
    struct rig *rig, const char *kind, const char *id, const char *source, const char *data);
/* Decides and folds it; then the rig's offset is the next one. */
struct sunder_outputs rig_take(struct rig *rig, const struct sunder_event *event);
/* rig_event and rig_take of an intent with this data, whose agent is the source. */
struct sunder_outputs rig_intent(
    struct rig *rig, const char *id, const char *agent, const char *data);
struct sunder_outputs rig_send(
    struct rig *rig, const char *kind, const char *id, const char *source, const char *data);

/* Fails the test unless the answer is this verdict with exactly these reasons, as "code:field code:field", the field absent
 * for rules, whose name stands instead. */
void rig_assert_answer(
    const struct sunder_outputs *out, enum sunder_verdict verdict, const char *reasons);
/* Fails the test unless the event became a dead letter with this code and field. */
void rig_assert_dead(const struct sunder_outputs *out, const char *code, const char *field);

/* Formats into one of a few static buffers. */
const char *rig_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A text of `len` bytes that begins with `start` and is an identifier. */
const char *rig_long(const char *start, uint32_t len);

/* Copies in rig->events of 256 bytes each: `start`, the number and what fills them up; of several: numbers from 0. */
struct sunder_str rig_long_text(struct rig *rig, const char *start, uint32_t number);
struct sunder_strs rig_long_texts(struct rig *rig, const char *start, uint32_t count);

/* Equal, and absent only together. */
void assert_same_str(struct sunder_str a, struct sunder_str b);
void assert_same_strs(struct sunder_strs a, struct sunder_strs b);
