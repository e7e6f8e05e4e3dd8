/* From a decision to a record of the decisions topic in protobuf: decision.proto in an envelope of cloudevents.proto. What is
 * left out is what the JSON form leaves out. The tests read it back by the descriptors, by the names of the fields. */
#include "engine/base/decimal.h"
#include "engine/base/must.h"
#include "proto/wire_encode.h"
#include "proto/wire_words.h"

/* Field numbers of decision.proto and cloudevents.proto. */
enum {
    EVENT_ID = 1,
    EVENT_SOURCE = 2,
    EVENT_SPEC_VERSION = 3,
    EVENT_TYPE = 4,
    EVENT_PROTO_DATA = 8,
    ANY_TYPE_URL = 1,
    ANY_VALUE = 2,

    RECORD_TENANT = 1,
    RECORD_DOMAIN = 2,
    RECORD_INTENT = 3,
    RECORD_ATTEMPT = 4,
    RECORD_VERDICT = 5,
    RECORD_TIMESTAMP = 6,
    RECORD_STREAM_TIME = 7,
    RECORD_SEQ = 8,
    RECORD_PREV = 9,
    RECORD_POLICY = 10,
    RECORD_ENGINE = 11,
    RECORD_DIGEST = 12,
    RECORD_SUBJECTS = 13,
    RECORD_TOOL = 14,
    RECORD_ACTION = 15,
    RECORD_DUPLICATE = 16,
    RECORD_OF = 17,
    RECORD_STAGE = 18,
    RECORD_REASONS = 19,
    RECORD_SHADOW = 20,
    RECORD_APPROVALS = 21,
    RECORD_FINDINGS = 22,
    RECORD_TASK = 23,
    RECORD_PURPOSE = 24,
    RECORD_OBJECTS = 25,
    RECORD_CASES = 26,
    RECORD_AMOUNT = 27,
    RECORD_CURRENCY = 28,
    RECORD_CONFIDENCE = 29,
    RECORD_LABELS = 30,
    RECORD_PARENTS = 31,
    RECORD_KEY = 32,
    RECORD_DUTIES = 33,
    RECORD_PHASES = 34,
    RECORD_TIER = 35,
    RECORD_MEASURES = 36,
    RECORD_RULE_KEYS = 37,
    RECORD_KIND = 38,
    RECORD_EVENT = 39,
    RECORD_PUBLISHER = 40,
    RECORD_RESULT = 41,
    RECORD_EFFECT = 42,
    RECORD_STATE = 43,
    RECORD_PRINCIPAL = 44,
    RECORD_CASE = 45,
    RECORD_AGENTS = 46,
    RECORD_EXPIRES = 47,
    RECORD_FROM = 48,
    RECORD_TO = 49,
    RECORD_REVOKED = 50,
    RECORD_OBJECT = 51,
    RECORD_CONTROL = 52,
    RECORD_SUBJECT = 53,
    RECORD_CODE = 54,
    RECORD_FIELD = 55,
    RECORD_CAUSE = 56,
    RECORD_AUTHORITY_OPEN = 57,
    RECORD_SCOPE = 60,
    RECORD_WOULD_BE = 61,
    RECORD_WOULD_ALLOW = 70,
    RECORD_CARRIES = 64,
    RECORD_CLAIMED = 65,
    RECORD_GAINS = 66,

    GIVEN_NAMES = 1,
    SUBJECTS_AGENT = 1,
    SUBJECTS_DELEGATORS = 2,
    SUBJECTS_PRINCIPAL = 3,
    SUBJECTS_CREDENTIAL = 4,
    REASON_RULE = 1,
    REASON_CODE = 2,
    REASON_EFFECT = 3,
    REASON_MODE = 4,
    REASON_FIELD = 5,
    REASON_SUBJECT = 6,
    REASON_KEY = 7,
    REASON_MESSAGE = 8,
    REASON_COUNT = 9,
    REASON_VALUE = 10,
    REASON_EVIDENCE = 11,
    REASON_ALSO = 12,
    REASON_TAGS = 13,
    EVIDENCE_INTENT = 1,
    EVIDENCE_AGENT = 2,
    EVIDENCE_DUTY = 3,
    EVIDENCE_TIME = 4,
    PAIR_SUBJECT = 1,
    PAIR_KEY = 2,
    APPROVAL_RULE = 1,
    APPROVAL_COUNT = 2,
    APPROVAL_FROM = 3,
    FINDING_CODE = 1,
    FINDING_FIELD = 2,
    FINDING_SUBJECT = 3,
    FINDING_INTENT = 4,
    CHANGE_KIND = 1,
    CHANGE_VALUE = 2,
    RULE_TEXT_RULE = 1,
    RULE_TEXT_TEXT = 2,
};

