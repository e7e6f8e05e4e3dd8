#include "ops/cli/sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/policy_load.h"
#include "ops/cli/cli.h"
#include "ops/cli/whatif.h"

#define TEXT(str) (int)(str).len, (str).at
#define LINE_BYTES 8192u
#define DEPTH_MAX 16u /* Acts that must come first, one before the other. */

struct sunder_sim {
    const struct sunder_policy_doc *doc;
    const struct sunder_doc *catalogue;
    struct sunder_policy_load *load;
    const struct sunder_policy *policy;
    struct sunder_whatif *whatif;
    char *args; /* Members of `args` that the rules read. */
    uint64_t run;
    uint64_t serial;
    bool small;
    bool broken;
    enum sunder_verdict verdict; /* Of the last act. */
    struct sunder_sim_result result;
    uint32_t stack[DEPTH_MAX]; /* Entries that wait for others. */
    uint32_t depth;
};

/* --- the policy to try --- */

static void words_write(FILE *out, const char *name, const struct sunder_doc *value)
{
    if (value == NULL) {
        return;
    }
    if (value->kind == SUNDER_DOC_SCALAR) {
        fprintf(out, ", %s: \"%.*s\"", name, TEXT(value->text));
        return;
    }
    fprintf(out, ", %s: [", name);
    for (uint32_t i = 0; i < value->count && value->kind == SUNDER_DOC_LIST; i++) {
        fprintf(out, "%s\"%.*s\"", i == 0 ? "" : ", ", TEXT(value->items[i].text));
    }
    fputc(']', out);
}

static void catalogue_write(FILE *out, const struct sunder_doc *catalogue)
{
    static const char *const KEPT[] = {"duty", "phase", "tier", "causes", "gains", "labels"};
    fputs("catalogue:\n", out);
    for (uint32_t i = 0; i < catalogue->count; i++) {
        fprintf(out, "  - {tool: act, action: e%" PRIu32, i);
        for (size_t k = 0; k < sizeof(KEPT) / sizeof(KEPT[0]); k++) {
            words_write(out, KEPT[k], sunder_doc_member(&catalogue->items[i], KEPT[k]));
        }
        fputs("}\n", out);
    }
}

