"""Conditions of triggers: whether they make sense, and for whom an `unless` is true when it is due."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from messaging.errors import InputError, MessagingError, NotFound
from messaging.expressions import EVENT_NAMES, Expression, SegmentLibrary, Subject, compile_python, parse
from messaging.expressions.python import Matcher
from messaging.expressions.reading import nearest
from messaging.nouns.message import Message
from messaging.nouns.template import Trigger
from messaging.rules.rfm import CutPoints
from messaging.rules.timing import parse_at
from messaging.stores.base import Store

#: What events tell, as paths.
_TOLD = frozenset(f"{part}.{name}" for part, names in EVENT_NAMES.items() for name in names)

log = logging.getLogger("messaging.triggers")


class Conditions:
    """Reads conditions over customers, their history and the event's data."""

    def __init__(
        self,
        store: Store,
        *,
        library: Callable[[], SegmentLibrary],
        cuts: Callable[[], CutPoints | None],
        currency: str,
    ) -> None:
        """`library` gives the segments as they are now; `cuts` those of the last RFM grading."""
        self._store = store
        self._library = library
        self._cuts = cuts
        self._currency = currency
        self._compiled: dict[str, tuple[SegmentLibrary, Expression, Matcher]] = {}

    def check(self, trigger: Trigger) -> None:
        """See whether a trigger makes sense.

        Raises:
            MessagingError: it does not; says what of it.
        """
        if trigger.at is not None:
            try:
                parse_at(trigger.at)
            except ValueError as error:
                raise InputError(f"trigger {trigger.event}: at: {error}") from None
        for path in trigger.waits_for:
            if path not in _TOLD:
                raise InputError(
                    f"trigger {trigger.event}: waits_for: no event tells {path}", hint=nearest(path, _TOLD)
                )
        if trigger.waits_for and trigger.after is None:
            raise InputError(f"trigger {trigger.event}: waits_for needs after", hint="say how long it waits at most")
        if trigger.unless is not None:
            self._matcher(trigger.unless)
        if trigger.audience is not None and trigger.answers is not None:
            raise InputError(f"trigger {trigger.event}: it has both audience and answers", hint="keep one of the two")
        if trigger.audience is not None:
            try:
                self._library().expression(trigger.audience)
            except NotFound as error:
                raise NotFound(f"trigger {trigger.event}: audience: {error.message}", hint=error.hint) from None

    def holding(self, text: str, messages: Sequence[Message], now: datetime) -> Collection[str]:
        """Ids of those of `messages` for whose customers the condition is true now.

        One that makes no sense any more (an attribute is gone) counts as true: what cannot be decided is
        not sent.
        """
        try:
            library, expression, matches = self._matcher(text)
            needs = library.needs(expression)
            graded = library.graded(expression)
        except MessagingError as error:
            log.error("unless = %r cannot be read, its messages are skipped: %s", text, error)
            return [message.id for message in messages]
        ids = list(dict.fromkeys(message.customer_id for message in messages))
        customers = self._store.customers.get(ids)
        histories = self._store.customers.histories(list(customers), needs)
        subject_of = partial(
            Subject,
            now=now,
            currency=self._currency,
            cuts=self._cuts() if graded else None,
            segments=library.matchers,
        )
        return [
            message.id
            for message in messages
            if message.customer_id in customers
            and matches(
                subject_of(
                    customer=customers[message.customer_id],
                    history=histories[message.customer_id],
                    extras=message.context or {},
                )
            )
        ]

    def _matcher(self, text: str) -> tuple[SegmentLibrary, Expression, Matcher]:
        library = self._library()
        known = self._compiled.get(text)
        if known is None or known[0] is not library:
            schema = replace(library.schema, extras=EVENT_NAMES)
            expression = parse(text, schema, file="unless")
            library.prepare(expression)
            self._compiled[text] = known = (library, expression, compile_python(expression))
        return known
