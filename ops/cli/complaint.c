#include "ops/cli/complaint.h"

#include <string.h>

/* Which words of a sentence make which code; the first that fits. */
static const struct {
    const char *words;
    const char *code;
} CODES[] = {
    {"this is a test file", "test_file"},
    {"unknown key `", "unknown_key"},
    {" that lacks `", "absent_field"},
    {"has no `within`", "counts_for_ever"},
    {"is not exact", "inexact"},
    {"unknown field `", "unknown_field"},
    {"unknown function `", "unknown_function"},
    {"is not supported by this build yet", "unsupported"},
    {"did you mean `", "wrong_word"},
    {"it is one of: ", "wrong_word"},
    {"stands twice in one map", "repeated"},
    {"is here twice", "repeated"},
    {"two rules are called", "repeated"},
    {"has its name in", "repeated"},
    {"already", "repeated"},
    {"no entry of the catalogue", "unmapped"},
    {"could never fire", "never_fires"},
    {"nobody could ever", "impossible"},
    {"could never be approved", "impossible"},
    {"stops every act", "denies_all"},
    {"every act", "denies_all"},
    {"no rule looks at", "unused"},
    {"no limit uses", "unused"},
    {"no rule uses", "unused"},
    {"has no effect", "unused"},
    {"that the agent claims", "claimed_key"},
    {"more than one domain", "domain_too_fine"},
    {"under this domain", "domain_too_fine"},
    {"no such id", "unknown_tag"},
    {"there is no framework", "unknown_tag"},
    {"a tag is", "unknown_tag"},
    {"is missing", "missing"},
    {"has no value", "missing"},
    {" needs ", "missing"},
    {"this rule has no ", "missing"},
    {"this entry has no ", "missing"},
    {"must be", "wrong_type"},
    {"is true or false", "wrong_type"},
    {"this expression must give", "expression_type"},
    {"cannot be compared", "expression_type"},
    {"can be read in", "expression_field"},
    {"the expression", "expression_syntax"},
};

static bool contains(struct sunder_str text, const char *words, uint32_t *ret_at)
{
    size_t len = strlen(words);
    for (uint32_t i = 0; i + len <= text.len; i++) {
        if (memcmp(text.at + i, words, len) == 0) {
            *ret_at = i + (uint32_t)len;
            return true;
        }
    }
    return false;
}

const char *sunder_complaint_code(const struct sunder_complaint *complaint)
{
    uint32_t ignored;
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) {
        if (contains(complaint->text, CODES[i].words, &ignored)) {
            return CODES[i].code;
        }
    }
    return "invalid";
}

struct sunder_str sunder_complaint_meant(const struct sunder_complaint *complaint)
{
    uint32_t at = 0;
    if (!contains(complaint->text, "did you mean `", &at)) {
        return (struct sunder_str){0};
    }
    struct sunder_str rest = {complaint->text.at + at, complaint->text.len - at};
    const char *end = memchr(rest.at, '`', rest.len);
    return end == NULL ? (struct sunder_str){0}
                       : (struct sunder_str){rest.at, (uint32_t)(end - rest.at)};
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._-/@", c) != NULL) || (c & 0x80) != 0;
}

/* Behind the bracket that closes the one at `at`; the line's end when that is further on. */
static const char *closing(const char *at, const char *end)
{
    uint32_t depth = 0;
    for (; at < end; at++) {
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        if (depth == 0) {
            return at + 1;
        }
    }
    return end;
}

/* Characters, not bytes. */
static uint32_t width(const char *from, const char *to)
{
    uint32_t count = 0;
    for (; from < to; from++) {
        count += (*from & 0xc0) != 0x80;
    }
    return count;
}

struct sunder_complaint_range sunder_complaint_range(
    const struct sunder_complaint *complaint, struct sunder_str file)
{
    struct sunder_complaint_range range = {
        complaint->line, complaint->column, complaint->line, complaint->column + 1};
    const char *at = file.at;
    const char *end = file.at + file.len;
    for (uint32_t line = 1; line < complaint->line && at < end; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline == NULL ? end : newline + 1;
    }
    const char *line_end = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    end = line_end == NULL ? end : line_end;
    for (uint32_t column = 1; column < complaint->column && at < end; column++) {
        for (at++; at < end && (*at & 0xc0) == 0x80; at++) {
        }
    }
    if (at >= end) {
        return range;
    }
    const char *stop = at;
    if (*at == '"' || *at == '\'') {
        for (stop++; stop < end && *stop != *at; stop++) {
        }
        stop += stop < end;
    } else if (*at == '{' || *at == '[') {
        stop = closing(at, end);
    } else {
        while (stop < end && is_word(*stop)) {
            stop++;
        }
    }
    range.end_column = range.column + (stop > at ? width(at, stop) : 1);
    return range;
}
