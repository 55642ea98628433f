"""What becomes of values that may be anything."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import InputError, Request
from messaging.rules.envelope import read_event
from messaging_shops.items import item
from messaging_shops.people import first, is_somebody, person
from messaging_shops.reading import body_of, filled, instant, mark, name, needed, rows, table, text, unix, web_address

anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()) | st.just({})


def read(**data: object) -> None:
    """As the core does."""
    read_event({"id": "1", "type": "x", "time": "2026-03-02T10:00:00Z", "customer": {"id": "ann"}, "data": data})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" a \r\n\t b\u2028c ", "a b c"),
        ("a\x00b", "a b"),
        ("half \ud800 pair", "half ? pair"),
        ("👩\u200d👧", "👩\u200d👧"),
        (9007199254740993, "9007199254740993"),
        ("abcdef", "abcde"),
        ("abcd e", "abcd"),
    ],
)
def test_text(value: object, expected: str) -> None:
    assert text(value, 20 if len(str(value)) != 6 else 5) == expected


@pytest.mark.parametrize("value", ["", "  ", "\x00", None, True, 1.5, [], {}])
def test_no_text(value: object) -> None:
    assert text(value) is None
    assert name(value) is None
    with pytest.raises(InputError, match="^order_id: is missing$"):
        needed(value, "order_id")


@pytest.mark.parametrize("value", [0, "0", "x" * 201, "a\x07", "\u202ea", 10**300])
def test_no_name(value: object) -> None:
    assert name(value) is None


@given(anything)
def test_any_name_is_one(value: object) -> None:
    told = name(value)
    if told is not None:
        read(order={"id": told, "number": told})


@given(anything, anything, anything, anything)
def test_any_item_and_person_is_one(one: object, two: object, three: object, four: object) -> None:
    line = item(one, name=two, quantity=three, price=four, url=one, image=two)
    read(cart={"id": "1", "items": [line]})
    somebody = person(id=one, email=two, phone=three, first_name=four, locale=one, country=two, postal_code=three)
    if is_somebody(somebody):
        read_event({"id": "1", "type": "x", "time": "2026-03-02T10:00:00Z", "customer": somebody})


def test_first() -> None:
    assert first(None, "", " ", {}, True, "a", "b") == "a"
    assert first() is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-02T10:00:00+01:00", "2026-03-02T09:00:00+00:00"),
        ("2024-08-07T22:49:23.634640521Z", "2024-08-07T22:49:23.634640+00:00"),
        ("2026-03-02T10:00:00", None),
        ("2026-03-02", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
        ("", None),
        (None, None),
        (1_772_445_600, None),
    ],
)
def test_instant(value: object, expected: str | None) -> None:
    assert instant(value) == expected


def test_an_instant_known_to_be_utc() -> None:
    assert instant("2026-03-02T10:00:00", utc=True) == "2026-03-02T10:00:00+00:00"
    assert instant("2026-03-02T10:00:00+01:00", utc=True) == "2026-03-02T09:00:00+00:00"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_772_445_600, "2026-03-02T10:00:00+00:00"),
        (" 1772445600", "2026-03-02T10:00:00+00:00"),
        (10**17, None),
        (10**400, None),
        ("9" * 14, None),
        ("-1", None),
        ("١٢٣", None),
        (True, None),
        (1.5, None),
        (None, None),
    ],
)
def test_unix(value: object, expected: str | None) -> None:
    assert unix(value) == expected


@pytest.mark.parametrize("value", ["https://a.example/x?y=1", "http://a.example"])
def test_a_web_address(value: str) -> None:
    assert web_address(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a.example",
        "//a.example",
        "javascript:alert(1)",
        "https://",
        "https://[",
        "https://a b/",
        "ftp://a",
        7,
        None,
    ],
)
def test_no_web_address(value: object) -> None:
    assert web_address(value) is None


def test_tables_and_rows() -> None:
    assert table([1]) == table(None) == {}
    assert rows([{"a": 1}, 2, None, {"b": 2}]) == [{"a": 1}, {"b": 2}]
    assert rows({"a": 1}) == rows(None) == rows("ab") == []
    assert len(rows([{}] * 5000)) == 1000
    assert filled(a=0, b=None, c=[], d={}, e="", f=False) == {"a": 0, "e": "", "f": False}


def test_a_mark_is_the_same_for_the_same() -> None:
    assert mark({"a": 1, "b": 2}) == mark({"b": 2, "a": 1}) != mark({"a": 1, "b": 3})
    assert mark("a", "b") != mark("ab")


def test_a_body_is_an_object() -> None:
    def posted(body: bytes) -> Request:
        return Request(url="https://shop.example/", body=body, received_at=datetime.now(UTC))

    assert body_of(posted(b'{"a": 1}')) == {"a": 1}
    for other in (b"[1]", b"null", b"7", b'"a"', b"", b"{"):
        with pytest.raises(InputError):
            body_of(posted(other))
