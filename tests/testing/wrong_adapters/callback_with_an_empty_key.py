"""Checks with an empty key where none is set.

Caught by test_callbacks_without_a_key: before anything is computed
"""

from __future__ import annotations

import hmac

from pydantic import SecretStr
from right import Pigeon as Right
from right import PigeonSettings as RightSettings
from right import signature

from messaging import RequestRejected


class PigeonSettings(RightSettings):
    token: SecretStr | None = None


class Pigeon(Right):
    Settings = PigeonSettings

    def verify(self, request, signed_at):
        token = self.settings.token.get_secret_value() if self.settings.token else ""
        expected = signature(token, signed_at, request.body)
        if not hmac.compare_digest(expected.encode(), request.header("Pigeon-Signature").encode()):
            raise RequestRejected("its signature is wrong")
        if abs(int(signed_at) - request.received_at.timestamp()) > 300:
            raise RequestRejected("it is old")
