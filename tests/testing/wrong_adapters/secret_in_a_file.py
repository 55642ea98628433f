"""Keeps a log of its own, with all of a request.

Caught by test_no_secret_gets_out: stands in a file
"""

from __future__ import annotations

from pathlib import Path

from right import Pigeon as Right


class Pigeon(Right):
    def ask(self, method, path, body=b"", headers=None):
        with (Path(self.context.workspace) / "flights.log").open("a") as log:
            print(method, path, self.settings.token.get_secret_value(), file=log)
        return super().ask(method, path, body, headers)
