#include "proto/wire.h"

#include <stdio.h>

#include "engine/model/limits.h"
#include "proto/base64.h"
#include "proto/digest.h"
#include "tests/support/test.h"

enum {
    TEXT_MAX = 8192
};

static struct sunder_wire_decoder *decoder;
static struct sunder_sha256 *sha256;
static struct sunder_arena arena;

static int setup(void **state)
{
    assert_int_equal(sunder_wire_decoder_create(&decoder), SUNDER_OK);
    assert_int_equal(sunder_sha256_create(&sha256), SUNDER_OK);
    arena = test_arena_of(SUNDER_WIRE_ARENA_BYTES);
    return test_group_setup(state);
}

static int teardown(void **state)
{
    (void)state;
    sunder_wire_decoder_destroy(&decoder);
    sunder_sha256_destroy(&sha256);
    return 0;
}

static struct sunder_wire_record record_of(struct sunder_str value)
{
    return (struct sunder_wire_record){
        .value = value, .at = {SUNDER_STR("sunder.intents"), 2, 42, 1700}};
}

static struct sunder_event decoded_record(struct sunder_wire_record record)
{
    sunder_arena_reset(&arena);
    struct sunder_event event;
    struct sunder_wire_problem problem = {0};
    enum sunder_err err = sunder_wire_decode_event(decoder, &arena, &record, &event, &problem);
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

static struct sunder_event decoded(struct sunder_str value)
{
    return decoded_record(record_of(value));
}

static struct sunder_event event_of(const char *kind, const char *data)
{
    static char text[TEXT_MAX];
    int len = snprintf(text,
        sizeof(text),
        "{\"specversion\":\"1.0\",\"id\":\"i1\",\"source\":\"src\",\"type\":\"dev.sunder.%s.v1\","
        "\"data\":%s}",
        kind,
        data);
    assert_true(len > 0 && (size_t)len < sizeof(text));
    return decoded((struct sunder_str){text, (uint32_t)len});
}

static void refused_record(
    struct sunder_wire_record record, enum sunder_err expected, const char *code, const char *part)
{
    sunder_arena_reset(&arena);
    struct sunder_event event;
    struct sunder_wire_problem problem = {0};
    enum sunder_err err = sunder_wire_decode_event(decoder, &arena, &record, &event, &problem);
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

static void refused(const char *value, const char *part)
{
    refused_record(record_of(sunder_str_of(value)), SUNDER_ERR_MALFORMED, "malformed", part);
}

/* Problems as "code:field code:field". */
static void has_problems(const struct sunder_event *event, const char *expected)
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

static void data_has_problems(const char *kind, const char *data, const char *expected)
{
    struct sunder_event event = event_of(kind, data);
    has_problems(&event, expected);
}

static void is_texts(struct sunder_strs texts, const char *joined)
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

static void digest_is_of(const struct sunder_event *event, const char *canonical)
{
    struct sunder_digest expected = sunder_sha256_of(sha256, sunder_str_of(canonical));
    assert_memory_equal(event->digest.bytes, expected.bytes, sizeof(expected.bytes));
}

static void an_intent_has_all_its_fields(void **state)
{
    (void)state;
    struct sunder_event event = event_of("intent",
        "{\"tenant\":\"acme\",\"agent\":\"payer\",\"principal\":\"user:ana\",\"delegation\":["
        "\"planner\",\"boss\"],\"task\":\"T-1\",\"purpose\":\"pay\","
        "\"tool\":\"payments\",\"action\":\"submit\",\"object\":\"vendor/"
        "V77\",\"objects\":[\"b\",\"vendor/"
        "V77\"],\"case\":\"PO\",\"args\":{\"iban\":\"DE02\",\"n\":1.5,\"deep\":{\"x\":[null,true]}}"
        ","
        "\"amount\":\"18250.750\",\"currency\":\"EUR\",\"labels\":[\"pii\"],\"confidence\":0.93,"
        "\"parents\":[\"p1\",\"p2\"],\"credential\":\"sha256:c\",\"proof\":\"tok\",\"idempotency_"
        "key\":\"k\",\"more\":7}");

    has_problems(&event, "");
    assert_int_equal(event.kind, SUNDER_EVENT_INTENT);
    assert_str_equal(event.id, "i1");
    assert_str_equal(event.source, "src");
    assert_str_equal(event.type, "dev.sunder.intent.v1");
    assert_str_equal(event.at.topic, "sunder.intents");
    assert_int_equal(event.at.partition, 2);
    assert_int_equal(event.at.offset, 42);
    assert_int_equal(event.at.timestamp_ms, 1700);
    assert_str_equal(event.tenant, "acme");
    assert_str_equal(event.agent, "payer");
    assert_str_equal(event.principal, "user:ana");
    is_texts(event.delegation, "planner,boss");
    assert_str_equal(event.task, "T-1");
    assert_str_equal(event.purpose, "pay");
    assert_str_equal(event.tool, "payments");
    assert_str_equal(event.action, "submit");
    is_texts(event.objects, "vendor/V77,b,vendor/V77");
    assert_str_equal(event.case_id, "PO");
    assert_int_equal(event.args.kind, SUNDER_VALUE_MAP);
    assert_str_equal(sunder_value_member(&event.args, SUNDER_STR("iban"))->text, "DE02");
    assert_true(sunder_value_member(&event.args, SUNDER_STR("n"))->micro == 1500000);
    assert_true(event.amount.present && !event.amount.range && event.amount.micro == 18250750000);
    assert_str_equal(event.amount.plain, "18250.75");
    assert_str_equal(event.currency, "EUR");
    is_texts(event.labels, "pii");
    assert_true(event.confidence.micro == 930000);
    assert_str_equal(event.confidence.plain, "0.93");
    is_texts(event.parents, "p1,p2");
    assert_str_equal(event.credential, "sha256:c");
    assert_str_equal(event.idempotency_key, "k");
    assert_true(event.has_proof);
    digest_is_of(&event,
        "{\"action\":\"submit\",\"agent\":\"payer\",\"amount\":\"18250.75\",\"args\":{\"deep\":{"
        "\"x\":[null,true]},\"iban\":\"DE02\",\"n\":1.5},\"case\":\"PO\",\"confidence\":\"0.93\","
        "\"credential\":\"sha256:c\",\"currency\":\"EUR\",\"delegation\":[\"planner\",\"boss\"],"
        "\"labels\":[\"pii\"],\"more\":7,\"object\":\"vendor/V77\",\"objects\":[\"b\",\"vendor/"
        "V77\"],"
        "\"parents\":[\"p1\",\"p2\"],\"principal\":\"user:ana\",\"purpose\":\"pay\",\"task\":\"T-"
        "1\",\"tenant\":\"acme\",\"tool\":\"payments\"}");
}

static void the_agent_defaults_to_the_source_and_null_is_absent(void **state)
{
    (void)state;
    struct sunder_event event = event_of("observed",
        "{\"tenant\":null,\"agent\":null,\"tool\":\"t\",\"action\":\"a\",\"delegation\":null,"
        "\"args\":null,\"amount\":null,\"zzz\":null}");
    has_problems(&event, "");
    assert_int_equal(event.kind, SUNDER_EVENT_OBSERVED);
    assert_str_equal(event.agent, "src");
    assert_null(event.tenant.at);
    assert_int_equal(event.args.kind, SUNDER_VALUE_ABSENT);
    assert_false(event.amount.present);
    digest_is_of(&event, "{\"action\":\"a\",\"agent\":\"src\",\"tool\":\"t\"}");

    event = event_of("intent", "{\"a\":1,\"tool\":\"t\",\"action\":\"a\",\"agent\":\"x\"}");
    digest_is_of(&event, "{\"a\":1,\"action\":\"a\",\"agent\":\"x\",\"tool\":\"t\"}");
    event = event_of("intent", "{}");
    digest_is_of(&event, "{\"agent\":\"src\"}");
}

static void equal_actions_have_equal_digests_whatever_their_text(void **state)
{
    (void)state;
    struct sunder_event a = event_of("intent",
        "{\"tool\":\"t\",\"action\":\"a\",\"amount\":1.50,\"args\":{\"b\":1e2,\"a\":\"\\u00e9\"},"
        "\"proof\":\"1\",\"idempotency_key\":\"x\"}");
    struct sunder_event b = event_of("intent",
        "{ \"args\" : {\"a\":\"\xc3\xa9\",\"b\":100.0}, \"amount\":\"15e-1\", \"agent\":\"src\", "
        "\"action\":\"\\u0061\", \"tool\":\"t\" }");
    assert_memory_equal(a.digest.bytes, b.digest.bytes, sizeof(a.digest.bytes));
    struct sunder_event c = event_of("intent",
        "{\"tool\":\"t\",\"action\":\"a\",\"amount\":1.51,\"args\":{\"b\":1e2,\"a\":\"\\u00e9\"}}");
    assert_memory_not_equal(a.digest.bytes, c.digest.bytes, sizeof(a.digest.bytes));
}

static void decimals_are_told_apart_by_what_is_wrong_with_them(void **state)
{
    (void)state;
    struct sunder_event event = event_of(
        "intent", "{\"tool\":\"t\",\"action\":\"a\",\"amount\":\"1.0000001\",\"confidence\":1e64}");
    has_problems(&event, "");
    assert_true(event.amount.present && event.amount.range && event.amount.micro == 0);
    assert_str_equal(event.amount.plain, "1.0000001");
    assert_true(event.confidence.range);
    assert_int_equal(event.confidence.plain.len, 65);

    data_has_problems("intent",
        "{\"tool\":\"t\",\"action\":\"a\",\"amount\":\"x\",\"confidence\":true}",
        "malformed:amount malformed:confidence");
    data_has_problems("intent",
        "{\"tool\":\"t\",\"action\":\"a\",\"amount\":\"\",\"confidence\":[]}",
        "malformed:amount malformed:confidence");
    data_has_problems("intent",
        "{\"tool\":\"t\",\"action\":\"a\",\"amount\":1e65,\"confidence\":\"1e-65\"}",
        "limit_reached:amount limit_reached:confidence");
    data_has_problems("intent",
        "{\"tool\":\"t\",\"action\":\"a\",\"amount\":\"0."
        "00000000000000000000000000000000000000000000000000000000000000000\"}",
        "limit_reached:amount");
}

static void fields_of_a_wrong_type_are_named_once_each_and_sorted(void **state)
{
    (void)state;
    data_has_problems("intent",
        "{\"tenant\":1,\"agent\":{},\"principal\":[],\"delegation\":\"x\",\"task\":true,"
        "\"purpose\":2,\"tool\":3,\"action\":4,\"object\":5,\"objects\":[\"a\",6],\"case\":7,"
        "\"args\":[],\"amount\":{},"
        "\"currency\":8,\"labels\":{},\"confidence\":\"one\",\"parents\":[null],\"credential\":9,"
        "\"proof\":10,\"idempotency_key\":11}",
        "malformed:action malformed:agent malformed:amount malformed:args malformed:case "
        "malformed:confidence malformed:credential malformed:currency malformed:delegation "
        "malformed:idempotency_key malformed:labels malformed:object malformed:objects "
        "malformed:parents malformed:principal malformed:proof malformed:purpose malformed:task "
        "malformed:tenant malformed:tool");
    data_has_problems("intent", "{\"tool\":5}", "context_missing:action malformed:tool");
    struct sunder_event event = event_of("intent", "{\"tool\":\"t\",\"action\":\"a\",\"agent\":5}");
    assert_null(event.agent.at);
}

static void data_that_is_no_object_is_malformed(void **state)
{
    (void)state;
    const char *const bad[] = {"null", "5", "\"{}\"", "[]", "true"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        data_has_problems("intent", bad[i], "malformed:data");
        data_has_problems("task", bad[i], "malformed:data");
    }
    struct sunder_event event =
        decoded(SUNDER_STR("{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"dev."
                           "sunder.intent.v1\"}"));
    has_problems(&event, "malformed:data");
    assert_str_equal(event.agent, "s");
}

static void list_of(char *text, size_t size, const char *name, uint32_t count)
{
    size_t len = (size_t)snprintf(text,
        size,
        "{\"tool\":\"t\",\"action\":\"a\",\"task\":\"T\",\"state\":\"opened\",\"from\":\"f\","
        "\"to\":\"g\",\"%s\":[",
        name);
    for (uint32_t i = 0; i < count; i++) {
        len += (size_t)snprintf(text + len, size - len, "%s\"n%u\"", i == 0 ? "" : ",", i);
    }
    snprintf(text + len, size - len, "]}");
}

static void lists_at_their_bound_are_read_and_one_more_is_too_long(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        const char *name;
        uint32_t max;
    } lists[] = {{"intent", "delegation", SUNDER_DELEGATION_MAX},
        {"intent", "objects", SUNDER_OBJECTS_MAX},
        {"observed", "labels", SUNDER_LABELS_MAX},
        {"intent", "parents", SUNDER_PARENTS_MAX},
        {"task", "duties", SUNDER_TASK_DUTIES_MAX},
        {"task", "agents", SUNDER_TASK_AGENTS_MAX},
        {"delegation", "duties", SUNDER_TASK_DUTIES_MAX}};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        char text[2048];
        char expected[64];
        list_of(text, sizeof(text), lists[i].name, lists[i].max);
        data_has_problems(lists[i].kind, text, "");
        list_of(text, sizeof(text), lists[i].name, lists[i].max + 1);
        snprintf(expected, sizeof(expected), "limit_reached:%s", lists[i].name);
        data_has_problems(lists[i].kind, text, expected);
    }
}

