/* `sunder demo`: a seeded scenario through a real broker and engine in this process, then gentle traffic until somebody
 * stops it. */
#include <inttypes.h>
#include <string.h>

#include "consumers/clock.h"
#include "ops/cli/cli_json.h"
#include "ops/cli/demo.h"
#include "ops/cli/kafka.h"
#include "ops/cli/policy_file.h"
#include "ops/cli/progress.h"
#include "ops/cli/render.h"
#include "proto/time.h"

#define ANSWER_TIMEOUT_NS INT64_C(20000000000)
#define TRAFFIC_NS INT64_C(700000000) /* Between two acts, so that a person can follow. */
#define ID_CHARS_MAX 64

struct demo {
    struct sunder_demo_cluster *cluster;
    struct sunder_kafka_tail *tail;
    struct sunder_kafka_out *out;
    struct sunder_render render;
    bool json;
    int64_t start_ns;
    int64_t first_deny_ns; /* Since the start; 0: none yet. */
    char first_deny[ID_CHARS_MAX];
    uint64_t answers;
    uint64_t verdicts[SUNDER_VERDICT_DENY + 1];
};

static void on_record(void *ctx, const struct sunder_decision *record, struct sunder_str bytes)
{
    struct demo *demo = ctx;
    if (record->kind != SUNDER_RECORD_REVOCATION) {
        demo->answers += 1;
    }
    if (record->kind == SUNDER_RECORD_DECISION) {
        demo->verdicts[record->verdict] += 1;
    }
    if (demo->json) {
        fwrite(bytes.at, 1, bytes.len, stdout);
        fputc('\n', stdout);
    } else {
        sunder_render_record(&demo->render, record);
    }
    fflush(stdout);
    if (record->verdict == SUNDER_VERDICT_DENY && demo->first_deny_ns == 0) {
        demo->first_deny_ns = sunder_progress_now_ns() - demo->start_ns;
        snprintf(demo->first_deny,
            sizeof(demo->first_deny),
            "%.*s",
            (int)record->event.len,
            record->event.at);
        fprintf(stderr,
            "--- the first deny, %.2f s after the start; the chain that led to it stands below it "
            "---\n",
            (double)demo->first_deny_ns / 1e9);
    }
}

/* When an event of the scenario happened, by its `time`; 0 when it has none. */
static int64_t time_of(struct sunder_str line)
{
    static const char NAME[] = "\"time\":\"";
    int64_t ms = 0;
    for (uint32_t i = 0; i + sizeof(NAME) + 20 < line.len; i++) {
        if (memcmp(line.at + i, NAME, sizeof(NAME) - 1) == 0) {
            struct sunder_str text = {
                line.at + i + sizeof(NAME) - 1, 20}; /* 2026-03-02T09:00:20Z */
            return sunder_time_parse(text, &ms) == SUNDER_OK ? ms : 0;
        }
    }
    return 0;
}

static struct sunder_str line_take(struct sunder_str *rest)
{
    const char *newline = memchr(rest->at, '\n', rest->len);
    uint32_t len = newline != NULL ? (uint32_t)(newline - rest->at) : rest->len;
    struct sunder_str line = {rest->at, len};
    len += newline != NULL;
    *rest = (struct sunder_str){rest->at + len, rest->len - len};
    return line;
}

/* The lines of the scenario, all of one tenant; their times are moved so that the last one is now. */
static enum sunder_exit scenario_publish(struct demo *demo, uint64_t *ret_count)
{
    const struct sunder_str all = {
        (const char *)sunder_demo_scenario, (uint32_t)sunder_demo_scenario_len};
    int64_t last_ms = 0;
    for (struct sunder_str rest = all; rest.len > 0;) {
        int64_t ms = time_of(line_take(&rest));
        last_ms = ms > last_ms ? ms : last_ms;
    }
    int64_t shift_ms = sunder_clock_wall_ms() - last_ms;
    uint64_t count = 0;
    for (struct sunder_str rest = all; rest.len > 0;) {
        struct sunder_str line = line_take(&rest);
        enum sunder_exit code =
            sunder_kafka_out_send(demo->out, SUNDER_STR("acme"), line, time_of(line) + shift_ms);
        if (code != SUNDER_EXIT_OK) {
            return code;
        }
        count += 1;
    }
    *ret_count = count;
    return sunder_kafka_out_flush(demo->out);
}

