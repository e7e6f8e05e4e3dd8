#include "ops/cli/test_coverage.h"

#include <inttypes.h>
#include <stdlib.h>

#include "engine/expr/expr_facts.h"
#include "engine/expr/expr_watch.h"
#include "ops/cli/cli_json.h"
#include "ops/cli/coverage.h"
#include "proto/regex.h"

#define ARENA_BYTES ((size_t)64 << 20) /* Conjuncts; what is not touched costs nothing. */
#define TEXT(str) (int)(str).len, (str).at

enum came_to {
    CAME_TRUE,
    CAME_FALSE,
    CAME_ERROR,
    CAME_COUNT
};

/* alone  the conjunct as an expression of its own; NULL: it cannot be one, and is not told */
struct conjunct {
    struct sunder_str text;
    const struct sunder_expr *alone;
    uint64_t seen[CAME_COUNT];
};

/* A condition of a rule (rule >= 0), an entry (entry >= 0) or a scope. key: when, unless, except, match; static. */
struct condition {
    const struct sunder_expr *expr;
    const char *key;
    int32_t rule;
    int32_t entry;
    struct conjunct *conjuncts;
    uint32_t count;
};

struct rule_counts {
    uint64_t judged;
    uint64_t excused;
};

struct sunder_test_coverage {
    const struct sunder_policy *policy;
    struct sunder_expr_watch watch;
    struct sunder_coverage base;
    struct rule_counts *rules; /* By rule. */
    struct condition *conditions;
    uint32_t condition_count;
    uint32_t condition_max;
    struct sunder_regex_set *patterns; /* Of the conjuncts. */
    void *memory;
    struct sunder_arena arena;
    bool full;
};

static void conjuncts_make(struct sunder_test_coverage *coverage, struct condition *condition)
{
    uint32_t count = 0;
    const struct sunder_expr_span *spans = sunder_expr_conjuncts(condition->expr, &count);
    struct sunder_str source = sunder_expr_source(condition->expr);
    condition->conjuncts = SUNDER_ARENA_NEW(&coverage->arena, struct conjunct, count);
    condition->count = condition->conjuncts == NULL ? 0 : count;
    coverage->full = coverage->full || condition->conjuncts == NULL;
    for (uint32_t i = 0; i < condition->count; i++) {
        struct conjunct *conjunct = &condition->conjuncts[i];
        conjunct->text = (struct sunder_str){source.at + spans[i].offset, spans[i].len};
        const struct sunder_expr_want want = {.allowed = SUNDER_FIELDS_ALL,
            .type = SUNDER_TYPE_ANY,
            .regex = sunder_regex_port(coverage->patterns)};
        struct sunder_expr *alone = NULL;
        struct sunder_expr_error ignored;
        bool compiled = sunder_expr_compile(
                            &coverage->arena, conjunct->text, &want, &alone, &ignored) == SUNDER_OK;
        conjunct->alone = compiled ? alone : NULL;
    }
}

static void condition_add(struct sunder_test_coverage *coverage, struct condition condition)
{
    if (condition.expr == NULL || coverage->condition_count == coverage->condition_max) {
        return;
    }
    conjuncts_make(coverage, &condition);
    coverage->conditions[coverage->condition_count++] = condition;
}

static int by_expr(const void *left, const void *right)
{
    uintptr_t a = (uintptr_t)((const struct condition *)left)->expr;
    uintptr_t b = (uintptr_t)((const struct condition *)right)->expr;
    return (a > b) - (a < b);
}

static void conditions_make(struct sunder_test_coverage *coverage)
{
    const struct sunder_policy *policy = coverage->policy;
    for (uint32_t i = 0; i < policy->rule_count; i++) {
        const struct sunder_rule *rule = &policy->rules[i];
        struct condition of = {.rule = (int32_t)i, .entry = -1};
        of.key = "when";
        of.expr = rule->when;
        condition_add(coverage, of);
        of.key = "unless";
        of.expr = rule->unless;
        condition_add(coverage, of);
        for (uint32_t k = 0; k < rule->except_count; k++) {
            of.key = "except";
            of.expr = rule->except[k].when;
            condition_add(coverage, of);
        }
    }
    for (uint32_t i = 0; i < policy->entry_count; i++) {
        condition_add(coverage,
            (struct condition){
                .rule = -1, .entry = (int32_t)i, .key = "when", .expr = policy->entries[i].when});
    }
    for (uint32_t i = 0; i < policy->scopes.count; i++) {
        condition_add(coverage,
            (struct condition){
                .rule = -1, .entry = -1, .key = "match", .expr = policy->scopes.at[i].match});
    }
    qsort(coverage->conditions, coverage->condition_count, sizeof(struct condition), by_expr);
}

