"""Short links, for channels that charge by length: `{base_url}/s/CODE`.

A code is 11 letters and digits, 65 bits of a keyed hash over all that the link stands for: nobody can guess one, or
tell from one where others are, and the same message has the same codes each time it is rendered. What a code stands
for is in the store (`stores.links.ShortLinks`) before the message leaves.
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from hashlib import blake2b

from messaging.nouns.links import ShortLink
from messaging.rules.tokens import MAX_SLOT, MAX_TURN, VERSION_BYTES, Purpose, SigningKeys, Token

#: Characters of a code: 62 ** 11 is more than 2 ** 65.
LENGTH = 11

#: Channels whose links are short.
CHANNELS = ("sms",)

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase


class LinkShortener:
    """Makes the short links of messages."""

    def __init__(self, keys: SigningKeys, base_url: str) -> None:
        self._key = keys.keys[keys.current]
        self._base = f"{base_url.rstrip('/')}/s/"

    def for_message(self, message_id: str, version: str) -> ShortMessageLinks:
        """The links of one message (32 hex digits), rendered from a template version (32 hex digits)."""
        return ShortMessageLinks(self._base, self._key, message_id, version[: 2 * VERSION_BYTES])


class ShortMessageLinks:
    """The links of one message: `nouns.links.MessageLinks`, short."""

    def __init__(self, base: str, key: bytes, message_id: str, version: str) -> None:
        self._base = base
        self._key = key
        self._message_id = message_id
        self._version = version
        #: Code -> purpose, slot, turn, target.
        self._made: dict[str, tuple[Purpose, int, int, str | None]] = {}

    def click(self, slot: int, turn: int, target: str | None) -> str:
        if not 1 <= slot <= MAX_SLOT:
            raise ValueError(f"link slot {slot}: a template version has at most {MAX_SLOT} links")
        return self._link(Purpose.CLICK, slot, min(turn, MAX_TURN), target)

    def pixel(self) -> str:
        return self._link(Purpose.OPEN)

    def unsubscribe(self) -> str:
        return self._link(Purpose.UNSUBSCRIBE)

    def preferences(self) -> str:
        return self._link(Purpose.PREFERENCES)

    def used(self, texts: Iterable[str]) -> list[ShortLink]:
        """The links that are in a message of these texts: only these need to be kept."""
        # One may also stand inside the address of another.
        shown = "\n".join([*texts, *(target for *_, target in self._made.values() if target)])
        return [
            ShortLink(
                code=code,
                message_id=self._message_id,
                version=self._version,
                purpose=purpose.value,
                slot=slot,
                turn=turn,
                target=target,
            )
            for code, (purpose, slot, turn, target) in self._made.items()
            if code in shown
        ]

    def _link(self, purpose: Purpose, slot: int = 0, turn: int = 0, target: str | None = None) -> str:
        place = f"{self._message_id}\0{self._version}\0{purpose}\0{slot}\0{turn}\0{target or ''}"
        # The place in the hash's own parameters keeps these apart from whatever else the key is used for.
        hashed = blake2b(
            place.encode("utf-8", "replace"), key=self._key[:64], digest_size=16, person=b"messaging short"
        )
        code = _text(int.from_bytes(hashed.digest(), "big"))
        self._made[code] = purpose, slot, turn, target or None
        return self._base + code


def token_of(link: ShortLink) -> Token:
    """What a signed link of the same place says."""
    return Token(
        purpose=Purpose(link.purpose),
        message_id=link.message_id,
        version=link.version,
        slot=link.slot,
        turn=link.turn,
        target=link.target,
    )


def _text(number: int) -> str:
    digits = []
    for _ in range(LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(digits)
