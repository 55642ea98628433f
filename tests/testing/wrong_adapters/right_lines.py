"""An adapter that is right, and speaks a protocol of lines."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import SecretStr

from messaging import Adapter, AdapterSettings, AdapterUnusable, Receipt, RenderedMessage


class PigeonSettings(AdapterSettings):
    """`[adapters.pigeon]`"""

    host: str
    port: int
    token: SecretStr


class Pigeon(Adapter):
    name = "pigeon"
    channel = "roof"
    Settings: ClassVar[type[AdapterSettings]] = PigeonSettings

    settings: PigeonSettings

    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        for message in messages:
            yield self.send(message)

    def send(self, message: RenderedMessage) -> Receipt:
        if message.headers or not self.fits(message.to) or " " in message.to or not self.fits(message.parts["body"]):
            return Receipt.refused(message.id, "it does not fit into a line")
        until = time.monotonic() + self.context.timeout
        try:
            line = self.connect()
        except OSError:
            return Receipt.try_again(message.id, "nobody is there")
        with line:
            try:
                line.sendall(f"TOKEN {self.settings.token.get_secret_value()}\r\n".encode())
                line.sendall(f"SEND {message.to} {message.parts['body']}\r\n".encode())
                answer = self.read(line, until)
            except OSError:
                return Receipt.unknown(message.id, "no answer")
        return self.receipt(message.id, answer)

    def connect(self) -> socket.socket:
        return socket.create_connection((self.settings.host, self.settings.port), self.context.timeout)

    def fits(self, text: str) -> bool:
        return not any(character in text for character in "\r\n\0")

    def read(self, line: socket.socket, until: float) -> str:
        answer = b""
        while not answer.endswith(b"\n"):
            line.settimeout(max(0.01, until - time.monotonic()))
            block = line.recv(1)
            if not block:
                raise ConnectionError
            answer += block
        return answer.decode("utf-8", "replace").strip()

    def receipt(self, message_id: str, answer: str) -> Receipt:
        word, _, rest = answer.partition(" ")
        if word == "OK" and rest:
            return Receipt.accepted(message_id, rest)
        if word == "LATER":
            return Receipt.try_again(message_id, "the loft is busy")
        if word == "NEVER":
            return Receipt.refused(message_id, "the loft refused it")
        if word == "WHO":
            raise AdapterUnusable("pigeon: the token is refused", hint="check PIGEON_TOKEN")
        return Receipt.unknown(message_id, "the loft said nothing of use")
