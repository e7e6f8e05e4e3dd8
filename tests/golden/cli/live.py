#!/usr/bin/env python3
"""Commands that keep something or go on: the demo and its clients, replay with state, pipes, completions, the man page.

usage: live.py        (SUNDER_BIN says which program)
"""
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BIN = os.environ["SUNDER_BIN"]
POLICY = os.path.join(ROOT, "ops/policies/purchase-to-pay/policy.yaml")
LOG = os.path.join(ROOT, "ops/demo/finance.ndjson")
DEADLINE_S = 30


def sunder(*args, **more):
    return subprocess.run([BIN, *args], capture_output=True, text=True, timeout=60, check=False, **more)


def placed_log():
    """The log with explicit places, so that parts of it can be replayed."""
    lines = []
    with open(LOG, encoding="utf-8") as file:
        for offset, line in enumerate(file):
            event = json.loads(line)
            event["sunderpartition"], event["sunderoffset"] = 0, offset
            lines.append(json.dumps(event) + "\n")
    return lines


class Demo(unittest.TestCase):
    def test_once_tells_the_first_deny_within_two_seconds(self):
        done = sunder("demo", "--once", "-o", "json")

        self.assertEqual(done.returncode, 0, done.stderr)
        *records, last = [json.loads(line) for line in done.stdout.splitlines()]
        summary = last["summary"]
        self.assertEqual((summary["events"], summary["deny"], summary["first_deny"]), (34, 6, "i-confirm"))
        self.assertFalse(summary["kept"])
        self.assertLess(summary["first_deny_ms"], 2000)
        deny = next(r["data"] for r in records if r["data"].get("verdict") == "deny")
        self.assertEqual({e["intent"] for e in deny["reasons"][0]["evidence"]}, {"i-vendor", "i-submit"})

    def test_other_clients_publish_and_read_until_it_is_stopped(self):
        demo = subprocess.Popen([BIN, "demo"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            # Ends with the demo, or with the time-out of this test; what comes after it is little.
            told = next((line for line in demo.stderr if "listens at" in line), "")
            self.clients(re.search(r"listens at (\S+)", told).group(1))
        finally:
            demo.send_signal(signal.SIGINT)
            _, rest = demo.communicate(timeout=DEADLINE_S)
        self.assertEqual(demo.returncode, 0)
        self.assertIn("nothing is kept", rest)

    def clients(self, brokers):
        fields = ["--tenant", "acme", "--agent", "me", "--principal", "user:me", "--task", "T", "--purpose", "p"]
        create = ["--intent", "erp/vendor.create", "--args", '{"vendor_id":"V-1"}']
        done = sunder("publish", "-b", brokers, "--wait", "-o", "ndjson", *fields, *create)
        self.assertEqual(done.returncode, 0, done.stderr)
        decision = json.loads(done.stdout)["data"]
        self.assertEqual((decision["verdict"], decision["objects"]), ("allow", ["vendor/V-1"]))

        done = sunder("publish", "-b", brokers, "--wait", "--fail-on-deny", *fields, "--intent", "shell/exec")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no_duty", done.stdout)

        with tempfile.NamedTemporaryFile("w", suffix=".ndjson") as file:
            file.write('{"specversion":"1.0","id":"x-1","source":"s","type":"dev.sunder.intent.v1",'
                       '"data":{"tenant":"globex","tool":"erp","action":"vendor.read"}}\nno event\n')
            file.flush()
            done = sunder("publish", "-b", brokers, "--in", file.name, "--wait")
        self.assertEqual(done.returncode, 1)  # One line is no event.
        self.assertIn("line 2 is no event", done.stderr)
        self.assertIn("(x-1)", done.stdout)

        done = sunder("tail", "-b", brokers, "--from-beginning", "--until-end", "-o", "ndjson")
        self.assertEqual(done.returncode, 0, done.stderr)
        ids = [json.loads(line)["data"].get("intent") for line in done.stdout.splitlines()]
        self.assertLess(ids.index("i-vendor"), ids.index("i-confirm"))
        self.assertIn("x-1", ids)

        done = sunder("explain", "--from-kafka", "-b", brokers, "i-closer")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("sent by      spiffe://acme.example/agent/planner", done.stdout)

    def test_nobody_listens(self):
        self.assertEqual(sunder("tail", "-b", "127.0.0.1:1").returncode, 69)


class Replay(unittest.TestCase):
    def test_state_goes_on_where_it_stopped(self):
        lines = placed_log()
        whole = sunder("replay", "-p", POLICY, input="".join(lines)).stdout
        with tempfile.TemporaryDirectory() as folder:
            state = os.path.join(folder, "state")
            parts = [sunder("replay", "-p", POLICY, "--state", state, input="".join(part))
                     for part in (lines[:11], lines[11:20], lines[20:])]

        self.assertEqual([part.returncode for part in parts], [0, 0, 0], parts[0].stderr)
        self.assertEqual("".join(part.stdout for part in parts), whole)

    def test_partitions_change_no_verdict_reason_or_evidence(self):
        def answers(*options):
            done = sunder("replay", "-p", POLICY, "--in", LOG, *options)
            data = [json.loads(line)["data"] for line in done.stdout.splitlines()]
            return [(d.get("intent"), d.get("verdict"), d.get("reasons")) for d in data]

        self.assertEqual(answers(), answers("--partitions", "7"))

    def test_a_pipe_is_read_as_a_file(self):
        with open(LOG, encoding="utf-8") as file:
            text = file.read()
        self.assertEqual(sunder("replay", "-p", POLICY, input=text).stdout,
                         sunder("replay", "-p", POLICY, "--in", LOG).stdout)
        self.assertEqual(sunder("replay", "-p", POLICY, input=text.rstrip("\n")).stdout,
                         sunder("replay", "-p", POLICY, "--in", LOG).stdout)

    def test_a_full_disk_is_no_success(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([BIN, "replay", "-p", POLICY, "--in", LOG], stdout=full, stderr=subprocess.PIPE,
                                  text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot be written", done.stderr)

    def test_an_input_that_may_not_be_read_or_is_not_there(self):
        self.assertEqual(sunder("replay", "-p", POLICY, "--in", "/nowhere").returncode, 1)
        self.assertEqual(sunder("replay", "-p", "/nowhere", "--in", LOG).returncode, 78)

    def test_a_terminal_gets_a_progress_bar_and_a_pipe_does_not(self):
        lines = "".join(placed_log())
        with tempfile.NamedTemporaryFile("w", suffix=".ndjson") as file:
            for _ in range(1500):
                file.write(lines.replace("sunderoffset", "sunderignored"))
            file.flush()
            master, slave = pty.openpty()
            command = [BIN, "replay", "-p", POLICY, "--in", file.name, "--out", "/dev/null"]
            with subprocess.Popen(command, stderr=slave, stdout=subprocess.DEVNULL) as process:
                os.close(slave)
                shown = b""
                try:
                    while chunk := os.read(master, 65536):
                        shown += chunk
                except OSError:  # The other side is closed.
                    pass
                self.assertEqual(process.wait(DEADLINE_S), 0)
            os.close(master)
            quiet = subprocess.run(command, capture_output=True, timeout=60, check=False).stderr
        self.assertRegex(shown.decode(), r"\[#*\.*\] +\d+ %  \d+ events  \d+/s  0:\d\d left")
        self.assertNotIn(b"[", quiet)


class Readme(unittest.TestCase):
    def test_what_it_shows_is_what_is_printed(self):
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
            blocks = re.findall(r"```console\n\$ (.*?)\n```", file.read(), re.DOTALL)
        self.assertEqual(len(blocks), 2)
        for block in blocks:
            # A line that ends with a pipe goes on; then what is shown, "..." for what is left out.
            command, shown = re.match(r"((?:[^\n]*\|\n)*[^\n]*)\n(.*)", block, re.DOTALL).groups()
            command = command.replace("build/release/bin/sunder ", "sunder ")
            environment = dict(os.environ, PATH=os.path.dirname(BIN) + os.pathsep + os.environ["PATH"])
            done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=ROOT, env=environment, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=True)
            printed = [line.partition(";")[0] if "events/s" in line else line for line in done.stdout.splitlines()]
            for line in shown.splitlines():
                self.assertTrue(line == "..." or line in printed, f"`{command}` does not print: {line}")


class Tests(unittest.TestCase):
    def test_watch_runs_again_when_the_policy_or_a_test_changes(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(os.path.join(ROOT, "tests/golden/cli/pairs"), folder, dirs_exist_ok=True)
            policy, test = os.path.join(folder, "policy.yaml"), os.path.join(folder, "pairs.test.yaml")
            watch = subprocess.Popen([BIN, "test", "--watch", folder], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            try:
                self.assertIn("10 passed, 0 failed", self.told(watch))
                self.change(policy, "at_most: 2", "at_most: 1")
                self.assertIn(" failed", self.told(watch))
                self.change(policy, "at_most: 1", "at_most: x")
                self.assertIn("policy.yaml:13:60: error: `at_most` must be a whole number", self.told(watch))
                self.change(policy, "at_most: x", "at_most: 2")
                self.assertIn("10 passed, 0 failed", self.told(watch))
                self.change(test, "sunder-test: 1", "sunder-test: 2")
                self.assertIn("pairs.test.yaml:1:14: error", self.told(watch))
            finally:
                watch.send_signal(signal.SIGINT)
                watch.communicate(timeout=DEADLINE_S)

    def told(self, watch):
        """All that it says until it waits again."""
        lines = []
        for line in watch.stderr:  # Ends with the process, or with the time-out of this test.
            if line.startswith("-- waiting"):
                return "".join(lines)
            lines.append(line)
        return self.fail("it ended: " + "".join(lines))

    def change(self, path, old, new):
        """As editors do: a new file in the place of the old one."""
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertIn(old, text)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))
        os.rename(path + ".new", path)


class Made(unittest.TestCase):
    """What is made from the command table."""

    def test_completions_know_commands_and_options(self):
        script = sunder("completion", "bash").stdout
        for words, wanted in ((["repl"], "replay"), (["replay", "--pol"], "--policy"), (["check", "-o", "j"], "json"),
                              (["ingest", "c"], "cloudtrail")):
            line = " ".join(f"'{word}'" for word in words)
            done = subprocess.run(["bash", "-c", f"{script}\nCOMP_WORDS=(sunder {line}); COMP_CWORD={len(words)}; _sunder; "
                                   'printf "%s\\n" "${COMPREPLY[@]}"'], capture_output=True, text=True, check=True)
            self.assertEqual(done.stdout.split(), [wanted])

    def test_other_shells_parse_theirs(self):
        for shell, check in (("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])):
            script = sunder("completion", shell).stdout
            self.assertIn("cloudtrail", script)
            if shutil.which(shell):
                with tempfile.NamedTemporaryFile("w", suffix=f".{shell}") as file:
                    file.write(script)
                    file.flush()
                    subprocess.run([*check, file.name], check=True, timeout=30)

    def test_the_man_page_has_every_command(self):
        page = sunder("help", "--man").stdout
        commands = re.findall(r"^  (\w+) +", sunder("help").stdout, re.MULTILINE)
        self.assertGreaterEqual(len(commands), 9)
        for command in commands:
            self.assertIn(f'.SS "{command} ', page)

    def test_every_command_has_help_with_examples_and_exit_codes(self):
        for command in re.findall(r"^  (\w+) +", sunder("help").stdout, re.MULTILINE):
            text = sunder(command, "--help").stdout
            for part in ("usage: sunder " + command, "examples:", "exit codes:", "--help"):
                self.assertIn(part, text)
            self.assertFalse([line for line in text.splitlines() if line != line.rstrip()], command)


class Names(unittest.TestCase):
    def test_control_characters_of_a_name_do_not_reach_the_terminal(self):
        event = {"specversion": "1.0", "id": "i", "source": "s", "type": "dev.sunder.intent.v1",
                 "data": {"tenant": "acme", "agent": "a\u001b[2J\u009b31m\u0007b", "principal": "user:x", "task": "T",
                          "purpose": "p", "tool": "erp", "action": "vendor.read", "args": {"vendor_id": "V"}}}
        done = subprocess.run([BIN, "replay", "-p", POLICY, "-o", "table"], input=json.dumps(event).encode(),
                              capture_output=True, timeout=60, check=False)
        self.assertIn(b"bad_identifier", done.stdout)
        self.assertFalse(re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", done.stdout), done.stdout)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
