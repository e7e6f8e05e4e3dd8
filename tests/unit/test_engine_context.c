/* The head of a policy in action: required context, purposes, entitlements, scopes and rates (S20, S21, S29, S19). */
#include "tests/unit/test_engine_fixture.h"

#define HEAD "sunder: 1\nname: p\nauthority: open\ntenant: payload\n"
#define CATALOGUE                                                                                  \
    "catalogue:\n"                                                                                 \
    "  - {tool: erp, action: create, duty: create, tier: low}\n"                                   \
    "  - {tool: erp, action: submit, duty: submit, tier: high}\n"                                  \
    "  - {tool: erp, action: both, duty: create}\n"                                                \
    "  - {tool: erp, action: both, duty: submit}\n"

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

static struct sunder_outputs by(const char *agent, const char *action, const char *more)
{
    number += 1;
    return rig_intent(rig,
        rig_text("i%u", number),
        agent,
        rig_text("{\"tenant\":\"acme\",\"tool\":\"erp\",\"action\":\"%s\"%s}", action, more));
}

static void allows(const char *action, const char *more)
{
    struct sunder_outputs out = by("bot:1", action, more);
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
}

static void denies(const char *action, const char *more, const char *reasons)
{
    struct sunder_outputs out = by("bot:1", action, more);
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, reasons);
}

static void required_fields_are_united(void **state)
{
    (void)state;
    use(HEAD "require: {always: [task], tier: {high: [purpose, task]}, duty: {create: [amount, "
             "principal]}}\n" CATALOGUE);
    allows("create", ",\"task\":\"T1\",\"amount\":1,\"principal\":\"user:a\"");
    /* Nobody's act is of tier high (S13). */
    denies("create",
        "",
        "context_missing:amount context_missing:principal context_missing:purpose "
        "context_missing:task");
    denies("submit",
        ",\"amount\":1,\"principal\":\"user:a\"",
        "context_missing:purpose context_missing:task");
    allows("submit", ",\"task\":\"T1\",\"purpose\":\"pay\",\"principal\":\"user:a\"");
}

static void a_purpose_is_one_that_the_policy_knows(void **state)
{
    (void)state;
    use(HEAD "purposes: [pay, onboard]\n" CATALOGUE);
    allows("create", ",\"purpose\":\"onboard\"");
    denies("create", "", "context_missing:purpose");
    denies("create", ",\"purpose\":\"onboar\"", "no_purpose:purpose");
}

#define ENTITLE                                                                                    \
    "entitle:\n"                                                                                   \
    "  - {who: [\"bot:*\", user:b], duties: [create], objects: [vendor/, case/]}\n"                \
    "  - {who: user:a, duties: [create, submit], objects: vendor/V1}\n"                            \
    "  - {who: user:c, duties: submit}\n"

static void each_duty_and_object_needs_an_entry(void **state)
{
    (void)state;
    use(HEAD ENTITLE CATALOGUE);
    allows("create", ",\"object\":\"vendor/V7\"");
    allows("create", ""); /* Without objects, who and duty are enough. */
    denies("create",
        ",\"objects\":[\"vendor/V7\",\"vendo/V7\",\"bank\"]",
        "not_entitled:create bank not_entitled:create vendo/V7");
    denies("submit", ",\"object\":\"vendor/V1\"", "not_entitled:submit vendor/V1");
    denies("both", "", "not_entitled:submit");
    allows(
        "both", ",\"object\":\"vendor/V12\",\"principal\":\"user:a\""); /* A prefix, not a name. */
    denies("both",
        ",\"object\":\"vendor/V2\",\"principal\":\"user:a\"",
        "not_entitled:submit vendor/V2");
    allows("submit", ",\"object\":\"anything\",\"principal\":\"user:c\"");
    struct sunder_outputs out = by("user:b", "create", "");
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    out = by("user:bc", "create", "");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "not_entitled:create");
}

#define SCOPES                                                                                     \
    "scopes:\n"                                                                                    \
    "  - {match: \"agent.startsWith('old:')\", mode: detect}\n"                                    \
    "  - {match: \"agent == 'old:2'\", mode: shadow}\n"                                            \
    "  - {match: \"args.live == 'yes'\", mode: enforce}\n"
#define PAY "rules:\n  - {separation: pay, duties: [create, submit], by: [agent], then: revoke}\n"

static void would_be(
    const struct sunder_outputs *out, enum sunder_scope_mode scope, const char *reasons)
{
    rig_assert_answer(out, SUNDER_VERDICT_ALLOW, reasons);
    assert_int_equal(out->records[0].scope, scope);
    assert_int_equal(out->records[0].would_be, SUNDER_VERDICT_DENY);
    assert_int_equal(out->count, 1); /* No revocation. */
}

#define NOT_LIVE ",\"args\":{\"live\":\"no\"},\"object\":\"vendor/V1\""

