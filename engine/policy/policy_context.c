/* The keys of the head that speak of duties, identities and money: require, purposes, entitle, scopes, rates, disclose, tests. */
#include "engine/policy/policy_context.h"

#include "engine/base/decimal.h"
#include "engine/expr/nearest.h"
#include "engine/policy/policy_parts.h"

#define S SUNDER_STR

static const struct policy_word required_fields[] = {
    {POLICY_WORD("task"), SUNDER_FIELD_BIT(SUNDER_FIELD_TASK), false},
    {POLICY_WORD("purpose"), SUNDER_FIELD_BIT(SUNDER_FIELD_PURPOSE), false},
    {POLICY_WORD("principal"), SUNDER_FIELD_BIT(SUNDER_FIELD_PRINCIPAL), false},
    {POLICY_WORD("case"), SUNDER_FIELD_BIT(SUNDER_FIELD_CASE), false},
    {POLICY_WORD("object"), SUNDER_FIELD_BIT(SUNDER_FIELD_OBJECT), false},
    {POLICY_WORD("amount"), SUNDER_FIELD_BIT(SUNDER_FIELD_AMOUNT), false},
    {POLICY_WORD("currency"), SUNDER_FIELD_BIT(SUNDER_FIELD_CURRENCY), false},
    {POLICY_WORD("confidence"), SUNDER_FIELD_BIT(SUNDER_FIELD_CONFIDENCE), false},
    {POLICY_WORD("credential"), SUNDER_FIELD_BIT(SUNDER_FIELD_CREDENTIAL), false},
};

bool policy_read_required(
    struct policy_compile *c, const struct sunder_doc *doc, sunder_field_set *ret_fields)
{
    uint32_t bits = 0; /* The words' fields are among the first 32. */
    bool ok = policy_read_bits(c, doc, S("require"), POLICY_WORDS(required_fields), &bits);
    if (ok) {
        *ret_fields = bits;
    }
    return ok;
}

/* The key of a map's entry as a value, for the readers of values. */
static struct sunder_doc key_of(const struct sunder_doc_entry *entry)
{
    return (struct sunder_doc){.kind = SUNDER_DOC_SCALAR,
        .line = entry->line,
        .column = entry->column,
        .text = entry->name};
}

static bool is_map(struct policy_compile *c, const struct sunder_doc *doc, struct sunder_str what)
{
    if (doc->kind != SUNDER_DOC_MAP) {
        POLICY_SAY(c,
            ERROR,
            WRONG_TYPE,
            doc,
            S("`"),
            what,
            S("` must be a map, that is `key: value` lines"));
        return false;
    }
    return true;
}

static void require_by_tier(struct policy_compile *c, const struct sunder_doc *doc)
{
    static const struct policy_word tiers[] = {
        {POLICY_WORD("low"), SUNDER_TIER_LOW, false},
        {POLICY_WORD("medium"), SUNDER_TIER_MEDIUM, false},
        {POLICY_WORD("high"), SUNDER_TIER_HIGH, false},
    };
    const struct sunder_doc *values[3];
    if (!policy_read_map(c, doc, S("`tier`"), POLICY_WORDS(tiers), values)) {
        return;
    }
    for (uint32_t i = 0; i < 3; i++) {
        if (values[i] != NULL) {
            (void)policy_read_required(c, values[i], &c->policy->require.tier[tiers[i].value]);
        }
    }
}

static void require_by_duty(struct policy_compile *c, const struct sunder_doc *doc)
{
    if (!is_map(c, doc, S("duty"))) {
        return;
    }
    sunder_field_set *fields = POLICY_NEW(c, sunder_field_set, c->duty_count + 1);
    for (uint32_t i = 0; i < doc->count && fields != NULL; i++) {
        struct sunder_doc key = key_of(&doc->entries[i]);
        struct sunder_duty_id duty;
        if (policy_find_duty(c, &key, S("duty"), &duty)) {
            (void)policy_read_required(c, &doc->entries[i].value, &fields[duty.value]);
        }
    }
    c->policy->require.duty = fields;
}

