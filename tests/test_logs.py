"""What is logged: a line for each event, in text or JSON, and in none of them an address, a token or a secret."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from messaging import AdapterUnusable, Receipt, RenderedMessage
from messaging.errors import MessagingError
from messaging.logs import Json, Spoken, log_to, secrets_of
from messaging.nouns.customer import Customer
from messaging.nouns.message import Lane
from messaging.settings import StoreSettings

log = logging.getLogger("messaging.test")


@pytest.fixture
def logged() -> Iterator[Callable[..., io.StringIO]]:
    """`logged(format=…, level=…)`: where all goes that is logged from then on."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def begin(format: str = "text", level: str = "debug", secrets: Sequence[str] = ()) -> io.StringIO:
        stream = io.StringIO()
        log_to(stream, format=format, level=level, secrets=secrets)
        return stream

    yield begin
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_of_text(logged: Any) -> None:
    stream = logged()
    log.warning("%s rests\nmessaging: forged", "smtp")
    assert stream.getvalue() == "messaging: smtp rests\\nmessaging: forged\n"


def test_what_an_error_says_begins_no_line_of_its_own(logged: Any) -> None:
    """An attribute of a customer may have line breaks in it, and a plugin's error may tell it."""
    stream = logged()
    try:
        raise ValueError("no\nmessaging: forged\rmessaging: forged\u2028\x1b[2Jmessaging: forged")
    except ValueError:
        log.exception("it failed")
    first, *trace = stream.getvalue().rstrip("\n").split("\n")
    assert first == "messaging: it failed"
    assert trace[0] == "  Traceback (most recent call last):"
    assert trace[-2:] == ["  ValueError: no", "  messaging: forged\\rmessaging: forged\\u2028\\x1b[2Jmessaging: forged"]
    assert all(line.startswith("  ") for line in trace)


def test_an_object_a_line(logged: Any) -> None:
    stream = logged("json")
    log.error("message %s\nis “lost”", "0123456789abcdef" * 2, extra={"adapter": "smtp for ann@example.com"})
    try:
        raise ValueError("no ann@example.com")
    except ValueError:
        log.exception("it failed")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first["event"] == f"message {'0123456789abcdef' * 2}\nis “lost”"
    assert (first["level"], first["logger"], first["ids"]) == ("error", "messaging.test", ["0123456789abcdef" * 2])
    assert first["adapter"] == "smtp for (address)"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", first["time"])
    assert "exception" not in first
    assert "ValueError: no (address)" in second["exception"]
    assert "ids" not in second


def test_what_is_said_last_and_ends_no_line_is_an_object_too() -> None:
    stream = io.StringIO()
    spoken = Spoken(stream, Json())
    spoken.write("a licence ends")
    spoken.write(" tomorrow\nand a pro")
    spoken.write("cess now")
    spoken.flush()
    spoken.flush()
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == [
        "a licence ends tomorrow",
        "and a process now",
    ]


def test_what_weighs_too_little_is_left_out(logged: Any) -> None:
    stream = logged(level="error")
    log.warning("a warning")
    log.error("an error")
    assert stream.getvalue() == "messaging: an error\n"


def test_who_logs_anew_does_not_log_twice(logged: Any) -> None:
    first, second = logged(), logged()
    log.error("once")
    assert (first.getvalue(), second.getvalue()) == ("", "messaging: once\n")


def test_secrets_are_found_by_type_and_by_name(live_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "of the relay")
    monkeypatch.setenv("MESSAGING__OUTGOING__PROXY", "http://me:through@proxy.example:3128")
    monkeypatch.setenv("MESSAGING__ADAPTERS__WEBHOOK__RECEIVERS", '{"https://a.example": ["whsec_cmVjZWl2ZXI="]}')
    monkeypatch.setenv("MESSAGING__SOURCES__SHOPIFY__MAIN__SECRET", "of-the-shop")
    app = live_shop.open()
    found = secrets_of(app)
    keys = app.keys
    assert {"of the relay", "http://me:through@proxy.example:3128", "of-the-shop"} <= found
    assert {keys.api_key, keys.staff_password, keys.signing[1].hex()} <= found
    assert not any(word in found for word in ("pigeon", "mailbox", "email", ""))


@pytest.mark.parametrize("host", ["broker.example:6379/0", "[::1", "broker.example:99999/0"])
def test_a_password_in_a_url_is_found_even_if_all_else_is_mistyped(
    live_shop: Any, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("MESSAGING__QUEUE__URL", f"redis://shop:hush@hush@{host}")
    monkeypatch.setenv("MESSAGING__STORE__URL", f"postgresql://shop:of-the-store@{host}")
    assert {"hush@hush", "of-the-store"} <= secrets_of(live_shop.open())


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        (
            "postgresql://shop:hush%40hush@h/d?sslpassword=key%2Bhush",
            {"hush%40hush", "hush@hush", "key%2Bhush", "key+hush"},
        ),
        ("postgresql://postgres@[::1/d", set()),
    ],
)
def test_passwords_in_urls_are_known_as_they_are_meant(live_shop: Any, url: str, secrets: set[str]) -> None:
    settings = live_shop.app.settings
    app = SimpleNamespace(
        settings=settings.model_copy(update={"store": StoreSettings(url=url)}), workspace=live_shop.workspace
    )
    assert secrets_of(app) - secrets_of(live_shop.app) == secrets


