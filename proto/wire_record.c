/* From a record of the decisions topic back to its decision. The reader takes what it knows and minds nothing else:
 * whether the bytes are exactly right is then seen by writing the decision again. */
#include "proto/record_reader.h"
#include "proto/wire_encode.h"
#include "proto/wire_internal.h"
#include "proto/wire_rebuild.h"
#include "proto/wire_words.h"

static void read_evidence(struct sunder_record_reader *reader,
    const struct sunder_value *map,
    struct sunder_reason *reason)
{
    uint32_t count = 0;
    const struct sunder_value *items = sunder_record_items(map, "evidence", &count);
    struct sunder_evidence *evidence =
        count == 0 ? NULL : sunder_record_array(reader, sizeof(*evidence), count);
    if (evidence == NULL) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        evidence[i] = (struct sunder_evidence){.intent = sunder_record_text(&items[i], "intent"),
            .agent = sunder_record_text(&items[i], "agent"),
            .duty = sunder_record_text(&items[i], "duty"),
            .time_ms = sunder_record_i64(reader, &items[i], "time")};
    }
    reason->evidence = evidence;
    reason->evidence_count = count;
}

static void read_also(struct sunder_record_reader *reader,
    const struct sunder_value *map,
    struct sunder_reason *reason)
{
    uint32_t count = 0;
    const struct sunder_value *items = sunder_record_items(map, "also", &count);
    struct sunder_pair *also =
        count == 0 ? NULL : sunder_record_array(reader, sizeof(*also), count);
    if (also == NULL) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        also[i] = (struct sunder_pair){
            sunder_record_text(&items[i], "subject"), sunder_record_text(&items[i], "key")};
    }
    reason->also = also;
    reason->also_count = count;
}

static struct sunder_reason read_reason(
    struct sunder_record_reader *reader, const struct sunder_value *map)
{
    struct sunder_reason reason = {
        .rule = sunder_record_text(map, "rule"),
        .code = sunder_record_text(map, "code"),
        .field = sunder_record_text(map, "field"),
        .subject = sunder_record_text(map, "subject"),
        .key = sunder_record_text(map, "key"),
        .message = sunder_record_text(map, "message"),
        .value = sunder_record_text(map, "value"),
        .effect =
            (enum sunder_effect)sunder_record_word(reader, map, "effect", SUNDER_WORDS_EFFECT),
        .mode =
            sunder_record_member(map, "mode") != NULL ? SUNDER_MODE_SHADOW : SUNDER_MODE_ENFORCE,
        .has_count = sunder_record_member(map, "count") != NULL,
        .tags = sunder_record_strs(reader, map, "tags"),
    };
    if (reason.has_count) {
        reason.count = sunder_record_u64(reader, map, "count");
    }
    read_evidence(reader, map, &reason);
    read_also(reader, map, &reason);
    return reason;
}

/* name: "reasons" or "shadow" */
static const struct sunder_reason *read_reasons(struct sunder_record_reader *reader,
    const struct sunder_value *map,
    const char *name,
    uint32_t *ret_count)
{
    uint32_t count = 0;
    const struct sunder_value *items = sunder_record_items(map, name, &count);
    struct sunder_reason *reasons =
        count == 0 ? NULL : sunder_record_array(reader, sizeof(*reasons), count);
    if (reasons == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        reasons[i] = read_reason(reader, &items[i]);
        reasons[i].stage = sunder_wire_reason_stage(reader->stage, name[0] == 's', reasons[i].code);
    }
    *ret_count = count;
    return reasons;
}

static void read_wanted(struct sunder_record_reader *reader,
    const struct sunder_value *map,
    struct sunder_decision *decision)
{
    uint32_t count = 0;
    const struct sunder_value *items = sunder_record_items(map, "approvals", &count);
    struct sunder_wanted *wanted =
        count == 0 ? NULL : sunder_record_array(reader, sizeof(*wanted), count);
    if (wanted == NULL) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        wanted[i] = (struct sunder_wanted){.rule = sunder_record_text(&items[i], "rule"),
            .count = sunder_record_u32(reader, &items[i], "count", UINT32_MAX),
            .from = sunder_record_strs(reader, &items[i], "from")};
    }
    decision->wanted = wanted;
    decision->wanted_count = count;
}