static void read_require(struct policy_compile *c, const struct sunder_doc *doc)
{
    enum {
        ALWAYS,
        TIER,
        DUTY,
        KEYS
    };
    static const struct policy_word keys[KEYS] = {
        {POLICY_WORD("always"), 0, false},
        {POLICY_WORD("tier"), 0, false},
        {POLICY_WORD("duty"), 0, false},
    };
    if (doc->kind == SUNDER_DOC_LIST && doc->count == 0) {
        return;
    }
    if (doc->kind != SUNDER_DOC_MAP) {
        (void)policy_read_required(c, doc, &c->policy->require.always);
        return;
    }
    const struct sunder_doc *values[KEYS];
    if (!policy_read_map(c, doc, S("`require`"), POLICY_WORDS(keys), values)) {
        return;
    }
    if (values[ALWAYS] != NULL) {
        (void)policy_read_required(c, values[ALWAYS], &c->policy->require.always);
    }
    if (values[TIER] != NULL) {
        require_by_tier(c, values[TIER]);
    }
    if (values[DUTY] != NULL) {
        require_by_duty(c, values[DUTY]);
    }
}

/* `*` stands for a rest, so it is the last character or none. */
static bool read_who(
    struct policy_compile *c, const struct sunder_doc *doc, struct sunder_strs *ret_who)
{
    if (!policy_read_texts(c, doc, S("who"), ret_who)) {
        return false;
    }
    for (uint32_t i = 0; i < ret_who->count; i++) {
        struct sunder_str text = ret_who->at[i];
        const char *star = memchr(text.at, '*', text.len);
        if (star != NULL && star + 1 != text.at + text.len) {
            const struct sunder_doc *item = doc->kind == SUNDER_DOC_LIST ? &doc->items[i] : doc;
            POLICY_SAY(
                c, ERROR, WRONG_VALUE, item, S("`*` in `who` stands for a rest: it comes last"));
            return false;
        }
    }
    return true;
}

static void read_entitlement(
    struct policy_compile *c, const struct sunder_doc *doc, struct sunder_entitlement *entitlement)
{
    enum {
        WHO,
        DUTIES,
        OBJECTS,
        KEYS
    };
    static const struct policy_word keys[KEYS] = {
        {POLICY_WORD("who"), 0, false},
        {POLICY_WORD("duties"), 0, false},
        {POLICY_WORD("objects"), 0, false},
    };
    const struct sunder_doc *values[KEYS];
    if (!policy_read_map(c, doc, S("an entry of `entitle`"), POLICY_WORDS(keys), values)) {
        return;
    }
    for (uint32_t i = 0; i < OBJECTS; i++) {
        if (values[i] == NULL) {
            POLICY_SAY(c,
                ERROR,
                MISSING,
                doc,
                S("this entry of `entitle` has no `"),
                keys[i].name,
                S("`"));
        }
    }
    if (values[WHO] != NULL) {
        (void)read_who(c, values[WHO], &entitlement->who);
    }
    if (values[DUTIES] != NULL) {
        (void)policy_read_duties(
            c, values[DUTIES], S("duties"), &entitlement->duties, &entitlement->duty_count);
    }
    if (values[OBJECTS] != NULL) {
        (void)policy_read_texts(c, values[OBJECTS], S("objects"), &entitlement->objects);
    }
}

/* Lists of lines by duty: counted, laid out one after the other, filled. */
static void index_entitle(struct policy_compile *c, struct sunder_entitle *entitle)
{
    uint32_t *ends = POLICY_NEW(c, uint32_t, c->duty_count + 1);
    uint32_t total = 0;
    for (uint32_t i = 0; i < entitle->count && ends != NULL; i++) {
        total += entitle->at[i].duty_count;
        for (uint32_t d = 0; d < entitle->at[i].duty_count; d++) {
            ends[entitle->at[i].duties[d].value] += 1;
        }
    }
    uint16_t *lines = POLICY_NEW(c, uint16_t, total + 1);
    if (ends == NULL || lines == NULL) {
        return;
    }
    uint32_t end = 0;
    for (uint32_t d = 0; d < c->duty_count; d++) {
        end += ends[d];
        ends[d] = end;
    }
    ends[c->duty_count] = end;
    for (uint32_t i = entitle->count; i > 0;
         i--) { /* From the back: an end counts down to its list's start. */
        const struct sunder_entitlement *line = &entitle->at[i - 1];
        for (uint32_t d = 0; d < line->duty_count; d++) {
            ends[line->duties[d].value] -= 1;
            lines[ends[line->duties[d].value]] = (uint16_t)(i - 1);
        }
    }
    entitle->lines = lines;
    entitle->first = ends;
}

