"""Three nodes that start, stop, die and hang at random, faster than the group settles: nothing lost, nothing twice."""
import os
import random
import signal
import time

import pytest

from cluster import wait_for
from fixtures import BENCH
from nodes import serve
from stream import RATE, SEED, finish, start

SECONDS = int(os.environ.get("SUNDER_STORM_SECONDS", "15"))
FENCED = 75


class Storm:
    """Does one thing after another to the nodes, each drawn, with drawn pauses between them."""

    def __init__(self, nodes, rng):
        self.nodes, self.rng = nodes, rng
        self.done, self.frozen, self.due = [], {}, 0.0

    def supervise(self):
        """As a supervisor does: whoever was fenced starts again."""
        for node in self.nodes:
            if node.process is not None and not node.alive():
                text = node.text()[-3000:]
                assert node.ended() == FENCED, f"{node.name} ended:\n{text}"
                node.start()

    def thaw(self, now):
        for node in [node for node, until in self.frozen.items() if now >= until]:
            del self.frozen[node]
            node.signal(signal.SIGCONT)

    def act(self):
        node = self.rng.choice([node for node in self.nodes if node not in self.frozen])
        if node.process is None:
            what = "start"
            node.start()
        else:
            what = self.rng.choice(("term", "kill", "restart", "freeze"))
            if what == "term":
                assert node.term()[0] in (0, FENCED)
            elif what == "freeze":
                node.signal(signal.SIGSTOP)
                self.frozen[node] = time.monotonic() + self.rng.choice((0.5, 2, 6))
            else:
                node.kill()
                if what == "restart":
                    node.start()
        self.done.append(f"{what} {node.name}")

    def over(self, end):
        """Does what is due; whether it is past the end."""
        now = time.monotonic()
        self.supervise()
        self.thaw(now)
        if now >= self.due and len(self.frozen) < len(self.nodes):
            self.act()
            self.due = time.monotonic() + self.rng.choice((0.1, 0.5, 1, 2, 4))
        return now >= end

    def run(self, seconds):
        end = time.monotonic() + seconds
        wait_for(lambda: self.over(end), seconds + 60, lambda: f"the storm to end: {self.done}")
        self.thaw(float("inf"))
        for node in self.nodes:
            if node.process is None:
                node.start()


@pytest.mark.parametrize("membership", ["static", "dynamic"])
@pytest.mark.parametrize("delivery", ["fast", "strict"])
def test_a_storm_of_rebalances_loses_nothing_and_doubles_nothing(sunder, tmp_path, delivery, membership):
    stream = start(sunder, tmp_path, (SECONDS + 60) * RATE)
    try:
        nodes = [sunder.node(name, policy=BENCH, delivery=delivery, membership=membership, flush={"every": "1s"}).start()
                 for name in ("n1", "n2", "n3")]
        serve(nodes, 4)
        storm = Storm(nodes, random.Random(f"{SEED} {delivery} {membership}"))
        storm.run(SECONDS)

        def settled():
            storm.supervise()
            return sum(node.serving() for node in nodes) == 4
        wait_for(settled, 60, lambda: f"all partitions to be served after {storm.done}: " + ", ".join(
            f"{node.name} {node.serving()}" for node in nodes))
        effective = finish(sunder, stream, tmp_path)
    finally:
        stream.stop()
    print(f"{delivery}, {membership}: {len(effective.all())} records, {effective.copies} copies; {', '.join(storm.done)}")
    assert delivery == "fast" or effective.copies == 0, "a read_committed reader saw a record twice"
