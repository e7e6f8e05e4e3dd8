#include "proto/wire.h"

#include <stdio.h>

#include "proto/cloudevents.pb-c.h"
#include "proto/decision.pb-c.h"
#include "proto/event.pb-c.h"
#include "proto/protobuf_write.h"
#include "tests/support/random.h"
#include "tests/support/test.h"
#include "tests/support/wire_random.h"

enum {
    BYTES_MAX = 1 << 16,
    RANDOM_INTENTS = 2000
};

static struct sunder_wire_decoder *decoder;
static struct sunder_arena arena;
static uint8_t bytes_buf[BYTES_MAX];

static int setup(void **state)
{
    assert_int_equal(sunder_wire_decoder_create(&decoder), SUNDER_OK);
    arena = test_arena_of(SUNDER_WIRE_ARENA_BYTES);
    return test_group_setup(state);
}

static int teardown(void **state)
{
    (void)state;
    sunder_wire_decoder_destroy(&decoder);
    return 0;
}

static enum sunder_err decode(
    struct sunder_str value, struct sunder_event *event, struct sunder_wire_problem *problem)
{
    const struct sunder_wire_record record = {.value = value, .at = {SUNDER_STR("t"), 0, 0, 0}};
    return sunder_wire_decode_event(decoder, &arena, &record, event, problem);
}

static struct sunder_event decoded(struct sunder_str value)
{
    struct sunder_event event;
    struct sunder_wire_problem problem = {0};
    enum sunder_err err = decode(value, &event, &problem);
    if (err != SUNDER_OK) {
        print_error(
            "%.*s\n%.*s\n", (int)problem.text.len, problem.text.at, (int)value.len, value.at);
    }
    assert_int_equal(err, SUNDER_OK);
    return event;
}

static void refused(struct sunder_str value, const char *part)
{
    struct sunder_event event;
    struct sunder_wire_problem problem = {0};
    assert_int_equal(decode(value, &event, &problem), SUNDER_ERR_MALFORMED);
    assert_str_equal(problem.code, "malformed");
    if (strstr(problem.text.at, part) == NULL) {
        print_error("%.*s\n", (int)problem.text.len, problem.text.at);
    }
    assert_non_null(strstr(problem.text.at, part));
}

