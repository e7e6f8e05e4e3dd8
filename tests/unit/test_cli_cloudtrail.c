/* CloudTrail records as events, field by field. */
#include "ops/cli/cloudtrail.h"

#include <stdio.h>

#include "proto/json.h"
#include "tests/support/test.h"

#define OUT_BYTES 16384

#define HEAD                                                                                       \
    "\"eventID\":\"e-1\",\"eventTime\":\"2026-03-02T09:00:00Z\",\"awsRegion\":\"eu-west-1\","      \
    "\"recipientAccountId\":\"12\","
#define ALICE                                                                                      \
    "\"userIdentity\":{\"type\":\"IAMUser\",\"arn\":\"arn:aws:iam::12:user/"                       \
    "alice\",\"userName\":\"alice\",\"accessKeyId\":\"AKIA1\"}"

struct converted {
    enum sunder_cloudtrail_result result;
    const char *reason;
    uint64_t observed;
    uint64_t delegations;
    char text[OUT_BYTES];
};

static struct converted *convert(const char *record)
{
    static struct converted it;
    struct sunder_arena arena = test_arena_of(1u << 20);
    struct sunder_json_parser *parser = NULL;
    struct sunder_sha256 *sha256 = NULL;
    struct sunder_value root = {0};
    assert_int_equal(sunder_json_parser_create(65536, &parser), SUNDER_OK);
    assert_int_equal(sunder_json_parse(parser, &arena, sunder_str_of(record), 0, &root), SUNDER_OK);
    assert_int_equal(sunder_sha256_create(&sha256), SUNDER_OK);
    it = (struct converted){.reason = ""};
    struct sunder_json_out out = {.at = it.text, .end = it.text + OUT_BYTES - 1};
    struct sunder_cloudtrail cloudtrail = {.arena = &arena, .sha256 = sha256, .out = &out};

    it.result = sunder_cloudtrail_convert(&cloudtrail, &root, &it.reason);

    it.observed = cloudtrail.observed;
    it.delegations = cloudtrail.delegations;
    *out.at = '\0';
    sunder_sha256_destroy(&sha256);
    sunder_json_parser_destroy(&parser);
    return &it;
}

static void assert_has(const struct converted *it, const char *part)
{
    if (strstr(it->text, part) == NULL) {
        fail_msg("%s is not in %s", part, it->text);
    }
}

static void a_call_of_a_user_is_an_observed_act(void **state)
{
    (void)state;
    struct converted *it = convert(
        "{" HEAD ALICE ",\"eventSource\":\"iam.amazonaws.com\",\"eventName\":\"DeletePolicy\","
        "\"requestParameters\":{\"policyArn\":\"arn:aws:iam::12:policy/"
        "p\",\"n\":3,\"deep\":{\"x\":1}}}");

    assert_int_equal(it->result, SUNDER_CLOUDTRAIL_CONVERTED);
    assert_string_equal(it->text,
        "{\"specversion\":\"1.0\",\"id\":\"e-1\",\"source\":\"aws:cloudtrail\",\"type\":\"dev."
        "sunder.observed.v1\","
        "\"time\":\"2026-03-02T09:00:00Z\",\"data\":{\"tenant\":\"12\",\"agent\":\"arn:aws:iam::12:"
        "user/alice\","
        "\"principal\":\"arn:aws:iam::12:user/alice\",\"credential\":\"aws:key/"
        "AKIA1\",\"tool\":\"iam\","
        "\"action\":\"DeletePolicy\",\"object\":\"arn:aws:iam::12:policy/p\","
        "\"args\":{\"n\":3,\"policyArn\":\"arn:aws:iam::12:policy/p\"}}}\n");
}

static void assuming_a_role_is_a_delegation_to_the_session(void **state)
{
    (void)state;
    struct converted *it = convert(
        "{" HEAD ALICE ",\"eventSource\":\"sts.amazonaws.com\",\"eventName\":\"AssumeRole\","
        "\"requestParameters\":{\"roleArn\":\"arn:aws:iam::12:role/R\"},"
        "\"responseElements\":{\"assumedRoleUser\":{\"arn\":\"arn:aws:sts::12:assumed-role/R/"
        "s\"}}}");

    assert_int_equal(it->delegations, 1);
    assert_int_equal(it->observed, 1);
    assert_has(it, "\"id\":\"e-1/delegation\"");
    assert_has(it,
        "\"from\":\"arn:aws:iam::12:user/alice\",\"to\":\"arn:aws:sts::12:assumed-role/R/s\"}}\n");
    assert_has(it, "\"object\":\"arn:aws:iam::12:role/R\"");
}

