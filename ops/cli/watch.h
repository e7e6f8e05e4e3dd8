/* Waiting for files to change, by their folders (an editor often puts a new file in the place of the old one). Shell; one thread. */
#pragma once

#include "engine/base/err.h"

/* Blocks until something in one of the folders changed, and then is quiet for a moment. Changes count from when `told`, a line,
 * is on stderr.
 * SUNDER_ERR_IO: inotify does not work here (vendor is errno). */
SUNDER_MUST_USE enum sunder_err sunder_watch(
    char *const *folders, unsigned count, const char *told, struct sunder_fail *reterr_fail);
