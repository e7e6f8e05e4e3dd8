#include "tests/bench/bench_workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next_random(struct workload *w)
{
    w->random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = w->random;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint32_t below(struct workload *w, uint32_t bound)
{
    return (uint32_t)(((next_random(w) >> 32) * bound) >> 32);
}

static double unit(struct workload *w)
{
    return (double)(next_random(w) >> 11) / 9007199254740992.0;
}

static const struct {
    const char *duty;
    const char *tools[9];
    uint32_t count;
    bool money;
} DUTIES[] = {
    {"vendor.create",
        {"erp.vendor.create", "erp.vendor.import", "portal.supplier.onboard"},
        3,
        false},
    {"vendor.bank",
        {"erp.vendor.set_bank", "portal.supplier.bank_update", "erp.vendor.set_remit"},
        3,
        false},
    {"po.create", {"erp.po.create", "erp.po.amend", "portal.order.place"}, 3, true},
    {"po.approve", {"erp.po.approve", "workflow.po.release"}, 2, false},
    {"goods.receipt", {"wms.receipt.post", "erp.receipt.confirm", "wms.return.post"}, 3, false},
    {"invoice.post", {"erp.invoice.post", "ocr.invoice.book", "erp.creditnote.post"}, 3, true},
    {"payment.submit",
        {"bank.payment.submit", "bank.batch.upload", "erp.payment.propose"},
        3,
        true},
    {"payment.confirm", {"bank.payment.confirm", "bank.batch.release"}, 2, false},
    {"access.grant",
        {"iam.role.grant", "iam.key.issue", "iam.group.add", "vault.secret.share"},
        4,
        false},
    {"data.export", {"dw.table.export", "mail.attachment.send", "s3.object.share"}, 3, false},
    {"audit.purge", {"siem.index.purge", "log.retention.set"}, 2, false},
    {"lookup",
        {"erp.vendor.read",
            "erp.po.read",
            "dw.query.run",
            "wiki.page.read",
            "mail.inbox.search",
            "crm.account.read",
            "bank.statement.read",
            "hr.person.read",
            "web.page.fetch"},
        9,
        false},
};
#define LOOKUP 11u

void *bench_need(void *memory)
{
    if (memory == NULL) {
        (void)fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

static void end_case(struct workload *w, uint32_t number, uint32_t principal)
{
    if (w->ended_count == w->ended_max) {
        w->ended_max = 64 + (2 * w->ended_max);
        w->ended = bench_need(realloc(w->ended, w->ended_max * sizeof *w->ended));
    }
    w->ended[w->ended_count] = (struct workload_ended){number, principal};
    w->ended_count += 1;
}

static void open_slot(struct workload *w, uint32_t slot)
{
    w->generation[slot] += 1;
    w->theme[slot][0] = (uint8_t)below(w, LOOKUP);
    w->theme[slot][1] = (uint8_t)below(w, LOOKUP);
    w->slot_cases[slot][0] = w->cases++;
    w->slot_cases[slot][1] = w->cases++;
}

void bench_workload_create(struct workload *w, uint32_t agents)
{
    *w = (struct workload){
        .random = 1, .agents = agents, .principals = agents / 5, .slots = agents / 2};
    w->now_ms = INT64_C(1767571200000);
    w->cumulative = bench_need(calloc(agents, sizeof *w->cumulative));
    w->agent_of = bench_need(calloc(agents, sizeof *w->agent_of));
    w->owner = bench_need(calloc(agents, sizeof *w->owner));
    w->generation = bench_need(calloc(w->slots, sizeof *w->generation));
    w->theme = bench_need(calloc(w->slots, sizeof *w->theme));
    w->slot_cases = bench_need(calloc(w->slots, sizeof *w->slot_cases));
    double sum = 0;
    for (uint32_t i = 0; i < agents; i++) {
        sum += 1.0 / __builtin_pow((double)i + 1, 0.99);
        w->cumulative[i] = sum;
        w->agent_of[i] = i;
        w->owner[i] = below(w, w->principals);
    }
    for (uint32_t i = agents - 1; i > 0; i--) {
        uint32_t other = below(w, i + 1);
        uint32_t swap = w->agent_of[i];
        w->agent_of[i] = w->agent_of[other];
        w->agent_of[other] = swap;
    }
    for (uint32_t i = 0; i < w->slots; i++) {
        open_slot(w, i);
    }
}

void bench_workload_destroy(struct workload *w)
{
    free(w->cumulative);
    free(w->agent_of);
    free(w->owner);
    free(w->generation);
    free(w->theme);
    free(w->slot_cases);
    free(w->ended);
}

static uint32_t pick_agent(struct workload *w)
{
    double at = unit(w) * w->cumulative[w->agents - 1];
    uint32_t low = 0;
    uint32_t high = w->agents - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (w->cumulative[middle] < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return w->agent_of[low];
}

static struct sunder_str print(
    struct sunder_arena *arena, const char *format, uint64_t a, uint64_t b)
{
    char text[128];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int len = snprintf(text, sizeof text, format, a, b);
#pragma GCC diagnostic pop
    return sunder_str_copy(arena, (struct sunder_str){text, (uint32_t)len});
}

/* Version 4, as most publishers make them. */
static struct sunder_str uuid(struct sunder_arena *arena, uint64_t a, uint64_t b)
{
    char text[40];
    int len = snprintf(text,
        sizeof text,
        "%08lx-%04lx-4%03lx-a%03lx-%012lx",
        a >> 32,
        (a >> 16) & 0xffff,
        (a >> 4) & 0xfff,
        b >> 52,
        b & UINT64_C(0xffffffffffff));
    return sunder_str_copy(arena, (struct sunder_str){text, (uint32_t)len});
}

static void spend(struct workload *w, struct sunder_arena *arena, struct sunder_event *event)
{
    /* About log-normal(10.2, 0.9) cents: the sum of twelve uniforms is nearly normal. */
    double normal = -6;
    for (uint32_t i = 0; i < 12; i++) {
        normal += unit(w);
    }
    uint64_t cents = (uint64_t)__builtin_exp(10.2 + (0.9 * normal));
    event->amount = (struct sunder_amount){.present = true, .micro = (int64_t)cents * 10000};
    event->amount.plain = print(arena, "%lu.%02lu", cents / 100, cents % 100);
    event->currency = SUNDER_STR("EUR");
}

/* Its place in the log. */
static void place(struct workload *w, struct sunder_event *event)
{
    event->at =
        (struct sunder_source){SUNDER_STR("sunder.intents"), 0, (int64_t)w->serial, w->now_ms};
    w->serial += 1;
}

static void name_domain(struct sunder_arena *arena, uint32_t principal, struct sunder_event *event)
{
    event->tenant = print(arena, "t%02lu%s", principal % 50, (uint64_t)(uintptr_t) "");
    event->principal = print(arena, "p%06lu%s", principal, (uint64_t)(uintptr_t) "");
}

static struct sunder_str case_name(struct sunder_arena *arena, uint32_t number)
{
    return print(arena, "c%07lu%s", number, (uint64_t)(uintptr_t) "");
}

void bench_workload_intent(
    struct workload *w, struct sunder_arena *arena, struct sunder_event *event)
{
    memset(event, 0, sizeof *event);
    uint32_t agent = pick_agent(w);
    uint32_t principal = w->owner[agent];
    uint32_t slot = principal + (below(w, 2) * w->principals);
    slot = slot < w->slots ? slot : principal;
    if (unit(w) < 0.05) {
        end_case(w, w->slot_cases[slot][0], principal);
        end_case(w, w->slot_cases[slot][1], principal);
        open_slot(w, slot);
    }
    double v = unit(w);
    uint32_t duty = v < 0.62 ? LOOKUP : v < 0.985 ? w->theme[slot][below(w, 2)] : below(w, LOOKUP);
    const char *tool = DUTIES[duty].tools[below(w, DUTIES[duty].count)];
    event->kind = SUNDER_EVENT_INTENT;
    w->now_ms += 1 + below(w, 518);
    place(w, event);
    event->id = uuid(arena, next_random(w), next_random(w));
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t word = next_random(w);
        memcpy(event->digest.bytes + ((size_t)i * 8), &word, sizeof word);
    }
    event->agent = print(arena, "spiffe://bank.example/t%02lu/agent/a%07lu", principal % 50, agent);
    event->source = event->agent;
    name_domain(arena, principal, event);
    struct sunder_str *chain = bench_need(SUNDER_ARENA_NEW(arena, struct sunder_str, 2));
    chain[0] = print(arena,
        "spiffe://bank.example/t%02lu/agent/a%07lu",
        principal % 50,
        (uint64_t)w->agents + ((uint64_t)principal * 5) +
            below(w, 5)); /* One of the principal's own. */
    event->delegation = (struct sunder_strs){chain, 1};
    event->task = print(arena, "k%06lu.%lu", slot, w->generation[slot]);
    event->tool = sunder_str_of(tool);
    event->action = duty == LOOKUP ? SUNDER_STR("read") : SUNDER_STR("write");
    struct sunder_str *object = bench_need(SUNDER_ARENA_NEW(arena, struct sunder_str, 1));
    *object = print(arena, "object/R-%06lu%s", below(w, 1000000), (uint64_t)(uintptr_t) "");
    event->objects = (struct sunder_strs){object, 1};
    event->case_id = case_name(arena, w->slot_cases[slot][below(w, 2)]);
    struct sunder_member *args = bench_need(SUNDER_ARENA_NEW(arena, struct sunder_member, 1));
    double c = unit(w);
    args->name = SUNDER_STR("data_class");
    args->value.kind = SUNDER_VALUE_STRING;
    args->value.text = c < 0.955   ? SUNDER_STR("internal")
                       : c < 0.995 ? SUNDER_STR("confidential")
                                   : SUNDER_STR("pii");
    event->args = (struct sunder_value){.kind = SUNDER_VALUE_MAP, .count = 1, .members = args};
    if (DUTIES[duty].money) {
        spend(w, arena, event);
    }
}

void bench_workload_outcome(struct workload *w,
    struct sunder_arena *arena,
    const struct sunder_event *intent,
    struct sunder_event *event)
{
    memset(event, 0, sizeof *event);
    /* As random as an id has to be; and no intent changes when there are fewer outcomes. */
    uint64_t random[2];
    memcpy(random, intent->digest.bytes, sizeof random);
    event->kind = SUNDER_EVENT_OUTCOME;
    place(w, event);
    event->id = uuid(arena, random[0], random[1]);
    event->source = intent->agent;
    event->tenant = intent->tenant;
    event->principal = intent->principal;
    event->intent = intent->id;
    event->result = SUNDER_OUTCOME_EXECUTED;
}

bool bench_workload_closing(
    struct workload *w, struct sunder_arena *arena, struct sunder_event *event)
{
    if (w->ended_count == 0) {
        return false;
    }
    w->ended_count -= 1;
    const struct workload_ended *ended = &w->ended[w->ended_count];
    memset(event, 0, sizeof *event);
    event->kind = SUNDER_EVENT_CASE;
    place(w, event);
    event->id = print(arena, "closing-%lu%s", ended->number, (uint64_t)(uintptr_t) "");
    name_domain(arena, ended->principal, event);
    event->source = print(arena,
        "spiffe://bank.example/t%02lu/auditor%s",
        ended->principal % 50,
        (uint64_t)(uintptr_t) "");
    event->case_id = case_name(arena, ended->number);
    return true;
}
