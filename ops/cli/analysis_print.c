/* What an analysis found, for people and for programs. */
#include "ops/cli/analysis.h"

#include <inttypes.h>

#include "ops/cli/cli_json.h"

#define TEXT(str) (int)(str).len, (str).at

static const struct {
    const char *word;
    const char *text;
    const char *member; /* NULL: there is one only. */
} TEAMS[SUNDER_TEAM_COUNT] = {
    [SUNDER_TEAM_ALONE] = {"alone", "one agent for one person", NULL},
    [SUNDER_TEAM_PERSON] = {"one_person", "several agents of one person", "agent"},
    [SUNDER_TEAM_AGENT] = {"one_agent", "one agent for several people", "for person"},
    [SUNDER_TEAM_HELPERS] = {"helpers", "helpers that one agent sent", "helper"},
    [SUNDER_TEAM_CREDENTIAL] = {"one_credential", "several agents with one credential", "agent"},
    [SUNDER_TEAM_STRANGERS] = {"strangers", "parties with nothing in common", "party"},
};

static const struct sunder_doc *entry_of(const struct sunder_analysis *analysis, uint32_t entry)
{
    return &sunder_doc_member(analysis->root, "catalogue")->items[entry];
}

static void duties_write(
    FILE *out, const struct sunder_policy *policy, const struct sunder_rule *rule)
{
    static const char *const PHASES[] = {"observe", "recommend", "execute"};
    const char *separator = "";
    for (uint32_t i = 0; i < rule->duty_count; i++, separator = ", ") {
        fprintf(out, "%s%.*s", separator, TEXT(policy->duties[rule->duties[i].value]));
    }
    for (uint32_t i = 0; i < 3; i++) {
        if ((rule->phases & (1u << i)) != 0) {
            fprintf(out, "%s%s", separator, PHASES[i]);
            separator = ", ";
        }
    }
}

/* --- text --- */

static void way_text(FILE *out,
    const struct sunder_analysis *analysis,
    const struct sunder_outcome *outcome,
    int team)
{
    const struct sunder_way *way = &outcome->ways[team];
    for (uint32_t i = 0; i < way->step_count; i++) {
        const struct sunder_doc *entry = entry_of(analysis, way->steps[i].entry);
        fprintf(out, "        %" PRIu32 ". ", i + 1);
        if (TEAMS[team].member != NULL) {
            fprintf(out, "%s %" PRIu32 ": ", TEAMS[team].member, way->steps[i].party + 1);
        }
        fprintf(out,
            "%.*s (%.*s/%.*s)\n",
            TEXT(sunder_doc_member_text(entry, "duty")),
            TEXT(sunder_doc_member_text(entry, "tool")),
            TEXT(sunder_doc_member_text(entry, "action")));
    }
}

/* Who is refused, or (complete) can do it as well as those who were told. */
static void teams_text(FILE *out, const struct sunder_outcome *outcome, bool complete, int except)
{
    const char *separator = complete ? "      so it is to " : "    refused: ";
    bool any = false;
    for (int team = 0; team < SUNDER_TEAM_STRANGERS; team++) {
        if (outcome->ways[team].complete == complete && team != except) {
            fprintf(out, "%s%s", separator, TEAMS[team].text);
            separator = "; ";
            any = true;
        }
    }
    fputs(any ? "\n" : "", out);
}

/* Two amounts are tried; what lies between them is not known. */
static void amount_text(FILE *out, const struct sunder_way *way)
{
    if (way->small) {
        fputs(", with an amount of " SUNDER_SIM_AMOUNT_SMALL " (with " SUNDER_SIM_AMOUNT_LARGE
              " it is refused, or needs a person)",
            out);
    }
}

