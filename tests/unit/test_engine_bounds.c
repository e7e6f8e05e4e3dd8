/* The bounds of limits.h at and past each (S31): what fits is exact, what does not is denied and takes no state. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/test_engine_fixture.h"

#define HEAD "sunder: 1\nname: p\nauthority: open\ntenant: payload\n"
#define TEXT_MAX 60000u

static const char POLICY[] = HEAD "catalogue:\n"
                                  "  - {tool: erp, action: read, duty: read, shared: true}\n"
                                  "  - {tool: erp, action: submit, duty: submit}\n"
                                  "  - {tool: erp, action: confirm, duty: confirm}\n"
                                  "rules:\n"
                                  "  - {separation: pay, duties: [submit, confirm], by: [agent]}\n";

/* Text that is put together piece by piece. */
struct text {
    char at[TEXT_MAX];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text->at + text->len, sizeof text->at - text->len, format, args);
    va_end(args);
    assert_true(len >= 0 && (size_t)len < sizeof text->at - text->len);
    text->len += (size_t)len;
}

static struct rig *rig;
static struct text text;

static int setup(void **state)
{
    (void)state;
    text.len = 0;
    rig = NULL;
    return 0;
}

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

static struct sunder_outputs act(uint32_t number, const char *action, const char *more)
{
    return rig_intent(rig,
        rig_text("i%u", number),
        "bot:1",
        rig_text("{\"tenant\":\"acme\",\"tool\":\"erp\",\"action\":\"%s\"%s}", action, more));
}

static struct sunder_outputs read_with_case(uint32_t number, uint32_t case_number)
{
    return act(
        number, "read", rig_text(",\"object\":\"vendor/V1\",\"case\":\"PO-%u\"", case_number));
}

static void executed(uint32_t number)
{
    struct sunder_outputs out = rig_send(rig,
        "outcome",
        rig_text("o%u", number),
        "erp:system",
        rig_text("{\"tenant\":\"acme\",\"intent\":\"i%u\",\"result\":\"executed\"}", number));
    assert_false(out.dead_letter);
}

static void close_key(const char *kind, const char *name)
{
    struct sunder_outputs out = rig_send(rig,
        "case",
        rig_text("close-%s", name),
        "closer",
        rig_text("{\"tenant\":\"acme\",\"%s\":\"%s\",\"state\":\"closed\"}", kind, name));
    assert_false(out.dead_letter);
}

static void fill_cases(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct sunder_outputs out = read_with_case(i, i);
        rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    }
}

static void an_object_has_64_open_cases_and_forgets_closed_ones(void **state)
{
    (void)state;
    use(POLICY);
    fill_cases(SUNDER_KEY_CASES_MAX);

    struct sunder_outputs out = read_with_case(1000, 1000);
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:cases");
    out = read_with_case(1001, 7); /* One that is bound already. */
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    executed(7);
    executed(1001);
    close_key("case", "PO-7");

    out = read_with_case(1002, 1002);
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    out = read_with_case(1003, 1003);
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:cases");
}

/* An act that is not shared belongs to every open case of its object. */
static void an_act_joins_64_cases_of_its_object_and_not_one_more(void **state)
{
    (void)state;
    use(POLICY);
    fill_cases(SUNDER_KEY_CASES_MAX);

    struct sunder_outputs out = act(500, "submit", ",\"object\":\"vendor/V1\"");
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    assert_int_equal(out.records[0].cases.count, SUNDER_INTENT_CASES_MAX);

    out = act(501, "submit", ",\"object\":\"vendor/V1\",\"case\":\"PO-999\"");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:cases");
}

static void a_task_has_64_open_cases(void **state)
{
    (void)state;
    use(POLICY);
    for (uint32_t i = 0; i <= SUNDER_KEY_CASES_MAX; i++) {
        const char *more =
            rig_text(",\"object\":\"vendor/V%u\",\"case\":\"PO-%u\",\"task\":\"T-1\"", i, i);
        struct sunder_outputs out = act(i, "read", more);
        bool fits = i < SUNDER_KEY_CASES_MAX;
        rig_assert_answer(&out,
            fits ? SUNDER_VERDICT_ALLOW : SUNDER_VERDICT_DENY,
            fits ? "" : "limit_reached:cases");
    }
}

