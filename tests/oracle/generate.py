#!/usr/bin/env python3
"""Random policies and event streams, reproduced by a seed; small vocabularies so that things collide.

usage: generate.py --seed N [--events N] [--mode mixed|hot|clean] [--domain tenant|case|object|task|agent]
                   [--without FEATURE,...] --out DIR

Writes DIR/policy.yaml and DIR/events.ndjson. Modes: `mixed` has everything, `clean` no malformed events,
`hot` thousands of facts under one object of one tenant, with long windows. Features that can be left out: see FEATURES."""
import argparse
import os
import random
import sys

import yaml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from wire import Raw, dump

DUTIES = ["alpha.read", "alpha.write", "bank.update", "invoice.approve", "payment.confirm", "payment.submit",
          "vendor.create"]
TOOLS = {"erp": ["vendor.create", "vendor.read", "invoice.approve"], "pay": ["submit", "confirm", "pay.bulk"],
         "crm": ["customer.read", "customer.write"]}
ACTIONS = [(tool, action) for tool, actions in TOOLS.items() for action in actions]
AGENTS = [f"spiffe://acme.example/agent/a{n}" for n in range(1, 6)] + ["bot:6"]
PERSONS = ["user:ana@acme.example", "user:max@acme.example"]
PRINCIPALS = PERSONS + ["svc:root", AGENTS[0]]
TASKS = ["T-1", "T-2", "T-3", "T-4"]
OBJECTS = ["vendor/V1", "vendor/V2", "vendor/V3", "employee:E5"]
CASES = ["PO-1", "PO-2", "PO-3", "PO-4", "PO-5"]
CREDENTIALS = ["sha256:aa", "sha256:bb"]
GATE, ERP, ORCHESTRATOR, SENTRY = "urn:gate", "urn:erp", "urn:orchestrator", "urn:sentry"
BAD = ["", "a b", "a//b", "vendor/", "x/../y", "./x", "\u00e9", "x" * 257, "spiffe://", "a\nb"]
AMOUNTS = ["0", "1", "5.5", "12.50", "19.999999", "20", "20.000001", "40", "100", "250.25", "0.000001", Raw("7"),
           Raw("12.5"), Raw("1e1"), Raw("2.50E1"), "1.0000000"]
ODD_AMOUNTS = ["-5", Raw("-0.01"), "1.2345678", "9223372036854.775808", Raw("1e20"), "-0"]
WINDOWS = ["1s", "10s", "1m", "10m", "1h"]
WINDOW_MS = [1000, 10_000, 60_000, 600_000, 3_600_000]
KEYS = ["k1", "k2", "k3", "k4"]

WHENS = ["args.kind == 'x'", "args.path.startsWith('db/')", "!args.to.endsWith('@acme.example')", "has(args.kind)",
         "args.kind in ['x', 'y']", "args.total > 100.0", "amount > 10.0 || currency == 'EUR'", "size(args.kind) > 1",
         "object.startsWith('vendor/')", "has(task) && task == 'T-1'", "args.flag", "!(args.kind == 'x') && amount < 50.0",
         "has(args.kind) ? args.kind == 'x' : amount >= 5.5", "args.to.contains('@') && args.kind.upperAscii() == 'X'"]
OBJECT_EXPRESSIONS = ["'vendor/' + args.v", "args.obj", "has(args.obj) ? args.obj : 'vendor/V1'",
                      "'o:' + string(args.n)", "args.obj.lowerAscii()"]
CASE_EXPRESSIONS = ["args.po", "'PO-' + args.c"]
PER_EXPRESSIONS = ["args.k", "agent + '/' + tool", "currency", "args.obj", "string(args.n)"]
UNLESS = ["amount < 20.0", "tier != 'high'", "object == 'vendor/V1'", "case == 'PO-1'", "principal == 'user:ana@acme.example'",
          "depth > 1", "confidence > 0.5", "phase == 'observe'", "amount + args.total <= 50.0", "'vip' in labels",
          "has(args.kind) && args.kind == 'x'", "duty == 'payment.submit' && amount < 12.6"]
DISTINCTS = ["args.k", "tool", "args.obj", "string(args.n)", "agent"]
LABELS = ["pii", "secret", "vip"]
GAINS = ["can:db", "pii", "secret"]
# {D} becomes a duty of the policy.
PLAIN = ["amount > 19.5", "tier == 'high' && confidence < 0.8", "duty == '{D}' && amount >= 12.5", "args.kind == 'x'",
         "has(args.kind) && args.kind == 'x' && amount > 5.0", "depth > 0 && phase == 'execute'", "case == 'PO-1'",
         "object.startsWith('vendor/') && amount > 10.0", "duty == '{D}'", "tier != 'low' && object == 'vendor/V1'",
         "confidence < 0.6 || amount > 100.0", "has(confidence) && confidence < 0.6", "principal == 'user:ana@acme.example'"]
LABELLED = ["'pii' in labels", "'vip' in labels", "'secret' in labels && duty == '{D}'", "size(labels) > 1", "!('vip' in labels)",
            "'can:db' in labels || 'pii' in labels"]
PAST = ["history.count('{D}') >= 2", "history.sum(amount) + amount > 50.0", "!history.has('{D}')", "agent in history.agents()",
        "history.sum(amount, '{D}') + amount > 30.0", "history.since(duration('1m')).sum(amount, '{D}') > 15.0",
        "history.since(duration('10s')).count('{D}') >= 1", "duty == '{D}' && history.has('{D}')",
        "history.agents().size() > 1", "history.since(duration('1m')).sum(amount) >= 20.0 && amount > 1.0",
        "history.count('{D}') > 0 && object == 'vendor/V1'", "confidence < 0.6 && history.count('{D}') > 0"]
