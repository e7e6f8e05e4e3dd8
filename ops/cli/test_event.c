/* One event of a test file: from YAML to the CloudEvent that replay reads. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/expr/nearest.h"
#include "ops/cli/cli_time.h"
#include "ops/cli/test_read.h"
#include "proto/json_number.h"
#include "proto/json_write.h"
#include "proto/time.h"
#include "proto/wire_fields.h"
#include "proto/wire_words.h"

#define SOURCE_DEFAULT "sunder-test" /* Nobody's name, so that it may speak about anybody. */
#define TEXT(str) (int)((str).len < 80 ? (str).len : 80), (str).at

enum event_key {
    KEY_KIND,
    KEY_ID,
    KEY_AT,
    KEY_AFTER,
    KEY_SOURCE,
    KEY_PARTITION,
    KEY_KEY,
    KEY_EXPECT,
    KEY_VALUE, /* kind: raw */
    KEY_COUNT
};

static const char *const KEYS[KEY_COUNT] = {
    "kind", "id", "at", "after", "source", "partition", "key", "expect", "value"};

/* By enum sunder_event_kind, as far as a test may write them; the last is text that is sent as it is. */
static const char *const KINDS[] = {
    "intent", "observed", "outcome", "task", "delegation", "case", "control", "raw", NULL};
static const enum sunder_event_kind KIND_VALUES[] = {SUNDER_EVENT_INTENT,
    SUNDER_EVENT_OBSERVED,
    SUNDER_EVENT_OUTCOME,
    SUNDER_EVENT_TASK,
    SUNDER_EVENT_DELEGATION,
    SUNDER_EVENT_CASE,
    SUNDER_EVENT_CONTROL};
#define KIND_RAW 7u

/* An event on its way.
 * keys    what was written under the keys above
 * values  of fields[i], from the event or the defaults; NULL: not there */
struct draft {
    struct sunder_test_reader *test;
    struct sunder_json_out out;
    const struct sunder_doc *keys[KEY_COUNT];
    uint32_t kind;
    bool kind_wrong; /* Which was told; what fields it has, nobody knows. */
    bool malformed;  /* What is expected, so a field may be of a wrong type. */
    struct sunder_wire_field fields[SUNDER_WIRE_FIELDS_MAX];
    uint32_t field_count;
    const struct sunder_doc *values[SUNDER_WIRE_FIELDS_MAX];
    int64_t time_ms;
    struct sunder_str id;
};

bool sunder_test_is_null(const struct sunder_doc *doc)
{
    bool word = sunder_str_equal(doc->text, SUNDER_STR("null")) ||
                sunder_str_equal(doc->text, SUNDER_STR("~"));
    return doc->kind == SUNDER_DOC_SCALAR && !doc->quoted && (doc->text.len == 0 || word);
}

static uint32_t find_field(const struct draft *draft, struct sunder_str name)
{
    uint32_t i = 0;
    while (i < draft->field_count && !sunder_str_equal(draft->fields[i].name, name)) {
        i++;
    }
    return i;
}

/* Which kind has this field, NULL when none has. */
static const char *kind_with(struct sunder_str name)
{
    for (uint32_t kind = 0; kind < KIND_RAW; kind++) {
        struct sunder_wire_field fields[SUNDER_WIRE_FIELDS_MAX];
        uint32_t count = sunder_wire_fields(KIND_VALUES[kind], fields);
        for (uint32_t i = 0; i < count; i++) {
            if (sunder_str_equal(fields[i].name, name)) {
                return KINDS[kind];
            }
        }
    }
    return NULL;
}

