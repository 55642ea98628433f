"""Waits for a thread that nobody ends.

Caught by test_close_is_harmless: close() did not come to an end
"""

from __future__ import annotations

import threading

from right import Pigeon as Right


class Pigeon(Right):
    def close(self):
        threading.Event().wait(30)
