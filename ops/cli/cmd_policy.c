/* `sunder policy`: what a policy lets happen, and what of it a day of decisions used. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/analysis.h"
#include "ops/cli/cli_json.h"
#include "ops/cli/coverage.h"
#include "ops/cli/lines.h"
#include "ops/cli/policy_file.h"
#include "ops/cli/render.h"
#include "proto/wire.h"

#define TEXT(str) (int)(str).len, (str).at
#define RECORD_ARENA_BYTES ((size_t)4 << 20) /* A record has at most 1 MB. */

static bool wants_json(const struct sunder_cli_args *args)
{
    const char *format = sunder_cli_value(args, "output");
    return format != NULL && format[0] == 'j';
}

static bool fails_on(const struct sunder_cli_args *args, const char *what, uint32_t count)
{
    const char *given = sunder_cli_value(args, "fail-on");
    return given != NULL && count > 0 && (strcmp(given, "any") == 0 || strcmp(given, what) == 0);
}

/* --- analyze --- */

static void analysis_print(
    const struct sunder_cli_args *args, const struct sunder_analysis *analysis)
{
    char *text = NULL;
    size_t len = 0;
    FILE *page = open_memstream(&text, &len);
    if (page == NULL) {
        return;
    }
    (wants_json(args) ? sunder_analysis_json : sunder_analysis_text)(analysis, page);
    if (fclose(page) == 0) {
        const struct sunder_render render = {.out = stdout};
        sunder_render_text(&render, text, len);
    }
    free(text);
}

static enum sunder_exit analyze(const struct sunder_cli_args *args)
{
    const char *path = args->operands[1];
    struct sunder_policy_load *load = NULL;
    enum sunder_exit code = sunder_policy_file_need(path, &load);
    sunder_policy_load_destroy(&load); /* It has no errors; what is tried is made from its text. */
    struct sunder_policy_doc *doc = NULL;
    struct sunder_fail fail;
    if (code == SUNDER_EXIT_OK && sunder_policy_doc_open(path, &doc, &fail) != SUNDER_OK) {
        sunder_cli_complain("policy: %s", fail.text);
        code = SUNDER_EXIT_FAILED;
    }
    if (code != SUNDER_EXIT_OK) {
        return code;
    }
    struct sunder_sim *sim = sunder_sim_create(path, doc);
    struct sunder_analysis analysis = {0};
    code = SUNDER_EXIT_FAILED;
    if (sim != NULL && sunder_analysis_make(sim, sunder_policy_doc_root(doc), &analysis)) {
        analysis_print(args, &analysis);
        uint32_t open = sunder_analysis_open(&analysis);
        uint32_t impossible = sunder_analysis_impossible(&analysis);
        uint32_t stuck = sunder_analysis_stuck(&analysis);
        fflush(stdout);
        fprintf(stderr,
            "%s: %" PRIu32 " of %" PRIu32 " outcomes open, %" PRIu32
            " duties that nobody can perform, %" PRIu32 " processes that cannot be finished\n",
            path,
            open,
            analysis.outcome_count,
            impossible,
            stuck);
        bool fails = fails_on(args, "outcome", open) || fails_on(args, "duty", impossible) ||
                     fails_on(args, "process", stuck);
        code = fails ? SUNDER_EXIT_FAILED : SUNDER_EXIT_OK;
    }
    sunder_analysis_destroy(&analysis);
    sunder_sim_destroy(&sim);
    sunder_policy_doc_destroy(&doc);
    return code;
}

/* --- coverage --- */

static enum sunder_exit decisions_read(const char *path, struct sunder_coverage *coverage)
{
    struct sunder_wire_decoder *decoder = NULL;
    struct sunder_lines *lines = NULL;
    struct sunder_fail fail = {.text = "no memory"};
    void *memory = malloc(RECORD_ARENA_BYTES);
    enum sunder_err err = SUNDER_ERR_FULL;
    if (memory != NULL && sunder_wire_decoder_create(&decoder) == SUNDER_OK) {
        err = sunder_lines_open(path, &lines, &fail);
    }
    struct sunder_arena arena = sunder_arena_of(memory, memory == NULL ? 0 : RECORD_ARENA_BYTES);
    struct sunder_str line;
    for (uint64_t number = 1; err == SUNDER_OK; number++) {
        struct sunder_decision record;
        err = sunder_lines_next(lines, &line, &fail);
        if (err != SUNDER_OK || sunder_line_blank(line)) {
            continue;
        }
        sunder_arena_reset(&arena);
        err = sunder_wire_decode_record(decoder, &arena, line, &record);
        if (err == SUNDER_OK) {
            sunder_coverage_take(coverage, &record);
        } else {
            snprintf(fail.text,
                sizeof(fail.text),
                "%.120s, line %" PRIu64 ": no record as sunder writes them",
                path,
                number);
        }
    }
    sunder_lines_destroy(&lines);
    sunder_wire_decoder_destroy(&decoder);
    free(memory);
    if (err != SUNDER_ERR_NOT_FOUND) {
        sunder_cli_complain("policy: %s", fail.text);
        return SUNDER_EXIT_FAILED;
    }
    return SUNDER_EXIT_OK;
}

