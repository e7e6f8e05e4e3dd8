#!/usr/bin/env python3
"""End to end on a real broker: drain and latency of one node, per delivery mode, beside the least program that could do it.

usage: end_to_end.py [--intents N] [--agents A] [--runs R] [--seconds S] [--build DIR] [--delivery fast,strict] [-o table|json]

Drain: N intents of the benchmark's workload (of A agents) lie on 4 partitions; a node and bench_passthrough (which writes records
of the size that the node's decisions have, with the same guarantees) drain them in turn, R times; the table has the best of each
and the ratio of their CPU-seconds. The node's start is in its figure; MiB is memory at the end, page cache apart. Latency: open
loop at 2,000/s for S seconds (0: none), the first third not counted, after three runs that warm the broker, from the moment an
intent is due to the moment its decision is read.
Exit: 0 done, 1 something was lost or failed, 77 no broker or no build."""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "broker"))

PARTITIONS, RATE = 4, 2000
WARM_RUNS = 3  # The broker is a Java program: at this rate it compiles its code for a minute, with half a core.
# What Kafka's own kafka-server-start.sh gives a broker.
KAFKA_JVM = ("-server -Xms1g -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 "
             "-XX:+ExplicitGCInvokesConcurrent")
DOMAIN = re.compile(rb'"tenant":"([^"]+)","principal":"([^"]+)"')
LATENCY_POLICY = """
sunder: 1
name: latency
domain: tenant
authority: open
tenant: payload
require: [task, purpose, principal]
catalogue:
  - {tool: payments, action: submit, duty: payment.submit, phase: execute}
  - {tool: payments, action: approve, duty: payment.approve, phase: execute}
  - {tool: crm, action: read, duty: crm.read, phase: observe}
rules:
  - {name: approve-and-submit, distinct: [payment.submit, payment.approve], per: object, within: 24h}
  - {limit: busy, count: true, of: payment.submit, by: actor, within: 1h, max: 100000}
"""


def load(broker, folder, count, agents):
    """Puts the workload on the intents topic, keyed by domain so that every record lies on its home."""
    from cluster import INTENTS
    from ledger import home
    from traffic import workload
    producer = broker.producer(linger_ms=20)
    for value in workload(folder, count, 1, agents):
        domain = b"|".join(DOMAIN.search(value).groups()).decode()
        while True:
            try:
                producer.produce(INTENTS, value, domain, partition=home(domain, PARTITIONS))
                break
            except BufferError:
                producer.poll(0.05)
    assert producer.flush(120) == 0


def node_for(broker, folder, name, delivery, policy):
    from nodes import Node
    return Node(folder, name, {"policy": policy, "group": name, "delivery": delivery, "membership": "dynamic",
                               "kafka": {"bootstrap.servers": broker.bootstrap}})


def recreate_outputs(broker):
    """The intents stay; what a drain before has written goes."""
    from cluster import DEAD_LETTERS, DECISIONS, REVOCATIONS
    broker.delete([DECISIONS, REVOCATIONS, DEAD_LETTERS])
    for name in (DECISIONS, REVOCATIONS, DEAD_LETTERS):
        broker.create(name, PARTITIONS)


def judged(node):
    node.must_run()
    return sum(value for name, value in node.metrics().items() if name.startswith("sunder_decisions_total{"))


def drain_node(broker, folder, delivery, count, number):
    """One drain; checks that every intent has its decision."""
    from cluster import DECISIONS, Reader, wait_for
    from fixtures import BENCH
    recreate_outputs(broker)
    group = f"drain-{delivery}-{number}"
    node = node_for(broker, folder, group, delivery, BENCH).start()
    pause = threading.Event()
    wait_for(lambda: judged(node) >= count, 600, "the drain", step=lambda: pause.wait(0.02))
    wait_for(lambda: sum(broker.committed(group, PARTITIONS)) >= count, 60, "the progress", step=lambda: pause.wait(0.1))
    out = {"program": "node", "delivery": delivery, "cpu_s": node.cpu_seconds(), "rss_anon_mib": node.memory_bytes() / 2**20}
    code, _ = node.term(60)
    reader = Reader(broker, DECISIONS)
    reader.to_end(120)
    records = reader.all()
    reader.close()
    assert code == 0 and len(records) == count, f"{len(records)} decisions for {count} intents, exit code {code}"
    times = [record.timestamp for record in records]
    verdicts = [b'"verdict":"allow"' in record.value for record in records]
    out.update(bytes=round(sum(len(record.value) for record in records) / count), allow=sum(verdicts) / count,
               rate=count * 1000 / max(1, max(times) - min(times)))
    shutil.rmtree(node.folder)
    return out


def drain_passthrough(broker, program, delivery, count, size):
    name = f"pass-{delivery}-{time.monotonic_ns()}"
    broker.create(name, PARTITIONS)
    done = subprocess.run([program, broker.bootstrap, "sunder.intents", name, str(count), str(size), delivery],
                          capture_output=True, text=True, timeout=600, check=True)
    broker.delete([name])
    said = json.loads(done.stdout)
    return {"program": "pass-through", "delivery": delivery, "cpu_s": said["cpu_s_per_million"] * count / 1e6,
            "rate": said["records_per_s"], "rss_anon_mib": said["rss_mib"], "bytes": size}


