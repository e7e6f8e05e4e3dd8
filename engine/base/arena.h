/* A bump allocator over memory that somebody else owns: everything of one step lives until the reset.
 * Pure: no heap. Not thread-safe: one arena belongs to one thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/err.h"
#include "engine/base/must.h"

/* Bytes that nobody has: in a build with AddressSanitizer it tells who reads them all the same. */
#if defined(__SANITIZE_ADDRESS__)
#define SUNDER_ARENA_WATCHED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SUNDER_ARENA_WATCHED
#endif
#endif
#ifdef SUNDER_ARENA_WATCHED
void __asan_poison_memory_region(const volatile void *at, size_t size);
void __asan_unpoison_memory_region(const volatile void *at, size_t size);
#define SUNDER_ARENA_GIVE(at, size) __asan_unpoison_memory_region((at), (size))
#define SUNDER_ARENA_TAKE(at, size) __asan_poison_memory_region((at), (size))
#else
#define SUNDER_ARENA_GIVE(at, size) (void)0
#define SUNDER_ARENA_TAKE(at, size) (void)0
#endif

/* memory    borrowed from the owner, who frees it after the last use of the arena
 * size      bytes of memory
 * used      bytes handed out
 * used_max  the most ever used, for metrics */
struct sunder_arena {
    uint8_t *memory;
    size_t size;
    size_t used;
    size_t used_max;
};

/* Makes an empty arena over `memory`, which is borrowed and outlives the arena. */
struct sunder_arena sunder_arena_of(void *memory, size_t size);

/* Gives `size` bytes aligned to `align` (a power of two), or NULL when there is no room; they live until the reset, or until a
 * rewind to a mark taken before. Not zeroed: for bytes that are overwritten at once. Inline, since a step takes dozens. */
static inline void *sunder_arena_alloc_raw(struct sunder_arena *arena, size_t size, size_t align)
{
    SUNDER_MUST(align != 0 && (align & (align - 1)) == 0);
    uintptr_t base = (uintptr_t)arena->memory;
    uintptr_t at = (base + arena->used + (align - 1)) & ~(uintptr_t)(align - 1);
    size_t start = (size_t)(at - base);
    if (start > arena->size || arena->size - start < size) {
        return NULL;
    }
    arena->used = start + size;
    SUNDER_ARENA_GIVE(arena->memory + start, size);
    arena->used_max = arena->used > arena->used_max ? arena->used : arena->used_max;
    return arena->memory + start;
}

/* The same, zeroed. */
static inline void *sunder_arena_alloc(struct sunder_arena *arena, size_t size, size_t align)
{
    void *at = sunder_arena_alloc_raw(arena, size, align);
    if (at != NULL) {
        memset(at, 0, size);
    }
    return at;
}

/* Forgets everything. */
void sunder_arena_reset(struct sunder_arena *arena);

/* A mark to rewind to: frees what was handed out after it. */
size_t sunder_arena_mark(const struct sunder_arena *arena);
void sunder_arena_rewind(struct sunder_arena *arena, size_t mark);

/* Shorthand: an array of `count` zeroed `type`, NULL when there is no room or the size overflows. */
#define SUNDER_ARENA_NEW(arena, type, count)                                                       \
    ((type *)sunder_arena_alloc_array((arena), sizeof(type), _Alignof(type), (count)))
/* The same, not zeroed: for arrays with room for the most, of which few are used. */
#define SUNDER_ARENA_RAW(arena, type, count)                                                       \
    ((type *)sunder_arena_alloc_raw((arena), sizeof(type) * (count), _Alignof(type)))
static inline void *sunder_arena_alloc_array(struct sunder_arena *arena, size_t size, size_t align, size_t count)
{
    return size != 0 && count > SIZE_MAX / size ? NULL : sunder_arena_alloc(arena, size * count, align);
}
