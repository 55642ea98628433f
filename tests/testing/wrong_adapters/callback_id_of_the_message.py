"""Takes the message's id for the event's.

Caught by test_the_same_again: have the same id
"""

from __future__ import annotations

from dataclasses import replace

from right_news import Pigeon as Right


class Pigeon(Right):
    def read(self, told, request):
        for each in super().read(told, request):
            yield replace(each, id=each.message_id)
