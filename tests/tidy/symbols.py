#!/usr/bin/env python3
"""Symbol check: the core asks nothing of the world, and keeps no state of its own.

usage: symbols.py [--sanitized] LIBRARY...

LIBRARY... are all static libraries of engine/, leftmost layer first. For every undefined symbol of
every object: it is on the allow-list, or defined in this library or one to its left. No object has
writable data but the must-hook. A pure core is then a fact about the object files.
"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import layers


def _nm(library):
    """[(object, name, type, section)]"""
    output = subprocess.run(
        [os.environ.get("NM", "nm"), "--format=sysv", library], capture_output=True, text=True, check=True).stdout
    symbols, member = [], "?"
    for line in output.splitlines():
        match = re.match(r"^(?:Undefined symbols|Symbols) from .*\[(.+)\]:$", line)
        if match:
            member = match.group(1)
            continue
        fields = [field.strip() for field in line.split("|")]
        if len(fields) == 7 and fields[0] != "Name":
            symbols.append((member, fields[0], fields[2], fields[6]))
    return symbols


def check(libraries, sanitized):
    """(complaints, undefined symbols seen)."""
    complaints, defined, seen = [], set(), 0
    allowed = re.compile(layers.COMPILER_SYMBOLS + ("|" + layers.SANITIZER_SYMBOLS if sanitized else ""))
    for library in libraries:
        symbols = _nm(library)
        defined |= {name for _, name, kind, _ in symbols if kind not in ("U", "w")}
        short = os.path.basename(library)
        for member, name, kind, section in symbols:
            if kind in ("U", "w"):
                seen += 1
                if name not in layers.PURE_SYMBOLS and name not in defined and not allowed.fullmatch(name):
                    complaints.append(f"{short}({member}) needs {name}")
            elif _writable(section) and name not in layers.WRITABLE and not _of_sanitizer(name, sanitized):
                complaints.append(f"{short}({member}) has writable data: {name} in {section}")
    return complaints, seen


def _writable(section):
    if section.startswith((".data.rel.ro", ".init_array", ".fini_array")):
        return False
    return section == "*COM*" or section.startswith((".data", ".bss", ".tdata", ".tbss"))


def _of_sanitizer(name, sanitized):
    return sanitized and re.match(r"(\.L|__(unnamed_|odr_asan|asan|ubsan|tsan|sanitizer|sancov))", name) is not None


def main(argv):
    sanitized = bool(argv) and argv[0] == "--sanitized"
    libraries = argv[1:] if sanitized else argv
    complaints, seen = check(libraries, sanitized)
    for complaint in complaints:
        print(complaint)
    print(f"symbols: {len(libraries)} libraries, {seen} undefined symbols, {len(complaints)} complaints")
    return 1 if complaints or not libraries or seen == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
