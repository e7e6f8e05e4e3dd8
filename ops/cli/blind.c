#include "ops/cli/blind.h"

#include <stdio.h>

#define TEXT(str) (int)(str).len, (str).at
#define TEXT_MAX 400

struct search {
    const struct sunder_doc *catalogue;
    const struct sunder_rule *rule;
    sunder_blind_fn *visit;
    void *ctx;
};

/* The text with which all objects of an entry begin: a literal at the start of its expression. False: not known. */
static bool prefix_of(const struct sunder_doc *entry, struct sunder_str *ret_prefix)
{
    struct sunder_str object = sunder_doc_member_text(entry, "object");
    if (object.len < 2 || (object.at[0] != '\'' && object.at[0] != '"')) {
        return false;
    }
    const char *end = memchr(object.at + 1, object.at[0], object.len - 1);
    if (end == NULL || memchr(object.at, '\\', object.len) != NULL) {
        return false;
    }
    *ret_prefix = (struct sunder_str){object.at + 1, (uint32_t)(end - object.at - 1)};
    return true;
}

static bool is_of(const struct sunder_doc *entry, struct sunder_str duty)
{
    return sunder_str_equal(sunder_doc_member_text(entry, "duty"), duty);
}

/* Whether an object of one duty can be one of the other. */
static bool can_meet(const struct search *search, struct sunder_str a, struct sunder_str b)
{
    for (uint32_t i = 0; i < search->catalogue->count; i++) {
        for (uint32_t j = 0; j < search->catalogue->count; j++) {
            const struct sunder_doc *left = &search->catalogue->items[i];
            const struct sunder_doc *right = &search->catalogue->items[j];
            struct sunder_str prefixes[2];
            if (!is_of(left, a) || !is_of(right, b)) {
                continue;
            }
            if (!prefix_of(left, &prefixes[0]) || !prefix_of(right, &prefixes[1]) ||
                sunder_str_starts_with(prefixes[0], prefixes[1]) ||
                sunder_str_starts_with(prefixes[1], prefixes[0])) {
                return true;
            }
        }
    }
    return false;
}

static void apart_find(const struct search *search, const struct sunder_str *duties, uint32_t count)
{
    for (uint32_t i = 0; i < count && search->rule->per == SUNDER_PER_OBJECT; i++) {
        for (uint32_t j = i + 1; j < count; j++) {
            if (can_meet(search, duties[i], duties[j])) {
                continue;
            }
            char text[TEXT_MAX];
            snprintf(text,
                sizeof(text),
                "%.*s and %.*s are never about the same object, so that one party may do both",
                TEXT(duties[i]),
                TEXT(duties[j]));
            search->visit(search->ctx, search->rule, "apart", text);
        }
    }
}

/* Entries whose object or case is only what the intent claims. */
static void claimed_find(const struct search *search, struct sunder_str duty)
{
    const char *member = search->rule->per == SUNDER_PER_OBJECT ? "object"
                         : search->rule->per == SUNDER_PER_CASE ? "case"
                                                                : NULL;
    for (uint32_t i = 0; i < search->catalogue->count && member != NULL; i++) {
        const struct sunder_doc *entry = &search->catalogue->items[i];
        if (!is_of(entry, duty) || sunder_doc_member(entry, member) != NULL) {
            continue;
        }
        char text[TEXT_MAX];
        snprintf(text,
            sizeof(text),
            "the %s of %.*s/%.*s (%.*s) is only what the caller claims: under another one the rule "
            "sees nothing",
            member,
            TEXT(sunder_doc_member_text(entry, "tool")),
            TEXT(sunder_doc_member_text(entry, "action")),
            TEXT(duty));
        search->visit(search->ctx, search->rule, "claimed", text);
    }
}

static bool same_call(const struct sunder_doc *a, const struct sunder_doc *b)
{
    return sunder_str_equal(sunder_doc_member_text(a, "tool"), sunder_doc_member_text(b, "tool")) &&
           sunder_str_equal(
               sunder_doc_member_text(a, "action"), sunder_doc_member_text(b, "action"));
}

/* The same call passes as something else when the condition of the duty is false. */
static void condition_find(const struct search *search, struct sunder_str duty)
{
    for (uint32_t i = 0; i < search->catalogue->count; i++) {
        const struct sunder_doc *entry = &search->catalogue->items[i];
        struct sunder_str when = sunder_doc_member_text(entry, "when");
        if (!is_of(entry, duty) || when.at == NULL) {
            continue;
        }
        for (uint32_t j = 0; j < search->catalogue->count; j++) {
            const struct sunder_doc *other = &search->catalogue->items[j];
            if (j == i || !same_call(entry, other) || is_of(other, duty)) {
                continue;
            }
            char text[TEXT_MAX];
            snprintf(text,
                sizeof(text),
                "%.*s/%.*s is %.*s only when %.*s; else it passes as %.*s",
                TEXT(sunder_doc_member_text(entry, "tool")),
                TEXT(sunder_doc_member_text(entry, "action")),
                TEXT(duty),
                TEXT(when),
                TEXT(sunder_doc_member_text(other, "duty")));
            search->visit(search->ctx, search->rule, "condition", text);
            break;
        }
    }
}

void sunder_blind_spots(const struct sunder_doc *root,
    const struct sunder_policy *policy,
    const struct sunder_rule *rule,
    sunder_blind_fn *visit,
    void *ctx)
{
    const struct search search = {.catalogue = sunder_doc_member(root, "catalogue"),
        .rule = rule,
        .visit = visit,
        .ctx = ctx};
    struct sunder_str duties[SUNDER_RULE_DUTIES_MAX];
    if (search.catalogue == NULL || search.catalogue->kind != SUNDER_DOC_LIST) {
        return;
    }
    for (uint32_t i = 0; i < rule->duty_count; i++) {
        duties[i] = policy->duties[rule->duties[i].value];
        claimed_find(&search, duties[i]);
        condition_find(&search, duties[i]);
    }
    apart_find(&search, duties, rule->duty_count);
}
