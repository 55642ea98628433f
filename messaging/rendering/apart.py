"""A part's chunks taken apart: what the template wrote, and what values wrote.

Messages that took one way through the template (its branches, the turns of its loops) have the same chunks of its own.
What they share is worked out once a way: where values stand, and the template's texts as they go out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress, groupby

from messaging.nouns.pieces import Pieces
from messaging.rendering.finishing import finished, finished_pieces, inert

#: Ways through one part that are kept. Each loop multiplies them by the numbers of turns it takes.
_WAYS = 64


@dataclass(frozen=True, slots=True)
class _Way:
    #: The chunks that the template wrote, and of each chunk whether it is one of them.
    constants: tuple[str, ...]
    own: tuple[bool, ...]
    #: What the template wrote, where that is all one, as it is before it is finished.
    skeleton: tuple[str, ...]
    #: The same as it goes out around values that are `inert`; None: it never is.
    finished: tuple[str, ...] | None
    #: Of each chunk whether a value wrote it.
    shown: tuple[bool, ...]
    #: The chunks that each value is joined of; None: of one each.
    joined: tuple[slice, ...] | None


class Apart:
    """Takes what one compiled part wrote apart. For several threads."""

    def __init__(self, own: Iterable[int], part: str, template: str, channel: str) -> None:
        """`own` are the identities of the texts that the template writes."""
        self._own = {each: each for each in own}
        self._part = part
        self._template = template
        self._channel = channel
        self._ways: dict[tuple[int | None, ...], _Way] = {}
        #: The way that was last taken, by its number of chunks: most messages go like the one before.
        self._last: dict[int, _Way] = {}

    def __call__(self, chunks: Sequence[str]) -> Pieces:
        """The pieces of the part that these chunks make, finished.

        A constant that a template shows (`{{ 'Ms' if … }}`) is the template's. What a `{% set %}` or `{% filter %}`
        block took in comes as one value.

        Raises:
            TemplateError: it shall be JSON, and is none.
        """
        way = self._last.get(len(chunks))
        # Who wrote a text that is the same makes no difference.
        if way is None or tuple(compress(chunks, way.own)) != way.constants:
            way = self._last[len(chunks)] = self._taken(chunks)
        if way.joined is None:
            values = tuple(compress(chunks, way.shown))
        else:
            values = tuple("".join(chunks[each]) for each in way.joined)
        if way.finished is not None and inert(self._part, values, channel=self._channel):
            return Pieces(way.finished, values)
        return self._finished(way.skeleton, values)

    def _taken(self, chunks: Sequence[str]) -> _Way:
        written = tuple(map(self._own.get, map(id, chunks)))
        way = self._ways.get(written)
        if way is None:
            if len(self._ways) >= _WAYS:
                self._ways.clear()
                self._last.clear()
            way = self._ways[written] = self._way(chunks, written)
        return way

    def _way(self, chunks: Sequence[str], written: Sequence[int | None]) -> _Way:
        shown = tuple(each is None for each in written)
        skeleton, spans = [""], []
        end = 0
        for of_value, some in groupby(shown):
            start, end = end, end + len(list(some))
            if of_value:
                skeleton.append("")
                spans.append(slice(start, end))
            else:
                skeleton[-1] = "".join(chunks[start:end])
        letters = ("x",) * len(spans)
        made = None if self._part == "json" else self._finished(tuple(skeleton), letters)
        own = tuple(not each for each in shown)
        return _Way(
            constants=tuple(compress(chunks, own)),
            own=own,
            skeleton=tuple(skeleton),
            finished=made.skeleton if made is not None and made.values == letters else None,
            shown=shown,
            joined=None if len(spans) == sum(shown) else tuple(spans),
        )

    def _finished(self, skeleton: tuple[str, ...], values: tuple[str, ...]) -> Pieces:
        raw = Pieces(skeleton, values)
        text = finished(self._part, raw.text, self._template, channel=self._channel)
        return finished_pieces(self._part, raw, text, channel=self._channel)
