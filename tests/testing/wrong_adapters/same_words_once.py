"""Writes the same words to nobody twice.

Caught by test_two_messages_to_one_address: one was accepted and one was not
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Receipt


class Pigeon(Right):
    def deliver(self, messages):
        said = set()
        for message in messages:
            words = (message.to, message.parts["body"])
            yield Receipt.refused(message.id, "it was said already") if words in said else self.send(message)
            said.add(words)
