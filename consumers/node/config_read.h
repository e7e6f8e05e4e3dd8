/* Reading of typed values out of a configuration's document, with complaints at their line and column. Thread: one. */
#pragma once

#include "engine/model/doc.h"
#include "engine/policy/policy_compile.h"

struct sunder_reader {
    struct sunder_arena *arena;
    struct sunder_complaints *complaints;
};

void sunder_read_complain(
    struct sunder_reader *reader, uint32_t line, uint32_t column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* One key of a section. */
struct sunder_read_key {
    const char *name;
    void (*read)(struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value);
    void *ret_value;
};

/* Reads a map: unknown keys are complaints, with the nearest known one. `where` is its name for messages. */
void sunder_read_map(struct sunder_reader *reader,
    const struct sunder_doc *map,
    const char *where,
    const struct sunder_read_key *keys,
    uint32_t count);

/* ret_value: const char **, zero-terminated, not empty. */
void sunder_read_text(
    struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value);
/* ret_value: const char **; letters, digits, dot, dash, underscore. */
void sunder_read_name(
    struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value);
/* ret_value: uint32_t *, milliseconds; written as 500ms, 2s, 1m. */
void sunder_read_duration(
    struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value);
/* ret_value: uint32_t *, milliseconds; a plain number. */
void sunder_read_ms(struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value);
/* ret_value: uint64_t *, bytes; written as 64KiB, 24MiB, 1GiB. */
void sunder_read_bytes(
    struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value);

/* Finds a word in a list ended by NULL; complains and gives 0 when it is not there. */
uint32_t sunder_read_word(
    struct sunder_reader *reader, const struct sunder_doc *value, const char *const *words);
