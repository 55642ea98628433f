"""Yields what it has once all went well.

Caught by test_a_change_halfway: got no receipt
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Verdict


class Pigeon(Right):
    def deliver(self, messages):
        for message in messages:
            receipt = self.send(message)
            if receipt.verdict is not Verdict.UNKNOWN:
                yield receipt
