"""Two nodes, one of them killed with -9 five times at random: nothing is lost, nothing counts twice."""
import collections
import os
import random
import time

import pytest

from cluster import INTENTS, wait_for
from fixtures import BENCH
from ledger import Effective, check_chain, check_equal, dead_places, home, replay
from nodes import serve
from traffic import GARBAGE_COUNT, check_pairs, mixed

COUNT = int(os.environ.get("SUNDER_KILL_INTENTS", "50000"))
SEED = int(os.environ.get("SUNDER_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
KILLS = 5
FENCED = 75
WINDOW = 3000  # Intents in flight: work is under way whenever a node dies, and left when it is back.
DEADLINE_S = 240


class Run:
    """Publishes with a bounded number of intents in flight, and kills when so many decisions are there."""

    def __init__(self, sunder, nodes, traffic, rng):
        self.sunder, self.nodes, self.traffic, self.rng = sunder, nodes, traffic, rng
        self.producer = sunder.broker.producer()
        self.decisions = sunder.decisions(committed=False)
        self.places = set()
        self.sent = 0
        total = len(traffic.records)
        self.kills = sorted(rng.sample(range(total // 20, total * 9 // 10), KILLS))
        self.victims, self.fenced = [], []
        self.waiting = None  # A killed node that comes back only when the other serves everything.

    def feed(self):
        while self.sent < len(self.traffic.records) and self.sent - len(self.places) < WINDOW:
            key, value = self.traffic.records[self.sent]
            self.producer.produce(INTENTS, value, key)
            self.sent += 1
        self.producer.poll(0)

    def supervise(self):
        """As a supervisor does: a node that came back while another took its partitions over may be fenced, and starts again."""
        for node in self.nodes:
            if node is not self.waiting and not node.alive():
                text = node.text()[-3000:]
                assert node.ended() == FENCED, f"{node.name} ended:\n{text}"
                self.fenced.append(node.name)
                assert len(self.fenced) <= KILLS, f"fenced again and again: {self.fenced}"
                node.start()

    def kill_one(self):
        if self.waiting is not None:
            self.waiting.start()
            self.waiting = None
        node = self.rng.choice(self.nodes)
        node.kill()
        self.victims.append(node.name)
        self.kills.pop(0)
        if self.rng.random() < 0.5:
            node.start()
        else:
            self.waiting = node

    def step(self):
        self.supervise()
        self.feed()
        for record in self.decisions.poll(0.02):
            self.places.add((record.partition, record.value[record.value.rindex(b'"source":'):record.value.rindex(b'"seq"')]))
        if self.kills and len(self.places) >= self.kills[0]:
            self.kill_one()
        if self.waiting is not None:
            other = next(node for node in self.nodes if node is not self.waiting)
            if other.serving() == self.sunder.partitions:
                self.waiting.start()
                self.waiting = None

    def complete(self):
        return not self.kills and self.waiting is None and self.sent == len(self.traffic.records) and len(
            self.places) >= len(self.traffic.records) * 9 // 10

    def run(self):
        wait_for(self.complete, DEADLINE_S, lambda: f"{self.sent} sent, {len(self.places)} decided, kills left {self.kills}, "
                 f"nodes {[(node.name, node.alive() and node.metrics()) for node in self.nodes]}", step=self.step)
        assert self.producer.flush(30) == 0


def check_each_once(traffic, decisions, strict):
    """Each published intent has one effective decision, and in strict mode as many answers as it was published."""
    sent = collections.Counter(value for _, value in traffic.records if b'"type":"dev.sunder.intent.v1"' in value)
    assert set(decisions) == traffic.ids, (
        f"lost {sorted(traffic.ids - set(decisions))[:5]}, unknown {sorted(set(decisions) - traffic.ids)[:5]}")
    published = collections.Counter()
    for value, count in sent.items():
        published[value[value.index(b'"id":"') + 6:value.index(b'","source"')].decode()] += count
    for name, records in decisions.items():
        first = [one for one in records if not one.get("duplicate")]
        assert len(first) == 1, f"{name} was decided {len(first)} times: {first}"
        assert len(records) >= published[name], f"{name}: published {published[name]} times, answered {len(records)}"
        if strict:
            assert len(records) == published[name], f"{name}: published {published[name]} times, answered {len(records)}"


@pytest.mark.parametrize("delivery", ["fast", "strict"])
def test_five_kills_lose_nothing_and_double_nothing(sunder, delivery, tmp_path):
    print(f"seed {SEED} (SUNDER_KILL_SEED), {COUNT} intents (SUNDER_KILL_INTENTS)")
    strict = delivery == "strict"
    sunder.topics(4)
    traffic = mixed(tmp_path, COUNT, SEED, 4)
    nodes = [sunder.node(name, policy=BENCH, delivery=delivery, flush={"every": "1s"}).start() for name in ("n1", "n2")]
    serve(nodes, 4)
    run = Run(sunder, nodes, traffic, random.Random(SEED))
    since = time.monotonic()
    run.run()

    intents = sunder.intents()
    wait_for(lambda: sunder.settled(intents), 60, "the group's progress to reach the end of the intents",
             step=run.supervise)
    took = time.monotonic() - since
    ends = [node.term() for node in nodes]

    assert [code for code, _ in ends] == [0, 0]
    log = intents.to_end()
    decisions = sunder.decisions()
    effective = Effective(decisions.to_end())
    expected = replay(tmp_path, BENCH, log)
    print(f"{delivery}: killed {run.victims}, fenced {run.fenced}, {took:.1f} s, {intents.count()} records on the intents, "
          f"{decisions.count()} on the decisions, {effective.copies} copies")
    check_chain(effective)
    check_equal(effective, expected)
    check_each_once(traffic, effective.decisions(), strict)
    check_pairs(traffic, effective.decisions())
    check_homes(effective)
    check_quarantines(sunder, traffic, effective)
    check_dead_letters(sunder, log, strict)
    if strict:
        assert effective.copies == 0, "a read_committed reader saw a record twice"


def check_homes(effective):
    for value in effective.all():
        data = value["data"]
        if "domain" in data:
            assert data["source"]["partition"] == home(data["domain"], len(effective.records)), value


def check_quarantines(sunder, traffic, effective):
    """A quarantine concerns every domain of its tenant, so every partition records it once, and revokes the subject."""
    for values in effective.values:
        new = [value["data"]["event"] for value in values
               if value["data"].get("kind") == "control" and not value["data"].get("duplicate")]
        assert sorted(new) == sorted(traffic.quarantines)
    reader = sunder.revocations()
    reader.to_end()
    keys = collections.Counter(record.key.decode() for record in reader.all())
    assert set(keys) == {f"t00/{subject}" for subject in traffic.quarantines.values()}


def check_dead_letters(sunder, log, strict):
    """Each piece of garbage has its dead letter; strict: one."""
    garbage = {(record.partition, record.offset) for records in log for record in records if record.key == b"garbage"}
    reader = sunder.dead_letters()
    reader.to_end()
    places = collections.Counter((partition, offset) for partition, offset, _ in dead_places(reader.all()))
    assert len(garbage) == GARBAGE_COUNT
    assert set(places) == garbage
    if strict:
        assert max(places.values()) == 1
