/* Reads a record in JSON exactly as wire_encode_json.c writes it, in one pass: each member at its place, each text in the one form
 * that it has. So what was read needs no look at the structure before, and no writing again after. Whatever is rare (escapes, lists
 * longer than FEW, approvals, findings, the form of before) is not read here: the general reader then says what it is. */
#include <stddef.h>

#include "proto/base64.h"
#include "proto/wire_encode.h"
#include "proto/wire_internal.h"
#include "proto/wire_rebuild.h"
#include "proto/wire_words.h"

enum {
    FEW = 16,
    DIGITS_MAX = 18 /* Any number of so many fits 63 bits. */
};

/* at    the next byte of the text, which ends at `end`
 * bad   something stood there that is not read here; what is read after it does not matter
 * wide  a byte of 0x80 or more was in a text */
struct cursor {
    const char *at;
    const char *end;
    struct sunder_arena *arena;
    bool bad;
    bool wide;
};

static inline bool takes(struct cursor *cursor, const char *text, size_t len)
{
    if ((size_t)(cursor->end - cursor->at) < len || memcmp(cursor->at, text, len) != 0) {
        return false;
    }
    cursor->at += len;
    return true;
}

/* The length of a literal is known when this is compiled, and comparing it then is a few loads. */
#define TAKES(cursor, text) takes((cursor), (text), sizeof(text) - 1)

static inline void need(struct cursor *cursor, const char *text, size_t len)
{
    cursor->bad |= !takes(cursor, text, len);
}

#define NEED(cursor, text) need((cursor), (text), sizeof(text) - 1)

/* What stands up to the closing quote. */
static struct sunder_str take_text(struct cursor *cursor)
{
    const char *from = cursor->at;
    const char *at = from;
    uint64_t wide = 0;
    uint64_t special = 0;
    while (special == 0 && cursor->end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        special = sunder_json_special8(word);
        uint32_t plain = special == 0 ? 8 : (uint32_t)__builtin_ctzll(special) / 8;
        wide |= plain == 8 ? word : word & ((UINT64_C(1) << (plain * 8)) - 1);
        at += plain;
    }
    while (special == 0 && at < cursor->end && *at != '"' && *at != '\\' && (uint8_t)*at >= 0x20) {
        wide |= (uint8_t)*at;
        at += 1;
    }
    cursor->wide |= (wide & (UINT64_C(0x0101010101010101) << 7)) != 0;
    if (at == cursor->end || *at != '"') {
        cursor->bad = true;
        return (struct sunder_str){0};
    }
    cursor->at = at + 1;
    return (struct sunder_str){from, (uint32_t)(at - from)};
}

/* A text that is left out when it is empty. name: with all that stands before the text. */
static inline struct sunder_str optional(struct cursor *cursor, const char *name, size_t len)
{
    if (!takes(cursor, name, len)) {
        return (struct sunder_str){0};
    }
    struct sunder_str text = take_text(cursor);
    cursor->bad |= text.len == 0;
    return text;
}

#define OPTIONAL(cursor, name) optional((cursor), (name), sizeof(name) - 1)

static uint64_t take_u64(struct cursor *cursor)
{
    const char *from = cursor->at;
    uint64_t value = 0;
    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') {
        value = (value * 10) + (uint64_t)(*cursor->at - '0');
        cursor->at += 1;
    }
    size_t len = (size_t)(cursor->at - from);
    cursor->bad |= len == 0 || len > DIGITS_MAX || (len > 1 && *from == '0');
    return value;
}

static int64_t take_i64(struct cursor *cursor)
{
    bool negative = TAKES(cursor, "-");
    uint64_t value = take_u64(cursor);
    cursor->bad |= negative && value == 0;
    return cursor->bad ? 0 : negative ? -(int64_t)value : (int64_t)value;
}

/* A digest and its closing quote. */
static struct sunder_digest take_digest(struct cursor *cursor)
{
    struct sunder_digest digest = {{0}};
    struct sunder_str text = {cursor->at, SUNDER_BASE64_DIGEST_CHARS};
    if (cursor->end - cursor->at < SUNDER_BASE64_DIGEST_CHARS ||
        sunder_base64url_decode(text, digest.bytes, sizeof(digest.bytes)) != SUNDER_OK) {
        cursor->bad = true;
        return digest;
    }
    cursor->at += SUNDER_BASE64_DIGEST_CHARS;
    NEED(cursor, "\"");
    return digest;
}

