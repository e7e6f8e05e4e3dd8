#include "consumers/partition.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "consumers/partition_inside.h"
#include "engine/base/must.h"
#include "engine/base/text.h"

#define RECORD_BYTES_MAX                                                                           \
    (SUNDER_WIRE_RECORD_BYTES_MAX - 16384u) /* A message has a key, headers and a frame too. */
#define DEAD_LETTER_BYTES_MAX                                                                      \
    524288u /* Longer originals are cut to fit into a message; the digest is of all. */
#define DECIDE_BYTES                                                                               \
    (4u * 1024 *                                                                                   \
        1024) /* On top of what any event may take: the verdict must not depend on its size. */
/* Kept back while judging, since a record that was handed out must be written and folded. Folding holds one key at a time: its row,
 * at most SUNDER_ROW_VALUE_MAX, as read and as written, and as much again for what changes in it; beside that the act's own row and
 * the labels of the act and its three holders, of the same size. That is below 1 MiB (test_engine_cost). */
#define FOLD_BYTES (16u * 1024 * 1024)
#define ARENA_BYTES ((size_t)SUNDER_WIRE_ARENA_BYTES + DECIDE_BYTES + FOLD_BYTES)
#define ARENA_KEEP_BYTES (1u * 1024 * 1024) /* A rare giant gives its pages back. */

enum sunder_err partition_fail(
    struct sunder_fail *reterr_fail, enum sunder_err code, const char *format, ...)
{
    reterr_fail->code = code;
    reterr_fail->vendor = 0;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reterr_fail->text, sizeof reterr_fail->text, format, args);
    va_end(args);
    return code;
}

static enum sunder_err allocate(struct sunder_partition *partition)
{
    const struct sunder_partition_options *options = &partition->options;
    size_t topic_len = options->topic.len;
    partition->names = malloc(topic_len + options->cluster.len + 1);
    void *memory = mmap(NULL,
        ARENA_BYTES,
        PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
        -1,
        0);
    void *buffer = mmap(NULL,
        SUNDER_WIRE_RECORD_BYTES_MAX,
        PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
        -1,
        0);
    partition->arena = sunder_arena_of(
        memory == MAP_FAILED ? NULL : memory, memory == MAP_FAILED ? 0 : ARENA_BYTES);
    partition->buffer = buffer == MAP_FAILED ? NULL : buffer;
    if (partition->names == NULL || partition->arena.memory == NULL || partition->buffer == NULL ||
        !partition_seen_create(partition)) {
        return SUNDER_ERR_FULL;
    }
    memcpy(partition->names, options->topic.at, topic_len);
    partition->options.topic.at = partition->names;
    if (options->cluster.at != NULL) {
        memcpy(partition->names + topic_len, options->cluster.at, options->cluster.len);
        partition->options.cluster.at = partition->names + topic_len;
    }
    enum sunder_err err = sunder_wire_decoder_create(&partition->decoder);
    if (err == SUNDER_OK) {
        err = sunder_wire_encoder_create(
            options->protobuf ? SUNDER_WIRE_FORMAT_PROTOBUF : SUNDER_WIRE_FORMAT_JSON,
            &partition->encoder);
    }
    return err == SUNDER_OK ? sunder_sha256_create(&partition->sha256) : err;
}

enum sunder_err sunder_partition_open(const struct sunder_partition_options *options,
    struct sunder_partition **ret_partition,
    struct sunder_fail *reterr_fail)
{
    SUNDER_MUST(options->partition_count > 0);
    SUNDER_MUST(options->partition >= 0);
    struct sunder_partition *partition = calloc(1, sizeof *partition);
    if (partition == NULL) {
        return partition_fail(reterr_fail, SUNDER_ERR_FULL, "no memory for a partition");
    }
    partition->options = *options;
    enum sunder_err err = allocate(partition);
    if (err != SUNDER_OK) {
        (void)partition_fail(reterr_fail, err, "no memory for a partition");
    } else {
        err = partition_open_store(partition, reterr_fail);
    }
    if (err != SUNDER_OK) {
        sunder_partition_destroy(&partition, true);
        return err;
    }
    partition->last_source = partition->position.next_source - 1;
    partition->last_index = UINT32_MAX;
    partition->published = partition->position.next_source;
    *ret_partition = partition;
    return SUNDER_OK;
}

struct sunder_position sunder_partition_position(const struct sunder_partition *partition)
{
    return partition->position;
}

