"""Catches what is no exception of its own.

Caught by test_it_stops_when_nobody_listens: never BaseException
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Receipt


class Pigeon(Right):
    def deliver(self, messages):
        for message in messages:
            try:
                yield self.send(message)
            except BaseException as error:
                yield Receipt.unknown(message.id, repr(error))
