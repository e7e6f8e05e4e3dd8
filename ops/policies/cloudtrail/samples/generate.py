#!/usr/bin/env python3
"""Writes the sample log: one day of an AWS account as CloudTrail delivers it, after the public format's documentation
("CloudTrail record contents", "CloudTrail userIdentity element"). Benign traffic, and planted among it:

  1. mallory (IAM user) writes a policy version that allows everything, and makes it the default two hours later.
  2. A planner role session starts two helper sessions by AssumeRole: one creates a function with a powerful role, the
     other invokes it. Neither does both.
  3. dev-2 (through a role session) makes an access key for the user backup-admin, and with that key AdministratorAccess
     is attached to dev-2.
  4. A session stops the trail and reads the payroll bucket within minutes.

usage: generate.py >cloudtrail.json        The same bytes each time.
"""
import json
import random
import sys

ACCOUNT = "123456789012"
REGION = "eu-central-1"
rng = random.Random(20260302)
records = []


def uuid():
    text = f"{rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def key(prefix):
    return prefix + "".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16))


def when(seconds):
    return f"2026-03-02T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}Z"


class User:
    """An IAM user with a long-lived access key."""

    def __init__(self, name, ip):
        self.name, self.ip = name, ip
        self.principal_id = key("AIDA")
        self.key = key("AKIA")
        self.arn = f"arn:aws:iam::{ACCOUNT}:user/{name}"

    def identity(self):
        return {"type": "IAMUser", "principalId": self.principal_id, "arn": self.arn, "accountId": ACCOUNT,
                "accessKeyId": self.key, "userName": self.name}


class Session:
    """A role session."""

    def __init__(self, role, name, ip, since, source_identity=None):
        self.role, self.name, self.ip, self.since = role, name, ip, since
        self.role_id = key("AROA")
        self.key = key("ASIA")
        self.arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}"
        self.role_arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        self.source_identity = source_identity

    def identity(self):
        context = {"sessionIssuer": {"type": "Role", "principalId": self.role_id, "arn": self.role_arn,
                                     "accountId": ACCOUNT, "userName": self.role},
                   "webIdFederationData": {},
                   "attributes": {"mfaAuthenticated": "false", "creationDate": when(self.since)}}
        if self.source_identity:
            context["sourceIdentity"] = self.source_identity
        return {"type": "AssumedRole", "principalId": f"{self.role_id}:{self.name}", "arn": self.arn,
                "accountId": ACCOUNT, "accessKeyId": self.key, "sessionContext": context}


class Service:
    """An AWS service that acts by itself."""

    def __init__(self, name):
        self.name, self.ip = name, name

    def identity(self):
        return {"type": "AWSService", "invokedBy": self.name}


def record(seconds, who, service, name, request=None, response=None, resources=None, **more):
    read_only = name.startswith(("Get", "List", "Describe", "Lookup", "Head"))
    data_event = service in ("s3", "lambda") and name in ("GetObject", "PutObject", "Invoke")
    event = {
        "eventVersion": "1.09", "userIdentity": who.identity(), "eventTime": when(seconds),
        "eventSource": f"{service}.amazonaws.com", "eventName": name,
        "awsRegion": "us-east-1" if service == "iam" else REGION,  # IAM is one for all regions, and logs there.
        "sourceIPAddress": who.ip,
        "userAgent": who.ip if isinstance(who, Service) else "aws-cli/2.15.30 Python/3.11.8 Linux/6.1.0 exe/x86_64",
        "requestParameters": request, "responseElements": response,
        "requestID": uuid(), "eventID": uuid(), "readOnly": read_only,
        "eventType": "AwsApiCall", "managementEvent": not data_event, "recipientAccountId": ACCOUNT,
        "eventCategory": "Data" if data_event else "Management",
    }
    if resources:
        event["resources"] = [{"accountId": ACCOUNT, "type": kind, "ARN": arn} for kind, arn in resources]
    if not isinstance(who, Service):
        event["tlsDetails"] = {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
                               "clientProvidedHostHeader": f"{service}.{REGION}.amazonaws.com"}
    event.update(more)
    records.append((seconds, len(records), event))
    return event


