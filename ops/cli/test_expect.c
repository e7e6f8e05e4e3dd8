/* `expect` of a test file: its parts, and whether each is written as it should be. */
#include <string.h>

#include "ops/cli/test_read.h"

/* TEXT    one text
 * LIST    texts; one text stands for a list of one
 * ALSO    a list of texts or of {subject, key}
 * WANTED  {count, from} */
enum shape {
    SHAPE_TEXT,
    SHAPE_VERDICT,
    SHAPE_FLAG,
    SHAPE_NUMBER,
    SHAPE_LIST,
    SHAPE_ALSO,
    SHAPE_WANTED,
};

static const struct {
    const char *name;
    enum shape shape;
} PARTS[SUNDER_TEST_PART_COUNT] = {
    [SUNDER_TEST_VERDICT] = {"verdict", SHAPE_VERDICT},
    [SUNDER_TEST_DEAD_LETTER] = {"dead_letter", SHAPE_TEXT},
    [SUNDER_TEST_DUPLICATE] = {"duplicate", SHAPE_FLAG},
    [SUNDER_TEST_RECORDED] = {"recorded", SHAPE_TEXT},
    [SUNDER_TEST_RULE] = {"rule", SHAPE_TEXT},
    [SUNDER_TEST_RULES] = {"rules", SHAPE_LIST},
    [SUNDER_TEST_CODE] = {"code", SHAPE_TEXT},
    [SUNDER_TEST_CODES] = {"codes", SHAPE_LIST},
    [SUNDER_TEST_FIELD] = {"field", SHAPE_TEXT},
    [SUNDER_TEST_EFFECT] = {"effect", SHAPE_TEXT},
    [SUNDER_TEST_SUBJECT] = {"subject", SHAPE_TEXT},
    [SUNDER_TEST_KEY] = {"key", SHAPE_TEXT},
    [SUNDER_TEST_ALSO] = {"also", SHAPE_ALSO},
    [SUNDER_TEST_EVIDENCE] = {"evidence", SHAPE_LIST},
    [SUNDER_TEST_COUNT] = {"count", SHAPE_NUMBER},
    [SUNDER_TEST_VALUE] = {"value", SHAPE_TEXT},
    [SUNDER_TEST_TAGS] = {"tags", SHAPE_LIST},
    [SUNDER_TEST_SHADOW] = {"shadow", SHAPE_LIST},
    [SUNDER_TEST_WOULD_BE] = {"would_be", SHAPE_VERDICT},
    [SUNDER_TEST_SCOPE] = {"scope", SHAPE_TEXT},
    [SUNDER_TEST_APPROVALS] = {"approvals", SHAPE_WANTED},
    [SUNDER_TEST_FINDINGS] = {"findings", SHAPE_LIST},
    [SUNDER_TEST_DUTIES] = {"duties", SHAPE_LIST},
    [SUNDER_TEST_TIER] = {"tier", SHAPE_TEXT},
    [SUNDER_TEST_OBJECTS] = {"objects", SHAPE_LIST},
    [SUNDER_TEST_CASES] = {"cases", SHAPE_LIST},
    [SUNDER_TEST_LABELS] = {"labels", SHAPE_LIST},
    [SUNDER_TEST_GAINS] = {"gains", SHAPE_LIST},
    [SUNDER_TEST_SUBJECTS] = {"subjects", SHAPE_LIST},
    [SUNDER_TEST_REVOKES] = {"revokes", SHAPE_LIST},
};

static const char *const VERDICTS[] = {"allow", "deny", "escalate", NULL};

const char *sunder_test_part_name(enum sunder_test_part part)
{
    return PARTS[part].name;
}

static bool is_text(const struct sunder_doc *doc)
{
    return doc->kind == SUNDER_DOC_SCALAR && !sunder_test_is_null(doc);
}

static void check_list(
    struct sunder_test_reader *test, const char *name, const struct sunder_doc *doc)
{
    if (is_text(doc)) {
        return;
    }
    if (doc->kind != SUNDER_DOC_LIST) {
        TEST_SAY(test, doc, "`%s` is a list, as in [a, b]; [] for none", name);
        return;
    }
    for (uint32_t i = 0; i < doc->count; i++) {
        if (!is_text(&doc->items[i])) {
            TEST_SAY(test, &doc->items[i], "`%s` is a list of texts", name);
        }
    }
}

static void keep_doc(struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value)
{
    (void)reader;
    *(const struct sunder_doc **)ret_value = value;
}

