#include "ops/cli/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/must.h"
#include "ops/cli/cli_json.h"
#include "proto/base64.h"
#include "proto/wire.h"

#define TEND_EVERY 1024 /* Lines between two looks at the memory table of the state. */

struct sunder_replay {
    struct sunder_replay_options options;
    struct sunder_partition **partitions;
    uint64_t *written; /* Records per partition: where its decisions topic would end. */
    struct sunder_wire_decoder *decoder;
    void *memory;
    struct sunder_arena arena;
    struct sunder_replay_counts counts;
    int32_t current; /* Partition of the step under way. */
    bool broken;     /* A step failed: what the partitions hold is not known. */
};

static enum sunder_err failed(
    struct sunder_fail *reterr_fail, enum sunder_err code, const char *format, uint64_t line)
{
    reterr_fail->code = code;
    reterr_fail->vendor = errno;
    snprintf(reterr_fail->text, sizeof(reterr_fail->text), "line %" PRIu64 ": %s", line, format);
    return code;
}

static enum sunder_err text_write(FILE *out, struct sunder_str bytes)
{
    bool written = fwrite(bytes.at, 1, bytes.len, out) == bytes.len && fputc('\n', out) != EOF;
    return written ? SUNDER_OK : SUNDER_ERR_IO;
}

static void record_count(struct sunder_replay_counts *counts, const struct sunder_decision *record)
{
    if (record->kind == SUNDER_RECORD_REVOCATION) {
        counts->revocations += 1;
    } else if (record->kind != SUNDER_RECORD_DECISION) {
        counts->recorded += 1;
    } else if (record->verdict == SUNDER_VERDICT_ALLOW) {
        counts->allowed += 1;
        counts->watched += record->would_be != SUNDER_VERDICT_NONE;
    } else if (record->verdict == SUNDER_VERDICT_ESCALATE) {
        counts->escalated += 1;
    } else {
        counts->denied += 1;
    }
}

static enum sunder_err on_record(
    void *ctx, const struct sunder_decision *decision, struct sunder_str bytes)
{
    struct sunder_replay *replay = ctx;
    record_count(&replay->counts, decision);
    replay->written[replay->current] += 1;
    if (replay->options.record != NULL) {
        replay->options.record(replay->options.record_ctx, decision, bytes);
    }
    return replay->options.out == NULL ? SUNDER_OK : text_write(replay->options.out, bytes);
}

/* The record on the decisions says the same; the compacted topic has no place in a file. */
static enum sunder_err on_revocation(void *ctx, struct sunder_str key, struct sunder_str value)
{
    (void)ctx;
    (void)key;
    (void)value;
    return SUNDER_OK;
}

static enum sunder_err on_forward(void *ctx, const struct sunder_record_in *in, int32_t to)
{
    (void)ctx;
    (void)in;
    (void)to;
    SUNDER_MUST(false && "a partition that decides anywhere forwards nothing");
    return SUNDER_ERR_IO;
}

static enum sunder_err on_dead_letter(
    void *ctx, const struct sunder_record_in *in, const struct sunder_partition_dead_letter *letter)
{
    struct sunder_replay *replay = ctx;
    replay->counts.dead_letters += 1;
    if (replay->options.dead_letter != NULL) {
        replay->options.dead_letter(replay->options.record_ctx, letter);
    }
    FILE *out = replay->options.dead_letters;
    if (out == NULL) {
        return SUNDER_OK;
    }
    char digest[SUNDER_BASE64_DIGEST_CHARS];
    sunder_base64url_encode(letter->digest.bytes, sizeof letter->digest.bytes, digest);
    fprintf(out,
        "{\"source\":{\"topic\":\"" SUNDER_REPLAY_TOPIC "\",\"partition\":%" PRId32
        ",\"offset\":%" PRId64 ",\"timestamp\":%" PRId64 "},\"code\":",
        replay->current,
        in->offset,
        in->timestamp_ms);
    sunder_cli_json_string(out, letter->code);
    if (letter->field.at != NULL) {
        fputs(",\"field\":", out);
        sunder_cli_json_string(out, letter->field);
    }
    fputs(",\"message\":", out);
    char line[32];
    int len = snprintf(line, sizeof(line), "line %" PRIu64 ": ", replay->counts.read);
    sunder_cli_json_strings(out, (struct sunder_str){line, (uint32_t)len}, letter->message);
    fprintf(out, ",\"sha256\":\"%.*s\"}\n", SUNDER_BASE64_DIGEST_CHARS, digest);
    return ferror(out) != 0 ? SUNDER_ERR_IO : SUNDER_OK;
}

