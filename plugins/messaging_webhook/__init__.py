"""The channel `webhook`: messages as signed requests to a customer's, or the shop's own, address."""

from __future__ import annotations

from messaging import Adapter, hookimpl
from messaging_webhook.adapter import Webhook


@hookimpl
def register_adapters() -> list[type[Adapter]]:
    return [Webhook]
