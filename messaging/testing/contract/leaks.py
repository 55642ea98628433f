"""What must not get out: secrets of the settings, and people's addresses, in logs, on the screen, in errors."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import quote

from messaging.testing.contract.bench import fault
from messaging.testing.contract.reading import texts

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"\+\d[\d ()/-]{6,}\d")

NO_SECRETS = (
    "never format headers, requests, URLs with a key, or settings into a text; mind that HTTP libraries log them at "
    "DEBUG, and that exceptions quote them"
)
NO_ADDRESSES = (
    "log message.id, or the id of what it is about: whoever may see the address finds it by that. HTTP libraries that "
    "log addresses are told not to: logging.getLogger(name).setLevel(WARNING)"
)


def check_secrets(secrets: Collection[str], shown: Mapping[str, str], what: str = "a secret of the settings") -> None:
    """None of `secrets` stands in a text of `shown` (where it is: the text), however it is written."""
    for where, text in shown.items():
        for secret in secrets:
            if any(_stands_in(form, text) for form in (secret, quote(secret, safe=""), repr(secret)[1:-1])):
                fault(f"{what} stands in {where}", NO_SECRETS)


def check_addresses(addresses: Collection[str], shown: Mapping[str, str]) -> None:
    """No address, or what of it tells whose it is, stands in a text of `shown`."""
    for where, text in shown.items():
        for address in addresses:
            local = address.partition("@")[0] if "@" in address else address.rpartition("/")[2].removeprefix("+")
            if (local if len(local) > 6 else address) in text:
                fault(f"a person's address stands in {where}", NO_ADDRESSES)


def addresses_in(raw: bytes) -> list[str]:
    """The email addresses and telephone numbers in what arrived."""
    text = raw.decode("utf-8", "replace")
    return list(dict.fromkeys([*_EMAIL.findall(text), *_PHONE.findall(text)]))


def chain(error: BaseException | None) -> list[str]:
    """An exception's texts, and those of what led to it."""
    found: list[str] = []
    while error is not None and len(found) < 20:
        found += [str(error), repr(error)]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def _stands_in(form: str, text: str) -> bool:
    return form in text or any(form in found for word in text.split() for found in _decoded(word.strip("'\",;:()[]{}")))


def _decoded(word: str) -> list[str]:
    return texts(word.encode()) if len(word) >= 16 and re.fullmatch(r"[\w+/-]+={0,2}", word) else []
