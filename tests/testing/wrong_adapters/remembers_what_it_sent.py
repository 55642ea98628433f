"""Answers a lookup from what it remembers.

Caught by test_looking_up: answer Receipt.accepted
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def __init__(self, settings, context):
        super().__init__(settings, context)
        self.sent = {}

    def send(self, message):
        self.sent[message.id] = super().send(message)
        return self.sent[message.id]

    def lookup(self, message_id):
        return self.sent.get(message_id)
