"""What Shopify posts, and what becomes of its orders."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import pytest

from messaging import (
    EventSource,
    Request,
)
from messaging.testing import Answer, SourceContract, as_json
from messaging_shops.shopify import Shopify
from messaging_shops.shopify_parcels import STATUSES
from tests.plugins.messaging_shops.shopify_shop import (
    BODIES,
    CUSTOMER,
    DELIVERED,
    DOMAIN,
    FIRST,
    NUMBERED,
    ORDER,
    PLACED,
    REFUNDED,
    SECOND,
    SECRET,
    WHOLE,
    events,
    make,
    request,
    sign,
    told,
)


class TestContract(SourceContract):
    source: ClassVar[type[EventSource]] = Shopify

    def settings(self) -> Mapping[str, Any]:
        return {"secrets": [SECRET], "domain": DOMAIN, "access_token": "shpat_0123456789abcdef"}

    def bodies(self) -> Sequence[bytes]:
        return list(BODIES.values())

    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        return {
            "X-Shopify-Topic": _topic_of(body),
            "X-Shopify-Hmac-Sha256": sign(body),
            "X-Shopify-Shop-Domain": DOMAIN,
            "X-Shopify-Triggered-At": "2026-03-07T11:59:59.634640521Z",
        }

    def shop_api(self, method: str, request: Request) -> Answer:
        assert (method, request.url.rpartition("/")[2]) == ("GET", f"{ORDER}.json")
        assert request.header("X-Shopify-Access-Token") == "shpat_0123456789abcdef"
        return as_json({"order": json.loads(BODIES["orders/create"])})


def _topic_of(body: bytes) -> str:
    """Of the fixture that says the same; else of any."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return "orders/create"
    return next((topic for topic, each in BODIES.items() if json.loads(each) == document), "orders/create")


@pytest.mark.parametrize(
    ("topic", "expected"),
    {
        "orders/create": [
            PLACED,
            (
                f"consent:email:{CUSTOMER}:2026-03-02T08:59:58+00:00:True",
                "consent.changed",
                "2026-03-02T08:59:58+00:00",
            ),
        ],
        "orders/paid": [(f"order:{ORDER}:paid", "order.paid", "2026-03-02T10:05:00+00:00")],
        "orders/partially_fulfilled": [
            (
                f"order:{ORDER}:partially_shipped:9007199254741101",
                "order.partially_shipped",
                "2026-03-03T15:00:00+00:00",
            )
        ],
        "orders/fulfilled": [WHOLE],
        "orders/cancelled": [(f"order:{ORDER}:cancelled", "order.cancelled", "2026-03-02T11:00:00+00:00")],
        "orders/updated": [PLACED, FIRST, DELIVERED, SECOND, NUMBERED, WHOLE, REFUNDED],
        "fulfillments/create": [FIRST],
        "fulfillments/update": [
            FIRST,
            (
                "fulfillment:9007199254741101:out_for_delivery",
                "shipment.out_for_delivery",
                "2026-03-04T07:00:00+00:00",
            ),
        ],
        "fulfillment_events/create": [DELIVERED],
        "refunds/create": [REFUNDED],
        "customers/create": [
            (f"customer:{CUSTOMER}:created", "customer.created", "2026-01-04T08:00:00+00:00"),
            (
                f"consent:email:{CUSTOMER}:2026-03-02T08:59:58+00:00:True",
                "consent.changed",
                "2026-03-02T08:59:58+00:00",
            ),
        ],
        "customers/data_request": [],
        "shop/redact": [],
        "variants/in_stock": [
            (
                "variant:808950811:in_stock:2026-03-07T09:00:00+00:00",
                "product.restocked",
                "2026-03-07T09:00:00+00:00",
            )
        ],
    }.items(),
)
def test_what_becomes_of_it(topic: str, expected: list[tuple[str, str, str]]) -> None:
    assert told(topic) == expected


def test_an_order_has_all_that_a_template_shows() -> None:
    event = events("orders/create")[0]
    assert event["customer"] == {
        "id": CUSTOMER,
        "email": "ann@example.com",
        "phone": "+493023125010",
        "first_name": "Ann",
        "last_name": "Example",
        "locale": "de-AT",
        "country": "DE",
        "region": "BE",
        "city": "Berlin",
        "postal_code": "10115",
    }
    assert event["data"]["order"] == {
        "id": ORDER,
        "number": "#1001",
        "total": "84.70",
        "currency": "EUR",
        "items": [
            {"sku": "TEA-250", "name": "Darjeeling - 250 g", "quantity": 2, "price": "18.90"},
            {"sku": "808950811", "name": "Teapot", "quantity": 1, "price": "46.90"},
        ],
        "url": "https://tea.example/548380009/orders/b1946ac92492/authenticate?key=abcdefg",
    }


def test_an_order_that_was_created_paid_is_both() -> None:
    paid = (f"order:{ORDER}:paid", "order.paid", "2026-03-02T08:59:59+00:00")
    assert told("orders/create", financial_status="paid")[:2] == [PLACED, paid]
    # The topic of payments tells the same, moments later; of a transfer it tells when it came.
    assert told("orders/paid", updated_at="2026-03-02T10:00:07+01:00") == [paid]
    assert told("orders/paid", updated_at="2026-03-05T10:00:00+01:00") == [(*paid[:2], "2026-03-05T09:00:00+00:00")]


