"""Killed at any moment of an import or of taking an event in, and run again: nothing lost, nothing double."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from messaging.app import Messaging
from messaging.workspace.folder import make_workspace

pytestmark = pytest.mark.slow

PEOPLE = 1200
#: Runs a command line and dies by SIGKILL at the n-th call of a method of the store.
SCRIPT = """
import os, signal, sys
from messaging.stores.tinydb import customers, events, outbox
place, number, before = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "before"
module, kind, name = place.split(".")
kind = getattr({"customers": customers, "events": events, "outbox": outbox}[module], kind)
method, calls = getattr(kind, name), []
def dying(*args, **kwargs):
    calls.append(1)
    if before and len(calls) == number:
        os.kill(os.getpid(), signal.SIGKILL)
    result = method(*args, **kwargs)
    if len(calls) == number:
        os.kill(os.getpid(), signal.SIGKILL)
    return result
setattr(kind, name, dying)
from messaging.cli import main
main(sys.argv[4:])
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MESSAGING_NOW", "2026-01-01T11:00:00Z")
    make_workspace(tmp_path / "shop")
    rows = (f"{n},c{n}@example.com,{n}\n" for n in range(PEOPLE))
    (tmp_path / "people.csv").write_text("id,email,points\n" + "".join(rows))
    events = (
        json.dumps(
            {
                "id": f"e{n}",
                "type": "order.placed",
                "time": "2026-01-01T10:00:00Z",
                "customer": {"id": str(n % 400)},
                "data": {"order": {"number": str(n), "total": "1.00", "currency": "EUR"}},
            }
        )
        for n in range(PEOPLE)
    )
    (tmp_path / "events.jsonl").write_text("\n".join(events))
    return tmp_path


def killed(folder, place, number, when, *command):
    arguments = [sys.executable, "-c", SCRIPT, place, str(number), when, "-w", str(folder / "shop"), *command]
    done = subprocess.run(arguments, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def run(folder, *command):
    arguments = [sys.executable, "-m", "messaging", "-w", str(folder / "shop"), *command, "--json"]
    return json.loads(subprocess.run(arguments, capture_output=True, check=True).stdout)


@pytest.mark.parametrize(("number", "when"), [(1, "after"), (3, "before")])
def test_customers_import(folder, number, when):
    command = ("customers", "import", str(folder / "people.csv"), "--consent", "email")
    killed(folder, "customers.TinyCustomers.put", number, when, *command)
    done = run(folder, *command)
    assert done["created"] + done["updated"] == PEOPLE
    assert done["updated"] == 500 * (number - 1)
    with Messaging.open(str(folder / "shop")) as app:
        assert app.store.customers.count() == PEOPLE
        status = app.store.addresses.status([("email", f"c{n}@example.com") for n in range(PEOPLE)])
        assert all(len(one.consents) == 1 for one in status.values())


@pytest.mark.parametrize(("number", "when"), [(2, "before")])
def test_events_import(folder, number, when):
    command = ("events", "import", str(folder / "events.jsonl"))
    killed(folder, "events.TinyEvents.put_orders", number, when, *command)
    done = run(folder, *command)
    assert (done["new"], done["known"]) == (PEOPLE - 500 * (number - 1), 500 * (number - 1))
    with Messaging.open(str(folder / "shop")) as app:
        orders = app.store.events.orders_of([str(n) for n in range(400)])
        assert sum(len(one) for one in orders.values()) == PEOPLE


@pytest.mark.parametrize(
    ("place", "number", "when"),
    [
        ("events.TinyEvents.add", 1, "after"),
        ("customers.TinyCustomers.put", 1, "after"),
        ("outbox.TinyOutbox.add", 1, "after"),
        ("events.TinyEvents.settle", 1, "after"),
    ],
)
def test_a_live_event(folder, place, number, when):
    with Messaging.open(str(folder / "shop")) as app:
        app.triggers.enable("order-confirmation")
    told = {
        "id": "e",
        "type": "order.placed",
        "time": "2026-01-01T10:00:00Z",
        "customer": {"email": "ann@example.com"},
        "data": {"order": {"number": "1", "total": "1.00", "currency": "EUR"}},
    }
    (folder / "event.json").write_text(json.dumps(told))
    killed(folder, place, number, when, "events", "send", str(folder / "event.json"))
    with Messaging.open(str(folder / "shop")) as app:
        assert [event.state for event in app.store.events.page()] == ["received"]
        assert (app.store.customers.count(), app.store.outbox.page()) == (0, [])
        assert app.backlog.work_off() == 1
        assert [event.state for event in app.store.events.page()] == ["done"]
        assert app.store.customers.count() == len(app.store.outbox.page()) == 1
        assert not app.intake.receive(told).new
        assert len(app.store.outbox.page()) == 1
