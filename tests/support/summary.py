#!/usr/bin/env python3
"""Adds up ctest's JUnit files: one line "N passed, N failed, N skipped", failures and skips by name.

usage: summary.py FOLDER BUILD:LABEL...

Reads FOLDER/BUILD-LABEL.xml of each, or the reason in FOLDER/BUILD-LABEL.skip; one that is missing
or empty is a failure. Exit 0 when nothing failed, and with CI=true nothing was skipped; else 1.
"""
import os
import re
import sys
import xml.etree.ElementTree as ElementTree


def read(path):
    """[(name, status, output)] of one file; status is run, fail or skipped."""
    cases = []
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        status = case.get("status", "fail")
        if case.find("skipped") is not None or status in ("notrun", "disabled"):
            status = "skipped" if _asked_to_skip(case) else "fail"
        elif case.find("failure") is not None:
            status = "fail"
        output = case.findtext("system-out") or ""
        cases.append((case.get("name"), status, output))
    return cases


def _asked_to_skip(case):
    """ctest says "skipped" for a program that is not there too; only exit 77 is a wanted skip."""
    skipped = case.find("skipped")
    return skipped is not None and "SKIP_" in (skipped.get("message") or "")


def _reason_to_skip(path):
    try:
        with open(path.removesuffix(".xml") + ".skip", encoding="utf-8") as file:
            return file.read().strip()
    except FileNotFoundError:
        return None


def summarise(folder, steps):
    """(passed, failures, skips): a count and two lists of lines."""
    passed, failures, skips = 0, [], []
    for step in steps:
        path = os.path.join(folder, step.replace(":", "-") + ".xml")
        reason = _reason_to_skip(path)
        if reason:
            skips.append(f"{step}: {reason}")
            continue
        try:
            cases = read(path)
        except (OSError, ElementTree.ParseError) as error:
            failures.append(f"{step}: no result ({error})")
            continue
        if not cases:
            failures.append(f"{step}: no test has this label")
        for name, status, output in cases:
            named = re.findall(r"^SKIPPED (.*)$", output, re.MULTILINE)
            if status == "fail":
                failures.append(f"{step} {name}")
            elif status == "skipped":
                skips.extend(f"{step} {line}" for line in named or [f"{name}: it said no reason"])
            else:
                passed += 1
                skips.extend(f"{step} {line}" for line in named)
    return passed, failures, skips


def main(argv):
    passed, failures, skips = summarise(argv[0], argv[1:])
    strict = os.environ.get("CI", "").lower() in ("1", "true", "yes")
    for line in skips:
        print(f"skipped: {line}")
    for line in failures:
        print(f"failed: {line}")
    print(f"{passed} passed, {len(failures)} failed, {len(skips)} skipped")
    return 1 if failures or (strict and skips) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
