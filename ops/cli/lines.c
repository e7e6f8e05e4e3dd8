#include "ops/cli/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/must.h"

#define BLOCK_BYTES                                                                                \
    (1u << 20) /* One read; large enough that the call costs nothing beside the work. */

/* begin..end  bytes of buf not handed out yet */
struct sunder_lines {
    FILE *spool; /* NULL, or what a pipe was copied to; owns `fd` then. */
    int fd;
    bool owned;
    bool ended;
    char *buf;
    size_t size;
    size_t begin;
    size_t end;
    uint64_t done;
    uint64_t total;
};

static enum sunder_err failed(struct sunder_fail *reterr_fail, const char *what)
{
    int error = errno;
    reterr_fail->code = SUNDER_ERR_IO;
    reterr_fail->vendor = error;
    snprintf(reterr_fail->text, sizeof(reterr_fail->text), "%s: %s", what, strerror(error));
    return SUNDER_ERR_IO;
}

enum sunder_err sunder_lines_open(
    const char *path, struct sunder_lines **ret_lines, struct sunder_fail *reterr_fail)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat = {0};
    if (fd < 0 || fstat(fd, &stat) != 0) {
        enum sunder_err err = failed(reterr_fail, path);
        if (fd > STDIN_FILENO) {
            close(fd);
        }
        return err;
    }
    if (S_ISDIR(stat.st_mode)) {
        errno = EISDIR;
        enum sunder_err err = failed(reterr_fail, path);
        close(fd);
        return err;
    }
    struct sunder_lines *lines = calloc(1, sizeof(*lines));
    char *buf = malloc(BLOCK_BYTES);
    if (lines == NULL || buf == NULL) {
        free(lines);
        free(buf);
        errno = ENOMEM;
        return failed(reterr_fail, path);
    }
    *lines = (struct sunder_lines){.fd = fd, .owned = !is_stdin, .buf = buf, .size = BLOCK_BYTES};
    if (S_ISREG(stat.st_mode) && stat.st_size > 0) {
        lines->total = (uint64_t)stat.st_size;
    }
    *ret_lines = lines;
    return SUNDER_OK;
}

/* Moves what is left to the front, grows the buffer when a line fills it, and reads on. */
static enum sunder_err more(struct sunder_lines *lines, struct sunder_fail *reterr_fail)
{
    if (lines->begin > 0) {
        memmove(lines->buf, lines->buf + lines->begin, lines->end - lines->begin);
        lines->end -= lines->begin;
        lines->begin = 0;
    }
    if (lines->end == lines->size) {
        if (lines->size >= SUNDER_LINE_BYTES_MAX) {
            reterr_fail->code = SUNDER_ERR_FULL;
            reterr_fail->vendor = 0;
            snprintf(reterr_fail->text,
                sizeof(reterr_fail->text),
                "a line is longer than %u MiB",
                SUNDER_LINE_BYTES_MAX >> 20);
            return SUNDER_ERR_FULL;
        }
        char *buf = realloc(lines->buf, lines->size * 2);
        if (buf == NULL) {
            errno = ENOMEM;
            return failed(reterr_fail, "a long line");
        }
        lines->buf = buf;
        lines->size *= 2;
    }
    for (;;) {
        ssize_t got = read(lines->fd, lines->buf + lines->end, lines->size - lines->end);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return failed(reterr_fail, "reading");
        }
        lines->ended = got == 0;
        lines->end += (size_t)got;
        return SUNDER_OK;
    }
}

