/* `sunder report`: what was decided, counted by person, agent, rule, day or month. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/cli.h"
#include "ops/cli/cli_json.h"
#include "ops/cli/cli_time.h"
#include "ops/cli/lines.h"
#include "ops/cli/render.h"
#include "ops/cli/tally.h"
#include "proto/wire.h"

/* What a row counts; a rule's row: of the decisions that it fired for. */
enum column {
    INTENTS,
    ALLOWED,
    DENIED,
    ESCALATED,
    WOULD_BE, /* Of the allowed: denied or escalated, if the policy did not only watch there. */
    SHADOWED, /* Of a rule: it would have fired. */
    OBSERVED,
    REVOKED,
    AGENTS,
    COLUMN_COUNT
};

_Static_assert(COLUMN_COUNT <= SUNDER_TALLY_COUNTS_MAX, "a row has room for all columns");

static const char *const NAMES[COLUMN_COUNT] = {
    "intents", "allow", "deny", "escalate", "would_be", "shadow", "observed", "revoked", "agents"};

/* groups   by name; in which the tenant stands before a zero byte
 * members  which agents a group has
 * foreign  lines that are no records */
struct report {
    const struct sunder_cli_args *args;
    const char *by;
    const char *month;
    struct sunder_lines *lines;
    struct sunder_wire_decoder *decoder;
    void *memory;
    struct sunder_arena arena;
    struct sunder_tally groups;
    struct sunder_tally members;
    uint64_t totals[COLUMN_COUNT];
    uint64_t foreign;
    bool full;
};

static struct sunder_str name_of(
    struct report *report, const struct sunder_decision *record, struct sunder_str what)
{
    if (what.at == NULL) {
        what = SUNDER_STR("(none)");
    }
    size_t len = (size_t)record->tenant.len + 1 + what.len;
    char *name = sunder_arena_alloc(&report->arena, len, 1);
    if (name == NULL) {
        report->full = true;
        return (struct sunder_str){0};
    }
    if (record->tenant.len > 0) {
        memcpy(name, record->tenant.at, record->tenant.len);
    }
    memcpy(name + record->tenant.len + 1, what.at, what.len);
    return (struct sunder_str){name, (uint32_t)len};
}

static struct sunder_tally_row *row_of(
    struct report *report, const struct sunder_decision *record, struct sunder_str what)
{
    struct sunder_str name = name_of(report, record, what);
    struct sunder_tally_row *row = name.at == NULL ? NULL : sunder_tally_row(&report->groups, name);
    report->full = report->full || row == NULL;
    return row;
}

/* Counts an agent once for its group. */
static void agent_count(
    struct report *report, struct sunder_tally_row *row, const struct sunder_decision *record)
{
    size_t len = (size_t)row->name.len + 1 + record->agent.len;
    char *name = sunder_arena_alloc(&report->arena, len, 1);
    if (name == NULL || record->agent.len == 0) {
        report->full = report->full || name == NULL;
        return;
    }
    memcpy(name, row->name.at, row->name.len);
    memcpy(name + row->name.len + 1, record->agent.at, record->agent.len);
    struct sunder_tally_row *member =
        sunder_tally_row(&report->members, (struct sunder_str){name, (uint32_t)len});
    if (member == NULL) {
        report->full = true;
    } else if (member->counts[0]++ == 0) {
        row->counts[AGENTS]++;
    }
}

static enum column verdict_column(const struct sunder_decision *record)
{
    switch (record->verdict) {
    case SUNDER_VERDICT_ALLOW:
        return ALLOWED;
    case SUNDER_VERDICT_ESCALATE:
        return ESCALATED;
    case SUNDER_VERDICT_NONE:
    case SUNDER_VERDICT_DENY:
        break;
    }
    return DENIED;
}

