from __future__ import annotations

import json
import logging
import socket
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from email.utils import formatdate
from typing import Any

import pytest
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from messaging import AdapterUnusable, HttpAnswer, Pieces, Receipt, RenderedMessage, Verdict
from messaging.testing.standins import SendGridStandIn
from messaging_email.sendgrid import PROBES, SendGrid, SendGridSettings
from messaging_email.sendgrid_answers import wait_asked

Make = Callable[..., RenderedMessage]
Deliver = Callable[..., list[Receipt]]
Open = Callable[..., SendGrid]
Talk = Callable[[socket.socket], None]
Serve = Callable[..., Any]
KEY = "SG.never-shown"
NOW = 1_772_445_600.0


@pytest.fixture(scope="module")
def stand_in_port(stand_in: Callable[..., int]) -> int:
    """Where SendGrid's stand-in listens."""
    return stand_in("sendgrid")


@pytest.fixture
def personal(message: Make) -> Callable[[int], list[RenderedMessage]]:
    """So many messages that can share a request."""

    def make(count: int) -> list[RenderedMessage]:
        made = []
        for number in range(count):
            pieces = {
                "subject": Pieces(("Tea for ", ""), (f"Ann {number}",)),
                "text": Pieces(("Hello ", "\n"), (f"Ann {number}",)),
                "html": Pieces(("<p>Hello ", "</p>\n"), (f"Ann {number}",)),
            }
            parts = {name: piece.text for name, piece in pieces.items()}
            made.append(message(number, pieces=pieces, parts=parts))
        return made

    return make


Personal = Callable[[int], list[RenderedMessage]]


def problem(message: object, field: object = None) -> str:
    return json.dumps({"errors": [{"message": message, "field": field, "help": None}]})


def test_a_message_is_one_request(sendgrid: Open, httpserver: HTTPServer, message: Make, deliver: Deliver) -> None:
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
        (202, "<html>", "accepted", False),
        (400, problem("Bad subject", "subject"), "refused", False),
        (400, problem("Does not contain a valid address.", "personalizations.0.to.0.email"), "refused", True),
        (413, "", "refused", False),
        (413, "<html>", "refused", False),
        (422, problem("No"), "refused", False),
        (408, "", "try_again", False),
        (429, problem("too many requests"), "try_again", False),
        (500, problem("oops"), "unknown", False),
        (502, "<html>", "unknown", False),
        (503, "", "unknown", False),
        (504, "", "unknown", False),
        *(
            (500, body, "unknown", False)
            for body in ("[" * 100_000, problem({"a": 1}, ["b"]), "\0", '{"errors": {"a": 1}}')
        ),
    ],
)
def test_what_an_answer_means(
    sendgrid: Open,
    httpserver: HTTPServer,
    message: Make,
    status: int,
    body: str,
    verdict: str,
    suppress: bool,
    deliver: Deliver,
) -> None:
    httpserver.expect_request("/v3/mail/send").respond_with_data(body, status)
    (receipt,) = deliver(sendgrid(httpserver.port), message())
    assert (receipt.verdict, receipt.suppress) == (verdict, "bounced" if suppress else None)
    assert (receipt.reason is None) == (verdict == "accepted")
    assert (receipt.reason or "-").isprintable()


@pytest.mark.parametrize("status", [200, 201, 204, 206, 299])
def test_a_yes_that_is_not_sendgrids_is_none(
    sendgrid: Open, httpserver: HTTPServer, message: Make, status: int
) -> None:
    """A captive portal says 200 to everything. What it was given may have been passed on; nobody else is given to it."""
    httpserver.expect_request("/v3/mail/send").respond_with_data(
        "" if status == 204 else "<html>Log in</html>", status, {"X-Message-Id": "abc"}
    )
    receipts: list[Receipt] = []
    with pytest.raises(AdapterUnusable, match=f"the answer {status} is not SendGrid's"):
        receipts.extend(sendgrid(httpserver.port).deliver([message(n) for n in range(5)]))
    assert [(one.message_id, one.verdict, one.provider_id) for one in receipts] == [("m0", Verdict.UNKNOWN, None)]
    assert len(httpserver.log) == 1


