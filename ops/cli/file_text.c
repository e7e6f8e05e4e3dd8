#include "ops/cli/file_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static enum sunder_err failed(
    const char *path, enum sunder_err code, int vendor, const char *why, struct sunder_fail *ret)
{
    *ret = (struct sunder_fail){.code = code, .vendor = vendor};
    (void)snprintf(ret->text, sizeof ret->text, "%.160s: %s", path, why);
    return code;
}

enum sunder_err sunder_file_text_read(const char *path,
    uint32_t bytes_max,
    char **ret_text,
    uint32_t *ret_len,
    struct sunder_fail *reterr_fail)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "re");
    if (file == NULL) {
        return failed(path, SUNDER_ERR_IO, errno, strerror(errno), reterr_fail);
    }
    struct stat stat;
    int error = fstat(fileno(file), &stat) == 0 && S_ISDIR(stat.st_mode) ? EISDIR : 0;
    char *text = malloc((size_t)bytes_max + 1);
    size_t len = error == 0 && text != NULL ? fread(text, 1, (size_t)bytes_max + 1, file) : 0;
    error = error == 0 && ferror(file) != 0 ? errno : error;
    if (!is_stdin) {
        (void)fclose(file);
    }
    if (text != NULL && error == 0 && len <= bytes_max) {
        text[len] = '\0';
        *ret_text = text;
        *ret_len = (uint32_t)len;
        return SUNDER_OK;
    }
    free(text);
    if (error != 0) {
        return failed(path, SUNDER_ERR_IO, error, strerror(error), reterr_fail);
    }
    char why[64];
    (void)snprintf(why, sizeof why, "it has more than %u bytes", bytes_max);
    return failed(path, SUNDER_ERR_FULL, 0, text == NULL ? "no memory" : why, reterr_fail);
}
