"""Signatures: HMAC-SHA256 over raw bytes, compared in constant time, with as many secrets as are being changed."""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256

from messaging import Request, RequestRejected

#: Seconds that a request may be old, or its sender's clock ahead: what Stripe and Standard Webhooks advise.
TOLERANCE = 300


def in_base64(key: bytes, signed: bytes) -> bytes:
    """The signature of `signed`, in base64."""
    return b64encode(hmac.digest(key, signed, sha256))


def in_hex(key: bytes, signed: bytes) -> bytes:
    """The signature of `signed`, in lower-case hexadecimal."""
    return hmac.digest(key, signed, sha256).hex().encode()


def check(expected: Iterable[bytes], given: str | Sequence[str]) -> None:
    """Let pass only if one of the signatures that came (`given`) is one of those that fit a secret.

    Raises:
        RequestRejected: none is, or there is none. It does not say which.
    """
    told = [given] if isinstance(given, str) else given
    # As bytes: a header may hold any character. All are compared, so that the time tells nothing.
    came = [each.encode("utf-8", "replace") for each in told]
    fits = [hmac.compare_digest(one, other) for one in expected for other in came]
    if not any(fits):
        raise RequestRejected("the request is not genuine: its signature is missing or wrong")


def check_age(timestamp: str, request: Request) -> None:
    """Let pass only what was signed now, give or take `TOLERANCE`; `timestamp` is in Unix seconds, as it came.

    Raises:
        RequestRejected: it was not, or `timestamp` is none.
    """
    read = re.fullmatch("[0-9]{1,12}", timestamp)
    if read is None or abs(int(timestamp) - request.received_at.timestamp()) > TOLERANCE:
        raise RequestRejected("the request is not genuine: its timestamp is missing, too old or too new")


def check_standard(keys: Iterable[bytes], request: Request) -> None:
    """Let pass only what is signed as Standard Webhooks 1 has it: `id.timestamp.body`, a signature for each key.

    Raises:
        RequestRejected: it is not.
    """
    id, timestamp = request.header("webhook-id"), request.header("webhook-timestamp")
    if not id:
        raise RequestRejected("the request is not genuine: it has no id")
    check_age(timestamp, request)
    signed = b".".join((id.encode("utf-8", "replace"), timestamp.encode(), request.body))
    told = (each.partition(",") for each in request.header("webhook-signature").split())
    check(
        (in_base64(key, signed) for key in keys), [value.rstrip(",") for version, _, value in told if version == "v1"]
    )