static void rules_take(struct report *report, const struct sunder_decision *record)
{
    bool revocation = record->kind == SUNDER_RECORD_REVOCATION;
    for (uint32_t i = 0; i < record->reason_count; i++) {
        const struct sunder_reason *reason = &record->reasons[i];
        struct sunder_tally_row *row =
            row_of(report, record, reason->rule.at != NULL ? reason->rule : reason->code);
        if (row != NULL) {
            row->counts[INTENTS] += !revocation;
            row->counts[revocation ? REVOKED : verdict_column(record)]++;
            row->counts[WOULD_BE] += sunder_render_watched(record);
            if (!revocation) {
                agent_count(report, row, record);
            }
        }
    }
    for (uint32_t i = 0; i < record->shadow_count; i++) {
        const struct sunder_reason *reason = &record->shadow[i];
        struct sunder_tally_row *row =
            row_of(report, record, reason->rule.at != NULL ? reason->rule : reason->code);
        if (row != NULL) {
            row->counts[SHADOWED]++;
        }
    }
}

/* What the record is grouped under; `time` is its text. */
static struct sunder_str group_of(
    const struct report *report, const struct sunder_decision *record, const char *time)
{
    bool revocation = record->kind == SUNDER_RECORD_REVOCATION;
    switch (report->by[0]) {
    case 'p':
        return revocation ? record->subject : record->principal;
    case 'a':
        return revocation ? record->subject : record->agent;
    case 'd':
        return (struct sunder_str){time, 10};
    default:
        return (struct sunder_str){time, 7};
    }
}

static void record_take(struct report *report, const struct sunder_decision *record)
{
    bool decision = record->kind == SUNDER_RECORD_DECISION && !record->duplicate;
    bool observed = record->kind == SUNDER_RECORD_OBSERVED && !record->duplicate;
    bool revocation = record->kind == SUNDER_RECORD_REVOCATION;
    char time[SUNDER_CLI_TIME_CHARS];
    sunder_cli_time_format(record->stream_time_ms, time);
    bool outside = report->month != NULL && strncmp(time, report->month, 7) != 0;
    if ((!decision && !observed && !revocation) || outside) {
        return;
    }
    enum column column = decision ? verdict_column(record) : observed ? OBSERVED : REVOKED;
    report->totals[INTENTS] += decision;
    report->totals[column]++;
    report->totals[WOULD_BE] += sunder_render_watched(record);
    if (report->by[0] == 'r') {
        rules_take(report, record);
        return;
    }
    struct sunder_tally_row *row = row_of(report, record, group_of(report, record, time));
    if (row != NULL) {
        row->counts[INTENTS] += decision;
        row->counts[column]++;
        row->counts[WOULD_BE] += sunder_render_watched(record);
        if (!revocation) {
            agent_count(report, row, record);
        }
    }
}

static enum sunder_exit scan(struct report *report)
{
    struct sunder_fail fail = {.text = "no memory"};
    struct sunder_str line = {0};
    enum sunder_err err = SUNDER_OK;
    while ((err = sunder_lines_next(report->lines, &line, &fail)) == SUNDER_OK && !report->full) {
        if (sunder_line_blank(line)) {
            continue;
        }
        sunder_arena_reset(&report->arena);
        struct sunder_decision record;
        if (sunder_wire_decode_record(report->decoder, &report->arena, line, &record) ==
            SUNDER_OK) {
            record_take(report, &record);
        } else {
            report->foreign++;
        }
    }
    if (err == SUNDER_ERR_NOT_FOUND && !report->full) {
        return SUNDER_EXIT_OK;
    }
    sunder_cli_complain("report: %s", fail.text);
    return SUNDER_EXIT_FAILED;
}

static int by_name(const void *left, const void *right)
{
    return sunder_str_compare((*(const struct sunder_tally_row *const *)left)->name,
        (*(const struct sunder_tally_row *const *)right)->name);
}

/* The most denied and escalated first; then by how much there was of it. */
static int by_weight(const void *left, const void *right)
{
    const struct sunder_tally_row *a = *(const struct sunder_tally_row *const *)left;
    const struct sunder_tally_row *b = *(const struct sunder_tally_row *const *)right;
    uint64_t x = a->counts[DENIED] + a->counts[ESCALATED] + a->counts[REVOKED];
    uint64_t y = b->counts[DENIED] + b->counts[ESCALATED] + b->counts[REVOKED];
    if (x != y) {
        return x < y ? 1 : -1;
    }
    x = a->counts[INTENTS] + a->counts[OBSERVED] + a->counts[SHADOWED];
    y = b->counts[INTENTS] + b->counts[OBSERVED] + b->counts[SHADOWED];
    return x != y ? (x < y ? 1 : -1) : by_name(left, right);
}

