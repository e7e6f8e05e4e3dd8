/* What many rules cost: conditions over 40 tools, one in twenty by a prefix of the object. For a growing number of rules, of which
 * the same number matches: finding those that may fire and evaluating them, on prepared events; the same from JSON bytes; and the
 * load of the policy. State is no part of it.
 *
 * usage: taskset -c 0 bench_rules [ROUNDS]      (200,000)
 * Prints the best of 20 runs, which is what a quiet moment gives on a busy machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/policy/policy_compile.h"
#include "engine/policy/policy_find.h"
#include "proto/doc.h"
#include "proto/wire.h"

enum {
    RUNS = 20,
    TOOLS = 40,
    EVENTS = 64,
    POLICY_BYTES = 256 << 20,
    EVENT_BYTES = 4 << 20,
    TEXT_BYTES = 4 << 20
};

struct prepared {
    struct sunder_expr_env env;
    struct sunder_str object;
    uint16_t duty;
    char json[640];
    uint32_t json_len;
};

static struct prepared events[EVENTS];
static char text[TEXT_BYTES];
static uint64_t sink;

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return ((double)time.tv_sec * 1e9) + (double)time.tv_nsec;
}

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_rules: %s\n", what);
        exit(1);
    }
}

static struct sunder_arena arena_of(size_t size)
{
    void *memory = malloc(size);
    must(memory != NULL, "no memory");
    return sunder_arena_of(memory, size);
}

/* Rule i speaks of one tool and of one action of it, or of one kind of object: what an event matches does not depend on how many
 * rules there are. */
static size_t write_policy(uint32_t rules)
{
    size_t len = (size_t)snprintf(text,
        sizeof text,
        "sunder: 1\nname: bench\nauthority: open\ntenant: payload\ncatalogue:\n"
        "  - {tool: \"t*\", action: \"a*\", duty: act}\nrules:\n");
    for (uint32_t i = 0; i < rules; i++) {
        char when[160];
        if (i % 20 == 7) {
            (void)snprintf(
                when, sizeof when, "object.startsWith('kind%u/') && amount > 100.0", i / 20);
        } else {
            (void)snprintf(when,
                sizeof when,
                "tool == 't%u' && action == 'a%u' && amount > 100.0",
                i % TOOLS,
                i / TOOLS);
        }
        len += (size_t)snprintf(
            text + len, sizeof text - len, "  - {condition: r%u, when: \"%s\"}\n", i, when);
        must(len < sizeof text, "the policy is too long");
    }
    return len;
}

static const struct sunder_policy *load(struct sunder_arena *arena, size_t len)
{
    struct sunder_doc root;
    struct sunder_doc_fail why;
    struct sunder_policy *policy = NULL;
    static struct sunder_complaints complaints;
    complaints = (struct sunder_complaints){0};
    must(
        sunder_doc_parse((struct sunder_str){text, (uint32_t)len}, arena, &root, &why) == SUNDER_OK,
        "bad YAML");
    enum sunder_err err = sunder_policy_compile(
        &(struct sunder_policy_source){.root = &root}, arena, &complaints, &policy);
    must(err == SUNDER_OK, complaints.count == 0 ? "no room" : complaints.at[0].text.at);
    return policy;
}

static struct sunder_value text_of(struct sunder_str str)
{
    return str.at == NULL ? (struct sunder_value){.kind = SUNDER_VALUE_ABSENT}
                          : (struct sunder_value){.kind = SUNDER_VALUE_STRING, .text = str};
}

static void fill(struct prepared *it, const struct sunder_event *event)
{
    struct sunder_value *fields = it->env.fields;
    fields[SUNDER_FIELD_TENANT] = text_of(event->tenant);
    fields[SUNDER_FIELD_AGENT] = text_of(event->agent);
    fields[SUNDER_FIELD_PRINCIPAL] = text_of(event->principal);
    fields[SUNDER_FIELD_TOOL] = text_of(event->tool);
    fields[SUNDER_FIELD_ACTION] = text_of(event->action);
    fields[SUNDER_FIELD_AMOUNT] = (struct sunder_value){.kind = SUNDER_VALUE_NUMBER,
        .exact = true,
        .micro = event->amount.micro,
        .text = event->amount.plain};
    it->object = event->objects.at[0];
    fields[SUNDER_FIELD_OBJECT] = text_of(it->object);
}

static void decode(
    struct sunder_wire_decoder *decoder, struct sunder_arena *arena, struct prepared *it)
{
    const struct sunder_wire_record record = {.value = {it->json, it->json_len}};
    struct sunder_event event;
    struct sunder_wire_problem problem;
    must(sunder_wire_decode_event(decoder, arena, &record, &event, &problem) == SUNDER_OK,
        "bad event");
    fill(it, &event);
}

