#include "ops/cli/yaml_format.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/arena.h"
#include "proto/doc.h"

#define STEP 2
#define LEVELS_MAX (4u * SUNDER_DOC_DEPTH_MAX)
#define ARENA_BYTES ((size_t)64 << 20)

/* A level of block style. list: its lines begin with a dash. */
struct level {
    uint32_t old;
    uint32_t new;
    bool list;
};

/* levels      the lists and maps that are open
 * flow        brackets that are open
 * quote       that is open, or 0
 * block       a text after | or > goes on as long as lines are indented by more than block_old
 * opens       the last line of content ends where a value should stand
 * shift       from old to new indentation, of the line under way and those that go on with it
 * comments    lines of comments that wait for the line below them; from `text`
 * empty       an empty line waits */
struct format {
    FILE *out;
    struct level levels[LEVELS_MAX];
    uint32_t level_count;
    uint32_t flow;
    char quote;
    bool block;
    uint32_t block_old;
    bool opens;
    int64_t shift;
    struct sunder_str *comments;
    uint32_t comment_count;
    bool empty;
    bool any; /* Something is written. */
    bool full;
};

static uint32_t indent_of(struct sunder_str line)
{
    uint32_t indent = 0;
    while (indent < line.len && line.at[indent] == ' ') {
        indent++;
    }
    return indent;
}

static struct sunder_str without_end(struct sunder_str line)
{
    while (line.len > 0 && (line.at[line.len - 1] == ' ' || line.at[line.len - 1] == '\t' ||
                               line.at[line.len - 1] == '\r')) {
        line.len--;
    }
    return line;
}

static struct sunder_str from(struct sunder_str line, uint32_t at)
{
    return (struct sunder_str){line.at + at, line.len - at};
}

static void blanks(struct format *format, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        fputc(' ', format->out);
    }
}

static void empty_flush(struct format *format)
{
    if (format->empty && format->any) {
        fputc('\n', format->out);
    }
    format->empty = false;
    format->any = true;
}

/* A comment from its `#` on. */
static void comment_write(struct format *format, struct sunder_str text)
{
    uint32_t marks = 0;
    while (marks < text.len && text.at[marks] == '#') {
        marks++;
    }
    fwrite(text.at, 1, marks, format->out);
    if (marks < text.len && text.at[marks] != ' ' && text.at[marks] != '\t' &&
        text.at[marks] != '!') {
        fputc(' ', format->out);
    }
    fwrite(text.at + marks, 1, text.len - marks, format->out);
}

/* The new indentation of a comment: that of the level it stands at. */
static uint32_t comment_indent(const struct format *format, uint32_t old)
{
    uint32_t best = 0;
    for (uint32_t i = 0; i < format->level_count; i++) {
        best = format->levels[i].old <= old ? format->levels[i].new : best;
    }
    return best;
}

/* The comments above a line at `old`, which is written at `new`. */
static void comments_flush(struct format *format, uint32_t old, uint32_t new)
{
    for (uint32_t i = 0; i < format->comment_count; i++) {
        struct sunder_str line = format->comments[i];
        if (line.len == 0) { /* Stands for an empty line. */
            format->empty = true;
            continue;
        }
        empty_flush(format);
        uint32_t indent = indent_of(line);
        blanks(format, indent == old ? new : comment_indent(format, indent));
        comment_write(format, from(line, indent));
        fputc('\n', format->out);
    }
    format->comment_count = 0;
}

/* Without room the last level stays, and the text is not given out. */
static const struct level *push(struct format *format, uint32_t old, uint32_t new, bool list)
{
    format->full = format->full || format->level_count == LEVELS_MAX;
    format->level_count += format->full ? 0 : 1;
    struct level *level = &format->levels[format->level_count == 0 ? 0 : format->level_count - 1];
    *level = (struct level){old, new, list};
    return level;
}

static struct level *top(struct format *format)
{
    return format->level_count == 0 ? NULL : &format->levels[format->level_count - 1];
}

static bool is_dash(struct sunder_str text)
{
    return text.len > 0 && text.at[0] == '-' && (text.len == 1 || text.at[1] == ' ');
}

