"""Its key is another one in each process.

Caught by test_an_idempotency_key: which is another in each process
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def ask(self, method, path, body=b"", headers=None):
        key = (headers or {}).get("Idempotency-Key", "")
        return super().ask(method, path, body.replace(key.encode(), b"-"), {"Idempotency-Key": f"{hash(key):x}"})
