#include "proto/record_reader.h"

#include <stddef.h>

#include "proto/base64.h"
#include "proto/wire_words.h"

void sunder_record_fail(struct sunder_record_reader *reader, enum sunder_err err)
{
    if (reader->err == SUNDER_OK) {
        reader->err = err;
    }
}

/* Records have a few dozen members: the length and the first byte tell most of them apart, and a search in order then beats one
 * by halves. */
const struct sunder_value *sunder_record_member(const struct sunder_value *map, const char *name)
{
    enum {
        FEW = 32
    };
    struct sunder_str text = sunder_str_of(name);
    if (map == NULL || map->kind != SUNDER_VALUE_MAP || map->count > FEW) {
        return sunder_value_member(map, text);
    }
    for (uint32_t i = 0; i < map->count; i++) {
        struct sunder_str other = map->members[i].name;
        if (other.len == text.len && other.at[0] == text.at[0] &&
            memcmp(other.at, text.at, text.len) == 0) {
            return &map->members[i].value;
        }
    }
    return NULL;
}

struct sunder_str sunder_record_text(const struct sunder_value *map, const char *name)
{
    const struct sunder_value *value = sunder_record_member(map, name);
    bool text = value != NULL && value->kind == SUNDER_VALUE_STRING;
    return text ? value->text : (struct sunder_str){0};
}

bool sunder_record_true(const struct sunder_value *map, const char *name)
{
    const struct sunder_value *value = sunder_record_member(map, name);
    return value != NULL && value->kind == SUNDER_VALUE_BOOL && value->boolean;
}

/* Reads a whole number; false when the text is none or over 64 bits. */
static bool read_whole(struct sunder_str text, bool *ret_negative, uint64_t *ret_magnitude)
{
    bool negative = text.len != 0 && text.at[0] == '-';
    uint64_t magnitude = 0;
    for (uint32_t i = negative ? 1 : 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)(uint8_t)text.at[i] - '0';
        if (digit > 9 || magnitude > (UINT64_MAX - digit) / 10) {
            return false;
        }
        magnitude = (magnitude * 10) + digit;
    }
    *ret_negative = negative;
    *ret_magnitude = magnitude;
    return text.len > (negative ? 1u : 0u);
}

uint64_t sunder_record_whole_u64(struct sunder_record_reader *reader, struct sunder_str text)
{
    bool negative = false;
    uint64_t value = 0;
    if (!read_whole(text, &negative, &value) || negative) {
        sunder_record_fail(reader, SUNDER_ERR_CORRUPT);
        return 0;
    }
    return value;
}

int64_t sunder_record_whole_i64(struct sunder_record_reader *reader, struct sunder_str text)
{
    bool negative = false;
    uint64_t value = 0;
    bool read = read_whole(text, &negative, &value);
    if (!read || value > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        sunder_record_fail(reader, SUNDER_ERR_CORRUPT);
        return 0;
    }
    return negative ? (int64_t)(0 - value) : (int64_t)value;
}

static struct sunder_str number_text(const struct sunder_value *map, const char *name)
{
    const struct sunder_value *value = sunder_record_member(map, name);
    bool number = value != NULL && value->kind == SUNDER_VALUE_NUMBER;
    return number ? value->text : (struct sunder_str){0};
}

uint64_t sunder_record_u64(
    struct sunder_record_reader *reader, const struct sunder_value *map, const char *name)
{
    return sunder_record_whole_u64(reader, number_text(map, name));
}

int64_t sunder_record_i64(
    struct sunder_record_reader *reader, const struct sunder_value *map, const char *name)
{
    return sunder_record_whole_i64(reader, number_text(map, name));
}

/* Reads a number that has fewer bits than 64. */
uint32_t sunder_record_u32(struct sunder_record_reader *reader,
    const struct sunder_value *map,
    const char *name,
    uint32_t max)
{
    uint64_t value = sunder_record_u64(reader, map, name);
    if (value > max) {
        sunder_record_fail(reader, SUNDER_ERR_CORRUPT);
        return 0;
    }
    return (uint32_t)value;
}

struct sunder_digest sunder_record_digest(
    struct sunder_record_reader *reader, const struct sunder_value *map, const char *name)
{
    struct sunder_digest digest = {{0}};
    struct sunder_str text = sunder_record_text(map, name);
    if (sunder_base64url_decode(text, digest.bytes, sizeof(digest.bytes)) != SUNDER_OK) {
        sunder_record_fail(reader, SUNDER_ERR_CORRUPT);
    }
    return digest;
}

/* The index of the word that must stand there. */
uint32_t sunder_record_word(struct sunder_record_reader *reader,
    const struct sunder_value *map,
    const char *name,
    const struct sunder_str *words)
{
    int index = sunder_words_find(words, sunder_record_text(map, name));
    if (index < 0) {
        sunder_record_fail(reader, SUNDER_ERR_CORRUPT);
        return 0;
    }
    return (uint32_t)index;
}

/* The list of a name; NULL and a count of 0 when there is none. */
const struct sunder_value *sunder_record_items(
    const struct sunder_value *map, const char *name, uint32_t *ret_count)
{
    const struct sunder_value *value = sunder_record_member(map, name);
    bool list = value != NULL && value->kind == SUNDER_VALUE_LIST;
    *ret_count = list ? value->count : 0;
    return list ? value->items : NULL;
}

void *sunder_record_array(struct sunder_record_reader *reader, size_t size, uint32_t count)
{
    void *at = sunder_arena_alloc_array(reader->arena, size, _Alignof(max_align_t), count);
    if (at == NULL) {
        sunder_record_fail(reader, SUNDER_ERR_FULL);
    }
    return at;
}

struct sunder_strs sunder_record_strs(
    struct sunder_record_reader *reader, const struct sunder_value *map, const char *name)
{
    uint32_t count = 0;
    const struct sunder_value *items = sunder_record_items(map, name, &count);
    if (items == NULL) {
        return (struct sunder_strs){0};
    }
    struct sunder_str *at = sunder_record_array(reader, sizeof(*at), count);
    if (at == NULL) {
        return (struct sunder_strs){0};
    }
    for (uint32_t i = 0; i < count; i++) {
        at[i] =
            items[i]
                .text; /* Absent unless it is a string or a number: then it is not written again. */
    }
    return (struct sunder_strs){at, count};
}
