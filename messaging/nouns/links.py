"""The links of one message: what rendering asks for, and signing provides."""

from __future__ import annotations

from typing import Protocol


class MessageLinks(Protocol):
    """Makes the tracked addresses of one message."""

    def click(self, slot: int, turn: int, target: str | None) -> str:
        """The address that stands in link place `slot`, the `turn`-th time round its loops (from 0).

        `target` is where it leads if that is known only now; None: the version knows it.
        """

    def pixel(self) -> str:
        """The address of the open pixel."""

    def unsubscribe(self) -> str:
        """The page where the reader withdraws; also the one-click address (RFC 8058)."""

    def preferences(self) -> str:
        """The page where the reader chooses topics and channels."""
