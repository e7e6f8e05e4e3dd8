#include "proto/wire.h"
#include "proto/wire_encode.h"

#include <stdio.h>

#include "tests/support/random.h"
#include "tests/support/test.h"
#include "tests/support/wire_random.h"

enum {
    RANDOM_RECORDS = 3000,
    BUF_BYTES = 1 << 20
};

static struct sunder_wire_decoder *decoder;
static struct sunder_wire_encoder *encoders[2];
static uint8_t buf[BUF_BYTES];

static int setup(void **state)
{
    assert_int_equal(sunder_wire_decoder_create(&decoder), SUNDER_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            sunder_wire_encoder_create((enum sunder_wire_format)i, &encoders[i]), SUNDER_OK);
    }
    return test_group_setup(state);
}

static int teardown(void **state)
{
    (void)state;
    sunder_wire_decoder_destroy(&decoder);
    sunder_wire_encoder_destroy(&encoders[0]);
    sunder_wire_encoder_destroy(&encoders[1]);
    assert_null(decoder);
    assert_null(encoders[0]);
    sunder_wire_decoder_destroy(&decoder);
    sunder_wire_encoder_destroy(&encoders[0]);
    return 0;
}

static struct sunder_str encoded(
    enum sunder_wire_format format, const struct sunder_decision *decision)
{
    size_t len = 0;
    assert_int_equal(
        sunder_wire_encode_record(encoders[format], decision, buf, sizeof(buf), &len), SUNDER_OK);
    return (struct sunder_str){(const char *)buf, (uint32_t)len};
}

static struct sunder_digest digest_of(uint8_t byte)
{
    struct sunder_digest digest;
    memset(digest.bytes, byte, sizeof(digest.bytes));
    return digest;
}

/* SUNDER_STR is no constant, which a static initialiser must be. */
#define LITERAL(text)                                                                              \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static struct sunder_decision allow(void)
{
    static const struct sunder_subject subjects[] = {
        {LITERAL("spiffe://acme.example/agent/payer"), SUNDER_ROLE_AGENT},
        {LITERAL("spiffe://acme.example/agent/planner"), SUNDER_ROLE_DELEGATOR},
        {LITERAL("user:ana@acme.example"), SUNDER_ROLE_PRINCIPAL}};
    static const struct sunder_str objects[] = {LITERAL("vendor/V77")};
    static const struct sunder_str duties[] = {LITERAL("payment.submit")};
    return (struct sunder_decision){.kind = SUNDER_RECORD_DECISION,
        .source = {SUNDER_STR("sunder.intents"), 3, 1042, 1767225600123},
        .stream_time_ms = 1767225600123,
        .tenant = SUNDER_STR("acme"),
        .domain = SUNDER_STR("acme"),
        .policy = digest_of(0),
        .engine = SUNDER_STR("0.1.0"),
        .seq = 7,
        .prev = digest_of(255),
        .event = SUNDER_STR("i-1"),
        .verdict = SUNDER_VERDICT_ALLOW,
        .attempt = 1,
        .stage = 8,
        .subjects = subjects,
        .subject_count = 3,
        .agent = subjects[0].id,
        .principal = subjects[2].id,
        .tool = SUNDER_STR("payments"),
        .action = SUNDER_STR("submit"),
        .objects = {objects, 1},
        .amount = {.present = true, .micro = 18250750000, .plain = SUNDER_STR("18250.75")},
        .currency = SUNDER_STR("EUR"),
        .duties = {duties, 1},
        .phases = SUNDER_PHASE_EXECUTE,
        .tier = SUNDER_TIER_HIGH,
        .digest = digest_of(1)};
}

