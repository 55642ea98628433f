"""`parse`: from text to a checked expression that says what it needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from messaging.expressions import tree
from messaging.expressions.checking import Checker
from messaging.expressions.reading import Source, read
from messaging.expressions.schema import Schema
from messaging.expressions.tree import Node, walk
from messaging.nouns.history import HistoryNeeds
from messaging.rules.event_types import names_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A checked condition about one customer."""

    source: Source
    root: Node
    #: What of the history it asks for itself, without the segments it names.
    needs: HistoryNeeds
    #: Segments it names.
    segments: frozenset[str]
    #: Templates and campaigns it names: they may be still to come.
    mentions: frozenset[str]
    #: Whether it asks for RFM grades.
    graded: bool


def parse(text: str, schema: Schema, *, file: str | None = None, line: int = 1, column: int = 1) -> Expression:
    """Read and check a condition. `line` and `column` are where its text begins in `file`.

    Raises:
        ExpressionError: what is wrong, where, and what to write instead.
    """
    source = Source(text=text.replace("\r\n", "\n").replace("\r", "\n"), file=file, line=line, column=column)
    try:
        root = Checker(source, schema).condition(read(source))
    except RecursionError:
        raise source.error(0, "the expression is nested too deeply") from None
    found = list(walk(root))
    return Expression(
        source=source,
        root=root,
        needs=_needs(found),
        segments=frozenset(node.name for node in found if isinstance(node, tree.InSegment)),
        mentions=frozenset(node.message for node in found if isinstance(node, tree.Reached) and node.message),
        graded=any(isinstance(node, tree.Grade) for node in found),
    )


_OF_ORDERS = (tree.OrdersCount, tree.OrdersMoney, tree.OrdersMoment, tree.Bought, tree.Grade)


def _needs(found: list[Node]) -> HistoryNeeds:
    return HistoryNeeds(
        orders=any(isinstance(node, _OF_ORDERS) for node in found),
        happened=_types(node.event for node in found if isinstance(node, tree.Happened) and node.about is None),
        told=_types(node.event for node in found if isinstance(node, tree.Happened) and node.about is not None),
        messages=any(isinstance(node, tree.Reached) for node in found),
        addresses=any(isinstance(node, tree.Consented) for node in found),
    )


def _types(named: Iterable[str]) -> frozenset[str]:
    """Event types by all their names."""
    return frozenset(name for type in named for name in names_of(type))
