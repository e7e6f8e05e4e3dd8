/* From a decision to a record of the decisions topic in JSON. The members stand in one order, and what is absent, empty or false
 * is left out. */
#include "engine/base/decimal.h"
#include "engine/base/must.h"
#include "proto/base64.h"
#include "proto/wire_encode.h"
#include "proto/wire_words.h"

/* `text` is a piece of JSON that ends before the string, as a rule a comma and a name. */
static inline void put_named(
    struct sunder_json_out *out, const char *text, size_t len, struct sunder_str str)
{
    sunder_json_put(out, text, len);
    sunder_json_put_string(out, str);
}

static inline void put_optional(
    struct sunder_json_out *out, const char *text, size_t len, struct sunder_str str)
{
    if (str.len != 0) {
        put_named(out, text, len, str);
    }
}

/* The length of a literal is known when this is compiled, and its copy then is a few stores. */
#define PUT_NAMED(out, text, str) put_named((out), (text), sizeof(text) - 1, (str))
#define PUT_OPTIONAL(out, text, str) put_optional((out), (text), sizeof(text) - 1, (str))

static void put_digest(struct sunder_json_out *out, const struct sunder_digest *digest)
{
    char text[SUNDER_BASE64_DIGEST_CHARS + 2];
    text[0] = '"';
    sunder_base64url_encode(digest->bytes, sizeof(digest->bytes), text + 1);
    text[sizeof(text) - 1] = '"';
    sunder_json_put(out, text, sizeof(text));
}

static void put_items(struct sunder_json_out *out, struct sunder_strs strs)
{
    SUNDER_JSON_PUT(out, "[");
    for (uint32_t i = 0; i < strs.count; i++) {
        if (i != 0) {
            SUNDER_JSON_PUT(out, ",");
        }
        sunder_json_put_string(out, strs.at[i]);
    }
    SUNDER_JSON_PUT(out, "]");
}

static inline void put_list(
    struct sunder_json_out *out, const char *text, size_t len, struct sunder_strs strs)
{
    if (strs.count != 0) {
        sunder_json_put(out, text, len);
        put_items(out, strs);
    }
}

#define PUT_LIST(out, text, strs) put_list((out), (text), sizeof(text) - 1, (strs))

static void put_evidence(struct sunder_json_out *out, const struct sunder_reason *reason)
{
    for (uint32_t i = 0; i < reason->evidence_count; i++) {
        const struct sunder_evidence *evidence = &reason->evidence[i];
        if (i == 0) {
            SUNDER_JSON_PUT(out, ",\"evidence\":[{\"intent\":");
        } else {
            SUNDER_JSON_PUT(out, ",{\"intent\":");
        }
        sunder_json_put_string(out, evidence->intent);
        PUT_NAMED(out, ",\"agent\":", evidence->agent);
        PUT_NAMED(out, ",\"duty\":", evidence->duty);
        SUNDER_JSON_PUT(out, ",\"time\":");
        sunder_json_put_i64(out, evidence->time_ms);
        SUNDER_JSON_PUT(out, "}");
    }
    if (reason->evidence_count != 0) {
        SUNDER_JSON_PUT(out, "]");
    }
}

static void put_also(struct sunder_json_out *out, const struct sunder_reason *reason)
{
    for (uint32_t i = 0; i < reason->also_count; i++) {
        if (i == 0) {
            SUNDER_JSON_PUT(out, ",\"also\":[{");
        } else {
            SUNDER_JSON_PUT(out, ",{");
        }
        const struct sunder_pair *pair = &reason->also[i];
        PUT_OPTIONAL(out, "\"subject\":", pair->subject);
        if (pair->subject.len != 0 && pair->key.len != 0) {
            SUNDER_JSON_PUT(out, ",");
        }
        PUT_OPTIONAL(out, "\"key\":", pair->key);
        SUNDER_JSON_PUT(out, "}");
    }
    if (reason->also_count != 0) {
        SUNDER_JSON_PUT(out, "]");
    }
}

