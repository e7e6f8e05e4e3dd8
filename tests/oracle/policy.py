"""The policy as the oracle sees it: a few plain objects, no index."""
import functools
import re

import yaml

from expr import Expr
from values import parse_decimal, parse_time, to_micro

UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
ROLES = ("agent", "delegator", "principal", "credential")
TIERS = ("low", "medium", "high")
PHASES = ("observe", "recommend", "execute")


def duration(text):
    match = re.fullmatch(r"([0-9]+)(ms|s|m|h|d|w)", text)
    if not match:
        raise ValueError(f"not a duration: {text}")
    return int(match.group(1)) * UNITS[match.group(2)]


def listed(value):
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


class Entry:
    """One line of the catalogue."""

    def __init__(self, raw):
        self.tool, self.action, self.duty = raw["tool"], raw["action"], raw["duty"]
        self.phase, self.tier = raw.get("phase"), raw.get("tier")
        self.object = Expr(raw["object"]) if "object" in raw else None
        self.case = Expr(raw["case"]) if "case" in raw else None
        self.when = Expr(raw["when"]) if "when" in raw else None
        self.shared = raw.get("shared") == "true"
        self.labels, self.gains = listed(raw.get("labels")), listed(raw.get("gains"))
        self.causes = listed(raw.get("causes"))

    def names(self, tool, action):
        return matches(self.tool, tool) and matches(self.action, action)


@functools.lru_cache(maxsize=4096)
def matches(pattern, text):
    """`*` stands for the rest of one dot-separated segment (S41)."""
    ours, theirs = pattern.split("."), text.split(".")
    if len(ours) != len(theirs):
        return False
    return all(b.startswith(a[:-1]) if a.endswith("*") else a == b for a, b in zip(ours, theirs))


class Exception_:
    """An exception from a rule: holds while now < until."""

    def __init__(self, raw):
        self.when, self.until = Expr(raw["when"]), parse_time(raw["until"])


class Scope:
    """Where the policy only watches (S29)."""

    def __init__(self, raw):
        self.match, self.mode = Expr(raw["match"]), raw["mode"]


class Entitlement:
    """Who may do what at all (S21)."""

    def __init__(self, raw):
        self.who, self.duties, self.objects = listed(raw["who"]), listed(raw["duties"]), raw.get("objects")

    def covers(self, names, duty, object_):
        """object_ is None for an intent without objects."""
        known = any(name.startswith(who[:-1]) if who.endswith("*") else name == who for who in self.who for name in names)
        inside = self.objects is None or object_ is None or any(object_.startswith(start) for start in listed(self.objects))
        return known and duty in self.duties and inside


