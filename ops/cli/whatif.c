#include "ops/cli/whatif.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/must.h"
#include "ops/cli/lines.h"
#include "ops/cli/replay.h"

struct engine {
    const struct sunder_policy *policy;
    struct sunder_partition **partitions;
    uint32_t at; /* Where it judges the event under way. */
};

/* A line that is decoded.
 * text  what it was; absent: nothing is */
struct decoded {
    struct sunder_wire_line line;
    struct sunder_str text;
    void *memory;
    struct sunder_arena arena;
    enum sunder_err err;
};

/* decoded  the line under way is `now` of them, the other one that which follows, if that is known */
struct sunder_whatif {
    struct sunder_whatif_options options;
    struct engine engines[SUNDER_WHATIF_POLICIES_MAX];
    struct sunder_whatif_answer answers[SUNDER_WHATIF_POLICIES_MAX];
    struct sunder_wire_decoder *decoder;
    struct decoded decoded[2];
    uint32_t now;
    struct sunder_whatif_counts counts;
};

/* Where an event lies, and whether its position is its own there. */
struct place {
    uint32_t lies;
    int64_t offset;
    int64_t timestamp_ms;
};

static enum sunder_err failed(
    struct sunder_fail *reterr_fail, enum sunder_err code, const char *text)
{
    *reterr_fail = (struct sunder_fail){.code = code};
    snprintf(reterr_fail->text, sizeof(reterr_fail->text), "%s", text);
    return code;
}

static enum sunder_err engine_open(
    struct sunder_whatif *whatif, uint32_t which, struct sunder_fail *reterr_fail)
{
    struct engine *engine = &whatif->engines[which];
    uint32_t count = whatif->options.partitions;
    engine->policy = whatif->options.policies[which];
    engine->partitions = calloc(count, sizeof(struct sunder_partition *));
    if (engine->partitions == NULL) {
        return failed(reterr_fail, SUNDER_ERR_FULL, "no memory");
    }
    for (uint32_t i = 0; i < count; i++) {
        struct sunder_partition_options of = {
            .policy = engine->policy,
            .topic = SUNDER_STR(SUNDER_REPLAY_TOPIC),
            .partition = (int32_t)i,
            .partition_count = count,
            .decide_anywhere = true,
        };
        enum sunder_err err = sunder_partition_open(&of, &engine->partitions[i], reterr_fail);
        if (err != SUNDER_OK) {
            return err;
        }
    }
    return SUNDER_OK;
}

enum sunder_err sunder_whatif_open(const struct sunder_whatif_options *options,
    struct sunder_whatif **ret_whatif,
    struct sunder_fail *reterr_fail)
{
    SUNDER_MUST(options->partitions >= 1 && options->partitions <= SUNDER_REPLAY_PARTITIONS_MAX);
    SUNDER_MUST(options->policy_count >= 1 && options->policy_count <= SUNDER_WHATIF_POLICIES_MAX);
    struct sunder_whatif *whatif = calloc(1, sizeof(*whatif));
    if (whatif == NULL) {
        return failed(reterr_fail, SUNDER_ERR_FULL, "no memory");
    }
    whatif->options = *options;
    enum sunder_err err = sunder_wire_decoder_create(&whatif->decoder);
    for (uint32_t i = 0; i < 2 && err == SUNDER_OK; i++) {
        struct decoded *decoded = &whatif->decoded[i];
        decoded->memory = malloc(SUNDER_WIRE_ARENA_BYTES);
        err = decoded->memory == NULL ? SUNDER_ERR_FULL : SUNDER_OK;
        decoded->arena = sunder_arena_of(decoded->memory, SUNDER_WIRE_ARENA_BYTES);
    }
    if (err != SUNDER_OK) {
        failed(reterr_fail, err, "no memory");
    }
    for (uint32_t i = 0; i < options->policy_count && err == SUNDER_OK; i++) {
        err = engine_open(whatif, i, reterr_fail);
    }
    if (err != SUNDER_OK) {
        sunder_whatif_destroy(&whatif);
        return err;
    }
    *ret_whatif = whatif;
    return SUNDER_OK;
}

/* The event's position in partition `at`: its own where it lies and that is not behind what was judged already, else the next. */
static void event_place(
    struct engine *engine, uint32_t at, const struct place *place, struct sunder_event *event)
{
    int64_t next = sunder_partition_position(engine->partitions[at]).next_source;
    bool own = at == place->lies && place->offset >= next;
    event->at = (struct sunder_source){.topic = SUNDER_STR(SUNDER_REPLAY_TOPIC),
        .partition = (int32_t)at,
        .offset = own ? place->offset : next,
        .timestamp_ms = place->timestamp_ms};
}

