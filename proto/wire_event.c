/* From the data of an event, a tree, to the fields of struct sunder_event; and the action digest. */
#include <stddef.h>

#include "engine/base/decimal.h"
#include "engine/base/must.h"
#include "proto/canonical.h"
#include "proto/json_number.h"
#include "proto/time.h"
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
    enum field_type type;
    int kinds;
    int lenient_kinds;
    size_t at; /* Of the member in struct sunder_event. */
    uint32_t count_max;
};

#define MEMBER(name) offsetof(struct sunder_event, name)
#define TEXT(name, kinds, member)                                                                  \
    {                                                                                              \
        {name, sizeof(name) - 1}, FIELD_TEXT, kinds, FOR_LENIENT, MEMBER(member), 0                \
    }
#define SHARED(name, kinds, lenient_kinds, member)                                                 \
    {                                                                                              \
        {name, sizeof(name) - 1}, FIELD_TEXT, kinds, lenient_kinds, MEMBER(member), 0              \
    }
#define LIST(name, kinds, member, max)                                                             \
    {                                                                                              \
        {name, sizeof(name) - 1}, FIELD_LIST, kinds, 0, MEMBER(member), max                        \
    }
#define OTHER(name, type, kinds, member)                                                           \
    {                                                                                              \
        {name, sizeof(name) - 1}, type, kinds, 0, MEMBER(member), 0                                \
    }

/* Sorted by the length of their names: FIELDS_BEGIN says where each length begins. */
static const struct field FIELDS[] = {
    TEXT("to", FOR_DELEGATION, to),
    TEXT("tool", FOR_INTENT, tool),
    SHARED("task", FOR_DOMAIN | FOR_TASK | FOR_DELEGATION, AGENT_LENIENT, task),
    SHARED("case", FOR_DOMAIN | FOR_TASK, KEY_LENIENT, case_id),
    OTHER("args", FIELD_ARGS, FOR_INTENT, args),
    TEXT("from", FOR_DELEGATION, from),
    SHARED("agent", FOR_DOMAIN, AGENT_LENIENT, agent),
    OTHER("proof", FIELD_PROOF, FOR_KNOWN, has_proof),
    OTHER("state", FIELD_STATE, FOR_TASK | FOR_CASE, task_state),
    TEXT("tenant", FOR_KNOWN | FOR_LENIENT, tenant),
    TEXT("action", FOR_INTENT, action),
    SHARED("object", FOR_DOMAIN, KEY_LENIENT, object),
    OTHER("amount", FIELD_AMOUNT, FOR_INTENT, amount),
    LIST("labels", FOR_INTENT, labels, SUNDER_LABELS_MAX),
    LIST("duties", FOR_TASK | FOR_DELEGATION, duties, SUNDER_TASK_DUTIES_MAX),
    LIST("agents", FOR_TASK, agents, SUNDER_TASK_AGENTS_MAX),
    TEXT("intent", FOR_OUTCOME, intent),
    OTHER("result", FIELD_RESULT, FOR_OUTCOME, result),
    TEXT("purpose", FOR_INTENT | FOR_TASK, purpose),
    LIST("objects", FOR_INTENT, objects, SUNDER_OBJECTS_MAX),
    LIST("parents", FOR_INTENT, parents, SUNDER_PARENTS_MAX),
    OTHER("expires", FIELD_EXPIRES, FOR_TASK | FOR_DELEGATION, expires_ms),
    OTHER("revoked", FIELD_REVOKED, FOR_DELEGATION, revoked),
    OTHER("control", FIELD_CONTROL, FOR_CONTROL, control),
    TEXT("subject", FOR_CONTROL, subject),
    TEXT("currency", FOR_INTENT, currency),
    SHARED("principal", FOR_DOMAIN | FOR_TASK, AGENT_LENIENT, principal),
    LIST("delegation", FOR_INTENT, delegation, SUNDER_DELEGATION_MAX),
    OTHER("confidence", FIELD_AMOUNT, FOR_INTENT, confidence),
    TEXT("credential", FOR_INTENT, credential),
    TEXT("idempotency_key", FOR_INTENT, idempotency_key),
};

enum {
    FIELD_COUNT = sizeof(FIELDS) / sizeof(FIELDS[0]),
    NAME_MAX = 15
};
_Static_assert(FIELD_COUNT <= 32, "one bit each");

static const uint8_t FIELDS_BEGIN[NAME_MAX + 2] = {
    0, 0, 0, 1, 1, 6, 9, 18, 25, 26, 27, 30, 30, 30, 30, 30, FIELD_COUNT};

