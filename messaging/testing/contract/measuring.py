"""What `measure` says of a message before anything is sent: a plan shows it for the whole audience."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import pairwise

import pytest

from messaging.nouns.adapter import Adapter, Measure, RenderedMessage
from messaging.services.handover import secrets_in
from messaging.testing.contract.authoring import AdapterBench
from messaging.testing.contract.bench import ended, fault, values
from messaging.testing.contract.leaks import check_addresses, check_secrets
from messaging.testing.contract.provider import Provider

#: As many messages as are measured, and how long that may take: seconds of processor time, and on the wall.
_PAGE = 256
_QUICK = 0.5
_PATIENCE = 2.0
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: What anybody may write: of each kind also nothing, and much.
_TEXTS = ("", "Tea", "Zoë Łódź 北京 👩‍👩‍👧 ½€", "[^{|}~]\\", "One\r\n\r\nTwo\0\u2028", "{0} %s {{ x }}", "чай " * 5000)
#: The same, ever longer.
_LONGER = ("tea ", "чай ", "🍵")
_TIMES = (1, 10, 40, 60, 90, 200, 1000)
#: Texts on which all who count the parts of a text message agree (3GPP 23.038: 160 letters or 70, together 153 or 67).
_PARTS: Mapping[str, int] = {
    **{"a" * letters: parts for letters, parts in ((1, 1), (160, 1), (161, 2), (306, 2), (307, 3), (1530, 10))},
    **{"ч" * letters: parts for letters, parts in ((70, 1), (71, 2), (134, 2), (135, 3))},
    **{"€" * letters: parts for letters, parts in ((80, 1), (81, 2))},
    **{"🍵" * letters: parts for letters, parts in ((35, 1), (36, 2))},
    "a" * 160 + "ч": 3,
}


class Measures(AdapterBench):
    """Tests of `measure`."""

    def measures(self) -> None:
        """Skip if there is nothing to measure."""
        if self.adapter.measure is Adapter.measure:
            pytest.skip("it does not measure")

    def measured(self, adapter: Adapter, message: RenderedMessage) -> Measure | None:
        """What it says; the message is as it was."""
        before = values(message)
        try:
            found: object = ended("measure", lambda: adapter.measure(message))
        except Exception as error:  # what its author wrote may raise anything
            fault(
                f"measure raised {type(error).__name__}: {error}",
                "measure whatever may be sent, be it long or empty; answer None where there is nothing to count",
            )
        if values(message) != before:
            fault("measure changed the message", "look only: the message is sent afterwards")
        if found is not None:
            self.check_measure(found, message)
        return found  # type: ignore[return-value] # that was checked

    def check_measure(self, found: object, message: RenderedMessage) -> None:
        """It makes sense by itself."""
        if not isinstance(found, Measure):
            fault(f"measure returned a {type(found).__name__}", "return messaging.Measure(units=…), or None")
        units, price, note = (getattr(found, name) for name in ("units", "price", "note"))
        if type(units) is not int or units < 0:
            fault(f"a measure's units are {units!r}", "say how many the provider counts: a whole number")
        if price is not None and not (isinstance(price, Decimal) and price.is_finite() and price >= 0):
            fault(
                f"a measure's price is {price!r}", "make it a Decimal, of what is paid for all units; None if unknown"
            )
        currency: object = found.currency
        if (price is None) != (currency is None):
            fault(f"a measure's price is {price} and its currency {currency}", "say both, or neither")
        if currency is not None and not (isinstance(currency, str) and len(currency) == 3 and currency.isupper()):
            fault(f"a measure's currency is {currency!r}", "name it by ISO 4217: EUR")
        if note is not None and not (type(note) is str and note.strip() and not _UNSEEN.search(note)):
            fault(f"a measure's note is {note!r}", "say in one line what a person should know of it, or None")
        check_addresses([message.to], {"a measure's note": note or ""})

    def letters(self, remote: Provider) -> Iterator[RenderedMessage]:
        for number, text in enumerate(_TEXTS, 1):
            yield self.message(number, remote, **self.parts(text))

    def test_measures_make_sense(self, open: Callable[..., Adapter], remote: Provider) -> None:
        self.measures()
        adapter, other = open(), open()
        for message in self.letters(remote):
            found = self.measured(adapter, message)
            if found != self.measured(adapter, message) or found != self.measured(other, message):
                fault(
                    "the same message, measured again, comes to something else",
                    "measure by the message and the settings alone: a plan is compared with what is sent",
                )
            note = "" if found is None or found.note is None else found.note
            check_secrets(list(secrets_in(adapter.settings)), {"a measure's note": note})

    def test_more_is_not_less(self, open: Callable[..., Adapter], remote: Provider) -> None:
        self.measures()
        adapter = open()
        for text in _LONGER:
            found = [self.measured(adapter, self.message(1, remote, **self.parts(text * times))) for times in _TIMES]
            for shorter, longer in pairwise(each for each in found if each is not None):
                less = longer.units < shorter.units
                if less or (shorter.price is not None and longer.price is not None and longer.price < shorter.price):
                    fault(
                        f"a longer text comes to less: {longer.units} ({longer.price}) after {shorter.units} "
                        f"({shorter.price})",
                        "count what the provider counts, and price all of it",
                    )

    def test_what_the_provider_counts(self, open: Callable[..., Adapter], remote: Provider) -> None:
        self.measures()
        counts = self.counts if self.counts is not None else _PARTS if self.adapter.channel == "sms" else {}
        if not counts:
            pytest.skip("counts does not say how many the provider counts for which text")
        adapter = open()
        for text, units in counts.items():
            found = self.measured(adapter, self.message(1, remote, **self.parts(text)))
            if found is None or found.units != units:
                fault(
                    f"a text of {len(text)} characters ({text[:3]}…) is measured as {found and found.units}, and the "
                    f"provider counts {units}",
                    "by 3GPP 23.038 a part holds 160 letters of its alphabet, or 70 of UTF-16 if one is in no such "
                    "alphabet; several hold 153 or 67 each. Where your provider counts otherwise, say so in counts",
                )

    def test_measuring_asks_nobody(self, open: Callable[..., Adapter], remote: Provider) -> None:
        self.measures()
        adapter, messages = open(), self.messages(remote, _PAGE)
        self.measured(adapter, messages[0])  # what is loaded on first use has its time here
        began, at = time.process_time(), time.monotonic()
        ended("measure", lambda: [adapter.measure(message) for message in messages])
        if time.process_time() - began > _QUICK or time.monotonic() - at > _PATIENCE:
            fault(
                f"to measure {_PAGE} messages takes more than {_QUICK:g} seconds",
                "count, and ask nobody: a plan measures its whole audience",
            )
        if remote.asked_for and remote.arrived:
            fault("something was sent to measure it", "count, and ask nobody: a plan sends nothing")
