#include "engine/base/err.h"

#include "tests/support/test.h"

static void every_code_has_a_text_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < SUNDER_ERR_COUNT; i++) {
        const char *text = sunder_err_text((enum sunder_err)i);
        assert_non_null(text);
        assert_true(text[0] != '\0');
        assert_true(text[strlen(text) - 1] != '.');
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(text, sunder_err_text((enum sunder_err)j));
        }
    }
}

static void only_ok_is_of_class_ok(void **state)
{
    (void)state;
    assert_int_equal(SUNDER_OK, 0);
    assert_int_equal(sunder_err_class(SUNDER_OK), SUNDER_ERR_CLASS_OK);
    for (int i = 1; i < SUNDER_ERR_COUNT; i++) {
        assert_int_not_equal(sunder_err_class((enum sunder_err)i), SUNDER_ERR_CLASS_OK);
    }
}

static void a_code_has_the_class_that_its_name_promises(void **state)
{
    (void)state;
    assert_int_equal(sunder_err_class(SUNDER_ERR_MALFORMED), SUNDER_ERR_CLASS_INPUT);
    assert_int_equal(sunder_err_class(SUNDER_ERR_RETRY), SUNDER_ERR_CLASS_RETRY);
    assert_int_equal(sunder_err_class(SUNDER_ERR_FENCED), SUNDER_ERR_CLASS_FENCED);
    assert_int_equal(sunder_err_class(SUNDER_ERR_FULL), SUNDER_ERR_CLASS_FULL);
    assert_int_equal(sunder_err_class(SUNDER_ERR_CORRUPT), SUNDER_ERR_CLASS_CORRUPT);
    assert_int_equal(sunder_err_class(SUNDER_ERR_IO), SUNDER_ERR_CLASS_CORRUPT);
}

static void a_code_out_of_range_stops_the_program(void **state)
{
    (void)state;
    expect_assert_failure((void)sunder_err_text(SUNDER_ERR_COUNT));
    expect_assert_failure((void)sunder_err_class(SUNDER_ERR_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_text_of_its_own),
        cmocka_unit_test(only_ok_is_of_class_ok),
        cmocka_unit_test(a_code_has_the_class_that_its_name_promises),
        cmocka_unit_test(a_code_out_of_range_stops_the_program),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
