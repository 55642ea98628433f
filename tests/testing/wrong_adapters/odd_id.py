"""Names a message by a kind of text of its own.

Caught by test_each_message_has_one_receipt: make it text
"""

from __future__ import annotations

from dataclasses import replace

from right import Pigeon as Right


class Name(str):
    def __eq__(self, other):
        return str(self).lower() == str(other).lower()

    __hash__ = str.__hash__


class Pigeon(Right):
    def receipt(self, message_id, answer):
        receipt = super().receipt(message_id, answer)
        return replace(receipt, provider_id=receipt.provider_id and Name(receipt.provider_id))
