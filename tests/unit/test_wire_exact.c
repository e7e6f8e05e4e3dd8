/* The reader in one pass against what encode writes: what it takes, encode would write again to the same byte, and the general
 * reader understands alike. */
#include "proto/wire_encode.h"
#include "proto/wire_internal.h"

#include "tests/support/random.h"
#include "tests/support/test.h"
#include "tests/support/wire_random.h"

enum {
    RANDOM_RECORDS = 3000,
    ARENA_BYTES = 1 << 20,
    BUF_BYTES = 1 << 20
};

#define TRAILER                                                                                    \
    "\"policy\":\"NMa9nmz3BEcpzfE-SS6pE1AqPOHpmbjcMez0pvfEnC8\",\"source\":{\"topic\":\"t\","      \
    "\"partition\":3,\"offset\":17,\"timestamp\":-5},\"stream_time\":12,\"seq\":9,"                \
    "\"prev\":\"-fMZHvBpu6Gdbdf0phfk3yCAPwhV0PP-UvPnsB-3v-A\",\"engine\":\"0.1.0\"}}"
#define ACT                                                                                        \
    "\"subjects\":{\"agent\":\"a\",\"delegators\":[\"b\",\"c\"],\"principal\":\"p\","              \
    "\"credential\":\"c\"},\"task\":\"k\",\"purpose\":\"pay\",\"tool\":\"t\",\"action\":\"x\","    \
    "\"objects\":[\"o/1\",\"o/2\"],\"cases\":[\"c1\"],\"amount\":\"12.5\",\"currency\":\"EUR\","   \
    "\"confidence\":\"0.9\",\"labels\":[\"l\"],\"carries\":[\"m\"],\"claimed\":[\"m\"],"           \
    "\"gains\":[\"g\"],\"parents\":[\"i0\"],\"key\":\"once\",\"duties\":[\"d\",\"e\"],"            \
    "\"phases\":[\"observe\",\"execute\"],\"tier\":\"low\","                                       \
    "\"digest\":\"Wzz4jZ9EnKOkIoCRwWxzTK7BmTFURxMI5u69zi3VlI4\","                                  \
    "\"measures\":{\"r1\":\"2\",\"r2\":\"3\"},\"rule_keys\":{\"r1\":\"k\"},"

/* Every member that is read in one pass. */
static const char *const WHOLE[] = {
    "{\"specversion\":\"1.0\",\"id\":\"t/3/17\",\"source\":\"sunder\",\"type\":"
    "\"dev.sunder.decision.v1\",\"data\":{\"tenant\":\"n\",\"domain\":\"n|p\",\"intent\":\"i\","
    "\"attempt\":2,\"verdict\":\"deny\",\"duplicate\":true,\"of\":\"t/3/4\",\"scope\":\"shadow\","
    "\"would_be\":\"escalate\",\"stage\":5,\"authority_open\":true,"
    "\"reasons\":[{\"rule\":\"R\",\"code\":\"limit\",\"effect\":\"deny\",\"field\":\"f\","
    "\"subject\":\"s\",\"key\":\"k\",\"message\":\"vier Augen \xe2\x80\x93 zw\xc3\xb6lf\","
    "\"count\":0,\"value\":\"1\",\"evidence\":[{\"intent\":\"i1\",\"agent\":\"a\",\"duty\":\"d\","
    "\"time\":-1},{\"intent\":\"i2\",\"agent\":\"\",\"duty\":\"\",\"time\":0}],"
    "\"also\":[{\"subject\":\"s\"},{\"key\":\"k\"},{},{\"subject\":\"s\",\"key\":\"k\"}],"
    "\"tags\":[\"g\",\"\"]},{\"code\":\"no_duty\",\"effect\":\"alert\",\"message\":\"\"}],"
    "\"shadow\":[{\"code\":\"context_missing\",\"effect\":\"revoke\",\"mode\":\"shadow\","
    "\"message\":\"m\"}]," ACT TRAILER,
    "{\"specversion\":\"1.0\",\"id\":\"t/3/17/2\",\"source\":\"sunder\",\"type\":"
    "\"dev.sunder.recorded.v1\",\"data\":{\"tenant\":\"n\",\"kind\":\"observed\",\"event\":\"e\","
    "\"publisher\":\"b\",\"duplicate\":true," ACT TRAILER,
    "{\"specversion\":\"1.0\",\"id\":\"/0/-1\",\"source\":\"sunder\",\"type\":"
    "\"dev.sunder.decision.v1\",\"data\":{\"tenant\":\"n\",\"intent\":\"\",\"verdict\":\"allow\","
    "\"reasons\":[],\"subjects\":{\"credential\":\"c\"},"
    "\"policy\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"source\":{\"topic\":\"\","
    "\"partition\":0,\"offset\":-1,\"timestamp\":0},\"seq\":0,"
    "\"prev\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"engine\":\"\"}}",
};

