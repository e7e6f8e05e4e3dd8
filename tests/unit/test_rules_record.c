/* Records of intents and observed acts: what is written comes back, by intent id and by position, and damage is told. */
#include "engine/rules/record.h"

#include "tests/support/random.h"
#include "tests/unit/test_engine_fixture.h"

#define RULES 8

static const char POLICY[] = "sunder: 1\nname: p\nauthority: open\ntenant: payload\n"
                             "catalogue:\n"
                             "  - {tool: t, action: a, duty: alpha}\n"
                             "  - {tool: t, action: b, duty: beta}\n"
                             "  - {tool: t, action: c, duty: gamma}\n";

static int setup(void **state)
{
    static const struct sunder_policy *policy;
    if (policy == NULL) {
        policy = rig_policy(POLICY);
    }
    struct rig *rig = rig_create(policy);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    rig_destroy(&rig);
    return 0;
}

static void assert_same_rules(
    const struct sunder_record_rule *a, const struct sunder_record_rule *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(a[i].rule, b[i].rule);
        assert_same_str(a[i].text, b[i].text);
    }
}

static void assert_same_records(const struct sunder_record *a, const struct sunder_record *b)
{
    assert_int_equal(a->position, b->position);
    assert_int_equal(a->decided_position, b->decided_position);
    assert_int_equal(a->decided_ms, b->decided_ms);
    assert_int_equal(a->fact_ms, b->fact_ms);
    assert_int_equal(a->domain, b->domain);
    assert_int_equal(a->verdict, b->verdict);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->reached_rules, b->reached_rules);
    assert_int_equal(a->phases, b->phases);
    assert_memory_equal(a->digest.bytes, b->digest.bytes, sizeof a->digest.bytes);
    assert_same_str(a->intent, b->intent);
    assert_same_str(a->task, b->task);
    assert_same_str(a->agent, b->agent);
    assert_int_equal(a->subject_count, b->subject_count);
    for (uint32_t i = 0; i < a->subject_count; i++) {
        assert_int_equal(a->subjects[i], b->subjects[i]);
    }
    assert_same_strs(a->objects, b->objects);
    assert_same_strs(a->cases, b->cases);
    assert_int_equal(a->duty_count, b->duty_count);
    for (uint32_t i = 0; i < a->duty_count; i++) {
        assert_int_equal(a->duties[i], b->duties[i]);
    }
    assert_int_equal(a->has_amount, b->has_amount);
    assert_int_equal(a->amount_micro, b->amount_micro);
    assert_same_str(a->currency, b->currency);
    assert_int_equal(a->measure_count, b->measure_count);
    assert_same_rules(a->measures, b->measures, a->measure_count);
    assert_int_equal(a->rule_key_count, b->rule_key_count);
    assert_same_rules(a->rule_keys, b->rule_keys, a->rule_key_count);
}

/* As much as limits.h allows, and rules with a key and a value of their own. */
static struct sunder_record largest_record(struct rig *rig)
{
    static uint16_t duties[SUNDER_INTENT_DUTIES_MAX];
    static struct sunder_record_rule rules[RULES];
    static uint32_t subjects[SUNDER_CHAIN_MAX + 3];
    for (uint32_t i = 0; i < SUNDER_CHAIN_MAX + 3; i++) {
        subjects[i] = UINT32_MAX - i;
    }
    for (uint16_t i = 0; i < SUNDER_INTENT_DUTIES_MAX; i++) {
        duties[i] = (uint16_t)(SUNDER_POLICY_DUTIES_MAX - SUNDER_INTENT_DUTIES_MAX + i);
    }
    for (uint16_t i = 0; i < RULES; i++) {
        uint16_t rule = (uint16_t)(SUNDER_POLICY_RULES_MAX - RULES + i);
        rules[i] = (struct sunder_record_rule){rule, rig_long_text(rig, "value", i)};
    }
    struct sunder_record record = {
        .position = (uint64_t)INT64_MAX,
        .decided_position = (uint64_t)INT64_MAX - 1,
        .decided_ms = INT64_MIN,
        .fact_ms = INT64_MAX,
        .domain = UINT32_MAX,
        .verdict = SUNDER_VERDICT_DENY,
        .state = SUNDER_FACT_RELEASED,
        .reached_rules = true,
        .phases = 7,
        .intent = rig_long_text(rig, "intent", 1),
        .task = rig_long_text(rig, "task", 1),
        .agent = rig_long_text(rig, "agent", 1),
        .subjects = subjects,
        .subject_count = SUNDER_CHAIN_MAX + 3,
        .objects = rig_long_texts(rig, "object", SUNDER_INTENT_OBJECTS_MAX),
        .cases = rig_long_texts(rig, "case", SUNDER_INTENT_CASES_MAX),
        .duties = duties,
        .duty_count = SUNDER_INTENT_DUTIES_MAX,
        .has_amount = true,
        .amount_micro = INT64_MIN,
        .currency = rig_long_text(rig, "currency", 1),
        .measures = rules,
        .measure_count = RULES,
        .rule_keys = rules,
        .rule_key_count = RULES,
    };
    memset(record.digest.bytes, 0xee, sizeof record.digest.bytes);
    return record;
}