void partition_reset_arena(struct sunder_partition *partition)
{
    if (partition->arena.used > ARENA_KEEP_BYTES) {
        (void)madvise(partition->arena.memory + ARENA_KEEP_BYTES,
            partition->arena.size - ARENA_KEEP_BYTES,
            MADV_DONTNEED);
    }
    sunder_arena_reset(&partition->arena);
}

enum sunder_err partition_apply(
    struct sunder_partition *partition, const struct sunder_decision *record)
{
    enum sunder_err err = sunder_fold(
        partition->options.policy, &partition->view, &partition->rows, record, &partition->arena);
    if (err != SUNDER_OK) {
        return err;
    }
    partition->last_source = record->source.offset;
    partition->last_index = record->index;
    partition->position.next_source = record->source.offset + 1;
    return SUNDER_OK;
}

struct step {
    struct sunder_partition *partition;
    const struct sunder_record_in *in;
    const struct sunder_partition_sink *sink;
    struct sunder_fail *reterr_fail;
};

static enum sunder_err send_dead_letter(const struct step *step,
    struct sunder_str code,
    struct sunder_str field,
    struct sunder_str message)
{
    struct sunder_partition *partition = step->partition;
    struct sunder_str original = step->in->value.at == NULL ? SUNDER_STR("") : step->in->value;
    struct sunder_partition_dead_letter letter = {.code = code, .field = field, .message = message};
    enum sunder_err err = sunder_wire_redact(
        partition->decoder, &partition->arena, original, &letter.bytes, &letter.digest);
    if (err != SUNDER_OK || step->in->value.at == NULL) {
        letter.bytes = (struct sunder_str){0}; /* What cannot be redacted is not shown. */
        letter.digest = sunder_sha256_of(partition->sha256, original);
    }
    if (letter.bytes.len > DEAD_LETTER_BYTES_MAX) {
        letter.bytes.len = DEAD_LETTER_BYTES_MAX;
    }
    return step->sink->dead_letter(step->sink->ctx, step->in, &letter);
}

/* Whether the record is on the decisions topic from before; then it must be the same one. */
static enum sunder_err suppress(const struct step *step,
    const struct sunder_decision *record,
    const struct sunder_digest *digest,
    bool *ret_suppressed)
{
    struct tail *tail = &step->partition->tail;
    *ret_suppressed = false;
    if (!tail->there) {
        return SUNDER_OK;
    }
    bool before = record->source.offset < tail->source ||
                  (record->source.offset == tail->source && record->index < tail->index);
    bool last = record->source.offset == tail->source && record->index == tail->index;
    if (!before && (!last || memcmp(digest, &tail->digest, sizeof *digest) != 0)) {
        return partition_fail(step->reterr_fail,
            SUNDER_ERR_CORRUPT,
            "judging source offset %lld again gives another record than the one on the decisions "
            "topic: do all nodes run "
            "the same version and policy?",
            (long long)tail->source);
    }
    tail->there = before;
    *ret_suppressed = true;
    return SUNDER_OK;
}

static struct sunder_str subject_key(
    struct sunder_partition *partition, struct sunder_str tenant, struct sunder_str subject)
{
    return sunder_text(&partition->arena, tenant, SUNDER_STR("/"), subject);
}

/* Encodes one record, gives it to the sink, and moves the chain on. */
static enum sunder_err emit(const struct step *step, struct sunder_decision *record)
{
    struct sunder_partition *partition = step->partition;
    record->seq = partition->position.next_seq;
    record->prev = partition->position.head;
    size_t len = 0;
    enum sunder_err err = sunder_wire_encode_record(
        partition->encoder, record, partition->buffer, RECORD_BYTES_MAX, &len);
    if (err != SUNDER_OK) {
        return err;
    }
    struct sunder_str bytes = {partition->buffer, (uint32_t)len};
    struct sunder_digest digest = sunder_sha256_of(partition->sha256, bytes);
    bool suppressed = false;
    err = suppress(step, record, &digest, &suppressed);
    if (err == SUNDER_OK && !suppressed) {
        err = step->sink->record(step->sink->ctx, record, bytes);
    }
    if (err == SUNDER_OK && record->kind == SUNDER_RECORD_REVOCATION) {
        struct sunder_str key = subject_key(partition, record->tenant, record->subject);
        err =
            key.at == NULL ? SUNDER_ERR_FULL : step->sink->revocation(step->sink->ctx, key, bytes);
    }
    if (err == SUNDER_OK) {
        partition->position.next_seq++;
        partition->position.head = digest;
    }
    return err;
}

