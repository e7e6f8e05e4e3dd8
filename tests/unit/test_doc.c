#include "proto/doc.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/test.h"

static struct sunder_doc parsed(const char *text)
{
    struct sunder_arena arena = test_arena_of(1 << 16);
    struct sunder_doc root;
    struct sunder_doc_fail fail;
    enum sunder_err err = sunder_doc_parse(sunder_str_of(text), &arena, &root, &fail);
    if (err != SUNDER_OK) {
        print_error("%u:%u: %s\n", fail.line, fail.column, fail.text);
    }
    assert_int_equal(err, SUNDER_OK);
    return root;
}

static void is_refused_at(struct sunder_str text, uint32_t line, uint32_t column, const char *part)
{
    struct sunder_arena arena = test_arena_of(1 << 16);
    struct sunder_doc root;
    struct sunder_doc_fail fail;
    assert_int_equal(sunder_doc_parse(text, &arena, &root, &fail), SUNDER_ERR_MALFORMED);
    if (fail.line != line || fail.column != column || strstr(fail.text, part) == NULL) {
        print_error("%.*s\n%u:%u: %s\n", (int)text.len, text.at, fail.line, fail.column, fail.text);
    }
    assert_int_equal(fail.line, line);
    assert_int_equal(fail.column, column);
    assert_non_null(strstr(fail.text, part));
}

static void is_entry(
    struct sunder_doc map, uint32_t index, const char *name, uint32_t line, uint32_t column)
{
    assert_int_equal(map.kind, SUNDER_DOC_MAP);
    assert_true(index < map.count);
    test_assert_str(map.entries[index].name, sunder_str_of(name), __FILE__, __LINE__);
    assert_int_equal(map.entries[index].line, line);
    assert_int_equal(map.entries[index].column, column);
}

static void is_scalar(struct sunder_doc node, const char *text, uint32_t line, uint32_t column)
{
    assert_int_equal(node.kind, SUNDER_DOC_SCALAR);
    test_assert_str(node.text, sunder_str_of(text), __FILE__, __LINE__);
    assert_int_equal(node.line, line);
    assert_int_equal(node.column, column);
}

static void nodes_keep_their_order_and_places(void **state)
{
    (void)state;
    struct sunder_doc root = parsed("sunder: 1\n"
                                    "rules:\n"
                                    "  - separation: pair   # a comment\n"
                                    "    duties: [b, \"a\"]\n"
                                    "  -\n"
                                    "\n"
                                    "name: 'it''s'\n"
                                    "empty:\n"
                                    "none: {}\n");

    assert_int_equal(root.count, 5);
    assert_int_equal(root.line, 1);
    is_entry(root, 0, "sunder", 1, 1);
    is_scalar(root.entries[0].value, "1", 1, 9);
    is_entry(root, 1, "rules", 2, 1);
    struct sunder_doc rules = root.entries[1].value;
    assert_int_equal(rules.kind, SUNDER_DOC_LIST);
    assert_int_equal(rules.count, 2);
    assert_int_equal(rules.line, 3);
    assert_int_equal(rules.column, 3);
    is_entry(rules.items[0], 0, "separation", 3, 5);
    is_entry(rules.items[0], 1, "duties", 4, 5);
    struct sunder_doc duties = rules.items[0].entries[1].value;
    assert_int_equal(duties.count, 2);
    is_scalar(duties.items[0], "b", 4, 14);
    assert_false(duties.items[0].quoted);
    is_scalar(duties.items[1], "a", 4, 17);
    assert_true(duties.items[1].quoted);
    assert_int_equal(rules.items[1].text.len, 0);
    assert_false(rules.items[1].quoted);
    is_scalar(root.entries[2].value, "it's", 7, 7);
    is_scalar(root.entries[3].value, "", 8, 1);
    assert_int_equal(root.entries[4].value.kind, SUNDER_DOC_MAP);
    assert_int_equal(root.entries[4].value.count, 0);
}

