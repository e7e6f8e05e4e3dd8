"""The command line against a real Kafka: topics create, publish --wait, tail, explain."""
import json
import os
import subprocess

from confluent_kafka import Producer

from cluster import DEAD_LETTERS, DECISIONS, INTENTS, REVOCATIONS, TOPICS
from fixtures import ROOT

LOG = os.path.join(ROOT, "ops", "demo", "finance.ndjson")


def command(sunder, *args):
    return subprocess.run([os.environ["SUNDER_BIN"], *args, "-b", sunder.broker.bootstrap], capture_output=True, text=True,
                          timeout=120, check=False)


def test_topics_are_made_as_a_node_wants_them_and_events_come_back_decided(sunder):
    sunder.broker.delete(TOPICS)

    made = command(sunder, "topics", "create", "--partitions", "3")
    again = command(sunder, "topics", "create", "--partitions", "3")

    assert made.returncode == 0, made.stderr
    assert [line.split()[:2] for line in made.stdout.splitlines()] == [
        [name, "created"] for name in (INTENTS, DECISIONS, REVOCATIONS, DEAD_LETTERS)]
    assert again.returncode == 0 and again.stdout.count("is there already") == 4

    sunder.partitions = 3
    sunder.start("n1")  # It refuses topics that are not as they should be.
    answered = command(sunder, "publish", "--in", LOG, "--wait", "-o", "ndjson")
    assert answered.returncode == 0, answered.stderr
    verdicts = [json.loads(line)["data"].get("verdict") for line in answered.stdout.splitlines()]
    assert (len(verdicts), verdicts.count("deny"), verdicts.count("escalate")) == (34, 6, 1)

    refused = command(sunder, "publish", "--in", LOG, "--wait", "--fail-on-deny", "-o", "ndjson")
    assert refused.returncode == 1  # Copies repeat their verdicts.

    told = command(sunder, "explain", "--from-kafka", "i-closer")
    assert told.returncode == 0, told.stderr
    assert "sent by      spiffe://acme.example/agent/planner" in told.stdout


def test_tail_shows_a_copy_of_fast_delivery_once(sunder):
    sunder.topics(1)
    (node,) = sunder.start("n1")
    assert command(sunder, "publish", "--in", LOG, "--wait").returncode == 0
    before = command(sunder, "tail", "--from-beginning", "--until-end", "-o", "ndjson").stdout
    node.term()

    producer = Producer({"bootstrap.servers": sunder.broker.bootstrap})
    for line in before.splitlines()[-3:]:
        producer.produce(DECISIONS, line.encode(), partition=0)
    producer.produce(DECISIONS, b"no record", partition=0)
    assert producer.flush(30) == 0
    after = command(sunder, "tail", "--from-beginning", "--until-end", "-o", "ndjson")

    assert len(before.splitlines()) == 34
    assert after.stdout == before
    assert "1 values are no records of sunder" in after.stderr


def test_a_changed_policy_is_rehearsed_on_the_topics(sunder, tmp_path):
    sunder.topics(3)
    sunder.start("n1")
    assert command(sunder, "publish", "--in", LOG, "--wait").returncode == 0
    policy = os.path.join(ROOT, "ops", "policies", "purchase-to-pay", "policy.yaml")
    stricter = tmp_path / "stricter.yaml"
    with open(policy, encoding="utf-8") as file:
        stricter.write_text(file.read().replace("at_most: 2", "at_most: 1"))

    same = command(sunder, "replay", "--diff", "--from-kafka", "-p", policy, "-o", "table")
    changed = command(sunder, "replay", "--diff", "--from-kafka", "-p", str(stricter), "-o", "ndjson")
    both = command(sunder, "replay", "--diff", "--from-kafka", "-p", str(stricter), "--against", policy, "-o", "ndjson")

    assert same.returncode == 0, same.stderr
    assert same.stdout == "0 of 34 answers change\n"
    lines = [json.loads(line) for line in changed.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["i-submit", "i-filler"]
    assert {(line["before"]["answer"], line["after"]["answer"]) for line in lines} == {("allow", "deny")}
    assert both.stdout == changed.stdout
