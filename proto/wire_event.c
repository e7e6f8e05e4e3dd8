/* From the data of an event, a tree, to the fields of struct sunder_event; and the action digest. */
#include <stddef.h>

#include "engine/base/decimal.h"
#include "engine/base/must.h"
#include "proto/canonical.h"
#include "proto/json_number.h"
#include "proto/time.h"
#include "proto/wire_fields.h"
#include "proto/wire_internal.h"

enum field_type {
    FIELD_TEXT,
    FIELD_LIST,
    FIELD_AMOUNT,
    FIELD_ARGS,
    FIELD_PROOF,
    FIELD_REVOKED,
    FIELD_EXPIRES,
    FIELD_RESULT,
    FIELD_STATE,
    FIELD_CONTROL,
};

enum {
    FOR_INTENT = (1 << SUNDER_EVENT_INTENT) | (1 << SUNDER_EVENT_OBSERVED),
    FOR_OUTCOME = 1 << SUNDER_EVENT_OUTCOME,
    FOR_TASK = 1 << SUNDER_EVENT_TASK,
    FOR_DELEGATION = 1 << SUNDER_EVENT_DELEGATION,
    FOR_CASE = 1 << SUNDER_EVENT_CASE,
    FOR_CONTROL = 1 << SUNDER_EVENT_CONTROL,
    FOR_LENIENT = (1 << SUNDER_EVENT_APPROVAL) | (1 << SUNDER_EVENT_UNKNOWN),
    FOR_KNOWN = FOR_INTENT | FOR_OUTCOME | FOR_TASK | FOR_DELEGATION | FOR_CASE | FOR_CONTROL,
    /* An attribute that may be one of the domain's, so that kinds which are not copied carry it. */
    FOR_DOMAIN = FOR_INTENT | FOR_OUTCOME | FOR_CASE | FOR_LENIENT,
    /* Kinds of which it is no field otherwise: what is no string is then not there. */
    AGENT_LENIENT = FOR_OUTCOME | FOR_CASE | FOR_LENIENT,
    KEY_LENIENT = FOR_OUTCOME | FOR_LENIENT,
};

struct field {
    struct sunder_str name;
    size_t at; /* Of the member in struct sunder_event. */
    enum field_type type;
    int kinds;
    int lenient_kinds;
    uint32_t count_max;
};

/* A hash without collisions over the names below; two names in one slot do not compile (-Woverride-init). */
#define SLOT(first, last, len) ((((first) + ((last)*5) + ((len)*26))) & 63)

#define FIELD(name, type, kinds, lenient_kinds, member, count_max)                                 \
    {                                                                                              \
        {name, sizeof(name) - 1}, offsetof(struct sunder_event, member), type, kinds,              \
            lenient_kinds, count_max                                                               \
    }

