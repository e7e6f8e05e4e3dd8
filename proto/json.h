/* Strict JSON text to a tree of values.
 * Strict: no repeated names in any object, no lone surrogates, no invalid UTF-8, no numbers that an IEEE double cannot hold
 * (1e400), no nesting beyond SUNDER_EVENT_DEPTH_MAX, nothing behind the value. Numbers keep their text.
 * Thread: a parser belongs to one thread. */
#pragma once

#include "engine/base/arena.h"
#include "engine/base/err.h"
#include "engine/model/value.h"

struct sunder_json_parser; /* Opaque. */

/* Gives a parser for texts of up to `bytes_max` bytes. All its memory is taken here, and touched when it is needed.
 * SUNDER_ERR_FULL: no memory. */
SUNDER_MUST_USE enum sunder_err sunder_json_parser_create(
    size_t bytes_max, struct sunder_json_parser **ret_parser);
void sunder_json_parser_destroy(struct sunder_json_parser **parser);

/* Parses a whole text.
 *   arena      gets the nodes, and the strings that had escapes; rewound when the text is refused
 *   text       borrowed; strings and numbers are views into it, so it outlives the tree; needs no padding
 *   depth      levels of nesting that surround the text (0 for a whole document)
 *   ret_value  the root
 * SUNDER_ERR_MALFORMED: no valid JSON. SUNDER_ERR_FULL: too long, too deep, or no room in the arena.
 * After both, sunder_json_why says what is wrong. */
SUNDER_MUST_USE enum sunder_err sunder_json_parse(struct sunder_json_parser *parser,
    struct sunder_arena *arena,
    struct sunder_str text,
    uint32_t depth,
    struct sunder_value *ret_value);

/* Why the last parse failed: half a sentence, static. */
const char *sunder_json_why(const struct sunder_json_parser *parser);

bool sunder_json_utf8_valid(struct sunder_str text);
