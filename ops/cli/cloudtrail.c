#include "ops/cli/cloudtrail.h"

#include "engine/base/text.h"
#include "ops/cli/identifier.h"

#define SOURCE "aws:cloudtrail"
#define ID_BYTES_MAX 200  /* AWS gives 36; the id of a delegation is a little longer. */
#define ARG_BYTES_MAX 256 /* Longer parameters are documents, not names. */

static const struct sunder_value *member(const struct sunder_value *map, const char *name)
{
    return map == NULL ? NULL : sunder_value_member(map, sunder_str_of(name));
}

static void pair_put(struct sunder_json_out *out, const char *name, struct sunder_str text)
{
    if (text.at == NULL) {
        return;
    }
    SUNDER_JSON_PUT(out, ",\"");
    sunder_json_put(out, name, strlen(name));
    SUNDER_JSON_PUT(out, "\":");
    sunder_json_put_string(out, text);
}

static void envelope_put(struct sunder_json_out *out,
    const struct sunder_cloudtrail_act *act,
    const char *type,
    const char *suffix)
{
    SUNDER_JSON_PUT(out, "{\"specversion\":\"1.0\",\"id\":\"");
    sunder_json_put(out, act->id.at, act->id.len); /* An identifier: nothing to escape. */
    sunder_json_put(out, suffix, strlen(suffix));
    SUNDER_JSON_PUT(out, "\",\"source\":\"" SOURCE "\",\"type\":\"");
    sunder_json_put(out, type, strlen(type));
    SUNDER_JSON_PUT(out, "\"");
    pair_put(out, "time", act->time);
    SUNDER_JSON_PUT(out, ",\"data\":{\"tenant\":");
    sunder_json_put_string(out, act->tenant);
}

/* Parameters that a secret may be in, or that are whole documents. */
static bool is_secret(struct sunder_str name)
{
    static const char *const WORDS[] = {"password",
        "Password",
        "secret",
        "Secret",
        "token",
        "Token",
        "privateKey",
        "Document",
        "document",
        "plaintext"};
    for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++) {
        struct sunder_str word = sunder_str_of(WORDS[i]);
        for (uint32_t at = 0; at + word.len <= name.len; at++) {
            if (memcmp(name.at + at, word.at, word.len) == 0) {
                return !sunder_str_equal(name, SUNDER_STR("secretId"));
            }
        }
    }
    return false;
}

static bool arg_put(struct sunder_json_out *out, const struct sunder_member *arg, bool first)
{
    const struct sunder_value *value = &arg->value;
    bool is_text = value->kind == SUNDER_VALUE_STRING && value->text.len <= ARG_BYTES_MAX;
    bool is_number = value->kind == SUNDER_VALUE_NUMBER && value->exact;
    bool is_own_word = sunder_str_equal(arg->name, SUNDER_STR("self"));
    if (is_secret(arg->name) || is_own_word ||
        !(is_text || is_number || value->kind == SUNDER_VALUE_BOOL)) {
        return false;
    }
    sunder_json_put(out, ",", first ? 0 : 1);
    sunder_json_put_string(out, arg->name);
    SUNDER_JSON_PUT(out, ":");
    if (is_text) {
        sunder_json_put_string(out, value->text);
    } else if (is_number) {
        sunder_json_put(out, value->text.at, value->text.len);
    } else if (value->boolean) {
        SUNDER_JSON_PUT(out, "true");
    } else {
        SUNDER_JSON_PUT(out, "false");
    }
    return true;
}

static void args_put(struct sunder_json_out *out,
    const struct sunder_value *parameters,
    const struct sunder_cloudtrail_act *act)
{
    SUNDER_JSON_PUT(out, ",\"args\":{");
    bool first = true;
    for (uint32_t i = 0;
         parameters != NULL && parameters->kind == SUNDER_VALUE_MAP && i < parameters->count;
         i++) {
        first = !arg_put(out, &parameters->members[i], first) && first;
    }
    if (act->has_self) {
        sunder_json_put(out, ",", first ? 0 : 1);
        SUNDER_JSON_PUT(out, "\"self\":");
        sunder_json_put(out, act->self ? "true" : "false", act->self ? 4 : 5);
    }
    SUNDER_JSON_PUT(out, "}");
}

static void observed_put(struct sunder_json_out *out,
    const struct sunder_value *record,
    const struct sunder_cloudtrail_act *act)
{
    envelope_put(out, act, "dev.sunder.observed.v1", "");
    pair_put(out, "agent", act->agent);
    pair_put(out, "principal", act->principal);
    pair_put(out, "credential", act->credential);
    pair_put(out, "tool", act->tool);
    pair_put(out, "action", act->action);
    if (act->object_count > 0) {
        pair_put(out, "object", act->objects[0]);
    }
    for (uint32_t i = 1; i < act->object_count; i++) {
        if (i == 1) {
            SUNDER_JSON_PUT(out, ",\"objects\":[");
        } else {
            SUNDER_JSON_PUT(out, ",");
        }
        sunder_json_put_string(out, act->objects[i]);
    }
    if (act->object_count > 1) {
        SUNDER_JSON_PUT(out, "]");
    }
    args_put(out, member(record, "requestParameters"), act);
    SUNDER_JSON_PUT(out, "}}\n");
}

