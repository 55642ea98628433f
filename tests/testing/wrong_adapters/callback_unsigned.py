"""Takes any callback.

Caught by test_forged_callbacks: check the signature over request.body
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def verify(self, request, signed_at):
        pass

    def callback(self, request):
        request.headers.setdefault("pigeon-time", "0")
        return super().callback(request)
