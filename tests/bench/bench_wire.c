/* What the wire costs, in nanoseconds per record, each beside two limits measured in the same run: a copy of the bytes, and the
 * bare parse of the JSON by simdjson (both of its stages, to a tape nobody reads).
 *
 * usage: taskset -c 0 bench_wire [ROUNDS]      (2,000)
 * Prints one line per measure: the best of 300 runs of ROUNDS each, which is what a quiet moment gives on a busy machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/digest.h"
#include "proto/wire.h"
#include "tests/bench/bench_simdjson.h"

enum {
    RUNS = 300,
    RECORD_MAX = 4096
};

/* Intents of 365, 500 and 830 bytes; the offset in the id changes from round to round. */
static const char *const INTENTS[] = {
    "{\"specversion\":\"1.0\",\"id\":\"i-00000000\",\"source\":\"spiffe://acme.example/agent/"
    "payer-7\",\"type\":\"dev.sunder.intent.v1\",\"time\":\"2026-01-01T00:00:00.123Z\","
    "\"data\":{\"tenant\":\"acme\",\"principal\":\"user:ana@acme.example\",\"task\":\"T-771\","
    "\"tool\":\"payments\",\"action\":\"submit\",\"object\":\"vendor/V77\","
    "\"case\":\"PO-4411\",\"amount\":\"18250.75\",\"currency\":\"EUR\"}}",
    "{\"specversion\":\"1.0\",\"id\":\"i-00000000\",\"source\":\"spiffe://acme.example/agent/"
    "payer-7\",\"type\":\"dev.sunder.intent.v1\",\"time\":\"2026-01-01T00:00:00.123Z\","
    "\"data\":{\"tenant\":\"acme\",\"agent\":\"spiffe://acme.example/agent/"
    "payer-7\",\"principal\":\"user:ana@acme.example\",\"task\":\"T-771\",\"purpose\":\"pay-"
    "invoice\",\"tool\":\"payments\","
    "\"action\":\"submit\",\"object\":\"vendor/"
    "V77\",\"case\":\"PO-4411\",\"args\":{\"iban\":\"DE02120300000000202051\",\"urgent\":false,"
    "\"lines\":3},\"amount\":\"18250.75\",\"currency\":\"EUR\"}}",
    "{\"specversion\":\"1.0\",\"id\":\"i-00000000\",\"source\":\"spiffe://acme.example/agent/"
    "payer-7\",\"type\":\"dev.sunder.intent.v1\",\"time\":\"2026-01-01T00:00:00.123Z\","
    "\"data\":{\"tenant\":\"acme\",\"agent\":\"spiffe://acme.example/agent/"
    "payer-7\",\"principal\":\"user:ana@acme.example\",\"delegation\":[\"spiffe://acme.example/"
    "agent/planner\",\"spiffe://acme.example/agent/orchestrator\"],"
    "\"task\":\"T-771\",\"purpose\":\"pay-invoice\",\"tool\":\"payments\",\"action\":\"submit\","
    "\"object\":\"vendor/V77\",\"case\":\"PO-4411\","
    "\"args\":{\"iban\":\"DE02120300000000202051\",\"bic\":\"BYLADEM1001\",\"reference\":\"Invoice "
    "8841 "
    "\\u00e9\",\"urgent\":false,\"lines\":[{\"sku\":\"A-1\",\"qty\":3,\"price\":19.99},{\"sku\":"
    "\"B-2\",\"qty\":1,\"price\":18190.78}]},"
    "\"amount\":\"18250.75\",\"currency\":\"EUR\",\"labels\":[\"pii\"],\"confidence\":0.93}}",
};
enum {
    INTENT_COUNT = sizeof(INTENTS) / sizeof(INTENTS[0])
};

struct bench {
    struct sunder_wire_decoder *decoder;
    struct sunder_wire_encoder *encoder;
    struct sunder_sha256 *sha256;
    struct bench_simdjson *simdjson;
    struct sunder_arena arena;
    char text[RECORD_MAX];
    uint32_t text_len;
    char out[RECORD_MAX];
    char record[RECORD_MAX];
    size_t record_len;
    struct sunder_decision decision;
    uint64_t sum; /* Of what was made, so that nothing is left out as unused. */
};

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return ((double)time.tv_sec * 1e9) + (double)time.tv_nsec;
}

