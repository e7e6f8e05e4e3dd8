/* `sunder fmt`: policies and test files in their canonical form. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ops/cli/cli.h"
#include "ops/cli/file_text.h"
#include "ops/cli/yaml_format.h"
#include "proto/doc.h"

/* Puts a new file in the place of the old one, so that a crash leaves one of them whole. */
static bool file_replace(const char *path, const char *text, uint32_t len)
{
    size_t size = strlen(path) + 8;
    char *name = malloc(size);
    struct stat old;
    if (name == NULL || stat(path, &old) != 0) {
        free(name);
        return false;
    }
    (void)snprintf(name, size, "%s.XXXXXX", path);
    int fd = mkstemp(name);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    bool good =
        file != NULL && fwrite(text, 1, len, file) == len && fchmod(fd, old.st_mode & 07777) == 0;
    good = (file == NULL || fclose(file) == 0) && good;
    good = good && rename(name, path) == 0;
    if (!good && fd >= 0) {
        int error = errno;
        (void)unlink(name);
        errno = error;
    }
    free(name);
    return good;
}

static enum sunder_exit refused(
    const char *path, enum sunder_err err, const struct sunder_doc_fail *fail)
{
    if (err == SUNDER_ERR_MALFORMED) {
        fprintf(stderr, "%s:%u:%u: error: %s\n", path, fail->line, fail->column, fail->text);
    } else {
        sunder_cli_complain("fmt: %s: %s",
            path,
            err == SUNDER_ERR_FULL ? "too large, or no memory"
                                   : "left as it is: formatted, it would not mean the same; please "
                                     "report this file");
    }
    return SUNDER_EXIT_FAILED;
}

struct job {
    bool check;
    bool write;
    bool differs; /* Some file is not in its canonical form. */
};

static enum sunder_exit file_format(struct job *job, const char *path)
{
    char *text = NULL;
    char *formatted = NULL;
    uint32_t len = 0;
    uint32_t formatted_len = 0;
    struct sunder_fail io;
    enum sunder_err err = sunder_file_text_read(path, SUNDER_DOC_BYTES_MAX, &text, &len, &io);
    if (err != SUNDER_OK) {
        sunder_cli_complain("fmt: %s", io.text);
        return io.vendor == EACCES ? SUNDER_EXIT_PERMISSION : SUNDER_EXIT_FAILED;
    }
    struct sunder_doc_fail fail = {.line = 1, .column = 1};
    err = sunder_yaml_format((struct sunder_str){text, len}, &formatted, &formatted_len, &fail);
    enum sunder_exit code = err == SUNDER_OK ? SUNDER_EXIT_OK : refused(path, err, &fail);
    bool same = err == SUNDER_OK && sunder_str_equal((struct sunder_str){text, len},
                                        (struct sunder_str){formatted, formatted_len});
    bool is_stdin = strcmp(path, "-") == 0;
    if (err != SUNDER_OK) {
        /* Told. */
    } else if (job->check) {
        job->differs = job->differs || !same;
        fputs(same ? "" : path, stdout);
        fputs(same ? "" : "\n", stdout);
    } else if (!job->write || is_stdin) {
        fwrite(formatted, 1, formatted_len, stdout);
    } else if (!same && !file_replace(path, formatted, formatted_len)) {
        sunder_cli_complain("fmt: %s: %s", path, strerror(errno));
        code = errno == EACCES ? SUNDER_EXIT_PERMISSION : SUNDER_EXIT_FAILED;
    }
    free(text);
    free(formatted);
    return code;
}

enum sunder_exit sunder_cmd_fmt(const struct sunder_cli_args *args)
{
    struct job job = {
        .check = sunder_cli_flag(args, "check"), .write = sunder_cli_flag(args, "write")};
    if (job.check && job.write) {
        sunder_cli_complain("fmt: --check writes nothing: give it or --write");
        return SUNDER_EXIT_USAGE;
    }
    enum sunder_exit code = SUNDER_EXIT_OK;
    for (uint32_t i = 0; i < args->operand_count; i++) {
        enum sunder_exit one = file_format(&job, args->operands[i]);
        code = code == SUNDER_EXIT_OK ? one : code;
    }
    return code == SUNDER_EXIT_OK && job.differs ? SUNDER_EXIT_FAILED : code;
}
