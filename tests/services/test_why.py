"""Why a message went, waits or did not go: its cause, and each rule's word."""

from __future__ import annotations

from datetime import timedelta

import pytest

from messaging.services.why import Why

CART = """\
class = "marketing"
topic = "news"
subject = "Hello"
channels = ["email"]

[[triggers]]
event = "cart.updated"
after = "4 hours"
unless = "orders.count > 0"
"""


@pytest.fixture
def shop(live_shop):
    live_shop.write_template("cart", CART)
    live_shop.app.triggers.enable("cart")
    return live_shop


def cart(shop, customer):
    shop.app.intake.receive(
        {
            "id": f"{customer}'s cart",
            "type": "cart.updated",
            "time": shop.clock.now().isoformat(),
            "customer": {"id": customer},
            "data": {"cart": {"id": "k"}},
        }
    )


def why(shop, customer):
    app = shop.app
    (message,) = app.store.outbox.page(customer_id=customer)
    asked = Why(app.store, app.planner, app.triggers, app.triggering.due_checks)
    return {reason.about: reason for reason in asked.message(message, now=shop.clock.now())}


def test_one_that_waits(shop):
    (ann,) = shop.add_customers(1)
    cart(shop, ann)
    found = why(shop, ann)
    assert found["cause"].text == (
        "the event cart.updated c0000's cart of api/default, 2026-03-02 10:00 UTC, 4 hours later, "
        "once for api/default/cart/k"
    )
    assert found["consent"].text == "given to everything on 2026-03-02 10:00 UTC by test"
    assert found["unless"].text == "orders.count > 0: is false now; asked when it is due"
    assert "let it pass now" in found["rules"].text
    assert found["time"].text == "due on 2026-03-02 14:00 UTC"
    assert found["outcome"].text == "planned"
    assert not any(reason.against for reason in found.values())


def test_a_key_is_shown_as_people_write_it(live_shop):
    live_shop.write_template(
        "late", CART.replace("cart.updated", "order.placed") + 'key = "order.number + event.type"\n'
    )
    live_shop.app.triggers.enable("late")
    (ann,) = live_shop.add_customers(1)
    live_shop.app.intake.receive(
        {
            "id": "placed",
            "type": "order.placed",
            "time": live_shop.clock.now().isoformat(),
            "customer": {"id": ann},
            "data": {"order": {"number": "Nº 7/24"}},
        }
    )
    text = why(live_shop, ann)["cause"].text
    assert text.endswith("once for api/default/order.number + event.type/Nº 7/24 + order.placed")


def test_one_that_was_sent(shop):
    (ann,) = shop.add_customers(1)
    cart(shop, ann)
    shop.clock.advance(timedelta(hours=4))
    shop.app.dispatcher.run_due()
    found = why(shop, ann)
    assert found["outcome"].text.startswith("sent on 2026-03-02 14:00 UTC by pigeon as pigeon-")
    assert found["unless"].text == "orders.count > 0: was false when asked"
    assert not any(reason.against for reason in found.values())


def test_one_that_unless_stopped(shop):
    (ann,) = shop.add_customers(1)
    cart(shop, ann)
    shop.app.intake.receive(
        {
            "id": "o",
            "type": "order.placed",
            "time": shop.clock.now().isoformat(),
            "customer": {"id": ann},
            "data": {"order": {"number": "1", "total": "1.00", "currency": "EUR"}},
        }
    )
    assert why(shop, ann)["unless"].against
    shop.clock.advance(timedelta(hours=4))
    shop.app.dispatcher.run_due()
    found = why(shop, ann)
    assert found["unless"].against
    assert found["outcome"].text == "skipped: unless: orders.count > 0"


def test_one_without_consent(shop):
    (ann,) = shop.add_customers(1, consent=False)
    cart(shop, ann)
    found = why(shop, ann)
    assert (found["consent"].text, found["consent"].against) == ("none to news", True)
    assert (found["outcome"].text, found["outcome"].against) == ("skipped: no consent", True)


def test_one_of_a_campaign_whose_reader_has_left_since(shop):
    (ann,) = shop.add_customers(1)
    shop.campaign()
    shop.unsubscribe(ann)
    found = why(shop, ann)
    assert found["cause"].text == "the campaign spring, to the segment all as of 2026-03-02 10:00 UTC"
    assert (found["consent"].text, found["consent"].against) == (
        "withdrawn from everything on 2026-03-02 10:00 UTC by test",
        True,
    )
