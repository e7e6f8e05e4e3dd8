#include "ops/cli/sod_matrix.h"

#include <stdlib.h>
#include <string.h>

#include "consumers/node/config_read.h"
#include "engine/expr/nearest.h"
#include "engine/model/limits.h"

#define TEXT(str) (int)((str).len < 80 ? (str).len : 80), (str).at
#define NONE UINT32_MAX
#define RULE_NAME_MAX 120u

enum mark {
    MARK_EMPTY, /* Nothing at all, as in the half of a matrix that nobody fills in. */
    MARK_NO,
    MARK_CONFLICT,
    MARK_WRONG,
};

struct importer {
    struct sunder_reader reader;
    const struct sunder_csv *csv;
    struct sunder_sod_matrix *matrix;
    uint32_t column_duty[SUNDER_SOD_DUTIES_MAX + 1]; /* By column of the table. */
    const struct sunder_csv_cell
        *columns[SUNDER_SOD_DUTIES_MAX]; /* By duty; NULL: it is no column. */
    const struct sunder_csv_cell *rows[SUNDER_SOD_DUTIES_MAX];
    /* cells[a][b]: where row a and column b meet, NULL when they do not */
    const struct sunder_csv_cell *cells[SUNDER_SOD_DUTIES_MAX][SUNDER_SOD_DUTIES_MAX];
};

#define SAY(importer, cell, ...)                                                                   \
    sunder_read_complain(&(importer)->reader, (cell)->line, (cell)->column, __VA_ARGS__)

struct sunder_str sunder_sod_slug(struct sunder_arena *arena, struct sunder_str text)
{
    char slug[SUNDER_IDENTIFIER_BYTES_MAX];
    uint32_t len = 0;
    for (uint32_t i = 0; i < text.len && len < sizeof slug; i++) {
        char c = text.at[i];
        c = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
        if (good) {
            slug[len++] = c;
        } else if (len > 0 && slug[len - 1] != '-') {
            slug[len++] = '-';
        }
    }
    len -= len > 0 && slug[len - 1] == '-';
    return sunder_str_copy(arena, (struct sunder_str){slug, len});
}

static bool same_word(struct sunder_str text, const char *word)
{
    size_t len = strlen(word);
    bool same = text.len == len;
    for (size_t i = 0; same && i < len; i++) {
        char c = text.at[i];
        same = (c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c) == word[i];
    }
    return same;
}

static enum mark mark_of(struct sunder_str text)
{
    static const char *const YES[] = {
        "x", "1", "yes", "true", "conflict", "\xe2\x9c\x93", "\xc3\x97"};
    static const char *const NO[] = {"-", "0", "no", "false", ".", "\xe2\x80\x93", "\xe2\x80\x94"};
    if (text.len == 0) {
        return MARK_EMPTY;
    }
    for (size_t i = 0; i < sizeof YES / sizeof YES[0]; i++) {
        if (same_word(text, YES[i])) {
            return MARK_CONFLICT;
        }
    }
    for (size_t i = 0; i < sizeof NO / sizeof NO[0]; i++) {
        if (same_word(text, NO[i])) {
            return MARK_NO;
        }
    }
    return MARK_WRONG;
}

