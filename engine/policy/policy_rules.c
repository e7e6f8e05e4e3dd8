/* What all rules share: kind, name, key, effect, mode, and their order. */
#include "engine/expr/nearest.h"
#include "engine/policy/framework.h"
#include "engine/policy/policy_parts.h"

#define S SUNDER_STR

enum {
    SEPARATION = 1,
    REQUIRES = 2,
    LIMIT = 4,
    GATE = 8,
    CONDITION = 16,
    SEQUENCE = 32,
    ALL_KINDS = 63
};

/* value: the kinds of rules that have the key. */
static const struct policy_word rule_keys[] = {
    [POLICY_KEY_SEPARATION] = {POLICY_WORD("separation"), SEPARATION, false},
    [POLICY_KEY_REQUIRES] = {POLICY_WORD("requires"), REQUIRES, false},
    [POLICY_KEY_LIMIT] = {POLICY_WORD("limit"), LIMIT, false},
    [POLICY_KEY_GATE] = {POLICY_WORD("gate"), GATE, false},
    [POLICY_KEY_CONDITION] = {POLICY_WORD("condition"), CONDITION, false},
    [POLICY_KEY_SEQUENCE] = {POLICY_WORD("sequence"), SEQUENCE, false},
    [POLICY_KEY_NAME] = {POLICY_WORD("name"), SEPARATION | REQUIRES, false},
    [POLICY_KEY_DUTIES] = {POLICY_WORD("duties"), SEPARATION, false},
    [POLICY_KEY_PHASES] = {POLICY_WORD("phases"), SEPARATION, false},
    [POLICY_KEY_DISTINCT] = {POLICY_WORD("distinct"), SEPARATION | LIMIT, false},
    [POLICY_KEY_AT_MOST] = {POLICY_WORD("at_most"), SEPARATION, false},
    [POLICY_KEY_BEFORE] = {POLICY_WORD("before"), REQUIRES, false},
    [POLICY_KEY_SUM] = {POLICY_WORD("sum"), LIMIT, false},
    [POLICY_KEY_COUNT] = {POLICY_WORD("count"), LIMIT, false},
    [POLICY_KEY_CURRENCY] = {POLICY_WORD("currency"), LIMIT, false},
    [POLICY_KEY_RATES] = {POLICY_WORD("rates"), LIMIT, false},
    [POLICY_KEY_OF] = {POLICY_WORD("of"), LIMIT, false},
    [POLICY_KEY_ATTEMPTS_OF] = {POLICY_WORD("attempts_of"), LIMIT, false},
    [POLICY_KEY_MAX] = {POLICY_WORD("max"), LIMIT, false},
    [POLICY_KEY_STEPS] = {POLICY_WORD("steps"), SEQUENCE, false},
    [POLICY_KEY_ALONG] = {POLICY_WORD("along"), SEQUENCE, false},
    [POLICY_KEY_PER] = {POLICY_WORD("per"), ALL_KINDS, false},
    [POLICY_KEY_BY] = {POLICY_WORD("by"), ALL_KINDS, false},
    [POLICY_KEY_WHEN] = {POLICY_WORD("when"), GATE | CONDITION, false},
    [POLICY_KEY_REQUIRE] = {POLICY_WORD("require"), GATE, false},
    [POLICY_KEY_UNLESS] = {POLICY_WORD("unless"), ALL_KINDS, false},
    [POLICY_KEY_EXCEPT] = {POLICY_WORD("except"), ALL_KINDS, false},
    [POLICY_KEY_WITHIN] = {POLICY_WORD("within"),
        SEPARATION | LIMIT | GATE | CONDITION | SEQUENCE,
        false},
    [POLICY_KEY_THEN] = {POLICY_WORD("then"), ALL_KINDS, false},
    [POLICY_KEY_MODE] = {POLICY_WORD("mode"), ALL_KINDS, false},
    [POLICY_KEY_TAGS] = {POLICY_WORD("tags"), ALL_KINDS, false},
    [POLICY_KEY_APPROVALS] = {POLICY_WORD("approvals"), ALL_KINDS, false},
};
enum {
    RULE_WORD_COUNT = sizeof(rule_keys) / sizeof(rule_keys[0])
};

