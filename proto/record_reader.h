/* Reading of single members of a record's tree. What is not there, or not of its type, is absent, or fails the reader, which
 * remembers the first failure: look at `err` once at the end. Thread: a reader belongs to one thread. */
#pragma once

#include "engine/base/arena.h"
#include "engine/model/event.h"
#include "engine/model/value.h"

/* err    the first thing that went wrong; what is read after it does not matter
 * stage  that of the record */
struct sunder_record_reader {
    struct sunder_arena *arena;
    enum sunder_err err;
    uint8_t stage;
};

void sunder_record_fail(struct sunder_record_reader *reader, enum sunder_err err);

/* NULL when there is no such member, or no map. */
const struct sunder_value *sunder_record_member(const struct sunder_value *map, const char *name);

/* A string, else absent. True, else false. */
struct sunder_str sunder_record_text(const struct sunder_value *map, const char *name);
bool sunder_record_true(const struct sunder_value *map, const char *name);

/* Whole numbers, from their text or from a member; SUNDER_ERR_CORRUPT for anything else. u32: at most `max`. */
uint64_t sunder_record_whole_u64(struct sunder_record_reader *reader, struct sunder_str text);
int64_t sunder_record_whole_i64(struct sunder_record_reader *reader, struct sunder_str text);
uint64_t sunder_record_u64(
    struct sunder_record_reader *reader, const struct sunder_value *map, const char *name);
int64_t sunder_record_i64(
    struct sunder_record_reader *reader, const struct sunder_value *map, const char *name);
uint32_t sunder_record_u32(struct sunder_record_reader *reader,
    const struct sunder_value *map,
    const char *name,
    uint32_t max);

/* 32 bytes in base64url; the index of a word of a list of wire_words.h. SUNDER_ERR_CORRUPT for anything else. */
struct sunder_digest sunder_record_digest(
    struct sunder_record_reader *reader, const struct sunder_value *map, const char *name);
uint32_t sunder_record_word(struct sunder_record_reader *reader,
    const struct sunder_value *map,
    const char *name,
    const struct sunder_str *words);

/* The items of a list; NULL and a count of 0 when there is none. */
const struct sunder_value *sunder_record_items(
    const struct sunder_value *map, const char *name, uint32_t *ret_count);

/* `count` zeroed things in the arena; NULL and SUNDER_ERR_FULL when there is no room. */
void *sunder_record_array(struct sunder_record_reader *reader, size_t size, uint32_t count);

/* A list of strings; an item that is none is absent, which is seen when the record is written again. */
struct sunder_strs sunder_record_strs(
    struct sunder_record_reader *reader, const struct sunder_value *map, const char *name);
