/* A compiled policy: defaults, order, look-ups, and the bounds of limits.h. What is refused is in test_policy_golden. */
#include "engine/policy/policy_compile.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/doc.h"
#include "tests/support/test.h"

#define HEAD "sunder: 1\nname: p\nauthority: open\ntenant: payload\n"
#define CATALOGUE                                                                                  \
    "catalogue:\n"                                                                                 \
    "  - {tool: erp, action: vendor.create, duty: vendor.create, tier: high, object: args.v}\n"    \
    "  - {tool: pay, action: submit, duty: payment.submit, phase: execute, object: args.v}\n"      \
    "  - {tool: pay, action: confirm, duty: payment.confirm, phase: execute, object: args.v}\n"    \
    "  - {tool: crm, action: read, duty: customer.read, phase: observe, object: args.v}\n"

enum {
    ARENA_BYTES = 32 * 1024 * 1024
};

static struct sunder_complaints complaints;

static enum sunder_err compile_in(
    struct sunder_arena *arena, const char *text, struct sunder_policy **ret_policy)
{
    struct sunder_doc root;
    struct sunder_doc_fail why = {0};
    enum sunder_err err = sunder_doc_parse(sunder_str_of(text), arena, &root, &why);
    if (err != SUNDER_OK) {
        print_error("%u:%u: %s\n", why.line, why.column, why.text);
    }
    assert_int_equal(err, SUNDER_OK);
    complaints = (struct sunder_complaints){0};
    return sunder_policy_compile(
        &root, (struct sunder_digest){.bytes = {7}}, arena, &complaints, ret_policy);
}

/* Lives until the next call. */
static const struct sunder_policy *policy_of(const char *text)
{
    static uint8_t *memory;
    memory = memory == NULL ? malloc(ARENA_BYTES) : memory;
    assert_non_null(memory);
    struct sunder_arena arena = sunder_arena_of(memory, ARENA_BYTES);
    struct sunder_policy *policy = NULL;
    enum sunder_err err = compile_in(&arena, text, &policy);
    for (uint32_t i = 0; i < complaints.count && err != SUNDER_OK; i++) {
        print_error("%u:%u: %.*s\n",
            complaints.at[i].line,
            complaints.at[i].column,
            (int)complaints.at[i].text.len,
            complaints.at[i].text.at);
    }
    assert_int_equal(err, SUNDER_OK);
    return policy;
}

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
    const struct sunder_policy *policy = policy_of(HEAD CATALOGUE);

    assert_str_equal(policy->name, "p");
    assert_int_equal(policy->digest.bytes[0], 7);
    assert_int_equal(policy->domain_field_count, 1);
    assert_int_equal(policy->domain_fields[0], SUNDER_FIELD_TENANT);
    assert_int_equal(policy->require, 0);
    assert_int_equal(policy->horizon_ms, SUNDER_HORIZON_MS_DEFAULT);
    assert_int_equal(policy->rule_count, 0);
    assert_int_equal(policy->entry_count, 4);
    assert_int_equal(policy->rules_any.count, 0);
    assert_int_equal(policy->rules_by_phase.count, 0);
}

static void an_empty_policy_knows_no_act(void **state)
{
    (void)state;
    const struct sunder_policy *policy = policy_of(HEAD);
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
    const struct sunder_policy *policy = policy_of(HEAD
        "domain: [tenant, case, principal]\nrequire: [task, amount]\nhorizon: 36h\n" CATALOGUE);

    assert_int_equal(policy->domain_field_count, 3);
    assert_int_equal(policy->domain_fields[0], SUNDER_FIELD_TENANT);
    assert_int_equal(policy->domain_fields[1], SUNDER_FIELD_CASE);
    assert_int_equal(policy->domain_fields[2], SUNDER_FIELD_PRINCIPAL);
    assert_int_equal(policy->require,
        SUNDER_FIELD_BIT(SUNDER_FIELD_TASK) | SUNDER_FIELD_BIT(SUNDER_FIELD_AMOUNT));
    assert_int_equal(policy->horizon_ms, 36 * 3600000);
}

static void durations_have_their_units(void **state)
{
    (void)state;
    assert_int_equal(policy_of(HEAD "horizon: 500ms\n" CATALOGUE)->horizon_ms, 500);
    assert_int_equal(policy_of(HEAD "horizon: 30s\n" CATALOGUE)->horizon_ms, 30000);
    assert_int_equal(policy_of(HEAD "horizon: 10m\n" CATALOGUE)->horizon_ms, 600000);
    assert_int_equal(policy_of(HEAD "horizon: '7d'\n" CATALOGUE)->horizon_ms, 604800000);
    assert_int_equal(
        policy_of(HEAD "horizon: 3650d\n" CATALOGUE)->horizon_ms, INT64_C(315360000000));
}

