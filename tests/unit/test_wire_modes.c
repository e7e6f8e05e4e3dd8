#include "proto/wire.h"

#include <stdio.h>

#include "engine/model/limits.h"
#include "proto/base64.h"
#include "tests/support/test.h"
#include "tests/unit/test_wire_fixture.h"

static void what_is_no_cloudevent_is_refused(void **state)
{
    (void)state;
    wire_refused_record(
        (struct sunder_wire_record){0}, SUNDER_ERR_MALFORMED, "malformed", "tombstone");
    wire_refused("{", "");
    wire_refused("{}", "specversion");
    wire_refused(
        "{\"specversion\":\"0.3\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\"}", "specversion");
    wire_refused(
        "{\"specversion\":1.0,\"id\":\"i\",\"source\":\"s\",\"type\":\"t\"}", "specversion");
    wire_refused("{\"specversion\":\"1.0\",\"id\":5,\"source\":\"s\",\"type\":\"t\"}", "lacks");
    wire_refused("{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":null,\"type\":\"t\"}", "lacks");
    wire_refused("{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\"}", "lacks");
    wire_refused(
        "{\"specversion\":\"1.0\",\"id\":\"i\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\"}",
        "twice");
    wire_refused(
        "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\",\"data\":{\"x\":"
        "{\"a\":1,\"a\":1}}}",
        "twice");
    wire_refused(
        "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\",\"data\":{\"x\":"
        "NaN}}",
        "");
    wire_refused(
        "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\",\"data\":{\"x\":"
        "1e999}}",
        "double");
    wire_refused(
        "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\",\"data\":{\"x\":"
        "\"\\ud800\"}}",
        "surrogate");
    wire_refused(
        "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\"} {}", "behind");
    wire_refused("garbage", "protobuf");
    wire_refused(" {\"specversion\":\"1.0\"}", "protobuf");
    wire_refused("[]", "protobuf");
    wire_refused("", "");
}

static void what_is_too_long_or_too_deep_is_a_limit(void **state)
{
    (void)state;
    static char text[SUNDER_EVENT_BYTES_MAX + 2];
    int len = snprintf(text,
        sizeof(text),
        "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"dev.sunder.intent.v1\","
        "\"data\":{\"tool\":\"t\",\"action\":\"a\",\"args\":{\"x\":\"");
    memset(text + len, 'x', sizeof(text) - (size_t)len);
    memcpy(text + SUNDER_EVENT_BYTES_MAX - 5, "\"}}} ", 5);
    struct sunder_event event = wire_decoded((struct sunder_str){text, SUNDER_EVENT_BYTES_MAX});
    wire_has_problems(&event, "");
    wire_refused_record(wire_record_of((struct sunder_str){text, SUNDER_EVENT_BYTES_MAX + 1}),
        SUNDER_ERR_FULL,
        "limit_reached",
        "too long");

    /* The event, its data and its args are three levels. */
    char data[256];
    for (uint32_t depth = SUNDER_EVENT_DEPTH_MAX - 3; depth <= SUNDER_EVENT_DEPTH_MAX - 2;
         depth++) {
        size_t at = (size_t)snprintf(data,
            sizeof(data),
            "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"dev.sunder.intent."
            "v1\",\"data\":{\"tool\":\"t\",\"action\":\"a\",\"args\":{\"x\":");
        memset(data + at, '[', depth);
        memset(data + at + depth, ']', depth);
        at += (size_t)depth * 2;
        memcpy(data + at, "}}}", 4);
        if (depth <= SUNDER_EVENT_DEPTH_MAX - 3) {
            event = wire_decoded(sunder_str_of(data));
            wire_has_problems(&event, "");
        } else {
            wire_refused_record(
                wire_record_of(sunder_str_of(data)), SUNDER_ERR_FULL, "limit_reached", "deep");
        }
    }
}

/* The most that an event of the greatest length can ask of memory: many values, and numbers that grow in their canonical text. */
static void the_worst_event_fits_in_the_arena(void **state)
{
    (void)state;
    static char text[SUNDER_EVENT_BYTES_MAX + 1];
    static const char *const fillers[] = {"1,", "1e20,", "[],", "{},", "\"\\u0001\","};
    for (size_t f = 0; f < sizeof(fillers) / sizeof(fillers[0]); f++) {
        size_t len = (size_t)snprintf(text,
            sizeof(text),
            "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"dev.sunder.intent."
            "v1\",\"data\":{\"tool\":\"t\",\"action\":\"a\",\"args\":{\"x\":[");
        size_t step = strlen(fillers[f]);
        while (len + step + 8 < SUNDER_EVENT_BYTES_MAX) {
            memcpy(text + len, fillers[f], step);
            len += step;
        }
        memcpy(text + len, "0]}}}", 5);
        struct sunder_event event = wire_decoded((struct sunder_str){text, (uint32_t)(len + 5)});
        wire_has_problems(&event, "");
    }
}

