/* The index of gates and conditions: whatever it does not find is false for the act, without an error (CEL's `&&`). */
#include <stdio.h>
#include <string.h>

#include "engine/policy/policy_find.h"
#include "tests/support/random.h"
#include "tests/unit/test_policy_fixture.h"

#define RULES 300u
#define ACTS 400u

static uint64_t seed;
static const char *const WORDS[] = {"erp", "erp.a", "erp.b", "pay", "pay.a", "p", "crm"};
static const char *const DUTIES[] = {"vendor.create", "payment.submit", "payment.confirm", "customer.read"};

static uint32_t below(uint32_t count)
{
    return test_random_below(&seed, count);
}

static const char *word(void)
{
    return WORDS[below(sizeof WORDS / sizeof WORDS[0])];
}

/* One conjunct: by equality, by a set, by a prefix, or of no use to an index. */
static int conjunct(char *at, size_t room)
{
    static const char *const fields[] = {"tool", "action", "agent", "purpose", "object", "case", "task"};
    const char *field = fields[below(7)];
    switch (below(6)) {
    case 0:
        return snprintf(at, room, "%s == '%s'", field, word());
    case 1:
        return snprintf(at, room, "%s in ['%s', '%s']", field, word(), word());
    case 2:
        return snprintf(at, room, "%s.startsWith('%s')", field, word());
    case 3:
        return snprintf(at, room, "duty == '%s'", DUTIES[below(4)]);
    case 4:
        return snprintf(at, room, "amount > %u.0", below(50));
    default:
        return snprintf(at, room, "%s != '%s'", field, word());
    }
}

static const struct sunder_policy *policy_of(void)
{
    static char text[RULES * 400];
    size_t len = (size_t)snprintf(text, sizeof text, "%s", HEAD CATALOGUE "rules:\n");
    for (uint32_t i = 0; i < RULES; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "  - {condition: r%u, when: \"", i);
        uint32_t count = 1 + below(3);
        for (uint32_t k = 0; k < count; k++) {
            const char *between = k == 0 ? "" : below(8) == 0 ? " || " : " && ";
            len += (size_t)snprintf(text + len, sizeof text - len, "%s", between);
            len += (size_t)conjunct(text + len, sizeof text - len);
        }
        len += (size_t)snprintf(text + len, sizeof text - len, "\"}\n");
    }
    return test_policy_of(text);
}

static struct sunder_value maybe(bool always)
{
    if (!always && below(3) == 0) {
        return (struct sunder_value){.kind = SUNDER_VALUE_ABSENT};
    }
    return (struct sunder_value){.kind = SUNDER_VALUE_STRING, .text = sunder_str_of(word())};
}

static void sort_ids(uint16_t *ids, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        for (uint32_t k = i; k > 0 && ids[k - 1] > ids[k]; k--) {
            uint16_t id = ids[k];
            ids[k] = ids[k - 1];
            ids[k - 1] = id;
        }
    }
}

struct scene {
    struct sunder_expr_env env;
    uint16_t duties[4];
    struct sunder_str objects[3];
    struct sunder_str cases[2];
    struct sunder_policy_act act;
};

static void make(struct scene *scene, const struct sunder_policy *policy)
{
    memset(scene, 0, sizeof *scene);
    struct sunder_value *fields = scene->env.fields;
    fields[SUNDER_FIELD_TOOL] = maybe(true);
    fields[SUNDER_FIELD_ACTION] = maybe(true);
    fields[SUNDER_FIELD_AGENT] = maybe(true);
    fields[SUNDER_FIELD_PURPOSE] = maybe(false);
    fields[SUNDER_FIELD_TASK] = maybe(false);
    if (below(2) == 0) {
        fields[SUNDER_FIELD_AMOUNT] =
            (struct sunder_value){.kind = SUNDER_VALUE_NUMBER, .exact = true, .micro = (int64_t)below(60) * 1000000};
    }
    scene->act.fields = fields;
    scene->act.duty_count = 1 + below(3);
    for (uint32_t i = 0; i < scene->act.duty_count; i++) {
        scene->duties[i] = sunder_policy_duty(policy, sunder_str_of(DUTIES[(below(2) + i) % 4])).value;
    }
    sort_ids(scene->duties, scene->act.duty_count);
    scene->act.duties = scene->duties;
    scene->act.objects = (struct sunder_strs){scene->objects, below(4)};
    for (uint32_t i = 0; i < scene->act.objects.count; i++) {
        scene->objects[i] = sunder_str_of(word());
    }
    scene->act.cases = (struct sunder_strs){scene->cases, below(3)};
    for (uint32_t i = 0; i < scene->act.cases.count; i++) {
        scene->cases[i] = sunder_str_of(word());
    }
}

static struct sunder_value value_of(struct sunder_strs texts, uint32_t i)
{
    if (texts.count == 0) {
        return (struct sunder_value){.kind = SUNDER_VALUE_ABSENT};
    }
    return (struct sunder_value){.kind = SUNDER_VALUE_STRING, .text = texts.at[i]};
}

