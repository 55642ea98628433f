"""The channel `sms`: text messages by Twilio, counted as the network counts them, and what phones answer."""

from __future__ import annotations

from messaging import Adapter, hookimpl
from messaging_sms.adapter import Twilio


@hookimpl
def register_adapters() -> list[type[Adapter]]:
    return [Twilio]
