"""Published clients of five languages put the same intents on the topic, with any keys: two nodes decide them alike."""
import collections
import json
import os
import random
import subprocess
import time

import pytest

import programs
from cluster import INTENTS, wait_for
from fixtures import BENCH
from ledger import Effective, check_chain, check_equal, replay
from traffic import check_pairs, id_of, mixed

COUNT = int(os.environ.get("SUNDER_CLIENT_INTENTS", "5000"))
SEED = int(os.environ.get("SUNDER_CLIENT_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
PARTITIONS = 4
PUBLISH_S = 120


@pytest.fixture(scope="session")
def traffic(tmp_path_factory):
    """The same intents for all: a fresh random choice per run, without events of other kinds."""
    print(f"seed {SEED} (SUNDER_CLIENT_SEED), {COUNT} intents (SUNDER_CLIENT_INTENTS)")
    made = mixed(tmp_path_factory.mktemp("traffic"), COUNT, SEED, PARTITIONS)
    made.records = [one for one in made.records if b'"type":"dev.sunder.intent.v1"' in one[1]]
    return made


@pytest.fixture(scope="session")
def expected(traffic, tmp_path_factory):
    """{intent: what must be said about it} if each domain's intents are judged in the order of publication."""
    folder = tmp_path_factory.mktemp("expected")
    lines = os.path.join(str(folder), "in")
    with open(lines, "wb") as file:
        file.writelines(value[:-1] + b',"sundertimestamp":1800000000000}\n' for _, value in traffic.records)
    out = subprocess.run([os.environ["SUNDER_BIN"], "replay", "--policy", BENCH, "--in", lines], capture_output=True,
                         timeout=300, check=True).stdout
    return said([json.loads(line)["data"] for line in out.splitlines()])


@pytest.fixture(scope="session", params=list(programs.CLIENTS))
def client(request, tmp_path_factory):
    build = os.environ.get("SUNDER_BUILD") or str(tmp_path_factory.mktemp("build"))
    try:
        return programs.CLIENTS[request.param](build)
    except programs.Missing as why:
        pytest.skip(f"client {request.param}: {why}")


def said(decisions):
    """{intent: [verdict and reasons of each answer, times apart]}"""
    out = collections.defaultdict(list)
    for one in decisions:
        reasons = [(reason.get("rule"), reason["code"], reason.get("field"), reason.get("subject"), reason.get("key"),
                    reason.get("value"), tuple(fact["intent"] for fact in reason.get("evidence", [])))
                   for reason in one["reasons"]]
        out[one["intent"]].append((one["verdict"], bool(one.get("duplicate")), tuple(reasons)))
    return out


def domain_of(value):
    data = json.loads(value)["data"]
    return f"{data['tenant']}|{data['principal']}".encode()


def publish(sunder, client, keyed, folder):
    """Runs the client; its records must all be on the topic, each as it was given."""
    path = os.path.join(str(folder), "records.tsv")
    with open(path, "wb") as file:
        file.writelines(key + b"\t" + value + b"\n" for key, value in keyed)
    command = client(sunder.broker.bootstrap, INTENTS, path)
    done = subprocess.run(command, capture_output=True, text=True, timeout=PUBLISH_S, check=False)
    assert done.returncode == 0, f"{command}: exit code {done.returncode}: {(done.stderr + done.stdout)[-2000:]}"


def decide(sunder, client, keyed, folder):
    """Two nodes decide what the client publishes; gives what a reader of the decisions sees."""
    sunder.topics(PARTITIONS)
    sunder.start("n1", "n2", policy=BENCH)
    publish(sunder, client, keyed, folder)
    since = time.monotonic()
    intents, decisions = sunder.intents(), sunder.decisions()
    wait_for(lambda: decisions.count() >= len(keyed), 120, lambda: f"{len(keyed)} decisions, have {decisions.count()}",
             step=decisions.poll)
    wait_for(lambda: sunder.settled(intents), 30, "the progress to reach the end of the intents")
    print(f"decided in {time.monotonic() - since:.1f} s; {[len(records) for records in intents.records]} intents per partition")
    effective = Effective(decisions.to_end())
    assert effective.copies == 0
    check_chain(effective)
    check_equal(effective, replay(folder, BENCH, intents.to_end()))
    given = collections.Counter(value for _, value in keyed)
    there = collections.Counter(record.value for record in intents.all() if not any(
        name == "sunder-origin" for name, _ in record.headers))
    assert there == given, "the topic does not hold what the client was given"
    return effective


def check_answers(traffic, keyed, effective):
    """As many answers as the intent was published, one of them not a repeat."""
    published = collections.Counter(id_of(value) for _, value in keyed)
    answers = effective.decisions()
    assert {name: len(records) for name, records in answers.items()} == dict(published)
    assert {sum(not one.get("duplicate") for one in records) for records in answers.values()} == {1}
    check_pairs(traffic, answers)


def test_keys_of_domains_give_the_verdicts_of_the_order_of_publication(sunder, client, traffic, expected, tmp_path):
    keyed = [(domain_of(value), value) for _, value in traffic.records]

    effective = decide(sunder, client, keyed, tmp_path)

    check_answers(traffic, keyed, effective)
    answers = said([value["data"] for value in effective.all()])
    wrong = [(name, answers[name], expected[name]) for name in expected if answers[name] != expected[name]]
    assert not wrong, f"{len(wrong)} intents, the first: {wrong[0]}"


def test_random_keys_and_none_give_each_intent_one_verdict(sunder, client, traffic, tmp_path):
    rng = random.Random(SEED)
    keyed = [(b"" if rng.random() < 0.2 else b"%08x" % rng.randrange(1 << 32), value) for _, value in traffic.records]

    effective = decide(sunder, client, keyed, tmp_path)

    check_answers(traffic, keyed, effective)
