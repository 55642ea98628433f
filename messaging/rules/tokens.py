"""Signed links: what stands in a message's links, and how it is read back.

One keyed computation a message (SHAKE-256, an extendable output cut in pieces) gives every place a tag of its
own: the open pixel, the unsubscribe page, the preferences page and each link slot. So no token opens another
place, and ten links cost little more than one. A token is 45 bytes in base64url, 60 characters:

    key id 1 | message id 16 | version 7 | place and turn 3 | tag 18 | target, if known only when sending

A static target is not in the token: the template version has it. A dynamic one travels in the token, under a
tag over it. Nobody can make a token that leads elsewhere.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from binascii import b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b, shake_256
from hmac import compare_digest

from messaging.errors import TokenError

#: Bytes of a version's hash that a token carries: enough to find it among those a shop ever sent.
VERSION_BYTES = 7
#: Slots and turns a token can tell apart; turns beyond are counted with the last.
MAX_SLOT = 4000
MAX_TURN = 4095

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_TAG = 18
_HEAD = 1 + 16 + VERSION_BYTES
_FIXED = _HEAD + 3 + _TAG
#: Places whose tags come from one keyed computation: the pages, the pixel and a message's first 13 links.
_BLOCK = 16
#: Longest token: a dynamic target of more than that would not fit into mail or a request line.
_MAX_TOKEN = 6000


class Purpose(StrEnum):
    """What a token is for. The value is the first part of its address's path."""

    CLICK = "c"
    OPEN = "o"
    UNSUBSCRIBE = "u"
    PREFERENCES = "p"


