#include "engine/would_allow.h"

#include "engine/base/decimal.h"
#include "engine/base/text.h"
#include "engine/rules/rows.h"
#include "engine/would_allow_try.h"

/* Judgements that giving a result may cost: the parts of four changes that have the wait, and the names of approvals. */
#define SUNDER_WOULD_ALLOW_GIVE 8u

enum {
    APPROVAL,
    WAIT,
    AMOUNT,
    FIRST_PARTY
};

/* changes  candidates in their order; the places of approval, wait and amount are always there
 * without  kinds of change that are not looked for, a bit each
 * waits    when facts leave the windows of rules that fired, ascending */
struct search {
    struct sunder_try trial;
    struct sunder_try_change changes[SUNDER_CANDIDATES_MAX];
    uint32_t change_count;
    uint32_t without;
    int64_t waits[SUNDER_WAITS_MAX];
    uint32_t wait_count;
};

/* The set of changes under trial. */
struct set {
    const struct sunder_try_change *at[SUNDER_CHANGES_MAX];
    uint32_t count;
};

struct sunder_str sunder_another_party(
    struct sunder_arena *arena, struct sunder_str instead_of, uint32_t n)
{
    struct sunder_str person =
        SUNDER_STR("user:"); /* Only a person can be claimed as principal (S12). */
    bool is_person = sunder_str_starts_with(instead_of, person) ||
                     sunder_str_equal(instead_of, SUNDER_UNATTRIBUTED);
    return sunder_text(arena,
        is_person ? person : SUNDER_STR(""),
        SUNDER_STR("sunder:another-party-"),
        sunder_text_u64(arena, n));
}

/* The rule that stands in the way; NULL: none does, or only watches. */
static const struct sunder_rule *rule_of(
    const struct search *search, const struct sunder_reason *reason)
{
    return reason->rule.at == NULL || reason->effect == SUNDER_EFFECT_ALERT
               ? NULL
               : sunder_policy_rule(&search->trial.policy, reason->rule);
}

static void wait_add(struct search *search, int64_t time_ms)
{
    uint32_t at = search->wait_count;
    while (at > 0 && search->waits[at - 1] > time_ms) {
        at -= 1;
    }
    bool known = at > 0 && search->waits[at - 1] == time_ms;
    if (known || search->wait_count == SUNDER_WAITS_MAX) {
        return;
    }
    memmove(search->waits + at + 1,
        search->waits + at,
        (search->wait_count - at) * sizeof *search->waits);
    search->waits[at] = time_ms;
    search->wait_count += 1;
}

/* When each fact of the evidence is out of the rule's window. */
static void waits_find(struct search *search, const struct sunder_reason *reason, int64_t now_ms)
{
    const struct sunder_rule *rule = rule_of(search, reason);
    for (uint32_t i = 0; rule != NULL && rule->within_ms > 0 && i < reason->evidence_count; i++) {
        int64_t time_ms = 0;
        if (!__builtin_add_overflow(reason->evidence[i].time_ms, rule->within_ms, &time_ms) &&
            time_ms > now_ms) {
            wait_add(search, time_ms);
        }
    }
}

/* Whether the reason is a limit on amounts. *ret_room: what it leaves for this act, when that is less than its own amount, and
 * more than nothing; else 0. */
static bool room_of(
    const struct search *search, const struct sunder_reason *reason, int64_t own, int64_t *ret_room)
{
    const struct sunder_rule *rule = rule_of(search, reason);
    if (rule == NULL || rule->kind != SUNDER_RULE_LIMIT ||
        rule->aggregate != SUNDER_AGGREGATE_SUM || !rule->value_is_amount) {
        return false;
    }
    int64_t value = 0;
    int64_t room = 0;
    bool fits = sunder_decimal_parse(reason->value, &value) == SUNDER_OK &&
                !__builtin_sub_overflow(rule->max_micro, value, &room) &&
                !__builtin_add_overflow(room, own, &room) && room > 0 && room < own;
    *ret_room = fits ? room : 0;
    return true;
}

/* Makes the amount what the limits that stand in the way leave; unusable when one leaves nothing. False: none stands there. */
static bool amount_shrink(
    struct search *search, const struct sunder_decision *decision, int64_t own)
{
    struct sunder_try_change *amount = &search->changes[AMOUNT];
    bool any = false;
    for (uint32_t i = 0; i < decision->reason_count; i++) {
        int64_t room = 0;
        if (!room_of(search, &decision->reasons[i], own, &room)) {
            continue;
        }
        amount->number = any && amount->number < room ? amount->number : room;
        any = true;
    }
    amount->usable = any ? amount->number > 0 : amount->usable;
    return any;
}