void partition_keep_back(struct sunder_partition *partition, bool keep)
{
    partition->arena.size = keep ? ARENA_BYTES - FOLD_BYTES : ARENA_BYTES;
}

enum sunder_err partition_decide(struct sunder_partition *partition,
    const struct sunder_event *event,
    struct sunder_outputs *ret_outputs)
{
    partition_keep_back(partition, true);
    enum sunder_err err = sunder_decide(
        partition->options.policy, &partition->view, event, &partition->arena, ret_outputs);
    partition_keep_back(partition, false);
    if (err == SUNDER_ERR_FULL) {
        partition_answer_full(partition, event, ret_outputs);
        err = SUNDER_OK;
    }
    return err;
}

void partition_answer_full(struct sunder_partition *partition,
    const struct sunder_event *event,
    struct sunder_outputs *ret_outputs)
{
    struct sunder_decision *record = &partition->full;
    struct sunder_reason *reason = &partition->full_reason;
    bool intent = event->kind == SUNDER_EVENT_INTENT;
    *record = (struct sunder_decision){
        .kind = intent ? SUNDER_RECORD_DECISION : SUNDER_RECORD_DEAD_LETTER,
        .source = event->at,
        .stream_time_ms = event->at.timestamp_ms,
        .policy = partition->options.policy->digest,
        .engine = SUNDER_STR(SUNDER_ENGINE_VERSION),
        .event = event->id,
        .code = SUNDER_STR("limit_reached"),
    };
    *reason = (struct sunder_reason){
        .code = SUNDER_STR("limit_reached"),
        .message =
            SUNDER_STR("judging this event needs more memory than a node gives to one event"),
        .effect = SUNDER_EFFECT_DENY,
        .stage = 1,
    };
    if (intent) {
        record->code = (struct sunder_str){0};
        record->verdict = SUNDER_VERDICT_DENY;
        record->attempt = 1;
        record->stage = 1;
        record->reasons = reason;
        record->reason_count = 1;
    } else {
        record->publisher = event->source;
    }
    *ret_outputs = (struct sunder_outputs){
        .records = record,
        .count = 1,
        .dead_letter = true,
        .code = reason->code,
        .message = reason->message,
    };
}

/* S2: a copied kind goes round all partitions, each of which passes it on when it was new there. */
static enum sunder_err pass_on(const struct step *step, const struct sunder_outputs *outputs)
{
    const struct sunder_partition_options *options = &step->partition->options;
    if (outputs->count == 0 || outputs->records[0].kind == SUNDER_RECORD_DEAD_LETTER ||
        outputs->records[0].duplicate || options->partition_count == 1 ||
        options->decide_anywhere) {
        return SUNDER_OK;
    }
    int32_t to = (int32_t)(((uint32_t)options->partition + 1) % options->partition_count);
    return step->sink->forward(step->sink->ctx, step->in, to);
}

static enum sunder_err publish(
    const struct step *step, const struct sunder_event *event, struct sunder_outputs *outputs)
{
    for (uint32_t i = 0; i < outputs->count; i++) {
        enum sunder_err err = emit(step, &outputs->records[i]);
        if (err == SUNDER_ERR_FULL && i == 0) {
            partition_answer_full(step->partition, event, outputs);
            err = emit(step, &outputs->records[0]);
        }
        if (err != SUNDER_OK) {
            return err;
        }
    }
    if (outputs->released.at != NULL && outputs->count > 0) {
        struct sunder_str key =
            subject_key(step->partition, outputs->records[0].tenant, outputs->released);
        enum sunder_err err =
            key.at == NULL ? SUNDER_ERR_FULL
                           : step->sink->revocation(step->sink->ctx, key, (struct sunder_str){0});
        if (err != SUNDER_OK) {
            return err;
        }
    }
    if (outputs->dead_letter) {
        enum sunder_err err =
            send_dead_letter(step, outputs->code, outputs->field, outputs->message);
        if (err != SUNDER_OK) {
            return err;
        }
    }
    for (uint32_t i = 0; i < outputs->count; i++) {
        enum sunder_err err = partition_apply(step->partition, &outputs->records[i]);
        if (err != SUNDER_OK) {
            return err;
        }
    }
    return SUNDER_OK;
}