static void put_reason(struct sunder_json_out *out, const struct sunder_reason *reason)
{
    SUNDER_JSON_PUT(out, "{");
    if (reason->rule.len != 0) {
        PUT_NAMED(out, "\"rule\":", reason->rule);
        SUNDER_JSON_PUT(out, ",");
    }
    PUT_NAMED(out, "\"code\":", reason->code);
    PUT_NAMED(out, ",\"effect\":", SUNDER_WORDS_EFFECT[reason->effect]);
    if (reason->mode == SUNDER_MODE_SHADOW) {
        SUNDER_JSON_PUT(out, ",\"mode\":\"shadow\"");
    }
    PUT_OPTIONAL(out, ",\"field\":", reason->field);
    PUT_OPTIONAL(out, ",\"subject\":", reason->subject);
    PUT_OPTIONAL(out, ",\"key\":", reason->key);
    PUT_NAMED(out, ",\"message\":", reason->message);
    if (reason->has_count) {
        SUNDER_JSON_PUT(out, ",\"count\":");
        sunder_json_put_u64(out, reason->count);
    }
    PUT_OPTIONAL(out, ",\"value\":", reason->value);
    put_evidence(out, reason);
    put_also(out, reason);
    PUT_LIST(out, ",\"tags\":", reason->tags);
    SUNDER_JSON_PUT(out, "}");
}

static void put_reasons(
    struct sunder_json_out *out, const struct sunder_reason *reasons, uint32_t count)
{
    SUNDER_JSON_PUT(out, "[");
    for (uint32_t i = 0; i < count; i++) {
        if (i != 0) {
            SUNDER_JSON_PUT(out, ",");
        }
        put_reason(out, &reasons[i]);
    }
    SUNDER_JSON_PUT(out, "]");
}

static void put_wanted(struct sunder_json_out *out, const struct sunder_decision *decision)
{
    for (uint32_t i = 0; i < decision->wanted_count; i++) {
        const struct sunder_wanted *wanted = &decision->wanted[i];
        if (i == 0) {
            SUNDER_JSON_PUT(out, ",\"approvals\":[{\"rule\":");
        } else {
            SUNDER_JSON_PUT(out, ",{\"rule\":");
        }
        sunder_json_put_string(out, wanted->rule);
        SUNDER_JSON_PUT(out, ",\"count\":");
        sunder_json_put_u64(out, wanted->count);
        SUNDER_JSON_PUT(out, ",\"from\":");
        put_items(out, wanted->from);
        SUNDER_JSON_PUT(out, "}");
    }
    if (decision->wanted_count != 0) {
        SUNDER_JSON_PUT(out, "]");
    }
}

static void put_changes(struct sunder_json_out *out, const struct sunder_decision *decision)
{
    for (uint32_t i = 0; i < decision->would_allow_count; i++) {
        if (i == 0) {
            SUNDER_JSON_PUT(out, ",\"would_allow\":[{");
        } else {
            SUNDER_JSON_PUT(out, ",{");
        }
        PUT_NAMED(out, "\"kind\":", SUNDER_WORDS_CHANGE[decision->would_allow[i].kind]);
        PUT_NAMED(out, ",\"value\":", decision->would_allow[i].value);
        SUNDER_JSON_PUT(out, "}");
    }
    if (decision->would_allow_count != 0) {
        SUNDER_JSON_PUT(out, "]");
    }
}

static void put_findings(struct sunder_json_out *out, const struct sunder_decision *decision)
{
    for (uint32_t i = 0; i < decision->finding_count; i++) {
        const struct sunder_finding *finding = &decision->findings[i];
        if (i == 0) {
            SUNDER_JSON_PUT(out, ",\"findings\":[{\"code\":");
        } else {
            SUNDER_JSON_PUT(out, ",{\"code\":");
        }
        sunder_json_put_string(out, finding->code);
        PUT_OPTIONAL(out, ",\"field\":", finding->field);
        PUT_OPTIONAL(out, ",\"subject\":", finding->subject);
        PUT_OPTIONAL(out, ",\"intent\":", finding->intent);
        SUNDER_JSON_PUT(out, "}");
    }
    if (decision->finding_count != 0) {
        SUNDER_JSON_PUT(out, "]");
    }
}

/* A comma unless this is the first member of an object that began at `begin`. */
static void put_comma(struct sunder_json_out *out, const char *begin)
{
    if (out->at != begin) {
        SUNDER_JSON_PUT(out, ",");
    }
}

static void put_delegators(
    struct sunder_json_out *out, const struct sunder_decision *decision, const char *begin)
{
    bool any = false;
    for (uint32_t i = 0; i < decision->subject_count; i++) {
        const struct sunder_subject *subject = &decision->subjects[i];
        if (!sunder_wire_is_delegator(subject)) {
            continue;
        }
        if (any) {
            SUNDER_JSON_PUT(out, ",");
        } else {
            put_comma(out, begin);
            SUNDER_JSON_PUT(out, "\"delegators\":[");
        }
        any = true;
        sunder_json_put_string(out, subject->id);
    }
    if (any) {
        SUNDER_JSON_PUT(out, "]");
    }
}