FULL = ["args.total > 100", "args.list.exists(x, x > 2)", "args.list.all(x, x < 3)", "duties.exists(d, d.startsWith('payment'))",
        "delegation.all(d, d != principal)", "task.purpose == 'pay-invoice'", "has(task.principal)", "amount * 2 > 25.0",
        "args.n % 2 == 1", "args.total - 10 > 0", "cel.bind(t, args.total, t > 10 && t < 200)", "string(amount).size() > 3",
        "math.greatest(amount, amount + 1) > 50.0", "args.to.matches('^.*@acme[.]example$')", "args.path.split('/')[0] == 'db'",
        "currency != 'EUR' ? amount > 1.0 : amount > 30.0", "now.getSeconds() < 20", "now.getHours('+01:00') < 12",
        "now > timestamp('2023-11-14T22:13:50Z')", "args.nested.b.size() > 1", "args.list[1] == 2", "args.list.map(x, x * 2)[0] > 2",
        "args.list.filter(x, x != 2).size() == 1", "args.list.exists_one(x, x == 1)", "'a' in args.nested",
        "args.path.indexOf('/') > 0 && args.path.substring(0, 2) == 'db'", "[1, 2, 3].exists(n, n == args.n)",
        "sets.intersects(duties, ['{D}', 'none'])", "tool.replace('p', 'q') == 'qay'", "1 / int(args.c) == 0",
        "args.list == [1, 2, 3]", "size(args.to) > size(args.path) + 5", "args.flag", "!args.flag && args.kind in ['x', 'y']",
        "int(args.c) > 1 || args.total > 1000", "args.k.upperAscii() == 'K1'", "args.total == 10", "args.zz == 1 && false",
        "now - timestamp('1970-01-01T00:00:00Z') > duration('100s')", "args.n == '1'", "double(args.n) > 1.5"]
SCOPED = ["agent.startsWith('spiffe://acme.example/agent/a1')", "tool == 'pay'", "principal == 'user:max@acme.example'",
          "has(args.kind) && args.kind == 'x'", "args.kind == 'y'", "task == 'T-1'"]
# Rules that many combinations meet; an act with 64 objects and 16 delegators passes INTENT_EVALUATIONS_MAX under three or four of them.
DEAR = ["history.count('{D}') > 30 && object != 'o1'", "object.startsWith('o1') && history.sum(amount) > 90.0 && case != 'PO-1'",
        "history.has('{D}') && object in ['o1', 'o2', 'vendor/V1'] && duty != '{D}'", "object == 'o3' && phase == 'execute'",
        "tool == 'pay' && history.count() > 40 && object != 'o2'", "!history.has('{D}') && object == 'o4' && amount > 300.0"]
FEATURES = ("labels", "parents", "credentials", "causes", "sequence", "gate", "condition", "except", "history", "cel", "entitle",
            "purposes", "classes", "scopes", "rates", "crowds", "dear")


class Options:
    def __init__(self, seed, events=300, mode="mixed", domain=None, without=()):
        self.seed, self.events, self.mode, self.domain = seed, events, mode, domain
        self.without = set(without)
        if self.without - set(FEATURES):
            raise ValueError(f"no feature {', '.join(self.without - set(FEATURES))}")

    def having(self, feature):
        return feature not in self.without


