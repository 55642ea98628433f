"""What shops post, to the running server, and what becomes of it."""

from __future__ import annotations

import json
import random
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pytest_httpserver import HTTPServer

from messaging.nouns.event import EventState
from messaging.nouns.message import MessageState
from messaging.nouns.order import order_key
from messaging.testing import sign_standard_webhook
from tests.plugins.messaging_shops import (
    shopify_shop,
    test_bigcommerce,
    test_magento,
    test_standard,
    test_stripe,
    test_woocommerce,
)
from tests.plugins.messaging_shops.payloads import bodies, body

if TYPE_CHECKING:
    from tests.plugins.messaging_shops.conftest import Hooks

SETTINGS = f"""
[sources.shopify.main]
secrets = ["{shopify_shop.SECRET}"]
[sources.shopify.other]
secrets = ["shpss_another", "shpss_an_old_one"]
[sources.woocommerce.main]
secrets = ["{test_woocommerce.SECRET}"]
[sources.standard.main]
secrets = ["{test_standard.SECRET}"]
[sources.stripe.main]
secrets = ["{test_stripe.SECRET}"]
[sources.magento.main]
secrets = ["{test_magento.SECRET}"]
[sources.bigcommerce.main]
secrets = ["{test_bigcommerce.SECRET}"]
store = "abc123"
access_token = "t0ken"
api = "API"
"""


def by_shopify(topic: str, body: bytes, secret: str = shopify_shop.SECRET) -> dict[str, str]:
    signature = shopify_shop.sign(body, secret)
    return {
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": signature,
        "X-Shopify-Triggered-At": "2026-03-08T00:00:00Z",
    }


def by_woocommerce(topic: str, body: bytes) -> dict[str, str]:
    return {"X-WC-Webhook-Topic": topic, "X-WC-Webhook-Signature": test_woocommerce.sign(body)}


SIGN: Mapping[str, Callable[[str, bytes], Mapping[str, str]]] = {
    "shopify": by_shopify,
    "woocommerce": by_woocommerce,
    "stripe": lambda topic, body: test_stripe.signed(body),
    "magento": lambda topic, body: test_magento.module(body),
    "bigcommerce": lambda topic, body: test_bigcommerce.signed(body),
}


@pytest.fixture
def store(httpserver: HTTPServer) -> test_bigcommerce.Store:
    """The one that BigCommerce's hooks are about."""
    return test_bigcommerce.Store(httpserver)


@pytest.fixture
def shops(hooks: Callable[[str], Hooks], store: test_bigcommerce.Store) -> Hooks:
    """A server for all of them, a day after what they tell."""
    served = hooks(SETTINGS.replace("API", store.url))
    served.shop.clock.advance(timedelta(days=7))
    return served


def post(shops: Hooks, kind: str, topic: str, body: bytes) -> int:
    return shops.status(f"{kind}/main", body, SIGN[kind](topic, body))


def states(shops: Hooks) -> set[EventState]:
    return {event.state for event in shops.events()}


@pytest.mark.parametrize("kind", SIGN)
def test_each_topic_is_kept_once_and_worked_off(shops: Hooks, kind: str) -> None:
    posts = [(topic, posted) for topic, posted in bodies(kind).items() if topic != "customers/redact"]
    for topic, posted in posts:
        assert post(shops, kind, topic, posted) == 202
    kept = shops.events()
    assert {event.state for event in kept} == {EventState.RECEIVED}
    for topic, posted in reversed(posts):
        assert post(shops, kind, topic, posted) == 202
    assert shops.events() == kept
    shops.shop.app.backlog.work_off()
    assert states(shops) == {EventState.DONE}


def test_whom_shopify_asks_to_erase_is_erased(shops: Hooks) -> None:
    for topic in ("orders/create", "refunds/create", "customers/redact"):
        assert post(shops, "shopify", topic, bodies("shopify")[topic]) == 202
        assert post(shops, "shopify", topic, bodies("shopify")[topic]) == 202
        shops.shop.app.backlog.work_off()
    store, key = shops.shop.app.store, order_key("shopify", "main", "#1001")
    assert (store.customers.count(), shops.events(), store.events.orders([key])) == (0, [], {})
    assert post(shops, "shopify", "orders/updated", bodies("shopify")["orders/updated"]) == 202
    shops.shop.app.backlog.work_off()
    assert (store.customers.count(), store.events.orders([key])) == (0, {})


