#include "proto/wire.h"

#include <stdio.h>

#include "engine/model/limits.h"
#include "tests/support/test.h"
#include "tests/unit/test_wire_fixture.h"

static void an_intent_has_all_its_fields(void **state)
{
    (void)state;
    struct sunder_event event = wire_event_of("intent",
        "{\"tenant\":\"acme\",\"agent\":\"payer\",\"principal\":\"user:ana\",\"delegation\":["
        "\"planner\",\"boss\"],\"task\":\"T-1\",\"purpose\":\"pay\","
        "\"tool\":\"payments\",\"action\":\"submit\",\"object\":\"vendor/"
        "V77\",\"objects\":[\"b\",\"vendor/"
        "V77\"],\"case\":\"PO\",\"args\":{\"iban\":\"DE02\",\"n\":1.5,\"deep\":{\"x\":[null,true]}}"
        ","
        "\"amount\":\"18250.750\",\"currency\":\"EUR\",\"labels\":[\"pii\"],\"confidence\":0.93,"
        "\"parents\":[\"p1\",\"p2\"],\"credential\":\"sha256:c\",\"proof\":\"tok\",\"idempotency_"
        "key\":\"k\",\"more\":7}");

    wire_has_problems(&event, "");
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
    wire_is_texts(event.delegation, "planner,boss");
    assert_str_equal(event.task, "T-1");
    assert_str_equal(event.purpose, "pay");
    assert_str_equal(event.tool, "payments");
    assert_str_equal(event.action, "submit");
    wire_is_texts(event.objects, "vendor/V77,b,vendor/V77");
    assert_str_equal(event.case_id, "PO");
    assert_int_equal(event.args.kind, SUNDER_VALUE_MAP);
    assert_str_equal(sunder_value_member(&event.args, SUNDER_STR("iban"))->text, "DE02");
    assert_true(sunder_value_member(&event.args, SUNDER_STR("n"))->micro == 1500000);
    assert_true(event.amount.present && !event.amount.range && event.amount.micro == 18250750000);
    assert_str_equal(event.amount.plain, "18250.75");
    assert_str_equal(event.currency, "EUR");
    wire_is_texts(event.labels, "pii");
    assert_true(event.confidence.micro == 930000);
    assert_str_equal(event.confidence.plain, "0.93");
    wire_is_texts(event.parents, "p1,p2");
    assert_str_equal(event.credential, "sha256:c");
    assert_str_equal(event.idempotency_key, "k");
    assert_true(event.has_proof);
    wire_digest_is_of(&event,
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
    struct sunder_event event = wire_event_of("observed",
        "{\"tenant\":null,\"agent\":null,\"tool\":\"t\",\"action\":\"a\",\"delegation\":null,"
        "\"args\":null,\"amount\":null,\"zzz\":null}");
    wire_has_problems(&event, "");
    assert_int_equal(event.kind, SUNDER_EVENT_OBSERVED);
    assert_str_equal(event.agent, "src");
    assert_null(event.tenant.at);
    assert_int_equal(event.args.kind, SUNDER_VALUE_ABSENT);
    assert_false(event.amount.present);
    wire_digest_is_of(&event, "{\"action\":\"a\",\"agent\":\"src\",\"tool\":\"t\"}");

    event = wire_event_of("intent", "{\"a\":1,\"tool\":\"t\",\"action\":\"a\",\"agent\":\"x\"}");
    wire_digest_is_of(&event, "{\"a\":1,\"action\":\"a\",\"agent\":\"x\",\"tool\":\"t\"}");
    event = wire_event_of("intent", "{}");
    wire_digest_is_of(&event, "{\"agent\":\"src\"}");
}

static void equal_actions_have_equal_digests_whatever_their_text(void **state)
{
    (void)state;
    struct sunder_event a = wire_event_of("intent",
        "{\"tool\":\"t\",\"action\":\"a\",\"amount\":1.50,\"args\":{\"b\":1e2,\"a\":\"\\u00e9\"},"
        "\"proof\":\"1\",\"idempotency_key\":\"x\"}");
    struct sunder_event b = wire_event_of("intent",
        "{ \"args\" : {\"a\":\"\xc3\xa9\",\"b\":100.0}, \"amount\":\"15e-1\", \"agent\":\"src\", "
        "\"action\":\"\\u0061\", \"tool\":\"t\" }");
    assert_memory_equal(a.digest.bytes, b.digest.bytes, sizeof(a.digest.bytes));
    struct sunder_event c = wire_event_of("intent",
        "{\"tool\":\"t\",\"action\":\"a\",\"amount\":1.51,\"args\":{\"b\":1e2,\"a\":\"\\u00e9\"}}");
    assert_memory_not_equal(a.digest.bytes, c.digest.bytes, sizeof(a.digest.bytes));
}

static void decimals_are_told_apart_by_what_is_wrong_with_them(void **state)
{
    (void)state;
    struct sunder_event event = wire_event_of(
        "intent", "{\"tool\":\"t\",\"action\":\"a\",\"amount\":\"1.0000001\",\"confidence\":1e64}");
    wire_has_problems(&event, "");
    assert_true(event.amount.present && event.amount.range && event.amount.micro == 0);
    assert_str_equal(event.amount.plain, "1.0000001");
    assert_true(event.confidence.range);
    assert_int_equal(event.confidence.plain.len, 65);

    wire_data_has_problems("intent",
        "{\"tool\":\"t\",\"action\":\"a\",\"amount\":\"x\",\"confidence\":true}",
        "malformed:amount malformed:confidence");
    wire_data_has_problems("intent",
        "{\"tool\":\"t\",\"action\":\"a\",\"amount\":\"\",\"confidence\":[]}",
        "malformed:amount malformed:confidence");
    wire_data_has_problems("intent",
        "{\"tool\":\"t\",\"action\":\"a\",\"amount\":1e65,\"confidence\":\"1e-65\"}",
        "limit_reached:amount limit_reached:confidence");
    wire_data_has_problems("intent",
        "{\"tool\":\"t\",\"action\":\"a\",\"amount\":\"0."
        "00000000000000000000000000000000000000000000000000000000000000000\"}",
        "limit_reached:amount");
}

static void fields_of_a_wrong_type_are_named_once_each_and_sorted(void **state)
{
    (void)state;
    wire_data_has_problems("intent",
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
    wire_data_has_problems("intent", "{\"tool\":5}", "context_missing:action malformed:tool");
    struct sunder_event event =
        wire_event_of("intent", "{\"tool\":\"t\",\"action\":\"a\",\"agent\":5}");
    assert_null(event.agent.at);
}

static void data_that_is_no_object_is_malformed(void **state)
{
    (void)state;
    const char *const bad[] = {"null", "5", "\"{}\"", "[]", "true"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        wire_data_has_problems("intent", bad[i], "malformed:data");
        wire_data_has_problems("task", bad[i], "malformed:data");
    }
    struct sunder_event event = wire_decoded(
        SUNDER_STR("{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"dev."
                   "sunder.intent.v1\"}"));
    wire_has_problems(&event, "malformed:data");
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
        wire_data_has_problems(lists[i].kind, text, "");
        list_of(text, sizeof(text), lists[i].name, lists[i].max + 1);
        snprintf(expected, sizeof(expected), "limit_reached:%s", lists[i].name);
        wire_data_has_problems(lists[i].kind, text, expected);
    }
}

static void outcomes_are_read(void **state)
{
    (void)state;
    struct sunder_event event = wire_event_of("outcome",
        "{\"tenant\":\"a\",\"intent\":\"i0\",\"result\":\"failed\",\"agent\":\"x\",\"case\":\"C\","
        "\"object\":\"O\",\"grant\":1}");
    wire_has_problems(&event, "");
    assert_int_equal(event.kind, SUNDER_EVENT_OUTCOME);
    assert_str_equal(event.intent, "i0");
    assert_int_equal(event.result, SUNDER_OUTCOME_FAILED);
    assert_str_equal(event.agent, "x");
    assert_str_equal(event.case_id, "C");
    assert_str_equal(event.object, "O");
    assert_int_equal(event.objects.count, 0);
    event = wire_event_of("outcome", "{\"intent\":\"i0\",\"result\":\"executed\"}");
    assert_int_equal(event.result, SUNDER_OUTCOME_EXECUTED);
    assert_null(event.agent.at);
    wire_data_has_problems("outcome", "{\"result\":\"abandoned\"}", "context_missing:intent");
    wire_data_has_problems("outcome", "{\"intent\":\"i\",\"result\":\"done\"}", "malformed:result");
    wire_data_has_problems(
        "outcome", "{\"intent\":1,\"result\":2,\"agent\":3}", "malformed:intent malformed:result");
    wire_data_has_problems("outcome", "{}", "context_missing:intent context_missing:result");
}

static void tasks_are_read(void **state)
{
    (void)state;
    struct sunder_event event = wire_event_of("task",
        "{\"tenant\":\"a\",\"task\":\"T\",\"state\":\"renewed\",\"principal\":\"p\",\"purpose\":"
        "\"w\",\"case\":\"C\",\"duties\":[],\"agents\":[\"x\"],\"expires\":\"2026-01-01T00:00:00.5+"
        "01:00\"}");
    wire_has_problems(&event, "");
    assert_int_equal(event.task_state, SUNDER_TASK_RENEWED);
    assert_true(event.has_duties && event.duties.count == 0);
    assert_true(event.has_agents);
    wire_is_texts(event.agents, "x");
    assert_true(event.has_expires && event.expires_ms == INT64_C(1767222000500));
    event = wire_event_of("task", "{\"task\":\"T\",\"state\":\"ended\"}");
    assert_false(event.has_duties || event.has_agents || event.has_expires);
    assert_int_equal(event.task_state, SUNDER_TASK_ENDED);
    wire_data_has_problems(
        "task", "{\"state\":\"closed\"}", "context_missing:task malformed:state");
    wire_data_has_problems("task",
        "{\"task\":\"T\",\"state\":\"opened\",\"expires\":1767222000500}",
        "malformed:expires");
    wire_data_has_problems("task",
        "{\"task\":\"T\",\"state\":\"opened\",\"expires\":\"tomorrow\",\"duties\":[5]}",
        "malformed:duties malformed:expires");
}

static void delegations_cases_and_controls_are_read(void **state)
{
    (void)state;
    struct sunder_event event = wire_event_of("delegation",
        "{\"from\":\"f\",\"to\":\"g\",\"duties\":[\"d\"],\"task\":\"T\",\"revoked\":true}");
    wire_has_problems(&event, "");
    assert_str_equal(event.from, "f");
    assert_str_equal(event.to, "g");
    assert_true(event.revoked && event.has_duties);
    wire_data_has_problems(
        "delegation", "{\"from\":\"f\",\"revoked\":1}", "context_missing:to malformed:revoked");

    event = wire_event_of("case", "{\"object\":\"o\",\"state\":\"closed\"}");
    wire_has_problems(&event, "");
    assert_str_equal(event.object, "o");
    wire_data_has_problems("case", "{\"case\":\"c\",\"state\":\"open\"}", "malformed:state");
    wire_data_has_problems(
        "case", "{\"case\":\"c\",\"object\":\"o\"}", "context_missing:state malformed:object");
    wire_data_has_problems("case", "{\"state\":\"closed\"}", "context_missing:case");

    event = wire_event_of("control", "{\"control\":\"quarantine\",\"subject\":\"s\"}");
    wire_has_problems(&event, "");
    assert_int_equal(event.control, SUNDER_CONTROL_QUARANTINE);
    assert_str_equal(event.subject, "s");
    wire_data_has_problems("control", "{\"control\":\"release\"}", "context_missing:subject");
    wire_data_has_problems("control", "{\"control\":\"explode\"}", "malformed:control");
    event = wire_event_of("control", "{\"control\":\"tick\"}");
    wire_has_problems(&event, "");
    assert_int_equal(event.control, SUNDER_CONTROL_TICK);
}

static void kinds_that_are_not_supported_keep_what_finds_their_domain(void **state)
{
    (void)state;
    struct sunder_event event =
        wire_event_of("approval", "{\"tenant\":\"a\",\"agent\":5,\"case\":\"C\",\"intent\":7}");
    wire_has_problems(&event, "");
    assert_int_equal(event.kind, SUNDER_EVENT_APPROVAL);
    assert_str_equal(event.tenant, "a");
    assert_null(event.agent.at);
    assert_str_equal(event.case_id, "C");
    event = wire_event_of("novelty", "{\"tenant\":\"a\",\"object\":\"o\"}");
    assert_int_equal(event.kind, SUNDER_EVENT_UNKNOWN);
    assert_str_equal(event.object, "o");
    event = wire_event_of("novelty", "[]");
    wire_has_problems(&event, "");
    event = wire_decoded(
        SUNDER_STR("{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"\",\"type\":\"\"}"));
    assert_int_equal(event.kind, SUNDER_EVENT_UNKNOWN);
    event = wire_decoded(SUNDER_STR(
        "{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"\",\"type\":\"dev.sunder..v1\"}"));
    assert_int_equal(event.kind, SUNDER_EVENT_UNKNOWN);
    event = wire_decoded(SUNDER_STR(
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
        struct sunder_event event = wire_decoded(sunder_str_of(text));
        wire_has_problems(&event, times[i].problems);
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
    };
    return cmocka_run_group_tests(tests, wire_setup, wire_teardown);
}
