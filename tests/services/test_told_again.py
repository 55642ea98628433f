"""Who may be written to now is told what they could not be, whichever door the yes comes by; while it is news."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from messaging.nouns.consent import Consent, Suppression
from messaging.nouns.customer import Customer
from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.nouns.message import Message
from messaging.services.csv_file import open_csv
from messaging.services.import_consent import Grant
from messaging.services.rejected import RejectedFile

CART = """\
class = "marketing"
topic = "reminders"
subject = "Your cart"
channels = ["email"]

[[triggers]]
event = "cart.updated"
after = "4 hours"
max_age = "2 days"
"""
ORDER = """\
class = "transactional"
topic = "orders"
subject = "Thanks"
channels = ["email"]

[[triggers]]
event = "order.placed"
max_age = "2 days"
"""
ANN = ("email", "ann@example.com")


@pytest.fixture
def shop(live_shop: Any) -> Any:
    live_shop.write_template("cart", CART)
    live_shop.write_template("order", ORDER)
    for name in ("cart", "order"):
        live_shop.app.triggers.enable(name)
    live_shop.app.store.customers.put([Customer(id="ann", email="ann@example.com", created_at=live_shop.clock.now())])
    return live_shop


def tell(shop: Any, type: str, *, customer: str = "ann", **data: Any) -> None:
    document = {"id": f"{customer} {type}", "type": type, "time": shop.clock.now().isoformat()}
    shop.app.intake.receive({**document, "customer": {"id": customer, "email": "ann@example.com"}, "data": data})


def of(shop: Any, template: str, customer: str = "ann") -> Message:
    (message,) = shop.app.store.outbox.page(customer_id=customer, template=template)
    return message


# The doors.


def by_event(shop: Any, tmp_path: Any) -> None:
    tell(shop, "consent.changed", consent={"channel": "email", "granted": True})


def by_preferences(shop: Any, tmp_path: Any) -> None:
    order = of(shop, "order")
    shown = [(each.topic, each.channel) for each in shop.app.preferences.choices(order.id)]
    shop.app.preferences.choose(order.id, [("reminders", "email")], shown=shown)


def by_import(shop: Any, tmp_path: Any) -> None:
    path = tmp_path / "people.csv"
    path.write_text("id,email\nbob,bob@example.com\nann,ann@example.com\n")
    with open_csv(path, sys.stdin.buffer) as table:
        survey = shop.app.customer_import.survey(table)
        files = [RejectedFile(shop.app.store, path, tmp_path, ".csv", kind) for kind in ("rejected", "incomplete")]
        shop.app.customer_import.run(
            table, survey, grants=[Grant("email")], source="import", rejected=files[0], incomplete=files[1]
        )


def by_an_answer(shop: Any, tmp_path: Any) -> None:
    """They had agreed, took it back, and take that back."""
    channel, address = ANN
    now = shop.clock.now()
    shop.app.store.addresses.add_consents(
        Consent(channel=channel, address=address, granted=granted, at=now - timedelta(days=days), source="test")
        for days, granted in ((9, True), (8, False))
    )
    told = Engagement(id="1", kind=EngagementKind.RESUBSCRIBED, at=now, channel=channel, address=address, source="test")
    shop.app.recorder.record([told])


DOORS = [by_event, by_preferences, by_import, by_an_answer]
Door = Callable[[Any, Any], None]


@pytest.mark.parametrize("door", DOORS)
def test_by_whichever_door(shop: Any, tmp_path: Any, door: Door) -> None:
    due = shop.clock.now() + timedelta(hours=4)
    tell(shop, "order.placed", order={"number": "1"})
    tell(shop, "cart.updated", cart={"id": "c"})
    assert of(shop, "cart").reason == "no consent"
    shop.clock.advance(timedelta(hours=1))
    door(shop, tmp_path)
    cart = of(shop, "cart")
    assert (cart.state.value, cart.reason, cart.due_at) == ("planned", None, due)
    shop.clock.advance(timedelta(hours=3))
    shop.app.dispatcher.run_due()
    assert of(shop, "cart").state.value == "sent"


@pytest.mark.parametrize("door", DOORS)
def test_not_what_is_too_old(shop: Any, tmp_path: Any, door: Door) -> None:
    tell(shop, "order.placed", order={"number": "1"})
    tell(shop, "cart.updated", cart={"id": "c"})
    shop.clock.advance(timedelta(days=2, hours=1))
    door(shop, tmp_path)
    assert of(shop, "cart").state.value == "skipped"


@pytest.mark.parametrize("door", DOORS)
def test_all_who_have_the_address(shop: Any, tmp_path: Any, door: Door) -> None:
    tell(shop, "order.placed", order={"number": "1"})
    tell(shop, "cart.updated", customer="zoe", cart={"id": "z"})
    assert of(shop, "cart", "zoe").reason == "no consent"
    door(shop, tmp_path)
    assert of(shop, "cart", "zoe").state.value == "planned"


def test_by_a_suppression_that_is_lifted(shop: Any) -> None:
    channel, address = ANN
    stop = Suppression(channel=channel, address=address, reason="bounced", at=shop.clock.now())
    shop.app.store.addresses.suppress([stop])
    tell(shop, "order.placed", order={"number": "1"})
    assert of(shop, "order").reason == "suppressed (bounced)"
    shop.app.suppressing.lift(ANN)
    assert of(shop, "order").state.value == "planned"


def test_by_an_address_that_is_reached_again(shop: Any) -> None:
    channel, address = ANN
    stop = Suppression(channel=channel, address=address, reason="unreachable", at=shop.clock.now())
    shop.app.store.addresses.suppress([stop])
    tell(shop, "order.placed", order={"number": "1"})
    now = shop.clock.now()
    told = Engagement(id="1", kind=EngagementKind.REPLIED, at=now, channel=channel, address=address, source="test")
    shop.app.recorder.record([told])
    assert of(shop, "order").state.value == "planned"


def test_by_an_import_of_the_address(shop: Any, tmp_path: Any) -> None:
    shop.app.store.customers.put([Customer(id="ann", created_at=shop.clock.now())])
    document = {"id": "p", "type": "order.placed", "time": shop.clock.now().isoformat(), "customer": {"id": "ann"}}
    shop.app.intake.receive({**document, "data": {"order": {"number": "1"}}})
    assert of(shop, "order").reason == "no address (email)"
    by_import(shop, tmp_path)
    assert of(shop, "order").state.value == "planned"


def test_a_no_plans_nothing(shop: Any, tmp_path: Any) -> None:
    tell(shop, "order.placed", order={"number": "1"})
    tell(shop, "cart.updated", cart={"id": "c"})
    before = of(shop, "cart")
    shop.app.preferences.withdraw_all(of(shop, "order").id)
    assert of(shop, "cart") == before
