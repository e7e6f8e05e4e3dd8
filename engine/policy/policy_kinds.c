/* What each kind of rule has of its own. */
#include "engine/base/decimal.h"
#include "engine/policy/policy_parts.h"

#define S SUNDER_STR

bool policy_read_duties(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    const struct sunder_duty_id **ret_duties,
    uint32_t *ret_count)
{
    bool list = doc->kind == SUNDER_DOC_LIST;
    uint32_t count = list ? doc->count : 1;
    if (count == 0 || count > SUNDER_RULE_DUTIES_MAX) {
        POLICY_SAY(c, ERROR, WRONG_VALUE, doc, S("`"), what, S("` names 1 to 64 duties"));
        return false;
    }
    struct sunder_duty_id *duties = POLICY_NEW(c, struct sunder_duty_id, count);
    bool ok = duties != NULL;
    uint32_t known = 0;
    for (uint32_t i = 0; i < count && duties != NULL; i++) {
        const struct sunder_doc *item = list ? &doc->items[i] : doc;
        struct sunder_duty_id duty;
        if (!policy_read_duty(c, item, what, &duty)) {
            ok = false;
            continue;
        }
        uint32_t at = known;
        while (at > 0 && duties[at - 1].value > duty.value) {
            duties[at] = duties[at - 1];
            at -= 1;
        }
        duties[at] = duty;
        known += 1;
        if (at > 0 && duties[at - 1].value == duty.value) {
            POLICY_SAY(c, ERROR, REPEATED, item, S("`"), item->text, S("` is here twice"));
            ok = false;
        }
    }
    if (ok) {
        *ret_duties = duties;
        *ret_count = count;
    }
    return ok;
}

static uint32_t bits_in(uint32_t bits)
{
    uint32_t count = 0;
    for (; bits != 0; bits &= bits - 1) {
        count += 1;
    }
    return count;
}

/* The one of the two or three keys that is there, `*ret_count` how many are. */
static uint32_t only_of(
    const struct sunder_doc *const *values, const enum policy_rule_key keys[3], uint32_t *ret_count)
{
    uint32_t found = keys[0];
    *ret_count = 0;
    for (uint32_t i = 0; i < 3; i++) {
        if (values[keys[i]] != NULL) {
            found = keys[i];
            *ret_count += 1;
        }
    }
    return found;
}

/* The set L; its size, 0 after a complaint. */
static uint32_t read_set(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *const *values)
{
    static const enum policy_rule_key sets[3] = {
        POLICY_KEY_DUTIES, POLICY_KEY_PHASES, POLICY_KEY_DISTINCT};
    static const struct policy_word phases[] = {
        {POLICY_WORD("observe"), SUNDER_PHASE_OBSERVE, false},
        {POLICY_WORD("recommend"), SUNDER_PHASE_RECOMMEND, false},
        {POLICY_WORD("execute"), SUNDER_PHASE_EXECUTE, false},
    };
    struct sunder_rule *rule = &draft->rule;
    uint32_t present;
    uint32_t key = only_of(values, sets, &present);
    if (present != 1) {
        POLICY_SAY(c,
            ERROR,
            MISPLACED,
            draft->doc,
            S("a separation is over one of `duties`, `phases` or `distinct`"));
        return 0;
    }
    uint32_t size = 0;
    if (key == POLICY_KEY_PHASES) {
        if (!policy_read_bits(c, values[key], S("phases"), POLICY_WORDS(phases), &rule->phases)) {
            return 0;
        }
        size = bits_in(rule->phases);
    } else {
        struct sunder_str what = key == POLICY_KEY_DUTIES ? S("duties") : S("distinct");
        if (!policy_read_duties(c, values[key], what, &rule->duties, &rule->duty_count)) {
            return 0;
        }
        size = rule->duty_count;
    }
    if (size < 2) {
        POLICY_SAY(c,
            ERROR,
            NEVER_FIRES,
            values[key],
            S("a separation needs two or more to separate; this one could never fire"));
        return 0;
    }
    return size;
}

