#include "engine/expr/expr_value.h"

#include "engine/base/must.h"
#include "engine/model/limits.h"

const char expr_fault_absent[] = "what it reads is not there";
const char expr_fault_no_overload[] = "a value has the wrong type";

_Static_assert(sizeof(struct sunder_cel_value) == 16, "a register is two words");

const char *expr_spend(struct expr_run *run, uint64_t units)
{
    run->fuel -= units > INT32_MAX ? INT32_MAX : (int64_t)units;
    if (run->fuel >= 0) {
        return NULL;
    }
    run->fatal = SUNDER_ERR_INVALID;
    return "the evaluation takes longer than its bound";
}

void *expr_take(struct expr_run *run, size_t size, size_t align, const char **ret_fault)
{
    *ret_fault = NULL;
    if (size > run->scratch) {
        *ret_fault = "the evaluation makes more text and lists than its bound";
        return NULL;
    }
    void *at = sunder_arena_alloc_raw(run->arena, size, align);
    if (at == NULL) {
        run->fatal = SUNDER_ERR_FULL;
        *ret_fault = "no memory is left";
        return NULL;
    }
    run->scratch -= (uint32_t)size;
    return at;
}

const char *expr_take_text(struct expr_run *run, uint64_t len, char **ret_text)
{
    const char *fault = NULL;
    if (len > SUNDER_EXPR_STRING_MAX) {
        return "a string would be longer than 4096 bytes";
    }
    *ret_text = expr_take(run, len == 0 ? 1 : (size_t)len, 1, &fault);
    return fault;
}

const char *expr_take_items(
    struct expr_run *run, uint64_t count, struct sunder_cel_value **ret_items)
{
    const char *fault = NULL;
    if (count > SUNDER_EXPR_SCRATCH_MAX / sizeof(struct sunder_cel_value)) {
        return "a list would be longer than 4096 elements";
    }
    size_t size = (count == 0 ? 1 : (size_t)count) * sizeof(struct sunder_cel_value);
    *ret_items = expr_take(run, size, _Alignof(struct sunder_cel_value), &fault);
    return fault;
}

struct sunder_cel_value expr_type_value(struct sunder_str name)
{
    return (struct sunder_cel_value){.kind = SUNDER_CEL_TYPE, .count = name.len, .at = name.at};
}

struct sunder_str expr_kind_name(const struct sunder_cel_value *value)
{
    static const struct sunder_str names[] = {
        [SUNDER_CEL_ABSENT] = {"absent", 6},
        [SUNDER_CEL_NULL] = {"null_type", 9},
        [SUNDER_CEL_BOOL] = {"bool", 4},
        [SUNDER_CEL_INT] = {"int", 3},
        [SUNDER_CEL_UINT] = {"uint", 4},
        [SUNDER_CEL_DOUBLE] = {"double", 6},
        [SUNDER_CEL_DECIMAL] = {"decimal", 7},
        [SUNDER_CEL_STRING] = {"string", 6},
        [SUNDER_CEL_BYTES] = {"bytes", 5},
        [SUNDER_CEL_LIST] = {"list", 4},
        [SUNDER_CEL_MAP] = {"map", 3},
        [SUNDER_CEL_TIMESTAMP] = {"google.protobuf.Timestamp", 25},
        [SUNDER_CEL_DURATION] = {"google.protobuf.Duration", 24},
        [SUNDER_CEL_TYPE] = {"type", 4},
        [SUNDER_CEL_INEXACT] = {"decimal", 7},
    };
    return names[value->kind];
}

/* A JSON number as Readings 16 says: an int when it is written as one and fits, else a decimal when exact. */
static struct sunder_cel_value number_from_json(const struct sunder_value *json)
{
    struct sunder_str text = json->text;
    bool negative = text.len != 0 && text.at[0] == '-';
    uint64_t magnitude = 0;
    bool whole = text.len > (negative ? 1u : 0u);
    for (uint32_t i = negative ? 1 : 0; i < text.len && whole; i++) {
        uint32_t digit = (uint32_t)(unsigned char)text.at[i] - '0';
        whole = digit < 10 && !__builtin_mul_overflow(magnitude, UINT64_C(10), &magnitude) &&
                !__builtin_add_overflow(magnitude, (uint64_t)digit, &magnitude);
    }
    if (whole && magnitude <= (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return expr_int(negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude);
    }
    return (struct sunder_cel_value){
        .kind = json->exact ? SUNDER_CEL_DECIMAL : SUNDER_CEL_INEXACT, .integer = json->micro};
}

struct sunder_cel_value expr_from_json(const struct sunder_value *json)
{
    switch (json->kind) {
    case SUNDER_VALUE_ABSENT:
        return (struct sunder_cel_value){.kind = SUNDER_CEL_ABSENT};
    case SUNDER_VALUE_NULL:
        return (struct sunder_cel_value){.kind = SUNDER_CEL_NULL};
    case SUNDER_VALUE_BOOL:
        return expr_bool(json->boolean);
    case SUNDER_VALUE_NUMBER:
        return number_from_json(json);
    case SUNDER_VALUE_STRING:
        return expr_string(json->text);
    case SUNDER_VALUE_LIST:
        return (struct sunder_cel_value){
            .kind = SUNDER_CEL_LIST, .json = true, .count = json->count, .json_items = json->items};
    case SUNDER_VALUE_MAP:
        return (struct sunder_cel_value){.kind = SUNDER_CEL_MAP,
            .json = true,
            .sorted = true,
            .count = json->count,
            .json_members = json->members};
    }
    return (struct sunder_cel_value){.kind = SUNDER_CEL_ABSENT};
}

struct sunder_cel_value sunder_cel_item(const struct sunder_cel_value *list, uint32_t i)
{
    SUNDER_MUST(list->kind == SUNDER_CEL_LIST && i < list->count);
    return list->json ? expr_from_json(&list->json_items[i]) : list->items[i];
}

struct sunder_cel_entry sunder_cel_entry_at(const struct sunder_cel_value *map, uint32_t i)
{
    SUNDER_MUST(map->kind == SUNDER_CEL_MAP && i < map->count);
    if (!map->json) {
        return map->entries[i];
    }
    const struct sunder_member *member = &map->json_members[i];
    return (struct sunder_cel_entry){expr_string(member->name), expr_from_json(&member->value)};
}

bool sunder_cel_equal(const struct sunder_cel_value *a, const struct sunder_cel_value *b)
{
    return expr_equal(NULL, a, b) == EXPR_EQUAL;
}