/* The duty of a row's or a column's name; NONE after a complaint. `first`: the first one that this side has. */
static uint32_t duty_take(struct importer *importer, const struct sunder_csv_cell *cell)
{
    struct sunder_sod_matrix *matrix = importer->matrix;
    struct sunder_str id = sunder_sod_slug(importer->reader.arena, cell->text);
    if (id.at == NULL || id.len == 0) {
        SAY(importer,
            cell,
            "`%.*s` has no letter a-z and no digit, of which names are made",
            TEXT(cell->text));
        return NONE;
    }
    for (uint32_t i = 0; i < matrix->count; i++) {
        if (!sunder_str_equal(matrix->duties[i].id, id)) {
            continue;
        }
        if (!sunder_str_equal(matrix->duties[i].cell.text, cell->text)) {
            SAY(importer,
                cell,
                "`%.*s` and `%.*s` (line %u, column %u) would both become the duty `%.*s`",
                TEXT(cell->text),
                TEXT(matrix->duties[i].cell.text),
                matrix->duties[i].cell.line,
                matrix->duties[i].cell.column,
                TEXT(id));
            return NONE;
        }
        return i;
    }
    if (matrix->count == SUNDER_SOD_DUTIES_MAX) {
        SAY(importer, cell, "more than %u duties", SUNDER_SOD_DUTIES_MAX);
        return NONE;
    }
    matrix->duties[matrix->count] = (struct sunder_sod_duty){id, *cell};
    return matrix->count++;
}

static void columns_take(struct importer *importer)
{
    const struct sunder_csv_row *head = &importer->csv->rows[0];
    for (uint32_t i = 1; i < head->count && i <= SUNDER_SOD_DUTIES_MAX; i++) {
        importer->column_duty[i] = NONE;
        if (head->cells[i].text.len == 0) {
            continue; /* Spreadsheets write separators behind the last column. */
        }
        uint32_t duty = duty_take(importer, &head->cells[i]);
        for (uint32_t k = 1; k < i && duty != NONE; k++) {
            if (importer->column_duty[k] == duty) {
                SAY(importer,
                    &head->cells[i],
                    "the column `%.*s` is here twice, first in column %u",
                    TEXT(head->cells[i].text),
                    head->cells[k].column);
                break;
            }
        }
        importer->column_duty[i] = duty;
        if (duty != NONE) {
            importer->columns[duty] = &head->cells[i];
        }
    }
}

static void cell_take(
    struct importer *importer, uint32_t row, uint32_t column, const struct sunder_csv_cell *cell)
{
    enum mark mark = mark_of(cell->text);
    if (mark == MARK_WRONG) {
        SAY(importer,
            cell,
            "`%.*s` is neither a conflict (x, 1, yes) nor none (nothing, -, 0, no)",
            TEXT(cell->text));
    } else if (mark == MARK_CONFLICT && row == column) {
        SAY(importer, cell, "a duty cannot conflict with itself");
    } else if (row != column) {
        importer->cells[row][column] = cell;
        importer->matrix->conflict[row][column] = mark == MARK_CONFLICT;
    }
}

static void row_take(struct importer *importer, const struct sunder_csv_row *row, uint32_t *seen)
{
    const struct sunder_csv_cell *name = &row->cells[0];
    if (name->text.len == 0) {
        SAY(importer, name, "this row has marks and no name in its first column");
        return;
    }
    uint32_t duty = duty_take(importer, name);
    if (duty == NONE) {
        return;
    }
    if (seen[duty] != 0) {
        SAY(importer,
            name,
            "the row `%.*s` is here twice, first in line %u",
            TEXT(name->text),
            seen[duty]);
        return;
    }
    seen[duty] = name->line;
    importer->rows[duty] = name;
    uint32_t columns = importer->csv->rows[0].count;
    for (uint32_t i = 1; i < row->count; i++) {
        const struct sunder_csv_cell *cell = &row->cells[i];
        bool named = i < columns && i <= SUNDER_SOD_DUTIES_MAX &&
                     importer->csv->rows[0].cells[i].text.len > 0;
        if (!named && cell->text.len > 0) {
            SAY(importer, cell, "there is no name above this cell, in the first line");
        } else if (named && importer->column_duty[i] != NONE) {
            cell_take(importer, duty, importer->column_duty[i], cell);
        }
    }
}

/* Whether one half of the matrix is empty, so that the other speaks for both. Rows and columns may stand in any order, so a pair
 * is asked for, not a place: no pair is filled in on both sides. */