static struct sunder_record small_record(void)
{
    static uint32_t subject = 7;
    return (struct sunder_record){
        .position = 12,
        .decided_position = 12,
        .decided_ms = -1,
        .fact_ms = -1,
        .domain = 1,
        .verdict = SUNDER_VERDICT_ALLOW,
        .state = SUNDER_FACT_RESERVED,
        .reached_rules = true, /* The other flag, has_amount, is not set. */
        .intent = SUNDER_STR("i1"),
        .agent = SUNDER_STR("bot:1"),
        .subjects = &subject,
        .subject_count = 1,
    };
}

static void a_record_comes_back_as_it_was(void **state)
{
    struct rig *rig = *state;
    struct sunder_record large = largest_record(rig);
    struct sunder_record small = small_record();
    assert_int_equal(sunder_record_put(&rig->state, &large), SUNDER_OK);
    assert_int_equal(sunder_record_put(&rig->state, &small), SUNDER_OK);
    struct sunder_record back;

    assert_int_equal(sunder_record_get(&rig->state, large.position, &back), SUNDER_OK);
    assert_same_records(&back, &large);
    assert_int_equal(sunder_record_get(&rig->state, 12, &back), SUNDER_OK);
    assert_same_records(&back, &small);
}

static void a_record_that_is_not_there_contradicts_the_state(void **state)
{
    struct rig *rig = *state;
    struct sunder_record small = small_record();
    struct sunder_record back;
    assert_int_equal(sunder_record_put(&rig->state, &small), SUNDER_OK);

    assert_int_equal(sunder_record_get(&rig->state, 13, &back), SUNDER_ERR_CORRUPT);

    small.decided_position = 14;
    small.position = 15;
    assert_int_equal(sunder_record_put(&rig->state, &small), SUNDER_OK);
    assert_int_equal(sunder_record_get(&rig->state, 14, &back), SUNDER_OK);
    small.decided_position = 15;
    small.position = 16;
    assert_int_equal(sunder_record_put(&rig->state, &small), SUNDER_OK);
    assert_int_equal(
        sunder_record_get(&rig->state, 14, &back), SUNDER_ERR_CORRUPT); /* A record moves once. */
}

/* Neither a record nor where one stands by now. */
static void a_row_of_another_kind_is_corrupt(void **state)
{
    struct rig *rig = *state;
    struct sunder_record record = small_record();
    record.position = 13;
    assert_int_equal(sunder_record_put(&rig->state, &record), SUNDER_OK);
    struct sunder_key key;
    sunder_key_start(&key, SUNDER_TABLE_RECORD, 0);
    sunder_key_u64(&key, 12);
    struct sunder_str row = rig_row(rig, sunder_key_str(&key));
    char bytes[9];
    assert_int_equal(row.len, sizeof bytes);
    memcpy(bytes, row.at, sizeof bytes);
    struct sunder_record back;
    assert_int_equal(sunder_record_get(&rig->state, 12, &back), SUNDER_OK);

    bytes[0] = 2;
    struct sunder_str other = {bytes, sizeof bytes};
    assert_int_equal(rig->rows.put(rig->rows.ctx, sunder_key_str(&key), other), SUNDER_OK);
    assert_int_equal(sunder_record_get(&rig->state, 12, &back), SUNDER_ERR_CORRUPT);
}

static enum sunder_err read_record(struct rig *rig)
{
    struct sunder_record record;
    return sunder_record_get(&rig->state, 12, &record);
}

static void damaged_records_are_told(void **state)
{
    struct rig *rig = *state;
    uint64_t random = test_seed();
    struct sunder_record record = small_record();
    static const struct sunder_str texts[] = {{"vendor/V1", 9}, {"", 0}, {NULL, 0}};
    static uint16_t duties[] = {3, 9};
    static struct sunder_record_rule rules[] = {{1, {"1.5", 3}}, {2, {NULL, 0}}};
    record.objects = (struct sunder_strs){texts, 3};
    record.duties = duties;
    record.duty_count = 2;
    record.measures = rules;
    record.measure_count = 2;
    record.rule_keys = rules;
    record.rule_key_count = 1;
    assert_int_equal(sunder_record_put(&rig->state, &record), SUNDER_OK);
    struct sunder_record back;
    assert_int_equal(sunder_record_get(&rig->state, 12, &back), SUNDER_OK);
    assert_same_records(&back, &record);
    struct sunder_str key = rig_only_key(rig, SUNDER_TABLE_RECORD);

    rig_assert_cuts_are_corrupt(rig, key, read_record);
    rig_assert_damage_is_safe(rig, key, read_record, &random);
}

