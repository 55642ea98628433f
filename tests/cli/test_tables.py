"""How wide columns are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from messaging.cli.tables import longest_word, widths

COLUMNS = [["id", "0123456789"], ["note", "some words of several letters"], ["template", "order-confirmation"]]


def test_what_fits_is_as_wide_as_it_is() -> None:
    assert widths(COLUMNS, 100) == [10, 29, 18]


def test_lines_break_before_words_do() -> None:
    assert widths(COLUMNS, 40) == [10, 10, 18]


def test_words_break_where_they_must_and_what_is_copied_last() -> None:
    assert widths(COLUMNS, 32, solid=("id",)) == [10, 7, 13]
    assert widths(COLUMNS, 20, solid=("id",)) == [10, 4, 4]


@given(st.lists(st.lists(st.text("ab -", max_size=30), min_size=1, max_size=4), min_size=1, max_size=6), st.data())
def test_they_always_fit(columns: list[list[str]], data: st.DataObject) -> None:
    room = data.draw(st.integers(2 * len(columns), 120))
    found = widths(columns, room)
    assert sum(found) + len(columns) - 1 <= room
    assert min(found) >= 1
    words = [longest_word(cells) for cells in columns]
    if sum(words) + len(columns) - 1 <= room:
        assert all(width >= word for width, word in zip(found, words, strict=True))