static void an_allow_has_the_members_in_their_order_and_no_others(void **state)
{
    (void)state;
    struct sunder_decision decision = allow();
    test_assert_str(encoded(SUNDER_WIRE_FORMAT_JSON, &decision),
        SUNDER_STR(
            "{\"specversion\":\"1.0\",\"id\":\"sunder.intents/3/"
            "1042\",\"source\":\"sunder\",\"type\":\"dev.sunder.decision.v1\",\"data\":{"
            "\"tenant\":\"acme\",\"intent\":\"i-1\",\"verdict\":\"allow\","
            "\"reasons\":[],"
            "\"subjects\":{\"agent\":\"spiffe://acme.example/agent/"
            "payer\",\"delegators\":[\"spiffe://acme.example/agent/"
            "planner\"],\"principal\":\"user:ana@acme.example\"},"
            "\"tool\":\"payments\",\"action\":\"submit\",\"objects\":[\"vendor/"
            "V77\"],\"amount\":\"18250.75\",\"currency\":\"EUR\",\"duties\":[\"payment.submit\"],"
            "\"phases\":[\"execute\"],\"tier\":\"high\",\"digest\":"
            "\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\","
            "\"policy\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"source\":{\"topic\":"
            "\"sunder.intents\",\"partition\":3,\"offset\":1042,\"timestamp\":1767225600123},"
            "\"seq\":7,\"prev\":\"___________________________________"
            "_______8\",\"engine\":\"0.1.0\"}}"),
        __FILE__,
        __LINE__);
}

/* As the first builds wrote it: such records lie on topics. */
static const char FIRST_ALLOW[] =
    "{\"specversion\":\"1.0\",\"id\":\"sunder.intents/3/"
    "1042\",\"source\":\"sunder\",\"type\":\"dev.sunder.decision.v1\",\"data\":{"
    "\"id\":\"sunder.intents/3/"
    "1042\",\"tenant\":\"acme\",\"intent\":\"i-1\",\"attempt\":1,\"verdict\":\"allow\","
    "\"reasons\":[],"
    "\"subjects\":{\"agent\":\"spiffe://acme.example/agent/"
    "payer\",\"delegators\":[\"spiffe://acme.example/agent/"
    "planner\"],\"principal\":\"user:ana@acme.example\"},"
    "\"tool\":\"payments\",\"action\":\"submit\",\"objects\":[\"vendor/"
    "V77\"],\"amount\":\"18250.75\",\"currency\":\"EUR\",\"duties\":[\"payment.submit\"],"
    "\"phases\":[\"execute\"],\"tier\":\"high\",\"digest\":"
    "\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\","
    "\"policy\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"source\":{\"topic\":"
    "\"sunder.intents\",\"partition\":3,\"offset\":1042,\"timestamp\":1767225600123},"
    "\"stream_time\":1767225600123,\"seq\":7,\"prev\":\"___________________________________"
    "_______8\",\"engine\":\"0.1.0\"}}";

static void records_of_the_first_form_are_read(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(1 << 20);
    struct sunder_decision decision = allow();
    struct sunder_decision read;
    assert_int_equal(
        sunder_wire_decode_record(decoder, &arena, sunder_str_of(FIRST_ALLOW), &read), SUNDER_OK);
    assert_int_equal(read.attempt, 1);
    assert_true(read.stream_time_ms == decision.stream_time_ms);
    struct sunder_str now = sunder_str_copy(&arena, encoded(SUNDER_WIRE_FORMAT_JSON, &decision));
    test_assert_str(encoded(SUNDER_WIRE_FORMAT_JSON, &read), now, __FILE__, __LINE__);
    assert_true(now.len < sizeof(FIRST_ALLOW) - 1);

    for (int format = 0; format < 2; format++) {
        struct sunder_wire_encoder *encoder = NULL;
        assert_int_equal(
            sunder_wire_encoder_create((enum sunder_wire_format)format, &encoder), SUNDER_OK);
        encoder->first_form = true;
        char bytes[4096];
        size_t len = 0;
        assert_int_equal(
            sunder_wire_encode_record(encoder, &decision, bytes, sizeof(bytes), &len), SUNDER_OK);
        struct sunder_str first = {bytes, (uint32_t)len};
        assert_int_equal(sunder_wire_decode_record(decoder, &arena, first, &read), SUNDER_OK);
        test_assert_decisions_equal(&decision, &read);
        assert_true(encoded((enum sunder_wire_format)format, &read).len < len);
        sunder_wire_encoder_destroy(&encoder);
    }
}

