/* The port to regular expressions (RE2 syntax, linear in the text): the engine has none of its own, who compiles a policy brings it.
 * proto/regex.h implements it. Nothing here owns: compiled patterns belong to the implementation behind `ctx`, which lives longer
 * than every expression that was compiled with it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/err.h"
#include "engine/base/str.h"

struct sunder_regex {
    void *ctx;
    /* Compiles a pattern. ret_pattern lives as long as ctx. `complaint` gets a zero-terminated sentence of at most `size` bytes
     * when the pattern is wrong.
     * SUNDER_ERR_INVALID: no RE2 pattern, or too large; SUNDER_ERR_FULL: no memory. */
    enum sunder_err (*compile)(void *ctx,
        struct sunder_str pattern,
        const void **ret_pattern,
        char *complaint,
        size_t size);
    /* Whether the pattern is found anywhere in the text. Cannot fail. Thread: any, several at once. */
    bool (*found)(const void *pattern, struct sunder_str text);
};