static void unknown_field(
    const struct draft *draft, const struct sunder_doc_entry *entry, bool with_keys)
{
    struct sunder_str names[SUNDER_WIRE_FIELDS_MAX + KEY_COUNT];
    uint32_t count = 0;
    for (uint32_t i = 0; i < draft->field_count; i++) {
        names[count++] = draft->fields[i].name;
    }
    for (uint32_t i = 0; with_keys && i < KEY_VALUE; i++) {
        names[count++] = sunder_str_of(KEYS[i]);
    }
    const char *other = kind_with(entry->name);
    struct sunder_str near = sunder_str_nearest(entry->name, names, count);
    const char *kind = KINDS[draft->kind];
    const char *article = kind[0] == 'i' || kind[0] == 'o' ? "an" : "a";
    if (other != NULL && with_keys) {
        TEST_SAY(draft->test,
            entry,
            "`%.*s` is a field of `kind: %s`, and this event is %s %s",
            TEXT(entry->name),
            other,
            article,
            kind);
    } else if (near.at != NULL) {
        TEST_SAY(draft->test,
            entry,
            "%s %s has no field `%.*s`; did you mean `%.*s`?",
            article,
            kind,
            TEXT(entry->name),
            TEXT(near));
    } else {
        TEST_SAY(draft->test,
            entry,
            "%s %s has no field `%.*s`; %s",
            article,
            kind,
            TEXT(entry->name),
            draft->kind < 2 ? "what a tool call takes stands under `args`"
                            : "`sunder schema event` has all that it may say");
    }
}

/* "1h30m": milliseconds; false when it is no duration. */
static bool duration_parse(struct sunder_str text, int64_t *ret_ms)
{
    static const struct {
        struct sunder_str name;
        int64_t ms;
    } UNITS[] = {{{"ms", 2}, 1},
        {{"s", 1}, 1000},
        {{"m", 1}, 60000},
        {{"h", 1}, 3600000},
        {{"d", 1}, 86400000}};
    int64_t total = 0;
    uint32_t at = 0;
    while (at < text.len) {
        int64_t number = 0;
        uint32_t digits = 0;
        for (; at < text.len && text.at[at] >= '0' && text.at[at] <= '9'; at++, digits++) {
            number = number > 100000000 ? number : (number * 10) + (text.at[at] - '0');
        }
        uint32_t from = at;
        while (at < text.len && text.at[at] >= 'a' && text.at[at] <= 'z') {
            at++;
        }
        struct sunder_str unit = {text.at + from, at - from};
        int64_t ms = 0;
        for (uint32_t i = 0; i < sizeof UNITS / sizeof UNITS[0]; i++) {
            ms = sunder_str_equal(unit, UNITS[i].name) ? UNITS[i].ms : ms;
        }
        if (digits == 0 || digits > 8 || ms == 0) {
            return false;
        }
        total += number * ms;
    }
    *ret_ms = total;
    return text.len > 0 && text.len < 64;
}

static int64_t duration_read(
    struct sunder_test_reader *test, const struct sunder_doc *doc, const char *key)
{
    int64_t ms = 0;
    if (doc->kind != SUNDER_DOC_SCALAR || !duration_parse(doc->text, &ms)) {
        TEST_SAY(test, doc, "`%s` is a duration such as 0s, 90s, 15m, 1h30m or 7d", key);
    }
    return ms;
}

static void scalar_put(struct sunder_json_out *out, const struct sunder_doc *doc)
{
    bool plain = !doc->quoted;
    if (sunder_test_is_null(doc)) {
        SUNDER_JSON_PUT(out, "null");
    } else if (plain && (sunder_str_equal(doc->text, SUNDER_STR("true")) ||
                            sunder_str_equal(doc->text, SUNDER_STR("false")) ||
                            sunder_json_is_number(doc->text))) {
        sunder_json_put(out, doc->text.at, doc->text.len);
    } else {
        sunder_json_put_string(out, doc->text);
    }
}

/* YAML as JSON. Its depth is bounded by SUNDER_DOC_DEPTH_MAX. */
static void value_put(struct sunder_json_out *out, const struct sunder_doc *doc)
{
    if (doc->kind == SUNDER_DOC_SCALAR) {
        scalar_put(out, doc);
        return;
    }
    bool list = doc->kind == SUNDER_DOC_LIST;
    sunder_json_put(out, list ? "[" : "{", 1);
    for (uint32_t i = 0; i < doc->count; i++) {
        sunder_json_put(out, ",", i > 0);
        if (!list) {
            sunder_json_put_string(out, doc->entries[i].name);
            SUNDER_JSON_PUT(out, ":");
        }
        value_put(out, list ? &doc->items[i] : &doc->entries[i].value);
    }
    sunder_json_put(out, list ? "]" : "}", 1);
}

