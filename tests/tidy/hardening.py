#!/usr/bin/env python3
"""Hardening check: what ships is position independent, has full RELRO and no executable stack.

usage: hardening.py PROGRAM...
"""
import os
import re
import subprocess
import sys


def check(programs):
    """(complaints, programs seen)."""
    complaints = []
    for program in programs:
        text = subprocess.run(
            [os.environ.get("READELF", "readelf"), "--wide", "--file-header", "--program-headers", "--dynamic", program],
            capture_output=True, text=True, check=True).stdout
        name = os.path.basename(program)
        if not re.search(r"\(FLAGS_1\).*\bPIE\b", text):
            complaints.append(f"{name} is not position independent")
        if not re.search(r"^\s*GNU_RELRO", text, re.MULTILINE):
            complaints.append(f"{name} has no RELRO")
        if not re.search(r"BIND_NOW|\(FLAGS_1\).*\bNOW\b", text):
            complaints.append(f"{name} binds late, so its RELRO is not full")
        stack = re.search(r"^\s*GNU_STACK\s.*$", text, re.MULTILINE)
        if not stack or re.search(r"\sRWE\s", stack.group(0)):
            complaints.append(f"{name} has an executable stack")
    return complaints, len(programs)


def main(argv):
    complaints, seen = check(argv)
    for complaint in complaints:
        print(complaint)
    print(f"hardening: {seen} programs, {len(complaints)} complaints")
    return 1 if complaints or seen == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
