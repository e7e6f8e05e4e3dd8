/* The Kafka bus against librdkafka's mock cluster: gates, deliveries, and what the rows of the error table lead to. */
#include "consumers/bus.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <string.h>
#include <unistd.h>

#include "consumers/clock.h"
#include "tests/support/test.h"

#define DEADLINE_MS 20000
#define API_PRODUCE 0
#define API_ADD_OFFSETS 25
#define API_TXN_OFFSET_COMMIT 28

static const struct sunder_log QUIET = {.fd = STDERR_FILENO, .level = SUNDER_LOG_ERROR};

struct fixture {
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *mock;
    struct sunder_bus *bus;
    struct sunder_bus_property properties[3];
    uint32_t assigned;
    uint32_t revoked;
    bool taken;
    bool taken_failed;
    uint32_t delivered;
    enum sunder_err delivered_err;
    int64_t delivered_offset;
};

static void on_assigned(void *ctx, const int32_t *partitions, uint32_t count)
{
    struct fixture *fixture = ctx;
    (void)partitions;
    fixture->assigned += count;
}

static void on_revoked(void *ctx, const int32_t *partitions, uint32_t count, bool lost)
{
    struct fixture *fixture = ctx;
    (void)partitions;
    (void)lost;
    fixture->revoked += count;
}

static void on_taken(void *ctx,
    int32_t partition,
    const struct sunder_bus_taken *taken,
    const struct sunder_fail *fail)
{
    struct fixture *fixture = ctx;
    (void)partition;
    (void)taken;
    fixture->taken = true;
    fixture->taken_failed = fail != NULL;
}

static void on_delivered(void *ctx, uint64_t token, enum sunder_err err, int64_t offset)
{
    struct fixture *fixture = ctx;
    assert_int_equal(token, 7);
    fixture->delivered++;
    fixture->delivered_err = err;
    fixture->delivered_offset = offset;
}

static void start(struct fixture *fixture, bool strict)
{
    char text[256];
    memset(fixture, 0, sizeof *fixture);
    fixture->host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof text);
    assert_non_null(fixture->host);
    fixture->mock = rd_kafka_mock_cluster_new(fixture->host, 1);
    assert_non_null(fixture->mock);
    static const char *const TOPICS[] = {"in", "out", "revocations", "dead"};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rd_kafka_mock_topic_create(fixture->mock, TOPICS[i], 1, 1), 0);
    }
    fixture->properties[0] = (struct sunder_bus_property){
        "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(fixture->mock)};
    fixture->properties[1] = (struct sunder_bus_property){"fetch.wait.max.ms", "5"};
    fixture->properties[2] = (struct sunder_bus_property){"transaction.timeout.ms", "10000"};
    struct sunder_bus_options options = {
        .topics = {"in", "out", "revocations", "dead"},
        .group = "g",
        .node = "n1",
        .strict = strict,
        .dynamic_member = true,
        .unchecked_topics = true,
        .run_before = -1,
        .checkpoint_ms = 50,
        .properties = fixture->properties,
        .property_count = 3,
        .handler = {fixture, on_assigned, on_revoked, on_taken, on_delivered},
        .log = &QUIET,
    };
    struct sunder_fail fail = {0};
    if (sunder_bus_open(&options, &fixture->bus, &fail) != SUNDER_OK) {
        fail_msg("open: %s", fail.text);
    }
}

static void stop(struct fixture *fixture)
{
    sunder_bus_destroy(&fixture->bus);
    assert_null(fixture->bus);
    rd_kafka_mock_cluster_destroy(fixture->mock);
    rd_kafka_destroy(fixture->host);
}

/* Polls once; the records of the only partition that came. */
static uint32_t poll_some(struct fixture *fixture, const struct sunder_bus_record **ret_records)
{
    uint32_t count = 0;
    struct sunder_fail fail = {0};
    if (sunder_bus_poll(fixture->bus, 10, ret_records, &count, &fail) != SUNDER_OK) {
        fail_msg("poll: %s", fail.text);
    }
    return count;
}

static uint32_t poll_until_records(
    struct fixture *fixture, const struct sunder_bus_record **ret_records)
{
    int64_t deadline_ms = sunder_clock_ms() + DEADLINE_MS;
    uint32_t count = 0;
    while (count == 0 && sunder_clock_ms() < deadline_ms) {
        count = poll_some(fixture, ret_records);
    }
    return count;
}