static void must(bool right, const char *what)
{
    if (!right) {
        fprintf(stderr, "bench_wire: %s\n", what);
        exit(1);
    }
}

/* Puts the round into the eight digits of the id. */
static void set_id(struct bench *bench, uint32_t round)
{
    char *at = strstr(bench->text, "i-") + 2;
    for (int i = 7; i >= 0; i--) {
        at[i] = (char)('0' + (round % 10));
        round /= 10;
    }
}

static void copy(struct bench *bench, uint32_t round)
{
    set_id(bench, round);
    memcpy(bench->out, bench->text, bench->text_len);
    bench->sum += (uint64_t)(uint8_t)bench->out[round % bench->text_len];
}

static void parse(struct bench *bench, uint32_t round)
{
    set_id(bench, round);
    must(bench_simdjson_parse(bench->simdjson, bench->text, bench->text_len), "simdjson");
}

static void decode(struct bench *bench, uint32_t round)
{
    set_id(bench, round);
    sunder_arena_reset(&bench->arena);
    const struct sunder_wire_record record = {.value = {bench->text, bench->text_len}};
    struct sunder_event event;
    struct sunder_wire_problem problem;
    must(sunder_wire_decode_event(bench->decoder, &bench->arena, &record, &event, &problem) ==
             SUNDER_OK,
        "decode");
    bench->sum += event.digest.bytes[0];
}

static void digest(struct bench *bench, uint32_t round)
{
    bench->text[0] = (char)('0' + (round % 10));
    struct sunder_digest made =
        sunder_sha256_of(bench->sha256, (struct sunder_str){bench->text, bench->text_len});
    bench->text[0] = '{';
    bench->sum += made.bytes[0];
}

static void encode(struct bench *bench, uint32_t round)
{
    bench->decision.source.offset = round;
    bench->decision.seq = round;
    size_t len = 0;
    must(sunder_wire_encode_record(
             bench->encoder, &bench->decision, bench->out, sizeof(bench->out), &len) == SUNDER_OK,
        "encode");
    bench->sum += (uint64_t)(uint8_t)bench->out[len - 20];
}

static void copy_record(struct bench *bench, uint32_t round)
{
    memcpy(bench->out, bench->record, bench->record_len);
    bench->sum += (uint64_t)(uint8_t)bench->out[round % bench->record_len];
}

static void decode_record(struct bench *bench, uint32_t round)
{
    (void)round;
    sunder_arena_reset(&bench->arena);
    struct sunder_decision decision;
    must(sunder_wire_decode_record(bench->decoder,
             &bench->arena,
             (struct sunder_str){bench->record, (uint32_t)bench->record_len},
             &decision) == SUNDER_OK,
        "record");
    bench->sum += decision.seq;
}

typedef void step_fn(struct bench *bench, uint32_t round);

static double measure(struct bench *bench, step_fn *step, uint32_t rounds)
{
    double best = 1e18;
    for (int run = 0; run < RUNS; run++) {
        double begin = now_ns();
        for (uint32_t i = 0; i < rounds; i++) {
            step(bench, i);
        }
        double each = (now_ns() - begin) / rounds;
        best = each < best ? each : best;
    }
    return best;
}

static void bench_intent(struct bench *bench, const char *text, uint32_t rounds)
{
    bench->text_len = (uint32_t)strlen(text);
    memcpy(bench->text, text, bench->text_len + 1);
    double copied = measure(bench, copy, rounds);
    double parsed = measure(bench, parse, rounds);
    double hashed = measure(bench, digest, rounds);
    double decoded = measure(bench, decode, rounds);
    printf("intent %u bytes: copy %.0f ns, simdjson %.0f ns, sha256 %.0f ns, decode with digest "
           "%.0f ns = %.2f x (simdjson + sha256), %.1f x copy\n",
        bench->text_len,
        copied,
        parsed,
        hashed,
        decoded,
        decoded / (parsed + hashed),
        decoded / copied);
}

