/* Test files of policies: YAML with cases, each a list of events and of what is expected of them. Shell; one thread. */
#pragma once

#include "engine/model/doc.h"
#include "engine/policy/policy_compile.h"

/* What an event's `expect` may name, in the order in which it is looked at. */
enum sunder_test_part {
    SUNDER_TEST_VERDICT,
    SUNDER_TEST_DEAD_LETTER,
    SUNDER_TEST_DUPLICATE,
    SUNDER_TEST_RECORDED,
    SUNDER_TEST_RULE,
    SUNDER_TEST_RULES,
    SUNDER_TEST_CODE,
    SUNDER_TEST_CODES,
    SUNDER_TEST_FIELD,
    SUNDER_TEST_EFFECT,
    SUNDER_TEST_SUBJECT,
    SUNDER_TEST_KEY,
    SUNDER_TEST_ALSO,
    SUNDER_TEST_EVIDENCE,
    SUNDER_TEST_COUNT,
    SUNDER_TEST_VALUE,
    SUNDER_TEST_TAGS,
    SUNDER_TEST_SHADOW,
    SUNDER_TEST_WOULD_BE,
    SUNDER_TEST_SCOPE,
    SUNDER_TEST_APPROVALS,
    SUNDER_TEST_FINDINGS,
    SUNDER_TEST_DUTIES,
    SUNDER_TEST_TIER,
    SUNDER_TEST_OBJECTS,
    SUNDER_TEST_CASES,
    SUNDER_TEST_LABELS,
    SUNDER_TEST_GAINS,
    SUNDER_TEST_SUBJECTS,
    SUNDER_TEST_REVOKES,
    SUNDER_TEST_PART_COUNT
};

/* parts  by enum sunder_test_part: what was written, NULL when it is not looked at */
struct sunder_test_expect {
    uint32_t line;
    uint32_t column;
    const struct sunder_doc *parts[SUNDER_TEST_PART_COUNT];
};

/* json    the CloudEvent, as a line that replay reads
 * intent  an intent, which has a verdict
 * expect  NULL: not checked */
struct sunder_test_event {
    uint32_t line;
    uint32_t column;
    struct sunder_str id;
    struct sunder_str json;
    bool intent;
    const struct sunder_test_expect *expect;
};

struct sunder_test_case {
    uint32_t line;
    uint32_t column;
    struct sunder_str name;
    const struct sunder_test_event *events;
    uint32_t event_count;
};

/* policy  as written, zero-terminated; NULL: the default */
struct sunder_test_file {
    const char *policy;
    struct sunder_doc policy_at;
    uint32_t partitions;
    const struct sunder_test_case *cases;
    uint32_t case_count;
};

struct sunder_test_load;

/* Reads a test file.
 *   ret_load  gives; also with SUNDER_ERR_INVALID, then only for its complaints
 * SUNDER_ERR_INVALID: it has errors. SUNDER_ERR_IO: it cannot be read (vendor is errno); nothing is given. SUNDER_ERR_FULL. */
SUNDER_MUST_USE enum sunder_err sunder_test_load(
    const char *path, struct sunder_test_load **ret_load, struct sunder_fail *reterr_fail);

/* Live until the destroy. */
const struct sunder_test_file *sunder_test_load_file(const struct sunder_test_load *load);
const struct sunder_complaints *sunder_test_load_complaints(const struct sunder_test_load *load);

void sunder_test_load_destroy(struct sunder_test_load **load);