/* The generated structs want texts that may be changed. */
static char *word(const char *text)
{
    size_t len = strlen(text);
    char *copy = sunder_arena_alloc(&arena, len + 1, 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    return copy;
}

/* An event as the library of the format writes it; `type` names the kind, `message` the type of the data. */
static struct sunder_str packed(const char *type, const char *message, const ProtobufCMessage *data)
{
    static uint8_t data_buf[BYTES_MAX];
    char url[128];
    snprintf(url, sizeof(url), "type.googleapis.com/dev.sunder.v1.%s", message);
    Io__Cloudevents__V1__Any any;
    io__cloudevents__v1__any__init(&any);
    any.type_url = url;
    any.value.data = data_buf;
    assert_true(protobuf_c_message_get_packed_size(data) <= sizeof(data_buf));
    any.value.len = protobuf_c_message_pack(data, data_buf);
    Io__Cloudevents__V1__CloudEvent event;
    io__cloudevents__v1__cloud_event__init(&event);
    event.id = word("i1");
    event.source = word("src");
    event.spec_version = word("1.0");
    event.type = word(type);
    event.data_case = IO__CLOUDEVENTS__V1__CLOUD_EVENT__DATA_PROTO_DATA;
    event.proto_data = &any;
    assert_true(io__cloudevents__v1__cloud_event__get_packed_size(&event) <= sizeof(bytes_buf));
    return (struct sunder_str){(const char *)bytes_buf,
        (uint32_t)io__cloudevents__v1__cloud_event__pack(&event, bytes_buf)};
}

static struct sunder_str json_event(const char *type, const char *data)
{
    static char text[BYTES_MAX];
    int len = snprintf(text,
        sizeof(text),
        "{\"specversion\":\"1.0\",\"id\":\"i1\",\"source\":\"src\",\"type\":\"%s\",\"data\":%s}",
        type,
        data);
    assert_true(len > 0 && (size_t)len < sizeof(text));
    return (struct sunder_str){text, (uint32_t)len};
}

/* A random intent built twice: as a message and as JSON. */
struct pair {
    uint64_t *seed;
    Dev__Sunder__V1__Intent message;
    char json[BYTES_MAX];
    size_t len;
};

static char *random_word(struct pair *pair)
{
    struct sunder_str text = test_random_text(pair->seed, &arena, 30, true);
    char *word = sunder_arena_alloc(&arena, text.len + 1u, 1);
    assert_non_null(word);
    memcpy(word, text.at, text.len);
    for (uint32_t i = 0; i < text.len; i++) {
        word[i] = word[i] == '\0' ? '0' : word[i]; /* The library ends texts at a NUL. */
    }
    return word;
}

static void add_json(struct pair *pair, const char *text)
{
    pair->len +=
        (size_t)snprintf(pair->json + pair->len, sizeof(pair->json) - pair->len, "%s", text);
    assert_true(pair->len < sizeof(pair->json));
}

static void add_string(struct pair *pair, const char *text)
{
    add_json(pair, "\"");
    for (; *text != '\0'; text++) {
        char piece[8];
        uint8_t c = (uint8_t)*text;
        bool escape = c == '"' || c == '\\' || c < 0x20 ||
                      (c < 0x80 && test_random_below(pair->seed, 8) == 0);
        snprintf(piece, sizeof(piece), escape ? "\\u%04x" : "%c", c);
        add_json(pair, piece);
    }
    add_json(pair, "\"");
}

static void add_name(struct pair *pair, const char *name)
{
    add_json(pair, pair->len == 1 ? "\"" : ",\"");
    add_json(pair, name);
    add_json(pair, "\":");
}

static void maybe_text(struct pair *pair, const char *name, char **field)
{
    if (test_random_below(pair->seed, 2) == 0) {
        *field = random_word(pair);
        add_name(pair, name);
        add_string(pair, *field);
    }
}

static void maybe_list(struct pair *pair, const char *name, size_t *count, char ***field)
{
    if (test_random_below(pair->seed, 2) == 0) {
        return; /* A list of a message cannot be there and empty. */
    }
    *count = 1 + test_random_below(pair->seed, 5);
    *field = SUNDER_ARENA_NEW(&arena, char *, *count);
    add_name(pair, name);
    for (size_t i = 0; i < *count; i++) {
        (*field)[i] = random_word(pair);
        add_json(pair, i == 0 ? "[" : ",");
        add_string(pair, (*field)[i]);
    }
    add_json(pair, "]");
}

static void maybe_amount(struct pair *pair, const char *name, char **field)
{
    static const char *const amounts[] = {
        "0", "-0", "18250.75", "1e3", "0.50", "-12.3456789", "1e60", "x", "7"};
    if (test_random_below(pair->seed, 2) == 0) {
        *field = word(amounts[test_random_below(pair->seed, sizeof(amounts) / sizeof(amounts[0]))]);
        add_name(pair, name);
        bool number = (*field)[0] != 'x' && test_random_below(pair->seed, 2) == 0;
        add_json(pair, number ? "" : "\"");
        add_json(pair, *field);
        add_json(pair, number ? "" : "\"");
    }
}

static void maybe_args(struct pair *pair)
{
    static const char *const args[] = {"{}",
        "{ \"b\" : 1e2, \"a\":[null, true ,\"\\u00e9\"] }",
        "{\"x\":{\"y\":{\"z\":9007199254740993}}}",
        "{\"\\ud83d\\ude00\":1,\"\\uffff\":2}"};
    if (test_random_below(pair->seed, 2) == 0) {
        const char *text = args[test_random_below(pair->seed, sizeof(args) / sizeof(args[0]))];
        pair->message.has_args = true;
        pair->message.args.len = strlen(text);
        pair->message.args.data = sunder_arena_alloc(&arena, strlen(text), 1);
        memcpy(pair->message.args.data, text, strlen(text));
        add_name(pair, "args");
        add_json(pair, text);
    }
}

static void fill_pair(struct pair *pair)
{
    Dev__Sunder__V1__Intent *message = &pair->message;
    dev__sunder__v1__intent__init(message);
    pair->len = 0;
    add_json(pair, "{");
    maybe_text(pair, "tenant", &message->tenant);
    maybe_text(pair, "tool", &message->tool);
    maybe_text(pair, "agent", &message->agent);
    maybe_list(pair, "delegation", &message->n_delegation, &message->delegation);
    maybe_text(pair, "case", &message->case_);
    maybe_args(pair);
    maybe_amount(pair, "confidence", &message->confidence);
    maybe_text(pair, "principal", &message->principal);
    maybe_text(pair, "proof", &message->proof);
    maybe_text(pair, "task", &message->task);
    maybe_text(pair, "purpose", &message->purpose);
    maybe_list(pair, "objects", &message->n_objects, &message->objects);
    maybe_text(pair, "object", &message->object);
    maybe_amount(pair, "amount", &message->amount);
    maybe_text(pair, "currency", &message->currency);
    maybe_list(pair, "labels", &message->n_labels, &message->labels);
    maybe_list(pair, "parents", &message->n_parents, &message->parents);
    maybe_text(pair, "credential", &message->credential);
    maybe_text(pair, "idempotency_key", &message->idempotency_key);
    maybe_text(pair, "action", &message->action);
    add_json(pair, "}");
}

static void same_intents(const struct sunder_event *a, const struct sunder_event *b)
{
    assert_memory_equal(a->digest.bytes, b->digest.bytes, sizeof(a->digest.bytes));
    assert_int_equal(a->problem_count, b->problem_count);
    for (uint32_t i = 0; i < a->problem_count; i++) {
        test_assert_same_text(a->problems[i].code, b->problems[i].code);
        test_assert_same_text(a->problems[i].field, b->problems[i].field);
    }
    const struct sunder_str texts_a[] = {a->id,
        a->source,
        a->type,
        a->tenant,
        a->agent,
        a->principal,
        a->task,
        a->purpose,
        a->tool,
        a->action,
        a->object,
        a->case_id,
        a->amount.plain,
        a->currency,
        a->confidence.plain,
        a->credential,
        a->idempotency_key};
    const struct sunder_str texts_b[] = {b->id,
        b->source,
        b->type,
        b->tenant,
        b->agent,
        b->principal,
        b->task,
        b->purpose,
        b->tool,
        b->action,
        b->object,
        b->case_id,
        b->amount.plain,
        b->currency,
        b->confidence.plain,
        b->credential,
        b->idempotency_key};
    for (size_t i = 0; i < sizeof(texts_a) / sizeof(texts_a[0]); i++) {
        test_assert_same_text(texts_a[i], texts_b[i]);
    }
    test_assert_same_texts(a->delegation, b->delegation);
    test_assert_same_texts(a->objects, b->objects);
    test_assert_same_texts(a->labels, b->labels);
    test_assert_same_texts(a->parents, b->parents);
    assert_int_equal(a->has_proof, b->has_proof);
    assert_int_equal(a->args.kind, b->args.kind);
    assert_int_equal(a->args.count, b->args.count);
}

static void an_intent_is_the_same_in_json_and_in_protobuf(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    static struct pair pair;
    pair.seed = &seed;
    for (int i = 0; i < RANDOM_INTENTS; i++) {
        sunder_arena_reset(&arena);
        fill_pair(&pair);
        bool observed = test_random_below(&seed, 4) == 0;
        const char *type = observed ? "dev.sunder.observed.v1" : "dev.sunder.intent.v1";
        struct sunder_event json = decoded(json_event(type, pair.json));
        struct sunder_event protobuf = decoded(packed(type, "Intent", &pair.message.base));
        same_intents(&json, &protobuf);
    }
}

static void the_other_kinds_are_read(void **state)
{
    (void)state;
    sunder_arena_reset(&arena);
    Dev__Sunder__V1__Task task = DEV__SUNDER__V1__TASK__INIT;
    Dev__Sunder__V1__Names none = DEV__SUNDER__V1__NAMES__INIT;
    Dev__Sunder__V1__Names two = DEV__SUNDER__V1__NAMES__INIT;
    char *names[] = {word("x"), word("y")};
    two.n_names = 2;
    two.names = names;
    task.task = word("T");
    task.state = word("opened");
    task.duties = &none;
    task.agents = &two;
    task.expires = word("2026-01-01T00:00:00Z");
    struct sunder_event event = decoded(packed("dev.sunder.task.v1", "Task", &task.base));
    assert_int_equal(event.problem_count, 0);
    assert_int_equal(event.task_state, SUNDER_TASK_OPENED);
    assert_true(event.has_duties && event.duties.count == 0);
    assert_true(event.has_agents && event.agents.count == 2);
    assert_true(event.has_expires);
    task.duties = NULL;
    event = decoded(packed("dev.sunder.task.v1", "Task", &task.base));
    assert_false(event.has_duties);

    Dev__Sunder__V1__Delegation delegation = DEV__SUNDER__V1__DELEGATION__INIT;
    delegation.from = word("f");
    delegation.to = word("g");
    delegation.has_revoked = true;
    delegation.revoked = true;
    event = decoded(packed("dev.sunder.delegation.v1", "Delegation", &delegation.base));
    assert_true(event.revoked);
    assert_int_equal(event.problem_count, 0);

    Dev__Sunder__V1__Outcome outcome = DEV__SUNDER__V1__OUTCOME__INIT;
    outcome.intent = word("i");
    outcome.result = word("executed");
    outcome.has_use = true;
    outcome.use = UINT32_MAX;
    event = decoded(packed("dev.sunder.outcome.v1", "Outcome", &outcome.base));
    assert_int_equal(event.result, SUNDER_OUTCOME_EXECUTED);

    Dev__Sunder__V1__Case closed = DEV__SUNDER__V1__CASE__INIT;
    closed.object = word("o");
    closed.state = word("closed");
    event = decoded(packed("dev.sunder.case.v1", "Case", &closed.base));
    assert_int_equal(event.problem_count, 0);
    assert_str_equal(event.object, "o");

    Dev__Sunder__V1__Control control = DEV__SUNDER__V1__CONTROL__INIT;
    control.control = word("release");
    event = decoded(packed("dev.sunder.control.v1", "Control", &control.base));
    assert_int_equal(event.problem_count, 1);
    assert_str_equal(event.problems[0].field, "subject");

    event = decoded(packed("dev.sunder.approval.v1", "Approval", &control.base));
    assert_int_equal(event.kind, SUNDER_EVENT_APPROVAL);
}

/* Appends the frame of an event of the given type up to its data. */
static struct sunder_protobuf_out begun(struct sunder_str type)
{
    struct sunder_protobuf_out out = {bytes_buf, bytes_buf + sizeof(bytes_buf), false};
    sunder_protobuf_put_text(&out, 1, SUNDER_STR("i1"));
    sunder_protobuf_put_text(&out, 2, SUNDER_STR("src"));
    sunder_protobuf_put_text(&out, 3, SUNDER_STR("1.0"));
    sunder_protobuf_put_text(&out, 4, type);
    return out;
}

static struct sunder_str done(const struct sunder_protobuf_out *out)
{
    assert_false(out->full);
    return (struct sunder_str){(const char *)bytes_buf, (uint32_t)(out->at - bytes_buf)};
}

/* An intent event whose data message has the given bytes. */
static struct sunder_str with_data(const char *url, const char *data, size_t len)
{
    struct sunder_protobuf_out out = begun(SUNDER_STR("dev.sunder.intent.v1"));
    uint8_t *any = sunder_protobuf_begin(&out, 8);
    sunder_protobuf_put_text(&out, 1, sunder_str_of(url));
    sunder_protobuf_put_bytes(&out, 2, data, len);
    sunder_protobuf_end(&out, any);
    return done(&out);
}

#define INTENT_URL "type.googleapis.com/dev.sunder.v1.Intent"

static void what_no_digest_could_cover_is_refused(void **state)
{
    (void)state;
    sunder_arena_reset(&arena);
    struct sunder_event event = decoded(with_data(INTENT_URL,
        "\x3a\x01t\x42\x01"
        "a",
        6));
    assert_int_equal(event.problem_count, 0);
    refused(with_data(INTENT_URL,
                "\x3a\x01t\x42\x01"
                "a\x3a\x01u",
                9),
        "neither JSON nor");
    refused(with_data(INTENT_URL, "\xf2\x06\x01x", 4), "neither");
    refused(with_data(INTENT_URL, "\x3a\x05t", 3), "neither");
    refused(with_data(INTENT_URL, "\x38\x01", 2), "neither");
    refused(with_data(INTENT_URL, "\x3a\x01\xff", 3), "neither");
    refused(with_data(INTENT_URL, "\x62\x02{x", 4), "neither");
    refused(with_data("type.googleapis.com/dev.sunder.v1.Task", "", 0), "neither");
    refused(with_data("dev.sunder.v1.Intent", "", 0), "neither");
    /* A NUL does not end a text. */
    event = decoded(with_data(INTENT_URL, "\x3a\x03t\0x", 5));
    assert_int_equal(event.tool.len, 3);
}

static void every_shorter_piece_is_refused_or_lacks_its_data(void **state)
{
    (void)state;
    struct sunder_str whole = with_data(INTENT_URL,
        "\x3a\x01t\x42\x01"
        "a",
        6);
    for (uint32_t len = 0; len < whole.len; len++) {
        sunder_arena_reset(&arena);
        struct sunder_str piece = sunder_str_copy(&arena, (struct sunder_str){whole.at, len});
        struct sunder_event event;
        struct sunder_wire_problem problem;
        if (decode(piece, &event, &problem) == SUNDER_OK) {
            assert_int_equal(event.problem_count, 1);
            assert_str_equal(event.problems[0].field, "data");
        }
    }
}

static void put_attribute(
    struct sunder_protobuf_out *out, const char *name, uint32_t field, const char *value)
{
    uint8_t *entry = sunder_protobuf_begin(out, 5);
    sunder_protobuf_put_text(out, 1, sunder_str_of(name));
    uint8_t *inner = sunder_protobuf_begin(out, 2);
    sunder_protobuf_put_text(out, field, sunder_str_of(value));
    sunder_protobuf_end(out, inner);
    sunder_protobuf_end(out, entry);
}

static void text_and_bytes_of_json_are_data(void **state)
{
    (void)state;
    sunder_arena_reset(&arena);
    const struct sunder_str json = SUNDER_STR("{\"tool\":\"t\",\"action\":\"a\"}");
    for (uint32_t field = 6; field <= 7; field++) {
        struct sunder_protobuf_out out = begun(SUNDER_STR("dev.sunder.intent.v1"));
        sunder_protobuf_put_text(&out, field, json);
        struct sunder_event event = decoded(done(&out));
        assert_int_equal(event.problem_count, 0);
        put_attribute(&out, "datacontenttype", 3, "application/xml");
        event = decoded(done(&out));
        assert_str_equal(event.problems[0].field, "data");
    }
    struct sunder_protobuf_out out = begun(SUNDER_STR("dev.sunder.intent.v1"));
    sunder_protobuf_put_text(&out, 6, json);
    sunder_protobuf_put_text(&out, 7, json);
    refused(done(&out), "neither");
    out = begun(SUNDER_STR("dev.sunder.intent.v1"));
    sunder_protobuf_put_bytes(&out,
        6,
        "\x3a\x01t\x42\x01"
        "a",
        6);
    put_attribute(&out, "datacontenttype", 3, "application/protobuf");
    struct sunder_event event = decoded(done(&out));
    assert_int_equal(event.problem_count, 0);
    assert_str_equal(event.tool, "t");
}

static void attributes_may_not_be_repeated(void **state)
{
    (void)state;
    sunder_arena_reset(&arena);
    static const char *const names[] = {"id", "source", "type", "specversion", "data"};
    for (size_t i = 0; i < 5; i++) {
        struct sunder_protobuf_out out = begun(SUNDER_STR("dev.sunder.novelty.v1"));
        put_attribute(&out, names[i], 3, "x");
        refused(done(&out), "neither");
    }
    struct sunder_protobuf_out out = begun(SUNDER_STR("dev.sunder.novelty.v1"));
    put_attribute(&out, "subject", 3, "x");
    put_attribute(&out, "time", 3, "2026-01-01T00:00:00Z");
    (void)decoded(done(&out));
    put_attribute(&out, "subject", 5, "x");
    refused(done(&out), "neither");

    out = begun(SUNDER_STR("dev.sunder.intent.v1"));
    put_attribute(&out, "time", 3, "yesterday");
    sunder_protobuf_put_text(&out, 7, SUNDER_STR("{\"tool\":\"t\",\"action\":\"a\"}"));
    struct sunder_event event = decoded(done(&out));
    assert_int_equal(event.problem_count, 1);
    assert_str_equal(event.problems[0].field, "time");
}

static void a_frame_and_a_content_type_are_understood(void **state)
{
    (void)state;
    sunder_arena_reset(&arena);
    struct sunder_str whole = with_data(INTENT_URL,
        "\x3a\x01t\x42\x01"
        "a",
        6);
    static const struct {
        const char *frame;
        size_t len;
    } frames[] = {
        {"\0\0\0\0\x01\0", 6}, {"\0\0\0\0\x01\x02\x00", 7}, {"\0\0\0\0\x01\x04\x02\x04", 8}};
    for (size_t i = 0; i < 3; i++) {
        char framed[512];
        memcpy(framed, frames[i].frame, frames[i].len);
        memcpy(framed + frames[i].len, whole.at, whole.len);
        struct sunder_event event =
            decoded((struct sunder_str){framed, (uint32_t)(frames[i].len + whole.len)});
        assert_str_equal(event.tool, "t");
    }
    const struct sunder_wire_header header = {
        SUNDER_STR("Content-Type"), SUNDER_STR("application/cloudevents+protobuf")};
    const struct sunder_wire_record record = {
        .value = whole, .headers = &header, .header_count = 1};
    struct sunder_event event;
    struct sunder_wire_problem problem;
    assert_int_equal(
        sunder_wire_decode_event(decoder, &arena, &record, &event, &problem), SUNDER_OK);
}

/* The library reads what our writer wrote. */
static void records_are_messages_of_decision_proto(void **state)
{
    (void)state;
    sunder_arena_reset(&arena);
    uint64_t seed = test_seed();
    struct sunder_wire_encoder *encoder = NULL;
    assert_int_equal(sunder_wire_encoder_create(SUNDER_WIRE_FORMAT_PROTOBUF, &encoder), SUNDER_OK);
    for (int i = 0; i < 500; i++) {
        sunder_arena_reset(&arena);
        struct sunder_decision decision = test_random_decision(
            &seed, &arena, (enum sunder_record_kind)(i % SUNDER_RECORD_KIND_COUNT));
        size_t len = 0;
        assert_int_equal(
            sunder_wire_encode_record(encoder, &decision, bytes_buf, sizeof(bytes_buf), &len),
            SUNDER_OK);
        Io__Cloudevents__V1__CloudEvent *event =
            io__cloudevents__v1__cloud_event__unpack(NULL, len, bytes_buf);
        assert_non_null(event);
        assert_int_equal(event->base.n_unknown_fields, 0);
        assert_int_equal(event->data_case, IO__CLOUDEVENTS__V1__CLOUD_EVENT__DATA_PROTO_DATA);
        assert_string_equal(
            event->proto_data->type_url, "type.googleapis.com/dev.sunder.v1.Record");
        Dev__Sunder__V1__Record *record = dev__sunder__v1__record__unpack(
            NULL, event->proto_data->value.len, event->proto_data->value.data);
        assert_non_null(record);
        assert_int_equal(record->base.n_unknown_fields, 0);
        assert_true(record->seq == decision.seq);
        assert_true((record->has_stream_time ? record->stream_time : record->timestamp) ==
                    decision.stream_time_ms);
        assert_memory_equal(record->prev.data, decision.prev.bytes, 32);
        dev__sunder__v1__record__free_unpacked(record, NULL);
        io__cloudevents__v1__cloud_event__free_unpacked(event, NULL);
    }
    sunder_wire_encoder_destroy(&encoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_intent_is_the_same_in_json_and_in_protobuf),
        cmocka_unit_test(the_other_kinds_are_read),
        cmocka_unit_test(what_no_digest_could_cover_is_refused),
        cmocka_unit_test(every_shorter_piece_is_refused_or_lacks_its_data),
        cmocka_unit_test(text_and_bytes_of_json_are_data),
        cmocka_unit_test(attributes_may_not_be_repeated),
        cmocka_unit_test(a_frame_and_a_content_type_are_understood),
        cmocka_unit_test(records_are_messages_of_decision_proto),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