static bool is_text(const struct sunder_doc *doc)
{
    return doc->kind == SUNDER_DOC_SCALAR && !sunder_test_is_null(doc);
}

static void list_put(struct draft *draft, struct sunder_str name, const struct sunder_doc *doc)
{
    if (doc->kind != SUNDER_DOC_LIST) {
        TEST_SAY(draft->test, doc, "`%.*s` is a list, as in [a, b]", TEXT(name));
        return;
    }
    SUNDER_JSON_PUT(&draft->out, "[");
    for (uint32_t i = 0; i < doc->count; i++) {
        if (!is_text(&doc->items[i])) {
            TEST_SAY(draft->test, &doc->items[i], "`%.*s` is a list of texts", TEXT(name));
            continue;
        }
        sunder_json_put(&draft->out, ",", i > 0);
        sunder_json_put_string(&draft->out, doc->items[i].text);
    }
    SUNDER_JSON_PUT(&draft->out, "]");
}

/* A time, or a duration since the start of the case. */
static void time_put(struct draft *draft, struct sunder_str name, const struct sunder_doc *doc)
{
    int64_t ms = 0;
    if (doc->kind == SUNDER_DOC_SCALAR && duration_parse(doc->text, &ms)) {
        ms += draft->test->start_ms;
    } else if (doc->kind != SUNDER_DOC_SCALAR || sunder_time_parse(doc->text, &ms) != SUNDER_OK) {
        TEST_SAY(draft->test,
            doc,
            "`%.*s` is a duration since `start`, such as 30m, or a time such as "
            "2026-03-02T09:00:00Z",
            TEXT(name));
        return;
    }
    char text[SUNDER_CLI_TIME_CHARS];
    sunder_cli_time_format(ms, text);
    sunder_json_put_string(&draft->out, sunder_str_of(text));
}

static void word_put(struct draft *draft,
    struct sunder_str name,
    const struct sunder_doc *doc,
    const struct sunder_str *words)
{
    const char *list[16] = {NULL};
    uint32_t count = 0;
    for (const struct sunder_str *word = words; word->at != NULL; word++) {
        if (word->len > 0) {
            list[count++] = word->at;
        }
    }
    if (!is_text(doc)) {
        TEST_SAY(draft->test, doc, "`%.*s` is one word", TEXT(name));
        return;
    }
    (void)sunder_read_word(&draft->test->reader, doc, list);
    sunder_json_put_string(&draft->out, doc->text);
}

static void field_put(
    struct draft *draft, struct sunder_wire_field field, const struct sunder_doc *doc)
{
    static const struct sunder_str CLOSED[] = {{"closed", 6}, {NULL, 0}};
    struct sunder_test_reader *test = draft->test;
    bool task = draft->kind < KIND_RAW && KIND_VALUES[draft->kind] == SUNDER_EVENT_TASK;
    switch (field.type) {
    case SUNDER_WIRE_FIELD_TEXT:
    case SUNDER_WIRE_FIELD_DECIMAL:
        if (!is_text(doc)) {
            TEST_SAY(test, doc, "`%.*s` is one text, not a list or a map", TEXT(field.name));
            return;
        }
        sunder_json_put_string(&draft->out, doc->text);
        return;
    case SUNDER_WIRE_FIELD_LIST:
        list_put(draft, field.name, doc);
        return;
    case SUNDER_WIRE_FIELD_MAP:
        if (doc->kind != SUNDER_DOC_MAP) {
            TEST_SAY(test, doc, "`%.*s` is a map, as in {vendor_id: V77}", TEXT(field.name));
            return;
        }
        value_put(&draft->out, doc);
        return;
    case SUNDER_WIRE_FIELD_FLAG:
        if (doc->quoted || (!sunder_str_equal(doc->text, SUNDER_STR("true")) &&
                               !sunder_str_equal(doc->text, SUNDER_STR("false")))) {
            TEST_SAY(test, doc, "`%.*s` is true or false, without quotes", TEXT(field.name));
            return;
        }
        value_put(&draft->out, doc);
        return;
    case SUNDER_WIRE_FIELD_TIME:
        time_put(draft, field.name, doc);
        return;
    case SUNDER_WIRE_FIELD_RESULT:
        word_put(draft, field.name, doc, SUNDER_WORDS_RESULT);
        return;
    case SUNDER_WIRE_FIELD_STATE:
        word_put(draft, field.name, doc, task ? SUNDER_WORDS_TASK_STATE : CLOSED);
        return;
    case SUNDER_WIRE_FIELD_CONTROL:
        word_put(draft, field.name, doc, SUNDER_WORDS_CONTROL);
        return;
    }
}

