"""The key is the hash of the words.

Caught by test_an_idempotency_key: is not a repetition of the first
"""

from __future__ import annotations

import hashlib
import json

from right import Pigeon as Right


class Pigeon(Right):
    def ask(self, method, path, body=b"", headers=None):
        words = json.loads(body or b"{}").get("text", "")
        return super().ask(method, path, body, {"Idempotency-Key": hashlib.sha256(words.encode()).hexdigest()})
