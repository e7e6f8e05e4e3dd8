#!/usr/bin/env python3
"""The schemas for editors say what the compiler and the test reader say: same keys, same words; and every policy and test file
that ships is valid by them.

usage: schema.py        (SUNDER_BIN says which program)
"""
import glob
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
    found = re.findall(r'POLICY_WORD\("([^"]+)"\), [^,]+, (true|false)\}', body)
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


if __name__ == "__main__":
    unittest.main()