/* Takes what `defaults` has. Only the tenant is everybody's. */
static void take_defaults(struct draft *draft, const struct sunder_doc *defaults)
{
    bool act = draft->kind < 2;
    for (uint32_t i = 0;
         defaults != NULL && defaults->kind == SUNDER_DOC_MAP && i < defaults->count;
         i++) {
        const struct sunder_doc_entry *entry = &defaults->entries[i];
        uint32_t field = find_field(draft, entry->name);
        if (field < draft->field_count &&
            (act || sunder_str_equal(entry->name, SUNDER_STR("tenant")))) {
            draft->values[field] = &entry->value;
        }
    }
}

static void take_entries(struct draft *draft, const struct sunder_doc *doc)
{
    for (uint32_t i = 0; i < doc->count; i++) {
        const struct sunder_doc_entry *entry = &doc->entries[i];
        uint32_t key = 0;
        while (key < KEY_COUNT && !sunder_str_equal(entry->name, sunder_str_of(KEYS[key]))) {
            key++;
        }
        uint32_t field = find_field(draft, entry->name);
        if (key < KEY_COUNT && (key != KEY_VALUE || draft->kind == KIND_RAW)) {
            draft->keys[key] = &entry->value;
        } else if (draft->kind == KIND_RAW) {
            TEST_SAY(draft->test,
                entry,
                "an event of `kind: raw` has a `value`, the text that is sent, and no fields");
        } else if (field < draft->field_count) {
            draft->values[field] = &entry->value;
        } else if (!draft->kind_wrong) {
            unknown_field(draft, entry, true);
        }
    }
}

static void take_kind(struct draft *draft, const struct sunder_doc *doc)
{
    uint32_t errors = draft->test->reader.complaints->errors;
    for (uint32_t i = 0; i < doc->count; i++) {
        if (sunder_str_equal(doc->entries[i].name, SUNDER_STR("kind"))) {
            draft->kind = sunder_read_word(&draft->test->reader, &doc->entries[i].value, KINDS);
        }
    }
    draft->kind_wrong = draft->test->reader.complaints->errors != errors;
    if (draft->kind < KIND_RAW) {
        draft->field_count = sunder_wire_fields(KIND_VALUES[draft->kind], draft->fields);
    }
}

static void take_time(struct draft *draft)
{
    struct sunder_test_reader *test = draft->test;
    const struct sunder_doc *at = draft->keys[KEY_AT];
    const struct sunder_doc *after = draft->keys[KEY_AFTER];
    if (at != NULL && after != NULL) {
        TEST_SAY(test, after, "give `at` (since the start) or `after` (since the event before)");
    }
    if (at != NULL) {
        int64_t time_ms = test->start_ms + duration_read(test, at, "at");
        if (time_ms < test->clock_ms) {
            sunder_test_warn(test,
                at,
                "this is earlier than the event before, and stream time never goes back: it is "
                "judged at the time of that one");
        }
        test->clock_ms = time_ms;
    } else if (after != NULL) {
        test->clock_ms += duration_read(test, after, "after");
    }
    draft->time_ms = test->clock_ms;
}