static struct sunder_str tenant_of(const struct sunder_tally_row *row)
{
    const char *end = memchr(row->name.at, '\0', row->name.len);
    return (struct sunder_str){row->name.at, (uint32_t)(end - row->name.at)};
}

static struct sunder_str what_of(const struct sunder_tally_row *row)
{
    uint32_t skip = tenant_of(row).len + 1;
    return (struct sunder_str){row->name.at + skip, row->name.len - skip};
}

/* People asked per 1,000 intents. */
static double asked(const uint64_t counts[static COLUMN_COUNT])
{
    return counts[INTENTS] == 0 ? 0 : 1000.0 * (double)counts[ESCALATED] / (double)counts[INTENTS];
}

static bool of_rules(const struct report *report)
{
    return report->by[0] == 'r';
}

static bool column_shown(const struct report *report, enum column column)
{
    return of_rules(report) ? column != OBSERVED
                            : column != SHADOWED && (column != AGENTS || report->by[0] != 'a');
}

/* Names are foreign bytes, which a terminal must not obey. */
static void name_write(struct sunder_str name)
{
    for (uint32_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.at[i];
        fputc(c < 0x20 || c == 0x7f ? '?' : c, stdout);
    }
}

static void table_print(
    const struct report *report, const struct sunder_tally_row *const *rows, uint32_t count)
{
    for (int c = 0; c < COLUMN_COUNT; c++) {
        if (column_shown(report, (enum column)c)) {
            printf("%9s", NAMES[c]);
        }
    }
    printf("%12s  %-12s %s\n", of_rules(report) ? "" : "asked/1000", "tenant", report->by);
    for (uint32_t i = 0; i < count; i++) {
        for (int c = 0; c < COLUMN_COUNT; c++) {
            if (column_shown(report, (enum column)c)) {
                printf("%9" PRIu64, rows[i]->counts[c]);
            }
        }
        if (of_rules(report)) {
            printf("%14s", "");
        } else {
            printf("%12.1f  ", asked(rows[i]->counts));
        }
        struct sunder_str tenant = tenant_of(rows[i]);
        name_write(tenant);
        printf("%*s ", tenant.len < 12 ? 12 - (int)tenant.len : 0, "");
        name_write(what_of(rows[i]));
        fputc('\n', stdout);
    }
}

static void counts_json(const struct report *report, const uint64_t counts[static COLUMN_COUNT])
{
    for (int c = 0; c < COLUMN_COUNT; c++) {
        if (column_shown(report, (enum column)c)) {
            printf(",\"%s\":%" PRIu64, NAMES[c], counts[c]);
        }
    }
    if (!of_rules(report)) {
        printf(",\"asked_per_1000\":%.1f", asked(counts));
    }
    fputc('}', stdout);
}

static void json_print(
    const struct report *report, const struct sunder_tally_row *const *rows, uint32_t count)
{
    printf("{\"by\":\"%s\",\"rows\":[", report->by);
    for (uint32_t i = 0; i < count; i++) {
        fputs(i == 0 ? "\n{\"tenant\":" : ",\n{\"tenant\":", stdout);
        sunder_cli_json_string(stdout, tenant_of(rows[i]));
        printf(",\"%s\":", report->by);
        sunder_cli_json_string(stdout, what_of(rows[i]));
        counts_json(report, rows[i]->counts);
    }
    printf("],\n\"not_records\":%" PRIu64 ",\"intents\":%" PRIu64 ",\"allow\":%" PRIu64
           ",\"deny\":%" PRIu64 ",\"escalate\":%" PRIu64 ",\"would_be\":%" PRIu64
           ",\"observed\":%" PRIu64 ",\"revoked\":%" PRIu64 ",\"asked_per_1000\":%.1f}\n",
        report->foreign,
        report->totals[INTENTS],
        report->totals[ALLOWED],
        report->totals[DENIED],
        report->totals[ESCALATED],
        report->totals[WOULD_BE],
        report->totals[OBSERVED],
        report->totals[REVOKED],
        asked(report->totals));
}