static uint32_t key_of(struct sunder_str name)
{
    uint32_t key = 0;
    while (key < RULE_WORD_COUNT && !sunder_str_equal(rule_keys[key].name, name)) {
        key += 1;
    }
    return key;
}

/* The kind is the first key that names one; a rule over `duties`, `phases` or `distinct` is a separation. 0: none, after a
 * complaint. */
static uint32_t kind_of(struct policy_compile *c, const struct sunder_doc *doc)
{
    bool separates = false;
    bool unknown = false;
    for (uint32_t i = 0; i < doc->count; i++) {
        const struct sunder_doc_entry *entry = &doc->entries[i];
        uint32_t key = key_of(entry->name);
        if (key <= POLICY_KEY_SEQUENCE) {
            return rule_keys[key].value;
        }
        separates = separates || key == POLICY_KEY_DUTIES || key == POLICY_KEY_PHASES ||
                    key == POLICY_KEY_DISTINCT;
        unknown = unknown || key == RULE_WORD_COUNT;
    }
    if (separates) {
        return SEPARATION;
    }
    for (uint32_t i = 0; i < doc->count; i++) {
        if (key_of(doc->entries[i].name) == RULE_WORD_COUNT) {
            policy_unknown_key(c, &doc->entries[i], POLICY_WORDS(rule_keys));
        }
    }
    if (!unknown) {
        POLICY_SAY(c,
            ERROR,
            MISSING,
            doc,
            S("this rule has no kind: `separation`, `requires`, `limit`, `gate`, `condition` or "
              "`sequence`"));
    }
    return 0;
}

/* By the bit of a kind. */
struct kind {
    uint32_t bit;
    enum sunder_rule_kind kind;
    enum policy_rule_key key; /* whose value is the name, but for `requires` */
    struct sunder_str text;
};

static const struct kind *kind_at(uint32_t bit)
{
    static const struct kind kinds[] = {
        {SEPARATION, SUNDER_RULE_SEPARATION, POLICY_KEY_SEPARATION, POLICY_WORD("separation")},
        {REQUIRES, SUNDER_RULE_REQUIRES, POLICY_KEY_NAME, POLICY_WORD("requires")},
        {LIMIT, SUNDER_RULE_LIMIT, POLICY_KEY_LIMIT, POLICY_WORD("limit")},
        {GATE, SUNDER_RULE_GATE, POLICY_KEY_GATE, POLICY_WORD("gate")},
        {CONDITION, SUNDER_RULE_CONDITION, POLICY_KEY_CONDITION, POLICY_WORD("condition")},
        {SEQUENCE, SUNDER_RULE_SEQUENCE, POLICY_KEY_SEQUENCE, POLICY_WORD("sequence")},
    };
    uint32_t i = 0;
    while (i + 1 < sizeof(kinds) / sizeof(kinds[0]) && kinds[i].bit != bit) {
        i += 1;
    }
    return &kinds[i];
}

static struct sunder_str kind_text(uint32_t kind)
{
    return kind_at(kind)->text;
}

static void refuse_foreign_keys(
    struct policy_compile *c, const struct sunder_doc *doc, uint32_t kind)
{
    for (uint32_t i = 0; i < doc->count; i++) {
        const struct sunder_doc_entry *entry = &doc->entries[i];
        uint32_t key = key_of(entry->name);
        bool foreign = key < POLICY_RULE_KEY_COUNT && (rule_keys[key].value & kind) == 0;
        if (foreign) {
            POLICY_SAY(c,
                ERROR,
                MISPLACED,
                entry,
                S("a `"),
                kind_text(kind),
                S("` rule has no `"),
                entry->name,
                S("`"));
        }
    }
}

