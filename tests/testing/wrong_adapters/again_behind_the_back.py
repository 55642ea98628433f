"""Tries again when nobody looks.

Caught by test_nothing_goes_out_twice: keep no message
"""

from __future__ import annotations

import threading

from right import Pigeon as Right

from messaging import Verdict


class Pigeon(Right):
    def send(self, message):
        receipt = super().send(message)
        if receipt.verdict is Verdict.TRY_AGAIN:
            timer = threading.Timer(0.2, super().send, [message])
            timer.daemon = True
            timer.start()
        return receipt
