"""Three brokers, three copies of each record, two of them in sync; one broker dies and comes back."""
import time

import pytest

from fixtures import BENCH
from nodes import serve
from stream import finish, gap, more

GAP_S = 20.0  # The cluster's own fail-over: 2 s until the broker is missed, then new leaders and coordinators.


@pytest.fixture(scope="module")
def broker(three_brokers):
    return three_brokers


@pytest.mark.parametrize("delivery", ["fast", "strict"])
def test_a_broker_dies_and_nothing_is_lost_or_doubled(sunder, stream, tmp_path, delivery):
    """The one that coordinates the group: the worst to lose."""
    decisions = sunder.decisions(committed=delivery == "strict")
    node = sunder.node("n1", policy=BENCH, delivery=delivery, kafka={"session.timeout.ms": 6000}).start()
    serve([node], 4)
    more(sunder, decisions, 100)

    group = sunder.broker.admin.describe_consumer_groups([sunder.group])[sunder.group].result(30)
    victim = group.coordinator.id
    killed = time.time()
    sunder.broker.control("kill", victim)
    more(sunder, decisions, 100)
    back = time.time()
    sunder.broker.control("up", victim)
    more(sunder, decisions, 100)
    serve([node], 4)

    longest = gap(decisions, killed, back)
    effective = finish(sunder, stream, tmp_path)
    print(f"{delivery}: no decision in a partition for {longest:.1f} s after broker {victim} died; {effective.copies} copies; "
          f"clients replaced {node.metrics()['sunder_client_restarts_total']:.0f} times")
    node.must_run()
    assert longest < GAP_S
    if delivery == "strict":
        assert effective.copies == 0