static enum came_to came_to(const struct sunder_value *value)
{
    if (value == NULL || value->kind != SUNDER_VALUE_BOOL) {
        return CAME_ERROR;
    }
    return value->boolean ? CAME_TRUE : CAME_FALSE;
}

/* Each conjunct is asked for itself, whatever the ones before it came to. */
static void seen(void *ctx,
    const struct sunder_expr *expr,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    const struct sunder_value *value)
{
    struct sunder_test_coverage *coverage = ctx;
    const struct condition wanted = {.expr = expr};
    struct condition *condition =
        bsearch(&wanted, coverage->conditions, coverage->condition_count, sizeof wanted, by_expr);
    if (condition == NULL) {
        return;
    }
    bool excuses = condition->key[0] == 'u' || condition->key[0] == 'e';
    if (condition->rule >= 0 && excuses && came_to(value) == CAME_TRUE) {
        coverage->rules[condition->rule].excused++;
    }
    struct sunder_expr_env unwatched = *env;
    unwatched.watch = NULL;
    for (uint32_t i = 0; i < condition->count; i++) {
        struct conjunct *conjunct = &condition->conjuncts[i];
        if (conjunct->alone == NULL) {
            continue;
        }
        size_t mark = sunder_arena_mark(arena);
        struct sunder_value alone;
        enum sunder_err err = sunder_expr_eval(conjunct->alone, &unwatched, arena, &alone);
        conjunct->seen[came_to(err == SUNDER_OK ? &alone : NULL)]++;
        uint64_t history = SUNDER_FIELD_BIT(SUNDER_FIELD_HISTORY);
        if ((sunder_expr_reads(conjunct->alone) & history) == 0) {
            sunder_arena_rewind(arena, mark); /* Who was asked may have kept there what it read. */
        }
    }
}

enum sunder_err sunder_test_coverage_open(
    struct sunder_policy_load *load, struct sunder_test_coverage **ret_coverage)
{
    struct sunder_test_coverage *coverage = calloc(1, sizeof *coverage);
    if (coverage == NULL) {
        return SUNDER_ERR_FULL;
    }
    const struct sunder_policy *policy = sunder_policy_load_policy(load);
    coverage->policy = policy;
    uint32_t max = policy->entry_count + policy->scopes.count;
    for (uint32_t i = 0; i < policy->rule_count; i++) {
        max += 2 + policy->rules[i].except_count;
    }
    coverage->condition_max = max;
    coverage->conditions = calloc((size_t)max + 1, sizeof *coverage->conditions);
    coverage->rules = calloc((size_t)policy->rule_count + 1, sizeof *coverage->rules);
    coverage->memory = malloc(ARENA_BYTES);
    bool ok = sunder_coverage_open(&coverage->base, policy) && coverage->conditions != NULL &&
              coverage->rules != NULL && coverage->memory != NULL &&
              sunder_regex_set_create(&coverage->patterns) == SUNDER_OK;
    if (ok) {
        coverage->arena = sunder_arena_of(coverage->memory, ARENA_BYTES);
        conditions_make(coverage);
    }
    if (!ok || coverage->full) {
        sunder_test_coverage_destroy(&coverage);
        return SUNDER_ERR_FULL;
    }
    coverage->watch = (struct sunder_expr_watch){.ctx = coverage, .seen = seen};
    sunder_policy_load_watch(load, &coverage->watch);
    *ret_coverage = coverage;
    return SUNDER_OK;
}

static bool has_duty(const struct sunder_decision *record, struct sunder_str duty)
{
    for (uint32_t i = 0; i < record->duties.count; i++) {
        if (sunder_str_equal(record->duties.at[i], duty)) {
            return true;
        }
    }
    return false;
}