static void put_text(struct sunder_protobuf_out *out, uint32_t field, struct sunder_str text)
{
    sunder_protobuf_put_text(out, field, text);
}

static void put_optional(struct sunder_protobuf_out *out, uint32_t field, struct sunder_str text)
{
    if (text.len != 0) {
        sunder_protobuf_put_text(out, field, text);
    }
}

static void put_texts(struct sunder_protobuf_out *out, uint32_t field, struct sunder_strs texts)
{
    for (uint32_t i = 0; i < texts.count; i++) {
        sunder_protobuf_put_text(out, field, texts.at[i]);
    }
}

static void put_digest(
    struct sunder_protobuf_out *out, uint32_t field, const struct sunder_digest *digest)
{
    sunder_protobuf_put_bytes(out, field, digest->bytes, sizeof(digest->bytes));
}

static void put_given(
    struct sunder_protobuf_out *out, uint32_t field, bool has, struct sunder_strs names)
{
    if (has) {
        uint8_t *mark = sunder_protobuf_begin(out, field);
        put_texts(out, GIVEN_NAMES, names);
        sunder_protobuf_end(out, mark);
    }
}

static void put_amount(
    struct sunder_protobuf_out *out, uint32_t field, const struct sunder_amount *amount)
{
    if (!amount->present || amount->range) {
        return;
    }
    char text[SUNDER_DECIMAL_TEXT_MAX];
    struct sunder_str plain = amount->plain;
    if (plain.at == NULL) {
        plain = (struct sunder_str){text, sunder_decimal_format(amount->micro, text)};
    }
    put_text(out, field, plain);
}

static void put_reason(
    struct sunder_protobuf_out *out, uint32_t field, const struct sunder_reason *reason)
{
    uint8_t *mark = sunder_protobuf_begin(out, field);
    put_optional(out, REASON_RULE, reason->rule);
    put_text(out, REASON_CODE, reason->code);
    put_text(out, REASON_EFFECT, SUNDER_WORDS_EFFECT[reason->effect]);
    if (reason->mode == SUNDER_MODE_SHADOW) {
        put_text(out, REASON_MODE, SUNDER_STR("shadow"));
    }
    put_optional(out, REASON_FIELD, reason->field);
    put_optional(out, REASON_SUBJECT, reason->subject);
    put_optional(out, REASON_KEY, reason->key);
    put_text(out, REASON_MESSAGE, reason->message);
    if (reason->has_count) {
        sunder_protobuf_put_u64(out, REASON_COUNT, reason->count);
    }
    put_optional(out, REASON_VALUE, reason->value);
    for (uint32_t i = 0; i < reason->evidence_count; i++) {
        uint8_t *inner = sunder_protobuf_begin(out, REASON_EVIDENCE);
        put_text(out, EVIDENCE_INTENT, reason->evidence[i].intent);
        put_text(out, EVIDENCE_AGENT, reason->evidence[i].agent);
        put_text(out, EVIDENCE_DUTY, reason->evidence[i].duty);
        sunder_protobuf_put_u64(out, EVIDENCE_TIME, (uint64_t)reason->evidence[i].time_ms);
        sunder_protobuf_end(out, inner);
    }
    for (uint32_t i = 0; i < reason->also_count; i++) {
        uint8_t *inner = sunder_protobuf_begin(out, REASON_ALSO);
        put_optional(out, PAIR_SUBJECT, reason->also[i].subject);
        put_optional(out, PAIR_KEY, reason->also[i].key);
        sunder_protobuf_end(out, inner);
    }
    put_texts(out, REASON_TAGS, reason->tags);
    sunder_protobuf_end(out, mark);
}

