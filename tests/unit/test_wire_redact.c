#include "proto/wire.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base64.h"
#include "proto/digest.h"
#include "tests/support/test.h"

#define TOKEN "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
/* SHA-256 of TOKEN, by another program. */
#define TOKEN_HASH "sha256:G_XTTQpAoRgUg-ZmYWOCNPSyKylV2qe-17Avxq2Xfws"

static struct sunder_wire_decoder *decoder;
static struct sunder_sha256 *sha256;

static int setup(void **state)
{
    assert_int_equal(sunder_wire_decoder_create(&decoder), SUNDER_OK);
    assert_int_equal(sunder_sha256_create(&sha256), SUNDER_OK);
    return test_group_setup(state);
}

static int teardown(void **state)
{
    (void)state;
    sunder_wire_decoder_destroy(&decoder);
    sunder_sha256_destroy(&sha256);
    assert_null(sha256);
    return 0;
}

static struct sunder_str redacted(struct sunder_str value)
{
    struct sunder_arena arena = test_arena_of(1 << 16);
    struct sunder_str clean;
    struct sunder_digest digest;
    assert_int_equal(sunder_wire_redact(decoder, &arena, value, &clean, &digest), SUNDER_OK);
    struct sunder_digest expected = sunder_sha256_of(sha256, value);
    assert_memory_equal(digest.bytes, expected.bytes, sizeof(digest.bytes));
    return clean;
}

static struct sunder_str hash_of(struct sunder_str text)
{
    static char buf[64];
    struct sunder_digest digest = sunder_sha256_of(sha256, text);
    memcpy(buf, "sha256:", 7);
    size_t len = sunder_base64url_encode(digest.bytes, sizeof(digest.bytes), buf + 7);
    return (struct sunder_str){buf, (uint32_t)(7 + len)};
}

/* `expected` has one HASH, for the hash of `secret`. */
static void becomes(const char *value, const char *expected, const char *secret)
{
    char text[1024];
    const char *at = strstr(expected, "HASH");
    assert_non_null(at);
    struct sunder_str hash = hash_of(sunder_str_of(secret));
    int len = snprintf(text,
        sizeof(text),
        "%.*s%.*s%s",
        (int)(at - expected),
        expected,
        (int)hash.len,
        hash.at,
        at + 4);
    assert_true(len > 0 && (size_t)len < sizeof(text));
    test_assert_str(redacted(sunder_str_of(value)), sunder_str_of(text), __FILE__, __LINE__);
}

static bool contains(struct sunder_str bytes, const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= bytes.len; i++) {
        if (memcmp(bytes.at + i, text, len) == 0) {
            return true;
        }
    }
    return false;
}

static void a_proof_becomes_its_digest_and_nothing_else_changes(void **state)
{
    (void)state;
    becomes("{\"data\": {\"proof\" : \"" TOKEN "\", \"z\":[1, 2]} }",
        "{\"data\": {\"proof\" : \"HASH\", \"z\":[1, 2]} }",
        TOKEN);
    test_assert_str(redacted(SUNDER_STR("{\"proof\":\"" TOKEN "\"}")),
        SUNDER_STR("{\"proof\":\"" TOKEN_HASH "\"}"),
        __FILE__,
        __LINE__);
    becomes("{\"proof\":\"\"}", "{\"proof\":\"HASH\"}", "");
    becomes("{\"a\":[{\"proof\":\"x\\\"y\"}]}", "{\"a\":[{\"proof\":\"HASH\"}]}", "x\\\"y");
    becomes("{\"proof\":{\"a\":[\"}\",2]},\"b\":1}",
        "{\"proof\":\"HASH\",\"b\":1}",
        "{\"a\":[\"}\",2]}");
    becomes("{\"proof\":12.5 ,\"b\":1}", "{\"proof\":\"HASH\" ,\"b\":1}", "12.5");
    becomes("{\"proof\":[]}", "{\"proof\":\"HASH\"}", "[]");
}

static void a_name_is_found_however_it_is_written(void **state)
{
    (void)state;
    becomes("{\"\\u0070r\\u006Fof\":\"s\"}", "{\"\\u0070r\\u006Fof\":\"HASH\"}", "s");
    becomes("{\"pr\\u006fof\":\"s\"}", "{\"pr\\u006fof\":\"HASH\"}", "s");
}

static void values_without_a_proof_stay_as_they_are(void **state)
{
    (void)state;
    const char *const values[] = {"{}",
        "{\"proof\":null}",
        "{\"a\":\"proof\",\"b\":\"x\"}",
        "{\"proofs\":\"x\",\"proo\":\"y\",\"Proof\":\"z\"}",
        "[\"proof\",\"x\"]",
        "garbage",
        "",
        "{\"a\":\"eyJx\"}",
        "{\"broken\":\"eyJ\""};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        test_assert_str(
            redacted(sunder_str_of(values[i])), sunder_str_of(values[i]), __FILE__, __LINE__);
    }
    assert_non_null(redacted((struct sunder_str){0}).at);
}