/* The index of the word that stands there, which is not the empty one. */
static uint32_t take_word(struct cursor *cursor, const struct sunder_str *words)
{
    int index = sunder_words_find(words, take_text(cursor));
    cursor->bad |= index < 0;
    return index < 0 ? 0 : (uint32_t)index;
}

/* Copies an array to the arena. */
static void *keep(struct cursor *cursor, const void *items, size_t size, uint32_t count)
{
    void *at = cursor->bad
                   ? NULL
                   : sunder_arena_alloc_raw(cursor->arena, size * count, _Alignof(max_align_t));
    if (at == NULL) {
        cursor->bad = true;
        return NULL;
    }
    memcpy(at, items, size * count);
    return at;
}

/* Whether one more of a list is to be read; it goes to `*count`. open: what stands before the first, also after a comma. */
static inline bool more(struct cursor *cursor, const char *open, size_t len, uint32_t count)
{
    if (cursor->bad || (count > 0 && !TAKES(cursor, ","))) {
        return false;
    }
    need(cursor, open, len);
    cursor->bad |= count == FEW;
    return !cursor->bad;
}

#define MORE(cursor, open, count) more((cursor), (open), sizeof(open) - 1, (count))

/* A list of texts that is left out when it is empty. name: with the bracket. */
static struct sunder_strs take_list(struct cursor *cursor, const char *name, size_t len)
{
    struct sunder_str items[FEW];
    uint32_t count = 0;
    if (!takes(cursor, name, len)) {
        return (struct sunder_strs){0};
    }
    while (MORE(cursor, "\"", count)) {
        items[count++] = take_text(cursor);
    }
    NEED(cursor, "]");
    return (struct sunder_strs){keep(cursor, items, sizeof(items[0]), count), count};
}

#define LIST(cursor, name) take_list((cursor), (name), sizeof(name) - 1)

static void take_evidence(struct cursor *cursor, struct sunder_reason *reason)
{
    struct sunder_evidence items[FEW];
    uint32_t count = 0;
    while (MORE(cursor, "{\"intent\":\"", count)) {
        struct sunder_evidence *item = &items[count++];
        item->intent = take_text(cursor);
        NEED(cursor, ",\"agent\":\"");
        item->agent = take_text(cursor);
        NEED(cursor, ",\"duty\":\"");
        item->duty = take_text(cursor);
        NEED(cursor, ",\"time\":");
        item->time_ms = take_i64(cursor);
        NEED(cursor, "}");
    }
    NEED(cursor, "]");
    reason->evidence = keep(cursor, items, sizeof(items[0]), count);
    reason->evidence_count = count;
}

static void take_also(struct cursor *cursor, struct sunder_reason *reason)
{
    struct sunder_pair items[FEW];
    uint32_t count = 0;
    while (MORE(cursor, "{", count)) {
        struct sunder_pair *item = &items[count++];
        item->subject = OPTIONAL(cursor, "\"subject\":\"");
        item->key = item->subject.len == 0 ? OPTIONAL(cursor, "\"key\":\"")
                                           : OPTIONAL(cursor, ",\"key\":\"");
        NEED(cursor, "}");
    }
    NEED(cursor, "]");
    reason->also = keep(cursor, items, sizeof(items[0]), count);
    reason->also_count = count;
}

/* A reason behind its bracket. */
static struct sunder_reason take_reason(struct cursor *cursor, uint8_t stage, bool shadow)
{
    struct sunder_reason reason = {.rule = OPTIONAL(cursor, "\"rule\":\"")};
    if (reason.rule.len != 0) {
        NEED(cursor, ",");
    }
    NEED(cursor, "\"code\":\"");
    reason.code = take_text(cursor);
    NEED(cursor, ",\"effect\":\"");
    reason.effect = (enum sunder_effect)take_word(cursor, SUNDER_WORDS_EFFECT);
    reason.mode = TAKES(cursor, ",\"mode\":\"shadow\"") ? SUNDER_MODE_SHADOW : SUNDER_MODE_ENFORCE;
    reason.field = OPTIONAL(cursor, ",\"field\":\"");
    reason.subject = OPTIONAL(cursor, ",\"subject\":\"");
    reason.key = OPTIONAL(cursor, ",\"key\":\"");
    NEED(cursor, ",\"message\":\"");
    reason.message = take_text(cursor);
    reason.has_count = TAKES(cursor, ",\"count\":");
    reason.count = reason.has_count ? take_u64(cursor) : 0;
    reason.value = OPTIONAL(cursor, ",\"value\":\"");
    if (TAKES(cursor, ",\"evidence\":[")) {
        take_evidence(cursor, &reason);
    }
    if (TAKES(cursor, ",\"also\":[")) {
        take_also(cursor, &reason);
    }
    reason.tags = LIST(cursor, ",\"tags\":[");
    NEED(cursor, "}");
    reason.stage = sunder_wire_reason_stage(stage, shadow, reason.code);
    return reason;
}