static struct sunder_outputs observe(const char *id, const char *more)
{
    return rig_send(rig,
        "observed",
        id,
        "bot:2",
        rig_text("{\"tenant\":\"acme\",\"tool\":\"erp\",\"action\":\"read\"%s}", more));
}

/* What happened must count; where it does not fit, nobody may go on until the key is closed. */
static void an_observed_act_too_many_saturates_its_keys_until_they_are_closed(void **state)
{
    (void)state;
    use(POLICY);
    fill_cases(SUNDER_KEY_CASES_MAX);

    struct sunder_outputs out =
        observe("seen", ",\"object\":\"vendor/V1\",\"case\":\"PO-one-more\"");

    assert_int_equal(out.records[0].kind, SUNDER_RECORD_OBSERVED);
    out = act(600, "submit", ",\"object\":\"vendor/V1\"");
    assert_int_equal(out.records[0].verdict, SUNDER_VERDICT_DENY);
    out = read_with_case(601, 3);
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:vendor/V1");
    for (uint32_t i = 0; i < SUNDER_KEY_CASES_MAX; i++) {
        executed(i);
    }
    close_key("object", "vendor/V1");
    out = read_with_case(602, 3);
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
}

/* Entries that all mean one act: `count` of them derive objects or cases of the given args. */
static void use_deriving(const char *what, uint32_t count)
{
    say(&text, HEAD "catalogue:\n");
    for (uint32_t i = 0; i < count; i++) {
        say(&text, "  - {tool: erp, action: bulk, duty: bulk, %s: args.d%u}\n", what, i);
    }
    say(&text, "  - {tool: erp, action: read, duty: bulk, shared: true}\n");
    use(text.at);
    text.len = 0;
}

static struct sunder_outputs bulk(uint32_t claimed, uint32_t derived)
{
    text.len = 0;
    say(&text, ",\"objects\":[");
    for (uint32_t i = 0; i < claimed; i++) {
        say(&text, "%s\"claimed/%u\"", i == 0 ? "" : ",", i);
    }
    say(&text, "],\"args\":{");
    for (uint32_t i = 0; i < derived; i++) {
        say(&text, "%s\"d%u\":\"derived/%u\"", i == 0 ? "" : ",", i, i);
    }
    say(&text, "}");
    return act(1, "bulk", text.at);
}

static void an_intent_has_128_objects(void **state)
{
    (void)state;
    uint32_t derived = SUNDER_INTENT_OBJECTS_MAX - SUNDER_OBJECTS_MAX;
    use_deriving("object", derived);

    struct sunder_outputs out = bulk(SUNDER_OBJECTS_MAX, derived);

    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    assert_int_equal(out.records[0].objects.count, SUNDER_INTENT_OBJECTS_MAX);
}

static void one_object_more_is_denied_and_takes_no_state(void **state)
{
    (void)state;
    uint32_t derived = SUNDER_INTENT_OBJECTS_MAX - SUNDER_OBJECTS_MAX + 1;
    use_deriving("object", derived);

    struct sunder_outputs out = bulk(SUNDER_OBJECTS_MAX, derived);

    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:objects");
    assert_int_equal(rig_count_rows(rig, SUNDER_TABLE_KEY), 0);
}

static void an_event_claims_at_most_64_objects(void **state)
{
    (void)state;
    use_deriving("object", 1);

    struct sunder_outputs out = bulk(SUNDER_OBJECTS_MAX + 1, 1);

    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:objects");
    assert_int_equal(out.records[0].stage, 1);
    assert_true(out.dead_letter);
}

static void an_intent_has_64_cases(void **state)
{
    (void)state;
    use_deriving("case", SUNDER_INTENT_CASES_MAX);

    struct sunder_outputs out = bulk(1, SUNDER_INTENT_CASES_MAX);

    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    assert_int_equal(out.records[0].cases.count, SUNDER_INTENT_CASES_MAX);
}

