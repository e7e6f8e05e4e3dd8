"""What is no event goes to the dead letters with a reason, and the node goes on deciding."""
import hashlib
import json
import random

import pytest

from cluster import header, wait_for
from events import binary, dumps, event, intent, protobuf, publish
from fixtures import FINANCE
from ledger import Effective, check_chain, dead_places, digest

SEED = 20261122
LETTER_BYTES_MAX = 512 * 1024  # A letter must fit into a message of Kafka's default size; its digest is of the whole.
READ = {"args": {"vendor_id": "V-1"}}


def good(name, **more):
    return intent(name, "agent/a", "erp", "vendor.read", **READ, **more)


def with_data(text):
    return b'{"specversion":"1.0","id":"x","source":"agent/a","type":"dev.sunder.intent.v1","data":' + text + b"}"


def garbage():
    """{name: (value, headers, code)}; value None is a tombstone."""
    rng = random.Random(SEED)
    whole = good("g-whole")
    deep = b'{"tenant":"acme","args":' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}"
    cases = {
        "tombstone": (None, None, "malformed"),
        "empty": (b"", None, "malformed"),
        "zeros": (b"\0" * 64, None, "malformed"),
        "ten megabytes": (with_data(b'{"args":{"a":"' + b"x" * 10_000_000 + b'"}}'), None, "limit_reached"),
        "ten random megabytes": (rng.randbytes(10_000_000), None, "limit_reached"),
        "nine hundred kilobytes": (with_data(b'{"args":{"a":"' + b"x" * 900_000 + b'"}}'), None, "limit_reached"),
        "a million brackets": (b"[" * 1_000_000, None, "limit_reached"),
        "deep": (with_data(deep), None, "limit_reached"),
        "bad utf-8": (with_data(b'{"tenant":"\xff\xfe"}'), None, "malformed"),
        "lone surrogate": (with_data(b'{"tenant":"\\ud800"}'), None, "malformed"),
        "names twice": (with_data(b'{"tenant":"acme","tenant":"zeta"}'), None, "malformed"),
        "not a number": (with_data(b'{"amount":NaN}'), None, "malformed"),
        "two values": (whole + whole, None, "malformed"),
        "an array": (b"[" + whole + b"]", None, "malformed"),
        "unknown type": (event("u-1", "dev.sunder.dance.v1", {"tenant": "acme"}), None, "kind_unsupported"),
        "foreign type": (event("u-2", "com.example.order", {"tenant": "acme"}), None, "kind_unsupported"),
        "other version": (whole.replace(b'"1.0"', b'"0.3"'), None, "malformed"),
        "no id": (b'{"specversion":"1.0","source":"a","type":"dev.sunder.intent.v1","data":{}}', None, "malformed"),
        "batch": (b"[" + whole + b"]", [("content-type", b"application/cloudevents-batch+json")], "malformed"),
        "xml": (b"<intent/>", [("content-type", b"application/cloudevents+xml")], "malformed"),
        "half of binary mode": (b"{}", [("ce_id", b"h-1"), ("ce_source", b"agent/a")], "malformed"),
        "binary mode, bad utf-8": (b"{}", [("ce_id", b"\xff"), *binary(whole)[0][2:]], "malformed"),
        "binary mode, nothing said": (b"{}", binary(whole)[0], "context_missing"),
        "binary mode, no json": (b"\x01\x02", binary(whole)[0], "malformed"),
        "broken protobuf": (b"\x0a\xff\xff\xff\xff\x01", [("content-type", b"application/cloudevents+protobuf")], "malformed"),
    }
    for number, at in enumerate(sorted(rng.sample(range(1, len(whole) - 1), 12))):
        cases[f"truncated at {at}"] = (whole[:at], None, "malformed")
    for number in range(50):
        cases[f"random {number}"] = (rng.randbytes(rng.randrange(1, 4000)), None, "malformed")
        flipped = bytearray(whole)
        flipped[0] ^= 1 << rng.randrange(8)
        cases[f"flipped {number}"] = (bytes(flipped), None, "malformed")
    return cases


@pytest.mark.parametrize("delivery", ["fast", "strict"])
def test_garbage_is_dead_lettered_with_a_reason_and_the_node_goes_on(sunder, delivery):
    sunder.topics(4)
    node = sunder.start("n1", delivery=delivery)[0]
    cases = garbage()
    messages = []
    for number, (name, (value, headers, _)) in enumerate(cases.items()):
        messages.append((f"garbage/{name}".encode(), value, headers))
        messages.append((f"k{number}".encode(), good(f"i-{number}"), None))
    publish(sunder, messages)

    decisions, dead = sunder.decisions(), sunder.dead_letters()
    wait_for(lambda: decisions.count() >= len(cases), 60, lambda: f"{len(cases)} decisions, have {decisions.count()}:\n"
             f"{node.text()[-2500:]}", step=decisions.poll)
    intents = sunder.intents()
    wait_for(lambda: sunder.settled(intents), 30, "the progress to reach the end")
    dead.to_end()

    check_answers(Effective(decisions.to_end()), {f"i-{number}" for number in range(len(cases))})
    check_letters(intents, dead, cases)
    node.must_run()
    assert node.serving() == 4
    assert sum(value for name, value in node.metrics().items() if name.startswith("sunder_dead_letters_total{")) == len(cases)


