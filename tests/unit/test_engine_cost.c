/* What judging one act may cost: evaluations of its rules' expressions (S31, Readings 18). */
#include <stdarg.h>
#include <stdio.h>

#include "tests/unit/test_engine_fixture.h"

#define HEAD "sunder: 1\nname: p\nauthority: open\ntenant: payload\n"

static struct rig *rig;
static char text[65536];
static size_t len;

/* Adds to `text`. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int more = vsnprintf(text + len, sizeof text - len, format, args);
    va_end(args);
    assert_true(more >= 0 && (size_t)more < sizeof text - len);
    len += (size_t)more;
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

/* An act of bot:1 for user:ana, with 16 delegators: 18 subjects. */
static struct sunder_outputs crowd(uint32_t number, const char *kind, uint32_t objects)
{
    len = 0;
    say("{\"tenant\":\"acme\",\"tool\":\"erp\",\"action\":\"read\",\"principal\":\"user:ana\",");
    say("\"delegation\":[\"up:0\"");
    for (uint32_t i = 1; i < SUNDER_DELEGATION_MAX; i++) {
        say(",\"up:%u\"", i);
    }
    say("],\"objects\":[\"o:0\"");
    for (uint32_t i = 1; i < objects; i++) {
        say(",\"o:%u\"", i);
    }
    say("]}");
    return rig_send(rig, kind, rig_text("i%u", number), "bot:1", text);
}

#define ASKS "history.count('submit') > 9 && object != 'o:x'"

static void rules_may_cost_4096_evaluations(void **state)
{
    (void)state;
    use(HEAD "catalogue:\n"
             "  - {tool: erp, action: read, duty: read}\n"
             "  - {tool: erp, action: submit, duty: submit}\n"
             "rules:\n"
             "  - {condition: a, when: \"" ASKS "\", unless: \"depth > 90\"}\n"
             "  - {condition: b, when: \"" ASKS "\", unless: \"depth > 91\"}\n"
             "  - {condition: c, when: \"object == 'o:7' && " ASKS "\"}\n");
    struct sunder_outputs out = crowd(1, "intent", 56); /* 18 * 56 * 4 + 18 = 4050 */
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    assert_int_equal(
        out.evaluations, SUNDER_INTENT_EVALUATIONS_MAX + 1); /* Before what `c` rules out. */
    out = crowd(2, "intent", 57);                            /* 18 * 57 * 4 + 18 = 4122 */
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:rules");
    uint64_t gets = rig->gets;
    out = crowd(3, "intent", 64);
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:rules");
    assert_true(rig->gets - gets < 500); /* Nothing was judged. */

    out = crowd(4, "observed", 64);
    assert_int_equal(out.records[0].finding_count, 1);
    assert_str_equal(out.records[0].findings[0].code, "limit_reached");
    out = rig_intent(rig,
        "i5",
        "bot:2",
        "{\"tenant\":\"acme\",\"tool\":\"erp\",\"action\":\"read\",\"object\":\"o:63\"}");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:o:63");
}

static void policy_of_limits(uint32_t rules)
{
    len = 0;
    say(HEAD "catalogue:\n  - {tool: erp, action: read, duty: read}\nrules:\n");
    for (uint32_t i = 0; i < rules; i++) {
        say("  - {limit: l%u, count: true, of: read, by: [agent, delegator, principal], per: "
            "object, within: 1h, max: 9}\n",
            i);
    }
    use(text);
}

static void rules_may_look_at_16384_pairs(void **state)
{
    (void)state;
    policy_of_limits(14);
    struct sunder_outputs out = crowd(1, "intent", 64); /* 18 * 64 * 14 = 16128 */
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    rig_destroy(&rig);
    policy_of_limits(15);
    out = crowd(1, "intent", 61); /* 18 * 61 * 15 = 16470 */
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:rules");
    uint64_t gets = rig->gets;
    out = crowd(2, "intent", 61);
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:rules");
    assert_true(rig->gets - gets < 500); /* Nothing was judged. */
}

