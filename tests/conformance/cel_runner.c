/* Runs tests of the CEL conformance suite, as cel_convert.py writes them: one JSON object a line on stdin, one line of result a test
 * on stdout: `pass ID`, or `fail ID: what came instead`. Exit 0 when every line was run, whatever it said. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/must.h"
#include "engine/expr/cel.h"
#include "proto/regex.h"

enum {
    ARENA_BYTES = 1 << 24,
    VARIABLES_MAX = 16
};

static struct sunder_arena arena;
static struct sunder_regex_set *patterns;

/* Jansson's iterators want what they do not change as if they did. */
static json_t *iterable(const json_t *json)
{
    return (json_t *)(uintptr_t)json;
}

static void *room(size_t size)
{
    void *at = sunder_arena_alloc(&arena, size, 16);
    SUNDER_MUST(at != NULL);
    return at;
}

static struct sunder_str text_of(const json_t *text)
{
    size_t len = json_string_length(text);
    char *copy = room(len + 1);
    memcpy(copy, json_string_value(text), len);
    return (struct sunder_str){copy, (uint32_t)len};
}

static struct sunder_str hex_of(const json_t *text)
{
    uint32_t len = (uint32_t)json_string_length(text) / 2;
    char *bytes = room(len + 1);
    for (uint32_t i = 0; i < len; i++) {
        char pair[3] = {json_string_value(text)[i * 2], json_string_value(text)[i * 2 + 1], '\0'};
        bytes[i] = (char)strtoul(pair, NULL, 16);
    }
    return (struct sunder_str){bytes, len};
}

static void set_text(
    struct sunder_cel_value *value, enum sunder_cel_kind kind, struct sunder_str text)
{
    *value = (struct sunder_cel_value){.kind = (uint8_t)kind, .count = text.len, .at = text.at};
}

static void set_time(struct sunder_cel_value *value, enum sunder_cel_kind kind, const json_t *pair)
{
    *value = (struct sunder_cel_value){.kind = (uint8_t)kind,
        .count = (uint32_t)strtol(json_string_value(json_array_get(pair, 1)), NULL, 10),
        .integer = strtoll(json_string_value(json_array_get(pair, 0)), NULL, 10)};
}

static bool value_of(const json_t *json, struct sunder_cel_value *ret_value);

static bool list_of(const json_t *list, struct sunder_cel_value *ret_value)
{
    uint32_t count = (uint32_t)json_array_size(list);
    struct sunder_cel_value *items = room(sizeof(*items) * (count + 1));
    for (uint32_t i = 0; i < count; i++) {
        if (!value_of(json_array_get(list, i), &items[i])) {
            return false;
        }
    }
    *ret_value = (struct sunder_cel_value){.kind = SUNDER_CEL_LIST, .count = count, .items = items};
    return true;
}

static bool map_of(const json_t *map, struct sunder_cel_value *ret_value)
{
    uint32_t count = (uint32_t)json_array_size(map);
    struct sunder_cel_entry *entries = room(sizeof(*entries) * (count + 1));
    for (uint32_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(map, i);
        if (!value_of(json_array_get(pair, 0), &entries[i].key) ||
            !value_of(json_array_get(pair, 1), &entries[i].value)) {
            return false;
        }
    }
    *ret_value =
        (struct sunder_cel_value){.kind = SUNDER_CEL_MAP, .count = count, .entries = entries};
    return true;
}

