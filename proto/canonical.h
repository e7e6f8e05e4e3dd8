/* The one canonical text of a JSON value: RFC 8785 (JCS). Pure; any thread. */
#pragma once

#include "engine/base/arena.h"
#include "engine/base/err.h"
#include "engine/model/value.h"
#include "proto/json_write.h"

/* Appends the canonical text of a tree that sunder_json_parse made (or one like it: members sorted by name, none twice, valid
 * UTF-8, numbers that fit a double). ABSENT values may not occur.
 *   arena  room for sorting, given back; only names beyond the basic plane need it
 * SUNDER_ERR_FULL: no room in `out` or the arena. */
SUNDER_MUST_USE enum sunder_err sunder_canonical_put(
    struct sunder_json_out *out, struct sunder_arena *arena, const struct sunder_value *value);

/* The same for an object whose members are given as a list, sorted by name in byte order; the list may come back in another
 * order. */
SUNDER_MUST_USE enum sunder_err sunder_canonical_put_members(struct sunder_json_out *out,
    struct sunder_arena *arena,
    const struct sunder_member **order,
    uint32_t count);
