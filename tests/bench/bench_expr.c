/* What conditions cost: nanoseconds per evaluation, beside the same test written by hand in C; and the load of 1,000 of them.
 *
 * usage: taskset -c 0 bench_expr [ROUNDS]      (20,000)
 * Prints one line per measure: the best of 50 runs of ROUNDS each, which is what a quiet moment gives on a busy machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/decimal.h"
#include "engine/expr/expr.h"
#include "engine/expr/expr_facts.h"
#include "proto/regex.h"

enum {
    RUNS = 50,
    RULES = 1000,
    POLICY_BYTES = 64 << 20,
    EVAL_BYTES = 1 << 20
};

static struct sunder_expr_env env;
static struct sunder_regex_set *patterns;

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return ((double)time.tv_sec * 1e9) + (double)time.tv_nsec;
}

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_expr: %s\n", what);
        exit(1);
    }
}

static struct sunder_value text_of(const char *text)
{
    return (struct sunder_value){.kind = SUNDER_VALUE_STRING, .text = sunder_str_of(text)};
}

static struct sunder_value number_of(const char *text)
{
    struct sunder_value value = {.kind = SUNDER_VALUE_NUMBER, .text = sunder_str_of(text)};
    value.exact = sunder_decimal_parse(value.text, &value.micro) == SUNDER_OK;
    return value;
}

static void fill_env(void)
{
    static struct sunder_value labels[4];
    static struct sunder_value lines[8];
    static struct sunder_member args[4];
    const char *const names[4] = {"internal", "customer", "pii", "secret"};
    for (int i = 0; i < 4; i++) {
        labels[i] = text_of(names[i]);
    }
    for (int i = 0; i < 8; i++) {
        lines[i] = number_of(i % 2 == 0 ? "120" : "7");
    }
    args[0] = (struct sunder_member){SUNDER_STR("country"), text_of("DE")};
    args[1] = (struct sunder_member){SUNDER_STR("iban"), text_of("DE02120300000000202051")};
    args[2] = (struct sunder_member){
        SUNDER_STR("lines"), {.kind = SUNDER_VALUE_LIST, .count = 8, .items = lines}};
    args[3] = (struct sunder_member){SUNDER_STR("to"), text_of("ops@acme.example")};
    env.fields[SUNDER_FIELD_TENANT] = text_of("acme");
    env.fields[SUNDER_FIELD_AGENT] = text_of("spiffe://acme.example/agent/payer-7");
    env.fields[SUNDER_FIELD_TOOL] = text_of("payments");
    env.fields[SUNDER_FIELD_ACTION] = text_of("submit");
    env.fields[SUNDER_FIELD_OBJECT] = text_of("vendor/V77");
    env.fields[SUNDER_FIELD_PURPOSE] = text_of("pay-invoice");
    env.fields[SUNDER_FIELD_CURRENCY] = text_of("EUR");
    env.fields[SUNDER_FIELD_AMOUNT] = number_of("18250.75");
    env.fields[SUNDER_FIELD_CONFIDENCE] = number_of("0.93");
    env.fields[SUNDER_FIELD_DEPTH] = number_of("2");
    env.fields[SUNDER_FIELD_LABELS] =
        (struct sunder_value){.kind = SUNDER_VALUE_LIST, .count = 4, .items = labels};
    env.fields[SUNDER_FIELD_ARGS] =
        (struct sunder_value){.kind = SUNDER_VALUE_MAP, .count = 4, .members = args};
    env.now_ms = 1767225600000;
}

static bool is(enum sunder_field field, const char *text)
{
    const struct sunder_value *value = &env.fields[field];
    return value->kind == SUNDER_VALUE_STRING && sunder_str_equal(value->text, sunder_str_of(text));
}

static bool amount_over(void)
{
    const struct sunder_value *amount = &env.fields[SUNDER_FIELD_AMOUNT];
    return amount->kind == SUNDER_VALUE_NUMBER && amount->exact &&
           amount->micro > INT64_C(10000000000);
}

static bool hand_amount(void)
{
    return amount_over();
}

static bool hand_three(void)
{
    return is(SUNDER_FIELD_TOOL, "payments") && amount_over() && is(SUNDER_FIELD_CURRENCY, "EUR");
}

static bool hand_false(void)
{
    return is(SUNDER_FIELD_TOOL, "crm") && amount_over() && is(SUNDER_FIELD_CURRENCY, "EUR");
}

static bool hand_labels(void)
{
    const struct sunder_value *labels = &env.fields[SUNDER_FIELD_LABELS];
    for (uint32_t i = 0; i < labels->count; i++) {
        if (sunder_str_equal(labels->items[i].text, SUNDER_STR("secret"))) {
            return true;
        }
    }
    return false;
}

static bool hand_arg(void)
{
    const struct sunder_value *to =
        sunder_value_member(&env.fields[SUNDER_FIELD_ARGS], SUNDER_STR("to"));
    return to != NULL && sunder_str_ends_with(to->text, SUNDER_STR("@acme.example"));
}

static bool hand_lines(void)
{
    const struct sunder_value *lines =
        sunder_value_member(&env.fields[SUNDER_FIELD_ARGS], SUNDER_STR("lines"));
    for (uint32_t i = 0; lines != NULL && i < lines->count; i++) {
        if (lines->items[i].micro > INT64_C(500000000)) {
            return false;
        }
    }
    return true;
}

static const struct measure {
    const char *source;
    bool (*by_hand)(void);
} measures[] = {
    {"amount > 10000.0", hand_amount},
    {"tool == 'payments' && amount > 10000.0 && currency == 'EUR'", hand_three},
    {"tool == 'crm' && amount > 10000.0 && currency == 'EUR'", hand_false},
    {"labels.exists(l, l == 'secret')", hand_labels},
    {"'secret' in labels", hand_labels},
    {"has(args.to) && args.to.endsWith('@acme.example')", hand_arg},
    {"args.lines.all(l, l <= 500)", hand_lines},
    {"args.to.matches('^[a-z.]+@acme[.]example$')", NULL},
    {"now.getHours('+01:00') < 6 || confidence * 2 < 1.5", NULL},
    {"object + '/' + args.country == 'vendor/V77/DE'", NULL},
};

static struct sunder_expr *compile(struct sunder_arena *arena, const char *source)
{
    const struct sunder_expr_want want = {.allowed = SUNDER_FIELDS_ALL,
        .type = SUNDER_TYPE_BOOL,
        .regex = sunder_regex_port(patterns)};
    struct sunder_expr *expr = NULL;
    struct sunder_expr_error error;
    enum sunder_err err = sunder_expr_compile(arena, sunder_str_of(source), &want, &expr, &error);
    must(err == SUNDER_OK, err == SUNDER_OK ? "" : error.text);
    return expr;
}

static uint32_t sink;

static double best_of_hand(bool (*by_hand)(void), uint32_t rounds)
{
    double best = 1e18;
    for (int run = 0; run < RUNS && by_hand != NULL; run++) {
        double start = now_ns();
        for (uint32_t i = 0; i < rounds; i++) {
            sink += by_hand() ? 1 : 0;
            __asm__ volatile("" ::: "memory");
        }
        double ns = (now_ns() - start) / rounds;
        best = ns < best ? ns : best;
    }
    return best;
}

static double best_of_expr(
    const struct sunder_expr *expr, struct sunder_arena *arena, uint32_t rounds)
{
    double best = 1e18;
    for (int run = 0; run < RUNS; run++) {
        double start = now_ns();
        for (uint32_t i = 0; i < rounds; i++) {
            sunder_arena_reset(arena);
            sink += sunder_expr_holds(expr, &env, arena, NULL) ? 1 : 0;
        }
        double ns = (now_ns() - start) / rounds;
        best = ns < best ? ns : best;
    }
    return best;
}

static void bench_evaluation(
    struct sunder_arena *policy, struct sunder_arena *arena, uint32_t rounds)
{
    for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++) {
        const struct sunder_expr *expr = compile(policy, measures[i].source);
        double ns = best_of_expr(expr, arena, rounds);
        unsigned long long units = (unsigned long long)sunder_expr_cost(expr)->units;
        printf("%8.1f ns", ns);
        if (measures[i].by_hand != NULL) {
            double bare = best_of_hand(measures[i].by_hand, rounds);
            printf("  by hand %6.1f ns, ratio %5.1f", bare, ns / bare);
        } else {
            printf("  %-31s", "");
        }
        printf("  worst case %5llu units  %s\n", units, measures[i].source);
    }
}

/* 1,000 different conditions of 3 conjuncts, as a policy of 1,000 rules has; beside a copy of their texts. */
static void bench_load(struct sunder_arena *policy)
{
    static char sources[RULES][160];
    static char copies[RULES][160];
    double best = 1e18;
    double bare = 1e18;
    for (int i = 0; i < RULES; i++) {
        (void)snprintf(sources[i],
            sizeof(sources[i]),
            "tool == 'tool-%d' && amount > %d.5 && (labels.exists(l, l == 'label-%d') || "
            "args.field%d.startsWith('v%d'))",
            i % 40,
            i,
            i % 7,
            i % 11,
            i);
    }
    for (int run = 0; run < RUNS; run++) {
        sunder_arena_reset(policy);
        double start = now_ns();
        for (int i = 0; i < RULES; i++) {
            sink += (uint32_t)(uintptr_t)compile(policy, sources[i]);
        }
        double ns = now_ns() - start;
        best = ns < best ? ns : best;
        start = now_ns();
        memcpy(copies, sources, sizeof(sources));
        __asm__ volatile("" ::: "memory");
        ns = now_ns() - start;
        bare = ns < bare ? ns : bare;
    }
    printf("%8.2f ms for 1,000 conditions, %.0f bytes each; a copy of their texts takes %.3f ms\n",
        best / 1e6,
        (double)policy->used / RULES,
        bare / 1e6);
}

int main(int argc, char **argv)
{
    uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 20000;
    void *policy_memory = malloc(POLICY_BYTES);
    void *eval_memory = malloc(EVAL_BYTES);
    must(rounds != 0 && policy_memory != NULL && eval_memory != NULL, "usage: bench_expr [ROUNDS]");
    must(sunder_regex_set_create(&patterns) == SUNDER_OK, "no memory");
    struct sunder_arena policy = sunder_arena_of(policy_memory, POLICY_BYTES);
    struct sunder_arena arena = sunder_arena_of(eval_memory, EVAL_BYTES);
    fill_env();
    bench_evaluation(&policy, &arena, rounds);
    bench_load(&policy);
    sunder_regex_set_destroy(&patterns);
    free(eval_memory);
    free(policy_memory);
    return sink == UINT32_MAX ? 1 : 0;
}
