#!/usr/bin/env python3
"""`sunder fmt` on every policy and test file, and on ones that were spoilt at random: the same meaning, no comment lost, and nothing
left to do the second time. The seed is printed.

usage: fmt.py [SEED]        (SUNDER_BIN says which program)
"""
import glob
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import unittest

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BIN = os.environ["SUNDER_BIN"]
SEED = int(sys.argv.pop(1)) if len(sys.argv) > 1 and sys.argv[1].isdigit() else int(time.time())


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def tree(text):
    """As texts: what is a number to one reader is a text to another."""
    return yaml.load(text, yaml.BaseLoader)


def ink(text):
    return re.sub(r"\s", "", text)


def fmt(*args, text=None):
    return subprocess.run([BIN, "fmt", *args], input=text, capture_output=True, text=True, check=False)


def files():
    paths = glob.glob(os.path.join(ROOT, "ops/policies/**/*.yaml"), recursive=True)
    paths += glob.glob(os.path.join(ROOT, "tests/golden/policies/**/*.yaml"), recursive=True)
    return sorted(paths)


def spoil(generator, text):
    """Changes blanks that mean nothing: indentation as a whole, ends of lines, empty lines, blanks behind dashes and commas."""
    lines = []
    wide = generator.random() < 0.5
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip(" "))
        if wide:
            line = " " * indent + line
        if generator.random() < 0.2:
            line += " " * generator.randrange(1, 4)
        lines.append(line)
        if generator.random() < 0.1 and not line.strip():
            lines += [""] * generator.randrange(1, 4)
        if generator.random() < 0.05:
            lines.append(" " * generator.randrange(4) + "#a comment")
    return "\n".join(lines) + "\n" * generator.randrange(3)


class Fmt(unittest.TestCase):
    def come_back(self, texts):
        """{name: text}: each keeps its meaning and its characters, and is done after once."""
        with tempfile.TemporaryDirectory() as folder:
            paths = {}
            for number, (name, text) in enumerate(texts.items()):
                paths[name] = os.path.join(folder, f"{number}.yaml")
                with open(paths[name], "w", encoding="utf-8", newline="") as file:
                    file.write(text)
            done = fmt("-w", *paths.values())
            self.assertEqual(done.returncode, 0, done.stderr)
            for name, text in texts.items():
                formatted = read(paths[name])
                self.assertEqual(tree(formatted), tree(text), name)
                self.assertEqual(ink(formatted), ink(text), name)
            check = fmt("--check", *paths.values())
            self.assertEqual((check.returncode, check.stdout), (0, ""), {path: name for name, path in paths.items()})

    def test_shipped_files_keep_their_meaning(self):
        texts = {path: read(path) for path in files()}
        self.assertGreater(len(texts), 60)
        self.come_back(texts)

    def test_spoilt_files_come_back(self):
        print(f"seed {SEED}", file=sys.stderr)
        generator = random.Random(SEED)
        texts = {}
        for path in files():
            text = read(path)
            spoilt = spoil(generator, text)
            try:
                same = tree(spoilt) == tree(text)
            except yaml.YAMLError:
                continue
            if same:
                texts[path] = spoilt
        self.assertGreater(len(texts), 30)
        self.come_back(texts)

    def test_odd_texts(self):
        texts = ["a: |\n    one\n      two\n\nb: 1\n", "- |\n  x\n- >-\n   y\n   z\n", "a:\n    b: word\n     more words\n    c: 'it''s\n      two'\n",
                 "- - a\n  - b\n-   - c\n", "a: [1,\n      2,   # two\n  3 ]\n", "k: {a: 'x # none', b: \"y\\\" # none\"} #one\n",
                 "a:\n- b: 1\n  c:\n  - d\n  - e\n#end", "a: 'it'\nb: it's\nc: a #b\nd: a#b\n", "#only\na: 1", "a: \"b\n  c\"\nd: 1\n",
                 "a:\n  # deep\n    # deeper\n  b: 1\n# back\nc: 2\n", "url: http://x/y#z\nt: {u: http://x, v: [a,b]}\n", "'a b' : 1\n",
                 "a:\n   - k: |+\n       text\n\n     l: 2\n", "a: |2\n    x\n   y\nb: >\n c\n\n d\n", "-\n  a: 1\n-\n  - b\n", "a: -1\nb: - x\n"[:6],
                 "m: {a: 1,\n    b: {c: 2 } ,\n  # within\n    d: [ ]}\nn: 1\n", "k:\n    - a: 1\n\n\n\n    - b: 2\n", "a: [x,y]\nb: x,y\n"]
        self.come_back(dict(enumerate(texts)))

    def test_write_and_check(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "policy.yaml")
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write("a:\r\n- b:   { c: 1 }  #x\r\n\r\n\r\n\r\n")
            os.chmod(path, 0o640)
            check = fmt("--check", path)
            self.assertEqual((check.returncode, check.stdout), (1, path + "\n"))
            self.assertEqual(fmt("--write", path).returncode, 0)
            self.assertEqual(read(path), "a:\n  - b:   {c: 1}  # x\n")
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)
            self.assertEqual(os.listdir(folder), ["policy.yaml"])
            self.assertEqual(fmt("--check", path).returncode, 0)


if __name__ == "__main__":
    unittest.main()