/* On a real topic the event would go round: every other partition judges it too, unless it is a dead letter. */
static enum sunder_err round_go(struct engine *engine,
    uint32_t partitions,
    const struct place *place,
    struct sunder_event *event,
    struct sunder_fail *reterr_fail)
{
    enum sunder_err err = SUNDER_OK;
    for (uint32_t i = 0; i < partitions && err == SUNDER_OK; i++) {
        if (i == place->lies) {
            continue;
        }
        struct sunder_outputs outputs = {0};
        event_place(engine, i, place, event);
        err = sunder_partition_judge(engine->partitions[i], event, &outputs, reterr_fail);
        if (err == SUNDER_OK) {
            err = sunder_partition_settle(engine->partitions[i], event, &outputs, reterr_fail);
        }
    }
    return err;
}

static enum sunder_home_kind home_find(struct sunder_whatif *whatif,
    struct engine *engine,
    const struct place *place,
    const struct sunder_event *event)
{
    engine->at = place->lies;
    if (whatif->options.partitions == 1) {
        return SUNDER_HOME_KNOWN;
    }
    int32_t home = 0;
    enum sunder_home_kind kind = sunder_home(engine->policy,
        event,
        whatif->options.partitions,
        &whatif->decoded[whatif->now].arena,
        &home);
    if (kind == SUNDER_HOME_KNOWN) {
        engine->at = (uint32_t)home;
    }
    return kind;
}

static enum sunder_err judge_all(struct sunder_whatif *whatif,
    const struct place *place,
    struct sunder_event *event,
    bool *ret_skipped,
    struct sunder_fail *reterr_fail)
{
    *ret_skipped = false;
    for (uint32_t i = 0; i < whatif->options.policy_count; i++) {
        struct engine *engine = &whatif->engines[i];
        (void)home_find(whatif, engine, place, event);
        if (i == 0 && whatif->options.only_home && engine->at != place->lies) {
            *ret_skipped = true;
            return SUNDER_OK;
        }
        event_place(engine, engine->at, place, event);
        struct sunder_whatif_answer *answer = &whatif->answers[i];
        answer->at = event->at;
        enum sunder_err err = sunder_partition_judge(
            engine->partitions[engine->at], event, &answer->outputs, reterr_fail);
        if (err != SUNDER_OK) {
            return err;
        }
    }
    return SUNDER_OK;
}

static enum sunder_err settle_all(struct sunder_whatif *whatif,
    const struct place *place,
    struct sunder_event *event,
    struct sunder_fail *reterr_fail)
{
    for (uint32_t i = 0; i < whatif->options.policy_count; i++) {
        struct engine *engine = &whatif->engines[i];
        const struct sunder_whatif_answer *answer = &whatif->answers[i];
        event->at = answer->at;
        enum sunder_err err = sunder_partition_settle(
            engine->partitions[engine->at], event, &answer->outputs, reterr_fail);
        bool goes_round = err == SUNDER_OK && !answer->outputs.dead_letter &&
                          !whatif->options.only_home && whatif->options.partitions > 1 &&
                          home_find(whatif, engine, place, event) == SUNDER_HOME_EVERY;
        if (goes_round) {
            err = round_go(engine, whatif->options.partitions, place, event, reterr_fail);
        }
        if (err != SUNDER_OK) {
            return err;
        }
    }
    return SUNDER_OK;
}

static enum sunder_err event_take(struct sunder_whatif *whatif,
    const struct place *place,
    struct sunder_event *event,
    struct sunder_fail *reterr_fail)
{
    bool skipped = false;
    enum sunder_err err = judge_all(whatif, place, event, &skipped, reterr_fail);
    if (err != SUNDER_OK || skipped) {
        whatif->counts.skipped += skipped;
        return err;
    }
    if (whatif->options.visit != NULL) {
        whatif->options.visit(whatif->options.visit_ctx, event, whatif->answers);
    }
    return settle_all(whatif, place, event, reterr_fail);
}

/* What is no event takes its place on the log all the same. */
static enum sunder_err malformed_take(
    struct sunder_whatif *whatif, const struct place *place, struct sunder_fail *reterr_fail)
{
    static const struct sunder_outputs NOTHING = {0};
    struct sunder_event *event = &whatif->decoded[whatif->now].line.event;
    whatif->counts.malformed += 1;
    enum sunder_err err = SUNDER_OK;
    for (uint32_t i = 0; i < whatif->options.policy_count && err == SUNDER_OK; i++) {
        struct engine *engine = &whatif->engines[i];
        event_place(engine, place->lies, place, event);
        err =
            sunder_partition_settle(engine->partitions[place->lies], event, &NOTHING, reterr_fail);
    }
    return err;
}

static void line_decode(
    struct sunder_whatif *whatif, struct decoded *decoded, struct sunder_str line)
{
    sunder_arena_reset(&decoded->arena);
    decoded->text = line;
    decoded->err = sunder_wire_decode_line(whatif->decoder, &decoded->arena, line, &decoded->line);
}

