/* The catalogue: what an act means. */
#include "engine/base/must.h"
#include "engine/expr/nearest.h"
#include "engine/policy/policy_flow.h"
#include "engine/policy/policy_parts.h"

#define S SUNDER_STR

enum entry_key {
    ENTRY_TOOL,
    ENTRY_ACTION,
    ENTRY_DUTY,
    ENTRY_PHASE,
    ENTRY_TIER,
    ENTRY_OBJECT,
    ENTRY_CASE,
    ENTRY_WHEN,
    ENTRY_SHARED,
    ENTRY_LABELS,
    ENTRY_GAINS,
    ENTRY_CAUSES,
    ENTRY_KEY_COUNT = ENTRY_CAUSES + 5
};

static const struct policy_word entry_keys[ENTRY_KEY_COUNT] = {
    [ENTRY_TOOL] = {POLICY_WORD("tool"), 0, false},
    [ENTRY_ACTION] = {POLICY_WORD("action"), 0, false},
    [ENTRY_DUTY] = {POLICY_WORD("duty"), 0, false},
    [ENTRY_PHASE] = {POLICY_WORD("phase"), 0, false},
    [ENTRY_TIER] = {POLICY_WORD("tier"), 0, false},
    [ENTRY_OBJECT] = {POLICY_WORD("object"), 0, false},
    [ENTRY_CASE] = {POLICY_WORD("case"), 0, false},
    [ENTRY_WHEN] = {POLICY_WORD("when"), 0, false},
    [ENTRY_SHARED] = {POLICY_WORD("shared"), 0, false},
    [ENTRY_LABELS] = {POLICY_WORD("labels"), 0, false},
    [ENTRY_GAINS] = {POLICY_WORD("gains"), 0, false},
    [ENTRY_CAUSES] = {POLICY_WORD("causes"), 0, false},
    {POLICY_WORD("publish"), 0, true},
    {POLICY_WORD("silence"), 0, true},
    {POLICY_WORD("schema"), 0, true},
    {POLICY_WORD("require"), 0, true},
};

/* Bottom-up merge sort; `other` has room for as many. */
static void sort_strs(struct sunder_str *at, struct sunder_str *other, uint32_t count)
{
    for (uint32_t width = 1; width < count; width *= 2) {
        for (uint32_t start = 0; start < count; start += 2 * width) {
            uint32_t middle = start + width < count ? start + width : count;
            uint32_t end = middle + width < count ? middle + width : count;
            uint32_t left = start;
            uint32_t right = middle;
            for (uint32_t i = start; i < end; i++) {
                bool take_left =
                    left < middle && (right == end || sunder_str_compare(at[left], at[right]) <= 0);
                other[i] = take_left ? at[left] : at[right];
                left += take_left ? 1 : 0;
                right += take_left ? 0 : 1;
            }
        }
        memcpy(at, other, (size_t)count * sizeof(*at));
    }
}

/* The value of `duty` in an entry, wherever else the entry is wrong: rules may name it all the same. */
static struct sunder_str duty_of(const struct sunder_doc *entry)
{
    for (uint32_t i = 0; entry->kind == SUNDER_DOC_MAP && i < entry->count; i++) {
        const struct sunder_doc *value = &entry->entries[i].value;
        if (sunder_str_equal(entry->entries[i].name, S("duty")) &&
            value->kind == SUNDER_DOC_SCALAR) {
            return value->text;
        }
    }
    return (struct sunder_str){0};
}

/* Duties in byte order, so that their numbers sort as their names. */
static void collect_duties(struct policy_compile *c, const struct sunder_doc *catalogue)
{
    struct sunder_str *names = POLICY_NEW(c, struct sunder_str, catalogue->count);
    struct sunder_str *other = POLICY_NEW(c, struct sunder_str, catalogue->count);
    if (names == NULL || other == NULL) {
        return;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < catalogue->count; i++) {
        names[count] = duty_of(&catalogue->items[i]);
        count += names[count].len == 0 ? 0 : 1;
    }
    sort_strs(names, other, count);
    uint32_t unique = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (unique == 0 || !sunder_str_equal(names[unique - 1], names[i])) {
            names[unique] = names[i];
            unique += 1;
        }
    }
    if (unique > SUNDER_POLICY_DUTIES_MAX) {
        POLICY_SAY(c, ERROR, TOO_LARGE, catalogue, S("the catalogue has more than 4096 duties"));
        unique = SUNDER_POLICY_DUTIES_MAX;
    }
    c->duties = names;
    c->duty_count = unique;
    c->policy->duties = names;
    c->policy->duty_count = unique;
    c->named = POLICY_NEW(c, bool, unique + 1);
}