static bool is_half(const struct importer *importer)
{
    for (uint32_t a = 0; a < importer->matrix->count; a++) {
        for (uint32_t b = 0; b < a; b++) {
            const struct sunder_csv_cell *one = importer->cells[a][b];
            const struct sunder_csv_cell *other = importer->cells[b][a];
            if (one != NULL && other != NULL && one->text.len > 0 && other->text.len > 0) {
                return false;
            }
        }
    }
    return true;
}

/* Whether both names stand on one side only. */
static bool are_lone(const struct importer *importer,
    const struct sunder_csv_cell *row,
    const struct sunder_csv_cell *column)
{
    bool lone_row = false;
    bool lone_column = false;
    for (uint32_t i = 0; i < importer->matrix->count; i++) {
        lone_row = lone_row || (importer->rows[i] == row && importer->columns[i] == NULL);
        lone_column = lone_column || (importer->columns[i] == column && importer->rows[i] == NULL);
    }
    return lone_row && lone_column;
}

/* Half a matrix needs no column for the first name and no row for the last, or the other way round. */
static bool is_corner(const struct importer *importer, uint32_t duty)
{
    const struct sunder_csv_row *head = &importer->csv->rows[0];
    const struct sunder_csv_cell *rows[2] = {
        &importer->csv->rows[1].cells[0], &importer->csv->rows[importer->csv->count - 1].cells[0]};
    const struct sunder_csv_cell *columns[2] = {&head->cells[head->count - 1], &head->cells[1]};
    bool corner = false;
    for (uint32_t i = 0; i < 2; i++) {
        bool mine = importer->rows[duty] == rows[i] || importer->columns[duty] == columns[i];
        corner = corner || (mine && are_lone(importer, rows[i], columns[i]));
    }
    return corner && is_half(importer);
}

/* The duty of the other side with the nearest name. */
static struct sunder_str other_name(const struct importer *importer, uint32_t duty)
{
    struct sunder_str names[SUNDER_SOD_DUTIES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < importer->matrix->count; i++) {
        const struct sunder_csv_cell *other =
            importer->rows[duty] == NULL ? importer->rows[i] : importer->columns[i];
        if (other != NULL && i != duty) {
            names[count++] = importer->matrix->duties[i].id;
        }
    }
    return sunder_str_nearest(importer->matrix->duties[duty].id, names, count);
}

/* A name that is spelt in two ways becomes two duties, each with half of its conflicts. */
static void sides_check(struct importer *importer)
{
    const struct sunder_sod_matrix *matrix = importer->matrix;
    bool any = false;
    for (uint32_t i = 0; i < matrix->count && !any; i++) {
        any = importer->rows[i] != NULL && importer->columns[i] != NULL;
    }
    for (uint32_t i = 0; i < matrix->count && any; i++) {
        const struct sunder_csv_cell *row = importer->rows[i];
        const struct sunder_csv_cell *column = importer->columns[i];
        if ((row != NULL && column != NULL) || is_corner(importer, i)) {
            continue;
        }
        struct sunder_complaints *complaints = importer->reader.complaints;
        struct sunder_str meant = other_name(importer, i);
        uint32_t at = complaints->count;
        SAY(importer,
            row != NULL ? row : column,
            "`%.*s` is a %s and no %s, and becomes a duty of its own%s%.*s%s",
            TEXT(matrix->duties[i].cell.text),
            row != NULL ? "row" : "column",
            row != NULL ? "column" : "row",
            meant.at != NULL ? "; did you mean `" : "",
            TEXT(meant),
            meant.at != NULL ? "`?" : "");
        complaints->errors -= 1;
        if (complaints->count > at) {
            complaints->at[at].level = SUNDER_COMPLAINT_WARNING;
        }
    }
}

