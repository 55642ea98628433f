"""Hands the token to another program, for everybody to see.

Caught by test_no_secret_gets_out: the command of a child process
"""

from __future__ import annotations

import subprocess
import sys

from right import Pigeon as Right


class Pigeon(Right):
    def send(self, message):
        subprocess.run([sys.executable, "-c", "", self.settings.token.get_secret_value()], check=True)
        return super().send(message)
