"""Has a child process write a file where the program happens to run.

Caught by test_everything_is_closed: keep files in self.context.workspace
"""

from __future__ import annotations

import subprocess

from right import Pigeon as Right


class Pigeon(Right):
    def send(self, message):
        subprocess.run(["/bin/sh", "-c", "date >> pigeon.log"], check=True)
        return super().send(message)
