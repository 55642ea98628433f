"""What a provider or a server said, as it may be kept and shown: one line, not long, no secret, no address.

A receipt's reason is stored beside the message, printed and exported, and an answer may echo anything it was sent:
the key, the login, or somebody else's address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

#: Longer is a page, not a reason.
_LONGEST = 500
#: Looked at for addresses: what is cut off here cannot come back, however much shorter the rest becomes.
_LOOKED_AT = 4_000
_HIDDEN = "(hidden)"
_CREDENTIALS = re.compile(r"\b(Bearer|Basic|AUTH +PLAIN|AUTH +LOGIN)[ :]+[\w+/=.~-]{8,}", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s<>()\[\]:;,\"'@=]{1,64}@[^\s<>()\[\]:;,\"'@]{1,255}")


def hide(text: str, secrets: Iterable[str]) -> str:
    """`text` without any of `secrets`; empty ones do not count."""
    # The longest first: one may be a part of another.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = re.sub(re.escape(secret), _HIDDEN, text, flags=re.IGNORECASE)
    return text


def quote(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` as a reason: one printable line of at most 500 characters, without secrets and addresses."""
    text = _CREDENTIALS.sub(rf"\1 {_HIDDEN}", hide(text, secrets)[:_LOOKED_AT])
    text = _ADDRESS.sub("(address)", text)
    text = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(text.split())[:_LONGEST].strip()