static void ways_text(
    FILE *out, const struct sunder_analysis *analysis, const struct sunder_outcome *outcome)
{
    int closest = 0;
    while (closest < SUNDER_TEAM_STRANGERS && !outcome->ways[closest].complete) {
        closest += 1;
    }
    teams_text(out, outcome, false, SUNDER_TEAM_COUNT);
    if (closest < SUNDER_TEAM_STRANGERS) {
        const struct sunder_way *way = &outcome->ways[closest];
        fprintf(out, "    OPEN to %s", TEAMS[closest].text);
        amount_text(out, way);
        if (way->approvals[0] != '\0') {
            fprintf(out, ", if a person lets %s pass", way->approvals);
        }
        fputs("\n", out);
        way_text(out, analysis, outcome, closest);
        teams_text(out, outcome, true, closest);
        return;
    }
    const struct sunder_way *strangers = &outcome->ways[SUNDER_TEAM_STRANGERS];
    if (outcome->parties == 0) {
        fprintf(out,
            "    not found: how up to %d parties with nothing in common do it\n",
            SUNDER_ANALYZE_PARTIES_MAX);
        return;
    }
    fprintf(out, "    takes %" PRIu32 " parties with nothing in common", outcome->parties);
    amount_text(out, strangers);
    fprintf(out,
        "%s%s\n",
        strangers->approvals[0] != '\0' ? ", and a person who lets pass " : "",
        strangers->approvals);
    way_text(out, analysis, outcome, SUNDER_TEAM_STRANGERS);
}

static void outcomes_text(const struct sunder_analysis *analysis, FILE *out)
{
    fputs("toxic outcomes, and who can still complete them\n", out);
    for (uint32_t i = 0; i < analysis->outcome_count; i++) {
        const struct sunder_analysis_outcome *outcome = &analysis->outcomes[i];
        const struct sunder_rule *rule = outcome->found.rule;
        fprintf(out,
            "\n  %.*s%s: more than %" PRIu32 " of ",
            TEXT(rule->name),
            rule->mode == SUNDER_MODE_SHADOW ? " (only watching)" : "",
            rule->at_most);
        duties_write(out, analysis->policy, rule);
        fprintf(out,
            " per %.*s\n",
            TEXT(rule->per_text.len > 0 ? rule->per_text : SUNDER_STR("object")));
        if (outcome->too_large) {
            fputs("    not tried: too many duties at once\n", out);
        } else {
            ways_text(out, analysis, &outcome->found);
        }
        for (uint32_t k = 0; k < analysis->blind_count; k++) {
            if (analysis->blinds[k].rule == rule) {
                fprintf(out, "    BLIND: %s\n", analysis->blinds[k].text);
            }
        }
    }
    fputs(analysis->outcome_count == 0 ? "  the policy has no separation\n" : "", out);
}

static void blockers_text(
    FILE *out, const struct sunder_analysis *analysis, const struct sunder_sim_result *result)
{
    const struct sunder_doc *entry = entry_of(analysis, result->refused);
    for (uint32_t i = 0; i < result->blocker_count; i++) {
        fprintf(out,
            "      %.*s: %s: %s\n",
            TEXT(sunder_doc_member_text(entry, "duty")),
            result->blockers[i].name,
            result->blockers[i].message);
    }
}

static void duties_text(const struct sunder_analysis *analysis, FILE *out)
{
    fputs("\nduties that nobody can perform\n", out);
    for (uint32_t i = 0; i < analysis->duty_count; i++) {
        const struct sunder_analysis_duty *duty = &analysis->duties[i];
        if (!duty->found.possible) {
            fprintf(out, "    %.*s\n", TEXT(duty->name));
            blockers_text(out, analysis, &duty->found.result);
        }
    }
    fputs(sunder_analysis_impossible(analysis) == 0 ? "    none\n" : "", out);
    if (analysis->duty_count > sunder_analysis_impossible(analysis)) {
        fputs("\nduties that always need a person\n", out);
    }
    for (uint32_t i = 0; i < analysis->duty_count; i++) {
        const struct sunder_analysis_duty *duty = &analysis->duties[i];
        if (duty->found.possible) {
            fprintf(out, "    %.*s: %s\n", TEXT(duty->name), duty->found.result.approvals);
        }
    }
}