static void a_service_that_assumes_a_role_steers_nobody(void **state)
{
    (void)state;
    struct converted *it =
        convert("{" HEAD
                "\"userIdentity\":{\"type\":\"AWSService\",\"invokedBy\":\"lambda.amazonaws.com\"},"
                "\"eventSource\":\"sts.amazonaws.com\",\"eventName\":\"AssumeRole\","
                "\"responseElements\":{\"assumedRoleUser\":{\"arn\":\"arn:aws:sts::12:assumed-role/"
                "R/s\"}}}");

    assert_int_equal(it->result, SUNDER_CLOUDTRAIL_CONVERTED);
    assert_int_equal(it->delegations, 0);
    assert_has(it, "\"agent\":\"aws:service/lambda.amazonaws.com\"");
}

static void a_key_for_another_user_is_a_delegation_and_ones_own_is_not(void **state)
{
    (void)state;
    struct converted *it = convert(
        "{" HEAD ALICE ",\"eventSource\":\"iam.amazonaws.com\",\"eventName\":\"CreateAccessKey\","
        "\"requestParameters\":{\"userName\":\"bob\"},"
        "\"responseElements\":{\"accessKey\":{\"accessKeyId\":\"AKIA2\"}}}");
    assert_int_equal(it->delegations, 1);
    assert_has(it, "\"to\":\"arn:aws:iam::12:user/bob\"");
    assert_has(it, "\"objects\":[\"aws:key/AKIA2\"]");
    assert_has(it, "\"self\":false");

    it = convert(
        "{" HEAD ALICE ",\"eventSource\":\"iam.amazonaws.com\",\"eventName\":\"CreateAccessKey\","
        "\"requestParameters\":{\"userName\":\"alice\"}}");
    assert_int_equal(it->delegations, 0);
    assert_has(it, "\"self\":true");

    it = convert("{" HEAD ALICE ",\"eventSource\":\"iam.amazonaws.com\",\"eventName\":"
                 "\"CreateAccessKey\",\"requestParameters\":null}");
    assert_int_equal(it->delegations, 0);
    assert_has(it, "\"self\":true");
}

static void principals_are_people_where_the_record_names_them(void **state)
{
    (void)state;
    static const struct {
        const char *identity;
        const char *principal;
    } CASES[] = {
        {"\"type\":\"AssumedRole\",\"arn\":\"arn:aws:sts::12:assumed-role/R/"
         "s\",\"sessionContext\":{\"sessionIssuer\":"
         "{\"arn\":\"arn:aws:iam::12:role/R\",\"userName\":\"R\"}}",
            "\"principal\":\"arn:aws:iam::12:role/R\""},
        {"\"type\":\"AssumedRole\",\"arn\":\"arn:aws:sts::12:assumed-role/R/"
         "s\",\"sessionContext\":{\"sourceIdentity\":\"ana b\","
         "\"sessionIssuer\":{\"arn\":\"arn:aws:iam::12:role/R\",\"userName\":\"R\"}}",
            "\"principal\":\"user:ana%20b\""},
        {"\"type\":\"AssumedRole\",\"arn\":\"arn:aws:sts::12:assumed-role/AWSReservedSSO_Ops_1/"
         "kim@acme.example\","
         "\"sessionContext\":{\"sessionIssuer\":{\"arn\":\"arn:aws:iam::12:role/"
         "x\",\"userName\":\"AWSReservedSSO_Ops_1\"}}",
            "\"principal\":\"user:kim@acme.example\""},
        {"\"type\":\"WebIdentityUser\",\"userName\":\"joe\",\"identityProvider\":\"x\"",
            "\"agent\":\"user:joe\",\"principal\":\"user:joe\""},
        {"\"type\":\"AWSAccount\",\"principalId\":\"AIDA:x\",\"accountId\":\"99\"",
            "\"agent\":\"aws:AWSAccount/AIDA:x\""},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        char record[2048];
        snprintf(record,
            sizeof(record),
            "{" HEAD "\"userIdentity\":{%s},\"eventSource\":\"ec2.amazonaws.com\",\"eventName\":"
            "\"StopInstances\"}",
            CASES[i].identity);

        assert_has(convert(record), CASES[i].principal);
    }
}

