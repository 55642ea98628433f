"""A rendered part taken apart: what the template wrote, and what the message's own values wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pieces:
    """A part is `skeleton[0] + values[0] + skeleton[1] + … + skeleton[-1]`: there is one value less.

    Messages whose skeletons are the same differ in their values only: a provider can be given the skeleton once. A
    value is as it stands in the part, escaped for it. What the template wrote may count as a value; a value only counts
    as the template's where it is one of its own texts.
    """

    skeleton: tuple[str, ...]
    values: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there is anything in it."""
        return any(self.skeleton) or any(self.values)

    @property
    def text(self) -> str:
        """The part."""
        flat = [""] * (len(self.skeleton) + len(self.values))
        flat[::2] = self.skeleton
        flat[1::2] = self.values
        return "".join(flat)


class Joined(Mapping[str, str]):
    """The parts of a message that are in pieces, by name: each is joined when it is asked for."""

    __slots__ = ("pieces",)

    def __init__(self, pieces: Mapping[str, Pieces]) -> None:
        self.pieces = pieces

    def __getitem__(self, name: str) -> str:
        return self.pieces[name].text

    def __contains__(self, name: object) -> bool:
        return name in self.pieces

    def __iter__(self) -> Iterator[str]:
        return iter(self.pieces)

    def __len__(self) -> int:
        return len(self.pieces)

    def __repr__(self) -> str:
        return repr(dict(self))
