#include "tests/unit/test_engine_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/policy/policy_compile.h"
#include "engine/rules/key_row.h"
#include "proto/doc.h"
#include "tests/support/random.h"

enum {
    ARENA_BYTES = 4 * 1024 * 1024,
    HELD_BYTES = 1024 * 1024,
    POLICY_BYTES = 2 * 1024 * 1024,
    TEXT_MAX = 65536,
    TEXTS = 24,
    HELD_MAX = 1024
};

static const struct sunder_store_table TABLES[] = {
#define STORE_TABLE(table, database, is_known) {SUNDER_TABLE_##table, database, is_known},
    SUNDER_TABLE_LIST(STORE_TABLE)
#undef STORE_TABLE
};

static struct sunder_arena new_arena(size_t size)
{
    void *memory = malloc(size);
    assert_non_null(memory);
    return sunder_arena_of(memory, size);
}

static enum sunder_err get(void *ctx, struct sunder_str key, struct sunder_str *ret_value)
{
    struct rig *rig = ctx;
    rig->gets += 1;
    if (rig->gets == rig->fail_get) {
        return rig->fail;
    }
    if (rig->damaged.at != NULL && sunder_str_equal(rig->damaged_key, key)) {
        *ret_value = rig->damaged;
        return SUNDER_OK;
    }
    for (uint32_t i = rig->held_count; i > 0; i--) {
        const struct rig_held *held = &rig->held[i - 1];
        if (sunder_str_equal(held->key, key)) {
            *ret_value = held->value;
            return held->removed ? SUNDER_ERR_NOT_FOUND : SUNDER_OK;
        }
    }
    return rig->inner_view.get(rig->inner_view.ctx, key, ret_value);
}

static void expect(void *ctx, const struct sunder_str *keys, uint32_t count)
{
    struct rig *rig = ctx;
    if (rig->inner_view.expect != NULL) {
        rig->inner_view.expect(rig->inner_view.ctx, keys, count);
    }
}

/* Slots hold the keys by their hash; FNV-1a. */
static void remember(struct rig *rig, struct sunder_str key)
{
    uint32_t hash = 2166136261u;
    for (uint32_t i = 0; i < key.len; i++) {
        hash = (hash ^ (uint8_t)key.at[i]) * 16777619u;
    }
    uint32_t slot = hash % RIG_KEYS_MAX;
    while (rig->keys[slot].at != NULL) {
        if (sunder_str_equal(rig->keys[slot], key)) {
            return;
        }
        slot = (slot + 1) % RIG_KEYS_MAX;
    }
    assert_true(rig->key_count < RIG_KEYS_MAX / 2);
    char *copy = malloc(key.len);
    assert_non_null(copy);
    memcpy(copy, key.at, key.len);
    rig->keys[slot] = (struct sunder_str){copy, key.len};
    rig->key_count += 1;
}

static enum sunder_err change(
    struct rig *rig, struct sunder_str key, struct sunder_str value, bool removed)
{
    rig->puts += 1;
    if (rig->puts == rig->fail_put) {
        return rig->fail;
    }
    if (rig->holds) {
        assert_true(rig->held_count < HELD_MAX);
        struct sunder_str empty = SUNDER_STR("");
        rig->held[rig->held_count] = (struct rig_held){
            .key = sunder_str_copy(&rig->held_arena, key),
            .value = sunder_str_copy(&rig->held_arena, removed ? empty : value),
            .removed = removed,
        };
        assert_non_null(rig->held[rig->held_count].value.at);
        rig->held_count += 1;
        return SUNDER_OK;
    }
    remember(rig, key);
    return removed ? rig->inner_rows.remove(rig->inner_rows.ctx, key)
                   : rig->inner_rows.put(rig->inner_rows.ctx, key, value);
}

static enum sunder_err put(void *ctx, struct sunder_str key, struct sunder_str value)
{
    return change(ctx, key, value, false);
}

static enum sunder_err take_out(void *ctx, struct sunder_str key)
{
    return change(ctx, key, (struct sunder_str){0}, true);
}

struct rig *rig_create(const struct sunder_policy *policy)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    struct sunder_store_options options = {
        .kind = SUNDER_STORE_KIND_MEMORY,
        .tables = TABLES,
        .table_count = sizeof TABLES / sizeof TABLES[0],
        .identity = SUNDER_STR("rig"),
        .memory_bytes = (uint64_t)64 * 1024 * 1024,
    };
    struct sunder_store_opened opened;
    struct sunder_fail why = {0};
    enum sunder_err err = sunder_store_open(&options, &rig->store, &opened, &why);
    assert_int_equal(err, SUNDER_OK);
    rig->policy = policy;
    rig->inner_view = sunder_store_view(rig->store);
    rig->inner_rows = sunder_store_rows(rig->store);
    rig->view = (struct sunder_view){.ctx = rig, .get = get, .expect = expect};
    rig->rows = (struct sunder_rows){rig, put, take_out};
    rig->arena = new_arena(ARENA_BYTES);
    rig->events = new_arena(ARENA_BYTES);
    rig->held_arena = new_arena(HELD_BYTES);
    rig->keys = calloc(RIG_KEYS_MAX, sizeof *rig->keys);
    assert_non_null(rig->keys);
    rig->state = (struct sunder_state){policy, &rig->view, &rig->rows, &rig->arena};
    rig->now_ms = 1000000;
    return rig;
}