/* Finds or makes the level of a line that begins at `old`; NULL when the line goes on with the text of the one before. */
static const struct level *level_find(struct format *format, uint32_t old, bool dash)
{
    while (format->level_count > 0 && top(format)->old > old) {
        format->level_count--;
    }
    struct level *level = top(format);
    if (level == NULL) {
        return push(format, old, 0, dash);
    }
    if (level->old < old) {
        return format->opens ? push(format, old, level->new + STEP, dash) : NULL;
    }
    if (dash && !level->list) { /* A list that is not indented below its key. */
        return push(format, old, level->new + STEP, true);
    }
    if (!dash && level->list && format->level_count > 1 &&
        format->levels[format->level_count - 2].old == old) {
        format->level_count--;
    }
    return &format->levels[format->level_count - 1];
}

/* Whether a text or bracket may begin behind this character. */
static bool begins_token(char before)
{
    return before == '\0' || before == ' ' || before == ',' || before == '[' || before == '{' ||
           before == ':' || before == '-';
}

/* Content of a line as it is scanned.
 * last   the last character that is no blank, outside quotes; 0 at first
 * plain  a plain text is under way, in which brackets and quotes are letters */
struct scan {
    struct sunder_str text;
    uint32_t at;
    char last;
    bool plain;
};

static void quoted_write(struct format *format, struct scan *scan)
{
    while (scan->at < scan->text.len) {
        char c = scan->text.at[scan->at++];
        fputc(c, format->out);
        if (c == '\\' && format->quote == '"' && scan->at < scan->text.len) {
            fputc(scan->text.at[scan->at++], format->out);
        } else if (c == format->quote) {
            bool twice = c == '\'' && scan->at < scan->text.len && scan->text.at[scan->at] == c;
            if (!twice) {
                format->quote = '\0';
                scan->last = 'q';
                return;
            }
            fputc(scan->text.at[scan->at++], format->out);
        }
    }
}

static void bracket_write(struct format *format, struct scan *scan, char c)
{
    bool opens = c == '{' || c == '[';
    format->flow += opens ? 1 : 0;
    format->flow -= !opens && format->flow > 0 ? 1 : 0;
    fputc(c, format->out);
    scan->at++;
    scan->last = c;
    scan->plain = false;
}

/* Blanks, as they are, or none inside of brackets and before a comma. */
static void blanks_write(struct format *format, struct scan *scan)
{
    uint32_t start = scan->at;
    while (scan->at < scan->text.len &&
           (scan->text.at[scan->at] == ' ' || scan->text.at[scan->at] == '\t')) {
        scan->at++;
    }
    char next = scan->at < scan->text.len ? scan->text.at[scan->at] : '\0';
    bool inside = format->flow > 0 && (scan->last == '{' || scan->last == '[') && next != '#';
    bool before = format->flow > 0 && (next == '}' || next == ']' || next == ',');
    if (!inside && !before && next != '\0') {
        fwrite(scan->text.at + start, 1, scan->at - start, format->out);
    }
}

static bool comment_begins(const struct scan *scan)
{
    char before = scan->at == 0 ? ' ' : scan->text.at[scan->at - 1];
    return scan->text.at[scan->at] == '#' && (before == ' ' || before == '\t');
}

static void plain_write(struct format *format, struct scan *scan, char c)
{
    char next = scan->at + 1 < scan->text.len ? scan->text.at[scan->at + 1] : '\0';
    bool colon = c == ':' && (next == ' ' || next == '\0' ||
                                 (format->flow > 0 && strchr(",[]{}", next) != NULL));
    bool comma = c == ',' && format->flow > 0;
    fputc(c, format->out);
    if (comma && next != ' ' && next != '\0') {
        fputc(' ', format->out);
    }
    scan->plain = !colon && !comma;
    scan->last = c;
    scan->at++;
}

/* Writes a line's content and keeps count of what is open. */
static void content_write(struct format *format, struct sunder_str text)
{
    struct scan scan = {.text = text, .last = format->flow > 0 ? ',' : '\0'};
    while (scan.at < text.len) {
        char c = text.at[scan.at];
        char before = scan.at == 0 ? '\0' : text.at[scan.at - 1];
        if (format->quote != '\0') {
            quoted_write(format, &scan);
        } else if (c == ' ' || c == '\t') {
            blanks_write(format, &scan);
        } else if (comment_begins(&scan)) {
            comment_write(format, from(text, scan.at));
            break;
        } else if ((c == '"' || c == '\'') && !scan.plain && begins_token(before)) {
            format->quote = c;
            fputc(c, format->out);
            scan.at++;
            quoted_write(format, &scan);
        } else if (((c == '{' || c == '[') && !scan.plain) ||
                   (format->flow > 0 && strchr("{}[]", c) != NULL)) {
            bracket_write(format, &scan, c);
        } else {
            plain_write(format, &scan, c);
        }
    }
    format->opens = format->flow == 0 && format->quote == '\0' && scan.last == ':' && !scan.plain;
}

