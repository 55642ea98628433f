"""`messaging standin`, as it is typed."""

from __future__ import annotations

import shlex
import signal
import smtplib
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

Start = Callable[..., "subprocess.Popen[str]"]
LAST = "MESSAGING__SERVER__ALLOW_INSECURE_LINKS"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start one outside of any workspace; it is killed if the test leaves it."""
    with ExitStack() as stack:

        def run(*arguments: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "messaging", "standin", *arguments]
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            process = stack.enter_context(subprocess.Popen(command, text=True, cwd=tmp_path, **pipes))
            stack.callback(process.kill)
            return process

        yield run


def _exported(process: subprocess.Popen[str]) -> dict[str, str]:
    """What it prints to be copied, up to the variable that all have last."""
    assert process.stdout is not None
    found = {}
    for line in process.stdout:
        words = shlex.split(line)
        assert words[0] == "export", line
        name, _, found[name] = words[1].partition("=")
        if name == LAST:
            break
    return found


@pytest.mark.parametrize(
    ("name", "variable", "stop"),
    [
        ("sendgrid", "SENDGRID_HOST", signal.SIGINT),
        ("twilio", "TWILIO_BASE_URL", signal.SIGTERM),
        ("webhook", "WEBHOOK_URL", signal.SIGINT),
    ],
)
def test_it_serves_until_it_is_told_to_stop(start: Start, name: str, variable: str, stop: signal.Signals) -> None:
    process = start(name, "--port", "0")
    told = _exported(process)
    url = told[variable].removesuffix("/hook")
    assert told[LAST] == "true"
    assert httpx.get(f"{url}/messages", trust_env=False).json()["accepted"] == 0
    process.send_signal(stop)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert f"{name} answers on {url} until Ctrl-C" in err
    assert "The last one lets what is sent carry links to this machine." in err


def test_a_mail_server_says_where_it_takes_mail(start: Start) -> None:
    process = start("smtp", "--port", "0", "--smtp-port", "0", "--username", "shop", "--password", "it's")
    told = _exported(process)
    with smtplib.SMTP(told["SMTP_HOST"], int(told["SMTP_PORT"]), timeout=5) as client:
        client.login(told["SMTP_USERNAME"], told["SMTP_PASSWORD"])
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert f"Mail is taken on port {told['SMTP_PORT']}." in err


def test_a_port_that_is_taken_is_one_line(start: Start) -> None:
    port = _exported(start("webhook", "--port", "0"))["WEBHOOK_URL"].rpartition(":")[2].removesuffix("/hook")
    process = start("sendgrid", "--port", port)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (1, "")
    assert err == f"messaging: cannot listen on 127.0.0.1, port {port}: Address already in use. Choose another port.\n"


def test_an_address_for_events_that_is_none(start: Start) -> None:
    out, err = start("sendgrid", "--events-to", "here").communicate(timeout=10)
    assert "events: 'here' is no address" in err
    assert err.count("\n") == 1
