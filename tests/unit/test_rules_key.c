/* Key rows, narrow and wide, against a plain list of facts. */
#include "engine/rules/key_row.h"
#include "engine/rules/wide.h"

#include <stdlib.h>

#include "tests/support/random.h"
#include "tests/unit/test_engine_fixture.h"

#define FACTS_MAX 256u
#define SUBJECTS (SUNDER_KEY_MEMBERS_MAX + 4u)
#define TASKS 3u
#define DUTIES 3u
#define DOMAIN 9u

static const char POLICY[] =
    "sunder: 1\nname: p\nauthority: open\ntenant: payload\n"
    "catalogue:\n"
    "  - {tool: t, action: a, duty: d0, phase: observe}\n"
    "  - {tool: t, action: b, duty: d1, phase: execute}\n"
    "  - {tool: t, action: c, duty: d2, phase: recommend}\n"
    "rules:\n"
    "  - {separation: any, duties: [d0, d1, d2]}\n"
    "  - {separation: phased, phases: [observe, execute]}\n"
    "  - {separation: actors, duties: [d0, d1], by: [actor]}\n"
    "  - {separation: tasks, duties: [d1, d2], by: [task]}\n"
    "  - {requires: d0, before: d1, name: earlier, per: object}\n"
    "  - {separation: cases, duties: [d0, d1], per: case}\n"
    "  - {limit: often, count: true, of: d2, by: [agent], per: object, max: 5}\n";

static const struct sunder_str KEY = {"vendor/V1", 9};

struct list {
    struct sunder_key_fact facts[FACTS_MAX];
    uint32_t subjects[FACTS_MAX][SUBJECTS];
    uint16_t duties[FACTS_MAX][DUTIES];
    uint32_t count;
    int64_t closed;
};

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

static struct list *new_list(void)
{
    struct list *list = calloc(1, sizeof *list);
    assert_non_null(list);
    list->closed = -1;
    return list;
}

static struct sunder_key_row row_of(struct rig *rig)
{
    struct sunder_key_row row;
    sunder_arena_reset(&rig->arena);
    enum sunder_err err = sunder_key_row_get(&rig->state, DOMAIN, SUNDER_SPACE_OBJECT, KEY, &row);
    assert_int_equal(err, SUNDER_OK);
    return row;
}

static void put(struct rig *rig, const struct sunder_key_row *row)
{
    assert_int_equal(sunder_key_row_put(&rig->state, row), SUNDER_OK);
}

/* Some subjects (the first is the agent), some duties, perhaps a task, a phase that goes with the duties or not. */
static struct sunder_key_fact *random_fact(struct list *list, uint64_t *random)
{
    uint32_t at = list->count;
    assert_true(at < FACTS_MAX);
    struct sunder_key_fact *fact = &list->facts[at];
    const struct sunder_key_fact *before = at == 0 ? NULL : fact - 1;
    uint32_t agent = test_random_below(random, SUBJECTS);
    uint8_t subject_count = 0;
    for (uint32_t i = 0; i < SUBJECTS; i++) {
        if (i == 0 || test_random_below(random, 3) == 0) {
            list->subjects[at][subject_count] = 1 + ((agent + i) % SUBJECTS);
            subject_count += 1;
        }
    }
    uint8_t duty_count = 0;
    for (uint16_t duty = 0; duty < DUTIES; duty++) {
        if (test_random_below(random, 3) == 0) {
            list->duties[at][duty_count] = duty;
            duty_count += 1;
        }
    }
    *fact = (struct sunder_key_fact){
        .position = (before == NULL ? 0 : before->position) + 1 + test_random_below(random, 4),
        .time_ms = (before == NULL ? 0 : before->time_ms) + test_random_below(random, 3),
        .released = test_random_below(random, 10) == 0,
        .phases = (uint8_t)test_random_below(random, 8),
        .task = test_random_below(random, TASKS + 1),
        .subject_count = subject_count,
        .duty_count = duty_count,
        .subjects = list->subjects[at],
        .duties = list->duties[at],
    };
    list->count += 1;
    return fact;
}

static void add(struct rig *rig, const struct sunder_key_fact *fact)
{
    struct sunder_key_row row = row_of(rig);
    if (!fact->released) {
        assert_int_equal(sunder_key_row_join(&rig->state, &row, fact, 1), SUNDER_OK);
    }
    assert_int_equal(sunder_key_row_add(&rig->state, &row, fact), SUNDER_OK);
    put(rig, &row);
}

