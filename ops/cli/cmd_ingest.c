/* `sunder ingest cloudtrail`: files of CloudTrail as events. Three shapes are told apart: one record per line, one file
 * ({"Records":[...]}) per line, and one file over many lines. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ops/cli/cli.h"
#include "ops/cli/cli_json.h"
#include "ops/cli/cloudtrail.h"
#include "ops/cli/lines.h"
#include "ops/cli/progress.h"
#include "proto/json.h"

#define OUT_BYTES (8u << 20)       /* Two lines of one record are far below. */
#define PARSE_BYTES_MIN (4u << 20) /* The parser grows by doubling from here. */
#define TREE_FACTOR                                                                                \
    64 /* A JSON text of n bytes has at most n / 2 nodes of some 64 bytes, and as much again to grow. */
#define NAMES_BYTES (4u << 20) /* Names of one record. */

struct ingest {
    struct sunder_lines *lines;
    FILE *out;
    FILE *rejects;
    struct sunder_json_parser *parser;
    size_t parse_bytes;
    void *tree_memory;
    struct sunder_arena tree;
    void *names_memory;
    struct sunder_arena names;
    char *out_buf;
    struct sunder_json_out json;
    struct sunder_cloudtrail cloudtrail;
    struct sunder_progress progress;
    uint64_t records;
    uint64_t not_done;
    uint64_t rejected;
};

