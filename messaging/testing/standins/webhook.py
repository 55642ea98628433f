"""A receiver of signed webhooks on this machine (Standard Webhooks)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

from messaging.errors import InputError
from messaging.nouns.request import Request
from messaging.testing.standins.base import StandIn, Where
from messaging.testing.standins.http import Answer, as_json

#: Seconds that a timestamp may lie beside the real time, either way.
TOLERANCE = 300


class WebhookStandIn(StandIn):
    """Takes posts to any address, if they are signed with one of its secrets; each webhook-id is kept once.

    It answers 410, 429, 3xx and 5xx as `fail` says: `fail(status=410)`, `fail(status=302, location=…)`.
    """

    name: ClassVar[str] = "webhook"

    def __init__(self, *, signing_secrets: Sequence[str] = (), **where: Unpack[Where]) -> None:
        """`signing_secrets`: `whsec_` and base64; without any it makes one up.

        Raises:
            InputError: one is no secret.
        """
        super().__init__(**where)
        made_up = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        self.secrets = list(signing_secrets) or [made_up]
        self._keys = [_key(secret) for secret in self.secrets]
        self._seen: set[str] = set()
        #: Posts of an id that was taken before.
        self.duplicates = 0

    def environment(self) -> dict[str, str]:
        return {"WEBHOOK_URL": f"{self.url}/hook", "WEBHOOK_SECRETS": " ".join(self.secrets)}

    def advice(self) -> list[str]:
        return ['In messaging.toml: [outgoing] allow_private = ["127.0.0.0/8"] and allow_http = true']

    def clear(self) -> None:
        super().clear()
        with self._lock:
            self._seen.clear()
            self.duplicates = 0

    def provide(self, method: str, path: str, request: Request) -> Answer:
        if method != "POST":
            return self.failing(405)
        id = request.header("webhook-id")
        wrong = self._wrong(id, request)
        if wrong is not None:
            return as_json({"error": wrong}, 401)
        with self._lock:
            known = id in self._seen
            self._seen.add(id)
            self.duplicates += known
        if not known:
            self.keep(_kept(id, path, request))
        return Answer(status=204)

    def _wrong(self, id: str, request: Request) -> str | None:
        """Why a post is not believed; None if it is."""
        timestamp = request.header("webhook-timestamp")
        if not id or not timestamp or not request.header("webhook-signature"):
            return "webhook-id, webhook-timestamp and webhook-signature must all be there"
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 13):
            return "webhook-timestamp is not in Unix seconds"
        if abs(int(timestamp) - request.received_at.timestamp()) > TOLERANCE:
            return "webhook-timestamp is too far from now"
        signed = f"{id}.{timestamp}.".encode() + request.body
        told = [one.partition(",") for one in request.header("webhook-signature").split()]
        right = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in self._keys]
        if not any(
            version == "v1" and any(hmac.compare_digest(text.encode(), one.encode()) for one in right)
            for version, _, text in told
        ):
            return "webhook-signature is not one of ours"
        return None


def _kept(id: str, path: str, request: Request) -> dict[str, Any]:
    return {
        "id": id,
        "to": path,
        "body": request.body.decode("utf-8", "replace"),
        "headers": dict(request.headers),
    }


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise InputError("the secret is none", hint="write whsec_ and 24 to 64 bytes in base64")
    return key
