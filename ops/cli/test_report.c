#include "ops/cli/test_report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/cli_json.h"
#include "ops/cli/cli_xml.h"

/* For "%.*s". */
#define TEXT(str) (int)(str).len, (str).at

static double seconds(int64_t nanoseconds)
{
    return (double)nanoseconds / 1e9;
}

static void lines_write(FILE *out, const char *indent, struct sunder_str text)
{
    while (text.len > 0) {
        const char *end = memchr(text.at, '\n', text.len);
        uint32_t len = end == NULL ? text.len : (uint32_t)(end - text.at);
        fprintf(out, "%s%.*s\n", indent, (int)len, text.at);
        len += end != NULL;
        text.at += len;
        text.len -= len;
    }
}

static void failure_text(
    FILE *out, const char *path, const struct sunder_test_failure *it, const char *indent)
{
    fprintf(out,
        "%s%s:%" PRIu32 ":%" PRIu32 ": %.*s: ",
        indent,
        path,
        it->line,
        it->column,
        TEXT(it->event));
    if (it->expected.at == NULL) {
        fprintf(out, "not checked, and not allowed: %.*s\n", TEXT(it->got));
        return;
    }
    fprintf(
        out, "%s: expected %.*s, got %.*s\n", it->part, TEXT(it->expected), TEXT(it->got));
}

/* Failures of one event share its reasons, which are told once, behind them. */
static void failures_text(FILE *out, const char *path, const struct sunder_test_result *result)
{
    for (const struct sunder_test_failure *it = result->failures; it != NULL; it = it->next) {
        failure_text(out, path, it, "  ");
        if (it->next == NULL || !sunder_str_equal(it->next->event, it->event)) {
            lines_write(out, "      ", it->reasons);
        }
    }
    for (const struct sunder_test_failure *it = result->unasked; it != NULL; it = it->next) {
        failure_text(out, path, it, "  ");
        lines_write(out, "      ", it->reasons);
    }
    if (result->broken[0] != '\0') {
        fprintf(out, "  it could not be run to its end: %s\n", result->broken);
    }
}

static void file_text(const struct sunder_test_report *report,
    const char *path,
    const struct sunder_test_result *results,
    uint32_t count)
{
    FILE *out = report->out;
    uint32_t failed = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct sunder_test_case *of = results[i].of;
        if (sunder_test_passed(&results[i])) {
            continue;
        }
        failed++;
        fprintf(out,
            "%sFAIL%s  %s:%" PRIu32 ":%" PRIu32 ": %.*s\n",
            report->colour ? "\033[1;31m" : "",
            report->colour ? "\033[0m" : "",
            path,
            of->line,
            of->column,
            TEXT(of->name));
        failures_text(out, path, &results[i]);
    }
    if (failed == 0) {
        fprintf(out,
            "%sok%s    %s: %" PRIu32 " case%s\n",
            report->colour ? "\033[32m" : "",
            report->colour ? "\033[0m" : "",
            path,
            count,
            count == 1 ? "" : "s");
    }
}

static void failures_json(
    FILE *out, const char *name, const struct sunder_test_failure *failures)
{
    fprintf(out, ",\"%s\":[", name);
    for (const struct sunder_test_failure *it = failures; it != NULL; it = it->next) {
        fprintf(out,
            "%s{\"line\":%" PRIu32 ",\"column\":%" PRIu32 ",\"event\":",
            it == failures ? "" : ",",
            it->line,
            it->column);
        sunder_cli_json_string(out, it->event);
        fprintf(out, ",\"part\":\"%s\"", it->part);
        if (it->expected.at != NULL) {
            fputs(",\"expected\":", out);
            sunder_cli_json_string(out, it->expected);
        }
        fputs(",\"got\":", out);
        sunder_cli_json_string(out, it->got);
        fputs(",\"reasons\":", out);
        sunder_cli_json_string(out, it->reasons);
        fputs("}", out);
    }
    fputs("]", out);
}

static void file_json(const struct sunder_test_report *report,
    const char *path,
    const char *policy,
    const struct sunder_test_result *results,
    uint32_t count)
{
    FILE *out = report->out;
    fputs(report->totals.files > 1 ? ",\n{\"file\":" : "\n{\"file\":", out);
    sunder_cli_json_string(out, sunder_str_of(path));
    fputs(",\"policy\":", out);
    sunder_cli_json_string(out, sunder_str_of(policy));
    fputs(",\"cases\":[", out);
    for (uint32_t i = 0; i < count; i++) {
        const struct sunder_test_result *it = &results[i];
        fputs(i > 0 ? ",\n {\"name\":" : "\n {\"name\":", out);
        sunder_cli_json_string(out, it->of->name);
        fprintf(out,
            ",\"line\":%" PRIu32 ",\"column\":%" PRIu32 ",\"passed\":%s,\"events\":%" PRIu32
            ",\"unchecked\":%" PRIu32 ",\"seconds\":%.6f",
            it->of->line,
            it->of->column,
            sunder_test_passed(it) ? "true" : "false",
            it->of->event_count,
            it->unchecked,
            seconds(it->nanoseconds));
        failures_json(out, "failures", it->failures);
        failures_json(out, "unasked", it->unasked);
        if (it->broken[0] != '\0') {
            fputs(",\"broken\":", out);
            sunder_cli_json_string(out, sunder_str_of(it->broken));
        }
        fputs("}", out);
    }
    fputs("]}", out);
}

