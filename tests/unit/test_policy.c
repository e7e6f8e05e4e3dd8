/* A compiled policy: defaults, order, look-ups. Bounds are in test_policy_bounds, what is refused in test_policy_golden. */
#include "engine/policy/policy_compile.h"

#include <stdio.h>

#include "tests/unit/test_policy_fixture.h"

static const struct sunder_rule *rule_of(const struct sunder_policy *policy, const char *name)
{
    const struct sunder_rule *rule = sunder_policy_rule(policy, sunder_str_of(name));
    assert_non_null(rule);
    return rule;
}

static void assert_refs(
    const struct sunder_policy *policy, struct sunder_rule_refs refs, const char *expected)
{
    char names[512] = "";
    size_t at = 0;
    for (uint32_t i = 0; i < refs.count; i++) {
        struct sunder_str name = policy->rules[refs.at[i]].name;
        at += (size_t)snprintf(
            names + at, sizeof(names) - at, "%s%.*s", i == 0 ? "" : " ", (int)name.len, name.at);
    }
    assert_string_equal(names, expected);
}

static void a_policy_without_rules_is_legal(void **state)
{
    (void)state;
    const struct sunder_policy *policy = test_policy_of(HEAD CATALOGUE);

    assert_str_equal(policy->name, "p");
    assert_int_equal(policy->digest.bytes[0], 7);
    assert_int_equal(policy->domain_field_count, 1);
    assert_int_equal(policy->domain_fields[0], SUNDER_FIELD_TENANT);
    assert_int_equal(policy->require.always, 0);
    assert_int_equal(policy->horizon_ms, SUNDER_HORIZON_MS_DEFAULT);
    assert_int_equal(policy->rule_count, 0);
    assert_int_equal(policy->entry_count, 4);
    assert_int_equal(policy->rules_any.count, 0);
    assert_int_equal(policy->rules_by_phase.count, 0);
}

static void an_empty_policy_knows_no_act(void **state)
{
    (void)state;
    const struct sunder_policy *policy = test_policy_of(HEAD);
    uint16_t entries[4];

    assert_int_equal(policy->duty_count, 0);
    assert_int_equal(
        sunder_policy_match(policy, SUNDER_STR("erp"), SUNDER_STR("x"), entries, 4), 0);
    assert_int_equal(sunder_policy_duty(policy, SUNDER_STR("x")).value, SUNDER_DUTY_NONE.value);
    assert_null(sunder_policy_rule(policy, SUNDER_STR("x")));
}

static void the_head_is_read(void **state)
{
    (void)state;
    const struct sunder_policy *policy = test_policy_of(HEAD
        "domain: [tenant, case, principal]\nrequire: [task, amount]\nhorizon: 36h\n" CATALOGUE);

    assert_int_equal(policy->domain_field_count, 3);
    assert_int_equal(policy->domain_fields[0], SUNDER_FIELD_TENANT);
    assert_int_equal(policy->domain_fields[1], SUNDER_FIELD_CASE);
    assert_int_equal(policy->domain_fields[2], SUNDER_FIELD_PRINCIPAL);
    assert_int_equal(policy->require.always,
        SUNDER_FIELD_BIT(SUNDER_FIELD_TASK) | SUNDER_FIELD_BIT(SUNDER_FIELD_AMOUNT));
    assert_int_equal(policy->horizon_ms, 36 * 3600000);
}

static void durations_have_their_units(void **state)
{
    (void)state;
    assert_int_equal(test_policy_of(HEAD "horizon: 500ms\n" CATALOGUE)->horizon_ms, 500);
    assert_int_equal(test_policy_of(HEAD "horizon: 30s\n" CATALOGUE)->horizon_ms, 30000);
    assert_int_equal(test_policy_of(HEAD "horizon: 10m\n" CATALOGUE)->horizon_ms, 600000);
    assert_int_equal(test_policy_of(HEAD "horizon: '7d'\n" CATALOGUE)->horizon_ms, 604800000);
    assert_int_equal(
        test_policy_of(HEAD "horizon: 3650d\n" CATALOGUE)->horizon_ms, INT64_C(315360000000));
}

