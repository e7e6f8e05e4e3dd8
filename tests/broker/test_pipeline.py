"""One node and the purchase-to-pay policy: intents in, decisions, revocations and dead letters out."""
import json
import os
import subprocess

from cluster import header, wait_for
from events import control, intent, publish
from fixtures import FINANCE, ROOT
from ledger import Effective, check_chain, check_equal, home, replay

VENDOR = {"args": {"vendor_id": "V-9", "order_id": "PO-9"}}


def decided(reader, count, seconds=20):
    """The first `count` records of the decisions topic and those that are with them."""
    wait_for(lambda: reader.count() >= count, seconds, lambda: f"{count} decisions, there are {reader.count()}",
             step=reader.poll)
    return Effective(reader.records)


def chain():
    """Three agents of one person; each step is harmless alone."""
    return [intent("i-create", "agent/onboarder", "erp", "vendor.create", **VENDOR),
            intent("i-approve", "agent/approver", "erp", "invoice.approve", principal="user:ben", **VENDOR),
            intent("i-submit", "agent/payer", "payments", "submit", amount="10.00", currency="EUR", **VENDOR),
            intent("i-confirm", "agent/clerk", "payments", "confirm", **VENDOR)]


def test_the_third_step_is_denied_with_the_two_before_it_as_evidence(sunder, tmp_path):
    sunder.topics(4)
    sunder.start("n1")
    publish(sunder, [(b"acme", value) for value in chain()])

    effective = decided(sunder.decisions(), 4)

    data = [value["data"] for value in effective.all()]
    assert [(one["intent"], one["verdict"]) for one in data] == [
        ("i-create", "allow"), ("i-approve", "allow"), ("i-submit", "allow"), ("i-confirm", "deny")]
    reason = next(one for one in data[3]["reasons"] if one["rule"] == "vendor-to-cash")
    assert [(one["intent"], one["agent"], one["duty"]) for one in reason["evidence"]] == [
        ("i-submit", "agent/payer", "payment.submit"), ("i-create", "agent/onboarder", "vendor.create")]
    assert reason["subject"] == "user:ana" and reason["key"] == "vendor/V-9"
    assert {one["source"]["partition"] for one in data} == {home("acme", 4)}
    check_chain(effective)
    check_equal(effective, replay(tmp_path, FINANCE, sunder.intents().to_end()))


def test_a_record_off_its_home_is_forwarded_once_and_decided_there(sunder, tmp_path):
    sunder.topics(4)
    sunder.start("n1")
    from_everywhere = [(f"key-{number}".encode(), value) for number, value in enumerate(chain())]
    publish(sunder, from_everywhere)

    effective = decided(sunder.decisions(), 4)

    intents = sunder.intents()
    wait_for(lambda: sunder.settled(intents), 20, "the progress to reach the end")
    assert {value["data"]["source"]["partition"] for value in effective.all()} == {home("acme", 4)}
    forwarded = [record for record in intents.all() if header(record, "sunder-origin")]
    away = [record for record in intents.all() if record.partition != home("acme", 4)]
    assert sorted(header(record, "sunder-origin") for record in forwarded) == sorted(
        f"sunder.intents/{record.partition}/{record.offset}" for record in away)
    assert sorted(record.value for record in forwarded) == sorted(record.value for record in away)
    check_equal(effective, replay(tmp_path, FINANCE, intents.to_end()))


def test_a_quarantine_is_a_revocation_and_its_release_a_tombstone(sunder):
    sunder.topics(4)
    sunder.start("n1")
    decisions, revocations = sunder.decisions(), sunder.revocations()
    publish(sunder, [(b"acme", control("c-1", "quarantine", "agent/payer")),
                     (b"acme", intent("i-1", "agent/payer", "erp", "vendor.read", **VENDOR))])
    wait_for(lambda: any(revocations.records), 20, "a revocation", step=revocations.poll)
    wait_for(lambda: "i-1" in Effective(decisions.records).decisions(), 20, "the deny", step=decisions.poll)
    publish(sunder, [(b"acme", control("c-2", "release", "agent/payer")),
                     (b"acme", intent("i-2", "agent/payer", "erp", "vendor.read", **VENDOR))])
    wait_for(lambda: "i-2" in Effective(decisions.records).decisions(), 20, "the allow", step=decisions.poll)
    revocations.to_end()

    made, ended = revocations.all()
    assert made.key == ended.key == b"acme/agent/payer" and ended.value is None
    revocation = json.loads(made.value)
    assert revocation["type"] == "dev.sunder.revocation.v1"
    assert revocation["data"]["cause"] == "quarantine" and revocation["data"]["intent"] == "c-1"
    assert made.value in [record.value for record in decisions.all()], "the decisions topic carries it too"
    by_intent = Effective(decisions.records).decisions()
    assert [(one["code"], one["field"]) for one in by_intent["i-1"][0]["reasons"]] == [("quarantined", "agent/payer")]
    assert by_intent["i-2"][0]["verdict"] == "allow"


def cli(sunder, *arguments, **more):
    return subprocess.run([os.environ["SUNDER_BIN"], *arguments, "-b", sunder.broker.bootstrap], capture_output=True,
                          timeout=60, check=False, **more)


def test_publish_waits_for_the_answers_and_tail_gives_the_topic(sunder):
    sunder.topics(4)
    sunder.start("n1")
    finance = os.path.join(ROOT, "ops", "demo", "finance.ndjson")
    with open(finance, "rb") as file:
        lines = file.read().splitlines()

    published = cli(sunder, "publish", "--in", finance, "--wait", "-o", "ndjson", "--timeout", "20")
    tailed = cli(sunder, "tail", "--from-beginning", "--until-end", "-o", "ndjson")

    assert published.returncode == 0, published.stderr
    answers = [json.loads(line) for line in published.stdout.splitlines()]
    assert len(answers) == len(lines)
    assert {"allow", "deny"} <= {one["data"].get("verdict") for one in answers}
    assert tailed.returncode == 0, tailed.stderr
    decisions = sunder.decisions()
    decisions.to_end()
    assert sorted(tailed.stdout.splitlines()) == sorted(record.value for record in decisions.all())


def test_one_intent_from_the_command_line_is_answered(sunder):
    sunder.topics(4)
    sunder.start("n1")
    common = ["publish", "--wait", "--tenant", "acme", "--agent", "agent/a", "--principal", "user:ana", "--task", "T-1",
              "--purpose", "test", "--fail-on-deny", "-o", "ndjson"]

    allowed = cli(sunder, *common, "--intent", "erp/vendor.read", "--args", '{"vendor_id":"V-1"}')
    denied = cli(sunder, *common, "--intent", "erp/no.such.act", "--args", '{"vendor_id":"V-1"}')

    assert (allowed.returncode, denied.returncode) == (0, 1), (allowed.stderr, denied.stderr)
    assert json.loads(allowed.stdout)["data"]["verdict"] == "allow"
    assert [one["code"] for one in json.loads(denied.stdout)["data"]["reasons"]] == ["no_duty"]
