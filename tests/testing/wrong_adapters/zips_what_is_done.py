"""Gives the first receipt that comes to the first message.

Caught by test_answers_overtake_each_other: keep each with its own message
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace

from right import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        with ThreadPoolExecutor(4, "pigeon") as pool:
            done = as_completed([pool.submit(self.send, message) for message in messages])
            for message, future in zip(messages, done, strict=False):
                yield replace(future.result(), message_id=message.id)
