"""The port: wake-ups. One that is lost costs a second or two, one that comes twice or late costs a look."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from messaging.nouns.work import Work


class Queue(ABC):
    """Wakes whoever sends."""

    #: Whether workers send, and not the command or server that is running.
    workers: ClassVar[bool] = False

    @abstractmethod
    def wake(self, *works: Work) -> None:
        """Somebody should look. From any thread; neither waits nor fails, whatever became of the broker."""

    # For one that has a broker.

    def check(self, seconds: float = 1.0) -> None:  # noqa: B027 - one in this process has none
        """See whether who sends can be woken, in `seconds` or little more.

        Raises:
            QueueError: the broker cannot be reached.
            SettingsError: it never can be with these settings.
        """

    def close(self) -> None:  # noqa: B027 - one in this process has none
        """Let what was woken for last get away, for a second or two."""
