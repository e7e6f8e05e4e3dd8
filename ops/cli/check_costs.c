#include "ops/cli/check_costs.h"

#include <inttypes.h>
#include <stdlib.h>

#include "engine/expr/expr_facts.h"
#include "engine/policy/policy_find.h"
#include "ops/cli/cli_json.h"

#define EXPRESSIONS_MAX 40u
#define TEXT(str) (int)(str).len, (str).at

/* The conditions of a rule, or of an entry of the catalogue. */
struct expressions {
    struct {
        const char *key;
        const struct sunder_expr *expr;
    } at[EXPRESSIONS_MAX];
    uint32_t count;
};

static void add(struct expressions *list, const char *key, const struct sunder_expr *expr)
{
    if (expr != NULL && list->count < EXPRESSIONS_MAX) {
        list->at[list->count].key = key;
        list->at[list->count].expr = expr;
        list->count++;
    }
}

static struct expressions of_rule(const struct sunder_rule *rule)
{
    struct expressions list = {.count = 0};
    add(&list, "when", rule->when);
    add(&list, "per", rule->per_expr);
    add(&list, "unless", rule->unless);
    for (uint32_t i = 0; i < rule->except_count; i++) {
        add(&list, "except", rule->except[i].when);
    }
    add(&list, rule->aggregate == SUNDER_AGGREGATE_SUM ? "sum" : "distinct", rule->value);
    return list;
}

static struct expressions of_entry(const struct sunder_catalogue_entry *entry)
{
    struct expressions list = {.count = 0};
    add(&list, "when", entry->when);
    add(&list, "object", entry->object);
    add(&list, "case", entry->case_id);
    return list;
}

static uint64_t units_of(const struct expressions *list)
{
    uint64_t units = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        units += sunder_expr_cost(list->at[i].expr)->units;
    }
    return units;
}

/* The dearest part of all; NULL when there is none. *ret_key: of which condition. */
static const struct sunder_expr_factor *dearest(
    const struct expressions *list, const char **ret_key)
{
    const struct sunder_expr_factor *best = NULL;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct sunder_expr_cost *cost = sunder_expr_cost(list->at[i].expr);
        if (cost->factor_count > 0 && (best == NULL || cost->factors[0].units > best->units)) {
            best = &cost->factors[0];
            *ret_key = list->at[i].key;
        }
    }
    return best;
}

/* Which acts make the engine look at the rule. */
static bool looked_at_always(const struct sunder_policy *policy, const struct sunder_rule *rule)
{
    if (rule->when != NULL) {
        return !sunder_policy_place_of(policy, rule).placed;
    }
    return rule->phases == 0 && rule->duty_count == 0;
}

/* Where the index has put a gate or condition. */
static void place_write(
    FILE *out, const struct sunder_policy *policy, const struct sunder_rule *rule)
{
    struct sunder_policy_place place = sunder_policy_place_of(policy, rule);
    uint32_t count = 0;
    const struct sunder_expr_guard *guard = sunder_expr_guards(rule->when, &count);
    while (count > 1 && (guard->field != place.field || guard->prefix != place.prefix)) {
        guard += 1;
        count -= 1;
    }
    fprintf(out, "%.*s ", TEXT(sunder_field_name(place.field)));
    for (uint32_t i = 0; i < guard->count && i < 3; i++) {
        fprintf(
            out, "%s%.*s%s", i == 0 ? "" : ", ", TEXT(guard->values[i]), place.prefix ? "..." : "");
    }
    if (guard->count > 3) {
        fprintf(out, " and %" PRIu32 " more", guard->count - 3);
    }
    if (place.second) {
        fprintf(out, ", then its %.*s", TEXT(sunder_field_name(place.second_field)));
    }
    if (place.worst > 1) {
        fprintf(out, " (with %" PRIu32 " other rules)", place.worst - 1);
    }
}

static void duties_write(
    FILE *out, const struct sunder_policy *policy, const struct sunder_rule *rule)
{
    if (rule->phases != 0) {
        fputs("acts of its phases", out);
        return;
    }
    if (looked_at_always(policy, rule)) {
        fputs("every act", out);
        return;
    }
    if (rule->when != NULL) {
        place_write(out, policy, rule);
        return;
    }
    if (rule->kind == SUNDER_RULE_REQUIRES) {
        fprintf(out, "%.*s", TEXT(policy->duties[rule->before.value]));
        return;
    }
    for (uint32_t i = 0; i < rule->duty_count && i < 3; i++) {
        fprintf(out, "%s%.*s", i == 0 ? "" : ", ", TEXT(policy->duties[rule->duties[i].value]));
    }
    if (rule->duty_count > 3) {
        fprintf(out, " and %" PRIu32 " more", rule->duty_count - 3);
    }
}

