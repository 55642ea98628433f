"""BigCommerce: the kit's suite, and what becomes of its hooks when the store is asked."""

from __future__ import annotations

import hmac
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook
from werkzeug import Request as Asked
from werkzeug import Response

from messaging import DeliveryError, InputError, Request, SourceContext
from messaging.outgoing import Outgoing
from messaging.rules.envelope import read_event
from messaging.testing import Answer, SourceContract, as_json
from messaging_shops.bigcommerce import BigCommerce, BigCommerceSettings
from tests.plugins.messaging_shops.payloads import bodies, read

SECRET = "6f3c7a1d9be84c52a1c04be2c1f0d7a9e5b3c8d2f4a6b1c9d0e7f8a2b3c4d5e6"
OLD = "0ldc7a1d9be84c52a1c04be2c1f0d7a9e5b3c8d2f4a6b1c9d0e7f8a2b3c4d5e6"
AT = 1_772_445_600  # 2026-03-02, 10:00 UTC

ORDER, PRODUCTS, SHIPMENTS, REFUND, CART, CUSTOMER, SUBSCRIBER = (
    read(f"bigcommerce/api/{thing}")
    for thing in ("order", "products", "shipments", "refund", "cart", "customer", "subscriber")
)
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
    "id": "250",
    "number": "250",
    "total": "59.9000",
    "currency": "EUR",
    "items": [
        {"sku": "POT-1", "name": "Teapot", "quantity": 2, "price": "24.9500"},
        {"sku": "100", "name": "Lid, of the teapot", "quantity": 1, "price": "10.0000"},
    ],
}
DHL = {
    "id": "12",
    "carrier": "DHL",
    "tracking_number": "00340434161094042557",
    "tracking_url": "https://carrier.example/track/00340434161094042557",
    "items": [{"sku": "POT-1", "name": "Teapot", "quantity": 1, "price": "24.9500"}],
}


def hook(scope: str, **changes: Any) -> dict[str, Any]:
    return {**read(f"bigcommerce/{scope.replace('/', '.')}"), **changes}


def status(now: int, before: int) -> dict[str, Any]:
    changed = {"previous_status_id": before, "new_status_id": now}
    data = {"type": "order", "id": 250, "status": changed}
    return hook("store/order/statusUpdated", data=data, hash=f"hash{before}to{now}")


CREATED = hook("store/order/created")
SHIPPED = hook("store/shipment/created")
REFUNDED = hook("store/order/refund/created")
ABANDONED = hook("store/cart/abandoned")
SUBSCRIBED = hook("store/subscriber/updated")
ALL = [json.loads(body) for body in bodies("bigcommerce").values()]


def signed(body: bytes, secret: str = SECRET, at: float | None = None, id: str = "msg_1") -> dict[str, str]:
    time = int(datetime.now(UTC).timestamp() if at is None else at)
    mac = hmac.digest(secret.encode(), f"{id}.{time}.".encode() + body, "sha256")
    return {"webhook-id": id, "webhook-timestamp": str(time), "webhook-signature": f"v1,{b64encode(mac).decode()}"}