static void poll_until_assigned(struct fixture *fixture)
{
    const struct sunder_bus_record *records = NULL;
    int64_t deadline_ms = sunder_clock_ms() + DEADLINE_MS;
    while (fixture->assigned == 0 && sunder_clock_ms() < deadline_ms) {
        assert_int_equal(poll_some(fixture, &records), 0);
    }
    assert_int_equal(fixture->assigned, 1);
}

static void poll_until_delivered(struct fixture *fixture, uint32_t wanted)
{
    const struct sunder_bus_record *records = NULL;
    int64_t deadline_ms = sunder_clock_ms() + DEADLINE_MS;
    while (fixture->delivered < wanted && sunder_clock_ms() < deadline_ms) {
        (void)poll_some(fixture, &records);
    }
    assert_int_equal(fixture->delivered, wanted);
}

static enum sunder_err send_text(
    struct fixture *fixture, enum sunder_bus_topic topic, const char *value)
{
    struct sunder_wire_header header = {SUNDER_STR("content-type"), SUNDER_STR("text/plain")};
    struct sunder_bus_message message = {.topic = topic,
        .key = SUNDER_STR("k"),
        .value = sunder_str_of(value),
        .headers = &header,
        .header_count = 1,
        .token = 7};
    struct sunder_fail fail = {0};
    return sunder_bus_send(fixture->bus, &message, &fail);
}

static void records_come_only_through_an_open_gate(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, false);
    poll_until_assigned(&fixture);
    assert_int_equal(send_text(&fixture, SUNDER_BUS_INTENTS, "one"), SUNDER_OK);
    poll_until_delivered(&fixture, 1);
    const struct sunder_bus_record *records = NULL;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(poll_some(&fixture, &records), 0);
    }

    sunder_bus_open_gate(fixture.bus, 0);
    uint32_t count = poll_until_records(&fixture, &records);

    assert_int_equal(count, 1);
    assert_str_equal(records[0].in.value, "one");
    assert_str_equal(records[0].key, "k");
    assert_int_equal(records[0].in.header_count, 1);
    assert_str_equal(records[0].in.headers[0].value, "text/plain");
    assert_int_equal(fixture.delivered_offset, records[0].in.offset);
    stop(&fixture);
    assert_int_equal(fixture.revoked, 1);
}

static void repeated_records_come_again_in_order_and_wait_for_the_gate(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, false);
    poll_until_assigned(&fixture);
    sunder_bus_open_gate(fixture.bus, 0);
    assert_int_equal(send_text(&fixture, SUNDER_BUS_INTENTS, "one"), SUNDER_OK);
    const struct sunder_bus_record *records = NULL;
    assert_int_equal(poll_until_records(&fixture, &records), 1);

    sunder_bus_repeat(fixture.bus, 0);
    sunder_bus_close_gate(fixture.bus, 0);
    assert_int_equal(send_text(&fixture, SUNDER_BUS_INTENTS, "two"), SUNDER_OK);
    assert_int_equal(poll_some(&fixture, &records), 0);
    sunder_bus_open_gate(fixture.bus, 0);

    assert_int_equal(poll_until_records(&fixture, &records), 1);
    assert_str_equal(records[0].in.value, "one");
    assert_int_equal(poll_until_records(&fixture, &records), 1);
    assert_str_equal(records[0].in.value, "two");
    stop(&fixture);
}

static void a_refusal_that_passes_is_no_error(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, false);
    rd_kafka_mock_push_request_errors(fixture.mock,
        API_PRODUCE,
        2,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);

    assert_int_equal(send_text(&fixture, SUNDER_BUS_DECISIONS, "x"), SUNDER_OK);

    poll_until_delivered(&fixture, 1);
    assert_int_equal(fixture.delivered_err, SUNDER_OK);
    stop(&fixture);
}

static void a_message_that_kafka_refuses_for_good_is_told_apart(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, false);
    rd_kafka_mock_push_request_errors(
        fixture.mock, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);

    assert_int_equal(send_text(&fixture, SUNDER_BUS_DECISIONS, "x"), SUNDER_OK);

    poll_until_delivered(&fixture, 1);
    assert_int_equal(fixture.delivered_err, SUNDER_ERR_INVALID);
    stop(&fixture);
}