static enum sunder_err partitions_open(
    struct sunder_replay *replay, struct sunder_fail *reterr_fail)
{
    const struct sunder_replay_options *options = &replay->options;
    for (uint32_t i = 0; i < options->partitions; i++) {
        char directory[4096];
        if (options->state_directory != NULL) {
            int len =
                snprintf(directory, sizeof(directory), "%s/%" PRIu32, options->state_directory, i);
            if (len < 0 || (size_t)len >= sizeof(directory)) {
                errno = ENAMETOOLONG;
                return failed(
                    reterr_fail, SUNDER_ERR_INVALID, "the state directory's name is too long", 0);
            }
        }
        struct sunder_partition_options of = {
            .policy = options->policy,
            .topic = SUNDER_STR(SUNDER_REPLAY_TOPIC),
            .partition = (int32_t)i,
            .partition_count = options->partitions,
            .directory = options->state_directory != NULL ? directory : NULL,
            .decide_anywhere = true,
        };
        enum sunder_err err = sunder_partition_open(&of, &replay->partitions[i], reterr_fail);
        if (err != SUNDER_OK) {
            return err;
        }
    }
    return SUNDER_OK;
}

static enum sunder_err parts_create(struct sunder_replay *replay)
{
    replay->partitions = calloc(replay->options.partitions, sizeof(struct sunder_partition *));
    replay->written = calloc(replay->options.partitions, sizeof(uint64_t));
    replay->memory = malloc(SUNDER_WIRE_ARENA_BYTES);
    if (replay->partitions == NULL || replay->written == NULL || replay->memory == NULL) {
        return SUNDER_ERR_FULL;
    }
    replay->arena = sunder_arena_of(replay->memory, SUNDER_WIRE_ARENA_BYTES);
    return sunder_wire_decoder_create(&replay->decoder);
}

enum sunder_err sunder_replay_open(const struct sunder_replay_options *options,
    struct sunder_replay **ret_replay,
    struct sunder_fail *reterr_fail)
{
    SUNDER_MUST(options->partitions >= 1 && options->partitions <= SUNDER_REPLAY_PARTITIONS_MAX);
    if (options->state_directory != NULL && mkdir(options->state_directory, 0777) != 0 &&
        errno != EEXIST) {
        reterr_fail->code = SUNDER_ERR_IO;
        reterr_fail->vendor = errno;
        snprintf(reterr_fail->text,
            sizeof(reterr_fail->text),
            "%.160s: %s",
            options->state_directory,
            strerror(errno));
        return SUNDER_ERR_IO;
    }
    struct sunder_replay *replay = calloc(1, sizeof(*replay));
    if (replay == NULL) {
        return failed(reterr_fail, SUNDER_ERR_FULL, "no memory", 0);
    }
    replay->options = *options;
    enum sunder_err err = parts_create(replay);
    if (err != SUNDER_OK) {
        failed(reterr_fail, err, "no memory", 0);
    } else {
        err = partitions_open(replay, reterr_fail);
    }
    if (err != SUNDER_OK) {
        sunder_replay_destroy(&replay);
        return err;
    }
    *ret_replay = replay;
    return SUNDER_OK;
}

/* Judges the record in partition `at`. Its position there is its own offset when that is `own` and not behind what was
 * judged already, else the next one. */
static enum sunder_err step_at(struct sunder_replay *replay,
    uint32_t at,
    struct sunder_record_in in,
    bool own,
    struct sunder_fail *reterr_fail)
{
    static const struct sunder_partition_sink SINK = {.record = on_record,
        .revocation = on_revocation,
        .forward = on_forward,
        .dead_letter = on_dead_letter};
    struct sunder_partition_sink sink = SINK;
    sink.ctx = replay;
    struct sunder_partition *partition = replay->partitions[at];
    int64_t next = sunder_partition_position(partition).next_source;
    if (!own || in.offset < next) {
        in.offset = next;
    }
    replay->current = (int32_t)at;
    enum sunder_err err = sunder_partition_step(partition, &in, &sink, reterr_fail);
    replay->broken = replay->broken || err != SUNDER_OK;
    return err;
}

static enum sunder_err tend_all(struct sunder_replay *replay, struct sunder_fail *reterr_fail)
{
    for (uint32_t i = 0; i < replay->options.partitions; i++) {
        struct sunder_partition *partition = replay->partitions[i];
        sunder_partition_published(partition,
            sunder_partition_position(partition).next_source,
            (int64_t)replay->written[i]);
        enum sunder_err err = sunder_partition_tend(partition, false, reterr_fail);
        if (err == SUNDER_ERR_RETRY) { /* Its writer is behind: wait for it. */
            err = sunder_partition_sync(partition, reterr_fail);
        }
        if (err != SUNDER_OK) {
            return err;
        }
    }
    return SUNDER_OK;
}

