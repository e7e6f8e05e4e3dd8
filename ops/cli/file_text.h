/* A whole text file in memory. Shell; any thread. */
#pragma once

#include "engine/base/err.h"
#include "engine/base/str.h"

/* Reads a file ("-": stdin) of at most `bytes_max` bytes.
 *   ret_text  gives memory that free() takes; zero-terminated behind its length
 * SUNDER_ERR_IO: it cannot be read (vendor is errno). SUNDER_ERR_FULL: it is larger, or no memory. */
SUNDER_MUST_USE enum sunder_err sunder_file_text_read(const char *path,
    uint32_t bytes_max,
    char **ret_text,
    uint32_t *ret_len,
    struct sunder_fail *reterr_fail);
