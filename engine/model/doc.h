/* A parsed configuration text (YAML) as a tree with positions, so that every complaint can say file:line:column.
 * Made by proto/doc_fyaml.c, read by engine/policy and by the node's configuration. Nodes live in the arena they were parsed
 * into. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/str.h"

enum sunder_doc_kind {
    SUNDER_DOC_SCALAR,
    SUNDER_DOC_LIST,
    SUNDER_DOC_MAP,
};

struct sunder_doc_entry;

/* line, column  1-based position of the node's first character
 * quoted        a scalar that was written in quotes or as a block: always a string, never a number or null
 * text          of a SCALAR
 * items         of a LIST, `count` nodes; entries  of a MAP, `count` entries in file order, names unique */
struct sunder_doc {
    enum sunder_doc_kind kind;
    bool quoted;
    uint32_t line;
    uint32_t column;
    uint32_t count;
    struct sunder_str text;
    union {
        const struct sunder_doc *items;
        const struct sunder_doc_entry *entries;
    };
};

struct sunder_doc_entry {
    struct sunder_str name;
    uint32_t line;
    uint32_t column;
    struct sunder_doc value;
};