static void case_junit(FILE *out, const char *path, const struct sunder_test_result *it)
{
    fputs("    <testcase classname=\"", out);
    sunder_xml_write(out, sunder_str_of(path));
    fputs("\" name=\"", out);
    sunder_xml_write(out, it->of->name);
    fputs("\" file=\"", out);
    sunder_xml_write(out, sunder_str_of(path));
    fprintf(out,
        "\" line=\"%" PRIu32 "\" time=\"%.6f\"",
        it->of->line,
        seconds(it->nanoseconds));
    if (sunder_test_passed(it)) {
        fputs("/>\n", out);
        return;
    }
    fputs(">\n      <failure message=\"", out);
    const struct sunder_test_failure *first = it->failures;
    if (first == NULL) {
        sunder_xml_write(out, sunder_str_of(it->broken));
    } else {
        fprintf(out, "%.*s: %s: expected ", TEXT(first->event), first->part);
        sunder_xml_write(out, first->expected);
        fputs(", got ", out);
        sunder_xml_write(out, first->got);
    }
    fputs("\">", out);
    char *text = NULL;
    size_t len = 0;
    FILE *lines = open_memstream(&text, &len);
    if (lines != NULL) {
        failures_text(lines, path, it);
        if (fclose(lines) == 0) {
            sunder_xml_write(out, (struct sunder_str){text, (uint32_t)len});
        }
        free(text);
    }
    fputs("</failure>\n    </testcase>\n", out);
}

static void file_junit(const struct sunder_test_report *report,
    const char *path,
    const struct sunder_test_result *results,
    uint32_t count)
{
    FILE *out = report->out;
    uint32_t failed = 0;
    int64_t time = 0;
    for (uint32_t i = 0; i < count; i++) {
        failed += !sunder_test_passed(&results[i]);
        time += results[i].nanoseconds;
    }
    fputs("  <testsuite name=\"", out);
    sunder_xml_write(out, sunder_str_of(path));
    fprintf(out,
        "\" tests=\"%" PRIu32 "\" failures=\"%" PRIu32 "\" time=\"%.6f\">\n",
        count,
        failed,
        seconds(time));
    for (uint32_t i = 0; i < count; i++) {
        case_junit(out, path, &results[i]);
    }
    fputs("  </testsuite>\n", out);
}

void sunder_test_report_begin(struct sunder_test_report *report)
{
    if (report->format == SUNDER_TEST_FORMAT_JSON) {
        fputs("{\"files\":[", report->out);
    } else if (report->format == SUNDER_TEST_FORMAT_JUNIT) {
        fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"sunder test\">\n",
            report->out);
    }
}

void sunder_test_report_file(struct sunder_test_report *report,
    const char *path,
    const char *policy,
    const struct sunder_test_result *results,
    uint32_t count)
{
    struct sunder_test_totals *totals = &report->totals;
    totals->files++;
    for (uint32_t i = 0; i < count; i++) {
        bool passed = sunder_test_passed(&results[i]);
        totals->passed += passed;
        totals->failed += !passed;
        totals->unchecked += results[i].unchecked;
        totals->events += results[i].of->event_count;
        totals->nanoseconds += results[i].nanoseconds;
    }
    switch (report->format) {
    case SUNDER_TEST_FORMAT_TEXT:
        file_text(report, path, results, count);
        break;
    case SUNDER_TEST_FORMAT_JSON:
        file_json(report, path, policy, results, count);
        break;
    case SUNDER_TEST_FORMAT_JUNIT:
        file_junit(report, path, results, count);
        break;
    }
}

void sunder_test_report_end(struct sunder_test_report *report)
{
    const struct sunder_test_totals *totals = &report->totals;
    if (report->format == SUNDER_TEST_FORMAT_JSON) {
        fprintf(report->out,
            "],\n\"passed\":%" PRIu32 ",\"failed\":%" PRIu32 ",\"unchecked\":%" PRIu32
            ",\"events\":%" PRIu64 ",\"seconds\":%.6f}\n",
            totals->passed,
            totals->failed,
            totals->unchecked,
            totals->events,
            seconds(totals->nanoseconds));
    } else if (report->format == SUNDER_TEST_FORMAT_JUNIT) {
        fputs("</testsuites>\n", report->out);
    }
    (void)fflush(report->out); /* Data before talk, also where both go to one file. */
    if (totals->files == 0) {
        return; /* What was wrong is told already. */
    }
    fprintf(stderr,
        "%" PRIu32 " case%s in %" PRIu32 " file%s: %" PRIu32 " passed, %" PRIu32 " failed; %" PRIu64
        " events, %" PRIu32 " intents not checked; %.3f s\n",
        totals->passed + totals->failed,
        totals->passed + totals->failed == 1 ? "" : "s",
        totals->files,
        totals->files == 1 ? "" : "s",
        totals->passed,
        totals->failed,
        totals->events,
        totals->unchecked,
        seconds(totals->nanoseconds));
}
