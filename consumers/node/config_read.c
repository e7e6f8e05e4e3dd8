#include "consumers/node/config_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/expr/nearest.h"

#define WORDS_MAX 32u

void sunder_read_complain(
    struct sunder_reader *reader, uint32_t line, uint32_t column, const char *format, ...)
{
    struct sunder_complaints *complaints = reader->complaints;
    complaints->errors++;
    if (complaints->count == SUNDER_COMPLAINTS_MAX) {
        complaints->dropped++;
        return;
    }
    char text[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct sunder_str copy = sunder_str_copy(reader->arena, sunder_str_of(text));
    complaints->at[complaints->count++] = (struct sunder_complaint){.level = SUNDER_COMPLAINT_ERROR,
        .line = line,
        .column = column,
        .text = copy.at == NULL
                    ? SUNDER_STR("something is wrong here, and there is no memory to say what")
                    : copy};
}

static struct sunder_str nearest(struct sunder_str word, const char *const *words, uint32_t count)
{
    struct sunder_str candidates[WORDS_MAX];
    uint32_t used = count < WORDS_MAX ? count : WORDS_MAX;
    for (uint32_t i = 0; i < used; i++) {
        candidates[i] = sunder_str_of(words[i]);
    }
    return sunder_str_nearest(word, candidates, used);
}

void sunder_read_map(struct sunder_reader *reader,
    const struct sunder_doc *map,
    const char *where,
    const struct sunder_read_key *keys,
    uint32_t count)
{
    if (map->kind != SUNDER_DOC_MAP) {
        sunder_read_complain(reader, map->line, map->column, "%s must be a map of keys", where);
        return;
    }
    for (uint32_t i = 0; i < map->count; i++) {
        const struct sunder_doc_entry *entry = &map->entries[i];
        const struct sunder_read_key *found = NULL;
        const char *names[WORDS_MAX];
        for (uint32_t k = 0; k < count; k++) {
            names[k] = keys[k].name;
            if (sunder_str_equal(entry->name, sunder_str_of(keys[k].name))) {
                found = &keys[k];
            }
        }
        if (found != NULL) {
            found->read(reader, &entry->value, found->ret_value);
            continue;
        }
        struct sunder_str near = nearest(entry->name, names, count);
        sunder_read_complain(reader,
            entry->line,
            entry->column,
            "unknown key `%.*s` in %s%s%.*s%s",
            (int)(entry->name.len < 64 ? entry->name.len : 64),
            entry->name.at,
            where,
            near.at == NULL ? "" : "; did you mean `",
            (int)near.len,
            near.at == NULL ? "" : near.at,
            near.at == NULL ? "" : "`?");
    }
}

void sunder_read_text(struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value)
{
    if (value->kind != SUNDER_DOC_SCALAR || value->text.len == 0 ||
        memchr(value->text.at, '\0', value->text.len) != NULL) {
        sunder_read_complain(reader, value->line, value->column, "a text is wanted here");
        return;
    }
    char *copy = sunder_arena_alloc(reader->arena, (size_t)value->text.len + 1, 1);
    if (copy == NULL) {
        sunder_read_complain(reader, value->line, value->column, "the configuration is too large");
        return;
    }
    memcpy(copy, value->text.at, value->text.len);
    *(const char **)ret_value = copy;
}

void sunder_read_name(struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value)
{
    for (uint32_t i = 0; value->kind == SUNDER_DOC_SCALAR && i < value->text.len; i++) {
        char c = value->text.at[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '-' || c == '_';
        if (!good) {
            sunder_read_complain(
                reader, value->line, value->column, "letters, digits, `.`, `-` and `_` only");
            return;
        }
    }
    sunder_read_text(reader, value, ret_value);
}

struct unit {
    const char *name;
    uint64_t factor;
};

static bool read_number(
    const struct sunder_doc *value, const struct unit *units, uint64_t max, uint64_t *ret_number)
{
    if (value->kind != SUNDER_DOC_SCALAR) {
        return false;
    }
    uint64_t number = 0;
    uint32_t at = 0;
    for (; at < value->text.len && value->text.at[at] >= '0' && value->text.at[at] <= '9'; at++) {
        number = number * 10 + (uint64_t)(value->text.at[at] - '0');
        if (number > max) {
            return false;
        }
    }
    struct sunder_str rest = {value->text.at + at, value->text.len - at};
    for (const struct unit *unit = units; at > 0 && unit->name != NULL; unit++) {
        if (sunder_str_equal(rest, sunder_str_of(unit->name)) && number > 0 &&
            number <= max / unit->factor) {
            *ret_number = number * unit->factor;
            return true;
        }
    }
    return false;
}

void sunder_read_duration(
    struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value)
{
    static const struct unit UNITS[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {NULL, 0}};
    uint64_t number = 0;
    if (!read_number(value, UNITS, 3600000, &number)) {
        sunder_read_complain(reader,
            value->line,
            value->column,
            "a duration up to an hour is wanted here, like 500ms, 2s or 1m");
        return;
    }
    *(uint32_t *)ret_value = (uint32_t)number;
}

void sunder_read_ms(struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value)
{
    static const struct unit UNITS[] = {{"", 1}, {NULL, 0}};
    uint64_t number = 0;
    if (!read_number(value, UNITS, 60000, &number)) {
        sunder_read_complain(reader,
            value->line,
            value->column,
            "a number of milliseconds from 1 to 60000 is wanted here");
        return;
    }
    *(uint32_t *)ret_value = (uint32_t)number;
}

void sunder_read_bytes(
    struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value)
{
    static const struct unit UNITS[] = {
        {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}, {NULL, 0}};
    uint64_t number = 0;
    if (!read_number(value, UNITS, (uint64_t)1 << 38, &number)) {
        sunder_read_complain(reader,
            value->line,
            value->column,
            "a size is wanted here, like 512KiB, 24MiB or 1GiB");
        return;
    }
    *(uint64_t *)ret_value = number;
}

uint32_t sunder_read_word(
    struct sunder_reader *reader, const struct sunder_doc *value, const char *const *words)
{
    char list[200] = "";
    size_t len = 0;
    uint32_t count = 0;
    for (; words[count] != NULL; count++) {
        if (value->kind == SUNDER_DOC_SCALAR &&
            sunder_str_equal(value->text, sunder_str_of(words[count]))) {
            return count;
        }
        int more =
            snprintf(list + len, sizeof list - len, "%s%s", count == 0 ? "" : ", ", words[count]);
        len += more > 0 && (size_t)more < sizeof list - len ? (size_t)more : 0;
    }
    struct sunder_str near = value->kind == SUNDER_DOC_SCALAR ? nearest(value->text, words, count)
                                                              : (struct sunder_str){0};
    sunder_read_complain(reader,
        value->line,
        value->column,
        "one of %s is wanted here%s%.*s%s",
        list,
        near.at == NULL ? "" : "; did you mean `",
        (int)near.len,
        near.at == NULL ? "" : near.at,
        near.at == NULL ? "" : "`?");
    return 0;
}
