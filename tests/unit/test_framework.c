/* Which control ids exist. */
#include "engine/policy/framework.h"
#include "tests/support/test.h"

static enum sunder_tag check(const char *tag)
{
    struct sunder_str meant;
    return sunder_tag_check(sunder_str_of(tag), &meant);
}

static void ids_that_exist(void **state)
{
    (void)state;
    static const char *const tags[] = {"owasp.asi:ASI02", "owasp.nhi:NHI10:2025", "csa.maestro:L7",
        "nist.ai-rmf:GOVERN 3.2", "nist.csf:PR.AA-05", "nist.800-53:AC-5", "nist.800-53:AC-6(10)",
        "nist.800-53:PM-32", "mitre.attack:T1098", "mitre.attack:T1098.003", "mitre.atlas:AML.T0091.000",
        "mitre.atlas:AML.M0029", "x-acme.sox:404"};
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        assert_int_equal(check(tags[i]), SUNDER_TAG_OK);
    }
}

static void ids_that_do_not(void **state)
{
    (void)state;
    static const char *const tags[] = {"owasp.asi:A01", "owasp.asi:ASI11", "owasp.nhi:NHI-03",
        "csa.maestro:C2", "nist.ai-rmf:GOVERN", "nist.800-53:AC", "nist.800-53:AC-0", "nist.800-53:AC-26",
        "nist.800-53:AC-05", "nist.800-53:AC-6(", "nist.800-53:AC-6()", "nist.800-53:AC-6(9)x",
        "nist.800-53:XX-1", "mitre.attack:T109", "mitre.attack:T1098.", "mitre.attack:T1098.00",
        "mitre.attack:T1098.0034", "mitre.atlas:T0053", "nist.csf:AC-5"};
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        assert_int_equal(check(tags[i]), SUNDER_TAG_ID);
    }
    assert_int_equal(check("sox:404"), SUNDER_TAG_FRAMEWORK);
    assert_int_equal(check("AC-5"), SUNDER_TAG_SHAPE);
    assert_int_equal(check(":AC-5"), SUNDER_TAG_SHAPE);
    assert_int_equal(check("nist.csf:"), SUNDER_TAG_SHAPE);
    assert_int_equal(check(""), SUNDER_TAG_SHAPE);
}

static void what_was_meant(void **state)
{
    (void)state;
    struct sunder_str meant;
    assert_int_equal(
        sunder_tag_check(SUNDER_STR("nist.80053:AC-5"), &meant), SUNDER_TAG_FRAMEWORK);
    assert_true(sunder_str_equal(meant, SUNDER_STR("nist.800-53")));
    assert_int_equal(sunder_tag_check(SUNDER_STR("nist.csf:PR.AA-06"), &meant), SUNDER_TAG_ID);
    assert_true(sunder_str_starts_with(meant, SUNDER_STR("PR.AA-0")));
}

/* Each control belongs to a framework that is listed, once, and is found. */
static void the_table_agrees_with_itself(void **state)
{
    (void)state;
    uint32_t framework_count;
    uint32_t count;
    const struct sunder_framework *frameworks = sunder_frameworks(&framework_count);
    const struct sunder_control *controls = sunder_controls(&count);
    assert_true(framework_count >= 8 && count >= 50);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t homes = 0;
        for (uint32_t k = 0; k < framework_count; k++) {
            homes += sunder_str_equal(frameworks[k].label, controls[i].label) ? 1 : 0;
        }
        assert_int_equal(homes, 1);
        for (uint32_t k = 0; k < i; k++) {
            assert_false(sunder_str_equal(controls[k].label, controls[i].label) &&
                         sunder_str_equal(controls[k].id, controls[i].id));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_that_exist),
        cmocka_unit_test(ids_that_do_not),
        cmocka_unit_test(what_was_meant),
        cmocka_unit_test(the_table_agrees_with_itself),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
