"""Believes that a signed body is what it expects.

Caught by test_signed_nonsense: raise InputError
"""

from __future__ import annotations

import json

from right import Pigeon as Right

from messaging import Callback


class Pigeon(Right):
    def callback(self, request):
        self.verify(request, request.header("Pigeon-Time"))
        if json.loads(request.body)["event"] == "ping":
            return Callback()
        return super().callback(request)