/* clang-format off */
static const struct field FIELDS[64] = {
    [SLOT('t', 'o', 2)] = FIELD("to", FIELD_TEXT, FOR_DELEGATION, FOR_LENIENT, to, 0),
    [SLOT('t', 'l', 4)] = FIELD("tool", FIELD_TEXT, FOR_INTENT, FOR_LENIENT, tool, 0),
    [SLOT('t', 'k', 4)] = FIELD("task", FIELD_TEXT, FOR_DOMAIN | FOR_TASK | FOR_DELEGATION, AGENT_LENIENT, task, 0),
    [SLOT('c', 'e', 4)] = FIELD("case", FIELD_TEXT, FOR_DOMAIN | FOR_TASK, KEY_LENIENT, case_id, 0),
    [SLOT('a', 's', 4)] = FIELD("args", FIELD_ARGS, FOR_INTENT, 0, args, 0),
    [SLOT('f', 'm', 4)] = FIELD("from", FIELD_TEXT, FOR_DELEGATION, FOR_LENIENT, from, 0),
    [SLOT('a', 't', 5)] = FIELD("agent", FIELD_TEXT, FOR_DOMAIN, AGENT_LENIENT, agent, 0),
    [SLOT('p', 'f', 5)] = FIELD("proof", FIELD_PROOF, FOR_KNOWN, 0, has_proof, 0),
    [SLOT('s', 'e', 5)] = FIELD("state", FIELD_STATE, FOR_TASK | FOR_CASE, 0, task_state, 0),
    [SLOT('t', 't', 6)] = FIELD("tenant", FIELD_TEXT, FOR_KNOWN | FOR_LENIENT, FOR_LENIENT, tenant, 0),
    [SLOT('a', 'n', 6)] = FIELD("action", FIELD_TEXT, FOR_INTENT, FOR_LENIENT, action, 0),
    [SLOT('o', 't', 6)] = FIELD("object", FIELD_TEXT, FOR_DOMAIN, KEY_LENIENT, object, 0),
    [SLOT('a', 't', 6)] = FIELD("amount", FIELD_AMOUNT, FOR_INTENT, 0, amount, 0),
    [SLOT('l', 's', 6)] = FIELD("labels", FIELD_LIST, FOR_INTENT, 0, labels, SUNDER_LABELS_MAX),
    [SLOT('d', 's', 6)] = FIELD("duties", FIELD_LIST, FOR_TASK | FOR_DELEGATION, 0, duties, SUNDER_TASK_DUTIES_MAX),
    [SLOT('a', 's', 6)] = FIELD("agents", FIELD_LIST, FOR_TASK, 0, agents, SUNDER_TASK_AGENTS_MAX),
    [SLOT('i', 't', 6)] = FIELD("intent", FIELD_TEXT, FOR_OUTCOME, FOR_LENIENT, intent, 0),
    [SLOT('r', 't', 6)] = FIELD("result", FIELD_RESULT, FOR_OUTCOME, 0, result, 0),
    [SLOT('p', 'e', 7)] = FIELD("purpose", FIELD_TEXT, FOR_INTENT | FOR_TASK, FOR_LENIENT, purpose, 0),
    [SLOT('o', 's', 7)] = FIELD("objects", FIELD_LIST, FOR_INTENT, 0, objects, SUNDER_OBJECTS_MAX),
    [SLOT('p', 's', 7)] = FIELD("parents", FIELD_LIST, FOR_INTENT, 0, parents, SUNDER_PARENTS_MAX),
    [SLOT('e', 's', 7)] = FIELD("expires", FIELD_EXPIRES, FOR_TASK | FOR_DELEGATION, 0, expires_ms, 0),
    [SLOT('r', 'd', 7)] = FIELD("revoked", FIELD_REVOKED, FOR_DELEGATION, 0, revoked, 0),
    [SLOT('c', 'l', 7)] = FIELD("control", FIELD_CONTROL, FOR_CONTROL, 0, control, 0),
    [SLOT('s', 't', 7)] = FIELD("subject", FIELD_TEXT, FOR_CONTROL, FOR_LENIENT, subject, 0),
    [SLOT('c', 'y', 8)] = FIELD("currency", FIELD_TEXT, FOR_INTENT, FOR_LENIENT, currency, 0),
    [SLOT('p', 'l', 9)] = FIELD("principal", FIELD_TEXT, FOR_DOMAIN | FOR_TASK, AGENT_LENIENT, principal, 0),
    [SLOT('d', 'n', 10)] = FIELD("delegation", FIELD_LIST, FOR_INTENT, 0, delegation, SUNDER_DELEGATION_MAX),
    [SLOT('c', 'e', 10)] = FIELD("confidence", FIELD_AMOUNT, FOR_INTENT, 0, confidence, 0),
    [SLOT('c', 'l', 10)] = FIELD("credential", FIELD_TEXT, FOR_INTENT, FOR_LENIENT, credential, 0),
    [SLOT('i', 'y', 15)] = FIELD("idempotency_key", FIELD_TEXT, FOR_INTENT, FOR_LENIENT, idempotency_key, 0),
};
/* clang-format on */