/* How many rules hold. */
static uint32_t judge(
    const struct sunder_policy *policy, const struct prepared *it, struct sunder_arena *arena)
{
    const struct sunder_policy_act act = {.fields = it->env.fields,
        .duties = &it->duty,
        .duty_count = 1,
        .objects = {&it->object, 1}};
    struct sunder_rule_marks marks;
    sunder_rule_marks_of(policy, &it->duty, 1, 0, &marks);
    sunder_policy_find(policy, &act, &marks);
    uint32_t held = 0;
    uint32_t rule = 0;
    while (sunder_rule_marks_next(&marks, &rule)) {
        bool errs = false;
        held += sunder_expr_holds(policy->rules[rule].when, &it->env, arena, &errs) || errs ? 1 : 0;
    }
    return held;
}

static double best_judge(
    const struct sunder_policy *policy, struct sunder_arena *arena, uint32_t rounds)
{
    double best = 1e18;
    for (int run = 0; run < RUNS; run++) {
        double start = now_ns();
        for (uint32_t i = 0; i < rounds; i++) {
            sunder_arena_reset(arena);
            sink += judge(policy, &events[i % EVENTS], arena);
        }
        double ns = (now_ns() - start) / rounds;
        best = ns < best ? ns : best;
    }
    return best;
}

static double best_json(const struct sunder_policy *policy,
    struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    uint32_t rounds)
{
    double best = 1e18;
    for (int run = 0; run < RUNS; run++) {
        double start = now_ns();
        for (uint32_t i = 0; i < rounds; i++) {
            sunder_arena_reset(arena);
            decode(decoder, arena, &events[i % EVENTS]);
            sink += judge(policy, &events[i % EVENTS], arena);
        }
        double ns = (now_ns() - start) / rounds;
        best = ns < best ? ns : best;
    }
    return best;
}

static void make_events(struct sunder_wire_decoder *decoder, struct sunder_arena *arena)
{
    for (uint32_t i = 0; i < EVENTS; i++) {
        struct prepared *it = &events[i];
        it->json_len = (uint32_t)snprintf(it->json,
            sizeof it->json,
            "{\"specversion\":\"1.0\",\"id\":\"i%u\",\"source\":\"spiffe://acme.example/agent/"
            "a%u\","
            "\"type\":\"dev.sunder.intent.v1\",\"data\":{\"tenant\":\"acme\",\"principal\":\"user:"
            "ana@acme.example\","
            "\"tool\":\"t%u\",\"action\":\"a0\",\"object\":\"kind0/"
            "o%u\",\"amount\":\"%u.25\",\"currency\":\"EUR\","
            "\"args\":{\"iban\":\"DE02120300000000202051\"}}}",
            i,
            i % 7,
            i % 7,
            i,
            90 + (i * 5));
        decode(decoder, arena, it);
    }
}

int main(int argc, char **argv)
{
    static const uint32_t sizes[] = {10, 100, 1000, 10000};
    uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 200000;
    must(rounds > 0, "usage: bench_rules [ROUNDS]");
    struct sunder_arena for_policy = arena_of(POLICY_BYTES);
    struct sunder_arena for_events = arena_of(EVENT_BYTES);
    struct sunder_arena scratch = arena_of(EVENT_BYTES);
    struct sunder_wire_decoder *decoder = NULL;
    must(sunder_wire_decoder_create(&decoder) == SUNDER_OK, "no memory");
    make_events(decoder, &for_events);
    printf("%8s %12s %12s %14s %14s %10s %8s\n",
        "rules",
        "ns/event",
        "events/s",
        "ns from JSON",
        "events/s",
        "load ms",
        "held");
    double first = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t len = write_policy(sizes[i]);
        double load_ns = 1e18;
        const struct sunder_policy *policy = NULL;
        for (int run = 0; run < 5; run++) {
            sunder_arena_reset(&for_policy);
            double start = now_ns();
            policy = load(&for_policy, len);
            double ns = now_ns() - start;
            load_ns = ns < load_ns ? ns : load_ns;
        }
        uint32_t held = 0;
        for (uint32_t e = 0; e < EVENTS; e++) {
            sunder_arena_reset(&scratch);
            held += judge(policy, &events[e], &scratch);
        }
        double judged = best_judge(policy, &scratch, rounds);
        double json = best_json(policy, decoder, &scratch, rounds);
        make_events(decoder, &for_events);
        first = i == 0 ? judged : first;
        printf("%8u %12.1f %12.0f %14.1f %14.0f %10.2f %8.2f\n",
            sizes[i],
            judged,
            1e9 / judged,
            json,
            1e9 / json,
            load_ns / 1e6,
            (double)held / EVENTS);
        if (i + 1 == sizeof sizes / sizeof sizes[0]) {
            printf("growth from %u to %u rules: %.2f\n", sizes[0], sizes[i], judged / first);
        }
    }
    sunder_wire_decoder_destroy(&decoder);
    return sink == 0 ? 1 : 0;
}
