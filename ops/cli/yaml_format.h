/* The canonical form of a policy or test file. Only blanks change: indentation becomes two blanks a level, with lists below their
 * key indented; lists and maps in one line lose blanks inside their brackets; a comment has a blank behind its `#`; there are no
 * blanks at the ends of lines, no two empty lines in a row, and one line's end at the end. Line breaks, order, quotes and what is aligned within a
 * line stay. Shell; any thread. */
#pragma once

#include "engine/base/err.h"
#include "engine/base/str.h"

struct sunder_doc_fail;

/* Formats.
 *   ret_text  gives memory that free() takes
 * SUNDER_ERR_MALFORMED: it is no YAML that we read; *ret_fail says where. SUNDER_ERR_FULL: no memory.
 * SUNDER_ERR_UNSUPPORTED: formatted, it would not mean the same, or lack something; nothing is given, and that is a bug of ours. */
SUNDER_MUST_USE enum sunder_err sunder_yaml_format(
    struct sunder_str text, char **ret_text, uint32_t *ret_len, struct sunder_doc_fail *ret_fail);
