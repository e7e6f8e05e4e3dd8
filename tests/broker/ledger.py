"""What a log of intents must have become: `sunder replay` of the same log, compared byte by byte."""
import base64
import collections
import hashlib
import json
import os
import subprocess

from cluster import header

GENESIS = "A" * 43  # The hash before the first record: 32 zero bytes.


def digest(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def murmur2(data):
    """Kafka's own hash of a key, as its Java client computes it."""
    mask, m = 0xffffffff, 0x5bd1e995
    h = 0x9747b28c ^ len(data)
    for at in range(0, len(data) // 4 * 4, 4):
        k = int.from_bytes(data[at:at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    rest = data[len(data) // 4 * 4:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7fffffff


def home(domain, partitions):
    return murmur2(domain.encode()) % partitions


def line_of(record):
    """A record of the intents topic as a line for replay; None when it is no JSON object."""
    value = structured(record)
    if value is None or b"\n" in value or not value.rstrip().endswith(b"}"):
        return None
    place = f',"sunderpartition":{record.partition},"sunderoffset":{record.offset},"sundertimestamp":{record.timestamp}}}'
    return value.rstrip()[:-1] + place.encode()


def structured(record):
    """The event in structured JSON, from binary mode too; None for anything else."""
    attributes = {name[3:]: value.decode() for name, value in record.headers if name.startswith("ce_") and value}
    if not attributes:
        return record.value if record.value and record.value[:1] == b"{" else None
    head = json.dumps(attributes, ensure_ascii=False)[:-1].encode()
    return head + b',"data":' + record.value + b"}"


class Replayed:
    """records[partition]: bytes in order. dead: [(partition, offset, code)]."""

    def __init__(self, partitions):
        self.records = [[] for _ in range(partitions)]
        self.dead = []


def replay(folder, policy, intents, program=None):
    """`sunder replay` of what lies on the intents topic, each partition in order, forwarded records where they arrived.
    Records that are no JSON change no state; they are left out."""
    partitions = len(intents)
    path = os.path.join(str(folder), "replay")
    with open(path + ".in", "wb") as file:
        for records in intents:
            file.writelines(line + b"\n" for line in map(line_of, records) if line is not None)
    command = [program or os.environ["SUNDER_BIN"], "replay", "--policy", str(policy), "--in", path + ".in", "--out",
               path + ".out", "--dead-letters", path + ".dead", "--partitions", str(partitions), "--only-home"]
    done = subprocess.run(command, capture_output=True, timeout=600, check=False)
    assert done.returncode == 0, f"replay: exit code {done.returncode}: {done.stderr.decode()[-2000:]}"
    out = Replayed(partitions)
    with open(path + ".out", "rb") as file:
        for line in file.read().splitlines():
            out.records[json.loads(line)["data"]["source"]["partition"]].append(line)
    with open(path + ".dead", "rb") as file:
        for line in file.read().splitlines():
            one = json.loads(line)
            out.dead.append((one["source"]["partition"], one["source"]["offset"], one["code"]))
    return out


def position(value):
    """(source offset, index) of a record of the decisions topic."""
    parts = value["id"].rsplit("/", 1)
    offset = value["data"]["source"]["offset"]
    return (offset, 0) if int(parts[1]) == offset and value["id"].count("/") == 2 else (offset, int(parts[1]))


class Effective:
    """What a reader sees that keeps one source position per partition, and which copies it left out.

    records[partition]: bytes in order. copies: how many records came again; one that differs from its first fails."""

    def __init__(self, decisions):
        self.records, self.values, self.copies = [], [], 0
        for records in decisions:
            seen, last, kept, values = {}, (-1, -1), [], []
            for record in records:
                value = json.loads(record.value)
                at = position(value)
                assert value["data"]["source"]["partition"] == record.partition, f"not on its home's number: {value}"
                if at <= last:
                    assert seen.get(at) == record.value, f"two different records for source {record.partition}/{at}"
                    self.copies += 1
                    continue
                seen[at], last = record.value, at
                kept.append(record.value)
                values.append(value)
            self.records.append(kept)
            self.values.append(values)

    def all(self):
        return [value for values in self.values for value in values]

    def decisions(self):
        """{intent id: [decision data]}"""
        out = collections.defaultdict(list)
        for value in self.all():
            if value["type"] == "dev.sunder.decision.v1":
                out[value["data"]["intent"]].append(value["data"])
        return out


def check_chain(effective):
    for partition, (records, values) in enumerate(zip(effective.records, effective.values)):
        before = GENESIS
        for number, (record, value) in enumerate(zip(records, values)):
            data = value["data"]
            assert data["seq"] == number, f"partition {partition}: seq {data['seq']}, expected {number}"
            assert data["prev"] == before, f"partition {partition}: the chain is broken at seq {number}"
            before = digest(record)


def check_equal(effective, replayed):
    """Byte for byte; says the first difference of each partition."""
    for partition, (got, expected) in enumerate(zip(effective.records, replayed.records)):
        for number, (have, want) in enumerate(zip(got, expected)):
            assert have == want, f"partition {partition}, record {number}:\n node   {have}\n replay {want}"
        assert len(got) == len(expected), f"partition {partition}: {len(got)} records, replay has {len(expected)}"


def dead_places(dead_letters):
    """[(partition, offset, code)] of records of the dead letters, copies included."""
    out = []
    for record in dead_letters:
        _, partition, offset = header(record, "sunder-source").rsplit("/", 2)
        out.append((int(partition), int(offset), header(record, "sunder-code")))
    return out
