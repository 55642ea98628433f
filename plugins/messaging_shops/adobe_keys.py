"""Adobe's signatures: RSA with SHA-256 (PKCS #1 v1.5), by keys that Adobe publishes and a request names.

A request is only known to be Adobe's once its key is here, so anybody can make us ask for a key. What they can make us
ask for is narrow: a name of the one form that keys have, at the one place where Adobe keeps them, so often a minute.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from messaging import HttpClient, NotSent

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

#: Where keys are, as Adobe's own libraries have it: https://static.adobeioevents.com/prod/keys/pub-key-….pem
_PATH = re.compile(r"/prod/keys/pub-key-[A-Za-z0-9-]{1,64}\.pem")
#: Seconds that a key is believed, and that a name is known to have none.
_KEPT, _MISSED = 86_400.0, 300.0
#: Keys that are asked for in a minute, and that are remembered.
_A_MINUTE, _MOST = 10, 100
#: Seconds for an answer: the request that names the key waits as long.
_TIMEOUT = 5.0
#: Shortest key, in bits.
_BITS = 2048


@lru_cache(maxsize=100)
def read_key(pem: str) -> RSAPublicKey:
    """A public key.

    Raises:
        ValueError: it is none, or too weak.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem.strip().encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey) or key.key_size < _BITS:
        raise ValueError(f"must be a public RSA key of {_BITS} bits at least: -----BEGIN PUBLIC KEY----- and so on")
    return key


def is_signed(signature: str, signed: bytes, keys: Iterable[RSAPublicKey]) -> bool:
    """Whether one of `keys` made the signature, which is in base64."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        given = base64.b64decode(signature, validate=True)
    except ValueError:
        return False
    if base64.b64encode(given).decode() != signature:
        return False  # the last letters have bits that mean nothing
    for key in keys:
        try:
            key.verify(given, signed, PKCS1v15(), SHA256())
            return True
        except InvalidSignature:
            pass
    return False


class AdobeKeys:
    """The keys that Adobe publishes, by the path that a request names."""

    def __init__(self, http: HttpClient, url: str) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        #: Path -> the key, if there is one, and until when that is believed (monotonic seconds).
        self._known: dict[str, tuple[RSAPublicKey | None, float]] = {}
        self._asked: list[float] = []

    def get(self, path: str) -> RSAPublicKey | None:
        """The key at that path; None if it is none of Adobe's.

        Raises:
            NotSent, Unanswered: it could not be asked for now.
        """
        if _PATH.fullmatch(path) is None:
            return None
        with self._lock:
            known = self._known.get(path)
        if known is not None and known[1] > time.monotonic():
            return known[0]
        if not self._asking.acquire(timeout=_TIMEOUT):
            raise NotSent("another of Adobe's keys is being asked for")
        try:
            return self._ask(path)
        finally:
            self._asking.release()

    def _ask(self, path: str) -> RSAPublicKey | None:
        now = time.monotonic()
        known = self._known.get(path)
        if known is not None and known[1] > now:
            return known[0]  # it came while this one waited
        self._asked = [asked for asked in self._asked if asked > now - 60.0]
        if len(self._asked) >= _A_MINUTE:
            raise NotSent("too many of Adobe's keys were asked for within a minute")
        self._asked.append(now)
        answer = self._http.request("GET", f"{self._url}{path}", timeout=_TIMEOUT, limit=10_000)
        if answer.status >= 500 or answer.status == 429 or answer.cut:
            raise NotSent(f"Adobe's keys cannot be asked for: {answer.status}")
        key = None
        if answer.status == 200:
            try:
                key = read_key(answer.body.decode("ascii", "replace"))
            except ValueError:
                pass
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.pop(min(self._known, key=lambda each: self._known[each][1]))
            self._known[path] = (key, now + (_MISSED if key is None else _KEPT))
        return key