static void outcomes_are_read(void **state)
{
    (void)state;
    struct sunder_event event = event_of("outcome",
        "{\"tenant\":\"a\",\"intent\":\"i0\",\"result\":\"failed\",\"agent\":\"x\",\"case\":\"C\","
        "\"object\":\"O\",\"grant\":1}");
    has_problems(&event, "");
    assert_int_equal(event.kind, SUNDER_EVENT_OUTCOME);
    assert_str_equal(event.intent, "i0");
    assert_int_equal(event.result, SUNDER_OUTCOME_FAILED);
    assert_str_equal(event.agent, "x");
    assert_str_equal(event.case_id, "C");
    assert_str_equal(event.object, "O");
    assert_int_equal(event.objects.count, 0);
    event = event_of("outcome", "{\"intent\":\"i0\",\"result\":\"executed\"}");
    assert_int_equal(event.result, SUNDER_OUTCOME_EXECUTED);
    assert_null(event.agent.at);
    data_has_problems("outcome", "{\"result\":\"abandoned\"}", "context_missing:intent");
    data_has_problems("outcome", "{\"intent\":\"i\",\"result\":\"done\"}", "malformed:result");
    data_has_problems(
        "outcome", "{\"intent\":1,\"result\":2,\"agent\":3}", "malformed:intent malformed:result");
    data_has_problems("outcome", "{}", "context_missing:intent context_missing:result");
}

