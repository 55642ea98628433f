"""Segments that ask about one another."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from messaging.errors import ExpressionError, NotFound
from messaging.expressions import Schema, SegmentLibrary, Subject
from messaging.nouns.history import HistoryNeeds
from messaging.nouns.segment import Segment

Make = Callable[..., Any]


@pytest.fixture
def library(schema: Schema) -> Callable[..., SegmentLibrary]:
    def make(**where: str) -> SegmentLibrary:
        segments = {name: Segment(name=name, where=text, file=f"{name}.toml") for name, text in where.items()}
        return SegmentLibrary(segments, schema)

    return make


def within(library: SegmentLibrary, name: str, who: Subject) -> bool:
    library.expression(name)
    who.segments = library.matchers
    return library.matchers[name](who)


def test_a_segment_asks_another(library: Make, subject: Make) -> None:
    made = library(a="in_segment('b') and not in_segment('c')", b="vip", c="country == 'DE'")
    assert within(made, "a", subject(vip=True))
    assert not within(made, "a", subject(vip=True, country="DE"))


def test_needs_are_those_of_all(library: Make) -> None:
    made = library(a="in_segment('b')", b="in_segment('c') and sent()", c="rfm.r > 3 or happened('x')")
    expression = made.expression("a")
    assert made.needs(expression) == HistoryNeeds(orders=True, messages=True, happened=frozenset({"x"}))
    assert made.graded(expression)
    assert set(made.reached(expression)) == {"b", "c"}


def test_a_ring_is_named(library: Make) -> None:
    made = library(a="vip and in_segment('b')", b="in_segment('c')", c="in_segment('a')", d="in_segment('d')", e="vip")
    with pytest.raises(ExpressionError, match=r"c\.toml:1:13: .*ring: a → b → c → a"):
        made.expression("a")
    with pytest.raises(ExpressionError, match="ring: d → d"):
        made.expression("d")
    with pytest.raises(ExpressionError, match="ring: b → c → a → b"):
        made.expression("b")
    assert made.expression("e")


def test_who_leads_into_a_ring_hears_of_it(library: Make) -> None:
    made = library(x="in_segment('a')", a="in_segment('b')", b="in_segment('a')")
    with pytest.raises(ExpressionError, match="ring: a → b → a"):
        made.expression("x")


def test_an_unknown_one_has_its_place_and_the_nearest_name(library: Make) -> None:
    made = library(a="vip and\n  in_segment('repeet')", repeat="vip")
    with pytest.raises(ExpressionError) as caught:
        made.expression("a")
    assert str(caught.value) == "a.toml:2:15: no segment 'repeet' (did you mean repeat?)"
    with pytest.raises(NotFound, match="did you mean repeat"):
        made.expression("repeet")


def test_a_broken_one_concerns_only_who_asks_about_it(schema: Schema) -> None:
    fault = ExpressionError("not TOML", file="bad.toml", line=3)
    segments = {"good": Segment(name="good", where="vip"), "asks": Segment(name="asks", where="in_segment('bad')")}
    made = SegmentLibrary(segments, schema, broken={"bad": fault})
    assert made.expression("good")
    assert made.names() == ["asks", "bad", "good"]
    for name in ("bad", "asks"):
        with pytest.raises(ExpressionError, match=r"bad\.toml:3"):
            made.expression(name)


def test_diamonds_are_not_exponential(library: Make, subject: Make) -> None:
    """Each of 25 segments asks twice about the one below: 2**25 questions, were they not remembered."""
    chain = {f"s{i}": f"in_segment('s{i + 1}') and not (vip and not in_segment('s{i + 1}'))" for i in range(25)}
    made = library(**chain, s25="country == 'DE'")
    started = time.process_time()
    assert within(made, "s0", subject(country="DE", vip=True))
    assert time.process_time() - started < 1


def test_a_very_long_chain_is_refused(library: Make) -> None:
    made = library(**{f"s{i}": f"in_segment('s{i + 1}')" for i in range(2_000)}, s2000="vip")
    with pytest.raises(ExpressionError, match="in a chain"):
        made.expression("s0")
