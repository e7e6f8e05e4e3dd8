"""What agents publish in these tests: the benchmark's workload in small, and pairs that are toxic together."""
import json
import os
import random
import re
import subprocess
import sys

from ledger import murmur2

BENCH = os.path.join(os.path.dirname(__file__), "..", "bench")
STAMP = re.compile(rb',"sundertimestamp":\d+\}$')
AGENT = re.compile(rb'"source":"([^"]+)"')
GARBAGE_COUNT = QUARANTINE_COUNT = 20
GARBAGE = (b"{", b"not json", b'{"specversion":"1.0"}', b'{"specversion":"1.0","id":"g","source":"g","type":"x.y","data":{}}')


class Traffic:
    """records: [(key, value)] in the order of publication; pairs: [(first id, second id)]; ids: of all intents;
    quarantines: {id: subject}."""

    def __init__(self):
        self.records, self.pairs, self.ids, self.quarantines = [], [], set(), {}


def workload(folder, count, seed, agents=4000):
    """Values of the benchmark's workload; half a per cent of them are repeats."""
    path = os.path.join(str(folder), "workload.ndjson")
    subprocess.run([sys.executable, os.path.join(BENCH, "workload.py"), os.path.join(BENCH, "rules.json"), path, str(count),
                    str(seed), str(agents)], check=True, timeout=900)
    with open(path, "rb") as file:
        values = [STAMP.sub(b"}", line) for line in file.read().splitlines()]
    os.remove(path)
    return values


def keyed_apart(stem, partitions):
    """Two agents whose names, as keys, go to different partitions."""
    first = f"{stem}/a"
    number = 0
    while murmur2(f"{stem}/b{number}".encode()) % partitions == murmur2(first.encode()) % partitions:
        number += 1
    return first, f"{stem}/b{number}"


def pair(number, partitions):
    """Two acts of two agents of one principal on one case: each is harmless alone."""
    stem = f"spiffe://bank.example/pair/{number:05d}"
    out = []
    for agent, tool, more in zip(keyed_apart(stem, partitions), ("erp.vendor.set_bank", "bank.payment.submit"),
                                 ({}, {"amount": "10.00", "currency": "EUR"})):
        data = {"tenant": f"t{number % 7:02d}", "principal": f"pair-{number}", "task": f"pt-{number}-{len(out)}", "tool": tool,
                "action": "write", "object": f"vendor/P-{number}", "case": f"pc-{number}", **more,
                "args": {"data_class": "public"}}
        event = {"specversion": "1.0", "id": f"pair-{number}-{len(out)}", "source": agent, "type": "dev.sunder.intent.v1",
                 "data": data}
        out.append((agent.encode(), json.dumps(event, separators=(",", ":")).encode()))
    return out


def id_of(value):
    return json.loads(value)["id"]


def quarantine(number):
    """(id, subject, value): a control event of tenant t00."""
    name, subject = f"quarantine-{number}", f"spiffe://bank.example/suspect/{number}"
    event = {"specversion": "1.0", "id": name, "source": "urn:sentry", "type": "dev.sunder.control.v1",
             "data": {"tenant": "t00", "control": "quarantine", "subject": subject}}
    return name, subject, json.dumps(event, separators=(",", ":")).encode()


def mixed(folder, count, seed, partitions):
    """`count` intents: the workload, keyed by agent, with toxic pairs at random places (one pair in 200 intents), and some
    quarantines and garbage between them."""
    rng = random.Random(seed)
    pairs = max(1, count // 200)
    out = Traffic()
    values = workload(folder, count - 2 * pairs, seed)
    keyed = [(AGENT.search(value).group(1), value) for value in values]
    places = sorted((rng.randrange(len(keyed)), number) for number in range(pairs))
    for at, number in reversed(places):
        first, second = pair(number, partitions)
        later = min(len(keyed), at + rng.choice((0, 0, 1, 20, 2000)))
        keyed.insert(later, second)
        keyed.insert(at, first)
        out.pairs.append((f"pair-{number}-0", f"pair-{number}-1"))
    out.ids = {id_of(value) for _, value in keyed}
    for number in range(GARBAGE_COUNT):
        keyed.insert(rng.randrange(len(keyed)), (b"garbage", GARBAGE[number % len(GARBAGE)]))
    for number in range(QUARANTINE_COUNT):
        name, subject, value = quarantine(number)
        out.quarantines[name] = subject
        keyed.insert(rng.randrange(len(keyed)), (name.encode(), value))
    out.records = keyed
    return out


def check_pairs(traffic, decisions):
    """Of two acts that are toxic together exactly one is allowed, and the other names it."""
    for ids in traffic.pairs:
        of = [next(one for one in decisions[name] if not one.get("duplicate")) for name in ids]
        verdicts = sorted(one["verdict"] for one in of)
        assert verdicts == ["allow", "deny"], f"{ids}: {of}"
        allowed, denied = sorted(of, key=lambda one: one["verdict"])
        reason = next(one for one in denied["reasons"] if one.get("rule") == "SOD-03")
        assert [one["intent"] for one in reason["evidence"]] == [allowed["intent"]], f"{ids}: {reason}"