static void tasks_are_read(void **state)
{
    (void)state;
    struct sunder_event event = event_of("task",
        "{\"tenant\":\"a\",\"task\":\"T\",\"state\":\"renewed\",\"principal\":\"p\",\"purpose\":"
        "\"w\",\"case\":\"C\",\"duties\":[],\"agents\":[\"x\"],\"expires\":\"2026-01-01T00:00:00.5+"
        "01:00\"}");
    has_problems(&event, "");
    assert_int_equal(event.task_state, SUNDER_TASK_RENEWED);
    assert_true(event.has_duties && event.duties.count == 0);
    assert_true(event.has_agents);
    is_texts(event.agents, "x");
    assert_true(event.has_expires && event.expires_ms == INT64_C(1767222000500));
    event = event_of("task", "{\"task\":\"T\",\"state\":\"ended\"}");
    assert_false(event.has_duties || event.has_agents || event.has_expires);
    assert_int_equal(event.task_state, SUNDER_TASK_ENDED);
    data_has_problems("task", "{\"state\":\"closed\"}", "context_missing:task malformed:state");
    data_has_problems("task",
        "{\"task\":\"T\",\"state\":\"opened\",\"expires\":1767222000500}",
        "malformed:expires");
    data_has_problems("task",
        "{\"task\":\"T\",\"state\":\"opened\",\"expires\":\"tomorrow\",\"duties\":[5]}",
        "malformed:duties malformed:expires");
}

