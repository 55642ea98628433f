"""Magento and Adobe Commerce: the kit's suite by each way of signing, what becomes of events, and what forgers try."""

from __future__ import annotations

import hmac
import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pytest_httpserver import HTTPServer

from messaging import DeliveryError, InputError, NotSent, NotYet, Request, RequestRejected, SourceContext
from messaging.nouns.event import Event
from messaging.outgoing import Outgoing
from messaging.rules.envelope import read_event
from messaging.testing import Answer, SourceContract, as_json
from messaging_shops.adobe_keys import AdobeKeys, read_key
from messaging_shops.magento import Magento, MagentoSettings
from tests.plugins.messaging_shops.garbling import garbled

if TYPE_CHECKING:
    from tests.plugins.messaging_shops.conftest import Hooks

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


BILLING = {
    "address_type": "billing",
    "firstname": "Ann",
    "lastname": "Gruber",
    "city": "Linz",
    "country_id": "AT",
    "postcode": "4020",
    "region": "Oberösterreich",
    "telephone": "+436600000001",
    "email": "ann@example.com",
}
ORDER = {
    "entity_id": "5",
    "increment_id": "000000005",
    "state": "processing",
    "status": "processing",
    "created_at": "2026-03-02 10:00:00",
    "updated_at": "2026-03-02 10:00:07",
    "grand_total": 59.9,
    "total_paid": "59.9000",
    "order_currency_code": "EUR",
    "customer_id": 11,
    "customer_email": "ann@example.com",
    "customer_firstname": "Ann",
    "customer_lastname": "Gruber",
    "items": [
        {
            "item_id": "7",
            "order_id": "5",
            "sku": "POT-1-RED",
            "name": "Teapot",
            "qty_ordered": "2.0000",
            "price": "20.7917",
            "price_incl_tax": "24.9500",
            "parent_item_id": None,
        },
        {"item_id": "8", "order_id": "5", "sku": "POT-1-RED", "name": "Teapot-Red", "parent_item_id": "7"},
        {"item_id": "9", "sku": "TEA", "name": "Tea", "qty_ordered": 0.25, "price": 40, "parent_item_id": 0},
    ],
    "addresses": [{"address_type": "shipping", "firstname": "Bob", "telephone": "+436600000002"}, BILLING],
}
SHIPMENT = {
    "entity_id": "12",
    "increment_id": "000000012",
    "order_id": "5",
    "customer_id": "11",
    "created_at": "2026-03-03 08:00:00",
    "items": [{"sku": "POT-1-RED", "name": "Teapot", "qty": "2.0000", "parent_id": "12"}, {"sku": "POT-1-RED"}],
    "tracks": [],
    "_isNew": True,
}
TRACK = {
    "entity_id": "4",
    "parent_id": "12",
    "order_id": "5",
    "track_number": "00340434161094042557",
    "title": "DHL",
    "carrier_code": "dhl",
    "created_at": "2026-03-03 08:00:01",
}
MEMO = {
    "entity_id": "3",
    "increment_id": "000000003",
    "order_id": "5",
    "state": "2",
    "grand_total": "24.9500",
    "order_currency_code": "EUR",
    "created_at": "2026-03-04 10:00:00",
    "items": [
        {"sku": "POT-1-RED", "name": "Teapot", "qty": 1, "price": "20.7917", "price_incl_tax": "24.9500"},
        {"sku": "POT-1-RED", "name": "Teapot-Red", "qty": 1, "price": None},
    ],
    "_isNew": True,
}
CUSTOMER = {
    "entity_id": "11",
    "email": "ann@example.com",
    "firstname": "Ann",
    "lastname": "Gruber",
    "created_at": "2026-03-01 09:00:00",
    "updated_at": "2026-03-02 09:00:00",
}


