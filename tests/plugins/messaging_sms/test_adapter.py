"""The `twilio` adapter against the stand-in, and its requests against the official description."""

from __future__ import annotations

import builtins
import json
import logging
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from werkzeug import Response

from messaging import AdapterUnusable, Receipt, RenderedMessage, Verdict
from messaging.testing.standins import TwilioStandIn
from messaging_sms.adapter import Twilio
from messaging_sms.settings import TwilioSettings

from .conftest import ACCOUNT, TOKEN, Letter, Make


def code(number: int) -> str:
    """A number for which the stand-in answers with this error code."""
    return f"+150055{number}"


def test_a_message_is_taken(twilio: Twilio, twilio_standin: TwilioStandIn, sms: Letter) -> None:
    [receipt] = twilio.deliver([sms(text="Zoë, 100 % & more + €")])
    [kept] = twilio_standin.messages
    assert (receipt.verdict, receipt.provider_id) == (Verdict.ACCEPTED, kept["sid"])
    assert kept["fields"] == {
        "To": "+15005559999",
        "From": "+15005550006",
        "Body": "Zoë, 100 % & more + €",
        "StatusCallback": f"https://shop.example/m/callbacks/twilio?message_id={'ab' * 16}",
    }


def test_a_messaging_service_sends(adapter: Make, twilio_standin: TwilioStandIn, sms: Letter) -> None:
    service = "MG" + "1" * 32
    [receipt] = adapter(host=twilio_standin.url, messaging_service_sid=service, **{"from": None}, base_url="").deliver(
        [sms()]
    )
    assert receipt.verdict is Verdict.ACCEPTED
    assert twilio_standin.messages[0]["fields"] == {
        "To": "+15005559999",
        "MessagingServiceSid": service,
        "Body": "Hello",
    }


def test_many_at_once_one_receipt_each(twilio: Twilio, twilio_standin: TwilioStandIn, sms: Letter) -> None:
    messages = [sms(f"+1500555{n:04d}", id=f"{n:032x}") for n in range(1000, 1040)]
    receipts = list(twilio.deliver(messages))
    assert sorted(receipt.message_id for receipt in receipts) == [message.id for message in messages]
    assert {receipt.provider_id for receipt in receipts} == {kept["sid"] for kept in twilio_standin.messages}


@pytest.mark.parametrize(
    ("to", "verdict", "suppress"),
    [
        (code(21610), Verdict.REFUSED, "opted out"),
        *((code(number), Verdict.REFUSED, "bounced") for number in (21211, 21614, 21635)),
        *((code(number), Verdict.REFUSED, None) for number in (21408, 21608, 21612)),
        *((code(number), Verdict.TRY_AGAIN, None) for number in (20429, 21611)),
        *((code(number), Verdict.UNKNOWN, None) for number in (20500, 20503)),
    ],
)
def test_codes_become_verdicts(twilio: Twilio, sms: Letter, to: str, verdict: Verdict, suppress: str | None) -> None:
    [receipt] = twilio.deliver([sms(to)])
    assert (receipt.verdict, receipt.suppress) == (verdict, suppress)
    assert to[-5:] in (receipt.reason or "")
    assert to not in (receipt.reason or "")


@pytest.mark.parametrize("number", [20003, 21606, 21609, 20404])
def test_what_is_the_same_for_everybody_stops_the_adapter(twilio: Twilio, sms: Letter, number: int) -> None:
    with pytest.raises(AdapterUnusable) as raised:
        list(twilio.deliver([sms(code(number))]))
    assert str(number) in raised.value.message
    assert raised.value.hint
    assert TOKEN not in str(raised.value)