static void mark(struct rig *rig, struct sunder_key_fact *fact, bool released)
{
    if (fact->released == released) {
        return; /* The states of an intent allow nothing else (S6). */
    }
    struct sunder_key_row row = row_of(rig);
    assert_int_equal(sunder_key_row_join(&rig->state, &row, fact, released ? -1 : 1), SUNDER_OK);
    assert_int_equal(sunder_key_row_mark(&rig->state, &row, fact, released), SUNDER_OK);
    put(rig, &row);
    fact->released = released;
}

static bool is_of(const struct sunder_key_fact *fact, enum sunder_series_class class, uint32_t id)
{
    bool subject = false;
    for (uint32_t i = 0; i < fact->subject_count; i++) {
        subject = subject || fact->subjects[i] == id;
    }
    switch (class) {
    case SUNDER_CLASS_SUBJECT:
        return subject;
    case SUNDER_CLASS_ACTOR:
        return fact->subject_count != 0 && fact->subjects[0] == id;
    case SUNDER_CLASS_TASK:
        return id != 0 && fact->task == id;
    case SUNDER_CLASS_ALL:
        return true;
    }
    return false;
}

static bool has(const struct sunder_key_fact *fact, uint16_t element)
{
    if (element >= SUNDER_ELEMENT_PHASE) {
        return (fact->phases & (element - SUNDER_ELEMENT_PHASE)) != 0;
    }
    for (uint32_t i = 0; i < fact->duty_count; i++) {
        if (fact->duties[i] == element) {
            return true;
        }
    }
    return false;
}

/* What is asked of a key: the first counting fact of somebody with a duty or phase, after a position. */
struct question {
    enum sunder_series_class class;
    uint32_t id;
    uint16_t element;
    int64_t after;
};

static const struct sunder_key_fact *first_of(
    const struct sunder_key_fact *facts, uint32_t count, struct question ask)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct sunder_key_fact *fact = &facts[i];
        bool counts = !fact->released && (int64_t)fact->position > ask.after;
        if (counts && is_of(fact, ask.class, ask.id) && has(fact, ask.element)) {
            return fact;
        }
    }
    return NULL;
}

/* The same as a rule asks it: of the facts in the row, or of the series of a wide one. -1: none. */
static int64_t first_position(
    struct rig *rig, const struct sunder_key_row *row, struct question ask)
{
    if ((row->flags & SUNDER_KEY_WIDE) != 0) {
        struct sunder_series series = {
            .domain = row->domain,
            .space = row->space,
            .class = ask.class,
            .subject = ask.id,
            .element = ask.element,
            .key = row->key,
        };
        struct sunder_span span = {INT64_MIN, ask.after};
        struct sunder_series_entry entry;
        bool found = false;
        enum sunder_err err = sunder_series_first(&rig->state, &series, span, &found, &entry);
        assert_int_equal(err, SUNDER_OK);
        return found ? (int64_t)entry.position : -1;
    }
    struct sunder_key_fact *facts = NULL;
    assert_int_equal(sunder_key_row_facts(&rig->state, row, &facts), SUNDER_OK);
    const struct sunder_key_fact *fact = first_of(facts, row->fact_count, ask);
    return fact == NULL ? -1 : (int64_t)fact->position;
}