static void delegations_cases_and_controls_are_read(void **state)
{
    (void)state;
    struct sunder_event event = event_of("delegation",
        "{\"from\":\"f\",\"to\":\"g\",\"duties\":[\"d\"],\"task\":\"T\",\"revoked\":true}");
    has_problems(&event, "");
    assert_str_equal(event.from, "f");
    assert_str_equal(event.to, "g");
    assert_true(event.revoked && event.has_duties);
    data_has_problems(
        "delegation", "{\"from\":\"f\",\"revoked\":1}", "context_missing:to malformed:revoked");

    event = event_of("case", "{\"object\":\"o\",\"state\":\"closed\"}");
    has_problems(&event, "");
    assert_str_equal(event.object, "o");
    data_has_problems("case", "{\"case\":\"c\",\"state\":\"open\"}", "malformed:state");
    data_has_problems(
        "case", "{\"case\":\"c\",\"object\":\"o\"}", "context_missing:state malformed:object");
    data_has_problems("case", "{\"state\":\"closed\"}", "context_missing:case");

    event = event_of("control", "{\"control\":\"quarantine\",\"subject\":\"s\"}");
    has_problems(&event, "");
    assert_int_equal(event.control, SUNDER_CONTROL_QUARANTINE);
    assert_str_equal(event.subject, "s");
    data_has_problems("control", "{\"control\":\"release\"}", "context_missing:subject");
    data_has_problems("control", "{\"control\":\"explode\"}", "malformed:control");
    event = event_of("control", "{\"control\":\"tick\"}");
    has_problems(&event, "");
    assert_int_equal(event.control, SUNDER_CONTROL_TICK);
}

