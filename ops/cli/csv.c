#include "ops/cli/csv.h"

#include <stdbool.h>
#include <stdlib.h>

/* cells  of the row under way; moved to the arena when it ends */
struct reader {
    struct sunder_str text;
    uint32_t at;
    uint32_t line;
    uint32_t column;
    char separator;
    struct sunder_arena *arena;
    struct sunder_csv_cell *cells;
    uint32_t cell_count;
    uint32_t cell_max;
    struct sunder_csv_row *rows;
    uint32_t row_count;
    uint32_t row_max;
    struct sunder_csv_fail *fail;
};

static char separator_find(struct sunder_str text)
{
    static const char CANDIDATES[] = {',', ';', '\t'};
    uint32_t counts[3] = {0};
    bool quoted = false;
    for (uint32_t i = 0; i < text.len && (quoted || text.at[i] != '\n'); i++) {
        quoted = quoted != (text.at[i] == '"');
        for (uint32_t k = 0; k < 3 && !quoted; k++) {
            counts[k] += text.at[i] == CANDIDATES[k];
        }
    }
    uint32_t best = 0;
    for (uint32_t k = 1; k < 3; k++) {
        best = counts[k] > counts[best] ? k : best;
    }
    return CANDIDATES[best];
}

static bool at_end(const struct reader *reader)
{
    return reader->at >= reader->text.len;
}

static char here(const struct reader *reader)
{
    return at_end(reader) ? '\n' : reader->text.at[reader->at];
}

/* Columns count characters, not bytes. */
static void step(struct reader *reader)
{
    char c = here(reader);
    reader->at++;
    if (c == '\n') {
        reader->line++;
        reader->column = 1;
    } else if (at_end(reader) || (reader->text.at[reader->at] & 0xc0) != 0x80) {
        reader->column++;
    }
}

static struct sunder_str trimmed(struct sunder_str text)
{
    while (text.len > 0 && strchr(" \t\r", text.at[0]) != NULL) {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && strchr(" \t\r", text.at[text.len - 1]) != NULL) {
        text.len--;
    }
    return text;
}

static enum sunder_err refuse(struct reader *reader, struct sunder_csv_cell at, const char *text)
{
    *reader->fail = (struct sunder_csv_fail){at.line, at.column, text};
    return SUNDER_ERR_MALFORMED;
}

/* "a ""b"" c": the reader stands at the first quote. */
static enum sunder_err quoted_read(struct reader *reader, struct sunder_csv_cell *cell)
{
    char *out = sunder_arena_alloc(reader->arena, reader->text.len - reader->at + 1, 1);
    if (out == NULL) {
        return SUNDER_ERR_FULL;
    }
    size_t mark = sunder_arena_mark(reader->arena) - (reader->text.len - reader->at + 1);
    uint32_t len = 0;
    step(reader);
    while (!at_end(reader)) {
        if (here(reader) == '"') {
            step(reader);
            if (at_end(reader) || here(reader) != '"') {
                cell->text = trimmed((struct sunder_str){out, len});
                sunder_arena_rewind(reader->arena, mark + len + 1);
                return SUNDER_OK;
            }
        }
        out[len++] = here(reader);
        step(reader);
    }
    return refuse(reader, *cell, "this quote is not closed: the text ends first");
}

static enum sunder_err cell_read(struct reader *reader, struct sunder_csv_cell *ret_cell)
{
    while (here(reader) == ' ') {
        step(reader);
    }
    struct sunder_csv_cell cell = {.line = reader->line, .column = reader->column};
    if (here(reader) == '"') {
        enum sunder_err err = quoted_read(reader, &cell);
        while (here(reader) == ' ' || here(reader) == '\r') {
            step(reader);
        }
        if (err == SUNDER_OK && here(reader) != reader->separator && here(reader) != '\n') {
            struct sunder_csv_cell at = {.line = reader->line, .column = reader->column};
            err = refuse(reader, at, "a separator should stand behind the closing quote");
        }
        *ret_cell = cell;
        return err;
    }
    uint32_t from = reader->at;
    while (here(reader) != reader->separator && here(reader) != '\n') {
        if (here(reader) == '"') {
            return refuse(reader,
                cell,
                "a quote inside a cell: put the whole cell in quotes, and write \"\" for a quote");
        }
        step(reader);
    }
    cell.text = trimmed((struct sunder_str){reader->text.at + from, reader->at - from});
    *ret_cell = cell;
    return SUNDER_OK;
}

static bool grow(void **list, uint32_t *max, size_t size)
{
    uint32_t wanted = *max == 0 ? 64 : *max * 2;
    void *more = realloc(*list, wanted * size);
    if (more == NULL) {
        return false;
    }
    *list = more;
    *max = wanted;
    return true;
}

static enum sunder_err row_end(struct reader *reader)
{
    bool blank = true;
    for (uint32_t i = 0; i < reader->cell_count; i++) {
        blank = blank && reader->cells[i].text.len == 0;
    }
    if (blank) {
        reader->cell_count = 0;
        return SUNDER_OK;
    }
    struct sunder_csv_cell *cells =
        SUNDER_ARENA_NEW(reader->arena, struct sunder_csv_cell, reader->cell_count);
    if (cells == NULL ||
        (reader->row_count == reader->row_max &&
            !grow((void **)&reader->rows, &reader->row_max, sizeof *reader->rows))) {
        return SUNDER_ERR_FULL;
    }
    memcpy(cells, reader->cells, reader->cell_count * sizeof *cells);
    reader->rows[reader->row_count++] = (struct sunder_csv_row){cells, reader->cell_count};
    reader->cell_count = 0;
    return SUNDER_OK;
}

static enum sunder_err rows_read(struct reader *reader)
{
    while (!at_end(reader)) {
        struct sunder_csv_cell cell;
        enum sunder_err err = cell_read(reader, &cell);
        if (err != SUNDER_OK) {
            return err;
        }
        if (reader->cell_count == reader->cell_max &&
            !grow((void **)&reader->cells, &reader->cell_max, sizeof *reader->cells)) {
            return SUNDER_ERR_FULL;
        }
        reader->cells[reader->cell_count++] = cell;
        bool ends = here(reader) == '\n';
        if (!at_end(reader)) {
            step(reader);
        }
        err = ends ? row_end(reader) : SUNDER_OK;
        if (err != SUNDER_OK) {
            return err;
        }
    }
    return row_end(reader);
}

enum sunder_err sunder_csv_parse(struct sunder_str text,
    struct sunder_arena *arena,
    struct sunder_csv *ret_csv,
    struct sunder_csv_fail *ret_fail)
{
    const struct sunder_str mark = SUNDER_STR("\xef\xbb\xbf");
    if (sunder_str_starts_with(text, mark)) {
        text.at += mark.len;
        text.len -= mark.len;
    }
    *ret_fail = (struct sunder_csv_fail){1, 1, "the table is too large"};
    struct reader reader = {.text = text,
        .line = 1,
        .column = 1,
        .separator = separator_find(text),
        .arena = arena,
        .fail = ret_fail};
    enum sunder_err err = rows_read(&reader);
    struct sunder_csv_row *rows = SUNDER_ARENA_NEW(arena, struct sunder_csv_row, reader.row_count);
    if (err == SUNDER_OK && rows == NULL) {
        err = SUNDER_ERR_FULL;
    }
    if (err == SUNDER_OK) {
        if (reader.row_count > 0) {
            memcpy(rows, reader.rows, reader.row_count * sizeof *rows);
        }
        *ret_csv = (struct sunder_csv){rows, reader.row_count, reader.separator};
    }
    free(reader.cells);
    free(reader.rows);
    return err;
}
