/* Gates and conditions (S20), exceptions, and what expressions ask of the history. */
#include "engine/policy/policy_gate.h"

#include "engine/policy/policy_index.h"
#include "engine/policy/policy_parts.h"

#define S SUNDER_STR

void policy_compile_when(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *const *values)
{
    struct sunder_rule *rule = &draft->rule;
    const struct sunder_doc *when = values[POLICY_KEY_WHEN];
    if (when == NULL) {
        POLICY_SAY(c,
            ERROR,
            MISSING,
            draft->doc,
            S("a `"),
            rule->kind_text,
            S("` needs `when`, its condition"));
        return;
    }
    draft->when_doc = when;
    rule->when = policy_read_expr(c, when, POLICY_FIELDS_RULE, SUNDER_TYPE_BOOL);
    if (values[POLICY_KEY_REQUIRE] != NULL) {
        (void)policy_read_required(c, values[POLICY_KEY_REQUIRE], &rule->require);
        rule->asks_only = values[POLICY_KEY_THEN] == NULL && values[POLICY_KEY_APPROVALS] == NULL;
    }
}

/* Two digits, or four; false when there are others. */
static bool read_digits(struct sunder_str text, uint32_t from, uint32_t count, int64_t *ret_number)
{
    int64_t number = 0;
    for (uint32_t i = from; i < from + count; i++) {
        if (i >= text.len || text.at[i] < '0' || text.at[i] > '9') {
            return false;
        }
        number = (number * 10) + (text.at[i] - '0');
    }
    *ret_number = number;
    return true;
}