/* memcmp of a name of 2 to 15 bytes, without the call: two words from both ends, which may overlap. */
static inline bool has_bytes(struct sunder_str name, const char *at)
{
    uint32_t word = name.len >= 8 ? 8 : name.len >= 4 ? 4 : 2;
    uint32_t tail = name.len - word;
    switch (word) {
    case 8:
        return memcmp(name.at, at, 8) == 0 && memcmp(name.at + tail, at + tail, 8) == 0;
    case 4:
        return memcmp(name.at, at, 4) == 0 && memcmp(name.at + tail, at + tail, 4) == 0;
    default:
        return memcmp(name.at, at, 2) == 0 && memcmp(name.at + tail, at + tail, 2) == 0;
    }
}

static const struct field *find_field(struct sunder_str name)
{
    if (name.len < 2) {
        return NULL;
    }
    uint32_t first = (uint8_t)name.at[0];
    uint32_t last = (uint8_t)name.at[name.len - 1];
    const struct field *field = &FIELDS[SLOT(first, last, name.len)];
    bool same = field->name.len == name.len && has_bytes(name, field->name.at);
    return same ? field : NULL;
}

uint32_t sunder_wire_fields(
    enum sunder_event_kind kind, struct sunder_wire_field ret_fields[static SUNDER_WIRE_FIELDS_MAX])
{
    static const enum sunder_wire_field_type TYPES[] = {
        [FIELD_TEXT] = SUNDER_WIRE_FIELD_TEXT,
        [FIELD_LIST] = SUNDER_WIRE_FIELD_LIST,
        [FIELD_AMOUNT] = SUNDER_WIRE_FIELD_DECIMAL,
        [FIELD_ARGS] = SUNDER_WIRE_FIELD_MAP,
        [FIELD_PROOF] = SUNDER_WIRE_FIELD_TEXT,
        [FIELD_REVOKED] = SUNDER_WIRE_FIELD_FLAG,
        [FIELD_EXPIRES] = SUNDER_WIRE_FIELD_TIME,
        [FIELD_RESULT] = SUNDER_WIRE_FIELD_RESULT,
        [FIELD_STATE] = SUNDER_WIRE_FIELD_STATE,
        [FIELD_CONTROL] = SUNDER_WIRE_FIELD_CONTROL,
    };
    uint32_t count = 0;
    for (uint32_t i = 0; i < sizeof(FIELDS) / sizeof(FIELDS[0]); i++) {
        if ((FIELDS[i].kinds & (1 << kind)) != 0) {
            ret_fields[count++] = (struct sunder_wire_field){FIELDS[i].name, TYPES[FIELDS[i].type]};
        }
    }
    return count;
}

static uint64_t bit_of(const struct field *field)
{
    return UINT64_C(1) << (field - FIELDS);
}

struct filler {
    struct sunder_arena *arena;
    struct sunder_event *event;
    uint64_t seen; /* A bit for each of FIELDS that is there. */
};

/* Keeps the problems sorted by (code, field): there are few. */
static void complain(struct sunder_event *event, struct sunder_str code, struct sunder_str field)
{
    SUNDER_MUST(event->problem_count < SUNDER_PROBLEMS_MAX);
    uint32_t at = event->problem_count;
    for (; at > 0; at--) {
        const struct sunder_problem *before = &event->problems[at - 1];
        int order = sunder_str_compare(before->code, code);
        if (order < 0 || (order == 0 && sunder_str_compare(before->field, field) <= 0)) {
            break;
        }
        event->problems[at] = *before;
    }
    event->problems[at] = (struct sunder_problem){code, field};
    event->problem_count += 1;
}

static void malformed(struct sunder_event *event, struct sunder_str field)
{
    complain(event, SUNDER_STR("malformed"), field);
}