class Rule:
    def __init__(self, raw, default_approvals):
        self.mode, self.then = raw.get("mode", "enforce"), raw.get("then", "deny")
        self.tags = listed(raw.get("tags"))
        self.by = listed(raw.get("by"))
        self.per = raw.get("per")
        self.unless = Expr(raw["unless"]) if "unless" in raw else None
        self.excepts = [Exception_(one) for one in raw.get("except") or []]
        self.in_task = raw.get("within") == "task"
        self.within = duration(raw["within"]) if "within" in raw and not self.in_task else None
        self.approvals = raw.get("approvals", default_approvals)
        if "gate" in raw or "condition" in raw:
            self._gate(raw)
        elif "sequence" in raw:
            self.kind, self.name = "sequence", raw["sequence"]
            self.steps, self.information = listed(raw["steps"]), raw["along"] == "information"
        elif "limit" in raw:
            self._limit(raw)
        elif "requires" in raw:
            self.kind, self.name = "requires", raw["name"]
            self.needs, self.before = raw["requires"], raw["before"]
            self.per = self.per or "object"
        else:
            self._separation(raw)
        if not self.by and self.kind != "requires":
            self.by = list(ROLES)
        words = ("object", "case", "task", "tenant", None)
        self.per_expr = None if self.per in words else Expr(self.per)
        self.reads = set().union(*(one.reads for one in self._expressions()))
        self.asks = set().union(*(one.asks for one in self._expressions()))

    def _expressions(self):
        return [one for one in (getattr(self, "when", None), self.unless) if one] + [one.when for one in self.excepts]

    def _gate(self, raw):
        self.kind = "gate" if "gate" in raw else "condition"
        self.name, self.when = raw[self.kind], Expr(raw["when"])
        self.require = listed(raw.get("require"))
        if "then" not in raw and self.kind == "gate":
            self.then = None if "require" in raw and "approvals" not in raw else "escalate"

    def _separation(self, raw):
        self.kind, self.name = "separation", raw.get("separation", raw.get("name"))
        self.phases = "phases" in raw
        self.over = sorted(set(listed(raw.get("duties") or raw.get("phases") or raw.get("distinct"))))
        default = 1 if "distinct" in raw else len(self.over) - 1
        self.at_most = int(raw.get("at_most", default))
        self.per = self.per or "object"

    def _limit(self, raw):
        self.kind, self.name = "limit", raw["limit"]
        self.aggregate = next(word for word in ("sum", "count", "distinct") if word in raw)
        self.text = raw[self.aggregate]
        self.expr = None if self.aggregate == "count" else Expr(self.text)
        self.currency, self.rates = raw.get("currency"), raw.get("rates")
        self.attempts = raw.get("of") == "attempts"
        self.of = None
        if self.attempts and "attempts_of" in raw:
            self.of = set(listed(raw["attempts_of"]))
        elif not self.attempts and "of" in raw:
            self.of = set(listed(raw["of"]))
        self.max = to_micro(parse_decimal(raw["max"]))


class Policy:
    def __init__(self, text, limits):
        raw = yaml.load(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader)) or {}
        self.limits = limits
        self.domain = listed(raw.get("domain", "tenant"))
        require = raw.get("require")
        self.classes = require if isinstance(require, dict) else {"always": listed(require)}
        self.purposes = raw.get("purposes")
        self.entitle = None if "entitle" not in raw else [Entitlement(one) for one in raw["entitle"] or []]
        self.scopes = [Scope(one) for one in raw.get("scopes") or []]
        self.rates = raw.get("rates") or {}
        self.horizon = duration(raw["horizon"]) if "horizon" in raw else limits["HORIZON_MS_DEFAULT"]
        self.catalogue = [Entry(entry) for entry in raw.get("catalogue") or []]
        self.causing = [entry for entry in self.catalogue if entry.causes]
        rules = [Rule(rule, raw.get("approvals")) for rule in raw.get("rules") or []]
        rules.sort(key=lambda rule: rule.name.encode("utf-8"))
        self.rules = [rule for rule in rules if rule.mode != "off"]
        self.keeps_labels = self._keeps_labels(self.rules)

    def _keeps_labels(self, rules):
        """Whether anything asks for labels; else nothing is inherited (S16)."""
        expressions = [one for entry in self.catalogue for one in (entry.when, entry.object, entry.case) if one]
        expressions += [one.match for one in self.scopes] + [rule.per_expr for rule in rules if rule.per_expr]
        expressions += [rule.expr for rule in rules if rule.kind == "limit" and rule.expr]
        return any(entry.labels or entry.gains for entry in self.catalogue) \
            or any("labels" in one.reads for one in expressions) or any("labels" in rule.reads for rule in rules) \
            or any(rule.kind == "sequence" and (rule.information or any(step.startswith("label:") for step in rule.steps))
                   for rule in rules)

    def required(self, act):
        """Names that the classes of an act require (S40)."""
        names = list(self.classes.get("always") or [])
        names += (self.classes.get("tier") or {}).get(act.tier) or []
        for duty in act.duties:
            names += (self.classes.get("duty") or {}).get(duty) or []
        return names

    def effects(self, duties):
        """What duties cause, and what that causes (S23)."""
        found, grown = set(), True
        while grown:
            more = {cause for entry in self.causing if entry.duty in found | set(duties) for cause in entry.causes}
            grown = not more <= found
            found |= more
        return found

    @property
    def finer(self):
        return self.domain != ["tenant"]