static void put_reasons(struct sunder_protobuf_out *out,
    uint32_t field,
    const struct sunder_reason *reasons,
    uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        put_reason(out, field, &reasons[i]);
    }
}

static void put_wanted(struct sunder_protobuf_out *out, const struct sunder_decision *decision)
{
    for (uint32_t i = 0; i < decision->wanted_count; i++) {
        uint8_t *mark = sunder_protobuf_begin(out, RECORD_APPROVALS);
        put_text(out, APPROVAL_RULE, decision->wanted[i].rule);
        sunder_protobuf_put_u64(out, APPROVAL_COUNT, decision->wanted[i].count);
        put_texts(out, APPROVAL_FROM, decision->wanted[i].from);
        sunder_protobuf_end(out, mark);
    }
}

static void put_findings(struct sunder_protobuf_out *out, const struct sunder_decision *decision)
{
    for (uint32_t i = 0; i < decision->finding_count; i++) {
        const struct sunder_finding *finding = &decision->findings[i];
        uint8_t *mark = sunder_protobuf_begin(out, RECORD_FINDINGS);
        put_text(out, FINDING_CODE, finding->code);
        put_optional(out, FINDING_FIELD, finding->field);
        put_optional(out, FINDING_SUBJECT, finding->subject);
        put_optional(out, FINDING_INTENT, finding->intent);
        sunder_protobuf_end(out, mark);
    }
}

static void put_changes(struct sunder_protobuf_out *out, const struct sunder_decision *decision)
{
    for (uint32_t i = 0; i < decision->would_allow_count; i++) {
        uint8_t *mark = sunder_protobuf_begin(out, RECORD_WOULD_ALLOW);
        put_text(out, CHANGE_KIND, SUNDER_WORDS_CHANGE[decision->would_allow[i].kind]);
        put_text(out, CHANGE_VALUE, decision->would_allow[i].value);
        sunder_protobuf_end(out, mark);
    }
}

static void put_subjects(struct sunder_protobuf_out *out, const struct sunder_decision *decision)
{
    if (!sunder_wire_has_subjects(decision)) {
        return;
    }
    uint8_t *mark = sunder_protobuf_begin(out, RECORD_SUBJECTS);
    put_optional(out, SUBJECTS_AGENT, decision->agent);
    for (uint32_t i = 0; i < decision->subject_count; i++) {
        if (sunder_wire_is_delegator(&decision->subjects[i])) {
            put_text(out, SUBJECTS_DELEGATORS, decision->subjects[i].id);
        }
    }
    put_optional(out, SUBJECTS_PRINCIPAL, decision->principal);
    put_optional(out, SUBJECTS_CREDENTIAL, decision->credential);
    sunder_protobuf_end(out, mark);
}

static void put_rule_text(
    struct sunder_protobuf_out *out, uint32_t field, struct sunder_str rule, struct sunder_str text)
{
    uint8_t *mark = sunder_protobuf_begin(out, field);
    put_text(out, RULE_TEXT_RULE, rule);
    put_text(out, RULE_TEXT_TEXT, text);
    sunder_protobuf_end(out, mark);
}

static void put_act(struct sunder_protobuf_out *out, const struct sunder_decision *decision)
{
    put_subjects(out, decision);
    put_optional(out, RECORD_TASK, decision->task);
    put_optional(out, RECORD_PURPOSE, decision->purpose);
    put_optional(out, RECORD_TOOL, decision->tool);
    put_optional(out, RECORD_ACTION, decision->action);
    put_texts(out, RECORD_OBJECTS, decision->objects);
    put_texts(out, RECORD_CASES, decision->cases);
    put_amount(out, RECORD_AMOUNT, &decision->amount);
    put_optional(out, RECORD_CURRENCY, decision->currency);
    put_amount(out, RECORD_CONFIDENCE, &decision->confidence);
    put_texts(out, RECORD_LABELS, decision->labels);
    put_texts(out, RECORD_CARRIES, decision->carries);
    put_texts(out, RECORD_CLAIMED, decision->claimed);
    put_texts(out, RECORD_GAINS, decision->gains);
    put_texts(out, RECORD_PARENTS, decision->parents);
    put_optional(out, RECORD_KEY, decision->idempotency_key);
    put_given(out, RECORD_DUTIES, decision->duties.count != 0, decision->duties);
    for (uint32_t i = 0; i < 3; i++) {
        if ((decision->phases & (1u << i)) != 0) {
            put_text(out, RECORD_PHASES, SUNDER_WORDS_PHASE[i]);
        }
    }
    put_optional(out, RECORD_TIER, SUNDER_WORDS_TIER[decision->tier]);
    if (!sunder_wire_digest_empty(&decision->digest)) {
        put_digest(out, RECORD_DIGEST, &decision->digest);
    }
    for (uint32_t i = 0; i < decision->measure_count; i++) {
        put_rule_text(out, RECORD_MEASURES, decision->measures[i].rule, decision->measures[i].text);
    }
    for (uint32_t i = 0; i < decision->rule_key_count; i++) {
        put_rule_text(
            out, RECORD_RULE_KEYS, decision->rule_keys[i].rule, decision->rule_keys[i].key);
    }
}

