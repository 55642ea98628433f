"""The adapter, over real sockets to the stand-in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from messaging import AdapterContext, MessageClass, RenderedMessage
from messaging.outgoing import Outgoing
from messaging.testing.standins import TwilioStandIn
from messaging_sms.adapter import Twilio
from messaging_sms.settings import TwilioSettings

ACCOUNT = "AC" + "0" * 32
TOKEN = "standin-auth-token"

Make = Callable[..., Twilio]
Letter = Callable[..., RenderedMessage]


@pytest.fixture
def adapter() -> Iterator[Make]:
    """`adapter(host=…, price="0.08")`: one with these settings."""
    ways_out = []

    def make(*, base_url: str = "https://shop.example/m", timeout: float = 10.0, **settings: Any) -> Twilio:
        given = {"account_sid": ACCOUNT, "auth_token": TOKEN, "from": "+15005550006", **settings}
        kept = {name: value for name, value in given.items() if value is not None}
        ways_out.append(Outgoing())
        context = AdapterContext(workspace=".", base_url=base_url, timeout=timeout, http=ways_out[-1])
        return Twilio(TwilioSettings.model_validate(kept), context)

    yield make
    for way_out in ways_out:
        way_out.close()


@pytest.fixture
def twilio(adapter: Make, twilio_standin: TwilioStandIn) -> Twilio:
    """One that is set up for the stand-in."""
    return adapter(host=twilio_standin.url)


@pytest.fixture
def sms() -> Letter:
    def make(to: str = "+15005559999", text: str = "Hello", **fields: Any) -> RenderedMessage:
        values = {
            "id": "ab" * 16,
            "channel": "sms",
            "to": to,
            "message_class": MessageClass.TRANSACTIONAL,
            "template": "shipped",
            "parts": {"text": text},
            **fields,
        }
        return RenderedMessage(**values)

    return make
