"""What is said while a campaign waits."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from messaging.app import Messaging
from messaging.cli.waiting import AGAIN, teller
from messaging.services.dispatching import Wait

UNTIL = datetime(2026, 3, 2, 10, 0, 30, tzinfo=UTC)


def wait(messages: int = 3, *, seconds: int = 0, **fields: Any) -> Wait:
    told = {"campaign": "spring", "until": UNTIL + timedelta(seconds=seconds), "reason": "connection refused"}
    return Wait(messages=messages, **{**told, **fields})


def test_it_says_for_what_until_when_and_what_one_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    teller()(wait())
    assert capsys.readouterr() == (
        "",
        "Waiting with 3 messages of spring (connection refused); next try at 10:00:30 UTC. Ctrl-C stops here; "
        "messaging campaigns send spring goes on later.\n",
    )


def test_it_says_it_once_not_for_each_message(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    tell = teller(lambda: now)
    for number in range(50):
        tell(wait(50 - number, seconds=number))
    assert capsys.readouterr().err.count("\n") == 1
    now = AGAIN
    tell(wait(seconds=90))
    assert "next try at 10:02:00 UTC" in capsys.readouterr().err
    tell(wait(reason="busy", seconds=91))
    assert "(busy)" in capsys.readouterr().err


def test_it_says_that_another_process_has_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    tell = teller()
    for reason in (None, "busy"):
        tell(wait(1, until=None, reason=reason))
    assert capsys.readouterr().err == (
        "Another process sends the last 1 message of spring: waiting for it. Ctrl-C stops here; "
        "messaging campaigns send spring goes on later.\n"
    )


@pytest.mark.parametrize("command", [("campaigns", "send", "spring", "--yes"), ("send-due",)])
def test_a_relay_that_is_down_is_named_once(
    run: Any, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    (run.folder / "people.csv").write_text("email\nann@mail.example\nbob@mail.example\n", "utf-8")
    assert run("customers", "import", "people.csv", "--consent", "email")[0] == 0
    created = run("campaigns", "create", "spring", "--template", "promotion", "--segment", "everyone")
    assert created[0] == 0
    if command == ("send-due",):
        with Messaging.open(str(run.folder)) as app:
            app.campaigning.start("spring")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody listens
        port = closed.getsockname()[1]
        monkeypatch.setenv("MESSAGING__CHANNELS__EMAIL__ADAPTER", "smtp")
        monkeypatch.setenv("SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("SMTP_PORT", str(port))
        monkeypatch.setenv("MESSAGING__SERVER__ALLOW_INSECURE_LINKS", "true")
        monkeypatch.setenv("MESSAGING__SENDING__BACKOFF_MAX", "5 minutes")
        _, _, err = run(*command)
    (line,) = [line for line in err.splitlines() if "Waiting" in line]
    assert line.startswith("Waiting with 2 messages of spring (")
    assert f"127.0.0.1:{port}: Connection refused" in line
    assert "next try at 10:00:" in line
