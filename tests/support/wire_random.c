#include "tests/support/wire_random.h"

#include "engine/base/decimal.h"
#include "proto/wire_encode.h"
#include "tests/support/random.h"
#include "tests/support/test.h"

enum {
    ITEMS_MAX = 4,
    TEXT_MAX = 40
};

static bool chance(uint64_t *seed, uint32_t one_in)
{
    return test_random_below(seed, one_in) == 0;
}

struct sunder_str test_random_text(
    uint64_t *seed, struct sunder_arena *arena, uint32_t len_max, bool hard)
{
    static const char *const pieces[] = {"\"",
        "\\",
        "\n",
        "\t",
        "\x01",
        "\x1f",
        "\x7f",
        "\xc3\xa9",
        "\xe2\x82\xac",
        "\xf0\x9f\x98\x80",
        "\xef\xbf\xbf",
        "/",
        "'",
        "</"};
    uint32_t len = 1 + test_random_below(seed, len_max);
    char *at = sunder_arena_alloc_raw(arena, len, 1);
    assert_non_null(at);
    for (uint32_t i = 0; i < len; i++) {
        at[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._:-@"
            [test_random_below(seed, 68)];
    }
    if (hard && chance(seed, 3)) {
        const char *piece = pieces[test_random_below(seed, sizeof(pieces) / sizeof(pieces[0]))];
        uint32_t piece_len = (uint32_t)strlen(piece);
        if (piece_len <= len) {
            memcpy(at + test_random_below(seed, len - piece_len + 1), piece, piece_len);
        }
    }
    if (hard && chance(seed, 20)) {
        at[len - 1] = '\0';
        if (len > 1 && (at[len - 2] & 0x80) != 0) {
            at[len - 1] = 'x'; /* Not into the middle of a character. */
            memset(at, 'y', len);
        }
    }
    return (struct sunder_str){at, len};
}

struct source {
    uint64_t *seed;
    struct sunder_arena *arena;
    bool hard;
};

static struct sunder_str text(struct source *source)
{
    return test_random_text(source->seed, source->arena, TEXT_MAX, source->hard);
}

static struct sunder_str maybe(struct source *source)
{
    return chance(source->seed, 2) ? text(source) : (struct sunder_str){0};
}

static uint32_t some(struct source *source)
{
    return chance(source->seed, 2) ? 0 : 1 + test_random_below(source->seed, ITEMS_MAX);
}

static struct sunder_strs texts(struct source *source)
{
    uint32_t count = some(source);
    struct sunder_str *at = SUNDER_ARENA_NEW(source->arena, struct sunder_str, count);
    for (uint32_t i = 0; i < count; i++) {
        at[i] = text(source);
    }
    return (struct sunder_strs){count == 0 ? NULL : at, count};
}

static int64_t whole(struct source *source)
{
    uint64_t value = test_random(source->seed) >> test_random_below(source->seed, 64);
    return chance(source->seed, 4) ? (int64_t)(0 - (value >> 1)) : (int64_t)(value >> 1);
}

static struct sunder_digest digest(struct source *source)
{
    struct sunder_digest made;
    for (size_t i = 0; i < sizeof(made.bytes); i++) {
        made.bytes[i] = (uint8_t)test_random(source->seed);
    }
    return made;
}

static struct sunder_amount amount(struct source *source)
{
    if (chance(source->seed, 2)) {
        return (struct sunder_amount){0};
    }
    int64_t micro = whole(source);
    char buf[SUNDER_DECIMAL_TEXT_MAX];
    struct sunder_str plain = {buf, sunder_decimal_format(micro, buf)};
    return (struct sunder_amount){
        .present = true, .micro = micro, .plain = sunder_str_copy(source->arena, plain)};
}

static struct sunder_reason reason(struct source *source, bool shadow, uint8_t stage)
{
    struct sunder_reason made = {.rule = maybe(source),
        .code = text(source),
        .field = maybe(source),
        .subject = maybe(source),
        .key = maybe(source),
        .message = text(source),
        .value = maybe(source),
        .effect = (enum sunder_effect)test_random_below(source->seed, 4),
        .mode = shadow ? SUNDER_MODE_SHADOW : SUNDER_MODE_ENFORCE,
        .stage = stage,
        .has_count = chance(source->seed, 2),
        .evidence_count = some(source),
        .also_count = some(source),
        .tags = texts(source)};
    if (made.has_count) {
        made.count = test_random(source->seed) >> test_random_below(source->seed, 64);
    }
    struct sunder_evidence *evidence =
        SUNDER_ARENA_NEW(source->arena, struct sunder_evidence, made.evidence_count);
    for (uint32_t i = 0; i < made.evidence_count; i++) {
        evidence[i] =
            (struct sunder_evidence){text(source), text(source), text(source), whole(source)};
    }
    struct sunder_pair *also = SUNDER_ARENA_NEW(source->arena, struct sunder_pair, made.also_count);
    for (uint32_t i = 0; i < made.also_count; i++) {
        also[i] = (struct sunder_pair){maybe(source), maybe(source)};
    }
    made.evidence = evidence;
    made.also = also;
    return made;
}

static const struct sunder_reason *reasons(
    struct source *source, bool shadow, uint8_t stage, uint32_t count)
{
    struct sunder_reason *made = SUNDER_ARENA_NEW(source->arena, struct sunder_reason, count);
    for (uint32_t i = 0; i < count; i++) {
        made[i] = reason(source, shadow, stage);
    }
    return made;
}

static void fill_findings(struct source *source, struct sunder_decision *decision)
{
    decision->finding_count = some(source);
    struct sunder_finding *findings =
        SUNDER_ARENA_NEW(source->arena, struct sunder_finding, decision->finding_count);
    for (uint32_t i = 0; i < decision->finding_count; i++) {
        findings[i] =
            (struct sunder_finding){text(source), maybe(source), maybe(source), maybe(source)};
    }
    decision->findings = findings;
}

static void add_subject(
    struct sunder_subject *subjects, uint32_t *count, struct sunder_str id, uint32_t role)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (sunder_str_equal(subjects[i].id, id)) {
            subjects[i].roles |= role;
            return;
        }
    }
    if (id.at != NULL) {
        subjects[*count] = (struct sunder_subject){id, role};
        *count += 1;
    }
}

