/* Reading of a file or pipe line by line, and of the positions that a line of replay input may carry.
 * Shell; one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/err.h"
#include "engine/base/str.h"

/* A longer line ends the reading: nobody's event is that big, and memory is not endless. */
#define SUNDER_LINE_BYTES_MAX (256u << 20)

struct sunder_lines;

/* Opens `path` ("-": stdin, which is not closed). On failure *reterr_fail says why; vendor is errno. */
SUNDER_MUST_USE enum sunder_err sunder_lines_open(
    const char *path, struct sunder_lines **ret_lines, struct sunder_fail *reterr_fail);

/* The next line without its end; lives until the next call. Blank lines are given too.
 * SUNDER_ERR_NOT_FOUND: the end. SUNDER_ERR_FULL: a line over the bound. SUNDER_ERR_IO: reading failed. */
SUNDER_MUST_USE enum sunder_err sunder_lines_next(
    struct sunder_lines *lines, struct sunder_str *ret_line, struct sunder_fail *reterr_fail);

/* All lines that lie in memory, at least one, with their ends; lives until the next call.
 * Errors as of sunder_lines_next. */
SUNDER_MUST_USE enum sunder_err sunder_lines_block(
    struct sunder_lines *lines, struct sunder_str *ret_block, struct sunder_fail *reterr_fail);

/* Makes the input readable from its start again: a pipe is copied to a temporary file first. To be called before the
 * first sunder_lines_next, and again to go back. */
SUNDER_MUST_USE enum sunder_err sunder_lines_rewind(
    struct sunder_lines *lines, struct sunder_fail *reterr_fail);

/* Bytes handed out so far, and of the whole (0: not known, a pipe). */
uint64_t sunder_lines_bytes_done(const struct sunder_lines *lines);
uint64_t sunder_lines_bytes_total(const struct sunder_lines *lines);

void sunder_lines_destroy(struct sunder_lines **lines);

/* Whether nothing but spaces, tabs and a carriage return stands there. */
bool sunder_line_blank(struct sunder_str line);
