/* The rows of names, copies, tasks and delegation edges: what is written comes back, and damage is told. */
#include "engine/base/hash.h"
#include "engine/rules/names.h"
#include "engine/rules/record.h"
#include "engine/rules/task.h"

#include "tests/support/random.h"
#include "tests/unit/test_engine_fixture.h"

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

static enum sunder_err read_copy(struct rig *rig)
{
    struct sunder_copy copy = {1, 7, SUNDER_STR("e1")};
    bool found = false;
    int64_t time_ms = 0;
    return sunder_copy_find(&rig->state, copy, &found, &time_ms);
}

static bool is_copy(struct rig *rig, struct sunder_copy copy, int64_t *ret_time_ms)
{
    bool found = false;
    assert_int_equal(sunder_copy_find(&rig->state, copy, &found, ret_time_ms), SUNDER_OK);
    return found;
}

static void copies_are_told_apart_by_domain_publisher_and_id(void **state)
{
    struct rig *rig = *state;
    struct sunder_str long_id = rig_long_text(rig, "e", 1);
    const struct sunder_copy copies[] = {
        {1, 7, SUNDER_STR("e")},
        {1, 8, SUNDER_STR("e")},
        {2, 7, SUNDER_STR("e")},
        {1, 7, long_id},
        {1, 7, SUNDER_STR("0fd94602-4b15-4a9c-8f0e-5a8e4f1c2d3b")},
        {1, 7, SUNDER_STR("0FD94602-4b15-4a9c-8f0e-5a8e4f1c2d3b")},
        {1, UINT32_MAX, SUNDER_STR("e")},
    };
    int64_t time_ms = 0;
    for (uint32_t i = 0; i < sizeof copies / sizeof copies[0]; i++) {
        assert_false(is_copy(rig, copies[i], &time_ms));
        assert_int_equal(sunder_copy_put(&rig->state, copies[i], -7 - (int64_t)i), SUNDER_OK);
    }
    for (uint32_t i = 0; i < sizeof copies / sizeof copies[0]; i++) {
        assert_true(is_copy(rig, copies[i], &time_ms));
        assert_int_equal(time_ms, -7 - (int64_t)i);
    }
}

static void who_has_no_name_has_published_nothing(void **state)
{
    struct rig *rig = *state;
    int64_t time_ms = 0;
    assert_false(is_copy(rig, (struct sunder_copy){1, 0, SUNDER_STR("e")}, &time_ms));
    assert_int_equal(rig->gets, 0);
}

static void long_names_and_those_of_hashes_are_told_apart(void **state)
{
    struct rig *rig = *state;
    const struct sunder_state *st = &rig->state;
    static const uint32_t lens[] = {1, 199, 200, 201, 255, 256, 257, 5000, 60000};
    struct sunder_name name;
    for (uint32_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        struct sunder_str text = sunder_str_of(rig_long("s", lens[i]));
        assert_int_equal(sunder_name_intern(st, 3, text, &name), SUNDER_OK);
        assert_int_equal(name.id, i + 1);
    }
    /* What the last one stands under, as a text of its own. */
    char forged[33] = "|";
    sunder_hash_256(sunder_str_of(rig_long("s", 60000)), (uint8_t *)forged + 1);
    assert_int_equal(
        sunder_name_find(st, 3, (struct sunder_str){forged, sizeof forged}, &name), SUNDER_OK);
    assert_int_equal(name.id, 0);
}

static void a_damaged_copy_is_told(void **state)
{
    struct rig *rig = *state;
    struct sunder_copy copy = {1, 7, SUNDER_STR("e1")};
    assert_int_equal(sunder_copy_put(&rig->state, copy, 5), SUNDER_OK);

    rig_assert_cuts_are_corrupt(rig, rig_only_key(rig, SUNDER_TABLE_COPY), read_copy);
}

