"""Twilio as its own package sees it, and what it posts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import SIGNATURE_SETTINGS_HEADER, RequestValidator, get_signature_algorithm
from twilio.rest import Client

from messaging.errors import InputError, NotFound
from messaging.testing.standins import TwilioStandIn

TO, FROM = "+436601234567", "+15005550006"


def _client(provider: TwilioStandIn, token: str | None = None) -> Client:
    client = Client(provider.account_sid, token or provider.auth_token)
    client.api.base_url = provider.url
    return client


@pytest.fixture(params=["sha1", "sha256"])
def provider(request: pytest.FixtureRequest, catcher: Any) -> Iterator[TwilioStandIn]:
    """With either way to sign; phones write to the catcher."""
    with TwilioStandIn(signature=request.param, inbound_to=f"{catcher.url}/in?a=b&c=%20d") as found:
        yield found


@pytest.fixture
def client(provider: TwilioStandIn) -> Iterator[Client]:
    found = _client(provider)
    yield found
    found.http_client.session.close()


@pytest.fixture
def told(provider: TwilioStandIn, catcher: Any) -> Callable[[], list[dict[str, str]]]:
    """What was posted so far, each signature checked as Twilio's package does."""

    def read() -> list[dict[str, str]]:
        assert provider.wait()
        found = []
        for request in catcher.caught:
            fields = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
            algorithm = get_signature_algorithm(request.header(SIGNATURE_SETTINGS_HEADER))
            assert algorithm == f"HMAC_{provider.signature.upper()}"
            validator = RequestValidator(provider.auth_token)
            signature = request.header("X-Twilio-Signature")
            assert validator.validate(request.url, fields, signature, algorithm)
            assert not validator.validate(request.url, fields | {"To": "+1"}, signature, algorithm)
            found.append(fields)
        return found

    return read


def test_a_message_is_taken_and_kept(provider: TwilioStandIn, client: Client) -> None:
    made = client.messages.create(to=TO, from_=FROM, body="Grüße 😀")
    assert (made.status, made.num_segments, made.error_code, made.body) == ("queued", "1", None, "Grüße 😀")
    (kept,) = provider.messages
    assert (kept["sid"], kept["to"], kept["fields"]["Body"]) == (made.sid, TO, "Grüße 😀")
    assert client.messages(made.sid).fetch().status == "delivered"
    assert [one.sid for one in client.messages.list()] == [made.sid]
    assert httpx.get(f"{provider.url}/messages", params={"to": TO}, trust_env=False).json()["count"] == 1


def test_a_service_has_not_chosen_a_sender_yet(client: Client) -> None:
    made = client.messages.create(to=TO, messaging_service_sid="MG" + "b" * 32, body="x" * 200)
    assert (made.status, made.num_segments, made.from_) == ("accepted", "0", None)


