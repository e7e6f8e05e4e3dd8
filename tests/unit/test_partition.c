/* One partition from record to record: homes, chain, restore, redo, dead letters. */
#define _GNU_SOURCE /* memmem */
#include "consumers/partition_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/policy/policy_compile.h"
#include "proto/doc.h"
#include "tests/support/test.h"

#define RECORDS_MAX 64
#define BYTES_MAX 4096
#define COUNT 4

static const char POLICY[] = "sunder: 1\n"
                             "name: test\n"
                             "domain: %s\n"
                             "authority: open\n"
                             "tenant: payload\n"
                             "catalogue:\n"
                             "  - {tool: pay, action: submit, duty: pay}\n"
                             "  - {tool: pay, action: approve, duty: approve}\n"
                             "rules:\n"
                             "  - {name: two, distinct: [pay, approve], per: object}\n";

struct stored {
    char bytes[BYTES_MAX];
    uint32_t len;
};

struct fixture {
    struct sunder_policy *policy;
    struct sunder_partition *partition;
    struct stored records[RECORDS_MAX];
    uint32_t record_count;
    uint32_t forwards;
    int32_t forwarded_to;
    uint32_t dead_letters;
    char dead_code[64];
    struct stored dead;
    uint32_t revocations;
    char revocation_key[128];
    bool tombstone;
    enum sunder_err answer; /* Of the sink. */
    int64_t next;
};

static void keep(struct stored *stored, struct sunder_str bytes)
{
    assert_true(bytes.len <= BYTES_MAX);
    if (bytes.len > 0) {
        memcpy(stored->bytes, bytes.at, bytes.len);
    }
    stored->len = bytes.len;
}

static enum sunder_err on_record(
    void *ctx, const struct sunder_decision *decision, struct sunder_str bytes)
{
    struct fixture *fixture = ctx;
    (void)decision;
    assert_true(fixture->record_count < RECORDS_MAX);
    keep(&fixture->records[fixture->record_count++], bytes);
    return fixture->answer;
}

static enum sunder_err on_revocation(void *ctx, struct sunder_str key, struct sunder_str value)
{
    struct fixture *fixture = ctx;
    fixture->revocations++;
    fixture->tombstone = value.at == NULL;
    (void)snprintf(
        fixture->revocation_key, sizeof fixture->revocation_key, "%.*s", (int)key.len, key.at);
    return SUNDER_OK;
}

static enum sunder_err on_forward(void *ctx, const struct sunder_record_in *in, int32_t to)
{
    struct fixture *fixture = ctx;
    (void)in;
    fixture->forwards++;
    fixture->forwarded_to = to;
    return SUNDER_OK;
}

static enum sunder_err on_dead_letter(
    void *ctx, const struct sunder_record_in *in, const struct sunder_partition_dead_letter *letter)
{
    struct fixture *fixture = ctx;
    (void)in;
    assert_true(letter->message.len > 0);
    fixture->dead_letters++;
    (void)snprintf(fixture->dead_code,
        sizeof fixture->dead_code,
        "%.*s",
        (int)letter->code.len,
        letter->code.at);
    keep(&fixture->dead, letter->bytes);
    return SUNDER_OK;
}

static struct sunder_policy *compile(const char *domain, uint8_t digest)
{
    char text[1024];
    int len = snprintf(text, sizeof text, POLICY, domain);
    struct sunder_arena arena = test_arena_of((size_t)1 << 20);
    static struct sunder_complaints complaints;
    memset(&complaints, 0, sizeof complaints);
    struct sunder_doc *root = SUNDER_ARENA_NEW(&arena, struct sunder_doc, 1);
    struct sunder_doc_fail fail;
    assert_int_equal(
        sunder_doc_parse((struct sunder_str){text, (uint32_t)len}, &arena, root, &fail), SUNDER_OK);
    struct sunder_policy *policy = NULL;
    assert_int_equal(
        sunder_policy_compile(&(struct sunder_policy_source){.root = root, .digest = {{digest}}},
            &arena,
            &complaints,
            &policy),
        SUNDER_OK);
    return policy;
}