static void symmetry_check(struct importer *importer)
{
    struct sunder_sod_matrix *matrix = importer->matrix;
    bool half = is_half(importer);
    for (uint32_t a = 0; a < matrix->count; a++) {
        for (uint32_t b = 0; b < matrix->count; b++) {
            const struct sunder_csv_cell *other = importer->cells[b][a];
            if (!matrix->conflict[a][b] || matrix->conflict[b][a]) {
                continue;
            }
            if (!half && other != NULL) {
                SAY(importer,
                    importer->cells[a][b],
                    "`%.*s` conflicts with `%.*s` here, but not the other way round (line %u, "
                    "column %u): mark both, or fill in one half of the matrix only",
                    TEXT(matrix->duties[a].cell.text),
                    TEXT(matrix->duties[b].cell.text),
                    other->line,
                    other->column);
            }
        }
    }
    for (uint32_t a = 0; a < matrix->count; a++) {
        for (uint32_t b = 0; b < a; b++) {
            bool conflict = matrix->conflict[a][b] || matrix->conflict[b][a];
            matrix->conflict[a][b] = matrix->conflict[b][a] = conflict;
            matrix->conflicts += conflict;
        }
    }
}

enum sunder_err sunder_sod_read(const struct sunder_csv *csv,
    struct sunder_arena *arena,
    struct sunder_complaints *complaints,
    struct sunder_sod_matrix *ret_matrix)
{
    struct importer *importer = calloc(1, sizeof *importer);
    uint32_t *seen = calloc(SUNDER_SOD_DUTIES_MAX, sizeof *seen);
    if (importer == NULL || seen == NULL) {
        free(importer);
        free(seen);
        return SUNDER_ERR_FULL;
    }
    memset(ret_matrix, 0, sizeof *ret_matrix);
    importer->reader = (struct sunder_reader){.arena = arena, .complaints = complaints};
    importer->csv = csv;
    importer->matrix = ret_matrix;
    struct sunder_csv_cell first = {.line = 1, .column = 1};
    if (csv->count < 2 || csv->rows[0].count < 2) {
        SAY(importer,
            &first,
            "a matrix has names of duties in its first line and in its first column");
    } else {
        columns_take(importer);
        for (uint32_t i = 1; i < csv->count; i++) {
            row_take(importer, &csv->rows[i], seen);
        }
        if (complaints->errors == 0) {
            sides_check(importer);
        }
        symmetry_check(importer);
    }
    if (complaints->errors == 0 && ret_matrix->conflicts == 0) {
        SAY(importer, &first, "the matrix has no conflict: mark one with x");
    }
    free(importer);
    free(seen);
    return complaints->errors == 0 ? SUNDER_OK : SUNDER_ERR_INVALID;
}

/* Duties that all conflict with each other. */
struct clique {
    uint32_t members[SUNDER_RULE_DUTIES_MAX];
    uint32_t count;
};

