"""The source `standard`: one's own shop, which posts our envelopes as Standard Webhooks 1 (standardwebhooks.com).

    {"id": "5001:placed", "type": "order.placed", "time": "…", "customer": {…}, "data": {"order": {…}}}

as it is, or as the `data` of the specification's own body: what that one says already (`type`, `timestamp`, the
`webhook-id`) need not be said again.

    {"type": "order.placed", "timestamp": "…", "data": {"customer": {…}, "data": {"order": {…}}}}
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from typing import ClassVar

from pydantic import SecretStr, field_validator

from messaging import EventSource, Request, SourceSettings
from messaging_shops.reading import body_of, unix
from messaging_shops.shop import ShopSettings
from messaging_shops.signing import check_standard
from messaging_shops.telling import Told

_PREFIX = "whsec_"
#: What an event is made of; the core says the rest.
_FIELDS = ("id", "type", "time", "customer", "data")


def key_of(secret: str) -> bytes:
    """The key that a secret holds: `whsec_` and base64 of 24 to 64 bytes.

    Raises:
        ValueError: it is none. The text does not repeat it.
    """
    try:
        key = b64decode(secret.strip().removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not 24 <= len(key) <= 64:
        raise ValueError(f"must be {_PREFIX} and base64 of 24 to 64 bytes")
    return key


class StandardSettings(ShopSettings):
    """`[sources.standard.SHOP]`: secrets are `whsec_` and base64 of 24 to 64 bytes."""

    @field_validator("secrets")
    @classmethod
    def _are_keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for secret in value:
            key_of(secret.get_secret_value())
        return value

    def keyring(self) -> list[bytes]:
        return [key_of(secret.get_secret_value()) for secret in self.secrets]


class Standard(EventSource):
    """Signed by HMAC-SHA256 over id, time and raw body; five minutes old at most."""

    name: ClassVar[str] = "standard"
    Settings: ClassVar[type[SourceSettings]] = StandardSettings

    settings: StandardSettings

    def verify(self, request: Request) -> None:
        check_standard(self.settings.keyring(), request)

    def events(self, request: Request) -> Iterator[Told]:
        told = body_of(request)
        inner = told.get("data")
        if isinstance(inner, dict) and "customer" not in told and ("customer" in inner or "data" in inner):
            given = {"type": told.get("type"), **inner}
        elif inner or "time" in told or "customer" in told:
            given = dict(told)
        else:
            return  # a ping: a type at most, and nothing about anybody
        # The header's time is another with each attempt: what the body says goes first.
        sent_at = unix(request.header("webhook-timestamp")) or request.received_at.isoformat()
        event = {"id": request.header("webhook-id"), "time": told.get("timestamp") or sent_at, **given}
        yield self.settings.prefixed({key: event[key] for key in _FIELDS if event.get(key) is not None})
