"""What WooCommerce posts, and what becomes of it."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from messaging import EventSource, InputError, Request, RequestRejected, SettingsError, SourceContext
from messaging.rules.envelope import read_event
from messaging.services.plugin_settings import read_settings
from messaging.testing import SourceContract
from messaging_shops.woocommerce import WooCommerce, WooCommerceSettings
from tests.plugins.messaging_shops.payloads import bodies, body

SECRET = "s3cret of the shop & its owner"
NOW = datetime(2026, 3, 7, 12, 0, tzinfo=UTC)
BODIES = bodies("woocommerce")


def sign(body: bytes, secret: str = SECRET) -> str:
    return b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def request(topic: str, body: bytes, **headers: str) -> Request:
    given = {"x-wc-webhook-topic": topic, "x-wc-webhook-signature": sign(body), **headers}
    return Request(url="https://shop.example/", body=body, headers=given, received_at=NOW)


def make(**settings: Any) -> WooCommerce:
    model = read_settings(WooCommerceSettings, {"secrets": [SECRET], **settings}, ("sources", "woocommerce", "main"))
    return WooCommerce(model, SourceContext(shop="main"))


def events(topic: str, *, settings: Mapping[str, Any] | None = None, **changes: Any) -> list[Mapping[str, Any]]:
    found = list(make(**settings or {}).events(request(topic, body("woocommerce", topic, **changes))))
    for event in found:
        read_event({**event, "source": "woocommerce", "shop": "main"})
    return found


def told(topic: str, **changes: Any) -> list[tuple[str, str, str]]:
    """Id, type and time of what becomes of it."""
    return [(event["id"], event["type"], event["time"]) for event in events(topic, **changes)]


def types(topic: str, **changes: Any) -> list[str]:
    return [event["type"] for event in events(topic, **changes)]


class TestContract(SourceContract):
    source: ClassVar[type[EventSource]] = WooCommerce

    def settings(self) -> Mapping[str, Any]:
        return {"secrets": [SECRET]}

    def bodies(self) -> Sequence[bytes]:
        return list(BODIES.values())

    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        return {"X-WC-Webhook-Topic": _topic_of(body), "X-WC-Webhook-Signature": sign(body)}


def _topic_of(body: bytes) -> str:
    """Of the fixture that says the same; else of any."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return "order.created"
    return next((topic for topic, each in BODIES.items() if json.loads(each) == document), "order.created")


PLACED = ("order:727:placed", "order.placed", "2026-03-02T10:00:00+00:00")
PAID = ("order:727:paid", "order.paid", "2026-03-02T10:00:05+00:00")


@pytest.mark.parametrize(
    ("topic", "expected"),
    {
        "order.created": [PLACED, PAID],
        "order.updated": [
            PLACED,
            PAID,
            (
                "parcel:727-8f14e45fceea167a5a36dedd4bea2543",
                "shipment.shipped",
                "2026-03-03T00:00:00+00:00",
            ),
            ("order:727:shipped", "order.shipped", "2026-03-03T15:30:00+00:00"),
        ],
        "order.restored": [PLACED],
        "order.deleted": [],
        "customer.created": [("customer:25:created", "customer.created", "2026-01-04T09:00:00+00:00")],
        "product.updated": [],
    }.items(),
)
def test_what_becomes_of_it(topic: str, expected: list[tuple[str, str, str]]) -> None:
    assert told(topic) == expected


def test_an_order_has_all_that_a_template_shows() -> None:
    event = events("order.created")[0]
    assert event["customer"] == {
        "id": "25",
        "email": "ann@example.com",
        "phone": "030 23125010",
        "first_name": "Ann",
        "last_name": "Example",
        "locale": "de",
        "country": "DE",
        "region": "DE-BE",
        "city": "Berlin",
        "postal_code": "10115",
    }
    assert event["data"]["order"] == {
        "id": "727",
        "number": "727",
        "total": "55.46",
        "currency": "EUR",
        "items": [
            {
                "sku": "TEA-250",
                "name": "Darjeeling – 250 g",
                "quantity": 3,
                "price": "11.90",
                "image": "https://tea.example/wp-content/uploads/tea.jpg",
            },
            {"sku": "23", "name": "Teapot", "quantity": 1, "price": "14.76"},
        ],
        "url": "https://tea.example/kasse/order-received/727/?key=wc_order_58d2d042d1d",
    }


def test_prices_are_without_tax_where_the_shop_shows_them_so() -> None:
    items = events("order.created", prices_include_tax=False)[0]["data"]["order"]["items"]
    assert [item["price"] for item in items] == ["10.00", "12.40"]


def test_a_price_where_a_line_tells_no_total() -> None:
    line = {"name": "Teapot", "quantity": 3, "price": 3.3333333333333335}
    assert events("order.created", line_items=[line])[0]["data"]["order"]["items"][0]["price"] == "3.3333"
    for odd in ({"quantity": "0.000001", "total": "999999999999999.999999"}, {"quantity": -1, "total": "1"}):
        item = events("order.created", line_items=[{**line, **odd}])[0]["data"]["order"]["items"][0]
        assert item.get("price") in (None, "3.3333")