static void fill_subjects(struct source *source, struct sunder_decision *decision)
{
    struct sunder_subject *subjects =
        SUNDER_ARENA_NEW(source->arena, struct sunder_subject, ITEMS_MAX + 3);
    decision->agent = text(source);
    decision->principal = chance(source->seed, 4) ? decision->agent : maybe(source);
    decision->credential = chance(source->seed, 4) ? decision->principal : maybe(source);
    add_subject(subjects, &decision->subject_count, decision->agent, SUNDER_ROLE_AGENT);
    for (uint32_t i = some(source); i > 0; i--) {
        struct sunder_str id = text(source);
        bool named =
            sunder_str_equal(id, decision->agent) || sunder_str_equal(id, decision->principal);
        if (!named) {
            add_subject(subjects, &decision->subject_count, id, SUNDER_ROLE_DELEGATOR);
        }
    }
    add_subject(subjects, &decision->subject_count, decision->principal, SUNDER_ROLE_PRINCIPAL);
    add_subject(subjects, &decision->subject_count, decision->credential, SUNDER_ROLE_CREDENTIAL);
    decision->subjects = subjects;
}

/* Rules named r0, r1 ...: in byte order, none twice. */
static struct sunder_str rule_name(struct source *source, uint32_t index)
{
    char name[] = {'r', (char)('0' + index), '\0'};
    return sunder_str_copy(source->arena, sunder_str_of(name));
}

