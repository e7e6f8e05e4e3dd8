#!/usr/bin/env python3
"""Runs pytest for one ctest entry, so that a skip is seen and never taken for a pass.

usage: run_pytest.py NAME PATH [pytest arguments...]

Exit: 0 passed; 77 nothing could run (ctest shows "Skipped"); anything else failed.
Outside CI a skipped case is named on stdout ("SKIPPED name: reason"). With CI=true a skip fails.
"""
import os
import sys

CTEST_SKIP = 77


class Outcomes:
    """Collects what pytest reports: passed cases, and skipped ones with their reason."""

    def __init__(self):
        self.passed = 0
        self.skipped = []

    def pytest_runtest_logreport(self, report):
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped.append((report.nodeid, _reason(report)))
        elif report.when == "call" and report.passed:
            self.passed += 1

    def pytest_collectreport(self, report):
        if report.skipped:
            self.skipped.append((report.nodeid, _reason(report)))


def _reason(report):
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2]
    return str(report.longrepr)


def in_ci():
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def verdict(code, passed, skipped, strict):
    """The exit code for pytest's own exit code and what ran."""
    if code not in (0, 5):  # 5: nothing was collected
        return code
    if strict and skipped:
        return 1
    if passed == 0:
        return CTEST_SKIP if skipped else 1  # An empty run is a mistake, not a success.
    return 0


def main(argv):
    name, path, *rest = argv
    try:
        import pytest
    except ImportError:
        print(f"SKIPPED {name}: {sys.executable} has no pytest (ops/setup installs it)")
        return 1 if in_ci() else CTEST_SKIP

    outcomes = Outcomes()
    options = ["-q", "-p", "no:cacheprovider", "--tb=short", "--durations=5"]
    code = int(pytest.main([*options, *rest, path], plugins=[outcomes]))
    for case, reason in outcomes.skipped:
        print(f"SKIPPED {case}: {reason}")
    result = verdict(code, outcomes.passed, outcomes.skipped, in_ci())
    if result == 1 and code == 0:
        print(f"{name}: in CI nothing may be skipped" if outcomes.skipped else f"{name}: no test ran")
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