static void one_case_more_is_denied(void **state)
{
    (void)state;
    use_deriving("case", SUNDER_INTENT_CASES_MAX + 1);

    struct sunder_outputs out = bulk(1, SUNDER_INTENT_CASES_MAX + 1);

    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:cases");
}

static struct sunder_outputs act_with_duties(uint32_t count)
{
    say(&text, HEAD "catalogue:\n");
    for (uint32_t i = 0; i < count; i++) {
        say(&text, "  - {tool: erp, action: many, duty: d%02u}\n", i);
    }
    use(text.at);
    return act(1, "many", ",\"object\":\"vendor/V1\"");
}

static void an_intent_has_32_duties(void **state)
{
    (void)state;
    struct sunder_outputs out = act_with_duties(SUNDER_INTENT_DUTIES_MAX);

    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    assert_int_equal(out.records[0].duties.count, SUNDER_INTENT_DUTIES_MAX);
}

static void one_duty_more_is_denied(void **state)
{
    (void)state;
    struct sunder_outputs out = act_with_duties(SUNDER_INTENT_DUTIES_MAX + 1);

    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:duties");
}

/* Each rule takes a key and a value of 256 bytes. */
static struct sunder_outputs act_with_rules(uint32_t count)
{
    say(&text, HEAD "catalogue:\n  - {tool: erp, action: many, duty: many}\nrules:\n");
    for (uint32_t i = 0; i < count; i++) {
        say(&text, "  - {limit: r%03u, distinct: args.v, per: args.k, of: many, by: actor, max: 9}\n", i);
    }
    use(text.at);
    struct sunder_str key = sunder_str_copy(&rig->events, sunder_str_of(rig_long("k", 256)));
    return act(1, "many", rig_text(",\"args\":{\"k\":\"%s\",\"v\":\"%s\"}", key.at, key.at));
}

#define RULES_THAT_FIT (SUNDER_INTENT_RULE_TEXTS_MAX / (2 * (4 + SUNDER_IDENTIFIER_BYTES_MAX)))

static void rules_take_keys_and_values_up_to_their_bound(void **state)
{
    (void)state;
    struct sunder_outputs out = act_with_rules(RULES_THAT_FIT);

    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    assert_int_equal(out.records[0].rule_key_count, RULES_THAT_FIT);
    assert_int_equal(out.records[0].measure_count, RULES_THAT_FIT);
}

static void one_rule_more_is_denied_and_remembered_without_its_texts(void **state)
{
    (void)state;
    struct sunder_outputs out = act_with_rules(RULES_THAT_FIT + 1);

    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:rules");
    assert_int_equal(out.records[0].stage, 7);
    assert_int_equal(out.records[0].rule_key_count, RULES_THAT_FIT);
    assert_int_equal(out.records[0].measure_count, RULES_THAT_FIT);
    executed(1); /* Its late fact counts as far as it is known. */
}

static void more_than_a_row_could_hold_is_no_error(void **state)
{
    (void)state;
    struct sunder_outputs out = act_with_rules(200);

    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:rules");
    executed(1);
}

static struct sunder_outputs delegate(uint32_t number, const char *from, const char *to)
{
    return rig_send(rig,
        "delegation",
        rig_text("d%u", number),
        "orchestrator",
        rig_text("{\"tenant\":\"acme\",\"from\":\"%s\",\"to\":\"%s\"}", from, to));
}

/* bot:1 <- up:1 <- up:2 <- ... <- up:count */
static void delegate_in_a_row(uint32_t count)
{
    for (uint32_t i = 1; i <= count; i++) {
        const char *to = i == 1 ? "bot:1" : rig_text("up:%u", i - 1);
        struct sunder_outputs out = delegate(i, rig_text("up:%u", i), to);
        assert_false(out.dead_letter);
    }
}

static void a_chain_has_32_delegators_beside_its_principal(void **state)
{
    (void)state;
    use(POLICY);
    delegate_in_a_row(SUNDER_CHAIN_MAX);
    struct sunder_outputs out = act(1, "read", ",\"principal\":\"user:ana\"");

    /* The root of the edges is not the principal, so it stays a delegator (S12). */
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    assert_int_equal(out.records[0].subject_count, SUNDER_CHAIN_MAX + 2);
}