/* Whether an act of these duties makes the engine look at the rule. */
static bool looks_at(const struct sunder_policy *policy,
    const struct sunder_rule *rule,
    const struct sunder_decision *record)
{
    if (rule->phases != 0) {
        return (rule->phases & record->phases) != 0;
    }
    if (rule->kind == SUNDER_RULE_REQUIRES) {
        return has_duty(record, policy->duties[rule->before.value]);
    }
    for (uint32_t i = 0; i < rule->duty_count; i++) {
        if (has_duty(record, policy->duties[rule->duties[i].value])) {
            return true;
        }
    }
    return rule->duty_count == 0;
}

void sunder_test_coverage_take(
    struct sunder_test_coverage *coverage, const struct sunder_decision *record)
{
    sunder_coverage_take(&coverage->base, record);
    bool judged =
        !record->duplicate && record->stage >= 8 &&
        (record->kind == SUNDER_RECORD_DECISION || record->kind == SUNDER_RECORD_OBSERVED);
    for (uint32_t i = 0; judged && i < coverage->policy->rule_count; i++) {
        coverage->rules[i].judged +=
            looks_at(coverage->policy, &coverage->policy->rules[i], record);
    }
}

static uint64_t fired(const struct sunder_test_coverage *coverage, uint32_t rule)
{
    const struct sunder_coverage_rule *counts = &coverage->base.rules[rule];
    return counts->fired + counts->watched + counts->took;
}

static void conjunct_text(FILE *out, const char *key, const struct conjunct *conjunct)
{
    static const char *const NAMES[] = {"true", "false", "an error"};
    fprintf(out, "    %-8s %-52.*s ", key, TEXT(conjunct->text));
    if (conjunct->alone == NULL) {
        fputs("not told\n", out);
        return;
    }
    fprintf(out,
        "true %" PRIu64 ", false %" PRIu64 ", error %" PRIu64,
        conjunct->seen[CAME_TRUE],
        conjunct->seen[CAME_FALSE],
        conjunct->seen[CAME_ERROR]);
    for (int i = CAME_TRUE; i <= CAME_FALSE; i++) { /* Not everything can be made to fail. */
        if (conjunct->seen[i] == 0) {
            fprintf(out, "; never %s", NAMES[i]);
        }
    }
    fputc('\n', out);
}

static void conditions_text(
    const struct sunder_test_coverage *coverage, FILE *out, int32_t rule, int32_t entry)
{
    for (uint32_t i = 0; i < coverage->condition_count; i++) {
        const struct condition *condition = &coverage->conditions[i];
        if (condition->rule != rule || condition->entry != entry) {
            continue;
        }
        for (uint32_t k = 0; k < condition->count; k++) {
            conjunct_text(out, k == 0 ? condition->key : "", &condition->conjuncts[k]);
        }
    }
}

void sunder_test_coverage_text(
    const struct sunder_test_coverage *coverage, const char *path, FILE *out)
{
    const struct sunder_policy *policy = coverage->policy;
    fprintf(out,
        "\ncoverage of %s\n  %-32s %8s %8s %8s %8s\n",
        path,
        "rule",
        "judged",
        "fired",
        "excused",
        "shadow");
    uint32_t idle = 0;
    for (uint32_t i = 0; i < policy->rule_count; i++) {
        const struct sunder_coverage_rule *counts = &coverage->base.rules[i];
        idle += fired(coverage, i) == 0;
        fprintf(out,
            "  %-32.*s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "%s\n",
            TEXT(policy->rules[i].name),
            coverage->rules[i].judged,
            counts->fired + counts->took,
            coverage->rules[i].excused,
            counts->watched,
            fired(coverage, i) == 0 ? "   never fired" : "");
        conditions_text(coverage, out, (int32_t)i, -1);
    }
    uint32_t unreached = 0;
    for (uint32_t i = 0; i < policy->entry_count; i++) {
        const struct sunder_catalogue_entry *entry = &policy->entries[i];
        unreached += coverage->base.entries[i] == 0;
        if (coverage->base.entries[i] == 0) {
            fprintf(out, "  never reached: %.*s/%.*s\n", TEXT(entry->tool), TEXT(entry->action));
        }
        if (entry->when != NULL) {
            fprintf(out, "  %.*s/%.*s\n", TEXT(entry->tool), TEXT(entry->action));
            conditions_text(coverage, out, -1, (int32_t)i);
        }
    }
    if (policy->scopes.count > 0) {
        fputs("  scopes\n", out);
        conditions_text(coverage, out, -1, -1);
    }
    fprintf(out,
        "  %" PRIu32 " of %" PRIu32 " rules fired, %" PRIu32 " of %" PRIu32
        " entries of the catalogue were reached\n",
        policy->rule_count - idle,
        policy->rule_count,
        policy->entry_count - unreached,
        policy->entry_count);
    fputs("  judged: acts that the rule looks at; excused: by `unless` or `except`; shadow: would "
          "have "
          "fired, only watching\n"
          "  true, false, error: what each part of a condition came to by itself, once for each "
          "subject, key and duty under test;\n"
          "  an error is a field that is absent, as a rule, and decides nothing where another part "
          "is "
          "false\n",
        out);
}

