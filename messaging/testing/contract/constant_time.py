"""Whether a signature is compared in constant time: it is handed over as text that notices `==`.

How long a comparison takes cannot be measured reliably; that `hmac.compare_digest` was not used can be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: Characters of the shortest part of a signature that it would be worth guessing letter by letter.
_SHORTEST = 16
#: What cuts a header into its parts: these are watched, too.
_CUTS = (
    "__getitem__", "casefold", "decode", "encode", "lower", "lstrip", "partition", "removeprefix", "removesuffix",
    "replace", "rpartition", "rsplit", "rstrip", "split", "strip", "upper"
)  # fmt: skip


class Watched(str):
    """Text that calls `noticed` when it is found equal to another by `==`, `!=` or `in`."""

    noticed: Callable[[], object]

    def __new__(cls, text: str, noticed: Callable[[], object]) -> Watched:
        made = super().__new__(cls, text)
        made.noticed = noticed
        return made

    def __eq__(self, other: object) -> bool:
        same = str.__eq__(self, other) is True
        _told(self, same)
        return same

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


class WatchedBytes(bytes):
    """The same, as bytes."""

    noticed: Callable[[], object]

    def __new__(cls, data: bytes, noticed: Callable[[], object]) -> WatchedBytes:
        made = super().__new__(cls, data)
        made.noticed = noticed
        return made

    def __eq__(self, other: object) -> bool:
        same = bytes.__eq__(self, other) is True
        _told(self, same)
        return same

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = bytes.__hash__


def _told(part: Watched | WatchedBytes, same: bool) -> None:
    if same and len(part) >= _SHORTEST:
        part.noticed()


def _watched(part: Any, noticed: Callable[[], object]) -> Any:
    """`part`, and what is in it, watched."""
    if isinstance(part, list | tuple):
        return type(part)(_watched(each, noticed) for each in part)
    if isinstance(part, str):
        return Watched(part, noticed)
    return WatchedBytes(part, noticed) if isinstance(part, bytes) else part


def _cutting(whole: Callable[..., Any]) -> Callable[..., Any]:
    def cut(self: Watched | WatchedBytes, *args: Any, **options: Any) -> Any:
        return _watched(whole(self, *args, **options), self.noticed)

    return cut


for _kind, _plain in ((Watched, str), (WatchedBytes, bytes)):
    for _name in _CUTS:
        if hasattr(_plain, _name):
            setattr(_kind, _name, _cutting(getattr(_plain, _name)))
