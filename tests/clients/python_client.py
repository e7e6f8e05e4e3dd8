"""usage: python_client.py BOOTSTRAP TOPIC FILE - one record per line: key, tab, value; an empty key is none."""
import sys

from confluent_kafka import Producer


def main(bootstrap, topic, path):
    failed = []
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    with open(path, "rb") as file:
        lines = file.read().splitlines()
    for line in lines:
        key, _, value = line.partition(b"\t")
        while True:
            try:
                producer.produce(topic, value, key or None, on_delivery=lambda error, _: error and failed.append(error))
                break
            except BufferError:
                producer.poll(0.1)
    left = producer.flush(60)
    print(len(lines))
    return 1 if failed or left else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
