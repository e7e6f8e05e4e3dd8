/* Private to engine/expr: one compilation from source to program, behind both doors (expr.h, cel.h). Pure. */
#pragma once

#include "engine/expr/expr_code.h"
#include "engine/expr/expr_node.h"

/* What a compilation finds out. type: in scratch memory that is gone when the arena is used again. */
struct expr_compiled {
    struct sunder_str source;
    struct expr_program program;
    struct sunder_expr_cost cost;
    struct expr_guards guards;
    struct expr_spans conjuncts;
    struct expr_lacks lacks;
    bool inexact; /* At this offset: */
    uint32_t inexact_offset;
    sunder_field_set reads;
    enum sunder_field field; /* The expression is just this one; COUNT: it is more. */
    const struct expr_type *type;
};

/* Compiles c->source against c->schema: arena, source, schema and error are set, the rest is zero. In c->err is the outcome.
 * root_wanted: NULL, or the type that the result must have, and `what` for the complaint. */
void expr_compile_all(
    struct expr_compile *c, const struct expr_type *wanted, struct expr_compiled *ret_compiled);
/* Divides what is left of the arena: the upper half is for what the compilation forgets. */
void expr_begin(struct expr_compile *c);
