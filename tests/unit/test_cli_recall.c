/* What was decided, by position: whatever the order and the gaps. */
#include "ops/cli/recall.h"

#include "tests/support/test.h"

enum {
    RECORDS = 20000,
    PARTITIONS = 5
};

/* Dense, with gaps, and far apart. */
static int64_t offset_of(uint32_t i)
{
    switch (i % 3) {
    case 0:
        return (int64_t)i;
    case 1:
        return INT64_C(5000000000) + ((int64_t)i * 7);
    default:
        return (int64_t)i * INT64_C(100000007);
    }
}

static struct sunder_decision deny(uint32_t i, const struct sunder_reason *reason)
{
    return (struct sunder_decision){.kind = SUNDER_RECORD_DECISION,
        .source = {.partition = (int32_t)(i % PARTITIONS), .offset = offset_of(i)},
        .verdict = i % 4 == 0 ? SUNDER_VERDICT_DENY : SUNDER_VERDICT_ALLOW,
        .reasons = reason,
        .reason_count = i % 4 == 0};
}

static void what_was_added_is_found_at_its_position_and_nowhere_else(void **state)
{
    (void)state;
    struct sunder_recall *recall = sunder_recall_create();
    assert_non_null(recall);
    char rule[16];
    for (uint32_t n = 0; n < RECORDS; n++) {
        uint32_t i = (n * 7919u) % RECORDS; /* Not in order. */
        snprintf(rule, sizeof(rule), "rule-%u", i);
        const struct sunder_reason reason = {.rule = sunder_str_of(rule),
            .code = SUNDER_STR("limit"),
            .message = SUNDER_STR("m"),
            .effect = SUNDER_EFFECT_DENY};
        struct sunder_decision record = deny(i, &reason);
        assert_int_equal(sunder_recall_add(recall, &record), SUNDER_OK);
        assert_int_equal(sunder_recall_add(recall, &record), SUNDER_OK); /* A copy. */
    }

    assert_int_equal(sunder_recall_count(recall), RECORDS);
    assert_int_equal(sunder_recall_partitions(recall), PARTITIONS);
    struct sunder_diff_side side;
    for (uint32_t i = 0; i < RECORDS; i++) {
        struct sunder_source at = {.partition = (int32_t)(i % PARTITIONS), .offset = offset_of(i)};
        assert_true(sunder_recall_find(recall, &at, &side));
        assert_int_equal(side.word, i % 4 == 0 ? SUNDER_DIFF_DENY : SUNDER_DIFF_ALLOW);
        assert_int_equal(side.reason_count, i % 4 == 0);
        if (i % 4 == 0) {
            snprintf(rule, sizeof(rule), "rule-%u", i);
            test_assert_str(side.reasons[0].rule, sunder_str_of(rule), __FILE__, __LINE__);
            assert_true(side.reasons[0].field.len == 0);
        }
        at.partition += PARTITIONS;
        assert_false(sunder_recall_find(recall, &at, &side));
    }
    sunder_recall_destroy(&recall);
    assert_null(recall);
}

/* The next offset of the same chunk, of which nothing was taken. */
static void a_neighbour_of_what_was_added_is_not_found(void **state)
{
    (void)state;
    struct sunder_recall *recall = sunder_recall_create();
    assert_non_null(recall);
    struct sunder_decision record = deny(1, NULL);
    record.source.offset = 64;
    assert_int_equal(sunder_recall_add(recall, &record), SUNDER_OK);
    struct sunder_diff_side side;
    for (int64_t offset = -64; offset < 256; offset++) {
        struct sunder_source at = {.partition = record.source.partition, .offset = offset};
        assert_int_equal(sunder_recall_find(recall, &at, &side), offset == 64);
    }
    sunder_recall_destroy(&recall);
}

static void revocations_join_the_answer_of_their_position(void **state)
{
    (void)state;
    struct sunder_recall *recall = sunder_recall_create();
    assert_non_null(recall);
    const struct sunder_reason reason = {.rule = SUNDER_STR("pair"), .effect = SUNDER_EFFECT_DENY};
    struct sunder_decision record = deny(0, &reason);
    struct sunder_decision revocation = {.kind = SUNDER_RECORD_REVOCATION,
        .index = 1,
        .source = record.source,
        .subject = SUNDER_STR("bot"),
        .reasons = &reason,
        .reason_count = 1};
    assert_int_equal(sunder_recall_add(recall, &record), SUNDER_OK);

    assert_int_equal(sunder_recall_add(recall, &revocation), SUNDER_OK);
    assert_int_equal(sunder_recall_add(recall, &revocation), SUNDER_OK); /* A copy. */

    struct sunder_diff_side side;
    assert_true(sunder_recall_find(recall, &record.source, &side));
    assert_int_equal(side.word, SUNDER_DIFF_DENY);
    assert_int_equal(side.reason_count, 2);
    assert_false(side.reasons[0].revocation);
    assert_true(side.reasons[1].revocation);
    test_assert_str(side.reasons[1].subject, SUNDER_STR("bot"), __FILE__, __LINE__);
    assert_int_equal(sunder_recall_count(recall), 1);
    sunder_recall_destroy(&recall);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_at_its_position_and_nowhere_else),
        cmocka_unit_test(a_neighbour_of_what_was_added_is_not_found),
        cmocka_unit_test(revocations_join_the_answer_of_their_position),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
