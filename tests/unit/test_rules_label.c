/* Rows of labels and of the users of a credential, and how labels are put together (S14, S16). */
#include "engine/rules/label.h"

#include "engine/rules/credential.h"
#include "tests/support/random.h"
#include "tests/unit/test_engine_fixture.h"

static int setup(void **state)
{
    *state = rig_create(NULL);
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    rig_destroy(&rig);
    return 0;
}

static const uint64_t ORIGINS[] = {3, 7, 12};

/* Two labels, one of them without an origin. */
static struct sunder_labels two_labels(void)
{
    static struct sunder_label labels[2];
    labels[0] = (struct sunder_label){.name = SUNDER_STR("can:db"),
        .bits = SUNDER_LABEL_GAINED,
        .origin_count = 3,
        .origins = ORIGINS};
    labels[1] = (struct sunder_label){.name = SUNDER_STR("pii"), .bits = SUNDER_LABEL_CLAIMED};
    return (struct sunder_labels){.count = 2, .at = labels};
}

static void a_holder_keeps_names_origins_and_what_the_catalogue_gave(void **state)
{
    struct rig *rig = *state;
    struct sunder_labels labels = two_labels();
    struct sunder_labels back;
    assert_int_equal(
        sunder_labels_put(&rig->state, 3, SUNDER_HOLDER_AGENT, SUNDER_STR("a"), &labels),
        SUNDER_OK);
    assert_int_equal(
        sunder_labels_get(&rig->state, 3, SUNDER_HOLDER_AGENT, SUNDER_STR("a"), &back), SUNDER_OK);
    assert_int_equal(back.count, 2);
    assert_false(back.saturated);
    assert_true(sunder_str_equal(back.at[0].name, labels.at[0].name));
    assert_int_equal(back.at[0].bits, SUNDER_LABEL_KNOWN);
    assert_int_equal(back.at[0].origin_count, 3);
    assert_memory_equal(back.at[0].origins, ORIGINS, sizeof ORIGINS);
    assert_int_equal(back.at[1].bits, 0);
    assert_int_equal(
        sunder_labels_get(&rig->state, 3, SUNDER_HOLDER_TASK, SUNDER_STR("a"), &back), SUNDER_OK);
    assert_int_equal(back.count, 0);
    assert_int_equal(
        sunder_labels_drop(&rig->state, 3, SUNDER_HOLDER_AGENT, SUNDER_STR("a")), SUNDER_OK);
    assert_int_equal(
        sunder_labels_get(&rig->state, 3, SUNDER_HOLDER_AGENT, SUNDER_STR("a"), &back), SUNDER_OK);
    assert_int_equal(back.count, 0);
}

static void an_intent_keeps_what_it_carried_and_gained_itself(void **state)
{
    struct rig *rig = *state;
    struct sunder_labels labels = two_labels();
    struct sunder_labels back;
    struct sunder_str credential;
    labels.saturated = true;
    assert_int_equal(
        sunder_labels_put_record(&rig->state, 9, &labels, SUNDER_STR("key:1")), SUNDER_OK);
    assert_int_equal(sunder_labels_of_record(&rig->state, 9, &back, &credential), SUNDER_OK);
    assert_true(back.saturated);
    assert_true(sunder_str_equal(credential, SUNDER_STR("key:1")));
    assert_int_equal(back.at[0].bits, SUNDER_LABEL_GAINED | SUNDER_LABEL_KNOWN);
    assert_int_equal(back.at[1].bits, SUNDER_LABEL_CLAIMED);
    assert_int_equal(sunder_labels_of_record(&rig->state, 8, &back, &credential), SUNDER_OK);
    assert_int_equal(back.count, 0);
    assert_null(credential.at);
}

static enum sunder_err read_holder(struct rig *rig)
{
    struct sunder_labels labels;
    return sunder_labels_get(&rig->state, 3, SUNDER_HOLDER_CREDENTIAL, SUNDER_STR("c"), &labels);
}

static enum sunder_err read_record(struct rig *rig)
{
    struct sunder_labels labels;
    struct sunder_str credential;
    return sunder_labels_of_record(&rig->state, 9, &labels, &credential);
}

