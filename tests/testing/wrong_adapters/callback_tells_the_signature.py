"""Says which signature would have been right.

Caught by test_no_secret_gets_out: the right signature
"""

from __future__ import annotations

from right import Pigeon as Right
from right import signature

from messaging import RequestRejected


class Pigeon(Right):
    def verify(self, request, signed_at):
        expected = signature(self.settings.token.get_secret_value(), signed_at, request.body)
        if request.header("Pigeon-Signature") != expected:
            raise RequestRejected(f"its signature is wrong, it should be {expected}")
        super().verify(request, signed_at)