static void names_get_ids_in_the_order_of_first_mention(void **state)
{
    struct rig *rig = *state;
    struct sunder_name name;
    const struct sunder_state *st = &rig->state;
    assert_int_equal(sunder_name_find(st, 0, SUNDER_STR("acme"), &name), SUNDER_OK);
    assert_int_equal(name.id, 0);
    for (uint32_t i = 1; i <= 300; i++) {
        struct sunder_str text = sunder_str_of(rig_text("n%u", i));
        assert_int_equal(sunder_name_intern(st, i % 3, text, &name), SUNDER_OK);
        assert_int_equal(name.id, i);
        assert_int_equal(name.flags, 0);
    }
    for (uint32_t i = 1; i <= 300; i++) {
        struct sunder_str text = sunder_str_of(rig_text("n%u", i));
        assert_int_equal(sunder_name_intern(st, i % 3, text, &name), SUNDER_OK);
        assert_int_equal(name.id, i);
        assert_int_equal(sunder_name_find(st, (i + 1) % 3, text, &name), SUNDER_OK);
        assert_int_equal(name.id, 0);
    }
}

static void a_name_of_256_bytes_has_an_id_and_flags(void **state)
{
    struct rig *rig = *state;
    const struct sunder_state *st = &rig->state;
    struct sunder_str text = rig_long_text(rig, "agent", 1);
    struct sunder_name name;
    assert_int_equal(sunder_name_intern(st, UINT32_MAX, text, &name), SUNDER_OK);

    name.flags = UINT8_MAX;
    name.time_ms = INT64_MIN;
    assert_int_equal(sunder_name_put(st, UINT32_MAX, text, name), SUNDER_OK);

    struct sunder_name back;
    assert_int_equal(sunder_name_find(st, UINT32_MAX, text, &back), SUNDER_OK);
    assert_int_equal(back.id, name.id);
    assert_int_equal(back.flags, UINT8_MAX);
    assert_true(back.time_ms == INT64_MIN);
    assert_int_equal(sunder_name_intern(st, UINT32_MAX, text, &back), SUNDER_OK);
    assert_int_equal(back.flags, UINT8_MAX);
}

static void the_last_id_is_never_given(void **state)
{
    struct rig *rig = *state;
    struct sunder_name name;
    assert_int_equal(sunder_name_intern(&rig->state, 0, SUNDER_STR("a"), &name), SUNDER_OK);
    struct sunder_str counter = rig_only_key(rig, SUNDER_TABLE_COUNTER);

    rig_damage(rig, counter, SUNDER_STR("\xff\xff\xff\xff"));

    uint64_t puts = rig->puts;
    assert_int_equal(sunder_name_intern(&rig->state, 0, SUNDER_STR("b"), &name), SUNDER_ERR_FULL);
    assert_int_equal(rig->puts, puts);
    rig_damage(rig, counter, SUNDER_STR("\0\0\0\0"));
    assert_int_equal(
        sunder_name_intern(&rig->state, 0, SUNDER_STR("b"), &name), SUNDER_ERR_CORRUPT);
    rig_damage(rig, counter, SUNDER_STR("\1\0\0"));
    assert_int_equal(
        sunder_name_intern(&rig->state, 0, SUNDER_STR("b"), &name), SUNDER_ERR_CORRUPT);
}

static enum sunder_err read_name(struct rig *rig)
{
    struct sunder_name name;
    return sunder_name_find(&rig->state, 0, SUNDER_STR("acme"), &name);
}

static void a_damaged_name_is_told(void **state)
{
    struct rig *rig = *state;
    struct sunder_name name;
    assert_int_equal(sunder_name_intern(&rig->state, 0, SUNDER_STR("acme"), &name), SUNDER_OK);
    struct sunder_str key = rig_only_key(rig, SUNDER_TABLE_NAME);

    rig_assert_cuts_are_corrupt(rig, key, read_name);
    rig_damage(rig, key, SUNDER_STR("\0\0\0\0\1")); /* Nobody's id. */
    assert_int_equal(read_name(rig), SUNDER_ERR_CORRUPT);
}

static void assert_same_ids(
    const uint16_t *a, uint32_t a_count, const uint16_t *b, uint32_t b_count)
{
    assert_int_equal(a_count, b_count);
    for (uint32_t i = 0; i < a_count; i++) {
        assert_int_equal(a[i], b[i]);
    }
}