static enum sunder_exit print(struct report *report)
{
    uint32_t count = report->groups.count;
    const struct sunder_tally_row **rows = sunder_tally_sorted(&report->groups);
    if (rows == NULL && count > 0) {
        sunder_cli_complain("report: no memory");
        return SUNDER_EXIT_FAILED;
    }
    bool in_time = report->by[0] == 'd' || report->by[0] == 'm';
    if (count > 0) {
        qsort(rows, count, sizeof *rows, in_time ? by_name : by_weight);
    }
    const char *format = sunder_cli_value(report->args, "output");
    bool json = format != NULL && format[0] == 'j';
    (json ? json_print : table_print)(report, rows, count);
    free(rows);
    (void)fflush(stdout); /* Data before talk, also where both go to one file. */
    fprintf(stderr,
        "%" PRIu64 " intents: %" PRIu64 " allow, %" PRIu64 " deny, %" PRIu64
        " escalate (people asked per 1,000: %.1f); %" PRIu64 " observed, %" PRIu64 " revocations\n",
        report->totals[INTENTS],
        report->totals[ALLOWED],
        report->totals[DENIED],
        report->totals[ESCALATED],
        asked(report->totals),
        report->totals[OBSERVED],
        report->totals[REVOKED]);
    if (report->totals[WOULD_BE] > 0) {
        fprintf(stderr,
            "of the allow, %" PRIu64 " only watched: would be deny or escalate\n",
            report->totals[WOULD_BE]);
    }
    if (report->foreign > 0) {
        sunder_cli_complain("report: %" PRIu64 " lines are not records as sunder writes them, and "
                            "are not counted",
            report->foreign);
        return SUNDER_EXIT_FAILED;
    }
    return SUNDER_EXIT_OK;
}

static bool is_month(const char *text)
{
    bool good = strlen(text) == 7 && text[4] == '-';
    for (int i = 0; good && i < 7; i++) {
        good = i == 4 || (text[i] >= '0' && text[i] <= '9');
    }
    return good;
}

static enum sunder_exit report_open(struct report *report)
{
    const struct sunder_cli_args *args = report->args;
    const char *by = sunder_cli_value(args, "by");
    report->by = by == NULL ? "principal" : by;
    report->month = sunder_cli_value(args, "month");
    if (report->month != NULL && !is_month(report->month)) {
        sunder_cli_complain("report: --month is a month such as 2026-03, not '%s'", report->month);
        return SUNDER_EXIT_USAGE;
    }
    report->memory = malloc(SUNDER_WIRE_ARENA_BYTES);
    if (report->memory == NULL || sunder_wire_decoder_create(&report->decoder) != SUNDER_OK) {
        sunder_cli_complain("report: no memory");
        return SUNDER_EXIT_FAILED;
    }
    report->arena = sunder_arena_of(report->memory, SUNDER_WIRE_ARENA_BYTES);
    struct sunder_fail fail;
    const char *path = args->operand_count == 0 ? "-" : args->operands[0];
    if (sunder_lines_open(path, &report->lines, &fail) != SUNDER_OK) {
        sunder_cli_complain("report: %s", fail.text);
        return fail.vendor == EACCES ? SUNDER_EXIT_PERMISSION : SUNDER_EXIT_FAILED;
    }
    return SUNDER_EXIT_OK;
}

enum sunder_exit sunder_cmd_report(const struct sunder_cli_args *args)
{
    struct report report = {.args = args};
    enum sunder_exit code = report_open(&report);
    code = code == SUNDER_EXIT_OK ? scan(&report) : code;
    code = code == SUNDER_EXIT_OK ? print(&report) : code;
    sunder_lines_destroy(&report.lines);
    sunder_wire_decoder_destroy(&report.decoder);
    sunder_tally_destroy(&report.groups);
    sunder_tally_destroy(&report.members);
    free(report.memory);
    return code;
}
