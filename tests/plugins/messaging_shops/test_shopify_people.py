"""Shopify's checkouts, consents, and what the law lets people ask for."""

from __future__ import annotations

import pytest

from tests.plugins.messaging_shops.shopify_shop import (
    BODIES,
    CUSTOMER,
    events,
    make,
    request,
    told,
)


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