/* Whom the caller can act as from now on: the session of an assumed role, or the user whose key or password was made. */
static struct sunder_str delegate_of(struct sunder_cloudtrail *cloudtrail,
    const struct sunder_value *record,
    const struct sunder_cloudtrail_act *act)
{
    const struct sunder_value *response = member(record, "responseElements");
    bool is_sts = sunder_str_equal(act->tool, SUNDER_STR("sts"));
    if (is_sts && sunder_str_starts_with(act->action, SUNDER_STR("AssumeRole"))) {
        /* A service that runs code under a role steers nobody: all users of it would become one. */
        if (sunder_str_starts_with(act->agent, SUNDER_STR("aws:service/"))) {
            return (struct sunder_str){0};
        }
        struct sunder_str session =
            sunder_cloudtrail_text(member(response, "assumedRoleUser"), "arn");
        return sunder_identifier_of(cloudtrail->arena, cloudtrail->sha256, session);
    }
    bool makes_key = sunder_str_equal(act->action, SUNDER_STR("CreateAccessKey")) ||
                     sunder_str_equal(act->action, SUNDER_STR("CreateLoginProfile")) ||
                     sunder_str_equal(act->action, SUNDER_STR("UpdateLoginProfile"));
    if (makes_key && sunder_str_equal(act->tool, SUNDER_STR("iam")) && act->has_self &&
        !act->self) {
        return act->target;
    }
    return (struct sunder_str){0};
}

static const char *act_read(struct sunder_cloudtrail *cloudtrail,
    const struct sunder_value *record,
    struct sunder_cloudtrail_act *act)
{
    if (record->kind != SUNDER_VALUE_MAP) {
        return "not a JSON object";
    }
    struct sunder_str id = sunder_cloudtrail_text(record, "eventID");
    struct sunder_str service = sunder_cloudtrail_text(record, "eventSource");
    struct sunder_str name = sunder_cloudtrail_text(record, "eventName");
    struct sunder_str account = sunder_cloudtrail_text(record, "recipientAccountId");
    if (account.at == NULL) {
        account = sunder_cloudtrail_text(member(record, "userIdentity"), "accountId");
    }
    if (id.at == NULL || service.at == NULL || name.at == NULL) {
        return "eventID, eventSource or eventName is missing";
    }
    if (account.at == NULL) {
        return "no account: neither recipientAccountId nor userIdentity.accountId";
    }
    if (sunder_str_ends_with(service, SUNDER_STR(".amazonaws.com"))) {
        service.len -= SUNDER_STR(".amazonaws.com").len;
    }
    struct sunder_str raw[] = {id, account, service, name};
    struct sunder_str *to[] = {&act->id, &act->tenant, &act->tool, &act->action};
    for (size_t i = 0; i < sizeof(raw) / sizeof(raw[0]); i++) {
        *to[i] = sunder_identifier_of(cloudtrail->arena, cloudtrail->sha256, raw[i]);
        if (to[i]->at == NULL || to[i]->len == 0) {
            return "too large to convert";
        }
    }
    if (act->id.len > ID_BYTES_MAX) {
        return "its eventID is too long";
    }
    act->time = sunder_cloudtrail_text(record, "eventTime");
    struct sunder_str region = sunder_cloudtrail_text(record, "awsRegion");
    act->region = region.at != NULL ? region : SUNDER_STR("");
    return sunder_cloudtrail_who(cloudtrail, record, act) ? NULL : "userIdentity names nobody";
}

enum sunder_cloudtrail_result sunder_cloudtrail_convert(struct sunder_cloudtrail *cloudtrail,
    const struct sunder_value *record,
    const char **ret_reason)
{
    struct sunder_cloudtrail_act act = {0};
    const char *reason = act_read(cloudtrail, record, &act);
    if (reason != NULL) {
        *ret_reason = reason;
        return SUNDER_CLOUDTRAIL_REJECTED;
    }
    if (sunder_cloudtrail_text(record, "errorCode").at != NULL) {
        return SUNDER_CLOUDTRAIL_NOT_DONE;
    }
    sunder_cloudtrail_what(cloudtrail, record, &act);
    struct sunder_str delegate = delegate_of(cloudtrail, record, &act);
    bool delegates =
        delegate.at != NULL && delegate.len > 0 && !sunder_str_equal(delegate, act.agent);
    struct sunder_json_out *out = cloudtrail->out;
    char *start = out->at;
    if (delegates) {
        envelope_put(out, &act, "dev.sunder.delegation.v1", "/delegation");
        pair_put(out, "from", act.agent);
        pair_put(out, "to", delegate);
        SUNDER_JSON_PUT(out, "}}\n");
    }
    observed_put(out, record, &act);
    if (out->full) {
        out->at = start;
        out->full = false;
        *ret_reason = "too large to convert";
        return SUNDER_CLOUDTRAIL_REJECTED;
    }
    cloudtrail->observed += 1;
    cloudtrail->delegations += delegates;
    return SUNDER_CLOUDTRAIL_CONVERTED;
}
