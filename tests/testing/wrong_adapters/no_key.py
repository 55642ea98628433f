"""Declares an idempotency key and sends none.

Caught by test_an_idempotency_key: send message.id as the provider
"""

from __future__ import annotations

import json

from right import Pigeon as Right


class Pigeon(Right):
    def body(self, message):
        return json.dumps({"to": message.to, "text": message.parts["body"]}).encode()

    def ask(self, method, path, body=b"", headers=None):
        return super().ask(method, path, body)
