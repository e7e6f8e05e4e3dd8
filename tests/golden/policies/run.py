#!/usr/bin/env python3
"""`sunder test` of each folder that is given, or of each folder below it when it has no policy of its own.

A policy with something that this build refuses by name is left out, by name. So are the folders that `waiting` (beside this file)
lists, one line each: FOLDER REASON; one of these that passes fails here until its line is gone.

usage: run.py FOLDER...
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
LATER = "is not supported by this build yet"


def folders(root):
    names = [os.path.join(root, name) for name in sorted(os.listdir(root))]
    return [path for path in names if os.path.isfile(os.path.join(path, "policy.yaml"))]


def has_tests(folder):
    return any(name.endswith(".yaml") and name != "policy.yaml" for _, _, names in os.walk(folder) for name in names)


def waiting():
    path = os.path.join(HERE, "waiting")
    if not os.path.isfile(path):
        return {}
    with open(path, encoding="utf-8") as file:
        lines = [line.split(maxsplit=1) for line in file if line.strip() and not line.startswith("#")]
    return {name: reason.strip() for name, reason in lines}


def main(roots):
    late, left_out, failed, passed = waiting(), [], 0, 0
    for folder in (folder for root in roots for folder in folders(root)):
        name = os.path.basename(folder)
        if not has_tests(folder):
            left_out.append(f"{name}: no tests")
            continue
        done = subprocess.run([os.environ["SUNDER_BIN"], "test", folder], capture_output=True, text=True, timeout=60, check=False)
        errors = [line for line in done.stderr.splitlines() if re.search(r":\d+:\d+: error: ", line)]
        if done.returncode == 0 and name in late:
            failed += 1
            print(f"{name} passes: take its line out of {os.path.join(HERE, 'waiting')}")
        elif done.returncode == 0:
            passed += 1
        elif errors and all(LATER in line for line in errors):
            left_out.append(f"{name}: {errors[0]}")
        elif name in late:
            left_out.append(f"{name}: {late[name]}")
        else:
            failed += 1
            print(done.stdout + done.stderr)
    for line in left_out:
        print("left out:", line)
    print(f"{passed} folders passed, {failed} failed, {len(left_out)} left out")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