static void a_record_without_subjects_is_corrupt(void **state)
{
    struct rig *rig = *state;
    struct sunder_record record = small_record();
    record.subject_count = 0;
    assert_int_equal(sunder_record_put(&rig->state, &record), SUNDER_OK);
    assert_int_equal(read_record(rig), SUNDER_ERR_CORRUPT);

    record = small_record();
    record.agent = (struct sunder_str){0};
    assert_int_equal(sunder_record_put(&rig->state, &record), SUNDER_OK);
    assert_int_equal(read_record(rig), SUNDER_ERR_CORRUPT);
}

static void a_record_is_found_by_id_and_by_key_of_its_domain_and_agent(void **state)
{
    struct rig *rig = *state;
    struct sunder_record record = small_record();
    record.intent = rig_long_text(rig, "id", 1);
    struct sunder_retry retry = {1, 5, rig_long_text(rig, "retry", 1)};
    struct sunder_retry other_agent = {1, 6, retry.idempotency_key};
    struct sunder_retry other_domain = {2, 5, retry.idempotency_key};
    struct sunder_record back;
    bool found = true;
    const struct sunder_state *st = &rig->state;
    assert_int_equal(sunder_record_find(st, 1, record.intent, &found, &back), SUNDER_OK);
    assert_false(found);

    assert_int_equal(sunder_record_remember(st, &record), SUNDER_OK);
    assert_int_equal(sunder_record_index_retry(st, retry, 12), SUNDER_OK);

    assert_int_equal(sunder_record_find(st, 1, record.intent, &found, &back), SUNDER_OK);
    assert_true(found);
    assert_same_records(&back, &record);
    assert_int_equal(sunder_record_get(st, 12, &back), SUNDER_OK);
    assert_same_records(&back, &record);
    assert_int_equal(sunder_record_find(st, 2, record.intent, &found, &back), SUNDER_OK);
    assert_false(found);
    assert_int_equal(sunder_record_find_retry(st, retry, &found, &back), SUNDER_OK);
    assert_true(found);
    assert_same_records(&back, &record);
    assert_int_equal(sunder_record_find_retry(st, other_agent, &found, &back), SUNDER_OK);
    assert_false(found);
    assert_int_equal(sunder_record_find_retry(st, other_domain, &found, &back), SUNDER_OK);
    assert_false(found);
    assert_int_equal(sunder_record_index_retry(st, retry, 99), SUNDER_OK); /* To nowhere. */
    assert_int_equal(sunder_record_find_retry(st, retry, &found, &back), SUNDER_ERR_CORRUPT);
}

static void every_spelling_of_a_uuid_is_an_id_of_its_own(void **state)
{
    struct rig *rig = *state;
    static const struct sunder_str ids[] = {{"0189fa3e-5c00-7000-8000-00000000abcd", 36},
        {"0189FA3E-5c00-7000-8000-00000000abcd", 36},
        {"0189fa3e-5c00-7000-8000-00000000abce", 36},
        {"0189fa3e-5c00-7000-8000-00000000abcd0", 37},
        {"0189fa3e5-c00-7000-8000-00000000abcd", 36}};
    struct sunder_record back;
    bool found = true;
    for (uint32_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct sunder_record record = small_record();
        record.intent = ids[i];
        record.position = record.decided_position = 100 + i;
        assert_int_equal(sunder_record_find(&rig->state, 1, ids[i], &found, &back), SUNDER_OK);
        assert_false(found);
        assert_int_equal(sunder_record_remember(&rig->state, &record), SUNDER_OK);
    }
    for (uint32_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        assert_int_equal(sunder_record_find(&rig->state, 1, ids[i], &found, &back), SUNDER_OK);
        assert_true(found);
        assert_int_equal(back.position, 100 + i);
        assert_true(sunder_str_equal(back.intent, ids[i]));
    }
}