static void read_entitle(struct policy_compile *c, const struct sunder_doc *doc)
{
    struct sunder_entitle *entitle = &c->policy->entitle;
    if (doc->kind != SUNDER_DOC_LIST) {
        POLICY_SAY(c, ERROR, WRONG_TYPE, doc, S("`entitle` must be a list"));
        return;
    }
    if (doc->count > SUNDER_POLICY_ENTITLE_MAX) {
        POLICY_SAY(c, ERROR, TOO_LARGE, doc, S("`entitle` has more than 4096 entries"));
        return;
    }
    struct sunder_entitlement *at = POLICY_NEW(c, struct sunder_entitlement, doc->count + 1);
    if (at == NULL) {
        return;
    }
    for (uint32_t i = 0; i < doc->count; i++) {
        read_entitlement(c, &doc->items[i], &at[i]);
    }
    *entitle = (struct sunder_entitle){.given = true, .at = at, .count = doc->count};
    index_entitle(c, entitle);
}

static void read_scope(
    struct policy_compile *c, const struct sunder_doc *doc, struct sunder_scope_rule *scope)
{
    enum {
        MATCH,
        MODE,
        KEYS
    };
    static const struct policy_word keys[KEYS] = {
        {POLICY_WORD("match"), 0, false},
        {POLICY_WORD("mode"), 0, false},
    };
    static const struct policy_word modes[] = {
        {POLICY_WORD("enforce"), SUNDER_SCOPE_ENFORCE, false},
        {POLICY_WORD("shadow"), SUNDER_SCOPE_SHADOW, false},
        {POLICY_WORD("detect"), SUNDER_SCOPE_DETECT, false},
    };
    const struct sunder_doc *values[KEYS];
    if (!policy_read_map(c, doc, S("a scope"), POLICY_WORDS(keys), values)) {
        return;
    }
    for (uint32_t i = 0; i < KEYS; i++) {
        if (values[i] == NULL) {
            POLICY_SAY(c, ERROR, MISSING, doc, S("this scope has no `"), keys[i].name, S("`"));
        }
    }
    uint32_t mode = SUNDER_SCOPE_ENFORCE;
    if (values[MODE] != NULL) {
        (void)policy_read_word(c, values[MODE], S("mode"), POLICY_WORDS(modes), &mode);
    }
    scope->mode = (enum sunder_scope_mode)mode;
    if (values[MATCH] != NULL) {
        scope->match =
            policy_read_expr(c, values[MATCH], POLICY_FIELDS_CATALOGUE, SUNDER_TYPE_BOOL);
    }
    if (scope->match != NULL) {
        c->policy->uses_expressions = true;
        c->policy->reads |= sunder_expr_reads(scope->match);
    }
}

static void read_scopes(struct policy_compile *c, const struct sunder_doc *doc)
{
    if (doc->kind != SUNDER_DOC_LIST) {
        POLICY_SAY(c, ERROR, WRONG_TYPE, doc, S("`scopes` must be a list"));
        return;
    }
    struct sunder_scope_rule *at = POLICY_NEW(c, struct sunder_scope_rule, doc->count + 1);
    for (uint32_t i = 0; i < doc->count && at != NULL; i++) {
        read_scope(c, &doc->items[i], &at[i]);
    }
    c->policy->scopes = (struct sunder_scopes){at, at == NULL ? 0 : doc->count};
}

static void read_rate(struct policy_compile *c,
    const struct sunder_doc_entry *entry,
    struct sunder_rates *rates,
    struct sunder_rate *list)
{
    struct sunder_str text;
    struct sunder_str code;
    struct sunder_doc key = key_of(entry);
    if (!policy_read_currency(c, &key, S("rates"), &code) ||
        !policy_read_text(c, &entry->value, entry->name, &text)) {
        return;
    }
    int64_t micro = 0;
    if (sunder_decimal_parse(text, &micro) != SUNDER_OK || micro <= 0) {
        POLICY_SAY(c,
            ERROR,
            WRONG_VALUE,
            &entry->value,
            S("a rate is a decimal number above 0 with at most 6 decimals, as in `USD: "
              "\"0.92\"`"));
        return;
    }
    uint32_t at = rates->count;
    while (at > 0 && sunder_str_compare(list[at - 1].currency, entry->name) > 0) {
        list[at] = list[at - 1];
        at -= 1;
    }
    list[at] = (struct sunder_rate){entry->name, micro};
    rates->count += 1;
}

