#include "engine/rules/record.h"

/* Texts of identifiers, rules' texts, and the rest: ids of subjects and duties, the digest, numbers. */
_Static_assert(((SUNDER_INTENT_OBJECTS_MAX + SUNDER_INTENT_CASES_MAX + 4) *
                   (SUNDER_IDENTIFIER_BYTES_MAX + 2)) +
                       SUNDER_INTENT_RULE_TEXTS_MAX + 1024 <=
                   SUNDER_ROW_VALUE_MAX,
    "the largest record fits a row");

static void record_key(struct sunder_key *key, uint64_t position)
{
    sunder_key_start(key, SUNDER_TABLE_RECORD, 0);
    sunder_key_u64(key, position);
}

static void write_texts(struct sunder_out *out, struct sunder_strs texts)
{
    sunder_out_u16(out, (uint16_t)texts.count);
    for (uint32_t i = 0; i < texts.count; i++) {
        sunder_out_text(out, texts.at[i]);
    }
}

static void write_rules(
    struct sunder_out *out, const struct sunder_record_rule *rules, uint32_t count)
{
    sunder_out_u16(out, (uint16_t)count);
    for (uint32_t i = 0; i < count; i++) {
        sunder_out_u16(out, rules[i].rule);
        sunder_out_text(out, rules[i].text);
    }
}

static uint32_t texts_bytes(struct sunder_strs texts)
{
    uint32_t bytes = 2;
    for (uint32_t i = 0; i < texts.count; i++) {
        bytes += 2 + texts.at[i].len;
    }
    return bytes;
}

static uint32_t rules_bytes(const struct sunder_record_rule *rules, uint32_t count)
{
    uint32_t bytes = 2;
    for (uint32_t i = 0; i < count; i++) {
        bytes += 4 + rules[i].text.len;
    }
    return bytes;
}

/* What most records lack is left out and told by a flag. */
enum {
    FLAG_REACHED_RULES = 1,
    FLAG_AMOUNT = 2,
    FLAG_LATE = 4, /* its fact does not stand where it was decided */
    FLAG_CURRENCY = 8,
    FLAG_RULES = 16, /* measures or keys of rules */
    FLAG_CREDENTIAL = 32,
    FLAG_CUT = 64,
};

static uint8_t flags_of(const struct sunder_record *record)
{
    bool late =
        record->decided_position != record->position || record->decided_ms != record->fact_ms;
    return (uint8_t)((record->reached_rules ? FLAG_REACHED_RULES : 0) |
                     (record->has_amount ? FLAG_AMOUNT : 0) | (late ? FLAG_LATE : 0) |
                     (record->currency.at != NULL ? FLAG_CURRENCY : 0) |
                     (record->measure_count + record->rule_key_count != 0 ? FLAG_RULES : 0) |
                     (record->credential != 0 ? FLAG_CREDENTIAL : 0) |
                     (record->cut ? FLAG_CUT : 0));
}

static void write_body(struct sunder_out *out, const struct sunder_record *record)
{
    uint8_t flags = flags_of(record);
    sunder_out_u8(out, flags);
    sunder_out_u8(out, (uint8_t)record->verdict);
    sunder_out_u8(out, (uint8_t)record->state);
    sunder_out_u8(out, record->phases);
    if ((flags & FLAG_CREDENTIAL) != 0) {
        sunder_out_u8(out, (uint8_t)record->credential);
    }
    sunder_out_i64(out, record->fact_ms);
    if ((flags & FLAG_LATE) != 0) {
        sunder_out_u64(out, record->decided_position);
        sunder_out_i64(out, record->decided_ms);
    }
    sunder_out_bytes(out, record->digest.bytes, sizeof record->digest.bytes);
    sunder_out_text(out, record->agent);
    sunder_out_text(out, record->task);
    write_texts(out, record->objects);
    write_texts(out, record->cases);
    sunder_out_u8(out, (uint8_t)record->subject_count);
    for (uint32_t i = 0; i < record->subject_count; i++) {
        sunder_out_u32(out, record->subjects[i]);
    }
    sunder_out_u8(out, (uint8_t)record->duty_count);
    for (uint32_t i = 0; i < record->duty_count; i++) {
        sunder_out_u16(out, record->duties[i]);
    }
    if ((flags & FLAG_AMOUNT) != 0) {
        sunder_out_i64(out, record->amount_micro);
    }
    if ((flags & FLAG_CURRENCY) != 0) {
        sunder_out_text(out, record->currency);
    }
    if ((flags & FLAG_RULES) != 0) {
        write_rules(out, record->measures, record->measure_count);
        write_rules(out, record->rule_keys, record->rule_key_count);
    }
}

