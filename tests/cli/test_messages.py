"""`messaging messages` and `messaging report`, as they are typed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

EVENT = {
    "id": "1",
    "type": "order.placed",
    "time": "2026-03-02T09:00:00Z",
    "customer": {"id": "17", "email": "ann@example.com", "phone": "+436641234567"},
    "data": {"order": {"number": "A-1"}},
}


@pytest.fixture
def letter(run):
    """An order confirmation that waits for Ann."""
    run("triggers", "enable", "order-confirmation")
    assert run("events", "send", "-", stdin=json.dumps(EVENT))[0] == 0


@pytest.mark.parametrize("family", ["messages", "events"])
@pytest.mark.parametrize("who", ["17", "ANN@example.com", "+43 664 1234567"])
def test_a_customer_is_found_as_everywhere(run, letter, family, who):
    code, out, _ = run(family, "list", "--customer", who, "--json")
    assert code == 0
    assert [one["customer_id"] for one in json.loads(out)] == ["17"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("messages list --customer 18", "no customer '18'. List them with: messaging customers list."),
        (
            "events list --customer x@example.com",
            "no customer 'x@example.com'. List them with: messaging customers list.",
        ),
        (
            "messages list --template order-confirmatoin",
            "no template 'order-confirmatoin'. Did you mean order-confirmation?",
        ),
        ("report --template zzz", "no template 'zzz'. See them with: messaging templates list."),
        ("messages list --campaign spring", "no campaign 'spring'. See them with: messaging campaigns list."),
        ("report --campaign spring --rejudge", "no campaign 'spring'. See them with: messaging campaigns list."),
        ("customers list --segment everyoen", "no segment 'everyoen'. Did you mean everyone?"),
        ("customers export --segment everyoen", "no segment 'everyoen'. Did you mean everyone?"),
    ],
)
def test_what_there_is_not_is_said(run, letter, command, said):
    code, out, err = run(*command.split())
    assert (code, out) == (1, "")
    assert err == f"messaging: {said}\n"


def test_a_message_is_found_by_the_beginning_of_its_id(run, letter):
    (message,) = json.loads(run("messages", "list", "--json")[1])
    code, out, _ = run("messages", "list")
    assert code == 0
    assert message["id"] not in out
    assert message["id"][:12] in out
    assert json.loads(run("messages", "show", message["id"][:12], "--json")[1])["id"] == message["id"]
    code, _, err = run("messages", "resolve", message["id"][:4], "--sent")
    assert (code, "is planned, not unknown" in err) == (1, True)
    code, _, err = run("messages", "show", message["id"][:3])
    assert (code, err) == (
        1,
        f"messaging: no message '{message['id'][:3]}'. See them with: messaging messages list.\n",
    )


def test_a_beginning_that_several_have_is_none(run, letter):
    from messaging.app import Messaging

    with Messaging.open(run.folder) as app:
        (message,) = app.store.outbox.page()
        twin = message.id[:30] + ("00" if message.id[30:] != "00" else "11")
        app.store.outbox.add([replace(message, id=twin)])
    code, out, err = run("messages", "show", message.id[:12])
    assert (code, out) == (1, "")
    assert f"several messages begin with '{message.id[:12]}'" in err


@pytest.mark.parametrize("family", ["messages", "events", "customers"])
def test_no_limit(run, letter, family):
    assert len(json.loads(run(family, "list", "--limit", 0, "--json")[1])) == 1
    assert run(family, "list", "--limit", -1)[0] == 2


@pytest.mark.parametrize("family", ["messages", "events"])
def test_a_state_there_is_not_is_said(run, family):
    code, out, err = run(family, "list", "--state", "lost")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "'lost' is not one of" in err
