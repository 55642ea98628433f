"""How wide the columns of a table are in a narrow terminal: words stay whole for as long as that can be."""

from __future__ import annotations

from collections.abc import Collection, Sequence

#: A column is not made narrower than this, or its own head, as long as another one can be.
_NARROW = 8


def longest_word(cells: Sequence[str]) -> int:
    """How wide a column must be at least for its words to stay whole."""
    return max((len(word) for cell in cells for word in cell.split()), default=1)


def widths(columns: Sequence[Sequence[str]], room: int, *, solid: Collection[str] = ()) -> list[int]:
    """The width of each column (its cells, the head first), so that all with a blank between them fit into `room`.

    Where words must break, those of the longest break first; heads, and columns with their head in `solid` (what
    people copy), last.
    """
    room -= len(columns) - 1
    words = [longest_word(cells) for cells in columns]
    floors = [
        word if cells[0] in solid else max(longest_word(cells[:1]), min(word, _NARROW))
        for cells, word in zip(columns, words, strict=True)
    ]
    found = list(words)
    copied = [word if cells[0] in solid else 1 for cells, word in zip(columns, words, strict=True)]
    for least in (floors, copied, [1] * len(columns)):
        while sum(found) > room and (spare := _widest(found, least)) is not None:
            found[spare] -= 1
    lines = [max(len(line) for cell in cells for line in cell.split("\n")) for cells in columns]
    while sum(found) < room and (wanting := _widest(lines, found)) is not None:
        found[wanting] += 1
    return found


def _widest(sizes: Sequence[int], beyond: Sequence[int]) -> int | None:
    """Which is furthest beyond its measure; None if none is."""
    index = max(range(len(sizes)), key=lambda index: sizes[index] - beyond[index])
    return index if sizes[index] > beyond[index] else None
