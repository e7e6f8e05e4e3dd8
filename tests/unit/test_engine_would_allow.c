/* G7: what would have been allowed. Each change that is told is made here by other means than the search's, and judged. */
#include <stdio.h>

#include "engine/base/decimal.h"
#include "engine/would_allow.h"
#include "tests/support/random.h"
#include "tests/unit/test_engine_stream.h"

#define STREAM_EVENTS 4000u
#define TRIAL_BYTES ((size_t)4 * 1024 * 1024)

#define HEAD                                                                                       \
    "sunder: 1\nname: t\nauthority: open\ntenant: payload\n"                                       \
    "approvals: {count: 1, from: [user:eve]}\ncatalogue:\n"                                        \
    "  - {tool: erp, action: create, duty: create}\n"                                              \
    "  - {tool: erp, action: submit, duty: submit}\n"                                              \
    "  - {tool: erp, action: pay, duty: pay}\nrules:\n"
#define PAIR "  - {separation: pair, duties: [create, submit], per: object}\n"
#define MONEY                                                                                      \
    "  - {limit: money, sum: amount, currency: EUR, of: pay, by: [agent], within: 100s, max: "     \
    "100}\n"

static struct sunder_arena trial_arena;

static int setup(void **state)
{
    trial_arena = test_arena_of(TRIAL_BYTES);
    return test_group_setup(state);
}

static bool is(struct sunder_str text, const char *expected)
{
    return sunder_str_equal(text, sunder_str_of(expected));
}

/* --- making the changes --- */

static void close_key(struct rig *rig, const struct sunder_event *event, struct sunder_str key)
{
    for (uint32_t object = 0; object < 2; object++) {
        struct sunder_event closing = {.kind = SUNDER_EVENT_CASE,
            .at = event->at,
            .id = object == 1 ? SUNDER_STR("closing-object") : SUNDER_STR("closing-case"),
            .source = SUNDER_STR("svc:auditor"),
            .type = SUNDER_STR("dev.sunder.case.v1"),
            .tenant = event->tenant};
        *(object == 1 ? &closing.object : &closing.case_id) = key;
        struct sunder_outputs out;
        assert_int_equal(
            sunder_decide(rig->policy, &rig->view, &closing, &trial_arena, &out), SUNDER_OK);
        for (uint32_t i = 0; i < out.count; i++) {
            assert_int_equal(
                sunder_fold(rig->policy, &rig->view, &rig->rows, &out.records[i], &trial_arena),
                SUNDER_OK);
        }
    }
}

static void rename_party(struct sunder_str *text, struct sunder_str party, struct sunder_str other)
{
    if (text->at != NULL && sunder_str_equal(*text, party)) {
        *text = other;
    }
}

static void replace_party(struct sunder_event *event, struct sunder_str party, uint32_t n)
{
    bool nobody = is(party, "unattributed") && event->principal.at == NULL;
    bool person = nobody || sunder_str_starts_with(party, SUNDER_STR("user:"));

    struct sunder_str other = sunder_str_copy(&trial_arena,
        sunder_str_of(rig_text(person ? "user:nobody-knows-%u" : "bot:nobody-knows-%u", n)));
    struct sunder_str *chain =
        SUNDER_ARENA_NEW(&trial_arena, struct sunder_str, event->delegation.count);
    for (uint32_t i = 0; i < event->delegation.count; i++) {
        chain[i] = event->delegation.at[i];
        rename_party(&chain[i], party, other);
    }
    event->delegation.at = chain;
    if (nobody) {
        event->principal = other;
    }

    rename_party(&event->agent, party, other);
    rename_party(&event->principal, party, other);
    rename_party(&event->credential, party, other);
}

static int64_t whole(struct sunder_str text)
{
    int64_t micro = 0;
    assert_int_equal(sunder_decimal_parse(text, &micro), SUNDER_OK);
    return micro / SUNDER_DECIMAL_ONE;
}

