#include "ops/cli/complaint.h"

#include <string.h>

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
    static const char *const WORDS[] = {
#define CODE_WORD(code, word) [SUNDER_COMPLAINT_CODE_##code] = (word),
        SUNDER_COMPLAINT_CODES(CODE_WORD)
#undef CODE_WORD
    };
    return WORDS[complaint->code];
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
