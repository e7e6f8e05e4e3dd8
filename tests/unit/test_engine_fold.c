/* What decide and fold promise of every stream: one answer, no writes while deciding, and the same state whether a record was
 * folded as it was made or as it was read back from the log. */
#include <stdlib.h>

#include "tests/support/random.h"
#include "tests/unit/test_engine_stream.h"

#define EVENTS 1500u

/* direct, and two states that are made of decoded records only */
struct triple {
    struct rig *direct;
    struct rig *json;
    struct rig *protobuf;
    struct sunder_wire_encoder *to_json;
    struct sunder_wire_encoder *to_protobuf;
    struct sunder_wire_decoder *decoder;
    uint8_t *bytes;
    uint8_t *again;
    uint32_t verdicts[4];
    uint32_t kinds[SUNDER_RECORD_KIND_COUNT];
    uint32_t bound; /* Objects and tasks that were bound to a case when it was closed. */
};

static struct triple triple_of(const struct sunder_policy *policy)
{
    struct triple triple = {
        .direct = rig_create(policy),
        .json = rig_create(policy),
        .protobuf = rig_create(policy),
        .bytes = malloc(SUNDER_WIRE_RECORD_BYTES_MAX),
        .again = malloc(SUNDER_WIRE_RECORD_BYTES_MAX),
    };
    assert_non_null(triple.bytes);
    assert_non_null(triple.again);
    assert_int_equal(
        sunder_wire_encoder_create(SUNDER_WIRE_FORMAT_JSON, &triple.to_json), SUNDER_OK);
    assert_int_equal(
        sunder_wire_encoder_create(SUNDER_WIRE_FORMAT_PROTOBUF, &triple.to_protobuf), SUNDER_OK);
    assert_int_equal(sunder_wire_decoder_create(&triple.decoder), SUNDER_OK);
    return triple;
}

static void triple_destroy(struct triple *triple)
{
    rig_destroy(&triple->direct);
    rig_destroy(&triple->json);
    rig_destroy(&triple->protobuf);
    sunder_wire_encoder_destroy(&triple->to_json);
    sunder_wire_encoder_destroy(&triple->to_protobuf);
    sunder_wire_decoder_destroy(&triple->decoder);
    free(triple->bytes);
    free(triple->again);
}

static struct sunder_str encode(
    struct sunder_wire_encoder *encoder, const struct sunder_decision *record, uint8_t *bytes)
{
    size_t len = 0;
    enum sunder_err err =
        sunder_wire_encode_record(encoder, record, bytes, SUNDER_WIRE_RECORD_BYTES_MAX, &len);
    assert_int_equal(err, SUNDER_OK);
    return (struct sunder_str){(const char *)bytes, (uint32_t)len};
}

/* Deciding again gives the same bytes; deciding writes nothing. */
static struct sunder_outputs decide_twice(struct triple *triple, const struct sunder_event *event)
{
    struct rig *rig = triple->direct;
    struct sunder_outputs out;
    struct sunder_outputs again;
    uint64_t puts = rig->puts;

    assert_int_equal(sunder_decide(rig->policy, &rig->view, event, &rig->arena, &again), SUNDER_OK);
    assert_int_equal(sunder_decide(rig->policy, &rig->view, event, &rig->arena, &out), SUNDER_OK);

    assert_int_equal(rig->puts, puts);
    assert_int_equal(out.count, again.count);
    assert_int_equal(out.dead_letter, again.dead_letter);
    assert_true(sunder_str_equal(out.code, again.code));
    assert_true(sunder_str_equal(out.field, again.field));
    assert_true(sunder_str_equal(out.released, again.released));
    for (uint32_t i = 0; i < out.count; i++) {
        struct sunder_str one = encode(triple->to_json, &out.records[i], triple->bytes);
        struct sunder_str two = encode(triple->to_json, &again.records[i], triple->again);
        assert_true(sunder_str_equal(one, two));
    }
    return out;
}

static void fold_decoded(
    struct triple *triple, struct rig *rig, struct sunder_str bytes, struct sunder_arena *arena)
{
    struct sunder_decision record;
    sunder_arena_reset(arena);
    assert_int_equal(sunder_wire_decode_record(triple->decoder, arena, bytes, &record), SUNDER_OK);
    assert_null(record.judged);
    assert_int_equal(sunder_fold(rig->policy, &rig->view, &rig->rows, &record, arena), SUNDER_OK);
}