static struct sunder_wire_decoder *decoder;
static struct sunder_wire_encoder *encoder;
static struct sunder_arena arena;
static uint8_t buf[BUF_BYTES];

static int setup(void **state)
{
    assert_int_equal(sunder_wire_decoder_create(&decoder), SUNDER_OK);
    assert_int_equal(sunder_wire_encoder_create(SUNDER_WIRE_FORMAT_JSON, &encoder), SUNDER_OK);
    arena = test_arena_of(ARENA_BYTES);
    return test_group_setup(state);
}

static int teardown(void **state)
{
    (void)state;
    sunder_wire_decoder_destroy(&decoder);
    sunder_wire_encoder_destroy(&encoder);
    return 0;
}

static struct sunder_str encoded(const struct sunder_decision *decision)
{
    size_t len = 0;
    assert_int_equal(
        sunder_wire_encode_record(encoder, decision, buf, sizeof(buf), &len), SUNDER_OK);
    return (struct sunder_str){(const char *)buf, (uint32_t)len};
}

/* Whether the text is read in one pass, and then, whether that was right. */
static bool is_read(struct sunder_str text)
{
    struct sunder_decision read;
    struct sunder_decision general;
    sunder_arena_reset(&arena);
    if (!sunder_wire_exact_record(decoder, &arena, text, &read)) {
        assert_int_equal(arena.used, 0);
        return false;
    }
    struct sunder_str again = encoded(&read);
    if (!sunder_str_equal(again, text)) {
        print_error("%.*s\n", (int)text.len, text.at);
    }
    assert_true(sunder_str_equal(again, text));
    assert_int_equal(sunder_wire_general_record(decoder, &arena, text, &general), SUNDER_OK);
    test_assert_decisions_equal(&read, &general);
    return true;
}

static void all_members_are_read_as_the_general_reader_reads_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(WHOLE) / sizeof(WHOLE[0]); i++) {
        assert_true(is_read(sunder_str_of(WHOLE[i])));
    }
}

/* Whatever stands at any one place. */
static void no_changed_byte_is_taken_for_what_encode_writes(void **state)
{
    (void)state;
    char text[4096];
    uint32_t taken = 0;
    for (size_t i = 0; i < sizeof(WHOLE) / sizeof(WHOLE[0]); i++) {
        uint32_t len = (uint32_t)strlen(WHOLE[i]);
        assert_true(len < sizeof(text));
        for (uint32_t at = 0; at < len; at++) {
            memcpy(text, WHOLE[i], len);
            for (int byte = 0; byte < 256; byte++) {
                text[at] = (char)byte;
                taken += is_read((struct sunder_str){text, len});
            }
        }
    }
    assert_true(taken > 0); /* Another letter in a name is as good. */
}

