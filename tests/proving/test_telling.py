"""What `make prove` runs, says and exits with; the runs themselves are made up."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from tests.proving import __main__ as command
from tests.proving.checking import Verdict
from tests.proving.running import Run
from tests.proving.services import Missing


@pytest.fixture
def prove(monkeypatch, capsys):
    """Runs the command; `made(kind, seed)` stands in for a run."""

    def run(made, *arguments):
        asked = []

        def stand_in(kind, seed, keep):
            asked.append((str(kind), seed))
            return made(kind, seed)

        monkeypatch.setattr(command, "prove", stand_in)
        monkeypatch.setattr("sys.argv", ["prove", *arguments])
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        try:
            code = command.main()
        finally:
            for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
                signal.signal(number, handler)
        return code, asked, capsys.readouterr().out

    return run


def made(kind, seed, breaches=()):
    verdict = Verdict(breaches=list(breaches), counts={"sent": 3000}, orders={"sent": 4}, waits=[0.1, 0.2, 0.3, 2.0])
    done, struck = Counter({"server killed": 2, "disk full": 1}), Counter({"server killed": 2})
    return Run(kind, seed, verdict=verdict, done=done, struck=struck, accepted=4)


def test_one_of_each_kind_with_one_seed(prove):
    code, asked, said = prove(made, "--seed", "7")
    assert code == 0
    assert [seed for _, seed in asked] == [7, 7, 7, 7]
    assert len({kind for kind, _ in asked}) == 4
    assert "seeds 7" in said


def test_how_often_each_fault_struck_is_said(prove):
    _, _, said = prove(made, "--store", "tinydb")
    assert "disk full 0 of 1, server killed 2" in said
    assert "MISSED   disk full" in said
    assert "| disk full | 0 of 1 |" in said
    assert "| server killed | 2 of 2 |" in said


def test_how_long_order_messages_took_is_said_of_every_kind(prove):
    _, _, said = prove(made)
    assert said.count("handed over after p50 0.30 s, p99 2.00 s, at most 2.00 s") == 4
    assert said.count("| 0.3 | 2.0 | 2.0 |") == 4


def test_a_broken_promise_is_an_error_and_names_the_seed(prove):
    code, _, said = prove(lambda kind, seed: made(kind, seed, ["lost"]), "--store", "tinydb", "--seed", "9")
    assert code == 1
    assert "BROKEN   lost" in said
    assert "again: --seed 9" in said


def test_what_cannot_be_started_is_said(prove):
    def missing(kind, seed):
        if kind.broker == "rabbitmq":
            raise Missing("rabbitmq-server is not installed")
        return made(kind, seed)

    code, _, said = prove(missing)
    assert code == 3
    assert "LEFT OUT postgres, workers over rabbitmq: rabbitmq-server is not installed" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_stops_it_is_told_what_was_found_so_far(prove, number):
    def stopped(kind, seed):
        if kind.store == "postgres":
            os.kill(os.getpid(), number)
        return made(kind, seed)

    code, _, said = prove(stopped, "--seed", "5")
    assert code == 130
    assert "STOPPED during seed 5, postgres" in said
    assert "| tinydb | 1 |" in said
