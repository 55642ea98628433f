"""What this process counts and times as it goes; next to free until somebody wants to know (`messaging.metrics`).

Labels are words of ours and names of adapters and routes, so that there are few of them: never an address, an id, a
campaign or what somebody else says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Meter:
    """One thing that is counted, or timed in seconds."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    timed: bool = False


METERS = (
    Meter("handover_seconds", "Hand-overs to adapters, from the first byte to the last receipt.", ("adapter",), True),
    Meter("receipts", "What adapters said of messages.", ("adapter", "verdict")),
    Meter("render_seconds", "Rendering one message.", (), True),
    Meter("request_seconds", "Requests to the server.", ("door", "route", "status"), True),
    Meter("hits", "Opens and clicks that were kept, to be recorded behind the answer.", ("kind",)),
    Meter("engagements", "What came back and was recorded.", ("kind", "by")),
    Meter("skips", "Messages that were due and did not go.", ("reason",)),
)

#: Told of each: the meter's name, how much or how long, and its labels.
Sink = Callable[[str, float, Mapping[str, str]], object]
_sink: list[Sink] = []


def listen(sink: Sink | None) -> None:
    """Tell `sink` of all from now on; None: nobody."""
    _sink[:] = [] if sink is None else [sink]


def note(name: str, value: float = 1.0, **labels: str) -> None:
    """So much more was counted, or something took so long."""
    for sink in _sink:
        sink(name, value, labels)


def timed(name: str, items: Iterable[T]) -> Iterator[T]:
    """`items`, each timed while it is made."""
    if not _sink:
        yield from items
        return
    each = iter(items)
    while True:
        begun = perf_counter()
        try:
            item = next(each)
        except StopIteration:
            return
        note(name, perf_counter() - begun)
        yield item
