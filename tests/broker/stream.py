"""Traffic at a steady rate while something happens to the nodes, and what must have become of it."""
import collections
import os
import random
import threading
import time

import pytest

from cluster import INTENTS, wait_for
from fixtures import BENCH
from ledger import Effective, check_chain, check_equal, replay
from traffic import mixed

SEED = int(os.environ.get("SUNDER_REBALANCE_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
RATE = 400  # Intents per second: enough to see a gap in any partition within 20 ms.


class Stream(threading.Thread):
    """Publishes at a steady rate, round robin over the partitions by key, until it is told to stop."""

    def __init__(self, sunder, records):
        super().__init__(daemon=True)
        self.producer = sunder.broker.producer(linger_ms=0)
        self.records, self.sent = records, 0
        self.halt = threading.Event()

    def run(self):
        since = time.monotonic()
        for number, (key, value) in enumerate(self.records):
            wait = since + number / RATE - time.monotonic()
            if self.halt.wait(max(0.0, wait)):
                break
            self.producer.produce(INTENTS, value, key)
            self.producer.poll(0)
            self.sent += 1

    def stop(self):
        self.halt.set()
        self.join()
        assert self.producer.flush(30) == 0


def start(sunder, folder, count):
    """Fresh topics of four partitions, and so many intents on their way to them."""
    sunder.topics(4)
    print(f"seed {SEED} (SUNDER_REBALANCE_SEED)")
    traffic = mixed(folder, count, SEED, 4)
    stream = Stream(sunder, [one for one in traffic.records if b'"type":"dev.sunder.intent.v1"' in one[1]])
    stream.start()
    return stream


@pytest.fixture
def stream(sunder, tmp_path):
    stream = start(sunder, tmp_path, 20000)
    yield stream
    stream.stop()


def gap(decisions, since, until):
    """The longest time without a decision in any one partition, by the broker's clock, between two wall times in seconds."""
    longest = 0.0
    for records in decisions.records:
        times = [one.timestamp / 1000 for one in records if since <= one.timestamp / 1000 <= until]
        marks = [since, *times, until]
        longest = max([longest, *(b - a for a, b in zip(marks, marks[1:]))])
    return longest


def more(sunder, decisions, count=200):
    """Waits until so many further decisions are on every partition."""
    wanted = [len(records) + count for records in decisions.records]
    wait_for(lambda: all(len(records) >= want for records, want in zip(decisions.records, wanted)), 40,
             lambda: f"{wanted} decisions, have {[len(records) for records in decisions.records]}", step=decisions.poll)


def settle(sunder, stream):
    """Stops the traffic and waits until all of it is done; gives the log of the intents."""
    stream.stop()
    intents = sunder.intents()
    wait_for(lambda: sunder.settled(intents), 60, "the progress to reach the end of the intents")
    return intents.to_end()


def finish(sunder, stream, folder):
    """Stops the traffic, and compares all that was decided with a replay; gives what a reader saw."""
    log = settle(sunder, stream)
    effective = Effective(sunder.decisions().to_end())
    check_chain(effective)
    check_equal(effective, replay(folder, BENCH, log))
    check_each_once(stream, effective)
    return effective


def check_each_once(stream, effective):
    published = {value[value.index(b'"id":"') + 6:value.index(b'","source"')].decode()
                 for _, value in stream.records[:stream.sent]}
    first = collections.Counter(name for name, records in effective.decisions().items() for one in records
                                if not one.get("duplicate"))
    assert not published - set(first), f"without a decision: {sorted(published - set(first))}"
    assert not set(first) - published, f"decided, but never published: {sorted(set(first) - published)}"
    twice = sorted(name for name, count in first.items() if count > 1)
    assert not twice, f"decided twice as if new: {twice}"
