"""Events with a time that has no zone.

Caught by test_a_genuine_callback: make it aware
"""

from __future__ import annotations

from dataclasses import replace

from right import Pigeon as Right

from messaging import Callback


class Pigeon(Right):
    def callback(self, request):
        told = super().callback(request).engagements
        return Callback(engagements=[replace(each, at=each.at.replace(tzinfo=None)) for each in told])
