#include "engine/base/arena.h"

#include "engine/base/must.h"

struct sunder_arena sunder_arena_of(void *memory, size_t size)
{
    return (struct sunder_arena){.memory = memory, .size = size};
}

void sunder_arena_reset(struct sunder_arena *arena)
{
    SUNDER_ARENA_TAKE(arena->memory, arena->used);
    arena->used = 0;
}

size_t sunder_arena_mark(const struct sunder_arena *arena)
{
    return arena->used;
}

void sunder_arena_rewind(struct sunder_arena *arena, size_t mark)
{
    SUNDER_MUST(mark <= arena->used);
    SUNDER_ARENA_TAKE(arena->memory + mark, arena->used - mark);
    arena->used = mark;
}