static const struct field *find_field(struct sunder_str name)
{
    if (name.len == 0 || name.len > NAME_MAX) {
        return NULL;
    }
    for (uint32_t i = FIELDS_BEGIN[name.len]; i < FIELDS_BEGIN[name.len + 1]; i++) {
        if (FIELDS[i].name.at[0] == name.at[0] &&
            memcmp(FIELDS[i].name.at, name.at, name.len) == 0) {
            return &FIELDS[i];
        }
    }
    return NULL;
}

struct filler {
    struct sunder_arena *arena;
    struct sunder_event *event;
    uint32_t seen; /* A bit for each of FIELDS that is there. */
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
    fill->event->has_duties |= field->at == MEMBER(duties);
    fill->event->has_agents |= field->at == MEMBER(agents);
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

static bool has_seen(const struct filler *fill, const char *name)
{
    const struct field *field = find_field(sunder_str_of(name));
    SUNDER_MUST(field != NULL);
    return (fill->seen & (1u << (field - FIELDS))) != 0;
}

static void require(struct filler *fill, const char *name)
{
    if (!has_seen(fill, name)) {
        complain(fill->event, SUNDER_STR("context_missing"), sunder_str_of(name));
    }
}

static void require_all(struct filler *fill)
{
    switch (fill->event->kind) {
    case SUNDER_EVENT_INTENT:
    case SUNDER_EVENT_OBSERVED:
        require(fill, "tool");
        require(fill, "action");
        break;
    case SUNDER_EVENT_OUTCOME:
        require(fill, "intent");
        require(fill, "result");
        break;
    case SUNDER_EVENT_TASK:
        require(fill, "task");
        require(fill, "state");
        break;
    case SUNDER_EVENT_DELEGATION:
        require(fill, "from");
        require(fill, "to");
        break;
    case SUNDER_EVENT_CASE:
        require(fill, "state");
        if (!has_seen(fill, "object")) {
            require(fill, "case");
        } else if (has_seen(fill, "case")) {
            malformed(fill->event, SUNDER_STR("object")); /* One or the other. */
        }
        break;
    case SUNDER_EVENT_CONTROL:
        require(fill, "control");
        if (fill->event->control == SUNDER_CONTROL_QUARANTINE ||
            fill->event->control == SUNDER_CONTROL_RELEASE) {
            require(fill, "subject");
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

/* A member of the action: as `data` has it, but decimals are shortest plain strings. */
static struct sunder_member action_member(
    const struct sunder_event *event, const struct sunder_member *member)
{
    struct sunder_member action = *member;
    const struct sunder_amount *amount = NULL;
    if (is_name(member->name, "amount", 6)) {
        amount = &event->amount;
    } else if (is_name(member->name, "confidence", 10)) {
        amount = &event->confidence;
    }
    if (amount != NULL && amount->present) {
        action.value = (struct sunder_value){.kind = SUNDER_VALUE_STRING, .text = amount->plain};
    }
    return action;
}

/* The action: `data` without proof, idempotency_key and null members, with `agent`. A null member is an absent one everywhere,
 * and so it is here, or an intent would lose its digest on its way through protobuf. */
static enum sunder_err digest_action(
    struct sunder_wire_decoder *decoder, struct filler *fill, const struct sunder_value *data)
{
    struct sunder_event *event = fill->event;
    const struct sunder_member agent = {
        SUNDER_STR("agent"), {.kind = SUNDER_VALUE_STRING, .text = event->source}};
    struct sunder_member *members =
        SUNDER_ARENA_NEW(fill->arena, struct sunder_member, (size_t)data->count + 1);
    if (members == NULL) {
        return SUNDER_ERR_FULL;
    }
    bool defaulted = !has_seen(fill, "agent");
    uint32_t count = 0;
    for (uint32_t i = 0; i < data->count; i++) {
        const struct sunder_member *member = &data->members[i];
        if (member->value.kind == SUNDER_VALUE_NULL || is_name(member->name, "proof", 5) ||
            is_name(member->name, "idempotency_key", 15)) {
            continue;
        }
        if (defaulted && sunder_str_compare(member->name, agent.name) > 0) {
            members[count] = agent;
            count += 1;
            defaulted = false;
        }
        members[count] = action_member(event, member);
        count += 1;
    }
    if (defaulted) {
        members[count] = agent;
        count += 1;
    }
    const struct sunder_value action = {
        .kind = SUNDER_VALUE_MAP, .count = count, .members = members};
    struct sunder_json_out out = {
        decoder->scratch, decoder->scratch + SUNDER_WIRE_CANONICAL_BYTES, false};
    enum sunder_err err = sunder_canonical_put(&out, fill->arena, &action);
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
        fill->seen |= 1u << (field - FIELDS);
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
    if (act && !has_seen(&fill, "agent")) {
        event->agent = envelope->source;
    }
    if (act && has_data && err == SUNDER_OK) {
        err = digest_action(decoder, &fill, &envelope->data);
    }
    return err;
}