static void kinds_that_are_not_supported_keep_what_finds_their_domain(void **state)
{
    (void)state;
    struct sunder_event event =
        event_of("approval", "{\"tenant\":\"a\",\"agent\":5,\"case\":\"C\",\"intent\":7}");
    has_problems(&event, "");
    assert_int_equal(event.kind, SUNDER_EVENT_APPROVAL);
    assert_str_equal(event.tenant, "a");
    assert_null(event.agent.at);
    assert_str_equal(event.case_id, "C");
    event = event_of("novelty", "{\"tenant\":\"a\",\"object\":\"o\"}");
    assert_int_equal(event.kind, SUNDER_EVENT_UNKNOWN);
    assert_str_equal(event.object, "o");
    event = event_of("novelty", "[]");
    has_problems(&event, "");
    event =
        decoded(SUNDER_STR("{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"\",\"type\":\"\"}"));
    assert_int_equal(event.kind, SUNDER_EVENT_UNKNOWN);
    event = decoded(SUNDER_STR(
        "{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"\",\"type\":\"dev.sunder..v1\"}"));
    assert_int_equal(event.kind, SUNDER_EVENT_UNKNOWN);
    event = decoded(SUNDER_STR(
        "{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"\",\"type\":\"dev.sunder.v1\"}"));
    assert_int_equal(event.kind, SUNDER_EVENT_UNKNOWN);
}

static void a_time_that_is_none_is_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *time;
        const char *problems;
    } times[] = {{"\"2026-01-01T00:00:00Z\"", ""},
        {"null", ""},
        {"\"yesterday\"", "malformed:time"},
        {"5", "malformed:time"},
        {"\"2026-02-29T00:00:00Z\"", "malformed:time"},
        {"\"2024-02-29T23:59:59.999999999-23:59\"", ""},
        {"\"2026-01-01T24:00:00Z\"", "malformed:time"},
        {"\"2026-01-01T00:00:00\"", "malformed:time"},
        {"\"2026-01-01t00:00:00z\"", ""},
        {"\"2026-01-01 00:00:00Z\"", "malformed:time"},
        {"\"2026-01-01T00:00:00.Z\"", "malformed:time"},
        {"\"2026-01-01T00:00:60Z\"", "malformed:time"},
        {"\"0000-01-01T00:00:00Z\"", "malformed:time"},
        {"\"2026-1-1T00:00:00Z\"", "malformed:time"},
        {"\"2026-01-01T00:00:00+0100\"", "malformed:time"},
        {"\"2026-01-01T00:00:00Zx\"", "malformed:time"}};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char text[512];
        snprintf(text,
            sizeof(text),
            "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"dev.sunder.intent."
            "v1\",\"time\":%s,\"data\":{\"tool\":\"t\",\"action\":\"a\"}}",
            times[i].time);
        struct sunder_event event = decoded(sunder_str_of(text));
        has_problems(&event, times[i].problems);
    }
}

