#!/usr/bin/env python3
"""Writes the policy of the benchmark workload from rules.json.

usage: make_policy.py [--check] [RULES] [OUT]

--check compares OUT with what would be written and exits 1 when they differ.

How the workload's rules become a policy:
  tools        one entry of the catalogue for each of the 40 tools; look-ups have the action `read`, the others `write`
  deny list    a pair (tool, data class) is one more duty of the act, `data.refused`, by a condition on args.data_class;
               a limit of none for this duty refuses it
  toxic sets   separations per task or case within 24 h, over all subjects of the act
  four eyes    distinct duties per case within 24 h, by the acting agent alone
  budget       a sum of `amount` over an exact hour, by the acting agent; amounts are in major units
The domain is the workload's: one principal of one tenant.
A toxic set fires on its last duty: all others must be there already. That is what `separation` does without `at_most`.
Repeated ids are answered by the engine itself, within `horizon`.
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = os.path.join(HERE, "rules.json")
OUT = os.path.join(HERE, "..", "..", "ops", "policies", "bench", "policy.yaml")

HEAD = """\
# The benchmark workload as a policy. Made by tests/bench/make_policy.py from tests/bench/rules.json; do not edit.
sunder: 1
name: bench
domain: [tenant, principal]
authority: open
tenant: payload
require: [task, principal, case]
horizon: {horizon}

catalogue:
"""


def duration(ms):
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if ms % size == 0 and (unit != "d" or ms > size):
            return f"{ms // size}{unit}"
    return f"{ms}ms"


def flow(names):
    return "[" + ", ".join(names) + "]"


def catalogue(rules):
    refused = {}
    for tool, data_class in rules["deny"]:
        refused.setdefault(tool, []).append(data_class)
    for tool, duty in rules["tools"].items():
        action = "read" if duty == "lookup" else "write"
        phase = "observe" if duty == "lookup" else "execute"
        yield f"  - {{tool: {tool}, action: {action}, duty: {duty}, phase: {phase}}}"
        if tool in refused:
            classes = ", ".join(f"'{name}'" for name in sorted(refused[tool]))
            yield (f"  - {{tool: {tool}, action: {action}, duty: data.refused, phase: {phase}, "
                   f'when: "args.data_class in [{classes}]"}}')


def policy_rules(rules):
    window = duration(rules["window_ms"])
    for rule in rules["sod"]:
        yield f"  - {{separation: {rule['id']}, duties: {flow(rule['duties'])}, per: {rule['scope']}, within: {window}}}"
    for rule in rules["four_eyes"]:
        yield f"  - {{name: {rule['id']}, distinct: {flow(rule['duties'])}, per: case, by: actor, within: {window}}}"
    budget = rules["budget"]
    span = duration(budget["buckets"] * budget["bucket_ms"])
    yield (f"  - {{limit: BUDGET, sum: amount, currency: EUR, of: {flow(money(rules))}, by: actor, within: {span}, "
           f"max: \"{budget['limit'] // 100}.{budget['limit'] % 100:02d}\"}}")
    yield f"  - {{limit: DENYLIST, count: true, of: data.refused, by: actor, within: {window}, max: 0}}"


def money(rules):
    """The duties whose acts carry an amount; the generator of the workload gives none to others."""
    known = ["invoice.post", "payment.submit", "po.create"]
    return [duty for duty in known if duty in rules["duties"]]


def text(rules):
    lines = [*catalogue(rules), "", "rules:", *policy_rules(rules)]
    return HEAD.format(horizon=duration(rules["dedupe_ms"])) + "\n".join(lines) + "\n"


def main(arguments):
    check = "--check" in arguments
    paths = [argument for argument in arguments if argument != "--check"]
    source = paths[0] if paths else RULES
    out = paths[1] if len(paths) > 1 else OUT
    with open(source, encoding="utf-8") as file:
        made = text(json.load(file))
    if check:
        with open(out, encoding="utf-8") as file:
            if file.read() != made:
                print(f"{out} is not what make_policy.py writes", file=sys.stderr)
                return 1
        return 0
    os.makedirs(os.path.dirname(out), exist_ok=True)
    with open(out, "w", encoding="utf-8") as file:
        file.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
