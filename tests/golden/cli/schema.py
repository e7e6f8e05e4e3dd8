#!/usr/bin/env python3
"""The schemas for editors say what the compiler and the test reader say: same keys, same words; and every policy and test file
that ships is valid by them.

usage: schema.py        (SUNDER_BIN says which program)
"""
import glob
import itertools
import json
import os
import re
import subprocess
import tempfile
import unittest

import jsonschema
import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BIN = os.environ["SUNDER_BIN"]


class Loader(yaml.SafeLoader):
    """YAML 1.2 as editors read it: no dates, and yes is a text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool", ":int", ":float"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), "tf")
Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile("^[-+]?[0-9]+$"), "-+0123456789")
Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+\.[0-9]+$"), "-+0123456789")


def schema(name):
    return json.loads(subprocess.run([BIN, "schema", name], capture_output=True, text=True, check=True).stdout)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def source(path):
    return read(os.path.join(ROOT, path))


def words(text, table):
    """(words that this build has, words of later builds) of a table of the compiler."""
    body = re.search(rf"{table}\[[^\]]*\] = \{{(.*?)\n\s*\}};", text, re.DOTALL).group(1)
    found = re.findall(r'POLICY_WORD\("([^"]+)"\),\s+[^,]+,\s+(true|false)\}', body)
    return {word for word, later in found if later == "false"}, {word for word, later in found if later == "true"}


def files(key):
    """Files of YAML that begin as a policy (`sunder`) or as a test file (`sunder-test`) does, and that are right."""
    paths = glob.glob(os.path.join(ROOT, "ops/policies/**/*.yaml"), recursive=True)
    paths += glob.glob(os.path.join(ROOT, "tests/golden/policies/**/*.yaml"), recursive=True)
    paths += glob.glob(os.path.join(ROOT, "tests/golden/cli/pairs/*.yaml"))
    return sorted(path for path in paths if re.search(rf"^{key}:", read(path), re.MULTILINE))


def errors(checker, path):
    return [f"{os.path.relpath(path, ROOT)}: {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
            for error in checker.iter_errors(yaml.load(read(path), Loader))]


class Policy(unittest.TestCase):
    def setUp(self):
        self.schema = schema("policy")
        self.checker = jsonschema.Draft202012Validator(self.schema)

    def compare(self, keys, path, table):
        has, later = words(source(path), table)
        self.assertTrue(has)
        self.assertEqual(has - set(keys), set(), f"{path}: {table} has what the schema lacks")
        self.assertEqual(set(keys) - has - later, set(), f"the schema has what {path}: {table} lacks")

    def test_it_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(self.schema)

    def test_keys_and_words_are_those_of_the_compiler(self):
        defs = self.schema["$defs"]
        self.compare(self.schema["properties"], "engine/policy/policy_head.c", "head_keys")
        self.compare(defs["entry"]["properties"], "engine/policy/policy_catalogue.c", "entry_keys")
        self.compare(defs["rule"]["properties"], "engine/policy/policy_rules.c", "rule_keys")
        self.compare(defs["exception"]["properties"], "engine/policy/policy_gate.c", "keys")
        self.compare(defs["field"]["enum"], "engine/policy/policy_context.c", "required_fields")
        self.compare(defs["role"]["enum"], "engine/policy/policy_rules.c", "roles")
        self.compare(defs["effect"]["enum"], "engine/policy/policy_rules.c", "effects")
        self.compare(defs["phase"]["enum"], "engine/policy/policy_catalogue.c", "phases")
        self.compare(defs["tier"]["enum"], "engine/policy/policy_catalogue.c", "tiers")
        self.compare(defs["rule"]["properties"]["mode"]["enum"], "engine/policy/policy_rules.c", "modes")

    def test_shipped_policies_are_valid(self):
        paths = files("sunder")
        self.assertGreater(len(paths), 40)
        self.assertEqual([error for path in paths for error in errors(self.checker, path)], [])

    def test_what_check_refuses_by_its_keys_the_schema_refuses_too(self):
        for key in ("error: unknown key `", "` cannot be `", "` is missing: "):
            paths = [path for path in glob.glob(os.path.join(ROOT, "tests/golden/check/*/expected.txt")) if key in read(path)]
            self.assertTrue(paths)
            for path in paths:
                policy = os.path.join(os.path.dirname(path), "policy.yaml")
                self.assertNotEqual(errors(self.checker, policy), [], policy)


class Test(unittest.TestCase):
    def setUp(self):
        self.schema = schema("test")
        self.checker = jsonschema.Draft202012Validator(self.schema)

    def test_it_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(self.schema)

    def test_expectations_are_those_of_the_reader(self):
        parts = set(re.findall(r'\[SUNDER_TEST_\w+\] = \{"(\w+)"', source("ops/cli/test_expect.c")))
        self.assertEqual(parts, set(self.schema["$defs"]["expect"]["oneOf"][1]["properties"]))

    def test_fields_are_those_of_the_events(self):
        """Each field that the schema gives a kind, the reader takes; and no field that it knows is missing there."""
        event = self.schema["$defs"]["event"]
        known = {}
        for rule in event["allOf"]:
            known[rule["if"]["properties"]["kind"]["const"]] = set(rule["then"]["propertyNames"]["enum"])
        every = set().union(*known.values()) - {"kind", "expect", "partition", "key", "at", "after", "id", "source", "value"}
        names = set(re.findall(r'FIELD\("(\w+)"', source("proto/wire_event.c")))
        self.assertEqual(every, names)
        for kind in sorted(set(known) - {"raw"}):
            complaints = self.complaints(kind, every)
            refused = set(re.findall(r"`(\w+)` is a field of|has no field `(\w+)`", complaints))
            refused = {a or b for a, b in refused}
            self.assertEqual(every - refused, known[kind] & every, kind)

    def complaints(self, kind, fields):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "test.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write("sunder-test: 1\ncases:\n  - name: a\n    events:\n      - kind: " + kind + "\n")
                file.writelines(f"        {field}: x\n" for field in sorted(fields))
            return subprocess.run([BIN, "test", path], capture_output=True, text=True, check=False).stderr

    def test_shipped_tests_are_valid(self):
        paths = files("sunder-test")
        self.assertGreater(len(paths), 40)
        found = [error for path in paths for error in errors(self.checker, path)]
        # Where the code malformed is expected, fields have wrong types.
        found = [error for error in found if "S30-failure-is-closed" not in error]
        self.assertEqual(found, [])

    def test_mistakes_are_found(self):
        wrong = os.path.join(ROOT, "tests/golden/cli/test-wrong.yaml")
        self.assertGreater(len(errors(self.checker, wrong)), 10)


def event(kind, source="bot/a1", **data):
    return {"specversion": "1.0", "id": "i1", "source": source, "type": f"dev.sunder.{kind}.v1",
            "time": "2026-03-02T09:00:00Z", "data": {"tenant": "acme", **data}}


# One of each kind, with every field that it has.
WHOLE = [
    event(kind, agent="bot/a1", principal="user:ana", delegation=["bot/planner"], task="T-1", purpose="pay", tool="erp",
          action="pay", object="vendor/V77", objects=["vendor/V78"], case="PO-1", args={"po": 7}, amount="18250.75", currency="EUR",
          labels=["pii"], confidence=0.93, parents=["i0"], credential="sha256:ab", proof="x", idempotency_key="k1")
    for kind in ("intent", "observed")
] + [
    event("outcome", intent="i1", result="executed", proof="x"),
    event("task", task="T-1", state="opened", principal="user:ana", purpose="pay", case="PO-1", duties=["pay"],
          agents=["bot/a1"], expires="2026-03-03T09:00:00+01:00", proof="x"),
    event("delegation", **{"from": "bot/planner"}, to="bot/a1", task="T-1", duties=["pay"], expires="2026-03-03T09:00:00.5Z",
          revoked=False, proof="x"),
    event("case", case="PO-1", state="closed", proof="x"),
    event("case", object="vendor/V77", state="closed"),
    event("control", control="quarantine", subject="bot/a1", proof="x"),
]
# What is put in place of each field, and in place of an item of a list. ABSENT: the field is taken away.
ABSENT = object()
VALUES = [
    ABSENT, None, True, False, 0, 12, -3.5, 1e40, "", "x", "a b", "a//b", "spiffe://acme.example/a", "spiffe:///a", "1://x", "a/", "/a",
    ".", "..", "a/../b", "a/..b", "...", "./a", "\u00e4", "x" * 256, "x" * 257, "1.5", "01", "-0", "1e3", "1e999", "1,5", ".5", "1.",
    "9" * 40, "executed", "opened", "ended", "closed", "release", "tick", "2026-03-02T09:00:00Z", "2026-03-02t09:00:00.123-08:30",
    "2026-13-02T09:00:00Z", "2026-03-02", "2026-03-02T24:00:00Z", [], ["x"], ["x", 1], ["a//b"], [None], ["x"] * 16, ["x"] * 17,
    ["x"] * 32, ["x"] * 33, ["x"] * 64, ["x"] * 65, {}, {"a": {"b": [1]}},
]
FORM = {"malformed", "limit_reached", "bad_identifier", "context_missing", "kind_unsupported"}


class Event(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.schema = schema("event")
        self.checker = jsonschema.Draft202012Validator(self.schema)

    def test_it_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(self.schema)

    def test_fields_are_those_of_the_decoder(self):
        """By kind, as the test file's schema has them (which is compared with the decoder above)."""
        kinds = {"act": "intent", "outcome": "outcome", "task": "task", "delegation": "delegation", "case": "case", "control": "control"}
        rules = {rule["if"]["properties"]["kind"]["const"]: set(rule["then"]["propertyNames"]["enum"])
                 for rule in schema("test")["$defs"]["event"]["allOf"]}
        frame = {"kind", "expect", "partition", "key", "at", "after", "id", "source", "value"}
        for name, kind in kinds.items():
            # An outcome and a case may name what makes a domain finer than the tenant.
            domain = {"agent", "principal", "task", "object", "case"} if kind in ("outcome", "case") else set()
            has = set(self.schema["$defs"][name]["properties"])
            self.assertEqual(has - domain, rules[kind] - frame - domain, kind)

    def test_events_that_ship_are_valid(self):
        lines = read(os.path.join(ROOT, "ops/demo/finance.ndjson")).splitlines()
        sample = os.path.join(ROOT, "ops/policies/cloudtrail/samples/cloudtrail.json")
        lines += subprocess.run([BIN, "ingest", "cloudtrail", "--in", sample], capture_output=True, text=True,
                                check=True).stdout.splitlines()
        found = [error.message for line in lines for error in self.checker.iter_errors(json.loads(line))]
        self.assertGreater(len(lines), 250)
        self.assertEqual(found, [])

    def test_what_it_calls_valid_is_what_the_engine_does_not_refuse_for_its_form(self):
        """Every field of every kind with every value: the schema refuses it exactly when the engine does, in stage 1 or 2."""
        names, tried = zip(*self.changed(), strict=True)
        refused = self.refused(tried)
        wrong = [("engine refuses: " if bad else "engine takes: ") + name
                 for name, item, bad in zip(names, tried, refused, strict=True) if bad == self.checker.is_valid(item)
                 and item.get("source") != ""]  # CloudEvents wants one; the engine only where it stands for the agent.
        self.assertGreater(len(tried), 3000)
        self.assertGreater(sum(refused), 500)
        self.assertEqual(wrong, [])

    @staticmethod
    def changed():
        for whole in WHOLE:
            yield whole["type"], whole
            for where, names in (("data", list(whole["data"])), (None, ["source", "time", "data"])):
                for name, value in itertools.product(names, VALUES):
                    item = json.loads(json.dumps(whole))
                    part = item[where] if where else item
                    part.pop(name)
                    if value is not ABSENT:
                        part[name] = value
                    yield f"{whole['type']} {where} {name}: {value!r:.80}", item

    def refused(self, events):
        """Whether the engine refuses the form, by event. Each has an id and a tenant of its own, so that none meets another."""
        with tempfile.TemporaryDirectory() as folder:
            policy, path = os.path.join(folder, "policy.yaml"), os.path.join(folder, "events.ndjson")
            with open(policy, "w", encoding="utf-8") as file:
                file.write("sunder: 1\nname: t\nauthority: open\ntenant: payload\n"
                           "catalogue:\n  - {tool: erp, action: pay, duty: pay}\n")
            with open(path, "w", encoding="utf-8") as file:
                for number, item in enumerate(events):
                    line = {**item, "id": f"n{number}"}
                    data = line.get("data")
                    if isinstance(data, dict) and data.get("tenant") == "acme":
                        line["data"] = {**data, "tenant": f"t{number}"}
                    file.write(json.dumps(line) + "\n")
            records = subprocess.run([BIN, "replay", "-p", policy, "--in", path], capture_output=True, text=True, check=True).stdout
        bad = [None] * len(events)
        for line in records.splitlines():
            data = json.loads(line)["data"]
            offset = data["source"]["offset"]
            form = data.get("stage", 8) <= 2 if "verdict" in data else data.get("kind") == "dead_letter" and data["code"] in FORM
            bad[offset] = bool(bad[offset]) or form
        # An event of which there is no record is a dead letter alone.
        return [value is not False for value in bad]


if __name__ == "__main__":
    unittest.main()