void policy_compile_separation(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *const *values)
{
    struct sunder_rule *rule = &draft->rule;
    const struct sunder_doc *at_most = values[POLICY_KEY_AT_MOST];
    uint32_t size = read_set(c, draft, values);
    if (size == 0) {
        return;
    }
    rule->at_most = size - 1;
    if (values[POLICY_KEY_DISTINCT] != NULL) {
        rule->at_most = 1;
        if (at_most != NULL) {
            POLICY_SAY(c, ERROR, REPEATED, at_most, S("`distinct` says `at_most: 1` already"));
        }
        return;
    }
    if (at_most == NULL || !policy_read_count(c, at_most, S("at_most"), &rule->at_most)) {
        return;
    }
    if (rule->at_most >= size) {
        POLICY_SAY(c,
            ERROR,
            NEVER_FIRES,
            at_most,
            S("`at_most` is not less than what the rule separates: it could never fire"));
    } else if (rule->at_most == 0) {
        POLICY_SAY(c,
            WARNING,
            DENIES_ALL,
            at_most,
            S("`at_most: 0` stops every act with one of these duties"));
    }
}

void policy_compile_requires(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *const *values)
{
    struct sunder_rule *rule = &draft->rule;
    struct sunder_duty_id *earlier = POLICY_NEW(c, struct sunder_duty_id, 1);
    if (earlier == NULL ||
        !policy_read_duty(c, values[POLICY_KEY_REQUIRES], S("requires"), earlier)) {
        return;
    }
    rule->duties = earlier;
    rule->duty_count = 1;
    const struct sunder_doc *before = values[POLICY_KEY_BEFORE];
    if (before == NULL) {
        POLICY_SAY(c,
            ERROR,
            MISSING,
            draft->doc,
            S("a `requires` rule needs `before`, the duty that has to wait"));
        return;
    }
    if (policy_read_duty(c, before, S("before"), &rule->before) &&
        rule->before.value == earlier->value) {
        POLICY_SAY(c,
            ERROR,
            IMPOSSIBLE,
            before,
            S("a duty cannot wait for itself: nobody could ever do it"));
    }
}

static void read_sum(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *const *values)
{
    struct sunder_rule *rule = &draft->rule;
    const struct sunder_doc *sum = values[POLICY_KEY_SUM];
    rule->aggregate = SUNDER_AGGREGATE_SUM;
    rule->value = policy_read_expr(c, sum, POLICY_FIELDS_KEY, SUNDER_TYPE_DECIMAL);
    if (rule->value == NULL) {
        return;
    }
    rule->value_text = sunder_expr_source(rule->value);
    rule->value_is_amount = sunder_expr_is_field(rule->value, SUNDER_FIELD_AMOUNT);
    bool money = (sunder_expr_reads(rule->value) & SUNDER_FIELD_BIT(SUNDER_FIELD_AMOUNT)) != 0;
    if (money && values[POLICY_KEY_CURRENCY] == NULL && values[POLICY_KEY_RATES] == NULL) {
        POLICY_SAY(c,
            ERROR,
            MISSING,
            sum,
            S("a sum of `amount` needs `currency` or `rates`: euros and yen do not add up"));
    }
}

