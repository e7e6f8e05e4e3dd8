/* AWS CloudTrail records as events: the mapping that `sunder ingest --help` tells. Shell; one thread. */
#pragma once

#include "engine/base/arena.h"
#include "engine/model/value.h"
#include "proto/digest.h"
#include "proto/json_write.h"

enum sunder_cloudtrail_result {
    SUNDER_CLOUDTRAIL_CONVERTED,
    SUNDER_CLOUDTRAIL_NOT_DONE, /* It has an errorCode: the act did not happen. */
    SUNDER_CLOUDTRAIL_REJECTED,
};

/* What converting works with, all borrowed.
 * arena   for names while one record is converted: 1 MiB and a few times the record; reset by the caller between records
 * out     gets one or two lines per record, each with its end */
struct sunder_cloudtrail {
    struct sunder_arena *arena;
    struct sunder_sha256 *sha256;
    struct sunder_json_out *out;
    uint64_t observed;
    uint64_t delegations;
};

/* Converts one record, which outlives the call.
 *   ret_reason  of a rejection: half a sentence, static
 * Nothing is written to `out`, and nothing counted, unless CONVERTED. */
enum sunder_cloudtrail_result sunder_cloudtrail_convert(struct sunder_cloudtrail *cloudtrail,
    const struct sunder_value *record,
    const char **ret_reason);

/* The parts that a record's act is made of, already identifiers; absent where the record has none. */
#define SUNDER_CLOUDTRAIL_OBJECTS_MAX 16

struct sunder_cloudtrail_act {
    struct sunder_str id;
    struct sunder_str time;
    struct sunder_str tenant;
    struct sunder_str tool;
    struct sunder_str action;
    struct sunder_str region;
    struct sunder_str partition; /* of ARNs: aws, aws-cn, aws-us-gov */
    struct sunder_str agent;
    struct sunder_str principal;
    struct sunder_str credential;
    struct sunder_str objects[SUNDER_CLOUDTRAIL_OBJECTS_MAX];
    uint32_t object_count;
    bool has_self; /* IAM: whether the target is known, and whether it is the caller. */
    bool self;
    struct sunder_str
        target; /* The user that an act of IAM is about, as ARN; absent: none is named. */
};

/* Who acted: agent, principal, credential, partition. False: nobody is named. */
bool sunder_cloudtrail_who(struct sunder_cloudtrail *cloudtrail,
    const struct sunder_value *record,
    struct sunder_cloudtrail_act *act);

/* What was acted on: objects, target, self. */
void sunder_cloudtrail_what(struct sunder_cloudtrail *cloudtrail,
    const struct sunder_value *record,
    struct sunder_cloudtrail_act *act);

/* A string member of a map, absent when there is none, or it is empty or no string. */
struct sunder_str sunder_cloudtrail_text(const struct sunder_value *map, const char *name);