class PolicyMaker:
    def __init__(self, rng, options):
        self.rng, self.options = rng, options
        self.domain = options.domain or rng.choices(["tenant", "case", "object", "task", "agent"], [80, 6, 6, 5, 3])[0]
        if options.mode == "hot":
            self.domain = options.domain or "tenant"
        self.start = rng.choice([1_700_000_000_000, 1_700_000_000_000, 0, -5_000])
        self.tables = {}

    def having(self, feature, p=1.0):
        """Chosen with probability p, the random numbers being drawn either way."""
        return self.chance(p) and self.options.having(feature)

    def chance(self, p):
        return self.rng.random() < p

    def text(self):
        rng = self.rng
        policy = {"sunder": 1, "name": f"seed-{self.options.seed}",
                  "domain": "tenant" if self.domain == "tenant" else ["tenant", self.domain]}
        if self.chance(0.15):
            names = ["task", "purpose", "principal", "case", "object", "amount", "currency", "confidence", "credential"]
            policy["require"] = rng.sample(names, rng.choice([1, 1, 2]))
        policy.update(authority="open", tenant="payload")
        if self.options.mode != "hot" and self.chance(0.5):
            policy["horizon"] = rng.choice(["10s", "1m", "10m", "2d"])
        policy["approvals"] = {"count": rng.choice([1, 2]), "from": ["user:eve@acme.example", "user:kim@acme.example"], "valid": "1h"}
        policy["catalogue"] = self.catalogue()
        self.labelled = self.having("labels", 0.5)
        if self.labelled:
            self.label(policy["catalogue"])
        self.mapped = sorted({entry["duty"] for entry in policy["catalogue"]})
        self.made_phases = sorted({entry["phase"] for entry in policy["catalogue"] if "phase" in entry})
        self.head(policy)
        if self.having("causes", 0.2):
            for _ in range(rng.randint(1, 3)):
                entry, cause = rng.choice(policy["catalogue"]), rng.choice(self.mapped)
                if entry["duty"] < cause:
                    entry["causes"] = sorted({*entry.get("causes", []), cause})
        policy["rules"] = [self.rule(index) for index in range(rng.randint(2, 8))]
        self.dear = self.having("dear", 0.1) and self.options.mode == "mixed" and self.options.having("history")
        if self.dear:
            policy["rules"] += [self.costly(index) for index in range(rng.randint(4, 8))]
        if self.tables:
            policy["rates"] = self.tables
        return yaml.dump(policy, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False, allow_unicode=True,
                         width=200)

    def head(self, policy):
        """Keys of the head that need the catalogue's duties."""
        rng = self.rng
        if self.having("purposes", 0.12):
            policy["purposes"] = rng.sample(["pay-invoice", "onboard"], rng.choice([1, 2, 2]))
        if self.having("classes", 0.1):
            names = ["task", "purpose", "principal", "case", "object", "amount", "confidence", "credential"]
            policy["require"] = {"tier": {"high": rng.sample(names, 1)}, "duty": {rng.choice(self.mapped): rng.sample(names, 1)},
                                 "always": rng.sample(names, rng.choice([1, 1, 2]))}
        if self.having("entitle", 0.12):
            policy["entitle"] = [self.entitlement() for _ in range(rng.randint(2, 5))]
        if self.having("scopes", 0.15):
            policy["scopes"] = [{"match": rng.choice(SCOPED), "mode": rng.choice(["detect", "shadow", "shadow", "enforce"])}
                                for _ in range(rng.randint(1, 3))]

    def entitlement(self):
        rng = self.rng
        entry = {"who": rng.sample(AGENTS + PRINCIPALS[:-1] + ["spiffe://acme.example/agent/*", "*", "user:*"], rng.randint(2, 6)),
                 "duties": rng.sample(self.mapped, rng.randint(1, len(self.mapped)))}
        if self.chance(0.5):
            entry["objects"] = rng.sample(["vendor/", "vendor/V1", "employee:", "o:"], rng.randint(1, 3))
        return entry

    def label(self, catalogue):
        rng = self.rng
        for index, entry in enumerate(catalogue):
            if index == 0 or self.chance(0.25):
                entry["labels"] = rng.sample(LABELS, rng.choice([1, 1, 2]))
            if self.chance(0.25):
                entry["gains"] = rng.sample(GAINS, rng.choice([1, 1, 2]))
        if self.having("crowds", 0.06) and self.options.mode == "mixed":  # With what an event claims more than a record tells.
            entry, names = rng.choice(catalogue), [f"l{n}" for n in rng.sample(range(1, 91), 64)]
            entry["labels"], entry["gains"] = names[:32], names[32:]

    def expression(self, *kinds):
        """A condition; erring ones and such that read absent fields among them."""
        pools = {"plain": PLAIN, "unless": UNLESS, "labels": LABELLED, "history": PAST, "cel": FULL}
        allowed = {"labels": self.labelled, "history": self.options.having("history"), "cel": self.options.having("cel")}
        kinds = [kind for kind in kinds if allowed.get(kind, True)]

        def one():
            return self.rng.choice(pools[self.rng.choice(kinds)]).replace("{D}", self.rng.choice(self.mapped))
        text = one()
        if self.chance(0.2):
            text = f"({text}) {self.rng.choice(['&&', '||'])} ({one()})"
        return text

    def catalogue(self):
        rng, out = self.rng, []
        for tool, action in rng.sample(ACTIONS, rng.choice([4, len(ACTIONS), len(ACTIONS)])):
            entry = self.entry(tool, action)
            if self.chance(0.7):
                entry.pop("when", None)
            out.append(entry)
        for _ in range(rng.randint(1, 4)):
            tool, action = rng.choice(ACTIONS)
            shape = rng.choice(["same", "tail", "prefix", "tool"])
            parts = action.split(".")
            if shape == "tail":
                action = ".".join(parts[:-1] + ["*"])
            elif shape == "prefix":
                action = ".".join([parts[0][:2] + "*"] + parts[1:])
            elif shape == "tool":
                tool = tool[:1] + "*"
            out.append(self.entry(tool, action))
        return out

    def entry(self, tool, action):
        rng = self.rng
        entry = {"tool": tool, "action": action, "duty": rng.choice(DUTIES)}
        if self.chance(0.85):
            entry["phase"] = rng.choice(["observe", "recommend", "execute"])
        if self.chance(0.85):
            entry["tier"] = rng.choice(["low", "medium", "high"])
        if self.chance(0.3):
            entry["object"] = rng.choice(OBJECT_EXPRESSIONS)
        if self.chance(0.15):
            entry["case"] = rng.choice(CASE_EXPRESSIONS)
        if self.chance(0.25):
            entry["when"] = rng.choice(WHENS)
        if self.chance(0.2):
            entry["shared"] = True
        return entry

    def per(self, none=False):
        if self.domain in ("case", "object", "task"):
            return self.domain
        if self.domain == "agent":
            return "agent"
        none = none and self.domain == "tenant"
        words = ["object", "object", "object", "case", "case", "task", "tenant", self.rng.choice(PER_EXPRESSIONS)]
        return self.rng.choice(words + [None, None, None] if none else words)

    def by(self, most):
        roles = ["agent", "delegator", "principal", "credential", "actor", "task"]
        if self.chance(1 - most):
            return None
        picked = self.rng.sample(roles, self.rng.choice([1, 1, 2, 3]))
        return picked[0] if len(picked) == 1 and self.chance(0.5) else picked

    def duties(self, low):
        return self.rng.sample(self.mapped, min(len(self.mapped), self.rng.randint(low, max(low, 4))))

    def rule(self, index):
        rng = self.rng
        weights = {"separation": 30, "phases": 10, "distinct": 12, "requires": 14, "limit": 30, "sequence": 34, "gate": 16,
                   "condition": 12}
        weights = {kind: 0 if kind in self.options.without else weight for kind, weight in weights.items()}
        kind = rng.choices(list(weights), list(weights.values()))[0]
        if len(self.made_phases) < 2 and kind == "phases" or len(self.mapped) < 2 and kind in ("separation", "distinct", "requires"):
            kind = "limit"
        name = f"{rng.choice('abcxyz')}{index}-{kind}"
        rule = {"separation": self.separation, "phases": self.phases, "distinct": self.distinct,
                "requires": self.requires, "limit": self.limit, "sequence": self.sequence, "gate": self.gate,
                "condition": self.gate}[kind](name)
        if self.chance(0.3):
            rule["unless"] = self.expression("unless", "unless", "labels", "history", "cel")
        if self.having("except", 0.2):
            rule["except"] = [self.exception() for _ in range(rng.randint(1, 2))]
        effects = ["deny", "deny", "deny", "escalate", "alert"] + ([] if kind == "requires" else ["revoke"])
        if self.chance(0.7) and "require" not in rule:
            rule["then"] = rng.choice(effects)
        if self.chance(0.25):
            rule["mode"] = rng.choice(["enforce", "shadow", "shadow", "off"])
        if rule.get("then") == "escalate" and self.chance(0.4):
            rule["approvals"] = {"count": 2, "from": ["user:kim@acme.example", "user:lee@acme.example"], "valid": "30m"}
        if self.chance(0.2):
            rule["tags"] = ["nist.800-53:AC-5"]
        return rule

    def costly(self, index):
        rng = self.rng
        kind = rng.choice(["gate", "condition"])
        rule = {kind: f"{rng.choice('abcxyz')}{index}-dear", "when": rng.choice(DEAR).replace("{D}", rng.choice(self.mapped))}
        if self.domain != "tenant" or self.chance(0.3):
            rule["per"] = self.per()
        if self.chance(0.4):
            rule["unless"] = self.expression("unless")
        return rule

    def exception(self):
        until = rfc3339(self.start + self.rng.choice([1000, 10_000, 60_000, 100_000, 3_600_000, 10 ** 10])).replace(".000Z", "Z")
        return {"when": self.expression("unless", "labels", "history", "cel"), "owner": "ana@acme.example", "until": until}

    def sequence(self, name):
        rng = self.rng
        steps = []
        while len(steps) < rng.choice([2, 2, 3, 4]):
            step = "label:" + rng.choice(LABELS + GAINS) if self.labelled and self.chance(0.5) else rng.choice(self.mapped)
            if not steps or steps[-1] != step:
                steps.append(step)
            elif len(self.mapped) < 2 and not self.labelled:
                break
        if len(steps) < 2:
            return self.limit(name)
        rule = {"sequence": name, "steps": steps, "along": rng.choice(["information", "subject"])}
        rule["within"] = "task" if self.chance(0.2) else rng.choice(WINDOWS)
        by, per = self.by(0.4), self.per(none=True)
        if by is not None and rule["along"] == "subject":
            rule["by"] = by
        if per is not None and (self.chance(0.5) or self.domain != "tenant"):
            rule["per"] = per
        return rule

    def gate(self, name):
        rng = self.rng
        kind = name.split("-")[1]
        rule = {kind: name, "when": self.expression("plain", "plain", "labels", "history", "history", "cel", "cel")}
        if "history" in rule["when"] or self.domain != "tenant":
            by, per = self.by(0.5), self.per(none=True)
            if by is not None and "history" in rule["when"]:
                rule["by"] = by
            if per is not None:
                rule["per"] = per
            if self.chance(0.3) and "history" in rule["when"]:
                rule["within"] = rng.choice(WINDOWS)
        if kind == "gate" and self.chance(0.25):
            rule["require"] = rng.sample(["task", "purpose", "confidence", "case", "credential", "amount"], rng.choice([1, 2]))
        return rule

    def common(self, rule, most=0.5):
        by = self.by(most)
        if by is not None:
            rule["by"] = by
        per = self.per()
        if per != "object" or self.chance(0.7):
            rule["per"] = per
        return rule

    def separation(self, name):
        duties = self.duties(2)
        rule = {"separation": name, "duties": duties}
        if self.chance(0.6):
            rule["at_most"] = self.rng.randint(1, max(1, len(duties) - 1))
        if self.chance(0.2):
            rule["within"] = self.rng.choice(WINDOWS)
        return self.common(rule)

    def phases(self, name):
        phases = self.rng.sample(self.made_phases, self.rng.randint(2, len(self.made_phases)))
        rule = {"separation": name, "phases": phases}
        if self.chance(0.7):
            rule["at_most"] = 1
        return self.common(rule)

    def distinct(self, name):
        return self.common({"name": name, "distinct": self.duties(2)})

    def requires(self, name):
        needs, before = self.rng.sample(self.mapped, 2)
        rule = {"requires": needs, "before": before, "name": name}
        by = self.by(0.5)
        if by is not None:
            rule["by"] = by
        rule["per"] = self.per()
        return rule

    def limit(self, name):
        rng = self.rng
        rule = {"limit": name}
        aggregate = rng.choices(["sum", "count", "distinct"], [45, 35, 20])[0]
        if aggregate == "count":
            rule["count"] = True
            rule["max"] = str(rng.choice([1, 2, 3, 5, 20]) if self.options.mode != "hot" else rng.choice([50, 400]))
        elif aggregate == "distinct":
            rule["distinct"] = rng.choice(DISTINCTS)
            rule["max"] = str(rng.choice([1, 2, 3]))
        else:
            rule["sum"] = rng.choices(["amount", "args.total", "amount + args.total"], [80, 15, 5])[0]
            if "amount" in rule["sum"] or self.chance(0.3):
                rule["currency"] = rng.choice(["EUR", "EUR", "USD"])
            if "currency" in rule and self.having("rates", 0.25):
                del rule["currency"]
                rule["rates"] = rng.choice(["fx", "other"])
                self.tables.setdefault(rule["rates"], {"to": "EUR", "USD": rng.choice(["0.92", "1.000001", "0.3333"])})
            ceilings = ["20", "40.5", "100.000001", "400"] if self.options.mode != "hot" else ["5000", "90000.5"]
            rule["max"] = rng.choice(ceilings)
        of = rng.choice(["none", "one", "many", "attempts", "attempts_of"])
        if of == "one":
            rule["of"] = rng.choice(self.mapped)
        elif of == "many":
            rule["of"] = self.duties(1)
        elif of != "none":
            rule["of"] = "attempts"
            if of == "attempts_of":
                rule["attempts_of"] = rng.choice(self.mapped)
        by, per = self.by(0.8), self.per(none=True)
        if by is not None:
            rule["by"] = by
        if per is not None:
            rule["per"] = per
        if self.chance(0.7):
            rule["within"] = rng.choice(WINDOWS if self.options.mode != "hot" else ["1h", "1d", "30d"])
        return rule