static bool is_list_of_strings(const struct sunder_value *value)
{
    if (value->kind != SUNDER_VALUE_LIST) {
        return false;
    }
    for (uint32_t i = 0; i < value->count; i++) {
        if (value->items[i].kind != SUNDER_VALUE_STRING) {
            return false;
        }
    }
    return true;
}

static enum sunder_err fill_list(
    struct filler *fill, const struct field *field, const struct sunder_value *value)
{
    struct sunder_strs *strs = (struct sunder_strs *)(void *)((char *)fill->event + field->at);
    if (!is_list_of_strings(value)) {
        malformed(fill->event, field->name);
        return SUNDER_OK;
    }
    if (value->count > field->count_max) {
        complain(fill->event, SUNDER_STR("limit_reached"), field->name);
        return SUNDER_OK;
    }
    struct sunder_str *at = SUNDER_ARENA_NEW(fill->arena, struct sunder_str, value->count);
    if (at == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < value->count; i++) {
        at[i] = value->items[i].text;
    }
    *strs = (struct sunder_strs){at, value->count};
    fill->event->has_duties |= field->at == offsetof(struct sunder_event, duties);
    fill->event->has_agents |= field->at == offsetof(struct sunder_event, agents);
    return SUNDER_OK;
}

static enum sunder_err fill_amount(
    struct filler *fill, const struct field *field, const struct sunder_value *value)
{
    struct sunder_amount *amount =
        (struct sunder_amount *)(void *)((char *)fill->event + field->at);
    bool text = value->kind == SUNDER_VALUE_STRING || value->kind == SUNDER_VALUE_NUMBER;
    int64_t micro = 0;
    enum sunder_err err = text ? sunder_decimal_parse(value->text, &micro) : SUNDER_ERR_MALFORMED;
    if (err == SUNDER_ERR_MALFORMED) {
        bool number = text && sunder_json_is_number(
                                  value->text); /* But too long, or with such an exponent. */
        complain(fill->event,
            number ? SUNDER_STR("limit_reached") : SUNDER_STR("malformed"),
            field->name);
        return SUNDER_OK;
    }
    char plain[SUNDER_DECIMAL_PLAIN_MAX];
    struct sunder_str shortest = {plain, sunder_decimal_plain(value->text, plain)};
    if (sunder_str_equal(shortest, value->text)) {
        shortest = value->text;
    } else {
        shortest = sunder_str_copy(fill->arena, shortest);
        if (shortest.at == NULL) {
            return SUNDER_ERR_FULL;
        }
    }
    *amount = (struct sunder_amount){
        .present = true, .range = err != SUNDER_OK, .micro = micro, .plain = shortest};
    return SUNDER_OK;
}

/* The place of a word in a list that ends with an absent one; 0 when it is not there, else counted from 1. */
static int word_index(const struct sunder_value *value, const struct sunder_str *words)
{
    if (value->kind == SUNDER_VALUE_STRING) {
        for (int i = 0; words[i].at != NULL; i++) {
            if (sunder_str_equal(words[i], value->text)) {
                return i + 1;
            }
        }
    }
    return 0;
}

#define WORD(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static void fill_word(
    struct filler *fill, const struct field *field, const struct sunder_value *value)
{
    static const struct sunder_str results[] = {
        WORD("executed"), WORD("failed"), WORD("abandoned"), {NULL, 0}};
    static const struct sunder_str states[] = {
        WORD("opened"), WORD("updated"), WORD("renewed"), WORD("ended"), {NULL, 0}};
    static const struct sunder_str closed[] = {WORD("closed"), {NULL, 0}};
    static const struct sunder_str controls[] = {
        WORD("quarantine"), WORD("release"), WORD("tick"), WORD("activate"), {NULL, 0}};

