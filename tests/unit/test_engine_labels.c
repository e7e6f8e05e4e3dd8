/* Labels (S16, S24): who learns what from whom, and what is told; effects further down (S23); credentials in several hands (S14). */
#include "tests/unit/test_engine_fixture.h"

#define HEAD "sunder: 1\nname: p\nauthority: open\ntenant: payload\n"
#define CATALOGUE                                                                                  \
    "catalogue:\n"                                                                                 \
    "  - {tool: crm, action: read, duty: read, tier: low, gains: [pii]}\n"                         \
    "  - {tool: crm, action: note, duty: note, labels: [internal]}\n"                              \
    "  - {tool: crm, action: look, duty: look}\n"                                                  \
    "  - {tool: queue, action: put, duty: queue.put, causes: [sync]}\n"                            \
    "  - {tool: queue, action: sync, duty: sync, phase: execute, causes: [write]}\n"               \
    "  - {tool: crm, action: write, duty: write, tier: high, causes: [sync]}\n"

static const char POLICY[] =
    HEAD CATALOGUE "rules:\n"
                   "  - {limit: many, count: true, by: agent, within: 1h, max: 1000,\n"
                   "     unless: \"'pii' in labels\"}\n";
static const char EFFECTS[] =
    HEAD CATALOGUE "rules:\n"
                   "  - {separation: see-and-act, duties: [read, write], per: object}\n";
static const char NO_LABELS[] =
    HEAD "catalogue:\n"
         "  - {tool: crm, action: look, duty: look}\n"
         "rules:\n"
         "  - {limit: many, count: true, by: agent, within: 1h, max: 1000}\n";
/* Its limit lets nothing pass but what `unless` excuses. */
static const char EXCUSED[] =
    HEAD CATALOGUE "rules:\n"
                   "  - {limit: none, count: true, of: look, by: agent, within: 1h, max: 0,\n"
                   "     unless: \"'pii' in labels\"}\n";

static struct rig *rig;

static int setup(void **state)
{
    (void)state;
    rig = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_destroy(&rig);
    return 0;
}

static const char *data_of(const char *action, const char *more)
{
    return rig_text("{\"tenant\":\"acme\",\"tool\":\"crm\",\"action\":\"%s\"%s}", action, more);
}

static struct sunder_outputs act(
    const char *id, const char *agent, const char *action, const char *more)
{
    return rig_intent(rig, id, agent, data_of(action, more));
}

static struct sunder_outputs observe(
    const char *id, const char *agent, const char *action, const char *more)
{
    return rig_send(rig, "observed", id, agent, data_of(action, more));
}

/* The names of a list with blanks between. */
static void assert_names(struct sunder_strs names, const char *expected)
{
    const char *text = "";
    for (uint32_t i = 0; i < names.count; i++) {
        text = rig_text("%s%s%.*s", text, i == 0 ? "" : " ", (int)names.at[i].len, names.at[i].at);
    }
    assert_string_equal(text, expected);
}

static void assert_labels(const struct sunder_outputs *out, const char *expected)
{
    assert_names(out->records[0].labels, expected);
}

static void assert_allowed(struct sunder_outputs out, const char *labels)
{
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    assert_labels(&out, labels);
}

static void an_act_tells_what_it_carries_and_gains(void **state)
{
    (void)state;
    rig = rig_create(rig_policy(POLICY));

    struct sunder_outputs out =
        act("i1", "bot:1", "note", ",\"labels\":[\"vip\",\"internal\",\"vip\",\"eu\"]");

    assert_allowed(out, "eu internal vip");
    assert_names(out.records[0].carries, "eu internal vip");
    assert_names(out.records[0].claimed, "eu vip");
    assert_int_equal(out.records[0].gains.count, 0);
    out = act("i2", "bot:2", "read", "");
    assert_allowed(out, "");
    assert_names(out.records[0].gains, "pii");
    assert_int_equal(out.records[0].carries.count, 0);
}

