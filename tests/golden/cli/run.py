#!/usr/bin/env python3
"""Commands of the command line with what they print, as text: one file *.txt per case.

    # why this case is there
    $ sunder check bad.yaml          a line of shell; `sunder` is the one that was built, the folder is the project's root
    exit 1
    --- stdout
    ...
    --- stderr                       left out when empty; figures of time and rate stand as N
    ...

usage: run.py [--update] [CASE]...   --update writes what is printed now into the files: read the diff
"""
import difflib
import glob
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
FIGURES = [(re.compile(r"\d+\.\d+ s, \d+ events/s"), "N s, N events/s"),
           (re.compile(r"not checked; \d+\.\d+ s"), "not checked; N s")]


def split(text):
    """(comment lines, command)."""
    comment = []
    for line in text.splitlines():
        if line.startswith("$ "):
            return comment, line[2:]
        comment.append(line)
    raise SystemExit("a case has no line that begins with '$ '")


def run(command):
    environment = dict(os.environ, NO_COLOR="1", LC_ALL="C")
    environment["PATH"] = os.path.dirname(os.environ["SUNDER_BIN"]) + os.pathsep + environment["PATH"]
    environment.pop("SUNDER_BROKERS", None)
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")


def rendered(comment, command):
    code, out, err = run(command)
    for pattern, text in FIGURES:
        err = pattern.sub(text, err)
    parts = [*comment, f"$ {command}", f"exit {code}"]
    for name, text in (("stdout", out), ("stderr", err)):
        if text:
            parts += [f"--- {name}", text.rstrip("\n")]
    return "\n".join(parts) + "\n"


def main(argv):
    update = "--update" in argv
    wanted = [name for name in argv if not name.startswith("--")]
    failed = 0
    paths = sorted(glob.glob(os.path.join(HERE, "*.txt")))
    paths = [path for path in paths if os.path.basename(path) != "CMakeLists.txt"]
    paths = [path for path in paths if not wanted or os.path.basename(path)[:-4] in wanted]
    for path in paths:
        with open(path, encoding="utf-8") as file:
            expected = file.read()
        actual = rendered(*split(expected))
        if actual == expected:
            continue
        if update:
            with open(path, "w", encoding="utf-8") as file:
                file.write(actual)
            continue
        failed += 1
        name = os.path.relpath(path, HERE)
        sys.stdout.writelines(difflib.unified_diff(
            expected.splitlines(True), actual.splitlines(True), f"{name} expected", f"{name} printed"))
    print(f"{len(paths)} cases, {failed} failed")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