/* One history for all objects: it is read once for each subject. */
static void what_the_history_answered_is_not_asked_for_again(void **state)
{
    (void)state;
    use(HEAD "catalogue:\n"
             "  - {tool: erp, action: read, duty: read}\n"
             "  - {tool: erp, action: submit, duty: submit}\n"
             "rules:\n"
             "  - {condition: a, when: \"" ASKS "\"}\n");
    struct sunder_outputs out = crowd(1, "intent", 64);
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    uint64_t gets = rig->gets;
    out = crowd(2, "intent", 1);
    uint64_t one = rig->gets - gets;
    gets = rig->gets;
    out = crowd(3, "intent", 64);
    uint64_t many = rig->gets - gets;
    assert_true(
        many - one < 63 * 8); /* What the objects themselves need, not 63 times 18 series. */
}

/* 600 turns of some 15 units, for each of 64 objects: one rule has the room for it, eight have not. */
#define TURNS                                                                                      \
    "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30]."          \
    "exists(x, [31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50]."                     \
    "exists(y, x * y == 7777 && object != 'o:x'))"

static void evaluations_together_have_a_bound_of_their_own(void **state)
{
    (void)state;
    for (uint32_t rules = 1; rules < 9; rules += 7) {
        len = 0;
        say(HEAD "catalogue:\n  - {tool: erp, action: read, duty: read}\nrules:\n");
        for (uint32_t i = 0; i < rules; i++) {
            say("  - {condition: c%u, when: \"" TURNS "\"}\n", i);
        }
        use(text);
        struct sunder_outputs out = crowd(1, "intent", 64);
        bool enough = rules == 1;
        assert_int_equal(
            out.records[0].verdict, enough ? SUNDER_VERDICT_ALLOW : SUNDER_VERDICT_DENY);
        assert_int_equal(out.records[0].stage, 8);
        if (!enough) { /* An evaluation without fuel errors, and fires. */
            assert_str_equal(out.records[0].reasons[out.records[0].reason_count - 1].rule, "c7");
        }
        if (enough) {
            rig_destroy(&rig);
        }
    }
}

/* An act with all that there may be of everything, in long names; `from` numbers its case. */
static const char *everything(uint32_t from)
{
    len = 0;
    say("{\"tenant\":\"acme\",\"tool\":\"erp\",\"action\":\"all\",\"principal\":\"%s\",\"task\":\"%"
        "s\",",
        rig_long("user:p", 256),
        rig_long("task:t", 256));
    say("\"amount\":\"1\",\"currency\":\"EUR\",\"credential\":\"%s\",\"case\":\"%s\","
        "\"delegation\":[\"bot:d\"",
        rig_long("sha256:c", 256),
        rig_long(rig_text("case:%u-", from), 256));
    for (uint32_t i = 1; i < SUNDER_DELEGATION_MAX; i++) {
        say(",\"%s\"", rig_long(rig_text("up:%u-", i), 256));
    }
    say("],\"labels\":[\"x\"");
    for (uint32_t i = 1; i + 1 < SUNDER_LABELS_MAX; i++) {
        say(",\"%s\"", rig_long(rig_text("label:%u-", i), 256));
    }
    say("],\"objects\":[\"o\"");
    for (uint32_t i = 1; i < SUNDER_OBJECTS_MAX; i++) {
        say(",\"%s\"", rig_long(rig_text("o:%u-", i), 256));
    }
    say("]}");
    return text;
}

/* What the shell keeps back for folding (consumers/partition.c) is 16 times as much as there is here, and this takes a sixth of it. */
static void folding_needs_room_for_one_key_at_a_time(void **state)
{
    (void)state;
    static uint8_t block[1048576];
    len = 0;
    say(HEAD "catalogue:\n");
    for (uint32_t d = 0; d < SUNDER_INTENT_DUTIES_MAX; d++) {
        say("  - {tool: erp, action: all, duty: d%02u, labels: [seen]}\n", d);
    }
    say("rules:\n  - {separation: s, duties: [d00, d01, d02, d03], per: object, then: alert}\n");
    for (uint32_t i = 0; i < 2; i++) {
        say("  - {limit: l%u, sum: amount, currency: EUR, of: d00, by: principal, per: object, "
            "max: 900, then: alert}\n",
            i);
        say("  - {sequence: q%u, steps: [d01, d02], along: subject, by: principal, within: task, "
            "per: object, then: alert}\n",
            i);
        say("  - {condition: c%u, when: \"history.count('d05') > 99\", per: case, by: agent}\n", i);
    }
    use(text);
    for (uint32_t n = 0; n < 30; n++) { /* The 25th makes the keys wide. */
        const struct sunder_event *event =
            rig_event(rig, "intent", rig_text("i%u", n), rig_text("bot:%u", n), everything(n));
        struct sunder_outputs out;
        assert_int_equal(
            sunder_decide(rig->policy, &rig->view, event, &rig->arena, &out), SUNDER_OK);
        assert_int_equal(out.records[0].verdict, SUNDER_VERDICT_ALLOW);
        struct sunder_arena small = sunder_arena_of(block, sizeof block);
        for (uint32_t i = 0; i < out.count; i++) {
            assert_int_equal(
                sunder_fold(rig->policy, &rig->view, &rig->rows, &out.records[i], &small),
                SUNDER_OK);
        }
        rig->offset += 1;
    }
}