static const struct sunder_wire_header BINARY[] = {{{"ce_specversion", 14}, {"1.0", 3}},
    {{"CE_ID", 5}, {"i9", 2}},
    {{"ce_source", 9}, {"src", 3}},
    {{"ce_type", 7}, {"dev.sunder.intent.v1", 20}},
    {{"Content-Type", 12}, {"application/json; charset=utf-8", 31}}};

static void binary_mode_is_read_from_its_headers(void **state)
{
    (void)state;
    struct sunder_wire_record record =
        wire_record_of(SUNDER_STR("{\"tool\":\"t\",\"action\":\"a\",\"tenant\":\"x\"}"));
    record.headers = BINARY;
    record.header_count = 5;
    struct sunder_event event = wire_decoded_record(record);
    wire_has_problems(&event, "");
    assert_str_equal(event.id, "i9");
    assert_str_equal(event.tenant, "x");
    wire_digest_is_of(
        &event, "{\"action\":\"a\",\"agent\":\"src\",\"tenant\":\"x\",\"tool\":\"t\"}");
    record.header_count = 4; /* No content-type: data is JSON. */
    event = wire_decoded_record(record);
    wire_has_problems(&event, "");
    record.value = SUNDER_STR("");
    event = wire_decoded_record(record);
    wire_has_problems(&event, "malformed:data");
    record.value = SUNDER_STR("{\"tool\":");
    wire_refused_record(record, SUNDER_ERR_MALFORMED, "malformed", "early");
}

static void with_header(struct sunder_wire_record *record,
    struct sunder_wire_header *room,
    const char *name,
    const char *value)
{
    memcpy(room, BINARY, sizeof(BINARY));
    room[5] = (struct sunder_wire_header){sunder_str_of(name), sunder_str_of(value)};
    record->headers = room;
    record->header_count = 6;
}

static void headers_that_contradict_are_refused(void **state)
{
    (void)state;
    struct sunder_wire_header room[6];
    struct sunder_wire_record record =
        wire_record_of(SUNDER_STR("{\"tool\":\"t\",\"action\":\"a\"}"));
    with_header(&record, room, "ce_id", "i9");
    wire_refused_record(record, SUNDER_ERR_MALFORMED, "malformed", "twice");
    with_header(&record, room, "content-type", "application/json");
    wire_refused_record(record, SUNDER_ERR_MALFORMED, "malformed", "twice");
    with_header(&record, room, "ce_datacontenttype", "application/json; charset=utf-8");
    struct sunder_event event = wire_decoded_record(record);
    wire_has_problems(&event, "");
    with_header(&record, room, "ce_datacontenttype", "text/xml");
    wire_refused_record(record, SUNDER_ERR_MALFORMED, "malformed", "differ");
    with_header(&record, room, "ce_time", "never");
    event = wire_decoded_record(record);
    wire_has_problems(&event, "malformed:time");
    with_header(&record, room, "ce_id", NULL);
    event = wire_decoded_record(record);
    wire_has_problems(&event, "");
    with_header(&record, room, "ce_extra", "x");
    room[4] = (struct sunder_wire_header){SUNDER_STR("CE_EXTRA"), SUNDER_STR("y")};
    wire_refused_record(record, SUNDER_ERR_MALFORMED, "malformed", "twice");
    with_header(&record, room, "ce_extra", "x");
    room[1].value = SUNDER_STR("\xff");
    wire_refused_record(record, SUNDER_ERR_MALFORMED, "malformed", "UTF-8");

    static struct sunder_wire_header many[300];
    for (size_t i = 0; i < 300; i++) {
        many[i] = (struct sunder_wire_header){SUNDER_STR("x"), SUNDER_STR("y")};
    }
    record.headers = many;
    record.header_count = 300;
    wire_refused_record(record, SUNDER_ERR_FULL, "limit_reached", "headers");
}

