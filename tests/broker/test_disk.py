"""A disk that is really full: partitions stop with a clear word, nothing is lost, and room mends it."""
import contextlib
import os
import subprocess

import pytest

from cluster import INTENTS, wait_for
from events import intent
from fixtures import FINANCE
from ledger import Effective, check_chain, check_equal, replay
from nodes import serve

COUNT = 45000
STATE_MB = 64  # What a partition's file takes at first.
LONG = "x" * 200


@contextlib.contextmanager
def small_disk(folder, megabytes):
    """A file system in memory of that size; gives what makes it larger."""
    if os.geteuid() != 0:
        pytest.skip("a file system of its own needs root")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        pytest.skip(f"no file system of its own: {done.stderr.strip()}")
    try:
        yield lambda more: subprocess.run(["mount", "-o", f"remount,size={more}m", folder], check=True)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def events(count):
    """Intents of so many agents, tasks and objects with long names that their state outgrows its first file."""
    for number in range(count):
        name = f"{number}-{LONG}"
        yield intent(f"i-{name}", f"agent/{name}", "erp", "vendor.create", task=f"T-{name}", principal=f"user:{name}",
                     args={"vendor_id": f"V-{name}", "order_id": f"PO-{number}"})


def publish_all(sunder, count=COUNT):
    producer = sunder.broker.producer()
    for value in events(count):
        producer.produce(INTENTS, value, b"k")
        producer.poll(0)
    assert producer.flush(60) == 0


def stopped(node, count):
    """Waits until so many partitions stopped; what the node said."""
    wait_for(lambda: node.metrics().get('sunder_partitions{state="stopped"}', 0) >= count, 60, f"{count} partitions to stop",
             step=node.must_run)
    said = node.events("partition_stopped")
    assert all("No space left" in one["message"] and "make room on the disk" in one["next"] for one in said), said
    assert not node.ready()
    return said


def test_what_finds_no_room_at_the_start_is_stopped_alone(sunder):
    sunder.topics(4)
    node = sunder.node("n1", policy=FINANCE)
    with small_disk(node.state, STATE_MB * 5 // 2) as enlarge:
        node.start()
        said = stopped(node, 2)
        wait_for(lambda: node.serving() == 2, 20, "the others to be served", step=node.must_run)
        assert len(said) == 2
        assert node.term()[0] == 0

        enlarge(STATE_MB * 5)
        node.start()
        serve([node], 4)
        assert node.term()[0] == 0


def test_a_disk_that_becomes_full_stops_the_partition_and_loses_nothing(sunder, tmp_path):
    sunder.topics(1)
    node = sunder.node("n1", policy=FINANCE, flush={"table": "4MiB", "every": "200ms"})
    with small_disk(node.state, STATE_MB + 8) as enlarge:
        node.start()
        serve([node], 1)
        publish_all(sunder)
        said = stopped(node, 1)
        print(said[0]["message"])
        assert node.term()[0] == 0

        enlarge(STATE_MB * 5)
        node.start()
        serve([node], 1)
        intents = sunder.intents()
        wait_for(lambda: sunder.settled(intents), 120, "the progress to reach the end of the intents", step=node.must_run)
        assert node.term()[0] == 0

    effective = Effective(sunder.decisions().to_end())
    check_chain(effective)
    check_equal(effective, replay(tmp_path, FINANCE, intents.to_end()))
    assert effective.copies == 0 and len(effective.decisions()) == COUNT


@pytest.mark.parametrize("delivery", ["fast", "strict"])
def test_a_backlog_larger_than_the_memory_table_stops_nothing(sunder, tmp_path, delivery):
    """A batch may hold more state than a small table takes before it is flushed."""
    sunder.topics(1)
    publish_all(sunder, 12000)
    node = sunder.node("n1", policy=FINANCE, delivery=delivery, flush={"table": "1MiB"}).start()
    serve([node], 1)
    intents = sunder.intents()
    wait_for(lambda: sunder.settled(intents), 60, lambda: f"the end of the intents: {node.events('partition_stopped')}",
             step=node.must_run)
    assert node.term()[0] == 0

    effective = Effective(sunder.decisions().to_end())
    check_equal(effective, replay(tmp_path, FINANCE, intents.to_end()))
    assert effective.copies == 0
