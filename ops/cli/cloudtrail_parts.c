/* Who acted on what, in a CloudTrail record. Field names: AWS, "CloudTrail userIdentity element", "CloudTrail record contents". */
#include "engine/base/must.h"
#include "engine/base/text.h"
#include "ops/cli/cloudtrail.h"
#include "ops/cli/identifier.h"

struct sunder_str sunder_cloudtrail_text(const struct sunder_value *map, const char *name)
{
    const struct sunder_value *value =
        map == NULL ? NULL : sunder_value_member(map, sunder_str_of(name));
    bool there = value != NULL && value->kind == SUNDER_VALUE_STRING && value->text.len > 0;
    return there ? value->text : (struct sunder_str){0};
}

static const struct sunder_value *member(const struct sunder_value *map, const char *name)
{
    return map == NULL ? NULL : sunder_value_member(map, sunder_str_of(name));
}

static struct sunder_str first_of(struct sunder_str a, struct sunder_str b)
{
    return a.at != NULL ? a : b;
}

static struct sunder_str identifier(struct sunder_cloudtrail *cloudtrail, struct sunder_str name)
{
    return sunder_identifier_of(cloudtrail->arena, cloudtrail->sha256, name);
}

/* "aws:service/lambda.amazonaws.com" */
static struct sunder_str named(
    struct sunder_cloudtrail *cloudtrail, const char *prefix, struct sunder_str name)
{
    if (name.at == NULL) {
        return name;
    }
    return identifier(cloudtrail, sunder_text(cloudtrail->arena, sunder_str_of(prefix), name));
}

/* The text behind the last slash. */
static struct sunder_str last_part(struct sunder_str text)
{
    for (uint32_t i = text.len; i > 0; i--) {
        if (text.at[i - 1] == '/') {
            return (struct sunder_str){text.at + i, text.len - i};
        }
    }
    return text;
}

static struct sunder_str arn_partition(struct sunder_str arn)
{
    if (sunder_str_starts_with(arn, SUNDER_STR("arn:aws-cn:"))) {
        return SUNDER_STR("aws-cn");
    }
    if (sunder_str_starts_with(arn, SUNDER_STR("arn:aws-us-gov:"))) {
        return SUNDER_STR("aws-us-gov");
    }
    return SUNDER_STR("aws");
}

/* A person where the record names one, else the ARN of the user, or of the role behind a session. */
static struct sunder_str principal_of(struct sunder_cloudtrail *cloudtrail,
    const struct sunder_value *identity,
    struct sunder_str agent)
{
    const struct sunder_value *session = member(identity, "sessionContext");
    const struct sunder_value *issuer = member(session, "sessionIssuer");
    struct sunder_str person = sunder_cloudtrail_text(session, "sourceIdentity");
    /* Roles of IAM Identity Center: the session carries the person's name. */
    if (person.at == NULL && sunder_str_starts_with(sunder_cloudtrail_text(issuer, "userName"),
                                 SUNDER_STR("AWSReservedSSO_"))) {
        person = last_part(sunder_cloudtrail_text(identity, "arn"));
    }
    struct sunder_str type = sunder_cloudtrail_text(identity, "type");
    if (person.at == NULL && (sunder_str_equal(type, SUNDER_STR("SAMLUser")) ||
                                 sunder_str_equal(type, SUNDER_STR("WebIdentityUser")))) {
        person = sunder_cloudtrail_text(identity, "userName");
    }
    if (person.at != NULL && person.len > 0) {
        return named(cloudtrail, "user:", person);
    }
    struct sunder_str role = identifier(cloudtrail, sunder_cloudtrail_text(issuer, "arn"));
    return first_of(role, agent);
}

