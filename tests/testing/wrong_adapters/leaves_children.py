"""Leaves a process running.

Caught by test_everything_is_closed: give back in close()
"""

from __future__ import annotations

import subprocess
import sys

from right import Pigeon as Right


class Pigeon(Right):
    def send(self, message):
        self.child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])
        return super().send(message)
