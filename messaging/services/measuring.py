"""What messages come to on their channels, as their adapters count: shown before anything is sent."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from messaging.answers import adapters as answers
from messaging.errors import MessagingError, SettingsError
from messaging.nouns.adapter import Measure, RenderedMessage
from messaging.services.adapters import Adapters

log = logging.getLogger("messaging.measuring")

#: Notes that are told of many messages.
_NOTES = 5


class Measures:
    """Measures messages. One that cannot be measured keeps nobody from planning it."""

    def __init__(self, adapters: Adapters, *, adapter_for: Callable[[str], str | None]) -> None:
        """`adapter_for` names the adapter of a channel."""
        self._adapters = adapters
        self._adapter_for = adapter_for
        #: Names of those that are not set up, or count wrongly.
        self._silent: set[str] = set()

    def of(self, message: RenderedMessage, adapter: str | None = None) -> Measure | None:
        """What a message comes to at `adapter`, or its channel's; None where that is not counted, or not set up."""
        return next(iter(self.of_all([message], adapter)), None)

    def of_all(self, messages: Sequence[RenderedMessage], adapter: str | None = None) -> list[Measure]:
        """What each of those comes to that are counted; all of one channel."""
        name = adapter or (self._adapter_for(messages[0].channel) if messages else None)
        if name is None or name in self._silent:
            return []
        try:
            made = self._adapters.unsent(name)
            return self._adapters.call(name, "measure", partial(answers.measures, made, messages))
        except SettingsError as error:
            log.info("%s", error)
        except MessagingError as error:
            log.error("%s", error)
        self._silent.add(name)
        return []


@dataclass(slots=True)
class Sum:
    """What many messages come to."""

    #: How many messages count as so many units.
    messages: Counter[int] = field(default_factory=Counter)
    price: Decimal | None = None
    currency: str | None = None
    notes: Counter[str] = field(default_factory=Counter)

    def add(self, measure: Measure) -> None:
        self.messages[measure.units] += 1
        if measure.price is not None and self.currency in (None, measure.currency):
            self.price, self.currency = (self.price or Decimal()) + measure.price, measure.currency
        if measure.note:
            self.notes[measure.note] += 1

    @property
    def units(self) -> int:
        return sum(units * number for units, number in self.messages.items())

    def to_document(self) -> dict[str, Any] | None:
        """For `--json`; None if nothing was measured."""
        if not self.messages:
            return None
        return {
            "units": self.units,
            "messages": {str(units): number for units, number in sorted(self.messages.items())},
            "price": None if self.price is None else format(self.price, "f"),
            "currency": self.currency,
            "notes": [{"note": note, "messages": number} for note, number in self.notes.most_common(_NOTES)],
        }

    def lines(self) -> list[str]:
        """For a person: the sum, and what is to be known of it."""
        if not self.messages:
            return []
        spread = ", ".join(f"{number} of {units}" for units, number in sorted(self.messages.items()))
        summed = f"{_count(self.units, 'part')} in {_count(self.messages.total(), 'message')} ({spread})"
        notes = [f"{_count(number, 'message')}: {note}" for note, number in self.notes.most_common(_NOTES)]
        return [summed + _cost(self.price, self.currency), *notes]


def in_words(measure: Measure) -> str:
    """`2 parts, 0.16 USD: …`"""
    note = f": {measure.note}" if measure.note else ""
    return _count(measure.units, "part") + _cost(measure.price, measure.currency) + note


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _cost(price: Decimal | None, currency: str | None) -> str:
    return "" if price is None else f", {price:f} {currency or ''}".rstrip()
