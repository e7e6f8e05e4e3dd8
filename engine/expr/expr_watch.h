/* The port to whoever wants to know what conditions came to: coverage of tests. Pure; belongs to the thread that evaluates. */
#pragma once

#include "engine/expr/expr.h"

/* Called after each evaluation of an expression.
 *   value  what it came to; NULL: it errors on this event
 *   arena  may be used, and rewound to where it was unless the history was asked since: it keeps there what it read */
struct sunder_expr_watch {
    void *ctx;
    void (*seen)(void *ctx,
        const struct sunder_expr *expr,
        const struct sunder_expr_env *env,
        struct sunder_arena *arena,
        const struct sunder_value *value);
};
