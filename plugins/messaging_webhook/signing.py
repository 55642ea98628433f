"""Signatures as the Standard Webhooks specification (version 1) has them: https://www.standardwebhooks.com

Signed is `id.timestamp.body` with HMAC-SHA256, over the body's raw bytes. During a rotation a request carries one
signature for each secret, and whoever receives it accepts any that fits.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256

#: Seconds that a request may be old, or ahead: the specification's own libraries allow as much.
TOLERANCE = 300

_PREFIX = "whsec_"


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


def sign(keys: Sequence[bytes], id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one signature a key, in their order. `timestamp` is in Unix seconds."""
    return " ".join(f"v1,{_signature(key, id, str(timestamp), body)}" for key in keys)


def refusal(keys: Sequence[bytes], id: str, timestamp: str, signatures: str, body: bytes, *, now: float) -> str | None:
    """Why a request with these headers is not genuine; None if it is. `now` is the real time in Unix seconds."""
    if not id or not timestamp or not signatures:
        return "it has no signature"
    if re.fullmatch(r"[0-9]{1,12}", timestamp) is None or abs(int(timestamp) - now) > TOLERANCE:
        return "its timestamp is too old or too new"
    told = [
        value.encode() for version, _, value in (each.partition(",") for each in signatures.split()) if version == "v1"
    ]
    expected = [_signature(key, id, timestamp, body).encode() for key in keys]
    # All are compared, so that the time tells nothing.
    fits = [hmac.compare_digest(each, other) for each in told for other in expected]
    return None if any(fits) else "its signature is wrong"


def _signature(key: bytes, id: str, timestamp: str, body: bytes) -> str:
    signed = b".".join((id.encode(), timestamp.encode(), body))
    return b64encode(hmac.digest(key, signed, sha256)).decode("ascii")