static void read_findings(struct sunder_record_reader *reader,
    const struct sunder_value *map,
    struct sunder_decision *decision)
{
    uint32_t count = 0;
    const struct sunder_value *items = sunder_record_items(map, "findings", &count);
    struct sunder_finding *findings =
        count == 0 ? NULL : sunder_record_array(reader, sizeof(*findings), count);
    if (findings == NULL) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        findings[i] = (struct sunder_finding){.code = sunder_record_text(&items[i], "code"),
            .field = sunder_record_text(&items[i], "field"),
            .subject = sunder_record_text(&items[i], "subject"),
            .intent = sunder_record_text(&items[i], "intent")};
    }
    decision->findings = findings;
    decision->finding_count = count;
}

static void read_changes(struct sunder_record_reader *reader,
    const struct sunder_value *map,
    struct sunder_decision *decision)
{
    uint32_t count = 0;
    const struct sunder_value *items = sunder_record_items(map, "would_allow", &count);
    struct sunder_change *changes =
        count == 0 ? NULL : sunder_record_array(reader, sizeof(*changes), count);
    if (changes == NULL) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        changes[i] = (struct sunder_change){.kind = (enum sunder_change_kind)sunder_record_word(
                                                reader, &items[i], "kind", SUNDER_WORDS_CHANGE),
            .value = sunder_record_text(&items[i], "value")};
    }
    decision->would_allow = changes;
    decision->would_allow_count = count;
}

static void read_subjects(struct sunder_record_reader *reader,
    const struct sunder_value *data,
    struct sunder_decision *decision)
{
    const struct sunder_value *map = sunder_record_member(data, "subjects");
    if (map == NULL) {
        return;
    }
    struct sunder_strs delegators = sunder_record_strs(reader, map, "delegators");
    decision->agent = sunder_record_text(map, "agent");
    decision->principal = sunder_record_text(map, "principal");
    decision->credential = sunder_record_text(map, "credential");
    sunder_wire_make_subjects(reader->arena, delegators, decision);
    if (decision->subjects == NULL) {
        sunder_record_fail(reader, SUNDER_ERR_FULL);
    }
}

static struct sunder_amount read_amount(
    struct sunder_record_reader *reader, const struct sunder_value *map, const char *name)
{
    struct sunder_amount amount = {0};
    if (sunder_record_member(map, name) != NULL &&
        !sunder_wire_make_amount(sunder_record_text(map, name), &amount)) {
        sunder_record_fail(reader, SUNDER_ERR_CORRUPT);
    }
    return amount;
}

static uint32_t read_phases(const struct sunder_value *map)
{
    uint32_t count = 0;
    uint32_t phases = 0;
    const struct sunder_value *items = sunder_record_items(map, "phases", &count);
    for (uint32_t i = 0; i < count; i++) {
        int index = sunder_words_find(SUNDER_WORDS_PHASE, items[i].text);
        phases |= index < 0 ? 0 : 1u << index;
    }
    return phases;
}

/* One of a list of rules and texts: a member of an object in JSON, a message {rule, text} in protobuf. */
static void read_rule_text(const struct sunder_value *rules,
    uint32_t index,
    struct sunder_str *ret_rule,
    struct sunder_str *ret_text)
{
    if (rules->kind == SUNDER_VALUE_MAP) {
        *ret_rule = rules->members[index].name;
        *ret_text = rules->members[index].value.text;
        return;
    }
    *ret_rule = sunder_record_text(&rules->items[index], "rule");
    *ret_text = sunder_record_text(&rules->items[index], "text");
}

static const struct sunder_value *read_rules(
    const struct sunder_value *data, const char *name, uint32_t *ret_count)
{
    const struct sunder_value *rules = sunder_record_member(data, name);
    bool many =
        rules != NULL && (rules->kind == SUNDER_VALUE_MAP || rules->kind == SUNDER_VALUE_LIST);
    *ret_count = many ? rules->count : 0;
    return rules;
}

static void read_rule_texts(struct sunder_record_reader *reader,
    const struct sunder_value *data,
    struct sunder_decision *decision)
{
    uint32_t count = 0;
    const struct sunder_value *rules = read_rules(data, "measures", &count);
    struct sunder_measure *measures = sunder_record_array(reader, sizeof(*measures), count);
    for (uint32_t i = 0; measures != NULL && i < count; i++) {
        read_rule_text(rules, i, &measures[i].rule, &measures[i].text);
    }
    decision->measures = measures;
    decision->measure_count = measures == NULL ? 0 : count;

