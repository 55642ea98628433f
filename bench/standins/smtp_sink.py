"""A mail server that takes everything and does nothing: for measuring what stands before it.

    python bench/standins/smtp_sink.py [--port 2525] [--keep FOLDER] [--latency MS]

Prints `listening on PORT` when it is ready. Speaks EHLO with PIPELINING, 8BITMIME and SMTPUTF8; no TLS, no
login. `--keep` writes each message to FOLDER as `NUMBER.eml`, with the envelope as its first two lines;
`--latency` lets each batch of answers wait, as a network would. The command `XCOUNT` answers `250 N`, the
number of messages taken.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

GREETING = b"220 sink ESMTP\r\n"
EHLO = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 50000000\r\n"
OK = b"250 2.0.0 Ok\r\n"


class Sink(asyncio.Protocol):
    """One connection: commands answered as they come, contents counted."""

    taken = 0
    keep: Path | None = None
    latency = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = bytearray()
        self.in_content = False
        self.envelope: list[bytes] = []
        self.transport.write(GREETING)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        answers = bytearray()
        while (answer := self._content() if self.in_content else self._command()) is not None:
            answers += answer
        if not answers:
            return
        if self.latency:
            asyncio.get_running_loop().call_later(self.latency, self.transport.write, bytes(answers))
        else:
            self.transport.write(answers)

    def _command(self) -> bytes | None:
        end = self.buffer.find(b"\r\n")
        if end < 0:
            return None
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 2]
        verb = line[:4].upper()
        if verb == b"DATA":
            self.in_content = True
            return b"354 go on\r\n"
        if verb in (b"MAIL", b"RCPT"):
            self.envelope.append(line)
        elif verb in (b"EHLO", b"HELO"):
            return EHLO
        elif verb == b"XCOU":
            return b"250 %d\r\n" % Sink.taken
        elif verb == b"QUIT":
            self.transport.write(b"221 bye\r\n")
            self.transport.close()
            return None
        return OK

    def _content(self) -> bytes | None:
        # The end may lie over two reads, but never further back than its own length.
        end = self.buffer.find(b"\r\n.\r\n")
        if end < 0:
            return None
        Sink.taken += 1
        if self.keep is not None:
            content = bytes(self.buffer[: end + 2]).replace(b"\r\n..", b"\r\n.")
            file = self.keep / f"{Sink.taken:07d}.eml"
            file.write_bytes(b"\r\n".join([*self.envelope, content]))
        del self.buffer[: end + 5]
        self.in_content = False
        self.envelope.clear()
        return OK[:-2] + b": queued as %X\r\n" % Sink.taken


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    print(f"listening on {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description="A mail server that takes everything and does nothing.")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--keep", type=Path, help="folder to write the messages to")
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds that an answer takes")
    options = parser.parse_args()
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
    Sink.keep, Sink.latency = options.keep, options.latency / 1000
    try:
        asyncio.run(serve(options.port))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