def test_an_order_of_shopifys_from_the_till_to_the_refund(shops: Hooks) -> None:
    for topic, posted in bodies("shopify").items():
        if topic.startswith(("orders/", "fulfillment", "refunds")) and topic != "orders/cancelled":
            assert post(shops, "shopify", topic, posted) == 202
    shops.shop.app.backlog.work_off()
    key = order_key("shopify", "main", "#1001")
    order = shops.shop.app.store.events.orders([key])[key]
    assert (order.id, order.number, str(order.total), order.currency) == (shopify_shop.ORDER, "#1001", "84.70", "EUR")
    assert (order.placed_at, order.paid_at) == (at("2026-03-02T09:00"), at("2026-03-02T10:05"))
    assert (order.shipped_at, order.delivered_at) == (at("2026-03-03T15:00"), at("2026-03-04T10:20"))
    assert str(order.refunded) == "46.90"
    assert order.customer_id == shopify_shop.CUSTOMER
    (customer,) = shops.shop.app.store.customers.get([shopify_shop.CUSTOMER]).values()
    assert (customer.email, customer.locale, customer.country) == ("ann@example.com", "de-AT", "DE")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def story(kind: str, *topics: str) -> list[tuple[str, bytes]]:
    return [(topic, bodies(kind)[topic]) for topic in topics]


#: What a shop posts of one order, and the messages that its customer gets.
STORIES: Mapping[str, tuple[list[tuple[str, bytes]], set[tuple[str, str]]]] = {
    "shopify": (
        story(
            "shopify",
            "orders/create",
            "orders/paid",
            "orders/updated",
            "orders/partially_fulfilled",
            "orders/fulfilled",
            "fulfillments/create",
            "fulfillments/update",
            "fulfillment_events/create",
            "refunds/create",
        ),
        {
            ("order-confirmation", "order/%231001"),
            ("shipped", "shipment/%231001/9007199254741101"),
            ("shipped", "shipment/%231001/9007199254741102"),
            ("partially-shipped", "shipment/%231001/9007199254741101"),
            ("out-for-delivery", "shipment/%231001/9007199254741101"),
            ("delivered", "shipment/%231001/9007199254741101"),
            ("refunded", "refund/9007199254741200"),
        },
    ),
    "stripe": (
        story("stripe", "checkout.session.completed", "payment_intent.succeeded", "charge.refunded"),
        {("order-confirmation", "order/pi_1"), ("refunded", "refund/ch_1%3A1000")},
    ),
    "magento": (
        story(
            "magento",
            *(f"sales_order_{what}save_after" for what in ("", "shipment_", "shipment_track_", "creditmemo_")),
        ),
        {("order-confirmation", "order/000000005"), ("shipped", "shipment/000000005/12"), ("refunded", "refund/3")},
    ),
    "bigcommerce": (
        [
            *story("bigcommerce", "store/order/created", "store/cart/converted", "store/shipment/created"),
            *story("bigcommerce", "store/order/refund/created", "store/order/updated"),
            *(("", test_bigcommerce.raw(test_bigcommerce.status(*change))) for change in ((11, 0), (2, 11), (4, 2))),
        ],
        {("order-confirmation", "order/250"), ("shipped", "shipment/250/12"), ("refunded", "refund/3")},
    ),
}
TEMPLATES = ("order-confirmation", "shipped", "partially-shipped", "out-for-delivery", "delivered", "refunded")


def messages(shops: Hooks) -> set[tuple[str, str | None]]:
    outbox = shops.shop.app.store.outbox
    return {
        (message.template, message.trigger_key)
        for state in (MessageState.PLANNED, MessageState.SKIPPED)
        for message in outbox.page(state=state, limit=100)
    }


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", STORIES)
def test_the_same_messages_in_whichever_order_and_however_often(
    hooks: Callable[[str], Hooks], store: test_bigcommerce.Store, kind: str, seed: int
) -> None:
    shops = hooks(SETTINGS.replace("API", store.url))
    shops.shop.clock.advance(timedelta(days=4, hours=3))
    for template in TEMPLATES:
        folder = shops.shop.workspace.templates / template / "template.toml"
        toml = folder.read_text("utf-8")
        for age in ("2 days", "12 hours", "7 days"):
            toml = toml.replace(f'max_age = "{age}"', 'max_age = "90 days"')
        folder.write_text(toml, "utf-8")
        shops.shop.app.triggers.enable(template)
    posts, expected = STORIES[kind]
    posts = [*posts, *posts[:4]]
    random.Random(seed).shuffle(posts)
    for topic, posted in posts:
        assert post(shops, kind, topic, posted) == 202
        if seed % 2:
            shops.shop.app.backlog.work_off()
    for _ in range(3):
        shops.shop.app.backlog.work_off()
        shops.shop.clock.advance(timedelta(minutes=1))
    assert states(shops) == {EventState.DONE}
    assert messages(shops) == {(template, f"{kind}/main/{key}") for template, key in expected}


def test_a_refund_waits_until_its_order_is_known(shops: Hooks) -> None:
    post(shops, "shopify", "refunds/create", bodies("shopify")["refunds/create"])
    shops.shop.app.backlog.work_off()
    assert states(shops) == {EventState.RECEIVED}
    post(shops, "shopify", "orders/create", bodies("shopify")["orders/create"])
    shops.shop.clock.advance(timedelta(minutes=1))
    shops.shop.app.backlog.work_off()
    assert states(shops) == {EventState.DONE}
    (refund,) = (event for event in shops.events() if event.type == "order.refunded")
    assert refund.customer_id == shopify_shop.CUSTOMER
    assert refund.data["order"]["number"] == "#1001"