static const struct sunder_reason *take_reasons(
    struct cursor *cursor, uint8_t stage, bool shadow, uint32_t *ret_count)
{
    struct sunder_reason items[FEW];
    uint32_t count = 0;
    while (MORE(cursor, "{", count)) {
        items[count++] = take_reason(cursor, stage, shadow);
    }
    NEED(cursor, "]");
    *ret_count = count;
    return keep(cursor, items, sizeof(items[0]), count);
}

static void take_subjects(struct cursor *cursor, struct sunder_decision *decision)
{
    const char *begin = cursor->at;
    decision->agent = OPTIONAL(cursor, "\"agent\":\"");
    struct sunder_strs delegators =
        cursor->at == begin ? LIST(cursor, "\"delegators\":[") : LIST(cursor, ",\"delegators\":[");
    decision->principal = cursor->at == begin ? OPTIONAL(cursor, "\"principal\":\"")
                                              : OPTIONAL(cursor, ",\"principal\":\"");
    decision->credential = cursor->at == begin ? OPTIONAL(cursor, "\"credential\":\"")
                                               : OPTIONAL(cursor, ",\"credential\":\"");
    cursor->bad |= cursor->at == begin;
    NEED(cursor, "}");
    if (cursor->bad) {
        return;
    }
    sunder_wire_make_subjects(cursor->arena, delegators, decision);
    if (decision->subjects == NULL) {
        cursor->bad = true;
        return;
    }
    /* Encode writes of the delegators only those that are nothing else, each once. */
    uint32_t written = 0;
    for (uint32_t i = 0; i < decision->subject_count; i++) {
        written += sunder_wire_is_delegator(&decision->subjects[i]);
    }
    cursor->bad |= written != delegators.count;
}

static struct sunder_amount take_amount(struct cursor *cursor)
{
    struct sunder_amount amount = {0};
    cursor->bad |= !sunder_wire_make_amount(take_text(cursor), &amount);
    return amount;
}

static uint32_t take_phases(struct cursor *cursor)
{
    uint32_t phases = 0;
    uint32_t count = 0;
    while (MORE(cursor, "\"", count)) {
        uint32_t phase = 1u << take_word(cursor, SUNDER_WORDS_PHASE);
        cursor->bad |= phase <= phases; /* In order, none twice. */
        phases |= phase;
        count += 1;
    }
    NEED(cursor, "]");
    return phases;
}

/* The members of an object of texts behind its bracket: names in order, none twice. Returns how many. */
static uint32_t take_texts(struct cursor *cursor, struct sunder_pair items[static FEW])
{
    uint32_t count = 0;
    while (MORE(cursor, "\"", count)) {
        struct sunder_pair *item = &items[count++];
        item->subject = take_text(cursor);
        NEED(cursor, ":\"");
        item->key = take_text(cursor);
        cursor->bad |= count > 1 && sunder_str_compare(item[-1].subject, item->subject) >= 0;
    }
    NEED(cursor, "}");
    return count;
}

static void take_measures(struct cursor *cursor, struct sunder_decision *decision)
{
    struct sunder_pair texts[FEW];
    struct sunder_measure items[FEW];
    uint32_t count = take_texts(cursor, texts);
    for (uint32_t i = 0; i < count; i++) {
        items[i] = (struct sunder_measure){texts[i].subject, texts[i].key};
    }
    decision->measures = keep(cursor, items, sizeof(items[0]), count);
    decision->measure_count = count;
}

static void take_rule_keys(struct cursor *cursor, struct sunder_decision *decision)
{
    struct sunder_pair texts[FEW];
    struct sunder_rule_key items[FEW];
    uint32_t count = take_texts(cursor, texts);
    for (uint32_t i = 0; i < count; i++) {
        items[i] = (struct sunder_rule_key){texts[i].subject, texts[i].key};
    }
    decision->rule_keys = keep(cursor, items, sizeof(items[0]), count);
    decision->rule_key_count = count;
}

