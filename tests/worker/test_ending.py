"""Workers that are asked to stop, killed, or started by Celery's own commands."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from messaging.services.sending import GROUP
from messaging.worker import TURN
from tests.worker.conftest import Hall, until

pytestmark = [pytest.mark.postgres, pytest.mark.broker]

PEOPLE = 200


def children(process: subprocess.Popen[bytes]) -> dict[int, str]:
    """The processes that it started, and how each was called."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            if parent == process.pid:
                found[int(path.parent.name)] = (path.parent / "cmdline").read_text().replace("\0", " ")
        except (OSError, ValueError):
            continue  # it has just ended
    return found


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def through_by_others(hall: Hall, name: str) -> None:
    """The rest of a campaign is sent by workers that are started now."""
    hall.slow(0)
    hall.start("messaging", "worker", "--lane", "campaigns", "--concurrency", "1")
    hall.done(name)
    counts = hall.counts(name)
    assert set(counts) <= {"sent", "unknown"}
    assert sum(counts.values()) == PEOPLE
    ledger = hall.ledger(name)
    assert set(ledger.values()) == {1}
    # Whoever got nothing is among those of whom it is not known.
    assert PEOPLE - len(ledger) <= counts.get("unknown", 0)


def test_what_is_under_way_is_seen_through(own_hall: Hall) -> None:
    own_hall.slow(0.1)
    worker = own_hall.start("messaging", "worker", "--concurrency", "2")
    name = own_hall.campaign(PEOPLE)
    until(lambda: own_hall.senders(name), own_hall.said)
    worker.terminate()
    assert worker.wait(60) == 0
    counts = own_hall.counts(name)
    assert set(counts) == {"sent", "planned"}  # nothing unknown
    assert counts["sent"] == own_hall.ledger(name).total()
    through_by_others(own_hall, name)
    assert own_hall.counts(name) == {"sent": PEOPLE}


def test_one_that_is_killed_leaves_little_unknown_and_is_started_again(own_hall: Hall) -> None:
    own_hall.slow(0.02)
    worker = own_hall.start("messaging", "worker", "--concurrency", "1")
    name = own_hall.campaign(PEOPLE)
    until(lambda: own_hall.senders(name), own_hall.said)
    (victim,) = own_hall.senders(name)
    assert victim in children(worker)
    os.kill(victim, signal.SIGKILL)
    own_hall.slow(0.001)
    own_hall.done(name)
    counts = own_hall.counts(name)
    assert sum(counts.values()) == PEOPLE
    assert set(counts) <= {"sent", "unknown"}
    assert counts.get("unknown", 0) <= 2 * GROUP
    ledger = own_hall.ledger(name)
    assert set(ledger.values()) == {1}
    assert {f"{name}-{n}@example.com" for n in range(PEOPLE)} - set(ledger) <= own_hall.unknown(name)
    assert len(own_hall.senders(name)) == 2
    assert "ended (by signal 9): it is started again" in own_hall.said()


def test_processes_end_with_who_started_them(own_hall: Hall) -> None:
    own_hall.slow(0.02)
    worker = own_hall.start("messaging", "worker", "--concurrency", "1")
    name = own_hall.campaign(PEOPLE)
    until(lambda: own_hall.senders(name), own_hall.said)
    started = children(worker)
    assert len(started) == 2
    worker.kill()
    worker.wait()
    until(lambda: not any(map(is_there, started)), own_hall.said)
    assert set(own_hall.counts(name)) == {"sent", "planned"}
    through_by_others(own_hall, name)


def test_asked_twice_it_stops_at_once(own_hall: Hall) -> None:
    own_hall.slow(5.0)
    worker = own_hall.start("messaging", "worker", "--lane", "campaigns", "--concurrency", "1")
    name = own_hall.campaign(PEOPLE)
    until(lambda: own_hall.counts(name).get("sending"), own_hall.said)
    started = children(worker)
    worker.terminate()
    until(lambda: "once more stops at once" in own_hall.said(), own_hall.said)
    worker.terminate()
    assert worker.wait(20) == 1
    assert not any(map(is_there, started))
    assert "stopped by force" in own_hall.said()


