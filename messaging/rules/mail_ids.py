"""What a mail's Message-ID says before the @: the message's id, and a tag over it.

An id is a hash of what others may know (the campaign's name, a customer's id); the tag needs our key. So a bounce that
has it was written by who had the message. 32 digits, a dot, two of the key's id and 20 of the tag: 55 of the 64 that
may stand there (RFC 5321 4.5.3.1.1).
"""

from __future__ import annotations

import re
from hashlib import blake2b
from hmac import compare_digest

from messaging.rules.tokens import SigningKeys

_FORM = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{2})([0-9a-f]{20})")


def mail_id(keys: SigningKeys, message_id: str) -> str:
    """The id of a message (32 hex digits), with its tag: the same each time under the same key."""
    return f"{message_id}.{keys.current:02x}{_tag(keys.keys[keys.current], message_id)}"


def read_mail_id(keys: SigningKeys, text: str) -> str | None:
    """The message's id, if we made the tag, under whichever of our keys; else None."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    message_id, key_id, tag = match.groups()
    key = keys.keys.get(int(key_id, 16))
    # Computed for an unknown key too, so that the time tells nothing.
    known = compare_digest(_tag(key or bytes(32), message_id), tag)
    return message_id if known and key is not None else None


def _tag(key: bytes, message_id: str) -> str:
    data = bytes.fromhex(message_id)
    return blake2b(data, key=key[:64], digest_size=10, person=b"messaging mail").hexdigest()
