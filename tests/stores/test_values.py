"""What may be kept, and how the rest is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.errors import InputError
from messaging.stores.values import clean_text, pack

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


@given(st.dictionaries(TEXT, JSON))
def test_json_comes_back_as_it_was_and_is_a_copy(document):
    encoded, copy = pack(document, "here")
    assert copy == document == orjson.loads(encoded)
    assert copy is not document


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("-inf"),
        1e999,
        "a\0",
        "\udc80",
        2**64,
        -(2**63) - 1,
        {1},
        b"x",
        Decimal(1),
        datetime(2026, 1, 1, tzinfo=UTC),
        date(2026, 1, 1),
        UUID(int=1),
        object(),
        {"key\0": 1},
        {1: 1},
    ],
)
def test_what_json_cannot_say_is_refused_by_name(value):
    for document in ({"data": value}, {"deep": [{"data": value}]}):
        with pytest.raises(InputError, match="data"):
            pack(document, "orders")


def test_the_whole_path_is_named():
    with pytest.raises(InputError, match=r"^events\.data\.items\[1\]\.price"):
        pack({"data": {"items": [{}, {"price": float("nan")}]}}, "events")


def test_what_only_looks_like_nul_is_fine():
    assert pack({"a": "\\u0000"}, "x")[1] == {"a": "\\u0000"}


def test_a_tuple_becomes_a_list():
    assert pack({"a": (1, 2)}, "x")[1] == {"a": [1, 2]}


def test_too_deep_is_refused():
    deep = []
    for _ in range(2000):
        deep = [deep]
    with pytest.raises(InputError):
        pack({"a": deep}, "x")


@given(st.text())
def test_cleaned_text_can_be_kept(text):
    cleaned = clean_text(text)
    pack({"a": cleaned}, "x")
    assert len(cleaned) == len(text)