def test_in_the_sandbox_it_is_200(sendgrid: Open, httpserver: HTTPServer, message: Make, deliver: Deliver) -> None:
    httpserver.expect_request("/v3/mail/send").respond_with_data("", 200)
    (receipt,) = deliver(sendgrid(httpserver.port, sandbox=True), message())
    assert receipt.verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    "body", ["", "<html>Bad Request</html>", "[]", "{}", "null", '{"errors": []}', '{"errors": [1]}', '{"error": "x"}']
)
def test_a_no_that_is_not_sendgrids_refuses_nobody(
    sendgrid: Open, httpserver: HTTPServer, message: Make, deliver: Deliver, personal: Personal, status: int, body: str
) -> None:
    httpserver.expect_request("/v3/mail/send").respond_with_data(body, status)
    for messages in ([message(1), message(2)], personal(8)):
        httpserver.clear_log()
        with pytest.raises(AdapterUnusable, match=f"the answer {status} is not SendGrid's"):
            deliver(sendgrid(httpserver.port), *messages)
        assert len(httpserver.log) == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("soon", None),
        ("", None),
        ("-5", None),
        ("1.5", 1.5),
        ("Mon, 99 Foo 99999 99:99:99 GMT", None),
        ("9" * 5_000, 365 * 86_400),
        ("315360000", 365 * 86_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 365 * 86_400),
    ],
)
def test_whoever_says_when_has_taken_nothing(
    sendgrid: Open,
    httpserver: HTTPServer,
    message: Make,
    deliver: Deliver,
    status: int,
    said: str,
    seconds: int | None,
) -> None:
    httpserver.expect_request("/v3/mail/send").respond_with_data("<html>", status, {"Retry-After": said})
    (receipt,) = deliver(sendgrid(httpserver.port), message())
    after = None if seconds is None else timedelta(seconds=seconds)
    assert (receipt.verdict, receipt.after) == (Verdict.TRY_AGAIN, after)


@pytest.mark.parametrize(
    ("told", "verdict", "after"),
    [
        ("202", "accepted", None),
        ("400", "refused", None),
        ("408", "try_again", None),
        ("413", "refused", None),
        ("422", "refused", None),
        ("429", "try_again", None),
        ("429-120", "try_again", 120),
        ("429-999999999", "try_again", 365 * 86_400),
        ("500", "unknown", None),
        ("500-120", "unknown", None),
        ("502", "unknown", None),
        ("503", "unknown", None),
        ("503-120", "try_again", 120),
        ("503-soon", "try_again", None),
        ("504", "unknown", None),
        ("599", "unknown", None),
        ("silent", "unknown", None),
        ("cut", "unknown", None),
        ("reset", "unknown", None),
        ("401", "unusable", None),
        ("403", "unusable", None),
        ("404", "unusable", None),
        ("405", "unusable", None),
        ("302", "unusable", None),
    ],
)
def test_every_way_to_answer(
    sendgrid: Open, stand_in_port: int, message: Make, told: str, verdict: str, after: int | None, deliver: Deliver
) -> None:
    adapter = sendgrid(stand_in_port, timeout=0.5)
    odd = message(1, to=f"{told}@answer.example")
    if verdict == "unusable":
        with pytest.raises(AdapterUnusable, match=told):
            deliver(adapter, odd)
    else:
        (receipt,) = deliver(adapter, odd)
        assert (receipt.verdict, receipt.suppress) == (verdict, None)
        assert receipt.after == (None if after is None else timedelta(seconds=after))
    assert deliver(adapter, message(2))[0].verdict is Verdict.ACCEPTED, "the next one goes, whatever that was"


@pytest.mark.parametrize("status", [400, 401, 500])
def test_what_sendgrid_says_is_kept_without_key_and_addresses(
    sendgrid: Open, httpserver: HTTPServer, message: Make, status: int, deliver: Deliver
) -> None:
    said = f"no \x1b[31m bob@shop.example, Authorization: Bearer {KEY} " + "x" * 5000
    httpserver.expect_request("/v3/mail/send").respond_with_data(problem(said, KEY), status)
    try:
        (receipt,) = deliver(sendgrid(httpserver.port), message())
        shown = receipt.reason or ""
    except AdapterUnusable as error:
        shown = str(error)
    assert "(address)" in shown
    assert KEY not in shown
    assert "bob" not in shown
    assert shown.isprintable()
    assert len(shown) < 600


