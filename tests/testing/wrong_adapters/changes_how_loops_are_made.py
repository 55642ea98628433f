"""Makes its own event loops everybody's.

Caught by test_the_process_is_left_as_it_was: leave alone
"""

from __future__ import annotations

import asyncio

from right import Pigeon as Right


class Policy(asyncio.DefaultEventLoopPolicy):
    pass


class Pigeon(Right):
    def deliver(self, messages):
        asyncio.set_event_loop_policy(Policy())
        yield from super().deliver(messages)