def test_where_the_customer_sees_the_order() -> None:
    def url(**changes: Any) -> str | None:
        page: str | None = events("order.created", **changes)[0]["data"]["order"].get("url")
        return page

    assert url(needs_payment=True) == (
        "https://tea.example/kasse/order-pay/727/?pay_for_order=true&key=wc_order_58d2d042d1d"
    )
    assert url(payment_url="https://tea.example/pay/727") is None
    assert url(payment_url="javascript:alert(1)") is None
    assert url(order_key=None) is None


def test_a_guest_has_no_id() -> None:
    assert "id" not in events("order.created", customer_id=0)[0]["customer"]


def test_local_times_are_not_believed() -> None:
    (placed, *_) = events("order.created", date_created_gmt=None)
    assert placed["time"] == NOW.isoformat()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("on-hold", ["order.placed"]),
        ("processing", ["order.placed"]),
        ("packed", ["order.placed"]),
        ("completed", ["order.placed", "order.shipped"]),
        ("shipped", ["order.placed", "order.shipped"]),
        ("partial-shipped", ["order.placed", "order.partially_shipped"]),
        ("delivered", ["order.placed", "order.delivered"]),
        ("ready-pickup", ["order.placed", "order.ready_for_pickup"]),
        ("refunded", ["order.placed", "order.refunded"]),
        ("cancelled", ["cart.updated", "order.cancelled"]),
        ("pending", ["checkout.started"]),
        ("failed", []),
        ("checkout-draft", []),
        (None, ["order.placed"]),
    ],
)
def test_what_a_status_tells(status: object, expected: list[str]) -> None:
    unpaid = {"date_paid_gmt": None, "date_paid": None}
    assert types("order.created", status=status, **unpaid) == expected


@pytest.mark.parametrize("status", ["cancelled", "failed", "refunded", "completed"])
def test_what_was_paid_was_placed(status: str) -> None:
    assert types("order.created", status=status)[:2] == ["order.placed", "order.paid"]


def test_who_is_at_the_payment_page_has_a_cart() -> None:
    pending = {"status": "pending", "date_paid_gmt": None, "needs_payment": True}
    (event,) = events("order.created", **pending)
    cart = event["data"]["cart"]
    assert event["data"].keys() == {"cart"}
    assert (cart["id"], cart["total"], cart["url"]) == (
        "727",
        "55.46",
        "https://tea.example/kasse/order-pay/727/?pay_for_order=true&key=wc_order_58d2d042d1d",
    )
    # An order that the shop wrote for somebody is no cart of theirs.
    assert events("order.created", **pending, created_via="admin") == []
    assert types("order.created", **{**pending, "status": "cancelled"}, created_via="admin") == ["order.cancelled"]


def test_what_nobody_paid_for_is_an_empty_cart() -> None:
    over = {"status": "cancelled", "date_paid_gmt": None, "date_modified_gmt": "2026-03-02T11:00:06"}
    cart, cancelled = events("order.updated", **over)
    assert (cart["type"], cart["time"]) == ("cart.updated", "2026-03-02T11:00:06+00:00")
    assert (cart["data"]["cart"]["id"], cart["data"]["cart"]["items"]) == ("727", [])
    assert cancelled["type"] == "order.cancelled"


def test_an_update_that_repeats_it_is_the_same() -> None:
    again = told("order.updated", date_modified_gmt="2026-03-09T12:00:00", customer_note="thank you")
    assert again == told("order.updated")


def test_parcels() -> None:
    shipment = {
        "id": "727-8f14e45fceea167a5a36dedd4bea2543",
        "carrier": "dhl-de",
        "tracking_number": "00340434161094042557",
    }
    *_, shipped, whole = events("order.updated")
    assert shipped["data"]["shipment"] == whole["data"]["shipment"] == shipment


def tracked(**fields: Any) -> dict[str, Any]:
    return {"meta_data": [{"key": "_wc_shipment_tracking_items", "value": [{"tracking_number": "AB 1", **fields}]}]}


def test_a_carrier_of_the_shops_own() -> None:
    own = {
        "custom_tracking_provider": "Bike",
        "custom_tracking_link": "https://bike.example/%1$s",
        "date_shipped": "9999999999",
    }
    *_, shipped, whole = events("order.updated", **tracked(**own))
    assert shipped["data"]["shipment"] == {
        "id": "727-AB 1",
        "carrier": "Bike",
        "tracking_number": "AB 1",
        "tracking_url": "https://bike.example/AB%201",
    }
    assert shipped["time"] == whole["time"]  # no day that is yet to come
    bad = events("order.updated", **tracked(custom_tracking_link="javascript:alert(1)"))
    assert "tracking_url" not in bad[-1]["data"]["shipment"]


def test_a_number_alone_is_no_parcel_that_left() -> None:
    assert types("order.created", **tracked()) == ["order.placed", "order.paid"]
    assert types("order.created", **tracked(), status="partial-shipped")[2:] == [
        "shipment.shipped",
        "order.partially_shipped",
    ]


