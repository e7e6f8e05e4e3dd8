/* Expectation against answer. Both sides of each part become a list of texts. */
#include "ops/cli/test_answer.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/text.h"
#include "ops/cli/test_read.h"

#define TEXTS_MAX 512u /* Subjects, objects and evidence of one record are fewer. */

/* ordered  else both sides are sorted before they are compared */
struct texts {
    struct sunder_str at[TEXTS_MAX];
    uint32_t count;
    bool ordered;
};

struct compare {
    const struct sunder_test_event *event;
    const struct sunder_test_answer *answer;
    struct sunder_arena *arena;
    const struct sunder_test_failure **tail;
    const struct sunder_value
        *reason; /* The one that field, key, evidence ... are about; may be NULL. */
    struct texts expected;
    struct texts got;
    uint32_t failures;
    bool full;
};

static void add(struct compare *compare, struct texts *list, struct sunder_str text)
{
    if (list->count == TEXTS_MAX || text.at == NULL) {
        compare->full = true;
        return;
    }
    list->at[list->count++] = text;
}

static struct sunder_str member_text(const struct sunder_value *map, const char *name)
{
    const struct sunder_value *value =
        map == NULL ? NULL : sunder_value_member(map, sunder_str_of(name));
    if (value == NULL) {
        return (struct sunder_str){0};
    }
    if (value->kind == SUNDER_VALUE_BOOL) {
        return value->boolean ? SUNDER_STR("true") : SUNDER_STR("false");
    }
    return value->text;
}

static const struct sunder_value *record_list(const struct compare *compare, const char *name)
{
    static const struct sunder_value NONE = {.kind = SUNDER_VALUE_LIST};
    const struct sunder_value *list =
        sunder_value_member(&compare->answer->record, sunder_str_of(name));
    return list != NULL && list->kind == SUNDER_VALUE_LIST ? list : &NONE;
}

static struct sunder_str rule_or_code(const struct sunder_value *reason)
{
    struct sunder_str rule = member_text(reason, "rule");
    return rule.at != NULL ? rule : member_text(reason, "code");
}

/* The reason that the expectation is about: of the named rule, else of the named code (and field), else of the rule in shadow,
 * else the first. */
static const struct sunder_value *reason_find(const struct compare *compare)
{
    const struct sunder_doc *const *parts = compare->event->expect->parts;
    const struct sunder_doc *rule = parts[SUNDER_TEST_RULE];
    const struct sunder_doc *code = parts[SUNDER_TEST_CODE];
    const struct sunder_doc *field = parts[SUNDER_TEST_FIELD];
    const struct sunder_value *reasons = record_list(compare, "reasons");
    const struct sunder_value *best = NULL;
    for (uint32_t i = 0; i < reasons->count; i++) {
        const struct sunder_value *it = &reasons->items[i];
        bool fits = rule != NULL   ? sunder_str_equal(member_text(it, "rule"), rule->text)
                    : code != NULL ? sunder_str_equal(member_text(it, "code"), code->text)
                                   : true;
        bool better =
            fits && field != NULL && sunder_str_equal(member_text(it, "field"), field->text);
        if (better) {
            return it;
        }
        best = best == NULL && fits ? it : best;
    }
    const struct sunder_value *shadow = record_list(compare, "shadow");
    if (best == NULL && rule == NULL && code == NULL && shadow->count > 0) {
        return &shadow->items[0];
    }
    return best;
}

static struct sunder_str pair_text(
    struct compare *compare, struct sunder_str subject, struct sunder_str key)
{
    if (subject.at == NULL || key.at == NULL) {
        return subject.at != NULL ? subject : key;
    }
    return sunder_text(compare->arena, subject, SUNDER_STR(" on "), key);
}

static void got_members(struct compare *compare,
    const struct sunder_value *list,
    struct sunder_str (*of)(const struct sunder_value *item))
{
    for (uint32_t i = 0; i < list->count; i++) {
        struct sunder_str text = of(&list->items[i]);
        if (text.at != NULL) {
            add(compare, &compare->got, text);
        }
    }
}

static struct sunder_str itself(const struct sunder_value *item)
{
    return item->text;
}

static struct sunder_str its_code(const struct sunder_value *item)
{
    return member_text(item, "code");
}

static struct sunder_str its_rule(const struct sunder_value *item)
{
    return member_text(item, "rule");
}

static struct sunder_str its_intent(const struct sunder_value *item)
{
    return member_text(item, "intent");
}

