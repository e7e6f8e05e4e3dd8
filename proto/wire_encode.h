/* What the two forms of a record share. */
#pragma once

#include "proto/json_write.h"
#include "proto/protobuf_write.h"
#include "proto/wire.h"

/* The stage of a judgement that nothing ended; it is not written. */
#define SUNDER_WIRE_STAGE_LAST 8

/* policy, policy_text  the last policy digest and its base64url: it hardly ever changes */
/* first_form  as records were written at first: with the id inside the data once more, attempts of 1, and a stream time that is the
 *             record's own; only to see whether a record that was read is one */
struct sunder_wire_encoder {
    enum sunder_wire_format format;
    bool first_form;
    struct sunder_digest policy;
    char policy_text[43];
};

static inline bool sunder_wire_is_delegator(const struct sunder_subject *subject)
{
    const uint32_t named = SUNDER_ROLE_AGENT | SUNDER_ROLE_PRINCIPAL;
    return (subject->roles & SUNDER_ROLE_DELEGATOR) != 0 && (subject->roles & named) == 0;
}

static inline bool sunder_wire_has_subjects(const struct sunder_decision *decision)
{
    bool delegators = false;
    for (uint32_t i = 0; i < decision->subject_count; i++) {
        delegators |= sunder_wire_is_delegator(&decision->subjects[i]);
    }
    return delegators || decision->agent.len != 0 || decision->principal.len != 0 ||
           decision->credential.len != 0;
}

static inline bool sunder_wire_digest_empty(const struct sunder_digest *digest)
{
    static const struct sunder_digest none;
    return memcmp(digest->bytes, none.bytes, sizeof(none.bytes)) == 0;
}

/* What a revocation comes from: a rule, or a quarantine. */
static inline struct sunder_str sunder_wire_cause(const struct sunder_decision *decision)
{
    bool quarantine = decision->reason_count != 0 &&
                      sunder_str_equal(decision->reasons[0].code, SUNDER_STR("quarantined"));
    return quarantine ? SUNDER_STR("quarantine") : SUNDER_STR("rule");
}

/* The type of the Any that holds a record in protobuf. */
#define SUNDER_WIRE_RECORD_URL "type.googleapis.com/dev.sunder.v1.Record"

/* The topic of Kafka's longest name, two 64-bit and one 32-bit number. */
#define SUNDER_WIRE_TOPIC_MAX 249
#define SUNDER_WIRE_ID_MAX (SUNDER_WIRE_TOPIC_MAX + 54)

/* Writes the id of a record into `buf` of SUNDER_WIRE_ID_MAX bytes; absent when the topic is longer than Kafka allows. */
struct sunder_str sunder_wire_write_id(
    const struct sunder_source *source, uint32_t index, char *buf);

/* The two forms. Whether everything fitted stands in `out`. */
void sunder_wire_put_json(struct sunder_wire_encoder *encoder,
    struct sunder_json_out *out,
    const struct sunder_decision *decision,
    struct sunder_str id);
void sunder_wire_put_protobuf(const struct sunder_wire_encoder *encoder,
    struct sunder_protobuf_out *out,
    const struct sunder_decision *decision,
    struct sunder_str id);