static const char DENY[] =
    "{\"specversion\":\"1.0\",\"id\":\"t/0/"
    "0\",\"source\":\"sunder\",\"type\":\"dev.sunder.decision.v1\",\"data\":{"
    "\"tenant\":\"a\",\"domain\":\"a|b\","
    "\"intent\":\"i\",\"attempt\":2,\"verdict\":\"deny\",\"duplicate\":true,\"of\":\"t/0/"
    "0\",\"stage\":5,"
    "\"reasons\":[{\"code\":\"no_duty\",\"effect\":\"deny\",\"message\":\"m\"}],"
    "\"shadow\":[{\"rule\":\"pair\",\"code\":\"separation\",\"effect\":\"revoke\",\"mode\":"
    "\"shadow\",\"field\":\"f\",\"subject\":\"s\",\"key\":\"k\",\"message\":\"line\\n\","
    "\"count\":0,\"value\":\"1.5\",\"evidence\":[{\"intent\":\"i-0\",\"agent\":\"a\\\"b\","
    "\"duty\":\"vendor.create\",\"time\":-5}],"
    "\"also\":[{\"subject\":\"s\"},{\"key\":\"k\"},{\"subject\":\"s\",\"key\":\"k\"}],"
    "\"tags\":[\"t1\",\"t2\"]}],"
    "\"approvals\":[{\"rule\":\"pair\",\"count\":2,\"from\":[\"t1\"]},{\"rule\":\"other\","
    "\"count\":1,\"from\":[]}],"
    "\"findings\":[{\"code\":\"c\",\"field\":\"f\",\"subject\":\"s\",\"intent\":\"i\"},{"
    "\"code\":\"d\"}],"
    "\"would_allow\":[{\"kind\":\"wait\",\"value\":\"17\"},{\"kind\":\"party\",\"value\":\"s\"}],"
    "\"policy\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"source\":{\"topic\":"
    "\"t\",\"partition\":0,\"offset\":0,\"timestamp\":0},"
    "\"seq\":0,\"prev\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
    "\"engine\":\"e\"}}";

static void a_deny_tells_its_reasons_with_evidence(void **state)
{
    (void)state;
    const struct sunder_evidence evidence[] = {
        {SUNDER_STR("i-0"), SUNDER_STR("a\"b"), SUNDER_STR("vendor.create"), -5}};
    const struct sunder_pair also[] = {{SUNDER_STR("s"), {NULL, 0}},
        {{NULL, 0}, SUNDER_STR("k")},
        {SUNDER_STR("s"), SUNDER_STR("k")}};
    const struct sunder_str tags[] = {SUNDER_STR("t1"), SUNDER_STR("t2")};
    const struct sunder_reason reasons[] = {
        {.code = SUNDER_STR("no_duty"), .effect = SUNDER_EFFECT_DENY, .message = SUNDER_STR("m")},
        {.rule = SUNDER_STR("pair"),
            .code = SUNDER_STR("separation"),
            .effect = SUNDER_EFFECT_REVOKE,
            .mode = SUNDER_MODE_SHADOW,
            .field = SUNDER_STR("f"),
            .subject = SUNDER_STR("s"),
            .key = SUNDER_STR("k"),
            .message = SUNDER_STR("line\n"),
            .has_count = true,
            .count = 0,
            .value = SUNDER_STR("1.5"),
            .evidence = evidence,
            .evidence_count = 1,
            .also = also,
            .also_count = 3,
            .tags = {tags, 2}}};
    const struct sunder_wanted wanted[] = {
        {SUNDER_STR("pair"), 2, {tags, 1}}, {SUNDER_STR("other"), 1, {NULL, 0}}};
    const struct sunder_finding findings[] = {
        {SUNDER_STR("c"), SUNDER_STR("f"), SUNDER_STR("s"), SUNDER_STR("i")},
        {.code = SUNDER_STR("d")}};
    const struct sunder_change changes[] = {
        {SUNDER_CHANGE_WAIT, SUNDER_STR("17")}, {SUNDER_CHANGE_PARTY, SUNDER_STR("s")}};
    struct sunder_decision decision = {.kind = SUNDER_RECORD_DECISION,
        .source = {SUNDER_STR("t"), 0, 0, 0},
        .tenant = SUNDER_STR("a"),
        .domain = SUNDER_STR("a|b"),
        .verdict = SUNDER_VERDICT_DENY,
        .attempt = 2,
        .stage = 5,
        .duplicate = true,
        .of = SUNDER_STR("t/0/0"),
        .event = SUNDER_STR("i"),
        .reasons = reasons,
        .reason_count = 1,
        .shadow = reasons + 1,
        .shadow_count = 1,
        .wanted = wanted,
        .wanted_count = 2,
        .findings = findings,
        .finding_count = 2,
        .would_allow = changes,
        .would_allow_count = 2,
        .engine = SUNDER_STR("e")};
    test_assert_str(
        encoded(SUNDER_WIRE_FORMAT_JSON, &decision), sunder_str_of(DENY), __FILE__, __LINE__);
}

