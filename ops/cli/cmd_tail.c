/* `sunder tail`: decisions as they come. */
#include "ops/cli/kafka.h"
#include "ops/cli/render.h"

struct tail {
    struct sunder_render render;
    bool deny_only;
    bool ndjson;
};

static void visit(void *ctx, const struct sunder_decision *record, struct sunder_str bytes)
{
    const struct tail *tail = ctx;
    if (tail->deny_only && !sunder_render_refuses(record)) {
        return;
    }
    if (tail->ndjson) {
        fwrite(bytes.at, 1, bytes.len, stdout);
        fputc('\n', stdout);
    } else {
        sunder_render_record(&tail->render, record);
    }
}

enum sunder_exit sunder_cmd_tail(const struct sunder_cli_args *args)
{
    const char *format = sunder_cli_value(args, "output");
    const char *topic = sunder_cli_value(args, "topic");
    struct tail tail = {
        .render = {.out = stdout, .colour = sunder_cli_colour(stdout)},
        .deny_only = sunder_cli_flag(args, "deny-only"),
        .ndjson = format != NULL && format[0] == 'n',
    };
    struct sunder_kafka_tail_options options = {
        .to = {.args = args},
        .topic = topic != NULL ? topic : "sunder.decisions",
        .from_beginning = sunder_cli_flag(args, "from-beginning"),
        .until_end = sunder_cli_flag(args, "until-end"),
        .visit = visit,
        .visit_ctx = &tail,
    };
    return sunder_kafka_read(&options);
}