static void fill_act(struct source *source, struct sunder_decision *decision)
{
    fill_subjects(source, decision);
    decision->task = maybe(source);
    decision->purpose = maybe(source);
    decision->tool = maybe(source);
    decision->action = maybe(source);
    decision->objects = texts(source);
    decision->cases = texts(source);
    decision->amount = amount(source);
    decision->currency = maybe(source);
    decision->confidence = amount(source);
    decision->labels = texts(source);
    decision->carries = texts(source);
    decision->claimed = texts(source);
    decision->gains = texts(source);
    decision->parents = texts(source);
    decision->idempotency_key = maybe(source);
    decision->duties = texts(source);
    decision->phases = test_random_below(source->seed, 8);
    decision->tier = (enum sunder_tier)test_random_below(source->seed, 4);
    if (chance(source->seed, 2)) {
        decision->digest = digest(source);
    }
    decision->measure_count = some(source);
    struct sunder_measure *measures =
        SUNDER_ARENA_NEW(source->arena, struct sunder_measure, decision->measure_count);
    for (uint32_t i = 0; i < decision->measure_count; i++) {
        measures[i] = (struct sunder_measure){rule_name(source, i), text(source)};
    }
    decision->measures = measures;
    decision->rule_key_count = some(source);
    struct sunder_rule_key *keys =
        SUNDER_ARENA_NEW(source->arena, struct sunder_rule_key, decision->rule_key_count);
    for (uint32_t i = 0; i < decision->rule_key_count; i++) {
        keys[i] = (struct sunder_rule_key){rule_name(source, i), text(source)};
    }
    decision->rule_keys = keys;
}

static void fill_decision(struct source *source, struct sunder_decision *decision)
{
    decision->verdict = (enum sunder_verdict)(1 + test_random_below(source->seed, 3));
    decision->attempt = 1 + test_random_below(source->seed, 4);
    decision->stage = (uint8_t)(1 + test_random_below(source->seed, 8));
    decision->duplicate = chance(source->seed, 4);
    if (decision->duplicate) {
        decision->of = maybe(source);
    }
    if (chance(source->seed, 4)) {
        decision->scope = (enum sunder_scope_mode)(1 + test_random_below(source->seed, 3));
        decision->would_be = (enum sunder_verdict)(1 + test_random_below(source->seed, 3));
    }
    decision->reason_count = some(source);
    decision->reasons = reasons(source, false, decision->stage, decision->reason_count);
    decision->shadow_count = some(source);
    decision->shadow = reasons(source, true, decision->stage, decision->shadow_count);
    decision->wanted_count = some(source);
    struct sunder_wanted *wanted =
        SUNDER_ARENA_NEW(source->arena, struct sunder_wanted, decision->wanted_count);
    for (uint32_t i = 0; i < decision->wanted_count; i++) {
        wanted[i] =
            (struct sunder_wanted){text(source), test_random_below(source->seed, 9), texts(source)};
    }
    decision->wanted = wanted;
    fill_findings(source, decision);
    decision->would_allow_count = some(source);
    struct sunder_change *changes =
        SUNDER_ARENA_NEW(source->arena, struct sunder_change, decision->would_allow_count);
    for (uint32_t i = 0; i < decision->would_allow_count; i++) {
        changes[i] = (struct sunder_change){
            (enum sunder_change_kind)test_random_below(source->seed, 5), text(source)};
    }
    decision->would_allow = changes;
    fill_act(source, decision);
}

static void fill_given(struct source *source, struct sunder_decision *decision)
{
    decision->has_duties = chance(source->seed, 2);
    if (decision->has_duties) {
        decision->duties = texts(source);
    }
    decision->has_expires = chance(source->seed, 2);
    if (decision->has_expires) {
        decision->expires_ms = whole(source);
    }
}

static void fill_task(struct source *source, struct sunder_decision *decision)
{
    decision->task = text(source);
    decision->task_state = (enum sunder_task_state)(1 + test_random_below(source->seed, 4));
    decision->principal = maybe(source);
    decision->purpose = maybe(source);
    decision->case_id = maybe(source);
    fill_given(source, decision);
    decision->has_agents = chance(source->seed, 2);
    if (decision->has_agents) {
        decision->agents = texts(source);
    }
}