static void read_name(struct policy_compile *c,
    struct policy_draft *draft,
    uint32_t kind,
    const struct sunder_doc *const *values)
{
    const struct sunder_doc *own = kind == REQUIRES ? NULL : values[kind_at(kind)->key];
    const struct sunder_doc *name = values[POLICY_KEY_NAME];
    if (own != NULL && name != NULL) {
        POLICY_SAY(c,
            ERROR,
            REPEATED,
            name,
            S("this rule has its name in `"),
            kind_text(kind),
            S("` already"));
        return;
    }
    draft->name_doc = own == NULL ? name : own;
    if (draft->name_doc == NULL) {
        POLICY_SAY(c, ERROR, MISSING, draft->doc, S("this rule has no `name`"));
        return;
    }
    (void)policy_read_name(c,
        draft->name_doc,
        kind == REQUIRES || own == NULL ? S("name") : kind_text(kind),
        &draft->rule.name);
}

/* A bare word that no field is called or nearly called. */
static bool is_no_field(struct sunder_str text)
{
    struct sunder_str fields[SUNDER_FIELD_COUNT];
    for (uint32_t i = 0; i < SUNDER_FIELD_COUNT; i++) {
        fields[i] = sunder_field_name((enum sunder_field)i);
    }
    for (uint32_t i = 0; i < text.len; i++) {
        char at = text.at[i];
        if (at != '_' && !(at >= 'a' && at <= 'z') && !(at >= 'A' && at <= 'Z')) {
            return false;
        }
    }
    return text.len <= SUNDER_IDENTIFIER_BYTES_MAX &&
           sunder_str_absent(sunder_str_nearest(text, fields, SUNDER_FIELD_COUNT));
}

static void read_per(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *doc)
{
    static const struct policy_word words[] = {
        {POLICY_WORD("object"), SUNDER_PER_OBJECT, false},
        {POLICY_WORD("case"), SUNDER_PER_CASE, false},
        {POLICY_WORD("task"), SUNDER_PER_TASK, false},
        {POLICY_WORD("tenant"), SUNDER_PER_TENANT, false},
    };
    struct sunder_rule *rule = &draft->rule;
    draft->per_doc = doc;
    if (doc == NULL) {
        bool keyed = rule->kind == SUNDER_RULE_SEPARATION || rule->kind == SUNDER_RULE_REQUIRES;
        rule->per = keyed ? SUNDER_PER_OBJECT : SUNDER_PER_NONE;
        rule->per_text = keyed ? S("object") : (struct sunder_str){0};
        return;
    }
    struct sunder_str text;
    if (!policy_read_text(c, doc, S("per"), &text)) {
        return;
    }
    rule->per_text = text;
    for (uint32_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (sunder_str_equal(words[i].name, text)) {
            rule->per = (enum sunder_per)words[i].value;
            return;
        }
    }
    if (is_no_field(text)) {
        POLICY_SAY(c,
            ERROR,
            UNKNOWN_FIELD,
            doc,
            S("unknown field `"),
            text,
            S("`; `per` is one of: object, case, task, tenant, or an expression such as `args."),
            text,
            S("`"));
        return;
    }
    rule->per = SUNDER_PER_EXPR;
    rule->per_expr = policy_read_expr(c, doc, POLICY_FIELDS_KEY, SUNDER_TYPE_STRING);
}

