#!/usr/bin/env python3
"""Compares `sunder replay` with the oracle, field by field, over random or given input.

usage: compare.py [--sunder FILE] [--seeds A..B] [--events N] [--mode mixed|hot|clean] [--without FEATURE,...]
                  [--properties] [--shrink]
       compare.py [--sunder FILE] --policy FILE --in FILE [--shrink]

Everything of a record is compared but seq, prev, policy, engine and message; of dead letters source, code, field.
--properties also checks on the engine's output that two runs are equal, that the spread over partitions changes no
verdict (G4) and that another tenant's events change no byte (G5). Exit code 1 when anything differs, 77 without a
program to compare. The program is --sunder or $SUNDER_BIN."""
import argparse
import collections
import fnmatch
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time

import yaml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import oracle
from expr import ParseError
from generate import Options, generate
from values import Refused, parse_json, read_limits

UNCOMPARED = ("seq", "prev", "policy", "engine", "would_allow")
ACT = ("subjects task purpose tool action objects cases amount currency confidence labels carries claimed gains parents key duties phases tier "
       "digest measures rule_keys").split()
TAIL = "policy source stream_time seq prev engine".split()
BY_KIND = {
    "observed": ACT, "outcome": "intent result effect".split(), "dead_letter": "code field".split(),
    "task": "task state principal purpose case duties agents expires".split(),
    "delegation": "from to duties task expires revoked".split(), "case": "case object".split(),
    "control": "control subject".split(),
}
DECISION = "tenant domain intent attempt verdict duplicate of scope would_be stage authority_open reasons shadow approvals findings would_allow".split()
REVOCATION = "tenant domain subject cause intent reasons".split()
RECORDED = "tenant domain kind event publisher duplicate findings".split()
REASON_ORDER = "rule code effect mode field subject key message count value evidence also tags".split()


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Keeps scalars as they are written: only true, false and whole numbers become values, as YAML 1.2 has them."""


Loader.yaml_implicit_resolvers = {}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("(?:true|false)$"), list("tf"))
Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile("(?:0|[1-9][0-9]*)$"), list("0123456789"))


class EngineFailed(Exception):
    pass


class Engine:
    """Runs the program under test."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def replay(self, policy, lines, partitions=None):
        """(raw output lines, dead letters); raises EngineFailed."""
        paths = {name: os.path.join(self.folder, name) for name in ("policy.yaml", "in", "out", "dead")}
        with open(paths["policy.yaml"], "w", encoding="utf-8") as file:
            file.write(policy)
        with open(paths["in"], "wb") as file:
            file.write(b"".join(line + b"\n" for line in lines))
        for name in ("out", "dead"):
            if os.path.exists(paths[name]):
                os.remove(paths[name])
        command = [self.program, "replay", "--policy", paths["policy.yaml"], "--in", paths["in"], "--out", paths["out"],
                   "--dead-letters", paths["dead"]]
        if partitions:
            command += ["--partitions", str(partitions)]
        done = subprocess.run(command, capture_output=True, timeout=600, check=False)
        if done.returncode != 0:
            raise EngineFailed(f"exit code {done.returncode}: {done.stderr.decode('utf-8', 'replace')[-2000:]}")
        return self._lines(paths["out"]), [json.loads(line) for line in self._lines(paths["dead"])]

    @staticmethod
    def _lines(path):
        if not os.path.exists(path):
            return []
        with open(path, "rb") as file:
            return file.read().splitlines()


def plain(record):
    """Without what is not compared: members of `data` and of its reasons."""
    data = {name: item for name, item in record["data"].items() if name not in UNCOMPARED}
    for name in ("reasons", "shadow"):
        if name in data:
            data[name] = [{key: item for key, item in one.items() if key != "message"} for one in data[name]]
    return {**record, "data": data}


def differences(expected, got, path=""):
    """[(path, expected, got)] of two JSON values."""
    if repr(expected) == repr(got):  # Nearly always, and quickly found out; it tells 1, 1.0, "1" and True apart.
        return []
    if isinstance(expected, dict) and isinstance(got, dict):
        out = []
        for name in list(expected) + [name for name in got if name not in expected]:
            out += differences(expected.get(name, "<absent>"), got.get(name, "<absent>"), f"{path}.{name}")
        return out
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        return [one for index, (a, b) in enumerate(zip(expected, got)) for one in differences(a, b, f"{path}[{index}]")]
    return [] if expected == got and type(expected) is type(got) else [(path, expected, got)]


def order_of(record):
    data, type_ = record["data"], record["type"].split(".")[2]
    if type_ == "recorded":
        return RECORDED + BY_KIND[data["kind"]] + TAIL
    return (DECISION + ACT if type_ == "decision" else REVOCATION) + TAIL


