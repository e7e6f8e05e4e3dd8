/* `sunder import sod-matrix`: a table of conflicts as a policy. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/limits.h"
#include "ops/cli/file_text.h"
#include "ops/cli/policy_file.h"
#include "ops/cli/sod_matrix.h"

#define BYTES_MAX (8u << 20)
#define ARENA_BYTES ((size_t)256 << 20) /* What is not touched costs nothing. */

struct job {
    char *text;
    void *memory;
    struct sunder_arena arena;
    struct sunder_complaints complaints;
    struct sunder_sod_matrix matrix;
};

/* The file's name without folder and ending, as a name. */
static struct sunder_str name_of(struct sunder_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    const char *dot = strrchr(base, '.');
    struct sunder_str stem = sunder_str_of(base);
    stem.len = dot == NULL || dot == base ? stem.len : (uint32_t)(dot - base);
    struct sunder_str name = sunder_sod_slug(arena, stem);
    return name.at == NULL || name.len == 0 ? SUNDER_STR("imported") : name;
}

static enum sunder_exit matrix_read(struct job *job, const char *path)
{
    uint32_t len = 0;
    struct sunder_fail fail;
    enum sunder_err err = sunder_file_text_read(path, BYTES_MAX, &job->text, &len, &fail);
    if (err != SUNDER_OK) {
        sunder_cli_complain("import: %s", fail.text);
        return fail.vendor == EACCES ? SUNDER_EXIT_PERMISSION : SUNDER_EXIT_FAILED;
    }
    struct sunder_csv csv = {0};
    struct sunder_csv_fail wrong;
    err = sunder_csv_parse((struct sunder_str){job->text, len}, &job->arena, &csv, &wrong);
    if (err != SUNDER_OK) {
        fprintf(stderr, "%s:%u:%u: error: %s\n", path, wrong.line, wrong.column, wrong.text);
        return SUNDER_EXIT_FAILED;
    }
    err = sunder_sod_read(&csv, &job->arena, &job->complaints, &job->matrix);
    if (err == SUNDER_ERR_FULL) {
        sunder_cli_complain("import: no memory");
    } else {
        sunder_policy_file_print(stderr, path, &job->complaints);
    }
    return err == SUNDER_OK ? SUNDER_EXIT_OK : SUNDER_EXIT_FAILED;
}

enum sunder_exit sunder_cmd_import(const struct sunder_cli_args *args)
{
    if (args->operand_count != 2) {
        sunder_cli_complain("import: needs sod-matrix and FILE; - is stdin");
        return SUNDER_EXIT_USAGE;
    }
    const char *path = args->operands[1];
    const char *per = sunder_cli_value(args, "per");
    struct job *job = calloc(1, sizeof *job); /* Too large for a stack. */
    if (job != NULL) {
        job->memory = malloc(ARENA_BYTES);
    }
    if (job == NULL || job->memory == NULL) {
        free(job);
        return SUNDER_EXIT_FAILED;
    }
    job->arena = sunder_arena_of(job->memory, ARENA_BYTES);
    enum sunder_exit code = matrix_read(job, path);
    if (code == SUNDER_EXIT_OK) {
        uint32_t rules = sunder_sod_write(stdout,
            &job->matrix,
            strcmp(path, "-") == 0 ? "stdin" : path,
            name_of(&job->arena, path).at,
            per == NULL ? "object" : per);
        (void)fflush(stdout);
        fprintf(stderr,
            "%u duties, %u conflicts, %u rules\n",
            job->matrix.count,
            job->matrix.conflicts,
            rules);
        if (rules > SUNDER_POLICY_RULES_MAX) {
            sunder_cli_complain("import: a policy has at most %d rules", SUNDER_POLICY_RULES_MAX);
            code = SUNDER_EXIT_FAILED;
        }
    }
    free(job->text);
    free(job->memory);
    free(job);
    return code;
}
