/* The configuration of sunderd: one YAML file, strict. Thread: one; at start only. */
#pragma once

#include "consumers/bus.h"
#include "consumers/log.h"
#include "engine/policy/policy_compile.h"

/* Texts and arrays live until the destroy. */
struct sunder_config {
    const char *policy;    /* path */
    const char *state_dir; /* path */
    const char *topics[SUNDER_BUS_TOPIC_COUNT];
    const char *group;
    const char *node;
    bool strict;
    bool dynamic_member;
    bool protobuf;
    uint32_t checkpoint_ms;
    uint64_t table_bytes; /* per partition; 0: the store's default */
    uint32_t flush_ms;
    const char *listen; /* NULL: no HTTP */
    bool log_json;
    enum sunder_log_level log_level;
    const struct sunder_bus_property *kafka;
    uint32_t kafka_count;
};

struct sunder_config_file;

/* Reads a configuration.
 *   ret_file        gives; also with SUNDER_ERR_INVALID, for its complaints
 * SUNDER_ERR_INVALID: it has errors. SUNDER_ERR_IO: it cannot be read (vendor is errno); SUNDER_ERR_FULL: too large. */
SUNDER_MUST_USE enum sunder_err sunder_config_open(
    const char *path, struct sunder_config_file **ret_file, struct sunder_fail *reterr_fail);
const struct sunder_config *sunder_config_of(const struct sunder_config_file *file);
const struct sunder_complaints *sunder_config_complaints(const struct sunder_config_file *file);
void sunder_config_destroy(struct sunder_config_file **file);
