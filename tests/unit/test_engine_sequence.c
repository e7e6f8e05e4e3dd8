/* Sequences (S18): which facts serve which step, under which key and in which window; what an observed act that completes one
 * brings about. */
#include "tests/unit/test_engine_fixture.h"

#define HEAD "sunder: 1\nname: p\nauthority: open\ntenant: payload\n"
#define CATALOGUE                                                                                  \
    "catalogue:\n"                                                                                 \
    "  - {tool: t, action: read, duty: read, gains: [pii]}\n"                                      \
    "  - {tool: t, action: zip, duty: zip, labels: [packed]}\n"                                    \
    "  - {tool: t, action: send, duty: send}\n"                                                    \
    "  - {tool: t, action: look, duty: look}\n"                                                    \
    "rules:\n"

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

static void use(const char *rules)
{
    rig = rig_create(rig_policy(rig_text("%s%s%s", HEAD, CATALOGUE, rules)));
}

static struct sunder_outputs act(
    const char *id, const char *agent, const char *action, const char *more)
{
    return rig_intent(rig,
        id,
        agent,
        rig_text("{\"tenant\":\"acme\",\"tool\":\"t\",\"action\":\"%s\"%s}", action, more));
}

static void allowed(const char *id, const char *agent, const char *action, const char *more)
{
    struct sunder_outputs out = act(id, agent, action, more);
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
}

static void outcome(const char *intent, const char *result)
{
    struct sunder_outputs out = rig_send(rig,
        "outcome",
        rig_text("%s-%s", intent, result),
        "gate",
        rig_text("{\"tenant\":\"acme\",\"intent\":\"%s\",\"result\":\"%s\"}", intent, result));
    assert_false(out.dead_letter);
}

/* The intents and steps of the evidence, as "i1=read i2=label:pii". */
static void assert_evidence(const struct sunder_outputs *out, const char *expected)
{
    assert_true(out->records[0].reason_count > 0);
    const struct sunder_reason *reason = &out->records[0].reasons[0];
    const char *text = "";
    for (uint32_t i = 0; i < reason->evidence_count; i++) {
        const struct sunder_evidence *it = &reason->evidence[i];
        text = rig_text("%s%s%.*s=%.*s",
            text,
            i == 0 ? "" : " ",
            (int)it->intent.len,
            it->intent.at,
            (int)it->duty.len,
            it->duty.at);
    }
    assert_string_equal(text, expected);
}

static void fires(struct sunder_outputs out, const char *evidence)
{
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "sequence:s");
    assert_evidence(&out, evidence);
}

static void steps_are_served_by_the_latest_facts_in_order(void **state)
{
    (void)state;
    use("  - {sequence: s, steps: [read, zip, send], along: subject, by: agent, within: 1h}\n");
    allowed("r1", "a", "read", "");
    allowed("r2", "a", "read", "");
    allowed("z1", "a", "zip", "");
    allowed("r3", "a", "read", "");
    allowed("z0", "b", "zip", "");
    allowed("s0", "b", "send", "");

    fires(act("s1", "a", "send", ""), "r2=read z1=zip");
    allowed("z2", "a", "zip", "");
    fires(act("s2", "a", "send", ""), "r3=read z2=zip");
}

static void the_first_fact_must_be_in_the_window(void **state)
{
    (void)state;
    use("  - {sequence: s, steps: [read, zip, send], along: subject, by: agent, within: 10s}\n");
    allowed("r1", "a", "read", "");
    rig->now_ms += 5000;
    allowed("z1", "a", "zip", "");
    rig->now_ms += 4999;
    fires(act("s1", "a", "send", ""), "r1=read z1=zip");
    rig->now_ms += 1;
    allowed("s2", "a", "send", "");
}

