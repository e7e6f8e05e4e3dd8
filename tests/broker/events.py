"""CloudEvents by hand, in the modes that producers use."""
import json

from cluster import INTENTS


def intent(name, agent, tool, action, **data):
    """An intent in structured JSON, for the purchase-to-pay policy."""
    body = {"tenant": "acme", "agent": agent, "principal": "user:ana", "task": "T-1", "purpose": "pay-invoice",
            "tool": tool, "action": action, **data}
    return event(name, "dev.sunder.intent.v1", {key: value for key, value in body.items() if value is not None}, agent)


def event(name, kind, data, source="urn:test"):
    return dumps({"specversion": "1.0", "id": name, "source": source, "type": kind, "data": data})


def control(name, what, subject, tenant="acme"):
    return event(name, "dev.sunder.control.v1", {"tenant": tenant, "control": what, "subject": subject}, "urn:sentry")


def dumps(value):
    return json.dumps(value, separators=(",", ":")).encode()


def binary(value):
    """(headers, data) of the same event in binary mode."""
    fields = json.loads(value)
    data = fields.pop("data")
    headers = [(f"ce_{name}", text.encode()) for name, text in fields.items()]
    return headers + [("content-type", b"application/json")], dumps(data)


def _field(number, data):
    out, length = bytearray([number << 3 | 2]), len(data)
    while length > 127:
        out.append(length & 127 | 128)
        length >>= 7
    return bytes(out) + bytes([length]) + data


INTENT_FIELDS = {"tenant": 1, "agent": 2, "principal": 3, "task": 5, "purpose": 6, "tool": 7, "action": 8, "object": 9,
                 "case": 11, "args": 12, "amount": 13, "currency": 14}


def protobuf(value):
    """The same intent as io.cloudevents.v1.CloudEvent with dev.sunder.v1.Intent in it, encoded by hand."""
    fields = json.loads(value)
    body = b"".join(
        _field(INTENT_FIELDS[name], dumps(one) if name == "args" else one.encode()) for name, one in fields["data"].items())
    wrapped = _field(1, b"type.googleapis.com/dev.sunder.v1.Intent") + _field(2, body)
    return b"".join([_field(1, fields["id"].encode()), _field(2, fields["source"].encode()), _field(3, b"1.0"),
                     _field(4, fields["type"].encode()), _field(8, wrapped)])


def publish(sunder, messages):
    """Publishes [(key, value)] or [(key, value, headers)], in this order if they go to one partition."""
    producer = sunder.broker.producer(compression_type="lz4")
    refused = []
    for key, value, *headers in messages:
        producer.produce(INTENTS, value, key, headers=headers[0] if headers else None,
                         on_delivery=lambda error, _: refused.append(str(error)) if error else None)
    assert producer.flush(30) == 0
    assert refused == []