static struct sunder_partition *open_with(const struct sunder_policy *policy, int32_t number)
{
    struct sunder_partition_options options = {
        .policy = policy,
        .topic = SUNDER_STR("in"),
        .partition = number,
        .partition_count = COUNT,
        .table_bytes = (size_t)1 << 30,
    };
    struct sunder_partition *partition = NULL;
    struct sunder_fail fail = {0};
    if (sunder_partition_open(&options, &partition, &fail) != SUNDER_OK) {
        fail_msg("open: %s", fail.text);
    }
    return partition;
}

/* The partition where the tenant `acme` is at home. */
static int32_t home_of_acme(void)
{
    static const char EVENT[] =
        "{\"specversion\":\"1.0\",\"id\":\"probe\",\"source\":\"a\",\"type\":\"dev.sunder.intent."
        "v1\","
        "\"data\":{\"tenant\":\"acme\",\"tool\":\"pay\",\"action\":\"submit\"}}";
    static int32_t known = -1;
    if (known >= 0) {
        return known;
    }
    struct sunder_policy *policy = compile("tenant", 1);
    for (int32_t number = 0; number < COUNT; number++) {
        struct fixture *fixture = calloc(1, sizeof *fixture);
        assert_non_null(fixture);
        struct sunder_partition *partition = open_with(policy, number);
        struct sunder_partition_sink sink = {
            fixture, on_record, on_revocation, on_forward, on_dead_letter};
        struct sunder_record_in in = {.value = SUNDER_STR(EVENT)};
        struct sunder_fail fail = {0};
        assert_int_equal(sunder_partition_step(partition, &in, &sink, &fail), SUNDER_OK);
        int32_t to = fixture->forwards == 1 ? fixture->forwarded_to : number;
        sunder_partition_destroy(&partition, true);
        free(fixture);
        known = to;
        return to;
    }
    return -1;
}

static struct fixture *start(const char *domain, int32_t number)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->policy = compile(domain, 1);
    fixture->partition = open_with(fixture->policy, number);
    return fixture;
}

static void stop(struct fixture *fixture)
{
    sunder_partition_destroy(&fixture->partition, true);
    free(fixture);
}

static enum sunder_err step_at(
    struct fixture *fixture, const char *value, int64_t offset, struct sunder_fail *ret_fail)
{
    struct sunder_partition_sink sink = {
        fixture, on_record, on_revocation, on_forward, on_dead_letter};
    struct sunder_record_in in = {
        .value = sunder_str_of(value), .offset = offset, .timestamp_ms = 1000 + offset};
    return sunder_partition_step(fixture->partition, &in, &sink, ret_fail);
}

static void step(struct fixture *fixture, const char *value)
{
    struct sunder_fail fail = {0};
    if (step_at(fixture, value, fixture->next++, &fail) != SUNDER_OK) {
        fail_msg("step: %s", fail.text);
    }
}

static const char *intent(const char *id, const char *action, const char *object)
{
    static char text[600];
    (void)snprintf(text,
        sizeof text,
        "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"spiffe://a/"
        "x\",\"type\":\"dev.sunder.intent.v1\","
        "\"data\":{\"tenant\":\"acme\",\"tool\":\"pay\",\"action\":\"%s\",\"object\":\"%s\"}}",
        id,
        action,
        object);
    return text;
}

static bool holds(const struct stored *stored, const char *text)
{
    return memmem(stored->bytes, stored->len, text, strlen(text)) != NULL;
}

static enum sunder_err fold(
    struct sunder_partition *partition, const struct stored *stored, int64_t offset)
{
    struct sunder_fail fail = {0};
    return sunder_partition_fold(
        partition, (struct sunder_str){stored->bytes, stored->len}, offset, &fail);
}

