"""The policy as the oracle sees it: a few plain objects, no index."""
import re

import yaml

from expr import Expr
from values import parse_decimal, to_micro

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

    def names(self, tool, action):
        return matches(self.tool, tool) and matches(self.action, action)


def matches(pattern, text):
    """`*` stands for the rest of one dot-separated segment (S41)."""
    ours, theirs = pattern.split("."), text.split(".")
    if len(ours) != len(theirs):
        return False
    return all(b.startswith(a[:-1]) if a.endswith("*") else a == b for a, b in zip(ours, theirs))


class Rule:
    def __init__(self, raw, default_approvals):
        self.mode, self.then = raw.get("mode", "enforce"), raw.get("then", "deny")
        self.tags = listed(raw.get("tags"))
        self.by = listed(raw.get("by"))
        self.per = raw.get("per")
        self.unless = Expr(raw["unless"]) if "unless" in raw else None
        self.within = duration(raw["within"]) if "within" in raw else None
        self.approvals = raw.get("approvals", default_approvals)
        if "limit" in raw:
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
        self.currency = raw.get("currency")
        self.attempts = raw.get("of") == "attempts"
        self.of = None
        if self.attempts and "attempts_of" in raw:
            self.of = set(listed(raw["attempts_of"]))
        elif not self.attempts and "of" in raw:
            self.of = set(listed(raw["of"]))
        self.max = to_micro(parse_decimal(raw["max"]))


class Policy:
    def __init__(self, text, limits):
        raw = yaml.load(text, Loader=yaml.BaseLoader) or {}
        self.domain = listed(raw.get("domain", "tenant"))
        self.require = listed(raw.get("require"))
        self.horizon = duration(raw["horizon"]) if "horizon" in raw else limits["HORIZON_MS_DEFAULT"]
        self.catalogue = [Entry(entry) for entry in raw.get("catalogue") or []]
        rules = [Rule(rule, raw.get("approvals")) for rule in raw.get("rules") or []]
        rules.sort(key=lambda rule: rule.name.encode("utf-8"))
        self.rules = [rule for rule in rules if rule.mode != "off"]

    @property
    def finer(self):
        return self.domain != ["tenant"]
