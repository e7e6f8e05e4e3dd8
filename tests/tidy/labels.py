#!/usr/bin/env python3
"""Label check: each test has one label, and ops/test runs it: a test with another would never run.

usage: labels.py CTEST BUILD ROOT
"""
import json
import os
import re
import subprocess
import sys


def known(script):
    """The labels that ops/test accepts after -L, as its usage line names them."""
    match = re.search(r"only tests with that label \(([a-z, ]+)\)", script)
    return set(match.group(1).split(", ")) if match else set()


def check(tests, labels):
    """(complaints, tests seen); tests as in ctest --show-only=json-v1."""
    complaints = []
    for test in tests:
        own = next((item["value"] for item in test.get("properties", []) if item["name"] == "LABELS"), [])
        if len(own) != 1 or own[0] not in labels:
            complaints.append(f"{test['name']}: its labels are {own}, one of {sorted(labels)} is wanted")
    return complaints, len(tests)


def main(argv):
    ctest, build, root = argv
    shown = subprocess.run(
        [ctest, "--test-dir", build, "--show-only=json-v1"], capture_output=True, text=True, check=True).stdout
    with open(os.path.join(root, "ops", "test"), encoding="utf-8") as file:
        labels = known(file.read())
    complaints, seen = check(json.loads(shown)["tests"], labels)
    for complaint in complaints:
        print(complaint)
    print(f"labels: {seen} tests, {len(complaints)} complaints")
    return 1 if complaints or seen == 0 or not labels else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
