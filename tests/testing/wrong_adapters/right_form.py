"""An adapter that is right, for text messages, whose provider takes forms of up to 1,600 characters."""

from __future__ import annotations

from urllib.parse import urlencode

from right import Pigeon as Posting

from messaging import Capabilities, HttpAnswer, Receipt, RenderedMessage


class Pigeon(Posting):
    channel = "sms"
    capabilities = Capabilities()

    def send(self, message: RenderedMessage) -> Receipt:
        if len(message.parts["text"]) > 1600:
            return Receipt.refused(message.id, "it is longer than 1,600 characters")
        return super().send(message)

    def body(self, message: RenderedMessage) -> bytes:
        return urlencode({"To": message.to, "Body": message.parts["text"], "Ref": message.id}).encode()

    def ask(self, method: str, path: str, body: bytes = b"", headers: object = None) -> HttpAnswer:
        return super().ask(method, path, body, {"Content-Type": "application/x-www-form-urlencoded"})
