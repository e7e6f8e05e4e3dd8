/* Private to engine/expr: types and their unification. Pure. */
#pragma once

#include "engine/base/arena.h"
#include "engine/base/str.h"

struct expr_compile;

enum expr_type_kind {
    EXPR_TYPE_DYN,
    EXPR_TYPE_NULL,
    EXPR_TYPE_BOOL,
    EXPR_TYPE_INT,
    EXPR_TYPE_UINT,
    EXPR_TYPE_DOUBLE,
    EXPR_TYPE_DECIMAL,
    EXPR_TYPE_STRING,
    EXPR_TYPE_BYTES,
    EXPR_TYPE_TIMESTAMP,
    EXPR_TYPE_DURATION,
    EXPR_TYPE_LIST, /* of a */
    EXPR_TYPE_MAP,  /* from a to b */
    EXPR_TYPE_TYPE, /* of a */
    EXPR_TYPE_HISTORY,
    EXPR_TYPE_NUMBER, /* In signatures: any of the four. */
    EXPR_TYPE_VAR,    /* a: what it stands for, NULL while open. */
};
struct expr_type {
    enum expr_type_kind kind;
    const struct expr_type *a;
    const struct expr_type *b;
};
/* The types without parameters, by kind. */
extern const struct expr_type expr_types[EXPR_TYPE_VAR];

const struct expr_type *expr_type_new(struct expr_compile *c,
    enum expr_type_kind kind,
    const struct expr_type *a,
    const struct expr_type *b);
const struct expr_type *expr_type_of(
    const struct expr_type *type); /* What a variable stands for. */
/* Makes both one, binding variables; dyn meets everything. False: not possible; what was bound stays until undone. */
bool expr_unify(struct expr_compile *c, const struct expr_type *a, const struct expr_type *b);
void expr_undo(struct expr_compile *c, uint32_t trail_count);
/* The type of either: theirs when they are one, else dyn. */
const struct expr_type *expr_type_join(
    struct expr_compile *c, const struct expr_type *a, const struct expr_type *b);
/* As a schema writes it; lives in `arena`. */
struct sunder_str expr_type_text(struct sunder_arena *arena, const struct expr_type *type);
/* For sentences: "a string". */
struct sunder_str expr_type_words(struct expr_compile *c, const struct expr_type *type);
/* NULL: no type. */
const struct expr_type *expr_type_parse(struct expr_compile *c, struct sunder_str text);