static void put_decision(
    struct sunder_protobuf_out *out, const struct sunder_decision *decision, bool first_form)
{
    put_text(out, RECORD_INTENT, decision->event);
    if (decision->attempt != 1 || first_form) {
        sunder_protobuf_put_u64(out, RECORD_ATTEMPT, decision->attempt);
    }
    put_text(out, RECORD_VERDICT, SUNDER_WORDS_VERDICT[decision->verdict]);
    if (decision->duplicate) {
        sunder_protobuf_put_u64(out, RECORD_DUPLICATE, 1);
        put_optional(out, RECORD_OF, decision->of);
    }
    if (decision->would_be != SUNDER_VERDICT_NONE) {
        put_text(out, RECORD_SCOPE, SUNDER_WORDS_SCOPE[decision->scope]);
        put_text(out, RECORD_WOULD_BE, SUNDER_WORDS_VERDICT[decision->would_be]);
    }
    if (decision->stage != 0 && decision->stage < SUNDER_WIRE_STAGE_LAST) {
        sunder_protobuf_put_u64(out, RECORD_STAGE, decision->stage);
    }
    if (decision->authority_open) {
        sunder_protobuf_put_u64(out, RECORD_AUTHORITY_OPEN, 1);
    }
    put_reasons(out, RECORD_REASONS, decision->reasons, decision->reason_count);
    put_reasons(out, RECORD_SHADOW, decision->shadow, decision->shadow_count);
    put_wanted(out, decision);
    put_findings(out, decision);
    put_changes(out, decision);
    put_act(out, decision);
}

static void put_expires(struct sunder_protobuf_out *out, const struct sunder_decision *decision)
{
    if (decision->has_expires) {
        sunder_protobuf_put_u64(out, RECORD_EXPIRES, (uint64_t)decision->expires_ms);
    }
}

static void put_task(struct sunder_protobuf_out *out, const struct sunder_decision *decision)
{
    put_text(out, RECORD_TASK, decision->task);
    put_text(out, RECORD_STATE, SUNDER_WORDS_TASK_STATE[decision->task_state]);
    put_optional(out, RECORD_PRINCIPAL, decision->principal);
    put_optional(out, RECORD_PURPOSE, decision->purpose);
    put_optional(out, RECORD_CASE, decision->case_id);
    put_given(out, RECORD_DUTIES, decision->has_duties, decision->duties);
    put_given(out, RECORD_AGENTS, decision->has_agents, decision->agents);
    put_expires(out, decision);
}

static void put_delegation(struct sunder_protobuf_out *out, const struct sunder_decision *decision)
{
    put_text(out, RECORD_FROM, decision->from);
    put_text(out, RECORD_TO, decision->to);
    put_given(out, RECORD_DUTIES, decision->has_duties, decision->duties);
    put_optional(out, RECORD_TASK, decision->task);
    put_expires(out, decision);
    if (decision->revoked) {
        sunder_protobuf_put_u64(out, RECORD_REVOKED, 1);
    }
}