def test_an_address_of_the_order_goes_before_that_of_the_account() -> None:
    assert events("orders/create", email=None)[0]["customer"]["email"] == "ann@example.com"
    assert events("orders/create", email="", contact_email=None)[0]["customer"]["email"] == "ann.account@example.com"


def test_a_guest_with_a_telephone_only() -> None:
    guest = {"email": None, "contact_email": None, "customer": None, "phone": "+493023125012", "billing_address": None}
    customer = events("orders/create", **guest)[0]["customer"]
    assert customer["phone"] == "+493023125012"
    assert customer["first_name"] == "Ben"
    assert "id" not in customer
    assert "email" not in customer


def test_an_order_of_nobody_tells_nothing() -> None:
    nobody = dict.fromkeys(("email", "contact_email", "customer", "phone", "billing_address", "shipping_address"))
    assert events("orders/create", **nobody) == []


def test_shop_money_is_not_shown_as_the_customers() -> None:
    order = events("orders/create", total_price_set=None)[0]["data"]["order"]
    assert "total" not in order  # 90.00 are dollars, and the customer paid in euros
    assert order["currency"] == "EUR"
    order = events("orders/create", total_price_set=None, presentment_currency="USD")[0]["data"]["order"]
    assert (order["total"], order["currency"]) == ("90.00", "USD")


def test_a_topic_is_not_signed_and_its_body_has_to_say_so_too() -> None:
    bodies = {topic: json.loads(BODIES[topic]) for topic in ("orders/create", "customers/data_request")}
    assert told("orders/cancelled", **{**bodies["orders/create"], "cancelled_at": None}) == []
    order = {**dict.fromkeys(json.loads(BODIES["customers/redact"])), **bodies["orders/create"]}
    assert told("customers/redact", **order) == []
    assert told("customers/redact", **bodies["customers/data_request"]) == []


def test_a_refund_in_the_money_that_was_paid() -> None:
    refund = events("refunds/create")[0]["data"]["refund"]
    item = {"sku": "808950811", "name": "Teapot", "quantity": 1, "price": "46.90"}
    assert refund == {"id": "9007199254741200", "amount": "46.90", "currency": "EUR", "items": [item]}
    assert events("orders/updated")[-1]["data"]["refund"] == refund


def test_a_refund_without_a_payment_is_what_its_lines_come_to() -> None:
    refund = events("refunds/create", transactions=[])[0]["data"]["refund"]
    assert (refund["amount"], refund["currency"]) == ("46.90", "EUR")
    adjustments = [{"kind": "shipping_refund", "amount": "-4.00", "tax_amount": "-0.76"}]
    refund = events("refunds/create", transactions=[], order_adjustments=adjustments)[0]["data"]["refund"]
    assert refund["amount"] == "51.66"


def test_a_refund_that_an_order_lists_twice_is_one() -> None:
    refund = json.loads(BODIES["refunds/create"])
    assert told("orders/updated", refunds=[refund, refund]).count(REFUNDED) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"transactions": [{"kind": "refund", "status": "failure", "amount": "46.90"}]},
        {"transactions": [], "refund_line_items": []},
        {"transactions": [], "order_adjustments": [{"kind": "refund_discrepancy", "amount": "46.90"}]},
        {"transactions": [], "refund_line_items": [{"restock_type": "cancel", "subtotal": 46.9, "total_tax": 0}]},
    ],
)
def test_no_money_no_refund(changes: dict[str, Any]) -> None:
    assert events("refunds/create", **changes) == []


@pytest.mark.parametrize("topic", ["", "products/update", "orders/creat", "Orders/Create", "é\u2028"])
def test_a_topic_that_is_not_ours(topic: str) -> None:
    assert list(make().events(request(topic, BODIES["orders/create"]))) == []


def test_ids_of_customers_of_several_shops() -> None:
    source = make(customer_prefix="tea-")
    (paid,) = source.events(request("orders/paid", BODIES["orders/paid"]))
    assert paid["customer"]["id"] == f"tea-{CUSTOMER}"
    assert paid["data"]["order"]["id"] == ORDER


@pytest.mark.parametrize("topic", Shopify.topics)
def test_nothing_is_declared_that_is_never_told(topic: str) -> None:
    parcel = json.loads(BODIES["fulfillments/update"])
    changes: list[dict[str, Any]] = [{}, {"financial_status": "paid"}, {"fulfillment_status": "partial"}]
    changes.append({"cancelled_at": "2026-03-02T12:00:00+01:00"})
    for status in (*STATUSES, None):
        changes += [{"status": status}, {"shipment_status": status}]
        changes.append({"fulfillments": [{**parcel, "shipment_status": status}]})
    found = {event["type"] for change in changes if topic in BODIES for event in events(topic, **change)}
    assert found == set(Shopify.topics[topic].types)
