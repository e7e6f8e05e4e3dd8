#include "engine/base/text.h"

#include <string.h>

#include "engine/base/must.h"

struct sunder_str sunder_text_join(struct sunder_arena *arena, const struct sunder_str *parts, uint32_t count)
{
    SUNDER_MUST(count <= SUNDER_TEXT_PARTS_MAX);
    size_t len = 0;
    for (uint32_t i = 0; i < count; i++) {
        len += parts[i].len;
    }
    char *at = len > UINT32_MAX ? NULL : sunder_arena_alloc_raw(arena, len + 1, 1);
    if (at == NULL) {
        return (struct sunder_str){0};
    }
    size_t pos = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (parts[i].len != 0) {
            memcpy(at + pos, parts[i].at, parts[i].len);
            pos += parts[i].len;
        }
    }
    at[pos] = '\0';
    return (struct sunder_str){at, (uint32_t)len};
}

struct sunder_str sunder_text_u64(struct sunder_arena *arena, uint64_t value)
{
    char digits[20];
    uint32_t start = sizeof digits;
    do {
        start -= 1;
        digits[start] = (char)('0' + (char)(value % 10));
        value /= 10;
    } while (value != 0);
    return sunder_str_copy(arena, (struct sunder_str){digits + start, (uint32_t)(sizeof digits - start)});
}

struct sunder_str sunder_text_i64(struct sunder_arena *arena, int64_t value)
{
    if (value >= 0) {
        return sunder_text_u64(arena, (uint64_t)value);
    }
    struct sunder_str digits = sunder_text_u64(arena, ~(uint64_t)value + 1);
    if (sunder_str_absent(digits)) {
        return digits; /* Not a lone "-", for which there may be room. */
    }
    return sunder_text(arena, SUNDER_STR("-"), digits);
}
