/* The frame of a test file: its head and its cases. */
#include "ops/cli/test_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/file_text.h"
#include "ops/cli/replay.h"
#include "ops/cli/test_read.h"
#include "proto/doc.h"
#include "proto/time.h"

#define ARENA_BYTES ((size_t)256 << 20) /* What is not touched costs nothing. */
#define SCRATCH_BYTES                                                                              \
    ((size_t)2 << 20) /* Of one event; the engine refuses what is a tenth of it. */
#define START_MS_DEFAULT INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

struct sunder_test_load {
    void *memory;
    struct sunder_complaints complaints;
    struct sunder_test_file file;
};

void sunder_test_warn(
    struct sunder_test_reader *test, const struct sunder_doc *at, const char *text)
{
    struct sunder_complaints *complaints = test->reader.complaints;
    uint32_t count = complaints->count;
    TEST_SAY(test, at, "%s", text);
    complaints->errors -= 1;
    if (complaints->count > count) {
        complaints->at[count].level = SUNDER_COMPLAINT_WARNING;
    }
}

static void keep_doc(struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value)
{
    (void)reader;
    *(const struct sunder_doc **)ret_value = value;
}

static void read_start(struct sunder_test_reader *test, const struct sunder_doc *doc)
{
    if (doc != NULL && (doc->kind != SUNDER_DOC_SCALAR ||
                           sunder_time_parse(doc->text, &test->start_ms) != SUNDER_OK)) {
        TEST_SAY(test, doc, "`start` is a time such as 2026-03-02T09:00:00Z");
    }
}

static void read_partitions(
    struct sunder_test_reader *test, const struct sunder_doc *doc, uint32_t *ret_partitions)
{
    *ret_partitions = 1;
    if (doc == NULL) {
        return;
    }
    char *end = NULL;
    bool digit = doc->kind == SUNDER_DOC_SCALAR && doc->text.len > 0 && doc->text.len < 8 &&
                 doc->text.at[0] >= '1' && doc->text.at[0] <= '9';
    char text[8] = "";
    if (digit) {
        memcpy(text, doc->text.at, doc->text.len);
    }
    unsigned long value = strtoul(text, &end, 10);
    if (!digit || *end != '\0' || value > SUNDER_REPLAY_PARTITIONS_MAX) {
        TEST_SAY(
            test, doc, "`partitions` is a whole number from 1 to %d", SUNDER_REPLAY_PARTITIONS_MAX);
        return;
    }
    *ret_partitions = (uint32_t)value;
}

static void read_events(struct sunder_test_reader *test,
    const struct sunder_doc *doc,
    struct sunder_test_case *ret_case)
{
    if (doc->kind != SUNDER_DOC_LIST || doc->count == 0) {
        TEST_SAY(test, doc, "`events` is a list of events: lines that begin with `- `");
        return;
    }
    struct sunder_test_event *events =
        SUNDER_ARENA_NEW(test->reader.arena, struct sunder_test_event, doc->count);
    if (events == NULL) {
        TEST_SAY(test, doc, "the file is too large");
        return;
    }
    test->clock_ms = test->start_ms;
    for (uint32_t i = 0; i < doc->count; i++) {
        sunder_test_read_event(test, &doc->items[i], i + 1, &events[i]);
    }
    ret_case->events = events;
    ret_case->event_count = doc->count;
}

static void read_case(struct sunder_test_reader *test,
    const struct sunder_doc *doc,
    struct sunder_test_case *ret_case)
{
    const struct sunder_doc *name = NULL;
    const struct sunder_doc *events = NULL;
    test->case_defaults = NULL;
    const struct sunder_read_key keys[] = {
        {"name", keep_doc, &name},
        {"defaults", keep_doc, &test->case_defaults},
        {"events", keep_doc, &events},
    };
    *ret_case = (struct sunder_test_case){.line = doc->line, .column = doc->column};
    sunder_read_map(&test->reader, doc, "a case", keys, sizeof keys / sizeof keys[0]);
    if (doc->kind != SUNDER_DOC_MAP) {
        return;
    }
    if (name == NULL || name->kind != SUNDER_DOC_SCALAR || name->text.len == 0) {
        TEST_SAY(test, name == NULL ? doc : name, "a case needs a `name`, one text");
    } else {
        ret_case->name = name->text;
    }
    if (test->case_defaults != NULL) {
        sunder_test_read_defaults(test, test->case_defaults);
    }
    if (events == NULL) {
        TEST_SAY(test, doc, "a case needs `events`");
    } else {
        read_events(test, events, ret_case);
    }
}

static void read_cases(
    struct sunder_test_reader *test, const struct sunder_doc *doc, struct sunder_test_file *file)
{
    if (doc->kind != SUNDER_DOC_LIST || doc->count == 0) {
        TEST_SAY(test, doc, "`cases` is a list of cases: lines that begin with `- name:`");
        return;
    }
    struct sunder_test_case *cases =
        SUNDER_ARENA_NEW(test->reader.arena, struct sunder_test_case, doc->count);
    if (cases == NULL) {
        TEST_SAY(test, doc, "the file is too large");
        return;
    }
    for (uint32_t i = 0; i < doc->count; i++) {
        read_case(test, &doc->items[i], &cases[i]);
        for (uint32_t k = 0; k < i; k++) {
            if (cases[i].name.len > 0 && sunder_str_equal(cases[k].name, cases[i].name)) {
                TEST_SAY(test,
                    &cases[i],
                    "there is another case of this name in line %u: give each its own",
                    cases[k].line);
                break;
            }
        }
    }
    file->cases = cases;
    file->case_count = doc->count;
}

