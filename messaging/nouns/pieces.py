"""A rendered part taken apart: what the template wrote, and what the message's own values wrote."""

from __future__ import annotations

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

    @property
    def text(self) -> str:
        """The part."""
        flat = [""] * (len(self.skeleton) + len(self.values))
        flat[::2] = self.skeleton
        flat[1::2] = self.values
        return "".join(flat)
