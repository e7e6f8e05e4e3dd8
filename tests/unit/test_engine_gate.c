/* Gates, conditions and exceptions (S20, S41; Readings 18 to 20). */
#include "tests/unit/test_engine_fixture.h"

#define HEAD                                                                                       \
    "sunder: 1\nname: p\nauthority: open\ntenant: payload\napprovals: {count: 1, from: "           \
    "[group:people]}\n"
#define CATALOGUE                                                                                  \
    "catalogue:\n"                                                                                 \
    "  - {tool: erp, action: create, duty: create, tier: low, phase: recommend}\n"                 \
    "  - {tool: erp, action: submit, duty: submit, tier: high, phase: execute}\n"                  \
    "  - {tool: erp, action: both, duty: create, phase: recommend}\n"                              \
    "  - {tool: erp, action: both, duty: submit, phase: execute}\n"                                \
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
}

static struct sunder_outputs act(const char *action, const char *more)
{
    number += 1;
    return rig_intent(rig,
        rig_text("i%u", number),
        "bot:1",
        rig_text(
            "{\"tenant\":\"acme\",\"principal\":\"user:a\",\"tool\":\"erp\",\"action\":\"%s\"%s}",
            action,
            more));
}

static void allows(const char *action, const char *more)
{
    struct sunder_outputs out = act(action, more);
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
}

static void denies(const char *action, const char *more, const char *reasons)
{
    struct sunder_outputs out = act(action, more);
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, reasons);
}

static void a_condition_fires_when_it_holds_or_errors(void **state)
{
    (void)state;
    use(HEAD CATALOGUE "  - {condition: big, when: \"duty == 'submit' && amount > 10\"}\n");
    allows("submit", ",\"amount\":10");
    denies("submit", ",\"amount\":\"10.000001\"", "condition:big");
    denies("submit", "", "condition:big"); /* An absent field is an error (Readings 19). */
    allows("create", "");                  /* false && error is false */
}

static void a_gate_asks_for_people(void **state)
{
    (void)state;
    use(HEAD CATALOGUE "  - {gate: big, when: \"duty == 'submit' && amount > 10\", approvals: "
                       "{count: 2, from: [user:x, "
                       "user:y]}}\n"
                       "  - {gate: all, when: \"amount > 20\"}\n");
    allows("submit", ",\"amount\":10");
    struct sunder_outputs out = act("submit", ",\"amount\":11");
    rig_assert_answer(&out, SUNDER_VERDICT_ESCALATE, "gate:big");
    assert_int_equal(out.records[0].wanted_count, 1);
    assert_str_equal(out.records[0].wanted[0].rule, "big");
    assert_int_equal(out.records[0].wanted[0].count, 2);
    assert_true(out.records[0].reasons[0].subject.at == NULL);
    assert_int_equal(out.records[0].reasons[0].evidence_count, 0);
    out = act("submit", ",\"amount\":21");
    rig_assert_answer(&out, SUNDER_VERDICT_ESCALATE, "gate:all gate:big");
    assert_int_equal(out.records[0].wanted_count, 2);
    assert_str_equal(out.records[0].wanted[0].from.at[0], "group:people");
}

static void a_gate_tells_the_field_that_it_lacks(void **state)
{
    (void)state;
    use(HEAD CATALOGUE
        "  - {gate: sure, when: \"tier == 'high' && (confidence < 0.8 || args.to == 'x')\"}\n"
        "  - {gate: big, when: amount > 10, mode: shadow}\n");
    allows("create", ",\"amount\":1");
    denies("submit", ",\"amount\":1", "context_missing:sure:confidence");
    denies("submit", ",\"amount\":1,\"confidence\":\"0.9\"", "context_missing:sure:args.to");
    struct sunder_outputs out = act("submit", ",\"amount\":1,\"confidence\":\"0.7\"");
    rig_assert_answer(&out, SUNDER_VERDICT_ESCALATE, "gate:sure"); /* true || error is true */
    out = act("create", "");
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    assert_int_equal(out.records[0].shadow_count, 1);
    assert_str_equal(out.records[0].shadow[0].rule, "big");
    assert_str_equal(out.records[0].shadow[0].code, "context_missing");
    assert_str_equal(out.records[0].shadow[0].field, "big:amount");
}

static void a_gate_may_only_ask_for_fields(void **state)
{
    (void)state;
    use(HEAD CATALOGUE
        "  - {gate: told, when: \"duty == 'submit'\", require: [task, purpose]}\n"
        "  - {gate: alarm, when: \"duty == 'submit'\", require: amount, then: alert}\n");
    allows("create", "");
    denies("submit",
        "",
        "context_missing:alarm:amount context_missing:told:purpose context_missing:told:task");
    denies("submit", ",\"task\":\"T1\",\"amount\":1", "context_missing:told:purpose");
    struct sunder_outputs out = act("submit", ",\"task\":\"T1\",\"purpose\":\"pay\",\"amount\":1");
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "gate:alarm"); /* then: alert (Readings 27) */
}

static void every_combination_is_judged(void **state)
{
    (void)state;
    use(HEAD CATALOGUE "  - {condition: pair, when: \"duty == 'create' && phase == 'execute' && "
                       "object == 'b'\", per: object}\n"
                       "  - {condition: both, when: \"object == 'c' && case == 'k2'\"}\n");
    allows("create", ",\"object\":\"b\"");
    struct sunder_outputs out = act("both", ",\"objects\":[\"a\",\"b\"]");
    rig_assert_answer(
        &out, SUNDER_VERDICT_DENY, "condition:pair"); /* the one's duty, the other's phase */
    assert_str_equal(out.records[0].reasons[0].key, "b");
    assert_int_equal(out.records[0].reasons[0].also_count, 0);
    allows("create", ",\"objects\":[\"c\"],\"case\":\"k1\"");
    denies("create", ",\"objects\":[\"a\",\"c\"],\"case\":\"k2\"", "condition:both");
}

