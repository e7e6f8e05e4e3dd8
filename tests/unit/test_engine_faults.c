/* S32: no error path ends in allow. Every read, every write and every size of the arena fails once, for events of every kind
 * over a state that has a history. */
#include <stdlib.h>

#include "tests/support/random.h"
#include "tests/unit/test_engine_stream.h"

#define HISTORY 700u
#define PROBES 24u
#define ROOM_BYTES ((size_t)2 * 1024 * 1024)

static const enum sunder_err FAULTS[] = {
    SUNDER_ERR_MALFORMED,
    SUNDER_ERR_UNSUPPORTED,
    SUNDER_ERR_INVALID,
    SUNDER_ERR_RETRY,
    SUNDER_ERR_FENCED,
    SUNDER_ERR_FULL,
    SUNDER_ERR_IO,
    SUNDER_ERR_CORRUPT,
};
#define FAULT_COUNT (sizeof FAULTS / sizeof FAULTS[0])

static struct rig *rig;
static struct stream stream;
static struct sunder_wire_encoder *encoder;
static struct sunder_arena copies;

/* The fixture of all tests here: one state, whose further writes are held back. */
static int setup(void **state)
{
    rig = rig_create(rig_policy(STREAM_POLICY));
    stream = (struct stream){.random = test_seed()};
    for (uint32_t i = 0; i < HISTORY; i++) {
        (void)rig_take(rig, stream_next(&stream, rig));
    }
    assert_true(rig_count_wide(rig) > 0);
    assert_int_equal(sunder_wire_encoder_create(SUNDER_WIRE_FORMAT_JSON, &encoder), SUNDER_OK);
    copies = test_arena_of(ROOM_BYTES);
    return test_group_setup(state);
}

static int teardown(void **state)
{
    (void)state;
    rig_destroy(&rig);
    sunder_wire_encoder_destroy(&encoder);
    return 0;
}

/* What to try: mostly more of the stream, now and then an act of names that nobody has heard of. */
static const struct sunder_event *next_probe(uint32_t probe)
{
    if (probe % 6 != 0) {
        return stream_next(&stream, rig);
    }
    const char *data =
        rig_text("{\"tenant\":\"tenant-%u\",\"tool\":\"erp\",\"action\":\"read\","
                 "\"object\":\"new/%u\",\"principal\":\"user:%u\",\"task\":\"new-%u\","
                 "\"idempotency_key\":\"new-%u\"}",
            probe % 12,
            probe,
            probe,
            probe,
            probe);
    return rig_event(rig,
        probe % 18 == 0 ? "observed" : "intent",
        rig_text("new-%u", probe),
        rig_text("bot:new-%u", probe),
        data);
}

static enum sunder_err decide(
    const struct sunder_event *event, struct sunder_arena *arena, struct sunder_outputs *ret_out)
{
    return sunder_decide(rig->policy, &rig->view, event, arena, ret_out);
}

static enum sunder_err fold_all(const struct sunder_outputs *out, struct sunder_arena *arena)
{
    enum sunder_err err = SUNDER_OK;
    for (uint32_t i = 0; i < out->count && err == SUNDER_OK; i++) {
        err = sunder_fold(rig->policy, &rig->view, &rig->rows, &out->records[i], arena);
    }
    return err;
}

/* An observed act counts even when its rules find no room, and says so. */
static bool tells_no_room(const struct sunder_outputs *out)
{
    if (out->count != 1) {
        return false; /* A dead letter of no domain has no record at all. */
    }
    const struct sunder_decision *record = &out->records[0];
    uint32_t last = record->finding_count;
    return record->kind == SUNDER_RECORD_OBSERVED && last != 0 &&
           sunder_str_equal(record->findings[last - 1].code, SUNDER_STR("limit_reached")) &&
           sunder_str_equal(record->findings[last - 1].field, SUNDER_STR("rules"));
}

/* A read that fails is told as it is; nothing is decided. */
static void no_failed_read_is_decided_over(void **state)
{
    (void)state;
    for (uint32_t probe = 0; probe < PROBES; probe++) {
        const struct sunder_event *event = next_probe(probe);
        size_t mark = sunder_arena_mark(&rig->arena);
        struct sunder_outputs out;
        uint64_t before = rig->gets;
        assert_int_equal(decide(event, &rig->arena, &out), SUNDER_OK);
        uint64_t reads = rig->gets - before;
        for (uint64_t k = 1; k <= reads; k++) {
            sunder_arena_rewind(&rig->arena, mark);
            rig->fail_get = rig->gets + k;
            rig->fail = FAULTS[(k + probe) % FAULT_COUNT];
            enum sunder_err err = decide(event, &rig->arena, &out);
            bool told = err == SUNDER_OK && rig->fail == SUNDER_ERR_FULL && tells_no_room(&out);
            assert_true(told || err == rig->fail);
        }
        rig->fail_get = 0;
    }
}

