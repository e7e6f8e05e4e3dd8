/* Tables of text as spreadsheets write them: RFC 4180, with a byte order mark or not, and with commas, semicolons or tabs.
 * Shell; any thread. */
#pragma once

#include "engine/base/arena.h"
#include "engine/base/err.h"
#include "engine/base/str.h"

/* line, column  1-based place of its first character */
struct sunder_csv_cell {
    struct sunder_str text; /* Without its quotes, and without blanks around it. */
    uint32_t line;
    uint32_t column;
};

struct sunder_csv_row {
    const struct sunder_csv_cell *cells;
    uint32_t count;
};

struct sunder_csv {
    const struct sunder_csv_row *rows; /* Blank ones are left out. */
    uint32_t count;
    char separator;
};

struct sunder_csv_fail {
    uint32_t line;
    uint32_t column;
    const char *text;
};

/* Parses. The separator is the one of `,` `;` and tab that the first line has most of.
 *   text   borrowed; must live as long as the table
 *   arena  owns the table
 * SUNDER_ERR_MALFORMED: a quote is not closed, or stands inside a cell. SUNDER_ERR_FULL: no room. */
SUNDER_MUST_USE enum sunder_err sunder_csv_parse(struct sunder_str text,
    struct sunder_arena *arena,
    struct sunder_csv *ret_csv,
    struct sunder_csv_fail *ret_fail);