static enum sunder_err party_add(struct search *search, struct sunder_str party)
{
    uint32_t parties = search->change_count - FIRST_PARTY;
    for (uint32_t i = FIRST_PARTY; i < search->change_count; i++) {
        if (sunder_str_equal(search->changes[i].value, party)) {
            return SUNDER_OK;
        }
    }
    if (party.at == NULL || parties == SUNDER_PARTIES_MAX) {
        return SUNDER_OK;
    }
    struct sunder_try_change *change = &search->changes[search->change_count++];
    *change =
        (struct sunder_try_change){.kind = SUNDER_CHANGE_PARTY, .value = party, .usable = true};
    change->fresh = sunder_another_party(search->trial.arena, party, parties + 1);
    return change->fresh.at == NULL ? SUNDER_ERR_FULL : SUNDER_OK;
}

/* The parties that the intent itself names, in the order of subjects (S12). */
static enum sunder_err parties_find(struct search *search, const struct sunder_decision *decision)
{
    const struct sunder_event *event = search->trial.event;
    SUNDER_TRY(party_add(search, event->agent));
    for (uint32_t i = 0; i < event->delegation.count; i++) {
        SUNDER_TRY(party_add(search, event->delegation.at[i]));
    }
    bool nobody =
        event->principal.at == NULL && sunder_str_equal(decision->principal, SUNDER_UNATTRIBUTED);
    SUNDER_TRY(party_add(search, nobody ? SUNDER_UNATTRIBUTED : event->principal));
    return party_add(search, event->credential);
}

static void closed_add(struct search *search, struct sunder_str key, bool object, uint32_t first)
{
    for (uint32_t i = first; i < search->change_count; i++) {
        if (search->changes[i].object == object &&
            sunder_str_equal(search->changes[i].value, key)) {
            return;
        }
    }
    if (key.at != NULL && search->change_count - first < SUNDER_CLOSED_MAX) {
        search->changes[search->change_count++] = (struct sunder_try_change){
            .kind = SUNDER_CHANGE_CLOSED, .value = key, .object = object, .usable = true};
    }
}

/* Closing ends separations only (S36). */
static void closed_find(struct search *search, const struct sunder_decision *decision)
{
    uint32_t first = search->change_count;
    for (uint32_t i = 0; i < decision->reason_count; i++) {
        const struct sunder_reason *reason = &decision->reasons[i];
        const struct sunder_rule *rule = rule_of(search, reason);
        bool closes = rule != NULL && rule->kind == SUNDER_RULE_SEPARATION &&
                      (rule->per == SUNDER_PER_OBJECT || rule->per == SUNDER_PER_CASE);
        if (!closes) {
            continue;
        }
        closed_add(search, reason->key, rule->per == SUNDER_PER_OBJECT, first);
        for (uint32_t j = 0; j < reason->also_count; j++) {
            closed_add(search, reason->also[j].key, rule->per == SUNDER_PER_OBJECT, first);
        }
    }
}

static enum sunder_err candidates_find(
    struct search *search, const struct sunder_decision *decision)
{
    const struct sunder_event *event = search->trial.event;
    search->changes[APPROVAL].kind = SUNDER_CHANGE_APPROVAL;
    search->changes[WAIT].kind = SUNDER_CHANGE_WAIT;
    search->changes[AMOUNT].kind = SUNDER_CHANGE_AMOUNT;
    search->change_count = FIRST_PARTY;
    for (uint32_t i = 0; i < decision->reason_count; i++) {
        const struct sunder_reason *reason = &decision->reasons[i];
        waits_find(search, reason, decision->stream_time_ms);
        search->changes[APPROVAL].usable |= reason->effect == SUNDER_EFFECT_ESCALATE;
    }
    search->changes[WAIT].usable = search->wait_count > 0;
    if (event->amount.present && !event->amount.range) {
        (void)amount_shrink(search, decision, event->amount.micro);
    }
    SUNDER_TRY(parties_find(search, decision));
    closed_find(search, decision);
    for (uint32_t i = 0; i < search->change_count; i++) {
        search->changes[i].usable &= (search->without & (1u << search->changes[i].kind)) == 0;
    }
    return SUNDER_OK;
}

/* What giving the result may cost is kept back. */
static bool trials_left(const struct search *search)
{
    return search->trial.trials + SUNDER_WOULD_ALLOW_GIVE < SUNDER_WOULD_ALLOW_TRIALS_MAX;
}

/* One trial. A result that only people stand against makes approvals worth trying. *ret_shrunk (may be NULL): limits were still in
 * the way, and the amount is smaller now. */
