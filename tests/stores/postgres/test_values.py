"""How values travel."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from messaging.nouns.customer import Customer
from messaging.stores.postgres.values import Texts, askable, maker

pytestmark = pytest.mark.postgres
KEPT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def test_texts_come_as_they_are(store):
    @settings(max_examples=200, deadline=None)
    @given(st.lists(KEPT, max_size=8))
    @example(["", " ", "NULL", "null", "{}", ",", '"', "\\", '\\"', "\n", "a,b", '","', "\u2028", "\U0001f600"])
    @example([])
    @example([""])
    def check(texts: list[str]) -> None:
        (found,) = store._database.tuples("SELECT %(texts)s::text[], %(none)s", {"texts": Texts(texts), "none": None})
        assert found == (texts, None)

    check()


def test_a_noun_is_made_of_all_its_values_as_by_itself():
    customer = Customer(id="ann", city="Wien", attributes={"vip": True})
    make = maker(Customer)
    made = make([getattr(customer, each.name) for each in fields(Customer)])
    assert made == customer
    with pytest.raises(FrozenInstanceError):
        made.city = "Graz"  # type: ignore[misc]  # that is what is tried
    with pytest.raises(ValueError, match="shorter"):
        make(["ann"])


def test_only_what_can_be_in_a_database_is_asked_for():
    assert askable(["b", "a", "b", "a\0", "\ud83d", "\ude00", ""]) == ["b", "a", ""]


@pytest.mark.parametrize("kind", ["json", "jsonb"])
def test_json_comes_as_it_was_written(store, kind):
    values = {"whole": 2**63, "less": -(2**63), "part": 0.1, "text": "\u00e9\u2028", "none": None, "empty": {}}
    written = '{"whole": 9223372036854775808, "less": -9223372036854775808, "part": 0.1, "text": "\u00e9\u2028", "none": null, "empty": {}}'
    assert store._database.tuples(f"SELECT %(json)s::{kind}", {"json": written}) == [(values,)]
