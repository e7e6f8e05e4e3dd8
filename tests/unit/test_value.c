#include "engine/model/value.h"

#include "tests/support/test.h"

static void a_member_is_found_by_its_whole_name_only(void **state)
{
    (void)state;
    const struct sunder_member members[] = {
        {SUNDER_STR(""), {.kind = SUNDER_VALUE_NULL}},
        {SUNDER_STR("a"), {.kind = SUNDER_VALUE_STRING, .text = SUNDER_STR("1")}},
        {SUNDER_STR("aa"), {.kind = SUNDER_VALUE_STRING, .text = SUNDER_STR("2")}},
        {SUNDER_STR("b"), {.kind = SUNDER_VALUE_STRING, .text = SUNDER_STR("3")}},
        {SUNDER_STR("\xc3\xa9"), {.kind = SUNDER_VALUE_STRING, .text = SUNDER_STR("4")}},
    };
    const struct sunder_value map = {.kind = SUNDER_VALUE_MAP, .count = 5, .members = members};

    for (uint32_t i = 0; i < map.count; i++) {
        assert_ptr_equal(sunder_value_member(&map, members[i].name), &members[i].value);
    }
    assert_null(sunder_value_member(&map, SUNDER_STR("aaa")));
    assert_null(sunder_value_member(&map, SUNDER_STR("A")));
    assert_null(sunder_value_member(&map, SUNDER_STR("z")));
}

static void what_is_no_map_has_no_members(void **state)
{
    (void)state;
    const struct sunder_value list = {.kind = SUNDER_VALUE_LIST};
    const struct sunder_value empty = {.kind = SUNDER_VALUE_MAP};
    assert_null(sunder_value_member(NULL, SUNDER_STR("a")));
    assert_null(sunder_value_member(&list, SUNDER_STR("a")));
    assert_null(sunder_value_member(&empty, SUNDER_STR("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_is_found_by_its_whole_name_only),
        cmocka_unit_test(what_is_no_map_has_no_members),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