static void processes_text(const struct sunder_analysis *analysis, FILE *out)
{
    fputs("\nprocesses\n", out);
    for (uint32_t i = 0; i < analysis->process_count; i++) {
        const struct sunder_analysis_process *process = &analysis->processes[i];
        fputs("    ", out);
        for (uint32_t k = process->rule_count; k > 0; k--) {
            const struct sunder_rule *rule = process->rules[k - 1];
            fprintf(out, "%.*s -> ", TEXT(analysis->policy->duties[rule->duties[0].value]));
        }
        fprintf(out,
            "%.*s: %s\n",
            TEXT(analysis->policy->duties[process->rules[0]->before.value]),
            process->found.possible ? "can be finished" : "CANNOT be finished");
        if (!process->found.possible) {
            blockers_text(out, analysis, &process->found.result);
        }
    }
    fprintf(out,
        "    all duties in one case, each by another party: %s\n",
        analysis->whole ? "can be finished" : "CANNOT be finished");
    if (!analysis->whole) {
        blockers_text(out, analysis, &analysis->whole_result);
    }
}

static void names_write(FILE *out, const struct sunder_analysis_unseen *unseen)
{
    const char *separator = " (";
    for (uint32_t i = 0; i < unseen->name_count; i++, separator = ", ") {
        fprintf(out, "%s%.*s", separator, TEXT(unseen->names[i]));
    }
    fputs(unseen->name_count > 0 ? ")" : "", out);
}

static void unseen_text(const struct sunder_analysis *analysis, FILE *out)
{
    bool any = false;
    fputs("\nnot looked at\n", out);
    for (uint32_t i = 0; i < SUNDER_UNSEEN_COUNT; i++) {
        const struct sunder_analysis_unseen *unseen = &analysis->unseen[i];
        if (unseen->count > 0) {
            any = true;
            const char *word = unseen->count == 1 ? unseen->one : unseen->many;
            fprintf(out, "    %" PRIu32 " %s", unseen->count, word);
            names_write(out, unseen);
            fprintf(out, ": %s\n", unseen->text);
        }
    }
    fputs(any ? "" : "    nothing of this policy\n", out);
    fputs("\ntried\n    " SUNDER_ANALYSIS_TRIED "\n", out);
}

void sunder_analysis_text(const struct sunder_analysis *analysis, FILE *out)
{
    outcomes_text(analysis, out);
    duties_text(analysis, out);
    processes_text(analysis, out);
    unseen_text(analysis, out);
}

/* --- JSON --- */

static void member(FILE *out, const char *name, struct sunder_str text)
{
    fprintf(out, "\"%s\":", name);
    sunder_cli_json_string(out, text);
}

static void way_json(
    FILE *out, const struct sunder_analysis *analysis, const struct sunder_way *way)
{
    member(out,
        "amount",
        sunder_str_of(way->small ? SUNDER_SIM_AMOUNT_SMALL : SUNDER_SIM_AMOUNT_LARGE));
    fputc(',', out);
    member(out, "approvals", sunder_str_of(way->approvals));
    fputs(",\"steps\":[", out);
    for (uint32_t i = 0; i < way->step_count; i++) {
        const struct sunder_doc *entry = entry_of(analysis, way->steps[i].entry);
        fprintf(out, "%s{\"party\":%" PRIu32 ",", i == 0 ? "" : ",", way->steps[i].party + 1);
        member(out, "duty", sunder_doc_member_text(entry, "duty"));
        fputc(',', out);
        member(out, "tool", sunder_doc_member_text(entry, "tool"));
        fputc(',', out);
        member(out, "action", sunder_doc_member_text(entry, "action"));
        fputc('}', out);
    }
    fputs("]}", out);
}