static enum sunder_exit answers_poll(struct demo *demo, int wait_ms)
{
    bool ended = false;
    const char *failure = sunder_demo_cluster_failure(demo->cluster);
    if (failure != NULL) {
        sunder_cli_complain("demo: the engine has stopped: %s", failure);
        return SUNDER_EXIT_FAILED;
    }
    sunder_kafka_out_serve(demo->out);
    return sunder_kafka_tail_poll(demo->tail, wait_ms, &ended);
}

static enum sunder_exit scenario_run(struct demo *demo)
{
    uint64_t count = 0;
    enum sunder_exit code = scenario_publish(demo, &count);
    int64_t deadline_ns = sunder_progress_now_ns() + ANSWER_TIMEOUT_NS;
    while (code == SUNDER_EXIT_OK && demo->answers < count && !sunder_kafka_stopped()) {
        code = answers_poll(demo, 20);
        if (sunder_progress_now_ns() > deadline_ns) {
            sunder_cli_complain("demo: %" PRIu64 " of %" PRIu64 " events have no answer",
                count - demo->answers,
                count);
            return SUNDER_EXIT_FAILED;
        }
    }
    return code;
}

/* One act of the endless part: purchases by many hands, and now and then one hand that does too much. */
static enum sunder_exit traffic_publish(struct demo *demo, uint64_t number)
{
    static const struct {
        const char *agent;
        const char *tool;
        const char *action;
    } STEPS[] = {
        {"onboarder", "erp", "vendor.create"},
        {"buyer", "erp", "order.create"},
        {"approver", "erp", "order.approve"},
        {"warehouse", "wms", "goods.receive"},
        {"reviewer", "erp", "invoice.approve"},
        {"payer", "payments", "submit"},
        {"treasurer", "payments", "confirm"},
    };
    const uint64_t steps = sizeof(STEPS) / sizeof(STEPS[0]);
    uint64_t purchase = number / steps;
    uint64_t step = number % steps;
    bool one_hand = purchase % 3 == 2 && (step == 0 || step == 5 || step == 6);
    const char *agent = one_hand ? "autopilot" : STEPS[step].agent;
    char line[1024];
    int len = snprintf(line,
        sizeof(line),
        "{\"specversion\":\"1.0\",\"id\":\"t-%" PRIu64
        "\",\"source\":\"spiffe://acme.example/agent/%s-%" PRIu64
        "\",\"type\":\"dev.sunder.intent.v1\",\"data\":{\"tenant\":\"acme\",\"principal\":\"user:%"
        "s-%" PRIu64 "\",\"task\":\"T-%" PRIu64
        "-%s\",\"purpose\":\"purchase\",\"tool\":\"%s\",\"action\":\"%s\",\"args\":{"
        "\"vendor_id\":\"V-%" PRIu64 "\",\"order_id\":\"PO-%" PRIu64 "\"},\"amount\":\"%" PRIu64
        ".50\",\"currency\":\"EUR\"}}",
        number,
        agent,
        purchase % 7,
        agent,
        purchase % 7,
        purchase,
        agent,
        STEPS[step].tool,
        STEPS[step].action,
        5000 + purchase,
        5000 + purchase,
        100 + (purchase * 37 % 900));
    if (len < 0 || (size_t)len >= sizeof(line)) {
        return SUNDER_EXIT_FAILED;
    }
    return sunder_kafka_out_send(
        demo->out, SUNDER_STR("acme"), (struct sunder_str){line, (uint32_t)len}, 0);
}

static void invitation_say(const struct demo *demo)
{
    const char *brokers = sunder_demo_cluster_brokers(demo->cluster);
    fprintf(stderr,
        "\nA Kafka broker listens at %s until this ends (Ctrl-C); nothing of it is kept.\n"
        "Publish with any client, for example:\n"
        "  echo "
        "'{\"specversion\":\"1.0\",\"id\":\"my-1\",\"source\":\"my-agent\",\"type\":\"dev.sunder."
        "intent.v1\",\"data\":"
        "{\"tenant\":\"acme\",\"principal\":\"user:me\",\"task\":\"T\",\"purpose\":\"try\","
        "\"tool\":\"erp\",\"action\":\"vendor.create\","
        "\"args\":{\"vendor_id\":\"V-9\"}}}' | kcat -P -b %s -t sunder.intents\n"
        "  kcat -C -b %s -t sunder.decisions\n"
        "  sunder tail -b %s --from-beginning --deny-only\n\n",
        brokers,
        brokers,
        brokers,
        brokers);
}