static void put_subjects(struct sunder_json_out *out, const struct sunder_decision *decision)
{
    if (!sunder_wire_has_subjects(decision)) {
        return;
    }
    SUNDER_JSON_PUT(out, ",\"subjects\":{");
    const char *begin = out->at;
    PUT_OPTIONAL(out, "\"agent\":", decision->agent);
    put_delegators(out, decision, begin);
    if (decision->principal.len != 0) {
        put_comma(out, begin);
        PUT_NAMED(out, "\"principal\":", decision->principal);
    }
    if (decision->credential.len != 0) {
        put_comma(out, begin);
        PUT_NAMED(out, "\"credential\":", decision->credential);
    }
    SUNDER_JSON_PUT(out, "}");
}

static void put_amount(struct sunder_json_out *out, const struct sunder_amount *amount)
{
    char text[SUNDER_DECIMAL_TEXT_MAX];
    struct sunder_str plain = amount->plain;
    if (plain.at == NULL) {
        plain = (struct sunder_str){text, sunder_decimal_format(amount->micro, text)};
    }
    sunder_json_put_string(out, plain);
}

static void put_phases(struct sunder_json_out *out, uint32_t phases)
{
    const char *separator = ",\"phases\":[";
    for (uint32_t i = 0; i < 3; i++) {
        if ((phases & (1u << i)) != 0) {
            sunder_json_put(out, separator, strlen(separator));
            sunder_json_put_string(out, SUNDER_WORDS_PHASE[i]);
            separator = ",";
        }
    }
    if (phases != 0) {
        SUNDER_JSON_PUT(out, "]");
    }
}

static void put_measures(struct sunder_json_out *out, const struct sunder_decision *decision)
{
    for (uint32_t i = 0; i < decision->measure_count; i++) {
        if (i == 0) {
            SUNDER_JSON_PUT(out, ",\"measures\":{");
        } else {
            SUNDER_JSON_PUT(out, ",");
        }
        sunder_json_put_string(out, decision->measures[i].rule);
        PUT_NAMED(out, ":", decision->measures[i].text);
    }
    if (decision->measure_count != 0) {
        SUNDER_JSON_PUT(out, "}");
    }
}

static void put_rule_keys(struct sunder_json_out *out, const struct sunder_decision *decision)
{
    for (uint32_t i = 0; i < decision->rule_key_count; i++) {
        if (i == 0) {
            SUNDER_JSON_PUT(out, ",\"rule_keys\":{");
        } else {
            SUNDER_JSON_PUT(out, ",");
        }
        sunder_json_put_string(out, decision->rule_keys[i].rule);
        PUT_NAMED(out, ":", decision->rule_keys[i].key);
    }
    if (decision->rule_key_count != 0) {
        SUNDER_JSON_PUT(out, "}");
    }
}

/* The normalised intent. */
static void put_act(struct sunder_json_out *out, const struct sunder_decision *decision)
{
    put_subjects(out, decision);
    PUT_OPTIONAL(out, ",\"task\":", decision->task);
    PUT_OPTIONAL(out, ",\"purpose\":", decision->purpose);
    PUT_OPTIONAL(out, ",\"tool\":", decision->tool);
    PUT_OPTIONAL(out, ",\"action\":", decision->action);
    PUT_LIST(out, ",\"objects\":", decision->objects);
    PUT_LIST(out, ",\"cases\":", decision->cases);
    if (decision->amount.present && !decision->amount.range) {
        SUNDER_JSON_PUT(out, ",\"amount\":");
        put_amount(out, &decision->amount);
    }
    PUT_OPTIONAL(out, ",\"currency\":", decision->currency);
    if (decision->confidence.present && !decision->confidence.range) {
        SUNDER_JSON_PUT(out, ",\"confidence\":");
        put_amount(out, &decision->confidence);
    }
    PUT_LIST(out, ",\"labels\":", decision->labels);
    PUT_LIST(out, ",\"carries\":", decision->carries);
    PUT_LIST(out, ",\"claimed\":", decision->claimed);
    PUT_LIST(out, ",\"gains\":", decision->gains);
    PUT_LIST(out, ",\"parents\":", decision->parents);
    PUT_OPTIONAL(out, ",\"key\":", decision->idempotency_key);
    PUT_LIST(out, ",\"duties\":", decision->duties);
    put_phases(out, decision->phases);
    PUT_OPTIONAL(out, ",\"tier\":", SUNDER_WORDS_TIER[decision->tier]);
    if (!sunder_wire_digest_empty(&decision->digest)) {
        SUNDER_JSON_PUT(out, ",\"digest\":");
        put_digest(out, &decision->digest);
    }
    put_measures(out, decision);
    put_rule_keys(out, decision);
}

