"""What an email costs beyond its rendering, in microseconds a message: as bytes, by SMTP, by SendGrid's API.

    python -m bench.email [--messages 2000]

For SendGrid also recipients a second and bytes on the wire a recipient: one by one, and up to 1,000 in one request.
Servers are the stand-ins, in processes of their own. On a machine with two cores they share them: trust the ratio.
"""

from __future__ import annotations

import argparse
import smtplib
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path
from urllib.request import urlopen

from bench.message import HTML, SUBJECT, TEXT, context
from messaging import Adapter, AdapterContext, MessageClass, Pieces, RenderedMessage, Verdict
from messaging.nouns.template import Template
from messaging.outgoing import Outgoing
from messaging.rendering.prepare import prepare
from messaging.rendering.render import Renderer
from messaging_email.mime import write_letter
from messaging_email.sendgrid import SendGrid, SendGridSettings
from messaging_email.sendgrid_body import mail_body
from messaging_email.smtp import Smtp, SmtpSettings

STAND_INS = Path(__file__).resolve().parent / "standins"
CONTEXT = AdapterContext(workspace=".", http=Outgoing())


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--messages", type=int, default=2000)
    messages = _messages(arguments.parse_args().messages)
    _show(
        "bytes",
        len(messages),
        {
            "ours": lambda: [write_letter(message) for message in messages],
            "EmailMessage": lambda: [_stock(message).as_bytes() for message in messages],
        },
    )
    with _stand_in("smtp_sink") as port:
        smtp = Smtp(SmtpSettings.model_validate({"host": "127.0.0.1", "port": port, "security": "none"}), CONTEXT)
        prebuilt = [write_letter(message) for message in messages]
        _show(
            "smtp",
            len(messages),
            {
                "ours": lambda: _deliver(smtp, messages),
                "smtplib + EmailMessage": lambda: _smtplib(port, messages),
                "bare loop, prebuilt bytes": lambda: _bare(port, [letter.content for letter in prebuilt]),
            },
        )
        smtp.close()
    with _stand_in("sendgrid") as port:
        host = f"http://127.0.0.1:{port}"
        together, alone = (
            SendGrid(SendGridSettings.model_validate({"api_key": "k", "host": host, "batch": batch}), CONTEXT)
            for batch in (1000, 1)
        )
        kinds: dict[str, Callable[[], object]] = {
            "ours": lambda: _deliver(together, messages, 1000),
            "ours, one by one": lambda: _deliver(alone, messages),
            "the package's client": lambda: _naive(host, messages),
        }
        best = _show("sendgrid", len(messages), kinds)
        for kind, run in kinds.items():
            before = _bytes(port)
            run()
            size = (_bytes(port) - before) / len(messages)
            print(f"sendgrid  {kind:26} {1e6 / best[kind]:8.0f} recipients/s {size:8.0f} bytes a recipient", flush=True)
        together.close()
        alone.close()


def _show(title: str, number: int, kinds: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Time each kind three times in turn; print and return the best of each, with its ratio to ours."""
    best = dict.fromkeys(kinds, float("inf"))
    for _ in range(3):
        for kind, run in kinds.items():
            start = time.perf_counter()
            run()
            best[kind] = min(best[kind], (time.perf_counter() - start) / number * 1e6)
    for kind, cost in best.items():
        print(f"{title:9} {kind:26} {cost:8.1f} us   {cost / best['ours']:5.2f} of ours", flush=True)
    return best


class _Links:
    """Links as long as signed ones, of one message alone."""

    def __init__(self, number: int) -> None:
        self._token = b64encode(sha256(b"%d" % number).digest(), b"-_").decode()

    def click(self, slot: int, turn: int, target: str | None) -> str:
        return f"https://links.example/c/{self._token}{slot}{turn}" + (f"?{target}" if target else "")

    def pixel(self) -> str:
        return f"https://links.example/o/{self._token}"

    def unsubscribe(self) -> str:
        return f"https://links.example/u/{self._token}"

    def preferences(self) -> str:
        return f"https://links.example/p/{self._token}"


def _messages(count: int) -> list[RenderedMessage]:
    """The one message of all measurements, rendered for so many customers."""
    sources = {("email", "", "html"): HTML, ("email", "", "text"): TEXT, ("email", "", "subject"): SUBJECT}
    template = Template(
        name="bench",
        message_class=MessageClass.MARKETING,
        topic="news",
        channels=("email",),
        sources=sources,
        files={key: key[2] for key in sources},
        shared={},
    )
    brand = {**context(0)["brand"], "currency": "EUR", "locale": "en", "timezone": "UTC"}
    version = prepare(template, brand, from_="Our shop <shop@example.com>")
    renderer = Renderer()
    made = []
    for number in range(count):
        pieces: dict[str, Pieces] = {}
        parts = renderer.render(
            version,
            channel="email",
            locale="en",
            context={"customer": context(number)["customer"]},
            links=_Links(number),
            pieces=pieces,
        )
        made.append(
            RenderedMessage(
                id=f"m{number:031}",
                channel="email",
                to=f"c{number}@example.com",
                message_class=MessageClass.MARKETING,
                template="bench",
                parts=parts,
                pieces=pieces,
                from_=version.from_,
                headers={"List-Unsubscribe": f"<{_Links(number).unsubscribe()}>"},
                timestamp=1_772_445_600.0,
            )
        )
    return made


def _bytes(port: int) -> int:
    """What SendGrid's stand-in was sent so far."""
    with urlopen(f"http://127.0.0.1:{port}/bytes") as answer:
        return int(answer.read())


def _deliver(adapter: Adapter, messages: Sequence[RenderedMessage], size: int | None = None) -> None:
    """All at once, or as the core does: so many at a time."""
    for start in range(0, len(messages), size or len(messages)):
        page = messages[start : start + (size or len(messages))]
        assert all(receipt.verdict is Verdict.ACCEPTED for receipt in adapter.deliver(page))


def _stock(message: RenderedMessage) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = message.from_, message.to, message.parts["subject"]
    mail["List-Unsubscribe"] = message.headers["List-Unsubscribe"]
    mail.set_content(message.parts["text"])
    mail.add_alternative(message.parts["html"], subtype="html")
    return mail


def _smtplib(port: int, messages: Sequence[RenderedMessage]) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        for message in messages:
            client.send_message(_stock(message))


def _bare(port: int, contents: Sequence[bytes]) -> None:
    """One connection, one round trip a message, no answer looked at: the least a client can do."""
    with socket.create_connection(("127.0.0.1", port)) as line, line.makefile("rb") as reader:
        reader.readline()
        for content in contents:
            line.sendall(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n" + content + b".\r\n")
            for _ in range(4):
                reader.readline()


def _naive(host: str, messages: Sequence[RenderedMessage]) -> None:
    import sendgrid

    client = sendgrid.SendGridAPIClient("k", host=host)
    for message in messages:
        assert client.send(mail_body(message)).status_code == 202


@contextmanager
def _stand_in(name: str) -> Iterator[int]:
    process = subprocess.Popen([sys.executable, str(STAND_INS / f"{name}.py")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline().rpartition(" ")[2])
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


if __name__ == "__main__":
    main()