def test_celerys_own_commands_do_the_same_and_orders_have_their_turn(own_hall: Hall) -> None:
    """One process for everything, with Celery's usual pool: no order waits longer than a turn or two."""
    own_hall.slow(0.02)
    own_hall.start("celery", "-A", "messaging.worker", "beat")
    worker = own_hall.start("celery", "-A", "messaging.worker", "worker", "--concurrency", "1")
    name = own_hall.campaign(PEOPLE)
    until(lambda: own_hall.senders(name), own_hall.said)
    customer = own_hall.order()
    began = time.monotonic()
    until(lambda: own_hall.ledger(customer), own_hall.said)
    took = time.monotonic() - began
    before = next(i for i, line in enumerate(own_hall.lines()) if line.startswith(customer))
    assert before < PEOPLE  # the campaign was not waited for
    assert own_hall.state(name) == "sending"
    # Two turns, each with the groups that are under way at its end; the machine may be busy.
    assert took < 2 * (TURN + 2 * GROUP * 0.02) + 3.0
    assert own_hall.senders(customer) == own_hall.senders(name)
    worker.terminate()
    assert worker.wait(60) == 0
    assert set(own_hall.counts(name)) == {"sent", "planned"}
    assert "@example.com" not in own_hall.said()


def test_celerys_own_command_binds_no_queue_that_others_could_speak_to_it_by(own_hall: Hall, redis_broker: str) -> None:
    url = urlsplit(redis_broker)._replace(path="/11").geturl()  # where no other worker is
    own_hall.settings["MESSAGING__QUEUE__URL"] = url
    worker = own_hall.start("celery", "-A", "messaging.worker", "worker", "--beat", "-E", "--concurrency", "1")
    customer = own_hall.order()
    until(lambda: own_hall.ledger(customer), own_hall.said)
    with redis.Redis.from_url(url) as broker:
        try:
            assert [key for key in broker.keys("*") if b"celeryev" in key or b"pidbox" in key] == []
            assert not broker.pubsub_channels("*celeryev*")
        finally:
            worker.terminate()
            worker.wait(60)
            for key in broker.keys(f"*{own_hall.prefix}*"):
                broker.delete(key)


def test_a_group_that_is_ended_as_a_whole_sees_through_what_is_under_way(own_hall: Hall) -> None:
    """As systemd does unless told otherwise: parent and children are told at once."""
    own_hall.slow(0.05)
    worker = own_hall.start("celery", "-A", "messaging.worker", "worker", "--beat", "--concurrency", "1")
    name = own_hall.campaign(PEOPLE)
    until(lambda: own_hall.senders(name), own_hall.said)
    for pid in [worker.pid, *children(worker)]:
        os.kill(pid, signal.SIGTERM)
    worker.wait(60)
    assert set(own_hall.counts(name)) == {"sent", "planned"}
    assert own_hall.counts(name)["sent"] == own_hall.ledger(name).total()


def test_one_that_can_open_no_more_files_ends_and_is_started_again(own_hall: Hall) -> None:
    (own_hall.folder / "leaky").touch()
    own_hall.start("messaging", "worker", "--lane", "orders")
    own_hall.order()
    until(lambda: "ended (with 1): it is started again" in own_hall.said(), own_hall.said)
    assert own_hall.said().count("no more files can be opened (ulimit -n: 200): this process ends") == 1
    (own_hall.folder / "leaky").unlink()
    customer = own_hall.order()
    until(lambda: own_hall.ledger(customer), own_hall.said)


def test_a_child_of_celerys_own_pool_does_so_too(own_hall: Hall) -> None:
    (own_hall.folder / "leaky").touch()
    own_hall.start("celery", "-A", "messaging.worker", "worker", "--beat", "--concurrency", "1")
    own_hall.order()
    until(lambda: "no more files can be opened" in own_hall.said(), own_hall.said)
    (own_hall.folder / "leaky").unlink()
    customer = own_hall.order()
    until(lambda: own_hall.ledger(customer), own_hall.said)
