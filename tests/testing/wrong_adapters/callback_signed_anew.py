"""Makes the event's id of when the post was signed.

Caught by test_the_same_again: has other event ids
"""

from __future__ import annotations

from dataclasses import replace

from right_news import Pigeon as Right


class Pigeon(Right):
    def read(self, told, request):
        for each in super().read(told, request):
            yield replace(each, id=f"{each.id}-{request.header('Pigeon-Time')}")