def test_a_store_is_asked_behind_the_answer_and_again_when_it_was_away(
    shops: Hooks, store: test_bigcommerce.Store
) -> None:
    placed = bodies("bigcommerce")["store/order/created"]
    assert post(shops, "bigcommerce", "", placed) == 202
    assert (states(shops), store.asked) == ({EventState.RECEIVED}, [])
    store.answers = 429
    for _ in range(3):
        shops.shop.app.backlog.work_off()
        shops.shop.clock.advance(timedelta(minutes=1))
    kept = shops.events()
    assert {event.state for event in kept} == {EventState.RECEIVED}
    # One question each time: a store that says when to ask again hears nothing more until then.
    assert (sum(event.attempts for event in kept), len(store.asked)) == (3, 3)
    assert any("answered 429" in (event.error or "") for event in kept)
    store.answers = 200
    shops.shop.clock.advance(timedelta(minutes=15))
    shops.shop.app.dispatcher.run_due()
    assert states(shops) == {EventState.DONE}
    key = order_key("bigcommerce", "main", "250")
    order = shops.shop.app.store.events.orders([key])[key]
    assert (str(order.total), order.currency, order.customer_id) == ("59.9000", "EUR", "11")
    assert (order.placed_at, order.paid_at) == (at("2026-03-02T10:00"), at("2026-03-02T10:00"))


def test_what_came_to_nothing_is_done_and_stands_in_nobodys_way(shops: Hooks, store: test_bigcommerce.Store) -> None:
    assert store.order is not None
    store.order["status_id"] = 0
    assert post(shops, "bigcommerce", "", bodies("bigcommerce")["store/order/created"]) == 202
    shops.shop.app.backlog.work_off()
    assert (states(shops), shops.shop.app.store.customers.count()) == ({EventState.DONE}, 0)
    store.order["status_id"] = 11
    assert post(shops, "bigcommerce", "", test_bigcommerce.raw(test_bigcommerce.status(11, 0))) == 202
    shops.shop.app.backlog.work_off()
    key = order_key("bigcommerce", "main", "250")
    assert shops.shop.app.store.events.orders([key])[key].placed_at == at("2026-03-02T10:00")


def test_what_stripe_leaves_out_is_asked_for(hooks: Callable[[str], Hooks], httpserver: HTTPServer) -> None:
    lines = {"data": [{"description": "Teapot", "quantity": 2, "amount_subtotal": 5990, "currency": "eur"}]}
    httpserver.expect_request("/v1/checkout/sessions/cs_live_1/line_items").respond_with_json(lines)
    asked = f'api_key = "rk_live_1"\napi = "{httpserver.url_for("")}"'
    shops = hooks(f'[sources.stripe.main]\nsecrets = ["{test_stripe.SECRET}"]\n{asked}')
    assert post(shops, "stripe", "", bodies("stripe")["checkout.session.completed"]) == 202
    assert httpserver.log == []
    shops.shop.app.backlog.work_off()
    assert [(event.type, event.state) for event in shops.events()] == [
        ("order.paid", EventState.DONE),
        ("order.placed", EventState.DONE),
    ]
    items = [{"name": "Teapot", "quantity": 2, "price": "29.95"}]
    assert [event.data["order"]["items"] for event in shops.events()] == [items, items]


def test_adobe_asks_whether_we_are_there_and_a_webhook_whether_to_go_on(hooks: Callable[[str], Hooks]) -> None:
    key = test_magento.pem(test_magento.private("shop"))
    shops = hooks(f"[sources.magento.main]\nwebhook_keys = ['''{key}''']")
    challenge = "8ec8d794-e0ab-42df-9017-e3dada8e84f7"
    asked = shops.web.get(f"/hooks/magento/main?challenge={challenge}")
    assert (asked.status_code, asked.text) == (200, challenge)
    assert shops.web.get("/hooks/magento/main?challenge=<script>").status_code == 404
    posted = bodies("magento")["sales_order_save_after"]
    signature = test_magento.by("shop", b64encode(posted))
    told = shops.post("magento/main", posted, {"x-adobe-commerce-webhook-signature": signature})
    assert (told.status_code, told.json()) == (200, {"op": "success"})
    assert [event.id for event in shops.events()] == ["order:5:paid", "order:5:placed"]
    forged = shops.post("magento/main", posted, {"x-adobe-commerce-webhook-signature": signature[::-1]})
    assert (forged.status_code, "success" in forged.text) == (401, False)


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
        | {"shipment.shipped", "shipment.in_transit", "cart.updated", "checkout.started"},
        "woocommerce": {"order.placed", "order.paid", "order.shipped", "customer.created"},
    }
    assert types == expected[kind]
