"""Leaves a thread running.

Caught by test_everything_is_closed: give back in close()
"""

from __future__ import annotations

import threading

from right import Pigeon as Right


class Pigeon(Right):
    def send(self, message):
        self.stop = threading.Event()
        threading.Thread(target=self.stop.wait, args=(20,), daemon=True, name="pigeon-keeper").start()
        return super().send(message)
