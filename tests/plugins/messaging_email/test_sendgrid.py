from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import Message
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import jsonschema
import pytest
from pydantic import ValidationError
from pytest_httpserver import HTTPServer

from messaging import AdapterContext, AdapterUnusable, Receipt, RenderedMessage, Verdict
from messaging_email.headers import Unmailable
from messaging_email.sendgrid import SendGrid, SendGridSettings, wait_asked
from messaging_email.sendgrid_body import mail_body

Make = Callable[..., RenderedMessage]
Open = Callable[..., SendGrid]
KEY = "SG.never-shown"
NOW = 1_772_445_600.0


@pytest.fixture
def sendgrid(context: AdapterContext) -> Iterator[Open]:
    opened: list[SendGrid] = []

    def make(port: int, **settings: Any) -> SendGrid:
        values = {"api_key": KEY, "host": f"http://localhost:{port}", "connections": 1, "timeout": 5.0, **settings}
        opened.append(SendGrid(SendGridSettings(**values), context))
        return opened[-1]

    yield make
    for adapter in opened:
        adapter.close()


def deliver(adapter: SendGrid, *messages: RenderedMessage) -> list[Receipt]:
    """The receipts in the order of the messages: one each."""
    receipts = {receipt.message_id: receipt for receipt in adapter.deliver(messages)}
    assert sorted(receipts) == sorted(message.id for message in messages)
    return [receipts[message.id] for message in messages]


def problem(message: object, field: object = None) -> str:
    return json.dumps({"errors": [{"message": message, "field": field, "help": None}]})


def test_a_message_is_one_request(sendgrid: Open, httpserver: HTTPServer, message: Make) -> None:
    httpserver.expect_request("/v3/mail/send", method="POST").respond_with_data("", 202, {"X-Message-Id": "abc"})
    (receipt,) = deliver(sendgrid(httpserver.port), message(reply_to="Help <help@example.com>"))
    assert (receipt.verdict, receipt.provider_id) == (Verdict.ACCEPTED, "abc")
    ((request, _),) = httpserver.log
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.get_json() == {
        "personalizations": [
            {
                "to": [{"email": "c1@example.com"}],
                "custom_args": {"message_id": "m1"},
                "headers": {"List-Unsubscribe": "<https://shop.example/u/1>"},
            }
        ],
        "from": {"email": "shop@example.com", "name": "Our shop"},
        "reply_to": {"email": "help@example.com", "name": "Help"},
        "subject": "Fresh tea",
        "content": [
            {"type": "text/plain", "value": "Hello\n"},
            {"type": "text/html", "value": "<p>Hello</p>\n"},
        ],
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
            "ganalytics": {"enable": False},
        },
    }


@pytest.mark.parametrize(
    ("status", "body", "verdict", "suppress"),
    [
        (202, "", "accepted", False),
        (200, "{}", "accepted", False),
        (400, problem("Bad subject", "subject"), "refused", False),
        (400, problem("Does not contain a valid address.", "personalizations.0.to.0.email"), "refused", True),
        (413, "", "refused", False),
        (422, "x", "refused", False),
        (408, "", "try_again", False),
        (429, problem("too many requests"), "try_again", False),
        (500, problem("oops"), "unknown", False),
        (502, "<html>", "unknown", False),
        (503, "", "unknown", False),
        *(
            (400, body, "refused", False)
            for body in ("", "no json", "[]", "{}", "null", '{"errors": []}', '{"errors": [1]}')
        ),
        *(
            (500, body, "unknown", False)
            for body in ("[" * 100_000, problem({"a": 1}, ["b"]), "\0", '{"errors": {"a": 1}}')
        ),
    ],
)
def test_what_an_answer_means(
    sendgrid: Open, httpserver: HTTPServer, message: Make, status: int, body: str, verdict: str, suppress: bool
) -> None:
    httpserver.expect_request("/v3/mail/send").respond_with_data(body, status)
    (receipt,) = deliver(sendgrid(httpserver.port), message())
    assert (receipt.verdict, receipt.suppress) == (verdict, suppress)
    assert (receipt.reason is None) == (verdict == "accepted")
    assert (receipt.reason or "-").isprintable()


