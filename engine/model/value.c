#include "engine/model/value.h"

#include "engine/base/decimal.h"
#include "engine/model/limits.h"

_Static_assert(SUNDER_DECIMAL_CHARS_MAX == SUNDER_DECIMAL_READ_MAX,
    "base cannot see limits.h, so the bound stands in both");

const struct sunder_value *sunder_value_member(
    const struct sunder_value *map, struct sunder_str name)
{
    if (map == NULL || map->kind != SUNDER_VALUE_MAP) {
        return NULL;
    }
    uint32_t low = 0;
    uint32_t high = map->count;
    while (low < high) {
        uint32_t middle = low + ((high - low) / 2);
        int order = sunder_str_compare(map->members[middle].name, name);
        if (order == 0) {
            return &map->members[middle].value;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}
