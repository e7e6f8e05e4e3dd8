#include "ops/cli/rule_text.h"

#include <stdlib.h>
#include <string.h>

#define TEXT(str) (int)(str).len, (str).at
#define WIDTH 92u

/* --- pieces --- */

static bool is(struct sunder_str text, const char *expected)
{
    return sunder_str_equal(text, sunder_str_of(expected));
}

/* A list of texts, or a scalar as a list of one. */
static uint32_t list_count(const struct sunder_doc *value)
{
    return value == NULL ? 0 : value->kind == SUNDER_DOC_SCALAR ? 1 : value->count;
}

static struct sunder_str list_item(const struct sunder_doc *value, uint32_t index)
{
    return value->kind == SUNDER_DOC_SCALAR ? value->text
           : value->kind == SUNDER_DOC_LIST ? value->items[index].text
                                            : value->entries[index].name;
}

static void list_write(FILE *out, const struct sunder_doc *value, const char *last_word)
{
    uint32_t count = list_count(value);
    for (uint32_t i = 0; i < count; i++) {
        const char *before = i == 0 ? "" : ", ";
        if (i > 0 && i + 1 == count) {
            before = last_word;
        }
        fprintf(out, "%s%.*s", before, TEXT(list_item(value, i)));
    }
}

/* The set that a separation is over. */
static const struct sunder_doc *set_of(const struct sunder_doc *rule)
{
    static const char *const NAMES[] = {"duties", "phases", "distinct", "steps"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        const struct sunder_doc *set = sunder_doc_member(rule, NAMES[i]);
        if (set != NULL) {
            return set;
        }
    }
    return NULL;
}

static void window_write(FILE *out, const struct sunder_doc *rule, const char *before)
{
    struct sunder_str within = sunder_doc_member_text(rule, "within");
    if (within.at == NULL) {
        return;
    }
    if (is(within, "task")) {
        fprintf(out, "%sas long as the task lives", before);
    } else {
        fprintf(out, "%swithin %.*s", before, TEXT(within));
    }
}

static void key_write(FILE *out, const struct sunder_doc *rule, const char *fallback)
{
    struct sunder_str per = sunder_doc_member_text(rule, "per");
    if (per.at == NULL && fallback == NULL) {
        return;
    }
    if (per.at == NULL) {
        per = sunder_str_of(fallback);
    }
    static const struct {
        const char *word;
        const char *text;
    } KEYS[] = {{"object", "for one object"},
        {"case", "in one case"},
        {"task", "in one task"},
        {"tenant", "in the whole tenant"}};
    for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
        if (is(per, KEYS[i].word)) {
            fprintf(out, " %s", KEYS[i].text);
            return;
        }
    }
    fprintf(out, " for one value of %.*s", TEXT(per));
}

/* Whose acts are put together. */
static void parties_write(FILE *out, const struct sunder_doc *rule, const char *lead)
{
    static const struct {
        const char *word;
        const char *text;
    } ROLES[] = {{"agent", "one agent with the helpers that it sent"},
        {"delegator", "those whom one agent above it sent"},
        {"principal", "all that act for one person"},
        {"credential", "all that use one credential"},
        {"actor", "the acting agent alone"},
        {"task", "all that work on one task"}};
    const struct sunder_doc *by = sunder_doc_member(rule, "by");
    bool first = true;
    fputs(lead, out);
    for (size_t i = 0; i < sizeof(ROLES) / sizeof(ROLES[0]); i++) {
        bool named = by == NULL && i < 4;
        for (uint32_t j = 0; j < list_count(by) && !named; j++) {
            named = is(list_item(by, j), ROLES[i].word);
        }
        if (named) {
            fprintf(out, "%s%s", first ? "" : "; ", ROLES[i].text);
            first = false;
        }
    }
    fputc('.', out);
}