def test_a_refusal_names_the_field(sendgrid: Open, httpserver: HTTPServer, message: Make) -> None:
    httpserver.expect_request("/v3/mail/send").respond_with_data(problem("Too\r\nlong\x1b", "subject"), 400)
    (receipt,) = deliver(sendgrid(httpserver.port), message())
    assert receipt.reason == "sendgrid: 400 Too long  [subject]"


@pytest.mark.parametrize("status", [401, 403, 404, 405, 301])
def test_an_answer_that_means_the_same_for_all(
    sendgrid: Open, httpserver: HTTPServer, message: Make, status: int
) -> None:
    httpserver.expect_request("/v3/mail/send").respond_with_data(problem("no"), status)
    with pytest.raises(AdapterUnusable, match=str(status)) as caught:
        deliver(sendgrid(httpserver.port), *(message(n) for n in range(5)))
    assert len(httpserver.log) == 1
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("field", ["from", "from.email", "reply_to"])
def test_a_sender_that_is_not_taken_stops_the_adapter(
    sendgrid: Open, httpserver: HTTPServer, message: Make, field: str
) -> None:
    said = problem("does not match a verified Sender Identity", field)
    httpserver.expect_request("/v3/mail/send").respond_with_data(said, 400)
    with pytest.raises(AdapterUnusable, match="verified Sender"):
        deliver(sendgrid(httpserver.port), message(1), message(2))


def test_too_many_requests_holds_the_others_back(sendgrid: Open, httpserver: HTTPServer, message: Make) -> None:
    httpserver.expect_request("/v3/mail/send").respond_with_data("", 429, {"Retry-After": "7"})
    receipts = deliver(sendgrid(httpserver.port), message(1), message(2), message(3))
    assert [(receipt.verdict, receipt.after) for receipt in receipts] == [(Verdict.TRY_AGAIN, timedelta(seconds=7))] * 3
    assert len(httpserver.log) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "30"}, 30),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": formatdate(NOW + 90, usegmt=True)}, 90),
        ({"Retry-After": formatdate(NOW - 90, usegmt=True)}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1e9"}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "Mon, 99 Foo 99999 99:99:99 GMT"}, None),
        ({"Retry-After": "999999999"}, 365 * 86_400),
        ({"X-RateLimit-Reset": str(int(NOW) + 60)}, 60),
        ({"X-RateLimit-Reset": "5"}, 0),
        ({"X-RateLimit-Reset": "nan"}, None),
        ({"X-RateLimit-Reset": "9" * 12}, 365 * 86_400),
        ({"Retry-After": "soon", "X-RateLimit-Reset": str(int(NOW) + 60)}, 60),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: int | None) -> None:
    given = Message()
    for name, value in headers.items():
        given[name] = value
    assert wait_asked(given, now=NOW) == (None if seconds is None else timedelta(seconds=seconds))


def test_nobody_listens(sendgrid: Open, closed_port: int, message: Make) -> None:
    receipts = deliver(sendgrid(closed_port), message(1), message(2))
    assert [receipt.verdict for receipt in receipts] == [Verdict.TRY_AGAIN] * 2
    assert "cannot connect" in (receipts[0].reason or "")


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (None, "unknown"),
        (b"", "unknown"),
        (b"HTTP/1.1 2", "unknown"),
        (b"no http\r\n\r\n", "unknown"),
        (b"HTTP/1.1 400 No\r\nContent-Length: 9\r\n\r\nx", "refused"),
        (b"HTTP/1.1 202 OK\r\nContent-Length: 9\r\n\r\nx", "accepted"),
    ],
)
def test_an_answer_that_is_lost_or_cut(
    sendgrid: Open, serve: Callable[..., Any], message: Make, answer: bytes | None, verdict: str
) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65_536)
        while answer is None and connection.recv(65_536):
            pass
        connection.sendall(answer or b"")

    (receipt,) = deliver(sendgrid(serve(talk).port, timeout=0.2), message())
    assert receipt.verdict == verdict