/* The code of a rule's reason is its kind, which nobody means by `code`. */
static struct sunder_str its_own_code(const struct sunder_value *item)
{
    return member_text(item, "rule").at != NULL ? (struct sunder_str){0}
                                                : member_text(item, "code");
}

static void got_text(struct compare *compare, struct sunder_str text)
{
    if (text.at != NULL) {
        add(compare, &compare->got, text);
    }
}

static void got_subjects(struct compare *compare)
{
    const struct sunder_value *subjects =
        sunder_value_member(&compare->answer->record, SUNDER_STR("subjects"));
    if (subjects == NULL) {
        return;
    }
    got_text(compare, member_text(subjects, "agent"));
    const struct sunder_value *chain = sunder_value_member(subjects, SUNDER_STR("delegators"));
    if (chain != NULL) {
        got_members(compare, chain, itself);
    }
    static const char *const OTHERS[] = {"principal", "credential"};
    for (uint32_t i = 0; i < 2; i++) {
        struct sunder_str text = member_text(subjects, OTHERS[i]);
        bool again = false;
        for (uint32_t k = 0; k < compare->got.count; k++) {
            again = again || sunder_str_equal(compare->got.at[k], text);
        }
        got_text(compare, again ? (struct sunder_str){0} : text);
    }
}

static void got_also(struct compare *compare)
{
    const struct sunder_value *also =
        compare->reason == NULL ? NULL : sunder_value_member(compare->reason, SUNDER_STR("also"));
    for (uint32_t i = 0; also != NULL && i < also->count; i++) {
        add(compare,
            &compare->got,
            pair_text(compare,
                member_text(&also->items[i], "subject"),
                member_text(&also->items[i], "key")));
    }
}

static void got_of_reason(struct compare *compare,
    const char *name,
    struct sunder_str (*of)(const struct sunder_value *item))
{
    const struct sunder_value *list =
        compare->reason == NULL ? NULL : sunder_value_member(compare->reason, sunder_str_of(name));
    if (list != NULL) {
        got_members(compare, list, of);
    }
}

/* `rule: x` and `code: x` hold when x is among those that came; then only x is shown. */
static void got_among(struct compare *compare,
    const struct sunder_doc *wanted,
    struct sunder_str (*of)(const struct sunder_value *item))
{
    got_members(compare, record_list(compare, "reasons"), of);
    for (uint32_t i = 0; i < compare->got.count; i++) {
        if (sunder_str_equal(compare->got.at[i], wanted->text)) {
            compare->got.at[0] = wanted->text;
            compare->got.count = 1;
        }
    }
}

static void got_revoked(struct compare *compare)
{
    for (uint32_t i = 0; i < compare->answer->revoked_count; i++) {
        add(compare, &compare->got, compare->answer->revoked[i]);
    }
}

static void got_flag(struct compare *compare, const char *name)
{
    struct sunder_str text = member_text(&compare->answer->record, name);
    add(compare, &compare->got, text.at == NULL ? SUNDER_STR("false") : text);
}

static void got_fill(
    struct compare *compare, enum sunder_test_part part, const struct sunder_doc *wanted)
{
    const struct sunder_test_answer *answer = compare->answer;
    const char *name = sunder_test_part_name(part);
    switch (part) {
    case SUNDER_TEST_VERDICT:
    case SUNDER_TEST_WOULD_BE:
    case SUNDER_TEST_SCOPE:
    case SUNDER_TEST_TIER:
        got_text(compare, member_text(&answer->record, name));
        break;
    case SUNDER_TEST_RECORDED:
        got_text(compare, member_text(&answer->record, "kind"));
        break;
    case SUNDER_TEST_DEAD_LETTER:
        got_text(compare, answer->dead_letter);
        break;
    case SUNDER_TEST_DUPLICATE: /* False is not written. */
        got_flag(compare, name);
        break;
    case SUNDER_TEST_RULE:
    case SUNDER_TEST_CODE:
        got_among(compare, wanted, part == SUNDER_TEST_RULE ? its_rule : its_own_code);
        break;
    case SUNDER_TEST_RULES:
    case SUNDER_TEST_CODES:
        got_members(compare,
            record_list(compare, "reasons"),
            part == SUNDER_TEST_RULES ? its_rule : its_own_code);
        break;
    case SUNDER_TEST_FIELD:
    case SUNDER_TEST_EFFECT:
    case SUNDER_TEST_SUBJECT:
    case SUNDER_TEST_KEY:
    case SUNDER_TEST_COUNT:
    case SUNDER_TEST_VALUE:
        got_text(compare, member_text(compare->reason, name));
        break;
    case SUNDER_TEST_ALSO:
        got_also(compare);
        break;
    case SUNDER_TEST_TAGS:
    case SUNDER_TEST_EVIDENCE:
        compare->got.ordered = part == SUNDER_TEST_EVIDENCE;
        got_of_reason(compare, name, part == SUNDER_TEST_EVIDENCE ? its_intent : itself);
        break;
    case SUNDER_TEST_SHADOW:
        got_members(compare, record_list(compare, name), rule_or_code);
        break;
    case SUNDER_TEST_FINDINGS:
        got_members(compare, record_list(compare, name), its_code);
        break;
    case SUNDER_TEST_DUTIES:
    case SUNDER_TEST_OBJECTS:
    case SUNDER_TEST_CASES:
    case SUNDER_TEST_LABELS:
    case SUNDER_TEST_GAINS:
        got_members(compare, record_list(compare, name), itself);
        break;
    case SUNDER_TEST_SUBJECTS:
        got_subjects(compare);
        break;
    case SUNDER_TEST_REVOKES:
        got_revoked(compare);
        break;
    case SUNDER_TEST_APPROVALS: /* Has two halves; see check_approvals. */
    case SUNDER_TEST_PART_COUNT:
        break;
    }
}