/* False: a kind of value that is none of ours (messages, enums, errors). */
static bool value_of(const json_t *json, struct sunder_cel_value *ret_value)
{
    const char *kind = json_object_iter_key(json_object_iter(iterable(json)));
    const json_t *held = json_object_get(json, kind);
    *ret_value = (struct sunder_cel_value){.kind = SUNDER_CEL_NULL};
    if (strcmp(kind, "null") == 0) {
        return true;
    }
    if (strcmp(kind, "bool") == 0) {
        *ret_value =
            (struct sunder_cel_value){.kind = SUNDER_CEL_BOOL, .integer = json_is_true(held)};
    } else if (strcmp(kind, "int") == 0) {
        *ret_value = (struct sunder_cel_value){
            .kind = SUNDER_CEL_INT, .integer = strtoll(json_string_value(held), NULL, 10)};
    } else if (strcmp(kind, "uint") == 0) {
        *ret_value = (struct sunder_cel_value){
            .kind = SUNDER_CEL_UINT, .uinteger = strtoull(json_string_value(held), NULL, 10)};
    } else if (strcmp(kind, "double") == 0) {
        *ret_value = (struct sunder_cel_value){
            .kind = SUNDER_CEL_DOUBLE, .real = strtod(json_string_value(held), NULL)};
    } else if (strcmp(kind, "string") == 0) {
        set_text(ret_value, SUNDER_CEL_STRING, text_of(held));
    } else if (strcmp(kind, "bytes") == 0) {
        set_text(ret_value, SUNDER_CEL_BYTES, hex_of(held));
    } else if (strcmp(kind, "type") == 0) {
        set_text(ret_value, SUNDER_CEL_TYPE, text_of(held));
    } else if (strcmp(kind, "timestamp") == 0) {
        set_time(ret_value, SUNDER_CEL_TIMESTAMP, held);
    } else if (strcmp(kind, "duration") == 0) {
        set_time(ret_value, SUNDER_CEL_DURATION, held);
    } else if (strcmp(kind, "list") == 0) {
        return list_of(held, ret_value);
    } else if (strcmp(kind, "map") == 0) {
        return map_of(held, ret_value);
    } else {
        return false;
    }
    return true;
}

