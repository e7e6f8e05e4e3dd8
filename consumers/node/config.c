#include "consumers/node/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consumers/node/config_read.h"
#include "proto/doc.h"

/* For a file of SUNDER_DOC_BYTES_MAX; what is not touched costs nothing. */
#define ARENA_BYTES ((size_t)16 << 20)
#define NODE_CHARS_MAX 32u /* client.id beyond this crashes the library; see bus_conf_kafka.c. */
#define KAFKA_PROPERTIES_MAX 200u

struct sunder_config_file {
    void *memory;
    char *bytes;
    struct sunder_complaints complaints;
    struct sunder_config config;
    char host[NODE_CHARS_MAX + 1];
};

static void read_delivery(
    struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value)
{
    static const char *const WORDS[] = {"fast", "strict", NULL};
    *(bool *)ret_value = sunder_read_word(reader, value, WORDS) == 1;
}

static void read_member(
    struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value)
{
    static const char *const WORDS[] = {"static", "dynamic", NULL};
    *(bool *)ret_value = sunder_read_word(reader, value, WORDS) == 1;
}

static void read_records(
    struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value)
{
    static const char *const WORDS[] = {"json", "protobuf", NULL};
    *(bool *)ret_value = sunder_read_word(reader, value, WORDS) == 1;
}

static void read_topics(
    struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value)
{
    const char **topics = ret_value;
    const struct sunder_read_key keys[] = {
        {"intents", sunder_read_name, &topics[SUNDER_BUS_INTENTS]},
        {"decisions", sunder_read_name, &topics[SUNDER_BUS_DECISIONS]},
        {"revocations", sunder_read_name, &topics[SUNDER_BUS_REVOCATIONS]},
        {"dead_letters", sunder_read_name, &topics[SUNDER_BUS_DEAD_LETTERS]},
    };
    sunder_read_map(reader, value, "topics", keys, sizeof keys / sizeof keys[0]);
    for (int i = 0; i < SUNDER_BUS_TOPIC_COUNT; i++) {
        for (int k = i + 1; k < SUNDER_BUS_TOPIC_COUNT; k++) {
            if (strcmp(topics[i], topics[k]) == 0) {
                sunder_read_complain(
                    reader, value->line, value->column, "two of the topics are both %s", topics[i]);
            }
        }
    }
}

static void read_flush(
    struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value)
{
    struct sunder_config *config = ret_value;
    const struct sunder_read_key keys[] = {
        {"table", sunder_read_bytes, &config->table_bytes},
        {"every", sunder_read_duration, &config->flush_ms},
    };
    sunder_read_map(reader, value, "flush", keys, sizeof keys / sizeof keys[0]);
}

static void read_http(struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value)
{
    const struct sunder_read_key keys[] = {{"listen", sunder_read_text, ret_value}};
    sunder_read_map(reader, value, "http", keys, 1);
}

static void read_format(
    struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value)
{
    static const char *const WORDS[] = {"human", "json", NULL};
    *(bool *)ret_value = sunder_read_word(reader, value, WORDS) == 1;
}

static void read_level(
    struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value)
{
    static const char *const WORDS[] = {"debug", "info", "warning", "error", NULL};
    *(enum sunder_log_level *)ret_value =
        (enum sunder_log_level)sunder_read_word(reader, value, WORDS);
}

static void read_log(struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value)
{
    struct sunder_config *config = ret_value;
    const struct sunder_read_key keys[] = {
        {"format", read_format, &config->log_json},
        {"level", read_level, &config->log_level},
    };
    sunder_read_map(reader, value, "log", keys, sizeof keys / sizeof keys[0]);
}

/* Names and values are the library's; it judges them one by one, so that each complaint has its place. */
static void read_kafka(
    struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value)
{
    struct sunder_config *config = ret_value;
    if (value->kind != SUNDER_DOC_MAP || value->count > KAFKA_PROPERTIES_MAX) {
        sunder_read_complain(
            reader, value->line, value->column, "kafka must be a map of librdkafka's properties");
        return;
    }
    struct sunder_bus_property *properties =
        SUNDER_ARENA_NEW(reader->arena, struct sunder_bus_property, value->count);
    if (properties == NULL) {
        sunder_read_complain(reader, value->line, value->column, "the configuration is too large");
        return;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < value->count; i++) {
        const struct sunder_doc_entry *entry = &value->entries[i];
        struct sunder_doc name = {.kind = SUNDER_DOC_SCALAR,
            .line = entry->line,
            .column = entry->column,
            .text = entry->name};
        struct sunder_bus_property property = {NULL, NULL};
        sunder_read_text(reader, &name, &property.name);
        sunder_read_text(reader, &entry->value, &property.value);
        if (property.name == NULL || property.value == NULL) {
            continue;
        }
        uint32_t index = 0;
        struct sunder_fail fail = {0};
        if (sunder_bus_check_properties(&property, 1, &index, &fail) != SUNDER_OK) {
            sunder_read_complain(reader, entry->line, entry->column, "%s", fail.text);
            continue;
        }
        properties[count++] = property;
    }
    config->kafka = properties;
    config->kafka_count = count;
}

static void read_node(struct sunder_reader *reader, const struct sunder_doc *value, void *ret_value)
{
    if (value->kind == SUNDER_DOC_SCALAR && value->text.len > NODE_CHARS_MAX) {
        sunder_read_complain(
            reader, value->line, value->column, "at most %u characters", NODE_CHARS_MAX);
        return;
    }
    sunder_read_name(reader, value, ret_value);
}