static void an_event_is_judged_at_home_and_forwarded_elsewhere(void **state)
{
    (void)state;
    int32_t home = home_of_acme();
    struct fixture *there = start("tenant", home);
    struct fixture *elsewhere = start("tenant", (home + 1) % COUNT);

    step(there, intent("i1", "submit", "o"));
    step(elsewhere, intent("i1", "submit", "o"));

    assert_int_equal(there->record_count, 1);
    assert_true(holds(&there->records[0], "\"verdict\":\"allow\""));
    assert_int_equal(there->forwards, 0);
    assert_int_equal(elsewhere->record_count, 0);
    assert_int_equal(elsewhere->forwards, 1);
    assert_int_equal(elsewhere->forwarded_to, home);
    assert_int_equal(sunder_partition_position(elsewhere->partition).next_source, 1);
    assert_int_equal(sunder_partition_position(elsewhere->partition).next_seq, 0);
    stop(there);
    stop(elsewhere);
}

static void folding_the_records_gives_the_same_position_and_the_same_next_record(void **state)
{
    (void)state;
    struct fixture *live = start("tenant", home_of_acme());
    step(live, intent("i1", "submit", "o"));
    step(live, "garbage");
    step(live, intent("i2", "approve", "o"));
    struct sunder_partition *restored = open_with(live->policy, home_of_acme());
    sunder_partition_restore(restored, &(struct sunder_restore){.redo_from = INT64_MAX});
    struct sunder_fail fail = {0};
    for (uint32_t i = 0; i < live->record_count; i++) {
        assert_int_equal(fold(restored, &live->records[i], i), SUNDER_OK);
        assert_int_equal(fold(restored, &live->records[i], i),
            SUNDER_OK); /* A copy, as fast delivery may leave. */
    }
    assert_int_equal(sunder_partition_restored(restored, &fail), SUNDER_OK);

    struct sunder_position position = sunder_partition_position(restored);
    struct sunder_position expected = sunder_partition_position(live->partition);
    assert_int_equal(position.next_source, expected.next_source);
    assert_int_equal(position.next_seq, expected.next_seq);
    assert_memory_equal(&position.head, &expected.head, sizeof position.head);
    assert_int_equal(position.next_decision, live->record_count);

    uint32_t at = live->record_count;
    step(live, intent("i3", "approve", "o"));
    sunder_partition_destroy(&live->partition, true);
    live->partition = restored;
    live->next--;
    step(live, intent("i3", "approve", "o"));
    assert_int_equal(live->records[at].len, live->records[at + 1].len);
    assert_memory_equal(
        live->records[at].bytes, live->records[at + 1].bytes, live->records[at].len);
    assert_true(holds(&live->records[at], "\"verdict\":\"deny\""));
    stop(live);
}

/* Also among what is judged again, which is not written up to the last record that is there. */
static void a_record_that_was_changed_or_left_out_breaks_the_chain(void **state)
{
    (void)state;
    struct fixture *live = start("tenant", home_of_acme());
    step(live, intent("i1", "submit", "o"));
    step(live, intent("i2", "submit", "p"));
    step(live, intent("i3", "submit", "q"));
    for (int64_t redo_from = 0; redo_from < 4; redo_from++) {
        struct sunder_partition *restored = open_with(live->policy, home_of_acme());
        sunder_partition_restore(restored, &(struct sunder_restore){.redo_from = redo_from});
        assert_int_equal(fold(restored, &live->records[0], 0), SUNDER_OK);
        assert_int_equal(fold(restored, &live->records[2], 2), SUNDER_ERR_CORRUPT);
        sunder_partition_destroy(&restored, true);
    }
    struct sunder_partition *other = open_with(live->policy, home_of_acme());
    sunder_partition_restore(other, &(struct sunder_restore){.redo_from = INT64_MAX});
    char *id = memmem(live->records[0].bytes, live->records[0].len, "\"i1\"", 4);
    id[2] = '9'; /* Alone it looks right, its successor knows better. */
    assert_int_equal(fold(other, &live->records[0], 0), SUNDER_OK);
    assert_int_equal(fold(other, &live->records[1], 1), SUNDER_ERR_CORRUPT);
    sunder_partition_destroy(&other, true);
    stop(live);
}

