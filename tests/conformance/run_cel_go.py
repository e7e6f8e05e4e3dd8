#!/usr/bin/env python3
"""Random expressions on the compiler of conditions and on cel-go: both answer alike, in value or in error.

usage: run_cel_go.py RUNNER FOLDER [COUNT [SEED]]

Exit: 0 no difference, 1 differences, 77 cel-go cannot be built here. The seed is printed first; --seed repeats a run."""
import json
import os
import shutil
import subprocess
import sys
import time

from cel_generate import Generator

HERE = os.path.dirname(os.path.abspath(__file__))
SHOWN = 20


def build(folder):
    """cel-go's program, built from a copy, so that nothing is written into the tree."""
    target = os.path.join(os.path.abspath(folder), "cel-go")
    shutil.copytree(os.path.join(HERE, "cel-go"), target, dirs_exist_ok=True)
    program = os.path.join(target, "cel-go-expect")
    if shutil.which("go") is None:
        print("there is no go on PATH")
        sys.exit(77)
    made = subprocess.run(["go", "build", "-mod=readonly", "-o", program, "."], cwd=target, capture_output=True, text=True,
                          env={**os.environ, "GOFLAGS": "", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}, check=False)
    if made.returncode != 0:
        print(f"cannot build with cel-go: {made.stderr}")
        sys.exit(77)
    return program


def main(argv):
    runner, folder = argv[:2]
    count = int(argv[2]) if len(argv) > 2 else 20000
    seed = int(argv[3]) if len(argv) > 3 else int(time.time())
    print(f"seed {seed}, {count} expressions", flush=True)
    program = build(folder)
    generator = Generator(seed)
    tests = [generator.test(number) for number in range(count)]
    answers = subprocess.run([program], input="".join(json.dumps(test) + "\n" for test in tests), capture_output=True, text=True, check=True)
    answered = [json.loads(line) for line in answers.stdout.splitlines()]
    refused = sum("refused" in test["expect"] for test in answered)
    errors = sum("error" in test["expect"] for test in answered)
    answered = [test for test in answered if "refused" not in test["expect"]]  # Its checker is the stricter one on empty lists.
    shown = subprocess.run([runner], input="".join(json.dumps(test) + "\n" for test in answered), capture_output=True, text=True, check=False)
    lines = shown.stdout.splitlines()
    by_id = {test["id"]: test for test in answered}
    wrong = [line for line in lines if not line.startswith("pass ")]
    for line in wrong[:SHOWN]:
        test = by_id[line.split()[1].rstrip(":")]
        print(line)
        print(f"    {test['expr']}")
        print(f"    {json.dumps(test['bindings'])}")
    lost = len(answered) - len(lines)
    if shown.returncode != 0:
        print(f"the runner ended with {shown.returncode}: {shown.stderr[-500:]}")
    print(f"{len(tests)} expressions: {len(wrong)} differences, {lost} without an answer; cel-go gave {errors} errors and refused {refused}")
    return 1 if wrong or lost or errors + refused > 0.8 * len(tests) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
