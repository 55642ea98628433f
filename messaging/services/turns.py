"""How long a sender goes on before others have their turn."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from time import monotonic
from types import TracebackType
from typing import Self


class Turn:
    """A worker's time for one thing. What is begun is seen through: it is asked between groups of messages.

    Without a length it never ends. `more` is called, from the first moment that it is known, when there is more to do
    than one worker has in hand.
    """

    def __init__(self, seconds: float = inf, more: Callable[[], object] = lambda: None) -> None:
        self._seconds = seconds
        self._until = inf
        self.more = more

    def __enter__(self) -> Self:
        self._until = monotonic() + self._seconds
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and self.over():
            self.more()

    def left(self) -> float:
        """Seconds that are left of it; 0 when it is over."""
        return max(0.0, self._until - monotonic())

    def over(self) -> bool:
        return not self.left()
