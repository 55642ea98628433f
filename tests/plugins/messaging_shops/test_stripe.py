"""Stripe: the kit's suite, and what becomes of its events."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from messaging import DeliveryError, InputError, Request, SourceContext
from messaging.outgoing import Outgoing
from messaging.rules.envelope import read_event
from messaging.rules.orders import fold
from messaging.testing import Answer, SourceContract, as_json
from messaging_shops.stripe import Stripe, StripeSettings
from tests.plugins.messaging_shops.payloads import bodies, read

SECRET = "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH"
OLD = "whsec_0aG7kEWLlfzsGNjH64I8lOOqUB6e8OLD"
AT = 1_772_445_600  # 2026-03-02, 10:00 UTC


def event(type: str, thing: Mapping[str, Any], *, id: str = "evt_1", **more: Any) -> dict[str, Any]:
    data = {"object": thing, **more}
    return {"id": id, "object": "event", "created": AT, "type": type, "livemode": True, "data": data}


WHO = {
    "email": "ann@example.com",
    "phone": "+436600000001",
    "first_name": "Ann",
    "last_name": "Maria Gruber",
    "country": "AT",
    "city": "Linz",
    "postal_code": "4020",
}
SESSION, EXPIRED, PAYMENT, CHARGE, INVOICE, CUSTOMER = (
    read(f"stripe/{type}")["data"]["object"]
    for type in (
        "checkout.session.completed",
        "checkout.session.expired",
        "payment_intent.succeeded",
        "charge.refunded",
        "invoice.paid",
        "customer.created",
    )
)
ANN = SESSION["customer_details"]


def signed(body: bytes, secret: str = SECRET, at: float | None = None, *, scheme: str = "v1") -> dict[str, str]:
    time = int(datetime.now(UTC).timestamp() if at is None else at)
    mac = hmac.new(secret.encode(), f"{time}.".encode() + body, "sha256").hexdigest()
    return {"Stripe-Signature": f"t={time},{scheme}={mac}"}


def raw(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()


def request(topic: str, body: bytes) -> Request:
    headers = {"stripe-signature": signed(body, at=AT)["Stripe-Signature"]}
    at = datetime.fromtimestamp(AT, UTC)
    return Request(url="https://shop.example/hooks/stripe/main", body=body, headers=headers, received_at=at)


def make(context: SourceContext | None = None, **settings: Any) -> Stripe:
    return Stripe(StripeSettings(secrets=(SECRET,), **settings), context or SourceContext(shop="main"))


def told(body: Mapping[str, Any], **settings: Any) -> list[dict[str, Any]]:
    events = [dict(each) for each in make(**settings).events(request("", raw(body)))]
    for each in events:
        read_event(each, thin=True)
    return events


class TestContract(SourceContract):
    source = Stripe
    replay_window = timedelta(seconds=300)

    def settings(self) -> Mapping[str, Any]:
        return {"secrets": [SECRET]}

    def other_settings(self) -> Mapping[str, Any]:
        return {"secrets": [OLD]}

    def bodies(self) -> Sequence[bytes]:
        return list(bodies("stripe").values())

    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        return signed(body, at=at.timestamp())


class TestAsked(TestContract):
    """With a key for Stripe's API."""

    def settings(self) -> Mapping[str, Any]:
        return {"secrets": [SECRET], "api_key": "rk_live_1"}

    def other_settings(self) -> Mapping[str, Any]:
        return {"secrets": [OLD], "api_key": "rk_live_1"}

    def bodies(self) -> Sequence[bytes]:
        nobody = {**PAYMENT, "receipt_email": None}
        return [
            raw(event("checkout.session.completed", SESSION)),
            raw(event("payment_intent.succeeded", nobody, id="evt_2")),
            raw(event("payment_intent.succeeded", {**nobody, "customer": None}, id="evt_3")),
        ]

    def shop_api(self, method: str, request: Request) -> Answer:
        assert request.header("Authorization") == "Bearer rk_live_1"
        if "/line_items" in request.url:
            return as_json({"data": [{"description": "Teapot", "quantity": 1, "amount_subtotal": 5990}]})
        return as_json(CUSTOMER if "/customers/" in request.url else CHARGE)


class TestRealOnes(TestAsked):
    """What Stripe really posted, signed anew; but for two of which nobody can say whose they are."""

    @pytest.fixture(autouse=True)
    def _real(self, shared: Callable[[str], Path]) -> None:
        files = sorted(shared("data/shop_payloads/stripe").glob("*.json"))
        nobodys = ("charge.refunded", "payment_intent.succeeded")
        documents = [json.loads(file.read_text("utf-8")) for file in files if file.stem not in nobodys]
        self.real = [raw(document.get("body", document)) for document in documents]

    def bodies(self) -> Sequence[bytes]:
        return self.real