/* The first one or two reads, which every event makes, with every code there is. */
static void every_code_of_a_failed_read_comes_out(void **state)
{
    (void)state;
    const struct sunder_event *event = rig_event(rig,
        "intent",
        "fresh",
        "bot:new",
        "{\"tenant\":\"acme\",\"tool\":\"erp\",\"action\":\"read\",\"object\":\"vendor/V9\"}");
    struct sunder_outputs out;
    uint64_t before = rig->gets;
    assert_int_equal(decide(event, &rig->arena, &out), SUNDER_OK);
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");
    uint64_t reads = rig->gets - before;
    for (uint64_t k = 1; k <= reads; k++) {
        for (size_t f = 0; f < FAULT_COUNT; f++) {
            rig->fail_get = rig->gets + k;
            rig->fail = FAULTS[f];
            assert_int_equal(decide(event, &rig->arena, &out), FAULTS[f]);
        }
    }
    rig->fail_get = 0;
}

/* One fold over a state that stays as it is; gives how many reads and writes it made. */
static enum sunder_err try_fold(const struct sunder_outputs *out, uint64_t *gets, uint64_t *puts)
{
    rig_hold(rig, true);
    *gets = rig->gets;
    *puts = rig->puts;
    enum sunder_err err = fold_all(out, &rig->arena);
    *gets = rig->gets - *gets;
    *puts = rig->puts - *puts;
    return err;
}

static void assert_fold_tells_faults(const struct sunder_outputs *out, uint32_t probe)
{
    size_t mark = sunder_arena_mark(&rig->arena);
    uint64_t gets = 0;
    uint64_t puts = 0;
    uint64_t some = 0;
    assert_int_equal(try_fold(out, &gets, &puts), SUNDER_OK);
    for (uint64_t k = 1; k <= gets; k++) {
        sunder_arena_rewind(&rig->arena, mark);
        rig->fail_get = rig->gets + k;
        rig->fail = FAULTS[(k + probe) % FAULT_COUNT];
        assert_int_equal(try_fold(out, &some, &some), rig->fail);
    }
    rig->fail_get = 0;
    for (uint64_t k = 1; k <= puts; k++) {
        sunder_arena_rewind(&rig->arena, mark);
        rig->fail_put = rig->puts + k;
        rig->fail = FAULTS[(k + probe) % FAULT_COUNT];
        assert_int_equal(try_fold(out, &some, &some), rig->fail);
    }
    rig->fail_put = 0;
    rig_hold(rig, false);
}

/* Of records as they were made, and as they are read back: these read more. */
static void no_failed_read_or_write_is_folded_over(void **state)
{
    (void)state;
    for (uint32_t probe = 0; probe < PROBES; probe++) {
        const struct sunder_event *event = next_probe(probe);
        struct sunder_outputs out;
        assert_int_equal(decide(event, &rig->arena, &out), SUNDER_OK);
        assert_fold_tells_faults(&out, probe);
        for (uint32_t i = 0; i < out.count; i++) {
            out.records[i].judged = NULL;
        }
        assert_fold_tells_faults(&out, probe + 1);
    }
}

static struct sunder_str encoded(const struct sunder_decision *record, uint8_t *bytes)
{
    size_t len = 0;
    enum sunder_err err =
        sunder_wire_encode_record(encoder, record, bytes, SUNDER_WIRE_RECORD_BYTES_MAX, &len);
    assert_int_equal(err, SUNDER_OK);
    return (struct sunder_str){(const char *)bytes, (uint32_t)len};
}

/* The same answer to the last byte. */
static void assert_same_outputs(const struct sunder_outputs *a, const struct sunder_outputs *b)
{
    static uint8_t bytes[2][SUNDER_WIRE_RECORD_BYTES_MAX];
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->dead_letter, b->dead_letter);
    assert_true(sunder_str_equal(a->code, b->code));
    for (uint32_t i = 0; i < a->count; i++) {
        struct sunder_str one = encoded(&a->records[i], bytes[0]);
        struct sunder_str two = encoded(&b->records[i], bytes[1]);
        assert_true(sunder_str_equal(one, two));
    }
}

/* The end of a block, so that the first byte beyond the arena is the sanitizer's to see. */
static struct sunder_arena last_bytes_of(uint8_t *block, size_t block_size, size_t size)
{
    return sunder_arena_of(block + (block_size - size), size);
}

/* An arena that is too small gives FULL and never another answer than one that is large enough. */
static void assert_any_room_is_enough_or_full(const struct sunder_event *event, size_t step)
{
    struct sunder_outputs out;
    struct sunder_outputs cramped_out;
    size_t mark = sunder_arena_mark(&rig->arena);
    rig->arena.used_max = mark;
    assert_int_equal(decide(event, &rig->arena, &out), SUNDER_OK);
    size_t need = rig->arena.used_max - mark + 64;
    uint8_t *block = malloc(need);
    assert_non_null(block);
    for (size_t size = 0; size <= need; size += step) {
        struct sunder_arena small = last_bytes_of(block, need, size);
        enum sunder_err err = decide(event, &small, &cramped_out);
        assert_true(err == SUNDER_OK || err == SUNDER_ERR_FULL);
        if (err == SUNDER_OK && !tells_no_room(&cramped_out)) {
            assert_same_outputs(&cramped_out, &out);
        }
    }
    struct sunder_arena all = last_bytes_of(block, need, need);
    assert_int_equal(decide(event, &all, &cramped_out), SUNDER_OK);
    free(block);
}