/* Equal in kind as well as in value; NaN equals NaN, maps in any order. */
static bool same(const struct sunder_cel_value *a, const struct sunder_cel_value *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    if (a->kind == SUNDER_CEL_DOUBLE && isnan(a->real)) {
        return isnan(b->real);
    }
    if (a->kind != SUNDER_CEL_LIST && a->kind != SUNDER_CEL_MAP) {
        return sunder_cel_equal(a, b);
    }
    if (a->count != b->count) {
        return false;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        bool found = false;
        for (uint32_t k = 0; k < b->count && !found; k++) {
            if (a->kind == SUNDER_CEL_LIST) {
                k = i;
                struct sunder_cel_value x = sunder_cel_item(a, i);
                struct sunder_cel_value y = sunder_cel_item(b, k);
                if (!same(&x, &y)) {
                    return false;
                }
                found = true;
            } else {
                struct sunder_cel_entry x = sunder_cel_entry_at(a, i);
                struct sunder_cel_entry y = sunder_cel_entry_at(b, k);
                found = same(&x.key, &y.key) && same(&x.value, &y.value);
            }
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static void show(const struct sunder_cel_value *value)
{
    switch ((enum sunder_cel_kind)value->kind) {
    case SUNDER_CEL_BOOL:
    case SUNDER_CEL_INT:
    case SUNDER_CEL_DECIMAL:
    case SUNDER_CEL_TIMESTAMP:
    case SUNDER_CEL_DURATION:
        printf("kind %d %lld", value->kind, (long long)value->integer);
        break;
    case SUNDER_CEL_UINT:
        printf("%lluu", (unsigned long long)value->uinteger);
        break;
    case SUNDER_CEL_DOUBLE:
        printf("%.17g", value->real);
        break;
    case SUNDER_CEL_STRING:
    case SUNDER_CEL_TYPE:
        printf("kind %d \"%.*s\"", value->kind, (int)value->count, value->at);
        break;
    case SUNDER_CEL_ABSENT:
    case SUNDER_CEL_NULL:
    case SUNDER_CEL_BYTES:
    case SUNDER_CEL_LIST:
    case SUNDER_CEL_MAP:
    case SUNDER_CEL_INEXACT:
        printf("kind %d with %u", value->kind, value->count);
        break;
    }
}

struct test {
    const char *id;
    struct sunder_str source;
    struct sunder_cel_variable variables[VARIABLES_MAX];
    struct sunder_cel_value values[VARIABLES_MAX];
    uint32_t count;
    bool unchecked;
    const json_t *expect;
};

static bool add_variable(
    struct test *test, const char *name, const json_t *type, const json_t *value)
{
    SUNDER_MUST(test->count < VARIABLES_MAX);
    uint32_t at = test->count++;
    test->variables[at] = (struct sunder_cel_variable){
        .name = sunder_str_of(name), .type = type == NULL ? SUNDER_STR("dyn") : text_of(type)};
    test->values[at] = (struct sunder_cel_value){.kind = SUNDER_CEL_ABSENT};
    return value == NULL || value_of(value, &test->values[at]);
}

static bool read_test(const json_t *json, struct test *ret_test)
{
    *ret_test = (struct test){.id = json_string_value(json_object_get(json, "id")),
        .source = text_of(json_object_get(json, "expr")),
        .unchecked = json_is_true(json_object_get(json, "disable_check")),
        .expect = json_object_get(json, "expect")};
    const json_t *types = json_object_get(json, "type_env");
    const json_t *bindings = json_object_get(json, "bindings");
    const char *name;
    json_t *item;
    bool ours = true;
    json_object_foreach(iterable(types), name, item)
    {
        ours = add_variable(ret_test, name, item, json_object_get(bindings, name)) && ours;
    }
    json_object_foreach(iterable(bindings), name, item)
    {
        if (json_object_get(types, name) == NULL) {
            ours = add_variable(ret_test, name, NULL, item) && ours;
        }
    }
    return ours;
}

/* A result that the test wants as a value, or as a type. */
static bool result_fits(
    const struct test *test, const struct sunder_cel *program, const struct sunder_cel_value *got)
{
    const json_t *want = json_object_get(test->expect, "value");
    const json_t *type = json_object_get(test->expect, "type");
    struct sunder_cel_value value;
    if (json_object_get(test->expect, "error") != NULL) {
        printf("fail %s: an error is wanted, got ", test->id);
        show(got);
        printf("\n");
        return false;
    }
    if (want != NULL && (!value_of(want, &value) || !same(&value, got))) {
        char *text = json_dumps(want, JSON_COMPACT);
        printf("fail %s: wanted %s, got ", test->id, text);
        free(text);
        show(got);
        printf("\n");
        return false;
    }
    if (type != NULL && !test->unchecked) {
        struct sunder_str found = sunder_cel_type(program);
        if (!sunder_str_equal(found, text_of(type))) {
            printf("fail %s: wanted type %s, got %.*s\n",
                test->id,
                json_string_value(type),
                (int)found.len,
                found.at);
            return false;
        }
    }
    return true;
}

static void run(const struct test *test, bool check)
{
    bool wants_error = json_object_get(test->expect, "error") != NULL;
    struct sunder_cel_schema schema = {.variables = test->variables,
        .variable_count = test->count,
        .check = check,
        .regex = sunder_regex_port(patterns)};
    struct sunder_cel *program;
    struct sunder_expr_error error;
    enum sunder_err err = sunder_cel_compile(&arena, test->source, &schema, &program, &error);
    if (err != SUNDER_OK) {
        if (wants_error && err == SUNDER_ERR_INVALID) {
            printf("pass %s\n", test->id); /* Refused before it could fail. */
        } else if (check && test->unchecked) {
            run(test, false);
        } else {
            printf("fail %s: does not compile: %s at %u\n", test->id, error.text, error.offset);
        }
        return;
    }
    struct sunder_cel_value got;
    struct sunder_expr_fault fault;
    err = sunder_cel_eval(program, test->values, &arena, &got, &fault);
    if (err == SUNDER_ERR_INVALID && wants_error) {
        printf("pass %s\n", test->id);
    } else if (err != SUNDER_OK) {
        printf("fail %s: evaluation errors: %s\n", test->id, sunder_err_text(err));
    } else if (result_fits(test, program, &got)) {
        printf("pass %s\n", test->id);
    }
}

int main(void)
{
    void *memory = malloc(ARENA_BYTES);
    SUNDER_MUST(memory != NULL);
    arena = sunder_arena_of(memory, ARENA_BYTES);
    SUNDER_MUST(sunder_regex_set_create(&patterns) == SUNDER_OK);
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        json_error_t why;
        json_t *json = json_loads(line, JSON_ALLOW_NUL, &why);
        SUNDER_MUST(json != NULL);
        sunder_arena_reset(&arena);
        struct test test;
        if (read_test(json, &test)) {
            run(&test, true);
        } else {
            printf("fail %s: a binding is a message\n", test.id);
        }
        json_decref(json);
    }
    free(line);
    free(memory);
    sunder_regex_set_destroy(&patterns);
    return 0;
}
