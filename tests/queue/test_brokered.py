"""Waking workers by a broker, and what becomes of it where that is slow, deaf or away."""

from __future__ import annotations

import json
import logging
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kombu
import pytest

from messaging.errors import QueueError, SettingsError
from messaging.nouns.work import Kind, Work, all_work
from messaging.queue.brokered import EVERY, Beat, CeleryQueue
from messaging.queue.taking import TASK

ORDERS, CAMPAIGNS = Work(Kind.ORDERS, "email"), Work(Kind.CAMPAIGNS)


@contextmanager
def open_queue(url: str, prefix: str = "test") -> Iterator[CeleryQueue]:
    queue = CeleryQueue(url, prefix=prefix, channels=["email"])
    yield queue
    queue.close()


def waiting(url: str, prefix: str, work: Work) -> list[Any]:
    """The messages that wait for `work`; they wait no longer."""
    with kombu.Connection(url) as connection, connection.channel() as channel:
        channel.queue_declare(queue=f"{prefix}.{work.name}", durable=False, auto_delete=False)
        found = []
        while (message := channel.basic_get(f"{prefix}.{work.name}", no_ack=True)) is not None:
            found.append(message)
        return found


def until(done: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def published(queue: CeleryQueue) -> None:
    """Wait until all that was woken for is at the broker."""
    until(lambda: not queue._pending and queue._connection is not None)
    queue.close()


class TestWithABroker:
    pytestmark = pytest.mark.broker

    def test_a_wake_up_names_work_and_nothing_else(self, any_broker: str, prefix: str) -> None:
        with open_queue(any_broker, prefix) as queue:
            queue.wake(ORDERS)
            published(queue)
        (message,) = waiting(any_broker, prefix, ORDERS)
        assert message.content_type == "application/json"
        assert message.headers["task"] == TASK
        assert json.loads(message.body)[:2] == [[], {"kind": "orders", "channel": "email"}]
        assert message.headers["eta"] is None

    def test_where_one_waits_they_do_not_pile_up(self, any_broker: str, prefix: str) -> None:
        for _ in range(2):
            with open_queue(any_broker, prefix) as queue:
                for _ in range(100):
                    queue.wake(ORDERS, CAMPAIGNS)
                published(queue)
        assert 1 <= len(waiting(any_broker, prefix, ORDERS)) <= 2
        assert 1 <= len(waiting(any_broker, prefix, CAMPAIGNS)) <= 2

    def test_another_is_published_when_it_was_taken(self, any_broker: str, prefix: str) -> None:
        for _ in range(2):
            with open_queue(any_broker, prefix) as queue:
                queue.wake(ORDERS)
                published(queue)
            assert len(waiting(any_broker, prefix, ORDERS)) == 1

    def test_it_can_be_reached(self, any_broker: str, prefix: str) -> None:
        with open_queue(any_broker, prefix) as queue:
            queue.check()

    def test_one_that_lets_nobody_in_is_told_from_one_that_is_away(self, any_broker: str, prefix: str) -> None:
        parts = urlsplit(any_broker)
        url = parts._replace(netloc=f"nobody:hush-hush@{parts.hostname}:{parts.port}").geturl()
        with (
            open_queue(url, prefix) as queue,
            pytest.raises(SettingsError, match="lets nobody in.*(AccessRefused|Authentication)") as raised,
        ):
            queue.check()
        assert "hush" not in str(raised.value)

    def test_one_that_has_no_such_place_is_told_from_one_that_is_away(self, any_broker: str, prefix: str) -> None:
        place = "/nosuch" if any_broker.startswith("amqp") else "/99999"
        with (
            open_queue(urlsplit(any_broker)._replace(path=place).geturl(), prefix) as queue,
            pytest.raises(
                SettingsError, match=r"^\[queue\] url: the broker has no (such vhost|database of that number)"
            ),
        ):
            queue.check()

    def test_a_connection_that_was_cut_is_made_anew(self, any_broker: str, prefix: str) -> None:
        with open_queue(any_broker, prefix) as queue:
            queue.wake(ORDERS)
            until(lambda: not queue._pending and queue._connection is not None)
            queue._connection.close()
            queue.wake(CAMPAIGNS)
            until(lambda: waiting(any_broker, prefix, CAMPAIGNS))

    def test_beat_publishes_the_same_way(self, any_broker: str, prefix: str) -> None:
        with open_queue(any_broker, prefix) as queue:
            beat = Beat(queue.celery)
            for _ in range(10):
                beat.tick()  # all is due when it starts
                beat._heap = None
                for entry in beat.schedule.values():
                    beat.apply_entry(entry)
            published(queue)
        # RabbitMQ may count a moment late; what matters is that they do not pile up.
        assert all(1 <= len(waiting(any_broker, prefix, Work(kind))) <= 2 for kind in EVERY)


@pytest.fixture
def nowhere() -> str:
    """A url where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"redis://:hush-hush@127.0.0.1:{taken.getsockname()[1]}/0"


#: What is said of who is away, and who is deaf.
WAITS = {"/0": "the broker cannot be reached: ", "/1": r"the broker did not answer within 1\.5 s"}


@pytest.fixture(params=["redis", "amqp", "deaf redis", "deaf amqp"])
def absent(request: pytest.FixtureRequest) -> Iterator[str]:
    """A broker that is away, or takes connections and says nothing."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if "deaf" in request.param:
            taken.listen(50)
        number = 1 if "deaf" in request.param else 0
        yield f"{request.param.split()[-1]}://shop:hush-hush@127.0.0.1:{taken.getsockname()[1]}/{number}"


def test_who_wakes_does_not_wait_for_a_broker_that_is_away(absent: str) -> None:
    with open_queue(absent) as queue:
        began = time.monotonic()
        for _ in range(1000):
            queue.wake(*all_work(["email", "sms"]))
        # A thousand of them, where one attempt alone may take two seconds.
        assert time.monotonic() - began < 1.0
        assert len(queue._pending) <= len(all_work(["email", "sms"]))
        assert threading.active_count() < 30


def test_closing_does_not_wait_long_for_it(absent: str) -> None:
    queue = CeleryQueue(absent, prefix="test", channels=["email"])
    queue.wake(ORDERS)
    began = time.monotonic()
    queue.close()
    assert time.monotonic() - began < 4.0


def test_that_it_is_away_is_said_soon_and_without_its_password(absent: str) -> None:
    with open_queue(absent) as queue:
        began = time.monotonic()
        with pytest.raises(QueueError, match=WAITS[urlsplit(absent).path]) as raised:
            queue.check()
        assert time.monotonic() - began < 4.0
        assert "hush" not in str(raised.value)


def test_it_is_logged_once_and_without_its_password(nowhere: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), open_queue(nowhere) as queue:
        queue.wake(ORDERS)
        until(lambda: caplog.messages)
        queue.wake(CAMPAIGNS)
        until(lambda: queue._pending)
    assert [message for message in caplog.messages if "workers cannot be woken" in message] == caplog.messages
    assert len(caplog.messages) == 1
    assert "hush" not in caplog.text


@pytest.mark.broker
def test_what_was_woken_for_meanwhile_is_told_when_it_is_back(tmp_path: Path, prefix: str) -> None:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server to start one of our own")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    url = f"redis://127.0.0.1:{port}/0"
    with open_queue(url, prefix) as queue:
        queue.wake(ORDERS)
        until(lambda: queue._away)
        server = subprocess.Popen(
            [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)],
            stdout=subprocess.DEVNULL,
        )
        try:
            until(lambda: queue._connection is not None)
            until(lambda: len(waiting(url, prefix, ORDERS)) == 1)
        finally:
            server.kill()
            server.wait()