bool sunder_cloudtrail_who(struct sunder_cloudtrail *cloudtrail,
    const struct sunder_value *record,
    struct sunder_cloudtrail_act *act)
{
    const struct sunder_value *identity = member(record, "userIdentity");
    struct sunder_str type = sunder_cloudtrail_text(identity, "type");
    struct sunder_str arn = sunder_cloudtrail_text(identity, "arn");
    struct sunder_str agent = identifier(cloudtrail, arn);
    if (agent.at == NULL && (sunder_str_equal(type, SUNDER_STR("SAMLUser")) ||
                                sunder_str_equal(type, SUNDER_STR("WebIdentityUser")))) {
        agent = named(cloudtrail, "user:", sunder_cloudtrail_text(identity, "userName"));
    }
    if (agent.at == NULL) {
        agent = named(cloudtrail, "aws:service/", sunder_cloudtrail_text(identity, "invokedBy"));
    }
    struct sunder_str id = sunder_cloudtrail_text(identity, "principalId");
    if (agent.at == NULL && type.at != NULL && id.at != NULL) {
        agent = identifier(cloudtrail,
            sunder_text(cloudtrail->arena, SUNDER_STR("aws:"), type, SUNDER_STR("/"), id));
    }
    if (agent.at == NULL) {
        return false;
    }
    act->partition = arn_partition(arn);
    act->agent = agent;
    act->principal = principal_of(cloudtrail, identity, agent);
    act->credential =
        named(cloudtrail, "aws:key/", sunder_cloudtrail_text(identity, "accessKeyId"));
    return true;
}

static void object_add(
    struct sunder_cloudtrail *cloudtrail, struct sunder_cloudtrail_act *act, struct sunder_str name)
{
    struct sunder_str object = identifier(cloudtrail, name);
    if (object.at == NULL || object.len == 0 ||
        act->object_count == SUNDER_CLOUDTRAIL_OBJECTS_MAX) {
        return;
    }
    for (uint32_t i = 0; i < act->object_count; i++) {
        if (sunder_str_equal(act->objects[i], object)) {
            return;
        }
    }
    act->objects[act->object_count++] = object;
}

/* Which parameter of which service names what. before: what stands between region and account parts and the name.
 * regional  the ARN has region and account; else account only, or nothing for buckets */
static const struct {
    const char *tool;
    const char *parameter;
    const char *service;
    const char *before;
    enum {
        GLOBAL,
        ACCOUNT,
        REGIONAL,
        KEY
    } shape;
} NAMED_OBJECTS[] = {
    {"iam", "policyArn", "iam", "policy/", ACCOUNT},
    {"iam", "roleName", "iam", "role/", ACCOUNT},
    {"iam", "groupName", "iam", "group/", ACCOUNT},
    {"iam", "userName", "iam", "user/", ACCOUNT},
    {"iam", "instanceProfileName", "iam", "instance-profile/", ACCOUNT},
    {"iam", "accessKeyId", "", "", KEY},
    {"sts", "roleArn", "iam", "role/", ACCOUNT},
    {"lambda", "functionName", "lambda", "function:", REGIONAL},
    {"lambda", "role", "iam", "role/", ACCOUNT},
    {"s3", "bucketName", "s3", "", GLOBAL},
    {"cloudtrail", "name", "cloudtrail", "trail/", REGIONAL},
    {"cloudtrail", "trailName", "cloudtrail", "trail/", REGIONAL},
    {"secretsmanager", "secretId", "secretsmanager", "secret:", REGIONAL},
    {"ssm", "name", "ssm", "parameter/", REGIONAL},
    {"kms", "keyId", "kms", "key/", REGIONAL},
    {"dynamodb", "tableName", "dynamodb", "table/", REGIONAL},
    {"cloudformation", "stackName", "cloudformation", "stack/", REGIONAL},
    {"cloudformation", "roleARN", "iam", "role/", ACCOUNT},
    {"guardduty", "detectorId", "guardduty", "detector/", REGIONAL},
};

static struct sunder_str arn_make(struct sunder_cloudtrail *cloudtrail,
    const struct sunder_cloudtrail_act *act,
    size_t index,
    struct sunder_str name)
{
    if (sunder_str_starts_with(name, SUNDER_STR("arn:"))) {
        return name;
    }
    while (name.len > 0 && name.at[0] == '/') { /* Paths of parameters begin with one. */
        name = (struct sunder_str){name.at + 1, name.len - 1};
    }
    struct sunder_str service = sunder_str_of(NAMED_OBJECTS[index].service);
    struct sunder_str before = sunder_str_of(NAMED_OBJECTS[index].before);
    struct sunder_str colon = SUNDER_STR(":");
    switch (NAMED_OBJECTS[index].shape) {
    case KEY:
        return sunder_text(cloudtrail->arena, SUNDER_STR("aws:key/"), name);
    case GLOBAL:
        return sunder_text(cloudtrail->arena,
            SUNDER_STR("arn:"),
            act->partition,
            colon,
            service,
            SUNDER_STR(":::"),
            name);
    case ACCOUNT:
        return sunder_text(cloudtrail->arena,
            SUNDER_STR("arn:"),
            act->partition,
            colon,
            service,
            SUNDER_STR("::"),
            act->tenant,
            colon,
            before,
            name);
    case REGIONAL:
        return sunder_text(cloudtrail->arena,
            SUNDER_STR("arn:"),
            act->partition,
            colon,
            service,
            colon,
            act->region,
            colon,
            act->tenant,
            colon,
            before,
            name);
    }
    return (struct sunder_str){0};
}