def check_answers(effective, wanted):
    by_intent = effective.decisions()
    refused = by_intent.pop("g-whole")  # Binary mode, nothing said: it has a name to answer to, so it is denied as well.
    assert [(one["verdict"], one["stage"], {reason["code"] for reason in one["reasons"]}) for one in refused] == [
        ("deny", 1, {"context_missing"})]
    assert set(by_intent) == wanted
    assert {one[0]["verdict"] for one in by_intent.values()} == {"allow"}
    check_chain(effective)


def check_letters(intents, dead, cases):
    """One letter each, where it came from, with code, reason, digest, and the bytes themselves."""
    sources = {(record.partition, record.offset): record for record in intents.all()}
    found = {}
    for letter, (partition, offset, code) in zip(dead.all(), dead_places(dead.all())):
        record = sources[(partition, offset)]
        name = record.key.decode().partition("/")[2]
        assert name not in found, f"{name} has two letters"
        found[name] = code
        assert header(letter, "sunder-reason"), f"{name}: no reason"
        assert header(letter, "sunder-sha256") == hashlib.sha256(record.value or b"").hexdigest(), name
        kept = record.value and record.value[:LETTER_BYTES_MAX]
        assert letter.value == kept, f"{name}: not the bytes as they came"
    wrong = {name: (found.get(name), code) for name, (_, _, code) in cases.items() if found.get(name) != code}
    assert not wrong, f"(code, expected): {wrong}"
    assert set(found) == set(cases)


def test_all_modes_of_cloudevents_are_decided_alike(sunder):
    sunder.topics(4)
    sunder.start("n1")
    modes = {"structured": (good("m-0"), None), "named structured": (good("m-1"), [("content-type", b"application/cloudevents+json")]),
             "binary": binary(good("m-2"))[::-1], "protobuf": (protobuf(good("m-3")), [("content-type", b"application/cloudevents+protobuf")]),
             "protobuf without header": (protobuf(good("m-4")), None)}
    publish(sunder, [(name.encode(), value, headers) for name, (value, headers) in modes.items()])

    decisions = sunder.decisions()
    wait_for(lambda: decisions.count() >= len(modes), 20, lambda: f"all decisions, have {decisions.all()}, letters "
             f"{[letter.headers for letter in letters(sunder)]}", step=decisions.poll)

    answers = [value["data"] for value in Effective(decisions.records).all()]
    assert {one["intent"] for one in answers} == {f"m-{number}" for number in range(len(modes))}
    apart = ("id", "intent", "source", "stream_time", "seq", "prev")
    assert len({dumps({name: one for name, one in answer.items() if name not in apart}) for answer in answers}) == 1
    assert letters(sunder) == []


def letters(sunder):
    reader = sunder.dead_letters()
    reader.to_end()
    return reader.all()


def test_a_proof_is_never_published(sunder):
    sunder.topics(1)
    sunder.start("n1")
    secret = b"eyJhbGciOiJFZERTQSJ9.c2VjcmV0.c2lnbmF0dXJl"
    broken = json.dumps({"specversion": "1.0", "id": "p", "source": "a", "type": "dev.sunder.task.v1",
                         "data": {"tenant": "acme", "proof": secret.decode()}}).encode()
    publish(sunder, [(b"p", broken), (b"p", broken[:-2])])

    dead = sunder.dead_letters()
    wait_for(lambda: dead.count() >= 2, 20, "two letters", step=dead.poll)
    decisions = sunder.decisions()
    decisions.to_end()

    for letter, original in zip(dead.all(), (broken, broken[:-2])):
        # In bytes that nobody can parse it is overwritten in place, with as much of its digest as there is room for.
        assert secret not in letter.value and b"sha256:" + digest(secret)[:30].encode() in letter.value
        assert header(letter, "sunder-sha256") == hashlib.sha256(original).hexdigest()
    assert all(secret not in record.value for record in decisions.all())


def test_a_topic_with_create_time_is_refused(sunder):
    sunder.partitions = sunder.broker.recreate(4, **{"message.timestamp.type": "CreateTime"})
    node = sunder.node("n1", policy=FINANCE).start()

    assert node.ended() == 78
    assert "message.timestamp.type=LogAppendTime" in node.text()