static void agent_task_and_credential_pass_on_what_an_allowed_act_had(void **state)
{
    (void)state;
    rig = rig_create(rig_policy(POLICY));
    assert_allowed(act("i1", "bot:1", "read", ",\"task\":\"T-1\",\"credential\":\"key:1\""), "");

    assert_allowed(act("i2", "bot:1", "look", ""), "pii");
    assert_allowed(act("i3", "bot:2", "look", ",\"task\":\"T-1\""), "pii");
    assert_allowed(act("i4", "bot:3", "look", ",\"credential\":\"key:1\""), "pii");
    /* Those have learnt it by now, and pass it on themselves. */
    assert_allowed(act("i5", "bot:3", "note", ",\"task\":\"T-2\""), "internal pii");
    assert_allowed(act("i6", "bot:4", "look", ",\"task\":\"T-2\""), "internal pii");
    assert_allowed(act("i7", "bot:5", "look", ",\"task\":\"T-3\""), "");
}

static void what_is_denied_teaches_nobody(void **state)
{
    (void)state;
    rig = rig_create(rig_policy(EXCUSED));

    struct sunder_outputs out = act("i1", "bot:1", "look", ",\"labels\":[\"vip\"]");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit:none");
    assert_labels(&out, "vip");

    assert_allowed(act("i2", "bot:1", "note", ""), "internal");
}

static void a_parent_gives_what_was_stored_with_it(void **state)
{
    (void)state;
    rig = rig_create(rig_policy(POLICY));
    assert_allowed(act("i1", "bot:1", "note", ""), "internal");
    assert_allowed(act("i2", "bot:1", "read", ""), "internal");
    assert_allowed(act("i3", "bot:1", "look", ",\"labels\":[\"late\"]"), "internal late pii");

    assert_allowed(act("i4", "bot:2", "look", ",\"parents\":[\"i1\"]"), "internal");
    assert_allowed(act("i5", "bot:3", "look", ",\"parents\":[\"i2\",\"i2\"]"), "internal pii");
    assert_names(
        rig_intent(rig, "i6", "bot:4", data_of("look", ",\"parents\":[\"i5\"]")).records[0].parents,
        "i5");
    (void)rig_send(rig,
        "outcome",
        "o",
        "gate",
        "{\"tenant\":\"acme\",\"intent\":\"i2\",\"result\":\"failed\"}");
    assert_allowed(act("i7", "bot:5", "look", ",\"parents\":[\"i2\"]"), "internal pii");
}

static void a_parent_that_was_no_act_is_refused(void **state)
{
    (void)state;
    rig = rig_create(rig_policy(NO_LABELS));
    struct sunder_outputs out = act("i1", "bot:1", "look", ",\"parents\":[\"nobody\"]");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "parent_unknown:nobody");
    out = act("i2", "bot:1", "look", ",\"parents\":[\"i1\",\"gone\"]");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "parent_unknown:gone parent_unknown:i1");

    out = observe("o1", "bot:1", "look", ",\"parents\":[\"i1\"]");
    assert_int_equal(out.records[0].finding_count, 1);
    assert_true(
        sunder_str_equal(out.records[0].findings[0].code, SUNDER_STR("observed_incomplete")));
    assert_true(sunder_str_equal(out.records[0].findings[0].field, SUNDER_STR("i1")));
    assert_allowed(act("i3", "bot:2", "look", ",\"parents\":[\"o1\"]"), "");
}

static void a_policy_without_labels_keeps_none(void **state)
{
    (void)state;
    rig = rig_create(rig_policy(NO_LABELS));
    assert_allowed(act("i1", "bot:1", "look", ",\"labels\":[\"pii\"],\"task\":\"T-1\""), "pii");
    assert_allowed(act("i2", "bot:1", "look", ",\"parents\":[\"i1\"],\"task\":\"T-1\""), "");

    assert_int_equal(rig_count_rows(rig, SUNDER_TABLE_LABEL), 0);
}