static void objects_come_from_resources_and_parameters_once(void **state)
{
    (void)state;
    struct converted *it =
        convert("{" HEAD ALICE ",\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"GetObject\","
                "\"requestParameters\":{\"bucketName\":\"b\",\"key\":\"k//x\"},"
                "\"resources\":[{\"ARN\":\"arn:aws:s3:::b/k//"
                "x\"},{\"ARN\":\"arn:aws:s3:::b\"},{\"type\":\"t\"}]}");
    assert_has(
        it, "\"object\":\"arn:aws:s3:::b/k/%2Fx\",\"objects\":[\"arn:aws:s3:::b\"],\"args\"");

    it = convert(
        "{" HEAD ALICE
        ",\"eventSource\":\"lambda.amazonaws.com\",\"eventName\":\"CreateFunction20150331\","
        "\"requestParameters\":{\"functionName\":\"f\",\"role\":\"arn:aws:iam::12:role/R\"}}");
    assert_has(it,
        "\"object\":\"arn:aws:lambda:eu-west-1:12:function:f\",\"objects\":[\"arn:aws:iam::12:role/"
        "R\"]");
}

static void secrets_and_documents_are_left_out(void **state)
{
    (void)state;
    struct converted *it =
        convert("{" HEAD ALICE ",\"eventSource\":\"iam.amazonaws.com\",\"eventName\":\"X\","
                "\"requestParameters\":{\"newPassword\":\"hunter2\",\"clientToken\":\"t0\","
                "\"policyDocument\":\"{}\","
                "\"self\":\"no\",\"path\":\"/\"}}");

    assert_has(it, "\"args\":{\"path\":\"/\"}");
    assert_null(strstr(it->text, "hunter2"));
    assert_null(strstr(it->text, "t0"));
}

static void acts_that_did_not_happen_are_left_out(void **state)
{
    (void)state;
    struct converted *it = convert(
        "{" HEAD ALICE ",\"eventSource\":\"iam.amazonaws.com\",\"eventName\":\"CreateUser\","
        "\"errorCode\":\"AccessDenied\"}");

    assert_int_equal(it->result, SUNDER_CLOUDTRAIL_NOT_DONE);
    assert_string_equal(it->text, "");
    assert_int_equal(it->observed, 0);
}

static void what_is_no_record_is_rejected_with_a_reason(void **state)
{
    (void)state;
    static const char *const RECORDS[][2] = {
        {"[]", "not a JSON object"},
        {"{}", "eventID, eventSource or eventName is missing"},
        {"{\"eventID\":\"e\",\"eventSource\":\"s\",\"eventName\":\"n\"}",
            "no account: neither recipientAccountId nor userIdentity.accountId"},
        {"{" HEAD "\"eventSource\":\"s\",\"eventName\":\"n\"}", "userIdentity names nobody"},
        {"{" HEAD "\"eventSource\":\"s\",\"eventName\":\"n\",\"userIdentity\":[]}",
            "userIdentity names nobody"},
        {"{" HEAD "\"eventSource\":\"s\",\"eventName\":7,\"userIdentity\":{\"arn\":\"a\"}}",
            "eventID, eventSource or eventName is missing"},
    };
    for (size_t i = 0; i < sizeof(RECORDS) / sizeof(RECORDS[0]); i++) {
        struct converted *it = convert(RECORDS[i][0]);

        assert_int_equal(it->result, SUNDER_CLOUDTRAIL_REJECTED);
        assert_string_equal(it->reason, RECORDS[i][1]);
        assert_string_equal(it->text, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_of_a_user_is_an_observed_act),
        cmocka_unit_test(assuming_a_role_is_a_delegation_to_the_session),
        cmocka_unit_test(a_service_that_assumes_a_role_steers_nobody),
        cmocka_unit_test(a_key_for_another_user_is_a_delegation_and_ones_own_is_not),
        cmocka_unit_test(principals_are_people_where_the_record_names_them),
        cmocka_unit_test(objects_come_from_resources_and_parameters_once),
        cmocka_unit_test(secrets_and_documents_are_left_out),
        cmocka_unit_test(acts_that_did_not_happen_are_left_out),
        cmocka_unit_test(what_is_no_record_is_rejected_with_a_reason),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