void rig_destroy(struct rig **rig)
{
    for (uint32_t i = 0; i < RIG_KEYS_MAX; i++) {
        free((void *)(uintptr_t)(*rig)->keys[i].at);
    }
    free((*rig)->keys);
    free((void *)(uintptr_t)(*rig)->damaged.at);
    free((*rig)->arena.memory);
    free((*rig)->events.memory);
    free((*rig)->held_arena.memory);
    sunder_store_destroy(&(*rig)->store);
    free(*rig);
    *rig = NULL;
}

const struct sunder_policy *rig_policy(const char *yaml)
{
    struct sunder_arena arena = test_arena_of(POLICY_BYTES);
    static struct sunder_complaints complaints;
    complaints = (struct sunder_complaints){0};
    struct sunder_doc root;
    struct sunder_doc_fail why = {0};
    enum sunder_err err = sunder_doc_parse(sunder_str_of(yaml), &arena, &root, &why);
    if (err != SUNDER_OK) {
        print_error("%u:%u: %s\n", why.line, why.column, why.text);
    }
    assert_int_equal(err, SUNDER_OK);
    struct sunder_policy *policy = NULL;
    err = sunder_policy_compile(
        &(struct sunder_policy_source){.root = &root, .digest = {.bytes = {7}}},
        &arena,
        &complaints,
        &policy);
    for (uint32_t i = 0; i < complaints.count && err != SUNDER_OK; i++) {
        const struct sunder_complaint *one = &complaints.at[i];
        print_error("%u:%u: %.*s\n", one->line, one->column, (int)one->text.len, one->text.at);
    }
    assert_int_equal(err, SUNDER_OK);
    return policy;
}

void rig_hold(struct rig *rig, bool holds)
{
    rig->holds = holds;
    rig->held_count = 0;
    sunder_arena_reset(&rig->held_arena);
}

struct sunder_str rig_row(struct rig *rig, struct sunder_str key)
{
    struct sunder_str value = {0};
    enum sunder_err err = rig->inner_view.get(rig->inner_view.ctx, key, &value);
    if (err == SUNDER_ERR_NOT_FOUND) {
        return (struct sunder_str){0};
    }
    assert_int_equal(err, SUNDER_OK);
    return value;
}

void rig_damage(struct rig *rig, struct sunder_str key, struct sunder_str value)
{
    free((void *)(uintptr_t)rig->damaged.at);
    rig->damaged = (struct sunder_str){0};
    if (value.at == NULL) {
        return;
    }
    char *copy = malloc(value.len == 0 ? 1 : value.len);
    assert_non_null(copy);
    memcpy(copy, value.at, value.len);
    rig->damaged_key = key;
    rig->damaged = (struct sunder_str){copy, value.len};
}

static enum sunder_err read_damaged(
    struct rig *rig, struct sunder_str key, struct sunder_str value, rig_read *read)
{
    rig_damage(rig, key, value);
    sunder_arena_reset(&rig->arena);
    enum sunder_err err = read(rig);
    rig_damage(rig, key, (struct sunder_str){0});
    return err;
}

void rig_assert_cuts_are_corrupt(struct rig *rig, struct sunder_str key, rig_read *read)
{
    struct sunder_str row = rig_row(rig, key);
    uint32_t step = row.len < 2000 ? 1 : 7;
    for (uint32_t len = 0; len < row.len; len += step) {
        enum sunder_err err = read_damaged(rig, key, (struct sunder_str){row.at, len}, read);
        if (err != SUNDER_ERR_CORRUPT) {
            print_error("%u of %u bytes: %s\n", len, row.len, sunder_err_text(err));
        }
        assert_int_equal(err, SUNDER_ERR_CORRUPT);
    }
    assert_int_equal(read_damaged(rig, key, row, read), SUNDER_OK);
}