static enum sunder_err set_try(
    struct search *search, const struct set *set, bool *ret_allows, bool *ret_shrunk)
{
    size_t mark = sunder_arena_mark(search->trial.arena);
    const struct sunder_decision *decision = NULL;
    SUNDER_TRY(sunder_try_changes(&search->trial, set->at, set->count, &decision));
    *ret_allows = sunder_try_allows(decision, set->at, set->count);
    if (decision != NULL && decision->verdict == SUNDER_VERDICT_ESCALATE) {
        search->changes[APPROVAL].usable = (search->without & (1u << SUNDER_CHANGE_APPROVAL)) == 0;
    }
    if (ret_shrunk != NULL) {
        *ret_shrunk = !*ret_allows && decision != NULL &&
                      amount_shrink(search, decision, search->changes[AMOUNT].number);
    }
    sunder_arena_rewind(search->trial.arena, mark);
    return SUNDER_OK;
}

static enum sunder_err amount_try(struct search *search, const struct set *set, bool *ret_allows)
{
    struct sunder_try_change *amount = &search->changes[AMOUNT];
    const struct sunder_try_change before = *amount;
    bool shrunk = true;
    while (shrunk && !*ret_allows && amount->usable && trials_left(search)) {
        SUNDER_TRY(set_try(search, set, ret_allows, &shrunk));
    }
    if (!*ret_allows) {
        *amount = before; /* Beside another change more may pass. */
    }
    return SUNDER_OK;
}

/* Tries the longest wait, and when that passes halves its way to the shortest. */
static enum sunder_err wait_shorten(struct search *search, const struct set *set, bool *ret_allows)
{
    struct sunder_try_change *wait = &search->changes[WAIT];
    uint32_t high = search->wait_count - 1;
    uint32_t low = 0;
    wait->number = search->waits[high];
    SUNDER_TRY(set_try(search, set, ret_allows, NULL));
    while (*ret_allows && low < high && trials_left(search)) {
        uint32_t middle = low + ((high - low) / 2);
        bool allows = false;
        wait->number = search->waits[middle];
        SUNDER_TRY(set_try(search, set, &allows, NULL));
        high = allows ? middle : high;
        low = allows ? low : middle + 1;
    }
    wait->number = search->waits[high];
    return SUNDER_OK;
}

/* Waiting alone: when the longest wait is too long (a task has ended by then), a shorter one may not be. */
static enum sunder_err wait_alone_try(
    struct search *search, const struct set *set, bool *ret_allows)
{
    SUNDER_TRY(wait_shorten(search, set, ret_allows));
    for (uint32_t i = 0; i + 1 < search->wait_count && !*ret_allows && trials_left(search); i++) {
        search->changes[WAIT].number = search->waits[i];
        SUNDER_TRY(set_try(search, set, ret_allows, NULL));
    }
    return SUNDER_OK;
}

static bool has_change(const struct set *set, enum sunder_change_kind kind)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->at[i]->kind == kind) {
            return true;
        }
    }
    return false;
}

/* With another wait than the one its parts were tried with, a part of the set may do by itself: then that is the set. */
static enum sunder_err parts_try(struct search *search, struct set *set)
{
    for (uint32_t size = 1; size < set->count; size++) {
        for (uint32_t mask = 1; mask < (1u << set->count); mask++) {
            struct set part = {.count = 0};
            for (uint32_t i = 0; i < set->count; i++) {
                if ((mask & (1u << i)) != 0) {
                    part.at[part.count++] = set->at[i];
                }
            }
            if (part.count != size || !has_change(&part, SUNDER_CHANGE_WAIT)) {
                continue;
            }
            bool allows = false;
            SUNDER_TRY(set_try(search, &part, &allows, NULL));
            if (allows) {
                *set = part;
                return SUNDER_OK;
            }
        }
    }
    return SUNDER_OK;
}

static enum sunder_err combination_try(struct search *search, struct set *set, bool *ret_allows)
{
    *ret_allows = false;
    if (set->count == 1 && set->at[0]->kind == SUNDER_CHANGE_AMOUNT) {
        return amount_try(search, set, ret_allows);
    }
    if (set->count == 1 && set->at[0]->kind == SUNDER_CHANGE_WAIT) {
        return wait_alone_try(search, set, ret_allows);
    }
    if (!has_change(set, SUNDER_CHANGE_WAIT)) {
        return set_try(search, set, ret_allows, NULL);
    }
    SUNDER_TRY(wait_shorten(search, set, ret_allows));
    return *ret_allows ? parts_try(search, set) : SUNDER_OK;
}

/* The next combination of `set->count` candidates in order, as indices; false after the last one. */
static bool combination_next(uint32_t *indices, uint32_t count, uint32_t of)
{
    for (uint32_t i = count; i-- > 0;) {
        if (indices[i] + (count - i) < of) {
            indices[i] += 1;
            for (uint32_t j = i + 1; j < count; j++) {
                indices[j] = indices[j - 1] + 1;
            }
            return true;
        }
    }
    return false;
}