static void fill_recorded(struct source *source, struct sunder_decision *decision)
{
    decision->publisher = maybe(source);
    decision->duplicate = chance(source->seed, 4);
    fill_findings(source, decision);
    switch (decision->kind) {
    case SUNDER_RECORD_OBSERVED:
        fill_act(source, decision);
        break;
    case SUNDER_RECORD_OUTCOME:
        decision->intent = text(source);
        decision->result = (enum sunder_outcome_result)(1 + test_random_below(source->seed, 3));
        decision->outcome_effect = (enum sunder_outcome_effect)test_random_below(source->seed, 5);
        break;
    case SUNDER_RECORD_TASK:
        fill_task(source, decision);
        break;
    case SUNDER_RECORD_DELEGATION:
        decision->from = text(source);
        decision->to = text(source);
        decision->task = maybe(source);
        decision->revoked = chance(source->seed, 3);
        fill_given(source, decision);
        break;
    case SUNDER_RECORD_CASE:
        if (chance(source->seed, 2)) {
            decision->case_id = text(source);
        } else {
            decision->object = text(source);
        }
        break;
    case SUNDER_RECORD_CONTROL:
        decision->control =
            chance(source->seed, 2) ? SUNDER_CONTROL_QUARANTINE : SUNDER_CONTROL_RELEASE;
        decision->subject = text(source);
        break;
    case SUNDER_RECORD_DEAD_LETTER:
        decision->code = text(source);
        decision->field = maybe(source);
        break;
    case SUNDER_RECORD_DECISION:
    case SUNDER_RECORD_REVOCATION:
    case SUNDER_RECORD_KIND_COUNT:
        fail();
        break;
    }
}

struct sunder_decision test_random_decision(
    uint64_t *seed, struct sunder_arena *arena, enum sunder_record_kind kind)
{
    struct source source = {seed, arena, !chance(seed, 3)};
    struct sunder_decision decision = {.kind = kind,
        .index = chance(seed, 2) ? 0 : test_random_below(seed, 2000),
        .source = {SUNDER_STR("sunder.intents"),
            (int32_t)(test_random(seed) >> 33),
            whole(&source),
            whole(&source)},
        .stream_time_ms = whole(&source),
        .policy = digest(&source),
        .engine = SUNDER_STR("0.1.0"),
        .seq = test_random(seed) >> test_random_below(seed, 64),
        .prev = digest(&source)};
    decision.tenant = maybe(&source);
    decision.domain =
        decision.tenant.at == NULL || chance(seed, 2) ? decision.tenant : text(&source);
    if (kind == SUNDER_RECORD_REVOCATION) {
        decision.subject = text(&source);
        decision.intent = text(&source);
        decision.event = decision.intent;
        decision.reason_count = 1;
        decision.reasons = reasons(&source, false, SUNDER_WIRE_STAGE_LAST, 1);
        return decision;
    }
    decision.event = text(&source);
    if (kind == SUNDER_RECORD_DECISION) {
        fill_decision(&source, &decision);
    } else {
        fill_recorded(&source, &decision);
    }
    return decision;
}

void test_assert_same_text(struct sunder_str a, struct sunder_str b)
{
    assert_int_equal(a.at == NULL, b.at == NULL);
    test_assert_str(a, b, __FILE__, __LINE__);
}

void test_assert_same_texts(struct sunder_strs a, struct sunder_strs b)
{
    assert_int_equal(a.count, b.count);
    for (uint32_t i = 0; i < a.count; i++) {
        test_assert_same_text(a.at[i], b.at[i]);
    }
}