@pytest.mark.parametrize("given", ["x" * 300, "a b", "\x80"])
def test_an_id_that_is_none_is_not_kept(
    sendgrid: Open, serve: Callable[..., Any], message: Make, given: str, deliver: Deliver
) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(f"HTTP/1.1 202 OK\r\nX-Message-Id: {given}\r\nContent-Length: 0\r\n\r\n".encode("latin-1"))

    (receipt,) = deliver(sendgrid(serve(talk).port), message())
    assert (receipt.verdict, receipt.provider_id) == (Verdict.ACCEPTED, None)


def test_a_refusal_names_the_field(sendgrid: Open, httpserver: HTTPServer, message: Make, deliver: Deliver) -> None:
    httpserver.expect_request("/v3/mail/send").respond_with_data(problem("Too\r\nlong\x1b", "subject"), 400)
    (receipt,) = deliver(sendgrid(httpserver.port), message())
    assert receipt.reason == "sendgrid: 400 Too long [subject]"


@pytest.mark.parametrize("status", [401, 403, 404, 405, 301])
def test_an_answer_that_means_the_same_for_all(
    sendgrid: Open, httpserver: HTTPServer, message: Make, status: int, deliver: Deliver
) -> None:
    httpserver.expect_request("/v3/mail/send").respond_with_data(problem("no"), status)
    with pytest.raises(AdapterUnusable, match=str(status)) as caught:
        deliver(sendgrid(httpserver.port), *(message(n) for n in range(5)))
    assert len(httpserver.log) == 1
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("field", ["from", "from.email", "reply_to"])
def test_a_sender_that_is_not_taken_stops_the_adapter(
    sendgrid: Open, httpserver: HTTPServer, message: Make, field: str, deliver: Deliver
) -> None:
    said = problem("does not match a verified Sender Identity", field)
    httpserver.expect_request("/v3/mail/send").respond_with_data(said, 400)
    with pytest.raises(AdapterUnusable, match="verified Sender"):
        deliver(sendgrid(httpserver.port), message(1), message(2))


@pytest.mark.parametrize("sender", ["Café Zoë <shop@example.com>", "Our shop <süß@example.com>"])
def test_a_sender_beyond_ascii_stops_the_adapter_before_anything_leaves(
    sendgrid: Open, httpserver: HTTPServer, message: Make, sender: str, deliver: Deliver
) -> None:
    with pytest.raises(AdapterUnusable, match=r"beyond ASCII, .*\[brand\] from"):
        deliver(sendgrid(httpserver.port), message(1, from_=sender), message(2, from_=sender))
    assert not httpserver.log


def test_too_many_requests_holds_the_others_back(
    sendgrid: Open, httpserver: HTTPServer, message: Make, deliver: Deliver
) -> None:
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
        ({"Retry-After": "9999999999"}, 365 * 86_400),
        ({"X-RateLimit-Reset": str(int(NOW) + 60)}, 60),
        ({"X-RateLimit-Reset": "5"}, 0),
        ({"X-RateLimit-Reset": "nan"}, None),
        ({"X-RateLimit-Reset": "9" * 12}, 365 * 86_400),
        ({"Retry-After": "soon", "X-RateLimit-Reset": str(int(NOW) + 60)}, 60),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: int | None) -> None:
    given = HttpAnswer(status=429, headers={name.lower(): value for name, value in headers.items()})
    assert wait_asked(given, now=NOW) == (None if seconds is None else timedelta(seconds=seconds))


def test_the_key_is_nowhere(
    sendgrid: Open, httpserver: HTTPServer, message: Make, caplog: pytest.LogCaptureFixture, deliver: Deliver
) -> None:
    caplog.set_level(logging.DEBUG)
    httpserver.expect_request("/v3/mail/send").respond_with_data(problem("no"), 400)
    adapter = sendgrid(httpserver.port)
    (receipt,) = deliver(adapter, message())
    assert "never-shown" not in caplog.text + repr(adapter.settings) + repr(receipt) + str(vars(adapter))


# Many in one request


def answering(httpserver: HTTPServer, answer: Callable[[list[str]], tuple[int, str]]) -> list[list[str]]:
    """Answer by the recipients of a request: status and body. The recipients of each request."""
    asked: list[list[str]] = []

    def handle(request: Request) -> Response:
        asked.append([one["to"][0]["email"] for one in request.get_json()["personalizations"]])
        status, body = answer(asked[-1])
        return Response(body, status, {"X-Message-Id": f"x{len(asked)}"})

    httpserver.expect_request("/v3/mail/send").respond_with_handler(handle)
    return asked