static void nothing_left_out_or_doubled_is_taken_for_what_encode_writes(void **state)
{
    (void)state;
    enum {
        PIECE_MAX = 40
    };
    char text[4096 + PIECE_MAX];
    for (size_t i = 0; i < sizeof(WHOLE) / sizeof(WHOLE[0]); i++) {
        uint32_t len = (uint32_t)strlen(WHOLE[i]);
        for (uint32_t at = 0; at < len; at++) {
            for (uint32_t piece = 1; piece <= PIECE_MAX && at + piece <= len; piece++) {
                memcpy(text, WHOLE[i], at);
                memcpy(text + at, WHOLE[i] + at + piece, len - at - piece);
                (void)is_read((struct sunder_str){text, len - piece});
                memcpy(text, WHOLE[i], at + piece);
                memcpy(text + at + piece, WHOLE[i] + at, len - at);
                (void)is_read((struct sunder_str){text, len + piece});
            }
            memcpy(text, WHOLE[i], at);
            assert_false(is_read((struct sunder_str){text, at}));
        }
    }
}

static void random_records_are_read_rightly_or_left_to_the_general_reader(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sunder_arena own = test_arena_of(1 << 22);
    uint32_t taken = 0;
    for (int i = 0; i < RANDOM_RECORDS; i++) {
        sunder_arena_reset(&own);
        enum sunder_record_kind kind =
            (enum sunder_record_kind)test_random_below(&seed, SUNDER_RECORD_KIND_COUNT);
        struct sunder_decision decision = test_random_decision(&seed, &own, kind);
        taken += is_read(sunder_str_copy(&own, encoded(&decision)));
    }
    assert_true(taken > 0);
}

/* Texts at the end of a page: a test build with AddressSanitizer sees a byte read behind them. */
static void nothing_behind_the_text_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(WHOLE) / sizeof(WHOLE[0]); i++) {
        size_t len = strlen(WHOLE[i]);
        for (size_t cut = 0; cut < len; cut += 7) {
            char *copy = malloc(len - cut);
            assert_non_null(copy);
            memcpy(copy, WHOLE[i], len - cut);
            assert_int_equal(is_read((struct sunder_str){copy, (uint32_t)(len - cut)}), cut == 0);
            free(copy);
        }
    }
}

/* The text of the last policy is kept: that of a decoder that read nothing yet is a policy's too. */
static void a_policy_of_zero_bytes_is_none(void **state)
{
    (void)state;
    char text[1024];
    struct sunder_wire_decoder *fresh = NULL;
    struct sunder_decision read;
    size_t len = strlen(WHOLE[2]);
    memcpy(text, WHOLE[2], len + 1);
    char *policy = strstr(text, "\"policy\":\"") + strlen("\"policy\":\"");
    assert_int_equal(sunder_wire_decoder_create(&fresh), SUNDER_OK);
    sunder_arena_reset(&arena);
    assert_true(
        sunder_wire_exact_record(fresh, &arena, (struct sunder_str){text, (uint32_t)len}, &read));
    sunder_wire_decoder_destroy(&fresh);

    memset(policy, 0, SUNDER_BASE64_DIGEST_CHARS + 1);

    assert_int_equal(sunder_wire_decoder_create(&fresh), SUNDER_OK);
    assert_false(
        sunder_wire_exact_record(fresh, &arena, (struct sunder_str){text, (uint32_t)len}, &read));
    sunder_wire_decoder_destroy(&fresh);
}

static void an_arena_without_room_is_left_to_the_general_reader(void **state)
{
    (void)state;
    struct sunder_arena small = test_arena_of(64);
    struct sunder_decision read;
    struct sunder_str text = sunder_str_of(WHOLE[0]);
    assert_false(sunder_wire_exact_record(decoder, &small, text, &read));
    assert_int_equal(small.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_members_are_read_as_the_general_reader_reads_them),
        cmocka_unit_test(no_changed_byte_is_taken_for_what_encode_writes),
        cmocka_unit_test(nothing_left_out_or_doubled_is_taken_for_what_encode_writes),
        cmocka_unit_test(random_records_are_read_rightly_or_left_to_the_general_reader),
        cmocka_unit_test(nothing_behind_the_text_is_read),
        cmocka_unit_test(a_policy_of_zero_bytes_is_none),
        cmocka_unit_test(an_arena_without_room_is_left_to_the_general_reader),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