static void entries_keep_what_they_say(void **state)
{
    (void)state;
    const struct sunder_policy *policy = test_policy_of(
        HEAD "catalogue:\n"
             "  - {tool: b, action: x, duty: second, phase: recommend, tier: low, case: "
             "args.c, when: args.ok, shared: true}\n"
             "  - {tool: a, action: x.*, duty: first}\n");

    const struct sunder_catalogue_entry *entry = &policy->entries[0];
    assert_str_equal(entry->tool, "b");
    assert_str_equal(entry->action, "x");
    assert_int_equal(entry->duty.value, 1);
    assert_int_equal(entry->phase, SUNDER_PHASE_RECOMMEND);
    assert_int_equal(entry->tier, SUNDER_TIER_LOW);
    assert_null(entry->object);
    assert_str_equal(sunder_expr_source(entry->case_id), "args.c");
    assert_str_equal(sunder_expr_source(entry->when), "args.ok");
    assert_true(entry->shared);
    assert_false(entry->wild);
    entry = &policy->entries[1];
    assert_int_equal(entry->duty.value, 0);
    assert_int_equal(entry->phase, 0);
    assert_int_equal(entry->tier, SUNDER_TIER_NONE);
    assert_false(entry->shared);
    assert_true(entry->wild);
    assert_true(policy->uses_expressions);
    assert_int_equal(policy->reads, SUNDER_FIELD_BIT(SUNDER_FIELD_ARGS));
}

static void duties_are_numbered_in_byte_order(void **state)
{
    (void)state;
    const struct sunder_policy *policy =
        test_policy_of(HEAD CATALOGUE "  - {tool: z, action: z, duty: Audit}\n"
                                      "  - {tool: z, action: y, duty: vendor}\n"
                                      "  - {tool: z, action: x, duty: Audit}\n");

    static const char *const names[] = {
        "Audit", "customer.read", "payment.confirm", "payment.submit", "vendor", "vendor.create"};
    assert_int_equal(policy->duty_count, 6);
    for (uint16_t i = 0; i < 6; i++) {
        assert_true(sunder_str_equal(policy->duties[i], sunder_str_of(names[i])));
        assert_int_equal(sunder_policy_duty(policy, sunder_str_of(names[i])).value, i);
    }
    assert_int_equal(
        sunder_policy_duty(policy, SUNDER_STR("payment")).value, SUNDER_DUTY_NONE.value);
    assert_int_equal(sunder_policy_duty(policy, SUNDER_STR("")).value, SUNDER_DUTY_NONE.value);
}

static void a_separation_has_the_defaults_of_s17(void **state)
{
    (void)state;
    const struct sunder_policy *policy = test_policy_of(HEAD CATALOGUE
        "rules:\n  - {separation: s, duties: [vendor.create, payment.submit, payment.confirm]}\n");

    const struct sunder_rule *rule = rule_of(policy, "s");
    assert_int_equal(rule->kind, SUNDER_RULE_SEPARATION);
    assert_str_equal(rule->kind_text, "separation");
    assert_int_equal(rule->mode, SUNDER_MODE_ENFORCE);
    assert_int_equal(rule->effect, SUNDER_EFFECT_DENY);
    assert_int_equal(rule->per, SUNDER_PER_OBJECT);
    assert_str_equal(rule->per_text, "object");
    assert_int_equal(rule->by,
        SUNDER_ROLE_AGENT | SUNDER_ROLE_DELEGATOR | SUNDER_ROLE_PRINCIPAL | SUNDER_ROLE_CREDENTIAL);
    assert_int_equal(rule->within_ms, 0);
    assert_int_equal(rule->at_most, 2);
    assert_int_equal(rule->duty_count, 3);
    for (uint16_t i = 0; i < 3; i++) {
        assert_int_equal(
            rule->duties[i].value, i + 1); /* Byte order, whatever the order in the file. */
    }
    assert_null(rule->unless);
    assert_false(rule->has_wanted);
    assert_int_equal(rule->tags.count, 0);
}

