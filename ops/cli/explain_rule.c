/* `sunder explain RULE --policy FILE`: a rule in plain English. */
#include "ops/cli/explain_rule.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/cli_json.h"
#include "ops/cli/render.h"
#include "ops/cli/rule_text.h"

#define TEXT(str) (int)(str).len, (str).at

static const struct sunder_str LABEL = {"label:", 6};

struct page {
    const struct sunder_doc *root;
    const struct sunder_doc *rule;
    FILE *out;
    bool json;
    bool labels;    /* with json: those of the steps, else the duties */
    uint32_t count; /* of what was written into a list */
};

static bool lists(const struct sunder_doc *entry, const char *member, struct sunder_str text)
{
    const struct sunder_doc *list = sunder_doc_member(entry, member);
    if (list == NULL || list->kind == SUNDER_DOC_SCALAR) {
        return list != NULL && sunder_str_equal(list->text, text);
    }
    for (uint32_t i = 0; list->kind == SUNDER_DOC_LIST && i < list->count; i++) {
        if (sunder_str_equal(list->items[i].text, text)) {
            return true;
        }
    }
    return false;
}

/* Whether an entry of the catalogue brings the duty, itself or through what it causes, or `label:NAME`, carried or gained. */
static bool brings(const struct sunder_doc *entry, struct sunder_str duty, bool *ret_caused)
{
    *ret_caused = false;
    if (sunder_str_starts_with(duty, LABEL)) {
        struct sunder_str label = {duty.at + LABEL.len, duty.len - LABEL.len};
        return lists(entry, "labels", label) || lists(entry, "gains", label);
    }
    if (sunder_str_equal(sunder_doc_member_text(entry, "duty"), duty)) {
        return true;
    }
    *ret_caused = lists(entry, "causes", duty);
    return *ret_caused;
}

static void entry_text(struct page *page, const struct sunder_doc *entry, bool caused)
{
    struct sunder_str when = sunder_doc_member_text(entry, "when");
    fprintf(page->out,
        "      %.*s/%.*s",
        TEXT(sunder_doc_member_text(entry, "tool")),
        TEXT(sunder_doc_member_text(entry, "action")));
    if (caused) {
        fprintf(page->out, ", caused by %.*s", TEXT(sunder_doc_member_text(entry, "duty")));
    }
    if (when.at != NULL) {
        fprintf(page->out, ", when %.*s", TEXT(when));
    }
    fprintf(page->out, "  (line %" PRIu32 ")\n", entry->line);
}

static void entry_json(struct page *page, const struct sunder_doc *entry, bool caused)
{
    static const char *const NAMES[] = {"tool", "action", "when"};
    fprintf(page->out,
        "%s{\"line\":%" PRIu32 ",\"caused\":%s",
        page->count == 0 ? "" : ",",
        entry->line,
        caused ? "true" : "false");
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        struct sunder_str text = sunder_doc_member_text(entry, NAMES[i]);
        if (text.at != NULL) {
            fprintf(page->out, ",\"%s\":", NAMES[i]);
            sunder_cli_json_string(page->out, text);
        }
    }
    fputc('}', page->out);
}

/* duty: or a label's step. */
static void duty_write(void *ctx, struct sunder_str duty)
{
    struct page *page = ctx;
    bool label = sunder_str_starts_with(duty, LABEL);
    if (page->json && label != page->labels) {
        return;
    }
    if (page->json) {
        struct sunder_str name =
            label ? (struct sunder_str){duty.at + LABEL.len, duty.len - LABEL.len} : duty;
        fprintf(page->out, "%s{\"%s\":", page->count == 0 ? "" : ",", label ? "label" : "duty");
        sunder_cli_json_string(page->out, name);
        fputs(",\"mapped\":[", page->out);
    } else {
        fprintf(page->out, "    %.*s\n", TEXT(duty));
    }
    page->count = 0;
    const struct sunder_doc *catalogue = sunder_doc_member(page->root, "catalogue");
    for (uint32_t i = 0;
         catalogue != NULL && catalogue->kind == SUNDER_DOC_LIST && i < catalogue->count;
         i++) {
        bool caused = false;
        if (!brings(&catalogue->items[i], duty, &caused)) {
            continue;
        }
        (page->json ? entry_json : entry_text)(page, &catalogue->items[i], caused);
        page->count += 1;
    }
    if (page->json) {
        fputs("]}", page->out);
    } else if (page->count == 0) {
        fputs("      no entry of the catalogue brings it\n", page->out);
    }
    if (!page->json && label) {
        fputs("      or an act that claims it\n", page->out);
    }
    page->count = 1;
}

