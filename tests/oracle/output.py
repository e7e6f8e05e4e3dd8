"""Records in the shape that the decisions topic has; seq, prev, policy, engine and message are left out."""
import hashlib

from values import canonical, digest_text, plain, plain_micro


def drop_empty(pairs, keep=()):
    return {name: value for name, value in pairs
            if name in keep or not (value is None or value is False or value == [] or value == {} or value == "")}


def action_digest(event):
    """SHA-256 over RFC 8785 of data after defaults, without proof and idempotency_key; null members are absent."""
    data = {name: value for name, value in event.data.items()
            if value is not None and name not in ("proof", "idempotency_key")}
    data.setdefault("agent", event.source)
    for name in ("amount", "confidence"):
        if event.get(name) is not None:
            data[name] = plain(event.fields[name])
    return digest_text(canonical(data).encode("utf-8"))


def reason(code, field=None, effect="deny", rule=None, mode=None):
    return drop_empty([("rule", rule), ("code", code), ("effect", effect), ("mode", mode), ("field", field)])


def decimal_of(event, name):
    micro = event.get(name + "_micro")
    return None if micro is None else plain_micro(micro)


def subjects(agent, delegators, principal, credential):
    return drop_empty([("agent", agent), ("delegators", delegators), ("principal", principal),
                       ("credential", credential)])


def claimed_subjects(event):
    """Before the chain is built a record repeats what was claimed."""
    delegators = []
    for name in event.get("delegation") or []:
        if name not in delegators and name not in (event.get("agent"), event.get("principal")):
            delegators.append(name)
    return subjects(event.get("agent"), delegators, event.get("principal"), event.get("credential"))


def claimed_objects(event):
    claimed = ([event.get("object")] if event.get("object") is not None else []) + (event.get("objects") or [])
    return claimed


def by_bytes(items):
    return sorted(set(items), key=str.encode)


def described(event, act, digest):
    """From `subjects` to `rule_keys`."""
    early = act is None
    return [
        ("subjects", claimed_subjects(event) if early else act.subjects_out),
        ("task", event.get("task")), ("purpose", event.get("purpose")), ("tool", event.get("tool")),
        ("action", event.get("action")),
        ("objects", by_bytes(claimed_objects(event)) if early else act.objects),
        ("cases", [event.get("case")] if early and event.get("case") is not None else [] if early else act.cases),
        ("amount", decimal_of(event, "amount")), ("currency", event.get("currency")),
        ("confidence", decimal_of(event, "confidence")),
        ("labels", event.get("labels") if early else act.labels), ("carries", None if early else act.carries),
        ("claimed", None if early else act.claimed), ("gains", None if early else act.gains), ("parents", event.get("parents")), ("key", event.get("idempotency_key")),
        ("duties", None if early else act.duties), ("phases", None if early else act.phases),
        ("tier", None if early else act.tier), ("digest", digest),
        ("measures", None if early else act.measure_texts),
        ("rule_keys", None if early else act.rule_keys),
    ]


class Place:
    """Where a record was decided."""

    def __init__(self, partition, offset, timestamp):
        self.partition, self.offset, self.timestamp = partition, offset, timestamp

    @property
    def source(self):
        return {"topic": "sunder.intents", "partition": self.partition, "offset": self.offset,
                "timestamp": self.timestamp}

    def id(self, index=0):
        text = f"sunder.intents/{self.partition}/{self.offset}"
        return text if index == 0 else f"{text}/{index}"


def envelope(place, index, type_, data):
    id_ = place.id(index)
    return {"specversion": "1.0", "id": id_, "source": "sunder", "type": f"dev.sunder.{type_}.v1",
            "data": data}


def moved(record, place):
    """The same record as another partition writes it."""
    index = record["id"].split("/")[3:]
    id_ = place.id(int(index[0]) if index else 0)
    data = {**record["data"], "source": place.source}
    return {**record, "id": id_, "data": data}


def where(tenant, domain):
    return [("tenant", tenant), ("domain", domain if domain != tenant else None)]


def tail(place, stream_time):
    return drop_empty([("source", place.source), ("stream_time", stream_time if stream_time != place.timestamp else None)])


def sha256_hex(raw):
    return hashlib.sha256(raw).hexdigest()