/* Where the record lies: said outright, or by a producer's key. UINT32_MAX: nothing is said. */
static uint32_t partition_of(struct draft *draft)
{
    struct sunder_test_reader *test = draft->test;
    const struct sunder_doc *at = draft->keys[KEY_PARTITION];
    const struct sunder_doc *key = draft->keys[KEY_KEY];
    if (at != NULL && key != NULL) {
        TEST_SAY(test, key, "give `partition` or `key`: the key of a record chooses its partition");
    }
    if (at == NULL) {
        return key == NULL || key->kind != SUNDER_DOC_SCALAR
                   ? UINT32_MAX
                   : sunder_hash_murmur2(key->text) % test->partitions;
    }
    char text[8] = "x";
    char *end = NULL;
    if (at->kind == SUNDER_DOC_SCALAR && at->text.len > 0 && at->text.len < sizeof text) {
        memcpy(text, at->text.at, at->text.len);
        text[at->text.len] = '\0';
    }
    unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || value >= test->partitions) {
        TEST_SAY(test,
            at,
            "`partition` is a number below `partitions`, which is %u here",
            test->partitions);
        return UINT32_MAX;
    }
    return (uint32_t)value;
}

static struct sunder_str text_of(
    struct draft *draft, enum event_key key, struct sunder_str fallback)
{
    const struct sunder_doc *doc = draft->keys[key];
    if (doc == NULL) {
        return fallback;
    }
    if (!is_text(doc) || doc->text.len == 0) {
        TEST_SAY(draft->test, doc, "`%s` is one text", KEYS[key]);
        return fallback;
    }
    return doc->text;
}

/* A CloudEvent without `agent` is its source's. */
static struct sunder_str source_of(struct draft *draft)
{
    struct sunder_str fallback = SUNDER_STR(SOURCE_DEFAULT);
    uint32_t agent = find_field(draft, SUNDER_STR("agent"));
    bool act = draft->kind < 2 && agent < draft->field_count;
    if (act && draft->values[agent] != NULL && is_text(draft->values[agent])) {
        fallback = draft->values[agent]->text;
    }
    return text_of(draft, KEY_SOURCE, fallback);
}

/* The field as it is written, where it has to be wrong. */
static void field_put_as_is(
    struct draft *draft, struct sunder_wire_field field, const struct sunder_doc *doc)
{
    struct sunder_complaints *complaints = draft->test->reader.complaints;
    uint32_t count = complaints->count;
    uint32_t errors = complaints->errors;
    char *at = draft->out.at;
    field_put(draft, field, doc);
    if (complaints->errors != errors) {
        complaints->count = count;
        complaints->errors = errors;
        draft->out.at = at;
        value_put(&draft->out, doc);
    }
}

static bool names_malformed(const struct sunder_doc *doc)
{
    const struct sunder_str word = SUNDER_STR("malformed");
    bool found = doc != NULL && doc->kind == SUNDER_DOC_SCALAR && sunder_str_equal(doc->text, word);
    for (uint32_t i = 0; doc != NULL && doc->kind == SUNDER_DOC_LIST && i < doc->count; i++) {
        found = found || sunder_str_equal(doc->items[i].text, word);
    }
    return found;
}

static void head_put(struct draft *draft)
{
    struct sunder_json_out *out = &draft->out;
    char time[SUNDER_CLI_TIME_CHARS];
    sunder_cli_time_format(draft->time_ms, time);
    SUNDER_JSON_PUT(out, "{\"specversion\":\"1.0\",\"id\":");
    sunder_json_put_string(out, draft->id);
    SUNDER_JSON_PUT(out, ",\"source\":");
    sunder_json_put_string(out, source_of(draft));
    SUNDER_JSON_PUT(out, ",\"type\":\"dev.sunder.");
    sunder_json_put(out, KINDS[draft->kind], strlen(KINDS[draft->kind]));
    SUNDER_JSON_PUT(out, ".v1\",\"time\":");
    sunder_json_put_string(out, sunder_str_of(time));
    uint32_t partition = partition_of(draft);
    if (partition != UINT32_MAX) {
        SUNDER_JSON_PUT(out, ",\"sunderpartition\":");
        sunder_json_put_u64(out, partition);
    }
}