static void data_in_base64_is_looked_into(void **state)
{
    (void)state;
    char inner[256];
    char value[1024];
    static const char data[] = "{\"proof\":\"" TOKEN "\",\"tool\":\"t\"}";
    size_t len = sunder_base64_encode((const uint8_t *)data, sizeof(data) - 1, inner);
    assert_true(snprintf(value, sizeof(value), "{\"data_base64\":\"%.*s\"}", (int)len, inner) > 0);

    struct sunder_str clean = redacted(sunder_str_of(value));

    uint8_t raw[512];
    size_t raw_len = 0;
    struct sunder_str text = {clean.at + 16, clean.len - 18};
    assert_int_equal(sunder_base64_decode(text, raw, &raw_len), SUNDER_OK);
    struct sunder_str hash = hash_of(SUNDER_STR(TOKEN));
    char expected[512];
    int expected_len = snprintf(
        expected, sizeof(expected), "{\"proof\":\"%.*s\",\"tool\":\"t\"}", (int)hash.len, hash.at);
    assert_int_equal(raw_len, expected_len);
    assert_memory_equal(raw, expected, raw_len);

    becomes("{\"data_base64\":\"no base64!\"}", "{\"data_base64\":\"HASH\"}", "no base64!");
}

static void json_with_errors_keeps_no_token(void **state)
{
    (void)state;
    const char *const values[] = {"{\"data\":{\"proof\":\"" TOKEN,
        "{\"data\":{\"proof\":\"" TOKEN "\",}}",
        "{\"a\":\"x\"y\",\"proof\":\"" TOKEN "\"}",
        "\xff{\"proof\":\"" TOKEN "\"}",
        "{\"proof\":\"opaque-secret",
        "{\"proof\" : \"opaque-secret\",,}",
        "key " TOKEN " text",
        "A" TOKEN};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct sunder_str value = sunder_str_of(values[i]);
        struct sunder_str clean = redacted(value);
        assert_int_equal(clean.len, value.len);
        assert_false(contains(clean, "eyJhbGci"));
        assert_false(contains(clean, "c2lnbmF0dXJl"));
        assert_false(contains(clean, "opaque"));
        assert_true(contains(clean, "sha256:"));
    }
}

static void protobuf_keeps_its_shape_and_no_proof(void **state)
{
    (void)state;
    /* dev.sunder.v1.Intent {tool: "t", proof: "opaque"}, alone as in binary mode, and in an envelope. */
    static const char intent[] = "\x3a\x01t\x7a\x06opaque";
    struct sunder_str clean = redacted((struct sunder_str){intent, sizeof(intent) - 1});
    assert_int_equal(clean.len, sizeof(intent) - 1);
    assert_memory_equal(clean.at, "\x3a\x01t\x7a\x06sha256", clean.len);

    static const char event[] = "\x0a\x01i\x12\x01s\x1a\x03"
                                "1.0\x22\x14"
                                "dev.sunder.intent.v1\x42\x25\x0a\x16"
                                "t/dev.sunder.v1.Intent\x12\x0b\x3a\x01t\x7a\x06opaque";
    struct sunder_str bytes = {event, sizeof(event) - 1};
    clean = redacted(bytes);
    assert_int_equal(clean.len, bytes.len);
    assert_false(contains(clean, "opaque"));
    assert_memory_equal(clean.at + clean.len - 8, "\x7a\x06sha256", 8);
    assert_memory_equal(clean.at, bytes.at, bytes.len - 6);
}

static void an_arena_too_small_is_full(void **state)
{
    (void)state;
    struct sunder_str clean = {NULL, 77};
    struct sunder_digest digest;
    for (size_t size = 0; size < 12; size++) {
        struct sunder_arena arena = test_arena_of(size);
        assert_int_equal(
            sunder_wire_redact(decoder, &arena, SUNDER_STR("{\"proof\":\"x\"}"), &clean, &digest),
            SUNDER_ERR_FULL);
    }
    assert_int_equal(clean.len, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proof_becomes_its_digest_and_nothing_else_changes),
        cmocka_unit_test(a_name_is_found_however_it_is_written),
        cmocka_unit_test(values_without_a_proof_stay_as_they_are),
        cmocka_unit_test(data_in_base64_is_looked_into),
        cmocka_unit_test(json_with_errors_keeps_no_token),
        cmocka_unit_test(protobuf_keeps_its_shape_and_no_proof),
        cmocka_unit_test(an_arena_too_small_is_full),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
