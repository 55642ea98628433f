"""Why somebody is in a segment or not: each condition with the values it met, and the reasons in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from messaging.expressions import tree, values
from messaging.expressions.facts import Subject
from messaging.expressions.interpreting import evaluate, holds
from messaging.expressions.parsing import Expression
from messaging.expressions.phrases import phrase
from messaging.expressions.text import to_text
from messaging.expressions.tree import Node, walk
from messaging.nouns.documents import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One condition and what it came to."""

    #: The condition, as one would write it.
    text: str
    holds: bool
    #: How its parts make it up: `all`, `any`, `not`, `segment`; empty if it has none.
    joined: str = ""
    parts: tuple[Explanation, ...] = ()
    #: The values it met, by how one would write them; a missing one is None.
    values: tuple[tuple[str, values.Value], ...] = ()
    #: What is so, in words; empty if its parts say it.
    phrase: str = ""

    def reasons(self) -> list[str]:
        """What decided, in words: of all that must hold those that do not, of any those that do."""
        return list(dict.fromkeys(self._reasons()))

    def _reasons(self) -> Iterator[str]:
        if self.phrase:
            yield self.phrase
            return
        decides = {"all": False, "any": True}.get(self.joined)
        deciding = [part for part in self.parts if part.holds is decides]
        for part in deciding if self.holds is decides else self.parts:
            yield from part._reasons()

    def to_document(self) -> Document:
        """For programs: `{"text", "holds", "because", "values"?, "all"|"any"|"not"|"segment"?}`."""
        document: Document = {"text": self.text, "holds": self.holds}
        if self.phrase:
            document["because"] = self.phrase
        if self.values:
            document["values"] = {text: values.plain(value) for text, value in self.values}
        if self.parts:
            document[self.joined] = [part.to_document() for part in self.parts]
        return document


def explain(expression: Expression, subject: Subject, segments: Mapping[str, Expression] | None = None) -> Explanation:
    """Explain what `expression` says of `subject`; `segments` are all that it asks about."""
    return _Explainer(subject, segments or {}).explain(expression.root)


class _Explainer:
    def __init__(self, subject: Subject, segments: Mapping[str, Expression]) -> None:
        self._subject = subject
        self._segments = segments
        self._told: set[str] = set()

    def explain(self, node: Node) -> Explanation:
        whole = Explanation(text=to_text(node), holds=holds(node, self._subject))
        match node:
            case tree.And(parts):
                return replace(whole, joined="all", parts=tuple(self.explain(part) for part in parts))
            case tree.Or(parts):
                return replace(whole, joined="any", parts=tuple(self.explain(part) for part in parts))
            case tree.Not(operand):
                return replace(whole, joined="not", parts=(self.explain(operand),))
            case tree.InSegment(name):
                return replace(whole, joined="segment", parts=self._segment(name), phrase=self._phrase(node))
        return replace(whole, values=tuple(self._values(node)), phrase=self._phrase(node))

    def _segment(self, name: str) -> tuple[Explanation, ...]:
        """What a named segment says, the first time it is asked."""
        if name in self._told or name not in self._segments:
            return ()
        self._told.add(name)
        return (self.explain(self._segments[name].root),)

    def _phrase(self, node: Node) -> str:
        return phrase(node, lambda part: evaluate(part, self._subject))

    def _values(self, node: Node) -> Iterator[tuple[str, values.Value]]:
        """The condition's operands that are not constants, from the outside in."""
        seen: set[Node] = {node} if not isinstance(node, tree.Attribute | tree.Extra) else set()
        for part in walk(node):
            if part in seen or isinstance(part, tree.Constant | tree.ListOf):
                continue
            seen.add(part)
            yield to_text(part), evaluate(part, self._subject)