class EventMaker:
    def __init__(self, rng, options, policy):
        self.rng, self.options, self.domain = rng, options, policy.domain
        self.hot, self.dear = options.mode == "hot", policy.dear
        self.tenants = ["acme"] if self.hot else ["acme", "acme", "globex"]
        self.now = policy.start
        self.count, self.past, self.others, self.offsets = 0, [], [], {}
        self.partitions = rng.choice([1, 1, 2, 3, 5])
        self.explicit = rng.random() < 0.6
        self.dirt = {"mixed": rng.choice([0.0, 0.03, 0.1]), "clean": 0.0, "hot": 0.005}[options.mode]
        self.base = {"principal": rng.random(), "task": rng.random() * 0.6, "delegation": rng.random() * 0.4,
                     "object": 0.5 + rng.random() * 0.5, "case": rng.random() * 0.8, "amount": 0.4 + rng.random() * 0.6,
                     "args": 0.5 + rng.random() * 0.5, "credential": rng.random() * 0.4, "argument": 0.75}
        if rng.random() < 0.75:  # Intents that carry everything, so that many reach the rules.
            self.base.update(object=1.0, case=0.97, amount=1.0, args=1.0, argument=0.99,
                             task=rng.choice([0.3, 0.98]), purpose=0.95)
        self.principals = rng.choice([PERSONS, PERSONS, PRINCIPALS])
        self.closes = rng.random() < 0.5
        weights = {"intent": 60, "observed": rng.choice([0, 3, 8]), "outcome": rng.choice([4, 14, 25]),
                   "task": rng.choice([0, 0.7, 3, 7]), "delegation": rng.choice([0, 0.5, 2, 6]),
                   "case": rng.choice([0.3, 1, 4]), "control": rng.choice([0, 0.1, 0.5, 2]), "unknown": 0.3}
        if self.hot:
            weights = {"intent": 80, "observed": 6, "outcome": 11, "task": 0.1, "delegation": 0.05, "case": 0.1,
                       "control": 0.01, "unknown": 0.01}
        self.labelling = rng.choice([0.05, 0.1, 0.4]) if options.having("labels") else 0.0
        self.family = rng.choice([0.03, 0.2]) if options.having("parents") else 0.0
        crowd = rng.choice([None] * 9 + ["case", "labels", "edges", "agents"])
        if crowd is not None and (options.mode != "mixed" or not options.having("crowds")
                                  or crowd == "labels" and not options.having("labels")):
            crowd = None
        self.crowd = crowd
        if self.crowd == "edges":
            weights["delegation"] = 60
        if self.crowd == "case" and self.closes:
            weights.update(outcome=25, case=15)
        if not options.having("credentials"):
            self.base["credential"] = 0.0
        self.kinds, self.weights = list(weights), list(weights.values())

    def chance(self, p):
        return self.rng.random() < p

    def line(self):
        self.count += 1
        if self.chance(self.dirt * 0.5):
            return self.garbage()
        kind = self.rng.choices(self.kinds, self.weights)[0]
        event = getattr(self, kind)()
        if kind not in ("intent", "unknown") and self.others and self.chance(0.05):
            event = self.rng.choice([other for other in self.others if self.domain == "tenant" or other["type"] == event["type"]]
                                    or [event])
        if kind not in ("intent",):
            self.others = (self.others + [event])[-20:]
        event = {**event, "data": dict(event["data"]) if isinstance(event["data"], dict) else event["data"]}
        if self.chance(self.dirt):
            self.spoil(event)
        return dump(self.placed(event)).encode("utf-8")

    def placed(self, event):
        rng = self.rng
        step = rng.choice([0, 0, 1, 2, 10, 100, 500, rng.choice([999, 1000, 1001]), rng.choice(WINDOW_MS[:3]) - 1,
                           rng.choice(WINDOW_MS[:3]), rng.choice(WINDOW_MS[:2]) + 1, rng.choice(WINDOW_MS)
                           if self.chance(0.1) else 3])
        self.now += step if not self.hot else rng.choice([0, 1, 10, 1000, 5000])
        stamp = self.now - (rng.randint(1, 12_000) if self.chance(0.1) else 0)
        out = {"specversion": "1.0", **event}
        if self.chance(0.9):
            out["sundertimestamp"] = Raw(str(stamp))
        elif self.chance(0.7):
            out["time"] = rfc3339(stamp)
        if self.partitions > 1:
            partition = rng.randrange(self.partitions)
            out["sunderpartition"] = Raw(str(partition))
        else:
            partition = 0
        if self.explicit:
            offset = self.offsets.get(partition, -1) + rng.choice([1, 1, 1, 1, 2, 7])
            self.offsets[partition] = offset
            out["sunderoffset"] = Raw(str(offset))
        return out

    def id(self, prefix):
        """Of all but intents, now and then one that was there before, whatever the event says now."""
        again = prefix not in "ig" and self.chance(0.05)
        return f"{prefix}{self.rng.randrange(9) if again else self.count}"

    def pick_tenant(self):
        return self.rng.choice(self.tenants)

    def object(self):
        return OBJECTS[0] if self.hot and self.chance(0.9) else self.rng.choice(OBJECTS)

    def case_id(self, known=False):
        if self.hot:
            return f"PO-{self.rng.randint(1, 9)}"
        if self.crowd == "case":
            return f"PO-{self.rng.randint(1, self.count) if known else self.count}"
        wave = self.count // 60 if self.chance(0.9) else 0
        return f"{self.rng.choice(CASES)}{'.' + str(wave) if wave else ''}"

    def arguments(self):
        rng = self.rng
        pool = {"kind": ["x", "y", "zz"], "path": ["db/prod", "web"], "to": ["bob@acme.example", "eve@evil.example"],
                "total": [Raw("10"), Raw("150.5"), Raw("0.5"), Raw("1e2")], "v": ["V1", "V2", "V3"], "obj": OBJECTS,
                "n": [Raw("1"), Raw("2"), Raw("3.5")], "po": CASES, "c": ["1", "2", "3"], "k": KEYS,
                "flag": [True, False], "list": [[Raw("1"), Raw("2"), Raw("3")], [Raw("2")], [], [Raw("1.5"), "x", Raw("2")],
                                                [Raw("1"), Raw("2.0")]]}
        out = {name: rng.choice(values) for name, values in pool.items() if self.chance(self.base["argument"])}
        if self.chance(0.03):
            out[rng.choice(["v", "obj", "po"])] = rng.choice(["", "a b", "x/", "\u20ac\U0001f600"])
        if self.chance(0.02):
            out["total"] = rng.choice([Raw("0.1234567"), Raw("-3"), "text"])
        if self.chance(0.1):
            out["nested"] = {"b": [Raw("1.0"), None, {"\u20ac": Raw("1e21"), "a": Raw("1E-7")}], "a": "q\"\\\u0007\u2028"}
        return out

    def act(self):
        rng, base = self.rng, self.base
        tool, action = rng.choice(ACTIONS) if self.chance(0.97) else ("erp", "unknown.act")
        data = {"tenant": self.pick_tenant(), "tool": tool, "action": action}
        agent = rng.choice(AGENTS)
        if self.chance(0.9):
            data["agent"] = agent
        if self.chance(base["principal"]):
            data["principal"] = rng.choice(self.principals)
        if self.chance(base["delegation"]):
            data["delegation"] = [rng.choice(AGENTS + PRINCIPALS) for _ in range(rng.randint(0, 3))]
        if self.chance(base["task"]) or self.domain == "task":
            data["task"] = rng.choice(TASKS)
        if self.chance(base.get("purpose", 0.3)):
            data["purpose"] = rng.choice(["pay-invoice", "onboard"])
        if self.chance(base["object"]) or self.domain == "object":
            data["object"] = self.object()
        if self.chance(0.12):
            data["objects"] = [self.object() for _ in range(rng.randint(0, 3))]
        if self.chance(base["case"]) or self.domain == "case":
            data["case"] = self.case_id()
        if self.chance(base["args"]):
            data["args"] = self.arguments()
        if self.chance(base["amount"]):
            data["amount"] = rng.choice(AMOUNTS) if self.chance(0.96) else rng.choice(ODD_AMOUNTS)
            if self.chance(0.95):
                data["currency"] = "EUR" if self.chance(0.9) else "USD"
        if self.chance(0.2):
            data["confidence"] = rng.choice(["0.93", Raw("0.4"), "1", "0.5"])
        if self.chance(base["credential"]):
            data["credential"] = rng.choice(CREDENTIALS)
        if self.chance(self.labelling):
            data["labels"] = rng.sample(LABELS, rng.randint(0, 2))
        if self.dear and self.chance(0.08):
            data["objects"] = [f"o{n}" for n in range(rng.choice([30, 64, 64]))]
            data["delegation"] = [f"bot:{n}" for n in range(60, 60 + rng.choice([8, 16, 16]))]
        if self.crowd == "labels":
            data["labels"] = [f"l{rng.randint(1, 90)}" for _ in range(rng.choice([1, 2, 3, 20]))]
        if self.chance(self.family):
            data["parents"] = [self.parent() for _ in range(rng.choice([1, 1, 2, 3]) if self.chance(0.97) else 16)]
        if self.crowd == "agents" and data.get("agent"):
            data["agent"] = agent = f"bot:{rng.randint(10, 60)}"
            data["credential"] = CREDENTIALS[0]
        if not self.options.having("credentials"):
            data.pop("credential", None)
        if self.chance(0.2):
            data["idempotency_key"] = f"key-{rng.randint(1, 12)}"
        if self.chance(0.05):
            data["note"] = rng.choice(["free text \u00fc", Raw("1.50"), None])
        if self.chance(0.02):
            data[rng.choice(["principal", "task", "case"])] = None
        return agent, data

    def parent(self):
        """Mostly an act of late; sometimes one that is not there."""
        ids = [event["id"] for event in self.past[-15:] + self.others if event["type"].endswith(("intent.v1", "observed.v1"))]
        return self.rng.choice(ids) if ids and self.chance(0.95) else self.rng.choice(["i1", "nobody"])

    def intent(self):
        if self.past and self.chance(0.22):
            return self.retry()
        agent, data = self.act()
        event = {"id": self.id("i"), "source": agent, "type": "dev.sunder.intent.v1", "data": data}
        self.past = (self.past + [event])[-(400 if self.hot else 25):]
        return event

    def retry(self):
        rng = self.rng
        old = rng.choice(self.past[-25:])
        event, data = dict(old), dict(old["data"])
        way = rng.choice(["same", "same", "changed", "key", "other", "gate"])
        if way == "changed":
            data[rng.choice(["amount", "object", "purpose"])] = "17"
        elif way == "key":
            event["id"] = self.id("i")
        elif way == "other":
            data["agent"] = rng.choice(AGENTS)
        elif way == "gate" and "agent" in data:
            event["source"] = GATE
        event["data"] = data
        return event

    def observed(self):
        agent, data = self.act()
        return {"id": self.id("o"), "source": self.rng.choice([agent, "urn:cloudtrail"]),
                "type": "dev.sunder.observed.v1", "data": data}

    def outcome(self):
        rng = self.rng
        old = rng.choice(self.past[-12:]) if self.past and self.chance(0.96) else None
        data = {"tenant": old["data"].get("tenant") if old else "acme", "intent": old["id"] if old else "nothing",
                "result": rng.choice(["executed", "executed", "executed", "failed", "abandoned"])}
        if self.domain != "tenant" and old:
            agent = old["data"].get("agent") or old["source"]
            value = {**old["data"], "agent": agent}.get(self.domain)
            data[self.domain] = value
        agent = old["data"].get("agent", old["source"]) if old else AGENTS[0]
        source = rng.choice([GATE, GATE, GATE, agent, rng.choice(AGENTS + PRINCIPALS)])
        return {"id": self.id("u"), "source": source, "type": "dev.sunder.outcome.v1", "data": data}

    def expiry(self):
        return rfc3339(self.now + self.rng.choice([-1000, 1, 1000, 10_000, 60_000, 3_600_000, 36_000_000]))

    def task(self):
        rng = self.rng
        data = {"tenant": self.pick_tenant(), "task": rng.choice(TASKS),
                "state": rng.choices(["opened", "updated", "renewed", "ended"], [5, 3, 2, 0.4])[0]}
        if self.chance(0.15):
            data["principal"] = rng.choice(PRINCIPALS)
        if self.chance(0.3):
            data["duties"] = rng.sample(DUTIES, rng.choice([0, 4, 6, 6]))
        if self.chance(0.3):
            data["agents"] = rng.sample(AGENTS, rng.randint(3, 5))
        if self.chance(0.3) or data["state"] == "renewed":
            data["expires"] = self.expiry()
        if self.chance(0.05):
            data["case"] = self.case_id()
        if self.chance(0.2):
            data["purpose"] = "pay-invoice"
        source = ORCHESTRATOR if self.chance(0.85) else rng.choice(AGENTS)
        return {"id": self.id("t"), "source": source, "type": "dev.sunder.task.v1", "data": data}

    def delegation(self):
        rng = self.rng
        data = {"tenant": self.pick_tenant(), "from": rng.choice(AGENTS + PRINCIPALS), "to": rng.choice(AGENTS)}
        if self.crowd == "edges":
            data["from"], data["to"] = f"m{rng.randint(1, 99)}", AGENTS[0]
        if self.chance(0.4):
            data["duties"] = rng.sample(DUTIES, rng.choice([0, 4, 6, 6]))
        if self.chance(0.35):
            data["task"] = rng.choice(TASKS)
        if self.chance(0.3):
            data["expires"] = self.expiry()
        if self.chance(0.2):
            data["revoked"] = self.chance(0.9)
        return {"id": self.id("d"), "source": rng.choice([data["from"], ORCHESTRATOR]),
                "type": "dev.sunder.delegation.v1", "data": data}

    def case(self):
        rng = self.rng
        data = {"tenant": self.pick_tenant(), "state": "closed"}
        if self.domain == "object" or (self.domain != "case" and self.chance(0.5)):
            data["object"] = rng.choice(OBJECTS)
        else:
            data["case"] = self.case_id(known=True)
        if self.domain in ("task", "agent"):
            data[self.domain] = rng.choice(TASKS if self.domain == "task" else AGENTS)
        return {"id": self.id("c"), "source": ERP if self.chance(0.85) else rng.choice(AGENTS),
                "type": "dev.sunder.case.v1", "data": data}

    def control(self):
        rng = self.rng
        word = rng.choices(["quarantine", "release", "tick", "activate"], [5, 6, 0.5, 0.5])[0]
        subject = rng.choice(AGENTS + PRINCIPALS + CREDENTIALS + ["unattributed"])
        return {"id": self.id("q"), "source": SENTRY if self.chance(0.9) else subject, "type": "dev.sunder.control.v1",
                "data": {"tenant": self.pick_tenant(), "control": word, "subject": subject}}

    def unknown(self):
        return {"id": self.id("z"), "source": SENTRY,
                "type": self.rng.choice(["dev.sunder.approval.v1", "com.example.other"]),
                "data": {"tenant": self.pick_tenant(), "case": "PO-1", "object": "vendor/V1", "task": "T-1", "agent": "bot:6",
                         "intent": "i1"}}

    def spoil(self, event):
        rng, data = self.rng, event["data"]
        way = rng.choice(["identifier", "type", "element", "drop", "envelope", "long", "word", "data", "decimal", "time"])
        if way == "data" or not isinstance(data, dict) or not data:
            event["data"] = rng.choice([None, [], "text", Raw("5")])
        elif way == "identifier":
            names = [name for name in data if isinstance(data[name], str) and name not in ("amount", "confidence", "note")]
            if rng.random() < 0.3:
                event[rng.choice(["id", "source"])] = rng.choice(BAD)
            elif names:
                data[rng.choice(names)] = rng.choice(BAD)
        elif way == "type":
            data[rng.choice([name for name in data if name != "note"] or ["tool"])] = rng.choice([Raw("5"), True, {"a": "b"}])
        elif way == "element":
            name = rng.choice([name for name in ("delegation", "objects", "labels", "parents", "duties", "agents")
                               if self.options.having(name)])
            data[name] = rng.choice([[Raw("5")], ["ok", None], ["a b"], "text"])
        elif way == "drop":
            data.pop(rng.choice(list(data)))
        elif way == "envelope":
            event[rng.choice(["id", "source", "type", "specversion"])] = rng.choice([Raw("5"), None, "0.3"])
        elif way == "long":
            name, count = rng.choice([(name, count) for name, count in (("delegation", 17), ("objects", 65), ("labels", 33),
                                                                        ("parents", 17)) if self.options.having(name)])
            data[name] = [f"n{index}" for index in range(count)]
        elif way == "word":
            for name in ("result", "state", "control"):
                if name in data:
                    data[name] = "frozen"
        elif way == "decimal":
            data[rng.choice(["amount", "confidence"])] = rng.choice(["abc", "1,5", "", "+1", ".5", "05", True, "0x10", "1."])
        else:
            data["expires"] = rng.choice(["tomorrow", "2026-13-01T00:00:00Z", "2026-01-01"])

    def garbage(self):
        rng = self.rng
        agent, data = self.act()
        event = {"specversion": "1.0", "id": self.id("g"), "source": agent, "type": "dev.sunder.intent.v1", "data": data}
        text = dump(event)
        return rng.choice([
            b"garbage", b"{", b"[]", b"null", b"5", text[:len(text) // 2].encode(), b"\xff\xfe" + text.encode(),
            text.replace('"tool"', '"action"').encode(), text.replace('"data":{', '"data":{"x":NaN,').encode(),
            text.replace('"data":{', '"data":{"x":"\\ud800",').encode(), text.encode() + b"}",
            text.replace('"data":{', '"data":{"x":' + "[" * 60 + "]" * 60 + ",").encode(),
            text.replace('"data":{', '"data":{"x":"\xc3(",').encode("latin-1", "replace"),
            text.replace('"data":{', '"data":{"x":01,').encode()])


def rfc3339(ms):
    import datetime
    seconds, rest = divmod(ms, 1000)
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:03d}Z"


def generate(options):
    """(policy text, lines as bytes, partitions)."""
    rng = random.Random(f"{options.seed}/{options.mode}")
    maker = PolicyMaker(rng, options)
    policy = maker.text()
    events = EventMaker(rng, options, maker)
    lines = [events.line() for _ in range(options.events)]
    return policy, [line.replace(b"\n", b" ") for line in lines], events.partitions


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--events", type=int, default=300)
    parser.add_argument("--mode", choices=["mixed", "hot", "clean"], default="mixed")
    parser.add_argument("--domain", choices=["tenant", "case", "object", "task", "agent"])
    parser.add_argument("--without", default="", help="features left out, of " + ", ".join(FEATURES))
    parser.add_argument("--out", required=True)
    given = parser.parse_args(argv)
    policy, lines, partitions = generate(
        Options(given.seed, given.events, given.mode, given.domain, filter(None, given.without.split(","))))
    os.makedirs(given.out, exist_ok=True)
    with open(os.path.join(given.out, "policy.yaml"), "w", encoding="utf-8") as file:
        file.write(policy)
    with open(os.path.join(given.out, "events.ndjson"), "wb") as file:
        file.write(b"".join(line + b"\n" for line in lines))
    print(f"{len(lines)} events, {partitions} partitions in {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