static void the_end_of_a_task_clears_its_labels_and_not_the_agents(void **state)
{
    (void)state;
    rig = rig_create(rig_policy(POLICY));
    (void)rig_send(
        rig, "task", "t1", "erp", "{\"tenant\":\"acme\",\"task\":\"T-1\",\"state\":\"opened\"}");
    assert_allowed(act("i1", "bot:1", "read", ",\"task\":\"T-1\""), "");
    (void)rig_send(
        rig, "task", "t2", "erp", "{\"tenant\":\"acme\",\"task\":\"T-1\",\"state\":\"ended\"}");
    assert_int_equal(
        rig_count_rows(rig, SUNDER_TABLE_LABEL), 2); /* the agent's and the intent's own */

    struct sunder_outputs out = observe("o1", "bot:2", "note", ",\"task\":\"T-1\"");
    assert_labels(&out, "internal");
    out = observe("o2", "bot:3", "look", ",\"task\":\"T-1\"");
    assert_labels(&out, "");
    assert_allowed(act("i2", "bot:1", "look", ""), "pii");
}

static void what_was_done_without_being_allowed_teaches_all_the_same(void **state)
{
    (void)state;
    rig = rig_create(rig_policy(EXCUSED));
    struct sunder_outputs out = act(
        "i1", "bot:1", "look", ",\"labels\":[\"vip\"],\"credential\":\"key:1\",\"task\":\"T-1\"");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit:none");
    out = rig_send(rig,
        "outcome",
        "o",
        "gate",
        "{\"tenant\":\"acme\",\"intent\":\"i1\",\"result\":\"executed\"}");
    assert_false(out.dead_letter);

    assert_allowed(act("i2", "bot:2", "note", ",\"credential\":\"key:1\""), "internal vip");
    assert_allowed(act("i3", "bot:3", "note", ",\"task\":\"T-1\""), "internal vip");
    assert_allowed(act("i4", "bot:1", "note", ""), "internal vip");
    assert_allowed(act("i5", "bot:4", "note", ",\"parents\":[\"i1\"]"), "internal vip");
}

static void claimed_labels_excuse_nothing_wherever_they_come_from(void **state)
{
    (void)state;
    rig = rig_create(rig_policy(EXCUSED));
    struct sunder_outputs out = act("i1", "bot:1", "look", ",\"labels\":[\"pii\"]");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit:none");
    assert_allowed(act("i2", "bot:1", "note", ",\"labels\":[\"pii\"]"), "internal pii");
    out = act("i3", "bot:1", "look", "");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit:none");
    assert_labels(&out, "internal pii");

    assert_allowed(act("i4", "bot:1", "read", ""), "internal pii");
    assert_allowed(
        act("i5", "bot:1", "look", ""), "internal pii"); /* The catalogue gave it to i4. */
}

/* Ten labels that begin with a text. */
static const char *ten(const char *start, uint32_t from)
{
    const char *list = "";
    for (uint32_t i = from; i < from + 10; i++) {
        list = rig_text("%s%s\"%s%u\"", list, i == from ? "" : ",", start, i);
    }
    return list;
}

static void an_act_beyond_the_labels_that_can_be_kept_is_refused(void **state)
{
    (void)state;
    rig = rig_create(rig_policy(POLICY));
    for (uint32_t i = 0; i < 6; i++) {
        struct sunder_outputs out = act(rig_text("i%u", i),
            "bot:1",
            "look",
            rig_text(",\"labels\":[%s]", ten("a", 10 + (10 * i))));
        rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    }

    struct sunder_outputs out =
        act("j1", "bot:1", "look", rig_text(",\"labels\":[%s]", ten("b", 10)));
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:labels");
    assert_int_equal(out.records[0].labels.count, SUNDER_HOLDER_LABELS_MAX);
    out = act("j2", "bot:1", "read", ",\"labels\":[\"b1\",\"b2\",\"b3\",\"b4\"]");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:labels");
    out = act("j3", "bot:1", "read", ",\"labels\":[\"b1\",\"b2\",\"b3\"]");
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    out = act("j4", "bot:1", "look", "");
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    assert_int_equal(out.records[0].labels.count, SUNDER_HOLDER_LABELS_MAX);
}

static void own_labels_have_a_bound(void **state)
{
    (void)state;
    rig = rig_create(rig_policy(POLICY));
    const char *thirty = rig_text("%s,%s,%s", ten("a", 0), ten("b", 0), ten("c", 0));

    struct sunder_outputs out =
        act("i1", "bot:1", "read", rig_text(",\"labels\":[%s,\"x\"]", thirty));
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    out = act("i2", "bot:2", "read", rig_text(",\"labels\":[%s,\"x\",\"y\"]", thirty));
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:labels");
}

