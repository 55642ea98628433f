"""Takes a signature for right that begins right.

Caught by test_forged_signatures: cut after
"""

from __future__ import annotations

from right import Pigeon as Right
from right import signature

from messaging import RequestRejected


class Pigeon(Right):
    def verify(self, request, signed_at):
        given = request.header("Pigeon-Signature")
        expected = signature(self.settings.token.get_secret_value(), signed_at, request.body)
        if not given or not expected.startswith(given):
            raise RequestRejected("its signature is wrong")
        if not signed_at.isdigit() or abs(int(signed_at) - request.received_at.timestamp()) > 300:
            raise RequestRejected("it is old")