static void what_is_no_cloudevent_is_refused(void **state)
{
    (void)state;
    refused_record((struct sunder_wire_record){0}, SUNDER_ERR_MALFORMED, "malformed", "tombstone");
    refused("{", "");
    refused("{}", "specversion");
    refused(
        "{\"specversion\":\"0.3\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\"}", "specversion");
    refused("{\"specversion\":1.0,\"id\":\"i\",\"source\":\"s\",\"type\":\"t\"}", "specversion");
    refused("{\"specversion\":\"1.0\",\"id\":5,\"source\":\"s\",\"type\":\"t\"}", "lacks");
    refused("{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":null,\"type\":\"t\"}", "lacks");
    refused("{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\"}", "lacks");
    refused("{\"specversion\":\"1.0\",\"id\":\"i\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\"}",
        "twice");
    refused("{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\",\"data\":{\"x\":"
            "{\"a\":1,\"a\":1}}}",
        "twice");
    refused("{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\",\"data\":{\"x\":"
            "NaN}}",
        "");
    refused("{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\",\"data\":{\"x\":"
            "1e999}}",
        "double");
    refused("{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\",\"data\":{\"x\":"
            "\"\\ud800\"}}",
        "surrogate");
    refused("{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\"} {}", "behind");
    refused("garbage", "protobuf");
    refused(" {\"specversion\":\"1.0\"}", "protobuf");
    refused("[]", "protobuf");
    refused("", "");
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
    struct sunder_event event = decoded((struct sunder_str){text, SUNDER_EVENT_BYTES_MAX});
    has_problems(&event, "");
    refused_record(record_of((struct sunder_str){text, SUNDER_EVENT_BYTES_MAX + 1}),
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
            event = decoded(sunder_str_of(data));
            has_problems(&event, "");
        } else {
            refused_record(
                record_of(sunder_str_of(data)), SUNDER_ERR_FULL, "limit_reached", "deep");
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
        struct sunder_event event = decoded((struct sunder_str){text, (uint32_t)(len + 5)});
        has_problems(&event, "");
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
        record_of(SUNDER_STR("{\"tool\":\"t\",\"action\":\"a\",\"tenant\":\"x\"}"));
    record.headers = BINARY;
    record.header_count = 5;
    struct sunder_event event = decoded_record(record);
    has_problems(&event, "");
    assert_str_equal(event.id, "i9");
    assert_str_equal(event.tenant, "x");
    digest_is_of(&event, "{\"action\":\"a\",\"agent\":\"src\",\"tenant\":\"x\",\"tool\":\"t\"}");
    record.header_count = 4; /* No content-type: data is JSON. */
    event = decoded_record(record);
    has_problems(&event, "");
    record.value = SUNDER_STR("");
    event = decoded_record(record);
    has_problems(&event, "malformed:data");
    record.value = SUNDER_STR("{\"tool\":");
    refused_record(record, SUNDER_ERR_MALFORMED, "malformed", "early");
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
    struct sunder_wire_record record = record_of(SUNDER_STR("{\"tool\":\"t\",\"action\":\"a\"}"));
    with_header(&record, room, "ce_id", "i9");
    refused_record(record, SUNDER_ERR_MALFORMED, "malformed", "twice");
    with_header(&record, room, "content-type", "application/json");
    refused_record(record, SUNDER_ERR_MALFORMED, "malformed", "twice");
    with_header(&record, room, "ce_datacontenttype", "application/json; charset=utf-8");
    struct sunder_event event = decoded_record(record);
    has_problems(&event, "");
    with_header(&record, room, "ce_datacontenttype", "text/xml");
    refused_record(record, SUNDER_ERR_MALFORMED, "malformed", "differ");
    with_header(&record, room, "ce_time", "never");
    event = decoded_record(record);
    has_problems(&event, "malformed:time");
    with_header(&record, room, "ce_id", NULL);
    event = decoded_record(record);
    has_problems(&event, "");
    with_header(&record, room, "ce_extra", "x");
    room[4] = (struct sunder_wire_header){SUNDER_STR("CE_EXTRA"), SUNDER_STR("y")};
    refused_record(record, SUNDER_ERR_MALFORMED, "malformed", "twice");
    with_header(&record, room, "ce_extra", "x");
    room[1].value = SUNDER_STR("\xff");
    refused_record(record, SUNDER_ERR_MALFORMED, "malformed", "UTF-8");

    static struct sunder_wire_header many[300];
    for (size_t i = 0; i < 300; i++) {
        many[i] = (struct sunder_wire_header){SUNDER_STR("x"), SUNDER_STR("y")};
    }
    record.headers = many;
    record.header_count = 300;
    refused_record(record, SUNDER_ERR_FULL, "limit_reached", "headers");
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
        struct sunder_wire_record record = record_of(sunder_str_of(value));
        record.headers = &header;
        record.header_count = 1;
        if (types[i].part == NULL) {
            (void)decoded_record(record);
        } else {
            refused_record(record, SUNDER_ERR_MALFORMED, "malformed", types[i].part);
        }
    }
}