@pytest.mark.parametrize("method", ["local_pickup", "pickup_location", None])
def test_what_is_not_sent_is_not_shipped(method: str | None) -> None:
    lines = [{"method_id": method}] if method else []
    changes = {"status": "completed", "shipping_lines": lines}
    assert types("order.created", **changes) == ["order.placed", "order.paid"]
    assert types("order.created", status="completed", shipping_lines=None)[2:] == ["order.shipped"]
    own = {"statuses": {"completed": "order.delivered"}}
    assert types("order.created", settings=own, **changes)[2:] == ["order.delivered"]
    assert types("order.created", **changes, **tracked())[2:] == ["shipment.shipped", "order.shipped"]


def test_statuses_of_the_shops_own() -> None:
    own = {"statuses": {"wc-packed": "order.packed", "pending": "order.placed", "completed": "order.delivered"}}
    unpaid = {"date_paid_gmt": None}
    assert types("order.created", settings=own, status="packed", **unpaid) == ["order.placed", "order.packed"]
    assert types("order.created", settings=own, status="pending", **unpaid) == ["order.placed"]
    assert types("order.created", settings=own, status="completed", **unpaid) == ["order.placed", "order.delivered"]


def test_refunds() -> None:
    refunds = [{"id": 728, "reason": "cracked", "total": "-12.40"}, {"id": 729, "reason": "", "total": "-43.06"}]
    found = events("order.updated", status="refunded", refunds=refunds)
    given_back = [event for event in found if event["type"] == "order.refunded"]
    assert [event["id"] for event in given_back] == ["refund:728", "refund:729"]
    assert [event["data"]["refund"] for event in given_back] == [
        {"id": "728", "amount": "12.40"},
        {"id": "729", "amount": "43.06"},
    ]
    (whole,) = (event for event in events("order.updated", status="refunded") if event["type"] == "order.refunded")
    assert whole["id"] == "order:727:refunded"
    assert "refund" not in whole["data"]


def test_each_change_of_a_customer_is_one() -> None:
    first, again = events("customer.updated"), events("customer.updated")
    later = events("customer.updated", date_modified_gmt="2026-03-06T09:00:00")
    assert first == again
    assert first[0]["id"] != later[0]["id"]
    assert first[0]["customer"]["phone"] == "030 23125011"


@pytest.mark.parametrize("role", ["administrator", "shop_manager"])
def test_staff_are_no_customers(role: str) -> None:
    assert events("customer.created", role=role) == []


@pytest.mark.parametrize("topic", ["", "coupon.created", "order.create", "action.woocommerce_add_to_cart", "é"])
def test_a_topic_that_is_not_ours(topic: str) -> None:
    assert list(make().events(request(topic, BODIES["order.created"]))) == []


def test_the_legacy_api_is_told_apart() -> None:
    old = json.dumps({"order": json.loads(BODIES["order.created"])}).encode()
    with pytest.raises(InputError, match="REST API Integration v3"):
        list(make().events(request("order.created", old)))


# Signatures, and the ping that has none.


def verify(source: WooCommerce, body: bytes, signature: str | None) -> bool:
    headers = {"x-wc-webhook-topic": "order.created"} | (
        {} if signature is None else {"x-wc-webhook-signature": signature}
    )
    try:
        source.verify(Request(url="https://shop.example/", body=body, headers=headers, received_at=NOW))
    except RequestRejected:
        return False
    return True


def test_forged_signatures() -> None:
    source, body = make(), BODIES["order.created"]
    good = sign(body)
    assert verify(source, body, good)
    wrong = [None, "", good[:1], good[:-1], f"{good}A", good.swapcase(), f"{good} {good}", "é", "\x00"]
    assert not any(verify(source, body, signature) for signature in wrong)
    assert not verify(source, body, sign(body, "another secret"))
    assert not verify(source, json.dumps(json.loads(body)).encode(), good)


def test_a_secret_is_changed_without_a_gap() -> None:
    body, both = BODIES["order.created"], make(secrets=["new", "old"])
    assert verify(both, body, sign(body, "new"))
    assert verify(both, body, sign(body, "old"))
    assert not verify(make(secrets=["new"]), body, sign(body, "old"))


def test_a_ping_is_answered_and_nothing_else_without_a_signature() -> None:
    source = make()
    ping = Request(url="https://shop.example/", body=b"webhook_id=4", received_at=NOW)
    source.verify(ping)
    assert list(source.events(ping)) == []
    assert source.answer(ping) == b"ok"
    assert source.answer(request("order.created", BODIES["order.created"])) is None
    for other in (
        b"webhook_id=",
        b"webhook_id=4&x=1",
        b"webhook_id=4\n",
        b"webhook_id=four",
        b"",
        b"webhook_id=" + b"4" * 99,
    ):
        assert not verify(source, other, None)
    assert not verify(source, b"webhook_id=4", sign(b"webhook_id=5"))


@pytest.mark.parametrize("type", ["shipment.shipped", "order", "order.Shipped", "ORDER.shipped", "order.x-y"])
def test_statuses_that_are_wrong(type: str) -> None:
    with pytest.raises(SettingsError, match="packed: must be a type of event about an order"):
        make(statuses={"packed": type})