/* Whether the rule is true or errs for some combination. */
static bool may_fire(
    const struct sunder_policy *policy, const struct sunder_rule *rule, struct scene *scene, struct sunder_arena *arena)
{
    struct sunder_value *fields = scene->env.fields;
    uint32_t objects = scene->act.objects.count == 0 ? 1 : scene->act.objects.count;
    uint32_t cases = scene->act.cases.count == 0 ? 1 : scene->act.cases.count;
    for (uint32_t i = 0; i < scene->act.duty_count * objects * cases; i++) {
        fields[SUNDER_FIELD_OBJECT] = value_of(scene->act.objects, i % objects);
        fields[SUNDER_FIELD_CASE] = value_of(scene->act.cases, (i / objects) % cases);
        fields[SUNDER_FIELD_DUTY] = (struct sunder_value){
            .kind = SUNDER_VALUE_STRING, .text = policy->duties[scene->duties[i / objects / cases]]};
        bool errs = false;
        if (sunder_expr_holds(rule->when, &scene->env, arena, &errs) || errs) {
            return true;
        }
    }
    return false;
}

static void what_is_not_found_could_not_fire(void **state)
{
    (void)state;
    seed = test_seed();
    struct sunder_arena arena = test_arena_of((size_t)1 << 20);
    const struct sunder_policy *policy = policy_of();
    static struct scene scene;
    uint64_t found = 0;
    uint64_t fired = 0;
    for (uint32_t n = 0; n < ACTS; n++) {
        make(&scene, policy);
        struct sunder_rule_marks marks;
        sunder_rule_marks_of(policy, NULL, 0, 0, &marks);
        sunder_policy_find(policy, &scene.act, &marks);
        found += sunder_rule_marks_count(&marks);
        uint32_t next = UINT32_MAX;
        bool more = sunder_rule_marks_next(&marks, &next);
        for (uint32_t i = 0; i < policy->rule_count; i++) {
            sunder_arena_reset(&arena);
            bool fires = may_fire(policy, &policy->rules[i], &scene, &arena);
            bool is_found = more && next == i;
            if (fires && !is_found) {
                fail_msg("not found: %.*s", (int)sunder_expr_source(policy->rules[i].when).len,
                    sunder_expr_source(policy->rules[i].when).at);
            }
            fired += fires ? 1 : 0;
            more = is_found ? sunder_rule_marks_next(&marks, &next) : more;
        }
        assert_false(more);
    }
    assert_true(fired > 0 && found < (uint64_t)ACTS * RULES * 2 / 3); /* It leaves out most. */
}

static void a_rule_knows_its_place(void **state)
{
    (void)state;
    static char text[40000];
    size_t len = (size_t)snprintf(text, sizeof text, "%s", HEAD CATALOGUE "rules:\n"
        "  - {condition: a, when: \"amount > 3\"}\n"
        "  - {condition: b, when: \"agent.startsWith('bot:')\"}\n");
    for (uint32_t i = 0; i < 20; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len,
            "  - {condition: t%u, when: \"tool == 'erp' && duty in ['%s', '%s']\"}\n", i, DUTIES[i % 4], DUTIES[(i + 1) % 4]);
    }
    const struct sunder_policy *policy = test_policy_of(text);
    struct sunder_policy_place place = sunder_policy_place_of(policy, sunder_policy_rule(policy, SUNDER_STR("a")));
    assert_false(place.placed);
    place = sunder_policy_place_of(policy, sunder_policy_rule(policy, SUNDER_STR("b")));
    assert_true(place.placed && place.prefix && place.field == SUNDER_FIELD_AGENT && place.worst == 1);
    place = sunder_policy_place_of(policy, sunder_policy_rule(policy, SUNDER_STR("t3")));
    assert_true(place.placed && !place.prefix && place.field == SUNDER_FIELD_TOOL);
    assert_int_equal(place.worst, 20);
    assert_true(place.second && place.second_field == SUNDER_FIELD_DUTY);
}

static int all_of(char *at, size_t room, const char *field)
{
    int len = snprintf(at, room, "%s in [", field);
    for (uint32_t v = 0; v < 12; v++) {
        len += snprintf(at + len, room - (size_t)len, "%s'v%u'", v == 0 ? "" : ",", v);
    }
    return len + snprintf(at + len, room - (size_t)len, "]");
}

/* Places of places: what each rule adds to the index is bounded by SUNDER_PLACE_DEPTH_MAX, not by how many fields it names. */
static void the_index_is_only_so_deep(void **state)
{
    (void)state;
    static const char *const fields[] = {"tool", "action", "agent", "principal", "purpose"};
    static char text[20000];
    size_t len = (size_t)snprintf(text, sizeof text, "%s", HEAD CATALOGUE "rules:\n");
    for (uint32_t i = 0; i < 20; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "  - {condition: r%u, when: \"", i);
        for (uint32_t f = 0; f < 5; f++) {
            len += (size_t)snprintf(text + len, sizeof text - len, "%s", f == 0 ? "" : " && ");
            len += (size_t)all_of(text + len, sizeof text - len, fields[f]);
        }
        len += (size_t)snprintf(text + len, sizeof text - len, "\"}\n");
    }
    const struct sunder_policy *policy = test_policy_of(text);
    struct sunder_policy_place place =
        sunder_policy_place_of(policy, sunder_policy_rule(policy, SUNDER_STR("r7")));
    assert_true(place.placed && place.field == SUNDER_FIELD_TOOL && place.values == 12);
    assert_int_equal(place.worst, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_found_could_not_fire),
        cmocka_unit_test(a_rule_knows_its_place),
        cmocka_unit_test(the_index_is_only_so_deep),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
