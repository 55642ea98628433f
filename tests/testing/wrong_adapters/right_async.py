"""An adapter that is right, and has an event loop in each call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from right import Pigeon as Single

from messaging import HttpAnswer, NotSent, Receipt, RenderedMessage, Unanswered


class Pigeon(Single):
    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        with asyncio.Runner() as self_made:
            for message in messages:
                yield self_made.run(self.fly(message))

    async def fly(self, message: RenderedMessage) -> Receipt:
        if message.headers:
            return Receipt.refused(message.id, "a pigeon carries no headers")
        try:
            answer = await self.post("/messages", self.body(message), {"Idempotency-Key": message.id})
        except NotSent as error:
            return Receipt.try_again(message.id, error.message)
        except Unanswered as error:
            return Receipt.unknown(message.id, error.message)
        return self.receipt(message.id, answer)

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> HttpAnswer:
        place, writer = urlsplit(self.settings.url), None
        told = {
            "Host": place.netloc,
            "Authorization": f"Bearer {self.settings.token.get_secret_value()}",
            "Content-Length": str(len(body)),
            "Connection": "close",
            **headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        try:
            async with asyncio.timeout(self.context.timeout):
                secure = place.scheme == "https"
                reader, writer = await asyncio.open_connection(place.hostname, place.port, ssl=secure or None)
                writer.write(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
                return answer_in(await reader.read())
        except (OSError, TimeoutError):
            raise (NotSent if writer is None else Unanswered)("no answer") from None
        finally:
            if writer is not None:
                writer.close()


def answer_in(raw: bytes) -> HttpAnswer:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    if not first[9:12].isdigit():
        raise Unanswered("no answer")
    parts = (line.partition(":") for line in lines)
    return HttpAnswer(status=int(first[9:12]), headers={n.lower(): v.strip() for n, _, v in parts}, body=body)
