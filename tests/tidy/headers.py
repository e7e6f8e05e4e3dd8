#!/usr/bin/env python3
"""Header check: each header of ours compiles alone, as the first thing of a file.

usage: headers.py ROOT GENERATED COMPILER [ARGUMENT...]

GENERATED is where headers made by the build are; it need not exist.
"""
import concurrent.futures
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import source

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wstrict-prototypes", "-Wundef", "-Werror"]
POSIX = ["-D_POSIX_C_SOURCE=200809L", "-D_DEFAULT_SOURCE"]


def _compile(root, generated, command, name):
    """None, or the compiler's first lines."""
    own = ["-std=c17", "-fsyntax-only", "-I", root, "-isystem", generated, *WARNINGS]
    if not name.startswith(("engine/", "proto/")):
        own += POSIX
    text = f'#include "{name}"\ntypedef int sunder_not_empty;\n'
    with tempfile.NamedTemporaryFile("w", suffix=".c") as file:
        file.write(text)
        file.flush()
        result = subprocess.run([*command, *own, file.name], capture_output=True, text=True, check=False)
    return None if result.returncode == 0 else "\n".join(result.stderr.splitlines()[:6])


def check(root, generated, command):
    """(complaints, headers seen)."""
    names = [name for name in source.files(root) if name.endswith(".h")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda name: _compile(root, generated, command, name), names))
    return [f"{name} does not stand alone:\n{text}" for name, text in zip(names, results) if text], len(names)


def main(argv):
    complaints, seen = check(argv[0], argv[1], argv[2:])
    for complaint in complaints:
        print(complaint)
    print(f"headers: {seen} headers, {len(complaints)} complaints")
    return 1 if complaints or seen == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