/* The part between the tenant and the policy. */
static void is_body(const struct sunder_decision *decision, const char *type, const char *body)
{
    char expected[2048];
    int len = snprintf(expected,
        sizeof(expected),
        "{\"specversion\":\"1.0\",\"id\":\"t/1/2/"
        "3\",\"source\":\"sunder\",\"type\":\"%s\",\"data\":{%s,"
        "\"policy\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"source\":{\"topic\":\"t\","
        "\"partition\":1,\"offset\":2,\"timestamp\":0},"
        "\"seq\":0,\"prev\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
        "\"engine\":\"e\"}}",
        type,
        body);
    assert_true(len > 0 && (size_t)len < sizeof(expected));
    test_assert_str(
        encoded(SUNDER_WIRE_FORMAT_JSON, decision), sunder_str_of(expected), __FILE__, __LINE__);
}

static struct sunder_decision recorded(enum sunder_record_kind kind)
{
    return (struct sunder_decision){.kind = kind,
        .index = 3,
        .source = {SUNDER_STR("t"), 1, 2, 0},
        .event = SUNDER_STR("x"),
        .publisher = SUNDER_STR("p"),
        .engine = SUNDER_STR("e")};
}

static void each_recorded_kind_has_its_own_members(void **state)
{
    (void)state;
    const char *const type = "dev.sunder.recorded.v1";
    const struct sunder_str names[] = {SUNDER_STR("a"), SUNDER_STR("b")};

    struct sunder_decision outcome = recorded(SUNDER_RECORD_OUTCOME);
    outcome.intent = SUNDER_STR("i");
    outcome.result = SUNDER_OUTCOME_ABANDONED;
    outcome.outcome_effect = SUNDER_OUTCOME_EFFECT_NONE;
    is_body(&outcome,
        type,
        "\"kind\":\"outcome\",\"event\":\"x\",\"publisher\":\"p\",\"intent\":\"i\",\"result\":"
        "\"abandoned\",\"effect\":\"none\"");

    struct sunder_decision task = recorded(SUNDER_RECORD_TASK);
    task.task = SUNDER_STR("T");
    task.task_state = SUNDER_TASK_OPENED;
    is_body(&task,
        type,
        "\"kind\":\"task\",\"event\":\"x\",\"publisher\":\"p\",\"task\":\"T\",\"state\":"
        "\"opened\"");
    task.principal = SUNDER_STR("u");
    task.purpose = SUNDER_STR("w");
    task.case_id = SUNDER_STR("c");
    task.has_duties = true;
    task.has_agents = true;
    task.has_expires = true;
    task.expires_ms = -1;
    task.agents = (struct sunder_strs){names, 2};
    is_body(&task,
        type,
        "\"kind\":\"task\",\"event\":\"x\",\"publisher\":\"p\",\"task\":\"T\",\"state\":\"opened\","
        "\"principal\":\"u\",\"purpose\":\"w\",\"case\":\"c\","
        "\"duties\":[],\"agents\":[\"a\",\"b\"],\"expires\":-1");
}

static void delegations_cases_controls_and_dead_letters_too(void **state)
{
    (void)state;
    const char *const type = "dev.sunder.recorded.v1";
    const struct sunder_str names[] = {SUNDER_STR("a"), SUNDER_STR("b")};

    struct sunder_decision delegation = recorded(SUNDER_RECORD_DELEGATION);
    delegation.from = SUNDER_STR("f");
    delegation.to = SUNDER_STR("g");
    delegation.has_duties = true;
    delegation.duties = (struct sunder_strs){names, 1};
    delegation.task = SUNDER_STR("T");
    delegation.has_expires = true;
    delegation.expires_ms = 9;
    delegation.revoked = true;
    is_body(&delegation,
        type,
        "\"kind\":\"delegation\",\"event\":\"x\",\"publisher\":\"p\",\"from\":\"f\",\"to\":\"g\","
        "\"duties\":[\"a\"],\"task\":\"T\",\"expires\":9,\"revoked\":true");

    struct sunder_decision closed = recorded(SUNDER_RECORD_CASE);
    closed.object = SUNDER_STR("o");
    closed.duplicate = true;
    is_body(&closed,
        type,
        "\"kind\":\"case\",\"event\":\"x\",\"publisher\":\"p\",\"duplicate\":true,\"object\":"
        "\"o\"");

    struct sunder_decision control = recorded(SUNDER_RECORD_CONTROL);
    control.control = SUNDER_CONTROL_RELEASE;
    control.subject = SUNDER_STR("s");
    is_body(&control,
        type,
        "\"kind\":\"control\",\"event\":\"x\",\"publisher\":\"p\",\"control\":\"release\","
        "\"subject\":\"s\"");

    struct sunder_decision dead = recorded(SUNDER_RECORD_DEAD_LETTER);
    dead.event = (struct sunder_str){0};
    dead.publisher = (struct sunder_str){0};
    dead.code = SUNDER_STR("malformed");
    is_body(&dead, type, "\"kind\":\"dead_letter\",\"code\":\"malformed\"");
}