static void expected_fill(struct compare *compare, const struct sunder_doc *doc)
{
    if (doc->kind == SUNDER_DOC_SCALAR) {
        add(compare, &compare->expected, doc->text);
        return;
    }
    for (uint32_t i = 0; i < doc->count; i++) {
        const struct sunder_doc *item = &doc->items[i];
        if (item->kind == SUNDER_DOC_SCALAR) {
            add(compare, &compare->expected, item->text);
            continue;
        }
        struct sunder_str subject = {0};
        struct sunder_str key = {0};
        for (uint32_t k = 0; k < item->count; k++) {
            bool is_key = sunder_str_equal(item->entries[k].name, SUNDER_STR("key"));
            *(is_key ? &key : &subject) = item->entries[k].value.text;
        }
        add(compare, &compare->expected, pair_text(compare, subject, key));
    }
}

static int by_bytes(const void *left, const void *right)
{
    return sunder_str_compare(*(const struct sunder_str *)left, *(const struct sunder_str *)right);
}

static bool texts_equal(struct texts *a, struct texts *b)
{
    if (!a->ordered) {
        qsort(a->at, a->count, sizeof a->at[0], by_bytes);
        qsort(b->at, b->count, sizeof b->at[0], by_bytes);
    }
    bool equal = a->count == b->count;
    for (uint32_t i = 0; equal && i < a->count; i++) {
        equal = sunder_str_equal(a->at[i], b->at[i]);
    }
    return equal;
}

static struct sunder_str texts_shown(
    struct compare *compare, const struct texts *texts, const struct sunder_doc *wanted)
{
    bool list = wanted->kind == SUNDER_DOC_LIST || texts->count > 1;
    if (texts->count == 0 && !list) {
        return SUNDER_STR("none");
    }
    struct sunder_str shown = list ? SUNDER_STR("[") : SUNDER_STR("");
    for (uint32_t i = 0; i < texts->count && shown.at != NULL; i++) {
        shown = sunder_text(
            compare->arena, shown, i > 0 ? SUNDER_STR(", ") : SUNDER_STR(""), texts->at[i]);
    }
    return list && shown.at != NULL ? sunder_text(compare->arena, shown, SUNDER_STR("]")) : shown;
}

static void fail(struct compare *compare,
    const struct sunder_doc *at,
    const char *part,
    struct sunder_str expected,
    struct sunder_str got)
{
    struct sunder_test_failure *failure =
        SUNDER_ARENA_NEW(compare->arena, struct sunder_test_failure, 1);
    if (failure == NULL || expected.at == NULL || got.at == NULL) {
        compare->full = true;
        return;
    }
    *failure = (struct sunder_test_failure){
        .line = at->line,
        .column = at->column,
        .event = compare->event->id,
        .part = part,
        .expected = expected,
        .got = got,
        .reasons = sunder_test_reasons(compare->answer, compare->arena),
    };
    *compare->tail = failure;
    compare->tail = &failure->next;
    compare->failures++;
}

static void check_lists(struct compare *compare, const char *part, const struct sunder_doc *wanted)
{
    expected_fill(compare, wanted);
    compare->expected.ordered = compare->got.ordered;
    if (!texts_equal(&compare->expected, &compare->got)) {
        fail(compare,
            wanted,
            part,
            texts_shown(compare, &compare->expected, wanted),
            texts_shown(compare, &compare->got, wanted));
    }
}

