"""The reasons in words, and only those that decided."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from messaging.expressions import Explanation, Schema, SegmentLibrary, explain, parse
from messaging.nouns.history import MessageFact
from messaging.nouns.segment import Segment

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
Make = Callable[..., Any]


@pytest.fixture
def why(schema: Schema, subject: Make) -> Callable[..., Explanation]:
    return lambda text, **given: explain(parse(text, schema), subject(**given))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("orders.count >= 3", "orders.count is 2, not 3 or more"),
        ("orders.count < 3", "orders.count is 2 (less than 3)"),
        ("orders.count == 2", "orders.count is 2"),
        ("orders.count == 3", "orders.count is 2, not 3"),
        ("orders.count != 2", "orders.count is 2"),
        ("country in ['AT', 'CH']", "country is 'DE', not one of 'AT', 'CH'"),
        ("country in ['AT', 'DE']", "country is 'DE' (one of 'AT', 'DE')"),
        ("country not in ['AT', 'DE']", "country is 'DE' (one of 'AT', 'DE')"),
        ("city == 'Wien'", "city is missing"),
        ("city is defined", "city is missing"),
        ("country is defined", "country is 'DE'"),
        ("'ann' in email", "email is 'ann@example.com' and contains 'ann'"),
        ("'ann' not in email", "email is 'ann@example.com' and contains 'ann'"),
        ("'bob' in email", "email is 'ann@example.com' and does not contain 'bob'"),
        ("email.endswith('.org')", "email is 'ann@example.com' and does not end with '.org'"),
        ("email.endswith('.com')", "email is 'ann@example.com' and ends with '.com'"),
        ("orders.last_at < '2026-01-01'", "orders.last_at is 2026-02-28 10:00 UTC, not before 2026-01-01"),
        ("days_since(orders.last_at) > 90", "days_since(orders.last_at) is 2, not more than 90"),
        ("bought('MUG')", "did not buy MUG"),
        ("bought('CUP', days=30)", "bought CUP in the last 30 days"),
        ("clicked('spring')", "did not click in spring"),
        ("opened('spring', days=1)", "did not open spring in the last day"),
        ("sent()", "was sent a message"),
        ("happened('cart.updated')", "cart.updated did not happen"),
        ("happened('x', about='order')", "x did not happen to the same order"),
        ("happened('x', about='cart', hours=1)", "x did not happen to the same cart within 1 hours of it"),
        ("consented('email', 'news')", "did not agree to email about news"),
        ("vip", "vip is true"),
        ("not vip", "vip is true"),
        ("not (country == 'DE')", "country is 'DE'"),
        ("1 < orders.count < 3", "orders.count is 2; 1 < orders.count < 3 is true"),
        ("country == region", "region is missing"),
    ],
)
def test_reasons(why: Make, order: Make, text: str, reason: str) -> None:
    explanation = why(
        text,
        email="ann@example.com",
        country="DE",
        vip=True,
        orders=[order(2, skus={"CUP": 1}), order(9)],
        messages=(MessageFact("spring", None, NOW - timedelta(days=3)),),
    )
    assert explanation.reasons() == [reason]


def test_only_what_decided_is_a_reason(why: Make) -> None:
    text = "(country == 'DE' or vip) and points > 3"
    assert why(text, country="DE", points=5).reasons() == ["country is 'DE'", "points is 5 (more than 3)"]
    assert why(text, country="DE", points=1).reasons() == ["points is 1, not more than 3"]
    assert why(text, country="AT", points=1).reasons() == [
        "country is 'AT', not 'DE'",
        "vip is missing",
        "points is 1, not more than 3",
    ]
    assert why(f"not ({text})", country="DE", points=1).reasons() == ["points is 1, not more than 3"]


def test_document(why: Make) -> None:
    assert why("country == 'DE' and not vip", country="DE").to_document() == {
        "text": "country == 'DE' and not vip",
        "holds": True,
        "all": [
            {"text": "country == 'DE'", "holds": True, "because": "country is 'DE'", "values": {"country": "DE"}},
            {
                "text": "not vip",
                "holds": True,
                "not": [{"text": "vip", "holds": False, "because": "vip is missing", "values": {"vip": None}}],
            },
        ],
    }


def test_other_segments_are_explained_once(schema: Schema, subject: Make) -> None:
    segments = {
        "vips": Segment(name="vips", where="vip"),
        "both": Segment(name="both", where="in_segment('vips') and country == 'DE' and in_segment('vips')"),
    }
    library = SegmentLibrary(segments, schema)
    expression = library.expression("both")
    who = subject(vip=True, country="DE", segments=library.matchers)
    explanation = explain(expression, who, library.reached(expression))
    first, _, again = explanation.parts
    assert first.joined == "segment"
    assert first.parts[0].values == (("vip", True),)
    assert again.parts == ()
    assert explanation.reasons() == ["is in segment vips", "country is 'DE'"]
