"""The checks that the other tests rest on see what they are there to see. No broker."""
import json

import pytest

from cluster import Record
from ledger import Effective, GENESIS, Replayed, check_chain, check_equal, digest, home, line_of, murmur2, position


def log(count):
    """A decisions topic of one partition, as a node writes it."""
    out, before = [], GENESIS
    for number in range(count):
        name = f"sunder.intents/0/{number}"
        value = {"specversion": "1.0", "id": name, "source": "sunder", "type": "dev.sunder.decision.v1",
                 "data": {"id": name, "intent": f"i-{number}", "verdict": "allow",
                          "source": {"topic": "sunder.intents", "partition": 0, "offset": number, "timestamp": 1},
                          "seq": number, "prev": before}}
        text = json.dumps(value, separators=(",", ":")).encode()
        before = digest(text)
        out.append(Record(0, number, 1, None, text, []))
    return out


def replayed(records):
    out = Replayed(1)
    out.records[0] = [record.value for record in records]
    return out


def test_an_unbroken_log_passes():
    records = log(5)

    effective = Effective([records + records[-2:]])

    check_chain(effective)
    check_equal(effective, replayed(records))
    assert effective.copies == 2
    assert sorted(effective.decisions()) == [f"i-{number}" for number in range(5)]


@pytest.mark.parametrize("fault", ["missing", "last missing", "changed", "swapped"])
def test_each_fault_of_a_log_is_seen(fault):
    records = log(5)
    faulty = list(records)
    if fault == "missing":
        del faulty[2]
    elif fault == "last missing":
        del faulty[4]
    elif fault == "changed":
        faulty[2] = faulty[2]._replace(value=faulty[2].value.replace(b"allow", b"deny"))
    else:
        faulty[1], faulty[2] = faulty[2], faulty[1]

    effective = Effective([faulty]) if fault != "swapped" else None

    if fault == "swapped":  # What comes after a later one is a copy, or a contradiction.
        with pytest.raises(AssertionError, match="two different records"):
            Effective([faulty])
        return
    with pytest.raises(AssertionError):
        check_equal(effective, replayed(records))
    if fault != "last missing":
        with pytest.raises(AssertionError):
            check_chain(effective)


def test_two_different_records_for_one_source_are_a_contradiction():
    records = log(3)
    other = records[2]._replace(value=records[2].value.replace(b"allow", b"deny"))

    with pytest.raises(AssertionError, match="two different records"):
        Effective([records + [other]])


def test_murmur2_is_that_of_the_java_client():
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536,
             b"a-little-bit-longer-string": -1486304829, b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
             b"abc": 479470107}

    assert {text: murmur2(text) for text in known} == {text: value & 0x7fffffff for text, value in known.items()}
    assert home("foobar", 4) == (-790332482 & 0x7fffffff) % 4


def test_positions_tell_the_records_of_one_source_apart():
    def value(name):
        return {"id": name, "data": {"source": {"offset": 7}}}

    assert position(value("sunder.intents/0/7")) == (7, 0)
    assert position(value("sunder.intents/0/7/1")) == (7, 1)
    assert position(value("sunder.intents/0/7/7")) == (7, 7)


def test_a_line_for_replay_says_where_the_record_lay():
    structured = Record(2, 40, 1800, b"k", b'{"specversion":"1.0","data":{}}', [])
    binary = Record(2, 41, 1800, b"k", b'{"tenant":"acme"}', [("ce_id", b"i-1"), ("content-type", b"application/json")])

    assert json.loads(line_of(structured)) == {
        "specversion": "1.0", "data": {}, "sunderpartition": 2, "sunderoffset": 40, "sundertimestamp": 1800}
    assert json.loads(line_of(binary)) == {
        "id": "i-1", "data": {"tenant": "acme"}, "sunderpartition": 2, "sunderoffset": 41, "sundertimestamp": 1800}
    assert line_of(Record(0, 0, 0, None, b"\x00\x01", [])) is None
    assert line_of(Record(0, 0, 0, None, None, [])) is None