static const struct sunder_catalogue_entry *dearest_entry(
    const struct sunder_policy *policy, uint64_t *ret_units)
{
    const struct sunder_catalogue_entry *best = NULL;
    *ret_units = 0;
    for (uint32_t i = 0; i < policy->entry_count; i++) {
        struct expressions list = of_entry(&policy->entries[i]);
        uint64_t units = units_of(&list);
        if (units > *ret_units) {
            *ret_units = units;
            best = &policy->entries[i];
        }
    }
    return best;
}

void sunder_check_costs_text(FILE *out, const struct sunder_policy *policy)
{
    fprintf(out,
        "%-28s %-11s %8s  %-44s %s\n",
        "rule",
        "kind",
        "units",
        "looked at for",
        "dearest part");
    for (uint32_t i = 0; i < policy->rule_count; i++) {
        const struct sunder_rule *rule = &policy->rules[i];
        struct expressions list = of_rule(rule);
        fprintf(out,
            "%-28.*s %-11.*s %8" PRIu64 "  ",
            TEXT(rule->name),
            TEXT(rule->kind_text),
            units_of(&list));
        char *text = NULL;
        size_t len = 0;
        FILE *duties = open_memstream(&text, &len);
        if (duties != NULL) {
            duties_write(duties, policy, rule);
            if (fclose(duties) == 0) {
                fprintf(out, "%-44s ", text);
            }
            free(text);
        }
        const char *key = "";
        const struct sunder_expr_factor *factor = dearest(&list, &key);
        if (factor != NULL) {
            fprintf(out, "%s: %s (%" PRIu64 ")", key, factor->text, factor->units);
        } else {
            fputs("-", out);
        }
        fputc('\n', out);
    }
    uint64_t units = 0;
    const struct sunder_catalogue_entry *entry = dearest_entry(policy, &units);
    if (entry != NULL) {
        fprintf(out,
            "the dearest entry of the catalogue: %.*s/%.*s, %" PRIu64 " units\n",
            TEXT(entry->tool),
            TEXT(entry->action),
            units);
    }
    fputs("looked at for: acts with one of these duties, or values; for all others the rule costs "
          "nothing\n"
          "units: instructions of all conditions of the rule at worst, for one subject and key; 0: "
          "it "
          "has none. What it reads\n"
          "of its state comes to it. A condition may take 10,000 at most\n",
        out);
}

static void factors_json(FILE *out, const struct expressions *list)
{
    bool first = true;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct sunder_expr_cost *cost = sunder_expr_cost(list->at[i].expr);
        for (uint32_t k = 0; k < cost->factor_count; k++) {
            fprintf(out, "%s{\"key\":\"%s\",\"expression\":", first ? "" : ",", list->at[i].key);
            sunder_cli_json_string(out, sunder_expr_source(list->at[i].expr));
            fprintf(out,
                ",\"offset\":%" PRIu32 ",\"units\":%" PRIu64 ",\"text\":",
                cost->factors[k].offset,
                cost->factors[k].units);
            sunder_cli_json_string(out, sunder_str_of(cost->factors[k].text));
            fputc('}', out);
            first = false;
        }
    }
}

void sunder_check_costs_json(FILE *out, const struct sunder_policy *policy)
{
    fputc('[', out);
    for (uint32_t i = 0; i < policy->rule_count; i++) {
        const struct sunder_rule *rule = &policy->rules[i];
        struct expressions list = of_rule(rule);
        fputs(i == 0 ? "{\"rule\":" : ",{\"rule\":", out);
        sunder_cli_json_string(out, rule->name);
        fputs(",\"kind\":", out);
        sunder_cli_json_string(out, rule->kind_text);
        fprintf(out,
            ",\"units\":%" PRIu64 ",\"every_act\":%s,\"duties\":[",
            units_of(&list),
            looked_at_always(policy, rule) ? "true" : "false");
        bool waits = rule->kind == SUNDER_RULE_REQUIRES;
        const struct sunder_duty_id *duties = waits ? &rule->before : rule->duties;
        for (uint32_t k = 0; k < (waits ? 1 : rule->duty_count); k++) {
            fputs(k == 0 ? "" : ",", out);
            sunder_cli_json_string(out, policy->duties[duties[k].value]);
        }
        fputs("],\"factors\":[", out);
        factors_json(out, &list);
        fputs("]}", out);
    }
    fputc(']', out);
}
