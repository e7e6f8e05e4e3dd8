"""Tests of the tools themselves: generate.py, compare.py and oracle.py as a program, with fake_engine.py, the oracle with a
planted fault, in the engine's place. `pytest tests/oracle/test_compare_self.py`"""
import json
import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import oracle
from cases import PAIR, control, intent, lines, policy
from compare import Engine, compare, properties, shrink
from generate import Options, generate

FAKE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fake_engine.py")


@pytest.mark.parametrize("mode", ["mixed", "clean", "hot"])
def test_a_seed_reproduces_policy_and_events(mode):
    assert generate(Options(7, 50, mode)) == generate(Options(7, 50, mode))
    assert generate(Options(7, 50, mode)) != generate(Options(8, 50, mode))


@pytest.fixture
def fake(tmp_path, monkeypatch):
    def run(fault=None):
        monkeypatch.setenv("SUNDER_FAULT", fault or "")
        return Engine(FAKE, str(tmp_path))
    return run


def test_comparison_finds_nothing_where_nothing_differs(fake):
    for seed in range(3):
        text, events, _ = generate(Options(seed, 80))
        assert compare(fake(), text, events).found == []
        assert properties(fake(), text, events, seed).found == []


def test_comparison_finds_a_window_one_millisecond_too_long_and_shrinks_it(fake):
    text = policy(PAIR % ", within: 10s" + "  - {limit: n, count: true, by: agent, max: '99'}\n")
    events = lines([intent(f"x{n}", "z", "read", at=0) for n in range(20)]
                   + [intent("i1", "a", "create", at=1), intent("i2", "a", "submit", at=10_001)])
    assert compare(fake(), text, events).found == []
    broken = fake("window")
    smaller, kept = shrink(lambda p, l: compare(broken, p, l), text, events)
    assert len(kept) == 2 and "limit" not in smaller and compare(broken, smaller, kept).found


def test_properties_find_a_leak_between_tenants(fake):
    text = policy(PAIR % "")
    events = lines([control("quarantine", "a", at=1) | {"data": {"tenant": "globex", "control": "quarantine", "subject": "a"}},
                    intent("i1", "a", "read", at=2)])
    assert properties(fake(), text, events, 1).found == []
    assert properties(fake("leak"), text, events, 1).signature() == "G5"


def test_comparison_finds_a_lost_dead_letter(fake):
    assert compare(fake("drop"), policy(), [b"garbage"]).signature() == "dead_letters"


def test_the_program_reads_a_pipe_and_writes_what_the_library_says(tmp_path):
    (tmp_path / "policy.yaml").write_text(policy(), encoding="utf-8")
    raw = b"\n".join(lines([intent("i1", "a", "read")])) + b"\n\n"
    program = os.path.join(os.path.dirname(FAKE), "oracle.py")
    done = subprocess.run([sys.executable, program, "--policy", str(tmp_path / "policy.yaml")], input=raw,
                          capture_output=True, check=True)
    assert [json.loads(line) for line in done.stdout.splitlines()] == oracle.replay(policy(), raw)[0]
