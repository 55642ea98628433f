"""Checks a signature if there is one.

Caught by test_forged_callbacks: without a signature
"""

from __future__ import annotations

import time

from right import Pigeon as Right


class Pigeon(Right):
    def callback(self, request):
        request.headers.setdefault("pigeon-time", str(int(time.time())))
        return super().callback(request)

    def verify(self, request, signed_at):
        if request.header("Pigeon-Signature"):
            super().verify(request, signed_at)
