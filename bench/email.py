"""What an email costs beyond its rendering, in microseconds a message: as bytes, by SMTP, by SendGrid's API.

    python -m bench.email [--messages 2000]

Servers are the stand-ins, in processes of their own. On a machine with two cores they share them: trust the ratio.
"""

from __future__ import annotations

import argparse
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

from bench.message import HTML, TEXT
from messaging import Adapter, AdapterContext, MessageClass, RenderedMessage, Verdict
from messaging_email.mime import write_letter
from messaging_email.sendgrid import SendGrid, SendGridSettings
from messaging_email.sendgrid_body import mail_body
from messaging_email.smtp import Smtp, SmtpSettings

STAND_INS = Path(__file__).resolve().parent / "standins"
CONTEXT = AdapterContext(workspace=".")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--messages", type=int, default=2000)
    messages = [_message(n) for n in range(arguments.parse_args().messages)]
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
        sendgrid = SendGrid(SendGridSettings.model_validate({"api_key": "k", "host": host}), CONTEXT)
        _show(
            "sendgrid",
            len(messages),
            {"ours": lambda: _deliver(sendgrid, messages), "the package's client": lambda: _naive(host, messages)},
        )
        sendgrid.close()


def _show(title: str, number: int, kinds: dict[str, Callable[[], object]]) -> None:
    """Time each kind three times in turn, and print the best of each with its ratio to ours."""
    best = dict.fromkeys(kinds, float("inf"))
    for _ in range(3):
        for kind, run in kinds.items():
            start = time.perf_counter()
            run()
            best[kind] = min(best[kind], (time.perf_counter() - start) / number * 1e6)
    for kind, cost in best.items():
        print(f"{title:9} {kind:26} {cost:8.1f} us   {cost / best['ours']:5.2f} of ours", flush=True)


def _message(number: int) -> RenderedMessage:
    return RenderedMessage(
        id=f"m{number}",
        channel="email",
        to=f"c{number}@example.com",
        message_class=MessageClass.MARKETING,
        template="bench",
        parts={"subject": f"Spring teas for Name{number}", "html": HTML, "text": TEXT},
        from_="Our shop <shop@example.com>",
        headers={"List-Unsubscribe": f"<https://shop.example/u/{number}>"},
        timestamp=1_772_445_600.0,
    )


def _deliver(adapter: Adapter, messages: Sequence[RenderedMessage]) -> None:
    assert all(receipt.verdict is Verdict.ACCEPTED for receipt in adapter.deliver(messages))


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