static void set_defaults(struct sunder_config_file *file)
{
    if (gethostname(file->host, sizeof file->host - 1) != 0 || file->host[0] == '\0') {
        (void)snprintf(file->host, sizeof file->host, "node");
    }
    file->config = (struct sunder_config){
        .topics = {"sunder.intents",
            "sunder.decisions",
            "sunder.revocations",
            "sunder.dead-letters"},
        .group = "sunder",
        .node = file->host,
        .checkpoint_ms = 200,
        .flush_ms = 10000,
        .log_level = SUNDER_LOG_INFO,
    };
}

static void read_root(
    struct sunder_reader *reader, const struct sunder_doc *root, struct sunder_config *config)
{
    const struct sunder_read_key keys[] = {
        {"policy", sunder_read_text, &config->policy},
        {"state_dir", sunder_read_text, &config->state_dir},
        {"topics", read_topics, config->topics},
        {"group", sunder_read_name, &config->group},
        {"node", read_node, &config->node},
        {"membership", read_member, &config->dynamic_member},
        {"delivery", read_delivery, &config->strict},
        {"records", read_records, &config->protobuf},
        {"checkpoint_ms", sunder_read_ms, &config->checkpoint_ms},
        {"flush", read_flush, config},
        {"http", read_http, &config->listen},
        {"log", read_log, config},
        {"kafka", read_kafka, config},
    };
    sunder_read_map(reader, root, "the configuration", keys, sizeof keys / sizeof keys[0]);
    if (config->policy == NULL) {
        sunder_read_complain(
            reader, root->line, root->column, "`policy` is missing: the path of the policy file");
    }
    if (config->state_dir == NULL) {
        sunder_read_complain(reader,
            root->line,
            root->column,
            "`state_dir` is missing: a folder for the node's state");
    }
    for (uint32_t i = 0; i < config->kafka_count; i++) {
        if (strcmp(config->kafka[i].name, "bootstrap.servers") == 0 ||
            strcmp(config->kafka[i].name, "metadata.broker.list") == 0) {
            return;
        }
    }
    sunder_read_complain(reader, root->line, root->column, "`kafka` has no bootstrap.servers");
}

static enum sunder_err read_file(const char *path,
    struct sunder_config_file *file,
    uint32_t *ret_len,
    struct sunder_fail *reterr_fail)
{
    FILE *stream = fopen(path, "rb");
    size_t len = stream == NULL ? 0 : fread(file->bytes, 1, SUNDER_DOC_BYTES_MAX + 1, stream);
    bool failed = stream == NULL || ferror(stream) != 0;
    if (failed) {
        *reterr_fail = (struct sunder_fail){.code = SUNDER_ERR_IO, .vendor = errno};
        (void)snprintf(
            reterr_fail->text, sizeof reterr_fail->text, "%.160s: %s", path, strerror(errno));
    }
    if (stream != NULL) {
        (void)fclose(stream);
    }
    *ret_len = (uint32_t)len; /* One byte too many is refused by the parser. */
    return failed ? SUNDER_ERR_IO : SUNDER_OK;
}

static enum sunder_err parse(struct sunder_config_file *file, uint32_t len)
{
    struct sunder_arena arena = sunder_arena_of(file->memory, ARENA_BYTES);
    struct sunder_reader reader = {&arena, &file->complaints};
    struct sunder_doc root = {0};
    struct sunder_doc_fail fail = {0};
    enum sunder_err err =
        sunder_doc_parse((struct sunder_str){file->bytes, len}, &arena, &root, &fail);
    if (err != SUNDER_OK) {
        sunder_read_complain(&reader, fail.line, fail.column, "%s", fail.text);
    } else {
        read_root(&reader, &root, &file->config);
    }
    return file->complaints.errors == 0 ? SUNDER_OK : SUNDER_ERR_INVALID;
}

enum sunder_err sunder_config_open(
    const char *path, struct sunder_config_file **ret_file, struct sunder_fail *reterr_fail)
{
    struct sunder_config_file *file = calloc(1, sizeof *file);
    if (file != NULL) {
        file->memory = malloc(ARENA_BYTES);
        file->bytes = malloc(SUNDER_DOC_BYTES_MAX + 1);
    }
    if (file == NULL || file->memory == NULL || file->bytes == NULL) {
        sunder_config_destroy(&file);
        *reterr_fail = (struct sunder_fail){
            .code = SUNDER_ERR_FULL, .text = "no memory for the configuration"};
        return SUNDER_ERR_FULL;
    }
    set_defaults(file);
    uint32_t len = 0;
    enum sunder_err err = read_file(path, file, &len, reterr_fail);
    if (err != SUNDER_OK) {
        sunder_config_destroy(&file);
        return err;
    }
    err = parse(file, len);
    if (err != SUNDER_OK) {
        *reterr_fail = (struct sunder_fail){.code = err};
        (void)snprintf(reterr_fail->text,
            sizeof reterr_fail->text,
            "%.160s: %u errors",
            path,
            file->complaints.errors);
    }
    *ret_file = file;
    return err;
}

const struct sunder_config *sunder_config_of(const struct sunder_config_file *file)
{
    return &file->config;
}

const struct sunder_complaints *sunder_config_complaints(const struct sunder_config_file *file)
{
    return &file->complaints;
}

void sunder_config_destroy(struct sunder_config_file **file_at)
{
    struct sunder_config_file *file = *file_at;
    if (file == NULL) {
        return;
    }
    *file_at = NULL;
    free(file->memory);
    free(file->bytes);
    free(file);
}
