"""The envelope of events."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.errors import InputError
from messaging.rules.envelope import MAX_BYTES, fingerprint, parse_json, read_event


def document(**changes):
    told = {
        "id": "5001-placed",
        "type": "order.placed",
        "time": "2026-03-02T11:00:00+01:00",
        "customer": {"id": "17", "email": "ann@example.com", "loyalty": {"level": 3}},
        "data": {
            "order": {
                "id": "5001",
                "number": "#1001",
                "total": "49.90",
                "currency": "eur",
                "items": [],
                "gift": True,
            },
            "weather": ["rain"],
        },
    }
    return told | changes


def test_it_reads_what_it_names_and_keeps_what_it_does_not():
    event = read_event(document())
    assert event.time == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert (event.source, event.shop) == ("api", "default")
    assert event.customer["loyalty"] == {"level": 3}
    assert event.data["weather"] == ["rain"]
    assert event.data["order"] == {
        "id": "5001",
        "number": "#1001",
        "total": "49.90",
        "currency": "EUR",
        "items": [],
        "gift": True,
    }


def test_who_told_it():
    assert read_event(document(source="till")).source == "till"
    assert read_event(document(), default_source="import").source == "import"
    assert read_event(document(source="till"), default_source="import").source == "till"


def test_a_refund():
    event = read_event(document(data={"order": {"number": "#1001"}, "refund": {"id": 7, "amount": 9.9}}))
    assert event.data["refund"] == {"id": "7", "amount": "9.9"}


def test_whole_numbers_of_64_bits():
    for number in (-(2**63), 2**64 - 1):
        assert read_event(document(type="x", data={"n": number})).data == {"n": number}
    for number in (-(2**63) - 1, 2**64):
        with pytest.raises(InputError, match="data.n: a whole number of more than 64 bits"):
            read_event(document(type="x", data={"n": number}))


def test_numbers_that_are_ids_or_money():
    event = read_event(
        document(
            id=820982911946154508,
            data={"order": {"number": 1001, "total": 49.9, "items": [{"sku": 7, "price": 0.1, "quantity": 2.0}]}},
        )
    )
    assert event.id == "820982911946154508"
    assert event.data["order"]["total"] == "49.9"
    assert event.data["order"]["items"] == [{"sku": "7", "price": "0.1", "quantity": 2}]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": None}, "id"),
        ({"id": ""}, "id"),
        ({"id": "x" * 201}, "id"),
        ({"id": "a\nb"}, "id"),
        ({"id": True}, "id"),
        ({"id": 1.5}, "id"),
        ({"type": "Order Placed"}, "type"),
        ({"type": "a" * 101}, "type"),
        ({"type": "order."}, "type"),
        ({"time": "2026-03-02T10:00:00"}, "time"),
        ({"time": "yesterday"}, "time"),
        ({"time": 1772445600}, "time"),
        ({"time": "0001-01-01T00:00:00+23:00"}, "time"),
        ({"customer": {}}, "customer"),
        ({"customer": []}, "customer"),
        ({"customer": None}, "customer"),
        ({"customer": {"id": "1", "email": 5}}, "customer.email"),
        ({"customer": {"id": "1", "attributes": {"a": []}}}, "customer.attributes.a"),
        ({"data": []}, "data"),
        ({"data": {"order": {"total": "1"}}}, "data.order.number"),
        ({"data": {"order": {"number": "1", "total": "1,5"}}}, "data.order.total"),
        ({"data": {"order": {"number": "1", "total": 10**20}}}, "data.order.total"),
        ({"data": {"order": {"number": "1", "currency": "Euro"}}}, "data.order.currency"),
        ({"data": {"order": {"number": "1", "currency": 978}}}, "data.order.currency"),
        ({"data": {"order": {"number": "1", "items": [{}, {"price": "x"}]}}}, "data.order.items.1.price"),
        ({"data": {"order": {"number": "1", "items": [{"quantity": -1}]}}}, "data.order.items.0.quantity"),
        ({"data": {"shipment": {"eta": "soon"}}}, "data.shipment.eta"),
        ({"data": {"shipment": {"eta": "2026-03-04T10:00:00"}}}, "data.shipment.eta"),
        ({"data": {"refund": {}}}, "data.refund.amount"),
        ({"data": {"refund": {"amount": "-1"}}}, "data.refund.amount"),
        ({"data": {"cart": {}}}, "data.cart.id"),
        ({"data": {"x": float("nan")}}, "data.x"),
        ({"data": {"x": float("inf")}}, "data.x"),
        ({"data": {"x": ["a\x00b"]}}, "data.x.0"),
        ({"data": {"x": {"y": "\ud800"}}}, "data.x.y"),
        ({"data": {"a\x00": 1}}, "data"),
        ({"data": {"x": 2**64}}, "data.x"),
        ({"data": {"x": b"bytes"}}, "data.x"),
        ({"data": {"x": "a" * 100_001}}, "data.x"),
    ],
)
def test_an_error_names_its_field(changes, field):
    with pytest.raises(InputError) as caught:
        read_event(document(**changes))
    assert caught.value.message.startswith(f"{field}:")


@pytest.mark.parametrize("missing", ["id", "type", "time"])
def test_a_missing_field_is_named(missing):
    told = document()
    del told[missing]
    with pytest.raises(InputError, match=f"{missing}: is missing"):
        read_event(told)


def test_endless_nesting():
    deep: object = "x"
    for _ in range(100):
        deep = [deep]
    with pytest.raises(InputError, match="nested deeper"):
        read_event(document(data={"x": deep}))


def test_an_event_about_a_product_needs_no_customer():
    told = document(type="product.restocked", data={"product": {"id": "p1"}})
    del told["customer"]
    assert read_event(told).customer == {}


@pytest.mark.parametrize(
    ("type", "data", "field"),
    [
        ("order.placed", {}, "data.order"),
        ("order.placed", {"cart": {"id": "c-1"}}, "data.order"),
        ("order.cancelled", {"refund": {"amount": "5"}}, "data.order"),
        ("shipment.shipped", {}, "data.shipment"),
        ("refund.created", {}, "data.refund"),
        ("cart.updated", {"order": {"number": "1"}}, "data.cart"),
        ("product.restocked", {}, "data.product"),
    ],
)
def test_an_event_brings_what_its_type_speaks_of(type, data, field):
    with pytest.raises(InputError, match=f"^{field}: is missing"):
        read_event(document(type=type, data=data))


@pytest.mark.parametrize(
    ("type", "data"),
    [
        ("order.refunded", {"refund": {"amount": "5"}}),
        ("refund.created", {"order": {"number": "1"}}),
        ("shipment.shipped", {"order": {"number": "1"}}),
        ("customer.registered", {}),
        ("order", {}),
    ],
)
def test_what_an_event_may_do_without(type, data):
    assert read_event(document(type=type, data=data)).data == data


def test_one_instant_is_one_however_it_is_written():
    data = {"order": {"number": "1"}, "shipment": {"eta": "2026-03-05T10:00Z"}}
    told = document(time="2026-03-02T09:00:00Z", data=data)
    same = document(
        time="2026-03-02T10:00:00+01:00",
        data={"order": {"number": "1"}, "shipment": {"eta": "2026-03-05T10:00:00.000+00:00"}},
    )
    other = document(time="2026-03-02T10:00:00Z", data=told["data"])
    assert fingerprint(told) == fingerprint(same) != fingerprint(other)
    assert fingerprint(document(time="2026-13-02T09:00:00Z")) != fingerprint(told)  # what is no time is text


def test_the_fingerprint_is_of_what_is_said():
    one = document()
    same = json.loads(json.dumps(one, indent=2, sort_keys=True))
    assert fingerprint(one) == fingerprint(same)
    assert fingerprint(document(data={"a": 1})) == fingerprint(document(data={"a": 1.0}))
    assert fingerprint(document(data={"a": 1})) != fingerprint(document(data={"a": "1"}))
    assert fingerprint(document(data={"a": [1, 2]})) != fingerprint(document(data={"a": [2, 1]}))
    assert fingerprint(document(id="other")) == fingerprint(one)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(values)
def test_any_json_is_read_or_refused_by_name(value):
    for told in (
        value,
        document(data={"extra": value}),
        document(customer=value),
        document(data={"order": value}),
    ):
        try:
            event = read_event(told)
        except InputError:
            continue
        assert event.fingerprint == read_event(told).fingerprint


def test_what_is_no_json():
    for text in (
        b"",
        b"{",
        b"[NaN]",
        b'{"a": 1e999}',
        b'"\\ud800"',
        b"\xff",
        b"[" * 100_000,
        b"1" * 5_000_000,
    ):
        with pytest.raises(InputError):
            parse_json(text)


def test_real_suite_of_json_texts(shared):
    for path in sorted(shared("data/json_test_suite").rglob("n_*.json")):
        with pytest.raises(InputError):
            read_event(parse_json(path.read_bytes()))


def test_an_event_may_be_large_but_not_endless():
    assert parse_json(b'"' + b"a" * (MAX_BYTES - 2) + b'"')
    with pytest.raises(InputError, match="bytes"):
        parse_json(b'"' + b"a" * MAX_BYTES + b'"')


def test_naughty_strings_come_through(shared):
    strings = json.loads(shared("data/naughty/blns.json").read_text("utf-8"))
    for text in strings:
        if "\x00" in text or not text.strip():
            continue
        event = read_event(
            document(customer={"id": "1", "first_name": text}, data={"order": {"number": "1"}, "note": text})
        )
        assert event.customer["first_name"] == event.data["note"] == text


def test_only_a_source_leaves_the_rest_to_be_asked_for():
    thin = {"id": "7", "type": "order.placed", "time": "2026-03-02T11:00:00Z", "incomplete": {"order": "1001"}}
    event = read_event(thin, thin=True)
    assert (event.incomplete, event.customer, event.data) == ({"order": "1001"}, {}, {})
    with pytest.raises(InputError, match=r"^incomplete: only what a source made may be"):
        read_event(thin)
    assert read_event(document(), thin=True).incomplete is None
    assert fingerprint(thin) != fingerprint(thin | {"incomplete": {"order": "1002"}})
    assert fingerprint(document()) == fingerprint(document(incomplete=None))
