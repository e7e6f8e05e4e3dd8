/* The bounds of limits.h that a policy meets, and what happens when memory ends. */
#include "engine/policy/policy_compile.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/doc.h"
#include "tests/unit/test_policy_fixture.h"

/* A text of up to 4 MiB that grows; lives until the next text_start. */
static char *text;
static size_t text_len;
enum {
    TEXT_MAX = 1 << 20,
    BYTES_MAX = 32 * 1024 * 1024
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
    memory = memory == NULL ? malloc(BYTES_MAX) : memory;
    assert_non_null(memory);
    struct sunder_arena arena = sunder_arena_of(memory, BYTES_MAX);
    struct sunder_policy *policy = NULL;
    assert_int_equal(test_policy_compile(&arena, text, &policy), SUNDER_ERR_INVALID);
    assert_null(policy);
    assert_int_equal(test_complaints.errors, 1);
    assert_true(sunder_str_equal(test_complaints.at[0].text, sunder_str_of(expected)));
}

static void the_catalogue_is_bounded(void **state)
{
    (void)state;
    text_start(HEAD "catalogue:\n");
    for (uint32_t i = 0; i < SUNDER_POLICY_CATALOGUE_MAX; i++) {
        text_add("- {tool: t, action: a%u, duty: d%u}\n", i, i % SUNDER_POLICY_DUTIES_MAX);
    }
    const struct sunder_policy *policy = test_policy_of(text);
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
    const struct sunder_policy *policy = test_policy_of(text);
    assert_int_equal(policy->rule_count, SUNDER_POLICY_RULES_MAX);
    for (uint32_t i = 0; i < SUNDER_POLICY_RULES_MAX; i++) {
        assert_ptr_equal(sunder_policy_rule(policy, policy->rules[i].name), &policy->rules[i]);
    }

    text_add("- {limit: one.more, count: true, max: 1}\n");
    assert_one_error("the policy has more than 16384 rules");
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
            assert_int_equal(test_policy_of(text)->rules[0].duty_count, count);
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
    assert_int_equal(test_policy_of(text)->rules[0].name.len, SUNDER_IDENTIFIER_BYTES_MAX);

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

    assert_int_equal(test_policy_compile(&arena, text, &policy), SUNDER_ERR_INVALID);

    assert_int_equal(test_complaints.errors, SUNDER_COMPLAINTS_MAX + 5);
    assert_int_equal(test_complaints.count, SUNDER_COMPLAINTS_MAX);
    assert_int_equal(test_complaints.dropped, 5);
    for (uint32_t i = 1; i < test_complaints.count; i++) {
        assert_true(test_complaints.at[i - 1].line <= test_complaints.at[i].line);
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
             "  - {separation: s, duties: [vendor.create, payment.submit], tags: [x-a:b]}\n"
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
        test_complaints = (struct sunder_complaints){0};
        enum sunder_err err = sunder_policy_compile(
            &(struct sunder_policy_source){.root = &root}, &arena, &test_complaints, &policy);
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
