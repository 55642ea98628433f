"""Tells the log whose message was not answered in time.

Caught by test_no_address_is_logged: log message.id
"""

from __future__ import annotations

import logging

from right import Pigeon as Right

from messaging import Verdict


class Pigeon(Right):
    def send(self, message):
        receipt = super().send(message)
        if receipt.verdict is Verdict.UNKNOWN and "in time" in receipt.reason:
            logging.getLogger("pigeon").warning("no answer about %s", message.to)
        return receipt