    struct sunder_event *event = fill->event;
    int word = 0;
    if (field->type == FIELD_RESULT) {
        word = word_index(value, results);
        event->result = (enum sunder_outcome_result)word;
    } else if (field->type == FIELD_CONTROL) {
        word = word_index(value, controls);
        event->control = (enum sunder_control_kind)word;
    } else if (event->kind == SUNDER_EVENT_TASK) {
        word = word_index(value, states);
        event->task_state = (enum sunder_task_state)word;
    } else {
        word = word_index(value, closed);
    }
    if (word == 0) {
        malformed(event, field->name);
    }
}

static void fill_text(
    struct filler *fill, const struct field *field, const struct sunder_value *value)
{
    if (value->kind == SUNDER_VALUE_STRING) {
        *(struct sunder_str *)(void *)((char *)fill->event + field->at) = value->text;
    } else if ((field->lenient_kinds & (1 << fill->event->kind)) == 0) {
        malformed(fill->event, field->name);
    }
}

static enum sunder_err fill_field(
    struct filler *fill, const struct field *field, const struct sunder_value *value)
{
    struct sunder_event *event = fill->event;
    bool right = true;
    switch (field->type) {
    case FIELD_TEXT:
        fill_text(fill, field, value);
        break;
    case FIELD_LIST:
        return fill_list(fill, field, value);
    case FIELD_AMOUNT:
        return fill_amount(fill, field, value);
    case FIELD_ARGS:
        right = value->kind == SUNDER_VALUE_MAP;
        if (right) {
            event->args = *value;
        }
        break;
    case FIELD_PROOF:
        right = value->kind == SUNDER_VALUE_STRING;
        event->has_proof = right;
        break;
    case FIELD_REVOKED:
        right = value->kind == SUNDER_VALUE_BOOL;
        event->revoked = right && value->boolean;
        break;
    case FIELD_EXPIRES:
        right = value->kind == SUNDER_VALUE_STRING &&
                sunder_time_parse(value->text, &event->expires_ms) == SUNDER_OK;
        event->has_expires = right;
        break;
    case FIELD_RESULT:
    case FIELD_STATE:
    case FIELD_CONTROL:
        fill_word(fill, field, value);
        break;
    }
    if (!right) {
        malformed(event, field->name);
    }
    return SUNDER_OK;
}

static bool has_seen(const struct filler *fill, struct sunder_str name)
{
    const struct field *field = find_field(name);
    SUNDER_MUST(field != NULL);
    return (fill->seen & bit_of(field)) != 0;
}

static void require(struct filler *fill, struct sunder_str name)
{
    if (!has_seen(fill, name)) {
        complain(fill->event, SUNDER_STR("context_missing"), name);
    }
}

static void require_all(struct filler *fill)
{
    switch (fill->event->kind) {
    case SUNDER_EVENT_INTENT:
    case SUNDER_EVENT_OBSERVED:
        require(fill, SUNDER_STR("tool"));
        require(fill, SUNDER_STR("action"));
        break;
    case SUNDER_EVENT_OUTCOME:
        require(fill, SUNDER_STR("intent"));
        require(fill, SUNDER_STR("result"));
        break;
    case SUNDER_EVENT_TASK:
        require(fill, SUNDER_STR("task"));
        require(fill, SUNDER_STR("state"));
        break;
    case SUNDER_EVENT_DELEGATION:
        require(fill, SUNDER_STR("from"));
        require(fill, SUNDER_STR("to"));
        break;
    case SUNDER_EVENT_CASE:
        require(fill, SUNDER_STR("state"));
        if (!has_seen(fill, SUNDER_STR("object"))) {
            require(fill, SUNDER_STR("case"));
        } else if (has_seen(fill, SUNDER_STR("case"))) {
            malformed(fill->event, SUNDER_STR("object")); /* One or the other. */
        }
        break;
    case SUNDER_EVENT_CONTROL:
        require(fill, SUNDER_STR("control"));
        if (fill->event->control == SUNDER_CONTROL_QUARANTINE ||
            fill->event->control == SUNDER_CONTROL_RELEASE) {
            require(fill, SUNDER_STR("subject"));
        }
        break;
    case SUNDER_EVENT_APPROVAL:
    case SUNDER_EVENT_UNKNOWN:
    case SUNDER_EVENT_KIND_COUNT:
        break;
    }
}

