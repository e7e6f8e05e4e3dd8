#!/usr/bin/env python3
"""Stands in for `sunder replay` in the tests of compare.py: the oracle itself, with one planted fault if asked.

usage: fake_engine.py replay --policy FILE --in FILE --out FILE --dead-letters FILE [--partitions N]
SUNDER_FAULT: window (a window one millisecond too long), leak (a tenant sees all), drop (a dead letter is lost)"""
import argparse
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import history
import oracle
import rules
from oracle import Oracle, lines_of, partitions_of, write_lines
from policy import Policy
from values import read_limits


def plant(fault):
    if fault == "window":
        whole = history.since
        rules.since = lambda facts, now, within: whole(facts, now, None if within is None else within + 1)
    elif fault == "leak":
        Oracle._tenant = lambda self, name: self.tenants.setdefault("all", oracle.Tenant(name))


def main(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("verb")
    for name in ("--policy", "--in", "--out", "--dead-letters"):
        parser.add_argument(name, dest=name.strip("-").replace("-", "_"))
    parser.add_argument("--partitions", type=int)
    options = vars(parser.parse_args(argv))
    fault = os.environ.get("SUNDER_FAULT")
    plant(fault)
    limits = read_limits(oracle.LIMITS)
    with open(options["policy"], encoding="utf-8") as file:
        policy = Policy(file.read(), limits)
    with open(options["in"], "rb") as file:
        lines = lines_of(file.read())
    machine = Oracle(policy, limits, options["partitions"] or partitions_of(lines, limits))
    seqs, out = {}, []
    for number, line in lines:
        for record in machine.feed(number, line):
            partition = record["data"]["source"]["partition"]
            seqs[partition] = seqs.get(partition, -1) + 1
            data = record["data"]
            source = data.pop("source")
            time = {"stream_time": data.pop("stream_time")} if "stream_time" in data else {}
            data.update(policy="", source=source, **time, seq=seqs[partition], prev="", engine="")
            out.append(record)
    write_lines(options["out"], out)
    write_lines(options["dead_letters"], machine.dead_letters[1 if fault == "drop" else 0:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
