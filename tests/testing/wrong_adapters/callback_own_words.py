"""Events in the provider's words.

Caught by test_a_genuine_callback: use messaging.EngagementKind
"""

from __future__ import annotations

from dataclasses import replace

from right import Pigeon as Right

from messaging import Callback


class Pigeon(Right):
    def callback(self, request):
        return Callback(engagements=[replace(each, kind="landed") for each in super().callback(request).engagements])
