"""What must not get out: secrets of the settings, and people's addresses, in logs, on the screen, in errors."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from urllib.parse import quote

from messaging.testing.contract.bench import fault
from messaging.testing.contract.reading import texts

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_PHONE = re.compile(r"\+\d[\d ()/-]{6,}\d")

NO_SECRETS = (
    "never format headers, requests, URLs with a key, or settings into a text, nor hand them to a command; mind that "
    "HTTP libraries log them at DEBUG, and that exceptions quote them"
)
NO_ADDRESSES = (
    "log message.id, or the id of what it is about: whoever may see the address finds it by that. Quote no request and "
    "no answer: they hold addresses. HTTP libraries that log some are told not to: "
    "logging.getLogger(name).setLevel(WARNING)"
)


def check_secrets(secrets: Collection[str], shown: Mapping[str, str], what: str = "a secret of the settings") -> None:
    """None of `secrets` stands in a text of `shown` (where it is: the text), however it is written."""
    for where, text in shown.items():
        if any(stands_in(secret, text) for secret in secrets):
            fault(f"{what} stands in {where}", NO_SECRETS)


def check_addresses(addresses: Collection[str], shown: Mapping[str, str]) -> None:
    """No address, or what of it tells whose it is, stands in a text of `shown`."""
    for where, text in shown.items():
        if any(stands_in(_mark(address), text) for address in addresses):
            fault(f"a person's address stands in {where}", NO_ADDRESSES)


def _mark(address: str) -> str:
    local = address.partition("@")[0] if "@" in address else address.rpartition("/")[2].removeprefix("+")
    return local if len(local) > 6 else address


def addresses_in(raw: bytes) -> list[str]:
    """The email addresses and telephone numbers in what arrived."""
    return list(dict.fromkeys(each for text in texts(raw) for kind in (_EMAIL, _PHONE) for each in kind.findall(text)))


def chain(error: BaseException | None) -> list[str]:
    """An exception's texts, and those of what led to it."""
    found: list[str] = []
    while error is not None and len(found) < 20:
        found += [str(error), repr(error)]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def stands_in(secret: str, text: str) -> bool:
    """Whether it can be read out of the text, however it was written there."""
    forms = {secret, quote(secret, safe=""), repr(secret)[1:-1]}
    return any(form in found for form in forms for found in (text, *_decoded(text)))


@lru_cache(maxsize=64)
def _decoded(text: str) -> list[str]:
    """What the base64 in it says."""
    return [found for run in _BASE64.findall(text) for found in texts(run.encode()) if found != run]
