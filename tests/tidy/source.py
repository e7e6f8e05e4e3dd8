"""Files of a tree and what the checks need to see in C: text without comments, functions, includes.

A reader of C good enough for this project's style, not a parser: macros that hide braces would
mislead it, and the style forbids them.
"""
import bisect
import os
import re
import subprocess

C_ENDINGS = (".c", ".h", ".cc")
NOT_OURS = {".git", "build", "__pycache__", ".cache", "node_modules", ".pytest_cache"}


def files(root):
    """Sorted relative paths: what git tracks, or (without a repository) every file."""
    tracked = None
    if os.path.exists(os.path.join(root, ".git")):
        # Another owner's clone is git's concern, not ours: reading names is harmless.
        git = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z"], capture_output=True, check=False)
        if git.returncode == 0:
            tracked = [name for name in git.stdout.decode().split("\0") if name]
    if tracked is not None:
        return sorted(name for name in tracked if os.path.isfile(os.path.join(root, name)))
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in NOT_OURS]
        found.extend(os.path.relpath(os.path.join(folder, name), root) for name in names)
    return sorted(found)


def c_files(root):
    return [name for name in files(root) if name.endswith(C_ENDINGS)]


def read(root, name):
    with open(os.path.join(root, name), encoding="utf-8") as file:
        return file.read()


def strip(text):
    """The text with comments, string and character contents and directives as spaces; lines stay."""

    def blank(match):
        token = match.group(0)
        if token[0] in "\"'":
            return token[0] + " " * (len(token) - 2) + token[0]
        return re.sub(r"[^\n]", " ", token)

    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    text = re.sub(pattern, blank, text, flags=re.DOTALL)
    directive = r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*"
    return re.sub(directive, lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.MULTILINE)


class Function:
    """name, line of the signature, lines from { to }, parameters, deepest nesting within."""

    def __init__(self, name, line, lines, parameters, nesting):
        self.name = name
        self.line = line
        self.lines = lines
        self.parameters = parameters
        self.nesting = nesting


def _matching(code, at, opening, closing):
    depth = 0
    for i in range(at, len(code)):
        if code[i] == opening:
            depth += 1
        elif code[i] == closing:
            depth -= 1
            if depth == 0:
                return i
    return len(code) - 1


def _opening_paren(code, at):
    """The index of the ( that the ) at `at` closes."""
    depth = 0
    for i in range(at, -1, -1):
        if code[i] == ")":
            depth += 1
        elif code[i] == "(":
            depth -= 1
            if depth == 0:
                return i
    return 0


BLOCK_WORDS = {"if", "for", "while", "switch", "catch"}
QUALIFIERS = r"(?:\b(?:const|noexcept|override|final)|__attribute__\s*\(\([^()]*(?:\([^()]*\)[^()]*)*\)\))"


def _without_qualifiers(head):
    """The text before a { without what may stand between a parameter list and it."""
    head = head.rstrip()
    while True:
        tail = re.search(rf"{QUALIFIERS}$", head[-120:])
        if not tail:
            return head
        head = head[:len(head) - len(tail.group(0))].rstrip()


def _word_before(code, at):
    match = re.search(r"(\w+)\s*$", code[max(0, at - 200):at])
    return match.group(1) if match else ""


def _is_block(code, brace):
    """Whether this { opens a statement block, not an initializer or a compound literal."""
    before = code[max(0, brace - 400):brace].rstrip()
    if before.endswith((";", "{", "}", ":")):
        return True
    if re.search(r"\b(else|do|try)$", before):
        return True
    if before.endswith(")"):
        start = brace - (len(code[max(0, brace - 400):brace]) - len(before)) - 1
        return _word_before(code, _opening_paren(code, start)) in BLOCK_WORDS
    return False


def _parameters(text):
    text = text.strip()
    if text in ("", "void"):
        return 0
    depth, count = 0, 1
    for char in text:
        if char in "(<[":
            depth += 1
        elif char in ")>]":
            depth -= 1
        elif char == "," and depth == 0:
            count += 1
    return count


def _nesting(code, start, end):
    deepest, kinds = 0, []
    for i in range(start + 1, end):
        if code[i] == "{":
            kinds.append((not kinds or kinds[-1]) and _is_block(code, i))
            deepest = max(deepest, sum(kinds))
        elif code[i] == "}" and kinds:
            kinds.pop()
    return deepest


def functions(text):
    """Every function defined in a C or C++ text, methods in namespaces and classes included."""
    code = strip(text)
    starts = [0] + [i + 1 for i, char in enumerate(code) if char == "\n"]
    found = []

    def line_of(at):
        return bisect.bisect_right(starts, at)

    i = 0
    while i < len(code):
        if code[i] != "{":
            i += 1
            continue
        from_at = max(0, i - 4000)  # A signature is short; a long file must not be slow.
        head = _without_qualifiers(code[from_at:i])
        if head.endswith(")"):
            close = from_at + len(head) - 1
            opening = _opening_paren(code, close)
            name = _word_before(code, opening)
            end = _matching(code, i, "{", "}")
            if name and name not in BLOCK_WORDS:
                found.append(Function(
                    name, line_of(opening), line_of(end) - line_of(i) + 1,
                    _parameters(code[opening + 1:close]), _nesting(code, i, end)))
            i = end + 1
        elif re.search(r'(\bnamespace(\s+\w+)?|\bextern\s*"\s*"|\b(struct|class)\s+[\w:\s,<>]+)$', head):
            i += 1  # What is inside is as if it were outside.
        else:
            i = _matching(code, i, "{", "}") + 1
    return found


def includes(text):
    """[(line, name, quoted)] of a text; commented-out ones do not count."""
    text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.DOTALL)
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            found.append((number, match.group(2), match.group(1) == '"'))
    return found