/* Whether the intent passes with those of its changes whose bits are set. The state stays as it is. */
static bool passes(struct rig *rig,
    const struct sunder_event *event,
    const struct sunder_decision *told,
    uint32_t mask)
{
    sunder_arena_reset(&trial_arena);
    rig_hold(rig, true);
    struct sunder_event changed = *event;
    bool approved = false;
    for (uint32_t i = 0; i < told->would_allow_count; i++) {
        struct sunder_str value = told->would_allow[i].value;
        if ((mask & (1u << i)) == 0) {
            continue;
        }
        switch (told->would_allow[i].kind) {
        case SUNDER_CHANGE_APPROVAL:
            approved = true;
            break;
        case SUNDER_CHANGE_WAIT:
            changed.at.timestamp_ms = whole(value);
            break;
        case SUNDER_CHANGE_AMOUNT:
            changed.amount.plain = value;
            assert_int_equal(sunder_decimal_parse(value, &changed.amount.micro), SUNDER_OK);
            break;
        case SUNDER_CHANGE_PARTY:
            replace_party(&changed, value, i);
            break;
        case SUNDER_CHANGE_CLOSED:
            close_key(rig, event, value);
            break;
        }
    }
    struct sunder_outputs out;
    assert_int_equal(
        sunder_decide(rig->policy, &rig->view, &changed, &trial_arena, &out), SUNDER_OK);
    enum sunder_verdict verdict = out.records[0].verdict;
    rig_hold(rig, false);
    return verdict == SUNDER_VERDICT_ALLOW || (approved && verdict == SUNDER_VERDICT_ESCALATE);
}

/* Applied gives allow; no proper part does. */
static void assert_minimal(
    struct rig *rig, const struct sunder_event *event, const struct sunder_decision *told)
{
    uint32_t all = (1u << told->would_allow_count) - 1;
    for (uint32_t mask = 0; mask <= all; mask++) {
        bool allowed = passes(rig, event, told, mask);
        if (allowed != (mask == all)) {
            fail_msg("intent %.*s, changes %u of %u: %s",
                (int)event->id.len,
                event->id.at,
                mask,
                all,
                allowed ? "a part of them is enough" : "all of them are not enough");
        }
    }
}

static struct sunder_decision told_of(struct rig *rig, const struct sunder_event *event)
{
    struct sunder_outputs out;
    assert_int_equal(sunder_decide(rig->policy, &rig->view, event, &rig->arena, &out), SUNDER_OK);
    struct sunder_decision decision = out.records[0];
    assert_int_equal(
        sunder_would_allow(rig->policy, &rig->view, event, &rig->arena, &decision), SUNDER_OK);
    return decision;
}

/* --- random streams --- */

static void run_stream(const char *yaml, uint64_t seed, uint32_t found[static 6])
{
    struct rig *rig = rig_create(rig_policy(yaml));
    struct stream stream = {.random = seed};
    for (uint32_t i = 0; i < STREAM_EVENTS; i++) {
        const struct sunder_event *event = stream_next(&stream, rig);
        if (event->kind == SUNDER_EVENT_INTENT) {
            struct sunder_decision told = told_of(rig, event);
            for (uint32_t k = 0; k < told.would_allow_count; k++) {
                found[told.would_allow[k].kind] += 1;
            }
            found[5] += told.would_allow_count > 1;
            if (told.would_allow_count > 0) {
                assert_minimal(rig, event, &told);
            }
        }
        (void)rig_take(rig, event);
    }
    rig_destroy(&rig);
}

static void told_changes_are_enough_and_no_fewer(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    uint32_t found[6] = {0};
    run_stream(STREAM_POLICY, seed, found);
    run_stream(STREAM_POLICY_FINE, seed, found);
    /* What few names can give: a smaller amount helps only where no wait does. */

    assert_true(found[SUNDER_CHANGE_APPROVAL] > 0);
    assert_true(found[SUNDER_CHANGE_WAIT] > 0);

    assert_true(found[SUNDER_CHANGE_PARTY] > 0);
    assert_true(found[5] > 0);
}

/* --- one by one --- */

/* Asks for an act after those before it, and tells what would let it pass, as "kind value, kind value". */
static const char *told_text(struct rig *rig, const char *agent, const char *data)
{
    static const char *const KINDS[] = {"approval", "wait", "amount", "party", "closed"};
    static char text[512];
    const struct sunder_event *event = rig_event(rig, "intent", "asked", agent, data);
    struct sunder_decision told = told_of(rig, event);
    size_t len = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < told.would_allow_count; i++) {
        len += (size_t)snprintf(text + len,
            sizeof text - len,
            "%s%s %.*s",
            i == 0 ? "" : ", ",
            KINDS[told.would_allow[i].kind],
            (int)told.would_allow[i].value.len,
            told.would_allow[i].value.at);
    }
    if (told.would_allow_count > 0) {
        assert_minimal(rig, event, &told);
    }
    return text;
}

#define ACT(action)                                                                                \
    "{\"tenant\":\"a\",\"tool\":\"erp\",\"action\":\"" action "\",\"object\":\"v/1\""
#define PAY(amount) ACT("pay") ",\"amount\":\"" amount "\",\"currency\":\"EUR\"}"