/* Where a record goes: its home, every partition, or where it lies. */
static enum sunder_home_kind home_find(struct sunder_replay *replay,
    const struct sunder_record_in *in,
    int32_t lies,
    int32_t *ret_home)
{
    *ret_home = lies;
    if (replay->options.partitions == 1) {
        *ret_home = 0;
        return SUNDER_HOME_KNOWN;
    }
    sunder_arena_reset(&replay->arena);
    struct sunder_event event = {0};
    struct sunder_wire_problem problem;
    struct sunder_wire_record record = {
        .value = in->value,
        .headers = in->headers,
        .header_count = in->header_count,
        .at = {.topic = SUNDER_STR(SUNDER_REPLAY_TOPIC),
            .partition = lies,
            .offset = in->offset,
            .timestamp_ms = in->timestamp_ms},
    };
    if (sunder_wire_decode_event(replay->decoder, &replay->arena, &record, &event, &problem) !=
        SUNDER_OK) {
        return SUNDER_HOME_UNREADABLE;
    }
    return sunder_home(
        replay->options.policy, &event, replay->options.partitions, &replay->arena, ret_home);
}

static enum sunder_err route(struct sunder_replay *replay,
    const struct sunder_record_in *in,
    int32_t lies,
    struct sunder_fail *reterr_fail)
{
    int32_t home = lies;
    enum sunder_home_kind kind = home_find(replay, in, lies, &home);
    if (kind == SUNDER_HOME_KNOWN && home != lies && replay->options.only_home) {
        replay->counts.skipped += 1;
        return SUNDER_OK;
    }
    if (kind != SUNDER_HOME_EVERY || replay->options.only_home) {
        return step_at(replay, (uint32_t)home, *in, home == lies, reterr_fail);
    }
    /* As on a real topic, where the event goes round from where it lies: a dead letter goes nowhere. */
    uint64_t dead_letters = replay->counts.dead_letters;
    enum sunder_err err = step_at(replay, (uint32_t)lies, *in, true, reterr_fail);
    bool dead = replay->counts.dead_letters != dead_letters;
    for (uint32_t i = 0; i < replay->options.partitions && err == SUNDER_OK && !dead; i++) {
        if ((int32_t)i != lies) {
            err = step_at(replay, i, *in, false, reterr_fail);
        }
    }
    return err;
}

enum sunder_err sunder_replay_line(
    struct sunder_replay *replay, struct sunder_str line, struct sunder_fail *reterr_fail)
{
    replay->counts.read += 1;
    if (sunder_line_blank(line)) {
        return SUNDER_OK;
    }
    uint64_t number = replay->counts.lines++;
    struct sunder_wire_position place = {0};
    sunder_arena_reset(&replay->arena);
    if (sunder_wire_read_position(replay->decoder, &replay->arena, line, &place) != SUNDER_OK) {
        place = (struct sunder_wire_position){0}; /* Its dead letter stands at the line's number. */
    }
    if (place.partition >= (int32_t)replay->options.partitions) {
        char text[96];
        snprintf(text,
            sizeof(text),
            "sunderpartition is %" PRId32 ", but there are only %" PRIu32 " (--partitions)",
            place.partition,
            replay->options.partitions);
        return failed(reterr_fail, SUNDER_ERR_INVALID, text, replay->counts.read);
    }
    /* Without it, a line that does not begin with a brace would be taken for protobuf. */
    const struct sunder_wire_header type = {
        SUNDER_STR("content-type"), SUNDER_STR(SUNDER_WIRE_TYPE_JSON)};
    struct sunder_record_in in = {
        .value = line,
        .headers = &type,
        .header_count = 1,
        .offset = place.has_offset ? place.offset : (int64_t)number,
        .timestamp_ms = place.timestamp_ms,
    };
    uint64_t dead_letters = replay->counts.dead_letters;
    enum sunder_err err = route(replay, &in, place.partition, reterr_fail);
    replay->counts.timeless += !place.has_timestamp && replay->counts.dead_letters == dead_letters;
    if (err == SUNDER_OK && replay->options.state_directory != NULL &&
        number % TEND_EVERY == TEND_EVERY - 1) {
        err = tend_all(replay, reterr_fail);
    }
    return err;
}

enum sunder_err sunder_replay_finish(struct sunder_replay *replay, struct sunder_fail *reterr_fail)
{
    if (replay->options.state_directory == NULL) {
        return SUNDER_OK;
    }
    enum sunder_err err = tend_all(replay, reterr_fail);
    for (uint32_t i = 0; i < replay->options.partitions && err == SUNDER_OK; i++) {
        err = sunder_partition_sync(replay->partitions[i], reterr_fail);
    }
    replay->broken = replay->broken || err != SUNDER_OK;
    return err;
}