static void assert_answers(struct rig *rig, const struct list *list)
{
    /* What the policy's rules ask for; see POLICY. */
    static const struct {
        enum sunder_series_class class;
        uint32_t ids;
        uint16_t element;
    } asked[] = {
        {SUNDER_CLASS_SUBJECT, SUBJECTS, 0},
        {SUNDER_CLASS_SUBJECT, SUBJECTS, 1},
        {SUNDER_CLASS_SUBJECT, SUBJECTS, 2},
        {SUNDER_CLASS_SUBJECT, SUBJECTS, SUNDER_ELEMENT_PHASE + SUNDER_PHASE_OBSERVE},
        {SUNDER_CLASS_SUBJECT, SUBJECTS, SUNDER_ELEMENT_PHASE + SUNDER_PHASE_EXECUTE},
        {SUNDER_CLASS_ACTOR, SUBJECTS, 0},
        {SUNDER_CLASS_ACTOR, SUBJECTS, 1},
        {SUNDER_CLASS_TASK, TASKS, 1},
        {SUNDER_CLASS_TASK, TASKS, 2},
        {SUNDER_CLASS_ALL, 0, 0},
    };
    struct sunder_key_row row = row_of(rig);
    assert_int_equal(row.closed, list->closed);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        bool all = asked[i].class == SUNDER_CLASS_ALL;
        for (uint32_t id = all ? 0 : 1; id <= asked[i].ids; id++) {
            struct question ask = {asked[i].class, id, asked[i].element, list->closed};
            const struct sunder_key_fact *fact = first_of(list->facts, list->count, ask);
            int64_t expected = fact == NULL ? -1 : (int64_t)fact->position;
            assert_int_equal(first_position(rig, &row, ask), expected);
        }
    }
    for (uint32_t id = 1; id <= SUBJECTS + 1; id++) {
        bool expected = false;
        for (uint32_t i = 0; i < list->count; i++) {
            const struct sunder_key_fact *fact = &list->facts[i];
            expected = expected || (!fact->released && (int64_t)fact->position > list->closed &&
                                       is_of(fact, SUNDER_CLASS_SUBJECT, id));
        }
        bool member = !expected;
        assert_int_equal(sunder_key_row_member(&rig->state, &row, id, &member), SUNDER_OK);
        assert_int_equal(member, expected);
    }
}

static void a_key_without_a_row_has_nothing(void **state)
{
    struct rig *rig = *state;
    struct list *list = new_list();

    struct sunder_key_row row = row_of(rig);

    assert_false(row.exists);
    assert_int_equal(row.flags, 0);
    assert_int_equal(row.closed, -1);
    assert_int_equal(row.reserved, 0);
    assert_int_equal(row.bind_count, 0);
    assert_int_equal(row.fact_count, 0);
    assert_answers(rig, list);
    free(list);
}

static void a_key_answers_like_a_list_while_it_grows_to_200_facts(void **state)
{
    struct rig *rig = *state;
    uint64_t random = test_seed();
    struct list *list = new_list();
    while (list->count < 200) {
        add(rig, random_fact(list, &random));
        if (test_random_below(&random, 3) == 0) {
            uint32_t some = test_random_below(&random, list->count);
            mark(rig, &list->facts[some], test_random_below(&random, 2) == 0);
        }
        bool border =
            list->count >= SUNDER_KEY_FACTS_MAX - 1 && list->count <= SUNDER_KEY_FACTS_MAX + 2;
        if (border || list->count % 10 == 0) {
            assert_answers(rig, list);
        }
        bool wide = (row_of(rig).flags & SUNDER_KEY_WIDE) != 0;
        assert_int_equal(wide, list->count > SUNDER_KEY_FACTS_MAX);
    }
    assert_answers(rig, list);
    free(list);
}

/* Closes the key as fold does, whether or not its own facts are kept. */
static void close_key(struct rig *rig, struct list *list, bool clear)
{
    struct sunder_key_row row = row_of(rig);
    list->closed = (int64_t)list->facts[list->count - 1].position + 1;
    sunder_key_row_close(&row, list->closed, !clear);
    put(rig, &row);
}

/* Facts before the closing record do not count, in the row, in the series and among the members; marks of them change nothing. */
static void closing_begins_a_new_epoch(void **state)
{
    struct rig *rig = *state;
    uint64_t random = test_seed();
    struct list *list = new_list();
    static const uint32_t epochs[] = {3, 10, 12, 30, 70}; /* Narrow, narrow, across, wide, wide. */
    for (size_t e = 0; e < sizeof epochs / sizeof epochs[0]; e++) {
        for (uint32_t i = 0; i < epochs[e]; i++) {
            struct sunder_key_fact *fact = random_fact(list, &random);
            fact->position = (uint64_t)list->closed + 2 + fact->position;
            add(rig, fact);
        }
        assert_answers(rig, list);

        close_key(rig, list, false);

        assert_answers(rig, list);
        for (uint32_t i = 0; i < 20; i++) {
            uint32_t some = test_random_below(&random, list->count);
            mark(rig, &list->facts[some], test_random_below(&random, 2) == 0);
        }
        assert_answers(rig, list);
    }
    assert_true((row_of(rig).flags & SUNDER_KEY_WIDE) != 0);
    free(list);
}