static void parameters_look(struct sunder_cloudtrail *cloudtrail,
    const struct sunder_value *parameters,
    struct sunder_cloudtrail_act *act)
{
    for (size_t i = 0; i < sizeof(NAMED_OBJECTS) / sizeof(NAMED_OBJECTS[0]); i++) {
        if (!sunder_str_equal(act->tool, sunder_str_of(NAMED_OBJECTS[i].tool))) {
            continue;
        }
        struct sunder_str name = sunder_cloudtrail_text(parameters, NAMED_OBJECTS[i].parameter);
        if (name.at != NULL) {
            object_add(cloudtrail, act, arn_make(cloudtrail, act, i, name));
        }
    }
    /* EC2 hands a role to a machine by its profile. */
    const struct sunder_value *profile = member(parameters, "iamInstanceProfile");
    object_add(cloudtrail, act, sunder_cloudtrail_text(profile, "arn"));
}

/* Whose rights an act of IAM changes. Without a user's name it is the caller's own (CreateAccessKey, ChangePassword). */
static void target_find(struct sunder_cloudtrail *cloudtrail,
    const struct sunder_value *record,
    struct sunder_cloudtrail_act *act)
{
    const struct sunder_value *identity = member(record, "userIdentity");
    const struct sunder_value *parameters = member(record, "requestParameters");
    struct sunder_str user = sunder_cloudtrail_text(parameters, "userName");
    struct sunder_str role = sunder_cloudtrail_text(parameters, "roleName");
    struct sunder_str own = sunder_cloudtrail_text(identity, "userName");
    const struct sunder_value *issuer = member(member(identity, "sessionContext"), "sessionIssuer");
    act->has_self = true;
    if (user.at != NULL) {
        act->self = own.at != NULL && sunder_str_equal(user, own);
        act->target = act->self ? act->agent
                                : identifier(cloudtrail,
                                      sunder_text(cloudtrail->arena,
                                          SUNDER_STR("arn:"),
                                          act->partition,
                                          SUNDER_STR(":iam::"),
                                          act->tenant,
                                          SUNDER_STR(":user/"),
                                          user));
    } else if (role.at != NULL) {
        act->self = sunder_str_equal(role, sunder_cloudtrail_text(issuer, "userName"));
    } else {
        act->self = sunder_str_ends_with(act->action, SUNDER_STR("AccessKey")) ||
                    sunder_str_ends_with(act->action, SUNDER_STR("Password"));
        act->has_self = act->self;
    }
}

void sunder_cloudtrail_what(struct sunder_cloudtrail *cloudtrail,
    const struct sunder_value *record,
    struct sunder_cloudtrail_act *act)
{
    const struct sunder_value *resources = member(record, "resources");
    for (uint32_t i = 0;
         resources != NULL && resources->kind == SUNDER_VALUE_LIST && i < resources->count;
         i++) {
        object_add(cloudtrail, act, sunder_cloudtrail_text(&resources->items[i], "ARN"));
    }
    parameters_look(cloudtrail, member(record, "requestParameters"), act);
    const struct sunder_value *response = member(record, "responseElements");
    struct sunder_str made = sunder_cloudtrail_text(member(response, "accessKey"), "accessKeyId");
    if (made.at != NULL) {
        object_add(cloudtrail, act, sunder_text(cloudtrail->arena, SUNDER_STR("aws:key/"), made));
    }
    object_add(cloudtrail, act, sunder_cloudtrail_text(member(response, "policy"), "arn"));
    if (sunder_str_equal(act->tool, SUNDER_STR("iam"))) {
        target_find(cloudtrail, record, act);
    }
}
