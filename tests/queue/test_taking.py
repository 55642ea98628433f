"""What is let through to Celery: wake-ups, and nothing that says more."""

from __future__ import annotations

import json
from typing import Any

import kombu
import pytest

from messaging.nouns.work import all_work
from messaging.queue.brokered import make_celery
from messaging.queue.taking import PAUSE, TASK, Taking, is_wake_up

WORKS = all_work(["email"])
NOTHING = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
ORDERS = {"kind": "orders", "channel": "email"}


def made(body: Any, headers: Any = None, content_type: str = "application/json") -> Any:
    return kombu.Message(
        body if isinstance(body, bytes) else json.dumps(body),
        content_type=content_type,
        content_encoding="utf-8",
        headers={"task": TASK, "id": "1"} if headers is None else headers,
        accept={"application/json"},
    )


def test_what_names_work_is_taken() -> None:
    for work in WORKS:
        assert is_wake_up(made([[], {"kind": work.kind.value, "channel": work.channel}, NOTHING]), WORKS)


@pytest.mark.parametrize(
    "named",
    [
        {"kind": "orders", "channel": "carrier-pigeon"},
        {"kind": "orders", "channel": None},
        {"kind": "orders"},
        {"kind": "campaigns", "channel": "email"},
        {"kind": None, "channel": None},
        {"kind": ["orders"], "channel": "email"},
        {"kind": {}, "channel": {}},
        {"kind": "tidy; rm", "channel": None},
        {**ORDERS, "campaign": "x"},
        {},
        None,
    ],
)
def test_what_names_no_work_is_none(named: object) -> None:
    assert not is_wake_up(made([[], named, NOTHING]), WORKS)


@pytest.mark.parametrize(
    "message",
    [
        made([["email"], ORDERS, NOTHING]),
        made([[], ORDERS, {**NOTHING, "callbacks": [{"task": "os.system"}]}]),
        made([[], ORDERS, {**NOTHING, "chain": [{"task": TASK}]}]),
        made([[], ORDERS, NOTHING], {"task": "celery.map", "id": "1"}),
        made([[], ORDERS, NOTHING], {"task": [TASK], "id": "1"}),
        made([[], ORDERS, NOTHING], {}),
        made([[], ORDERS, NOTHING], []),
        made([[], ORDERS]),
        made("orders"),
        made({"task": TASK, "id": "1", "args": [], "kwargs": ORDERS}, {}),
        made(b"{"),
        made(b"\xff"),
        made(b"", content_type="application/x-python-serialize"),
    ],
)
def test_what_is_more_or_less_is_none(message: Any) -> None:
    assert not is_wake_up(message, WORKS)


def test_a_broker_that_was_away_for_long_is_found_within_seconds(monkeypatch, caplog) -> None:
    """Whatever it was away for: each try is told with the pause behind it."""
    tried = []

    class Back(Exception):
        pass

    def away(connection: kombu.Connection) -> None:
        tried.append(connection)
        if len(tried) == 20:
            raise Back
        raise ConnectionRefusedError

    slept: list[float] = []
    monkeypatch.setattr("kombu.utils.functional.sleep", slept.append)
    monkeypatch.setattr(kombu.Connection, "_connection_factory", away)
    app = make_celery("amqp://guest:guest@127.0.0.1:1//", prefix="test", channels=["email"])
    taking = Taking.__new__(Taking)
    taking.app, taking.first_connection_attempt, taking.broker_connection_retry_attempt = app, True, 0
    with pytest.raises(Back):
        taking.ensure_connected(app.connection_for_read())
    assert 19 <= sum(slept) <= 19 * PAUSE


@pytest.mark.filterwarnings("ignore::celery.exceptions.SecurityWarning")  # tests may run as root
def test_workers_hear_nothing_of_each_other_whatever_the_flags_say() -> None:
    app = make_celery("memory://", prefix="test", channels=["email"])
    worker = app.Worker(pool="solo", task_events=True, quiet=True, without_gossip=False, without_heartbeat=False)
    running = {type(step).__name__ for step in worker.consumer.steps}
    assert {"Connection", "Tasks"} <= running
    assert not running & {"Mingle", "Events", "Gossip", "Heart", "Control"}