static void a_scope_only_watches_and_still_counts(void **state)
{
    (void)state;
    use(HEAD SCOPES CATALOGUE PAY);
    struct sunder_outputs out = by("old:1", "create", NOT_LIVE);
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    assert_int_equal(out.records[0].would_be, SUNDER_VERDICT_NONE);
    assert_int_equal(out.records[0].scope, 0);
    out = by("old:1", "submit", NOT_LIVE);
    would_be(&out, SUNDER_SCOPE_DETECT, "separation:pay");
    out = by("old:1", "create", ",\"args\":{\"live\":\"yes\"},\"object\":\"vendor/V1\"");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "separation:pay"); /* The watched act is a fact. */
    assert_int_equal(out.count, 2);
    out = by("old:1", "create", ",\"object\":\"vendor/V1\""); /* What cannot be told is enforced. */
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "separation:pay");
}

static void the_strictest_scope_wins_from_stage_5_on(void **state)
{
    (void)state;
    use(HEAD "purposes: [pay]\n" SCOPES CATALOGUE PAY);
    struct sunder_outputs out = by("old:2", "create", NOT_LIVE);
    would_be(&out, SUNDER_SCOPE_SHADOW, "context_missing:purpose");
    assert_int_equal(out.records[0].stage, 6);
    out = by("old:2", "nothing", NOT_LIVE);
    would_be(&out, SUNDER_SCOPE_SHADOW, "no_duty:");
    out = by("old:2", "submit", ",\"purpose\":\"pay\"" NOT_LIVE);
    would_be(&out,
        SUNDER_SCOPE_SHADOW,
        "separation:pay"); /* What stage 6 would have denied counts with its duties. */
    out = by("old:2", "sub mit", NOT_LIVE);
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "bad_identifier:action");
}

static void a_quarantine_stands_in_a_scope(void **state)
{
    (void)state;
    use(HEAD SCOPES CATALOGUE);
    (void)rig_send(rig,
        "control",
        "c1",
        "soc",
        "{\"tenant\":\"acme\",\"control\":\"quarantine\",\"subject\":\"old:1\"}");
    struct sunder_outputs out = by("old:1", "create", NOT_LIVE);
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "quarantined:old:1");
    assert_int_equal(out.records[0].would_be, SUNDER_VERDICT_NONE);
    out = by("old:1", "nothing", NOT_LIVE); /* Denied before anybody asks for it. */
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "no_duty:");
    assert_int_equal(out.records[0].would_be, SUNDER_VERDICT_NONE);
}

/* Whoever is beyond the end of the chain may be quarantined. */
static void an_act_whose_chain_is_cut_is_not_only_watched(void **state)
{
    (void)state;
    use(HEAD SCOPES CATALOGUE);
    for (uint32_t i = 0; i <= SUNDER_CHAIN_MAX; i++) {
        const char *to = i == 0 ? "old:1" : rig_text("up:%u", i);
        (void)rig_send(rig,
            "delegation",
            rig_text("d%u", i),
            "soc",
            rig_text("{\"tenant\":\"acme\",\"from\":\"up:%u\",\"to\":\"%s\"}", i + 1, to));
    }
    struct sunder_outputs out = by("old:1", "create", NOT_LIVE ",\"principal\":\"user:ana\"");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "limit_reached:delegation");
    out = by("old:1", "nothing", NOT_LIVE ",\"principal\":\"user:ana\"");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "no_duty:");
}

static struct sunder_outputs seen(const char *id, const char *agent, const char *action)
{
    return rig_send(rig,
        "observed",
        id,
        "log",
        rig_text("{\"tenant\":\"acme\",\"agent\":\"%s\",\"tool\":\"erp\",\"action\":\"%s\"" NOT_LIVE
                 "}",
            agent,
            action));
}

static void an_observed_act_in_a_scope_revokes_nothing(void **state)
{
    (void)state;
    use(HEAD SCOPES CATALOGUE PAY);
    (void)seen("o1", "old:1", "create");
    struct sunder_outputs out = seen("o2", "old:1", "submit");
    assert_int_equal(out.count, 1);
    (void)seen("o3", "new:1", "create");
    out = seen("o4", "new:1", "submit");
    assert_int_equal(out.count, 2);
}

static void what_does_not_fit_in_a_scope_saturates_its_keys(void **state)
{
    (void)state;
    use(HEAD SCOPES CATALOGUE PAY);
    for (uint32_t i = 0; i <= SUNDER_INTENT_CASES_MAX; i++) {
        (void)by(
            "bot:1", "create", rig_text(",\"object\":\"vendor/V%u\",\"case\":\"PO-%u\"", i % 2, i));
    }
    struct sunder_outputs out = by(
        "old:1", "create", ",\"args\":{\"live\":\"no\"},\"objects\":[\"vendor/V0\",\"vendor/V1\"]");
    would_be(&out, SUNDER_SCOPE_DETECT, "limit_reached:cases");
    assert_int_equal(out.records[0].finding_count, 1);
    out = by("bot:9", "create", ",\"object\":\"vendor/V1\"");
    assert_int_equal(out.records[0].verdict, SUNDER_VERDICT_DENY);
    assert_int_equal(out.records[0].stage, 7);
    const struct sunder_reason *last = &out.records[0].reasons[out.records[0].reason_count - 1];
    assert_str_equal(last->field, "vendor/V1");
}