/* Whether a line ends with | or > and so begins a text of lines. */
static bool begins_block(struct sunder_str text)
{
    for (uint32_t i = 1; i < text.len; i++) { /* Without its comment. */
        if (text.at[i] == '#' && text.at[i - 1] == ' ') {
            text = without_end((struct sunder_str){text.at, i});
            break;
        }
    }
    uint32_t end = text.len;
    while (end > 0 && (text.at[end - 1] == '+' || text.at[end - 1] == '-' ||
                          (text.at[end - 1] >= '1' && text.at[end - 1] <= '9'))) {
        end--;
    }
    bool mark = end > 0 && (text.at[end - 1] == '|' || text.at[end - 1] == '>');
    if (!mark || text.len - end > 2) {
        return false;
    }
    uint32_t before = end - 1;
    while (before > 0 && text.at[before - 1] == ' ') {
        before--;
    }
    return before == 0 ||
           (before < end - 1 && (text.at[before - 1] == ':' || text.at[before - 1] == '-'));
}

/* A line that begins a list's item or a map's entry, or goes on with the text of the line before. */
static void structure_write(struct format *format, struct sunder_str line)
{
    uint32_t old = indent_of(line);
    struct sunder_str text = from(line, old);
    const struct level *level = level_find(format, old, is_dash(text));
    bool begins = level != NULL;
    uint32_t new = begins ? level->new : 0;
    int64_t at = begins ? (int64_t) new : (int64_t)old + format->shift;
    at = at < 0 ? 0 : at;
    comments_flush(format, old, (uint32_t)at);
    empty_flush(format);
    blanks(format, at);
    if (begins) {
        format->shift = (int64_t) new - (int64_t)old;
    }
    bool dashes = false;
    while (begins && is_dash(text)) {
        uint32_t skip = 1;
        while (skip < text.len && text.at[skip] == ' ') {
            skip++;
        }
        fputs(text.len == skip && skip == 1 ? "-" : "- ", format->out);
        old += skip;
        new += STEP;
        text = from(text, skip);
        format->shift = (int64_t) new - (int64_t)old;
        dashes = text.len == 0;
        if (text.len > 0 && text.at[0] != '#') {
            (void)push(format, old, new, is_dash(text));
        } else {
            break;
        }
    }
    format->block = begins_block(text);
    format->block_old = format->level_count > 0 ? format->levels[format->level_count - 1].old : 0;
    if (format->block && text.len > 0 && (text.at[0] == '|' || text.at[0] == '>') &&
        format->level_count > 1) { /* "- |": the text is the item's. */
        format->level_count--;
        format->block_old = format->levels[format->level_count - 1].old;
    }
    content_write(format, text);
    format->opens = format->opens || dashes;
    fputc('\n', format->out);
}

/* A line of what is open already: a bracket, a quote, a text of lines. */
static void continuation_write(struct format *format, struct sunder_str line)
{
    uint32_t old = indent_of(line);
    int64_t at = (int64_t)old + format->shift;
    struct sunder_str text = from(line, old);
    empty_flush(format);
    if (text.len > 0) {
        blanks(format, at < 0 ? 0 : at);
    }
    if (format->block) {
        fwrite(text.at, 1, text.len, format->out);
    } else if (format->quote == '\0' && text.len > 0 && text.at[0] == '#') {
        comment_write(format, text);
    } else {
        content_write(format, text);
    }
    fputc('\n', format->out);
}

static void comment_keep(struct format *format, struct sunder_str line)
{
    uint32_t count = format->comment_count;
    if ((count & (count - 1)) == 0) { /* Room for the next power of two. */
        struct sunder_str *more =
            realloc(format->comments, (count == 0 ? 1 : (size_t)count * 2) * sizeof *more);
        if (more == NULL) {
            format->full = true;
            return;
        }
        format->comments = more;
    }
    format->comments[format->comment_count++] = line;
}

