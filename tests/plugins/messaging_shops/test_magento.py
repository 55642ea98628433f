"""Magento and Adobe Commerce: the kit's suite by each way of signing, and what becomes of events."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError
from pytest_httpserver import HTTPServer

from messaging import DeliveryError, InputError, NotYet, Request, SourceContext
from messaging.nouns.event import Event
from messaging.outgoing import Outgoing
from messaging.rules.envelope import read_event
from messaging.testing import Answer, SourceContract, as_json
from messaging_shops.magento import Magento, MagentoSettings
from tests.plugins.messaging_shops.payloads import bodies, read

OBSERVED = "com.adobe.commerce.observer"
CLIENT = "606d4074c7ea4962aaf3bc2a5ac3b7f9"
SECRET = "b2YgdGhlIHNob3AncyBvd24gbW9kdWxl"
PATH = "/prod/keys/pub-key-lyTiz3gQe4.pem"


@cache
def private(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def by(name: str, signed: bytes) -> str:
    return b64encode(private(name).sign(signed, padding.PKCS1v15(), SHA256())).decode()


def adobes(body: bytes, *names: str) -> dict[str, str]:
    """The headers of I/O Events: two signatures, by two keys."""
    first, second = names or ("one", "two")
    return {
        "x-adobe-digital-signature-1": by(first, body),
        "x-adobe-public-key1-path": PATH,
        "x-adobe-digital-signature-2": by(second, body),
        "x-adobe-public-key2-path": "/prod/keys/pub-key-kruhWwu4Or.pem",
        "x-adobe-event-id": "b555a1b1-935b-4541-b410-1915775338b5",
    }


ORDER, SHIPMENT, TRACK, MEMO, CUSTOMER = (
    read(f"magento/{topic}")["data"]["value"]
    for topic in (
        "sales_order_save_after",
        "sales_order_shipment_save_after",
        "sales_order_shipment_track_save_after",
        "sales_order_creditmemo_save_after",
        "customer_save_after",
    )
)
BILLING = ORDER["addresses"][1]


def event(topic: str, value: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """As I/O Events post it."""
    data = {"key": "1", "value": value, "_metadata": {"storeId": "1"}}
    return {**read("magento/sales_order_save_after"), "type": f"{OBSERVED}.{topic}", "data": data, **more}


def raw(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()


def make(context: SourceContext | None = None, **settings: Any) -> Magento:
    return Magento(MagentoSettings(**{"secrets": (SECRET,), **settings}), context or SourceContext(shop="main"))


def request(topic: str, body: bytes) -> Request:
    """As one's own module posts it."""
    at = datetime.now(UTC)
    return Request(url="https://shop.example/hooks/x/main", body=body, headers=module(body), received_at=at)


def told(body: Mapping[str, Any], **settings: Any) -> list[dict[str, Any]]:
    events = [dict(each) for each in make(**settings).events(request("", raw(body)))]
    for each in events:
        read_event(each, thin=True)
    return events


class Contract(SourceContract):
    """What is the same, whoever signs."""

    __test__ = False
    source = Magento

    def bodies(self) -> Sequence[bytes]:
        cancelled = event("sales_order_save_commit_after", {**ORDER, "state": "canceled", "total_paid": None})
        return [*bodies("magento").values(), raw(cancelled)]

    def shop_api(self, method: str, request: Request) -> Answer:
        assert (method, request.header("Authorization")) == ("GET", "Bearer t0ken")
        path = request.url.removeprefix("https://tea.example/rest/V1/")
        return as_json({"orders/5": ORDER, "shipment/12": {**SHIPMENT, "tracks": [TRACK]}}[path])


API = {"api": "https://tea.example/rest", "access_token": "t0ken"}


class TestEvents(Contract):
    """I/O Events, by keys that are in the settings."""

    __test__ = True

    def settings(self) -> Mapping[str, Any]:
        return {"client_id": CLIENT, "event_keys": [pem(private("one")), pem(private("two"))], **API}

    def other_settings(self) -> Mapping[str, Any]:
        return {**self.settings(), "client_id": CLIENT[::-1]}

    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        # One of the two is enough, so that the suite sees each letter of it count.
        return {"x-adobe-digital-signature-2": by("two", body)}


class TestWebhooks(Contract):
    __test__ = True

    def settings(self) -> Mapping[str, Any]:
        return {"webhook_keys": [pem(private("shop"))], **API}

    def other_settings(self) -> Mapping[str, Any]:
        return {"webhook_keys": [pem(private("other"))], **API}

    def bodies(self) -> Sequence[bytes]:
        things = {"order": ORDER, "shipment": SHIPMENT, "track": TRACK, "creditmemo": MEMO}
        topics = ("order", "order_shipment", "order_shipment_track", "order_creditmemo")
        return [
            raw({"eventName": f"sales_{topic}_save_after", "data": {kind: things[kind]}})
            for topic, kind in zip(topics, things, strict=True)
        ]

    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        return {"x-adobe-commerce-webhook-signature": by("shop", b64encode(body))}