static void a_separation_keeps_what_it_says(void **state)
{
    (void)state;
    const struct sunder_policy *policy = test_policy_of(
        HEAD CATALOGUE "rules:\n"
                       "  - separation: s\n"
                       "    phases: [execute, observe]\n"
                       "    at_most: 1\n"
                       "    per: \"args.v + '/' + agent\"\n"
                       "    by: [task, actor]\n"
                       "    within: 24h\n"
                       "    unless: tier == 'low'\n"
                       "    then: escalate\n"
                       "    mode: shadow\n"
                       "    approvals: {count: 2, from: [group:a, 'user:b'], valid: 1h}\n"
                       "    tags: [nist.800-53:AC-5, 'owasp.asi:ASI02']\n");

    const struct sunder_rule *rule = rule_of(policy, "s");
    assert_int_equal(rule->phases, SUNDER_PHASE_OBSERVE | SUNDER_PHASE_EXECUTE);
    assert_int_equal(rule->duty_count, 0);
    assert_int_equal(rule->per, SUNDER_PER_EXPR);
    assert_str_equal(rule->per_text, "args.v + '/' + agent");
    assert_str_equal(sunder_expr_source(rule->per_expr), "args.v + '/' + agent");
    assert_int_equal(rule->by, SUNDER_ROLE_TASK | SUNDER_ROLE_ACTOR);
    assert_int_equal(rule->within_ms, 24 * 3600000);
    assert_str_equal(sunder_expr_source(rule->unless), "tier == 'low'");
    assert_int_equal(rule->effect, SUNDER_EFFECT_ESCALATE);
    assert_int_equal(rule->mode, SUNDER_MODE_SHADOW);
    assert_true(rule->has_wanted);
    assert_str_equal(rule->wanted.rule, "s");
    assert_int_equal(rule->wanted.count, 2);
    assert_int_equal(rule->wanted.from.count, 2);
    assert_str_equal(rule->wanted.from.at[1], "user:b");
    assert_int_equal(rule->tags.count, 2);
    assert_str_equal(rule->tags.at[0], "nist.800-53:AC-5");
    assert_refs(policy, policy->rules_by_phase, "s");
    assert_int_equal(policy->reads,
        SUNDER_FIELD_BIT(SUNDER_FIELD_ARGS) | SUNDER_FIELD_BIT(SUNDER_FIELD_AGENT) |
            SUNDER_FIELD_BIT(SUNDER_FIELD_TIER));
}

static void distinct_is_a_separation_at_most_one(void **state)
{
    (void)state;
    const struct sunder_policy *policy = test_policy_of(
        HEAD CATALOGUE "rules:\n  - {name: d, distinct: [vendor.create, payment.submit, "
                       "payment.confirm], per: tenant}\n");

    const struct sunder_rule *rule = rule_of(policy, "d");
    assert_int_equal(rule->kind, SUNDER_RULE_SEPARATION);
    assert_int_equal(rule->at_most, 1);
    assert_int_equal(rule->per, SUNDER_PER_TENANT);
}

static void requires_names_what_was_and_what_waits(void **state)
{
    (void)state;
    const struct sunder_policy *policy = test_policy_of(
        HEAD "approvals: {count: 1, from: group:s}\n" CATALOGUE "rules:\n"
             "  - {requires: vendor.create, before: payment.submit, name: r, then: escalate}\n"
             "  - {requires: vendor.create, before: payment.submit, name: q, by: principal, per: "
             "task}\n");

    const struct sunder_rule *rule = rule_of(policy, "r");
    assert_int_equal(rule->kind, SUNDER_RULE_REQUIRES);
    assert_str_equal(rule->kind_text, "requires");
    assert_int_equal(rule->by, 0);
    assert_int_equal(rule->per, SUNDER_PER_OBJECT);
    assert_int_equal(rule->duty_count, 1);
    assert_int_equal(
        rule->duties[0].value, sunder_policy_duty(policy, SUNDER_STR("vendor.create")).value);
    assert_int_equal(
        rule->before.value, sunder_policy_duty(policy, SUNDER_STR("payment.submit")).value);
    assert_true(rule->has_wanted);
    assert_int_equal(rule->wanted.count, 1);
    assert_str_equal(rule->wanted.rule, "r");
    assert_int_equal(rule_of(policy, "q")->by, SUNDER_ROLE_PRINCIPAL);
    assert_int_equal(rule_of(policy, "q")->per, SUNDER_PER_TASK);
    assert_refs(policy, policy->rules_by_duty[rule->before.value], "q r");
    assert_refs(policy, policy->rules_by_duty[rule->duties[0].value], "");
}

