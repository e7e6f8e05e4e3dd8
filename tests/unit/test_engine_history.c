/* `history` (Readings 18): which facts it sees, of whom, under which key and in which window; narrow and wide keys answer alike. */
#include <stdio.h>

#include "tests/unit/test_engine_fixture.h"

#define HEAD "sunder: 1\nname: p\nauthority: open\ntenant: payload\napprovals: {count: 1, from: [group:people]}\n"
#define CATALOGUE                                                                                  \
    "catalogue:\n"                                                                                 \
    "  - {tool: erp, action: read, duty: read, shared: true}\n"                                    \
    "  - {tool: erp, action: create, duty: create, shared: true}\n"                                \
    "  - {tool: erp, action: submit, duty: submit, shared: true}\n"                                \
    "rules:\n"

static struct rig *rig;
static uint32_t number;

static int teardown(void **state)
{
    (void)state;
    rig_destroy(&rig);
    return 0;
}

static void use(const char *yaml)
{
    rig = rig_create(rig_policy(yaml));
    number = 0;
}

static struct sunder_outputs by(const char *agent, const char *action, const char *more)
{
    number += 1;
    return rig_intent(rig,
        rig_text("i%u", number),
        agent,
        rig_text("{\"tenant\":\"acme\",\"principal\":\"user:a\",\"tool\":\"erp\",\"action\":\"%s\"%s}", action, more));
}

static void allows(const char *agent, const char *action, const char *more)
{
    struct sunder_outputs out = by(agent, action, more);
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
}

static void denies(const char *agent, const char *action, const char *more, const char *reasons)
{
    struct sunder_outputs out = by(agent, action, more);
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, reasons);
}

static void outcome(uint32_t of, const char *source, const char *result)
{
    struct sunder_outputs out = rig_send(rig,
        "outcome",
        rig_text("o%u-%s", of, result),
        source,
        rig_text("{\"tenant\":\"acme\",\"intent\":\"i%u\",\"result\":\"%s\"}", of, result));
    assert_false(out.dead_letter);
}

static void a_subject_has_a_history_of_its_own(void **state)
{
    (void)state;
    use(HEAD CATALOGUE "  - {condition: c, when: \"duty == 'submit' && history.count('read') >= 2\", by: agent}\n");
    allows("bot:1", "read", "");
    allows("bot:2", "read", "");
    allows("bot:1", "submit", "");
    allows("bot:1", "read", "");
    struct sunder_outputs out = by("bot:1", "submit", "");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "condition:c");
    assert_str_equal(out.records[0].reasons[0].subject, "bot:1");
    assert_int_equal(out.records[0].reasons[0].evidence_count, 0);
    allows("bot:2", "submit", "");
    outcome(1, "gate", "abandoned"); /* A released fact never counts. */
    allows("bot:1", "submit", "");
    outcome(1, "gate", "executed"); /* ... until it was done all the same. */
    denies("bot:1", "submit", "", "condition:c");
}

static void subjects_fire_in_order_and_the_rest_is_also(void **state)
{
    (void)state;
    use(HEAD CATALOGUE "  - {condition: c, when: \"history.has('read')\"}\n");
    allows("bot:1", "read", "");
    struct sunder_outputs out = by("bot:2", "create", "");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "condition:c");
    assert_str_equal(out.records[0].reasons[0].subject, "user:a");
    assert_int_equal(out.records[0].reasons[0].also_count, 0);
    out = by("bot:1", "create", "");
    assert_str_equal(out.records[0].reasons[0].subject, "bot:1");
    assert_int_equal(out.records[0].reasons[0].also_count, 1);
}

static void windows_end(void **state)
{
    (void)state;
    use(HEAD CATALOGUE
        "  - {condition: short, when: \"duty == 'submit' && history.since(duration('10s')).has('read')\", by: agent}\n"
        "  - {condition: long, when: \"duty == 'submit' && history.has('read')\", by: agent, within: 60s}\n");
    allows("bot:1", "read", "");
    rig->now_ms += 9999;
    denies("bot:1", "submit", "", "condition:long condition:short");
    rig->now_ms += 1;
    denies("bot:1", "submit", "", "condition:long");
    rig->now_ms += 50000;
    allows("bot:1", "submit", "");
}

static void amounts_and_agents_are_told(void **state)
{
    (void)state;
    use(HEAD CATALOGUE
        "  - {condition: money, when: \"history.sum(amount) + amount > 10.0\", by: principal}\n"
        "  - {condition: many, when: \"size(history.agents()) > 1 && 'bot:1' in history.agents()\", by: principal,"
        " mode: shadow}\n");
    allows("bot:1", "read", ",\"amount\":\"4.5\"");
    allows("bot:2", "read", ",\"amount\":\"5.5\"");
    struct sunder_outputs out = by("bot:3", "read", ",\"amount\":\"0.000001\"");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "condition:money");
    assert_int_equal(out.records[0].shadow_count, 1);
    allows("bot:1", "read", ",\"amount\":\"0\"");
}

