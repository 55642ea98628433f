from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.errors import TemplateError
from messaging.nouns.pieces import Pieces
from messaging.rendering.finishing import finished, finished_pieces, inert

HOSTILE = [
    "",
    " ",
    "\n",
    "\t",
    "=",
    "?",
    "=?",
    "\ud800",
    "\udfff",
    "é",
    "\u2028",
    "\x00",
    "\u3000",
    "\xa0",
    "\u202f",
    "a",
    "\r\n",
    "\u202e",
]
CHUNKS = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(), max_size=3)), max_size=15)


@pytest.mark.parametrize("part", ["subject", "preheader", "html", "text", "body"])
@given(chunks=CHUNKS)
def test_pieces_are_finished_as_the_text_is(part: str, chunks: list[str]) -> None:
    flat = chunks if len(chunks) % 2 else [*chunks, ""]
    for channel in ("email", "sms"):
        text = finished(part, "".join(flat), "t", channel=channel)
        assert finished_pieces(part, raw(flat), text, channel=channel).text == text


@pytest.mark.parametrize("part", ["subject", "preheader", "html", "text", "body"])
@given(chunks=CHUNKS)
def test_around_inert_values_all_is_finished_as_around_letters(part: str, chunks: list[str]) -> None:
    flat = chunks if len(chunks) % 2 else [*chunks, ""]
    pieces = raw(flat)
    letters = Pieces(pieces.skeleton, ("x",) * len(pieces.values))
    for channel in ("email", "sms"):
        if inert(part, pieces.values, channel=channel):
            text = finished(part, letters.text, "t", channel=channel)
            made = finished_pieces(part, letters, text, channel=channel)
            assert made.values == letters.values
            expected = finished(part, pieces.text, "t", channel=channel)
            assert Pieces(made.skeleton, pieces.values).text == expected


def test_usual_values_are_inert() -> None:
    assert inert("subject", ["Zoë", "18,90 €"])
    assert inert("text", ["Zoë", "18,90\xa0€"])
    assert inert("html", ["", "\n", "18,90\xa0€"])
    assert not inert("text", [""])
    assert not inert("json", ["a"])


def raw(flat: list[str]) -> Pieces:
    return Pieces(tuple(flat[::2]), tuple(flat[1::2]))


def test_what_a_value_becomes_stays_the_values() -> None:
    flat = ["  Dear\n ", "An\x00n=", "? and\n\n\n", "B\ud800b", " \n"]
    assert finished_pieces("subject", raw(flat), finished("subject", "".join(flat), "t")).values == ("An n=", "B?b")
    assert finished_pieces("text", raw(flat), finished("text", "".join(flat), "t")).skeleton == (
        "  Dear\n ",
        "? and\n\n",
        " ",
    )


def test_json_that_is_none_is_an_error() -> None:
    with pytest.raises(TemplateError, match="template t: the result is not JSON"):
        finished("json", '{"a": }', "t")
