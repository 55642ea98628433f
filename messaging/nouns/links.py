"""The links of one message: what rendering asks for, and signing provides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from messaging.nouns.documents import Document, without_empty


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortLink:
    """What a short address stands for. Kept by the store: the code itself tells nothing."""

    #: Letters and digits that nobody can guess.
    code: str
    message_id: str
    #: The first digits of the version that the message was rendered from, as link tokens carry them.
    version: str
    #: `rules.tokens.Purpose`: a click, or one of the pages.
    purpose: str
    slot: int = 0
    turn: int = 0
    #: Where it leads if that was known only when sending; None: the version knows it.
    target: str | None = None

    def to_document(self) -> Document:
        """Without the code, which is the row's key."""
        return without_empty(
            {
                "message_id": self.message_id,
                "version": self.version,
                "purpose": self.purpose,
                "slot": self.slot or None,
                "turn": self.turn or None,
                "target": self.target,
            }
        )

    @classmethod
    def from_document(cls, code: str, document: Mapping[str, Any]) -> ShortLink:
        return cls(code=code, **document)


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