static void limits_say_what_they_measure(void **state)
{
    (void)state;
    const struct sunder_policy *policy = test_policy_of(HEAD CATALOGUE
        "rules:\n"
        "  - {limit: a, sum: amount, currency: EUR, of: payment.submit, by: principal, within: "
        "10m, max: \"800.00\"}\n"
        "  - {limit: b, sum: args.total + 1.5, of: [payment.submit, payment.confirm], max: 0.5}\n"
        "  - {limit: c, count: true, max: 3}\n"
        "  - {limit: d, distinct: args.v, of: attempts, per: case, max: 3}\n"
        "  - {limit: e, count: true, of: attempts, attempts_of: [vendor.create], max: 0}\n");

    const struct sunder_rule *rule = rule_of(policy, "a");
    assert_int_equal(rule->kind, SUNDER_RULE_LIMIT);
    assert_str_equal(rule->kind_text, "limit");
    assert_int_equal(rule->aggregate, SUNDER_AGGREGATE_SUM);
    assert_true(rule->value_is_amount);
    assert_str_equal(rule->value_text, "amount");
    assert_str_equal(rule->currency, "EUR");
    assert_int_equal(rule->max_micro, 800000000);
    assert_int_equal(rule->within_ms, 600000);
    assert_int_equal(rule->per, SUNDER_PER_NONE);
    assert_true(sunder_str_absent(rule->per_text));
    rule = rule_of(policy, "b");
    assert_false(rule->value_is_amount);
    assert_str_equal(rule->value_text, "args.total + 1.5");
    assert_true(sunder_str_absent(rule->currency));
    assert_int_equal(rule->max_micro, 500000);
    assert_int_equal(rule->by,
        SUNDER_ROLE_AGENT | SUNDER_ROLE_DELEGATOR | SUNDER_ROLE_PRINCIPAL | SUNDER_ROLE_CREDENTIAL);
    rule = rule_of(policy, "c");
    assert_int_equal(rule->aggregate, SUNDER_AGGREGATE_COUNT);
    assert_null(rule->value);
    assert_false(rule->attempts);
    rule = rule_of(policy, "d");
    assert_int_equal(rule->aggregate, SUNDER_AGGREGATE_DISTINCT);
    assert_true(rule->attempts);
    assert_int_equal(rule->duty_count, 0);
    assert_int_equal(rule->per, SUNDER_PER_CASE);
    rule = rule_of(policy, "e");
    assert_true(rule->attempts);
    assert_int_equal(rule->duty_count, 1);
    assert_refs(policy, policy->rules_any, "c d");
    assert_refs(policy,
        policy->rules_by_duty[sunder_policy_duty(policy, SUNDER_STR("payment.submit")).value],
        "a b");
    assert_refs(policy,
        policy->rules_by_duty[sunder_policy_duty(policy, SUNDER_STR("vendor.create")).value],
        "e");
}

static void rules_are_in_byte_order_and_off_means_gone(void **state)
{
    (void)state;
    const struct sunder_policy *policy = test_policy_of(
        HEAD CATALOGUE "rules:\n"
                       "  - {separation: b, duties: [vendor.create, payment.submit]}\n"
                       "  - {separation: C, duties: [vendor.create, payment.submit]}\n"
                       "  - {separation: off, duties: [vendor.create, payment.confirm], "
                       "mode: off, unless: purpose == 'x'}\n"
                       "  - {separation: a.b, duties: [vendor.create, payment.submit]}\n"
                       "  - {separation: a, duties: [vendor.create, payment.submit]}\n");

    assert_int_equal(policy->rule_count, 4);
    assert_str_equal(policy->rules[0].name, "C");
    assert_str_equal(policy->rules[1].name, "a");
    assert_str_equal(policy->rules[2].name, "a.b");
    assert_str_equal(policy->rules[3].name, "b");
    assert_null(sunder_policy_rule(policy, SUNDER_STR("off")));
    assert_refs(policy,
        policy->rules_by_duty[sunder_policy_duty(policy, SUNDER_STR("payment.confirm")).value],
        "");
    assert_int_equal(policy->reads & SUNDER_FIELD_BIT(SUNDER_FIELD_PURPOSE), 0);
}

static void a_policy_without_expressions_says_so(void **state)
{
    (void)state;
    const struct sunder_policy *policy =
        test_policy_of(HEAD "catalogue:\n  - {tool: a, action: b, duty: d}\n"
                            "rules:\n  - {limit: l, sum: amount, currency: EUR, of: d, max: 1}\n");

    assert_false(policy->uses_expressions);
    assert_int_equal(policy->reads, 0);
}

