"""Words for hand-written examples: short events in, short lines out."""
import json
import re

CATALOGUE = """
catalogue:
  - {tool: t, action: create, duty: vendor.create, phase: execute, tier: high}
  - {tool: t, action: submit, duty: payment.submit, phase: execute, tier: high}
  - {tool: t, action: confirm, duty: payment.confirm, phase: execute, tier: medium}
  - {tool: t, action: approve, duty: invoice.approve, phase: recommend, tier: medium}
  - {tool: t, action: read, duty: customer.read, phase: observe, tier: low}
"""
HEAD = "sunder: 1\nname: example\nauthority: open\ntenant: payload\napprovals: {count: 1, from: ['user:eve'], valid: 1h}\n"
V2C = "rules:\n  - {separation: v2c, duties: [vendor.create, payment.submit, payment.confirm], at_most: 2%s}\n"
PAIR = "rules:\n  - {separation: pair, duties: [vendor.create, payment.submit], at_most: 1%s}\n"


def policy(rules="", head="", catalogue=CATALOGUE):
    return HEAD + head + catalogue + rules


def event(kind, id_, source, data, at=None, **more):
    if isinstance(data, dict):
        data = {name: value for name, value in {"tenant": "acme", **data}.items() if value is not None}
    value = {"specversion": "1.0", "id": id_, "source": source, "type": f"dev.sunder.{kind}.v1", "data": data, **more}
    if at is not None:
        value["sundertimestamp"] = at
    return value


def made(*parts):
    """An id out of what an event says."""
    return re.sub(r"[^A-Za-z0-9]+", "-", "-".join(map(str, parts))).strip("-")[:200]


def intent(id_, agent, action, object_="V1", at=None, **data):
    """An intent of `agent`; data=None leaves a member out."""
    members = {"tool": "t", "action": action, "object": object_, "principal": f"user:of-{agent}", **data}
    return event("intent", id_, agent, members, at)


def observed(id_, agent, action, object_="V1", at=None, **data):
    return {**intent(id_, agent, action, object_, at, **data), "type": "dev.sunder.observed.v1"}


def outcome(intent_, result, source="urn:gate", at=None, id_=None, **data):
    return event("outcome", id_ or f"out-{intent_}-{result}-{source}", source, {"intent": intent_, "result": result, **data}, at)


def task(name, state, at=None, source="urn:orch", id_=None, **data):
    return event("task", id_ or made("t", name, state, at, data), source, {"task": name, "state": state, **data}, at)


def edge(from_, to, at=None, id_=None, **data):
    return event("delegation", id_ or made("d", from_, to, at, data), "urn:orch", {"from": from_, "to": to, **data}, at)


def closed(at=None, source="urn:erp", **data):
    return event("case", made("c", source, at, data), source, {"state": "closed", **data}, at)


def control(word, subject, source="urn:sentry", at=None):
    return event("control", made("q", word, subject, at), source, {"control": word, "subject": subject}, at)


def lines(events):
    return [one if isinstance(one, bytes) else json.dumps(one, separators=(",", ":"), ensure_ascii=False).encode()
            for one in events]


def reason_line(reason):
    """rule@subject/key<evidence ids+also, or code:field."""
    if "rule" not in reason:
        return reason["code"] + (f":{reason['field']}" if "field" in reason else "")
    out = reason["rule"]
    if "field" in reason:
        return f"{out}!{reason['code']}:{reason['field']}"
    out += "@" + reason.get("subject", "") + ("/" + reason["key"] if "key" in reason else "")
    out += "<" + ",".join(one["intent"] for one in reason["evidence"]) if "evidence" in reason else ""
    return out + "".join(f"+{one.get('subject', '')}/{one.get('key', '')}" for one in reason.get("also", []))


def told(record):
    """One line per record: what was decided, and why."""
    data, type_ = record["data"], record["type"].split(".")[2]
    why = " ".join(reason_line(one) for one in data.get("reasons", []))
    if type_ == "revocation":
        return f"revoked {data['subject']} {data['cause']}"
    if type_ == "recorded":
        words = [data["kind"], data.get("code", data.get("effect", "")), data.get("field", "")]
        words += ["copy"] if data.get("duplicate") else []
        words += [one["code"] + (":" + one["field"] if "field" in one else "") for one in data.get("findings", [])
                  if one["code"] != data.get("code")]
        return " ".join(word for word in words if word)
    shadow = "".join(f" shadow {reason_line(one)}" for one in data.get("shadow", []))
    return (("copy " if data.get("duplicate") else "") + f"{data['verdict']} {why}").strip() + shadow