static enum sunder_err judge(
    const struct step *step, const struct sunder_event *event, bool everywhere)
{
    struct sunder_partition *partition = step->partition;
    struct sunder_outputs outputs = {0};
    enum sunder_err err = partition_decide(partition, event, &outputs);
    if (err != SUNDER_OK) {
        return err;
    }
    err = publish(step, event, &outputs);
    return err == SUNDER_OK && everywhere ? pass_on(step, &outputs) : err;
}

static enum sunder_err step_event(const struct step *step)
{
    struct sunder_partition *partition = step->partition;
    struct sunder_wire_record record = {
        .value = step->in->value,
        .headers = step->in->headers,
        .header_count = step->in->header_count,
        .at = {partition->options.topic,
            partition->options.partition,
            step->in->offset,
            step->in->timestamp_ms},
    };
    struct sunder_event *event = SUNDER_ARENA_NEW(&partition->arena, struct sunder_event, 1);
    struct sunder_wire_problem problem = {0};
    SUNDER_MUST(event != NULL); /* The arena is empty and large. */
    enum sunder_err err =
        sunder_wire_decode_event(partition->decoder, &partition->arena, &record, event, &problem);
    if (err != SUNDER_OK) {
        return send_dead_letter(step, problem.code, problem.field, problem.text);
    }
    if (partition->options.decide_anywhere) {
        return judge(step, event, false);
    }
    int32_t home = 0;
    switch (sunder_home(partition->options.policy,
        event,
        partition->options.partition_count,
        &partition->arena,
        &home)) {
    case SUNDER_HOME_KNOWN:
        if (home != partition->options.partition) {
            return step->sink->forward(step->sink->ctx, step->in, home);
        }
        return judge(step, event, false);
    case SUNDER_HOME_UNREADABLE:
        return judge(step, event, false);
    case SUNDER_HOME_EVERY:
        return judge(step, event, true);
    }
    return SUNDER_ERR_CORRUPT;
}

enum sunder_err sunder_partition_step(struct sunder_partition *partition,
    const struct sunder_record_in *in,
    const struct sunder_partition_sink *sink,
    struct sunder_fail *reterr_fail)
{
    if (in->offset < partition->position.next_source) {
        return SUNDER_OK;
    }
    if (partition->tail.there && in->offset > partition->tail.source) {
        return partition_fail(reterr_fail,
            SUNDER_ERR_CORRUPT,
            "the decisions topic has a record for source offset %lld, which judging again does not "
            "give",
            (long long)partition->tail.source);
    }
    partition_reset_arena(partition);
    *reterr_fail = (struct sunder_fail){0};
    struct step step = {partition, in, sink, reterr_fail};
    enum sunder_err err = step_event(&step);
    if (err != SUNDER_OK) {
        if (reterr_fail->code == SUNDER_OK) {
            (void)partition_fail(reterr_fail,
                err,
                "judging source offset %lld: %s",
                (long long)in->offset,
                sunder_err_text(err));
        }
        return err;
    }
    partition->position.next_source = in->offset + 1;
    partition->last_source = in->offset;
    partition->last_index = UINT32_MAX;
    return SUNDER_OK;
}

void sunder_partition_destroy(struct sunder_partition **partition_at, bool discard)
{
    struct sunder_partition *partition = *partition_at;
    if (partition == NULL) {
        return;
    }
    *partition_at = NULL;
    if (partition->store != NULL && !discard) {
        struct sunder_fail fail = {0};
        enum sunder_err err = sunder_store_close(&partition->store, &fail);
        (void)err; /* Then the next open folds a little more from the log. */
    }
    sunder_store_destroy(&partition->store);
    sunder_wire_decoder_destroy(&partition->decoder);
    sunder_wire_encoder_destroy(&partition->encoder);
    sunder_sha256_destroy(&partition->sha256);
    if (partition->arena.memory != NULL) {
        SUNDER_ARENA_GIVE(
            partition->arena.memory, ARENA_BYTES); /* To whoever has these addresses next. */
        (void)munmap(partition->arena.memory, ARENA_BYTES);
    }
    if (partition->buffer != NULL) {
        (void)munmap(partition->buffer, SUNDER_WIRE_RECORD_BYTES_MAX);
    }
    partition_seen_destroy(partition);
    free(partition->names);
    free(partition);
}