static void step(struct triple *triple, const struct sunder_event *event)
{
    struct rig *rig = triple->direct;
    struct sunder_outputs out = decide_twice(triple, event);
    for (uint32_t i = 0; i < out.count; i++) {
        const struct sunder_decision *record = &out.records[i];
        triple->verdicts[record->verdict] += 1;
        triple->kinds[record->kind] += 1;
        if (record->kind == SUNDER_RECORD_CASE && record->case_id.at != NULL) {
            triple->bound += rig_count_bound(rig, record->case_id);
        }
        struct sunder_str bytes = encode(triple->to_json, record, triple->bytes);
        fold_decoded(triple, triple->json, bytes, &triple->json->arena);
        bytes = encode(triple->to_protobuf, record, triple->bytes);
        fold_decoded(triple, triple->protobuf, bytes, &triple->protobuf->arena);
        assert_int_equal(
            sunder_fold(rig->policy, &rig->view, &rig->rows, record, &rig->arena), SUNDER_OK);
    }
    rig->offset += 1;
}

static void state_is_the_fold_of_the_log(const char *yaml)
{
    struct triple triple = triple_of(rig_policy(yaml));
    struct stream stream = {.random = test_seed()};
    for (uint32_t i = 0; i < EVENTS; i++) {
        step(&triple, stream_next(&stream, triple.direct));
        if (i % 200 == 10) {
            rig_assert_same_rows(triple.direct, triple.json);
            rig_assert_same_rows(triple.direct, triple.protobuf);
        }
    }
    rig_assert_same_rows(triple.direct, triple.json);
    rig_assert_same_rows(triple.direct, triple.protobuf);
    /* Otherwise the stream proves little. */
    assert_true(triple.verdicts[SUNDER_VERDICT_ALLOW] > EVENTS / 50);
    assert_true(triple.verdicts[SUNDER_VERDICT_DENY] > EVENTS / 20);
    assert_true(triple.bound > 0);
    for (uint32_t kind = 0; kind < SUNDER_RECORD_KIND_COUNT; kind++) {
        assert_true(triple.kinds[kind] > 0);
    }
    static const enum sunder_table tables[] = {
        SUNDER_TABLE_RETRY, SUNDER_TABLE_COPY, SUNDER_TABLE_EDGES, SUNDER_TABLE_TASK};
    assert_true(
        rig_count_wide(triple.direct) > 0 || rig_count_rows(triple.direct, SUNDER_TABLE_LABEL) > 0);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        assert_true(rig_count_rows(triple.direct, tables[i]) > 0);
    }
    triple_destroy(&triple);
}

static void state_is_the_fold_of_the_log_per_tenant(void **state)
{
    (void)state;
    state_is_the_fold_of_the_log(STREAM_POLICY);
}

static void state_is_the_fold_of_the_log_with_labels(void **state)
{
    (void)state;
    state_is_the_fold_of_the_log(STREAM_POLICY_FLOW);
}

static void state_is_the_fold_of_the_log_per_case(void **state)
{
    (void)state;
    state_is_the_fold_of_the_log(STREAM_POLICY_FINE);
}

static const char POLICY_PARENTS[] =
    "sunder: 1\nname: parents\nauthority: open\ntenant: payload\n"
    "catalogue:\n"
    "  - {tool: t, action: read, duty: d.read, gains: [pii]}\n"
    "  - {tool: t, action: a, duty: d.a}\n"
    "rules:\n"
    "  - {condition: no-leak, when: \"duty == 'd.a' && 'secret' in labels\"}\n";

static void step_act(struct triple *triple, const char *kind, const char *agent, const char *more)
{
    const char *data =
        rig_text("{\"tenant\":\"acme\",\"agent\":\"%s\",\"tool\":\"t\",%s}", agent, more);
    step(triple, rig_event(triple->direct, kind, "x", agent, data));
    rig_assert_same_rows(triple->direct, triple->json);
    rig_assert_same_rows(triple->direct, triple->protobuf);
}

/* Nobody is their own parent: an id names who had it before, whether the fold knows that from decide or finds it. */
static void a_parent_of_the_acts_own_id_is_an_earlier_act(void **state)
{
    (void)state;
    struct triple triple = triple_of(rig_policy(POLICY_PARENTS));
    step_act(&triple, "observed", "bot:1", "\"action\":\"read\"");
    uint32_t holders = rig_count_rows(triple.direct, SUNDER_TABLE_LABEL);
    step_act(&triple, "observed", "bot:2", "\"action\":\"a\",\"parents\":[\"x\"]");
    step_act(&triple, "intent", "bot:3", "\"action\":\"a\",\"parents\":[\"x\"]");
    assert_int_equal(triple.verdicts[SUNDER_VERDICT_ALLOW], 1);
    /* Both took it over: a row of the act and one of its agent each. */
    assert_int_equal(rig_count_rows(triple.json, SUNDER_TABLE_LABEL), holders + 4);
    triple_destroy(&triple);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_is_the_fold_of_the_log_per_tenant),
        cmocka_unit_test(state_is_the_fold_of_the_log_with_labels),
        cmocka_unit_test(state_is_the_fold_of_the_log_per_case),
        cmocka_unit_test(a_parent_of_the_acts_own_id_is_an_earlier_act),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