static void take_act(struct cursor *cursor, struct sunder_decision *decision)
{
    if (TAKES(cursor, ",\"subjects\":{")) {
        take_subjects(cursor, decision);
    }
    decision->task = OPTIONAL(cursor, ",\"task\":\"");
    decision->purpose = OPTIONAL(cursor, ",\"purpose\":\"");
    decision->tool = OPTIONAL(cursor, ",\"tool\":\"");
    decision->action = OPTIONAL(cursor, ",\"action\":\"");
    decision->objects = LIST(cursor, ",\"objects\":[");
    decision->cases = LIST(cursor, ",\"cases\":[");
    if (TAKES(cursor, ",\"amount\":\"")) {
        decision->amount = take_amount(cursor);
    }
    decision->currency = OPTIONAL(cursor, ",\"currency\":\"");
    if (TAKES(cursor, ",\"confidence\":\"")) {
        decision->confidence = take_amount(cursor);
    }
    decision->labels = LIST(cursor, ",\"labels\":[");
    decision->carries = LIST(cursor, ",\"carries\":[");
    decision->claimed = LIST(cursor, ",\"claimed\":[");
    decision->gains = LIST(cursor, ",\"gains\":[");
    decision->parents = LIST(cursor, ",\"parents\":[");
    decision->idempotency_key = OPTIONAL(cursor, ",\"key\":\"");
    decision->duties = LIST(cursor, ",\"duties\":[");
    if (TAKES(cursor, ",\"phases\":[")) {
        decision->phases = take_phases(cursor);
    }
    if (TAKES(cursor, ",\"tier\":\"")) {
        decision->tier = (enum sunder_tier)take_word(cursor, SUNDER_WORDS_TIER);
    }
    if (TAKES(cursor, ",\"digest\":\"")) {
        decision->digest = take_digest(cursor);
        cursor->bad |= sunder_wire_digest_empty(&decision->digest);
    }
    if (TAKES(cursor, ",\"measures\":{")) {
        take_measures(cursor, decision);
    }
    if (TAKES(cursor, ",\"rule_keys\":{")) {
        take_rule_keys(cursor, decision);
    }
}

static void take_decision(struct cursor *cursor, struct sunder_decision *decision)
{
    NEED(cursor, ",\"intent\":\"");
    decision->event = take_text(cursor);
    decision->attempt = 1;
    if (TAKES(cursor, ",\"attempt\":")) {
        uint64_t attempt = take_u64(cursor);
        cursor->bad |= attempt == 1 || attempt > UINT32_MAX;
        decision->attempt = (uint32_t)attempt;
    }
    NEED(cursor, ",\"verdict\":\"");
    decision->verdict = (enum sunder_verdict)take_word(cursor, SUNDER_WORDS_VERDICT);
    if (TAKES(cursor, ",\"duplicate\":true")) {
        decision->duplicate = true;
        decision->of = OPTIONAL(cursor, ",\"of\":\"");
    }
    if (TAKES(cursor, ",\"scope\":\"")) {
        decision->scope = (enum sunder_scope_mode)take_word(cursor, SUNDER_WORDS_SCOPE);
        NEED(cursor, ",\"would_be\":\"");
        decision->would_be = (enum sunder_verdict)take_word(cursor, SUNDER_WORDS_VERDICT);
    }
    decision->stage = SUNDER_WIRE_STAGE_LAST;
    if (TAKES(cursor, ",\"stage\":")) {
        uint64_t stage = take_u64(cursor);
        cursor->bad |= stage == 0 || stage >= SUNDER_WIRE_STAGE_LAST;
        decision->stage = (uint8_t)stage;
    }
    decision->authority_open = TAKES(cursor, ",\"authority_open\":true");
    NEED(cursor, ",\"reasons\":[");
    if (!TAKES(cursor, "]")) {
        decision->reasons = take_reasons(cursor, decision->stage, false, &decision->reason_count);
    }
    if (TAKES(cursor, ",\"shadow\":[")) {
        decision->shadow = take_reasons(cursor, decision->stage, true, &decision->shadow_count);
    }
    take_act(cursor, decision);
}

static void take_observed(struct cursor *cursor, struct sunder_decision *decision)
{
    NEED(cursor, ",\"kind\":\"observed\"");
    decision->event = OPTIONAL(cursor, ",\"event\":\"");
    decision->publisher = OPTIONAL(cursor, ",\"publisher\":\"");
    decision->duplicate = TAKES(cursor, ",\"duplicate\":true");
    take_act(cursor, decision);
}

/* Where the texts of an id stand: they come once more in the source. */
struct id {
    struct sunder_str partition;
    struct sunder_str offset;
};

