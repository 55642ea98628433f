"""What each recipient of a shared request gets, beside what they get alone."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from messaging import MessageClass, Pieces, RenderedMessage
from messaging.nouns.pieces import Joined
from messaging.testing.standins.sendgrid_filling import recipients
from messaging.testing.standins.sendgrid_rules import problems
from messaging_email import sendgrid_batch
from messaging_email.sendgrid_batch import Letter, Limits, letter_of, loads, request_body

NAMES = ("Ann", "Bob", "Carla", "Dimitri", "Eve")
SUBJECT = ("Tea for ", "")
TEXT = ("Hello ", "\nYour tea ", " waits.\n", "")
HTML = ("<p>Hello ", " &amp; all</p><a href='https://shop.example/", "'>", "", "</a>Q")


def message(
    number: int, subject: Sequence[str], text: Sequence[str], html: Sequence[str], **more: Any
) -> RenderedMessage:
    pieces = {
        "subject": Pieces(SUBJECT, tuple(subject)),
        "text": Pieces(TEXT, tuple(text)),
        "html": Pieces(HTML, tuple(html)),
    }
    values: dict[str, Any] = {
        "id": f"m{number}",
        "channel": "email",
        "to": f"c{number}@example.com",
        "message_class": MessageClass.MARKETING,
        "template": "letter",
        "parts": {name: piece.text for name, piece in pieces.items()},
        "pieces": pieces,
        "from_": "Our shop <shop@example.com>",
        "headers": {"List-Unsubscribe": f"<https://shop.example/u/{number}>"},
    }
    return RenderedMessage(**{**values, **more})


def usual(number: int, name: str | None = None, **more: Any) -> RenderedMessage:
    name = name or f"{NAMES[number % 5]} {number}"
    return message(number, [name], [name, "Assam", f"c/{number}"], [name, f"c/{number}", "See ", name], **more)


def letters(*messages: RenderedMessage) -> list[Letter]:
    return [letter_of(message) for message in messages]


def received(mail: Mapping[str, Any], seed: int = 0) -> dict[str, dict[str, Any]]:
    """What each recipient gets, by address; keys are replaced in random order and looked for again."""
    found = recipients(mail, random.Random(seed))
    return {
        one["to"]: {name: one[name] for name in ("from", "reply_to", "subject", "content", "headers", "custom_args")}
        for one in found
    }


def check_same(found: Sequence[Letter], seed: int, limits: Limits | None = None) -> list[tuple[Letter, ...]]:
    """Each letter is in one load, and its recipient gets from it what they get alone."""
    made = list(loads(found, limits or Limits()))
    assert sorted(letter.id for load in made for letter in load) == sorted(letter.id for letter in found)
    for load in made:
        body = request_body(load)
        assert problems(json.loads(orjson.dumps(body)), now=0.0) == []
        together = received(body, seed)
        for letter in load:
            alone = received(letter.body, seed)
            assert together[letter.message.to] == alone[letter.message.to]
    return made


HOSTILE = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    st.text("Qab0", max_size=6),
    st.sampled_from(
        ["", "Q", "Qa", "Qab000", "ab000Qab", "-name-", "[unsubscribe]", "<%x%>", "{{x}}", "%x%", "&lt;", "a\nb"]
    ),
)


def some(name: str) -> st.SearchStrategy[tuple[list[str], list[str], list[str]]]:
    return st.tuples(*(st.lists(HOSTILE, min_size=size, max_size=size) for size in (1, 3, 4)))


@settings(deadline=None, max_examples=300)
@given(st.lists(some("values"), min_size=1, max_size=6), st.integers(0, 2**32))
def test_whatever_the_values_are_each_gets_the_same(
    values: list[tuple[list[str], list[str], list[str]]], seed: int
) -> None:
    # Keys of two letters out of twelve: values do meet them.
    with mock.patch.multiple(sendgrid_batch, _DRAWN=2, _LETTERS="abcdefgh0123"):
        check_same(letters(*(message(number, *own) for number, own in enumerate(values))), seed)


def test_naughty_strings(shared: Callable[[str], Path]) -> None:
    naughty = [
        text.encode("utf-8", "replace").decode()
        for text in json.loads(shared("data/naughty/blns.json").read_text("utf-8"))
    ]
    found = letters(*(usual(number, text or "x") for number, text in enumerate(naughty)))
    made = check_same(found, 1)
    assert max(len(load) for load in made) > 300


def test_the_body_is_as_specified(shared: Callable[[str], Path]) -> None:
    spec = json.loads(shared("specs/sendgrid_tsg_mail_v3.json").read_text("utf-8"))
    schema = spec["components"]["requestBodies"]["PostMailSend"]["content"]["application/json"]["schema"]
    described = Draft202012Validator({**schema, "components": spec["components"]}, format_checker=FormatChecker())
    (load,) = loads(letters(*(usual(number, reply_to="Help <help@example.com>") for number in range(1000))), Limits())
    described.validate(json.loads(orjson.dumps(request_body(load))))


def test_the_body_is_written_once() -> None:
    (load,) = loads(letters(*(usual(n) for n in range(1000))), Limits())
    body = request_body(load)
    assert len(body["personalizations"]) == 1000
    one = body["personalizations"][7]
    # The name is in the html twice, in the text and the subject, the link in both: two keys; the tea is everybody's.
    assert sorted(one["substitutions"].values()) == ["Carla 7", "c/7"]
    assert "Assam" in body["content"][0]["value"]
    assert one["headers"] == {"List-Unsubscribe": "<https://shop.example/u/7>"}
    assert one["custom_args"] == {"message_id": "m7"}
    assert len({len(key) for other in body["personalizations"] for key in other["substitutions"]}) == 1
    assert request_body(load)["subject"] != body["subject"], "keys are drawn for each request"


def test_what_is_the_same_for_all_needs_no_keys() -> None:
    (load,) = loads(letters(*(message(n, ["you"], ["a", "b", "c"], ["a", "b", "c", "d"]) for n in range(3))), Limits())
    body = request_body(load)
    assert all("substitutions" not in one for one in body["personalizations"])
    assert body["subject"] == "Tea for you"


@pytest.mark.parametrize(
    "value",
    [
        *("-first_name-", "Ann -name-", "%name%", "[unsubscribe]", "[Ann]", "<%asm_group_unsubscribe_url%>", "{{ x }}"),
        *("#name#", ":sectionName:", "{%x", "}}"),
    ],
)
def test_what_looks_like_a_tag_goes_alone(value: str) -> None:
    made = list(loads(letters(usual(1), usual(2, value), usual(3)), Limits()))
    assert sorted([letter.id for letter in load] for load in made) == [["m1", "m3"], ["m2"]]


@pytest.mark.parametrize(
    "value", ["2026-03-02", "https://shop.example/c/a-b-c_-d", "10:30:00", "50 % off", "Jean-Luc-Marie", "a #1", "1-a-"]
)
def test_what_does_not_goes_with_the_others(value: str) -> None:
    (load,) = loads(letters(usual(1), usual(2, value), usual(3)), Limits())
    assert len(load) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"from_": "Other <shop@example.com>"},
        {"reply_to": "help@example.com"},
        {"pieces": {}},
        {"pieces": {"subject": Pieces(("x",), ()), "text": Pieces(("x",), ()), "html": Pieces(("x",), ())}},
        {"pieces": {"subject": Pieces((), ()), "text": Pieces((), ()), "html": Pieces((), ())}},
    ],
)
def test_what_differs_goes_alone(changes: dict[str, Any]) -> None:
    made = list(loads(letters(usual(1), usual(2, **changes), usual(3)), Limits()))
    assert sorted([letter.id for letter in load] for load in made) == [["m1", "m3"], ["m2"]]


def test_an_address_is_in_a_request_once() -> None:
    messages = [usual(1), usual(2), usual(3, to="C1@Example.com"), usual(4, to="c1@example.com"), usual(5)]
    made = check_same(letters(*messages), 0)
    assert [[letter.id for letter in load] for load in made] == [["m1", "m2", "m5"], ["m3"], ["m4"]]


def test_limits_are_kept() -> None:
    found = letters(*(usual(n, f"{'é' * 40}{n}") for n in range(20)), usual(20, "é" * 100), usual(21))
    own = 2 * (sendgrid_batch._KEY + len('"":,')) + len(f'{{"{"é" * 43}""c/19"'.encode())
    made = check_same(found, 0, Limits(8, own, 30_000_000))
    assert sorted(len(load) for load in made) == [1, 5, 8, 8]
    for load in made:
        for one in request_body(load)["personalizations"]:
            assert len(orjson.dumps(one.get("substitutions", {}))) <= own
    whole = len(orjson.dumps(request_body(tuple(found[:10]))))
    made = check_same(found, 0, Limits(1000, 10_000, whole))
    assert max(len(orjson.dumps(request_body(load))) for load in made) <= whole
    assert max(len(load) for load in made) > 5
    assert [len(load) for load in loads(found, Limits(recipients=1))] == [1] * 22


def test_more_values_than_a_recipient_may_have() -> None:
    def wide(number: int, columns: int) -> RenderedMessage:
        text = Pieces(("-",) * (columns + 1), tuple(f"{number}.{column}" for column in range(columns)))
        parts = {"subject": "Tea", "text": text.text}
        return usual(number, parts=parts, pieces={"subject": Pieces(("Tea",), ()), "text": text})

    assert [len(load) for load in check_same(letters(*(wide(n, 150) for n in range(3))), 0)] == [3]
    assert [len(load) for load in check_same(letters(*(wide(n, 151) for n in range(3))), 0)] == [1, 1, 1]


def test_a_key_that_is_in_a_message_is_drawn_again() -> None:
    drawn = "a" * 11 + "b" * 11 + "c" * 11
    with mock.patch("messaging_email.sendgrid_batch.secrets.choice", side_effect=drawn):
        found = letters(usual(1, "Q" + "a" * 11), usual(2), usual(3, headers={"X-Tea": "Q" + "b" * 11}))
        body = request_body(tuple(found))
    assert {key[:12] for key in body["personalizations"][0]["substitutions"]} == {"Q" + "c" * 11}


def test_a_key_that_comes_about_where_a_text_and_a_value_meet_is_drawn_again() -> None:
    def long(number: int, name: str) -> RenderedMessage:
        html = Pieces(("<p>" + "tea " * 20 + "Qaaaaa", "aaaaa" + "tea" * 20 + "</p>"), (name,))
        subject = Pieces(("Tea",), ())
        parts = {"subject": "Tea", "html": html.text}
        return usual(number, parts=parts, pieces={"subject": subject, "html": html})

    drawn = "a" * 11 + "b" * 11
    with mock.patch("messaging_email.sendgrid_batch.secrets.choice", side_effect=drawn):
        body = request_body(tuple(letters(long(1, "x"), long(2, "a"))))
    assert {key[:12] for key in body["personalizations"][0]["substitutions"]} == {"Q" + "b" * 11}


def test_parts_in_pieces_are_as_good_as_whole_ones() -> None:
    whole = [usual(number) for number in range(3)]
    apart = [replace(message, parts=Joined(message.pieces)) for message in whole]
    (one,), (two,) = (list(loads(letters(*some), Limits())) for some in (whole, apart))
    with mock.patch("messaging_email.sendgrid_batch.secrets.choice", return_value="a"):
        assert request_body(one) == request_body(two)
    assert [letter.body for letter in one] == [letter.body for letter in two]


def test_what_no_encoding_can_carry_goes_alone() -> None:
    def odd(number: int, name: str, after: str) -> RenderedMessage:
        pieces = {"subject": Pieces(("Tea",), ()), "html": Pieces(("<p>", after), (name,))}
        return usual(number, parts=Joined(pieces), pieces=pieces)

    found = letters(
        odd(1, "a", "."), odd(2, "b\ud800", "."), odd(3, "c", "."), *(odd(n, "d", "\udfff") for n in (4, 5))
    )
    made = check_same(found, 0)
    assert sorted([letter.id for letter in load] for load in made) == [["m1", "m3"], ["m2"], ["m4"], ["m5"]]


def test_empty_contents_are_left_out() -> None:
    pieces = {"subject": Pieces(("Tea",), ()), "text": Pieces(("",), ()), "html": Pieces(("<p>", "</p>"), ("a",))}
    found = letters(*(usual(number, parts=Joined(pieces), pieces=pieces) for number in range(2)))
    (load,) = check_same(found, 0)
    assert [part["type"] for part in request_body(load)["content"]] == ["text/html"]
