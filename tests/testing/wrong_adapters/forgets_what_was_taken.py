"""Raises for a refused key before it tells what was taken.

Caught by test_a_change_halfway: were taken by the provider
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from right import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        with ThreadPoolExecutor(2, "pigeon") as pool:
            yield from list(pool.map(self.send, messages))
