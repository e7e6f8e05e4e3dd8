#!/usr/bin/env python3
"""Include check: each folder includes only what the architecture lets it see.

usage: includes.py ROOT
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import layers
import source


def check(root):
    """(complaints, files seen)."""
    complaints = []
    names = source.c_files(root)
    for name in names:
        found = source.includes(source.read(root, name))
        for line, header, quoted in found:
            reason = _quoted(root, name, header) if quoted else _foreign(name, header)
            if reason:
                complaints.append(f"{name}:{line}: {header}: {reason}")
        complaints.extend(_own_header_first(root, name, found))
    return complaints, len(names)


def _quoted(root, name, header):
    if header.endswith(".pb-c.h"):
        return None if name.startswith(("proto/", "tests/")) else "generated messages stay inside proto/"
    if not os.path.isfile(os.path.join(root, header)):
        if layers.folder_of(header) is not None:
            return "no such header"
        return "own headers are included from the root of the project, foreign ones with <>"
    if layers.may_include(name, header):
        return None
    return f"{layers.folder_of(name)} may not see {layers.folder_of(header)}"


def _foreign(name, header):
    if name.startswith("tests/"):
        return None
    if name.startswith("engine/"):
        return None if header in layers.PURE_HEADERS else "the core includes pure C17 headers only"
    if header == layers.JANSSON:
        allowed = name.startswith("ops/") or (name.startswith("consumers/") and name.endswith("_config.c"))
        return None if allowed else "jansson is for ops/ and consumers/*_config.c"
    if header == "cmocka.h":
        return "cmocka is for tests/"
    for prefix, (folders, ending) in layers.FOREIGN.items():
        if header.startswith(prefix) and not (name.startswith(folders) and name.endswith(ending)):
            return f"only in *{ending} of {', '.join(folders)}"
    return None


def _own_header_first(root, name, found):
    own = os.path.splitext(name)[0] + ".h"
    if name.endswith(".h") or not os.path.isfile(os.path.join(root, own)):
        return []
    if found and found[0][1] == own:
        return []
    # An adapter implements a port: bus_kafka.c may begin with bus.h, and have bus_kafka.h for its own use.
    if found and found[0][1].endswith(".h") and os.path.splitext(name)[0].startswith(found[0][1][:-2] + "_"):
        return []
    return [f"{name}: its own header comes first, so that each header is proven to stand alone"]


def main(argv):
    complaints, seen = check(argv[0])
    for complaint in complaints:
        print(complaint)
    print(f"includes: {seen} files, {len(complaints)} complaints")
    return 1 if complaints or seen == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
