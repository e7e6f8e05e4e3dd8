/* A matrix of duties that conflict, from a table to a policy. Shell; one thread. */
#pragma once

#include <stdio.h>

#include "engine/policy/policy_compile.h"
#include "ops/cli/csv.h"

#define SUNDER_SOD_DUTIES_MAX 512u

/* id    the duty's name in the policy
 * cell  the name as the table has it, where it stands first */
struct sunder_sod_duty {
    struct sunder_str id;
    struct sunder_csv_cell cell;
};

struct sunder_sod_matrix {
    struct sunder_sod_duty duties[SUNDER_SOD_DUTIES_MAX];
    uint32_t count;
    uint32_t conflicts;
    bool conflict[SUNDER_SOD_DUTIES_MAX][SUNDER_SOD_DUTIES_MAX];
};

/* Reads the matrix; complaints are appended.
 * SUNDER_ERR_INVALID: there are errors. SUNDER_ERR_FULL: the arena has no room. */
SUNDER_MUST_USE enum sunder_err sunder_sod_read(const struct sunder_csv *csv,
    struct sunder_arena *arena,
    struct sunder_complaints *complaints,
    struct sunder_sod_matrix *ret_matrix);

/* Writes a policy that `sunder check` accepts, with what is left to do as comments.
 *   source  the file's name, for the comment
 *   name    of the policy
 *   per     object, case, task or tenant
 * Returns the number of rules. */
uint32_t sunder_sod_write(FILE *out,
    const struct sunder_sod_matrix *matrix,
    const char *source,
    const char *name,
    const char *per);

/* A text as a name of the policy language: a-z 0-9 . _ and single dashes. Empty: it has none of these. */
struct sunder_str sunder_sod_slug(struct sunder_arena *arena, struct sunder_str text);
