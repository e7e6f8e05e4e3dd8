#!/usr/bin/env python3
"""Link check: the graph of CMake's targets is the architecture.

usage: links.py GRAPH

GRAPH is what cmake/SunderGraph.cmake wrote: a line "target|type|folder|library;library..." each.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import layers


def parse(text):
    """{target: (type, folder, [libraries])}"""
    graph = {}
    for line in text.splitlines():
        target, kind, folder, libraries = line.split("|")
        graph[target] = (kind, folder, [library for library in libraries.split(";") if library])
    return graph


def check(text):
    """(complaints, targets seen)."""
    graph = parse(text)
    complaints = []
    for target, (_, path, libraries) in sorted(graph.items()):
        folder = layers.folder_of(path)
        if folder is None:
            complaints.append(f"{target}: the folder {path} is not in the table of layers")
            continue
        if folder == "tests":
            continue
        for library in libraries:
            reason = _reason(graph, folder, library)
            if reason:
                complaints.append(f"{target} ({folder}) links {library}: {reason}")
    return complaints, len(graph)


def _reason(graph, folder, library):
    plain = re.sub(r"^\$<LINK_ONLY:(.*)>$", r"\1", library)
    if plain in graph:
        theirs = layers.folder_of(graph[plain][1])
        if theirs is not None and layers.may_link(folder, theirs):
            return None
        return f"{folder} may not see {theirs}"
    if plain in layers.FOREIGN_LINKS:
        top = folder.split("/", maxsplit=1)[0]
        return None if top in layers.FOREIGN_LINKS[plain] else "not for this folder"
    return "neither a target of ours nor a foreign library in the table of layers"


def main(argv):
    with open(argv[0], encoding="utf-8") as file:
        complaints, seen = check(file.read())
    for complaint in complaints:
        print(complaint)
    print(f"links: {seen} targets, {len(complaints)} complaints")
    return 1 if complaints or seen == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