#define RATES                                                                                      \
    HEAD "rates: {euro: {to: EUR, USD: \"0.92\", JPY: \"0.000001\"}}\n" CATALOGUE                  \
         "rules:\n  - {limit: money, sum: amount, rates: euro, of: submit, by: [agent], max: "     \
         "100}\n"

static void amounts_are_added_up_in_one_currency(void **state)
{
    (void)state;
    use(RATES);
    struct sunder_outputs out = by("bot:1", "submit", ",\"amount\":\"50\",\"currency\":\"USD\"");
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    assert_int_equal(out.records[0].measure_count, 1);
    assert_str_equal(out.records[0].measures[0].text, "46");
    allows("submit", ",\"amount\":\"0.5\",\"currency\":\"JPY\""); /* Rounded up: a millionth. */
    allows("submit", ",\"amount\":\"53.999999\",\"currency\":\"EUR\"");
    denies("submit", ",\"amount\":\"0.000001\",\"currency\":\"USD\"", "limit:money");
    denies("submit", ",\"amount\":\"1\",\"currency\":\"GBP\"", "currency_mismatch:currency");
    denies("submit", ",\"amount\":\"1\"", "currency_mismatch:currency");
    denies("submit", ",\"amount\":\"-1\",\"currency\":\"USD\"", "amount_negative:amount");
    denies("submit", ",\"amount\":\"-0.000001\",\"currency\":\"JPY\"", "amount_negative:amount");
    denies("submit",
        ",\"amount\":\"-1\",\"currency\":\"GBP\"",
        "amount_negative:amount currency_mismatch:currency");
    denies("submit", ",\"currency\":\"USD\"", "context_missing:money:amount");
    allows("create", ",\"amount\":\"9000\",\"currency\":\"GBP\"");
}

static void a_converted_amount_stays_in_range(void **state)
{
    (void)state;
    use(HEAD
        "rates: {euro: {to: EUR, GBP: 2}}\n" CATALOGUE
        "rules:\n  - {limit: money, sum: amount, rates: euro, of: submit, max: 9000000000000}\n");
    denies("submit", ",\"amount\":\"4700000000000\",\"currency\":\"GBP\"", "amount_range:amount");
    denies("submit",
        ",\"amount\":\"-4700000000000\",\"currency\":\"GBP\"",
        "amount_negative:amount amount_range:amount");
    denies("submit", ",\"amount\":\"4600000000000\",\"currency\":\"GBP\"", "limit:money");
    allows("submit", ",\"amount\":\"4500000000000\",\"currency\":\"GBP\"");
}

/* Its keys are found all the same, since it may be done without leave (S8); that one is missing belongs to stage 6. */
static void what_is_denied_before_stage_6_tells_nothing_of_it(void **state)
{
    (void)state;
    use(HEAD "catalogue:\n"
             "  - {tool: erp, action: submit, duty: submit, object: args.o}\n"
             "rules:\n"
             "  - {limit: a, count: true, per: args.a, max: 9}\n"
             "  - {limit: b, count: true, per: args.b, max: 9, mode: shadow}\n");
    denies("submit", ",\"args\":{\"o\":\"a b\"}", "bad_identifier:object");
    struct sunder_outputs out = by("bot:1", "submit", ",\"args\":{\"o\":\"a b\",\"a\":\"k\"}");
    rig_assert_answer(&out, SUNDER_VERDICT_DENY, "bad_identifier:object");
    assert_int_equal(out.records[0].shadow_count, 0);
    assert_int_equal(out.records[0].rule_key_count, 1);
    denies("submit", ",\"args\":{\"o\":\"x\"}", "context_missing:a:args.a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(required_fields_are_united, teardown),
        cmocka_unit_test_teardown(a_purpose_is_one_that_the_policy_knows, teardown),
        cmocka_unit_test_teardown(each_duty_and_object_needs_an_entry, teardown),
        cmocka_unit_test_teardown(a_scope_only_watches_and_still_counts, teardown),
        cmocka_unit_test_teardown(the_strictest_scope_wins_from_stage_5_on, teardown),
        cmocka_unit_test_teardown(a_quarantine_stands_in_a_scope, teardown),
        cmocka_unit_test_teardown(an_act_whose_chain_is_cut_is_not_only_watched, teardown),
        cmocka_unit_test_teardown(an_observed_act_in_a_scope_revokes_nothing, teardown),
        cmocka_unit_test_teardown(what_does_not_fit_in_a_scope_saturates_its_keys, teardown),
        cmocka_unit_test_teardown(amounts_are_added_up_in_one_currency, teardown),
        cmocka_unit_test_teardown(a_converted_amount_stays_in_range, teardown),
        cmocka_unit_test_teardown(what_is_denied_before_stage_6_tells_nothing_of_it, teardown),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
