"""An adapter that is right and hands over up to ten messages a request; the provider answers for each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from right import Pigeon as Single

from messaging import Capabilities, InputError, NotSent, Receipt, RenderedMessage, Unanswered


class Pigeon(Single):
    capabilities = Capabilities(batch_size=10)

    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        able = [message for message in messages if not message.headers]
        for message in messages:
            if message.headers:
                yield Receipt.refused(message.id, "a pigeon carries no headers")
        size = self.capabilities.batch_size
        for at in range(0, len(able), size):
            yield from self.send_together(able[at : at + size])

    def send_together(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        told = [{"to": m.to, "text": m.parts["body"], "ref": m.id} for m in messages]
        try:
            answer = self.ask("POST", "/flock", json.dumps(told).encode())
        except NotSent as error:
            yield from (Receipt.try_again(message.id, error.message) for message in messages)
            return
        except Unanswered as error:
            yield from (Receipt.unknown(message.id, error.message) for message in messages)
            return
        if answer.status != 200:
            yield from (self.receipt(message.id, answer) for message in messages)
            return
        try:
            results = {each["ref"]: each for each in answer.json()}
        except (InputError, LookupError, TypeError):
            results = {}
        for message in messages:
            yield self.verdict(message, results.get(message.id))

    def verdict(self, message: RenderedMessage, result: dict[str, str] | None) -> Receipt:
        if result is None:
            return Receipt.unknown(message.id, "the loft said nothing of it")
        if "error" in result:
            return Receipt.refused(message.id, result["error"])
        return Receipt.accepted(message.id, result["id"])