static void put_recorded(struct sunder_protobuf_out *out, const struct sunder_decision *decision)
{
    put_text(out, RECORD_KIND, SUNDER_WORDS_KIND[decision->kind]);
    put_optional(out, RECORD_EVENT, decision->event);
    put_optional(out, RECORD_PUBLISHER, decision->publisher);
    if (decision->duplicate) {
        sunder_protobuf_put_u64(out, RECORD_DUPLICATE, 1);
    }
    put_findings(out, decision);
    switch (decision->kind) {
    case SUNDER_RECORD_OBSERVED:
        put_act(out, decision);
        break;
    case SUNDER_RECORD_OUTCOME:
        put_text(out, RECORD_INTENT, decision->intent);
        put_text(out, RECORD_RESULT, SUNDER_WORDS_RESULT[decision->result]);
        put_text(out, RECORD_EFFECT, SUNDER_WORDS_OUTCOME_EFFECT[decision->outcome_effect]);
        break;
    case SUNDER_RECORD_TASK:
        put_task(out, decision);
        break;
    case SUNDER_RECORD_DELEGATION:
        put_delegation(out, decision);
        break;
    case SUNDER_RECORD_CASE:
        put_optional(out, RECORD_CASE, decision->case_id);
        put_optional(out, RECORD_OBJECT, decision->object);
        break;
    case SUNDER_RECORD_CONTROL:
        put_text(out, RECORD_CONTROL, SUNDER_WORDS_CONTROL[decision->control]);
        put_text(out, RECORD_SUBJECT, decision->subject);
        break;
    case SUNDER_RECORD_DEAD_LETTER:
        put_text(out, RECORD_CODE, decision->code);
        put_optional(out, RECORD_FIELD, decision->field);
        break;
    case SUNDER_RECORD_DECISION:
    case SUNDER_RECORD_REVOCATION:
    case SUNDER_RECORD_KIND_COUNT:
        SUNDER_MUST(decision->kind != SUNDER_RECORD_DECISION);
        break;
    }
}

static void put_record(
    struct sunder_protobuf_out *out, const struct sunder_decision *decision, bool first_form)
{
    put_optional(out, RECORD_TENANT, decision->tenant);
    if (!sunder_str_equal(decision->domain, decision->tenant)) {
        put_optional(out, RECORD_DOMAIN, decision->domain);
    }
    if (decision->kind == SUNDER_RECORD_DECISION) {
        put_decision(out, decision, first_form);
    } else if (decision->kind == SUNDER_RECORD_REVOCATION) {
        put_text(out, RECORD_SUBJECT, decision->subject);
        put_text(out, RECORD_CAUSE, sunder_wire_cause(decision));
        put_text(
            out, RECORD_INTENT, decision->intent.at != NULL ? decision->intent : decision->event);
        put_reasons(out, RECORD_REASONS, decision->reasons, decision->reason_count);
    } else {
        put_recorded(out, decision);
    }
    put_digest(out, RECORD_POLICY, &decision->policy);
    sunder_protobuf_put_u64(out, RECORD_TIMESTAMP, (uint64_t)decision->source.timestamp_ms);
    if (decision->stream_time_ms != decision->source.timestamp_ms || first_form) {
        sunder_protobuf_put_u64(out, RECORD_STREAM_TIME, (uint64_t)decision->stream_time_ms);
    }
    sunder_protobuf_put_u64(out, RECORD_SEQ, decision->seq);
    put_digest(out, RECORD_PREV, &decision->prev);
    put_text(out, RECORD_ENGINE, decision->engine);
}

void sunder_wire_put_protobuf(const struct sunder_wire_encoder *encoder,
    struct sunder_protobuf_out *out,
    const struct sunder_decision *decision,
    struct sunder_str id)
{
    put_text(out, EVENT_ID, id);
    put_text(out, EVENT_SOURCE, SUNDER_STR("sunder"));
    put_text(out, EVENT_SPEC_VERSION, SUNDER_STR("1.0"));
    put_text(out, EVENT_TYPE, sunder_words_type(decision->kind));
    uint8_t *any = sunder_protobuf_begin(out, EVENT_PROTO_DATA);
    put_text(out, ANY_TYPE_URL, SUNDER_STR(SUNDER_WIRE_RECORD_URL));
    uint8_t *record = sunder_protobuf_begin(out, ANY_VALUE);
    put_record(out, decision, encoder->first_form);
    sunder_protobuf_end(out, record);
    sunder_protobuf_end(out, any);
}