static void put_decision(struct sunder_wire_encoder *encoder,
    struct sunder_json_out *out,
    const struct sunder_decision *decision)
{
    PUT_NAMED(out, ",\"intent\":", decision->event);
    if (decision->attempt != 1 || encoder->first_form) {
        SUNDER_JSON_PUT(out, ",\"attempt\":");
        sunder_json_put_u64(out, decision->attempt);
    }
    PUT_NAMED(out, ",\"verdict\":", SUNDER_WORDS_VERDICT[decision->verdict]);
    if (decision->duplicate) {
        SUNDER_JSON_PUT(out, ",\"duplicate\":true");
        PUT_OPTIONAL(out, ",\"of\":", decision->of);
    }
    if (decision->would_be != SUNDER_VERDICT_NONE) {
        PUT_NAMED(out, ",\"scope\":", SUNDER_WORDS_SCOPE[decision->scope]);
        PUT_NAMED(out, ",\"would_be\":", SUNDER_WORDS_VERDICT[decision->would_be]);
    }
    if (decision->stage != 0 && decision->stage < SUNDER_WIRE_STAGE_LAST) {
        SUNDER_JSON_PUT(out, ",\"stage\":");
        sunder_json_put_u64(out, decision->stage);
    }
    if (decision->authority_open) {
        SUNDER_JSON_PUT(out, ",\"authority_open\":true");
    }
    SUNDER_JSON_PUT(out, ",\"reasons\":");
    put_reasons(out, decision->reasons, decision->reason_count);
    if (decision->shadow_count != 0) {
        SUNDER_JSON_PUT(out, ",\"shadow\":");
        put_reasons(out, decision->shadow, decision->shadow_count);
    }
    put_wanted(out, decision);
    put_findings(out, decision);
    put_changes(out, decision);
    put_act(out, decision);
}

/* A list that may be there and empty, which is not the same as absent: nobody, instead of anybody. */
static void put_given(
    struct sunder_json_out *out, const char *name, bool has, struct sunder_strs strs)
{
    if (has) {
        sunder_json_put(out, name, strlen(name));
        put_items(out, strs);
    }
}

static void put_expires(struct sunder_json_out *out, const struct sunder_decision *decision)
{
    if (decision->has_expires) {
        SUNDER_JSON_PUT(out, ",\"expires\":");
        sunder_json_put_i64(out, decision->expires_ms);
    }
}

static void put_task(struct sunder_json_out *out, const struct sunder_decision *decision)
{
    PUT_NAMED(out, ",\"task\":", decision->task);
    PUT_NAMED(out, ",\"state\":", SUNDER_WORDS_TASK_STATE[decision->task_state]);
    PUT_OPTIONAL(out, ",\"principal\":", decision->principal);
    PUT_OPTIONAL(out, ",\"purpose\":", decision->purpose);
    PUT_OPTIONAL(out, ",\"case\":", decision->case_id);
    put_given(out, ",\"duties\":", decision->has_duties, decision->duties);
    put_given(out, ",\"agents\":", decision->has_agents, decision->agents);
    put_expires(out, decision);
}

static void put_delegation(struct sunder_json_out *out, const struct sunder_decision *decision)
{
    PUT_NAMED(out, ",\"from\":", decision->from);
    PUT_NAMED(out, ",\"to\":", decision->to);
    put_given(out, ",\"duties\":", decision->has_duties, decision->duties);
    PUT_OPTIONAL(out, ",\"task\":", decision->task);
    put_expires(out, decision);
    if (decision->revoked) {
        SUNDER_JSON_PUT(out, ",\"revoked\":true");
    }
}