static void blocks_and_quotes_are_texts_and_plain_words_are_not_typed(void **state)
{
    (void)state;
    struct sunder_doc root =
        parsed("a: |\n  x\n  y\nb: >-\n  x\n  y\nc: no\nd: 0777\ne: ~\nf: \"\\u00e9\\n\"\n");

    is_scalar(
        root.entries[0].value, "x\ny\n", root.entries[0].value.line, root.entries[0].value.column);
    assert_true(root.entries[0].value.quoted);
    assert_true(sunder_str_equal(root.entries[1].value.text, SUNDER_STR("x y")));
    assert_true(sunder_str_equal(root.entries[2].value.text, SUNDER_STR("no")));
    assert_false(root.entries[2].value.quoted);
    assert_true(sunder_str_equal(root.entries[3].value.text, SUNDER_STR("0777")));
    assert_true(sunder_str_equal(root.entries[4].value.text, SUNDER_STR("~")));
    assert_true(sunder_str_equal(root.entries[5].value.text, SUNDER_STR("\xc3\xa9\n")));
}

static void columns_count_characters(void **state)
{
    (void)state;
    struct sunder_doc root = parsed("\xef\xbb\xbf\"\xc3\xa9\xe2\x82\xac\": x\n");
    is_scalar(root.entries[0].value, "x", 1, 7);
}

static void a_root_may_be_a_list_or_a_word(void **state)
{
    (void)state;
    is_scalar(parsed("word\n"), "word", 1, 1);
    assert_int_equal(parsed("[1, 2]").count, 2);
}

static void a_repeated_name_is_refused_where_it_stands_again(void **state)
{
    (void)state;
    is_refused_at(SUNDER_STR("a: 1\nb: 2\na: 3\nb: 4\n"),
        3,
        1,
        "\"a\" stands twice in one map, first in line 1");
    is_refused_at(SUNDER_STR("x:\n  - {k: 1, \"k\": 2}\n"), 2, 12, "first in line 2");
    struct sunder_doc root = parsed("- {a: 1}\n- {a: 1}\n");
    assert_int_equal(root.count, 2);
}

static void what_hides_meaning_is_refused(void **state)
{
    (void)state;
    is_refused_at(SUNDER_STR("a: &x 1\n"), 1, 7, "anchors");
    is_refused_at(SUNDER_STR("a: &x [1]\n"), 1, 7, "anchors");
    is_refused_at(SUNDER_STR("a: *x\n"), 1, 5, "aliases");
    is_refused_at(SUNDER_STR("a: !!str 1\n"), 1, 10, "tags");
    is_refused_at(SUNDER_STR("a: 1\n---\nb: 1\n"), 2, 1, "second document");
    is_refused_at(SUNDER_STR("? [a]\n: 1\n"), 1, 1, "name apart");
    is_refused_at(SUNDER_STR("a:\n  - ? b:\t:"), 2, 5, "name apart");
    is_refused_at(SUNDER_STR("a: b\r?"), 1, 6, "name apart");
    is_refused_at(SUNDER_STR("a:\t: ? a:\t?"), 1, 6, "name apart");
    is_refused_at(SUNDER_STR("{[a]: 2}\n"), 1, 2, "a name cannot be a list or a map");
    is_refused_at(SUNDER_STR("{{a: 1}: 2}\n"), 1, 2, "a name cannot be a list or a map");
}

static void a_question_is_no_name_apart(void **state)
{
    (void)state;
    struct sunder_doc root = parsed("a: what ? why ?\n?b: c\n");
    assert_int_equal(root.count, 2);
    assert_true(sunder_str_equal(root.entries[1].name, SUNDER_STR("?b")));
}

static void broken_yaml_is_refused_with_its_place(void **state)
{
    (void)state;
    is_refused_at(SUNDER_STR("a: [1\n"), 2, 1, "closing bracket");
    is_refused_at(SUNDER_STR("a:\n\t- b\n"), 2, 1, "tab");
    is_refused_at(SUNDER_STR("a: 'x\n"), 1, 5, "quote");
    is_refused_at(SUNDER_STR("ok: 1\na: b: c\n"), 2, 5, "");
    is_refused_at(SUNDER_STR(""), 1, 1, "empty");
    is_refused_at(SUNDER_STR("# only a comment\n"), 1, 1, "empty");
    is_refused_at(SUNDER_STR("\xef\xbb\xbf"), 1, 1, "empty");
}