static void read_by(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *doc)
{
    static const struct policy_word roles[] = {
        {POLICY_WORD("agent"), SUNDER_ROLE_AGENT, false},
        {POLICY_WORD("delegator"), SUNDER_ROLE_DELEGATOR, false},
        {POLICY_WORD("principal"), SUNDER_ROLE_PRINCIPAL, false},
        {POLICY_WORD("credential"), SUNDER_ROLE_CREDENTIAL, false},
        {POLICY_WORD("actor"), SUNDER_ROLE_ACTOR, false},
        {POLICY_WORD("task"), SUNDER_ROLE_TASK, false},
    };
    uint32_t by =
        SUNDER_ROLE_AGENT | SUNDER_ROLE_DELEGATOR | SUNDER_ROLE_PRINCIPAL | SUNDER_ROLE_CREDENTIAL;
    if (draft->rule.kind == SUNDER_RULE_REQUIRES) {
        by = 0; /* Anybody's act is enough. */
    }
    if (doc != NULL) {
        (void)policy_read_bits(c, doc, S("by"), POLICY_WORDS(roles), &by);
    }
    draft->rule.by = by;
}

static void complain_about_tag(
    struct policy_compile *c, const struct sunder_doc *doc, struct sunder_str tag)
{
    struct sunder_str meant;
    struct sunder_str known = SUNDER_STR("; a framework of your own begins with `x-`");
    switch (sunder_tag_check(tag, &meant)) {
    case SUNDER_TAG_OK:
        return;
    case SUNDER_TAG_SHAPE:
        POLICY_SAY(
            c, ERROR, UNKNOWN_TAG, doc, S("a tag is `framework:id`, as in `nist.800-53:AC-5`"));
        return;
    case SUNDER_TAG_FRAMEWORK:
        if (sunder_str_absent(meant)) {
            POLICY_SAY(
                c, ERROR, UNKNOWN_TAG, doc, S("there is no framework `"), tag, S("`"), known);
        } else {
            POLICY_SAY(c,
                ERROR,
                UNKNOWN_TAG,
                doc,
                S("there is no framework `"),
                tag,
                S("`; did you mean `"),
                meant,
                S(":...`?"));
        }
        return;
    case SUNDER_TAG_ID:
        if (sunder_str_absent(meant)) {
            POLICY_SAY(
                c, ERROR, UNKNOWN_TAG, doc, S("the framework of `"), tag, S("` has no such id"));
        } else {
            POLICY_SAY(c,
                ERROR,
                UNKNOWN_TAG,
                doc,
                S("the framework of `"),
                tag,
                S("` has no such id; did you mean `"),
                meant,
                S("`?"));
        }
        return;
    }
}

static void read_tags(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *doc)
{
    if (doc == NULL || (doc->kind == SUNDER_DOC_LIST && doc->count == 0)) {
        return;
    }
    if (doc->kind != SUNDER_DOC_LIST) {
        POLICY_SAY(c, ERROR, WRONG_TYPE, doc, S("`tags` must be a list"));
        return;
    }
    struct sunder_str *tags = POLICY_NEW(c, struct sunder_str, doc->count);
    for (uint32_t i = 0; i < doc->count && tags != NULL; i++) {
        if (!policy_read_text(c, &doc->items[i], S("tags"), &tags[i])) {
            continue;
        }
        complain_about_tag(c, &doc->items[i], tags[i]);
    }
    draft->rule.tags = (struct sunder_strs){tags, doc->count};
}