static void entries_keep_what_they_say(void **state)
{
    (void)state;
    const struct sunder_policy *policy =
        policy_of(HEAD "catalogue:\n"
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
        policy_of(HEAD CATALOGUE "  - {tool: z, action: z, duty: Audit}\n"
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
    const struct sunder_policy *policy = policy_of(HEAD CATALOGUE
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
    const struct sunder_policy *policy =
        policy_of(HEAD CATALOGUE "rules:\n"
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
    const struct sunder_policy *policy =
        policy_of(HEAD CATALOGUE "rules:\n  - {name: d, distinct: [vendor.create, payment.submit, "
                                 "payment.confirm], per: tenant}\n");

    const struct sunder_rule *rule = rule_of(policy, "d");
    assert_int_equal(rule->kind, SUNDER_RULE_SEPARATION);
    assert_int_equal(rule->at_most, 1);
    assert_int_equal(rule->per, SUNDER_PER_TENANT);
}

static void requires_names_what_was_and_what_waits(void **state)
{
    (void)state;
    const struct sunder_policy *policy = policy_of(
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
    const struct sunder_policy *policy = policy_of(HEAD CATALOGUE
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
    const struct sunder_policy *policy =
        policy_of(HEAD CATALOGUE "rules:\n"
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
        policy_of(HEAD "catalogue:\n  - {tool: a, action: b, duty: d}\n"
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
        policy_of(HEAD "catalogue:\n"
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
    const struct sunder_policy *policy = policy_of(HEAD "catalogue:\n"
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

/* A text of up to 4 MiB that grows; lives until the next text_start. */
static char *text;
static size_t text_len;
enum {
    TEXT_MAX = 1 << 20
};

static void text_start(const char *head)
{
    text = text == NULL ? malloc(TEXT_MAX) : text;
    assert_non_null(text);
    text_len = 0;
    text_len += (size_t)snprintf(text, TEXT_MAX, "%s", head);
}

__attribute__((format(printf, 1, 2))) static void text_add(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_len += (size_t)vsnprintf(text + text_len, TEXT_MAX - text_len, format, arguments);
    va_end(arguments);
    assert_true(text_len < TEXT_MAX);
}

static void assert_one_error(const char *expected)
{
    static uint8_t *memory;
    memory = memory == NULL ? malloc(ARENA_BYTES) : memory;
    assert_non_null(memory);
    struct sunder_arena arena = sunder_arena_of(memory, ARENA_BYTES);
    struct sunder_policy *policy = NULL;
    assert_int_equal(compile_in(&arena, text, &policy), SUNDER_ERR_INVALID);
    assert_null(policy);
    assert_int_equal(complaints.errors, 1);
    assert_true(sunder_str_equal(complaints.at[0].text, sunder_str_of(expected)));
}

static void the_catalogue_is_bounded(void **state)
{
    (void)state;
    text_start(HEAD "catalogue:\n");
    for (uint32_t i = 0; i < SUNDER_POLICY_CATALOGUE_MAX; i++) {
        text_add("- {tool: t, action: a%u, duty: d%u}\n", i, i % SUNDER_POLICY_DUTIES_MAX);
    }
    const struct sunder_policy *policy = policy_of(text);
    uint16_t entries[1];
    assert_int_equal(policy->entry_count, SUNDER_POLICY_CATALOGUE_MAX);
    assert_int_equal(policy->duty_count, SUNDER_POLICY_DUTIES_MAX);
    for (uint32_t i = 0; i < SUNDER_POLICY_CATALOGUE_MAX; i++) {
        char action[16];
        (void)snprintf(action, sizeof(action), "a%u", i);
        assert_int_equal(
            sunder_policy_match(policy, SUNDER_STR("t"), sunder_str_of(action), entries, 1), 1);
        assert_int_equal(entries[0], i);
    }
    for (uint16_t i = 0; i < SUNDER_POLICY_DUTIES_MAX; i++) {
        assert_int_equal(sunder_policy_duty(policy, policy->duties[i]).value, i);
    }

    text_add("- {tool: t, action: one.more, duty: d0}\n");
    assert_one_error("the catalogue has more than 8192 entries");
}

static void duties_are_bounded(void **state)
{
    (void)state;
    text_start(HEAD "catalogue:\n");
    for (uint32_t i = 0; i <= SUNDER_POLICY_DUTIES_MAX; i++) {
        text_add("- {tool: t, action: a%u, duty: d%u}\n", i, i);
    }
    assert_one_error("the catalogue has more than 4096 duties");
}

static void rules_are_bounded(void **state)
{
    (void)state;
    text_start(HEAD CATALOGUE "rules:\n");
    for (uint32_t i = 0; i < SUNDER_POLICY_RULES_MAX; i++) {
        text_add("- {limit: l%u, count: true, max: 1}\n", i);
    }
    const struct sunder_policy *policy = policy_of(text);
    assert_int_equal(policy->rule_count, SUNDER_POLICY_RULES_MAX);
    for (uint32_t i = 0; i < SUNDER_POLICY_RULES_MAX; i++) {
        assert_ptr_equal(sunder_policy_rule(policy, policy->rules[i].name), &policy->rules[i]);
    }

    text_add("- {limit: one.more, count: true, max: 1}\n");
    assert_one_error("the policy has more than 1024 rules");
}

static void duties_of_one_rule_are_bounded(void **state)
{
    (void)state;
    for (uint32_t count = SUNDER_RULE_DUTIES_MAX; count <= SUNDER_RULE_DUTIES_MAX + 1; count++) {
        text_start(HEAD "catalogue:\n");
        for (uint32_t i = 0; i < count; i++) {
            text_add("- {tool: t, action: a%u, duty: d%u, object: tool}\n", i, i);
        }
        text_add("rules:\n- {separation: s, duties: [d0");
        for (uint32_t i = 1; i < count; i++) {
            text_add(", d%u", i);
        }
        text_add("]}\n");
        if (count == SUNDER_RULE_DUTIES_MAX) {
            assert_int_equal(policy_of(text)->rules[0].duty_count, count);
        } else {
            assert_one_error("`duties` names 1 to 64 duties");
        }
    }
}

static void names_are_bounded(void **state)
{
    (void)state;
    char name[SUNDER_IDENTIFIER_BYTES_MAX + 2];
    memset(name, 'n', sizeof(name));
    name[SUNDER_IDENTIFIER_BYTES_MAX] = '\0';
    text_start(HEAD CATALOGUE "rules:\n");
    text_add("- {limit: %s, count: true, max: 1}\n", name);
    assert_int_equal(policy_of(text)->rules[0].name.len, SUNDER_IDENTIFIER_BYTES_MAX);

    name[SUNDER_IDENTIFIER_BYTES_MAX] = 'n';
    name[SUNDER_IDENTIFIER_BYTES_MAX + 1] = '\0';
    text_start(HEAD CATALOGUE "rules:\n");
    text_add("- {limit: %s, count: true, max: 1}\n", name);
    assert_one_error("`nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
                     "nnnn` is no name: a "
                     "name has 1 to 256 of A-Z a-z 0-9 . _ -");
}

static void complaints_beyond_the_bound_are_counted(void **state)
{
    (void)state;
    static uint8_t memory[4 * 1024 * 1024];
    struct sunder_arena arena = sunder_arena_of(memory, sizeof(memory));
    struct sunder_policy *policy = NULL;
    text_start(HEAD CATALOGUE "rules:\n");
    for (uint32_t i = 0; i < SUNDER_COMPLAINTS_MAX + 5; i++) {
        text_add("- {limit: l%u, count: true}\n", i);
    }

    assert_int_equal(compile_in(&arena, text, &policy), SUNDER_ERR_INVALID);

    assert_int_equal(complaints.errors, SUNDER_COMPLAINTS_MAX + 5);
    assert_int_equal(complaints.count, SUNDER_COMPLAINTS_MAX);
    assert_int_equal(complaints.dropped, 5);
    for (uint32_t i = 1; i < complaints.count; i++) {
        assert_true(complaints.at[i - 1].line <= complaints.at[i].line);
    }
}

/* Every allocation fails once: the answer is FULL each time, and nothing else. */
static void an_arena_without_room_is_full_at_every_size(void **state)
{
    (void)state;
    static uint8_t documents[65536];
    static uint8_t memory[65536];
    const char *source =
        HEAD "approvals: {count: 1, from: [group:s]}\n" CATALOGUE
             "  - {tool: 'x*', action: y, duty: customer.read}\n"
             "rules:\n"
             "  - {separation: s, duties: [vendor.create, payment.submit], tags: [a:b]}\n"
             "  - {requires: vendor.create, before: payment.submit, name: r, then: escalate}\n"
             "  - {limit: l, sum: amount, currency: EUR, max: 1, unless: amount < 1.5}\n";
    struct sunder_arena document = sunder_arena_of(documents, sizeof(documents));
    struct sunder_doc root;
    struct sunder_doc_fail why;
    assert_int_equal(sunder_doc_parse(sunder_str_of(source), &document, &root, &why), SUNDER_OK);
    uint32_t refusals = 0;

    for (size_t size = 0; size < sizeof(memory); size += 8) {
        struct sunder_arena arena = sunder_arena_of(memory, size);
        struct sunder_policy *policy = NULL;
        complaints = (struct sunder_complaints){0};
        enum sunder_err err =
            sunder_policy_compile(&root, (struct sunder_digest){0}, &arena, &complaints, &policy);
        if (err == SUNDER_OK) {
            break;
        }
        assert_int_equal(err, SUNDER_ERR_FULL);
        assert_null(policy);
        refusals += 1;
    }

    assert_in_range(refusals, 100, sizeof(memory) / 8 - 1);
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
        cmocka_unit_test(the_catalogue_is_bounded),
        cmocka_unit_test(duties_are_bounded),
        cmocka_unit_test(rules_are_bounded),
        cmocka_unit_test(duties_of_one_rule_are_bounded),
        cmocka_unit_test(names_are_bounded),
        cmocka_unit_test(complaints_beyond_the_bound_are_counted),
        cmocka_unit_test(an_arena_without_room_is_full_at_every_size),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