/* One fact of each subject from 1 to `count`. */
static void add_one_of_each(struct rig *rig, struct list *list, uint32_t count)
{
    for (uint32_t id = 1; id <= count; id++) {
        uint32_t at = list->count;
        list->subjects[at][0] = id;
        list->facts[at] = (struct sunder_key_fact){
            .position = (uint64_t)list->closed + 2 + id,
            .subject_count = 1,
            .subjects = list->subjects[at],
            .duties = list->duties[at],
        };
        list->count += 1;
        add(rig, &list->facts[at]);
    }
}

static void members_of_an_epoch_are_none_of_the_next(void **state)
{
    struct rig *rig = *state;
    struct list *list = new_list();
    static const uint32_t members[] = {SUBJECTS, SUBJECTS - 2, 3, SUBJECTS - 1, SUBJECTS};
    for (size_t e = 0; e < sizeof members / sizeof members[0]; e++) {
        add_one_of_each(rig, list, members[e]);
        assert_answers(rig, list);
        mark(rig, &list->facts[list->count - 1], true);
        assert_answers(rig, list);
        close_key(rig, list, true);
        assert_answers(rig, list);
    }
    free(list);
}

static void a_cleared_row_forgets_its_facts_and_keeps_the_rest(void **state)
{
    struct rig *rig = *state;
    uint64_t random = 5;
    struct list *list = new_list();
    for (uint32_t i = 0; i < 7; i++) {
        add(rig, random_fact(list, &random));
    }
    struct sunder_key_row row = row_of(rig);
    assert_int_equal(sunder_key_row_bind(&rig->state, &row, SUNDER_STR("PO-1"), 1), SUNDER_OK);
    row.reserved = 4;
    put(rig, &row);

    close_key(rig, list, true);

    row = row_of(rig);
    assert_int_equal(row.fact_count, 0);
    assert_int_equal(row.reserved, 4);
    assert_int_equal(row.bind_count, 1);
    assert_answers(rig, list);
    free(list);
}

static struct sunder_str case_name(uint32_t number)
{
    return sunder_str_of(rig_text("PO-%u", number));
}

static void binds_are_counted_and_end_with_the_last(void **state)
{
    struct rig *rig = *state;
    struct sunder_key_row row = row_of(rig);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(sunder_key_row_bind(&rig->state, &row, SUNDER_STR("PO-1"), 1), SUNDER_OK);
    }
    assert_int_equal(sunder_key_row_bind(&rig->state, &row, SUNDER_STR("PO-2"), 1), SUNDER_OK);
    put(rig, &row);
    row = row_of(rig);
    assert_int_equal(row.bind_count, 2);
    assert_str_equal(row.binds[0].case_id, "PO-1");
    assert_int_equal(row.binds[0].count, 3);

    assert_int_equal(sunder_key_row_bind(&rig->state, &row, SUNDER_STR("PO-2"), -1), SUNDER_OK);
    assert_int_equal(sunder_key_row_bind(&rig->state, &row, SUNDER_STR("PO-2"), -1), SUNDER_OK);
    assert_int_equal(sunder_key_row_bind(&rig->state, &row, SUNDER_STR("PO-9"), -1), SUNDER_OK);
    assert_int_equal(sunder_key_row_bind(&rig->state, &row, SUNDER_STR("PO-1"), -1), SUNDER_OK);
    put(rig, &row);

    row = row_of(rig);
    assert_int_equal(row.bind_count, 1);
    assert_str_equal(row.binds[0].case_id, "PO-1");
    assert_int_equal(row.binds[0].count, 2);
}

