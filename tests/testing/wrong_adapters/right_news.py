"""Its loft posts several events at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from right import Pigeon as Base

from messaging import Callback, Engagement, EngagementKind, InputError, Request

KINDS = {"home": EngagementKind.DELIVERED, "read": EngagementKind.OPENED}


class Pigeon(Base):
    def callback(self, request: Request) -> Callback:
        self.verify(request, request.header("Pigeon-Time"))
        told = request.json()
        if not isinstance(told, list):
            raise InputError("it is no list of news")
        return Callback(engagements=list(self.read(told, request)))

    def read(self, told: list[Any], request: Request) -> Iterator[Engagement]:
        for each in told:
            kind = self.kind(each) if isinstance(each, dict) else None
            if kind is None or not all(isinstance(each.get(name), str) and each[name] for name in ("id", "ref")):
                continue
            yield Engagement(id=each["id"], kind=kind, at=request.received_at, message_id=each["ref"], raw=each)

    def kind(self, event: Mapping[str, Any]) -> EngagementKind | None:
        word = event.get("event")
        return KINDS.get(word) if isinstance(word, str) else None