static void a_copy_that_differs_is_a_contradiction_and_the_first_counts(void **state)
{
    (void)state;
    struct fixture *live = start("tenant", home_of_acme());
    step(live, intent("i1", "submit", "o"));
    step(live, intent("i2", "submit", "p"));
    step(live, intent("i3", "submit", "q"));
    struct stored forged = live->records[1];
    char *id = memmem(forged.bytes, forged.len, "\"i2\"", 4);
    assert_non_null(id);
    id[2] = '9';
    /* All is folded; all but the first are judged again. */
    const int64_t redo_from[] = {INT64_MAX, 1};
    for (size_t k = 0; k < 2; k++) {
        struct sunder_partition *restored = open_with(live->policy, home_of_acme());
        sunder_partition_restore(restored, &(struct sunder_restore){.redo_from = redo_from[k]});
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(fold(restored, &live->records[i], i), SUNDER_OK);
        }
        assert_int_equal(fold(restored, &live->records[0], 3), SUNDER_OK);
        assert_int_equal(fold(restored, &live->records[1], 4), SUNDER_OK);
        assert_int_equal(sunder_partition_contradictions(restored).count, 0);

        assert_int_equal(fold(restored, &forged, 5), SUNDER_OK);
        assert_int_equal(fold(restored, &live->records[2], 6), SUNDER_OK);

        struct sunder_contradictions found = sunder_partition_contradictions(restored);
        assert_int_equal(found.count, 1);
        assert_int_equal(found.source, 1);
        assert_int_equal(found.decision, 5);
        struct sunder_fail fail = {0};
        assert_int_equal(sunder_partition_restored(restored, &fail), SUNDER_OK);
        sunder_partition_destroy(&restored, true);
    }
    stop(live);
}

static void redo_gives_side_outputs_again_but_no_record_twice(void **state)
{
    (void)state;
    static const char BAD[] =
        "{\"specversion\":\"1.0\",\"id\":\"b\",\"source\":\"s\",\"type\":\"dev.sunder.intent.v1\","
        "\"data\":{\"tenant\":\"acme\",\"tool\":5,\"action\":\"x\",\"proof\":\"secret\"}}";
    struct fixture *live = start("tenant", home_of_acme());
    step(live, intent("i1", "submit", "o"));
    struct sunder_position promised = sunder_partition_position(live->partition);
    step(live, BAD);
    step(live, intent("i2", "approve", "o"));
    uint32_t records = live->record_count;
    sunder_partition_destroy(&live->partition, true);
    live->partition = open_with(live->policy, home_of_acme());
    struct sunder_restore restore = {1, true, 1, promised.next_seq, promised.head};
    sunder_partition_restore(live->partition, &restore);
    struct sunder_fail fail = {0};
    for (uint32_t i = 0; i < records; i++) {
        assert_int_equal(fold(live->partition, &live->records[i], i), SUNDER_OK);
    }
    assert_int_equal(sunder_partition_restored(live->partition, &fail), SUNDER_OK);
    assert_int_equal(sunder_partition_position(live->partition).next_source, 1);
    uint32_t dead_letters = live->dead_letters;

    live->next = 1;
    step(live, BAD);
    step(live, intent("i2", "approve", "o"));

    assert_int_equal(live->record_count, records);
    assert_int_equal(live->dead_letters, dead_letters + 1);
    step(live, intent("i3", "submit", "p"));
    assert_int_equal(live->record_count, records + 1);
    assert_true(holds(&live->records[records], "\"seq\":3,"));
    stop(live);
}

static void redo_that_gives_another_record_stops_the_partition(void **state)
{
    (void)state;
    struct fixture *live = start("tenant", home_of_acme());
    step(live, intent("i1", "submit", "o"));
    sunder_partition_destroy(&live->partition, true);
    live->partition = open_with(live->policy, home_of_acme());
    sunder_partition_restore(live->partition, &(struct sunder_restore){.redo_from = 0});
    struct sunder_fail fail = {0};
    assert_int_equal(fold(live->partition, &live->records[0], 0), SUNDER_OK);
    assert_int_equal(sunder_partition_restored(live->partition, &fail), SUNDER_OK);

    assert_int_equal(step_at(live, intent("other", "submit", "o"), 0, &fail), SUNDER_ERR_CORRUPT);

    assert_int_equal(live->record_count, 1);
    stop(live);
}