def raw(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()


SETTINGS: dict[str, Any] = {"secrets": [SECRET], "store": "abc123", "access_token": "t0ken"}


def request(topic: str, body: bytes) -> Request:
    at = datetime.now(UTC)
    return Request(url="https://shop.example/hooks/x/main", body=body, headers=signed(body), received_at=at)


def make(context: SourceContext | None = None, **settings: Any) -> BigCommerce:
    return BigCommerce(BigCommerceSettings(**{**SETTINGS, **settings}), context or SourceContext(shop="main"))


def thin(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    events = [dict(each) for each in make().events(request("", raw(body)))]
    for each in events:
        read_event(each, thin=True)
    return events


class Store:
    """A BigCommerce store's API, on a socket."""

    def __init__(self, server: HTTPServer) -> None:
        self.order: dict[str, Any] | None = deepcopy(ORDER)
        self.products = deepcopy(PRODUCTS)
        self.shipments = deepcopy(SHIPMENTS)
        self.refunds = [deepcopy(REFUND)]
        self.cart: dict[str, Any] | None = deepcopy(CART)
        self.customers = [deepcopy(CUSTOMER)]
        self.subscriber: dict[str, Any] | None = deepcopy(SUBSCRIBER)
        self.asked: list[str] = []
        #: The status it answers with, whatever it is asked.
        self.answers = 200
        self.url = server.url_for("")
        server.expect_request(re.compile("/stores/abc123/.*"), method="GET").respond_with_handler(self.answer)

    def answer(self, asked: Asked) -> Response:
        self.asked.append(asked.full_path.rstrip("?").removeprefix("/stores/abc123/"))
        if self.answers != 200:
            return Response("{}", self.answers, headers={"X-Rate-Limit-Time-Reset-Ms": "15000"})
        if asked.headers.get("X-Auth-Token") != "t0ken":
            return Response("{}", 401)
        found = self.find(asked.path.removeprefix("/stores/abc123/"))
        if found is None:
            return Response('[{"status": 404, "message": "The requested resource was not found."}]', 404)
        # The older half of the API says so where there is nothing.
        return Response("", 204) if found == [] else Response(json.dumps(found), content_type="application/json")

    def find(self, path: str) -> Any:
        parcels = {f"v2/orders/250/shipments/{each['id']}": each for each in self.shipments}
        return {
            "v2/orders/250": self.order,
            "v2/orders/250/products": self.products,
            "v2/orders/250/shipments": self.shipments,
            "v3/orders/250/payment_actions/refunds": {"data": self.refunds, "meta": {}},
            f"v3/carts/{CART['id']}": self.cart and {"data": self.cart},
            "v3/customers": {"data": self.customers},
            "v3/customers/subscribers/5": self.subscriber and {"data": self.subscriber},
            **parcels,
        }.get(path)

    def complete(self, event: Mapping[str, Any], **settings: Any) -> Mapping[str, Any] | None:
        source = make(SourceContext(shop="main", http=Outgoing()), api=self.url, **settings)
        whole = source.complete(event)
        if whole is not None:
            read_event({**{key: event[key] for key in ("id", "type", "time")}, **whole})
        return whole

    def told(self, body: Mapping[str, Any], **settings: Any) -> list[tuple[str, Mapping[str, Any]]]:
        """What a hook comes to: types, and what was completed."""
        found = [(event["type"], self.complete(event, **settings)) for event in thin(body)]
        return [(type, whole) for type, whole in found if whole is not None]

    def types(self, body: Mapping[str, Any]) -> list[str]:
        return [type for type, _ in self.told(body)]


@pytest.fixture
def store(httpserver: HTTPServer) -> Store:
    return Store(httpserver)


class TestContract(SourceContract):
    source = BigCommerce
    replay_window = timedelta(seconds=300)

    def settings(self) -> Mapping[str, Any]:
        return SETTINGS

    def other_settings(self) -> Mapping[str, Any]:
        return {**SETTINGS, "secrets": [OLD]}

    def bodies(self) -> Sequence[bytes]:
        statuses = ((11, 0), (2, 11), (3, 9), (4, 2), (5, 11), (8, 11), (10, 2), (13, 2))
        return [*map(raw, ALL), *(raw(status(now, before)) for now, before in statuses)]

    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        return signed(body, at=at.timestamp())

    def shop_api(self, method: str, request: Request) -> Answer:
        assert (method, request.header("X-Auth-Token")) == ("GET", "t0ken")
        path = request.url.removeprefix("https://api.bigcommerce.com/stores/abc123/").partition("?")[0]
        found = Store.find(_Kept(), path)  # type: ignore[arg-type] # it has all that is asked for
        return Answer(status=404) if found is None else as_json(found)


class _Kept:
    order, products, shipments, refunds = ORDER, PRODUCTS, SHIPMENTS, (REFUND,)
    cart, customers, subscriber = CART, (CUSTOMER,), SUBSCRIBER


def test_the_reference_library_signs_the_same() -> None:
    body, now = raw(CREATED), datetime.now(UTC)
    theirs = Webhook(b64encode(SECRET.encode()).decode()).sign("msg_1", now, body.decode())
    assert signed(body, at=now.timestamp())["webhook-signature"] == theirs


def test_a_hook_tells_an_id_and_a_time() -> None:
    placed, paid = thin(CREATED)
    assert placed == {
        "id": f"dd70c0976e06:{AT}:order.placed",
        "type": "order.placed",
        "time": "2026-03-02T10:00:00+00:00",
        "incomplete": {"order": "250"},
    }
    assert paid == {**placed, "id": f"dd70c0976e06:{AT}:order.paid", "type": "order.paid"}


def test_what_is_told_again_has_the_same_id_and_what_happens_again_has_not() -> None:
    again = thin(CREATED)
    assert [each["id"] for each in again] == [each["id"] for each in thin(CREATED)]
    later = thin({**CREATED, "created_at": AT + 1})
    assert not {each["id"] for each in later} & {each["id"] for each in again}
    bare = thin(hook("store/order/created", created_at=None))
    assert bare[0]["id"] == "dd70c0976e06::order.placed"


@pytest.mark.parametrize(
    ("before", "now", "types"),
    [
        (0, 11, ["order.placed", "order.paid"]),
        (0, 7, ["order.placed"]),
        (1, 12, ["order.placed"]),
        (7, 11, ["order.paid"]),
        (0, 1, []),
        (0, 6, []),
        (1, 5, []),
        (11, 9, []),
        (11, 3, ["order.partially_shipped"]),
        (3, 2, ["order.shipped"]),
        (7, 2, ["order.paid", "order.shipped"]),
        (11, 8, ["order.ready_for_pickup"]),
        (2, 10, ["order.delivered"]),
        (11, 5, ["order.cancelled"]),
        (7, 6, ["order.cancelled"]),
        (2, 4, ["order.refunded"]),
        (2, 14, []),
        (2, 13, []),
    ],
)
def test_statuses(store: Store, before: int, now: int, types: list[str]) -> None:
    assert store.order is not None
    store.order["status_id"] = now
    assert store.types(status(now, before)) == types


def test_an_order_with_all_that_is_bought(store: Store) -> None:
    (placed, whole), (paid, also) = store.told(CREATED)
    assert (placed, paid) == ("order.placed", "order.paid")
    assert whole == also == {"customer": {**WHO, "locale": "de"}, "data": {"order": BOUGHT}}


def test_prices_as_the_store_shows_them(store: Store) -> None:
    assert store.order is not None
    store.order["is_tax_inclusive_pricing"] = False
    (_, whole), *_ = store.told(CREATED)
    assert [each["price"] for each in whole["data"]["order"]["items"]] == ["20.7917", "8.3333"]


def test_links_lead_to_the_storefront(store: Store) -> None:
    account = "https://tea.example/account.php?action=view_order&order_id=250"
    (_, whole), *_ = store.told(CREATED, storefront="https://tea.example")
    assert whole["data"]["order"]["url"] == account
    assert store.order is not None
    store.order["customer_id"] = 0
    (_, whole), *_ = store.told(CREATED, storefront="https://tea.example")
    assert "url" not in whole["data"]["order"], "a guest has no account"
    assert "id" not in whole["customer"]


def test_an_order_that_is_still_at_the_checkout_is_not_told(store: Store) -> None:
    assert store.order is not None
    for unfinished in (0, 1):
        store.order["status_id"] = unfinished
        assert store.types(CREATED) == []
    assert {path.partition("?")[0] for path in store.asked} == {"v2/orders/250"}, "nothing else is asked then"


@pytest.mark.parametrize("word", ["authorized", "pending", "declined", "capture pending", "void"])
def test_an_order_whose_money_is_not_there_is_not_paid(store: Store, word: str) -> None:
    assert store.order is not None
    store.order["payment_status"] = word
    assert store.types(CREATED) == ["order.placed"]


def test_what_is_gone_is_not_told(store: Store) -> None:
    store.order = store.cart = store.subscriber = None
    store.customers = []
    for body in ALL:
        assert store.types(body) == [], body["scope"]


def test_an_order_that_was_deleted(store: Store) -> None:
    assert store.order is not None
    store.order["is_deleted"] = True
    assert store.types(CREATED) == []


def test_a_parcel(store: Store) -> None:
    ((type, whole),) = store.told(SHIPPED)
    assert type == "shipment.shipped"
    assert whole["data"] == {"order": BOUGHT, "shipment": DHL}
    ((_, own),) = store.told({**SHIPPED, "data": {"id": 11, "orderId": 250}})
    assert own["data"]["shipment"]["tracking_url"] == "https://tea.example/track/1Z", "the store's own link goes first"
    assert store.told({**SHIPPED, "data": {"id": 13, "orderId": 250}}) == []


def test_an_order_that_left_names_the_parcel_that_made_it_so(store: Store) -> None:
    for now, type in ((2, "order.shipped"), (3, "order.partially_shipped")):
        ((told, whole),) = store.told(status(now, 11))
        assert (told, whole["data"]["shipment"]) == (type, DHL)
    store.shipments = []
    ((_, whole),) = store.told(status(2, 11))
    assert "shipment" not in whole["data"]


def test_a_digital_order_does_not_arrive(store: Store) -> None:
    assert store.order is not None
    store.order["order_is_digital"] = True
    assert store.types(status(10, 0)) == ["order.placed", "order.paid"]


def test_a_refund(store: Store) -> None:
    ((type, whole),) = store.told(REFUNDED)
    assert type == "order.refunded"
    items = [{"sku": "POT-1", "name": "Teapot", "quantity": 1, "price": "24.9500"}]
    assert whole["data"]["refund"] == {"id": "3", "amount": "24.95", "items": items}
    store.refunds[0]["payments"][0]["is_declined"] = True
    assert store.told(REFUNDED) == []
    store.refunds = []
    assert store.told(REFUNDED) == []


def test_an_order_of_which_all_was_given_back_names_the_refund_that_made_it_so(store: Store) -> None:
    store.refunds.insert(0, {**REFUND, "id": 2})
    ((type, whole),) = store.told(status(4, 2))
    assert (type, whole["data"]["refund"]["id"]) == ("order.refunded", "3")
    store.refunds = []
    ((_, whole),) = store.told(status(4, 2))
    assert whole["data"] == {"order": BOUGHT}


def test_a_cart(store: Store) -> None:
    ((type, whole),) = store.told(ABANDONED, storefront="https://tea.example")
    assert type == "cart.updated"
    assert whole == {
        "customer": {"email": "ann@example.com", "locale": "de"},
        "data": {
            "cart": {
                "id": CART["id"],
                "total": "34.9",
                "currency": "EUR",
                "url": "https://tea.example/cart.php",
                "items": [
                    {
                        "sku": "POT-1",
                        "name": "Teapot",
                        "quantity": 1,
                        "price": "24.9",
                        "url": "https://tea.example/teapot/",
                        "image": "https://cdn.example/teapot.png",
                    },
                    {"sku": "80", "name": "A book on tea", "quantity": 1, "price": "10"},
                ],
            }
        },
    }
    assert store.cart is not None
    store.cart["email"] = ""
    assert store.told(ABANDONED) == [], "nobody knows whose it is"
    store.cart["customer_id"] = 11
    ((_, whole),) = store.told(ABANDONED)
    assert whole["customer"] == {"id": "11", "locale": "de"}
    assert store.types(hook("store/cart/converted")) == ["order.placed"]


def test_customers_and_what_they_agreed_to(store: Store) -> None:
    ((type, whole),) = store.told(hook("store/customer/created"))
    assert (type, whole) == ("customer.created", {"customer": WHO, "data": {}})
    assert "v3/customers?id:in=11&include=addresses" in store.asked
    ((type, whole),) = store.told(SUBSCRIBED)
    consent = {"channel": "email", "granted": True, "address": "ann@example.com", "source": "bigcommerce"}
    assert (type, whole["data"]) == ("consent.changed", {"consent": consent})
    assert whole["customer"] == {"email": "ann@example.com", "first_name": "Ann"}, "a subscriber's id is no customer's"
    assert store.subscriber is not None
    store.subscriber["consents"] = ["abandoned_cart"]
    ((_, whole),) = store.told(SUBSCRIBED)
    assert whole["data"]["consent"]["granted"] is False


def test_ids_of_several_stores(store: Store) -> None:
    (_, whole), *_ = store.told(CREATED, customer_prefix="b2b-")
    assert whole["customer"]["id"] == "b2b-11"


@pytest.mark.parametrize("status", [429, 503, 401])
def test_a_store_that_does_not_answer_now(store: Store, status: int) -> None:
    store.answers = status
    with pytest.raises(DeliveryError, match=f"answered {status}") as caught:
        store.told(CREATED)
    assert "t0ken" not in str(caught.value)
    assert caught.value.after == timedelta(seconds=15)


def test_another_stores_hook() -> None:
    """An app has one secret, whichever stores it is in."""
    for producer in ("stores/other1", "stores/abc1234", "abc123", None, ["stores/abc123"]):
        with pytest.raises(InputError, match="another store"):
            thin({**CREATED, "producer": producer})


def test_what_is_no_hook() -> None:
    for wrong, problem in (
        ({**CREATED, "scope": None}, "scope"),
        ({**CREATED, "hash": None}, "hash"),
        ({**CREATED, "data": {}}, "data.id"),
        (hook("store/order/statusUpdated", data={"id": 250}), "new_status_id"),
        ({**SHIPPED, "data": {"id": 12}}, "data.orderId"),
        ({**REFUNDED, "data": {"id": 250}}, "refund_id"),
    ):
        with pytest.raises(InputError, match=f"{problem}: is missing"):
            thin(wrong)


def test_settings() -> None:
    for wrong in (
        {"secrets": []},
        {"secrets": [" "]},
        {"store": "../other"},
        {"store": "abc123/v2"},
        {"storefront": "javascript:alert(1)"},
        {"storefront": "https://tea.example/"},
    ):
        with pytest.raises(ValidationError):
            make(**wrong)
