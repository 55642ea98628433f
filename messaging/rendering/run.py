"""One rendering of one message: what it may still cost, and what its filters need to know.

A thread cannot be stopped from outside, so templates count as they go: every loop pays for its turns when it
begins, every operator and filter for the size of what it touches. Counting is exact, so a message that
renders once renders always. Processor time is a second bound behind it, for filters of plugins.
"""

from __future__ import annotations

import sys
import time
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, TypeVar

from babel import Locale
from jinja2 import StrictUndefined, TemplateRuntimeError, Undefined
from jinja2.runtime import LoopContext
from jinja2.utils import Namespace
from markupsafe import Markup

from messaging.nouns.links import MessageLinks

T = TypeVar("T")

#: What a message may cost: about the number of nodes of the template that run. A usual message costs some
#: hundred.
MAX_STEPS = 2_000_000
#: Characters of one value, and of one part of a message. Gmail clips at 102,000 bytes.
MAX_TEXT = 100_000
MAX_OUTPUT = 1_000_000
#: A text of up to so many characters costs nothing to touch.
LIGHT = 64
#: Items of one list that a template makes.
MAX_ITEMS = 10_000
#: Bytes of all texts and lists that a message makes on its way, whether it keeps them or not.
MAX_MADE = 32 * 1024 * 1024
#: Numbers nearer to zero than 10 to the minus this are a mistake, and long to write out; likewise those beyond it.
MAX_EXPONENT = 60
#: Seconds of processor time, looked at every so many steps.
MAX_SECONDS = 1.5
_LOOK_EVERY = 50_000

_SCALARS = frozenset((int, float, bool, type(None), Decimal, date, datetime, timedelta))


class OverLimit(TemplateRuntimeError):
    """The template used more than one message may cost."""


class Run:
    """The state of one rendering; every filter gets it as its first argument."""

    __slots__ = (
        "_look",
        "_started",
        "channel",
        "currency",
        "date_locale",
        "html",
        "links",
        "locale",
        "locale_name",
        "room",
        "steps",
        "turns",
        "undefined",
        "zone",
    )

    def __init__(
        self,
        *,
        links: MessageLinks,
        locale: Locale,
        date_locale: Locale,
        zone: tzinfo,
        currency: str,
        channel: str = "email",
        locale_name: str = "",
        undefined: type[Undefined] = StrictUndefined,
    ) -> None:
        self.undefined = undefined
        #: How numbers are written: the customer's way.
        self.locale = locale
        self.locale_name = locale_name or str(locale)
        #: How dates are written: they have words in them, so in the text's language.
        self.date_locale = date_locale
        self.zone = zone
        #: The brand's.
        self.currency = currency
        self.channel = channel
        self.links = links
        #: Whether the part is HTML.
        self.html = False
        #: Link slot -> how often it came up in this part.
        self.turns: dict[int, int] = {}
        self.steps = MAX_STEPS
        #: Bytes it may still make.
        self.room = MAX_MADE
        self._look = MAX_STEPS - _LOOK_EVERY
        self._started = 0.0

    def spend(self, steps: int) -> None:
        """Pay for work that is about to be done.

        Raises:
            OverLimit: there is not enough left.
        """
        self.steps -= steps
        if self.steps < self._look:
            self._check()

    def _check(self) -> None:
        if self.steps < 0:
            raise OverLimit("it does more work than one message may cost (a loop over too much?)")
        self._look = self.steps - _LOOK_EVERY
        now = time.thread_time()
        self._started = self._started or now
        if now - self._started > MAX_SECONDS:
            raise OverLimit(f"it takes longer than {MAX_SECONDS} seconds")

    def weigh(self, value: Any) -> Any:
        """Pay for touching all of `value`, which is returned.

        What is inside is counted as often as it is reached: a list that holds one list twice counts that
        twice, as comparing or writing it would.
        """
        kind = type(value)
        if kind is str or kind is Markup:
            if len(value) > LIGHT:
                self.spend(len(value) >> 5)
        elif kind not in _SCALARS and not isinstance(value, Undefined):
            self._weigh_all(value)
        return value

    def _weigh_all(self, value: Any) -> None:
        stack = [value]
        while stack:
            value = stack.pop()
            if isinstance(value, str):
                self.spend(1 + (len(value) >> 5))
            elif isinstance(value, dict):
                self.spend(2 + len(value))
                stack.extend(value.values())
            elif isinstance(value, (list, tuple)):
                self.spend(1 + len(value))
                stack.extend(value)
            elif isinstance(value, range):
                self.spend(1 + len(value))
            elif isinstance(value, (Namespace, LoopContext)):
                # The one can hold itself, and what holds it; looking through the other uses up the loop it is of.
                kind = "namespace" if isinstance(value, Namespace) else "loop"
                raise TemplateRuntimeError(f"a {kind} is no value: use its fields")
            else:
                self.spend(1)

    def bounded(self, value: T) -> T:
        """`value`, made by an operator or filter, if it is no larger than a value may be."""
        if isinstance(value, str):
            if len(value) > MAX_TEXT:
                raise OverLimit(f"it makes a text of {len(value):,} characters; {MAX_TEXT:,} are the most")
            if len(value) > LIGHT:
                self._take(value)
        elif isinstance(value, (list, tuple, dict)):
            if len(value) > MAX_ITEMS:
                raise OverLimit(f"it makes a list of {len(value):,} items; {MAX_ITEMS:,} are the most")
            self._take(value)
        return value

    def _take(self, value: Any) -> None:
        self.room -= sys.getsizeof(value)
        if self.room < 0:
            raise OverLimit(f"it makes more than {MAX_MADE >> 20} MB of texts and lists on its way")

    def missing(self, what: str) -> Undefined:
        """What is not there, named `what`."""
        return self.undefined(name=what)

    def turn(self, slot: int) -> int:
        """How often link slot `slot` came up before, in this part."""
        turn = self.turns.get(slot, 0)
        self.turns[slot] = turn + 1
        return turn


def text_of(value: Any) -> str:
    """A value as text stands in a message.

    Raises:
        TemplateRuntimeError: it is not one that a reader could make sense of.
    """
    kind = type(value)
    if kind is str:
        if len(value) > MAX_TEXT:
            raise OverLimit(f"a text of {len(value):,} characters is shown; {MAX_TEXT:,} are the most")
        return value  # type: ignore[no-any-return] # its kind was looked at
    if kind is int or kind is float or kind is bool:
        return str(value)
    if kind is Decimal:
        return digits_of(value)
    if value is None:
        raise TemplateRuntimeError("a value that is null is shown: give it a fallback or test it with {% if %}")
    if isinstance(value, (str, Undefined, date)):
        return str(value)
    if isinstance(value, (dict, list, tuple, range, Namespace)):
        raise TemplateRuntimeError("a list or table is shown: choose a field of it, or loop over it")
    raise TemplateRuntimeError(f"a {kind.__name__} cannot be shown: templates see plain values")


def digits_of(number: Decimal) -> str:
    """A decimal without an exponent.

    Raises:
        TemplateRuntimeError: it is so large or so small that nobody could read it.
    """
    if not showable(number):
        raise TemplateRuntimeError("the number is too large or too small to be shown")
    return format(number, "f")


def showable(number: Decimal) -> bool:
    """Whether its digits fit into a line."""
    return number.is_finite() and abs(number.adjusted()) <= MAX_EXPONENT