static struct id take_id(struct cursor *cursor, struct sunder_decision *decision)
{
    struct id id = {0};
    struct sunder_str text = take_text(cursor);
    const char *slash = cursor->bad ? NULL : memchr(text.at, '/', text.len);
    if (slash == NULL) {
        cursor->bad = true;
        return id;
    }
    decision->source.topic = (struct sunder_str){text.at, (uint32_t)(slash - text.at)};
    struct cursor inside = {.at = slash + 1, .end = text.at + text.len};
    id.partition.at = inside.at;
    uint64_t partition = take_u64(&inside);
    id.partition.len = (uint32_t)(inside.at - id.partition.at);
    NEED(&inside, "/");
    id.offset.at = inside.at;
    decision->source.offset = take_i64(&inside);
    id.offset.len = (uint32_t)(inside.at - id.offset.at);
    uint64_t index = 0;
    if (TAKES(&inside, "/")) {
        index = take_u64(&inside);
        inside.bad |= index == 0 || index > UINT32_MAX;
    }
    cursor->bad |= inside.bad || inside.at != inside.end || partition > INT32_MAX ||
                   decision->source.topic.len > SUNDER_WIRE_TOPIC_MAX;
    decision->source.partition = (int32_t)partition;
    decision->index = (uint32_t)index;
    return id;
}

static void take_trailer(struct sunder_wire_decoder *decoder,
    struct cursor *cursor,
    const struct id *id,
    struct sunder_decision *decision)
{
    NEED(cursor, ",\"policy\":\"");
    /* It hardly ever changes. */
    if (takes(cursor, decoder->policy_text, sizeof(decoder->policy_text))) {
        decision->policy = decoder->policy;
    } else {
        const char *text = cursor->at;
        decision->policy = take_digest(cursor);
        if (!cursor->bad) {
            decoder->policy = decision->policy;
            memcpy(decoder->policy_text, text, sizeof(decoder->policy_text));
        }
    }
    NEED(cursor, ",\"source\":{\"topic\":\"");
    need(cursor, decision->source.topic.at, decision->source.topic.len);
    NEED(cursor, "\",\"partition\":");
    need(cursor, id->partition.at, id->partition.len);
    NEED(cursor, ",\"offset\":");
    need(cursor, id->offset.at, id->offset.len);
    NEED(cursor, ",\"timestamp\":");
    decision->source.timestamp_ms = take_i64(cursor);
    NEED(cursor, "}");
    decision->stream_time_ms = decision->source.timestamp_ms;
    if (TAKES(cursor, ",\"stream_time\":")) {
        decision->stream_time_ms = take_i64(cursor);
        cursor->bad |= decision->stream_time_ms == decision->source.timestamp_ms;
    }
    NEED(cursor, ",\"seq\":");
    decision->seq = take_u64(cursor);
    NEED(cursor, ",\"prev\":\"");
    decision->prev = take_digest(cursor);
    NEED(cursor, ",\"engine\":\"");
    decision->engine = take_text(cursor);
    NEED(cursor, "}}");
}

bool sunder_wire_exact_record(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str bytes,
    struct sunder_decision *ret_decision)
{
    struct cursor cursor = {.at = bytes.at, .end = bytes.at + bytes.len, .arena = arena};
    struct sunder_decision decision = {.kind = SUNDER_RECORD_DECISION};
    size_t mark = sunder_arena_mark(arena);
    NEED(&cursor, "{\"specversion\":\"1.0\",\"id\":\"");
    struct id id = take_id(&cursor, &decision);
    NEED(&cursor, ",\"source\":\"sunder\",\"type\":\"dev.sunder.");
    if (TAKES(&cursor, "recorded.v1\"")) {
        decision.kind = SUNDER_RECORD_OBSERVED;
    } else {
        NEED(&cursor, "decision.v1\"");
    }
    decision.tenant = OPTIONAL(&cursor, ",\"data\":{\"tenant\":\"");
    cursor.bad |= decision.tenant.len == 0;
    decision.domain = OPTIONAL(&cursor, ",\"domain\":\"");
    cursor.bad |= sunder_str_equal(decision.domain, decision.tenant);
    if (decision.domain.len == 0) {
        decision.domain = decision.tenant;
    }
    if (!cursor.bad && decision.kind == SUNDER_RECORD_DECISION) {
        take_decision(&cursor, &decision);
    } else if (!cursor.bad) {
        take_observed(&cursor, &decision);
    }
    if (!cursor.bad) {
        take_trailer(decoder, &cursor, &id, &decision);
    }
    if (cursor.bad || cursor.at != cursor.end || (cursor.wide && !sunder_json_utf8_valid(bytes))) {
        sunder_arena_rewind(arena, mark);
        return false;
    }
    *ret_decision = decision;
    return true;
}