    rules = read_rules(data, "rule_keys", &count);
    struct sunder_rule_key *keys = sunder_record_array(reader, sizeof(*keys), count);
    for (uint32_t i = 0; keys != NULL && i < count; i++) {
        read_rule_text(rules, i, &keys[i].rule, &keys[i].key);
    }
    decision->rule_keys = keys;
    decision->rule_key_count = keys == NULL ? 0 : count;
}

static void read_act(struct sunder_record_reader *reader,
    const struct sunder_value *data,
    struct sunder_decision *decision)
{
    read_subjects(reader, data, decision);
    decision->task = sunder_record_text(data, "task");
    decision->purpose = sunder_record_text(data, "purpose");
    decision->tool = sunder_record_text(data, "tool");
    decision->action = sunder_record_text(data, "action");
    decision->objects = sunder_record_strs(reader, data, "objects");
    decision->cases = sunder_record_strs(reader, data, "cases");
    decision->amount = read_amount(reader, data, "amount");
    decision->currency = sunder_record_text(data, "currency");
    decision->confidence = read_amount(reader, data, "confidence");
    decision->labels = sunder_record_strs(reader, data, "labels");
    decision->carries = sunder_record_strs(reader, data, "carries");
    decision->claimed = sunder_record_strs(reader, data, "claimed");
    decision->gains = sunder_record_strs(reader, data, "gains");
    decision->parents = sunder_record_strs(reader, data, "parents");
    decision->idempotency_key = sunder_record_text(data, "key");
    decision->duties = sunder_record_strs(reader, data, "duties");
    decision->phases = read_phases(data);
    if (sunder_record_member(data, "tier") != NULL) {
        decision->tier =
            (enum sunder_tier)sunder_record_word(reader, data, "tier", SUNDER_WORDS_TIER);
    }
    if (sunder_record_member(data, "digest") != NULL) {
        decision->digest = sunder_record_digest(reader, data, "digest");
    }
    read_rule_texts(reader, data, decision);
}

static void read_decision(struct sunder_record_reader *reader,
    const struct sunder_value *data,
    struct sunder_decision *decision)
{
    decision->event = sunder_record_text(data, "intent");
    decision->attempt = sunder_record_member(data, "attempt") == NULL
                            ? 1
                            : sunder_record_u32(reader, data, "attempt", UINT32_MAX);
    decision->verdict =
        (enum sunder_verdict)sunder_record_word(reader, data, "verdict", SUNDER_WORDS_VERDICT);
    decision->duplicate = sunder_record_true(data, "duplicate");
    decision->of = sunder_record_text(data, "of");
    if (sunder_record_member(data, "would_be") != NULL) {
        decision->scope =
            (enum sunder_scope_mode)sunder_record_word(reader, data, "scope", SUNDER_WORDS_SCOPE);
        decision->would_be =
            (enum sunder_verdict)sunder_record_word(reader, data, "would_be", SUNDER_WORDS_VERDICT);
    }
    decision->stage = SUNDER_WIRE_STAGE_LAST;
    if (sunder_record_member(data, "stage") != NULL) {
        decision->stage =
            (uint8_t)sunder_record_u32(reader, data, "stage", SUNDER_WIRE_STAGE_LAST - 1);
    }
    decision->authority_open = sunder_record_true(data, "authority_open");
    reader->stage = decision->stage;
    decision->reasons = read_reasons(reader, data, "reasons", &decision->reason_count);
    decision->shadow = read_reasons(reader, data, "shadow", &decision->shadow_count);
    read_wanted(reader, data, decision);
    read_findings(reader, data, decision);
    read_changes(reader, data, decision);
    read_act(reader, data, decision);
}

/* The duties of a task or an edge; an empty list is not an absent one. */
static void read_given(struct sunder_record_reader *reader,
    const struct sunder_value *data,
    struct sunder_decision *decision)
{
    decision->has_duties = sunder_record_member(data, "duties") != NULL;
    decision->duties = sunder_record_strs(reader, data, "duties");
    decision->has_agents = sunder_record_member(data, "agents") != NULL;
    decision->agents = sunder_record_strs(reader, data, "agents");
    decision->has_expires = sunder_record_member(data, "expires") != NULL;
    if (decision->has_expires) {
        decision->expires_ms = sunder_record_i64(reader, data, "expires");
    }
}

