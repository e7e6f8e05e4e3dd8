/* A JSON value as a tree: the `args` of an intent, for expressions. Values are views into memory that outlives them
 * (the event's arena); nothing here owns. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/str.h"

enum sunder_value_kind {
    SUNDER_VALUE_ABSENT, /* The field is not there. */
    SUNDER_VALUE_NULL,
    SUNDER_VALUE_BOOL,
    SUNDER_VALUE_NUMBER, /* `text` is the number as written; `micro` when `exact`. */
    SUNDER_VALUE_STRING,
    SUNDER_VALUE_LIST,
    SUNDER_VALUE_MAP, /* Members sorted by name in byte order, no name twice. */
};

struct sunder_member;

/* text   of STRING: unescaped UTF-8; of NUMBER: as written
 * micro  of NUMBER: the exact value in millionths when `exact` is true (sunder_decimal_parse said OK)
 * items  of LIST: `count` values; members of MAP: `count` members */
struct sunder_value {
    enum sunder_value_kind kind;
    bool boolean;
    bool exact;
    uint32_t count;
    struct sunder_str text;
    int64_t micro;
    union {
        const struct sunder_value *items;
        const struct sunder_member *members;
    };
};

struct sunder_member {
    struct sunder_str name;
    struct sunder_value value;
};

/* The member of a map, NULL when there is none or `map` is no map. */
const struct sunder_value *sunder_value_member(const struct sunder_value *map, struct sunder_str name);