static void another_party_takes_the_last_step(void **state)
{
    (void)state;
    struct rig *rig = rig_create(rig_policy(HEAD PAIR));
    (void)rig_intent(rig, "i1", "bot:1", ACT("create") ",\"principal\":\"user:max\"}");
    assert_string_equal(
        told_text(rig, "bot:1", ACT("submit") ",\"principal\":\"user:ana\"}"), "party bot:1");
    assert_string_equal(
        told_text(rig, "bot:2", ACT("submit") ",\"principal\":\"user:max\"}"), "party user:max");
    rig_destroy(&rig);
}

static void both_who_stand_behind_the_first_step_are_replaced(void **state)
{
    (void)state;
    struct rig *rig = rig_create(rig_policy(HEAD PAIR));
    (void)rig_intent(rig, "i1", "bot:1", ACT("create") ",\"principal\":\"user:ana\"}");
    assert_string_equal(told_text(rig, "bot:1", ACT("submit") ",\"principal\":\"user:ana\"}"),
        "party bot:1, party user:ana");
    (void)rig_intent(rig, "i2", "bot:2", ACT("create") "}");
    assert_string_equal(
        told_text(rig, "bot:2", ACT("submit") "}"), "party bot:2, party unattributed");

    rig_destroy(&rig);
}

static void a_closed_object_when_the_act_was_confirmed(void **state)
{
    (void)state;
    /* Nobody can take the agent's place: it is a duty of this tenant's only agent. */
    struct rig *rig = rig_create(rig_policy(
        HEAD "  - {separation: pair, duties: [create, submit], per: object, by: [task]}\n"));
    (void)rig_intent(rig, "i1", "bot:1", ACT("create") ",\"task\":\"T-1\"}");
    assert_string_equal(told_text(rig, "bot:1", ACT("submit") ",\"task\":\"T-1\"}"), "");
    (void)rig_send(rig,
        "outcome",
        "o1",
        "svc:erp",
        "{\"tenant\":\"a\",\"intent\":\"i1\",\"result\":\"executed\"}");
    assert_string_equal(told_text(rig, "bot:1", ACT("submit") ",\"task\":\"T-1\"}"), "closed v/1");
    rig_destroy(&rig);
}

static void a_limit_tells_when_or_how_much(void **state)
{
    (void)state;
    struct rig *rig = rig_create(rig_policy(HEAD MONEY));
    int64_t first_ms = rig->now_ms;
    (void)rig_intent(rig, "i1", "bot:1", PAY("60"));
    rig->now_ms = first_ms + 10000;
    (void)rig_intent(rig, "i2", "bot:1", PAY("30"));
    rig->now_ms = first_ms + 20000;
    /* The earlier act alone must leave the window. */
    assert_string_equal(told_text(rig, "bot:1", PAY("50.25")),
        rig_text("wait %lld", (long long)(first_ms + 100000)));
    /* Both must. */
    assert_string_equal(
        told_text(rig, "bot:1", PAY("100")), rig_text("wait %lld", (long long)(first_ms + 110000)));
    /* However long one waits: the amount itself is too large. */
    assert_string_equal(told_text(rig, "bot:1", PAY("100.5")), "amount 10");
    rig_destroy(&rig);
}

static void what_is_known_already_gives_way_to_another_change(void **state)
{
    (void)state;
    struct rig *rig = rig_create(rig_policy(HEAD MONEY));
    (void)rig_intent(rig, "i1", "bot:1", PAY("60"));
    const struct sunder_event *event = rig_event(rig, "intent", "asked", "bot:1", PAY("50.25"));
    struct sunder_decision told = told_of(rig, event);
    const enum sunder_change_kind kinds[] = {
        SUNDER_CHANGE_WAIT, SUNDER_CHANGE_AMOUNT, SUNDER_CHANGE_PARTY};
    struct sunder_change known[3];

    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(told.would_allow_count, 1);
        assert_int_equal(told.would_allow[0].kind, kinds[i]);
        assert_minimal(rig, event, &told);
        known[i] = told.would_allow[0];
        told.would_allow = known;
        told.would_allow_count = i + 1;
        assert_int_equal(
            sunder_would_allow(rig->policy, &rig->view, event, &rig->arena, &told), SUNDER_OK);
    }
    assert_int_equal(told.would_allow_count, 0);
    rig_destroy(&rig);
}

static void people_and_another_party_together(void **state)
{
    (void)state;
    struct rig *rig = rig_create(
        rig_policy(HEAD PAIR "  - {requires: pay, before: submit, name: paid, then: escalate}\n"));
    assert_string_equal(told_text(rig, "bot:2", ACT("submit") "}"), "approval paid");
    (void)rig_intent(rig, "i1", "bot:1", ACT("create") ",\"principal\":\"user:ana\"}");
    assert_string_equal(told_text(rig, "bot:1", ACT("submit") "}"), "approval paid, party bot:1");
    rig_destroy(&rig);
}

