"""What the email adapters cost a message, beside the stock way and beside doing nothing at all.

    python -m bench.email [--messages 2000]

The receiving ends are processes of their own that take everything. Each figure is the median of five rounds, and the
ways take turns, so that a busy machine is busy for all of them.
"""

from __future__ import annotations

import argparse
import smtplib
import socket
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage

import sendgrid as stock_sendgrid

from bench import message
from bench.pipeline import standin
from messaging import Adapter, AdapterContext, MessageClass, RenderedMessage, Verdict
from messaging_email.mime import write_letter
from messaging_email.sendgrid import SendGrid, SendGridSettings
from messaging_email.sendgrid_body import mail_body
from messaging_email.smtp import Smtp, SmtpSettings

ROUNDS = 5
#: As the core hands them over.
GROUP = 16

Way = Callable[[Sequence[RenderedMessage]], object]


def rendered(number: int) -> list[RenderedMessage]:
    """The message of all measurements, for so many people."""
    html, text = message.stock()
    found = []
    for n in range(number):
        values = message.context(n)
        found.append(
            RenderedMessage(
                id=f"{n:032x}",
                channel="email",
                to=f"customer{n}@example.com",
                message_class=MessageClass.MARKETING,
                template="bench",
                parts={
                    "subject": f"Spring teas for customer {n}",
                    "html": html.render(values),
                    "text": text.render(values),
                },
                from_="Our shop <shop@example.com>",
                headers={
                    "List-Unsubscribe": f"<https://shop.example/u/{n:064x}>",
                    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                },
                timestamp=1_772_445_600.0,
            )
        )
    return found


def compare(title: str, messages: Sequence[RenderedMessage], ways: Mapping[str, Way]) -> None:
    """Print microseconds a message, wall and this process's own, and the ratio to the first way."""
    wall: dict[str, list[float]] = {name: [] for name in ways}
    own: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            begun, used = time.perf_counter(), time.process_time()
            way(messages)
            wall[name].append((time.perf_counter() - begun) / len(messages) * 1e6)
            own[name].append((time.process_time() - used) / len(messages) * 1e6)
    print(f"\n{title:44}{'us wall':>10}{'us cpu':>10}{'ratio':>8}")
    first = statistics.median(wall[next(iter(ways))])
    for name in ways:
        taken = statistics.median(wall[name])
        print(f"  {name:42}{taken:10.0f}{statistics.median(own[name]):10.0f}{taken / first:8.2f}")


def by_email_message(letter: RenderedMessage) -> bytes:
    """The stock way to a mail."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = letter.from_, letter.to, letter.parts["subject"]
    for name, value in letter.headers.items():
        mail[name] = value
    mail.set_content(letter.parts["text"])
    mail.add_alternative(letter.parts["html"], subtype="html")
    return mail.as_bytes()


def by_adapter(adapter: Adapter) -> Way:
    """Our way, in groups as the core hands them over."""

    def run(messages: Sequence[RenderedMessage]) -> None:
        for start in range(0, len(messages), GROUP):
            for receipt in adapter.deliver(messages[start : start + GROUP]):
                assert receipt.verdict is Verdict.ACCEPTED, receipt

    return run


def by_smtplib(port: int) -> Way:
    """The stock way: one connection, a command at a time."""

    def run(messages: Sequence[RenderedMessage]) -> None:
        with smtplib.SMTP("127.0.0.1", port) as server:
            for letter in messages:
                server.sendmail("shop@example.com", [letter.to], by_email_message(letter))

    return run


def by_socket(port: int, contents: Sequence[bytes]) -> Way:
    """The floor: bytes made beforehand, commands in one piece, answers only counted."""
    envelope = b"MAIL FROM:<shop@example.com>\r\nRCPT TO:<x@example.com>\r\nDATA\r\n"

    def run(_: Sequence[RenderedMessage]) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:
            answers = server.makefile("rb")
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answers.readline()
            server.sendall(b"HELO bench\r\n")
            while answers.readline()[3:4] == b"-":
                pass
            for content in contents:
                server.sendall(envelope)
                for _ in range(3):
                    answers.readline()
                server.sendall(content)
                answers.readline()

    return run


def by_stock_sendgrid(port: int) -> Way:
    """The package as it comes: a connection for each request."""
    client = stock_sendgrid.SendGridAPIClient("SG.bench", host=f"http://127.0.0.1:{port}")

    def run(messages: Sequence[RenderedMessage]) -> None:
        for letter in messages:
            client.send(mail_body(letter))

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description="What the email adapters cost a message.")
    parser.add_argument("--messages", type=int, default=2000)
    messages = rendered(parser.parse_args().messages)
    context = AdapterContext(workspace=".")
    compare(
        f"a mail of {len(write_letter(messages[0]).content) / 1000:.1f} kB",
        messages[:300],
        {
            "8bit": lambda letters: [write_letter(letter) for letter in letters],
            "quoted-printable where it has to be": lambda ls: [write_letter(x, eight_bit=False) for x in ls],
            "EmailMessage": lambda letters: [by_email_message(letter) for letter in letters],
        },
    )
    with standin("smtp_sink") as port:
        stuffed = [write_letter(x).content.replace(b"\r\n.", b"\r\n..") + b".\r\n" for x in messages]
        adapter = Smtp(SmtpSettings(host="127.0.0.1", port=port), context)
        compare(
            "SMTP to a sink",
            messages,
            {
                "smtp adapter, mail included": by_adapter(adapter),
                "bare socket, bytes made beforehand": by_socket(port, stuffed),
                "EmailMessage and smtplib": by_smtplib(port),
            },
        )
        adapter.close()
    with standin("sendgrid") as port:
        settings = SendGridSettings.model_validate({"api_key": "SG.bench", "host": f"http://127.0.0.1:{port}"})
        client = SendGrid(settings, context)
        compare(
            "SendGrid to a stand-in",
            messages[:1000],
            {"sendgrid adapter": by_adapter(client), "the package as it comes": by_stock_sendgrid(port)},
        )
        client.close()


if __name__ == "__main__":
    main()
