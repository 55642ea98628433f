"""Which messages still have their rendering contexts: those whose time of keeping ends first come first."""

from __future__ import annotations

from messaging.nouns.documents import Document
from messaging.nouns.message import MessageState
from messaging.stores.tinydb.lineup import Line

_OPEN = (MessageState.PLANNED.value, MessageState.SENDING.value)


class Contexts:
    """The settled messages that have a context, by the time they were settled."""

    fields = frozenset(["state", "context", "sent_at", "due_at"])

    def __init__(self) -> None:
        self._line = Line()

    def take(self, end: str, limit: int) -> list[str]:
        """Take up to `limit` messages that were settled before `end`."""
        taken: list[str] = []
        while len(taken) < limit and (entry := self._line.first()) is not None and entry[0] < end:
            taken.append(entry[2])
            self._line.remove(entry[2])
        return taken

    def move(self, key: str, old: Document | None, new: Document | None) -> None:
        before, after = _settled_at(old), _settled_at(new)
        if before == after:
            return
        if before is not None:
            self._line.remove(key)
        if after is not None:
            self._line.add(key, after)

    def clear(self) -> None:
        self._line = Line()


def _settled_at(document: Document | None) -> str | None:
    """When a message that has a context was settled. What was never sent was when it was due for its last attempt."""
    if document is None or "context" not in document or document["state"] in _OPEN:
        return None
    time: str = document.get("sent_at") or document["due_at"]
    return time