static void a_decision_tells_only_when_the_policy_discloses(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct rig *rig = rig_create(rig_policy(i == 0 ? HEAD PAIR : HEAD PAIR "disclose: true\n"));
        (void)rig_intent(rig, "i1", "bot:1", ACT("create") ",\"principal\":\"user:ana\"}");
        struct sunder_outputs out = rig_intent(rig, "i2", "bot:1", ACT("submit") "}");
        assert_int_equal(out.records[0].verdict, SUNDER_VERDICT_DENY);
        assert_int_equal(out.records[0].would_allow_count, i);
        if (i == 1) {
            assert_true(is(out.records[0].would_allow[0].value, "bot:1"));
        }
        rig_destroy(&rig);
    }
}

static void what_is_refused_before_the_rules_tells_nothing(void **state)
{
    (void)state;
    struct rig *rig = rig_create(rig_policy(HEAD PAIR));
    assert_string_equal(
        told_text(rig, "bot:1", "{\"tenant\":\"a\",\"tool\":\"erp\",\"action\":\"nothing\"}"), "");
    rig_destroy(&rig);
}

/* A deny for which two changes together are found, and the event it answers. */
static struct sunder_decision two_changes(struct rig *rig, const struct sunder_event **ret_event)
{
    (void)rig_intent(rig, "i1", "bot:1", ACT("create") ",\"principal\":\"user:ana\"}");
    *ret_event =
        rig_event(rig, "intent", "asked", "bot:1", ACT("submit") ",\"principal\":\"user:ana\"}");
    struct sunder_outputs out;
    assert_int_equal(
        sunder_decide(rig->policy, &rig->view, *ret_event, &rig->arena, &out), SUNDER_OK);
    assert_int_equal(out.records[0].verdict, SUNDER_VERDICT_DENY);
    return out.records[0];
}

static void a_read_that_fails_is_an_error_and_no_answer(void **state)
{
    (void)state;
    struct rig *rig = rig_create(rig_policy(HEAD PAIR));
    const struct sunder_event *event = NULL;
    const struct sunder_decision deny = two_changes(rig, &event);
    rig->fail = SUNDER_ERR_IO;
    enum sunder_err err = SUNDER_ERR_IO;
    uint32_t failed = 0;
    for (uint64_t n = 1; err != SUNDER_OK; n++) {
        struct sunder_decision decision = deny;
        rig->gets = 0;
        rig->fail_get = n;
        err = sunder_would_allow(rig->policy, &rig->view, event, &rig->arena, &decision);
        assert_true(err == SUNDER_OK || err == SUNDER_ERR_IO);
        assert_int_equal(decision.would_allow_count, err == SUNDER_OK ? 2 : 0);
        failed += err != SUNDER_OK;
    }
    assert_true(failed > 20); /* Every read of every trial. */
    rig_destroy(&rig);
}

static void without_room_there_is_no_answer(void **state)
{
    (void)state;
    struct rig *rig = rig_create(rig_policy(HEAD PAIR));
    const struct sunder_event *event = NULL;
    const struct sunder_decision deny = two_changes(rig, &event);
    enum sunder_err err = SUNDER_ERR_FULL;
    for (size_t room = 0; err != SUNDER_OK; room += 509) {
        assert_true(room < TRIAL_BYTES);
        struct sunder_decision decision = deny;
        struct sunder_arena small = sunder_arena_of(trial_arena.memory, room);
        err = sunder_would_allow(rig->policy, &rig->view, event, &small, &decision);
        assert_true(err == SUNDER_OK || err == SUNDER_ERR_FULL);
        assert_int_equal(decision.would_allow_count, err == SUNDER_OK ? 2 : 0);
    }
    rig_destroy(&rig);
}

static void a_deny_that_has_no_room_to_tell_more_stands(void **state)
{
    (void)state;
    struct rig *rig = rig_create(rig_policy(HEAD PAIR "disclose: true\n"));
    const struct sunder_event *event = NULL;
    (void)two_changes(rig, &event);
    struct sunder_outputs out;
    enum sunder_err err = SUNDER_ERR_FULL;
    for (size_t room = 0; err != SUNDER_OK; room += 64) {
        assert_true(room < TRIAL_BYTES);
        struct sunder_arena small = sunder_arena_of(trial_arena.memory, room);
        err = sunder_decide(rig->policy, &rig->view, event, &small, &out);
        assert_true(err == SUNDER_OK || err == SUNDER_ERR_FULL);
    }
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "separation:pair");
    assert_int_equal(out.records[0].would_allow_count, 0);
    rig_destroy(&rig);
}

