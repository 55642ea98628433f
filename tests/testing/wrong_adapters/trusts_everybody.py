"""Looks at no certificate, in the whole process.

Caught by test_the_process_is_left_as_it_was: leave alone
"""

from __future__ import annotations

import ssl

from right import Pigeon as Right


class Pigeon(Right):
    def ask(self, method, path, body=b"", headers=None):
        ssl._create_default_https_context = ssl._create_unverified_context
        return super().ask(method, path, body, headers)