static struct sunder_out buffer_of(
    const struct sunder_state *state, const struct sunder_record *record)
{
    uint32_t size = 128 + record->intent.len + record->agent.len + record->task.len +
                    record->currency.len + (2 * record->duty_count) + (4 * record->subject_count) +
                    texts_bytes(record->objects) + texts_bytes(record->cases) +
                    rules_bytes(record->measures, record->measure_count) +
                    rules_bytes(record->rule_keys, record->rule_key_count);
    return sunder_row_buffer(state, size);
}

/* RECORD row: u8 1, u32 domain, text intent id, body; or u8 0, u64 position where the record stands by now. */
enum sunder_err sunder_record_put(
    const struct sunder_state *state, const struct sunder_record *record)
{
    struct sunder_key key;
    if (record->decided_position != record->position) {
        uint8_t raw[9];
        struct sunder_out moved = sunder_out_of(raw, sizeof raw);
        sunder_out_u8(&moved, 0);
        sunder_out_u64(&moved, record->position);
        record_key(&key, record->decided_position);
        SUNDER_TRY(sunder_row_put(state, &key, &moved));
    }
    struct sunder_out out = buffer_of(state, record);
    sunder_out_u8(&out, 1);
    sunder_out_u32(&out, record->domain);
    sunder_out_text(&out, record->intent);
    write_body(&out, record);
    record_key(&key, record->position);
    return sunder_row_put(state, &key, &out);
}

#define BYTES(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Eight lower-case hexadecimal digits, all at once, as four bytes. Anything else among them sets bits of *wrong. */
static uint32_t pack_digits(const char *first_four, const char *last_four, uint64_t *wrong)
{
    uint64_t text = 0;
    memcpy(&text, first_four, 4);
    memcpy((char *)&text + 4, last_four, 4);
    uint64_t letters = (text >> 6) & BYTES(1);
    uint64_t values = (text & BYTES(0x0f)) + (letters * 9);
    uint64_t from_ten = ((values + BYTES(6)) >> 4) & BYTES(1);
    *wrong |=
        (text ^ (values + BYTES('0') + (from_ten * ('a' - '9' - 1)))) | (values & BYTES(0xf0));
    values = (values | (values << 12)) & UINT64_C(0xff00ff00ff00ff00);
    values = (values >> 8 | values >> 16) & UINT64_C(0x0000ffff0000ffff);
    return (uint32_t)(values | values >> 16);
}

/* A UUID in its canonical form (RFC 9562, section 4) as 16 bytes. */
static bool pack_uuid(struct sunder_str text, uint32_t packed[4])
{
    const char *at = text.at;
    if (text.len != 36 || at[8] != '-' || at[13] != '-' || at[18] != '-' || at[23] != '-') {
        return false;
    }
    uint64_t wrong = 0;
    packed[0] = pack_digits(at, at + 4, &wrong);
    packed[1] = pack_digits(at + 9, at + 14, &wrong);
    packed[2] = pack_digits(at + 19, at + 24, &wrong);
    packed[3] = pack_digits(at + 28, at + 32, &wrong);
    return wrong == 0;
}

/* 0 begins no identifier. */
static void key_id(struct sunder_key *key, struct sunder_str id)
{
    uint32_t uuid[4];
    if (pack_uuid(id, uuid)) {
        sunder_key_u8(key, 0);
        sunder_key_text(key, (struct sunder_str){(const char *)uuid, sizeof uuid});
    } else {
        sunder_key_text(key, id);
    }
}

void sunder_record_intent_key(struct sunder_key *key, uint32_t domain, struct sunder_str intent)
{
    sunder_key_start(key, SUNDER_TABLE_INTENT, domain);
    key_id(key, intent);
}

static bool read_texts(
    struct sunder_in *in, struct sunder_arena *arena, struct sunder_strs *ret_texts)
{
    uint32_t count = sunder_in_u16(in);
    struct sunder_str *texts = SUNDER_ARENA_NEW(arena, struct sunder_str, count);
    if (texts == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!sunder_row_text(in, arena, &texts[i])) {
            return false;
        }
    }
    *ret_texts = (struct sunder_strs){texts, count};
    return !in->failed;
}

static bool read_rules(struct sunder_in *in,
    struct sunder_arena *arena,
    struct sunder_record_rule **ret_rules,
    uint32_t *ret_count)
{
    uint32_t count = sunder_in_u16(in);
    struct sunder_record_rule *rules = SUNDER_ARENA_NEW(arena, struct sunder_record_rule, count);
    if (rules == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        rules[i].rule = sunder_in_u16(in);
        if (!sunder_row_text(in, arena, &rules[i].text)) {
            return false;
        }
    }
    *ret_rules = rules;
    *ret_count = count;
    return !in->failed;
}