static void a_task_comes_back_as_it_was(void **state)
{
    struct rig *rig = *state;
    static uint16_t duties[SUNDER_TASK_DUTIES_MAX];
    for (uint16_t i = 0; i < SUNDER_TASK_DUTIES_MAX; i++) {
        duties[i] = (uint16_t)(SUNDER_POLICY_DUTIES_MAX - SUNDER_TASK_DUTIES_MAX + i);
    }
    for (uint32_t flags = 0; flags < 16; flags++) {
        bool much = flags % 3 == 0;
        struct sunder_task task = {
            .known = true,
            .ended = (flags & 1) != 0,
            .has_duties = (flags & 2) != 0,
            .has_agents = (flags & 4) != 0,
            .has_expires = (flags & 8) != 0,
            .expires_ms = much ? INT64_MIN : INT64_MAX,
            .ended_at = much ? INT64_MAX : 0,
            .principal = much ? rig_long_text(rig, "user:", flags) : (struct sunder_str){0},
            .purpose = much ? (struct sunder_str){0} : rig_long_text(rig, "purpose", flags),
            .case_id = much ? rig_long_text(rig, "PO-", flags) : (struct sunder_str){0},
            .duties = duties,
            .duty_count = much ? SUNDER_TASK_DUTIES_MAX : 0,
            .agents = rig_long_texts(rig, "agent", much ? SUNDER_TASK_AGENTS_MAX : 0),
        };
        struct sunder_str name = rig_long_text(rig, "task", flags);
        struct sunder_task back;
        assert_int_equal(sunder_task_get(&rig->state, 3, name, &back), SUNDER_OK);
        assert_false(back.known);
        assert_int_equal(sunder_task_put(&rig->state, 3, name, &task), SUNDER_OK);
        assert_int_equal(sunder_task_get(&rig->state, 3, name, &back), SUNDER_OK);
        assert_true(back.known);
        assert_int_equal(back.ended, task.ended);
        assert_int_equal(back.has_duties, task.has_duties);
        assert_int_equal(back.has_agents, task.has_agents);
        assert_int_equal(back.has_expires, task.has_expires);
        assert_int_equal(back.expires_ms, task.expires_ms);
        assert_int_equal(back.ended_at, task.ended_at);
        assert_same_str(back.principal, task.principal);
        assert_same_str(back.purpose, task.purpose);
        assert_same_str(back.case_id, task.case_id);
        assert_same_ids(back.duties, back.duty_count, task.duties, task.duty_count);
        assert_same_strs(back.agents, task.agents);
        assert_int_equal(sunder_task_get(&rig->state, 4, name, &back), SUNDER_OK);
        assert_false(back.known); /* Another tenant's. */
    }
}

static enum sunder_err read_task(struct rig *rig)
{
    struct sunder_task task;
    return sunder_task_get(&rig->state, 3, SUNDER_STR("T-1"), &task);
}

static void a_damaged_task_is_told(void **state)
{
    struct rig *rig = *state;
    uint64_t random = test_seed();
    static uint16_t duties[] = {0, 2};
    static const struct sunder_str agents[] = {{"bot:1", 5}, {"bot:2", 5}};
    struct sunder_task task = {
        .known = true,
        .principal = SUNDER_STR("user:ana"),
        .case_id = SUNDER_STR("PO-1"),
        .duties = duties,
        .duty_count = 2,
        .agents = {agents, 2},
    };
    assert_int_equal(sunder_task_put(&rig->state, 3, SUNDER_STR("T-1"), &task), SUNDER_OK);
    struct sunder_str key = rig_only_key(rig, SUNDER_TABLE_TASK);

    rig_assert_cuts_are_corrupt(rig, key, read_task);
    rig_assert_damage_is_safe(rig, key, read_task, &random);
}

static struct sunder_edge edge_of(struct rig *rig, uint32_t number)
{
    static uint16_t duties[SUNDER_TASK_DUTIES_MAX];
    return (struct sunder_edge){
        .from = rig_long_text(rig, "from", number),
        .task = number % 2 == 0 ? rig_long_text(rig, "task", number) : (struct sunder_str){0},
        .revoked = number % 3 == 0,
        .has_duties = number % 5 == 0,
        .has_expires = number % 7 == 0,
        .expires_ms = INT64_MIN + number,
        .duties = duties,
        .duty_count = number % 5 == 0 ? SUNDER_TASK_DUTIES_MAX : 0,
    };
}