static void effect_write(FILE *out, const struct sunder_doc *rule, const char *fallback)
{
    struct sunder_str then = sunder_doc_member_text(rule, "then");
    then = then.at == NULL ? sunder_str_of(fallback) : then;
    const struct sunder_doc *approvals = sunder_doc_member(rule, "approvals");
    if (is(then, "escalate")) {
        fputs(" needs a person to let it pass", out);
        struct sunder_str count = sunder_doc_member_text(approvals, "count");
        if (count.at != NULL) {
            fprintf(out, " (%.*s approval%s", TEXT(count), is(count, "1") ? "" : "s");
            const struct sunder_doc *from = sunder_doc_member(approvals, "from");
            fputs(from != NULL ? " from " : "", out);
            list_write(out, from, " or ");
            fputc(')', out);
        }
        fputc('.', out);
    } else if (is(then, "alert")) {
        fputs(" is allowed, and told.", out);
    } else if (is(then, "revoke")) {
        fputs(" is denied, and what was granted to those behind it is revoked.", out);
    } else {
        fputs(" is denied.", out);
    }
}

/* --- one sentence per kind --- */

static void separation_write(FILE *out, const struct sunder_doc *rule, bool distinct)
{
    const struct sunder_doc *set = set_of(rule);
    uint32_t count = list_count(set);
    struct sunder_str at_most = sunder_doc_member_text(rule, "at_most");
    fputs("Of ", out);
    list_write(out, set, " and ");
    if (at_most.at != NULL) {
        fprintf(out, " at most %.*s", TEXT(at_most));
    } else {
        fprintf(out, " at most %u", distinct || count < 2 ? 1 : count - 1);
    }
    fputs(" may lie in the same hands", out);
    key_write(out, rule, "object");
    window_write(out, rule, ", ");
    fputs(". The act that would be one too many", out);
    effect_write(out, rule, "deny");
    parties_write(out, rule, " The same hands are: ");
    if (sunder_doc_member(rule, "within") == NULL) {
        fputs(" It does not fade with time: it ends when the object or case is closed.", out);
    }
}

static void requires_write(FILE *out, const struct sunder_doc *rule)
{
    struct sunder_str first = sunder_doc_member_text(rule, "requires");
    struct sunder_str then = sunder_doc_member_text(rule, "before");
    fprintf(out, "A %.*s without an earlier %.*s", TEXT(then), TEXT(first));
    key_write(out, rule, "object");
    effect_write(out, rule, "deny");
    if (sunder_doc_member(rule, "by") == NULL) {
        fputs(" Whoever did the earlier act counts.", out);
    } else {
        parties_write(out, rule, " The earlier act must be of the same hands: ");
    }
}

static void limit_write(FILE *out, const struct sunder_doc *rule)
{
    struct sunder_str sum = sunder_doc_member_text(rule, "sum");
    struct sunder_str distinct = sunder_doc_member_text(rule, "distinct");
    const struct sunder_doc *of = sunder_doc_member(rule, "of");
    struct sunder_str currency = sunder_doc_member_text(rule, "currency");
    if (sum.at != NULL) {
        fprintf(out, "The sum of %.*s", TEXT(sum));
    } else if (distinct.at != NULL) {
        fprintf(out, "The number of different values of %.*s", TEXT(distinct));
    } else {
        fputs("The number of acts", out);
    }
    if (of != NULL) {
        fputs(" over ", out);
        list_write(out, of, " and ");
    }
    key_write(out, rule, NULL);
    window_write(out, rule, ", ");
    fprintf(out, ", may reach %.*s", TEXT(sunder_doc_member_text(rule, "max")));
    if (currency.at != NULL) {
        fprintf(out, " %.*s", TEXT(currency));
    }
    fputs(", the new act included. An act beyond that", out);
    effect_write(out, rule, "deny");
    parties_write(out, rule, " Counted together: ");
}

static void sequence_write(FILE *out, const struct sunder_doc *rule)
{
    fputs("An act that completes ", out);
    list_write(out, sunder_doc_member(rule, "steps"), ", then ");
    key_write(out, rule, NULL);
    window_write(out, rule, ", ");
    effect_write(out, rule, "deny");
    if (is(sunder_doc_member_text(rule, "along"), "information")) {
        fputs(" The steps are followed along the information: through whoever passed it on, and "
              "through the task.",
            out);
    } else {
        parties_write(out, rule, " The steps are of the same hands: ");
    }
}