def test_real_ones_of_nobody(shared: Callable[[str], Path]) -> None:
    folder = shared("data/shop_payloads/stripe")
    for name, type in (("charge.refunded", "order.refunded"), ("payment_intent.succeeded", "order.paid")):
        (only,) = told(json.loads((folder / f"{name}.json").read_text("utf-8")))
        assert (only["type"], "customer" in only, list(only["incomplete"])) == (type, False, ["order"])


ORDER = {"id": "pi_1", "number": "pi_1", "total": "59.90", "currency": "EUR"}


def test_a_checkout_is_an_order_that_is_placed_and_paid() -> None:
    placed, paid = told(event("checkout.session.completed", SESSION))
    assert placed == {
        "id": "order:pi_1:placed",
        "type": "order.placed",
        "time": "2026-03-02T10:00:00+00:00",
        "customer": {**WHO, "locale": "de"},
        "data": {"order": ORDER},
    }
    assert paid == {**placed, "id": "order:pi_1:paid", "type": "order.paid"}


@pytest.mark.parametrize(
    ("type", "session", "types"),
    [
        ("completed", {"payment_status": "unpaid"}, ["order.placed"]),
        ("completed", {"payment_status": "no_payment_required", "amount_total": 0}, ["order.placed"]),
        ("completed", {"amount_total": 0}, ["order.placed"]),
        ("completed", {"mode": "setup"}, []),
        ("async_payment_succeeded", {}, ["order.paid"]),
        ("async_payment_failed", {"payment_status": "unpaid"}, []),
    ],
)
def test_how_far_a_checkout_has_come(type: str, session: dict[str, Any], types: list[str]) -> None:
    assert [each["type"] for each in told(event(f"checkout.session.{type}", {**SESSION, **session}))] == types


def test_one_purchase_is_one_order_whatever_tells_of_it() -> None:
    subscribed = {**SESSION, "mode": "subscription", "payment_intent": None, "invoice": "in_1"}
    of_old = {**PAYMENT, "id": "pi_2", "invoice": "in_1"}
    refunded = {**CHARGE, "payment_intent": "pi_2", "invoice": "in_1"}
    before = {"previous_attributes": {"amount_refunded": 0}}
    once = [
        event("checkout.session.completed", SESSION),
        event("checkout.session.completed", {**SESSION, "payment_intent": {"id": "pi_1", "object": "payment_intent"}}),
        event("payment_intent.succeeded", PAYMENT),
        event("charge.refunded", CHARGE, **before),
    ]
    monthly = [
        event("checkout.session.completed", subscribed),
        event("invoice.paid", INVOICE),
        event("payment_intent.succeeded", of_old),
        event("charge.refunded", refunded, **before),
    ]
    for name, whole in (("pi_1", once), ("in_1", monthly)):
        orders = [each["data"]["order"] for body in whole for each in told(body)]
        assert {(order["id"], order["number"]) for order in orders} == {(name, name)}
    free = {**SESSION, "payment_intent": None, "invoice": None}
    assert told(event("checkout.session.completed", free))[0]["data"]["order"]["id"] == "cs_live_1"


def test_the_shops_own_number() -> None:
    own = {**SESSION, "metadata": {"order_number": "A-1001"}}
    assert told(event("checkout.session.completed", own))[0]["data"]["order"] == {**ORDER, "number": "A-1001"}


def test_a_checkout_that_was_left_is_a_cart_with_a_way_back() -> None:
    (cart,) = told(event("checkout.session.expired", EXPIRED))
    assert (cart["type"], cart["customer"]["email"]) == ("cart.updated", "ann@example.com")
    url = "https://buy.stripe.com/r/live_1"
    assert cart["data"] == {"cart": {"id": "cs_live_1", "total": "59.90", "currency": "EUR", "url": url}}
    (bare,) = told(event("checkout.session.expired", {**EXPIRED, "after_expiration": None}))
    assert "url" not in bare["data"]["cart"]


@pytest.mark.parametrize(("choice", "granted"), [("opt_in", True), ("opt_out", False), (None, None), ("later", None)])
def test_what_was_chosen_at_the_checkout(choice: str | None, granted: bool | None) -> None:
    chosen = {"consent": {"promotions": choice, "terms_of_service": None}}
    for type, session in (("completed", SESSION), ("expired", EXPIRED)):
        events = told(event(f"checkout.session.{type}", {**session, **chosen}))
        agreed = [each for each in events if each["type"] == "consent.changed"]
        assert [(each["id"], each["data"]["consent"]["granted"]) for each in agreed] == (
            [] if granted is None else [("consent:cs_live_1", granted)]
        )
    nobody = {**SESSION, **chosen, "customer_details": {"phone": "+436600000001"}}
    assert "consent.changed" not in [each["type"] for each in told(event("checkout.session.completed", nobody))]