/* What decide would make of the last intent decoded, as a plain allow. */
static void make_decision(struct bench *bench)
{
    static struct sunder_event event;
    static struct sunder_subject subjects[2];
    static struct sunder_str duty;
    bench->text_len = (uint32_t)strlen(INTENTS[0]);
    memcpy(bench->text, INTENTS[0], bench->text_len + 1);
    const struct sunder_wire_record record = {.value = {bench->text, bench->text_len}};
    struct sunder_wire_problem problem;
    static char memory[1 << 16];
    struct sunder_arena arena = sunder_arena_of(memory, sizeof(memory));
    must(sunder_wire_decode_event(bench->decoder, &arena, &record, &event, &problem) == SUNDER_OK,
        "decode");
    subjects[0] = (struct sunder_subject){event.agent, SUNDER_ROLE_AGENT};
    subjects[1] = (struct sunder_subject){event.principal, SUNDER_ROLE_PRINCIPAL};
    duty = SUNDER_STR("payment.submit");
    bench->decision = (struct sunder_decision){.kind = SUNDER_RECORD_DECISION,
        .source = {SUNDER_STR("sunder.intents"), 3, 1000000, 1767225600123},
        .stream_time_ms = 1767225600123,
        .tenant = event.tenant,
        .domain = event.tenant,
        .policy = event.digest,
        .engine = SUNDER_STR("0.1.0"),
        .prev = event.digest,
        .event = event.id,
        .verdict = SUNDER_VERDICT_ALLOW,
        .attempt = 1,
        .stage = 8,
        .subjects = subjects,
        .subject_count = 2,
        .agent = event.agent,
        .principal = event.principal,
        .task = event.task,
        .tool = event.tool,
        .action = event.action,
        .objects = event.objects,
        .cases = {&event.case_id, 1},
        .amount = event.amount,
        .currency = event.currency,
        .duties = {&duty, 1},
        .phases = SUNDER_PHASE_EXECUTE,
        .tier = SUNDER_TIER_HIGH,
        .digest = event.digest};
}

static void bench_record(struct bench *bench, enum sunder_wire_format format, uint32_t rounds)
{
    must(sunder_wire_encoder_create(format, &bench->encoder) == SUNDER_OK, "encoder");
    make_decision(bench);
    must(sunder_wire_encode_record(bench->encoder,
             &bench->decision,
             bench->record,
             sizeof(bench->record),
             &bench->record_len) == SUNDER_OK,
        "encode");
    double copied = measure(bench, copy_record, rounds);
    double encoded = measure(bench, encode, rounds);
    double decoded = measure(bench, decode_record, rounds);
    printf("allow in %s, %zu bytes: copy %.0f ns, encode %.0f ns = %.1f x copy, decode and check "
           "%.0f ns = %.1f x encode\n",
        format == SUNDER_WIRE_FORMAT_JSON ? "JSON" : "protobuf",
        bench->record_len,
        copied,
        encoded,
        encoded / copied,
        decoded,
        decoded / encoded);
    sunder_wire_encoder_destroy(&bench->encoder);
}

int main(int argc, char **argv)
{
    uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 2000;
    must(rounds > 0, "usage: bench_wire [ROUNDS]");
    static struct bench bench;
    void *memory = malloc(SUNDER_WIRE_ARENA_BYTES);
    must(memory != NULL, "no memory");
    bench.arena = sunder_arena_of(memory, SUNDER_WIRE_ARENA_BYTES);
    must(sunder_wire_decoder_create(&bench.decoder) == SUNDER_OK, "decoder");
    must(sunder_sha256_create(&bench.sha256) == SUNDER_OK, "sha256");
    bench.simdjson = bench_simdjson_create(RECORD_MAX);
    must(bench.simdjson != NULL, "simdjson");
    for (size_t i = 0; i < INTENT_COUNT; i++) {
        bench_intent(&bench, INTENTS[i], rounds);
    }
    bench_record(&bench, SUNDER_WIRE_FORMAT_JSON, rounds);
    bench_record(&bench, SUNDER_WIRE_FORMAT_PROTOBUF, rounds);
    fprintf(stderr, "checksum %llu\n", (unsigned long long)bench.sum);
    bench_simdjson_destroy(&bench.simdjson);
    sunder_sha256_destroy(&bench.sha256);
    sunder_wire_decoder_destroy(&bench.decoder);
    free(memory);
    return 0;
}
