"""What a template sees of an order's event: what was told of that order, in pieces and in any order."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.nouns.event import Event
from messaging.rules.envelope import read_event
from messaging.rules.subjects import context_of
from messaging.rules.telling import context_with

TEA = {"sku": "TEA", "name": "Green tea", "quantity": 3, "price": "9.50", "image": "https://shop.example/tea.jpg"}
POT = {"sku": "POT", "name": "Teapot", "quantity": 1, "price": "46.90"}
ORDER = {"number": "7", "total": "75.40", "currency": "EUR", "items": [TEA, POT], "url": "https://shop.example/o/7"}


def told(type: str, hour: int, *, number: str = "7", id: str | None = None, **data: Any) -> Event:
    return read_event(
        {
            "id": id or f"{type}/{hour}",
            "type": type,
            "time": f"2026-03-02T{hour:02}:00:00Z",
            "customer": {"id": "ann"},
            "data": {"order": {"number": number}, **data},
        }
    )


PLACED = told("order.placed", 9, order=ORDER)
FIRST = told("shipment.shipped", 12, shipment={"id": "s1", "carrier": "DHL", "items": [{"sku": "TEA", "quantity": 2}]})
SECOND = told("shipment.shipped", 14, shipment={"id": "s2", "items": [{"sku": "POT"}, {"sku": "TEA"}]})


def items(part: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(item["sku"], item["quantity"]) for item in part]


def test_nothing_else_is_known() -> None:
    assert context_with(PLACED, []) == context_of(PLACED)
    cart = read_event(
        {"id": "1", "type": "cart.updated", "time": "2026-03-02T09:00:00Z", "customer": {"id": "ann"}}
        | {"data": {"cart": {"id": "c"}}}
    )
    assert context_with(cart, []) == context_of(cart)


def test_gaps_are_filled_and_its_own_word_stays() -> None:
    paid = told("order.paid", 10, order={"number": "7", "total": "70.00"})
    order = context_with(paid, [PLACED])["order"]
    assert (order["total"], order["currency"], order["url"]) == ("70.00", "EUR", "https://shop.example/o/7")
    assert order["items"] == [TEA, POT]
    assert "shipment" not in context_with(paid, [PLACED, FIRST])


def test_of_two_words_the_later_counts() -> None:
    moved = told("order.updated", 11, order={"number": "7", "url": "https://shop.example/new"})
    for others in ([PLACED, moved], [moved, PLACED]):
        assert context_with(FIRST, others)["order"]["url"] == "https://shop.example/new"


def test_what_is_in_a_part_and_what_comes_later() -> None:
    context = context_with(FIRST, [PLACED])
    assert context["shipment"]["items"] == [{**TEA, "quantity": 2}]
    assert items(context["order"]["unshipped"]) == [("TEA", 1), ("POT", 1)]
    assert context["order"]["unshipped"][0]["image"] == TEA["image"]


def test_with_the_last_part_nothing_comes_later() -> None:
    assert "unshipped" not in context_with(SECOND, [PLACED, FIRST])["order"]
    whole = told("order.shipped", 12)
    assert "unshipped" not in context_with(FIRST, [PLACED, whole])["order"]


def test_a_parcel_told_twice_counts_once() -> None:
    again = told("order.partially_shipped", 13, shipment=dict(FIRST.data["shipment"]))
    assert items(context_with(again, [PLACED, FIRST])["order"]["unshipped"]) == [("TEA", 1), ("POT", 1)]


def test_what_is_in_a_parcel_may_not_be_known() -> None:
    unknown = told("shipment.shipped", 12, shipment={"id": "s1"})
    assert "unshipped" not in context_with(unknown, [PLACED])["order"]
    assert "unshipped" not in context_with(SECOND, [PLACED, unknown])["order"]
    assert "unshipped" not in context_with(FIRST, [])["order"]


def test_what_was_given_back_comes_no_more() -> None:
    refund = told("refund.created", 11, refund={"id": "r", "amount": "46.90", "items": [{"sku": "POT", "quantity": 1}]})
    assert items(context_with(FIRST, [PLACED, refund])["order"]["unshipped"]) == [("TEA", 1)]


def test_one_parcel_arrives_and_the_other_does_not() -> None:
    arrived = told("shipment.delivered", 16, shipment={"id": "s2"})
    context = context_with(arrived, [PLACED, FIRST, SECOND])
    assert items(context["shipment"]["items"]) == [("POT", 1), ("TEA", 1)]
    assert items(context["order"]["undelivered"]) == [("TEA", 2)]
    all_there = told("order.delivered", 17)
    assert "undelivered" not in context_with(all_there, [PLACED, FIRST, SECOND, arrived])["order"]


def test_the_order_shows_its_only_parcel() -> None:
    arrived = told("order.delivered", 16)
    assert context_with(arrived, [PLACED, FIRST])["shipment"]["carrier"] == "DHL"
    assert "shipment" not in context_with(arrived, [PLACED, FIRST, SECOND])


def test_a_parcel_is_known_by_either_of_its_names() -> None:
    numbered = told("shipment.shipped", 12, shipment={"id": "s1", "tracking_number": "T1", "carrier": "gls"})
    arrived = told("shipment.delivered", 16, shipment={"tracking_number": "T1"})
    shipment = context_with(arrived, [numbered])["shipment"]
    assert (shipment["id"], shipment["carrier"]) == ("s1", "GLS")
    assert shipment["tracking_url"].endswith("/T1")


def test_the_promised_day_is_the_one_told_last() -> None:
    shipped = told("shipment.shipped", 12, shipment={"id": "s1", "eta": "2026-03-05"})
    later = told("shipment.updated", 15, shipment={"id": "s1", "eta": "2026-03-09"})
    other = told("shipment.updated", 16, shipment={"id": "s2", "eta": "2026-03-20"})
    for others in itertools.permutations([PLACED, later, other]):
        assert context_with(shipped, others)["shipment"]["eta"] == "2026-03-09"
    at_the_till = told("order.placed", 9, shipment={"eta": "2026-03-04"})
    assert context_with(told("shipment.shipped", 12, shipment={"id": "s1"}), [at_the_till])["shipment"] == {
        "id": "s1",
        "eta": "2026-03-04",
    }


def test_an_order_waits_as_long_as_the_last_of_its_items() -> None:
    days = ("2026-03-09", "2026-03-12", None)
    waiting = [{"sku": str(day), **({"backordered_until": day} if day else {})} for day in days]
    event = told("order.backordered", 10, order={"number": "7", "items": waiting})
    assert context_with(event, [])["order"]["backordered_until"] == "2026-03-12"
    own = told("order.backordered", 10, order={"number": "7", "items": waiting, "backordered_until": "2026-03-20"})
    assert context_with(own, [])["order"]["backordered_until"] == "2026-03-20"


@pytest.mark.parametrize(
    ("refund", "before", "amount", "whole"),
    [
        ({"id": "r", "amount": "10.00"}, [], "10.00", False),
        ({"id": "r", "amount": "75.40"}, [], "75.40", True),
        ({"id": "r", "amount": "65.40"}, ["10.00"], "65.40", True),
        (None, [], "75.40", True),
        (None, ["10.00", "5.40"], "60.00", True),
        (None, ["80.00"], "0", True),
        ({"id": "r", "amount": "90.00", "currency": "USD"}, [], "90.00", False),
        ({"id": "r", "amount": "75.40", "currency": "EUR"}, [], "75.40", True),
    ],
)
def test_a_refund_in_part_and_as_a_whole(refund: Any, before: list[str], amount: str, whole: bool) -> None:
    earlier = [
        told("refund.created", 10, id=f"b{place}", refund={"id": f"b{place}", "amount": each})
        for place, each in enumerate(before)
    ]
    event = told("order.refunded", 12, **({"refund": refund} if refund else {}))
    found = context_with(event, [PLACED, *earlier])["refund"]
    assert (found["amount"], found["whole"]) == (amount, whole)


def test_a_refund_told_twice_is_one() -> None:
    first = told("refund.created", 10, refund={"id": "r", "amount": "40.00"})
    again = told("order.refunded", 12, refund={"id": "r", "amount": "40.00"})
    assert context_with(again, [PLACED, first])["refund"]["whole"] is False


EVENTS = [
    PLACED,
    FIRST,
    SECOND,
    told("order.paid", 9, order={"number": "7", "total": "75.40", "currency": "EUR"}),
    told("order.partially_shipped", 13, shipment={"id": "s1", "eta": "2026-03-06"}),
    told("shipment.updated", 13, shipment={"tracking_number": "T2", "id": "s2", "eta": "2026-03-07"}),
    told("refund.created", 15, refund={"id": "r", "amount": "9.50", "items": [{"sku": "TEA", "quantity": 1}]}),
    told("shipment.delivered", 16, shipment={"id": "s1"}),
    told("order.refunded", 18),
]


@given(st.permutations(EVENTS), st.sampled_from(EVENTS))
def test_it_does_not_matter_what_came_first(order: list[Event], event: Event) -> None:
    assert context_with(event, order) == context_with(event, [*EVENTS, *EVENTS])
