"""Three nodes that start, stop, die and hang at random, faster than the group settles, and their brokers as well: nothing is lost,
nothing contradicted."""
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
END_S = 60  # A node that is told to stop while a broker hangs waits for its answers.
UNAVAILABLE, FENCED = 69, 75


class Storm:
    """Does one thing after another to the nodes, each drawn, with drawn pauses between them."""

    def __init__(self, nodes, rng, cluster=None):
        self.nodes, self.rng, self.cluster = nodes, rng, cluster
        self.done, self.due, self.cluster_due = [], 0.0, 0.0
        self.frozen, self.ending = {}, {}  # {node: until when}
        self.mend = None  # What brings the one broker back that is away.

    def supervise(self):
        """As a supervisor does: whoever ended without being told to starts again, when its exit code says that this may help."""
        for node in self.nodes:
            if node.process is None:
                continue
            told = node in self.ending
            if node.alive():
                assert not told or time.monotonic() < self.ending[node], f"{node.name} does not end:\n{node.text()[-3000:]}"
                continue
            code, text = node.ended(), node.text()[-3000:]
            # librdkafka 2.0.2 aborts when some requests to a coordinator that is away come to nothing: no worse than a kill.
            aborted = self.cluster and code == -signal.SIGABRT and "Assertion" in text and "rdkafka_" in text
            in_order = told and code in (0, -signal.SIGTERM)  # The latter: before it began with anything.
            assert aborted or in_order or code in (FENCED, UNAVAILABLE), f"{node.name} ended with {code}:\n{text}"
            if told:
                del self.ending[node]
            else:
                self.done.append(f"{node.name} ended with {code}")
                node.start()

    def thaw(self, now):
        for node in [node for node, until in self.frozen.items() if now >= until]:
            del self.frozen[node]
            node.signal(signal.SIGCONT)

    def act(self, now):
        free = [node for node in self.nodes if node not in self.frozen and node not in self.ending]
        if not free:
            return
        node = self.rng.choice(free)
        if node.process is None:
            what = "start"
            node.start()
        else:
            what = self.rng.choice(("term", "kill", "restart", "freeze"))
            if what == "term":
                node.signal(signal.SIGTERM)
                self.ending[node] = now + END_S
            elif what == "freeze":
                node.signal(signal.SIGSTOP)
                self.frozen[node] = now + self.rng.choice((0.5, 2, 6))
            else:
                node.kill()
                if what == "restart":
                    node.start()
        self.done.append(f"{what} {node.name}")

    def act_on_cluster(self):
        if self.mend:
            what, number = self.mend
            self.mend = None
        else:
            what, number = self.rng.choice(("kill", "pause")), self.rng.choice((1, 2, 3))
            self.mend = ("up" if what == "kill" else "resume", number)
        self.cluster.control(what, number)
        self.done.append(f"{what} broker {number}")

    def over(self, end):
        """Does what is due; whether it is past the end."""
        now = time.monotonic()
        self.supervise()
        self.thaw(now)
        if now >= self.due:
            self.act(now)
            self.due = now + self.rng.choice((0.1, 0.5, 1, 2, 4))
        if self.cluster and now >= self.cluster_due:
            self.act_on_cluster()
            self.cluster_due = now + self.rng.choice((1, 3, 6))
        return now >= end

    def ended(self):
        self.supervise()
        return not self.ending

    def run(self, seconds):
        end = time.monotonic() + seconds
        wait_for(lambda: self.over(end), seconds + END_S, lambda: f"the storm to end: {self.done}")
        self.thaw(float("inf"))
        if self.mend:
            self.act_on_cluster()
        wait_for(self.ended, 2 * END_S, "what was told to stop")
        for node in self.nodes:
            if node.process is None:
                node.start()


def weather(sunder, folder, settings, cluster=None):
    """Traffic and storm; gives what a reader saw when all has settled."""
    stream = start(sunder, folder, (SECONDS + 120) * RATE)
    try:
        nodes = [sunder.node(name, policy=BENCH, flush={"every": "1s"}, **settings).start() for name in ("n1", "n2", "n3")]
        serve(nodes, 4)
        storm = Storm(nodes, random.Random(f"{SEED} {settings}"), cluster)
        storm.run(SECONDS)

        def settled():
            storm.supervise()
            return sum(node.serving() for node in nodes) == 4
        wait_for(settled, 120, lambda: f"all partitions to be served after {storm.done}: " + ", ".join(
            f"{node.name} {node.serving()}" for node in nodes))
        effective = finish(sunder, stream, folder)
    finally:
        stream.halt.set()
    print(f"{settings}: {len(effective.all())} records, {effective.copies} copies; {', '.join(storm.done)}")
    assert settings["delivery"] == "fast" or effective.copies == 0, "a read_committed reader saw a record twice"


@pytest.mark.parametrize("membership", ["static", "dynamic"])
@pytest.mark.parametrize("delivery", ["fast", "strict"])
def test_a_storm_of_rebalances(sunder, tmp_path, delivery, membership):
    weather(sunder, tmp_path, {"delivery": delivery, "membership": membership})


@pytest.mark.parametrize("delivery", ["fast", "strict"])
def test_a_storm_of_nodes_and_brokers(three_brokers, sunder, tmp_path, delivery):
    sunder.broker = three_brokers
    weather(sunder, tmp_path, {"delivery": delivery, "membership": "static", "kafka": {"session.timeout.ms": 6000}}, three_brokers)
