"""Loses what the provider calls the message.

Caught by test_the_providers_id_is_passed_on: Receipt.accepted(message.id, provider_id)
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Receipt, Verdict


class Pigeon(Right):
    def receipt(self, message_id, answer):
        receipt = super().receipt(message_id, answer)
        return Receipt.accepted(message_id) if receipt.verdict is Verdict.ACCEPTED else receipt