def test_receipts_of_what_was_under_way_are_not_lost(adapter: Make, sms: Letter, httpserver: HTTPServer) -> None:
    """One is told that the key is wrong; whatever else was taken has its receipt."""

    def answer(request: Any) -> Response:
        if b"To=%2B15005551003" in request.get_data():
            return Response('{"code": 20003, "message": "Authenticate"}', 401)
        return Response(json.dumps({"sid": "SM" + "1" * 32}), 201)

    httpserver.expect_request(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json").respond_with_handler(answer)
    messages = [sms(f"+1500555{n}", id=f"{n:032x}") for n in range(1000, 1040)]
    receipts: list[Receipt] = []
    with pytest.raises(AdapterUnusable, match="20003"):
        receipts.extend(adapter(host=httpserver.url_for("/"), connections=2).deliver(messages))
    taken = [request for request, response in httpserver.log if response.status_code == 201]
    assert len(receipts) == len(taken) < 39
    assert {receipt.verdict for receipt in receipts} == {Verdict.ACCEPTED}


#: Twilio's codes, as they are sorted in the docs of its API: those that a new message can be answered with.
OF_THE_NUMBER = {
    21610: "opted out",
    63014: "opted out",
    **dict.fromkeys((21211, 21614, 21635, 30005, 30006), "bounced"),
}
OF_THE_MESSAGE = (21408, 21608, 21612, 21617, 30003, 30004, 30007, 30008, 30034)
OF_US = (20003, 21212, 21606, 20404, 30002)


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
@pytest.mark.parametrize("number", [*OF_THE_NUMBER, *OF_THE_MESSAGE])
def test_what_is_about_one_stops_nobody_else(
    adapter: Make, sms: Letter, httpserver: HTTPServer, number: int, status: int
) -> None:
    """Whatever status Twilio says it with: a region that is not enabled (21408) comes as a 403."""

    def answer(request: Any) -> Response:
        if b"To=%2B15005551003" in request.get_data():
            return Response(json.dumps({"code": number, "message": "no", "status": status}), status)
        return Response(json.dumps({"sid": "SM" + "1" * 32}), 201)

    httpserver.expect_request(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json").respond_with_handler(answer)
    messages = [sms(f"+1500555{n}", id=f"{n:032x}") for n in range(1000, 1008)]
    receipts = {receipt.message_id: receipt for receipt in adapter(host=httpserver.url_for("/")).deliver(messages)}
    refused = receipts.pop(f"{1003:032x}")
    assert (refused.verdict, refused.suppress) == (Verdict.REFUSED, OF_THE_NUMBER.get(number))
    assert {receipt.verdict for receipt in receipts.values()} == {Verdict.ACCEPTED}
    assert len(receipts) == 7


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.parametrize("number", OF_US)
def test_what_is_about_us_refuses_nobody(
    adapter: Make, sms: Letter, httpserver: HTTPServer, number: int, status: int
) -> None:
    told = json.dumps({"code": number, "message": "no", "status": status})
    httpserver.expect_request(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json").respond_with_data(told, status)
    with pytest.raises(AdapterUnusable, match=str(number)):
        list(adapter(host=httpserver.url_for("/")).deliver([sms()]))


@pytest.mark.parametrize("number", [20429, 21611, 30001])
def test_what_is_about_now_is_tried_again(adapter: Make, sms: Letter, httpserver: HTTPServer, number: int) -> None:
    told = json.dumps({"code": number, "message": "busy"})
    httpserver.expect_request(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json").respond_with_data(told, 400)
    [receipt] = adapter(host=httpserver.url_for("/")).deliver([sms()])
    assert (receipt.verdict, receipt.suppress) == (Verdict.TRY_AGAIN, None)


@pytest.mark.parametrize("text", ["half \ud83d of it", "\udfff"])
def test_a_text_that_cannot_be_written_costs_nobody_a_receipt(
    twilio: Twilio, twilio_standin: TwilioStandIn, sms: Letter, text: str
) -> None:
    messages = [sms(id=f"{n:032x}", text=text if n == 3 else "Hello") for n in range(8)]
    receipts = {receipt.message_id: receipt for receipt in twilio.deliver(messages)}
    odd = receipts.pop(f"{3:032x}")
    assert odd.verdict is Verdict.REFUSED
    assert "cannot be written" in (odd.reason or "")
    assert [receipt.verdict for receipt in receipts.values()] == [Verdict.ACCEPTED] * 7
    assert len(twilio_standin.messages) == 7


def test_a_fault_over_one_is_that_ones_alone(
    adapter: Make, twilio_standin: TwilioStandIn, sms: Letter, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = adapter(host=twilio_standin.url)
    really = made._unsendable

    def broken(message: RenderedMessage, text: str) -> str | None:
        if text == "odd":
            raise LookupError("nobody thought of it")
        return really(message, text)

    monkeypatch.setattr(made, "_unsendable", broken)
    messages = [sms(id=f"{n:032x}", text="odd" if n == 0 else "Hello") for n in range(8)]
    receipts = {receipt.message_id: receipt for receipt in made.deliver(messages)}
    odd = receipts.pop(f"{0:032x}")
    assert (odd.verdict, odd.reason) == (Verdict.UNKNOWN, "a fault of the adapter: LookupError")
    assert [receipt.verdict for receipt in receipts.values()] == [Verdict.ACCEPTED] * 7


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_yes_that_is_not_twilios_is_none(adapter: Make, sms: Letter, httpserver: HTTPServer, status: int) -> None:
    said = "" if status == 204 else "<html>Log in</html>"
    httpserver.expect_request(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json").respond_with_data(said, status)
    receipts: list[Receipt] = []
    with pytest.raises(AdapterUnusable, match=f"the answer {status} is not Twilio's"):
        receipts.extend(
            adapter(host=httpserver.url_for("/"), connections=1).deliver([sms(id=f"{n:032x}") for n in range(8)])
        )
    assert {receipt.verdict for receipt in receipts} == {Verdict.UNKNOWN}
    assert len(receipts) == len(httpserver.log) < 8


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("said", ["soon", "", "-5", "9" * 5_000, "Mon, 99 Foo 99999 99:99:99 GMT"])
def test_whoever_says_when_has_taken_nothing(
    adapter: Make, sms: Letter, httpserver: HTTPServer, status: int, said: str
) -> None:
    page = httpserver.expect_request(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
    page.respond_with_data("<html>", status, {"Retry-After": said})
    [receipt] = adapter(host=httpserver.url_for("/")).deliver([sms()])
    assert receipt.verdict is Verdict.TRY_AGAIN
    assert receipt.after is None or receipt.after <= timedelta(days=365)


def test_twilio_says_when(twilio: Twilio, twilio_standin: TwilioStandIn, sms: Letter) -> None:
    twilio_standin.fail(status=429, retry_after="seconds", times=1)
    [receipt] = twilio.deliver([sms()])
    assert receipt.verdict is Verdict.TRY_AGAIN
    assert receipt.after is not None
    assert timedelta() < receipt.after <= timedelta(minutes=5)


def test_a_lost_answer_is_unknown(adapter: Make, twilio_standin: TwilioStandIn, sms: Letter) -> None:
    twilio_standin.fail("silence", times=1)
    [receipt] = adapter(host=twilio_standin.url, timeout=0.3).deliver([sms()])
    assert receipt.verdict is Verdict.UNKNOWN


def test_nobody_there_is_tried_again(adapter: Make, sms: Letter) -> None:
    [receipt] = adapter(host="http://127.0.0.1:9").deliver([sms()])
    assert receipt.verdict is Verdict.TRY_AGAIN


@pytest.mark.parametrize("body", ["", "<html>", "[]", '{"sid": 7}', '{"sid": "no name"}', "null", "[" * 20_000])
def test_taken_is_taken_whatever_else_is_said(adapter: Make, sms: Letter, httpserver: HTTPServer, body: str) -> None:
    httpserver.expect_request(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json").respond_with_data(body, 201)
    [receipt] = adapter(host=httpserver.url_for("/")).deliver([sms()])
    assert (receipt.verdict, receipt.provider_id) == (Verdict.ACCEPTED, None)


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (400, '{"code": 30038, "message": "odd"}', Verdict.REFUSED),
        (400, '{"type": "t", "title": "odd", "status": 400, "code": 21617}', Verdict.REFUSED),
        (500, "", Verdict.UNKNOWN),
        (502, "<html>", Verdict.UNKNOWN),
        (504, "[1]", Verdict.UNKNOWN),
        (408, "", Verdict.TRY_AGAIN),
        (429, "", Verdict.TRY_AGAIN),
        (401, "", None),
        (404, "no", None),
        (302, "", None),
        (400, "<html>", None),
    ],
)
def test_other_answers(
    adapter: Make, sms: Letter, httpserver: HTTPServer, status: int, body: str, verdict: Verdict | None
) -> None:
    httpserver.expect_request(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json").respond_with_data(body, status)
    deliver = adapter(host=httpserver.url_for("/")).deliver([sms()])
    if verdict is None:
        with pytest.raises(AdapterUnusable):
            list(deliver)
    else:
        [receipt] = deliver
        assert receipt.verdict is verdict


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"to": "0664 1234567"}, "E.164"),
        ({"to": "+15005559999\n"}, "E.164"),
        ({"to": "+٤٣٦٦٤١٢٣٤٥٦٧"}, "E.164"),
        ({"text": ""}, "no text"),
        ({"text": "a" * 1601}, "1,600"),
        ({"text": "😀" * 801}, "1,600"),
        ({"headers": {"X-Tag": "1"}}, "X-Tag"),
    ],
)
def test_what_cannot_be_sent_is_refused_here(
    twilio: Twilio, twilio_standin: TwilioStandIn, sms: Letter, fields: dict[str, Any], why: str
) -> None:
    [receipt] = twilio.deliver([sms(**fields)])
    assert (receipt.verdict, receipt.suppress) == (Verdict.REFUSED, None)
    assert why in (receipt.reason or "")
    assert not twilio_standin.requests


def test_no_secret_and_no_number_is_told(
    adapter: Make, sms: Letter, httpserver: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = f"'{TOKEN}' of {ACCOUNT} may not write to +1 (500) 555-9999 or 15005559999\r\nX: y"
    httpserver.expect_request(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json").respond_with_json(
        {"code": 21999, "message": said}, 400
    )
    [receipt] = adapter(host=httpserver.url_for("/")).deliver([sms(text="a secret offer")])
    shown = f"{receipt} {[r.getMessage() for r in caplog.records if r.name.startswith(('messaging', 'twilio'))]}"
    for hidden in (TOKEN, ACCOUNT, "555-9999", "5559999", "secret offer", "\r"):
        assert hidden not in shown
    assert "may not write to (number)" in (receipt.reason or "")


def test_an_api_key_sends(adapter: Make, sms: Letter, httpserver: HTTPServer) -> None:
    httpserver.expect_request(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json").respond_with_json({}, 201)
    key, secret = "SK" + "2" * 32, "the-key's-secret"
    list(adapter(host=httpserver.url_for("/"), api_key=key, api_secret=secret, auth_token=None).deliver([sms()]))
    [(request, _)] = httpserver.log
    assert (request.authorization.username, request.authorization.password) == (key, secret)


def test_the_package_is_missing(twilio: Twilio, sms: Letter, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "twilio":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **options)

    for name in [name for name in sys.modules if name.startswith(("twilio", "messaging_sms.client"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(AdapterUnusable) as raised:
        list(twilio.deliver([sms()]))
    assert raised.value.hint == 'install it: pip install "customer-messaging[twilio]"'
    assert twilio.measure(sms()) is not None


@pytest.mark.parametrize(
    ("base_url", "host", "told"),
    [
        ("https://shop.example", None, True),
        ("https://shop_one.example", None, False),
        ("http://localhost:8000", None, False),
        ("http://192.168.0.7", "https://api.twilio.com", False),
        ("http://127.0.0.1:8000", "http://127.0.0.1:4010", True),
        ("", "http://127.0.0.1:4010", False),
    ],
)
def test_statuses_are_asked_for_where_twilio_can_reach_us(
    adapter: Make, base_url: str, host: str | None, told: bool
) -> None:
    made = adapter(base_url=base_url, host=host)
    assert (made._status_url == f"{base_url}/callbacks/twilio") is told


def test_measure(adapter: Make, sms: Letter) -> None:
    free, priced = adapter(), adapter(price="0.0825", currency="EUR")
    plain, polish, long = sms(), sms(text="Zażółć " * 20), sms(text="a" * 1601)
    assert free.measure(plain).units == 1
    measured = priced.measure(polish)
    assert measured is not None
    assert (measured.units, measured.price, measured.currency) == (3, Decimal("0.2475"), "EUR")
    assert "“ż”" in (measured.note or "")
    assert "1,600" in (priced.measure(long).note or "")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"account_sid": "AC1"}, "account_sid"),
        ({"auth_token": None}, "TWILIO_AUTH_TOKEN"),
        ({"auth_token": ""}, "auth_token"),
        ({"auth_token": " \n"}, "auth_token"),
        ({"auth_token": "tok\0en"}, "auth_token"),
        ({"api_key": "SK" + "1" * 32, "api_secret": ""}, "api_secret"),
        ({"signature": "sha256", "signing_secret": ""}, "signing_secret"),
        ({"api_key": "SK" + "1" * 32}, "belong together"),
        ({"api_key": "a-key", "api_secret": "s"}, "32 hexadecimal"),
        ({"from": None}, "who sends"),
        ({"messaging_service_sid": "MG" + "1" * 32}, "who sends"),
        ({"from": "a name that is long"}, "must be a number"),
        ({"host": "http://api.example"}, "must be https"),
        ({"host": "https://x@api.example"}, "must be like"),
        ({"signature": "sha256"}, "signing_secret"),
        ({"sender": "x"}, "sender"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], words: str) -> None:
    given = {"account_sid": ACCOUNT, "auth_token": TOKEN, "from": "Shop", **settings}
    with pytest.raises(ValidationError) as raised:
        TwilioSettings.model_validate({name: value for name, value in given.items() if value is not None})
    assert words in str(raised.value)
    assert TOKEN not in str(raised.value.errors(include_input=False))


def test_requests_are_as_described(
    adapter: Make, sms: Letter, httpserver: HTTPServer, shared: Callable[[str], Path]
) -> None:
    """The body of each request, by the official description of the API."""
    described = json.loads(shared("specs/twilio_api_v2010.json").read_text("utf-8"))
    path = "/2010-04-01/Accounts/{AccountSid}/Messages.json"
    body = described["paths"][path]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    schema = {**body, "components": described["components"], "additionalProperties": False}
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    httpserver.expect_request(path.format(AccountSid=ACCOUNT)).respond_with_json({}, 201)
    for settings in ({}, {"messaging_service_sid": "MG" + "1" * 32, "from": None}, {"from": "Fern Field"}):
        list(adapter(host=httpserver.url_for("/"), **settings).deliver([sms(text="Zażółć 😀 & more")]))
    assert len(httpserver.log) == 3
    for request, _ in httpserver.log:
        assert list(validator.iter_errors(dict(parse_qsl(request.get_data().decode())))) == []