static void read_root(
    struct sunder_test_reader *test, const struct sunder_doc *root, struct sunder_test_file *file)
{
    const struct sunder_doc *version = NULL;
    const struct sunder_doc *policy = NULL;
    const struct sunder_doc *start = NULL;
    const struct sunder_doc *partitions = NULL;
    const struct sunder_doc *cases = NULL;
    const struct sunder_read_key keys[] = {
        {"sunder-test", keep_doc, &version},
        {"policy", keep_doc, &policy},
        {"start", keep_doc, &start},
        {"partitions", keep_doc, &partitions},
        {"defaults", keep_doc, &test->file_defaults},
        {"cases", keep_doc, &cases},
    };
    sunder_read_map(&test->reader, root, "a test file", keys, sizeof keys / sizeof keys[0]);
    if (root->kind != SUNDER_DOC_MAP) {
        return;
    }
    if (version == NULL || version->kind != SUNDER_DOC_SCALAR ||
        !sunder_str_equal(version->text, SUNDER_STR("1"))) {
        TEST_SAY(test,
            version == NULL ? root : version,
            "a test file begins with `sunder-test: 1`, the version of the format");
    }
    if (policy != NULL) {
        file->policy_at = *policy;
        sunder_read_text(&test->reader, policy, &file->policy);
    }
    read_start(test, start);
    read_partitions(test, partitions, &file->partitions);
    test->partitions = file->partitions;
    if (test->file_defaults != NULL) {
        sunder_test_read_defaults(test, test->file_defaults);
    }
    if (cases == NULL) {
        TEST_SAY(test, root, "a test file needs `cases`");
    } else {
        read_cases(test, cases, file);
    }
}

static int by_place(const void *left, const void *right)
{
    const struct sunder_complaint *a = left;
    const struct sunder_complaint *b = right;
    if (a->line != b->line) {
        return a->line < b->line ? -1 : 1;
    }
    return (a->column > b->column) - (a->column < b->column);
}

/* In order of place, each once: what is wrong in `defaults` would be told for each event. */
static void complaints_tidy(struct sunder_complaints *complaints)
{
    qsort(complaints->at, complaints->count, sizeof complaints->at[0], by_place);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < complaints->count; i++) {
        const struct sunder_complaint *it = &complaints->at[i];
        if (kept == 0 || by_place(&complaints->at[kept - 1], it) != 0 ||
            !sunder_str_equal(complaints->at[kept - 1].text, it->text)) {
            complaints->at[kept++] = *it;
        } else {
            complaints->errors -= it->level == SUNDER_COMPLAINT_ERROR;
        }
    }
    complaints->count = kept;
}

static void parse(struct sunder_test_load *load, struct sunder_str text, char *scratch)
{
    struct sunder_arena arena = sunder_arena_of(load->memory, ARENA_BYTES);
    struct sunder_test_reader test = {
        .reader = {.arena = &arena, .complaints = &load->complaints},
        .scratch = scratch,
        .scratch_bytes = SCRATCH_BYTES,
        .start_ms = START_MS_DEFAULT,
    };
    struct sunder_doc *root = SUNDER_ARENA_NEW(&arena, struct sunder_doc, 1);
    struct sunder_doc_fail fail = {0};
    if (sunder_doc_parse(text, &arena, root, &fail) != SUNDER_OK) {
        sunder_read_complain(&test.reader, fail.line, fail.column, "%s", fail.text);
        return;
    }
    read_root(&test, root, &load->file);
    complaints_tidy(&load->complaints);
}

enum sunder_err sunder_test_load(
    const char *path, struct sunder_test_load **ret_load, struct sunder_fail *reterr_fail)
{
    char *text = NULL;
    uint32_t len = 0;
    enum sunder_err err =
        sunder_file_text_read(path, SUNDER_DOC_BYTES_MAX, &text, &len, reterr_fail);
    if (err != SUNDER_OK) {
        return err;
    }
    struct sunder_test_load *load = calloc(1, sizeof *load);
    char *scratch = malloc(SCRATCH_BYTES);
    if (load != NULL) {
        load->memory = malloc(ARENA_BYTES);
    }
    if (load == NULL || load->memory == NULL || scratch == NULL) {
        free(text);
        free(scratch);
        sunder_test_load_destroy(&load);
        *reterr_fail = (struct sunder_fail){.code = SUNDER_ERR_FULL, .text = "no memory"};
        return SUNDER_ERR_FULL;
    }
    parse(load, (struct sunder_str){text, len}, scratch);
    free(text); /* The document has copies of its own. */
    free(scratch);
    *ret_load = load;
    return load->complaints.errors == 0 ? SUNDER_OK : SUNDER_ERR_INVALID;
}

const struct sunder_test_file *sunder_test_load_file(const struct sunder_test_load *load)
{
    return &load->file;
}

const struct sunder_complaints *sunder_test_load_complaints(const struct sunder_test_load *load)
{
    return &load->complaints;
}

void sunder_test_load_destroy(struct sunder_test_load **load)
{
    if (load == NULL || *load == NULL) {
        return;
    }
    free((*load)->memory);
    free(*load);
    *load = NULL;
}