static struct sunder_duty_id find_duty(const struct policy_compile *c, struct sunder_str name)
{
    uint32_t low = 0;
    uint32_t high = c->duty_count;
    while (low < high) {
        uint32_t middle = low + ((high - low) / 2);
        int order = sunder_str_compare(c->duties[middle], name);
        if (order == 0) {
            return (struct sunder_duty_id){(uint16_t)middle};
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return SUNDER_DUTY_NONE;
}

bool policy_find_duty(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct sunder_duty_id *ret_duty)
{
    struct sunder_str name;
    if (!policy_read_name(c, doc, what, &name)) {
        return false;
    }
    struct sunder_duty_id duty = find_duty(c, name);
    if (duty.value != SUNDER_DUTY_NONE.value) {
        *ret_duty = duty;
        return true;
    }
    struct sunder_str meant = sunder_str_nearest(name, c->duties, c->duty_count);
    if (sunder_str_absent(meant)) {
        bool none = c->duty_count == 0;
        POLICY_SAY(c,
            ERROR,
            UNMAPPED,
            doc,
            S("no entry of the catalogue has the duty `"),
            name,
            none ? S("`: `catalogue` says what carries a duty out, as in `- {tool: erp, action: "
                     "create, duty: ")
                 : S("`"),
            none ? name : S(""),
            none ? S("}`") : S(""));
    } else {
        POLICY_SAY(c,
            ERROR,
            UNMAPPED,
            doc,
            S("no entry of the catalogue has the duty `"),
            name,
            S("`; did you mean `"),
            meant,
            S("`?"));
    }
    return false;
}

bool policy_read_duty(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct sunder_duty_id *ret_duty)
{
    bool found = policy_find_duty(c, doc, what, ret_duty);
    if (found) {
        c->named[ret_duty->value] = true;
    }
    return found;
}

/* Characters of an identifier (SEMANTICS S42), and `*` at the end of a segment. */
static bool is_act(struct sunder_str text, bool *ret_wild)
{
    static const struct sunder_str others = POLICY_WORD("._~:/@+=#%-");
    for (uint32_t i = 0; i < text.len; i++) {
        char at = text.at[i];
        bool letter =
            (at >= 'a' && at <= 'z') || (at >= 'A' && at <= 'Z') || (at >= '0' && at <= '9');
        if (at == '*') {
            if (i + 1 < text.len && text.at[i + 1] != '.') {
                return false;
            }
            *ret_wild = true;
        } else if (!letter && memchr(others.at, at, others.len) == NULL) {
            return false;
        }
    }
    return text.len > 0 && text.len <= SUNDER_IDENTIFIER_BYTES_MAX;
}

static void read_act(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct sunder_str *ret_text,
    bool *ret_wild)
{
    struct sunder_str text;
    if (doc == NULL || !policy_read_text(c, doc, what, &text)) {
        return;
    }
    if (!is_act(text, ret_wild)) {
        POLICY_SAY(c,
            ERROR,
            WRONG_VALUE,
            doc,
            S("`"),
            what,
            S("` has 1 to 256 of A-Z a-z 0-9 . _ ~ : / @ + = # % - and `*` only at the end of a "
              "dot-separated part"));
        return;
    }
    *ret_text = text;
}

static const struct sunder_expr *read_optional(
    struct policy_compile *c, const struct sunder_doc *doc, enum sunder_type wanted)
{
    return doc == NULL ? NULL : policy_read_expr(c, doc, POLICY_FIELDS_CATALOGUE, wanted);
}

static void read_risk(struct policy_compile *c,
    const struct sunder_doc *const *values,
    struct sunder_catalogue_entry *entry)
{
    static const struct policy_word phases[] = {
        {POLICY_WORD("observe"), SUNDER_PHASE_OBSERVE, false},
        {POLICY_WORD("recommend"), SUNDER_PHASE_RECOMMEND, false},
        {POLICY_WORD("execute"), SUNDER_PHASE_EXECUTE, false},
    };
    static const struct policy_word tiers[] = {
        {POLICY_WORD("low"), SUNDER_TIER_LOW, false},
        {POLICY_WORD("medium"), SUNDER_TIER_MEDIUM, false},
        {POLICY_WORD("high"), SUNDER_TIER_HIGH, false},
    };
    uint32_t tier = SUNDER_TIER_NONE;
    if (values[ENTRY_PHASE] != NULL) {
        (void)policy_read_word(
            c, values[ENTRY_PHASE], S("phase"), POLICY_WORDS(phases), &entry->phase);
    }
    if (values[ENTRY_TIER] != NULL) {
        (void)policy_read_word(c, values[ENTRY_TIER], S("tier"), POLICY_WORDS(tiers), &tier);
    }
    entry->tier = (enum sunder_tier)tier;
}

static void read_entry(
    struct policy_compile *c, const struct sunder_doc *doc, struct sunder_catalogue_entry *entry)
{
    static const enum entry_key needed[] = {ENTRY_TOOL, ENTRY_ACTION, ENTRY_DUTY};
    const struct sunder_doc *values[ENTRY_KEY_COUNT];
    entry->duty = SUNDER_DUTY_NONE;
    if (!policy_read_map(
            c, doc, S("an entry of the catalogue"), POLICY_WORDS(entry_keys), values)) {
        return;
    }
    for (uint32_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (values[needed[i]] == NULL) {
            POLICY_SAY(c,
                ERROR,
                MISSING,
                doc,
                S("this entry has no `"),
                entry_keys[needed[i]].name,
                S("`"));
        }
    }
    read_act(c, values[ENTRY_TOOL], S("tool"), &entry->tool, &entry->wild);
    read_act(c, values[ENTRY_ACTION], S("action"), &entry->action, &entry->wild);
    struct sunder_str duty;
    if (values[ENTRY_DUTY] != NULL && policy_read_name(c, values[ENTRY_DUTY], S("duty"), &duty)) {
        entry->duty = find_duty(c, duty);
    }
    read_risk(c, values, entry);
    entry->object = read_optional(c, values[ENTRY_OBJECT], SUNDER_TYPE_STRING);
    entry->case_id = read_optional(c, values[ENTRY_CASE], SUNDER_TYPE_STRING);
    entry->when = read_optional(c, values[ENTRY_WHEN], SUNDER_TYPE_BOOL);
    if (values[ENTRY_SHARED] != NULL) {
        (void)policy_read_bool(c, values[ENTRY_SHARED], S("shared"), &entry->shared);
    }
    if (values[ENTRY_LABELS] != NULL) {
        (void)policy_read_labels(c, values[ENTRY_LABELS], S("labels"), &entry->labels);
    }
    if (values[ENTRY_GAINS] != NULL) {
        (void)policy_read_labels(c, values[ENTRY_GAINS], S("gains"), &entry->gains);
    }
    if (values[ENTRY_CAUSES] != NULL) {
        policy_read_causes(c, values[ENTRY_CAUSES], entry);
    }
    c->policy->keeps_labels =
        c->policy->keeps_labels || entry->labels.count != 0 || entry->gains.count != 0;
    const struct sunder_expr *made[] = {entry->object, entry->case_id, entry->when};
    for (uint32_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        if (made[i] != NULL) {
            c->policy->uses_expressions = true;
            c->policy->reads |= sunder_expr_reads(made[i]);
        }
    }
}

void policy_compile_catalogue(struct policy_compile *c, const struct sunder_doc *catalogue)
{
    static const struct sunder_doc empty = {.kind = SUNDER_DOC_LIST};
    if (catalogue != NULL && catalogue->kind != SUNDER_DOC_LIST) {
        POLICY_SAY(c,
            ERROR,
            WRONG_TYPE,
            catalogue,
            S("`catalogue` must be a list, one entry for each tool and action"));
        catalogue = NULL;
    }
    catalogue = catalogue == NULL ? &empty : catalogue;
    uint32_t count = catalogue->count;
    if (count > SUNDER_POLICY_CATALOGUE_MAX) {
        POLICY_SAY(c, ERROR, TOO_LARGE, catalogue, S("the catalogue has more than 8192 entries"));
        return;
    }
    c->catalogue = catalogue;
    collect_duties(c, catalogue);
    struct sunder_catalogue_entry *entries =
        POLICY_NEW(c, struct sunder_catalogue_entry, count + 1);
    for (uint32_t i = 0; i < count && !c->full; i++) {
        read_entry(c, &catalogue->items[i], &entries[i]);
    }
    c->policy->entries = entries;
    c->policy->entry_count = entries == NULL ? 0 : count;
    policy_compile_effects(c);
}