static void what_was_released_serves_nothing_until_it_is_done_after_all(void **state)
{
    (void)state;
    use("  - {sequence: s, steps: [read, send], along: subject, by: agent, within: 1h}\n"
        "  - {sequence: w, steps: [\"label:pii\", look], along: information, within: 1h}\n");
    allowed("r1", "a", "read", "");
    outcome("r1", "failed");
    allowed("s1", "a", "send", "");
    allowed("l1", "a", "look", "");
    outcome("r1", "executed");
    fires(act("s2", "a", "send", ""), "r1=read");
    struct sunder_outputs out = act("l2", "a", "look", "");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "sequence:w");
    assert_evidence(&out, "r1=label:pii");
}

static void an_act_serves_label_steps_before_its_duty_by_what_it_carries(void **state)
{
    (void)state;
    use("  - {sequence: s, steps: [\"label:pii\", \"label:eu\", send], along: subject, by: agent, "
        "within: 1h}\n");
    fires(act("s1", "a", "send", ",\"labels\":[\"pii\",\"eu\"]"), "");
    allowed("r1", "a", "read", ",\"labels\":[\"eu\"]"); /* r1 gains pii and carries eu */
    /* One fact serves no two label steps; s2 carries eu itself, so r1 is left for pii. */
    fires(act("s2", "a", "send", ",\"labels\":[\"eu\"]"), "r1=label:pii");
    allowed("s3", "a", "send", "");
    allowed("l1", "a", "look", ",\"labels\":[\"eu\"]");
    fires(act("s4", "a", "send", ""), "r1=label:pii l1=label:eu");
}

static void a_fact_serves_the_label_step_before_its_duty(void **state)
{
    (void)state;
    use("  - {sequence: s, steps: [\"label:packed\", zip, send], along: subject, by: agent, "
        "within: 1h}\n");
    allowed("z1", "a", "zip", "");
    fires(act("s1", "a", "send", ""), "z1=label:packed z1=zip");
}

static void what_an_act_gains_serves_no_step_before_its_duty(void **state)
{
    (void)state;
    use("  - {sequence: s, steps: [\"label:pii\", read], along: subject, by: agent, within: 1h}\n");
    allowed("r1", "a", "read", "");
    fires(act("r2", "a", "read", ""), "r1=label:pii");
}

static void a_last_step_may_be_a_label(void **state)
{
    (void)state;
    use("  - {sequence: s, steps: [zip, \"label:pii\"], along: subject, by: agent, within: 1h}\n");
    allowed("z1", "a", "zip", "");
    fires(act("r1", "a", "read", ""), "z1=zip");
    fires(act("l1", "a", "look", ",\"labels\":[\"pii\"]"), "z1=zip");
    allowed("l2", "a", "look", "");
}

static void facts_share_the_key(void **state)
{
    (void)state;
    use("  - {sequence: s, steps: [read, send], along: subject, by: [agent, principal], per: "
        "object, within: 1h}\n");
    allowed("r1", "a", "read", ",\"principal\":\"user:x\",\"objects\":[\"o1\",\"o2\"]");
    allowed("s1", "a", "send", ",\"object\":\"o3\",\"principal\":\"user:x\"");

    struct sunder_outputs out =
        act("s2", "a", "send", ",\"objects\":[\"o2\",\"o1\"],\"principal\":\"user:x\"");

    fires(out, "r1=read");
    const struct sunder_reason *reason = &out.records[0].reasons[0];
    assert_true(sunder_str_equal(reason->subject, SUNDER_STR("a")));
    assert_true(sunder_str_equal(reason->key, SUNDER_STR("o1")));
    assert_int_equal(reason->also_count, 3);
    out = act("s3", "a", "send", "");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "context_missing:s:object");
}

static void an_expression_may_be_the_key(void **state)
{
    (void)state;
    use("  - {sequence: s, steps: [\"label:pii\", zip, send], along: subject, by: agent, per: "
        "args.k, within: 1h}\n"
        "  - {sequence: w, steps: [\"label:pii\", look], along: information, per: args.k, within: "
        "1h}\n");
    allowed("r1", "a", "read", ",\"args\":{\"k\":\"x\"}");
    allowed("z1", "a", "zip", ",\"args\":{\"k\":\"x\"}");
    allowed("s1", "a", "send", ",\"args\":{\"k\":\"y\"}");
    fires(act("s2", "a", "send", ",\"args\":{\"k\":\"x\"}"), "r1=label:pii z1=zip");
    allowed("l1", "a", "look", ",\"args\":{\"k\":\"y\"}");
    struct sunder_outputs out = act("l2", "a", "look", ",\"args\":{\"k\":\"x\"}");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "sequence:w");
}