static void damaged_labels_are_told(void **state)
{
    struct rig *rig = *state;
    uint64_t random = test_seed();
    struct sunder_labels labels = two_labels();
    assert_int_equal(
        sunder_labels_put(&rig->state, 3, SUNDER_HOLDER_CREDENTIAL, SUNDER_STR("c"), &labels),
        SUNDER_OK);
    struct sunder_str key = rig_only_key(rig, SUNDER_TABLE_LABEL);
    rig_assert_cuts_are_corrupt(rig, key, read_holder);
    rig_assert_damage_is_safe(rig, key, read_holder, &random);
}

static void damaged_labels_of_an_intent_are_told(void **state)
{
    struct rig *rig = *state;
    uint64_t random = test_seed();
    struct sunder_labels labels = two_labels();
    assert_int_equal(
        sunder_labels_put_record(&rig->state, 9, &labels, SUNDER_STR("key:1")), SUNDER_OK);
    struct sunder_str key = rig_only_key(rig, SUNDER_TABLE_LABEL);
    rig_assert_cuts_are_corrupt(rig, key, read_record);
    rig_assert_damage_is_safe(rig, key, read_record, &random);
}

static const struct sunder_use USE = {
    .domain = 3, .credential = 4, .agent = 5, .agent_text = {"bot:1", 5}};

static enum sunder_err read_users(struct rig *rig)
{
    const struct sunder_finding *findings;
    uint32_t count;
    return sunder_credential_findings(&rig->state, &USE, &findings, &count);
}

static void damaged_users_are_told(void **state)
{
    struct rig *rig = *state;
    uint64_t random = test_seed();
    assert_int_equal(sunder_credential_note(&rig->state, &USE, true, SUNDER_STR("i1")), SUNDER_OK);
    struct sunder_str key = rig_only_key(rig, SUNDER_TABLE_CREDENTIAL);
    rig_assert_cuts_are_corrupt(rig, key, read_users);
    rig_assert_damage_is_safe(rig, key, read_users, &random);
}

/* Positions from, from + step, ... */
static struct sunder_labels one_label(struct rig *rig, uint64_t from, uint64_t step, uint32_t count)
{
    struct sunder_label *label = SUNDER_ARENA_NEW(&rig->arena, struct sunder_label, 1);
    uint64_t *origins = SUNDER_ARENA_NEW(&rig->arena, uint64_t, count);
    assert_non_null(label);
    assert_non_null(origins);
    for (uint32_t i = 0; i < count; i++) {
        origins[i] = from + (step * i);
    }
    *label = (struct sunder_label){
        .name = SUNDER_STR("x"), .origin_count = (uint8_t)count, .origins = origins};
    return (struct sunder_labels){.count = 1, .at = label};
}

static void the_latest_origins_of_both_are_kept(void **state)
{
    struct rig *rig = *state;
    struct sunder_labels a = one_label(rig, 0, 2, SUNDER_LABEL_ORIGINS_MAX);
    struct sunder_labels b = one_label(rig, 10, 5, 4); /* 10 15 20 25: two of them are in both */
    struct sunder_labels both;
    assert_int_equal(sunder_labels_merge(&rig->arena, &a, &b, &both), SUNDER_OK);
    assert_int_equal(both.count, 1);
    static const uint64_t kept[] = {4, 6, 8, 10, 12, 14, 15, 16, 18, 20, 22, 24, 25, 26, 28, 30};
    assert_int_equal(both.at[0].origin_count, SUNDER_LABEL_ORIGINS_MAX);
    assert_memory_equal(both.at[0].origins, kept, sizeof kept);
    assert_int_equal(sunder_labels_stamp(&rig->arena, &both, UINT8_MAX, 31), SUNDER_OK);
    assert_int_equal(both.at[0].origin_count, SUNDER_LABEL_ORIGINS_MAX); /* no bit, no stamp */
    both.at[0].bits = SUNDER_LABEL_GAINED;
    assert_int_equal(sunder_labels_stamp(&rig->arena, &both, SUNDER_LABEL_GAINED, 31), SUNDER_OK);
    assert_int_equal(both.at[0].origins[0], 6);
    assert_int_equal(both.at[0].origins[SUNDER_LABEL_ORIGINS_MAX - 1], 31);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_holder_keeps_names_origins_and_what_the_catalogue_gave),
        TEST(an_intent_keeps_what_it_carried_and_gained_itself),
        TEST(damaged_labels_are_told),
        TEST(damaged_labels_of_an_intent_are_told),
        TEST(damaged_users_are_told),
        TEST(the_latest_origins_of_both_are_kept),
    };
#undef TEST
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
