"""Gives an address up whenever something is refused.

Caught by test_statuses_that_are_no_yes: never to be tried again
"""

from __future__ import annotations

from dataclasses import replace

from right import Pigeon as Right

from messaging import Verdict


class Pigeon(Right):
    def receipt(self, message_id, answer):
        receipt = super().receipt(message_id, answer)
        return replace(receipt, suppress="bounced" if receipt.verdict is Verdict.REFUSED else None)
