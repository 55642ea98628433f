"""What messages come to: summed, and no obstacle where it cannot be told."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from messaging.nouns.adapter import Measure
from messaging.services.measuring import Sum, in_words

if TYPE_CHECKING:
    from tests.conftest import Shop


def priced(units: int, price: str, currency: str = "EUR", note: str | None = None) -> Measure:
    return Measure(units=units, price=Decimal(price), currency=currency, note=note)


def test_a_sum() -> None:
    total = Sum()
    assert (total.to_document(), total.lines()) == (None, [])
    for measure in (priced(1, "0.08"), priced(2, "0.16", note="“ł”"), priced(1, "0.08"), Measure(units=3)):
        total.add(measure)
    assert total.to_document() == {
        "units": 7,
        "messages": {"1": 2, "2": 1, "3": 1},
        "price": "0.32",
        "currency": "EUR",
        "notes": [{"note": "“ł”", "messages": 1}],
    }
    assert total.lines() == ["7 parts in 4 messages (2 of 1, 1 of 2, 1 of 3), 0.32 EUR", "1 message: “ł”"]


def test_one_in_words() -> None:
    assert in_words(priced(2, "0.16", "USD", "“ł”")) == "2 parts, 0.16 USD: “ł”"
    assert in_words(Measure(units=1)) == "1 part"


@pytest.fixture
def plan(live_shop: Shop) -> Any:
    """Plans a campaign to three, whose adapter measures so."""
    live_shop.add_customers(3)
    live_shop.app.campaigning.create("spring", template="letter", segment="all")

    def make(measure: Any) -> Any:
        live_shop.pigeon.Pigeon.measure = measure
        made = live_shop.app.campaigning.plan("spring")
        assert made.planned == 3
        return made.summary()["measure"]

    return make


def test_any_adapter_may_measure(plan: Any) -> None:
    found = plan(lambda self, message: Measure(units=len(message.parts["subject"])))
    assert found == {"units": 33, "messages": {"11": 3}, "price": None, "currency": None, "notes": []}


def test_an_adapter_that_counts_nothing(plan: Any) -> None:
    assert plan(lambda self, message: None) is None


@pytest.mark.parametrize("wrong", [7, ValueError("no"), SystemExit(3)])
def test_one_that_counts_wrongly_is_named_once_and_keeps_nobody_from_planning(
    plan: Any, caplog: pytest.LogCaptureFixture, wrong: Any
) -> None:
    asked = []

    def measure(self: Any, message: Any) -> Any:
        asked.append(message.id)
        if isinstance(wrong, BaseException):
            raise wrong
        return wrong

    assert plan(measure) is None
    assert len(asked) == 1
    [record] = [record for record in caplog.records if record.name == "messaging.measuring"]
    assert "pigeon" in record.getMessage()