static void when_write(FILE *out, const struct sunder_doc *rule, const char *fallback)
{
    const struct sunder_doc *require = sunder_doc_member(rule, "require");
    fprintf(out, "An act for which `%.*s` holds", TEXT(sunder_doc_member_text(rule, "when")));
    bool asks = sunder_doc_member(rule, "then") != NULL ||
                sunder_doc_member(rule, "approvals") != NULL || require == NULL;
    if (require != NULL) {
        fputs(" must say ", out);
        list_write(out, require, " and ");
        fputs(asks ? ", and" : ".", out);
    }
    if (asks) {
        effect_write(out, rule, fallback);
    }
}

static void excuses_write(FILE *out, const struct sunder_doc *rule)
{
    struct sunder_str unless = sunder_doc_member_text(rule, "unless");
    if (unless.at != NULL) {
        fprintf(out, " Excused while `%.*s` is true.", TEXT(unless));
    }
    const struct sunder_doc *except = sunder_doc_member(rule, "except");
    for (uint32_t i = 0; except != NULL && except->kind == SUNDER_DOC_LIST && i < except->count;
         i++) {
        const struct sunder_doc *one = &except->items[i];
        fprintf(out,
            " Until %.*s, on the word of %.*s, excused when `%.*s`.",
            TEXT(sunder_doc_member_text(one, "until")),
            TEXT(sunder_doc_member_text(one, "owner")),
            TEXT(sunder_doc_member_text(one, "when")));
    }
    struct sunder_str mode = sunder_doc_member_text(rule, "mode");
    if (is(mode, "shadow")) {
        fputs(" For now it only watches: decisions tell what it would have done.", out);
    } else if (is(mode, "off")) {
        fputs(" It is switched off.", out);
    }
}

/* Breaks a text into lines between words. */
static void wrapped(FILE *out, const char *text)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        if (column > 0 && column + 1 + len > WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        column += (size_t)fprintf(out, "%s%.*s", column == 0 ? "  " : " ", (int)len, text);
        text += len;
        text += *text == ' ';
    }
    fputc('\n', out);
}

void sunder_rule_sentence(FILE *out, const struct sunder_doc *rule)
{
    struct sunder_str kind = {0};
    struct sunder_str name = {0};
    char *text = NULL;
    size_t len = 0;
    FILE *page = open_memstream(&text, &len);
    if (page == NULL || !sunder_doc_rule(rule, &kind, &name)) {
        return;
    }
    if (is(kind, "separation") || is(kind, "distinct")) {
        separation_write(page, rule, is(kind, "distinct"));
    } else if (is(kind, "requires")) {
        requires_write(page, rule);
    } else if (is(kind, "limit")) {
        limit_write(page, rule);
    } else if (is(kind, "sequence")) {
        sequence_write(page, rule);
    } else {
        when_write(page, rule, is(kind, "gate") ? "escalate" : "deny");
    }
    excuses_write(page, rule);
    if (fclose(page) == 0) {
        wrapped(out, text);
    }
    free(text);
}

/* --- pictures --- */

static uint32_t widest(const struct sunder_doc *list)
{
    uint32_t width = 0;
    for (uint32_t i = 0; i < list_count(list); i++) {
        uint32_t len = list_item(list, i).len;
        width = len > width ? len : width;
    }
    return width;
}

static void set_picture(FILE *out, const struct sunder_doc *rule, bool distinct)
{
    const struct sunder_doc *set = set_of(rule);
    uint32_t count = list_count(set);
    int width = (int)widest(set);
    struct sunder_str at_most = sunder_doc_member_text(rule, "at_most");
    for (uint32_t i = 0; i < count; i++) {
        const char *corner = i == 0 ? "--+" : i + 1 == count ? "--+" : "--|";
        struct sunder_str item = list_item(set, i);
        fprintf(out, "    %.*s %*s%s", TEXT(item), width - (int)item.len, "", corner);
        if (i == (count - 1) / 2) {
            fputs("-- not more than ", out);
            if (at_most.at != NULL) {
                fprintf(out, "%.*s", TEXT(at_most));
            } else {
                fprintf(out, "%u", distinct || count < 2 ? 1 : count - 1);
            }
            fputs(" in the same hands", out);
            key_write(out, rule, "object");
        }
        fputc('\n', out);
    }
}

