"""What tests with brokers share: one broker per run, fresh topics and own nodes per test."""
import os
import re
import shutil

import pytest

from cluster import Broker, DEAD_LETTERS, DECISIONS, INTENTS, REVOCATIONS, Reader, Unavailable
from nodes import Node, serve

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
FINANCE = os.path.join(ROOT, "ops", "policies", "purchase-to-pay", "policy.yaml")
BENCH = os.path.join(ROOT, "ops", "policies", "bench", "policy.yaml")
SESSION_MS = 3000


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        item.sunder_failed = True


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    try:
        one = Broker(tmp_path_factory.mktemp("kafka") / "data")
    except Unavailable as why:
        pytest.skip(str(why))
    yield one
    one.close()


@pytest.fixture(scope="module")
def three_brokers(tmp_path_factory):
    """Three copies of each record, two of them in sync; who is away is missed after 2 s."""
    try:
        one = Broker(tmp_path_factory.mktemp("kafka3") / "data", brokers=3,
                     properties=["broker.session.timeout.ms=2000", "broker.heartbeat.interval.ms=500"])
    except Unavailable as why:
        pytest.skip(str(why))
    yield one
    one.close()


class Sunder:
    """A cluster under test: topics, nodes, readers."""

    def __init__(self, broker, folder, name):
        self.broker, self.folder, self.group = broker, str(folder), name
        self.partitions = 0
        self.nodes, self.readers = [], []

    def topics(self, partitions=4):
        self.partitions = self.broker.recreate(partitions)

    def node(self, name, policy=FINANCE, **settings):
        kafka = {"bootstrap.servers": self.broker.bootstrap, "session.timeout.ms": SESSION_MS,
                 "heartbeat.interval.ms": 300, **settings.pop("kafka", {})}
        one = Node(self.folder, name, {"policy": policy, "group": self.group, "kafka": kafka, **settings})
        self.nodes.append(one)
        return one

    def start(self, *names, **settings):
        nodes = [self.node(name, **settings).start() for name in names]
        serve(nodes, self.partitions)
        return nodes

    def reader(self, topic, committed=True):
        one = Reader(self.broker, topic, committed)
        self.readers.append(one)
        return one

    def intents(self):
        return self.reader(INTENTS)

    def decisions(self, committed=True):
        return self.reader(DECISIONS, committed)

    def dead_letters(self):
        return self.reader(DEAD_LETTERS)

    def revocations(self):
        return self.reader(REVOCATIONS)

    def settled(self, intents):
        """Whether the group's progress is past every record of the intents topic; reads it on."""
        # In this order: what progress after the reading forwards to another partition would not be among the records.
        done = self.broker.committed(self.group, self.partitions)
        intents.to_end()
        return all(not records or done[number] > records[-1].offset for number, records in enumerate(intents.records))

    def close(self):
        for reader in self.readers:
            reader.close()
        for node in self.nodes:
            node.close()

    def keep_logs(self):
        """Copies what nodes said to where a person can look; gives the folder."""
        kept = os.path.join(os.environ.get("SUNDER_BUILD", self.folder), "kept-logs", self.group)
        shutil.rmtree(kept, ignore_errors=True)
        for node in self.nodes:
            shutil.copytree(node.folder, os.path.join(kept, node.name), ignore=shutil.ignore_patterns("state"))
        return kept


@pytest.fixture
def sunder(broker, tmp_path, request):
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", request.node.name).strip("-")
    one = Sunder(broker, tmp_path, name)
    yield one
    one.close()
    if getattr(request.node, "sunder_failed", False):
        print(f"logs of the nodes: {one.keep_logs()}")
        for node in one.nodes:
            if node.log:
                print(f"--- {node.name}\n{node.text()[-3000:]}")
    shutil.rmtree(tmp_path, ignore_errors=True)