static void a_message_over_the_client_s_bound_is_not_sent(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, false);
    static char large[1000001];
    memset(large, 'x', sizeof large - 1);

    assert_int_equal(send_text(&fixture, SUNDER_BUS_DECISIONS, large), SUNDER_ERR_INVALID);

    assert_int_equal(fixture.delivered, 0);
    stop(&fixture);
}

static enum sunder_err begin(struct fixture *fixture, struct sunder_fail *ret_fail)
{
    struct sunder_bus_commit commit = {.partition = 0, .progress = {.offset = 1}};
    return sunder_bus_batch_begin(fixture->bus, &commit, 1, false, ret_fail);
}

static void a_batch_that_a_rebalance_refused_can_be_done_again(void **state)
{
    (void)state;
    struct fixture fixture;
    struct sunder_fail fail = {0};
    start(&fixture, true);
    poll_until_assigned(&fixture);
    rd_kafka_mock_push_request_errors(
        fixture.mock, API_TXN_OFFSET_COMMIT, 1, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);

    assert_int_equal(begin(&fixture, &fail), SUNDER_ERR_RETRY);

    assert_int_equal(begin(&fixture, &fail), SUNDER_OK);
    assert_int_equal(send_text(&fixture, SUNDER_BUS_DECISIONS, "x"), SUNDER_OK);
    assert_int_equal(sunder_bus_batch_commit(fixture.bus, &fail), SUNDER_OK);
    assert_int_equal(fixture.delivered, 1);
    assert_int_equal(fixture.delivered_err, SUNDER_OK);
    assert_true(sunder_bus_checkpoint_age_ms(fixture.bus) >= 0);
    stop(&fixture);
}