def test_the_key_is_nowhere(
    sendgrid: Open, httpserver: HTTPServer, message: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    httpserver.expect_request("/v3/mail/send").respond_with_data(problem("no"), 400)
    adapter = sendgrid(httpserver.port)
    (receipt,) = deliver(adapter, message())
    assert "never-shown" not in caplog.text + repr(adapter.settings) + repr(receipt) + str(vars(adapter))


def test_connections_are_kept_and_each_message_goes_once(
    sendgrid: Open, stand_in: Callable[..., int], message: Make
) -> None:
    port = stand_in("sendgrid", "--latency", "2")
    adapter = sendgrid(port, connections=4)
    receipts = deliver(adapter, *(message(n) for n in range(100)))
    assert {receipt.verdict for receipt in receipts} == {Verdict.ACCEPTED}
    assert len({receipt.provider_id for receipt in receipts}) == 100
    with urlopen(f"http://localhost:{port}/messages") as answer:
        taken = [mail["personalizations"][0]["custom_args"]["message_id"] for mail in json.load(answer)]
    assert sorted(taken) == sorted(f"m{n}" for n in range(100))


# The body


@pytest.fixture(scope="session")
def specification(shared: Callable[[str], Path]) -> jsonschema.Draft202012Validator:
    """SendGrid's own description of a request."""
    spec = json.loads(shared("specs/sendgrid_tsg_mail_v3.json").read_text("utf-8"))
    schema = spec["components"]["requestBodies"]["PostMailSend"]["content"]["application/json"]["schema"]
    return jsonschema.Draft202012Validator(
        {**schema, "components": spec["components"]}, format_checker=jsonschema.FormatChecker()
    )


@pytest.mark.parametrize("sandbox", [True, False])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"parts": {"text": None}},
        {"parts": {"html": None}},
        {"reply_to": "Help <help@example.com>"},
        {"headers": {}},
        {"to": "info@bücher.example"},
    ],
)
def test_the_body_is_as_specified(
    specification: jsonschema.Draft202012Validator, message: Make, changes: dict[str, Any], sandbox: bool
) -> None:
    body = mail_body(message(**changes), sandbox=sandbox)
    specification.validate(body)
    assert ("mail_settings" in body) is sandbox
    assert not specification.is_valid({**body, "from": {}}), "the description does check"


def test_naughty_strings(
    specification: jsonschema.Draft202012Validator, message: Make, shared: Callable[[str], Path]
) -> None:
    for naughty in json.loads(shared("data/naughty/blns.json").read_text("utf-8")):
        body = mail_body(message(parts={"subject": f"{naughty}.", "text": naughty + ".", "html": naughty + "."}))
        assert body["subject"].isprintable() or not body["subject"].isascii()
        assert "\n" not in body["subject"]
        assert json.loads(json.dumps(body).encode("utf-8"))["content"][0]["value"] == naughty + "."
        specification.validate(body)


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "a@x.example, b@y.example"},
        {"to": "jörg@example.com"},
        {"from_": "shop"},
        {"parts": {"text": None, "html": None}},
        {"parts": {"subject": ""}},
        {"parts": {"subject": "\r\n\0"}},
        {"headers": {"BCC": "x@example.net"}},
        {"headers": {"X-SG-ID": "1"}},
        {"headers": {"X": "a\r\nBcc: x"}},
        {"headers": {"X": "=?utf-8?q?Hi=0D=0ABcc:_x?="}},
    ],
)
def test_what_is_no_mail_is_refused(message: Make, changes: dict[str, Any]) -> None:
    with pytest.raises(Unmailable):
        mail_body(message(**changes))


def test_halves_of_surrogate_pairs_are_no_text(message: Make) -> None:
    body = mail_body(message(parts={"subject": "a\ud800b", "text": "a\ud800b"}))
    assert (body["subject"], body["content"][0]["value"]) == ("a b", "a?b")


# Settings


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"api_key": ""},
        {"api_key": "SG.a\r\nX: y"},
        {"api_key": "SG.ключ"},
        {"api_key": "k", "host": "http://api.sendgrid.com"},
        {"api_key": "k", "host": "ftp://localhost"},
        {"api_key": "k", "host": "https://x.example/path"},
        {"api_key": "k", "hots": "x"},
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SendGridSettings(**settings)


def test_settings_are_tidied() -> None:
    settings = SendGridSettings(api_key=" k \n", host="api.eu.sendgrid.com/")  # type: ignore[arg-type]
    assert (settings.api_key.get_secret_value(), settings.host) == ("k", "https://api.eu.sendgrid.com")