static void a_revocation_names_its_cause(void **state)
{
    (void)state;
    struct sunder_reason reason = {.rule = SUNDER_STR("r"),
        .code = SUNDER_STR("separation"),
        .effect = SUNDER_EFFECT_REVOKE,
        .message = SUNDER_STR("m")};
    struct sunder_decision decision = recorded(SUNDER_RECORD_REVOCATION);
    decision.subject = SUNDER_STR("s");
    decision.reasons = &reason;
    decision.reason_count = 1;
    is_body(&decision,
        "dev.sunder.revocation.v1",
        "\"subject\":\"s\",\"cause\":\"rule\",\"intent\":\"x\",\"reasons\":[{\"rule\":\"r\","
        "\"code\":\"separation\",\"effect\":\"revoke\",\"message\":\"m\"}]");
    reason = (struct sunder_reason){.code = SUNDER_STR("quarantined"),
        .effect = SUNDER_EFFECT_REVOKE,
        .message = SUNDER_STR("m")};
    decision.intent = SUNDER_STR("y");
    is_body(&decision,
        "dev.sunder.revocation.v1",
        "\"subject\":\"s\",\"cause\":\"quarantine\",\"intent\":\"y\",\"reasons\":[{\"code\":"
        "\"quarantined\",\"effect\":\"revoke\",\"message\":\"m\"}]");
}

static void round_trip(enum sunder_wire_format format)
{
    uint64_t seed = test_seed();
    struct sunder_arena arena = test_arena_of(1 << 22);
    for (int i = 0; i < RANDOM_RECORDS; i++) {
        sunder_arena_reset(&arena);
        enum sunder_record_kind kind =
            (enum sunder_record_kind)test_random_below(&seed, SUNDER_RECORD_KIND_COUNT);
        struct sunder_decision decision = test_random_decision(&seed, &arena, kind);
        struct sunder_str bytes = sunder_str_copy(&arena, encoded(format, &decision));
        struct sunder_decision back;

        assert_int_equal(sunder_wire_decode_record(decoder, &arena, bytes, &back), SUNDER_OK);

        test_assert_decisions_equal(&decision, &back);
        struct sunder_str again = encoded(format, &back);
        test_assert_str(again, bytes, __FILE__, __LINE__);
    }
}

static void random_records_survive_json(void **state)
{
    (void)state;
    round_trip(SUNDER_WIRE_FORMAT_JSON);
}

static void random_records_survive_protobuf(void **state)
{
    (void)state;
    round_trip(SUNDER_WIRE_FORMAT_PROTOBUF);
}

static void is_corrupt(struct sunder_str bytes)
{
    struct sunder_arena arena = test_arena_of(1 << 16);
    struct sunder_decision back = {.seq = 77};
    enum sunder_err err = sunder_wire_decode_record(decoder, &arena, bytes, &back);
    if (err != SUNDER_ERR_CORRUPT) {
        print_error("%.*s\n", (int)bytes.len, bytes.at);
    }
    assert_int_equal(err, SUNDER_ERR_CORRUPT);
    assert_int_equal(back.seq, 77);
}

