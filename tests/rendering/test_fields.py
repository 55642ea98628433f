"""What is meant by a name that is not there."""

from __future__ import annotations

import orjson
import pytest

from messaging.nouns.message import MessageClass
from messaging.nouns.template import Template, Trigger
from messaging.rendering.fields import EVENT_DATA, Field, near
from messaging.rendering.schema import schema_for
from messaging.rules.envelope import DataPart


def schema(*events: str) -> Field:
    triggers = tuple(Trigger(event=event) for event in events)
    plain = {"name": "t", "message_class": MessageClass.TRANSACTIONAL, "topic": "orders", "channels": ("email",)}
    return schema_for(Template(**plain, sources={}, files={}, shared={}, triggers=triggers), attributes=["tier"])


@pytest.mark.parametrize(
    ("events", "name", "meant"),
    [
        (["order.placed"], "name", ["customer.first_name", "brand.name"]),
        (["order.placed"], "email", ["customer.email"]),
        (["order.placed"], "total", ["order.total"]),
        (["order.placed", "cart.updated"], "total", ["order.total", "cart.total"]),
        ([], "total", []),
        ([], "tier", ["customer.tier"]),
        ([], "firstName", ["customer.first_name"]),
        ([], "FNAME", ["customer.first_name"]),
        ([], "user.email", ["customer.email"]),
        ([], "costumer.city", ["customer"]),
        ([], "unsubscribe", ["unsubscribe_url"]),
        (["order.placed"], "order_number", ["order.number"]),
        (["shipment.shipped"], "tracking_number", ["shipment.tracking_number"]),
        ([], "rnge", ["range"]),
        ([], "xyz", []),
        ([], "order.url", []),
    ],
)
def test_what_is_meant(events: list[str], name: str, meant: list[str]) -> None:
    assert near(schema(*events), name.split(".")) == meant


def test_a_field_of_the_table_is_meant_first() -> None:
    table = schema("order.placed").fields
    assert near(table["customer"], ["name"]) == ["first_name", "last_name"]
    assert near(table["order"], ["numbr"]) == ["number"]


def test_all_that_events_bring_is_known() -> None:
    assert tuple(DataPart.model_fields) == EVENT_DATA


def test_a_shape_comes_back_whole() -> None:
    whole = schema("order.placed", "shipment.shipped")
    assert Field.from_document(orjson.loads(orjson.dumps(whole))) == whole
