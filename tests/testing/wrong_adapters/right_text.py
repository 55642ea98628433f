"""An adapter that is right, and writes a file of plain text for each message, its words at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from messaging import Adapter, Receipt, RenderedMessage


class Pigeon(Adapter):
    name = "pigeon"
    channel = "roof"
    leaves_the_machine = False

    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        for message in messages:
            if message.headers or not message.to.isprintable():
                yield Receipt.refused(message.id, "it cannot be written")
                continue
            file = Path(self.context.workspace) / f"{sha256(message.id.encode()).hexdigest()}.txt"
            file.write_bytes(f"{message.to}\n{message.parts['body']}\n".encode())
            yield Receipt.accepted(message.id, file.name)
