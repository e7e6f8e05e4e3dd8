#!/usr/bin/env python3
"""Random events through the decoder and through the oracle's own JSON: same digests, same refusals.

usage: test_wire_digest.py PROGRAM [EVENTS [SEED]]
"""
import os
import random
import struct
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "oracle"))

import output
import values
from event import Event

CHARACTERS = ["a", "z", "0", " ", "\\\"", "\\\\", "\\/", "\\n", "\\u0000", "\\u001f", "\x7f", "\u00e9", "\\u00E9", "\u20ac", "\ue000",
              "\uffff", "\U0001f600", "\\ud83d\\ude00", "\U00010000", "\\u2028"]
NAMES = ["tool", "action", "agent", "amount", "confidence", "args", "proof", "idempotency_key", "tenant", "zz", "", "amounts", "a"]


class Maker:
    def __init__(self, seed):
        self.rng = random.Random(seed)

    def text(self):
        return '"' + "".join(self.rng.choice(CHARACTERS) for _ in range(self.rng.randrange(6))) + '"'

    def number(self):
        rng = self.rng
        way = rng.randrange(8)
        if way == 0:
            number = struct.unpack("<d", struct.pack("<Q", rng.getrandbits(64)))[0]
            return repr(number) if abs(number) < float("inf") else "1e400"
        if way == 1:
            return str(rng.randrange(-10 ** 20, 10 ** 20))
        if way == 2:
            return f"{rng.randrange(-10 ** 9, 10 ** 9)}.{rng.randrange(10 ** 6):06d}"
        if way == 3:
            return f"{rng.randrange(-99, 99)}e{rng.randrange(-340, 320)}"
        if way == 4:
            return rng.choice(["0", "-0", "-0.0", "0e5", "1E5", "1e+5", "5e-324", "2e-324", "1e21", "1e-7", "0.000001", "1e-400"])
        return str(rng.randrange(-1000, 1000)) + rng.choice(["", ".5", ".50", ".123456789012345678"])

    def value(self, depth):
        rng = self.rng
        way = rng.randrange(10 if depth < 4 else 6)
        if way < 2:
            return self.number()
        if way < 5:
            return self.text()
        if way == 5:
            return rng.choice(["true", "false", "null"])
        if way < 8:
            return self.object(depth + 1, [])
        return "[" + self.space().join([",".join(self.value(depth + 1) for _ in range(rng.randrange(4)))]) + "]"

    def space(self):
        return self.rng.choice(["", "", " ", "\t "])

    def object(self, depth, names):
        rng = self.rng
        members = [f'"{name}"' for name in names] + [self.text() for _ in range(rng.randrange(4))]
        rng.shuffle(members)
        if rng.random() < 0.95:
            members = list({values.DECODER.decode(name): name for name in members}.values())
        return "{" + ",".join(f"{name}{self.space()}:{self.space()}{self.value(depth)}" for name in members) + "}"

    def line(self):
        rng = self.rng
        names = [name for name in NAMES if rng.random() < 0.4]
        data = self.object(2, names)
        line = '{"specversion":"1.0","id":"i","source":"s\u00e9","type":"dev.sunder.intent.v1","data":' + data + "}"
        raw = line.encode("utf-8")
        if rng.random() < 0.2:
            at = rng.randrange(len(raw))
            raw = raw[:at] + rng.choice([b"", b'"', b"{", b"}", b",", b"\\", b"\x01", b"\xff", b"0", b"["]) + raw[at + rng.randrange(2):]
        return raw


def expected(raw, limits):
    """The digest as text, or a code."""
    try:
        value = values.parse_json(raw, limits)
        if not isinstance(value, dict) or value.get("specversion") != "1.0":
            return "malformed"
        if not all(isinstance(value.get(name), str) for name in ("id", "source", "type")):
            return "malformed"
        finite(value)
    except values.Refused as refused:
        return refused.code
    if value["type"] != "dev.sunder.intent.v1" or not isinstance(value.get("data"), dict):
        return "A" * 43
    data = value["data"]
    event = Event("intent", value["id"], value["source"], data)
    event.fields["agent"] = data["agent"] if data.get("agent") is not None else value["source"]
    for name in ("amount", "confidence"):
        text = data.get(name).text if isinstance(data.get(name), values.Num) else data.get(name)
        if isinstance(text, str):
            try:
                event.fields[name] = values.parse_decimal(text, limits["DECIMAL_CHARS_MAX"])
            except (values.NotDecimal, values.TooLong):
                pass
    return output.action_digest(event)


def finite(value):
    if isinstance(value, values.Num) and abs(float(value.text)) == float("inf"):
        raise values.Refused("malformed")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        finite(item)


def main(argv):
    program, count = argv[0], int(argv[1]) if len(argv) > 1 else 3000
    seed = int(argv[2]) if len(argv) > 2 else int(os.environ.get("SUNDER_SEED", time.time_ns()))
    print(f"SUNDER_SEED={seed}", flush=True)
    limits = values.read_limits(os.path.join(ROOT, "engine", "model", "limits.h"))
    maker = Maker(seed)
    lines = [line for line in (maker.line() for _ in range(count)) if b"\n" not in line and b"\0" not in line]
    done = subprocess.run([program], input=b"".join(line + b"\n" for line in lines), stdout=subprocess.PIPE, check=True)
    got = done.stdout.decode().split("\n")[:-1]
    assert len(got) == len(lines), (len(got), len(lines))
    wrong, refused = 0, 0
    for line, actual in zip(lines, got):
        wanted = expected(line, limits)
        refused += wanted in ("malformed", "limit_reached")
        if wanted != actual:
            wrong += 1
            print(f"{line!r}\n  expected {wanted}, got {actual}")
    print(f"{len(lines)} events, {refused} refused, {wrong} differences")
    return 1 if wrong or not 0 < refused < len(lines) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
