"""Millions of people in little memory: their ids in order, and whether something was seen before."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator
from itertools import islice

#: Ids that are kept as one text.
PAGE = 1000
_BITS = (1 << 64) - 1


class Ids(Collection[str]):
    """Ids, in order: little more than their letters, where a list of them takes 60 bytes each."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._pages: list[str] = []
        self._length = 0
        rest = iter(ids)
        while page := list(islice(rest, PAGE)):
            self._length += len(page)
            self._pages.append("\0".join(page))  # no id has that in it: `nouns.documents.is_storable`

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[str]:
        for page in self._pages:
            yield from page.split("\0")

    def __contains__(self, id: object) -> bool:
        return any(id == each for each in self)


class Seen:
    """Texts that were seen, in some twenty bytes each.

    Known by 64 bits of a hash that is another in each process: among a million, two are taken for one once in 37
    million times.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._hashes: dict[int, array[int]] = {}
        for text in texts:
            self.add(text)

    def add(self, text: str) -> bool:
        """Remember it; false if it was seen before."""
        number = hash(text) & _BITS
        some = self._hashes.get(number >> 48)
        if some is None:
            self._hashes[number >> 48] = array("Q", (number,))
            return True
        if number in some:
            return False
        some.append(number)
        return True

    def __contains__(self, text: str) -> bool:
        number = hash(text) & _BITS
        return number in self._hashes.get(number >> 48, ())