/* The root of the edges is the principal when nobody else is named, and then it is no delegator. */
static void a_root_that_is_the_principal_is_no_delegator(void **state)
{
    (void)state;
    use(POLICY);
    delegate_in_a_row(SUNDER_CHAIN_MAX + 1);

    struct sunder_outputs out = act(1, "read", "");

    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    assert_int_equal(out.records[0].subject_count, SUNDER_CHAIN_MAX + 2);
}

static void one_delegator_more_is_denied(void **state)
{
    (void)state;
    use(POLICY);
    delegate_in_a_row(SUNDER_CHAIN_MAX + 1);

    struct sunder_outputs out = act(1, "read", ",\"principal\":\"user:ana\"");

    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:delegation");
}

/* Whose act it was besides is not known, so nobody goes on with its object (S8, S31). */
static void what_was_denied_since_its_chain_is_cut_and_done_marks_its_keys(void **state)
{
    (void)state;
    use(POLICY);
    delegate_in_a_row(SUNDER_CHAIN_MAX + 1);
    struct sunder_outputs out =
        act(1, "read", ",\"principal\":\"user:ana\",\"object\":\"vendor/V9\"");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:delegation");
    const char *other = "{\"tenant\":\"acme\",\"tool\":\"erp\",\"action\":\"read\","
                        "\"object\":\"vendor/V9\"}";
    out = rig_intent(rig, "j1", "bot:2", other);
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");

    executed(1);

    out = rig_intent(rig, "j2", "bot:2", other);
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:vendor/V9");
    /* What stage 6 denied has no such reason. */
    out = act(
        2, "read", ",\"object\":\"vendor/V8\",\"principal\":\"user:ana\",\"parents\":[\"none\"]");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "parent_unknown:none");
    executed(2);
    out = act(3, "read", ",\"object\":\"vendor/V8\",\"principal\":\"user:ana\"");
    rig_assert_answer(
        &out, SUNDER_VERDICT_DENY, "limit_reached:delegation limit_reached:vendor/V8");
}

static void claimed_delegators_count_with_recorded_ones(void **state)
{
    (void)state;
    use(POLICY);
    delegate_in_a_row(SUNDER_CHAIN_MAX - 1);

    struct sunder_outputs out =
        act(1, "read", ",\"principal\":\"user:ana\",\"delegation\":[\"c:1\"]");
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    out = act(2, "read", ",\"principal\":\"user:ana\",\"delegation\":[\"up:1\",\"c:1\"]");
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    out = act(3, "read", ",\"principal\":\"user:ana\",\"delegation\":[\"c:1\",\"c:2\"]");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:delegation");
}

static void sixty_four_edges_lead_to_one_agent_and_no_more(void **state)
{
    (void)state;
    use(POLICY);
    for (uint32_t i = 0; i < SUNDER_EDGES_MAX; i++) {
        struct sunder_outputs out = delegate(i, rig_text("up:%u", i), "bot:1");
        assert_false(out.dead_letter);
    }

    struct sunder_outputs out = delegate(500, "up:500", "bot:1");
    rig_assert_dead(&out, "limit_reached", "to");
    out = delegate(501, "up:9", "bot:1"); /* Replaces the one before. */
    assert_false(out.dead_letter);
    out = delegate(502, "up:500", "bot:2");
    assert_false(out.dead_letter);
}

/* Deciding in ever more room, until it answers; then that is folded. */
static struct sunder_outputs decide_cramped(const struct sunder_event *event)
{
    static uint8_t block[65536];
    struct sunder_outputs out;
    enum sunder_err err = SUNDER_ERR_FULL;
    for (size_t room = 0; err == SUNDER_ERR_FULL; room += 8) {
        assert_true(room <= sizeof block);
        struct sunder_arena small = sunder_arena_of(block, room);
        err = sunder_decide(rig->policy, &rig->view, event, &small, &out);
    }
    assert_int_equal(err, SUNDER_OK);
    assert_int_equal(out.count, 1);
    assert_int_equal(
        sunder_fold(rig->policy, &rig->view, &rig->rows, &out.records[0], &rig->arena), SUNDER_OK);
    rig->offset += 1;
    return out;
}