/* Duties of the catalogue that the rule's condition names in quotes, each once. */
static void quoted_write(struct page *page)
{
    struct sunder_str when = sunder_doc_member_text(page->rule, "when");
    const struct sunder_doc *catalogue = sunder_doc_member(page->root, "catalogue");
    for (uint32_t i = 0; catalogue != NULL && catalogue->kind == SUNDER_DOC_LIST &&
                         i < catalogue->count && when.at != NULL;
         i++) {
        struct sunder_str duty = sunder_doc_member_text(&catalogue->items[i], "duty");
        bool again = false;
        for (uint32_t k = 0; k < i && !again; k++) {
            again = sunder_str_equal(duty, sunder_doc_member_text(&catalogue->items[k], "duty"));
        }
        bool named = false;
        for (uint32_t at = 1; at + duty.len < when.len && !again && !named; at++) {
            char before = when.at[at - 1];
            named = (before == '\'' || before == '"') && when.at[at + duty.len] == before &&
                    memcmp(when.at + at, duty.at, duty.len) == 0;
        }
        if (named) {
            duty_write(page, duty);
        }
    }
}

/* Every duty that the rule is about. */
static void duties_write(struct page *page)
{
    page->count = 0;
    sunder_rule_duties(page->rule, duty_write, page);
    if (page->count == 0) {
        quoted_write(page);
    }
}

static const char *mode_text(struct sunder_str mode)
{
    if (sunder_str_equal(mode, SUNDER_STR("shadow"))) {
        return "only watching";
    }
    return sunder_str_equal(mode, SUNDER_STR("off")) ? "switched off" : "in force";
}

static void tags_write(struct page *page)
{
    const struct sunder_doc *tags = sunder_doc_member(page->rule, "tags");
    for (uint32_t i = 0; tags != NULL && tags->kind == SUNDER_DOC_LIST && i < tags->count; i++) {
        fprintf(page->out, "%s%.*s", i == 0 ? "\n  tags  " : ", ", TEXT(tags->items[i].text));
    }
    fputs(tags != NULL ? "\n" : "", page->out);
}

static bool has_label_step(const struct sunder_doc *rule)
{
    const struct sunder_doc *steps = sunder_doc_member(rule, "steps");
    bool found = false;
    for (uint32_t i = 0; steps != NULL && steps->kind == SUNDER_DOC_LIST && i < steps->count; i++) {
        found = found || sunder_str_starts_with(steps->items[i].text, LABEL);
    }
    return found;
}

static void text_write(struct page *page, const struct sunder_policy_doc *doc, const char *path)
{
    struct sunder_str kind = {0};
    struct sunder_str name = {0};
    (void)sunder_doc_rule(page->rule, &kind, &name);
    fprintf(page->out,
        "%.*s: a %.*s rule, %s (%s:%" PRIu32 ")\n\n",
        TEXT(name),
        TEXT(kind),
        mode_text(sunder_doc_member_text(page->rule, "mode")),
        path,
        page->rule->line);
    sunder_rule_sentence(page->out, page->rule);
    fputc('\n', page->out);
    sunder_rule_picture(page->out, page->rule);
    fputs(has_label_step(page->rule) ? "\n  what brings these duties and labels\n"
                                     : "\n  what brings these duties\n",
        page->out);
    duties_write(page);
    if (page->count == 0) {
        fputs("    it names none: it looks at every act\n", page->out);
    }
    tags_write(page);
    fputs("\n  as written\n", page->out);
    sunder_policy_doc_excerpt(doc, page->rule, page->out);
}