static void within_a_task_only_its_facts_count_while_it_lives(void **state)
{
    (void)state;
    use("  - {sequence: s, steps: [read, send], along: subject, by: agent, per: object, within: "
        "task}\n"
        "  - {sequence: w, steps: [\"label:pii\", look], along: information, within: task}\n");
    (void)rig_send(
        rig, "task", "t1", "ops", "{\"tenant\":\"acme\",\"task\":\"T-1\",\"state\":\"opened\"}");
    allowed("r1", "a", "read", ",\"task\":\"T-1\",\"object\":\"o\"");
    rig->now_ms += INT64_C(100) * 86400000;
    allowed("s1", "a", "send", ",\"task\":\"T-2\",\"object\":\"o\"");
    fires(act("s2", "a", "send", ",\"task\":\"T-1\",\"object\":\"o\""), "r1=read");
    allowed("l1", "a", "look", ",\"task\":\"T-2\"");
    struct sunder_outputs out = act("l2", "a", "look", ",\"task\":\"T-1\"");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "sequence:w");
    out = act("s3", "a", "send", ",\"object\":\"o\"");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "context_missing:s:task");

    (void)rig_send(
        rig, "task", "t2", "ops", "{\"tenant\":\"acme\",\"task\":\"T-1\",\"state\":\"ended\"}");
    out = rig_send(rig,
        "observed",
        "o1",
        "a",
        "{\"tenant\":\"acme\",\"tool\":\"t\",\"action\":\"send\",\"task\":\"T-1\",\"object\":"
        "\"o\"}");
    assert_int_equal(out.count, 1);
}

static void information_travels_through_tasks_and_parents(void **state)
{
    (void)state;
    use("  - {sequence: s, steps: [\"label:pii\", zip, send], along: information, within: 1h}\n");
    allowed("r1", "a", "read", ",\"task\":\"T-1\"");
    allowed("z1", "b", "zip", ",\"task\":\"T-1\"");      /* learns pii, packs */
    allowed("s1", "c", "send", "");                      /* knows nothing */
    allowed("s2", "c", "send", ",\"parents\":[\"r1\"]"); /* pii, but no zip that brought a label */
    struct sunder_outputs out = act("s3", "d", "send", ",\"parents\":[\"z1\"]");
    fires(out, "r1=label:pii z1=zip");
    assert_null(out.records[0].reasons[0].subject.at);
    fires(act("s4", "b", "send", ""), "r1=label:pii z1=zip");
}

static void a_duty_of_the_task_counts_without_a_label(void **state)
{
    (void)state;
    use("  - {sequence: s, steps: [look, send], along: information, within: 1h}\n");
    allowed("l1", "a", "look", ",\"task\":\"T-1\"");
    allowed("s1", "a", "send", "");
    fires(act("s2", "b", "send", ",\"task\":\"T-1\""), "l1=look");
}

static void the_latest_origin_that_counts_is_chosen(void **state)
{
    (void)state;
    use("  - {sequence: s, steps: [\"label:pii\", send], along: information, per: object, within: "
        "1h}\n");
    for (uint32_t i = 0; i < SUNDER_LABEL_ORIGINS_MAX; i++) {
        allowed(rig_text("r%u", i), "a", "read", rig_text(",\"object\":\"o%u\"", i));
    }
    fires(act("s1", "a", "send", ",\"object\":\"o0\""), "r0=label:pii");
    fires(act("s2", "a", "send", ",\"object\":\"o7\""), "r7=label:pii");
    allowed("r99", "a", "read", ",\"object\":\"o99\"");
    allowed(
        "s3", "a", "send", ",\"object\":\"o0\""); /* Its origin was the oldest of one too many. */
}