#define POLICY_CASES                                                                               \
    HEAD "catalogue:\n"                                                                            \
         "  - {tool: erp, action: pay, duty: pay}\n"                                               \
         "  - {tool: erp, action: look, duty: look, shared: true}\n"                               \
         "rules:\n"                                                                                \
         "  - {separation: s, duties: [pay, look], per: case}\n"

/* An act on V1 in a case of its own. Gives how many rows were read. */
static uint64_t act_in_case(const char *action, uint32_t number, const char *more)
{
    uint64_t gets = rig->gets;
    struct sunder_outputs out = rig_intent(rig,
        rig_text("i%u", number),
        "bot:1",
        rig_text("{\"tenant\":\"acme\",\"tool\":\"erp\",\"action\":\"%s\",\"object\":\"V1\","
                 "\"case\":\"PO-%u\"%s}",
            action,
            number,
            more));
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    return rig->gets - gets;
}

static void close_case(uint32_t number)
{
    (void)rig_send(rig,
        "outcome",
        rig_text("o%u", number),
        "bot:1",
        rig_text("{\"tenant\":\"acme\",\"intent\":\"i%u\",\"result\":\"executed\"}", number));
    struct sunder_outputs out = rig_send(rig,
        "case",
        rig_text("c%u", number),
        "closer",
        rig_text("{\"tenant\":\"acme\",\"case\":\"PO-%u\",\"state\":\"closed\"}", number));
    assert_false(out.dead_letter);
}

/* From the third on, each of fifty acts on one object, each in a case of its own, reads as many rows as the one before. */
static void assert_reads_stay(const char *action, const char *more, bool closes)
{
    use(POLICY_CASES);
    uint64_t early = 0;
    for (uint32_t n = 0; n < 50; n++) {
        uint64_t gets = act_in_case(action, n, more);
        early = n == 2 ? gets : early;
        assert_true(n <= 2 || gets == early);
        if (closes) {
            close_case(n);
        }
    }
}

/* An object and a task that live on while their cases come and go. */
static void a_closed_case_is_read_once_more_and_never_again(void **state)
{
    (void)state;
    assert_reads_stay("pay", ",\"task\":\"T1\"", true);
    assert_int_equal(rig_count_bound(rig, SUNDER_STR("PO-48")), 0);
    assert_int_equal(rig_count_bound(rig, SUNDER_STR("PO-49")), 2); /* Until the next act. */
}

/* It does not ask for them. */
static void a_shared_act_does_not_read_all_cases_of_its_object(void **state)
{
    (void)state;
    assert_reads_stay("look", "", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(rules_may_cost_4096_evaluations, teardown),
        cmocka_unit_test_teardown(rules_may_look_at_16384_pairs, teardown),
        cmocka_unit_test_teardown(what_the_history_answered_is_not_asked_for_again, teardown),
        cmocka_unit_test_teardown(folding_needs_room_for_one_key_at_a_time, teardown),
        cmocka_unit_test_teardown(evaluations_together_have_a_bound_of_their_own, teardown),
        cmocka_unit_test_teardown(a_closed_case_is_read_once_more_and_never_again, teardown),
        cmocka_unit_test_teardown(a_shared_act_does_not_read_all_cases_of_its_object, teardown),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