static void read_effect(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *const *values)
{
    static const struct policy_word effects[] = {
        {POLICY_WORD("deny"), SUNDER_EFFECT_DENY, false},
        {POLICY_WORD("escalate"), SUNDER_EFFECT_ESCALATE, false},
        {POLICY_WORD("revoke"), SUNDER_EFFECT_REVOKE, false},
        {POLICY_WORD("alert"), SUNDER_EFFECT_ALERT, false},
    };
    static const struct policy_word modes[] = {
        {POLICY_WORD("enforce"), SUNDER_MODE_ENFORCE, false},
        {POLICY_WORD("shadow"), SUNDER_MODE_SHADOW, false},
        {POLICY_WORD("off"), SUNDER_MODE_OFF, false},
    };
    struct sunder_rule *rule = &draft->rule;
    const struct sunder_doc *then = values[POLICY_KEY_THEN];
    const struct sunder_doc *approvals = values[POLICY_KEY_APPROVALS];
    uint32_t effect = rule->kind == SUNDER_RULE_GATE ? SUNDER_EFFECT_ESCALATE : SUNDER_EFFECT_DENY;
    uint32_t mode = SUNDER_MODE_ENFORCE;
    if (then != NULL && !policy_read_word(c, then, S("then"), POLICY_WORDS(effects), &effect)) {
        return;
    }
    if (values[POLICY_KEY_MODE] != NULL) {
        (void)policy_read_word(c, values[POLICY_KEY_MODE], S("mode"), POLICY_WORDS(modes), &mode);
    }
    rule->effect = (enum sunder_effect)effect;
    rule->mode = (enum sunder_mode)mode;
    struct sunder_wanted wanted = c->approvals;
    if (approvals != NULL && !policy_read_approvals(c, approvals, &wanted)) {
        return;
    }
    if (rule->effect != SUNDER_EFFECT_ESCALATE) {
        if (approvals != NULL) {
            POLICY_SAY(c,
                WARNING,
                UNUSED,
                approvals,
                S("`approvals` has no effect: this rule does not say `then: escalate`"));
        }
        return;
    }
    if (then == NULL && approvals == NULL && values[POLICY_KEY_REQUIRE] != NULL) {
        return; /* A gate that only asks for fields. */
    }
    c->approvals_used = c->approvals_used || approvals == NULL;
    if (approvals == NULL && c->approvals_doc == NULL) {
        POLICY_SAY(c,
            ERROR,
            MISSING,
            then == NULL ? draft->doc : then,
            then == NULL ? S("a gate needs `approvals`, in this rule or at the top of the policy, "
                             "or `require`, or "
                             "`then`")
                         : S("`then: escalate` needs `approvals`, in this rule or at the top of "
                             "the policy"));
        return;
    }
    rule->has_wanted = true;
    rule->wanted = wanted;
    rule->wanted.rule = rule->name;
}

static void read_rule_parts(
    struct policy_compile *c, const struct sunder_doc *doc, struct policy_draft *draft)
{
    const struct sunder_doc *values[RULE_WORD_COUNT];
    draft->doc = doc;
    draft->name_doc = doc;
    uint32_t kind = doc->kind == SUNDER_DOC_MAP ? kind_of(c, doc) : ALL_KINDS;
    if (kind == 0) {
        return;
    }
    if (!policy_read_map(c, doc, S("a rule"), POLICY_WORDS(rule_keys), values)) {
        return;
    }
    refuse_foreign_keys(c, doc, kind);
    struct sunder_rule *rule = &draft->rule;
    rule->kind = kind_at(kind)->kind;
    rule->kind_text = kind_text(kind);
    rule->before = SUNDER_DUTY_NONE;
    read_name(c, draft, kind, values);
    read_per(c, draft, values[POLICY_KEY_PER]);
    read_by(c, draft, values[POLICY_KEY_BY]);
    read_tags(c, draft, values[POLICY_KEY_TAGS]);
    read_effect(c, draft, values);
    if (values[POLICY_KEY_UNLESS] != NULL) {
        rule->unless =
            policy_read_expr(c, values[POLICY_KEY_UNLESS], POLICY_FIELDS_RULE, SUNDER_TYPE_BOOL);
    }
    if (values[POLICY_KEY_WITHIN] != NULL && kind != REQUIRES && kind != SEQUENCE) {
        (void)policy_read_duration(c, values[POLICY_KEY_WITHIN], S("within"), &rule->within_ms);
    }
    if (kind == SEPARATION) {
        policy_compile_separation(c, draft, values);
    } else if (kind == REQUIRES) {
        policy_compile_requires(c, draft, values);
    } else if (kind == LIMIT) {
        policy_compile_limit(c, draft, values);
    } else if (kind == SEQUENCE) {
        policy_compile_sequence(c, draft, values);
    } else {
        policy_compile_when(c, draft, values);
    }
    policy_compile_except(c, draft, values[POLICY_KEY_EXCEPT]);
    policy_compile_history(c, draft, values);
}