static bool read_ids(struct sunder_in *in, struct sunder_arena *arena, struct sunder_record *record)
{
    record->subject_count = sunder_in_u8(in);
    record->subjects = SUNDER_ARENA_NEW(arena, uint32_t, record->subject_count);
    if (record->subjects == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < record->subject_count; i++) {
        record->subjects[i] = sunder_in_u32(in);
    }
    record->duty_count = sunder_in_u8(in);
    record->duties = SUNDER_ARENA_NEW(arena, uint16_t, record->duty_count);
    if (record->duties == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < record->duty_count; i++) {
        record->duties[i] = sunder_in_u16(in);
    }
    return !in->failed;
}

static bool read_body(
    struct sunder_in *in, struct sunder_arena *arena, struct sunder_record *record)
{
    uint8_t flags = sunder_in_u8(in);
    record->reached_rules = (flags & FLAG_REACHED_RULES) != 0;
    record->has_amount = (flags & FLAG_AMOUNT) != 0;
    record->cut = (flags & FLAG_CUT) != 0;
    record->verdict = (enum sunder_verdict)sunder_in_u8(in);
    record->state = (enum sunder_fact_state)sunder_in_u8(in);
    record->phases = sunder_in_u8(in);
    record->credential = (flags & FLAG_CREDENTIAL) != 0 ? sunder_in_u8(in) : 0;
    record->fact_ms = sunder_in_i64(in);
    record->decided_position = (flags & FLAG_LATE) != 0 ? sunder_in_u64(in) : record->position;
    record->decided_ms = (flags & FLAG_LATE) != 0 ? sunder_in_i64(in) : record->fact_ms;
    const uint8_t *digest = sunder_in_bytes(in, sizeof record->digest.bytes);
    if (digest != NULL) {
        memcpy(record->digest.bytes, digest, sizeof record->digest.bytes);
    }
    if (!sunder_row_text(in, arena, &record->agent) || !sunder_row_text(in, arena, &record->task) ||
        !read_texts(in, arena, &record->objects) || !read_texts(in, arena, &record->cases) ||
        !read_ids(in, arena, record)) {
        return false;
    }
    record->amount_micro = record->has_amount ? sunder_in_i64(in) : 0;
    if ((flags & FLAG_CURRENCY) != 0 && !sunder_row_text(in, arena, &record->currency)) {
        return false;
    }
    return (flags & FLAG_RULES) == 0 ||
           (read_rules(in, arena, &record->measures, &record->measure_count) &&
               read_rules(in, arena, &record->rule_keys, &record->rule_key_count));
}

static enum sunder_err read_record(
    const struct sunder_state *state, struct sunder_in *in, struct sunder_record *record)
{
    if (!read_body(in, state->arena, record)) {
        return in->failed ? SUNDER_ERR_CORRUPT : SUNDER_ERR_FULL;
    }
    bool sane =
        !in->failed && in->pos == in->len && record->agent.at != NULL && record->subject_count != 0;
    return sane ? SUNDER_OK : SUNDER_ERR_CORRUPT;
}

enum sunder_err sunder_record_get(
    const struct sunder_state *state, uint64_t position, struct sunder_record *ret_record)
{
    uint64_t stands = position;
    struct sunder_in in = {0};
    for (uint32_t moved = 0; moved < 2; moved++) {
        struct sunder_key key;
        record_key(&key, stands);
        struct sunder_str value;
        enum sunder_err err = sunder_row_get(state, &key, &value);
        if (err != SUNDER_OK) {
            return err == SUNDER_ERR_NOT_FOUND ? SUNDER_ERR_CORRUPT : err;
        }
        in = sunder_in_of(value);
        uint8_t whole = sunder_in_u8(&in);
        if (whole == 1) {
            *ret_record = (struct sunder_record){.position = stands, .domain = sunder_in_u32(&in)};
            if (!sunder_row_text(&in, state->arena, &ret_record->intent)) {
                return in.failed ? SUNDER_ERR_CORRUPT : SUNDER_ERR_FULL;
            }
            return read_record(state, &in, ret_record);
        }
        stands = sunder_in_u64(&in);
        if (whole != 0 || in.failed || in.pos != in.len) {
            return SUNDER_ERR_CORRUPT;
        }
    }
    return SUNDER_ERR_CORRUPT; /* A moved record moves once. */
}

static void retry_key(struct sunder_key *key, struct sunder_retry retry)
{
    sunder_key_start(key, SUNDER_TABLE_RETRY, retry.domain);
    sunder_key_u32(key, retry.agent);
    sunder_key_text(key, retry.idempotency_key);
}