@pytest.mark.parametrize(
    ("code", "amount", "text"),
    [
        ("eur", 5990, "59.90"),
        ("usd", 5, "0.05"),
        ("jpy", 5990, "5990"),
        ("krw", 0, "0"),
        ("kwd", 5990, "5.990"),
        ("tnd", 5, "0.005"),
        ("ugx", 500000, "5000.00"),  # Stripe counts it in hundredths, though it has none
        ("isk", 500000, "5000.00"),
        ("huf", 500000, "5000.00"),
    ],
)
def test_smallest_units(code: str, amount: int, text: str) -> None:
    placed = told(event("checkout.session.completed", {**SESSION, "currency": code, "amount_total": amount}))[0]
    assert (placed["data"]["order"]["total"], placed["data"]["order"]["currency"]) == (text, code.upper())


class TestRefunds:
    """The amount is what was given back by now: what came back this time is what it is more than before."""

    def refund(self, so_far: int, before: int | None, *, refunded: bool = False) -> dict[str, Any]:
        charge = {**CHARGE, "amount_refunded": so_far, "refunded": refunded}
        attributes = {} if before is None else {"amount_refunded": before}
        (only,) = told(event("charge.refunded", charge, previous_attributes=attributes))
        assert only["type"] == "order.refunded"
        assert only["data"]["order"] == {**ORDER, "url": "https://pay.stripe.com/receipts/1"}
        return dict(only["data"].get("refund", {}))

    def test_a_part(self) -> None:
        assert self.refund(1000, 0) == {"id": "ch_1:1000", "amount": "10.00"}

    def test_a_second_part(self) -> None:
        assert self.refund(2500, 1000) == {"id": "ch_1:2500", "amount": "15.00"}

    def test_the_rest(self) -> None:
        assert self.refund(5990, 2500, refunded=True) == {"id": "ch_1:5990", "amount": "34.90"}

    def test_the_whole(self) -> None:
        assert self.refund(5990, 0, refunded=True) == {}

    def test_nothing_more(self) -> None:
        for before in (1000, 2000):
            assert told(event("charge.refunded", CHARGE, previous_attributes={"amount_refunded": before})) == []

    @given(st.lists(st.integers(1, 1000), min_size=1, max_size=6), st.randoms())
    def test_parts_in_any_order_and_twice_are_what_was_given_back(self, parts: list[int], random: Any) -> None:
        charge, so_far, bodies = {**CHARGE, "amount": sum(parts), "amount_captured": sum(parts)}, 0, []
        for place, part in enumerate(parts):
            now = {**charge, "amount_refunded": so_far + part, "refunded": so_far + part == sum(parts)}
            before = {"amount_refunded": so_far}
            bodies.append(event("charge.refunded", now, id=f"evt_{place}", previous_attributes=before))
            so_far += part
        order = None
        for body in random.sample(bodies * 2, len(bodies) * 2):
            for each in told(body):
                order = fold(order, read_event(each))
        assert order is not None
        assert order.refunded == Decimal(sum(parts)) / 100


def test_an_invoice_tells_what_was_bought() -> None:
    placed, paid = told(event("invoice.paid", INVOICE))
    assert [placed["type"], paid["type"]] == ["order.placed", "order.paid"]
    assert placed["customer"] == {"email": "ann@example.com", "first_name": "Ann"}
    assert placed["data"]["order"] == {
        "id": "in_1",
        "number": "in_1",
        "total": "45.00",
        "currency": "EUR",
        "url": "https://invoice.stripe.com/i/1",
        "items": [{"sku": "tea-month", "name": "3 × Tea of the month", "quantity": 3, "price": "15.00"}],
    }
    (trial,) = told(event("invoice.paid", {**INVOICE, "amount_paid": 0}))
    assert trial["type"] == "order.placed"


def test_an_amount_that_is_no_multiple_of_one_piece() -> None:
    line = {"amount": 1000, "currency": "eur", "quantity": 3, "price": {"unit_amount": 333}}
    placed = told(event("invoice.paid", {**INVOICE, "lines": {"data": [line]}}))[0]
    assert placed["data"]["order"]["items"] == [{"quantity": 3, "price": "3.33"}]


def test_who_paid() -> None:
    by_card = {**PAYMENT, "receipt_email": None, "charges": {"data": [{"billing_details": ANN}]}}
    (paid,) = told(event("payment_intent.succeeded", by_card))
    assert paid["customer"] == WHO


