#!/usr/bin/env python3
"""Runs the CEL conformance suite (cel-spec v0.25.3, from the Go module cel.dev/expr) on the compiler of conditions.

usage: run_cel.py RUNNER FOLDER

RUNNER is cel_runner; the converted suite is kept in FOLDER. Each test passes, or stands in cel_unsupported.txt with the reason;
one that stands there and passes is a failure too, so the list stays true. Exit: 0 as it should be, 1 not, 77 the suite cannot be
fetched here."""
import collections
import fnmatch
import json
import os
import shutil
import subprocess
import sys

MODULE = "cel.dev/expr@v0.25.3"
TIERS = {"core": 1016, "core_nocheck": 41, "ext": 474, "later": 264, "proto": 713}
HERE = os.path.dirname(os.path.abspath(__file__))


def fetch(folder):
    """The suite as JSON lines; converted once."""
    kept = os.path.join(folder, "cel-spec.jsonl")
    if not os.path.exists(kept):
        if shutil.which("go") is None:
            print("there is no go on PATH to fetch the suite with")
            sys.exit(77)
        shown = subprocess.run(["go", "mod", "download", "-json", MODULE], cwd=folder, capture_output=True, text=True,
                               env={**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}, check=False)
        if shown.returncode != 0:
            print(f"cannot fetch {MODULE}: {shown.stdout}{shown.stderr}")
            sys.exit(77)
        subprocess.run([sys.executable, os.path.join(HERE, "cel_convert.py"), "--src", json.loads(shown.stdout)["Dir"],
                        "--out", kept + ".new"], check=True, stdout=subprocess.DEVNULL)
        os.rename(kept + ".new", kept)
    with open(kept, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def unsupported():
    """[(pattern of ids, reason)], as the list has them."""
    rows = []
    with open(os.path.join(HERE, "cel_unsupported.txt"), encoding="utf-8") as file:
        for line in file:
            line = line.strip()
            if line and not line.startswith("#"):
                pattern, _, reason = line.partition("  ")
                if not reason.strip():
                    sys.exit(f"cel_unsupported.txt: no reason: {line}")
                rows.append((pattern, reason.strip()))
    return rows


def main(argv):
    runner, folder = argv
    tests = fetch(folder)
    counts = collections.Counter(test["tier"] for test in tests)
    if dict(counts) != TIERS:
        print(f"the suite has {dict(counts)} tests, not {TIERS}")
        return 1
    mine = [test for test in tests if test["tier"] != "proto"]
    lines = "".join(json.dumps(test) + "\n" for test in mine)
    shown = subprocess.run([runner], input=lines, capture_output=True, text=True, check=False)
    results = {}
    for line in shown.stdout.splitlines():
        word, _, rest = line.partition(" ")
        name, _, why = rest.partition(": ")
        results[name] = (word == "pass", why)
    rows = unsupported()
    used, passed, listed, wrong = set(), collections.Counter(), collections.Counter(), []
    for test in mine:
        name = test["id"]
        good, why = results.get(name, (False, f"no result; the runner ended with {shown.returncode} {shown.stderr[-300:]}"))
        found = next((i for i, (pattern, _) in enumerate(rows) if fnmatch.fnmatchcase(name, pattern)), None)
        if good:
            passed[test["tier"]] += 1
            if found is not None and "*" not in rows[found][0]:
                wrong.append(f"{name}: passes, yet stands in cel_unsupported.txt")
        elif found is not None:
            used.add(found)
            listed[test["tier"]] += 1
        else:
            wrong.append(f"{name}: {test['expr']!r}: {why}")
    for i, (pattern, _) in enumerate(rows):
        if i not in used:
            wrong.append(f"cel_unsupported.txt: nothing that fails matches {pattern}")
    for row in wrong:
        print(row)
    for tier in ("core", "core_nocheck", "ext", "later"):
        print(f"{tier}: {passed[tier]} of {TIERS[tier]} pass, {listed[tier]} are listed as unsupported")
    print(f"proto: {TIERS['proto']} tests need protobuf messages, which no condition has")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
