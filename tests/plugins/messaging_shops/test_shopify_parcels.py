"""Shopify's parcels: what left, with which number, and what carriers say."""

from __future__ import annotations

import json

import pytest

from tests.plugins.messaging_shops.shopify_shop import (
    BODIES,
    FIRST,
    PLACED,
    events,
    told,
)


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