static void read_table(
    struct policy_compile *c, const struct sunder_doc_entry *entry, struct sunder_rates *rates)
{
    const struct sunder_doc *doc = &entry->value;
    struct sunder_doc key = key_of(entry);
    if (!policy_read_name(c, &key, S("rates"), &rates->name) || !is_map(c, doc, entry->name)) {
        return;
    }
    struct sunder_rate *list = POLICY_NEW(c, struct sunder_rate, doc->count + 1);
    rates->at = list;
    const struct sunder_doc_entry *own = NULL;
    for (uint32_t i = 0; i < doc->count && list != NULL; i++) {
        const struct sunder_doc_entry *rate = &doc->entries[i];
        if (sunder_str_equal(rate->name, S("to"))) {
            own = rate;
            (void)policy_read_currency(c, &rate->value, S("to"), &rates->to);
        } else {
            read_rate(c, rate, rates, list);
        }
    }
    if (own == NULL) {
        POLICY_SAY(c,
            ERROR,
            MISSING,
            entry,
            S("`"),
            entry->name,
            S("` has no `to`, the currency that its rates lead to"));
    } else if (doc->count == 1) {
        POLICY_SAY(c,
            ERROR,
            MISSING,
            entry,
            S("`"),
            entry->name,
            S("` has no rates: write `currency` in the limit"));
    }
    for (uint32_t i = 0; i < rates->count; i++) {
        if (sunder_str_equal(rates->at[i].currency, rates->to)) {
            POLICY_SAY(
                c, ERROR, WRONG_VALUE, own, S("the rate of `"), rates->to, S("` to itself is 1"));
        }
    }
}

static void read_rates(struct policy_compile *c, const struct sunder_doc *doc)
{
    if (!is_map(c, doc, S("rates"))) {
        return;
    }
    struct sunder_rates *rates = POLICY_NEW(c, struct sunder_rates, doc->count + 1);
    for (uint32_t i = 0; i < doc->count && rates != NULL; i++) {
        read_table(c, &doc->entries[i], &rates[i]);
    }
    c->policy->rates = rates;
    c->policy->rates_count = rates == NULL ? 0 : doc->count;
}

const struct sunder_rates *policy_read_rates_name(
    struct policy_compile *c, const struct sunder_doc *doc)
{
    struct sunder_str name;
    const struct sunder_policy *policy = c->policy;
    if (!policy_read_name(c, doc, S("rates"), &name)) {
        return NULL;
    }
    struct sunder_str *names = POLICY_NEW(c, struct sunder_str, policy->rates_count + 1);
    for (uint32_t i = 0; i < policy->rates_count && names != NULL; i++) {
        names[i] = policy->rates[i].name;
        if (sunder_str_equal(names[i], name)) {
            return &policy->rates[i];
        }
    }
    if (names == NULL) {
        return NULL;
    }
    struct sunder_str meant = sunder_str_nearest(name, names, policy->rates_count);
    if (sunder_str_absent(meant)) {
        POLICY_SAY(
            c, ERROR, WRONG_WORD, doc, S("the policy has no `rates` called `"), name, S("`"));
    } else {
        POLICY_SAY(c,
            ERROR,
            WRONG_WORD,
            doc,
            S("the policy has no `rates` called `"),
            name,
            S("`; did you mean `"),
            meant,
            S("`?"));
    }
    return NULL;
}

void policy_compile_context(struct policy_compile *c)
{
    const struct policy_context_docs *docs = &c->context;
    if (docs->require != NULL) {
        read_require(c, docs->require);
    }
    if (docs->purposes != NULL) {
        c->policy->has_purposes =
            policy_read_texts(c, docs->purposes, S("purposes"), &c->policy->purposes);
    }
    if (docs->entitle != NULL) {
        read_entitle(c, docs->entitle);
    }
    if (docs->scopes != NULL) {
        read_scopes(c, docs->scopes);
    }
    if (docs->rates != NULL) {
        read_rates(c, docs->rates);
    }
    if (docs->disclose != NULL) {
        (void)policy_read_bool(c, docs->disclose, S("disclose"), &c->policy->disclose);
    }
    if (docs->tests != NULL) {
        (void)policy_read_texts(c, docs->tests, S("tests"), &c->policy->tests);
    }
}
