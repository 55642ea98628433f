"""Keeps what was not taken, and sends it with the next call.

Caught by test_nothing_goes_out_twice: keep no message
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Verdict


class Pigeon(Right):
    def __init__(self, settings, context):
        super().__init__(settings, context)
        self.kept = []

    def deliver(self, messages):
        kept, self.kept = self.kept, []
        for message in kept:
            self.send(message)
        for message in messages:
            receipt = self.send(message)
            if receipt.verdict is Verdict.TRY_AGAIN:
                self.kept.append(message)
            yield receipt