static void an_observed_act_that_does_not_fit_marks_whom_it_teaches(void **state)
{
    (void)state;
    rig = rig_create(rig_policy(POLICY));
    for (uint32_t i = 0; i < 7; i++) {
        struct sunder_outputs out = observe(rig_text("o%u", i),
            "bot:1",
            "look",
            rig_text(",\"task\":\"T-1\",\"labels\":[%s]", ten("a", 10 + (10 * i))));
        assert_int_equal(out.records[0].finding_count, i < 6 ? 0 : 1);
    }

    struct sunder_outputs out = act("i1", "bot:1", "look", "");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:bot:1");
    out = act("i2", "bot:2", "look", ",\"task\":\"T-1\"");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:T-1");
    out = act("i3", "bot:3", "look", ",\"parents\":[\"o6\"]");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:o6");
    out = act("i4", "bot:3", "look", ",\"parents\":[\"o5\"]");
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    /* An act that counts all the same passes the mark on. */
    (void)observe("o9", "bot:4", "look", ",\"parents\":[\"o6\"]");
    out = act("i5", "bot:4", "look", "");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:bot:4");
}

/* Each fitted when it was decided; together they do not. */
static void a_late_fact_that_does_not_fit_marks_whom_it_teaches(void **state)
{
    (void)state;
    rig = rig_create(rig_policy(EXCUSED));
    struct sunder_outputs out =
        act("i1", "bot:1", "look", rig_text(",\"labels\":[%s]", ten("z", 10)));
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit:none");
    for (uint32_t i = 0; i < 6; i++) {
        (void)observe(rig_text("o%u", i),
            "bot:1",
            "look",
            rig_text(",\"labels\":[%s]", ten("a", 10 + (10 * i))));
    }
    out = act("i2", "bot:1", "note", "");
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");

    (void)rig_send(rig,
        "outcome",
        "p1",
        "gate",
        "{\"tenant\":\"acme\",\"intent\":\"i1\",\"result\":\"executed\"}");

    out = act("i3", "bot:1", "note", "");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:bot:1");
}

static void an_act_has_the_duties_that_it_causes(void **state)
{
    (void)state;
    rig = rig_create(rig_policy(EFFECTS));
    struct sunder_outputs out = rig_intent(rig,
        "i1",
        "bot:1",
        "{\"tenant\":\"acme\",\"tool\":\"queue\",\"action\":\"put\",\"object\":\"C9\"}");
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    assert_names(out.records[0].duties, "queue.put sync write");
    assert_int_equal(out.records[0].tier, SUNDER_TIER_HIGH);
    assert_int_equal(out.records[0].phases, SUNDER_PHASE_EXECUTE);
}

/* R21 */
static void a_reason_shows_how_the_duty_is_caused(void **state)
{
    (void)state;
    rig = rig_create(rig_policy(EFFECTS));
    assert_allowed(act("i1", "bot:1", "read", ",\"object\":\"C9\""), "");

    struct sunder_outputs out = rig_intent(rig,
        "i2",
        "bot:1",
        "{\"tenant\":\"acme\",\"tool\":\"queue\",\"action\":\"put\",\"object\":\"C9\"}");

    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "separation:see-and-act");
    struct sunder_str message = out.records[0].reasons[0].message;
    assert_true(sunder_str_ends_with(message, SUNDER_STR("; queue.put causes sync causes write")));
    out = act("i3", "bot:1", "write", ",\"object\":\"C9\"");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "separation:see-and-act");
    assert_false(
        sunder_str_ends_with(out.records[0].reasons[0].message, SUNDER_STR("causes write")));
}

/* The subjects and intents of findings shared_credential, as "a2=i2 a1". */
static void assert_shared(const struct sunder_outputs *out, const char *expected)
{
    const char *text = "";
    for (uint32_t i = 0; i < out->records[0].finding_count; i++) {
        const struct sunder_finding *it = &out->records[0].findings[i];
        assert_true(sunder_str_equal(it->code, SUNDER_STR("shared_credential")));
        text = rig_text("%s%s%.*s%s%.*s",
            text,
            i == 0 ? "" : " ",
            (int)it->subject.len,
            it->subject.at,
            it->intent.at == NULL ? "" : "=",
            (int)it->intent.len,
            it->intent.at == NULL ? "" : it->intent.at);
    }
    assert_string_equal(text, expected);
}