def event(topic: str, value: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """As I/O Events post it."""
    return {
        "specversion": "1.0",
        "id": "83b0eac0-56d6-4499-afa6-4dc58ff6ac7f",
        "source": "urn:uuid:5a1f8e5c-0000-4000-8000-3c1c1c1c1c1c",
        "type": f"com.adobe.commerce.observer.{topic}",
        "datacontenttype": "application/json",
        "time": "2026-03-02T10:00:08.123456Z",
        "event_id": "b555a1b1-935b-4541-b410-1915775338b5",
        "recipient_client_id": CLIENT,
        "data": {"key": "1", "value": value, "_metadata": {"storeId": "1"}},
        **more,
    }


BODIES = [
    event("sales_order_save_after", ORDER),
    event("sales_order_save_commit_after", {**ORDER, "state": "canceled", "total_paid": None}),
    event("sales_order_shipment_save_after", SHIPMENT),
    event("sales_order_shipment_track_save_after", TRACK),
    event("sales_order_creditmemo_save_after", MEMO),
    event("customer_save_after", CUSTOMER),
    event("catalog_product_save_after", {"sku": "TEA"}),
]


def raw(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()


def make(context: SourceContext | None = None, **settings: Any) -> Magento:
    return Magento(MagentoSettings(**{"secrets": (SECRET,), **settings}), context or SourceContext(shop="main"))


def told(body: Mapping[str, Any], **settings: Any) -> list[dict[str, Any]]:
    request = Request(url="https://shop.example/hooks/magento/main", body=raw(body), received_at=datetime.now(UTC))
    events = [dict(each) for each in make(**settings).events(request)]
    for each in events:
        read_event(each, thin=True)
    return events


class Contract(SourceContract):
    """What is the same, whoever signs."""

    __test__ = False
    source = Magento

    def bodies(self) -> Sequence[bytes]:
        return [raw(body) for body in BODIES]

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
    for body in (inside, webhook, bare, event("sales_order_save_commit_after", ORDER)):
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


class TestKeys:
    """Adobe's keys are asked for where Adobe has them, seldom, and whoever posts cannot make us ask elsewhere."""

    def make(self, server: HTTPServer) -> Magento:
        http = Outgoing(allow_private=["127.0.0.0/8", "::1/128"], allow_http=True)
        return make(SourceContext(shop="main", http=http), client_id=CLIENT, keys=server.url_for(""))

    def post(self, source: Magento, body: bytes, headers: Mapping[str, str]) -> None:
        at = datetime.now(UTC)
        source.verify(Request(url="https://x.example/", body=body, headers=headers, received_at=at))

    BODY = raw(BODIES[0])

    def test_each_is_asked_for_once(self, httpserver: HTTPServer) -> None:
        httpserver.expect_ordered_request(PATH).respond_with_data(pem(private("one")))
        source = self.make(httpserver)
        for _ in range(3):
            self.post(source, self.BODY, adobes(self.BODY))
        assert len(httpserver.log) == 1
        with pytest.raises(RequestRejected):
            self.post(source, self.BODY + b" ", {**adobes(self.BODY), "x-adobe-digital-signature-2": ""})

    def test_the_second_will_do(self, httpserver: HTTPServer) -> None:
        httpserver.expect_request(PATH).respond_with_data("", status=404)
        httpserver.expect_request("/prod/keys/pub-key-kruhWwu4Or.pem").respond_with_data(pem(private("two")))
        self.post(self.make(httpserver), self.BODY, adobes(self.BODY))

    @pytest.mark.parametrize(
        "path",
        [
            "",
            "/",
            "/prod/keys/../../pub-key-x.pem",
            "/prod/keys/pub-key-x.pem/../../evil.pem",
            "//evil.example/prod/keys/pub-key-x.pem",
            "@evil.example/prod/keys/pub-key-x.pem",
            ".evil.example/prod/keys/pub-key-x.pem",
            "/prod/keys/pub-key-%2e%2e.pem",
            "/prod/keys/pub-key-x.pem?at=evil",
            "/prod/keys/pub-key-x.pem#",
            "/prod/keys/pub-key-x.pem\n",
            "/prod/keys/pub-key-é.pem",
            f"/prod/keys/pub-key-{'x' * 65}.pem",
            "/stage/keys/pub-key-x.pem",
        ],
    )
    def test_no_other_path_is_asked_for(self, httpserver: HTTPServer, path: str) -> None:
        headers = {"x-adobe-digital-signature-1": by("evil", self.BODY), "x-adobe-public-key1-path": path}
        with pytest.raises(RequestRejected, match="signature is missing or wrong"):
            self.post(self.make(httpserver), self.BODY, headers)
        assert httpserver.log == []

    def test_who_does_not_name_us_costs_nothing(self, httpserver: HTTPServer) -> None:
        body = self.BODY.replace(CLIENT.encode(), CLIENT[::-1].encode())
        with pytest.raises(RequestRejected, match="not for this shop"):
            self.post(self.make(httpserver), body, adobes(body))
        assert httpserver.log == []

    def test_signed_by_adobe_for_somebody_else(self, httpserver: HTTPServer) -> None:
        """Adobe signs what all its customers make happen, and they may write our name into it."""
        httpserver.expect_request(PATH).respond_with_data(pem(private("one")))
        for named in (
            {"recipient_client_id": CLIENT[::-1], "evil": CLIENT},
            {"recipient_client_id": None, "evil": CLIENT},
            {"recipient_client_id": [CLIENT]},
            {"recipientclientid": CLIENT[::-1]},
        ):
            body = raw(event("sales_order_save_after", ORDER, **named))
            with pytest.raises(RequestRejected, match="not for this shop"):
                self.post(self.make(httpserver), body, adobes(body))

    def test_when_adobe_does_not_answer_it_is_posted_again(self, httpserver: HTTPServer) -> None:
        httpserver.expect_request(PATH).respond_with_data("", status=503)
        with pytest.raises(DeliveryError):
            self.post(self.make(httpserver), self.BODY, adobes(self.BODY))

    def test_nobody_makes_us_ask_without_end(self, httpserver: HTTPServer) -> None:
        httpserver.expect_request(re.compile("/prod/keys/.*")).respond_with_data("", status=404)
        source = self.make(httpserver)
        refused: list[type[Exception]] = []
        for number in range(30):
            headers = {
                "x-adobe-digital-signature-1": by("evil", self.BODY),
                "x-adobe-public-key1-path": f"/prod/keys/pub-key-{number}.pem",
            }
            with pytest.raises((RequestRejected, NotSent)) as caught:
                self.post(source, self.BODY, headers)
            refused.append(caught.type)
        assert refused == [RequestRejected] * 10 + [NotSent] * 20
        assert len(httpserver.log) == 10

    def test_what_is_no_key(self, httpserver: HTTPServer) -> None:
        http = Outgoing(allow_private=["127.0.0.0/8", "::1/128"], allow_http=True)
        for number, text in enumerate(("<html>", pem(private("weak", 1024)), "x" * 20_000)):
            path = f"/prod/keys/pub-key-{number}.pem"
            httpserver.expect_request(path).respond_with_data(text)
            keys = AdobeKeys(http, httpserver.url_for(""))
            if len(text) > 10_000:
                with pytest.raises(NotSent):
                    keys.get(path)
            else:
                assert keys.get(path) is None
        assert read_key(pem(private("one"))).key_size == 2048


@given(st.sampled_from(BODIES).flatmap(garbled))
def test_whatever_is_posted_is_an_event_or_no_event(body: dict[str, Any]) -> None:
    try:
        told(body)
    except InputError:
        pass


class TestServer:
    @pytest.fixture
    def server(self, hooks: Callable[[str], Hooks]) -> Hooks:
        return hooks(
            f"""
[sources.magento.main]
client_id = "{CLIENT}"
event_keys = ['''{pem(private("one"))}''']
webhook_keys = ['''{pem(private("shop"))}''']
secrets = ["{SECRET}"]
[sources.magento.other]
secrets = ["another-secret-of-theirs"]
"""
        )

    BODY = raw(BODIES[0])

    def test_forged(self, server: Hooks) -> None:
        good, webhook = by("one", self.BODY), by("shop", b64encode(self.BODY))
        mine = module(self.BODY)
        again = json.dumps(json.loads(self.BODY), indent=1).encode()
        events, hook = "x-adobe-digital-signature-1", "x-adobe-commerce-webhook-signature"
        now = datetime.now(UTC).timestamp()
        for body, headers in (
            (self.BODY, {}),
            (self.BODY, {events: ""}),
            (self.BODY, {events: "x"}),
            (self.BODY, {events: good[:-2]}),
            (self.BODY, {events: good + "AAAA"}),
            (self.BODY, {events: good.swapcase()}),
            (self.BODY, {events: "é\U0001f512"}),
            (self.BODY, {events: webhook}),
            (self.BODY, {events: by("shop", self.BODY)}),
            (self.BODY, {events: by("evil", self.BODY)}),
            (again, {events: good}),
            (self.BODY + b" ", {events: good}),
            (self.BODY, {hook: good}),
            (self.BODY, {hook: by("shop", self.BODY)}),
            (self.BODY, {hook: by("evil", b64encode(self.BODY))}),
            (again, {hook: webhook}),
            (self.BODY, {**mine, "webhook-timestamp": str(int(now) - 1)}),
            (self.BODY, module(self.BODY, at=now - 302)),
            (self.BODY, module(self.BODY, "another-secret-of-theirs")),
            # One that is wrong is not made good by another way.
            (self.BODY, {**mine, events: "x"}),
        ):
            assert server.status("magento/main", body, headers) == 401, headers
        for headers in ({events: good}, {hook: webhook}, mine):
            assert server.status("magento/other", self.BODY, headers) == 401
        assert server.events() == []

    def test_genuine_each_way(self, server: Hooks) -> None:
        for headers in (
            {"x-adobe-digital-signature-1": by("one", self.BODY)},
            {"x-adobe-digital-signature-2": by("one", self.BODY)},
            {"x-adobe-commerce-webhook-signature": by("shop", b64encode(self.BODY))},
            module(self.BODY),
        ):
            assert server.post("magento/main", self.BODY, headers).is_success
        assert [event.id for event in server.events()] == ["order:5:paid", "order:5:placed"]
