/* A view of bytes: a pointer and a length, no terminator. Usually UTF-8 text. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/arena.h"

/* at   borrowed; may be NULL when len is 0. "Absent" is at == NULL, "empty" is at != NULL with len 0.
 * len  bytes */
struct sunder_str {
    const char *at;
    uint32_t len;
};

#define SUNDER_STR(literal) ((struct sunder_str){(literal), (uint32_t)(sizeof(literal) - 1)})

static inline struct sunder_str sunder_str_of(const char *text)
{
    return (struct sunder_str){text, text == NULL ? 0 : (uint32_t)strlen(text)};
}

static inline bool sunder_str_absent(struct sunder_str str)
{
    return str.at == NULL;
}

static inline bool sunder_str_equal(struct sunder_str a, struct sunder_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Byte order as SEMANTICS means it: memcmp of UTF-8, a prefix before what it begins. <0, 0, >0. */
static inline int sunder_str_compare(struct sunder_str a, struct sunder_str b)
{
    uint32_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.at, b.at, len);
    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

static inline bool sunder_str_starts_with(struct sunder_str str, struct sunder_str prefix)
{
    return str.len >= prefix.len && (prefix.len == 0 || memcmp(str.at, prefix.at, prefix.len) == 0);
}

static inline bool sunder_str_ends_with(struct sunder_str str, struct sunder_str suffix)
{
    return str.len >= suffix.len &&
           (suffix.len == 0 || memcmp(str.at + (str.len - suffix.len), suffix.at, suffix.len) == 0);
}

/* Copies `str` into the arena; at == NULL in the result when there is no room (or `str` is absent). */
struct sunder_str sunder_str_copy(struct sunder_arena *arena, struct sunder_str str);