/* Memory that costs nothing until it is touched. */
static void *memory_map(size_t size)
{
    void *memory = mmap(
        NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void parser_drop(struct ingest *ingest)
{
    sunder_json_parser_destroy(&ingest->parser);
    if (ingest->tree_memory != NULL) {
        munmap(ingest->tree_memory, ingest->parse_bytes * TREE_FACTOR);
        ingest->tree_memory = NULL;
    }
}

/* Makes the parser large enough for a text. */
static enum sunder_err parser_fit(struct ingest *ingest, size_t len)
{
    if (ingest->parser != NULL && len <= ingest->parse_bytes) {
        return SUNDER_OK;
    }
    parser_drop(ingest);
    size_t size = PARSE_BYTES_MIN;
    while (size < len) {
        size *= 2;
    }
    ingest->parse_bytes = size;
    ingest->tree_memory = memory_map(size * TREE_FACTOR);
    if (ingest->tree_memory == NULL) {
        return SUNDER_ERR_FULL;
    }
    ingest->tree = sunder_arena_of(ingest->tree_memory, size * TREE_FACTOR);
    return sunder_json_parser_create(size, &ingest->parser);
}

static void reject(struct ingest *ingest, struct sunder_str id, const char *reason)
{
    static const uint64_t SHOWN_MAX =
        10; /* The first ones tell what is wrong; all are in --rejects. */
    ingest->rejected += 1;
    if (ingest->rejected <= SHOWN_MAX) {
        sunder_progress_clear(&ingest->progress);
        sunder_cli_say(
            "ingest: record %" PRIu64 " (%.*s): %s", ingest->records, (int)id.len, id.at, reason);
    } else if (ingest->rejected == SHOWN_MAX + 1) {
        sunder_cli_say("ingest: further ones are counted only%s",
            ingest->rejects == NULL ? " (--rejects FILE keeps them)" : "");
    }
    if (ingest->rejects != NULL) {
        fprintf(ingest->rejects, "{\"record\":%" PRIu64 ",\"id\":", ingest->records);
        sunder_cli_json_string(ingest->rejects, id);
        fputs(",\"reason\":", ingest->rejects);
        sunder_cli_json_string(ingest->rejects, sunder_str_of(reason));
        fputs("}\n", ingest->rejects);
    }
}

static void record_take(struct ingest *ingest, const struct sunder_value *record)
{
    ingest->json =
        (struct sunder_json_out){.at = ingest->out_buf, .end = ingest->out_buf + OUT_BYTES};
    sunder_arena_reset(&ingest->names);
    const char *reason = "";
    switch (sunder_cloudtrail_convert(&ingest->cloudtrail, record, &reason)) {
    case SUNDER_CLOUDTRAIL_CONVERTED:
        fwrite(ingest->out_buf, 1, (size_t)(ingest->json.at - ingest->out_buf), ingest->out);
        break;
    case SUNDER_CLOUDTRAIL_NOT_DONE:
        ingest->not_done += 1;
        break;
    case SUNDER_CLOUDTRAIL_REJECTED:
        reject(ingest, sunder_cloudtrail_text(record, "eventID"), reason);
        break;
    }
    ingest->records += 1;
    sunder_progress_update(&ingest->progress,
        ingest->records,
        sunder_lines_bytes_done(ingest->lines),
        sunder_lines_bytes_total(ingest->lines));
}

/* A file of records, or one record. SUNDER_ERR_MALFORMED: the text is no JSON. */
static enum sunder_err text_take(struct ingest *ingest, struct sunder_str text)
{
    enum sunder_err err = parser_fit(ingest, text.len);
    if (err != SUNDER_OK) {
        return err;
    }
    sunder_arena_reset(&ingest->tree);
    struct sunder_value root = {0};
    err = sunder_json_parse(ingest->parser, &ingest->tree, text, 0, &root);
    if (err != SUNDER_OK) {
        return SUNDER_ERR_MALFORMED;
    }
    const struct sunder_value *records =
        root.kind == SUNDER_VALUE_MAP ? sunder_value_member(&root, SUNDER_STR("Records")) : NULL;
    if (records == NULL || records->kind != SUNDER_VALUE_LIST) {
        record_take(ingest, &root);
        return SUNDER_OK;
    }
    for (uint32_t i = 0; i < records->count; i++) {
        record_take(ingest, &records->items[i]);
    }
    return SUNDER_OK;
}

/* The first line is not JSON by itself: the file is spread over lines, so all of it is one text. */
static enum sunder_err whole_take(struct ingest *ingest, struct sunder_fail *reterr_fail)
{
    char *text = NULL;
    size_t len = 0;
    size_t size = 0;
    struct sunder_str line = {0};
    enum sunder_err err = sunder_lines_rewind(ingest->lines, reterr_fail);
    while (err == SUNDER_OK &&
           (err = sunder_lines_next(ingest->lines, &line, reterr_fail)) == SUNDER_OK) {
        if (len + line.len + 1 > size) {
            size = (len + line.len + 1) * 2;
            char *grown = size <= SUNDER_LINE_BYTES_MAX * (size_t)4 ? realloc(text, size) : NULL;
            if (grown == NULL) {
                err = SUNDER_ERR_FULL;
                snprintf(reterr_fail->text,
                    sizeof(reterr_fail->text),
                    "the file is too large to be one JSON text");
                break;
            }
            text = grown;
        }
        memcpy(text + len, line.at, line.len);
        len += line.len;
        text[len++] = '\n';
    }
    if (err == SUNDER_ERR_NOT_FOUND) {
        err = text_take(ingest, (struct sunder_str){text, (uint32_t)len});
        if (err != SUNDER_OK) {
            snprintf(reterr_fail->text,
                sizeof(reterr_fail->text),
                "neither a CloudTrail file nor one record per line: %s",
                err == SUNDER_ERR_MALFORMED ? sunder_json_why(ingest->parser)
                                            : sunder_err_text(err));
        }
    }
    free(text);
    return err;
}

static enum sunder_err lines_take(struct ingest *ingest, struct sunder_fail *reterr_fail)
{
    /* So that the first line can be read again with the rest. */
    enum sunder_err err = sunder_lines_rewind(ingest->lines, reterr_fail);
    struct sunder_str line = {0};
    bool first = true;
    while (err == SUNDER_OK &&
           (err = sunder_lines_next(ingest->lines, &line, reterr_fail)) == SUNDER_OK) {
        if (sunder_line_blank(line)) {
            continue;
        }
        err = text_take(ingest, line);
        if (err == SUNDER_ERR_MALFORMED && first) {
            return whole_take(ingest, reterr_fail);
        }
        if (err == SUNDER_ERR_MALFORMED) {
            reject(ingest, SUNDER_STR("-"), sunder_json_why(ingest->parser));
            ingest->records += 1;
            err = SUNDER_OK;
        }
        first = false;
    }
    if (err == SUNDER_ERR_FULL) {
        snprintf(reterr_fail->text,
            sizeof(reterr_fail->text),
            "no memory for a line of %" PRIu32 " bytes",
            line.len);
    }
    return err == SUNDER_ERR_NOT_FOUND ? SUNDER_OK : err;
}

static enum sunder_exit file_open(const char *path, FILE *fallback, FILE **ret_file)
{
    *ret_file = fallback;
    if (path == NULL || strcmp(path, "-") == 0) {
        return SUNDER_EXIT_OK;
    }
    *ret_file = fopen(path, "we");
    if (*ret_file != NULL) {
        return SUNDER_EXIT_OK;
    }
    sunder_cli_complain("ingest: %s: %s", path, strerror(errno));
    return errno == EACCES ? SUNDER_EXIT_PERMISSION : SUNDER_EXIT_FAILED;
}

static enum sunder_exit ingest_open(struct ingest *ingest, const struct sunder_cli_args *args)
{
    const char *in = sunder_cli_value(args, "in");
    struct sunder_fail fail;
    if (sunder_lines_open(in != NULL ? in : "-", &ingest->lines, &fail) != SUNDER_OK) {
        sunder_cli_complain("ingest: %s", fail.text);
        return fail.vendor == EACCES ? SUNDER_EXIT_PERMISSION : SUNDER_EXIT_FAILED;
    }
    enum sunder_exit code = file_open(sunder_cli_value(args, "out"), stdout, &ingest->out);
    code = code == SUNDER_EXIT_OK
               ? file_open(sunder_cli_value(args, "rejects"), NULL, &ingest->rejects)
               : code;
    if (code != SUNDER_EXIT_OK) {
        return code;
    }
    ingest->names_memory = malloc(NAMES_BYTES);
    ingest->out_buf = malloc(OUT_BYTES);
    if (ingest->names_memory == NULL || ingest->out_buf == NULL ||
        sunder_sha256_create(&ingest->cloudtrail.sha256) != SUNDER_OK) {
        sunder_cli_complain("ingest: no memory");
        return SUNDER_EXIT_FAILED;
    }
    ingest->names = sunder_arena_of(ingest->names_memory, NAMES_BYTES);
    ingest->cloudtrail.arena = &ingest->names;
    ingest->cloudtrail.out = &ingest->json;
    ingest->progress = sunder_progress_start("records");
    return SUNDER_EXIT_OK;
}

static enum sunder_exit close_one(FILE *file, enum sunder_exit code)
{
    if (file == NULL || file == stdout) {
        return code;
    }
    bool broken = ferror(file) != 0;
    if (fclose(file) != 0 || broken) {
        sunder_cli_complain("ingest: an output file cannot be written: %s", strerror(errno));
        return code == SUNDER_EXIT_OK ? SUNDER_EXIT_FAILED : code;
    }
    return code;
}

enum sunder_exit sunder_cmd_ingest(const struct sunder_cli_args *args)
{
    struct ingest ingest = {0};
    enum sunder_exit code = ingest_open(&ingest, args);
    if (code == SUNDER_EXIT_OK) {
        struct sunder_fail fail = {0};
        enum sunder_err err = lines_take(&ingest, &fail);
        sunder_progress_clear(&ingest.progress);
        (void)fflush(ingest.out); /* Data before talk; a failure stays with the stream. */
        if (err != SUNDER_OK) {
            sunder_cli_complain("ingest: %s", fail.text);
            code = SUNDER_EXIT_FAILED;
        }
        fprintf(stderr,
            "%" PRIu64 " records: %" PRIu64 " observed, %" PRIu64 " delegations, %" PRIu64
            " left out (errorCode), %" PRIu64 " rejected\n",
            ingest.records,
            ingest.cloudtrail.observed,
            ingest.cloudtrail.delegations,
            ingest.not_done,
            ingest.rejected);
    }
    code = close_one(ingest.out, code);
    code = close_one(ingest.rejects, code);
    parser_drop(&ingest);
    sunder_sha256_destroy(&ingest.cloudtrail.sha256);
    sunder_lines_destroy(&ingest.lines);
    free(ingest.names_memory);
    free(ingest.out_buf);
    return code;
}
