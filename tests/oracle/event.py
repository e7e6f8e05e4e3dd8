"""One event, decoded: the fields of its kind and every problem of stage 1 (S30, S40, S42)."""
from values import NotDecimal, Num, Refused, TooLong, is_identifier, parse_decimal, parse_json, parse_time, to_micro

KINDS = {
    "dev.sunder.intent.v1": "intent", "dev.sunder.observed.v1": "observed", "dev.sunder.outcome.v1": "outcome",
    "dev.sunder.task.v1": "task", "dev.sunder.delegation.v1": "delegation", "dev.sunder.case.v1": "case",
    "dev.sunder.control.v1": "control",
}
COPIED = ("task", "delegation", "control")
IDENTIFIERS = {
    "tenant", "agent", "principal", "delegation", "task", "tool", "action", "object", "objects", "case", "purpose",
    "credential", "labels", "parents", "idempotency_key", "currency", "intent", "agents", "from", "to", "subject",
}
ACT = {
    "tenant": "text", "agent": "text", "principal": "text", "delegation": "list", "task": "text", "purpose": "text",
    "tool": "text", "action": "text", "object": "text", "objects": "list", "case": "text", "args": "object",
    "amount": "decimal", "currency": "text", "labels": "list", "confidence": "decimal", "parents": "list",
    "credential": "text", "proof": "text", "idempotency_key": "text",
}
FIELDS = {
    "intent": ACT, "observed": ACT,
    "outcome": {"tenant": "text", "intent": "text", "result": "text", "proof": "text"},
    "task": {"tenant": "text", "task": "text", "state": "text", "principal": "text", "purpose": "text",
             "case": "text", "duties": "list", "agents": "list", "expires": "time", "proof": "text"},
    "delegation": {"tenant": "text", "from": "text", "to": "text", "duties": "list", "task": "text",
                   "expires": "time", "revoked": "bool", "proof": "text"},
    "case": {"tenant": "text", "case": "text", "object": "text", "state": "text", "proof": "text"},
    "control": {"tenant": "text", "control": "text", "subject": "text", "proof": "text"},
}
TYPES = {"text": str, "time": str, "list": list, "object": dict, "bool": bool}
REQUIRED = {
    "intent": ("tool", "action"), "observed": ("tool", "action"), "outcome": ("intent", "result"),
    "task": ("task", "state"), "delegation": ("from", "to"), "case": ("state",), "control": ("control",),
}
WORDS = {
    ("outcome", "result"): ("executed", "failed", "abandoned"),
    ("task", "state"): ("opened", "updated", "renewed", "ended"),
    ("case", "state"): ("closed",),
    ("control", "control"): ("quarantine", "release", "tick", "activate"),
}
BOUNDS = {
    "delegation": "DELEGATION_MAX", "objects": "OBJECTS_MAX", "labels": "LABELS_MAX", "parents": "PARENTS_MAX",
    "duties": "TASK_DUTIES_MAX", "agents": "TASK_AGENTS_MAX",
}


class Event:
    """`fields` holds what could be read; `problems` is a set of (code, field)."""

    def __init__(self, kind, id_, source, data):
        self.kind, self.id, self.source, self.data = kind, id_, source, data
        self.fields, self.problems, self.inexact = {}, set(), set()
        self.get = self.fields.get
        self.arguments = None  # `args` as conditions see them, once one has asked.

    def first_problem(self):
        return min(self.problems)


def placement(value):
    """(sunderpartition, sunderoffset, timestamp) as far as the line says."""
    def integer(name):
        number = value.get(name)
        return int(number.text) if isinstance(number, Num) else None
    timestamp = integer("sundertimestamp")
    if timestamp is None and isinstance(value.get("time"), str):
        timestamp = parse_time(value["time"])
    return integer("sunderpartition") or 0, integer("sunderoffset"), timestamp or 0


def read(raw, limits):
    """The parsed JSON object of a line; raises Refused."""
    value = parse_json(raw, limits)
    if not isinstance(value, dict):
        raise Refused("malformed")
    return value