def in_order(names, order):
    """Known names only, in the order of the shape."""
    return list(names) == [name for name in order if name in names]


def shape_problems(raw, data):
    """Members out of order, or white space between them."""
    out = []
    if not in_order(list(data["data"]), order_of(data)) or list(data) != ["specversion", "id", "source", "type", "data"]:
        out.append(("order", "as the shape says", list(data["data"])))
    for one in data["data"].get("reasons", []) + data["data"].get("shadow", []):
        if not in_order(one, REASON_ORDER):
            out.append(("order.reason", REASON_ORDER, list(one)))
    if b'": ' in raw and len(json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()) < len(raw):
        out.append(("white space", "none", raw[:80]))
    return out


class Outcome:
    """What a comparison found: [(line number or None, record id, kind, path, expected, got)]."""

    def __init__(self, ignored):
        self.found, self.ignored = [], ignored

    def add(self, line, where, one):
        path, expected, got = one
        if not any(fnmatch.fnmatch(bare(path), pattern) for pattern in self.ignored):
            self.found.append((line, where, path, expected, got))

    def signature(self):
        return bare(self.found[0][2]) if self.found else None


def bare(path):
    return re.sub(r"\[[0-9]+\]", "[]", path)


def by_partition(ids):
    out = collections.defaultdict(list)
    for one in ids:
        out[one.split("/")[1]].append(one)
    return dict(out)


def expected_of(policy, lines, partitions=None):
    """({record id: (line number, record)} in order, dead letters)."""
    limits = read_limits(oracle.LIMITS)
    numbered = oracle.lines_of(b"\n".join(lines))
    machine = oracle.Oracle(oracle.Policy(policy, limits), limits, partitions or oracle.partitions_of(numbered, limits))
    records = {}
    for number, line in numbered:
        for record in machine.feed(number, line):
            records[record["id"]] = (number, record)
    return records, machine.dead_letters


def letter_key(letter):
    return (letter["source"]["partition"], letter["source"]["offset"], letter["source"]["timestamp"], letter["code"],
            letter.get("field"))


def compare(engine, policy, lines, ignored=(), partitions=None):
    outcome = Outcome(ignored)
    records, letters = expected_of(policy, lines, partitions)
    try:
        raw, got_letters = engine.replay(policy, lines, partitions)
        got = [json.loads(line) for line in raw]
    except (EngineFailed, ValueError, subprocess.TimeoutExpired) as error:
        outcome.add(None, "engine", ("engine", "runs", str(error)))
        return outcome
    seen = {}
    for line, record in zip(raw, got):
        seen[record["id"]] = record
        for one in shape_problems(line, record):
            outcome.add(records.get(record["id"], (None,))[0], record["id"], one)
    for id_, (number, record) in records.items():
        if id_ not in seen:
            outcome.add(number, id_, ("record", brief(record), "<absent>"))
            continue
        for one in differences(plain(record), plain(seen[id_])):
            outcome.add(number, id_, (f"{record['type'].split('.')[2]}{one[0]}", one[1], one[2]))
    for id_, record in seen.items():
        if id_ not in records:
            outcome.add(None, id_, ("record", "<absent>", brief(record)))
    if not outcome.found:
        _orders(outcome, list(records), [record["id"] for record in got], got)
        a, b = sorted(map(letter_key, letters), key=repr), sorted(map(letter_key, got_letters), key=repr)
        if a != b:
            only = [one for one in a if one not in b][:3], [one for one in b if one not in a][:3]
            outcome.add(None, "dead letters", ("dead_letters", only[0] or len(a), only[1] or len(b)))
    return outcome


def _orders(outcome, expected, got, records):
    expected, got = by_partition(expected), by_partition(got)
    for partition in expected:
        if expected[partition] != got.get(partition):
            outcome.add(None, f"partition {partition}", ("order.records", expected[partition][:9], got.get(partition, [])[:9]))
    heads = {}
    for record in records:
        partition, seq = record["id"].split("/")[1], record["data"]["seq"]
        if partition in heads and seq != heads[partition] + 1:
            outcome.add(None, record["id"], ("seq", heads[partition] + 1, seq))
        heads[partition] = seq


def brief(record):
    return json.dumps(record, ensure_ascii=False)[:400]


# ---- properties of the engine alone

STAMP = re.compile(rb',"sunder(?:partition|offset)":-?[0-9]+')
CHAIN = re.compile(rb'"seq":[0-9]+,"prev":"[^"]*"')