static void an_observed_act_whose_rules_find_no_room_counts_and_marks_its_keys(void **state)
{
    (void)state;
    use(POLICY);
    struct sunder_outputs out = act(1, "confirm", ",\"object\":\"vendor/V1\"");
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    const struct sunder_event *event = rig_event(rig,
        "observed",
        "seen",
        "bot:1",
        "{\"tenant\":\"acme\",\"tool\":\"erp\",\"action\":\"submit\",\"object\":\"vendor/V1\"}");

    out = decide_cramped(event);

    assert_int_equal(out.records[0].kind, SUNDER_RECORD_OBSERVED);
    assert_int_equal(out.records[0].finding_count, 1);
    assert_str_equal(out.records[0].findings[0].code, "limit_reached");
    assert_str_equal(out.records[0].findings[0].field, "rules");
    out = act(2, "read", ",\"object\":\"vendor/V1\"");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:vendor/V1");
    out = act(3, "confirm", ",\"object\":\"vendor/V2\"");
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
}

/* A rule's own key that finds no room is not a key that the act lacks. */
static void a_key_without_room_is_told_or_the_act_is_refused(void **state)
{
    (void)state;
    use(HEAD "catalogue:\n"
             "  - {tool: erp, action: read, duty: read}\n"
             "  - {tool: erp, action: submit, duty: submit}\n"
             "rules:\n"
             "  - {requires: read, before: submit, name: r,\n"
             "     per: \"(object + object + object + object + object + object + object + object\n"
             "       + object + object + object + object).startsWith('x') ? 'a' : 'b'\"}\n");
    const struct sunder_event *event = rig_event(rig,
        "intent",
        "one",
        "bot:1",
        rig_text("{\"tenant\":\"acme\",\"tool\":\"erp\",\"action\":\"read\",\"object\":\"%s\"}",
            rig_long("vendor", 250)));

    struct sunder_outputs out = decide_cramped(event);

    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    assert_int_equal(out.records[0].rule_key_count, 1);
    assert_str_equal(out.records[0].rule_keys[0].key, "b");
}

#define BOUNDS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOUNDS_TEST(an_object_has_64_open_cases_and_forgets_closed_ones),
        BOUNDS_TEST(an_act_joins_64_cases_of_its_object_and_not_one_more),
        BOUNDS_TEST(a_task_has_64_open_cases),
        BOUNDS_TEST(an_observed_act_too_many_saturates_its_keys_until_they_are_closed),
        BOUNDS_TEST(an_intent_has_128_objects),
        BOUNDS_TEST(one_object_more_is_denied_and_takes_no_state),
        BOUNDS_TEST(an_event_claims_at_most_64_objects),
        BOUNDS_TEST(rules_take_keys_and_values_up_to_their_bound),
        BOUNDS_TEST(one_rule_more_is_denied_and_remembered_without_its_texts),
        BOUNDS_TEST(more_than_a_row_could_hold_is_no_error),
        BOUNDS_TEST(an_intent_has_64_cases),
        BOUNDS_TEST(one_case_more_is_denied),
        BOUNDS_TEST(an_intent_has_32_duties),
        BOUNDS_TEST(one_duty_more_is_denied),
        BOUNDS_TEST(a_chain_has_32_delegators_beside_its_principal),
        BOUNDS_TEST(a_root_that_is_the_principal_is_no_delegator),
        BOUNDS_TEST(one_delegator_more_is_denied),
        BOUNDS_TEST(what_was_denied_since_its_chain_is_cut_and_done_marks_its_keys),
        BOUNDS_TEST(claimed_delegators_count_with_recorded_ones),
        BOUNDS_TEST(an_observed_act_whose_rules_find_no_room_counts_and_marks_its_keys),
        BOUNDS_TEST(a_key_without_room_is_told_or_the_act_is_refused),
        BOUNDS_TEST(sixty_four_edges_lead_to_one_agent_and_no_more),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
