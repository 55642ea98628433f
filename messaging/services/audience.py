"""Who is in a segment: listed, counted, explained; and the RFM grading that segments may ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from math import inf
from pathlib import Path
from time import monotonic

from messaging.clock import Clock
from messaging.errors import NotFound
from messaging.expressions import Expression, Matcher, SegmentLibrary, Subject, explain, to_text
from messaging.expressions.explaining import Explanation
from messaging.expressions.facts import freshness, orders_count, orders_last_at, orders_total
from messaging.expressions.inquiry import Inquiry
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

#: Told how many more customers were looked at; a store that can tell leaves out many.
Progress = Callable[[int], None]


def _silent(step: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A segment, for a store to answer and for Python to judge."""

    library: SegmentLibrary
    expression: Expression
    matches: Matcher
    inquiry: Inquiry


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
        found = self._members(self._asked(name), progress)
        return chain.from_iterable(self._store.customers.get(ids).values() for ids in found)

    def ids(self, name: str, *, progress: Progress = _silent) -> Iterator[str]:
        """The ids of `members`: nobody is read of whom the store is sure."""
        return chain.from_iterable(self._members(self._asked(name), progress))

    def count(self, name: str, *, progress: Progress = _silent) -> int:
        """How many people are in the segment."""
        asked = self._asked(name)
        sure, unsure = self._store.customers.count_candidates(asked.inquiry)
        return sure + (sum(map(len, self._members(asked, progress, unsure=True))) if unsure else 0)

    def contains(self, name: str, customers: Sequence[Customer]) -> set[str]:
        """Ids of those of `customers` who are in the segment."""
        asked = self._asked(name)
        return {subject.customer.id for subject in self._subjects(asked, customers) if asked.matches(subject)}

    def explain(self, name: str, customer_id: str) -> Explanation:
        """Why the customer is in the segment, or is not.

        Raises:
            NotFound: there is no such segment or customer.
            ExpressionError: the segment makes no sense.
        """
        asked = self._asked(name)
        customer = self._store.customers.get([customer_id]).get(customer_id)
        if customer is None:
            raise NotFound(f"no customer {customer_id!r}")
        (subject,) = self._subjects(asked, [customer])
        return explain(asked.expression, subject, asked.library.reached(asked.expression))

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

    def _asked(self, name: str) -> _Asked:
        library = self.library()
        expression = library.expression(name)
        inquiry = Inquiry(
            root=expression.root,
            segments={name: each.root for name, each in library.reached(expression).items()},
            now=self._clock.now(),
            currency=self._currency,
            cuts=self.cuts() if library.graded(expression) else None,
        )
        return _Asked(library, expression, library.matchers[name], inquiry)

    def _members(self, asked: _Asked, progress: Progress, *, unsure: bool = False) -> Iterator[list[str]]:
        """Their ids, page by page. Whom the store is not sure of, Python judges."""
        after = None
        while page := self._store.customers.candidates(asked.inquiry, after=after, limit=PAGE, unsure=unsure):
            after = page[-1][0]
            judged = [id for id, sure in page if not sure]
            customers = list(self._store.customers.get(judged).values()) if judged else []
            found = {subject.customer.id for subject in self._subjects(asked, customers) if asked.matches(subject)}
            yield [id for id, sure in page if sure or id in found]
            progress(len(page))

    def _pages(self, progress: Progress) -> Iterator[list[Customer]]:
        after = None
        while page := self._store.customers.page(after=after, limit=PAGE):
            after = page[-1].id
            yield page
            progress(len(page))

    def _subjects(self, asked: _Asked, customers: Sequence[Customer]) -> Iterator[Subject]:
        inquiry, needs = asked.inquiry, asked.library.needs(asked.expression)
        histories = {}
        if needs != _NO_NEEDS:
            histories = self._store.customers.histories([customer.id for customer in customers], needs)
        for customer in customers:
            yield Subject(
                customer=customer,
                history=histories.get(customer.id, _NO_HISTORY),
                now=inquiry.now,
                currency=inquiry.currency,
                cuts=inquiry.cuts,
                segments=asked.library.matchers,
            )