def test_the_answer_is_as_the_description_says(client: Client, provider: TwilioStandIn, shared: Any) -> None:
    """The fields of its sample, and their types."""
    spec = json.loads(Path(shared("specs/twilio_api_v2010.json")).read_text("utf-8"))
    posted = spec["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]["post"]["responses"]["201"]
    sample = posted["content"]["application/json"]["examples"]["create"]["value"]
    answer = httpx.post(
        f"{provider.url}/2010-04-01/Accounts/{provider.account_sid}/Messages.json",
        data={"To": TO, "From": FROM, "Body": "x"},
        auth=(provider.account_sid, provider.auth_token),
        trust_env=False,
    )
    found = answer.json()
    assert answer.status_code == 201
    assert set(found) == set(sample)
    assert {name for name in found if type(found[name]) is not type(sample[name])} <= {
        "date_sent",
        "messaging_service_sid",
    }


def test_an_error_is_told_as_twilio_tells_it(client: Client) -> None:
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(to="0660", from_=FROM, body="x")
    error = caught.value
    assert (error.status, error.code, error.msg.endswith("Invalid 'To' Phone Number: 0660")) == (400, 21211, True)


def test_another_token_is_refused(provider: TwilioStandIn) -> None:
    client = _client(provider, "other")
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(to=TO, from_=FROM, body="x")
    client.http_client.session.close()
    assert (caught.value.status, caught.value.code) == (401, 20003)


def test_a_key_opens_it_too() -> None:
    with TwilioStandIn(api_key="SK" + "1" * 32, api_secret="secret") as provider:
        for secret, opens in (("secret", True), ("other", False)):
            client = Client("SK" + "1" * 32, secret, provider.account_sid)
            client.api.base_url = provider.url
            try:
                client.messages.create(to=TO, from_=FROM, body="x")
            except TwilioRestException as error:
                assert (error.code, opens) == (20003, False)
            client.http_client.session.close()
        assert provider.count == 1


def test_what_is_not_there(client: Client) -> None:
    with pytest.raises(TwilioRestException) as caught:
        client.messages("SM" + "0" * 32).fetch()
    assert (caught.value.status, caught.value.code) == (404, 20404)


def test_too_fast_and_broken(provider: TwilioStandIn, client: Client) -> None:
    for status, code in ((429, 20429), (503, 20503), (500, 20500)):
        provider.fail(status=status, when="after")
        with pytest.raises(TwilioRestException) as caught:
            client.messages.create(to=TO, from_=FROM, body="x")
        assert (caught.value.status, caught.value.code) == (status, code)
    assert provider.count == 3, "they were accepted all the same"


def test_a_body_that_is_no_form(provider: TwilioStandIn) -> None:
    for body, kind in ((b'{"To": "+1"}', "application/json"), (b"\xff=", "application/x-www-form-urlencoded")):
        answer = httpx.post(
            f"{provider.url}/2010-04-01/Accounts/{provider.account_sid}/Messages.json",
            content=body,
            headers={"Content-Type": kind},
            auth=(provider.account_sid, provider.auth_token),
            trust_env=False,
        )
        assert (answer.status_code, answer.json()["code"]) == (400, 21604)


def test_its_statuses_are_posted(
    provider: TwilioStandIn, client: Client, catcher: Any, told: Callable[[], list[dict[str, str]]]
) -> None:
    made = client.messages.create(to=TO, from_=FROM, body="x", status_callback=f"{catcher.url}/callbacks/twilio?k=v%2F")
    sent, delivered = told()
    assert (sent["MessageStatus"], delivered["MessageStatus"]) == ("sent", "delivered")
    assert (sent["MessageSid"], sent["SmsStatus"], sent["To"], sent["From"]) == (made.sid, "sent", TO, FROM)
    assert len(delivered["RawDlrDoneDate"]) == 10
    provider.tell(made.sid, "read")
    assert told()[-1]["MessageStatus"] == "read"


@pytest.mark.parametrize("code", [30003, 30004, 30005, 30006, 30007, 30008, 30034, 63014])
def test_the_number_says_why_it_does_not_arrive(
    client: Client, catcher: Any, told: Callable[[], list[dict[str, str]]], code: int
) -> None:
    made = client.messages.create(to=f"+150055{code}", from_=FROM, body="x", status_callback=f"{catcher.url}/x")
    last = told()[-1]
    assert (last["MessageStatus"], last["ErrorCode"]) == ("undelivered", str(code))
    fetched = client.messages(made.sid).fetch()
    assert (fetched.status, fetched.error_code, bool(fetched.error_message)) == ("undelivered", code, True)


def test_callbacks_come_out_of_order_and_twice_when_told(
    provider: TwilioStandIn, client: Client, catcher: Any, told: Callable[[], list[dict[str, str]]]
) -> None:
    provider.fail("disorder")
    provider.fail("duplicate")
    client.messages.create(to=TO, from_=FROM, body="x", status_callback=f"{catcher.url}/x")
    assert [one["MessageStatus"] for one in told()] == ["delivered", "sent"] * 2


def test_a_phone_writes(provider: TwilioStandIn, told: Callable[[], list[dict[str, str]]]) -> None:
    answer = httpx.post(
        f"{provider.url}/_control/inbound", json={"from": TO, "body": "Where is my tea?"}, trust_env=False
    )
    assert answer.status_code == 204
    (fields,) = told()
    assert (fields["From"], fields["To"], fields["Body"], fields["NumMedia"]) == (TO, FROM, "Where is my tea?", "0")
    assert "OptOutType" not in fields


@pytest.mark.parametrize(
    "word", ["STOP", " stop ", "Unsubscribe", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"]
)
def test_who_said_stop_gets_nothing_until_start(
    provider: TwilioStandIn, client: Client, told: Callable[[], list[dict[str, str]]], word: str
) -> None:
    provider.receive(TO, word)
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(to=TO, from_=FROM, body="x")
    assert caught.value.code == 21610
    client.messages.create(to="+436607654321", from_=FROM, body="x")
    provider.receive(TO, "HELP")
    provider.receive(TO, "start")
    assert client.messages.create(to=TO, from_=FROM, body="x").status == "queued"
    assert [fields["OptOutType"] for fields in told()] == ["STOP", "HELP", "START"]


def test_what_cannot_be_told(provider: TwilioStandIn, client: Client) -> None:
    made = client.messages.create(to=TO, from_=FROM, body="x")
    with pytest.raises(NotFound):
        provider.tell("SM0", "sent")
    with pytest.raises(InputError, match="no status 'lost'"):
        provider.tell(made.sid, "lost")
    for what, body in (
        ("callbacks", {"sid": made.sid}),
        ("callbacks", {"sid": made.sid, "status": "lost"}),
        ("inbound", {"from": TO}),
        ("inbound", {"from": TO, "body": 1}),
        ("dance", {}),
    ):
        answer = httpx.post(f"{provider.url}/_control/{what}", json=body, trust_env=False)
        assert answer.status_code == 400, (what, body)


def test_an_account_and_addresses_that_are_none() -> None:
    with pytest.raises(InputError, match="is no account"):
        TwilioStandIn(account_sid="AC1")
    with pytest.raises(InputError, match="is no address"):
        TwilioStandIn(inbound_to="x")
    with pytest.raises(InputError, match="--inbound-to"):
        TwilioStandIn().receive(TO, "x")
