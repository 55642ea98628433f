"""Compares signatures by ==.

Caught by test_forged_signatures: compare with hmac.compare_digest
"""

from __future__ import annotations

from right import Pigeon as Right
from right import signature

from messaging import RequestRejected


class Pigeon(Right):
    def verify(self, request, signed_at):
        wanted = signature(self.settings.token.get_secret_value(), signed_at, request.body)
        if request.header("Pigeon-Signature") != wanted:
            raise RequestRejected("its signature is wrong")
        super().verify(request, signed_at)
