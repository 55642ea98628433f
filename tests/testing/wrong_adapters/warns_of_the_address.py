"""Warns of whom it could not reach.

Caught by test_no_address_is_logged: log message.id
"""

from __future__ import annotations

import warnings

from right import Pigeon as Right


class Pigeon(Right):
    def send(self, message):
        receipt = super().send(message)
        if receipt.reason:
            warnings.warn(f"{message.to}: {receipt.reason}", RuntimeWarning, stacklevel=2)
        return receipt
