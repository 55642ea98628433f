"""Takes what was signed long ago.

Caught by test_old_callbacks: compare the signed time with request.received_at
"""

from __future__ import annotations

from datetime import UTC, datetime

from right import Pigeon as Right


class Pigeon(Right):
    def verify(self, request, signed_at):
        if signed_at.isascii() and signed_at.isdigit() and len(signed_at) < 12:
            request = type(request)(
                url=request.url,
                body=request.body,
                headers=request.headers,
                received_at=datetime.fromtimestamp(int(signed_at), UTC),
            )
        super().verify(request, signed_at)