static void a_long_history_is_searched_from_the_back(void **state)
{
    (void)state;
    use("  - {sequence: s, steps: [read, zip, read, send], along: subject, by: agent, within: "
        "24h}\n");
    for (uint32_t i = 0; i < 200; i++) {
        allowed(rig_text("r%u", i), "a", "read", "");
        rig->now_ms += 10;
    }
    allowed("z1", "a", "zip", "");
    for (uint32_t i = 200; i < 400; i++) {
        allowed(rig_text("r%u", i), "a", "read", "");
        rig->now_ms += 10;
    }
    fires(act("s1", "a", "send", ""), "r199=read z1=zip r399=read");
    for (uint32_t i = 150; i < 200; i++) {
        outcome(rig_text("r%u", i), "failed");
    }
    fires(act("s2", "a", "send", ""), "r149=read z1=zip r399=read");
}

static void unless_excuses_a_pair_and_shadow_only_tells(void **state)
{
    (void)state;
    use("  - {sequence: s, steps: [read, send], along: subject, by: agent, per: object, within: "
        "1h,\n"
        "     unless: \"object == 'o1'\", mode: shadow}\n");
    allowed("r1", "a", "read", ",\"objects\":[\"o1\",\"o2\"]");
    struct sunder_outputs out = act("s1", "a", "send", ",\"objects\":[\"o1\",\"o2\"]");
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    assert_int_equal(out.records[0].shadow_count, 1);
    assert_true(sunder_str_equal(out.records[0].shadow[0].key, SUNDER_STR("o2")));
    assert_int_equal(out.records[0].shadow[0].also_count, 0);
}

static struct sunder_outputs observed(const char *id, const char *action)
{
    return rig_send(rig,
        "observed",
        id,
        "a",
        rig_text("{\"tenant\":\"acme\",\"tool\":\"t\",\"action\":\"%s\",\"principal\":\"user:x\"}",
            action));
}

static void an_observed_act_that_completes_one_revokes(void **state)
{
    (void)state;
    use("  - {sequence: s, steps: [read, send], along: subject, by: [agent, principal], within: "
        "1h}\n"
        "  - {sequence: w, steps: [\"label:pii\", look], along: information, within: 1h}\n"
        "  - {sequence: x, steps: [zip, look], along: subject, within: 1h, then: alert}\n");
    (void)observed("r1", "read");
    struct sunder_outputs out = observed("s1", "send");
    assert_int_equal(out.count, 3);
    assert_true(sunder_str_equal(out.records[1].subject, SUNDER_STR("a")));
    assert_true(sunder_str_equal(out.records[2].subject, SUNDER_STR("user:x")));
    assert_true(sunder_str_equal(out.records[2].reasons[0].subject, SUNDER_STR("user:x")));
    (void)observed("z1", "zip");
    out = observed("l1", "look");
    assert_int_equal(out.count, 2);
    assert_true(sunder_str_equal(out.records[1].subject, SUNDER_STR("a")));
    assert_true(sunder_str_equal(out.records[1].reasons[0].rule, SUNDER_STR("w")));
    assert_null(out.records[1].reasons[0].subject.at);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(steps_are_served_by_the_latest_facts_in_order),
        TEST(the_first_fact_must_be_in_the_window),
        TEST(what_was_released_serves_nothing_until_it_is_done_after_all),
        TEST(an_act_serves_label_steps_before_its_duty_by_what_it_carries),
        TEST(a_fact_serves_the_label_step_before_its_duty),
        TEST(what_an_act_gains_serves_no_step_before_its_duty),
        TEST(a_last_step_may_be_a_label),
        TEST(facts_share_the_key),
        TEST(an_expression_may_be_the_key),
        TEST(within_a_task_only_its_facts_count_while_it_lives),
        TEST(information_travels_through_tasks_and_parents),
        TEST(a_duty_of_the_task_counts_without_a_label),
        TEST(the_latest_origin_that_counts_is_chosen),
        TEST(a_long_history_is_searched_from_the_back),
        TEST(unless_excuses_a_pair_and_shadow_only_tells),
        TEST(an_observed_act_that_completes_one_revokes),
    };
#undef TEST
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
