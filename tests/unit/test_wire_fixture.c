#include "tests/unit/test_wire_fixture.h"

#include <stdio.h>

#include "proto/digest.h"
#include "tests/support/test.h"

enum {
    TEXT_MAX = 8192
};

struct sunder_wire_decoder *wire_decoder;
static struct sunder_sha256 *sha256;
struct sunder_arena wire_arena;

int wire_setup(void **state)
{
    assert_int_equal(sunder_wire_decoder_create(&wire_decoder), SUNDER_OK);
    assert_int_equal(sunder_sha256_create(&sha256), SUNDER_OK);
    wire_arena = test_arena_of(SUNDER_WIRE_ARENA_BYTES);
    return test_group_setup(state);
}

int wire_teardown(void **state)
{
    (void)state;
    sunder_wire_decoder_destroy(&wire_decoder);
    sunder_sha256_destroy(&sha256);
    return 0;
}

struct sunder_wire_record wire_record_of(struct sunder_str value)
{
    return (struct sunder_wire_record){
        .value = value, .at = {SUNDER_STR("sunder.intents"), 2, 42, 1700}};
}

struct sunder_event wire_decoded_record(struct sunder_wire_record record)
{
    sunder_arena_reset(&wire_arena);
    struct sunder_event event;
    struct sunder_wire_problem problem = {0};
    enum sunder_err err =
        sunder_wire_decode_event(wire_decoder, &wire_arena, &record, &event, &problem);
    if (err != SUNDER_OK) {
        print_error("%.*s\n%.*s\n",
            (int)record.value.len,
            record.value.at,
            (int)problem.text.len,
            problem.text.at);
    }
    assert_int_equal(err, SUNDER_OK);
    return event;
}

struct sunder_event wire_decoded(struct sunder_str value)
{
    return wire_decoded_record(wire_record_of(value));
}

struct sunder_event wire_event_of(const char *kind, const char *data)
{
    static char text[TEXT_MAX];
    int len = snprintf(text,
        sizeof(text),
        "{\"specversion\":\"1.0\",\"id\":\"i1\",\"source\":\"src\",\"type\":\"dev.sunder.%s.v1\","
        "\"data\":%s}",
        kind,
        data);
    assert_true(len > 0 && (size_t)len < sizeof(text));
    return wire_decoded((struct sunder_str){text, (uint32_t)len});
}

void wire_refused_record(
    struct sunder_wire_record record, enum sunder_err expected, const char *code, const char *part)
{
    sunder_arena_reset(&wire_arena);
    struct sunder_event event;
    struct sunder_wire_problem problem = {0};
    enum sunder_err err =
        sunder_wire_decode_event(wire_decoder, &wire_arena, &record, &event, &problem);
    if (err != expected || problem.text.at == NULL || strstr(problem.text.at, part) == NULL) {
        print_error("%.*s: %.*s\n",
            (int)record.value.len,
            record.value.at,
            (int)problem.text.len,
            problem.text.at);
    }
    assert_int_equal(err, expected);
    test_assert_str(problem.code, sunder_str_of(code), __FILE__, __LINE__);
    assert_null(problem.field.at);
    assert_non_null(strstr(problem.text.at, part));
}

void wire_refused(const char *value, const char *part)
{
    wire_refused_record(
        wire_record_of(sunder_str_of(value)), SUNDER_ERR_MALFORMED, "malformed", part);
}

/* Problems as "code:field code:field". */
void wire_has_problems(const struct sunder_event *event, const char *expected)
{
    char text[1024];
    size_t len = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < event->problem_count; i++) {
        const struct sunder_problem *problem = &event->problems[i];
        len += (size_t)snprintf(text + len,
            sizeof(text) - len,
            "%s%.*s:%.*s",
            i == 0 ? "" : " ",
            (int)problem->code.len,
            problem->code.at,
            (int)problem->field.len,
            problem->field.at);
    }
    assert_string_equal(text, expected);
}

void wire_data_has_problems(const char *kind, const char *data, const char *expected)
{
    struct sunder_event event = wire_event_of(kind, data);
    wire_has_problems(&event, expected);
}

void wire_is_texts(struct sunder_strs texts, const char *joined)
{
    char text[512];
    size_t len = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < texts.count; i++) {
        len += (size_t)snprintf(text + len,
            sizeof(text) - len,
            "%s%.*s",
            i == 0 ? "" : ",",
            (int)texts.at[i].len,
            texts.at[i].at);
    }
    assert_string_equal(text, joined);
}

void wire_digest_is_of(const struct sunder_event *event, const char *canonical)
{
    struct sunder_digest expected = sunder_sha256_of(sha256, sunder_str_of(canonical));
    assert_memory_equal(event->digest.bytes, expected.bytes, sizeof(expected.bytes));
}
