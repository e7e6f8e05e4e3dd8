/* Lines in, names and times out: what the commands share. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ops/cli/cli_time.h"
#include "ops/cli/identifier.h"
#include "ops/cli/lines.h"
#include "tests/support/test.h"

#define PATH_MAX_CHARS 64

/* A temporary file with these bytes. */
static void file_of(const char *bytes, size_t len, char path[PATH_MAX_CHARS])
{
    snprintf(path, PATH_MAX_CHARS, "/tmp/sunder-lines-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

static void lines_come_with_and_without_a_last_newline(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"a\n\nbc\n", "a\n\nbc"};
    for (size_t i = 0; i < 2; i++) {
        char path[PATH_MAX_CHARS];
        struct sunder_fail fail;
        struct sunder_lines *lines = NULL;
        struct sunder_str line = {0};
        file_of(TEXTS[i], strlen(TEXTS[i]), path);
        assert_int_equal(sunder_lines_open(path, &lines, &fail), SUNDER_OK);

        for (int turn = 0; turn < 2; turn++) {
            assert_int_equal(sunder_lines_next(lines, &line, &fail), SUNDER_OK);
            assert_str_equal(line, "a");
            assert_int_equal(sunder_lines_next(lines, &line, &fail), SUNDER_OK);
            assert_true(sunder_line_blank(line));
            assert_int_equal(sunder_lines_next(lines, &line, &fail), SUNDER_OK);
            assert_str_equal(line, "bc");
            assert_int_equal(sunder_lines_next(lines, &line, &fail), SUNDER_ERR_NOT_FOUND);
            assert_int_equal(sunder_lines_bytes_done(lines), sunder_lines_bytes_total(lines));
            assert_int_equal(sunder_lines_rewind(lines, &fail), SUNDER_OK);
        }

        sunder_lines_destroy(&lines);
        unlink(path);
    }
}

static void a_line_longer_than_the_buffer_is_whole(void **state)
{
    (void)state;
    const size_t len = (3u << 20) + 17; /* Beyond two growths. */
    char *text = malloc(len + 3);
    char path[PATH_MAX_CHARS];
    struct sunder_fail fail;
    struct sunder_lines *lines = NULL;
    struct sunder_str line = {0};
    memset(text, 'x', len);
    memcpy(text + len, "\ny\n", 3);
    file_of(text, len + 3, path);
    assert_int_equal(sunder_lines_open(path, &lines, &fail), SUNDER_OK);

    assert_int_equal(sunder_lines_next(lines, &line, &fail), SUNDER_OK);
    assert_int_equal(line.len, len);
    assert_memory_equal(line.at, text, len);
    assert_int_equal(sunder_lines_next(lines, &line, &fail), SUNDER_OK);
    assert_str_equal(line, "y");

    sunder_lines_destroy(&lines);
    unlink(path);
    free(text);
}

static void what_cannot_be_opened_says_why(void **state)
{
    (void)state;
    static const char *const PATHS[] = {"/nowhere/at/all", "/tmp"};
    for (size_t i = 0; i < 2; i++) {
        struct sunder_fail fail = {0};
        struct sunder_lines *lines = NULL;

        assert_int_equal(sunder_lines_open(PATHS[i], &lines, &fail), SUNDER_ERR_IO);

        assert_null(lines);
        assert_true(fail.vendor != 0);
        assert_non_null(strstr(fail.text, PATHS[i]));
    }
}

static struct sunder_str named(struct sunder_arena *arena, const char *name)
{
    struct sunder_sha256 *sha256 = NULL;
    assert_int_equal(sunder_sha256_create(&sha256), SUNDER_OK);
    struct sunder_str text = sunder_identifier_of(arena, sha256, sunder_str_of(name));
    sunder_sha256_destroy(&sha256);
    return text;
}

static void names_become_identifiers(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(65536);

    assert_str_equal(
        named(&arena, "arn:aws:iam::1:user/a@b.c+d=e,f"), "arn:aws:iam::1:user/a@b.c+d=e%2Cf");
    assert_str_equal(named(&arena, "100%"), "100%25");
    assert_str_equal(named(&arena, "a//b"), "a/%2Fb");
    assert_str_equal(named(&arena, "s3://bucket///"), "s3:/%2Fbucket/%2F%2F");
    assert_str_equal(named(&arena, "a/"), "a%2F");
    assert_str_equal(named(&arena, "a/./b/../c/.../d"), "a/%2E/b/%2E%2E/c/.../d");
    assert_str_equal(named(&arena, "."), "%2E");
    assert_str_equal(named(&arena, "caf\xC3\xA9 \x01"), "caf%C3%A9%20%01");
    assert_str_equal(named(&arena, ""), "");
    assert_null(named(&arena, NULL).at);
}

static void long_names_keep_apart(void **state)
{
    (void)state;
    struct sunder_arena arena = test_arena_of(65536);
    char text[400];
    memset(text, ',', sizeof(text)); /* Three bytes each, so that the cut would tear one. */
    text[0] = 'a';
    text[399] = '\0';

    struct sunder_str one = named(&arena, text);
    text[398] = 'b';
    struct sunder_str other = named(&arena, text);

    assert_true(one.len <= 256 && one.len > 200);
    assert_int_equal(one.at[one.len - 44], '~');
    assert_memory_equal(&one.at[one.len - 47], "%2C", 3);
    assert_false(sunder_str_equal(one, other));
}

static void times_are_written_as_rfc_3339(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } CASES[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {INT64_C(1772442240250), "2026-03-02T09:04:00.250Z"},
        {INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
        {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
        {INT64_C(253402300800000), "253402300800000"},
        {INT64_MIN, "-9223372036854775808"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        char buf[SUNDER_CLI_TIME_CHARS];

        sunder_cli_time_format(CASES[i].ms, buf);

        assert_string_equal(buf, CASES[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_with_and_without_a_last_newline),
        cmocka_unit_test(a_line_longer_than_the_buffer_is_whole),
        cmocka_unit_test(what_cannot_be_opened_says_why),
        cmocka_unit_test(names_become_identifiers),
        cmocka_unit_test(long_names_keep_apart),
        cmocka_unit_test(times_are_written_as_rfc_3339),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