#define KEYED                                                                                      \
    HEAD CATALOGUE                                                                                 \
        "  - {condition: c, when: \"duty == 'submit' && history.count('read') == 2\", per: object, by: agent}\n"        \
        "  - {condition: sum, when: \"duty == 'submit' && history.sum(amount) == 30.0\", per: object, by: actor}\n"     \
        "  - {condition: who, when: \"duty == 'submit' && history.agents() == ['bot:1', 'bot:2']\", per: object,\n"     \
        "     by: principal}\n"

/* The same questions to a key with `more` other facts before. */
static void ask_under_key(uint32_t more)
{
    use(KEYED);
    for (uint32_t i = 0; i < more; i++) {
        allows("bot:2", "create", ",\"object\":\"v\",\"amount\":100");
    }
    allows("bot:1", "read", ",\"object\":\"v\",\"amount\":10");
    allows("bot:1", "read", ",\"object\":\"w\",\"amount\":11");
    allows("bot:1", "submit", ",\"object\":\"w\"");
    allows("bot:1", "read", ",\"objects\":[\"u\",\"v\"],\"amount\":20");
    const char *all = more == 0 ? "condition:c condition:sum" : "condition:c condition:sum condition:who";
    denies("bot:1", "submit", ",\"object\":\"v\"", all);
    struct sunder_outputs out = by("bot:1", "submit", ",\"objects\":[\"u\",\"v\",\"w\"]");
    assert_str_equal(out.records[0].reasons[0].key, "v");
    outcome(more + 1, "gate", "failed");
    const char *left = more == 0 ? "" : "condition:who";
    out = by("bot:1", "submit", ",\"object\":\"v\"");
    rig_assert_answer(&out, more == 0 ? SUNDER_VERDICT_ALLOW : SUNDER_VERDICT_DENY, left);
}

static void a_key_has_a_history_of_its_own(void **state)
{
    (void)state;
    ask_under_key(0);
    assert_int_equal(rig_count_wide(rig), 0);
}

static void a_wide_key_answers_alike(void **state)
{
    (void)state;
    ask_under_key(30);
    assert_int_equal(rig_count_wide(rig), 1);
}

static void closing_leaves_histories(void **state)
{
    (void)state;
    use(HEAD CATALOGUE "  - {condition: c, when: \"duty == 'submit' && history.has('read')\", per: object, by: agent}\n");
    allows("bot:1", "read", ",\"object\":\"v\"");
    outcome(1, "gate", "executed");
    struct sunder_outputs out =
        rig_send(rig, "case", "close", "closer", "{\"tenant\":\"acme\",\"object\":\"v\",\"state\":\"closed\"}");
    assert_false(out.dead_letter);
    denies("bot:1", "submit", ",\"object\":\"v\"", "condition:c");
}

static void a_key_that_is_absent_is_an_absent_field(void **state)
{
    (void)state;
    use(HEAD CATALOGUE
        "  - {gate: g, when: \"duty == 'submit' && history.has('read')\", per: case}\n"
        "  - {condition: c, when: \"duty == 'create' && history.has('read')\", per: args.k}\n"
        "  - {gate: t, when: \"duty == 'create' && history.has('read')\", by: task, then: alert}\n");
    allows("bot:1", "read", "");
    denies("bot:1", "submit", "", "context_missing:g:case");
    struct sunder_outputs out = by("bot:1", "create", "");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "context_missing:t:task condition:c");
    allows("bot:1", "create", ",\"task\":\"T\",\"args\":{\"k\":\"K\"}");
}

static void a_key_of_its_own_is_remembered(void **state)
{
    (void)state;
    use(HEAD CATALOGUE
        "  - {condition: c, when: \"duty == 'submit' && history.has('read')\", per: args.k, by: agent}\n");
    struct sunder_outputs out = by("bot:1", "read", ",\"args\":{\"k\":\"K1\"}");
    assert_int_equal(out.records[0].rule_key_count, 1);
    out = by("bot:1", "create", ",\"args\":{\"k\":\"K1\"}");
    assert_int_equal(out.records[0].rule_key_count, 0); /* It asks for no such fact. */
    denies("bot:1", "submit", ",\"args\":{\"k\":\"K1\"}", "condition:c");
    allows("bot:1", "submit", ",\"args\":{\"k\":\"K2\"}");
}

static void unless_sees_the_pair_under_test(void **state)
{
    (void)state;
    use(HEAD CATALOGUE
        "  - {separation: pay, duties: [create, submit], by: [agent, principal],\n"
        "     unless: \"history.sum(amount) + amount <= 50.0\"}\n"
        "  - {requires: create, before: submit, name: first, unless: \"history.has('read')\", then: alert}\n"
        "  - {limit: l, count: true, of: submit, by: agent, max: 1, unless: \"history.has('create')\"}\n");
    allows("bot:1", "create", ",\"object\":\"v\",\"amount\":30");
    allows("bot:1", "submit", ",\"object\":\"v\",\"amount\":20");
    denies("bot:1", "submit", ",\"object\":\"v\",\"amount\":1", "separation:pay");
    allows("bot:2", "read", ",\"object\":\"w\",\"amount\":1");
    allows("bot:1", "submit", ",\"object\":\"w\",\"amount\":1"); /* Anybody's facts excuse `requires` without `by`. */
    struct sunder_outputs out = by("bot:2", "submit", ",\"object\":\"x\",\"amount\":1");
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "requires:first");
    denies("bot:2", "submit", ",\"object\":\"w\",\"amount\":1", "limit:l");
}