static void order_picture(FILE *out, const struct sunder_doc *rule, bool requires)
{
    fputs("    ", out);
    if (requires) {
        fprintf(out,
            "%.*s  ==must come first==>  %.*s\n",
            TEXT(sunder_doc_member_text(rule, "requires")),
            TEXT(sunder_doc_member_text(rule, "before")));
        return;
    }
    const struct sunder_doc *steps = sunder_doc_member(rule, "steps");
    for (uint32_t i = 0; i < list_count(steps); i++) {
        fprintf(out, "%s%.*s", i == 0 ? "" : "  -->  ", TEXT(list_item(steps, i)));
    }
    fputs("  <-- the last one is stopped\n", out);
}

static void limit_picture(FILE *out, const struct sunder_doc *rule)
{
    struct sunder_str within = sunder_doc_member_text(rule, "within");
    struct sunder_str max = sunder_doc_member_text(rule, "max");
    fputs("    ...--x----x--", out);
    fprintf(out, "[--x---x--x--now]   x + x + now <= %.*s", TEXT(max));
    fprintf(out, "\n                 ");
    if (within.at != NULL) {
        fprintf(out, "<-- %.*s -->\n", TEXT(within));
    } else {
        fputs("since ever\n", out);
    }
}

static void gate_picture(FILE *out, const struct sunder_doc *rule, bool gate)
{
    struct sunder_str then = sunder_doc_member_text(rule, "then");
    const struct sunder_doc *require = gate ? sunder_doc_member(rule, "require") : NULL;
    bool only = require != NULL && then.at == NULL && sunder_doc_member(rule, "approvals") == NULL;
    bool asks = then.at == NULL ? gate : is(then, "escalate");
    fprintf(out, "    act --> %.*s ?\n", TEXT(sunder_doc_member_text(rule, "when")));
    if (gate) { /* S20: where a condition fires, a gate does not ask. */
        fputs("              what it reads is absent   --> denied (context_missing)\n", out);
    }
    if (require != NULL) {
        fputs("              yes, and it lacks ", out);
        list_write(out, require, " or ");
        fputs("  --> denied (context_missing)\n", out);
    }
    fprintf(out,
        "              %s --> %s\n",
        gate ? "yes, or another error    " : "yes, or it cannot be told",
        only                ? "passes this rule"
        : asks              ? "a person decides"
        : is(then, "alert") ? "passes, and is told"
                            : "denied");
    fputs("              no                        --> passes this rule\n", out);
}

void sunder_rule_picture(FILE *out, const struct sunder_doc *rule)
{
    struct sunder_str kind = {0};
    struct sunder_str name = {0};
    if (!sunder_doc_rule(rule, &kind, &name)) {
        return;
    }
    if (is(kind, "separation") || is(kind, "distinct")) {
        set_picture(out, rule, is(kind, "distinct"));
    } else if (is(kind, "requires") || is(kind, "sequence")) {
        order_picture(out, rule, is(kind, "requires"));
    } else if (is(kind, "limit")) {
        limit_picture(out, rule);
    } else {
        gate_picture(out, rule, is(kind, "gate"));
    }
}

void sunder_rule_duties(const struct sunder_doc *rule, sunder_rule_duty_fn *visit, void *ctx)
{
    static const char *const NAMES[] = {
        "duties", "distinct", "steps", "of", "attempts_of", "requires", "before"};
    struct sunder_str kind = {0};
    struct sunder_str name = {0};
    if (!sunder_doc_rule(rule, &kind, &name)) {
        return;
    }
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        bool value = is(kind, "limit") && strcmp(NAMES[i], "distinct") == 0;
        const struct sunder_doc *list = value ? NULL : sunder_doc_member(rule, NAMES[i]);
        for (uint32_t j = 0; j < list_count(list); j++) {
            struct sunder_str item = list_item(list, j);
            if (!is(item, "attempts")) {
                visit(ctx, item);
            }
        }
    }
}