/* Decodes the line that comes next, and says so to those who will judge it: while they judge the one before, what they need for it
 * comes into the caches. */
static void look_ahead(struct sunder_whatif *whatif, struct sunder_str next)
{
    struct decoded *ahead = &whatif->decoded[1 - whatif->now];
    line_decode(whatif, ahead, next);
    bool one = whatif->options.partitions == 1; /* Else its home would be looked for twice. */
    for (uint32_t i = 0; i < whatif->options.policy_count && one && ahead->err == SUNDER_OK; i++) {
        sunder_partition_expect(whatif->engines[i].partitions[0], &ahead->line.event);
    }
}

/* The line is decoded already when it was the next one before. */
static struct decoded *line_take(
    struct sunder_whatif *whatif, struct sunder_str line, struct sunder_str next)
{
    struct decoded *ahead = &whatif->decoded[1 - whatif->now];
    if (ahead->text.at != NULL) {
        SUNDER_MUST(ahead->text.at == line.at);
        SUNDER_MUST(ahead->text.len == line.len);
        whatif->now = 1 - whatif->now;
    } else {
        line_decode(whatif, &whatif->decoded[whatif->now], line);
    }
    struct decoded *decoded = &whatif->decoded[whatif->now];
    decoded->text = (struct sunder_str){0};
    if (next.at != NULL && !sunder_line_blank(next)) {
        look_ahead(whatif, next);
    }
    return decoded;
}

enum sunder_err sunder_whatif_line(struct sunder_whatif *whatif,
    struct sunder_str line,
    struct sunder_str next,
    struct sunder_fail *reterr_fail)
{
    if (sunder_line_blank(line)) {
        return SUNDER_OK;
    }
    uint64_t number = whatif->counts.events++;
    struct decoded *decoded = line_take(whatif, line, next);
    const struct sunder_wire_position *at = &decoded->line.position;
    if (at->partition >= (int32_t)whatif->options.partitions) {
        char text[128];
        snprintf(text,
            sizeof(text),
            "line %" PRIu64 ": sunderpartition is %" PRId32 ", but there are only %" PRIu32
            " (--partitions)",
            number,
            at->partition,
            whatif->options.partitions);
        return failed(reterr_fail, SUNDER_ERR_INVALID, text);
    }
    const struct place place = {.lies = (uint32_t)at->partition,
        .offset = at->has_offset ? at->offset : (int64_t)number,
        .timestamp_ms = at->timestamp_ms};
    if (decoded->err != SUNDER_OK) {
        return malformed_take(whatif, &place, reterr_fail);
    }
    return event_take(whatif, &place, &decoded->line.event, reterr_fail);
}

enum sunder_err sunder_whatif_record(struct sunder_whatif *whatif,
    const struct sunder_record_in *in,
    int32_t partition,
    struct sunder_fail *reterr_fail)
{
    struct decoded *decoded = &whatif->decoded[whatif->now];
    whatif->counts.events += 1;
    sunder_arena_reset(&decoded->arena);
    const struct sunder_wire_record record = {
        .value = in->value, .headers = in->headers, .header_count = in->header_count};
    const struct place place = {
        .lies = (uint32_t)partition, .offset = in->offset, .timestamp_ms = in->timestamp_ms};
    if (sunder_wire_decode_event(whatif->decoder,
            &decoded->arena,
            &record,
            &decoded->line.event,
            &decoded->line.problem) != SUNDER_OK) {
        return malformed_take(whatif, &place, reterr_fail);
    }
    return event_take(whatif, &place, &decoded->line.event, reterr_fail);
}

struct sunder_whatif_counts sunder_whatif_counts(const struct sunder_whatif *whatif)
{
    return whatif->counts;
}

struct sunder_partition *sunder_whatif_partition(struct sunder_whatif *whatif, uint32_t which)
{
    SUNDER_MUST(which < whatif->options.policy_count);
    return whatif->engines[which].partitions[whatif->engines[which].at];
}

void sunder_whatif_destroy(struct sunder_whatif **whatif)
{
    if (whatif == NULL || *whatif == NULL) {
        return;
    }
    struct sunder_whatif *it = *whatif;
    for (uint32_t which = 0; which < SUNDER_WHATIF_POLICIES_MAX; which++) {
        struct engine *engine = &it->engines[which];
        for (uint32_t i = 0; engine->partitions != NULL && i < it->options.partitions; i++) {
            sunder_partition_destroy(&engine->partitions[i], true);
        }
        free(engine->partitions);
    }
    sunder_wire_decoder_destroy(&it->decoder);
    free(it->decoded[0].memory);
    free(it->decoded[1].memory);
    free(it);
    *whatif = NULL;
}