static void entry_name(const struct sunder_catalogue_entry *entry, char *buf, size_t size)
{
    snprintf(buf, size, "%.*s/%.*s", TEXT(entry->tool), TEXT(entry->action));
}

static void coverage_text(const struct sunder_coverage *coverage)
{
    const struct sunder_policy *policy = coverage->policy;
    uint32_t idle = sunder_coverage_idle_rules(coverage);
    printf("rules: %" PRIu32 " of %" PRIu32 " fired over %" PRIu64 " acts\n"
           "       fired     watched     revoked  rule\n",
        policy->rule_count - idle,
        policy->rule_count,
        coverage->decisions);
    for (uint32_t turn = 0; turn < 2; turn++) {
        for (uint32_t i = 0; i < policy->rule_count; i++) {
            const struct sunder_coverage_rule *rule = &coverage->rules[i];
            bool never = rule->fired + rule->watched + rule->took == 0;
            if (never == (turn == 1)) {
                printf("  %10" PRIu64 "  %10" PRIu64 "  %10" PRIu64 "  %.*s%s\n",
                    rule->fired,
                    rule->watched,
                    rule->took,
                    TEXT(policy->rules[i].name),
                    never ? "  (never)" : "");
            }
        }
    }
    uint32_t unused = sunder_coverage_idle_entries(coverage);
    printf("\ncatalogue: %" PRIu32 " of %" PRIu32 " entries called\n",
        policy->entry_count - unused,
        policy->entry_count);
    for (uint32_t i = 0; i < policy->entry_count; i++) {
        char name[SUNDER_IDENTIFIER_BYTES_MAX * 2 + 2];
        entry_name(&policy->entries[i], name, sizeof(name));
        printf("  %10" PRIu64 "  %s as %.*s%s\n",
            coverage->entries[i],
            name,
            TEXT(policy->duties[policy->entries[i].duty.value]),
            coverage->entries[i] == 0 ? "  (never)" : "");
    }
    printf("  %10" PRIu64 "  acts that no entry maps\n", coverage->unmapped);
}

static void coverage_json(const struct sunder_coverage *coverage)
{
    const struct sunder_policy *policy = coverage->policy;
    printf("{\"acts\":%" PRIu64 ",\"rules\":[", coverage->decisions);
    for (uint32_t i = 0; i < policy->rule_count; i++) {
        const struct sunder_coverage_rule *rule = &coverage->rules[i];
        fputs(i == 0 ? "{\"rule\":" : ",{\"rule\":", stdout);
        sunder_cli_json_string(stdout, policy->rules[i].name);
        printf(",\"fired\":%" PRIu64 ",\"watched\":%" PRIu64 ",\"revoked\":%" PRIu64 "}",
            rule->fired,
            rule->watched,
            rule->took);
    }
    fputs("],\"catalogue\":[", stdout);
    for (uint32_t i = 0; i < policy->entry_count; i++) {
        const struct sunder_catalogue_entry *entry = &policy->entries[i];
        fputs(i == 0 ? "{\"tool\":" : ",{\"tool\":", stdout);
        sunder_cli_json_string(stdout, entry->tool);
        fputs(",\"action\":", stdout);
        sunder_cli_json_string(stdout, entry->action);
        fputs(",\"duty\":", stdout);
        sunder_cli_json_string(stdout, policy->duties[entry->duty.value]);
        printf(",\"acts\":%" PRIu64 "}", coverage->entries[i]);
    }
    printf("],\"unmapped\":%" PRIu64 ",\"foreign_reasons\":%" PRIu64 "}\n",
        coverage->unmapped,
        coverage->foreign);
}

static enum sunder_exit cover(const struct sunder_cli_args *args)
{
    const char *path = sunder_cli_value(args, "policy");
    if (path == NULL) {
        sunder_cli_complain("policy: coverage needs --policy FILE");
        return SUNDER_EXIT_USAGE;
    }
    struct sunder_policy_load *load = NULL;
    enum sunder_exit code = sunder_policy_file_need(path, &load);
    if (code != SUNDER_EXIT_OK) {
        return code;
    }
    struct sunder_coverage coverage;
    code = sunder_coverage_open(&coverage, sunder_policy_load_policy(load))
               ? decisions_read(args->operands[1], &coverage)
               : SUNDER_EXIT_FAILED;
    if (code == SUNDER_EXIT_OK) {
        (wants_json(args) ? coverage_json : coverage_text)(&coverage);
        if (coverage.foreign > 0) {
            fflush(stdout);
            sunder_cli_say("%" PRIu64 " reasons are of rules that this policy does not have: is it "
                           "the one that decided?",
                coverage.foreign);
        }
        bool fails = fails_on(args,
            "unused",
            sunder_coverage_idle_rules(&coverage) + sunder_coverage_idle_entries(&coverage));
        code = fails ? SUNDER_EXIT_FAILED : SUNDER_EXIT_OK;
    }
    sunder_coverage_destroy(&coverage);
    sunder_policy_load_destroy(&load);
    return code;
}

enum sunder_exit sunder_cmd_policy(const struct sunder_cli_args *args)
{
    return strcmp(args->operands[0], "analyze") == 0 ? analyze(args) : cover(args);
}