static void what_is_no_text_is_refused_with_its_place(void **state)
{
    (void)state;
    is_refused_at(SUNDER_STR("a: 1\nb: \xc3\xa9\xff\n"), 2, 5, "UTF-8");
    is_refused_at(SUNDER_STR("a: \xed\xa0\x80\n"), 1, 4, "UTF-8");
    is_refused_at(SUNDER_STR("a: \xc3"), 1, 4, "UTF-8");
    is_refused_at((struct sunder_str){"a: \0b\n", 6}, 1, 4, "UTF-8");
    is_refused_at((struct sunder_str){"\xff\xfe"
                                      "a\0:\0",
                      6},
        1,
        1,
        "UTF-8");
    is_refused_at(SUNDER_STR("a: \x1b[31m\n"), 1, 4, "control characters");
}

static void thirty_two_levels_are_read_and_one_more_is_not(void **state)
{
    (void)state;
    char text[2 * (SUNDER_DOC_DEPTH_MAX + 1)];
    memset(text, '[', sizeof(text) / 2);
    memset(text + (sizeof(text) / 2), ']', sizeof(text) / 2);
    struct sunder_arena arena = test_arena_of(1 << 16);
    struct sunder_doc root;
    struct sunder_doc_fail fail;

    assert_int_equal(
        sunder_doc_parse((struct sunder_str){text + 1, sizeof(text) - 2}, &arena, &root, &fail),
        SUNDER_OK);
    assert_int_equal(
        sunder_doc_parse((struct sunder_str){text, sizeof(text)}, &arena, &root, &fail),
        SUNDER_ERR_FULL);

    assert_int_equal(fail.column, SUNDER_DOC_DEPTH_MAX + 1);
    assert_non_null(strstr(fail.text, "too deep"));
}

static void a_document_too_long_or_an_arena_too_small_is_full(void **state)
{
    (void)state;
    char *text = malloc(SUNDER_DOC_BYTES_MAX + 1);
    assert_non_null(text);
    memset(text, 'a', SUNDER_DOC_BYTES_MAX + 1);
    struct sunder_arena arena = test_arena_of(2 << 20);
    struct sunder_doc root = {.line = 77};
    struct sunder_doc_fail fail;
    assert_int_equal(
        sunder_doc_parse((struct sunder_str){text, SUNDER_DOC_BYTES_MAX + 1}, &arena, &root, &fail),
        SUNDER_ERR_FULL);
    assert_non_null(strstr(fail.text, "longer"));
    free(text);

    struct sunder_arena small = test_arena_of(8);
    assert_int_equal(
        sunder_doc_parse(SUNDER_STR("a: [b, c, d]\n"), &small, &root, &fail), SUNDER_ERR_FULL);
    assert_int_equal(root.line, 77);
}

static void a_map_of_ten_thousand_names_is_quick(void **state)
{
    (void)state;
    enum {
        NAMES = 10000
    };
    static char text[NAMES * 16];
    uint32_t len = 0;
    for (int i = 0; i < NAMES; i++) {
        len += (uint32_t)snprintf(text + len, sizeof(text) - len, "n%d: 1\n", i);
    }
    struct sunder_arena arena = test_arena_of(4 << 20);
    struct sunder_doc root;
    struct sunder_doc_fail fail;
    assert_int_equal(
        sunder_doc_parse((struct sunder_str){text, len}, &arena, &root, &fail), SUNDER_OK);
    assert_int_equal(root.count, NAMES);
    is_entry(root, NAMES - 1, "n9999", NAMES, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_keep_their_order_and_places),
        cmocka_unit_test(blocks_and_quotes_are_texts_and_plain_words_are_not_typed),
        cmocka_unit_test(columns_count_characters),
        cmocka_unit_test(a_root_may_be_a_list_or_a_word),
        cmocka_unit_test(a_repeated_name_is_refused_where_it_stands_again),
        cmocka_unit_test(what_hides_meaning_is_refused),
        cmocka_unit_test(a_question_is_no_name_apart),
        cmocka_unit_test(broken_yaml_is_refused_with_its_place),
        cmocka_unit_test(what_is_no_text_is_refused_with_its_place),
        cmocka_unit_test(thirty_two_levels_are_read_and_one_more_is_not),
        cmocka_unit_test(a_document_too_long_or_an_arena_too_small_is_full),
        cmocka_unit_test(a_map_of_ten_thousand_names_is_quick),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