def decode(value, policy, limits):
    """An Event; its kind is None when the type is unknown to this build. Raises Refused."""
    if value.get("specversion") != "1.0":
        raise Refused("malformed")
    for name in ("id", "source", "type"):
        if not isinstance(value.get(name), str):
            raise Refused("malformed")
    event = Event(KINDS.get(value["type"]), value["id"], value["source"], value.get("data"))
    if event.kind is None:
        _unknown(event)
        return event
    if value.get("time") is not None and (not isinstance(value["time"], str) or parse_time(value["time"]) is None):
        event.problems.add(("malformed", "time"))
    _envelope(event)
    if not isinstance(event.data, dict):
        event.problems.add(("malformed", "data"))
        event.data = {}
        if event.kind in ("intent", "observed"):
            event.fields["agent"] = event.source
        return event
    schema = dict(FIELDS[event.kind])
    if event.kind in ("outcome", "case"):  # They may name the domain's attributes; a bad one is not there.
        for name in policy.domain:
            value = event.data.get(name)
            if name not in schema and isinstance(value, str) and is_identifier(value):
                event.fields[name] = value
    for name, type_ in schema.items():
        if event.data.get(name) is not None:
            _member(event, name, type_, limits)
    if event.kind in ("intent", "observed") and event.data.get("agent") is None:
        event.fields["agent"] = event.source
        if not is_identifier(event.source):
            event.problems.add(("bad_identifier", "agent"))
    _required(event)
    return event


def _unknown(event):
    data = event.data if isinstance(event.data, dict) else {}
    for name in ("tenant", "agent", "principal", "task", "case", "object"):
        if isinstance(data.get(name), str):
            event.fields[name] = data[name]
            if not is_identifier(data[name]):
                event.problems.add(("bad_identifier", name))


def _envelope(event):
    if not is_identifier(event.id):
        event.problems.add(("bad_identifier", "id"))
    if event.kind not in ("intent", "observed") and not is_identifier(event.source):
        event.problems.add(("bad_identifier", "source"))


def _member(event, name, type_, limits):
    value = event.data[name]
    if type_ == "decimal":
        _decimal(event, name, value, limits)
        return
    ok = isinstance(value, TYPES[type_])
    if ok and type_ == "list":
        ok = all(isinstance(item, str) for item in value)
    if ok and type_ == "time":
        value = parse_time(value)
        ok = value is not None
    if not ok:
        event.problems.add(("malformed", name))
        return
    if type_ == "list" and len(value) > limits[BOUNDS[name]]:
        event.problems.add(("limit_reached", name))
        return
    words = WORDS.get((event.kind, name))
    if words and value not in words:
        event.problems.add(("malformed", name))
        return
    if name in IDENTIFIERS or name == "duties":
        items = value if type_ == "list" else [value]
        if not all(is_identifier(item) for item in items):
            event.problems.add(("bad_identifier", name))
    event.fields[name] = value


def _decimal(event, name, value, limits):
    """fields[name] = exact decimal; fields[name + "_micro"] is left out when it does not fit (amount_range)."""
    if isinstance(value, Num):
        value = value.text
    if not isinstance(value, str):
        event.problems.add(("malformed", name))
        return
    try:
        number = parse_decimal(value, limits["DECIMAL_CHARS_MAX"])
    except NotDecimal:
        event.problems.add(("malformed", name))
        return
    except TooLong:
        event.problems.add(("limit_reached", name))
        return
    event.fields[name] = number
    micro = to_micro(number)
    if micro is None:
        event.inexact.add(name)
    else:
        event.fields[name + "_micro"] = micro


def _required(event):
    data = event.data
    for name in REQUIRED[event.kind]:
        if data.get(name) is None:
            event.problems.add(("context_missing", name))
    if event.kind == "control" and event.get("control") in ("quarantine", "release") and data.get("subject") is None:
        event.problems.add(("context_missing", "subject"))
    if event.kind == "case":
        named = [name for name in ("case", "object") if data.get(name) is not None]
        if not named:
            event.problems.add(("context_missing", "case"))
        elif len(named) == 2:
            event.problems.add(("malformed", "object"))
