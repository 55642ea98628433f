"""What Shopify, WooCommerce and one's own shop post, to the running server, and what becomes of it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from messaging.nouns.event import EventState
from messaging.nouns.message import MessageState
from messaging.nouns.order import order_key
from messaging.testing import sign_standard_webhook
from tests.plugins.messaging_shops import test_shopify, test_standard, test_woocommerce
from tests.plugins.messaging_shops.payloads import bodies, body

if TYPE_CHECKING:
    from tests.plugins.messaging_shops.conftest import Hooks

SETTINGS = f"""
[sources.shopify.main]
secrets = ["{test_shopify.SECRET}"]
[sources.shopify.other]
secrets = ["shpss_another", "shpss_an_old_one"]
[sources.woocommerce.main]
secrets = ["{test_woocommerce.SECRET}"]
[sources.standard.main]
secrets = ["{test_standard.SECRET}"]
"""


def by_shopify(topic: str, body: bytes, secret: str = test_shopify.SECRET) -> dict[str, str]:
    signature = test_shopify.sign(body, secret)
    return {
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": signature,
        "X-Shopify-Triggered-At": "2026-03-08T00:00:00Z",
    }


def by_woocommerce(topic: str, body: bytes) -> dict[str, str]:
    return {"X-WC-Webhook-Topic": topic, "X-WC-Webhook-Signature": test_woocommerce.sign(body)}


SIGN: Mapping[str, Callable[[str, bytes], Mapping[str, str]]] = {"shopify": by_shopify, "woocommerce": by_woocommerce}


@pytest.fixture
def shops(hooks: Callable[[str], Hooks]) -> Hooks:
    """A server for all of them, a day after what they tell."""
    served = hooks(SETTINGS)
    served.shop.clock.advance(timedelta(days=7))
    return served


def post(shops: Hooks, kind: str, topic: str, body: bytes) -> int:
    return shops.status(f"{kind}/main", body, SIGN[kind](topic, body))


def states(shops: Hooks) -> set[EventState]:
    return {event.state for event in shops.events()}


@pytest.mark.parametrize("kind", SIGN)
def test_each_topic_is_kept_once_and_worked_off(shops: Hooks, kind: str) -> None:
    for topic, posted in bodies(kind).items():
        assert post(shops, kind, topic, posted) == 202
    kept = shops.events()
    assert {event.state for event in kept} == {EventState.RECEIVED}
    for topic, posted in reversed(bodies(kind).items()):
        assert post(shops, kind, topic, posted) == 202
    assert shops.events() == kept
    shops.shop.app.backlog.work_off()
    assert states(shops) == {EventState.DONE}


def test_an_order_of_shopifys_from_the_till_to_the_refund(shops: Hooks) -> None:
    for topic, posted in bodies("shopify").items():
        if topic.startswith(("orders/", "fulfillment", "refunds")) and topic != "orders/cancelled":
            assert post(shops, "shopify", topic, posted) == 202
    shops.shop.app.backlog.work_off()
    key = order_key("shopify", "main", "#1001")
    order = shops.shop.app.store.events.orders([key])[key]
    assert (order.id, order.number, str(order.total), order.currency) == (test_shopify.ORDER, "#1001", "84.70", "EUR")
    assert (order.placed_at, order.paid_at) == (at("2026-03-02T09:00"), at("2026-03-02T10:05"))
    assert (order.shipped_at, order.delivered_at) == (at("2026-03-03T15:00"), at("2026-03-04T10:20"))
    assert str(order.refunded) == "46.90"
    assert order.customer_id == test_shopify.CUSTOMER
    (customer,) = shops.shop.app.store.customers.get([test_shopify.CUSTOMER]).values()
    assert (customer.email, customer.locale, customer.country) == ("ann@example.com", "de-AT", "DE")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


STORY = (
    "orders/create",
    "orders/paid",
    "orders/updated",
    "orders/partially_fulfilled",
    "orders/fulfilled",
    "fulfillments/create",
    "fulfillments/update",
    "fulfillment_events/create",
    "refunds/create",
)
TEMPLATES = ("order-confirmation", "shipped", "partially-shipped", "out-for-delivery", "delivered", "refunded")


def messages(shops: Hooks) -> set[tuple[str, str | None]]:
    outbox = shops.shop.app.store.outbox
    return {
        (message.template, message.trigger_key)
        for state in (MessageState.PLANNED, MessageState.SKIPPED)
        for message in outbox.page(state=state, limit=100)
    }


@pytest.mark.parametrize("seed", range(4))
def test_the_same_messages_in_whichever_order_and_however_often(hooks: Callable[[str], Hooks], seed: int) -> None:
    shops = hooks(SETTINGS)
    shops.shop.clock.advance(timedelta(days=4, hours=3))
    for template in TEMPLATES:
        folder = shops.shop.workspace.templates / template / "template.toml"
        toml = folder.read_text("utf-8")
        for age in ("2 days", "12 hours", "7 days"):
            toml = toml.replace(f'max_age = "{age}"', 'max_age = "90 days"')
        folder.write_text(toml, "utf-8")
        shops.shop.app.triggers.enable(template)
    posts = [*STORY, *STORY[:4]]
    random.Random(seed).shuffle(posts)
    for topic in posts:
        assert post(shops, "shopify", topic, bodies("shopify")[topic]) == 202
        if seed % 2:
            shops.shop.app.backlog.work_off()
    for _ in range(3):
        shops.shop.app.backlog.work_off()
        shops.shop.clock.advance(timedelta(minutes=1))
    assert states(shops) == {EventState.DONE}
    order, first, second = (
        f"shopify/main/{name}" for name in ("order/%231001", "shipment/9007199254741101", "shipment/9007199254741102")
    )
    assert {(template, key) for template, key in messages(shops) if template != "refunded"} == {
        ("order-confirmation", order),
        ("shipped", first),
        ("shipped", second),
        ("partially-shipped", first),
        ("out-for-delivery", first),
        ("delivered", first),
    }
    assert [template for template, _ in messages(shops)].count("refunded") == 1


def test_a_refund_waits_until_its_order_is_known(shops: Hooks) -> None:
    post(shops, "shopify", "refunds/create", bodies("shopify")["refunds/create"])
    shops.shop.app.backlog.work_off()
    assert states(shops) == {EventState.RECEIVED}
    post(shops, "shopify", "orders/create", bodies("shopify")["orders/create"])
    shops.shop.clock.advance(timedelta(minutes=1))
    shops.shop.app.backlog.work_off()
    assert states(shops) == {EventState.DONE}
    (refund,) = (event for event in shops.events() if event.type == "order.refunded")
    assert refund.customer_id == test_shopify.CUSTOMER
    assert refund.data["order"]["number"] == "#1001"


def test_an_order_of_woocommerces(shops: Hooks) -> None:
    for topic in ("order.updated", "order.created", "order.restored"):
        assert post(shops, "woocommerce", topic, bodies("woocommerce")[topic]) == 202
    shops.shop.app.backlog.work_off()
    assert states(shops) == {EventState.DONE}
    key = order_key("woocommerce", "main", "727")
    order = shops.shop.app.store.events.orders([key])[key]
    assert (order.placed_at, str(order.total), order.customer_id) == (at("2026-03-02T10:00"), "55.46", "25")
    assert order.paid_at == datetime(2026, 3, 2, 10, 0, 5, tzinfo=UTC)
    assert order.shipped_at == at("2026-03-03T00:00")


def test_woocommerce_pings_and_gets_the_200_that_it_insists_on(shops: Hooks) -> None:
    ping = {"Content-Type": "application/x-www-form-urlencoded"}
    assert shops.status("woocommerce/main", b"webhook_id=4", ping) == 200
    assert shops.status("woocommerce/nobody", b"webhook_id=4", ping) == 404
    assert shops.events() == []


def test_ones_own_shop(shops: Hooks) -> None:
    told = json.dumps(test_standard.WRAPPED).encode()
    signed = sign_standard_webhook(test_standard.SECRET, told, datetime.now(UTC))
    assert shops.status("standard/main", told, signed) == 202
    assert shops.status("standard/main", told, signed) == 202
    late = sign_standard_webhook(test_standard.SECRET, told, datetime.now(UTC) - timedelta(minutes=6))
    assert 400 <= shops.status("standard/main", told, late) < 500
    wrong = json.dumps({**test_standard.ENVELOPE, "data": {"order": {"number": []}}}).encode()
    answer = shops.post("standard/main", wrong, sign_standard_webhook(test_standard.SECRET, wrong, datetime.now(UTC)))
    assert answer.status_code == 400
    assert "data.order.number" in answer.json()["error"]["message"]
    (event,) = shops.events()
    assert (event.source, event.shop, event.type, event.customer["id"]) == ("standard", "main", "order.placed", "ann")


def test_nothing_that_is_not_genuine_is_kept(shops: Hooks) -> None:
    for kind, topic in (("shopify", "orders/create"), ("woocommerce", "order.created")):
        posted = bodies(kind)[topic]
        good = SIGN[kind](topic, posted)
        forged = [
            (posted, {name: value for name, value in good.items() if "Topic" in name}),
            (posted, {**good, list(good)[1]: ""}),
            (posted, {**good, list(good)[1]: "é"}),
            (posted[:-1], good),
            (posted + b" ", good),
            (b"", good),
            (body(kind, topic, email="mallory@example.com"), good),
        ]
        for place in range(0, len(posted), 97):
            forged.append((posted[:place] + bytes([posted[place] ^ 1]) + posted[place + 1 :], good))
        signature = list(good.values())[1]
        for place in range(0, len(signature) - 2, 5):
            other = "A" if signature[place] != "A" else "B"
            forged.append((posted, {**good, list(good)[1]: signature[:place] + other + signature[place + 1 :]}))
        for wrong, headers in forged:
            assert shops.status(f"{kind}/main", wrong, headers) == 401
    assert shops.events() == []


def test_no_shop_writes_for_another(shops: Hooks) -> None:
    posted = bodies("shopify")["orders/create"]
    own, other = by_shopify("orders/create", posted), by_shopify("orders/create", posted, "shpss_another")
    assert shops.status("shopify/other", posted, own) == 401
    assert shops.status("shopify/main", posted, other) == 401
    assert shops.status("shopify/third", posted, own) == 404
    assert shops.events() == []
    for secret in ("shpss_another", "shpss_an_old_one"):
        assert shops.status("shopify/other", posted, by_shopify("orders/create", posted, secret)) == 202
    assert {event.shop for event in shops.events()} == {"other"}


# Real ones, signed anew: the ids of those that were caught have lost digits.


def real(folder: Path) -> list[tuple[str, bytes]]:
    found = []
    for path in sorted(folder.glob("*.json")):
        told = json.loads(path.read_text("utf-8"))
        if "headers" in told:
            found.append((told["topic"], json.dumps(told["body"]).encode()))
        elif path.stem.startswith(("order.", "customer.")):
            found.append((path.stem.partition("_")[0], path.read_bytes()))
    return found


@pytest.mark.parametrize(("kind", "least"), [("shopify", 9), ("woocommerce", 6)])
def test_real_payloads(shops: Hooks, shared: Callable[[str], Path], kind: str, least: int) -> None:
    posts = real(shared(f"data/shop_payloads/{kind}"))
    assert len(posts) > least
    for topic, posted in posts * 2:
        assert post(shops, kind, topic, posted) == 202, topic
    shops.shop.app.backlog.work_off()
    found = shops.events()
    assert {event.state for event in found} == {EventState.DONE}
    types = {event.type for event in found}
    expected: dict[str, Any] = {
        "shopify": {"order.placed", "order.paid", "order.shipped", "order.cancelled", "order.refunded"}
        | {"shipment.shipped", "cart.updated", "checkout.started"},
        "woocommerce": {"order.placed", "order.paid", "order.shipped", "customer.created"},
    }
    assert types == expected[kind]