class TestModule(Contract):
    """A module of one's own, as Standard Webhooks has it."""

    __test__ = True
    replay_window = timedelta(seconds=300)

    def settings(self) -> Mapping[str, Any]:
        return {"secrets": [SECRET], **API}

    def other_settings(self) -> Mapping[str, Any]:
        return {"secrets": [SECRET[::-1]], **API}

    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        return module(body, at=at.timestamp())


def module(body: bytes, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    time = int(datetime.now(UTC).timestamp() if at is None else at)
    mac = b64encode(hmac.digest(secret.encode(), f"msg_1.{time}.".encode() + body, "sha256")).decode()
    return {"webhook-id": "msg_1", "webhook-timestamp": str(time), "webhook-signature": f"v1,{mac}"}


WHO = {
    "id": "11",
    "email": "ann@example.com",
    "phone": "+436600000001",
    "first_name": "Ann",
    "last_name": "Gruber",
    "country": "AT",
    "region": "Oberösterreich",
    "city": "Linz",
    "postal_code": "4020",
}
BOUGHT = {
    "id": "5",
    "number": "000000005",
    "total": "59.9",
    "currency": "EUR",
    "items": [
        {"sku": "POT-1-RED", "name": "Teapot", "quantity": 2, "price": "24.9500"},
        {"sku": "TEA", "name": "Tea", "quantity": 0.25, "price": "40"},
    ],
}


def test_an_order_that_is_saved_is_placed_and_paid() -> None:
    placed, paid = told(event("sales_order_save_after", ORDER))
    assert placed == {
        "id": "order:5:placed",
        "type": "order.placed",
        "time": "2026-03-02T10:00:00+00:00",
        "customer": WHO,
        "data": {"order": BOUGHT},
    }
    assert paid == {**placed, "id": "order:5:paid", "type": "order.paid", "time": "2026-03-02T10:00:07+00:00"}


@pytest.mark.parametrize(
    ("order", "types"),
    [
        ({"state": "new", "total_paid": None}, ["order.placed"]),
        ({"state": "new", "total_paid": "59.8"}, ["order.placed"]),
        ({"state": "pending_payment", "total_paid": None}, []),
        ({"state": "canceled", "total_paid": None}, ["order.cancelled"]),
        ({"state": "canceled", "total_paid": None, "_origData": {"state": "pending_payment"}}, []),
        ({"state": "canceled", "total_paid": None, "_origData": {"state": "new"}}, ["order.cancelled"]),
        ({"state": "complete", "_origData": {"total_paid": "59.9", "state": "processing"}}, ["order.placed"]),
        ({"_origData": {"total_paid": None, "state": "new"}}, ["order.placed", "order.paid"]),
        ({"grand_total": 0, "total_paid": 0}, ["order.placed"]),
        ({"items": [{"order_id": 5, "qty_backordered": 1}]}, ["order.placed", "order.backordered", "order.paid"]),
        ({"entity_id": None}, ["order.placed", "order.paid"]),
        ({"customer_id": None, "customer_email": None, "addresses": []}, []),
    ],
)
def test_states(order: dict[str, Any], types: list[str]) -> None:
    events = told(event("sales_order_save_after", {**ORDER, **order}))
    assert [each["type"] for each in events] == types
    assert {each["data"]["order"]["id"] for each in events} <= {"5"}


def test_however_an_order_is_posted() -> None:
    inside = event("sales_order_place_after", {"order": ORDER})
    webhook = {"eventName": "observer.sales_order_save_after", "data": {"order": ORDER}}
    bare = {"type": "sales_order_save_after", "data": {"value": ORDER}}
    wrapped = {
        "event_id": "b555a1b1",
        "event": {"type": f"{OBSERVED}.sales_order_save_after", "data": {"value": ORDER}},
    }
    for body in (inside, webhook, bare, wrapped, event("sales_order_save_commit_after", ORDER)):
        assert told(body) == told(event("sales_order_save_after", ORDER))


def context(*events: dict[str, Any], customer_id: str | None = None) -> SourceContext:
    known: dict[str, Event] = {
        each["id"]: replace(read_event(each, thin=True), customer_id=customer_id) for each in events
    }
    return SourceContext(shop="main", told=known.get)


PLACED = told(event("sales_order_save_after", ORDER))[0]
IN_IT = {"id": "12", "items": [{"sku": "POT-1-RED", "name": "Teapot", "quantity": 2}]}
DHL = {**IN_IT, "carrier": "DHL", "tracking_number": "00340434161094042557"}


def test_a_parcel_of_an_order_that_was_told_before() -> None:
    (sent,) = told(event("sales_order_shipment_save_after", SHIPMENT))
    assert (sent["id"], sent["type"], sent["time"]) == (
        "shipment:12:shipped",
        "shipment.shipped",
        "2026-03-03T08:00:00+00:00",
    )
    assert sent["incomplete"] == {"order": "5", "shipment": "12"}
    (number,) = told(event("sales_order_shipment_track_save_after", TRACK))
    assert number["id"] == "shipment:12:tracked"
    for customer_id, customer in ((None, WHO), ("ann", {"id": "ann"})):
        for known, shipment in (((PLACED,), IN_IT), ((PLACED, number), DHL)):
            whole = make(context(*known, customer_id=customer_id)).complete(sent)
            assert whole == {"customer": customer, "data": {"order": BOUGHT, "shipment": shipment}}
    with pytest.raises(NotYet, match="order 5 is not known yet"):
        make(context(number)).complete(sent)
    assert told(event("sales_order_shipment_save_after", {**SHIPMENT, "_isNew": False})) == []


def test_a_refund() -> None:
    (given,) = told(event("sales_order_creditmemo_save_after", MEMO))
    items = [{"sku": "POT-1-RED", "name": "Teapot", "quantity": 1, "price": "24.9500"}]
    refund = {"id": "3", "amount": "24.9500", "items": items}
    whole = make(context(PLACED)).complete(given)
    assert whole == {"customer": WHO, "data": {"refund": refund, "order": BOUGHT}}
    for nothing in ({"state": "3"}, {"grand_total": 0}, {"grand_total": None}, {"_isNew": False}):
        assert told(event("sales_order_creditmemo_save_after", {**MEMO, **nothing})) == []


class TestAsking:
    """Orders that were not told of before are asked for."""

    def make(self, server: HTTPServer, **more: Any) -> Magento:
        return make(
            SourceContext(shop="main", http=Outgoing()), api=server.url_for("/rest"), access_token="t0ken", **more
        )

    def test_the_shop(self, httpserver: HTTPServer) -> None:
        token = {"Authorization": "Bearer t0ken"}
        shown = {**ORDER, "billing_address": BILLING, "addresses": None}
        httpserver.expect_request("/rest/V1/orders/5", headers=token).respond_with_json(shown)
        sent = {**SHIPMENT, "tracks": [TRACK]}
        httpserver.expect_request("/rest/V1/shipment/12", headers=token).respond_with_json(sent)
        (event_,) = told(event("sales_order_shipment_save_after", SHIPMENT))
        whole = self.make(httpserver, customer_prefix="b2b-").complete(event_)
        assert whole == {"customer": {**WHO, "id": "b2b-11"}, "data": {"order": BOUGHT, "shipment": DHL}}

    def test_an_order_that_is_gone(self, httpserver: HTTPServer) -> None:
        httpserver.expect_request("/rest/V1/orders/5").respond_with_data("{}", status=404)
        (event_,) = told(event("sales_order_creditmemo_save_after", MEMO))
        assert self.make(httpserver).complete(event_) is None

    def test_a_shop_that_does_not_answer(self, httpserver: HTTPServer) -> None:
        httpserver.expect_request("/rest/V1/orders/5").respond_with_data("{}", status=503)
        (event_,) = told(event("sales_order_creditmemo_save_after", MEMO))
        with pytest.raises(DeliveryError, match="answered 503"):
            self.make(httpserver).complete(event_)


def test_customers() -> None:
    (changed,) = told(event("customer_save_after", CUSTOMER))
    assert (changed["type"], changed["time"]) == ("customer.updated", "2026-03-02T09:00:00+00:00")
    assert changed["customer"] == {"id": "11", "email": "ann@example.com", "first_name": "Ann", "last_name": "Gruber"}
    (made,) = told(event("customer_save_commit_after", {**CUSTOMER, "_isNew": True}), customer_prefix="b2b-")
    assert (made["id"], made["type"]) == ("customer:11:created", "customer.created")
    assert made["customer"]["id"] == "b2b-11"


def test_what_is_no_event() -> None:
    for wrong, problem in (
        ({}, "type"),
        (event("sales_order_save_after", {"state": "new"}), "entity_id"),
        (event("sales_order_shipment_save_after", {"entity_id": 1}), "order_id"),
        (event("sales_order_shipment_track_save_after", {"order_id": 1}), "parent_id"),
    ):
        with pytest.raises(InputError, match=f"{problem}: is missing"):
            told(wrong)


def test_replies() -> None:
    def reply(query: str = "", **headers: str) -> bytes | None:
        url = f"https://shop.example/hooks/magento/main{query}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return make().answer(Request(url=url, headers=named, received_at=datetime.now(UTC)))

    asked = "8ec8d794-e0ab-42df-9017-e3dada8e84f7"
    assert reply(f"?challenge={asked}") == asked.encode()
    for odd in ("", "?challenge=", "?challenge=<script>", "?challenge=a%0d%0ab", f"?challenge={'a' * 101}"):
        assert reply(odd) is None
    assert reply(x_adobe_commerce_webhook_signature="any") == b'{"op":"success"}'


def test_settings() -> None:
    weak, other = pem(private("weak", 1024)), pem(ec.generate_private_key(ec.SECP256R1()))
    for wrong in (
        {"secrets": ()},
        {"client_id": ""},
        {"event_keys": ("not a key",)},
        {"webhook_keys": (weak,)},
        {"webhook_keys": (other,)},
        {"api": "https://tea.example/rest"},
        {"access_token": "t0ken"},
    ):
        with pytest.raises(ValidationError):
            make(**wrong)
