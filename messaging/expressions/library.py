"""Segments that may ask about one another: each read once, when it is needed; a ring is an error."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_

from messaging.errors import ExpressionError, MessagingError, NotFound
from messaging.expressions.parsing import Expression, parse
from messaging.expressions.python import Matcher, compile_python
from messaging.expressions.reading import nearest
from messaging.expressions.schema import Schema
from messaging.nouns.history import HistoryNeeds
from messaging.nouns.segment import Segment

#: Longest chain of segments that ask about segments.
MAX_CHAIN = 30


class SegmentLibrary:
    """The segments of a workspace. A broken one is an error for whom it concerns, and for nobody else."""

    def __init__(
        self,
        segments: Mapping[str, Segment],
        schema: Schema,
        *,
        broken: Mapping[str, MessagingError] | None = None,
    ) -> None:
        """`broken` are segments whose files cannot be read, with what is wrong with them."""
        self.segments = segments
        self.broken = broken or {}
        self.schema = schema
        self._expressions: dict[str, Expression] = {}
        self._reach: dict[str, tuple[str, ...]] = {}
        #: Segments as functions; those that an expression `reaches` are there.
        self.matchers: dict[str, Matcher] = {}

    def names(self) -> list[str]:
        """All segments, the broken ones too."""
        return sorted({*self.segments, *self.broken})

    def expression(self, name: str) -> Expression:
        """A segment's expression, checked with all segments that it asks about.

        Raises:
            NotFound: there is no such segment.
            ExpressionError: it, or one that it asks about, makes no sense.
        """
        expression = self._own(name)
        self.prepare(expression, name)
        return expression

    def prepare(self, expression: Expression, name: str | None = None) -> tuple[str, ...]:
        """Make ready all segments that an expression asks about; return their names, `name` itself first."""
        reached = self._reached(expression, (name,) if name else ())
        for each in reached:
            if each not in self.matchers:
                self.matchers[each] = compile_python(self._own(each))
        return reached

    def needs(self, expression: Expression) -> HistoryNeeds:
        """What of the history an expression asks for, with all segments that it asks about."""
        return reduce(or_, (self._own(name).needs for name in self.prepare(expression)), expression.needs)

    def graded(self, expression: Expression) -> bool:
        """Whether it asks for RFM grades, itself or through a segment."""
        return expression.graded or any(self._own(name).graded for name in self.prepare(expression))

    def reached(self, expression: Expression) -> dict[str, Expression]:
        """All segments that an expression asks about, directly or not."""
        return {name: self._own(name) for name in self.prepare(expression)}

    def _own(self, name: str) -> Expression:
        known = self._expressions.get(name)
        if known is not None:
            return known
        if name in self.broken:
            raise self.broken[name]
        segment = self.segments.get(name)
        if segment is None:
            hint = nearest(name, self.names()) or (f"there are: {', '.join(self.names())}" if self.names() else None)
            raise NotFound(f"no segment {name!r}", hint=hint)
        expression = parse(
            segment.where, self.schema, file=segment.file or None, line=segment.line, column=segment.column
        )
        self._expressions[name] = expression
        return expression

    def _reached(self, expression: Expression, path: tuple[str, ...]) -> tuple[str, ...]:
        """`path`'s end and all segments below `expression`; `path` are the segments that lead here."""
        if path and path[-1] in self._reach:
            return self._reach[path[-1]]
        if len(path) > MAX_CHAIN:
            raise expression.source.error(0, f"more than {MAX_CHAIN} segments ask about one another in a chain")
        found = dict.fromkeys(path[-1:])
        for name in sorted(expression.segments):
            if name in path:
                ring = " → ".join([*path[path.index(name) :], name])
                raise self._place(expression, name, f"segments ask about one another in a ring: {ring}")
            try:
                below = self._own(name)
            except NotFound as error:
                raise self._place(expression, name, error.message, error.hint) from None
            found |= dict.fromkeys(self._reached(below, (*path, name)))
        if path:
            self._reach[path[-1]] = tuple(found)
        return tuple(found)

    def _place(self, expression: Expression, name: str, problem: str, hint: str | None = None) -> ExpressionError:
        return expression.source.error(max(0, expression.source.text.find(name)), problem, hint)