static void a_batch_with_a_refused_record_is_aborted_as_poison(void **state)
{
    (void)state;
    struct fixture fixture;
    struct sunder_fail fail = {0};
    start(&fixture, true);
    poll_until_assigned(&fixture);
    assert_int_equal(begin(&fixture, &fail), SUNDER_OK);
    rd_kafka_mock_push_request_errors(
        fixture.mock, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    assert_int_equal(send_text(&fixture, SUNDER_BUS_DECISIONS, "x"), SUNDER_OK);

    assert_int_equal(sunder_bus_batch_commit(fixture.bus, &fail), SUNDER_ERR_INVALID);

    assert_int_equal(fixture.delivered_err, SUNDER_ERR_INVALID);
    stop(&fixture);
}

static void fenced(int16_t api, rd_kafka_resp_err_t code)
{
    struct fixture fixture;
    struct sunder_fail fail = {0};
    start(&fixture, true);
    poll_until_assigned(&fixture);
    rd_kafka_mock_push_request_errors(fixture.mock, api, 1, code);

    assert_int_equal(begin(&fixture, &fail), SUNDER_ERR_FENCED);

    fail.code = SUNDER_ERR_FENCED;
    assert_int_equal(sunder_bus_exit_code(&fail), 75);
    stop(&fixture);
}

static void both_codes_of_a_fence_end_the_process(void **state)
{
    (void)state;
    fenced(API_ADD_OFFSETS, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
    fenced(API_TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
}

static void an_invalid_state_asks_for_new_clients(void **state)
{
    (void)state;
    struct fixture fixture;
    struct sunder_fail fail = {0};
    start(&fixture, true);
    poll_until_assigned(&fixture);
    rd_kafka_mock_push_request_errors(
        fixture.mock, API_ADD_OFFSETS, 1, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE);

    assert_int_equal(begin(&fixture, &fail), SUNDER_ERR_IO);

    stop(&fixture);
}

static void take_over_of_a_new_group_finds_no_progress(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct sunder_bus_record *records = NULL;
    start(&fixture, false);
    poll_until_assigned(&fixture);

    sunder_bus_take_over(fixture.bus, 0);

    int64_t deadline_ms = sunder_clock_ms() + DEADLINE_MS;
    while (!fixture.taken && sunder_clock_ms() < deadline_ms) {
        (void)poll_some(&fixture, &records);
    }
    assert_true(fixture.taken);
    assert_false(fixture.taken_failed);
    stop(&fixture);
}

static void first_progress_settles_with_a_checkpoint_and_begins_the_lease(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct sunder_bus_record *records = NULL;
    start(&fixture, false);
    poll_until_assigned(&fixture);
    assert_false(sunder_bus_settled(fixture.bus, 0));
    struct sunder_bus_progress progress = {.offset = 0};

    sunder_bus_progress(fixture.bus, 0, &progress);

    int64_t deadline_ms = sunder_clock_ms() + DEADLINE_MS;
    while (!sunder_bus_settled(fixture.bus, 0) && sunder_clock_ms() < deadline_ms) {
        (void)poll_some(&fixture, &records);
    }
    assert_true(sunder_bus_settled(fixture.bus, 0));
    assert_true(sunder_bus_lease(fixture.bus));
    int32_t partition = 0;
    assert_int_equal(sunder_bus_release(fixture.bus, &partition, 1, DEADLINE_MS), SUNDER_OK);
    stop(&fixture);
}

static void properties_are_the_library_s_but_for_those_that_guarantees_rest_on(void **state)
{
    (void)state;
    struct sunder_fail fail = {0};
    uint32_t index = 99;
    const struct sunder_bus_property good[] = {{"session.timeout.ms", "9000"}, {"linger.ms", "2"}};
    const struct sunder_bus_property unknown[] = {{"linger.ms", "2"}, {"no.such.thing", "1"}};
    const struct sunder_bus_property value[] = {{"linger.ms", "soon"}};
    const struct sunder_bus_property own[] = {{"isolation.level", "read_uncommitted"}};
    const struct sunder_bus_property key[] = {{"group.id", "g"}};
    const struct sunder_bus_property alias[] = {{"delivery.timeout.ms", "5000"}};

    assert_int_equal(sunder_bus_check_properties(good, 2, &index, &fail), SUNDER_OK);
    assert_int_equal(sunder_bus_check_properties(unknown, 2, &index, &fail), SUNDER_ERR_INVALID);
    assert_int_equal(index, 1);
    assert_non_null(strstr(fail.text, "no.such.thing"));
    assert_int_equal(sunder_bus_check_properties(value, 1, &index, &fail), SUNDER_ERR_INVALID);
    assert_int_equal(sunder_bus_check_properties(own, 1, &index, &fail), SUNDER_ERR_INVALID);
    assert_int_equal(sunder_bus_check_properties(key, 1, &index, &fail), SUNDER_ERR_INVALID);
    assert_int_equal(sunder_bus_check_properties(alias, 1, &index, &fail), SUNDER_ERR_INVALID);
    assert_int_equal(sunder_bus_exit_code(&fail), 78);
}

static void topics_that_are_missing_or_of_other_counts_stop_the_start(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, false);
    struct sunder_bus_options options = {
        .topics = {"in", "wide", "revocations", "dead"},
        .group = "g2",
        .node = "n2",
        .unchecked_topics = true,
        .run_before = -1,
        .checkpoint_ms = 50,
        .properties = fixture.properties,
        .property_count = 2,
        .handler = {&fixture, on_assigned, on_revoked, on_taken, on_delivered},
        .log = &QUIET,
    };
    assert_int_equal(rd_kafka_mock_topic_create(fixture.mock, "wide", 3, 1), 0);
    struct sunder_bus *other = NULL;
    struct sunder_fail fail = {0};

    assert_int_equal(sunder_bus_open(&options, &other, &fail), SUNDER_ERR_INVALID);

    assert_null(other);
    assert_non_null(strstr(fail.text, "must be equal"));
    assert_int_equal(sunder_bus_exit_code(&fail), 78);
    stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_only_through_an_open_gate),
        cmocka_unit_test(repeated_records_come_again_in_order_and_wait_for_the_gate),
        cmocka_unit_test(a_refusal_that_passes_is_no_error),
        cmocka_unit_test(a_message_that_kafka_refuses_for_good_is_told_apart),
        cmocka_unit_test(a_message_over_the_client_s_bound_is_not_sent),
        cmocka_unit_test(a_batch_that_a_rebalance_refused_can_be_done_again),
        cmocka_unit_test(a_batch_with_a_refused_record_is_aborted_as_poison),
        cmocka_unit_test(both_codes_of_a_fence_end_the_process),
        cmocka_unit_test(an_invalid_state_asks_for_new_clients),
        cmocka_unit_test(take_over_of_a_new_group_finds_no_progress),
        cmocka_unit_test(first_progress_settles_with_a_checkpoint_and_begins_the_lease),
        cmocka_unit_test(properties_are_the_library_s_but_for_those_that_guarantees_rest_on),
        cmocka_unit_test(topics_that_are_missing_or_of_other_counts_stop_the_start),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