static void check_also(struct sunder_test_reader *test, const struct sunder_doc *doc)
{
    if (doc->kind != SUNDER_DOC_LIST) {
        TEST_SAY(test, doc, "`also` is a list, as in [{subject: user:ana, key: vendor/V77}]");
        return;
    }
    for (uint32_t i = 0; i < doc->count; i++) {
        const struct sunder_doc *item = &doc->items[i];
        const struct sunder_doc *subject = NULL;
        const struct sunder_doc *key = NULL;
        const struct sunder_read_key keys[] = {
            {"subject", keep_doc, &subject}, {"key", keep_doc, &key}};
        sunder_read_map(&test->reader, item, "an item of `also`", keys, 2);
        if (item->kind == SUNDER_DOC_MAP &&
            ((subject != NULL && !is_text(subject)) || (key != NULL && !is_text(key)))) {
            TEST_SAY(test, item, "`subject` and `key` are one text each");
        }
    }
}

static void check_number(
    struct sunder_test_reader *test, const char *name, const struct sunder_doc *doc)
{
    bool good = is_text(doc) && doc->text.len < 20;
    for (uint32_t i = 0; good && i < doc->text.len; i++) {
        good = doc->text.at[i] >= '0' && doc->text.at[i] <= '9';
    }
    if (!good) {
        TEST_SAY(test, doc, "`%s` is a whole number", name);
    }
}

static void check_wanted(struct sunder_test_reader *test, const struct sunder_doc *doc)
{
    const struct sunder_doc *count = NULL;
    const struct sunder_doc *from = NULL;
    const struct sunder_read_key keys[] = {{"count", keep_doc, &count}, {"from", keep_doc, &from}};
    sunder_read_map(&test->reader, doc, "`approvals`", keys, 2);
    if (count != NULL) {
        check_number(test, "count", count);
    }
    if (from != NULL) {
        check_list(test, "from", from);
    }
}

static void check_part(
    struct sunder_test_reader *test, enum sunder_test_part part, const struct sunder_doc *doc)
{
    const char *name = PARTS[part].name;
    switch (PARTS[part].shape) {
    case SHAPE_TEXT:
        if (!is_text(doc)) {
            TEST_SAY(test, doc, "`%s` is one text", name);
        }
        break;
    case SHAPE_VERDICT:
        (void)sunder_read_word(&test->reader, doc, VERDICTS);
        break;
    case SHAPE_FLAG:
        if (!is_text(doc) || (!sunder_str_equal(doc->text, SUNDER_STR("true")) &&
                                 !sunder_str_equal(doc->text, SUNDER_STR("false")))) {
            TEST_SAY(test, doc, "`%s` is true or false", name);
        }
        break;
    case SHAPE_NUMBER:
        check_number(test, name, doc);
        break;
    case SHAPE_LIST:
        check_list(test, name, doc);
        break;
    case SHAPE_ALSO:
        check_also(test, doc);
        break;
    case SHAPE_WANTED:
        check_wanted(test, doc);
        break;
    }
}

const struct sunder_test_expect *sunder_test_read_expect(
    struct sunder_test_reader *test, const struct sunder_doc *doc)
{
    struct sunder_test_expect *expect =
        SUNDER_ARENA_NEW(test->reader.arena, struct sunder_test_expect, 1);
    if (expect == NULL) {
        TEST_SAY(test, doc, "the file is too large");
        return NULL;
    }
    expect->line = doc->line;
    expect->column = doc->column;
    if (doc->kind == SUNDER_DOC_SCALAR) { /* `expect: deny` */
        check_part(test, SUNDER_TEST_VERDICT, doc);
        expect->parts[SUNDER_TEST_VERDICT] = doc;
        return expect;
    }
    struct sunder_read_key keys[SUNDER_TEST_PART_COUNT];
    for (uint32_t i = 0; i < SUNDER_TEST_PART_COUNT; i++) {
        keys[i] = (struct sunder_read_key){PARTS[i].name, keep_doc, &expect->parts[i]};
    }
    sunder_read_map(&test->reader, doc, "`expect`", keys, SUNDER_TEST_PART_COUNT);
    if (doc->kind == SUNDER_DOC_MAP && doc->count == 0) {
        TEST_SAY(test, doc, "`expect` names nothing: write a verdict, or what shall come");
    }
    for (uint32_t i = 0; i < SUNDER_TEST_PART_COUNT; i++) {
        if (expect->parts[i] != NULL) {
            check_part(test, (enum sunder_test_part)i, expect->parts[i]);
        }
    }
    return expect;
}
