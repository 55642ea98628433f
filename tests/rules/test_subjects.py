"""What triggers go by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from messaging.nouns.template import Trigger
from messaging.rules.envelope import read_event
from messaging.rules.subjects import (
    cancels,
    context_of,
    kind_of,
    names_in,
    same,
    subjects,
    trigger_key,
    value_at,
    value_in,
)

ORDER = {"order": {"number": "#1001", "id": "5001"}}


def event(type="shop.told", **data):
    return read_event(
        {
            "id": "e/1",
            "type": type,
            "time": "2026-03-02T10:00:00Z",
            "customer": {"id": "17", "email": "ann@example.com"},
            "data": data,
        }
    )


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (ORDER, "api/default/order/%231001"),
        (ORDER | {"shipment": {"id": "s1", "tracking_number": "T1"}}, "api/default/shipment/%231001/s1"),
        (ORDER | {"shipment": {"tracking_number": "T1"}}, "api/default/shipment/%231001/T1"),
        ({"shipment": {"tracking_number": "T1"}}, "api/default/shipment/T1"),
        (ORDER | {"shipment": {"tracking_number": "N/A"}}, "api/default/order/%231001"),
        (ORDER | {"shipment": {"eta": "2026-03-05"}}, "api/default/order/%231001"),
        (ORDER | {"refund": {"id": "r1", "amount": "5"}}, "api/default/refund/r1"),
        (ORDER | {"refund": {"amount": "5"}}, "api/default/refund/event%20e%2F1"),
        ({"cart": {"id": "c-7"}}, "api/default/cart/c-7"),
        ({"product": {"sku": "MUG"}}, "api/default/product/MUG"),
        ({}, "api/default/event/e%2F1"),
    ],
)
def test_by_default_the_narrowest_subject(data, key):
    assert trigger_key(Trigger(event="x"), event(**data)) == key


@pytest.mark.parametrize(
    "data",
    [
        {"order": {"number": "1", "items": [{"sku": "a", "backordered_until": "2026-03-09"}]}},
        {"shipment": {"tracking_number": "1Z999AA10123456784", "carrier": "ups", "eta": "2026-03-05"}},
        {"shipment": {"tracking_url": "javascript:x", "items": [{"sku": "a"}]}},
        {"shipment": None, "order": "1", "token": {"a": {"b": 1}}},
    ],
)
def test_what_stands_at_a_path_is_what_a_template_sees_there(data):
    told = replace(event(**ORDER), data=data)
    seen = context_of(told)
    fields = ("eta", "items", "carrier", "tracking_url", "tracking_number", "number", "backordered_until", "a.b", "x.y")
    for path in (*data, *(f"{kind}.{field}" for kind in (*data, "cart") for field in fields)):
        assert value_at(path, told) == value_in(path, seen), path


def test_a_key_of_its_own():
    told = event(**ORDER, token="t")
    assert trigger_key(Trigger(event="x", key="order.id"), told) == trigger_key(Trigger(event="x"), told)
    assert trigger_key(Trigger(event="x", key="order.number"), told) == trigger_key(Trigger(event="x"), told)
    assert trigger_key(Trigger(event="x", key="token"), told) == "api/default/token/t"
    assert trigger_key(Trigger(event="x", key="event.id"), told) == "api/default/event.id/e%2F1"
    assert trigger_key(Trigger(event="x", key="cart.id"), told) is None
    assert trigger_key(Trigger(event="x", key="order"), told) is None


def test_a_key_of_several():
    trigger = Trigger(event="x", key="order.number + order.backordered_until")
    dated = event(order={"number": "#1001", "backordered_until": "2026-03-09"})
    assert trigger_key(trigger, dated) == (
        "api/default/order.number%20%2B%20order.backordered_until/%231001%20%2B%202026-03-09"
    )
    assert trigger_key(trigger, event(**ORDER)).endswith("/%231001%20%2B%20")
    assert trigger_key(trigger, event()) is None


def test_the_kind_in_a_key():
    assert kind_of("api/default/shipment/s1") == kind_of("api/default/shipment/1/s1") == "shipment"
    assert kind_of(trigger_key(Trigger(event="x", key="event.id"), event())) == "event.id"
    assert kind_of(None) == ""


def test_two_of_a_kind_are_one_by_a_name_that_both_have():
    both = names_in(ORDER)["order"]
    assert both == {"number": "#1001", "id": "5001"}
    assert same(both, {"id": "5001"}) is True
    assert same({"id": "6001"}, both) is False
    assert same({"sku": "MUG"}, {"id": "1"}) is None


def test_a_key_holds_no_address():
    key = trigger_key(Trigger(event="x", key="customer.email"), event())
    assert key is not None
    assert "ann" not in key


def test_values_by_path():
    told = event(**ORDER)
    assert value_at("order.number", told) == "#1001"
    assert value_at("customer.id", told) == "17"
    assert value_at("event.type", told) == "shop.told"
    assert value_at("order.number.x", told) is None
    assert subjects(told) == {"order": "#1001"}


@pytest.mark.parametrize(
    ("waiting", "comes", "yes"),
    [
        (ORDER, ORDER, True),
        (ORDER, {"order": {"number": "2"}}, False),
        ({"cart": {"id": "c"}}, ORDER, True),
        ({"cart": {"id": "c"}}, ORDER | {"cart": {"id": "other"}}, False),
        (ORDER | {"shipment": {"id": "s1"}}, ORDER, True),
        (ORDER, {"order": {"number": "#1001"}}, True),
        (ORDER | {"shipment": {"id": "s1"}}, {"order": {"number": "2"}, "shipment": {"tracking_number": "T"}}, False),
        (ORDER | {"shipment": {"id": "s1"}}, ORDER | {"shipment": {"id": "s2"}}, False),
        (ORDER | {"shipment": {"id": "s1"}}, {"order": {"number": "2"}, "shipment": {"id": "s1"}}, False),
        (ORDER | {"shipment": {"id": "s1"}}, {"shipment": {"id": "s1"}}, True),
    ],
)
def test_what_cancels_what(waiting, comes, yes):
    assert cancels(event(**comes), context_of(event(**waiting))) is yes


def test_a_shipment_comes_with_its_tracking_page():
    told = event(**ORDER, shipment={"carrier": "ups", "tracking_number": "1Z999AA10123456784"})
    assert context_of(told)["shipment"] == {
        "carrier": "UPS",
        "tracking_number": "1Z999AA10123456784",
        "tracking_url": "https://www.ups.com/track?tracknum=1Z999AA10123456784",
    }
    assert told.data["shipment"]["carrier"] == "ups"
    assert value_at("shipment.carrier", told) == "UPS"