/* Only what can be had back is packed: a digit has 16 spellings, each of its own. */
static void a_uuid_is_packed_when_every_digit_is_one(void **state)
{
    (void)state;
    for (uint32_t at = 0; at < 36; at++) {
        char text[] = "0189fa3e-5c00-7000-8000-00000000abcd";
        bool dash = text[at] == '-';
        struct sunder_key packed[16];
        uint32_t count = 0;
        for (int c = 1; c < 256; c++) {
            text[at] = (char)c;
            struct sunder_key key;
            sunder_record_intent_key(&key, 1, (struct sunder_str){text, 36});
            bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
            bool fits = dash ? c == '-' : digit;
            assert_int_equal(key.len, fits ? 1 + 4 + 1 + 16 : 1 + 4 + 36);
            for (uint32_t i = 0; fits && i < count; i++) {
                assert_false(sunder_str_equal(sunder_key_str(&packed[i]), sunder_key_str(&key)));
            }
            if (fits) {
                packed[count++] = key;
            }
        }
        assert_int_equal(count, dash ? 1 : 16);
    }
}

/* After the horizon an id may be used again (S7): what still leads to the first intent must not find the second. */
static void an_intent_whose_id_is_taken_is_found_by_its_positions(void **state)
{
    struct rig *rig = *state;
    const struct sunder_state *st = &rig->state;
    struct sunder_record first = small_record();
    assert_int_equal(sunder_record_remember(st, &first), SUNDER_OK);
    first.position = 20; /* Its late fact. */
    first.fact_ms = 100;
    assert_int_equal(sunder_record_remember(st, &first), SUNDER_OK);
    assert_int_equal(rig_count_rows(rig, SUNDER_TABLE_INTENT), 1);

    struct sunder_record second = small_record();
    second.agent = SUNDER_STR("bot:2");
    second.position = second.decided_position = 30;
    assert_int_equal(sunder_record_remember(st, &second), SUNDER_OK);

    struct sunder_record back;
    bool found = false;
    assert_int_equal(sunder_record_get(st, 12, &back), SUNDER_OK);
    assert_same_records(&back, &first);
    assert_int_equal(sunder_record_get(st, 20, &back), SUNDER_OK);
    assert_same_records(&back, &first);
    assert_int_equal(sunder_record_get(st, 30, &back), SUNDER_OK);
    assert_same_records(&back, &second);
    assert_int_equal(sunder_record_find(st, 1, second.intent, &found, &back), SUNDER_OK);
    assert_same_records(&back, &second);
}

static void an_arena_without_room_for_a_record_is_full(void **state)
{
    struct rig *rig = *state;
    struct sunder_record large = largest_record(rig);
    assert_int_equal(sunder_record_put(&rig->state, &large), SUNDER_OK);
    struct sunder_arena all = *rig->state.arena;
    uint32_t full = 0;
    for (size_t size = 0; size < 200000; size += 997) {
        *rig->state.arena = sunder_arena_of(all.memory, size);
        struct sunder_record back;
        enum sunder_err err = sunder_record_get(&rig->state, large.position, &back);
        *rig->state.arena = all;
        if (err == SUNDER_OK) {
            assert_same_records(&back, &large);
            break;
        }
        assert_int_equal(err, SUNDER_ERR_FULL);
        full += 1;
    }
    assert_in_range(full, 10, 199);
}

static enum sunder_err read_index(struct rig *rig)
{
    struct sunder_record record;
    bool found = false;
    return sunder_record_find(&rig->state, 1, SUNDER_STR("i1"), &found, &record);
}

static void a_damaged_index_is_told(void **state)
{
    struct rig *rig = *state;
    uint64_t random = test_seed();
    struct sunder_record record = small_record();
    assert_int_equal(sunder_record_remember(&rig->state, &record), SUNDER_OK);
    struct sunder_str key = rig_only_key(rig, SUNDER_TABLE_INTENT);

    rig_assert_cuts_are_corrupt(rig, key, read_index);
    rig_assert_damage_is_safe(rig, key, read_index, &random);
}

#define RECORD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECORD_TEST(a_record_comes_back_as_it_was),
        RECORD_TEST(a_record_that_is_not_there_contradicts_the_state),
        RECORD_TEST(a_row_of_another_kind_is_corrupt),
        RECORD_TEST(damaged_records_are_told),
        RECORD_TEST(a_record_without_subjects_is_corrupt),
        RECORD_TEST(a_record_is_found_by_id_and_by_key_of_its_domain_and_agent),
        RECORD_TEST(every_spelling_of_a_uuid_is_an_id_of_its_own),
        RECORD_TEST(a_uuid_is_packed_when_every_digit_is_one),
        RECORD_TEST(an_intent_whose_id_is_taken_is_found_by_its_positions),
        RECORD_TEST(an_arena_without_room_for_a_record_is_full),
        RECORD_TEST(a_damaged_index_is_told),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