static int by_number(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* From an uncovered pair on, in the order of the table. */
static struct clique clique_grow(const struct sunder_sod_matrix *matrix, uint32_t a, uint32_t b)
{
    struct clique clique = {.members = {a, b}, .count = 2};
    for (uint32_t i = 0; i < matrix->count && clique.count < SUNDER_RULE_DUTIES_MAX; i++) {
        bool all = i != a && i != b;
        for (uint32_t k = 0; k < clique.count && all; k++) {
            all = matrix->conflict[i][clique.members[k]];
        }
        if (all) {
            clique.members[clique.count++] = i;
        }
    }
    qsort(clique.members, clique.count, sizeof clique.members[0], by_number);
    return clique;
}

static void joined(FILE *out,
    const struct sunder_sod_matrix *matrix,
    const uint32_t *members,
    uint32_t count,
    const char *between)
{
    bool ids = between[0] != ' ';
    for (uint32_t i = 0; i < count; i++) {
        const struct sunder_sod_duty *duty = &matrix->duties[members[i]];
        struct sunder_str text = ids ? duty->id : duty->cell.text;
        fputs(i == 0 ? "" : between, out);
        for (uint32_t k = 0; k < text.len; k++) { /* A name in quotes may have a line's end. */
            fputc((unsigned char)text.at[k] < 0x20 ? ' ' : text.at[k], out);
        }
    }
}

static void rule_write(FILE *out,
    const struct sunder_sod_matrix *matrix,
    const struct clique *clique,
    uint32_t number,
    const char *per)
{
    size_t len = 0;
    for (uint32_t i = 0; i < clique->count; i++) {
        len += matrix->duties[clique->members[i]].id.len + 2;
    }
    bool pair = clique->count == 2;
    fputs("\n  # ", out);
    joined(out, matrix, clique->members, clique->count, " x ");
    fputs(pair ? "\n  - name: " : "\n  - separation: ", out);
    if (len <=
        RULE_NAME_MAX) { /* No duty has two dashes in a row, so that each name is one rule's. */
        joined(out, matrix, clique->members, clique->count, "--");
    } else {
        fprintf(out, "conflict-%u", number);
    }
    fputs(pair ? "\n    distinct: [" : "\n    duties: [", out);
    joined(out, matrix, clique->members, clique->count, ", ");
    fprintf(out, "]\n%s    per: %s\n", pair ? "" : "    at_most: 1\n", per);
}

static uint32_t rules_write(FILE *out, const struct sunder_sod_matrix *matrix, const char *per)
{
    bool *covered = calloc((size_t)matrix->count * matrix->count, sizeof *covered);
    uint32_t rules = 0;
    for (uint32_t a = 0; covered != NULL && a < matrix->count; a++) {
        for (uint32_t b = a + 1; b < matrix->count; b++) {
            if (!matrix->conflict[a][b] || covered[(a * matrix->count) + b]) {
                continue;
            }
            struct clique clique = clique_grow(matrix, a, b);
            for (uint32_t i = 0; i < clique.count; i++) {
                for (uint32_t k = i + 1; k < clique.count; k++) {
                    covered[(clique.members[i] * matrix->count) + clique.members[k]] = true;
                }
            }
            rule_write(out, matrix, &clique, ++rules, per);
        }
    }
    free(covered);
    return rules;
}

uint32_t sunder_sod_write(FILE *out,
    const struct sunder_sod_matrix *matrix,
    const char *source,
    const char *name,
    const char *per)
{
    bool keyed = strcmp(per, "object") == 0 || strcmp(per, "case") == 0;
    fprintf(out,
        "# %u duties and %u conflicts, from %s. What is left to do:\n"
        "#  - catalogue: put the tool and the action that carry out each duty in place of "
        "`replace-me` "
        "and its name;\n"
        "#    a duty may have several lines%s%s\n"
        "#  - rules: is the conflict one per %s? `object`, `case`, `task` and `tenant` can stand "
        "there\n"
        "#  - then: sunder check FILE, and say what must come out in tests (sunder test --help)\n"
        "sunder: 1\n"
        "name: %s\n"
        "domain: tenant\n"
        "tenant: payload\n"
        "authority: open\n\n"
        "catalogue:\n",
        matrix->count,
        matrix->conflicts,
        source,
        keyed ? "; and the argument that says which " : "",
        keyed ? (per[0] == 'o' ? "object it acts on" : "case it belongs to") : "",
        per,
        name);
    for (uint32_t i = 0; i < matrix->count; i++) {
        struct sunder_str id = matrix->duties[i].id;
        fprintf(out,
            "  - {tool: replace-me, action: \"%.*s\", duty: \"%.*s\"",
            (int)id.len,
            id.at,
            (int)id.len,
            id.at);
        if (keyed) {
            fprintf(out, ", %s: args.%s", per, per);
        }
        fputs("}   # ", out);
        joined(out, matrix, &i, 1, " ");
        fputc('\n', out);
    }
    fputs("\nrules:", out);
    return rules_write(out, matrix, per);
}