/* Days since 1970 of a date of the Gregorian calendar (Howard Hinnant's days_from_civil). */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2 ? 1 : 0;
    int64_t era = year / 400;
    int64_t year_of_era = year - (era * 400);
    int64_t day_of_year = ((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
    int64_t day_of_era =
        (year_of_era * 365) + (year_of_era / 4) - (year_of_era / 100) + day_of_year;
    return (era * 146097) + day_of_era - 719468;
}

/* `Z`, `+01:00` or `-08:30`, in minutes. */
static bool read_zone(struct sunder_str text, uint32_t from, int64_t *ret_minutes)
{
    int64_t hours = 0;
    int64_t minutes = 0;
    *ret_minutes = 0;
    if (from + 1 == text.len) {
        return text.at[from] == 'Z';
    }
    bool shaped = from + 6 == text.len && (text.at[from] == '+' || text.at[from] == '-') &&
                  read_digits(text, from + 1, 2, &hours) && text.at[from + 3] == ':' &&
                  read_digits(text, from + 4, 2, &minutes);
    if (!shaped || hours > 23 || minutes > 59) {
        return false;
    }
    *ret_minutes = ((hours * 60) + minutes) * (text.at[from] == '-' ? -1 : 1);
    return true;
}

/* RFC 3339 without fractions: 2027-01-31T00:00:00Z. */
static bool read_time(struct sunder_str text, int64_t *ret_ms)
{
    static const struct sunder_str shape = POLICY_WORD("0000-00-00T00:00:00");
    static const struct {
        uint32_t from;
        uint32_t count;
        int64_t least;
        int64_t most;
    } parts[6] = {{0, 4, 1, 9999},
        {5, 2, 1, 12},
        {8, 2, 1, 31},
        {11, 2, 0, 23},
        {14, 2, 0, 59},
        {17, 2, 0, 59}};
    static const int64_t month_days[12] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t numbers[6];
    if (text.len <= shape.len) {
        return false;
    }
    for (uint32_t i = 0; i < shape.len; i++) {
        if (shape.at[i] != '0' && text.at[i] != shape.at[i]) {
            return false;
        }
    }
    for (uint32_t i = 0; i < 6; i++) {
        if (!read_digits(text, parts[i].from, parts[i].count, &numbers[i]) ||
            numbers[i] < parts[i].least || numbers[i] > parts[i].most) {
            return false;
        }
    }
    bool leap = numbers[0] % 4 == 0 && (numbers[0] % 100 != 0 || numbers[0] % 400 == 0);
    int64_t zone = 0;
    if (numbers[2] > month_days[numbers[1] - 1] || (numbers[1] == 2 && numbers[2] == 29 && !leap) ||
        !read_zone(text, shape.len, &zone)) {
        return false;
    }
    int64_t minutes = (days_of(numbers[0], numbers[1], numbers[2]) * 1440) + (numbers[3] * 60) +
                      numbers[4] - zone;
    *ret_ms = ((minutes * 60) + numbers[5]) * 1000;
    return true;
}

static void read_exception(
    struct policy_compile *c, const struct sunder_doc *doc, struct sunder_exception *exception)
{
    enum {
        WHEN,
        OWNER,
        UNTIL,
        KEYS
    };
    static const struct policy_word keys[KEYS] = {
        {POLICY_WORD("when"), 0, false},
        {POLICY_WORD("owner"), 0, false},
        {POLICY_WORD("until"), 0, false},
    };
    const struct sunder_doc *values[KEYS];
    if (!policy_read_map(c, doc, S("an exception"), POLICY_WORDS(keys), values)) {
        return;
    }
    for (uint32_t i = 0; i < KEYS; i++) {
        if (values[i] == NULL) {
            POLICY_SAY(c,
                ERROR,
                MISSING,
                doc,
                S("this exception has no `"),
                keys[i].name,
                S("`: it has `when`, an `owner`, and `until`, its end"));
            return;
        }
    }
    exception->when = policy_read_expr(c, values[WHEN], POLICY_FIELDS_RULE, SUNDER_TYPE_BOOL);
    (void)policy_read_text(c, values[OWNER], S("owner"), &exception->owner);
    struct sunder_str until;
    if (policy_read_text(c, values[UNTIL], S("until"), &until) &&
        !read_time(until, &exception->until_ms)) {
        POLICY_SAY(c,
            ERROR,
            WRONG_TYPE,
            values[UNTIL],
            S("`until` must be a time such as \"2027-01-31T00:00:00Z\", not `"),
            until,
            S("`"));
    }
}

void policy_compile_except(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *except)
{
    if (except == NULL) {
        return;
    }
    if (except->kind != SUNDER_DOC_LIST) {
        POLICY_SAY(c,
            ERROR,
            WRONG_TYPE,
            except,
            S("`except` must be a list, as in `except: [{when: ..., owner: ..., until: ...}]`"));
        return;
    }
    struct sunder_exception *at = POLICY_NEW(c, struct sunder_exception, except->count + 1);
    for (uint32_t i = 0; i < except->count && at != NULL; i++) {
        read_exception(c, &except->items[i], &at[i]);
    }
    draft->rule.except = at;
    draft->rule.except_count = at == NULL ? 0 : except->count;
}

/* One question becomes state to keep. */
static void need_call(struct policy_compile *c,
    const struct sunder_doc *doc,
    const struct sunder_history_call *call,
    struct policy_asking *asking)
{
    struct sunder_history_need *need = asking->need;
    need->asks = true;
    int64_t window = call->window_ms;
    if (asking->within_ms != 0 && (window == 0 || asking->within_ms < window)) {
        window = asking->within_ms;
    }
    asking->forever = asking->forever || window == 0;
    need->keep_ms = window > need->keep_ms ? window : need->keep_ms;
    if (call->kind == SUNDER_HISTORY_AGENTS) {
        need->agents = true;
        return;
    }
    if (call->kind == SUNDER_HISTORY_SUM) {
        if (call->sum != SUNDER_FIELD_AMOUNT) {
            POLICY_SAY(c,
                ERROR,
                WRONG_VALUE,
                doc,
                S("`history.sum` adds up `amount` only: facts keep nothing else to add"));
        }
        need->sums = need->sums || call->duty.at == NULL;
        need->duty_sums = need->duty_sums || call->duty.at != NULL;
    }
    if (call->duty.at == NULL) {
        need->any = true;
        return;
    }
    struct sunder_doc name = {.kind = SUNDER_DOC_SCALAR,
        .quoted = true,
        .line = doc->line,
        .column = doc->column,
        .text = call->duty};
    struct sunder_duty_id duty;
    if (!policy_read_duty(c, &name, S("history"), &duty)) {
        return;
    }
    uint32_t at = need->duty_count;
    while (at > 0 && asking->duties[at - 1].value >= duty.value) {
        at -= 1;
    }
    if (at < need->duty_count && asking->duties[at].value == duty.value) {
        return;
    }
    if (need->duty_count == SUNDER_RULE_DUTIES_MAX) {
        POLICY_SAY(c, ERROR, TOO_LARGE, doc, S("a rule asks the history for at most 64 duties"));
        return;
    }
    memmove(asking->duties + at + 1,
        asking->duties + at,
        (need->duty_count - at) * sizeof(*asking->duties));
    asking->duties[at] = duty;
    need->duty_count += 1;
}

static void need_expr(struct policy_compile *c,
    const struct sunder_doc *doc,
    const struct sunder_expr *expr,
    struct policy_asking *asking)
{
    uint32_t count = 0;
    const struct sunder_history_call *calls =
        expr == NULL ? NULL : sunder_expr_history_calls(expr, &count);
    for (uint32_t i = 0; i < count; i++) {
        need_call(c, doc, &calls[i], asking);
    }
}

void policy_compile_history(
    struct policy_compile *c, struct policy_draft *draft, const struct sunder_doc *const *values)
{
    struct sunder_rule *rule = &draft->rule;
    struct policy_asking asking = {.need = &rule->history, .within_ms = rule->within_ms};
    need_expr(c, values[POLICY_KEY_WHEN], rule->when, &asking);
    need_expr(c, values[POLICY_KEY_UNLESS], rule->unless, &asking);
    sunder_field_set read = rule->when == NULL ? 0 : sunder_expr_reads(rule->when);
    read |= rule->unless == NULL ? 0 : sunder_expr_reads(rule->unless);
    for (uint32_t i = 0; i < rule->except_count; i++) {
        need_expr(c, values[POLICY_KEY_EXCEPT], rule->except[i].when, &asking);
        read |= rule->except[i].when == NULL ? 0 : sunder_expr_reads(rule->except[i].when);
    }
    rule->runs_over = read;
    if (asking.forever) {
        rule->history.keep_ms = 0;
    }
    if (rule->history.duty_count != 0) {
        struct sunder_duty_id *duties =
            POLICY_NEW(c, struct sunder_duty_id, rule->history.duty_count);
        if (duties != NULL) {
            memcpy(duties, asking.duties, rule->history.duty_count * sizeof(*duties));
        }
        rule->history.duties = duties;
    }
    bool open = rule->kind == SUNDER_RULE_GATE || rule->kind == SUNDER_RULE_CONDITION;
    if (!open || rule->history.asks) {
        return;
    }
    if (values[POLICY_KEY_BY] != NULL) {
        POLICY_SAY(c,
            WARNING,
            UNUSED,
            values[POLICY_KEY_BY],
            S("`by` has no effect: this rule does not ask the history"));
    }
    if (values[POLICY_KEY_WITHIN] != NULL) {
        POLICY_SAY(c,
            WARNING,
            UNUSED,
            values[POLICY_KEY_WITHIN],
            S("`within` has no effect: this rule does not ask the history"));
    }
    if (rule->effect == SUNDER_EFFECT_REVOKE) {
        POLICY_SAY(c,
            WARNING,
            UNUSED,
            values[POLICY_KEY_THEN],
            S("`then: revoke` only denies here: a rule that does not ask the history names "
              "nobody"));
    }
    rule->by = 0;
}

static uint8_t classes_of(uint32_t by)
{
    const uint32_t in_any_role =
        SUNDER_ROLE_AGENT | SUNDER_ROLE_DELEGATOR | SUNDER_ROLE_PRINCIPAL | SUNDER_ROLE_CREDENTIAL;
    uint8_t classes = (by & in_any_role) != 0 ? SUNDER_CLASS_BIT(SUNDER_CLASS_SUBJECT) : 0;
    classes |= (by & SUNDER_ROLE_ACTOR) != 0 ? SUNDER_CLASS_BIT(SUNDER_CLASS_ACTOR) : 0;
    classes |= (by & SUNDER_ROLE_TASK) != 0 ? SUNDER_CLASS_BIT(SUNDER_CLASS_TASK) : 0;
    return by == 0 ? SUNDER_CLASS_BIT(SUNDER_CLASS_ALL) : classes;
}

void policy_build_history(struct policy_compile *c)
{
    struct sunder_policy *policy = c->policy;
    struct sunder_history_free *free = &policy->history;
    uint8_t *duties = POLICY_NEW(c, uint8_t, policy->duty_count + 1);
    bool forever = false;
    for (uint32_t i = 0; i < policy->rule_count && duties != NULL; i++) {
        const struct sunder_rule *rule = &policy->rules[i];
        const struct sunder_history_need *need = &rule->history;
        if (!need->asks || rule->per != SUNDER_PER_NONE) {
            continue;
        }
        uint8_t classes = classes_of(rule->by);
        free->asks = true;
        free->sums = free->sums || need->sums;
        free->duty_sums = free->duty_sums || need->duty_sums;
        free->any |= need->any ? classes : 0;
        free->agents |= need->agents ? classes : 0;
        for (uint32_t d = 0; d < need->duty_count; d++) {
            duties[need->duties[d].value] |= classes;
        }
        forever = forever || need->keep_ms == 0;
        free->keep_ms = need->keep_ms > free->keep_ms ? need->keep_ms : free->keep_ms;
    }
    free->keep_ms = forever ? 0 : free->keep_ms;
    free->duties = duties;
}
