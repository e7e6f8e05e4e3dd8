/* Any bytes as a record of the decisions topic: what is read is what encode writes, to the byte; anything else is corrupt.
 * What the reader in one pass takes, the general reader takes too, and understands alike. */
#include <stdlib.h>

#include "engine/base/must.h"
#include "proto/wire.h"
#include "proto/wire_internal.h"

#include "tests/support/test.h"
#include "tests/support/wire_random.h"

enum {
    BUF_BYTES = 1 << 20
};

static struct sunder_wire_decoder *decoder;
static struct sunder_wire_encoder *encoders[2];
static struct sunder_arena arena;
static uint8_t buf[BUF_BYTES];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void start(void)
{
    SUNDER_MUST(sunder_wire_decoder_create(&decoder) == SUNDER_OK);
    SUNDER_MUST(sunder_wire_encoder_create(SUNDER_WIRE_FORMAT_JSON, &encoders[0]) == SUNDER_OK);
    SUNDER_MUST(sunder_wire_encoder_create(SUNDER_WIRE_FORMAT_PROTOBUF, &encoders[1]) == SUNDER_OK);
    void *memory = malloc(SUNDER_WIRE_ARENA_BYTES);
    SUNDER_MUST(memory != NULL);
    arena = sunder_arena_of(memory, SUNDER_WIRE_ARENA_BYTES);
}

/* A decision that was read in one form survives the other. */
static void check_other_form(const struct sunder_decision *decision, bool json)
{
    size_t len = 0;
    enum sunder_err err =
        sunder_wire_encode_record(encoders[json ? 1 : 0], decision, buf, sizeof(buf), &len);
    if (err == SUNDER_ERR_FULL) {
        return;
    }
    SUNDER_MUST(err == SUNDER_OK);
    struct sunder_decision other;
    struct sunder_str text = {(const char *)buf, (uint32_t)len};
    err = sunder_wire_decode_record(decoder, &arena, text, &other);
    if (err == SUNDER_ERR_CORRUPT && !json) {
        return; /* Protobuf may name a rule twice, or out of order, which an object of JSON cannot. */
    }
    SUNDER_MUST(err == SUNDER_OK || err == SUNDER_ERR_FULL);
    if (err == SUNDER_OK) {
        /* Not the bytes that were read: they may be of the first form. */
        static uint8_t own[BUF_BYTES];
        static uint8_t again[BUF_BYTES];
        size_t again_len = 0;
        SUNDER_MUST(sunder_wire_encode_record(
                        encoders[json ? 0 : 1], decision, own, sizeof(own), &len) == SUNDER_OK);
        SUNDER_MUST(
            sunder_wire_encode_record(
                encoders[json ? 0 : 1], &other, again, sizeof(again), &again_len) == SUNDER_OK);
        SUNDER_MUST(len == again_len && memcmp(own, again, len) == 0);
    }
}

/* Both readers of JSON; the general one may want more of the arena. */
static void check_both_readers(struct sunder_str bytes)
{
    struct sunder_decision exact;
    struct sunder_decision general;
    size_t len = 0;
    if (!sunder_wire_exact_record(decoder, &arena, bytes, &exact)) {
        return;
    }
    enum sunder_err err = sunder_wire_general_record(decoder, &arena, bytes, &general);
    SUNDER_MUST(err == SUNDER_OK || err == SUNDER_ERR_FULL);
    if (err == SUNDER_OK) {
        test_assert_decisions_equal(&exact, &general); /* Outside a test it ends the process. */
    }
    SUNDER_MUST(
        sunder_wire_encode_record(encoders[0], &exact, buf, sizeof(buf), &len) == SUNDER_OK);
    SUNDER_MUST(len == bytes.len && memcmp(buf, bytes.at, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (decoder == NULL) {
        start();
    }
    char *copy = malloc(size == 0 ? 1 : size);
    SUNDER_MUST(copy != NULL && size <= UINT32_MAX);
    if (size != 0) {
        memcpy(copy, data, size);
    }
    const struct sunder_str bytes = {copy, (uint32_t)size};
    struct sunder_decision decision;
    sunder_arena_reset(&arena);
    if (size != 0 && size <= SUNDER_WIRE_RECORD_BYTES_MAX && copy[0] == '{') {
        check_both_readers(bytes);
        sunder_arena_reset(&arena);
    }
    enum sunder_err err = sunder_wire_decode_record(decoder, &arena, bytes, &decision);
    SUNDER_MUST(err == SUNDER_OK || err == SUNDER_ERR_CORRUPT || err == SUNDER_ERR_FULL);
    if (err == SUNDER_OK) {
        check_other_form(&decision, copy[0] == '{');
    }
    free(copy);
    return 0;
}