static void the_most_edges_come_back_as_they_were(void **state)
{
    struct rig *rig = *state;
    static struct sunder_edge all[SUNDER_EDGES_MAX];
    for (uint32_t i = 0; i < SUNDER_EDGES_MAX; i++) {
        all[i] = edge_of(rig, i);
    }
    struct sunder_edges edges = {all, SUNDER_EDGES_MAX};
    struct sunder_edges back;
    assert_int_equal(sunder_edges_get(&rig->state, 3, 9, &back), SUNDER_OK);
    assert_int_equal(back.count, 0);

    assert_int_equal(sunder_edges_put(&rig->state, 3, 9, &edges), SUNDER_OK);

    assert_int_equal(sunder_edges_get(&rig->state, 3, 9, &back), SUNDER_OK);
    assert_int_equal(back.count, SUNDER_EDGES_MAX);
    for (uint32_t i = 0; i < SUNDER_EDGES_MAX; i++) {
        assert_same_str(back.at[i].from, all[i].from);
        assert_same_str(back.at[i].task, all[i].task);
        assert_int_equal(back.at[i].revoked, all[i].revoked);
        assert_int_equal(back.at[i].has_duties, all[i].has_duties);
        assert_int_equal(back.at[i].has_expires, all[i].has_expires);
        assert_int_equal(back.at[i].expires_ms, all[i].expires_ms);
        assert_same_ids(back.at[i].duties, back.at[i].duty_count, all[i].duties, all[i].duty_count);
    }
    back.at[back.count] = all[0]; /* There is room for one more. */
}

static enum sunder_err read_edges(struct rig *rig)
{
    struct sunder_edges edges;
    return sunder_edges_get(&rig->state, 3, 9, &edges);
}

static void damaged_edges_are_told(void **state)
{
    struct rig *rig = *state;
    uint64_t random = test_seed();
    struct sunder_edge all[] = {edge_of(rig, 1), edge_of(rig, 10)};
    struct sunder_edges edges = {all, 2};
    assert_int_equal(sunder_edges_put(&rig->state, 3, 9, &edges), SUNDER_OK);
    struct sunder_str key = rig_only_key(rig, SUNDER_TABLE_EDGES);

    rig_assert_cuts_are_corrupt(rig, key, read_edges);
    rig_assert_damage_is_safe(rig, key, read_edges, &random);
}

static void unknown_duties_are_left_out_and_ids_ascend(void **state)
{
    struct rig *rig = *state;
    static const struct sunder_str names[] = {
        {"gamma", 5}, {"nobody", 6}, {"alpha", 5}, {"beta", 4}, {"", 0}};
    uint16_t *ids = NULL;
    uint32_t count = 0;

    enum sunder_err err =
        sunder_duty_ids(&rig->state, (struct sunder_strs){names, 5}, &ids, &count);

    static const uint16_t expected[] = {0, 1, 2};
    assert_int_equal(err, SUNDER_OK);
    assert_same_ids(ids, count, expected, 3);
}

#define ROWS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROWS_TEST(copies_are_told_apart_by_domain_publisher_and_id),
        ROWS_TEST(who_has_no_name_has_published_nothing),
        ROWS_TEST(long_names_and_those_of_hashes_are_told_apart),
        ROWS_TEST(a_damaged_copy_is_told),
        ROWS_TEST(names_get_ids_in_the_order_of_first_mention),
        ROWS_TEST(a_name_of_256_bytes_has_an_id_and_flags),
        ROWS_TEST(the_last_id_is_never_given),
        ROWS_TEST(a_damaged_name_is_told),
        ROWS_TEST(a_task_comes_back_as_it_was),
        ROWS_TEST(a_damaged_task_is_told),
        ROWS_TEST(the_most_edges_come_back_as_they_were),
        ROWS_TEST(damaged_edges_are_told),
        ROWS_TEST(unknown_duties_are_left_out_and_ids_ascend),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