enum sunder_err sunder_lines_next(
    struct sunder_lines *lines, struct sunder_str *ret_line, struct sunder_fail *reterr_fail)
{
    size_t seen = 0;
    for (;;) {
        const char *from = lines->buf + lines->begin;
        size_t have = lines->end - lines->begin;
        const char *newline = have > seen ? memchr(from + seen, '\n', have - seen) : NULL;
        if (newline != NULL || (lines->ended && have > 0)) {
            size_t len = newline != NULL ? (size_t)(newline - from) : have;
            size_t taken = len + (newline != NULL);
            lines->begin += taken;
            lines->done += taken;
            *ret_line = (struct sunder_str){from, (uint32_t)len};
            return SUNDER_OK;
        }
        if (lines->ended) {
            return SUNDER_ERR_NOT_FOUND;
        }
        seen = have;
        enum sunder_err err = more(lines, reterr_fail);
        if (err != SUNDER_OK) {
            return err;
        }
    }
}

enum sunder_err sunder_lines_block(
    struct sunder_lines *lines, struct sunder_str *ret_block, struct sunder_fail *reterr_fail)
{
    for (;;) {
        const char *from = lines->buf + lines->begin;
        size_t len = lines->end - lines->begin;
        while (!lines->ended && len > 0 && from[len - 1] != '\n') {
            len -= 1;
        }
        if (len > 0) {
            lines->begin += len;
            lines->done += len;
            *ret_block = (struct sunder_str){from, (uint32_t)len};
            return SUNDER_OK;
        }
        if (lines->ended) {
            return SUNDER_ERR_NOT_FOUND;
        }
        enum sunder_err err = more(lines, reterr_fail);
        if (err != SUNDER_OK) {
            return err;
        }
    }
}

static enum sunder_err spool_fill(struct sunder_lines *lines, struct sunder_fail *reterr_fail)
{
    SUNDER_MUST(lines->done == 0);
    FILE *spool = tmpfile();
    if (spool == NULL) {
        return failed(reterr_fail, "a temporary file for the input");
    }
    lines->spool = spool; /* Destroyed with `lines`, also when the copy fails. */
    enum sunder_err err = SUNDER_OK;
    while (!lines->ended && err == SUNDER_OK) {
        if (fwrite(lines->buf + lines->begin, 1, lines->end - lines->begin, spool) !=
            lines->end - lines->begin) {
            return failed(reterr_fail, "a temporary file for the input");
        }
        lines->begin = lines->end = 0;
        err = more(lines, reterr_fail);
    }
    if (err == SUNDER_OK && fflush(spool) != 0) {
        err = failed(reterr_fail, "a temporary file for the input");
    }
    if (err == SUNDER_OK) {
        lines->total = (uint64_t)ftello(spool);
        if (lines->owned) {
            close(lines->fd);
        }
        lines->fd = fileno(spool);
        lines->owned = false;
    }
    return err;
}

enum sunder_err sunder_lines_rewind(struct sunder_lines *lines, struct sunder_fail *reterr_fail)
{
    if (lseek(lines->fd, 0, SEEK_CUR) < 0) {
        enum sunder_err err = spool_fill(lines, reterr_fail);
        if (err != SUNDER_OK) {
            return err;
        }
    }
    if (lseek(lines->fd, 0, SEEK_SET) < 0) {
        return failed(reterr_fail, "going back to the start of the input");
    }
    lines->begin = lines->end = 0;
    lines->done = 0;
    lines->ended = false;
    return SUNDER_OK;
}

uint64_t sunder_lines_bytes_done(const struct sunder_lines *lines)
{
    return lines->done;
}

uint64_t sunder_lines_bytes_total(const struct sunder_lines *lines)
{
    return lines->total;
}

void sunder_lines_destroy(struct sunder_lines **lines)
{
    if (lines == NULL || *lines == NULL) {
        return;
    }
    if ((*lines)->spool != NULL) {
        fclose((*lines)->spool);
    }
    if ((*lines)->owned) {
        close((*lines)->fd);
    }
    free((*lines)->buf);
    free(*lines);
    *lines = NULL;
}

bool sunder_line_blank(struct sunder_str line)
{
    for (uint32_t i = 0; i < line.len; i++) {
        if (line.at[i] != ' ' && line.at[i] != '\t' && line.at[i] != '\r') {
            return false;
        }
    }
    return true;
}
