"""Compares half of a signature.

Caught by test_forged_signatures: constant time
"""

from __future__ import annotations

from right import Pigeon as Right
from right import signature

from messaging import RequestRejected


class Pigeon(Right):
    def verify(self, request, signed_at):
        expected = signature(self.settings.token.get_secret_value(), signed_at, request.body)
        if request.header("Pigeon-Signature")[:32] != expected[:32]:
            raise RequestRejected("wrong")
