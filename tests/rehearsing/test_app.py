"""A rehearsal does what a live run does, and leaves no trace."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from messaging.errors import NotFound
from messaging.rehearsing.app import rehearse
from messaging.rules.envelope import read_event

CART = """\
class = "marketing"
topic = "news"
subject = "Hello {{ customer.id }}"
channels = ["email"]

[[triggers]]
event = "cart.updated"
key = "cart.id"
after = "4 hours"
unless = "orders.count(hours=4) > 0"
cancel_on = ["order.placed"]
"""
THANKS = """\
class = "transactional"
topic = "orders"
subject = "Thank you"
channels = ["email"]

[[triggers]]
event = "order.placed"
"""


def event(number, type, time, customer, **data):
    return {
        "id": f"e{number}",
        "type": type,
        "time": f"2026-03-03T{time}:00+00:00",
        "customer": {"id": customer},
        "data": data,
    }


#: c0000 leaves a cart, c0001 buys it, c0002's moves, c0003 has unsubscribed, c0004 buys another thing within the hours.
STORY = [
    event(1, "cart.updated", "08:00", "c0000", cart={"id": "a"}),
    event(2, "cart.updated", "08:10", "c0001", cart={"id": "b"}),
    event(3, "cart.updated", "08:20", "c0002", cart={"id": "c"}),
    event(4, "cart.updated", "08:30", "c0003", cart={"id": "d"}),
    event(5, "order.placed", "09:00", "c0001", order={"number": "1", "total": "5.00", "currency": "EUR"}),
    event(6, "cart.updated", "11:00", "c0002", cart={"id": "c"}),
    event(7, "cart.updated", "12:00", "c0004", cart={"id": "e"}),
    event(8, "order.placed", "13:00", "c0004", order={"number": "2", "total": "5.00", "currency": "EUR"}),
]
END = datetime.fromisoformat("2026-03-04T12:00:00+00:00")


@pytest.fixture
def shop(live_shop):
    live_shop.write_template("cart", CART)
    live_shop.write_template("thanks", THANKS)
    live_shop.add_customers(5)
    live_shop.unsubscribe("c0003")
    return live_shop


def rows(app):
    """Every row of the outbox, but for which adapter and worker had it."""
    found = app.store.outbox.page(limit=1000)
    return [replace(row, adapter=None, provider_id=None, worker=None, context=None) for row in found]


def played_live(shop):
    """The story as a server would have lived it: each event at its time, each message when it is due."""
    app = shop.app
    app.triggers.enable("cart")
    app.triggers.enable("thanks")
    told = [(datetime.fromisoformat(one["time"]), one) for one in STORY]
    while told or app.store.outbox.next_due() is not None:
        due = app.store.outbox.next_due()
        if told and (due is None or told[0][0] < due):
            time, one = told.pop(0)
            shop.clock.advance(max(timedelta(), time - shop.clock.now()))
            app.intake.receive(one)
        elif due is not None:
            shop.clock.advance(max(timedelta(), due - shop.clock.now()))
            app.dispatcher.run_due()
    return rows(app)


def test_its_rows_are_those_of_a_live_run(shop):
    with rehearse(shop.app, ["cart", "thanks"]) as rehearsal:
        for one in STORY:
            rehearsal.tell(read_event(one), datetime.fromisoformat(one["time"]))
        rehearsal.pass_time(END)
        rehearsed, letters = rows(rehearsal), [(kept.letter.to, dict(kept.letter.parts)) for kept in rehearsal.kept]
    assert {row.state.value for row in rehearsed} == {"sent", "skipped"}
    assert played_live(shop) == rehearsed
    assert [(letter.to, dict(letter.parts)) for letter in shop.pigeon.handed] == letters


def test_the_workspace_is_as_before(shop):
    def files():
        return {
            str(path): path.read_bytes()
            for path in shop.workspace.root.rglob("*")
            if path.is_file() and {"prepared", "__pycache__"}.isdisjoint(path.parts)  # what is worked out anew
        }

    before = files()
    with rehearse(shop.app, ["cart", "thanks"]) as rehearsal:
        apart = rehearsal.workspace.data
        rehearsal.tell(read_event(STORY[4]), datetime.fromisoformat(STORY[4]["time"]))
        assert len(rehearsal.kept) == 1
    assert files() == before
    assert shop.pigeon.handed == []
    assert not apart.exists()
    assert shop.app.triggers.enabled() == []
    assert shop.app.store.events.count() == 0


def test_each_goes_at_its_time(shop):
    with rehearse(shop.app, ["cart"]) as rehearsal:
        for one in STORY[:3]:
            rehearsal.tell(read_event(one), datetime.fromisoformat(one["time"]))
        rehearsal.pass_time(END)
        assert [f"{kept.at:%H:%M}" for kept in rehearsal.kept] == ["12:00", "12:10", "12:20"]
        assert rehearsal.clock.now() == END


def test_nobody_is_known_where_nobody_is_to_be(shop):
    with rehearse(shop.app, ["thanks"], people=False) as rehearsal:
        assert rehearsal.store.customers.count() == 0
        rehearsal.tell(read_event(STORY[4]), datetime.fromisoformat(STORY[4]["time"]))
        assert rehearsal.kept == []  # they have no address


def test_what_is_held_back_is_noted(shop):
    text = shop.workspace.settings.read_text("utf-8")
    quiet = '\n[[plugins.rules.quiet]]\nchannel = "email"\nfrom = "08:00"\nuntil = "18:00"\n'
    shop.workspace.settings.write_text(text + quiet, "utf-8")
    app = shop.open()
    with rehearse(app, ["cart"]) as rehearsal:
        rehearsal.tell(read_event(STORY[0]), datetime.fromisoformat(STORY[0]["time"]))
        rehearsal.pass_time(END)
        (held,) = rehearsal.held.values()
        assert f"{held.until:%H:%M}" == "18:00"
        assert "quiet" in held.reason
        assert [kept.at for kept in rehearsal.kept] == [held.until]


def test_a_template_that_there_is_not(shop):
    with pytest.raises(NotFound, match="no template 'crat'"), rehearse(shop.app, ["crat"]):
        pass


def test_rates_hold_nobody_up(shop):
    text = shop.workspace.settings.read_text("utf-8")
    shop.workspace.settings.write_text(text + "\n[sending.rate]\npigeon = 0.001\n", "utf-8")
    app = shop.open()
    with rehearse(app, ["thanks"]) as rehearsal:
        for one in (STORY[4], STORY[7]):
            rehearsal.tell(read_event(one), datetime.fromisoformat(one["time"]))
        assert len(rehearsal.kept) == 2