/* The file with its catalogue in our words, and without what would only cost time. */
static void policy_write(FILE *out, const struct sunder_policy_doc *doc)
{
    const struct sunder_doc *root = sunder_policy_doc_root(doc);
    for (uint32_t i = 0; i < root->count; i++) {
        const struct sunder_doc_entry *entry = &root->entries[i];
        uint32_t end = i + 1 < root->count ? root->entries[i + 1].line : UINT32_MAX;
        if (sunder_str_equal(entry->name, SUNDER_STR("catalogue"))) {
            catalogue_write(out, &entry->value);
        } else if (!sunder_str_equal(entry->name, SUNDER_STR("disclose")) &&
                   !sunder_str_equal(entry->name, SUNDER_STR("tests"))) {
            sunder_policy_doc_lines(doc, entry->line, end, out);
            fputc('\n', out);
        }
    }
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* A value for every `args.NAME` in the text: a number where it is summed, else a text. */
static void args_write(FILE *out, const char *text, size_t len)
{
    static const char PREFIX[] = "args.";
    const size_t prefix = sizeof(PREFIX) - 1;
    bool first = true;
    for (size_t i = 0; i + prefix < len; i++) {
        if (memcmp(text + i, PREFIX, prefix) != 0) {
            continue;
        }
        size_t end = i + prefix;
        while (end < len && is_name(text[end])) {
            end += 1;
        }
        struct sunder_str name = {text + i + prefix, (uint32_t)(end - i - prefix)};
        bool again = false;
        for (size_t j = 0; j + name.len + prefix < i && !again; j++) {
            again = memcmp(text + j, PREFIX, prefix) == 0 &&
                    memcmp(text + j + prefix, name.at, name.len) == 0 &&
                    !is_name(text[j + prefix + name.len]);
        }
        if (name.len == 0 || again) {
            continue;
        }
        bool summed = i >= 5 && memcmp(text + i - 5, "sum: ", 5) == 0;
        fprintf(out,
            "%s\"%.*s\":%s",
            first ? "" : ",",
            TEXT(name),
            summed ? "1" : "\"" SUNDER_SIM_ARGUMENT "\"");
        first = false;
    }
}

static void on_event(
    void *ctx, const struct sunder_event *event, const struct sunder_whatif_answer *answers);

static enum sunder_err load_open(struct sunder_sim *sim, struct sunder_fail *reterr_fail)
{
    char *text = NULL;
    size_t len = 0;
    size_t args_len = 0;
    FILE *page = open_memstream(&text, &len);
    if (page != NULL) {
        policy_write(page, sim->doc);
        (void)fclose(page);
    }
    FILE *args = open_memstream(&sim->args, &args_len);
    if (args != NULL) {
        args_write(args, text, len);
        (void)fclose(args);
    }
    enum sunder_err err = page == NULL || args == NULL ? SUNDER_ERR_FULL : SUNDER_OK;
    if (err == SUNDER_OK) {
        struct sunder_str whole = {text, (uint32_t)len};
        err = sunder_policy_load_text(whole, &sim->load, reterr_fail);
        if (err == SUNDER_ERR_INVALID) {
            const struct sunder_complaint *first = &sunder_policy_load_complaints(sim->load)->at[0];
            snprintf(reterr_fail->text,
                sizeof(reterr_fail->text),
                "the policy cannot be tried out: %.*s",
                (int)(first->text.len < 180 ? first->text.len : 180),
                first->text.at);
        }
    }
    free(text);
    return err;
}

struct sunder_sim *sunder_sim_create(const char *path, const struct sunder_policy_doc *doc)
{
    struct sunder_sim *sim = calloc(1, sizeof(*sim));
    struct sunder_fail fail = {.text = "no memory"};
    if (sim == NULL) {
        return NULL;
    }
    sim->doc = doc;
    sim->catalogue = sunder_doc_member(sunder_policy_doc_root(doc), "catalogue");
    enum sunder_err err = SUNDER_ERR_INVALID;
    if (sim->catalogue == NULL) {
        snprintf(fail.text, sizeof(fail.text), "a policy without a catalogue denies everything");
    } else {
        err = load_open(sim, &fail);
    }
    if (err == SUNDER_OK) {
        sim->policy = sunder_policy_load_policy(sim->load);
        const struct sunder_whatif_options options = {.policies = {sim->policy},
            .policy_count = 1,
            .partitions = 1,
            .visit = on_event,
            .visit_ctx = sim};
        err = sunder_whatif_open(&options, &sim->whatif, &fail);
    }
    if (err != SUNDER_OK) {
        sunder_cli_complain("policy: %s: %s", path, fail.text);
        sunder_sim_destroy(&sim);
    }
    return sim;
}

void sunder_sim_destroy(struct sunder_sim **sim)
{
    if (sim == NULL || *sim == NULL) {
        return;
    }
    sunder_whatif_destroy(&(*sim)->whatif);
    sunder_policy_load_destroy(&(*sim)->load);
    free((*sim)->args);
    free(*sim);
    *sim = NULL;
}

const struct sunder_policy *sunder_sim_policy(const struct sunder_sim *sim)
{
    return sim->policy;
}

const struct sunder_sim_result *sunder_sim_result(const struct sunder_sim *sim)
{
    return &sim->result;
}

bool sunder_sim_broken(const struct sunder_sim *sim)
{
    return sim->broken;
}

/* Effects of effects included, as the engine closes them (S23). */
static bool brings_within(
    const struct sunder_sim *sim, uint32_t entry, struct sunder_str duty, uint32_t depth)
{
    const struct sunder_doc *item = &sim->catalogue->items[entry];
    if (sunder_str_equal(sunder_doc_member_text(item, "duty"), duty)) {
        return true;
    }
    const struct sunder_doc *causes = sunder_doc_member(item, "causes");
    for (uint32_t i = 0; causes != NULL && causes->kind == SUNDER_DOC_LIST && i < causes->count;
         i++) {
        struct sunder_str caused = causes->items[i].text;
        if (sunder_str_equal(caused, duty)) {
            return true;
        }
        for (uint32_t j = 0; j < sim->catalogue->count && depth > 0; j++) {
            if (sunder_str_equal(
                    sunder_doc_member_text(&sim->catalogue->items[j], "duty"), caused) &&
                brings_within(sim, j, duty, depth - 1)) {
                return true;
            }
        }
    }
    return false;
}

bool sunder_sim_brings(const struct sunder_sim *sim, uint32_t entry, struct sunder_str duty)
{
    return brings_within(sim, entry, duty, 4);
}

/* --- acting --- */

void sunder_sim_begin(struct sunder_sim *sim, bool small)
{
    sim->run += 1;
    sim->small = small;
    sim->depth = 0;
    sim->result = (struct sunder_sim_result){0};
}

static void blockers_take(struct sunder_sim *sim, const struct sunder_decision *decision)
{
    struct sunder_sim_result *result = &sim->result;
    result->blocker_count = 0;
    for (uint32_t i = 0;
         i < decision->reason_count && result->blocker_count < SUNDER_SIM_BLOCKERS_MAX;
         i++) {
        const struct sunder_reason *reason = &decision->reasons[i];
        if (reason->effect == SUNDER_EFFECT_ALERT) {
            continue;
        }
        struct sunder_sim_blocker *blocker = &result->blockers[result->blocker_count++];
        *blocker =
            (struct sunder_sim_blocker){.escalates = reason->effect == SUNDER_EFFECT_ESCALATE};
        struct sunder_str name = reason->rule.at != NULL ? reason->rule : reason->code;
        snprintf(blocker->name, sizeof(blocker->name), "%.*s", TEXT(name));
        snprintf(blocker->message, sizeof(blocker->message), "%.*s", TEXT(reason->message));
        const struct sunder_rule *rule =
            reason->rule.at == NULL ? NULL : sunder_policy_rule(sim->policy, reason->rule);
        if (rule != NULL && rule->kind == SUNDER_RULE_REQUIRES) {
            blocker->needs = &sim->policy->duties[rule->duties[0].value];
        }
    }
}

static void on_event(
    void *ctx, const struct sunder_event *event, const struct sunder_whatif_answer *answers)
{
    struct sunder_sim *sim = ctx;
    const struct sunder_outputs *outputs = &answers[0].outputs;
    if (event->kind == SUNDER_EVENT_INTENT && outputs->count > 0) {
        sim->verdict = outputs->records[0].verdict;
        blockers_take(sim, &outputs->records[0]);
    }
}

static bool list_has(const struct sunder_doc *list, struct sunder_str text)
{
    for (uint32_t i = 0; list != NULL && list->kind == SUNDER_DOC_LIST && i < list->count; i++) {
        if (sunder_str_equal(list->items[i].text, text)) {
            return true;
        }
    }
    return list != NULL && list->kind == SUNDER_DOC_SCALAR && sunder_str_equal(list->text, text);
}

static struct sunder_str list_first(const struct sunder_doc *list)
{
    if (list == NULL || (list->kind == SUNDER_DOC_LIST && list->count == 0)) {
        return (struct sunder_str){0};
    }
    return list->kind == SUNDER_DOC_LIST ? list->items[0].text : list->text;
}

/* Who and what the policy entitles to the entry's duty; absent: it does not say. A final * is left to the party's own name. */
static void entitled_find(const struct sunder_sim *sim,
    uint32_t entry,
    struct sunder_str *ret_who,
    struct sunder_str *ret_object)
{
    struct sunder_str duty = sunder_doc_member_text(&sim->catalogue->items[entry], "duty");
    const struct sunder_doc *list = sunder_doc_member(sunder_policy_doc_root(sim->doc), "entitle");
    *ret_who = *ret_object = (struct sunder_str){0};
    for (uint32_t i = 0; list != NULL && list->kind == SUNDER_DOC_LIST && i < list->count; i++) {
        if (list_has(sunder_doc_member(&list->items[i], "duties"), duty)) {
            *ret_who = list_first(sunder_doc_member(&list->items[i], "who"));
            *ret_object = list_first(sunder_doc_member(&list->items[i], "objects"));
            return;
        }
    }
}

static void name_write(FILE *out, const char *member, struct sunder_str entitled, const char *own)
{
    if (own[0] == '\0') {
        return;
    }
    fprintf(out, ",\"%s\":\"", member);
    if (entitled.len > 0 && entitled.at[entitled.len - 1] == '*') {
        fprintf(out, "%.*s%s", (int)entitled.len - 1, entitled.at, own + strcspn(own, ":") + 1);
    } else if (entitled.len > 0) {
        fprintf(out, "%.*s", TEXT(entitled));
    } else {
        fputs(own, out);
    }
    fputc('"', out);
}

/* The currency of a limit over amounts; EUR when there is none. */
static struct sunder_str currency_of(const struct sunder_sim *sim)
{
    for (uint32_t i = 0; i < sim->policy->rule_count; i++) {
        if (sim->policy->rules[i].currency.at != NULL) {
            return sim->policy->rules[i].currency;
        }
    }
    return SUNDER_STR("EUR");
}

static void line_write(struct sunder_sim *sim,
    FILE *out,
    const struct sunder_sim_party *party,
    uint32_t entry,
    const char *kind)
{
    struct sunder_str who;
    struct sunder_str object;
    entitled_find(sim, entry, &who, &object);
    bool person = sunder_str_starts_with(who, SUNDER_STR("user:"));
    struct sunder_str nobody = {0};
    struct sunder_str purpose =
        list_first(sunder_doc_member(sunder_policy_doc_root(sim->doc), "purposes"));
    fprintf(out,
        "{\"specversion\":\"1.0\",\"id\":\"s%" PRIu64
        "\",\"source\":\"sim\",\"type\":\"dev.sunder.%s.v1\",\"sundertimestamp\":%" PRIu64
        ",\"data\":{\"tenant\":\"r%" PRIu64 "\",\"tool\":\"act\",\"action\":\"e%" PRIu32 "\"",
        sim->serial,
        kind,
        sim->serial * 1000,
        sim->run,
        entry);
    name_write(out, "agent", person ? nobody : who, party->agent);
    name_write(out, "principal", person ? who : nobody, party->principal);
    name_write(out, "credential", nobody, party->credential);
    if (party->delegator[0] != '\0') {
        fprintf(out, ",\"delegation\":[\"%s\"]", party->delegator);
    }
    fprintf(out,
        ",\"task\":\"%s\",\"purpose\":\"%.*s\",\"object\":\"%.*so\",\"case\":\"c\",\"amount\":\"%"
        "s\","
        "\"currency\":\"%.*s\",\"confidence\":\"" SUNDER_SIM_CONFIDENCE "\",\"args\":{%s}}}",
        party->task,
        TEXT(purpose.len > 0 ? purpose : SUNDER_STR("work")),
        TEXT(object.len > 0 ? object : SUNDER_STR("")),
        sim->small ? SUNDER_SIM_AMOUNT_SMALL : SUNDER_SIM_AMOUNT_LARGE,
        TEXT(currency_of(sim)),
        sim->args);
    sim->serial += 1;
}

/* Judges the act, which takes effect when it is allowed; as `observed` it does in any case. */
static void step(
    struct sunder_sim *sim, const struct sunder_sim_party *party, uint32_t entry, const char *kind)
{
    char text[LINE_BYTES];
    FILE *out = fmemopen(text, sizeof(text), "w");
    struct sunder_fail fail = {.text = "an act is too long"};
    sim->verdict = SUNDER_VERDICT_DENY;
    if (out == NULL) {
        sim->broken = true;
        return;
    }
    line_write(sim, out, party, entry, kind);
    long len = ftell(out);
    bool whole = fclose(out) == 0 && len > 0 && (size_t)len < sizeof(text);
    struct sunder_str line = {text, (uint32_t)len};
    if (!whole ||
        sunder_whatif_line(sim->whatif, line, (struct sunder_str){0}, &fail) != SUNDER_OK) {
        sunder_cli_complain("policy: %s", fail.text);
        sim->broken = true;
    }
}

static bool entry_find(const struct sunder_sim *sim, struct sunder_str duty, uint32_t *ret_entry)
{
    for (uint32_t i = 0; i < sim->policy->entry_count; i++) {
        if (sunder_sim_brings(sim, i, duty)) {
            *ret_entry = i;
            return true;
        }
    }
    return false;
}

/* Somebody else for an act that must come first. */
static struct sunder_sim_party other_party(
    const struct sunder_sim_party *waiting, struct sunder_str duty)
{
    struct sunder_sim_party party = {0};
    memcpy(party.task, waiting->task, sizeof(party.task));
    snprintf(party.agent,
        sizeof(party.agent),
        "agent:first-%.*s",
        (int)(duty.len < 60 ? duty.len : 60),
        duty.at);
    snprintf(party.principal,
        sizeof(party.principal),
        "user:first-%.*s",
        (int)(duty.len < 60 ? duty.len : 60),
        duty.at);
    return party;
}

static bool in_progress(const struct sunder_sim *sim, uint32_t entry)
{
    for (uint32_t i = 0; i < sim->depth; i++) {
        if (sim->stack[i] == entry) {
            return true;
        }
    }
    return false;
}

/* Does what the blockers ask for. *ret_any: they asked for something. False: it cannot be done. */
static bool first_do(
    struct sunder_sim *sim, const struct sunder_sim_party *waiting, uint32_t entry, bool *ret_any)
{
    *ret_any = false;
    const struct sunder_sim_result blocked = sim->result;
    sim->stack[sim->depth++] = entry;
    bool done = true;
    for (uint32_t i = 0; i < blocked.blocker_count && done; i++) {
        const struct sunder_str *needs = blocked.blockers[i].needs;
        uint32_t first = 0;
        if (needs == NULL) {
            continue;
        }
        *ret_any = true;
        done = entry_find(sim, *needs, &first);
        if (done && (in_progress(sim, first) || sim->depth == DEPTH_MAX)) {
            sim->result.refused = first;
            sim->result.blocker_count = 1;
            sim->result.blockers[0] = (struct sunder_sim_blocker){.name = "requires"};
            snprintf(sim->result.blockers[0].message,
                sizeof(sim->result.blockers[0].message),
                "each waits for the other: %.*s must come first, and waits itself",
                (int)(needs->len < 100 ? needs->len : 100),
                needs->at);
            done = false;
        } else if (done) {
            const struct sunder_sim_party party = other_party(waiting, *needs);
            done = sunder_sim_act(sim, &party, first);
        }
    }
    sim->depth -= 1;
    return done;
}

static void approvals_note(struct sunder_sim *sim)
{
    struct sunder_sim_result *result = &sim->result;
    for (uint32_t i = 0; i < result->blocker_count; i++) {
        size_t used = strlen(result->approvals);
        if (result->blockers[i].escalates &&
            strstr(result->approvals, result->blockers[i].name) == NULL) {
            snprintf(result->approvals + used,
                sizeof(result->approvals) - used,
                "%s%s",
                used == 0 ? "" : ", ",
                result->blockers[i].name);
        }
    }
}

bool sunder_sim_act(struct sunder_sim *sim, const struct sunder_sim_party *party, uint32_t entry)
{
    step(sim, party, entry, "intent");
    bool asked = false;
    if (sim->verdict != SUNDER_VERDICT_ALLOW && !sim->broken) {
        sim->result.refused = entry;
        if (!first_do(sim, party, entry, &asked)) {
            return false;
        }
    }
    if (asked) {
        step(sim, party, entry, "intent");
    }
    if (sim->verdict == SUNDER_VERDICT_ESCALATE && !sim->broken) {
        approvals_note(sim);
        step(sim,
            party,
            entry,
            "observed"); /* As if a person had let it pass: it happened, and counts. */
        sim->verdict = SUNDER_VERDICT_ALLOW;
    }
    if (sim->verdict != SUNDER_VERDICT_ALLOW) {
        sim->result.refused = entry;
    }
    return sim->verdict == SUNDER_VERDICT_ALLOW && !sim->broken;
}
