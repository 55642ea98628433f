"""Sends them all at once in a loop of its own, and tells of them at the end.

Caught by test_receipts_come_as_they_are_known: as soon as it is known
"""

from __future__ import annotations

import asyncio

from right import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        async def all():
            return await asyncio.gather(*(asyncio.to_thread(self.send, message) for message in messages))

        yield from asyncio.run(all())
