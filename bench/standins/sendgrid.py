"""SendGrid's mail-send API as far as an adapter sees it, taking everything: for measuring what stands before it.

    python bench/standins/sendgrid.py [--port 4010] [--latency MS]

Prints `listening on PORT` when it is ready. Answers on connections that stay open:

- `POST /v3/mail/send`: 202 with an `X-Message-Id`; 401 without a bearer, 400 with SendGrid's error format where the
  body is not JSON or lacks recipients, sender, subject or content;
- the same to a recipient at `answer.example`: what its local part says. `503` is that status, `503-120` with
  `Retry-After: 120`; `silent` never answers, `cut` breaks off in the answer, `reset` resets the connection instead;
- `GET /count`: the number of recipients taken so far;
- `GET /bytes`: the number of bytes that came with requests to send, heads and bodies;
- `GET /messages`: the last bodies taken, as a JSON list.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import deque
from typing import Any, ClassVar

KEPT = 100
CUT = b"HTTP/1.1 2"


class StandIn(asyncio.Protocol):
    """One connection: requests with a Content-Length, one after the other."""

    requests = 0
    taken = 0
    octets = 0
    kept: ClassVar[deque[dict[str, Any]]] = deque(maxlen=KEPT)
    latency = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            request, *lines = bytes(self.buffer[:end]).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            size = int(headers.get("content-length", "0"))
            if len(self.buffer) < end + 4 + size:
                return
            body = bytes(self.buffer[end + 4 : end + 4 + size])
            del self.buffer[: end + 4 + size]
            if request.startswith("POST"):
                StandIn.octets += end + 4 + size
            answer = self.answer(request, headers, body)
            if answer is None:
                self.transport.abort()
                return
            close = headers.get("connection", "").lower() == "close" or answer == CUT
            asyncio.get_running_loop().call_later(self.latency, self.reply, answer, close)

    def reply(self, answer: bytes, close: bool) -> None:
        self.transport.write(answer)
        if close:
            self.transport.close()

    def answer(self, request: str, headers: dict[str, str], body: bytes) -> bytes | None:
        """What to say; None: reset the connection."""
        method, path, _ = request.split(" ", 2)
        if (method, path) == ("GET", "/count"):
            return response("200 OK", b"%d" % StandIn.taken)
        if (method, path) == ("GET", "/bytes"):
            return response("200 OK", b"%d" % StandIn.octets)
        if (method, path) == ("GET", "/messages"):
            return response("200 OK", json.dumps(list(StandIn.kept)).encode())
        if (method, path) != ("POST", "/v3/mail/send"):
            return response("404 Not Found", error("Not Found"))
        if not headers.get("authorization", "").startswith("Bearer "):
            return response("401 Unauthorized", error("The provided authorization grant is invalid"))
        return self.send(body)

    def send(self, body: bytes) -> bytes | None:
        try:
            mail = json.loads(body)
            recipients = [to["email"] for one in mail["personalizations"] for to in one["to"]]
            missing = next((field for field in ("from", "subject", "content") if not mail.get(field)), None)
        except (ValueError, LookupError, TypeError, AttributeError):
            return response("400 Bad Request", error("Bad Request"))
        if missing or not recipients:
            return response("400 Bad Request", error(f"The {missing} is required.", missing))
        told = next((to.partition("@")[0] for to in recipients if to.endswith("@answer.example")), None)
        if told is not None:
            return as_told(told)
        StandIn.requests += 1
        StandIn.taken += len(recipients)
        StandIn.kept.append(mail)
        return response("202 Accepted", b"", b"X-Message-Id: standin-%d\r\n" % StandIn.requests)


def as_told(what: str) -> bytes | None:
    if what == "reset":
        return None
    if what in ("silent", "cut"):
        return CUT if what == "cut" else b""
    status, _, wait = what.partition("-")
    return response(f"{status} As Told", error(f"told {status}"), f"Retry-After: {wait}\r\n".encode() if wait else b"")


def error(message: str, field: str | None = None) -> bytes:
    return json.dumps({"errors": [{"message": message, "field": field, "help": None}]}).encode()


def response(status: str, body: bytes, headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n%b" % (status.encode(), len(body), headers, body)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(StandIn, "127.0.0.1", port)
    print(f"listening on {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description="SendGrid's mail-send API, taking everything.")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds that an answer takes")
    options = parser.parse_args()
    StandIn.latency = options.latency / 1000
    try:
        asyncio.run(serve(options.port))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