/* Alone the amount goes down to what both limits leave; with another principal only one stands there. */
static void an_amount_that_did_not_help_alone_is_not_the_smaller_in_a_pair(void **state)
{
    (void)state;
    struct rig *rig = rig_create(rig_policy(
        HEAD "  - {separation: pair, duties: [create, pay], per: object, by: [principal]}\n"
             "  - {limit: money, sum: amount, currency: EUR, of: pay, by: [agent], max: 100}\n"
             "  - {limit: small, sum: amount, currency: EUR, of: pay, by: [principal], max: 65, "
             "unless: \"amount >= 70\"}\n"));
    (void)rig_intent(rig, "i1", "bot:1", ACT("create") ",\"principal\":\"user:ana\"}");
    (void)rig_intent(rig,
        "i2",
        "bot:1",
        ACT("pay") ",\"amount\":\"40\",\"currency\":\"EUR\",\"principal\":\"user:bo\"}");
    (void)rig_intent(rig,
        "i3",
        "bot:2",
        "{\"tenant\":\"a\",\"tool\":\"erp\",\"action\":\"pay\",\"object\":\"v/2\","
        "\"amount\":\"30\",\"currency\":\"EUR\",\"principal\":\"user:ana\"}");
    assert_string_equal(
        told_text(rig,
            "bot:1",
            ACT("pay") ",\"amount\":\"90\",\"currency\":\"EUR\",\"principal\":\"user:ana\"}"),
        "amount 60, party user:ana");
    rig_destroy(&rig);
}

static void the_search_is_bounded(void **state)
{
    (void)state;
    /* Nothing helps, and there is much to try. */
    struct rig *rig = rig_create(rig_policy(HEAD
        "  - {separation: pair, duties: [create, submit], per: tenant, by: [task], within: 900s}\n"
        "  - {limit: none, count: true, of: submit, by: [task], max: 0}\n"));
    for (uint32_t i = 0; i < 30; i++) {
        rig->now_ms += 1000;
        (void)rig_intent(rig, rig_text("i%u", i), "bot:1", ACT("create") ",\"task\":\"T-1\"}");
    }
    const struct sunder_event *event = rig_event(rig,
        "intent",
        "asked",
        "bot:1",
        ACT("submit") ",\"task\":\"T-1\",\"principal\":\"user:ana\",\"credential\":\"c:1\","
                      "\"delegation\":[\"bot:2\",\"bot:3\",\"bot:4\",\"bot:5\",\"bot:6\"]}");
    rig->gets = 0;
    struct sunder_outputs out;
    assert_int_equal(sunder_decide(rig->policy, &rig->view, event, &rig->arena, &out), SUNDER_OK);
    uint64_t once = rig->gets;
    assert_int_equal(out.records[0].verdict, SUNDER_VERDICT_DENY);
    assert_int_equal(
        sunder_would_allow(rig->policy, &rig->view, event, &rig->arena, &out.records[0]),
        SUNDER_OK);
    assert_int_equal(out.records[0].would_allow_count, 0);
    /* Trials read about as much as the judgement itself. */
    assert_true(rig->gets > 20 * once);
    assert_true(rig->gets < (SUNDER_WOULD_ALLOW_TRIALS_MAX + 1) * 2 * once);
    rig_destroy(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(told_changes_are_enough_and_no_fewer),
        cmocka_unit_test(another_party_takes_the_last_step),
        cmocka_unit_test(both_who_stand_behind_the_first_step_are_replaced),
        cmocka_unit_test(a_closed_object_when_the_act_was_confirmed),
        cmocka_unit_test(a_limit_tells_when_or_how_much),
        cmocka_unit_test(what_is_known_already_gives_way_to_another_change),
        cmocka_unit_test(people_and_another_party_together),
        cmocka_unit_test(a_decision_tells_only_when_the_policy_discloses),
        cmocka_unit_test(what_is_refused_before_the_rules_tells_nothing),
        cmocka_unit_test(a_read_that_fails_is_an_error_and_no_answer),
        cmocka_unit_test(without_room_there_is_no_answer),
        cmocka_unit_test(a_deny_that_has_no_room_to_tell_more_stands),
        cmocka_unit_test(an_amount_that_did_not_help_alone_is_not_the_smaller_in_a_pair),
        cmocka_unit_test(the_search_is_bounded),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
