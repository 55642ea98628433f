"""`messaging triggers`, as it is typed."""

from __future__ import annotations

import json

import pytest

TEMPLATE = """\
class = "transactional"
topic = "orders"
subject = "Your cart"
channels = ["email"]

[[triggers]]
event = "cart.updated"
key = "cart.id"
after = "4 hours"
unless = "orders.count(hours=4) > 0"
cancel_on = ["order.placed"]
"""


@pytest.fixture
def template(run):
    """The template.toml of a template with a trigger."""
    folder = run.folder / "templates" / "cart"
    folder.mkdir()
    (folder / "template.toml").write_text(TEMPLATE)
    (folder / "email.html").write_text('<p>{{ cart.id }} <a href="{{ brand.contact_url }}">contact</a></p>')
    return folder / "template.toml"


def cart(id="1", time="2026-03-02T09:00:00Z"):
    return {
        "id": id,
        "type": "cart.updated",
        "time": time,
        "customer": {"id": "17", "email": "ann@example.com"},
        "data": {"cart": {"id": "c1"}},
    }


def listed(run):
    return next(row for row in json.loads(run("triggers", "list", "--json")[1]) if row["template"] == "cart")


def test_off_on_off(run, template):
    assert listed(run)["enabled"] is False
    code, _, err = run("triggers", "enable", "cart")
    assert code == 0
    assert "cart.updated sends it after 4 hours unless orders.count(hours=4) > 0" in err
    run("events", "send", "-", stdin=json.dumps(cart()))
    row = listed(run)
    assert (row["enabled"], row["waiting"], row["problem"]) == (True, 1, None)
    assert "after 4 hours" in run("triggers", "list")[1]
    _, _, err = run("triggers", "disable", "cart")
    assert "1 waiting message skipped" in err
    assert listed(run)["enabled"] is False


def test_plan_looks_at_what_happened(run, template, tmp_path):
    history = [cart("1"), cart("2"), cart("3", "2026-01-01T09:00:00Z")]
    (tmp_path / "history.jsonl").write_text("".join(json.dumps(one) + "\n" for one in history))
    run("events", "import", tmp_path / "history.jsonl")
    code, out, _ = run("triggers", "plan", "cart", "--json")
    assert code == 0
    assert json.loads(out) == {
        "template": "cart",
        "enabled": False,
        "days": 7,
        "events": 2,
        "planned": 1,
        "skipped": {},
        "warnings": {},
        "waiting": 0,
    }
    assert "2 events, 1 message." in run("triggers", "plan", "cart")[1]


def test_a_broken_edit_is_said(run, template):
    run("triggers", "enable", "cart")
    template.write_text(TEMPLATE.replace("orders.count(hours=4) > 0", "order.cuont > 0"))
    row = listed(run)
    assert row["enabled"] is True
    assert row["problem"]
    assert row["unless"] == "orders.count(hours=4) > 0"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("orders.count(hours=4) > 0", "oders.count > 0"), "orders"),
        (('after = "4 hours"', 'at = "tomorrow"'), "not a time"),
        (('after = "4 hours"', 'audience = "nobody-knows"'), "no segment"),
    ],
)
def test_what_makes_no_sense_is_not_turned_on(run, template, change, problem):
    template.write_text(TEMPLATE.replace(*change))
    code, _, err = run("triggers", "enable", "cart")
    assert code == 1
    assert problem in err
    assert err.startswith("messaging: ")


def test_there_is_no_such_template(run, template):
    for command in ("enable", "disable", "plan"):
        assert run("triggers", command, "nothing")[0] == 1


def test_says_when_and_to_whom(run):
    err = run("triggers", "enable", "back-in-stock", "delayed")[2]
    assert "product.restocked sends it at once to who asked (product.requested)" in err
    assert "shipment.shipped sends it at shipment.eta + 1 day, not before 2 days have passed" in err
    rows = json.loads(run("triggers", "list", "--json")[1])
    assert [row["answers"] for row in rows if row["template"] == "back-in-stock"] == ["product.requested"]
