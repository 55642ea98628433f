"""The part of the store port that knows what short addresses stand for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from messaging.nouns.links import ShortLink


class ShortLinks(ABC):
    """What the short addresses in text messages stand for."""

    @abstractmethod
    def add(self, links: Sequence[ShortLink]) -> list[ShortLink]:
        """Keep those that are new. Returned, and not kept, are those whose code stands for something else already."""

    @abstractmethod
    def get(self, code: str) -> ShortLink | None: ...