/* The entries that match, as digits. */
static void assert_matches(
    const struct sunder_policy *policy, const char *tool, const char *action, const char *expected)
{
    uint16_t entries[16];
    char shown[64] = "";
    uint32_t count =
        sunder_policy_match(policy, sunder_str_of(tool), sunder_str_of(action), entries, 16);
    assert_in_range(count, 0, 16);
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(shown + i, sizeof(shown) - i, "%u", entries[i]);
    }
    if (strcmp(shown, expected) != 0) {
        print_error("%s %s matches \"%s\", not \"%s\"\n", tool, action, shown, expected);
        fail();
    }
}

static void acts_are_matched_in_file_order(void **state)
{
    (void)state;
    const struct sunder_policy *policy =
        test_policy_of(HEAD "catalogue:\n"
                            "  - {tool: '*', action: read, duty: d0}\n"
                            "  - {tool: erp, action: read, duty: d1}\n"
                            "  - {tool: erp, action: 're*', duty: d2}\n"
                            "  - {tool: erp, action: read, duty: d3}\n"
                            "  - {tool: 'e*', action: '*', duty: d4}\n"
                            "  - {tool: erp.eu, action: vendor.create, duty: d5}\n"
                            "  - {tool: 'erp.*', action: 'vendor.*', duty: d6}\n"
                            "  - {tool: 'e*.eu', action: '*.create', duty: d7}\n"
                            "  - {tool: crm, action: read, duty: d8}\n");

    assert_matches(policy, "erp", "read", "01234");
    assert_matches(policy, "erp", "re", "24");
    assert_matches(policy, "erp", "reread", "24");
    assert_matches(policy, "erp", "write", "4");
    assert_matches(policy, "erp", "read.all", "");
    assert_matches(policy, "erp.eu", "vendor.create", "567");
    assert_matches(policy, "erp.us", "vendor.create", "6");
    assert_matches(policy, "erp.us.east", "vendor.create", "");
    assert_matches(policy, "erp.", "vendor.", "6");
    assert_matches(policy, "e.eu", "a.create", "7");
    assert_matches(policy, "crm", "read", "08");
    assert_matches(policy, "hr", "read", "0");
    assert_matches(policy, "hr", "write", "");
    assert_matches(policy, "ER", "read", "0");
    assert_matches(policy, "er", "p.read", "");
}

static void a_match_that_does_not_fit_is_counted(void **state)
{
    (void)state;
    const struct sunder_policy *policy =
        test_policy_of(HEAD "catalogue:\n"
                            "  - {tool: a, action: b, duty: d0}\n"
                            "  - {tool: a, action: b, duty: d1}\n"
                            "  - {tool: a, action: b, duty: d2}\n"
                            "  - {tool: b, action: '*', duty: d3}\n"
                            "  - {tool: b, action: 'b*', duty: d4}\n");
    uint16_t entries[3] = {99, 99, 99};

    assert_int_equal(sunder_policy_match(policy, SUNDER_STR("a"), SUNDER_STR("b"), entries, 2), 3);
    assert_int_equal(entries[0], 0);
    assert_int_equal(entries[1], 1);
    assert_int_equal(entries[2], 99);
    assert_int_equal(sunder_policy_match(policy, SUNDER_STR("b"), SUNDER_STR("b"), entries, 1), 2);
    assert_int_equal(entries[0], 3);
    assert_int_equal(entries[1], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_without_rules_is_legal),
        cmocka_unit_test(an_empty_policy_knows_no_act),
        cmocka_unit_test(the_head_is_read),
        cmocka_unit_test(durations_have_their_units),
        cmocka_unit_test(entries_keep_what_they_say),
        cmocka_unit_test(duties_are_numbered_in_byte_order),
        cmocka_unit_test(a_separation_has_the_defaults_of_s17),
        cmocka_unit_test(a_separation_keeps_what_it_says),
        cmocka_unit_test(distinct_is_a_separation_at_most_one),
        cmocka_unit_test(requires_names_what_was_and_what_waits),
        cmocka_unit_test(limits_say_what_they_measure),
        cmocka_unit_test(rules_are_in_byte_order_and_off_means_gone),
        cmocka_unit_test(a_policy_without_expressions_says_so),
        cmocka_unit_test(acts_are_matched_in_file_order),
        cmocka_unit_test(a_match_that_does_not_fit_is_counted),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