/* All combinations of one size. */
static enum sunder_err size_search(
    struct search *search, uint32_t size, struct set *ret_set, bool *ret_found)
{
    uint32_t indices[SUNDER_CHANGES_MAX] = {0};
    for (uint32_t i = 0; i < size; i++) {
        indices[i] = i;
    }
    if (size > search->change_count) {
        return SUNDER_OK;
    }
    do {
        struct set set = {.count = size};
        bool usable = true;
        for (uint32_t i = 0; i < size; i++) {
            set.at[i] = &search->changes[indices[i]];
            usable = usable && set.at[i]->usable;
        }
        if (!usable) {
            continue;
        }
        SUNDER_TRY(combination_try(search, &set, ret_found));
        if (*ret_found) {
            *ret_set = set;
            return SUNDER_OK;
        }
    } while (trials_left(search) && combination_next(indices, size, search->change_count));
    return SUNDER_OK;
}

/* The rules that escalate when the rest is changed, joined by commas. */
static enum sunder_err approval_value(
    struct search *search, const struct set *set, struct sunder_str *ret_value)
{
    const struct sunder_decision *decision = NULL;
    SUNDER_TRY(sunder_try_changes(&search->trial, set->at, set->count, &decision));
    struct sunder_str text = SUNDER_STR("");
    for (uint32_t i = 0; i < decision->reason_count; i++) {
        if (decision->reasons[i].effect == SUNDER_EFFECT_ESCALATE) {
            text = sunder_text(search->trial.arena,
                text,
                text.len == 0 ? SUNDER_STR("") : SUNDER_STR(","),
                decision->reasons[i].rule);
        }
    }
    *ret_value = text;
    return text.at == NULL ? SUNDER_ERR_FULL : SUNDER_OK;
}

static enum sunder_err value_make(
    struct search *search, const struct set *set, uint32_t index, struct sunder_str *ret_value)
{
    const struct sunder_try_change *change = set->at[index];
    char text[SUNDER_DECIMAL_TEXT_MAX];
    switch (change->kind) {
    case SUNDER_CHANGE_APPROVAL:
        return approval_value(search, set, ret_value);
    case SUNDER_CHANGE_WAIT:
        *ret_value = sunder_text_i64(search->trial.arena, change->number);
        break;
    case SUNDER_CHANGE_AMOUNT:
        *ret_value = sunder_str_copy(search->trial.arena,
            (struct sunder_str){text, sunder_decimal_format(change->number, text)});
        break;
    case SUNDER_CHANGE_PARTY:
    case SUNDER_CHANGE_CLOSED:
        *ret_value = change->value;
        break;
    }
    return ret_value->at == NULL ? SUNDER_ERR_FULL : SUNDER_OK;
}

static enum sunder_err give(
    struct search *search, const struct set *set, struct sunder_decision *decision)
{
    struct sunder_change *changes =
        SUNDER_ARENA_NEW(search->trial.arena, struct sunder_change, set->count);
    if (changes == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < set->count; i++) {
        changes[i].kind = set->at[i]->kind;
        SUNDER_TRY(value_make(search, set, i, &changes[i].value));
    }
    decision->would_allow = changes;
    decision->would_allow_count = set->count;
    return SUNDER_OK;
}

enum sunder_err sunder_would_allow(const struct sunder_policy *policy,
    const struct sunder_view *view,
    const struct sunder_event *event,
    struct sunder_arena *arena,
    struct sunder_decision *decision)
{
    bool asked = decision->kind == SUNDER_RECORD_DECISION && decision->stage == 8 &&
                 !decision->duplicate && decision->verdict != SUNDER_VERDICT_ALLOW;
    struct search *search = asked ? SUNDER_ARENA_NEW(arena, struct search, 1) : NULL;
    if (search == NULL) {
        return asked ? SUNDER_ERR_FULL : SUNDER_OK;
    }
    search->trial =
        (struct sunder_try){.policy = *policy, .view = view, .event = event, .arena = arena};
    search->trial.policy.disclose = false;
    for (uint32_t i = 0; i < decision->would_allow_count; i++) {
        search->without |= 1u << decision->would_allow[i].kind;
    }
    decision->would_allow_count = 0;
    SUNDER_TRY(candidates_find(search, decision));
    bool found = false;
    struct set set = {.count = 0};
    for (uint32_t size = 1; size <= SUNDER_CHANGES_MAX && !found && trials_left(search); size++) {
        SUNDER_TRY(size_search(search, size, &set, &found));
    }
    return found ? give(search, &set, decision) : SUNDER_OK;
}
