/* Wrong policies and what is said about them: one folder of tests/golden/check each, with policy.yaml and expected.txt.
 * SUNDER_GOLDEN_WRITE=1 in the environment writes expected.txt instead; read the difference before it is kept. */
#include "engine/policy/policy_compile.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/doc.h"
#include "tests/support/test.h"

#define FOLDER "tests/golden/check"

enum {
    CASES_MAX = 512,
    NAME_BYTES = 256,
    TEXT_MAX = 65536
};

static char cases[CASES_MAX][NAME_BYTES];
static size_t case_count;

static const char *const codes[] = {
#define CODE_WORD(code, word) [SUNDER_COMPLAINT_CODE_##code] = (word),
    SUNDER_COMPLAINT_CODES(CODE_WORD)
#undef CODE_WORD
};
#define CODE_COUNT (sizeof(codes) / sizeof(codes[0]))
static bool code_seen[CODE_COUNT];

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int find_cases(void **state)
{
    DIR *folder = opendir(FOLDER);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        assert_true(case_count < CASES_MAX);
        size_t len = strlen(entry->d_name);
        assert_true(len < NAME_BYTES);
        memcpy(cases[case_count], entry->d_name, len + 1);
        case_count += 1;
    }
    assert_int_equal(closedir(folder), 0);
    qsort(cases, case_count, sizeof(cases[0]), compare_names);
    return test_group_setup(state);
}

/* Reads a file; its length, or -1 when there is none. */
static long read_file(const char *name, const char *file, char *ret_text)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s/%s", FOLDER, name, file);
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        return -1;
    }
    size_t len = fread(ret_text, 1, TEXT_MAX - 1, in);
    assert_int_equal(ferror(in), 0);
    assert_true(feof(in) != 0);
    assert_int_equal(fclose(in), 0);
    ret_text[len] = '\0';
    return (long)len;
}

static void write_expected(const char *name, const char *text)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s/expected.txt", FOLDER, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

/* The complaints about a policy as lines; also that errors and the result agree. */
static void complaints_of(const char *text, size_t len, char *ret_lines)
{
    static const char *const levels[] = {"error", "warning", "note"};
    static uint8_t memory[1 << 20];
    static struct sunder_complaints complaints;
    struct sunder_arena arena = sunder_arena_of(memory, sizeof(memory));
    struct sunder_doc root;
    struct sunder_doc_fail fail_ = {0};
    struct sunder_policy *policy = NULL;

    ret_lines[0] = '\0';
    complaints = (struct sunder_complaints){0};
    if (sunder_doc_parse((struct sunder_str){text, (uint32_t)len}, &arena, &root, &fail_) !=
        SUNDER_OK) {
        (void)snprintf(
            ret_lines, TEXT_MAX, "%u:%u: error: %s\n", fail_.line, fail_.column, fail_.text);
        return;
    }
    enum sunder_err err = sunder_policy_compile(
        &(struct sunder_policy_source){.root = &root}, &arena, &complaints, &policy);
    assert_int_equal(err, complaints.errors == 0 ? SUNDER_OK : SUNDER_ERR_INVALID);
    assert_true((policy != NULL) == (err == SUNDER_OK));
    size_t at = 0;
    for (uint32_t i = 0; i < complaints.count; i++) {
        const struct sunder_complaint *one = &complaints.at[i];
        code_seen[one->code] = true;
        at += (size_t)snprintf(ret_lines + at,
            TEXT_MAX - at,
            "%u:%u: %s: %.*s\n",
            one->line,
            one->column,
            levels[one->level],
            (int)one->text.len,
            one->text.at);
        assert_true(at < TEXT_MAX);
    }
}

static void each_policy_gets_the_complaints_it_should(void **state)
{
    (void)state;
    static char text[TEXT_MAX];
    static char lines[TEXT_MAX];
    static char expected[TEXT_MAX];
    bool write = getenv("SUNDER_GOLDEN_WRITE") != NULL;
    uint32_t wrong = 0;

    for (size_t i = 0; i < case_count; i++) {
        long len = read_file(cases[i], "policy.yaml", text);
        assert_true(len >= 0);
        complaints_of(text, (size_t)len, lines);
        if (write) {
            write_expected(cases[i], lines);
            continue;
        }
        bool there = read_file(cases[i], "expected.txt", expected) >= 0;
        if (!there || strcmp(lines, expected) != 0) {
            print_error("%s/%s\n--- expected\n%s--- got\n%s",
                FOLDER,
                cases[i],
                there ? expected : "(no expected.txt)\n",
                lines);
            wrong += 1;
        }
    }

    assert_int_equal(wrong, 0);
}

static void each_kind_of_mistake_is_made_by_some_policy(void **state)
{
    (void)state;
    static char text[TEXT_MAX];
    static char lines[TEXT_MAX];
    memset(code_seen, 0, sizeof(code_seen));

    for (size_t i = 0; i < case_count; i++) {
        long len = read_file(cases[i], "policy.yaml", text);
        assert_true(len >= 0);
        complaints_of(text, (size_t)len, lines);
    }

    assert_false(code_seen[SUNDER_COMPLAINT_CODE_INVALID]); /* Every complaint has its own. */
    for (size_t code = SUNDER_COMPLAINT_CODE_YAML + 1; code < CODE_COUNT; code++) {
        if (!code_seen[code]) {
            fail_msg("no policy here makes the mistake `%s`", codes[code]);
        }
    }
}

/* The policies that people start from have no errors; the first one has nothing to complain about but duties left free. */
static void the_policies_that_ship_compile(void **state)
{
    (void)state;
    static const char *const shipped[] = {
        "../../../ops/policies/purchase-to-pay", "../../../ops/policies/bench"};
    static char text[TEXT_MAX];
    static char lines[TEXT_MAX];
    for (size_t i = 0; i < sizeof(shipped) / sizeof(shipped[0]); i++) {
        long len = read_file(shipped[i], "policy.yaml", text);
        assert_true(len > 0);

        complaints_of(text, (size_t)len, lines);

        const char *worse = strstr(lines, i == 0 ? ": warning: " : ": error: ");
        if (worse != NULL || strstr(lines, ": error: ") != NULL) {
            print_error("%s\n%s", shipped[i], lines);
            fail();
        }
    }
}

/* A golden test that finds no cases would pass. */
static void there_are_many_wrong_policies(void **state)
{
    (void)state;
    static char expected[TEXT_MAX];
    uint32_t with_error = 0;
    for (size_t i = 0; i < case_count; i++) {
        bool there = read_file(cases[i], "expected.txt", expected) >= 0;
        with_error += there && strstr(expected, ": error: ") != NULL ? 1 : 0;
    }

    assert_in_range(with_error, 60, CASES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_policy_gets_the_complaints_it_should),
        cmocka_unit_test(each_kind_of_mistake_is_made_by_some_policy),
        cmocka_unit_test(the_policies_that_ship_compile),
        cmocka_unit_test(there_are_many_wrong_policies),
    };
    return cmocka_run_group_tests(tests, find_cases, NULL);
}
