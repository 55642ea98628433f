"""Keeps what was not answered, and sends it again when it is closed.

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
        for message in messages:
            receipt = self.send(message)
            if receipt.verdict is Verdict.UNKNOWN:
                self.kept.append(message)
            yield receipt

    def close(self):
        for message in self.kept:
            self.send(message)
        self.kept.clear()
