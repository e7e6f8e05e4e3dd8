#include "engine/base/arena.h"

#include <string.h>

#include "engine/base/must.h"

struct sunder_arena sunder_arena_of(void *memory, size_t size)
{
    return (struct sunder_arena){.memory = memory, .size = size};
}

void *sunder_arena_alloc_raw(struct sunder_arena *arena, size_t size, size_t align)
{
    SUNDER_MUST(align != 0 && (align & (align - 1)) == 0);
    uintptr_t base = (uintptr_t)arena->memory;
    uintptr_t at = (base + arena->used + (align - 1)) & ~(uintptr_t)(align - 1);
    size_t start = (size_t)(at - base);
    if (start > arena->size || arena->size - start < size) {
        return NULL;
    }
    arena->used = start + size;
    if (arena->used > arena->used_max) {
        arena->used_max = arena->used;
    }
    return arena->memory + start;
}

void *sunder_arena_alloc(struct sunder_arena *arena, size_t size, size_t align)
{
    void *at = sunder_arena_alloc_raw(arena, size, align);
    if (at != NULL) {
        memset(at, 0, size);
    }
    return at;
}

void *sunder_arena_alloc_array(struct sunder_arena *arena, size_t size, size_t align, size_t count)
{
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    return sunder_arena_alloc(arena, size * count, align);
}

void sunder_arena_reset(struct sunder_arena *arena)
{
    arena->used = 0;
}

size_t sunder_arena_mark(const struct sunder_arena *arena)
{
    return arena->used;
}

void sunder_arena_rewind(struct sunder_arena *arena, size_t mark)
{
    SUNDER_MUST(mark <= arena->used);
    arena->used = mark;
}