static void lists_clear(struct compare *compare)
{
    compare->expected.count = compare->got.count = 0;
    compare->expected.ordered = compare->got.ordered = false;
}

/* Of the named rule, else of the first that wants any. */
static void check_approvals(struct compare *compare, const struct sunder_doc *wanted)
{
    const struct sunder_doc *rule = compare->event->expect->parts[SUNDER_TEST_RULE];
    const struct sunder_value *list = record_list(compare, "approvals");
    const struct sunder_value *mine = NULL;
    for (uint32_t i = 0; i < list->count && mine == NULL; i++) {
        bool fits =
            rule == NULL || sunder_str_equal(member_text(&list->items[i], "rule"), rule->text);
        mine = fits ? &list->items[i] : NULL;
    }
    for (uint32_t i = 0; i < wanted->count; i++) {
        const struct sunder_doc_entry *entry = &wanted->entries[i];
        bool from = sunder_str_equal(entry->name, SUNDER_STR("from"));
        lists_clear(compare);
        const struct sunder_value *value =
            from && mine != NULL ? sunder_value_member(mine, SUNDER_STR("from")) : NULL;
        if (value != NULL) {
            got_members(compare, value, itself);
        } else if (!from) {
            got_text(compare, member_text(mine, "count"));
        }
        check_lists(compare, from ? "approvals.from" : "approvals.count", &entry->value);
    }
}

struct sunder_str sunder_test_reasons(
    const struct sunder_test_answer *answer, struct sunder_arena *arena)
{
    static const char *const LISTS[] = {"reasons", "shadow"};
    struct sunder_str all = SUNDER_STR("");
    for (uint32_t k = 0; k < 2; k++) {
        const struct sunder_value *list =
            sunder_value_member(&answer->record, sunder_str_of(LISTS[k]));
        for (uint32_t i = 0; list != NULL && i < list->count && all.at != NULL; i++) {
            const struct sunder_value *it = &list->items[i];
            struct sunder_str field = member_text(it, "field");
            struct sunder_str message = member_text(it, "message");
            all = sunder_text(arena,
                all,
                all.len > 0 ? SUNDER_STR("\n") : SUNDER_STR(""),
                k == 1 ? SUNDER_STR("only watching: ") : SUNDER_STR(""),
                rule_or_code(it),
                field.at != NULL ? SUNDER_STR(" (") : SUNDER_STR(""),
                field,
                field.at != NULL ? SUNDER_STR(")") : SUNDER_STR(""),
                SUNDER_STR(": "),
                message);
        }
    }
    return all.len > 0 || answer->refusal.at == NULL ? all : answer->refusal;
}

/* Nobody tests with an event that has no effect, unless it is what the test is about. */
static void check_unexpected(struct compare *compare)
{
    if (compare->answer->dead_letter.at != NULL) {
        struct sunder_doc at = {.line = compare->event->line, .column = compare->event->column};
        fail(compare,
            &at,
            "dead_letter",
            SUNDER_STR("none (if it is meant, say so: `expect: {dead_letter: ...}`)"),
            compare->answer->dead_letter);
    }
}

uint32_t sunder_test_compare(const struct sunder_test_event *event,
    const struct sunder_test_answer *answer,
    struct sunder_arena *arena,
    const struct sunder_test_failure ***tail)
{
    struct compare *compare = calloc(1, sizeof *compare); /* Too large for a stack. */
    if (compare == NULL) {
        return UINT32_MAX;
    }
    compare->event = event;
    compare->answer = answer;
    compare->arena = arena;
    compare->tail = *tail;
    if (event->expect == NULL) {
        check_unexpected(compare);
    } else {
        compare->reason = reason_find(compare);
    }
    for (uint32_t i = 0; event->expect != NULL && i < SUNDER_TEST_PART_COUNT; i++) {
        const struct sunder_doc *wanted = event->expect->parts[i];
        if (wanted == NULL) {
            continue;
        }
        lists_clear(compare);
        if (i == SUNDER_TEST_APPROVALS) {
            check_approvals(compare, wanted);
        } else {
            got_fill(compare, (enum sunder_test_part)i, wanted);
            check_lists(compare, sunder_test_part_name((enum sunder_test_part)i), wanted);
        }
    }
    uint32_t failures = compare->full ? UINT32_MAX : compare->failures;
    *tail = compare->tail;
    free(compare);
    return failures;
}
