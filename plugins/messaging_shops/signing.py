"""Signatures: HMAC-SHA256 over raw bytes, compared in constant time, with as many secrets as are being changed."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256

from messaging import RequestRejected


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
