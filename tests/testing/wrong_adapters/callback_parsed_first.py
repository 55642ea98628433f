"""Parses before it verifies.

Caught by test_forged_callbacks: before anything is parsed
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def callback(self, request):
        request.json()
        return super().callback(request)