static void each_key_fires_for_itself(void **state)
{
    (void)state;
    use(HEAD CATALOGUE
        "  - {condition: some, when: \"object != 'b'\", per: object, unless: \"object == 'd'\"}\n");
    struct sunder_outputs out = act("create", ",\"objects\":[\"a\",\"b\",\"c\",\"d\"]");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "condition:some");
    const struct sunder_reason *reason = &out.records[0].reasons[0];
    assert_str_equal(reason->key, "a");
    assert_int_equal(reason->also_count, 1);
    assert_str_equal(reason->also[0].key, "c");
    allows("create", ",\"objects\":[\"b\",\"d\"]");
}

static void a_key_of_its_own_may_be_absent(void **state)
{
    (void)state;
    use(HEAD CATALOGUE "  - {condition: k, when: \"tier == 'high'\", per: args.k}\n");
    struct sunder_outputs out = act("submit", ",\"args\":{\"k\":\"K1\"}");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "condition:k");
    assert_str_equal(out.records[0].reasons[0].key, "K1");
    assert_int_equal(out.records[0].rule_key_count, 0); /* Nobody asks for facts under it. */
    out = act("submit", "");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "condition:k");
    assert_true(out.records[0].reasons[0].key.at == NULL);
}

#define SEPARATION(more) "  - {separation: pay, duties: [create, submit], by: [agent]" more "}\n"

static void an_exception_ends(void **state)
{
    (void)state;
    /* The rig begins in the first minutes of 1970. */
    use(HEAD CATALOGUE SEPARATION(
        ", except: [{when: \"args.ok == 'yes'\", owner: ana, until: "
        "\"1970-01-01T01:00:00+01:00\"},\n"
        "    {when: \"principal == 'user:a'\", owner: ana, until: \"1970-01-01T00:30:00Z\"}]"));
    allows("create", ",\"object\":\"v\"");
    allows("submit", ",\"object\":\"v\"");
    rig->now_ms = 30 * 60 * 1000;
    denies("create", ",\"object\":\"v\"", "separation:pay");
    denies("create",
        ",\"object\":\"v\",\"args\":{\"ok\":\"yes\"}",
        "separation:pay"); /* It had ended at once. */
}

static void unless_excuses_a_gate_only_when_true(void **state)
{
    (void)state;
    use(HEAD CATALOGUE "  - {gate: big, when: \"tier == 'high'\", unless: \"amount < 5\"}\n");
    allows("submit", ",\"amount\":4");
    struct sunder_outputs out = act("submit", "");
    rig_assert_answer(&out, SUNDER_VERDICT_ESCALATE, "gate:big");
}

static void a_rule_that_is_off_is_not_judged(void **state)
{
    (void)state;
    use(HEAD CATALOGUE "  - {condition: never, when: \"tier == 'high'\", mode: \"off\"}\n"
                       "  - {condition: watched, when: \"tier == 'high'\", mode: shadow}\n");
    struct sunder_outputs out = act("submit", "");
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    assert_int_equal(out.records[0].shadow_count, 1);
}

static void an_observed_act_tells_what_its_gates_lack(void **state)
{
    (void)state;
    use(HEAD CATALOGUE "  - {gate: big, when: amount > 10}\n");
    struct sunder_outputs out = rig_send(rig,
        "observed",
        "o1",
        "log",
        "{\"tenant\":\"acme\",\"agent\":\"bot:1\",\"tool\":\"erp\",\"action\":\"create\"}");
    assert_int_equal(out.count, 1);
    assert_int_equal(out.records[0].finding_count, 1);
    assert_str_equal(out.records[0].findings[0].code, "observed_incomplete");
    assert_str_equal(out.records[0].findings[0].field, "big:amount");
}

static void an_act_without_duties_is_not_judged(void **state)
{
    (void)state;
    use(HEAD CATALOGUE "  - {condition: any, when: \"agent == 'bot:1' && history.count() >= 0\", then: revoke}\n"
                       "  - {gate: big, when: amount > 10}\n");
    struct sunder_outputs out = rig_send(
        rig, "observed", "o1", "log", "{\"tenant\":\"acme\",\"agent\":\"bot:1\",\"tool\":\"erp\",\"action\":\"x\"}");
    assert_int_equal(out.count, 1);
    assert_int_equal(out.records[0].finding_count, 0);
    out = rig_send(rig, "observed", "o2", "log",
        "{\"tenant\":\"acme\",\"agent\":\"bot:1\",\"tool\":\"erp\",\"action\":\"create\",\"amount\":1}");
    assert_true(out.count > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_condition_fires_when_it_holds_or_errors, teardown),
        cmocka_unit_test_teardown(a_gate_asks_for_people, teardown),
        cmocka_unit_test_teardown(a_gate_tells_the_field_that_it_lacks, teardown),
        cmocka_unit_test_teardown(a_gate_may_only_ask_for_fields, teardown),
        cmocka_unit_test_teardown(every_combination_is_judged, teardown),
        cmocka_unit_test_teardown(each_key_fires_for_itself, teardown),
        cmocka_unit_test_teardown(a_key_of_its_own_may_be_absent, teardown),
        cmocka_unit_test_teardown(an_exception_ends, teardown),
        cmocka_unit_test_teardown(unless_excuses_a_gate_only_when_true, teardown),
        cmocka_unit_test_teardown(a_rule_that_is_off_is_not_judged, teardown),
        cmocka_unit_test_teardown(an_act_without_duties_is_not_judged, teardown),
        cmocka_unit_test_teardown(an_observed_act_tells_what_its_gates_lack, teardown),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
