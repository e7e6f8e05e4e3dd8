"""A real Apache Kafka for tests, its topics, and readers that say exactly what lies on them."""
import collections
import os
import subprocess
import threading
import time

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

INTENTS, DECISIONS = "sunder.intents", "sunder.decisions"
REVOCATIONS, DEAD_LETTERS = "sunder.revocations", "sunder.dead-letters"
TOPICS = (INTENTS, DECISIONS, REVOCATIONS, DEAD_LETTERS)
EVENT_BYTES_MAX = 12 * 1024 * 1024  # What the intents topic takes here: more than any event may have.

Record = collections.namedtuple("Record", "partition offset timestamp key value headers")


class Unavailable(Exception):
    """What the tests need is not on this machine."""


def wait_for(condition, seconds, what, step=None):
    """The first true value of condition(); calls step between looks. Fails with `what` after the deadline."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still waiting for {what() if callable(what) else what}")
        if step:
            step()
        else:
            pause.wait(0.01)


class Broker:
    """One broker (or more) on loopback, in a folder of its own."""

    def __init__(self, folder, properties=(), brokers=1, heap=None):
        self.folder = str(folder)
        self.replicas = min(3, brokers)
        self.script = os.environ.get("SUNDER_KAFKA_LOCAL") or os.path.join(
            os.path.dirname(__file__), "..", "..", "ops", "kafka", "kafka-local")
        arguments = [f"message.max.bytes={EVENT_BYTES_MAX}", *properties]
        command = [self.script, "start", "-n", str(brokers), "-d", self.folder]
        for argument in arguments:
            command += ["-c", argument]
        if heap:
            command += ["-x", heap]
        # To a file: a broker inherits the pipes of the script that starts it, and would keep them open.
        with open(self.folder + ".start", "w+", encoding="utf-8") as log:
            code = subprocess.run(command, stdout=log, stderr=log, timeout=600, check=False).returncode
            log.seek(0)
            text = log.read()
        if code == 3:
            raise Unavailable(f"no Kafka: {text.strip()}")
        if code != 0:
            raise AssertionError(f"kafka-local start: exit code {code}: {text}")
        self.bootstrap = next(line for line in text.splitlines() if line.startswith("KAFKA_BOOTSTRAP=")).partition("=")[2]
        self.admin = AdminClient(self.config())

    def config(self, **more):
        return {"bootstrap.servers": self.bootstrap, "log_level": 0, **{name.replace("_", "."): value for name, value in more.items()}}

    def recreate(self, partitions=4, **topic_config):
        """Fresh topics: replay names the intents topic, so tests of bytes cannot have names of their own."""
        self.delete(TOPICS)
        self._create([
            NewTopic(INTENTS, partitions, self.replicas, config={
                "message.timestamp.type": "LogAppendTime", "max.message.bytes": str(EVENT_BYTES_MAX), **topic_config}),
            NewTopic(DECISIONS, partitions, self.replicas),
            NewTopic(REVOCATIONS, partitions, self.replicas, config={"cleanup.policy": "compact"}),
            NewTopic(DEAD_LETTERS, 1, self.replicas, config={"max.message.bytes": str(EVENT_BYTES_MAX)}),
        ])
        return partitions

    def create(self, name, partitions):
        """One more topic, with the broker's own settings."""
        self._create([NewTopic(name, partitions, self.replicas)])

    def _known(self):
        return set(self.admin.list_topics(timeout=10).topics)

    def delete(self, names):
        there = [name for name in names if name in self._known()]
        if there:
            for future in self.admin.delete_topics(there).values():
                future.result(30)
            wait_for(lambda: not self._known() & set(there), 30, "topics to be gone")

    def _create(self, topics):
        for future in self.admin.create_topics(topics).values():
            future.result(30)
        names = {topic.topic: topic.num_partitions for topic in topics}

        def led():
            known = self.admin.list_topics(timeout=10).topics
            return all(
                name in known and len(known[name].partitions) == count and all(
                    one.leader > 0 for one in known[name].partitions.values())
                for name, count in names.items())
        wait_for(led, 30, "topics to have leaders")

    def committed(self, group, partitions):
        """[next offset of the group] per partition of the intents; -1001: none."""
        asker = Consumer(self.config(group_id=group, isolation_level="read_uncommitted"))
        try:
            asked = asker.committed([TopicPartition(INTENTS, one) for one in range(partitions)], timeout=10)
            return [one.offset for one in sorted(asked, key=lambda one: one.partition)]
        finally:
            asker.close()

    def producer(self, **more):
        settings = {"enable_idempotence": True, "linger_ms": 2, "partitioner": "murmur2_random",
                    "message_max_bytes": EVENT_BYTES_MAX, **more}
        return Producer(self.config(**settings))

    def control(self, command, broker=1):
        """kill, term, pause, resume, up of one broker."""
        subprocess.run([self.script, command, str(broker), "-d", self.folder], check=True, timeout=120,
                       stdout=subprocess.DEVNULL)

    def close(self):
        subprocess.run([self.script, "purge", "-d", self.folder], check=False, timeout=120, stdout=subprocess.DEVNULL)


class Reader:
    """All of a topic, read on as it grows: records[partition] is in order of offsets."""

    def __init__(self, broker, topic, committed=True):
        self.topic = topic
        isolation = "read_committed" if committed else "read_uncommitted"
        self.consumer = Consumer(broker.config(
            group_id="reader", enable_auto_commit=False, isolation_level=isolation, enable_partition_eof=True,
            fetch_wait_max_ms=20, auto_offset_reset="error", fetch_message_max_bytes=EVENT_BYTES_MAX))
        count = len(self.consumer.list_topics(topic, timeout=10).topics[topic].partitions)
        self.records = [[] for _ in range(count)]
        self._ends = [0] * count
        self.consumer.assign([TopicPartition(topic, one, 0) for one in range(count)])

    def poll(self, seconds=0.05):
        """Reads what is there; gives the new records."""
        fresh = []
        for message in self.consumer.consume(2000, seconds):
            error, partition = message.error(), message.partition()
            if error is None:
                record = Record(partition, message.offset(), message.timestamp()[1], message.key(), message.value(),
                                message.headers() or [])
                self.records[partition].append(record)
                fresh.append(record)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._ends[partition] = message.offset()
            else:
                raise AssertionError(f"{self.topic}: {error}")
        return fresh

    def to_end(self, seconds=30):
        """Reads until every partition is at the end that it has now."""
        ends = [self.consumer.get_watermark_offsets(TopicPartition(self.topic, one), timeout=10)[1]
                for one in range(len(self.records))]
        wait_for(lambda: all(have >= want for have, want in zip(self._ends, ends)), seconds,
                 lambda: f"{self.topic} to be read to {ends}, is at {self._ends}", step=self.poll)
        return self.records

    def all(self):
        return [record for records in self.records for record in records]

    def count(self):
        return sum(len(records) for records in self.records)

    def close(self):
        self.consumer.close()


def header(record, name):
    """The text of a header; None when the record has none of this name."""
    return next((value.decode() for key, value in record.headers if key == name and value is not None), None)
