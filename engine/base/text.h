/* Building of sentences and ids in an arena, without printf. Pure; belongs to the arena's thread. */
#pragma once

#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/str.h"

#define SUNDER_TEXT_PARTS_MAX 12

/* Joins up to SUNDER_TEXT_PARTS_MAX parts; the result lives in the arena. at == NULL: no room. */
struct sunder_str sunder_text_join(struct sunder_arena *arena, const struct sunder_str *parts, uint32_t count);

/* sunder_text(arena, SUNDER_STR("a "), name, ...) */
#define sunder_text(arena, ...)                                                                    \
    sunder_text_join((arena), (const struct sunder_str[]){__VA_ARGS__},                            \
        (uint32_t)(sizeof((const struct sunder_str[]){__VA_ARGS__}) / sizeof(struct sunder_str)))

/* A number in decimal; lives in the arena. */
struct sunder_str sunder_text_i64(struct sunder_arena *arena, int64_t value);
struct sunder_str sunder_text_u64(struct sunder_arena *arena, uint64_t value);
