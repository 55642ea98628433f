"""A new key for each try.

Caught by test_an_idempotency_key: make the key of message.id alone
"""

from __future__ import annotations

import uuid

from right import Pigeon as Right


class Pigeon(Right):
    def ask(self, method, path, body=b"", headers=None):
        return super().ask(method, path, body, {"Idempotency-Key": str(uuid.uuid4())})
