"""sunderd as a process that tests start, ask, stop and kill."""
import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

from cluster import wait_for

READY_S = 40


class Node:
    """One sunderd with its configuration, state and logs; may be started many times."""

    def __init__(self, folder, name, settings):
        self.name = name
        self.folder = os.path.join(str(folder), name)
        self.state = os.path.join(self.folder, "state")
        os.makedirs(self.state, exist_ok=True)
        self.program = os.environ["SUNDERD_BIN"]
        self.starts = 0
        self.process = None
        self.log = None
        self.config = {"node": name, "state_dir": self.state, "http": {"listen": "127.0.0.1:0"},
                       "log": {"format": "json", "level": "info"}, **settings}

    def start(self):
        assert self.process is None, f"{self.name} runs already"
        self.starts += 1
        path = os.path.join(self.folder, "sunder.yaml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.config, file, indent=1)  # JSON is YAML.
        self.log = os.path.join(self.folder, f"log-{self.starts}.ndjson")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([self.program, "-c", path], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        return self

    def events(self, name=None):
        """What it said since its last start, as objects; lines of others' making are left out."""
        with open(self.log, "rb") as file:
            lines = [line for line in file.read().splitlines() if line.startswith(b"{")]
        out = []
        for line in lines:
            try:
                out.append(json.loads(line))
            except ValueError:
                continue  # A line that is still being written.
        return [one for one in out if name is None or one.get("event") == name]

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def _get(self, path):
        said = self.events("http_listening")
        if not said:
            return 0, ""
        port = re.search(r"port (\d+)", said[0]["message"]).group(1)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            return 0, ""

    def ready(self):
        return self._get("/readyz")[0] == 200

    def metrics(self):
        """{"name{labels}": value}"""
        lines = [line.rsplit(" ", 1) for line in self._get("/metrics")[1].splitlines() if line and line[0] != "#"]
        return {name: float(value) for name, value in lines}

    def serving(self):
        return int(self.metrics().get('sunder_partitions{state="serving"}', 0))

    def must_run(self):
        assert self.alive(), f"{self.name} ended with {self.process and self.process.poll()}:\n{self.text()[-4000:]}"

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait(20)
        self.process = None

    def ended(self, seconds=20):
        """The exit code, when it ends by itself in time."""
        code = self.process.wait(seconds)
        self.process = None
        return code

    def term(self, seconds=20):
        """Stops it in order; gives (exit code, seconds that took)."""
        since = time.monotonic()
        self.signal(signal.SIGTERM)
        return self.ended(seconds), time.monotonic() - since

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self):
        """Resident memory that is its own: page cache apart."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            found = re.search(r"^RssAnon:\s+(\d+) kB", file.read(), re.MULTILINE)
        return int(found.group(1)) * 1024

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(20)
        self.process = None


def serve(nodes, partitions, seconds=READY_S):
    """Waits until these nodes together serve all partitions, and each is ready."""
    def served():
        for node in nodes:
            node.must_run()
        counts = [node.serving() for node in nodes]
        return sum(counts) == partitions and all(node.ready() for node in nodes)
    wait_for(served, seconds, lambda: "all partitions to be served: " + ", ".join(
        f"{node.name} {node.metrics()}" for node in nodes))