static void read_rule(
    struct policy_compile *c, const struct sunder_doc *doc, struct policy_draft *draft)
{
    uint32_t errors = c->complaints->errors;
    read_rule_parts(c, doc, draft);
    draft->failed = c->complaints->errors != errors;
}

static void note_expr(struct policy_compile *c, const struct sunder_expr *expr)
{
    if (expr != NULL) {
        c->policy->uses_expressions = true;
        c->policy->reads |= sunder_expr_reads(expr);
    }
}

/* Bottom-up merge sort by name, stable; `other` has room for as many. */
static void sort_drafts(struct policy_draft **at, struct policy_draft **other, uint32_t count)
{
    for (uint32_t width = 1; width < count; width *= 2) {
        for (uint32_t start = 0; start < count; start += 2 * width) {
            uint32_t middle = start + width < count ? start + width : count;
            uint32_t end = middle + width < count ? middle + width : count;
            uint32_t left = start;
            uint32_t right = middle;
            for (uint32_t i = start; i < end; i++) {
                bool take = left < middle &&
                            (right == end ||
                                sunder_str_compare(at[left]->rule.name, at[right]->rule.name) <= 0);
                other[i] = take ? at[left] : at[right];
                left += take ? 1 : 0;
                right += take ? 0 : 1;
            }
        }
        memcpy(at, other, (size_t)count * sizeof(struct policy_draft *));
    }
}

/* Orders the drafts by name, refuses repeated names, and keeps those that are not off. */
static void settle_rules(struct policy_compile *c)
{
    uint32_t count = c->draft_count;
    struct policy_draft **order = POLICY_NEW(c, struct policy_draft *, count + 1);
    struct policy_draft **other = POLICY_NEW(c, struct policy_draft *, count + 1);
    struct sunder_rule *rules = POLICY_NEW(c, struct sunder_rule, count + 1);
    if (order == NULL || other == NULL || rules == NULL) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        order[i] = &c->drafts[i];
    }
    sort_drafts(order, other, count);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct sunder_rule *rule = &order[i]->rule;
        bool repeated =
            i > 0 && rule->name.len > 0 && sunder_str_equal(rule->name, order[i - 1]->rule.name);
        if (repeated) {
            POLICY_SAY(c,
                ERROR,
                REPEATED,
                order[i]->name_doc,
                S("two rules are called `"),
                rule->name,
                S("`"));
        }
        if (rule->mode == SUNDER_MODE_OFF) {
            continue;
        }
        note_expr(c, rule->when);
        note_expr(c, rule->unless);
        for (uint32_t e = 0; e < rule->except_count; e++) {
            note_expr(c, rule->except[e].when);
        }
        note_expr(c, rule->per_expr);
        note_expr(c, rule->value_is_amount ? NULL : rule->value);
        rules[kept] = *rule;
        kept += 1;
    }
    c->policy->rules = rules;
    c->policy->rule_count = kept;
}

void policy_compile_rules(struct policy_compile *c, const struct sunder_doc *rules)
{
    static const struct sunder_doc none = {.kind = SUNDER_DOC_LIST};
    if (rules != NULL && rules->kind != SUNDER_DOC_LIST) {
        POLICY_SAY(c, ERROR, WRONG_TYPE, rules, S("`rules` must be a list"));
        rules = NULL;
    }
    rules = rules == NULL ? &none : rules;
    if (rules->count > SUNDER_POLICY_RULES_MAX) {
        POLICY_SAY(c, ERROR, TOO_LARGE, rules, S("the policy has more than 16384 rules"));
        return;
    }
    c->drafts = POLICY_NEW(c, struct policy_draft, rules->count + 1);
    for (uint32_t i = 0; i < rules->count && !c->full; i++) {
        read_rule(c, &rules->items[i], &c->drafts[i]);
        c->draft_count += 1;
    }
    settle_rules(c);
}