void rig_assert_damage_is_safe(
    struct rig *rig, struct sunder_str key, rig_read *read, uint64_t *random)
{
    struct sunder_str row = rig_row(rig, key);
    char *bytes = malloc(row.len);
    assert_non_null(bytes);
    memcpy(bytes, row.at, row.len);
    for (uint32_t round = 0; round < 2000; round++) {
        uint32_t at = test_random_below(random, row.len);
        char was = bytes[at];
        bytes[at] = (char)test_random(random);
        enum sunder_err err = read_damaged(rig, key, (struct sunder_str){bytes, row.len}, read);
        assert_true(err == SUNDER_OK || err == SUNDER_ERR_CORRUPT || err == SUNDER_ERR_FULL);
        bytes[at] = was;
    }
    free(bytes);
}

static void assert_rows_of(struct rig *from, struct rig *other)
{
    for (uint32_t i = 0; i < RIG_KEYS_MAX; i++) {
        struct sunder_str key = from->keys[i];
        if (key.at == NULL) {
            continue;
        }
        struct sunder_str mine = rig_row(from, key);
        struct sunder_str theirs = rig_row(other, key);
        bool same = (mine.at == NULL) == (theirs.at == NULL) && sunder_str_equal(mine, theirs);
        if (!same) {
            print_error("table %u, key of %u bytes, \"%.*s\": %u and %u bytes differ\n",
                (unsigned)key.at[0],
                key.len,
                (int)key.len - 5,
                key.at + 5,
                mine.len,
                theirs.len);
        }
        assert_true(same);
    }
}

void rig_assert_same_rows(struct rig *a, struct rig *b)
{
    assert_rows_of(a, b);
    assert_rows_of(b, a);
}

uint32_t rig_count_rows(struct rig *rig, enum sunder_table table)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < RIG_KEYS_MAX; i++) {
        struct sunder_str key = rig->keys[i];
        bool there = key.at != NULL && key.at[0] == (char)table && rig_row(rig, key).at != NULL;
        count += there ? 1 : 0;
    }
    return count;
}

static bool is_wide(const struct sunder_key_row *row, struct sunder_str text)
{
    (void)text;
    return (row->flags & SUNDER_KEY_WIDE) != 0;
}

static bool is_bound_to(const struct sunder_key_row *row, struct sunder_str text)
{
    for (uint32_t i = 0; i < row->bind_count; i++) {
        if (sunder_str_equal(row->binds[i].case_id, text)) {
            return true;
        }
    }
    return false;
}

/* How many key rows have it. */
static uint32_t count_key_rows(struct rig *rig,
    bool (*has)(const struct sunder_key_row *row, struct sunder_str text),
    struct sunder_str text)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < RIG_KEYS_MAX; i++) {
        struct sunder_str key = rig->keys[i];
        if (key.at == NULL || key.at[0] != SUNDER_TABLE_KEY) {
            continue;
        }
        const uint8_t *at = (const uint8_t *)key.at; /* Table, domain and space, big-endian. */
        uint32_t domain = ((uint32_t)at[3] << 8) | at[4];
        uint16_t space = (uint16_t)((at[5] << 8) | at[6]);
        struct sunder_str name = {key.at + 7, key.len - 7};
        struct sunder_key_row row;
        size_t mark = sunder_arena_mark(&rig->arena);
        enum sunder_err err = sunder_key_row_get(&rig->state, domain, space, name, &row);
        assert_int_equal(err, SUNDER_OK);
        count += has(&row, text) ? 1 : 0;
        sunder_arena_rewind(&rig->arena, mark);
    }
    return count;
}

uint32_t rig_count_wide(struct rig *rig)
{
    return count_key_rows(rig, is_wide, (struct sunder_str){0});
}

uint32_t rig_count_bound(struct rig *rig, struct sunder_str case_id)
{
    return count_key_rows(rig, is_bound_to, case_id);
}

struct sunder_str rig_only_key(struct rig *rig, enum sunder_table table)
{
    struct sunder_str found = {0};
    for (uint32_t i = 0; i < RIG_KEYS_MAX; i++) {
        struct sunder_str key = rig->keys[i];
        if (key.at != NULL && key.at[0] == (char)table) {
            assert_null(found.at);
            found = key;
        }
    }
    assert_non_null(found.at);
    return found;
}

