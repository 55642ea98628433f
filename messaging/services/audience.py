"""Who is in a segment: listed, counted, explained; and the RFM grading that segments may ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from math import inf
from pathlib import Path
from time import monotonic

from messaging.clock import Clock
from messaging.errors import NotFound
from messaging.expressions import Expression, SegmentLibrary, Subject, explain, to_text
from messaging.expressions.explaining import Explanation
from messaging.expressions.facts import freshness, orders_count, orders_last_at, orders_total
from messaging.expressions.schema import Schema
from messaging.nouns.customer import Customer
from messaging.nouns.history import History, HistoryNeeds
from messaging.rules.rfm import CutPoints, cut_points
from messaging.stores.base import Store
from messaging.workspace.segment_files import Stamp, read_segments, stamp

#: Customers looked at together.
PAGE = 1000

_NOTE = "rfm"
_NO_NEEDS = HistoryNeeds()
_NO_HISTORY = History()

#: Told how many more customers were looked at.
Progress = Callable[[int], None]


def _silent(step: int) -> None:
    """Nobody watches."""


class Audience:
    """The segments of a workspace over the customers of a store. Files are read again when they change."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        *,
        attributes: Mapping[str, str],
        currency: str,
        clock: Clock,
        patience: float = 0.0,
    ) -> None:
        """`attributes` are the declared ones with their types; `currency` is the brand's.

        `patience`: for how many seconds the files are taken to be as they were.
        """
        self._store = store
        self._folder = folder
        self._schema = Schema(attributes=attributes)
        self._currency = currency
        self._clock = clock
        self._patience = patience
        self._looked = -inf
        self._read: tuple[Stamp, SegmentLibrary] | None = None

    def library(self) -> SegmentLibrary:
        """The segments as their files say now; the same object as long as no file changes."""
        if self._read is not None and monotonic() - self._looked < self._patience:
            return self._read[1]
        self._looked, now = monotonic(), stamp(self._folder)
        if self._read is None or self._read[0] != now:
            files = read_segments(self._folder)
            self._read = now, SegmentLibrary(files.segments, self._schema, broken=files.broken)
        return self._read[1]

    def check(self, name: str) -> Expression:
        """See that a segment, and all it asks about, makes sense.

        Raises:
            NotFound: there is no such segment.
            ExpressionError: it makes no sense; says where and why.
        """
        return self.library().expression(name)

    def definition(self, name: str) -> str:
        """All that a segment says, with the segments it asks about, whatever the files' layout."""
        library = self.library()
        expression = library.expression(name)
        parts = {name: expression, **library.reached(expression)}
        return "\n".join(f"{each}: {to_text(part.root)}" for each, part in parts.items())

    def members(self, name: str, *, progress: Progress = _silent) -> Iterator[Customer]:
        """Everybody in the segment, each once, in order of id. All are judged by the time it begins."""
        library = self.library()
        expression = library.expression(name)
        return self._members(library, expression, library.matchers[name], self._clock.now(), progress)

    def count(self, name: str, *, progress: Progress = _silent) -> int:
        """How many people are in the segment."""
        return sum(1 for _ in self.members(name, progress=progress))

    def contains(self, name: str, customers: Sequence[Customer]) -> set[str]:
        """Ids of those of `customers` who are in the segment."""
        library = self.library()
        expression = library.expression(name)
        matches = library.matchers[name]
        subjects = self._subjects(library, expression, customers, self._clock.now())
        return {subject.customer.id for subject in subjects if matches(subject)}

    def explain(self, name: str, customer_id: str) -> Explanation:
        """Why the customer is in the segment, or is not.

        Raises:
            NotFound: there is no such segment or customer.
            ExpressionError: the segment makes no sense.
        """
        library = self.library()
        expression = library.expression(name)
        customer = self._store.customers.get([customer_id]).get(customer_id)
        if customer is None:
            raise NotFound(f"no customer {customer_id!r}")
        (subject,) = self._subjects(library, expression, [customer], self._clock.now())
        return explain(expression, subject, library.reached(expression))

    def cuts(self) -> CutPoints | None:
        """What the last grading found; None before the first."""
        note = self._store.get_note(_NOTE)
        return None if note is None else CutPoints.from_document(note)

    def grade(self, *, progress: Progress = _silent) -> CutPoints:
        """Work out the cut points of RFM grades from everybody with an order, and keep them."""
        now = self._clock.now()
        recency: list[Decimal] = []
        frequency: list[Decimal] = []
        money: list[Decimal] = []
        for page in self._pages(progress):
            histories = self._store.customers.histories([c.id for c in page], HistoryNeeds(orders=True))
            for customer in page:
                subject = Subject(customer=customer, history=histories[customer.id], now=now, currency=self._currency)
                last, total = orders_last_at(subject), orders_total(subject)
                if last is None:
                    continue
                recency.append(freshness(last, now))
                frequency.append(Decimal(orders_count(subject)))
                if total is not None:
                    money.append(total)
        cuts = CutPoints(
            r=cut_points(recency),
            f=cut_points(frequency),
            m=cut_points(money),
            graded_at=now,
            customers=len(recency),
            currency=self._currency,
        )
        self._store.put_note(_NOTE, cuts.to_document())
        return cuts

    def _members(
        self,
        library: SegmentLibrary,
        expression: Expression,
        matches: Callable[[Subject], bool],
        now: datetime,
        progress: Progress,
    ) -> Iterator[Customer]:
        for page in self._pages(progress):
            for subject in self._subjects(library, expression, page, now):
                if matches(subject):
                    yield subject.customer

    def _pages(self, progress: Progress) -> Iterator[list[Customer]]:
        after = None
        while page := self._store.customers.page(after=after, limit=PAGE):
            after = page[-1].id
            yield page
            progress(len(page))

    def _subjects(
        self, library: SegmentLibrary, expression: Expression, customers: Sequence[Customer], now: datetime
    ) -> Iterator[Subject]:
        needs = library.needs(expression)
        cuts = self.cuts() if library.graded(expression) else None
        histories = {}
        if needs != _NO_NEEDS:
            histories = self._store.customers.histories([customer.id for customer in customers], needs)
        for customer in customers:
            yield Subject(
                customer=customer,
                history=histories.get(customer.id, _NO_HISTORY),
                now=now,
                currency=self._currency,
                cuts=cuts,
                segments=library.matchers,
            )
