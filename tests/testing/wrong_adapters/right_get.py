"""An adapter that is right, whose provider takes everything in the address of a GET."""

from __future__ import annotations

from urllib.parse import urlencode

from right import Pigeon as Posting

from messaging import Capabilities, NotSent, Receipt, RenderedMessage, Unanswered


class Pigeon(Posting):
    capabilities = Capabilities()

    def send(self, message: RenderedMessage) -> Receipt:
        if message.headers:
            return Receipt.refused(message.id, "a pigeon carries no headers")
        told = {"to": message.to, "text": message.parts["body"], "ref": message.id}
        try:
            answer = self.ask("GET", f"/send?{urlencode(told)}")
        except NotSent as error:
            return Receipt.try_again(message.id, error.message)
        except Unanswered as error:
            return Receipt.unknown(message.id, error.message)
        return self.receipt(message.id, answer)