static enum sunder_err record_led_to(const struct sunder_state *state,
    const struct sunder_key *key,
    bool *ret_found,
    struct sunder_record *ret_record)
{
    struct sunder_str value;
    enum sunder_err err = sunder_row_get(state, key, &value);
    *ret_found = err == SUNDER_OK;
    if (err != SUNDER_OK) {
        return err == SUNDER_ERR_NOT_FOUND ? SUNDER_OK : err;
    }
    struct sunder_in in = sunder_in_of(value);
    uint64_t position = sunder_in_uint(&in, in.len);
    return in.failed ? SUNDER_ERR_CORRUPT : sunder_record_get(state, position, ret_record);
}

static enum sunder_err lead_to(
    const struct sunder_state *state, const struct sunder_key *key, uint64_t position)
{
    uint8_t raw[8];
    struct sunder_out out = sunder_out_of(raw, sizeof raw);
    sunder_out_uint(&out, position, sunder_uint_width(position));
    return sunder_row_put(state, key, &out);
}

enum sunder_err sunder_record_remember(
    const struct sunder_state *state, const struct sunder_record *record)
{
    SUNDER_TRY(sunder_record_put(state, record));
    struct sunder_key key;
    sunder_record_intent_key(&key, record->domain, record->intent);
    return lead_to(state, &key, record->position);
}

enum sunder_err sunder_record_find(const struct sunder_state *state,
    uint32_t domain,
    struct sunder_str intent,
    bool *ret_found,
    struct sunder_record *ret_record)
{
    struct sunder_key key;
    sunder_record_intent_key(&key, domain, intent);
    return record_led_to(state, &key, ret_found, ret_record);
}

enum sunder_err sunder_record_find_retry(const struct sunder_state *state,
    struct sunder_retry retry,
    bool *ret_found,
    struct sunder_record *ret_record)
{
    struct sunder_key key;
    retry_key(&key, retry);
    return record_led_to(state, &key, ret_found, ret_record);
}

enum sunder_err sunder_record_index_retry(
    const struct sunder_state *state, struct sunder_retry retry, uint64_t position)
{
    struct sunder_key key;
    retry_key(&key, retry);
    return lead_to(state, &key, position);
}

/* `|` begins no id of an intent. */
static void observed_key(struct sunder_key *key, uint32_t domain, struct sunder_str event)
{
    sunder_key_start(key, SUNDER_TABLE_INTENT, domain);
    sunder_key_u8(key, (uint8_t)'|');
    key_id(key, event);
}

enum sunder_err sunder_record_find_observed(const struct sunder_state *state,
    uint32_t domain,
    struct sunder_str event,
    bool *ret_found,
    struct sunder_record *ret_record)
{
    struct sunder_key key;
    observed_key(&key, domain, event);
    return record_led_to(state, &key, ret_found, ret_record);
}

enum sunder_err sunder_record_index_observed(
    const struct sunder_state *state, uint32_t domain, struct sunder_str event, uint64_t position)
{
    struct sunder_key key;
    observed_key(&key, domain, event);
    return lead_to(state, &key, position);
}

static void copy_key(struct sunder_key *key, struct sunder_copy copy)
{
    sunder_key_start(key, SUNDER_TABLE_COPY, copy.domain);
    sunder_key_u32(key, copy.source);
    key_id(key, copy.event);
}

enum sunder_err sunder_copy_find(const struct sunder_state *state,
    struct sunder_copy copy,
    bool *ret_found,
    int64_t *ret_time_ms)
{
    *ret_found = false;
    if (copy.source == 0) {
        return SUNDER_OK;
    }
    struct sunder_key key;
    copy_key(&key, copy);
    struct sunder_str value;
    enum sunder_err err = sunder_row_get(state, &key, &value);
    *ret_found = err == SUNDER_OK;
    if (err != SUNDER_OK) {
        return err == SUNDER_ERR_NOT_FOUND ? SUNDER_OK : err;
    }
    struct sunder_in in = sunder_in_of(value);
    *ret_time_ms = sunder_in_i64(&in);
    return in.failed ? SUNDER_ERR_CORRUPT : SUNDER_OK;
}

enum sunder_err sunder_copy_put(
    const struct sunder_state *state, struct sunder_copy copy, int64_t time_ms)
{
    struct sunder_key key;
    copy_key(&key, copy);
    uint8_t raw[8];
    struct sunder_out out = sunder_out_of(raw, sizeof raw);
    sunder_out_i64(&out, time_ms);
    return sunder_row_put(state, &key, &out);
}