/* `object` first, then `objects`. */
static enum sunder_err join_objects(struct filler *fill)
{
    struct sunder_event *event = fill->event;
    if (event->object.at == NULL || (FOR_INTENT & (1 << event->kind)) == 0) {
        return SUNDER_OK;
    }
    struct sunder_str *at =
        SUNDER_ARENA_NEW(fill->arena, struct sunder_str, (size_t)event->objects.count + 1);
    if (at == NULL) {
        return SUNDER_ERR_FULL;
    }
    at[0] = event->object;
    if (event->objects.count != 0) {
        memcpy(at + 1, event->objects.at, event->objects.count * sizeof(*at));
    }
    event->objects = (struct sunder_strs){at, event->objects.count + 1};
    return SUNDER_OK;
}

static bool is_name(struct sunder_str name, const char *text, uint32_t len)
{
    return name.len == len && memcmp(name.at, text, len) == 0;
}

/* Whether a member of `data` is one of the action. A null member is an absent one everywhere, and so it is here, or an intent
 * would lose its digest on its way through protobuf. */
static bool is_of_action(const struct sunder_member *member)
{
    return member->value.kind != SUNDER_VALUE_NULL && !is_name(member->name, "proof", 5) &&
           !is_name(member->name, "idempotency_key", 15);
}

/* The members of the action that `data` does not have as they are. */
struct action_parts {
    struct sunder_member agent;
    struct sunder_member amount;
    struct sunder_member confidence;
};

static struct sunder_member text_member(struct sunder_str name, struct sunder_str text)
{
    return (struct sunder_member){name, {.kind = SUNDER_VALUE_STRING, .text = text}};
}

/* A member of `data`, or the shortest plain string that stands for it. */
static const struct sunder_member *action_member(const struct sunder_event *event,
    const struct sunder_member *member,
    const struct action_parts *parts)
{
    if (event->amount.present && is_name(member->name, "amount", 6)) {
        return &parts->amount;
    }
    if (event->confidence.present && is_name(member->name, "confidence", 10)) {
        return &parts->confidence;
    }
    return member;
}

/* The action: `data` without proof, idempotency_key and null members, with `agent`, decimals as strings. */
static enum sunder_err digest_action(
    struct sunder_wire_decoder *decoder, struct filler *fill, const struct sunder_value *data)
{
    struct sunder_event *event = fill->event;
    const struct action_parts parts = {.agent = text_member(SUNDER_STR("agent"), event->source),
        .amount = text_member(SUNDER_STR("amount"), event->amount.plain),
        .confidence = text_member(SUNDER_STR("confidence"), event->confidence.plain)};
    const struct sunder_member **order =
        SUNDER_ARENA_NEW(fill->arena, const struct sunder_member *, (size_t)data->count + 1);
    if (order == NULL) {
        return SUNDER_ERR_FULL;
    }
    bool defaulted = !has_seen(fill, SUNDER_STR("agent"));
    uint32_t count = 0;
    for (uint32_t i = 0; i < data->count; i++) {
        const struct sunder_member *member = &data->members[i];
        if (!is_of_action(member)) {
            continue;
        }
        if (defaulted && sunder_str_compare(member->name, parts.agent.name) > 0) {
            order[count] = &parts.agent;
            count += 1;
            defaulted = false;
        }
        order[count] = action_member(event, member, &parts);
        count += 1;
    }
    if (defaulted) {
        order[count] = &parts.agent;
        count += 1;
    }
    struct sunder_json_out out = {
        decoder->scratch, decoder->scratch + SUNDER_WIRE_CANONICAL_BYTES, false};
    enum sunder_err err = sunder_canonical_put_members(&out, fill->arena, order, count);
    if (err != SUNDER_OK) {
        return err;
    }
    struct sunder_str text = {decoder->scratch, (uint32_t)(out.at - decoder->scratch)};
    event->digest = sunder_sha256_of(decoder->sha256, text);
    return SUNDER_OK;
}