@pytest.mark.parametrize(
    ("settings", "first"), [({"FORMAT": "json"}, '{"time":'), ({}, "messaging: "), ({"LEVEL": "error"}, "")]
)
def test_a_command_logs_as_the_workspace_says(live_shop: Any, settings: dict[str, str], first: str) -> None:
    plugin = live_shop.workspace.plugins / "chatty.py"
    plugin.write_text("import logging\nlogging.getLogger('chatty').warning('for ann@example.com')\n", "utf-8")
    environment = {**os.environ, **{f"MESSAGING__LOGGING__{name}": value for name, value in settings.items()}}
    command = [sys.executable, "-m", "messaging", "-w", str(live_shop.workspace.root), "adapters", "list"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.startswith(first)
    assert done.stderr.count("for (address)") == bool(first)
    assert "ann@" not in done.stderr


HOSTILE = {
    "ann": ('"ann\nforged"@example.com', "+4366012345601"),
    "bob": ("bob+tag%x@mail.example.co.uk", "+14155550102"),
    "cyd": ("cyd.ü@bücher.example", "+442079460103"),
}
ANSWERS: Sequence[Callable[[RenderedMessage], Receipt]] = (
    lambda m: Receipt.accepted(m.id, f"p {m.to}"),
    lambda m: Receipt.refused(m.id, f"550 <{m.to}> no such user", suppress=True),
    lambda m: Receipt.try_again(m.id, f"451 {m.to}: later"),
    lambda m: Receipt.unknown(m.id, f"{m.to} timed out"),
)


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("secretive", [True, False])
def test_a_campaign_and_orders_tell_no_address_no_token_and_no_secret(
    live_shop: Any, logged: Any, monkeypatch: pytest.MonkeyPatch, format: str, secretive: bool
) -> None:
    """Neither do plugins, and errors, that are not secretive themselves."""
    monkeypatch.setenv("PIGEON_PASSWORD", "pigeon-password-1")
    app = live_shop.app
    now = app.clock.now()
    live_shop.add_customers(8)
    people = [Customer(id=name, email=mail, phone=phone, created_at=now) for name, (mail, phone) in HOSTILE.items()]
    app.store.customers.put(people)
    stream = logged(format, secrets=secrets_of(app))
    tokens: set[str] = set()
    turn = iter(range(10**6))

    def deliver(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        for message in messages:
            tokens.update(re.findall(r"/[cup]/([\w-]{40,})", " ".join(message.parts.values())))
            number = next(turn)
            if not secretive:
                log.debug("handing over %s to %s with pigeon-password-1", message.id, message.to)
                log.info("headers %r, key %s, %s", dict(message.headers), app.keys.api_key, message.parts)
            if number % 7 == 5:
                raise ValueError(f"cannot write to {message.to}")
            if number % 7 == 6:
                raise AdapterUnusable(f"no login for {message.to}: pigeon-password-1")
            yield ANSWERS[number % len(ANSWERS)](message)

    live_shop.pigeon.answer = deliver
    live_shop.due(Lane.ORDER, *HOSTILE, *(f"o{number}" for number in range(8)))
    live_shop.campaign()
    for number in range(12):
        try:
            app.receive(
                {
                    "id": f"e{number}",
                    "type": "order.placed",
                    "time": app.clock.now().isoformat(),
                    "customer": {"id": "ann", "email": HOSTILE["bob"][0], "phone": HOSTILE["cyd"][1]},
                    "data": {"order": {"number": f"{number}", "total": "9.90" if number else "x", "currency": "EUR"}},
                }
            )
        except MessagingError as error:
            log.warning("%s", error)
        app.dispatcher.run_due()
        app.clock.advance(timedelta(minutes=20))
    told = stream.getvalue()
    assert told
    assert tokens
    if format == "json":
        told = "\n".join(str(list(json.loads(line).values())) for line in told.splitlines())
    names = [*HOSTILE, *(f"o{n}" for n in range(8)), *(f"c{n:04d}" for n in range(8))]
    secrets = [
        *(f"{name}@example.com" for name in names),
        *(part for pair in HOSTILE.values() for part in pair),
        *tokens,
        *secrets_of(app),
        "pigeon-password-1",
    ]
    assert [secret for secret in secrets if secret in told] == []
