"""What SendGrid posts: genuine or refused, and in the common words."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from messaging import Engagement, InputError, Request, RequestRejected
from messaging.testing.standins.sendgrid_events import Signer
from messaging.testing.standins.sendgrid_events import event as standin_event
from messaging_email.sendgrid import SendGrid, SendGridSettings
from messaging_email.sendgrid_events import engagements

Open = Callable[..., SendGrid]
MESSAGE = {"to": "Ann@example.com", "id": "x.1", "custom_args": {"message_id": "m1"}, "categories": []}


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.fixture
def adapter(sendgrid: Open, signer: Signer) -> SendGrid:
    return sendgrid(1, verification_key=signer.public_key)


def posted(signer: Signer, body: bytes, later: timedelta = timedelta(0), **changes: str) -> Request:
    headers = {name.lower(): value for name, value in signer.headers(body).items()}
    return Request(
        url="https://shop.example/callbacks/sendgrid",
        body=body,
        headers={**headers, **changes},
        received_at=datetime.now(UTC) + later,
    )


def told(*events: Any) -> list[Engagement]:
    body = json.dumps(events).encode() + b"\r\n"
    now = datetime.now(UTC)
    return list(engagements(Request(url="", body=body, received_at=now), now, secret="SG.key"))


def one(word: str, **more: Any) -> Engagement:
    (found,) = told(standin_event(word, MESSAGE, **more))
    return found


# Its signature


def test_what_sendgrid_signed_is_taken(adapter: SendGrid, signer: Signer) -> None:
    body = json.dumps([standin_event("delivered", MESSAGE)]).encode() + b"\r\n"
    (engagement,) = adapter.callback(posted(signer, body)).engagements
    assert (engagement.kind, engagement.message_id, engagement.address) == ("delivered", "m1", None)
    # SendGrid posts for 24 hours what was not taken.
    assert adapter.callback(posted(signer, body, timedelta(hours=24))).engagements == [engagement]


@pytest.mark.parametrize("later", [timedelta(hours=26), timedelta(minutes=-6)])
def test_what_is_too_old_or_not_yet_is_refused(adapter: SendGrid, signer: Signer, later: timedelta) -> None:
    with pytest.raises(RequestRejected, match="seconds ago"):
        adapter.callback(posted(signer, b"[]", later))


def test_every_flipped_bit_is_refused(adapter: SendGrid, signer: Signer, shared: Callable[[str], Path]) -> None:
    body = shared("data/sendgrid_payloads/event_webhook_all_events.json").read_bytes()[:400]
    good = posted(signer, body)
    names = ("x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp")
    flipped = [
        Request(url="", body=other, headers=good.headers, received_at=good.received_at) for other in _flipped(body)
    ]
    for name in names:
        for value in _flipped(good.headers[name].encode()):
            headers = {**good.headers, name: value.decode("latin-1")}
            flipped.append(Request(url="", body=body, headers=headers, received_at=good.received_at))
    for request in flipped:
        with pytest.raises(RequestRejected):
            adapter.callback(request)


def _flipped(data: bytes) -> list[bytes]:
    number = int.from_bytes(data, "big")
    return [(number ^ (1 << bit)).to_bytes(len(data), "big") for bit in range(8 * len(data))]


@pytest.mark.parametrize(
    "changes",
    [
        {"x-twilio-email-event-webhook-signature": ""},
        {"x-twilio-email-event-webhook-signature": "not base64"},
        {"x-twilio-email-event-webhook-signature": "ключ"},
        {"x-twilio-email-event-webhook-signature": "MEUCIQ=="},
        {"x-twilio-email-event-webhook-timestamp": ""},
        {"x-twilio-email-event-webhook-timestamp": "9" * 30},
        {"x-twilio-email-event-webhook-timestamp": "-1"},
        {"x-twilio-email-event-webhook-timestamp": "٣"},
    ],
)
def test_headers_that_are_none(adapter: SendGrid, signer: Signer, changes: dict[str, str]) -> None:
    with pytest.raises(RequestRejected):
        adapter.callback(posted(signer, b"[]", **changes))


def test_somebody_elses_key_is_refused(adapter: SendGrid) -> None:
    with pytest.raises(RequestRejected, match="SENDGRID_WEBHOOK_VERIFICATION_KEY"):
        adapter.callback(posted(Signer(), b"[]"))


def test_without_a_key_nothing_is_believed(sendgrid: Open, signer: Signer) -> None:
    with pytest.raises(RequestRejected, match="set SENDGRID_WEBHOOK_VERIFICATION_KEY"):
        sendgrid(1).callback(posted(signer, b"[]"))


@pytest.mark.parametrize("key", ["", "MFkw", "SG.secret", "ключ", "A" * 124])
def test_a_verification_key_that_is_none(key: str) -> None:
    with pytest.raises(ValidationError, match="verification key that SendGrid shows"):
        SendGridSettings.model_validate({"api_key": "k", "verification_key": key})


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_array(adapter: SendGrid, signer: Signer, body: bytes) -> None:
    with pytest.raises(InputError):
        adapter.callback(posted(signer, body))


# Its events


@pytest.mark.parametrize(
    ("word", "kind", "permanent"),
    [
        ("delivered", "delivered", False),
        ("deferred", "deferred", False),
        ("bounce", "bounced", True),
        ("late-bounce", "bounced", True),
        ("blocked", "bounced", False),
        ("expired", "bounced", False),
        ("spamreport", "complained", False),
        ("unsubscribe", "unsubscribed", False),
        ("group_unsubscribe", "unsubscribed", False),
        ("group_resubscribe", "resubscribed", False),
        ("open", "opened", False),
        ("click", "clicked", False),
    ],
)
def test_events_have_common_words(word: str, kind: str, permanent: bool) -> None:
    event = standin_event(word, MESSAGE)
    (found,) = told(event)
    assert (found.kind, found.permanent, found.machine) == (kind, permanent, False)
    assert (found.message_id, found.channel, found.address) == ("m1", None, None)
    assert (found.id, found.at.timestamp(), found.raw) == (event["sg_event_id"], event["timestamp"], event)


@pytest.mark.parametrize(
    ("reason", "kind", "permanent"),
    [
        ("Bounced Address", "bounced", True),
        ("Invalid", "bounced", True),
        ("Spam Reporting Address", "complained", False),
        ("Unsubscribed Address", "unsubscribed", False),
        ("Spam Content (if spam checker app enabled)", "bounced", False),
        ("Invalid SMTPAPI header", "bounced", False),
        ("Recipient List over Package Quota", "bounced", False),
        (None, "bounced", False),
    ],
)
def test_what_was_dropped(reason: str | None, kind: str, permanent: bool) -> None:
    found = one("dropped", reason=reason)
    assert (found.kind, found.permanent) == (kind, permanent)


def test_a_machines_open_is_one() -> None:
    found = one("machine-open")
    assert (found.kind, found.machine, found.reasons) == ("opened", True, ("sendgrid: machine open",))


def test_real_payloads(shared: Callable[[str], Path]) -> None:
    events = json.loads(shared("data/sendgrid_payloads/event_webhook_all_events.json").read_text("utf-8"))
    found = told(*({**event, "message_id": "m1"} for event in events))
    assert events[0]["event"] == "processed"
    assert [each.kind.value for each in found] == [
        *("deferred", "delivered", "opened", "clicked", "bounced", "bounced", "complained"),
        *("unsubscribed", "unsubscribed", "resubscribed"),
    ]
    assert [each.permanent for each in found if each.kind == "bounced"] == [True, True]
    assert {each.at for each in found} == {datetime.fromtimestamp(1513299569, UTC)}


def test_mail_of_others_counts_for_the_address_only() -> None:
    strange = {**MESSAGE, "custom_args": {}}
    words = ("processed", "delivered", "open", "click", "deferred", "bounce", "spamreport", "unsubscribe")
    found = told(*(standin_event(word, strange) for word in words))
    assert [each.kind.value for each in found] == ["bounced", "complained", "unsubscribed"]
    assert {(each.message_id, each.channel, each.address) for each in found} == {(None, "email", "ann@example.com")}


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "bounce",
        {},
        {"event": ["bounce"]},
        {"event": "bounce"},
        {"event": "bounce", "email": 5},
        {"event": "account_status_change", "message_id": "m1"},
    ],
)
def test_what_says_nothing_is_left_out(event: Any) -> None:
    assert [each.kind.value for each in told(event, standin_event("delivered", MESSAGE))] == ["delivered"]


@pytest.mark.parametrize("timestamp", [None, "soon", 10**20, -(10**20), [], 1e400, 32_503_680_000])
def test_a_time_that_is_none_or_to_come(timestamp: Any) -> None:
    event = {**standin_event("delivered", MESSAGE), "timestamp": timestamp}
    now = datetime.now(UTC)
    (found,) = engagements(
        Request(url="", body=json.dumps([event]).replace("Infinity", "1e300").encode(), received_at=now),
        now - timedelta(minutes=1),
        secret="SG.key",
    )
    assert found.at in (now, now - timedelta(minutes=1))


def test_an_event_without_an_id_is_known_by_what_it_says() -> None:
    event = {**standin_event("delivered", MESSAGE), "sg_event_id": None}
    first, second, other = told(event, event, {**event, "response": "251"})
    assert first.id == second.id != other.id


def test_our_key_is_not_kept() -> None:
    found = one("bounce", reason="550 Authorization: SG.key is on a list")
    assert found.raw["reason"] == "550 Authorization: (hidden) is on a list"


@pytest.mark.parametrize(
    ("fields", "soft"),
    [
        ({"event": "bounce", "type": "blocked", "status": "5.2.2"}, True),
        ({"event": "bounce", "type": "expired", "status": "4.2.2"}, True),
        ({"event": "bounce", "type": "blocked", "status": "5.7.1"}, False),
        ({"event": "bounce", "type": "blocked"}, False),
        ({"event": "bounce", "type": "bounce", "status": "5.2.2"}, False),
        ({"event": "deferred", "status": "4.2.2"}, False),
    ],
)
def test_a_full_mailbox(fields: dict[str, str], soft: bool) -> None:
    (found,) = told({"email": "ann@example.com", "message_id": "m", "timestamp": 1772445600, **fields})
    assert found.soft is soft