struct sunder_replay_counts sunder_replay_counts(const struct sunder_replay *replay)
{
    return replay->counts;
}

void sunder_replay_destroy(struct sunder_replay **replay)
{
    if (replay == NULL || *replay == NULL) {
        return;
    }
    struct sunder_replay *it = *replay;
    for (uint32_t i = 0; it->partitions != NULL && i < it->options.partitions; i++) {
        sunder_partition_destroy(
            &it->partitions[i], it->broken || it->options.state_directory == NULL);
    }
    sunder_wire_decoder_destroy(&it->decoder);
    free(it->partitions);
    free(it->written);
    free(it->memory);
    free(it);
    *replay = NULL;
}

static const char PARTITION_NAME[] = "\"sunderpartition\"";

/* A search for PARTITION_NAME in many lines at once. Most logs have no such attribute: looking for its name is much cheaper than
 * parsing each line. Horspool: the byte under the name's end tells how far the name cannot begin. */
struct search {
    uint8_t skip[256];
};

static struct search search_make(void)
{
    struct search search;
    size_t len = sizeof(PARTITION_NAME) - 1;
    memset(search.skip, (int)len, sizeof(search.skip));
    for (size_t i = 0; i + 1 < len; i++) {
        search.skip[(uint8_t)PARTITION_NAME[i]] = (uint8_t)(len - 1 - i);
    }
    return search;
}

/* Where the name ends, looked for behind `at`; `end` when it stands nowhere. */
static const char *search_next(const struct search *search, const char *at, const char *end)
{
    const size_t last = sizeof(PARTITION_NAME) - 2;
    while ((size_t)(end - at) > last) {
        if (at[last] == '"' && memcmp(at, PARTITION_NAME, last) == 0) {
            return at + last + 1;
        }
        at += search->skip[(uint8_t)at[last]];
    }
    return end;
}

/* The highest partition that the lines of a block name. */
static int32_t block_highest(struct sunder_str block,
    const struct search *search,
    struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena)
{
    const char *end = block.at + block.len;
    int32_t highest = 0;
    for (const char *at = block.at; (at = search_next(search, at, end)) != end;) {
        const char *line = at;
        while (line > block.at && line[-1] != '\n') {
            line -= 1;
        }
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline == NULL ? end : newline;
        struct sunder_wire_position place = {0};
        sunder_arena_reset(arena);
        struct sunder_str text = {line, (uint32_t)(at - line)};
        if (sunder_wire_read_position(decoder, arena, text, &place) == SUNDER_OK &&
            place.partition > highest) {
            highest = place.partition;
        }
    }
    return highest;
}

static enum sunder_err partitions_count(struct sunder_lines *lines,
    struct sunder_wire_decoder *decoder,
    struct sunder_arena *arena,
    uint32_t *ret_partitions,
    struct sunder_fail *reterr_fail)
{
    enum sunder_err err = sunder_lines_rewind(lines, reterr_fail);
    int32_t highest = 0;
    struct sunder_str block = {0};
    const struct search search = search_make();
    while (
        err == SUNDER_OK && (err = sunder_lines_block(lines, &block, reterr_fail)) == SUNDER_OK) {
        int32_t named = block_highest(block, &search, decoder, arena);
        highest = named > highest ? named : highest;
    }
    if (err != SUNDER_ERR_NOT_FOUND) {
        return err;
    }
    if (highest >= SUNDER_REPLAY_PARTITIONS_MAX) {
        return failed(reterr_fail, SUNDER_ERR_INVALID, "a sunderpartition is 4096 or more", 0);
    }
    *ret_partitions = (uint32_t)highest + 1;
    return SUNDER_OK;
}

enum sunder_err sunder_replay_partitions(
    struct sunder_lines *lines, uint32_t *ret_partitions, struct sunder_fail *reterr_fail)
{
    void *memory = malloc(SUNDER_WIRE_ARENA_BYTES);
    struct sunder_wire_decoder *decoder = NULL;
    enum sunder_err err = SUNDER_ERR_FULL;
    if (memory != NULL && sunder_wire_decoder_create(&decoder) == SUNDER_OK) {
        struct sunder_arena arena = sunder_arena_of(memory, SUNDER_WIRE_ARENA_BYTES);
        err = partitions_count(lines, decoder, &arena, ret_partitions, reterr_fail);
    } else {
        failed(reterr_fail, SUNDER_ERR_FULL, "no memory", 0);
    }
    sunder_wire_decoder_destroy(&decoder);
    free(memory);
    return err == SUNDER_OK ? sunder_lines_rewind(lines, reterr_fail) : err;
}