static void read_recorded(struct sunder_record_reader *reader,
    const struct sunder_value *data,
    struct sunder_decision *decision)
{
    decision->kind =
        (enum sunder_record_kind)sunder_record_word(reader, data, "kind", SUNDER_WORDS_KIND);
    decision->event = sunder_record_text(data, "event");
    decision->publisher = sunder_record_text(data, "publisher");
    decision->duplicate = sunder_record_true(data, "duplicate");
    read_findings(reader, data, decision);
    switch (decision->kind) {
    case SUNDER_RECORD_OBSERVED:
        read_act(reader, data, decision);
        break;
    case SUNDER_RECORD_OUTCOME:
        decision->intent = sunder_record_text(data, "intent");
        decision->result = (enum sunder_outcome_result)sunder_record_word(
            reader, data, "result", SUNDER_WORDS_RESULT);
        decision->outcome_effect = (enum sunder_outcome_effect)sunder_record_word(
            reader, data, "effect", SUNDER_WORDS_OUTCOME_EFFECT);
        break;
    case SUNDER_RECORD_TASK:
        decision->task = sunder_record_text(data, "task");
        decision->task_state = (enum sunder_task_state)sunder_record_word(
            reader, data, "state", SUNDER_WORDS_TASK_STATE);
        decision->principal = sunder_record_text(data, "principal");
        decision->purpose = sunder_record_text(data, "purpose");
        decision->case_id = sunder_record_text(data, "case");
        read_given(reader, data, decision);
        break;
    case SUNDER_RECORD_DELEGATION:
        decision->from = sunder_record_text(data, "from");
        decision->to = sunder_record_text(data, "to");
        decision->task = sunder_record_text(data, "task");
        decision->revoked = sunder_record_true(data, "revoked");
        read_given(reader, data, decision);
        break;
    case SUNDER_RECORD_CASE:
        decision->case_id = sunder_record_text(data, "case");
        decision->object = sunder_record_text(data, "object");
        break;
    case SUNDER_RECORD_CONTROL:
        decision->control = (enum sunder_control_kind)sunder_record_word(
            reader, data, "control", SUNDER_WORDS_CONTROL);
        decision->subject = sunder_record_text(data, "subject");
        break;
    case SUNDER_RECORD_DEAD_LETTER:
        decision->code = sunder_record_text(data, "code");
        decision->field = sunder_record_text(data, "field");
        break;
    case SUNDER_RECORD_DECISION:
    case SUNDER_RECORD_REVOCATION:
    case SUNDER_RECORD_KIND_COUNT:
        sunder_record_fail(reader, SUNDER_ERR_CORRUPT);
        break;
    }
}

/* What stands in an id up to the next slash or its end; `at` goes behind it. */
static struct sunder_str take_part(struct sunder_str id, uint32_t *at)
{
    uint32_t from = *at;
    uint32_t end = from;
    while (end < id.len && id.at[end] != '/') {
        end += 1;
    }
    *at = end < id.len ? end + 1 : end;
    return (struct sunder_str){id.at + from, end - from};
}

/* "<topic>/<partition>/<offset>", and "/<index>" unless that is 0. */
static void read_id(
    struct sunder_record_reader *reader, struct sunder_str id, struct sunder_decision *decision)
{
    uint32_t at = 0;
    if (id.len == 0) {
        sunder_record_fail(reader, SUNDER_ERR_CORRUPT);
        return;
    }
    decision->source.topic = take_part(id, &at);
    uint64_t partition = sunder_record_whole_u64(reader, take_part(id, &at));
    decision->source.offset = sunder_record_whole_i64(reader, take_part(id, &at));
    uint64_t index = at < id.len ? sunder_record_whole_u64(reader, take_part(id, &at)) : 0;
    if (partition > INT32_MAX || index > UINT32_MAX) {
        sunder_record_fail(reader, SUNDER_ERR_CORRUPT);
        return;
    }
    decision->source.partition = (int32_t)partition;
    decision->index = (uint32_t)index;
}

static void read_common(struct sunder_record_reader *reader,
    const struct sunder_value *data,
    struct sunder_decision *decision)
{
    const struct sunder_value *source = sunder_record_member(data, "source"); /* Of JSON. */
    decision->tenant = sunder_record_text(data, "tenant");
    decision->domain = sunder_record_text(data, "domain");
    if (decision->domain.at == NULL) {
        decision->domain = decision->tenant;
    }
    decision->policy = sunder_record_digest(reader, data, "policy");
    decision->source.timestamp_ms =
        sunder_record_i64(reader, source != NULL ? source : data, "timestamp");
    decision->stream_time_ms = sunder_record_member(data, "stream_time") == NULL
                                   ? decision->source.timestamp_ms
                                   : sunder_record_i64(reader, data, "stream_time");
    decision->seq = sunder_record_u64(reader, data, "seq");
    decision->prev = sunder_record_digest(reader, data, "prev");
    decision->engine = sunder_record_text(data, "engine");
}