def test_a_thousand_go_in_one_request(sendgrid: Open, personal: Personal, deliver: Deliver) -> None:
    with SendGridStandIn(api_key=KEY) as provider:
        adapter = sendgrid(0, host=provider.url)
        assert adapter.capabilities.batch_size == 1000
        receipts = deliver(adapter, *personal(1000))
        assert [receipt.verdict for receipt in receipts] == [Verdict.ACCEPTED] * 1000
        assert len({receipt.provider_id for receipt in receipts} - {None}) == 1
        assert len(provider.requests) == 1
        kept = {one["to"]: one for one in provider.messages}
        assert kept["c7@example.com"]["content"] == {"text/plain": "Hello Ann 7\n", "text/html": "<p>Hello Ann 7</p>\n"}
        assert kept["c7@example.com"]["subject"] == "Tea for Ann 7"


def test_batches_can_be_switched_off(sendgrid: Open, personal: Personal, deliver: Deliver) -> None:
    with SendGridStandIn(api_key=KEY) as provider:
        adapter = sendgrid(0, host=provider.url, batch=1)
        assert adapter.capabilities.batch_size == 1
        assert SendGrid.capabilities.batch_size == 1000
        deliver(adapter, *personal(5))
        assert len(provider.requests) == 5


def test_whose_address_is_wrong_costs_nobody_else(sendgrid: Open, personal: Personal, deliver: Deliver) -> None:
    with SendGridStandIn(api_key=KEY) as provider:
        provider.fail("refuse", share=0.05)
        receipts = deliver(sendgrid(0, host=provider.url), *personal(200))
        assert len(provider.requests) == 2
        assert 0 < sum(receipt.verdict is Verdict.REFUSED for receipt in receipts) < 50
        assert {(receipt.reason, receipt.suppress) for receipt in receipts if receipt.verdict is Verdict.REFUSED} == {
            ("sendgrid: 400 Does not contain a valid address. [to.0.email]", "bounced")
        }, "one reason for all, wherever they stood in the request"
        accepted = {f"c{n}@example.com" for n, one in enumerate(receipts) if one.verdict is Verdict.ACCEPTED}
        assert {one["to"] for one in provider.messages} == accepted


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("field", [None, "personalizations", "personalizations.999.to", "content"])
def test_who_is_not_named_is_found(
    sendgrid: Open, httpserver: HTTPServer, personal: Personal, deliver: Deliver, status: int, field: str | None
) -> None:
    bad = {"c13@example.com", "c14@example.com"}
    asked = answering(
        httpserver, lambda to: (status, problem("Something is wrong", field)) if bad & set(to) else (202, "")
    )
    receipts = deliver(sendgrid(httpserver.port), *personal(64))
    assert {receipt.message_id for receipt in receipts if receipt.verdict is Verdict.REFUSED} == {"m13", "m14"}
    assert {receipt.verdict for receipt in receipts} == {Verdict.REFUSED, Verdict.ACCEPTED}
    assert len(asked) < 30
    assert all(receipt.suppress is None for receipt in receipts)


def test_what_is_wrong_for_all_ends(
    sendgrid: Open, httpserver: HTTPServer, personal: Personal, deliver: Deliver
) -> None:
    asked = answering(httpserver, lambda to: (400, problem("No", "subject")))
    receipts = deliver(sendgrid(httpserver.port), *personal(32))
    assert {(one.verdict, one.reason) for one in receipts} == {(Verdict.REFUSED, "sendgrid: 400 No [subject]")}
    assert len(asked) == 1 + PROBES


@pytest.mark.parametrize("field", [None, "content", "content.0.value", "subject", "tracking_settings"])
def test_what_is_wrong_for_all_is_asked_a_few_times(
    sendgrid: Open, httpserver: HTTPServer, personal: Personal, deliver: Deliver, field: str | None
) -> None:
    asked = answering(httpserver, lambda to: (400, problem("No", field)))
    receipts = deliver(sendgrid(httpserver.port), *personal(300))
    assert {one.verdict for one in receipts} == {Verdict.REFUSED}
    assert [len(to) for to in asked] == [300] + [1] * PROBES