static void a_frame_of_a_schema_registry_is_skipped(void **state)
{
    (void)state;
    static const char framed[] =
        "\0\0\0\0\x05{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"dev.sunder."
        "intent.v1\",\"data\":{\"tool\":\"t\",\"action\":\"a\"}}";
    struct sunder_event event = decoded((struct sunder_str){framed, sizeof(framed) - 1});
    has_problems(&event, "");
    for (uint32_t len = 1; len < sizeof(framed) - 1; len++) {
        refused_record(
            record_of((struct sunder_str){framed, len}), SUNDER_ERR_MALFORMED, "malformed", "");
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
    struct sunder_event event = decoded(sunder_str_of(text));
    has_problems(&event, "");
    assert_true(event.has_proof);
    digest_is_of(&event, "{\"action\":\"a\",\"agent\":\"src\",\"tool\":\"t\"}");
    snprintf(text, sizeof(text), "%s,\"data_base64\":\"%.*s\",\"data\":{}}", head, (int)len, inner);
    refused(text, "exclude");
    snprintf(text, sizeof(text), "%s,\"data_base64\":\"%.*s\"}", head, (int)len - 1, inner);
    refused(text, "base64");
    snprintf(text, sizeof(text), "%s,\"data_base64\":5}", head);
    refused(text, "base64");
    snprintf(text, sizeof(text), "%s,\"data_base64\":\"e30\"}", head);
    refused(text, "base64");
    snprintf(text, sizeof(text), "%s,\"data_base64\":\"ew==\"}", head);
    refused(text, "");
    snprintf(
        text, sizeof(text), "%s,\"datacontenttype\":\"text/xml\",\"data_base64\":\"e30=\"}", head);
    event = decoded(sunder_str_of(text));
    has_problems(&event, "malformed:data");
    snprintf(text,
        sizeof(text),
        "%s,\"datacontenttype\":\"application/vnd.acme+json\",\"data_base64\":\"e30=\"}",
        head);
    event = decoded(sunder_str_of(text));
    has_problems(&event, "context_missing:action context_missing:tool");
}

static void a_line_of_replay_may_say_its_place(void **state)
{
    (void)state;
    struct sunder_wire_position position;
    assert_int_equal(sunder_wire_read_position(decoder,
                         &arena,
                         SUNDER_STR("{\"sunderpartition\":3,\"sunderoffset\":9007199254740993,"
                                    "\"sundertimestamp\":-5,\"time\":\"1970-01-01T00:00:01Z\"}"),
                         &position),
        SUNDER_OK);
    assert_true(position.has_partition && position.partition == 3);
    assert_true(position.has_offset && position.offset == INT64_C(9007199254740993));
    assert_true(position.has_timestamp && position.timestamp_ms == -5);
    assert_int_equal(
        sunder_wire_read_position(decoder,
            &arena,
            SUNDER_STR("{\"time\":\"1969-12-31T23:59:59.9991Z\",\"sunderpartition\":\"7\"}"),
            &position),
        SUNDER_OK);
    assert_true(position.has_partition && position.partition == 7);
    assert_false(position.has_offset);
    assert_true(position.has_timestamp && position.timestamp_ms == -1);
    assert_int_equal(
        sunder_wire_read_position(decoder,
            &arena,
            SUNDER_STR(
                "{\"time\":5,\"sunderpartition\":-1,\"sunderoffset\":1.5,\"sundertimestamp\":1e3}"),
            &position),
        SUNDER_OK);
    assert_false(position.has_partition || position.has_offset || position.has_timestamp);
    assert_int_equal(sunder_wire_read_position(decoder, &arena, SUNDER_STR("[]"), &position),
        SUNDER_ERR_MALFORMED);
    assert_int_equal(sunder_wire_read_position(decoder, &arena, SUNDER_STR("{"), &position),
        SUNDER_ERR_MALFORMED);
}

static void memory_that_runs_out_is_full_and_never_less_than_refused(void **state)
{
    (void)state;
    static const char value[] =
        "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"dev.sunder.intent.v1\","
        "\"data\":{\"tool\":\"\\u0074\",\"action\":\"a\",\"object\":\"o\",\"labels\":[\"l\"],"
        "\"amount\":1.50,\"args\":{\"\xf0\x9f\x98\x80\":1}}}";
    struct sunder_arena whole = test_arena_of(1 << 16);
    struct sunder_wire_record record = record_of(sunder_str_of(value));
    struct sunder_event event;
    struct sunder_wire_problem problem;
    assert_int_equal(
        sunder_wire_decode_event(decoder, &whole, &record, &event, &problem), SUNDER_OK);
    for (size_t size = 0; size < whole.used_max; size += 8) {
        struct sunder_arena small = sunder_arena_of(whole.memory, size);
        problem = (struct sunder_wire_problem){0};
        assert_int_equal(
            sunder_wire_decode_event(decoder, &small, &record, &event, &problem), SUNDER_ERR_FULL);
        assert_str_equal(problem.code, "limit_reached");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_intent_has_all_its_fields),
        cmocka_unit_test(the_agent_defaults_to_the_source_and_null_is_absent),
        cmocka_unit_test(equal_actions_have_equal_digests_whatever_their_text),
        cmocka_unit_test(decimals_are_told_apart_by_what_is_wrong_with_them),
        cmocka_unit_test(fields_of_a_wrong_type_are_named_once_each_and_sorted),
        cmocka_unit_test(data_that_is_no_object_is_malformed),
        cmocka_unit_test(lists_at_their_bound_are_read_and_one_more_is_too_long),
        cmocka_unit_test(outcomes_are_read),
        cmocka_unit_test(tasks_are_read),
        cmocka_unit_test(delegations_cases_and_controls_are_read),
        cmocka_unit_test(kinds_that_are_not_supported_keep_what_finds_their_domain),
        cmocka_unit_test(a_time_that_is_none_is_malformed),
        cmocka_unit_test(what_is_no_cloudevent_is_refused),
        cmocka_unit_test(what_is_too_long_or_too_deep_is_a_limit),
        cmocka_unit_test(the_worst_event_fits_in_the_arena),
        cmocka_unit_test(binary_mode_is_read_from_its_headers),
        cmocka_unit_test(headers_that_contradict_are_refused),
        cmocka_unit_test(the_content_type_tells_the_mode),
        cmocka_unit_test(a_frame_of_a_schema_registry_is_skipped),
        cmocka_unit_test(base64_data_is_data_and_never_both),
        cmocka_unit_test(a_line_of_replay_may_say_its_place),
        cmocka_unit_test(memory_that_runs_out_is_full_and_never_less_than_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
