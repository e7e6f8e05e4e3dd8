#include "engine/base/hash.h"

#include "tests/support/test.h"

/* The vectors of Kafka's own UtilsTest.testMurmur2, made positive as DefaultPartitioner does. */
static void murmur2_is_that_of_kafkas_java_client(void **state)
{
    (void)state;
    const struct {
        struct sunder_str key;
        int32_t java;
    } vectors[] = {
        {SUNDER_STR("21"), -973932308},
        {SUNDER_STR("foobar"), -790332482},
        {SUNDER_STR("a-little-bit-long-string"), -985981536},
        {SUNDER_STR("a-little-bit-longer-string"), -1486304829},
        {SUNDER_STR("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971},
        {SUNDER_STR("abc"), 479470107},
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        uint32_t expected = (uint32_t)vectors[i].java & 0x7fffffffu;
        assert_int_equal(sunder_hash_murmur2(vectors[i].key), expected);
    }
}

static void murmur2_of_a_part_does_not_read_beyond_it(void **state)
{
    (void)state;
    const char text[] = "foobar and more";

    struct sunder_str part = {text, 6};

    assert_int_equal(sunder_hash_murmur2(part), (uint32_t)-790332482 & 0x7fffffffu);
}

static void hash_256_is_the_same_on_every_machine(void **state)
{
    (void)state;
    uint8_t hash[32];
    /* XXH3-128 of nothing with seed 0, big-endian, as xxhsum -H2 prints it. */
    const uint8_t expected[16] = {0x99,
        0xaa,
        0x06,
        0xd3,
        0x01,
        0x47,
        0x98,
        0xd8,
        0x60,
        0x01,
        0xc3,
        0x24,
        0x46,
        0x8d,
        0x49,
        0x7f};

    sunder_hash_256(SUNDER_STR(""), hash);

    assert_memory_equal(hash, expected, sizeof expected);
    assert_memory_not_equal(hash + 16, expected, sizeof expected);
}

static void hash_256_differs_in_both_halves_for_one_bit(void **state)
{
    (void)state;
    uint8_t one[32];
    uint8_t other[32];

    sunder_hash_256(SUNDER_STR("vendor/V9"), one);
    sunder_hash_256(SUNDER_STR("vendor/V8"), other);

    assert_memory_not_equal(one, other, 16);
    assert_memory_not_equal(one + 16, other + 16, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(murmur2_is_that_of_kafkas_java_client),
        cmocka_unit_test(murmur2_of_a_part_does_not_read_beyond_it),
        cmocka_unit_test(hash_256_is_the_same_on_every_machine),
        cmocka_unit_test(hash_256_differs_in_both_halves_for_one_bit),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