static void no_room_is_too_small_to_be_noticed(void **state)
{
    (void)state;
    for (uint32_t probe = 0; probe < PROBES; probe++) {
        assert_any_room_is_enough_or_full(next_probe(probe), 53 + probe);
    }
}

/* Every size, for an allowed act with everything, long names included: a text that no longer fits must not just be missing. */
static void no_byte_less_is_another_answer(void **state)
{
    (void)state;
    const char *user = rig_long("user:ana", 200);
    const char *task = rig_text("{\"tenant\":\"acme\",\"task\":\"T-long\",\"state\":\"opened\","
                                "\"principal\":\"%s\",\"purpose\":\"%s\"}",
        user,
        rig_long("purpose", 250));
    struct sunder_outputs out = rig_send(rig, "task", "long-task", "orchestrator", task);
    assert_false(out.dead_letter);
    const char *data = rig_text("{\"tenant\":\"acme\",\"tool\":\"erp\",\"action\":\"read\","
                                "\"task\":\"T-long\",\"objects\":[\"%s\",\"%s\"],"
                                "\"case\":\"%s\",\"idempotency_key\":\"%s\"}",
        rig_long("vendor/A", 256),
        rig_long("vendor/B", 256),
        rig_long("PO-", 256),
        rig_long("retry", 256));
    out = rig_intent(rig, rig_long("long-1", 256), "bot:9", data);
    rig_assert_answer(&out, SUNDER_VERDICT_ALLOW, "");

    assert_any_room_is_enough_or_full(
        rig_event(rig, "intent", rig_long("long-2", 256), "bot:8", data), 8);
    assert_any_room_is_enough_or_full(
        rig_event(rig, "intent", rig_long("long-1", 256), "bot:9", data), 8);
    assert_any_room_is_enough_or_full(
        rig_event(rig, "observed", rig_long("long-3", 256), "bot:9", data), 8);
}

/* Decides anew, since fold works on what decide has read; then folds in `room`, writes held back. */
static enum sunder_err fold_in(
    const struct sunder_event *event, size_t mark, bool judged, struct sunder_arena *room)
{
    struct sunder_outputs out;
    rig_hold(rig, true);
    sunder_arena_rewind(&rig->arena, mark);
    assert_int_equal(decide(event, &rig->arena, &out), SUNDER_OK);
    for (uint32_t i = 0; i < out.count && !judged; i++) {
        out.records[i].judged = NULL;
    }
    return fold_all(&out, room);
}

/* Fold may fail for want of room, but what it calls done is done exactly. */
static void assert_any_room_folds_all_or_fails(
    const struct sunder_event *event, size_t step, bool judged)
{
    static struct rig_held expected[1024];
    static uint8_t block[ROOM_BYTES];
    size_t mark = sunder_arena_mark(&rig->arena);
    struct sunder_arena room = sunder_arena_of(block, sizeof block);
    assert_int_equal(fold_in(event, mark, judged, &room), SUNDER_OK);
    uint32_t count = rig->held_count;
    struct sunder_arena texts = copies;
    sunder_arena_reset(&texts);
    for (uint32_t i = 0; i < count; i++) {
        expected[i].key = sunder_str_copy(&texts, rig->held[i].key);
        expected[i].value = sunder_str_copy(&texts, rig->held[i].value);
        assert_non_null(expected[i].value.at);
    }
    size_t need = room.used_max + 64;
    for (size_t size = 0; size <= need; size += step) {
        room = last_bytes_of(block, sizeof block, size);
        enum sunder_err err = fold_in(event, mark, judged, &room);
        assert_true(err == SUNDER_OK || err == SUNDER_ERR_FULL);
        assert_true(err != SUNDER_OK || rig->held_count == count);
        for (uint32_t i = 0; err == SUNDER_OK && i < count; i++) {
            assert_true(sunder_str_equal(rig->held[i].key, expected[i].key));
            assert_true(sunder_str_equal(rig->held[i].value, expected[i].value));
        }
    }
    rig_hold(rig, false);
}

static void fold_without_room_fails_or_is_exact(void **state)
{
    (void)state;
    for (uint32_t probe = 0; probe < PROBES; probe++) {
        const struct sunder_event *event = next_probe(probe);
        assert_any_room_folds_all_or_fails(event, 29 + probe, true);
        assert_any_room_folds_all_or_fails(event, 29 + probe, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_failed_read_is_decided_over),
        cmocka_unit_test(every_code_of_a_failed_read_comes_out),
        cmocka_unit_test(no_failed_read_or_write_is_folded_over),
        cmocka_unit_test(no_room_is_too_small_to_be_noticed),
        cmocka_unit_test(no_byte_less_is_another_answer),
        cmocka_unit_test(fold_without_room_fails_or_is_exact),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