static void outcome_json(const struct sunder_analysis *analysis,
    const struct sunder_analysis_outcome *outcome,
    FILE *out)
{
    const struct sunder_rule *rule = outcome->found.rule;
    fputc('{', out);
    member(out, "rule", rule->name);
    fprintf(out,
        ",\"mode\":\"%s\",\"at_most\":%" PRIu32 ",\"tried\":%s,\"parties\":%" PRIu32 ",\"ways\":[",
        rule->mode == SUNDER_MODE_SHADOW ? "shadow" : "enforce",
        rule->at_most,
        outcome->too_large ? "false" : "true",
        outcome->found.parties);
    const char *separator = "";
    for (int team = 0; team < SUNDER_TEAM_COUNT; team++) {
        if (outcome->found.ways[team].complete) {
            fprintf(out, "%s{\"team\":\"%s\",", separator, TEAMS[team].word);
            way_json(out, analysis, &outcome->found.ways[team]);
            separator = ",";
        }
    }
    fputs("],\"blind\":[", out);
    separator = "";
    for (uint32_t i = 0; i < analysis->blind_count; i++) {
        if (analysis->blinds[i].rule == rule) {
            fprintf(out, "%s{\"kind\":\"%s\",", separator, analysis->blinds[i].kind);
            member(out, "text", sunder_str_of(analysis->blinds[i].text));
            fputc('}', out);
            separator = ",";
        }
    }
    fputs("]}", out);
}

/* Whether it can be done, with whose approval, and what is in the way. */
static void possible_json(FILE *out, bool possible, const struct sunder_sim_result *result)
{
    fprintf(out, ",\"possible\":%s,", possible ? "true" : "false");
    member(out, "approvals", sunder_str_of(result->approvals));
    fputs(",\"blockers\":[", out);
    for (uint32_t i = 0; i < result->blocker_count && !possible; i++) {
        fputs(i == 0 ? "{" : ",{", out);
        member(out, "name", sunder_str_of(result->blockers[i].name));
        fputc(',', out);
        member(out, "message", sunder_str_of(result->blockers[i].message));
        fputc('}', out);
    }
    fputs("]}", out);
}

static void unseen_json(const struct sunder_analysis *analysis, FILE *out)
{
    const char *separator = "";
    for (uint32_t i = 0; i < SUNDER_UNSEEN_COUNT; i++) {
        const struct sunder_analysis_unseen *unseen = &analysis->unseen[i];
        if (unseen->count == 0) {
            continue;
        }
        fprintf(
            out, "%s{\"kind\":\"%s\",\"count\":%" PRIu32, separator, unseen->kind, unseen->count);
        fputs(",\"names\":[", out);
        for (uint32_t k = 0; k < unseen->name_count; k++) {
            fputs(k == 0 ? "" : ",", out);
            sunder_cli_json_string(out, unseen->names[k]);
        }
        fputs("],", out);
        member(out, "text", sunder_str_of(unseen->text));
        fputc('}', out);
        separator = ",";
    }
}

void sunder_analysis_json(const struct sunder_analysis *analysis, FILE *out)
{
    fputc('{', out);
    member(out, "policy", analysis->policy->name);
    fputs(",\"outcomes\":[", out);
    for (uint32_t i = 0; i < analysis->outcome_count; i++) {
        fputs(i == 0 ? "" : ",", out);
        outcome_json(analysis, &analysis->outcomes[i], out);
    }
    fputs("],\"duties\":[", out);
    for (uint32_t i = 0; i < analysis->duty_count; i++) {
        fputs(i == 0 ? "{" : ",{", out);
        member(out, "duty", analysis->duties[i].name);
        possible_json(out, analysis->duties[i].found.possible, &analysis->duties[i].found.result);
    }
    fputs("],\"processes\":[", out);
    for (uint32_t i = 0; i < analysis->process_count; i++) {
        const struct sunder_analysis_process *process = &analysis->processes[i];
        fputs(i == 0 ? "{\"duties\":[" : ",{\"duties\":[", out);
        for (uint32_t k = process->rule_count; k > 0; k--) {
            sunder_cli_json_string(
                out, analysis->policy->duties[process->rules[k - 1]->duties[0].value]);
            fputc(',', out);
        }
        sunder_cli_json_string(out, analysis->policy->duties[process->rules[0]->before.value]);
        fputc(']', out);
        possible_json(out, process->found.possible, &process->found.result);
    }
    fputs("],\"whole\":{\"all\":true", out);
    possible_json(out, analysis->whole, &analysis->whole_result);
    fputs(",\"not_looked_at\":[", out);
    unseen_json(analysis, out);
    fputs("],", out);
    member(out, "tried", SUNDER_STR(SUNDER_ANALYSIS_TRIED));
    fputs("}\n", out);
}
