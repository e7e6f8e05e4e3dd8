/* What is an identifier (S42). */
#include "engine/model/identifier.h"
#include "tests/support/random.h"
#include "tests/support/test.h"

static void assert_identifiers(const char *const *texts, size_t count, bool good)
{
    for (size_t i = 0; i < count; i++) {
        bool is = sunder_identifier(sunder_str_of(texts[i]));
        if (is != good) {
            print_error("\"%s\" should be %s\n", texts[i], good ? "good" : "bad");
        }
        assert_int_equal(is, good);
    }
}

/* S42, byte by byte. */
static bool is_identifier(struct sunder_str text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~:/@+=#%-";
    uint32_t start = 0;
    for (uint32_t i = 0; i <= text.len; i++) {
        if (i < text.len && (text.at[i] == '\0' || strchr(letters, text.at[i]) == NULL)) {
            return false;
        }
        if (i < text.len && text.at[i] != '/') {
            continue;
        }
        struct sunder_str segment = {text.at + start, i - start};
        bool scheme = start >= 2 && text.at[start - 2] == ':' && start - 2 > 0;
        for (uint32_t c = 0; scheme && c < start - 2; c++) {
            bool alpha = strchr("abz", text.at[c]) != NULL;
            scheme = alpha || (c > 0 && strchr("0+-.", text.at[c]) != NULL);
        }
        if (sunder_str_equal(segment, SUNDER_STR(".")) || sunder_str_equal(segment, SUNDER_STR("..")) ||
            (segment.len == 0 && start > 0 && (!scheme || i == text.len))) {
            return false;
        }
        start = i + 1;
    }
    return text.len != 0 && text.at[text.len - 1] != '/';
}

static void random_texts_are_judged_as_byte_by_byte(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    static const char bytes[] = "abz0+-././::/_~ |";
    uint32_t good = 0;
    for (uint32_t n = 0; n < 200000; n++) {
        char at[48];
        struct sunder_str text = {at, test_random_below(&random, sizeof at)};
        uint32_t kinds = test_random_below(&random, 8) == 0 ? sizeof bytes - 1 : sizeof bytes - 3;
        for (uint32_t i = 0; i < text.len; i++) {
            at[i] = test_random_below(&random, 3) == 0 ? bytes[test_random_below(&random, kinds)] : 'a';
        }
        bool expected = is_identifier(text);
        good += expected ? 1 : 0;
        if (sunder_identifier(text) != expected) {
            fail_msg("\"%.*s\" should be %s", (int)text.len, at, expected ? "good" : "bad");
        }
    }
    assert_in_range(good, 10000, 190000);
}

static void names_of_all_usual_kinds_are_identifiers(void **state)
{
    (void)state;
    static const char *const good[] = {
        "a",
        "acme",
        "user:ana@acme.example",
        "spiffe://acme.example/agent/payer",
        "vendor/V77",
        "sha256:0a1b",
        "a/b/c",
        "/a",
        "a+b=c#d%e-f_g~h.i",
        "https://x",
        "x+y-z.9://host/path",
        "a:",
        ":a",
        "a:/b",
        "#",
        "...",
        "a...",
        "a/.../b",
        ".a",
        "..a",
        "a..",
        "a/.b",
        "a/..b",
        "%2e%2e",
        "file:..",
        "a.",
        "-",
    };
    assert_identifiers(good, sizeof good / sizeof good[0], true);
}

static void slashes_and_dots_have_their_places(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "/",
        "a/",
        "a//b",
        "ab//c",
        "http//host",
        "//a",
        "//",
        "a//",
        "://a",
        "1a://b",
        "+a://b",
        "a_b://c",
        "a:b://c",
        "a/b://c",
        "a:///b",
        "a://",
        "a://b//c",
        "a://b/",
        "a://b://c",
        "a:////b",
        ".",
        "..",
        "./a",
        "../a",
        "a/.",
        "a/..",
        "a/./b",
        "a/../b",
        "/.",
        "/..",
        "a://.",
        "a://..",
        "a://../b",
        "a://b/../c",
    };
    assert_identifiers(bad, sizeof bad / sizeof bad[0], false);
}

static void every_byte_is_judged_wherever_it_stands(void **state)
{
    (void)state;
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~:/@+=#%-";
    for (uint32_t byte = 0; byte < 256; byte++) {
        bool letter = byte != 0 && strchr(letters, (int)byte) != NULL;
        for (uint32_t place = 0; place < 5; place++) {
            char text[5] = {'k', 'k', 'k', 'k', 'k'};
            text[place] = (char)byte;

            bool is = sunder_identifier((struct sunder_str){text, sizeof text});

            assert_int_equal(is, letter && !(byte == '/' && place == 4));
        }
    }
}

static void alone_every_letter_but_slash_and_dot_is_an_identifier(void **state)
{
    (void)state;
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~:@+=#%-";
    uint32_t count = 0;
    for (uint32_t byte = 0; byte < 256; byte++) {
        char text = (char)byte;
        bool is = sunder_identifier((struct sunder_str){&text, 1});
        assert_int_equal(is, byte != 0 && strchr(letters, (int)byte) != NULL);
        count += is ? 1 : 0;
    }
    assert_int_equal(count, sizeof letters - 1);
}

static void an_identifier_has_1_to_256_bytes(void **state)
{
    (void)state;
    char text[300];
    memset(text, 'a', sizeof text);
    for (uint32_t len = 0; len < sizeof text; len++) {
        bool is = sunder_identifier((struct sunder_str){text, len});
        assert_int_equal(is, len >= 1 && len <= 256);
    }
    assert_false(sunder_identifier((struct sunder_str){0}));
}

static void the_last_of_256_bytes_counts(void **state)
{
    (void)state;
    char text[256];
    memset(text, 'a', sizeof text);
    text[255] = '/';
    assert_false(sunder_identifier((struct sunder_str){text, 256}));
    text[255] = ' ';
    assert_false(sunder_identifier((struct sunder_str){text, 256}));
    text[253] = '/';
    text[254] = '.';
    text[255] = '.';
    assert_false(sunder_identifier((struct sunder_str){text, 256}));
    text[253] = 'a';
    assert_true(sunder_identifier((struct sunder_str){text, 256}));
}

static void bytes_after_the_end_are_not_read(void **state)
{
    (void)state;
    assert_true(sunder_identifier((struct sunder_str){"a/b//", 3}));
    assert_true(sunder_identifier((struct sunder_str){"a...", 3}));
    assert_false(sunder_identifier((struct sunder_str){"a/..b", 4}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_texts_are_judged_as_byte_by_byte),
        cmocka_unit_test(names_of_all_usual_kinds_are_identifiers),
        cmocka_unit_test(slashes_and_dots_have_their_places),
        cmocka_unit_test(every_byte_is_judged_wherever_it_stands),
        cmocka_unit_test(alone_every_letter_but_slash_and_dot_is_an_identifier),
        cmocka_unit_test(an_identifier_has_1_to_256_bytes),
        cmocka_unit_test(the_last_of_256_bytes_counts),
        cmocka_unit_test(bytes_after_the_end_are_not_read),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