@pytest.mark.parametrize("bad", [0, 1, 125, 500, 624, 999])
@pytest.mark.parametrize("field", [None, "content"])
def test_one_of_a_thousand_costs_the_others_nothing(
    sendgrid: Open, httpserver: HTTPServer, personal: Personal, deliver: Deliver, bad: int, field: str | None
) -> None:
    asked = answering(httpserver, lambda to: (400, problem("No", field)) if f"c{bad}@example.com" in to else (202, ""))
    receipts = deliver(sendgrid(httpserver.port), *personal(1000))
    assert {one.message_id for one in receipts if one.verdict is Verdict.REFUSED} == {f"m{bad}"}
    assert {one.verdict for one in receipts} == {Verdict.REFUSED, Verdict.ACCEPTED}
    assert len(asked) <= 3 * 10 + 2, "three a halving: both halves, and one alone of the bad one"
    taken = Counter(to for load in asked if f"c{bad}@example.com" not in load for to in load)
    assert (len(taken), set(taken.values())) == (999, {1})


def test_who_is_tried_alone_while_nobody_is_taken_waits_with_the_others(
    sendgrid: Open, httpserver: HTTPServer, personal: Personal, deliver: Deliver
) -> None:
    asked = answering(httpserver, lambda to: (400, problem("No")) if len(to) > 1 else (429, ""))
    receipts = deliver(sendgrid(httpserver.port), *personal(50))
    assert {one.verdict for one in receipts} == {Verdict.TRY_AGAIN}
    assert len(asked) == 2


def test_who_is_named_for_the_form_goes_alone(
    sendgrid: Open, httpserver: HTTPServer, personal: Personal, deliver: Deliver
) -> None:
    said = problem("Substitutions are limited", "personalizations.3.substitutions")
    asked = answering(httpserver, lambda to: (400, said) if len(to) == 8 else (202, ""))
    receipts = deliver(sendgrid(httpserver.port), *personal(8))
    assert {receipt.verdict for receipt in receipts} == {Verdict.ACCEPTED}
    assert sorted(len(to) for to in asked) == [1, 7, 8]
    assert ["c3@example.com"] in asked


@pytest.mark.parametrize("field", ["from.email", "reply_to"])
def test_a_sender_that_is_not_taken_stops_a_batch(
    sendgrid: Open, httpserver: HTTPServer, personal: Personal, deliver: Deliver, field: str
) -> None:
    asked = answering(httpserver, lambda to: (400, problem("No verified Sender", field)))
    with pytest.raises(AdapterUnusable, match="verified Sender"):
        deliver(sendgrid(httpserver.port), *personal(8))
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("status", "verdict"), [(500, "unknown"), (503, "unknown"), (429, "try_again"), (408, "try_again")]
)
def test_other_answers_are_everybodys(
    sendgrid: Open, httpserver: HTTPServer, personal: Personal, deliver: Deliver, status: int, verdict: str
) -> None:
    asked = answering(httpserver, lambda to: (status, ""))
    assert {receipt.verdict for receipt in deliver(sendgrid(httpserver.port), *personal(8))} == {verdict}
    assert len(asked) == 1


@pytest.mark.parametrize(("when", "verdict"), [("silent", "unknown"), ("closed", "try_again")])
def test_a_lost_batch(
    sendgrid: Open,
    serve: Serve,
    closed_port: int,
    personal: Personal,
    deliver: Deliver,
    when: str,
    verdict: str,
) -> None:
    def talk(connection: socket.socket) -> None:
        with connection.makefile("rb") as reader:
            size = next(int(line.split(b":")[1]) for line in reader if line.lower().startswith(b"content-length"))
            while reader.readline() != b"\r\n":
                pass
            reader.read(size)

    port = closed_port if when == "closed" else serve(talk).port
    receipts = deliver(sendgrid(port, timeout=0.5), *personal(8))
    assert {receipt.verdict for receipt in receipts} == {verdict}


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
        {"api_key": "k", "host": "https://x.example:99999"},
        {"api_key": "k", "host": "https://x.example:0"},
        {"api_key": "k", "host": "https://user@x.example"},
        {"api_key": "k", "host": "https://" + "x" * 70 + ".example"},
        {"api_key": "k", "host": "https://[::1"},
        {"api_key": "k", "hots": "x"},
        {"api_key": "k", "batch": 0},
        {"api_key": "k", "batch": 1001},
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SendGridSettings(**settings)


def test_settings_are_tidied() -> None:
    settings = SendGridSettings(api_key=" k \n", host="api.eu.sendgrid.com/")
    assert (settings.api_key.get_secret_value(), settings.host) == ("k", "https://api.eu.sendgrid.com")
