"""The table of types, and the JSON Schema that is made from it."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from messaging.errors import InputError
from messaging.rules.envelope import read_event
from messaging.rules.event_schema import schema
from messaging.rules.event_types import TYPES, brings, names, needs_customer, type_of
from messaging.rules.orders import MOMENTS, WHOLE_REFUNDS

VALIDATOR = jsonschema.Draft202012Validator(schema(), format_checker=jsonschema.FormatChecker(["date"]))

PARTS: dict[str, dict[str, Any]] = {
    "order": {
        "number": "1001",
        "total": "9.90",
        "items": [{"sku": "A", "quantity": 2}],
        "backordered_until": "2026-04-01",
    },
    "shipment": {"id": "p1", "tracking_number": "1Z", "eta": "2026-03-05T10:00:00+01:00"},
    "refund": {"amount": "1.00"},
    "cart": {"id": "c-7", "total": "20.00", "currency": "eur"},
    "product": {"sku": "A"},
    "consent": {"channel": "email", "topic": "news", "granted": False, "at": "2026-03-02T10:00:00Z"},
}


def event(type: str, *parts: str, customer: dict[str, Any] | None = None, **data: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "type": type,
        "time": "2026-03-02T11:00:00+01:00",
        "customer": {"email": "ann@example.com"} if customer is None else customer,
        "data": {part: PARTS[part] for part in parts} | data,
    }


def is_taken(document: dict[str, Any]) -> bool:
    try:
        read_event(document)
    except InputError:
        return False
    return True


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("name", [name for name, _ in names()])
def test_each_type_is_taken_with_what_it_brings_and_refused_without(name: str) -> None:
    kind = type_of(name)
    assert kind is not None
    for part in kind.brings or ("order",):
        assert is_taken(event(name, part))
        assert VALIDATOR.is_valid(event(name, part))
    bare = [event(name)] if kind.brings else []
    nobody = [event(name, *kind.brings, customer={})] if kind.customer else []
    for document in (*bare, *nobody):
        assert not is_taken(document)
        assert not VALIDATOR.is_valid(document)


def test_other_types_bring_what_their_first_word_says() -> None:
    assert brings("order.packed") == ("order",)
    assert brings("order.partially_refunded") == ("order", "refund")
    assert brings("shipment.lost") == ("shipment", "order")
    assert brings("order") == brings("weather.changed") == ()
    assert needs_customer("product.launched", {})
    assert not needs_customer("product.launched", {"product": {}})


def test_moments_and_refunds_are_of_types() -> None:
    assert {*MOMENTS, *WHOLE_REFUNDS} <= {name for name, _ in names()}
    assert MOMENTS["order.canceled"] == "cancelled_at"


ODD = st.sampled_from(
    [None, "", "x", "-1", "1.5", "2026-02-30", "2026-03-01", "noon", "*", "a b", " ", "a\nb", 3, -1, True, [], {}]
)
FIELDS = [
    *[("order", name) for name in ("number", "id", "total", "currency", "items", "url", "backordered_until")],
    *[("shipment", name) for name in ("id", "carrier", "eta", "tracking_number")],
    *[("refund", "amount"), ("cart", "id"), ("cart", "currency"), ("product", "name"), ("product", "price")],
    *[("consent", name) for name in ("channel", "topic", "granted", "at", "address")],
]


@given(
    st.sampled_from(
        [*TYPES, "order.packed", "order.part_refund", "shipment.lost", "product.launched", "weather.changed"]
    ),
    st.sets(st.sampled_from(sorted(PARTS))),
    st.sampled_from(
        [{}, {"id": "17"}, {"email": ""}, {"phone": None}, {"id": "17", "email": "a@example.com"}, {"city": "x"}]
    ),
    st.lists(st.tuples(st.sampled_from(FIELDS), ODD), max_size=2),
)
@example("order.placed", {"order"}, {"id": "17"}, [(("order", "total"), "1.5")])
@example("order.placed", {"order"}, {"id": "17"}, [(("order", "number"), " ")])
@example("order.placed", {"order"}, {"id": "17"}, [(("order", "number"), "a\nb")])
def test_the_schema_and_the_code_say_the_same(type, parts, customer, changes) -> None:
    document = event(type, *parts, customer=customer)
    for (part, name), value in changes:
        if part in document["data"]:
            document["data"][part] = {**document["data"][part], name: value}
    if any(is_lenient(*change) for change in changes):
        return
    assert VALIDATOR.is_valid(document) == is_taken(document), (
        document,
        [e.message for e in VALIDATOR.iter_errors(document)],
    )


def is_lenient(field: tuple[str, str], value: object) -> bool:
    """The code takes whole numbers as ids, and numbers as amounts."""
    return isinstance(value, int) and not isinstance(value, bool) and field[1] not in ("granted", "items")