static enum sunder_exit traffic_run(struct demo *demo)
{
    enum sunder_exit code = SUNDER_EXIT_OK;
    int64_t next_ns = sunder_progress_now_ns() + TRAFFIC_NS;
    for (uint64_t number = 0; code == SUNDER_EXIT_OK && !sunder_kafka_stopped();) {
        code = answers_poll(demo, 50);
        if (ferror(stdout) != 0) {
            break; /* Nobody reads any more. */
        }
        if (code == SUNDER_EXIT_OK && sunder_progress_now_ns() >= next_ns) {
            code = traffic_publish(demo, number++);
            next_ns += TRAFFIC_NS;
        }
    }
    return code;
}

static void summary_write(const struct demo *demo)
{
    if (demo->json) {
        printf("{\"summary\":{\"events\":%" PRIu64 ",\"allow\":%" PRIu64 ",\"deny\":%" PRIu64
               ",\"escalate\":%" PRIu64 ",\"first_deny\":",
            demo->answers,
            demo->verdicts[SUNDER_VERDICT_ALLOW],
            demo->verdicts[SUNDER_VERDICT_DENY],
            demo->verdicts[SUNDER_VERDICT_ESCALATE]);
        sunder_cli_json_string(stdout, sunder_str_of(demo->first_deny));
        printf(",\"first_deny_ms\":%" PRId64 ",\"kept\":false}}\n", demo->first_deny_ns / 1000000);
        return;
    }
    fprintf(stderr,
        "%" PRIu64 " events: %" PRIu64 " allow, %" PRIu64 " deny, %" PRIu64
        " escalate; nothing is kept\n",
        demo->answers,
        demo->verdicts[SUNDER_VERDICT_ALLOW],
        demo->verdicts[SUNDER_VERDICT_DENY],
        demo->verdicts[SUNDER_VERDICT_ESCALATE]);
}

static enum sunder_exit demo_run(struct demo *demo, bool once)
{
    struct sunder_kafka_to to = {.brokers = sunder_demo_cluster_brokers(demo->cluster)};
    struct sunder_kafka_tail_options options = {.to = to,
        .topic = "sunder.decisions",
        .from_beginning = true,
        .visit = on_record,
        .visit_ctx = demo};
    enum sunder_exit code = sunder_kafka_tail_open(&options, &demo->tail);
    code = code == SUNDER_EXIT_OK ? sunder_kafka_out_open(&to, "sunder.intents", &demo->out) : code;
    code = code == SUNDER_EXIT_OK ? scenario_run(demo) : code;
    if (code == SUNDER_EXIT_OK && !once && !sunder_kafka_stopped()) {
        invitation_say(demo);
        code = traffic_run(demo);
    }
    if (code == SUNDER_EXIT_OK) {
        summary_write(demo);
    }
    sunder_kafka_tail_destroy(&demo->tail);
    sunder_kafka_out_destroy(&demo->out);
    return code;
}

enum sunder_exit sunder_cmd_demo(const struct sunder_cli_args *args)
{
    const char *format = sunder_cli_value(args, "output");
    const char *path = sunder_cli_value(args, "policy");
    struct demo demo = {
        .render = {.out = stdout, .colour = sunder_cli_colour(stdout)},
        .json = format != NULL && format[0] == 'j',
        .start_ns = sunder_progress_now_ns(),
    };
    fputs("sunder demo: a broker and an engine in this process; nothing is kept.\n", stderr);
    struct sunder_policy_load *policy = NULL;
    enum sunder_exit code = SUNDER_EXIT_OK;
    if (path != NULL) {
        code = sunder_policy_file_need(path, &policy);
    } else {
        struct sunder_str text = {
            (const char *)sunder_demo_policy, (uint32_t)sunder_demo_policy_len};
        struct sunder_fail fail = {0};
        if (sunder_policy_load_text(text, &policy, &fail) != SUNDER_OK) {
            sunder_cli_complain("demo: the embedded policy does not compile: %s", fail.text);
            code = SUNDER_EXIT_CONFIGURATION;
        }
    }
    code = code == SUNDER_EXIT_OK
               ? sunder_demo_cluster_start(sunder_policy_load_policy(policy), &demo.cluster)
               : code;
    if (code == SUNDER_EXIT_OK) {
        code = demo_run(&demo, sunder_cli_flag(args, "once"));
    }
    sunder_demo_cluster_stop(&demo.cluster);
    sunder_policy_load_destroy(&policy);
    return code;
}
