"""A broker that dies under workers, with wake-ups in their hands, and comes back empty."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.worker.conftest import make_hall, until

pytestmark = [pytest.mark.postgres, pytest.mark.broker]

PEOPLE = 120


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def redis(port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Redis of our own, that keeps nothing."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server to be killed")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        until(lambda: answers(port))
        yield process
    finally:
        process.kill()
        process.wait()


def test_who_had_a_wake_up_in_hand_goes_on_when_it_is_back(postgres_url: str, tmp_path: Path) -> None:
    port = free_port()
    hall = make_hall(tmp_path, postgres_url, f"redis://127.0.0.1:{port}/0", "dies")
    try:
        with redis(port, tmp_path):
            hall.slow(0.05)
            hall.start("messaging", "worker", "--lane", "campaigns", "--concurrency", "1")
            name = hall.campaign(PEOPLE)
            until(lambda: hall.senders(name), hall.said)
        # What was in hand cannot be given back to it any more.
        until(lambda: "Couldn't ack" in hall.said(), hall.said)
        hall.slow(0)
        with redis(port, tmp_path):
            hall.done(name)
            assert hall.counts(name) == {"sent": PEOPLE}
            assert set(hall.ledger(name).values()) == {1}
    finally:
        hall.close()