def bare_lines(lines):
    """Without partition and offset; a line may then be placed anew."""
    return [STAMP.sub(b"", line) for line in lines]


def placed(line, extra):
    return line[:-1] + extra + b"}" if line.startswith(b'{"specversion"') and line.endswith(b"}}") \
        or line.startswith(b'{"specversion"') and b'"sundertimestamp"' in line and line.endswith(b"}") else line


def told(raw, copied_too):
    """What must not depend on placement."""
    out = []
    for line in raw:
        record = plain(json.loads(line))
        data = record["data"]
        if data.get("kind") in ("task", "delegation", "control", "dead_letter") or data.get("cause") == "quarantine":
            if not copied_too:
                continue
        out.append((record["type"], {name: value for name, value in data.items() if name not in ("id", "of", "source")}))
    return out


def tenant_of(line, limits):
    try:
        return parse_json(line, limits)["data"]["tenant"]
    except (Refused, KeyError, TypeError):
        return None


def properties(engine, policy, lines, seed, ignored=()):
    """G1 (two runs), G4 and G5 on the engine's own output."""
    outcome, rng, limits = Outcome(ignored), random.Random(seed), read_limits(oracle.LIMITS)
    try:
        once, again = engine.replay(policy, lines)[0], engine.replay(policy, lines)[0]
        if once != again:
            outcome.add(None, "two runs", ("determinism", "equal bytes", "differ"))
        naked = bare_lines(lines)
        spread = [placed(line, b',"sunderpartition":%d' % rng.randrange(4)) for line in naked]
        finer = yaml.safe_load(policy).get("domain", "tenant") != "tenant"
        one, four = (told(engine.replay(policy, some, count)[0], not finer) for some, count in ((naked, 1), (spread, 4)))
        for index, (a, b) in enumerate(zip(one, four)):
            if a != b:
                outcome.add(index, "G4", ("G4", a, b))
                break
        if len(one) != len(four):
            outcome.add(None, "G4", ("G4", len(one), len(four)))
        pairs = [(line, placed(line, b',"sunderoffset":%d' % index)) for index, line in enumerate(naked)]
        fixed = [line for before, line in pairs if line != before]
        alone = [line for line in fixed if tenant_of(line, limits) != "globex"]
        both = [[CHAIN.sub(b"", line) for line in engine.replay(policy, some, 1)[0]
                 if json.loads(line)["data"].get("tenant") == "acme"] for some in (fixed, alone)]
        if both[0] != both[1]:
            pair = next(((a, b) for a, b in zip(*both) if a != b), (len(both[0]), len(both[1])))
            outcome.add(None, "G5", ("G5", pair[0], pair[1]))
    except (EngineFailed, ValueError, subprocess.TimeoutExpired) as error:
        outcome.add(None, "engine", ("engine", "runs", str(error)))
    return outcome


# ---- shrinking