def test_whose_order_it_is_may_have_been_told_before() -> None:
    """Stripe tells of a payment, and often a refund, without a word of who."""
    nobody = {**PAYMENT, "receipt_email": None}
    (paid,) = told(event("payment_intent.succeeded", nobody))
    assert ("customer" in paid, paid["incomplete"]) == (False, {"order": "pi_1"})
    before = {"previous_attributes": {"amount_refunded": 0}}
    (refunded,) = told(event("charge.refunded", {**CHARGE, "billing_details": {}}, **before))
    assert refunded["incomplete"] == {"order": "pi_1"}
    placed = read_event(told(event("checkout.session.completed", SESSION))[0])
    for one, customer in ((replace(placed, customer_id="ann"), {"id": "ann"}), (placed, {**WHO, "locale": "de"})):
        stripe = make(SourceContext(shop="main", told={"order:pi_1:placed": one}.get))
        assert stripe.complete(paid) == {"customer": customer, "data": paid["data"]}
        assert stripe.complete(refunded) == {"customer": customer, "data": refunded["data"]}
    with pytest.raises(DeliveryError, match="order pi_1 is not known yet"):
        make().complete(paid)
    for key in (None, "rk_live_1"):
        left = event("checkout.session.expired", {**EXPIRED, "customer_details": None})
        assert told(left, api_key=key) == [], "nobody's cart"


def test_customers_are_known_by_their_addresses() -> None:
    (created,) = told(event("customer.created", CUSTOMER))
    assert (created["type"], created["customer"]) == ("customer.created", {**WHO, "locale": "de-AT"})
    assert told(event("customer.created", {**CUSTOMER, "email": None, "phone": None})) == []


def test_what_is_no_event_of_stripes() -> None:
    paid, made = read("stripe/invoice.paid"), read("stripe/customer.created")
    for wrong in ({}, {"type": None}, {**paid, "created": "soon"}, {**made, "id": None}):
        with pytest.raises(InputError, match="is missing"):
            told(wrong)
    with pytest.raises(InputError, match="data.object.id: is missing"):
        told(event("invoice.paid", {**INVOICE, "id": None}))


class TestAsking:
    """What Stripe's events leave out is asked for, if there is a key."""

    def make(self, server: HTTPServer) -> Stripe:
        return make(SourceContext(shop="main", http=Outgoing()), api_key="rk_live_1", api=server.url_for(""))

    def ask(self, server: HTTPServer, type: str, thing: Mapping[str, Any]) -> Mapping[str, Any] | None:
        (incomplete, *_) = told(event(type, thing), api_key="rk_live_1")
        return self.make(server).complete(incomplete)

    def test_for_the_items_of_a_checkout(self, httpserver: HTTPServer) -> None:
        lines = [
            {"description": "Teapot", "quantity": 2, "amount_subtotal": 5000, "amount_total": 4000, "currency": "eur"}
        ]
        httpserver.expect_request(
            "/v1/checkout/sessions/cs_live_1/line_items", headers={"Authorization": "Bearer rk_live_1"}
        ).respond_with_json({"data": lines})
        items = [{"name": "Teapot", "quantity": 2, "price": "25.00"}]
        whole = self.ask(httpserver, "checkout.session.completed", SESSION)
        assert whole == {"customer": {**WHO, "locale": "de"}, "data": {"order": {**ORDER, "items": items}}}
        left = self.ask(httpserver, "checkout.session.expired", EXPIRED)
        assert left is not None
        assert left["data"]["cart"]["items"] == items

    def test_for_who_paid(self, httpserver: HTTPServer) -> None:
        httpserver.expect_request("/v1/customers/cus_1").respond_with_json(CUSTOMER)
        httpserver.expect_request("/v1/charges/ch_1").respond_with_json(CHARGE)
        httpserver.expect_request("/v1/customers/cus_gone").respond_with_json({"id": "cus_gone", "deleted": True})
        nobody = {**PAYMENT, "receipt_email": None}
        for thing, customer in (
            (nobody, {**WHO, "locale": "de-AT"}),
            ({**nobody, "customer": None}, WHO),
        ):
            assert self.ask(httpserver, "payment_intent.succeeded", thing) == {
                "customer": customer,
                "data": {"order": ORDER},
            }
        assert self.ask(httpserver, "payment_intent.succeeded", {**nobody, "customer": "cus_gone"}) is None

    @pytest.mark.parametrize(("status", "error"), [(429, DeliveryError), (401, DeliveryError), (400, InputError)])
    def test_when_it_does_not_answer(self, httpserver: HTTPServer, status: int, error: type[Exception]) -> None:
        httpserver.expect_request("/v1/customers/cus_1").respond_with_data("{}", status=status)
        with pytest.raises(error, match=rf"answered {status}"):
            self.ask(httpserver, "payment_intent.succeeded", {**PAYMENT, "receipt_email": None})