_PLACES = {Purpose.OPEN: 0, Purpose.UNSUBSCRIBE: 1, Purpose.PREFERENCES: 2}
#: The place of slot 0; slots count from 1.
_FIRST_LINK = 2
#: Purposes whose links work for ever, also under a key that is retired.
_FOR_EVER = frozenset({Purpose.UNSUBSCRIBE, Purpose.PREFERENCES})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SigningKeys:
    """The keys that links are signed with, by id (0 to 255), 32 bytes or more each."""

    current: int
    keys: Mapping[int, bytes]
    #: Ids whose click and open links are refused; withdrawing and choosing still work, they never expire.
    retired: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token that was read and is ours."""

    purpose: Purpose
    message_id: str
    #: The first 14 hex digits of the template version.
    version: str
    #: 0 unless it is a click.
    slot: int = 0
    turn: int = 0
    #: None: the version knows it.
    target: str | None = None

    @property
    def place(self) -> str:
        """The slot as reports name it: `3`, or `3.2` for the second time round a loop."""
        return f"{self.slot}.{self.turn + 1}" if self.turn else str(self.slot)


class LinkSigner:
    """Makes the links of messages."""

    def __init__(self, keys: SigningKeys, base_url: str) -> None:
        self.keys = keys
        self.base_url = base_url.rstrip("/")
        self._key = keys.keys[keys.current]

    def for_message(self, message_id: str, version: str) -> SignedLinks:
        """The links of one message (32 hex digits), rendered from a template version (32 hex digits)."""
        return SignedLinks(self.base_url, self.keys.current, self._key, message_id, version)


class SignedLinks:
    """The links of one message: `nouns.links.MessageLinks`, signed."""

    def __init__(self, base: str, key_id: int, key: bytes, message_id: str, version: str) -> None:
        self._base = base
        self._key = key
        self._head = bytes((key_id,)) + bytes.fromhex(message_id + version[: 2 * VERSION_BYTES])
        self._head_text = _encode(self._head)
        self._first_pieces = _pieces(key, self._head, 0)
        self._first_tags = _encode(self._first_pieces)
        self._click = f"{base}/c/{self._head_text}"

    def click(self, slot: int, turn: int, target: str | None) -> str:
        place = slot + _FIRST_LINK
        if turn == 0 and target is None and _FIRST_LINK < place < _BLOCK:
            return self._click + _PLACE_TEXTS[place] + self._first_tags[24 * place : 24 * place + 24]
        if not 1 <= slot <= MAX_SLOT:
            raise ValueError(f"link slot {slot}: a template version has at most {MAX_SLOT} links")
        turn = min(turn, MAX_TURN)
        data = (target or "").encode("utf-8", "replace")
        block, index = divmod(place, _BLOCK)
        pieces = _pieces(self._key, self._head, block) if block else self._first_pieces
        tag = _tag(self._key, pieces[index * _TAG : (index + 1) * _TAG], turn, data)
        return f"{self._click}{_encode(_place_bytes(place, turn) + tag + data)}"

    def pixel(self) -> str:
        return f"{self._base}/o/{self._page(Purpose.OPEN)}.gif"

    def unsubscribe(self) -> str:
        return f"{self._base}/u/{self._page(Purpose.UNSUBSCRIBE)}"

    def preferences(self) -> str:
        return f"{self._base}/p/{self._page(Purpose.PREFERENCES)}"

    def _page(self, purpose: Purpose) -> str:
        place = _PLACES[purpose]
        return self._head_text + _PLACE_TEXTS[place] + self._first_tags[24 * place : 24 * place + 24]


def read_token(keys: SigningKeys, purpose: Purpose, text: str) -> Token:
    """Read a token that came in through the address of `purpose`.

    Raises:
        TokenError: it is not one of ours for this purpose; always in the same words.
    """
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) <= _MAX_TOKEN else b""
        if len(data) < _FIXED or _encode(data) != text:
            raise _refused()
        key = keys.keys.get(data[0])
        head, tag, target = data[:_HEAD], data[_HEAD + 3 : _FIXED], data[_FIXED:]
        place, turn = divmod(int.from_bytes(data[_HEAD : _HEAD + 3], "big"), MAX_TURN + 1)
        # Computed for an unknown key and for a wrong place too, so that the time tells nothing.
        block, index = divmod(place, _BLOCK)
        piece = _pieces(key or bytes(32), head, block)[index * _TAG : (index + 1) * _TAG]
        known = compare_digest(tag, _tag(key or bytes(32), piece, turn, target))
        retired = data[0] in keys.retired and purpose not in _FOR_EVER
        if not known or key is None or retired or not _belongs(purpose, place, turn, target):
            raise _refused()
        return Token(
            purpose=purpose,
            message_id=head[1:17].hex(),
            version=head[17:].hex(),
            slot=max(0, place - _FIRST_LINK),
            turn=turn,
            target=target.decode("utf-8") if target else None,
        )
    except (Base64Error, ValueError):
        raise _refused() from None


def _refused() -> TokenError:
    return TokenError(
        "this link is not one of ours", hint="it may have been cut short: open it from the message itself"
    )


def _belongs(purpose: Purpose, place: int, turn: int, target: bytes) -> bool:
    """Whether a place is one that the purpose has."""
    if purpose is Purpose.CLICK:
        return place > _FIRST_LINK
    return place == _PLACES[purpose] and turn == 0 and not target


def _pieces(key: bytes, head: bytes, block: int) -> bytes:
    """A piece for each of 16 places. Keccak may take its key as a prefix (as KMAC does)."""
    return shake_256(b"messaging link tags\0" + key + head + block.to_bytes(2, "big")).digest(_BLOCK * _TAG)


def _tag(key: bytes, piece: bytes, turn: int, target: bytes) -> bytes:
    """The tag of a place: its piece; for later turns and dynamic targets, a tag over these and the piece."""
    if turn == 0 and not target:
        return piece
    # Keyed anew: a piece by itself stands in static links for everybody to see.
    inner = blake2b(piece, key=key[:64], digest_size=_TAG, person=b"messaging links")
    inner.update(turn.to_bytes(2, "big") + target)
    return inner.digest()


def _place_bytes(place: int, turn: int) -> bytes:
    return (place * (MAX_TURN + 1) + turn).to_bytes(3, "big")


def _encode(data: bytes) -> str:
    """In base64url, without padding (RFC 4648, section 5)."""
    return b2a_base64(data, newline=False).translate(_URL_SAFE).rstrip(b"=").decode("ascii")


_PLACE_TEXTS = tuple(_encode(_place_bytes(place, 0)) for place in range(_BLOCK))