def drains(broker, folder, options):
    program = os.path.join(options.build, "bin", "bench_passthrough")
    out = []
    broker.recreate(PARTITIONS)
    load(broker, folder, options.intents, options.agents or max(4000, options.intents // 10))
    for delivery in options.delivery:
        ours, theirs = [], []
        for number in range(options.runs):
            ours.append(drain_node(broker, folder, delivery, options.intents, number))
            theirs.append(drain_passthrough(broker, program, delivery, options.intents, ours[0]["bytes"]))
        best = [min(runs, key=lambda run: run["cpu_s"]) for runs in (ours, theirs)]
        for run in best:
            run["cpu_s_per_million"] = run["cpu_s"] * 1e6 / options.intents
        best[0]["ratio"] = best[0]["cpu_s"] / best[1]["cpu_s"]
        out += best
    return out


def busy_cores():
    """(busy, all) time of all processors since the start of the machine, in ticks."""
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(one) for one in file.readline().split()[1:]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def latency(broker, folder, delivery, options):
    from nodes import serve
    policy = os.path.join(folder, "latency.yaml")
    with open(policy, "w", encoding="utf-8") as file:
        file.write(LATENCY_POLICY)
    broker.recreate(PARTITIONS)
    node = node_for(broker, folder, f"latency-{delivery}-{time.monotonic_ns()}", delivery, policy).start()
    serve([node], PARTITIONS)
    before = busy_cores()
    try:
        done = subprocess.run(
            [os.path.join(options.build, "bin", "bench_latency"), broker.bootstrap, "sunder.intents", "sunder.decisions",
             str(RATE), str(options.seconds), str(options.seconds / 3),
             "read_committed" if delivery == "strict" else "read_uncommitted"],
            capture_output=True, text=True, timeout=options.seconds + 60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        busy, ticks = (now - then for now, then in zip(busy_cores(), before))
        return {"delivery": delivery, "rss_anon_mib": node.memory_bytes() / 2**20, **json.loads(done.stdout),
                "busy_cores": busy / ticks * os.cpu_count()}
    finally:
        node.close()


def latencies(broker, folder, options):
    for _ in range(WARM_RUNS):
        latency(broker, folder, options.delivery[0], options)
    return [latency(broker, folder, delivery, options) for delivery in options.delivery]


def show(drained, late, options):
    if options.output == "json":
        print(json.dumps({"intents": options.intents, "drain": drained, "latency": late}))
        return
    print(f"drain of {options.intents} intents, {PARTITIONS} partitions, best of {options.runs}; load {os.getloadavg()[0]:.1f}")
    print(f"{'delivery':9}{'program':14}{'records/s':>11}{'CPU-s/M':>9}{'ratio':>7}{'bytes':>7}{'MiB':>6}")
    for run in drained:
        ratio = f"{run['ratio']:.2f}" if "ratio" in run else ""
        print(f"{run['delivery']:9}{run['program']:14}{run['rate']:11,.0f}{run['cpu_s_per_million']:9.2f}{ratio:>7}"
              f"{run['bytes']:7}{run['rss_anon_mib']:6.0f}")
    if not late:
        return
    print(f"latency at {RATE}/s over {options.seconds} s, intent due to decision read; means little when all "
          f"{os.cpu_count()} cores are busy")
    print(f"{'delivery':9}{'p50 ms':>8}{'p90 ms':>8}{'p99 ms':>8}{'p99.9':>8}{'max':>8}{'answered':>10}{'busy cores':>12}")
    for run in late:
        print(f"{run['delivery']:9}{run['p50_ms']:8.2f}{run['p90_ms']:8.2f}{run['p99_ms']:8.2f}{run['p999_ms']:8.2f}"
              f"{run['max_ms']:8.1f}{run['answered']:10}{run['busy_cores']:12.2f}")


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--intents", type=int, default=200000)
    parser.add_argument("--agents", type=int, default=0, help="default: a tenth of the intents")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--build", default=os.environ.get("SUNDER_BUILD", os.path.join(ROOT, "build", "release")))
    parser.add_argument("--delivery", default="fast,strict", type=lambda text: text.split(","))
    parser.add_argument("-o", "--output", default="table", choices=["table", "json"])
    return parser.parse_args(argv)


def main(argv):
    options = parse(argv)
    os.environ.setdefault("SUNDERD_BIN", os.path.join(options.build, "bin", "sunderd"))
    os.environ.setdefault("KAFKA_LOCAL_JVM", KAFKA_JVM)
    for name in ("sunderd", "bench_passthrough", "bench_latency"):
        if not os.path.exists(os.path.join(options.build, "bin", name)):
            print(f"SKIPPED end_to_end: {options.build} has no {name}; build the release preset")
            return 77
    try:
        from cluster import Broker, Unavailable
    except ImportError as why:
        print(f"SKIPPED end_to_end: {why} (ops/setup installs it)")
        return 77
    folder = tempfile.mkdtemp(prefix="sunder-bench-")
    try:
        broker = Broker(os.path.join(folder, "kafka"), heap="1g")
    except Unavailable as why:
        print(f"SKIPPED end_to_end: {why}")
        return 77
    try:
        drained = drains(broker, folder, options)
        late = latencies(broker, folder, options) if options.seconds else []
    finally:
        broker.close()
        shutil.rmtree(folder, ignore_errors=True)
    show(drained, late, options)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