static void read_by_type(struct sunder_record_reader *reader,
    struct sunder_str type,
    const struct sunder_value *data,
    struct sunder_decision *decision)
{
    if (sunder_str_equal(type, sunder_words_type(SUNDER_RECORD_DECISION))) {
        decision->kind = SUNDER_RECORD_DECISION;
        read_decision(reader, data, decision);
    } else if (sunder_str_equal(type, sunder_words_type(SUNDER_RECORD_REVOCATION))) {
        decision->kind = SUNDER_RECORD_REVOCATION;
        decision->subject = sunder_record_text(data, "subject");
        decision->intent = sunder_record_text(data, "intent");
        decision->event = decision->intent;
        decision->reasons = read_reasons(reader, data, "reasons", &decision->reason_count);
    } else if (sunder_str_equal(type, sunder_words_type(SUNDER_RECORD_OBSERVED))) {
        read_recorded(reader, data, decision);
    } else {
        sunder_record_fail(reader, SUNDER_ERR_CORRUPT);
    }
}

static enum sunder_err parse_json(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str bytes,
    struct sunder_wire_envelope *ret_envelope)
{
    struct sunder_value root;
    enum sunder_err err = sunder_json_parse(decoder->json, arena, bytes, 0, &root);
    if (err != SUNDER_OK) {
        return err;
    }
    const struct sunder_value *data = sunder_record_member(&root, "data");
    *ret_envelope = (struct sunder_wire_envelope){
        .id = sunder_record_text(&root, "id"), .type = sunder_record_text(&root, "type")};
    if (data != NULL) {
        ret_envelope->data = *data;
    }
    return SUNDER_OK;
}

/* Whether encode would have written these very bytes, now or in the form of before. */
static bool is_exact(struct sunder_wire_decoder *decoder,
    struct sunder_str bytes,
    enum sunder_wire_format format,
    const struct sunder_decision *decision)
{
    struct sunder_wire_encoder *again = decoder->again[format];
    bool exact = false;
    for (int form = 0; form < 2 && !exact; form++) {
        size_t len = 0;
        again->first_form = form == 1;
        enum sunder_err err =
            sunder_wire_encode_record(again, decision, decoder->scratch, bytes.len, &len);
        exact =
            err == SUNDER_OK && len == bytes.len && memcmp(decoder->scratch, bytes.at, len) == 0;
    }
    return exact;
}

enum sunder_err sunder_wire_general_record(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str bytes,
    struct sunder_decision *ret_decision)
{
    bool json = bytes.at[0] == '{';
    struct sunder_wire_envelope envelope;
    enum sunder_err err = json ? parse_json(decoder, arena, bytes, &envelope)
                               : sunder_wire_protobuf_record(decoder, arena, bytes, &envelope);
    if (err != SUNDER_OK) {
        return err == SUNDER_ERR_FULL ? err : SUNDER_ERR_CORRUPT;
    }
    struct sunder_record_reader reader = {
        .arena = arena, .err = SUNDER_OK, .stage = SUNDER_WIRE_STAGE_LAST};
    struct sunder_decision decision = {0};
    read_id(&reader, envelope.id, &decision);
    read_common(&reader, &envelope.data, &decision);
    read_by_type(&reader, envelope.type, &envelope.data, &decision);
    if (reader.err != SUNDER_OK) {
        return reader.err;
    }
    enum sunder_wire_format format = json ? SUNDER_WIRE_FORMAT_JSON : SUNDER_WIRE_FORMAT_PROTOBUF;
    if (!is_exact(decoder, bytes, format, &decision)) {
        return SUNDER_ERR_CORRUPT;
    }
    *ret_decision = decision;
    return SUNDER_OK;
}

enum sunder_err sunder_wire_decode_record(struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    struct sunder_str bytes,
    struct sunder_decision *ret_decision)
{
    if (bytes.len == 0 || bytes.len > SUNDER_WIRE_RECORD_BYTES_MAX) {
        return SUNDER_ERR_CORRUPT;
    }
    if (bytes.at[0] == '{' && sunder_wire_exact_record(decoder, arena, bytes, ret_decision)) {
        return SUNDER_OK;
    }
    return sunder_wire_general_record(decoder, arena, bytes, ret_decision);
}
