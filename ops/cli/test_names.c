#include "ops/cli/test_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/expr/nearest.h"

#define TEXT(str) (int)(str).len, (str).at

/* known, count  names of one kind that the policy has */
struct names {
    const char *path;
    const char *policy_path;
    const char *kind;
    const struct sunder_str *known;
    uint32_t count;
};

static bool name_check(const struct names *names, const struct sunder_doc *doc)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (sunder_str_equal(names->known[i], doc->text)) {
            return true;
        }
    }
    struct sunder_str meant = sunder_str_nearest(doc->text, names->known, names->count);
    fprintf(stderr,
        "%s:%" PRIu32 ":%" PRIu32 ": error: %s has no %s `%.*s`",
        names->path,
        doc->line,
        doc->column,
        names->policy_path,
        names->kind,
        TEXT(doc->text));
    if (meant.at != NULL) {
        fprintf(stderr, "; did you mean `%.*s`?", TEXT(meant));
    }
    fputc('\n', stderr);
    return false;
}

/* One name or a list of them. */
static bool part_check(const struct names *names, const struct sunder_doc *doc)
{
    bool good = true;
    if (doc == NULL || doc->kind == SUNDER_DOC_SCALAR) {
        return doc == NULL || name_check(names, doc);
    }
    for (uint32_t i = 0; i < doc->count; i++) {
        good = name_check(names, &doc->items[i]) && good;
    }
    return good;
}

/* evidence: ids of events of the same case. */
static bool evidence_check(
    const char *path, const struct sunder_test_case *of, const struct sunder_test_expect *expect)
{
    const struct sunder_doc *evidence = expect->parts[SUNDER_TEST_EVIDENCE];
    struct sunder_str *ids =
        evidence == NULL ? NULL : calloc(of->event_count + 1, sizeof(struct sunder_str));
    for (uint32_t i = 0; ids != NULL && i < of->event_count; i++) {
        ids[i] = of->events[i].id;
    }
    const struct names names = {path, "this case", "event", ids, of->event_count};
    bool good = ids == NULL || part_check(&names, evidence);
    free(ids);
    return good;
}

static bool expect_check(const struct names kinds[2], const struct sunder_test_expect *expect)
{
    static const struct {
        enum sunder_test_part part;
        uint32_t kind;
    } PARTS[] = {{SUNDER_TEST_RULE, 0},
        {SUNDER_TEST_RULES, 0},
        {SUNDER_TEST_SHADOW, 0},
        {SUNDER_TEST_DUTIES, 1}};
    bool good = true;
    for (size_t i = 0; i < sizeof(PARTS) / sizeof(PARTS[0]); i++) {
        good = part_check(&kinds[PARTS[i].kind], expect->parts[PARTS[i].part]) && good;
    }
    return good;
}

bool sunder_test_names_check(const char *path,
    const struct sunder_test_file *file,
    const char *policy_path,
    const struct sunder_policy *policy)
{
    struct sunder_str *rules = calloc(policy->rule_count + 1, sizeof(*rules));
    for (uint32_t i = 0; rules != NULL && i < policy->rule_count; i++) {
        rules[i] = policy->rules[i].name;
    }
    const struct names kinds[2] = {
        {path, policy_path, "rule in force", rules, policy->rule_count},
        {path, policy_path, "duty", policy->duties, policy->duty_count},
    };
    bool good = rules != NULL;
    for (uint32_t i = 0; i < file->case_count && rules != NULL; i++) {
        for (uint32_t k = 0; k < file->cases[i].event_count; k++) {
            const struct sunder_test_expect *expect = file->cases[i].events[k].expect;
            bool fits = expect == NULL || (expect_check(kinds, expect) &&
                                              evidence_check(path, &file->cases[i], expect));
            good = good && fits;
        }
    }
    free(rules);
    return good;
}