static void the_content_type_tells_the_mode(void **state)
{
    (void)state;
    static const char value[] =
        "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"dev.sunder.intent.v1\","
        "\"data\":{\"tool\":\"t\",\"action\":\"a\"}}";
    static const struct {
        const char *type;
        const char *part; /* NULL: it is read. */
    } types[] = {{"application/cloudevents+json", NULL},
        {"Application/CloudEvents+JSON; charset=UTF-8", NULL},
        {"application/cloudevents-batch+json", "batch"},
        {"application/cloudevents+avro", "format"},
        {"application/cloudevents", "format"},
        {"application/json", "headers"},
        {"", "headers"},
        {"application/cloudevents+protobuf", "unknown here"}};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct sunder_wire_header header = {
            SUNDER_STR("content-type"), sunder_str_of(types[i].type)};
        struct sunder_wire_record record = wire_record_of(sunder_str_of(value));
        record.headers = &header;
        record.header_count = 1;
        if (types[i].part == NULL) {
            (void)wire_decoded_record(record);
        } else {
            wire_refused_record(record, SUNDER_ERR_MALFORMED, "malformed", types[i].part);
        }
    }
}

static void a_frame_of_a_schema_registry_is_skipped(void **state)
{
    (void)state;
    static const char framed[] =
        "\0\0\0\0\x05{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"dev.sunder."
        "intent.v1\",\"data\":{\"tool\":\"t\",\"action\":\"a\"}}";
    struct sunder_event event = wire_decoded((struct sunder_str){framed, sizeof(framed) - 1});
    wire_has_problems(&event, "");
    for (uint32_t len = 1; len < sizeof(framed) - 1; len++) {
        wire_refused_record(wire_record_of((struct sunder_str){framed, len}),
            SUNDER_ERR_MALFORMED,
            "malformed",
            "");
    }
}

static void base64_data_is_data_and_never_both(void **state)
{
    (void)state;
    char inner[256];
    static const char data[] = "{\"tool\":\"t\",\"action\":\"a\",\"proof\":\"p\"}";
    size_t len = sunder_base64_encode((const uint8_t *)data, sizeof(data) - 1, inner);
    char text[512];
    const char *const head = "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"src\",\"type\":"
                             "\"dev.sunder.intent.v1\"";
    snprintf(
        text, sizeof(text), "%s,\"data_base64\":\"%.*s\",\"data\":null}", head, (int)len, inner);
    struct sunder_event event = wire_decoded(sunder_str_of(text));
    wire_has_problems(&event, "");
    assert_true(event.has_proof);
    wire_digest_is_of(&event, "{\"action\":\"a\",\"agent\":\"src\",\"tool\":\"t\"}");
    snprintf(text, sizeof(text), "%s,\"data_base64\":\"%.*s\",\"data\":{}}", head, (int)len, inner);
    wire_refused(text, "exclude");
    snprintf(text, sizeof(text), "%s,\"data_base64\":\"%.*s\"}", head, (int)len - 1, inner);
    wire_refused(text, "base64");
    snprintf(text, sizeof(text), "%s,\"data_base64\":5}", head);
    wire_refused(text, "base64");
    snprintf(text, sizeof(text), "%s,\"data_base64\":\"e30\"}", head);
    wire_refused(text, "base64");
    snprintf(text, sizeof(text), "%s,\"data_base64\":\"ew==\"}", head);
    wire_refused(text, "");
    snprintf(
        text, sizeof(text), "%s,\"datacontenttype\":\"text/xml\",\"data_base64\":\"e30=\"}", head);
    event = wire_decoded(sunder_str_of(text));
    wire_has_problems(&event, "malformed:data");
    snprintf(text,
        sizeof(text),
        "%s,\"datacontenttype\":\"application/vnd.acme+json\",\"data_base64\":\"e30=\"}",
        head);
    event = wire_decoded(sunder_str_of(text));
    wire_has_problems(&event, "context_missing:action context_missing:tool");
}

