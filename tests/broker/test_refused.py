"""A decision that Kafka does not take, since the topic allows less: tried again, then its partition is stopped, and no other."""
import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from cluster import DECISIONS, INTENTS, wait_for
from events import intent
from fixtures import FINANCE
from ledger import home
from nodes import serve


def small_messages(broker):
    entry = ConfigEntry("max.message.bytes", "4000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, DECISIONS, incremental_configs=[entry])
    for future in broker.admin.incremental_alter_configs([resource]).values():
        future.result(30)


def read(name, tenant="acme", **more):
    return intent(name, "agent/a", "erp", "vendor.read", tenant=tenant, args={"vendor_id": "V-1"}, **more)


def publish(sunder, tenant, *values):
    """To its home: a partition that is stopped forwards nothing."""
    producer = sunder.broker.producer()
    for value in values:
        producer.produce(INTENTS, value, partition=home(tenant, 4))
    assert producer.flush(30) == 0


@pytest.mark.parametrize("delivery", ["fast", "strict"])
def test_a_decision_that_kafka_does_not_take_stops_its_partition_only(sunder, delivery):
    sunder.topics(4)
    small_messages(sunder.broker)
    other = next(f"tenant-{number}" for number in range(100) if home(f"tenant-{number}", 4) != home("acme", 4))
    node = sunder.node("n1", policy=FINANCE, delivery=delivery).start()
    serve([node], 4)
    decisions = sunder.decisions(committed=delivery == "strict")
    publish(sunder, "acme", read("small"))
    wait_for(lambda: decisions.count() == 1, 30, "the small one", step=decisions.poll)

    publish(sunder, "acme", read("large", objects=[f"vendor/{n}-{'x' * 100}" for n in range(60)]), read("after"))
    wait_for(lambda: node.metrics().get('sunder_partitions{state="stopped"}') == 1, 60, "its partition to be stopped",
             step=node.must_run)
    publish(sunder, other, read("other", other))
    wait_for(lambda: decisions.count() == 2, 30, "the other tenant's decision", step=decisions.poll)

    assert len(node.events("clients_replaced" if delivery == "fast" else "batch_aborted")) >= 3
    said = node.events("partition_stopped")
    assert [one["partition"] for one in said] == [home("acme", 4)] and "max.message.bytes" in said[0]["next"]
    assert not node.ready()
    assert [b'"intent":"other"' in record.value for record in decisions.all()].count(True) == 1
    assert not any(b'"intent":"after"' in record.value for record in decisions.all()), "it went out, and what came before did not"
