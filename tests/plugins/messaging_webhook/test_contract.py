"""The webhook adapter holds to the contract that everyone's do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from messaging import Adapter, Request
from messaging.testing import AdapterContract, Answer, Provider, sign_standard_webhook
from messaging_webhook.adapter import Webhook

SECRET = "whsec_c2VjcmV0IG9mIHR3ZW50eS1mb3VyIGJ5dGVz"


class TestWebhook(AdapterContract):
    adapter: ClassVar[type[Adapter]] = Webhook
    takes = range(200, 300)  # as Standard Webhooks says

    def settings(self, provider: Provider) -> Mapping[str, Any]:
        _ = provider.url  # the addresses of the messages lead there
        return {"secrets": [SECRET]}

    def accepted(self, request: Request, id: str) -> Answer:
        return Answer(status=204)

    def refused(self, request: Request) -> Answer:
        """All other failures are tried again: a receiver that is deployed may say anything for a while."""
        return Answer(status=410)

    def locked_out(self, request: Request) -> None:
        """Each message has a receiver of its own: a 401 is about that one alone."""

    def callbacks(self, message_id: str) -> Sequence[bytes]:
        told = {"type": "message.opened", "timestamp": "2026-03-02T10:05:00Z", "data": {"message_id": message_id}}
        return [json.dumps(told).encode()]

    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        return sign_standard_webhook(SECRET, body, at)
