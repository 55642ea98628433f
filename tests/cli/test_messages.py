"""`messaging messages` and `messaging report`, as they are typed."""

from __future__ import annotations

import json

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


@pytest.mark.parametrize("family", ["messages", "events"])
def test_a_state_there_is_not_is_said(run, family):
    code, out, err = run(family, "list", "--state", "lost")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "'lost' is not one of" in err
