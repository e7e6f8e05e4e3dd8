#include "proto/wire_rebuild.h"

#include "engine/base/decimal.h"

static void add_subject(
    struct sunder_subject *subjects, uint32_t *count, struct sunder_str id, enum sunder_role role)
{
    if (id.len == 0) {
        return;
    }
    for (uint32_t i = 0; i < *count; i++) {
        if (sunder_str_equal(subjects[i].id, id)) {
            subjects[i].roles |= (uint32_t)role;
            return;
        }
    }
    subjects[*count] = (struct sunder_subject){id, (uint32_t)role};
    *count += 1;
}

void sunder_wire_make_subjects(
    struct sunder_arena *arena, struct sunder_strs delegators, struct sunder_decision *decision)
{
    struct sunder_subject *subjects =
        SUNDER_ARENA_NEW(arena, struct sunder_subject, (size_t)delegators.count + 3);
    if (subjects == NULL) {
        return;
    }
    uint32_t count = 0;
    add_subject(subjects, &count, decision->agent, SUNDER_ROLE_AGENT);
    for (uint32_t i = 0; i < delegators.count; i++) {
        add_subject(subjects, &count, delegators.at[i], SUNDER_ROLE_DELEGATOR);
    }
    add_subject(subjects, &count, decision->principal, SUNDER_ROLE_PRINCIPAL);
    add_subject(subjects, &count, decision->credential, SUNDER_ROLE_CREDENTIAL);
    decision->subjects = subjects;
    decision->subject_count = count;
}

bool sunder_wire_make_amount(struct sunder_str plain, struct sunder_amount *ret_amount)
{
    int64_t micro = 0;
    if (sunder_decimal_parse(plain, &micro) != SUNDER_OK) {
        return false;
    }
    char buf[SUNDER_DECIMAL_TEXT_MAX];
    struct sunder_str shortest = {buf, sunder_decimal_format(micro, buf)};
    if (!sunder_str_equal(shortest, plain)) {
        return false;
    }
    *ret_amount = (struct sunder_amount){.present = true, .micro = micro, .plain = plain};
    return true;
}

uint8_t sunder_wire_reason_stage(uint8_t record_stage, bool shadow, struct sunder_str code)
{
    enum {
        STAGE_CONTEXT = 6
    };
    bool context = shadow && sunder_str_equal(code, SUNDER_STR("context_missing"));
    return context ? STAGE_CONTEXT : record_stage;
}
