"""Sends everything in the background, whether or not anybody listens.

Caught by test_it_stops_when_nobody_listens: drop what is queued
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from right import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        with ThreadPoolExecutor(8) as pool:
            for future in [pool.submit(self.send, message) for message in messages]:
                yield future.result()
