"""An adapter that is right, and writes a table for each call."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from messaging import Adapter, Receipt, RenderedMessage


class Pigeon(Adapter):
    name = "pigeon"
    channel = "email"
    leaves_the_machine = False

    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        if not messages:
            return
        ids = "".join(message.id for message in messages)
        file = Path(self.context.workspace) / f"{sha256(ids.encode()).hexdigest()}.csv"
        with file.open("w", encoding="utf-8", newline="") as opened:
            table = csv.writer(opened)
            for message in messages:
                sender = [message.from_, message.reply_to or "", json.dumps(dict(message.headers))]
                parts = [message.parts.get(name, "") for name in ("subject", "text", "html")]
                table.writerow([message.id, message.to, *sender, *parts])
                opened.flush()
                yield Receipt.accepted(message.id, message.id)