def halving(items, fails):
    """Removes items while `fails(rest)` stays true (delta debugging)."""
    size = max(1, len(items) // 2)
    while size >= 1:
        index, removed = 0, False
        while index < len(items):
            rest = items[:index] + items[index + size:]
            if fails(rest):
                items, removed = rest, True
            else:
                index += size
        if size == 1 and not removed:
            break
        size = max(1, size // 2) if size > 1 or not removed else 1
    return items


def shrink(check, policy, lines):
    """The smallest policy and events found for which `check(policy, lines)` still shows the same kind of difference."""
    wanted = check(policy, lines).signature()

    def fails(policy_, lines_):
        try:
            return bool(lines_) and check(policy_, lines_).signature() == wanted
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration, ParseError):
            return False  # The policy left over is none.
    first = check(policy, lines).found[0][0]
    if first is not None and fails(policy, lines[:first + 1]):
        lines = lines[:first + 1]
    lines = halving(lines, lambda rest: fails(policy, rest))
    raw = yaml.load(policy, Loader=Loader)

    def text():
        return yaml.safe_dump(raw, sort_keys=False, width=200)
    if fails(text(), lines):
        policy = text()
        for name in ("rules", "catalogue"):
            def without(rest, name=name):
                kept, raw[name] = raw.get(name, []), rest
                ok = fails(text(), lines)
                raw[name] = kept
                return ok
            raw[name] = halving(raw.get(name) or [], without)
        for holder in [raw] + raw.get("rules", []) + raw.get("catalogue", []):
            for name in [one for one in holder if one not in ("sunder", "name", "authority", "tenant")]:
                kept = dict(holder)
                del holder[name]
                if not fails(text(), lines):
                    holder.clear()
                    holder.update(kept)
        policy = text()
    lines = halving(lines, lambda rest: fails(policy, rest))
    return policy, [slim(line, index, lines, lambda some: fails(policy, some)) for index, line in enumerate(lines)]


def slim(line, index, lines, fails):
    """Drops members of one event's data while the difference remains."""
    try:
        value = json.loads(line)
    except ValueError:
        return line
    for holder in (value.get("data"), value):
        for name in list(holder) if isinstance(holder, dict) else []:
            kept = holder.pop(name)
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
            if fails(lines[:index] + [text] + lines[index + 1:]):
                lines[index] = line = text
            else:
                holder[name] = kept
    return line


# ---- command line

def show(outcome, policy, lines, limit=8):
    print("---- policy"), print(policy.rstrip())
    last = outcome.found[0][0]
    print("---- events" + (f" up to the first difference, line {last}" if last is not None else ""))
    for line in lines[:last + 1 if last is not None else None][-12:]:
        print(line.decode("utf-8", "backslashreplace")[:600])
    print(f"---- {len(outcome.found)} differences")
    for number, where, path, expected, got in outcome.found[:limit]:
        print(f"line {number} record {where} {path}\n    oracle: {str(expected)[:2000]}\n    engine: {str(got)[:2000]}")


def check_one(engine, options, policy, lines, seed):
    """True when nothing differs; prints otherwise."""
    checks = [("oracle", lambda p, l: compare(engine, p, l, options.ignore))]
    if options.properties:
        checks.append(("properties", lambda p, l: properties(engine, p, l, seed, options.ignore)))
    for name, check in checks:
        outcome = check(policy, lines)
        if outcome.found:
            options.tally[outcome.signature()].append(seed)
            if len(options.tally[outcome.signature()]) <= options.each:
                if options.shrink:
                    policy, lines = shrink(check, policy, lines)
                    outcome = check(policy, lines)
                print(f"\n==== seed {seed} ({name}): {outcome.signature()}")
                show(outcome, policy, lines)
            return False
    return True


def seeds_of(text):
    first, _, last = text.partition("..")
    return range(int(first), int(last or first) + 1)


def run_seeds(engine, options):
    start, events, failed = time.monotonic(), 0, 0
    for count, seed in enumerate(seeds_of(options.seeds), 1):
        policy, lines, _ = generate(
            Options(seed, options.events, options.mode, options.domain, filter(None, options.without.split(","))))
        events += len(lines)
        failed += not check_one(engine, options, policy, lines, seed)
        if sys.stderr.isatty() or count % 50 == 0:
            rate = events / (time.monotonic() - start)
            print(f"seed {seed}: {events} events, {failed} seeds differ, {rate:.0f}/s", file=sys.stderr,
                  end="\r" if sys.stderr.isatty() else "\n")
        if options.stop and failed >= options.stop:
            break
    for signature, seeds in sorted(options.tally.items(), key=lambda one: -len(one[1])):
        print(f"{len(seeds):6} seeds  {signature}  (first {seeds[0]})")
    print(f"{events} events in {count} seeds ({options.mode}), {failed} seeds with differences, "
          f"{time.monotonic() - start:.0f} s")
    return 1 if failed else 0


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sunder", default=os.environ.get("SUNDER_BIN"))
    parser.add_argument("--seeds", default="1..20")
    parser.add_argument("--events", type=int, default=300)
    parser.add_argument("--mode", choices=["mixed", "hot", "clean"], default="mixed")
    parser.add_argument("--domain", choices=["tenant", "case", "object", "task", "agent"])
    parser.add_argument("--without", default="", help="features that generate.py leaves out")
    parser.add_argument("--policy"), parser.add_argument("--in", dest="input")
    parser.add_argument("--properties", action="store_true")
    parser.add_argument("--shrink", action="store_true")
    parser.add_argument("--ignore", action="append", default=[], help="path pattern, as decision.data.subjects*")
    parser.add_argument("--each", type=int, default=1, help="examples shown per kind of difference")
    parser.add_argument("--stop", type=int, default=0, help="stop after so many failing seeds")
    options = parser.parse_args(argv)
    options.tally = collections.defaultdict(list)
    return options


def main(argv):
    options = parse(argv)
    if not options.sunder or not os.path.exists(options.sunder):
        print("no program to compare: --sunder or SUNDER_BIN")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(options.sunder, folder)
        if not options.policy:
            return run_seeds(engine, options)
        with open(options.policy, encoding="utf-8") as file:
            policy = file.read()
        with open(options.input, "rb") as file:
            lines = file.read().split(b"\n")
        return 0 if check_one(engine, options, policy, lines, 0) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
