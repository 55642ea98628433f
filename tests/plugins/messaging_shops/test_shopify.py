"""What Shopify posts, and what becomes of it."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from messaging import (
    DeliveryError,
    Event,
    EventSource,
    NotYet,
    Request,
    RequestRejected,
    SettingsError,
    SourceContext,
)
from messaging.rules.envelope import read_event
from messaging.services.plugin_settings import read_settings
from messaging.testing import Answer, SourceContract, as_json
from messaging.testing.contract.completing import ShopApi
from messaging_shops.shopify import Shopify, ShopifySettings
from messaging_shops.shopify_parcels import STATUSES
from tests.plugins.messaging_shops.payloads import bodies, body

SECRET = "shpss_5ecret0f7heshop"
DOMAIN = "tea.myshopify.com"
NOW = datetime(2026, 3, 7, 12, 0, tzinfo=UTC)
BODIES = bodies("shopify")
ORDER = "9007199254740993"


def sign(body: bytes, secret: str = SECRET) -> str:
    return b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def request(topic: str, body: bytes, **headers: str) -> Request:
    given = {"x-shopify-topic": topic, "x-shopify-hmac-sha256": sign(body), "x-shopify-shop-domain": DOMAIN}
    return Request(url="https://shop.example/", body=body, headers={**given, **headers}, received_at=NOW)


def make(context: SourceContext | None = None, **settings: Any) -> Shopify:
    model = read_settings(ShopifySettings, {"secrets": [SECRET], **settings}, ("sources", "shopify", "main"))
    return Shopify(model, context or SourceContext(shop="main"))


def events(topic: str, **changes: Any) -> list[Mapping[str, Any]]:
    found = list(make().events(request(topic, body("shopify", topic, **changes))))
    for event in found:
        read_event({**event, "source": "shopify", "shop": "main"}, thin=True)
    return found


def told(topic: str, **changes: Any) -> list[tuple[str, str, str]]:
    """Id, type and time of what becomes of it."""
    return [(event["id"], event["type"], event["time"]) for event in events(topic, **changes)]


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


PLACED = (f"order:{ORDER}:placed", "order.placed", "2026-03-02T09:00:00+00:00")
FIRST = ("fulfillment:9007199254741101:shipped", "shipment.shipped", "2026-03-03T15:00:00+00:00")
SECOND = ("fulfillment:9007199254741102:shipped", "shipment.shipped", "2026-03-04T15:00:00+00:00")
NUMBERED = ("fulfillment:9007199254741102:number:3fd56ccc0440194a", "shipment.updated", "2026-03-04T15:30:00+00:00")
DELIVERED = ("fulfillment:9007199254741101:delivered", "shipment.delivered", "2026-03-04T10:20:00+00:00")
WHOLE = (f"order:{ORDER}:shipped", "order.shipped", "2026-03-04T15:00:00+00:00")
REFUNDED = ("refund:9007199254741200", "order.refunded", "2026-03-06T09:00:00+00:00")
CUSTOMER = "9007199254740995"


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


def test_the_last_parcel_makes_the_order_whole() -> None:
    shipment = events("orders/fulfilled")[0]["data"]["shipment"]
    assert shipment == {
        "id": "9007199254741102",
        "carrier": "DHL",
        "tracking_number": "00340434161094042552",
        "tracking_url": "https://carrier.example/track/2",
        "items": [{"sku": "808950811", "name": "Teapot", "quantity": 1}],
    }
    assert "shipment" not in events("orders/fulfilled", fulfillments=[])[0]["data"]


@pytest.mark.parametrize(
    ("status", "type"),
    [
        ("in_transit", "shipment.in_transit"),
        ("carrier_picked_up", "shipment.in_transit"),
        ("out_for_delivery", "shipment.out_for_delivery"),
        ("ready_for_pickup", "shipment.ready_for_pickup"),
        ("attempted_delivery", "shipment.delivery_attempted"),
        ("delayed", "shipment.delayed"),
        ("delivered", "shipment.delivered"),
        ("picked_up", "shipment.delivered"),
    ],
)
def test_what_a_carrier_says(status: str, type: str) -> None:
    (by_carrier,) = told("fulfillment_events/create", status=status)
    by_parcel = told("fulfillments/update", shipment_status=status)
    assert by_carrier[1] == type
    assert by_carrier[0] in [event[0] for event in by_parcel]  # told by two topics, it is one event


@pytest.mark.parametrize("status", ["label_printed", "label_purchased", "confirmed", "failure", "new word", None, 7])
def test_what_is_no_news(status: object) -> None:
    assert told("fulfillment_events/create", status=status) == []
    assert told("fulfillments/update", shipment_status=status)[0] == FIRST
    assert [type for _, type, _ in told("fulfillments/update", shipment_status=status)[1:]] == ["shipment.updated"]


@pytest.mark.parametrize("status", ["cancelled", "error", "failure"])
def test_a_fulfillment_that_came_to_nothing(status: str) -> None:
    assert told("fulfillments/create", status=status) == []


def test_a_number_that_is_added_later() -> None:
    none = dict.fromkeys(("shipment_status", "tracking_number", "tracking_url"))
    bare = none | {"tracking_numbers": [], "tracking_urls": []}
    assert told("fulfillments/create", **bare) == told("fulfillments/update", **bare) == [FIRST]
    added = bare | {"tracking_number": "1Z999AA10123456784"}
    (_, event), again = (events("fulfillments/update", **added) for _ in range(2))
    assert (event["type"], event["time"]) == ("shipment.updated", "2026-03-04T07:00:00+00:00")
    assert event["data"]["shipment"]["tracking_number"] == "1Z999AA10123456784"
    assert again[1]["id"] == event["id"]
    corrected = events("fulfillments/update", **added | {"tracking_number": "1Z999AA10123456785"})
    assert corrected[1]["id"] != event["id"]
    assert told("orders/updated", fulfillments=[{**json.loads(BODIES["fulfillments/update"]), **added}])[2:3] == [
        (event["id"], event["type"], event["time"])
    ]


def test_a_download_is_not_on_its_way() -> None:
    download = [{"title": "Tea, the book", "quantity": 1, "requires_shipping": False}]
    assert told("fulfillments/create", line_items=download) == []
    assert told("orders/fulfilled", line_items=download) == []
    parcel = {**json.loads(BODIES["fulfillments/create"]), "line_items": download}
    assert told("orders/updated", fulfillments=[parcel], refunds=[]) == [PLACED]
    mixed = [*json.loads(BODIES["fulfillments/create"])["line_items"], *download]
    assert told("fulfillments/create", line_items=mixed) == [FIRST]


def test_the_day_a_carrier_promises() -> None:
    event = events("fulfillment_events/create", estimated_delivery_at="2026-03-05T18:00:00+01:00")[0]
    assert event["data"]["shipment"] == {"id": "9007199254741101", "eta": "2026-03-05T17:00:00+00:00"}


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


def test_a_checkout_is_told_once_it_is_somebodys() -> None:
    assert [event["type"] for event in events("checkouts/create", email=None)] == []
    started, cart = events("checkouts/update")
    assert (started["id"], started["type"], started["time"]) == (
        "checkout:c0ffee:started",
        "checkout.started",
        "2026-03-02T08:50:00+00:00",
    )
    assert cart["data"]["cart"] == {
        "id": "c0ffee",
        "total": "90.00",
        "currency": "USD",
        "items": [
            {"sku": "TEA-250", "name": "Darjeeling - 250 g", "quantity": 2, "price": "20.00"},
            {"sku": "808950811", "name": "Teapot", "quantity": 1, "price": "50.00"},
        ],
        "url": "https://tea.example/548380009/checkouts/ac/c0ffee/recover?key=k3y",
    }
    assert events("checkouts/update", completed_at="2026-03-02T10:00:00+01:00") == []


def test_each_change_of_a_cart_is_one() -> None:
    ids = {
        events(topic, **changes)[1]["id"]
        for topic in ("checkouts/create", "checkouts/update")
        for changes in ({}, {"total_price": "20.00"}, {"updated_at": "2026-03-02T09:56:00+01:00"})
    }
    assert len(ids) == 6
    assert told("checkouts/update") == told("checkouts/update")


def test_a_checkout_in_another_currency_shows_no_amounts() -> None:
    cart = events("checkouts/update", presentment_currency="EUR")[1]["data"]["cart"]
    assert "total" not in cart
    assert [item.get("price") for item in cart["items"]] == [None, None]


def test_consent_is_one_event_by_whichever_topic() -> None:
    by_customer = events("customers/update")
    (by_email,) = events("customers_email_marketing_consent/update")
    (by_sms,) = events("customers_marketing_consent/update")
    assert by_customer[0]["type"] == "customer.updated"
    assert [event["id"] for event in by_customer[1:]] == [by_email["id"], by_sms["id"]]
    assert by_email["customer"] == {"id": CUSTOMER, "email": "ann.account@example.com"}
    assert by_email["data"]["consent"] == {
        "channel": "email",
        "granted": False,
        "address": "ann.account@example.com",
        "source": "shopify",
    }
    assert by_sms["data"]["consent"] == {
        "channel": "sms",
        "granted": True,
        "address": "+493023125011",
        "source": "shopify",
    }


@pytest.mark.parametrize("state", ["pending", "not_subscribed", "invalid", None, 7, {}])
def test_who_has_not_decided(state: object) -> None:
    consent = {"state": state, "opt_in_level": None, "consent_updated_at": None}
    assert events("customers_email_marketing_consent/update", email_marketing_consent=consent) == []


def test_who_asks_to_be_forgotten_twice_is_heard_twice() -> None:
    source, asked = make(), BODIES["customers/redact"]
    first, again, later = (
        next(iter(source.events(request("customers/redact", asked, **{"x-shopify-triggered-at": at}))))
        for at in ("2026-03-07T11:00:00Z", "2026-03-07T11:00:00.0Z", "2026-05-07T11:00:00Z")
    )
    ids = {
        next(iter(source.events(request("customers/redact", asked, **{"x-shopify-webhook-id": id}))))["id"]
        for id in ("one", "two", "one")
    }
    assert len(ids) == 2
    assert first["type"] == "customer.redacted"
    assert first["customer"] == {"id": CUSTOMER, "email": "ann.account@example.com"}
    assert first == again
    assert later["id"] != first["id"]


def test_requests_of_the_law_leave_a_line_for_a_person(caplog: pytest.LogCaptureFixture) -> None:
    assert events("customers/data_request") == events("shop/redact") == []
    assert f"customer {CUSTOMER} asks" in caplog.text
    assert "tea.myshopify.com" in caplog.text
    assert "@" not in caplog.text


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


# Whose parcel, whose refund.


def known(**fields: Any) -> SourceContext:
    """A shop that told when the order was placed."""
    placed = events("orders/create")[0]
    event = read_event({**placed, "source": "shopify", "shop": "main"})
    events_told = {placed["id"]: Event(**{**{name: getattr(event, name) for name in _FIELDS}, **fields})}
    return SourceContext(shop="main", told=events_told.get)


_FIELDS = ("id", "type", "time", "customer", "data")


@pytest.mark.parametrize("topic", ["refunds/create", "fulfillment_events/create", "fulfillments/update"])
def test_a_parcel_and_a_refund_belong_to_whose_the_order_is(topic: str) -> None:
    for event in events(topic):
        whole = make(known(customer_id="ann")).complete(event)
        assert whole is not None
        assert whole["customer"] == {"id": "ann"}
        assert whole["data"]["order"]["number"] == "#1001"
        assert whole["data"]["order"]["items"]
        assert whole["data"].keys() > event.get("data", {}).keys() - {"order"}
        assert "incomplete" not in whole
    # Before its effects were worked out, it says who it was.
    whole = make(known()).complete(events(topic)[0])
    assert whole is not None
    assert whole["customer"]["email"] == "ann@example.com"


@pytest.mark.parametrize("topic", ["refunds/create", "fulfillment_events/create"])
def test_an_order_that_nobody_told_of_is_waited_for(topic: str) -> None:
    with pytest.raises(NotYet, match=f"order {ORDER} is not known yet"):
        make().complete(events(topic)[0])


def test_a_parcel_that_names_its_owner_waits_for_nobody() -> None:
    (event,) = events("fulfillments/create")
    whole = make().complete(event)
    assert whole is not None
    assert whole["customer"] == {"email": "ann@example.com"}
    assert whole["data"]["order"] == {"id": ORDER, "number": "#1001"}
    (event,) = events("fulfillments/create", name=None)
    with pytest.raises(NotYet):
        make().complete(event)


def asking(answer: Answer) -> Shopify:
    context = SourceContext(shop="main", http=ShopApi(lambda method, request: answer))
    return make(context, access_token="shpat_x", domain=DOMAIN, customer_prefix="tea-")


def test_the_shop_is_asked_for_an_order_it_never_told_of() -> None:
    whole = asking(as_json({"order": json.loads(BODIES["orders/create"])})).complete(events("refunds/create")[0])
    assert whole is not None
    assert whole["customer"]["id"] == f"tea-{CUSTOMER}"
    assert whole["data"]["order"]["total"] == "84.70"
    assert asking(Answer(status=404)).complete(events("refunds/create")[0]) is None
    with pytest.raises(DeliveryError, match="answered 401"):
        asking(Answer(status=401)).complete(events("refunds/create")[0])


# Signatures.


def verify(source: Shopify, body: bytes, signature: str | None = None, **headers: str) -> bool:
    given = headers if signature is None else {"x-shopify-hmac-sha256": signature, **headers}
    try:
        source.verify(request("orders/create", body, **given))
    except RequestRejected:
        return False
    return True


def test_forged_signatures() -> None:
    source, body = make(), BODIES["orders/create"]
    good = sign(body)
    assert verify(source, body)
    wrong = [
        "",
        good[:1],
        good[:-1],
        good[:-4],
        f"{good}=",
        f"{good}A",
        good.swapcase(),
        f" {good}",
        "é",
        "\x00",
        "=" * 99,
    ]
    assert not any(verify(source, body, signature) for signature in wrong)
    assert not verify(source, body, hmac.digest(SECRET.encode(), body, "sha256").hex())
    assert not verify(source, body, sign(body, "another secret"))
    assert not verify(source, json.dumps(json.loads(body)).encode(), good)


def test_a_secret_is_changed_without_a_gap() -> None:
    body = BODIES["orders/create"]
    both = make(secrets=" shpss_new_0001  shpss_old_0001\n")  # as a variable holds them
    assert verify(both, body, sign(body, "shpss_new_0001"))
    assert verify(both, body, sign(body, "shpss_old_0001"))
    assert not verify(both, body, sign(body, "shpss_new_0001 shpss_old_0001"))
    assert not verify(make(secrets=["shpss_new_0001"]), body, sign(body, "shpss_old_0001"))


def test_what_another_shop_of_the_same_app_posts() -> None:
    source, body = make(domain=DOMAIN), BODIES["orders/create"]
    assert verify(source, body, **{"x-shopify-shop-domain": "TEA.myshopify.com"})
    for other in ("", "coffee.myshopify.com", "tea.myshopify.com.evil.example"):
        assert not verify(source, body, **{"x-shopify-shop-domain": other})


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"secrets": []}, "secrets"),
        ({"secrets": ["  "]}, "secrets: a secret is empty"),
        ({"secrets": "correct horse battery staple"}, "secrets: words too short to be secrets"),
        ({"secrets": [SECRET], "access_token": "shpat_x"}, "access_token needs domain"),
        ({"secrets": [SECRET], "domain": "tea.example"}, "domain"),
    ],
)
def test_settings_that_are_wrong(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(SettingsError, match=problem) as caught:
        read_settings(ShopifySettings, settings, ("sources", "shopify", "main"))
    assert SECRET not in str(caught.value)