static void json_put(struct draft *draft, const struct sunder_doc *doc)
{
    struct sunder_json_out *out = &draft->out;
    if (draft->kind == KIND_RAW) {
        struct sunder_str value = text_of(draft, KEY_VALUE, SUNDER_STR(""));
        if (value.len == 0 || memchr(value.at, '\n', value.len) != NULL) {
            TEST_SAY(draft->test, doc, "an event of `kind: raw` needs `value`, a text of one line");
        }
        sunder_json_put(out, value.at, value.len);
        return;
    }
    head_put(draft);
    SUNDER_JSON_PUT(out, ",\"data\":{");
    bool first = true;
    for (uint32_t i = 0; i < draft->field_count; i++) {
        if (draft->values[i] == NULL || sunder_test_is_null(draft->values[i])) {
            continue;
        }
        sunder_json_put(out, ",", !first);
        first = false;
        sunder_json_put_string(out, draft->fields[i].name);
        SUNDER_JSON_PUT(out, ":");
        (draft->malformed ? field_put_as_is : field_put)(draft, draft->fields[i], draft->values[i]);
    }
    SUNDER_JSON_PUT(out, "}}");
}

void sunder_test_read_defaults(struct sunder_test_reader *test, const struct sunder_doc *doc)
{
    if (doc->kind != SUNDER_DOC_MAP) {
        TEST_SAY(test, doc, "`defaults` is a map of fields of an intent, as in {tenant: acme}");
        return;
    }
    struct draft draft = {.test = test, .kind = SUNDER_EVENT_INTENT};
    draft.field_count = sunder_wire_fields(SUNDER_EVENT_INTENT, draft.fields);
    for (uint32_t i = 0; i < doc->count; i++) {
        if (find_field(&draft, doc->entries[i].name) == draft.field_count) {
            unknown_field(&draft, &doc->entries[i], false);
        }
    }
}

void sunder_test_read_event(struct sunder_test_reader *test,
    const struct sunder_doc *doc,
    uint32_t number,
    struct sunder_test_event *ret_event)
{
    *ret_event = (struct sunder_test_event){.line = doc->line, .column = doc->column};
    if (doc->kind != SUNDER_DOC_MAP) {
        TEST_SAY(test, doc, "an event is a map, as in {tool: erp, action: vendor.create}");
        return;
    }
    char fallback[16];
    (void)snprintf(fallback, sizeof fallback, "e%" PRIu32, number);
    struct draft draft = {
        .test = test, .out = {test->scratch, test->scratch + test->scratch_bytes, false}};
    take_kind(&draft, doc);
    take_defaults(&draft, test->file_defaults);
    take_defaults(&draft, test->case_defaults);
    take_entries(&draft, doc);
    take_time(&draft);
    draft.id =
        sunder_str_copy(test->reader.arena, text_of(&draft, KEY_ID, sunder_str_of(fallback)));
    if (draft.keys[KEY_EXPECT] != NULL) {
        const struct sunder_test_expect *expect =
            sunder_test_read_expect(test, draft.keys[KEY_EXPECT]);
        ret_event->expect = expect;
        draft.malformed =
            expect != NULL && (names_malformed(expect->parts[SUNDER_TEST_CODE]) ||
                                  names_malformed(expect->parts[SUNDER_TEST_CODES]) ||
                                  names_malformed(expect->parts[SUNDER_TEST_DEAD_LETTER]));
    }
    json_put(&draft, doc);
    ret_event->id = draft.id;
    ret_event->intent = draft.kind == SUNDER_EVENT_INTENT;
    ret_event->json = sunder_str_copy(test->reader.arena,
        (struct sunder_str){test->scratch, (uint32_t)(draft.out.at - test->scratch)});
    if (draft.out.full || ret_event->json.at == NULL || draft.id.at == NULL) {
        TEST_SAY(test, doc, "the event, or the file, is too large");
    }
}