static void a_topic_that_lost_records_is_noticed_by_the_promise(void **state)
{
    (void)state;
    struct fixture *live = start("tenant", home_of_acme());
    step(live, intent("i1", "submit", "o"));
    step(live, intent("i2", "submit", "p"));
    struct sunder_position promised = sunder_partition_position(live->partition);
    struct sunder_partition *restored = open_with(live->policy, home_of_acme());
    struct sunder_restore restore = {2, true, 2, promised.next_seq, promised.head};
    sunder_partition_restore(restored, &restore);
    struct sunder_fail fail = {0};
    assert_int_equal(fold(restored, &live->records[0], 0), SUNDER_OK);

    assert_int_equal(sunder_partition_restored(restored, &fail), SUNDER_ERR_CORRUPT);

    sunder_partition_destroy(&restored, true);
    stop(live);
}

static void decisions_of_another_policy_are_refused(void **state)
{
    (void)state;
    struct fixture *live = start("tenant", home_of_acme());
    step(live, intent("i1", "submit", "o"));
    struct sunder_policy *other = compile("tenant", 2);
    struct sunder_partition *restored = open_with(other, home_of_acme());
    sunder_partition_restore(restored, &(struct sunder_restore){.redo_from = INT64_MAX});

    assert_int_equal(fold(restored, &live->records[0], 0), SUNDER_ERR_UNSUPPORTED);

    sunder_partition_destroy(&restored, true);
    stop(live);
}

static void dead_letters_show_no_proof(void **state)
{
    (void)state;
    struct fixture *live = start("tenant", home_of_acme());

    step(live, "{\"specversion\":\"1.0\", \"proof\": \"top secret\", \"data\":");

    assert_int_equal(live->dead_letters, 1);
    assert_string_equal(live->dead_code, "malformed");
    assert_false(holds(&live->dead, "secret"));
    assert_int_equal(live->record_count, 0);

    step(live, "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln and more");
    assert_int_equal(live->dead_letters, 2);
    assert_false(holds(&live->dead, "eyJ"));
    stop(live);
}

static void a_quarantine_publishes_a_revocation_and_a_release_its_tombstone(void **state)
{
    (void)state;
    struct fixture *live = start("tenant", home_of_acme());

    step(live,
        "{\"specversion\":\"1.0\",\"id\":\"q\",\"source\":\"boss\",\"type\":\"dev.sunder.control."
        "v1\",\"data\":"
        "{\"tenant\":\"acme\",\"control\":\"quarantine\",\"subject\":\"spiffe://a/x\"}}");
    assert_int_equal(live->record_count, 2);
    assert_int_equal(live->revocations, 1);
    assert_string_equal(live->revocation_key, "acme/spiffe://a/x");
    assert_false(live->tombstone);
    step(live, intent("i1", "submit", "o"));
    assert_true(holds(&live->records[2], "\"quarantined\""));

    step(live,
        "{\"specversion\":\"1.0\",\"id\":\"r\",\"source\":\"boss\",\"type\":\"dev.sunder.control."
        "v1\",\"data\":"
        "{\"tenant\":\"acme\",\"control\":\"release\",\"subject\":\"spiffe://a/x\"}}");
    assert_int_equal(live->revocations, 2);
    assert_true(live->tombstone);
    stop(live);
}

static void a_copied_kind_goes_round_once(void **state)
{
    (void)state;
    static const char TASK[] =
        "{\"specversion\":\"1.0\",\"id\":\"t\",\"source\":\"boss\",\"type\":\"dev.sunder.task.v1\","
        "\"data\":{\"tenant\":\"acme\",\"task\":\"T\",\"state\":\"opened\"}}";
    int32_t at = 2;
    uint32_t records = 0;
    for (uint32_t i = 0; i <= COUNT; i++) {
        static struct fixture *partitions[COUNT];
        if (i < COUNT) {
            partitions[at] = start("[tenant, principal]", at);
        }
        struct fixture *fixture = partitions[at];
        step(fixture, TASK);
        records += fixture->record_count;
        if (i == COUNT) {
            assert_int_equal(fixture->forwards, 1); /* The second visit ends the ring. */
            assert_true(holds(&fixture->records[1], "\"duplicate\":true"));
            for (int k = 0; k < COUNT; k++) {
                stop(partitions[k]);
            }
            break;
        }
        assert_int_equal(fixture->record_count, 1);
        assert_int_equal(fixture->forwards, 1);
        assert_int_equal(fixture->forwarded_to, (at + 1) % COUNT);
        at = fixture->forwarded_to;
    }
    assert_int_equal(records, COUNT + 2);
}