static void read_aggregate(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *const *values)
{
    static const enum policy_rule_key aggregates[3] = {
        POLICY_KEY_SUM, POLICY_KEY_COUNT, POLICY_KEY_DISTINCT};
    struct sunder_rule *rule = &draft->rule;
    uint32_t present;
    uint32_t key = only_of(values, aggregates, &present);
    if (present != 1) {
        POLICY_SAY(
            c, ERROR, MISPLACED, draft->doc, S("a limit has one of `sum`, `count` or `distinct`"));
        return;
    }
    const struct sunder_doc *currency = values[POLICY_KEY_CURRENCY];
    const struct sunder_doc *rates = values[POLICY_KEY_RATES];
    if (rates != NULL) {
        rule->rates = policy_read_rates_name(c, rates);
        if (key != POLICY_KEY_SUM) {
            POLICY_SAY(c, ERROR, MISPLACED, rates, S("only a `sum` has `rates`"));
        } else if (currency != NULL) {
            POLICY_SAY(c, ERROR, MISPLACED, rates, S("`rates` stands in place of `currency`"));
        }
    }
    if (currency != NULL) {
        (void)policy_read_currency(c, currency, S("currency"), &rule->currency);
        if (key != POLICY_KEY_SUM) {
            POLICY_SAY(c, ERROR, MISPLACED, currency, S("only a `sum` has a `currency`"));
        }
    }
    if (key == POLICY_KEY_SUM) {
        read_sum(c, draft, values);
        return;
    }
    if (key == POLICY_KEY_DISTINCT) {
        rule->aggregate = SUNDER_AGGREGATE_DISTINCT;
        rule->value = policy_read_expr(c, values[key], POLICY_FIELDS_KEY, SUNDER_TYPE_STRING);
        rule->value_text = rule->value == NULL ? rule->value_text : sunder_expr_source(rule->value);
        return;
    }
    bool yes = false;
    rule->aggregate = SUNDER_AGGREGATE_COUNT;
    if (policy_read_bool(c, values[key], S("count"), &yes) && !yes) {
        POLICY_SAY(c,
            ERROR,
            WRONG_VALUE,
            values[key],
            S("`count: false` counts nothing; write `count: true`"));
    }
}

/* `of` and `attempts_of`: what counts. */
static void read_counted(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *const *values)
{
    struct sunder_rule *rule = &draft->rule;
    const struct sunder_doc *of = values[POLICY_KEY_OF];
    const struct sunder_doc *attempts_of = values[POLICY_KEY_ATTEMPTS_OF];
    bool word =
        of != NULL && of->kind == SUNDER_DOC_SCALAR && sunder_str_equal(of->text, S("attempts"));
    rule->attempts = word;
    if (attempts_of != NULL && !word) {
        POLICY_SAY(c,
            ERROR,
            MISPLACED,
            attempts_of,
            S("`attempts_of` narrows `of: attempts`, which this limit does not say"));
        return;
    }
    const struct sunder_doc *named = word ? attempts_of : of;
    if (named != NULL) {
        (void)policy_read_duties(
            c, named, named == of ? S("of") : S("attempts_of"), &rule->duties, &rule->duty_count);
    }
}

static void read_max(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *max)
{
    struct sunder_rule *rule = &draft->rule;
    struct sunder_str text;
    if (max == NULL) {
        POLICY_SAY(c, ERROR, MISSING, draft->doc, S("a limit needs `max`"));
        return;
    }
    if (!policy_read_text(c, max, S("max"), &text)) {
        return;
    }
    enum sunder_err err = sunder_decimal_parse(text, &rule->max_micro);
    if (err == SUNDER_ERR_MALFORMED) {
        POLICY_SAY(
            c, ERROR, WRONG_TYPE, max, S("`max` must be a decimal number, as in `\"800.00\"`"));
    } else if (err != SUNDER_OK) {
        POLICY_SAY(c, ERROR, WRONG_VALUE, max, S("`max` has more than 6 decimals or is too large"));
    } else if (rule->max_micro < 0) {
        POLICY_SAY(
            c, ERROR, DENIES_ALL, max, S("`max` must be 0 or more: every act would be over it"));
    } else if (rule->aggregate != SUNDER_AGGREGATE_SUM &&
               rule->max_micro % SUNDER_DECIMAL_ONE != 0) {
        POLICY_SAY(c, ERROR, WRONG_TYPE, max, S("`max` of a count must be a whole number"));
    }
}

void policy_compile_limit(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *const *values)
{
    read_aggregate(c, draft, values);
    read_counted(c, draft, values);
    read_max(c, draft, values[POLICY_KEY_MAX]);
}
