"""An adapter that is right, for email, whose provider takes forms in parts, with a boundary drawn for each."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from right import Pigeon as Posting

from messaging import Capabilities, NotSent, Receipt, RenderedMessage, Unanswered


class Pigeon(Posting):
    channel = "email"
    capabilities = Capabilities()

    def send(self, message: RenderedMessage) -> Receipt:
        boundary = self.boundary(message)
        body = "".join(f"--{boundary}\r\n{each}\r\n" for each in self.fields(message)) + f"--{boundary}--\r\n"
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        try:
            answer = self.ask("POST", "/messages", body.encode(), headers)
        except NotSent as error:
            return Receipt.try_again(message.id, error.message)
        except Unanswered as error:
            return Receipt.unknown(message.id, error.message)
        return self.receipt(message.id, answer)

    def boundary(self, message: RenderedMessage) -> str:
        return secrets.token_hex(16)

    def fields(self, message: RenderedMessage) -> Iterator[str]:
        told = {"to": message.to, "from": message.from_, "h:Reply-To": message.reply_to, **message.parts}
        told |= {f"h:{name}": value for name, value in message.headers.items()}
        for name, value in told.items():
            if value is not None:
                yield f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'