static void what_nobody_asks_for_is_not_kept(void **state)
{
    (void)state;
    use(HEAD CATALOGUE "  - {condition: c, when: \"history.has('read')\", by: agent}\n");
    allows("bot:1", "create", ",\"object\":\"v\"");
    allows("bot:1", "submit", ",\"object\":\"v\"");
    assert_int_equal(rig_count_rows(rig, SUNDER_TABLE_SERIES), 0);
    allows("bot:1", "read", ",\"object\":\"v\"");
    assert_int_equal(rig_count_rows(rig, SUNDER_TABLE_SERIES), 2); /* Of the agent and of user:a, who may be one. */
}

/* What deciding takes of the arena. */
static size_t room_of(const struct sunder_event *event)
{
    size_t mark = sunder_arena_mark(&rig->arena);
    rig->arena.used_max = mark;
    struct sunder_outputs out;
    assert_int_equal(sunder_decide(rig->policy, &rig->view, event, &rig->arena, &out), SUNDER_OK);
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    return rig->arena.used_max - mark;
}

static size_t room_of_objects(const char *yaml)
{
    use(yaml);
    char data[16384];
    size_t len = (size_t)snprintf(data,
        sizeof data,
        "{\"tenant\":\"acme\",\"tool\":\"erp\",\"action\":\"read\",\"objects\":[");
    for (uint32_t i = 0; i < 64; i++) {
        const char *object = rig_long(rig_text("o%u-", i), 200);
        len +=
            (size_t)snprintf(data + len, sizeof data - len, "%s\"%s\"", i == 0 ? "" : ",", object);
    }
    (void)snprintf(data + len, sizeof data - len, "]}");
    return room_of(rig_event(rig, "intent", "many", "bot:1", data));
}

static void a_combination_that_does_not_fire_gives_its_room_back(void **state)
{
    (void)state;
    size_t without =
        room_of_objects(HEAD CATALOGUE "  - {condition: c, when: \"object == 'never'\"}\n");
    rig_destroy(&rig);
    size_t with = room_of_objects(
        HEAD CATALOGUE "  - {condition: c, when: \"object + '+' + tool == 'never'\"}\n");
    assert_true(with < without + 2048); /* Not 64 texts of 200 bytes. */
}

static void agents_take_room_by_their_number_and_not_by_that_of_their_facts(void **state)
{
    (void)state;
    use(HEAD CATALOGUE
        "  - {condition: c, when: \"duty == 'submit' && history.agents().exists(a, a == 'x')\"}\n");
    const char *data =
        "{\"tenant\":\"acme\",\"principal\":\"user:a\",\"tool\":\"erp\",\"action\":\"submit\"}";
    allows("bot:1", "read", "");
    size_t first = room_of(rig_event(rig, "intent", "asked", "bot:1", data));
    for (uint32_t i = 0; i < 300; i++) {
        allows("bot:1", "read", "");
    }
    assert_true(room_of(rig_event(rig, "intent", "asked", "bot:1", data)) < first + 1024);
    allows("bot:x", "read", "");
    struct sunder_outputs out = by("x", "read", "");
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    denies("bot:1", "submit", "", "condition:c"); /* Of user:a, in whose name x acted. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_subject_has_a_history_of_its_own, teardown),
        cmocka_unit_test_teardown(subjects_fire_in_order_and_the_rest_is_also, teardown),
        cmocka_unit_test_teardown(windows_end, teardown),
        cmocka_unit_test_teardown(amounts_and_agents_are_told, teardown),
        cmocka_unit_test_teardown(a_key_has_a_history_of_its_own, teardown),
        cmocka_unit_test_teardown(a_wide_key_answers_alike, teardown),
        cmocka_unit_test_teardown(closing_leaves_histories, teardown),
        cmocka_unit_test_teardown(a_key_that_is_absent_is_an_absent_field, teardown),
        cmocka_unit_test_teardown(a_key_of_its_own_is_remembered, teardown),
        cmocka_unit_test_teardown(unless_sees_the_pair_under_test, teardown),
        cmocka_unit_test_teardown(what_nobody_asks_for_is_not_kept, teardown),
        cmocka_unit_test_teardown(a_combination_that_does_not_fire_gives_its_room_back, teardown),
        cmocka_unit_test_teardown(
            agents_take_room_by_their_number_and_not_by_that_of_their_facts, teardown),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