static void a_line_of_replay_may_say_its_place(void **state)
{
    (void)state;
    struct sunder_wire_position position;
    assert_int_equal(sunder_wire_read_position(wire_decoder,
                         &wire_arena,
                         SUNDER_STR("{\"sunderpartition\":3,\"sunderoffset\":9007199254740993,"
                                    "\"sundertimestamp\":-5,\"time\":\"1970-01-01T00:00:01Z\"}"),
                         &position),
        SUNDER_OK);
    assert_true(position.has_partition && position.partition == 3);
    assert_true(position.has_offset && position.offset == INT64_C(9007199254740993));
    assert_true(position.has_timestamp && position.timestamp_ms == -5);
    assert_int_equal(
        sunder_wire_read_position(wire_decoder,
            &wire_arena,
            SUNDER_STR("{\"time\":\"1969-12-31T23:59:59.9991Z\",\"sunderpartition\":\"7\"}"),
            &position),
        SUNDER_OK);
    assert_true(position.has_partition && position.partition == 7);
    assert_false(position.has_offset);
    assert_true(position.has_timestamp && position.timestamp_ms == -1);
    assert_int_equal(
        sunder_wire_read_position(wire_decoder,
            &wire_arena,
            SUNDER_STR(
                "{\"time\":5,\"sunderpartition\":-1,\"sunderoffset\":1.5,\"sundertimestamp\":1e3}"),
            &position),
        SUNDER_OK);
    assert_false(position.has_partition || position.has_offset || position.has_timestamp);
    assert_int_equal(
        sunder_wire_read_position(wire_decoder, &wire_arena, SUNDER_STR("[]"), &position),
        SUNDER_ERR_MALFORMED);
    assert_int_equal(
        sunder_wire_read_position(wire_decoder, &wire_arena, SUNDER_STR("{"), &position),
        SUNDER_ERR_MALFORMED);
}

static void a_line_gives_event_and_place_in_one_go(void **state)
{
    (void)state;
    static struct sunder_wire_line line;
    const struct sunder_str text = SUNDER_STR(
        "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"dev.sunder.intent.v1\","
        "\"sunderpartition\":2,\"sundertimestamp\":7,\"data\":{\"tool\":\"t\",\"action\":\"a\"}}");
    assert_int_equal(sunder_wire_decode_line(wire_decoder, &wire_arena, text, &line), SUNDER_OK);
    const struct sunder_event event = wire_decoded(text);
    assert_memory_equal(&line.event.digest, &event.digest, sizeof(event.digest));
    assert_true(sunder_str_equal(line.event.agent, SUNDER_STR("s")));
    assert_true(line.position.has_partition && line.position.partition == 2);
    assert_true(line.position.has_timestamp && line.position.timestamp_ms == 7);
    /* What is no event may have a place all the same. */
    assert_int_equal(sunder_wire_decode_line(
                         wire_decoder, &wire_arena, SUNDER_STR("{\"sunderoffset\":9}"), &line),
        SUNDER_ERR_MALFORMED);
    assert_true(line.position.has_offset && line.position.offset == 9);
    assert_true(sunder_str_equal(line.problem.code, SUNDER_STR("malformed")));
    assert_int_equal(sunder_wire_decode_line(wire_decoder, &wire_arena, SUNDER_STR("[]"), &line),
        SUNDER_ERR_MALFORMED);
    assert_false(line.position.has_offset);
}

static void memory_that_runs_out_is_full_and_never_less_than_refused(void **state)
{
    (void)state;
    static const char value[] =
        "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"dev.sunder.intent.v1\","
        "\"data\":{\"tool\":\"\\u0074\",\"action\":\"a\",\"object\":\"o\",\"labels\":[\"l\"],"
        "\"amount\":1.50,\"args\":{\"\xf0\x9f\x98\x80\":1}}}";
    struct sunder_arena whole = test_arena_of(1 << 16);
    struct sunder_wire_record record = wire_record_of(sunder_str_of(value));
    struct sunder_event event;
    struct sunder_wire_problem problem;
    assert_int_equal(
        sunder_wire_decode_event(wire_decoder, &whole, &record, &event, &problem), SUNDER_OK);
    for (size_t size = 0; size < whole.used_max; size += 8) {
        struct sunder_arena small = sunder_arena_of(whole.memory, size);
        problem = (struct sunder_wire_problem){0};
        assert_int_equal(sunder_wire_decode_event(wire_decoder, &small, &record, &event, &problem),
            SUNDER_ERR_FULL);
        assert_str_equal(problem.code, "limit_reached");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_cloudevent_is_refused),
        cmocka_unit_test(what_is_too_long_or_too_deep_is_a_limit),
        cmocka_unit_test(the_worst_event_fits_in_the_arena),
        cmocka_unit_test(binary_mode_is_read_from_its_headers),
        cmocka_unit_test(headers_that_contradict_are_refused),
        cmocka_unit_test(the_content_type_tells_the_mode),
        cmocka_unit_test(a_frame_of_a_schema_registry_is_skipped),
        cmocka_unit_test(base64_data_is_data_and_never_both),
        cmocka_unit_test(a_line_of_replay_may_say_its_place),
        cmocka_unit_test(a_line_gives_event_and_place_in_one_go),
        cmocka_unit_test(memory_that_runs_out_is_full_and_never_less_than_refused),
    };
    return cmocka_run_group_tests(tests, wire_setup, wire_teardown);
}