static void one_case_over_the_bound_is_full_and_forgets_nothing(void **state)
{
    struct rig *rig = *state;
    struct sunder_key_row row = row_of(rig);
    for (uint32_t i = 0; i < SUNDER_KEY_CASES_MAX; i++) {
        struct sunder_str name = sunder_str_copy(&rig->arena, case_name(i));
        assert_int_equal(sunder_key_row_bind(&rig->state, &row, name, 1), SUNDER_OK);
    }

    enum sunder_err err = sunder_key_row_bind(&rig->state, &row, SUNDER_STR("one-more"), 1);

    assert_int_equal(err, SUNDER_ERR_FULL);
    assert_int_equal(row.bind_count, SUNDER_KEY_CASES_MAX);
    assert_int_equal(sunder_key_row_bind(&rig->state, &row, case_name(7), 1), SUNDER_OK);
    put(rig, &row);
    row = row_of(rig);
    assert_int_equal(row.bind_count, SUNDER_KEY_CASES_MAX);
    for (uint32_t i = 0; i < SUNDER_KEY_CASES_MAX; i++) {
        assert_true(sunder_str_equal(row.binds[i].case_id, case_name(i)));
        assert_int_equal(row.binds[i].count, i == 7 ? 2 : 1);
    }
    assert_int_equal(sunder_key_row_bind(&rig->state, &row, case_name(3), -1), SUNDER_OK);
    assert_int_equal(sunder_key_row_bind(&rig->state, &row, SUNDER_STR("one-more"), 1), SUNDER_OK);
}

static void a_damaged_count_of_a_member_is_corrupt(void **state)
{
    struct rig *rig = *state;
    uint64_t random = 3;
    struct list *list = new_list();
    while (list->count < SUNDER_KEY_FACTS_MAX + 1) {
        add(rig, random_fact(list, &random));
    }
    struct sunder_key_row row = row_of(rig);
    const struct sunder_key_fact *last = &list->facts[list->count - 1];
    uint32_t damaged = 0;
    for (uint32_t i = 0; i < RIG_KEYS_MAX; i++) {
        struct sunder_str key = rig->keys[i];
        if (key.at == NULL || key.at[0] != SUNDER_TABLE_MEMBER) {
            continue;
        }
        uint32_t subject = (uint8_t)key.at[10]; /* After table, domain and space; big-endian. */
        bool member = false;
        rig_damage(rig, key, SUNDER_STR("12345678901"));
        enum sunder_err err = sunder_key_row_member(&rig->state, &row, subject, &member);
        assert_int_equal(err, SUNDER_ERR_CORRUPT);
        if (subject == last->subjects[0]) {
            err = sunder_key_row_join(&rig->state, &row, last, 1);
            assert_int_equal(err, SUNDER_ERR_CORRUPT);
            damaged += 1;
        }
    }
    assert_int_equal(damaged, 1);
    free(list);
}

/* A duty that no rule asks for in this space needs no series (S31: state is bounded by what rules need). */
static void wide_keys_keep_only_what_rules_ask_for(void **state)
{
    struct rig *rig = *state;
    const struct sunder_policy *policy = rig->policy;

    struct sunder_wide_need d0 = sunder_wide_needs(policy, SUNDER_SPACE_OBJECT, 0);
    struct sunder_wide_need d2 = sunder_wide_needs(policy, SUNDER_SPACE_OBJECT, 2);
    struct sunder_wide_need in_case = sunder_wide_needs(policy, SUNDER_SPACE_CASE, 0);
    struct sunder_wide_need unasked = sunder_wide_needs(policy, SUNDER_SPACE_CASE, 2);
    struct sunder_wide_need phase = sunder_wide_needs(
        policy, SUNDER_SPACE_OBJECT, SUNDER_ELEMENT_PHASE + SUNDER_PHASE_RECOMMEND);

    assert_true(d0.subject && d0.actor && !d0.task && d0.all);
    assert_true(d2.subject && !d2.actor && d2.task && !d2.all);
    assert_true(in_case.subject && !in_case.actor && !in_case.task && !in_case.all);
    assert_false(unasked.subject || unasked.actor || unasked.task || unasked.all);
    assert_false(phase.subject || phase.actor || phase.task || phase.all);
}

#define KEY_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEY_TEST(a_key_without_a_row_has_nothing),
        KEY_TEST(a_key_answers_like_a_list_while_it_grows_to_200_facts),
        KEY_TEST(closing_begins_a_new_epoch),
        KEY_TEST(members_of_an_epoch_are_none_of_the_next),
        KEY_TEST(a_cleared_row_forgets_its_facts_and_keeps_the_rest),
        KEY_TEST(binds_are_counted_and_end_with_the_last),
        KEY_TEST(one_case_over_the_bound_is_full_and_forgets_nothing),
        KEY_TEST(a_damaged_count_of_a_member_is_corrupt),
        KEY_TEST(wide_keys_keep_only_what_rules_ask_for),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
