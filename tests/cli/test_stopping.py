"""A command that sends is stopped by a person, or by the system."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from messaging.cli.stopping import until_stopped

#: Tells of each message, then hands it over a moment later.
SLOW = """
import time
from messaging import Adapter, Receipt, hookimpl

class Slow(Adapter):
    name = "slow"
    channel = "email"
    leaves_the_machine = False
    def deliver(self, messages):
        for message in messages:
            with open("handed.txt", "a") as handed:
                handed.write(message.to + "\\n")
            time.sleep(0.02)
            yield Receipt.accepted(message.id)

@hookimpl
def register_adapters():
    return [Slow]
"""


def test_the_first_time_it_asks_the_second_time_it_stops() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    seen = []

    def work() -> None:
        with until_stopped() as stop:
            signal.raise_signal(signal.SIGTERM)
            seen.append(stop.is_set())
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            seen.append("it goes on here, to clean up")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert seen == [True, "it goes on here, to clean up"]
    with until_stopped() as stop:
        assert not stop.is_set()
    assert {number: signal.getsignal(number) for number in before} == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", [("campaigns", "send", "spring", "--yes"), ("send-due",)])
def test_what_is_under_way_is_seen_through(run: Any, number: signal.Signals, command: tuple[str, ...]) -> None:
    people = "\n".join(f"c{n}@mail.example" for n in range(200))
    (run.folder / "people.csv").write_text(f"email\n{people}\n", "utf-8")
    (run.folder / "plugins" / "slow.py").write_text(SLOW, "utf-8")
    assert run("customers", "import", "people.csv", "--consent", "email")[0] == 0
    made = ("campaigns", "create", "spring", "--template", "promotion", "--segment", "everyone", "--adapter", "slow")
    assert run(*made)[0] == 0
    if command == ("send-due",):
        _start(run.folder)
    handed = run.folder / "handed.txt"
    os.mkfifo(handed)  # so that its first line is waited for, not looked for
    with subprocess.Popen(
        [sys.executable, "-m", "messaging", *command], cwd=run.folder, stderr=subprocess.PIPE, text=True
    ) as sending:
        told: list[str] = []
        with handed.open() as lines:
            told.append(lines.readline())
            sending.send_signal(number)
            reader = threading.Thread(target=lambda: told.extend(lines))
            reader.start()
            _, err = sending.communicate(timeout=60)
            reader.join(60)
    handed.unlink()
    assert sending.returncode == 130, err
    assert "Stopping when what is under way is through" in err
    counts = json.loads(run("campaigns", "status", "spring", "--json")[1])["counts"]
    assert counts["sending"] == counts["unknown"] == 0
    assert 0 < counts["sent"] < 200
    assert counts["planned"] == 200 - counts["sent"]


def _start(folder: Path) -> None:
    from messaging.app import Messaging

    with Messaging.open(str(folder)) as app:
        app.campaigning.start("spring")