static void conditions_json(
    const struct sunder_test_coverage *coverage, FILE *out, int32_t rule, int32_t entry)
{
    fputs(",\"conjuncts\":[", out);
    bool first = true;
    for (uint32_t i = 0; i < coverage->condition_count; i++) {
        const struct condition *condition = &coverage->conditions[i];
        bool mine = condition->rule == rule && condition->entry == entry;
        for (uint32_t k = 0; mine && k < condition->count; k++) {
            const struct conjunct *conjunct = &condition->conjuncts[k];
            fprintf(out, "%s{\"key\":\"%s\",\"text\":", first ? "" : ",", condition->key);
            sunder_cli_json_string(out, conjunct->text);
            fprintf(out,
                ",\"true\":%" PRIu64 ",\"false\":%" PRIu64 ",\"error\":%" PRIu64 "}",
                conjunct->seen[CAME_TRUE],
                conjunct->seen[CAME_FALSE],
                conjunct->seen[CAME_ERROR]);
            first = false;
        }
    }
    fputs("]}", out);
}

void sunder_test_coverage_json(
    const struct sunder_test_coverage *coverage, const char *path, FILE *out)
{
    const struct sunder_policy *policy = coverage->policy;
    fputs("{\"policy\":", out);
    sunder_cli_json_string(out, sunder_str_of(path));
    fputs(",\"rules\":[", out);
    for (uint32_t i = 0; i < policy->rule_count; i++) {
        const struct sunder_coverage_rule *counts = &coverage->base.rules[i];
        fputs(i == 0 ? "\n {\"rule\":" : ",\n {\"rule\":", out);
        sunder_cli_json_string(out, policy->rules[i].name);
        fprintf(out,
            ",\"judged\":%" PRIu64 ",\"fired\":%" PRIu64 ",\"excused\":%" PRIu64
            ",\"shadow\":%" PRIu64,
            coverage->rules[i].judged,
            counts->fired + counts->took,
            coverage->rules[i].excused,
            counts->watched);
        conditions_json(coverage, out, (int32_t)i, -1);
    }
    fputs("],\"catalogue\":[", out);
    for (uint32_t i = 0; i < policy->entry_count; i++) {
        const struct sunder_catalogue_entry *entry = &policy->entries[i];
        fputs(i == 0 ? "\n {\"tool\":" : ",\n {\"tool\":", out);
        sunder_cli_json_string(out, entry->tool);
        fputs(",\"action\":", out);
        sunder_cli_json_string(out, entry->action);
        fprintf(out, ",\"reached\":%" PRIu64, coverage->base.entries[i]);
        conditions_json(coverage, out, -1, (int32_t)i);
    }
    fputs("],\n \"scopes\":{\"count\":", out);
    fprintf(out, "%" PRIu32, policy->scopes.count);
    conditions_json(coverage, out, -1, -1);
    fputs("}", out);
}

void sunder_test_coverage_destroy(struct sunder_test_coverage **coverage)
{
    if (coverage == NULL || *coverage == NULL) {
        return;
    }
    sunder_coverage_destroy(&(*coverage)->base);
    sunder_regex_set_destroy(&(*coverage)->patterns);
    free((*coverage)->conditions);
    free((*coverage)->rules);
    free((*coverage)->memory);
    free(*coverage);
    *coverage = NULL;
}
