#!/usr/bin/env python3
"""Style check: sizes, banned calls, sleeps in tests, machine paths, open ends.

usage: style.py ROOT

Sizes: function 70 lines, 5 parameters, 4 levels of nesting; file 600 lines, header 200.
ROOT/tests/tidy/exceptions lets a piece of code break a rule, one line each with its reason:
    PATH[:FUNCTION] RULE[=NUMBER] REASON
NUMBER is how far it may go; an exception that nothing needs any more is a complaint itself.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import source

LIMITS = {
    "function-lines": 70, "function-parameters": 5, "function-nesting": 4, "file-lines": 600, "header-lines": 200,
}

# call -> what to use instead
BANNED = {
    "strcpy": "memcpy with a length", "strncpy": "memcpy with a length", "strcat": "memcpy with a length",
    "strncat": "memcpy with a length", "sprintf": "snprintf", "vsprintf": "vsnprintf", "gets": "fgets",
    "strtok": "memchr over a struct sunder_str", "atoi": "sunder_decimal or strtoll with a check",
    "atol": "strtoll with a check", "atoll": "strtoll with a check", "atof": "sunder_decimal",
    "rand": "a seeded generator", "srand": "a seeded generator", "random": "a seeded generator",
    "gmtime": "gmtime_r", "localtime": "gmtime_r", "ctime": "own format", "asctime": "own format",
    "setlocale": "nothing: the C locale is relied on", "alloca": "the arena", "tmpnam": "mkstemp",
    "mktemp": "mkstemp", "system": "posix_spawn", "assert": "SUNDER_MUST, which stays on in every build",
    "setjmp": "error codes", "longjmp": "error codes",
}
# Not by symbol check, which sees engine/ only: elsewhere these are someone's job, in rules they are a bug.
BANNED_IN_ENGINE = {
    "qsort": "a sort that compares to the last byte", "malloc": "the arena", "calloc": "the arena",
    "realloc": "the arena", "free": "the arena", "printf": "nothing: the core does not log",
    "fprintf": "nothing: the core does not log", "snprintf": "the arena and own writers (no locale)",
    "strtod": "sunder_decimal", "time": "the record's time", "clock_gettime": "the record's time",
}
FLOAT_FOLDER = "engine/expr/"

SLEEP_CALL = re.compile(r"(?<![\w.])((?:time|asyncio|Thread)\.)?(u?sleep|nanosleep|clock_nanosleep|Sleep)\s*\(")
SHELL_SLEEP = re.compile(r"(^|[;&|(]|\bdo\b)\s*sleep\s+[\d.$]")

# Built from parts, so that this file does not complain about itself.
MACHINE_PATH = re.compile("(?<![\\w.])/(" + "|".join(["root", "home/\\w+", "work/\\w+", "Users/\\w+"]) + ")/|"
                          + re.escape("/tmp/" + "build-") + "|" + re.escape("../" + "shared"))
OPEN_END = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b(?!\(#\d+\))")
TEXT_ENDINGS = (
    ".c", ".h", ".cc", ".py", ".sh", ".cmake", ".txt", ".md", ".yaml", ".yml", ".json", ".proto", ".js", ".mjs", ".ts",
    ".java", ".go", ".css", ".html", ".service", ".conf")
# Bytes that were found, kept as they are.
FOREIGN_FOLDERS = ("tests/fuzz/corpus_",)


class Finding:
    """place: PATH or PATH:FUNCTION; rule; value: how far over the limit, None when there is no measure."""

    def __init__(self, place, line, rule, text, value=None):
        self.place = place
        self.line = line
        self.rule = rule
        self.text = text
        self.value = value

    def __str__(self):
        path = self.place.split(":", maxsplit=1)[0]
        return f"{path}:{self.line}: {self.rule}: {self.text}"


def _sizes(name, text):
    rule = "header-lines" if name.endswith(".h") else "file-lines"
    lines = text.count("\n")
    if lines > LIMITS[rule]:
        yield Finding(name, lines, rule, f"{lines} lines, {LIMITS[rule]} allowed", lines)
    for function in source.functions(text):
        for rule, value in (
                ("function-lines", function.lines), ("function-parameters", function.parameters),
                ("function-nesting", function.nesting)):
            if value > LIMITS[rule]:
                yield Finding(f"{name}:{function.name}", function.line, rule,
                              f"{function.name} has {value}, {LIMITS[rule]} allowed", value)


def _calls(name, text):
    banned = {**BANNED, **BANNED_IN_ENGINE} if name.startswith("engine/") else BANNED
    for number, line in enumerate(source.strip(text).split("\n"), 1):
        for match in re.finditer(r"(?<![\w.])(?<!->)(\w+)\s*\(", line):
            if match.group(1) in banned:
                yield Finding(name, number, "banned-call", f"{match.group(1)}: use {banned[match.group(1)]}")
        if name.startswith("engine/") and not name.startswith(FLOAT_FOLDER) and re.search(r"\b(float|double)\b", line):
            yield Finding(name, number, "float", "no floating point outside engine/expr")


def _form(name, text):
    if name.endswith(".h"):
        if "#pragma once" not in text:
            yield Finding(name, 1, "header-form", "no #pragma once")
        if not text.startswith("/*"):
            yield Finding(name, 1, "header-form", "the first lines say what it is")
    without_strings = re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"',
                             lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.DOTALL)
    for number, line in enumerate(without_strings.split("\n"), 1):
        if "//" in re.sub(r"^\} // namespace\b.*$", "", line):  # The formatter's own.
            yield Finding(name, number, "comment-form", "comments are /* */")


def _sleeps(name, text):
    if not name.startswith("tests/"):
        return
    if name.endswith(source.C_ENDINGS):
        text = source.strip(text)
    shell = name.endswith(".sh") or text.startswith(("#!/bin/sh", "#!/usr/bin/env bash"))
    for number, line in enumerate(text.split("\n"), 1):
        if not name.endswith(source.C_ENDINGS):
            line = line.split("#", maxsplit=1)[0]
        if (SHELL_SLEEP if shell else SLEEP_CALL).search(line):
            yield Finding(name, number, "sleep", "wait for a condition with a deadline")


def _text(name, text):
    for number, line in enumerate(text.split("\n"), 1):
        if MACHINE_PATH.search(line):
            yield Finding(name, number, "machine-path", "a path of somebody's machine")
        if OPEN_END.search(line):
            yield Finding(name, number, "open-end", "needs an issue number: (#12)")


def _is_text(root, name):
    if name.endswith(TEXT_ENDINGS):
        return True
    if "." in os.path.basename(name):
        return False
    with open(os.path.join(root, name), "rb") as file:
        return file.read(2) == b"#!"


def findings(root):
    """(findings, files seen)."""
    found, seen = [], 0
    for name in source.files(root):
        if name.startswith(FOREIGN_FOLDERS) or not _is_text(root, name):
            continue
        seen += 1
        text = source.read(root, name)
        found.extend(_text(name, text))
        found.extend(_sleeps(name, text))
        if name.endswith(source.C_ENDINGS):
            found.extend(_sizes(name, text))
            found.extend(_form(name, text))
            if not name.startswith("tests/"):
                found.extend(_calls(name, text))
    return found, seen


def exceptions(root):
    """{(place, rule): (number or None, line)}, and complaints about the file itself."""
    table, complaints = {}, []
    path = os.path.join(root, "tests/tidy/exceptions")
    if not os.path.isfile(path):
        return table, complaints
    for number, line in enumerate(source.read(root, "tests/tidy/exceptions").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.match(r"(\S+) ([a-z-]+)(?:=(\d+))? (\S.{9,})$", line)
        if not match:
            complaints.append(f"tests/tidy/exceptions:{number}: not PATH[:FUNCTION] RULE[=NUMBER] REASON")
            continue
        limit = int(match.group(3)) if match.group(3) else None
        table[(match.group(1), match.group(2))] = (limit, number)
    return table, complaints


def check(root):
    """(complaints, files seen)."""
    found, seen = findings(root)
    table, complaints = exceptions(root)
    used = set()
    for finding in found:
        key = (finding.place, finding.rule)
        if key in table:
            used.add(key)
            limit = table[key][0]
            if finding.value is None or (limit is not None and finding.value <= limit):
                continue
        complaints.append(str(finding))
    for key in sorted(set(table) - used):
        complaints.append(f"tests/tidy/exceptions:{table[key][1]}: nothing needs it any more: {key[0]} {key[1]}")
    return complaints, seen


def main(argv):
    complaints, seen = check(argv[0])
    for complaint in complaints:
        print(complaint)
    print(f"style: {seen} files, {len(complaints)} complaints")
    return 1 if complaints or seen == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
