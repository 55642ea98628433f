"""`messaging why`, `customers timeline`, `events show`, as they are typed."""

from __future__ import annotations

import json

import pytest

EVENT = {
    "id": "1:placed",
    "type": "order.placed",
    "time": "2026-03-02T09:00:00Z",
    "customer": {"id": "ann", "email": "ann@example.com"},
    "data": {"order": {"number": "1", "total": "5.00", "currency": "EUR"}},
}


@pytest.fixture
def told(run):
    assert run("triggers", "enable", "order-confirmation")[0] == 0
    assert run("events", "send", "-", stdin=json.dumps(EVENT))[0] == 0
    assert run("send-due")[0] == 0
    return run


def test_why_of_a_message(told):
    (message,) = json.loads(told("messages", "list", "--json")[1])
    code, out, err = told("why", message["id"][:12])
    assert (code, err) == (0, "")
    assert "the event order.placed 1:placed of api/default" in out
    assert "not asked for: it is transactional" in out
    assert "sent on 2026-03-02 10:00 UTC by mailbox" in out
    document = json.loads(told("why", message["id"], "--json")[1])
    assert document["state"] == "sent"
    assert {reason["about"] for reason in document["why"]} >= {"cause", "content", "address", "consent", "outcome"}


def test_why_of_a_customer(told):
    code, out, _ = told("why", "ann@example.com")
    assert code == 0
    assert "order-confirmation" in out
    assert "sent on 2026-03-02 10:00 UTC" in out
    document = json.loads(told("why", "ann", "--json")[1])
    assert [one["template"] for one in document["messages"]] == ["order-confirmation"]


def test_why_of_nothing(told):
    code, out, err = told("why", "nobody")
    assert (code, out) == (1, "")
    assert err.startswith("messaging: 'nobody' is no message and no customer. ")


def test_what_waits_for_a_time_that_nobody_told(told):
    assert told("triggers", "enable", "delayed")[0] == 0
    placed = json.dumps({**EVENT, "id": "2:placed", "data": {"order": {"number": "2"}}})
    code, out, err = told("events", "send", "-", stdin=placed)
    assert (code, "shipment.eta" in out + err) == (0, False)
    assert "not planned: shipment.eta is not told yet" in told("why", "ann")[1]
    # An order that was told before `delayed` was on would go by a day that is told from now on, too.
    waits = json.loads(told("why", "ann", "--json")[1])["waits"]
    assert {one["event"] for one in waits} == {"1:placed", "2:placed"}
    assert [(one["template"], one["for"]) for one in waits] == [("delayed", "shipment.eta")] * 2
    entries = json.loads(told("customers", "timeline", "ann", "--json")[1])
    assert [one.get("note") for one in entries if one["kind"] == "event"] == ["delayed waits for shipment.eta"] * 2


def test_timeline(told):
    code, out, err = told("customers", "timeline", "ann")
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines() if line.strip().startswith("2026")]
    assert [line[2] for line in lines] == ["event", "message"]
    code, out, err = told("customers", "timeline", "ann", "--limit", 1)
    assert "The last 1 of 2" in err
    assert [entry["kind"] for entry in json.loads(told("customers", "timeline", "ann", "--json")[1])] == [
        "event",
        "message",
    ]


def test_events_show(told):
    code, out, err = told("events", "show", "1:placed")
    assert (code, err) == (0, "")
    assert '"number": "1"' in out
    assert "order-confirmation" in out
    document = json.loads(told("events", "show", "1:placed", "--json")[1])
    assert [one["template"] for one in document["messages"]] == ["order-confirmation"]
    assert json.loads(told("events", "show", document["key"], "--json")[1]) == document
    code, out, err = told("events", "show", "2:placed")
    assert (code, out) == (1, "")
    assert "no event '2:placed' of api/default" in err


def test_replay_with_triggers_that_are_on_now(run):
    assert run("events", "send", "-", stdin=json.dumps(EVENT))[0] == 0
    assert run("triggers", "enable", "order-confirmation")[0] == 0
    code, out, err = run("events", "replay", "1:placed")
    assert (code, out, err) == (0, "", "Replayed 1 event: 1 done.\n")
    assert run("send-due")[0] == 0
    assert json.loads(run("events", "replay", "1:placed", "--json")[1])["done"] == 1
    assert run("send-due")[0] == 0
    (message,) = json.loads(run("messages", "list", "--json")[1])
    assert (message["template"], message["attempts"]) == ("order-confirmation", 1)


def test_replay_of_what_failed(told):
    people = told.folder / "people.csv"
    people.write_text("id,phone\nbob,+436641234567\ncarl,+436641234567\n")
    assert told("customers", "import", "people.csv")[0] == 0
    other = {**EVENT, "id": "2:placed", "customer": {"phone": "+436641234567"}}
    assert told("events", "send", "-", stdin=json.dumps(other))[0] != 0
    code, _, err = told("events", "replay", "--failed")
    assert code == 3
    assert "Replayed 1 event: 1 failed." in err
    people.write_text("id,phone\ncarl,+436641234568\n")
    assert told("customers", "import", "people.csv")[0] == 0
    code, _, err = told("events", "replay", "--failed")
    assert (code, err) == (0, "Replayed 1 event: 1 done.\n")


def test_history_is_not_replayed(run):
    (run.folder / "old.jsonl").write_text(json.dumps(EVENT))
    assert run("events", "import", "old.jsonl")[0] == 0
    code, _, err = run("events", "replay", "1:placed")
    assert code == 1
    assert "event 1:placed is history, which sets nothing off." in err


def test_replay_of_nothing(run):
    assert run("events", "replay")[0] == 2
    assert run("events", "replay", "--failed")[2] == "Replayed 0 events.\n"