static void line_take(struct format *format, struct sunder_str raw)
{
    struct sunder_str line = without_end(raw);
    if (format->block) {
        bool inside = line.len == 0 || indent_of(line) > format->block_old;
        if (inside) {
            struct sunder_str whole = raw;
            whole.len -= whole.len > 0 && whole.at[whole.len - 1] == '\r';
            continuation_write(format, whole);
            return;
        }
        format->block = false;
    }
    uint32_t old = indent_of(line);
    if (format->quote != '\0' || (format->flow > 0 && line.len > 0)) {
        continuation_write(format, line);
    } else if (line.len == 0) {
        if (format->comment_count > 0) {
            comment_keep(format, line);
        } else {
            format->empty = true;
        }
    } else if (line.at[old] == '#') {
        comment_keep(format, line);
    } else {
        structure_write(format, line);
    }
}

static bool same_tree(const struct sunder_doc *a, const struct sunder_doc *b)
{
    if (a->kind != b->kind || a->quoted != b->quoted || a->count != b->count ||
        !sunder_str_equal(a->text, b->text)) {
        return false;
    }
    for (uint32_t i = 0; i < a->count; i++) { /* Its depth is bounded by SUNDER_DOC_DEPTH_MAX. */
        bool same = a->kind == SUNDER_DOC_LIST
                        ? same_tree(&a->items[i], &b->items[i])
                        : sunder_str_equal(a->entries[i].name, b->entries[i].name) &&
                              same_tree(&a->entries[i].value, &b->entries[i].value);
        if (!same) {
            return false;
        }
    }
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The same characters but for blanks, so that no comment is lost. */
static bool same_ink(struct sunder_str a, struct sunder_str b)
{
    uint32_t i = 0;
    uint32_t k = 0;
    for (;;) {
        while (i < a.len && is_blank(a.at[i])) {
            i++;
        }
        while (k < b.len && is_blank(b.at[k])) {
            k++;
        }
        if (i == a.len || k == b.len) {
            return i == a.len && k == b.len;
        }
        if (a.at[i++] != b.at[k++]) {
            return false;
        }
    }
}

static enum sunder_err verify(
    struct sunder_str before, struct sunder_str after, struct sunder_doc_fail *ret_fail)
{
    void *memory = malloc(ARENA_BYTES);
    if (memory == NULL) {
        return SUNDER_ERR_FULL;
    }
    struct sunder_arena arena = sunder_arena_of(memory, ARENA_BYTES);
    struct sunder_doc trees[2] = {0};
    struct sunder_doc_fail fail = {0};
    enum sunder_err err = sunder_doc_parse(before, &arena, &trees[0], ret_fail);
    if (err == SUNDER_OK) {
        bool same = sunder_doc_parse(after, &arena, &trees[1], &fail) == SUNDER_OK &&
                    same_tree(&trees[0], &trees[1]) && same_ink(before, after);
        err = same ? SUNDER_OK : SUNDER_ERR_UNSUPPORTED;
    }
    free(memory);
    return err;
}

static void lines_take(struct format *format, struct sunder_str text)
{
    while (text.len > 0) {
        const char *end = memchr(text.at, '\n', text.len);
        uint32_t len = end == NULL ? text.len : (uint32_t)(end - text.at);
        line_take(format, (struct sunder_str){text.at, len});
        len += end != NULL;
        text = from(text, len);
    }
    comments_flush(format, UINT32_MAX, 0);
}

enum sunder_err sunder_yaml_format(
    struct sunder_str text, char **ret_text, uint32_t *ret_len, struct sunder_doc_fail *ret_fail)
{
    const struct sunder_str mark = SUNDER_STR("\xef\xbb\xbf");
    if (sunder_str_starts_with(text, mark)) {
        text = from(text, mark.len);
    }
    struct format *format = calloc(1, sizeof *format);
    char *out = NULL;
    size_t len = 0;
    if (format != NULL) {
        format->out = open_memstream(&out, &len);
    }
    if (format == NULL || format->out == NULL) {
        free(format);
        return SUNDER_ERR_FULL;
    }
    lines_take(format, text);
    bool full = fclose(format->out) != 0 || format->full;
    enum sunder_err err =
        full ? SUNDER_ERR_FULL : verify(text, (struct sunder_str){out, (uint32_t)len}, ret_fail);
    free(format->comments);
    free(format);
    if (err != SUNDER_OK) {
        free(out);
        return err;
    }
    *ret_text = out;
    *ret_len = (uint32_t)len;
    return SUNDER_OK;
}
