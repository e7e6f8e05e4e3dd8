"""Records written as protobuf: the same decisions, the same chain, and a restore from them."""
import json
import os
import shutil
import subprocess

import pytest

from cluster import DECISIONS, Record, header
from fixtures import BENCH
from ledger import GENESIS, Effective, check_equal, digest, position, replay
from nodes import serve
from stream import check_each_once, more, settle

TYPE = "application/cloudevents+protobuf"


def as_json(sunder, topic, partitions):
    """What `sunder tail` makes of the topic: records[partition] of JSON, in order."""
    done = subprocess.run([os.environ["SUNDER_BIN"], "tail", "--from-beginning", "--until-end", "-o", "ndjson", "--topic", topic,
                           "-b", sunder.broker.bootstrap], capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    out = [[] for _ in range(partitions)]
    for line in done.stdout.splitlines():
        number = json.loads(line)["data"]["source"]["partition"]
        out[number].append(Record(number, len(out[number]), 0, None, line, []))
    return out


def check_chain_of_bytes(raw, told):
    """Each record names the SHA-256 of the bytes before it, as they lie on the topic."""
    for records, lines in zip(raw, told):
        assert len(records) == len(lines)
        before, last = GENESIS, (-1, -1)
        for record, line in zip(records, lines):
            value = json.loads(line.value)
            assert header(record, "content-type") == TYPE and record.value[:1] != b"{"
            if position(value) > last:
                assert value["data"]["prev"] == before
                before, last = digest(record.value), position(value)


def without_chain(lines):
    """The hashes are of other bytes than replay's."""
    out = []
    for line in lines:
        value = json.loads(line)
        del value["data"]["prev"]
        out.append(json.dumps(value).encode())
    return out


@pytest.mark.parametrize("delivery", ["fast", "strict"])
def test_a_node_restores_from_records_in_protobuf(sunder, stream, tmp_path, delivery):
    decisions = sunder.decisions(committed=delivery == "strict")
    node = sunder.node("n1", policy=BENCH, delivery=delivery, records="protobuf").start()
    serve([node], 4)
    more(sunder, decisions)
    node.kill()
    shutil.rmtree(node.state)
    os.makedirs(node.state)
    node.start()
    serve([node], 4)
    more(sunder, decisions)
    assert node.term()[0] == 0
    node.start()
    serve([node], 4)

    log = settle(sunder, stream)

    told = as_json(sunder, DECISIONS, 4)
    effective, expected = Effective(told), replay(tmp_path, BENCH, log)
    check_chain_of_bytes(sunder.decisions().to_end(), told)
    effective.records = [without_chain(lines) for lines in effective.records]
    expected.records = [without_chain(lines) for lines in expected.records]
    check_equal(effective, expected)
    check_each_once(stream, effective)
    revocations = sunder.revocations()
    revocations.to_end()
    assert {header(record, "content-type") for record in revocations.all() if record.value} <= {TYPE}
    size = sum(len(record.value) for record in decisions.all()) / decisions.count()
    print(f"{delivery}: {size:.0f} bytes a record, as JSON {sum(len(one.value) for lines in told for one in lines) / decisions.count():.0f}")