static void put_recorded(struct sunder_json_out *out, const struct sunder_decision *decision)
{
    PUT_NAMED(out, ",\"kind\":", SUNDER_WORDS_KIND[decision->kind]);
    PUT_OPTIONAL(out, ",\"event\":", decision->event);
    PUT_OPTIONAL(out, ",\"publisher\":", decision->publisher);
    if (decision->duplicate) {
        SUNDER_JSON_PUT(out, ",\"duplicate\":true");
    }
    put_findings(out, decision);
    switch (decision->kind) {
    case SUNDER_RECORD_OBSERVED:
        put_act(out, decision);
        break;
    case SUNDER_RECORD_OUTCOME:
        PUT_NAMED(out, ",\"intent\":", decision->intent);
        PUT_NAMED(out, ",\"result\":", SUNDER_WORDS_RESULT[decision->result]);
        PUT_NAMED(out, ",\"effect\":", SUNDER_WORDS_OUTCOME_EFFECT[decision->outcome_effect]);
        break;
    case SUNDER_RECORD_TASK:
        put_task(out, decision);
        break;
    case SUNDER_RECORD_DELEGATION:
        put_delegation(out, decision);
        break;
    case SUNDER_RECORD_CASE:
        PUT_OPTIONAL(out, ",\"case\":", decision->case_id);
        PUT_OPTIONAL(out, ",\"object\":", decision->object);
        break;
    case SUNDER_RECORD_CONTROL:
        PUT_NAMED(out, ",\"control\":", SUNDER_WORDS_CONTROL[decision->control]);
        PUT_NAMED(out, ",\"subject\":", decision->subject);
        break;
    case SUNDER_RECORD_DEAD_LETTER:
        PUT_NAMED(out, ",\"code\":", decision->code);
        PUT_OPTIONAL(out, ",\"field\":", decision->field);
        break;
    case SUNDER_RECORD_DECISION:
    case SUNDER_RECORD_REVOCATION:
    case SUNDER_RECORD_KIND_COUNT:
        SUNDER_MUST(decision->kind != SUNDER_RECORD_DECISION);
        break;
    }
}

static void put_revocation(struct sunder_json_out *out, const struct sunder_decision *decision)
{
    PUT_NAMED(out, ",\"subject\":", decision->subject);
    PUT_NAMED(out, ",\"cause\":", sunder_wire_cause(decision));
    PUT_NAMED(
        out, ",\"intent\":", decision->intent.at != NULL ? decision->intent : decision->event);
    SUNDER_JSON_PUT(out, ",\"reasons\":");
    put_reasons(out, decision->reasons, decision->reason_count);
}

static void put_trailer(struct sunder_wire_encoder *encoder,
    struct sunder_json_out *out,
    const struct sunder_decision *decision)
{
    if (memcmp(encoder->policy.bytes, decision->policy.bytes, sizeof(encoder->policy.bytes)) != 0) {
        encoder->policy = decision->policy;
        sunder_base64url_encode(
            encoder->policy.bytes, sizeof(encoder->policy.bytes), encoder->policy_text);
    }
    SUNDER_JSON_PUT(out, ",\"policy\":\"");
    sunder_json_put(out, encoder->policy_text, sizeof(encoder->policy_text));
    PUT_NAMED(out, "\",\"source\":{\"topic\":", decision->source.topic);
    SUNDER_JSON_PUT(out, ",\"partition\":");
    sunder_json_put_i64(out, decision->source.partition);
    SUNDER_JSON_PUT(out, ",\"offset\":");
    sunder_json_put_i64(out, decision->source.offset);
    SUNDER_JSON_PUT(out, ",\"timestamp\":");
    sunder_json_put_i64(out, decision->source.timestamp_ms);
    SUNDER_JSON_PUT(out, "}");
    if (decision->stream_time_ms != decision->source.timestamp_ms || encoder->first_form) {
        SUNDER_JSON_PUT(out, ",\"stream_time\":");
        sunder_json_put_i64(out, decision->stream_time_ms);
    }
    SUNDER_JSON_PUT(out, ",\"seq\":");
    sunder_json_put_u64(out, decision->seq);
    SUNDER_JSON_PUT(out, ",\"prev\":");
    put_digest(out, &decision->prev);
    PUT_NAMED(out, ",\"engine\":", decision->engine);
    SUNDER_JSON_PUT(out, "}}");
}

void sunder_wire_put_json(struct sunder_wire_encoder *encoder,
    struct sunder_json_out *out,
    const struct sunder_decision *decision,
    struct sunder_str id)
{
    PUT_NAMED(out, "{\"specversion\":\"1.0\",\"id\":", id);
    PUT_NAMED(out, ",\"source\":\"sunder\",\"type\":", sunder_words_type(decision->kind));
    SUNDER_JSON_PUT(out, ",\"data\":");
    char *data = out->at; /* Each member brings a comma; that of the first becomes the bracket. */
    if (encoder->first_form) {
        PUT_NAMED(out, ",\"id\":", id);
    }
    PUT_OPTIONAL(out, ",\"tenant\":", decision->tenant);
    if (!sunder_str_equal(decision->domain, decision->tenant)) {
        PUT_OPTIONAL(out, ",\"domain\":", decision->domain);
    }
    if (decision->kind == SUNDER_RECORD_DECISION) {
        put_decision(encoder, out, decision);
    } else if (decision->kind == SUNDER_RECORD_REVOCATION) {
        put_revocation(out, decision);
    } else {
        put_recorded(out, decision);
    }
    put_trailer(encoder, out, decision);
    if (!out->full) {
        *data = '{';
    }
}
