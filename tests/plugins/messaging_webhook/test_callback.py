"""What receivers report."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook as Receiver

from messaging import AdapterContext, Engagement, EngagementKind, InputError, Request, RequestRejected
from messaging_webhook.adapter import Webhook, WebhookSettings

SECRET = "whsec_" + b64encode(b"k" * 32).decode()
OWN = "whsec_" + b64encode(b"o" * 32).decode()
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture
def adapter() -> Webhook:
    secrets = ("whsec_" + b64encode(b"n" * 32).decode(), SECRET)
    settings = WebhookSettings(secrets=secrets, receivers={"https://hook.example/ann": (OWN,)})
    return Webhook(settings, AdapterContext(workspace="."))


@pytest.fixture
def report() -> Callable[..., Request]:
    def make(document: Any, *, id: str = "e1", at: datetime = NOW, secret: str = SECRET) -> Request:
        body = document if isinstance(document, str) else json.dumps(document)
        headers = {
            "webhook-id": id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Receiver(secret).sign(id, at, body),
        }
        return Request(
            url="https://shop.example/callbacks/webhook", body=body.encode(), headers=headers, received_at=NOW
        )

    return make


@pytest.mark.parametrize("kind", list(EngagementKind))
def test_every_common_word(adapter: Webhook, report: Callable[..., Request], kind: EngagementKind) -> None:
    document = {
        "type": f"message.{kind}",
        "timestamp": "2026-11-22T10:30:00+01:00",
        "data": {"message_id": "m1", "slot": "3", "permanent": True, "more": "kept"},
    }
    (told,) = adapter.callback(report(document)).engagements
    assert told == Engagement(
        id="e1",
        kind=kind,
        at=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
        message_id="m1",
        slot="3",
        permanent=True,
        raw=document,
    )


def test_an_address_instead_of_a_message(adapter: Webhook, report: Callable[..., Request]) -> None:
    document = {"type": "message.unsubscribed", "data": {"address": "https://hook.example/ann"}}
    (told,) = adapter.callback(report(document)).engagements
    assert (told.message_id, told.channel, told.address) == (None, "webhook", "https://hook.example/ann")
    assert told.at == NOW, "without a timestamp, the request's"


def test_a_clock_that_is_ahead(adapter: Webhook, report: Callable[..., Request]) -> None:
    document = {"type": "message.opened", "timestamp": "2099-01-01T00:00:00Z", "data": {"message_id": "m1"}}
    (told,) = adapter.callback(report(document)).engagements
    assert told.at == NOW


@pytest.mark.parametrize("type", ["order.placed", "message.liked", "opened", "message.", "message.OPENED"])
def test_what_has_no_common_word_is_left_out(adapter: Webhook, report: Callable[..., Request], type: str) -> None:
    assert adapter.callback(report({"type": type, "data": {"message_id": "m1"}})).engagements == ()


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("", "not JSON"),
        ("[]", "^the body is no object$"),
        ({}, "type: "),
        ({"type": 5}, "type: "),
        ({"type": "message.opened"}, "data.message_id: is missing"),
        ({"type": "message.opened", "data": {"message_id": ""}}, "data.message_id: "),
        ({"type": "message.opened", "data": {"message_id": ["m1"]}}, "data.message_id: "),
        ({"type": "message.opened", "data": {"message_id": "m1"}, "timestamp": "2026-11-22T10:00"}, "has no zone"),
        ({"type": "message.opened", "data": {"message_id": "m1"}, "timestamp": "soon"}, "timestamp: "),
        (
            {"type": "message.opened", "data": {"message_id": "m1"}, "timestamp": "9999-12-31T23:59:59-14:00"},
            "timestamp: there is no such time",
        ),
        (
            {"type": "message.opened", "data": {"message_id": "m1"}, "timestamp": "0001-01-01T00:00:00+14:00"},
            "timestamp: there is no such time",
        ),
        ({"type": "message.opened", "data": {"message_id": "m1", "slot": "x" * 99}}, "data.slot: "),
    ],
)
def test_what_is_no_report(adapter: Webhook, report: Callable[..., Request], document: Any, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        adapter.callback(report(document))


GOOD = {"type": "message.opened", "data": {"message_id": "m1"}}


class TestGenuine:
    def test_with_its_own_secret_a_receiver_speaks_for_itself_only(
        self, adapter: Webhook, report: Callable[..., Request]
    ) -> None:
        assert adapter.callback(report(GOOD, secret=OWN)).speaks_for == "https://hook.example/ann"
        assert adapter.callback(report(GOOD)).speaks_for is None

    def test_somebody_elses_secret(self, adapter: Webhook, report: Callable[..., Request]) -> None:
        with pytest.raises(RequestRejected, match="signature is wrong"):
            adapter.callback(report(GOOD, secret="whsec_" + b64encode(b"e" * 32).decode()))

    @pytest.mark.parametrize("minutes", [-6, 6])
    def test_a_replay(self, adapter: Webhook, report: Callable[..., Request], minutes: int) -> None:
        with pytest.raises(RequestRejected, match="too old or too new"):
            adapter.callback(report(GOOD, at=NOW + timedelta(minutes=minutes)))

    @pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
    def test_a_header_that_is_missing(self, adapter: Webhook, report: Callable[..., Request], name: str) -> None:
        request = report(GOOD)
        headers = {key: value for key, value in request.headers.items() if key != name}
        with pytest.raises(RequestRejected, match="no signature"):
            adapter.callback(
                Request(url=request.url, body=request.body, headers=headers, received_at=request.received_at)
            )

    def test_nothing_is_read_before_it_is_believed(self, adapter: Webhook, report: Callable[..., Request]) -> None:
        request = report("{not json", secret="whsec_" + b64encode(b"e" * 32).decode())
        with pytest.raises(RequestRejected):
            adapter.callback(request)
