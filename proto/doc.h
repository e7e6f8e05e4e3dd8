/* YAML text to the tree of engine/model/doc.h. Strict: one document; no repeated names, anchors, aliases or tags; names are plain
 * words, not lists or maps. Thread: any; each call stands alone. Takes heap while it runs, so it is for start-up and tools. */
#pragma once

#include "engine/base/arena.h"
#include "engine/base/err.h"
#include "engine/model/doc.h"

#define SUNDER_DOC_BYTES_MAX                                                                       \
    1048576u                     /* A policy or a configuration; also SUNDER_POLICY_BYTES_MAX. */
#define SUNDER_DOC_DEPTH_MAX 32u /* Lists and maps inside each other; people write five. */

/* Why a text was refused.
 * line, column  1-based; where it is wrong
 * text          one sentence, zero-terminated, cut to fit */
struct sunder_doc_fail {
    uint32_t line;
    uint32_t column;
    char text[240];
};

/* Parses a text.
 *   text      borrowed, and not needed afterwards
 *   arena     owns the tree and its texts
 *   ret_root  the root node; an empty document is refused
 *   ret_fail  written on failure only
 * SUNDER_ERR_MALFORMED: no YAML, or YAML that is not wanted here. SUNDER_ERR_FULL: too long, too deep, or no room. */
SUNDER_MUST_USE enum sunder_err sunder_doc_parse(struct sunder_str text,
    struct sunder_arena *arena,
    struct sunder_doc *ret_root,
    struct sunder_doc_fail *ret_fail);