const struct sunder_event *rig_event(
    struct rig *rig, const char *kind, const char *id, const char *source, const char *data)
{
    static struct sunder_wire_decoder *decoder;
    if (decoder == NULL) {
        assert_int_equal(sunder_wire_decoder_create(&decoder), SUNDER_OK);
    }
    sunder_arena_reset(&rig->events);
    sunder_arena_reset(&rig->arena);
    char *text = sunder_arena_alloc_raw(&rig->events, TEXT_MAX, 1);
    int len = snprintf(text,
        TEXT_MAX,
        "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"%s\",\"type\":\"dev.sunder.%s.v1\","
        "\"data\":%s}",
        id,
        source,
        kind,
        data);
    assert_true(len > 0 && len < TEXT_MAX);
    struct sunder_wire_record record = {
        .value = {text, (uint32_t)len},
        .at = {SUNDER_STR("sunder.intents"), 0, rig->offset, rig->now_ms},
    };
    struct sunder_event *event = SUNDER_ARENA_NEW(&rig->events, struct sunder_event, 1);
    struct sunder_wire_problem problem = {0};
    enum sunder_err err = sunder_wire_decode_event(decoder, &rig->events, &record, event, &problem);
    if (err != SUNDER_OK) {
        print_error("%s\n%.*s\n", text, (int)problem.text.len, problem.text.at);
    }
    assert_int_equal(err, SUNDER_OK);
    return event;
}

struct sunder_outputs rig_take(struct rig *rig, const struct sunder_event *event)
{
    struct sunder_outputs out;
    enum sunder_err err = sunder_decide(rig->policy, &rig->view, event, &rig->arena, &out);
    assert_int_equal(err, SUNDER_OK);
    for (uint32_t i = 0; i < out.count; i++) {
        err = sunder_fold(rig->policy, &rig->view, &rig->rows, &out.records[i], &rig->arena);
        assert_int_equal(err, SUNDER_OK);
    }
    rig->offset += 1;
    return out;
}

struct sunder_outputs rig_send(
    struct rig *rig, const char *kind, const char *id, const char *source, const char *data)
{
    return rig_take(rig, rig_event(rig, kind, id, source, data));
}

struct sunder_outputs rig_intent(
    struct rig *rig, const char *id, const char *agent, const char *data)
{
    return rig_send(rig, "intent", id, agent, data);
}

void rig_assert_answer(
    const struct sunder_outputs *out, enum sunder_verdict verdict, const char *reasons)
{
    static char text[TEXT_MAX];
    size_t len = 0;
    text[0] = '\0';
    assert_true(out->count > 0);
    const struct sunder_decision *record = &out->records[0];
    for (uint32_t i = 0; i < record->reason_count; i++) {
        const struct sunder_reason *reason = &record->reasons[i];
        struct sunder_str name = reason->rule.at != NULL ? reason->rule : reason->field;
        len += (size_t)snprintf(text + len,
            sizeof text - len,
            "%s%.*s:%.*s",
            i == 0 ? "" : " ",
            (int)reason->code.len,
            reason->code.at,
            (int)name.len,
            name.at == NULL ? "" : name.at);
        assert_true(len < sizeof text);
    }
    assert_string_equal(text, reasons);
    assert_int_equal(record->verdict, verdict);
}

void rig_assert_dead(const struct sunder_outputs *out, const char *code, const char *field)
{
    assert_true(out->dead_letter);
    test_assert_str(out->code, sunder_str_of(code), __FILE__, __LINE__);
    test_assert_str(out->field, sunder_str_of(field), __FILE__, __LINE__);
}

static char *next_text(void)
{
    static char texts[TEXTS][TEXT_MAX];
    static uint32_t next;
    next = (next + 1) % TEXTS;
    return texts[next];
}

const char *rig_text(const char *format, ...)
{
    char *text = next_text();
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, TEXT_MAX, format, args);
    va_end(args);
    assert_true(len >= 0 && len < TEXT_MAX);
    return text;
}

const char *rig_long(const char *start, uint32_t len)
{
    char *text = next_text();
    size_t begun = strlen(start);
    assert_true(begun <= len && len < TEXT_MAX);
    memset(text, 'x', len);
    memcpy(text, start, begun);
    text[len] = '\0';
    return text;
}

struct sunder_str rig_long_text(struct rig *rig, const char *start, uint32_t number)
{
    const char *text = rig_long(rig_text("%s%u-", start, number), 256);
    struct sunder_str copy = sunder_str_copy(&rig->events, sunder_str_of(text));
    assert_non_null(copy.at);
    return copy;
}

struct sunder_strs rig_long_texts(struct rig *rig, const char *start, uint32_t count)
{
    struct sunder_str *texts = SUNDER_ARENA_NEW(&rig->events, struct sunder_str, count);
    assert_non_null(texts);
    for (uint32_t i = 0; i < count; i++) {
        texts[i] = rig_long_text(rig, start, i);
    }
    return (struct sunder_strs){texts, count};
}

void assert_same_str(struct sunder_str a, struct sunder_str b)
{
    assert_int_equal(a.at == NULL, b.at == NULL);
    assert_true(sunder_str_equal(a, b));
}

void assert_same_strs(struct sunder_strs a, struct sunder_strs b)
{
    assert_int_equal(a.count, b.count);
    for (uint32_t i = 0; i < a.count; i++) {
        assert_same_str(a.at[i], b.at[i]);
    }
}