/* Replaces the first `from` in the encoded allow by `to`. */
static void allow_with_is_corrupt(const char *from, const char *to)
{
    struct sunder_decision decision = allow();
    struct sunder_str bytes = encoded(SUNDER_WIRE_FORMAT_JSON, &decision);
    char text[4096];
    memcpy(text, bytes.at, bytes.len);
    text[bytes.len] = '\0';
    char *at = strstr(text, from);
    assert_non_null(at);
    char changed[4096];
    int len = snprintf(
        changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    assert_true(len > 0 && (size_t)len < sizeof(changed));
    is_corrupt((struct sunder_str){changed, (uint32_t)len});
}

static void what_encode_would_not_write_is_corrupt(void **state)
{
    (void)state;
    is_corrupt(SUNDER_STR(""));
    is_corrupt(SUNDER_STR("{}"));
    is_corrupt(SUNDER_STR("[]"));
    is_corrupt(SUNDER_STR("{\"data\":5,\"type\":\"dev.sunder.decision.v1\"}"));
    allow_with_is_corrupt("\"verdict\":", "\"attempt\":1,\"verdict\":");
    allow_with_is_corrupt("\"verdict\":", "\"attempt\":2.0,\"verdict\":");
    allow_with_is_corrupt("\"verdict\":", "\"attempt\":\"2\",\"verdict\":");
    allow_with_is_corrupt("\"verdict\":", "\"attempt\":99999999999,\"verdict\":");
    allow_with_is_corrupt("\"verdict\":", "\"attempt\":-1,\"verdict\":");
    allow_with_is_corrupt(",\"seq\":7", ",\"stream_time\":1767225600123,\"seq\":7");
    allow_with_is_corrupt("\"verdict\":\"allow\"", "\"verdict\":\"Allow\"");
    allow_with_is_corrupt("\"verdict\":\"allow\"", "\"verdict\":\"\"");
    allow_with_is_corrupt(",\"verdict\":\"allow\"", "");
    allow_with_is_corrupt("\"tier\":\"high\"", "\"tier\":\"huge\"");
    allow_with_is_corrupt("\"phases\":[\"execute\"]", "\"phases\":[\"execute\",\"execute\"]");
    allow_with_is_corrupt("\"phases\":[\"execute\"]", "\"phases\":[]");
    allow_with_is_corrupt("\"seq\":7", "\"seq\":07");
    allow_with_is_corrupt("\"seq\":7", "\"seq\":18446744073709551616");
    allow_with_is_corrupt("\"seq\":7", "\"seq\": 7");
    allow_with_is_corrupt("\"seq\":7", "\"seq\":7,\"new\":1");
    allow_with_is_corrupt("\"partition\":3", "\"partition\":-3");
    allow_with_is_corrupt("\"partition\":3", "\"partition\":4294967299");
    allow_with_is_corrupt("\"offset\":1042", "\"offset\":1043");
    allow_with_is_corrupt("\"tenant\":\"acme\"", "\"tenant\":\"\"");
    allow_with_is_corrupt("\"tenant\":\"acme\"", "\"tenant\":\"acme\",\"domain\":\"acme\"");
    allow_with_is_corrupt("\"amount\":\"18250.75\"", "\"amount\":\"18250.750\"");
    allow_with_is_corrupt("\"amount\":\"18250.75\"", "\"amount\":18250.75");
    allow_with_is_corrupt("\"amount\":\"18250.75\"", "\"amount\":\"1e400\"");
    allow_with_is_corrupt("\"objects\":[\"vendor/V77\"]", "\"objects\":[5]");
    allow_with_is_corrupt("\"objects\":[\"vendor/V77\"]", "\"objects\":[null]");
    allow_with_is_corrupt("\"objects\":[\"vendor/V77\"]", "\"objects\":\"vendor/V77\"");
    allow_with_is_corrupt("__8\"", "__9\"");
    allow_with_is_corrupt("\"engine\":\"0.1.0\"", "\"engine\":\"0.1\\u002e0\"");
    allow_with_is_corrupt("\"tool\":\"payments\",\"action\":\"submit\"",
        "\"action\":\"submit\",\"tool\":\"payments\"");
    allow_with_is_corrupt("\"source\":\"sunder\"", "\"source\":\"other\"");
    allow_with_is_corrupt("dev.sunder.decision.v1", "dev.sunder.decision.v2");
    allow_with_is_corrupt("dev.sunder.decision.v1", "dev.sunder.recorded.v1");
    allow_with_is_corrupt("\"id\":\"sunder.intents/3/1042\"", "\"id\":\"sunder.intents/3/1042/0\"");
    allow_with_is_corrupt("\"id\":\"sunder.intents/3/1042\"",
        "\"id\":\"sunder.intents/3/1042/99999999999999999999\"");
    allow_with_is_corrupt("\"delegators\":[\"spiffe://acme.example/agent/planner\"]",
        "\"delegators\":[\"spiffe://acme.example/agent/payer\"]");
    allow_with_is_corrupt("0.1.0\"}}", "0.1.0\"}} ");
}

static void every_shorter_piece_of_a_record_is_corrupt(void **state)
{
    (void)state;
    struct sunder_decision decision = allow();
    for (int format = 0; format < 2; format++) {
        struct sunder_str bytes = encoded((enum sunder_wire_format)format, &decision);
        struct sunder_arena arena = test_arena_of(1 << 16);
        for (uint32_t len = 0; len < bytes.len; len++) {
            sunder_arena_reset(&arena);
            struct sunder_str piece = sunder_str_copy(&arena, (struct sunder_str){bytes.at, len});
            struct sunder_decision back;
            assert_int_equal(
                sunder_wire_decode_record(decoder, &arena, piece, &back), SUNDER_ERR_CORRUPT);
        }
    }
}

static void a_buffer_too_small_is_full_whatever_its_size(void **state)
{
    (void)state;
    struct sunder_decision decision = allow();
    for (int format = 0; format < 2; format++) {
        size_t whole = encoded((enum sunder_wire_format)format, &decision).len;
        uint8_t small[2048];
        for (size_t size = 0; size < whole; size++) {
            size_t len = 77;
            memset(small, 0x5a, sizeof(small));
            assert_int_equal(
                sunder_wire_encode_record(encoders[format], &decision, small, size, &len),
                SUNDER_ERR_FULL);
            assert_int_equal(len, 77);
            assert_int_equal(small[size], 0x5a);
        }
    }
}

static void an_arena_too_small_is_full(void **state)
{
    (void)state;
    struct sunder_decision decision = allow();
    for (int format = 0; format < 2; format++) {
        struct sunder_str bytes = encoded((enum sunder_wire_format)format, &decision);
        struct sunder_arena arena = test_arena_of(64);
        struct sunder_decision back;
        assert_int_equal(sunder_wire_decode_record(decoder, &arena, bytes, &back), SUNDER_ERR_FULL);
    }
}

static void a_topic_longer_than_kafka_allows_is_full(void **state)
{
    (void)state;
    static char topic[250];
    memset(topic, 't', sizeof(topic));
    struct sunder_decision decision = allow();
    size_t len = 0;
    decision.source.topic = (struct sunder_str){topic, 250};
    assert_int_equal(
        sunder_wire_encode_record(encoders[0], &decision, buf, sizeof(buf), &len), SUNDER_ERR_FULL);
    decision.source.topic.len = 249;
    decision.source.offset = INT64_MAX;
    decision.source.partition = INT32_MAX;
    decision.index = UINT32_MAX;
    assert_int_equal(
        sunder_wire_encode_record(encoders[0], &decision, buf, sizeof(buf), &len), SUNDER_OK);
}

static void record_id_is_that_of_the_record(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(256);
    const struct sunder_source source = {SUNDER_STR("sunder.intents"), 2, 15, 0};
    assert_str_equal(sunder_wire_record_id(&arena, &source, 0), "sunder.intents/2/15");
    assert_str_equal(sunder_wire_record_id(&arena, &source, 4), "sunder.intents/2/15/4");
    struct sunder_arena none = test_arena_of(4);
    assert_null(sunder_wire_record_id(&none, &source, 0).at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_allow_has_the_members_in_their_order_and_no_others),
        cmocka_unit_test(records_of_the_first_form_are_read),
        cmocka_unit_test(a_deny_tells_its_reasons_with_evidence),
        cmocka_unit_test(each_recorded_kind_has_its_own_members),
        cmocka_unit_test(delegations_cases_controls_and_dead_letters_too),
        cmocka_unit_test(a_revocation_names_its_cause),
        cmocka_unit_test(random_records_survive_json),
        cmocka_unit_test(random_records_survive_protobuf),
        cmocka_unit_test(what_encode_would_not_write_is_corrupt),
        cmocka_unit_test(every_shorter_piece_of_a_record_is_corrupt),
        cmocka_unit_test(a_buffer_too_small_is_full_whatever_its_size),
        cmocka_unit_test(an_arena_too_small_is_full),
        cmocka_unit_test(a_topic_longer_than_kafka_allows_is_full),
        cmocka_unit_test(record_id_is_that_of_the_record),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