static void json_write(struct page *page, const char *path)
{
    struct sunder_str kind = {0};
    struct sunder_str name = {0};
    (void)sunder_doc_rule(page->rule, &kind, &name);
    struct sunder_str mode = sunder_doc_member_text(page->rule, "mode");
    fputs("{\"rule\":", page->out);
    sunder_cli_json_string(page->out, name);
    fputs(",\"kind\":", page->out);
    sunder_cli_json_string(page->out, kind);
    fputs(",\"mode\":", page->out);
    sunder_cli_json_string(page->out, mode.at != NULL ? mode : SUNDER_STR("enforce"));
    fputs(",\"file\":", page->out);
    sunder_cli_json_string(page->out, sunder_str_of(path));
    fprintf(page->out, ",\"line\":%" PRIu32 ",\"text\":", page->rule->line);
    char *text = NULL;
    size_t len = 0;
    FILE *sentence = open_memstream(&text, &len);
    if (sentence != NULL) {
        sunder_rule_sentence(sentence, page->rule);
        (void)fclose(sentence);
        /* One line. */
        size_t used = 0;
        for (size_t i = 0; i < len; i++) {
            bool blank = text[i] == '\n' || text[i] == ' ';
            if (!blank || (used > 0 && text[used - 1] != ' ')) {
                text[used++] = blank ? ' ' : text[i];
            }
        }
        used -= used > 0 && text[used - 1] == ' ';
        sunder_cli_json_string(page->out, (struct sunder_str){text, (uint32_t)used});
        free(text);
    }
    fputs(",\"duties\":[", page->out);
    duties_write(page);
    fputs("],\"labels\":[", page->out);
    page->labels = true;
    duties_write(page);
    fputs("]}\n", page->out);
}

/* Names the rules that there are, the most alike first said. */
static void unknown_complain(const struct sunder_doc *root, struct sunder_str name)
{
    const struct sunder_doc *rules = sunder_doc_member(root, "rules");
    uint32_t count = rules != NULL && rules->kind == SUNDER_DOC_LIST ? rules->count : 0;
    char(*names)[SUNDER_RULE_NAME_SHOWN] = calloc(count + 1, sizeof(*names));
    const char **list = calloc(count + 1, sizeof(const char *));
    for (uint32_t i = 0; i < count && names != NULL && list != NULL; i++) {
        struct sunder_str kind = {0};
        struct sunder_str own = {0};
        (void)sunder_doc_rule(&rules->items[i], &kind, &own);
        snprintf(names[i], sizeof(names[i]), "%.*s", TEXT(own));
        list[i] = names[i];
    }
    char wanted[SUNDER_RULE_NAME_SHOWN];
    snprintf(wanted, sizeof(wanted), "%.*s", TEXT(name));
    const char *near = list == NULL ? NULL : sunder_cli_nearest(wanted, list, count);
    sunder_cli_complain("explain: the policy has no rule '%s'%s%s%s",
        wanted,
        near != NULL ? "; did you mean '" : "",
        near != NULL ? near : "",
        near != NULL ? "'?" : "; for an intent give --in EVENTS, or a file of decisions before it");
    free(names);
    free(list);
}

enum sunder_exit sunder_explain_rule(const char *path, struct sunder_str name, bool json)
{
    struct sunder_policy_doc *doc = NULL;
    struct sunder_fail fail;
    if (sunder_policy_doc_open(path, &doc, &fail) != SUNDER_OK) {
        sunder_cli_complain("explain: %s", fail.text);
        return fail.code == SUNDER_ERR_IO && fail.vendor == EACCES ? SUNDER_EXIT_PERMISSION
                                                                   : SUNDER_EXIT_CONFIGURATION;
    }
    struct page page = {.root = sunder_policy_doc_root(doc), .json = json};
    page.rule = sunder_policy_doc_rule(doc, name);
    if (page.rule == NULL) {
        unknown_complain(page.root, name);
        sunder_policy_doc_destroy(&doc);
        return SUNDER_EXIT_FAILED;
    }
    char *text = NULL;
    size_t len = 0;
    page.out = open_memstream(&text, &len);
    if (page.out == NULL) {
        sunder_policy_doc_destroy(&doc);
        return SUNDER_EXIT_FAILED;
    }
    if (json) {
        json_write(&page, path);
    } else {
        text_write(&page, doc, path);
    }
    if (fclose(page.out) == 0) {
        const struct sunder_render render = {.out = stdout};
        sunder_render_text(&render, text, len);
    }
    free(text);
    sunder_policy_doc_destroy(&doc);
    return SUNDER_EXIT_OK;
}