static void offsets_before_the_position_are_skipped(void **state)
{
    (void)state;
    struct fixture *live = start("tenant", home_of_acme());
    struct sunder_fail fail = {0};
    step(live, intent("i1", "submit", "o"));

    assert_int_equal(step_at(live, intent("i1", "submit", "o"), 0, &fail), SUNDER_OK);

    assert_int_equal(live->record_count, 1);
    stop(live);
}

static void what_the_sink_cannot_take_is_the_step_s_error(void **state)
{
    (void)state;
    struct fixture *live = start("tenant", home_of_acme());
    struct sunder_fail fail = {0};
    live->answer = SUNDER_ERR_IO;

    assert_int_equal(step_at(live, intent("i1", "submit", "o"), 0, &fail), SUNDER_ERR_IO);

    assert_int_equal(sunder_partition_position(live->partition).next_source, 0);
    stop(live);
}

/* Whatever room is left for judging, a verdict that comes of it can be folded. */
static void what_was_decided_can_be_folded(void **state)
{
    (void)state;
    struct fixture *live = start("tenant", home_of_acme());
    struct sunder_partition *partition = live->partition;
    partition_keep_back(partition, true);
    size_t most = partition->arena.size;
    partition_keep_back(partition, false);
    assert_true(most < partition->arena.size);
    uint32_t allowed = 0;
    uint32_t refused = 0;
    for (int64_t n = 0; n < 1500; n++) {
        char id[32];
        (void)snprintf(id, sizeof id, "n%d", (int)n);
        struct sunder_str object = sunder_str_of(id);
        struct sunder_event event = {.kind = SUNDER_EVENT_INTENT,
            .at = {SUNDER_STR("in"), 0, n, 1000 + n},
            .id = object,
            .source = SUNDER_STR("bot"),
            .type = SUNDER_STR("dev.sunder.intent.v1"),
            .tenant = SUNDER_STR("acme"),
            .agent = SUNDER_STR("bot"),
            .tool = SUNDER_STR("pay"),
            .action = SUNDER_STR("submit"),
            .objects = {&object, 1}};
        partition->arena.used = most - (size_t)n * 16;
        struct sunder_outputs outputs;
        assert_int_equal(partition_decide(partition, &event, &outputs), SUNDER_OK);
        assert_int_equal(outputs.count, 1);
        bool allow = outputs.records[0].verdict == SUNDER_VERDICT_ALLOW;
        allowed += allow;
        refused += !allow;
        assert_int_equal(partition_apply(partition, &outputs.records[0]), SUNDER_OK);
    }
    assert_true(allowed > 0 && refused > 0);
    stop(live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_judged_at_home_and_forwarded_elsewhere),
        cmocka_unit_test(folding_the_records_gives_the_same_position_and_the_same_next_record),
        cmocka_unit_test(a_record_that_was_changed_or_left_out_breaks_the_chain),
        cmocka_unit_test(a_copy_that_differs_is_a_contradiction_and_the_first_counts),
        cmocka_unit_test(redo_gives_side_outputs_again_but_no_record_twice),
        cmocka_unit_test(redo_that_gives_another_record_stops_the_partition),
        cmocka_unit_test(a_topic_that_lost_records_is_noticed_by_the_promise),
        cmocka_unit_test(decisions_of_another_policy_are_refused),
        cmocka_unit_test(dead_letters_show_no_proof),
        cmocka_unit_test(a_quarantine_publishes_a_revocation_and_a_release_its_tombstone),
        cmocka_unit_test(a_copied_kind_goes_round_once),
        cmocka_unit_test(offsets_before_the_position_are_skipped),
        cmocka_unit_test(what_the_sink_cannot_take_is_the_step_s_error),
        cmocka_unit_test(what_was_decided_can_be_folded),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