static void same_reasons(
    const struct sunder_reason *a, const struct sunder_reason *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        test_assert_same_text(a[i].rule, b[i].rule);
        test_assert_same_text(a[i].code, b[i].code);
        test_assert_same_text(a[i].field, b[i].field);
        test_assert_same_text(a[i].subject, b[i].subject);
        test_assert_same_text(a[i].key, b[i].key);
        test_assert_same_text(a[i].message, b[i].message);
        test_assert_same_text(a[i].value, b[i].value);
        assert_int_equal(a[i].effect, b[i].effect);
        assert_int_equal(a[i].mode, b[i].mode);
        assert_int_equal(a[i].stage, b[i].stage);
        assert_int_equal(a[i].has_count, b[i].has_count);
        assert_true(a[i].count == b[i].count);
        test_assert_same_texts(a[i].tags, b[i].tags);
        assert_int_equal(a[i].evidence_count, b[i].evidence_count);
        for (uint32_t k = 0; k < a[i].evidence_count; k++) {
            test_assert_same_text(a[i].evidence[k].intent, b[i].evidence[k].intent);
            test_assert_same_text(a[i].evidence[k].agent, b[i].evidence[k].agent);
            test_assert_same_text(a[i].evidence[k].duty, b[i].evidence[k].duty);
            assert_true(a[i].evidence[k].time_ms == b[i].evidence[k].time_ms);
        }
        assert_int_equal(a[i].also_count, b[i].also_count);
        for (uint32_t k = 0; k < a[i].also_count; k++) {
            test_assert_same_text(a[i].also[k].subject, b[i].also[k].subject);
            test_assert_same_text(a[i].also[k].key, b[i].also[k].key);
        }
    }
}

static void same_amount(struct sunder_amount a, struct sunder_amount b)
{
    assert_int_equal(a.present, b.present);
    assert_int_equal(a.range, b.range);
    assert_true(a.micro == b.micro);
    test_assert_same_text(a.plain, b.plain);
}

static void same_act(const struct sunder_decision *a, const struct sunder_decision *b)
{
    assert_int_equal(a->subject_count, b->subject_count);
    for (uint32_t i = 0; i < a->subject_count; i++) {
        test_assert_same_text(a->subjects[i].id, b->subjects[i].id);
        assert_int_equal(a->subjects[i].roles, b->subjects[i].roles);
    }
    test_assert_same_text(a->agent, b->agent);
    test_assert_same_text(a->credential, b->credential);
    test_assert_same_text(a->tool, b->tool);
    test_assert_same_text(a->action, b->action);
    test_assert_same_texts(a->objects, b->objects);
    test_assert_same_texts(a->cases, b->cases);
    same_amount(a->amount, b->amount);
    test_assert_same_text(a->currency, b->currency);
    same_amount(a->confidence, b->confidence);
    test_assert_same_texts(a->labels, b->labels);
    test_assert_same_texts(a->carries, b->carries);
    test_assert_same_texts(a->claimed, b->claimed);
    test_assert_same_texts(a->gains, b->gains);
    test_assert_same_texts(a->parents, b->parents);
    test_assert_same_text(a->idempotency_key, b->idempotency_key);
    assert_int_equal(a->phases, b->phases);
    assert_int_equal(a->tier, b->tier);
    assert_memory_equal(a->digest.bytes, b->digest.bytes, sizeof(a->digest.bytes));
    assert_int_equal(a->measure_count, b->measure_count);
    for (uint32_t i = 0; i < a->measure_count; i++) {
        test_assert_same_text(a->measures[i].rule, b->measures[i].rule);
        test_assert_same_text(a->measures[i].text, b->measures[i].text);
    }
    assert_int_equal(a->rule_key_count, b->rule_key_count);
    for (uint32_t i = 0; i < a->rule_key_count; i++) {
        test_assert_same_text(a->rule_keys[i].rule, b->rule_keys[i].rule);
        test_assert_same_text(a->rule_keys[i].key, b->rule_keys[i].key);
    }
}