/* S14 */
static void a_credential_in_other_hands_is_told_once_for_each(void **state)
{
    (void)state;
    rig = rig_create(rig_policy(EXCUSED));
    const char *key = ",\"credential\":\"key:1\"";
    struct sunder_outputs out =
        act("i1", "a2", "look", key); /* denied by a rule: seen, but no fact */
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit:none");
    assert_shared(&out, "");
    out = act("i2", "a1", "note", key);
    assert_shared(&out, "a2");
    out = act("i3", "a1", "note", key);
    assert_shared(&out, "");
    out = act("i4", "a3", "unknown", key); /* refused before the rules: not seen */
    assert_shared(&out, "");
    out = act("i5", "a4", "note", ",\"credential\":\"key:2\"");
    assert_shared(&out, "");
    (void)rig_send(rig,
        "outcome",
        "o1",
        "gate",
        "{\"tenant\":\"acme\",\"intent\":\"i1\",\"result\":\"executed\"}");
    (void)rig_send(rig,
        "outcome",
        "o2",
        "gate",
        "{\"tenant\":\"acme\",\"intent\":\"i2\",\"result\":\"failed\"}");
    (void)rig_send(rig,
        "outcome",
        "o3",
        "gate",
        "{\"tenant\":\"acme\",\"intent\":\"i4\",\"result\":\"executed\"}");
    out = act("i6", "a6", "note", key); /* a3 has a fact, but was not seen */
    assert_shared(&out, "a1=i2 a2=i1");
    out = act("i7", "a3", "note", key);
    assert_shared(&out, "a1=i2 a2=i1 a6=i6");
    out = observe("i8", "a5", "note", key);
    assert_shared(&out, "a1=i2 a2=i1 a3=i4 a6=i6");
}

static void a_finding_names_the_first_agents_and_each_later_one_is_told_once(void **state)
{
    (void)state;
    rig = rig_create(rig_policy(POLICY));
    for (uint32_t i = 0; i < SUNDER_CREDENTIAL_AGENTS_MAX + 3; i++) {
        struct sunder_outputs out =
            act(rig_text("i%u", i), rig_text("bot:%u", i), "note", ",\"credential\":\"key:1\"");
        uint32_t others = i < SUNDER_CREDENTIAL_AGENTS_MAX ? i : SUNDER_CREDENTIAL_AGENTS_MAX;
        assert_int_equal(out.records[0].finding_count, others);
    }
    for (uint32_t i = 0; i < SUNDER_CREDENTIAL_AGENTS_MAX + 3; i++) {
        struct sunder_outputs out =
            act(rig_text("j%u", i), rig_text("bot:%u", i), "note", ",\"credential\":\"key:1\"");
        assert_int_equal(out.records[0].finding_count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_act_tells_what_it_carries_and_gains, setup, teardown),
        cmocka_unit_test_setup_teardown(
            agent_task_and_credential_pass_on_what_an_allowed_act_had, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_denied_teaches_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(a_parent_gives_what_was_stored_with_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_parent_that_was_no_act_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_policy_without_labels_keeps_none, setup, teardown),
        cmocka_unit_test_setup_teardown(
            the_end_of_a_task_clears_its_labels_and_not_the_agents, setup, teardown),
        cmocka_unit_test_setup_teardown(
            what_was_done_without_being_allowed_teaches_all_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(
            claimed_labels_excuse_nothing_wherever_they_come_from, setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_act_beyond_the_labels_that_can_be_kept_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(own_labels_have_a_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_observed_act_that_does_not_fit_marks_whom_it_teaches, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_late_fact_that_does_not_fit_marks_whom_it_teaches, setup, teardown),
        cmocka_unit_test_setup_teardown(an_act_has_the_duties_that_it_causes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reason_shows_how_the_duty_is_caused, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_credential_in_other_hands_is_told_once_for_each, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_finding_names_the_first_agents_and_each_later_one_is_told_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
