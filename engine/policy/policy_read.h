/* Private to engine/policy: one compilation, its complaints, and readers of a document's values. Pure.
 * Every reader complains itself and returns false (or something absent) when the value is not what it should be. */
#pragma once

#include "engine/base/arena.h"
#include "engine/model/doc.h"
#include "engine/policy/policy.h"
#include "engine/policy/policy_compile.h"

/* SUNDER_STR for static tables, where C17 wants a constant. */
#define POLICY_WORD(text)                                                                          \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

/* A legal key or word. later: POLICY has it, this build does not. */
struct policy_word {
    struct sunder_str name;
    uint32_t value;
    bool later;
};

struct policy_words {
    const struct policy_word *at;
    uint32_t count;
};
/* All of a static table. */
#define POLICY_WORDS(table) ((struct policy_words){(table), sizeof(table) / sizeof((table)[0])})

/* A rule before it has its place in the policy. */
struct policy_draft {
    struct sunder_rule rule;
    const struct sunder_doc *doc;
    const struct sunder_doc *name_doc;
    const struct sunder_doc *per_doc;   /* NULL: the default. */
    const struct sunder_doc *when_doc;  /* NULL: no gate, no condition. */
    const struct sunder_doc *steps_doc; /* NULL: no sequence. */
    bool failed;
};

/* Keys of the head that are read once the duties are known; NULL: not there. */
struct policy_context_docs {
    const struct sunder_doc *require;
    const struct sunder_doc *purposes;
    const struct sunder_doc *entitle;
    const struct sunder_doc *scopes;
    const struct sunder_doc *rates;
    const struct sunder_doc *disclose;
    const struct sunder_doc *tests;
};

/* names     the duties of the catalogue in byte order
 * named     per duty: a rule names it
 * full      the arena ran out; everything after it is of no use */
struct policy_compile {
    struct sunder_arena *arena;
    const struct sunder_regex *regex;
    struct sunder_complaints *complaints;
    struct sunder_policy *policy;
    const struct sunder_doc *catalogue;
    struct sunder_str *duties;
    uint32_t duty_count;
    bool *named;
    struct policy_draft *drafts;
    uint32_t draft_count;
    const struct sunder_doc *approvals_doc;
    struct sunder_wanted approvals; /* The default; count 0: none. */
    bool approvals_used;
    const struct sunder_doc *domain_doc;
    struct policy_context_docs context;
    uint32_t find_depth; /* of the node of policy_find.c at hand, and the fields above it */
    sunder_field_set find_used;
    bool full;
};

/* Memory of the policy; NULL and c->full when there is no room. */
void *policy_alloc(struct policy_compile *c, size_t size, size_t align, size_t count);
#define POLICY_NEW(c, type, count)                                                                 \
    ((type *)policy_alloc((c), sizeof(type), _Alignof(type), (count)))

void policy_complain(struct policy_compile *c,
    struct sunder_complaint at,
    const struct sunder_str *parts,
    uint32_t count);
/* what: the level; kind: of SUNDER_COMPLAINT_CODES. */
#define POLICY_SAY(c, what, kind, where, ...)                                                      \
    policy_complain((c),                                                                           \
        (struct sunder_complaint){.level = SUNDER_COMPLAINT_##what,                                \
            .code = SUNDER_COMPLAINT_CODE_##kind,                                                  \
            .line = (where)->line,                                                                 \
            .column = (where)->column},                                                            \
        (const struct sunder_str[]){__VA_ARGS__},                                                  \
        (uint32_t)(sizeof((const struct sunder_str[]){__VA_ARGS__}) / sizeof(struct sunder_str)))

/* Reads a map with the given keys: ret_values[i] is the value of keys.at[i], NULL when it is not there. Unknown keys and keys of
 * later builds are complaints. what: "the policy", "a rule", ... False when it is no map. */
bool policy_read_map(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct policy_words keys,
    const struct sunder_doc **ret_values);
/* Complains about a key that is none of `keys`. */
void policy_unknown_key(
    struct policy_compile *c, const struct sunder_doc_entry *entry, struct policy_words keys);

/* `null`, `~` or nothing, without quotes. */
bool policy_is_null(const struct sunder_doc *doc);
/* A scalar that has a value. what: the key, for the complaint. */
bool policy_read_text(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct sunder_str *ret_text);
/* [A-Za-z0-9._-]{1,256} */
bool policy_read_name(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct sunder_str *ret_name);
/* Three capital letters. */
bool policy_is_currency(struct sunder_str text);
bool policy_read_currency(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct sunder_str *ret_code);
/* One of the words. */
bool policy_read_word(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct policy_words words,
    uint32_t *ret_value);
/* Words as bits: one word or a list without repeats. */
bool policy_read_bits(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct policy_words words,
    uint32_t *ret_bits);
bool policy_read_bool(
    struct policy_compile *c, const struct sunder_doc *doc, struct sunder_str what, bool *ret_bool);
/* A whole number without quotes. */
bool policy_read_count(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    uint32_t *ret_count);
/* 500ms 10s 10m 24h 7d; more than nothing, at most 3650 days. */
bool policy_read_duration(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    int64_t *ret_ms);
/* An expression; NULL after a complaint. */
const struct sunder_expr *policy_read_expr(struct policy_compile *c,
    const struct sunder_doc *doc,
    sunder_field_set allowed,
    enum sunder_type wanted);

/* Where in the file an offset of a scalar's text is; the scalar's start when the text spans lines. */
struct sunder_complaint policy_place(const struct sunder_doc *doc, uint32_t offset);

/* Fields an expression may read in rules, in their keys and values, and in the catalogue. */
#define POLICY_FIELDS_RULE SUNDER_FIELDS_ALL
#define POLICY_FIELDS_KEY (POLICY_FIELDS_RULE & ~SUNDER_FIELD_BIT(SUNDER_FIELD_HISTORY))
#define POLICY_FIELDS_CATALOGUE                                                                    \
    (POLICY_FIELDS_KEY &                                                                           \
        ~(SUNDER_FIELD_BIT(SUNDER_FIELD_DUTY) | SUNDER_FIELD_BIT(SUNDER_FIELD_PHASE) |             \
            SUNDER_FIELD_BIT(SUNDER_FIELD_TIER) | SUNDER_FIELD_BIT(SUNDER_FIELD_DUTIES)))

/* One text or a list of them without repeats, not empty. */
bool policy_read_texts(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct sunder_strs *ret_texts);

/* A duty that a rule names: its id. False, after a complaint, when no entry of the catalogue maps it. */
bool policy_read_duty(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct sunder_duty_id *ret_duty);
/* The same for a place that only mentions it: it is then not yet looked at by a rule. */
bool policy_find_duty(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct sunder_duty_id *ret_duty);
/* One duty or a list of them, sorted, without repeats, at most SUNDER_RULE_DUTIES_MAX. */
bool policy_read_duties(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    const struct sunder_duty_id **ret_duties,
    uint32_t *ret_count);
/* Fields that an act must have, as in `require`. */
bool policy_read_required(
    struct policy_compile *c, const struct sunder_doc *doc, sunder_field_set *ret_fields);
/* The table of rates with this name; NULL after a complaint. */
const struct sunder_rates *policy_read_rates_name(
    struct policy_compile *c, const struct sunder_doc *doc);
/* `approvals`: {count, from, valid} */
bool policy_read_approvals(
    struct policy_compile *c, const struct sunder_doc *doc, struct sunder_wanted *ret_wanted);