static enum sunder_err fill_data(struct filler *fill, const struct sunder_value *data)
{
    for (uint32_t i = 0; i < data->count; i++) {
        const struct sunder_value *value = &data->members[i].value;
        const struct field *field = find_field(data->members[i].name);
        bool known = field != NULL && (field->kinds & (1 << fill->event->kind)) != 0;
        if (!known || value->kind == SUNDER_VALUE_NULL) {
            continue;
        }
        fill->seen |= bit_of(field);
        enum sunder_err err = fill_field(fill, field, value);
        if (err != SUNDER_OK) {
            return err;
        }
    }
    require_all(fill);
    return join_objects(fill);
}

enum sunder_event_kind sunder_wire_kind(struct sunder_str type)
{
    static const struct {
        struct sunder_str word;
        enum sunder_event_kind kind;
    } kinds[] = {
        {WORD("intent"), SUNDER_EVENT_INTENT},
        {WORD("observed"), SUNDER_EVENT_OBSERVED},
        {WORD("outcome"), SUNDER_EVENT_OUTCOME},
        {WORD("task"), SUNDER_EVENT_TASK},
        {WORD("delegation"), SUNDER_EVENT_DELEGATION},
        {WORD("approval"), SUNDER_EVENT_APPROVAL},
        {WORD("case"), SUNDER_EVENT_CASE},
        {WORD("control"), SUNDER_EVENT_CONTROL},
    };
    const struct sunder_str prefix = SUNDER_STR("dev.sunder.");
    const struct sunder_str suffix = SUNDER_STR(".v1");
    if (type.len < prefix.len + suffix.len || !sunder_str_starts_with(type, prefix) ||
        !sunder_str_ends_with(type, suffix)) {
        return SUNDER_EVENT_UNKNOWN;
    }
    struct sunder_str word = {type.at + prefix.len, type.len - prefix.len - suffix.len};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (sunder_str_equal(kinds[i].word, word)) {
            return kinds[i].kind;
        }
    }
    return SUNDER_EVENT_UNKNOWN;
}

/* The problems are not touched: zeroing them would cost as much as parsing. */
static void clear_event(struct sunder_event *event)
{
    memset(event, 0, offsetof(struct sunder_event, problems));
    memset(&event->problem_count, 0, sizeof(*event) - offsetof(struct sunder_event, problem_count));
}

enum sunder_err sunder_wire_fill_event(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    const struct sunder_wire_envelope *envelope,
    struct sunder_event *event)
{
    clear_event(event);
    event->kind = sunder_wire_kind(envelope->type);
    event->id = envelope->id;
    event->source = envelope->source;
    event->type = envelope->type;

    bool act = (FOR_INTENT & (1 << event->kind)) != 0;
    bool known = (FOR_KNOWN & (1 << event->kind)) != 0;
    struct filler fill = {.arena = arena, .event = event};
    if (known && envelope->bad_time) {
        malformed(event, SUNDER_STR("time"));
    }
    enum sunder_err err = SUNDER_OK;
    bool has_data = envelope->data.kind == SUNDER_VALUE_MAP;
    if (has_data) {
        err = fill_data(&fill, &envelope->data);
    } else if (known) {
        malformed(event, SUNDER_STR("data"));
    }
    if (act && !has_seen(&fill, SUNDER_STR("agent"))) {
        event->agent = envelope->source;
    }
    if (act && has_data && err == SUNDER_OK) {
        err = digest_action(decoder, &fill, &envelope->data);
    }
    return err;
}