def assume(seconds, who, role, name, **more):
    session = Session(role, name, who.ip, seconds, **more)
    record(seconds, who, "sts", "AssumeRole",
           {"roleArn": session.role_arn, "roleSessionName": name, "durationSeconds": 3600},
           {"credentials": {"accessKeyId": session.key, "sessionToken": "HIDDEN_DUE_TO_SECURITY_REASONS",
                            "expiration": "Mar 2, 2026, 11:59:59 PM"},
            "assumedRoleUser": {"assumedRoleId": f"{session.role_id}:{name}", "arn": session.arn}},
           [("AWS::IAM::Role", session.role_arn)])
    return session


def get_object(seconds, who, bucket, name):
    record(seconds, who, "s3", "GetObject",
           {"bucketName": bucket, "key": name, "Host": f"{bucket}.s3.{REGION}.amazonaws.com"}, None,
           [("AWS::S3::Object", f"arn:aws:s3:::{bucket}/{name}"), ("AWS::S3::Bucket", f"arn:aws:s3:::{bucket}")])


def function_arn(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def create_function(seconds, who, name, role):
    record(seconds, who, "lambda", "CreateFunction20150331",
           {"functionName": name, "runtime": "python3.12", "role": f"arn:aws:iam::{ACCOUNT}:role/{role}",
            "handler": "main.handler", "code": {"s3Bucket": "build-artifacts", "s3Key": f"{name}.zip"},
            "publish": False},
           {"functionName": name, "functionArn": function_arn(name), "state": "Pending"})


def invoke(seconds, who, name):
    record(seconds, who, "lambda", "Invoke", {"functionName": function_arn(name), "invocationType": "RequestResponse"},
           None, [("AWS::Lambda::Function", function_arn(name))])


alice, bob = User("alice", "198.51.100.10"), User("bob", "198.51.100.11")
dev2, mallory = User("dev-2", "198.51.100.22"), User("mallory", "203.0.113.66")
backup_admin = User("backup-admin", "198.51.100.30")
orchestrator = User("agent-orchestrator", "198.51.100.40")
lambda_service, events_service = Service("lambda.amazonaws.com"), Service("events.amazonaws.com")


def benign_people():
    """Two developers, an operator from the identity centre, a pipeline."""
    for person, start in ((alice, 28800), (bob, 29400), (dev2, 30000)):
        session = assume(start, person, "Developer", person.name)
        for i in range(14):
            at = start + 120 + i * rng.randint(200, 420)
            act = rng.choice(("DescribeInstances", "DescribeVolumes", "DescribeSecurityGroups"))
            record(at, session, "ec2", act, {"maxResults": 100})
        for i in range(6):
            get_object(start + 900 + i * rng.randint(400, 900), session, "build-artifacts", f"app-{i}.zip")
    kim = Session("AWSReservedSSO_Operations_0a1b2c3d4e5f6071", "kim@acme.example", "198.51.100.50", 31000)
    for i in range(20):
        record(31200 + i * rng.randint(150, 500), kim, "cloudwatch", "DescribeAlarms", {"maxRecords": 50})
    record(40000, kim, "ec2", "RebootInstances", {"instancesSet": {"items": [{"instanceId": "i-0abc12de34f567890"}]}},
           {"_return": True})
    # Their own keys may be rotated by everybody.
    record(33000, alice, "iam", "CreateAccessKey", None,
           {"accessKey": {"accessKeyId": key("AKIA"), "status": "Active", "userName": "alice",
                          "createDate": "Mar 2, 2026, 9:10:00 AM"}})
    # A console attempt that was refused did not happen.
    record(34100, bob, "iam", "CreateUser", {"userName": "test"}, None, errorCode="AccessDenied",
           errorMessage=f"User: {bob.arn} is not authorized to perform: iam:CreateUser")


def benign_pipeline():
    """A pipeline creates functions; a scheduler, another role, invokes them. Policies are written by one and activated by
    another party."""
    pipeline = assume(32000, alice, "Pipeline", "release-411")
    for i in range(6):
        create_function(32100 + i * 60, pipeline, f"report-{i}", "ReportRunner")
    runner = Session("Scheduler", "hourly", "events.amazonaws.com", 32500)
    record(32500, events_service, "sts", "AssumeRole",
           {"roleArn": runner.role_arn, "roleSessionName": "hourly"},
           {"credentials": {"accessKeyId": runner.key, "expiration": "Mar 2, 2026, 11:59:59 PM"},
            "assumedRoleUser": {"assumedRoleId": f"{runner.role_id}:hourly", "arn": runner.arn}},
           [("AWS::IAM::Role", runner.role_arn)], sharedEventID=uuid())
    for hour in range(9, 23):
        for i in range(3):
            invoke(hour * 3600 + i * 20, runner, f"report-{i}")
    policy = f"arn:aws:iam::{ACCOUNT}:policy/report-read"
    record(35000, alice, "iam", "CreatePolicyVersion",
           {"policyArn": policy, "policyDocument": '{"Version":"2012-10-17","Statement":[]}', "setAsDefault": False},
           {"policyVersion": {"versionId": "v4", "isDefaultVersion": False, "createDate": "Mar 2, 2026, 9:43:20 AM"}})
    record(36500, bob, "iam", "SetDefaultPolicyVersion", {"policyArn": policy, "versionId": "v4"})


def benign_services():
    """What runs by itself."""
    for i in range(60):
        at = 28800 + i * 800 + rng.randint(0, 600)
        record(at, lambda_service, "kms", "Decrypt", {"encryptionContext": {"aws:lambda:FunctionArn": function_arn("report-1")}},
               None, [("AWS::KMS::Key", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1111aaaa-22bb-33cc-44dd-5555eeee6666")])


def planted_policy():
    policy = f"arn:aws:iam::{ACCOUNT}:policy/app-deploy"
    record(37000, mallory, "iam", "CreatePolicyVersion",
           {"policyArn": policy, "setAsDefault": False,
            "policyDocument": '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'},
           {"policyVersion": {"versionId": "v7", "isDefaultVersion": False, "createDate": "Mar 2, 2026, 10:16:40 AM"}})
    record(44200, mallory, "iam", "SetDefaultPolicyVersion", {"policyArn": policy, "versionId": "v7"})


def planted_helpers():
    planner = assume(45000, orchestrator, "AgentPlanner", "planner-8841")
    builder = assume(45060, planner, "AgentBuilder", "builder-1")
    operator = assume(45090, planner, "AgentOperator", "operator-1")
    create_function(45200, builder, "cleanup-tmp", "OrgAdmin")
    invoke(45320, operator, "cleanup-tmp")


def planted_key():
    session = assume(47000, dev2, "Developer", "dev-2-evening")
    new_key = key("AKIA")
    record(47100, session, "iam", "CreateAccessKey", {"userName": "backup-admin"},
           {"accessKey": {"accessKeyId": new_key, "status": "Active", "userName": "backup-admin",
                          "createDate": "Mar 2, 2026, 1:05:00 PM"}})
    backup_admin.key, backup_admin.ip = new_key, session.ip
    record(47400, backup_admin, "sts", "GetCallerIdentity")
    record(47460, backup_admin, "iam", "AttachUserPolicy",
           {"userName": "dev-2", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"})


def planted_silence():
    session = assume(61000, mallory, "Auditor", "audit-7")
    record(61100, session, "cloudtrail", "StopLogging", {"name": "org-trail"})
    for i in range(8):
        get_object(61200 + i * 15, session, "acme-payroll", f"2026/02/payslips-{i:03d}.csv")


def main():
    for part in (benign_people, benign_pipeline, benign_services, planted_policy, planted_helpers, planted_key,
                 planted_silence):
        part()
    lines = [json.dumps(event, separators=(",", ":")) for _, _, event in sorted(records, key=lambda it: it[:2])]
    sys.stdout.write('{"Records":[\n' + ",\n".join(lines) + "\n]}\n")


if __name__ == "__main__":
    main()