static void same_lists(const struct sunder_decision *a, const struct sunder_decision *b)
{
    assert_int_equal(a->reason_count, b->reason_count);
    same_reasons(a->reasons, b->reasons, a->reason_count);
    assert_int_equal(a->shadow_count, b->shadow_count);
    same_reasons(a->shadow, b->shadow, a->shadow_count);
    assert_int_equal(a->wanted_count, b->wanted_count);
    for (uint32_t i = 0; i < a->wanted_count; i++) {
        test_assert_same_text(a->wanted[i].rule, b->wanted[i].rule);
        assert_int_equal(a->wanted[i].count, b->wanted[i].count);
        test_assert_same_texts(a->wanted[i].from, b->wanted[i].from);
    }
    assert_int_equal(a->finding_count, b->finding_count);
    for (uint32_t i = 0; i < a->finding_count; i++) {
        test_assert_same_text(a->findings[i].code, b->findings[i].code);
        test_assert_same_text(a->findings[i].field, b->findings[i].field);
        test_assert_same_text(a->findings[i].subject, b->findings[i].subject);
        test_assert_same_text(a->findings[i].intent, b->findings[i].intent);
    }
    assert_int_equal(a->would_allow_count, b->would_allow_count);
    for (uint32_t i = 0; i < a->would_allow_count; i++) {
        assert_int_equal(a->would_allow[i].kind, b->would_allow[i].kind);
        test_assert_same_text(a->would_allow[i].value, b->would_allow[i].value);
    }
    test_assert_same_texts(a->duties, b->duties);
    test_assert_same_texts(a->agents, b->agents);
}

void test_assert_decisions_equal(const struct sunder_decision *a, const struct sunder_decision *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->index, b->index);
    test_assert_same_text(a->source.topic, b->source.topic);
    assert_int_equal(a->source.partition, b->source.partition);
    assert_true(a->source.offset == b->source.offset);
    assert_true(a->source.timestamp_ms == b->source.timestamp_ms);
    assert_true(a->stream_time_ms == b->stream_time_ms);
    assert_true(a->seq == b->seq);
    assert_memory_equal(a->policy.bytes, b->policy.bytes, sizeof(a->policy.bytes));
    assert_memory_equal(a->prev.bytes, b->prev.bytes, sizeof(a->prev.bytes));
    const struct sunder_str texts_a[] = {a->tenant,
        a->domain,
        a->engine,
        a->event,
        a->publisher,
        a->of,
        a->principal,
        a->task,
        a->purpose,
        a->intent,
        a->case_id,
        a->from,
        a->to,
        a->object,
        a->subject,
        a->code,
        a->field};
    const struct sunder_str texts_b[] = {b->tenant,
        b->domain,
        b->engine,
        b->event,
        b->publisher,
        b->of,
        b->principal,
        b->task,
        b->purpose,
        b->intent,
        b->case_id,
        b->from,
        b->to,
        b->object,
        b->subject,
        b->code,
        b->field};
    for (size_t i = 0; i < sizeof(texts_a) / sizeof(texts_a[0]); i++) {
        test_assert_same_text(texts_a[i], texts_b[i]);
    }
    assert_int_equal(a->verdict, b->verdict);
    assert_int_equal(a->attempt, b->attempt);
    assert_int_equal(a->scope, b->scope);
    assert_int_equal(a->would_be, b->would_be);
    assert_int_equal(a->authority_open, b->authority_open);
    assert_int_equal(a->stage, b->stage);
    assert_int_equal(a->duplicate, b->duplicate);
    assert_int_equal(a->result, b->result);
    assert_int_equal(a->outcome_effect, b->outcome_effect);
    assert_int_equal(a->task_state, b->task_state);
    assert_int_equal(a->has_duties, b->has_duties);
    assert_int_equal(a->has_agents, b->has_agents);
    assert_int_equal(a->has_expires, b->has_expires);
    assert_true(a->expires_ms == b->expires_ms);
    assert_int_equal(a->revoked, b->revoked);
    assert_int_equal(a->control, b->control);
    same_lists(a, b);
    same_act(a, b);
}
