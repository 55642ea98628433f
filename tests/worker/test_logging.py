"""What workers and servers say on standard error: as the workspace wants it, and a broker's no in one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.worker.conftest import Hall, until

pytestmark = [pytest.mark.postgres, pytest.mark.broker]


def said_by(hall: Hall, tmp_path: Path, *words: str, done: Callable[[str], object], **settings: str) -> str:
    """All that a command says on standard error, from its start until it is `done` and asked to end."""
    errors = tmp_path / "errors"
    environment = {**os.environ, **hall.settings, "MESSAGING_WORKSPACE": str(hall.folder)}
    environment |= {f"MESSAGING__{name}": value for name, value in settings.items()}
    command = [str(Path(sys.executable).parent / words[0]), *words[1:]]
    with errors.open("wb") as file:
        process = subprocess.Popen(
            command, env=environment, cwd=hall.folder, stdout=subprocess.DEVNULL, stderr=file, stdin=subprocess.DEVNULL
        )
    hall.processes.append(process)
    until(lambda: done(errors.read_text("utf-8")), lambda: errors.read_text("utf-8"))
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    return errors.read_text("utf-8")


def objects(text: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines
    assert all({"time", "level", "logger", "event", "process"} <= set(line) for line in lines)
    return lines


def test_all_that_a_worker_says_is_json_if_so_wanted(own_hall: Hall, tmp_path: Path) -> None:
    plugin = own_hall.workspace.plugins / "chatty.py"
    plugin.write_text(
        "import sys, threading, warnings\n"
        "warnings.warn('for ann@example.com', stacklevel=1)\n"
        "print('said by\\nsomebody', file=sys.stderr)\n"
        "threading.Thread(target=lambda: 1 / 0).start()\n",
        "utf-8",
    )
    customer = own_hall.order()
    told = objects(
        said_by(
            own_hall,
            tmp_path,
            *("messaging", "worker", "--concurrency", "1"),
            done=lambda text: own_hall.ledger(customer) and "ZeroDivisionError" in text,
            LOGGING__FORMAT="json",
        )
    )
    events = [line["event"] for line in told]
    assert any(event.startswith("Sending orders and events by 1 process") for event in events)
    assert any(event.startswith("Stopping when") for event in events)
    assert {"said by", "somebody"} <= set(events)
    assert any("for (address)" in event for event in events)
    (trace, *_) = [line["exception"] for line in told if line["event"] == "a thread ended"]
    assert "ZeroDivisionError" in trace


def test_all_that_a_server_says_is_json_if_so_wanted(own_hall: Hall, tmp_path: Path) -> None:
    words = ("messaging", "serve", "--port", "0", "--staff-port", "0")
    told = objects(said_by(own_hall, tmp_path, *words, done=lambda t: "Staff pages" in t, LOGGING__FORMAT="json"))
    assert [line["event"].partition(":")[0] for line in told[:2]] == ["Links and events", "Staff pages"]
    (tmp_path / "shop" / "data").mkdir(exist_ok=True)
    told = objects(
        said_by(
            own_hall,
            tmp_path,
            *("messaging", "serve", "--host", "host.invalid"),
            done=lambda text: text.endswith("\n"),
            LOGGING__FORMAT="json",
        )
    )
    assert told[-1]["level"] == "error"
    assert not told[-1]["event"].startswith("messaging:")


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_broker_that_lets_nobody_in_is_one_line(own_hall: Hall, tmp_path: Path, format: str) -> None:
    own_hall.settings["MESSAGING__QUEUE__URL"] = "amqp://guest:geheimes-wort@127.0.0.1:5672//"
    text = said_by(
        own_hall,
        tmp_path,
        *("messaging", "worker", "--lane", "campaigns", "--concurrency", "1"),
        done=lambda _: own_hall.processes[-1].poll() is not None,
        LOGGING__FORMAT=format,
    )
    assert own_hall.processes[-1].returncode == 4
    assert "geheimes-wort" not in text
    (line,) = text.splitlines()
    assert "the broker lets nobody in by that name and password (AccessRefused)" in line
    if format == "json":
        objects(text)


def test_by_celery_alone_too(own_hall: Hall, tmp_path: Path) -> None:
    """Its own command asks nobody first, and tries again and again."""
    own_hall.settings["MESSAGING__QUEUE__URL"] = "amqp://guest:geheimes-wort@127.0.0.1:5672//"
    line = "the broker lets nobody in: AccessRefused"
    words = ("celery", "-A", "messaging.worker", "worker", "--concurrency", "1")
    text = said_by(own_hall, tmp_path, *words, done=lambda text: line in text)
    assert "Traceback" not in text
    assert "geheimes-wort" not in text
