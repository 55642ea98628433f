"""Changes os.environ.

Caught by test_the_process_is_left_as_it_was: leave alone what belongs to the whole process
"""

from __future__ import annotations

import os

from right import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        os.environ["HTTPS_PROXY"] = "http://127.0.0.1:9"
        return super().deliver(messages)
