"""What one's own shop posts by Standard Webhooks, and what becomes of it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from standardwebhooks import Webhook

from messaging import EventSource, InputError, Request, RequestRejected, SettingsError, SourceContext
from messaging.rules.envelope import read_event
from messaging.services.plugin_settings import read_settings
from messaging.testing import SourceContract, sign_standard_webhook
from messaging_shops.standard import Standard, StandardSettings

SECRET = "whsec_" + b64encode(b"a key of twenty-four byte").decode()
OTHER = "whsec_" + b64encode(b"another of twenty-four by").decode()
NOW = datetime(2026, 3, 7, 12, 0, tzinfo=UTC)
ENVELOPE: dict[str, Any] = {
    "id": "1001:placed",
    "type": "order.placed",
    "time": "2026-03-07T10:00:00+01:00",
    "customer": {"id": "ann", "email": "ann@example.com", "locale": "de-AT"},
    "data": {
        "order": {"id": "9007199254740993", "number": "A-1001", "total": "84.70", "currency": "EUR", "gift": True}
    },
}
WRAPPED = {
    "type": "order.placed",
    "timestamp": "2026-03-07T09:00:00Z",
    "data": {"customer": ENVELOPE["customer"], "data": ENVELOPE["data"]},
}


def make(**settings: Any) -> Standard:
    model = read_settings(StandardSettings, {"secrets": [SECRET], **settings}, ("sources", "standard", "main"))
    return Standard(model, SourceContext(shop="main"))


def request(document: object, *, at: datetime = NOW, secret: str = SECRET, id: str = "msg_1") -> Request:
    body = json.dumps(document).encode()
    headers = {
        "webhook-id": id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(id, at, body.decode()),
    }
    return Request(url="https://shop.example/", body=body, headers=headers, received_at=NOW)


def events(document: object, **settings: Any) -> list[Mapping[str, Any]]:
    return list(make(**settings).events(request(document)))


class TestContract(SourceContract):
    source: ClassVar[type[EventSource]] = Standard
    replay_window = timedelta(minutes=5)

    def settings(self) -> Mapping[str, Any]:
        return {"secrets": [SECRET]}

    def bodies(self) -> Sequence[bytes]:
        return [json.dumps(each).encode() for each in (ENVELOPE, WRAPPED, {"type": "ping", "data": {}})]

    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        return sign_standard_webhook(SECRET, body, at)


def test_an_envelope_is_taken_as_it_is() -> None:
    assert events({**ENVELOPE, "timestamp": "2026-01-01T00:00:00Z", "source": "x", "shop": "y", "incomplete": {}}) == [
        ENVELOPE
    ]


def test_an_envelope_as_the_data_of_a_body() -> None:
    (event,) = events(WRAPPED)
    assert event == {**ENVELOPE, "id": "msg_1", "time": "2026-03-07T09:00:00Z"}
    assert events({**WRAPPED, "data": ENVELOPE}) == [ENVELOPE]
    assert events({**WRAPPED, "type": "shop.event", "data": ENVELOPE})[0]["type"] == "order.placed"
    read_event(event)


def test_data_of_the_shops_own_is_no_envelope() -> None:
    own = {**ENVELOPE, "data": {**ENVELOPE["data"], "data": {"till": 7}}}
    assert events(own) == [own]


def test_what_the_body_leaves_out_the_headers_say() -> None:
    (event,) = events({"type": "order.placed", "customer": ENVELOPE["customer"], "data": ENVELOPE["data"]})
    assert (event["id"], event["time"]) == ("msg_1", NOW.isoformat())


@pytest.mark.parametrize(
    "ping", [{}, {"type": "ping"}, {"type": "test", "timestamp": "2026-03-07T09:00:00Z", "data": {}}]
)
def test_a_ping_tells_nothing(ping: object) -> None:
    assert events(ping) == []


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({**ENVELOPE, "customer": {}}, "customer"),
        ({**ENVELOPE, "customer": [1]}, "customer"),
        ({**ENVELOPE, "data": {}}, "data.order"),
        ({**ENVELOPE, "time": 1_772_877_600}, "time"),
        ({**WRAPPED, "type": None}, "type"),
        ({**ENVELOPE, "data": {"order": {"id": 9007199254740993.0, "number": "1"}}}, "data.order.id"),
    ],
)
def test_what_is_wrong_is_named(document: object, problem: str) -> None:
    (event,) = events(document)
    with pytest.raises(InputError, match=f"^{problem}"):
        read_event(event)


def test_ids_of_customers_of_several_shops() -> None:
    assert events(ENVELOPE, customer_prefix="tea-")[0]["customer"]["id"] == "tea-ann"
    assert events({**ENVELOPE, "customer": 7}, customer_prefix="tea-")[0]["customer"] == 7


# Signatures.


def verify(source: Standard, request: Request) -> bool:
    try:
        source.verify(request)
    except RequestRejected:
        return False
    return True


def test_a_secret_is_changed_without_a_gap() -> None:
    both = make(secrets=f"{OTHER} {SECRET}")
    assert verify(both, request(ENVELOPE))
    assert verify(both, request(ENVELOPE, secret=OTHER))
    assert not verify(make(secrets=[OTHER]), request(ENVELOPE))


@pytest.mark.parametrize(("seconds", "fits"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_five_minutes(seconds: int, fits: bool) -> None:
    assert verify(make(), request(ENVELOPE, at=NOW + timedelta(seconds=seconds))) is fits


@pytest.mark.parametrize(
    "secret", ["whsec_", "whsec_short", "whsec_" + "é" * 40, "", "whsec_" + "A" * 200, "plain text"]
)
def test_secrets_that_are_none(secret: str) -> None:
    with pytest.raises(SettingsError) as caught:
        make(secrets=[SECRET, secret])
    assert len(secret) < 10 or secret not in str(caught.value)
