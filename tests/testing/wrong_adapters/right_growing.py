"""An adapter that is right, and appends all to one file."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from messaging import Adapter, AdapterContext, AdapterSettings, Receipt, RenderedMessage


class Pigeon(Adapter):
    name = "pigeon"
    channel = "roof"
    leaves_the_machine = False

    def __init__(self, settings: AdapterSettings, context: AdapterContext) -> None:
        super().__init__(settings, context)
        self.lock = threading.Lock()

    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        for message in messages:
            line = self.line(message)
            with self.lock, (Path(self.context.workspace) / "flights.log").open("ab") as log:
                log.write(line.encode() + b"\n")
            yield Receipt.accepted(message.id)

    def line(self, message: RenderedMessage) -> str:
        return json.dumps([message.to, message.parts["body"], dict(message.headers)], ensure_ascii=False)
