"""An adapter that is right and writes files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from messaging import Adapter, Capabilities, Receipt, RenderedMessage


class Pigeon(Adapter):
    name = "pigeon"
    channel = "email"
    capabilities = Capabilities(lookup=True)
    leaves_the_machine = False

    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        for message in messages:
            file = self.file(message.id)
            file.parent.mkdir(exist_ok=True)
            letter = {"to": message.to, "from": message.from_, "reply_to": message.reply_to}
            file.write_text(json.dumps({**letter, "headers": dict(message.headers), **message.parts}), "utf-8")
            yield Receipt.accepted(message.id, file.name)

    def lookup(self, message_id: str) -> Receipt | None:
        file = self.file(message_id)
        return Receipt.accepted(message_id, file.name) if file.exists() else Receipt.try_again(message_id, "not there")

    def file(self, message_id: str) -> Path:
        return Path(self.context.workspace) / "loft" / f"{sha256(message_id.encode()).hexdigest()}.json"
