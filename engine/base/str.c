#include "engine/base/str.h"

struct sunder_str sunder_str_copy(struct sunder_arena *arena, struct sunder_str str)
{
    if (str.at == NULL) {
        return str;
    }
    char *at = sunder_arena_alloc_raw(arena, (size_t)str.len + 1, 1);
    if (at == NULL) {
        return (struct sunder_str){0};
    }
    if (str.len != 0) {
        memcpy(at, str.at, str.len);
    }
    at[str.len] = '\0'; /* Not part of the view; kind to debuggers. */
    return (struct sunder_str){at, str.len};
}
