"""The command line where workers send, and what is said where there are none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from messaging.workspace.folder import make_workspace
from tests.worker.conftest import Hall, until

BIN = Path(sys.executable).parent


def said(folder: Path, *words: str, **settings: str) -> tuple[int, str]:
    """Exit code, and what was said on standard error."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", **settings}
    done = subprocess.run(
        [str(BIN / words[0]), *words[1:]], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("words", "settings", "line"),
    [
        (("messaging", "worker"), {}, '[queue] use = "inline": there are no workers'),
        (("celery", "-A", "messaging.worker", "worker"), {}, '[queue] use = "inline": there are no workers'),
        (("celery", "-A", "messaging.worker", "beat"), {}, '[queue] use = "inline": there are no workers'),
        (("messaging", "worker"), {"USE": "celery"}, "workers need the store on PostgreSQL"),
        (("messaging", "serve"), {"USE": "celery"}, "workers need the store on PostgreSQL"),
        (("messaging", "campaigns", "send", "x", "--no-wait"), {}, "--no-wait: there are no workers"),
        (("messaging", "campaigns", "resume", "x", "--no-wait"), {}, "--no-wait: there are no workers"),
    ],
)
def test_one_line_says_why_there_are_none(
    tmp_path: Path, words: tuple[str, ...], settings: dict[str, str], line: str
) -> None:
    make_workspace(tmp_path / "shop")
    code, text = said(tmp_path / "shop", *words, **{f"MESSAGING__QUEUE__{k}": v for k, v in settings.items()})
    assert code != 0
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    assert lines[0].startswith("messaging: ")
    assert line in lines[0]


@pytest.mark.parametrize("words", [("messaging", "worker"), ("celery", "-A", "messaging.worker", "worker")])
@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("redis://[::1", "its host or its port (1 to 65535) cannot be read"),
        ("redis://:hush-hush@broker.example:99999/0", "its host or its port (1 to 65535) cannot be read"),
        ("redis://:hush-hush@broker.example/abc", "'/abc' is no database of Redis"),
    ],
)
def test_a_broker_that_no_waiting_brings_is_told_at_once(
    tmp_path: Path, words: tuple[str, ...], url: str, line: str
) -> None:
    make_workspace(tmp_path / "shop")
    store = {"MESSAGING__STORE__URL": "postgresql://db.example/shop", "MESSAGING__QUEUE__USE": "celery"}
    code, text = said(tmp_path / "shop", *words, **store, MESSAGING__QUEUE__URL=url)
    assert (code, len(text.strip().splitlines())) == (4 if words[0] == "messaging" else 1, 1), text
    assert line in text
    assert "hush" not in text


@pytest.mark.parametrize("command", ["worker", "serve", "send-due"])
def test_a_rate_for_no_adapter_is_told_by_who_would_send(tmp_path: Path, command: str) -> None:
    make_workspace(tmp_path / "shop")
    code, text = said(tmp_path / "shop", "messaging", command, MESSAGING__SENDING__RATE='{"nosuch": 1}')
    assert (code, len(text.strip().splitlines())) == (4, 1), text
    assert "sending.rate: there is no adapter 'nosuch'" in text


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({}, '[queue] use = "inline": there are no workers'),
        ({"MESSAGING__QUEUE__USE": "celery"}, "workers need the store on PostgreSQL"),
        (
            {
                "MESSAGING__QUEUE__USE": "celery",
                "MESSAGING__QUEUE__URL": "redis://broker.example",
                "MESSAGING__STORE__URL": "postgresql://db.example/shop",
            },
            'Pip install "customer-messaging[scale]"',
        ),
    ],
)
def test_one_line_says_so_where_the_extra_is_missing(tmp_path: Path, settings: dict[str, str], line: str) -> None:
    make_workspace(tmp_path / "shop")
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('celery', 'kombu')))  # as if they were not installed\n"
        "from messaging.cli.ending import run; sys.argv[1:] = ['worker']; run()"
    )
    environment = {**os.environ, **settings}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "shop", env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert line in done.stderr


@pytest.mark.postgres
@pytest.mark.broker
class TestWithWorkers:
    def test_a_campaign_is_handed_over_and_looked_on(self, own_hall: Hall) -> None:
        own_hall.start("messaging", "worker", "--concurrency", "1")
        name = own_hall.campaign(60, begin=False)
        send = own_hall.start("messaging", "campaigns", "send", name, "--yes")
        assert send.wait(60) == 0
        assert own_hall.counts(name) == {"sent": 60}
        assert send.pid not in own_hall.senders(name)
        assert f"Campaign {name}: done" in own_hall.said()

    def test_who_looks_on_may_leave(self, own_hall: Hall) -> None:
        name = own_hall.campaign(60, begin=False)
        send = own_hall.start("messaging", "campaigns", "send", name, "--yes")
        until(lambda: own_hall.state(name) == "planning", own_hall.said)
        until(lambda: send.poll() is not None or _waits_for_signals(send.pid), own_hall.said)
        send.send_signal(signal.SIGINT)
        assert send.wait(60) == 130
        assert f"messaging campaigns pause {name}" in own_hall.said()
        assert not own_hall.ledger(name)
        own_hall.start("messaging", "worker", "--lane", "campaigns", "--concurrency", "1")
        own_hall.done(name)

    @pytest.mark.parametrize(
        ("part", "line"),
        [
            ({"path": "/99999"}, "the broker has no database of that number"),
            ({"netloc": "nobody:hush-hush@{netloc}"}, "the broker lets nobody in by that name and password"),
        ],
    )
    def test_a_broker_where_nothing_can_ever_be_taken_ends_it(
        self, own_hall: Hall, redis_broker: str, part: dict[str, str], line: str
    ) -> None:
        parts = urlsplit(redis_broker)
        given = {name: value.format(netloc=parts.netloc.rpartition("@")[2]) for name, value in part.items()}
        own_hall.settings["MESSAGING__QUEUE__URL"] = parts._replace(**given).geturl()
        assert own_hall.start("messaging", "worker").wait(60) == 4
        assert len(own_hall.said().strip().splitlines()) == 1
        assert line in own_hall.said()
        assert "hush" not in own_hall.said()

    def test_nobody_need_look_on(self, own_hall: Hall) -> None:
        name = own_hall.campaign(10, begin=False)
        assert own_hall.start("messaging", "campaigns", "send", name, "--yes", "--no-wait").wait(60) == 0
        assert own_hall.state(name) == "planning"
        assert f"messaging campaigns status {name}" in own_hall.said()

    @pytest.mark.parametrize("command", ["resume", "retry"])
    def test_nor_if_it_goes_on(self, own_hall: Hall, command: str) -> None:
        name = own_hall.campaign(2)
        own_hall.app.campaigning.fill(name)
        if command == "resume":
            own_hall.app.campaigning.pause(name)
        assert own_hall.start("messaging", "campaigns", command, name, "--no-wait").wait(60) == 0
        assert own_hall.state(name) == "sending"
        assert f"messaging campaigns status {name}" in own_hall.said()


def _waits_for_signals(pid: int) -> bool:
    """Whether a process has a handler of its own for SIGINT that is not Python's first one."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) & (1 << (signal.SIGTERM - 1)))
    return False
